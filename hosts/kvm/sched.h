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
