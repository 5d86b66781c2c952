/* SPDX-License-Identifier: BSD-2-Clause
 * The HPET: counter, comparators, periodic mode, routes, lines, ticks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/string.h"
#include "dev/hpet_state.h"

#define START    5000003ull /* not a multiple of the period */
#define LINES    26u
#define IRQ0     24u
#define IRQ8     25u
#define ENB      HPET_CONF_ENABLE
#define PER      HPET_CONF_PERIODIC
#define LEVEL    HPET_CONF_LEVEL
#define ROUTE(n) ((n) << 9)

struct bench {
    struct hpet hpet;
    uint32_t rises[LINES];
    bool level[LINES];
};

static void on_line(void *owner, uint32_t pin, bool active)
{
    struct bench *b = owner;
    assert_true(pin < LINES);
    b->rises[pin] += active && !b->level[pin];
    b->level[pin] = active;
}

static void bench_init(struct bench *b, enum tick_policy policy)
{
    memset(b, 0, sizeof(*b));
    const struct hpet_wiring w = {
        .io_apic = {on_line, b, 0},
        .irq0 = {on_line, b, IRQ0},
        .irq8 = {on_line, b, IRQ8},
        .policy = policy,
    };
    hpet_init(&b->hpet, &w);
    hpet_reset(&b->hpet, START);
    assert_true(hpet_valid(&b->hpet));
}

static void write_sized(struct bench *b, uint32_t off, uint32_t size, uint64_t val, vm_ns_t now)
{
    struct bus_access a = {.window = 0, .size = size, .off = off};
    hpet_ops.write(&b->hpet, a, val, now);
    assert_true(hpet_valid(&b->hpet));
}

static void wr(struct bench *b, uint32_t off, uint32_t val, vm_ns_t now)
{
    write_sized(b, off, 4, val, now);
}

static uint64_t rd(struct bench *b, uint32_t off, uint32_t size, vm_ns_t now)
{
    struct bus_access a = {.window = 0, .size = size, .off = off};
    uint64_t val = hpet_ops.read(&b->hpet, a, now);
    assert_true(hpet_valid(&b->hpet));
    return val;
}

static void tick(struct bench *b, vm_ns_t now)
{
    hpet_ops.tick(&b->hpet, now);
    assert_true(hpet_valid(&b->hpet));
}

static struct tick_counts counts(const struct bench *b)
{
    struct tick_counts c;
    hpet_ticks(&b->hpet, &c);
    assert_int_equal(c.due, c.delivered + c.backlog + c.merged);
    return c;
}

/* Timer 0 periodic with 32 bits as Linux sets it up: first tick and period both `period`. */
static void start_periodic(struct bench *b, uint32_t more, uint32_t period, vm_ns_t now)
{
    wr(b, HPET_TIMER(0), ENB | PER | HPET_CONF_VAL_SET | HPET_CONF_32 | more, now);
    wr(b, HPET_TIMER(0) + 8, period, now);
    wr(b, HPET_TIMER(0) + 8, period, now);
    wr(b, HPET_CONFIG, HPET_CONFIG_ENABLE, now);
}

static void capabilities_read_as_specified(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    assert_int_equal(rd(&b, 0, 8, START), 10000000ull << 32 | 0x8086A201u);
    assert_int_equal(rd(&b, 4, 4, START), 10000000);
    assert_int_equal(rd(&b, HPET_TIMER(0), 8, START), (uint64_t)HPET_ROUTES << 32 | 0x30);
    assert_int_equal(rd(&b, HPET_TIMER(2), 8, START), (uint64_t)HPET_ROUTES << 32 | 0x20);
    assert_int_equal(rd(&b, HPET_TIMER(1) + 8, 8, START), UINT64_MAX);
    for (uint32_t off = 0x160; off < HPET_LEN; off += 8) {
        assert_int_equal(rd(&b, off, 8, START), 0);
    }
    assert_int_equal(hpet_ops.deadline(&b.hpet), VM_NS_NEVER);
    for (uint32_t n = 0; n < LINES; n++) {
        assert_int_equal(b.rises[n], 0);
    }
}

