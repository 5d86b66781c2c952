/* SPDX-License-Identifier: BSD-2-Clause
 * Two levels: fixed windows give the processor to partitions; within a partition the first ready
 * process runs. Time follows ticks: a tick that comes late moves the schedule late, a burst of
 * ticks moves it on at once, and none is skipped.
 *
 * Each trap is: sched_suspend, one of the functions between, sched_resume. */
#ifndef DEMO653_SCHED_H
#define DEMO653_SCHED_H

#include <stdint.h>

#include "partition.h"
#include "trap.h"

/* @pre partitions_init. idle() runs in ring 0 with interrupts on whenever nothing else can. */
void sched_init(void (*idle)(void), uint32_t tick_us);

/* Keeps what was interrupted. Returns its process; ->partition is NO_PARTITION if it was idle. */
struct process *sched_suspend(const struct trap_frame *f);

/* A tick: releases, windows. */
void sched_tick(uint64_t ticks);

/* Chooses who is next and makes the machine his: page tables, FPU state. */
struct trap_frame *sched_resume(void);

/* A partition was restarted or stopped: its FPU state in the registers is worth nothing. */
void sched_forget(uint32_t partition);

uint64_t sched_frames(void); /* major frames begun */

#endif
