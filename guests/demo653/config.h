/* SPDX-License-Identifier: BSD-2-Clause
 * The fixed numbers of demo653: what an integrator would call its configuration. The tables that go
 * with them (partitions, processes, windows) are in config.c. */
#ifndef DEMO653_CONFIG_H
#define DEMO653_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define PARTITIONS     3u
#define PROCESSES_MAX  2u /* a partition: the first has the higher priority          */
#define FRAME_US       100000u
#define WINDOW_UNIT_US 5000u /* every window is a multiple; the tick must divide it      */
#define WINDOWS        12u
#define NO_PARTITION   PARTITIONS

#define TICK_US_DEFAULT 1000u
#define TICK_US_MIN     100u
#define REPORT_US       1000000u /* a multiple of FRAME_US */

#define VECTOR_SYSCALL  0x80u
#define VECTOR_TIMER    0xE0u
#define VECTOR_ERROR    0xFEu
#define VECTOR_SPURIOUS 0xFFu

struct window {
    uint32_t units;     /* of WINDOW_UNIT_US             */
    uint32_t partition; /* or NO_PARTITION: kernel's own */
};

struct process_config {
    const char *name;
    void (*entry)(void);
    uint32_t period_us; /* 0: aperiodic */
};

struct partition_config {
    const char *name;
    const uint8_t *load; /* where its image lies, in the kernel's view             */
    uint64_t start;      /* virtual: text and read-only data ...                   */
    uint64_t data;       /* ... then data and bss, restored at each restart ...    */
    uint64_t end;        /* ... to here                                            */
    struct process_config process[PROCESSES_MAX];
};

extern const struct window config_windows[WINDOWS];
extern const struct partition_config config_partitions[PARTITIONS];

/* The partition whose window holds this time, counted from the start of the major frame. */
uint32_t config_partition_at(uint32_t frame_us);

#endif
