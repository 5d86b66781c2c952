/* SPDX-License-Identifier: BSD-2-Clause
 * The bank of emulated MSRs. */
#include "cpu/msr.h"

#include "base/bits.h"
#include "base/string.h"

#define MSR_RESERVED_PHYS 0xFFF0000000000000ull /* above 52 address bits */

/* What a write does. */
enum msr_write_rule {
    MSR_W_FAULT,    /* read-only                                        */
    MSR_W_IGNORE,   /* taken, and without effect                        */
    MSR_W_MASK,     /* writable bits change, the others stay as they are */
    MSR_W_TYPES,    /* eight MTRR memory types, else fault              */
    MSR_W_PAT,      /* eight PAT memory types, else fault               */
    MSR_W_DEF_TYPE, /* MTRR default type and enables, else fault        */
    MSR_W_PAIR,     /* MTRR base (even) or mask (odd), else fault       */
};

struct msr_rule {
    uint32_t first;
    uint32_t count;
    uint8_t write;     /* enum msr_write_rule                               */
    uint8_t slot;      /* where the first is kept; MSR_SLOTS if it is a constant */
    uint64_t reset;    /* value at reset, or the constant                   */
    uint64_t writable; /* MSR_W_MASK                                        */
    const char *reason;
};

#define NONE MSR_SLOTS
#define UC16 0x0000000000000000ull /* eight times uncacheable */
#define WB16 0x0606060606060606ull /* eight times write-back  */

static const struct msr_rule msr_rules[] = {
    {MSR_IA32_PLATFORM_ID, 1, MSR_W_FAULT, NONE, 0, 0, "microcode loaders read it"},
    {MSR_SMI_COUNT, 1, MSR_W_FAULT, NONE, 0, 0, "there is no SMM"},
    {MSR_FEATURE_CONTROL, 1, MSR_W_FAULT, NONE, 1, 0, "locked: neither VMX nor SGX"},
    {MSR_BIOS_UPDT_TRIG, 1, MSR_W_IGNORE, NONE, 0, 0, "the host owns the microcode"},
    {MSR_BIOS_SIGN_ID, 1, MSR_W_IGNORE, NONE, 0, 0, "no microcode revision; AMD: patch level"},
    {MSR_MTRRCAP, 1, MSR_W_FAULT, NONE, 0x508, 0, "8 variable ranges, fixed ranges, WC"},
    {MSR_MCG_CAP, 1, MSR_W_FAULT, NONE, 0, 0, "no machine check banks"},
    {MSR_MCG_STATUS, 1, MSR_W_IGNORE, NONE, 0, 0, "likewise"},
    {MSR_PERF_STATUS, 1, MSR_W_FAULT, NONE, 0, 0, "the host owns the frequency"},
    {MSR_PERF_CTL, 1, MSR_W_IGNORE, NONE, 0, 0, "likewise"},
    {MSR_MISC_ENABLE, 1, MSR_W_MASK, 0, 0x1801, 0x400400001ull,
     "fast strings on, no BTS, no PEBS; the CPUID limit and XD-disable bits are only kept"},
    {MSR_DEBUGCTL, 1, MSR_W_IGNORE, NONE, 0, 0, "no branch records"},
    {MSR_MTRR_PHYS, 16, MSR_W_PAIR, 1, 0, 0, "kept: the host decides on caching"},
    {MSR_MTRR_FIX_64K, 1, MSR_W_TYPES, 17, WB16, 0, "likewise"},
    {MSR_MTRR_FIX_16K, 1, MSR_W_TYPES, 18, WB16, 0, "likewise"},
    {MSR_MTRR_FIX_16K + 1, 1, MSR_W_TYPES, 19, UC16, 0, "the VGA window"},
    {MSR_MTRR_FIX_4K, 8, MSR_W_TYPES, 20, WB16, 0, "likewise"},
    {MSR_PAT, 1, MSR_W_PAT, 28, 0x0007040600070406ull, 0, "kept, for hosts that do not"},
    {MSR_MTRR_DEF_TYPE, 1, MSR_W_DEF_TYPE, 29, 0xC06, 0, "on, write-back"},
    {MSR_AMD_TSC_RATIO, 1, MSR_W_IGNORE, NONE, BIT64(32), 0, "1.0: SVM is not offered"},
    {0xC0010000u, 8, MSR_W_IGNORE, NONE, 0, 0, "K7 counters: Linux probes them unasked"},
    {MSR_AMD_SYSCFG, 1, MSR_W_IGNORE, NONE, 0, 0, "no TOM2, no memory encryption"},
    {MSR_AMD_HWCR, 1, MSR_W_MASK, 30, BIT64(24), BIT64(18) | BIT64(30),
     "bit 24: the TSC counts at P0 frequency, which Linux demands of an invariant TSC"},
    {0xC001001Au, 1, MSR_W_IGNORE, NONE, 0, 0, "TOP_MEM: E820 tells"},
    {0xC001001Du, 1, MSR_W_IGNORE, NONE, 0, 0, "TOP_MEM2: likewise"},
    {MSR_AMD_NB_CFG, 1, MSR_W_IGNORE, NONE, 0, 0, "there is no north bridge"},
    {MSR_AMD_PATCH_LOADER, 1, MSR_W_IGNORE, NONE, 0, 0, "the host owns the microcode"},
    {MSR_AMD_INT_PENDING, 1, MSR_W_IGNORE, NONE, 0, 0, "no C1E"},
    {0xC0010058u, 1, MSR_W_IGNORE, NONE, 0, 0, "MMIO_CONF_BASE: no such window"},
    {MSR_AMD_VM_CR, 1, MSR_W_IGNORE, NONE, 0x18, 0, "SVM is disabled, and locked so"},
    {0xC0010200u, 12, MSR_W_IGNORE, NONE, 0, 0, "PERF_CTL and PERF_CTR: no counters"},
    {0xC0011020u, 4, MSR_W_IGNORE, NONE, 0, 0, "LS, IC, DC, BU configuration: the host's"},
    {MSR_AMD_DE_CFG, 1, MSR_W_IGNORE, NONE, BIT64(1), 0, "LFENCE serialises"},
    {MSR_AMD_FP_CFG, 1, MSR_W_IGNORE, NONE, 0, 0, "Linux's Zen 1 mitigation: the host has its own"},
    {0xC001102Au, 1, MSR_W_IGNORE, NONE, 0, 0, "BU_CFG2: the host's"},
};

