/* SPDX-License-Identifier: BSD-2-Clause
 * 8259A pair: command words, priorities, cascade, the modes, level and edge. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/pic.h"
#include "dev/pic_state.h"

#define M        0u /* window of the master */
#define S        1u /* window of the slave  */
#define ELCR     2u
#define CMD      0u
#define DATA     1u
#define BASE_M   0x20u
#define BASE_S   0x28u
#define EOI      0x20u
#define LOG_SIZE 64u

struct rig {
    struct pic p;
    bool intr;
    uint32_t changes;
    uint32_t done[LOG_SIZE];
    uint32_t dones;
    uint32_t pulse_irq; /* a device that answers done(pulse_irq) by a new edge ... */
    uint32_t pulses;    /* ... so many times                                       */
};

static struct rig rig;

static void on_intr(void *owner, uint32_t pin, bool active)
{
    struct rig *r = owner;
    assert_int_equal(pin, 77);
    assert_int_not_equal(active, r->intr); /* told of changes only */
    r->intr = active;
    r->changes++;
}

static void on_done(void *owner, uint32_t n)
{
    struct rig *r = owner;
    r->done[r->dones++ % LOG_SIZE] = n;
    if (n == r->pulse_irq && r->pulses > 0) {
        r->pulses--;
        pic_set(&r->p, n, true);
        pic_set(&r->p, n, false);
    }
}

static void check(void)
{
    assert_true(pic_valid(&rig.p));
    assert_int_equal(rig.intr, pic_output(&rig.p));
}

static void wr(uint32_t window, uint32_t off, uint8_t val)
{
    pic_ops.write(&rig.p, (struct bus_access){.window = window, .size = 1, .off = off}, val, 0);
    check();
}

static uint8_t rd(uint32_t window, uint32_t off)
{
    struct bus_access a = {.window = window, .size = 1, .off = off};
    uint8_t val = (uint8_t)pic_ops.read(&rig.p, a, 0);
    check();
    return val;
}

static uint8_t irr(uint32_t window)
{
    wr(window, CMD, 0x0A);
    return rd(window, CMD);
}

static uint8_t isr(uint32_t window)
{
    wr(window, CMD, 0x0B);
    return rd(window, CMD);
}

static void set(uint32_t irq, bool active)
{
    pic_set(&rig.p, irq, active);
    check();
}

static void pulse(uint32_t irq)
{
    set(irq, true);
    set(irq, false);
}

static uint8_t ack(void)
{
    uint8_t vector = pic_ack(&rig.p);
    check();
    return vector;
}

/* As every PC operating system does it; icw4 for both. */
static void program(uint8_t icw4)
{
    wr(M, CMD, 0x11);
    wr(M, DATA, BASE_M);
    wr(M, DATA, 0x04);
    wr(M, DATA, icw4);
    wr(S, CMD, 0x11);
    wr(S, DATA, BASE_S);
    wr(S, DATA, 0x02);
    wr(S, DATA, icw4);
}

static void start_raw(void)
{
    rig = (struct rig){.pulse_irq = UINT32_MAX};
    struct pic_wiring w = {.intr = {on_intr, &rig, 77}, .eoi = {on_done, &rig}};
    pic_init(&rig.p, &w);
    check();
}

static void start(void)
{
    start_raw();
    program(0x01);
}

static void after_reset_nothing_interrupts(void **state)
{
    (void)state;
    start_raw();
    for (uint32_t irq = 0; irq < PIC_IRQS; irq++) {
        set(irq, true);
    }
    assert_false(rig.intr);
    assert_int_equal(rd(M, DATA), 0xFF);
    assert_int_equal(rd(S, DATA), 0xFF);
    assert_int_equal(rd(ELCR, 0), 0);
    assert_int_equal(rd(ELCR, 1), 0);
}

static void every_irq_comes_as_its_vector(void **state)
{
    (void)state;
    start();
    for (uint32_t irq = 0; irq < PIC_IRQS; irq++) {
        if (irq == PIC_CASCADE) {
            continue;
        }
        rig.dones = 0;
        pulse(irq);
        assert_true(rig.intr);
        assert_int_equal(ack(), BASE_M + irq);
        assert_false(rig.intr);
        assert_int_equal(isr(M), irq < 8 ? 1u << irq : 0x04);
        assert_int_equal(isr(S), irq < 8 ? 0 : 1u << (irq - 8));
        if (irq >= 8) {
            wr(S, CMD, EOI);
        }
        wr(M, CMD, EOI);
        assert_int_equal(isr(M) | isr(S), 0);
        assert_int_equal(rig.dones, 1); /* the cascade is not told of */
        assert_int_equal(rig.done[0], irq);
    }
    set(2, true);
    assert_int_equal(irr(M), 0);
}

