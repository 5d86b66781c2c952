/* SPDX-License-Identifier: BSD-2-Clause
 * What the guest sees through CPUID: the host's leaves, seen through a reviewed policy.
 *
 * The input is what the host can support: on KVM the list of KVM_GET_SUPPORTED_CPUID, on a raw host
 * the processor's own answer without what the host's VMCS does not enable. The policy only takes away
 * and adds what the core itself provides; a leaf or feature bit that it does not name is taken away.
 * Spec: [SDM] vol. 2A, CPUID; [APM] vol. 3, appendix E; docs/design/cpu-policy.md. */
#ifndef CPU_CPUID_H
#define CPU_CPUID_H

#include <stdbool.h>
#include <stdint.h>

#define CPUID_MAX_BASIC      0x16u       /* at least: 0x15 and 0x16 tell the guest its clocks */
#define CPUID_MAX_EXTENDED   0x80000008u /* at least: 0x80000007 says that the TSC is invariant */
#define CPUID_HYPERVISOR     0x40000000u
#define CPUID_HYPERVISOR_MAX 0x40000010u /* eax: TSC kHz, ebx: APIC timer kHz */
#define CPUID_EXTRA          6u          /* leaves that cpuid_extra adds */

/* One leaf, as asked (leaf, subleaf) and as answered. */
struct cpuid_leaf {
    uint32_t leaf;
    uint32_t subleaf;
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

struct cpuid_policy {
    uint32_t tsc_khz; /* of the guest's TSC, not 0 */
    uint32_t apic_id; /* 0 to 255                  */
    bool lapic;       /* the board has a local APIC */
    bool tsc_deadline;
};

/* Turns the host's answer into the guest's. Leaves of the core's own (0x15, 0x16, 0x40000000 and on)
 * are answered whatever comes in. @pre policy->tsc_khz is not 0. */
void cpuid_apply(const struct cpuid_policy *policy, struct cpuid_leaf *leaf);

/* The leaves that a table of the host's leaves may lack and the guest needs; those that it has may
 * be skipped, they would be the same. Writes at most `max` of them; returns how many were written.
 * CPUID_EXTRA is enough. */
uint32_t cpuid_extra(const struct cpuid_policy *policy, struct cpuid_leaf *out, uint32_t max);

#endif
