/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the real-time clock: for rtc.c, the board and tests only. */
#ifndef DEV_RTC_STATE_H
#define DEV_RTC_STATE_H

#include "dev/rtc.h"

/* Positions are counts of 1/32768 s of the divider chain. A whole multiple of 32768 is the start of
 * a second. Calendar seconds count from 1 March of the year -400, so that no date is negative. */
struct rtc_regs {
    uint64_t div_ns;   /* guest time at which the chain stood at div_pos              */
    uint64_t div_pos;  /* while the divider is held: where it stands                  */
    uint64_t seen_pos; /* events up to and at this position are in the flags          */
    uint64_t offset_s; /* calendar seconds less whole seconds of the chain, modulo 2^64;
                          meaningless while frozen: then the bytes in cmos[] are it   */
    struct tick_counts ticks;
    uint8_t index;         /* 7 bits                                          */
    uint8_t nmi_mask;      /* RTC_INDEX_NMI_MASK or 0                         */
    uint8_t flags;         /* register C without IRQF                         */
    uint8_t pf_counted;    /* 1: the pending PF is one of ticks.delivered     */
    uint8_t line;          /* 1: the interrupt output is active               */
    uint8_t weekday_shift; /* 0 to 6: what the guest's weekday is ahead by    */
    uint8_t unused[2];
    uint8_t cmos[RTC_CMOS_BYTES]; /* with alarm bytes, A and B; time only while frozen */
};

_Static_assert(sizeof(struct rtc_regs) == 200, "no hidden padding");

struct rtc {
    struct rtc_wiring wiring;
    struct rtc_regs regs;
};

#endif
