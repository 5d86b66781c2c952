/* SPDX-License-Identifier: BSD-2-Clause
 * Two- and three-byte opcodes, [SDM] vol. 2D, tables: those of 0F, 0F 38 and 0F 3A. */
#include "cpu/decode_int.h"

#define R   (HOW_MODRM | HOW_READ)
#define W   (HOW_MODRM | HOW_WRITE)
#define RW  (HOW_MODRM | HOW_READ | HOW_WRITE)
#define RWL (RW | HOW_LOCK)
#define MEM HOW_MEM_ONLY

/* By mandatory prefix: none, 66, F3, F2. */
#define BY_PREFIX(none, p66, pf3, pf2)              \
    {                                               \
        none, p66, pf3, pf2, HOW_MODRM | HOW_PREFIX \
    }
#define PLAIN            \
    {                    \
        .how = HOW_PLAIN \
    }
#define HINT                                           \
    {                                                  \
        INSN_HINT, INSN_MEM, SIZE_0, SIZE_0, HOW_MODRM \
    }
/* Always registers, whatever ModRM's upper bits say. */
#define CONTROL                        \
    {                                  \
        .how = HOW_PLAIN | HOW_SPECIAL \
    }
#define BIT_BY_REG(op, how)                            \
    {                                                  \
        op, INSN_MEM_REG, SIZE_V, REG_GPR(SIZE_V), how \
    }
#define SHIFT_PAIR(n, op)                                               \
    [n] = {op, INSN_MEM_REG_IMM, SIZE_V, REG_GPR(SIZE_V), RW | HOW_I8}, \
    [n + 1] = {op, INSN_MEM_REG_CL, SIZE_V, REG_GPR(SIZE_V), RW}
#define LOAD_FAR                                                                      \
    {                                                                                 \
        INSN_LOAD_FAR, INSN_REG_MEM, SIZE_FAR, REG_GPR(SIZE_V), R | MEM | HOW_SPECIAL \
    }
#define FOUR(n, ...) \
    [n] = __VA_ARGS__, [n + 1] = __VA_ARGS__, [n + 2] = __VA_ARGS__, [n + 3] = __VA_ARGS__
#define SIXTEEN(n, ...)                                                       \
    FOUR(n, __VA_ARGS__), FOUR(n + 4, __VA_ARGS__), FOUR(n + 8, __VA_ARGS__), \
        FOUR(n + 12, __VA_ARGS__)

/* The usual patterns of vector instructions. */
#define MMX_SSE BY_PREFIX(CLASS_MMX_8, CLASS_SSE_16, 0, 0)
#define SSE_66  BY_PREFIX(0, CLASS_SSE_16, 0, 0)
#define PS_PD   BY_PREFIX(CLASS_SSE_16, CLASS_SSE_16, 0, 0)
#define ALL4    BY_PREFIX(CLASS_SSE_16, CLASS_SSE_16, CLASS_SSE_4, CLASS_SSE_8)

