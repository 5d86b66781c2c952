/* SPDX-License-Identifier: BSD-2-Clause
 * The instructions with memory operands that are held against a processor: one table, a row a form.
 * Spec: [SDM] vol. 2 (each instruction: encoding, flags affected), vol. 2D, appendix A. */
#ifndef PROCESSOR_FORM_H
#define PROCESSOR_FORM_H

#include <stdint.h>

enum form_kind {
    FORM_MODRM,  /* a ModRM byte with a memory operand                                  */
    FORM_MOFFS,  /* an absolute address instead                                         */
    FORM_STRING, /* rSI, rDI, or both; REP                                              */
    FORM_STACK,  /* the stack is the memory operand                                     */
    FORM_XLAT,
};

/* Bytes of the memory operand, where not a number from 1 to 32. */
#define SIZE_V 0x40u /* the operand size: 2, 4, 8                             */
#define SIZE_Y 0x41u /* 4, or 8 with REX.W (always 8: not with the prefix 66) */
#define SIZE_P 0x42u /* of a stack slot: 2, 4; in 64-bit code 2, 8            */
#define SIZE_L 0x43u /* 16, or 32 with VEX.L                                  */
#define SIZE_F 0x44u /* a far pointer: an offset of the operand size, a selector */
#define SIZE_T 0x45u /* limit and base of a table: 6, in 64-bit code 10       */
#define SIZE_S 0x46u /* what a far transfer has on the stack                  */

enum form_imm {
    IMM_NONE,
    IMM_8,
    IMM_16,
    IMM_V, /* the operand size, at most 4 bytes */
    IMM_ENTER,
    IMM_FAR, /* a far pointer */
};

#define DIGIT_ANY  8u /* ModRM.reg is a register */
#define DIGIT_ZERO 9u

#define FORM_READS    0x00001u
#define FORM_WRITES   0x00002u
#define FORM_RMW      (FORM_READS | FORM_WRITES)
#define FORM_LOCK     0x00004u /* LOCK is allowed                                     */
#define FORM_ONLY64   0x00008u
#define FORM_NO64     0x00010u
#define FORM_XMM      0x00020u /* ModRM.reg is a vector register                      */
#define FORM_VEX      0x00040u
#define FORM_ALIGNED  0x00080u /* #GP if the operand is not aligned                   */
#define FORM_PUSHES   0x00100u /* beside its operand it pushes                        */
#define FORM_POPS     0x00200u
#define FORM_REPS     0x00400u /* REP and REPNE                                       */
#define FORM_SI       0x00800u
#define FORM_DI       0x01000u
#define FORM_BITS     0x02000u /* the register holds a bit offset: it moves the operand */
#define FORM_JUMPS    0x04000u /* the operand is where to go                          */
#define FORM_FLAGS    0x08000u /* the operand is a flag register                      */
#define FORM_ACC      0x10000u /* compares with the accumulator: let it be equal at times */
#define FORM_DIVIDES  0x20000u
#define FORM_FRAME    0x40000u  /* the stack address is rBP, not rSP                   */
#define FORM_DEF64    0x80000u  /* in 64-bit code the operand size is 8 by itself      */
#define FORM_NO66     0x100000u /* the operand-size prefix has another meaning         */
#define FORM_MMX      0x200000u
#define FORM_NOW      0x800000u   /* without REX.W                                       */
#define FORM_VV       0x1000000u  /* VEX.vvvv names a register; else it is all ones      */
#define FORM_V0       0x2000000u  /* VEX.L must be 0                                     */
#define FORM_LOOSE    0x400000u   /* #AC is not raised, or is the processor's own choice */
#define FORM_SELECTOR 0x4000000u  /* the operand is or ends in a selector                */
#define FORM_MASKED   0x10000000u /* what is accessed depends on a mask                 */
#define FORM_SYSTEM   0x8000000u  /* tells of, or changes, what a process does not know   */
#define FORM_FAR      0x20000000u /* goes to another code segment                        */
#define FORM_GATE     0x40000000u /* ... through a call gate                             */

/* Which flags the manual leaves undefined: RFLAGS bits, or one of these. */
#define UNDEF_SHIFT  0x10000u /* shifts: depends on the count */
#define UNDEF_ROTATE 0x20000u
#define UNDEF_DOUBLE 0x40000u /* SHLD, SHRD */

struct form {
    const char *name;
    uint8_t kind;   /* enum form_kind                    */
    uint8_t prefix; /* mandatory 66, F2, F3, or 0        */
    uint8_t map;    /* 1, or 0x0F, 0x38, 0x3A            */
    uint8_t opcode;
    uint8_t digit;
    uint8_t imm;  /* enum form_imm */
    uint8_t size; /* 1 to 32 or SIZE_* */
    uint32_t flags;
    uint32_t undefined;
};

extern const struct form forms[];
extern const uint32_t forms_count;

#endif
