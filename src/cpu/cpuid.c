/* SPDX-License-Identifier: BSD-2-Clause
 * Building the guest's processor from the lists, the host and the system file. */
#include "cpu/cpuid.h"

#include "base/bits.h"
#include "base/string.h"
#include "vm/time.h"

struct cpuid_place {
    uint32_t leaf;
    uint8_t subleaf;
    uint8_t reg; /* enum cpuid_reg */
};

#define CPUID_PLACE(word, leaf, sub, reg) {leaf, sub, CPUID_##reg},
static const struct cpuid_place cpuid_places[CPUID_WORDS] = {CPUID_WORD_LIST(CPUID_PLACE)};

struct cpuid_row {
    uint16_t feature;
    uint8_t action[2]; /* enum cpuid_action: Intel, AMD */
    uint8_t level;
};

#define CPUID_ROW(word, bit, name, intel, amd, level, why) \
    {CPUID_F_##name, {CPUID_##intel, CPUID_##amd}, level},
static const struct cpuid_row cpuid_rows[] = {CPUID_FEATURES(CPUID_ROW)};

#define CPUID_PAIR(feature, needs) {CPUID_F_##feature, CPUID_F_##needs},
static const uint16_t cpuid_needs[][2] = {CPUID_NEEDS(CPUID_PAIR)};

#define CPUID_ROWS       (sizeof(cpuid_rows) / sizeof(cpuid_rows[0]))
#define CPUID_NEEDS_ROWS (sizeof(cpuid_needs) / sizeof(cpuid_needs[0]))
#define CPUID_CHAIN      16u /* longer than any chain of needs; a test holds that */

static bool set_has(const uint32_t *set, uint32_t feature)
{
    return (set[feature / 32u] >> (feature % 32u) & 1u) != 0;
}

static void set_add(uint32_t *set, uint32_t feature)
{
    set[feature / 32u] |= BIT32(feature % 32u);
}

static void set_remove(uint32_t *set, uint32_t feature)
{
    set[feature / 32u] &= ~BIT32(feature % 32u);
}

/* Takes away what stands on features that are not there. */
static void set_close(uint32_t *set)
{
    bool again = true;
    for (uint32_t turn = 0; again && turn < CPUID_CHAIN; turn++) { /* bound: CPUID_CHAIN */
        again = false;
        for (uint32_t i = 0; i < CPUID_NEEDS_ROWS; i++) { /* bound: CPUID_NEEDS_ROWS */
            if (set_has(set, cpuid_needs[i][0]) && !set_has(set, cpuid_needs[i][1])) {
                set_remove(set, cpuid_needs[i][0]);
                again = true;
            }
        }
    }
}

static struct cpuid_leaf cpuid_ask(const struct cpuid_source *source, uint32_t leaf,
                                   uint32_t subleaf)
{
    struct cpuid_leaf l = {.leaf = leaf, .subleaf = subleaf};
    if (source->read != NULL) {
        source->read(source->host, &l);
    }
    return l;
}

static uint32_t cpuid_reg_of(const struct cpuid_leaf *l, uint32_t reg)
{
    const uint32_t regs[4] = {l->eax, l->ebx, l->ecx, l->edx};
    return regs[reg & 3u];
}

static uint32_t cpuid_clamp(uint32_t x, uint32_t least, uint32_t most)
{
    if (x < least) {
        return least;
    }
    return x > most ? most : x;
}

/* "AuthenticAMD", "HygonGenuine": their processors follow AMD's manual. */
static bool cpuid_is_amd(const struct cpuid_leaf *l)
{
    bool amd = l->ebx == 0x68747541u && l->edx == 0x69746E65u && l->ecx == 0x444D4163u;
    bool hygon = l->ebx == 0x6F677948u && l->edx == 0x6E65476Eu && l->ecx == 0x656E6975u;
    return amd || hygon;
}

/* The words of the host. What lies beyond its maximum is another leaf's answer on some processors. */
static void cpuid_read_words(const struct cpuid_source *source, uint32_t max_basic,
                             uint32_t max_extended, uint32_t *word)
{
    for (uint32_t i = 0; i < CPUID_WORDS; i++) { /* bound: CPUID_WORDS */
        const struct cpuid_place *p = &cpuid_places[i];
        uint32_t max = p->leaf >= 0x80000000u ? max_extended : max_basic;
        if (p->leaf <= max) {
            struct cpuid_leaf l = cpuid_ask(source, p->leaf, p->subleaf);
            word[i] = cpuid_reg_of(&l, p->reg);
        }
    }
}

/* What the core provides, whatever the host has. */
static void cpuid_add_core(const struct cpuid_policy *p, bool named, uint32_t *set)
{
    static const uint16_t always[] = {CPUID_F_hypervisor, CPUID_F_arat, CPUID_F_invtsc,
                                      CPUID_F_osxsave, CPUID_F_ospke};
    for (uint32_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) { /* bound: 5 */
        set_add(set, always[i]);
    }
    if (p->lapic) {
        set_add(set, CPUID_F_apic);
    }
    /* Hosts differ in this one, so a named model has it only where it is asked for. */
    bool asked = p->system != NULL && set_has(p->system->cpu_on, CPUID_F_tsc_deadline_timer);
    if (p->lapic && p->tsc_deadline && (!named || asked)) {
        set_add(set, CPUID_F_tsc_deadline_timer);
    }
}

/* What a row lets through of the host's features. */
static bool cpuid_row_passes(const struct cpuid_row *row, const struct cpuid_cpu *cpu,
                             const struct cpuid_policy *p)
{
    uint8_t action = row->action[cpu->amd ? 1 : 0];
    bool on = p->system != NULL && set_has(p->system->cpu_on, row->feature);
    bool off = p->system != NULL && set_has(p->system->cpu_off, row->feature);
    bool wanted = cpu->model == SYSTEM_CPU_HOST || on ||
                  (row->level != 0 && row->level <= cpu->model) || action == CPUID_CORE;
    bool may =
        action == CPUID_PASS || action == CPUID_CORE || (action == CPUID_HOST && p->host_switches);
    return wanted && may && !off;
}

/* Sizes of the offered components; one whose size cannot be is not offered. */
static void cpuid_read_xcr(struct cpuid_cpu *cpu, const struct cpuid_source *source, uint64_t fixed)
{
    uint32_t *offered = &cpu->word[CPUID_WD_0_EAX];
    if (fixed != 0) {
        *offered &= (uint32_t)fixed;
    }
    for (uint32_t i = 2; i < XCR_PARTS; i++) {
        if ((*offered & BIT32(i)) == 0) {
            continue;
        }
        struct cpuid_leaf l = cpuid_ask(source, 0x0D, i);
        const struct xcr_part part = {l.eax, l.ebx, l.ecx >> 1 & 1u};
        bool user = (l.ecx & 1u) == 0;
        if (user && xcr_part_valid(&part)) {
            cpu->xcr.part[i] = part;
        } else {
            *offered &= ~BIT32(i);
        }
    }
}

static void cpuid_read_limits(struct cpuid_cpu *cpu, const struct cpuid_source *source,
                              uint32_t max_basic, uint32_t max_extended)
{
    struct cpuid_leaf widths = {.eax = 0};
    if (max_extended >= 0x80000008u && max_extended < 0x90000000u) {
        widths = cpuid_ask(source, 0x80000008u, 0);
    }
    cpu->phys_bits = cpuid_clamp((widths.eax & 0xFFu) != 0 ? widths.eax & 0xFFu : 36u, 32, 52);
    if (cpu->model != SYSTEM_CPU_HOST) {
        cpu->signature = CPUID_MODEL_SIGNATURE;
        cpu->max_basic = CPUID_MAX_BASIC;
        cpu->max_extended = CPUID_MAX_EXTENDED;
        /* No more than there are: what the guest put into the others would fault. */
        cpu->phys_bits = cpuid_clamp(cpu->phys_bits, 32, SYSTEM_CPU_MODEL_BITS);
        return;
    }
    cpu->signature = cpuid_ask(source, 1, 0).eax;
    cpu->max_basic = cpuid_clamp(max_basic, CPUID_MAX_BASIC, CPUID_LAST_BASIC);
    cpu->max_extended = cpuid_clamp(max_extended, CPUID_MAX_EXTENDED, CPUID_LAST_EXTENDED);
}

/* What the model and the system file demand. What the file switches off is not demanded, nor what
 * stands on it. */
static void cpuid_demanded(const struct cpuid_cpu *cpu, const struct cpuid_policy *p, uint32_t *set)
{
    const struct system_vm *s = p->system;
    for (uint32_t i = 0; i < CPUID_ROWS; i++) { /* bound: CPUID_ROWS */
        const struct cpuid_row *row = &cpuid_rows[i];
        bool off = s != NULL && set_has(s->cpu_off, row->feature);
        if (row->level != 0 && row->level <= cpu->model && !off) {
            set_add(set, row->feature);
        }
    }
    set_close(set);
    for (uint32_t i = 0; s != NULL && i < CPUID_WORDS; i++) { /* bound: CPUID_WORDS */
        set[i] |= s->cpu_on[i];
    }
}

/* Linux computes crystal kHz * numerator in 32 bits; a crystal of 10^6 kHz leaves it this much. */
#define CPUID_RATIO_MAX 4294u

/* |n / d - tsc_khz / 10^6|, times d * 10^6. */
static uint64_t cpuid_ratio_error(uint32_t tsc_khz, uint32_t n, uint32_t d)
{
    uint64_t a = (uint64_t)n * VM_NS_PER_MS;
    uint64_t b = (uint64_t)tsc_khz * d;
    return a > b ? a - b : b - a;
}

/* Leaf 0x15, with the APIC timer's clock as crystal: the nearest ratio whose terms Linux can compute with;
 * 0x40000010 has the exact frequency. Found once: it takes too long for an exit. */
static void cpuid_find_ratio(struct cpuid_cpu *cpu)
{
    cpu->ratio_n = 1;
    cpu->ratio_d = 1;
    for (uint32_t d = 1; d <= CPUID_RATIO_MAX; d++) { /* bound: CPUID_RATIO_MAX */
        uint64_t n = ((uint64_t)cpu->tsc_khz * d + VM_NS_PER_MS / 2) / VM_NS_PER_MS;
        if (n == 0 || n > CPUID_RATIO_MAX) {
            continue;
        }
        uint64_t error = cpuid_ratio_error(cpu->tsc_khz, (uint32_t)n, d);
        uint64_t best = cpuid_ratio_error(cpu->tsc_khz, cpu->ratio_n, cpu->ratio_d);
        if (error * cpu->ratio_d < best * d) {
            cpu->ratio_n = (uint32_t)n;
            cpu->ratio_d = d;
        }
    }
}

bool cpuid_build(struct cpuid_cpu *cpu, const struct cpuid_policy *policy,
                 const struct cpuid_source *source, uint32_t missing[CPUID_WORDS])
{
    uint32_t word[CPUID_WORDS] = {0};
    struct cpuid_leaf zero = cpuid_ask(source, 0, 0);
    uint32_t max_extended = cpuid_ask(source, 0x80000000u, 0).eax;
    memset(cpu, 0, sizeof(*cpu));
    cpu->tsc_khz = policy->tsc_khz;
    cpuid_find_ratio(cpu);
    cpu->apic_id = policy->apic_id;
    cpu->model = policy->system != NULL ? policy->system->cpu_model : SYSTEM_CPU_HOST;
    cpu->amd = cpuid_is_amd(&zero);
    cpuid_read_words(source, zero.eax, max_extended, word);
    cpuid_read_limits(cpu, source, zero.eax, max_extended);
    /* What a CORE feature is, the host has no say in. */
    for (uint32_t i = 0; i < CPUID_ROWS; i++) { /* bound: CPUID_ROWS */
        if (cpuid_rows[i].action[0] == CPUID_CORE) {
            set_remove(word, cpuid_rows[i].feature);
        }
    }
    cpuid_add_core(policy, cpu->model != SYSTEM_CPU_HOST, word);
    for (uint32_t i = 0; i < CPUID_ROWS; i++) { /* bound: CPUID_ROWS */
        const struct cpuid_row *row = &cpuid_rows[i];
        if (set_has(word, row->feature) && cpuid_row_passes(row, cpu, policy)) {
            set_add(cpu->word, row->feature);
        }
    }
    cpuid_read_xcr(cpu, source, policy->xcr0_fixed);
    set_close(cpu->word);
    cpu->xcr.offered = cpu->word[CPUID_WD_0_EAX];
    cpu->xcr.fixed = policy->xcr0_fixed & cpu->xcr.offered;
    bool complete = true;
    memset(missing, 0, CPUID_WORDS * sizeof(missing[0]));
    cpuid_demanded(cpu, policy, missing);
    for (uint32_t i = 0; i < CPUID_WORDS; i++) { /* bound: CPUID_WORDS */
        missing[i] &= ~cpu->word[i];
        complete = complete && missing[i] == 0;
    }
    return complete;
}

enum cpuid_feature cpuid_lacks(const struct cpuid_cpu *cpu, enum cpuid_feature feature)
{
    for (uint32_t i = 0; i < CPUID_NEEDS_ROWS; i++) { /* bound: CPUID_NEEDS_ROWS */
        if (cpuid_needs[i][0] == (uint32_t)feature && !set_has(cpu->word, cpuid_needs[i][1])) {
            return (enum cpuid_feature)cpuid_needs[i][1];
        }
    }
    return CPUID_F_END;
}
