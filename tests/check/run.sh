#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The checker against good and bad system files and frozen images: each must give exactly the exit
# status and the messages that its .expect file has.
#
#   tests/check/run.sh BULKHEAD WORK-DIRECTORY            compare
#   tests/check/run.sh BULKHEAD WORK-DIRECTORY --accept   write the .expect files anew (then read them!)
set -u

bulkhead=$(realpath "$1")
work=$2
accept=${3:-}
tests=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$tests/../.." && pwd)
count=0
failed=0

# Everything runs in a copy, so that messages have the same paths everywhere.
rm -rf "$work"
mkdir -p "$work/systems" "$work/build/guests/linux"
cp -R "$tests/good" "$tests/bad" "$tests/files" "$work"
cp "$top"/systems/*.conf "$work/systems"
for guest in build/guests/demo653.elf build/guests/linux/vmlinuz \
    build/guests/linux/initrd.cpio.gz systems/deosBoot.exe systems/composite.darc; do
    cp "$work/files/kernel" "$work/$guest"
done
cd "$work" || exit 2
here=$(pwd -P)

# What differs from host to host gets a name.
normalise() {
    sed -e "s|$here|HERE|g" \
        -e 's/this host has [0-9.]* [KMGT]iB/this host has HOST-RAM/' \
        -e 's/\(this host has no CPU [0-9]*, only 0 to\) [0-9]*/\1 LAST-CPU/' \
        -e 's/so it runs on CPU [0-9]*/so it runs on CPU FOLDED/' \
        -e 's/checksum [0-9a-f]\{8\}/checksum CRC/' \
        -e '/warning: .* this host has no CPU [0-9],/d'
}

# expect FILE COMMAND...: status, stdout and stderr of the command must be those in FILE.
expect() {
    expected=$1
    shift
    count=$((count + 1))
    "$@" >out.stdout 2>out.stderr
    status=$?
    {
        echo "exit $status"
        normalise <out.stdout
        normalise <out.stderr
    } >out
    if [ "$accept" = --accept ]; then
        cp out "$expected"
    elif ! diff -u "$expected" out; then
        echo "FAILED: $*"
        failed=$((failed + 1))
    fi
}

