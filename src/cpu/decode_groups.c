/* SPDX-License-Identifier: BSD-2-Clause
 * Opcodes that ModRM extends, [SDM] vol. 2D, table A-6, and the x87, tables. */
#include "cpu/decode_int.h"

#define M    HOW_MODRM
#define R    (HOW_MODRM | HOW_READ)
#define W    (HOW_MODRM | HOW_WRITE)
#define RW   (HOW_MODRM | HOW_READ | HOW_WRITE)
#define RWL  (RW | HOW_LOCK)
#define MEM  HOW_MEM_ONLY
#define BITS HOW_REG_BITS

/* Rows of eight that differ in size and immediate only. */
#define ALU_ROWS(size, imm)                                             \
    {                                                                   \
        {INSN_ADD, INSN_MEM_IMM, size, REG_GPR(size), RWL | (imm)},     \
            {INSN_OR, INSN_MEM_IMM, size, REG_GPR(size), RWL | (imm)},  \
            {INSN_ADC, INSN_MEM_IMM, size, REG_GPR(size), RWL | (imm)}, \
            {INSN_SBB, INSN_MEM_IMM, size, REG_GPR(size), RWL | (imm)}, \
            {INSN_AND, INSN_MEM_IMM, size, REG_GPR(size), RWL | (imm)}, \
            {INSN_SUB, INSN_MEM_IMM, size, REG_GPR(size), RWL | (imm)}, \
            {INSN_XOR, INSN_MEM_IMM, size, REG_GPR(size), RWL | (imm)}, \
            {INSN_CMP, INSN_MEM_IMM, size, REG_GPR(size), R | (imm)},   \
    }
#define SHIFT_ROWS(form, size, imm)                            \
    {                                                          \
        {INSN_ROL, form, size, REG_GPR(size), RW | (imm)},     \
            {INSN_ROR, form, size, REG_GPR(size), RW | (imm)}, \
            {INSN_RCL, form, size, REG_GPR(size), RW | (imm)}, \
            {INSN_RCR, form, size, REG_GPR(size), RW | (imm)}, \
            {INSN_SHL, form, size, REG_GPR(size), RW | (imm)}, \
            {INSN_SHR, form, size, REG_GPR(size), RW | (imm)}, \
            {INSN_SAL, form, size, REG_GPR(size), RW | (imm)}, \
            {INSN_SAR, form, size, REG_GPR(size), RW | (imm)}, \
    }
#define UNARY_ROWS(size, imm)                                          \
    {                                                                  \
        {INSN_TEST, INSN_MEM_IMM, size, REG_GPR(size), R | (imm)},     \
            {INSN_TEST, INSN_MEM_IMM, size, REG_GPR(size), R | (imm)}, \
            {INSN_NOT, INSN_MEM, size, REG_GPR(size), RWL},            \
            {INSN_NEG, INSN_MEM, size, REG_GPR(size), RWL},            \
            {INSN_MUL, INSN_MEM, size, REG_GPR(size), R},              \
            {INSN_IMUL, INSN_MEM, size, REG_GPR(size), R},             \
            {INSN_DIV, INSN_MEM, size, REG_GPR(size), R},              \
            {INSN_IDIV, INSN_MEM, size, REG_GPR(size), R},             \
    }
#define HINT_ROW                               \
    {                                          \
        INSN_HINT, INSN_MEM, SIZE_0, SIZE_0, M \
    }
#define X87(size, how)                        \
    {                                         \
        INSN_X87, INSN_MEM, size, SIZE_0, how \
    }
#define X87_BITS(size, how, map)                    \
    {                                               \
        INSN_X87, INSN_MEM, size, map, (how) | BITS \
    }
#define VECTOR_SHIFT                                                    \
    {                                                                   \
        .op = CLASS_REG_I8, .form = CLASS_REG_I8, .how = M | HOW_PREFIX \
    }
#define VECTOR_SHIFT_66                             \
    {                                               \
        .form = CLASS_REG_I8, .how = M | HOW_PREFIX \
    }
#define VEX_SHIFT                                   \
    {                                               \
        .how = M | HOW_REG_ONLY | HOW_I8 | HOW_VVVV \
    }
#define VEX_BLS(op)                                                                    \
    {                                                                                  \
        op, INSN_REG_MEM, SIZE_Y, REG_GPR(SIZE_Y), R | HOW_VVVV | HOW_L0 | HOW_SPECIAL \
    }

