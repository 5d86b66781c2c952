/* SPDX-License-Identifier: BSD-2-Clause
 * Questions asked aside: the answer comes, or its absence is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm/aside.h"

static int touched;

static void says_yes(struct aside_answer *answer)
{
    touched = 1;
    answer->yes = true;
}

static void says_why_not(struct aside_answer *answer)
{
    (void)snprintf(answer->why, sizeof(answer->why), "it rains");
}

static void dies(struct aside_answer *answer)
{
    answer->yes = true;
    (void)raise(SIGKILL);
}

static void the_answer_comes_out_of_a_process_of_its_own(void **state)
{
    struct aside_answer answer;
    (void)state;
    assert_true(aside_take(aside_ask(says_yes), &answer));
    assert_true(answer.yes);
    assert_int_equal(touched, 0);
    assert_true(aside_take(aside_ask(says_why_not), &answer));
    assert_false(answer.yes);
    assert_string_equal(answer.why, "it rains");
}

static void several_questions_may_be_open_at_once(void **state)
{
    struct aside_answer answer;
    (void)state;
    int no = aside_ask(says_why_not);
    int yes = aside_ask(says_yes);
    assert_true(aside_take(yes, &answer));
    assert_true(answer.yes);
    assert_true(aside_take(no, &answer));
    assert_false(answer.yes);
}

static void an_answer_that_never_comes_is_a_no(void **state)
{
    struct aside_answer answer;
    (void)state;
    assert_false(aside_take(aside_ask(dies), &answer));
    assert_false(answer.yes);
    assert_non_null(strstr(answer.why, "gone"));
    assert_false(aside_take(-1, &answer));
    assert_false(answer.yes);
}

static int bury(void **state)
{
    (void)state;
    while (waitpid(-1, NULL, 0) > 0) {
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_answer_comes_out_of_a_process_of_its_own, bury),
        cmocka_unit_test_teardown(several_questions_may_be_open_at_once, bury),
        cmocka_unit_test_teardown(an_answer_that_never_comes_is_a_no, bury),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
