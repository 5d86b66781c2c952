/* SPDX-License-Identifier: BSD-2-Clause
 * Answering CPUID, leaf by leaf, for the processor that cpuid_build() made. */
#include "base/bits.h"
#include "base/string.h"
#include "cpu/cpuid.h"
#include "vm/regs.h"
#include "vm/time.h"

/* What becomes of a leaf. */
enum cpuid_show {
    CPUID_SHOW_ZERO,
    CPUID_SHOW_ASIS,
    CPUID_SHOW_OURS,
    CPUID_SHOW_BITS,
};

struct cpuid_range {
    uint32_t first;
    uint32_t last;
    uint8_t show[2]; /* enum cpuid_show: Intel, AMD */
};

#define CPUID_RANGE(first, last, intel, amd, what, why) \
    {first, last, {CPUID_SHOW_##intel, CPUID_SHOW_##amd}},
static const struct cpuid_range cpuid_ranges[] = {CPUID_LEAVES(CPUID_RANGE)};

#define CPUID_RANGES (sizeof(cpuid_ranges) / sizeof(cpuid_ranges[0]))

/* In edx of leaf 0x80000001 on AMD: the same features as in leaf 1. [APM] vol. 3, E.4.2 */
#define CPUID_AMD_REPEATED 0x0183F3FFu

#define CPUID_BRAND_WORDS 12u

static void cpuid_set(struct cpuid_leaf *l, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    l->eax = eax;
    l->ebx = ebx;
    l->ecx = ecx;
    l->edx = edx;
}

static uint32_t cpuid_shown(const struct cpuid_cpu *cpu, uint32_t leaf)
{
    for (uint32_t i = 0; i < CPUID_RANGES; i++) { /* bound: CPUID_RANGES */
        if (leaf >= cpuid_ranges[i].first && leaf <= cpuid_ranges[i].last) {
            return cpuid_ranges[i].show[cpu->amd ? 1 : 0];
        }
    }
    return CPUID_SHOW_ZERO;
}

/* Leaf 0xB: one thread in one core. */
static void cpuid_topology(const struct cpuid_cpu *cpu, struct cpuid_leaf *l)
{
    static const uint32_t level_type[] = {1, 2}; /* SMT, core */
    uint32_t level = l->subleaf & 0xFFu;
    uint32_t type = level < 2 ? level_type[level] : 0;
    cpuid_set(l, 0, type != 0 ? 1 : 0, type << 8 | level, cpu->apic_id);
}

/* Leaf 0xD. What the guest's XCR0 has decides on ebx; where the host cannot switch XCR0, the bits that
 * it has anyway count too, or the guest's area would be too small for what XSAVE writes. */
static void cpuid_xsave(const struct cpuid_cpu *cpu, const struct cpuid_now *now,
                        struct cpuid_leaf *l)
{
    const struct xcr *x = &cpu->xcr;
    uint64_t enabled = now->xcr0 | x->fixed;
    uint32_t sub = l->subleaf;
    cpuid_set(l, 0, 0, 0, 0);
    if (x->offered == 0) {
        return;
    }
    if (sub == 0) {
        cpuid_set(l, (uint32_t)x->offered, xcr_bytes(x, enabled), xcr_bytes(x, x->offered), 0);
    } else if (sub == 1) {
        l->eax = cpu->word[CPUID_WD_1_EAX];
        l->ebx = cpuid_has(cpu, CPUID_F_xsavec) ? xcr_bytes_compacted(x, enabled) : 0;
    } else if (sub < XCR_PARTS && (x->offered & BIT64(sub)) != 0) {
        const struct xcr_part *p = &x->part[sub];
        cpuid_set(l, p->bytes, p->offset, p->aligned << 1, 0);
    }
}

static void cpuid_frequencies(const struct cpuid_cpu *cpu, struct cpuid_leaf *l)
{
    uint32_t mhz = (cpu->tsc_khz / 1000u) + (cpu->tsc_khz % 1000u >= 500u ? 1u : 0u);
    cpuid_set(l, mhz, mhz, 100, 0);
}

static void cpuid_ours(const struct cpuid_cpu *cpu, const struct cpuid_now *now,
                       struct cpuid_leaf *l)
{
    switch (l->leaf) {
    case 0x06:
        cpuid_set(l, cpu->word[CPUID_W6_EAX], 0, cpu->word[CPUID_W6_ECX], 0);
        break;
    case 0x0B:
        cpuid_topology(cpu, l);
        break;
    case 0x0D:
        cpuid_xsave(cpu, now, l);
        break;
    case 0x15:
        cpuid_set(l, cpu->ratio_d, cpu->ratio_n, VM_APIC_HZ, 0);
        break;
    case 0x16:
        cpuid_frequencies(cpu, l);
        break;
    case CPUID_HYPERVISOR: /* "BulkheadVMM" and a zero, in ebx, ecx, edx */
        cpuid_set(l, CPUID_HYPERVISOR_MAX, 0x6B6C7542u, 0x64616568u, 0x004D4D56u);
        break;
    case CPUID_HYPERVISOR_MAX:
        cpuid_set(l, cpu->tsc_khz, VM_APIC_KHZ, 0, 0);
        break;
    case 0x80000007u:
        cpuid_set(l, 0, 0, 0, cpu->word[CPUID_W80000007_EDX]);
        break;
    default: /* 0x8000001E */
        cpuid_set(l, cpu->apic_id, 0, 0, 0);
        break;
    }
}

static uint32_t cpuid_follow(uint32_t word, uint32_t bit, bool on)
{
    return on ? word : word & ~BIT32(bit);
}

static void cpuid_leaf_1(const struct cpuid_cpu *cpu, const struct cpuid_now *now,
                         struct cpuid_leaf *l)
{
    uint32_t line = cpu->model == SYSTEM_CPU_HOST ? l->ebx & 0xFFFFu : 0x0800u;
    uint32_t ecx = cpu->word[CPUID_W1_ECX];
    uint32_t edx = cpu->word[CPUID_W1_EDX];
    ecx = cpuid_follow(ecx, CPUID_F_osxsave % 32u, (now->cr4 & CR4_OSXSAVE) != 0);
    edx = cpuid_follow(edx, CPUID_F_apic % 32u, now->lapic_on);
    cpuid_set(l, cpu->signature, line | 1u << 16 | cpu->apic_id << 24, ecx, edx);
}

static void cpuid_leaf_7(const struct cpuid_cpu *cpu, const struct cpuid_now *now,
                         struct cpuid_leaf *l)
{
    const uint32_t *w = cpu->word;
    bool one = (w[CPUID_W7_1_EAX] | w[CPUID_W7_1_EBX] | w[CPUID_W7_1_EDX]) != 0;
    uint32_t last = w[CPUID_W7_2_EDX] != 0 ? 2u : (one ? 1u : 0u);
    if (l->subleaf == 0) {
        uint32_t ecx =
            cpuid_follow(w[CPUID_W7_ECX], CPUID_F_ospke % 32u, (now->cr4 & CR4_PKE) != 0);
        cpuid_set(l, last, w[CPUID_W7_EBX], ecx, w[CPUID_W7_EDX]);
    } else if (l->subleaf == 1) {
        cpuid_set(l, w[CPUID_W7_1_EAX], w[CPUID_W7_1_EBX], 0, w[CPUID_W7_1_EDX]);
    } else {
        cpuid_set(l, 0, 0, 0, l->subleaf == 2 ? w[CPUID_W7_2_EDX] : 0);
    }
}

static void cpuid_leaf_extended(const struct cpuid_cpu *cpu, const struct cpuid_now *now,
                                struct cpuid_leaf *l)
{
    const uint32_t *w = cpu->word;
    uint32_t repeated = cpu->amd ? w[CPUID_W1_EDX] & CPUID_AMD_REPEATED : 0;
    uint32_t edx = w[CPUID_W80000001_EDX];
    repeated = cpuid_follow(repeated, CPUID_F_apic % 32u, now->lapic_on);
    /* Intel's have the instruction, and show it, in 64-bit mode only. */
    edx = cpuid_follow(edx, CPUID_F_syscall % 32u, cpu->amd || now->code_64);
    switch (l->leaf) {
    case 0x80000001u:
        cpuid_set(l, cpu->amd ? cpu->signature : 0, 0, w[CPUID_W80000001_ECX], edx | repeated);
        break;
    case 0x80000008u:
        cpuid_set(l, cpu->phys_bits | 48u << 8, w[CPUID_W80000008_EBX], 0, 0);
        break;
    default: /* 0x80000021 */
        cpuid_set(l, w[CPUID_W80000021_EAX], 0, 0, 0);
        break;
    }
}

static void cpuid_bits(const struct cpuid_cpu *cpu, const struct cpuid_now *now,
                       struct cpuid_leaf *l)
{
    switch (l->leaf) {
    case 0x00: /* the vendor stays */
        l->eax = cpu->max_basic;
        break;
    case 0x80000000u:
        l->eax = cpu->max_extended;
        break;
    case 0x01:
        cpuid_leaf_1(cpu, now, l);
        break;
    case 0x07:
        cpuid_leaf_7(cpu, now, l);
        break;
    default:
        cpuid_leaf_extended(cpu, now, l);
        break;
    }
}

/* The name of a named model: bytes of text, four to a register. */
static void cpuid_brand(struct cpuid_leaf *l)
{
    static const char text[CPUID_BRAND_WORDS * 4u] = "Bulkhead virtual processor";
    uint32_t at = (l->leaf - 0x80000002u) * 16u; /* 0, 16, 32 */
    memcpy(&l->eax, text + at, 4);
    memcpy(&l->ebx, text + at + 4u, 4);
    memcpy(&l->ecx, text + at + 8u, 4);
    memcpy(&l->edx, text + at + 12u, 4);
}

/* The host's own answer, but for how many processors share a cache. */
static void cpuid_as_is(const struct cpuid_cpu *cpu, struct cpuid_leaf *l)
{
    if (cpu->model != SYSTEM_CPU_HOST) {
        cpuid_set(l, 0, 0, 0, 0);
        if (l->leaf >= 0x80000002u && l->leaf <= 0x80000004u) {
            cpuid_brand(l);
        }
    } else if (l->leaf == 0x04 || l->leaf == 0x8000001Du) {
        l->eax &= 0x3FFFu;
    }
}

void cpuid_answer(const struct cpuid_cpu *cpu, const struct cpuid_now *now, struct cpuid_leaf *leaf)
{
    uint32_t max = leaf->leaf >= 0x80000000u ? cpu->max_extended : cpu->max_basic;
    bool ours = leaf->leaf >= CPUID_HYPERVISOR && leaf->leaf <= CPUID_HYPERVISOR_MAX;
    uint32_t show = leaf->leaf <= max || ours ? cpuid_shown(cpu, leaf->leaf) : CPUID_SHOW_ZERO;
    switch (show) {
    case CPUID_SHOW_ASIS:
        cpuid_as_is(cpu, leaf);
        break;
    case CPUID_SHOW_OURS:
        cpuid_ours(cpu, now, leaf);
        break;
    case CPUID_SHOW_BITS:
        cpuid_bits(cpu, now, leaf);
        break;
    default:
        cpuid_set(leaf, 0, 0, 0, 0);
        break;
    }
}

uint32_t cpuid_extra(const struct cpuid_cpu *cpu, struct cpuid_leaf *out, uint32_t max)
{
    static const uint32_t leaves[CPUID_EXTRA] = {
        0x15, 0x16, CPUID_HYPERVISOR, CPUID_HYPERVISOR_MAX, 0x06, 0x80000007u,
    };
    const struct cpuid_now now = {.xcr0 = XCR0_X87, .lapic_on = true, .code_64 = true};
    uint32_t count = max < CPUID_EXTRA ? max : CPUID_EXTRA;
    for (uint32_t i = 0; i < count; i++) { /* bound: CPUID_EXTRA */
        memset(&out[i], 0, sizeof(out[i]));
        out[i].leaf = leaves[i];
        cpuid_answer(cpu, &now, &out[i]);
    }
    return count;
}
