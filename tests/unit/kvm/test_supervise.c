/* SPDX-License-Identifier: BSD-2-Clause
 * The supervisor with VMs that are none: this program is also the component that it starts, and does
 * what the VM's name says. Limits below only end a test that would hang. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kvm/link.h"
#include "kvm/sched.h"
#include "kvm/spawn.h"
#include "kvm/supervise.h"

#define BOARD_FD 100 /* struct board, inherited by everybody */
#define TURNS    4000u

/* What the test and its VMs tell each other. */
struct board {
    atomic_uint starts[SYSTEM_VMS_MAX];
    atomic_uint part_starts[3]; /* of the switch, of the uplink, of the first VM's io */
    atomic_uint stuck;          /* a VM could not write any more */
    atomic_uint go;
    atomic_int policy[SYSTEM_VMS_MAX]; /* of their scheduling */
    atomic_uint cables_out[2];         /* times that the second VM was told: plugged in, out */
    atomic_uint uplink_goes_down;
};

static struct board *board;
static struct system_image image;
static struct link_reader reader;
static bool tight; /* the next supervisor's link holds very little */

static void pause_a_little(void)
{
    const struct timespec t = {.tv_nsec = 5000000};
    (void)nanosleep(&t, NULL);
}

/* --- The VMs ----------------------------------------------------------------------------------- */

static void until_end_of_input(int console)
{
    uint8_t byte;
    ssize_t n;
    do {
        n = recv(console, &byte, 1, 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
}

static void flood(int console)
{
    static uint8_t zeros[4096];
    for (;;) {
        if (send(console, zeros, sizeof(zeros), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            atomic_store(&board->stuck, 1);
            pause_a_little();
        }
    }
}

static void wait_for(atomic_uint *flag)
{
    while (atomic_load(flag) == 0) {
        pause_a_little();
    }
}

/* A VM with a card: notes each time that it is nudged and what it then sees of its cable. */
static void watch_cable(struct vm_report *report, int notify, int console)
{
    uint8_t byte;
    for (;;) {
        struct pollfd p[2] = {{.fd = notify, .events = POLLIN}, {.fd = console, .events = POLLIN}};
        (void)poll(p, 2, -1);
        if (p[1].revents != 0) {
            return;
        }
        if (read(notify, &byte, 1) == 1) {
            uint32_t out = *(volatile uint32_t *)&report->cables_out;
            atomic_fetch_add(&board->cables_out[out & 1u], 1);
        }
    }
}

/* A switch, an uplink or an io: does what the switch's name says. */
static int part(char **argv)
{
    const struct system_image *system =
        mmap(NULL, sizeof(*system), PROT_READ, MAP_SHARED, atoi(argv[3]), 0);
    const char *name = system->switch_[0].name;
    uint32_t which = strcmp(argv[2], "switch") == 0 ? 0u : strcmp(argv[2], "uplink") == 0 ? 1u : 2u;
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, BOARD_FD, 0);
    void *page =
        mmap(NULL, sizeof(struct vm_report), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[5]), 0);
    unsigned starts = atomic_fetch_add(&board->part_starts[which], 1) + 1;
    if (which == 0) {
        struct switch_report *r = page;
        r->port[0].in_frames += 100;
        r->state = strcmp(name, "mute") == 0 ? REPORT_LOADING : REPORT_RUNNING;
        strcpy(r->text, "no ports");
        if (r->state == REPORT_LOADING) {
            return 1;
        }
    } else if (which == 1) {
        struct uplink_report *r = page;
        r->link = strcmp(name, "down") == 0 ? REPORT_LINK_DOWN : REPORT_LINK_UP;
        strcpy(r->text, "no way");
        if (r->link == REPORT_LINK_DOWN) {
            return 1;
        }
        if (strcmp(name, "ill") == 0 && starts == 1) {
            wait_for(&board->uplink_goes_down);
            (void)raise(SIGKILL);
        } else if (strcmp(name, "ill") == 0) {
            r->link = REPORT_LINK_DOWN;
            wait_for(&board->go);
            r->link = REPORT_LINK_UP;
        }
    } else {
        struct vm_report *r = page;
        r->io.state = strcmp(name, "badio") == 0 ? REPORT_LOADING : REPORT_RUNNING;
        strcpy(r->io.text, "no rings");
        if (r->io.state == REPORT_LOADING) {
            return 1;
        }
    }
    bool dies = (which == 0 && strcmp(name, "frail") == 0 && starts < 3) ||
                (which == 2 && strcmp(name, "frailio") == 0 && starts == 1);
    while (!dies || atomic_load(&board->go) == 0) {
        pause_a_little();
    }
    (void)raise(SIGKILL);
    return 0;
}

static int component(char **argv)
{
    const struct system_image *system =
        mmap(NULL, sizeof(*system), PROT_READ, MAP_SHARED, atoi(argv[3]), 0);
    struct vm_report *report =
        mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[6]), 0);
    int index = atoi(argv[4]);
    int console = atoi(argv[5]);
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, BOARD_FD, 0);
    const char *name = system->vm[index].name;
    atomic_store(&board->policy[index], sched_getscheduler(0));
    unsigned starts = atomic_fetch_add(&board->starts[index], 1) + 1;
    report->state = REPORT_LOADING;
    if (strcmp(name, "refused") == 0 && starts > 1) {
        report->end = VM_END_HOST_ERROR;
        return 1;
    }
    report->state = REPORT_RUNNING;
    if (strcmp(name, "flood") == 0) {
        flood(console);
    } else if (strcmp(name, "cable") == 0) {
        watch_cable(report, atoi(argv[8]), console);
    } else if (strcmp(name, "refused") == 0) {
        report->end = VM_END_TRIPLE_FAULT;
    } else if (strcmp(name, "unhappy") == 0) {
        report->end = VM_END_DEBUG_EXIT;
        report->end_code = 7;
    } else if (strcmp(name, "shrink") == 0) {
        report->end_code = ftruncate(atoi(argv[6]), 0) == 0 ? 1 : 2;
    } else if (strcmp(name, "quiet") == 0) {
        wait_for(&board->go);
        (void)send(console, "hello\n", 6, MSG_NOSIGNAL);
        until_end_of_input(console);
    } else if (strcmp(name, "again") == 0) {
        wait_for(&board->go);
        report->end = VM_END_RESET;
    } else if (strcmp(name, "once") == 0 && starts == 1) {
        wait_for(&board->go);
        report->end = VM_END_RESET;
    } else {
        (void)signal(SIGTERM, SIG_IGN); /* as one that comes just before the wait */
        until_end_of_input(console);
    }
    report->state = REPORT_ENDED;
    return 0;
}

