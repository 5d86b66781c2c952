/* SPDX-License-Identifier: BSD-2-Clause
 * The tick: local APIC timer in one of three modes, and what the kernel can tell about lost ones.
 *
 * Time zero is the TSC when the timer was started, read just before. Tick n is due n periods later.
 * A tick's interrupt cannot come before it is due, so with a perfect timer
 *     behind = floor((TSC - zero) / period) - ticks
 * is 0 whenever a tick was handled less than one period late. It is more while ticks are owed: it
 * returns to 0 if they come after all, and never does if they were lost. Negative: more ticks than
 * time, a timer that runs ahead.
 * So there are two numbers. `behind` is taken in the tick handler and includes what is merely late.
 * timer_lost() is taken with nothing pending: what is still missing then was lost, or
 * the machine is too slow for the tick rate and never gets to the end of a burst.
 * Zero is read before the write that starts the timer: the delay between the two makes ticks look
 * late by a constant, never early. The start is repeated until that delay is small.
 * Spec: [SDM] vol. 3A, 10.5.4 (APIC timer). */
#ifndef DEMO653_TIMER_H
#define DEMO653_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "boot.h"
#include "clock.h"

/* Chooses mode and period. False, after saying why: this machine or command line will not do. */
bool timer_init(const struct boot_info *boot, const struct clock *clock);

void timer_print(void);

/* From here on VECTOR_TIMER comes once a period. @pre interrupts are off. */
void timer_start(void);

/* To be called once for each timer interrupt: counts it, acknowledges it, arms the next. False: it was
 * left over from an attempt to start the timer, and is no tick. */
bool timer_tick(void);

uint32_t timer_tick_us(void);

struct timer_state {
    uint64_t ticks;
    int64_t behind;    /* in the last tick's handler; see above              */
    uint64_t late;     /* ticks handled more than one period after they were due */
    uint64_t worst_us; /* the latest tick ever was so late                  */
};
struct timer_state timer_state(void);

/* Ticks that did not come although interrupts were on just before: see above. Opens interrupts
 * for a moment, and again if a tick seems missing, so that a burst of late ones can run out. Leaves
 * them off. @pre not in a trap. */
int64_t timer_lost(void);

#endif
