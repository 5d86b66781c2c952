/* SPDX-License-Identifier: BSD-2-Clause
 * One line a second of the kernel's own time, at the start of a major frame. */
#ifndef DEMO653_REPORT_H
#define DEMO653_REPORT_H

#include <stdbool.h>

#include "boot.h"

void report_init(const struct boot_info *boot);

/* To be called after each tick: keeps the counters when a report is due. */
void report_tick(void);

/* To be called by the idle process, which alone can tell late ticks from lost ones: prints what is
 * kept. Leaves interrupts on. */
void report_step(void);

/* All reports that the command line asked for are printed. */
bool report_done(void);

#endif
