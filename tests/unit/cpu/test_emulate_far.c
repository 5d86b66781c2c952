/* SPDX-License-Identifier: BSD-2-Clause
 * Emulated far transfers, with the pointer or the stack in a device: tables by hand from the manual. [SDM]
 * vol. 2 (CALL, JMP, RET), vol. 3A, 5.8. */
#include "emulate_bench.h"

#define GDT    0x3000u
#define STACK  0x6000u
#define TARGET 0x4567u
#define L      0x20u /* of the byte with G, D, L */
#define D      0x40u

/* Code of base 0x10000, limit 0x4567; `rights` is type, S, DPL, P. */
static void put_code(struct bench *b, uint16_t selector, uint32_t rights, uint32_t bits)
{
    le_store(b->ram + GDT + selector, 8,
             0x0000000100004567ull | (uint64_t)rights << 40 | (uint64_t)bits << 48);
}

static struct bench *at_level(enum decode_mode mode, uint32_t cpl)
{
    struct bench *b = fresh(mode);
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        b->cache.regs.seg[i].ar |= cpl << 5;
    }
    if (mode == DECODE_64) {
        le_store(b->ram + 0x2000, 8, 0x87);
        le_store(b->ram + 0x1000, 8, 0x2007);
    }
    b->cache.regs.seg[SEG_SS].ar |= SEG_AR_DB;
    b->cache.regs.seg[SEG_CS].selector = (uint16_t)(0x50u | cpl);
    b->cache.regs.gdtr = (struct table_reg){.base = GDT, .limit = 0x7F};
    *gpr(b, GPR_RAX) = DEVICE;
    *gpr(b, GPR_RSP) = STACK;
    return b;
}

static void put_pointer(struct bench *b, uint32_t offset, uint16_t selector)
{
    le_store(b->device + 32, 4, offset);
    le_store(b->device + 36, 2, selector);
}

#define NONE 0xFFu

static void a_target_is_code_of_this_level_or_conforming(void **state)
{
    (void)state;
    static const struct {
        uint8_t rights, cpl, rpl;
        uint8_t jmp, ret; /* what comes of JMP and CALL, and of RET */
    } rows[] = {
        {0x9A, 0, 0, NONE, NONE}, {0x98, 0, 0, NONE, NONE}, /* need not be readable */
        {0xFA, 3, 3, NONE, NONE}, {0xFA, 3, 0, NONE, 13},   /* RET to an inner level */
        {0xFA, 0, 0, 13, 13},                               /* code of an outer one */
        {0x9A, 3, 3, 13, 13},                               /* of an inner one */
        {0x9A, 0, 1, 13, 13},                               /* neither is the level of the other */
        {0x9E, 3, 3, NONE, NONE},                           /* conforming */
        {0x9E, 3, 0, NONE, 13},   {0xFE, 0, 0, 13, 13},     {0x92, 0, 0, 13, 13}, /* data */
        {0x1A, 0, 0, 11, 11},                                                     /* absent */
        {0x82, 0, 0, 13, 13},                                                     /* an LDT */
        {0x89, 3, 0, 13, 13},     {0x8B, 0, 0, 13, 13}, /* TSSs: DPL, busy */
        {0x85, 3, 0, 13, 13},                           /* a task gate: DPL */
    };
    static const uint8_t codes[][2] = {{0xFF, 0x28}, {0xFF, 0x18}, {0xCB, 0x90}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (uint32_t how = 0; how < 3; how++) { /* jmp [eax], call [eax], ret */
            struct bench *b = at_level(DECODE_32, rows[i].cpl);
            uint8_t wanted = how == 2 ? rows[i].ret : rows[i].jmp;
            put_code(b, 0x18, rows[i].rights, D);
            put_pointer(b, TARGET, 0x18 | rows[i].rpl);
            if (how == 2) {
                *gpr(b, GPR_RSP) = DEVICE;
            }
            if (wanted != NONE) {
                assert_fault(b, wanted, 0x18, codes[how][0], codes[how][1]);
                continue;
            }
            assert_int_equal(RUN(b, DEVICE, codes[how][0], codes[how][1]), EMULATE_DONE);
            assert_int_equal(b->cache.regs.rip, TARGET);
            const struct seg_reg *cs = &b->cache.regs.seg[SEG_CS];
            assert_int_equal(cs->selector, 0x18 | rows[i].cpl);
            assert_int_equal(cs->base, 0x10000);
            assert_int_equal(cs->limit, 0x4567);
            assert_int_equal(cs->ar, 0x4001u | rows[i].rights);
            assert_int_equal(walk_cpl(&b->cache.regs), rows[i].cpl);
            assert_int_equal(b->ram[GDT + 0x18 + 5], rows[i].rights | 1u);
            uint64_t sp = how == 0 ? STACK : how == 1 ? STACK - 8 : DEVICE + 8;
            assert_int_equal(*gpr(b, GPR_RSP), sp);
            if (how == 1) {
                assert_int_equal(le_load(b->ram + STACK - 8, 4), CODE + 2);
                assert_int_equal(le_load(b->ram + STACK - 4, 4), 0x50 | rows[i].cpl);
            }
        }
    }
}

