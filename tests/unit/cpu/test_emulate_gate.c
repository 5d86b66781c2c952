/* SPDX-License-Identifier: BSD-2-Clause
 * Call gates, stacks out of the TSS, and returns to outer levels: tables by hand from the manual. [SDM] vol. 2
 * (CALL, JMP, RET), vol. 3A, 5.8.3 to 5.8.6. */
#include "emulate_bench.h"

#define GDT    0x3000u
#define TSS    0x5000u
#define STACK  0x6000u
#define TARGET 0x4567u
#define GATE   0x20u /* selectors: the gate, the code behind it, the stack of the inner level */
#define INNER  0x18u
#define DATA   0x30u
#define L      0x20u /* of the byte with G, D, L */
#define D      0x40u
#define GD     0xC0u

static void put(struct bench *b, uint32_t selector, uint32_t rights, uint32_t bits, uint32_t limit)
{
    le_store(b->ram + GDT + selector, 8,
             (limit & 0xFFFFu) | (uint64_t)rights << 40 | (uint64_t)(limit >> 16 | bits) << 48);
}

/* `type` 0x84: 16 bits, 0x8C: 32 or 64; with a DPL. */
static void put_gate(struct bench *b, uint32_t type, uint32_t selector, uint32_t params)
{
    le_store(b->ram + GDT + GATE, 8,
             TARGET | (uint64_t)selector << 16 | (uint64_t)params << 32 | (uint64_t)type << 40);
    le_store(b->ram + GDT + GATE + 8, 8, 0);
}

/* CPL 3, a gate of 32 bits to code of level 1, whose stack is in the device. */
static struct bench *at_gate(enum decode_mode mode)
{
    struct bench *b = fresh(mode);
    struct vcpu_regs *r = &b->cache.regs;
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        r->seg[i].ar |= 0x60u;
        r->seg[i].selector = (uint16_t)(0x40u + 8u * i + 3u);
    }
    if (mode == DECODE_64) {
        le_store(b->ram + 0x2000, 8, 0x87);
        le_store(b->ram + 0x1000, 8, 0x2007);
    }
    r->seg[SEG_SS].ar |= SEG_AR_DB;
    r->gdtr = (struct table_reg){.base = GDT, .limit = 0x7F};
    r->seg[SEG_TR] = (struct seg_reg){.base = TSS, .limit = 0x67, .ar = 0x8B, .selector = 0x78};
    *gpr(b, GPR_RAX) = DEVICE;
    *gpr(b, GPR_RSP) = STACK;
    put(b, INNER, 0xBA, mode == DECODE_64 ? L : D, 0x4567);
    put(b, DATA, 0xB2, GD, 0xFFFFF);
    put_gate(b, 0xEC, INNER, 0);
    le_store(b->ram + TSS + 12, 4, DEVICE + 0x40);
    le_store(b->ram + TSS + 16, 4, DATA | 1u);
    le_store(b->device + 32, 4, 0x12345678); /* of no use */
    le_store(b->device + 36, 2, GATE | 3u);
    return b;
}

static uint64_t in_device(const struct bench *b, uint32_t at, uint32_t size)
{
    return le_load(b->device + 32 + at, size);
}

static void an_inner_level_gets_its_stack_its_parameters_and_the_way_back(void **state)
{
    (void)state;
    struct bench *b = at_gate(DECODE_32);
    put_gate(b, 0xEC, INNER | 3u, 2);
    le_store(b->ram + STACK, 8, 0x2222222211111111ull);
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x18), EMULATE_DONE);
    const struct vcpu_regs *r = &b->cache.regs;
    assert_int_equal(r->rip, TARGET);
    assert_int_equal(r->seg[SEG_CS].selector, INNER | 1u);
    assert_int_equal(r->seg[SEG_CS].ar, 0x40BB);
    assert_int_equal(r->seg[SEG_SS].selector, DATA | 1u);
    assert_int_equal(r->seg[SEG_SS].ar, 0xC0B3);
    assert_int_equal(walk_cpl(r), 1);
    assert_int_equal(r->gpr[GPR_RSP], DEVICE + 0x40 - 24);
    assert_int_equal(in_device(b, 0x3C, 4), 0x53); /* SS */
    assert_int_equal(in_device(b, 0x38, 4), STACK);
    assert_int_equal(in_device(b, 0x34, 4), 0x22222222);
    assert_int_equal(in_device(b, 0x30, 4), 0x11111111);
    assert_int_equal(in_device(b, 0x2C, 4), 0x4B); /* CS */
    assert_int_equal(in_device(b, 0x28, 4), CODE + 2);
    assert_int_equal(b->ram[GDT + INNER + 5], 0xBB);
    assert_int_equal(b->ram[GDT + DATA + 5], 0xB3);
    assert_int_equal(b->writes, 6);
}

