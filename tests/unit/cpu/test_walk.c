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

#define A 0x20ull
#define D 0x40ull

struct bench {
    _Alignas(4096) uint8_t ram[RAM_BYTES];
    struct gmem gmem;
    struct vcpu_regs regs;
    struct walk_view view;
};

static struct bench bench;

static struct bench *fresh(void)
{
    struct bench *b = &bench;
    memset(b, 0, sizeof(*b));
    assert_true(gmem_add(&b->gmem, 0, RAM_BYTES, b->ram));
    b->regs.cr0 = CR0_PE | CR0_PG | CR0_WP;
    b->view =
        (struct walk_view){.regs = &b->regs, .gmem = &b->gmem, .phys_bits = 52, .pages_1g = true};
    return b;
}

static void put(struct bench *b, gpa_t table, uint32_t index, uint64_t entry, uint32_t size)
{
    le_store(b->ram + table + index * size, size, entry);
}

static gpa_t good(struct bench *b, uint64_t gva, uint32_t access)
{
    struct walk w = {.gpa = 1, .error = 1};
    assert_int_equal(walk_translate(&b->view, gva, access, &w), WALK_DONE);
    assert_int_equal(w.error, 0);
    return w.gpa;
}

static uint32_t fault(struct bench *b, uint64_t gva, uint32_t access)
{
    struct walk w = {.gpa = 1, .error = 0xFFFF};
    assert_int_equal(walk_translate(&b->view, gva, access, &w), WALK_FAULT);
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

/* What a guest that leaves 64-bit mode without loading CR3 anew has in it: bits 63 to 32 are ignored. */
static void legacy_paging_takes_its_table_from_the_low_half_of_cr3(void **state)
{
    (void)state;
    struct bench *b = fresh();
    b->regs.cr3 = 0x700001000ull;
    put(b, 0x1000, 0, 0x2000 | P | W, 4);
    put(b, 0x2000, 5, 0x6000 | P | W, 4);
    assert_int_equal(good(b, 0x5123, WALK_WRITE), 0x6123);
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
    b->regs.seg[SEG_CS].ar = SEG_AR_L;
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
    assert_int_equal(walk_translate(&b->view, 1ull << 47, 0, &w), WALK_NON_CANONICAL);
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
    assert_int_equal(walk_translate(&b->view, 0x400000, 0, &w), WALK_NO_RAM);
    b->regs.cr3 = 0xFFFFFFFFFF000ull;
    assert_int_equal(walk_translate(&b->view, 0, 0, &w), WALK_NO_RAM);
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

/* [SDM] vol. 3A, 4.6.1, case by case as it stands there. */
static bool manual_allows(bool user_mode, uint32_t access, bool user_page, bool writable, bool nx,
                          const struct vcpu_regs *r)
{
    bool write = (access & WALK_WRITE) != 0;
    bool smap = (r->cr4 & CR4_SMAP) != 0;
    bool explicit_ac = (access & WALK_IMPLICIT) == 0 && (r->rflags & RFLAGS_AC) != 0;
    if ((access & WALK_FETCH) != 0) {
        if (nx && (r->efer & EFER_NXE) != 0) {
            return false;
        }
        if (user_mode) {
            return user_page;
        }
        return !user_page || (r->cr4 & CR4_SMEP) == 0;
    }
    if (user_mode) {
        return user_page && (!write || writable);
    }
    if (user_page && smap && !explicit_ac) {
        return false;
    }
    return !write || writable || (r->cr0 & CR0_WP) == 0;
}

static void every_combination_of_rights_is_as_the_manual_says(void **state)
{
    (void)state;
    static const uint32_t kinds[] = {0, WALK_WRITE, WALK_FETCH, WALK_IMPLICIT,
                                     WALK_IMPLICIT | WALK_WRITE};
    struct bench *b = long_mode();
    for (uint32_t bits = 0; bits < 512; bits++) {
        bool user_page = (bits & 1) != 0;
        bool writable = (bits & 2) != 0;
        bool nx = (bits & 4) != 0;
        b->regs.cr0 = CR0_PE | CR0_PG | ((bits & 8) != 0 ? CR0_WP : 0);
        b->regs.cr4 =
            CR4_PAE | ((bits & 16) != 0 ? CR4_SMEP : 0) | ((bits & 32) != 0 ? CR4_SMAP : 0);
        b->regs.rflags = (bits & 64) != 0 ? RFLAGS_AC : 0;
        b->regs.efer = EFER_LMA | EFER_LME | EFER_NXE;
        /* The restriction stands in the page's own entry, or two levels above. */
        uint64_t own = P | (user_page ? U : 0) | (writable ? W : 0) | (nx ? NX : 0);
        bool above = (bits & 128) != 0;
        put(b, 0x2000, 0, 0x3000 | (above ? own : P | W | U), 8);
        put(b, 0x4000, 5, 0xABCD000ull | (above ? P | W | U : own), 8);
        for (uint32_t k = 0; k < 5; k++) {
            bool user_mode = (bits & 256) != 0 && (kinds[k] & WALK_IMPLICIT) == 0;
            uint32_t access = kinds[k] | (user_mode ? WALK_USER : 0);
            struct walk w;
            enum walk_result r = walk_translate(&b->view, 0x5000, access, &w);
            bool allowed = manual_allows(user_mode, access, user_page, writable, nx, &b->regs);
            assert_int_equal(r, allowed ? WALK_DONE : WALK_FAULT);
            if (!allowed) {
                assert_int_equal(w.error, WALK_PRESENT | (access & 0x16u));
            }
        }
    }
}

static void the_error_code_names_a_fetch_only_where_execution_can_be_denied(void **state)
{
    (void)state;
    struct bench *b = fresh();
    b->regs.cr3 = 0x1000;
    b->regs.efer = EFER_NXE; /* without PAE it means nothing */
    assert_int_equal(fault(b, 0x5000, WALK_FETCH), 0);
    b->regs.cr4 = CR4_SMEP;
    assert_int_equal(fault(b, 0x5000, WALK_FETCH), WALK_FETCH);
    b->regs.cr4 = CR4_PAE;
    assert_int_equal(fault(b, 0x5000, WALK_FETCH | WALK_USER), WALK_FETCH | WALK_USER);
    b->regs.efer = 0;
    assert_int_equal(fault(b, 0x5000, WALK_FETCH | WALK_USER), WALK_USER);
}

static void address_bits_beyond_the_physical_width_are_reserved(void **state)
{
    (void)state;
    static const gpa_t entries[] = {0x1000, 0x2000, 0x3000, 0x4000 + 5 * 8};
    for (uint32_t width = 36; width < 52; width += 5) {
        for (uint32_t level = 0; level < 4; level++) {
            struct bench *b = long_mode();
            b->view.phys_bits = (uint8_t)width;
            uint64_t entry = le_load(b->ram + entries[level], 8);
            assert_int_equal(good(b, 0x5000, 0), 0xABCD000);
            le_store(b->ram + entries[level], 8, entry | 1ull << width);
            assert_int_equal(fault(b, 0x5000, 0), WALK_PRESENT | WALK_RESERVED);
            le_store(b->ram + entries[level], 8, entry | 1ull << 51);
            assert_int_equal(fault(b, 0x5000, WALK_USER), WALK_PRESENT | WALK_RESERVED | WALK_USER);
            le_store(b->ram + entries[level], 8, entry | 1ull << 52 | 1ull << 62); /* ignored */
            assert_int_equal(good(b, 0x5000, 0), 0xABCD000);
            le_store(b->ram + entries[level], 8, (entry | 1ull << 51) & ~P); /* absent: no more */
            assert_int_equal(fault(b, 0x5000, 0), 0);
        }
    }
}

static void pae_reserves_all_bits_up_to_execute_disable(void **state)
{
    (void)state;
    struct bench *b = fresh();
    b->regs.cr4 = CR4_PAE;
    b->regs.efer = EFER_NXE;
    b->regs.cr3 = 0x1000;
    b->view.phys_bits = 40;
    put(b, 0x1000, 0, 0x2000 | P, 8);
    put(b, 0x2000, 0, 0x3000 | P | W, 8);
    put(b, 0x3000, 7, 0x9000 | P | W | NX, 8);
    assert_int_equal(good(b, 0x7000, 0), 0x9000);
    for (uint32_t bit = 40; bit < 63; bit++) {
        put(b, 0x3000, 7, 0x9000 | P | W | 1ull << bit, 8);
        assert_int_equal(fault(b, 0x7000, 0), WALK_PRESENT | WALK_RESERVED);
    }
    put(b, 0x3000, 7, 0x9000 | P | W, 8);
    for (uint32_t bit = 1; bit < 64; bit++) {
        bool ignored = bit == 3 || bit == 4 || (bit >= 9 && bit <= 11);
        bool address = bit >= 12 && bit < 40;
        if (address) {
            continue;
        }
        put(b, 0x1000, 0, 0x2000 | P | 1ull << bit, 8);
        struct walk w;
        assert_int_equal(walk_translate(&b->view, 0x7000, 0, &w), ignored ? WALK_DONE : WALK_FAULT);
        assert_int_equal(w.error, ignored ? 0 : WALK_PRESENT | WALK_RESERVED);
    }
}

static void four_mib_pages_reach_as_far_as_the_physical_width(void **state)
{
    (void)state;
    static const struct {
        uint8_t width;
        uint32_t reserved; /* [SDM] vol. 3A, table 4-4 */
    } rows[] = {{32, 0x3FE000}, {36, 0x3E0000}, {39, 0x300000}, {40, 0x200000}, {52, 0x200000}};
    struct bench *b = fresh();
    b->regs.cr3 = 0x1000;
    b->regs.cr4 = CR4_PSE;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        b->view.phys_bits = rows[i].width;
        for (uint32_t bit = 13; bit < 22; bit++) {
            put(b, 0x1000, 1, 0xC0000000u | PS | P | W | 1u << bit, 4);
            if ((rows[i].reserved & 1u << bit) != 0) {
                assert_int_equal(fault(b, 0x400000, 0), WALK_PRESENT | WALK_RESERVED);
            } else {
                assert_int_equal(good(b, 0x400000, 0), 0xC0000000ull | 1ull << (bit + 19));
            }
        }
    }
}

static void what_cpuid_does_not_offer_is_refused(void **state)
{
    (void)state;
    struct bench *b = long_mode();
    struct walk w;
    b->view.pages_1g = false;
    assert_int_equal(fault(b, 0x40000000, 0), WALK_PRESENT | WALK_RESERVED);
    b->regs.cr4 |= CR4_LA57;
    assert_int_equal(walk_translate(&b->view, 0x5000, 0, &w), WALK_NO_RAM);
    assert_int_equal(walk_mark(&b->view, 0x5000, 0), WALK_NO_RAM);
}

static void flags_are_set_where_the_processor_sets_them(void **state)
{
    (void)state;
    static const gpa_t above[] = {0x1000, 0x2000, 0x3000};
    struct bench *b = long_mode();
    struct walk w;
    uint64_t leaf = le_load(b->ram + 0x4028, 8);
    assert_int_equal(walk_translate(&b->view, 0x5000, 0, &w), WALK_DONE);
    assert_true(w.unmarked);
    assert_int_equal(le_load(b->ram + 0x4028, 8), leaf); /* translating only reads */
    assert_int_equal(walk_mark(&b->view, 0x5000, 0), WALK_DONE);
    assert_int_equal(le_load(b->ram + 0x4028, 8), leaf | A);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(le_load(b->ram + above[i], 8) & (A | D), A);
    }
    assert_int_equal(walk_translate(&b->view, 0x5000, 0, &w), WALK_DONE);
    assert_false(w.unmarked);
    assert_int_equal(walk_translate(&b->view, 0x5000, WALK_WRITE, &w), WALK_DONE);
    assert_true(w.unmarked); /* dirty is still due */
    assert_int_equal(walk_mark(&b->view, 0x5000, WALK_WRITE), WALK_DONE);
    assert_int_equal(le_load(b->ram + 0x4028, 8), leaf | A | D);
    assert_int_equal(le_load(b->ram + 0x3000, 8) & (A | D), A);
    /* One flag missing above is enough. */
    le_store(b->ram + 0x2000, 8, le_load(b->ram + 0x2000, 8) & ~A);
    assert_int_equal(walk_translate(&b->view, 0x5000, WALK_WRITE, &w), WALK_DONE);
    assert_true(w.unmarked);
    /* A large page's flags stand in its own entry; its neighbours keep theirs. */
    assert_int_equal(walk_mark(&b->view, 0x200000, WALK_WRITE), WALK_DONE);
    assert_int_equal(le_load(b->ram + 0x3008, 8) & (A | D), A | D);
    assert_int_equal(le_load(b->ram + 0x2008, 8) & (A | D), 0);
}