static void initialisation_takes_the_words_it_was_told_of(void **state)
{
    (void)state;
    static const struct {
        uint8_t icw1;
        uint32_t words;
    } want[] = {{0x10, 2}, {0x11, 3}, {0x12, 1}, {0x13, 2}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        start();
        wr(M, DATA, 0xFE);
        wr(M, CMD, want[i].icw1);
        pulse(0);
        for (uint32_t n = 0; n < want[i].words; n++) {
            assert_false(rig.intr); /* not while it is being initialised */
            wr(M, DATA, n == 0 ? 0x4D : 0x01);
        }
        assert_true(rig.intr); /* the mask was cleared */
        assert_int_equal(ack(), 0x48);
        wr(M, DATA, 0x5A); /* now it is the mask again */
        assert_int_equal(rd(M, DATA), 0x5A);
    }
}

static void initialisation_drops_what_was_and_says_so(void **state)
{
    (void)state;
    start();
    pulse(1);
    assert_int_equal(ack(), 0x21);
    pulse(3);
    set(4, true);
    wr(M, DATA, 0xFF);
    rig.pulse_irq = 3;
    rig.pulses = 1;
    wr(M, CMD, 0x11);
    assert_int_equal(rig.dones, 3);
    assert_int_equal(rig.done[0], 1);
    assert_int_equal(rig.done[1], 3);
    assert_int_equal(rig.done[2], 4);
    wr(M, DATA, BASE_M);
    wr(M, DATA, 0x04);
    wr(M, DATA, 0x01);
    assert_int_equal(isr(M), 0);
    assert_int_equal(irr(M), 0x08); /* the new edge; 4 is high but has to rise anew */
    assert_int_equal(ack(), 0x23);
}

static void lower_numbers_come_first_and_nest(void **state)
{
    (void)state;
    start();
    pulse(4);
    pulse(12);
    pulse(1);
    assert_int_equal(ack(), 0x21);
    assert_false(rig.intr);
    pulse(0);
    assert_true(rig.intr);
    assert_int_equal(ack(), 0x20);
    wr(M, CMD, EOI);
    assert_int_equal(isr(M), 0x02);
    wr(M, CMD, EOI);
    assert_int_equal(ack(), 0x2C); /* the slave is level 2: before 4 */
    assert_false(rig.intr);
    wr(S, CMD, EOI);
    wr(M, CMD, EOI);
    assert_int_equal(ack(), 0x24);
}

static void an_edge_under_the_mask_is_remembered(void **state)
{
    (void)state;
    start();
    wr(M, DATA, 0xFF);
    pulse(0);
    pulse(0);
    assert_false(rig.intr);
    assert_int_equal(irr(M), 0x01);
    wr(M, DATA, 0xFE);
    assert_int_equal(ack(), 0x20);
    wr(M, CMD, EOI);
    assert_false(rig.intr);
}

static void an_acknowledge_without_request_is_spurious(void **state)
{
    (void)state;
    start();
    assert_int_equal(ack(), 0x27);
    assert_int_equal(isr(M), 0);
    wr(ELCR, 0, 0x20);
    set(5, true);
    assert_true(rig.intr);
    set(5, false); /* withdrawn before the acknowledge */
    assert_false(rig.intr);
    assert_int_equal(ack(), 0x27);
    wr(ELCR, 1, 0x08);
    set(11, true);
    set(11, false);
    assert_int_equal(ack(), 0x27); /* the master saw the slave's output fall */
    assert_int_equal(isr(M) | isr(S), 0);
    assert_int_equal(rig.p.regs.spurious, 3);
    assert_int_equal(rig.dones, 0);
}

static void a_level_asks_again_until_it_is_let_go(void **state)
{
    (void)state;
    start();
    wr(ELCR, 0, 0xFF);
    wr(ELCR, 1, 0xFF);
    assert_int_equal(rd(ELCR, 0), 0xF8);
    assert_int_equal(rd(ELCR, 1), 0xDE);
    set(10, true);
    assert_int_equal(ack(), 0x2A);
    assert_false(rig.intr);
    wr(S, CMD, EOI);
    wr(M, CMD, EOI);
    assert_true(rig.intr);
    assert_int_equal(ack(), 0x2A);
    set(10, false);
    wr(S, CMD, EOI);
    wr(M, CMD, EOI);
    assert_false(rig.intr);
    pulse(0); /* still an edge */
    assert_true(rig.intr);
}

