/* SPDX-License-Identifier: BSD-2-Clause
 * Time windows: who has the core, when, and for how long. Times are microseconds: the TSC runs at 1 MHz. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/string.h"
#include "sel4/plan/windows.h"

static const struct windows_core core = {.core = 0, .cores = 4, .tsc_khz = 1000};

static struct system_image image;
static struct windows w;

static void vms(uint32_t count)
{
    memset(&image, 0, sizeof(image));
    image.vms = count;
    for (uint32_t i = 0; i < count; i++) {
        image.vm[i].cpu = SYSTEM_CPU_ANY;
    }
}

static void window(uint32_t vm, uint32_t us)
{
    image.sel4.window[image.sel4.windows] = (struct system_window){vm, us};
    image.sel4.windows++;
}

static void assert_choice(uint64_t now, uint32_t vm, uint64_t until)
{
    struct windows_choice c = windows_next(&w, now);
    assert_int_equal(c.vm, vm);
    assert_int_equal(c.until, until);
}

/* It halts, with nothing to do before `deadline`. */
static void halts(uint32_t vm, uint64_t deadline)
{
    windows_deadline(&w, vm, deadline);
    windows_wants(&w, vm, false);
}

static void windows_follow_each_other(void **state)
{
    (void)state;
    vms(2);
    window(0, 5000);
    window(1, 3000);
    window(0, 2000);
    windows_init(&w, &image, &core, 100);
    assert_choice(100, 0, 5100);
    assert_choice(5099, 0, 5100);
    assert_choice(5100, 1, 8100);
    assert_choice(8100, 0, 10100);
    assert_choice(10100, 0, 15100);
    /* A thousand frames and a half later: the boundaries are where they were. */
    assert_choice(100 + 1000 * 10000 + 6000, 1, 100 + 1000 * 10000 + 8000);
}

static void what_nobody_wants_goes_to_the_next(void **state)
{
    (void)state;
    vms(3);
    window(0, 1000);
    window(1, 1000);
    window(2, 1000);
    windows_init(&w, &image, &core, 0);
    halts(0, UINT64_MAX);
    assert_choice(0, 1, 1000);
    halts(1, UINT64_MAX);
    assert_choice(200, 2, 1000);
    windows_wants(&w, 0, true); /* it was notified: its own window again */
    assert_choice(300, 0, 1000);
    halts(0, UINT64_MAX);
    halts(2, UINT64_MAX);
    assert_choice(400, WINDOWS_NOBODY, 1000);
}

static void a_deadline_brings_a_sleeper_back_into_its_window(void **state)
{
    (void)state;
    vms(2);
    window(0, 10000);
    window(1, 10000);
    windows_init(&w, &image, &core, 0);
    halts(0, 3000);
    assert_choice(100, 1, 3000);
    assert_choice(3000, 0, 10000);
}

static void a_vm_without_a_window_lives_on_slack(void **state)
{
    (void)state;
    vms(3);
    window(0, 5000);
    windows_init(&w, &image, &core, 0);
    assert_choice(0, 0, 5000);
    halts(0, 4000);
    assert_choice(1000, 1, 2000);
    assert_choice(2000, 2, 3000);
    assert_choice(3000, 1, 4000);
    assert_choice(4000, 0, 5000);
}

static void without_a_table_they_take_turns(void **state)
{
    (void)state;
    vms(2);
    windows_init(&w, &image, &core, 0);
    assert_choice(0, 0, 1000);
    assert_choice(500, 0, 1000);
    assert_choice(1000, 1, 2000);
    assert_choice(2000, 0, 3000);
    halts(0, 2700);
    assert_choice(2100, 1, 2700);
    assert_choice(2700, 1, 3100); /* its turn is not over */
    assert_choice(3100, 0, 4100);
    halts(0, UINT64_MAX);
    halts(1, UINT64_MAX);
    assert_choice(3200, WINDOWS_NOBODY, UINT64_MAX);
}

static void the_urgent_one_takes_the_core_at_its_deadline(void **state)
{
    (void)state;
    vms(2);
    image.vm[0].priority = 50;
    window(0, 1000);
    window(1, 9000);
    windows_init(&w, &image, &core, 0);
    assert_choice(0, 0, 1000);
    halts(0, 5000);
    assert_choice(300, 1, 1000);  /* slack of the first window */
    assert_choice(1000, 1, 5000); /* its own, until the deadline in it */
    assert_choice(5000, 0, 10000);
    halts(0, 6000);
    assert_choice(5050, 1, 6000);
}

static void among_several_the_highest_is_urgent(void **state)
{
    (void)state;
    vms(3);
    image.vm[1].priority = 10;
    image.vm[2].priority = 20;
    window(0, 10000);
    windows_init(&w, &image, &core, 0);
    assert_int_equal(w.urgent, 2);
    assert_choice(0, 2, 10000);
    halts(2, UINT64_MAX);
    assert_choice(10, 0, 10000);
}

