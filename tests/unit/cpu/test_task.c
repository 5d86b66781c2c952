/* SPDX-License-Identifier: BSD-2-Clause
 * Task switches: tables by hand from the manual. [SDM] vol. 3A, 8.2 to 8.4, tables 6-7 and 8-1. */
#include "emulate_bench.h"

#include "cpu/emulate_int.h"

#define GDT     0x3000u
#define LDT     0x3800u
#define OLD     0x4000u /* TSSs */
#define NEW     0x4100u
#define STACK   0x7000u
#define NEW_CR3 0x9000u

/* Selectors. */
#define CODE_0  0x08u
#define DATA_0  0x10u
#define CODE_3  0x1Bu
#define DATA_3  0x23u
#define TSS_OLD 0x28u
#define TSS_NEW 0x30u
#define LDT_NEW 0x38u
#define ODD     0x40u /* what a test spoils */
#define GATE    0x48u

#define ABSENT 0x80u /* flips P */

/* Types with S, as descriptors have them, without P and DPL. */
#define DATA_R    0x10u
#define DATA_RW   0x12u
#define CODE_X    0x18u
#define CODE_XR   0x1Au
#define CODE_CONF 0x1Eu
#define CODE_HIDE 0x1Cu /* conforming, not to be read */

/* What a field of a TSS is called here, and where it is. */
struct layout {
    uint32_t width, ip, gpr, seg, segs, ldt, bytes;
};
static const struct layout layouts[2] = {{2, 0x0E, 0x12, 0x22, 4, 0x2A, 0x2C},
                                         {4, 0x20, 0x28, 0x48, 6, 0x60, 0x68}};

static const struct layout *wide = &layouts[1];

static void put(struct bench *b, uint16_t selector, uint32_t base, uint32_t limit, uint32_t type,
                uint32_t dpl)
{
    uint64_t rights = (type ^ 0x80u) | dpl << 5;
    uint64_t flags = limit > 0xFFFFFu ? 0xCu : 0x4u; /* G, D */
    uint32_t units = limit > 0xFFFFFu ? limit >> 12 : limit;
    uint64_t d = (uint64_t)(base & 0xFFFFFFu) << 16 | (uint64_t)(base >> 24) << 56;
    d |= (units & 0xFFFFu) | (uint64_t)(units >> 16 & 0xFu) << 48 | rights << 40 | flags << 52;
    le_store(b->ram + ((selector & 4u) != 0 ? LDT : GDT) + (selector & ~7u), 8, d);
}

static uint32_t type_of(const struct bench *b, uint16_t selector)
{
    return b->ram[GDT + selector + 5u] & 0x1Fu;
}

static void put_segment(struct bench *b, uint32_t seg, uint16_t selector)
{
    le_store(b->ram + NEW + wide->seg + seg * 4u, 2, selector);
}

/* A TSS of a task at level 0 whose registers are 0xN1000000 + their number. */
static void put_task(struct bench *b, bool is_32, uint32_t at)
{
    const struct layout *l = &layouts[is_32];
    uint8_t *tss = b->ram + at;
    le_store(tss + l->ip, l->width, 0x12345678);
    le_store(tss + l->ip + l->width, l->width, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_CF);
    for (uint32_t i = 0; i < 8; i++) {
        le_store(tss + l->gpr + i * l->width, l->width, 0x11000000u + 0x100u * i);
    }
    le_store(tss + l->gpr + GPR_RSP * l->width, l->width, STACK);
    for (uint32_t i = 0; i < l->segs; i++) {
        le_store(tss + l->seg + i * l->width, 2, i == SEG_CS ? CODE_0 : DATA_0);
    }
    if (is_32) {
        le_store(tss + 0x1C, 4, NEW_CR3);
    }
}

/* An old task at level 0 without paging, and a new one that nothing is wrong with. */
static struct bench *two_tasks(bool from_32, bool to_32)
{
    struct bench *b = fresh(DECODE_32);
    struct vcpu_regs *r = &b->cache.regs;
    put(b, CODE_0, 0, UINT32_MAX, CODE_XR, 0);
    put(b, DATA_0, 0, UINT32_MAX, DATA_RW, 0);
    put(b, CODE_3, 0, UINT32_MAX, CODE_XR, 3);
    put(b, DATA_3, 0, UINT32_MAX, DATA_RW, 3);
    put(b, TSS_OLD, OLD, layouts[from_32].bytes - 1u, from_32 ? 0xB : 0x3, 0);
    put(b, TSS_NEW, NEW, layouts[to_32].bytes - 1u, to_32 ? 0x9 : 0x1, 0);
    put(b, LDT_NEW, LDT, 0x3F, 0x2, 0);
    memset(b->ram + OLD, 0xEE, 0x68);
    memset(b->ram + NEW, 0, 0x68);
    put_task(b, to_32, NEW);
    for (uint32_t i = 0; i < 8; i++) {
        r->gpr[i] = 0xA1B20000u + 0x10u * i;
    }
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        r->seg[i].selector = (uint16_t)(0x100u + 8u * i);
    }
    r->rflags = RFLAGS_FIXED | RFLAGS_NT | RFLAGS_ZF | RFLAGS_RF;
    r->gdtr = (struct table_reg){.base = GDT, .limit = 0x7F};
    r->seg[SEG_LDTR] = (struct seg_reg){.base = 0xBAD, .limit = 0x3F, .ar = 0x82, .selector = 0x70};
    r->seg[SEG_TR] = (struct seg_reg){.base = OLD,
                                      .limit = layouts[from_32].bytes - 1u,
                                      .ar = from_32 ? 0x8B : 0x83,
                                      .selector = TSS_OLD};
    r->cr3 = 0x5000;
    b->vcpu.phys_bits = 40;
    return b;
}

