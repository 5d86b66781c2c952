/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of device accesses: the classic mistakes, one by one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "emulate_bench.h"

/* --- The classic mistakes, one by one ------------------------------------------------------------- */

static void immediates_are_whole_and_sign_extended(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RAX) = DEVICE;
    assert_int_equal(RUN(b, DEVICE, 0xC7, 0x00, 0x78, 0x56, 0x34, 0x82), EMULATE_DONE);
    assert_int_equal(b->last_size, 4);
    assert_int_equal(b->last_val, 0x82345678);
    b = fresh(DECODE_64);
    *gpr(b, GPR_RAX) = DEVICE;
    assert_int_equal(RUN(b, DEVICE, 0x48, 0xC7, 0x00, 0x78, 0x56, 0x34, 0x82), EMULATE_DONE);
    assert_int_equal(b->last_size, 8);
    assert_int_equal(b->last_val, 0xFFFFFFFF82345678ull);
    assert_int_equal(b->reads, 0); /* a plain store does not read the device */
    assert_int_equal(b->fetches, 1);
    assert_int_equal(b->cache.dirty, REGS_GPR);
}

static void sixteen_bit_code_uses_segments_and_wraps(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_16);
    b->cache.regs.seg[SEG_DS].base = DEVICE - 0x10000;
    b->cache.regs.seg[SEG_SS].base = DEVICE - 0x18;
    *gpr(b, GPR_RBX) = 0x1FFF8; /* only BX counts */
    *gpr(b, GPR_RSI) = 0x18;
    *gpr(b, GPR_RAX) = 0xAABBCCDD;
    assert_int_equal(RUN(b, DEVICE, 0x89, 0x00),
                     EMULATE_ELSEWHERE); /* 0xFFF8 + 0x18 wraps to 0x10 */
    *gpr(b, GPR_RSI) = 0;
    assert_int_equal(RUN(b, DEVICE - 8, 0x89, 0x00), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE - 8);
    assert_int_equal(b->last_val, 0xCCDD);
    b->cache.regs.rip = CODE;
    *gpr(b, GPR_RBP) = 0x1C;
    assert_int_equal(RUN(b, DEVICE, 0x88, 0x66, 0x02),
                     EMULATE_DONE); /* mov [bp+2], ah through SS */
    assert_int_equal(b->last_gpa, DEVICE + 6);
    assert_int_equal(b->last_val, 0xCC);
}

static void code_segment_base_and_instruction_pointer_wrap(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    b->cache.regs.seg[SEG_CS].base = CODE - 0x100;
    b->cache.regs.rip = 0x100;
    assert_int_equal(RUN(b, DEVICE, 0xA1, 0x00, 0x00, 0x00, 0x10), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, 0x105);
    b->cache.regs.rip = 0xFFFFFFFE;
    b->cache.regs.seg[SEG_CS].base = CODE + 2;
    assert_int_equal(RUN(b, DEVICE, 0xA1, 0x00, 0x00, 0x00, 0x10), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, 3);
    b->cache.regs.seg[SEG_CS].ar = 0; /* 16-bit code goes on: its limit will stop it */
    b->cache.regs.rip = 0xFFFF;
    assert_int_equal(emulate_next_rip(&b->cache.regs, 2), 0x10001);
}

static void rip_relative_counts_from_the_next_instruction(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    uint32_t disp = DEVICE + 4 - (CODE + 10);
    uint8_t code[10] = {0xC7, 0x05, 0, 0, 0, 0, 0x0B, 0, 0, 0};
    le_store(code + 2, 4, disp);
    assert_int_equal(run(b, code, sizeof(code), DEVICE + 4), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE + 4);
    assert_int_equal(b->last_val, 0x0B);
    /* FS and GS have bases in 64-bit code, the others do not. */
    b = fresh(DECODE_64);
    b->cache.regs.seg[SEG_GS].base = DEVICE - 0x100;
    b->cache.regs.seg[SEG_DS].base = 0x5000;
    *gpr(b, GPR_RAX) = 0x108;
    assert_int_equal(RUN(b, DEVICE, 0x65, 0x8A, 0x10), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE + 8);
    b->cache.regs.rip = CODE;
    *gpr(b, GPR_RAX) = DEVICE;
    assert_int_equal(RUN(b, DEVICE, 0x8A, 0x10), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE);
}

static void an_operand_across_two_pages_goes_to_both_once(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RAX) = DEVICE - 3;
    *gpr(b, GPR_RCX) = 0x1122334455667788;
    le_store(b->device + 29, 8, 0xF0F1F2F3F4F5F6F7);
    assert_int_equal(RUN(b, DEVICE, 0x48, 0x87, 0x08), EMULATE_DONE); /* xchg [rax], rcx */
    assert_int_equal(b->reads, 2);
    assert_int_equal(b->writes, 2);
    assert_int_equal(b->last_gpa, DEVICE);
    assert_int_equal(b->last_size, 5);
    assert_int_equal(*gpr(b, GPR_RCX), 0xF0F1F2F3F4F5F6F7);
    assert_int_equal(le_load(b->device + 29, 8), 0x1122334455667788);
    /* One part in RAM, the other in a device. */
    b = fresh(DECODE_64);
    b->cache.regs.cr0 = CR0_PE;
    b->cache.regs.efer = 0;
    b->cache.regs.seg[SEG_CS].ar = SEG_AR_DB;
    b->gmem.region[0].size = RAM_BYTES;
    assert_true(gmem_add(&b->gmem, DEVICE - 0x1000, 0x1000, b->ram + 0x3000));
    *gpr(b, GPR_RAX) = DEVICE - 2;
    assert_int_equal(RUN(b, DEVICE, 0xC7, 0x00, 0x44, 0x33, 0x22, 0x11), EMULATE_DONE);
    assert_int_equal(b->writes, 1);
    assert_int_equal(b->last_size, 2);
    assert_int_equal(b->last_val, 0x1122);
    assert_int_equal(le16(b->ram + 0x3FFE), 0x3344);
}

