/* SPDX-License-Identifier: BSD-2-Clause
 * Memory that processes share: a memfd of fixed size, inherited by its descriptor. */
#ifndef KVM_SHM_H
#define KVM_SHM_H

#include <stddef.h>

/* Zeroed memory, closed on exec. It is sealed: a process that shrank it would send SIGBUS to all that
 * have it mapped. -1: errno. */
int shm_create(const char *name, size_t bytes);

/* NULL: errno. */
void *shm_map(int fd, size_t bytes);

#endif
