/* SPDX-License-Identifier: BSD-2-Clause
 * The vmm's side of its notifications. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "kvm/vmm_net.h"

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void notifications_are_taken_and_their_end_is_heard_once(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    struct vmm_net n = {.nics = 1, .notify_fd = ends[0]};
    vmm_net_drain(&n); /* nothing there */
    assert_int_equal(n.notify_fd, ends[0]);
    assert_int_equal(write(ends[1], "ab", 2), 2);
    vmm_net_drain(&n);
    assert_int_equal(n.notify_fd, ends[0]);
    assert_false(is_readable(n.notify_fd));
    assert_int_equal(write(ends[1], "c", 1), 1);
    close(ends[1]); /* the io dies behind its last word */
    vmm_net_drain(&n);
    assert_true(is_readable(n.notify_fd));
    vmm_net_drain(&n);
    assert_false(is_readable(n.notify_fd)); /* or the vmm would never sleep again */
    vmm_net_drain(&n);
    close(ends[0]);
}

static void a_vmm_without_cards_has_nothing_to_take(void **state)
{
    (void)state;
    struct vmm_net n = {.notify_fd = -1};
    vmm_net_drain(&n);
    assert_int_equal(n.notify_fd, -1);
    assert_true(vmm_net_watch(&n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notifications_are_taken_and_their_end_is_heard_once),
        cmocka_unit_test(a_vmm_without_cards_has_nothing_to_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
