/* SPDX-License-Identifier: BSD-2-Clause
 * What is said when memory cannot be had, and the scheduling contexts. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sel4/plan/text.h"
#include "sel4/plan/time.h"
#include "sel4/plan/untyped_say.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static struct untyped_pool pool;
static struct untyped_claim claim;
static char said[4096];

static void line(void *host, const char *words)
{
    (void)host;
    size_t used = strlen(said);
    snprintf(said + used, sizeof(said) - used, "%s\n", words);
}
static const struct rights_out out = {.line = line};

/* 16 MiB to 2 GiB, in the pieces that the kernel makes of it, and a device. */
static void machine(void)
{
    memset(&pool, 0, sizeof(pool));
    said[0] = 0;
    for (uint32_t bits = 24; bits <= 30; bits++) {
        assert_true(untyped_add(&pool, bits, 1ull << bits, bits, false));
    }
    assert_true(untyped_add(&pool, 1, 0xFED00000, 12, true));
}

static void numbers_are_written_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *words;
    } rows[] = {
        {0, "0 bytes"},
        {1000, "1000 bytes"},
        {4096, "4 KiB"},
        {384 * MIB, "384 MiB"},
        {1536 * MIB, "1536 MiB"},
        {GIB, "1 GiB"},
        {1ull << 50, "1048576 GiB"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text t = {.used = 0};
        text_size(&t, rows[i].bytes);
        assert_string_equal(t.byte, rows[i].words);
    }
    struct text t = {.used = 0};
    text_number(&t, UINT64_MAX);
    text_add(&t, " ");
    text_hex(&t, UINT64_MAX);
    text_hex(&t, 0);
    assert_string_equal(t.byte, "18446744073709551615 0xffffffffffffffff0x0");
}

static void a_long_line_is_cut_and_ended(void **state)
{
    (void)state;
    struct text t = {.used = 0};
    for (uint32_t i = 0; i < 100; i++) {
        text_add(&t, "0123456789");
    }
    assert_int_equal(strlen(t.byte), TEXT_BYTES - 1);
}

/* Claims, and says what came of it. */
static void wish(const char *vm, uint64_t at, uint64_t bytes)
{
    struct untyped_wish w = {.vm = vm, .at = at, .bytes = bytes};
    struct untyped_refusal r;
    said[0] = 0;
    r.result = at != 0 ? untyped_claim_at(&pool, at, bytes, 1, &claim, &r.fault)
                       : untyped_claim_any(&pool, bytes, 1, &claim, &r.fault);
    if (r.result != UNTYPED_OK) {
        untyped_say(&pool, &w, &r, &out);
    }
}

static void a_place_that_is_taken_is_named_with_others(void **state)
{
    (void)state;
    machine();
    wish("rtos", 0x40000000, 512 * MIB);
    assert_string_equal(said, "");
    wish("linux", 0x50000000, 256 * MIB);
    assert_string_equal(said, "VM linux: its RAM, 256 MiB at 0x50000000-0x5fffffff, cannot be had: "
                              "0x50000000 is taken by another VM or by init\n"
                              "  choose another \"at\" in its backing:\n"
                              "  free: 0x1000000-0x3fffffff\n"
                              "  free: 0x60000000-0x7fffffff\n");
}

static void a_place_without_memory_is_named(void **state)
{
    (void)state;
    machine();
    wish("rtos", 0x7F000000, 32 * MIB);
    assert_non_null(strstr(said, "0x80000000 is the kernel's, or there is no memory\n"));
    wish("rtos", 0x90000000, 4 * GIB);
    assert_non_null(strstr(said, "nowhere is so much free in one piece\n"));
}

static void too_little_memory_is_counted(void **state)
{
    (void)state;
    machine();
    wish("linux", 0, 3 * GIB);
    assert_string_equal(said, "VM linux: its RAM, 3 GiB, cannot be had: only 2032 MiB are free in "
                              "pieces of 2 MiB; give VMs less, or the machine more\n");
}

static void each_component_has_its_time(void **state)
{
    (void)state;
    static struct system_image image;
    image.vms = 2;
    image.vm[0].cpu = 3;
    image.vm[0].priority = 98;
    image.vm[0].io_cpu = 1;
    image.vm[1].cpu = SYSTEM_CPU_ANY;
    image.vm[1].io_cpu = SYSTEM_CPU_ANY;
    image.switch_[0].cpu = 1;
    image.sel4.vmm[1] = (struct system_budget){300, 1000};
    image.sel4.io[0] = (struct system_budget){20, 100};
    image.sel4.native[0].time = (struct system_budget){10, 200};
    static const struct {
        uint32_t party;
        uint32_t cores;
        struct part_time t;
    } rows[] = {
        {PARTY(PARTY_VMM, 0), 4, {3, 199, 10000, 10000}},
        {PARTY(PARTY_VMM, 0), 2, {1, 199, 10000, 10000}},
        {PARTY(PARTY_VMM, 1), 4, {0, 100, 300, 1000}},
        {PARTY(PARTY_IO, 0), 4, {1, 101, 20, 100}},
        {PARTY(PARTY_IO, 1), 1, {0, 101, 1000, 5000}},
        {PARTY(PARTY_SWITCH, 0), 4, {1, 101, 500, 5000}},
        {PARTY(PARTY_NATIVE, 0), 1, {0, 101, 10, 200}},
        {PARTY(PARTY_KEEPER, 2), 4, {2, 250, 5000, 5000}},
        {PARTY(PARTY_CONSOLE, 0), 4, {0, 240, 500, 5000}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct part_time t = part_time(&image, rows[i].party, rows[i].cores);
        assert_int_equal(t.core, rows[i].t.core);
        assert_int_equal(t.priority, rows[i].t.priority);
        assert_int_equal(t.budget_us, rows[i].t.budget_us);
        assert_int_equal(t.period_us, rows[i].t.period_us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_people_write_them),
        cmocka_unit_test(a_long_line_is_cut_and_ended),
        cmocka_unit_test(a_place_that_is_taken_is_named_with_others),
        cmocka_unit_test(a_place_without_memory_is_named),
        cmocka_unit_test(too_little_memory_is_counted),
        cmocka_unit_test(each_component_has_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
