/* SPDX-License-Identifier: BSD-2-Clause
 * The supervisor: starts a process per VM, hands on consoles and reports, restarts what the system
 * file says. It holds no guest memory and enters no guest; if a VM's process is killed, the others
 * do not notice. */
#include "kvm/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm/host.h"
#include "kvm/link.h"

#define REPORT_EVERY_NS 1000000000ull
#define RESTART_GAP_NS  1000000000ull /* between the starts of a VM that keeps ending */
#define KILL_AGAIN_NS   100000000ull  /* between two rounds of killing */
#define STOP_GRACE_NS   2000000000ull /* from asking a VM to end to killing it         */

#define LAST_WORDS_MS 1000 /* what a stuck link may take of a VM's last bytes */

struct child {
    pid_t pid;                /* 0: not running                        */
    int pid_fd;               /* readable when the process has ended   */
    int console_fd;           /* our end; -1 when closed               */
    struct vm_report *report; /* shared with the process     */
    int report_fd;
    uint32_t restarts;
    uint64_t started_ns;
    uint64_t restart_at_ns; /* 0: not waiting to be started again */
    uint64_t input_dropped;
    bool over; /* will not run again */
};

struct supervisor {
    const struct system_image *image;
    int image_fd;
    int link_fd;
    struct link_reader reader;
    struct child child[SYSTEM_VMS_MAX];
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
    c->report->input_dropped = c->input_dropped;
    tell(s, LINK_REPORT, vm, c->report, sizeof(*c->report));
}

__attribute__((format(printf, 3, 4))) static void note(struct supervisor *s, uint32_t vm,
                                                       const char *format, ...)
{
    char text[256];
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

/* CPUs that this process may use, in order; returns how many. */
static uint32_t usable_cpus(uint32_t *list, uint32_t max)
{
    cpu_set_t set;
    uint32_t count = 0;
    CPU_ZERO(&set);
    (void)sched_getaffinity(0, sizeof(set), &set);
    for (uint32_t i = 0; i < CPU_SETSIZE && count < max; i++) {
        if (CPU_ISSET(i, &set)) {
            list[count] = i;
            count++;
        }
    }
    return count;
}

/* The host CPU for a logical one, folding where there are too few; -1: not pinned. */
static int host_cpu(uint32_t logical)
{
    uint32_t list[256];
    uint32_t count = usable_cpus(list, 256);
    return logical == SYSTEM_CPU_ANY || count == 0 ? -1 : (int)list[logical % count];
}

/* One warning where CPUs fold; false where the system file forbids it. */
static bool check_cpus(struct supervisor *s)
{
    uint32_t list[256];
    uint32_t count = usable_cpus(list, 256);
    bool fold = false;
    for (uint32_t i = 0; i < s->image->vms; i++) {
        uint32_t cpu = s->image->vm[i].cpu;
        fold = fold || (cpu != SYSTEM_CPU_ANY && cpu >= count);
    }
    if (!fold) {
        return true;
    }
    if ((s->image->flags & SYSTEM_FLAG_STRICT) != 0) {
        note(s, LINK_NO_VM,
             "the system file names more CPUs than the %u that are here, and says strict = true; "
             "give it fewer or take strict away",
             count);
        return false;
    }
    note(s, LINK_NO_VM,
         "warning: the system file names more CPUs than the %u that are here; they "
         "fold onto those",
         count);
    return true;
}

static void child_exec(const struct supervisor *s, uint32_t index, int console, int report)
{
    char image[16], number[16], console_text[16], report_text[16];
    char *const argv[] = {"bulkhead", "--component", "vmm",       image,
                          number,     console_text,  report_text, NULL};
    int cpu = host_cpu(s->image->vm[index].cpu);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        (void)sched_setaffinity(0, sizeof(set), &set);
    }
    (void)snprintf(image, sizeof(image), "%d", s->image_fd);
    (void)snprintf(number, sizeof(number), "%u", index);
    (void)snprintf(console_text, sizeof(console_text), "%d", console);
    (void)snprintf(report_text, sizeof(report_text), "%d", report);
    (void)fcntl(s->image_fd, F_SETFD, 0);
    (void)fcntl(console, F_SETFD, 0);
    (void)fcntl(report, F_SETFD, 0);
    (void)execv("/proc/self/exe", argv);
    _exit(127);
}

static bool child_start(struct supervisor *s, uint32_t index)
{
    struct child *c = &s->child[index];
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    memset(c->report, 0, sizeof(*c->report));
    c->report->version = REPORT_VERSION;
    c->report->cpu = (uint32_t)host_cpu(s->image->vm[index].cpu);
    pid_t pid = fork();
    if (pid == 0) {
        child_exec(s, index, pair[1], c->report_fd);
    }
    (void)close(pair[1]);
    int pid_fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
    if (pid_fd < 0) {
        int saved = errno;
        if (pid > 0) { /* its end would never be noticed */
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, NULL, 0);
        }
        (void)close(pair[0]);
        errno = saved;
        return false;
    }
    c->pid = pid;
    c->pid_fd = pid_fd;
    c->console_fd = pair[0];
    c->started_ns = host_ns();
    c->restart_at_ns = 0;
    (void)fcntl(c->pid_fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(c->console_fd, F_SETFL, O_NONBLOCK);
    tell(s, LINK_STARTED, index, c->report, sizeof(*c->report));
    return true;
}

