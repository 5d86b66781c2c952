/* SPDX-License-Identifier: BSD-2-Clause
 * Scheduling of those who carry frames: prompt with little, patient with much. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>

#include "kvm/sched.h"

/* So many sleeps, with so many bytes moved before each. */
static void carry(struct sched_patience *p, uint32_t sleeps, uint64_t bytes)
{
    for (uint32_t i = 0; i < sleeps; i++) {
        sched_patience_sleep(p, p->bytes + bytes);
        assert_int_equal(sched_getscheduler(0), p->patient ? SCHED_BATCH : SCHED_OTHER);
    }
}

static void who_moves_little_stays_prompt_for_ever(void **state)
{
    struct sched_patience p;
    (void)state;
    sched_patience_init(&p);
    carry(&p, 1000, 66);
    carry(&p, 1000, 1514);
    assert_false(p.patient);
}

static void who_moves_much_becomes_patient_and_prompt_again(void **state)
{
    struct sched_patience p;
    (void)state;
    sched_patience_init(&p);
    for (uint32_t round = 0; round < 3; round++) {
        carry(&p, 3, 45000);
        assert_true(p.patient);
        carry(&p, 1000, 16 * 1514u); /* without segmentation */
        assert_true(p.patient);
        for (uint32_t i = 0; i < 100; i++) { /* a frame one way, an acknowledgement the other */
            carry(&p, 1, 45000);
            carry(&p, 1, 66);
            assert_true(p.patient);
        }
        carry(&p, 40, 66);
        assert_false(p.patient);
    }
}

/* Nor does it go to and fro where it moves a middling lot. */
static void what_was_moved_long_ago_does_not_count(void **state)
{
    struct sched_patience p;
    (void)state;
    sched_patience_init(&p);
    carry(&p, 1, UINT64_MAX / 2u); /* all that a predecessor moved */
    assert_true(p.patient);
    carry(&p, 40, 66);
    assert_false(p.patient);
    carry(&p, 1000, 5000);
    assert_false(p.patient);
    carry(&p, 10, 45000);
    carry(&p, 1000, 5000);
    assert_true(p.patient);
    carry(&p, 40, 0);
    assert_false(p.patient);
}

/* Whoever gave it a policy has seen to it. */
static void who_has_another_policy_keeps_it(void **state)
{
    struct sched_patience p;
    const struct sched_param none = {.sched_priority = 0};
    (void)state;
    assert_int_equal(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    sched_patience_init(&p);
    assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &none), 0);
    for (uint32_t i = 1; i < 100; i++) {
        sched_patience_sleep(&p, i * 65536u);
    }
    assert_false(p.patient);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_moves_little_stays_prompt_for_ever),
        cmocka_unit_test(who_moves_much_becomes_patient_and_prompt_again),
        cmocka_unit_test(what_was_moved_long_ago_does_not_count),
        cmocka_unit_test(who_has_another_policy_keeps_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
