/* SPDX-License-Identifier: BSD-2-Clause
 * Far transfers: most lead to the page of stops behind the code, through descriptors of which now and then
 * anything may be wrong.
 * Spec: [SDM] vol. 2 (CALL, JMP, RET, IRET), vol. 3A, 5.8 (gates), 8.2.1, 8.6, 8.7 (TSS). */
#include "far.h"

#include <string.h>

#include "base/bits.h"
#include "base/le.h"

#define AT(page, off) (WORLD_DATA + (page)*0x1000u + (off))

#define LIMITS 0xFFFFFu
#define D_BIT  (1ull << 54)
#define L_BIT  (1ull << 53)
#define G_BIT  (1ull << 55)

enum { SLOT_CODE = GDT_FAR, SLOT_STACK, SLOT_GATE };

static bool flag(const struct maker *m, uint32_t f)
{
    return (m->v->form->flags & f) != 0;
}

static bool is_long(const struct maker *m)
{
    return m->v->place >= PLACE_COMPAT_16;
}

static bool is_return(const struct maker *m)
{
    return m->v->form->kind == FORM_STACK && flag(m, FORM_READS);
}

static bool is_iret(const struct maker *m)
{
    return is_return(m) && m->v->form->opcode == 0xCF;
}

static void add_patch(struct maker *m, uint64_t at, const void *bytes, uint32_t len)
{
    struct patch *p = &m->v->patch[PATCH_FAR + m->far.patches++];
    p->at = (uint32_t)at;
    p->len = len;
    memcpy(p->bytes, bytes, len);
}

static void add_word(struct maker *m, uint64_t at, uint64_t val, uint32_t len)
{
    uint8_t bytes[8];
    le_store(bytes, len, val);
    add_patch(m, at, bytes, len);
}

/* Puts a descriptor into one table or the other. Returns its selector. */
static uint32_t add_descriptor(struct maker *m, uint32_t slot, uint64_t d)
{
    if (m->limits->native || (slot < SLOT_GATE && random_one_in(&m->r, 3))) {
        uint32_t n = slot - SLOT_CODE;
        m->v->ldt[n] = d;
        add_word(m, WORLD_LDT + 8u * (LDT_FAR + n), d, 8);
        return 8u * (LDT_FAR + n) + 4u;
    }
    add_word(m, WORLD_GDT + 8u * slot, d, 8);
    return 8u * slot;
}

static uint64_t descriptor(uint64_t base, uint64_t limit, uint32_t rights)
{
    uint64_t g = 0;
    if (limit > LIMITS) {
        limit >>= 12;
        g = G_BIT;
    }
    return (limit & 0xFFFFu) | (base & 0xFFFFFFu) << 16 | (uint64_t)rights << 40 |
           (limit >> 16 & 15u) << 48 | (base >> 24 & 0xFFu) << 56 | g;
}

/* --- Sizes ------------------------------------------------------------------------------------- */

uint32_t far_frame_bytes(struct maker *m)
{
    const struct vector *v = m->v;
    bool protected = v->place != PLACE_REAL;
    if (!is_return(m)) {
        return 2u * v->op_size;
    }
    m->far.outer = protected && v->cpl < 3 && random_one_in(&m->r, 2);
    if (!is_iret(m)) {
        return (m->far.outer ? 4u : 2u) * v->op_size;
    }
    m->far.v86 =
        protected && !is_long(m) && v->cpl == 0 && v->op_size == 4 && random_one_in(&m->r, 4);
    m->far.outer = m->far.outer && !m->far.v86;
    bool five = m->far.outer || place_is_64(v->place);
    return (m->far.v86 ? 9u : five ? 5u : 3u) * v->op_size;
}

/* --- Descriptors ---------------------------------------------------------------------------------- */

/* Segments have been accessed: QEMU forgets the flag on far transfers. Nothing leads to another task: bit n
 * stands for type n. */
static uint32_t any_rights(struct maker *m)
{
    const uint32_t tasks = 0x0A2Au;
    uint32_t rights = (uint32_t)random_next(&m->r) & 0xFFu;
    if ((rights & 0x10u) != 0) {
        return rights | 1u;
    }
    return (tasks >> (rights & 15u) & 1u) != 0 ? (rights & ~15u) | 2u : rights;
}

