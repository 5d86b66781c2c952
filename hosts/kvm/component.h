/* SPDX-License-Identifier: BSD-2-Clause
 * The components that the supervisor starts: `bulkhead --component ROLE IMAGE_FD INDEX FD...`. Not
 * for people. The descriptors are those of spawn.h and wires.h. */
#ifndef KVM_COMPONENT_H
#define KVM_COMPONENT_H

#include <stddef.h>
#include <stdint.h>

#include "system/image.h"

/* Runs the role that argv names; returns the exit status. */
int component_main(int argc, char **argv);

/* The roles. `fd` are the descriptors behind the index, `fds` how many there are. */
struct component {
    const struct system_image *image; /* checked */
    uint32_t index;
    uint32_t fds;
    int fd[64];
};

int vmm_main(const struct component *c);    /* one VM: its vCPU and devices                   */
int io_main(const struct component *c);     /* one VM: the queues of its network cards        */
int switch_main(const struct component *c); /* one switch                                     */
int uplink_main(const struct component *c); /* one switch's way out, by the host's own sockets */

#endif
