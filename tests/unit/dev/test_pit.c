/* SPDX-License-Identifier: BSD-2-Clause
 * The 8254 and port 0x61. Times are given in input clocks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arith.h"
#include "base/string.h"
#include "dev/pit_state.h"

#define BASE 1000000 /* clock at which most tests begin */

struct bench {
    struct pit pit;
    uint32_t rises;
    bool level;
};

static void on_line(void *owner, uint32_t pin, bool active)
{
    struct bench *b = owner;
    assert_int_equal(pin, 0);
    if (active != b->level) {
        b->rises += active;
    }
    b->level = active;
}

static vm_ns_t at(int64_t clock)
{
    return u64_scale_up((uint64_t)clock, VM_NS_PER_S, PIT_HZ);
}

static void bench_init(struct bench *b, enum tick_policy policy)
{
    memset(b, 0, sizeof(*b));
    const struct pit_wiring w = {.out0 = {on_line, b, 0}, .policy = policy};
    pit_init(&b->pit, &w);
    pit_reset(&b->pit, at(BASE));
    assert_true(pit_valid(&b->pit));
}

static void out(struct bench *b, uint16_t port, uint8_t val, int64_t clock)
{
    uint32_t nmi = port == 0x61;
    struct bus_access a = {.window = nmi, .size = 1, .off = nmi ? 0 : port - 0x40u};
    pit_ops.write(&b->pit, a, val, at(clock));
    assert_true(pit_valid(&b->pit));
}

static uint8_t in(struct bench *b, uint16_t port, int64_t clock)
{
    uint32_t nmi = port == 0x61;
    struct bus_access a = {.window = nmi, .size = 1, .off = nmi ? 0 : port - 0x40u};
    uint64_t val = pit_ops.read(&b->pit, a, at(clock));
    assert_true(val <= 0xFF);
    assert_true(pit_valid(&b->pit));
    return (uint8_t)val;
}

static void tick(struct bench *b, int64_t clock)
{
    pit_ops.tick(&b->pit, at(clock));
    assert_true(pit_valid(&b->pit));
}

static void program(struct bench *b, uint32_t ch, uint32_t mode, uint16_t count, int64_t clock)
{
    out(b, 0x43, (uint8_t)(ch << 6 | 0x30 | mode << 1), clock);
    out(b, (uint16_t)(0x40 + ch), (uint8_t)count, clock);
    out(b, (uint16_t)(0x40 + ch), (uint8_t)(count >> 8), clock);
}

/* Latches and reads a two-byte count. */
static uint16_t count(struct bench *b, uint32_t ch, int64_t clock)
{
    uint16_t port = (uint16_t)(0x40 + ch);
    out(b, 0x43, (uint8_t)(ch << 6), clock);
    uint32_t lo = in(b, port, clock);
    return (uint16_t)(lo | (uint32_t)in(b, port, clock) << 8);
}

static uint8_t status(struct bench *b, uint32_t ch, int64_t clock)
{
    out(b, 0x43, (uint8_t)(0xE0 | 2u << ch), clock);
    return in(b, (uint16_t)(0x40 + ch), clock);
}

static bool out_pin(struct bench *b, uint32_t ch, int64_t clock)
{
    return (status(b, ch, clock) & PIT_STATUS_OUT) != 0;
}

static void after_reset_nothing_ticks(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    assert_int_equal(pit_ops.deadline(&b.pit), VM_NS_NEVER);
    tick(&b, BASE + 10000000);
    assert_int_equal(b.rises, 0);
    assert_int_equal(status(&b, 0, BASE + 10000000), PIT_STATUS_OUT | PIT_STATUS_NULL | 0x36);
    assert_int_equal(in(&b, 0x43, BASE + 10000000), 0xFF);
}

