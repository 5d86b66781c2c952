/* SPDX-License-Identifier: BSD-2-Clause
 * The shadow decoder, for tests: KVM decodes and emulates what touches a device, and our decoder looks over
 * its shoulder. Every access that KVM reports must be one that our decoder finds in the bytes at RIP:
 * same address, same size, same direction.
 *
 * BULKHEAD_SHADOW=2 in the environment compares every access, at about twice the price of an exit. With 1,
 * each address is looked at in its first accesses (SHADOW_FIRST, by size and direction) and from then on in
 * one of SHADOW_EACH: an RTOS that writes an EOI each millisecond still has time for it. */
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

#define SHADOW_SLOTS 256u
#define SHADOW_FIRST 256u
#define SHADOW_EACH  16u

/* Which accesses were seen how often. */
struct shadow_watch {
    uint32_t level; /* 0: off, 1: as said above, 2: everything */
    struct {
        uint64_t key;
        uint32_t count;
    } slot[SHADOW_SLOTS];
};

/* What the environment asks for: the level. */
uint32_t shadow_wanted(void);

/* Whether this access is to be compared. */
bool shadow_due(struct shadow_watch *w, const struct vm_exit_mmio *access);

/* One access. `regs` is what KVM_GET_REGS and KVM_GET_SREGS say at this exit: for a read the state before
 * the instruction; for a write that after it, or after one round of a repeated one. */
enum shadow_verdict shadow_judge(const struct vcpu_regs *regs, const struct gmem *mem,
                                 const struct vm_exit_mmio *access);

/* The same, counted; the last one that differs is kept with its bytes. */
void shadow_count(struct report_shadow *r, const struct vcpu_regs *regs, const struct gmem *mem,
                  const struct vm_exit_mmio *access);

#endif
