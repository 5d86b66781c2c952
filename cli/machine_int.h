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
#define MACHINE_NET_FILE     "modules/net" /* more modules: for a system with an uplink */
#define MACHINE_MODULE_MAX   64u           /* bytes of a module's file name, with the final 0 */
#define MACHINE_MODULES_MANY 64u           /* lines of the order file that are looked at     */

/* Writes the machine's initramfs to fd. `dir`: where the prepared files are. False: `why`. */
bool machine_pack(int fd, const struct system_image *image, const char *dir, char *why,
                  size_t why_size);

/* --- machine_net.c: a network for the machine, where the system has an uplink ----------------- */

#define MACHINE_NETDEV_MAX 2048u

bool machine_net_wanted(const struct system_image *image);

/* The argument of QEMU's -netdev, with every forward that this host lets us have. */
void machine_net_plan(const struct system_image *image, char out[MACHINE_NETDEV_MAX]);

/* Makes the image's forwards those that are right in the machine. */
void machine_net_rewrite(struct system_image *image);

/* In the machine, with the modules loaded. False: errno. */
bool machine_net_up(void);

#endif
