/* SPDX-License-Identifier: BSD-2-Clause
 * The Multiboot header and the kernel's segments. Only src/boot includes this. Spec: [MB1] 3.1. */
#ifndef BOOT_MULTIBOOT_KERNEL_H
#define BOOT_MULTIBOOT_KERNEL_H

#include "boot/elf.h"
#include "boot/job.h"

/* Header flags. Bits 0-15 demand, the others offer. */
#define MULTIBOOT_PAGE_ALIGN  0x00001u
#define MULTIBOOT_MEMORY_INFO 0x00002u
#define MULTIBOOT_VIDEO_MODE  0x00004u
#define MULTIBOOT_ADDRESSES   0x10000u

struct multiboot_kernel {
    uint32_t flags; /* MULTIBOOT_* */
    uint64_t entry; /* physical    */
    struct elf image;
};

/* Reads and checks header and segments, and takes the places of all segments. */
enum boot_status multiboot_take_kernel(struct boot_job *j, struct multiboot_kernel *k);

/* Copies the segments to their places and zeroes bss. @pre multiboot_take_kernel() said BOOT_OK. */
void multiboot_write_kernel(const struct boot_job *j, const struct multiboot_kernel *k);

#endif
