#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# System tests: each case boots guests for real, on KVM or in the simulated machine, and looks at
# their consoles and at the summary of the run.
#
#   tests/system/run.sh             all cases
#   tests/system/run.sh CASE...     these: a case is tests/system/CASE.case
#
# BULKHEAD_TEST_MACHINE=kvm or simulated chooses the machine (otherwise: auto).
# Everything a case leaves behind is in build/system/CASE: what `bulkhead run` printed in NAME.txt,
# its summary in NAME.json and NAME.values, the consoles in NAME.log/. Status 0: nothing failed.
#
# A case is a list of calls of the functions below and in tests/expect.sh. A check that fails is noted, and the case goes on.
set -u

cd "$(dirname "$0")/../.." || exit 2
. tests/expect.sh
here=tests/system
bulkhead=build/bulkhead
machine=${BULKHEAD_TEST_MACHINE:-auto}
# KVM decodes device accesses, and our decoder looks over its shoulder, at every one
# (hosts/kvm/shadow.h). With 0 it does not.
BULKHEAD_SHADOW=${BULKHEAD_SHADOW:-1}
export BULKHEAD_SHADOW

# --- What cases call ----------------------------------------------------------------------------

# skip WHY: this case cannot be tried here.
skip() {
    echo "$*" >"$out/skipped"
    exit 0
}

# fly NAME FILE SECONDS [OPTION...]: bulkhead run FILE --for SECONDS, which must end by itself.
# SECONDS is only there to bound it; machine and VMs may take their time to start on top of it.
fly() {
    run=$out/$1
    file=$2
    seconds=$3
    shift 3
    rm -rf "$run".*
    timeout -k 10 $((seconds + 180)) "$bulkhead" run "$file" --for "$seconds" \
        --machine "$machine" --no-input --color never --log "$run.log" --json "$run.json" "$@" \
        >"$run.txt" 2>&1 </dev/null
    status=$?
    case $status in
    124 | 137) fail "$file: did not end by itself" ;;
    esac
    : >"$run.values"
    if [ -s "$run.json" ]; then
        awk -f "$here/json.awk" "$run.json" >"$run.values" || fail "$run.json: cannot be read"
    fi
    expect_no_mismatch
}

# expect_no_mismatch: our decoder agreed with KVM about every device access of every VM, in each of its starts.
expect_no_mismatch() {
    for found in $(sed -n 's/^\(vms\..*\.report\.shadow\.mismatches=[1-9].*\)$/\1/p' "$run.values"); do
        vm=${found%%.report.*}
        fail "the shadow decoder differs: $found, the last at rip $(value "$vm.report.shadow.last_rip")," \
            "address $(value "$vm.report.shadow.last_gpa"), size $(value "$vm.report.shadow.last_size")," \
            "write $(value "$vm.report.shadow.last_write"), bytes $(value "$vm.report.shadow.last_bytes")"
    done
    [ "$BULKHEAD_SHADOW" != 0 ] || return 0
    for found in $(sed -n 's/^\(vms\..*\.report\.exits\.mmio=.*\)$/\1/p' "$run.values"); do
        at=${found%%.exits.*}.shadow
        expect "$at.compared" -ge "$((${found##*=} + $(value "$at.earlier")))"
    done
}

# expect_shadow VM N: so many device accesses of it were compared at least.
expect_shadow() {
    if [ "$BULKHEAD_SHADOW" != 0 ]; then
        expect "vms.$1.report.shadow.compared" -ge "$2"
    fi
}

# value PATH: what the summary says there, vms.NAME.report.interrupts for example.
value() {
    awk -v path="$1" 'index($0, path "=") == 1 { print substr($0, length(path) + 2) }' "$run.values"
}

# expect PATH OPERATOR WANTED: OPERATOR is one of test(1).
expect() {
    found=$(value "$1")
    if [ -z "$found" ]; then
        fail "the summary has no $1"
    elif ! test "$found" "$2" "$3"; then
        fail "$1 is $found, not $2 $3"
    fi
}

# expect_status WANTED: how bulkhead run ended.
expect_status() {
    if [ "$status" -ne "$1" ]; then
        fail "exit status $status, not $1"
    fi
}

