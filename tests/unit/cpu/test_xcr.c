/* SPDX-License-Identifier: BSD-2-Clause
 * XCR0 and the sizes of the XSAVE area. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cpu/xcr.h"

static const struct xcr full = {
    .offered = 0x2E7,
    .part = {[2] = {256, 576, 0},
             [5] = {64, 1088, 1},
             [6] = {512, 1152, 0},
             [7] = {1024, 1664, 1},
             [9] = {8, 2688, 0}},
};

/* The rules of [SDM] vol. 1, 13.3, said another way, for every value of the low bits. */
static bool legal(uint64_t offered, uint64_t v)
{
    bool sse_if_avx = (v & 4) == 0 || (v & 2) != 0;
    uint32_t three = (uint32_t)((v >> 5 & 1) + (v >> 6 & 1) + (v >> 7 & 1));
    bool avx512 = three == 0 || (three == 3 && (v & 4) != 0);
    return (v & 1) != 0 && (v | offered) == offered && sse_if_avx && avx512;
}

static void every_value_of_xcr0_is_legal_or_faults_as_the_manual_says(void **state)
{
    (void)state;
    static const uint64_t offers[] = {0x2E7, 0xE7, 7, 3, 0x207, 0};
    for (size_t o = 0; o < sizeof(offers) / sizeof(offers[0]); o++) {
        struct xcr x = full;
        x.offered = offers[o];
        for (uint64_t v = 0; v < 0x800; v++) {
            assert_int_equal(xcr_write_legal(&x, 0, v), legal(offers[o], v));
            assert_false(xcr_write_legal(&x, 1, v));
        }
        for (uint32_t bit = 10; bit < 64; bit++) {
            assert_false(xcr_write_legal(&x, 0, 1ull << bit | 3));
        }
        assert_false(xcr_write_legal(&x, UINT32_MAX, 3));
    }
}

static void the_area_holds_every_component_that_counts(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < 0x400; v++) {
        uint32_t end = XCR_LEGACY_BYTES;
        for (uint32_t i = 2; i < XCR_PARTS; i++) {
            uint32_t part_end = full.part[i].offset + full.part[i].bytes;
            end = (v & full.offered) >> i & 1 && part_end > end ? part_end : end;
        }
        assert_int_equal(xcr_bytes(&full, v), end);
        assert_true(xcr_bytes(&full, v) <= xcr_bytes(&full, full.offered));
    }
    assert_int_equal(xcr_bytes(&full, UINT64_MAX), 2696);
    assert_int_equal(xcr_bytes_compacted(&full, 3), 576);
    assert_int_equal(xcr_bytes_compacted(&full, 0x203), 584);
    assert_int_equal(xcr_bytes_compacted(&full, 7), 832);
    assert_int_equal(xcr_bytes_compacted(&full, 0xE7), 832 + 64 + 512 + 1024);
    /* One that is aligned comes after one whose size is odd. */
    struct xcr odd = full;
    odd.part[2].bytes = 257;
    assert_int_equal(xcr_bytes_compacted(&odd, 7), 833);
    assert_int_equal(xcr_bytes_compacted(&odd, 0x27), 896 + 64);
}

static void parts_that_cannot_be_are_known(void **state)
{
    (void)state;
    static const struct {
        struct xcr_part part;
        bool valid;
    } rows[] = {
        {{256, 576, 0}, true},  {{8192, 2816, 1}, true},
        {{0, 576, 0}, false},   {{8193, 576, 0}, false},
        {{64, 575, 0}, false},  {{64, 65537, 0}, false},
        {{64, 65536, 0}, true}, {{UINT32_MAX, UINT32_MAX, 0}, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(xcr_part_valid(&rows[i].part), rows[i].valid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_of_xcr0_is_legal_or_faults_as_the_manual_says),
        cmocka_unit_test(the_area_holds_every_component_that_counts),
        cmocka_unit_test(parts_that_cannot_be_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
