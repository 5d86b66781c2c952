/* SPDX-License-Identifier: BSD-2-Clause
 * The supervisor: starts the processes of every VM, the switches and the uplinks, hands on consoles
 * and reports, restarts what the system file says. It holds no guest memory and enters no guest; if a VM's process is killed, the others
 * do not notice. */
#include "kvm/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kvm/child.h"
#include "kvm/host.h"
#include "kvm/link.h"
#include "kvm/parts.h"

#define REPORT_EVERY_NS 1000000000ull
#define RESTART_GAP_NS  1000000000ull /* between the starts of a VM that keeps ending */
#define KILL_AGAIN_NS   100000000ull  /* between two rounds of killing */
#define STOP_GRACE_NS   2000000000ull /* from asking a VM to end to killing it         */

#define LAST_WORDS_MS 1000 /* what a stuck link may take of a VM's last bytes */

struct supervisor {
    const struct system_image *image;
    int image_fd;
    int link_fd;
    struct link_reader reader;
    struct wires wires;
    struct child child[SYSTEM_VMS_MAX];
    struct parts parts; /* switches and uplinks */
    uint64_t next_report_ns;
    uint64_t kill_at_ns; /* 0: nobody asked to stop */
    bool link_up;
    int status;
};

static void ask_all_to_stop(struct supervisor *s);

/* Where nobody is there to be told, nothing is to run on unwatched. */
static void tell(struct supervisor *s, enum link_type type, uint32_t vm, const void *data,
                 size_t len)
{
    if (s->link_up && !link_write(s->link_fd, type, (uint16_t)vm, data, len)) {
        s->link_up = false;
        ask_all_to_stop(s);
    }
}

/* The VM's report, with what only the supervisor knows. */
static void tell_report(struct supervisor *s, uint32_t vm)
{
    struct child *c = &s->child[vm];
    child_complete_report(c);
    tell(s, LINK_REPORT, vm, c->report, sizeof(*c->report));
}

static void tell_switch(struct supervisor *s, uint32_t sw)
{
    struct net_report r;
    parts_report(&s->parts, sw, &r);
    tell(s, LINK_SWITCH, sw, &r, sizeof(r));
}

__attribute__((format(printf, 3, 4))) static void note(struct supervisor *s, uint32_t vm,
                                                       const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n > 0) {
        size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1u;
        tell(s, LINK_NOTE, vm, text, len);
    }
}

/* --- Starting a VM ----------------------------------------------------------------------------- */

/* One warning where CPUs fold; false where the system file forbids it. */
static bool check_cpus(struct supervisor *s)
{
    if (!spawn_must_fold(s->image)) {
        return true;
    }
    if ((s->image->flags & SYSTEM_FLAG_STRICT) != 0) {
        note(s, LINK_NO_VM,
             "the system file names more CPUs than the %u that are here, and says strict = true; "
             "give it fewer or take strict away",
             spawn_cpus());
        return false;
    }
    note(s, LINK_NO_VM,
         "warning: the system file names more CPUs than the %u that are here; they "
         "fold onto those",
         spawn_cpus());
    return true;
}

static void start_or_give_up(struct supervisor *s, uint32_t index)
{
    struct child *c = &s->child[index];
    const struct child_origin o = {
        .image = s->image, .image_fd = s->image_fd, .wires = &s->wires, .index = index};
    char why[200];
    if (child_start(c, &o, why, sizeof(why))) {
        tell(s, LINK_STARTED, index, c->report, sizeof(*c->report));
        return;
    }
    note(s, index, "%s", why);
    c->over = true;
    s->status = 1;
}

/* --- Ending ------------------------------------------------------------------------------------ */

static void ask_all_to_stop(struct supervisor *s)
{
    if (s->kill_at_ns == 0) {
        s->kill_at_ns = host_ns() + STOP_GRACE_NS;
    }
    for (uint32_t i = 0; i < s->image->vms; i++) {
        s->child[i].restart_at_ns = 0;
        if (s->child[i].console_fd >= 0) {
            /* A signal between a look and a wait is missed; the end of the input is not. */
            (void)shutdown(s->child[i].console_fd, SHUT_WR);
        }
        if (s->child[i].vmm.pid > 0) {
            (void)kill(s->child[i].vmm.pid, SIGTERM);
        } else {
            s->child[i].over = true;
        }
    }
}

