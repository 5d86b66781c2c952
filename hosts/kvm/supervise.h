/* SPDX-License-Identifier: BSD-2-Clause
 * The supervisor: one process per VM, started, pinned, watched, restarted as the system file says. */
#ifndef KVM_SUPERVISE_H
#define KVM_SUPERVISE_H

#include "system/image.h"

/* Runs every VM of a checked image and speaks link.h over link_fd until all have ended or LINK_STOP
 * came. Returns the process's exit status: 0, or 1 if the host refused something (said in a
 * LINK_NOTE). Call in a process of its own. */
int supervise(const struct system_image *image, int link_fd);

#endif
