/* SPDX-License-Identifier: BSD-2-Clause
 * One-byte opcodes, [SDM] vol. 2D, table A-2. */
#include "cpu/decode_int.h"

#define RW   (HOW_MODRM | HOW_READ | HOW_WRITE)
#define RWL  (RW | HOW_LOCK)
#define R    (HOW_MODRM | HOW_READ)
#define W    (HOW_MODRM | HOW_WRITE)
#define NONE (HOW_PLAIN)

/* Eight entries from `n`: memory and register both ways, accumulator and immediate; then PUSH and POP
 * of a segment, or what ES, CS, SS and DS have not. `bits` are for a destination in memory. */
#define ALU(n, op, bits)                                                                        \
    [n] = {op, INSN_MEM_REG, SIZE_1, REG_GPR(SIZE_1), bits},                                    \
    [n + 1] = {op, INSN_MEM_REG, SIZE_V, REG_GPR(SIZE_V), bits},                                \
    [n + 2] = {op, INSN_REG_MEM, SIZE_1, REG_GPR(SIZE_1), R},                                   \
    [n + 3] = {op, INSN_REG_MEM, SIZE_V, REG_GPR(SIZE_V), R}, [n + 4] = {.how = NONE | HOW_I8}, \
    [n + 5] = {.how = NONE | HOW_IZ}

#define PUSH_SEG                                                                       \
    {                                                                                  \
        INSN_PUSH, INSN_STACK_REG, SIZE_0, REG_SEG, HOW_IMPLIED | HOW_STACK | HOW_NO64 \
    }
#define POP_SEG                                                                       \
    {                                                                                 \
        INSN_POP, INSN_STACK_REG, SIZE_0, REG_SEG, HOW_IMPLIED | HOW_STACK | HOW_NO64 \
    }
#define EIGHT(n, ...)                                                                       \
    [n] = __VA_ARGS__, [n + 1] = __VA_ARGS__, [n + 2] = __VA_ARGS__, [n + 3] = __VA_ARGS__, \
    [n + 4] = __VA_ARGS__, [n + 5] = __VA_ARGS__, [n + 6] = __VA_ARGS__, [n + 7] = __VA_ARGS__

/* A prefix or an escape. */
#define BYTE               \
    {                      \
        .how = HOW_SPECIAL \
    }
#define STRING_1(op, access)                                             \
    {                                                                    \
        op, INSN_STRING, SIZE_1, REG_GPR(SIZE_1), HOW_IMPLIED | (access) \
    }
#define STRING_V(op, access)                                             \
    {                                                                    \
        op, INSN_STRING, SIZE_V, REG_GPR(SIZE_V), HOW_IMPLIED | (access) \
    }
#define STACK64 (HOW_IMPLIED | HOW_STACK | HOW_DEF64)
#define NEAR    (HOW_IMPLIED | HOW_STACK | HOW_FORCE64)
#define FAR     (HOW_IMPLIED | HOW_STACK)

