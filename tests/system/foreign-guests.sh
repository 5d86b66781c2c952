# SPDX-License-Identifier: BSD-2-Clause
# What the cases foreign-* share.

# need_foreign FILE...: skips the case unless these guests are there, and says why they are not.
need_foreign() {
    foreign=build/guests/foreign
    for guest in "$@"; do
        if [ ! -s "$foreign/$guest" ]; then
            reason=
            if [ -f "$foreign/missing" ]; then
                reason=$(sed -n -e "s/^$guest: //p" -e 's/^all: //p' "$foreign/missing")
            fi
            skip "there is no $guest: ${reason:-not fetched yet}; make foreign-guests fetches it"
        fi
    done
}

# fly_mach NAME FILE: flies a GNU Mach as far as it comes without a Hurd.
fly_mach() {
    fly "$1" "$2" 600 --until 'mach:No bootstrap code loaded with the kernel!'
    expect_status 0
    expect_lines mach '^biosmem: 0+100000:0+4000000, available' -eq 1
    expect_lines mach '^RTC time is 2[0-9]{3}-' -eq 1
    expect vms.mach.report.ticks.pit.delivered -gt 0
    expect vms.mach.starts -eq 1
}
