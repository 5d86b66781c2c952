/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of one instruction with a memory operand. */
#include "cpu/emulate.h"

#include "base/bits.h"
#include "base/le.h"
#include "base/string.h"
#include "cpu/walk.h"

#define PAGE_BYTES 4096u
#define VECTOR_GP  13u
#define VECTOR_PF  14u
#define RFLAGS_RF  0x10000u

#define RFLAGS_ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* The operand: one part, or two in adjoining pages. */
struct operand {
    gpa_t gpa[2];
    uint32_t size[2]; /* bytes; size[1] is 0 for one part */
};

/* --- Flags and arithmetic -------------------------------------------------------------------------- */

static uint64_t alu_top_bit(uint64_t x, uint32_t size)
{
    return x >> (8u * size - 1u) & 1u;
}

/* PF is set if the low byte has an even number of ones. */
static uint64_t alu_parity(uint64_t x)
{
    x ^= x >> 4;
    return (0x6996u >> (x & 15u) & 1u) == 0 ? RFLAGS_PF : 0;
}

static uint64_t alu_result_flags(uint64_t r, uint32_t size)
{
    return alu_parity(r) | (r == 0 ? RFLAGS_ZF : 0u) | (alu_top_bit(r, size) != 0 ? RFLAGS_SF : 0u);
}

/* a + b + carry; *flags are those of the sum. Operands are zero-extended from `size` bytes. */
static uint64_t alu_add(uint64_t a, uint64_t b, uint64_t carry, uint32_t size, uint64_t *flags)
{
    uint64_t r = (a + b + carry) & ones_bytes(size);
    bool carried = carry != 0 ? r <= a : r < a;
    *flags = alu_result_flags(r, size) | (carried ? RFLAGS_CF : 0u) | ((a ^ b ^ r) & RFLAGS_AF) |
             (alu_top_bit((a ^ r) & (b ^ r), size) != 0 ? RFLAGS_OF : 0u);
    return r;
}

static uint64_t alu_sub(uint64_t a, uint64_t b, uint64_t borrow, uint32_t size, uint64_t *flags)
{
    uint64_t r = (a - b - borrow) & ones_bytes(size);
    bool borrowed = borrow != 0 ? a <= b : a < b;
    *flags = alu_result_flags(r, size) | (borrowed ? RFLAGS_CF : 0u) | ((a ^ b ^ r) & RFLAGS_AF) |
             (alu_top_bit((a ^ b) & (a ^ r), size) != 0 ? RFLAGS_OF : 0u);
    return r;
}

/* AF is undefined after these; processors clear it. */
static uint64_t alu_logic(enum insn_op op, uint64_t a, uint64_t b, uint32_t size, uint64_t *flags)
{
    uint64_t r = a & b;
    if (op == INSN_OR) {
        r = a | b;
    } else if (op == INSN_XOR) {
        r = a ^ b;
    }
    *flags = alu_result_flags(r, size);
    return r;
}

/* The flags that an operation replaces. */
static uint64_t alu_affected(enum insn_op op)
{
    switch (op) {
    case INSN_MOV:
    case INSN_MOVZX:
    case INSN_MOVSX:
    case INSN_XCHG:
    case INSN_NOT:
        return 0;
    case INSN_INC:
    case INSN_DEC:
        return RFLAGS_ARITH & ~RFLAGS_CF;
    default:
        return RFLAGS_ARITH;
    }
}

static uint64_t alu_compute(enum insn_op op, uint64_t a, uint64_t b, uint32_t size, uint64_t *flags)
{
    uint64_t carry = *flags & RFLAGS_CF;
    switch (op) {
    case INSN_ADD:
        return alu_add(a, b, 0, size, flags);
    case INSN_ADC:
        return alu_add(a, b, carry, size, flags);
    case INSN_INC:
        return alu_add(a, 1, 0, size, flags);
    case INSN_SUB:
    case INSN_CMP:
        return alu_sub(a, b, 0, size, flags);
    case INSN_SBB:
        return alu_sub(a, b, carry, size, flags);
    case INSN_DEC:
        return alu_sub(a, 1, 0, size, flags);
    case INSN_NEG:
        return alu_sub(0, a, 0, size, flags);
    case INSN_AND:
    case INSN_OR:
    case INSN_XOR:
    case INSN_TEST:
        return alu_logic(op, a, b, size, flags);
    case INSN_NOT:
        return ~a & ones_bytes(size);
    default: /* MOV and its like, XCHG: the other operand */
        return b;
    }
}

uint64_t emulate_alu(enum insn_op op, uint64_t a, uint64_t b, uint32_t size, uint64_t *rflags)
{
    uint64_t ones = ones_bytes(size);
    uint64_t flags = *rflags;
    uint64_t r = alu_compute(op, a & ones, b & ones, size, &flags);
    uint64_t affected = alu_affected(op);
    *rflags = (*rflags & ~affected) | (flags & affected);
    return r;
}

/* --- Registers --------------------------------------------------------------------------------------- */

