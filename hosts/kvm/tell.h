/* SPDX-License-Identifier: BSD-2-Clause
 * What the supervisor has to say to the person, and how it never waits for the person to read it.
 *
 * Consoles and reports go out only while the link has room: a console waits in its VM's own buffer,
 * which drops and counts. What must not get lost (a VM's start and end, a note) goes at once if it
 * can, and otherwise waits in a box: one box a VM, which holds the latest of each. Where a VM
 * starts and ends again and again while nobody reads, older ones are forgotten; the count of
 * restarts in the latest tells that they were. So there is a bound to what waits: this struct. */
#ifndef KVM_TELL_H
#define KVM_TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm/link.h"
#include "system/image.h"

struct tell_box {
    bool started;
    bool stopped;
    bool started_last; /* both wait, and the start was after the end */
    struct vm_report start_report;
    struct vm_report end_report;
    struct link_stopped why;
    uint32_t notes_lost;
    char note[256]; /* empty: none waits */
};

struct teller {
    int fd;
    bool up; /* false for ever once the person's side is gone: all that is said vanishes */
    uint32_t vms;
    struct link_writer out;
    struct tell_box box[SYSTEM_VMS_MAX + 1u]; /* the last one: about no VM */
};

/* Says hello. @pre fd is non-blocking. */
void tell_begin(struct teller *t, int fd, uint32_t vms);

/* Sends what waits, as far as it goes. True: nothing waits, and the link takes a frame that may be
 * sent with tell_now(). Where nobody is there it takes everything. */
bool tell_has_room(struct teller *t);

/* The same, waiting for room as long as it takes: for when nothing runs any more. */
void tell_all(struct teller *t);

/* A frame that nobody misses if it is not sent. @pre tell_has_room() just said true. */
void tell_now(struct teller *t, enum link_type type, uint32_t vm, const void *data, size_t len);

/* `vm` may be LINK_NO_VM for a note. */
void tell_started(struct teller *t, uint32_t vm, const struct vm_report *report);
void tell_stopped(struct teller *t, uint32_t vm, const struct link_stopped *why,
                  const struct vm_report *report);
__attribute__((format(printf, 3, 4))) void tell_note(struct teller *t, uint32_t vm,
                                                     const char *format, ...);

#endif