static enum emulate_result switch_by(struct bench *b, uint8_t source, bool external)
{
    const struct vm_exit_task t = {
        .selector = TSS_NEW, .source = source, .insn_len = 2, .external = external};
    if (source == VM_TASK_IRET) {
        b->ram[GDT + TSS_NEW + 5u] |= 2; /* busy */
    }
    return emulate_task_switch(&b->vcpu, &t, &b->report);
}

/* --- What a switch does ------------------------------------------------------------------------------- */

static void check_saved(const struct bench *b, bool is_32, uint32_t eflags)
{
    const struct layout *l = &layouts[is_32];
    const uint8_t *tss = b->ram + OLD;
    uint64_t ones = is_32 ? UINT32_MAX : 0xFFFFu;
    assert_int_equal(le_load(tss + l->ip, l->width), (CODE + 2) & ones);
    assert_int_equal(le_load(tss + l->ip + l->width, l->width), eflags & ones);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(le_load(tss + l->gpr + i * l->width, l->width),
                         (0xA1B20000u + 0x10u * i) & ones);
    }
    for (uint32_t i = 0; i < l->segs; i++) {
        assert_int_equal(le_load(tss + l->seg + i * l->width, 2), 0x100u + 8u * i);
        /* the rest of the word is nobody's */
        assert_int_equal(tss[l->seg + i * l->width + l->width - 1u], is_32 ? 0xEE : 1);
    }
    assert_int_equal(le_load(tss, 4), 0xEEEEEEEE); /* link, and what is before the saved part */
    assert_int_equal(tss[l->ip - 1u], 0xEE);
    assert_int_equal(tss[l->ldt], 0xEE);
}

static void check_loaded(const struct bench *b, bool is_32)
{
    const struct vcpu_regs *r = &b->cache.regs;
    assert_int_equal(r->rip, is_32 ? 0x12345678 : 0x5678);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t low = i == GPR_RSP ? STACK : 0x11000000u + 0x100u * i;
        uint32_t high = i == GPR_RSP ? STACK : low;
        assert_int_equal(r->gpr[i], is_32 ? high : 0xFFFF0000u | (low & 0xFFFFu));
    }
    for (uint32_t i = 0; i < layouts[is_32].segs; i++) {
        assert_int_equal(r->seg[i].selector, i == SEG_CS ? CODE_0 : DATA_0);
        assert_int_equal(r->seg[i].limit, UINT32_MAX);
        assert_int_equal(r->seg[i].ar, i == SEG_CS ? 0xC09B : 0xC093);
    }
    for (uint32_t i = layouts[is_32].segs; i <= SEG_GS; i++) { /* FS and GS of a 286 */
        assert_int_equal(r->seg[i].selector, 0);
        assert_int_equal(r->seg[i].ar, SEG_AR_UNUSABLE);
    }
    assert_int_equal(r->seg[SEG_LDTR].ar, SEG_AR_UNUSABLE);
    assert_int_equal(r->seg[SEG_TR].selector, TSS_NEW);
    assert_int_equal(r->seg[SEG_TR].base, NEW);
    assert_int_equal(r->seg[SEG_TR].ar & 0xFFu, is_32 ? 0x8B : 0x83);
    assert_int_equal(r->cr0, CR0_PE | CR0_TS);
    assert_int_equal(r->cr3, 0x5000); /* no paging: as it was */
}

static void a_switch_saves_one_task_and_loads_the_other(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 16; n++) {
        const uint8_t source = (uint8_t)(n & 3u);
        const bool from_32 = (n & 4u) != 0;
        const bool to_32 = (n & 8u) != 0;
        const bool nests = source == VM_TASK_CALL || source == VM_TASK_GATE;
        const uint32_t iret = source == VM_TASK_IRET ? RFLAGS_NT : 0;
        const uint32_t rf = source == VM_TASK_GATE ? RFLAGS_RF : 0;
        struct bench *b = two_tasks(from_32, to_32);
        assert_int_equal(switch_by(b, source, false), EMULATE_DONE);
        assert_true(b->report.switched);
        assert_false(b->report.task_trap);
        assert_false(b->report.trap);
        check_saved(b, from_32, ((RFLAGS_FIXED | RFLAGS_NT | RFLAGS_ZF) & ~iret) | rf);
        check_loaded(b, to_32);
        assert_int_equal(b->cache.regs.rflags,
                         RFLAGS_FIXED | RFLAGS_IF | RFLAGS_CF | (nests ? RFLAGS_NT : 0u));
        assert_int_equal(type_of(b, TSS_OLD), (from_32 ? 9 : 1) | (nests ? 2 : 0));
        assert_int_equal(type_of(b, TSS_NEW), to_32 ? 0xB : 3);
        assert_int_equal(le_load(b->ram + NEW, 2), nests ? TSS_OLD : 0);
        assert_int_equal(b->cache.dirty, REGS_ALL);
        assert_int_equal(le_load(b->ram, 8), 0); /* nothing lies at 0 */
        assert_true((b->asked & REGS_SEG) != 0 || b->fetches != 0);
    }
}

static void a_task_may_come_back_to_itself(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, true);
    const struct vm_exit_task t = {.selector = TSS_OLD, .source = VM_TASK_IRET, .insn_len = 1};
    memset(b->ram + OLD, 0, 0x68);
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        b->cache.regs.seg[i].selector = i == SEG_CS ? CODE_0 : DATA_0;
    }
    assert_int_equal(emulate_task_switch(&b->vcpu, &t, &b->report), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, CODE + 1); /* what has just been saved */
    assert_int_equal(b->cache.regs.gpr[GPR_RBX], 0xA1B20030u);
    assert_int_equal(b->cache.regs.rflags & RFLAGS_NT, 0);
    assert_int_equal(type_of(b, TSS_OLD), 9); /* cleared, and IRET sets none */
}

