/* SPDX-License-Identifier: BSD-2-Clause
 * The CPUID policy: which leaves pass, which bits of them, and the leaves of the core's own. */
#include "cpu/cpuid.h"

#include "base/bits.h"
#include "base/string.h"
#include "vm/time.h"

enum cpuid_reg {
    CPUID_EAX,
    CPUID_EBX,
    CPUID_ECX,
    CPUID_EDX,
};

/* Leaves that show something of the host's answer. All others are answered with zeros. */
struct cpuid_range {
    uint32_t first;
    uint32_t last;
    const char *reason;
};

static const struct cpuid_range cpuid_shown[] = {
    {0x00, 0x02, "vendor, features, cache descriptors"},
    {0x04, 0x04, "caches"},
    {0x07, 0x07, "features"},
    {0x0B, 0x0B, "topology: rewritten for one processor"},
    {0x0D, 0x0D, "sizes of the XSAVE area: the guest's FPU state is the host's"},
    {0x18, 0x18, "TLB geometry"},
    {0x1D, 0x1E, "tile geometry, where the host offers AMX"},
    {0x80000000u, 0x80000006u, "features, name, caches"},
    {0x80000008u, 0x80000008u, "address widths"},
    {0x80000019u, 0x8000001Au, "TLB for 1 GiB pages, performance hints"},
    {0x8000001Du, 0x8000001Eu, "caches and topology: rewritten for one processor"},
    {0x80000021u, 0x80000021u, "features"},
};

#define CPUID_ANY 0xFFu

/* Bits that are kept in a register of a leaf. Registers without a row are kept whole. What is named
 * is what is taken away; bits that are named nowhere were unknown when this was written, and go too. */
struct cpuid_mask {
    uint32_t leaf;
    uint8_t subleaf;
    uint8_t reg; /* enum cpuid_reg */
    uint32_t keep;
    const char *reason;
};

static const struct cpuid_mask cpuid_masks[] = {
    {0x01, CPUID_ANY, CPUID_ECX, 0x7EDA3203u,
     "no MONITOR, VMX, SMX, x2APIC, DCA, debug store, SpeedStep, thermal, PDCM: not modelled. "
     "TSC-deadline by policy"},
    {0x01, CPUID_ANY, CPUID_EDX, 0x0F8BFBFFu,
     "no HTT: one processor. No serial number, debug store, ACPI thermal, TM, PBE: not modelled"},
    {0x04, CPUID_ANY, CPUID_EAX, 0x00003FFFu, "each cache belongs to one processor of one core"},
    {0x07, 0, CPUID_EBX, 0xFDBF2FF9u,
     "no TSC_ADJUST: guest time stands on the TSC. No SGX, MPX, RDT, processor trace"},
    {0x07, 0, CPUID_ECX, 0x02405F5Fu,
     "no LA57: page walks have four levels. No WAITPKG, CET, TME, key locker, ENQCMD, PKS, SGX_LC. "
     "No MOVDIR64B and the like: device writes of a shape that devices do not take"},
    {0x07, 0, CPUID_EDX, 0xBFC14D1Cu,
     "no PCONFIG, LBR, hybrid, core capabilities, CET, user interrupts"},
    {0x07, 1, CPUID_EAX, 0x00A01CB7u, "no LAM, FRED, HRESET, perfmon extension"},
    {0x07, 1, CPUID_EBX, 0, "no PPIN"},
    {0x07, 1, CPUID_ECX, 0, "reserved"},
    {0x07, 1, CPUID_EDX, 0x00004530u, "no CET, UIRET, APX"},
    {0x07, 2, CPUID_EDX, 0x0000003Fu, "mitigation controls as the host offers them"},
    {0x0D, 0, CPUID_EAX, ~0x18u, "no MPX state"},
    {0x0D, 1, CPUID_ECX, 0, "no supervisor state: its features are not offered"},
    {0x0D, 1, CPUID_EDX, 0, "likewise"},
    {0x80000001u, CPUID_ANY, CPUID_ECX, 0x006109F1u,
     "no SVM, IBS, LWP, SKINIT, WDT, extended APIC, OSVW, performance counters, MONITORX; one core"},
    {0x80000001u, CPUID_ANY, CPUID_EDX, 0xEFD3FBFFu, "reserved bits"},
    {0x80000008u, CPUID_ANY, CPUID_EAX, 0x000000FFu, "virtual width is 48: no LA57"},
    {0x80000008u, CPUID_ANY, CPUID_EBX, 0x3707D205u, "no INVLPGB, RDPRU, MBE, effective frequency"},
    {0x80000008u, CPUID_ANY, CPUID_ECX, 0, "one core"},
    {0x80000008u, CPUID_ANY, CPUID_EDX, 0, "neither INVLPGB nor RDPRU"},
    {0x8000001Du, CPUID_ANY, CPUID_EAX, 0x00003FFFu, "each cache belongs to one processor"},
    {0x80000021u, CPUID_ANY, CPUID_EAX, 0x38000145u, "what needs no support from a monitor"},
    {0x80000021u, CPUID_ANY, CPUID_EBX, 0, "microcode patch size"},
    {0x80000021u, CPUID_ANY, CPUID_ECX, 0, "reserved"},
    {0x80000021u, CPUID_ANY, CPUID_EDX, 0, "reserved"},
};

