/* SPDX-License-Identifier: BSD-2-Clause
 * CPUID under seL4, and what follows from it for CR4 and EFER. */
#include "sel4/vmx/limits.h"

#include "base/bits.h"

#define XCR0_AVX512 0xE0ull
#define XCR0_PKRU   0x200ull
#define XCR0_AMX    0x60000ull

#define LEAF1_ECX_PCID    BIT32(17)
#define LEAF1_ECX_XSAVE   BIT32(26)
#define LEAF1_ECX_OSXSAVE BIT32(27)

enum reg { EAX, EBX, ECX, EDX };

/* Feature bits that need state components, or something that seL4 does not switch. */
struct feature_bits {
    uint32_t leaf;
    uint8_t subleaf;
    uint8_t reg;
    uint32_t bits;
    uint64_t xcr0; /* all of them must be switched; 0: there is nothing that would help */
    const char *reason;
};

static const struct feature_bits needs[] = {
    {1, 0, ECX, BIT32(12) | BIT32(28) | BIT32(29), XCR0_AVX, "FMA, AVX, F16C"},
    {7, 0, EBX, BIT32(5), XCR0_AVX, "AVX2"},
    {7, 0, EBX, 0xDC230000u, XCR0_AVX512, "AVX-512"},
    {7, 0, ECX, BIT32(9) | BIT32(10), XCR0_AVX, "VAES, VPCLMULQDQ"},
    {7, 0, ECX, BIT32(1) | BIT32(6) | BIT32(11) | BIT32(12) | BIT32(14), XCR0_AVX512, "AVX-512"},
    {7, 0, ECX, BIT32(3) | BIT32(4), XCR0_PKRU, "protection keys"},
    {7, 0, ECX, BIT32(22), 0, "RDPID: IA32_TSC_AUX is the kernel's"},
    {7, 0, EDX, BIT32(2) | BIT32(3) | BIT32(8) | BIT32(23), XCR0_AVX512, "AVX-512"},
    {7, 0, EDX, BIT32(22) | BIT32(24) | BIT32(25), XCR0_AMX, "AMX"},
    {7, 0, EDX, 0xBC000000u, 0, "MSRs of mitigations: the kernel's own"},
    {7, 1, EAX, BIT32(4) | BIT32(23), XCR0_AVX, "AVX-VNNI, AVX-IFMA"},
    {7, 1, EAX, BIT32(5), XCR0_AVX512, "AVX-512 BF16"},
    {7, 1, EAX, BIT32(21), XCR0_AMX, "AMX"},
    {7, 1, EDX, 0x00000430u, XCR0_AVX, "AVX-VNNI of later years"},
    {7, 2, EDX, 0xFFFFFFFFu, 0, "MSRs of mitigations"},
    {0xD, 1, EAX, BIT32(3), 0, "XSAVES: supervisor state is not switched"},
    {0x80000001u, 0, ECX, BIT32(11) | BIT32(16), XCR0_AVX, "XOP, FMA4"},
    {0x80000001u, 0, EDX, BIT32(27), 0, "RDTSCP: IA32_TSC_AUX is the kernel's"},
    {0x80000008u, 0, EBX, 0x3707D000u, 0, "MSRs of mitigations"},
};
#define NEEDS (sizeof(needs) / sizeof(needs[0]))

static uint32_t *reg_of(struct cpuid_leaf *leaf, uint32_t reg)
{
    uint32_t *const regs[] = {&leaf->eax, &leaf->ebx, &leaf->ecx, &leaf->edx};
    return regs[reg];
}

/* Of leaves without subleaves ECX means nothing. */
static bool same_leaf(const struct feature_bits *f, const struct cpuid_leaf *leaf)
{
    bool has_subleaves = f->leaf == 7u || f->leaf == 0xDu;
    return f->leaf == leaf->leaf && (!has_subleaves || f->subleaf == leaf->subleaf);
}

static uint32_t area_bytes(uint64_t xcr0)
{
    return (xcr0 & XCR0_AVX) != 0 ? 832u : 576u;
}

static void limit_xsave(const struct vmx_cpuid_view *view, struct cpuid_leaf *leaf)
{
    bool known = (view->host_xcr0 & ~XCR0_KNOWN) == 0;
    if (view->host_xcr0 == 0) {
        leaf->eax = leaf->ebx = leaf->ecx = leaf->edx = 0;
    } else if (leaf->subleaf == 0) {
        leaf->eax &= (uint32_t)view->host_xcr0;
        leaf->edx &= (uint32_t)(view->host_xcr0 >> 32);
        leaf->ebx = known ? area_bytes(view->guest_xcr0) : leaf->ebx;
        leaf->ecx = known ? area_bytes(view->host_xcr0) : leaf->ebx;
    } else if (leaf->subleaf >= 2u &&
               (leaf->subleaf > 62u || (view->host_xcr0 >> leaf->subleaf & 1u) == 0)) {
        leaf->eax = leaf->ebx = leaf->ecx = leaf->edx = 0;
    }
}

