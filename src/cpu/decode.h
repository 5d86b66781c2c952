/* SPDX-License-Identifier: BSD-2-Clause
 * From instruction bytes to length, memory operands and operation, in 16-, 32- and 64-bit code.
 *
 * Every legacy and VEX instruction gets one of six answers (enum decode_result). For one that
 * touches memory, or names an address, *out says all that carrying it out needs beside the registers:
 * nobody looks at the bytes again. What depends on more than the bytes and the code size is not judged
 * here: CPL, CPUID features, real and virtual-8086 mode, CR0.TS, alignment, limits.
 *
 * The length comes from here: for EPT violations the architecture does not define the VM-exit
 * instruction length ([SDM] vol. 3C, 28.2.5).
 * Spec: [SDM] vol. 2A, 2.1 to 2.3 (formats, REX, VEX), vol. 2D, appendix A (opcode maps). */
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
    DECODE_DONE,      /* has a memory operand, explicit or implied: *out is valid                */
    DECODE_NO_MEMORY, /* a valid instruction without: of *out only `len` is valid                */
    DECODE_SHORT,     /* more bytes are needed: none can be had, or #PF on the next page         */
    DECODE_TOO_LONG,  /* more than 15 bytes: #GP(0)                                              */
    DECODE_UNDEFINED, /* #UD: no instruction, or not in this mode, not with these prefixes       */
    DECODE_UNSUPPORTED, /* may be one, but not known here, not even by its length                */
};

/* What it does. "Explicit" is the operand of ModRM, moffs or XLAT, or the first of a string
 * instruction. */
