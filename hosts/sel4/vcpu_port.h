/* SPDX-License-Identifier: BSD-2-Clause
 * The calls of a vCPU that is in its component's slot PART_CAP_VCPU: a vmm's, or the keeper's helper. */
#ifndef SEL4_VCPU_PORT_H
#define SEL4_VCPU_PORT_H

#include "sel4/parts.h"
#include "sel4/sys.h"
#include "sel4/vmx/vcpu.h"

static inline uint64_t vcpu_port_read(void *host, uint32_t field)
{
    (void)host;
    return sys_vmcs_read(PART_CAP_VCPU, field);
}

static inline uint64_t vcpu_port_write(void *host, uint32_t field, uint64_t value)
{
    (void)host;
    return sys_vmcs_write(PART_CAP_VCPU, field, value);
}

static inline void vcpu_port_write_gprs(void *host, const uint64_t gpr[VMX_GPRS])
{
    (void)host;
    sys_vcpu_set_gprs(PART_CAP_VCPU, gpr);
}

#endif
