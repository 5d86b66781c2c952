/* SPDX-License-Identifier: BSD-2-Clause
 * The decoder's way through prefixes and maps to an instruction's description. Section numbers are
 * those of [SDM] vol. 2A. */
#include "cpu/decode_int.h"
#include "vm/regs.h"

static const struct decode_entry decode_undefined;
static const struct decode_entry decode_unsupported = {.how = HOW_UNSUPPORTED};
static const struct decode_entry decode_movsxd = {INSN_MOVSX, INSN_REG_MEM, SIZE_LONG,
                                                  REG_GPR(SIZE_V), HOW_MODRM | HOW_READ};
static const struct decode_entry decode_control = {.how = HOW_PLAIN};

/* --- Prefixes -------------------------------------------------------------------------------------- */

/* 2.1.1. A REX that does not stand directly before the opcode is ignored, 2.2.1. In 64-bit code the
 * overrides of ES, CS, SS and DS are without effect. False: the byte is no prefix. */
static bool decode_prefix(struct decoder *d, uint32_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2E:
    case 0x36:
    case 0x3E:
        if (d->mode != DECODE_64) {
            d->seg = byte >> 3 & 3u; /* ES, CS, SS, DS */
        }
        break;
    case 0x64:
    case 0x65:
        d->seg = SEG_FS + (byte & 1u);
        break;
    case 0x66:
        d->op_prefix = 1;
        break;
    case 0x67:
        d->adr_prefix = 1;
        break;
    case 0xF0:
        d->lock = true;
        break;
    case 0xF2:
    case 0xF3:
        d->rep = byte == 0xF2 ? INSN_REPNE : INSN_REP;
        break;
    default:
        return false;
    }
    d->rex = 0;
    d->has_rex = false;
    return true;
}

/* All prefixes, of which `byte` may be the first; returns the first byte of the opcode. */
static uint32_t decode_prefixes(struct decoder *d, uint32_t byte)
{
    static const uint8_t columns[3][2] = {{0, 1}, {1, 0}, {1, 0}};
    static const uint8_t addresses[3][2] = {{2, 4}, {4, 2}, {8, 4}};
    while (d->pos <= DECODE_BYTES_MAX) { /* bound: as many, and one is too long */
        if (d->mode == DECODE_64 && (byte & 0xF0u) == 0x40) {
            d->rex = byte & 15u;
            d->has_rex = true;
        } else if (!decode_prefix(d, byte)) {
            break;
        }
        byte = decode_byte(d);
    }
    d->column = (d->rex & REX_W) != 0 ? 2 : columns[d->mode][d->op_prefix];
    d->addr_size = addresses[d->mode][d->adr_prefix];
    return byte;
}

/* --- Maps ------------------------------------------------------------------------------------------ */

/* 2.3.5. In 32-bit code there are eight registers, and what would name more is ignored. */
static const struct decode_entry *decode_vex(struct decoder *d, bool three)
{
    if (d->op_prefix != 0 || d->rep != INSN_NO_REP || d->lock || d->has_rex) {
        return &decode_undefined;
    }
    uint32_t first = decode_byte(d);
    uint32_t last = three ? decode_byte(d) : first;
    uint32_t map = three ? first & 31u : 1;
    uint32_t inverted = three ? ~first >> 5 & 7u : (~first >> 5 & REX_R); /* R, X, B */
    d->vex = true;
    d->vex_w = three ? (uint8_t)(last >> 7) : 0;
    d->vex_l = last >> 2 & 1u;
    d->vvvv = ~last >> 3 & 15u;
    d->opcode = (uint8_t)decode_byte(d);
    if (d->mode == DECODE_64) {
        d->rex = inverted | (d->vex_w != 0 ? REX_W : 0);
        d->column = 1u + d->vex_w;
    } else {
        d->vvvv &= 7u;
        d->column = 1;
    }
    if (map < 1 || map > 3) {
        return &decode_undefined;
    }
    return &decode_vex_classes[decode_vex_maps[map - 1][d->opcode][last & 3u]];
}

/* MOV of control and debug registers: ModRM's upper bits are ignored. [SDM] vol. 2B, MOV */
static const struct decode_entry *decode_control_register(struct decoder *d)
{
    static const uint32_t known[2] = {0x11D, 0xFF}; /* CR0, 2, 3, 4, 8; DR0 to DR7 */
    uint32_t reg = (decode_byte(d) >> 3 & 7u) | (d->rex & REX_R) << 1;
    return (known[d->opcode & 1u] >> reg & 1u) != 0 ? &decode_control : &decode_undefined;
}

