/* SPDX-License-Identifier: BSD-2-Clause
 * The whole person's side against a supervisor that a thread plays from a script. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "front.h"
#include "front_tty.h"
#include "run_options.h"

#define NS_PER_S 1000000000ull
#define RTOS     0
#define LINUX    1

/* One step of the script. */
enum step_kind {
    END = 0, /* the thread returns: the link closes                              */
    HELLO,   /* code: version, 0 the right one                                   */
    STARTED, /* vm                                                               */
    CONSOLE, /* vm, text                                                         */
    STOPPED, /* vm, cause, code, restart, text                                   */
    AGAIN,   /* vm, code: was reset, after so many restarts                      */
    PROCESS, /* vm or LINK_NO_VM, code: so many KiB of its own, cause: which part */
    REPORT,  /* vm                                                               */
    NOTE,    /* vm, text                                                         */
    DONE,
    GARBAGE, /* bytes that are no frame                                          */
    SHORT,   /* a LINK_STOPPED that is too short                                 */
    EXPECT,  /* waits for a frame of type `code` for vm, with text if not NULL   */
    FLOOD,   /* vm: 4 MiB of console                                             */
    SIGNAL,  /* code: sent to this process                                       */
    KEYS,    /* text: typed on the terminal, once it is raw                       */
};

struct step {
    enum step_kind kind;
    uint16_t vm;
    const char *text;
    uint32_t code;
    uint32_t cause;
    uint32_t restart;
};

struct fake {
    int fd;
    const struct step *script;
    int master, slave; /* a terminal, for KEYS */
    char unexpected[128];
    struct link_reader reader;
};

static struct system_image image;
static struct watch_list watches;
static struct run_facts facts;
static struct front front;
static struct front_options options;
static struct fake fake;
static char *screen;
static size_t screen_len;

/* --- The fake supervisor --------------------------------------------------------------------- */

static struct vm_report fake_report(uint16_t vm)
{
    struct vm_report r;
    memset(&r, 0, sizeof(r));
    r.version = REPORT_VERSION;
    r.state = REPORT_RUNNING;
    r.pid = 100u + vm;
    r.cpu = vm == RTOS ? 0 : UINT32_MAX;
    r.load_ns = 12345678;
    r.up_ns = 3 * NS_PER_S;
    r.tsc_khz = 2500000;
    r.exits[VM_EXIT_HLT] = 1000;
    r.exits[VM_EXIT_PIO] = UINT64_MAX;
    r.ticks[REPORT_LAPIC] = (struct tick_counts){.due = 3000, .delivered = 2999, .backlog = 1};
    r.unclaimed_pio_reads = 4;
    r.last_unclaimed_port = 0x2e8;
    r.refused_msr_reads = 2;
    r.last_refused_msr = 0x1a0;
    r.console_bytes = 77;
    r.kvm.page_faults = 5;
    strcpy(r.ram_backing, "2 MiB pages (\"hugetlb\")");
    return r;
}

static void fake_stopped(const struct step *s)
{
    struct link_stopped stop;
    memset(&stop, 0, sizeof(stop));
    stop.cause = s->cause;
    stop.code = s->code;
    stop.will_restart = s->restart;
    if (s->text != NULL) {
        snprintf(stop.text, sizeof(stop.text), "%s", s->text);
    }
    link_write(fake.fd, LINK_STOPPED, s->vm, &stop, sizeof(stop));
}

static void fake_again(const struct step *s)
{
    const struct link_stopped stop = {
        .cause = LINK_STOP_RESET, .will_restart = 1, .restarts = s->code};
    link_write(fake.fd, LINK_STOPPED, s->vm, &stop, sizeof(stop));
}

static void fake_process(const struct step *s)
{
    const struct process_report p = {
        .part = s->cause, .pid = 7, .samples = 2, .private_kib = s->code, .fds = 9};
    link_write(fake.fd, LINK_PROCESS, s->vm, &p, sizeof(p));
}

static void fake_expect(const struct step *s)
{
    struct link_head head;
    const uint8_t *data;
    if (link_read(&fake.reader, fake.fd, &head, &data) != LINK_FRAME) {
        snprintf(fake.unexpected, sizeof(fake.unexpected), "no frame where %u was expected",
                 s->code);
        return;
    }
    if (head.type != s->code || head.vm != s->vm ||
        (s->text != NULL &&
         (head.len != strlen(s->text) || memcmp(data, s->text, head.len) != 0))) {
        snprintf(fake.unexpected, sizeof(fake.unexpected), "type %u vm %u \"%.*s\", not %u",
                 head.type, head.vm, (int)(head.len < 64 ? head.len : 64), (const char *)data,
                 s->code);
    }
}