/* Each row: OUT of channel 2 is high in [rise, fall) relative to the write of the count. */
static void out_follows_the_mode_diagrams_of_the_data_sheet(void **state)
{
    (void)state;
    static const struct {
        uint8_t mode;
        uint8_t n;
        const char *wave; /* OUT after 0, 1, 2... clocks; the gate rises at the write if it must */
    } rows[] = {
        {0, 4, "_____^^^^^^^^^"}, {1, 3, "^___^^^^^^^^^^"}, {2, 3, "^^^_^^_^^_^^_^"},
        {3, 4, "^^^__^^__^^__^"}, {3, 5, "^^^^__^^^__^^^"}, {4, 3, "^^^^_^^^^^^^^^"},
        {5, 3, "^^^^_^^^^^^^^^"}, {2, 1, "^^^^^^^^^^^^^^"}, {3, 1, "^^^^^^^^^^^^^^"},
        {6, 2, "^^_^_^_^_^_^_^"}, {7, 2, "^^_^_^_^_^_^_^"},
    };
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int64_t late = 0; late < 2; late++) { /* asked at each clock, and once at the end */
            struct bench b;
            bench_init(&b, TICK_CATCH_UP);
            bool hardware_trigger = rows[i].mode == 1 || rows[i].mode == 5;
            if (!hardware_trigger) {
                out(&b, 0x61, 1, BASE);
            }
            program(&b, 2, rows[i].mode, rows[i].n, BASE);
            out(&b, 0x61, 1, BASE);
            int64_t len = (int64_t)__builtin_strlen(rows[i].wave);
            for (int64_t t = late ? len - 1 : 0; t < len; t++) {
                bool high = (in(&b, 0x61, BASE + t) & PIT_NMI_OUT2) != 0;
                assert_int_equal(high, rows[i].wave[t] == '^');
                assert_int_equal(high, out_pin(&b, 2, BASE + t));
            }
        }
    }
}

static void counts_go_down_as_the_data_sheet_draws_them(void **state)
{
    (void)state;
    static const struct {
        uint8_t mode;
        uint16_t n;
        uint16_t counts[7]; /* 1, 2, 3... clocks after the write */
    } rows[] = {
        {0, 4, {4, 3, 2, 1, 0, 0xFFFF, 0xFFFE}}, {2, 3, {3, 2, 1, 3, 2, 1, 3}},
        {3, 4, {4, 2, 4, 2, 4, 2, 4}},           {3, 5, {4, 2, 0, 4, 2, 4, 2}},
        {4, 3, {3, 2, 1, 0, 0xFFFF, 0xFFFE}},    {2, 0, {0, 0xFFFF, 0xFFFE}},
    };
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench b;
        bench_init(&b, TICK_CATCH_UP);
        program(&b, 0, rows[i].mode, rows[i].n, BASE);
        for (int64_t t = 0; t < 7 && (rows[i].counts[t] != 0 || t < 3); t++) {
            assert_int_equal(count(&b, 0, BASE + 1 + t), rows[i].counts[t]);
        }
    }
}

static void bcd_counts_in_decimal_and_wraps_at_ten_thousand(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    out(&b, 0x43, 0x31, BASE); /* channel 0, both bytes, mode 0, BCD */
    out(&b, 0x40, 0x00, BASE);
    out(&b, 0x40, 0x12, BASE);
    assert_int_equal(count(&b, 0, BASE + 1), 0x1200);
    assert_int_equal(count(&b, 0, BASE + 2), 0x1199);
    assert_int_equal(count(&b, 0, BASE + 1 + 1200), 0);
    assert_int_equal(count(&b, 0, BASE + 1 + 1201), 0x9999);
    out(&b, 0x43, 0x35, BASE); /* mode 2: 0 is 10000 */
    out(&b, 0x40, 0, BASE);
    out(&b, 0x40, 0, BASE);
    assert_int_equal(pit_ops.deadline(&b.pit), at(BASE + 1 + 10000));
    out(&b, 0x40, 0xFF, BASE); /* no decimal digits: some count, and no harm */
    out(&b, 0x40, 0xFF, BASE);
    tick(&b, BASE + 1000000);
    (void)count(&b, 0, BASE + 1000000);
}

static void one_byte_access_sets_the_other_byte_to_zero(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    out(&b, 0x43, 0x14, BASE); /* LSB, mode 2 */
    out(&b, 0x40, 0x80, BASE);
    assert_int_equal(pit_ops.deadline(&b.pit), at(BASE + 1 + 0x80));
    assert_int_equal(in(&b, 0x40, BASE + 2), 0x7F);
    assert_int_equal(in(&b, 0x40, BASE + 3), 0x7E);
    out(&b, 0x43, 0x24, BASE); /* MSB, mode 2 */
    out(&b, 0x40, 0x80, BASE);
    assert_int_equal(pit_ops.deadline(&b.pit), at(BASE + 1 + 0x8000));
    assert_int_equal(in(&b, 0x40, BASE + 2), 0x7F);
    assert_int_equal(in(&b, 0x40, BASE + 3), 0x7F);
}