static void all_flags_that_exist_are_loaded(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, true);
    le_store(b->ram + NEW + 0x24, 4, 0xFFFFFFFFu & ~RFLAGS_VM);
    assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rflags, 0x3F7FD7u & ~RFLAGS_VM);
}

static void a_single_step_over_an_instruction_traps_in_the_new_task(void **state)
{
    (void)state;
    for (uint8_t source = 0; source < 4; source++) {
        struct bench *b = two_tasks(true, true);
        b->cache.regs.rflags |= RFLAGS_TF;
        assert_int_equal(switch_by(b, source, false), EMULATE_DONE);
        assert_int_equal(b->report.trap, source != VM_TASK_GATE);
        assert_int_equal(b->cache.regs.rflags & RFLAGS_TF, 0);
    }
}

static void the_trap_flag_of_a_tss_is_reported(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, true);
    b->ram[NEW + 0x64] = 1;
    assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_DONE);
    assert_true(b->report.task_trap);
    b = two_tasks(true, true);
    b->ram[NEW + 0x64] = 1;
    put_segment(b, SEG_DS, CODE_0 | 3u); /* wrong: the fault goes first */
    assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_FAULT);
    assert_false(b->report.task_trap);
}

/* --- Checks before the commit point --------------------------------------------------------------------- */

static void nothing_is_changed_if_the_new_tss_is_no_good(void **state)
{
    (void)state;
    enum { CALL = 1, IRET = 2, JMP = 4, GATE_ = 8, ASK = CALL | JMP | GATE_, ALL = 15 };
    static const struct {
        uint8_t sources; /* bits, by VM_TASK_* */
        uint16_t selector;
        uint8_t type;
        uint32_t limit;
        uint8_t vector;
        uint16_t code;
    } rows[] = {
        {ASK, 0x0, 0, 0, VECTOR_GP, 0},
        {IRET, 0x3, 0, 0, VECTOR_TS, 0}, /* a null back link */
        {ASK, TSS_NEW | 7, 0x9, 0x67, VECTOR_GP, TSS_NEW | 4},
        {IRET, TSS_NEW | 4, 0xB, 0x67, VECTOR_TS, TSS_NEW | 4},
        {ASK, 0x80, 0, 0, VECTOR_GP, 0x80}, /* beyond the table */
        {IRET, 0x83, 0, 0, VECTOR_TS, 0x80},
        {ASK, ODD, 0xB, 0x67, VECTOR_GP, ODD}, /* busy */
        {ASK, ODD, 0x3, 0x67, VECTOR_GP, ODD},
        {IRET, ODD, 0x9, 0x67, VECTOR_TS, ODD}, /* not busy */
        {IRET, ODD, 0x1, 0x67, VECTOR_TS, ODD},
        {ASK, ODD, 0x0, 0x67, VECTOR_GP, ODD}, /* no TSS at all */
        {ASK, ODD, 0x2, 0x67, VECTOR_GP, ODD},
        {ASK, ODD, 0x5, 0x67, VECTOR_GP, ODD}, /* the gate was passed before */
        {ASK, ODD, 0xC, 0x67, VECTOR_GP, ODD},
        {IRET, ODD, 0xF, 0x67, VECTOR_TS, ODD},
        {ASK, ODD, 0x19, 0x67, VECTOR_GP, ODD}, /* a segment with such a type */
        {IRET, ODD, 0x1B, 0x67, VECTOR_TS, ODD},
        {ASK, ODD | 3, 0x9 | ABSENT, 0x67, VECTOR_NP, ODD},
        {IRET, ODD, 0xB | ABSENT, 0x67, VECTOR_NP, ODD},
        {ASK, ODD, 0x9 | ABSENT, 0x10, VECTOR_NP, ODD}, /* before the limit */
        {ASK, ODD, 0x9, 0x66, VECTOR_TS, ODD},
        {IRET, ODD, 0xB, 0x66, VECTOR_TS, ODD},
        {ASK, ODD, 0x1, 0x2A, VECTOR_TS, ODD},
        {IRET, ODD, 0x3, 0x2A, VECTOR_TS, ODD},
    };
    static struct bench before;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (uint32_t n = 0; n < 8; n++) {
            const uint8_t source = (uint8_t)(n >> 1);
            const bool external = (n & 1u) != 0;
            struct bench *b = two_tasks(true, true);
            const struct vm_exit_task t = {
                .selector = rows[i].selector, .source = source, .external = external};
            if ((rows[i].sources >> source & 1u) == 0) {
                continue;
            }
            put(b, ODD, NEW, rows[i].limit, rows[i].type, 0);
            before = *b;
            assert_int_equal(emulate_task_switch(&b->vcpu, &t, &b->report), EMULATE_FAULT);
            assert_int_equal(b->report.vector, rows[i].vector);
            assert_true(b->report.has_code);
            assert_int_equal(b->report.error_code, rows[i].code | (external ? 1u : 0u));
            assert_false(b->report.switched);
            assert_memory_equal(b->ram, before.ram, RAM_BYTES);
            assert_memory_equal(&b->cache.regs, &before.cache.regs, sizeof(before.cache.regs));
            assert_int_equal(b->cache.dirty, 0);
        }
    }
}

