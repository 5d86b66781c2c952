/* SPDX-License-Identifier: BSD-2-Clause
 * Encoding, with every way of addressing. Spec: [SDM] vol. 2A, 2.1 to 2.3. */
#include "encode.h"

#include <string.h>

#include "base/bits.h"
#include "base/le.h"

#define NONE 0xFFu

/* What ModRM and SIB are to say. */
struct address {
    uint8_t mod, rm;
    bool has_sib;
    uint8_t base, index, scale; /* index and base: registers, or NONE */
    uint32_t disp_bytes;
    uint64_t disp;
    bool rip; /* disp counts from the end of the instruction */
};

static bool flag(const struct maker *m, uint32_t f)
{
    return (m->v->form->flags & f) != 0;
}

static void put(struct vector *v, uint64_t value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes && v->len < sizeof(v->code); i++) {
        v->code[v->len++] = (uint8_t)(value >> 8 * i);
    }
}

static uint32_t imm_bytes(const struct maker *m)
{
    switch (m->v->form->imm) {
    case IMM_8:
        return 1;
    case IMM_16:
        return 2;
    case IMM_ENTER:
        return 3;
    case IMM_V:
        return m->v->op_size < 4 ? m->v->op_size : 4;
    default:
        return 0;
    }
}

static void put_prefixes(struct maker *m)
{
    static const uint8_t seg[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65};
    struct vector *v = m->v;
    uint8_t p[6];
    uint32_t n = 0;
    if (v->override != NONE) {
        p[n++] = seg[v->override];
    }
    if (m->prefix_66) {
        p[n++] = 0x66;
    }
    if (m->prefix_67) {
        p[n++] = 0x67;
    }
    if (!flag(m, FORM_VEX) && v->form->prefix != 0) {
        p[n++] = v->form->prefix;
    }
    if (flag(m, FORM_LOCK) && random_one_in(&m->r, 3)) {
        p[n++] = 0xF0;
    }
    if (v->rep) {
        p[n++] = random_one_in(&m->r, 3) ? 0xF2 : 0xF3;
    }
    for (uint32_t i = 0; i < n; i++) { /* in any order */
        uint32_t j = i + random_below(&m->r, n - i);
        uint8_t t = p[i];
        p[i] = p[j];
        p[j] = t;
        put(v, p[i], 1);
    }
}

/* REX or VEX, and the opcode. `reg`, `index`, `base`: registers, of which bit 3 counts. */
static void put_opcode(struct maker *m, uint32_t reg, uint32_t index, uint32_t base)
{
    struct vector *v = m->v;
    const struct form *f = v->form;
    uint32_t rex =
        (m->rex_w ? 8u : 0) | (reg >> 3 & 1u) << 2 | (index >> 3 & 1u) << 1 | (base >> 3 & 1u);
    if (flag(m, FORM_VEX)) {
        uint32_t map = f->map == 0x0F ? 1 : f->map == 0x38 ? 2 : 3;
        uint32_t pp = f->prefix == 0x66 ? 1 : f->prefix == 0xF3 ? 2 : f->prefix == 0xF2 ? 3 : 0;
        uint32_t vvvv = flag(m, FORM_VV) ? random_below(&m->r, place_is_64(v->place) ? 16 : 8) : 0;
        if (flag(m, FORM_VV) && !flag(m, FORM_XMM) && vvvv == GPR_RSP) {
            vvvv = GPR_RBP;
        }
        uint32_t last = (~vvvv & 15u) << 3 | (m->vex_l ? 4u : 0) | pp;
        if (map == 1 && (rex & 11u) == 0 && random_one_in(&m->r, 2)) {
            put(v, 0xC5 | ((~rex & 4u) << 5 | last) << 8, 2);
        } else {
            put(v, 0xC4 | ((~rex & 7u) << 5 | map) << 8 | (last | (rex & 8u) << 4) << 16, 3);
        }
        put(v, f->opcode, 1);
        return;
    }
    if (place_is_64(v->place) && (rex != 0 || random_one_in(&m->r, 6))) {
        put(v, 0x40u | rex, 1);
    }
    if (f->map != 1) {
        put(v, 0x0F, 1);
        if (f->map != 0x0F) {
            put(v, f->map, 1);
        }
    }
    put(v, f->opcode, 1);
}

void encode_plain(struct maker *m, uint32_t level)
{
    struct vector *v = m->v;
    uint32_t imm = imm_bytes(m);
    bool extends = v->form->kind == FORM_STACK && (v->form->opcode & 0xEFu) == 0x48;
    put_prefixes(m);
    put_opcode(m, 0, 0, extends && random_one_in(&m->r, 3) ? 8 : 0);
    if (v->form->imm == IMM_ENTER) {
        put(v, random_below(&m->r, 64) | level << 16, 3);
    } else if (flag(m, FORM_JUMPS) && flag(m, FORM_WRITES)) {
        uint32_t to = WORLD_CODE + 0x1000u + random_below(&m->r, 0xF00);
        put(v, to - (v->code_at + v->len + imm), imm);
    } else if (v->form->imm == IMM_FAR) {
        put(v, m->far.offset, v->op_size);
        put(v, m->far.selector, 2);
    } else if (v->form->imm == IMM_16) {
        put(v, random_below(&m->r, 64), 2);
    } else {
        put(v, random_value(&m->r), imm);
    }
}

