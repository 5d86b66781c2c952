/* SPDX-License-Identifier: BSD-2-Clause
 * What of hosts/kvm can be asked without /dev/kvm: the guest's TSC. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
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

/* What KVM's emulator gave up on is told, however much of it there is. */
static void an_instruction_that_kvm_cannot_emulate_is_named(void **state)
{
    (void)state;
    static struct kvm_run run;
    const uint8_t paddd[] = {0x66, 0x0F, 0xFE, 0x03};
    struct kvm_machine m = KVM_MACHINE_CLOSED;
    char text[80];
    m.run = &run;
    run.exit_reason = KVM_EXIT_INTERNAL_ERROR;
    run.emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
    run.emulation_failure.ndata = 3;
    run.emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
    run.emulation_failure.insn_size = sizeof(paddd);
    memcpy(run.emulation_failure.insn_bytes, paddd, sizeof(paddd));
    kvm_failed_instruction(&m, text, sizeof(text));
    assert_string_equal(text, ", instruction bytes 66 0f fe 03");
    char small[26];
    kvm_failed_instruction(&m, small, sizeof(small));
    assert_string_equal(small, ", instruction bytes 66 0f");
    run.emulation_failure.insn_size = 255; /* more than there is room for */
    kvm_failed_instruction(&m, text, sizeof(text));
    assert_int_equal(strlen(text), strlen(", instruction bytes") + 15u * 3u);
    run.emulation_failure.flags = 0;
    kvm_failed_instruction(&m, text, sizeof(text));
    assert_string_equal(text, "");
    run.exit_reason = KVM_EXIT_FAIL_ENTRY;
    run.emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
    kvm_failed_instruction(&m, text, sizeof(text));
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guests_tsc_follows_the_hosts),
        cmocka_unit_test(an_instruction_that_kvm_cannot_emulate_is_named),
        cmocka_unit_test(it_never_runs_backwards_when_the_hosts_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