static void least_limits_are_enough(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 4; n++) {
        struct bench *b = two_tasks((n & 1u) != 0, (n & 2u) != 0);
        b->cache.regs.seg[SEG_TR].limit = (n & 1u) != 0 ? 0x5F : 0x29;
        assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_DONE);
        b = two_tasks((n & 1u) != 0, (n & 2u) != 0);
        b->cache.regs.seg[SEG_TR].limit = (n & 1u) != 0 ? 0x5E : 0x28;
        assert_int_equal(switch_by(b, VM_TASK_JMP, true), EMULATE_FAULT);
        assert_int_equal(b->report.vector, VECTOR_TS);
        assert_int_equal(b->report.error_code, TSS_OLD | 1u);
        assert_false(b->report.switched);
    }
}

/* --- Checks after it ------------------------------------------------------------------------------------ */

static void a_bad_segment_is_the_new_tasks_fault(void **state)
{
    (void)state;
    static const struct {
        uint8_t seg;
        uint16_t selector;
        uint8_t type, dpl;
        uint8_t vector; /* 0: it is good */
    } rows[] = {
        {SEG_CS, 0, 0, 0, VECTOR_TS},
        {SEG_CS, 0x80, 0, 0, VECTOR_TS},
        {SEG_CS, 0x44, 0, 0, VECTOR_TS}, /* beyond the LDT */
        {SEG_CS, ODD, DATA_RW, 0, VECTOR_TS},
        {SEG_CS, ODD, 0x9, 0, VECTOR_TS},
        {SEG_CS, ODD, CODE_XR, 1, VECTOR_TS},
        {SEG_CS, ODD, CODE_CONF, 1, VECTOR_TS},
        {SEG_CS, ODD, CODE_CONF, 0, 0},
        {SEG_CS, ODD, CODE_X, 0, 0},
        {SEG_CS, ODD, CODE_XR | ABSENT, 0, VECTOR_NP},
        {SEG_CS, ODD, CODE_XR | ABSENT, 1, VECTOR_TS}, /* the level first */
        {SEG_SS, 0, 0, 0, VECTOR_TS},
        {SEG_SS, 0x80, 0, 0, VECTOR_TS},
        {SEG_SS, ODD, CODE_XR, 0, VECTOR_TS},
        {SEG_SS, ODD, DATA_R, 0, VECTOR_TS},
        {SEG_SS, ODD, 0x2, 0, VECTOR_TS},
        {SEG_SS, ODD, DATA_RW | ABSENT, 0, VECTOR_SS},
        {SEG_SS, ODD, DATA_RW | ABSENT, 3, VECTOR_SS}, /* before the level */
        {SEG_SS, ODD, DATA_RW, 3, VECTOR_TS},
        {SEG_SS, ODD | 3, DATA_RW, 0, VECTOR_TS},
        {SEG_SS, ODD, DATA_RW, 0, 0},
        {SEG_DS, 3, 0, 0, 0}, /* null */
        {SEG_ES, 0x80, 0, 0, VECTOR_TS},
        {SEG_FS, ODD, CODE_X, 0, VECTOR_TS},
        {SEG_FS, ODD, CODE_HIDE, 0, VECTOR_TS},
        {SEG_GS, ODD, 0x2, 0, VECTOR_TS},
        {SEG_DS, ODD, DATA_R | ABSENT, 0, VECTOR_NP},
        {SEG_DS, ODD | 3, DATA_R | ABSENT, 0, VECTOR_NP}, /* before the level */
        {SEG_DS, ODD | 3, DATA_R, 0, VECTOR_TS},
        {SEG_GS, ODD | 3, CODE_XR, 0, VECTOR_TS},
        {SEG_ES, ODD | 3, CODE_CONF, 0, 0},
        {SEG_GS, ODD | 3, DATA_RW, 3, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (uint32_t external = 0; external < 2; external++) {
            struct bench *b = two_tasks(true, true);
            const struct vcpu_regs *r = &b->cache.regs;
            le_store(b->ram + NEW + wide->ldt, 2, LDT_NEW);
            put(b, ODD, 0x1000, 0xFFFF, rows[i].type, rows[i].dpl);
            put_segment(b, rows[i].seg, rows[i].selector);
            enum emulate_result result = switch_by(b, VM_TASK_GATE, external != 0);
            assert_int_equal(result, rows[i].vector == 0 ? EMULATE_DONE : EMULATE_FAULT);
            assert_true(b->report.switched);
            assert_int_equal(r->rip, 0x12345678); /* the new task is there, whatever failed */
            assert_int_equal(r->seg[SEG_TR].selector, TSS_NEW);
            assert_int_equal(r->seg[rows[i].seg].selector, rows[i].selector);
            assert_int_equal(r->seg[SEG_LDTR].base, LDT);
            assert_int_equal(type_of(b, TSS_NEW), 0xB);
            if (rows[i].vector != 0) {
                assert_int_equal(b->report.vector, rows[i].vector);
                assert_int_equal(b->report.error_code, (rows[i].selector & ~3u) | external);
            }
            bool early = rows[i].vector != 0 && rows[i].seg <= SEG_SS && rows[i].seg >= SEG_CS;
            assert_int_equal(r->seg[SEG_SS].ar, early ? SEG_AR_UNUSABLE : r->seg[SEG_SS].ar);
            assert_int_equal(walk_cpl(r), 0); /* what CS says */
            assert_int_equal(r->seg[SEG_CS].ar & SEG_AR_P, SEG_AR_P);
        }
    }
}

static void a_bad_ldt_is_found_first(void **state)
{
    (void)state;
    static const struct {
        uint16_t selector;
        uint8_t type;
        bool good;
    } rows[] = {
        {ODD, 0x2, true},  {3, 0, true},       {ODD | 4, 0x2, false},      {0x80, 0x2, false},
        {ODD, 0x9, false}, {ODD, 0x12, false}, {ODD, 0x2 | ABSENT, false}, {ODD | 3, 0x2, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = two_tasks(true, true);
        put(b, ODD, LDT, 0x3F, rows[i].type, 0);
        put_segment(b, SEG_CS, rows[i].good ? CODE_0 : 0);
        le_store(b->ram + NEW + wide->ldt, 2, rows[i].selector);
        assert_int_equal(switch_by(b, VM_TASK_JMP, false),
                         rows[i].good ? EMULATE_DONE : EMULATE_FAULT);
        assert_int_equal(b->cache.regs.seg[SEG_LDTR].selector, rows[i].selector);
        if (!rows[i].good) {
            assert_int_equal(b->report.vector, VECTOR_TS);
            assert_int_equal(b->report.error_code, rows[i].selector & ~3u);
            assert_int_equal(b->cache.regs.seg[SEG_LDTR].ar, SEG_AR_UNUSABLE);
        }
    }
}

static void segments_come_from_the_new_ldt(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, true);
    le_store(b->ram + NEW + wide->ldt, 2, LDT_NEW);
    put(b, 0x0C, 0x4444, 0x123, DATA_RW, 3);
    put_segment(b, SEG_FS, 0x0F);
    assert_int_equal(switch_by(b, VM_TASK_CALL, false), EMULATE_DONE);
    assert_int_equal(b->cache.regs.seg[SEG_FS].base, 0x4444);
    assert_int_equal(b->cache.regs.seg[SEG_FS].limit, 0x123);
    assert_int_equal(b->ram[LDT + 0x08 + 5] & 1u, 1); /* accessed */
}

static void a_task_may_run_at_another_level(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, true);
    put_segment(b, SEG_CS, CODE_3);
    put_segment(b, SEG_SS, DATA_3);
    for (uint32_t i = SEG_DS; i <= SEG_GS; i++) {
        put_segment(b, i, DATA_3);
    }
    put_segment(b, SEG_ES, DATA_3);
    assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_DONE);
    assert_int_equal(walk_cpl(&b->cache.regs), 3);
    b = two_tasks(true, true);
    put_segment(b, SEG_CS, CODE_3); /* SS is of level 0 */
    assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_FAULT);
    assert_int_equal(walk_cpl(&b->cache.regs), 3);
    assert_int_equal((b->cache.regs.seg[SEG_CS].ar & SEG_AR_DPL) >> 5, 3);
    b = two_tasks(true, true);
    put_segment(b, SEG_CS, CODE_3);
    put_segment(b, SEG_SS, DATA_3);
    assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_FAULT); /* DS of level 0 */
    assert_int_equal(b->report.vector, VECTOR_TS);
    assert_int_equal(b->report.error_code, DATA_0);
}

