/* SPDX-License-Identifier: BSD-2-Clause
 * Emulated stack instructions and near transfers, with the operand or the stack in a device. */
#include "emulate_bench.h"

#define STACK 0x6000u

static struct bench *with_stack(enum decode_mode mode)
{
    struct bench *b = fresh(mode);
    *gpr(b, GPR_RSP) = STACK;
    *gpr(b, GPR_RAX) = DEVICE;
    le_store(b->device + 32, 8, 0xFFFF800012345678ull);
    return b;
}

static uint64_t top(struct bench *b, uint32_t size)
{
    return le_load(b->ram + *gpr(b, GPR_RSP), size);
}

static void push_and_pop_of_a_device_register(void **state)
{
    (void)state;
    struct bench *b = with_stack(DECODE_64);
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x30), EMULATE_DONE); /* push [rax] */
    assert_int_equal(*gpr(b, GPR_RSP), STACK - 8);
    assert_int_equal(top(b, 8), 0xFFFF800012345678ull);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x8F, 0x40, 0x10), EMULATE_DONE); /* pop [rax + 16] */
    assert_int_equal(*gpr(b, GPR_RSP), STACK);
    assert_int_equal(le_load(b->device + 48, 8), 0xFFFF800012345678ull);
    b = with_stack(DECODE_32);
    assert_int_equal(RUN(b, DEVICE, 0x66, 0xFF, 0x30), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RSP), STACK - 2);
    assert_int_equal(top(b, 2), 0x5678);
}

static void the_stack_itself_may_be_a_device(void **state)
{
    (void)state;
    struct bench *b = with_stack(DECODE_64);
    *gpr(b, GPR_RSP) = DEVICE + 16;
    *gpr(b, GPR_RCX) = 0x77;
    assert_int_equal(RUN(b, DEVICE, 0x51), EMULATE_DONE); /* push rcx */
    assert_int_equal(b->last_gpa, DEVICE + 8);
    assert_int_equal(b->last_val, 0x77);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x54), EMULATE_DONE); /* push rsp: as it was */
    assert_int_equal(b->last_val, DEVICE + 8);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x5C), EMULATE_DONE); /* pop rsp: what was there */
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 8);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x6A, 0xFF), EMULATE_DONE); /* push -1 */
    assert_int_equal(b->last_val, UINT64_MAX);
    assert_int_equal(b->last_gpa, DEVICE);
}

static void pop_with_the_stack_pointer_as_base_counts_after_it(void **state)
{
    (void)state;
    struct bench *b = with_stack(DECODE_64);
    *gpr(b, GPR_RSP) = DEVICE;
    le_store(b->device + 32, 8, 0x1234);
    assert_int_equal(RUN(b, DEVICE, 0x8F, 0x44, 0x24, 0x08), EMULATE_DONE); /* pop [rsp + 8] */
    assert_int_equal(b->last_gpa, DEVICE + 16);
    assert_int_equal(b->last_val, 0x1234);
    b = with_stack(DECODE_16); /* SP wraps, ESP does not carry */
    b->cache.regs.seg[SEG_SS].ar &= ~(uint32_t)SEG_AR_DB;
    *gpr(b, GPR_RSP) = DEVICE + 0xFFFE;
    le_store(b->ram + 0xFFFE, 2, 0x1234);
    assert_int_equal(RUN(b, DEVICE, 0x67, 0x8F, 0x04, 0x24), EMULATE_DONE); /* pop word [esp] */
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE);
    assert_int_equal(le_load(b->device + 32, 2), 0x1234);
}

static void the_width_of_the_stack_is_that_of_its_segment(void **state)
{
    (void)state;
    struct bench *b = with_stack(DECODE_32); /* 32-bit code on a 16-bit stack */
    *gpr(b, GPR_RSP) = 0x7FFF0000 | STACK;
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x30), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RSP), 0x7FFF0000 | (STACK - 4));
    assert_int_equal(le_load(b->ram + STACK - 4, 4), 0x12345678);
    b = with_stack(DECODE_32);
    *gpr(b, GPR_RSP) = 0x7FFF0000;
    b->cache.regs.seg[SEG_SS].limit = 0xFFFF;
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x30), EMULATE_DONE); /* SP wraps to the top */
    assert_int_equal(*gpr(b, GPR_RSP), 0x7FFFFFFC);
    b = with_stack(DECODE_32);
    b->cache.regs.seg[SEG_SS].ar |= SEG_AR_DB;
    *gpr(b, GPR_RSP) = 0xFFFFFFFF00000000ull | STACK;
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x30), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RSP), STACK - 4);
}