static void fake_flood(uint16_t vm)
{
    static char lines[32000];
    memset(lines, 'f', sizeof(lines));
    for (size_t i = 79; i < sizeof(lines); i += 80) {
        lines[i] = '\n';
    }
    for (int i = 0; i < 128; i++) {
        link_write(fake.fd, LINK_CONSOLE, vm, lines, sizeof(lines));
    }
}

static void fake_keys(const char *text)
{
    struct termios modes;
    for (int i = 0; i < 20000; i++) {
        if (tcgetattr(fake.slave, &modes) == 0 && (modes.c_lflag & (tcflag_t)ICANON) == 0) {
            break;
        }
        usleep(1000);
    }
    if (write(fake.master, text, strlen(text)) != (ssize_t)strlen(text)) {
        snprintf(fake.unexpected, sizeof(fake.unexpected), "the terminal took no keys");
    }
}

static void fake_step(const struct step *s)
{
    uint32_t version = s->code != 0 ? s->code : LINK_VERSION;
    struct vm_report report = fake_report(s->vm);
    switch (s->kind) {
    case HELLO:
        link_write(fake.fd, LINK_HELLO, LINK_NO_VM, &version, sizeof(version));
        break;
    case STARTED:
    case REPORT:
        link_write(fake.fd, s->kind == STARTED ? LINK_STARTED : LINK_REPORT, s->vm, &report,
                   sizeof(report));
        break;
    case CONSOLE:
        link_write(fake.fd, LINK_CONSOLE, s->vm, s->text, strlen(s->text));
        break;
    case NOTE:
        link_write(fake.fd, LINK_NOTE, s->vm, s->text, strlen(s->text));
        break;
    case STOPPED:
        fake_stopped(s);
        break;
    case AGAIN:
        fake_again(s);
        break;
    case PROCESS:
        fake_process(s);
        break;
    case DONE:
        link_write(fake.fd, LINK_DONE, LINK_NO_VM, NULL, 0);
        break;
    case GARBAGE:
        assert_int_equal(write(fake.fd, "this is no frame", 16), 16);
        break;
    case SHORT:
        link_write(fake.fd, LINK_STOPPED, s->vm, "x", 1);
        break;
    case FLOOD:
        fake_flood(s->vm);
        break;
    case SIGNAL:
        kill(getpid(), (int)s->code);
        break;
    case KEYS:
        fake_keys(s->text);
        break;
    case EXPECT:
    case END:
    default:
        fake_expect(s);
        break;
    }
}

static void *fake_main(void *arg)
{
    (void)arg;
    for (const struct step *s = fake.script; s->kind != END; s++) {
        fake_step(s);
    }
    shutdown(fake.fd, SHUT_WR);
    return NULL;
}

/* --- Playing a script ------------------------------------------------------------------------ */

static int setup(void **state)
{
    (void)state;
    memset(&image, 0, sizeof(image));
    memset(&watches, 0, sizeof(watches));
    memset(&facts, 0, sizeof(facts));
    memset(&fake, 0, sizeof(fake));
    image.vms = 2;
    strcpy(image.vm[RTOS].name, "rtos");
    strcpy(image.vm[LINUX].name, "linux");
    image.vm[RTOS].protocol = SYSTEM_BOOT_MULTIBOOT;
    image.vm[LINUX].protocol = SYSTEM_BOOT_LINUX;
    facts.file = "test.conf";
    facts.machine = "simulated";
    facts.machine_why = "a \"test\"";
    facts.image = &image;
    facts.watches = &watches;
    options = (struct front_options){
        .out_tty = -1,
        .keys_fd = -1,
        .signal_fd = -1,
        .start_limit_ns = 120 * NS_PER_S,
        .stop_limit_ns = 120 * NS_PER_S,
        .grace_ns = NS_PER_S / 100,
    };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(screen);
    screen = NULL;
    return 0;
}

static void add(enum watch_kind kind, const char *spec)
{
    char why[512] = "";
    assert_true(watch_add(&watches, kind, spec, &image, why, sizeof(why)));
}

