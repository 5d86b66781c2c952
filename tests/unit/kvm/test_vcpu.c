/* SPDX-License-Identifier: BSD-2-Clause
 * What of hosts/kvm can be asked without /dev/kvm: the guest's TSC. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <x86intrin.h>

#include "kvm/vcpu.h"

static void the_guests_tsc_follows_the_hosts(void **state)
{
    (void)state;
    struct kvm_machine m = KVM_MACHINE_CLOSED;
    m.tsc_offset = 0u - __rdtsc();
    uint64_t first = kvm_guest_tsc(&m);
    uint64_t second = kvm_guest_tsc(&m);
    assert_true(first < 1ull << 40);
    assert_true(second > first);
}

static void it_never_runs_backwards_when_the_hosts_does(void **state)
{
    (void)state;
    struct kvm_machine m = KVM_MACHINE_CLOSED;
    uint64_t before = 1ull << 50;
    m.tsc_offset = before - __rdtsc();
    assert_true(kvm_guest_tsc(&m) >= before);
    m.tsc_offset -= 1000000000u; /* as if the host's counter had gone back */
    uint64_t last = m.tsc_last;
    assert_true(kvm_guest_tsc(&m) >= last);
    m.tsc_offset = 0u - __rdtsc() - before; /* as if it had begun anew: below 0 */
    last = m.tsc_last;
    assert_true(kvm_guest_tsc(&m) - last < 1000000000u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guests_tsc_follows_the_hosts),
        cmocka_unit_test(it_never_runs_backwards_when_the_hosts_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
