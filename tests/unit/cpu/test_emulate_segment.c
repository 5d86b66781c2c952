/* SPDX-License-Identifier: BSD-2-Clause
 * Emulated instructions that read descriptors, with the selector in a device: tables by hand from the
 * manual. [SDM] vol. 2 (LAR, LSL, VERR, VERW, MOV, POP, LDS, LLDT, LTR, LGDT, LMSW), vol. 3A, 5.6 to 5.8. */
#include "emulate_bench.h"

#define GDT    0x3000u
#define LDT    0x3800u
#define ABSENT 0x80u /* flips P */

/* Types with S, as descriptors have them, without P and DPL. */
#define DATA_R    0x10u
#define DATA_RW   0x12u
#define DATA_DOWN 0x16u
#define CODE_X    0x18u
#define CODE_XR   0x1Au
#define CODE_CONF 0x1Eu
#define CODE_HIDE 0x1Cu /* conforming, not to be read */

static void put_descriptor(struct bench *b, uint16_t selector, uint32_t type, uint32_t dpl)
{
    uint8_t *at = b->ram + ((selector & 4u) != 0 ? LDT : GDT) + (selector & ~7u);
    uint64_t rights = (type ^ 0x80u) | dpl << 5;
    /* base 0x12345678, limit 0xABCDE, D, AVL */
    le_store(at, 8, 0x125A00345678BCDEull | rights << 40);
}

/* A processor of level `cpl` in that mode, with both tables, RAX at the device. */
static struct bench *at_level(enum decode_mode mode, bool is_long, uint32_t cpl)
{
    struct bench *b = fresh(is_long ? DECODE_64 : mode);
    struct vcpu_regs *r = &b->cache.regs;
    if (is_long && mode != DECODE_64) {
        r->seg[SEG_CS].ar =
            SEG_AR_P | SEG_AR_S | 0xBu | (mode == DECODE_32 ? SEG_AR_DB : 0u) | cpl << 5;
        le_store(b->ram + 0x2000, 8, 0x87);
        le_store(b->ram + 0x1000, 8, 0x2007);
    } else if (is_long) {
        le_store(b->ram + 0x2000, 8, 0x87); /* for users, too */
        le_store(b->ram + 0x1000, 8, 0x2007);
    }
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        r->seg[i].ar |= cpl << 5;
        r->seg[i].selector = (uint16_t)(0x100u + 8u * i + cpl);
    }
    r->seg[SEG_SS].ar |= SEG_AR_DB;
    r->gdtr = (struct table_reg){.base = GDT, .limit = 0x7F};
    r->seg[SEG_LDTR] = (struct seg_reg){.base = LDT, .limit = 0x3F, .ar = 0x82, .selector = 0x70};
    *gpr(b, GPR_RAX) = DEVICE;
    *gpr(b, GPR_RCX) = 0x1111222233334444ull;
    return b;
}

static void put_selector(struct bench *b, uint32_t selector)
{
    le_store(b->device + 32, 8, 0x5555555555550000ull | selector);
}

static bool zf(const struct bench *b)
{
    return (b->cache.regs.rflags & RFLAGS_ZF) != 0;
}

/* --- LAR, LSL, VERR, VERW --------------------------------------------------------------------------- */

enum { LAR = 0x02, LSL = 0x03, VERR = 0x20, VERW = 0x28 };

static bool look(struct bench *b, uint32_t how)
{
    b->cache.regs.rip = CODE;
    enum emulate_result r = how < 8 ? RUN(b, DEVICE, 0x0F, (uint8_t)how, 0x08)
                                    : RUN(b, DEVICE, 0x0F, 0x00, (uint8_t)how);
    assert_int_equal(r, EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, CODE + 3);
    return zf(b);
}

