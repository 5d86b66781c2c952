/* SPDX-License-Identifier: BSD-2-Clause
 * ACPI fixed hardware and the reset ports. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/power_state.h"

struct fixture {
    struct power p;
    uint32_t off;
    uint32_t reset;
    bool sci;
    uint32_t sci_changes;
};

static void sci(void *owner, uint32_t pin, bool active)
{
    struct fixture *f = owner;
    (void)pin;
    assert_true(active != f->sci);
    f->sci = active;
    f->sci_changes++;
}

static void request(void *owner, enum power_request what)
{
    struct fixture *f = owner;
    if (what == POWER_OFF) {
        f->off++;
    } else {
        assert_int_equal(what, POWER_RESET);
        f->reset++;
    }
}

static void start(struct fixture *f)
{
    struct power_wiring w = {
        .sci = {.set = sci, .owner = f, .pin = 9}, .request = request, .owner = f};
    *f = (struct fixture){.off = 0};
    power_init(&f->p, &w);
    power_reset(&f->p, 0);
    assert_true(power_valid(&f->p));
}

static void put_at(struct fixture *f, uint32_t window, uint64_t off, uint32_t size, uint64_t val)
{
    struct bus_access a = {.window = window, .size = size, .off = off};
    power_ops.write(&f->p, a, val, 0);
    assert_true(power_valid(&f->p));
}

static uint32_t get_at(struct fixture *f, uint32_t window, uint64_t off, uint32_t size)
{
    struct bus_access a = {.window = window, .size = size, .off = off};
    return (uint32_t)power_ops.read(&f->p, a, 0);
}

static void put(struct fixture *f, uint32_t window, uint64_t val)
{
    put_at(f, window, 0, 1, val);
}

static uint32_t get(struct fixture *f, uint32_t window)
{
    return get_at(f, window, 0, 1);
}

static void s5_with_sleep_enable_powers_off(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put_at(&f, POWER_WINDOW_PM1_CNT, 0, 2, 5u << 10); /* as ACPICA: first the type alone */
    assert_int_equal(f.off, 0);
    put_at(&f, POWER_WINDOW_PM1_CNT, 0, 2, (5u << 10) | 0x2001u);
    assert_int_equal(f.off, 1);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_CNT, 0, 2), (5u << 10) | 1u);
    put_at(&f, POWER_WINDOW_PM1_CNT, 1, 1, 0x34); /* the upper byte alone: type 5, enable */
    assert_int_equal(f.off, 2);
    put_at(&f, POWER_WINDOW_PM1_CNT, 0, 1, 0x20); /* the lower byte has no such bit */
    assert_int_equal(f.off, 2);
    assert_int_equal(f.reset, 0);
}

static void other_sleep_types_do_nothing(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    for (uint32_t type = 0; type < 8; type++) {
        if (type != POWER_S5_SLP_TYP) {
            put_at(&f, POWER_WINDOW_PM1_CNT, 0, 2, (type << 10) | 0x2000u);
        }
    }
    assert_int_equal(f.off, 0);
    assert_int_equal(f.reset, 0);
}

static void acpi_mode_is_on_from_reset_and_follows_the_smi_port_only(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_CNT, 0, 2), 1);
    put_at(&f, POWER_WINDOW_PM1_CNT, 0, 2, 0);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_CNT, 0, 2), 1);
    put(&f, POWER_WINDOW_SMI, POWER_ACPI_DISABLE);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_CNT, 0, 2), 0);
    put_at(&f, POWER_WINDOW_PM1_CNT, 0, 2, 1);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_CNT, 0, 2), 0);
    put(&f, POWER_WINDOW_SMI, 0x55);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_CNT, 0, 2), 0);
    assert_int_equal(get(&f, POWER_WINDOW_SMI), 0x55);
    put_at(&f, POWER_WINDOW_PM1_CNT, 0, 2, POWER_CNT_SLP_TYP);
    put(&f, POWER_WINDOW_SMI, POWER_ACPI_ENABLE);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_CNT, 0, 2), POWER_CNT_SLP_TYP | 1u);
}

