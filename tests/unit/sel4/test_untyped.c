/* SPDX-License-Identifier: BSD-2-Clause
 * Untyped memory: the counts against a kernel that does what seL4 does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/string.h"
#include "sel4/plan/untyped.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static struct untyped_pool pool;
static struct untyped_claim claim;

/* The kernel's view: base and watermark of each untyped that it knows. */
struct kernel_untyped {
    uint64_t at, used;
    uint32_t bits;
};
static struct kernel_untyped kernel[UNTYPED_MAX];

static void kernel_takes_over(void)
{
    for (uint32_t i = 0; i < pool.count; i++) {
        kernel[i] = (struct kernel_untyped){pool.entry[i].at, 0, pool.entry[i].bits};
    }
}

/* seL4's Untyped_Retype with one object. */
static uint64_t kernel_retype(uint32_t from, uint32_t bits)
{
    struct kernel_untyped *k = &kernel[from];
    uint64_t size = 1ull << bits;
    uint64_t at = (k->at + k->used + size - 1) & ~(size - 1);
    assert_true(at + size <= k->at + (1ull << k->bits));
    k->used = at + size - k->at;
    return at;
}

/* Does the steps; each object must lie where the plan says. */
static void kernel_executes(const struct untyped_claim *c)
{
    for (uint32_t i = 0; i < c->steps; i++) {
        const struct untyped_step *s = &c->step[i];
        assert_int_equal(kernel_retype(s->from, s->bits), s->at);
        kernel[s->to] = (struct kernel_untyped){s->at, 0, s->bits};
    }
}

static uint64_t claimed_bytes(const struct untyped_claim *c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->blocks; i++) {
        sum += 1ull << pool.entry[c->block[i]].bits;
    }
    return sum;
}

/* A machine of 4 GiB with a kernel and a hole, as boot information lists it. */
static void machine(void)
{
    memset(&pool, 0, sizeof(pool));
    assert_true(untyped_add(&pool, 1, 0xFEC00000, 12, true));
    assert_true(untyped_add(&pool, 2, 0xFED00000, 20, true));
    assert_true(untyped_add(&pool, 3, 16 * MIB, 24, false));
    assert_true(untyped_add(&pool, 4, 32 * MIB, 25, false));
    assert_true(untyped_add(&pool, 5, 64 * MIB, 26, false));
    assert_true(untyped_add(&pool, 6, 128 * MIB, 27, false));
    assert_true(untyped_add(&pool, 7, 256 * MIB, 28, false));
    assert_true(untyped_add(&pool, 8, 512 * MIB, 29, false));
    assert_true(untyped_add(&pool, 9, GIB, 30, false));
    assert_true(
        untyped_add(&pool, 10, 4 * GIB, 30, true)); /* RAM that the kernel was not told of */
    kernel_takes_over();
}

static void impossible_entries_are_refused(void **state)
{
    (void)state;
    memset(&pool, 0, sizeof(pool));
    assert_false(untyped_add(&pool, 1, 0x1000, 13, false)); /* not aligned to its size */
    assert_false(untyped_add(&pool, 1, 0, 3, false));
    assert_false(untyped_add(&pool, 1, 0, 48, false));
    pool.count = UNTYPED_MAX;
    assert_false(untyped_add(&pool, 1, 0, 12, false));
}

static void objects_lie_where_the_kernel_puts_them(void **state)
{
    (void)state;
    machine();
    static const uint8_t bits[] = {4, 12, 5, 14, 12, 11, 21, 12, 4, 21, 6};
    for (uint32_t n = 0; n < 200; n++) {
        uint32_t from;
        uint64_t at;
        uint32_t b = bits[n % sizeof(bits)];
        assert_true(untyped_object(&pool, b, &from, &at));
        assert_false(pool.entry[from].device);
        assert_int_equal(kernel_retype(from, b), at);
    }
    for (uint32_t i = 0; i < pool.count; i++) {
        assert_int_equal(kernel[i].used, pool.entry[i].used);
    }
}