#define CPUID_SHOWN (sizeof(cpuid_shown) / sizeof(cpuid_shown[0]))
#define CPUID_MASKS (sizeof(cpuid_masks) / sizeof(cpuid_masks[0]))

#define CPUID_LAST_BASIC    0x1Eu
#define CPUID_LAST_EXTENDED 0x80000021u

#define CPUID_1_ECX_TSC_DEADLINE BIT32(24)
#define CPUID_1_ECX_HYPERVISOR   BIT32(31)
#define CPUID_APIC               BIT32(9) /* in edx of leaves 1 and 0x80000001 */
#define CPUID_6_EAX_ARAT         BIT32(2)
#define CPUID_7_EDX_INVARIANT    BIT32(8)

/* Linux computes crystal kHz * numerator in 32 bits; a crystal of 10^6 kHz leaves it this much. */
#define CPUID_RATIO_MAX 4294u

static uint32_t *cpuid_reg(struct cpuid_leaf *l, uint32_t reg)
{
    switch (reg) {
    case CPUID_EAX:
        return &l->eax;
    case CPUID_EBX:
        return &l->ebx;
    case CPUID_ECX:
        return &l->ecx;
    default:
        return &l->edx;
    }
}

static void cpuid_set(struct cpuid_leaf *l, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    l->eax = eax;
    l->ebx = ebx;
    l->ecx = ecx;
    l->edx = edx;
}

/* Takes away what the tables do not let through. */
static void cpuid_filter(struct cpuid_leaf *l)
{
    bool shown = false;
    for (uint32_t i = 0; i < CPUID_SHOWN; i++) {
        shown = shown || (l->leaf >= cpuid_shown[i].first && l->leaf <= cpuid_shown[i].last);
    }
    if (!shown) {
        cpuid_set(l, 0, 0, 0, 0);
        return;
    }
    for (uint32_t i = 0; i < CPUID_MASKS; i++) {
        const struct cpuid_mask *m = &cpuid_masks[i];
        if (l->leaf == m->leaf && (m->subleaf == CPUID_ANY || l->subleaf == m->subleaf)) {
            *cpuid_reg(l, m->reg) &= m->keep;
        }
    }
}

static uint32_t cpuid_clamp(uint32_t x, uint32_t least, uint32_t most)
{
    if (x < least) {
        return least;
    }
    return x > most ? most : x;
}

/* |n / d - tsc_khz / 10^6|, times d * 10^6. */
static uint64_t cpuid_ratio_error(uint32_t tsc_khz, uint32_t n, uint32_t d)
{
    uint64_t a = (uint64_t)n * VM_NS_PER_MS;
    uint64_t b = (uint64_t)tsc_khz * d;
    return a > b ? a - b : b - a;
}

/* Leaf 0x15: TSC = crystal * ebx / eax, with the APIC timer's clock as crystal. The ratio is the
 * nearest one whose terms Linux can compute with; 0x40000010 has the exact frequency. */
static void cpuid_clock_ratio(const struct cpuid_policy *policy, struct cpuid_leaf *l)
{
    uint32_t best_n = 1;
    uint32_t best_d = 1;
    for (uint32_t d = 1; d <= CPUID_RATIO_MAX; d++) {
        uint64_t n = ((uint64_t)policy->tsc_khz * d + VM_NS_PER_MS / 2) / VM_NS_PER_MS;
        if (n == 0 || n > CPUID_RATIO_MAX) {
            continue;
        }
        uint64_t error = cpuid_ratio_error(policy->tsc_khz, (uint32_t)n, d);
        uint64_t best = cpuid_ratio_error(policy->tsc_khz, best_n, best_d);
        if (error * best_d < best * d) {
            best_n = (uint32_t)n;
            best_d = d;
        }
    }
    cpuid_set(l, best_d, best_n, VM_APIC_HZ, 0);
}