static void parameters_may_come_from_a_device(void **state)
{
    (void)state;
    struct bench *b = at_gate(DECODE_32);
    put_gate(b, 0xE4, INNER, 31); /* of 16 bits, in a TSS of 16 bits */
    b->cache.regs.seg[SEG_TR].ar = 0x83;
    le_store(b->ram + GDT + GATE + 6, 2, 0xABCD); /* not looked at */
    le_store(b->ram + TSS + 6, 2, STACK);
    le_store(b->ram + TSS + 8, 2, DATA | 1u);
    *gpr(b, GPR_RSP) = DEVICE + 0x20;
    for (uint32_t i = 0; i < 31; i++) {
        le_store(b->device + 32 + 0x20 + 2 * i, 2, 0x100u + i);
    }
    assert_int_equal(RUN(b, DEVICE, 0x9A, 0, 0, 0, 0, GATE, 0), EMULATE_DONE); /* call ptr */
    assert_int_equal(b->cache.regs.rip, TARGET);
    assert_int_equal(*gpr(b, GPR_RSP), STACK - 70);
    for (uint32_t i = 0; i < 31; i++) {
        assert_int_equal(le_load(b->ram + STACK - 66 + 2 * i, 2), 0x100u + i);
    }
    assert_int_equal(le_load(b->ram + STACK - 4, 4), 0x00530020);
    assert_int_equal(le_load(b->ram + STACK - 70, 4), 0x004B0000u | (CODE + 7));
    assert_int_equal(b->reads, 31);
    assert_int_equal(b->writes, 0);
}

static void the_same_level_keeps_its_stack(void **state)
{
    (void)state;
    struct bench *b = at_gate(DECODE_32);
    put(b, INNER, 0xFA, D, 0x4567);
    put_gate(b, 0xEC, INNER, 5);
    assert_int_equal(RUN(b, DEVICE, 0x66, 0xFF, 0x18),
                     EMULATE_FAULT); /* m16:16: another selector */
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x18), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RSP), STACK - 8);
    assert_int_equal(le_load(b->ram + STACK - 8, 8), 0x4B00000000ull | (CODE + 2));
    b = at_gate(DECODE_32);
    put(b, INNER, 0xBE, D, 0x4567); /* conforming: no other level */
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x18), EMULATE_DONE);
    assert_int_equal(b->cache.regs.seg[SEG_CS].selector, INNER | 3u);
    assert_int_equal(*gpr(b, GPR_RSP), STACK - 8);
    b = at_gate(DECODE_32);
    put(b, INNER, 0xFA, D, 0x4567);
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x28), EMULATE_DONE); /* JMP */
    assert_int_equal(b->cache.regs.rip, TARGET);
    assert_int_equal(*gpr(b, GPR_RSP), STACK);
}

static void a_gate_and_the_code_behind_it_are_checked(void **state)
{
    (void)state;
    static const struct {
        uint8_t gate, rpl, code, selector, vector, error;
    } rows[] = {
        {0xCC, 0, 0xBA, INNER, 13, GATE}, /* DPL 2, CPL 3 */
        {0x8C, 3, 0xBA, INNER, 13, GATE},  {0x6C, 3, 0xBA, INNER, 11, GATE},
        {0x4C, 3, 0xBA, INNER, 13, GATE}, /* rights come before presence */
        {0xEC, 3, 0xBA, 3, 13, 0},        /* null */
        {0xEC, 3, 0xBA, 0x80, 13, 0x80},  /* beyond the table */
        {0xEC, 3, 0xB2, INNER, 13, INNER}, {0xEC, 3, 0x3A, INNER, 11, INNER},
        {0xE6, 3, 0xBA, INNER, 13, GATE},  /* an interrupt gate */
        {0xEC, 3, 0x8C, INNER, 13, INNER}, /* a gate behind a gate */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = at_gate(DECODE_32);
        put_gate(b, rows[i].gate, rows[i].selector, 0);
        put(b, INNER, rows[i].code, D, 0x4567);
        le_store(b->device + 36, 2, GATE | rows[i].rpl);
        assert_fault(b, rows[i].vector, rows[i].error, 0xFF, 0x18);
    }
    struct bench *b = at_gate(DECODE_32);
    assert_fault(b, 13, INNER, 0xFF, 0x28); /* JMP to an inner level */
    put(b, INNER, 0xBA, D, 0x4566);
    assert_fault(b, 13, 0, 0xFF, 0x18); /* beyond the limit */
    put_gate(b, 0xE5, INNER, 0);
    assert_fault(b, 13, INNER, 0xFF, 0x18); /* a task gate, to code */
}

