/* SPDX-License-Identifier: BSD-2-Clause
 * The processes of one VM. */
#include "kvm/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/shared.h"
#include "kvm/host.h"
#include "kvm/ram.h"
#include "kvm/sched.h"
#include "kvm/shm.h"

bool child_prepare(struct child *c)
{
    c->vmm = SPAWNED_NONE;
    c->io = SPAWNED_NONE;
    c->console_fd = -1;
    c->nudge_fd = -1;
    c->account.part = REPORT_PART_VMM;
    c->io_account.part = REPORT_PART_IO;
    c->report_fd = shm_create("bulkhead-report", sizeof(*c->report));
    c->report = c->report_fd < 0 ? NULL : shm_map(c->report_fd, sizeof(*c->report));
    return c->report != NULL;
}

/* --- Starting ---------------------------------------------------------------------------------- */

/* What both processes are given; ours are closed once they run. */
struct start {
    struct wires_vm shared;
    int console[2];
};

static void start_close(struct start *s)
{
    const int fds[] = {s->shared.ram_fd, s->shared.notify[0], s->shared.notify[1], s->console[1]};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    for (uint32_t i = 0; i < SYSTEM_NICS_MAX; i++) {
        if (s->shared.channel_fd[i] >= 0) {
            (void)close(s->shared.channel_fd[i]);
        }
    }
}