static uint64_t emulate_get_reg(const struct vcpu_regs *regs, const struct insn *insn)
{
    uint64_t val = regs->gpr[insn->reg];
    return (insn->high_byte ? val >> 8 : val) & ones_bytes(insn->reg_size);
}

/* [SDM] vol. 1, 3.4.1.1: 32-bit results clear the upper half, narrower ones leave the rest. */
static void emulate_set_reg(struct vcpu_regs *regs, const struct insn *insn, uint64_t val)
{
    uint64_t *reg = &regs->gpr[insn->reg];
    uint64_t mask = insn->reg_size == 4 ? UINT64_MAX : ones_bytes(insn->reg_size);
    uint32_t shift = insn->high_byte ? 8 : 0;
    val &= ones_bytes(insn->reg_size);
    *reg = (*reg & ~(mask << shift)) | val << shift;
}

enum decode_mode emulate_mode(const struct vcpu_regs *regs)
{
    uint32_t ar = regs->seg[SEG_CS].ar;
    if ((regs->efer & EFER_LMA) != 0 && (ar & SEG_AR_L) != 0) {
        return DECODE_64;
    }
    return (ar & SEG_AR_DB) != 0 ? DECODE_32 : DECODE_16;
}

uint64_t emulate_next_rip(const struct vcpu_regs *regs, uint32_t len)
{
    static const uint64_t wrap[] = {
        [DECODE_16] = 0xFFFF, [DECODE_32] = UINT32_MAX, [DECODE_64] = UINT64_MAX};
    return (regs->rip + len) & wrap[emulate_mode(regs)];
}

/* --- Addresses ----------------------------------------------------------------------------------------- */

/* Segment base plus offset. In 64-bit code only FS and GS have bases; elsewhere 32 bits wrap. */
static uint64_t emulate_linear(const struct vcpu_regs *regs, uint32_t seg, uint64_t offset)
{
    if (emulate_mode(regs) == DECODE_64) {
        return offset + (seg == SEG_FS || seg == SEG_GS ? regs->seg[seg].base : 0);
    }
    return (regs->seg[seg].base + offset) & UINT32_MAX;
}

static uint64_t emulate_offset(const struct vcpu_regs *regs, const struct insn *insn)
{
    uint64_t offset = insn->disp;
    if (insn->base != INSN_NO_REG) {
        offset += regs->gpr[insn->base];
    }
    if (insn->index != INSN_NO_REG) {
        offset += regs->gpr[insn->index] << insn->scale;
    }
    if (insn->rip_relative) {
        offset += regs->rip + insn->len;
    }
    return offset & ones_bytes(insn->addr_size);
}

static bool emulate_writes(const struct insn *insn)
{
    return (insn->access & INSN_WRITE) != 0;
}

static bool emulate_reads(const struct insn *insn)
{
    return (insn->access & INSN_READ) != 0;
}

/* The decoder knows more than is carried out here. */
static bool emulate_knows(const struct insn *insn)
{
    bool plain = insn->op <= INSN_CMP || (insn->op >= INSN_MOV && insn->op <= INSN_MOVSX) ||
                 (insn->op >= INSN_TEST && insn->op <= INSN_NEG);
    return plain && insn->form <= INSN_MEM && insn->reg_kind == INSN_GPR;
}

/* Translates one part of the operand; false with the report filled in if the guest gets a fault. */
static enum emulate_result emulate_translate(const struct emulate_vcpu *v, uint64_t linear,
                                             uint32_t access, gpa_t *gpa,
                                             struct emulate_report *report)
{
    const struct walk_view view = {
        .regs = &v->cache->regs, .gmem = v->gmem, .phys_bits = 52, .pages_1g = true};
    struct walk walk;
    switch (walk_translate(&view, linear, access, &walk)) {
    case WALK_DONE:
        *gpa = walk.gpa;
        return EMULATE_DONE;
    case WALK_FAULT:
        report->vector = VECTOR_PF;
        report->error_code = walk.error;
        report->cr2 = linear;
        return EMULATE_FAULT;
    case WALK_NON_CANONICAL:
        report->vector = VECTOR_GP;
        return EMULATE_FAULT;
    default:
        return EMULATE_ELSEWHERE;
    }
}

/* Where the operand is. One of its parts must be at `gpa`, or the exit was about something else. */
static enum emulate_result emulate_locate(const struct emulate_vcpu *v, const struct insn *insn,
                                          gpa_t gpa, struct operand *o,
                                          struct emulate_report *report)
{
    const struct vcpu_regs *regs = &v->cache->regs;
    uint64_t linear = emulate_linear(regs, insn->seg, emulate_offset(regs, insn));
    uint32_t access =
        (walk_cpl(regs) == 3 ? WALK_USER : 0) | (emulate_writes(insn) ? WALK_WRITE : 0);
    uint32_t room = PAGE_BYTES - (uint32_t)(linear & (PAGE_BYTES - 1));
    o->size[0] = insn->mem_size < room ? insn->mem_size : room;
    o->size[1] = insn->mem_size - o->size[0];
    bool here = false;
    for (uint32_t i = 0; i < 2 && o->size[i] != 0; i++) {
        uint64_t part = i == 0 ? linear : linear + room;
        if (emulate_mode(regs) != DECODE_64) {
            part &= UINT32_MAX;
        }
        enum emulate_result r = emulate_translate(v, part, access, &o->gpa[i], report);
        if (r != EMULATE_DONE) {
            return r;
        }
        here = here || o->gpa[i] / PAGE_BYTES == gpa / PAGE_BYTES;
    }
    report->operand = o->gpa[0];
    return here ? EMULATE_DONE : EMULATE_ELSEWHERE;
}

