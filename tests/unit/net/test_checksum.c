/* SPDX-License-Identifier: BSD-2-Clause
 * The Internet checksum, and the big-endian fields that it stands in. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/be.h"
#include "net/checksum.h"

/* RFC 1071, section 2, word for word. */
static uint16_t as_the_rfc(const uint8_t *p, uint32_t len)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i + 1u < len; i += 2u) {
        sum += be16_load(p + i);
    }
    sum += (len & 1u) != 0 ? (uint32_t)p[len - 1u] << 8 : 0;
    while (sum >> 16 != 0) {
        sum = (sum & 0xFFFFu) + (sum >> 16);
    }
    return (uint16_t)sum;
}

static void every_length_has_the_sum_of_the_rfc(void **state)
{
    (void)state;
    static uint8_t bytes[2048];
    uint32_t seed = 1;
    for (uint32_t i = 0; i < sizeof(bytes); i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = i < 64 ? 0xFF : (uint8_t)(seed >> 24);
    }
    for (uint32_t len = 0; len < sizeof(bytes) - 1u; len++) {
        uint8_t field[2];
        checksum_store(field, checksum_sum(bytes + 1, len));
        assert_int_equal(be16_load(field), (uint16_t)~as_the_rfc(bytes + 1, len));
        assert_int_equal(checksum_holds(checksum_sum(bytes + 1, len)),
                         as_the_rfc(bytes + 1, len) == 0xFFFF);
    }
}

static void parts_add_up(void **state)
{
    (void)state;
    uint8_t packet[12] = {0x45, 0x00, 0x12, 0x34, 0xFF, 0xFE, 0, 0, 0, 17, 0xAB, 0xCD};
    uint64_t sum = checksum_sum(packet, 8) + checksum_number(17) + checksum_number(0xABCD);
    assert_int_equal(checksum_fold(sum), checksum_fold(checksum_sum(packet, sizeof(packet))));
    checksum_store(packet + 6, sum);
    assert_true(checksum_holds(checksum_sum(packet, sizeof(packet))));
    packet[0] ^= 1u;
    assert_false(checksum_holds(checksum_sum(packet, sizeof(packet))));
}

static void fields_are_read_as_they_are_written(void **state)
{
    (void)state;
    uint8_t bytes[6] = {0};
    be32_store(bytes + 1, 0x12345678u);
    static const uint8_t expected[6] = {0, 0x12, 0x34, 0x56, 0x78, 0};
    assert_memory_equal(bytes, expected, sizeof(bytes));
    assert_int_equal(be32_load(bytes + 1), 0x12345678u);
    assert_int_equal(be16_load(bytes + 2), 0x3456u);
    be16_store(bytes, 0xABCDEFu); /* the low half */
    assert_int_equal(be16_load(bytes), 0xCDEFu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_has_the_sum_of_the_rfc),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(fields_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
