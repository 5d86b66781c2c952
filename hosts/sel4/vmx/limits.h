/* SPDX-License-Identifier: BSD-2-Clause
 * CPUID under seL4: what the processor says, less what the kernel does not switch between guests or
 * the VMCS does not enable. The core's policy (cpu/cpuid.h) comes after it.
 * Spec: [SDM] vol. 2A, CPUID; vol. 3A, 2.5 (CR4); vol. 1, 13.2 (sizes of the XSAVE area). */
#ifndef SEL4_VMX_LIMITS_H
#define SEL4_VMX_LIMITS_H

#include <stdint.h>

#include "cpu/cpuid.h"
#include "sel4/vmx/vcpu.h"

/* `leaf` holds what CPUID said to this thread. `guest_cr4` matters for leaf 1, `guest_xcr0` for 0xD;
 * host_xcr0 is what XGETBV says here, or 0 if the kernel runs without XSAVE. */
struct vmx_cpuid_view {
    uint64_t host_xcr0;
    uint64_t guest_xcr0;
    uint64_t guest_cr4;
    uint32_t secondary; /* SECONDARY_*, as they stuck */
};
void vmx_cpuid_limit(const struct vmx_cpuid_view *view, struct cpuid_leaf *leaf);

#endif
