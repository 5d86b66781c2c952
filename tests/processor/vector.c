/* SPDX-License-Identifier: BSD-2-Clause
 * Making a vector: first where its operand is to be, then registers and bytes that lead there. */
#include "vector.h"

#include <string.h>

#include "base/bits.h"
#include "base/le.h"
#include "encode.h"
#include "far.h"
#include "random.h"

#define ARITH         (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)
#define AT(page, off) (WORLD_DATA + (page)*0x1000u + (off))

static uint32_t default_size(enum place p)
{
    return p == PLACE_REAL || p == PLACE_16 || p == PLACE_COMPAT_16 ? 2 : 4;
}

static bool can_fault(const struct maker *m)
{
    return !m->limits->frames || m->v->cpl != 0 || m->v->place >= PLACE_COMPAT_16;
}

static bool flag(const struct maker *m, uint32_t f)
{
    return (m->v->form->flags & f) != 0;
}

/* --- Sizes -------------------------------------------------------------------------------------------- */

static void choose_sizes(struct maker *m)
{
    struct vector *v = m->v;
    const struct form *f = v->form;
    uint32_t size = default_size(v->place);
    bool is_64 = place_is_64(v->place);
    bool narrow = flag(m, FORM_XMM | FORM_VEX | FORM_NO66) || f->prefix == 0x66;
    m->prefix_66 = !narrow && random_one_in(&m->r, 4);
    m->rex_w = is_64 && !flag(m, FORM_NOW) && (!flag(m, FORM_XMM) || f->size == SIZE_Y) &&
               !flag(m, FORM_DEF64) && random_one_in(&m->r, 3);
    if (f->size == 16 && !flag(m, FORM_XMM)) {
        m->rex_w = true; /* CMPXCHG16B */
    }
    if (flag(m, FORM_ONLY64) && f->opcode == 0x63) {
        m->rex_w = true;
    }
    if (m->rex_w) {
        size = 8;
    } else if (m->prefix_66) {
        size = 6 - size;
    }
    if (is_64 && flag(m, FORM_DEF64)) {
        size = m->prefix_66 ? 2 : 8;
    }
    m->vex_l = flag(m, FORM_VEX) && f->size == SIZE_L && random_one_in(&m->r, 2);
    v->op_size = size;
    m->prefix_67 = random_one_in(&m->r, 6) && f->kind != FORM_STACK;
    v->addr_size = is_64 ? (m->prefix_67 ? 4 : 8) : default_size(v->place);
    if (!is_64 && m->prefix_67) {
        v->addr_size = 6 - v->addr_size;
    }
    switch (f->size) {
    case SIZE_V:
    case SIZE_P:
        v->size = size;
        break;
    case SIZE_Y:
        v->size = m->rex_w ? 8 : 4;
        break;
    case SIZE_L:
        v->size = m->vex_l ? 32 : 16;
        break;
    case SIZE_F:
        v->size = size + 2;
        break;
    case SIZE_T:
        v->size = is_64 ? 10 : 6;
        break;
    case SIZE_S:
        v->size = far_frame_bytes(m);
        break;
    default:
        v->size = f->size;
        break;
    }
    if (f->kind == FORM_MODRM && f->opcode == 0x12 && f->prefix == 0xF2 && flag(m, FORM_VEX)) {
        v->size = 8;
    }
}

/* --- Where ---------------------------------------------------------------------------------------------- */

struct scene {
    const char *name;
    uint32_t at;  /* the byte before which half of the operand lies, or its page */
    uint8_t kind; /* below */
    uint8_t weight;
};
enum { IN, ACROSS, HIGH };

static const struct scene scenes[] = {
    {"in a page", AT(PAGE_RW, 0), IN, 10},
    {"across two pages", AT(PAGE_RW2, 0), ACROSS, 4},
    {"across, second absent", AT(PAGE_ABSENT, 0), ACROSS, 2},
    {"read-only", AT(PAGE_RO, 0), IN, 2},
    {"across, second read-only", AT(PAGE_RW3, 0), ACROSS, 2},
    {"across, into RAM", AT(PAGE_RAM, 0), ACROSS, 2},
    {"absent", AT(PAGE_ABSENT, 0), IN, 1},
    {"not canonical", 0, HIGH, 1},
};
#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

