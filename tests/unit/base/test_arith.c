/* SPDX-License-Identifier: BSD-2-Clause
 * Arithmetic, byte order and checksum of src/base. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arith.h"
#include "base/bits.h"
#include "base/crc32.h"
#include "base/le.h"

static void add_says_when_it_does_not_fit(void **state)
{
    (void)state;
    uint64_t sum = 7;
    assert_true(u64_add(UINT64_MAX - 1, 1, &sum));
    assert_int_equal(sum, UINT64_MAX);
    sum = 7;
    assert_false(u64_add(UINT64_MAX, 1, &sum));
    assert_int_equal(sum, 7);
}

static void ranges_do_not_wrap(void **state)
{
    (void)state;
    assert_true(range_within(0x1000, 0x1000, 0x1000, 0x1000));
    assert_false(range_within(0x1000, 0x1001, 0x1000, 0x1000));
    assert_false(range_within(0xFFF, 1, 0x1000, 0x1000));
    assert_false(range_within(UINT64_MAX, 2, 0x1000, 0x1000));
    assert_false(range_within(0x1800, UINT64_MAX, 0x1000, 0x1000));
    assert_true(range_within(0x2000, 0, 0x1000, 0x1000));
    assert_true(range_overlaps(0, 0x1001, 0x1000, 1));
    assert_false(range_overlaps(0, 0x1000, 0x1000, 1));
    assert_true(range_overlaps(UINT64_MAX, 1, 0x1000, UINT64_MAX - 0xFFF));
    assert_false(range_overlaps(5, 0, 0, 10));
}

static void scaling_is_exact_and_deadlines_round_up(void **state)
{
    (void)state;
    assert_int_equal(u64_scale(7, 10, 4), 17);
    assert_int_equal(u64_scale_up(7, 10, 4), 18);
    assert_int_equal(u64_scale_up(8, 10, 4), 20);
    assert_int_equal(u64_scale_up(UINT64_MAX, 1000000, 3), UINT64_MAX);
    /* A century at 5 GHz still fits, and what rounds up never comes back early. */
    const uint32_t khz = 4999999;
    for (uint64_t ns = 3155760000000000000ull; ns < 3155760000000001000ull; ns++) {
        uint64_t tsc = u64_scale_up(ns, khz, 1000000);
        assert_true(u64_scale(tsc, 1000000, khz) >= ns);
        assert_true(u64_scale(tsc - 1, 1000000, khz) < ns);
    }
}

static void bytes_and_fields(void **state)
{
    (void)state;
    uint8_t b[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    assert_int_equal(le16(b), 0x0201);
    assert_int_equal(le32(b), 0x04030201);
    assert_int_equal(le64(b), 0x0807060504030201ull);
    le_store(b + 1, 3, 0xAABBCCDD);
    assert_int_equal(le32(b), 0xBBCCDD01);
    assert_int_equal(ones_bytes(1), 0xFF);
    assert_int_equal(ones_bytes(8), UINT64_MAX);
    assert_int_equal(bits_merge(0xF0F0, 0x1234, 0x00FF), 0xF034);
}

static void crc_has_its_check_value(void **state)
{
    (void)state;
    assert_int_equal(crc32_update(0, "123456789", 9), 0xCBF43926u);
    assert_int_equal(crc32_update(crc32_update(0, "1234", 4), "56789", 5), 0xCBF43926u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_says_when_it_does_not_fit),
        cmocka_unit_test(ranges_do_not_wrap),
        cmocka_unit_test(scaling_is_exact_and_deadlines_round_up),
        cmocka_unit_test(bytes_and_fields),
        cmocka_unit_test(crc_has_its_check_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
