/* SPDX-License-Identifier: BSD-2-Clause
 * Emulated IRET with its frame in a device: tables by hand from the manual. [SDM] vol. 2 (IRET), vol. 3B, 21.2
 * and 21.3 (virtual-8086 mode). */
#include "emulate_bench.h"

#define GDT    0x3000u
#define TARGET 0x4567u
#define CODE_3 0x18u
#define DATA_3 0x20u
#define CODE_0 0x28u
#define DATA_0 0x30u
#define ALL    0x3F7FD7u /* every flag there is */

static void put(struct bench *b, uint32_t selector, uint32_t rights, uint32_t bits)
{
    le_store(b->ram + GDT + selector, 8,
             0x000F00000000FFFFull | (uint64_t)rights << 40 | (uint64_t)bits << 48);
}

static struct bench *at_level(enum decode_mode mode, uint32_t cpl)
{
    struct bench *b = fresh(mode);
    struct vcpu_regs *r = &b->cache.regs;
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        r->seg[i].ar |= cpl << 5;
    }
    if (mode == DECODE_64) {
        le_store(b->ram + 0x2000, 8, 0x87);
        le_store(b->ram + 0x1000, 8, 0x2007);
    }
    r->seg[SEG_SS].ar |= SEG_AR_DB;
    r->gdtr = (struct table_reg){.base = GDT, .limit = 0x7F};
    put(b, CODE_3, 0xFA, mode == DECODE_64 ? 0xA0 : 0xC0);
    put(b, DATA_3, 0xF2, 0xC0);
    put(b, CODE_0, 0x9A, mode == DECODE_64 ? 0xA0 : 0xC0);
    put(b, DATA_0, 0x92, 0xC0);
    *gpr(b, GPR_RSP) = DEVICE;
    return b;
}

/* Words of `size` bytes. */
static void frame(struct bench *b, uint32_t size, uint64_t cs, uint64_t flags)
{
    le_store(b->device + 32, size, TARGET);
    le_store(b->device + 32 + size, size, cs);
    le_store(b->device + 32 + 2 * size, size, flags);
}

static void stack(struct bench *b, uint32_t size, uint64_t sp, uint64_t ss)
{
    le_store(b->device + 32 + 3 * size, size, sp);
    le_store(b->device + 32 + 4 * size, size, ss);
}

static void flags_change_as_the_level_that_is_left_allows(void **state)
{
    (void)state;
    static const struct {
        uint8_t cpl, iopl, size;
        uint32_t changes;
    } rows[] = {
        {0, 0, 4, ALL & ~0x20000u},
        {0, 0, 2, 0x7FD5},
        {1, 0, 4, 0x254DD5 & ~0x200u},
        {1, 1, 4, 0x254FD5 & ~0x3000u},
        {3, 2, 4, 0x254DD5},
        {3, 3, 4, 0x254FD5},
        {3, 3, 2, 0x4FD5},
        {2, 1, 2, 0x4DD5},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (uint32_t on = 0; on < 2; on++) {
            struct bench *b = at_level(DECODE_32, rows[i].cpl);
            const uint64_t nt = RFLAGS_NT | RFLAGS_VM | RFLAGS_TF; /* would be something else */
            const uint64_t iopl = (uint64_t)rows[i].iopl << 12;
            uint64_t before = on != 0 ? 2 | iopl : (ALL & ~(nt | RFLAGS_IOPL)) | iopl;
            uint64_t val = on != 0 ? ALL & ~(uint64_t)RFLAGS_VM : 2;
            uint64_t changes = rows[i].changes | (rows[i].size == 2 ? RFLAGS_RF : 0);
            put(b, CODE_3, 0x9Eu | (uint32_t)rows[i].cpl << 5, 0xC0);
            b->cache.regs.rflags = before;
            frame(b, rows[i].size, CODE_3 | rows[i].cpl, val);
            if (rows[i].size == 4) {
                assert_int_equal(RUN(b, DEVICE, 0xCF), EMULATE_DONE);
            } else {
                assert_int_equal(RUN(b, DEVICE, 0x66, 0xCF), EMULATE_DONE);
                val &= ~(uint64_t)RFLAGS_RF;
            }
            uint64_t wanted = (before & ~changes) | (val & changes);
            assert_int_equal(b->cache.regs.rflags & ~2ull, wanted & ~2ull);
            assert_int_equal(b->cache.regs.rip, TARGET);
            assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 3u * rows[i].size);
            assert_true(b->report.nmi_unblock);
        }
    }
}