static const struct scene *choose_scene(struct maker *m)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < SCENES; i++) {
        sum += scenes[i].weight;
    }
    uint32_t n = random_below(&m->r, sum);
    uint32_t i = 0;
    while (n >= scenes[i].weight) {
        n -= scenes[i].weight;
        i++;
    }
    bool pages = place_pages(m->v->place) && can_fault(m);
    if ((!pages && i > 1 && i != 5) || (scenes[i].kind == HIGH && m->v->addr_size != 8)) {
        i = i & 1u;
    }
    if (scenes[i].kind == ACROSS && m->v->size == 1) {
        i = 0;
    }
    return &scenes[i];
}

/* A linear address for `size` bytes. */
static uint64_t place_operand(struct maker *m, const struct scene *s, uint32_t size)
{
    static const uint64_t high[] = {0x0000800000000000ull, 0xFFFF700000000000ull,
                                    0x8000000000000000ull};
    if (s->kind == HIGH) {
        return high[random_below(&m->r, 3)] + random_below(&m->r, 0x1000);
    }
    if (s->kind == ACROSS) {
        return s->at - 1u - random_below(&m->r, size - 1u);
    }
    /* Room for strings and for bit offsets on both sides. */
    uint64_t at = s->at + 0x400u + random_below(&m->r, 0x7C0);
    if (random_one_in(&m->r, 2)) {
        at &= ~(uint64_t)(size - 1u);
    }
    return at;
}

static void choose_place(struct maker *m)
{
    struct vector *v = m->v;
    const struct scene *s = choose_scene(m);
    v->scene = s->name;
    uint32_t size = v->size;
    if (v->form->kind == FORM_STACK && (v->form->opcode == 0x60 || v->form->opcode == 0x61)) {
        size *= 8;
    }
    v->operand = place_operand(m, s, size);
    if (flag(m, FORM_ALIGNED) && random_one_in(&m->r, 8) == can_fault(m)) {
        v->operand += random_one_in(&m->r, 2);
    } else if (flag(m, FORM_ALIGNED)) {
        v->operand &= ~(uint64_t)(v->size - 1u);
    }
}

/* --- Registers, segments -------------------------------------------------------------------------------- */

static void choose_registers(struct maker *m)
{
    struct vector *v = m->v;
    bool is_64 = place_is_64(v->place);
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        v->regs.gpr[i] = random_value(&m->r);
        if (!is_64) {
            v->regs.gpr[i] = i < 8 ? (uint32_t)v->regs.gpr[i] : 0;
        }
    }
    v->regs.rflags = RFLAGS_FIXED | RFLAGS_IF | (random_next(&m->r) & ARITH);
    if (v->form->kind == FORM_STRING && random_one_in(&m->r, 2)) {
        v->regs.rflags |= RFLAGS_DF;
    }
    if (m->limits->segments && v->cpl == 3 && !flag(m, FORM_XMM | FORM_LOOSE) &&
        random_one_in(&m->r, 6)) {
        v->regs.rflags |= RFLAGS_AC;
    }
    for (uint32_t i = 0; i < 16; i++) {
        for (uint32_t j = 0; j < 32; j += 8) {
            le_store(v->ymm[i] + j, 8, random_next(&m->r));
        }
    }
}

/* A base from which all data can be reached with offsets that fit, and that leaves room for the code. */
static uint64_t choose_base(struct maker *m, uint32_t seg)
{
    struct vector *v = m->v;
    bool narrow = default_size(v->place) == 2 || v->addr_size == 2;
    if (v->place == PLACE_64) {
        uint64_t base = random_next(&m->r) & 0x7FFFFFFFEFFFull;
        base = v->addr_size == 8 ? base : base % WORLD_DATA; /* 32 bits reach all data from there */
        return seg == SEG_FS || seg == SEG_GS ? base : 0;
    }
    if (narrow) {
        uint32_t below = seg == SEG_CS ? WORLD_CODE : WORLD_DATA;
        return (below - random_below(&m->r, 0x5000)) & ~15u;
    }
    if (random_one_in(&m->r, 3) || v->place == PLACE_REAL) {
        return 0;
    }
    uint32_t base = (uint32_t)random_next(&m->r);
    return seg == SEG_CS || base - WORLD_DATA < WORLD_BYTES ? base & 0xFFFFu & ~15u : base;
}

