# SPDX-License-Identifier: BSD-2-Clause
# From a trace of Bochs's debugger, between the marks of bench/exits.c: what each kind of exit took, and whose
# instructions they were. `kinds` are theirs, in the guest's order; `files` has "ADDRESS FILE" for each address
# of ours.
#
# An exit is all from the guest's last instruction to its next. The kernel's way out of the guest ends where we
# begin; its way in is the last call, VMEnter; what lies between are calls for something.

BEGIN {
    count = split(kinds, kind, " ")
    while ((getline line < files) > 0) {
        split(line, word, " ")
        core[word[1]] = word[2] ~ /(^|\/)src\//
    }
    say["cpuid"] = "CPUID"
    say["port_write"] = "port write (a UART's register)"
    say["port_read"] = "port read (the same)"
    say["port_nobody"] = "port read where no device is"
    say["mmio_write"] = "MMIO write where no device is"
    say["mmio_read"] = "MMIO read there"
    say["eoi"] = "LAPIC EOI"
    in_guest = 1
}

# The shortest of its kind stands; in a longer one an interrupt of the kernel's came.
function end_exit(   all) {
    all = out + host + of_core + inside + kernel
    if (ours && (!(now in least) || all < least[now])) {
        least[now] = all
        row[now] = sprintf("%d | %d | %d | %d | %d in %d | %d", all, out, host, of_core, inside, calls, kernel)
    }
}

/Magic breakpoint/ {
    marks++
    now = int((marks + 1) / 2)
    in_guest = 1
    next
}

/^\(0\)\.\[/ {
    split($3, at, ":")
    user = at[1] ~ /[37b]$/
    if (!user && at[2] !~ /^ffffffff/) {
        if (!in_guest) {
            end_exit()
        }
        in_guest = 1
        next
    }
    if (in_guest) {
        in_guest = ours = out = host = of_core = inside = calls = kernel = 0
    }
    if (!user) {
        kernel++
        next
    }
    if (!ours) {
        out = kernel
    } else if (kernel > 0) {
        inside += kernel
        calls++
    }
    ours = 1
    kernel = 0
    if (core[at[2]]) {
        of_core++
    } else {
        host++
    }
}

END {
    print "| exit | all | kernel, out of the guest | our host | the core | kernel calls | kernel, into the guest |"
    print "|---|--:|--:|--:|--:|--:|--:|"
    for (k = 1; k <= count; k++) {
        printf "| %s | %s |\n", say[kind[k]], k in row ? row[k] : "not seen"
    }
}
