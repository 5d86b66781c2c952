/* SPDX-License-Identifier: BSD-2-Clause
 * Calendar arithmetic: the Gregorian calendar, any year from 0 on, UTC.
 * Calendar seconds count from 1 March of the year -400, a start of the 400-year cycle that lies
 * before every date that a clock of a PC can hold. */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include <stdint.h>

#define DATE_S_PER_DAY    86400u
#define DATE_UNIX_EPOCH_S (865565ull * DATE_S_PER_DAY) /* 1970-01-01 in calendar seconds */

struct date {
    uint32_t year; /* all four digits */
    uint32_t month;
    uint32_t day;
    uint32_t hour;
    uint32_t minute;
    uint32_t second;
    uint32_t weekday; /* 0 is Sunday; date_seconds does not look at it */
};

void date_at(uint64_t calendar_s, struct date *out);

/* The inverse. Months beyond 1 to 12 count as the nearest, day 0 as 1; everything else that is too
 * large runs over into what follows it. @pre no field is above 65535. */
uint64_t date_seconds(const struct date *d);

#endif
