/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

struct expected {
    uint64_t base;
    uint64_t len;
    uint32_t type;
};

static void assert_map(const struct e820_map *m, const struct expected *want, uint32_t count)
{
    assert_int_equal(m->count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(m->entry[i].base, want[i].base);
        assert_int_equal(m->entry[i].len, want[i].len);
        assert_int_equal(m->entry[i].type, want[i].type);
    }
}

static void the_legacy_area_is_reserved_even_where_ram_backs_it(void **state)
{
    (void)state;
    static struct system_vm vm = {.ranges = 1, .range = {{0, GIB}}};
    static const struct expected want[] = {
        {0, 0xA0000, E820_RAM},
        {0xA0000, 0x60000, E820_RESERVED},
        {0x100000, GIB - MIB, E820_RAM},
    };
    struct e820_map m;
    e820_init(&m, &vm);
    assert_map(&m, want, 3);
    assert_int_equal(e820_ram_end(&m, 0), 0xA0000);
    assert_int_equal(e820_ram_end(&m, MIB), GIB);
    assert_int_equal(e820_ram_end(&m, 0xA0000), 0xA0000);
    assert_int_equal(e820_ram_end(&m, GIB), GIB);
}

static void the_legacy_area_is_reserved_where_there_is_no_ram(void **state)
{
    (void)state;
    static struct system_vm vm = {.ranges = 3,
                                  .range = {{0, 0xA0000}, {MIB, 15 * MIB}, {4 * GIB, GIB}}};
    static const struct expected want[] = {
        {0, 0xA0000, E820_RAM},
        {0xA0000, 0x60000, E820_RESERVED},
        {MIB, 15 * MIB, E820_RAM},
        {4 * GIB, GIB, E820_RAM},
    };
    struct e820_map m;
    e820_init(&m, &vm);
    assert_map(&m, want, 4);

    static struct system_vm high = {.ranges = 1, .range = {{GIB, GIB}}};
    static const struct expected want_high[] = {
        {0xA0000, 0x60000, E820_RESERVED},
        {GIB, GIB, E820_RAM},
    };
    e820_init(&m, &high);
    assert_map(&m, want_high, 2);
}

static void neighbours_of_one_type_merge_and_marks_cut(void **state)
{
    (void)state;
    static struct system_vm vm = {.ranges = 2, .range = {{MIB, MIB}, {2 * MIB, 2 * MIB}}};
    static const struct expected merged[] = {
        {0xA0000, 0x60000, E820_RESERVED},
        {MIB, 3 * MIB, E820_RAM},
    };
    static const struct expected cut[] = {
        {0xA0000, 0x60000, E820_RESERVED},
        {MIB, MIB - 0x1000, E820_RAM},
        {2 * MIB - 0x1000, 0x2000, E820_RESERVED},
        {2 * MIB + 0x1000, 2 * MIB - 0x1000, E820_RAM},
    };
    static const struct expected top[] = {
        {0xA0000, 0x60000, E820_RESERVED},         {MIB, MIB - 0x1000, E820_RAM},
        {2 * MIB - 0x1000, 0x2000, E820_RESERVED}, {2 * MIB + 0x1000, 2 * MIB - 0x2000, E820_RAM},
        {4 * MIB - 0x1000, 0x1000, E820_RESERVED},
    };
    struct e820_map m;
    e820_init(&m, &vm);
    assert_map(&m, merged, 2);
    e820_mark(&m, 2 * MIB - 0x1000, 0x2000, E820_RESERVED);
    assert_map(&m, cut, 4);
    e820_mark(&m, 4 * MIB - 0x1000, 0x1000, E820_RESERVED);
    assert_map(&m, top, 5);
}

static void a_mark_that_touches_the_legacy_area_merges_with_it(void **state)
{
    (void)state;
    static struct system_vm vm = {.ranges = 1, .range = {{0, 2 * MIB}}};
    static const struct expected want[] = {
        {0, 0x9F000, E820_RAM},
        {0x9F000, 0x61000, E820_RESERVED},
        {MIB, MIB, E820_RAM},
    };
    struct e820_map m;
    e820_init(&m, &vm);
    e820_mark(&m, 0x9F000, 0x1000, E820_RESERVED);
    assert_map(&m, want, 3);
}

static void a_mark_may_lie_where_no_ram_is(void **state)
{
    (void)state;
    static struct system_vm vm = {.ranges = 1, .range = {{MIB, MIB}}};
    static const struct expected want[] = {
        {0xA0000, 0x60000, E820_RESERVED},
        {MIB, MIB, E820_RAM},
        {8 * MIB, 0x1000, E820_RESERVED},
    };
    struct e820_map m;
    e820_init(&m, &vm);
    e820_mark(&m, 8 * MIB, 0x1000, E820_RESERVED);
    assert_map(&m, want, 3);
}

static void the_worst_case_of_ranges_and_marks_fits(void **state)
{
    (void)state;
    static struct system_vm vm = {.ranges = SYSTEM_RANGES_MAX};
    vm.range[0] = (struct system_range){0, 2 * MIB};
    for (uint32_t i = 1; i < SYSTEM_RANGES_MAX; i++) {
        vm.range[i] = (struct system_range){i * 4 * MIB, 2 * MIB};
    }
    struct e820_map m;
    e820_init(&m, &vm);
    e820_mark(&m, 5 * MIB, 0x1000, E820_RESERVED);
    e820_mark(&m, 9 * MIB, 0x1000, E820_RESERVED);
    assert_int_equal(m.count, E820_MAX);
    for (uint32_t i = 1; i < m.count; i++) {
        assert_true(m.entry[i].base >= m.entry[i - 1].base + m.entry[i - 1].len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_legacy_area_is_reserved_even_where_ram_backs_it),
        cmocka_unit_test(the_legacy_area_is_reserved_where_there_is_no_ram),
        cmocka_unit_test(neighbours_of_one_type_merge_and_marks_cut),
        cmocka_unit_test(a_mark_that_touches_the_legacy_area_merges_with_it),
        cmocka_unit_test(a_mark_may_lie_where_no_ram_is),
        cmocka_unit_test(the_worst_case_of_ranges_and_marks_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