static void a_virtual_8086_task_has_no_descriptors(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, true);
    const struct vcpu_regs *r = &b->cache.regs;
    le_store(b->ram + NEW + 0x24, 4, RFLAGS_FIXED | RFLAGS_VM | RFLAGS_IF);
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        put_segment(b, i, (uint16_t)(0xF000u + i));
    }
    assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_DONE);
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        assert_int_equal(r->seg[i].selector, 0xF000u + i);
        assert_int_equal(r->seg[i].base, 0xF0000u + 16u * i);
        assert_int_equal(r->seg[i].limit, 0xFFFF);
        assert_int_equal(r->seg[i].ar, 0xF3);
    }
    assert_int_equal(walk_cpl(r), 3);
    le_store(b->ram + NEW + wide->ldt, 2, 0x80);
    b->ram[GDT + TSS_NEW + 5u] &= (uint8_t)~2u;
    b->cache.regs.rflags &= ~(uint64_t)RFLAGS_VM;
    assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_FAULT); /* but an LDT */
    assert_int_equal(b->report.vector, VECTOR_TS);
}

/* --- Error codes ---------------------------------------------------------------------------------------- */

static enum emulate_result switch_with_code(struct bench *b, uint32_t code)
{
    const struct vm_exit_task t = {.selector = TSS_NEW,
                                   .source = VM_TASK_GATE,
                                   .vector = VECTOR_GP,
                                   .exception = true,
                                   .external = true,
                                   .has_error_code = true,
                                   .error_code = code};
    return emulate_task_switch(&b->vcpu, &t, &b->report);
}

static void an_error_code_lies_on_the_new_stack(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 4; n++) {
        const bool to_32 = (n & 1u) != 0;
        struct bench *b = two_tasks((n & 2u) != 0, to_32);
        memset(b->ram + STACK - 8, 0x77, 8);
        if (!to_32) { /* a stack of 16 bits, too */
            b->ram[GDT + DATA_0 + 6] &= 0xBFu;
        }
        assert_int_equal(switch_with_code(b, 0xABCD1234), EMULATE_DONE);
        uint32_t bytes = to_32 ? 4 : 2;
        assert_int_equal(b->cache.regs.gpr[GPR_RSP],
                         to_32 ? STACK - bytes : 0xFFFF0000u | (STACK - bytes));
        assert_int_equal(le_load(b->ram + STACK - 4, 4), to_32 ? 0xABCD1234u : 0x12347777u);
        assert_int_equal(b->ram[STACK - 5], 0x77);
    }
}

static void a_stack_without_room_is_the_new_tasks_fault(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, true);
    put(b, ODD, 0, 0x7000 - 2, DATA_RW, 0);
    put_segment(b, SEG_SS, ODD);
    assert_int_equal(switch_with_code(b, 0), EMULATE_FAULT);
    assert_int_equal(b->report.vector, VECTOR_SS);
    assert_int_equal(b->report.error_code, 1);
    assert_true(b->report.switched);
    assert_int_equal(b->cache.regs.gpr[GPR_RSP], STACK);
}

/* --- Paging --------------------------------------------------------------------------------------------- */

#define OLD_CR3 0x5000u