const struct decode_entry decode_map_1[256] = {
    ALU(0x00, INSN_ADD, RWL),
    [0x06] = PUSH_SEG,
    [0x07] = POP_SEG,
    ALU(0x08, INSN_OR, RWL),
    [0x0E] = PUSH_SEG,
    [0x0F] = BYTE,
    ALU(0x10, INSN_ADC, RWL),
    [0x16] = PUSH_SEG,
    [0x17] = POP_SEG,
    ALU(0x18, INSN_SBB, RWL),
    [0x1E] = PUSH_SEG,
    [0x1F] = POP_SEG,
    ALU(0x20, INSN_AND, RWL),
    [0x26] = BYTE,
    [0x27] = {.how = NONE | HOW_NO64},
    ALU(0x28, INSN_SUB, RWL),
    [0x2E] = BYTE,
    [0x2F] = {.how = NONE | HOW_NO64},
    ALU(0x30, INSN_XOR, RWL),
    [0x36] = BYTE,
    [0x37] = {.how = NONE | HOW_NO64},
    ALU(0x38, INSN_CMP, R),
    [0x3E] = BYTE,
    [0x3F] = {.how = NONE | HOW_NO64},
    EIGHT(0x40, {.how = NONE | HOW_SPECIAL}), /* INC, DEC; in 64-bit code, REX */
    EIGHT(0x48, {.how = NONE | HOW_SPECIAL}),
    EIGHT(0x50, {INSN_PUSH, INSN_STACK_REG, SIZE_0, REG_GPR(SIZE_V), STACK64}),
    EIGHT(0x58, {INSN_POP, INSN_STACK_REG, SIZE_0, REG_GPR(SIZE_V), STACK64}),
    [0x60] = {INSN_PUSHA, INSN_STACK, SIZE_0, REG_GPR(SIZE_V), FAR | HOW_NO64},
    [0x61] = {INSN_POPA, INSN_STACK, SIZE_0, REG_GPR(SIZE_V), FAR | HOW_NO64},
    [0x62] = {INSN_BOUND, INSN_REG_MEM, SIZE_PAIR, REG_GPR(SIZE_V), R | HOW_SPECIAL},
    [0x63] = {INSN_ARPL, INSN_MEM_REG, SIZE_2, REG_GPR(SIZE_2), RW | HOW_SPECIAL},
    [0x64] = BYTE,
    [0x65] = BYTE,
    [0x66] = BYTE,
    [0x67] = BYTE,
    [0x68] = {INSN_PUSH, INSN_STACK_IMM, SIZE_0, REG_GPR(SIZE_V), STACK64 | HOW_IZ},
    [0x69] = {INSN_IMUL, INSN_REG_MEM_IMM, SIZE_V, REG_GPR(SIZE_V), R | HOW_IZ},
    [0x6A] = {INSN_PUSH, INSN_STACK_IMM, SIZE_0, REG_GPR(SIZE_V), STACK64 | HOW_I8},
    [0x6B] = {INSN_IMUL, INSN_REG_MEM_IMM, SIZE_V, REG_GPR(SIZE_V), R | HOW_I8},
    [0x6C] = STRING_1(INSN_INS, HOW_WRITE),
    [0x6D] = {INSN_INS, INSN_STRING, SIZE_Z, REG_GPR(SIZE_Z), HOW_IMPLIED | HOW_WRITE},
    [0x6E] = STRING_1(INSN_OUTS, HOW_READ),
    [0x6F] = {INSN_OUTS, INSN_STRING, SIZE_Z, REG_GPR(SIZE_Z), HOW_IMPLIED | HOW_READ},
    EIGHT(0x70, {.how = NONE | HOW_I8}),
    EIGHT(0x78, {.how = NONE | HOW_I8}),
    [0x80] = {.op = GROUP_80, .how = HOW_MODRM | HOW_GROUP},
    [0x81] = {.op = GROUP_81, .how = HOW_MODRM | HOW_GROUP},
    [0x82] = {.op = GROUP_80, .how = HOW_MODRM | HOW_GROUP | HOW_SPECIAL},
    [0x83] = {.op = GROUP_83, .how = HOW_MODRM | HOW_GROUP},
    [0x84] = {INSN_TEST, INSN_MEM_REG, SIZE_1, REG_GPR(SIZE_1), R},
    [0x85] = {INSN_TEST, INSN_MEM_REG, SIZE_V, REG_GPR(SIZE_V), R},
    [0x86] = {INSN_XCHG, INSN_MEM_REG, SIZE_1, REG_GPR(SIZE_1), RWL},
    [0x87] = {INSN_XCHG, INSN_MEM_REG, SIZE_V, REG_GPR(SIZE_V), RWL},
    [0x88] = {INSN_MOV, INSN_MEM_REG, SIZE_1, REG_GPR(SIZE_1), W},
    [0x89] = {INSN_MOV, INSN_MEM_REG, SIZE_V, REG_GPR(SIZE_V), W},
    [0x8A] = {INSN_MOV, INSN_REG_MEM, SIZE_1, REG_GPR(SIZE_1), R},
    [0x8B] = {INSN_MOV, INSN_REG_MEM, SIZE_V, REG_GPR(SIZE_V), R},
    [0x8C] = {INSN_MOV, INSN_MEM_REG, SIZE_2, REG_SEG, W},
    [0x8D] = {INSN_LEA, INSN_REG_MEM, SIZE_0, REG_GPR(SIZE_V), HOW_MODRM | HOW_MEM_ONLY},
    [0x8E] = {INSN_MOV, INSN_REG_MEM, SIZE_2, REG_SEG, R},
    [0x8F] = {.op = GROUP_8F, .how = HOW_MODRM | HOW_GROUP | HOW_SPECIAL},
    EIGHT(0x90, {.how = NONE}), /* XCHG, NOP */
    [0x98] = {.how = NONE},
    [0x99] = {.how = NONE},
    [0x9A] = {INSN_CALL_FAR, INSN_STACK_IMM, SIZE_0, SIZE_0, FAR | HOW_I_FAR | HOW_NO64},
    [0x9B] = {.how = NONE},
    [0x9C] = {INSN_PUSHF, INSN_STACK, SIZE_0, SIZE_0, STACK64},
    [0x9D] = {INSN_POPF, INSN_STACK, SIZE_0, SIZE_0, STACK64},
    [0x9E] = {.how = NONE},
    [0x9F] = {.how = NONE},
    [0xA0] = {INSN_MOV, INSN_REG_MEM, SIZE_1, REG_GPR(SIZE_1), HOW_IMPLIED | HOW_READ | HOW_MOFFS},
    [0xA1] = {INSN_MOV, INSN_REG_MEM, SIZE_V, REG_GPR(SIZE_V), HOW_IMPLIED | HOW_READ | HOW_MOFFS},
    [0xA2] = {INSN_MOV, INSN_MEM_REG, SIZE_1, REG_GPR(SIZE_1), HOW_IMPLIED | HOW_WRITE | HOW_MOFFS},
    [0xA3] = {INSN_MOV, INSN_MEM_REG, SIZE_V, REG_GPR(SIZE_V), HOW_IMPLIED | HOW_WRITE | HOW_MOFFS},
    [0xA4] = STRING_1(INSN_MOVS, HOW_READ),
    [0xA5] = STRING_V(INSN_MOVS, HOW_READ),
    [0xA6] = STRING_1(INSN_CMPS, HOW_READ),
    [0xA7] = STRING_V(INSN_CMPS, HOW_READ),
    [0xA8] = {.how = NONE | HOW_I8},
    [0xA9] = {.how = NONE | HOW_IZ},
    [0xAA] = STRING_1(INSN_STOS, HOW_WRITE),
    [0xAB] = STRING_V(INSN_STOS, HOW_WRITE),
    [0xAC] = STRING_1(INSN_LODS, HOW_READ),
    [0xAD] = STRING_V(INSN_LODS, HOW_READ),
    [0xAE] = STRING_1(INSN_SCAS, HOW_READ),
    [0xAF] = STRING_V(INSN_SCAS, HOW_READ),
    EIGHT(0xB0, {.how = NONE | HOW_I8}),
    EIGHT(0xB8, {.how = NONE | HOW_IV}),
    [0xC0] = {.op = GROUP_C0, .how = HOW_MODRM | HOW_GROUP},
    [0xC1] = {.op = GROUP_C1, .how = HOW_MODRM | HOW_GROUP},
    [0xC2] = {INSN_RET, INSN_STACK_IMM, SIZE_0, SIZE_0, NEAR | HOW_I16},
    [0xC3] = {INSN_RET, INSN_STACK, SIZE_0, SIZE_0, NEAR},
    [0xC4] = {INSN_LOAD_FAR, INSN_REG_MEM, SIZE_FAR, REG_GPR(SIZE_V), R | HOW_SPECIAL},
    [0xC5] = {INSN_LOAD_FAR, INSN_REG_MEM, SIZE_FAR, REG_GPR(SIZE_V), R | HOW_SPECIAL},
    [0xC6] = {.op = GROUP_C6, .how = HOW_MODRM | HOW_GROUP},
    [0xC7] = {.op = GROUP_C7, .how = HOW_MODRM | HOW_GROUP},
    [0xC8] = {INSN_ENTER, INSN_STACK_IMM, SIZE_0, SIZE_0, STACK64 | HOW_I_ENTER},
    [0xC9] = {INSN_LEAVE, INSN_STACK, SIZE_0, SIZE_0, STACK64},
    [0xCA] = {INSN_RET_FAR, INSN_STACK_IMM, SIZE_0, SIZE_0, FAR | HOW_I16},
    [0xCB] = {INSN_RET_FAR, INSN_STACK, SIZE_0, SIZE_0, FAR},
    [0xCC] = {.how = NONE}, /* INT3, INT, INTO: what an event's delivery touches is not theirs */
    [0xCD] = {.how = NONE | HOW_I8},
    [0xCE] = {.how = NONE | HOW_NO64},
    [0xCF] = {INSN_IRET, INSN_STACK, SIZE_0, SIZE_0, FAR},
    [0xD0] = {.op = GROUP_D0, .how = HOW_MODRM | HOW_GROUP},
    [0xD1] = {.op = GROUP_D1, .how = HOW_MODRM | HOW_GROUP},
    [0xD2] = {.op = GROUP_D2, .how = HOW_MODRM | HOW_GROUP},
    [0xD3] = {.op = GROUP_D3, .how = HOW_MODRM | HOW_GROUP},
    [0xD4] = {.how = NONE | HOW_I8 | HOW_NO64},
    [0xD5] = {.how = NONE | HOW_I8 | HOW_NO64},
    [0xD6] = {.how = NONE | HOW_NO64}, /* SALC */
    [0xD7] = {INSN_XLAT, INSN_MEM, SIZE_1, REG_GPR(SIZE_1), HOW_IMPLIED | HOW_READ},
    [0xD8] = {INSN_X87, INSN_MEM, SIZE_4, SIZE_0, R},
    [0xD9] = {.op = GROUP_D9, .how = HOW_MODRM | HOW_GROUP},
    [0xDA] = {INSN_X87, INSN_MEM, SIZE_4, MAP_X87_DA, R | HOW_REG_BITS},
    [0xDB] = {.op = GROUP_DB, .how = HOW_MODRM | HOW_GROUP},
    [0xDC] = {INSN_X87, INSN_MEM, SIZE_8, SIZE_0, R},
    [0xDD] = {.op = GROUP_DD, .how = HOW_MODRM | HOW_GROUP},
    [0xDE] = {INSN_X87, INSN_MEM, SIZE_2, MAP_X87_DE, R | HOW_REG_BITS},
    [0xDF] = {.op = GROUP_DF, .how = HOW_MODRM | HOW_GROUP},
    [0xE0] = {.how = NONE | HOW_I8}, /* LOOP and JCXZ */
    [0xE1] = {.how = NONE | HOW_I8},
    [0xE2] = {.how = NONE | HOW_I8},
    [0xE3] = {.how = NONE | HOW_I8},
    [0xE4] = {.how = NONE | HOW_I8}, /* IN, OUT */
    [0xE5] = {.how = NONE | HOW_I8},
    [0xE6] = {.how = NONE | HOW_I8},
    [0xE7] = {.how = NONE | HOW_I8},
    [0xE8] = {INSN_CALL, INSN_STACK_IMM, SIZE_0, SIZE_0, NEAR | HOW_IZ},
    [0xE9] = {.how = NONE | HOW_IZ | HOW_FORCE64},
    [0xEA] = {.how = NONE | HOW_I_FAR | HOW_NO64},
    [0xEB] = {.how = NONE | HOW_I8},
    [0xEC] = {.how = NONE},
    [0xED] = {.how = NONE},
    [0xEE] = {.how = NONE},
    [0xEF] = {.how = NONE},
    [0xF0] = BYTE,
    [0xF1] = {.how = NONE},
    [0xF2] = BYTE,
    [0xF3] = BYTE,
    [0xF4] = {.how = NONE},
    [0xF5] = {.how = NONE},
    [0xF6] = {.op = GROUP_F6, .how = HOW_MODRM | HOW_GROUP},
    [0xF7] = {.op = GROUP_F7, .how = HOW_MODRM | HOW_GROUP},
    [0xF8] = {.how = NONE}, /* CLC, STC, CLI, STI, CLD, STD */
    [0xF9] = {.how = NONE},
    [0xFA] = {.how = NONE},
    [0xFB] = {.how = NONE},
    [0xFC] = {.how = NONE},
    [0xFD] = {.how = NONE},
    [0xFE] = {.op = GROUP_FE, .how = HOW_MODRM | HOW_GROUP},
    [0xFF] = {.op = GROUP_FF, .how = HOW_MODRM | HOW_GROUP},
};
