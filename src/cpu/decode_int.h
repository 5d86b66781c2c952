/* SPDX-License-Identifier: BSD-2-Clause
 * The decoder's inside: its opcode maps, and what one entry says. Included by src/cpu/decode*.c only.
 *
 * A map has 256 entries. An entry is the description of an instruction, or leads to one:
 *   HOW_GROUP   bits 5 to 3 of ModRM choose among the eight entries of decode_groups[op];
 *   HOW_PREFIX  the mandatory prefix (none, 66, F3, F2, the order of VEX.pp) chooses among
 *               decode_classes[op, form, mem, reg].
 * A group may lead to a prefix, not the other way round. An entry of zeros is #UD.
 * Spec: [SDM] vol. 2D, appendix A; vol. 2A to 2C for each instruction's operands. */
#ifndef CPU_DECODE_INT_H
#define CPU_DECODE_INT_H

#include <stdint.h>

#include "cpu/decode.h"

struct decode_entry {
    uint8_t op;   /* enum insn_op                       */
    uint8_t form; /* enum insn_form                     */
    uint8_t mem;  /* enum decode_size                   */
    uint8_t reg;  /* REG_*: enum decode_size, and a kind */
    uint32_t how; /* HOW_*                              */
};

#define REX_B 1u
#define REX_X 2u
#define REX_R 4u
#define REX_W 8u

/* Where at most the decoder looks: 16 prefixes, opcode, ModRM, SIB, displacement, immediate. So nobody
 * has to look whether a byte is there before the end, when the length is known. */
#define DECODE_ROOM 48u

/* What is known so far. */
struct decoder {
    uint8_t bytes[DECODE_ROOM]; /* zeros behind what was given */
    uint32_t pos;
    uint32_t mode;      /* enum decode_mode                                        */
    uint32_t rex;       /* low four bits; also from VEX; 64-bit code only          */
    uint32_t seg;       /* override, or INSN_NO_REG                                */
    uint32_t modrm;     /* valid with HOW_MODRM                                    */
    uint8_t column;     /* of decode_sizes: operand size 2, 4, 8 by mode and prefix */
    uint8_t addr_size;  /* 2, 4, 8                                                 */
    uint8_t opcode;     /* last byte of it                                         */
    uint8_t rep;        /* enum insn_rep: the last of 0xF2 and 0xF3                */
    uint8_t op_prefix;  /* 1: 0x66                                                 */
    uint8_t adr_prefix; /* 1: 0x67                                                 */
    bool has_rex;       /* even 0x40 makes SPL out of AH                           */
    bool lock;
    bool vex;
    uint8_t vex_w;
    uint8_t vex_l;
    uint8_t vvvv; /* 0 if it names nothing */
};

/* Sizes of operands. Those of several sizes depend on the operand size, or with HOW_VEC on VEX.L. */
enum decode_size {
    SIZE_0,
    SIZE_1,
    SIZE_2,
    SIZE_4,
    SIZE_8,
    SIZE_10,
    SIZE_16,
    SIZE_32,
    SIZE_64,
    SIZE_512,
    SIZE_576,
    SIZE_V,     /* operand size                         */
    SIZE_Z,     /* the same, but never 8               */
    SIZE_Y,     /* 8 with REX.W or VEX.W, else 4        */
    SIZE_FAR,   /* offset of operand size, and selector */
    SIZE_PAIR,  /* two of operand size                  */
    SIZE_TABLE, /* limit and base of a descriptor table */
    SIZE_LONG,  /* MOVSXD: 2 or 4                       */
    SIZE_8_16,  /* CMPXCHG8B, CMPXCHG16B                */
    SIZE_ENV,   /* FLDENV                               */
    SIZE_FSAVE,
    SIZE_X,     /* with HOW_VEC: 16, 32                 */
    SIZE_X_2,   /* a half: 8, 16                        */
    SIZE_X_4,   /* a quarter                            */
    SIZE_X_8,   /* an eighth                            */
    SIZE_X_DUP, /* VMOVDDUP: 8, 32                      */
    SIZES,
};

#define REG_KIND_SHIFT 6u
#define REG_SIZE_MASK  0x3Fu
#define REG_GPR(size)  (size)
#define REG_SEG        (SIZE_2 | INSN_SEGMENT << REG_KIND_SHIFT)
#define REG_XMM(size)  ((size) | INSN_XMM << REG_KIND_SHIFT)
#define REG_MMX        (SIZE_8 | INSN_MMX << REG_KIND_SHIFT)

