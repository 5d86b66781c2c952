/* SPDX-License-Identifier: BSD-2-Clause
 * The frames of hosts/kvm/link.c over socket pairs and pipes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kvm/link.h"

static struct link_reader reader;

static void pair(int fd[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
    reader.have = 0;
}

static void close_both(const int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

static void frames_come_out_as_they_went_in(void **state)
{
    (void)state;
    int fd[2];
    struct link_head head;
    const uint8_t *data;
    pair(fd);
    assert_true(link_write(fd[1], LINK_CONSOLE, 3, "hello", 5));
    assert_true(link_write(fd[1], LINK_DONE, LINK_NO_VM, NULL, 0));
    assert_true(link_write(fd[1], LINK_NOTE, 0, "x", 1));
    assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_FRAME);
    assert_int_equal(head.type, LINK_CONSOLE);
    assert_int_equal(head.vm, 3);
    assert_int_equal(head.len, 5);
    assert_memory_equal(data, "hello", 5);
    assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_FRAME);
    assert_int_equal(head.type, LINK_DONE);
    assert_int_equal(head.len, 0);
    assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_FRAME);
    assert_int_equal(head.type, LINK_NOTE);
    assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_AGAIN);
    assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_AGAIN);
    close(fd[1]);
    assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_CLOSED);
    close(fd[0]);
}

static void a_frame_that_comes_byte_by_byte_is_whole_at_the_last_one(void **state)
{
    (void)state;
    int fd[2];
    struct link_head head = {.magic = LINK_MAGIC, .type = LINK_CONSOLE, .vm = 1, .len = 4};
    const uint8_t *data;
    uint8_t bytes[sizeof(head) + 4];
    pair(fd);
    memcpy(bytes, &head, sizeof(head));
    memcpy(bytes + sizeof(head), "abcd", 4);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_AGAIN);
            assert_int_equal(write(fd[1], bytes + i, 1), 1);
        }
        assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_FRAME);
        assert_memory_equal(data, "abcd", 4);
    }
    close_both(fd);
}

static void what_is_not_the_protocol_is_broken_and_stays_so(void **state)
{
    (void)state;
    const struct link_head bad[] = {
        {.magic = LINK_MAGIC ^ 1u, .type = LINK_NOTE, .vm = 0, .len = 0},
        {.magic = LINK_MAGIC, .type = LINK_NOTE, .vm = 0, .len = LINK_DATA_MAX + 1},
        {.magic = LINK_MAGIC, .type = LINK_NOTE, .vm = 0, .len = UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int fd[2];
        struct link_head head;
        const uint8_t *data;
        pair(fd);
        assert_int_equal(write(fd[1], &bad[i], sizeof(bad[i])), sizeof(bad[i]));
        assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_BROKEN);
        assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_BROKEN);
        close_both(fd);
    }
}

static void an_end_in_the_middle_of_a_frame_is_closed(void **state)
{
    (void)state;
    int fd[2];
    struct link_head head = {.magic = LINK_MAGIC, .type = LINK_NOTE, .vm = 0, .len = 9};
    const uint8_t *data;
    pair(fd);
    assert_int_equal(write(fd[1], &head, sizeof(head)), sizeof(head));
    close(fd[1]);
    assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_CLOSED);
    close(fd[0]);
}

/* Posts until the stream takes no more; returns how many frames were taken. */
static unsigned post_until_full(struct link_writer *w, int fd, const uint8_t *body, size_t len)
{
    unsigned taken = 0;
    while (taken < 100000 && link_post(w, fd, LINK_CONSOLE, 1, body, len) == LINK_SENT) {
        taken++;
    }
    return taken;
}

static void posting_never_waits_and_loses_nothing_that_it_took(void **state)
{
    (void)state;
    static struct link_writer w;
    static uint8_t body[LINK_DATA_MAX];
    static const size_t sizes[] = {0, 1, 100, 4096, LINK_DATA_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int fd[2];
        struct link_head head;
        const uint8_t *data;
        memset(&w, 0, sizeof(w));
        memset(body, (int)i + 1, sizeof(body));
        pair(fd);
        assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
        unsigned taken = post_until_full(&w, fd[1], body, sizes[i]);
        assert_in_range(taken, 1, 99999);
        assert_int_equal(link_post(&w, fd[1], LINK_NOTE, 0, "x", 1), LINK_FULL);
        for (unsigned n = 0; n < taken; n++) {
            assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_FRAME);
            assert_int_equal(head.type, LINK_CONSOLE);
            assert_int_equal(head.len, sizes[i]);
            assert_memory_equal(data, body, sizes[i]);
            (void)link_flush(&w, fd[1]); /* the rest of the last one */
        }
        assert_int_equal(link_flush(&w, fd[1]), LINK_SENT);
        assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_AGAIN);
        assert_int_equal(link_post(&w, fd[1], LINK_NOTE, 0, "x", 1), LINK_SENT);
        assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_FRAME);
        assert_int_equal(head.type, LINK_NOTE);
        close_both(fd);
    }
}