static void looking_at_a_selector_depends_on_type_and_privilege(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, dpl, cpl, rpl;
        bool lar, lsl, verr, verw;
    } rows[] = {
        {DATA_R, 0, 0, 0, true, true, true, false},
        {DATA_RW, 0, 0, 0, true, true, true, true},
        {DATA_RW | ABSENT, 0, 0, 0, true, true, true, true}, /* presence is not looked at */
        {DATA_DOWN, 3, 3, 3, true, true, true, true},
        {CODE_X, 0, 0, 0, true, true, false, false},
        {CODE_XR, 0, 0, 0, true, true, true, false},
        {CODE_CONF, 0, 3, 3, true, true, true, false}, /* whatever the levels */
        {CODE_HIDE, 0, 3, 3, true, true, false, false},
        {DATA_RW, 0, 3, 0, false, false, false, false},
        {DATA_RW, 0, 0, 3, false, false, false, false}, /* the requested level counts, too */
        {DATA_RW, 3, 0, 3, true, true, true, true},
        {DATA_RW, 2, 0, 3, false, false, false, false},
        {CODE_XR, 0, 3, 3, false, false, false, false},
        {0x0, 3, 0, 0, false, false, false, false}, /* reserved */
        {0x1, 3, 0, 0, true, true, false, false},   /* 16-bit TSS */
        {0x2, 3, 3, 3, true, true, false, false},   /* LDT */
        {0x3, 3, 0, 0, true, true, false, false},
        {0x4, 3, 0, 0, true, false, false, false}, /* 16-bit call gate */
        {0x5, 3, 0, 0, true, false, false, false}, /* task gate */
        {0x6, 3, 0, 0, false, false, false, false},
        {0x7, 3, 0, 0, false, false, false, false},
        {0x8, 3, 0, 0, false, false, false, false},
        {0x9, 3, 0, 0, true, true, false, false}, /* TSS */
        {0x9, 0, 3, 0, false, false, false, false},
        {0xA, 3, 0, 0, false, false, false, false},
        {0xB, 3, 0, 0, true, true, false, false},
        {0xC, 3, 0, 0, true, false, false, false}, /* call gate */
        {0xD, 3, 0, 0, false, false, false, false},
        {0xE, 3, 0, 0, false, false, false, false},
        {0xF, 3, 0, 0, false, false, false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (uint32_t table = 0; table <= 4; table += 4) { /* GDT, LDT */
            struct bench *b = at_level(DECODE_32, false, rows[i].cpl);
            uint16_t selector = (uint16_t)(0x18u | table);
            put_descriptor(b, selector, rows[i].type, rows[i].dpl);
            put_selector(b, selector | rows[i].rpl);
            assert_int_equal(look(b, LAR), rows[i].lar);
            assert_int_equal(look(b, LSL), rows[i].lsl);
            assert_int_equal(look(b, VERR), rows[i].verr);
            assert_int_equal(look(b, VERW), rows[i].verw);
        }
    }
}

static void long_mode_knows_fewer_system_descriptors(void **state)
{
    (void)state;
    static const uint16_t known = 1u << 2 | 1u << 9 | 1u << 0xB;
    for (uint32_t wide = 0; wide < 2; wide++) { /* in compatibility mode, too */
        for (uint32_t type = 0; type < 16; type++) {
            struct bench *b = at_level(wide != 0 ? DECODE_64 : DECODE_32, true, 0);
            put_descriptor(b, 0x18, type, 0);
            put_selector(b, 0x18);
            assert_int_equal(look(b, LSL), (known >> type & 1u) != 0);
            assert_int_equal(look(b, LAR), (known >> type & 1u) != 0 || type == 0xC);
        }
    }
}

static void what_is_shown_is_rights_and_limit(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_64, true, 0);
    put_descriptor(b, 0x18, DATA_RW, 0);
    put_selector(b, 0x18);
    assert_true(look(b, LAR));
    assert_int_equal(*gpr(b, GPR_RCX), 0x005A9200); /* the upper half is cleared */
    assert_true(look(b, LSL));
    assert_int_equal(*gpr(b, GPR_RCX), 0xABCDE);
    b->ram[GDT + 0x18 + 6] |= 0x80; /* G */
    assert_true(look(b, LSL));
    assert_int_equal(*gpr(b, GPR_RCX), 0xABCDEFFFu);
    *gpr(b, GPR_RCX) = UINT64_MAX;
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x66, 0x0F, 0x02, 0x08), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RCX), 0xFFFFFFFFFFFF9200ull);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x66, 0x0F, 0x03, 0x08), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RCX), 0xFFFFFFFFFFFFEFFFull);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x48, 0x0F, 0x02, 0x08), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RCX), 0x00DA9200);
    assert_int_equal(b->ram[GDT + 0x18 + 5], 0x92); /* looking is no access */
    /* What cannot be looked at leaves the register. */
    put_descriptor(b, 0x18, 0, 0);
    *gpr(b, GPR_RCX) = 77;
    assert_false(look(b, LAR));
    assert_int_equal(*gpr(b, GPR_RCX), 77);
}

