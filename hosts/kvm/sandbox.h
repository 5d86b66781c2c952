/* SPDX-License-Identifier: BSD-2-Clause
 * What a VM's process may still ask of the kernel once its guest runs. */
#ifndef KVM_SANDBOX_H
#define KVM_SANDBOX_H

#include <stdbool.h>

/* From here on: the calls that the loop makes, and no others; any other ends the process with
 * SIGSYS. False: this kernel has no seccomp filters; nothing has changed. */
bool sandbox_enter(void);

/* The same for a component that moves frames between pieces of shared memory (io, switch): it reads
 * from what wakes it, writes to what wakes others, and ends. Which of them it may read or write is not
 * the filter's affair but the descriptor's: see wires.h. */
bool sandbox_enter_mover(void);

/* The same for an uplink: sockets of the Internet, and reading the name servers' addresses. It has
 * no way to other files, programs or processes. */
bool sandbox_enter_uplink(void);

#endif