/* --- Addresses ------------------------------------------------------------------------------------------- */

static uint64_t sign_extend(uint64_t x, uint32_t bytes)
{
    return bytes == 1   ? (uint64_t)(int64_t)(int8_t)x
           : bytes == 2 ? (uint64_t)(int64_t)(int16_t)x
                        : (uint64_t)(int64_t)(int32_t)x;
}

/* Makes a register's low bytes such that the sum comes out. */
static void solve(struct maker *m, uint32_t reg, uint64_t value)
{
    uint64_t mask = ones_bytes(m->v->addr_size);
    uint64_t *r = &m->v->regs.gpr[reg];
    *r = (*r & ~mask) | (value & mask);
    if (!place_is_64(m->v->place)) {
        *r &= UINT32_MAX;
    }
    m->used[reg] = true;
}

static void address_16(struct maker *m, struct address *a)
{
    static const uint8_t base[8] = {GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP,
                                    GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX};
    static const uint8_t index[8] = {GPR_RSI, GPR_RDI, GPR_RSI, GPR_RDI, NONE, NONE, NONE, NONE};
    a->rm = (uint8_t)random_below(&m->r, 8);
    a->mod = (uint8_t)random_below(&m->r, 3);
    a->disp_bytes = a->mod;
    a->base = base[a->rm];
    a->index = index[a->rm];
    if (a->mod == 0 && a->rm == 6) {
        a->base = NONE;
        a->disp_bytes = 2;
    }
}

/* The registers of 32- and 64-bit addresses, whatever they hold. */
static void address_32(struct maker *m, struct address *a, uint32_t avoid)
{
    bool is_64 = place_is_64(m->v->place);
    uint32_t regs = is_64 ? 16 : 8;
    uint32_t kind = random_below(&m->r, 8);
    a->mod = (uint8_t)random_below(&m->r, 3);
    a->disp_bytes = a->mod == 2 ? 4 : a->mod;
    do { /* bound: one of three at least is good */
        a->base = (uint8_t)random_below(&m->r, regs);
    } while (a->base == avoid || (a->base == GPR_RSP && (m->stack_at != 0 || !m->limits->native)));
    if (kind == 0) { /* displacement alone: of RIP, or absolute through SIB */
        a->has_sib = is_64 && random_one_in(&m->r, 2);
        a->rip = is_64 && !a->has_sib;
        a->base = NONE;
        a->mod = 0;
        a->disp_bytes = 4;
    } else if (kind < 5) {
        a->has_sib = true;
        a->scale = (uint8_t)random_below(&m->r, 4);
        do { /* bound: as above */
            a->index = (uint8_t)random_below(&m->r, regs);
        } while (a->index == a->base || a->index == avoid);
        a->index = a->index == GPR_RSP ? NONE : a->index;
        if (kind == 1 && a->index != NONE) {
            a->base = NONE;
            a->mod = 0;
            a->disp_bytes = 4;
        }
    }
    if (a->base != NONE && (a->base & 7u) == GPR_RSP) {
        a->has_sib = true;
    }
    if (a->base != NONE && (a->base & 7u) == GPR_RBP && a->mod == 0) {
        a->mod = 1;
        a->disp_bytes = 1;
    }
}

static void aim(struct maker *m, struct address *a, uint64_t off)
{
    uint64_t index = 0;
    if (a->base == NONE) {
        if (a->index != NONE) {
            solve(m, a->index, random_below(&m->r, 0x1000));
            index = (m->v->regs.gpr[a->index] & ones_bytes(m->v->addr_size)) << a->scale;
        }
        a->disp = off - index;
        return;
    }
    a->disp = sign_extend(random_next(&m->r), a->disp_bytes == 0 ? 1 : a->disp_bytes);
    a->disp = a->disp_bytes == 0 ? 0 : a->disp;
    if (a->index != NONE) {
        index = m->v->regs.gpr[a->index] << a->scale;
        m->used[a->index] = true;
    }
    solve(m, a->base, off - a->disp - index);
}

static void put_address(struct maker *m, const struct address *a, uint32_t reg)
{
    struct vector *v = m->v;
    uint32_t rm = a->rm;
    if (v->addr_size != 2) {
        rm = a->has_sib ? 4 : a->base == NONE ? 5 : a->base & 7u;
    }
    put(v, (uint32_t)a->mod << 6 | (reg & 7u) << 3 | rm, 1);
    if (v->addr_size != 2 && a->has_sib) {
        uint32_t index = a->index == NONE ? 4 : a->index & 7u;
        put(v, (uint32_t)a->scale << 6 | index << 3 | (a->base == NONE ? 5u : a->base & 7u), 1);
    }
    uint64_t disp = a->disp;
    if (a->rip) {
        disp -= v->code_at + v->len + a->disp_bytes + imm_bytes(m);
    }
    put(v, disp, a->disp_bytes);
}

