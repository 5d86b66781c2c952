/* SPDX-License-Identifier: BSD-2-Clause
 * The supervisor: starts a process per VM, hands on consoles and reports, restarts what the system
 * file says. It holds no guest memory and enters no guest; if a VM's process is killed, the others
 * do not notice. */
#include "kvm/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm/account.h"
#include "kvm/host.h"
#include "kvm/link.h"
#include "kvm/sched.h"
#include "kvm/tell.h"

#define REPORT_EVERY_NS  1000000000ull
#define ACCOUNT_EVERY_NS 2000000000ull /* at least: looking may take 1 % of a CPU */
#define ACCOUNT_SHARE    100u
#define RESTART_GAP_NS   1000000000ull /* between the starts of a VM that keeps ending */
#define KILL_AGAIN_NS    100000000ull  /* between two rounds of killing */
#define STOP_GRACE_NS    2000000000ull /* from asking a VM to end to killing it         */

#define LAST_WORDS_NS 1000000000ull /* how long a VM's last bytes may wait for a stuck link */

struct child {
    pid_t pid;                /* 0: not running                        */
    bool ended;               /* its process has, its last words are still to be read */
    int status;               /* ... its wait status                   */
    uint64_t words_until_ns;  /* ... how long they are waited for      */
    int pid_fd;               /* readable when the process has ended   */
    int console_fd;           /* our end; -1 when closed               */
    struct vm_report *report; /* shared with the process     */
    int report_fd;
    struct process_report account;
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
    struct teller tell;
    struct child child[SYSTEM_VMS_MAX];
    uint32_t next_console;         /* whose turn it is to be read */
    struct process_report account; /* of this process */
    uint64_t next_report_ns;
    uint64_t next_account_ns;
    uint64_t kill_at_ns; /* 0: nobody asked to stop */
    int status;
};

/* --- Starting a VM ----------------------------------------------------------------------------- */