static void calls_and_jumps_through_a_device(void **state)
{
    (void)state;
    struct bench *b = with_stack(DECODE_64);
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x10), EMULATE_DONE); /* call [rax] */
    assert_int_equal(b->cache.regs.rip, 0xFFFF800012345678ull);
    assert_int_equal(top(b, 8), CODE + 2);
    b = with_stack(DECODE_64);
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x20), EMULATE_DONE); /* jmp [rax] */
    assert_int_equal(b->cache.regs.rip, 0xFFFF800012345678ull);
    b = with_stack(DECODE_64);
    le_store(b->device + 32, 8, 1ull << 47);
    assert_fault(b, 13, 0, 0xFF, 0x20);
    assert_fault(b, 13, 0, 0xFF, 0x10);
    assert_int_equal(le_load(b->ram + STACK - 8, 8), 0);
    b = with_stack(DECODE_32);
    b->cache.regs.seg[SEG_CS].limit = 0x12345678;
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x20), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, 0x12345678);
    b = with_stack(DECODE_32);
    b->cache.regs.seg[SEG_CS].limit = 0x12345677;
    assert_fault(b, 13, 0, 0xFF, 0x20);
    b = with_stack(DECODE_32);
    assert_int_equal(RUN(b, DEVICE, 0x66, 0xFF, 0x20), EMULATE_DONE); /* 16 bits of it */
    assert_int_equal(b->cache.regs.rip, 0x5678);
    /* With the stack in the device. */
    b = with_stack(DECODE_64);
    *gpr(b, GPR_RSP) = DEVICE + 8;
    assert_int_equal(RUN(b, DEVICE, 0xE8, 0xFB, 0xFF, 0xFF, 0xFF), EMULATE_DONE); /* call itself */
    assert_int_equal(b->cache.regs.rip, CODE);
    assert_int_equal(b->last_val, CODE + 5);
    assert_int_equal(RUN(b, DEVICE, 0xC2, 0x10, 0x00), EMULATE_DONE); /* ret 16 */
    assert_int_equal(b->cache.regs.rip, CODE + 5);
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 24);
    *gpr(b, GPR_RSP) = DEVICE;
    le_store(b->device + 32, 8, 1ull << 62);
    b->cache.regs.rip = CODE;
    b->cache.dirty = 0;
    b->writes = 0;
    assert_fault(b, 13, 0, 0xC3);
}

static void all_registers_at_once(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    b->cache.regs.seg[SEG_SS].ar |= SEG_AR_DB;
    for (uint32_t i = 0; i < 8; i++) {
        *gpr(b, (enum gpr)i) = 0x1000 + i;
    }
    *gpr(b, GPR_RSP) = DEVICE + 32;
    assert_int_equal(RUN(b, DEVICE, 0x60), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE);
    assert_int_equal(b->writes, 8);
    for (uint32_t i = 0; i < 8; i++) {
        uint64_t expected = i == GPR_RSP ? DEVICE + 32 : 0x1000 + i;
        assert_int_equal(le_load(b->device + 32 + 4 * (7 - i), 4), expected);
    }
    b->cache.regs.rip = CODE;
    b->reads = 0;
    for (uint32_t i = 0; i < 8; i++) {
        le_store(b->device + 32 + 4 * i, 4, 0x2000 + i);
    }
    assert_int_equal(RUN(b, DEVICE, 0x61), EMULATE_DONE);
    assert_int_equal(b->reads, 7); /* not that of ESP */
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 32);
    assert_int_equal(*gpr(b, GPR_RDI), 0x2000);
    assert_int_equal(*gpr(b, GPR_RAX), 0x2007);
}

/* The slot that is pushed first faults first: the top one. */
static void a_fault_of_pusha_is_that_of_the_first_slot(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    b->cache.regs.cr0 |= CR0_PG;
    b->cache.regs.cr4 |= CR4_PSE;
    b->cache.regs.cr3 = 0x1000;
    le_store(b->ram + 0x1000, 4, 0x83);
    b->cache.regs.seg[SEG_SS].ar |= SEG_AR_DB;
    *gpr(b, GPR_RSP) = 0x800020;
    assert_fault(b, 14, WALK_WRITE, 0x60);
    assert_int_equal(b->report.cr2, 0x80001C);
    assert_fault(b, 14, 0, 0x61);
    assert_int_equal(b->report.cr2, 0x800020);
}

