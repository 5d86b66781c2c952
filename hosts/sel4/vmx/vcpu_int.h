/* SPDX-License-Identifier: BSD-2-Clause
 * What the parts of the vCPU share: start.c, regs.c, own.c, exit.c and entry.c only. */
#ifndef SEL4_VMX_VCPU_INT_H
#define SEL4_VMX_VCPU_INT_H

#include "sel4/vmx/vcpu.h"

#define VECTOR_DB 1u
#define VECTOR_UD 6u
#define VECTOR_GP 13u
#define VECTOR_AC 17u

/* Bits of CR0 that the host keeps: VMX wants NE set, and a guest that switches caching off (CD) would
 * only slow itself and others down: its device registers are not cached in any case. */
#define CR0_OWNED (CR0_NE | CR0_CD | CR0_NW)
#define CR0_REAL  CR0_NE
#define CR4_VMXE  (1ull << 13)

#define PENDING_BS 0x4000ull /* of pending debug exceptions */

#define DR6_ONES 0xFFFF0FF0ull
#define DR6_BD   0x2000ull
#define DR6_BS   0x4000ull
#define DR7_ONES 0x400ull
#define DR7_GD   0x2000ull

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

/* own.c: an exit that the core never hears of. True if it was one; what it did is in *v. */
bool vmx_own_exit(struct vmx_vcpu *v, const struct vmx_exit_info *info);
/* own.c: the guest gets this instead of the instruction. */
void vmx_raise(struct vmx_vcpu *v, uint32_t vector, bool has_code);

#endif