static void an_urgent_one_that_never_halts_keeps_to_its_budget(void **state)
{
    (void)state;
    vms(2);
    image.vm[0].priority = 1;
    image.sel4.vmm[0] = (struct system_budget){2000, 10000};
    window(1, 10000);
    windows_init(&w, &image, &core, 0);
    assert_choice(0, 0, 2000);
    assert_choice(2000, 1, 10000); /* the rest of its period is the other's */
    assert_choice(5000, 1, 10000);
    assert_choice(10000, 0, 12000);
    assert_choice(11000, 0, 12000); /* being asked changes nothing */
    assert_choice(12000, 1, 20000);
    /* It comes much later: one new period, not the sum of those it missed. */
    assert_choice(1000500, 0, 1002500 - 0);
}

static void time_in_its_own_window_is_not_counted(void **state)
{
    (void)state;
    vms(2);
    image.vm[0].priority = 1;
    image.sel4.vmm[0] = (struct system_budget){1000, 10000};
    window(0, 4000);
    window(1, 6000);
    windows_init(&w, &image, &core, 0);
    assert_choice(0, 0, 4000);
    assert_choice(4000, 0, 5000);
    assert_choice(5000, 1, 10000);
}

static void slack_is_the_urgent_ones_too_when_its_budget_is_gone(void **state)
{
    (void)state;
    vms(2);
    image.vm[0].priority = 1;
    image.sel4.vmm[0] = (struct system_budget){1000, 10000};
    window(1, 10000);
    windows_init(&w, &image, &core, 0);
    assert_choice(0, 0, 1000);
    assert_choice(1000, 1, 10000);
    halts(1, UINT64_MAX);
    assert_choice(1500, 0, 2500); /* a turn in the slack */
}

static void other_cores_are_not_our_business(void **state)
{
    (void)state;
    vms(3);
    image.vm[1].cpu = 1;
    window(0, 1000);
    window(1, 1000);
    window(2, 1000);
    windows_init(&w, &image, &core, 0);
    assert_int_equal(w.frame, 2000);
    assert_choice(0, 0, 1000);
    assert_choice(1000, 2, 2000);
    struct windows_core other = {.core = 1, .cores = 2, .tsc_khz = 1000};
    windows_init(&w, &image, &other, 0);
    assert_choice(500, 1, 1000);
    struct windows_core only = {.core = 0, .cores = 1, .tsc_khz = 1000};
    windows_init(&w, &image, &only, 0); /* CPUs fold */
    assert_choice(1000, 1, 2000);
}

static void who_has_ended_does_not_run(void **state)
{
    (void)state;
    vms(2);
    window(0, 1000);
    window(1, 1000);
    windows_init(&w, &image, &core, 0);
    windows_deadline(&w, 0, 500);
    windows_here(&w, 0, false);
    assert_choice(0, 1, 1000);
    assert_choice(600, 1, 1000);
    windows_here(&w, 0, true); /* it starts anew */
    assert_choice(2000, 0, 3000);
}

/* Random halts, deadlines and wake-ups: who wants runs, nobody else does, windows are kept. */
static void at_any_time_somebody_who_wants_runs(void **state)
{
    (void)state;
    uint64_t x = 1;
    uint64_t now = 0;
    vms(3);
    window(0, 700);
    window(1, 300);
    windows_init(&w, &image, &core, 0);
    for (uint32_t n = 0; n < 20000; n++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        struct windows_choice c = windows_next(&w, now);
        bool any = false;
        for (uint32_t i = 0; i < 3; i++) {
            any = any || w.state[i].wants;
        }
        assert_int_equal(c.vm != WINDOWS_NOBODY, any);
        assert_true(c.vm == WINDOWS_NOBODY || w.state[c.vm].wants);
        assert_true(c.until > now);
        uint32_t owner = now % 1000 < 700 ? 0 : 1;
        assert_true(!w.state[owner].wants || c.vm == owner);
        uint64_t step = (x >> 40) % 400;
        now = now + step < c.until ? now + step : c.until;
        uint32_t vm = (uint32_t)(x >> 33) % 3u;
        if ((x >> 20 & 1u) != 0) {
            halts(vm, now + 1 + (x >> 50) % 1000);
        } else {
            windows_wants(&w, vm, true);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_follow_each_other),
        cmocka_unit_test(what_nobody_wants_goes_to_the_next),
        cmocka_unit_test(a_deadline_brings_a_sleeper_back_into_its_window),
        cmocka_unit_test(a_vm_without_a_window_lives_on_slack),
        cmocka_unit_test(without_a_table_they_take_turns),
        cmocka_unit_test(the_urgent_one_takes_the_core_at_its_deadline),
        cmocka_unit_test(among_several_the_highest_is_urgent),
        cmocka_unit_test(an_urgent_one_that_never_halts_keeps_to_its_budget),
        cmocka_unit_test(time_in_its_own_window_is_not_counted),
        cmocka_unit_test(slack_is_the_urgent_ones_too_when_its_budget_is_gone),
        cmocka_unit_test(other_cores_are_not_our_business),
        cmocka_unit_test(who_has_ended_does_not_run),
        cmocka_unit_test(at_any_time_somebody_who_wants_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