static void a_fault_on_the_second_page_changes_nothing(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    le_store(b->ram + 0x2000, 8, 0x3003);
    le_store(b->ram + 0x3000, 8, 0x83);                     /* 2 MiB at 0: the code         */
    le_store(b->ram + 0x3000 + 0x7F * 8, 8, DEVICE | 0x83); /* 2 MiB at 0xFE00000; then none */
    *gpr(b, GPR_RAX) = 0xFFFFFFE;
    struct vcpu_regs before = b->cache.regs;
    assert_int_equal(RUN(b, DEVICE + 0x1FFFFE, 0x87, 0x08), EMULATE_FAULT);
    assert_int_equal(b->report.vector, 14);
    assert_int_equal(b->report.cr2, 0x10000000);
    assert_int_equal(b->report.error_code, WALK_WRITE);
    assert_int_equal(b->reads + b->writes, 0);
    assert_int_equal(b->cache.dirty, 0);
    assert_memory_equal(&before, &b->cache.regs, sizeof(before));
}

static void a_fault_address_wraps_at_four_gigabytes(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    b->cache.regs.cr0 = CR0_PE | CR0_PG;
    b->cache.regs.cr4 = CR4_PSE;
    b->cache.regs.cr3 = 0x1000;
    le_store(b->ram + 0x1000, 4, 0x83);                       /* 4 MiB at 0: the code */
    le_store(b->ram + 0x1000 + 0x3FF * 4, 4, DEVICE | 0x83u); /* and at 0xFFC00000    */
    b->cache.regs.seg[SEG_DS].base = 0x00900000;
    *gpr(b, GPR_RAX) = 0xFFF00010;
    assert_int_equal(RUN(b, DEVICE, 0x8B, 0x08), EMULATE_FAULT); /* mov ecx, [eax] */
    assert_int_equal(b->report.cr2, 0x00800010);
    /* From the last page into the first, which is absent here. */
    le_store(b->ram + 0x1000, 4, 0);
    le_store(b->ram + 0x1000 + 4, 4, 0x83); /* the code moves to 4 MiB */
    b->cache.regs.seg[SEG_CS].base = 0x400000;
    b->cache.regs.seg[SEG_DS].base = 0;
    *gpr(b, GPR_RAX) = 0xFFFFFFFE;
    assert_int_equal(RUN(b, DEVICE + 0x3FFFFE, 0x8B, 0x08), EMULATE_FAULT);
    assert_int_equal(b->report.cr2, 0);
}

static void what_cannot_be_emulated_is_told_with_its_bytes(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    struct vcpu_regs before = b->cache.regs;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0xAE, 0x00), EMULATE_UNSUPPORTED);
    assert_int_equal(b->report.rip, CODE);
    assert_int_equal(b->report.count, 15);
    assert_int_equal(b->report.bytes[1], 0xAE);
    assert_memory_equal(&before, &b->cache.regs, sizeof(before));
    /* Code that is not in RAM, or ends with it in the middle of an instruction. */
    b->cache.regs.rip = DEVICE;
    assert_int_equal(emulate_mmio(&b->vcpu, DEVICE, &b->report), EMULATE_NO_CODE);
    assert_int_equal(b->report.count, 0);
    b->cache.regs.rip = RAM_BYTES - 1;
    b->ram[RAM_BYTES - 1] = 0x8B;
    assert_int_equal(emulate_mmio(&b->vcpu, DEVICE, &b->report), EMULATE_NO_CODE);
    assert_int_equal(b->report.count, 1);
    /* The exit was about another page than the operand's. */
    b->cache.regs.rip = CODE;
    *gpr(b, GPR_RAX) = DEVICE;
    assert_int_equal(RUN(b, DEVICE + 0x1000, 0x8B, 0x00), EMULATE_ELSEWHERE);
    assert_int_equal(b->reads, 0);
}

static void a_single_step_trap_is_reported_and_resume_flag_ends(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RAX) = DEVICE;
    b->cache.regs.rflags |= RFLAGS_TF | 0x10000;
    assert_int_equal(RUN(b, DEVICE, 0x8B, 0x00), EMULATE_DONE);
    assert_true(b->report.trap);
    assert_int_equal(b->cache.regs.rflags, RFLAGS_FIXED | RFLAGS_TF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(immediates_are_whole_and_sign_extended),
        cmocka_unit_test(sixteen_bit_code_uses_segments_and_wraps),
        cmocka_unit_test(code_segment_base_and_instruction_pointer_wrap),
        cmocka_unit_test(rip_relative_counts_from_the_next_instruction),
        cmocka_unit_test(an_operand_across_two_pages_goes_to_both_once),
        cmocka_unit_test(a_fault_on_the_second_page_changes_nothing),
        cmocka_unit_test(a_fault_address_wraps_at_four_gigabytes),
        cmocka_unit_test(what_cannot_be_emulated_is_told_with_its_bytes),
        cmocka_unit_test(a_single_step_trap_is_reported_and_resume_flag_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
