/* SPDX-License-Identifier: BSD-2-Clause
 * What the two ends of the simulated machine agree on: the side that packs and starts it
 * (machine.c, machine_pack.c) and PID 1 inside it (machine_init.c). */
#ifndef CLI_MACHINE_INT_H
#define CLI_MACHINE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/image.h"

/* Where things lie inside, from the root directory on. */
#define MACHINE_IMAGE   "system.image"
#define MACHINE_MODULES "modules"
#define MACHINE_FILES   "files"

/* The virtio serial port that carries the link. */
#define MACHINE_PORT_NAME "bulkhead.link"

/* What init says on the serial console: that it is up, and the supervisor's exit status. */
#define MACHINE_UP_TEXT  "bulkhead-machine: up"
#define MACHINE_END_TEXT "bulkhead-machine: supervisor ended with status "

/* Prepared by guests/linux/prepare: the kernel, and the modules in their order. */
#define MACHINE_KERNEL_FILE  "vmlinuz"
#define MACHINE_ORDER_FILE   "modules/order"
#define MACHINE_MODULE_MAX   64u /* bytes of a module's file name, with the final 0 */
#define MACHINE_MODULES_MANY 64u /* lines of the order file that are looked at     */

/* Writes the machine's initramfs to fd. `dir`: where the prepared files are. False: `why`. */
bool machine_pack(int fd, const struct system_image *image, const char *dir, char *why,
                  size_t why_size);

#endif