const struct decode_entry decode_groups[DECODE_GROUPS][8] = {
    [GROUP_80] = ALU_ROWS(SIZE_1, HOW_I8),
    [GROUP_81] = ALU_ROWS(SIZE_V, HOW_IZ),
    [GROUP_83] = ALU_ROWS(SIZE_V, HOW_I8),
    [GROUP_8F] = {{INSN_POP, INSN_MEM, SIZE_V, REG_GPR(SIZE_V), W | HOW_STACK | HOW_DEF64}},
    [GROUP_C0] = SHIFT_ROWS(INSN_MEM_IMM, SIZE_1, HOW_I8),
    [GROUP_C1] = SHIFT_ROWS(INSN_MEM_IMM, SIZE_V, HOW_I8),
    [GROUP_C6] = {{INSN_MOV, INSN_MEM_IMM, SIZE_1, REG_GPR(SIZE_1), W | HOW_I8},
                  [7] = {0, 0, 0, MAP_C7, M | HOW_REG_ONLY | BITS | HOW_I8}}, /* XABORT */
    [GROUP_C7] = {{INSN_MOV, INSN_MEM_IMM, SIZE_V, REG_GPR(SIZE_V), W | HOW_IZ},
                  [7] = {0, 0, 0, MAP_C7, M | HOW_REG_ONLY | BITS | HOW_IZ}}, /* XBEGIN */
    [GROUP_D0] = SHIFT_ROWS(INSN_MEM_IMM, SIZE_1, HOW_I_ONE),
    [GROUP_D1] = SHIFT_ROWS(INSN_MEM_IMM, SIZE_V, HOW_I_ONE),
    [GROUP_D2] = SHIFT_ROWS(INSN_MEM_CL, SIZE_1, 0),
    [GROUP_D3] = SHIFT_ROWS(INSN_MEM_CL, SIZE_V, 0),
    [GROUP_D9] = {X87_BITS(SIZE_4, R, MAP_X87_D9), X87_BITS(SIZE_0, M | HOW_REG_ONLY, MAP_X87_D9),
                  X87_BITS(SIZE_4, W, MAP_X87_D9), X87_BITS(SIZE_4, W, MAP_X87_D9),
                  X87_BITS(SIZE_ENV, R, MAP_X87_D9), X87_BITS(SIZE_2, R, MAP_X87_D9),
                  X87_BITS(SIZE_ENV, W, MAP_X87_D9), X87_BITS(SIZE_2, W, MAP_X87_D9)},
    [GROUP_DB] = {X87(SIZE_4, R), X87(SIZE_4, W), X87(SIZE_4, W), X87(SIZE_4, W),
                  X87_BITS(SIZE_0, M | HOW_REG_ONLY, MAP_X87_DB), X87(SIZE_10, R),
                  X87(SIZE_0, M | HOW_REG_ONLY), X87_BITS(SIZE_10, W, MAP_X87_DB)},
    [GROUP_DD] = {X87(SIZE_8, R), X87(SIZE_8, W), X87(SIZE_8, W), X87(SIZE_8, W),
                  X87(SIZE_FSAVE, R), X87(SIZE_0, M | HOW_REG_ONLY),
                  X87_BITS(SIZE_FSAVE, W, MAP_X87_DD), X87_BITS(SIZE_2, W, MAP_X87_DD)},
    [GROUP_DF] = {X87(SIZE_2, R), X87(SIZE_2, W), X87(SIZE_2, W), X87(SIZE_2, W),
                  X87_BITS(SIZE_10, R, MAP_X87_DF), X87(SIZE_8, R), X87(SIZE_10, W),
                  X87_BITS(SIZE_8, W, MAP_X87_DF)},
    [GROUP_F6] = UNARY_ROWS(SIZE_1, HOW_I8),
    [GROUP_F7] = UNARY_ROWS(SIZE_V, HOW_IZ),
    [GROUP_FE] = {{INSN_INC, INSN_MEM, SIZE_1, REG_GPR(SIZE_1), RWL},
                  {INSN_DEC, INSN_MEM, SIZE_1, REG_GPR(SIZE_1), RWL}},
    [GROUP_FF] = {{INSN_INC, INSN_MEM, SIZE_V, REG_GPR(SIZE_V), RWL},
                  {INSN_DEC, INSN_MEM, SIZE_V, REG_GPR(SIZE_V), RWL},
                  {INSN_CALL, INSN_MEM, SIZE_V, REG_GPR(SIZE_V), R | HOW_STACK | HOW_FORCE64},
                  {INSN_CALL_FAR, INSN_MEM, SIZE_FAR, SIZE_0, R | MEM | HOW_STACK},
                  {INSN_JMP, INSN_MEM, SIZE_V, REG_GPR(SIZE_V), R | HOW_FORCE64},
                  {INSN_JMP_FAR, INSN_MEM, SIZE_FAR, SIZE_0, R | MEM},
                  {INSN_PUSH, INSN_MEM, SIZE_V, REG_GPR(SIZE_V), R | HOW_STACK | HOW_DEF64}},
    [GROUP_0F00] = {{INSN_SLDT, INSN_MEM, SIZE_2, REG_GPR(SIZE_V), W},
                    {INSN_STR, INSN_MEM, SIZE_2, REG_GPR(SIZE_V), W},
                    {INSN_LLDT, INSN_MEM, SIZE_2, REG_GPR(SIZE_2), R},
                    {INSN_LTR, INSN_MEM, SIZE_2, REG_GPR(SIZE_2), R},
                    {INSN_VERR, INSN_MEM, SIZE_2, REG_GPR(SIZE_2), R},
                    {INSN_VERW, INSN_MEM, SIZE_2, REG_GPR(SIZE_2), R}},
    [GROUP_0F01] = {{INSN_SGDT, INSN_MEM, SIZE_TABLE, MAP_0F01, W | BITS | HOW_FORCE64},
                    {INSN_SIDT, INSN_MEM, SIZE_TABLE, MAP_0F01, W | BITS | HOW_FORCE64},
                    {INSN_LGDT, INSN_MEM, SIZE_TABLE, MAP_0F01, R | BITS | HOW_FORCE64},
                    {INSN_LIDT, INSN_MEM, SIZE_TABLE, MAP_0F01, R | BITS | HOW_FORCE64},
                    {INSN_SMSW, INSN_MEM, SIZE_2, REG_GPR(SIZE_V), W},
                    {CLASS_0F01_5, CLASS_0F01_5, CLASS_RSTORSSP, CLASS_0F01_5, M | HOW_PREFIX},
                    {INSN_LMSW, INSN_MEM, SIZE_2, REG_GPR(SIZE_2), R},
                    {INSN_INVLPG, INSN_MEM, SIZE_0, MAP_0F01, M | BITS}},
    [GROUP_0F18] = {HINT_ROW, HINT_ROW, HINT_ROW, HINT_ROW, HINT_ROW, HINT_ROW, HINT_ROW, HINT_ROW},
    [GROUP_0F1C] = {HINT_ROW, HINT_ROW, HINT_ROW, HINT_ROW, HINT_ROW, HINT_ROW, HINT_ROW, HINT_ROW},
    [GROUP_0F71] = {[2] = VECTOR_SHIFT, [4] = VECTOR_SHIFT, [6] = VECTOR_SHIFT},
    [GROUP_0F72] = {[2] = VECTOR_SHIFT, [4] = VECTOR_SHIFT, [6] = VECTOR_SHIFT},
    [GROUP_0F73] =
        {[2] = VECTOR_SHIFT, [3] = VECTOR_SHIFT_66, [6] = VECTOR_SHIFT, [7] = VECTOR_SHIFT_66},
    [GROUP_0FAE] = {{CLASS_WRITE_512, 0, CLASS_REG_64, 0, M | HOW_PREFIX},
                    {CLASS_READ_512, 0, CLASS_REG_64, 0, M | HOW_PREFIX},
                    {CLASS_READ_4, 0, CLASS_REG_64, 0, M | HOW_PREFIX},
                    {CLASS_WRITE_4, 0, CLASS_REG_64, 0, M | HOW_PREFIX},
                    {CLASS_XSAVE, 0, CLASS_PTWRITE, 0, M | HOW_PREFIX},
                    {CLASS_XRSTOR, 0, CLASS_REG, 0, M | HOW_PREFIX},
                    {CLASS_XSAVEOPT, CLASS_CLWB, CLASS_CLRSSBSY, CLASS_REG, M | HOW_PREFIX},
                    {CLASS_CLFLUSH, CLASS_CLFLUSHOPT, 0, 0, M | HOW_PREFIX}},
    [GROUP_0FBA] = {[4] = {INSN_BT, INSN_MEM_IMM, SIZE_V, REG_GPR(SIZE_V), R | HOW_I8},
                    {INSN_BTS, INSN_MEM_IMM, SIZE_V, REG_GPR(SIZE_V), RWL | HOW_I8},
                    {INSN_BTR, INSN_MEM_IMM, SIZE_V, REG_GPR(SIZE_V), RWL | HOW_I8},
                    {INSN_BTC, INSN_MEM_IMM, SIZE_V, REG_GPR(SIZE_V), RWL | HOW_I8}},
    [GROUP_0FC7] = {[1] = {INSN_CMPXCHG8B, INSN_MEM, SIZE_8_16, SIZE_0, RWL | MEM | HOW_ALIGN},
                    [3] = {CLASS_READ_576, 0, 0, 0, M | HOW_PREFIX},
                    {CLASS_WRITE_576, 0, 0, 0, M | HOW_PREFIX},
                    {CLASS_WRITE_576, 0, 0, 0, M | HOW_PREFIX},
                    {CLASS_VMPTRLD, CLASS_VMCLEAR, CLASS_VMXON, 0, M | HOW_PREFIX},
                    {CLASS_VMPTRST, CLASS_REG, CLASS_REG, 0, M | HOW_PREFIX}},
    [GROUP_VEX_71] = {[2] = VEX_SHIFT, [4] = VEX_SHIFT, [6] = VEX_SHIFT},
    [GROUP_VEX_72] = {[2] = VEX_SHIFT, [4] = VEX_SHIFT, [6] = VEX_SHIFT},
    [GROUP_VEX_73] = {[2] = VEX_SHIFT, VEX_SHIFT, [6] = VEX_SHIFT, VEX_SHIFT},
    [GROUP_VEX_AE] = {[2] = {INSN_SYSTEM, INSN_MEM, SIZE_4, SIZE_0, R | MEM | HOW_L0},
                      {INSN_SYSTEM, INSN_MEM, SIZE_4, SIZE_0, W | MEM | HOW_L0}},
    [GROUP_VEX_F3] = {[1] = VEX_BLS(INSN_BLSR), VEX_BLS(INSN_BLSMSK), VEX_BLS(INSN_BLSI)},
};