/* --- The person -------------------------------------------------------------------------------- */

static void new_board(const char *first, const char *second)
{
    int fd = memfd_create("board", 0);
    assert_true(fd >= 0 && ftruncate(fd, sizeof(*board)) == 0);
    assert_int_equal(dup2(fd, BOARD_FD), BOARD_FD);
    close(fd);
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, BOARD_FD, 0);
    assert_true(board != MAP_FAILED);
    memset(&image, 0, sizeof(image));
    const char *const names[] = {first, second};
    for (size_t i = 0; i < 2 && names[i] != NULL; i++) {
        strcpy(image.vm[i].name, names[i]);
        image.vm[i].cpu = SYSTEM_CPU_ANY;
        image.vms = (uint32_t)i + 1u;
    }
    reader.have = 0;
    tight = false;
}

/* A link with as little room in it as the kernel lets it have. */
static void tighten(int fd)
{
    const int bytes = 1;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
}

static pid_t new_supervisor(int *link)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    if (tight) {
        tighten(fd[1]);
    }
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
        close(fd[0]);
        _exit(supervise(&image, fd[1]));
    }
    close(fd[1]);
    *link = fd[0];
    return pid;
}

/* True if it ends by itself. Its VMs end with it. */
static bool ends(pid_t pid)
{
    for (uint32_t i = 0; i < TURNS; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            return true;
        }
        pause_a_little();
    }
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    return false;
}

static bool comes_true(atomic_uint *what, unsigned value)
{
    for (uint32_t i = 0; i < TURNS && atomic_load(what) < value; i++) {
        pause_a_little();
    }
    return atomic_load(what) >= value;
}

