/* SPDX-License-Identifier: BSD-2-Clause
 * Local APIC timer: counts, modes, lateness, backlog, merging, TSC deadline. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/lapic.h"
#include "dev/lapic_state.h"

#define EOI      0x0B0u
#define SVR      0x0F0u
#define IRR      0x200u
#define ESR      0x280u
#define ICR_LO   0x300u
#define TIMER    0x320u
#define ERROR    0x370u
#define INITIAL  0x380u
#define CURRENT  0x390u
#define DIVIDE   0x3E0u
#define MASKED   0x10000u
#define PERIODIC 0x20000u
#define DEADLINE 0x40000u
#define RESERVED 0x60000u
#define BY_1     0xBu
#define BY_16    0x3u
#define VECTOR   0x40u
#define MS       VM_NS_PER_MS
#define TSC_KHZ  3000000u /* three TSC counts a nanosecond */

static struct lapic l;
static struct vm_clock vm_clock = {.tsc_khz = TSC_KHZ};

static void init(struct lapic *dev, enum tick_policy policy)
{
    struct lapic_wiring w = {.clock = &vm_clock, .policy = policy};
    lapic_init(dev, &w);
    lapic_ops.write(dev, (struct bus_access){.size = 4, .off = SVR}, 0x1FF, 0);
}

static uint32_t rd(uint32_t off, vm_ns_t now)
{
    uint64_t v = lapic_ops.read(&l, (struct bus_access){.size = 4, .off = off}, now);
    assert_true(lapic_valid(&l));
    return (uint32_t)v;
}

static void wr(uint32_t off, uint32_t val, vm_ns_t now)
{
    lapic_ops.write(&l, (struct bus_access){.size = 4, .off = off}, val, now);
    assert_true(lapic_valid(&l));
}

static void tick(vm_ns_t now)
{
    lapic_tick(&l, now);
    assert_true(lapic_valid(&l));
}

static void counts_are(uint64_t due, uint64_t delivered, uint64_t backlog, uint64_t merged)
{
    struct tick_counts t;
    lapic_ticks(&l, &t);
    assert_int_equal(t.due, due);
    assert_int_equal(t.delivered, delivered);
    assert_int_equal(t.backlog, backlog);
    assert_int_equal(t.merged, merged);
}

/* A periodic timer of `period` ns started at `now`. */
static void start_periodic(enum tick_policy policy, uint32_t period, vm_ns_t now)
{
    init(&l, policy);
    wr(DIVIDE, BY_1, now);
    wr(TIMER, PERIODIC | VECTOR, now);
    wr(INITIAL, period, now);
}

static void ack_and_eoi(vm_ns_t now)
{
    assert_int_equal(lapic_pending(&l), VECTOR);
    assert_int_equal(lapic_ack(&l), VECTOR);
    assert_int_equal(lapic_pending(&l), -1);
    wr(EOI, 0, now);
}

static void one_shot_fires_once_at_its_time(void **state)
{
    (void)state;
    init(&l, TICK_CATCH_UP);
    wr(DIVIDE, BY_16, 100);
    wr(TIMER, VECTOR, 100);
    wr(INITIAL, 1000, 100);
    assert_int_equal(lapic_deadline(&l), 16100);
    assert_int_equal(rd(CURRENT, 100), 1000);
    assert_int_equal(rd(CURRENT, 115), 1000);
    assert_int_equal(rd(CURRENT, 116), 999);
    assert_int_equal(rd(CURRENT, 16099), 1);
    assert_int_equal(lapic_pending(&l), -1);
    tick(16099);
    assert_int_equal(lapic_pending(&l), -1);
    tick(16100);
    assert_int_equal(lapic_pending(&l), VECTOR);
    assert_int_equal(rd(CURRENT, 16100), 0);
    assert_int_equal(rd(INITIAL, 16100), 1000);
    ack_and_eoi(16200);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
    tick(VM_NS_NEVER - 1);
    assert_int_equal(lapic_pending(&l), -1);
    counts_are(1, 1, 0, 0);
}