static void a_named_range_in_the_middle_is_reached_by_fillers(void **state)
{
    (void)state;
    uint64_t fault;
    machine();
    /* 0x5A600000: 38 * 2 MiB odd pieces up from 1 GiB. */
    assert_int_equal(untyped_claim_at(&pool, 0x5A600000, 96 * MIB, 0, &claim, &fault), UNTYPED_OK);
    kernel_executes(&claim);
    assert_int_equal(claimed_bytes(&claim), 96 * MIB);
    uint64_t next = 0x5A600000;
    for (uint32_t i = 0; i < claim.blocks; i++) {
        const struct untyped *u = &pool.entry[claim.block[i]];
        assert_int_equal(u->at, next);
        assert_int_equal(u->owner, 0);
        assert_int_equal(untyped_frame_bits(u, u->at - 0x5A600000), UNTYPED_LARGE);
        next += 1ull << u->bits;
    }
    /* Frames of a block lie one after the other. */
    uint64_t at;
    uint32_t block = claim.block[0];
    uint32_t frames = 1u << (pool.entry[block].bits - UNTYPED_LARGE);
    assert_true(untyped_take(&pool, block, UNTYPED_LARGE, frames, &at));
    assert_int_equal(at, 0x5A600000);
    assert_false(untyped_take(&pool, block, UNTYPED_LARGE, 1, &at));
}

static void a_range_over_several_untypeds_is_one_claim(void **state)
{
    (void)state;
    uint64_t fault;
    machine();
    assert_int_equal(untyped_claim_at(&pool, 48 * MIB, 976 * MIB, 1, &claim, &fault), UNTYPED_OK);
    kernel_executes(&claim);
    assert_int_equal(claimed_bytes(&claim), 976 * MIB);
}

static void a_whole_untyped_needs_no_step(void **state)
{
    (void)state;
    uint64_t fault;
    machine();
    assert_int_equal(untyped_claim_at(&pool, GIB, GIB, 0, &claim, &fault), UNTYPED_OK);
    assert_int_equal(claim.steps, 0);
    assert_int_equal(claim.blocks, 1);
}

static void a_lower_range_can_be_claimed_after_a_higher_one(void **state)
{
    (void)state;
    uint64_t fault;
    machine();
    assert_int_equal(untyped_claim_at(&pool, 0x70000000, 64 * MIB, 0, &claim, &fault), UNTYPED_OK);
    kernel_executes(&claim);
    assert_int_equal(untyped_claim_at(&pool, 0x50000000, 64 * MIB, 1, &claim, &fault), UNTYPED_OK);
    kernel_executes(&claim);
    assert_true(untyped_disjoint(&pool));
}

static void what_cannot_be_had_is_named_and_changes_nothing(void **state)
{
    (void)state;
    static struct untyped_pool before;
    uint64_t fault;
    machine();
    assert_int_equal(untyped_claim_at(&pool, GIB, 256 * MIB, 0, &claim, &fault), UNTYPED_OK);
    memcpy(&before, &pool, sizeof(pool));
    /* Of another VM. */
    assert_int_equal(untyped_claim_at(&pool, 0x48000000, 256 * MIB, 1, &claim, &fault),
                     UNTYPED_TAKEN);
    assert_int_equal(fault, 0x48000000);
    /* It begins well, and runs into it. */
    assert_int_equal(untyped_claim_at(&pool, 0x3F000000, 32 * MIB, 1, &claim, &fault),
                     UNTYPED_TAKEN);
    assert_int_equal(fault, 0x40000000);
    /* The kernel's place, and the end of RAM. */
    assert_int_equal(untyped_claim_at(&pool, 0, MIB, 1, &claim, &fault), UNTYPED_NOT_THERE);
    assert_int_equal(untyped_claim_at(&pool, 0x7FE00000, 4 * MIB, 1, &claim, &fault),
                     UNTYPED_NOT_THERE);
    assert_int_equal(fault, 0x80000000);
    assert_int_equal(pool.count, before.count);
    for (uint32_t i = 0; i < pool.count; i++) {
        assert_int_equal(pool.entry[i].used, before.entry[i].used);
        assert_int_equal(pool.entry[i].owner, before.entry[i].owner);
    }
}