/* 32-bit paging, the first 4 MiB one to one in both address spaces, tables at cr3 + 4096. */
static struct bench *paged(void)
{
    struct bench *b = two_tasks(true, true);
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t directory = k == 0 ? OLD_CR3 : NEW_CR3;
        le_store(b->ram + directory, 4, (directory + 0x1000) | 7u);
        for (uint32_t i = 0; i < 16; i++) {
            le_store(b->ram + directory + 0x1000 + 4u * i, 4, i << 12 | 3u);
        }
    }
    b->cache.regs.cr0 = CR0_PE | CR0_PG | CR0_WP;
    b->cache.regs.cr3 = OLD_CR3;
    return b;
}

static uint8_t *entry(struct bench *b, uint32_t cr3, uint32_t linear)
{
    return b->ram + cr3 + 0x1000 + (linear >> 12) * 4u;
}

static void the_new_task_has_its_own_address_space(void **state)
{
    (void)state;
    struct bench *b = paged();
    *entry(b, NEW_CR3, STACK - 4) =
        3; /* the new stack is at 0 there; the old GDT's page is the same */
    le_store(entry(b, NEW_CR3, STACK - 4), 4, 0x3u);
    assert_int_equal(switch_with_code(b, 0x1234), EMULATE_DONE);
    assert_int_equal(b->cache.regs.cr3, NEW_CR3);
    assert_int_equal(le_load(b->ram + 0xFFC, 4), 0x1234);
    assert_int_equal(*entry(b, NEW_CR3, STACK - 4), 0x63); /* accessed and dirty */
    assert_int_equal(*entry(b, OLD_CR3, OLD), 0x63);
    assert_int_equal(b->cache.dirty, REGS_ALL);
}

static void a_tss_of_16_bits_stays_in_the_address_space(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, false);
    for (uint32_t i = 0; i < 16; i++) {
        le_store(b->ram + OLD_CR3 + 0x1000 + 4u * i, 4, i << 12 | 3u);
    }
    le_store(b->ram + OLD_CR3, 4, (OLD_CR3 + 0x1000) | 7u);
    b->cache.regs.cr0 |= CR0_PG;
    assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_DONE);
    assert_int_equal(b->cache.regs.cr3, OLD_CR3);
}

