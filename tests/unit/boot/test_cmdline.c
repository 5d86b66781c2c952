/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include "boot/cmdline.h"

#define BIG CMDLINE_BYTES_MAX

static void texts_expand_or_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t limit;
        enum boot_status status;
        const char *want;
    } rows[] = {
        {NULL, BIG, BOOT_OK, ""},
        {"", BIG, BOOT_OK, ""},
        {"", 1, BOOT_OK, ""},
        {"", 0, BOOT_TEXT_TOO_LONG, NULL},
        {"quiet", BIG, BOOT_OK, "quiet"},
        {"quiet", 6, BOOT_OK, "quiet"},
        {"quiet", 5, BOOT_TEXT_TOO_LONG, NULL},
        {"a=${tsc_khz} b=${apic_khz}", BIG, BOOT_OK, "a=2400000 b=1000000"},
        {"${tsc_khz}${tsc_khz}", BIG, BOOT_OK, "24000002400000"},
        {"n=${restarts}", BIG, BOOT_OK, "n=37"},
        {"${tsc_khz}", 8, BOOT_OK, "2400000"},
        {"${tsc_khz}", 7, BOOT_TEXT_TOO_LONG, NULL},
        {"$ $$ $x {tsc_khz} $", BIG, BOOT_OK, "$ $$ $x {tsc_khz} $"},
        {"$${tsc_khz}", BIG, BOOT_OK, "$2400000"},
        {"${}", BIG, BOOT_TEXT_UNKNOWN_NAME, NULL},
        {"x ${tsc_mhz}", BIG, BOOT_TEXT_UNKNOWN_NAME, NULL},
        {"${TSC_KHZ}", BIG, BOOT_TEXT_UNKNOWN_NAME, NULL},
        {"${tsc_khz ", BIG, BOOT_TEXT_UNTERMINATED, NULL},
        {"${", BIG, BOOT_TEXT_UNTERMINATED, NULL},
        {"ok ${tsc_khz} ${", BIG, BOOT_TEXT_UNTERMINATED, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, 0x4000);
        const struct cmdline c = {rows[i].text, 2400000, rows[i].limit, 37};
        uint32_t bytes = 0;
        assert_int_equal(cmdline_measure(&c, &bytes), rows[i].status);
        if (rows[i].status == BOOT_OK) {
            assert_true(gmem_fill(&f->mem, 0, '#', 0x4000));
            assert_int_equal(bytes, strlen(rows[i].want) + 1);
            cmdline_store(&c, &f->mem, 0x1000);
            assert_guest_text(f, 0x1000, rows[i].want);
            assert_int_equal(guest_num(f, 0x0FFF, 1), '#');
            assert_int_equal(guest_num(f, 0x1000 + bytes, 1), '#');
        }
        fixture_close(f);
    }
}

static void numbers_are_written_whole(void **state)
{
    (void)state;
    static const struct {
        uint32_t khz;
        const char *want;
    } rows[] = {{1, "1"}, {10, "10"}, {UINT32_MAX, "4294967295"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, 0x1000);
        const struct cmdline c = {"${tsc_khz}", rows[i].khz, BIG, 0};
        uint32_t bytes = 0;
        assert_int_equal(cmdline_measure(&c, &bytes), BOOT_OK);
        cmdline_store(&c, &f->mem, 0);
        assert_guest_text(f, 0, rows[i].want);
        fixture_close(f);
    }
}

static void no_limit_lets_more_than_the_maximum_through(void **state)
{
    (void)state;
    static char text[CMDLINE_BYTES_MAX + 16];
    memset(text, 'x', sizeof(text) - 1);
    struct cmdline c = {text, 1, UINT32_MAX, 0};
    uint32_t bytes = 0;
    assert_int_equal(cmdline_measure(&c, &bytes), BOOT_TEXT_TOO_LONG);
    text[CMDLINE_BYTES_MAX] = 0;
    assert_int_equal(cmdline_measure(&c, &bytes), BOOT_TEXT_TOO_LONG);
    text[CMDLINE_BYTES_MAX - 1] = 0;
    assert_int_equal(cmdline_measure(&c, &bytes), BOOT_OK);
    assert_int_equal(bytes, CMDLINE_BYTES_MAX);
    /* As many names as a command line holds, each shorter than its number. */
    for (uint32_t i = 0; i < 400; i++) {
        memcpy(&text[10 * i], "${tsc_khz}", 10);
    }
    text[4000] = 0;
    c.tsc_khz = UINT32_MAX;
    assert_int_equal(cmdline_measure(&c, &bytes), BOOT_OK);
    assert_int_equal(bytes, 4001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_expand_or_are_refused),
        cmocka_unit_test(numbers_are_written_whole),
        cmocka_unit_test(no_limit_lets_more_than_the_maximum_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