static void the_power_button_raises_the_sci_until_its_status_is_cleared(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    power_press_button(&f.p);
    assert_false(f.sci);
    put_at(&f, POWER_WINDOW_PM1_EVT, 2, 2, POWER_PM1_PWRBTN); /* late enable sees it */
    assert_true(f.sci);
    put_at(&f, POWER_WINDOW_PM1_EVT, 0, 2, POWER_PM1_TMR);
    assert_true(f.sci);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_EVT, 0, 2), POWER_PM1_PWRBTN);
    power_timer_carry(&f.p, 0, true); /* events add up */
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_EVT, 0, 2), POWER_PM1_PWRBTN | POWER_PM1_TMR);
    put_at(&f, POWER_WINDOW_PM1_EVT, 0, 2, POWER_PM1_TMR);
    put_at(&f, POWER_WINDOW_PM1_EVT, 1, 1, POWER_PM1_PWRBTN >> 8);
    assert_false(f.sci);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_EVT, 0, 2), 0);
    assert_int_equal(f.sci_changes, 2);
}

static void without_acpi_mode_there_is_no_sci(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put_at(&f, POWER_WINDOW_PM1_EVT, 2, 2, POWER_PM1_TMR);
    put(&f, POWER_WINDOW_SMI, POWER_ACPI_DISABLE);
    power_timer_carry(&f.p, 0, true);
    power_timer_carry(&f.p, 0, false);
    assert_false(f.sci);
    put(&f, POWER_WINDOW_SMI, POWER_ACPI_ENABLE);
    assert_true(f.sci);
    power_reset(&f.p, 9);
    assert_false(f.sci);
    assert_true(power_valid(&f.p));
}

static void enable_bytes_are_written_apart_and_reserved_bits_stay_clear(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put_at(&f, POWER_WINDOW_PM1_EVT, 2, 1, 0xFF);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_EVT, 2, 2), 0x0021);
    put_at(&f, POWER_WINDOW_PM1_EVT, 3, 1, 0xFF);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_EVT, 2, 2), 0x0721);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_EVT, 3, 1), 0x07);
    put_at(&f, POWER_WINDOW_PM1_EVT, 2, 1, 0);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_EVT, 2, 2), 0x0700);
    put_at(&f, POWER_WINDOW_PM1_EVT, 0, 2, 0xFFFF);
    assert_int_equal(get_at(&f, POWER_WINDOW_PM1_EVT, 0, 2), 0);
}

static void the_reset_control_register_resets_on_a_rising_bit(void **state)
{
    (void)state;
    static const struct {
        uint8_t write;
        uint32_t resets;
        uint8_t reads;
    } steps[] = {
        {0x00, 0, 0x00}, {0x02, 0, 0x02}, {0x06, 1, 0x06}, {0x06, 1, 0x06}, {0x0A, 1, 0x0A},
        {0x0E, 2, 0x0E}, {0xF1, 2, 0x00}, {0x04, 3, 0x04}, {0x00, 3, 0x00}, {0xFF, 4, 0x0E},
    };
    struct fixture f;
    start(&f);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        put(&f, POWER_WINDOW_RESET, steps[i].write);
        assert_int_equal(f.reset, steps[i].resets);
        assert_int_equal(get(&f, POWER_WINDOW_RESET), steps[i].reads);
    }
}