static void what_is_forbidden_is_not_marked_dirty(void **state)
{
    (void)state;
    struct bench *b = long_mode();
    put(b, 0x4000, 5, 0xABCD000ull | P | U, 8);
    assert_int_equal(walk_mark(&b->view, 0x5000, WALK_WRITE), WALK_FAULT);
    assert_int_equal(le_load(b->ram + 0x4028, 8) & (A | D), 0);
    put(b, 0x3000, 0, RAM_BYTES | P | W | U, 8);
    assert_int_equal(walk_mark(&b->view, 0x5000, 0), WALK_NO_RAM);
}

static void flags_in_the_other_modes(void **state)
{
    (void)state;
    struct bench *b = fresh();
    b->regs.cr3 = 0x1000;
    b->regs.cr4 = CR4_PSE;
    put(b, 0x1000, 0, 0x2000 | P | W, 4);
    put(b, 0x1000, 1, 0x400000 | P | W | PS, 4);
    put(b, 0x2000, 1, 0x3000 | P | W, 4);
    put(b, 0x2000, 2, 0x12345678, 4);
    assert_int_equal(walk_mark(&b->view, 0x1234, WALK_WRITE), WALK_DONE);
    assert_int_equal(le_load(b->ram + 0x1000, 4), 0x2000 | P | W | A);
    assert_int_equal(le_load(b->ram + 0x2004, 8), 0x1234567800003000ull | P | W | A | D);
    assert_int_equal(walk_mark(&b->view, 0x7FFFFF, WALK_WRITE), WALK_DONE);
    assert_int_equal(le_load(b->ram + 0x1004, 4), 0x400000 | P | W | PS | A | D);
    /* PAE: those bits are reserved in the four top entries. */
    b->regs.cr4 = CR4_PAE;
    put(b, 0x1000, 0, 0x2000 | P, 8);
    put(b, 0x2000, 0, 0x3000 | P | W, 8);
    put(b, 0x3000, 1, 0x9000 | P | W, 8);
    assert_int_equal(walk_mark(&b->view, 0x1000, 0), WALK_DONE);
    assert_int_equal(le_load(b->ram + 0x1000, 8), 0x2000 | P);
    assert_int_equal(le_load(b->ram + 0x2000, 8), 0x3000 | P | W | A);
    assert_int_equal(le_load(b->ram + 0x3008, 8), 0x9000 | P | W | A);
    struct walk w;
    assert_int_equal(walk_translate(&b->view, 0x1000, 0, &w), WALK_DONE);
    assert_false(w.unmarked);
    /* Without paging there is nothing to mark. */
    b->regs.cr0 = CR0_PE;
    assert_int_equal(walk_translate(&b->view, 0x1000, WALK_WRITE, &w), WALK_DONE);
    assert_false(w.unmarked);
    assert_int_equal(walk_mark(&b->view, 0x1000, WALK_WRITE), WALK_DONE);
}

