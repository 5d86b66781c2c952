/* SPDX-License-Identifier: BSD-2-Clause
 * Loading every guest once, into memory that is thrown away: what a loader refuses is known before
 * any VM is started. */
#ifndef CLI_REHEARSE_H
#define CLI_REHEARSE_H

#include <stdbool.h>
#include <stdio.h>

#include "system/image.h"

/* True if every VM of a checked image can be loaded. Else the reasons are in diag, one a line, as
 * "FILE: error: VM "NAME": which file, what is wrong; what to do". */
bool rehearse(const char *system_file, const struct system_image *image, FILE *diag);

#endif
