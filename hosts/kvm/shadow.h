/* SPDX-License-Identifier: BSD-2-Clause
 * The shadow decoder, for tests: KVM decodes and emulates what touches a device, and our decoder looks over
 * its shoulder. Every access that KVM reports must be one that our decoder finds in the bytes at RIP:
 * same address, same size, same direction. BULKHEAD_SHADOW=1 in the environment switches it on. */
#ifndef KVM_SHADOW_H
#define KVM_SHADOW_H

#include <stdbool.h>

#include "kvm/report.h"
#include "vm/exit.h"
#include "vm/gmem.h"
#include "vm/regs.h"

enum shadow_verdict {
    SHADOW_FITS,
    SHADOW_DIFFERS,
    SHADOW_OPEN, /* cannot be told: the instruction has overwritten what its address was made of, or jumped */
};

/* True if the environment asks for it. */
bool shadow_wanted(void);

/* One access. `regs` is what KVM_GET_REGS and KVM_GET_SREGS say at this exit: for a read the state before
 * the instruction; for a write that after it, or after one round of a repeated one. */
enum shadow_verdict shadow_judge(const struct vcpu_regs *regs, const struct gmem *mem,
                                 const struct vm_exit_mmio *access);

/* The same, counted; the last one that differs is kept with its bytes. */
void shadow_count(struct report_shadow *r, const struct vcpu_regs *regs, const struct gmem *mem,
                  const struct vm_exit_mmio *access);

#endif