enum insn_op {
    INSN_ADD = 0, /* the first eight in the order of their opcodes */
    INSN_OR,
    INSN_ADC,
    INSN_SBB,
    INSN_AND,
    INSN_SUB,
    INSN_XOR,
    INSN_CMP,
    INSN_ROL = 8, /* eight, in the order of their opcodes; forms MEM_IMM (1 too) and MEM_CL */
    INSN_ROR,
    INSN_RCL,
    INSN_RCR,
    INSN_SHL,
    INSN_SHR,
    INSN_SAL, /* the undocumented twin of SHL */
    INSN_SAR,
    INSN_MOV = 16, /* MOVNTI and MOVDIRI too; reg_kind may be INSN_SEGMENT */
    INSN_MOVZX,
    INSN_MOVSX, /* MOVSXD too                                             */
    INSN_MOVBE, /* bytes reversed                                         */
    INSN_TEST,
    INSN_XCHG, /* locked without a prefix                                 */
    INSN_INC,
    INSN_DEC,
    INSN_NOT,
    INSN_NEG,
    INSN_MUL,  /* form MEM: rDX:rAX = rAX * mem (AX = AL * mem)            */
    INSN_IMUL, /* form MEM as MUL; REG_MEM: reg *= mem; REG_MEM_IMM: reg = mem * imm */
    INSN_DIV,
    INSN_IDIV,
    INSN_SHLD, /* forms MEM_REG_IMM, MEM_REG_CL */
    INSN_SHRD,
    INSN_BT, /* MEM_REG: the register's bit number may lead outside the operand; MEM_IMM: may not */
    INSN_BTS,
    INSN_BTR,
    INSN_BTC,
    INSN_BSF,
    INSN_BSR,
    INSN_TZCNT,
    INSN_LZCNT,
    INSN_POPCNT,
    INSN_CMPXCHG,   /* MEM_REG, with AL, AX, EAX or RAX              */
    INSN_CMPXCHG8B, /* MEM; mem_size 16: CMPXCHG16B                  */
    INSN_XADD,
    INSN_CRC32, /* REG_MEM: reg_size 4 or 8, mem_size 1 to 8         */
    INSN_ADCX,
    INSN_ADOX,
    INSN_SETCC,  /* MEM, cond    */
    INSN_CMOVCC, /* REG_MEM, cond */
    INSN_LEA,    /* no access    */
    /* BMI; the VEX ones have a second source in reg2. */
    INSN_ANDN,  /* reg = ~reg2 & mem                     */
    INSN_BEXTR, /* reg = bits of mem that reg2 names     */
    INSN_BZHI,
    INSN_PDEP, /* reg = deposit of reg2 under mask mem  */
    INSN_PEXT,
    INSN_SARX, /* reg = mem >> reg2                     */
    INSN_SHLX,
    INSN_SHRX,
    INSN_RORX, /* REG_MEM_IMM                            */
    INSN_MULX, /* reg:reg2 = rDX * mem                   */
    INSN_BLSR, /* REG_MEM; the destination is reg        */
    INSN_BLSMSK,
    INSN_BLSI,
    /* Stack: see `other`. */
    INSN_PUSH,  /* forms MEM, STACK_REG, STACK_IMM; reg_kind may be INSN_SEGMENT             */
    INSN_POP,   /* forms MEM, STACK_REG; with base RSP the address is of RSP after the POP  */
    INSN_PUSHA, /* eight slots                                                              */
    INSN_POPA,
    INSN_PUSHF,
    INSN_POPF,
    INSN_CALL,     /* forms MEM, STACK_REG, STACK_IMM: imm is relative to the next instruction */
    INSN_CALL_FAR, /* MEM: offset, then selector; STACK_IMM: imm is offset | selector << 32    */
    INSN_JMP,      /* form MEM                                                                 */
    INSN_JMP_FAR,  /* form MEM                                                                 */
    INSN_RET,      /* STACK, STACK_IMM: imm bytes are released after                           */
    INSN_RET_FAR,
    INSN_IRET,
    INSN_ENTER, /* STACK_IMM: imm is bytes | level << 16; level is 0 to 31                     */
    INSN_LEAVE, /* pops rBP from where rBP points                                              */
    /* Strings. The count is rCX of addr_size, if `rep`. */
    INSN_MOVS, /* explicit: [rSI]; other: ES:[rDI] */
    INSN_CMPS, /* the same                         */
    INSN_STOS, /* explicit: ES:[rDI]               */
    INSN_LODS, /* explicit: [rSI]                  */
    INSN_SCAS, /* explicit: ES:[rDI]               */
    INSN_INS,  /* explicit: ES:[rDI]               */
    INSN_OUTS, /* explicit: [rSI]                  */
    INSN_XLAT, /* MEM: add AL, zero-extended, to the address that the fields say */
    /* Segments and system. */
    INSN_LOAD_FAR, /* LES, LDS, LSS, LFS, LGS: reg_size bytes into reg, then 2 into segment reg2 */
    INSN_BOUND,    /* mem: lower, then upper bound, of op_size each */
    INSN_ARPL,     /* MEM_REG, 2 bytes */
    INSN_LAR,
    INSN_LSL,
    INSN_SLDT,
    INSN_STR,
    INSN_LLDT,
    INSN_LTR,
    INSN_VERR,
    INSN_VERW,
    INSN_SGDT, /* 2 bytes of limit, then mem_size - 2 of base */
    INSN_SIDT,
    INSN_LGDT, /* with op_size 2, the base has three bytes    */
    INSN_LIDT,
    INSN_SMSW,
    INSN_LMSW,
    INSN_INVLPG,    /* no access */
    INSN_HINT,      /* NOP r/m, PREFETCH and their like: no access, no fault */
    INSN_CLFLUSH,   /* and CLFLUSHOPT, CLWB: no access that a device sees, but faults like a read */
    INSN_MOVDIR64B, /* explicit: 64 bytes read; other: written at ES:[reg] */
    /* Vector moves: reg_kind INSN_XMM or INSN_MMX. A load fills reg_size bytes of the register,
     * those beyond mem_size with 0. With `vex` it clears the register's rest, else it keeps that. */
    INSN_VMOV,        /* whole: MOVUPS, MOVDQA, MOVSS, MOVQ, LDDQU, MOVNTDQ ...              */
    INSN_VMOV_LOW,    /* bytes 0 to 7; load: the others from reg2 (vex), or kept             */
    INSN_VMOV_HIGH,   /* bytes 8 to 15; load: the others from reg2 (vex), or kept            */
    INSN_VBROADCAST,  /* load: mem_size bytes again and again until reg_size                 */
    INSN_VDUP_LOW_4,  /* load: of each pair of elements the lower one, twice; elements of 4 ... */
    INSN_VDUP_LOW_8,  /* ... or 8 bytes                                                      */
    INSN_VDUP_HIGH_4, /* the upper one                                                      */
    INSN_VINSERT,     /* load: into place imm of what reg2 (vex), or the register, has       */
    INSN_VEXTRACT,    /* store: from place imm                                               */
    INSN_VMASK_1,     /* elements of 1, 4, 8 bytes that have their top bit set in reg2; a     */
    INSN_VMASK_4,     /* load makes the others 0, a store leaves them                        */
    INSN_VMASK_8,
    /* Known by length, operand, size and direction, not by what is computed: not for emulation. */
    INSN_X87,
    INSN_VECTOR, /* MMX, SSE, AVX that is no plain move                                     */
    INSN_SYSTEM, /* FXSAVE, XSAVE, LDMXCSR, INVPCID, VMX, SVM, shadow stacks, ...           */
};
#define INSN_OPS (INSN_SYSTEM + 1u)

