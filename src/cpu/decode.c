/* SPDX-License-Identifier: BSD-2-Clause
 * The instruction decoder: what every instruction goes through. It is on the way of each access to a
 * device, so what most instructions do not need is in decode_find.c and decode_operands.c. Section
 * numbers are those of [SDM] vol. 2A. */
#include "cpu/decode.h"

#include "cpu/decode_int.h"
#include "vm/regs.h"

/* By size, and by operand size 2, 4, 8 or VEX.L. */
const uint16_t decode_sizes[SIZES][4] = {
    [SIZE_1] = {1, 1, 1},         [SIZE_2] = {2, 2, 2},          [SIZE_4] = {4, 4, 4},
    [SIZE_8] = {8, 8, 8},         [SIZE_10] = {10, 10, 10},      [SIZE_16] = {16, 16, 16},
    [SIZE_32] = {32, 32, 32},     [SIZE_64] = {64, 64, 64},      [SIZE_512] = {512, 512, 512},
    [SIZE_576] = {576, 576, 576}, [SIZE_V] = {2, 4, 8},          [SIZE_Z] = {2, 4, 4},
    [SIZE_Y] = {4, 4, 8},         [SIZE_FAR] = {4, 6, 10},       [SIZE_PAIR] = {4, 8, 16},
    [SIZE_TABLE] = {6, 6, 10},    [SIZE_LONG] = {2, 4, 4},       [SIZE_8_16] = {8, 8, 16},
    [SIZE_ENV] = {14, 28, 28},    [SIZE_FSAVE] = {94, 108, 108}, [SIZE_X] = {16, 32, 0},
    [SIZE_X_2] = {8, 16, 0},      [SIZE_X_4] = {4, 8, 0},        [SIZE_X_8] = {2, 4, 0},
    [SIZE_X_DUP] = {8, 32, 0},
};

/* Without prefixes: the columns of decode_sizes, and the address sizes. */
static const uint8_t decode_columns[3] = {0, 1, 1};
static const uint8_t decode_addresses[3] = {2, 4, 8};

/* Where an instruction has nothing. */
static const struct insn decode_blank = {
    .base = INSN_NO_REG, .index = INSN_NO_REG, .reg2 = INSN_NO_REG};

/* The instruction's description; opcode and ModRM are taken. */
static inline const struct decode_entry *decode_find(struct decoder *d)
{
    d->opcode = (uint8_t)decode_byte(d);
    const struct decode_entry *e = &decode_map_1[d->opcode];
    if ((e->how & HOW_SPECIAL) != 0) {
        e = decode_special(d);
    }
    if ((e->how & HOW_MODRM) != 0) {
        d->modrm = decode_byte(d);
    }
    return (e->how & (HOW_GROUP | HOW_PREFIX)) != 0 ? decode_refine(d, e) : e;
}

/* Tables 2-1 to 2-3, and 2.2.1.6: RIP-relative addressing. */
static inline void decode_memory(struct decoder *d, struct insn *out)
{
    uint32_t rm = d->modrm & 7u;
    uint32_t disp = d->modrm >> 6; /* 1: one byte, 2: four */
    if (d->addr_size == 2) {
        decode_memory_16(d, out);
        disp = 0;
    } else if (rm == 4) {
        disp = decode_sib(d, out);
    } else if (rm == 5 && disp == 0) {
        disp = 2;
        out->rip_relative = d->mode == DECODE_64;
    } else {
        out->base = (uint8_t)(rm | (d->rex & REX_B) << 3);
    }
    if (disp == 2) {
        out->disp = decode_disp32(d);
    } else if (disp == 1) {
        out->disp = decode_disp8(d);
    }
    bool stack = (out->base & 0xFEu) == GPR_RSP; /* RBP is the next number */
    out->seg = stack ? SEG_SS : SEG_DS;
    if (d->seg != INSN_NO_REG) {
        out->seg = (uint8_t)d->seg;
    }
}