static void every_divider_divides(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        uint32_t by;
    } want[] = {{0x0, 2},  {0x1, 4},   {0x2, 8}, {0x3, 16}, {0x8, 32},
                {0x9, 64}, {0xA, 128}, {0xB, 1}, {0xF4, 2}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        init(&l, TICK_CATCH_UP);
        wr(DIVIDE, want[i].code, 0);
        wr(TIMER, VECTOR, 0);
        wr(INITIAL, 10, 7);
        assert_int_equal(lapic_deadline(&l), 7 + 10 * want[i].by);
        wr(INITIAL, UINT32_MAX, 7);
        assert_int_equal(lapic_deadline(&l), 7 + (uint64_t)UINT32_MAX * want[i].by);
        assert_int_equal(rd(CURRENT, 7), UINT32_MAX);
        assert_int_equal(rd(CURRENT, 7 + want[i].by), UINT32_MAX - 1);
    }
}

static void ten_seconds_late_every_tick_is_counted_and_owed(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 123);
    vm_ns_t now = 123 + 10000ull * MS + 17;
    tick(now);
    counts_are(10000, 1, 9999, 0);
    assert_int_equal(rd(CURRENT, now), MS - 17); /* the phase is that of the start */
    for (uint64_t i = 1; i < 10000; i++) {
        ack_and_eoi(now);
        counts_are(10000, 1 + i, 9999 - i, 0);
    }
    ack_and_eoi(now);
    assert_int_equal(lapic_pending(&l), -1);
    counts_are(10000, 10000, 0, 0);
    assert_int_equal(lapic_deadline(&l), 123 + 10001ull * MS);
}

static void a_timer_never_drifts_however_irregular_the_calls(void **state)
{
    (void)state;
    const uint32_t period = 999983;
    start_periodic(TICK_CATCH_UP, period, 41);
    vm_ns_t now = 41;
    uint64_t taken = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        now += (i * 7919u) % 3000000u;
        tick(now);
        if (lapic_pending(&l) >= 0) {
            ack_and_eoi(now);
            taken++;
        }
        struct tick_counts t;
        lapic_ticks(&l, &t);
        assert_int_equal(t.due, (now - 41) / period);
    }
    while (lapic_pending(&l) >= 0) {
        ack_and_eoi(now);
        taken++;
    }
    assert_int_equal(taken, (now - 41) / period);
}

static void coalescing_loses_what_hardware_loses(void **state)
{
    (void)state;
    start_periodic(TICK_COALESCE, MS, 0);
    tick(10000ull * MS);
    counts_are(10000, 1, 0, 9999);
    assert_int_equal(lapic_ack(&l), VECTOR);
    tick(10001ull * MS); /* in service, so one more can be pending */
    tick(10002ull * MS);
    counts_are(10002, 2, 0, 10000);
    wr(EOI, 0, 10002ull * MS);
    ack_and_eoi(10002ull * MS);
    assert_int_equal(lapic_pending(&l), -1);
}

static void no_deadline_while_the_guest_cannot_take_another(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    assert_int_equal(lapic_deadline(&l), MS);
    tick(MS);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER); /* pending */
    assert_int_equal(lapic_ack(&l), VECTOR);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER); /* in service */
    wr(EOI, 0, 4 * MS + 5);                         /* three came meanwhile */
    counts_are(4, 2, 2, 0);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
    ack_and_eoi(4 * MS + 6);
    ack_and_eoi(4 * MS + 7);
    counts_are(4, 4, 0, 0);
    ack_and_eoi(4 * MS + 8);
    assert_int_equal(lapic_pending(&l), -1);
    assert_int_equal(lapic_deadline(&l), 5 * MS);
}

static void an_eoi_of_another_vector_moves_nothing(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    tick(3 * MS);
    struct irq_msg m = {.vector = 0x90, .assert_ = true};
    assert_true(lapic_accept(&l, &m));
    assert_int_equal(lapic_ack(&l), 0x90);
    wr(EOI, 0, 3 * MS);
    counts_are(3, 1, 2, 0);
    ack_and_eoi(3 * MS);
    counts_are(3, 2, 1, 0);
}