static void a_latched_count_stays_until_read_and_the_second_latch_is_ignored(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 2, 0x1234, BASE);
    out(&b, 0x43, 0x00, BASE + 1);
    out(&b, 0x43, 0x00, BASE + 100);
    assert_int_equal(in(&b, 0x40, BASE + 200), 0x34);
    assert_int_equal(in(&b, 0x40, BASE + 300), 0x12);
    assert_int_equal(in(&b, 0x40, BASE + 1 + 0x34), 0x00); /* live again */
    assert_int_equal(in(&b, 0x40, BASE + 1 + 0x34), 0x12);
}

static void read_back_latches_status_before_count_on_each_chosen_channel(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 2, 0x100, BASE);
    program(&b, 2, 3, 0x200, BASE);
    out(&b, 0x43, 0xC0 | 0x02 | 0x08, BASE + 1);
    out(&b, 0x43, 0xC0 | 0x02 | 0x08, BASE + 9);
    assert_int_equal(in(&b, 0x40, BASE + 20), PIT_STATUS_OUT | 0x34);
    assert_int_equal(in(&b, 0x40, BASE + 20), 0x00);
    assert_int_equal(in(&b, 0x40, BASE + 20), 0x01);
    assert_int_equal(in(&b, 0x42, BASE + 20) & 0x3F, 0x36);
    /* Not chosen: channel 1 has nothing latched. */
    program(&b, 1, 0, 0x300, BASE + 30);
    assert_int_equal(in(&b, 0x41, BASE + 31), 0x00);
    /* A control word drops what is latched. */
    out(&b, 0x43, 0xC2, BASE + 40);
    program(&b, 0, 2, 0x55, BASE + 41);
    assert_int_equal(in(&b, 0x40, BASE + 42), 0x55);
}

static void null_count_is_set_until_the_count_is_in_effect(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 2, 100, BASE);
    assert_true(status(&b, 0, BASE) & PIT_STATUS_NULL);
    assert_false(status(&b, 0, BASE + 1) & PIT_STATUS_NULL);
    out(&b, 0x40, 50, BASE + 10);
    assert_false(status(&b, 0, BASE + 10) & PIT_STATUS_NULL);
    out(&b, 0x40, 0, BASE + 10);
    assert_true(status(&b, 0, BASE + 100) & PIT_STATUS_NULL);
    assert_false(status(&b, 0, BASE + 101) & PIT_STATUS_NULL);
}

static void a_periodic_channel_never_drifts_however_late_it_is_asked(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 2, 11932, BASE); /* 100 Hz, nearly */
    uint64_t seen = 0;
    for (int64_t t = 0; t < 1193182 * 3; t += 7919) {
        tick(&b, BASE + t);
        while (b.pit.regs.ticks.counts.backlog != 0) {
            pit_eoi(&b.pit);
        }
        pit_eoi(&b.pit);
        seen = b.pit.regs.ticks.counts.delivered;
        assert_int_equal(seen, t == 0 ? 0 : (t - 1) / 11932);
        assert_int_equal(b.rises, seen);
    }
    assert_true(seen > 290);
    /* A century later, in one step. */
    int64_t far = 1193182ll * 86400 * 36525;
    tick(&b, far);
    struct tick_counts c;
    pit_ticks(&b.pit, &c);
    assert_int_equal(c.due, (far - BASE - 1) / 11932);
    assert_int_equal(c.due, c.delivered + c.backlog + c.merged);
    assert_true(pit_ops.deadline(&b.pit) > at(far));
    assert_true(pit_ops.deadline(&b.pit) <= at(far + 11932));
    tick(&b, (int64_t)u64_scale(UINT64_MAX, PIT_HZ, VM_NS_PER_S) - 1);
}

