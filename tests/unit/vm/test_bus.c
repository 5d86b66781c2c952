/* SPDX-License-Identifier: BSD-2-Clause
 * The bus: splitting, extracting, all-ones, overlap, deadlines. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "vm/bus.h"

struct probe {
    uint32_t reads, writes;
    struct bus_access last;
    uint64_t last_val;
    uint8_t mem[64];
    vm_ns_t deadline, ticked;
    vm_ns_t deadline_after_write; /* if not 0 */
};

static uint32_t asked; /* how often for a deadline */

static uint64_t probe_read(void *dev, struct bus_access a, vm_ns_t now)
{
    struct probe *p = dev;
    (void)now;
    p->reads++;
    p->last = a;
    uint64_t v = 0;
    for (uint32_t i = 0; i < a.size; i++) {
        v |= (uint64_t)p->mem[a.off + i] << (8 * i);
    }
    return v;
}

static void probe_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct probe *p = dev;
    (void)now;
    p->writes++;
    p->last = a;
    p->last_val = val;
    for (uint32_t i = 0; i < a.size; i++) {
        p->mem[a.off + i] = (uint8_t)(val >> (8 * i));
    }
    if (p->deadline_after_write != 0) {
        p->deadline = p->deadline_after_write;
    }
}

static vm_ns_t probe_deadline(const void *dev)
{
    asked++;
    return ((const struct probe *)dev)->deadline;
}

static void probe_tick(void *dev, vm_ns_t now)
{
    struct probe *p = dev;
    p->ticked = now;
    p->deadline = VM_NS_NEVER;
}

static const struct bus_dev_ops probe_ops = {probe_read, probe_write, probe_deadline, probe_tick};

struct fixture {
    struct bus bus;
    struct probe bytes, words;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    f.bytes.deadline = f.words.deadline = VM_NS_NEVER;
    bus_init(&f.bus);
    const struct bus_window bytes = {.space = BUS_PIO, .widths = BUS_W1, .len = 8, .base = 0x3f8};
    const struct bus_window words[2] = {
        {.space = BUS_MMIO, .widths = BUS_W4, .len = 64, .base = 0xFEE00000},
        {.space = BUS_PIO, .widths = BUS_W4 | BUS_W1, .len = 4, .base = 0xCF8},
    };
    for (uint8_t i = 0; i < 64; i++) {
        f.bytes.mem[i] = (uint8_t)(0x10 + i);
        f.words.mem[i] = i;
    }
    assert_true(bus_attach(&f.bus, &probe_ops, &f.bytes, &bytes, 1));
    assert_true(bus_attach(&f.bus, &probe_ops, &f.words, words, 2));
    *state = &f;
    return 0;
}

static void a_wide_access_to_a_byte_device_is_split_lowest_first(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3f8, 4, 0), 0x13121110);
    assert_int_equal(f->bytes.reads, 4);
    assert_int_equal(f->bytes.last.off, 3);
    bus_write(&f->bus, BUS_PIO, 0x3f9, 2, 0xBBAA, 0);
    assert_int_equal(f->bytes.mem[1], 0xAA);
    assert_int_equal(f->bytes.mem[2], 0xBB);
}

static void a_narrow_read_reads_the_enclosing_unit_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFEE00006, 1, 0), 6);
    assert_int_equal(f->words.reads, 1);
    assert_int_equal(f->words.last.off, 4);
    assert_int_equal(f->words.last.size, 4);
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFEE00004, 2, 0), 0x0504);
    assert_int_equal(f->words.reads, 2);
    /* Misaligned: the tail of one unit and the head of the next. */
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFEE00003, 4, 0), 0x06050403);
    assert_int_equal(f->words.reads, 4);
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFEE00000, 8, 0), 0x0706050403020100);
    assert_int_equal(f->words.reads, 6);
}

static void a_narrow_write_is_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    bus_write(&f->bus, BUS_MMIO, 0xFEE00004, 2, 0xFFFF, 0);
    assert_int_equal(f->words.writes, 0);
    assert_int_equal(f->bus.counts.narrow_writes, 1);
    bus_write(&f->bus, BUS_PIO, 0xCF9, 1, 0x06, 0);
    assert_int_equal(f->words.writes, 1);
    assert_int_equal(f->words.last.window, 1);
    assert_int_equal(f->words.last.off, 1);
    /* A word at 0xCF8 is two bytes to a device that takes 1 and 4. */
    bus_write(&f->bus, BUS_PIO, 0xCF8, 2, 0x0201, 0);
    assert_int_equal(f->words.writes, 3);
}