static void a_change_to_level_forgets_edges(void **state)
{
    (void)state;
    start();
    pulse(5);
    wr(ELCR, 0, 0x20);
    assert_false(rig.intr);
    set(5, true);
    wr(ELCR, 0, 0);
    assert_false(rig.intr); /* high, but no edge */
    assert_int_equal(irr(M), 0);
}

static void eoi_ends_the_highest_or_the_one_named(void **state)
{
    (void)state;
    start();
    pulse(6);
    assert_int_equal(ack(), 0x26);
    pulse(3);
    assert_int_equal(ack(), 0x23);
    pulse(1);
    assert_int_equal(ack(), 0x21);
    assert_int_equal(isr(M), 0x4A);
    wr(M, CMD, 0x63);
    assert_int_equal(isr(M), 0x42);
    wr(M, CMD, 0x64); /* not in service */
    assert_int_equal(isr(M), 0x42);
    wr(M, CMD, EOI);
    assert_int_equal(isr(M), 0x40);
    wr(M, CMD, 0x40); /* no operation */
    assert_int_equal(isr(M), 0x40);
    wr(M, CMD, EOI);
    wr(M, CMD, EOI);
    assert_int_equal(isr(M), 0);
    assert_int_equal(rig.dones, 3);
    assert_int_equal(rig.done[0], 3);
    assert_int_equal(rig.done[1], 1);
    assert_int_equal(rig.done[2], 6);
}

static void priorities_rotate(void **state)
{
    (void)state;
    start();
    for (uint32_t lowest = 0; lowest < 8; lowest++) {
        wr(M, CMD, (uint8_t)(0xC0 | lowest)); /* set priority */
        for (uint32_t irq = 0; irq < 8; irq++) {
            pulse(irq);
        }
        pulse(8); /* behind level 2 */
        for (uint32_t n = 0; n < 8; n++) {
            uint32_t level = (lowest + 1 + n) % 8;
            assert_int_equal(ack(), level == 2 ? 0x28 : BASE_M + level);
            if (level == 2) {
                wr(S, CMD, EOI);
            }
            wr(M, CMD, EOI);
        }
        assert_false(rig.intr);
    }
    wr(M, CMD, 0xC7);
    pulse(3);
    pulse(4);
    assert_int_equal(ack(), 0x23);
    wr(M, CMD, 0xA0); /* rotate on EOI: 3 becomes the lowest */
    pulse(3);
    assert_int_equal(ack(), 0x24);
    wr(M, CMD, 0xE0 | 4); /* rotate on specific EOI */
    pulse(0);
    pulse(5);
    assert_int_equal(ack(), 0x25);
    wr(M, CMD, EOI);
    assert_int_equal(ack(), 0x20);
    wr(M, CMD, EOI);
    wr(M, CMD, 0xA0); /* nothing in service: nothing rotates */
    assert_int_equal(rig.p.regs.chip[0].lowest, 4);
}

static void automatic_eoi_leaves_nothing_in_service(void **state)
{
    (void)state;
    start_raw();
    program(0x03);
    rig.pulse_irq = 0;
    rig.pulses = 3;
    pulse(0);
    for (uint32_t i = 1; i <= 4; i++) {
        assert_int_equal(ack(), 0x20);
        assert_int_equal(rig.dones, i);
        assert_int_equal(isr(M), 0);
    }
    assert_false(rig.intr);
    pulse(9);
    pulse(14);
    rig.dones = 0;
    assert_int_equal(ack(), 0x29);
    assert_true(rig.intr); /* the second behind the same cascade is not forgotten */
    assert_int_equal(ack(), 0x2E);
    assert_false(rig.intr);
    assert_int_equal(rig.dones, 2);
    assert_int_equal(rig.done[0], 9);
    assert_int_equal(rig.done[1], 14);
    wr(M, CMD, 0x80); /* rotate in automatic EOI mode */
    pulse(3);
    assert_int_equal(ack(), 0x23);
    pulse(3);
    pulse(5);
    assert_int_equal(ack(), 0x25);
    assert_int_equal(ack(), 0x23);
    wr(M, CMD, 0x00);
    pulse(5);
    pulse(7);
    assert_int_equal(ack(), 0x25);
    assert_int_equal(ack(), 0x27);
}

