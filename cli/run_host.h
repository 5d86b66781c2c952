/* SPDX-License-Identifier: BSD-2-Clause
 * Where the VMs of a run live: under a supervisor in a child process on KVM, or in the simulated
 * machine. From the link on, the two look the same. */
#ifndef CLI_RUN_HOST_H
#define CLI_RUN_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "machine.h"
#include "system/image.h"

struct run_host {
    bool simulated;
    struct machine *machine; /* simulated */
    pid_t pid;               /* KVM: the supervisor, leader of a process group of its own */
    int link_fd;
};

/* Starts it. False: `why` says what is wrong and what to do. */
bool run_host_start(struct run_host *h, bool simulated, const struct system_image *image,
                    const char *log_dir, char *why, size_t why_size);

/* It never came up, and another try may do. Ask before run_host_finish(). */
bool run_host_may_retry(const struct run_host *h);

/* Ends it, whatever state it is in, and closes the link. False: it ended badly, `why` says how. */
bool run_host_finish(struct run_host *h, char *why, size_t why_size);

#endif