static void frames_are_entered_and_left(void **state)
{
    (void)state;
    struct bench *b = with_stack(DECODE_64);
    *gpr(b, GPR_RSP) = DEVICE + 64;
    *gpr(b, GPR_RBP) = 0x1234;
    assert_int_equal(RUN(b, DEVICE, 0xC8, 0x20, 0x00, 0x00), EMULATE_DONE); /* enter 32, 0 */
    assert_int_equal(b->last_gpa, DEVICE + 56);
    assert_int_equal(b->last_val, 0x1234);
    assert_int_equal(*gpr(b, GPR_RBP), DEVICE + 56);
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 24);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0xC9), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RBP), 0x1234);
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 64);
    /* Three levels: the old pointer, two words of the old display, its own. */
    b = fresh(DECODE_64);
    *gpr(b, GPR_RSP) = DEVICE + 64;
    *gpr(b, GPR_RBP) = STACK;
    le_store(b->ram + STACK - 8, 8, 0xAAAA);
    le_store(b->ram + STACK - 16, 8, 0xBBBB);
    assert_int_equal(RUN(b, DEVICE, 0xC8, 0x00, 0x00, 0x03), EMULATE_DONE);
    assert_int_equal(le_load(b->device + 88, 8), STACK);
    assert_int_equal(le_load(b->device + 80, 8), 0xAAAA);
    assert_int_equal(le_load(b->device + 72, 8), 0xBBBB);
    assert_int_equal(le_load(b->device + 64, 8), DEVICE + 56);
    assert_int_equal(*gpr(b, GPR_RBP), DEVICE + 56);
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 32);
    assert_int_equal(b->writes, 4);
}

/* Seen on a processor: of the new frame pointer as much is written as the operand size says, with
 * what lies above a 16-bit stack pointer. */
static void a_frame_pointer_is_as_wide_as_the_operand(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_16);
    set_segment(b, SEG_SS, DEVICE, 0xFFFF, 3);
    *gpr(b, GPR_RSP) = 0x20094;
    *gpr(b, GPR_RBP) = 0x93E0;
    assert_int_equal(RUN(b, DEVICE, 0x66, 0xC8, 0x38, 0x00, 0x01), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RBP), 0x20090);
    assert_int_equal(*gpr(b, GPR_RSP), 0x20094 - 8 - 0x38);
    assert_int_equal(le_load(b->device + 32 + 0x8C, 4), 0x20090);
    b = fresh(DECODE_32);
    b->cache.regs.seg[SEG_SS].ar |= SEG_AR_DB;
    *gpr(b, GPR_RSP) = DEVICE + 0x40;
    *gpr(b, GPR_RBP) = 0xBE17506F;
    assert_int_equal(RUN(b, DEVICE, 0x66, 0xC8, 0x00, 0x00, 0x00), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RBP), 0xBE17003E);
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 0x3E);
}

static void flags_are_popped_by_privilege(void **state)
{
    (void)state;
    static const struct {
        uint8_t cpl, iopl;
        uint64_t stays; /* of those that the popped value would change */
    } rows[] = {
        {0, 0, 0},
        {3, 3, RFLAGS_IOPL},
        {3, 0, RFLAGS_IOPL | RFLAGS_IF},
        {3, 2, RFLAGS_IOPL | RFLAGS_IF},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = fresh(DECODE_64);
        le_store(b->ram + 0x1000, 8, 0x2067);
        le_store(b->ram + 0x2000, 8, 0xE7);
        *gpr(b, GPR_RSP) = DEVICE;
        const uint64_t before = RFLAGS_FIXED | (uint64_t)rows[i].iopl << 12;
        b->cache.regs.rflags = before | RFLAGS_RF;
        b->cache.regs.seg[SEG_SS].ar |= (uint32_t)rows[i].cpl << 5;
        le_store(b->device + 32, 8, UINT64_MAX & ~((uint64_t)rows[i].iopl << 12));
        assert_int_equal(RUN(b, DEVICE, 0x9D), EMULATE_DONE);
        uint64_t all = 0x247FD7u & ~((uint64_t)rows[i].iopl << 12); /* not RF, VM, VIF, VIP */
        assert_int_equal(b->cache.regs.rflags,
                         (all & ~rows[i].stays) | (before & rows[i].stays) | RFLAGS_FIXED);
        b->cache.regs.rip = CODE;
        b->cache.regs.rflags = RFLAGS_FIXED | RFLAGS_CF | RFLAGS_RF;
        assert_int_equal(RUN(b, DEVICE - 8, 0x9C), EMULATE_ELSEWHERE); /* pushf, to DEVICE */
        *gpr(b, GPR_RSP) = DEVICE + 8;
        assert_int_equal(RUN(b, DEVICE, 0x9C), EMULATE_DONE);
        assert_int_equal(b->last_val, RFLAGS_FIXED | RFLAGS_CF);
    }
    struct bench *b = fresh(DECODE_16); /* virtual-8086 mode */
    b->cache.regs.cr0 = CR0_PE;
    b->cache.regs.rflags |= RFLAGS_VM;
    set_segment(b, SEG_SS, DEVICE, 0xFFFF, 3);
    *gpr(b, GPR_RSP) = 8;
    assert_fault(b, 13, 0, 0x9C);
    b->cache.regs.rflags |= RFLAGS_IOPL;
    assert_int_equal(RUN(b, DEVICE, 0x9C), EMULATE_DONE);
    assert_int_equal(b->last_val, RFLAGS_IOPL | RFLAGS_FIXED);
}

