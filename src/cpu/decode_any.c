/* SPDX-License-Identifier: BSD-2-Clause
 * The instruction decoder: the long way, for every instruction. */
#include "base/string.h"
#include "cpu/decode_parts.h"

const struct insn decode_blank = {.base = INSN_NO_REG, .index = INSN_NO_REG, .reg2 = INSN_NO_REG};

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

/* The instruction's description; opcode and ModRM are taken. */
static const struct decode_entry *decode_find(struct decoder *d)
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

bool decode_register(const struct decoder *d, struct insn *out)
{
    uint32_t reg = d->modrm >> 3 & 7u;
    if (out->reg_kind == INSN_GPR) {
        decode_gpr(d->modrm, d->rex, d->has_rex, out);
        return true;
    }
    out->reg = (uint8_t)(out->reg_kind == INSN_XMM ? reg | (d->rex & REX_R) << 1 : reg);
    return out->reg_kind != INSN_SEGMENT ||
           (reg <= SEG_GS && (reg != SEG_CS || out->form == INSN_MEM_REG));
}

static void decode_memory(struct decoder *d, struct insn *out)
{
    if (d->addr_size == 2) {
        decode_memory_16(d, out);
    } else {
        const uint8_t *at = d->bytes + d->pos;
        const uint8_t *end = decode_address(at, d->modrm, d->rex, d->mode == DECODE_64, out);
        d->pos += (uint32_t)(end - at);
    }
    if (d->seg != INSN_NO_REG) {
        out->seg = (uint8_t)d->seg;
    }
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

static enum decode_result decode_all(struct decoder *d, struct insn *out)
{
    const struct decode_entry *e = decode_find(d);
    uint32_t how = e->how;
    uint32_t column = decode_column(d, how);
    if ((how & HOW_UNSUPPORTED) != 0) {
        return DECODE_UNSUPPORTED;
    }
    if (how == 0 || !decode_allowed(d, how)) {
        return DECODE_UNDEFINED;
    }
    decode_start(e, column, out);
    out->addr_size = d->addr_size;
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

enum decode_result decode_any(const uint8_t *bytes, uint32_t count, enum decode_mode mode,
                              struct insn *out)
{
    struct decoder d = {.mode = mode,
                        .seg = INSN_NO_REG,
                        .column = decode_columns[mode],
                        .addr_size = decode_addresses[mode]};
    memcpy(d.bytes, bytes, count);
    enum decode_result result = decode_all(&d, out);
    if (d.pos > count) { /* of 15 bytes already: longer than any instruction may be */
        return count >= DECODE_BYTES_MAX ? DECODE_TOO_LONG : DECODE_SHORT;
    }
    out->len = (uint8_t)d.pos;
    return result;
}