static void call_alone_cuts_its_offset_or_refuses_it(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_64, 0);
    put_code(b, 0x18, 0x9A, D); /* compatibility mode: 32 bits of the 64 */
    le_store(b->device + 32, 8, 0xFFFFFFFF00000000ull | TARGET);
    le_store(b->device + 40, 2, 0x18);
    assert_int_equal(RUN(b, DEVICE, 0x48, 0xFF, 0x18), EMULATE_DONE); /* call m16:64 [rax] */
    assert_int_equal(b->cache.regs.rip, TARGET);
    b = at_level(DECODE_64, 0);
    put_code(b, 0x18, 0x9A, D);
    le_store(b->device + 32, 8, 0xFFFFFFFF00000000ull | TARGET);
    le_store(b->device + 40, 2, 0x18);
    assert_fault(b, 13, 0, 0x48, 0xFF, 0x28); /* jmp m16:64 [rax] */
    b = at_level(DECODE_16, 0);               /* real mode, with the limits of protected mode */
    b->cache.regs.cr0 &= ~CR0_PE;
    b->cache.regs.seg[SEG_SS].ar &= ~(uint32_t)SEG_AR_DB;
    put_pointer(b, 0x10000, 0x100);
    assert_fault(b, 13, 0, 0x66, 0x67, 0xFF, 0x18); /* call m16:32 [eax] */
    assert_int_equal(RUN(b, DEVICE, 0x66, 0x67, 0xFF, 0x28), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, 0x10000);
}

static void a_target_is_within_its_segment_and_table(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, 0);
    put_code(b, 0x18, 0x9A, D);
    put_pointer(b, TARGET + 1, 0x18);
    assert_fault(b, 13, 0, 0xFF, 0x28);
    put_pointer(b, TARGET, 3);
    assert_fault(b, 13, 0, 0xFF, 0x28); /* null */
    put_pointer(b, TARGET, 0x80);
    assert_fault(b, 13, 0x80, 0xFF, 0x28);
    put_pointer(b, TARGET, 0x18);
    *gpr(b, GPR_RSP) = 2; /* no room for the return address */
    b->cache.regs.seg[SEG_SS].limit = 0xFFFF;
    assert_fault(b, 12, 0, 0xFF, 0x18);
    le_store(b->device + 32, 4, 0x00181234u);
    assert_int_equal(RUN(b, DEVICE, 0x66, 0xFF, 0x28), EMULATE_DONE); /* m16:16 */
    assert_int_equal(b->cache.regs.rip, 0x1234);
}

static void long_mode_is_entered_and_left_by_the_bit_of_the_descriptor(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_64, 0);
    put_code(b, 0x18, 0x9A, L);
    le_store(b->device + 32, 8, 0xFFFF800012345678ull);
    le_store(b->device + 40, 2, 0x18);
    assert_int_equal(RUN(b, DEVICE, 0x48, 0xFF, 0x28), EMULATE_DONE); /* m16:64: no limit */
    assert_int_equal(b->cache.regs.rip, 0xFFFF800012345678ull);
    b = at_level(DECODE_64, 0);
    put_code(b, 0x18, 0x9A, L);
    le_store(b->device + 32, 8, 0x0000800012345678ull);
    le_store(b->device + 40, 2, 0x18);
    assert_fault(b, 13, 0, 0x48, 0xFF, 0x28); /* not canonical */
    put_code(b, 0x18, 0x9A, L | D);
    put_pointer(b, TARGET, 0x18);
    assert_fault(b, 13, 0x18, 0xFF, 0x28); /* reserved */
    put_code(b, 0x18, 0x9A, D);
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x18), EMULATE_DONE); /* call into compatibility mode */
    assert_int_equal(emulate_mode(&b->cache.regs), DECODE_32);
    assert_int_equal(*gpr(b, GPR_RSP), STACK - 8);
    b->cache.regs.rip = 0x4000;
    b->cache.regs.seg[SEG_CS].base = CODE - 0x4000;
    put_code(b, 0x18, 0x9A, L);
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x28), EMULATE_DONE); /* and back */
    assert_int_equal(emulate_mode(&b->cache.regs), DECODE_64);
    b = at_level(DECODE_64, 0);
    put_pointer(b, TARGET, 0x18);
    put_code(b, 0x18, 0x89, 0);
    assert_fault(b, 13, 0x18, 0xFF, 0x28); /* there are no task switches */
}