void vmx_cpuid_limit(const struct vmx_cpuid_view *view, struct cpuid_leaf *leaf)
{
    for (uint32_t i = 0; i < NEEDS; i++) { /* bound: NEEDS */
        const struct feature_bits *f = &needs[i];
        bool there = f->xcr0 != 0 && (view->host_xcr0 & f->xcr0) == f->xcr0;
        if (same_leaf(f, leaf) && !there) {
            *reg_of(leaf, f->reg) &= ~f->bits;
        }
    }
    bool invpcid = (view->secondary & SECONDARY_INVPCID) != 0;
    if (leaf->leaf == 1u) {
        uint32_t gone = LEAF1_ECX_OSXSAVE | (view->host_xcr0 == 0 ? LEAF1_ECX_XSAVE : 0u) |
                        (invpcid ? 0u : LEAF1_ECX_PCID);
        leaf->ecx &= ~gone;
        if ((view->guest_cr4 & CR4_OSXSAVE) != 0) {
            leaf->ecx |= LEAF1_ECX_OSXSAVE;
        }
    } else if (leaf->leaf == 7u && leaf->subleaf == 0 && !invpcid) {
        leaf->ebx &= ~BIT32(10);
    } else if (leaf->leaf == 0xDu) {
        limit_xsave(view, leaf);
    }
}

/* A bit of CR4, and the feature that offers it. */
struct cr4_bit {
    uint8_t bit;
    uint8_t leaf; /* 1 or 7 */
    uint8_t reg;
    uint8_t feature;
};

static const struct cr4_bit cr4_bits[] = {
    {0, 1, EDX, 1},   /* VME        */
    {1, 1, EDX, 1},   /* PVI        */
    {2, 1, EDX, 4},   /* TSD        */
    {3, 1, EDX, 2},   /* DE         */
    {4, 1, EDX, 3},   /* PSE        */
    {5, 1, EDX, 6},   /* PAE        */
    {6, 1, EDX, 7},   /* MCE        */
    {7, 1, EDX, 13},  /* PGE        */
    {9, 1, EDX, 24},  /* OSFXSR     */
    {10, 1, EDX, 25}, /* OSXMMEXCPT */
    {11, 7, ECX, 2},  /* UMIP       */
    {16, 7, EBX, 0},  /* FSGSBASE   */
    {17, 1, ECX, 17}, /* PCIDE      */
    {18, 1, ECX, 26}, /* OSXSAVE    */
    {20, 7, EBX, 7},  /* SMEP       */
    {21, 7, EBX, 20}, /* SMAP       */
    {22, 7, ECX, 3},  /* PKE        */
};
#define CR4_BITS (sizeof(cr4_bits) / sizeof(cr4_bits[0]))
#define CR4_PCE  BIT64(8) /* RDPMC in user mode: exits, and faults, in any case */

static uint32_t value_of(const struct cpuid_leaf *leaf, uint32_t reg)
{
    const uint32_t regs[] = {leaf->eax, leaf->ebx, leaf->ecx, leaf->edx};
    return regs[reg];
}

uint64_t vmx_cr4_offered(const struct cpuid_leaf *leaf1, const struct cpuid_leaf *leaf7)
{
    uint64_t offered = CR4_PCE;
    for (uint32_t i = 0; i < CR4_BITS; i++) { /* bound: CR4_BITS */
        const struct cr4_bit *b = &cr4_bits[i];
        if ((value_of(b->leaf == 1u ? leaf1 : leaf7, b->reg) >> b->feature & 1u) != 0) {
            offered |= BIT64(b->bit);
        }
    }
    return offered;
}

uint64_t vmx_efer_offered(const struct cpuid_leaf *extended1)
{
    uint64_t offered = 0;
    offered |= (extended1->edx & BIT32(11)) != 0 ? EFER_SCE : 0u;
    offered |= (extended1->edx & BIT32(20)) != 0 ? EFER_NXE : 0u;
    offered |= (extended1->edx & BIT32(29)) != 0 ? EFER_LME | EFER_LMA | EFER_SCE : 0u;
    return offered;
}