/* Immediates. */
enum decode_imm {
    IMM_NONE,
    IMM_8,
    IMM_16,    /* not sign-extended                             */
    IMM_Z,     /* 2 or 4 bytes, by operand size                 */
    IMM_V,     /* 2, 4 or 8 bytes                               */
    IMM_ONE,   /* not there: the number 1                       */
    IMM_MOFFS, /* the address of the operand, of address size   */
    IMM_ENTER, /* 2 bytes, then 1                               */
    IMM_FAR,   /* offset of operand size, then 2 bytes          */
};

#define HOW_READ      0x1u /* as INSN_READ and INSN_WRITE */
#define HOW_WRITE     0x2u
#define HOW_ACCESS    0x3u
#define HOW_IMM_SHIFT 2u
#define HOW_IMM_MASK  0x3Cu
#define HOW_I8        ((uint32_t)IMM_8 << HOW_IMM_SHIFT)
#define HOW_I16       ((uint32_t)IMM_16 << HOW_IMM_SHIFT)
#define HOW_IZ        ((uint32_t)IMM_Z << HOW_IMM_SHIFT)
#define HOW_IV        ((uint32_t)IMM_V << HOW_IMM_SHIFT)
#define HOW_I_ONE     ((uint32_t)IMM_ONE << HOW_IMM_SHIFT)
#define HOW_MOFFS     ((uint32_t)IMM_MOFFS << HOW_IMM_SHIFT)
#define HOW_I_ENTER   ((uint32_t)IMM_ENTER << HOW_IMM_SHIFT)
#define HOW_I_FAR     ((uint32_t)IMM_FAR << HOW_IMM_SHIFT)

#define HOW_MODRM       0x00000040u /* ModRM follows, with a memory operand or without          */
#define HOW_PLAIN       0x00000080u /* no ModRM, no memory                                      */
#define HOW_IMPLIED     0x00000100u /* no ModRM; the operation or the form names the memory     */
#define HOW_LOCK        0x00000200u /* LOCK is legal if the operand is in memory                */
#define HOW_ONLY64      0x00000400u /* #UD outside 64-bit code                                  */
#define HOW_NO64        0x00000800u /* #UD in 64-bit code                                       */
#define HOW_DEF64       0x00001000u /* 64-bit code: operand size 8, with 66 it is 2             */
#define HOW_FORCE64     0x00002000u /* 64-bit code: operand size 8                              */
#define HOW_MEM_ONLY    0x00004000u /* #UD if ModRM names a register                            */
#define HOW_REG_ONLY    0x00008000u /* #UD if ModRM names memory                                */
#define HOW_GROUP       0x00010000u
#define HOW_PREFIX      0x00020000u
#define HOW_SPECIAL     0x00040000u /* first byte: decode_special(); operands: decode_unusual() */
#define HOW_STACK       0x00080000u /* the stack, too; with HOW_MODRM also if it is no memory   */
#define HOW_ALIGN       0x00100000u /* aligned to mem_size                                      */
#define HOW_VEC         0x00200000u /* sizes depend on VEX.L                                    */
#define HOW_VVVV        0x00400000u /* VEX.vvvv names a register; else it must be 1111b         */
#define HOW_VVVV_REG    0x00800000u /* the same if ModRM names a register                       */
#define HOW_W0          0x01000000u /* VEX: #UD with W                                          */
#define HOW_W1          0x02000000u /* VEX: #UD without W                                       */
#define HOW_L0          0x04000000u /* VEX: #UD with L                                          */
#define HOW_L1          0x08000000u /* VEX: #UD without L                                       */
#define HOW_UNSUPPORTED 0x10000000u /* DECODE_UNSUPPORTED                                       */
#define HOW_REG_BITS    0x20000000u /* some register forms are #UD: decode_register_map(op)      */
#define HOW_RDI         0x40000000u /* ModRM names registers, and the memory is DS:[rDI]         */
#define HOW_W_SIZE      0x80000000u /* VEX.W says the size in all modes, not only in 64-bit code */