static void page_faults_before_the_commit_point_change_nothing(void **state)
{
    (void)state;
    static const struct {
        uint32_t linear;
        uint8_t was; /* of the page-table entry */
        uint8_t source;
        uint32_t cr2, error;
        bool done;
    } rows[] = {
        {OLD, 0, VM_TASK_JMP, OLD + 0x20, 2, false},
        {OLD, 1, VM_TASK_JMP, OLD + 0x20, 3, false},
        {0xB000, 0, VM_TASK_JMP, 0xB000 + 8, 0, false}, /* where the new TSS will be */
        {0xB000, 1, VM_TASK_CALL, 0xB000 + 8, 3, false},
        {0xB000, 1, VM_TASK_GATE, 0xB000 + 8, 3, false},
        {0xB000, 1, VM_TASK_JMP, 0, 0, true}, /* only read */
        {0xB000, 1, VM_TASK_IRET, 0, 0, true},
        {GDT, 0, VM_TASK_JMP, GDT + TSS_NEW, 0, false},
        {GDT, 1, VM_TASK_JMP, GDT + TSS_OLD + 5, 3, false},
        {GDT, 1, VM_TASK_CALL, GDT + TSS_NEW + 5, 3, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = paged();
        put(b, TSS_NEW, 0xB008, 0x67, 0x9, 0);
        put_task(b, true, 0xB008);
        *entry(b, OLD_CR3, rows[i].linear) &= 0xFCu;
        *entry(b, OLD_CR3, rows[i].linear) |= rows[i].was;
        enum emulate_result r = switch_by(b, rows[i].source, true);
        assert_int_equal(r, rows[i].done ? EMULATE_DONE : EMULATE_FAULT);
        if (!rows[i].done) {
            assert_int_equal(b->report.vector, VECTOR_PF);
            assert_int_equal(b->report.error_code, rows[i].error);
            assert_int_equal(b->report.cr2, rows[i].cr2);
            assert_false(b->report.switched);
            assert_int_equal(b->cache.dirty, 0);
            assert_int_equal(le_load(b->ram + OLD + 0x20, 4), 0xEEEEEEEE);
            assert_int_equal(type_of(b, TSS_NEW), 9);
        }
    }
}

static void a_descriptor_that_the_new_address_space_lacks_faults_there(void **state)
{
    (void)state;
    struct bench *b = paged();
    *entry(b, NEW_CR3, GDT) = 0;
    assert_int_equal(switch_by(b, VM_TASK_JMP, true), EMULATE_FAULT);
    assert_int_equal(b->report.vector, VECTOR_PF);
    assert_int_equal(b->report.error_code, 0); /* EXT is for selectors */
    assert_int_equal(b->report.cr2, GDT + CODE_0);
    assert_true(b->report.switched);
    assert_int_equal(b->cache.regs.cr3, NEW_CR3);
}

/* The old TSS was cut at the same place, from 0xF000 and on, and 0x2000. */
static void check_cut(const struct bench *b, uint32_t cut)
{
    uint8_t saved[0x68];
    memcpy(saved, b->ram + 0x10000 - cut, cut);
    memcpy(saved + cut, b->ram + 0x2000, sizeof(saved) - cut);
    assert_int_equal(le_load(saved + 0x20, 4), CODE + 2);
    assert_int_equal(le_load(saved + 0x44, 4), 0xA1B20070u);
    assert_int_equal(le_load(saved + 0x5C, 2), 0x128);
    assert_int_equal(b->cache.regs.rip, 0x12345678);
    assert_int_equal(b->cache.regs.gpr[GPR_RDI], 0x11000700u);
    assert_int_equal(b->cache.regs.seg[SEG_GS].selector, DATA_0);
    assert_int_equal(b->ram[0xE000 - cut], 0x28); /* the link */
    assert_int_equal(cut > 1 ? b->ram[0xE001 - cut] : b->ram[0x1000], 0x5A);
}

static void a_tss_may_lie_in_two_pages_that_are_not_neighbours(void **state)
{
    (void)state;
    for (uint32_t cut = 1; cut < 0x68; cut++) {
        struct bench *b = paged();
        uint8_t image[0x68];
        put_task(b, true, NEW);
        memcpy(image, b->ram + NEW, sizeof(image));
        put(b, TSS_NEW, 0xC000 - cut, 0x67, 0x9, 0); /* 0xB000 at 0xD000, 0xC000 at 0x1000 */
        le_store(entry(b, OLD_CR3, 0xB000), 4, 0xD003);
        le_store(entry(b, OLD_CR3, 0xC000), 4, 0x1003);
        memcpy(b->ram + 0xE000 - cut, image, cut);
        memcpy(b->ram + 0x1000, image + cut, sizeof(image) - cut);
        b->cache.regs.seg[SEG_TR].base = 0xF000 - cut; /* 0xE000 at 0xF000, 0xF000 at 0x2000 */
        le_store(entry(b, OLD_CR3, 0xE000), 4, 0xF003);
        le_store(entry(b, OLD_CR3, 0xF000), 4, 0x2003);
        b->cache.regs.seg[SEG_TR].selector = 0x5A28; /* where that is, CALL does not ask */
        assert_int_equal(switch_by(b, VM_TASK_CALL, false), EMULATE_DONE);
        check_cut(b, cut);
    }
}

static void pae_pointers_are_loaded_with_cr3(void **state)
{
    (void)state;
    for (uint32_t bad = 0; bad < 2; bad++) {
        struct bench *b = two_tasks(true, true);
        for (uint32_t k = 0; k < 2; k++) {
            uint32_t at = k == 0 ? OLD_CR3 : NEW_CR3;
            le_store(b->ram + at, 8, (at + 0x1000) | 1u);
            le_store(b->ram + at + 0x1000, 8, 0x83); /* 2 MiB */
        }
        b->cache.regs.cr0 |= CR0_PG;
        b->cache.regs.cr4 |= CR4_PAE;
        le_store(b->ram + NEW_CR3 + 24, 8, bad != 0 ? 3 : 0x8000); /* a reserved bit; not present */
        assert_int_equal(switch_by(b, VM_TASK_GATE, true), bad != 0 ? EMULATE_FAULT : EMULATE_DONE);
        assert_true(b->report.switched);
        assert_int_equal(b->cache.dirty, REGS_ALL | (bad != 0 ? 0 : REGS_PDPTE));
        if (bad != 0) {
            assert_int_equal(b->report.vector, VECTOR_GP);
            assert_int_equal(b->report.error_code, 1);
            assert_int_equal(b->cache.regs.cr3, OLD_CR3);
        } else {
            assert_int_equal(b->cache.regs.pdpte[0], (NEW_CR3 + 0x1000) | 1u);
            assert_int_equal(b->cache.regs.cr3, NEW_CR3);
        }
    }
}

/* They may be wrong meanwhile: nobody looks. */
static void pae_pointers_stay_if_cr3_does(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, true);
    le_store(b->ram + OLD_CR3, 8, (OLD_CR3 + 0x1000) | 1u);
    le_store(b->ram + OLD_CR3 + 0x1000, 8, 0x83);
    le_store(b->ram + OLD_CR3 + 24, 8, 3);
    le_store(b->ram + NEW + 0x1C, 4, OLD_CR3);
    b->cache.regs.cr0 |= CR0_PG;
    b->cache.regs.cr4 |= CR4_PAE;
    assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_DONE);
    assert_int_equal(b->cache.dirty, REGS_ALL);
}

static void a_tss_in_a_device_is_refused(void **state)
{
    (void)state;
    for (uint32_t old = 0; old < 2; old++) {
        struct bench *b = two_tasks(true, true);
        if (old != 0) {
            b->cache.regs.seg[SEG_TR].base = DEVICE;
        } else {
            put(b, TSS_NEW, DEVICE, 0x67, 0x9, 0);
        }
        assert_int_equal(switch_by(b, VM_TASK_JMP, false), EMULATE_ELSEWHERE);
        assert_int_equal(b->cache.dirty, 0);
        assert_int_equal(b->reads + b->writes, 0);
    }
}

/* --- By an instruction that the emulator met ------------------------------------------------------------- */

static enum emulate_result switch_inside(struct bench *b, uint8_t source, uint16_t selector,
                                         uint8_t cpl)
{
    static struct emu e;
    memset(&e, 0, sizeof(e));
    memset(&b->report, 0, sizeof(b->report));
    e.v = &b->vcpu;
    e.regs = regs_view(&b->cache, &b->source, 3, REGS_ALL | REGS_SEG);
    e.report = &b->report;
    e.view = (struct walk_view){.regs = e.regs, .gmem = &b->gmem, .phys_bits = 40};
    e.here = true;
    e.mode = DECODE_32;
    e.cpl = cpl;
    e.next_rip = CODE + 2;
    return emu_task_switch(&e, source, selector);
}

