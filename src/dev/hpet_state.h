/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the HPET. Only hpet.c, the board and tests include this. */
#ifndef DEV_HPET_STATE_H
#define DEV_HPET_STATE_H

#include "dev/hpet.h"
#include "vm/ticks.h"

struct hpet_timer {
    uint64_t comparator; /* in periodic mode the accumulator: the next match            */
    uint64_t period;     /* what each match adds in periodic mode                       */
    uint64_t checked;    /* the counter's value up to which matches were looked for     */
    struct ticks ticks;
    uint32_t conf;   /* writable bits of the configuration register                 */
    uint8_t val_set; /* the next comparator write goes to the accumulator as well   */
    uint8_t cleared; /* level: the guest cleared the status since the delivery       */
    uint8_t unused[2];
};

struct hpet_regs {
    uint64_t counter; /* value when halted, or at `since`            */
    uint64_t since;   /* guest time in periods, if enabled           */
    uint32_t config;
    uint32_t status;
    uint32_t driven; /* destinations whose line is held active now  */
    uint32_t unused;
    struct hpet_timer timer[HPET_TIMERS];
};

struct hpet {
    struct hpet_wiring wiring;
    struct hpet_regs regs;
};

#endif
