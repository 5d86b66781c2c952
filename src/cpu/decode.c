/* SPDX-License-Identifier: BSD-2-Clause
 * The instruction decoder. Section numbers are those of [SDM] vol. 2A. */
#include "cpu/decode.h"

#include "base/le.h"
#include "base/string.h"
#include "vm/regs.h"

#define REX_B 1u
#define REX_X 2u
#define REX_R 4u
#define REX_W 8u

/* What is known so far. */
struct decoder {
    const uint8_t *bytes;
    uint32_t count;
    uint32_t pos;
    enum decode_mode mode;
    uint8_t rex;     /* low four bits                      */
    bool has_rex;    /* even 0x40 makes SPL out of AH      */
    bool op_prefix;  /* 0x66                               */
    bool adr_prefix; /* 0x67                               */
    uint8_t seg;     /* override, or INSN_NO_REG           */
    bool is_short;   /* bytes ran out                      */
};

#define OP_BYTE  0x01u /* operands of one byte                            */
#define OP_IMM   0x02u /* an immediate follows, of the operand's size     */
#define OP_IMM8  0x04u /* an immediate of one byte follows, sign-extended */
#define OP_MOFFS 0x08u /* no ModRM: an absolute address follows           */
#define OP_GROUP 0x10u /* bits 5 to 3 of ModRM must be `ext`              */
#define OP_ALU   0x20u /* bits 5 to 3 of ModRM name the operation         */
#define OP_LONG  0x40u /* exists in 64-bit code only                      */
#define OP_MEM2  0x80u /* the memory operand has 2 bytes                  */

struct opcode {
    uint16_t code; /* 0x0Fxx: two bytes */
    uint8_t op;    /* enum insn_op      */
    uint8_t form;  /* enum insn_form    */
    uint8_t flags; /* OP_*              */
    uint8_t ext;
};

/* Beside 0x00 to 0x3B, whose bits name operation and form. */
static const struct opcode decode_opcodes[] = {
    {0x63, INSN_MOVSX, INSN_REG_MEM, OP_LONG, 0},
    {0x80, INSN_ADD, INSN_MEM_IMM, OP_BYTE | OP_ALU | OP_IMM8, 0},
    {0x81, INSN_ADD, INSN_MEM_IMM, OP_ALU | OP_IMM, 0},
    {0x83, INSN_ADD, INSN_MEM_IMM, OP_ALU | OP_IMM8, 0},
    {0x84, INSN_TEST, INSN_MEM_REG, OP_BYTE, 0},
    {0x85, INSN_TEST, INSN_MEM_REG, 0, 0},
    {0x86, INSN_XCHG, INSN_MEM_REG, OP_BYTE, 0},
    {0x87, INSN_XCHG, INSN_MEM_REG, 0, 0},
    {0x88, INSN_MOV, INSN_MEM_REG, OP_BYTE, 0},
    {0x89, INSN_MOV, INSN_MEM_REG, 0, 0},
    {0x8A, INSN_MOV, INSN_REG_MEM, OP_BYTE, 0},
    {0x8B, INSN_MOV, INSN_REG_MEM, 0, 0},
    {0xA0, INSN_MOV, INSN_REG_MEM, OP_BYTE | OP_MOFFS, 0},
    {0xA1, INSN_MOV, INSN_REG_MEM, OP_MOFFS, 0},
    {0xA2, INSN_MOV, INSN_MEM_REG, OP_BYTE | OP_MOFFS, 0},
    {0xA3, INSN_MOV, INSN_MEM_REG, OP_MOFFS, 0},
    {0xC6, INSN_MOV, INSN_MEM_IMM, OP_BYTE | OP_GROUP | OP_IMM8, 0},
    {0xC7, INSN_MOV, INSN_MEM_IMM, OP_GROUP | OP_IMM, 0},
    {0xF6, INSN_TEST, INSN_MEM_IMM, OP_BYTE | OP_GROUP | OP_IMM8, 0},
    {0xF6, INSN_TEST, INSN_MEM_IMM, OP_BYTE | OP_GROUP | OP_IMM8, 1},
    {0xF6, INSN_NOT, INSN_MEM, OP_BYTE | OP_GROUP, 2},
    {0xF6, INSN_NEG, INSN_MEM, OP_BYTE | OP_GROUP, 3},
    {0xF7, INSN_TEST, INSN_MEM_IMM, OP_GROUP | OP_IMM, 0},
    {0xF7, INSN_TEST, INSN_MEM_IMM, OP_GROUP | OP_IMM, 1},
    {0xF7, INSN_NOT, INSN_MEM, OP_GROUP, 2},
    {0xF7, INSN_NEG, INSN_MEM, OP_GROUP, 3},
    {0xFE, INSN_INC, INSN_MEM, OP_BYTE | OP_GROUP, 0},
    {0xFE, INSN_DEC, INSN_MEM, OP_BYTE | OP_GROUP, 1},
    {0xFF, INSN_INC, INSN_MEM, OP_GROUP, 0},
    {0xFF, INSN_DEC, INSN_MEM, OP_GROUP, 1},
    {0x0FB6, INSN_MOVZX, INSN_REG_MEM, OP_BYTE, 0},
    {0x0FB7, INSN_MOVZX, INSN_REG_MEM, OP_MEM2, 0},
    {0x0FBE, INSN_MOVSX, INSN_REG_MEM, OP_BYTE, 0},
    {0x0FBF, INSN_MOVSX, INSN_REG_MEM, OP_MEM2, 0},
};