for conf in good/*.conf bad/*.conf systems/*.conf; do
    case $conf in
    systems/*) expected=$tests/calls/$(basename "$conf" .conf).expect ;;
    *) expected=$tests/${conf%.conf}.expect ;;
    esac
    expect "$expected" "$bulkhead" check "$conf"
done

# Who can reach what under seL4.
expect "$tests/calls/rights.expect" "$bulkhead" check --rights good/sel4.conf

# What an installed seL4 may lack: configurations in one way wrong each, made from a sound one.
prefix() {
    mkdir -p "$1/bin" "$1/libsel4/include/kernel" "$1/libsel4/include/sel4"
    echo >"$1/bin/kernel.elf"
    echo '#define seL4_UserVSpaceTop 1' >"$1/libsel4/include/sel4/sel4.h"
    cat >"$1/libsel4/include/kernel/gen_config.h"
}
sound_sel4() {
    printf '#define CONFIG_%s\n' 'SEL4_ARCH  x86_64' 'KERNEL_MCS  1' 'VTX  1' 'X86_64_VTX_64BIT_GUESTS  1' \
        'MAX_NUM_NODES  1' 'IRQ_IOAPIC  1' 'SYSCALL  1' 'MULTIBOOT2_HEADER  1' \
        'MAX_NUM_BOOTINFO_UNTYPED_CAPS  230'
}
sound_sel4 | prefix sel4-sound
sound_sel4 | grep -v 'VTX' | prefix sel4-no-vtx
sound_sel4 | grep -v 'MCS' | sed 's/NODES  1/NODES  4/; s/230/4096/' | prefix sel4-classic
sound_sel4 | sed 's/x86_64/aarch64/' | prefix sel4-arm
{ sound_sel4; echo '#define CONFIG_SUPPORT_PCID  1'; } | prefix sel4-old
echo >sel4-old/libsel4/include/sel4/sel4.h
rm sel4-old/bin/kernel.elf
mkdir sel4-empty
echo >sel4-empty/file
for name in sound no-vtx classic arm old empty missing; do
    expect "$tests/calls/sel4-prefix-$name.expect" "$top/tools/sel4-prefix" "sel4-$name"
done
expect "$tests/calls/sel4-prefix-unset.expect" "$top/tools/sel4-prefix" ""

# Not even text.
mkdir directory
: >empty.conf
printf 'vms = (\000);\n' >zero.conf
head -c 1048577 /dev/zero | tr '\000' ' ' >huge.conf
for name in directory empty.conf zero.conf huge.conf missing.conf /dev/null; do
    expect "$tests/calls/file-$(basename "$name" .conf).expect" "$bulkhead" check "$name"
done

# Frozen images: sound, then damaged in one way each.
expect "$tests/calls/pack.expect" "$bulkhead" pack good/everything.conf -o image
expect "$tests/calls/pack-check.expect" "$bulkhead" check image
expect "$tests/calls/pack-no-files.expect" "$bulkhead" pack --no-files good/smallest.conf -o small
expect "$tests/calls/pack-no-files-check.expect" "$bulkhead" check small
"$bulkhead" pack systems/flightdeck.conf -o again >out || failed=$((failed + 1))
(cd systems && "$bulkhead" pack flightdeck.conf -o ../again2 >../out) || failed=$((failed + 1))
expect "$tests/calls/pack-repeatable.expect" cmp again again2

# change NAME OFFSET OCTAL-BYTE: a copy of the image with one byte changed.
change() {
    cp image "$1"
    printf "\\$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
bytes=$(wc -c <image)
change image-magic 0 000
change image-version 8 377
change image-length 20 001
change image-flipped 40 001
change image-flipped-end $((bytes - 1)) 377
head -c $((bytes - 1)) image >image-cut
head -c 1000 image >image-cut-head
head -c 10 image >image-cut-magic
for name in magic version length flipped flipped-end cut cut-head cut-magic; do
    expect "$tests/calls/image-$name.expect" "$bulkhead" check "image-$name"
done

# Calls.
expect "$tests/calls/no-file.expect" "$bulkhead" check
expect "$tests/calls/two-files.expect" "$bulkhead" check a b
expect "$tests/calls/bad-option.expect" "$bulkhead" check --loud good/smallest.conf
expect "$tests/calls/quiet.expect" "$bulkhead" check -q good/folded-cpu.conf
expect "$tests/calls/no-command.expect" "$bulkhead"
expect "$tests/calls/unknown-command.expect" "$bulkhead" chek good/smallest.conf
expect "$tests/calls/version.expect" "$bulkhead" --version
expect "$tests/calls/help-check.expect" "$bulkhead" help check
expect "$tests/calls/help-pack.expect" "$bulkhead" pack --help
expect "$tests/calls/pack-no-output.expect" "$bulkhead" pack good/smallest.conf
expect "$tests/calls/pack-nowhere.expect" "$bulkhead" pack good/smallest.conf -o nowhere/image
expect "$tests/calls/pack-directory.expect" "$bulkhead" pack good/smallest.conf -o directory
ln -s /dev/null device
expect "$tests/calls/pack-device.expect" "$bulkhead" pack good/smallest.conf -o device
expect "$tests/calls/pack-bad.expect" "$bulkhead" pack bad/same-name.conf -o image-of-bad
expect "$tests/calls/pack-bad-nothing.expect" test ! -e image-of-bad

# The manual must name every key and word that the command knows.
"$bulkhead" help system-file | sed -n 's/^  \([a-z_]\{1,\}\) .*/\1/p; s/^ *\("[a-z-]*"\): .*/\1/p' |
    sort -u >known
count=$((count + 1))
while read -r word; do
    if ! grep -q -- "\`$word\`" "$top/docs/manual/system-file.md"; then
        echo "FAILED: docs/manual/system-file.md does not explain $word"
        failed=$((failed + 1))
    fi
done <known
[ "$(wc -l <known)" -gt 30 ] || failed=$((failed + 1))

echo "check-files: $((count - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
