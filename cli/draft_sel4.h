/* SPDX-License-Identifier: BSD-2-Clause
 * The parts of a system file that only seL4 reads, on their way into the image, and their faults. */
#ifndef CLI_DRAFT_SEL4_H
#define CLI_DRAFT_SEL4_H

#include <libconfig.h>
#include <stdio.h>

#include "say.h"
#include "system/check.h"
#include "system/image.h"

struct draft;
struct draft_lines;

/* Lines of the file, for messages; 0: not in the file. */
struct draft_sel4 {
    unsigned vmm[SYSTEM_VMS_MAX];
    unsigned io[SYSTEM_VMS_MAX];
    unsigned switch_[SYSTEM_SWITCHES_MAX];
    unsigned window[SYSTEM_WINDOWS_MAX];
    unsigned native[SYSTEM_NATIVES_MAX];
};

/* "backing" of a memory range. False: it is there, but is none. */
bool draft_backing(const config_setting_t *range, uint64_t *at);
/* After VMs and switches are known: budgets, schedule, natives. @pre before draft_peers(). */
void draft_sel4(struct draft *draft, const config_setting_t *root);

/* Says a fault of those in check_sel4.c; false if it is another. `lines` may be NULL. */
bool fault_say_sel4(struct say *say, const struct system_image *image,
                    const struct draft_lines *lines, const struct system_fault *fault);

/* For `bulkhead check`: nothing, if the file says nothing of it. */
void show_sel4(FILE *out, const struct system_image *image);

#endif