static void child_exec(const struct supervisor *s, uint32_t index, int console, int report)
{
    char image[16], number[16], console_text[16], report_text[16];
    char *const argv[] = {"bulkhead", "--component", "vmm",       image,
                          number,     console_text,  report_text, NULL};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    sched_pin(s->image->vm[index].cpu);
    (void)sched_set_priority(0, s->image->vm[index].priority); /* the person was warned */
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
    c->report->cpu = (uint32_t)sched_host_cpu(s->image->vm[index].cpu);
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
    c->ended = false;
    (void)fcntl(c->pid_fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(c->console_fd, F_SETFL, O_NONBLOCK);
    tell_started(&s->tell, index, c->report);
    return true;
}

static void start_or_give_up(struct supervisor *s, uint32_t index)
{
    if (!child_start(s, index)) {
        tell_note(&s->tell, index, "cannot start its process: %s", strerror(errno));
        s->child[index].restart_at_ns = 0;
        s->child[index].over = true;
        s->status = 1;
    }
}

/* --- Accounts ---------------------------------------------------------------------------------- */

/* CPU time of this process. */
static uint64_t cpu_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Looks at every process and tells what it takes. A VM's process counts from when its guest runs. */
static void account_all(struct supervisor *s)
{
    uint64_t begin = cpu_ns();
    for (uint32_t i = 0; i < s->image->vms; i++) {
        struct child *c = &s->child[i];
        if (c->pid > 0 && c->report->state == REPORT_RUNNING &&
            account_sample(&c->account, c->pid) && tell_has_room(&s->tell)) {
            tell_now(&s->tell, LINK_PROCESS, i, &c->account, sizeof(c->account));
        }
    }
    if (account_sample(&s->account, 0) && tell_has_room(&s->tell)) {
        tell_now(&s->tell, LINK_PROCESS, LINK_NO_VM, &s->account, sizeof(s->account));
    }
    uint64_t pause = (cpu_ns() - begin) * ACCOUNT_SHARE;
    s->next_account_ns = host_ns() + (pause > ACCOUNT_EVERY_NS ? pause : ACCOUNT_EVERY_NS);
}

/* --- Ending ------------------------------------------------------------------------------------ */

static void ask_all_to_stop(struct supervisor *s)
{
    if (s->kill_at_ns == 0) {
        account_all(s); /* for the last time */
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
        } else if (!s->child[i].ended) {
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

/* One piece of a VM's console: its bytes wait in its own buffer, which drops and counts them, until
 * the link has room. False: there is nothing to read now. */
static bool console_piece(struct supervisor *s, uint32_t index)
{
    struct child *c = &s->child[index];
    uint8_t buf[4096];
    ssize_t n = c->console_fd >= 0 ? recv(c->console_fd, buf, sizeof(buf), MSG_DONTWAIT) : -1;
    if (n > 0) {
        tell_now(&s->tell, LINK_CONSOLE, index, buf, (size_t)n);
    } else if (n == 0) {
        (void)close(c->console_fd);
        c->console_fd = -1;
    }
    return n > 0;
}

/* A piece from each VM in turn, so that none that floods keeps another's waiting. */
static void drain_consoles(struct supervisor *s)
{
    uint32_t vms = s->image->vms;
    uint32_t idle = 0;
    for (uint32_t turn = 0; turn < 64 * vms && idle < vms && tell_has_room(&s->tell); turn++) {
        idle = console_piece(s, s->next_console) ? 0 : idle + 1;
        s->next_console = (s->next_console + 1) % vms;
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

static void child_reap(struct supervisor *s, uint32_t index)
{
    struct child *c = &s->child[index];
    if (waitpid(c->pid, &c->status, 0) != c->pid) {
        return;
    }
    (void)close(c->pid_fd);
    c->pid_fd = -1;
    c->pid = 0;
    c->ended = true;
    c->words_until_ns = host_ns() + LAST_WORDS_NS;
}

/* What nobody has read by now is lost. */
static void drop_last_words(struct child *c)
{
    uint8_t buf[4096];
    ssize_t n = 1;
    while (c->console_fd >= 0 && n > 0) { /* bound: what a socket holds; nobody writes any more */
        n = recv(c->console_fd, buf, sizeof(buf), MSG_DONTWAIT);
        c->report->console_dropped += n > 0 ? (uint64_t)n : 0;
    }
    if (c->console_fd >= 0) {
        (void)close(c->console_fd);
        c->console_fd = -1;
    }
}

/* The VM has ended, and said what it had to say: what now? */
static void child_conclude(struct supervisor *s, uint32_t index)
{
    struct child *c = &s->child[index];
    struct link_stopped why;
    drop_last_words(c);
    c->ended = false;
    judge(s, c, c->status, &why);
    bool again = wants_restart(s, index, &why);
    why.will_restart = again;
    c->report->input_dropped = c->input_dropped;
    tell_stopped(&s->tell, index, &why, c->report);
    if (again) {
        uint64_t now = host_ns();
        bool hasty = now - c->started_ns < RESTART_GAP_NS; /* by a guest's reset, too */
        c->restarts++;
        c->restart_at_ns = hasty ? now + RESTART_GAP_NS : now;
        return;
    }
    c->over = true;
    if (is_failure(&why) && s->image->vm[index].on_failure == SYSTEM_FAIL_STOP_ALL) {
        tell_note(&s->tell, index, "on_failure = \"stop-all\": the other VMs are stopped");
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
        tell_note(&s->tell, vm, "%zu typed bytes were lost: its input is full", len - sent);
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
        s->tell.up = false; /* nobody watches any more */
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

/* Each VM's report, with what only the supervisor knows. */
static void report_all(struct supervisor *s)
{
    for (uint32_t i = 0; i < s->image->vms; i++) {
        struct child *c = &s->child[i];
        if (c->pid > 0 && tell_has_room(&s->tell)) {
            c->report->input_dropped = c->input_dropped;
            tell_now(&s->tell, LINK_REPORT, i, c->report, sizeof(*c->report));
        }
    }
}

static void do_what_is_due(struct supervisor *s)
{
    uint64_t now = host_ns();
    for (uint32_t i = 0; i < s->image->vms; i++) {
        struct child *c = &s->child[i];
        if (c->ended && (c->console_fd < 0 || now >= c->words_until_ns)) {
            child_conclude(s, i);
        }
        if (c->restart_at_ns != 0 && now >= c->restart_at_ns) {
            start_or_give_up(s, i);
        }
    }
    if (now >= s->next_report_ns) {
        report_all(s);
        s->next_report_ns = now + REPORT_EVERY_NS;
    }
    if (now >= s->next_account_ns && s->kill_at_ns == 0) {
        account_all(s);
    }
    if (!s->tell.up && s->kill_at_ns == 0) {
        ask_all_to_stop(s); /* nobody is there to be told: nothing is to run on unwatched */
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
        at = s->child[i].words_until_ns;
        next = s->child[i].ended && at < next ? at : next;
    }
    if (s->kill_at_ns == 0 && s->next_account_ns < next) {
        next = s->next_account_ns;
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
    bool room = tell_has_room(&s->tell);
    fds[0] = (struct pollfd){.fd = s->tell.up ? s->link_fd : -1,
                             .events = (short)(room ? POLLIN : POLLIN | POLLOUT)};
    for (uint32_t i = 0; i < vms; i++) {
        const struct child *c = &s->child[i];
        fds[1u + 2u * i] = (struct pollfd){.fd = room ? c->console_fd : -1, .events = POLLIN};
        fds[2u + 2u * i] = (struct pollfd){.fd = c->pid > 0 ? c->pid_fd : -1, .events = POLLIN};
    }
    (void)poll(fds, 1u + 2u * vms, ms_to_next(s));
    for (uint32_t i = 0; i < vms; i++) {
        if (fds[2u + 2u * i].fd >= 0 && fds[2u + 2u * i].revents != 0) {
            child_reap(s, i);
        }
    }
    drain_consoles(s); /* behind the reaping: a VM that has ended says nothing after this */
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

/* Says what this host does not have of what the system file wants. False: it must have it. */
static bool fits(struct supervisor *s)
{
    char text[256];
    enum sched_fit cpus = sched_check_cpus(s->image, text, sizeof(text));
    if (cpus != SCHED_FITS) {
        tell_note(&s->tell, LINK_NO_VM, "%s", text);
    }
    enum sched_fit priorities = sched_check_priorities(s->image, text, sizeof(text));
    if (priorities != SCHED_FITS) {
        tell_note(&s->tell, LINK_NO_VM, "%s", text);
    }
    return cpus != SCHED_REFUSED && priorities != SCHED_REFUSED;
}

int supervise(const struct system_image *image, int link_fd)
{
    static struct supervisor s;
    s = (struct supervisor){.image = image, .link_fd = link_fd};
    (void)fcntl(link_fd, F_SETFL, O_NONBLOCK);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN); /* the person's side says LINK_STOP */
    tell_begin(&s.tell, link_fd, image->vms);
    if (!prepare(&s)) {
        tell_note(&s.tell, LINK_NO_VM, "cannot prepare the VMs: %s", strerror(errno));
        s.status = 1;
    } else if (!fits(&s)) {
        s.status = 1;
    } else {
        s.next_report_ns = host_ns() + REPORT_EVERY_NS;
        s.next_account_ns = s.next_report_ns;
        for (uint32_t i = 0; i < image->vms && s.tell.up; i++) {
            start_or_give_up(&s, i);
        }
        while (!all_over(&s)) {
            turn(&s);
        }
    }
    tell_all(&s.tell);
    (void)link_write(link_fd, LINK_DONE, LINK_NO_VM, NULL, 0);
    return s.status;
}
