/* SPDX-License-Identifier: BSD-2-Clause
 * The table of forms. */
#include "form.h"

#include "vm/regs.h"

#define CF RFLAGS_CF
#define PF RFLAGS_PF
#define AF RFLAGS_AF
#define ZF RFLAGS_ZF
#define SF RFLAGS_SF
#define OF RFLAGS_OF

#define R   FORM_READS
#define W   FORM_WRITES
#define RW  FORM_RMW
#define RWL (FORM_RMW | FORM_LOCK)
#define ANY DIGIT_ANY
#define V   SIZE_V

/* name, opcode, digit, immediate, bytes of memory, flags, undefined */
#define ONE(n, op, d, i, s, f, u)              \
    {                                          \
        n, FORM_MODRM, 0, 1, op, d, i, s, f, u \
    }
#define TWO(n, op, d, i, s, f, u)                 \
    {                                             \
        n, FORM_MODRM, 0, 0x0F, op, d, i, s, f, u \
    }
#define ALU(n, op, digit, lock, undef)                                             \
    ONE(n " m8, r8", (op), ANY, IMM_NONE, 1, (lock), undef),                       \
        ONE(n " m, r", (op) + 1, ANY, IMM_NONE, V, (lock), undef),                 \
        ONE(n " r8, m8", (op) + 2, ANY, IMM_NONE, 1, R, undef),                    \
        ONE(n " r, m", (op) + 3, ANY, IMM_NONE, V, R, undef),                      \
        ONE(n " m8, imm8", 0x80, digit, IMM_8, 1, (lock), undef),                  \
        ONE(n " m, imm", 0x81, digit, IMM_V, V, (lock), undef),                    \
        ONE(n " m8, imm8 (82)", 0x82, digit, IMM_8, 1, (lock) | FORM_NO64, undef), \
        ONE(n " m, simm8", 0x83, digit, IMM_8, V, (lock), undef)
#define SHIFT(n, digit, undef)                                 \
    ONE(n " m8, imm8", 0xC0, digit, IMM_8, 1, RW, undef),      \
        ONE(n " m, imm8", 0xC1, digit, IMM_8, V, RW, undef),   \
        ONE(n " m8, 1", 0xD0, digit, IMM_NONE, 1, RW, undef),  \
        ONE(n " m, 1", 0xD1, digit, IMM_NONE, V, RW, undef),   \
        ONE(n " m8, cl", 0xD2, digit, IMM_NONE, 1, RW, undef), \
        ONE(n " m, cl", 0xD3, digit, IMM_NONE, V, RW, undef)
#define BITS(n, op, digit, f)                                                 \
    TWO(n " m, r", op, ANY, IMM_NONE, V, (f) | FORM_BITS, OF | SF | AF | PF), \
        TWO(n " m, imm8", 0xBA, digit, IMM_8, V, f, OF | SF | AF | PF)
#define CMOV(n, cc) TWO("cmov" n " r, m", 0x40 + (cc), ANY, IMM_NONE, V, R, 0)
#define SET(n, cc)  TWO("set" n " m8", 0x90 + (cc), DIGIT_ZERO, IMM_NONE, 1, W, 0)
#define STR(n, op, s, f)                               \
    {                                                  \
        n, FORM_STRING, 0, 1, op, 0, IMM_NONE, s, f, 0 \
    }
#define STACK(n, op, i, s, f)                  \
    {                                          \
        n, FORM_STACK, 0, 1, op, 0, i, s, f, 0 \
    }
/* prefix, map, opcode */
#define SSE(n, p, m, op, s, f)                                       \
    {                                                                \
        n, FORM_MODRM, p, m, op, ANY, IMM_NONE, s, (f) | FORM_XMM, 0 \
    }
#define SSE_I8(n, m, op, s, f)                                       \
    {                                                                \
        n, FORM_MODRM, 0x66, m, op, ANY, IMM_8, s, (f) | FORM_XMM, 0 \
    }
/* with a second source in VEX.vvvv */
#define AVX_V(n, m, op, i, s, f)                                                      \
    {                                                                                 \
        n, FORM_MODRM, 0x66, m, op, ANY, i, s, (f) | FORM_XMM | FORM_VEX | FORM_VV, 0 \
    }