static void kill_stubborn(struct supervisor *s)
{
    if (s->kill_at_ns == 0 || host_ns() < s->kill_at_ns) {
        return;
    }
    for (uint32_t i = 0; i < s->image->vms; i++) {
        if (s->child[i].vmm.pid > 0) {
            (void)kill(s->child[i].vmm.pid, SIGKILL);
        }
    }
    s->kill_at_ns = host_ns() + KILL_AGAIN_NS; /* giving back a gigabyte takes a while */
}

/* Whether the link takes what may wait (consoles, reports), at once or within `ms`. Where there is
 * nobody, frames vanish. What must be said (a VM's start and end) finds the room that this leaves. */
static bool link_takes(const struct supervisor *s, int ms)
{
    struct pollfd p = {.fd = s->link_fd, .events = POLLOUT};
    return !s->link_up || poll(&p, 1, ms) == 1;
}

/* Reads a VM's console until it is empty or the link is full: a VM's bytes wait in its own buffer,
 * which drops and counts them, and never hold up the supervisor and with it the other VMs. */
static void drain_console(struct supervisor *s, uint32_t index, int wait_ms)
{
    struct child *c = &s->child[index];
    uint8_t buf[4096];
    for (uint32_t turn = 0; turn < 64 && c->console_fd >= 0 && link_takes(s, wait_ms); turn++) {
        ssize_t n = recv(c->console_fd, buf, sizeof(buf), MSG_DONTWAIT);
        if (n > 0) {
            tell(s, LINK_CONSOLE, index, buf, (size_t)n);
        } else if (n == 0) {
            (void)close(c->console_fd);
            c->console_fd = -1;
        } else {
            return;
        }
    }
}

/* What on_failure is about. A guest that ends by itself says with its debug-exit code how it went. */
static bool is_failure(const struct link_stopped *why)
{
    return why->cause == LINK_STOP_FAILED || why->cause == LINK_STOP_DIED ||
           (why->cause == LINK_STOP_DEBUG_EXIT && why->code != 0);
}

/* Whether a VM that ended so is to be started again. */
static bool wants_restart(const struct supervisor *s, uint32_t index,
                          const struct link_stopped *why)
{
    if (s->kill_at_ns != 0) {
        return false;
    }
    if (why->cause == LINK_STOP_RESET) {
        return true;
    }
    /* What never ran is set up wrongly. What did may fail to start again for want of memory, say. */
    const struct child *c = &s->child[index];
    bool ever_ran = c->report->state >= REPORT_RUNNING || c->restarts > 0;
    return is_failure(why) && ever_ran && s->image->vm[index].on_failure == SYSTEM_FAIL_RESTART;
}

static void child_ended(struct supervisor *s, uint32_t index)
{
    struct child *c = &s->child[index];
    struct link_stopped why;
    struct child_end end = {.on_request = s->kill_at_ns != 0};
    if (!child_reap(c, &end)) {
        return;
    }
    drain_console(s, index, LAST_WORDS_MS);
    if (c->console_fd >= 0) {
        (void)close(c->console_fd);
    }
    c->console_fd = -1;
    child_judge(c, &end, &why);
    bool again = wants_restart(s, index, &why);
    why.will_restart = again;
    tell(s, LINK_STOPPED, index, &why, sizeof(why));
    tell_report(s, index);
    if (again && s->kill_at_ns == 0) { /* nobody took leave while it was told */
        uint64_t now = host_ns();
        bool hasty = now - c->started_ns < RESTART_GAP_NS; /* by a guest's reset, too */
        c->restarts++;
        c->restart_at_ns = hasty ? now + RESTART_GAP_NS : now;
        return;
    }
    c->over = true;
    if (is_failure(&why) && s->image->vm[index].on_failure == SYSTEM_FAIL_STOP_ALL) {
        note(s, index, "on_failure = \"stop-all\": the other VMs are stopped");
        ask_all_to_stop(s);
    }
}