const struct decode_entry decode_map_0f[256] = {
    [0x00] = {.op = GROUP_0F00, .how = HOW_MODRM | HOW_GROUP},
    [0x01] = {.op = GROUP_0F01, .how = HOW_MODRM | HOW_GROUP},
    [0x02] = {INSN_LAR, INSN_REG_MEM, SIZE_2, REG_GPR(SIZE_V), R},
    [0x03] = {INSN_LSL, INSN_REG_MEM, SIZE_2, REG_GPR(SIZE_V), R},
    [0x05] = {.how = HOW_PLAIN},
    [0x06] = PLAIN,
    [0x07] = {.how = HOW_PLAIN},
    [0x08] = PLAIN,
    [0x09] = PLAIN,
    [0x0D] = HINT,
    [0x0E] = {.how = HOW_UNSUPPORTED}, /* 3DNow! */
    [0x0F] = {.how = HOW_UNSUPPORTED},
    [0x10] = BY_PREFIX(CLASS_LOAD, CLASS_LOAD, CLASS_LOAD_4, CLASS_LOAD_8),
    [0x11] = BY_PREFIX(CLASS_STORE, CLASS_STORE, CLASS_STORE_4, CLASS_STORE_8),
    [0x12] = BY_PREFIX(CLASS_LOAD_LOW, CLASS_LOAD_LOW_MEM, CLASS_DUP_LOW_4, CLASS_DUP_LOW_8),
    [0x13] = BY_PREFIX(CLASS_STORE_LOW, CLASS_STORE_LOW, 0, 0),
    [0x14] = PS_PD,
    [0x15] = PS_PD,
    [0x16] = BY_PREFIX(CLASS_LOAD_HIGH, CLASS_LOAD_HIGH_MEM, CLASS_DUP_HIGH_4, 0),
    [0x17] = BY_PREFIX(CLASS_STORE_HIGH, CLASS_STORE_HIGH, 0, 0),
    FOUR(0x18, HINT),
    FOUR(0x1C, HINT),
    FOUR(0x20, CONTROL),
    [0x28] = BY_PREFIX(CLASS_LOAD_ALIGNED, CLASS_LOAD_ALIGNED, 0, 0),
    [0x29] = BY_PREFIX(CLASS_STORE_ALIGNED, CLASS_STORE_ALIGNED, 0, 0),
    [0x2A] = BY_PREFIX(CLASS_SSE_8, CLASS_SSE_8, CLASS_SSE_Y, CLASS_SSE_Y),
    [0x2B] = BY_PREFIX(CLASS_STORE_NT, CLASS_STORE_NT, CLASS_STORE_NT_4, CLASS_STORE_NT_8),
    [0x2C] = BY_PREFIX(CLASS_MMX_8, CLASS_MMX_16, CLASS_GPR_4, CLASS_GPR_8),
    [0x2D] = BY_PREFIX(CLASS_MMX_8, CLASS_MMX_16, CLASS_GPR_4, CLASS_GPR_8),
    [0x2E] = BY_PREFIX(CLASS_SSE_4, CLASS_SSE_8, 0, 0),
    [0x2F] = BY_PREFIX(CLASS_SSE_4, CLASS_SSE_8, 0, 0),
    FOUR(0x30, PLAIN), /* WRMSR, RDTSC, RDMSR, RDPMC */
    [0x34] = PLAIN,    /* SYSENTER, SYSEXIT, GETSEC  */
    [0x35] = PLAIN,
    [0x37] = {.op = CLASS_PLAIN, .how = HOW_PREFIX},
    SIXTEEN(0x40, {INSN_CMOVCC, INSN_REG_MEM, SIZE_V, REG_GPR(SIZE_V), R | HOW_SPECIAL}),
    [0x50] = BY_PREFIX(CLASS_REG, CLASS_REG, 0, 0),
    [0x51] = ALL4,
    [0x52] = BY_PREFIX(CLASS_SSE_16, 0, CLASS_SSE_4, 0),
    [0x53] = BY_PREFIX(CLASS_SSE_16, 0, CLASS_SSE_4, 0),
    FOUR(0x54, PS_PD),
    [0x58] = ALL4,
    [0x59] = ALL4,
    [0x5A] = BY_PREFIX(CLASS_SSE_8, CLASS_SSE_16, CLASS_SSE_4, CLASS_SSE_8),
    [0x5B] = BY_PREFIX(CLASS_SSE_16, CLASS_SSE_16, CLASS_SSE_16, 0),
    FOUR(0x5C, ALL4),
    [0x60] = BY_PREFIX(CLASS_MMX_4, CLASS_SSE_16, 0, 0),
    [0x61] = BY_PREFIX(CLASS_MMX_4, CLASS_SSE_16, 0, 0),
    [0x62] = BY_PREFIX(CLASS_MMX_4, CLASS_SSE_16, 0, 0),
    [0x63] = MMX_SSE,
    FOUR(0x64, MMX_SSE),
    FOUR(0x68, MMX_SSE),
    [0x6C] = SSE_66,
    [0x6D] = SSE_66,
    [0x6E] = BY_PREFIX(CLASS_MMX_LOAD_Y, CLASS_LOAD_Y, 0, 0),
    [0x6F] = BY_PREFIX(CLASS_MMX_LOAD_8, CLASS_LOAD_ALIGNED, CLASS_LOAD, 0),
    [0x70] = BY_PREFIX(CLASS_MMX_8_I8, CLASS_SSE_16_I8, CLASS_SSE_16_I8, CLASS_SSE_16_I8),
    [0x71] = {.op = GROUP_0F71, .how = HOW_MODRM | HOW_GROUP},
    [0x72] = {.op = GROUP_0F72, .how = HOW_MODRM | HOW_GROUP},
    [0x73] = {.op = GROUP_0F73, .how = HOW_MODRM | HOW_GROUP},
    [0x74] = MMX_SSE,
    [0x75] = MMX_SSE,
    [0x76] = MMX_SSE,
    [0x77] = {.op = CLASS_PLAIN, .how = HOW_PREFIX},
    [0x78] = BY_PREFIX(CLASS_VMREAD, CLASS_UNSUPPORTED, 0, CLASS_UNSUPPORTED),
    [0x79] = BY_PREFIX(CLASS_VMWRITE, CLASS_UNSUPPORTED, 0, CLASS_UNSUPPORTED),
    [0x7C] = BY_PREFIX(0, CLASS_SSE_16, 0, CLASS_SSE_16),
    [0x7D] = BY_PREFIX(0, CLASS_SSE_16, 0, CLASS_SSE_16),
    [0x7E] = BY_PREFIX(CLASS_MMX_STORE_Y, CLASS_STORE_Y, CLASS_LOAD_8, 0),
    [0x7F] = BY_PREFIX(CLASS_MMX_STORE_8, CLASS_STORE_ALIGNED, CLASS_STORE, 0),
    SIXTEEN(0x80, {.how = HOW_PLAIN | HOW_IZ | HOW_FORCE64}),
    SIXTEEN(0x90, {INSN_SETCC, INSN_MEM, SIZE_1, REG_GPR(SIZE_1), W | HOW_SPECIAL}),
    [0xA0] = {INSN_PUSH, INSN_STACK_REG, SIZE_0, REG_SEG, HOW_IMPLIED | HOW_STACK | HOW_DEF64},
    [0xA1] = {INSN_POP, INSN_STACK_REG, SIZE_0, REG_SEG, HOW_IMPLIED | HOW_STACK | HOW_DEF64},
    [0xA2] = PLAIN,
    [0xA3] = BIT_BY_REG(INSN_BT, R),
    SHIFT_PAIR(0xA4, INSN_SHLD),
    [0xA8] = {INSN_PUSH, INSN_STACK_REG, SIZE_0, REG_SEG, HOW_IMPLIED | HOW_STACK | HOW_DEF64},
    [0xA9] = {INSN_POP, INSN_STACK_REG, SIZE_0, REG_SEG, HOW_IMPLIED | HOW_STACK | HOW_DEF64},
    [0xAA] = PLAIN, /* RSM */
    [0xAB] = BIT_BY_REG(INSN_BTS, RWL),
    SHIFT_PAIR(0xAC, INSN_SHRD),
    [0xAE] = {.op = GROUP_0FAE, .how = HOW_MODRM | HOW_GROUP},
    [0xAF] = {INSN_IMUL, INSN_REG_MEM, SIZE_V, REG_GPR(SIZE_V), R},
    [0xB0] = {INSN_CMPXCHG, INSN_MEM_REG, SIZE_1, REG_GPR(SIZE_1), RWL},
    [0xB1] = {INSN_CMPXCHG, INSN_MEM_REG, SIZE_V, REG_GPR(SIZE_V), RWL},
    [0xB2] = LOAD_FAR,
    [0xB3] = BIT_BY_REG(INSN_BTR, RWL),
    [0xB4] = LOAD_FAR,
    [0xB5] = LOAD_FAR,
    [0xB6] = {INSN_MOVZX, INSN_REG_MEM, SIZE_1, REG_GPR(SIZE_V), R},
    [0xB7] = {INSN_MOVZX, INSN_REG_MEM, SIZE_2, REG_GPR(SIZE_V), R},
    [0xB8] = BY_PREFIX(0, 0, CLASS_POPCNT, 0),
    [0xBA] = {.op = GROUP_0FBA, .how = HOW_MODRM | HOW_GROUP},
    [0xBB] = BIT_BY_REG(INSN_BTC, RWL),
    [0xBC] = BY_PREFIX(CLASS_BSF, CLASS_BSF, CLASS_TZCNT, CLASS_BSF),
    [0xBD] = BY_PREFIX(CLASS_BSR, CLASS_BSR, CLASS_LZCNT, CLASS_BSR),
    [0xBE] = {INSN_MOVSX, INSN_REG_MEM, SIZE_1, REG_GPR(SIZE_V), R},
    [0xBF] = {INSN_MOVSX, INSN_REG_MEM, SIZE_2, REG_GPR(SIZE_V), R},
    [0xC0] = {INSN_XADD, INSN_MEM_REG, SIZE_1, REG_GPR(SIZE_1), RWL},
    [0xC1] = {INSN_XADD, INSN_MEM_REG, SIZE_V, REG_GPR(SIZE_V), RWL},
    [0xC2] = BY_PREFIX(CLASS_SSE_16_I8, CLASS_SSE_16_I8, CLASS_SSE_4_I8, CLASS_SSE_8_I8),
    [0xC3] = BY_PREFIX(CLASS_MOVNTI, 0, 0, 0),
    [0xC4] = BY_PREFIX(CLASS_MMX_INSERT_2, CLASS_INSERT_2, 0, 0),
    [0xC5] = BY_PREFIX(CLASS_REG_I8, CLASS_REG_I8, 0, 0),
    [0xC6] = BY_PREFIX(CLASS_SSE_16_I8, CLASS_SSE_16_I8, 0, 0),
    [0xC7] = {.op = GROUP_0FC7, .how = HOW_MODRM | HOW_GROUP},
    FOUR(0xC8, PLAIN), /* BSWAP */
    FOUR(0xCC, PLAIN),
    [0xD0] = BY_PREFIX(0, CLASS_SSE_16, 0, CLASS_SSE_16),
    [0xD1] = MMX_SSE,
    [0xD2] = MMX_SSE,
    [0xD3] = MMX_SSE,
    [0xD4] = MMX_SSE,
    [0xD5] = MMX_SSE,
    [0xD6] = BY_PREFIX(0, CLASS_STORE_8, CLASS_REG, CLASS_REG),
    [0xD7] = BY_PREFIX(CLASS_REG, CLASS_REG, 0, 0),
    FOUR(0xD8, MMX_SSE),
    FOUR(0xDC, MMX_SSE),
    FOUR(0xE0, MMX_SSE),
    [0xE4] = MMX_SSE,
    [0xE5] = MMX_SSE,
    [0xE6] = BY_PREFIX(0, CLASS_SSE_16, CLASS_SSE_8, CLASS_SSE_16),
    [0xE7] = BY_PREFIX(CLASS_MMX_STORE_NT, CLASS_STORE_NT, 0, 0),
    FOUR(0xE8, MMX_SSE),
    FOUR(0xEC, MMX_SSE),
    [0xF0] = BY_PREFIX(0, 0, 0, CLASS_LDDQU),
    [0xF1] = MMX_SSE,
    [0xF2] = MMX_SSE,
    [0xF3] = MMX_SSE,
    [0xF4] = MMX_SSE,
    [0xF5] = MMX_SSE,
    [0xF6] = MMX_SSE,
    [0xF7] = BY_PREFIX(CLASS_MASKED_MMX, CLASS_MASKED_SSE, 0, 0),
    FOUR(0xF8, MMX_SSE),
    [0xFC] = MMX_SSE,
    [0xFD] = MMX_SSE,
    [0xFE] = MMX_SSE,
};