static void masked_ticks_are_neither_due_nor_lost(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    wr(TIMER, PERIODIC | MASKED | VECTOR, 0);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
    tick(5 * MS);
    counts_are(0, 0, 0, 0);
    assert_int_equal(rd(CURRENT, 5 * MS + 400000), 600000); /* it counts */
    wr(TIMER, PERIODIC | VECTOR, 100 * MS + 1);
    assert_int_equal(lapic_pending(&l), -1);
    counts_are(0, 0, 0, 0);
    assert_int_equal(lapic_deadline(&l), 101 * MS);
}

static void what_was_owed_before_masking_waits_for_the_unmasking(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    tick(4 * MS);
    wr(TIMER, PERIODIC | MASKED | VECTOR, 4 * MS);
    ack_and_eoi(10 * MS);
    assert_int_equal(lapic_pending(&l), -1);
    counts_are(4, 1, 3, 0);
    wr(TIMER, PERIODIC | VECTOR, 20 * MS + 1);
    counts_are(4, 2, 2, 0);
    assert_int_equal(lapic_pending(&l), VECTOR);
}

static void a_new_vector_takes_the_backlog_over(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    tick(3 * MS);
    wr(TIMER, PERIODIC | 0x50, 3 * MS);
    counts_are(3, 2, 1, 0);
    assert_int_equal(lapic_ack(&l), 0x50);
    wr(EOI, 0, 3 * MS);
    counts_are(3, 3, 0, 0);
    assert_int_equal(lapic_ack(&l), 0x50);
    wr(EOI, 0, 3 * MS);
    ack_and_eoi(3 * MS);
}

static void reprogramming_gives_the_backlog_up(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    tick(5 * MS);
    wr(INITIAL, 2 * MS, 5 * MS + 1);
    counts_are(5, 1, 0, 4);
    assert_int_equal(rd(CURRENT, 5 * MS + 1), 2 * MS);
    ack_and_eoi(6 * MS);
    tick(11 * MS + 1);
    counts_are(8, 2, 2, 4);
    wr(INITIAL, 0, 11 * MS + 2);
    counts_are(8, 2, 0, 6);
    assert_int_equal(rd(CURRENT, 11 * MS + 2), 0);
    tick(100 * MS);
    ack_and_eoi(100 * MS);
    assert_int_equal(lapic_pending(&l), -1);
    counts_are(8, 2, 0, 6);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
}

static void a_write_first_counts_what_came_before_it(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    wr(INITIAL, MS, 3 * MS + 1);
    counts_are(3, 1, 0, 2);
    ack_and_eoi(3 * MS + 2);
    wr(TIMER, VECTOR, 5 * MS); /* to one-shot, one tick later */
    counts_are(4, 2, 0, 2);
}

static void the_divider_changes_the_pace_of_the_running_count(void **state)
{
    (void)state;
    init(&l, TICK_CATCH_UP);
    wr(DIVIDE, BY_16, 0);
    wr(TIMER, PERIODIC | VECTOR, 0);
    wr(INITIAL, 1000, 0);
    wr(DIVIDE, BY_16, 1605); /* the same again: not even the phase moves */
    assert_int_equal(lapic_deadline(&l), 16000);
    assert_int_equal(rd(CURRENT, 1605), 900);
    wr(DIVIDE, BY_1, 1605);
    assert_int_equal(rd(CURRENT, 1605), 900);
    assert_int_equal(lapic_deadline(&l), 2505);
    tick(3505 + 1);
    counts_are(2, 1, 1, 0); /* at 2505 and 3505: the period follows too */
    wr(INITIAL, 0, 4000);
    wr(DIVIDE, BY_16, 4000);
    assert_int_equal(rd(CURRENT, 4000), 0);
}

static void between_one_shot_and_periodic_the_count_goes_on(void **state)
{
    (void)state;
    init(&l, TICK_CATCH_UP);
    wr(DIVIDE, BY_1, 0);
    wr(TIMER, VECTOR, 0);
    wr(INITIAL, 1000, 0);
    wr(TIMER, PERIODIC | VECTOR, 400);
    assert_int_equal(rd(CURRENT, 400), 600);
    tick(2500);
    counts_are(2, 1, 1, 0);
    wr(TIMER, VECTOR, 2600);
    counts_are(2, 1, 0, 1);
    assert_int_equal(rd(CURRENT, 2600), 400);
    ack_and_eoi(2600);
    tick(9999);
    counts_are(3, 2, 0, 1);
    wr(TIMER, PERIODIC | VECTOR, 9999);
    assert_int_equal(rd(CURRENT, 9999), 0); /* what has run out stays so */
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
}

