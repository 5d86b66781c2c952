/* SPDX-License-Identifier: BSD-2-Clause
 * From instruction bytes to length and operation, for the integer instructions with which guests touch
 * device memory: MOV, MOVZX, MOVSX, MOVSXD, TEST, ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, XCHG, INC,
 * DEC, NOT, NEG, each with one memory operand, in 16-, 32- and 64-bit code.
 *
 * Everything else is DECODE_UNSUPPORTED, never an error of ours. The length comes from here: for EPT
 * violations the architecture does not define the VM-exit instruction length ([SDM] vol. 3C, 28.2.5).
 * Spec: [SDM] vol. 2A, 2.1 and 2.2 (formats, REX), vol. 2D, appendix A (opcode maps). */
#ifndef CPU_DECODE_H
#define CPU_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#define DECODE_BYTES_MAX 15u /* longer instructions raise #GP */

enum decode_mode {
    DECODE_16,
    DECODE_32,
    DECODE_64,
};

enum decode_result {
    DECODE_DONE,
    DECODE_SHORT, /* more bytes are needed: none can be had, or #PF on the next page */
    DECODE_UNSUPPORTED,
};

enum insn_op {
    INSN_ADD = 0, /* the first eight in the order of their opcodes */
    INSN_OR,
    INSN_ADC,
    INSN_SBB,
    INSN_AND,
    INSN_SUB,
    INSN_XOR,
    INSN_CMP,
    INSN_MOV,
    INSN_MOVZX,
    INSN_MOVSX, /* MOVSXD too */
    INSN_TEST,
    INSN_XCHG,
    INSN_INC,
    INSN_DEC,
    INSN_NOT,
    INSN_NEG,
};

/* Where the operands are. */
enum insn_form {
    INSN_MEM_REG, /* memory op= register         */
    INSN_REG_MEM, /* register op= memory         */
    INSN_MEM_IMM, /* memory op= immediate        */
    INSN_MEM,     /* memory alone                */
};

#define INSN_NO_REG 0xFFu

struct insn {
    uint8_t op;        /* enum insn_op                                                  */
    uint8_t form;      /* enum insn_form                                                */
    uint8_t len;       /* bytes of the instruction, 1 to 15                             */
    uint8_t mem_size;  /* bytes of the memory operand                                   */
    uint8_t reg_size;  /* bytes of the register operand: wider in MOVZX and its like    */
    uint8_t reg;       /* enum gpr                                                      */
    uint8_t addr_size; /* 2, 4, 8                                                       */
    uint8_t seg;       /* enum seg                                                      */
    uint8_t base;      /* enum gpr or INSN_NO_REG                                       */
    uint8_t index;     /* enum gpr or INSN_NO_REG                                       */
    uint8_t scale;     /* shift, 0 to 3                                                 */
    bool high_byte;    /* reg is AH, CH, DH or BH, of the register that `reg` then names */
    bool rip_relative; /* disp counts from the next instruction                          */
    bool lock;
    uint8_t unused[2];
    uint64_t disp; /* sign-extended to 64 bits, or the whole address (moffs) */
    uint64_t imm;  /* sign-extended to 64 bits                               */
};

/* Decodes the instruction at the start of `bytes`. *out is valid only if the result is DECODE_DONE.
 * @pre count is at most DECODE_BYTES_MAX. */
enum decode_result decode(const uint8_t *bytes, uint32_t count, enum decode_mode mode,
                          struct insn *out);

#endif
