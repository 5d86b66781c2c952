/* SPDX-License-Identifier: BSD-2-Clause
 * The decoder's rarer operands: 16-bit addresses and SIB, immediates, what an opcode implies, and
 * ModRM that names registers. Section numbers are those of [SDM] vol. 2A. */
#include "base/le.h"
#include "cpu/decode_int.h"
#include "vm/regs.h"

/* The next `size` bytes, little-endian. */
static uint64_t decode_take(struct decoder *d, uint32_t size)
{
    uint64_t val = le_load(d->bytes + d->pos, size);
    d->pos += size;
    return val;
}

static uint64_t decode_take_signed(struct decoder *d, uint32_t size)
{
    uint32_t shift = 64u - 8u * size;
    uint64_t val = decode_take(d, size) << shift;
    return (val >> 63) != 0 ? ~(~val >> shift) : val >> shift;
}

/* --- Memory operands -------------------------------------------------------------------------------- */

void decode_memory_16(struct decoder *d, struct insn *out)
{
    static const uint8_t base[8] = {GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP,
                                    GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX};
    static const uint8_t index[8] = {GPR_RSI,     GPR_RDI,     GPR_RSI,     GPR_RDI,
                                     INSN_NO_REG, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG};
    uint32_t mod = d->modrm >> 6;
    uint32_t rm = d->modrm & 7u;
    out->index = index[rm];
    out->seg = SEG_DS;
    if (mod == 0 && rm == 6) {
        out->disp = decode_take_signed(d, 2);
        return;
    }
    out->base = base[rm];
    out->seg = out->base == GPR_RBP ? SEG_SS : SEG_DS;
    if (mod != 0) {
        out->disp = decode_take_signed(d, mod);
    }
}

/* --- Immediates --------------------------------------------------------------------------------------- */

void decode_immediate(struct decoder *d, uint32_t how, uint32_t column, struct insn *out)
{
    const uint16_t *full = decode_sizes[SIZE_V];
    uint32_t size_z = column == 0 ? 2 : 4;
    switch ((how & HOW_IMM_MASK) >> HOW_IMM_SHIFT) {
    case IMM_8:
        out->imm = decode_take_signed(d, 1);
        break;
    case IMM_16:
        out->imm = decode_take(d, 2);
        break;
    case IMM_Z:
        out->imm = decode_take_signed(d, size_z);
        break;
    case IMM_V:
        out->imm = decode_take(d, full[column]);
        break;
    case IMM_ONE:
        out->imm = 1;
        break;
    case IMM_MOFFS:
        out->disp = decode_take(d, out->addr_size);
        break;
    case IMM_ENTER:
        out->imm = decode_take(d, 2);
        out->imm |= (uint64_t)(decode_byte(d) & 31u) << 16;
        break;
    case IMM_FAR:
        out->imm = decode_take(d, size_z);
        out->imm |= decode_take(d, 2) << 32;
        break;
    default:
        break;
    }
}

/* --- What is implied ---------------------------------------------------------------------------------- */

static void decode_stack(const struct decoder *d, struct insn *out)
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
    } else if (out->op == INSN_VMASK_1) { /* MASKMOVQ, MASKMOVDQU */
        out->base = GPR_RDI;
        out->reg2 = (uint8_t)((d->modrm & 7u) | (d->rex & REX_B) << 3);
    }
}

void decode_unusual(const struct decoder *d, uint32_t how, struct insn *out)
{
    out->lock = d->lock;
    out->vex = d->vex;
    if ((how & HOW_VVVV) != 0) {
        out->reg2 = d->vvvv;
    }
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
    if (out->op == INSN_VMASK_4 && d->vex_w != 0) { /* VPMASKMOV takes W for its size */
        out->op = INSN_VMASK_8;
    }
    if (out->op == INSN_SETCC || out->op == INSN_CMOVCC) {
        out->cond = d->opcode & 15u;
    } else if (out->op == INSN_LOAD_FAR) {
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

/* --- Registers ---------------------------------------------------------------------------------------- */

/* Whether ModRM's register form is an instruction. */
static bool decode_exists(const struct decoder *d, uint32_t map)
{
    uint64_t bit = 1ull << (d->modrm & 63u);
    if (map == MAP_LONG) {
        return d->mode == DECODE_64;
    }
    if (map != MAP_0F01) {
        return (decode_register_maps[map] & bit) != 0;
    }
    uint32_t prefix = decode_mandatory(d);
    uint64_t here = decode_register_maps[MAP_0F01 + prefix];
    uint64_t only_long = decode_register_maps[MAP_0F01_LONG + prefix];
    return (here & bit) != 0 && (d->mode == DECODE_64 || (only_long & bit) == 0);
}

enum decode_result decode_registers(struct decoder *d, const struct decode_entry *e,
                                    uint32_t column, struct insn *out)
{
    enum decode_result result = DECODE_NO_MEMORY;
    bool exists = (e->how & HOW_REG_BITS) == 0 || decode_exists(d, e->reg);
    bool named = out->reg_kind != INSN_SEGMENT || decode_register(d, out);
    decode_immediate(d, e->how, column, out);
    if ((e->how & HOW_MEM_ONLY) != 0 || d->lock || !exists || !named) {
        result = DECODE_UNDEFINED;
    } else if ((e->how & HOW_STACK) != 0) {
        out->form = INSN_STACK_REG;
        out->access = 0;
        out->mem_size = 0;
        decode_stack(d, out);
        result = DECODE_DONE;
    } else if ((e->how & HOW_RDI) != 0) {
        (void)decode_register(d, out);
        decode_implied(d, out);
        out->vex = d->vex;
        result = DECODE_DONE;
    }
    return result;
}