/* What changes the column of decode_sizes; and all that makes an instruction more than plain. */
#define HOW_COLUMN (HOW_VEC | HOW_W_SIZE | HOW_DEF64 | HOW_FORCE64)
#define HOW_RARE                                                                        \
    (HOW_COLUMN | HOW_ONLY64 | HOW_NO64 | HOW_UNSUPPORTED | HOW_REG_ONLY | HOW_PREFIX | \
     HOW_STACK | HOW_SPECIAL | HOW_ALIGN | HOW_REG_BITS)

/* Which register forms exist, a bit for each ModRM from 0xC0: for HOW_REG_BITS, by entry.reg. */
enum decode_register_map {
    MAP_X87_D9,
    MAP_X87_DA,
    MAP_X87_DB,
    MAP_X87_DD,
    MAP_X87_DE,
    MAP_X87_DF,
    MAP_C7,
    MAP_LONG, /* all, in 64-bit code                  */
    MAP_0F01, /* and three more, by mandatory prefix */
    MAP_0F01_66,
    MAP_0F01_F3,
    MAP_0F01_F2,
    MAP_0F01_LONG, /* the same four: in 64-bit code only    */
    MAP_0F01_LONG_66,
    MAP_0F01_LONG_F3,
    MAP_0F01_LONG_F2,
    DECODE_REGISTER_MAPS,
};

/* Instructions that a prefix chooses. */
enum decode_class {
    CLASS_UNDEFINED, /* 0: what the maps leave out */
    CLASS_UNSUPPORTED,
    CLASS_PLAIN,
    CLASS_REG,
    CLASS_REG_I8,
    CLASS_REG_64,
    CLASS_MOVBE_LOAD,
    CLASS_MOVBE_STORE,
    CLASS_CRC32_8,
    CLASS_CRC32,
    CLASS_ADCX,
    CLASS_ADOX,
    CLASS_POPCNT,
    CLASS_BSF,
    CLASS_TZCNT,
    CLASS_BSR,
    CLASS_LZCNT,
    CLASS_MOVNTI,
    CLASS_MOVDIR64B,
    CLASS_CLFLUSH,
    CLASS_CLFLUSHOPT,
    CLASS_CLWB,
    CLASS_READ_4,
    CLASS_READ_512,
    CLASS_READ_576,
    CLASS_WRITE_4,
    CLASS_WRITE_512,
    CLASS_WRITE_576,
    CLASS_0F01_5,
    CLASS_RSTORSSP,
    CLASS_PTWRITE,
    CLASS_XSAVE,
    CLASS_XRSTOR,
    CLASS_XSAVEOPT,
    CLASS_CLRSSBSY,
    CLASS_VMPTRLD,
    CLASS_VMCLEAR,
    CLASS_VMXON,
    CLASS_VMPTRST,
    CLASS_VMREAD,
    CLASS_VMWRITE,
    CLASS_DESCRIPTOR,
    CLASS_WRSS,
    CLASS_MMX_4,
    CLASS_MMX_8,
    CLASS_MMX_8_I8,
    CLASS_MMX_16,
    CLASS_SSE_2,
    CLASS_SSE_4,
    CLASS_SSE_8,
    CLASS_SSE_16,
    CLASS_SSE_Y,
    CLASS_INSERT_1,
    CLASS_INSERT_2,
    CLASS_SSE_4_I8,
    CLASS_SSE_8_I8,
    CLASS_SSE_16_I8,
    CLASS_INSERT_Y,
    CLASS_MMX_INSERT_2,
    CLASS_GPR_4,
    CLASS_GPR_8,
    CLASS_EXTRACT_1,
    CLASS_EXTRACT_2,
    CLASS_EXTRACT_4,
    CLASS_EXTRACT_Y,
    CLASS_MASKED_MMX,
    CLASS_MASKED_SSE,
    CLASS_LOAD,
    CLASS_STORE,
    CLASS_LOAD_ALIGNED,
    CLASS_STORE_ALIGNED,
    CLASS_STORE_NT,
    CLASS_STORE_NT_4,
    CLASS_STORE_NT_8,
    CLASS_LOAD_NT,
    CLASS_LDDQU,
    CLASS_LOAD_4,
    CLASS_STORE_4,
    CLASS_LOAD_8,
    CLASS_STORE_8,
    CLASS_LOAD_Y,
    CLASS_STORE_Y,
    CLASS_LOAD_LOW,
    CLASS_LOAD_LOW_MEM,
    CLASS_STORE_LOW,
    CLASS_LOAD_HIGH,
    CLASS_LOAD_HIGH_MEM,
    CLASS_STORE_HIGH,
    CLASS_DUP_LOW_8,
    CLASS_DUP_LOW_4,
    CLASS_DUP_HIGH_4,
    CLASS_MMX_LOAD_8,
    CLASS_MMX_STORE_8,
    CLASS_MMX_STORE_NT,
    CLASS_MMX_LOAD_Y,
    CLASS_MMX_STORE_Y,
    DECODE_CLASSES,
};

