/* SPDX-License-Identifier: BSD-2-Clause
 * The channel between a device's two halves, both played here. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "virtio/channel.h"

static const struct channel_setup setup_a = {
    .features = 0x123456789ull,
    .queue = {{.desc = 0x1000, .size = 64, .enabled = 1}, {.used = 0x2000, .size = 8, .first = 7}},
};

struct io {
    uint32_t request;
    enum channel_state state;
    struct channel_setup setup;
};

static void nothing_is_asked_at_first(void **state)
{
    (void)state;
    struct channel ch = {0};
    struct io io;
    assert_true(channel_settled(&ch));
    assert_false(channel_asked(&ch, &io.request, &io.state, &io.setup));
    assert_int_equal(channel_take_irqs(&ch), 0);
}

static void a_request_holds_until_it_is_obeyed(void **state)
{
    (void)state;
    struct channel ch = {0};
    struct io io = {0};
    channel_ask(&ch, CHANNEL_RUN, &setup_a);
    assert_false(channel_settled(&ch));
    for (uint32_t i = 0; i < 2; i++) {
        memset(&io, 0, sizeof(io));
        assert_true(channel_asked(&ch, &io.request, &io.state, &io.setup));
        assert_int_equal(io.state, CHANNEL_RUN);
        assert_memory_equal(&io.setup, &setup_a, sizeof(setup_a));
    }
    channel_obey(&ch, io.request);
    assert_true(channel_settled(&ch));
    assert_false(channel_asked(&ch, &io.request, &io.state, &io.setup));
}

static void the_same_state_may_be_asked_for_again(void **state)
{
    (void)state;
    struct channel ch = {0};
    struct io io;
    channel_ask(&ch, CHANNEL_STOP, NULL);
    assert_true(channel_asked(&ch, &io.request, &io.state, &io.setup));
    assert_int_equal(io.state, CHANNEL_STOP);
    channel_obey(&ch, io.request);
    channel_ask(&ch, CHANNEL_STOP, NULL);
    assert_false(channel_settled(&ch));
    assert_true(channel_asked(&ch, &io.request, &io.state, &io.setup));
}

/* The io is late: it obeys RUN when STOP has been asked for already. */
static void an_old_answer_settles_nothing(void **state)
{
    (void)state;
    struct channel ch = {0};
    struct io io;
    channel_ask(&ch, CHANNEL_RUN, &setup_a);
    assert_true(channel_asked(&ch, &io.request, &io.state, &io.setup));
    channel_ask(&ch, CHANNEL_STOP, NULL);
    channel_obey(&ch, io.request);
    assert_false(channel_settled(&ch));
    assert_true(channel_asked(&ch, &io.request, &io.state, &io.setup));
    assert_int_equal(io.state, CHANNEL_STOP);
    channel_obey(&ch, io.request);
    assert_true(channel_settled(&ch));
}

static void a_stop_leaves_the_setup_alone(void **state)
{
    (void)state;
    struct channel ch = {0};
    static const struct channel_setup other = {.features = 1};
    channel_ask(&ch, CHANNEL_RUN, &setup_a);
    channel_ask(&ch, CHANNEL_STOP, &other);
    assert_memory_equal(&ch.setup, &setup_a, sizeof(setup_a));
}

static void request_numbers_wrap(void **state)
{
    (void)state;
    struct channel ch = {.request = UINT32_MAX, .obeyed = UINT32_MAX};
    struct io io;
    channel_ask(&ch, CHANNEL_STOP, NULL);
    assert_int_equal(ch.request, 0);
    assert_true(channel_asked(&ch, &io.request, &io.state, &io.setup));
    channel_obey(&ch, io.request);
    assert_true(channel_settled(&ch));
    channel_ask(&ch, CHANNEL_RUN, &setup_a);
    assert_int_equal(ch.request, 3);
}

static void the_vmm_is_notified_once_for_all_bits_it_has_not_taken(void **state)
{
    (void)state;
    struct channel ch = {0};
    assert_false(channel_raise(&ch, 0));
    assert_true(channel_raise(&ch, CHANNEL_IRQ_QUEUE(0)));
    assert_false(channel_raise(&ch, CHANNEL_IRQ_QUEUE(0)));
    assert_false(channel_raise(&ch, CHANNEL_IRQ_QUEUE(1) | CHANNEL_IRQ_BROKEN));
    assert_int_equal(channel_take_irqs(&ch), 0x80000003u);
    assert_int_equal(channel_take_irqs(&ch), 0);
    assert_false(channel_raise(&ch, 0));
    assert_true(channel_raise(&ch, CHANNEL_IRQ_QUEUE(1)));
}

static void where_queues_stopped_and_counters_are_handed_over(void **state)
{
    (void)state;
    struct channel ch = {0};
    const struct channel_counts counts = {.tx_frames = 1ull << 40, .breaks = 3};
    channel_stop_at(&ch, 0, 0xFFFF);
    channel_stop_at(&ch, 1, 5);
    channel_show_counts(&ch, &counts);
    assert_int_equal(channel_stopped_at(&ch, 0), 0xFFFF);
    assert_int_equal(channel_stopped_at(&ch, 1), 5);
    assert_memory_equal(&ch.counts, &counts, sizeof(counts));
    assert_int_equal(ch.obeyed, 0);
    assert_int_equal(ch.irqs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_asked_at_first),
        cmocka_unit_test(a_request_holds_until_it_is_obeyed),
        cmocka_unit_test(the_same_state_may_be_asked_for_again),
        cmocka_unit_test(an_old_answer_settles_nothing),
        cmocka_unit_test(a_stop_leaves_the_setup_alone),
        cmocka_unit_test(request_numbers_wrap),
        cmocka_unit_test(the_vmm_is_notified_once_for_all_bits_it_has_not_taken),
        cmocka_unit_test(where_queues_stopped_and_counters_are_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
