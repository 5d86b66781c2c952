/* SPDX-License-Identifier: BSD-2-Clause
 * Guest RAM: one memfd, with huge pages where they can be had. The supervisor makes it and maps nothing
 * of it; the VM's processes map it, each once. */
#ifndef KVM_RAM_H
#define KVM_RAM_H

#include <stdbool.h>
#include <stddef.h>

#include "system/image.h"
#include "vm/gmem.h"

/* Zeroed RAM for every range of the VM; closed on exec. -1: errno. */
int ram_create(const struct system_vm *vm);

/* Maps every range at an address congruent to its guest address modulo 2 MiB, so that huge pages can
 * back both sides. `backing` gets a few words on what was had, for the report. False: `why` says
 * what is wrong and what to do. */
bool ram_map(const struct system_vm *vm, int fd, struct gmem *mem, char *backing,
             size_t backing_size, char *why, size_t why_size);

#endif
