/* SPDX-License-Identifier: BSD-2-Clause
 * See partition.h.
 *
 * Virtual space of a partition, from its start: text and constants (mapped straight from the load
 * image, read-only), data (private frames, copied from the image at each start), and at 1.5 MiB the
 * stacks, each with unmapped space below it. */
#include "partition.h"

#include "memory.h"
#include "paging.h"
#include "print.h"
#include "x86.h"

#define DATA_PAGES   4u
#define STACK_PAGES  2u
#define STACKS_AT    0x180000u
#define STACK_STRIDE 0x10000u

struct frames {
    uint8_t data[DATA_PAGES][PAGE_BYTES];
    uint8_t stack[PROCESSES_MAX][STACK_PAGES][PAGE_BYTES];
} __attribute__((aligned(4096)));

struct partition partitions[PARTITIONS];
static struct frames frames[PARTITIONS];
static uint32_t us_per_tick;

static uint64_t stack_at(uint32_t partition, uint32_t process)
{
    return config_partitions[partition].start + STACKS_AT + (uint64_t)process * STACK_STRIDE;
}

static void map_partition(uint32_t p)
{
    const struct partition_config *c = &config_partitions[p];
    paging_create(p, c->start);
    for (uint64_t at = c->start; at < c->data; at += PAGE_BYTES) {
        paging_map(p, at, c->load + (at - c->start), false, true);
    }
    for (uint64_t at = c->data; at < c->end; at += PAGE_BYTES) {
        paging_map(p, at, frames[p].data[(at - c->data) / PAGE_BYTES], true, false);
    }
    for (uint32_t s = 0; s < PROCESSES_MAX * STACK_PAGES; s++) {
        uint32_t process = s / STACK_PAGES;
        uint32_t page = s % STACK_PAGES;
        paging_map(p, stack_at(p, process) + (uint64_t)page * PAGE_BYTES,
                   frames[p].stack[process][page], true, false);
    }
}

static void process_start(uint32_t p, uint32_t i, uint64_t now)
{
    const struct process_config *c = &config_partitions[p].process[i];
    struct process *process = &partitions[p].process[i];
    process->partition = p;
    if (c->entry == (void (*)(void))0) {
        process->state = PROCESS_ABSENT;
        return;
    }
    fpu_reset(&process->fpu);
    /* As if called: the return address is 0, where nothing is mapped. */
    process->frame = (struct trap_frame){
        .rip = (uint64_t)(uintptr_t)c->entry,
        .cs = SEL_USER_CODE,
        .rflags = RFLAGS_IF | 2u,
        .rsp = stack_at(p, i) + STACK_PAGES * PAGE_BYTES - 8u,
        .ss = SEL_USER_DATA,
    };
    process->period_ticks = c->period_us / us_per_tick;
    process->state = PROCESS_READY;
    if (process->period_ticks != 0) {
        process->state = PROCESS_WAITING;
        process->next_release = (now / process->period_ticks + 1u) * process->period_ticks;
    }
}

void partition_start(uint32_t p, uint64_t now)
{
    const struct partition_config *c = &config_partitions[p];
    memset(&frames[p], 0, sizeof frames[p]);
    memcpy(frames[p].data, c->load + (c->data - c->start), c->end - c->data);
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        process_start(p, i, now);
    }
}

void partition_stop(uint32_t p)
{
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        partitions[p].process[i].state = PROCESS_STOPPED;
    }
}

void partitions_init(uint32_t tick_us)
{
    us_per_tick = tick_us;
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        const struct partition_config *c = &config_partitions[p];
        if (c->end - c->data > sizeof frames[p].data || c->end - c->start > STACKS_AT) {
            print("demo653: partition %s is too large: raise DATA_PAGES in partition.c\n", c->name);
            cpu_stop();
        }
        map_partition(p);
        partition_start(p, 0);
    }
}

void partitions_print(void)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        const struct partition_config *c = &config_partitions[p];
        print("partition %u: %s, at %08lx, %lu bytes:", p, c->name, c->start, c->end - c->start);
        for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
            const struct process_config *pc = &c->process[i];
            if (pc->entry == (void (*)(void))0) {
                continue;
            }
            if (pc->period_us != 0) {
                print(" %s (every %u ms)", pc->name, pc->period_us / 1000u);
            } else {
                print(" %s (aperiodic)", pc->name);
            }
        }
        print("\n");
    }
    print("schedule: %u ms frame:", FRAME_US / 1000u);
    uint32_t at = 0;
    for (uint32_t i = 0; i < WINDOWS; i++) {
        uint32_t p = config_windows[i].partition;
        print(" %u=%s", at / 1000u, p < PARTITIONS ? config_partitions[p].name : "spare");
        at += config_windows[i].units * WINDOW_UNIT_US;
    }
    print("\n");
}