/* Tables that are their own tables, as some kernels map them. */
static void a_recursive_entry_is_marked_like_any_other(void **state)
{
    (void)state;
    struct bench *b = long_mode();
    put(b, 0x1000, 0x1FE, 0x1000 | P | W, 8);
    const uint64_t gva = 0xFFFFFF7FBFDFE000ull; /* four times index 0x1FE */
    assert_int_equal(good(b, gva + 8, 0), 0x1008);
    assert_int_equal(walk_mark(&b->view, gva, WALK_WRITE), WALK_DONE);
    assert_int_equal(le_load(b->ram + 0x1000 + 0x1FE * 8, 8), 0x1000 | P | W | A | D);
}

static uint32_t fetched(struct bench *b, uint64_t gva, uint32_t want, struct walk_code *code)
{
    memset(code, 0xEE, sizeof(*code));
    walk_fetch(&b->view, gva, want, code);
    return code->count;
}

static void fetch_crosses_pages_and_stops_where_it_must(void **state)
{
    (void)state;
    struct bench *b = long_mode();
    struct walk_code code;
    put(b, 0x4000, 8, 0x9000 | P, 8);
    put(b, 0x4000, 9, 0x7000 | P, 8); /* neighbours in linear space only */
    memset(b->ram + 0x9FF8, 0xAA, 8);
    memset(b->ram + 0x7000, 0xBB, 8);
    assert_int_equal(fetched(b, 0x8FF8, 15, &code), 15);
    assert_int_equal(code.end, WALK_DONE);
    assert_int_equal(code.bytes[7], 0xAA);
    assert_int_equal(code.bytes[8], 0xBB);
    put(b, 0x4000, 9, 0, 8);
    assert_int_equal(fetched(b, 0x8FF8, 15, &code), 8);
    assert_int_equal(code.end, WALK_FAULT);
    assert_int_equal(code.error, WALK_FETCH); /* NXE is on, so a fetch is told apart */
    assert_int_equal(code.gva, 0x9000);
    assert_int_equal(fetched(b, 0x8FF8, 8, &code), 8);
    assert_int_equal(code.end, WALK_DONE);
    assert_int_equal(fetched(b, 0x8FF8, 0, &code), 0);
    assert_int_equal(code.end, WALK_DONE);
    put(b, 0x4000, 8, 0x9000 | P | NX, 8);
    assert_int_equal(fetched(b, 0x8FF8, 15, &code), 0);
    assert_int_equal(code.error, WALK_FETCH | WALK_PRESENT);
    assert_int_equal(code.gva, 0x8FF8);
    /* Code in device memory cannot be fetched. */
    assert_int_equal(fetched(b, 0x200000, 15, &code), 0);
    assert_int_equal(code.end, WALK_NO_RAM);
    b->regs.seg[SEG_SS].ar = 0xF3; /* user code on a kernel page neither */
    put(b, 0x4000, 8, 0x9000 | P, 8);
    assert_int_equal(fetched(b, 0x8FF8, 15, &code), 0);
    assert_int_equal(code.error, WALK_FETCH | WALK_PRESENT | WALK_USER);
    assert_int_equal(fetched(b, 1ull << 47, 15, &code), 0);
    assert_int_equal(code.end, WALK_NON_CANONICAL);
}

