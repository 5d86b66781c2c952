/* SPDX-License-Identifier: BSD-2-Clause
 * The supervised processes that belong to no VM. */
#include "kvm/parts.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/shared.h"
#include "kvm/host.h"
#include "kvm/shm.h"

#define RESTART_GAP_NS 1000000000ull /* between the starts of one that keeps ending */

__attribute__((format(printf, 3, 4))) static void
say(const struct parts *p, const struct part *part, const char *format, ...)
{
    char text[400];
    int n =
        snprintf(text, sizeof(text), "%s \"%s\": ", part->is_uplink ? "uplink of switch" : "switch",
                 p->image->switch_[part->sw].name);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
    va_end(args);
    p->say(p->who, text);
}

static size_t report_bytes(const struct part *part)
{
    return part->is_uplink ? sizeof(*part->report.up) : sizeof(*part->report.sw);
}

bool parts_prepare(struct parts *p)
{
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        struct part *part = &p->part[i];
        part->is_uplink = i >= SYSTEM_SWITCHES_MAX;
        part->sw = i % SYSTEM_SWITCHES_MAX;
        part->process = SPAWNED_NONE;
        part->account.part = part->is_uplink ? REPORT_PART_UPLINK : REPORT_PART_SWITCH;
        part->wanted =
            part->sw < p->image->switches &&
            (!part->is_uplink || p->image->switch_[part->sw].uplink != SYSTEM_UPLINK_NONE);
        if (!part->wanted) {
            continue;
        }
        part->report_fd = shm_create("bulkhead-report", report_bytes(part));
        part->report.any =
            part->report_fd < 0 ? NULL : shm_map(part->report_fd, report_bytes(part));
        if (part->report.any == NULL) {
            return false;
        }
    }
    return true;
}

static void start(struct parts *p, struct part *part)
{
    int fds[WIRES_FDS_MAX];
    struct spawn_job job = {
        .role = part->is_uplink ? "uplink" : "switch",
        .index = part->sw,
        .image_fd = p->image_fd,
        .cpu = p->image->switch_[part->sw].cpu,
        .fds = 1,
        .fd = {part->report_fd},
    };
    uint32_t count = part->is_uplink ? wires_uplink_fds(p->wires, part->sw, fds)
                                     : wires_switch_fds(p->wires, part->sw, fds);
    memcpy(&job.fd[1], fds, count * sizeof(fds[0]));
    job.fds += count;
    part->restart_at_ns = 0;
    part->started_ns = host_ns();
    if (!spawn(&job, &part->process)) {
        say(p, part, "cannot start its process: %s; it is tried again", strerror(errno));
        part->restart_at_ns = part->started_ns + RESTART_GAP_NS;
    }
}

void parts_start(struct parts *p)
{
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        if (p->part[i].wanted) {
            start(p, &p->part[i]);
        }
    }
}

void parts_fill(const struct parts *p, struct pollfd fds[PARTS_MAX])
{
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        fds[i] = (struct pollfd){.fd = p->part[i].process.pid_fd, .events = POLLIN};
    }
}

static void ended(struct parts *p, struct part *part)
{
    int status = 0;
    if (!spawn_reap(&part->process, &status)) {
        return;
    }
    if (part->is_uplink && WIFEXITED(status) && part->report.up->link == REPORT_LINK_DOWN) {
        return; /* parts_do_due() tells */
    }
    if (part->is_uplink) {
        part->report.up->link = REPORT_LINK_DOWN;
        part->told = REPORT_LINK_DOWN; /* just below */
        (void)snprintf(part->report.up->text, sizeof(part->report.up->text), "its process died");
    }
    if (WIFSIGNALED(status)) {
        say(p, part, "its process was ended by signal %d (%s); it is started again",
            WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else if (!part->is_uplink && part->report.sw->state == REPORT_LOADING) {
        const struct switch_report *r = part->report.sw;
        say(p, part, "it cannot start: %.*s; it is tried again", (int)sizeof(r->text) - 1, r->text);
    } else {
        say(p, part, "its process ended with status %d; it is started again", WEXITSTATUS(status));
    }
    uint64_t now = host_ns();
    bool hasty = now - part->started_ns < RESTART_GAP_NS;
    part->restarts++;
    part->restart_at_ns = hasty ? now + RESTART_GAP_NS : now;
}

void parts_take(struct parts *p, const struct pollfd fds[PARTS_MAX])
{
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        if (fds[i].fd >= 0 && fds[i].revents != 0) {
            ended(p, &p->part[i]);
        }
    }
}

static void tell_link(const struct parts *p, struct part *part)
{
    char text[sizeof(part->report.up->text)];
    uint32_t link = part->report.up->link;
    if (link == part->told) {
        return;
    }
    part->told = link;
    memcpy(text, part->report.up->text, sizeof(text)); /* shared with a process that may be ill */
    text[sizeof(text) - 1u] = '\0';
    if (link == REPORT_LINK_DOWN) {
        say(p, part, "down: %s", text);
    } else if (link == REPORT_LINK_UP && text[0] != '\0') {
        say(p, part, "up, but %s", text);
    }
}

void parts_do_due(struct parts *p, uint64_t now_ns)
{
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        struct part *part = &p->part[i];
        if (part->restart_at_ns != 0 && now_ns >= part->restart_at_ns) {
            start(p, part);
            wires_wake_all(p->wires);
        }
        if (part->wanted && part->is_uplink) {
            tell_link(p, part);
        }
    }
}

uint64_t parts_next_ns(const struct parts *p)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        uint64_t at = p->part[i].restart_at_ns;
        next = at != 0 && at < next ? at : next;
    }
    return next;
}

void parts_report(const struct parts *p, uint32_t sw, struct net_report *out)
{
    const struct part *up = &p->part[SYSTEM_SWITCHES_MAX + sw];
    memset(out, 0, sizeof(*out));
    out->sw = *p->part[sw].report.sw;
    out->restarts = p->part[sw].restarts;
    if (up->wanted) {
        out->up = *up->report.up;
        out->up.text[sizeof(out->up.text) - 1u] = '\0';
        out->uplink_restarts = up->restarts;
    }
}

bool parts_runs(const struct part *part)
{
    return part->is_uplink ? part->report.up->link == REPORT_LINK_UP
                           : part->report.sw->state == REPORT_RUNNING;
}

bool parts_uplink_up(const struct parts *p, uint32_t sw)
{
    const struct part *part = &p->part[SYSTEM_SWITCHES_MAX + sw];
    return !part->wanted || shared_load(&part->report.up->link) != REPORT_LINK_DOWN;
}

void parts_kill(const struct parts *p, uint32_t sw, bool uplink)
{
    const struct part *part = &p->part[uplink ? SYSTEM_SWITCHES_MAX + sw : sw];
    if (part->process.pid > 0) {
        (void)kill(part->process.pid, SIGKILL);
    }
}

void parts_stop(struct parts *p)
{
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        p->part[i].restart_at_ns = 0;
        spawn_end(&p->part[i].process);
    }
}
