/* SPDX-License-Identifier: BSD-2-Clause
 * See sched.h. */
#include "sched.h"

#include <stddef.h>

#include "config.h"
#include "paging.h"
#include "x86.h"

#define IDLE_STACK_BYTES 16384u

static struct process idle_process;
static uint8_t idle_stack[IDLE_STACK_BYTES] __attribute__((aligned(16)));
static struct process *running;   /* whose frame is in the processor              */
static struct process *fpu_owner; /* whose FPU state is; null: nobody's           */
static uint32_t window;           /* partition that has the processor             */
static uint32_t ticks_per_frame;
static uint32_t us_per_tick;
static uint64_t frames;

void sched_init(void (*idle)(void), uint32_t tick_us)
{
    us_per_tick = tick_us;
    ticks_per_frame = FRAME_US / tick_us;
    idle_process.partition = NO_PARTITION;
    idle_process.frame = (struct trap_frame){
        .rip = (uint64_t)(uintptr_t)idle,
        .cs = SEL_KERNEL_CODE,
        .rflags = RFLAGS_IF | 2u,
        .rsp = (uint64_t)(uintptr_t)idle_stack + IDLE_STACK_BYTES - 8u,
        .ss = SEL_KERNEL_DATA,
    };
    running = &idle_process;
    window = config_partition_at(0);
    frames = 1;
}

struct process *sched_suspend(const struct trap_frame *f)
{
    running->frame = *f;
    return running;
}

static void release(struct process *p, uint64_t ticks)
{
    if (p->state == PROCESS_YIELDED) {
        p->state = PROCESS_READY;
    }
    if (p->period_ticks == 0 || p->state == PROCESS_STOPPED || ticks < p->next_release) {
        return;
    }
    p->next_release += p->period_ticks;
    p->releases++;
    if (p->state == PROCESS_WAITING) {
        p->state = PROCESS_READY;
    } else {
        p->missed++;
    }
}

void sched_tick(uint64_t ticks)
{
    uint32_t in_frame = (uint32_t)(ticks % ticks_per_frame);
    if (in_frame == 0) {
        frames++;
    }
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        if (in_frame == 0) {
            partitions[i].frame_restarts = 0;
        }
        for (uint32_t k = 0; k < PROCESSES_MAX; k++) {
            if (partitions[i].process[k].state != PROCESS_ABSENT) {
                release(&partitions[i].process[k], ticks);
            }
        }
    }
    window = config_partition_at(in_frame * us_per_tick);
}

static struct process *choose(void)
{
    for (uint32_t k = 0; window < PARTITIONS && k < PROCESSES_MAX; k++) {
        if (partitions[window].process[k].state == PROCESS_READY) {
            return &partitions[window].process[k];
        }
    }
    return &idle_process;
}

/* The kernel itself never touches the vector registers, so they stay with their owner until another
 * process needs them. */
static void give_fpu(struct process *to)
{
    if (fpu_owner == to) {
        return;
    }
    if (fpu_owner != NULL) {
        fpu_save(&fpu_owner->fpu);
    }
    fpu_restore(&to->fpu);
    fpu_owner = to;
}

struct trap_frame *sched_resume(void)
{
    running = choose();
    paging_use(running->partition);
    if (running->partition < PARTITIONS) {
        give_fpu(running);
    }
    return &running->frame;
}

void sched_forget(uint32_t partition)
{
    if (fpu_owner != NULL && fpu_owner->partition == partition) {
        fpu_owner = NULL;
    }
}

uint64_t sched_frames(void)
{
    return frames;
}