static void the_inner_stack_is_checked(void **state)
{
    (void)state;
    static const struct {
        uint8_t rights, ss;
        uint16_t tss, limit;
        uint8_t vector, error;
    } rows[] = {
        {0xB2, DATA | 1u, 0x10, 0xFFFF, 10, 0x78}, /* the TSS ends */
        {0xB2, DATA | 1u, 0x11, 0xFFFF, 12, DATA}, /* does not: but the stack has no room there */
        {0xB2, 1, 0x67, 0xFFFF, 10, 0},            /* null */
        {0xB2, 0x81, 0x67, 0xFFFF, 10, 0x80},      /* beyond the table */
        {0xB2, DATA, 0x67, 0xFFFF, 10, DATA},      /* RPL */
        {0x92, DATA | 1u, 0x67, 0xFFFF, 10, DATA}, /* DPL */
        {0xB0, DATA | 1u, 0x67, 0xFFFF, 10, DATA}, /* read-only */
        {0xBA, DATA | 1u, 0x67, 0xFFFF, 10, DATA}, /* code */
        {0x32, DATA | 1u, 0x67, 0xFFFF, 12, DATA}, /* absent */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = at_gate(DECODE_32);
        put(b, DATA, rows[i].rights, D, rows[i].limit);
        le_store(b->ram + TSS + 16, 2, rows[i].ss);
        b->cache.regs.seg[SEG_TR].limit = rows[i].tss;
        assert_fault(b, rows[i].vector, rows[i].error, 0xFF, 0x18);
    }
    struct bench *b = at_gate(DECODE_32);
    b->cache.regs.seg[SEG_TR].base = DEVICE;
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x18), EMULATE_ELSEWHERE);
    b = at_gate(DECODE_32); /* SS room before the limit of the code, as in the manual */
    put(b, DATA, 0xB2, D, 0xFFFF);
    put(b, INNER, 0xBA, D, 0x4566);
    assert_fault(b, 12, DATA, 0xFF, 0x18);
}

static void a_gate_of_64_bits_has_sixteen_bytes(void **state)
{
    (void)state;
    struct bench *b = at_gate(DECODE_64);
    le_store(b->ram + TSS + 12, 8, DEVICE + 0x80);
    assert_int_equal(RUN(b, DEVICE, 0xFF, 0x18), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, TARGET);
    assert_int_equal(walk_cpl(&b->cache.regs), 1);
    assert_int_equal(b->cache.regs.seg[SEG_SS].selector, 1);
    assert_int_equal(b->cache.regs.seg[SEG_SS].ar, SEG_AR_UNUSABLE | 0x20u);
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 0x60);
    assert_int_equal(in_device(b, 0x78, 8), 0x53);
    assert_int_equal(in_device(b, 0x70, 8), STACK);
    assert_int_equal(in_device(b, 0x68, 8), 0x4B);
    assert_int_equal(in_device(b, 0x60, 8), CODE + 2);
    b = at_gate(DECODE_64);
    le_store(b->ram + TSS + 12, 8, 0x0000800000000010ull);
    assert_fault(b, 12, 0, 0xFF, 0x18);
    b->cache.regs.seg[SEG_TR].limit = 18;
    assert_fault(b, 10, 0x78, 0xFF, 0x18);
    b = at_gate(DECODE_64);
    le_store(b->ram + GDT + GATE + 12, 4, 0x0100);
    assert_fault(b, 13, GATE, 0xFF, 0x18); /* a type in the upper half */
    b = at_gate(DECODE_64);
    b->cache.regs.gdtr.limit = GATE + 14;
    put(b, INNER, 0xBA, L, 0x4567);
    assert_fault(b, 13, GATE, 0xFF, 0x18); /* half of it */
    b = at_gate(DECODE_64);
    put(b, INNER, 0xBA, D, 0x4567);
    assert_fault(b, 13, INNER, 0xFF, 0x18); /* not 64-bit code */
    b = at_gate(DECODE_64);
    le_store(b->ram + TSS + 12, 8, DEVICE + 0x80);
    le_store(b->ram + GDT + GATE + 8, 4, 0x00008000u);
    assert_fault(b, 13, 0, 0xFF, 0x18); /* not canonical */
    b = at_gate(DECODE_64);
    put_gate(b, 0xE4, INNER, 0);
    assert_fault(b, 13, GATE, 0xFF, 0x18); /* of 16 bits */
}

/* --- RET ------------------------------------------------------------------------------------------- */

