/* SPDX-License-Identifier: BSD-2-Clause
 * The timer component: wakes sleepers at the time they named. It has the HPET's registers and its
 * interrupt, reads one word of each client's, and can signal them; nothing else.
 *
 * A client writes its word and signals; the word is read once, then. Whatever a client writes there, the
 * others are woken when they asked to be: at worst it makes the timer run, within its own budget. */
#include "base/arith.h"
#include "sel4/hpet.h"
#include "sel4/parts.h"
#include "sel4/sys.h"
#include "vm/time.h"

#define FS_PER_NS 1000000u
#define AGAIN     8u /* tries to arm before a deadline that keeps passing */

struct timer {
    uint32_t comparator;
    uint32_t pin;
    uint32_t period_fs;
    struct vm_clock clock;
    uint64_t due[PART_CLIENTS]; /* TSC; UINT64_MAX: asleep for good */
};

static struct timer timer;

/* Wakes whose time has come; returns the next time, or UINT64_MAX. */
static uint64_t wake_due(struct timer *t)
{
    uint64_t next = UINT64_MAX;
    uint64_t now = sys_tsc();
    for (uint32_t i = 0; i < PART_CLIENTS; i++) {
        if (t->due[i] <= now) {
            t->due[i] = UINT64_MAX;
            sys_signal(PART_CAP_CLIENT + i);
        } else if (t->due[i] < next) {
            next = t->due[i];
        }
    }
    return next;
}

static uint64_t ticks_until(const struct timer *t, uint64_t tsc)
{
    uint64_t now = sys_tsc();
    uint64_t ns = tsc <= now ? 0 : clock_ns_by(&t->clock, tsc - now);
    return u64_scale_up(ns, FS_PER_NS, t->period_fs) + 1u;
}

/* Arms the comparator for the next sleeper. A comparator that was passed while it was being written
 * would be silent until the counter wraps: so look again. */
static void arm(struct timer *t)
{
    for (uint32_t i = 0; i < AGAIN; i++) {
        uint64_t next = wake_due(t);
        uint64_t config = HPET_TIMER_ROUTE(t->pin);
        if (next == UINT64_MAX) {
            hpet_write(PART_HPET, HPET_TIMER(t->comparator), config);
            return;
        }
        uint64_t at = hpet_read(PART_HPET, HPET_COUNT) + ticks_until(t, next);
        hpet_write(PART_HPET, HPET_TIMER(t->comparator), config | HPET_TIMER_ON);
        hpet_write(PART_HPET, HPET_COMPARE(t->comparator), at);
        if (hpet_read(PART_HPET, HPET_COUNT) < at) {
            return;
        }
    }
}

static void notified(struct timer *t, uint64_t badge)
{
    for (uint32_t i = 0; i < PART_CLIENTS; i++) {
        if ((badge & (1ull << i)) != 0) {
            const volatile struct part_wake *w = (const volatile struct part_wake *)PART_WAKE(i);
            t->due[i] = w->tsc;
        }
    }
    if ((badge & PART_BADGE_IRQ) != 0) {
        sys_irq_ack(PART_CAP_IRQ);
    }
    arm(t);
}

_Noreturn void timer_main(const struct part_args *args)
{
    struct timer *t = &timer;
    t->comparator = args->hpet_timer;
    t->pin = args->hpet_pin;
    t->period_fs = hpet_period_fs(PART_HPET);
    t->clock.tsc_khz = args->tsc_khz;
    for (uint32_t i = 0; i < PART_CLIENTS; i++) {
        t->due[i] = UINT64_MAX;
    }
    hpet_write(PART_HPET, HPET_CONFIG,
               (hpet_read(PART_HPET, HPET_CONFIG) & ~HPET_CONFIG_LEGACY) | HPET_CONFIG_ON);
    for (;;) {
        notified(t, sys_wait(PART_CAP_NOTIFY));
    }
}
