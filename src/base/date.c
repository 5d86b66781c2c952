/* SPDX-License-Identifier: BSD-2-Clause
 * Calendar arithmetic. Years are taken to begin in March: the leap day is then the last of its
 * year, and the days of the months before a date do not depend on it. Contract: base/date.h. */
#include "base/date.h"

#define DAYS_PER_400Y 146097u
#define DAYS_PER_100Y 36524u /* a century without the leap day of its last year */
#define DAYS_PER_4Y   1461u
#define DAYS_PER_Y    365u
#define MARCH         3u
#define MONTHS        12u

/* Days before the first of each month, from March. */
static const uint16_t rtc_days_before[MONTHS] = {0,   31,  61,  92,  122, 153,
                                                 184, 214, 245, 275, 306, 337};

static uint32_t rtc_min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void date_at(uint64_t calendar_s, struct date *out)
{
    uint64_t days = calendar_s / DATE_S_PER_DAY;
    uint32_t time = (uint32_t)(calendar_s % DATE_S_PER_DAY);
    out->weekday = (uint32_t)((days + 3u) % 7u); /* 1 March -400 was a Wednesday */
    out->hour = time / 3600u;
    out->minute = time / 60u % 60u;
    out->second = time % 60u;

    /* The last century and the last year of a cycle are a day longer: hence the minima. */
    uint32_t cycles = (uint32_t)(days / DAYS_PER_400Y);
    uint32_t left = (uint32_t)(days % DAYS_PER_400Y);
    uint32_t centuries = rtc_min(left / DAYS_PER_100Y, 3u);
    left -= centuries * DAYS_PER_100Y;
    uint32_t fours = left / DAYS_PER_4Y;
    left -= fours * DAYS_PER_4Y;
    uint32_t years = rtc_min(left / DAYS_PER_Y, 3u);
    left -= years * DAYS_PER_Y;

    uint32_t month = 0;
    while (month < MONTHS - 1u && left >= rtc_days_before[month + 1u]) { /* bound: MONTHS */
        month++;
    }
    out->day = left - rtc_days_before[month] + 1u;
    /* January and February belong to the next calendar year. */
    uint32_t wraps = month >= MONTHS - 2u ? 1u : 0u;
    out->month = month + MARCH - wraps * MONTHS;
    out->year = cycles * 400u + centuries * 100u + fours * 4u + years + wraps - 400u;
}

uint64_t date_seconds(const struct date *d)
{
    uint32_t month = rtc_min(d->month != 0 ? d->month : 1u, MONTHS);
    uint32_t wraps = month < MARCH ? 1u : 0u;
    uint32_t year = d->year + 400u - wraps;
    uint32_t in_cycle = year % 400u;
    uint64_t days = (uint64_t)(year / 400u) * DAYS_PER_400Y;
    days += in_cycle * DAYS_PER_Y + in_cycle / 4u - in_cycle / 100u;
    days += rtc_days_before[month + wraps * MONTHS - MARCH];
    days += d->day != 0 ? d->day - 1u : 0u;
    return days * DATE_S_PER_DAY + d->hour * 3600u + d->minute * 60u + d->second;
}