#define DECODE_OPCODES (sizeof(decode_opcodes) / sizeof(decode_opcodes[0]))

/* --- Bytes ---------------------------------------------------------------------------------------- */

/* The next `size` bytes, little-endian; 0, and is_short, if they are not there. */
static uint64_t decode_take(struct decoder *d, uint32_t size)
{
    if (d->is_short || d->count - d->pos < size) {
        d->is_short = true;
        return 0;
    }
    uint64_t val = le_load(d->bytes + d->pos, size);
    d->pos += size;
    return val;
}

static uint64_t decode_sign_extend(uint64_t val, uint32_t size)
{
    uint32_t shift = 64u - 8u * size;
    return (val << shift) >> 63 != 0 ? val | ~(UINT64_MAX >> shift) : val;
}

static uint64_t decode_take_signed(struct decoder *d, uint32_t size)
{
    return decode_sign_extend(decode_take(d, size), size);
}

/* --- Prefixes -------------------------------------------------------------------------------------- */

/* 2.1.1. In 64-bit code the overrides of ES, CS, SS and DS are without effect. */
static void decode_segment(struct decoder *d, uint8_t seg)
{
    if (seg >= SEG_FS || d->mode != DECODE_64) {
        d->seg = seg;
    }
}

/* Takes one prefix into account; false if the byte is none. */
static bool decode_prefix(struct decoder *d, uint8_t byte, struct insn *out)
{
    if (byte >= 0x40 && byte <= 0x4F && d->mode == DECODE_64) {
        d->rex = byte & 15u;
        d->has_rex = true;
        return true;
    }
    switch (byte) {
    case 0x26:
    case 0x2E:
    case 0x36:
    case 0x3E:
        decode_segment(d, (uint8_t)(byte >> 3 & 3u)); /* ES, CS, SS, DS */
        break;
    case 0x64:
    case 0x65:
        decode_segment(d, (uint8_t)(SEG_FS + (byte & 1u)));
        break;
    case 0x66:
        d->op_prefix = true;
        break;
    case 0x67:
        d->adr_prefix = true;
        break;
    case 0xF0:
        out->lock = true;
        break;
    case 0xF2: /* hints at most, for these instructions */
    case 0xF3:
        break;
    default:
        return false;
    }
    d->rex = 0; /* 2.2.1: a REX that does not stand directly before the opcode is ignored */
    d->has_rex = false;
    return true;
}

/* Prefixes and opcode; 0x0F is followed by a second byte. */
static uint32_t decode_opcode(struct decoder *d, struct insn *out)
{
    uint8_t byte = (uint8_t)decode_take(d, 1);
    while (!d->is_short && decode_prefix(d, byte, out)) { /* bound: DECODE_BYTES_MAX */
        byte = (uint8_t)decode_take(d, 1);
    }
    return byte == 0x0F ? 0x0F00u | (uint32_t)decode_take(d, 1) : byte;
}

