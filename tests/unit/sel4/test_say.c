/* SPDX-License-Identifier: BSD-2-Clause
 * The ring that carries what a component says, and the small printf. */
#include "sel4/say.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static struct part_ring ring;

static int fresh(void **state)
{
    (void)state;
    memset(&ring, 0, sizeof(ring));
    return 0;
}

static void what_is_put_comes_out_in_order(void **state)
{
    uint8_t out[8];
    (void)state;
    for (uint8_t i = 0; i < 5; i++) {
        assert_true(ring_put(&ring, i));
    }
    assert_int_equal(ring_take(&ring, out, 3), 3);
    assert_memory_equal(out, "\0\1\2", 3);
    assert_int_equal(ring_take(&ring, out, sizeof(out)), 2);
    assert_memory_equal(out, "\3\4", 2);
    assert_int_equal(ring_take(&ring, out, sizeof(out)), 0);
}

static void a_full_ring_drops_what_comes_and_keeps_what_is_there(void **state)
{
    uint8_t out[1];
    (void)state;
    for (uint32_t i = 0; i < PART_RING_BYTES; i++) {
        assert_true(ring_put(&ring, (uint8_t)i));
    }
    assert_false(ring_put(&ring, 0xEE));
    assert_int_equal(ring_take(&ring, out, 1), 1);
    assert_int_equal(out[0], 0);
    assert_true(ring_put(&ring, 0xEE));
    assert_false(ring_put(&ring, 0xEE));
}

static void it_goes_on_where_the_counters_wrap(void **state)
{
    uint8_t out[16];
    (void)state;
    ring.head = UINT32_MAX - 2u;
    ring.tail = UINT32_MAX - 2u;
    for (uint8_t i = 0; i < 10; i++) {
        assert_true(ring_put(&ring, i));
    }
    assert_int_equal(ring_take(&ring, out, sizeof(out)), 10);
    for (uint8_t i = 0; i < 10; i++) {
        assert_int_equal(out[i], i);
    }
}

static void a_head_that_cannot_be_counts_as_nothing(void **state)
{
    uint8_t out[16];
    (void)state;
    ring.head = PART_RING_BYTES + 1u;
    assert_int_equal(ring_take(&ring, out, sizeof(out)), 0);
    assert_int_equal(ring.tail, ring.head); /* and the speaker is heard again from here on */
    assert_true(ring_put(&ring, 7));
    assert_int_equal(ring_take(&ring, out, sizeof(out)), 1);
    assert_int_equal(out[0], 7);
}

struct page {
    uint32_t used;
    char text[128];
};

static void to_page(void *owner, uint8_t byte)
{
    struct page *p = owner;
    assert_true(p->used + 1u < sizeof(p->text));
    p->text[p->used] = (char)byte;
    p->used++;
}

static void numbers_and_words_are_printed(void **state)
{
    struct page p = {0};
    const struct say_sink sink = {.put = to_page, .owner = &p};
    (void)state;
    say(&sink, "%s %u %U %X 100%%|", "a b", UINT32_MAX, UINT64_MAX, UINT64_MAX);
    assert_string_equal(p.text, "a b 4294967295 18446744073709551615 ffffffffffffffff 100%|");
    p = (struct page){0};
    say(&sink, "%u%X", 0u, (uint64_t)0);
    assert_string_equal(p.text, "00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_put_comes_out_in_order, fresh),
        cmocka_unit_test_setup(a_full_ring_drops_what_comes_and_keeps_what_is_there, fresh),
        cmocka_unit_test_setup(it_goes_on_where_the_counters_wrap, fresh),
        cmocka_unit_test_setup(a_head_that_cannot_be_counts_as_nothing, fresh),
        cmocka_unit_test(numbers_and_words_are_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