/* New channels: all zero means stopped, nothing asked. */
static bool start_channels(struct child *c, struct start *s, uint32_t nics)
{
    for (uint32_t i = 0; i < nics; i++) { /* bound: SYSTEM_NICS_MAX */
        if (c->channel[i] != NULL) {
            (void)munmap(c->channel[i], CHANNEL_BYTES);
        }
        s->shared.channel_fd[i] = shm_create("bulkhead-channel", CHANNEL_BYTES);
        c->channel[i] =
            s->shared.channel_fd[i] < 0 ? NULL : shm_map(s->shared.channel_fd[i], CHANNEL_BYTES);
        if (c->channel[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool start_share(struct child *c, struct start *s, const struct system_vm *vm, char *why,
                        size_t why_size)
{
    s->shared = (struct wires_vm){.ram_fd = -1, .notify = {-1, -1}};
    s->console[0] = s->console[1] = -1;
    for (uint32_t i = 0; i < SYSTEM_NICS_MAX; i++) {
        s->shared.channel_fd[i] = -1;
    }
    s->shared.ram_fd = ram_create(vm);
    if (s->shared.ram_fd < 0) {
        (void)snprintf(why, why_size, "no guest RAM: %s; give the VM less memory or the host more",
                       strerror(errno));
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->console) != 0 ||
        (vm->nics > 0 && pipe2(s->shared.notify, O_CLOEXEC | O_NONBLOCK) != 0) ||
        !start_channels(c, s, vm->nics)) {
        (void)snprintf(why, why_size, "cannot start its process: %s", strerror(errno));
        return false;
    }
    return true;
}

static void job_add(struct spawn_job *job, const int *fds, uint32_t count)
{
    memcpy(&job->fd[job->fds], fds, count * sizeof(fds[0]));
    job->fds += count;
}

static bool start_processes(struct child *c, const struct start *s, const struct child_origin *o)
{
    const struct system_vm *vm = &o->image->vm[o->index];
    int fds[WIRES_FDS_MAX];
    struct spawn_job io = {.role = "io", .index = o->index, .image_fd = o->image_fd};
    struct spawn_job vmm = io;
    io.cpu = vm->io_cpu;
    io.priority = sched_io_priority(o->image, o->index);
    job_add(&io, &c->report_fd, 1);
    uint32_t count = wires_io_fds(o->wires, &s->shared, o->image, o->index, fds);
    job_add(&io, fds, count);
    if (vm->nics > 0 && !spawn(&io, &c->io)) {
        return false;
    }
    vmm.role = "vmm";
    vmm.cpu = vm->cpu;
    vmm.priority = vm->priority;
    job_add(&vmm, &s->console[1], 1);
    job_add(&vmm, &c->report_fd, 1);
    count = wires_vmm_fds(o->wires, &s->shared, o->image, o->index, fds);
    job_add(&vmm, fds, count);
    if (!spawn(&vmm, &c->vmm)) {
        int saved = errno;
        spawn_end(&c->io);
        errno = saved;
        return false;
    }
    return true;
}

bool child_start(struct child *c, const struct child_origin *o, char *why, size_t why_size)
{
    struct start s;
    bool ok = start_share(c, &s, &o->image->vm[o->index], why, why_size);
    struct report_shadow shadow = c->report->shadow; /* of all starts: none may be missed */
    shadow.earlier += c->report->exits[VM_EXIT_MMIO];
    memset(c->report, 0, sizeof(*c->report));
    c->report->shadow = shadow;
    c->report->version = REPORT_VERSION;
    c->report->restarts = c->restarts;
    c->report->cpu = (uint32_t)sched_host_cpu(o->image->vm[o->index].cpu);
    if (ok && !start_processes(c, &s, o)) {
        (void)snprintf(why, why_size, "cannot start its process: %s", strerror(errno));
        ok = false;
    }
    if (ok && s.shared.notify[1] >= 0) {
        c->nudge_fd = s.shared.notify[1];
        s.shared.notify[1] = -1;
    }
    start_close(&s);
    if (!ok) {
        if (s.console[0] >= 0) {
            (void)close(s.console[0]);
        }
        return false;
    }
    c->console_fd = s.console[0];
    c->started_ns = host_ns();
    c->restart_at_ns = 0;
    c->ending = false;
    c->ended = false;
    (void)fcntl(c->console_fd, F_SETFL, O_NONBLOCK);
    wires_wake_all(o->wires);
    return true;
}

/* --- Ending ------------------------------------------------------------------------------------ */

static bool has_ended(const struct spawned *s)
{
    struct pollfd p = {.fd = s->pid_fd, .events = POLLIN};
    return s->pid > 0 && poll(&p, 1, 0) == 1;
}

bool child_reap(struct child *c)
{
    int status;
    if (!c->ending) {
        c->end.by_io = !has_ended(&c->vmm) && has_ended(&c->io);
        struct spawned *first = c->end.by_io ? &c->io : &c->vmm;
        const struct spawned *other = c->end.by_io ? &c->vmm : &c->io;
        if (!spawn_reap(first, &c->end.status)) {
            return false;
        }
        c->ending = true;
        if (other->pid > 0) {
            (void)kill(other->pid, SIGKILL);
        }
    }
    (void)spawn_reap(c->end.by_io ? &c->vmm : &c->io, &status);
    if (c->vmm.pid > 0 || c->io.pid > 0) {
        return false;
    }
    if (c->nudge_fd >= 0) {
        (void)close(c->nudge_fd);
        c->nudge_fd = -1;
    }
    return true;
}

void child_set_cables(const struct child *c, uint32_t out)
{
    if (c->nudge_fd >= 0 && shared_load(&c->report->cables_out) != out) {
        shared_store(&c->report->cables_out, out);
        (void)!write(c->nudge_fd, "", 1); /* full: it will look anyhow */
    }
}

void child_complete_report(const struct child *c)
{
    c->report->input_dropped = c->input_dropped;
    for (uint32_t i = 0; i < SYSTEM_NICS_MAX; i++) {
        if (c->channel[i] != NULL) {
            c->report->nic[i] = c->channel[i]->counts;
        }
    }
}

static void judge_io(const struct child *c, const struct child_end *end, struct link_stopped *out)
{
    const struct report_io *r = &c->report->io;
    out->cause = LINK_STOP_DIED;
    if (WIFSIGNALED(end->status)) {
        out->code = (uint32_t)WTERMSIG(end->status);
        (void)snprintf(out->text, sizeof(out->text),
                       "the process of its network cards was ended by signal %u (%s)", out->code,
                       strsignal(WTERMSIG(end->status)));
        return;
    }
    if (r->state == REPORT_LOADING) {
        out->cause = LINK_STOP_FAILED;
        (void)snprintf(out->text, sizeof(out->text), "its network cards cannot start: %.*s",
                       (int)sizeof(r->text) - 1, r->text);
        return;
    }
    out->code = (uint32_t)WEXITSTATUS(end->status);
    (void)snprintf(out->text, sizeof(out->text),
                   "the process of its network cards ended unasked (status %u)", out->code);
}

static void judge_told(const struct vm_report *r, struct link_stopped *out)
{
    static const struct {
        uint32_t cause;
        const char *text;
    } ends[] = {
        [VM_END_NONE] = {LINK_STOP_ASKED, "stopped on request"},
        [VM_END_POWER_OFF] = {LINK_STOP_POWER_OFF, "powered off by the guest"},
        [VM_END_RESET] = {LINK_STOP_RESET, "reset by the guest"},
        [VM_END_DEBUG_EXIT] = {LINK_STOP_DEBUG_EXIT, "ended by the guest's debug-exit port"},
        [VM_END_TRIPLE_FAULT] = {LINK_STOP_FAILED, "triple fault: the guest's processor shut down"},
        [VM_END_EMULATION] = {LINK_STOP_FAILED, "an instruction that cannot be emulated"},
        [VM_END_HOST_ERROR] = {LINK_STOP_FAILED, "the host cannot go on"},
    };
    uint32_t end = r->end < sizeof(ends) / sizeof(ends[0]) ? r->end : VM_END_HOST_ERROR;
    out->cause = ends[end].cause;
    out->code = r->end_code;
    (void)snprintf(out->text, sizeof(out->text), "%s%s%.*s", ends[end].text,
                   r->end_text[0] != '\0' ? ": " : "", (int)sizeof(r->end_text) - 1, r->end_text);
}

void child_judge(const struct child *c, const struct child_end *end, struct link_stopped *out)
{
    const struct vm_report *r = c->report;
    int status = end->status;
    memset(out, 0, sizeof(*out));
    out->restarts = c->restarts;
    if (end->by_io && !end->on_request) {
        judge_io(c, end, out);
        return;
    }
    if (WIFSIGNALED(status) && !end->on_request) {
        out->cause = LINK_STOP_DIED;
        out->code = (uint32_t)WTERMSIG(status);
        (void)snprintf(out->text, sizeof(out->text), "its process was ended by signal %u (%s)",
                       out->code, strsignal(WTERMSIG(status)));
        return;
    }
    if (r->state == REPORT_LOADING && r->end == VM_END_HOST_ERROR) {
        out->cause = LINK_STOP_FAILED;
        (void)snprintf(out->text, sizeof(out->text), "it cannot start: %.*s",
                       (int)sizeof(r->end_text) - 1, r->end_text);
        return;
    }
    if (r->state == REPORT_ENDED || r->end == VM_END_HOST_ERROR) {
        judge_told(r, out);
        return;
    }
    out->cause = end->on_request ? LINK_STOP_ASKED : LINK_STOP_DIED;
    out->code = WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 0;
    (void)snprintf(out->text, sizeof(out->text), "%s",
                   end->on_request ? "stopped on request" : "its process ended unasked");
}