static uint32_t decode_operand_size(const struct decoder *d)
{
    if (d->mode == DECODE_64 && (d->rex & REX_W) != 0) {
        return 8;
    }
    return (d->mode == DECODE_16) != d->op_prefix ? 2 : 4;
}

static uint32_t decode_address_size(const struct decoder *d)
{
    if (d->mode == DECODE_64) {
        return d->adr_prefix ? 4 : 8;
    }
    return (d->mode == DECODE_16) != d->adr_prefix ? 2 : 4;
}

/* --- Memory operands ------------------------------------------------------------------------------- */

/* Table 2-1: 16-bit addressing. */
static void decode_memory_16(struct decoder *d, uint32_t mod, uint32_t rm, struct insn *out)
{
    static const uint8_t base[8] = {GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP,
                                    GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX};
    static const uint8_t index[8] = {GPR_RSI,     GPR_RDI,     GPR_RSI,     GPR_RDI,
                                     INSN_NO_REG, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG};
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

/* Table 2-3, and 2.2.1.2: the base 5 without displacement means none. */
static void decode_sib(struct decoder *d, uint32_t mod, struct insn *out)
{
    uint32_t sib = (uint32_t)decode_take(d, 1);
    uint32_t index = (sib >> 3 & 7u) | ((d->rex & REX_X) != 0 ? 8u : 0u);
    out->scale = (uint8_t)(sib >> 6);
    if (index != 4) {
        out->index = (uint8_t)index;
    }
    if ((sib & 7u) == 5 && mod == 0) {
        out->disp = decode_take_signed(d, 4);
    } else {
        out->base = (uint8_t)((sib & 7u) | ((d->rex & REX_B) != 0 ? 8u : 0u));
    }
}

/* Table 2-2, and 2.2.1.6: RIP-relative addressing. */
static void decode_memory_32(struct decoder *d, uint32_t mod, uint32_t rm, struct insn *out)
{
    if (rm == 4) {
        decode_sib(d, mod, out);
    } else if (rm == 5 && mod == 0) {
        out->disp = decode_take_signed(d, 4);
        out->rip_relative = d->mode == DECODE_64;
    } else {
        out->base = (uint8_t)(rm | ((d->rex & REX_B) != 0 ? 8u : 0u));
    }
    if (mod != 0) {
        out->disp = decode_take_signed(d, mod == 1 ? 1 : 4);
    }
}

static void decode_memory(struct decoder *d, uint32_t modrm, struct insn *out)
{
    uint32_t mod = modrm >> 6;
    uint32_t rm = modrm & 7u;
    if (out->addr_size == 2) {
        decode_memory_16(d, mod, rm, out);
    } else {
        decode_memory_32(d, mod, rm, out);
    }
    bool stack = out->base == GPR_RBP || (out->base == GPR_RSP && out->addr_size != 2);
    out->seg = stack ? SEG_SS : SEG_DS;
}

/* 2.2.1.2 and table 3-1: numbers 4 to 7 are AH to BH in byte forms without REX. */
static void decode_register(const struct decoder *d, uint32_t modrm, struct insn *out)
{
    uint32_t reg = (modrm >> 3 & 7u) | ((d->rex & REX_R) != 0 ? 8u : 0u);
    out->high_byte = out->reg_size == 1 && !d->has_rex && reg >= 4;
    out->reg = (uint8_t)(out->high_byte ? reg - 4 : reg);
}

/* --- Instructions ----------------------------------------------------------------------------------- */

/* The description of an opcode into *found; false if there is none. `ext` is ModRM's reg field. */
static bool decode_find(uint32_t code, uint32_t ext, struct opcode *found)
{
    if (code < 0x40 && (code & 7u) < 4) {
        found->op = (uint8_t)(code >> 3);
        found->form = (code & 2u) != 0 ? INSN_REG_MEM : INSN_MEM_REG;
        found->flags = (uint8_t)((code & 1u) != 0 ? 0 : OP_BYTE);
        return true;
    }
    for (uint32_t i = 0; i < DECODE_OPCODES; i++) {
        const struct opcode *o = &decode_opcodes[i];
        if (o->code == code && ((o->flags & OP_GROUP) == 0 || o->ext == ext)) {
            *found = *o;
            return true;
        }
    }
    return false;
}

static void decode_sizes(const struct decoder *d, const struct opcode *o, struct insn *out)
{
    uint32_t size = decode_operand_size(d);
    bool extends = o->op == INSN_MOVZX || o->op == INSN_MOVSX;
    out->mem_size = (uint8_t)size;
    out->reg_size = (uint8_t)size;
    out->op_size = (uint8_t)size;
    if ((o->flags & OP_BYTE) != 0) {
        out->mem_size = 1;
        out->reg_size = extends ? (uint8_t)size : 1;
        out->op_size = out->reg_size;
    } else if ((o->flags & OP_MEM2) != 0) {
        out->mem_size = 2;
    } else if (extends && size == 8) { /* MOVSXD */
        out->mem_size = 4;
    }
}

/* LOCK on anything else raises #UD before memory is touched. [SDM] vol. 2A, LOCK */
static bool decode_lockable(const struct insn *out)
{
    bool writes = out->form != INSN_REG_MEM;
    return writes && out->op != INSN_CMP && out->op != INSN_MOV && out->op != INSN_TEST;
}

static uint8_t decode_access(const struct insn *out)
{
    if (out->form == INSN_REG_MEM || out->op == INSN_CMP || out->op == INSN_TEST) {
        return INSN_READ;
    }
    return out->op == INSN_MOV ? INSN_WRITE : INSN_READ | INSN_WRITE;
}

static enum decode_result decode_finish(const struct decoder *d, const struct opcode *o,
                                        struct insn *out)
{
    if (d->is_short) { /* of 15 bytes already: longer than any instruction may be */
        return d->count == DECODE_BYTES_MAX ? DECODE_UNSUPPORTED : DECODE_SHORT;
    }
    if (out->lock && !decode_lockable(out)) {
        return DECODE_UNSUPPORTED;
    }
    if ((o->flags & OP_LONG) != 0 && d->mode != DECODE_64) {
        return DECODE_UNSUPPORTED;
    }
    if (d->seg != INSN_NO_REG) {
        out->seg = d->seg;
    }
    out->len = (uint8_t)d->pos;
    out->access = decode_access(out);
    return DECODE_DONE;
}

static void decode_operands(struct decoder *d, const struct opcode *o, uint32_t modrm,
                            struct insn *out)
{
    decode_sizes(d, o, out);
    if ((o->flags & OP_MOFFS) != 0) {
        out->reg = GPR_RAX;
        out->seg = SEG_DS;
        out->disp = decode_take(d, out->addr_size);
        return;
    }
    (void)decode_take(d, 1); /* the ModRM that was looked at */
    decode_register(d, modrm, out);
    decode_memory(d, modrm, out);
    if ((o->flags & OP_IMM8) != 0) {
        out->imm = decode_take_signed(d, 1);
    } else if ((o->flags & OP_IMM) != 0) {
        out->imm = decode_take_signed(d, out->mem_size == 8 ? 4 : out->mem_size);
    }
}

enum decode_result decode(const uint8_t *bytes, uint32_t count, enum decode_mode mode,
                          struct insn *out)
{
    struct decoder d = {.bytes = bytes, .count = count, .mode = mode, .seg = INSN_NO_REG};
    struct opcode o = {0};
    memset(out, 0, sizeof(*out));
    out->base = INSN_NO_REG;
    out->index = INSN_NO_REG;
    out->reg2 = INSN_NO_REG;
    uint32_t code = decode_opcode(&d, out);
    uint32_t modrm = d.pos < count ? bytes[d.pos] : 0;
    if (d.is_short) {
        return decode_finish(&d, &o, out);
    }
    if (!decode_find(code, modrm >> 3 & 7u, &o)) {
        return DECODE_UNSUPPORTED;
    }
    if ((o.flags & OP_MOFFS) == 0 && modrm >= 0xC0) {
        return DECODE_UNSUPPORTED; /* no memory operand: not what a device access looks like */
    }
    out->op = (o.flags & OP_ALU) != 0 ? (uint8_t)(modrm >> 3 & 7u) : o.op;
    out->form = o.form;
    out->addr_size = (uint8_t)decode_address_size(&d);
    decode_operands(&d, &o, modrm, out);
    return decode_finish(&d, &o, out);
}
