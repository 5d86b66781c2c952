/* SPDX-License-Identifier: BSD-2-Clause
 * What the supervisor has to say, and how it never waits. */
#include "kvm/tell.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* True: taken, or nobody is there. False: there is no room, nothing was taken. */
static bool post(struct teller *t, enum link_type type, uint32_t vm, const void *data, size_t len)
{
    enum link_sent sent =
        t->up ? link_post(&t->out, t->fd, type, (uint16_t)vm, data, len) : LINK_SENT;
    t->up = t->up && sent != LINK_GONE;
    return sent != LINK_FULL;
}

void tell_begin(struct teller *t, int fd, uint32_t vms)
{
    const uint32_t version = LINK_VERSION;
    memset(t, 0, sizeof(*t));
    t->fd = fd;
    t->up = true;
    t->vms = vms;
    (void)post(t, LINK_HELLO, LINK_NO_VM, &version, sizeof(version)); /* the writer is empty */
}

/* --- Boxes ------------------------------------------------------------------------------------- */

static struct tell_box *box_of(struct teller *t, uint32_t vm)
{
    return &t->box[vm < t->vms ? vm : SYSTEM_VMS_MAX];
}

static bool send_note(struct teller *t, struct tell_box *b, uint32_t vm)
{
    char text[sizeof(b->note) + 64];
    if (b->note[0] == '\0') {
        return true;
    }
    int n = b->notes_lost == 0 ? snprintf(text, sizeof(text), "%s", b->note)
                               : snprintf(text, sizeof(text), "%s (%u more notes: nobody read)",
                                          b->note, b->notes_lost);
    if (!post(t, LINK_NOTE, vm, text, n > 0 ? (size_t)n : 0)) {
        return false;
    }
    b->note[0] = '\0';
    b->notes_lost = 0;
    return true;
}

static bool send_start(struct teller *t, struct tell_box *b, uint32_t vm)
{
    b->started =
        b->started && !post(t, LINK_STARTED, vm, &b->start_report, sizeof(b->start_report));
    return !b->started;
}

/* The end and its report are one: the second is what is left where `stopped` is true. */
static bool send_end(struct teller *t, struct tell_box *b, uint32_t vm)
{
    if (b->why.cause != 0 && post(t, LINK_STOPPED, vm, &b->why, sizeof(b->why))) {
        b->why.cause = 0;
    }
    b->stopped = b->stopped && (b->why.cause != 0 ||
                                !post(t, LINK_REPORT, vm, &b->end_report, sizeof(b->end_report)));
    return !b->stopped;
}

/* Sends one VM's box in the order in which things happened. True: it is empty. */
static bool send_box(struct teller *t, struct tell_box *b, uint32_t vm)
{
    if (!send_note(t, b, vm)) {
        return false;
    }
    if (b->started_last) {
        return send_end(t, b, vm) && send_start(t, b, vm);
    }
    return send_start(t, b, vm) && send_end(t, b, vm);
}

/* True: nothing waits any more. */
static bool send_boxes(struct teller *t)
{
    enum link_sent sent = t->up ? link_flush(&t->out, t->fd) : LINK_SENT;
    t->up = t->up && sent != LINK_GONE;
    bool empty = sent != LINK_FULL && send_box(t, &t->box[SYSTEM_VMS_MAX], LINK_NO_VM);
    for (uint32_t i = 0; i < t->vms && empty; i++) { /* bound: SYSTEM_VMS_MAX */
        empty = send_box(t, &t->box[i], i);
    }
    return empty;
}

/* --- Saying ------------------------------------------------------------------------------------ */

bool tell_has_room(struct teller *t)
{
    struct pollfd p = {.fd = t->fd, .events = POLLOUT};
    return send_boxes(t) && (!t->up || poll(&p, 1, 0) == 1);
}

void tell_all(struct teller *t)
{
    while (!send_boxes(t)) { /* bound: each turn the person reads, or goes away */
        struct pollfd p = {.fd = t->fd, .events = POLLOUT};
        (void)poll(&p, 1, -1);
    }
}

void tell_now(struct teller *t, enum link_type type, uint32_t vm, const void *data, size_t len)
{
    (void)post(t, type, vm, data, len);
}

void tell_started(struct teller *t, uint32_t vm, const struct vm_report *report)
{
    struct tell_box *b = box_of(t, vm);
    b->started = true;
    b->started_last = b->stopped;
    b->start_report = *report;
    (void)send_boxes(t);
}

void tell_stopped(struct teller *t, uint32_t vm, const struct link_stopped *why,
                  const struct vm_report *report)
{
    struct tell_box *b = box_of(t, vm);
    b->stopped = true;
    b->started_last = false; /* a start that still waits was before this end */
    b->why = *why;
    b->end_report = *report;
    (void)send_boxes(t);
}

void tell_note(struct teller *t, uint32_t vm, const char *format, ...)
{
    struct tell_box *b = box_of(t, vm);
    va_list args;
    if (b->note[0] != '\0') {
        b->notes_lost++;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(b->note, sizeof(b->note), format, args);
    va_end(args);
    (void)send_boxes(t);
}