/* [SDM] vol. 3A, 21.3: CR4.VME gives a virtual-8086 task an IF of its own. */
static void a_virtual_task_has_a_virtual_interrupt_flag(void **state)
{
    (void)state;
    static const struct {
        uint64_t flags, popped;
        bool fault;
        uint64_t after;
    } rows[] = {
        {0, RFLAGS_IF | RFLAGS_CF, false, RFLAGS_VIF | RFLAGS_CF},
        {RFLAGS_VIF | RFLAGS_IF, RFLAGS_ZF, false, RFLAGS_IF | RFLAGS_ZF},
        {RFLAGS_VIF | RFLAGS_VIP, 0, false, RFLAGS_VIP},
        {RFLAGS_VIP, RFLAGS_IF, true, 0}, /* one waits */
        {0, RFLAGS_TF, true, 0},
        {0x1000, 0x3000, false, 0x1000}, /* not IOPL */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = fresh(DECODE_16);
        b->cache.regs.cr0 = CR0_PE;
        b->cache.regs.cr4 = CR4_VME;
        b->cache.regs.rflags |= RFLAGS_VM | rows[i].flags;
        set_segment(b, SEG_SS, DEVICE, 0xFFFF, 3);
        le_store(b->device + 32, 4, rows[i].popped);
        if (rows[i].fault) {
            assert_fault(b, 13, 0, 0x9D);
            continue;
        }
        assert_int_equal(RUN(b, DEVICE, 0x9D), EMULATE_DONE);
        assert_int_equal(b->cache.regs.rflags, RFLAGS_FIXED | RFLAGS_VM | rows[i].after);
        assert_int_equal(*gpr(b, GPR_RSP), 2);
        b->cache.regs.rip = CODE;
        assert_int_equal(RUN(b, DEVICE, 0x9C), EMULATE_DONE);
        uint64_t shown = (rows[i].after & RFLAGS_VIF) != 0 ? RFLAGS_IF : 0;
        uint64_t plain = rows[i].after & (RFLAGS_CF | RFLAGS_ZF);
        assert_int_equal(b->last_val, RFLAGS_FIXED | RFLAGS_IOPL | shown | plain);
        b->cache.regs.rip = CODE;
        b->cache.dirty = 0;
        b->writes = 0;
        *gpr(b, GPR_RSP) = 0;
        assert_fault(b, 13, 0, 0x66, 0x9D);
        *gpr(b, GPR_RSP) = 4;
        assert_fault(b, 13, 0, 0x66, 0x9C);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(push_and_pop_of_a_device_register),
        cmocka_unit_test(the_stack_itself_may_be_a_device),
        cmocka_unit_test(pop_with_the_stack_pointer_as_base_counts_after_it),
        cmocka_unit_test(the_width_of_the_stack_is_that_of_its_segment),
        cmocka_unit_test(calls_and_jumps_through_a_device),
        cmocka_unit_test(all_registers_at_once),
        cmocka_unit_test(a_fault_of_pusha_is_that_of_the_first_slot),
        cmocka_unit_test(frames_are_entered_and_left),
        cmocka_unit_test(a_frame_pointer_is_as_wide_as_the_operand),
        cmocka_unit_test(flags_are_popped_by_privilege),
        cmocka_unit_test(a_virtual_task_has_a_virtual_interrupt_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