/* Of code: right for `level`, but that now and then it is anything. */
static uint32_t code_rights(struct maker *m, uint32_t level)
{
    struct random *r = &m->r;
    if (m->limits->native) { /* what Linux lets a process have */
        static const uint8_t process[] = {0xFB, 0xFB, 0xFB, 0xFB, 0xF9,
                                          0xF9, 0x7B, 0x7F, 0xF3, 0xF7};
        return process[random_below(r, sizeof(process))];
    }
    if (random_one_in(r, 6)) {
        return any_rights(m);
    }
    uint32_t dpl = level;
    uint32_t type = 9u | random_below(r, 2) << 1;
    if (random_one_in(r, 4)) {
        type |= 4u;
        dpl = random_below(r, level + 1u);
    }
    return (random_one_in(r, 12) ? 0x10u : 0x90u) | dpl << 5 | type;
}

/* A descriptor of code, and the offset of a stop in it. `bytes`: of the offset. */
static uint64_t make_code(struct maker *m, uint32_t level, uint32_t bytes, bool wants_64)
{
    struct random *r = &m->r;
    const uint64_t to = WORLD_CODE + 0x1010u + random_below(r, 0xE00);
    const uint32_t rights = code_rights(m, level);
    bool l = is_long(m) && bytes != 2 && !m->limits->native && (wants_64 || random_one_in(r, 2));
    uint64_t off =
        bytes == 2 || random_one_in(r, 2) ? random_below(r, 0x10000) : (uint32_t)random_next(r);
    uint64_t limit = random_one_in(r, 2) ? UINT32_MAX : off + random_below(r, 3) * 0x1000u;
    uint64_t bits = random_one_in(r, 2) ? D_BIT : 0;
    if (random_one_in(r, 8) && off >= 0x1000u) {
        limit = off > LIMITS ? off - 0x1000u : off - 1u;
    }
    limit = limit > UINT32_MAX ? UINT32_MAX : limit;
    uint64_t base = (uint32_t)(to - off);
    m->far.offset = off;
    if (l) {
        static const uint64_t high[] = {0x0000800000000000ull, 0xFFFF700000000000ull,
                                        0x8000000000000000ull};
        bits = L_BIT | (random_one_in(r, 12) ? D_BIT : 0);
        m->far.offset = to | (bytes == 8 && random_one_in(r, 8) ? high[random_below(r, 3)] : 0);
    } else if (bytes == 8 && random_one_in(r, 10)) {
        m->far.offset |= 1ull << (32u + random_below(r, 32));
    } else if (!is_long(m) && random_one_in(r, 8)) {
        bits |= L_BIT; /* nothing, there */
    }
    return descriptor(base, limit, rights) | bits;
}

static uint32_t any_data(struct random *r)
{
    return 8u * (GDT_FIRST + 16u * random_below(r, 3) + random_below(r, 8));
}

/* A selector instead of `good`, now and then. */
static uint32_t spoil(struct maker *m, uint32_t good)
{
    struct random *r = &m->r;
    switch (random_below(r, 24)) {
    case 0:
        return random_below(r, 4); /* null */
    case 1:
        return (good & 7u) | 8u * (GDT_COUNT + random_below(r, 8));
    case 2:
        return good < 8u * GDT_FIRST ? good : good ^ 4u; /* the other table */
    case 3:
        return m->limits->native ? good : any_data(r) | (good & 3u);
    case 4:
    case 5:
    case 6:
        return (good & ~3u) | random_below(r, 4);
    default:
        return good;
    }
}

/* Segments of a process, which a process knows as well as we do. */
static bool choose_process_code(struct maker *m)
{
    uint64_t to = WORLD_CODE + 0x1010u + random_below(&m->r, 0xE00);
    if (!is_long(m) || m->v->op_size == 2 || !random_one_in(&m->r, 4)) {
        return false;
    }
    /* A process that calls from compatibility mode into 64-bit code faults for ever where these tests run. */
    bool calls = !is_return(m) && flag(m, FORM_PUSHES | FORM_WRITES);
    bool stays = m->limits->native && calls && !place_is_64(m->v->place);
    m->far.selector = random_one_in(&m->r, 2) && !stays ? 0x33 : 0x23;
    m->far.offset = to;
    return true;
}

/* --- Stacks ------------------------------------------------------------------------------------------- */

