/* SPDX-License-Identifier: BSD-2-Clause
 * CPUID under seL4. */
#include "sel4/vmx/limits.h"

#include "base/bits.h"

#define XCR0_KNOWN (XCR0_X87 | XCR0_SSE | XCR0_AVX)
#define XCR0_PKRU  0x200ull
#define XCR0_AMX   0x60000ull

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
