/* SPDX-License-Identifier: BSD-2-Clause
 * Where a VM's process is scheduled: what the system file's `cpu` becomes on this host. */
#ifndef KVM_SCHED_H
#define KVM_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/image.h"

/* The host CPU that a logical one is; where there are too few they fold. -1: not pinned. */
int sched_host_cpu(uint32_t logical);

/* Pins the calling process to it. */
void sched_pin(uint32_t logical);

enum sched_fit {
    SCHED_FITS,    /* the host has what the system file wants                       */
    SCHED_WARNING, /* `text`: what it has not, and what happens instead             */
    SCHED_REFUSED, /* `text`: the same, and the system file's strict = true forbids it */
};

/* Are the CPUs there that the system file names? */
enum sched_fit sched_check_cpus(const struct system_image *image, char *text, size_t size);

#endif