static void play_on(const char *log_dir, const struct step *script)
{
    int fd[2];
    char why[512];
    pthread_t thread;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    fake.fd = fd[1];
    fake.script = script;
    options.out = open_memstream(&screen, &screen_len);
    assert_non_null(options.out);
    front_init(&front, &options, &facts, &watches);
    if (log_dir != NULL) {
        assert_true(front_log_open(&front.log, log_dir, &image, why, sizeof(why)));
    }
    assert_int_equal(pthread_create(&thread, NULL, fake_main, NULL), 0);
    front_run(&front, fd[0]);
    close(fd[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(fd[1]);
    front_finish(&front);
    summary_text(&facts, options.out);
    fclose(options.out);
    assert_string_equal(fake.unexpected, "");
}

static void play(const struct step *script)
{
    play_on(NULL, script);
}

static void shows(const char *text)
{
    if (strstr(screen, text) == NULL) {
        print_error("not shown: %s\non this screen:\n%s\n", text, screen);
        fail();
    }
}

static void shows_not(const char *text)
{
    if (strstr(screen, text) != NULL) {
        print_error("shown, but should not be: %s\n", text);
        fail();
    }
}

#define BOTH_START                                             \
    {HELLO, 0, NULL, 0, 0, 0}, {STARTED, RTOS, NULL, 0, 0, 0}, \
    {                                                          \
        STARTED, LINUX, NULL, 0, 0, 0                          \
    }
#define OBEYS_STOP                                                                           \
    {EXPECT, LINK_NO_VM, NULL, LINK_STOP, 0, 0}, {STOPPED, RTOS, "", 0, LINK_STOP_ASKED, 0}, \
        {STOPPED, LINUX, "", 0, LINK_STOP_ASKED, 0}, {REPORT, RTOS, NULL, 0, 0, 0},          \
        {REPORT, LINUX, NULL, 0, 0, 0}, {DONE, 0, NULL, 0, 0, 0},                            \
    {                                                                                        \
        END, 0, NULL, 0, 0, 0                                                                \
    }
#define SAYS(vm, text)             \
    {                              \
        CONSOLE, vm, text, 0, 0, 0 \
    }

/* --- How runs end ---------------------------------------------------------------------------- */

static void when_every_until_is_met_the_run_stops_and_is_good(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START, SAYS(RTOS, "tick 1\r\nti"),
                                         SAYS(LINUX, "/ # "), SAYS(RTOS, "ck 10\r\n"), OBEYS_STOP};
    add(WATCH_UNTIL, "rtos:tick 10");
    add(WATCH_UNTIL, "linux:/ #");
    play(script);
    assert_int_equal(facts.end, RUN_UNTILS_MET);
    assert_int_equal(facts.status, 0);
    shows("rtos     | tick 10\n");
    shows("linux    | / # \n");
    shows("2 of 2 met");
    shows("met after");
    assert_int_equal(facts.vm[LINUX].state, RUN_VM_STOPPED);
    assert_string_equal(facts.vm[RTOS].last_line, "tick 10");
}

static void when_the_time_is_over_without_untils_the_run_is_good(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START, OBEYS_STOP};
    options.for_ns = NS_PER_S / 50;
    play(script);
    assert_int_equal(facts.end, RUN_TIME_UP);
    assert_int_equal(facts.status, 0);
}

static void an_until_that_is_not_met_in_time_is_bad_and_listed(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START, SAYS(LINUX, "Kernel panic\n/half"),
                                         OBEYS_STOP};
    add(WATCH_UNTIL, "linux:login:");
    options.for_ns = NS_PER_S / 50;
    play(script);
    assert_int_equal(facts.end, RUN_TIME_UP);
    assert_int_equal(facts.status, 1);
    shows("NOT MET  linux:login:");
    shows("last line   linux: /half");
    shows("last line   rtos: (none)");
}

static void guests_that_power_off_end_the_run_well(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         {STOPPED, RTOS, "bye", 0, LINK_STOP_POWER_OFF, 0},
                                         {STOPPED, LINUX, NULL, 0, LINK_STOP_DEBUG_EXIT, 0},
                                         {DONE, 0, NULL, 0, 0, 0},
                                         {END, 0, NULL, 0, 0, 0}};
    play(script);
    assert_int_equal(facts.end, RUN_GUESTS_ENDED);
    assert_int_equal(facts.status, 0);
    shows("rtos powered off: bye");
}