/* Where the operands are. */
enum insn_form {
    INSN_MEM_REG,     /* memory op= register                                     */
    INSN_REG_MEM,     /* register op= memory (vex: register = reg2 op memory)    */
    INSN_MEM_IMM,     /* memory op= immediate                                    */
    INSN_MEM,         /* memory alone                                            */
    INSN_MEM_CL,      /* memory op= CL                                           */
    INSN_MEM_REG_IMM, /* SHLD, SHRD: register shifted in, by immediate ...       */
    INSN_MEM_REG_CL,  /* ... by CL                                               */
    INSN_REG_MEM_IMM, /* register = memory op immediate                          */
    INSN_STRING,      /* as the operation says                                   */
    INSN_STACK,       /* nothing but the stack, with the operand ...             */
    INSN_STACK_REG,   /* ... of a register                                       */
    INSN_STACK_IMM,   /* ... of an immediate                                     */
};

/* Of which kind `reg` is. */
enum insn_reg_kind {
    INSN_GPR,     /* enum gpr                                                             */
    INSN_SEGMENT, /* enum seg, ES to GS (never CS as a destination)                       */
    INSN_XMM,     /* 0 to 15; YMM if reg_size is 32                                       */
    INSN_MMX,     /* 0 to 7                                                               */
};

/* A second, implied memory operand. */
enum insn_other {
    INSN_NO_OTHER,
    INSN_AT_ES_RDI, /* ES:[rDI], of addr_size                                                */
    INSN_AT_ES_REG, /* ES:[reg], of addr_size                                                */
    INSN_AT_STACK,  /* SS:[rSP]: other_count slots of other_size bytes are pushed (WRITE) or popped
                     * (READ). Its address size is 8 in 64-bit code, else SS.B says          */
};

#define INSN_READ  1u
#define INSN_WRITE 2u /* both: read, then written */

/* Repeat prefix of a string instruction. Elsewhere they are hints, or part of the opcode. */
enum insn_rep {
    INSN_NO_REP,
    INSN_REPNE, /* 0xF2: CMPS and SCAS go on while ZF is 0; the others as with 0xF3 */
    INSN_REP,   /* 0xF3: CMPS and SCAS go on while ZF is 1                          */
};

#define INSN_NO_REG 0xFFu

struct insn {
    uint8_t op;     /* enum insn_op                                                         */
    uint8_t form;   /* enum insn_form                                                       */
    uint8_t len;    /* bytes of the instruction, 1 to 15                                    */
    uint8_t access; /* INSN_READ, INSN_WRITE of the explicit operand; 0: none, an address at most */
    uint16_t mem_size;    /* bytes of the explicit operand; 0: there is none, or only an address  */
    uint8_t op_size;      /* operand-size attribute: 2, 4, 8, in byte forms too; none of vectors */
    uint8_t reg_size;     /* bytes of the register operand: wider in MOVZX and its like           */
    uint8_t reg;          /* by reg_kind                                                          */
    uint8_t reg_kind;     /* enum insn_reg_kind                                                   */
    uint8_t reg2;         /* VEX.vvvv, or the segment of LOAD_FAR; INSN_NO_REG                    */
    uint8_t addr_size;    /* 2, 4, 8                                                              */
    uint8_t seg;          /* enum seg                                                             */
    uint8_t base;         /* enum gpr or INSN_NO_REG                                              */
    uint8_t index;        /* enum gpr or INSN_NO_REG                                              */
    uint8_t scale;        /* shift, 0 to 3                                                        */
    uint8_t cond;         /* SETCC, CMOVCC: low four bits of the opcode                           */
    uint8_t rep;          /* enum insn_rep                                                        */
    uint8_t other;        /* enum insn_other                                                      */
    uint8_t other_access; /* INSN_READ, INSN_WRITE                                                */
    uint8_t other_size;   /* bytes of it, or of each slot                                         */
    uint8_t other_count; /* slots; ENTER has 1 + level, and reads level - 1 from where rBP points */
    uint8_t align;       /* the explicit operand must be aligned to so many bytes, or #GP(0); 0  */
    bool vex;            /* encoded with VEX                                                     */
    bool high_byte;      /* reg is AH, CH, DH or BH, of the register that `reg` then names       */
    bool rip_relative;   /* disp counts from the next instruction                                */
    bool lock;
    uint8_t unused[5];
    uint64_t disp; /* sign-extended to 64 bits, or the whole address (moffs) */
    uint64_t imm;  /* sign-extended to 64 bits, but where the operation says otherwise */
};

/* Decodes the instruction at the start of `bytes`.
 * @pre count is at most DECODE_BYTES_MAX. */
enum decode_result decode(const uint8_t *bytes, uint32_t count, enum decode_mode mode,
                          struct insn *out);

#endif