static void special_mask_lets_lower_ones_through(void **state)
{
    (void)state;
    start();
    pulse(1);
    assert_int_equal(ack(), 0x21);
    pulse(5);
    wr(M, DATA, 0x02);
    assert_false(rig.intr);
    wr(M, CMD, 0x68); /* special mask mode */
    assert_true(rig.intr);
    assert_int_equal(ack(), 0x25);
    wr(M, CMD, EOI); /* the masked one does not count */
    assert_int_equal(isr(M), 0x02);
    wr(M, CMD, EOI);
    assert_int_equal(isr(M), 0x02);
    wr(M, CMD, 0x08); /* no ESMM: the mode stays */
    pulse(6);
    assert_true(rig.intr);
    wr(M, CMD, 0x48);
    assert_false(rig.intr);
    wr(M, CMD, 0x61);
    assert_int_equal(isr(M), 0);
    assert_true(rig.intr);
}

static void special_fully_nested_lets_the_slave_nest(void **state)
{
    (void)state;
    for (uint32_t sfnm = 0; sfnm < 2; sfnm++) {
        start_raw();
        program(sfnm != 0 ? 0x11 : 0x01);
        pulse(12);
        assert_int_equal(ack(), 0x2C);
        pulse(13); /* lower: waits in the slave */
        assert_false(rig.intr);
        pulse(3); /* lower than the cascade */
        assert_false(rig.intr);
        pulse(9);
        assert_int_equal(rig.intr, sfnm != 0);
        if (sfnm != 0) {
            assert_int_equal(ack(), 0x29);
            assert_int_equal(isr(S), 0x12);
            assert_int_equal(isr(M), 0x04);
        }
    }
}

static void a_poll_acknowledges(void **state)
{
    (void)state;
    start();
    wr(M, CMD, 0x0C);
    assert_int_equal(rd(M, CMD), 0);
    assert_int_equal(rd(M, CMD), 0); /* IRR again */
    wr(M, DATA, 0x81);
    pulse(4);
    wr(M, CMD, 0x0C);
    assert_int_equal(rd(M, DATA), 0x84);
    assert_int_equal(rd(M, DATA), 0x81); /* the mask again */
    assert_false(rig.intr);
    assert_int_equal(isr(M), 0x10);
    wr(M, CMD, EOI);
    pulse(10);
    assert_true(rig.intr);
    wr(S, CMD, 0x0C);
    assert_int_equal(rd(S, CMD), 0x82);
    assert_false(rig.intr);
    wr(S, CMD, EOI);
    assert_int_equal(rig.dones, 2);
    start_raw();
    program(0x03);
    pulse(15);
    wr(S, CMD, 0x0C);
    assert_int_equal(rd(S, CMD), 0x87);
    assert_int_equal(rig.dones, 1);
    assert_int_equal(rig.done[0], 15);
}

static void a_device_may_pulse_again_from_within_done(void **state)
{
    (void)state;
    start();
    rig.pulse_irq = 8;
    rig.pulses = 50;
    pulse(8);
    for (uint32_t i = 0; i < 51; i++) {
        assert_int_equal(ack(), 0x28);
        wr(S, CMD, EOI);
        wr(M, CMD, EOI);
    }
    assert_false(rig.intr);
    assert_int_equal(rig.dones, 51);
}

static void reset_lets_the_output_go(void **state)
{
    (void)state;
    start();
    pulse(0);
    assert_true(rig.intr);
    pic_reset(&rig.p, 9);
    check();
    assert_false(rig.intr);
    assert_int_equal(rd(M, DATA), 0xFF);
    program(0x01);
    assert_false(rig.intr);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void no_guest_can_break_the_invariant(void **state)
{
    (void)state;
    uint32_t seed = 5;
    uint32_t acks = 0;
    start();
    rig.pulse_irq = 8;
    rig.pulses = UINT32_MAX;
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t pick = next_random(&seed);
        uint8_t val = (uint8_t)next_random(&seed);
        uint32_t window = (pick >> 8) % 3u;
        uint32_t off = (pick >> 4) & 1u;
        switch (pick % 8u) {
        case 0:
            wr(window, off, val);
            break;
        case 1:
            (void)rd(window, off);
            break;
        case 2:
            if (pic_output(&rig.p)) {
                (void)ack();
                acks++;
            }
            break;
        case 3:
            wr(window, CMD, EOI);
            break;
        default:
            set(val % PIC_IRQS, (val & 0x10u) != 0);
            break;
        }
    }
    assert_true(acks > 1000);
    assert_int_equal(rig.p.regs.spurious, 0);
}

