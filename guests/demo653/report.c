/* SPDX-License-Identifier: BSD-2-Clause
 * See report.h.
 *
 *   demo653: tick=1000 restarts=1 periodic=39 aperiodic=44163 time653=1.000s lost=0 late=0
 *   max_lost=0 fpu_errors=0 missed=0 breaches=0 behind=0 worst_us=31
 * in one line; new fields go to the end. The counters are those at the tick named, lost is taken a
 * moment later. max_lost is the greatest lost of all reports so far; late counts ticks handled more
 * than one period after they were due; missed is process deadlines, breaches is walls around the
 * partitions that did not hold; behind and worst_us tell how late this tick and the latest tick
 * of all were handled. */
#include "report.h"

#include "config.h"
#include "console.h"
#include "net.h"
#include "partition.h"
#include "print.h"
#include "timer.h"
#include "x86.h"

#define FLIGHT 0u /* the partition whose processes are reported */

#define KEPT_MAX 512u /* a power of two: reports the idle process may be behind with */

struct kept {
    struct timer_state timer;
    uint64_t restarts;
    uint64_t periodic;
    uint64_t aperiodic;
    uint64_t fpu_errors;
    uint64_t missed;
    uint64_t breaches;
};

static uint64_t limit; /* 0: no end */
static struct kept kept[KEPT_MAX];
static volatile uint64_t taken; /* by the tick handler */
static uint64_t printed;        /* by the idle process */
static int64_t max_lost;
static char text[NET_TEXT_MAX]; /* the report once more, for telemetry */
static uint32_t text_bytes;

void report_init(const struct boot_info *boot)
{
    (void)boot_option_u64(boot, "reports", &limit);
}

static void keep(struct kept *k)
{
    *k = (struct kept){.timer = timer_state(),
                       .periodic = partitions[FLIGHT].counter[COUNT_LOOPS_FIRST],
                       .aperiodic = partitions[FLIGHT].counter[COUNT_LOOPS_SECOND]};
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        const struct partition *p = &partitions[i];
        k->restarts += p->restarts;
        k->fpu_errors += p->counter[COUNT_FPU_ERRORS];
        k->breaches += p->counter[COUNT_BREACHES];
        for (uint32_t n = 0; n < PROCESSES_MAX; n++) {
            k->missed += p->process[n].missed;
        }
    }
}

void report_tick(void)
{
    uint64_t ticks = timer_state().ticks;
    if (ticks % (REPORT_US / timer_tick_us()) == 0 && taken - printed < KEPT_MAX) {
        keep(&kept[taken % KEPT_MAX]);
        taken++;
    }
}

static void print_report(const struct kept *k, int64_t lost)
{
    uint64_t ms = k->timer.ticks * timer_tick_us() / 1000u;
    print("demo653: tick=%lu restarts=%lu periodic=%lu aperiodic=%lu", k->timer.ticks, k->restarts,
          k->periodic, k->aperiodic);
    print(" time653=%lu.%03lus lost=%ld late=%lu max_lost=%ld fpu_errors=%lu", ms / 1000u,
          ms % 1000u, lost, k->timer.late, max_lost, k->fpu_errors);
    print(" missed=%lu breaches=%lu behind=%ld worst_us=%lu\n", k->missed, k->breaches,
          k->timer.behind, k->timer.worst_us);
}

static void put_text(char c)
{
    if (text_bytes < sizeof text - 1u) {
        text[text_bytes++] = c;
    }
}

/* @pre interrupts are off: traps print too. */
static void keep_text(const struct kept *k, int64_t lost)
{
    text_bytes = 0;
    print_to(put_text);
    print_report(k, lost);
    console_defer();
    text[text_bytes] = 0;
}

void report_step(void)
{
    if (printed == taken || report_done()) {
        return;
    }
    int64_t lost = timer_lost(); /* interrupts are off from here: traps print too */
    if (printed == 0 || lost > max_lost) {
        max_lost = lost;
    }
    const struct kept *k = &kept[printed % KEPT_MAX];
    print_report(k, lost);
    keep_text(k, lost);
    net_print();
    printed++;
    if (report_done()) {
        print("demo653: done\n");
    }
    cpu_sti();
    net_telemetry(text);
}

bool report_done(void)
{
    return limit != 0 && printed >= limit;
}