static void posting_to_nobody_is_seen(void **state)
{
    (void)state;
    static struct link_writer w;
    int fd[2];
    memset(&w, 0, sizeof(w));
    pair(fd);
    assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
    close(fd[0]);
    assert_int_equal(link_post(&w, fd[1], LINK_STOP, LINK_NO_VM, NULL, 0), LINK_GONE);
    close(fd[1]);
}

static void writing_to_nobody_is_false_and_no_signal(void **state)
{
    (void)state;
    int fd[2];
    pair(fd);
    close(fd[0]);
    assert_false(link_write(fd[1], LINK_STOP, LINK_NO_VM, NULL, 0));
    close(fd[1]);
    /* A pipe has no MSG_NOSIGNAL: the caller ignores SIGPIPE there. */
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(fd), 0);
    close(fd[0]);
    assert_false(link_write(fd[1], LINK_STOP, LINK_NO_VM, NULL, 0));
    close(fd[1]);
    signal(SIGPIPE, old);
}

static void a_pipe_carries_frames_too(void **state)
{
    (void)state;
    int fd[2];
    struct link_head head;
    const uint8_t *data;
    reader.have = 0;
    assert_int_equal(pipe(fd), 0);
    assert_true(link_write(fd[1], LINK_INPUT, 2, "ls\n", 3));
    assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_FRAME);
    assert_int_equal(head.vm, 2);
    assert_memory_equal(data, "ls\n", 3);
    close_both(fd);
}

#define FLOOD 200

static void *flood(void *arg)
{
    static uint8_t block[LINK_DATA_MAX];
    int fd = *(int *)arg;
    for (int i = 0; i < FLOOD; i++) {
        memset(block, i, sizeof(block));
        if (!link_write(fd, LINK_CONSOLE, (uint16_t)i, block, sizeof(block) - (size_t)i)) {
            return NULL;
        }
    }
    return arg;
}

static void a_full_non_blocking_stream_is_waited_for_not_cut(void **state)
{
    (void)state;
    int fd[2];
    pthread_t thread;
    void *ok = NULL;
    struct link_head head;
    const uint8_t *data;
    pair(fd);
    assert_int_equal(fcntl(fd[0], F_SETFL, 0), 0);
    assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(pthread_create(&thread, NULL, flood, &fd[1]), 0);
    for (int i = 0; i < FLOOD; i++) {
        assert_int_equal(link_read(&reader, fd[0], &head, &data), LINK_FRAME);
        assert_int_equal(head.vm, i);
        assert_int_equal(head.len, LINK_DATA_MAX - (unsigned)i);
        assert_int_equal(data[0], (uint8_t)i);
        assert_int_equal(data[head.len - 1], (uint8_t)i);
    }
    assert_int_equal(pthread_join(thread, &ok), 0);
    assert_non_null(ok);
    close_both(fd);
}

static void more_than_a_frame_holds_is_refused(void **state)
{
    (void)state;
    static uint8_t big[LINK_DATA_MAX + 1];
    int fd[2];
    pair(fd);
    assert_false(link_write(fd[1], LINK_CONSOLE, 0, big, sizeof(big)));
    close_both(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_as_they_went_in),
        cmocka_unit_test(a_frame_that_comes_byte_by_byte_is_whole_at_the_last_one),
        cmocka_unit_test(what_is_not_the_protocol_is_broken_and_stays_so),
        cmocka_unit_test(an_end_in_the_middle_of_a_frame_is_closed),
        cmocka_unit_test(posting_never_waits_and_loses_nothing_that_it_took),
        cmocka_unit_test(posting_to_nobody_is_seen),
        cmocka_unit_test(writing_to_nobody_is_false_and_no_signal),
        cmocka_unit_test(a_pipe_carries_frames_too),
        cmocka_unit_test(a_full_non_blocking_stream_is_waited_for_not_cut),
        cmocka_unit_test(more_than_a_frame_holds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
