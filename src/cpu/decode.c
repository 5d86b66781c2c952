/* SPDX-License-Identifier: BSD-2-Clause
 * The instruction decoder: prefixes, the way through the maps, operands. Section numbers are those of
 * [SDM] vol. 2A. */
#include "cpu/decode.h"

#include "base/le.h"
#include "cpu/decode_int.h"
#include "vm/regs.h"

static const struct decode_entry decode_undefined;
static const struct decode_entry decode_unsupported = {.how = HOW_UNSUPPORTED};
static const struct decode_entry decode_movsxd = {INSN_MOVSX, INSN_REG_MEM, SIZE_LONG,
                                                  REG_GPR(SIZE_V), HOW_MODRM | HOW_READ};
static const struct decode_entry decode_control = {.how = HOW_PLAIN};

/* By size, and by operand size 2, 4, 8 or VEX.L. */
static const uint16_t decode_sizes[SIZES][3] = {
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

/* --- Bytes ---------------------------------------------------------------------------------------- */

static inline uint32_t decode_byte(struct decoder *d)
{
    if (d->pos >= d->count) {
        d->is_short = true;
        return 0;
    }
    return d->bytes[d->pos++];
}

/* The next `size` bytes, little-endian; 0, and is_short, if they are not there. */
static uint64_t decode_take(struct decoder *d, uint32_t size)
{
    if (d->count - d->pos < size) {
        d->is_short = true;
        d->pos = d->count;
        return 0;
    }
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

static uint64_t decode_disp8(struct decoder *d)
{
    uint64_t byte = decode_byte(d);
    return (byte ^ 0x80u) - 0x80u;
}

static uint64_t decode_disp32(struct decoder *d)
{
    if (d->count - d->pos < 4u) {
        d->is_short = true;
        d->pos = d->count;
        return 0;
    }
    const uint8_t *p = d->bytes + d->pos;
    uint64_t val = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    d->pos += 4;
    return (val ^ 0x80000000u) - 0x80000000u;
}

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

/* A byte that may be a prefix: those of which the upper nibble, then the lower, has its bit. */
static inline bool decode_may_be_prefix(const struct decoder *d, uint32_t byte)
{
    static const uint16_t high[3] = {0x804C, 0x804C, 0x805C};
    return (high[d->mode] >> (byte >> 4) & 1u) != 0;
}

/* The first byte of the opcode. */
static uint32_t decode_prefixes(struct decoder *d)
{
    uint32_t byte = decode_byte(d);
    while (decode_may_be_prefix(d, byte)) { /* bound: DECODE_BYTES_MAX */
        if (d->mode == DECODE_64 && (byte & 0xF0u) == 0x40) {
            d->rex = byte & 15u;
            d->has_rex = true;
        } else if (!decode_prefix(d, byte)) {
            break;
        }
        if (d->pos >= d->count) {
            d->is_short = true;
            break;
        }
        byte = d->bytes[d->pos++];
    }
    return byte;
}

/* --- The way through the maps ---------------------------------------------------------------------- */

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
    } else {
        d->vvvv &= 7u;
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
static const struct decode_entry *decode_special(struct decoder *d, const struct decode_entry *e)
{
    uint32_t next = d->pos < d->count ? d->bytes[d->pos] : 0;
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
    default: /* 0xC4 and 0xC5: LES, LDS or VEX */
        return long_or_register ? decode_vex(d, d->opcode == 0xC4) : e;
    }
}

/* Which mandatory prefix there is: 0xF3 and 0xF2 before 0x66, the last of these. */
static uint32_t decode_mandatory(const struct decoder *d)
{
    return d->rep == INSN_REP ? 2u : d->rep == INSN_REPNE ? 3u : d->op_prefix;
}

/* From a group or a choice by prefix to the instruction. */
static const struct decode_entry *decode_refine(const struct decoder *d,
                                                const struct decode_entry *e)
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

/* The instruction's description; opcode and ModRM are taken. */
static inline const struct decode_entry *decode_find(struct decoder *d)
{
    d->opcode = (uint8_t)decode_prefixes(d);
    const struct decode_entry *e = &decode_map_1[d->opcode];
    if ((e->how & HOW_SPECIAL) != 0) {
        e = decode_special(d, e);
    }
    if ((e->how & HOW_MODRM) != 0) {
        d->modrm = decode_byte(d);
    }
    return (e->how & (HOW_GROUP | HOW_PREFIX)) != 0 ? decode_refine(d, e) : e;
}

/* Whether mode, LOCK and VEX allow it, for all that ModRM does not decide. */
static bool decode_allowed(const struct decoder *d, uint32_t how)
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

/* --- Sizes ------------------------------------------------------------------------------------------ */

/* The column of decode_sizes. */
static inline uint32_t decode_size_column(const struct decoder *d, uint32_t how)
{
    static const uint8_t column[3][2] = {{0, 1}, {1, 0}, {1, 0}};
    if ((how & (HOW_VEC | HOW_W_SIZE | HOW_DEF64 | HOW_FORCE64)) != 0) {
        if ((how & HOW_VEC) != 0) {
            return d->vex_l;
        }
        if ((how & HOW_W_SIZE) != 0) {
            return 1u + d->vex_w;
        }
        if (d->mode == DECODE_64) {
            bool is_word = (how & HOW_DEF64) != 0 && d->op_prefix != 0 && (d->rex & REX_W) == 0;
            return is_word ? 0 : 2;
        }
    }
    return (d->rex & REX_W) != 0 ? 2u : column[d->mode][d->op_prefix];
}

static inline uint8_t decode_address_size(const struct decoder *d)
{
    static const uint8_t sizes[3][2] = {{2, 4}, {4, 2}, {8, 4}};
    return sizes[d->mode][d->adr_prefix];
}

/* --- Memory operands -------------------------------------------------------------------------------- */

/* Table 2-1: 16-bit addressing. */
static void decode_memory_16(struct decoder *d, struct insn *out)
{
    static const uint8_t base[8] = {GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP,
                                    GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX};
    static const uint8_t index[8] = {GPR_RSI,     GPR_RDI,     GPR_RSI,     GPR_RDI,
                                     INSN_NO_REG, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG};
    uint32_t mod = d->modrm >> 6;
    uint32_t rm = d->modrm & 7u;
    out->index = index[rm];
    if (mod == 0 && rm == 6) {
        out->disp = decode_take_signed(d, 2);
        return;
    }
    out->base = base[rm];
    if (mod != 0) {
        out->disp = decode_take_signed(d, mod);
    }
}

/* Table 2-3, and 2.2.1.2: the base 5 without displacement means none. True: the base needs a
 * displacement of four bytes. */
static bool decode_sib(struct decoder *d, struct insn *out)
{
    uint32_t sib = decode_byte(d);
    uint32_t index = (sib >> 3 & 7u) | (d->rex & REX_X) << 2;
    if (index != 4) {
        out->index = (uint8_t)index;
        out->scale = (uint8_t)(sib >> 6);
    }
    if ((sib & 7u) == 5 && d->modrm < 0x40) {
        return true;
    }
    out->base = (uint8_t)((sib & 7u) | (d->rex & REX_B) << 3);
    return false;
}

/* Table 2-2, and 2.2.1.6: RIP-relative addressing. */
static inline void decode_memory_32(struct decoder *d, struct insn *out)
{
    uint32_t rm = d->modrm & 7u;
    bool far = d->modrm >= 0x80;
    if (rm == 4) {
        far = decode_sib(d, out) || far;
    } else if (rm == 5 && d->modrm < 0x40) {
        far = true;
        out->rip_relative = d->mode == DECODE_64;
    } else {
        out->base = (uint8_t)(rm | (d->rex & REX_B) << 3);
    }
    if (far) {
        out->disp = decode_disp32(d);
    } else if (d->modrm >= 0x40) {
        out->disp = decode_disp8(d);
    }
}

static inline void decode_memory(struct decoder *d, struct insn *out)
{
    if (out->addr_size == 2) {
        decode_memory_16(d, out);
    } else {
        decode_memory_32(d, out);
    }
    bool stack = out->base == GPR_RBP || out->base == GPR_RSP;
    uint32_t usual = stack ? SEG_SS : SEG_DS;
    out->seg = (uint8_t)(d->seg != INSN_NO_REG ? d->seg : usual);
}

/* --- Registers --------------------------------------------------------------------------------------- */

/* 2.2.1.2 and table 3-1: numbers 4 to 7 are AH to BH in byte forms without REX. */
static inline void decode_gpr(const struct decoder *d, uint32_t reg, struct insn *out)
{
    out->high_byte = out->reg_size == 1 && reg >= 4 && !d->has_rex;
    out->reg = (uint8_t)(out->high_byte ? reg - 4 : reg);
}

/* ModRM's register. False: there is no such segment register, or CS would be loaded. */
static inline bool decode_register(const struct decoder *d, struct insn *out)
{
    uint32_t reg = d->modrm >> 3 & 7u;
    if (out->reg_kind == INSN_GPR) {
        decode_gpr(d, reg | (d->rex & REX_R) << 1, out);
        return true;
    }
    out->reg = (uint8_t)(out->reg_kind == INSN_XMM ? reg | (d->rex & REX_R) << 1 : reg);
    return out->reg_kind != INSN_SEGMENT ||
           (reg <= SEG_GS && (reg != SEG_CS || out->form == INSN_MEM_REG));
}

/* --- Immediates --------------------------------------------------------------------------------------- */

static void decode_immediate(struct decoder *d, uint32_t how, uint32_t column, struct insn *out)
{
    const uint16_t *full = decode_sizes[SIZE_V];
    uint32_t size_z = column == 0 ? 2 : 4;
    switch ((how & HOW_IMM_MASK) >> HOW_IMM_SHIFT) {
    case IMM_8:
        out->imm = decode_disp8(d);
        break;
    case IMM_16:
        out->imm = decode_take(d, 2);
        break;
    case IMM_Z:
        out->imm = size_z == 4 ? decode_disp32(d) : decode_take_signed(d, 2);
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

/* --- Instructions --------------------------------------------------------------------------------------- */

static enum decode_result decode_finish(const struct decoder *d, enum decode_result result,
                                        struct insn *out)
{
    if (d->is_short) { /* of 15 bytes already: longer than any instruction may be */
        return d->count >= DECODE_BYTES_MAX ? DECODE_TOO_LONG : DECODE_SHORT;
    }
    out->len = (uint8_t)d->pos;
    return result;
}

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

/* ModRM names registers. */
static enum decode_result decode_registers(struct decoder *d, const struct decode_entry *e,
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
        result = DECODE_DONE;
    }
    return decode_finish(d, result, out);
}

static enum decode_result decode_without_modrm(struct decoder *d, const struct decode_entry *e,
                                               uint32_t column, struct insn *out)
{
    decode_immediate(d, e->how, column, out);
    if ((e->how & HOW_PLAIN) != 0) {
        return decode_finish(d, DECODE_NO_MEMORY, out);
    }
    decode_implied(d, out);
    return decode_finish(d, DECODE_DONE, out);
}

enum decode_result decode(const uint8_t *bytes, uint32_t count, enum decode_mode mode,
                          struct insn *out)
{
    struct decoder d = {.bytes = bytes, .count = count, .mode = mode, .seg = INSN_NO_REG};
    const struct decode_entry *e = decode_find(&d);
    uint32_t how = e->how;
    if (how == 0 || (how & HOW_UNSUPPORTED) != 0 || !decode_allowed(&d, how)) {
        return decode_finish(
            &d, (how & HOW_UNSUPPORTED) != 0 ? DECODE_UNSUPPORTED : DECODE_UNDEFINED, out);
    }
    uint32_t column = decode_size_column(&d, how);
    *out = (struct insn){.op = e->op,
                         .form = e->form,
                         .access = how & HOW_ACCESS,
                         .mem_size = decode_sizes[e->mem][column],
                         .op_size = (uint8_t)(2u << column),
                         .reg_size = (uint8_t)decode_sizes[e->reg & REG_SIZE_MASK][column],
                         .reg_kind = e->reg >> REG_KIND_SHIFT,
                         .reg2 = (how & HOW_VVVV) != 0 ? d.vvvv : INSN_NO_REG,
                         .addr_size = decode_address_size(&d),
                         .base = INSN_NO_REG,
                         .index = INSN_NO_REG,
                         .cond = d.opcode & 15u,
                         .align = 0,
                         .vex = d.vex,
                         .lock = d.lock};
    if ((how & HOW_MODRM) == 0) {
        return decode_without_modrm(&d, e, column, out);
    }
    if (d.modrm >= 0xC0) {
        return decode_registers(&d, e, column, out);
    }
    if ((how & HOW_REG_ONLY) != 0 || !decode_register(&d, out)) {
        return decode_finish(&d, DECODE_UNDEFINED, out);
    }
    decode_memory(&d, out);
    if ((how & HOW_IMM_MASK) != 0) {
        decode_immediate(&d, how, column, out);
    }
    if ((how & (HOW_STACK | HOW_SPECIAL | HOW_ALIGN | HOW_REG_BITS)) != 0) {
        decode_unusual(&d, how, out);
    }
    return decode_finish(&d, DECODE_DONE, out);
}