const struct decode_entry decode_map_0f38[256] = {
    FOUR(0x00, MMX_SSE),
    FOUR(0x04, MMX_SSE),
    FOUR(0x08, MMX_SSE),
    [0x10] = SSE_66,
    [0x14] = SSE_66,
    [0x15] = SSE_66,
    [0x17] = SSE_66,
    [0x1C] = MMX_SSE,
    [0x1D] = MMX_SSE,
    [0x1E] = MMX_SSE,
    [0x20] = BY_PREFIX(0, CLASS_SSE_8, 0, 0),
    [0x21] = BY_PREFIX(0, CLASS_SSE_4, 0, 0),
    [0x22] = BY_PREFIX(0, CLASS_SSE_2, 0, 0),
    [0x23] = BY_PREFIX(0, CLASS_SSE_8, 0, 0),
    [0x24] = BY_PREFIX(0, CLASS_SSE_4, 0, 0),
    [0x25] = BY_PREFIX(0, CLASS_SSE_8, 0, 0),
    [0x28] = SSE_66,
    [0x29] = SSE_66,
    [0x2A] = BY_PREFIX(0, CLASS_LOAD_NT, 0, 0),
    [0x2B] = SSE_66,
    [0x30] = BY_PREFIX(0, CLASS_SSE_8, 0, 0),
    [0x31] = BY_PREFIX(0, CLASS_SSE_4, 0, 0),
    [0x32] = BY_PREFIX(0, CLASS_SSE_2, 0, 0),
    [0x33] = BY_PREFIX(0, CLASS_SSE_8, 0, 0),
    [0x34] = BY_PREFIX(0, CLASS_SSE_4, 0, 0),
    [0x35] = BY_PREFIX(0, CLASS_SSE_8, 0, 0),
    [0x37] = SSE_66,
    FOUR(0x38, SSE_66),
    FOUR(0x3C, SSE_66),
    [0x40] = SSE_66,
    [0x41] = SSE_66,
    [0x80] = BY_PREFIX(0, CLASS_DESCRIPTOR, 0, 0), /* INVEPT, INVVPID, INVPCID */
    [0x81] = BY_PREFIX(0, CLASS_DESCRIPTOR, 0, 0),
    [0x82] = BY_PREFIX(0, CLASS_DESCRIPTOR, 0, 0),
    FOUR(0xC8, BY_PREFIX(CLASS_SSE_16, 0, 0, 0)), /* SHA */
    [0xCC] = BY_PREFIX(CLASS_SSE_16, 0, 0, 0),
    [0xCD] = BY_PREFIX(CLASS_SSE_16, 0, 0, 0),
    [0xCF] = SSE_66,
    [0xD8] = BY_PREFIX(0, 0, CLASS_UNSUPPORTED, 0), /* Key Locker */
    [0xDB] = SSE_66,
    [0xDC] = BY_PREFIX(0, CLASS_SSE_16, CLASS_UNSUPPORTED, 0),
    [0xDD] = BY_PREFIX(0, CLASS_SSE_16, CLASS_UNSUPPORTED, 0),
    [0xDE] = BY_PREFIX(0, CLASS_SSE_16, CLASS_UNSUPPORTED, 0),
    [0xDF] = BY_PREFIX(0, CLASS_SSE_16, CLASS_UNSUPPORTED, 0),
    [0xF0] = BY_PREFIX(CLASS_MOVBE_LOAD, CLASS_MOVBE_LOAD, 0, CLASS_CRC32_8),
    [0xF1] = BY_PREFIX(CLASS_MOVBE_STORE, CLASS_MOVBE_STORE, 0, CLASS_CRC32),
    [0xF5] = BY_PREFIX(0, CLASS_WRSS, 0, 0),
    [0xF6] = BY_PREFIX(CLASS_WRSS, CLASS_ADCX, CLASS_ADOX, 0),
    [0xF8] = BY_PREFIX(0, CLASS_MOVDIR64B, CLASS_UNSUPPORTED, CLASS_UNSUPPORTED), /* ENQCMD */
    [0xF9] = BY_PREFIX(CLASS_MOVNTI, 0, 0, 0),                                    /* MOVDIRI */
    [0xFA] = BY_PREFIX(0, 0, CLASS_UNSUPPORTED, 0),                               /* Key Locker */
    [0xFB] = BY_PREFIX(0, 0, CLASS_UNSUPPORTED, 0),
};