static void an_outer_level_gets_its_stack(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, 0);
    frame(b, 4, CODE_3 | 3u, 0x3202);
    stack(b, 4, 0x7000, DATA_3 | 3u);
    assert_int_equal(RUN(b, DEVICE, 0xCF), EMULATE_DONE);
    assert_int_equal(walk_cpl(&b->cache.regs), 3);
    assert_int_equal(b->cache.regs.rflags, 0x3202);
    assert_int_equal(*gpr(b, GPR_RSP), 0x7000);
    assert_int_equal(b->cache.regs.seg[SEG_DS].ar, SEG_AR_UNUSABLE);
    assert_int_equal(b->reads, 5);
    b = at_level(DECODE_32, 0);
    frame(b, 4, CODE_3 | 3u, 0x3202);
    stack(b, 4, 0x7000, DATA_0 | 3u);
    assert_fault(b, 13, DATA_0, 0xCF);
    assert_true(b->report.nmi_unblock); /* [SDM] vol. 3A, 6.7.1: faults or not */
    b = at_level(DECODE_32, 3);
    frame(b, 4, CODE_0, 2);
    assert_fault(b, 13, CODE_0, 0xCF);
}

static void in_64_bit_code_the_stack_is_always_there(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_64, 0);
    frame(b, 8, CODE_0, 0x10202);
    stack(b, 8, 0xFFFF800000007000ull, 0);
    assert_int_equal(RUN(b, DEVICE, 0x48, 0xCF), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RSP), 0xFFFF800000007000ull);
    assert_int_equal(b->cache.regs.seg[SEG_SS].ar, SEG_AR_UNUSABLE);
    assert_int_equal(b->cache.regs.rflags, 0x10202); /* RF, too */
    b = at_level(DECODE_64, 3);
    frame(b, 8, CODE_3 | 3u, 0x202);
    stack(b, 8, 0x7000, 3);
    assert_fault(b, 13, 0, 0x48, 0xCF); /* null, at level 3 */
    b = at_level(DECODE_64, 0);
    frame(b, 8, CODE_3 | 3u, 0x202);
    stack(b, 8, 0x7000, DATA_3 | 3u);
    assert_int_equal(RUN(b, DEVICE, 0x48, 0xCF), EMULATE_DONE);
    assert_int_equal(walk_cpl(&b->cache.regs), 3);
    b = at_level(DECODE_64, 0);
    frame(b, 8, CODE_0, 0x202);
    stack(b, 8, 0x7000, DATA_0);
    b->cache.regs.rflags |= RFLAGS_NT;
    assert_fault(b, 13, 0, 0x48, 0xCF);
    b->cache.regs.rflags = 2;
    le_store(b->device + 32, 8, 0x0000800000000000ull);
    assert_fault(b, 13, 0, 0x48, 0xCF);
    b = at_level(DECODE_64, 0); /* into compatibility mode; VM is nothing there */
    put(b, CODE_3, 0xFA, 0xC0);
    frame(b, 4, CODE_3 | 3u, 0x20202);
    stack(b, 4, 0x7000, DATA_3 | 3u);
    assert_int_equal(RUN(b, DEVICE, 0xCF), EMULATE_DONE);
    assert_int_equal(emulate_mode(&b->cache.regs), DECODE_32);
    assert_int_equal(b->cache.regs.rflags, 0x202);
}

