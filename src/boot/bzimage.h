/* SPDX-License-Identifier: BSD-2-Clause
 * Loads a Linux bzImage: 64-bit entry where the kernel offers it, else 32-bit entry.
 * Spec: [LBP] protocol 2.06 or later; "The real-mode kernel header", "32-bit boot protocol",
 *       "64-bit boot protocol"; zero-page.rst for struct boot_params. */
#ifndef BOOT_BZIMAGE_H
#define BOOT_BZIMAGE_H

#include "boot/job.h"

/* @pre job_init() was called, and the kernel file is not empty. */
enum boot_status bzimage_load(struct boot_job *j, struct vcpu_regs *regs);

#endif
