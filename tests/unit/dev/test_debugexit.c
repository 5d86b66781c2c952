/* SPDX-License-Identifier: BSD-2-Clause
 * The debug-exit port. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/debugexit_state.h"

struct fixture {
    struct debugexit d;
    uint32_t reports;
    uint32_t value;
};

static void report(void *owner, uint32_t value)
{
    struct fixture *f = owner;
    f->reports++;
    f->value = value;
}

static void start(struct fixture *f)
{
    struct debugexit_wiring w = {.report = report, .owner = f};
    *f = (struct fixture){.value = 0};
    debugexit_init(&f->d, &w);
    debugexit_reset(&f->d, 0);
    assert_true(debugexit_valid(&f->d));
}

static void put(struct fixture *f, uint64_t off, uint32_t size, uint64_t val)
{
    debugexit_ops.write(&f->d, (struct bus_access){.size = size, .off = off}, val, 5);
    assert_true(debugexit_valid(&f->d));
}

static void each_width_reports_the_bytes_written_and_no_more(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, 0, 1, 0xFFFFFF12u);
    assert_int_equal(f.value, 0x12);
    put(&f, 0, 2, 0xFFFF3412u);
    assert_int_equal(f.value, 0x3412);
    put(&f, 0, 4, 0xAA78563412ull);
    assert_int_equal(f.value, 0x78563412u);
    put(&f, 0, 1, 0);
    assert_int_equal(f.value, 0);
    assert_int_equal(f.reports, 4);
}

static void neighbouring_ports_and_reads_report_nothing(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, 1, 1, 7);
    put(&f, 2, 2, 7);
    put(&f, 3, 1, 7);
    assert_int_equal(debugexit_ops.read(&f.d, (struct bus_access){.size = 1}, 0), 0xFF);
    assert_int_equal(debugexit_ops.read(&f.d, (struct bus_access){.size = 4}, 0), 0xFFFFFFFFu);
    assert_int_equal(f.reports, 0);
}

static void reset_forgets_and_an_unconnected_hook_is_harmless(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.d.wiring.report = NULL;
    put(&f, 0, 4, 9);
    assert_int_equal(f.d.regs.value, 9);
    debugexit_reset(&f.d, 10);
    assert_int_equal(f.d.regs.written, 0);
    assert_true(debugexit_valid(&f.d));
}

static void the_invariant_refuses_what_no_guest_can_bring_about(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.d.regs.value = 1;
    assert_false(debugexit_valid(&f.d));
    start(&f);
    f.d.regs.written = 2;
    assert_false(debugexit_valid(&f.d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_width_reports_the_bytes_written_and_no_more),
        cmocka_unit_test(neighbouring_ports_and_reads_report_nothing),
        cmocka_unit_test(reset_forgets_and_an_unconnected_hook_is_harmless),
        cmocka_unit_test(the_invariant_refuses_what_no_guest_can_bring_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