static void choose_segments(struct maker *m)
{
    struct vector *v = m->v;
    bool wide_stack = default_size(v->place) == 4;
    uint32_t dpl = v->cpl << 5;
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        struct seg_reg *s = &v->regs.seg[i];
        s->base = choose_base(m, i);
        if (flag(m, FORM_FAR) && i == SEG_SS && wide_stack && !m->limits->native) {
            s->base = 0; /* QEMU does not wrap stacks at 4 GiB in far transfers */
        }
        s->ar = (i == SEG_CS ? 0x9Bu : 0x93u) | dpl | (wide_stack ? SEG_AR_DB : 0);
        s->limit = default_size(v->place) == 2 ? 0xFFFFu : UINT32_MAX;
        s->ar |= s->limit == UINT32_MAX ? SEG_AR_G : 0;
        s->selector = (uint16_t)(v->place == PLACE_REAL ? s->base >> 4 : 0x40u + 8u * i + v->cpl);
    }
    v->regs.seg[SEG_CS].ar = (v->regs.seg[SEG_CS].ar & ~SEG_AR_DB) | (wide_stack ? SEG_AR_DB : 0);
    if (v->place == PLACE_64) {
        v->regs.seg[SEG_CS].ar = 0xA09Bu | dpl;
        v->regs.seg[SEG_CS].base = 0;
    } else if (v->place == PLACE_REAL) {
        v->regs.seg[SEG_CS].ar = 0x9B;
    }
    m->stack_mask = v->place == PLACE_64 ? UINT64_MAX : wide_stack ? UINT32_MAX : 0xFFFFu;
}

/* Linear address into offset. */
static uint64_t offset_in(const struct maker *m, uint32_t seg, uint64_t linear)
{
    uint64_t off = linear - m->v->regs.seg[seg].base;
    return off & ones_bytes(m->v->place == PLACE_64 ? 8 : 4);
}

static void set_stack(struct maker *m, enum gpr reg, uint64_t linear)
{
    uint64_t off = offset_in(m, SEG_SS, linear);
    uint64_t *r = &m->v->regs.gpr[reg];
    *r = (*r & ~m->stack_mask) | (off & m->stack_mask);
    if (m->v->place == PLACE_64) {
        *r = off;
    }
}

/* --- Memory ------------------------------------------------------------------------------------------------ */

static void patch_memory(struct vector *v, uint32_t n, uint64_t at, const void *bytes, uint32_t len)
{
    if (at >= WORLD_DATA && at + len <= WORLD_END) {
        v->patch[n].at = (uint32_t)at;
        v->patch[n].len = len;
        memcpy(v->patch[n].bytes, bytes, len);
    }
}

/* Null at times, or beyond the end of its table; else one that may do, or any. */
static uint32_t choose_selector(struct maker *m)
{
    static const uint8_t writable[] = {2, 3, 6, 7};
    struct random *r = &m->r;
    uint32_t rpl = random_one_in(r, 3) ? random_below(r, 4) : m->v->cpl;
    uint32_t kind = random_below(r, 12);
    if (kind == 0) {
        return rpl;
    }
    if (kind < 4 || m->limits->native) {
        return (LDT_FIRST + random_below(r, LDT_COUNT - LDT_FIRST + 2u)) * 8u + 4u + rpl;
    }
    if (kind < 8) {
        return (GDT_FIRST + random_below(r, GDT_COUNT - GDT_FIRST + 2u)) * 8u + rpl;
    }
    uint32_t level = m->v->cpl == 3 ? 16 : 0;
    return (GDT_FIRST + level + writable[random_below(r, 4)]) * 8u + rpl;
}