#define BITS_FROM(first, last) ((~0ull >> (63u - ((last) - (first)))) << ((first)-0xC0u))

/* SVM's, SWAPGS, RDTSCP, CLZERO, RDPRU */
#define ANY_PREFIX (BITS_FROM(0xD8, 0xDF) | BITS_FROM(0xF8, 0xF9) | BITS_FROM(0xFC, 0xFD))

/* [SDM] vol. 2D, tables, and the twins that processors carry out, [SDM] vol. 1, 8.1 */
const uint64_t decode_register_maps[DECODE_REGISTER_MAPS] = {
    [MAP_X87_D9] = BITS_FROM(0xC0, 0xD0) | BITS_FROM(0xD8, 0xDF) | BITS_FROM(0xE0, 0xE1) |
                   BITS_FROM(0xE4, 0xE5) | BITS_FROM(0xE8, 0xEE) | BITS_FROM(0xF0, 0xFF),
    [MAP_X87_DA] = BITS_FROM(0xC0, 0xDF) | BITS_FROM(0xE9, 0xE9),
    [MAP_X87_DB] = BITS_FROM(0xE0, 0xE4),
    [MAP_X87_DD] = 0,
    [MAP_X87_DE] = BITS_FROM(0xC0, 0xD7) | BITS_FROM(0xD9, 0xD9) | BITS_FROM(0xE0, 0xFF),
    [MAP_X87_DF] = BITS_FROM(0xE0, 0xE0),
    [MAP_C7] = BITS_FROM(0xF8, 0xF8),
    [MAP_0F01] = ANY_PREFIX | BITS_FROM(0xC0, 0xC5) | BITS_FROM(0xC8, 0xCB) |
                 BITS_FROM(0xCF, 0xD1) | BITS_FROM(0xD4, 0xD7) | BITS_FROM(0xE8, 0xE8) |
                 BITS_FROM(0xEE, 0xEF) | BITS_FROM(0xFA, 0xFF),
    [MAP_0F01_66] = ANY_PREFIX | BITS_FROM(0xCC, 0xCF),
    [MAP_0F01_F3] = ANY_PREFIX | BITS_FROM(0xE8, 0xE8) | BITS_FROM(0xEA, 0xEA) |
                    BITS_FROM(0xEC, 0xEF) | BITS_FROM(0xFA, 0xFA) | BITS_FROM(0xFE, 0xFF),
    [MAP_0F01_F2] = ANY_PREFIX | BITS_FROM(0xE8, 0xE9) | BITS_FROM(0xFE, 0xFF),
    [MAP_0F01_LONG] = BITS_FROM(0xF8, 0xF8),
    [MAP_0F01_LONG_66] = BITS_FROM(0xF8, 0xF8) | BITS_FROM(0xCD, 0xCF),
    [MAP_0F01_LONG_F3] = BITS_FROM(0xF8, 0xF8) | BITS_FROM(0xEC, 0xEF) | BITS_FROM(0xFE, 0xFF),
    [MAP_0F01_LONG_F2] = BITS_FROM(0xF8, 0xF8) | BITS_FROM(0xFE, 0xFE),
};
