/* SPDX-License-Identifier: BSD-2-Clause
 * What a system asks of the machine it is to run on. */
#ifndef CLI_HOST_H
#define CLI_HOST_H

#include "draft.h"
#include "say.h"
#include "system/image.h"

/* Says where the VMs want more RAM, or other CPUs, than this host has. `lines` as in fault_say(). */
void host_check(struct say *say, const struct system_image *image, const struct draft_lines *lines);

#endif