static void tsc_deadline_disarms_the_count_and_the_other_way_round(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    wr(TIMER, DEADLINE | VECTOR, 10);
    assert_int_equal(rd(INITIAL, 10), 0);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
    wr(INITIAL, 1000, 10);
    assert_int_equal(rd(INITIAL, 10), 0);
    assert_int_equal(rd(CURRENT, 10), 0);
    lapic_set_tsc_deadline(&l, 3000, 10);
    assert_int_equal(lapic_deadline(&l), 1000);
    assert_int_equal(rd(CURRENT, 10), 0);
    wr(TIMER, VECTOR, 11);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
    assert_int_equal(lapic_tsc_deadline(&l, 33), 0);
    lapic_set_tsc_deadline(&l, 6000, 12); /* not its mode: ignored */
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
    assert_int_equal(lapic_tsc_deadline(&l, 36), 0);
    wr(TIMER, RESERVED | VECTOR, 13);
    wr(INITIAL, 1000, 13);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
}

static void tsc_deadline_fires_at_its_time_and_never_early(void **state)
{
    (void)state;
    init(&l, TICK_CATCH_UP);
    wr(TIMER, DEADLINE | VECTOR, 0);
    lapic_set_tsc_deadline(&l, 3001, 0); /* 1000 and a third ns */
    assert_int_equal(lapic_tsc_deadline(&l, 0), 3001);
    assert_int_equal(lapic_tsc_deadline(&l, 3000), 3001);
    assert_int_equal(lapic_tsc_deadline(&l, 3001), 0);
    assert_int_equal(lapic_deadline(&l), 1001);
    tick(1000);
    assert_int_equal(lapic_pending(&l), -1);
    tick(1001);
    assert_int_equal(lapic_tsc_deadline(&l, 0), 0); /* disarmed by firing */
    ack_and_eoi(1001);
    counts_are(1, 1, 0, 0);
    lapic_set_tsc_deadline(&l, 9000, 1002);
    lapic_set_tsc_deadline(&l, 0, 1003); /* disarmed */
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
    lapic_set_tsc_deadline(&l, 1, 1004); /* long past: at once */
    assert_int_equal(lapic_pending(&l), VECTOR);
    lapic_set_tsc_deadline(&l, 2, 1005); /* again, not yet taken: merges */
    counts_are(3, 2, 0, 1);
    lapic_set_tsc_deadline(&l, UINT64_MAX, 1006);
    assert_true(lapic_valid(&l));
    assert_int_equal(lapic_tsc_deadline(&l, 5), UINT64_MAX);
}

static void a_deadline_that_passed_is_not_lost_by_a_new_one(void **state)
{
    (void)state;
    init(&l, TICK_CATCH_UP);
    wr(TIMER, DEADLINE | VECTOR, 0);
    lapic_set_tsc_deadline(&l, 3000, 0);
    lapic_set_tsc_deadline(&l, 30000, 2000);
    assert_int_equal(lapic_pending(&l), VECTOR);
    assert_int_equal(lapic_tsc_deadline(&l, 6000), 30000);
}

static void an_illegal_vector_is_an_error_once(void **state)
{
    (void)state;
    init(&l, TICK_CATCH_UP);
    wr(DIVIDE, BY_1, 0);
    wr(ERROR, 0x99, 0);
    wr(TIMER, PERIODIC | 0x0F, 0);
    wr(INITIAL, 1, 0);
    assert_int_equal(lapic_deadline(&l), 1);
    tick(1000);
    assert_int_equal(lapic_ack(&l), 0x99);
    wr(EOI, 0, 1000);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER); /* no storm of wake-ups */
    counts_are(0, 0, 0, 0);
    wr(ESR, 0, 2000);
    assert_int_equal(rd(ESR, 2000), 0x40);
}