static void nothing_is_found_beyond_a_table_or_in_none(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, false, 0);
    put_descriptor(b, 0x18, DATA_RW, 0);
    for (uint32_t rpl = 0; rpl < 4; rpl++) {
        put_selector(b, rpl);
        b->cache.regs.rflags |= RFLAGS_ZF;
        assert_false(look(b, VERR));
    }
    put_selector(b, 0x18);
    b->cache.regs.gdtr.limit = 0x1F;
    assert_true(look(b, VERR));
    b->cache.regs.gdtr.limit = 0x1E;
    assert_false(look(b, VERR));
    put_descriptor(b, 0x1C, DATA_RW, 0);
    put_selector(b, 0x1C);
    assert_true(look(b, VERR));
    b->cache.regs.seg[SEG_LDTR].limit = 0x1E;
    assert_false(look(b, VERR));
    b->cache.regs.seg[SEG_LDTR].limit = 0x1F;
    b->cache.regs.seg[SEG_LDTR].ar = SEG_AR_UNUSABLE;
    assert_false(look(b, VERR));
}

static void looking_is_for_protected_mode(void **state)
{
    (void)state;
    static const uint8_t codes[][3] = {
        {0x0F, 0x02, 0x07}, {0x0F, 0x03, 0x07}, {0x0F, 0x00, 0x27},
        {0x0F, 0x00, 0x2F}, {0x0F, 0x00, 0x17}, {0x0F, 0x00, 0x1F}, /* LLDT, LTR */
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct bench *b = fresh(DECODE_16);
        assert_fault(b, 6, 0, codes[i][0], codes[i][1], codes[i][2]);
        b->cache.regs.cr0 = CR0_PE;
        b->cache.regs.rflags |= RFLAGS_VM;
        assert_fault(b, 6, 0, codes[i][0], codes[i][1], codes[i][2]);
        assert_int_equal(b->reads, 0);
    }
}

/* --- Paging of the tables ------------------------------------------------------------------------------ */

/* 4 KiB pages below 2 MiB, for the kernel alone but for the code; the tables themselves are at 0x4000. */
static struct bench *with_pages(uint32_t cpl)
{
    struct bench *b = at_level(DECODE_64, true, cpl);
    le_store(b->ram + 0x2000, 8, 0x4007);
    le_store(b->ram + 0x4000, 8, 0x5007);
    le_store(b->ram + 0x2008, 8, 0x40000087); /* no device there, but walked never */
    for (uint32_t i = 0; i < 16; i++) {
        le_store(b->ram + 0x5000 + 8 * i, 8, i << 12 | (i == CODE >> 12 ? 7u : 3u));
    }
    le_store(b->ram + 0x4000 + 8 * (DEVICE >> 21), 8, DEVICE | 0x87u);
    b->cache.regs.cr0 |= CR0_WP;
    return b;
}

static void tables_are_read_with_supervisor_rights(void **state)
{
    (void)state;
    struct bench *b = with_pages(3);
    put_descriptor(b, 0x18, DATA_RW, 3);
    put_selector(b, 0x1B);
    assert_true(look(b, VERR));
    assert_int_equal(le_load(b->ram + 0x5018, 8), 0x3023); /* accessed */
    le_store(b->ram + 0x5018, 8, 0x3002);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x00, 0x20), EMULATE_FAULT);
    assert_int_equal(b->report.vector, 14);
    assert_int_equal(b->report.error_code, 0); /* not of the user */
    assert_int_equal(b->report.cr2, GDT + 0x18);
    /* SMAP closes user pages whatever AC says. */
    le_store(b->ram + 0x5018, 8, 0x3007);
    b->cache.regs.cr4 |= CR4_SMAP;
    b->cache.regs.rflags |= RFLAGS_AC;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x00, 0x20), EMULATE_FAULT);
    assert_int_equal(b->report.error_code, 1);
}