#define AVX(n, p, op, s, f)                                                        \
    {                                                                              \
        n, FORM_MODRM, p, 0x0F, op, ANY, IMM_NONE, s, (f) | FORM_XMM | FORM_VEX, 0 \
    }

#define BMI(n, p, m, op, d, u)                                                  \
    {                                                                           \
        n, FORM_MODRM, p, m, op, d, IMM_NONE, SIZE_Y, R | FORM_VEX | FORM_VV, u \
    }

const struct form forms[] = {
    ALU("add", 0x00, 0, RWL, 0),
    ALU("or", 0x08, 1, RWL, AF),
    ALU("adc", 0x10, 2, RWL, 0),
    ALU("sbb", 0x18, 3, RWL, 0),
    ALU("and", 0x20, 4, RWL, AF),
    ALU("sub", 0x28, 5, RWL, 0),
    ALU("xor", 0x30, 6, RWL, AF),
    ALU("cmp", 0x38, 7, R, 0),
    ONE("test m8, r8", 0x84, ANY, IMM_NONE, 1, R, AF),
    ONE("test m, r", 0x85, ANY, IMM_NONE, V, R, AF),
    ONE("test m8, imm8", 0xF6, 0, IMM_8, 1, R, AF),
    ONE("test m, imm", 0xF7, 0, IMM_V, V, R, AF),
    ONE("test m8, imm8 (/1)", 0xF6, 1, IMM_8, 1, R, AF),
    ONE("test m, imm (/1)", 0xF7, 1, IMM_V, V, R, AF),
    ONE("not m8", 0xF6, 2, IMM_NONE, 1, RWL, 0),
    ONE("not m", 0xF7, 2, IMM_NONE, V, RWL, 0),
    ONE("neg m8", 0xF6, 3, IMM_NONE, 1, RWL, 0),
    ONE("neg m", 0xF7, 3, IMM_NONE, V, RWL, 0),
    ONE("mul m8", 0xF6, 4, IMM_NONE, 1, R, SF | ZF | AF | PF),
    ONE("mul m", 0xF7, 4, IMM_NONE, V, R, SF | ZF | AF | PF),
    ONE("imul m8", 0xF6, 5, IMM_NONE, 1, R, SF | ZF | AF | PF),
    ONE("imul m", 0xF7, 5, IMM_NONE, V, R, SF | ZF | AF | PF),
    ONE("div m8", 0xF6, 6, IMM_NONE, 1, R | FORM_DIVIDES, CF | OF | SF | ZF | AF | PF),
    ONE("div m", 0xF7, 6, IMM_NONE, V, R | FORM_DIVIDES, CF | OF | SF | ZF | AF | PF),
    ONE("idiv m8", 0xF6, 7, IMM_NONE, 1, R | FORM_DIVIDES, CF | OF | SF | ZF | AF | PF),
    ONE("idiv m", 0xF7, 7, IMM_NONE, V, R | FORM_DIVIDES, CF | OF | SF | ZF | AF | PF),
    ONE("inc m8", 0xFE, 0, IMM_NONE, 1, RWL, 0),
    ONE("inc m", 0xFF, 0, IMM_NONE, V, RWL, 0),
    ONE("dec m8", 0xFE, 1, IMM_NONE, 1, RWL, 0),
    ONE("dec m", 0xFF, 1, IMM_NONE, V, RWL, 0),
    ONE("imul r, m, imm", 0x69, ANY, IMM_V, V, R, SF | ZF | AF | PF),
    ONE("imul r, m, simm8", 0x6B, ANY, IMM_8, V, R, SF | ZF | AF | PF),
    TWO("imul r, m", 0xAF, ANY, IMM_NONE, V, R, SF | ZF | AF | PF),
    SHIFT("rol", 0, UNDEF_ROTATE),
    SHIFT("ror", 1, UNDEF_ROTATE),
    SHIFT("rcl", 2, UNDEF_ROTATE),
    SHIFT("rcr", 3, UNDEF_ROTATE),
    SHIFT("shl", 4, UNDEF_SHIFT),
    SHIFT("shr", 5, UNDEF_SHIFT),
    SHIFT("sal (/6)", 6, UNDEF_SHIFT),
    SHIFT("sar", 7, UNDEF_SHIFT),
    TWO("shld m, r, imm8", 0xA4, ANY, IMM_8, V, RW, UNDEF_DOUBLE),
    TWO("shld m, r, cl", 0xA5, ANY, IMM_NONE, V, RW, UNDEF_DOUBLE),
    TWO("shrd m, r, imm8", 0xAC, ANY, IMM_8, V, RW, UNDEF_DOUBLE),
    TWO("shrd m, r, cl", 0xAD, ANY, IMM_NONE, V, RW, UNDEF_DOUBLE),
    BITS("bt", 0xA3, 4, R),
    BITS("bts", 0xAB, 5, RWL),
    BITS("btr", 0xB3, 6, RWL),
    BITS("btc", 0xBB, 7, RWL),
    TWO("bsf r, m", 0xBC, ANY, IMM_NONE, V, R, CF | OF | SF | AF | PF),
    TWO("bsr r, m", 0xBD, ANY, IMM_NONE, V, R, CF | OF | SF | AF | PF),
    {"tzcnt r, m", FORM_MODRM, 0xF3, 0x0F, 0xBC, ANY, IMM_NONE, V, R, OF | SF | PF | AF},
    {"lzcnt r, m", FORM_MODRM, 0xF3, 0x0F, 0xBD, ANY, IMM_NONE, V, R, OF | SF | PF | AF},
    {"popcnt r, m", FORM_MODRM, 0xF3, 0x0F, 0xB8, ANY, IMM_NONE, V, R, 0},
    {"crc32 r, m8", FORM_MODRM, 0xF2, 0x38, 0xF0, ANY, IMM_NONE, 1, R, 0},
    {"crc32 r, m", FORM_MODRM, 0xF2, 0x38, 0xF1, ANY, IMM_NONE, V, R, 0},
    {"movbe r, m", FORM_MODRM, 0, 0x38, 0xF0, ANY, IMM_NONE, V, R, 0},
    {"movbe m, r", FORM_MODRM, 0, 0x38, 0xF1, ANY, IMM_NONE, V, W, 0},
    {"adcx r, m", FORM_MODRM, 0x66, 0x38, 0xF6, ANY, IMM_NONE, SIZE_Y, R, 0},
    {"adox r, m", FORM_MODRM, 0xF3, 0x38, 0xF6, ANY, IMM_NONE, SIZE_Y, R, 0},
    ONE("xchg m8, r8", 0x86, ANY, IMM_NONE, 1, RWL, 0),
    ONE("xchg m, r", 0x87, ANY, IMM_NONE, V, RWL, 0),
    TWO("xadd m8, r8", 0xC0, ANY, IMM_NONE, 1, RWL, 0),
    TWO("xadd m, r", 0xC1, ANY, IMM_NONE, V, RWL, 0),
    TWO("cmpxchg m8, r8", 0xB0, ANY, IMM_NONE, 1, RWL | FORM_ACC, 0),
    TWO("cmpxchg m, r", 0xB1, ANY, IMM_NONE, V, RWL | FORM_ACC, 0),
    TWO("cmpxchg8b m64", 0xC7, 1, IMM_NONE, 8, RWL | FORM_ACC | FORM_NO66 | FORM_NOW, 0),
    TWO("cmpxchg16b m128", 0xC7, 1, IMM_NONE, 16,
        RWL | FORM_ACC | FORM_ONLY64 | FORM_ALIGNED | FORM_NO66, 0),
    ONE("mov m8, r8", 0x88, ANY, IMM_NONE, 1, W, 0),
    ONE("mov m, r", 0x89, ANY, IMM_NONE, V, W, 0),
    ONE("mov r8, m8", 0x8A, ANY, IMM_NONE, 1, R, 0),
    ONE("mov r, m", 0x8B, ANY, IMM_NONE, V, R, 0),
    ONE("mov m8, imm8", 0xC6, 0, IMM_8, 1, W, 0),
    ONE("mov m, imm", 0xC7, 0, IMM_V, V, W, 0),
    {"mov al, moffs", FORM_MOFFS, 0, 1, 0xA0, 0, IMM_NONE, 1, R, 0},
    {"mov ax, moffs", FORM_MOFFS, 0, 1, 0xA1, 0, IMM_NONE, V, R, 0},
    {"mov moffs, al", FORM_MOFFS, 0, 1, 0xA2, 0, IMM_NONE, 1, W, 0},
    {"mov moffs, ax", FORM_MOFFS, 0, 1, 0xA3, 0, IMM_NONE, V, W, 0},
    ONE("mov m16, es", 0x8C, 0, IMM_NONE, 2, W, 0),
    ONE("mov m16, ds", 0x8C, 3, IMM_NONE, 2, W, 0),
    TWO("movzx r, m8", 0xB6, ANY, IMM_NONE, 1, R, 0),
    TWO("movzx r, m16", 0xB7, ANY, IMM_NONE, 2, R, 0),
    TWO("movsx r, m8", 0xBE, ANY, IMM_NONE, 1, R, 0),
    TWO("movsx r, m16", 0xBF, ANY, IMM_NONE, 2, R, 0),
    ONE("movsxd r, m32", 0x63, ANY, IMM_NONE, 4, R | FORM_ONLY64 | FORM_NO66, 0),
    {"movnti m, r", FORM_MODRM, 0, 0x0F, 0xC3, ANY, IMM_NONE, SIZE_Y, W | FORM_NO66, 0},
    CMOV("o", 0),
    CMOV("no", 1),
    CMOV("b", 2),
    CMOV("nb", 3),
    CMOV("z", 4),
    CMOV("nz", 5),
    CMOV("be", 6),
    CMOV("nbe", 7),
    CMOV("s", 8),
    CMOV("ns", 9),
    CMOV("p", 10),
    CMOV("np", 11),
    CMOV("l", 12),
    CMOV("nl", 13),
    CMOV("le", 14),
    CMOV("nle", 15),
    SET("o", 0),
    SET("no", 1),
    SET("b", 2),
    SET("nb", 3),
    SET("z", 4),
    SET("nz", 5),
    SET("be", 6),
    SET("nbe", 7),
    SET("s", 8),
    SET("ns", 9),
    SET("p", 10),
    SET("np", 11),
    SET("l", 12),
    SET("nl", 13),
    SET("le", 14),
    SET("nle", 15),
    {"xlat", FORM_XLAT, 0, 1, 0xD7, 0, IMM_NONE, 1, R, 0},
    STR("movsb", 0xA4, 1, RW | FORM_SI | FORM_DI | FORM_REPS),
    STR("movs", 0xA5, V, RW | FORM_SI | FORM_DI | FORM_REPS),
    STR("cmpsb", 0xA6, 1, R | FORM_SI | FORM_DI | FORM_REPS),
    STR("cmps", 0xA7, V, R | FORM_SI | FORM_DI | FORM_REPS),
    STR("stosb", 0xAA, 1, W | FORM_DI | FORM_REPS),
    STR("stos", 0xAB, V, W | FORM_DI | FORM_REPS),
    STR("lodsb", 0xAC, 1, R | FORM_SI | FORM_REPS),
    STR("lods", 0xAD, V, R | FORM_SI | FORM_REPS),
    STR("scasb", 0xAE, 1, R | FORM_DI | FORM_REPS),
    STR("scas", 0xAF, V, R | FORM_DI | FORM_REPS),
    ONE("push m", 0xFF, 6, IMM_NONE, SIZE_P, R | FORM_PUSHES | FORM_DEF64, 0),
    ONE("pop m", 0x8F, 0, IMM_NONE, SIZE_P, W | FORM_POPS | FORM_DEF64, 0),
    ONE("call m", 0xFF, 2, IMM_NONE, SIZE_P, R | FORM_PUSHES | FORM_JUMPS | FORM_DEF64 | FORM_NO66,
        0),
    ONE("jmp m", 0xFF, 4, IMM_NONE, SIZE_P, R | FORM_JUMPS | FORM_DEF64 | FORM_NO66, 0),
    ONE("mov es, m16", 0x8E, 0, IMM_NONE, 2, R | FORM_SELECTOR, 0),
    ONE("mov ss, m16", 0x8E, 2, IMM_NONE, 2, R | FORM_SELECTOR, 0),
    ONE("mov ds, m16", 0x8E, 3, IMM_NONE, 2, R | FORM_SELECTOR, 0),
    ONE("mov fs, m16", 0x8E, 4, IMM_NONE, 2, R | FORM_SELECTOR | FORM_SYSTEM, 0),
    ONE("mov gs, m16", 0x8E, 5, IMM_NONE, 2, R | FORM_SELECTOR, 0),
    ONE("les r, m", 0xC4, ANY, IMM_NONE, SIZE_F, R | FORM_SELECTOR | FORM_NO64 | FORM_LOOSE, 0),
    ONE("lds r, m", 0xC5, ANY, IMM_NONE, SIZE_F, R | FORM_SELECTOR | FORM_NO64 | FORM_LOOSE, 0),
    TWO("lss r, m", 0xB2, ANY, IMM_NONE, SIZE_F, R | FORM_SELECTOR | FORM_LOOSE, 0),
    TWO("lfs r, m", 0xB4, ANY, IMM_NONE, SIZE_F, R | FORM_SELECTOR | FORM_LOOSE | FORM_SYSTEM, 0),
    TWO("lgs r, m", 0xB5, ANY, IMM_NONE, SIZE_F, R | FORM_SELECTOR | FORM_LOOSE, 0),
    STACK("pop es", 0x07, IMM_NONE, SIZE_P, R | FORM_SELECTOR | FORM_NO64 | FORM_LOOSE),
    STACK("pop ss", 0x17, IMM_NONE, SIZE_P, R | FORM_SELECTOR | FORM_NO64 | FORM_LOOSE),
    STACK("pop ds", 0x1F, IMM_NONE, SIZE_P, R | FORM_SELECTOR | FORM_NO64 | FORM_LOOSE),
    {"pop fs", FORM_STACK, 0, 0x0F, 0xA1, 0, IMM_NONE, SIZE_P,
     R | FORM_SELECTOR | FORM_DEF64 | FORM_LOOSE | FORM_SYSTEM, 0},
    {"pop gs", FORM_STACK, 0, 0x0F, 0xA9, 0, IMM_NONE, SIZE_P,
     R | FORM_SELECTOR | FORM_DEF64 | FORM_LOOSE, 0},
    TWO("lar r, m16", 0x02, ANY, IMM_NONE, 2, R | FORM_SELECTOR, 0),
    TWO("lsl r, m16", 0x03, ANY, IMM_NONE, 2, R | FORM_SELECTOR, 0),
    TWO("verr m16", 0x00, 4, IMM_NONE, 2, R | FORM_SELECTOR, 0),
    TWO("verw m16", 0x00, 5, IMM_NONE, 2, R | FORM_SELECTOR, 0),
    ONE("arpl m16, r16", 0x63, ANY, IMM_NONE, 2, RW | FORM_NO64, 0),
    TWO("sldt m16", 0x00, 0, IMM_NONE, 2, W | FORM_SYSTEM, 0),
    TWO("str m16", 0x00, 1, IMM_NONE, 2, W | FORM_SYSTEM, 0),
    TWO("lldt m16", 0x00, 2, IMM_NONE, 2, R | FORM_SELECTOR | FORM_SYSTEM, 0),
    TWO("ltr m16", 0x00, 3, IMM_NONE, 2, R | FORM_SELECTOR | FORM_SYSTEM, 0),
    TWO("sgdt m", 0x01, 0, IMM_NONE, SIZE_T, W | FORM_SYSTEM | FORM_LOOSE, 0),
    TWO("sidt m", 0x01, 1, IMM_NONE, SIZE_T, W | FORM_SYSTEM | FORM_LOOSE, 0),
    TWO("lgdt m", 0x01, 2, IMM_NONE, SIZE_T, R | FORM_SYSTEM | FORM_LOOSE, 0),
    TWO("lidt m", 0x01, 3, IMM_NONE, SIZE_T, R | FORM_SYSTEM | FORM_LOOSE, 0),
    TWO("smsw m16", 0x01, 4, IMM_NONE, 2, W | FORM_SYSTEM, 0),
    TWO("lmsw m16", 0x01, 6, IMM_NONE, 2, R | FORM_SYSTEM, 0),
    ONE("jmp m16:v", 0xFF, 5, IMM_NONE, SIZE_F, R | FORM_FAR | FORM_LOOSE, 0),
    ONE("call m16:v", 0xFF, 3, IMM_NONE, SIZE_F, R | FORM_FAR | FORM_PUSHES | FORM_LOOSE, 0),
    ONE("jmp m16:v (gate)", 0xFF, 5, IMM_NONE, SIZE_F, R | FORM_FAR | FORM_GATE | FORM_LOOSE, 0),
    ONE("call m16:v (gate)", 0xFF, 3, IMM_NONE, SIZE_F,
        R | FORM_FAR | FORM_GATE | FORM_PUSHES | FORM_LOOSE, 0),
    STACK("call ptr16:v", 0x9A, IMM_FAR, SIZE_S, W | FORM_FAR | FORM_NO64 | FORM_LOOSE),
    STACK("call ptr16:v (gate)", 0x9A, IMM_FAR, SIZE_S,
          W | FORM_FAR | FORM_GATE | FORM_NO64 | FORM_LOOSE),
    STACK("ret far", 0xCB, IMM_NONE, SIZE_S, R | FORM_FAR | FORM_LOOSE),
    STACK("ret far imm16", 0xCA, IMM_16, SIZE_S, R | FORM_FAR | FORM_LOOSE),
    STACK("iret", 0xCF, IMM_NONE, SIZE_S, R | FORM_FAR | FORM_LOOSE),
    STACK("push r", 0x50, IMM_NONE, SIZE_P, W | FORM_DEF64),
    STACK("push bp", 0x55, IMM_NONE, SIZE_P, W | FORM_DEF64),
    STACK("push sp", 0x54, IMM_NONE, SIZE_P, W | FORM_DEF64),
    STACK("push imm", 0x68, IMM_V, SIZE_P, W | FORM_DEF64),
    STACK("push simm8", 0x6A, IMM_8, SIZE_P, W | FORM_DEF64),
    STACK("push cs", 0x0E, IMM_NONE, SIZE_P, W | FORM_NO64 | FORM_LOOSE),
    STACK("push ds", 0x1E, IMM_NONE, SIZE_P, W | FORM_NO64 | FORM_LOOSE),
    STACK("pushf", 0x9C, IMM_NONE, SIZE_P, W | FORM_DEF64),
    STACK("pusha", 0x60, IMM_NONE, SIZE_P, W | FORM_NO64),
    STACK("call rel", 0xE8, IMM_V, SIZE_P, W | FORM_DEF64 | FORM_NO66 | FORM_JUMPS),
    STACK("pop r", 0x58, IMM_NONE, SIZE_P, R | FORM_DEF64),
    STACK("pop bp", 0x5D, IMM_NONE, SIZE_P, R | FORM_DEF64),
    STACK("popf", 0x9D, IMM_NONE, SIZE_P, R | FORM_DEF64 | FORM_FLAGS),
    STACK("popa", 0x61, IMM_NONE, SIZE_P, R | FORM_NO64),
    STACK("ret", 0xC3, IMM_NONE, SIZE_P, R | FORM_JUMPS | FORM_DEF64 | FORM_NO66),
    STACK("ret imm16", 0xC2, IMM_16, SIZE_P, R | FORM_JUMPS | FORM_DEF64 | FORM_NO66),
    STACK("leave", 0xC9, IMM_NONE, SIZE_P, R | FORM_FRAME | FORM_DEF64),
    STACK("enter", 0xC8, IMM_ENTER, SIZE_P, W | FORM_DEF64),
    SSE("movups x, m", 0, 0x0F, 0x10, 16, R),
    SSE("movups m, x", 0, 0x0F, 0x11, 16, W),
    SSE("movupd x, m", 0x66, 0x0F, 0x10, 16, R),
    SSE("movupd m, x", 0x66, 0x0F, 0x11, 16, W),
    SSE("movss x, m", 0xF3, 0x0F, 0x10, 4, R),
    SSE("movss m, x", 0xF3, 0x0F, 0x11, 4, W),
    SSE("movsd x, m", 0xF2, 0x0F, 0x10, 8, R),
    SSE("movsd m, x", 0xF2, 0x0F, 0x11, 8, W),
    SSE("movlps x, m", 0, 0x0F, 0x12, 8, R),
    SSE("movlps m, x", 0, 0x0F, 0x13, 8, W),
    SSE("movlpd x, m", 0x66, 0x0F, 0x12, 8, R),
    SSE("movlpd m, x", 0x66, 0x0F, 0x13, 8, W),
    SSE("movhps x, m", 0, 0x0F, 0x16, 8, R),
    SSE("movhps m, x", 0, 0x0F, 0x17, 8, W),
    SSE("movhpd x, m", 0x66, 0x0F, 0x16, 8, R),
    SSE("movhpd m, x", 0x66, 0x0F, 0x17, 8, W),
    SSE("movsldup x, m", 0xF3, 0x0F, 0x12, 16, R | FORM_ALIGNED),
    SSE("movshdup x, m", 0xF3, 0x0F, 0x16, 16, R | FORM_ALIGNED),
    SSE("movddup x, m", 0xF2, 0x0F, 0x12, 8, R),
    SSE_I8("pinsrb x, m, imm8", 0x3A, 0x20, 1, R),
    SSE_I8("pinsrw x, m, imm8", 0x0F, 0xC4, 2, R),
    SSE_I8("pinsrd x, m, imm8", 0x3A, 0x22, SIZE_Y, R),
    SSE_I8("pextrb m, x, imm8", 0x3A, 0x14, 1, W),
    SSE_I8("pextrw m, x, imm8", 0x3A, 0x15, 2, W),
    SSE_I8("pextrd m, x, imm8", 0x3A, 0x16, SIZE_Y, W),
    SSE_I8("extractps m, x, imm8", 0x3A, 0x17, 4, W),
    SSE("movaps x, m", 0, 0x0F, 0x28, 16, R | FORM_ALIGNED),
    SSE("movaps m, x", 0, 0x0F, 0x29, 16, W | FORM_ALIGNED),
    SSE("movapd x, m", 0x66, 0x0F, 0x28, 16, R | FORM_ALIGNED),
    SSE("movapd m, x", 0x66, 0x0F, 0x29, 16, W | FORM_ALIGNED),
    SSE("movntps m, x", 0, 0x0F, 0x2B, 16, W | FORM_ALIGNED),
    SSE("movntpd m, x", 0x66, 0x0F, 0x2B, 16, W | FORM_ALIGNED),
    SSE("movdqa x, m", 0x66, 0x0F, 0x6F, 16, R | FORM_ALIGNED),
    SSE("movdqa m, x", 0x66, 0x0F, 0x7F, 16, W | FORM_ALIGNED),
    SSE("movdqu x, m", 0xF3, 0x0F, 0x6F, 16, R),
    SSE("movdqu m, x", 0xF3, 0x0F, 0x7F, 16, W),
    SSE("movntdq m, x", 0x66, 0x0F, 0xE7, 16, W | FORM_ALIGNED),
    SSE("movntdqa x, m", 0x66, 0x38, 0x2A, 16, R | FORM_ALIGNED),
    SSE("lddqu x, m", 0xF2, 0x0F, 0xF0, 16, R | FORM_LOOSE),
    SSE("movq x, m", 0xF3, 0x0F, 0x7E, 8, R),
    SSE("movq m, x", 0x66, 0x0F, 0xD6, 8, W),
    SSE("movd x, m", 0x66, 0x0F, 0x6E, SIZE_Y, R),
    SSE("movd m, x", 0x66, 0x0F, 0x7E, SIZE_Y, W),
    BMI("andn r, v, m", 0, 0x38, 0xF2, ANY, AF | PF),
    BMI("bextr r, m, v", 0, 0x38, 0xF7, ANY, AF | SF | PF),
    BMI("bzhi r, m, v", 0, 0x38, 0xF5, ANY, AF | PF),
    BMI("pdep r, v, m", 0xF2, 0x38, 0xF5, ANY, 0),
    BMI("pext r, v, m", 0xF3, 0x38, 0xF5, ANY, 0),
    BMI("sarx r, m, v", 0xF3, 0x38, 0xF7, ANY, 0),
    BMI("shlx r, m, v", 0x66, 0x38, 0xF7, ANY, 0),
    BMI("shrx r, m, v", 0xF2, 0x38, 0xF7, ANY, 0),
    BMI("mulx r, v, m", 0xF2, 0x38, 0xF6, ANY, 0),
    BMI("blsr v, m", 0, 0x38, 0xF3, 1, AF | PF),
    BMI("blsmsk v, m", 0, 0x38, 0xF3, 2, AF | PF),
    BMI("blsi v, m", 0, 0x38, 0xF3, 3, AF | PF),
    {"rorx r, m, imm8", FORM_MODRM, 0xF2, 0x3A, 0xF0, ANY, IMM_8, SIZE_Y, R | FORM_VEX | FORM_V0,
     0},
    AVX("vmovlps x, x, m", 0, 0x12, 8, R | FORM_VV),
    AVX("vmovlps m, x", 0, 0x13, 8, W),
    AVX("vmovhps x, x, m", 0, 0x16, 8, R | FORM_VV),
    AVX("vmovhps m, x", 0, 0x17, 8, W),
    AVX("vmovddup y, m", 0xF2, 0x12, 8, R),
    {"vbroadcastss y, m", FORM_MODRM, 0x66, 0x38, 0x18, ANY, IMM_NONE, 4, R | FORM_XMM | FORM_VEX,
     0},
    AVX_V("vpinsrb x, x, m, imm8", 0x3A, 0x20, IMM_8, 1, R),
    AVX_V("vpinsrw x, x, m, imm8", 0x0F, 0xC4, IMM_8, 2, R),
    AVX_V("vpinsrd x, x, m, imm8", 0x3A, 0x22, IMM_8, SIZE_Y, R),
    AVX_V("vmaskmovps y, y, m", 0x38, 0x2C, IMM_NONE, SIZE_L, R | FORM_MASKED),
    AVX_V("vmaskmovpd y, y, m", 0x38, 0x2D, IMM_NONE, SIZE_L, R | FORM_MASKED),
    AVX_V("vmaskmovps m, y, y", 0x38, 0x2E, IMM_NONE, SIZE_L, W | FORM_MASKED),
    AVX_V("vmaskmovpd m, y, y", 0x38, 0x2F, IMM_NONE, SIZE_L, W | FORM_MASKED),
    AVX_V("vpmaskmovd y, y, m", 0x38, 0x8C, IMM_NONE, SIZE_L, R | FORM_MASKED),
    AVX_V("vpmaskmovd m, y, y", 0x38, 0x8E, IMM_NONE, SIZE_L, W | FORM_MASKED),
    AVX("vmovsldup y, m", 0xF3, 0x12, SIZE_L, R),
    AVX("vmovshdup y, m", 0xF3, 0x16, SIZE_L, R),
    AVX("vmovups y, m", 0, 0x10, SIZE_L, R),
    AVX("vmovups m, y", 0, 0x11, SIZE_L, W),
    AVX("vmovupd y, m", 0x66, 0x10, SIZE_L, R),
    AVX("vmovupd m, y", 0x66, 0x11, SIZE_L, W),
    AVX("vmovss x, m", 0xF3, 0x10, 4, R),
    AVX("vmovss m, x", 0xF3, 0x11, 4, W),
    AVX("vmovsd x, m", 0xF2, 0x10, 8, R),
    AVX("vmovsd m, x", 0xF2, 0x11, 8, W),
    AVX("vmovaps y, m", 0, 0x28, SIZE_L, R | FORM_ALIGNED),
    AVX("vmovaps m, y", 0, 0x29, SIZE_L, W | FORM_ALIGNED),
    AVX("vmovapd y, m", 0x66, 0x28, SIZE_L, R | FORM_ALIGNED),
    AVX("vmovapd m, y", 0x66, 0x29, SIZE_L, W | FORM_ALIGNED),
    AVX("vmovntps m, y", 0, 0x2B, SIZE_L, W | FORM_ALIGNED),
    AVX("vmovntdq m, y", 0x66, 0xE7, SIZE_L, W | FORM_ALIGNED),
    AVX("vmovdqa y, m", 0x66, 0x6F, SIZE_L, R | FORM_ALIGNED),
    AVX("vmovdqa m, y", 0x66, 0x7F, SIZE_L, W | FORM_ALIGNED),
    AVX("vmovdqu y, m", 0xF3, 0x6F, SIZE_L, R),
    AVX("vmovdqu m, y", 0xF3, 0x7F, SIZE_L, W),
    AVX("vlddqu y, m", 0xF2, 0xF0, SIZE_L, R | FORM_LOOSE),
    AVX("vmovq x, m", 0xF3, 0x7E, 8, R),
    AVX("vmovq m, x", 0x66, 0xD6, 8, W),
    AVX("vmovd x, m", 0x66, 0x6E, SIZE_Y, R),
    AVX("vmovd m, x", 0x66, 0x7E, SIZE_Y, W),
};

const uint32_t forms_count = sizeof(forms) / sizeof(forms[0]);
