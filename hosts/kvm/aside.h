/* SPDX-License-Identifier: BSD-2-Clause
 * A question about this host's KVM that takes a VM to answer, asked aside: in a short-lived process.
 * KVM takes tens of milliseconds to destroy a VM, most of them asleep; nobody waits for that here,
 * and the asker may do other things until it needs the answer. */
#ifndef KVM_ASIDE_H
#define KVM_ASIDE_H

#include <stdbool.h>
#include <stddef.h>

struct aside_answer {
    bool yes;
    char why[200]; /* if not */
};

/* Asks: `work` runs in a process of its own, with a copy of all that is here. Returns what
 * aside_take() wants. The process may stay a zombie until the asker ends, or ignores SIGCHLD. */
int aside_ask(void (*work)(struct aside_answer *answer));

/* Waits for the answer. False, and `why` says so, if there is none. */
bool aside_take(int question, struct aside_answer *answer);

#endif