static void the_counter_counts_only_while_enabled(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    assert_int_equal(rd(&b, HPET_COUNTER, 8, START + 1000), 0);
    wr(&b, HPET_COUNTER + 4, 0x7, START + 1000);
    wr(&b, HPET_COUNTER, 0xFFFFFFF0u, START + 1000);
    wr(&b, HPET_CONFIG, 1, START + 2000);
    assert_int_equal(rd(&b, HPET_COUNTER, 8, START + 2100), 0x7FFFFFFFAull);
    assert_int_equal(rd(&b, HPET_COUNTER, 8, START + 2200), 0x800000004ull);
    assert_int_equal(rd(&b, HPET_COUNTER + 4, 4, START + 2200), 8);
    wr(&b, HPET_CONFIG, 0, START + 3000);
    assert_int_equal(rd(&b, HPET_COUNTER, 8, START + 90000), 0x7FFFFFFF0ull + 100);
    wr(&b, HPET_CONFIG, 1, START + 100000);
    assert_int_equal(rd(&b, HPET_COUNTER, 8, START + 100010), 0x7FFFFFFF0ull + 101);
    wr(&b, HPET_COUNTER, 0, START + 100010); /* while running: half of it, and it counts on */
    assert_int_equal(rd(&b, HPET_COUNTER, 8, START + 100020), 0x800000001ull);
}

static void a_one_shot_fires_at_its_count_and_not_again(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    wr(&b, HPET_CONFIG, 1, START);
    wr(&b, HPET_TIMER(1), ENB | ROUTE(20u), START);
    write_sized(&b, HPET_TIMER(1) + 8, 8, 1000, START);
    vm_ns_t due = hpet_ops.deadline(&b.hpet);
    assert_int_equal(due, START / 10 * 10 + 10000);
    tick(&b, due - 1);
    assert_int_equal(b.rises[20], 0);
    tick(&b, due);
    assert_int_equal(b.rises[20], 1);
    assert_false(b.level[20]);
    tick(&b, due + 100000000000ull);
    assert_int_equal(b.rises[20], 1);
    assert_int_equal(hpet_ops.deadline(&b.hpet), VM_NS_NEVER);
    assert_int_equal(counts(&b).delivered, 1);
}

static void a_comparator_in_the_past_waits_for_the_wrap_and_linux_can_see_it(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    wr(&b, HPET_CONFIG, 1, START);
    wr(&b, HPET_TIMER(0), ENB | HPET_CONF_32 | ROUTE(2u), START);
    vm_ns_t now = START + 50000;
    wr(&b, HPET_TIMER(0) + 8, 4999, now); /* the counter is at 5000 */
    assert_int_equal(b.rises[2], 0);
    assert_int_equal((uint32_t)rd(&b, HPET_COUNTER, 4, now), 5000); /* so it was too late */
    assert_int_equal(hpet_ops.deadline(&b.hpet), START / 10 * 10 + (0x100000000ull + 4999) * 10);
    tick(&b, START + (0x100000000ull + 5000) * 10);
    assert_int_equal(b.rises[2], 1);
    /* In 32-bit mode it fires at each wrap; that the monitor was late for several counts once. */
    tick(&b, START + (0x300000000ull + 5000) * 10);
    assert_int_equal(b.rises[2], 2);
    /* Equal to the counter is not past. */
    now = START + 0x300000000ull * 10 + 70000;
    wr(&b, HPET_TIMER(0) + 8, 7000, now);
    assert_int_equal(b.rises[2], 3);
    /* With 64 bits the wrap is beyond time. */
    wr(&b, HPET_TIMER(0), ENB | ROUTE(2u), now);
    write_sized(&b, HPET_TIMER(0) + 8, 8, 1, now);
    assert_int_equal(hpet_ops.deadline(&b.hpet), VM_NS_NEVER);
}

