/* SPDX-License-Identifier: BSD-2-Clause
 * I/O APIC: registers, edges, levels, remote IRR, completions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/ioapic.h"
#include "dev/ioapic_state.h"

#define ID       0x00u
#define VER      0x01u
#define ARB      0x02u
#define LO(pin)  (0x10u + 2u * (pin))
#define HI(pin)  (0x11u + 2u * (pin))
#define LEVEL    0x8000u
#define REMOTE   0x4000u
#define MASKED   0x10000u
#define LOG_SIZE 64u

struct rig {
    struct ioapic io;
    struct irq_msg msg[LOG_SIZE];
    uint32_t msgs;
    uint32_t done[LOG_SIZE];
    uint32_t dones;
    uint32_t pulse_pin; /* a device that answers done(pulse_pin) by a new edge ... */
    uint32_t pulses;    /* ... so many times                                       */
    uint32_t drop_pin;  /* a device that lets its line go when told it is done     */
};

static struct rig rig;

static void on_msg(void *owner, const struct irq_msg *msg)
{
    struct rig *r = owner;
    r->msg[r->msgs++ % LOG_SIZE] = *msg;
}

static void on_done(void *owner, uint32_t n)
{
    struct rig *r = owner;
    r->done[r->dones++ % LOG_SIZE] = n;
    if (n == r->pulse_pin && r->pulses > 0) {
        r->pulses--;
        ioapic_set(&r->io, n, true);
        ioapic_set(&r->io, n, false);
    }
    if (n == r->drop_pin) {
        ioapic_set(&r->io, n, false);
    }
}

static void start(void)
{
    rig = (struct rig){.pulse_pin = UINT32_MAX, .drop_pin = UINT32_MAX};
    struct ioapic_wiring w = {.out = {on_msg, &rig}, .eoi = {on_done, &rig}};
    ioapic_init(&rig.io, &w);
    assert_true(ioapic_valid(&rig.io));
}

static void mmio_wr(uint32_t window, uint32_t off, uint32_t size, uint32_t val)
{
    ioapic_ops.write(&rig.io, (struct bus_access){.window = window, .size = size, .off = off}, val,
                     0);
    assert_true(ioapic_valid(&rig.io));
}

static uint32_t mmio_rd(uint32_t window, uint32_t off, uint32_t size)
{
    struct bus_access a = {.window = window, .size = size, .off = off};
    return (uint32_t)ioapic_ops.read(&rig.io, a, 0);
}

static uint32_t rd(uint32_t index)
{
    mmio_wr(0, 0, 4, index);
    return mmio_rd(1, 0, 4);
}

static void wr(uint32_t index, uint32_t val)
{
    mmio_wr(0, 0, 4, index);
    mmio_wr(1, 0, 4, val);
}

static void set(uint32_t pin, bool active)
{
    ioapic_set(&rig.io, pin, active);
    assert_true(ioapic_valid(&rig.io));
}

static void pulse(uint32_t pin)
{
    set(pin, true);
    set(pin, false);
}

static void eoi(uint8_t vector)
{
    ioapic_eoi(&rig.io, vector);
    assert_true(ioapic_valid(&rig.io));
}

static void reset_state_is_masked(void **state)
{
    (void)state;
    start();
    assert_int_equal(rd(ID), 0);
    assert_int_equal(rd(VER), 0x00170020);
    assert_int_equal(rd(ARB), 0);
    for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) {
        assert_int_equal(rd(LO(pin)), MASKED);
        assert_int_equal(rd(HI(pin)), 0);
    }
}

static void registers_take_what_they_can(void **state)
{
    (void)state;
    start();
    wr(ID, UINT32_MAX);
    assert_int_equal(rd(ID), 0x0F000000);
    assert_int_equal(rd(ARB), 0x0F000000);
    wr(VER, 0);
    assert_int_equal(rd(VER), 0x00170020);
    wr(ARB, 0);
    assert_int_equal(rd(ARB), 0x0F000000);
    for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) {
        wr(LO(pin), UINT32_MAX);
        assert_int_equal(rd(LO(pin)), 0x1AFFF);
        wr(HI(pin), UINT32_MAX);
        assert_int_equal(rd(HI(pin)), 0xFF000000u);
    }
    static const uint32_t nothing[] = {0x03, 0x0F, 0x40, 0x7F, 0xFF};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        wr(nothing[i], UINT32_MAX);
        assert_int_equal(rd(nothing[i]), 0);
    }
}

