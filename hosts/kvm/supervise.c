/* SPDX-License-Identifier: BSD-2-Clause
 * The supervisor: starts a process or two per VM, and those that switch frames between them; hands on
 * consoles and reports, restarts what the system file says. It holds no guest memory and enters no
 * guest; if a VM's process is killed, the others do not notice. */
#include "kvm/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kvm/account.h"
#include "kvm/child.h"
#include "kvm/host.h"
#include "kvm/link.h"
#include "kvm/parts.h"
#include "kvm/sched.h"
#include "kvm/tell.h"

#define REPORT_EVERY_NS  1000000000ull
#define ACCOUNT_EVERY_NS 2000000000ull /* at least: looking may take 1 % of a CPU */
#define ACCOUNT_SHARE    100u
#define RESTART_GAP_NS   1000000000ull /* between the starts of a VM that keeps ending */
#define KILL_AGAIN_NS    100000000ull  /* between two rounds of killing */
#define STOP_GRACE_NS    2000000000ull /* from asking a VM to end to killing it         */

#define GIVE_UP_NS 15000000000ull /* ... and to leaving behind what cannot even be killed */

#define LAST_WORDS_NS 1000000000ull /* how long a VM's last bytes may wait for a stuck link */

struct supervisor {
    const struct system_image *image;
    int image_fd;
    int link_fd;
    struct link_reader reader;
    struct teller tell;
    struct wires wires;
    struct child child[SYSTEM_VMS_MAX];
    struct parts parts;            /* switches and uplinks        */
    uint32_t next_console;         /* whose turn it is to be read */
    struct process_report account; /* of this process */
    uint64_t next_report_ns;
    uint64_t next_account_ns;
    uint64_t kill_at_ns; /* 0: nobody asked to stop */
    uint64_t give_up_ns;
    int status;
};

/* --- Starting a VM ----------------------------------------------------------------------------- */

static void start_or_give_up(struct supervisor *s, uint32_t index)
{
    struct child *c = &s->child[index];
    const struct child_origin o = {
        .image = s->image, .image_fd = s->image_fd, .wires = &s->wires, .index = index};
    char why[200];
    if (child_start(c, &o, why, sizeof(why))) {
        tell_started(&s->tell, index, c->report);
        return;
    }
    tell_note(&s->tell, index, "%s", why);
    if (c->restarts > 0) { /* it ran before, so what it wants can be had: want of memory, say */
        c->restart_at_ns = host_ns() + RESTART_GAP_NS;
        return;
    }
    c->restart_at_ns = 0;
    c->over = true;
    s->status = 1;
}

/* --- Accounts ---------------------------------------------------------------------------------- */

/* CPU time of this process. */
static uint64_t cpu_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void account_one(struct supervisor *s, uint32_t index, struct process_report *account,
                        pid_t pid)
{
    if (account_sample(account, pid) && tell_has_room(&s->tell)) {
        tell_now(&s->tell, LINK_PROCESS, index, account, sizeof(*account));
    }
}

/* Looks at every process and tells what it takes. Each counts from when it has begun its work: before,
 * it maps files and libraries. */
static void account_all(struct supervisor *s)
{
    uint64_t begin = cpu_ns();
    for (uint32_t i = 0; i < s->image->vms; i++) {
        struct child *c = &s->child[i];
        if (c->vmm.pid > 0 && c->report->state == REPORT_RUNNING) {
            account_one(s, i, &c->account, c->vmm.pid);
        }
        if (c->io.pid > 0 && c->report->io.state == REPORT_RUNNING) {
            account_one(s, i, &c->io_account, c->io.pid);
        }
    }
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        struct part *part = &s->parts.part[i];
        if (part->process.pid > 0 && parts_runs(part)) {
            account_one(s, part->sw, &part->account, part->process.pid);
        }
    }
    account_one(s, LINK_NO_VM, &s->account, 0);
    uint64_t pause = (cpu_ns() - begin) * ACCOUNT_SHARE;
    s->next_account_ns = host_ns() + (pause > ACCOUNT_EVERY_NS ? pause : ACCOUNT_EVERY_NS);
}

/* --- Ending ------------------------------------------------------------------------------------ */

