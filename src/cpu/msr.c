/* SPDX-License-Identifier: BSD-2-Clause
 * The bank of emulated MSRs. */
#include "cpu/msr.h"

#include "base/bits.h"
#include "base/string.h"
#include "cpu/walk.h"

/* What a write does. */
enum msr_write_rule {
    MSR_W_FAULT,
    MSR_W_IGNORE,
    MSR_W_MASK,
    MSR_W_TYPES,
    MSR_W_PAT,
    MSR_W_DEF_TYPE,
    MSR_W_PAIR,
};

enum msr_presence {
    MSR_P_GP,
    MSR_P_HAS,
};

struct msr_rule {
    uint32_t first;
    uint32_t count;
    uint8_t present[2]; /* enum msr_presence: Intel, AMD                  */
    uint8_t write;      /* enum msr_write_rule                               */
    uint8_t slot;       /* where the first is kept; MSR_SLOTS if it is a constant */
    uint64_t reset;     /* value at reset, or the constant                   */
    uint64_t writable;  /* MSR_W_MASK                                        */
};

#define MSR_WB8 0x0606060606060606ull /* eight times write-back */

#define MSR_ROW(name, first, count, intel, amd, write, slot, reset, writable, why) \
    {first, count, {MSR_P_##intel, MSR_P_##amd}, MSR_W_##write, slot, reset, writable},

#define NONE MSR_SLOTS
static const struct msr_rule msr_rules[] = {MSR_BANK(MSR_ROW)};

#define MSR_RULES (sizeof(msr_rules) / sizeof(msr_rules[0]))

struct msr_need {
    uint32_t first;
    uint32_t count;
    uint16_t feature;
};

#define MSR_NEED_ROW(first, count, feature) {first, count, CPUID_F_##feature},
static const struct msr_need msr_needs[] = {MSR_NEEDS(MSR_NEED_ROW)};

#define MSR_NEEDS_ROWS (sizeof(msr_needs) / sizeof(msr_needs[0]))

enum msr_vcpu_rule {
    MSR_V_ANY,
    MSR_V_CANON,
    MSR_V_LOW32,
    MSR_V_REGS,
};

struct msr_vcpu {
    uint32_t index;
    uint16_t feature;
    uint8_t write; /* enum msr_vcpu_rule */
};

#define MSR_VCPU_ROW(index, name, feature, write, why) {index, CPUID_F_##feature, MSR_V_##write},
static const struct msr_vcpu msr_vcpus[] = {MSR_VCPU(MSR_VCPU_ROW)};

#define MSR_VCPUS (sizeof(msr_vcpus) / sizeof(msr_vcpus[0]))

static const struct msr_rule *msr_find(uint32_t index)
{
    for (uint32_t i = 0; i < MSR_RULES; i++) {
        if (index - msr_rules[i].first < msr_rules[i].count) {
            return &msr_rules[i];
        }
    }
    return NULL;
}

/* Whether CPUID offers what the register belongs to. */
static bool msr_offered(const struct cpuid_cpu *cpu, uint32_t index)
{
    bool offered = true;
    for (uint32_t i = 0; i < MSR_NEEDS_ROWS; i++) { /* bound: MSR_NEEDS_ROWS */
        const struct msr_need *n = &msr_needs[i];
        bool goes_with = index - n->first < n->count;
        offered = offered && (!goes_with || cpuid_has(cpu, (enum cpuid_feature)n->feature));
    }
    return offered;
}

/* The rule for a register that this processor has. */
static const struct msr_rule *msr_find_on(const struct cpuid_cpu *cpu, uint32_t index)
{
    const struct msr_rule *rule = msr_find(index);
    bool has = rule != NULL && rule->present[cpu->amd ? 1 : 0] == MSR_P_HAS;
    return has && msr_offered(cpu, index) ? rule : NULL;
}

/* Each of the eight bytes is a type in `allowed`, a mask of types 0 to 7. */
static bool msr_types_valid(uint64_t value, uint32_t allowed)
{
    bool valid = true;
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t type = (uint32_t)(value >> (8 * i)) & 0xFFu;
        valid = valid && type < 8 && (allowed >> type & 1u) != 0;
    }
    return valid;
}

#define MSR_PHYS_BITS_MAX 52u

#define MSR_TYPES_MTRR 0x73u /* UC, WC, WT, WP, WB            */
#define MSR_TYPES_PAT  0xF3u /* and UC-, as [SDM] 12.12.2 says */

static bool msr_type_valid(uint64_t type)
{
    return type < 8 && (MSR_TYPES_MTRR >> type & 1u) != 0;
}

static bool msr_acceptable(const struct msr_rule *rule, uint32_t phys_bits, uint32_t index,
                           uint64_t value)
{
    uint64_t beyond = ~(BIT64(phys_bits) - 1u);
    switch (rule->write) {
    case MSR_W_TYPES:
        return msr_types_valid(value, MSR_TYPES_MTRR);
    case MSR_W_PAT:
        return msr_types_valid(value, MSR_TYPES_PAT);
    case MSR_W_DEF_TYPE:
        return (value & ~0xCFFull) == 0 && msr_type_valid(value & 0xFF);
    case MSR_W_PAIR:
        if ((index & 1u) == 0) {
            return (value & (beyond | 0xF00)) == 0 && msr_type_valid(value & 0xFF);
        }
        return (value & (beyond | 0x7FF)) == 0;
    default:
        return rule->write != MSR_W_FAULT;
    }
}

void msr_reset(struct msr_bank *bank)
{
    memset(bank, 0, sizeof(*bank));
    for (uint32_t i = 0; i < MSR_RULES; i++) {
        const struct msr_rule *rule = &msr_rules[i];
        for (uint32_t n = 0; rule->slot != NONE && n < rule->count; n++) { /* bound: 16 */
            bank->slot[rule->slot + n] = rule->reset;
        }
    }
}

enum msr_result msr_read(const struct msr_bank *bank, const struct cpuid_cpu *cpu, uint32_t index,
                         uint64_t *value)
{
    const struct msr_rule *rule = msr_find_on(cpu, index);
    if (rule == NULL) {
        return MSR_FAULT;
    }
    *value = rule->slot == NONE ? rule->reset : bank->slot[rule->slot + (index - rule->first)];
    return MSR_DONE;
}

enum msr_result msr_write(struct msr_bank *bank, const struct cpuid_cpu *cpu, uint32_t index,
                          uint64_t value)
{
    const struct msr_rule *rule = msr_find_on(cpu, index);
    if (rule == NULL || !msr_acceptable(rule, cpu->phys_bits, index, value)) {
        return MSR_FAULT;
    }
    if (rule->slot != NONE) {
        uint64_t *slot = &bank->slot[rule->slot + (index - rule->first)];
        uint64_t writable = rule->write == MSR_W_MASK ? rule->writable : UINT64_MAX;
        *slot = (*slot & ~writable) | (value & writable);
    }
    return MSR_DONE;
}

bool msr_valid(const struct msr_bank *bank)
{
    bool valid = true;
    for (uint32_t i = 0; i < MSR_RULES; i++) {
        const struct msr_rule *rule = &msr_rules[i];
        for (uint32_t n = 0; rule->slot != NONE && n < rule->count; n++) { /* bound: 16 */
            uint64_t value = bank->slot[rule->slot + n];
            uint64_t fixed = rule->write == MSR_W_MASK ? ~rule->writable : 0;
            valid = valid && msr_acceptable(rule, MSR_PHYS_BITS_MAX, rule->first + n, value) &&
                    ((value ^ rule->reset) & fixed) == 0;
        }
    }
    return valid;
}

static const struct msr_vcpu *msr_vcpu_find(uint32_t index)
{
    for (uint32_t i = 0; i < MSR_VCPUS; i++) { /* bound: MSR_VCPUS */
        if (msr_vcpus[i].index == index) {
            return &msr_vcpus[i];
        }
    }
    return NULL;
}

enum msr_home msr_vcpu_home(const struct cpuid_cpu *cpu, uint32_t index)
{
    const struct msr_vcpu *m = msr_vcpu_find(index);
    if (m == NULL || !cpuid_has(cpu, (enum cpuid_feature)m->feature)) {
        return MSR_NOWHERE;
    }
    return m->write == MSR_V_REGS ? MSR_IN_CACHE : MSR_AT_HOST;
}

bool msr_vcpu_legal(uint32_t index, uint64_t value)
{
    const struct msr_vcpu *m = msr_vcpu_find(index);
    uint32_t rule = m != NULL ? m->write : MSR_V_ANY;
    if (rule == MSR_V_CANON || rule == MSR_V_REGS) {
        return walk_canonical(value);
    }
    return rule != MSR_V_LOW32 || value <= UINT32_MAX;
}
