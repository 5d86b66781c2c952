#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Cases that fly under a stock seL4 kernel, on Bochs as an Intel machine, and are judged by the serial text.
#
#   tests/sel4/run.sh PREFIX [CASE...]     a case is tests/sel4/CASE.case; PREFIX is an installed kernel
#
# Without a CASE: all of them, or with SHORT=1 in the environment those that are over in three minutes together.
# Everything a case leaves behind is in build/sel4-check/CASE: serial (the text), bochs.log, the ISO.
# Status 0: nothing failed. One case at a time: a simulated machine takes a CPU for itself.
#
# A case is a list of calls of the functions below and in tests/expect.sh. A check that fails is noted, and the case goes on.
set -u

cd "$(dirname "$0")/../.." || exit 2
. tests/expect.sh
here=tests/sel4
B=${B:-build}
short='guests cr2 rtos'
prefix=${1:-}
[ $# -gt 0 ] && shift

# --- What cases call ----------------------------------------------------------------------------

# machine: Bochs, as it has to be set up; `clock: sync=none` makes the TSC count instructions, IPS of them a
# second of the machine's own time: more of them leave more between two ticks.
# Its log is off: each EPT violation is an error to it. MACHINE is a line more of it.
machine() {
    cat <<END
cpu: model=corei7_haswell_4770, count=1, ips=${IPS:-100000000}
megs: ${MEGS:-1024}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path=system.iso, status=inserted
boot: cdrom
display_library: term
com1: enabled=1, mode=file, dev=serial
clock: sync=none, time0=1767225600
log: bochs.log
info: action=ignore
error: action=ignore
panic: action=fatal
${MACHINE:-}
END
}

# fly FILE SECONDS UNTIL...: the system in FILE, until each of the extended regular expressions UNTIL matches a line
# of the serial text. SECONDS, of this host, only bound it: a machine that is slow is not wrong.
# BREAK has the deliberate defects that it flies with (break.c); normally none.
fly() {
    file=$1
    seconds=$2
    shift 2
    if ! ${MAKE:-make} -s sel4 SEL4_PREFIX="$prefix" SYSTEM="$file" SEL4_ISO="$out/system.iso" \
        SEL4_BREAK="${BREAK:-}" >"$out/make.log" 2>&1; then
        fail "$file: make sel4 failed: $(tail -n 1 "$out/make.log")"
        return
    fi
    machine >"$out/bochsrc"
    printf '%s\n' "${COMMANDS:-c}" >"$out/commands" # it starts in its debugger
    : >"$out/serial"
    # It ignores SIGTERM, and says nothing with its exit status.
    (cd "$out" && TERM=xterm TZ=UTC exec timeout -s KILL "$seconds" bochs -q -f bochsrc -rc commands \
        >screen 2>&1 </dev/null) &
    bochs=$!
    drain &
    while kill -0 "$bochs" 2>/dev/null && [ -n "$(unseen "$@")" ]; do
        sleep 1
    done
    if kill -0 "$bochs" 2>/dev/null; then
        sleep 1 # what stands behind it
        pkill -KILL -P "$bochs"
    fi
    wait "$bochs" 2>/dev/null
    missed=$(unseen "$@")
    [ -z "$missed" ] || fail "$file: no line '$missed' within $seconds s"
    expect_defects
    expect_rights
}

# unseen UNTIL...: the first of them that no line matches.
unseen() {
    for pattern in "$@"; do
        text | grep -E -q -e "$pattern" || { echo "$pattern"; return; }
    done
}

# expect_defects: the ISO has the defects that were asked for, says so, and without them has no trace of them.
expect_defects() {
    defects=$(text | sed -n 's/^bulkhead: NOT FOR FLIGHT: built with deliberate defects: //p')
    [ "$defects" = "${BREAK:-}" ] || fail "the ISO says it has the defects '$defects', not '${BREAK:-}'"
    found=$(nm "$B/sel4/bulkhead.elf" | grep -c '__wrap_\|break_')
    if [ -z "${BREAK:-}" ] && [ "$found" -ne 0 ]; then
        fail "the program has $found symbols of tests/sel4/break.c"
    fi
}

# expect_rights: who holds what, and what each pair of components shares, by the file and as init gave it, is the same.
expect_rights() {
    "$B/bulkhead" check --rights "$file" >"$out/rights.file" 2>"$out/rights.log" ||
        fail "bulkhead check --rights $file: $(tail -n 1 "$out/rights.log")"
    text | grep -E '^(cap|share|apart) ' >"$out/rights.given"
    cmp -s "$out/rights.file" "$out/rights.given" ||
        fail "init gave other rights than the file implies: $(diff "$out/rights.file" "$out/rights.given" | sed -n 2p)"
}

# drain: takes what Bochs writes to the terminal that it opens for its screen. Nobody looks at it, but Bochs
# waits for ever when it is full. Ends with Bochs.
drain() {
    while kill -0 "$bochs" 2>/dev/null; do
        terminal=$(sed -n 's/.*connected to screen "\(.*\)".*/\1/p' "$out/screen" 2>/dev/null)
        [ -c "$terminal" ] && exec cat "$terminal" >/dev/null 2>&1
        sleep 1
    done
}

# text: all that was said, without the kernel's own remarks, colours and carriage returns; guests' bytes that are no
# text show as dots.
text() {
    legible | own
}

legible() {
    tr -d '\r\033' <"$out/serial" | LC_ALL=C tr -c '\n\040-\176' .
}

own() {
    grep -v '<<.*seL4(CPU'
}

# console NAME: what one component said, line by line; what was cut off by the end of the flight is left out. "bulkhead"
# is the root task.
console() {
    { legible && echo; } | sed '$d' | own | sed -n "s/^$1 *| //p"
}

# field NAME PATTERN FIELD: what stands behind "FIELD=" in the last line that matches.
field() {
    console "$1" | grep -E -e "$2" | tail -n 1 | sed -n "s/.*[ ,]$3=\([-0-9]*\).*/\1/p"
}

# expect_field NAME PATTERN FIELD OPERATOR N
expect_field() {
    found=$(field "$1" "$2" "$3")
    if [ -z "$found" ]; then
        fail "$1: no line '$2' with $3="
    elif ! test "$found" "$4" "$5"; then
        fail "$1: $3 is $found, not $4 $5 ('$2')"
    fi
}

# --- Running them --------------------------------------------------------------------------------

# computed: seconds of CPU that the case took, by what `times` said before and after it. How long it takes depends on
# what else the host does; what Bochs computes does not.
computed() {
    cat "$B/sel4-check/times.begun" "$B/sel4-check/times" | awk '
        { split($1 "m" $2, t, "[ms]+") }
        NR == 2 { begun = 60 * (t[1] + t[3]) + t[2] + t[4] }
        NR == 4 { printf "%d", 60 * (t[1] + t[3]) + t[2] + t[4] - begun }'
}

missing() {
    [ -n "$prefix" ] || { echo "SEL4_PREFIX is not given: where a seL4 kernel is installed"; return; }
    [ -r "$prefix/bin/kernel.elf" ] || { echo "there is no kernel at $prefix/bin/kernel.elf"; return; }
}

why=$(missing)
if [ -n "$why" ]; then
    echo "sel4: skipped: $why"
    exit 0
fi
tools/packages sel4 || exit 1
if [ $# -eq 0 ] && [ -n "${SHORT:-}" ]; then
    set -- $short
elif [ $# -eq 0 ]; then
    for case in "$here"/*.case; do
        set -- "$@" "$(basename "$case" .case)"
    done
fi
passed=0
failed=0
for name in "$@"; do
    out=$B/sel4-check/$name
    rm -rf "$out"
    mkdir -p "$out"
    begun=$(date +%s)
    times >"$B/sel4-check/times.begun"
    (. "$here/$name.case")
    times >"$B/sel4-check/times"
    took="$(($(date +%s) - begun)) s, $(computed) s of CPU"
    if [ -s "$out/failures" ]; then
        echo "  $name: FAILED after $took; see $out"
        sed 's/^/    /' "$out/failures"
        failed=$((failed + 1))
    else
        echo "  $name: passed, $took"
        passed=$((passed + 1))
    fi
done
echo "sel4: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