static void a_descriptor_may_lie_across_pages(void **state)
{
    (void)state;
    struct bench *b = with_pages(0);
    uint8_t raw[8];
    put_descriptor(b, 0x18, DATA_RW, 0);
    memcpy(raw, b->ram + GDT + 0x18, 8);
    memset(b->ram + GDT, 0, 0x80);
    b->cache.regs.gdtr.base = 0x6FFD - 0x18; /* three bytes in one page, the type in the next */
    memcpy(b->ram + 0x6FFD, raw, 3);
    memcpy(b->ram + 0x7000, raw + 3, 5);
    put_selector(b, 0x18);
    assert_true(look(b, VERW));
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x8E, 0x20), EMULATE_DONE); /* mov fs, [rax] */
    assert_int_equal(b->cache.regs.seg[SEG_FS].base, 0x12345678);
    assert_int_equal(b->ram[0x7002], 0x93);
    assert_int_equal(le_load(b->ram + 0x5038, 8) & 0x60, 0x60); /* written: dirty */
    assert_int_equal(le_load(b->ram + 0x5030, 8) & 0x60, 0x20);
    le_store(b->ram + 0x5038, 8, 0);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x8E, 0x20), EMULATE_FAULT);
    assert_int_equal(b->report.cr2, 0x7000);
}

static void the_accessed_flag_needs_a_page_that_can_be_written(void **state)
{
    (void)state;
    struct bench *b = with_pages(0);
    put_descriptor(b, 0x18, DATA_RW, 0);
    put_selector(b, 0x18);
    le_store(b->ram + 0x5018, 8, 0x3001);
    b->cache.regs.rip = CODE;
    b->cache.dirty = 0;
    assert_int_equal(RUN(b, DEVICE, 0x8E, 0x18), EMULATE_FAULT); /* mov ds, [rax] */
    assert_int_equal(b->report.vector, 14);
    assert_int_equal(b->report.error_code, 3);
    assert_int_equal(b->report.cr2, GDT + 0x18 + 5);
    assert_int_equal(b->cache.dirty, 0);
    b->ram[GDT + 0x18 + 5] |= 1; /* it is set: nothing needs to be written */
    assert_int_equal(RUN(b, DEVICE, 0x8E, 0x18), EMULATE_DONE);
    assert_int_equal(le_load(b->ram + 0x5018, 8), 0x3021);
}

static void a_table_that_is_no_ram_is_not_for_us(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_64, true, 0);
    b->cache.regs.gdtr.base = DEVICE + 0x1000;
    put_selector(b, 0x18);
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x00, 0x20), EMULATE_ELSEWHERE);
    assert_int_equal(RUN(b, DEVICE, 0x8E, 0x18), EMULATE_ELSEWHERE);
    assert_int_equal(b->cache.dirty, 0);
    b->cache.regs.gdtr.base = 0x00007FFFFFFFFFF0ull;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x00, 0x20), EMULATE_FAULT);
    assert_int_equal(b->report.vector, 13);
}

/* --- Segment loads --------------------------------------------------------------------------------------- */

#define NONE 0xFFu /* no fault */

static void a_load_checks_type_privilege_and_presence(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, dpl, cpl, rpl;
        uint8_t data, stack; /* the exception of MOV DS and MOV SS */
    } rows[] = {
        {DATA_RW, 0, 0, 0, NONE, NONE},
        {DATA_DOWN, 0, 0, 0, NONE, NONE},
        {DATA_R, 0, 0, 0, NONE, 13}, /* a stack is writable */
        {CODE_XR, 0, 0, 0, NONE, 13},
        {CODE_X, 0, 0, 0, 13, 13},
        {CODE_HIDE, 0, 0, 0, 13, 13},
        {CODE_CONF, 0, 3, 3, NONE, 13},
        {DATA_RW, 3, 3, 3, NONE, NONE},
        {DATA_RW, 3, 0, 0, NONE, 13}, /* of another level */
        {DATA_RW, 0, 0, 1, 13, 13},   /* asked for in the name of another */
        {DATA_RW, 1, 0, 1, NONE, 13},
        {DATA_RW, 3, 3, 0, NONE, 13},
        {DATA_RW, 0, 3, 0, 13, 13},
        {CODE_XR, 0, 3, 3, 13, 13},
        {DATA_RW | ABSENT, 0, 0, 0, 11, 12},
        {DATA_RW | ABSENT, 0, 3, 0, 13, 13}, /* privilege goes first */
        {0x2, 0, 0, 0, 13, 13},
        {0xC, 3, 0, 0, 13, 13},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (uint32_t table = 0; table <= 4; table += 4) {
            for (uint32_t stack = 0; stack < 2; stack++) {
                struct bench *b = at_level(DECODE_32, false, rows[i].cpl);
                uint16_t selector = (uint16_t)(0x18u | table);
                uint8_t wanted = stack != 0 ? rows[i].stack : rows[i].data;
                uint8_t modrm = stack != 0 ? 0x10 : 0x18;
                put_descriptor(b, selector, rows[i].type, rows[i].dpl);
                put_selector(b, selector | rows[i].rpl);
                if (wanted != NONE) {
                    assert_fault(b, wanted, selector, 0x8E, modrm);
                    assert_true(b->report.has_code);
                    continue;
                }
                assert_int_equal(RUN(b, DEVICE, 0x8E, modrm), EMULATE_DONE);
                const struct seg_reg *s = &b->cache.regs.seg[stack != 0 ? SEG_SS : SEG_DS];
                assert_int_equal(s->selector, selector | rows[i].rpl);
                assert_int_equal(s->base, 0x12345678);
                assert_int_equal(s->limit, 0xABCDE);
                assert_int_equal(s->ar, 0x5081u + rows[i].type + rows[i].dpl * 32u);
                assert_int_equal(b->report.shadow, stack);
                assert_int_equal(b->cache.dirty, REGS_GPR | REGS_SYS);
            }
        }
    }
}