/* The next frame of that type, copied. */
static void frame(int link, enum link_type type, void *out, size_t len)
{
    struct link_head head;
    const uint8_t *data;
    do {
        assert_int_equal(link_read(&reader, link, &head, &data), LINK_FRAME);
    } while (head.type != type);
    assert_int_equal(head.len, len);
    if (len != 0) {
        memcpy(out, data, len);
    }
}

/* The next note that has these words in it. */
static void note_with(int link, const char *words)
{
    struct link_head head;
    const uint8_t *data;
    do {
        assert_int_equal(link_read(&reader, link, &head, &data), LINK_FRAME);
        assert_int_not_equal(head.type, LINK_DONE);
    } while (head.type != LINK_NOTE || memmem(data, head.len, words, strlen(words)) == NULL);
}

static void a_vm_that_misses_its_signal_ends_by_the_end_of_its_input(void **state)
{
    (void)state;
    struct vm_report report;
    struct link_stopped why;
    int link;
    new_board("deaf", NULL);
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->starts[0], 1));
    assert_true(link_write(link, LINK_STOP, LINK_NO_VM, NULL, 0));
    frame(link, LINK_STOPPED, &why, sizeof(why));
    frame(link, LINK_REPORT, &report, sizeof(report));
    frame(link, LINK_DONE, NULL, 0);
    assert_int_equal(why.cause, LINK_STOP_ASKED);
    assert_int_equal(report.state, REPORT_ENDED); /* not killed: it told the end itself */
    assert_true(ends(pid));
    close(link);
}

static void everything_ends_if_the_person_goes_while_a_frame_waits(void **state)
{
    (void)state;
    int link;
    new_board("flood", NULL);
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->stuck, 1)); /* nobody reads: all that can be full is */
    close(link);
    assert_true(ends(pid));
}

static void who_does_not_read_holds_up_no_restart(void **state)
{
    (void)state;
    int link;
    new_board("flood", "once");
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->stuck, 1));
    atomic_store(&board->go, 1);
    assert_true(comes_true(&board->starts[1], 2));
    close(link);
    assert_true(ends(pid));
}

/* On a link that holds three frames or so, what one VM has to tell fills it alone. */
static void who_does_not_read_holds_up_no_restart_however_many_there_were(void **state)
{
    (void)state;
    struct link_stopped why = {0};
    struct vm_report started;
    int link;
    new_board("flood", "again");
    tight = true;
    atomic_store(&board->go, 1);
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->starts[1], 5));
    assert_true(comes_true(&board->stuck, 1));
    do { /* bound: the VM starts again and again, and all of it is told in the end */
        frame(link, LINK_STOPPED, &why, sizeof(why));
    } while (why.restarts < 4);
    assert_int_equal(why.cause, LINK_STOP_RESET);
    frame(link, LINK_STARTED, &started, sizeof(started));
    close(link);
    assert_true(ends(pid));
}

static void a_flood_does_not_keep_another_vms_line_waiting(void **state)
{
    (void)state;
    const struct timespec a_while = {.tv_nsec = 10000000};
    struct link_head head = {.vm = LINK_NO_VM};
    const uint8_t *data;
    int link;
    unsigned frames = 0;
    new_board("flood", "quiet");
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->stuck, 1));
    atomic_store(&board->go, 1);
    while (frames < 200 && (head.type != LINK_CONSOLE || head.vm != 1)) {
        assert_int_equal(link_read(&reader, link, &head, &data), LINK_FRAME);
        (void)nanosleep(&a_while, NULL); /* slower than the flood */
        frames++;
    }
    assert_int_equal(head.vm, 1);
    assert_memory_equal(data, "hello\n", 6);
    close(link);
    assert_true(ends(pid));
}

static void a_vm_that_ran_once_is_tried_again_and_again(void **state)
{
    (void)state;
    int link;
    new_board("refused", NULL);
    image.vm[0].on_failure = SYSTEM_FAIL_RESTART;
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->starts[0], 3));
    close(link);
    assert_true(ends(pid));
}

