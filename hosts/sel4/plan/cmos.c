/* SPDX-License-Identifier: BSD-2-Clause
 * From registers of a clock to a number. */
#include "sel4/plan/cmos.h"

#include <stdbool.h>

#include "base/date.h"

#define HOUR_PM 0x80u
#define NONE    255u /* no field may have it */

static uint32_t number(const struct cmos_clock *c, uint8_t reg)
{
    if ((c->b & CMOS_B_PLAIN) != 0) {
        return reg;
    }
    bool decimal = (reg & 0xFu) < 10u && reg >> 4 < 10u;
    return decimal ? (reg >> 4) * 10u + (reg & 0xFu) : NONE;
}

static uint32_t hour(const struct cmos_clock *c)
{
    if ((c->b & CMOS_B_24) != 0) {
        return number(c, c->hour);
    }
    uint32_t h = number(c, (uint8_t)(c->hour & ~HOUR_PM));
    if (h == 0 || h > 12u) {
        return NONE;
    }
    return h % 12u + ((c->hour & HOUR_PM) != 0 ? 12u : 0u);
}

/* Not every machine has a century there: what none could have counts as this one. */
static uint32_t full_year(const struct cmos_clock *c)
{
    uint32_t century = number(c, c->century);
    uint32_t year = number(c, c->year);
    century = century == 19u || century == 21u ? century : 20u;
    return year < 100u ? century * 100u + year : 0;
}

uint64_t cmos_unix_s(const struct cmos_clock *c)
{
    const struct date d = {
        .year = full_year(c),
        .month = number(c, c->month),
        .day = number(c, c->day),
        .hour = hour(c),
        .minute = number(c, c->minute),
        .second = number(c, c->second),
    };
    bool date = d.month >= 1u && d.month <= 12u && d.day >= 1u && d.day <= 31u;
    bool time = d.hour < 24u && d.minute < 60u && d.second < 60u;
    uint64_t s = date_seconds(&d);
    return date && time && s >= DATE_UNIX_EPOCH_S ? s - DATE_UNIX_EPOCH_S : 0;
}