static void real_mode_changes_all_but_the_virtual_flags(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_16);
    b->cache.regs.seg[SEG_CS].limit = 0xFFFF;
    set_segment(b, SEG_SS, DEVICE, 0xFFFF, 3);
    *gpr(b, GPR_RSP) = 0;
    frame(b, 4, 0xFFFF1234u, ALL);
    assert_int_equal(RUN(b, DEVICE, 0x66, 0xCF), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rflags, (0x257FD5 | 2));
    assert_int_equal(b->cache.regs.seg[SEG_CS].base, 0x12340);
    assert_int_equal(b->cache.regs.rip, TARGET);
    assert_int_equal(*gpr(b, GPR_RSP), 12);
    b = fresh(DECODE_16);
    b->cache.regs.seg[SEG_CS].limit = 0xFFFF;
    set_segment(b, SEG_SS, DEVICE, 0xFFFF, 3);
    *gpr(b, GPR_RSP) = 0;
    frame(b, 4, 0x1234, 2);
    le_store(b->device + 32, 4, 0x10000);
    assert_fault(b, 13, 0, 0x66, 0xCF);
}

/* CPL 0 of 32 bits to virtual-8086 mode. */
static void virtual_8086_mode_gets_all_segments(void **state)
{
    (void)state;
    static const uint8_t order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    struct bench *b = at_level(DECODE_32, 0);
    frame(b, 4, 0xABCD1234u, 0x20202 | RFLAGS_VIF | RFLAGS_IOPL);
    le_store(b->device + 32 + 12, 4, 0x12345678);
    for (uint32_t i = 0; i < 5; i++) {
        le_store(b->device + 32 + 16 + 4 * i, 4, 0xFFFF0100u + i);
    }
    assert_int_equal(RUN(b, DEVICE, 0xCF), EMULATE_DONE);
    const struct vcpu_regs *r = &b->cache.regs;
    assert_int_equal(r->rip, TARGET);
    assert_int_equal(r->rflags, 0x20202 | RFLAGS_VIF | RFLAGS_IOPL);
    assert_int_equal(r->gpr[GPR_RSP], 0x12345678);
    assert_int_equal(r->seg[SEG_CS].base, 0x12340);
    assert_int_equal(walk_cpl(r), 3);
    for (uint32_t i = 0; i < 5; i++) {
        const struct seg_reg *s = &r->seg[order[i]];
        assert_int_equal(s->selector, 0x100 + i);
        assert_int_equal(s->base, (0x100 + i) << 4);
        assert_int_equal(s->limit, 0xFFFF);
        assert_int_equal(s->ar, 0xF3);
    }
    assert_int_equal(b->reads, 9);
    b = at_level(DECODE_32, 0);
    frame(b, 4, 0x1234, 0x20202);
    le_store(b->device + 32, 4, 0x10000);
    assert_fault(b, 13, 0, 0xCF);
    b = at_level(DECODE_32, 1); /* only level 0 may */
    frame(b, 4, 0x1234, 0x20202);
    assert_fault(b, 13, 0x1234, 0xCF);
}

static struct bench *in_v86(uint32_t iopl, uint64_t cr4)
{
    struct bench *b = fresh(DECODE_16);
    struct vcpu_regs *r = &b->cache.regs;
    r->cr0 = CR0_PE;
    r->cr4 = cr4;
    r->rflags = 2 | RFLAGS_VM | (uint64_t)iopl << 12;
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        r->seg[i] = (struct seg_reg){.limit = 0xFFFF, .ar = 0xF3};
    }
    r->seg[SEG_SS].base = DEVICE;
    frame(b, 2, 0x1234, 0x4ED7 | RFLAGS_IOPL);
    return b;
}