static void unclaimed_bytes_read_as_ones_and_are_counted(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x80, 1, 0), 0xFF);
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0x1000, 8, 0), UINT64_MAX);
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, UINT64_MAX, 8, 0), UINT64_MAX);
    bus_write(&f->bus, BUS_PIO, 0x80, 4, 5, 0);
    assert_int_equal(f->bus.counts.unclaimed_reads[BUS_PIO], 1);
    assert_int_equal(f->bus.counts.unclaimed_reads[BUS_MMIO], 2);
    assert_int_equal(f->bus.counts.unclaimed_writes[BUS_PIO], 1);
    assert_int_equal(f->bus.counts.last_unclaimed[BUS_PIO], 0x80);
    /* Half claimed: the claimed half is real, the rest is ones. */
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3fe, 4, 0), 0xFFFF1716);
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3f7, 2, 0), 0x10FF);
    /* Ports wrap at the end of their space. */
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0xFFFF, 4, 0), UINT32_MAX);
}

static void odd_sizes_work(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFEE00001, 3, 0), 0x030201);
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFEE00001, 7, 0), 0x07060504030201);
}

static void overlaps_and_malformed_windows_are_refused_whole(void **state)
{
    struct fixture *f = *state;
    const struct bus_window bad[] = {
        {.space = BUS_PIO, .widths = BUS_W1, .len = 1, .base = 0x3ff},
        {.space = BUS_PIO, .widths = BUS_W1, .len = 16, .base = 0x3f0},
        {.space = BUS_PIO, .widths = BUS_W1, .len = 2, .base = 0xFFFF},
        {.space = BUS_PIO, .widths = 0, .len = 1, .base = 0x10},
        {.space = BUS_PIO, .widths = BUS_W1, .len = 0, .base = 0x10},
        {.space = BUS_MMIO, .widths = BUS_W4, .len = 6, .base = 0x10},
        {.space = BUS_MMIO, .widths = BUS_W4, .len = 4, .base = 0x12},
        {.space = BUS_MMIO, .widths = BUS_W1, .len = 2, .base = UINT64_MAX - 1u},
        {.space = 2, .widths = BUS_W1, .len = 1, .base = 0x10},
        {.space = BUS_MMIO, .widths = 16, .len = 16, .base = 0x10},
        {.space = BUS_MMIO, .widths = BUS_W4, .len = 16, .base = 1ull << 63},
        {.space = BUS_MMIO, .widths = BUS_W4, .len = 16, .base = (1ull << 63) - 8},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct bus_window pair[2] = {
            {.space = BUS_PIO, .widths = BUS_W1, .len = 1, .base = 0x20}, bad[i]};
        assert_false(bus_attach(&f->bus, &probe_ops, &f->bytes, pair, 2));
        assert_int_equal(f->bus.slots, 3);
        assert_int_equal(f->bus.devs, 2);
    }
}

static void tables_that_are_full_refuse(void **state)
{
    struct fixture *f = *state;
    struct bus_window w = {.space = BUS_PIO, .widths = BUS_W1, .len = 1, .base = 0x1000};
    while (f->bus.devs < BUS_DEVICES_MAX) {
        assert_true(bus_attach(&f->bus, &probe_ops, &f->bytes, &w, 1));
        w.base++;
    }
    assert_false(bus_attach(&f->bus, &probe_ops, &f->bytes, &w, 1));
}

/* Two windows of one device, one of them off: the bytes that the probe holds tell who answers. */
static struct probe card;

static void attach_card(struct fixture *f)
{
    static const struct bus_window windows[2] = {
        {.space = BUS_PIO, .widths = BUS_W1 | BUS_W2, .len = 16, .base = 0x1000},
        {.space = BUS_MMIO, .widths = BUS_W4, .len = 32, .base = BUS_OFF},
    };
    card = (struct probe){.mem = {0xA0, 0xA1, 0xA2, 0xA3}, .deadline = VM_NS_NEVER};
    assert_true(bus_attach(&f->bus, &probe_ops, &card, windows, 2));
}