static void start_or_give_up(struct supervisor *s, uint32_t index)
{
    if (!child_start(s, index)) {
        note(s, index, "cannot start its process: %s", strerror(errno));
        s->child[index].over = true;
        s->status = 1;
    }
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
        if (s->child[i].pid > 0) {
            (void)kill(s->child[i].pid, SIGTERM);
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
        if (s->child[i].pid > 0) {
            (void)kill(s->child[i].pid, SIGKILL);
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

/* What the report and the wait status say, as one cause and one sentence. */
static void judge(const struct supervisor *s, const struct child *c, int status,
                  struct link_stopped *out)
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
    const struct vm_report *r = c->report;
    memset(out, 0, sizeof(*out));
    out->restarts = c->restarts;
    if (WIFSIGNALED(status) && s->kill_at_ns == 0) {
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
        uint32_t end = r->end < sizeof(ends) / sizeof(ends[0]) ? r->end : VM_END_HOST_ERROR;
        out->cause = ends[end].cause;
        out->code = r->end_code;
        (void)snprintf(out->text, sizeof(out->text), "%s%s%.*s", ends[end].text,
                       r->end_text[0] != '\0' ? ": " : "", (int)sizeof(r->end_text) - 1,
                       r->end_text);
        return;
    }
    out->cause = s->kill_at_ns != 0 ? LINK_STOP_ASKED : LINK_STOP_DIED;
    out->code = WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 0;
    (void)snprintf(out->text, sizeof(out->text), "%s",
                   s->kill_at_ns != 0 ? "stopped on request" : "its process ended unasked");
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
    int status = 0;
    if (waitpid(c->pid, &status, 0) != c->pid) {
        return;
    }
    drain_console(s, index, LAST_WORDS_MS);
    if (c->console_fd >= 0) {
        (void)close(c->console_fd);
    }
    (void)close(c->pid_fd);
    c->console_fd = -1;
    c->pid_fd = -1;
    c->pid = 0;
    judge(s, c, status, &why);
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

static void obey(struct supervisor *s, const struct link_head *head, const uint8_t *data)
{
    bool named = head->vm < s->image->vms;
    if (head->type == LINK_STOP) {
        ask_all_to_stop(s);
    } else if (head->type == LINK_INPUT && named) {
        type_into(s, head->vm, data, head->len);
    } else if (head->type == LINK_KILL && named && s->child[head->vm].pid > 0) {
        (void)kill(s->child[head->vm].pid, SIGKILL);
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
            if (s->child[i].pid > 0 && link_takes(s, 0)) {
                tell_report(s, i);
            }
        }
        s->next_report_ns = now + REPORT_EVERY_NS;
    }
    kill_stubborn(s);
}

static int ms_to_next(const struct supervisor *s)
{
    uint64_t now = host_ns();
    uint64_t next = s->next_report_ns;
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
    struct pollfd fds[1 + 2 * SYSTEM_VMS_MAX];
    uint32_t vms = s->image->vms;
    bool room = link_takes(s, 0);
    fds[0] = (struct pollfd){.fd = s->link_up ? s->link_fd : -1,
                             .events = (short)(room ? POLLIN : POLLIN | POLLOUT)};
    for (uint32_t i = 0; i < vms; i++) {
        const struct child *c = &s->child[i];
        fds[1u + 2u * i] =
            (struct pollfd){.fd = room && c->pid > 0 ? c->console_fd : -1, .events = POLLIN};
        fds[2u + 2u * i] = (struct pollfd){.fd = c->pid > 0 ? c->pid_fd : -1, .events = POLLIN};
    }
    (void)poll(fds, 1u + 2u * vms, ms_to_next(s));
    for (uint32_t i = 0; i < vms; i++) {
        if (fds[1u + 2u * i].fd >= 0 && fds[1u + 2u * i].revents != 0) {
            drain_console(s, i, 0);
        }
        if (fds[2u + 2u * i].fd >= 0 && fds[2u + 2u * i].revents != 0) {
            child_ended(s, i);
        }
    }
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

static bool prepare(struct supervisor *s)
{
    for (uint32_t i = 0; i < s->image->vms; i++) {
        struct child *c = &s->child[i];
        c->pid_fd = -1;
        c->console_fd = -1;
        c->report_fd = memfd_create("bulkhead-report", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        /* Sealed: a component that shrank it would send us SIGBUS, and all VMs with us. */
        if (c->report_fd < 0 || ftruncate(c->report_fd, sizeof(*c->report)) != 0 ||
            fcntl(c->report_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
            return false;
        }
        void *at =
            mmap(NULL, sizeof(*c->report), PROT_READ | PROT_WRITE, MAP_SHARED, c->report_fd, 0);
        if (at == MAP_FAILED) {
            return false;
        }
        c->report = at;
    }
    s->image_fd = freeze_image(s->image);
    return s->image_fd >= 0;
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
        for (uint32_t i = 0; i < image->vms && s.kill_at_ns == 0; i++) {
            start_or_give_up(&s, i);
        }
        while (!all_over(&s)) {
            turn(&s);
        }
    }
    tell(&s, LINK_DONE, LINK_NO_VM, NULL, 0);
    return s.status;
}
