/* SPDX-License-Identifier: BSD-2-Clause
 * See health.h. */
#include "health.h"

#include <stddef.h>

#include "config.h"
#include "console.h"
#include "partition.h"
#include "print.h"
#include "sched.h"
#include "serial.h"
#include "x86.h"

#define RESTARTS_PER_FRAME 3u
#define EVENTS_SHOWN       16u /* then silence, unless health=verbose */
#define EXIT_PANIC         1u

static bool debug_exit;
static bool verbose;
static uint64_t events;

void health_init(const struct boot_info *boot)
{
    debug_exit = boot_option(boot, "debug_exit") != NULL;
    verbose = boot_option_is(boot, "health", "verbose");
}

static void act(uint32_t p, uint64_t now)
{
    struct partition *part = &partitions[p];
    sched_forget(p);
    if (part->frame_restarts >= RESTARTS_PER_FRAME) {
        partition_stop(p);
        print("health: %s: stopped for good after %u restarts in one frame\n",
              config_partitions[p].name, RESTARTS_PER_FRAME);
        return;
    }
    part->frame_restarts++;
    part->restarts++;
    partition_start(p, now);
}

static bool shown(void)
{
    events++;
    return verbose || events <= EVENTS_SHOWN;
}

void health_fault(uint32_t p, const struct trap_frame *f, uint64_t now)
{
    act(p, now);
    if (!shown()) {
        return;
    }
    print("health: %s: %s at %08lx", config_partitions[p].name, trap_name(f->vector), f->rip);
    if (f->vector == VECTOR_PAGE_FAULT) {
        print(" address %08lx error %lx", read_cr2(), f->error);
    }
    print(", restart %lu\n", partitions[p].restarts);
}

void health_error(uint32_t p, uint64_t code, uint64_t now)
{
    act(p, now);
    if (shown()) {
        print("health: %s: application error %lu, restart %lu\n", config_partitions[p].name, code,
              partitions[p].restarts);
    }
}

void health_panic(const char *why, const struct trap_frame *f)
{
    console_direct();
    print("\ndemo653: PANIC: %s\n", why);
    if (f != NULL) {
        trap_print(f);
    }
    health_stop(EXIT_PANIC, false);
}

void health_stop(uint8_t code, bool always)
{
    serial_flush();
    if (debug_exit || always) {
        outb(PORT_DEBUG_EXIT, code);
    }
    cpu_stop();
}