static void port_92_resets_on_a_rising_bit_and_shares_a20_with_the_keyboard_controller(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    assert_int_equal(get(&f, POWER_WINDOW_PORT92), 0x02);
    put(&f, POWER_WINDOW_PORT92, 0x00);
    assert_int_equal(get(&f, POWER_WINDOW_PORT92), 0x00);
    put(&f, POWER_WINDOW_KBC, 0xD0);
    assert_int_equal(get(&f, POWER_WINDOW_KBC_DATA) & 0x03u, 0x01);
    put(&f, POWER_WINDOW_KBC, 0xD1);
    put(&f, POWER_WINDOW_KBC_DATA, 0xDF);
    assert_int_equal(get(&f, POWER_WINDOW_PORT92), 0x02);
    put(&f, POWER_WINDOW_KBC, 0xD1);
    put(&f, POWER_WINDOW_KBC_DATA, 0xDD);
    assert_int_equal(get(&f, POWER_WINDOW_PORT92), 0x00);
    assert_int_equal(f.reset, 0);
    put(&f, POWER_WINDOW_PORT92, 0x03);
    put(&f, POWER_WINDOW_PORT92, 0x03);
    assert_int_equal(f.reset, 1);
}

static void the_keyboard_controller_pulses_reset(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, POWER_WINDOW_KBC, 0xFE);
    assert_int_equal(f.reset, 1);
    put(&f, POWER_WINDOW_KBC, 0xFF); /* pulses nothing */
    assert_int_equal(f.reset, 1);
    put(&f, POWER_WINDOW_KBC, 0xF0);
    assert_int_equal(f.reset, 2);
    put(&f, POWER_WINDOW_KBC, 0xD1);
    put(&f, POWER_WINDOW_KBC_DATA, 0x02); /* output port bit 0 low */
    assert_int_equal(f.reset, 3);
    put(&f, POWER_WINDOW_KBC_DATA, 0xFE); /* data, not a command */
    assert_int_equal(f.reset, 3);
}

static void nobody_waits_for_the_keyboard_controller(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    for (uint32_t command = 0; command < 256; command++) {
        put(&f, POWER_WINDOW_KBC, command);
        assert_int_equal(get(&f, POWER_WINDOW_KBC) & 0x02u, 0); /* input buffer is free */
        (void)get(&f, POWER_WINDOW_KBC_DATA);
        assert_int_equal(get(&f, POWER_WINDOW_KBC) & POWER_KBC_STS_OBF, 0);
    }
}

static void the_keyboard_controller_answers_what_kernels_wait_for(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    assert_int_equal(get(&f, POWER_WINDOW_KBC), 0x14);
    put(&f, POWER_WINDOW_KBC, 0x20);
    assert_int_equal(get(&f, POWER_WINDOW_KBC), 0x1D);
    assert_int_equal(get(&f, POWER_WINDOW_KBC_DATA), 0x30);
    put(&f, POWER_WINDOW_KBC, 0x60);
    put(&f, POWER_WINDOW_KBC_DATA, 0x45);
    assert_int_equal(get(&f, POWER_WINDOW_KBC), 0x14);
    put(&f, POWER_WINDOW_KBC, 0xAD);
    put(&f, POWER_WINDOW_KBC, 0x20);
    assert_int_equal(get(&f, POWER_WINDOW_KBC_DATA), 0x55);
    put(&f, POWER_WINDOW_KBC, 0xAE);
    put(&f, POWER_WINDOW_KBC, 0x20);
    assert_int_equal(get(&f, POWER_WINDOW_KBC_DATA), 0x45);
    put(&f, POWER_WINDOW_KBC, 0xAA);
    assert_int_equal(get(&f, POWER_WINDOW_KBC_DATA), 0x55);
    put(&f, POWER_WINDOW_KBC, 0xAB);
    assert_int_equal(get(&f, POWER_WINDOW_KBC_DATA), 0x00);
    put(&f, POWER_WINDOW_KBC_DATA, 0xFF); /* reset the keyboard: nobody is there */
    assert_int_equal(get(&f, POWER_WINDOW_KBC), 0x55);
    put(&f, POWER_WINDOW_KBC, 0xA8); /* has no answer, and takes none away */
    assert_int_equal(get(&f, POWER_WINDOW_KBC), 0x5D);
    assert_int_equal(get(&f, POWER_WINDOW_KBC_DATA), 0xFE);
    put(&f, POWER_WINDOW_KBC_DATA, 0xFF);
    put(&f, POWER_WINDOW_KBC, 0xAA); /* overwrites the unread byte and its time-out */
    assert_int_equal(get(&f, POWER_WINDOW_KBC) & POWER_KBC_STS_TIMEOUT, 0);
    put(&f, POWER_WINDOW_KBC, 0xD1); /* a command between 0xD1 and its byte cancels it */
    put(&f, POWER_WINDOW_KBC, 0xAA);
    put(&f, POWER_WINDOW_KBC_DATA, 0x00);
    assert_int_equal(f.reset, 0);
}