/* --- The person's side ------------------------------------------------------------------------- */

static void type_into(struct supervisor *s, uint32_t vm, const uint8_t *data, size_t len)
{
    struct child *c = &s->child[vm];
    ssize_t n =
        c->console_fd >= 0 ? send(c->console_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) : -1;
    size_t sent = n > 0 ? (size_t)n : 0;
    if (sent < len) {
        c->input_dropped += len - sent;
        note(s, vm, "%zu typed bytes were lost: its input is full", len - sent);
    }
}

static void drill(struct supervisor *s, const struct link_head *head, const uint8_t *data)
{
    uint32_t victim = head->len == 0 ? LINK_VICTIM_VMM : LINK_VICTIMS;
    if (head->len == sizeof(victim)) {
        memcpy(&victim, data, sizeof(victim));
    }
    if (victim <= LINK_VICTIM_IO && head->vm < s->image->vms) {
        const struct child *c = &s->child[head->vm];
        pid_t pid = victim == LINK_VICTIM_IO ? c->io.pid : c->vmm.pid;
        if (pid > 0) {
            (void)kill(pid, SIGKILL);
        }
    } else if (victim < LINK_VICTIMS && head->vm < s->image->switches) {
        parts_kill(&s->parts, head->vm, victim == LINK_VICTIM_UPLINK);
    }
}

static void obey(struct supervisor *s, const struct link_head *head, const uint8_t *data)
{
    bool named = head->vm < s->image->vms;
    if (head->type == LINK_STOP) {
        ask_all_to_stop(s);
    } else if (head->type == LINK_INPUT && named) {
        type_into(s, head->vm, data, head->len);
    } else if (head->type == LINK_KILL) {
        drill(s, head, data);
    }
}

static void read_link(struct supervisor *s)
{
    struct link_head head;
    const uint8_t *data;
    enum link_result r;
    while ((r = link_read(&s->reader, s->link_fd, &head, &data)) == LINK_FRAME) {
        obey(s, &head, data);
    }
    if (r != LINK_AGAIN) {
        s->link_up = false; /* nobody watches any more */
        ask_all_to_stop(s);
    }
}

/* --- The loop ---------------------------------------------------------------------------------- */

static bool all_over(const struct supervisor *s)
{
    for (uint32_t i = 0; i < s->image->vms; i++) {
        if (!s->child[i].over) {
            return false;
        }
    }
    return true;
}

static void do_what_is_due(struct supervisor *s)
{
    uint64_t now = host_ns();
    for (uint32_t i = 0; i < s->image->vms; i++) {
        struct child *c = &s->child[i];
        if (c->restart_at_ns != 0 && now >= c->restart_at_ns) {
            start_or_give_up(s, i);
        }
    }
    if (now >= s->next_report_ns) {
        for (uint32_t i = 0; i < s->image->vms; i++) {
            if (s->child[i].vmm.pid > 0 && link_takes(s, 0)) {
                tell_report(s, i);
            }
        }
        for (uint32_t i = 0; i < s->image->switches; i++) {
            if (link_takes(s, 0)) {
                tell_switch(s, i);
            }
        }
        s->next_report_ns = now + REPORT_EVERY_NS;
    }
    parts_do_due(&s->parts, now);
    kill_stubborn(s);
}

static int ms_to_next(const struct supervisor *s)
{
    uint64_t now = host_ns();
    uint64_t next = s->next_report_ns;
    uint64_t parts = parts_next_ns(&s->parts);
    next = parts < next ? parts : next;
    for (uint32_t i = 0; i < s->image->vms; i++) {
        uint64_t at = s->child[i].restart_at_ns;
        next = at != 0 && at < next ? at : next;
    }
    if (s->kill_at_ns != 0 && s->kill_at_ns < next) {
        next = s->kill_at_ns;
    }
    return next <= now ? 0 : (int)((next - now) / 1000000u) + 1;
}