static void initialisation_ends_poll_and_isr_reading(void **state)
{
    (void)state;
    start();
    wr(M, CMD, 0x0B);
    wr(M, CMD, 0x0C);
    wr(M, CMD, 0x68);
    wr(M, CMD, 0x0C);
    program(0x01);
    pulse(5);
    assert_int_equal(rd(M, CMD), 0x20); /* IRR, and no acknowledge */
    assert_int_equal(ack(), 0x25);
    wr(M, DATA, 0x20);
    pulse(6);
    assert_false(rig.intr); /* no special mask mode either */
}

static void a_state_out_of_order_is_seen(void **state)
{
    (void)state;
    for (uint32_t chip = 0; chip < PIC_CHIPS; chip++) {
        start();
        struct pic_chip *c = &rig.p.regs.chip[chip];
        const struct pic_chip good = *c;
        c->lowest = 8;
        assert_false(pic_valid(&rig.p));
        *c = good;
        c->step = 1;
        assert_false(pic_valid(&rig.p));
        c->step = 5;
        assert_false(pic_valid(&rig.p));
        *c = good;
        c->base = 0x21;
        assert_false(pic_valid(&rig.p));
        *c = good;
        c->elcr = 0x01;
        assert_false(pic_valid(&rig.p));
        c->elcr = 0x40;
        c->imr = 0x40;
        c->latch = 0x40;
        assert_false(pic_valid(&rig.p));
        *c = good;
        assert_true(pic_valid(&rig.p));
        c->latch = 0x40; /* output or cascade not derived */
        assert_false(pic_valid(&rig.p));
    }
}

static void a_poll_leaves_the_register_to_be_read_alone(void **state)
{
    (void)state;
    start();
    pulse(4);
    assert_int_equal(ack(), 0x24);
    wr(M, CMD, 0x0B);
    wr(M, CMD, 0x0C);
    assert_int_equal(rd(M, CMD), 0);
    assert_int_equal(rd(M, CMD), 0x10); /* still ISR */
}

static void icw1_without_icw4_clears_its_modes(void **state)
{
    (void)state;
    start_raw();
    program(0x13);
    wr(M, CMD, 0x12);
    wr(M, DATA, BASE_M);
    wr(S, CMD, 0x12);
    wr(S, DATA, BASE_S);
    pulse(12);
    assert_int_equal(ack(), 0x2C);
    assert_int_equal(isr(M), 0x04); /* no automatic EOI */
    pulse(9);
    assert_false(rig.intr); /* not special fully nested */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_reset_nothing_interrupts),
        cmocka_unit_test(every_irq_comes_as_its_vector),
        cmocka_unit_test(initialisation_takes_the_words_it_was_told_of),
        cmocka_unit_test(initialisation_drops_what_was_and_says_so),
        cmocka_unit_test(lower_numbers_come_first_and_nest),
        cmocka_unit_test(an_edge_under_the_mask_is_remembered),
        cmocka_unit_test(an_acknowledge_without_request_is_spurious),
        cmocka_unit_test(a_level_asks_again_until_it_is_let_go),
        cmocka_unit_test(a_change_to_level_forgets_edges),
        cmocka_unit_test(eoi_ends_the_highest_or_the_one_named),
        cmocka_unit_test(priorities_rotate),
        cmocka_unit_test(automatic_eoi_leaves_nothing_in_service),
        cmocka_unit_test(special_mask_lets_lower_ones_through),
        cmocka_unit_test(special_fully_nested_lets_the_slave_nest),
        cmocka_unit_test(a_poll_acknowledges),
        cmocka_unit_test(a_device_may_pulse_again_from_within_done),
        cmocka_unit_test(reset_lets_the_output_go),
        cmocka_unit_test(no_guest_can_break_the_invariant),
        cmocka_unit_test(initialisation_ends_poll_and_isr_reading),
        cmocka_unit_test(a_state_out_of_order_is_seen),
        cmocka_unit_test(a_poll_leaves_the_register_to_be_read_alone),
        cmocka_unit_test(icw1_without_icw4_clears_its_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