static void each_way_to_fail_fails_the_run(void **state)
{
    (void)state;
    static const struct {
        uint32_t cause, code, restart;
        int status;
    } table[] = {
        {LINK_STOP_FAILED, 0, 0, 1},    {LINK_STOP_DIED, 9, 0, 1},  {LINK_STOP_DEBUG_EXIT, 3, 0, 1},
        {LINK_STOP_POWER_OFF, 0, 0, 0}, {LINK_STOP_ASKED, 0, 0, 0}, {LINK_STOP_FAILED, 0, 1, 0},
        {LINK_STOP_RESET, 0, 1, 0},     {LINK_STOP_DIED, 11, 1, 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        setup(NULL);
        const struct step script[] = {
            BOTH_START,
            {STOPPED, RTOS, "why", table[i].code, table[i].cause, table[i].restart},
            {table[i].restart != 0 ? STARTED : REPORT, RTOS, NULL, 0, 0, 0},
            {STOPPED, RTOS, NULL, 0, table[i].restart != 0 ? LINK_STOP_POWER_OFF : table[i].cause,
             0},
            {STOPPED, LINUX, NULL, 0, LINK_STOP_POWER_OFF, 0},
            {DONE, 0, NULL, 0, 0, 0},
            {END, 0, NULL, 0, 0, 0}};
        play(script);
        assert_int_equal(facts.status, table[i].status);
        assert_int_equal(facts.vm[RTOS].starts, 1 + table[i].restart);
        uint64_t first = summary_exits(&facts.vm[LINUX].report); /* the same in every report */
        assert_int_equal(facts.vm[RTOS].earlier_exits, table[i].restart != 0 ? first : 0);
        teardown(NULL);
    }
}

static void a_failure_spoils_a_run_whose_untils_were_met(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         {STOPPED, LINUX, "triple fault", 0, LINK_STOP_FAILED, 0},
                                         SAYS(RTOS, "tick 10\n"),
                                         OBEYS_STOP};
    add(WATCH_UNTIL, "rtos:tick 10");
    play(script);
    assert_int_equal(facts.end, RUN_UNTILS_MET);
    assert_int_equal(facts.status, 1);
    shows("linux FAILED: triple fault");
}

static void waiting_for_a_vm_that_is_gone_ends_early(void **state)
{
    (void)state;
    static const struct step script[] = {
        BOTH_START, {STOPPED, LINUX, NULL, 0, LINK_STOP_POWER_OFF, 0}, OBEYS_STOP};
    add(WATCH_UNTIL, "linux:never");
    play(script);
    assert_int_equal(facts.end, RUN_HOPELESS);
    assert_int_equal(facts.status, 1);
}

static void a_text_that_comes_after_the_stop_still_counts(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         {STOPPED, LINUX, NULL, 0, LINK_STOP_POWER_OFF, 0},
                                         SAYS(LINUX, "late"),
                                         OBEYS_STOP};
    add(WATCH_UNTIL, "linux:late");
    options.grace_ns = 60 * NS_PER_S;
    play(script);
    assert_int_equal(facts.end, RUN_UNTILS_MET);
    assert_int_equal(facts.status, 0);
}

static void a_link_that_breaks_is_told_apart_from_one_that_never_began(void **state)
{
    (void)state;
    static const struct {
        struct step script[5];
        enum run_end end;
    } table[] = {
        {{{END, 0, NULL, 0, 0, 0}}, RUN_NOT_STARTED},
        {{BOTH_START, {END, 0, NULL, 0, 0, 0}}, RUN_BROKEN},
        {{BOTH_START, {GARBAGE, 0, NULL, 0, 0, 0}}, RUN_BROKEN},
        {{BOTH_START, {PROCESS, 7, NULL, 1, REPORT_PART_IO, 0}}, RUN_BROKEN},
        {{BOTH_START, {PROCESS, 0, NULL, 1, REPORT_PART_SWITCH, 0}}, RUN_BROKEN},
        {{BOTH_START, {PROCESS, 0, NULL, 1, REPORT_PART_UPLINK + 1, 0}}, RUN_BROKEN},
        {{BOTH_START, {SHORT, 0, NULL, 0, 0, 0}}, RUN_BROKEN},
        {{BOTH_START, {CONSOLE, 2, "no such VM", 0, 0, 0}}, RUN_BROKEN},
        {{BOTH_START, {CONSOLE, LINK_NO_VM, "no VM", 0, 0, 0}}, RUN_BROKEN},
        {{{GARBAGE, 0, NULL, 0, 0, 0}}, RUN_BROKEN},
        {{{HELLO, 0, NULL, 99, 0, 0}}, RUN_BROKEN},
        {{{STARTED, RTOS, NULL, 0, 0, 0}}, RUN_BROKEN},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        setup(NULL);
        play(table[i].script);
        assert_int_equal(facts.end, table[i].end);
        assert_int_equal(facts.status, 1);
        teardown(NULL);
    }
}

static void a_machine_that_stays_silent_is_given_up(void **state)
{
    (void)state;
    static const struct step script[] = {{EXPECT, LINK_NO_VM, NULL, LINK_STOP, 0, 0},
                                         {END, 0, NULL, 0, 0, 0}};
    options.start_limit_ns = NS_PER_S / 50;
    int fd[2];
    (void)script;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    options.out = open_memstream(&screen, &screen_len);
    front_init(&front, &options, &facts, &watches);
    front_run(&front, fd[0]);
    assert_int_equal(facts.end, RUN_NOT_STARTED);
    front_finish(&front);
    fclose(options.out);
    close(fd[0]);
    close(fd[1]);
    assert_int_equal(facts.status, 1);
}