#define MSR_RULES (sizeof(msr_rules) / sizeof(msr_rules[0]))

static const struct msr_rule *msr_find(uint32_t index)
{
    for (uint32_t i = 0; i < MSR_RULES; i++) {
        if (index - msr_rules[i].first < msr_rules[i].count) {
            return &msr_rules[i];
        }
    }
    return NULL;
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

#define MSR_TYPES_MTRR 0x73u /* UC, WC, WT, WP, WB            */
#define MSR_TYPES_PAT  0xF3u /* and UC-, as [SDM] 12.12.2 says */

static bool msr_type_valid(uint64_t type)
{
    return type < 8 && (MSR_TYPES_MTRR >> type & 1u) != 0;
}

static bool msr_acceptable(const struct msr_rule *rule, uint32_t index, uint64_t value)
{
    switch (rule->write) {
    case MSR_W_TYPES:
        return msr_types_valid(value, MSR_TYPES_MTRR);
    case MSR_W_PAT:
        return msr_types_valid(value, MSR_TYPES_PAT);
    case MSR_W_DEF_TYPE:
        return (value & ~0xCFFull) == 0 && msr_type_valid(value & 0xFF);
    case MSR_W_PAIR:
        if ((index & 1u) == 0) {
            return (value & (MSR_RESERVED_PHYS | 0xF00)) == 0 && msr_type_valid(value & 0xFF);
        }
        return (value & (MSR_RESERVED_PHYS | 0x7FF)) == 0;
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

enum msr_result msr_read(const struct msr_bank *bank, uint32_t index, uint64_t *value)
{
    const struct msr_rule *rule = msr_find(index);
    if (rule == NULL) {
        return MSR_FAULT;
    }
    *value = rule->slot == NONE ? rule->reset : bank->slot[rule->slot + (index - rule->first)];
    return MSR_DONE;
}

enum msr_result msr_write(struct msr_bank *bank, uint32_t index, uint64_t value)
{
    const struct msr_rule *rule = msr_find(index);
    if (rule == NULL || !msr_acceptable(rule, index, value)) {
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
            valid = valid && msr_acceptable(rule, rule->first + n, value) &&
                    ((value ^ rule->reset) & fixed) == 0;
        }
    }
    return valid;
}

bool addr_canonical(uint64_t addr)
{
    uint64_t high = addr >> 47;
    return high == 0 || high == 0x1FFFF;
}
