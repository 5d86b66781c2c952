/* SPDX-License-Identifier: BSD-2-Clause
 * The instruction decoder: the short way of plain instructions, which are most of those that touch a
 * device and so what an exit waits for. All others, and whatever is cut short, go to decode_any.c. The
 * two share the tables and decode_parts.h; the tests hold them against each other. */
#include "cpu/decode.h"

#include "cpu/decode_parts.h"

#define PLAIN_BYTES 13u /* REX, 0F and opcode, ModRM, SIB, displacement, immediate */

/* Returns where it ends. With ModRM there are no other immediates. */
static inline const uint8_t *decode_plain_immediate(const uint8_t *at, uint32_t kind,
                                                    struct insn *out)
{
    if (kind == HOW_I8) {
        out->imm = decode_signed_8(at);
        return at + 1;
    }
    if (kind == HOW_IZ) {
        out->imm = decode_signed_32(at);
        return at + 4;
    }
    out->imm = 1; /* HOW_I_ONE */
    return at;
}

/* Most of those that touch a device: no prefix but REX, an opcode of one byte or of 0F and one, memory
 * by ModRM, a general register or an immediate, in 32- or 64-bit code. False: it is none of these, and *out is void.
 * @pre there are PLAIN_BYTES; the mode is not DECODE_16. */
static inline bool decode_plain(const uint8_t *bytes, enum decode_mode mode, struct insn *out)
{
    const uint8_t *at = bytes;
    bool has_rex = mode == DECODE_64 && (*at & 0xF0u) == 0x40;
    uint32_t rex = has_rex ? *at++ & 15u : 0;
    const struct decode_entry *e = &decode_map_1[*at];
    if (*at == 0x0F) { /* 0F 38 and 0F 3A are not in this map: none of these */
        e = &decode_map_0f[*++at];
    }
    at++;
    uint32_t modrm = *at++;
    if ((e->how & (HOW_GROUP | HOW_SPECIAL)) == HOW_GROUP) {
        e = &decode_groups[e->op][modrm >> 3 & 7u];
    }
    uint32_t how = e->how;
    if ((how & (HOW_MODRM | HOW_RARE)) != HOW_MODRM || modrm >= 0xC0 || e->reg >= REG_SEG) {
        return false;
    }
    decode_start(e, 1u + (rex >> 3), out);
    out->addr_size = (uint8_t)(mode << 2); /* 4, 8 */
    decode_gpr(modrm, rex, has_rex, out);
    at = decode_address(at, modrm, rex, mode == DECODE_64, out);
    if ((how & HOW_IMM_MASK) != 0) {
        at = decode_plain_immediate(at, how & HOW_IMM_MASK, out);
    }
    out->len = (uint8_t)(at - bytes);
    return true;
}

enum decode_result decode(const uint8_t *bytes, uint32_t count, enum decode_mode mode,
                          struct insn *out)
{
    if (count >= PLAIN_BYTES && mode != DECODE_16 && decode_plain(bytes, mode, out)) {
        return DECODE_DONE;
    }
    return decode_any(bytes, count, mode, out);
}