static void periodic_ticks_neither_drift_nor_get_lost(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    start_periodic(&b, ROUTE(2u), 400000, START);
    vm_ns_t base = START / 10 * 10;
    for (vm_ns_t t = base; t < base + 2000000000ull; t += 7654321) {
        tick(&b, t);
        for (uint32_t i = 0; i < 8; i++) {
            hpet_eoi(&b.hpet, 2);
        }
        assert_int_equal(b.rises[2], (t - base) / 4000000);
        assert_int_equal(counts(&b).delivered, (t - base) / 4000000);
    }
    /* A year late, in one step; the accumulator is where it belongs. */
    vm_ns_t far = base + 31536000ull * 1000000000 + 1234;
    tick(&b, far);
    assert_int_equal(counts(&b).due, (far - base) / 4000000);
    assert_int_equal(hpet_ops.deadline(&b.hpet), base + ((far - base) / 4000000 + 1) * 4000000);
    assert_int_equal(rd(&b, HPET_TIMER(0) + 8, 8, far),
                     ((far - base) / 4000000 + 1) * 400000 & 0xFFFFFFFFu);
}

static void val_set_reaches_the_accumulator_once(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    wr(&b, HPET_TIMER(0), ENB | PER | HPET_CONF_VAL_SET | ROUTE(2u), START);
    assert_int_equal(rd(&b, HPET_TIMER(0), 4, START) & HPET_CONF_VAL_SET, 0);
    write_sized(&b, HPET_TIMER(0) + 8, 8, 0x100000123ull, START);
    assert_int_equal(rd(&b, HPET_TIMER(0) + 8, 8, START), 0x100000123ull);
    wr(&b, HPET_TIMER(0) + 8, 50, START); /* the period only */
    wr(&b, HPET_TIMER(0) + 12, 0, START);
    assert_int_equal(rd(&b, HPET_TIMER(0) + 8, 8, START), 0x100000123ull);
    assert_int_equal(b.hpet.regs.timer[0].period, 50);
    /* In halves, each with its own VAL_SET: [HPET] 2.3.9.2.2. */
    wr(&b, HPET_TIMER(0), ENB | PER | HPET_CONF_VAL_SET | ROUTE(2u), START);
    wr(&b, HPET_TIMER(0) + 8, 77, START);
    wr(&b, HPET_TIMER(0), ENB | PER | HPET_CONF_VAL_SET | ROUTE(2u), START);
    wr(&b, HPET_TIMER(0) + 12, 5, START);
    assert_int_equal(rd(&b, HPET_TIMER(0) + 8, 8, START), 0x50000004Dull);
    /* Timers that cannot be periodic ignore both bits. */
    wr(&b, HPET_TIMER(1), ENB | PER | HPET_CONF_VAL_SET | ROUTE(20u), START);
    assert_int_equal(rd(&b, HPET_TIMER(1), 4, START), ENB | ROUTE(20u) | HPET_CONF_CAN_64);
}

static void a_period_of_zero_or_one_does_no_harm(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_COALESCE);
    start_periodic(&b, ROUTE(2u), 1, START);
    vm_ns_t now = START;
    for (uint32_t i = 0; i < 100; i++) {
        vm_ns_t due = hpet_ops.deadline(&b.hpet);
        assert_true(due >= now + 9000); /* the monitor is not asked to come every 10 ns */
        now = due;
        tick(&b, now);
    }
    assert_int_equal(counts(&b).due, now / 10 - START / 10);
    start_periodic(&b, ROUTE(2u), 0, now);
    tick(&b, now + 1000000);
    assert_true(hpet_ops.deadline(&b.hpet) > now + 1000000);
}

static void routes_are_those_of_the_mask(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    for (uint32_t pin = 0; pin < 32; pin++) {
        wr(&b, HPET_TIMER(2), ENB | ROUTE(pin), START);
        bool can = (HPET_ROUTES >> pin & 1) != 0;
        assert_int_equal((rd(&b, HPET_TIMER(2), 4, START) & HPET_CONF_ROUTE) >> 9, can ? pin : 0);
    }
    /* No route: it counts, and nobody hears it. */
    wr(&b, HPET_TIMER(2), ENB, START);
    wr(&b, HPET_TIMER(2) + 8, 10, START);
    wr(&b, HPET_TIMER(2) + 12, 0, START);
    wr(&b, HPET_CONFIG, 1, START);
    tick(&b, START + 1000);
    for (uint32_t n = 0; n < LINES; n++) {
        assert_int_equal(b.rises[n], 0);
    }
}

