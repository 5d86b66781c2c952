/* SPDX-License-Identifier: BSD-2-Clause
 * Alarm arithmetic of the real-time clock. Contract: dev/rtc_alarm.h. */
#include "dev/rtc_alarm.h"

#include "base/date.h"

#define RTC_ALARM_ANY 0xC0u /* both top bits set: any value will do */

struct rtc_alarm_part rtc_alarm_part(uint8_t byte, uint32_t value, uint32_t limit)
{
    struct rtc_alarm_part p = {.matches = 0, .value = value, .any = false};
    if ((byte & RTC_ALARM_ANY) == RTC_ALARM_ANY) {
        p.any = true;
        p.matches = limit;
    } else if (value < limit) {
        p.matches = 1;
    }
    return p;
}

/* How many values below `val` match. */
static uint32_t rtc_alarm_below(const struct rtc_alarm_part *p, uint32_t val)
{
    if (p->any) {
        return val;
    }
    return val > p->value ? p->matches : 0u;
}

/* 1 if `val` matches, else 0: to be multiplied with. */
static uint32_t rtc_alarm_hit(const struct rtc_alarm_part *p, uint32_t val)
{
    if (p->any) {
        return 1;
    }
    return val == p->value ? p->matches : 0u;
}

static uint32_t rtc_alarm_per_hour(const struct rtc_alarm *a)
{
    return a->minute.matches * a->second.matches;
}

uint32_t rtc_alarm_per_day(const struct rtc_alarm *a)
{
    return a->hour.matches * rtc_alarm_per_hour(a);
}

uint64_t rtc_alarm_count(const struct rtc_alarm *a, uint64_t calendar_s)
{
    uint64_t end = calendar_s + 1u;
    uint32_t time = (uint32_t)(end % DATE_S_PER_DAY);
    uint32_t hour = time / 3600u;
    uint32_t minute = time / 60u % 60u;
    uint32_t in_minute = rtc_alarm_below(&a->second, time % 60u);
    uint32_t in_hour = rtc_alarm_below(&a->minute, minute) * a->second.matches +
                       rtc_alarm_hit(&a->minute, minute) * in_minute;
    uint32_t in_day = rtc_alarm_below(&a->hour, hour) * rtc_alarm_per_hour(a) +
                      rtc_alarm_hit(&a->hour, hour) * in_hour;
    return end / DATE_S_PER_DAY * rtc_alarm_per_day(a) + in_day;
}

uint64_t rtc_alarm_nth(const struct rtc_alarm *a, uint64_t n)
{
    uint32_t in_day = (uint32_t)(n % rtc_alarm_per_day(a));
    uint32_t in_hour = in_day % rtc_alarm_per_hour(a);
    uint32_t hour = a->hour.any ? in_day / rtc_alarm_per_hour(a) : a->hour.value;
    uint32_t minute = a->minute.any ? in_hour / a->second.matches : a->minute.value;
    uint32_t second = a->second.any ? in_hour % a->second.matches : a->second.value;
    return n / rtc_alarm_per_day(a) * DATE_S_PER_DAY + hour * 3600u + minute * 60u + second;
}
