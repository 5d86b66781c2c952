/* SPDX-License-Identifier: BSD-2-Clause
 * The register cache of a vCPU: filled by the host on demand, by group, and written back if dirty.
 *
 * On KVM the core seldom needs a register; on seL4 each exit brings the general ones, and VMCS fields
 * cost a system call each. The core asks for a group, the host fills it, once per exit.
 * Spec: [SDM] vol. 1, 3.4 (registers), vol. 3A, 2.5 and 3.4.5 (control registers, descriptors). */
#ifndef VM_REGS_H
#define VM_REGS_H

#include <stdbool.h>
#include <stdint.h>

/* General registers by their number in ModRM and REX encodings. */
enum gpr {
    GPR_RAX = 0,
    GPR_RCX = 1,
    GPR_RDX = 2,
    GPR_RBX = 3,
    GPR_RSP = 4,
    GPR_RBP = 5,
    GPR_RSI = 6,
    GPR_RDI = 7,
    GPR_R8 = 8,
    GPR_R9 = 9,
    GPR_R10 = 10,
    GPR_R11 = 11,
    GPR_R12 = 12,
    GPR_R13 = 13,
    GPR_R14 = 14,
    GPR_R15 = 15,
};
#define GPR_COUNT 16u

/* Segment registers by their number in instruction encodings; then the system ones. */
enum seg {
    SEG_ES = 0,
    SEG_CS = 1,
    SEG_SS = 2,
    SEG_DS = 3,
    SEG_FS = 4,
    SEG_GS = 5,
    SEG_LDTR = 6,
    SEG_TR = 7,
};
#define SEG_COUNT 8u

/* Access rights as in the VMCS and in bits 40-55 of a descriptor. [SDM] vol. 3C, 25.4.1 */
#define SEG_AR_TYPE     0x000Fu
#define SEG_AR_S        0x0010u
#define SEG_AR_DPL      0x0060u
#define SEG_AR_P        0x0080u
#define SEG_AR_AVL      0x1000u
#define SEG_AR_L        0x2000u
#define SEG_AR_DB       0x4000u
#define SEG_AR_G        0x8000u
#define SEG_AR_UNUSABLE 0x10000u

struct seg_reg {
    uint64_t base;
    uint32_t limit; /* in bytes, granularity applied */
    uint32_t ar;    /* SEG_AR_*                       */
    uint16_t selector;
    uint16_t unused[3];
};

struct table_reg {
    uint64_t base;
    uint32_t limit;
    uint32_t unused;
};

#define RFLAGS_FIXED 0x0002u
#define RFLAGS_CF    0x0001u
#define RFLAGS_PF    0x0004u
#define RFLAGS_AF    0x0010u
#define RFLAGS_ZF    0x0040u
#define RFLAGS_SF    0x0080u
#define RFLAGS_TF    0x0100u
#define RFLAGS_IF    0x0200u
#define RFLAGS_DF    0x0400u
#define RFLAGS_OF    0x0800u
#define RFLAGS_IOPL  0x3000u
#define RFLAGS_NT    0x4000u
#define RFLAGS_RF    0x10000u
#define RFLAGS_VM    0x20000u
#define RFLAGS_AC    0x40000u
#define RFLAGS_VIF   0x80000u
#define RFLAGS_VIP   0x100000u
#define RFLAGS_ID    0x200000u

#define CR0_PE (1ull << 0)
#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)
#define CR0_ET (1ull << 4)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_AM (1ull << 18)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)

#define CR4_VME        (1ull << 0)
#define CR4_PVI        (1ull << 1)
#define CR4_TSD        (1ull << 2)
#define CR4_DE         (1ull << 3)
#define CR4_PSE        (1ull << 4)
#define CR4_PAE        (1ull << 5)
#define CR4_MCE        (1ull << 6)
#define CR4_PGE        (1ull << 7)
#define CR4_PCE        (1ull << 8)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP       (1ull << 11)
#define CR4_LA57       (1ull << 12)
#define CR4_FSGSBASE   (1ull << 16)
#define CR4_PCIDE      (1ull << 17)
#define CR4_OSXSAVE    (1ull << 18)
#define CR4_SMEP       (1ull << 20)
#define CR4_SMAP       (1ull << 21)
#define CR4_PKE        (1ull << 22)