static const struct decode_entry *decode_escape(struct decoder *d)
{
    d->opcode = (uint8_t)decode_byte(d);
    if (d->opcode == 0x38) {
        d->opcode = (uint8_t)decode_byte(d);
        return &decode_map_0f38[d->opcode];
    }
    if (d->opcode == 0x3A) {
        d->opcode = (uint8_t)decode_byte(d);
        return &decode_map_0f3a[d->opcode];
    }
    const struct decode_entry *e = &decode_map_0f[d->opcode];
    return d->opcode >= 0x20 && d->opcode <= 0x23 ? decode_control_register(d) : e;
}

/* Bytes that are one thing or another by mode and by what follows. */
static const struct decode_entry *decode_ambiguous(struct decoder *d, const struct decode_entry *e)
{
    uint32_t next = d->bytes[d->pos];
    bool long_or_register = d->mode == DECODE_64 || next >= 0xC0;
    switch (d->opcode) {
    case 0x0F:
        return decode_escape(d);
    case 0x62: /* BOUND or EVEX */
        return long_or_register ? &decode_unsupported : e;
    case 0x63: /* ARPL or MOVSXD */
        return d->mode == DECODE_64 ? &decode_movsxd : e;
    case 0x82: /* a twin of 0x80 */
        return d->mode == DECODE_64 ? &decode_undefined : e;
    case 0x8F: /* POP or AMD's XOP */
        return (next & 0x1Fu) >= 8 ? &decode_unsupported : e;
    case 0xC4: /* LES, LDS or VEX */
    case 0xC5:
        return long_or_register ? decode_vex(d, d->opcode == 0xC4) : e;
    default: /* INC and DEC outside 64-bit code; a prefix, if nothing follows */
        return e;
    }
}

const struct decode_entry *decode_special(struct decoder *d)
{
    d->opcode = (uint8_t)decode_prefixes(d, d->opcode);
    const struct decode_entry *e = &decode_map_1[d->opcode];
    return (e->how & HOW_SPECIAL) != 0 ? decode_ambiguous(d, e) : e;
}

/* 0xF3 and 0xF2 come before 0x66; of several, the last. */
uint32_t decode_mandatory(const struct decoder *d)
{
    return d->rep == INSN_REP ? 2u : d->rep == INSN_REPNE ? 3u : d->op_prefix;
}

const struct decode_entry *decode_refine(const struct decoder *d, const struct decode_entry *e)
{
    if ((e->how & HOW_GROUP) != 0) {
        e = &decode_groups[e->op][d->modrm >> 3 & 7u];
    }
    if ((e->how & HOW_PREFIX) != 0) {
        const uint8_t by_prefix[4] = {e->op, e->form, e->mem, e->reg};
        e = &decode_classes[by_prefix[decode_mandatory(d)]];
    }
    return e;
}

/* --- What else decides ------------------------------------------------------------------------------ */

bool decode_allowed(const struct decoder *d, uint32_t how)
{
    static const uint32_t forbidden[3] = {HOW_ONLY64, HOW_ONLY64, HOW_NO64};
    if ((how & forbidden[d->mode]) != 0 || (d->lock && (how & HOW_LOCK) == 0)) {
        return false;
    }
    if (!d->vex) {
        return true;
    }
    uint32_t refused = (d->vex_w != 0 ? HOW_W0 : HOW_W1) | (d->vex_l != 0 ? HOW_L0 : HOW_L1);
    bool is_reg = (how & HOW_MODRM) != 0 && d->modrm >= 0xC0;
    bool names = (how & (is_reg ? HOW_VVVV | HOW_VVVV_REG : HOW_VVVV)) != 0;
    return (how & refused) == 0 && (names || d->vvvv == 0);
}

uint32_t decode_column(const struct decoder *d, uint32_t how)
{
    if ((how & HOW_COLUMN) == 0) {
        return d->column;
    }
    if ((how & HOW_VEC) != 0) {
        return d->vex_l;
    }
    if ((how & HOW_W_SIZE) != 0) {
        return 1u + d->vex_w;
    }
    if (d->mode != DECODE_64) {
        return d->column;
    }
    bool is_word = (how & HOW_DEF64) != 0 && d->op_prefix != 0 && (d->rex & REX_W) == 0;
    return is_word ? 0 : 2;
}
