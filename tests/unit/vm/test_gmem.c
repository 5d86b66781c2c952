/* SPDX-License-Identifier: BSD-2-Clause
 * Guest memory: all or nothing, across regions, at the edges of the address space. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vm/gmem.h"

static _Alignas(8) uint8_t low[0x2000], high[0x1000], top[0x1000];

static struct gmem three_regions(void)
{
    struct gmem m = {0};
    assert_true(gmem_add(&m, 0x3000, sizeof(high), high));
    assert_true(gmem_add(&m, 0x1000, sizeof(low), low)); /* adjoins the one above */
    assert_true(gmem_add(&m, 0xFFFFFFFFFFFFE000ull, sizeof(top), top));
    return m;
}

static void regions_are_sorted_and_disjoint(void **state)
{
    (void)state;
    struct gmem m = three_regions();
    assert_int_equal(m.region[0].base, 0x1000);
    assert_int_equal(m.region[1].base, 0x3000);
    assert_int_equal(gmem_total(&m), 0x4000);
    assert_false(gmem_add(&m, 0x2FFF, 2, low));
    assert_false(gmem_add(&m, 0x0, 0x100000, low));
    assert_false(gmem_add(&m, 0x5000, 0, low));
    assert_false(gmem_add(&m, UINT64_MAX - 0xFF, 0x101, low));
    assert_int_equal(m.count, 3);
    while (m.count < GMEM_REGIONS_MAX) {
        assert_true(gmem_add(&m, 0x100000u * m.count, 0x1000, low));
    }
    assert_false(gmem_add(&m, 0x10000000, 0x1000, low));
}

static void a_copy_crosses_adjoining_regions(void **state)
{
    (void)state;
    struct gmem m = three_regions();
    uint8_t out[0x20], in[0x20];
    for (uint8_t i = 0; i < sizeof(in); i++) {
        in[i] = (uint8_t)(i + 1);
    }
    assert_true(gmem_write(&m, 0x2FF0, in, sizeof(in)));
    assert_int_equal(low[0x1FFF], 16);
    assert_int_equal(high[0], 17);
    assert_true(gmem_read(&m, 0x2FF0, out, sizeof(out)));
    assert_memory_equal(in, out, sizeof(in));
    assert_true(gmem_fill(&m, 0x2FFF, 0xEE, 2));
    assert_int_equal(low[0x1FFF], 0xEE);
    assert_int_equal(high[0], 0xEE);
    assert_int_equal(high[1], 18);
}

static void what_is_not_all_ram_is_not_touched(void **state)
{
    (void)state;
    struct gmem m = three_regions();
    uint8_t buf[16];
    memset(buf, 0x55, sizeof(buf));
    memset(high, 0x11, sizeof(high));
    assert_false(gmem_read(&m, 0x3FF8, buf, 16));
    assert_int_equal(buf[0], 0x55);
    assert_false(gmem_write(&m, 0x3FF8, buf, 16));
    assert_int_equal(high[0xFF8], 0x11);
    assert_false(gmem_fill(&m, 0x3FF8, 0, 16));
    assert_false(gmem_write(&m, 0xFF8, buf, 16));
    assert_false(gmem_contains(&m, 0x1000, UINT64_MAX));
    assert_false(gmem_contains(&m, 0xFFFFFFFFFFFFEFF8ull, 16));
    assert_false(gmem_contains(&m, UINT64_MAX, 2));
    assert_true(gmem_contains(&m, 0x1000, 0x3000));
    assert_true(gmem_contains(&m, 0, 0));
}

static void control_words_are_little_endian_and_naturally_aligned(void **state)
{
    (void)state;
    struct gmem m = three_regions();
    uint16_t w16 = 0x5555;
    uint32_t w32 = 0x55555555;
    assert_true(gmem_store32(&m, 0x1004, 0x12345678));
    assert_int_equal(low[4], 0x78);
    assert_int_equal(low[7], 0x12);
    assert_true(gmem_store16(&m, 0x1002, 0xABCD));
    gmem_fence();
    assert_true(gmem_load32(&m, 0x1004, &w32));
    assert_int_equal(w32, 0x12345678);
    assert_true(gmem_load16(&m, 0x1006, &w16));
    assert_int_equal(w16, 0x1234);
    assert_true(gmem_load32(&m, 0x1000, &w32));
    assert_int_equal(w32 >> 16, 0xABCD);
    for (gpa_t odd = 1; odd < 4; odd++) {
        assert_int_equal(gmem_load16(&m, 0x1000 + odd, &w16), odd == 2);
        assert_int_equal(gmem_store16(&m, 0x1000 + odd, 0xABCD), odd == 2);
        assert_false(gmem_load32(&m, 0x1000 + odd, &w32));
        assert_false(gmem_store32(&m, 0x1000 + odd, 0));
    }
    assert_int_equal(w16, 0xABCD);
    assert_int_equal(low[4], 0x78);
    uint64_t w64 = 0;
    assert_true(gmem_store64(&m, 0x1008, 0x1122334455667788));
    assert_int_equal(low[8], 0x88);
    assert_true(gmem_load64(&m, 0x1008, &w64));
    assert_int_equal(w64, 0x1122334455667788);
    assert_false(gmem_load64(&m, 0x100C, &w64));
    assert_false(gmem_store64(&m, 0x100C, 0));
}