const struct decode_entry decode_map_0f3a[256] = {
    [0x08] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0x09] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0x0A] = BY_PREFIX(0, CLASS_SSE_4_I8, 0, 0),
    [0x0B] = BY_PREFIX(0, CLASS_SSE_8_I8, 0, 0),
    [0x0C] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0x0D] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0x0E] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0x0F] = BY_PREFIX(CLASS_MMX_8_I8, CLASS_SSE_16_I8, 0, 0),
    [0x14] = BY_PREFIX(0, CLASS_EXTRACT_1, 0, 0),
    [0x15] = BY_PREFIX(0, CLASS_EXTRACT_2, 0, 0),
    [0x16] = BY_PREFIX(0, CLASS_EXTRACT_Y, 0, 0),
    [0x17] = BY_PREFIX(0, CLASS_EXTRACT_4, 0, 0),
    [0x20] = BY_PREFIX(0, CLASS_INSERT_1, 0, 0),
    [0x21] = BY_PREFIX(0, CLASS_SSE_4_I8, 0, 0),
    [0x22] = BY_PREFIX(0, CLASS_INSERT_Y, 0, 0),
    [0x40] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0x41] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0x42] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0x44] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    FOUR(0x60, BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0)),
    [0xCC] = BY_PREFIX(CLASS_SSE_16_I8, 0, 0, 0),
    [0xCE] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0xCF] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0xDF] = BY_PREFIX(0, CLASS_SSE_16_I8, 0, 0),
    [0xF0] = BY_PREFIX(0, 0, CLASS_UNSUPPORTED, 0), /* HRESET */
};