static void turn(struct supervisor *s)
{
    struct pollfd fds[1 + 3 * SYSTEM_VMS_MAX + PARTS_MAX];
    uint32_t vms = s->image->vms;
    bool room = link_takes(s, 0);
    fds[0] = (struct pollfd){.fd = s->link_up ? s->link_fd : -1,
                             .events = (short)(room ? POLLIN : POLLIN | POLLOUT)};
    for (uint32_t i = 0; i < vms; i++) {
        const struct child *c = &s->child[i];
        struct pollfd *f = &fds[1u + 3u * i];
        f[0] = (struct pollfd){.fd = room && c->vmm.pid > 0 ? c->console_fd : -1, .events = POLLIN};
        f[1] = (struct pollfd){.fd = c->vmm.pid_fd, .events = POLLIN};
        f[2] = (struct pollfd){.fd = c->io.pid_fd, .events = POLLIN};
    }
    parts_fill(&s->parts, &fds[1u + 3u * vms]);
    (void)poll(fds, 1u + 3u * vms + PARTS_MAX, ms_to_next(s));
    for (uint32_t i = 0; i < vms; i++) {
        const struct pollfd *f = &fds[1u + 3u * i];
        if (f[0].fd >= 0 && f[0].revents != 0) {
            drain_console(s, i, 0);
        }
        if ((f[1].fd >= 0 && f[1].revents != 0) || (f[2].fd >= 0 && f[2].revents != 0)) {
            child_ended(s, i);
        }
    }
    parts_take(&s->parts, &fds[1u + 3u * vms]);
    if (fds[0].fd >= 0 && fds[0].revents != 0) {
        read_link(s); /* also where there is only room again: that does no harm */
    }
    do_what_is_due(s);
}

/* The image in a memfd of its own, sealed: components inherit it and nobody can change it. */
static int freeze_image(const struct system_image *image)
{
    int fd = memfd_create("bulkhead-system", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write(fd, image, sizeof(*image)) != (ssize_t)sizeof(*image) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return -1;
    }
    return fd;
}

static void say_of_part(void *who, const char *text)
{
    note(who, LINK_NO_VM, "%s", text);
}

static bool prepare(struct supervisor *s)
{
    for (uint32_t i = 0; i < s->image->vms; i++) {
        if (!child_prepare(&s->child[i])) {
            return false;
        }
    }
    s->image_fd = freeze_image(s->image);
    s->parts = (struct parts){
        .image = s->image,
        .image_fd = s->image_fd,
        .wires = &s->wires,
        .say = say_of_part,
        .who = s,
    };
    return s->image_fd >= 0 && wires_make(&s->wires, s->image) && parts_prepare(&s->parts);
}

/* The final counts, once no VM runs any more. */
static void end_parts(struct supervisor *s)
{
    parts_stop(&s->parts);
    for (uint32_t i = 0; i < s->image->switches; i++) {
        tell_switch(s, i);
    }
}

int supervise(const struct system_image *image, int link_fd)
{
    static struct supervisor s;
    const uint32_t version = LINK_VERSION;
    s = (struct supervisor){.image = image, .link_fd = link_fd, .link_up = true};
    (void)fcntl(link_fd, F_SETFL, O_NONBLOCK);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN); /* the person's side says LINK_STOP */
    tell(&s, LINK_HELLO, LINK_NO_VM, &version, sizeof(version));
    if (!prepare(&s)) {
        note(&s, LINK_NO_VM, "cannot prepare the VMs: %s", strerror(errno));
        s.status = 1;
    } else if (!check_cpus(&s)) {
        s.status = 1;
    } else {
        s.next_report_ns = host_ns() + REPORT_EVERY_NS;
        parts_start(&s.parts);
        for (uint32_t i = 0; i < image->vms && s.kill_at_ns == 0; i++) {
            start_or_give_up(&s, i);
        }
        while (!all_over(&s)) {
            turn(&s);
        }
        end_parts(&s);
    }
    tell(&s, LINK_DONE, LINK_NO_VM, NULL, 0);
    return s.status;
}