static void a_limit_counts_pages_if_the_descriptor_says_so(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, false, 0);
    put_descriptor(b, 0x18, DATA_RW, 0);
    b->ram[GDT + 0x18 + 6] |= 0x80;
    put_selector(b, 0x18);
    assert_int_equal(RUN(b, DEVICE, 0x8E, 0x28), EMULATE_DONE); /* mov gs, [eax] */
    assert_int_equal(b->cache.regs.seg[SEG_GS].limit, 0xABCDEFFF);
    assert_int_equal(b->cache.regs.seg[SEG_GS].ar, 0xD093);
}

static void a_null_selector_is_no_segment_and_mostly_no_stack(void **state)
{
    (void)state;
    static const struct {
        bool is_64;
        uint8_t cpl, rpl;
        bool stack;
    } rows[] = {
        {false, 0, 0, false}, {true, 0, 0, true},  {true, 0, 1, false}, {true, 1, 1, true},
        {true, 2, 2, true},   {true, 3, 3, false}, {true, 2, 0, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum decode_mode mode = rows[i].is_64 ? DECODE_64 : DECODE_32;
        struct bench *b = at_level(mode, true, rows[i].cpl);
        put_selector(b, rows[i].rpl);
        assert_int_equal(RUN(b, DEVICE, 0x8E, 0x00), EMULATE_DONE); /* mov es, [rax] */
        assert_int_equal(b->cache.regs.seg[SEG_ES].selector, rows[i].rpl);
        assert_true((b->cache.regs.seg[SEG_ES].ar & SEG_AR_UNUSABLE) != 0);
        b->cache.regs.rip = CODE;
        b->cache.dirty = 0;
        if (!rows[i].stack) {
            assert_fault(b, 13, 0, 0x8E, 0x10);
            continue;
        }
        assert_int_equal(RUN(b, DEVICE, 0x8E, 0x10), EMULATE_DONE); /* mov ss, [rax] */
        assert_true((b->cache.regs.seg[SEG_SS].ar & SEG_AR_UNUSABLE) != 0);
        assert_int_equal(walk_cpl(&b->cache.regs), rows[i].cpl);
        assert_true(b->report.shadow);
    }
}

static void in_real_mode_a_load_is_sixteen_times_the_selector(void **state)
{
    (void)state;
    for (uint32_t v86 = 0; v86 < 2; v86++) {
        struct bench *b = fresh(DECODE_16);
        b->cache.regs.cr0 = v86 != 0 ? CR0_PE : 0;
        b->cache.regs.rflags |= v86 != 0 ? RFLAGS_VM : 0;
        b->cache.regs.seg[SEG_SS].limit = 0xFFFFF; /* "unreal" */
        set_segment(b, SEG_DS, DEVICE, 0xFFFF, 3);
        le_store(b->device + 32, 2, 0x9ABC);
        assert_int_equal(RUN(b, DEVICE, 0x8E, 0x16, 0x00, 0x00), EMULATE_DONE); /* mov ss, [0] */
        assert_int_equal(b->cache.regs.seg[SEG_SS].base, 0x9ABC0);
        assert_int_equal(b->cache.regs.seg[SEG_SS].selector, 0x9ABC);
        assert_int_equal(b->cache.regs.seg[SEG_SS].limit, 0xFFFFF);
        assert_true(b->report.shadow);
    }
}

static void a_single_step_waits_for_the_end_of_the_shadow(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, false, 0);
    put_descriptor(b, 0x18, DATA_RW, 0);
    put_selector(b, 0x18);
    b->cache.regs.rflags |= RFLAGS_TF;
    assert_int_equal(RUN(b, DEVICE, 0x8E, 0x10), EMULATE_DONE); /* mov ss */
    assert_false(b->report.trap);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x8E, 0x18), EMULATE_DONE); /* mov ds */
    assert_true(b->report.trap);
}

