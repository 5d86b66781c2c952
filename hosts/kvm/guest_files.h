/* SPDX-License-Identifier: BSD-2-Clause
 * A VM's files, mapped for its loader. */
#ifndef KVM_GUEST_FILES_H
#define KVM_GUEST_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "boot/boot.h"
#include "system/image.h"

/* Maps kernel, initrd and modules of `vm` into `in`. False: `why` names the file and what is wrong;
 * guest_files_unmap() is still due. @pre in is zero but for what else the caller set. */
bool guest_files_map(const struct system_vm *vm, struct boot_input *in, char *why, size_t why_size);

void guest_files_unmap(const struct boot_input *in);

/* The file that a loader's complaint is about. */
const char *guest_files_blamed(const struct system_vm *vm, const struct boot_result *result);

#endif