static void the_deadline_is_the_first_instant_of_the_tick(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 2, 1193, BASE);
    for (uint32_t i = 1; i < 2000; i++) {
        vm_ns_t due = pit_ops.deadline(&b.pit);
        pit_ops.tick(&b.pit, due - 1);
        assert_int_equal(b.pit.regs.ticks.counts.due, i - 1);
        pit_ops.tick(&b.pit, due);
        assert_int_equal(b.pit.regs.ticks.counts.due, i);
    }
}

static void one_shots_fire_once(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 0, 1000, BASE);
    assert_false(b.level);
    assert_int_equal(pit_ops.deadline(&b.pit), at(BASE + 1001));
    tick(&b, BASE + 1000);
    assert_int_equal(b.rises, 0);
    tick(&b, BASE + 1001);
    assert_int_equal(b.rises, 1);
    assert_int_equal(pit_ops.deadline(&b.pit), VM_NS_NEVER);
    tick(&b, BASE + 900000);
    assert_int_equal(b.rises, 1);
    /* Mode 4 as Linux uses it for one-shot events: each count written is one more event. */
    out(&b, 0x43, 0x38, BASE + 900000);
    for (uint32_t i = 0; i < 5; i++) {
        int64_t t = BASE + 1000000 + i * 10000;
        out(&b, 0x40, 0x10, t);
        out(&b, 0x40, 0x27, t);
        assert_int_equal(pit_ops.deadline(&b.pit), at(t + 0x2710 + 2));
        tick(&b, t + 9999);
        assert_int_equal(b.pit.regs.ticks.counts.due, 1);
    }
    tick(&b, BASE + 1000000 + 40000 + 0x2710 + 2);
    assert_int_equal(b.pit.regs.ticks.counts.due, 2);
    assert_int_equal(b.pit.regs.ticks.counts.delivered, 2);
}

static void mode_0_restarts_on_a_new_count_and_stops_at_its_first_byte(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 0, 100, BASE);
    tick(&b, BASE + 101);
    assert_true(b.level);
    out(&b, 0x40, 50, BASE + 200); /* first byte: OUT falls, nothing counts */
    assert_false(b.level);
    assert_int_equal(pit_ops.deadline(&b.pit), VM_NS_NEVER);
    tick(&b, BASE + 5000);
    out(&b, 0x40, 0, BASE + 5000);
    assert_int_equal(pit_ops.deadline(&b.pit), at(BASE + 5051));
}

static void a_new_count_waits_for_the_end_of_the_period(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 2, 1000, BASE);
    tick(&b, BASE + 2500); /* two ticks */
    out(&b, 0x40, 0x64, BASE + 2500);
    out(&b, 0x40, 0x00, BASE + 2500);
    assert_int_equal(count(&b, 0, BASE + 2501), 500);
    assert_int_equal(pit_ops.deadline(&b.pit), at(BASE + 3001));
    /* Late: the tick that ends the old period, and those of the new one. */
    tick(&b, BASE + 3001 + 250);
    assert_int_equal(b.pit.regs.ticks.counts.due, 2 + 1 + 2);
    assert_int_equal(count(&b, 0, BASE + 3001 + 250), 50);
    /* After an illegal count of 1, which never ticks, too. */
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 2, 1, BASE);
    out(&b, 0x40, 0x64, BASE + 10);
    out(&b, 0x40, 0x00, BASE + 10);
    tick(&b, BASE + 110);
    assert_int_equal(b.rises, 0);
    tick(&b, BASE + 111);
    assert_int_equal(b.rises, 1);
}

static void mode_3_takes_a_new_count_at_the_half_period(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 3, 1000, BASE);
    out(&b, 0x40, 0x64, BASE + 100);
    out(&b, 0x40, 0x00, BASE + 100);
    assert_true(out_pin(&b, 0, BASE + 500));
    assert_false(out_pin(&b, 0, BASE + 501));
    assert_false(out_pin(&b, 0, BASE + 550));
    assert_int_equal(b.pit.regs.ticks.counts.due, 0);
    assert_true(out_pin(&b, 0, BASE + 551)); /* 50 clocks low: half of the new count */
    assert_int_equal(b.pit.regs.ticks.counts.due, 1);
    assert_int_equal(pit_ops.deadline(&b.pit), at(BASE + 651));
    /* In the low half, the new count begins with a whole period. */
    out(&b, 0x40, 0xE8, BASE + 620);
    out(&b, 0x40, 0x03, BASE + 620);
    assert_int_equal(pit_ops.deadline(&b.pit), at(BASE + 651));
    tick(&b, BASE + 651);
    assert_int_equal(b.pit.regs.ticks.counts.due, 2);
    assert_int_equal(pit_ops.deadline(&b.pit), at(BASE + 1651));
}

