/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include "boot/aml.h"

static void assert_aml(const struct aml *a, const char *want, size_t len)
{
    assert_false(a->overflow);
    assert_int_equal(a->len, len);
    assert_memory_equal(a->buf, want, len);
}

static void integers_take_the_shortest_form(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *want;
        size_t len;
    } rows[] = {
        {0, "\x00", 1},
        {1, "\x01", 1},
        {2, "\x0A\x02", 2},
        {0xFF, "\x0A\xFF", 2},
        {0x100, "\x0B\x00\x01", 3},
        {0x10000, "\x0C\x00\x00\x01\x00", 5},
        {0x123456789ull, "\x0E\x89\x67\x45\x23\x01\x00\x00\x00", 9},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t buf[16];
        struct aml a;
        aml_init(&a, buf, sizeof(buf));
        aml_integer(&a, rows[i].value);
        assert_aml(&a, rows[i].want, rows[i].len);
    }
}

static void nested_bodies_count_themselves(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct aml a;
    aml_init(&a, buf, sizeof(buf));
    const uint32_t scope = aml_open_scope(&a, "_SB_");
    const uint32_t dev = aml_open_device(&a, "DEV0");
    aml_hid_pnp(&a, 0x0501);
    aml_close(&a, dev);
    aml_close(&a, scope);
    assert_aml(&a,
               "\x10\x48\x01_SB_"
               "\x5B\x82\x40\x01"
               "DEV0"
               "\x08_HID\x0C\x41\xD0\x05\x01",
               25);
}

static void a_resource_template_knows_its_size_and_ends(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct aml a;
    aml_init(&a, buf, sizeof(buf));
    const uint32_t crs = aml_open_crs(&a);
    aml_crs_io(&a, 0x3F8, 8);
    aml_crs_irq(&a, 4);
    aml_close_crs(&a, crs);
    assert_aml(&a,
               "\x08_CRS\x11\x42\x01\x0B\x0D\x00"
               "\x47\x01\xF8\x03\xF8\x03\x01\x08"
               "\x22\x10\x00"
               "\x79\x00",
               24);
}

static void what_does_not_fit_is_not_written(void **state)
{
    (void)state;
    for (uint32_t cap = 0; cap < 24; cap++) {
        uint8_t *buf = malloc(cap + 1);
        struct aml a;
        buf[cap] = 0xEE;
        aml_init(&a, buf, cap);
        const uint32_t crs = aml_open_crs(&a);
        aml_crs_io(&a, 0x3F8, 8);
        aml_crs_irq(&a, 4);
        aml_close_crs(&a, crs);
        assert_true(a.overflow);
        assert_true(a.len <= cap);
        assert_int_equal(buf[cap], 0xEE);
        free(buf);
    }
}

static void a_body_too_long_for_its_length_field_is_refused(void **state)
{
    (void)state;
    static uint8_t buf[0x2000];
    struct aml a;
    aml_init(&a, buf, sizeof(buf));
    const uint32_t scope = aml_open_scope(&a, "_SB_");
    while (a.len - scope < 0xFFF) {
        aml_integer(&a, 0);
    }
    aml_close(&a, scope);
    assert_false(a.overflow);
    assert_int_equal(buf[scope], 0x4F);
    assert_int_equal(buf[scope + 1], 0xFF);
    aml_integer(&a, 0);
    aml_close(&a, scope);
    assert_true(a.overflow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_take_the_shortest_form),
        cmocka_unit_test(nested_bodies_count_themselves),
        cmocka_unit_test(a_resource_template_knows_its_size_and_ends),
        cmocka_unit_test(what_does_not_fit_is_not_written),
        cmocka_unit_test(a_body_too_long_for_its_length_field_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
