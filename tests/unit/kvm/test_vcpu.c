/* SPDX-License-Identifier: BSD-2-Clause
 * What of hosts/kvm can be asked without /dev/kvm: the guest's TSC, and what an exit leaves in KVM's page. */
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

/* KVM numbers its registers otherwise than instructions do. */
static void registers_that_an_exit_brought_have_our_numbers(void **state)
{
    (void)state;
    static struct kvm_run run;
    static struct vcpu_regs regs;
    struct kvm_machine m = KVM_MACHINE_CLOSED;
    m.run = &run;
    assert_false(kvm_regs_share(&m)); /* no KVM, no registers */
    assert_int_equal(run.kvm_valid_regs, 0);
    run.s.regs.regs = (struct kvm_regs){.rcx = 1, .rbx = 3, .rsp = 4, .rdi = 7, .r15 = 15};
    run.s.regs.regs.rip = 0x1234;
    run.s.regs.regs.rflags = RFLAGS_FIXED | RFLAGS_DF;
    run.s.regs.sregs = (struct kvm_sregs){
        .cr0 = CR0_PE, .cr2 = 2, .cr3 = 3, .cr4 = CR4_PAE, .efer = EFER_LMA, .idt.limit = 9};
    run.s.regs.sregs.cs =
        (struct kvm_segment){.base = 0x10, .type = 11, .s = 1, .present = 1, .l = 1};
    run.s.regs.sregs.gs = (struct kvm_segment){.base = 0x60, .dpl = 3, .g = 1};
    run.s.regs.sregs.tr = (struct kvm_segment){.selector = 8, .unusable = 1};
    kvm_regs_share_sys(&m, true);
    kvm_regs_shared(&m, &regs);
    for (uint32_t n = 0; n < GPR_COUNT; n++) {
        bool given = n == GPR_RCX || n == GPR_RBX || n == GPR_RSP || n == GPR_RDI || n == GPR_R15;
        assert_int_equal(regs.gpr[n], given ? n : 0);
    }
    assert_int_equal(regs.rip, 0x1234);
    assert_int_equal(regs.rflags, RFLAGS_FIXED | RFLAGS_DF);
    assert_int_equal(regs.seg[SEG_CS].base, 0x10);
    assert_int_equal(regs.seg[SEG_CS].ar, SEG_AR_L | SEG_AR_P | SEG_AR_S | 11u);
    assert_int_equal(regs.seg[SEG_GS].base, 0x60);
    assert_int_equal(regs.seg[SEG_GS].ar, SEG_AR_G | SEG_AR_DPL);
    assert_int_equal(regs.seg[SEG_TR].selector, 8);
    assert_int_equal(regs.seg[SEG_TR].ar, SEG_AR_UNUSABLE);
    assert_int_equal(regs.idtr.limit, 9);
    assert_true(regs.cr0 == CR0_PE && regs.cr2 == 2 && regs.cr3 == 3 && regs.cr4 == CR4_PAE);
    assert_int_equal(regs.efer, EFER_LMA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guests_tsc_follows_the_hosts),
        cmocka_unit_test(an_instruction_that_kvm_cannot_emulate_is_named),
        cmocka_unit_test(registers_that_an_exit_brought_have_our_numbers),
        cmocka_unit_test(it_never_runs_backwards_when_the_hosts_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
