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

/* Restarts the partition, or stops it if that was tried too often; ends the line begun. */
static void act(uint32_t p, uint64_t now, bool shown)
{
    struct partition *part = &partitions[p];
    sched_forget(p);
    if (part->frame_restarts >= RESTARTS_PER_FRAME) {
        partition_stop(p);
        print("%s%s: stopped for good after %u restarts in one frame\n",
              shown ? ": " : "health: ", config_partitions[p].name, RESTARTS_PER_FRAME);
        return;
    }
    part->frame_restarts++;
    part->restarts++;
    partition_start(p, now);
    if (shown) {
        print(", restart %lu\n", part->restarts);
    }
}

static bool to_be_shown(void)
{
    events++;
    return verbose || events <= EVENTS_SHOWN;
}

void health_fault(uint32_t p, const struct trap_frame *f, uint64_t now)
{
    bool shown = to_be_shown();
    if (shown) {
        print("health: %s: %s at %08lx", config_partitions[p].name, trap_name(f->vector), f->rip);
    }
    if (shown && f->vector == VECTOR_PAGE_FAULT) {
        print(" address %08lx error %lx", read_cr2(), f->error);
    }
    act(p, now, shown);
}

void health_error(uint32_t p, uint64_t code, uint64_t now)
{
    bool shown = to_be_shown();
    if (shown) {
        print("health: %s: application error %lu", config_partitions[p].name, code);
    }
    act(p, now, shown);
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
