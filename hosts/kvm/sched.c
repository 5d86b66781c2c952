/* SPDX-License-Identifier: BSD-2-Clause
 * Where and how a VM's process is scheduled. A priority is one of SCHED_FIFO: a VM that halts when it
 * is idle needs no share of the CPU, it needs to be first. What a process starts itself (there is
 * nothing) would not inherit it. */
#include "kvm/sched.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define CPUS_MAX 256u

/* Of struct sched_patience, in bytes. With as much at each wake-up the level is PATIENCE_FADES times that:
 * patience comes with 8 KiB a wake-up and leaves with 2. */
#define PATIENCE_FADES  8u
#define PATIENCE_COMES  65536u
#define PATIENCE_LEAVES 16384u
#define PATIENCE_MOST   1048576u

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

bool sched_set_priority(pid_t pid, uint32_t priority)
{
    const struct sched_param param = {.sched_priority = (int)priority};
    return priority == 0 || sched_setscheduler(pid, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) == 0;
}

void sched_patience_init(struct sched_patience *p)
{
    *p = (struct sched_patience){.ordinary = sched_getscheduler(0) == SCHED_OTHER};
}

void sched_patience_sleep(struct sched_patience *p, uint64_t bytes)
{
    const struct sched_param none = {.sched_priority = 0};
    const uint64_t moved = bytes - p->bytes;
    p->bytes = bytes;
    p->level -= p->level / PATIENCE_FADES;
    p->level += moved < PATIENCE_MOST - p->level ? moved : PATIENCE_MOST - p->level;
    const bool patient = p->level >= (p->patient ? PATIENCE_LEAVES : PATIENCE_COMES);
    if (p->ordinary && patient != p->patient) {
        p->patient = patient;
        (void)sched_setscheduler(0, patient ? SCHED_BATCH : SCHED_OTHER, &none);
    }
}

uint32_t sched_io_priority(const struct system_image *image, uint32_t vm)
{
    uint32_t least = image->vm[vm].priority;
    for (uint32_t i = 0; i < image->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        uint32_t priority = image->vm[i].priority;
        least = priority != 0 && priority < least ? priority : least;
    }
    return least == 0 ? 0 : least - 1u;
}

static bool is_strict(const struct system_image *image)
{
    return (image->flags & SYSTEM_FLAG_STRICT) != 0;
}

static bool beyond(uint32_t cpu, uint32_t count)
{
    return cpu != SYSTEM_CPU_ANY && cpu >= count;
}

/* Does the image name a CPU that is not there? */
static bool must_fold(const struct system_image *image, uint32_t count)
{
    bool fold = false;
    for (uint32_t i = 0; i < image->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        const struct system_vm *vm = &image->vm[i];
        fold = fold || beyond(vm->cpu, count) || (vm->nics > 0 && beyond(vm->io_cpu, count));
    }
    for (uint32_t i = 0; i < image->switches; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        fold = fold || beyond(image->switch_[i].cpu, count);
    }
    return fold;
}

enum sched_fit sched_check_cpus(const struct system_image *image, char *text, size_t size)
{
    uint32_t list[CPUS_MAX];
    uint32_t count = usable_cpus(list, CPUS_MAX);
    if (!must_fold(image, count)) {
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

/* Tries it on the calling process, which must be an ordinary one, and takes it back. */
static bool may_have(uint32_t priority)
{
    const struct sched_param high = {.sched_priority = (int)priority};
    const struct sched_param none = {.sched_priority = 0};
    int policy = sched_getscheduler(0);
    if (policy == SCHED_FIFO || policy == SCHED_RR) {
        return true; /* whoever started us has seen to it; the VMs' processes tell */
    }
    if (sched_setscheduler(0, SCHED_FIFO, &high) != 0) {
        return false;
    }
    (void)sched_setscheduler(0, policy, &none);
    return true;
}

enum sched_fit sched_check_priorities(const struct system_image *image, char *text, size_t size)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < image->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        most = image->vm[i].priority > most ? image->vm[i].priority : most;
    }
    if (most == 0 || may_have(most)) {
        return SCHED_FITS;
    }
    if (is_strict(image)) {
        (void)snprintf(
            text, size,
            "the system file gives a VM priority %u, which this host does not allow (%s), "
            "and says strict = true; run as root or raise `ulimit -r` to %u, or take "
            "strict away",
            most, strerror(errno), most);
        return SCHED_REFUSED;
    }
    (void)snprintf(
        text, size,
        "warning: the system file gives a VM priority %u, which this host does not allow "
        "(%s); it runs as any other process. Run as root or raise `ulimit -r` to %u",
        most, strerror(errno), most);
    return SCHED_WARNING;
}