/* As one that finds no memory, or no process, for a while. */
static void a_vm_that_ran_and_cannot_be_started_is_tried_until_it_can(void **state)
{
    (void)state;
    const struct rlimit none = {.rlim_cur = 1u << 20, .rlim_max = RLIM_INFINITY};
    const struct rlimit enough = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    int link;
    (void)signal(SIGXFSZ, SIG_IGN);
    new_board("once", NULL);
    image.vm[0].ranges = 1;
    image.vm[0].range[0].size = 4u << 20;
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->starts[0], 1));
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &none, NULL), 0);
    atomic_store(&board->go, 1);
    note_with(link, "no guest RAM");
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &enough, NULL), 0);
    assert_true(comes_true(&board->starts[0], 2));
    close(link);
    assert_true(ends(pid));
}

static void a_vm_is_told_how_often_it_was_started_before(void **state)
{
    (void)state;
    struct vm_report report;
    int link;
    new_board("unhappy", NULL);
    image.vm[0].on_failure = SYSTEM_FAIL_RESTART;
    pid_t pid = new_supervisor(&link);
    for (uint32_t i = 0; i < 3u; i++) {
        frame(link, LINK_STARTED, &report, sizeof(report));
        assert_int_equal(report.restarts, i);
    }
    close(link);
    assert_true(ends(pid));
}

static void a_vm_that_waits_to_be_started_again_holds_up_no_stop(void **state)
{
    (void)state;
    struct link_stopped why;
    struct link_head head;
    const uint8_t *data;
    int link;
    new_board("unhappy", NULL);
    image.vm[0].on_failure = SYSTEM_FAIL_RESTART;
    pid_t pid = new_supervisor(&link);
    frame(link, LINK_STOPPED, &why, sizeof(why));
    assert_int_equal(why.will_restart, 1);
    assert_true(link_write(link, LINK_STOP, LINK_NO_VM, NULL, 0));
    do {
        assert_int_equal(link_read(&reader, link, &head, &data), LINK_FRAME);
        assert_true(head.type != LINK_NOTE || memmem(data, head.len, "left behind", 11) == NULL);
    } while (head.type != LINK_DONE);
    assert_true(ends(pid));
    close(link);
}

static void a_component_cannot_take_the_report_away_from_under_the_supervisor(void **state)
{
    (void)state;
    struct vm_report report = {0};
    struct link_stopped why;
    int link;
    new_board("shrink", NULL);
    pid_t pid = new_supervisor(&link);
    frame(link, LINK_STOPPED, &why, sizeof(why));
    frame(link, LINK_REPORT, &report, sizeof(report));
    assert_int_equal(report.end_code, 2);
    assert_true(ends(pid));
    close(link);
}

/* May this process have it? That depends on who runs the test. */
static bool may_have_priority(uint32_t priority)
{
    const struct sched_param high = {.sched_priority = (int)priority};
    const struct sched_param none = {.sched_priority = 0};
    bool may = sched_setscheduler(0, SCHED_FIFO, &high) == 0;
    (void)sched_setscheduler(0, SCHED_OTHER, &none);
    return may;
}

static void a_vm_with_a_priority_has_it_or_the_person_is_told(void **state)
{
    (void)state;
    int link;
    char said[256] = "";
    struct link_head head;
    const uint8_t *data;
    bool may = may_have_priority(7);
    new_board("deaf", "deaf");
    image.vm[1].priority = 7;
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->starts[0], 1) && comes_true(&board->starts[1], 1));
    assert_int_equal(atomic_load(&board->policy[0]), SCHED_OTHER);
    assert_int_equal(atomic_load(&board->policy[1]) & ~SCHED_RESET_ON_FORK,
                     may ? SCHED_FIFO : SCHED_OTHER);
    do { /* bound: the VMs start */
        assert_int_equal(link_read(&reader, link, &head, &data), LINK_FRAME);
        if (head.type == LINK_NOTE) {
            snprintf(said, sizeof(said), "%.*s", (int)head.len, (const char *)data);
        }
    } while (head.type != LINK_STARTED);
    assert_int_equal(strstr(said, "priority 7") != NULL, !may);
    close(link);
    assert_true(ends(pid));
}

static void strict_wants_its_cpus(void **state)
{
    (void)state;
    int link;
    struct link_head head;
    const uint8_t *data;
    new_board("deaf", NULL);
    image.vm[0].cpu = 4095;
    image.flags = SYSTEM_FLAG_STRICT;
    pid_t pid = new_supervisor(&link);
    assert_int_equal(link_read(&reader, link, &head, &data), LINK_FRAME);
    assert_int_equal(head.type, LINK_HELLO);
    assert_int_equal(link_read(&reader, link, &head, &data), LINK_FRAME);
    assert_int_equal(head.type, LINK_NOTE);
    assert_int_equal(link_read(&reader, link, &head, &data), LINK_FRAME);
    assert_int_equal(head.type, LINK_DONE);
    assert_int_equal(atomic_load(&board->starts[0]), 0);
    assert_true(ends(pid));
    close(link);
}

