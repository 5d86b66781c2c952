/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

static void every_status_has_a_sentence_of_its_own(void **state)
{
    (void)state;
    const char *unknown = boot_status_text((enum boot_status)BOOT_STATUSES);
    for (uint32_t i = 0; i < BOOT_STATUSES; i++) {
        const char *text = boot_status_text((enum boot_status)i);
        assert_string_not_equal(text, unknown);
        assert_int_equal(text[strlen(text) - 1], '.');
        for (uint32_t k = 0; k < i; k++) {
            assert_string_not_equal(text, boot_status_text((enum boot_status)k));
        }
    }
}

static void a_missing_kernel_and_an_unknown_protocol_are_refused(void **state)
{
    (void)state;
    static const uint8_t bytes[16];
    struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, MIB);
    assert_int_equal(fixture_load(f), BOOT_NO_KERNEL);
    fixture_kernel(f, bytes, sizeof(bytes));
    f->vm.protocol = 0;
    assert_int_equal(fixture_load(f), BOOT_BAD_PROTOCOL);
    f->vm.protocol = 3;
    assert_int_equal(fixture_load(f), BOOT_BAD_PROTOCOL);
    fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_sentence_of_its_own),
        cmocka_unit_test(a_missing_kernel_and_an_unknown_protocol_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
