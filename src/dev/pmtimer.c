/* SPDX-License-Identifier: BSD-2-Clause
 * ACPI power-management timer. Contract and references: dev/pmtimer.h. */
#include "dev/pmtimer.h"

#include <stddef.h>

#include "base/arith.h"
#include "base/string.h"
#include "dev/pmtimer_state.h"

#define PMTIMER_CARRY_BIT 31u

/* Input clocks since reset, all 64 bits of them. */
static uint64_t pmtimer_clocks_at(const struct pmtimer_regs *r, vm_ns_t now)
{
    return now > r->started_at ? u64_scale(now - r->started_at, PMTIMER_HZ, VM_NS_PER_S) : 0u;
}

static uint64_t pmtimer_read(void *dev, struct bus_access a, vm_ns_t now)
{
    const struct pmtimer *t = dev;
    (void)a;
    return (uint32_t)pmtimer_clocks_at(&t->regs, now);
}

/* TMR_VAL is read-only. */
static void pmtimer_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    (void)dev;
    (void)a;
    (void)val;
    (void)now;
}

/* The next change of the top bit after those already signalled, if anybody is to be told. */
static vm_ns_t pmtimer_deadline(const void *dev)
{
    const struct pmtimer *t = dev;
    const struct pmtimer_regs *r = &t->regs;
    uint64_t clocks = (r->carries + 1u) << PMTIMER_CARRY_BIT;
    vm_ns_t at;
    if (t->wiring.carry.set == NULL) {
        return VM_NS_NEVER;
    }
    uint64_t after_ns = u64_scale_up(clocks, VM_NS_PER_S, PMTIMER_HZ);
    return u64_add(r->started_at, after_ns, &at) ? at : VM_NS_NEVER;
}

/* However many changes were missed, one pulse tells: TMR_STS is a single sticky bit. */
static void pmtimer_tick(void *dev, vm_ns_t now)
{
    struct pmtimer *t = dev;
    uint64_t carries = pmtimer_clocks_at(&t->regs, now) >> PMTIMER_CARRY_BIT;
    if (carries > t->regs.carries) {
        t->regs.carries = carries;
        irq_line_pulse(&t->wiring.carry);
    }
}

void pmtimer_init(struct pmtimer *t, const struct pmtimer_wiring *w)
{
    memset(t, 0, sizeof(*t));
    t->wiring = *w;
}

void pmtimer_reset(struct pmtimer *t, vm_ns_t now)
{
    t->regs.started_at = now;
    t->regs.carries = 0;
}

/* 2^64 ns are fewer than 2^57 clocks. */
bool pmtimer_valid(const struct pmtimer *t)
{
    return t->regs.carries < (1ull << (57u - PMTIMER_CARRY_BIT));
}

const struct bus_window pmtimer_windows[PMTIMER_WINDOWS] = {
    {.space = BUS_PIO, .widths = BUS_W4, .len = PMTIMER_BYTES, .base = PMTIMER_PORT},
};

const struct bus_dev_ops pmtimer_ops = {
    .read = pmtimer_read,
    .write = pmtimer_write,
    .deadline = pmtimer_deadline,
    .tick = pmtimer_tick,
};