static void a_window_that_is_off_answers_nowhere_and_one_that_moves_only_where_it_is(void **state)
{
    struct fixture *f = *state;
    attach_card(f);
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, BUS_OFF & ~3ull, 4, 0), UINT32_MAX);
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x1000, 2, 0), 0xA1A0);
    assert_true(bus_move(&f->bus, &card, 0, 0x40));
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x1000, 2, 0), 0xFFFF);
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x40, 2, 0), 0xA1A0);
    assert_int_equal(card.last.window, 0);
    assert_true(bus_move(&f->bus, &card, 1, 0xFE000000));
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFE000000, 4, 0), 0xA3A2A1A0);
    assert_int_equal(card.last.window, 1);
    assert_false(bus_move(&f->bus, &card, 1, BUS_OFF));
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFE000000, 4, 0), UINT32_MAX);
    assert_int_equal(f->bus.counts.refused_moves, 0);
    /* The others are where they were. */
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3fe, 4, 0), 0xFFFF1716);
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFEE00001, 3, 0), 0x030201);
}

static void a_move_onto_another_window_switches_off_and_is_counted(void **state)
{
    struct fixture *f = *state;
    attach_card(f);
    const uint64_t bad[] = {0x3F8, 0x3F0, 0xFFF1, 0xFFF8, 0x10000, UINT64_MAX - 1u};
    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(bus_move(&f->bus, &card, 0, 0x2000));
        assert_false(bus_move(&f->bus, &card, 0, bad[i]));
        assert_int_equal(f->bus.counts.refused_moves, i + 1u);
        assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x2000, 2, 0), 0xFFFF);
    }
    assert_false(bus_move(&f->bus, &card, 1, 0xFE000002)); /* misaligned for its width */
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3fe, 4, 0), 0xFFFF1716);
    assert_true(bus_move(&f->bus, &card, 0, 0x3E8));
    assert_true(bus_move(&f->bus, &card, 0, 0x3E8)); /* onto itself */
    assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3E8, 2, 0), 0xA1A0);
}

/* Whatever moves where: the windows stay sorted and whole. */
static void many_moves_lose_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t random = 1;
    attach_card(f);
    for (uint32_t i = 0; i < 5000; i++) {
        random = random * 1664525u + 1013904223u;
        const uint32_t number = (random >> 8) & 1u;
        uint64_t base = number == 0 ? (random >> 16) : 0xFEDFFF00u + (random >> 20);
        base = (random >> 9) % 4u == 0 ? BUS_OFF : base;
        const bool there = bus_move(&f->bus, &card, number, base);
        assert_int_equal(f->bus.slots + f->bus.off, 5);
        for (uint32_t n = 1; n < f->bus.slots; n++) {
            const struct bus_window *a = &f->bus.slot[n - 1].win;
            const struct bus_window *b = &f->bus.slot[n].win;
            assert_true(a->space < b->space ||
                        (a->space == b->space && a->base + a->len <= b->base));
        }
        if (there && number == 0) {
            assert_int_equal(bus_read(&f->bus, BUS_PIO, base, 1, 0), 0xA0);
        }
    }
    assert_true(f->bus.counts.refused_moves > 100);
}

static void only_devices_whose_time_has_come_tick(void **state)
{
    struct fixture *f = *state;
    assert_true(bus_deadline(&f->bus) == VM_NS_NEVER);
    f->bytes.deadline = 500;
    f->words.deadline = 300;
    assert_int_equal(bus_deadline(&f->bus), 300);
    bus_tick(&f->bus, 299);
    assert_int_equal(f->words.ticked, 0);
    bus_tick(&f->bus, 499);
    assert_int_equal(f->words.ticked, 499);
    assert_int_equal(f->bytes.ticked, 0);
    bus_tick(&f->bus, 500);
    assert_int_equal(f->bytes.ticked, 500);
}

static void the_window_found_last_takes_only_what_is_its_own(void **state)
{
    struct fixture *f = *state;
    /* Each access first finds the window that the one before it left: the same, over its end, before
     * it, of another width, misaligned, of an odd size, in the other space. */
    for (uint32_t round = 0; round < 2; round++) {
        assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3f8, 1, 0), 0x10);
        assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3ff, 1, 0), 0x17);
        assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3ff, 2, 0), 0xFF17);
        assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x400, 1, 0), 0xFF);
        assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3f7, 1, 0), 0xFF);
        assert_int_equal(bus_read(&f->bus, BUS_PIO, 0x3fa, 2, 0), 0x1312);
        assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFEE00004, 4, 0), 0x07060504);
        assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFEE00005, 3, 0), 0x070605);
        assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFEE00006, 4, 0), 0x09080706);
        assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0x3f8, 1, 0), 0xFF);
        assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0x80000000FEE00004ull, 4, 0), UINT32_MAX);
        assert_int_equal(bus_read(&f->bus, BUS_PIO, 0xCF8, 4, 0), 0x03020100);
    }
}

