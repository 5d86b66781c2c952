/* SPDX-License-Identifier: BSD-2-Clause
 * What the checker found, in words. */
#ifndef CLI_FAULTS_H
#define CLI_FAULTS_H

#include "draft.h"
#include "say.h"
#include "system/check.h"

/* Says one fault of an image. `lines` are those of its parts, or NULL for an image that was frozen
 * before: then the messages carry none. */
void fault_say(struct say *say, const struct system_image *image, const struct draft_lines *lines,
               const struct system_fault *fault);

#endif