static void ask_all_to_stop(struct supervisor *s)
{
    if (s->kill_at_ns == 0) {
        account_all(s); /* for the last time */
        s->kill_at_ns = host_ns() + STOP_GRACE_NS;
        s->give_up_ns = host_ns() + GIVE_UP_NS;
    }
    for (uint32_t i = 0; i < s->image->vms; i++) {
        s->child[i].restart_at_ns = 0;
        if (s->child[i].console_fd >= 0) {
            /* A signal between a look and a wait is missed; the end of the input is not. */
            (void)shutdown(s->child[i].console_fd, SHUT_WR);
        }
        if (s->child[i].vmm.pid > 0) {
            (void)kill(s->child[i].vmm.pid, SIGTERM);
        } else if (!s->child[i].ended && !s->child[i].ending) {
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
        struct child *c = &s->child[i];
        if (c->vmm.pid > 0) {
            (void)kill(c->vmm.pid, SIGKILL);
        }
        if ((c->vmm.pid > 0 || c->ending) && !c->ended && host_ns() >= s->give_up_ns) {
            tell_note(&s->tell, i, "its processes do not end, not even by SIGKILL: left behind");
            c->over = true;
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

static void reap(struct supervisor *s, uint32_t index)
{
    struct child *c = &s->child[index];
    if (!c->ending) {
        c->end = (struct child_end){.on_request = s->kill_at_ns != 0};
    }
    c->ended = child_reap(c);
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
static void conclude(struct supervisor *s, uint32_t index)
{
    struct child *c = &s->child[index];
    struct link_stopped why;
    drop_last_words(c);
    c->ending = false;
    c->ended = false;
    child_judge(c, &c->end, &why);
    bool again = wants_restart(s, index, &why);
    why.will_restart = again;
    child_complete_report(c);
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

static void tell_switch(struct supervisor *s, uint32_t sw)
{
    struct net_report r;
    parts_report(&s->parts, sw, &r);
    tell_now(&s->tell, LINK_SWITCH, sw, &r, sizeof(r));
}

/* Each VM's report, with what only the supervisor knows, and each switch's. */
static void report_all(struct supervisor *s)
{
    for (uint32_t i = 0; i < s->image->vms; i++) {
        struct child *c = &s->child[i];
        if (c->vmm.pid > 0 && tell_has_room(&s->tell)) {
            child_complete_report(c);
            tell_now(&s->tell, LINK_REPORT, i, c->report, sizeof(*c->report));
        }
    }
    for (uint32_t i = 0; i < s->image->switches; i++) {
        if (tell_has_room(&s->tell)) {
            tell_switch(s, i);
        }
    }
}

/* Each VM learns which of its cards lead to an uplink that is down, as far as they want to know. */
static void tell_cables(const struct supervisor *s)
{
    for (uint32_t i = 0; i < s->image->vms; i++) {
        const struct system_vm *vm = &s->image->vm[i];
        uint32_t out = 0;
        for (uint32_t n = 0; n < vm->nics; n++) { /* bound: SYSTEM_NICS_MAX */
            const struct system_nic *nic = &vm->nic[n];
            bool follows = (nic->policy & SYSTEM_NIC_FOLLOWS) != 0;
            out |= follows && !parts_uplink_up(&s->parts, nic->switch_) ? 1u << n : 0;
        }
        child_set_cables(&s->child[i], out);
    }
}

static void do_what_is_due(struct supervisor *s)
{
    uint64_t now = host_ns();
    for (uint32_t i = 0; i < s->image->vms; i++) {
        struct child *c = &s->child[i];
        if (c->ended && (c->console_fd < 0 || now >= c->words_until_ns)) {
            conclude(s, i);
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
    tell_cables(s); /* before an uplink that died is started again */
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

#define FDS_A_VM 3u /* its console, and the ends of its two processes */

static void turn(struct supervisor *s)
{
    struct pollfd fds[1 + FDS_A_VM * SYSTEM_VMS_MAX + PARTS_MAX];
    uint32_t vms = s->image->vms;
    struct pollfd *parts = &fds[1u + FDS_A_VM * vms];
    bool room = tell_has_room(&s->tell);
    fds[0] = (struct pollfd){.fd = s->tell.up ? s->link_fd : -1,
                             .events = (short)(room ? POLLIN : POLLIN | POLLOUT)};
    for (uint32_t i = 0; i < vms; i++) {
        const struct child *c = &s->child[i];
        struct pollfd *f = &fds[1u + FDS_A_VM * i];
        f[0] = (struct pollfd){.fd = room ? c->console_fd : -1, .events = POLLIN};
        f[1] = (struct pollfd){.fd = c->vmm.pid_fd, .events = POLLIN};
        f[2] = (struct pollfd){.fd = c->io.pid_fd, .events = POLLIN};
    }
    parts_fill(&s->parts, parts);
    (void)poll(fds, 1u + FDS_A_VM * vms + PARTS_MAX, ms_to_next(s));
    for (uint32_t i = 0; i < vms; i++) {
        const struct pollfd *f = &fds[1u + FDS_A_VM * i];
        if ((f[1].fd >= 0 && f[1].revents != 0) || (f[2].fd >= 0 && f[2].revents != 0)) {
            reap(s, i);
        }
    }
    drain_consoles(s); /* behind the reaping: a VM that has ended says nothing after this */
    parts_take(&s->parts, parts);
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
    struct supervisor *s = who;
    tell_note(&s->tell, LINK_NO_VM, "%s", text);
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

/* What went through the switches, once no VM runs any more. Nothing else waits to be told: this may wait
 * for the person. */
static void tell_final_counts(const struct supervisor *s)
{
    for (uint32_t i = 0; i < s->image->switches && s->tell.up; i++) {
        struct net_report r;
        parts_report(&s->parts, i, &r);
        (void)link_write(s->link_fd, LINK_SWITCH, (uint16_t)i, &r, sizeof(r));
    }
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
        parts_start(&s.parts);
        for (uint32_t i = 0; i < image->vms && s.tell.up; i++) {
            start_or_give_up(&s, i);
        }
        while (!all_over(&s)) {
            turn(&s);
        }
        parts_stop(&s.parts);
    }
    tell_all(&s.tell);
    tell_final_counts(&s);
    (void)link_write(link_fd, LINK_DONE, LINK_NO_VM, NULL, 0);
    return s.status;
}
