/* SPDX-License-Identifier: BSD-2-Clause
 * Every form of the table, run by the processor that runs this test and by the emulator: see
 * docs/design/processor-tests.md. The same vectors on KVM, in all modes and rings, are the system test
 * `processor`. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <cpuid.h>

#include "../../processor/campaign.h"
#include "../../processor/native.h"
#include "../../processor/processors.h"

#define FORMS_AT_LEAST 280u

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *given = getenv(name);
    return given != NULL ? strtoull(given, NULL, 0) : otherwise;
}

static bool has_avx2(void)
{
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1u << 5)) != 0;
}

static void emulator_does_what_the_processor_does(void **state)
{
    static struct campaign c = {.place = -1, .cpl = -1, .show = 10};
    struct processor here = processor_native;
    const char *why = "";
    (void)state;
    if (!native_begin(&why)) {
        print_message("[   SKIP   ] %s\n", why);
        skip();
    }
    here.limits.avx = has_avx2();
    c.processor = &here;
    c.seed = from_environment("PROCESSOR_SEED", 1);
    c.count = (uint32_t)from_environment("PROCESSOR_COUNT", 12);
    campaign_run(&c);
    uint64_t different = campaign_report(&c);
    native_end();
    uint32_t forms_seen = 0;
    for (uint32_t i = 0; i < forms_count; i++) {
        forms_seen += c.by_form[i].compared != 0;
    }
    assert_int_equal(different, 0);
    assert_true(forms_seen >= FORMS_AT_LEAST || !here.limits.avx);
    assert_true(c.total.compared > forms_seen * 20ull || c.count < 12);
}

/* The comparison must be able to fail: a processor that forgets a flag, one that faults. */
static void spoilt_run(const struct vector *v, uint8_t *ram, struct outcome *out)
{
    native_run(v, ram, out);
    if (v->number % 3 == 0) {
        out->rflags ^= RFLAGS_CF;
    } else if (v->number % 3 == 1) {
        out->gpr[GPR_R15] ^= 1;
    } else {
        ram[WORLD_DATA + 0x123]++;
    }
}

static void any_difference_is_seen(void **state)
{
    static struct campaign c = {.place = PLACE_64, .cpl = 3, .show = 0, .seed = 7, .count = 12};
    struct processor spoilt = processor_native;
    const char *why = "";
    (void)state;
    if (!native_begin(&why)) {
        skip();
    }
    spoilt.run = spoilt_run;
    spoilt.excuse = NULL;
    c.processor = &spoilt;
    c.form = "mov r, m";
    campaign_run(&c);
    native_end();
    assert_true(c.total.compared >= 8);
    assert_int_equal(c.total.different, c.total.compared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emulator_does_what_the_processor_does),
        cmocka_unit_test(any_difference_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