static void a_supervisor_that_does_not_stop_is_left(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         SAYS(RTOS, "x"),
                                         {EXPECT, LINK_NO_VM, NULL, LINK_STOP, 0, 0},
                                         {EXPECT, LINK_NO_VM, NULL, LINK_STOP, 0, 0},
                                         {END, 0, NULL, 0, 0, 0}};
    add(WATCH_UNTIL, "rtos:x");
    options.stop_limit_ns = NS_PER_S / 50;
    int fd[2];
    pthread_t thread;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    fake.fd = fd[1];
    fake.script = script;
    options.out = open_memstream(&screen, &screen_len);
    front_init(&front, &options, &facts, &watches);
    assert_int_equal(pthread_create(&thread, NULL, fake_main, NULL), 0);
    front_run(&front, fd[0]);
    close(fd[0]);
    pthread_join(thread, NULL);
    close(fd[1]);
    front_finish(&front);
    fclose(options.out);
    assert_int_equal(facts.end, RUN_UNTILS_MET);
    assert_true(facts.machine_bad);
    assert_int_equal(facts.status, 1);
}

/* --- Acting on texts ------------------------------------------------------------------------- */

static void what_is_to_be_typed_is_typed_once(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         SAYS(LINUX, "/ # "),
                                         {EXPECT, LINUX, "uname\n", LINK_INPUT, 0, 0},
                                         SAYS(LINUX, "uname\r\nLinux\r\n/ # "),
                                         OBEYS_STOP};
    add(WATCH_TYPE, "linux:/ # =>uname");
    add(WATCH_UNTIL, "linux:Linux");
    play(script);
    assert_int_equal(facts.status, 0);
    shows("typing \"uname\"");
}

static void a_drill_kills_its_victim_and_does_not_fail_the_run(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         SAYS(RTOS, "tick 5\n"),
                                         {EXPECT, LINUX, "", LINK_KILL, 0, 0},
                                         {STOPPED, LINUX, "killed", 9, LINK_STOP_DIED, 0},
                                         SAYS(RTOS, "tick 6\n"),
                                         OBEYS_STOP};
    add(WATCH_KILL, "rtos:tick 5=>linux");
    add(WATCH_UNTIL, "rtos:tick 6");
    play(script);
    assert_int_equal(facts.status, 0);
    assert_true(facts.vm[LINUX].drilled);
    assert_false(facts.vm[LINUX].failed);
}

static void a_drill_on_a_switch_is_nobodys_failure(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         SAYS(RTOS, "tick 5\n"),
                                         {EXPECT, 0, NULL, LINK_KILL, 0, 0},
                                         SAYS(RTOS, "tick 6\n"),
                                         OBEYS_STOP};
    image.switches = 1;
    strcpy(image.switch_[0].name, "lan");
    add(WATCH_KILL, "rtos:tick 5=>lan.switch");
    add(WATCH_UNTIL, "rtos:tick 6");
    play(script);
    assert_int_equal(facts.status, 0);
    assert_false(facts.vm[0].drilled);
    shows("killing the process of lan.switch");
}

static void a_drill_excuses_one_death_only(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         SAYS(RTOS, "tick 5\n"),
                                         {EXPECT, LINUX, "", LINK_KILL, 0, 0},
                                         {STOPPED, LINUX, "killed", 9, LINK_STOP_DIED, 1},
                                         {STARTED, LINUX, NULL, 0, 0, 0},
                                         {STOPPED, LINUX, "crashed", 11, LINK_STOP_DIED, 0},
                                         SAYS(RTOS, "tick 6\n"),
                                         OBEYS_STOP};
    add(WATCH_KILL, "rtos:tick 5=>linux");
    add(WATCH_UNTIL, "rtos:tick 6");
    play(script);
    assert_int_equal(facts.status, 1);
    assert_true(facts.vm[LINUX].failed);
    assert_int_equal(facts.vm[LINUX].starts, 2);
}

static void a_flood_is_taken_whole_and_the_end_still_found(void **state)
{
    (void)state;
    static const struct step script[] = {
        BOTH_START, {FLOOD, LINUX, NULL, 0, 0, 0}, SAYS(RTOS, "after\n"), OBEYS_STOP};
    add(WATCH_UNTIL, "rtos:after");
    play(script);
    assert_int_equal(facts.status, 0);
    assert_true(screen_len > 128u * 32000u);
    shows("rtos     | after\n");
}