static void unconnected_wiring_and_unknown_windows_are_harmless(void **state)
{
    (void)state;
    struct power p;
    struct power_wiring none = {.request = NULL};
    power_init(&p, &none);
    power_reset(&p, 0);
    struct bus_access reset = {.window = POWER_WINDOW_RESET, .size = 1};
    struct bus_access beyond = {.window = POWER_WINDOWS, .size = 1};
    power_ops.write(&p, reset, 6, 0);
    power_ops.write(&p, beyond, 6, 0);
    assert_int_equal(power_ops.read(&p, beyond, 0), 0xFF);
    assert_true(power_valid(&p));
}

static void the_windows_are_where_the_constants_say(void **state)
{
    (void)state;
    static const uint64_t base[POWER_WINDOWS] = {0x600, 0x604, 0xB2, 0x60, 0x64, 0x92, 0xCF9};
    for (uint32_t i = 0; i < POWER_WINDOWS; i++) {
        assert_int_equal(power_windows[i].space, BUS_PIO);
        assert_int_equal(power_windows[i].base, base[i]);
        assert_true(power_windows[i].len >= 1);
    }
    assert_int_equal(POWER_WINDOW_RESET, POWER_WINDOWS_PCI);
}

static void the_invariant_refuses_what_no_guest_can_bring_about(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.p.regs.pm1_sts = 2;
    assert_false(power_valid(&f.p));
    start(&f);
    f.p.regs.pm1_en = 2;
    assert_false(power_valid(&f.p));
    start(&f);
    f.p.regs.pm1_cnt = 0x2001;
    assert_false(power_valid(&f.p));
    start(&f);
    f.p.regs.reset_control = 1;
    assert_false(power_valid(&f.p));
    start(&f);
    f.p.regs.port92_reset = 2;
    assert_false(power_valid(&f.p));
    start(&f);
    f.p.regs.a20 = 2;
    assert_false(power_valid(&f.p));
    start(&f);
    f.p.regs.kbc_status = 4;
    assert_false(power_valid(&f.p));
    start(&f);
    f.p.regs.kbc_expect = 3;
    assert_false(power_valid(&f.p));
    start(&f);
    f.p.regs.sci = 2;
    assert_false(power_valid(&f.p));
    start(&f);
    f.p.regs.sci = 1;
    assert_false(power_valid(&f.p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s5_with_sleep_enable_powers_off),
        cmocka_unit_test(other_sleep_types_do_nothing),
        cmocka_unit_test(acpi_mode_is_on_from_reset_and_follows_the_smi_port_only),
        cmocka_unit_test(the_power_button_raises_the_sci_until_its_status_is_cleared),
        cmocka_unit_test(without_acpi_mode_there_is_no_sci),
        cmocka_unit_test(enable_bytes_are_written_apart_and_reserved_bits_stay_clear),
        cmocka_unit_test(the_reset_control_register_resets_on_a_rising_bit),
        cmocka_unit_test(
            port_92_resets_on_a_rising_bit_and_shares_a20_with_the_keyboard_controller),
        cmocka_unit_test(the_keyboard_controller_pulses_reset),
        cmocka_unit_test(nobody_waits_for_the_keyboard_controller),
        cmocka_unit_test(the_keyboard_controller_answers_what_kernels_wait_for),
        cmocka_unit_test(unconnected_wiring_and_unknown_windows_are_harmless),
        cmocka_unit_test(the_windows_are_where_the_constants_say),
        cmocka_unit_test(the_invariant_refuses_what_no_guest_can_bring_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