static void virtual_8086_mode_returns_by_iopl_or_vme(void **state)
{
    (void)state;
    struct bench *b = in_v86(3, 0);
    assert_int_equal(RUN(b, DEVICE, 0xCF), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rflags, 0x20000 | 0x3000 | 0x4ED7);
    assert_int_equal(b->cache.regs.seg[SEG_CS].base, 0x12340);
    assert_int_equal(b->cache.regs.seg[SEG_CS].ar, 0xF3);
    assert_int_equal(*gpr(b, GPR_RSP), 6);
    b = in_v86(2, 0);
    assert_fault(b, 13, 0, 0xCF);
    b = in_v86(2, CR4_VME);
    assert_fault(b, 13, 0, 0x66, 0xCF); /* not with 32 bits */
    assert_int_equal(RUN(b, DEVICE, 0xCF), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rflags, 0x20000 | 0x2000 | RFLAGS_VIF | (0x4ED7 & ~0x200));
    b = in_v86(0, CR4_VME);
    b->cache.regs.rflags |= RFLAGS_VIP;
    assert_fault(b, 13, 0, 0xCF); /* IF while an interrupt waits */
    b = in_v86(0, CR4_VME);
    frame(b, 2, 0x1234, 0x102);
    assert_fault(b, 13, 0, 0xCF); /* TF */
}

static void a_frame_may_lie_in_ram_and_device(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, 0);
    le_store(b->ram + RAM_BYTES - 12, 4, TARGET); /* the first three slots below the device */
    le_store(b->ram + RAM_BYTES - 8, 4, CODE_3 | 3u);
    le_store(b->ram + RAM_BYTES - 4, 4, 0x3202);
    b->cache.regs.seg[SEG_SS].base = 0;
    b->cache.regs.cr0 |= CR0_PG;
    b->cache.regs.cr3 = 0x1000;
    le_store(b->ram + 0x1000, 4, 0x2007);
    le_store(b->ram + 0x1000 + 4 * 64, 4, 0x2007);
    for (uint32_t i = 0; i < 16; i++) {
        le_store(b->ram + 0x2000 + 4 * i, 4, i << 12 | 7u);
    }
    le_store(b->ram + 0x2000 + 4 * 16, 4, DEVICE | 7u);
    le_store(b->device + 32, 4, 0x7000);
    le_store(b->device + 36, 4, DATA_3 | 3u);
    *gpr(b, GPR_RSP) = RAM_BYTES - 12;
    assert_int_equal(RUN(b, DEVICE, 0xCF), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, TARGET);
    assert_int_equal(*gpr(b, GPR_RSP), 0x7000);
    assert_int_equal(b->reads, 2);
    b->cache.regs.rip = CODE; /* none of it where the exit was */
    *gpr(b, GPR_RSP) = 0x6000;
    b->cache.dirty = 0;
    assert_int_equal(RUN(b, 0xFEE00000, 0x90, 0xCF), EMULATE_ELSEWHERE);
}

/* It reads no frame: the exit was about something else. */
static void a_nested_task_has_no_frame_in_a_device(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, 0);
    b->cache.regs.rflags |= RFLAGS_NT;
    frame(b, 4, CODE_0, 2);
    assert_int_equal(RUN(b, DEVICE, 0xCF), EMULATE_ELSEWHERE);
    assert_false(b->report.nmi_unblock);
    assert_int_equal(b->cache.dirty, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_change_as_the_level_that_is_left_allows),
        cmocka_unit_test(an_outer_level_gets_its_stack),
        cmocka_unit_test(in_64_bit_code_the_stack_is_always_there),
        cmocka_unit_test(real_mode_changes_all_but_the_virtual_flags),
        cmocka_unit_test(virtual_8086_mode_gets_all_segments),
        cmocka_unit_test(virtual_8086_mode_returns_by_iopl_or_vme),
        cmocka_unit_test(a_frame_may_lie_in_ram_and_device),
        cmocka_unit_test(a_nested_task_has_no_frame_in_a_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