static void time_may_jump_to_its_end(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, 1, 0);
    tick(VM_NS_NEVER - 2);
    counts_are(VM_NS_NEVER - 2, 1, VM_NS_NEVER - 3, 0);
    ack_and_eoi(VM_NS_NEVER - 1);
    start_periodic(TICK_CATCH_UP, UINT32_MAX, VM_NS_NEVER - 5);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
    assert_int_equal(rd(CURRENT, VM_NS_NEVER - 4), 0);
    start_periodic(TICK_CATCH_UP, 1000, 5000); /* and a step back does nothing bad */
    assert_int_equal(rd(CURRENT, 4000), 1000);
    tick(0);
    counts_are(0, 0, 0, 0);
}

static void disabling_the_lapic_stops_ticks(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    tick(3 * MS);
    wr(SVR, 0xFF, 3 * MS);
    assert_true(lapic_deadline(&l) == VM_NS_NEVER);
    tick(9 * MS);
    counts_are(3, 1, 2, 0);
    assert_true(lapic_set_base_msr(&l, LAPIC_BASE, 9 * MS));
    counts_are(3, 1, 0, 2);
    assert_true(lapic_valid(&l));
}

/* --- Ticked at every instant or only when it must be: the guest sees the same -------------------*/
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

struct step {
    uint32_t kind;
    uint32_t val;
};

/* What the guest and the board do at `now`. Returns what the guest sees. */
static int act(struct lapic *dev, struct step s, vm_ns_t now)
{
    static const uint32_t lvt[] = {PERIODIC | VECTOR,          PERIODIC | VECTOR,
                                   PERIODIC | MASKED | VECTOR, VECTOR,
                                   DEADLINE | VECTOR,          PERIODIC | 0x51};
    static const uint32_t divide[] = {BY_1, 0x0, 0x1};
    lapic_tick(dev, now); /* as the board does at each entry */
    uint32_t off = EOI;
    uint32_t val = 0;
    switch (s.kind) {
    case 0: /* reprogrammed now and then */
        off = TIMER;
        val = lvt[s.val % 6u];
        break;
    case 1:
        off = INITIAL;
        val = s.val % 97u;
        break;
    case 2:
        off = DIVIDE;
        val = divide[s.val % 3u];
        break;
    case 3:
        lapic_set_tsc_deadline(dev, now * 3u + s.val % 500u, now);
        return 0;
    case 4:
    case 5:
        return (int)lapic_ops.read(
            dev, (struct bus_access){.size = 4, .off = s.val % 2u != 0 ? CURRENT : IRR + 0x20},
            now);
    case 6:
    case 7:
    case 8:
    case 9:
        return lapic_pending(dev) < 0 ? -1 : lapic_ack(dev);
    default:
        break;
    }
    lapic_ops.write(dev, (struct bus_access){.size = 4, .off = off}, val, now);
    return 0;
}

static void lazy_and_eager_are_the_same(enum tick_policy policy, uint32_t seed)
{
    static struct lapic eager;
    static struct lapic lazy;
    vm_ns_t now = 0;
    uint64_t taken = 0;
    init(&eager, policy);
    init(&lazy, policy);
    for (uint32_t i = 0; i < 30000; i++) {
        vm_ns_t then = now + next_random(&seed) % 300u;
        for (; now < then; now++) {
            lapic_tick(&eager, now);
            if (now >= lapic_deadline(&lazy)) {
                lapic_tick(&lazy, now);
            }
            assert_int_equal(lapic_pending(&eager), lapic_pending(&lazy));
        }
        uint32_t pick = next_random(&seed) % 64u;
        /* Mostly acknowledge and EOI; rarely reprogram. */
        struct step s = {.kind = pick < 8u    ? pick
                                 : pick < 36u ? 8u
                                              : 10u,
                         .val = next_random(&seed)};
        int seen = act(&eager, s, now);
        assert_int_equal(seen, act(&lazy, s, now));
        assert_true(lapic_valid(&eager));
        assert_true(lapic_valid(&lazy));
        assert_memory_equal(&eager.regs.ticks, &lazy.regs.ticks, sizeof eager.regs.ticks);
        taken += s.kind == 8u && seen > 0 ? 1u : 0u;
    }
    assert_true(taken > 500);
    assert_true(policy == TICK_COALESCE || eager.regs.ticks.due > 1000);
}