static void jmp_and_call_look_at_privilege_first(void **state)
{
    (void)state;
    static const struct {
        uint16_t selector;
        uint8_t type, dpl, cpl; /* of what the selector names */
        uint8_t vector;         /* 0: it is good */
    } rows[] = {
        {ODD, 0x9, 0, 0, 0},
        {ODD, 0x9, 0, 3, VECTOR_GP},
        {ODD | 3, 0x9, 0, 0, VECTOR_GP},
        {ODD | 3, 0x9, 3, 3, 0},
        {ODD | 3, 0x9, 3, 0, 0},
        {ODD, 0xB, 0, 0, VECTOR_GP},
        {ODD, 0xB, 0, 3, VECTOR_GP},
        {ODD, 0x9 | ABSENT, 0, 0, VECTOR_NP},
        {ODD, 0x9 | ABSENT, 0, 3, VECTOR_GP},
        {ODD, 0x5, 0, 0, 0}, /* a gate to a TSS of level 0 */
        {ODD | 3, 0x5, 3, 3, 0},
        {ODD, 0x5, 0, 3, VECTOR_GP},
        {ODD | 3, 0x5, 2, 0, VECTOR_GP},
        {ODD, 0x5 | ABSENT, 0, 0, VECTOR_NP},
        {0x80, 0, 0, 0, VECTOR_GP},
        {0, 0, 0, 0, VECTOR_GP},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const bool gate = (rows[i].type & 0x1Fu) == 5;
        struct bench *b = two_tasks(true, true);
        put(b, ODD, NEW, 0x67, rows[i].type, rows[i].dpl);
        if (gate) {
            le_store(b->ram + GDT + ODD + 2, 2, TSS_NEW);
        }
        enum emulate_result r = switch_inside(b, VM_TASK_JMP, rows[i].selector, rows[i].cpl);
        assert_int_equal(r, rows[i].vector == 0 ? EMULATE_DONE : EMULATE_FAULT);
        if (rows[i].vector == 0) {
            assert_int_equal(b->cache.regs.seg[SEG_TR].selector, gate ? TSS_NEW : rows[i].selector);
            assert_int_equal(b->cache.regs.rip, 0x12345678);
            assert_int_equal(le_load(b->ram + OLD + 0x20, 4), CODE + 2);
        } else {
            assert_int_equal(b->report.vector, rows[i].vector);
            assert_int_equal(b->report.error_code, rows[i].selector & ~3u);
            assert_int_equal(b->cache.dirty, 0);
        }
    }
}

static void a_fault_behind_a_gate_names_the_tss(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, true);
    put(b, GATE, 0, 0, 0x5, 0);
    le_store(b->ram + GDT + GATE + 2, 2, TSS_OLD);
    assert_int_equal(switch_inside(b, VM_TASK_CALL, GATE, 0), EMULATE_FAULT);
    assert_int_equal(b->report.vector, VECTOR_GP);
    assert_int_equal(b->report.error_code, TSS_OLD);
}

static void iret_follows_the_back_link(void **state)
{
    (void)state;
    struct bench *b = two_tasks(true, true);
    put(b, TSS_NEW, NEW, 0x67, 0xB, 0);
    le_store(b->ram + OLD, 2, TSS_NEW);
    assert_int_equal(switch_inside(b, VM_TASK_IRET, 0xFFFF, 0), EMULATE_DONE);
    assert_int_equal(b->cache.regs.seg[SEG_TR].selector, TSS_NEW);
    assert_int_equal(type_of(b, TSS_OLD), 9);
    b = two_tasks(true, true);
    le_store(b->ram + OLD, 2, TSS_NEW);
    assert_int_equal(switch_inside(b, VM_TASK_IRET, 0, 0), EMULATE_FAULT); /* not busy */
    assert_int_equal(b->report.vector, VECTOR_TS);
    assert_int_equal(b->report.error_code, TSS_NEW);
    b = two_tasks(true, true);
    b->cache.regs.seg[SEG_TR].limit = 0;
    assert_int_equal(switch_inside(b, VM_TASK_IRET, 0, 0), EMULATE_FAULT);
    assert_int_equal(b->report.vector, VECTOR_TS);
    assert_int_equal(b->report.error_code, TSS_OLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_switch_saves_one_task_and_loads_the_other),
        cmocka_unit_test(a_task_may_come_back_to_itself),
        cmocka_unit_test(all_flags_that_exist_are_loaded),
        cmocka_unit_test(a_single_step_over_an_instruction_traps_in_the_new_task),
        cmocka_unit_test(the_trap_flag_of_a_tss_is_reported),
        cmocka_unit_test(nothing_is_changed_if_the_new_tss_is_no_good),
        cmocka_unit_test(least_limits_are_enough),
        cmocka_unit_test(a_bad_segment_is_the_new_tasks_fault),
        cmocka_unit_test(a_bad_ldt_is_found_first),
        cmocka_unit_test(segments_come_from_the_new_ldt),
        cmocka_unit_test(a_task_may_run_at_another_level),
        cmocka_unit_test(a_virtual_8086_task_has_no_descriptors),
        cmocka_unit_test(an_error_code_lies_on_the_new_stack),
        cmocka_unit_test(a_stack_without_room_is_the_new_tasks_fault),
        cmocka_unit_test(the_new_task_has_its_own_address_space),
        cmocka_unit_test(a_tss_of_16_bits_stays_in_the_address_space),
        cmocka_unit_test(page_faults_before_the_commit_point_change_nothing),
        cmocka_unit_test(a_descriptor_that_the_new_address_space_lacks_faults_there),
        cmocka_unit_test(a_tss_may_lie_in_two_pages_that_are_not_neighbours),
        cmocka_unit_test(pae_pointers_are_loaded_with_cr3),
        cmocka_unit_test(pae_pointers_stay_if_cr3_does),
        cmocka_unit_test(a_tss_in_a_device_is_refused),
        cmocka_unit_test(jmp_and_call_look_at_privilege_first),
        cmocka_unit_test(a_fault_behind_a_gate_names_the_tss),
        cmocka_unit_test(iret_follows_the_back_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