/* What the operand holds: edges of widths, what CMPXCHG looks for, where to go. */
static void choose_memory(struct maker *m)
{
    struct vector *v = m->v;
    uint8_t bytes[64];
    for (uint32_t i = 0; i < sizeof(bytes); i += 8) {
        le_store(bytes + i, 8, random_value(&m->r));
    }
    uint32_t len = v->size < 8 ? v->size : 16;
    if (flag(m, FORM_ACC) && random_one_in(&m->r, 2)) {
        uint32_t part = v->size > 8 ? 8 : v->size == 8 && v->form->opcode == 0xC7 ? 4 : v->size;
        le_store(bytes, part, v->regs.gpr[GPR_RAX] & ones_bytes(part));
        if (v->form->opcode == 0xC7) {
            le_store(bytes + part, part, v->regs.gpr[GPR_RDX] & ones_bytes(part));
        }
        len = v->size;
    }
    if (flag(m, FORM_JUMPS) && flag(m, FORM_READS)) {
        uint64_t to = WORLD_CODE + 0x1000u + random_below(&m->r, 0xF00);
        le_store(bytes, 8, to - v->regs.seg[SEG_CS].base);
        len = v->size;
    }
    if (flag(m, FORM_FLAGS)) {
        le_store(bytes, 8, (random_next(&m->r) & (ARITH | RFLAGS_DF)) | RFLAGS_IF | RFLAGS_FIXED);
        len = v->size;
    }
    if (flag(m, FORM_FAR)) {
        len = far_memory(m, bytes);
    } else if (flag(m, FORM_SELECTOR)) {
        le_store(bytes + (v->form->size == SIZE_F ? v->op_size : 0), 2, choose_selector(m));
        len = v->size;
    }
    if (v->form->kind == FORM_STRING) {
        len = 32;
        if (random_one_in(&m->r, 2)) { /* so that CMPS and SCAS go on */
            memset(bytes, (int)(v->regs.gpr[GPR_RAX] & 0xFFu), sizeof(bytes));
        }
    }
    patch_memory(v, 0, v->operand, bytes, len);
    patch_memory(v, 1, m->second, bytes, m->second != 0 ? 32 : 0);
}

/* --- Kinds -------------------------------------------------------------------------------------------------- */

static void make_stack(struct maker *m)
{
    struct vector *v = m->v;
    const struct form *f = v->form;
    bool pushes = flag(m, FORM_WRITES);
    uint64_t total = v->size * (f->opcode == 0x60 ? 8u : 1u);
    uint32_t level = 0;
    v->operand_seg = SEG_SS;
    v->stack_device = true;
    set_stack(m, GPR_RBP, AT(PAGE_RAM, 0x900));
    if (flag(m, FORM_FRAME)) {
        set_stack(m, GPR_RSP, AT(PAGE_RAM2, 0x100));
        set_stack(m, GPR_RBP, v->operand);
    } else {
        set_stack(m, GPR_RSP, v->operand + (pushes && !m->far.keeps ? total : 0));
    }
    if (f->imm == IMM_ENTER) {
        level = random_below(&m->r, 3);
    }
    encode_plain(m, level);
}

static void make_string(struct maker *m)
{
    struct vector *v = m->v;
    uint32_t si = v->override != 0xFF ? v->override : SEG_DS;
    uint64_t mask = ones_bytes(v->addr_size);
    bool both = flag(m, FORM_SI) && flag(m, FORM_DI);
    bool si_first = flag(m, FORM_SI) && !(both && random_one_in(&m->r, 3));
    if (v->scene ==
        scenes[5].name) { /* a run from device memory into RAM: half of it has no exit */
        v->operand = AT(PAGE_RW, 0x800);
    }
    if (both) {
        m->second =
            AT(random_one_in(&m->r, 2) ? PAGE_RAM : PAGE_RW3, 0x800) + random_below(&m->r, 64);
        m->second = v->place == PLACE_64 || v->operand >= AT(PAGE_RW, 0) ? m->second : 0;
    }
    v->operand_seg = (uint8_t)(si_first ? si : SEG_ES);
    uint64_t *rsi = &v->regs.gpr[GPR_RSI];
    uint64_t *rdi = &v->regs.gpr[GPR_RDI];
    uint64_t at_si = si_first ? v->operand : m->second;
    uint64_t at_di = si_first ? m->second : v->operand;
    bool is_64 = place_is_64(v->place);
    if (flag(m, FORM_SI)) {
        *rsi =
            (is_64 ? *rsi & ~mask : *rsi & ~mask & UINT32_MAX) | (offset_in(m, si, at_si) & mask);
    }
    if (flag(m, FORM_DI)) {
        *rdi = (is_64 ? *rdi & ~mask : *rdi & ~mask & UINT32_MAX) |
               (offset_in(m, SEG_ES, at_di) & mask);
    }
    v->rep = random_one_in(&m->r, 2);
    if (v->rep) {
        uint64_t *rcx = &v->regs.gpr[GPR_RCX];
        *rcx = (*rcx & ~mask) | (1u + random_below(&m->r, 6));
    }
    encode_plain(m, 0);
}