static void fetch_wraps_at_four_gigabytes_but_in_64_bit_code(void **state)
{
    (void)state;
    struct bench *b = fresh();
    struct walk_code code;
    b->regs.cr0 = CR0_PE;
    assert_true(gmem_add(&b->gmem, 0xFFFFF000, 0x1000, b->ram + 0x3000));
    b->gmem.region[0].size = 0x1000;
    b->ram[0x3FFF] = 0x11;
    b->ram[0] = 0x22;
    assert_int_equal(fetched(b, 0xFFFFFFFF, 2, &code), 2);
    assert_int_equal(code.bytes[0], 0x11);
    assert_int_equal(code.bytes[1], 0x22);
    b->gmem.count = 1;
    b->gmem.region[0] = (struct gmem_region){.base = 0xFFFFF000, .size = 0x1000, .host = b->ram};
    assert_int_equal(fetched(b, 0xFFFFFFFF, 2, &code), 1);
    assert_int_equal(code.gva, 0);
    b = long_mode();
    put(b, 0x2000, 3, 0xC0000000 | P | PS, 8);
    assert_int_equal(fetched(b, 0xFFFFFFFF, 2, &code), 0);
    assert_int_equal(code.end, WALK_NO_RAM);
    assert_true(gmem_add(&b->gmem, 0xFFFFF000, 0x1000, b->ram + 0x3000));
    assert_int_equal(fetched(b, 0xFFFFFFFF, 2, &code), 1);
    assert_int_equal(code.end, WALK_FAULT);
    assert_int_equal(code.gva, 0x100000000ull);
}

