/* SPDX-License-Identifier: BSD-2-Clause
 * Loads a Multiboot 1 kernel: ELF32, ELF64, or any file whose header brings address fields.
 * Spec: [MB1] 3.1 (header), 3.2 (machine state), 3.3 (boot information). */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#include "boot/job.h"

/* @pre job_init() was called, and the kernel file is not empty. */
enum boot_status multiboot_load(struct boot_job *j, struct vcpu_regs *regs);

#endif
