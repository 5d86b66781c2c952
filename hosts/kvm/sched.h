/* SPDX-License-Identifier: BSD-2-Clause
 * Where and how a VM's process is scheduled: what the system file's `cpu` and `priority` become on
 * this host. */
#ifndef KVM_SCHED_H
#define KVM_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "system/image.h"

/* The host CPU that a logical one is; where there are too few they fold. -1: not pinned. */
int sched_host_cpu(uint32_t logical);

/* Pins the calling process to it. */
void sched_pin(uint32_t logical);

/* The VM's process goes before all that have a smaller priority. False: errno. 0 always succeeds. */
bool sched_set_priority(pid_t pid, uint32_t priority);

/* Of a process that carries frames. One that moves little at a time goes before who has the CPU when it is
 * woken, as any process that sleeps much does: somebody waits for an answer. One that moves much becomes
 * patient: it has its share of the CPU, but being woken does not put it in front of who runs, so a guest on
 * its CPU fills its queue before what is in it is fetched, all at once. */
struct sched_patience {
    uint64_t bytes; /* moved before the last sleep                                  */
    uint64_t level; /* moved lately: fades by an eighth with each sleep             */
    bool ordinary;  /* or it has a real-time policy, which it keeps                 */
    bool patient;
};

/* Of the calling process. */
void sched_patience_init(struct sched_patience *p);
/* Before it sleeps: `bytes` is all that it ever moved. */
void sched_patience_sleep(struct sched_patience *p, uint64_t bytes);

/* The priority of a VM's io. Behind every VM that has one, so that a flood of frames takes no time from
 * any of them; in front of everything else, if the file leaves room: one less than the smallest. */
uint32_t sched_io_priority(const struct system_image *image, uint32_t vm);

enum sched_fit {
    SCHED_FITS,    /* the host has what the system file wants                       */
    SCHED_WARNING, /* `text`: what it has not, and what happens instead             */
    SCHED_REFUSED, /* `text`: the same, and the system file's strict = true forbids it */
};

/* Are the CPUs there that the system file names? */
enum sched_fit sched_check_cpus(const struct system_image *image, char *text, size_t size);

/* May this process give the priorities that the system file names? */
enum sched_fit sched_check_priorities(const struct system_image *image, char *text, size_t size);

#endif