static void lateness_shows_in_nothing_when_catching_up(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        lazy_and_eager_are_the_same(TICK_CATCH_UP, seed);
    }
}

static void lateness_shows_in_nothing_when_coalescing(void **state)
{
    (void)state;
    for (uint32_t seed = 11; seed <= 14; seed++) {
        lazy_and_eager_are_the_same(TICK_COALESCE, seed);
    }
}

static void a_read_alone_brings_the_timer_up_to_date(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    assert_int_equal(rd(IRR + 0x20, 2 * MS + 1), 1);
    counts_are(2, 1, 1, 0);
    assert_int_equal(rd(CURRENT, 7 * MS + 1), MS - 1);
    counts_are(7, 1, 6, 0);
}

static void the_lowest_legal_vector_is_one(void **state)
{
    (void)state;
    init(&l, TICK_CATCH_UP);
    wr(DIVIDE, BY_1, 0);
    wr(TIMER, LAPIC_VECTOR_LO, 0);
    wr(INITIAL, 10, 0);
    assert_int_equal(lapic_ops.deadline(&l), 10);
    lapic_ops.tick(&l, 10);
    assert_int_equal(lapic_pending(&l), LAPIC_VECTOR_LO);
    counts_are(1, 1, 0, 0);
}

static void a_timer_out_of_order_is_seen(void **state)
{
    (void)state;
    start_periodic(TICK_CATCH_UP, MS, 0);
    tick(3 * MS);
    const struct lapic good = l;
    l.regs.ticks.due++;
    assert_false(lapic_valid(&l));
    l = good;
    l.regs.timer_tsc = 1;
    assert_false(lapic_valid(&l));
    l = good;
    l.regs.reg[INITIAL / 16u] = 0;
    assert_false(lapic_valid(&l));
    l = good;
    l.regs.reg[TIMER / 16u] = VECTOR; /* a backlog, but not periodic */
    assert_false(lapic_valid(&l));
    l = good;
    l.regs.reg[IRR / 16u + 2u] = 0; /* a backlog that nobody would deliver */
    assert_false(lapic_valid(&l));
    l = good;
    assert_true(lapic_valid(&l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_shot_fires_once_at_its_time),
        cmocka_unit_test(every_divider_divides),
        cmocka_unit_test(ten_seconds_late_every_tick_is_counted_and_owed),
        cmocka_unit_test(a_timer_never_drifts_however_irregular_the_calls),
        cmocka_unit_test(coalescing_loses_what_hardware_loses),
        cmocka_unit_test(no_deadline_while_the_guest_cannot_take_another),
        cmocka_unit_test(an_eoi_of_another_vector_moves_nothing),
        cmocka_unit_test(masked_ticks_are_neither_due_nor_lost),
        cmocka_unit_test(what_was_owed_before_masking_waits_for_the_unmasking),
        cmocka_unit_test(a_new_vector_takes_the_backlog_over),
        cmocka_unit_test(reprogramming_gives_the_backlog_up),
        cmocka_unit_test(a_write_first_counts_what_came_before_it),
        cmocka_unit_test(the_divider_changes_the_pace_of_the_running_count),
        cmocka_unit_test(between_one_shot_and_periodic_the_count_goes_on),
        cmocka_unit_test(tsc_deadline_disarms_the_count_and_the_other_way_round),
        cmocka_unit_test(tsc_deadline_fires_at_its_time_and_never_early),
        cmocka_unit_test(a_deadline_that_passed_is_not_lost_by_a_new_one),
        cmocka_unit_test(an_illegal_vector_is_an_error_once),
        cmocka_unit_test(time_may_jump_to_its_end),
        cmocka_unit_test(disabling_the_lapic_stops_ticks),
        cmocka_unit_test(lateness_shows_in_nothing_when_catching_up),
        cmocka_unit_test(lateness_shows_in_nothing_when_coalescing),
        cmocka_unit_test(a_read_alone_brings_the_timer_up_to_date),
        cmocka_unit_test(the_lowest_legal_vector_is_one),
        cmocka_unit_test(a_timer_out_of_order_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
