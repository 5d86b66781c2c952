/* SPDX-License-Identifier: BSD-2-Clause
 * The processes of one VM as the supervisor sees them: its vmm, and its io where it has network cards.
 * They live and die together. */
#ifndef KVM_CHILD_H
#define KVM_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm/link.h"
#include "kvm/report.h"
#include "kvm/spawn.h"
#include "kvm/wires.h"

/* How the processes ended. */
struct child_end {
    int status; /* of the process that ended first */
    bool by_io; /* that was the io                 */
    bool on_request;
};

struct child {
    struct spawned vmm;
    struct spawned io;
    bool ending;                      /* one has ended, the other was killed              */
    bool ended;                       /* both have, their last words are still to be read */
    struct child_end end;             /* ... how                                          */
    uint64_t words_until_ns;          /* ... how long the words are waited for            */
    struct process_report account;    /* of the vmm */
    struct process_report io_account; /* of the io  */
    int console_fd;                   /* our end; -1 when closed      */
    int nudge_fd;             /* a writing end of what the io notifies the vmm by; -1: no cards */
    struct vm_report *report; /* shared with the processes    */
    int report_fd;
    struct channel *channel[SYSTEM_NICS_MAX]; /* for their counters; NULL before the first start */
    uint32_t restarts;
    uint64_t started_ns;
    uint64_t restart_at_ns; /* 0: not waiting to be started again */
    uint64_t input_dropped;
    bool over; /* will not run again */
};

struct child_origin {
    const struct system_image *image;
    int image_fd;
    const struct wires *wires;
    uint32_t index;
};

/* False: errno. @pre *c is zero */
bool child_prepare(struct child *c);

/* False: `why` says what is wrong. Nothing runs then. */
bool child_start(struct child *c, const struct child_origin *o, char *why, size_t why_size);

/* One of the processes has ended: ends the other, takes their wait status. True: both have ended now, and
 * c->end says how. Never waits: it is called again when the other has died. The console stays open for
 * what is still in it. */
bool child_reap(struct child *c);

/* Tells the vmm which of its cards' cables are out, if it has changed. */
void child_set_cables(const struct child *c, uint32_t out);

/* Puts into the report what the vmm does not know. */
void child_complete_report(const struct child *c);

/* What the report and the wait status say, as one cause and one sentence. */
void child_judge(const struct child *c, const struct child_end *end, struct link_stopped *out);

#endif
