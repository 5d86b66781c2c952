/* SPDX-License-Identifier: BSD-2-Clause
 * A frozen system as people read it. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <stdint.h>
#include <stdio.h>

#include "system/image.h"

/* Prints memory maps, boot files, devices, ports, interrupts and policies. @pre image is checked. */
void system_show(FILE *out, const struct system_image *image);

#endif
