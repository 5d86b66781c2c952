/* SPDX-License-Identifier: BSD-2-Clause
 * MSI-X: messages, masks, pending bits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/msix_state.h"

#define VECTORS 3u

struct fixture {
    struct msix m;
    struct irq_msg last;
    uint32_t sent;
};

static void take(void *owner, const struct irq_msg *msg)
{
    struct fixture *f = owner;
    f->last = *msg;
    f->sent++;
}

static void put(struct fixture *f, uint32_t off, uint32_t val)
{
    msix_write(&f->m, off, val);
    assert_true(msix_valid(&f->m));
}

static void control(struct fixture *f, uint32_t head)
{
    msix_set_control(&f->m, head);
    assert_true(msix_valid(&f->m));
}

static void raise_vector(struct fixture *f, uint32_t vector)
{
    msix_raise(&f->m, vector);
    assert_true(msix_valid(&f->m));
}

/* Vectors 0x50 and up to APIC 0, unmasked but not enabled. */
static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.sent = 0};
    const struct msg_line out = {.send = take, .owner = &f};
    msix_init(&f.m, VECTORS, &out);
    msix_reset(&f.m);
    for (uint32_t i = 0; i < VECTORS; i++) {
        assert_int_equal(msix_read(&f.m, 16 * i + 12), 1); /* masked at first */
        put(&f, 16 * i, 0xFEE00000);
        put(&f, 16 * i + 8, 0x50 + i);
        put(&f, 16 * i + 12, 0);
    }
    *state = &f;
    return 0;
}

static void a_message_is_what_address_and_data_say(void **state)
{
    struct fixture *f = *state;
    control(f, MSIX_CAP_ENABLE);
    raise_vector(f, 1);
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->last.vector, 0x51);
    assert_int_equal(f->last.dest, 0);
    assert_int_equal(f->last.delivery, IRQ_FIXED);
    assert_false(f->last.logical);
    assert_false(f->last.level);
    put(f, 0, 0xFEEAB00C); /* redirection hint, logical */
    put(f, 8, 0xC161);     /* level, asserted, lowest priority */
    raise_vector(f, 0);
    assert_int_equal(f->last.dest, 0xAB);
    assert_int_equal(f->last.vector, 0x61);
    assert_int_equal(f->last.delivery, IRQ_LOWEST);
    assert_true(f->last.logical);
    assert_true(f->last.level);
}

static void what_is_raised_while_masked_goes_out_once_when_unmasked(void **state)
{
    struct fixture *f = *state;
    control(f, MSIX_CAP_ENABLE);
    put(f, 16 + 12, 1);
    raise_vector(f, 1);
    raise_vector(f, 1);
    assert_int_equal(f->sent, 0);
    assert_int_equal(msix_read(&f->m, MSIX_PBA), 2);
    put(f, 12, 0); /* another vector's mask */
    assert_int_equal(f->sent, 0);
    put(f, 16 + 8, 0x77); /* the message may change meanwhile */
    put(f, 16 + 12, 0);
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->last.vector, 0x77);
    assert_int_equal(msix_read(&f->m, MSIX_PBA), 0);
    put(f, 16 + 12, 0);
    assert_int_equal(f->sent, 1);
    assert_int_equal(msix_counts(&f->m)->pended, 2);
}

static void the_function_mask_holds_all_vectors(void **state)
{
    struct fixture *f = *state;
    control(f, MSIX_CAP_ENABLE | MSIX_CAP_MASK);
    for (uint32_t i = 0; i < VECTORS; i++) {
        raise_vector(f, i);
    }
    put(f, 12, 1);
    assert_int_equal(msix_read(&f->m, MSIX_PBA), 7);
    assert_int_equal(f->sent, 0);
    control(f, MSIX_CAP_ENABLE);
    assert_int_equal(f->sent, 2);
    assert_int_equal(msix_read(&f->m, MSIX_PBA), 1); /* its own mask still holds */
    control(f, 0);
    assert_int_equal(msix_read(&f->m, MSIX_PBA), 0);
    control(f, MSIX_CAP_ENABLE);
    put(f, 12, 0);
    assert_int_equal(f->sent, 2);
}

static void nothing_goes_out_while_disabled_or_for_a_vector_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    raise_vector(f, 0);
    control(f, MSIX_CAP_MASK);
    raise_vector(f, 0);
    control(f, MSIX_CAP_ENABLE);
    raise_vector(f, VECTORS);
    raise_vector(f, MSIX_NO_VECTOR);
    assert_int_equal(f->sent, 0);
    assert_false(msix_has(&f->m, VECTORS));
    assert_true(msix_has(&f->m, VECTORS - 1));
}

static void a_message_to_anything_but_a_local_apic_is_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    control(f, MSIX_CAP_ENABLE);
    put(f, 0, 0x00100000); /* RAM */
    raise_vector(f, 0);
    put(f, 0, 0xFEE00000);
    put(f, 4, 1);
    raise_vector(f, 0);
    put(f, 4, 0);
    put(f, 8, 0x8050); /* level, de-asserted */
    raise_vector(f, 0);
    assert_int_equal(f->sent, 0);
    assert_int_equal(msix_counts(&f->m)->astray, 3);
}

static void the_window_holds_the_table_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    for (uint32_t off = 0; off < MSIX_LEN; off += 4) {
        put(f, off, 0xFFFFFFFF);
        const uint32_t got = msix_read(&f->m, off);
        const uint32_t field = off % 16;
        if (off >= 16 * VECTORS) {
            assert_int_equal(got, 0);
        } else {
            assert_int_equal(got, field == 0 ? 0xFFFFFFFC : field == 12 ? 1 : 0xFFFFFFFF);
        }
    }
    msix_reset(&f->m);
    assert_int_equal(msix_read(&f->m, 0), 0);
    assert_int_equal(msix_read(&f->m, 12), 1);
    assert_false(msix_enabled(&f->m));
}

static void the_invariant_refuses_what_no_guest_can_bring_about(void **state)
{
    struct fixture *f = *state;
    f->m.regs.pending = 1; /* not enabled */
    assert_false(msix_valid(&f->m));
    control(f, MSIX_CAP_ENABLE);
    f->m.regs.pending = 1; /* not masked */
    assert_false(msix_valid(&f->m));
    f->m.regs.pending = 8; /* no such vector */
    assert_false(msix_valid(&f->m));
    f->m.regs.pending = 0;
    assert_true(msix_valid(&f->m));
    f->m.regs.control |= 1;
    assert_false(msix_valid(&f->m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_message_is_what_address_and_data_say, setup),
        cmocka_unit_test_setup(what_is_raised_while_masked_goes_out_once_when_unmasked, setup),
        cmocka_unit_test_setup(the_function_mask_holds_all_vectors, setup),
        cmocka_unit_test_setup(nothing_goes_out_while_disabled_or_for_a_vector_that_is_not_there,
                               setup),
        cmocka_unit_test_setup(a_message_to_anything_but_a_local_apic_is_dropped_and_counted,
                               setup),
        cmocka_unit_test_setup(the_window_holds_the_table_and_nothing_else, setup),
        cmocka_unit_test_setup(the_invariant_refuses_what_no_guest_can_bring_about, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
