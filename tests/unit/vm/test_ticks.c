/* SPDX-License-Identifier: BSD-2-Clause
 * The account of ticks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/string.h"
#include "vm/ticks.h"

static void assert_counts(const struct ticks *t, uint64_t due, uint64_t delivered, uint64_t backlog,
                          uint64_t merged)
{
    assert_int_equal(t->counts.due, due);
    assert_int_equal(t->counts.delivered, delivered);
    assert_int_equal(t->counts.backlog, backlog);
    assert_int_equal(t->counts.merged, merged);
    assert_int_equal(due, delivered + backlog + merged);
}

static void catch_up_owes_every_tick_until_its_eoi(void **state)
{
    (void)state;
    struct ticks t = {0};
    ticks_add(&t, TICK_CATCH_UP, 3);
    assert_counts(&t, 3, 1, 2, 0);
    ticks_add(&t, TICK_CATCH_UP, 1);
    assert_counts(&t, 4, 1, 3, 0);
    assert_true(ticks_eoi(&t, TICK_CATCH_UP));
    assert_true(ticks_eoi(&t, TICK_CATCH_UP));
    assert_true(ticks_eoi(&t, TICK_CATCH_UP));
    assert_counts(&t, 4, 4, 0, 0);
    assert_false(ticks_eoi(&t, TICK_CATCH_UP));
    assert_false(ticks_eoi(&t, TICK_CATCH_UP));
    ticks_add(&t, TICK_CATCH_UP, 1);
    assert_counts(&t, 5, 5, 0, 0);
}

static void coalesce_merges_and_corrects_itself_when_the_controller_latched_one(void **state)
{
    (void)state;
    struct ticks t = {0};
    ticks_add(&t, TICK_COALESCE, 5);
    assert_counts(&t, 5, 1, 0, 4);
    ticks_add(&t, TICK_COALESCE, 2);
    assert_counts(&t, 7, 1, 0, 6);
    assert_false(ticks_eoi(&t, TICK_COALESCE));
    assert_counts(&t, 7, 1, 0, 6);
    assert_false(ticks_eoi(&t, TICK_COALESCE)); /* so one of the two had been latched */
    assert_counts(&t, 7, 2, 0, 5);
    assert_false(ticks_eoi(&t, TICK_COALESCE)); /* but never more than one */
    assert_counts(&t, 7, 2, 0, 5);
}

static void reprogramming_gives_up_what_is_owed(void **state)
{
    (void)state;
    struct ticks t = {0};
    ticks_add(&t, TICK_CATCH_UP, 10);
    ticks_give_up(&t);
    assert_counts(&t, 10, 1, 0, 9);
    assert_false(ticks_eoi(&t, TICK_CATCH_UP));
    ticks_once(&t);
    assert_counts(&t, 11, 2, 0, 9);
    struct tick_counts sum = {1, 1, 0, 0};
    ticks_sum(&t, &sum);
    assert_int_equal(sum.due, 12);
    assert_int_equal(sum.merged, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catch_up_owes_every_tick_until_its_eoi),
        cmocka_unit_test(coalesce_merges_and_corrects_itself_when_the_controller_latched_one),
        cmocka_unit_test(reprogramming_gives_up_what_is_owed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
