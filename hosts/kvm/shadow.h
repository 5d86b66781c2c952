/* SPDX-License-Identifier: BSD-2-Clause
 * The shadow decoder, for tests: KVM decodes and emulates what touches a device, and our decoder looks over
 * its shoulder. Every access that KVM reports must be one that our decoder finds in the bytes at RIP:
 * same address, same size, same direction.
 *
 * With BULKHEAD_SHADOW=1 in the environment every access is compared. */
#ifndef KVM_SHADOW_H
#define KVM_SHADOW_H

#include <stdbool.h>

#include "cpu/decode.h"
#include "kvm/report.h"
#include "vm/exit.h"
#include "vm/gmem.h"
#include "vm/regs.h"

enum shadow_verdict {
    SHADOW_FITS,
    SHADOW_DIFFERS,
    SHADOW_OPEN, /* cannot be told: the instruction has overwritten what its address was made of, or jumped */
};

/* An instruction whose operand fitted, whole and in one page; where that page is; and the words of RAM that
 * say so. As long as they hold what they held, the same is found again: see shadow.c. */
struct shadow_line {
    bool known;
    bool ahead;               /* it lies at RIP, and not before it              */
    uint64_t key[6];          /* the registers that its meaning hangs on        */
    struct gmem_watch code;   /* its bytes, and the tables that lead there      */
    struct gmem_watch tables; /* those that lead to its operand                 */
    struct insn insn;
    uint64_t page; /* of the operand: linear ... */
    gpa_t gpa;     /* ... and guest-physical     */
};

#define SHADOW_LINES 64u

/* One VM's. All 0: nothing is remembered yet. */
struct shadow_memory {
    uint64_t hits; /* comparisons that it answered */
    struct shadow_line line[SHADOW_LINES];
};

/* What the environment asks for. */
bool shadow_wanted(void);

/* One access. `regs` is what the vCPU has at this exit: for a read the state before the instruction; for a
 * write that after it, or after one round of a repeated one. `memory` makes it faster, never different;
 * NULL: without. @pre `memory` goes with `mem` */
enum shadow_verdict shadow_judge(const struct vcpu_regs *regs, const struct gmem *mem,
                                 const struct vm_exit_mmio *access, struct shadow_memory *memory);

/* The same, counted; the last one that differs is kept with its bytes. */
void shadow_count(struct report_shadow *r, const struct vcpu_regs *regs, const struct gmem *mem,
                  const struct vm_exit_mmio *access, struct shadow_memory *memory);

#endif