static void the_legacy_route_takes_irq_0_and_8(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    assert_false(hpet_legacy(&b.hpet));
    for (uint32_t n = 0; n < 3; n++) {
        wr(&b, HPET_TIMER(n), ENB | ROUTE(20u + n), START);
        write_sized(&b, HPET_TIMER(n) + 8, 8, 100, START);
    }
    wr(&b, HPET_CONFIG, 3, START);
    assert_true(hpet_legacy(&b.hpet));
    tick(&b, START + 2000);
    assert_int_equal(b.rises[IRQ0], 1);
    assert_int_equal(b.rises[IRQ8], 1);
    assert_int_equal(b.rises[22], 1);
    assert_int_equal(b.rises[20] + b.rises[21], 0);
}

static void a_level_line_stays_until_the_status_is_cleared(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    wr(&b, HPET_CONFIG, 1, START);
    wr(&b, HPET_TIMER(1), LEVEL | ROUTE(20u), START); /* interrupt not enabled */
    wr(&b, HPET_TIMER(1) + 12, 0, START);
    wr(&b, HPET_TIMER(1) + 8, 100, START);
    wr(&b, HPET_TIMER(2), ENB | LEVEL | ROUTE(20u), START);
    write_sized(&b, HPET_TIMER(2) + 8, 8, 200, START);
    tick(&b, START + 1500);
    assert_int_equal(rd(&b, HPET_STATUS, 4, START + 1500), 2);
    assert_false(b.level[20]);
    wr(&b, HPET_TIMER(1), ENB | LEVEL | ROUTE(20u), START + 1500);
    assert_true(b.level[20]);
    tick(&b, START + 2500);
    assert_int_equal(rd(&b, HPET_STATUS, 8, START + 2500), 6);
    wr(&b, HPET_STATUS, 2, START + 2500);
    assert_true(b.level[20]); /* shared with timer 2 */
    wr(&b, HPET_STATUS, 4, START + 2500);
    assert_false(b.level[20]);
    assert_int_equal(b.rises[20], 1);
    /* Moving the route, disabling and resetting all let go of the line. */
    write_sized(&b, HPET_TIMER(2) + 8, 8, 300, START + 2600);
    tick(&b, START + 3500);
    assert_true(b.level[20]);
    wr(&b, HPET_TIMER(2), ENB | LEVEL | ROUTE(23u), START + 3500);
    assert_false(b.level[20]);
    assert_true(b.level[23]);
    wr(&b, HPET_CONFIG, 0, START + 3500);
    assert_false(b.level[23]);
    wr(&b, HPET_CONFIG, 1, START + 3500);
    assert_true(b.level[23]);
    hpet_reset(&b.hpet, START + 4000);
    assert_false(b.level[23]);
}

static void catch_up_delivers_one_edge_for_each_eoi_of_its_pin(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    start_periodic(&b, ROUTE(2u), 1000, START);
    wr(&b, HPET_CONFIG, 3, START); /* legacy: IRQ 0, which is pin 2 */
    tick(&b, START + 50000);
    assert_int_equal(b.rises[IRQ0], 1);
    assert_int_equal(counts(&b).backlog, 4);
    hpet_eoi(&b.hpet, 8);
    assert_int_equal(b.rises[IRQ0], 1);
    for (uint32_t i = 2; i <= 5; i++) {
        hpet_eoi(&b.hpet, 2);
        assert_int_equal(b.rises[IRQ0], i);
    }
    hpet_eoi(&b.hpet, 2);
    assert_int_equal(b.rises[IRQ0], 5);
    /* A guest that never completes keeps getting edges; giving up is counted. */
    for (vm_ns_t t = START + 60000; t <= START + 100000; t += 10000) {
        tick(&b, t);
    }
    assert_int_equal(b.rises[IRQ0], 10);
    wr(&b, HPET_TIMER(0), 0, START + 100000);
    assert_int_equal(counts(&b).backlog, 0);
    assert_int_equal(counts(&b).merged, 4);
}

static void coalesce_merges(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_COALESCE);
    start_periodic(&b, ROUTE(2u), 1000, START);
    tick(&b, START + 50000);
    hpet_eoi(&b.hpet, 2);
    hpet_eoi(&b.hpet, 2);
    assert_int_equal(b.rises[2], 1);
    assert_int_equal(counts(&b).merged, 4);
}

