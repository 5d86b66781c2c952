/* SPDX-License-Identifier: BSD-2-Clause
 * When the alarm of the real-time clock matches, in closed form: each of hour, minute and second is
 * one value, any value, or none at all, so matches up to a time are counted, not searched for.
 * Spec: [MC146818A] "Time, calendar, and alarm locations" (don't-care codes). */
#ifndef DEV_RTC_ALARM_H
#define DEV_RTC_ALARM_H

#include <stdbool.h>
#include <stdint.h>

/* One part of the alarm time: which values of 0 to limit - 1 match. */
struct rtc_alarm_part {
    uint32_t matches; /* how many: limit, 1, or 0 (the byte is no valid value) */
    uint32_t value;   /* the one, if it is one                                 */
    bool any;
};

struct rtc_alarm {
    struct rtc_alarm_part hour;
    struct rtc_alarm_part minute;
    struct rtc_alarm_part second;
};

/* What the alarm byte `byte`, which reads as `value`, matches. */
struct rtc_alarm_part rtc_alarm_part(uint8_t byte, uint32_t value, uint32_t limit);

/* Matching seconds in a day; 0: the alarm never matches. */
uint32_t rtc_alarm_per_day(const struct rtc_alarm *a);

/* How many calendar seconds from 0 to `calendar_s`, that one included, match the alarm. */
uint64_t rtc_alarm_count(const struct rtc_alarm *a, uint64_t calendar_s);

/* The n-th matching calendar second, from 0. @pre rtc_alarm_per_day is not 0. */
uint64_t rtc_alarm_nth(const struct rtc_alarm *a, uint64_t n);

#endif