static void the_index_register_takes_bytes(void **state)
{
    (void)state;
    start();
    mmio_wr(0, 0, 1, VER);
    assert_int_equal(mmio_rd(0, 0, 1), VER);
    assert_int_equal(mmio_rd(0, 0, 4), VER);
    assert_int_equal(mmio_rd(1, 0, 4), 0x00170020);
    mmio_wr(0, 1, 1, 0x55);
    mmio_wr(0, 4, 4, 0x55);
    mmio_wr(0, 0, 4, 0xFFFFFF01);
    assert_int_equal(mmio_rd(0, 0, 4), VER);
    assert_int_equal(mmio_rd(0, 8, 4), 0);
    assert_int_equal(mmio_rd(1, 4, 4), 0);
    assert_int_equal(mmio_rd(1, 0x30, 4), 0);
    assert_int_equal(mmio_rd(1, 0xFEC, 4), 0);
    /* The windows lie side by side and fill the page. */
    assert_int_equal(ioapic_windows[0].base + ioapic_windows[0].len, ioapic_windows[1].base);
    assert_int_equal(ioapic_windows[0].len + ioapic_windows[1].len, IOAPIC_LEN);
}

static void an_entry_becomes_a_message(void **state)
{
    (void)state;
    static const struct {
        uint32_t lo;
        uint8_t delivery;
        bool logical;
        bool level;
    } want[] = {
        {0x0000, IRQ_FIXED, false, false},  {0x0900, IRQ_LOWEST, true, false},
        {0x8800, IRQ_FIXED, true, true},    {0xA100, IRQ_LOWEST, false, true},
        {0x0400, IRQ_NMI, false, false},    {0x8400, IRQ_NMI, false, false}, /* edge all the same */
        {0x8500, IRQ_INIT, false, false},   {0x8200, IRQ_SMI, false, false},
        {0x8700, IRQ_EXTINT, false, false},
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        start();
        wr(HI(9), 0xA5000000);
        wr(LO(9), want[i].lo | 0x61);
        set(9, true);
        assert_int_equal(rig.msgs, 1);
        assert_int_equal(rig.msg[0].vector, 0x61);
        assert_int_equal(rig.msg[0].dest, 0xA5);
        assert_int_equal(rig.msg[0].delivery, want[i].delivery);
        assert_int_equal(rig.msg[0].shorthand, IRQ_DEST);
        assert_int_equal(rig.msg[0].logical, want[i].logical);
        assert_int_equal(rig.msg[0].level, want[i].level);
        assert_true(rig.msg[0].assert_);
        assert_int_equal(rd(LO(9)), want[i].lo | 0x61 | (want[i].level ? REMOTE : 0));
        set(9, true); /* no change of the line, no message */
        assert_int_equal(rig.msgs, 1);
    }
}

static void one_message_per_rising_edge(void **state)
{
    (void)state;
    start();
    wr(LO(2), 0x30);
    pulse(2);
    pulse(2);
    assert_int_equal(rig.msgs, 2);
    assert_int_equal(rig.dones, 0);
    eoi(0x31);
    assert_int_equal(rig.dones, 0);
    eoi(0x30);
    assert_int_equal(rig.dones, 1);
    assert_int_equal(rig.done[0], 2);
    eoi(0x30); /* an IPI of the same vector, perhaps: nothing of ours is under way */
    assert_int_equal(rig.dones, 1);
    assert_int_equal(rig.msgs, 2);
}

static void an_edge_on_a_masked_pin_is_lost_and_its_device_told_at_unmasking(void **state)
{
    (void)state;
    start();
    rig.pulse_pin = 2;
    rig.pulses = 5;
    pulse(2);
    pulse(2);
    assert_int_equal(rig.msgs, 0);
    assert_int_equal(rig.dones, 0);
    assert_int_equal(rig.io.regs.counts.lost, 2);
    wr(LO(2), MASKED | 0x30);
    assert_int_equal(rig.dones, 0);
    wr(LO(2), 0x30); /* not remembered, but the device need not wait for ever: it tries again */
    assert_int_equal(rig.dones, 1);
    assert_int_equal(rig.msgs, 1);
    wr(LO(2), 0x30);
    assert_int_equal(rig.dones, 1);
    set(3, true); /* high all along: no edge at unmasking */
    wr(LO(3), 0x31);
    assert_int_equal(rig.msgs, 1);
}