/* CPL 1, with a frame in the device that leads to level 3. */
static struct bench *at_return(void)
{
    struct bench *b = at_gate(DECODE_32);
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        b->cache.regs.seg[i].ar &= ~0x40u;
    }
    put(b, INNER, 0xFA, D, 0x4567);
    put(b, DATA, 0xF2, GD, 0xFFFFF);
    le_store(b->device + 32, 4, TARGET);
    le_store(b->device + 36, 4, 0xFFFF0000u | INNER | 3u);
    le_store(b->device + 40 + 4, 4, 0x00450000);
    le_store(b->device + 44 + 4, 4, 0xFFFF0000u | DATA | 3u);
    *gpr(b, GPR_RSP) = DEVICE;
    return b;
}

static void a_return_to_an_outer_level_switches_the_stack_and_hides_segments(void **state)
{
    (void)state;
    struct bench *b = at_return();
    struct vcpu_regs *r = &b->cache.regs;
    r->seg[SEG_ES].ar = 0xC0FF; /* conforming code */
    r->seg[SEG_FS].ar = 0xC0F3; /* of level 3 */
    r->seg[SEG_GS] = (struct seg_reg){.base = 0x1234, .ar = SEG_AR_UNUSABLE, .selector = 0};
    assert_int_equal(RUN(b, DEVICE, 0xCA, 4, 0), EMULATE_DONE);
    assert_int_equal(r->rip, TARGET);
    assert_int_equal(walk_cpl(r), 3);
    assert_int_equal(r->seg[SEG_CS].selector, INNER | 3u);
    assert_int_equal(r->seg[SEG_SS].selector, DATA | 3u);
    assert_int_equal(*gpr(b, GPR_RSP), 0x00450004); /* released here, too */
    assert_int_equal(r->seg[SEG_DS].ar, SEG_AR_UNUSABLE);
    assert_int_equal(r->seg[SEG_DS].selector, 0);
    assert_int_equal(r->seg[SEG_ES].ar, 0xC0FF);
    assert_int_equal(r->seg[SEG_FS].ar, 0xC0F3);
    assert_int_equal(r->seg[SEG_GS].base, 0x1234);
    b = at_return(); /* a stack of 16 bits leaves the upper half */
    put(b, DATA, 0xF2, 0, 0xFFFF);
    assert_int_equal(RUN(b, DEVICE, 0xCA, 4, 0), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RSP), (DEVICE & 0xFFFF0000u) | 0x0004u);
}

static void what_a_return_finds_is_checked(void **state)
{
    (void)state;
    static const struct {
        uint8_t code, data, cs, ss, vector, error;
    } rows[] = {
        {0xFA, 0xF2, INNER, DATA | 3u, 13, INNER}, /* to an inner level */
        {0x7A, 0xF2, INNER | 3u, DATA | 3u, 11, INNER},
        {0xFA, 0xF2, INNER | 3u, 3, 13, 0},
        {0xFA, 0xF2, INNER | 3u, 0x83, 13, 0x80},
        {0xFA, 0xF2, INNER | 3u, DATA | 2u, 13, DATA},
        {0xFA, 0xD2, INNER | 3u, DATA | 3u, 13, DATA},
        {0xFA, 0xF0, INNER | 3u, DATA | 3u, 13, DATA},
        {0xFA, 0x72, INNER | 3u, DATA | 3u, 12, DATA},
        {0xFA, 0xF2, 3, DATA | 3u, 13, 0},
        {0xDA, 0xF2, INNER | 3u, DATA | 3u, 13, INNER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = at_return();
        put(b, INNER, rows[i].code, D, 0x4567);
        put(b, DATA, rows[i].data, GD, 0xFFFFF);
        le_store(b->device + 36, 4, rows[i].cs);
        le_store(b->device + 40, 4, 0x00450000);
        le_store(b->device + 44, 4, rows[i].ss);
        assert_fault(b, rows[i].vector, rows[i].error, 0xCB);
    }
    struct bench *b = at_return();
    put(b, INNER, 0xFA, D, 0x4566);
    assert_fault(b, 13, 0, 0xCA, 4, 0);
    b = at_return();
    b->cache.regs.seg[SEG_SS].limit =
        DEVICE + 15; /* the stack pointer is within, the selector is not */
    assert_fault(b, 12, 0, 0xCA, 4, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inner_level_gets_its_stack_its_parameters_and_the_way_back),
        cmocka_unit_test(parameters_may_come_from_a_device),
        cmocka_unit_test(the_same_level_keeps_its_stack),
        cmocka_unit_test(a_gate_and_the_code_behind_it_are_checked),
        cmocka_unit_test(the_inner_stack_is_checked),
        cmocka_unit_test(a_gate_of_64_bits_has_sixteen_bytes),
        cmocka_unit_test(a_return_to_an_outer_level_switches_the_stack_and_hides_segments),
        cmocka_unit_test(what_a_return_finds_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