/* Of data that can be written, for the most part. Limits are as wide as can be where QEMU is the
 * processor: it does not look. */
static uint64_t make_stack(struct maker *m, uint32_t level, uint64_t base)
{
    struct random *r = &m->r;
    uint32_t rights = random_one_in(r, 6) ? any_rights(m) : 0x93u | level << 5;
    if (random_one_in(r, 16)) {
        rights &= ~0x80u;
    }
    if (m->limits->native) {
        rights = random_one_in(r, 4) ? 0xF1u : random_one_in(r, 4) ? 0x73u : 0xF3u;
    }
    return descriptor(base, UINT32_MAX, rights) | (random_one_in(r, 2) ? D_BIT : 0);
}

/* What a return to another level finds; in 64-bit code, to the same one, too. */
static void choose_return_stack(struct maker *m, uint32_t level)
{
    struct random *r = &m->r;
    uint32_t base = (uint32_t)random_next(r) & ~15u;
    uint32_t selector = add_descriptor(m, SLOT_STACK, make_stack(m, level, base)) | level;
    if (level == 3 && random_one_in(r, 4)) {
        selector = 0x2B;
    }
    m->far.stack = (uint16_t)spoil(m, selector);
    m->far.stack_offset = random_value(r);
}

/* Segments that a level further out may keep, or not. */
static void choose_data_segments(struct maker *m)
{
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    static const uint8_t types[] = {0x3, 0x1, 0x7, 0xB, 0xF};
    struct random *r = &m->r;
    for (uint32_t i = 0; i < 4; i++) {
        struct seg_reg *s = &m->v->regs.seg[data[i]];
        uint32_t dpl = m->v->cpl + random_below(r, 4u - m->v->cpl);
        s->ar = (s->ar & ~(SEG_AR_TYPE | SEG_AR_DPL)) | types[random_below(r, 5)] | dpl << 5;
        if (random_one_in(r, 6)) {
            *s = (struct seg_reg){.ar = SEG_AR_UNUSABLE};
        }
    }
}

/* --- Returns ------------------------------------------------------------------------------------------ */

static void choose_flags(struct maker *m)
{
    const uint64_t any = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF |
                         RFLAGS_DF | RFLAGS_IF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID;
    struct vector *v = m->v;
    m->far.flags = RFLAGS_FIXED | (random_next(&m->r) & any);
    if (m->limits->native) {
        m->far.flags &= ~(uint64_t)(RFLAGS_NT | RFLAGS_ID); /* Linux would keep them */
        return;
    }
    v->regs.rflags |= random_next(&m->r) & (RFLAGS_IOPL | RFLAGS_ID);
    if (random_one_in(&m->r, 12) && is_long(m)) {
        v->regs.rflags |= RFLAGS_NT;
    }
    if (random_one_in(&m->r, 2)) {
        v->regs.rflags &= ~(uint64_t)RFLAGS_IF;
    }
}

static void choose_real(struct maker *m)
{
    uint32_t to = WORLD_CODE + 0x1010u + random_below(&m->r, 0xE00);
    uint32_t off = (to & 15u) + 16u * random_below(&m->r, 0xFF0);
    m->far.selector = (uint16_t)((to - off) >> 4);
    m->far.offset = off;
}

static void choose_return(struct maker *m)
{
    struct vector *v = m->v;
    uint32_t level = v->cpl;
    if (is_iret(m)) {
        choose_flags(m);
    }
    if (m->far.v86) {
        choose_real(m);
        m->far.flags |= RFLAGS_VM;
        m->far.stack = (uint16_t)random_next(&m->r);
        m->far.stack_offset = random_next(&m->r);
        v->land = 3;
        return;
    }
    if (m->far.outer) {
        level += 1u + random_below(&m->r, 3u - level);
    }
    if (level != 3 || !choose_process_code(m)) {
        uint64_t d = make_code(m, level, v->op_size, false);
        m->far.selector = (uint16_t)spoil(m, add_descriptor(m, SLOT_CODE, d) | level);
    }
    v->land = m->far.selector & 3u;
    if (m->far.outer || (is_iret(m) && place_is_64(v->place))) {
        choose_return_stack(m, level);
    }
    if (!m->limits->native) {
        choose_data_segments(m);
    }
}

/* --- Gates -------------------------------------------------------------------------------------------- */