/* --- Memory ---------------------------------------------------------------------------------------------- */

static uint64_t emulate_read(const struct emulate_vcpu *v, const struct operand *o)
{
    uint64_t val = 0;
    for (uint32_t i = 0; i < 2 && o->size[i] != 0; i++) {
        uint8_t raw[8];
        uint64_t part = 0;
        if (gmem_read(v->gmem, o->gpa[i], raw, o->size[i])) {
            part = le_load(raw, o->size[i]);
        } else {
            part = v->bus->read(v->bus->owner, o->gpa[i], o->size[i]) & ones_bytes(o->size[i]);
        }
        val |= part << (i == 0 ? 0 : 8 * o->size[0]);
    }
    return val;
}

static void emulate_write(const struct emulate_vcpu *v, const struct operand *o, uint64_t val)
{
    for (uint32_t i = 0; i < 2 && o->size[i] != 0; i++) {
        uint8_t raw[8];
        uint64_t part = val >> (i == 0 ? 0 : 8 * o->size[0]) & ones_bytes(o->size[i]);
        le_store(raw, o->size[i], part);
        if (!gmem_write(v->gmem, o->gpa[i], raw, o->size[i])) {
            v->bus->write(v->bus->owner, o->gpa[i], o->size[i], part);
        }
    }
}

/* --- The instruction --------------------------------------------------------------------------------------- */

static uint64_t emulate_extend(const struct insn *insn, uint64_t val)
{
    uint32_t shift = 64u - 8u * insn->mem_size;
    bool negative = insn->op == INSN_MOVSX && (val << shift) >> 63 != 0;
    return negative ? val | ~(UINT64_MAX >> shift) : val;
}

/* The operand's location is known and nothing can fail any more. */
static void emulate_execute(const struct emulate_vcpu *v, const struct insn *insn,
                            const struct operand *o)
{
    struct vcpu_regs *regs = regs_edit(v->cache, v->source, v->vcpu, REGS_GPR);
    uint64_t mem = emulate_reads(insn) ? emulate_read(v, o) : 0;
    uint64_t other = insn->form == INSN_MEM_IMM ? insn->imm : emulate_get_reg(regs, insn);
    enum insn_op op = (enum insn_op)insn->op;
    if (insn->form == INSN_REG_MEM) {
        uint64_t from = emulate_extend(insn, mem);
        uint64_t result = emulate_alu(op, other, from, insn->reg_size, &regs->rflags);
        if (op != INSN_CMP) {
            emulate_set_reg(regs, insn, result);
        }
    } else {
        uint64_t result = emulate_alu(op, mem, other, insn->mem_size, &regs->rflags);
        if (emulate_writes(insn)) {
            emulate_write(v, o, result);
        }
        if (op == INSN_XCHG) {
            emulate_set_reg(regs, insn, mem);
        }
    }
    regs->rip = emulate_next_rip(regs, insn->len);
    regs->rflags &= ~(uint64_t)RFLAGS_RF;
}

enum emulate_result emulate_mmio(const struct emulate_vcpu *v, gpa_t gpa,
                                 struct emulate_report *report)
{
    const struct vcpu_regs *regs = regs_view(v->cache, v->source, v->vcpu, REGS_ALL);
    struct insn insn;
    struct operand operand = {0};
    memset(report, 0, sizeof(*report));
    report->rip = regs->rip;
    const struct walk_view view = {
        .regs = regs, .gmem = v->gmem, .phys_bits = 52, .pages_1g = true};
    struct walk_code code;
    walk_fetch(&view, emulate_linear(regs, SEG_CS, regs->rip), DECODE_BYTES_MAX, &code);
    report->count = code.count;
    memcpy(report->bytes, code.bytes, code.count);
    enum decode_result decoded = decode(report->bytes, report->count, emulate_mode(regs), &insn);
    if (decoded == DECODE_SHORT) {
        return EMULATE_NO_CODE;
    }
    if (decoded != DECODE_DONE || !emulate_knows(&insn)) {
        return EMULATE_UNSUPPORTED;
    }
    enum emulate_result r = emulate_locate(v, &insn, gpa, &operand, report);
    if (r != EMULATE_DONE) {
        return r;
    }
    report->trap = (regs->rflags & RFLAGS_TF) != 0;
    emulate_execute(v, &insn, &operand);
    return EMULATE_DONE;
}
