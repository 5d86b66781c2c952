# SPDX-License-Identifier: BSD-2-Clause
# What net-pci.case and net-mmio.case share. Each Linux pings each RTOS and sends it datagrams of random sizes
# and contents, which all come back, once, in order and unchanged. The machines are busy, so
# that no tick is lost is for other cases to see; here the account of the ticks has to balance.

# fly_shells SHELL...: those of the Linux guests. First each says what its card looks like: where it
# is, whether VERSION_1 was negotiated, and what BAR 0 is.
fly_shells() {
    look='cd /sys/class/net/eth0/device; echo "card" $(readlink -f .) version=$(cut -c33 features) $(head -n1 ../resource)'
    try='for n in 1 2 3; do i=192.168.19.10$n; ping -q -c 3 -W 60 $i && nettool udp $i 200 8 && echo "passed" $n; done'
    linuxes=$*
    # Time by instructions, 1 ns each: whether a CPU has too much to do must not depend on what else the host does.
    export BULKHEAD_ICOUNT=1
    set --
    for shell in $linuxes; do
        set -- "$@" --type "linux-$shell:linux# =>$look; $try; echo \"all\" done" --until "linux-$shell:all done"
    done
    fly run "$here/$name.conf" 900 "$@"
    expect_status 0
    expect ended.why = untils-met
    for shell in $linuxes; do
        for n in 1 2 3; do
            expect_lines "linux-$shell" "^passed $n\$" -eq 1
        done
        expect_no_line "linux-$shell" 'Kernel panic|BUG:|Oops'
        expect "vms.linux-$shell.report.net.0.breaks" -eq 0
        expect "vms.linux-$shell.report.net.0.tx_malformed" -eq 0
    done
    for shell in block mmio mmio-legacy; do
        expect_balance "rtos-$shell" lapic
        expect "vms.rtos-$shell.report.ticks.lapic.merged" -eq 0
        expect_lines "rtos-$shell" '^demo653: net .* full=0 faults=0 ' -ge 2
        expect "vms.rtos-$shell.report.net.0.breaks" -eq 0
    done
    expect_lines rtos-block '^net: legacy register block at ' -eq 1
    expect_lines rtos-mmio '^net: virtio-mmio v2 at ' -eq 1
    expect_lines rtos-mmio-legacy '^net: virtio-mmio v1 at ' -eq 1
}
