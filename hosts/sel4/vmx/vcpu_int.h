/* SPDX-License-Identifier: BSD-2-Clause
 * What the parts of the vCPU share: start.c, regs.c, exit.c and entry.c only. */
#ifndef SEL4_VMX_VCPU_INT_H
#define SEL4_VMX_VCPU_INT_H

#include "sel4/vmx/vcpu.h"

#define VECTOR_DB 1u
#define VECTOR_AC 17u

/* What the processor has in the bits of CR0 and CR4 that are not the guest's (cpu/cr.h says which). */
#define CR0_REAL (CR0_ET | CR0_NE)
#define CR4_VMXE (1ull << 13)
#define CR4_REAL (CR4_VMXE | CR4_MCE)

#define PENDING_BS 0x4000ull /* of pending debug exceptions */

static inline uint64_t vmx_read(const struct vmx_vcpu *v, uint32_t field)
{
    return v->port.read(v->port.host, field);
}

static inline uint64_t vmx_write(const struct vmx_vcpu *v, uint32_t field, uint64_t value)
{
    return v->port.write(v->port.host, field, value);
}

/* regs.c: the VMCS's copy of what the guest cannot take an interrupt for. */
void vmx_set_blocked(struct vmx_vcpu *v, uint32_t blocked);
/* regs.c: the entry control that says in which mode the guest is. */
void vmx_set_long_mode(struct vmx_vcpu *v, bool on);

/* vectors.c: REGS_VEC and REGS_MMX of `groups`. @pre if there are any: the port has a page; the VMCS is the guest's,
 * ready for the next entry. */
void vmx_vectors_fetch(struct vmx_vcpu *v, uint32_t groups, struct vcpu_regs *regs);
void vmx_vectors_store(struct vmx_vcpu *v, uint32_t groups, const struct vcpu_regs *regs);

#endif
