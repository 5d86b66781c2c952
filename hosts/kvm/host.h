/* SPDX-License-Identifier: BSD-2-Clause
 * Small things of the Linux host. */
#ifndef KVM_HOST_H
#define KVM_HOST_H

#include <stdint.h>
#include <time.h>

/* Monotonic host time. */
static inline uint64_t host_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#endif
