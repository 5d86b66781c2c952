/* SPDX-License-Identifier: BSD-2-Clause
 * What the supervisor has to say while nobody reads: in which order it comes out, what is forgotten,
 * and that nothing ever waits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kvm/tell.h"

static struct teller teller;
static struct link_reader reader;
static int person;

static int setup(void **state)
{
    (void)state;
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
    person = fd[0];
    reader.have = 0;
    tell_begin(&teller, fd[1], 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(teller.fd);
    close(person);
    return 0;
}

/* Fills the link with consoles, as a flood does. */
static void fill(void)
{
    static uint8_t zeros[LINK_DATA_MAX];
    while (tell_has_room(&teller)) { /* bound: what a socket holds */
        tell_now(&teller, LINK_CONSOLE, 0, zeros, sizeof(zeros));
    }
    while (link_post(&teller.out, teller.fd, LINK_CONSOLE, 0, zeros, 1) == LINK_SENT) {
    } /* and what was left for the rest */
}

static void started(uint32_t vm)
{
    const struct vm_report r = {.version = REPORT_VERSION};
    tell_started(&teller, vm, &r);
}

static void stopped(uint32_t vm, uint32_t restarts)
{
    const struct vm_report r = {.version = REPORT_VERSION, .pid = restarts};
    const struct link_stopped why = {.cause = LINK_STOP_RESET, .restarts = restarts};
    tell_stopped(&teller, vm, &why, &r);
}

/* The next frame that is no console, as text. */
static const char *next(void)
{
    static char text[400];
    struct link_head head = {.type = LINK_CONSOLE};
    const uint8_t *data = NULL;
    enum link_result r = LINK_FRAME;
    do { /* bound: what is in the link */
        r = link_read(&reader, person, &head, &data);
        (void)tell_has_room(&teller);
    } while ((r == LINK_FRAME && head.type == LINK_CONSOLE) ||
             (r == LINK_AGAIN && teller.up && !tell_has_room(&teller)));
    if (r != LINK_FRAME) {
        return r == LINK_AGAIN ? "nothing" : "closed";
    }
    struct link_stopped why;
    struct vm_report report;
    switch (head.type) {
    case LINK_STOPPED:
        memcpy(&why, data, sizeof(why));
        snprintf(text, sizeof(text), "%u stopped %u", head.vm, why.restarts);
        break;
    case LINK_REPORT:
        memcpy(&report, data, sizeof(report));
        snprintf(text, sizeof(text), "%u report %u", head.vm, report.pid);
        break;
    case LINK_NOTE:
        snprintf(text, sizeof(text), "%u note %.*s", head.vm, (int)head.len, (const char *)data);
        break;
    default:
        snprintf(text, sizeof(text), "%u %s", head.vm,
                 head.type == LINK_STARTED ? "started"
                 : head.type == LINK_HELLO ? "hello"
                                           : "?");
        break;
    }
    return text;
}

static void hello_is_the_first_word(void **state)
{
    (void)state;
    started(0);
    assert_string_equal(next(), "65535 hello");
    assert_string_equal(next(), "0 started");
    assert_string_equal(next(), "nothing");
}

static void what_is_read_is_told_in_order_and_whole(void **state)
{
    (void)state;
    started(0);
    stopped(0, 0);
    started(0);
    stopped(0, 1);
    tell_note(&teller, LINK_NO_VM, "a %s", "note");
    static const char *const told[] = {"65535 hello", "0 started",         "0 stopped 0",
                                       "0 report 0",  "0 started",         "0 stopped 1",
                                       "0 report 1",  "65535 note a note", "nothing"};
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        assert_string_equal(next(), told[i]);
    }
}

static void a_start_after_an_end_is_told_after_it(void **state)
{
    (void)state;
    started(0);
    started(1);
    fill();
    stopped(0, 0);
    started(0);
    stopped(0, 1);
    started(0);
    stopped(0, 2);
    started(0);
    assert_false(tell_has_room(&teller));
    static const char *const told[] = {"65535 hello", "0 started", "1 started", "0 stopped 2",
                                       "0 report 2",  "0 started", "nothing"};
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        assert_string_equal(next(), told[i]);
    }
    assert_true(tell_has_room(&teller));
}

static void an_end_after_a_start_is_told_after_it(void **state)
{
    (void)state;
    fill();
    started(1);
    stopped(1, 0);
    started(1);
    stopped(1, 1);
    static const char *const told[] = {"65535 hello", "1 started", "1 stopped 1", "1 report 1",
                                       "nothing"};
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        assert_string_equal(next(), told[i]);
    }
}

static void of_many_notes_the_first_is_kept_and_the_others_are_counted(void **state)
{
    (void)state;
    fill();
    for (int i = 0; i < 1000; i++) {
        tell_note(&teller, 0, "note %d", i);
    }
    tell_note(&teller, LINK_NO_VM, "%0300d", 7); /* longer than a note can be */
    assert_string_equal(next(), "65535 hello");
    assert_int_equal(strlen(next()), strlen("65535 note ") + 255);
    assert_string_equal(next(), "0 note note 0 (999 more notes: nobody read)");
    assert_string_equal(next(), "nothing");
    tell_note(&teller, 0, "again");
    assert_string_equal(next(), "0 note again");
}

static void to_nobody_everything_can_be_said(void **state)
{
    (void)state;
    fill();
    started(0);
    close(person);
    person = -1;
    stopped(0, 0);
    assert_false(teller.up);
    assert_true(tell_has_room(&teller));
    tell_now(&teller, LINK_CONSOLE, 0, "x", 1);
    tell_note(&teller, 1, "nobody hears this");
    tell_all(&teller); /* and does not wait */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hello_is_the_first_word),
        TEST(what_is_read_is_told_in_order_and_whole),
        TEST(a_start_after_an_end_is_told_after_it),
        TEST(an_end_after_a_start_is_told_after_it),
        TEST(of_many_notes_the_first_is_kept_and_the_others_are_counted),
        TEST(to_nobody_everything_can_be_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