static void accounts_are_kept_by_process_and_the_front_looks_at_itself(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         {PROCESS, LINUX, NULL, 100, 0, 0},
                                         {PROCESS, LINK_NO_VM, NULL, 300, 0, 0},
                                         {PROCESS, LINUX, NULL, 200, 0, 0},
                                         {PROCESS, LINUX, NULL, 201, REPORT_PART_IO, 0},
                                         {PROCESS, 0, NULL, 202, REPORT_PART_SWITCH, 0},
                                         {PROCESS, 0, NULL, 203, REPORT_PART_UPLINK, 0},
                                         SAYS(RTOS, "x"),
                                         OBEYS_STOP};
    add(WATCH_UNTIL, "rtos:x");
    image.switches = 1;
    play(script);
    assert_int_equal(facts.status, 0);
    assert_int_equal(facts.vm[LINUX].io_process.private_kib, 201);
    assert_int_equal(facts.sw[0].process.private_kib, 202);
    assert_int_equal(facts.sw[0].uplink_process.private_kib, 203);
    assert_int_equal(facts.vm[LINUX].process.private_kib, 200);
    assert_int_equal(facts.vm[RTOS].process.samples, 0);
    assert_int_equal(facts.supervisor.private_kib, 300);
    assert_int_equal(facts.front.samples, 1);
    assert_int_equal(facts.front.pid, getpid());
}

static void restarts_that_were_not_told_of_are_counted_all_the_same(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         {AGAIN, LINUX, NULL, 0, 0, 0},
                                         {STARTED, LINUX, NULL, 0, 0, 0},
                                         {AGAIN, LINUX, NULL, 7, 0, 0},
                                         {STARTED, LINUX, NULL, 0, 0, 0},
                                         SAYS(RTOS, "x"),
                                         OBEYS_STOP};
    add(WATCH_UNTIL, "rtos:x");
    play(script);
    assert_int_equal(facts.vm[LINUX].starts, 9);
    assert_int_equal(facts.vm[RTOS].starts, 1);
}

static void notes_are_shown_and_harmless(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         {NOTE, LINK_NO_VM, "CPU 3 is not there", 0, 0, 0},
                                         {NOTE, RTOS, "bad \033]0;x\a text", 0, 0, 0},
                                         SAYS(RTOS, "x"),
                                         OBEYS_STOP};
    add(WATCH_UNTIL, "rtos:x");
    play(script);
    shows("bulkhead | CPU 3 is not there\n");
    shows("bulkhead | rtos: bad  text\n");
    shows_not("\033");
}

/* --- The person ------------------------------------------------------------------------------ */

static void a_signal_ends_the_run_in_order(void **state)
{
    (void)state;
    static const struct {
        uint64_t for_ns;
        const char *until;
        int sig, status;
    } table[] = {
        {0, NULL, SIGINT, 0},
        {0, NULL, SIGTERM, 0},
        {600 * NS_PER_S, NULL, SIGINT, 128 + SIGINT},
        {0, "rtos:never", SIGTERM, 128 + SIGTERM},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        setup(NULL);
        const struct step script[] = {
            BOTH_START, {SIGNAL, 0, NULL, (uint32_t)table[i].sig, 0, 0}, OBEYS_STOP};
        options.signal_fd = signals_open();
        options.for_ns = table[i].for_ns;
        if (table[i].until != NULL) {
            add(WATCH_UNTIL, table[i].until);
        }
        play(script);
        signals_reset();
        assert_int_equal(facts.end, RUN_ASKED);
        assert_int_equal(facts.status, table[i].status);
        teardown(NULL);
    }
}

/* A terminal of our own: keys are written to the master. */
static void open_terminal(int *master, int *slave)
{
    *master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(*master >= 0);
    assert_int_equal(grantpt(*master), 0);
    assert_int_equal(unlockpt(*master), 0);
    *slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
    assert_true(*slave >= 0);
}

