/* SPDX-License-Identifier: BSD-2-Clause
 * Guest time. The host supplies the guest's TSC; this is the one place where it becomes nanoseconds.
 *
 * Everything in the core counts guest nanoseconds since the guest's TSC was zero. Time only comes in
 * as an argument. Ticks that are due are counted by arithmetic, so none is lost however late a call.
 * Spec: [SDM] Intel 64 and IA-32 SDM vol. 3B, 18.17 (time-stamp counter). */
#ifndef VM_TIME_H
#define VM_TIME_H

#include <stdint.h>

#include "base/arith.h"

typedef uint64_t vm_ns_t; /* guest nanoseconds */

#define VM_NS_NEVER  UINT64_MAX
#define VM_NS_PER_S  1000000000u
#define VM_NS_PER_MS 1000000u
#define VM_APIC_HZ   1000000000u /* LAPIC timer input before the divider: one count is 1 ns */
#define VM_APIC_KHZ  (VM_APIC_HZ / 1000u)

/* How fast the guest's TSC counts. @pre tsc_khz is not 0. */
struct vm_clock {
    uint32_t tsc_khz;
};

/* Guest ns at TSC value `tsc`, rounded down. */
static inline vm_ns_t clock_ns_at(const struct vm_clock *c, uint64_t tsc)
{
    return u64_scale(tsc, VM_NS_PER_MS, c->tsc_khz);
}

/* Guest ns by which the TSC has reached `tsc`, rounded up; saturates at VM_NS_NEVER. */
static inline vm_ns_t clock_ns_by(const struct vm_clock *c, uint64_t tsc)
{
    return u64_scale_up(tsc, VM_NS_PER_MS, c->tsc_khz);
}

/* First TSC value at which clock_ns_at() is at least `ns`: deadlines round up, never early. */
static inline uint64_t clock_tsc_by(const struct vm_clock *c, vm_ns_t ns)
{
    return u64_scale_up(ns, c->tsc_khz, VM_NS_PER_MS);
}

static inline vm_ns_t vm_ns_min(vm_ns_t a, vm_ns_t b)
{
    return a < b ? a : b;
}

/* What a periodic timer does with ticks that came due while the guest could not take them. */
enum tick_policy {
    TICK_CATCH_UP = 0, /* keep a backlog: one interrupt per EOI until it is empty */
    TICK_COALESCE = 1, /* merge them, as bare hardware would */
};

/* What became of a timer's ticks. due = delivered + backlog + merged at any time between exits. */
struct tick_counts {
    uint64_t due;       /* expirations so far                                   */
    uint64_t delivered; /* turned into an interrupt request                     */
    uint64_t backlog;   /* still owed to the guest (catch-up only)              */
    uint64_t merged;    /* lost in an interrupt already pending (coalesce), or
                           given up because the guest reprogrammed the timer    */
};

#endif
