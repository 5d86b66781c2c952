/* SPDX-License-Identifier: BSD-2-Clause
 * What a process of ours takes from the host: memory and descriptors, from /proc.
 *
 * Private memory is what the process has for itself: anonymous pages (heap, stack, the data it
 * changed), also those that are swapped out, and huge pages of its own. Guest RAM is not part of it,
 * nor is a program's text: every process of ours has the same, and how much of it the kernel calls
 * private depends on who else runs just now.
 * Source: Linux Documentation/filesystems/proc.rst, 1.1 (smaps). */
#ifndef KVM_ACCOUNT_H
#define KVM_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kvm/report.h"

#define SMAPS_LINE 256u /* longer lines are names of files: their end does not matter */

/* The sum over a smaps text that comes in pieces. */
struct smaps {
    uint64_t kib;
    uint32_t mappings;
    bool guest_ram; /* the mapping at hand is not counted */
    bool bad;       /* this is no smaps text              */
    uint32_t len;
    char line[SMAPS_LINE];
};

/* Starts as zeros. */
void smaps_feed(struct smaps *s, const char *text, size_t len);

/* After the last piece. False: that was no smaps text, or it was cut short, or of a process without
 * memory (one that has ended). */
bool smaps_result(const struct smaps *s, uint64_t *kib);

/* Looks at a process (0: this one) and enters what it has now into its account; one that was of
 * another process begins anew. False: /proc does not tell; the account is as it was. */
bool account_sample(struct process_report *account, pid_t pid);

#endif
