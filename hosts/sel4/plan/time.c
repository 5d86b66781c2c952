/* SPDX-License-Identifier: BSD-2-Clause
 * Scheduling contexts. */
#include "sel4/plan/time.h"

#include "system/check.h"

static void bounded(struct part_time *t, const struct system_budget *b)
{
    if (b->period_us != 0) {
        t->budget_us = b->budget_us;
        t->period_us = b->period_us;
    }
}

static struct part_time of_vm(const struct system_image *image, uint32_t v, uint32_t cores)
{
    const struct system_vm *vm = &image->vm[v];
    struct part_time t = {
        .core = system_sel4_cpu(vm->cpu) % cores,
        .priority = vm->priority == 0 ? TIME_PRIORITY_VM : TIME_PRIORITY_WIRE + vm->priority,
        .budget_us = 10000, /* all there is, while the keeper lets it run */
        .period_us = 10000,
    };
    bounded(&t, &image->sel4.vmm[v]);
    return t;
}

static struct part_time of_wire(uint32_t cpu, uint32_t cores, uint32_t budget_us,
                                const struct system_budget *b)
{
    struct part_time t = {
        .core = system_sel4_cpu(cpu) % cores,
        .priority = TIME_PRIORITY_WIRE,
        .budget_us = budget_us,
        .period_us = 5000,
    };
    bounded(&t, b);
    return t;
}

struct part_time part_time(const struct system_image *image, uint32_t party, uint32_t cores)
{
    uint32_t index = party & 0xFFu;
    switch (party >> 8) {
    case PARTY_VMM:
        return of_vm(image, index, cores);
    case PARTY_IO:
        return of_wire(image->vm[index].io_cpu, cores, 1000, &image->sel4.io[index]);
    case PARTY_SWITCH:
        return of_wire(image->switch_[index].cpu, cores, 500, &image->sel4.switch_[index]);
    case PARTY_NATIVE:
        return of_wire(image->sel4.native[index].cpu, cores, 500, &image->sel4.native[index].time);
    case PARTY_KEEPER:
        /* All it wants: it does a bounded amount of work for each event. */
        return (struct part_time){index, TIME_PRIORITY_KEEPER, 5000, 5000};
    default:
        return (struct part_time){0, TIME_PRIORITY_CONSOLE, 500, 5000};
    }
}