/* A stack for PUSH m and its like: RAM mostly, a device or nothing at times. */
static void make_stack_beside(struct maker *m)
{
    static const uint32_t at[] = {AT(PAGE_RAM, 0x800), AT(PAGE_RAM, 0x7F3), AT(PAGE_RAM2, 0x800),
                                  AT(PAGE_RW3, 0x900), AT(PAGE_ABSENT, 0x800)};
    uint32_t n = random_below(&m->r, place_pages(m->v->place) && can_fault(m) ? 5 : 4);
    set_stack(m, GPR_RSP, at[n]);
    m->stack_at = at[n];
}

/* --- The whole ------------------------------------------------------------------------------------------------ */

static uint64_t undefined_shift(const struct vector *v, uint32_t count)
{
    uint32_t bits = 8u * v->size;
    uint64_t flags = count > 1 ? RFLAGS_OF : 0;
    if (v->form->undefined == UNDEF_ROTATE) {
        return flags;
    }
    bool left_or_logical = v->form->digit != 7;
    return flags | (count != 0 ? RFLAGS_AF : 0) |
           (count >= bits && left_or_logical ? RFLAGS_CF : 0);
}

/* False: the result itself is undefined. */
static bool undefined_flags(struct maker *m)
{
    struct vector *v = m->v;
    const struct form *f = v->form;
    v->undefined = f->undefined;
    if ((f->undefined & (UNDEF_SHIFT | UNDEF_ROTATE | UNDEF_DOUBLE)) == 0) {
        return true;
    }
    uint32_t count = 1;
    if (f->imm == IMM_8) {
        count = v->code[v->len - 1];
    } else if ((f->opcode & 0xFEu) == 0xD2 || f->map != 1) {
        count = (uint32_t)v->regs.gpr[GPR_RCX];
    }
    count &= v->size == 8 ? 63u : 31u;
    if (f->undefined == UNDEF_DOUBLE) {
        v->undefined = (count != 0 ? RFLAGS_AF : 0) | (count > 1 ? RFLAGS_OF : 0);
        return count <= 8u * v->size;
    }
    v->undefined = undefined_shift(v, count);
    return true;
}

static void choose_divisor(struct maker *m)
{
    struct vector *v = m->v;
    uint64_t *high = &v->regs.gpr[v->size == 1 ? GPR_RAX : GPR_RDX];
    if (!m->used[v->size == 1 ? GPR_RAX : GPR_RDX] && !random_one_in(&m->r, 4)) {
        *high = v->size == 1 ? *high & ~0xFF00ull : random_below(&m->r, 3);
    }
}

