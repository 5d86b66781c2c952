/* SPDX-License-Identifier: BSD-2-Clause
 * The ACPI power-management timer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/pmtimer_state.h"

struct fixture {
    struct pmtimer t;
    uint32_t carries;
};

static void carry(void *owner, uint32_t pin, bool active)
{
    struct fixture *f = owner;
    (void)pin;
    f->carries += active ? 1u : 0u;
}

static void start(struct fixture *f, vm_ns_t now)
{
    struct pmtimer_wiring w = {.carry = {.set = carry, .owner = f}};
    *f = (struct fixture){.carries = 0};
    pmtimer_init(&f->t, &w);
    pmtimer_reset(&f->t, now);
}

static uint32_t get(struct fixture *f, vm_ns_t now)
{
    return (uint32_t)pmtimer_ops.read(&f->t, (struct bus_access){.size = 4}, now);
}

static void it_counts_3579545_times_a_second_from_reset(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 77);
    assert_int_equal(get(&f, 77), 0);
    assert_int_equal(get(&f, 77 + 279), 0);
    assert_int_equal(get(&f, 77 + 280), 1);
    assert_int_equal(get(&f, 77 + VM_NS_PER_S), 3579545u);
    assert_int_equal(get(&f, 77 + 3600ull * VM_NS_PER_S), (uint32_t)(3600ull * 3579545u));
    pmtimer_ops.write(&f.t, (struct bus_access){.size = 4}, 0, 80 + VM_NS_PER_S);
    assert_int_equal(get(&f, 77 + VM_NS_PER_S), 3579545u);
}

static void the_deadline_is_the_first_nanosecond_of_a_changed_top_bit(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 1000);
    for (uint32_t i = 1; i <= 5; i++) {
        vm_ns_t at = pmtimer_ops.deadline(&f.t);
        uint32_t after = (i & 1u) != 0 ? 0x80000000u : 0u;
        assert_int_equal(get(&f, at), after);
        assert_int_equal(get(&f, at - 1), after - 1u);
        pmtimer_ops.tick(&f.t, at - 1);
        assert_int_equal(f.carries, i - 1);
        pmtimer_ops.tick(&f.t, at);
        assert_int_equal(f.carries, i);
        assert_true(pmtimer_ops.deadline(&f.t) > at);
        assert_true(pmtimer_valid(&f.t));
    }
}

static void a_tick_that_is_very_late_pulses_once(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 0);
    pmtimer_ops.tick(&f.t, UINT64_MAX - 1);
    assert_int_equal(f.carries, 1);
    assert_true(pmtimer_ops.deadline(&f.t) == VM_NS_NEVER);
    assert_true(pmtimer_valid(&f.t));
    pmtimer_reset(&f.t, UINT64_MAX - 1000);
    assert_true(pmtimer_ops.deadline(&f.t) == VM_NS_NEVER);
    assert_int_equal(get(&f, UINT64_MAX - 1), 3);
    assert_int_equal(get(&f, 5), 0);
}

static void without_a_listener_it_never_wants_to_act(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 0);
    f.t.wiring.carry.set = NULL;
    assert_true(pmtimer_ops.deadline(&f.t) == VM_NS_NEVER);
    pmtimer_ops.tick(&f.t, UINT64_MAX / 2);
}

static void the_invariant_refuses_what_no_guest_can_bring_about(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 0);
    f.t.regs.carries = 1ull << 26;
    assert_false(pmtimer_valid(&f.t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_counts_3579545_times_a_second_from_reset),
        cmocka_unit_test(the_deadline_is_the_first_nanosecond_of_a_changed_top_bit),
        cmocka_unit_test(a_tick_that_is_very_late_pulses_once),
        cmocka_unit_test(without_a_listener_it_never_wants_to_act),
        cmocka_unit_test(the_invariant_refuses_what_no_guest_can_bring_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