static void the_gate_of_channel_2_pauses_restarts_and_triggers(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    /* Mode 0: written with the gate low, it is loaded and waits. */
    program(&b, 2, 0, 100, BASE);
    assert_int_equal(count(&b, 2, BASE + 50), 100);
    out(&b, 0x61, 1, BASE + 1000);
    assert_int_equal(count(&b, 2, BASE + 1030), 70);
    out(&b, 0x61, 0, BASE + 1040);
    assert_int_equal(count(&b, 2, BASE + 5000), 60);
    out(&b, 0x61, 1, BASE + 6000);
    assert_false(in(&b, 0x61, BASE + 6059) & PIT_NMI_OUT2);
    assert_true(in(&b, 0x61, BASE + 6060) & PIT_NMI_OUT2);
    /* Lowered before the clock that loads the count: it is loaded all the same. */
    program(&b, 2, 0, 100, BASE + 7000);
    out(&b, 0x61, 0, BASE + 7000);
    out(&b, 0x61, 1, BASE + 8000);
    assert_int_equal(count(&b, 2, BASE + 8001), 99);
    /* Mode 3: a low gate forces OUT high, a rising one starts anew. */
    program(&b, 2, 3, 100, BASE + 10000);
    assert_false(in(&b, 0x61, BASE + 10060) & PIT_NMI_OUT2);
    out(&b, 0x61, 0, BASE + 10060);
    assert_true(in(&b, 0x61, BASE + 10090) & PIT_NMI_OUT2);
    out(&b, 0x61, 1, BASE + 20000);
    assert_true(in(&b, 0x61, BASE + 20050) & PIT_NMI_OUT2);
    assert_false(in(&b, 0x61, BASE + 20051) & PIT_NMI_OUT2);
    /* Mode 1: retriggered while low, it stays low for a whole count more. */
    program(&b, 2, 1, 100, BASE + 30000);
    assert_true(in(&b, 0x61, BASE + 30500) & PIT_NMI_OUT2);
    out(&b, 0x61, 0, BASE + 31000);
    out(&b, 0x61, 1, BASE + 32000);
    assert_false(in(&b, 0x61, BASE + 32001) & PIT_NMI_OUT2);
    out(&b, 0x61, 0, BASE + 32050);
    out(&b, 0x61, 1, BASE + 32060);
    assert_false(in(&b, 0x61, BASE + 32060) & PIT_NMI_OUT2);
    assert_false(in(&b, 0x61, BASE + 32160) & PIT_NMI_OUT2);
    assert_true(in(&b, 0x61, BASE + 32161) & PIT_NMI_OUT2);
}

static void port_61_keeps_four_bits_and_toggles_refresh(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    out(&b, 0x61, 0xFF, BASE);
    assert_int_equal(in(&b, 0x61, BASE) & 0xCF, 0x0F);
    uint32_t toggles = 0;
    uint8_t last = in(&b, 0x61, BASE);
    for (int64_t t = 1; t <= 1800; t++) {
        uint8_t now = in(&b, 0x61, BASE + t);
        toggles += ((now ^ last) & PIT_NMI_REFRESH) != 0;
        last = now;
    }
    assert_int_equal(toggles, 100);
}

static void catch_up_gives_one_edge_for_each_eoi(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 2, 1000, BASE);
    tick(&b, BASE + 1 + 5000);
    uint32_t first = b.rises;
    assert_int_equal(first, 1);
    for (uint32_t i = 1; i < 5; i++) {
        pit_eoi(&b.pit);
        assert_int_equal(b.rises, first + i);
    }
    pit_eoi(&b.pit);
    assert_int_equal(b.rises, first + 4);
    assert_true(b.level); /* an interrupt controller that wants the level until INTA finds it */
}