/* Where an inner level's stack begins. That of level 0 takes exceptions, too, but in long mode, where they
 * have one of their own. */
static uint64_t choose_inner_place(struct maker *m, uint32_t level)
{
    static const uint32_t at[] = {AT(PAGE_RW, 0x800),  AT(PAGE_RAM, 0x804),    AT(PAGE_RW3, 0xF00),
                                  AT(PAGE_RW2, 0x010), AT(PAGE_RAM2, 0x7F2),   AT(PAGE_RAM, 0x010),
                                  AT(PAGE_RO, 0x800),  AT(PAGE_ABSENT, 0x100), AT(PAGE_RW3, 0x010)};
    bool faults = is_long(m) || (level != 0 && place_pages(m->v->place));
    return at[random_below(&m->r, faults ? 9 : 6)];
}

/* Stacks of the TSS: of 64, 32 or 16 bits. */
static uint64_t choose_tss(struct maker *m, uint32_t level)
{
    struct vector *v = m->v;
    const uint64_t at = choose_inner_place(m, level);
    uint8_t bytes[8];
    if (is_long(m)) {
        uint64_t high = random_one_in(&m->r, 16) ? 0x0000800000000000ull : 0;
        add_word(m, WORLD_TSS64 + 4u + 8u * level, at | high, 8);
        return at;
    }
    uint64_t base = 0;
    uint32_t selector = 16;
    bool narrow = random_one_in(&m->r, 3);
    if (level != 0) {
        base = (at - random_below(&m->r, 0x4000)) & ~15ull;
        const uint32_t good = add_descriptor(m, SLOT_STACK, make_stack(m, level, base)) | level;
        const uint32_t other = spoil(m, good);
        bool leads_away = (other & 4u) == 0 && other >= 8u * GDT_FIRST && other < 8u * GDT_FAR;
        selector = leads_away ? good : other;
    } else if (narrow) { /* no 16 bits lead from 0 to the data */
        narrow = false;
    }
    uint64_t off = (uint32_t)(at - base);
    if (!narrow) {
        le_store(bytes, 4, off);
        le_store(bytes + 4, 4, selector | (uint32_t)random_next(&m->r) << 16);
        add_patch(m, WORLD_TSS32 + 4u + 8u * level, bytes, 8);
        return at;
    }
    v->regs.seg[SEG_TR].ar &= ~8u;
    le_store(bytes, 2, off);
    le_store(bytes + 2, 2, selector);
    add_patch(m, WORLD_TSS32 + 2u + 4u * level, bytes, 4);
    if (level != 0) { /* for exceptions */
        le_store(bytes, 2, WORLD_STACK);
        le_store(bytes + 2, 2, 16);
        add_patch(m, WORLD_TSS32 + 2u, bytes, 4);
    }
    return at;
}

static void add_gate(struct maker *m, uint32_t selector, uint32_t type, uint32_t params)
{
    struct random *r = &m->r;
    uint32_t dpl = random_one_in(r, 8) ? random_below(r, 4) : 3;
    uint32_t rights = (random_one_in(r, 16) ? 0u : 0x80u) | dpl << 5 | type;
    uint64_t off = m->far.offset;
    uint32_t upper = random_one_in(r, 16) ? (uint32_t)random_next(r) : 0;
    uint8_t bytes[16];
    le_store(bytes, 8,
             (off & 0xFFFFu) | (uint64_t)selector << 16 | (uint64_t)params << 32 |
                 (uint64_t)rights << 40 | (off >> 16 & 0xFFFFu) << 48);
    le_store(bytes + 8, 8, off >> 32 | (uint64_t)(upper & 0x1F00u) << 32);
    add_patch(m, WORLD_GDT + 8u * SLOT_GATE, bytes, is_long(m) ? 16 : 8);
}

