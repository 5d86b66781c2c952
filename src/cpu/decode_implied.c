/* SPDX-License-Identifier: BSD-2-Clause
 * Operands that the opcode implies: the stack, strings, a second address. */
#include "cpu/decode_int.h"
#include "vm/regs.h"

void decode_stack(const struct decoder *d, struct insn *out)
{
    static const struct {
        uint8_t access;
        uint8_t count;
    } slots[] = {
        [INSN_PUSH - INSN_PUSH] = {INSN_WRITE, 1},  [INSN_POP - INSN_PUSH] = {INSN_READ, 1},
        [INSN_PUSHA - INSN_PUSH] = {INSN_WRITE, 8}, [INSN_POPA - INSN_PUSH] = {INSN_READ, 8},
        [INSN_PUSHF - INSN_PUSH] = {INSN_WRITE, 1}, [INSN_POPF - INSN_PUSH] = {INSN_READ, 1},
        [INSN_CALL - INSN_PUSH] = {INSN_WRITE, 1},  [INSN_CALL_FAR - INSN_PUSH] = {INSN_WRITE, 2},
        [INSN_RET - INSN_PUSH] = {INSN_READ, 1},    [INSN_RET_FAR - INSN_PUSH] = {INSN_READ, 2},
        [INSN_IRET - INSN_PUSH] = {INSN_READ, 3},   [INSN_ENTER - INSN_PUSH] = {INSN_WRITE, 1},
        [INSN_LEAVE - INSN_PUSH] = {INSN_READ, 1},
    };
    out->other = INSN_AT_STACK;
    out->other_access = slots[out->op - INSN_PUSH].access;
    out->other_count = slots[out->op - INSN_PUSH].count;
    out->other_size = out->op_size;
    if (out->op == INSN_IRET && d->mode == DECODE_64) {
        out->other_count = 5;
    } else if (out->op == INSN_ENTER) {
        out->other_count = (uint8_t)(1u + (out->imm >> 16));
    }
    if (out->form == INSN_STACK_REG && out->reg_kind == INSN_SEGMENT) {
        out->reg = d->opcode >> 3 & 7u;
    } else if (out->form == INSN_STACK_REG) {
        uint32_t byte = out->op == INSN_CALL || d->opcode > 0x5F ? d->modrm : d->opcode;
        out->reg = (uint8_t)((byte & 7u) | (d->rex & REX_B) << 3);
    }
}

static void decode_string(const struct decoder *d, struct insn *out)
{
    bool source = out->op == INSN_MOVS || out->op == INSN_CMPS || out->op == INSN_LODS ||
                  out->op == INSN_OUTS;
    out->base = source ? GPR_RSI : GPR_RDI;
    out->seg = source ? (uint8_t)(d->seg != INSN_NO_REG ? d->seg : SEG_DS) : SEG_ES;
    out->rep = d->rep;
    if (out->op == INSN_MOVS || out->op == INSN_CMPS) {
        out->other = INSN_AT_ES_RDI;
        out->other_access = out->op == INSN_MOVS ? INSN_WRITE : INSN_READ;
        out->other_size = (uint8_t)out->mem_size;
        out->other_count = 1;
    }
}

void decode_implied(const struct decoder *d, struct insn *out)
{
    out->seg = (uint8_t)(d->seg != INSN_NO_REG ? d->seg : SEG_DS);
    if (out->form == INSN_STRING) {
        decode_string(d, out);
    } else if (out->form >= INSN_STACK) {
        decode_stack(d, out);
    } else if (out->op == INSN_XLAT) {
        out->base = GPR_RBX;
    } else if (out->op == INSN_VECTOR) {
        out->base = GPR_RDI;
    }
}

void decode_unusual(const struct decoder *d, uint32_t how, struct insn *out)
{
    if ((how & HOW_STACK) != 0) {
        decode_stack(d, out);
    }
    if ((how & HOW_REG_BITS) != 0) { /* its entry names no register */
        out->reg_size = 0;
        out->reg = 0;
    }
    if ((how & HOW_ALIGN) != 0 && out->mem_size >= 16) { /* CMPXCHG8B need not be */
        out->align = (uint8_t)out->mem_size;
    }
    if (out->op == INSN_LOAD_FAR) {
        uint8_t usual = d->opcode & 7u; /* LSS, LFS, LGS */
        out->reg2 = d->opcode == 0xC4 ? SEG_ES : d->opcode == 0xC5 ? SEG_DS : usual;
    } else if (out->op == INSN_MOVDIR64B) {
        out->reg_size = out->addr_size;
        out->other = INSN_AT_ES_REG;
        out->other_access = INSN_WRITE;
        out->other_size = 64;
        out->other_count = 1;
    } else if (out->op >= INSN_BLSR && out->op <= INSN_BLSI) {
        out->reg = d->vvvv;
        out->reg2 = INSN_NO_REG;
    }
}