static uint32_t default_seg(const struct maker *m, const struct address *a)
{
    bool stack = a->base == GPR_RBP || (a->base == GPR_RSP && m->v->addr_size != 2);
    return stack ? SEG_SS : SEG_DS;
}

/* In 64-bit code a displacement alone reaches 2 GiB: bring the segment near. */
static void bring_near(struct maker *m, uint32_t seg)
{
    struct vector *v = m->v;
    bool fs = place_is_64(v->place) && (seg == SEG_FS || seg == SEG_GS);
    if (fs) {
        v->regs.seg[seg].base = random_below(&m->r, WORLD_DATA);
    }
}

static uint32_t choose_reg(struct maker *m)
{
    const struct form *f = m->v->form;
    bool is_64 = place_is_64(m->v->place);
    if (f->digit == DIGIT_ZERO) {
        return 0;
    }
    if (f->digit != DIGIT_ANY) {
        return f->digit;
    }
    uint32_t reg = random_below(&m->r, is_64 ? 16 : 8);
    bool byte = f->size == 1 && !flag(m, FORM_XMM) && f->opcode != 0xB6 && f->opcode != 0xBE;
    if (reg == GPR_RSP && !flag(m, FORM_XMM) && !byte) {
        reg = GPR_RBX; /* the stack stays where it is */
    }
    return reg;
}

/* A bit offset in a register moves the operand: by a few hundred bytes here, either way. */
static uint64_t aim_bit(struct maker *m, uint32_t reg)
{
    struct vector *v = m->v;
    if (!flag(m, FORM_BITS)) {
        return 0;
    }
    int32_t bit = (int32_t)random_below(&m->r, 0x1000) - 0x800;
    uint64_t mask = ones_bytes(v->op_size);
    uint64_t *r = &v->regs.gpr[reg];
    *r = (*r & ~mask) | ((uint64_t)(int64_t)bit & mask);
    if (v->op_size == 4 && !place_is_64(v->place)) {
        *r &= UINT32_MAX;
    }
    int32_t bits = 8 * (int32_t)v->op_size;
    int32_t unit = bit >= 0 ? bit / bits : -((bits - 1 - bit) / bits);
    return (uint64_t)(int64_t)(unit * (int32_t)v->op_size);
}

static bool encode_moffs(struct maker *m)
{
    struct vector *v = m->v;
    uint32_t seg = v->override != NONE ? v->override : SEG_DS;
    uint64_t off = v->operand - v->regs.seg[seg].base;
    v->operand_seg = (uint8_t)seg;
    if (v->addr_size != 8) {
        bring_near(m, seg);
        off = (v->operand - v->regs.seg[seg].base) & UINT32_MAX;
    }
    put_prefixes(m);
    put_opcode(m, 0, 0, 0);
    put(v, off, v->addr_size);
    return off <= ones_bytes(v->addr_size);
}

static bool encode_xlat(struct maker *m)
{
    struct vector *v = m->v;
    uint32_t seg = v->override != NONE ? v->override : SEG_DS;
    v->operand_seg = (uint8_t)seg;
    if (v->addr_size == 4) {
        bring_near(m, seg);
    }
    uint64_t off = v->operand - v->regs.seg[seg].base;
    off &= ones_bytes(place_is_64(v->place) ? 8 : 4);
    solve(m, GPR_RBX, off - (v->regs.gpr[GPR_RAX] & 0xFFu));
    put_prefixes(m);
    put_opcode(m, 0, 0, 0);
    return off <= ones_bytes(v->addr_size);
}

bool encode_memory(struct maker *m)
{
    struct vector *v = m->v;
    struct address a = {.base = NONE, .index = NONE};
    if (v->form->kind != FORM_MODRM) {
        return v->form->kind == FORM_MOFFS ? encode_moffs(m) : encode_xlat(m);
    }
    uint32_t reg = choose_reg(m);
    uint32_t avoid = flag(m, FORM_BITS) ? reg : NONE;
    if (v->addr_size == 2) {
        address_16(m, &a);
        if (avoid != NONE && (a.base == avoid || a.index == avoid)) {
            reg = GPR_RCX;
        }
    } else {
        address_32(m, &a, avoid);
    }
    uint32_t seg = v->override != NONE ? v->override : default_seg(m, &a);
    if (place_is_64(v->place) && v->override != NONE && v->override < SEG_FS) {
        seg = SEG_DS;
    }
    if (v->addr_size == 4 || a.base == NONE) {
        bring_near(m, seg);
    }
    v->operand_seg = (uint8_t)seg;
    uint64_t off = v->operand - v->regs.seg[seg].base;
    off &= ones_bytes(place_is_64(v->place) ? 8 : 4);
    if (off > ones_bytes(v->addr_size) ||
        (a.base == NONE && off != sign_extend(off, 4) && v->addr_size == 8)) {
        return false;
    }
    aim(m, &a, off - aim_bit(m, reg));
    put_prefixes(m);
    put_opcode(m, reg, a.index == NONE ? 0 : a.index, a.base == NONE ? 0 : a.base);
    put_address(m, &a, reg);
    put(v, random_value(&m->r), imm_bytes(m));
    return true;
}