/* The last slot found is remembered by its number: moves put others there. */
static void the_window_found_last_may_be_off_or_elsewhere_by_now(void **state)
{
    struct fixture *f = *state;
    attach_card(f);
    assert_true(bus_move(&f->bus, &card, 1, 0xFE000000));
    (void)bus_read(&f->bus, BUS_MMIO, 0xFE000000, 4, 0);
    assert_false(bus_move(&f->bus, &card, 1, BUS_OFF));
    uint32_t reads = card.reads;
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFE000000, 4, 0), UINT32_MAX);
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, BUS_OFF - 3u, 4, 0), UINT32_MAX);
    assert_true(bus_move(&f->bus, &card, 1, 0x1000));
    assert_int_equal(bus_read(&f->bus, BUS_MMIO, 0xFE000000, 4, 0), UINT32_MAX);
    assert_int_equal(card.reads, reads);
    (void)bus_read(&f->bus, BUS_MMIO, 0x1000, 4, 0);
    assert_int_equal(card.reads, reads + 1u);
}

static void devices_are_asked_again_only_when_a_deadline_may_have_moved(void **state)
{
    struct fixture *f = *state;
    f->bytes.deadline = 500;
    assert_int_equal(bus_next(&f->bus), 500);
    asked = 0;
    bus_tick_due(&f->bus, 499);
    assert_int_equal(bus_next(&f->bus), 500);
    (void)bus_read(&f->bus, BUS_PIO, 0x80, 1, 0); /* nobody's */
    assert_int_equal(bus_next(&f->bus), 500);
    assert_int_equal(asked, 0);
    (void)bus_read(&f->bus, BUS_PIO, 0x3f8, 1, 0); /* moves nothing: only that device is asked */
    assert_int_equal(bus_next(&f->bus), 500);
    assert_int_equal(asked, 1);
    f->words.deadline_after_write = 200; /* an access that moves it, sooner and later */
    bus_write(&f->bus, BUS_MMIO, 0xFEE00000, 4, 0, 0);
    assert_int_equal(bus_next(&f->bus), 200);
    f->words.deadline_after_write = 900;
    bus_write(&f->bus, BUS_PIO, 0xCF8, 2, 0, 0); /* in two units */
    assert_int_equal(bus_next(&f->bus), 500);
    f->bytes.deadline = 100; /* behind the bus's back: only who says so is heard */
    assert_int_equal(bus_next(&f->bus), 500);
    bus_stir(&f->bus);
    assert_int_equal(bus_next(&f->bus), 100);
    bus_tick_due(&f->bus, 100);
    assert_int_equal(f->bytes.ticked, 100);
    assert_int_equal(f->words.ticked, 0);
    assert_int_equal(bus_next(&f->bus), 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_wide_access_to_a_byte_device_is_split_lowest_first, setup),
        cmocka_unit_test_setup(a_narrow_read_reads_the_enclosing_unit_once, setup),
        cmocka_unit_test_setup(a_narrow_write_is_dropped_and_counted, setup),
        cmocka_unit_test_setup(unclaimed_bytes_read_as_ones_and_are_counted, setup),
        cmocka_unit_test_setup(odd_sizes_work, setup),
        cmocka_unit_test_setup(overlaps_and_malformed_windows_are_refused_whole, setup),
        cmocka_unit_test_setup(tables_that_are_full_refuse, setup),
        cmocka_unit_test_setup(
            a_window_that_is_off_answers_nowhere_and_one_that_moves_only_where_it_is, setup),
        cmocka_unit_test_setup(a_move_onto_another_window_switches_off_and_is_counted, setup),
        cmocka_unit_test_setup(many_moves_lose_nothing, setup),
        cmocka_unit_test_setup(only_devices_whose_time_has_come_tick, setup),
        cmocka_unit_test_setup(the_window_found_last_takes_only_what_is_its_own, setup),
        cmocka_unit_test_setup(the_window_found_last_may_be_off_or_elsewhere_by_now, setup),
        cmocka_unit_test_setup(devices_are_asked_again_only_when_a_deadline_may_have_moved, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
