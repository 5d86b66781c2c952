/* SPDX-License-Identifier: BSD-2-Clause
 * The account a timer keeps of its ticks: which became an interrupt, which are still owed.
 *
 * A timer raises its line at every expiration, as its chip would, and once more whenever
 * ticks_eoi() says so. An edge that finds the former one still pending merges with it, here as on
 * bare hardware; the account knows that one is owed, and the guest's EOI collects it. So no tick is
 * lost, and a guest that never completes an interrupt (masked line, lost edge, no EOI wired) cannot
 * stop the timer: the next expiration raises the line again. */
#ifndef VM_TICKS_H
#define VM_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/time.h"

struct ticks {
    struct tick_counts counts;
    uint8_t waiting; /* one was delivered and is not completed                     */
    uint8_t latched; /* coalesce: one came meanwhile; the controller may hold it    */
    uint8_t unused[6];
};

/* `n` periodic ticks came due together. The caller raises its line once. @pre n is not 0. */
static inline void ticks_add(struct ticks *t, enum tick_policy policy, uint64_t n)
{
    t->counts.due += n;
    if (t->waiting == 0) {
        t->waiting = 1;
        t->counts.delivered++;
        n--;
    } else {
        t->latched = 1;
    }
    if (policy == TICK_CATCH_UP) {
        t->counts.backlog += n;
    } else {
        t->counts.merged += n;
    }
}

/* A one-shot expired. The caller raises its line. */
static inline void ticks_once(struct ticks *t)
{
    t->counts.due++;
    t->counts.delivered++;
}

/* The guest completed an interrupt. True: one more is owed, raise the line again.
 * Under coalesce, a completion beyond those delivered is of an edge that the controller latched
 * while the former one was in service: it was not lost after all. */
static inline bool ticks_eoi(struct ticks *t, enum tick_policy policy)
{
    if (policy == TICK_CATCH_UP && t->counts.backlog != 0) {
        t->counts.backlog--;
        t->counts.delivered++;
        return true;
    }
    if (t->waiting != 0) {
        t->waiting = 0;
    } else if (policy == TICK_COALESCE && t->latched != 0 && t->counts.merged != 0) {
        t->latched = 0;
        t->counts.merged--;
        t->counts.delivered++;
    }
    return false;
}

/* The guest reprogrammed the timer: what it was owed is owed no more. */
static inline void ticks_give_up(struct ticks *t)
{
    t->counts.merged += t->counts.backlog;
    t->counts.backlog = 0;
    t->waiting = 0;
    t->latched = 0;
}

/* Adds this account to a sum. */
static inline void ticks_sum(const struct ticks *t, struct tick_counts *sum)
{
    sum->due += t->counts.due;
    sum->delivered += t->counts.delivered;
    sum->backlog += t->counts.backlog;
    sum->merged += t->counts.merged;
}

#endif
