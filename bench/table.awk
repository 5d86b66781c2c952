# SPDX-License-Identifier: BSD-2-Clause
# The table of the bench, out of lines "MONITOR.GUEST.KEY VALUE...": medians, ratios, goals.

function median(key, n, i, j, v, list) {
    n = split(all[key], list, " ")
    if (n == 0) {
        return ""
    }
    for (i = 2; i <= n; i++) {
        v = list[i] + 0
        for (j = i - 1; j > 0 && list[j] + 0 > v; j--) {
            list[j + 1] = list[j]
        }
        list[j + 1] = v
    }
    return list[int((n + 1) / 2)] + 0
}

function grouped(v, text, out) {
    if (v == "") {
        return "-"
    }
    text = sprintf("%d", v)
    for (out = ""; length(text) > 3; text = substr(text, 1, length(text) - 3)) {
        out = "," substr(text, length(text) - 2) out
    }
    return text out
}

# goal: what ours is to be at most; goal_ratio: what the ratio is to be at most. 0: none.
function row(what, key, goal, goal_ratio, ours, theirs, ratio, said) {
    ours = median("bulkhead." key)
    theirs = median("microvm." key)
    ratio = ours != "" && theirs > 0 ? sprintf("%.2f", ours / theirs) : "-"
    said = ""
    if (goal > 0 && ours != "") {
        said = "at most " grouped(goal) (ours <= goal ? ": met" : ": missed")
    } else if (goal_ratio > 0 && ratio != "-") {
        said = sprintf("ratio at most %.1f: %s", goal_ratio, ours <= goal_ratio * theirs ? "met" : "missed")
    }
    printf "| %s | %s | %s | %s | %s |\n", what, grouped(ours), grouped(theirs), ratio, said
}

# A transfer of 16 MiB, in millions of bytes.
function net_value(monitor, what, mb) {
    mb = 16.777216
    monitor = monitor ".net."
    if (median(monitor "ping.us") == "") {
        return ""
    }
    if (what == "tso" || what == "frames") {
        return mb * 1000000 / median(monitor what ".us")
    }
    if (what == "ping") {
        return median(monitor "ping.us") / 500
    }
    if (what ~ /exits/) {
        return median(monitor substr(what, 1, index(what, ".")) "kvm.exits") / mb
    }
    if (what ~ /interrupts|kicks/) {
        return median(monitor what) / mb
    }
    return (median(monitor "frames.kicks") + median(monitor "frames.interrupts")) / median(monitor "frames.frames")
}

# sign: 1 if ours is to be at least theirs, -1: at most, 0: no goal of that kind. goal: ours at most.
function net_row(text, what, sign, goal, ours, theirs, digits, said) {
    ours = net_value("bulkhead", what)
    theirs = net_value("microvm", what)
    digits = goal > 0 ? "%.3f" : "%.1f"
    said = ""
    if (goal > 0 && ours != "") {
        said = sprintf("below %.1f: %s", goal, ours < goal ? "met" : "missed")
    } else if (sign != 0 && ours != "" && theirs != "") {
        said = sprintf("ratio at %s 1.0: %s", sign > 0 ? "least" : "most", \
            sign * ours >= sign * theirs ? "met" : "missed")
    }
    printf "| %s | %s | %s | %s | %s |\n", text, ours == "" ? "-" : sprintf(digits, ours), \
        theirs == "" ? "-" : sprintf(digits, theirs), \
        ours == "" || theirs == "" ? "-" : sprintf("%.2f", ours / theirs), said
}

{
    all[$1] = all[$1] " " $2
}

function one_machine(  exact) {
    exact = unit == "instructions"
    printf "| %s | Bulkhead | QEMU microvm | ratio | goal |\n|---|--:|--:|--:|---|\n", \
        exact ? "instructions (virtual ns)" : "ns"
    row("start of the monitor to Linux user space", "linux.user_ns", 0, 1.0)
    row("start of the monitor to the first instruction of a small kernel", "exits.first_ns", 0, 0)
    row("a port exit: write to a UART's register", "exits.flat_port_write", exact ? 3000 : 0, 0)
    row("a port exit: read from it", "exits.flat_port_read", exact ? 3000 : 0, 0)
    row("an MMIO exit: write where no device is", "exits.flat_mmio_write", exact ? 4900 : 0, 0)
    row("an MMIO exit: read there", "exits.flat_mmio_read", 0, 0)
    row("a LAPIC EOI (QEMU's is KVM's own)", "exits.flat_eoi", 0, 0)
    row("a CPUID exit, which KVM handles: the floor", "exits.flat_cpuid", 0, 0)
    row("the same with paging on: port write", "exits.port_write", 0, 0)
    row("... port read", "exits.port_read", 0, 0)
    row("... port read where no device is", "exits.port_nobody", 0, 0)
    row("... MMIO write", "exits.mmio_write", 0, 0)
    row("... MMIO read", "exits.mmio_read", 0, 0)
    row("... LAPIC EOI", "exits.eoi", 0, 0)
    row("a LAPIC timer tick, with its EOI and the guest's handler", "exits.tick", 0, 0)
    row("KVM exits until Linux user space (a count)", "linux.kvm.exits", 6000, 0)
    row("of these nested page faults", "linux.kvm.pf_taken", 0, 0)
    row("private memory of all its processes, KiB, without guest RAM", "linux.memory_private_kib", 3072, 0)
    row("the same with shared pages in proportion, KiB", "linux.memory_share_kib", 0, 0)
}

function network() {
    printf "| two Linux guests on one network | Bulkhead | QEMU, tap and bridge | ratio | goal |\n|---|--:|--:|--:|---|\n"
    net_row("TCP, MB in a second", "tso", 1, 0)
    net_row("the same, the sender without TSO: frames of 1514 bytes", "frames", 1, 0)
    net_row("round trip of one byte, us", "ping", -1, 0)
    net_row("KVM exits per MB, both guests", "tso.exits", 0, 0)
    net_row("... without TSO", "frames.exits", 0, 0)
    net_row("kicks per MB, both guests", "tso.kicks", 0, 0)
    net_row("... without TSO", "frames.kicks", 0, 0)
    net_row("card interrupts per MB, both guests", "tso.interrupts", 0, 0)
    net_row("... without TSO", "frames.interrupts", 0, 0)
    net_row("kicks and interrupts per frame, without TSO", "all", 0, 0.2)
}

function most_or_least(key, most, n, i, v, list) {
    n = split(all[key], list, " ")
    v = list[1] + 0
    for (i = 2; i <= n; i++) {
        v = (most == (list[i] + 0 > v)) ? list[i] + 0 : v
    }
    return v
}

# Of a time in us: how far it spreads, as the unit of which there are `per` in a second, or as a part of it.
function spread(text, key, per, whose, key_of, least, most) {
    printf "| %s |", text
    for (whose = 1; whose <= 2; whose++) {
        key_of = (whose == 1 ? "bulkhead.net." : "microvm.net.") key
        least = most_or_least(key_of, 0)
        most = most_or_least(key_of, 1)
        printf(" %.1f to %.1f |", (per > 0 ? per / most : least / -per), (per > 0 ? per / least : most / -per))
    }
    printf "\n"
}

END {
    if (!pairs) {
        one_machine()
        printf "\n"
    }
    network()
    if (pairs) {
        printf "\n| least to most | Bulkhead | QEMU |\n|---|--:|--:|\n"
        spread("TCP, MB in a second", "tso.us", 16777216)
        spread("without TSO", "frames.us", 16777216)
        spread("round trip, us", "ping.us", -500)
    }
}