/* Leaf 0xB: one thread in one core. */
static void cpuid_topology(const struct cpuid_policy *policy, struct cpuid_leaf *l)
{
    static const uint32_t level_type[] = {1, 2}; /* SMT, core */
    uint32_t level = l->subleaf & 0xFFu;
    uint32_t type = level < 2 ? level_type[level] : 0;
    cpuid_set(l, 0, type != 0 ? 1 : 0, type << 8 | level, policy->apic_id);
}

static void cpuid_features(const struct cpuid_policy *policy, struct cpuid_leaf *l)
{
    l->ebx = (l->ebx & 0xFFFFu) | 1u << 16 | policy->apic_id << 24;
    l->ecx |= CPUID_1_ECX_HYPERVISOR;
    if (policy->lapic && policy->tsc_deadline) {
        l->ecx |= CPUID_1_ECX_TSC_DEADLINE;
    }
}

static void cpuid_apic(const struct cpuid_policy *policy, struct cpuid_leaf *l)
{
    l->edx = policy->lapic ? l->edx | CPUID_APIC : l->edx & ~CPUID_APIC;
}

static void cpuid_frequencies(const struct cpuid_policy *policy, struct cpuid_leaf *l)
{
    uint32_t mhz = (policy->tsc_khz / 1000u) + (policy->tsc_khz % 1000u >= 500u ? 1u : 0u);
    cpuid_set(l, mhz, mhz, 100, 0);
}

/* "BulkheadVMM" and a zero, in ebx, ecx, edx. */
static void cpuid_signature(struct cpuid_leaf *l)
{
    cpuid_set(l, CPUID_HYPERVISOR_MAX, 0x6B6C7542u, 0x64616568u, 0x004D4D56u);
}

static void cpuid_extended(const struct cpuid_policy *policy, struct cpuid_leaf *l)
{
    switch (l->leaf) {
    case 0x80000000u:
        l->eax = cpuid_clamp(l->eax, CPUID_MAX_EXTENDED, CPUID_LAST_EXTENDED);
        break;
    case 0x80000001u:
        /* Bit 9 mirrors leaf 1 on AMD and is reserved on Intel: never set it, only clear it. */
        l->edx &= policy->lapic ? UINT32_MAX : ~CPUID_APIC;
        break;
    case 0x80000007u:
        l->edx = CPUID_7_EDX_INVARIANT;
        break;
    case 0x80000008u:
        l->eax = (l->eax != 0 ? l->eax : 36u) | 48u << 8;
        break;
    case 0x8000001Eu:
        cpuid_set(l, policy->apic_id, 0, 0, 0);
        break;
    default:
        break;
    }
}

void cpuid_apply(const struct cpuid_policy *policy, struct cpuid_leaf *leaf)
{
    cpuid_filter(leaf);
    switch (leaf->leaf) {
    case 0x00:
        leaf->eax = cpuid_clamp(leaf->eax, CPUID_MAX_BASIC, CPUID_LAST_BASIC);
        break;
    case 0x01:
        cpuid_features(policy, leaf);
        cpuid_apic(policy, leaf);
        break;
    case 0x06:
        leaf->eax = CPUID_6_EAX_ARAT; /* our APIC timer never stops */
        break;
    case 0x0B:
        cpuid_topology(policy, leaf);
        break;
    case 0x15:
        cpuid_clock_ratio(policy, leaf);
        break;
    case 0x16:
        cpuid_frequencies(policy, leaf);
        break;
    case CPUID_HYPERVISOR:
        cpuid_signature(leaf);
        break;
    case CPUID_HYPERVISOR_MAX:
        cpuid_set(leaf, policy->tsc_khz, VM_APIC_KHZ, 0, 0);
        break;
    default:
        cpuid_extended(policy, leaf);
        break;
    }
}

uint32_t cpuid_extra(const struct cpuid_policy *policy, struct cpuid_leaf *out, uint32_t max)
{
    static const uint32_t leaves[CPUID_EXTRA] = {
        0x15, 0x16, CPUID_HYPERVISOR, CPUID_HYPERVISOR_MAX, 0x06, 0x80000007u,
    };
    uint32_t count = max < CPUID_EXTRA ? max : CPUID_EXTRA;
    for (uint32_t i = 0; i < count; i++) { /* bound: CPUID_EXTRA */
        memset(&out[i], 0, sizeof(out[i]));
        out[i].leaf = leaves[i];
        cpuid_apply(policy, &out[i]);
    }
    return count;
}