static void coalesce_gives_one_edge_however_late(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_COALESCE);
    program(&b, 0, 3, 1000, BASE);
    tick(&b, BASE + 1 + 5000);
    pit_eoi(&b.pit);
    pit_eoi(&b.pit);
    assert_int_equal(b.rises, 1);
    struct tick_counts c;
    pit_ticks(&b.pit, &c);
    assert_int_equal(c.due, 5);
    assert_int_equal(c.delivered, 1);
    assert_int_equal(c.merged, 4);
}

static void a_guest_that_never_completes_an_interrupt_keeps_getting_edges(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, TICK_CATCH_UP);
    program(&b, 0, 2, 1000, BASE);
    for (int64_t i = 1; i <= 10; i++) {
        tick(&b, BASE + 1 + 1000 * i);
    }
    assert_int_equal(b.rises, 10);
    assert_int_equal(b.pit.regs.ticks.counts.backlog, 9);
    /* Reprogramming gives the backlog up; an EOI that comes after is of no consequence. */
    program(&b, 0, 2, 1000, BASE + 20000);
    pit_eoi(&b.pit);
    struct tick_counts c;
    pit_ticks(&b.pit, &c);
    assert_int_equal(c.backlog, 0);
    assert_int_equal(c.due, c.delivered + c.merged);
    assert_int_equal(c.due, 19);
    assert_int_equal(b.rises, 11);
}

static void hostile_writes_in_any_order_keep_the_invariant(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 200; seed++) {
        struct bench b;
        bench_init(&b, seed % 2 ? TICK_CATCH_UP : TICK_COALESCE);
        uint32_t x = seed * 2654435761u;
        int64_t clock = BASE;
        for (uint32_t i = 0; i < 400; i++) {
            x = x * 1664525u + 1013904223u;
            uint8_t val = (uint8_t)(x >> 24);
            uint16_t port = (x >> 8 & 7) == 7 ? 0x61 : (uint16_t)(0x40 + (x >> 8 & 3));
            clock += (x >> 11 & 15) == 0 ? (int64_t)(x >> 4) : (int64_t)(x >> 15 & 3);
            if ((x >> 20 & 3) == 0) {
                (void)in(&b, port, clock);
            } else if ((x >> 20 & 15) == 1) {
                pit_eoi(&b.pit);
            } else {
                out(&b, port, val, clock);
            }
            vm_ns_t due = pit_ops.deadline(&b.pit);
            if (due <= at(clock)) { /* a tick at the deadline moves it on */
                tick(&b, clock);
                assert_true(pit_ops.deadline(&b.pit) > at(clock));
            }
            struct tick_counts c;
            pit_ticks(&b.pit, &c);
            assert_int_equal(c.due, c.delivered + c.backlog + c.merged);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_reset_nothing_ticks),
        cmocka_unit_test(out_follows_the_mode_diagrams_of_the_data_sheet),
        cmocka_unit_test(counts_go_down_as_the_data_sheet_draws_them),
        cmocka_unit_test(bcd_counts_in_decimal_and_wraps_at_ten_thousand),
        cmocka_unit_test(one_byte_access_sets_the_other_byte_to_zero),
        cmocka_unit_test(a_latched_count_stays_until_read_and_the_second_latch_is_ignored),
        cmocka_unit_test(read_back_latches_status_before_count_on_each_chosen_channel),
        cmocka_unit_test(null_count_is_set_until_the_count_is_in_effect),
        cmocka_unit_test(a_periodic_channel_never_drifts_however_late_it_is_asked),
        cmocka_unit_test(the_deadline_is_the_first_instant_of_the_tick),
        cmocka_unit_test(one_shots_fire_once),
        cmocka_unit_test(mode_0_restarts_on_a_new_count_and_stops_at_its_first_byte),
        cmocka_unit_test(a_new_count_waits_for_the_end_of_the_period),
        cmocka_unit_test(mode_3_takes_a_new_count_at_the_half_period),
        cmocka_unit_test(the_gate_of_channel_2_pauses_restarts_and_triggers),
        cmocka_unit_test(port_61_keeps_four_bits_and_toggles_refresh),
        cmocka_unit_test(catch_up_gives_one_edge_for_each_eoi),
        cmocka_unit_test(coalesce_gives_one_edge_however_late),
        cmocka_unit_test(a_guest_that_never_completes_an_interrupt_keeps_getting_edges),
        cmocka_unit_test(hostile_writes_in_any_order_keep_the_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
