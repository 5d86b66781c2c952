/* SPDX-License-Identifier: BSD-2-Clause
 * What the decoder's two ways have in common: decode.c for plain instructions, decode_any.c for all.
 * Section and table numbers are those of [SDM] vol. 2A. */
#ifndef CPU_DECODE_PARTS_H
#define CPU_DECODE_PARTS_H

#include "cpu/decode_int.h"
#include "vm/regs.h"

/* Where an instruction has nothing. */
extern const struct insn decode_blank;

/* What the description says. */
static inline void decode_start(const struct decode_entry *e, uint32_t column, struct insn *out)
{
    *out = decode_blank;
    out->op = e->op;
    out->form = e->form;
    out->access = e->how & HOW_ACCESS;
    out->mem_size = decode_sizes[e->mem][column];
    out->op_size = (uint8_t)(2u << column);
    out->reg_size = (uint8_t)decode_sizes[e->reg & REG_SIZE_MASK][column];
    out->reg_kind = e->reg >> REG_KIND_SHIFT;
}

/* ModRM's general register; `has_rex`: even 0x40 makes SPL out of AH, table 3-1. */
static inline void decode_gpr(uint32_t modrm, uint32_t rex, bool has_rex, struct insn *out)
{
    uint32_t reg = (modrm >> 3 & 7u) | (rex & REX_R) << 1;
    if (out->reg_size == 1 && reg >= 4 && !has_rex) {
        reg -= 4;
        out->high_byte = true;
    }
    out->reg = (uint8_t)reg;
}

/* Tables 2-2 and 2-3; 2.2.1.2: the base 5 without displacement means none, whatever REX.B says;
 * 2.2.1.6: RIP-relative. Returns where the displacement ends. */
static inline const uint8_t *decode_address(const uint8_t *at, uint32_t modrm, uint32_t rex,
                                            bool is_long, struct insn *out)
{
    uint32_t rm = modrm & 7u;
    uint32_t disp = modrm >> 6; /* 1: one byte, 2: four */
    if (rm == 4) {
        uint32_t sib = *at++;
        uint32_t index = (sib >> 3 & 7u) | (rex & REX_X) << 2;
        out->index = (uint8_t)(index != 4 ? index : INSN_NO_REG);
        out->scale = (uint8_t)(index != 4 ? sib >> 6 : 0);
        rm = sib & 7u;
    } else if (rm == 5 && disp == 0) {
        out->rip_relative = is_long;
    }
    if (rm == 5 && disp == 0) {
        disp = 2;
    } else {
        out->base = (uint8_t)(rm | (rex & REX_B) << 3);
    }
    out->seg = (out->base & 0xFEu) == GPR_RSP ? SEG_SS : SEG_DS; /* RBP is the next number */
    if (disp == 2) {
        out->disp = decode_signed_32(at);
        return at + 4;
    }
    if (disp == 1) {
        out->disp = decode_signed_8(at);
        return at + 1;
    }
    return at;
}

#endif