/* ModRM's general register. */
static inline void decode_gpr(const struct decoder *d, struct insn *out)
{
    uint32_t reg = (d->modrm >> 3 & 7u) | (d->rex & REX_R) << 1;
    if (out->reg_size == 1 && reg >= 4 && !d->has_rex) { /* 2.2.1.2: AH, CH, DH, BH */
        reg -= 4;
        out->high_byte = true;
    }
    out->reg = (uint8_t)reg;
}

bool decode_register(const struct decoder *d, struct insn *out)
{
    uint32_t reg = d->modrm >> 3 & 7u;
    if (out->reg_kind == INSN_GPR) {
        decode_gpr(d, out);
        return true;
    }
    out->reg = (uint8_t)(out->reg_kind == INSN_XMM ? reg | (d->rex & REX_R) << 1 : reg);
    return out->reg_kind != INSN_SEGMENT ||
           (reg <= SEG_GS && (reg != SEG_CS || out->form == INSN_MEM_REG));
}

static inline void decode_start(const struct decoder *d, const struct decode_entry *e,
                                uint32_t column, struct insn *out)
{
    *out = decode_blank;
    out->op = e->op;
    out->form = e->form;
    out->access = e->how & HOW_ACCESS;
    out->mem_size = decode_sizes[e->mem][column];
    out->op_size = (uint8_t)(2u << column);
    out->reg_size = (uint8_t)decode_sizes[e->reg & REG_SIZE_MASK][column];
    out->reg_kind = e->reg >> REG_KIND_SHIFT;
    out->addr_size = d->addr_size;
}

static enum decode_result decode_without_modrm(struct decoder *d, const struct decode_entry *e,
                                               uint32_t column, struct insn *out)
{
    decode_immediate(d, e->how, column, out);
    if ((e->how & HOW_PLAIN) != 0) {
        return DECODE_NO_MEMORY;
    }
    decode_implied(d, out);
    return DECODE_DONE;
}

/* Whatever is not plain. */
static enum decode_result decode_rare(struct decoder *d, const struct decode_entry *e,
                                      struct insn *out)
{
    uint32_t how = e->how;
    uint32_t column = decode_column(d, how);
    if ((how & HOW_UNSUPPORTED) != 0) {
        return DECODE_UNSUPPORTED;
    }
    if (how == 0 || !decode_allowed(d, how)) {
        return DECODE_UNDEFINED;
    }
    decode_start(d, e, column, out);
    if ((how & HOW_MODRM) == 0) {
        return decode_without_modrm(d, e, column, out);
    }
    if (d->modrm >= 0xC0) {
        return decode_registers(d, e, column, out);
    }
    if ((how & HOW_REG_ONLY) != 0 || !decode_register(d, out)) {
        return DECODE_UNDEFINED;
    }
    decode_memory(d, out);
    decode_immediate(d, how, column, out);
    decode_unusual(d, how, out);
    return DECODE_DONE;
}

/* Memory by ModRM, a general register at most, and nothing else of note: most instructions. */
static inline bool decode_is_plain(const struct decoder *d, const struct decode_entry *e)
{
    return (e->how & HOW_RARE) == HOW_MODRM && d->modrm < 0xC0 && e->reg < REG_SEG && !d->is_odd;
}

enum decode_result decode(const uint8_t *bytes, uint32_t count, enum decode_mode mode,
                          struct insn *out)
{
    struct decoder d = {.bytes = bytes,
                        .count = count,
                        .mode = mode,
                        .seg = INSN_NO_REG,
                        .column = decode_columns[mode],
                        .addr_size = decode_addresses[mode]};
    const struct decode_entry *e = decode_find(&d);
    enum decode_result result = DECODE_DONE;
    if (decode_is_plain(&d, e)) {
        decode_start(&d, e, d.column, out);
        decode_gpr(&d, out);
        decode_memory(&d, out);
        if ((e->how & HOW_IMM_MASK) != 0) {
            decode_immediate(&d, e->how, d.column, out);
        }
    } else {
        result = decode_rare(&d, e, out);
    }
    if (d.is_short) { /* of 15 bytes already: longer than any instruction may be */
        return count >= DECODE_BYTES_MAX ? DECODE_TOO_LONG : DECODE_SHORT;
    }
    out->len = (uint8_t)d.pos;
    return result;
}