static void a_pop_takes_the_pointer_of_the_old_stack(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, false, 0);
    put_descriptor(b, 0x18, DATA_RW, 0);
    b->ram[GDT + 0x18 + 6] &= 0xBF; /* B: the new stack has 16 bits */
    put_selector(b, 0x18);
    *gpr(b, GPR_RSP) = DEVICE;
    assert_int_equal(RUN(b, DEVICE, 0x17), EMULATE_DONE); /* pop ss */
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 4);
    assert_int_equal(b->cache.regs.seg[SEG_SS].base, 0x12345678);
    assert_true(b->report.shadow);
    b = at_level(DECODE_32, false, 0);
    put_descriptor(b, 0x18, CODE_X, 0);
    put_selector(b, 0x18);
    *gpr(b, GPR_RSP) = DEVICE;
    assert_fault(b, 13, 0x18, 0x0F, 0xA1); /* pop fs */
    b = at_level(DECODE_64, true, 0);
    put_descriptor(b, 0x18, CODE_XR, 0);
    put_selector(b, 0x18);
    *gpr(b, GPR_RSP) = DEVICE;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0xA9), EMULATE_DONE); /* pop gs */
    assert_int_equal(*gpr(b, GPR_RSP), DEVICE + 8);
    assert_int_equal(b->cache.regs.seg[SEG_GS].base, 0x12345678);
    assert_false(b->report.shadow);
}

static void far_pointers_load_a_register_and_a_segment_or_neither(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, false, 0);
    put_descriptor(b, 0x18, DATA_RW, 0);
    le_store(b->device + 32, 8, 0x0018CAFEBABEull);
    assert_int_equal(RUN(b, DEVICE, 0xC4, 0x08), EMULATE_DONE); /* les ecx, [eax] */
    assert_int_equal(*gpr(b, GPR_RCX), 0xCAFEBABE);
    assert_int_equal(b->cache.regs.seg[SEG_ES].selector, 0x18);
    assert_int_equal(b->cache.regs.seg[SEG_ES].base, 0x12345678);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0xB2, 0x08), EMULATE_DONE); /* lss ecx, [eax] */
    assert_int_equal(b->cache.regs.seg[SEG_SS].selector, 0x18);
    assert_false(b->report.shadow); /* it needs none */
    b = at_level(DECODE_32, false, 0);
    put_descriptor(b, 0x18, CODE_X, 0);
    le_store(b->device + 32, 8, 0x0018CAFEBABEull);
    assert_fault(b, 13, 0x18, 0xC5, 0x08); /* lds */
    b = at_level(DECODE_64, true, 0);
    put_descriptor(b, 0x18, DATA_RW, 0);
    le_store(b->device + 32, 8, 0x123456789ABCDEF0ull);
    le_store(b->device + 40, 2, 0x18);
    assert_int_equal(RUN(b, DEVICE, 0x48, 0x0F, 0xB4, 0x08), EMULATE_DONE); /* lfs rcx, [rax] */
    assert_int_equal(*gpr(b, GPR_RCX), 0x123456789ABCDEF0ull);
    assert_int_equal(b->cache.regs.seg[SEG_FS].base, 0x12345678);
}

/* --- System registers -------------------------------------------------------------------------------------- */

static void lldt_takes_a_table_from_the_gdt(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_32, false, 0);
    put_descriptor(b, 0x18, 2, 0);
    put_selector(b, 0x1B); /* its level does not matter */
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x00, 0x10), EMULATE_DONE);
    assert_int_equal(b->cache.regs.seg[SEG_LDTR].selector, 0x1B);
    assert_int_equal(b->cache.regs.seg[SEG_LDTR].base, 0x12345678);
    assert_int_equal(b->cache.regs.seg[SEG_LDTR].ar, 0x5082);
    b = at_level(DECODE_32, false, 0);
    put_selector(b, 2);
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x00, 0x10), EMULATE_DONE);
    assert_int_equal(b->cache.regs.seg[SEG_LDTR].ar, SEG_AR_UNUSABLE);
    b = at_level(DECODE_32, false, 0);
    put_descriptor(b, 0x1C, 2, 0);
    put_selector(b, 0x1C);
    assert_fault(b, 13, 0x1C, 0x0F, 0x00, 0x10); /* from an LDT */
    put_descriptor(b, 0x18, 9, 0);
    put_selector(b, 0x18);
    assert_fault(b, 13, 0x18, 0x0F, 0x00, 0x10);
    put_descriptor(b, 0x18, 2 | ABSENT, 0);
    assert_fault(b, 11, 0x18, 0x0F, 0x00, 0x10);
    put_selector(b, 0x80);
    assert_fault(b, 13, 0x80, 0x0F, 0x00, 0x10);
    b = at_level(DECODE_32, false, 3);
    assert_fault(b, 13, 0, 0x0F, 0x00, 0x10);
    assert_int_equal(b->reads, 0);
}