/* [SDM] vol. 2, CALL: "stack not large enough" comes before "not within the limit"; so on silicon. */
static void of_stack_and_limit_the_stack_comes_first(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, 0);
    put_code(b, 0x18, 0x9A, D);
    put_pointer(b, TARGET + 1, 0x18);
    *gpr(b, GPR_RSP) = 6;
    b->cache.regs.seg[SEG_SS].limit = 0xFFFF;
    assert_fault(b, 12, 0, 0xFF, 0x18);
    *gpr(b, GPR_RSP) = 8;
    assert_fault(b, 13, 0, 0xFF, 0x18);
}

/* By its own selector, and through a task gate. The pointer is in the device, the TSSs are in RAM. */
static void a_tss_is_another_task(void **state)
{
    (void)state;
    for (uint32_t how = 0; how < 4; how++) { /* JMP, CALL; without and with a gate */
        const bool call = (how & 1u) != 0;
        const uint8_t modrm = call ? 0x18 : 0x28;
        struct bench *b = at_level(DECODE_32, 0);
        b->cache.regs.seg[SEG_TR] =
            (struct seg_reg){.base = 0x5000, .limit = 0x67, .ar = 0x8B, .selector = 0x20};
        put_code(b, 0x18, 0x9A, D);
        put_code(b, 0x30, 0x92, D);
        le_store(b->ram + GDT + 0x20, 8, 0x00008B0050000067ull);
        le_store(b->ram + GDT + 0x28, 8, 0x0000890051000067ull);
        le_store(b->ram + GDT + 0x38, 8, 0x0000850000280000ull);
        le_store(b->ram + 0x5120, 4, TARGET);
        le_store(b->ram + 0x5124, 4, 2);
        le_store(b->ram + 0x514C, 4, 0x18);
        le_store(b->ram + 0x5150, 4, 0x30);
        put_pointer(b, 0, how < 2 ? 0x28 : 0x38);
        assert_int_equal(RUN(b, DEVICE, 0xFF, modrm), EMULATE_DONE);
        assert_true(b->report.switched);
        assert_int_equal(b->cache.regs.rip, TARGET);
        assert_int_equal(b->cache.regs.seg[SEG_TR].selector, 0x28);
        assert_int_equal(b->cache.regs.seg[SEG_CS].selector, 0x18);
        assert_int_equal(b->cache.regs.rflags, call ? 2 | RFLAGS_NT : 2);
        assert_int_equal(le_load(b->ram + 0x5020, 4), CODE + 2);
        assert_int_equal(b->ram[GDT + 0x2D], 0x8B);
        assert_int_equal(b->ram[GDT + 0x25], call ? 0x8B : 0x89);
    }
}

static void real_mode_has_no_descriptors(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_16);
    b->cache.regs.seg[SEG_CS].limit = 0xFFFF;
    set_segment(b, SEG_SS, DEVICE, 0xFFFF, 3);
    b->cache.regs.seg[SEG_CS].selector = 0x77;
    *gpr(b, GPR_RSP) = 0x14;
    assert_int_equal(RUN(b, DEVICE, 0x9A, 0x34, 0x12, 0xCD, 0xAB), EMULATE_DONE); /* call far */
    assert_int_equal(b->cache.regs.seg[SEG_CS].selector, 0xABCD);
    assert_int_equal(b->cache.regs.seg[SEG_CS].base, 0xABCD0);
    assert_int_equal(b->cache.regs.rip, 0x1234);
    assert_int_equal(*gpr(b, GPR_RSP), 0x10);
    assert_int_equal(le_load(b->device + 32 + 0x12, 2), 0x77);
    assert_int_equal(le_load(b->device + 32 + 0x10, 2), CODE + 5);
    b->cache.regs.seg[SEG_CS].base = 0;
    b->cache.regs.rip = CODE;
    le_store(b->device + 32 + 0x12, 2, 0x700);
    assert_int_equal(RUN(b, DEVICE, 0xCA, 0x02, 0x00), EMULATE_DONE); /* ret far 2 */
    assert_int_equal(*gpr(b, GPR_RSP), 0x16);
    assert_int_equal(b->cache.regs.seg[SEG_CS].base, 0x7000);
    assert_int_equal(b->cache.regs.rip, CODE + 5);
    b->cache.regs.seg[SEG_CS].base = 0;
    b->cache.regs.rip = CODE;
    b->cache.dirty = 0;
    *gpr(b, GPR_RSP) = 0x10;
    b->writes = 0;
    b->cache.regs.seg[SEG_CS].limit = CODE + 4;
    assert_fault(b, 13, 0, 0xCB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_code_of_this_level_or_conforming),
        cmocka_unit_test(call_alone_cuts_its_offset_or_refuses_it),
        cmocka_unit_test(a_target_is_within_its_segment_and_table),
        cmocka_unit_test(long_mode_is_entered_and_left_by_the_bit_of_the_descriptor),
        cmocka_unit_test(of_stack_and_limit_the_stack_comes_first),
        cmocka_unit_test(a_tss_is_another_task),
        cmocka_unit_test(real_mode_has_no_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
