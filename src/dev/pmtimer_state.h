/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the PM timer: for pmtimer.c, the board and tests only. */
#ifndef DEV_PMTIMER_STATE_H
#define DEV_PMTIMER_STATE_H

#include "dev/pmtimer.h"

struct pmtimer_regs {
    uint64_t started_at; /* guest ns at which the counter was 0       */
    uint64_t carries;    /* changes of the top bit that were signalled */
};

struct pmtimer {
    struct pmtimer_wiring wiring;
    struct pmtimer_regs regs;
};

#endif