/* The supervisor tells what each process takes: its VMs', and its own. */
static void every_process_is_accounted_for(void **state)
{
    (void)state;
    int link;
    struct link_head head;
    const uint8_t *data;
    bool seen[3] = {false, false, false};
    new_board("deaf", "deaf");
    pid_t pid = new_supervisor(&link);
    while (!seen[0] || !seen[1] || !seen[2]) { /* bound: they are told of every few seconds */
        struct process_report p;
        assert_int_equal(link_read(&reader, link, &head, &data), LINK_FRAME);
        if (head.type == LINK_PROCESS) {
            assert_int_equal(head.len, sizeof(p));
            memcpy(&p, data, sizeof(p));
            assert_true(p.private_kib > 0 && p.fds > 0);
            assert_int_equal(p.pid == (uint32_t)pid, head.vm == LINK_NO_VM);
            seen[head.vm < 2 ? head.vm : 2] = true;
        }
    }
    close(link);
    assert_true(ends(pid));
}

static void a_guest_that_says_it_failed_has_failed(void **state)
{
    (void)state;
    struct link_stopped why;
    int link;
    new_board("unhappy", NULL);
    image.vm[0].on_failure = SYSTEM_FAIL_RESTART;
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->starts[0], 2));
    close(link);
    assert_true(ends(pid));
    new_board("unhappy", "deaf");
    image.vm[0].on_failure = SYSTEM_FAIL_STOP_ALL;
    pid = new_supervisor(&link);
    frame(link, LINK_STOPPED, &why, sizeof(why));
    assert_int_equal(why.cause, LINK_STOP_DEBUG_EXIT);
    assert_int_equal(why.code, 7);
    frame(link, LINK_STOPPED, &why, sizeof(why));
    assert_int_equal(why.cause, LINK_STOP_ASKED);
    assert_true(ends(pid));
    close(link);
}

/* A second VM with a card on a switch of that name with an uplink; the first VM has none. */
static void plug_in(const char *name)
{
    image.switches = 1;
    strcpy(image.switch_[0].name, name);
    image.switch_[0].cpu = SYSTEM_CPU_ANY;
    image.switch_[0].uplink = SYSTEM_UPLINK_USER;
    image.vm[1].nics = 1;
    image.vm[1].io_cpu = SYSTEM_CPU_ANY;
    for (uint32_t i = 0; i < image.vms; i++) {
        image.vm[i].ranges = 1;
        image.vm[i].range[0] = (struct system_range){0, 0x10000};
    }
}

static void stop(int link, pid_t pid)
{
    assert_true(link_write(link, LINK_STOP, LINK_NO_VM, NULL, 0));
    frame(link, LINK_DONE, NULL, 0);
    assert_true(ends(pid));
    close(link);
}

static void a_switch_that_dies_is_started_again_and_no_vm_with_it(void **state)
{
    (void)state;
    struct net_report net;
    int link;
    new_board("deaf", "deaf2");
    plug_in("frail");
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->starts[1], 1));
    atomic_store(&board->go, 1);
    note_with(link, "switch \"frail\": its process was ended by signal 9");
    assert_true(comes_true(&board->part_starts[0], 3));
    assert_int_equal(atomic_load(&board->starts[0]), 1);
    assert_int_equal(atomic_load(&board->starts[1]), 1);
    assert_int_equal(atomic_load(&board->part_starts[1]), 1);
    assert_int_equal(atomic_load(&board->part_starts[2]), 1);
    assert_true(link_write(link, LINK_STOP, LINK_NO_VM, NULL, 0));
    do { /* the last one comes when all has ended */
        frame(link, LINK_SWITCH, &net, sizeof(net));
    } while (net.sw.port[0].in_frames < 300);
    assert_int_equal(net.restarts, 2);
    assert_int_equal(net.up.link, REPORT_LINK_UP);
    frame(link, LINK_DONE, NULL, 0);
    assert_true(ends(pid));
    close(link);
}