/* Segments that end at the operand, or before it; that grow down; that may not be written. */
static void bend_segment(struct maker *m)
{
    struct vector *v = m->v;
    struct seg_reg *s = &v->regs.seg[v->operand_seg];
    uint64_t off = offset_in(m, v->operand_seg, v->operand);
    uint32_t size = v->form->kind == FORM_STRING ? 3 * v->size : v->size;
    uint32_t kinds = v->operand_seg == SEG_SS || v->operand_seg == SEG_CS ? 4 : 8;
    uint32_t kind = random_below(&m->r, kinds);
    if (v->operand_seg == SEG_SS && !can_fault(m)) {
        return; /* its exception would find no stack */
    }
    if (v->place == PLACE_64 || !m->limits->segments || v->operand_seg == SEG_CS ||
        !random_one_in(&m->r, 4) || off < 16 || off + size > 0xFFFFu) {
        return;
    }
    v->scene = "at the end of its segment, or against its type";
    if (kind < 2) {
        s->limit = (uint32_t)off + size - 1u - kind * random_below(&m->r, size + 1);
        s->ar &= ~SEG_AR_G;
    } else if (kind < 4) {
        s->limit = (uint32_t)off - 1u + (kind - 2u) * random_below(&m->r, size + 1);
        s->ar = (s->ar & ~(SEG_AR_G | SEG_AR_TYPE)) | 7u;
    } else {
        s->ar = (s->ar & ~SEG_AR_TYPE) | (kind < 6 ? 0x1u : 0xBu);
    }
}

/* An override that the place can have; in 64-bit code those without effect, too. */
static void choose_override(struct maker *m)
{
    static const uint8_t all[] = {SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_GS, SEG_FS};
    struct vector *v = m->v;
    v->override = 0xFF;
    if (random_one_in(&m->r, 4) && v->form->kind != FORM_STACK) {
        v->override = all[random_below(&m->r, m->limits->native ? 5 : 6)];
    }
    if (v->override == SEG_CS && flag(m, FORM_WRITES) && v->place != PLACE_64 &&
        !m->limits->segments) {
        v->override = 0xFF; /* #GP, if anybody looked */
    }
    if (v->override == SEG_CS && v->place != PLACE_64 && v->addr_size == 2) {
        v->override = 0xFF; /* code and data are too far apart */
    }
}

/* False: its operand came to lie in RAM. */
static bool is_in_device(const struct vector *v)
{
    bool ram = v->operand >= DEVICE_END && v->operand < WORLD_END;
    return v->form->kind == FORM_STRING || !ram;
}

bool vector_make(struct vector *v, const struct form *form, enum place place, uint32_t cpl,
                 uint64_t seed, uint32_t number, const struct limits *limits)
{
    uint64_t mix = random_mix(seed + ((uint64_t)(form - forms) << 48) + ((uint64_t)place << 44) +
                              ((uint64_t)cpl << 40) + number);
    struct maker m = {.v = v, .r = {mix}, .limits = limits};
    bool is_64 = place_is_64(place);
    memset(v, 0, sizeof(*v));
    v->form = form;
    v->place = place;
    v->cpl = cpl;
    v->seed = seed;
    v->number = number;
    v->land = cpl;
    if (limits->native && (form->flags & (FORM_SYSTEM | FORM_GATE)) != 0) {
        return false;
    }
    if ((is_64 && (form->flags & FORM_NO64) != 0) || (!is_64 && (form->flags & FORM_ONLY64) != 0) ||
        ((form->flags & FORM_VEX) != 0 && (!limits->avx || place == PLACE_REAL)) ||
        ((form->flags & FORM_GATE) != 0 && place == PLACE_REAL)) {
        return false;
    }
    world_system(&v->regs, place, limits->avx);
    choose_sizes(&m);
    choose_registers(&m);
    choose_override(&m);
    choose_place(&m);
    choose_segments(&m);
    set_stack(&m, GPR_RSP, AT(PAGE_RAM2, 0x800));
    v->code_at = WORLD_CODE + (random_one_in(&m.r, 4) ? 0xFFCu : 0x100u + random_below(&m.r, 64));
    if ((form->flags & (FORM_PUSHES | FORM_POPS)) != 0) {
        make_stack_beside(&m);
    }
    if ((form->flags & FORM_FAR) != 0) {
        far_choose(&m);
    }
    if (form->kind == FORM_STACK) {
        make_stack(&m);
    } else if (form->kind == FORM_STRING) {
        make_string(&m);
    } else if (!encode_memory(&m)) {
        return false;
    }
    v->regs.rip = v->code_at - v->regs.seg[SEG_CS].base;
    bend_segment(&m);
    if ((form->flags & FORM_DIVIDES) != 0) {
        choose_divisor(&m);
    }
    choose_memory(&m);
    return is_in_device(v) && !m.far.stray && v->len <= 15 && undefined_flags(&m);
}
