/* SPDX-License-Identifier: BSD-2-Clause
 * See report.h.
 *
 *   demo653: tick=1000 restarts=0 periodic=40 aperiodic=6801 time653=1.000s lost=0 late=0 max_lost=0
 *   fpu_errors=0 missed=0 breaches=0 worst_us=31
 * in one line. New fields go to the end. */
#include "report.h"

#include "config.h"
#include "partition.h"
#include "print.h"
#include "timer.h"

#define FLIGHT 0u /* the partition whose processes are reported */

static uint64_t limit; /* 0: no end */
static uint64_t reports;
static int64_t max_lost;

void report_init(const struct boot_info *boot)
{
    (void)boot_option_u64(boot, "reports", &limit);
}

static uint64_t sum(enum counter which)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        n += partitions[i].counter[which];
    }
    return n;
}

static void report_print(const struct timer_state *t)
{
    uint64_t restarts = 0;
    uint64_t missed = 0;
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        restarts += partitions[i].restarts;
        for (uint32_t k = 0; k < PROCESSES_MAX; k++) {
            missed += partitions[i].process[k].missed;
        }
    }
    uint64_t ms = t->ticks * timer_tick_us() / 1000u;
    print("demo653: tick=%lu restarts=%lu periodic=%lu aperiodic=%lu", t->ticks, restarts,
          partitions[FLIGHT].counter[COUNT_LOOPS_FIRST],
          partitions[FLIGHT].counter[COUNT_LOOPS_SECOND]);
    print(" time653=%lu.%03lus lost=%ld late=%lu max_lost=%ld fpu_errors=%lu", ms / 1000u,
          ms % 1000u, t->lost, t->late, max_lost, sum(COUNT_FPU_ERRORS));
    print(" missed=%lu breaches=%lu worst_us=%lu\n", missed, sum(COUNT_BREACHES), t->worst_us);
}

void report_tick(void)
{
    struct timer_state t = timer_state();
    if (t.ticks % (REPORT_US / timer_tick_us()) != 0 || report_done()) {
        return;
    }
    if (reports == 0 || t.lost > max_lost) {
        max_lost = t.lost;
    }
    reports++;
    report_print(&t);
    if (report_done()) {
        print("demo653: done\n");
    }
}

bool report_done(void)
{
    return limit != 0 && reports >= limit;
}
