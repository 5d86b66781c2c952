/* SPDX-License-Identifier: BSD-2-Clause
 * Page walks in every mode. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/le.h"
#include "base/string.h"
#include "cpu/walk.h"

#define RAM_BYTES 0x40000u
#define P         1ull
#define W         2ull
#define U         4ull
#define PS        0x80ull
#define NX        (1ull << 63)

struct bench {
    uint8_t ram[RAM_BYTES];
    struct gmem gmem;
    struct vcpu_regs regs;
};

static struct bench bench;

static struct bench *fresh(void)
{
    struct bench *b = &bench;
    memset(b, 0, sizeof(*b));
    assert_true(gmem_add(&b->gmem, 0, RAM_BYTES, b->ram));
    b->regs.cr0 = CR0_PE | CR0_PG | CR0_WP;
    return b;
}

static void put(struct bench *b, gpa_t table, uint32_t index, uint64_t entry, uint32_t size)
{
    le_store(b->ram + table + index * size, size, entry);
}

static gpa_t good(struct bench *b, uint64_t gva, uint32_t access)
{
    struct walk w = {1, 1};
    assert_int_equal(walk_translate(&b->regs, &b->gmem, gva, access, &w), WALK_DONE);
    assert_int_equal(w.error, 0);
    return w.gpa;
}

static uint32_t fault(struct bench *b, uint64_t gva, uint32_t access)
{
    struct walk w = {1, 0xFFFF};
    assert_int_equal(walk_translate(&b->regs, &b->gmem, gva, access, &w), WALK_FAULT);
    return w.error;
}

static void without_paging_addresses_are_physical(void **state)
{
    (void)state;
    struct bench *b = fresh();
    b->regs.cr0 = CR0_PE;
    b->regs.cr3 = 0xDEADB000; /* of no importance */
    assert_int_equal(good(b, 0xFEE00020, WALK_WRITE | WALK_USER), 0xFEE00020);
    b->regs.cr0 = 0;
    assert_int_equal(good(b, 0x1234, 0), 0x1234);
}

static void legacy_paging_with_small_and_4_mib_pages(void **state)
{
    (void)state;
    struct bench *b = fresh();
    b->regs.cr3 = 0x1018; /* PWT and PCD are no address bits */
    put(b, 0x1000, 0x3FB, 0x2000 | P | W | U, 4);
    put(b, 0x2000, 0x200, 0xFEE00000 | P | W, 4);
    assert_int_equal(good(b, 0xFEE00ABC, WALK_WRITE), 0xFEE00ABC);
    put(b, 0x1000, 1, 0x3000 | PS | P | W, 4);
    assert_int_equal(fault(b, 0x00400000, 0), 0); /* without PSE a table, and that is empty */
    b->regs.cr4 = CR4_PSE;
    put(b, 0x1000, 1, 0xC0000000u | PS | P | W, 4);
    assert_int_equal(good(b, 0x007FFFFF, 0), 0xC03FFFFF);
    put(b, 0x1000, 1, 0xC0000000u | 0xA5u << 13 | PS | P | W, 4); /* PSE-36 */
    assert_int_equal(good(b, 0x00400004, 0), 0xA5C0000004ull);
    put(b, 0x1000, 1, 0xC0200000u | PS | P | W, 4);
    assert_int_equal(fault(b, 0x00400000, 0), WALK_PRESENT | WALK_RESERVED);
    /* There is no execute-disable here. */
    b->regs.efer = EFER_NXE;
    assert_int_equal(good(b, 0xFEE00000, WALK_FETCH), 0xFEE00000);
}

