/* SPDX-License-Identifier: BSD-2-Clause
 * Partitions and their processes: memory, registers, counters, start and restart. */
#ifndef DEMO653_PARTITION_H
#define DEMO653_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "fpu.h"
#include "trap.h"
#include "user.h"

enum process_state {
    PROCESS_ABSENT = 0,
    PROCESS_READY,
    PROCESS_WAITING, /* for its next release point             */
    PROCESS_YIELDED, /* ready again at the next tick           */
    PROCESS_STOPPED, /* its partition was given up             */
};

struct process {
    struct trap_frame frame;
    struct fpu_state fpu;
    enum process_state state;
    uint32_t partition;    /* NO_PARTITION: the idle process         */
    uint64_t period_ticks; /* 0: aperiodic                           */
    uint64_t next_release; /* in ticks                               */
    uint64_t releases;     /* since power-on, over all restarts      */
    uint64_t missed;       /* releases at which it was not done yet  */
};

struct partition {
    struct process process[PROCESSES_MAX];
    uint64_t counter[COUNTERS];
    uint64_t restarts;
    uint64_t frame_restarts; /* in the current major frame */
};

extern struct partition partitions[PARTITIONS];

/* Makes page tables, loads and starts all partitions. @pre paging_init. */
void partitions_init(uint32_t tick_us);
void partitions_print(void);

/* (Re)starts one: memory and registers as at power-on, counters kept. Processes with a period wait
 * for their next release point after tick `now`. */
void partition_start(uint32_t partition, uint64_t now);

void partition_stop(uint32_t partition);

#endif
