/* SPDX-License-Identifier: BSD-2-Clause
 * From a system file to the frozen image. No other part of Bulkhead reads a system file. */
#ifndef CLI_FREEZE_H
#define CLI_FREEZE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "system/image.h"

enum freeze_host {
    FREEZE_FOR_THIS_HOST, /* RAM and CPUs must be here                                         */
    FREEZE_FOR_ANY_HOST,  /* the image is to run elsewhere, so nothing is said about this host */
};

/* Reads the system file, finds the guests' files, seals and checks. Errors and warnings go to diag
 * as "FILE:LINE: error: what is wrong; what to do", all that can be found in one run.
 * Returns 0, or 2 if there was an error. Files are named in the image by absolute paths.
 * @pre out is all zero and aligned to 8. */
int system_file_freeze(const char *path, struct system_image *out, FILE *diag);
int system_file_freeze_for(const char *path, struct system_image *out, FILE *diag,
                           enum freeze_host host);

/* A system that was opened: frozen just now from a system file, or frozen before. */
struct system_opened {
    const struct system_image *image; /* checked */
    uint64_t bytes;                   /* with packed files */
    bool was_frozen;
    void *memory;
    uint64_t mapped; /* bytes of a mapping; 0: memory is from the heap */
};

/* Opens either kind of file; which one it is, its first bytes say. 0, or 2 with messages in diag
 * and nothing to close. */
int system_open(const char *path, struct system_opened *out, FILE *diag, enum freeze_host host);
void system_close(struct system_opened *opened);

#endif