static void an_uplink_that_cannot_be_had_is_told_and_nothing_fails(void **state)
{
    (void)state;
    struct net_report net;
    int link;
    new_board("deaf", "deaf2");
    plug_in("down");
    pid_t pid = new_supervisor(&link);
    note_with(link, "uplink of switch \"down\": down: no way");
    assert_true(comes_true(&board->starts[1], 1));
    frame(link, LINK_SWITCH, &net, sizeof(net));
    assert_int_equal(net.up.link, REPORT_LINK_DOWN);
    assert_int_equal(net.uplink_restarts, 0);
    assert_int_equal(atomic_load(&board->part_starts[1]), 1);
    stop(link, pid);
}

static void a_switch_that_cannot_start_says_why(void **state)
{
    (void)state;
    int link;
    new_board("deaf", "deaf2");
    plug_in("mute");
    pid_t pid = new_supervisor(&link);
    note_with(link, "switch \"mute\": it cannot start: no ports; it is tried again");
    stop(link, pid);
}

/* Both VMs have a card there; one wants to know. */
static void an_uplink_that_goes_down_is_told_to_who_follows_it(void **state)
{
    (void)state;
    int link;
    new_board("deaf", "cable");
    plug_in("ill");
    image.vm[1].nic[0].policy = SYSTEM_NIC_FOLLOWS;
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->starts[1], 1) && comes_true(&board->part_starts[1], 1));
    assert_int_equal(atomic_load(&board->cables_out[1]), 0);
    atomic_store(&board->uplink_goes_down, 1);
    assert_true(comes_true(&board->cables_out[1], 1));
    assert_true(comes_true(&board->part_starts[1], 2));
    assert_int_equal(atomic_load(&board->cables_out[0]), 0); /* still down */
    atomic_store(&board->go, 1);
    assert_true(comes_true(&board->cables_out[0], 1));
    assert_int_equal(atomic_load(&board->cables_out[1]), 1); /* once for each change */
    stop(link, pid);
    new_board("deaf", "cable");
    plug_in("down");
    pid = new_supervisor(&link); /* and who does not follow it is left alone */
    note_with(link, "uplink of switch \"down\": down: no way");
    assert_int_equal(atomic_load(&board->cables_out[1]), 0);
    stop(link, pid);
}

static void the_processes_of_the_network_are_accounted_for_too(void **state)
{
    (void)state;
    int link;
    struct link_head head;
    const uint8_t *data;
    uint32_t seen = 0;
    new_board("deaf", "deaf2");
    plug_in("well");
    pid_t pid = new_supervisor(&link);
    while (seen != 0xF) { /* bound: they are told of every few seconds */
        struct process_report p;
        assert_int_equal(link_read(&reader, link, &head, &data), LINK_FRAME);
        if (head.type == LINK_PROCESS && head.vm != LINK_NO_VM) {
            memcpy(&p, data, sizeof(p));
            assert_true(p.part <= REPORT_PART_UPLINK && p.private_kib > 0 && p.fds > 0);
            assert_int_equal(head.vm, p.part == REPORT_PART_VMM  ? head.vm
                                      : p.part == REPORT_PART_IO ? 1
                                                                 : 0);
            seen |= 1u << p.part;
        }
    }
    stop(link, pid);
}

/* Behind every VM that has a priority, in front of everything else. */
static void an_io_gets_what_the_priorities_leave(void **state)
{
    (void)state;
    static const struct {
        uint32_t vm[3], io[3];
    } cases[] = {
        {{0, 0, 0}, {0, 0, 0}},
        {{1, 0, 0}, {0, 0, 0}},
        {{9, 0, 5}, {4, 0, 4}},
        {{98, 98, 98}, {97, 97, 97}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&image, 0, sizeof(image));
        image.vms = 3;
        for (uint32_t v = 0; v < 3; v++) {
            image.vm[v].priority = cases[i].vm[v];
        }
        for (uint32_t v = 0; v < 3; v++) {
            assert_int_equal(sched_io_priority(&image, v), cases[i].io[v]);
        }
    }
}