static void a_swap_replaces_only_what_was_expected(void **state)
{
    (void)state;
    struct gmem m = three_regions();
    uint32_t e32 = 1;
    uint64_t e64 = 1;
    assert_true(gmem_store64(&m, 0x1008, 0x1122334455667788));
    assert_false(gmem_swap64(&m, 0x1008, &e64, 7));
    assert_int_equal(e64, 0x1122334455667788);
    assert_true(gmem_swap64(&m, 0x1008, &e64, 0x99AABBCC00000005));
    assert_false(gmem_swap32(&m, 0x1008, &e32, 9));
    assert_int_equal(e32, 5);
    assert_true(gmem_swap32(&m, 0x1008, &e32, 9));
    assert_true(gmem_load64(&m, 0x1008, &e64));
    assert_int_equal(e64, 0x99AABBCC00000009);
    assert_false(gmem_swap64(&m, 0x100C, &e64, 0)); /* misaligned, and not RAM */
    assert_false(gmem_swap32(&m, 0x1002, &e32, 0));
    assert_false(gmem_swap32(&m, 0, &e32, 0));
    assert_false(gmem_swap64(&m, 0x4000, &e64, 0));
}

static void control_words_outside_of_ram_are_refused(void **state)
{
    (void)state;
    struct gmem m = three_regions();
    uint16_t w16 = 0x5555;
    uint32_t w32 = 0x55555555;
    assert_true(gmem_load16(&m, 0x3FFE, &w16));
    assert_true(gmem_load32(&m, 0x3FFC, &w32));
    static const gpa_t outside[] = {0, 0xFFC, 0x4000, 0xFFFFFFFFFFFFF000ull, 0xFFFFFFFFFFFFFFFCull};
    w16 = 0x5555;
    w32 = 0x55555555;
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        assert_false(gmem_load16(&m, outside[i], &w16));
        assert_false(gmem_load32(&m, outside[i], &w32));
        assert_false(gmem_store16(&m, outside[i], 1));
        assert_false(gmem_store32(&m, outside[i], 1));
    }
    assert_int_equal(w16, 0x5555);
    assert_int_equal(w32, 0x55555555);
}

static void a_watch_tells_when_any_word_has_changed(void **state)
{
    (void)state;
    struct gmem m = three_regions();
    struct gmem_watch w = {.count = 0};
    assert_true(gmem_watch_same(&w)); /* nothing can change */
    for (uint32_t i = 0; i < GMEM_WATCH_MAX; i++) {
        assert_true(gmem_store64(&m, 0x1000 + 8 * i, i));
        assert_true(gmem_watch_add(&m, &w, 0x1000 + 8 * i, i));
        assert_true(gmem_watch_same(&w));
    }
    assert_false(gmem_watch_add(&m, &w, 0x1100, 0)); /* full */
    for (uint32_t i = 0; i < GMEM_WATCH_MAX; i++) {
        low[8 * i + 7] = 0x80;
        assert_false(gmem_watch_same(&w));
        low[8 * i + 7] = 0;
        assert_true(gmem_watch_same(&w));
    }
    w.count = 0;
    assert_false(gmem_watch_add(&m, &w, 0x1004, 0));
    assert_false(gmem_watch_add(&m, &w, 0x4000, 0));
    assert_int_equal(w.count, 0);
    assert_true(gmem_watch_add(&m, &w, 0x1000, 5)); /* it never held that */
    assert_false(gmem_watch_same(&w));
}

static void a_range_touches_ram_if_one_byte_is(void **state)
{
    (void)state;
    struct gmem m = three_regions();
    assert_true(gmem_touches(&m, 0xFFF, 2));
    assert_false(gmem_touches(&m, 0xFFF, 1));
    assert_true(gmem_touches(&m, 0, UINT64_MAX));
    assert_false(gmem_touches(&m, 0x4000, 0x1000));
    assert_false(gmem_touches(&m, 0x1000, 0));
}

/* No host maps RAM like this; a word that would need two accesses must be refused all the same. */
static void control_words_that_need_two_accesses_are_refused(void **state)
{
    (void)state;
    struct gmem m = {0};
    uint16_t w16;
    uint32_t w32;
    assert_true(gmem_add(&m, 0x1000, 0x102, low));      /* ends in the middle of a word */
    assert_true(gmem_add(&m, 0x1102, 0x100, high + 2)); /* and the next one goes on     */
    assert_true(gmem_add(&m, 0x2000, 0x100, top + 1));  /* odd in the host              */
    assert_true(gmem_contains(&m, 0x1100, 4));
    assert_false(gmem_load32(&m, 0x1100, &w32));
    assert_false(gmem_store32(&m, 0x1100, 0));
    assert_true(gmem_load16(&m, 0x1100, &w16));
    assert_true(gmem_load32(&m, 0x1104, &w32));
    assert_false(gmem_load16(&m, 0x2000, &w16));
    assert_false(gmem_store32(&m, 0x2000, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_are_sorted_and_disjoint),
        cmocka_unit_test(a_copy_crosses_adjoining_regions),
        cmocka_unit_test(what_is_not_all_ram_is_not_touched),
        cmocka_unit_test(control_words_are_little_endian_and_naturally_aligned),
        cmocka_unit_test(control_words_outside_of_ram_are_refused),
        cmocka_unit_test(a_swap_replaces_only_what_was_expected),
        cmocka_unit_test(a_watch_tells_when_any_word_has_changed),
        cmocka_unit_test(a_range_touches_ram_if_one_byte_is),
        cmocka_unit_test(control_words_that_need_two_accesses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
