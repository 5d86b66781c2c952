/* SPDX-License-Identifier: BSD-2-Clause
 * Where a VM's process is scheduled. */
#include "kvm/sched.h"

#include <sched.h>
#include <stdio.h>

#define CPUS_MAX 256u

/* CPUs that this process may use, in order; returns how many. */
static uint32_t usable_cpus(uint32_t *list, uint32_t max)
{
    cpu_set_t set;
    uint32_t count = 0;
    CPU_ZERO(&set);
    (void)sched_getaffinity(0, sizeof(set), &set);
    for (uint32_t i = 0; i < CPU_SETSIZE && count < max; i++) {
        if (CPU_ISSET(i, &set)) {
            list[count] = i;
            count++;
        }
    }
    return count;
}

int sched_host_cpu(uint32_t logical)
{
    uint32_t list[CPUS_MAX];
    uint32_t count = usable_cpus(list, CPUS_MAX);
    return logical == SYSTEM_CPU_ANY || count == 0 ? -1 : (int)list[logical % count];
}

void sched_pin(uint32_t logical)
{
    int cpu = sched_host_cpu(logical);
    cpu_set_t set;
    if (cpu >= 0) {
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        (void)sched_setaffinity(0, sizeof(set), &set);
    }
}

static bool is_strict(const struct system_image *image)
{
    return (image->flags & SYSTEM_FLAG_STRICT) != 0;
}

enum sched_fit sched_check_cpus(const struct system_image *image, char *text, size_t size)
{
    uint32_t list[CPUS_MAX];
    uint32_t count = usable_cpus(list, CPUS_MAX);
    bool fold = false;
    for (uint32_t i = 0; i < image->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        uint32_t cpu = image->vm[i].cpu;
        fold = fold || (cpu != SYSTEM_CPU_ANY && cpu >= count);
    }
    if (!fold) {
        return SCHED_FITS;
    }
    if (is_strict(image)) {
        (void)snprintf(text, size,
                       "the system file names more CPUs than the %u that are here, and says strict "
                       "= true; give it fewer or take strict away",
                       count);
        return SCHED_REFUSED;
    }
    (void)snprintf(text, size,
                   "warning: the system file names more CPUs than the %u that are here; they fold "
                   "onto those",
                   count);
    return SCHED_WARNING;
}
