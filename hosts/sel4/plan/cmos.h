/* SPDX-License-Identifier: BSD-2-Clause
 * What the machine's battery-backed clock says, in Unix seconds. It is taken to count UTC.
 * Spec: Motorola MC146818A (1984), time, calendar and register B. */
#ifndef SEL4_PLAN_CMOS_H
#define SEL4_PLAN_CMOS_H

#include <stdint.h>

#define CMOS_INDEX 0x70u /* I/O ports */
#define CMOS_DATA  0x71u

#define CMOS_SECOND  0x00u
#define CMOS_MINUTE  0x02u
#define CMOS_HOUR    0x04u
#define CMOS_DAY     0x07u
#define CMOS_MONTH   0x08u
#define CMOS_YEAR    0x09u
#define CMOS_A       0x0Au
#define CMOS_B       0x0Bu
#define CMOS_CENTURY 0x32u /* where PCs have it, if they have it */

#define CMOS_A_UIP   0x80u /* it is being advanced: do not read */
#define CMOS_B_24    0x02u /* hours from 0 to 23, not 12 with a bit for the afternoon */
#define CMOS_B_PLAIN 0x04u /* binary, not two decimal digits                          */

/* The registers, as they were read. */
struct cmos_clock {
    uint8_t second;
    uint8_t minute;
    uint8_t hour;
    uint8_t day;
    uint8_t month;
    uint8_t year;
    uint8_t century;
    uint8_t b;
};

/* 0: that is no date. */
uint64_t cmos_unix_s(const struct cmos_clock *c);

#endif
