/* SPDX-License-Identifier: BSD-2-Clause
 * Guest memory: all or nothing, across regions, at the edges of the address space. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vm/gmem.h"

static uint8_t low[0x2000], high[0x1000], top[0x1000];

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_are_sorted_and_disjoint),
        cmocka_unit_test(a_copy_crosses_adjoining_regions),
        cmocka_unit_test(what_is_not_all_ram_is_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