# console VM: its console, line by line; what was cut off by the end of the run is left out.
console() {
    if [ -f "$run.log/$1.log" ]; then
        { tr -d '\r' <"$run.log/$1.log" && echo; } |
            awk 'NR > 1 { print line } { line = $0 }'
    fi
}

# expect_said PATTERN: something that bulkhead run printed.
expect_said() {
    if ! grep -E -q -e "$1" "$run.txt"; then
        fail "bulkhead run did not say '$1'"
    fi
}

# reports VM FIELD: that field of each of demo653's reports.
reports() {
    console "$1" | awk -v field="$2=" '/^demo653: tick=/ {
        for (i = 1; i <= NF; i++) {
            if (index($i, field) == 1) {
                print substr($i, length(field) + 1) + 0
            }
        }
    }'
}

# expect_reports VM N FIELD OPERATOR WANTED: at least N reports, and the field so in all of them.
expect_reports() {
    seen=0
    for found in $(reports "$1" "$3"); do
        seen=$((seen + 1))
        if ! test "$found" "$4" "$5"; then
            fail "$1: report $seen has $3=$found, not $4 $5"
            return
        fi
    done
    if [ "$seen" -lt "$2" ]; then
        fail "$1: $seen reports with $3=, not $2"
    fi
}

# expect_no_loss VM N: at least N reports of a machine that lost no tick, now or before, and invented
# none; and the summary's account of the ticks balances and has none merged. (A timer that had to be
# started again gave up what its first attempt was owed: that counts as merged.)
expect_no_loss() {
    expect_reports "$1" "$2" lost -le 1
    expect_reports "$1" "$2" lost -ge -1
    expect_reports "$1" "$2" max_lost -le 1
    expect_reports "$1" "$2" fpu_errors -eq 0
    expect_reports "$1" "$2" breaches -eq 0
    if console "$1" | grep -q 'timer: started at attempt 1,'; then
        expect "vms.$1.report.ticks.lapic.merged" -eq 0
    fi
    expect_balance "$1" lapic
}

# expect_balance VM TIMER: due = delivered + backlog + merged.
expect_balance() {
    at=vms.$1.report.ticks.$2
    expect "$at.delivered" -gt 0
    sum=$(($(value "$at.delivered") + $(value "$at.backlog") + $(value "$at.merged")))
    expect "$at.due" -eq "$sum"
}

# --- The runner ---------------------------------------------------------------------------------

# show CASE: what failed, and where to look.
show() {
    sed 's/^/    /' "$out/failures"
    for text in "$out"/*.txt; do
        if [ -f "$text" ]; then
            echo "    --- the end of $text"
            tail -n 40 "$text" | sed 's/^/    | /'
        fi
    done
    echo "    everything is in $out"
}

try() {
    name=$1
    out=build/system/$name
    rm -rf "$out"
    mkdir -p "$out" || exit 2
    printf 'system: %s ... ' "$name"
    begin=$(date +%s)
    (. "$here/$name.case") >"$out/output" 2>&1 || fail "$name.case ended with status $?"
    if [ -s "$out/output" ]; then
        fail "$name.case: $(head -n 1 "$out/output")"
    fi
    took=$(($(date +%s) - begin))
    if [ -s "$out/failures" ]; then
        echo "FAILED ($took s)"
        show
        failed=$((failed + 1))
    elif [ -s "$out/skipped" ]; then
        echo "skipped: $(cat "$out/skipped")"
        skipped=$((skipped + 1))
    else
        echo "ok ($took s)"
        passed=$((passed + 1))
    fi
}

passed=0
failed=0
skipped=0
if [ ! -x "$bulkhead" ]; then
    echo "system: there is no $bulkhead: call make first" >&2
    exit 2
fi
if [ $# -eq 0 ]; then
    for file in "$here"/*.case; do
        set -- "$@" "$(basename "$file" .case)"
    done
fi
for name in "$@"; do
    if [ ! -f "$here/$name.case" ]; then
        echo "system: there is no case $name: see $here/*.case" >&2
        exit 2
    fi
done
for name in "$@"; do
    try "$name"
done
echo "system: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