static void a_device_may_pulse_again_from_within_done(void **state)
{
    (void)state;
    start();
    rig.pulse_pin = 2;
    rig.pulses = 100;
    wr(LO(2), 0x30);
    pulse(2);
    for (uint32_t i = 1; i <= 100; i++) {
        eoi(0x30);
        assert_int_equal(rig.dones, i);
        assert_int_equal(rig.msgs, i + 1);
    }
    eoi(0x30);
    eoi(0x30);
    assert_int_equal(rig.dones, 101);
    assert_int_equal(rig.msgs, 101);
}

static void a_level_is_sent_once_until_its_eoi(void **state)
{
    (void)state;
    start();
    wr(LO(10), LEVEL | 0x50);
    set(10, true);
    set(10, false);
    set(10, true);
    assert_int_equal(rig.msgs, 1);
    assert_int_equal(rd(LO(10)), LEVEL | REMOTE | 0x50);
    eoi(0x50); /* still active */
    assert_int_equal(rig.msgs, 2);
    assert_int_equal(rig.io.regs.counts.resent, 1);
    assert_int_equal(rd(LO(10)), LEVEL | REMOTE | 0x50);
    set(10, false);
    eoi(0x50);
    assert_int_equal(rig.msgs, 2);
    assert_int_equal(rd(LO(10)), LEVEL | 0x50);
    assert_int_equal(rig.dones, 2);
    eoi(0x50);
    assert_int_equal(rig.dones, 2);
    set(10, true);
    assert_int_equal(rig.msgs, 3);
}

static void a_line_let_go_within_done_is_not_sent_again(void **state)
{
    (void)state;
    start();
    rig.drop_pin = 10;
    wr(LO(10), LEVEL | 0x50);
    set(10, true);
    eoi(0x50);
    assert_int_equal(rig.msgs, 1);
    assert_int_equal(rig.io.regs.counts.resent, 0);
}

static void a_level_waits_out_the_mask(void **state)
{
    (void)state;
    start();
    wr(LO(10), MASKED | LEVEL | 0x50);
    set(10, true);
    assert_int_equal(rig.msgs, 0);
    wr(LO(10), LEVEL | 0x50);
    assert_int_equal(rig.msgs, 1);
    wr(LO(10), MASKED | LEVEL | 0x50);
    assert_int_equal(rd(LO(10)), MASKED | LEVEL | REMOTE | 0x50);
    wr(LO(10), LEVEL | 0x50); /* remote IRR holds it back */
    assert_int_equal(rig.msgs, 1);
    wr(LO(10), MASKED | LEVEL | 0x50);
    eoi(0x50);
    assert_int_equal(rig.msgs, 1);
    assert_int_equal(rd(LO(10)), MASKED | LEVEL | 0x50);
    wr(LO(10), LEVEL | 0x50);
    assert_int_equal(rig.msgs, 2);
    assert_int_equal(rig.io.regs.counts.lost, 0);
}

static void remote_irr_goes_by_change_to_edge_or_by_the_eoi_register(void **state)
{
    (void)state;
    start();
    wr(LO(10), LEVEL | 0x50);
    set(10, true);
    wr(LO(10), MASKED | 0x50);
    assert_int_equal(rd(LO(10)), MASKED | 0x50);
    wr(LO(10), LEVEL | 0x50);
    assert_int_equal(rig.msgs, 2);
    set(10, false);
    mmio_wr(1, 0x30, 4, 0x51);
    assert_int_equal(rd(LO(10)), LEVEL | REMOTE | 0x50);
    mmio_wr(1, 0x30, 4, 0x50);
    assert_int_equal(rd(LO(10)), LEVEL | 0x50);
    assert_int_equal(rig.dones, 1);
    wr(LO(4), 0x52);
    pulse(4);
    mmio_wr(1, 0x30, 4, 0x52); /* not for edges */
    assert_int_equal(rig.dones, 1);
    eoi(0x52);
    assert_int_equal(rig.dones, 2);
}

static void an_interrupt_under_way_outlives_a_new_vector(void **state)
{
    (void)state;
    start();
    wr(LO(4), 0x40);
    pulse(4);
    wr(LO(4), 0x70);
    eoi(0x40);
    assert_int_equal(rig.dones, 1);
    wr(LO(5), LEVEL | 0x41);
    set(5, true);
    wr(LO(5), LEVEL | 0x71);
    eoi(0x41);
    assert_int_equal(rig.dones, 2);
    assert_int_equal(rig.msg[2].vector, 0x71); /* still active: now by the new one */
    wr(LO(5), LEVEL | 0x72);
    set(5, false);
    eoi(0x72);
    assert_int_equal(rd(LO(5)), LEVEL | 0x72);
}

