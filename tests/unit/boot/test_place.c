/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include "boot/place.h"

static void the_lowest_room_steps_over_what_is_taken(void **state)
{
    (void)state;
    struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, 4 * MIB);
    struct place p;
    gpa_t at = 0;
    place_init(&p, &f->mem);
    place_use(&p, 0x1000, 0x10);
    place_use(&p, 0x3000, 0x1000);
    const struct place_want want = {.len = 0x1000, .align = 0x1000, .lo = 0x1000, .hi = MIB};
    assert_true(place_take(&p, &want, &at));
    assert_int_equal(at, 0x2000);
    assert_true(place_take(&p, &want, &at));
    assert_int_equal(at, 0x4000);
    assert_false(place_is_free(&p, 0x4FFF, 1));
    assert_true(place_is_free(&p, 0x5000, 1));
    fixture_close(f);
}

static void the_highest_room_steps_under_what_is_taken(void **state)
{
    (void)state;
    struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, 4 * MIB);
    struct place p;
    gpa_t at = 0;
    place_init(&p, &f->mem);
    place_use(&p, 4 * MIB - 1, 1);
    const struct place_want want = {
        .len = 0x1800, .align = 0x1000, .lo = MIB, .hi = PLACE_4G, .from_top = true};
    assert_true(place_take(&p, &want, &at));
    assert_int_equal(at, 4 * MIB - 0x2000);
    assert_true(place_take(&p, &want, &at));
    assert_int_equal(at, 4 * MIB - 0x4000);
    fixture_close(f);
}

static void the_legacy_area_is_given_only_to_those_who_ask_for_it(void **state)
{
    (void)state;
    struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, 2 * MIB);
    struct place p;
    gpa_t at = 0;
    place_init(&p, &f->mem);
    const struct place_want up = {.len = 0x1000, .align = 0x1000, .lo = 0x9F800, .hi = 2 * MIB};
    const struct place_want down = {
        .len = 0x2000, .align = 0x1000, .lo = 0, .hi = 0x101000, .from_top = true};
    const struct place_want rom = {.len = 0x10, .align = 0x10, .lo = 0xE0000, .hi = MIB};
    assert_true(place_take(&p, &up, &at));
    assert_int_equal(at, MIB);
    assert_true(place_take(&p, &down, &at));
    assert_int_equal(at, 0x9E000);
    assert_true(place_take(&p, &rom, &at));
    assert_int_equal(at, 0xE0000);
    fixture_close(f);
}

static void a_piece_may_cross_adjoining_ranges_but_no_gap(void **state)
{
    (void)state;
    struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, 0);
    fixture_range(f, MIB, 0x2000);
    fixture_range(f, MIB + 0x2000, 0x2000);
    fixture_range(f, MIB + 0x6000, 0x3000);
    struct place p;
    gpa_t at = 0;
    place_init(&p, &f->mem);
    const struct place_want four = {.len = 0x4000, .align = 0x1000, .lo = 0, .hi = PLACE_4G};
    const struct place_want five = {.len = 0x5000, .align = 0x1000, .lo = 0, .hi = PLACE_4G};
    struct place_want top = four;
    top.from_top = true;
    assert_false(place_take(&p, &five, &at));
    assert_true(place_take(&p, &top, &at));
    assert_int_equal(at, MIB);
    assert_false(place_take(&p, &four, &at));
    fixture_close(f);
}

static void impossible_wishes_are_refused(void **state)
{
    (void)state;
    struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, 2 * MIB);
    struct place p;
    place_init(&p, &f->mem);
    const struct place_want wants[] = {
        {.len = UINT64_MAX, .align = 0x1000, .lo = 0, .hi = UINT64_MAX},
        {.len = UINT64_MAX, .align = 0x1000, .lo = 0, .hi = UINT64_MAX, .from_top = true},
        {.len = 0x1000, .align = 0x1000, .lo = MIB, .hi = MIB},
        {.len = 0x1000, .align = 0x1000, .lo = MIB, .hi = 0},
        {.len = 0x1000, .align = 1ull << 63, .lo = 1, .hi = UINT64_MAX},
        {.len = 0x1000, .align = 0x1000, .lo = UINT64_MAX - 1, .hi = UINT64_MAX},
        {.len = 0x1001, .align = 0x1000, .lo = MIB, .hi = MIB + 0x1000, .from_top = true},
        {.len = 2 * MIB, .align = 1, .lo = 0, .hi = PLACE_4G},
    };
    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
        gpa_t at = 77;
        assert_false(place_take(&p, &wants[i], &at));
        assert_int_equal(at, 77);
    }
    fixture_close(f);
}

/* Every answer against a search of all pages, with the table as full as it gets. */
static void answers_agree_with_a_search_page_by_page(void **state)
{
    (void)state;
    struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, 0);
    fixture_range(f, 0, 0x9F000);
    fixture_range(f, MIB, 0x20000);
    struct place p;
    place_init(&p, &f->mem);
    uint32_t seed = 1;
    while (p.count < PLACE_USED_MAX) {
        seed = seed * 1103515245u + 12345u;
        const struct place_want want = {
            .len = 0x1000 * (1 + (seed >> 16) % 7),
            .align = 0x1000u << ((seed >> 20) % 3),
            .lo = 0x1000 * ((seed >> 8) % 64),
            .hi = MIB + 0x20000,
            .from_top = (seed >> 28) % 2 != 0,
        };
        uint64_t best = UINT64_MAX;
        for (uint64_t at = want.lo; at + want.len <= want.hi; at += 0x1000) {
            const bool good = at % want.align == 0 && gmem_contains(&f->mem, at, want.len) &&
                              place_is_free(&p, at, want.len);
            if (good && (want.from_top || best == UINT64_MAX)) {
                best = at;
            }
        }
        gpa_t got = UINT64_MAX;
        assert_int_equal(place_take(&p, &want, &got), best != UINT64_MAX);
        assert_int_equal(got, best);
        if (best == UINT64_MAX) {
            break;
        }
    }
    assert_true(p.count > 20);
    fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_room_steps_over_what_is_taken),
        cmocka_unit_test(the_highest_room_steps_under_what_is_taken),
        cmocka_unit_test(the_legacy_area_is_given_only_to_those_who_ask_for_it),
        cmocka_unit_test(a_piece_may_cross_adjoining_ranges_but_no_gap),
        cmocka_unit_test(impossible_wishes_are_refused),
        cmocka_unit_test(answers_agree_with_a_search_page_by_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