static void device_memory_can_be_named_but_never_comes_unasked(void **state)
{
    (void)state;
    uint64_t fault;
    machine();
    assert_int_equal(untyped_claim_any(&pool, 1 * GIB + 512 * MIB, 0, &claim, &fault), UNTYPED_OK);
    for (uint32_t i = 0; i < claim.blocks; i++) {
        assert_false(pool.entry[claim.block[i]].device);
    }
    kernel_executes(&claim);
    assert_int_equal(untyped_claim_any(&pool, GIB, 1, &claim, &fault), UNTYPED_TOO_LITTLE);
    assert_int_equal(fault, 496 * MIB);
    assert_int_equal(untyped_claim_at(&pool, 4 * GIB, 512 * MIB, 1, &claim, &fault), UNTYPED_OK);
    kernel_executes(&claim);
    assert_true(pool.entry[claim.block[0]].device);
}

static void memory_without_a_name_is_of_large_frames_from_the_largest(void **state)
{
    (void)state;
    uint64_t fault;
    machine();
    assert_int_equal(untyped_claim_any(&pool, 384 * MIB, 0, &claim, &fault), UNTYPED_OK);
    kernel_executes(&claim);
    assert_int_equal(claim.blocks, 2);
    for (uint32_t i = 0; i < claim.blocks; i++) {
        const struct untyped *u = &pool.entry[claim.block[i]];
        assert_int_equal(untyped_frame_bits(u, 0), UNTYPED_LARGE);
    }
    assert_int_equal(untyped_free(&pool), 2032 * MIB - 384 * MIB);
}

static void odd_guest_addresses_get_small_frames(void **state)
{
    (void)state;
    struct untyped u = {.at = 0x40000000, .bits = 22};
    assert_int_equal(untyped_frame_bits(&u, 0x100000), UNTYPED_PAGE_BITS);
    assert_int_equal(untyped_frame_bits(&u, 0x200000), UNTYPED_LARGE);
    u.bits = 20;
    assert_int_equal(untyped_frame_bits(&u, 0x200000), UNTYPED_PAGE_BITS);
}

static void claimed_memory_is_not_for_objects(void **state)
{
    (void)state;
    uint64_t fault;
    uint64_t at;
    uint32_t from;
    memset(&pool, 0, sizeof(pool));
    assert_true(untyped_add(&pool, 1, GIB, 22, false));
    kernel_takes_over();
    assert_int_equal(untyped_claim_any(&pool, 2 * MIB, 0, &claim, &fault), UNTYPED_OK);
    kernel_executes(&claim);
    for (uint32_t n = 0; n < 512; n++) {
        assert_true(untyped_object(&pool, 12, &from, &at));
        assert_int_equal(kernel_retype(from, 12), at);
    }
    assert_false(untyped_object(&pool, 12, &from, &at));
    assert_false(untyped_object(&pool, 4, &from, &at));
}

static void overlapping_owners_are_found(void **state)
{
    (void)state;
    machine();
    pool.entry[2].owner = 0;
    pool.entry[3].owner = 1;
    assert_true(untyped_disjoint(&pool));
    pool.entry[3].at = 16 * MIB;
    assert_false(untyped_disjoint(&pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_entries_are_refused),
        cmocka_unit_test(objects_lie_where_the_kernel_puts_them),
        cmocka_unit_test(a_named_range_in_the_middle_is_reached_by_fillers),
        cmocka_unit_test(a_range_over_several_untypeds_is_one_claim),
        cmocka_unit_test(a_whole_untyped_needs_no_step),
        cmocka_unit_test(a_lower_range_can_be_claimed_after_a_higher_one),
        cmocka_unit_test(what_cannot_be_had_is_named_and_changes_nothing),
        cmocka_unit_test(device_memory_can_be_named_but_never_comes_unasked),
        cmocka_unit_test(memory_without_a_name_is_of_large_frames_from_the_largest),
        cmocka_unit_test(odd_guest_addresses_get_small_frames),
        cmocka_unit_test(claimed_memory_is_not_for_objects),
        cmocka_unit_test(overlapping_owners_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