static void pins_that_share_a_vector_complete_together(void **state)
{
    (void)state;
    start();
    for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) {
        wr(LO(pin), (pin % 2 != 0 ? LEVEL : 0) | 0x44);
        set(pin, true);
    }
    assert_int_equal(rig.msgs, 24);
    eoi(0x44);
    assert_int_equal(rig.dones, 24);
    assert_int_equal(rig.msgs, 36); /* the twelve levels again */
}

static void modes_without_eoi_are_never_under_way(void **state)
{
    (void)state;
    start();
    wr(LO(2), 0x400);
    pulse(2);
    pulse(2);
    eoi(0);
    assert_int_equal(rig.msgs, 2);
    assert_int_equal(rig.dones, 0);
    assert_int_equal(rig.io.regs.in_flight, 0);
}

static void reset_forgets(void **state)
{
    (void)state;
    start();
    wr(LO(10), LEVEL | 0x50);
    set(10, true);
    pulse(1);
    ioapic_reset(&rig.io, 7);
    assert_true(ioapic_valid(&rig.io));
    assert_int_equal(rd(LO(10)), MASKED);
    eoi(0x50);
    assert_int_equal(rig.dones, 0);
    assert_int_equal(rig.io.regs.counts.sent, 0);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void no_guest_can_break_the_invariant(void **state)
{
    (void)state;
    uint32_t seed = 3;
    start();
    rig.pulse_pin = 5;
    rig.pulses = UINT32_MAX;
    rig.drop_pin = 6;
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t val = next_random(&seed) << 8 ^ next_random(&seed);
        uint32_t pick = next_random(&seed);
        switch (pick % 4u) {
        case 0:
            wr(pick >> 4 & 0x3Fu, val & 0xFF01FF1Fu);
            break;
        case 1:
            eoi((uint8_t)(val & 0x1Fu));
            break;
        case 2:
            mmio_wr(1, (pick >> 4 & 0xFu) * 4u, 4, val & 0x1Fu);
            break;
        default:
            set((pick >> 4) % IOAPIC_PINS, (val & 1u) != 0);
            break;
        }
    }
    assert_true(rig.io.regs.counts.sent > 1000);
    assert_true(rig.io.regs.counts.finished > 1000);
    assert_true(rig.io.regs.counts.finished <= rig.io.regs.counts.sent);
}

static void a_state_out_of_order_is_seen(void **state)
{
    (void)state;
    static const uint32_t pins[] = {0, 23};
    for (size_t i = 0; i < 2; i++) {
        start();
        rig.io.regs.lo[pins[i]] = REMOTE | LEVEL; /* nothing is under way */
        assert_false(ioapic_valid(&rig.io));
        start();
        rig.io.regs.lo[pins[i]] = LEVEL; /* an active level that nobody would send */
        rig.io.regs.pins = 1u << pins[i];
        assert_false(ioapic_valid(&rig.io));
        start();
        rig.io.regs.hi[pins[i]] = 1;
        assert_false(ioapic_valid(&rig.io));
    }
    start();
    rig.io.regs.pins = 1u << IOAPIC_PINS;
    assert_false(ioapic_valid(&rig.io));
    start();
    rig.io.regs.id = 1;
    assert_false(ioapic_valid(&rig.io));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reset_state_is_masked),
        cmocka_unit_test(registers_take_what_they_can),
        cmocka_unit_test(the_index_register_takes_bytes),
        cmocka_unit_test(an_entry_becomes_a_message),
        cmocka_unit_test(one_message_per_rising_edge),
        cmocka_unit_test(an_edge_on_a_masked_pin_is_lost_and_its_device_told_at_unmasking),
        cmocka_unit_test(a_device_may_pulse_again_from_within_done),
        cmocka_unit_test(a_level_is_sent_once_until_its_eoi),
        cmocka_unit_test(a_line_let_go_within_done_is_not_sent_again),
        cmocka_unit_test(a_level_waits_out_the_mask),
        cmocka_unit_test(remote_irr_goes_by_change_to_edge_or_by_the_eoi_register),
        cmocka_unit_test(an_interrupt_under_way_outlives_a_new_vector),
        cmocka_unit_test(pins_that_share_a_vector_complete_together),
        cmocka_unit_test(modes_without_eoi_are_never_under_way),
        cmocka_unit_test(reset_forgets),
        cmocka_unit_test(no_guest_can_break_the_invariant),
        cmocka_unit_test(a_state_out_of_order_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