/* XCR0, [SDM] vol. 1, 13.3 */
#define XCR0_X87    0x1ull
#define XCR0_SSE    0x2ull
#define XCR0_AVX    0x4ull
#define XCR0_AVX512 0xE0ull /* three components, which come together */

#define EFER_SCE   (1ull << 0)
#define EFER_LME   (1ull << 8)
#define EFER_LMA   (1ull << 10)
#define EFER_NXE   (1ull << 11)
#define EFER_FFXSR (1ull << 14)

/* Register groups: what is valid in the cache, what is dirty, and what to fetch. */
#define REGS_GPR   0x1u /* gpr[], rip, rflags                 */
#define REGS_SYS   0x2u /* segments, tables, crN, efer, xcr0  */
#define REGS_ALL   (REGS_GPR | REGS_SYS)
/* pdpte[]: never fetched. Dirty if the guest loaded them through the core: raw hosts with EPT put them
 * where the processor takes them from. [SDM] vol. 3C, 27.3.2.4 */
#define REGS_PDPTE 0x4u
#define REGS_VEC   0x8u /* vec[]: only where regs_source does not lack it */
/* What 64-bit code makes no use of, so that a raw host may leave it out of REGS_SYS there: selectors and
 * limits, rights but of CS and SS, bases but of FS and GS, LDTR and TR, GDTR and IDTR. To be asked for by
 * whoever reads them or loads a segment, and before that. Written back with REGS_SYS: never dirty. */
#define REGS_SEG   0x10u
/* mmx[]: as REGS_VEC. To be asked for only by an MMX instruction that nothing can stop any more (or MASKMOVQ, which needs
 * its mask before): fetching them may do to the x87 what each such does, all registers valid and on top the first.
 * [SDM] vol. 1, 9.5.1 */
#define REGS_MMX   0x20u

#define MMX_COUNT 8u
#define VEC_COUNT 16u
#define VEC_MMX   VEC_COUNT /* in vec_written */
#define VEC_WORDS 4u        /* of 64 bits: 32 bytes, as AVX has them */

/* Control registers are as the guest reads them: a raw host puts read shadows in, and adds what the
 * hardware must have on the way back. Its "IA-32e mode guest" control is efer's LMA. */
struct vcpu_regs {
    uint64_t gpr[GPR_COUNT];
    uint64_t rip;
    uint64_t rflags;
    struct seg_reg seg[SEG_COUNT];
    struct table_reg gdtr;
    struct table_reg idtr;
    uint64_t cr0;
    uint64_t cr2;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    uint64_t xcr0;
    uint64_t pdpte[4];
    uint64_t vec[VEC_COUNT][VEC_WORDS]; /* YMM registers; XMM is the first two words */
    uint64_t mmx[MMX_COUNT];
    uint32_t vec_written; /* bits: of vec[], then from VEC_MMX mmx[]: written since fetched */
};

/* The host's side of the cache: read the named groups of this vCPU into *regs. */
struct regs_source {
    void (*fetch)(void *host, uint32_t vcpu, uint32_t groups, struct vcpu_regs *regs);
    void *host;
    uint32_t lacks; /* groups that this host cannot give: they are never asked for             */
    bool fixed_cr2; /* this host cannot set CR2: a guest cannot be given a #PF                 */
};

struct regs_cache {
    struct vcpu_regs regs;
    uint32_t valid; /* REGS_*: regs holds the truth               */
    uint32_t dirty; /* REGS_*: the host must write back before entry */
};

/* The registers with at least `groups` filled. Read-only: use regs_edit to change them. */
const struct vcpu_regs *regs_view(struct regs_cache *c, const struct regs_source *src,
                                  uint32_t vcpu, uint32_t groups);

/* The same, to be changed: marks the groups dirty. */
struct vcpu_regs *regs_edit(struct regs_cache *c, const struct regs_source *src, uint32_t vcpu,
                            uint32_t groups);

/* The guest ran: nothing in the cache is true any more. @pre nothing is dirty. */
void regs_forget(struct regs_cache *c);

#endif