static void reaping_never_waits(void **state)
{
    (void)state;
    int status = 0;
    struct spawned s = {.pid = fork()};
    if (s.pid == 0) {
        (void)pause();
        _exit(0);
    }
    s.pid_fd = (int)syscall(SYS_pidfd_open, s.pid, 0);
    assert_true(s.pid > 0 && s.pid_fd >= 0);
    assert_false(spawn_reap(&s, &status));
    assert_true(s.pid > 0);
    spawn_end(&s);
    assert_true(s.pid == 0 && s.pid_fd == -1);
    spawn_end(&s);
    assert_false(spawn_reap(&s, &status));
}

static void a_vm_whose_io_dies_has_failed_and_both_are_started_again(void **state)
{
    (void)state;
    struct link_stopped why;
    int link;
    new_board("deaf", "deaf2");
    plug_in("frailio");
    image.vm[1].on_failure = SYSTEM_FAIL_RESTART;
    pid_t pid = new_supervisor(&link);
    assert_true(comes_true(&board->starts[1], 1));
    atomic_store(&board->go, 1);
    frame(link, LINK_STOPPED, &why, sizeof(why));
    assert_int_equal(why.cause, LINK_STOP_DIED);
    assert_int_equal(why.code, SIGKILL);
    assert_non_null(strstr(why.text, "the process of its network cards was ended by signal 9"));
    assert_true(comes_true(&board->starts[1], 2));
    assert_true(comes_true(&board->part_starts[2], 2));
    assert_int_equal(atomic_load(&board->starts[0]), 1);
    assert_int_equal(atomic_load(&board->part_starts[0]), 1);
    stop(link, pid);
}

static void a_vm_whose_io_cannot_start_says_why(void **state)
{
    (void)state;
    struct link_stopped why;
    int link;
    new_board("deaf", "deaf2");
    plug_in("badio");
    pid_t pid = new_supervisor(&link);
    frame(link, LINK_STOPPED, &why, sizeof(why));
    assert_int_equal(why.cause, LINK_STOP_FAILED);
    assert_string_equal(why.text, "its network cards cannot start: no rings");
    assert_int_equal(why.will_restart, 0);
    stop(link, pid);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vm_that_misses_its_signal_ends_by_the_end_of_its_input),
        cmocka_unit_test(everything_ends_if_the_person_goes_while_a_frame_waits),
        cmocka_unit_test(who_does_not_read_holds_up_no_restart),
        cmocka_unit_test(who_does_not_read_holds_up_no_restart_however_many_there_were),
        cmocka_unit_test(a_flood_does_not_keep_another_vms_line_waiting),
        cmocka_unit_test(a_vm_that_ran_once_is_tried_again_and_again),
        cmocka_unit_test(a_vm_that_waits_to_be_started_again_holds_up_no_stop),
        cmocka_unit_test(a_vm_with_a_priority_has_it_or_the_person_is_told),
        cmocka_unit_test(strict_wants_its_cpus),
        cmocka_unit_test(every_process_is_accounted_for),
        cmocka_unit_test(a_guest_that_says_it_failed_has_failed),
        cmocka_unit_test(a_switch_that_dies_is_started_again_and_no_vm_with_it),
        cmocka_unit_test(an_uplink_that_cannot_be_had_is_told_and_nothing_fails),
        cmocka_unit_test(a_switch_that_cannot_start_says_why),
        cmocka_unit_test(an_uplink_that_goes_down_is_told_to_who_follows_it),
        cmocka_unit_test(the_processes_of_the_network_are_accounted_for_too),
        cmocka_unit_test(an_io_gets_what_the_priorities_leave),
        cmocka_unit_test(reaping_never_waits),
        cmocka_unit_test(a_vm_whose_io_dies_has_failed_and_both_are_started_again),
        cmocka_unit_test(a_vm_whose_io_cannot_start_says_why),
        cmocka_unit_test(a_vm_that_ran_and_cannot_be_started_is_tried_until_it_can),
        cmocka_unit_test(a_vm_is_told_how_often_it_was_started_before),
        cmocka_unit_test(a_component_cannot_take_the_report_away_from_under_the_supervisor),
    };
    if (argc >= 7 && strcmp(argv[1], "--component") == 0) {
        return strcmp(argv[2], "vmm") == 0 ? component(argv) : part(argv);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