static void canonical_addresses(void **state)
{
    (void)state;
    assert_true(walk_canonical(0));
    assert_true(walk_canonical(0x00007FFFFFFFFFFF));
    assert_false(walk_canonical(0x0000800000000000));
    assert_false(walk_canonical(0xFFFF7FFFFFFFFFFF));
    assert_true(walk_canonical(0xFFFF800000000000));
    assert_true(walk_canonical(UINT64_MAX));
    assert_false(walk_canonical(0x8000000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_paging_addresses_are_physical),
        cmocka_unit_test(legacy_paging_with_small_and_4_mib_pages),
        cmocka_unit_test(legacy_paging_takes_its_table_from_the_low_half_of_cr3),
        cmocka_unit_test(pae_paging_with_small_and_2_mib_pages),
        cmocka_unit_test(four_levels_with_all_page_sizes),
        cmocka_unit_test(permissions_are_those_of_all_levels),
        cmocka_unit_test(smep_and_smap_keep_the_kernel_off_user_pages),
        cmocka_unit_test(a_table_outside_ram_is_told_apart),
        cmocka_unit_test(the_privilege_level_comes_from_mode_and_stack),
        cmocka_unit_test(every_combination_of_rights_is_as_the_manual_says),
        cmocka_unit_test(the_error_code_names_a_fetch_only_where_execution_can_be_denied),
        cmocka_unit_test(address_bits_beyond_the_physical_width_are_reserved),
        cmocka_unit_test(pae_reserves_all_bits_up_to_execute_disable),
        cmocka_unit_test(four_mib_pages_reach_as_far_as_the_physical_width),
        cmocka_unit_test(what_cpuid_does_not_offer_is_refused),
        cmocka_unit_test(flags_are_set_where_the_processor_sets_them),
        cmocka_unit_test(what_is_forbidden_is_not_marked_dirty),
        cmocka_unit_test(flags_in_the_other_modes),
        cmocka_unit_test(a_recursive_entry_is_marked_like_any_other),
        cmocka_unit_test(fetch_crosses_pages_and_stops_where_it_must),
        cmocka_unit_test(fetch_wraps_at_four_gigabytes_but_in_64_bit_code),
        cmocka_unit_test(canonical_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