/* The same for VEX. A: one source; V: with a second; FIX: a size that VEX.L does not change. */
enum decode_vex_class {
    VEX_NO, /* 0: #UD */
    VEX_UNSUPPORTED,
    VEX_ZERO,
    VEX_REG,
    VEX_REG_L0_I8,
    VEX_GROUP_71,
    VEX_GROUP_72,
    VEX_GROUP_73,
    VEX_GROUP_AE,
    VEX_GROUP_F3,
    VEX_A,
    VEX_A_2,
    VEX_A_4,
    VEX_A_8,
    VEX_DUP_LOW_4,
    VEX_DUP_HIGH_4,
    VEX_DUP_LOW_8,
    VEX_A_I8,
    VEX_A_W0,
    VEX_A_W0_I8,
    VEX_A_2_W0,
    VEX_A_L0,
    VEX_A_L0_I8,
    VEX_A_L1_W1_I8,
    VEX_A_FIX_4,
    VEX_A_FIX_8,
    VEX_GPR_4,
    VEX_GPR_8,
    VEX_V,
    VEX_V_16,
    VEX_V_I8,
    VEX_V_W0,
    VEX_V_W0_I8,
    VEX_V_W1_I8,
    VEX_V_L0_I8,
    VEX_V_L1_W0,
    VEX_V_L1_W0_I8,
    VEX_V_FIX_4,
    VEX_V_FIX_8,
    VEX_V_FIX_4_I8,
    VEX_V_FIX_8_I8,
    VEX_V_FROM_GPR,
    VEX_V_FMA,
    VEX_V_INSERT_1,
    VEX_V_INSERT_2,
    VEX_V_INSERT_4,
    VEX_V_INSERT_Y,
    VEX_V_INSERT_16,
    VEX_EXTRACT_1,
    VEX_EXTRACT_2,
    VEX_EXTRACT_4,
    VEX_EXTRACT_Y,
    VEX_EXTRACT_16,
    VEX_EXTRACT_HALF,
    VEX_V_MASK_LOAD_PS,
    VEX_V_MASK_LOAD_PD,
    VEX_V_MASK_STORE_PS,
    VEX_V_MASK_STORE_PD,
    VEX_V_MASK_LOAD,
    VEX_V_MASK_STORE,
    VEX_MASKED,
    VEX_LOAD,
    VEX_STORE,
    VEX_LOAD_ALIGNED,
    VEX_STORE_ALIGNED,
    VEX_STORE_NT,
    VEX_LOAD_NT,
    VEX_LDDQU,
    VEX_LOAD_4,
    VEX_STORE_4,
    VEX_LOAD_8,
    VEX_STORE_8,
    VEX_LOADQ,
    VEX_STOREQ,
    VEX_LOAD_Y,
    VEX_STORE_Y,
    VEX_LOAD_LOW,
    VEX_LOAD_LOW_MEM,
    VEX_STORE_LOW,
    VEX_LOAD_HIGH,
    VEX_LOAD_HIGH_MEM,
    VEX_STORE_HIGH,
    VEX_BROADCAST_1,
    VEX_BROADCAST_2,
    VEX_BROADCAST_4,
    VEX_BROADCAST_8,
    VEX_BROADCAST_8_L1,
    VEX_BROADCAST_16,
    VEX_ANDN,
    VEX_BZHI,
    VEX_PEXT,
    VEX_PDEP,
    VEX_MULX,
    VEX_BEXTR,
    VEX_SHLX,
    VEX_SARX,
    VEX_SHRX,
    VEX_RORX,
    DECODE_VEX_CLASSES,
};