/* The modes, as far as they are ours to change: the struct has padding. */
static bool same_modes(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag &&
           a->c_cflag == b->c_cflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

/* In a child with the terminal as its own: returns 0 if all went as it should. */
static int terminal_child(int slave)
{
    struct termios before, during, after;
    static const struct step script[] = {BOTH_START,
                                         {KEYS, 0, "ls\r", 0, 0, 0},
                                         {EXPECT, LINUX, "ls\r", LINK_INPUT, 0, 0},
                                         {KEYS, 0, "\0011x\001\003\001\001", 0, 0, 0},
                                         {EXPECT, RTOS, "x\003\001", LINK_INPUT, 0, 0},
                                         {KEYS, 0, "\0010nobody hears this\001?\0018", 0, 0, 0},
                                         {KEYS, 0, "\003", 0, 0, 0},
                                         OBEYS_STOP};
    setsid();
    if (ioctl(slave, TIOCSCTTY, 0) != 0 || tcgetattr(slave, &before) != 0) {
        return 10;
    }
    if (!tty_raw(slave) || tcgetattr(slave, &during) != 0 || (during.c_lflag & ICANON) != 0 ||
        (during.c_lflag & ISIG) != 0 || (during.c_oflag & OPOST) == 0) {
        return 11;
    }
    tty_restore();
    if (tcgetattr(slave, &after) != 0 || !same_modes(&before, &after)) {
        return 12;
    }
    options.keys_fd = slave;
    options.signal_fd = signals_open();
    options.focus_linux = true;
    play(script);
    if (tcgetattr(slave, &after) != 0 || !same_modes(&before, &after)) {
        return 13;
    }
    shows("typing goes to linux");
    shows("there is no VM 8");
    shows("Ctrl-A Ctrl-A sends Ctrl-A");
    return facts.end == RUN_ASKED && facts.status == 0 ? 0 : 14;
}

static void keys_reach_the_vm_in_focus_and_the_terminal_comes_back(void **state)
{
    (void)state;
    int master, slave, status = 0;
    open_terminal(&master, &slave);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60);
        fake.master = master;
        fake.slave = slave;
        _exit(terminal_child(slave));
    }
    while (waitpid(pid, &status, 0) < 0) {
    }
    close(slave);
    close(master);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_terminal_comes_back_when_the_process_crashes(void **state)
{
    (void)state;
    int master, slave, status = 0;
    struct termios before, after;
    open_terminal(&master, &slave);
    assert_int_equal(tcgetattr(slave, &before), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setsid();
        ioctl(slave, TIOCSCTTY, 0);
        signals_open();
        if (!tty_raw(slave)) {
            _exit(1);
        }
        kill(getpid(), SIGSEGV);
        pause();
    }
    while (waitpid(pid, &status, 0) < 0) {
    }
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    assert_int_equal(tcgetattr(slave, &after), 0);
    assert_true(same_modes(&before, &after));
    close(slave);
    close(master);
}

/* --- Files ----------------------------------------------------------------------------------- */

static void read_file(const char *dir, const char *name, char *out, size_t size)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    out[fread(out, 1, size - 1, f)] = '\0';
    fclose(f);
    unlink(path);
}

static void logs_hold_each_console_byte_for_byte(void **state)
{
    (void)state;
    static const struct step script[] = {BOTH_START,
                                         {PROCESS, LINUX, NULL, 123, 0, 0},
                                         SAYS(LINUX, "\033[1mraw\a\r\n"),
                                         SAYS(RTOS, "x"),
                                         OBEYS_STOP};
    char dir[] = "build/front-log-XXXXXX";
    char text[4096];
    assert_non_null(mkdtemp(dir));
    add(WATCH_UNTIL, "rtos:x");
    play_on(dir, script);
    read_file(dir, "linux.log", text, sizeof(text));
    assert_string_equal(text, "\033[1mraw\a\r\n");
    read_file(dir, "rtos.log", text, sizeof(text));
    assert_string_equal(text, "x");
    read_file(dir, "bulkhead.log", text, sizeof(text));
    assert_non_null(strstr(text, "] linux starts\n"));
    assert_non_null(strstr(text, "] ending: everything"));
    read_file(dir, "processes.log", text, sizeof(text));
    assert_non_null(strstr(text, "] linux pid 7 private 123 KiB descriptors 9\n"));
    rmdir(dir);
}

static void a_log_that_cannot_be_written_is_refused(void **state)
{
    (void)state;
    struct front_log log;
    char why[512] = "";
    assert_false(front_log_open(&log, "/dev/null/x", &image, why, sizeof(why)));
    assert_non_null(strstr(why, "/dev/null/x"));
    char dir[] = "build/front-log-XXXXXX";
    char text[16];
    assert_non_null(mkdtemp(dir));
    static const char *const taken[] = {"bulkhead", "machine", "processes"};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        strcpy(image.vm[0].name, taken[i]);
        assert_false(front_log_open(&log, dir, &image, why, sizeof(why)));
        assert_non_null(strstr(why, "rename the VM"));
    }
    read_file(dir, "bulkhead.log", text, sizeof(text));
    read_file(dir, "processes.log", text, sizeof(text));
    rmdir(dir);
}

/* --- The command line ------------------------------------------------------------------------ */

