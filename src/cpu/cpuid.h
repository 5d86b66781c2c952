/* SPDX-License-Identifier: BSD-2-Clause
 * What the guest sees through CPUID: the host's leaves, seen through a reviewed policy.
 *
 * The policy is the lists in cpuid_list.h. From them, from what the host supports and from what the
 * system file asks for, cpuid_build() makes the guest's processor once; cpuid_answer() then answers
 * leaf by leaf. A feature or leaf that the lists do not name is never offered.
 *
 * The host's answers are what it can support: on KVM the list of KVM_GET_SUPPORTED_CPUID, on a raw
 * host the processor's own.
 * Spec: [SDM] vol. 2A, CPUID; [APM] vol. 3, appendix E; docs/design/cpu-policy.md. */
#ifndef CPU_CPUID_H
#define CPU_CPUID_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/cpuid_list.h"
#include "cpu/xcr.h"
#include "system/image.h"

#define CPUID_MAX_BASIC      0x16u       /* at least: 0x15 and 0x16 tell the guest its clocks */
#define CPUID_MAX_EXTENDED   0x80000008u /* at least: 0x80000007 says that the TSC is invariant */
#define CPUID_LAST_BASIC     0x18u
#define CPUID_LAST_EXTENDED  0x80000021u
#define CPUID_HYPERVISOR     0x40000000u
#define CPUID_HYPERVISOR_MAX 0x40000010u /* eax: TSC kHz, ebx: APIC timer kHz */
#define CPUID_EXTRA          6u          /* leaves that cpuid_extra adds */

#define CPUID_MODEL_SIGNATURE 0x00060FB1u /* family 15, model 107, stepping 1 */

/* One leaf, as asked (leaf, subleaf) and as answered. */
struct cpuid_leaf {
    uint32_t leaf;
    uint32_t subleaf;
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

enum cpuid_reg {
    CPUID_EAX,
    CPUID_EBX,
    CPUID_ECX,
    CPUID_EDX,
};

/* Registers that hold features, and features: word * 32 + bit. Features are called as the lists call
 * them, so that a reader can search for them. */
#define CPUID_WORD_ENUM(word, leaf, sub, reg) CPUID_##word,
enum cpuid_word { CPUID_WORD_LIST(CPUID_WORD_ENUM) CPUID_WORDS };

#define CPUID_FEATURE_ENUM(word, bit, name, intel, amd, level, why) \
    CPUID_F_##name = CPUID_##word * 32 + (bit),
enum cpuid_feature { CPUID_FEATURES(CPUID_FEATURE_ENUM) CPUID_F_END = CPUID_WORDS * 32 };

_Static_assert((unsigned)CPUID_WORDS == SYSTEM_CPU_WORDS,
               "the image has a word for each: a new format");

/* What the lists say of a feature on a host of one vendor. */
enum cpuid_action {
    CPUID_MASK,
    CPUID_PASS,
    CPUID_HOST,
    CPUID_CORE,
};

struct cpuid_policy {
    uint32_t tsc_khz; /* of the guest's TSC, not 0 */
    uint32_t apic_id; /* 0 to 255                  */
    bool lapic;       /* the board has a local APIC */
    bool tsc_deadline;
    bool host_switches; /* the host's kernel keeps the MSRs and registers behind CPUID_HOST apart */
    uint64_t xcr0_fixed; /* not 0: the host cannot switch XCR0, and this is its value          */
    const struct system_vm *system; /* which model, which features on and off; NULL: the host's */
};

/* Where the host's own answers come from: fills eax to edx. */
struct cpuid_source {
    void (*read)(void *host, struct cpuid_leaf *leaf); /* NULL: a host that offers nothing */
    void *host;
};

/* The guest's processor. Built once, never changed. */
struct cpuid_cpu {
    uint32_t word[CPUID_WORDS]; /* features offered */
    struct xcr xcr;
    uint32_t model; /* enum system_cpu_model */
    uint32_t signature;
    uint32_t max_basic;
    uint32_t max_extended;
    uint32_t phys_bits;
    uint32_t tsc_khz;
    uint32_t ratio_n; /* leaf 0x15: TSC = APIC timer's clock * ratio_n / ratio_d */
    uint32_t ratio_d;
    uint32_t apic_id;
    bool amd; /* the host is AMD's or Hygon's; else the rules for Intel hold */
};

/* What CPUID tells of the guest's own state. */
struct cpuid_now {
    uint64_t cr4;
    uint64_t xcr0;
    bool lapic_on; /* IA32_APIC_BASE.EN          */
    bool code_64;  /* it is 64-bit code that asks */
};

/* Makes the guest's processor. False: features that the model or the system file demands cannot be
 * had; missing[] has them, and *cpu is without them.
 * @pre policy->tsc_khz is not 0. */
bool cpuid_build(struct cpuid_cpu *cpu, const struct cpuid_policy *policy,
                 const struct cpuid_source *source, uint32_t missing[CPUID_WORDS]);

/* Turns the host's answer into the guest's. */
void cpuid_answer(const struct cpuid_cpu *cpu, const struct cpuid_now *now,
                  struct cpuid_leaf *leaf);

/* The leaves that a table of the host's leaves may lack and the guest needs; those that it has may
 * be skipped, they would be the same. Writes at most `max` of them; returns how many were written.
 * CPUID_EXTRA is enough. */
uint32_t cpuid_extra(const struct cpuid_cpu *cpu, struct cpuid_leaf *out, uint32_t max);

/* Why `feature` is not offered, for a message: it needs the one that is returned, which is not
 * offered either; or CPUID_F_END: the policy masks it or the host lacks it. */
enum cpuid_feature cpuid_lacks(const struct cpuid_cpu *cpu, enum cpuid_feature feature);

static inline bool cpuid_has(const struct cpuid_cpu *cpu, enum cpuid_feature feature)
{
    return (cpu->word[(uint32_t)feature / 32u] >> ((uint32_t)feature % 32u) & 1u) != 0;
}

#endif