static void a_level_backlog_is_delivered_once_each_in_either_order_of_eoi_and_clear(void **state)
{
    (void)state;
    for (uint32_t eoi_first = 0; eoi_first < 2; eoi_first++) {
        struct bench b;
        bench_init(&b, TICK_CATCH_UP);
        start_periodic(&b, LEVEL | ROUTE(20u), 1000, START);
        tick(&b, START + 50000);
        uint32_t served = 0;
        for (uint32_t i = 0; i < 20 && b.level[20]; i++) {
            if (eoi_first) {
                hpet_eoi(&b.hpet, 20);
                /* The line is still up: a second interrupt comes after the clear. */
            }
            served += (rd(&b, HPET_STATUS, 4, START + 50000) & 1) != 0;
            wr(&b, HPET_STATUS, 1, START + 50000);
            hpet_eoi(&b.hpet, 20);
        }
        assert_int_equal(served, 5);
        assert_int_equal(counts(&b).backlog, 0);
        assert_int_equal(counts(&b).delivered, 5);
    }
    /* A tick between the clear and the EOI is one tick, not two. */
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    start_periodic(&b, LEVEL | ROUTE(20u), 1000, START);
    tick(&b, START + 10000);
    wr(&b, HPET_STATUS, 1, START + 15000);
    tick(&b, START + 20000);
    assert_true(b.level[20]);
    hpet_eoi(&b.hpet, 20);
    assert_true(b.level[20]);
    wr(&b, HPET_STATUS, 1, START + 20000);
    hpet_eoi(&b.hpet, 20);
    assert_false(b.level[20]);
    assert_int_equal(counts(&b).delivered, 2);
}

static void hostile_writes_in_any_order_keep_the_invariant(void **state)
{
    (void)state;
    static const uint32_t regs[] = {0x10,  0x20,  0xF0,  0xF4,  0x100, 0x108, 0x10C, 0x120,
                                    0x128, 0x12C, 0x140, 0x148, 0x14C, 0x110, 0x104, 0x3FC};
    for (uint32_t seed = 1; seed < 200; seed++) {
        struct bench b;
        bench_init(&b, seed % 2 ? TICK_CATCH_UP : TICK_COALESCE);
        uint64_t x = seed * 0x9E3779B97F4A7C15ull;
        vm_ns_t now = START;
        for (uint32_t i = 0; i < 300; i++) {
            x = x * 6364136223846793005ull + 1442695040888963407ull;
            uint32_t r = (uint32_t)(x >> 33);
            now += (r & 15) == 0 ? x >> 20 : r >> 20;
            uint32_t off = regs[r >> 4 & 15];
            uint64_t val = (r & 0x100) != 0 ? x >> (r >> 26) : r >> 9 & 0x7F;
            if ((r & 0x600) == 0) {
                hpet_eoi(&b.hpet, (r & 0x800) != 0 ? 2 : 20);
            } else if ((r & 0x3000) == 0 && off % 8 == 0) {
                write_sized(&b, off, 8, val, now);
            } else {
                wr(&b, off, (uint32_t)val, now);
            }
            tick(&b, now);
            assert_true(hpet_ops.deadline(&b.hpet) > now);
            (void)counts(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capabilities_read_as_specified),
        cmocka_unit_test(the_counter_counts_only_while_enabled),
        cmocka_unit_test(a_one_shot_fires_at_its_count_and_not_again),
        cmocka_unit_test(a_comparator_in_the_past_waits_for_the_wrap_and_linux_can_see_it),
        cmocka_unit_test(periodic_ticks_neither_drift_nor_get_lost),
        cmocka_unit_test(val_set_reaches_the_accumulator_once),
        cmocka_unit_test(a_period_of_zero_or_one_does_no_harm),
        cmocka_unit_test(routes_are_those_of_the_mask),
        cmocka_unit_test(the_legacy_route_takes_irq_0_and_8),
        cmocka_unit_test(a_level_line_stays_until_the_status_is_cleared),
        cmocka_unit_test(catch_up_delivers_one_edge_for_each_eoi_of_its_pin),
        cmocka_unit_test(coalesce_merges),
        cmocka_unit_test(a_level_backlog_is_delivered_once_each_in_either_order_of_eoi_and_clear),
        cmocka_unit_test(hostile_writes_in_any_order_keep_the_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