static enum run_parse parse(char *const *words, struct run_options *opt, char *said, size_t size)
{
    char *argv[16] = {NULL};
    int argc = 0;
    for (; words[argc] != NULL; argc++) {
        argv[argc] = words[argc];
    }
    FILE *diag = fmemopen(said, size, "w");
    enum run_parse result = run_options_parse(argc, argv, opt, diag, diag);
    fclose(diag);
    return result;
}

static void options_are_taken_in_any_order(void **state)
{
    (void)state;
    char said[4096] = "";
    struct run_options opt;
    char *const words[] = {"run",           "--for",      "1.5",          "a.conf",    "--until",
                           "rtos:x",        "--kill",     "rtos:x=>rtos", "--machine", "simulated",
                           "--color=never", "--no-input", "--log",        "out",       NULL};
    assert_int_equal(parse(words, &opt, said, sizeof(said)), RUN_PARSE_GO);
    assert_string_equal(opt.file, "a.conf");
    assert_int_equal(opt.for_ns, 1500000000);
    assert_int_equal(opt.specs, 2);
    assert_int_equal(opt.spec[1].kind, WATCH_KILL);
    assert_int_equal(opt.machine, RUN_MACHINE_SIMULATED);
    assert_int_equal(opt.colour, RUN_COLOUR_NEVER);
    assert_int_equal(opt.input, RUN_INPUT_NONE);
    assert_string_equal(opt.log_dir, "out");
}

static void bad_calls_are_explained(void **state)
{
    (void)state;
    static const struct {
        char *words[6];
        const char *says;
    } table[] = {
        {{"run", NULL}, "which system file?"},
        {{"run", "a", "b", NULL}, "one system file"},
        {{"run", "a", "--bogus", NULL}, "--bogus is not an option"},
        {{"run", "a", "--for", NULL}, "--for needs an argument"},
        {{"run", "a", "--for", "0", NULL}, "number of seconds"},
        {{"run", "a", "--for", "-1", NULL}, "number of seconds"},
        {{"run", "a", "--for", "nan", NULL}, "number of seconds"},
        {{"run", "a", "--for", "5s", NULL}, "number of seconds"},
        {{"run", "a", "--for", "1e300", NULL}, "number of seconds"},
        {{"run", "a", "--machine", "xen", NULL}, "auto, kvm or simulated"},
        {{"run", "a", "--color", "pink", NULL}, "auto, always or never"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char said[4096] = "";
        struct run_options opt;
        assert_int_equal(parse(table[i].words, &opt, said, sizeof(said)), RUN_PARSE_BAD);
        assert_non_null(strstr(said, table[i].says));
    }
    char said[4096] = "";
    struct run_options opt;
    char *const help[] = {"run", "--help", NULL};
    assert_int_equal(parse(help, &opt, said, sizeof(said)), RUN_PARSE_HELP);
    assert_non_null(strstr(said, "usage: bulkhead run FILE"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(when_every_until_is_met_the_run_stops_and_is_good),
        TEST(when_the_time_is_over_without_untils_the_run_is_good),
        TEST(an_until_that_is_not_met_in_time_is_bad_and_listed),
        TEST(guests_that_power_off_end_the_run_well),
        TEST(each_way_to_fail_fails_the_run),
        TEST(a_failure_spoils_a_run_whose_untils_were_met),
        TEST(waiting_for_a_vm_that_is_gone_ends_early),
        TEST(a_text_that_comes_after_the_stop_still_counts),
        TEST(a_link_that_breaks_is_told_apart_from_one_that_never_began),
        TEST(a_machine_that_stays_silent_is_given_up),
        TEST(a_supervisor_that_does_not_stop_is_left),
        TEST(what_is_to_be_typed_is_typed_once),
        TEST(a_drill_kills_its_victim_and_does_not_fail_the_run),
        TEST(a_drill_on_a_switch_is_nobodys_failure),
        TEST(a_drill_excuses_one_death_only),
        TEST(a_flood_is_taken_whole_and_the_end_still_found),
        TEST(accounts_are_kept_by_process_and_the_front_looks_at_itself),
        TEST(restarts_that_were_not_told_of_are_counted_all_the_same),
        TEST(notes_are_shown_and_harmless),
        TEST(a_signal_ends_the_run_in_order),
        TEST(keys_reach_the_vm_in_focus_and_the_terminal_comes_back),
        TEST(the_terminal_comes_back_when_the_process_crashes),
        TEST(logs_hold_each_console_byte_for_byte),
        TEST(a_log_that_cannot_be_written_is_refused),
        TEST(options_are_taken_in_any_order),
        TEST(bad_calls_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