static void pae_paging_with_small_and_2_mib_pages(void **state)
{
    (void)state;
    struct bench *b = fresh();
    b->regs.cr4 = CR4_PAE;
    b->regs.efer = EFER_NXE;
    b->regs.cr3 = 0x1020; /* 32-byte aligned */
    put(b, 0x1020, 3, 0x2000 | P, 8);
    put(b, 0x2000, 0x1F6, 0x12FEC00000ull | PS | P | W | NX, 8);
    assert_int_equal(good(b, 0xFED00010, WALK_WRITE), 0x12FED00010ull);
    assert_int_equal(fault(b, 0xFED00010, WALK_FETCH), WALK_PRESENT | WALK_FETCH);
    put(b, 0x2000, 0x1F7, 0x3000 | P | W | U, 8);
    put(b, 0x3000, 0, 0xFEE00000ull | P | U, 8);
    assert_int_equal(good(b, 0xFEE00FFF, WALK_USER), 0xFEE00FFF);
    assert_int_equal(fault(b, 0xFEE00FFF, WALK_USER | WALK_WRITE),
                     WALK_PRESENT | WALK_USER | WALK_WRITE);
    assert_int_equal(fault(b, 0x40000000, 0), 0);
    put(b, 0x1020, 1, 0x2000 | P | W, 8); /* a reserved bit in a top entry */
    assert_int_equal(fault(b, 0x40000000, 0), WALK_PRESENT | WALK_RESERVED);
    put(b, 0x2000, 0x1F6, 0x12FEC02000ull | PS | P | W, 8); /* below a 2 MiB page */
    assert_int_equal(fault(b, 0xFED00010, 0), WALK_PRESENT | WALK_RESERVED);
}

static struct bench *long_mode(void)
{
    struct bench *b = fresh();
    b->regs.cr4 = CR4_PAE;
    b->regs.efer = EFER_LMA | EFER_LME | EFER_NXE;
    b->regs.cr3 = 0x1000;
    put(b, 0x1000, 0, 0x2000 | P | W | U, 8);
    put(b, 0x1000, 0x1FF, 0x2000 | P | W | U, 8);
    put(b, 0x2000, 0, 0x3000 | P | W | U, 8);
    put(b, 0x2000, 1, 0x40000000 | PS | P | W | U, 8);
    put(b, 0x3000, 0, 0x4000 | P | W | U, 8);
    put(b, 0x3000, 1, 0xFEE00000ull | PS | P | W, 8);
    put(b, 0x4000, 5, 0xABCD000ull | P | W | U | NX, 8);
    return b;
}

static void four_levels_with_all_page_sizes(void **state)
{
    (void)state;
    struct bench *b = long_mode();
    assert_int_equal(good(b, 0x5123, WALK_USER | WALK_WRITE), 0xABCD123);
    assert_int_equal(good(b, 0x2000F0, 0), 0xFEE000F0);
    assert_int_equal(good(b, 0x7FFFFFFF, WALK_USER), 0x7FFFFFFF);
    assert_int_equal(good(b, 0xFFFFFF8000005004ull, 0), 0xABCD004);
    struct walk w;
    assert_int_equal(walk_translate(&b->regs, &b->gmem, 1ull << 47, 0, &w), WALK_NON_CANONICAL);
    /* Page attribute bits of a large page are no address bits. */
    put(b, 0x3000, 1, 0xFEE01000ull | PS | P | W, 8);
    assert_int_equal(good(b, 0x2000F0, 0), 0xFEE000F0);
    put(b, 0x2000, 1, 0x60000000ull | PS | P, 8);
    assert_int_equal(fault(b, 0x40000000, 0), WALK_PRESENT | WALK_RESERVED);
    put(b, 0x1000, 0, 0x2000 | P | W | U | PS, 8);
    assert_int_equal(fault(b, 0x5000, 0), WALK_PRESENT | WALK_RESERVED);
}

static void permissions_are_those_of_all_levels(void **state)
{
    (void)state;
    struct bench *b = long_mode();
    assert_int_equal(fault(b, 0x2000F0, WALK_USER), WALK_PRESENT | WALK_USER);
    assert_int_equal(fault(b, 0x5000, WALK_FETCH), WALK_PRESENT | WALK_FETCH);
    assert_int_equal(fault(b, 0x6000, WALK_WRITE | WALK_USER), WALK_WRITE | WALK_USER);
    put(b, 0x2000, 0, 0x3000 | P | U, 8); /* read-only half way */
    assert_int_equal(fault(b, 0x5000, WALK_WRITE), WALK_PRESENT | WALK_WRITE);
    b->regs.cr0 &= ~CR0_WP;
    assert_int_equal(good(b, 0x5000, WALK_WRITE), 0xABCD000);
    assert_int_equal(fault(b, 0x5000, WALK_WRITE | WALK_USER),
                     WALK_PRESENT | WALK_WRITE | WALK_USER);
    b->regs.efer &= ~EFER_NXE; /* then the bit is reserved, and fetches are not told apart */
    assert_int_equal(fault(b, 0x5000, WALK_FETCH), WALK_PRESENT | WALK_RESERVED);
}