/* JMP stays at its level, CALL may go to one further in. */
static void choose_gate(struct maker *m)
{
    struct vector *v = m->v;
    struct random *r = &m->r;
    bool call = flag(m, FORM_PUSHES | FORM_WRITES);
    uint32_t level = call ? random_below(r, v->cpl + 1u) : v->cpl;
    bool narrow = !is_long(m) && random_one_in(r, 3);
    uint32_t type = narrow ? 4 : 12;
    uint32_t params = random_one_in(r, 4) ? random_below(r, 32) : random_below(r, 4);
    uint64_t d = make_code(m, level, is_long(m) ? 8 : narrow ? 2 : 4, !random_one_in(r, 12));
    bool conforming = (d >> 40 & 0x1Cu) == 0x1Cu;
    uint32_t selector = spoil(m, add_descriptor(m, SLOT_CODE, d) | random_below(r, 4));
    if (random_one_in(r, 24)) { /* no gate, or none in this mode; but not one of another task */
        static const uint8_t others[] = {0, 2, 6, 7, 14, 15};
        type = others[random_below(r, 6)];
    }
    add_gate(m, selector, type, params);
    m->far.selector = (uint16_t)spoil(m, 8u * SLOT_GATE | random_below(r, v->cpl + 1u));
    m->far.offset = random_next(r);
    v->land = conforming ? v->cpl : d >> 45 & 3u;
    uint32_t frame = (is_long(m) ? 8u : narrow ? 2u : 4u) * 4u;
    if (!call || v->land >= v->cpl) {
        /* In 64-bit code SS has no base: 16 bits do not lead to our stack then. */
        m->far.stray = call && v->place == PLACE_COMPAT_16;
        v->land = v->cpl;
        v->size = v->form->imm == IMM_FAR ? frame / 2u : v->size;
        return;
    }
    uint64_t inner = choose_tss(m, v->land) - frame;
    if (v->form->imm == IMM_FAR) {
        m->far.keeps = params != 0 && !is_long(m);
        v->operand = m->far.keeps ? v->operand : inner;
        v->size = m->far.keeps ? v->size : frame;
    }
}

/* --- All ------------------------------------------------------------------------------------------------ */

void far_choose(struct maker *m)
{
    struct vector *v = m->v;
    if (v->place == PLACE_REAL) {
        choose_real(m);
        if (is_iret(m)) {
            choose_flags(m);
        } else if (is_return(m)) {
            /* QEMU has changed RIP when the second slot takes it to the host, which never comes right. */
            m->far.stray = (v->operand ^ (v->operand + v->size - 1u)) >> 12 != 0;
        }
    } else if (flag(m, FORM_GATE)) {
        choose_gate(m);
    } else if (is_return(m)) {
        choose_return(m);
    } else if (v->cpl != 3 || !choose_process_code(m)) {
        uint64_t d = make_code(m, v->cpl, v->op_size, false);
        uint32_t rpl = random_one_in(&m->r, 3) ? random_below(&m->r, v->cpl + 1u) : v->cpl;
        m->far.selector = (uint16_t)spoil(m, add_descriptor(m, SLOT_CODE, d) | rpl);
    }
}

/* Slot n of a frame, the selector's with something above it that nobody looks at. */
static void put_slot(struct maker *m, uint8_t *bytes, uint32_t n, uint64_t val, bool selector)
{
    uint64_t above = selector ? random_next(&m->r) & ~0xFFFFull : 0;
    le_store(bytes + n * m->v->op_size, m->v->op_size, val | above);
}

uint32_t far_memory(struct maker *m, uint8_t *bytes)
{
    struct vector *v = m->v;
    const struct far_plan *f = &m->far;
    uint8_t more[16];
    if (!is_return(m)) { /* CALL ptr16 finds nothing */
        le_store(bytes, 8, f->offset);
        le_store(bytes + v->op_size, 2, f->selector);
        return v->form->imm == IMM_FAR ? 0 : v->size;
    }
    put_slot(m, bytes, 0, f->offset, false);
    put_slot(m, bytes, 1, f->selector, true);
    if (is_iret(m)) {
        put_slot(m, bytes, 2, f->flags, false);
        put_slot(m, bytes, 3, f->stack_offset, false);
        put_slot(m, bytes, 4, f->stack, true);
        return v->size;
    }
    if (f->outer) {
        uint32_t released = v->form->imm == IMM_16 ? (uint32_t)le_load(v->code + v->len - 2, 2) : 0;
        le_store(more, v->op_size, f->stack_offset);
        le_store(more + v->op_size, v->op_size, f->stack | (random_next(&m->r) & ~0xFFFFull));
        uint64_t at = v->operand + 2u * v->op_size + released;
        if (at + 16 <= WORLD_END && at >= WORLD_DATA) {
            add_patch(m, at, more, 2u * v->op_size);
        }
    }
    return 2u * v->op_size;
}
