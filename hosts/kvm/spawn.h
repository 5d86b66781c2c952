/* SPDX-License-Identifier: BSD-2-Clause
 * Starting components: this very program, as a process of its own with a role, an index, and some
 * inherited descriptors; pinned to its CPU. */
#ifndef KVM_SPAWN_H
#define KVM_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "system/image.h"

#define SPAWN_FDS_MAX 48u

/* `bulkhead --component ROLE IMAGE_FD INDEX FD...` */
struct spawn_job {
    const char *role;
    uint32_t index;
    int image_fd;
    uint32_t cpu; /* logical, or SYSTEM_CPU_ANY */
    uint32_t priority;
    uint32_t fds;
    int fd[SPAWN_FDS_MAX];
};

struct spawned {
    pid_t pid;  /* 0: none                             */
    int pid_fd; /* readable when the process has ended */
};

#define SPAWNED_NONE           \
    (struct spawned)           \
    {                          \
        .pid = 0, .pid_fd = -1 \
    }

/* False: errno. The process dies with its parent. */
bool spawn(const struct spawn_job *job, struct spawned *out);

/* Takes the wait status of a process that has ended; *s is SPAWNED_NONE then. False: it has not, or there
 * is none. Never waits. */
bool spawn_reap(struct spawned *s, int *status);

/* Ends it by SIGKILL, and waits for that, but not for ever: a process in the hands of a driver that hangs
 * does not even die. Afterwards *s is SPAWNED_NONE. */
#define SPAWN_END_MS 2000
void spawn_end(struct spawned *s);

#endif