static void ltr_makes_a_task_busy(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        bool legacy, longer;
    } rows[] = {{1, true, false}, {2, false, false},  {3, false, false},
                {9, true, true},  {11, false, false}, {12, false, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (uint32_t is_long = 0; is_long < 2; is_long++) {
            struct bench *b = at_level(DECODE_32, is_long != 0, 0);
            put_descriptor(b, 0x18, rows[i].type, 0);
            put_selector(b, 0x18);
            if (is_long != 0 ? !rows[i].longer : !rows[i].legacy) {
                assert_fault(b, 13, 0x18, 0x0F, 0x00, 0x18);
                continue;
            }
            assert_int_equal(RUN(b, DEVICE, 0x0F, 0x00, 0x18), EMULATE_DONE);
            assert_int_equal(b->cache.regs.seg[SEG_TR].ar, 0x5080u | rows[i].type | 2u);
            assert_int_equal(b->cache.regs.seg[SEG_TR].base, 0x12345678);
            assert_int_equal(b->ram[GDT + 0x18 + 5], 0x80u | rows[i].type | 2u);
        }
    }
    struct bench *b = at_level(DECODE_32, false, 0);
    put_selector(b, 0);
    assert_fault(b, 13, 0, 0x0F, 0x00, 0x18);
}

static void in_long_mode_system_descriptors_have_sixteen_bytes(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_64, true, 0);
    put_descriptor(b, 0x18, 9, 0);
    put_selector(b, 0x18);
    le_store(b->ram + GDT + 0x20, 8, 0xFFFF8000u);
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x00, 0x18), EMULATE_DONE);
    assert_int_equal(b->cache.regs.seg[SEG_TR].base, 0xFFFF800012345678ull);
    put_descriptor(b, 0x18, 2, 0);
    b->cache.regs.rip = CODE;
    b->cache.dirty = 0;
    le_store(b->ram + GDT + 0x20, 8, 0x8000u); /* not canonical */
    assert_fault(b, 13, 0x18, 0x0F, 0x00, 0x10);
    le_store(b->ram + GDT + 0x20, 8, 0x0000090000000000ull); /* a second half with a type */
    assert_fault(b, 13, 0x18, 0x0F, 0x00, 0x10);
    le_store(b->ram + GDT + 0x20, 8, 0);
    b->cache.regs.gdtr.limit = 0x26;
    assert_fault(b, 13, 0x18, 0x0F, 0x00, 0x10);
    b->cache.regs.gdtr.limit = 0x27;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x00, 0x10), EMULATE_DONE);
}

static void tables_are_loaded_by_the_kernel_alone(void **state)
{
    (void)state;
    struct bench *b = at_level(DECODE_64, true, 0);
    le_store(b->device + 32, 2, 0x7FF);
    le_store(b->device + 34, 8, 0xFFFF800000001000ull);
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x01, 0x10), EMULATE_DONE); /* lgdt [rax] */
    assert_int_equal(b->cache.regs.gdtr.limit, 0x7FF);
    assert_int_equal(b->cache.regs.gdtr.base, 0xFFFF800000001000ull);
    assert_int_equal(b->cache.dirty, REGS_GPR | REGS_SYS);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x01, 0x18), EMULATE_DONE); /* lidt [rax] */
    assert_int_equal(b->cache.regs.idtr.base, 0xFFFF800000001000ull);
    b = at_level(DECODE_64, true, 0);
    le_store(b->device + 34, 8, 0x0000800000001000ull);
    assert_fault(b, 13, 0, 0x0F, 0x01, 0x10);
    b = at_level(DECODE_32, false, 0);
    le_store(b->device + 32, 2, 0x7FF);
    le_store(b->device + 34, 8, 0xCAFEBABE);
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x01, 0x10), EMULATE_DONE);
    assert_int_equal(b->cache.regs.gdtr.base, 0xCAFEBABE);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x66, 0x0F, 0x01, 0x18), EMULATE_DONE);
    assert_int_equal(b->cache.regs.idtr.base, 0xFEBABE); /* 24 bits */
    b = at_level(DECODE_32, false, 3);
    assert_fault(b, 13, 0, 0x0F, 0x01, 0x10);
    assert_int_equal(b->reads, 0);
}