static void smep_and_smap_keep_the_kernel_off_user_pages(void **state)
{
    (void)state;
    struct bench *b = long_mode();
    b->regs.cr4 |= CR4_SMEP | CR4_SMAP;
    assert_int_equal(fault(b, 0x40000000, WALK_FETCH), WALK_PRESENT | WALK_FETCH);
    assert_int_equal(fault(b, 0x40000000, 0), WALK_PRESENT);
    assert_int_equal(good(b, 0x40000000, WALK_USER | WALK_FETCH), 0x40000000);
    b->regs.rflags = RFLAGS_AC;
    assert_int_equal(good(b, 0x40000000, WALK_WRITE), 0x40000000);
    assert_int_equal(fault(b, 0x40000000, WALK_FETCH), WALK_PRESENT | WALK_FETCH);
    assert_int_equal(good(b, 0x200000, WALK_FETCH), 0xFEE00000);
}

static void a_table_outside_ram_is_told_apart(void **state)
{
    (void)state;
    struct bench *b = long_mode();
    struct walk w;
    put(b, 0x4000, 7, 0, 8);
    put(b, 0x3000, 2, RAM_BYTES | P | W, 8);
    assert_int_equal(walk_translate(&b->regs, &b->gmem, 0x400000, 0, &w), WALK_NO_TABLE);
    b->regs.cr3 = 0xFFFFFFFFFF000ull;
    assert_int_equal(walk_translate(&b->regs, &b->gmem, 0, 0, &w), WALK_NO_TABLE);
}

static void the_privilege_level_comes_from_mode_and_stack(void **state)
{
    (void)state;
    struct vcpu_regs r = {0};
    r.seg[SEG_SS].ar = 0xF3;
    assert_int_equal(walk_cpl(&r), 0); /* real mode */
    r.cr0 = CR0_PE;
    assert_int_equal(walk_cpl(&r), 3);
    r.seg[SEG_SS].ar = 0x93;
    assert_int_equal(walk_cpl(&r), 0);
    r.rflags = RFLAGS_VM;
    assert_int_equal(walk_cpl(&r), 3);
}

static void fetch_crosses_pages_and_stops_where_it_must(void **state)
{
    (void)state;
    struct bench *b = long_mode();
    uint8_t buf[15];
    put(b, 0x4000, 8, 0x9000 | P, 8);
    put(b, 0x4000, 9, 0x7000 | P, 8); /* neighbours in linear space only */
    memset(b->ram + 0x9FF8, 0xAA, 8);
    memset(b->ram + 0x7000, 0xBB, 8);
    assert_int_equal(walk_fetch(&b->regs, &b->gmem, 0x8FF8, buf, 15), 15);
    assert_int_equal(buf[7], 0xAA);
    assert_int_equal(buf[8], 0xBB);
    put(b, 0x4000, 9, 0, 8);
    assert_int_equal(walk_fetch(&b->regs, &b->gmem, 0x8FF8, buf, 15), 8);
    assert_int_equal(walk_fetch(&b->regs, &b->gmem, 0x8FF8, buf, 8), 8);
    put(b, 0x4000, 8, 0x9000 | P | NX, 8);
    assert_int_equal(walk_fetch(&b->regs, &b->gmem, 0x8FF8, buf, 15), 0);
    /* Code in device memory cannot be fetched. */
    assert_int_equal(walk_fetch(&b->regs, &b->gmem, 0x200000, buf, 15), 0);
    b->regs.seg[SEG_SS].ar = 0xF3; /* user code on a kernel page neither */
    put(b, 0x4000, 8, 0x9000 | P, 8);
    assert_int_equal(walk_fetch(&b->regs, &b->gmem, 0x8FF8, buf, 15), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_paging_addresses_are_physical),
        cmocka_unit_test(legacy_paging_with_small_and_4_mib_pages),
        cmocka_unit_test(pae_paging_with_small_and_2_mib_pages),
        cmocka_unit_test(four_levels_with_all_page_sizes),
        cmocka_unit_test(permissions_are_those_of_all_levels),
        cmocka_unit_test(smep_and_smap_keep_the_kernel_off_user_pages),
        cmocka_unit_test(a_table_outside_ram_is_told_apart),
        cmocka_unit_test(the_privilege_level_comes_from_mode_and_stack),
        cmocka_unit_test(fetch_crosses_pages_and_stops_where_it_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