enum decode_group {
    GROUP_80,
    GROUP_81,
    GROUP_83,
    GROUP_8F,
    GROUP_C0,
    GROUP_C1,
    GROUP_C6,
    GROUP_C7,
    GROUP_D0,
    GROUP_D1,
    GROUP_D2,
    GROUP_D3,
    GROUP_D9,
    GROUP_DA,
    GROUP_DB,
    GROUP_DC,
    GROUP_DD,
    GROUP_DE,
    GROUP_DF,
    GROUP_F6,
    GROUP_F7,
    GROUP_FE,
    GROUP_FF,
    GROUP_0F00,
    GROUP_0F01,
    GROUP_0F18,
    GROUP_0F1C,
    GROUP_0F71,
    GROUP_0F72,
    GROUP_0F73,
    GROUP_0FAE,
    GROUP_0FBA,
    GROUP_0FC7,
    GROUP_VEX_71,
    GROUP_VEX_72,
    GROUP_VEX_73,
    GROUP_VEX_AE,
    GROUP_VEX_F3,
    DECODE_GROUPS,
};

/* --- Bytes ---------------------------------------------------------------------------------------- */

static inline uint32_t decode_byte(struct decoder *d)
{
    return d->bytes[d->pos++];
}

/* Little-endian, sign-extended to 64 bits. */
static inline uint64_t decode_signed_8(const uint8_t *p)
{
    uint64_t byte = *p;
    return (byte ^ 0x80u) - 0x80u;
}

static inline uint64_t decode_signed_32(const uint8_t *p)
{
    uint64_t val = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return (val ^ 0x80000000u) - 0x80000000u;
}

/* --- decode_find.c --------------------------------------------------------------------------------- */

/* The description for an opcode byte that begins more than a plain one-byte opcode: prefixes, escapes,
 * VEX. Takes bytes up to, not with, ModRM. */
const struct decode_entry *decode_special(struct decoder *d);

/* From a group or a choice by prefix to the instruction. */
const struct decode_entry *decode_refine(const struct decoder *d, const struct decode_entry *e);

/* The mandatory prefix in the order of HOW_PREFIX. */
uint32_t decode_mandatory(const struct decoder *d);

/* Whether mode, LOCK and VEX allow it, for all that the operands do not decide. */
bool decode_allowed(const struct decoder *d, uint32_t how);

/* The column of decode_sizes. */
uint32_t decode_column(const struct decoder *d, uint32_t how);

/* --- decode_operands.c ------------------------------------------------------------------------------ */

/* Table 2-1: 16-bit addressing, with its displacement. */
void decode_memory_16(struct decoder *d, struct insn *out);

void decode_immediate(struct decoder *d, uint32_t how, uint32_t column, struct insn *out);

/* Memory without ModRM: MOV with moffs, XLAT, strings, the stack; and the vector stores to [rDI]. */
void decode_implied(const struct decoder *d, struct insn *out);

/* What is beside an operand in memory: LOCK, VEX, stack, alignment, second operands. */
void decode_unusual(const struct decoder *d, uint32_t how, struct insn *out);

/* ModRM names registers: *out becomes what it is then. */
enum decode_result decode_registers(struct decoder *d, const struct decode_entry *e,
                                    uint32_t column, struct insn *out);

/* --- decode_any.c ------------------------------------------------------------------------------------ */

/* As decode(). */
enum decode_result decode_any(const uint8_t *bytes, uint32_t count, enum decode_mode mode,
                              struct insn *out);

/* ModRM's register operand. False: there is no such segment register, or CS would be loaded. */
bool decode_register(const struct decoder *d, struct insn *out);

/* --- Tables ------------------------------------------------------------------------------------------ */

extern const uint16_t decode_sizes[SIZES][4];          /* by operand size 2, 4, 8 or VEX.L */
extern const struct decode_entry decode_map_1[256];    /* one byte, with the prefixes */
extern const struct decode_entry decode_map_0f[256];   /* 0F          */
extern const struct decode_entry decode_map_0f38[256]; /* 0F 38       */
extern const struct decode_entry decode_map_0f3a[256]; /* 0F 3A       */
extern const uint8_t decode_vex_maps[3][256][4];       /* VEX maps 1 to 3, by pp */
extern const struct decode_entry decode_classes[DECODE_CLASSES];
extern const struct decode_entry decode_vex_classes[DECODE_VEX_CLASSES];
extern const struct decode_entry decode_groups[DECODE_GROUPS][8];
extern const uint64_t decode_register_maps[DECODE_REGISTER_MAPS];

#endif