static void lmsw_sets_protection_and_never_clears_it(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_16);
    set_segment(b, SEG_DS, DEVICE, 0xFFFF, 3);
    le_store(b->device + 32, 2, 0xFFFB);
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x01, 0x36, 0x00, 0x00), EMULATE_DONE);
    assert_int_equal(b->cache.regs.cr0, CR0_PE | CR0_MP | CR0_TS);
    b = at_level(DECODE_32, false, 0);
    le_store(b->device + 32, 2, 0);
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x01, 0x30), EMULATE_DONE);
    assert_int_equal(b->cache.regs.cr0, CR0_PE);
    b = at_level(DECODE_32, false, 3);
    assert_fault(b, 13, 0, 0x0F, 0x01, 0x30);
}

/* A host may leave out of a 64-bit guest's registers what few instructions need. */
static void what_64_bit_code_has_no_use_for_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        uint8_t code[4], len;
        bool asks;
    } rows[] = {
        {{0x8B, 0x08}, 2, false},            /* mov ecx, [rax] */
        {{0x8E, 0x20}, 2, true},             /* mov fs, [rax]  */
        {{0x8C, 0x20}, 2, true},             /* mov [rax], fs  */
        {{0x0F, 0x01, 0x00}, 3, true},       /* sgdt [rax]     */
        {{0x0F, 0x00, 0x08}, 3, true},       /* str [rax]      */
        {{0x0F, 0x00, 0x20}, 3, true},       /* verr [rax]     */
        {{0x0F, 0x00, 0x10}, 3, true},       /* lldt [rax]     */
        {{0x0F, 0x01, 0x10}, 3, true},       /* lgdt [rax]     */
        {{0x48, 0x0F, 0xB5, 0x08}, 4, true}, /* lgs rcx, [rax] */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = at_level(DECODE_64, true, 0);
        assert_int_equal(run(b, rows[i].code, rows[i].len, DEVICE), EMULATE_DONE);
        assert_int_equal((b->asked & REGS_SEG) != 0, rows[i].asks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looking_at_a_selector_depends_on_type_and_privilege),
        cmocka_unit_test(long_mode_knows_fewer_system_descriptors),
        cmocka_unit_test(what_is_shown_is_rights_and_limit),
        cmocka_unit_test(nothing_is_found_beyond_a_table_or_in_none),
        cmocka_unit_test(looking_is_for_protected_mode),
        cmocka_unit_test(tables_are_read_with_supervisor_rights),
        cmocka_unit_test(a_descriptor_may_lie_across_pages),
        cmocka_unit_test(the_accessed_flag_needs_a_page_that_can_be_written),
        cmocka_unit_test(a_table_that_is_no_ram_is_not_for_us),
        cmocka_unit_test(a_load_checks_type_privilege_and_presence),
        cmocka_unit_test(a_limit_counts_pages_if_the_descriptor_says_so),
        cmocka_unit_test(a_null_selector_is_no_segment_and_mostly_no_stack),
        cmocka_unit_test(in_real_mode_a_load_is_sixteen_times_the_selector),
        cmocka_unit_test(a_single_step_waits_for_the_end_of_the_shadow),
        cmocka_unit_test(a_pop_takes_the_pointer_of_the_old_stack),
        cmocka_unit_test(far_pointers_load_a_register_and_a_segment_or_neither),
        cmocka_unit_test(lldt_takes_a_table_from_the_gdt),
        cmocka_unit_test(ltr_makes_a_task_busy),
        cmocka_unit_test(in_long_mode_system_descriptors_have_sixteen_bytes),
        cmocka_unit_test(tables_are_loaded_by_the_kernel_alone),
        cmocka_unit_test(what_64_bit_code_has_no_use_for_is_asked_for),
        cmocka_unit_test(lmsw_sets_protection_and_never_clears_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
