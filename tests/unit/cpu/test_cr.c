/* SPDX-License-Identifier: BSD-2-Clause
 * Control registers: each rule, and that a refused write changes nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/cr.h"

#define RAM 0x10000u

static uint8_t ram[RAM];
static struct gmem mem;

static const struct cr_limits limits = {
    .cr4 = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE |
           CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP,
    .efer = EFER_SCE | EFER_LME | EFER_NXE,
    .phys_bits = 39,
};

/* Where a guest can be. */
enum mode {
    REAL,
    PROTECTED, /* no paging      */
    PAGED32,
    PAGED_PAE,
    COMPATIBILITY, /* long mode, CS.L = 0 */
    LONG,
    ABOUT_TO_GO_LONG, /* PAE and LME set, PG not yet */
};

static struct vcpu_regs at(enum mode mode)
{
    struct vcpu_regs r;
    memset(&r, 0, sizeof(r));
    r.cr0 = CR0_ET | (mode == REAL ? 0 : CR0_PE);
    r.cr0 |= mode >= PAGED32 && mode <= LONG ? CR0_PG : 0;
    r.cr4 = mode >= PAGED_PAE ? CR4_PAE : 0;
    r.cr3 = 0x2000;
    r.efer = mode == COMPATIBILITY || mode == LONG ? EFER_LME | EFER_LMA : 0;
    r.efer |= mode == ABOUT_TO_GO_LONG ? EFER_LME : 0;
    r.seg[SEG_CS].ar = mode == LONG ? SEG_AR_L : SEG_AR_DB;
    return r;
}

static void put64(uint32_t gpa, uint64_t v)
{
    memcpy(ram + gpa, &v, sizeof(v));
}

static int setup(void **state)
{
    (void)state;
    memset(ram, 0, sizeof(ram));
    memset(&mem, 0, sizeof(mem));
    return gmem_add(&mem, 0, RAM, ram) ? 0 : 1;
}

struct row {
    const char *what;
    enum mode mode;
    uint32_t cr;
    uint64_t value;
    bool legal;
    uint64_t becomes;
    uint64_t efer; /* bits that must be set; the others of LMA must not be */
};

#define P CR0_PE
#define G CR0_PG
#define E CR0_ET

static const struct row rows[] = {
    /* CR0 */
    {"PE on", REAL, 0, P | E, true, P | E, 0},
    {"ET cannot be cleared", REAL, 0, P, true, P | E, 0},
    {"PG without PE", REAL, 0, G | E, false, 0, 0},
    {"PE off with PG on", PAGED32, 0, G | E, false, 0, 0},
    {"NW without CD", REAL, 0, CR0_NW | E, false, 0, 0},
    {"NW with CD", REAL, 0, CR0_NW | CR0_CD | E, true, CR0_NW | CR0_CD | E, 0},
    {"CD alone", REAL, 0, CR0_CD | E, true, CR0_CD | E, 0},
    {"upper half", LONG, 0, 1ull << 32 | P | G | E, false, 0, 0},
    {"highest bit", LONG, 0, 1ull << 63 | P | G | E, false, 0, 0},
    {"reserved bits do not take", REAL, 0, 0x1FF8FFC0ull & ~CR0_WP & ~CR0_AM, true, E, 0},
    {"task bits, alignment, write protection", PROTECTED, 0,
     P | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM, true,
     P | E | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM, 0},
    {"paging on, 32-bit", PROTECTED, 0, P | G, true, P | G | E, 0},
    {"paging on into long mode", ABOUT_TO_GO_LONG, 0, P | G, true, P | G | E, EFER_LMA},
    {"paging off from compatibility mode", COMPATIBILITY, 0, P, true, P | E, 0},
    {"paging off in 64-bit code", LONG, 0, P, false, 0, 0},
    {"no change in long mode", LONG, 0, P | G, true, P | G | E, EFER_LMA},
    /* CR3 */
    {"any 32 bits", PAGED32, 3, 0xFFFFFFFF, true, 0xFFFFFFFF, 0},
    {"widest", LONG, 3, 0x7FFFFFFFFF, true, 0x7FFFFFFFFF, EFER_LMA},
    {"too wide", LONG, 3, 0x8000000000, false, 0, 0},
    {"bit 63 without PCIDs", LONG, 3, 1ull << 63 | 0x1000, false, 0, 0},
    {"bit 62", LONG, 3, 1ull << 62 | 0x1000, false, 0, 0},
    /* CR4 */
    {"all that is offered but PCIDE", PROTECTED, 4, 0x1507FFull, true, 0x1507FFull, 0},
    {"PAE off in long mode", LONG, 4, 0, false, 0, 0},
    {"PAE off in compatibility mode", COMPATIBILITY, 4, CR4_PGE, false, 0, 0},
    {"PAE off with paging off", ABOUT_TO_GO_LONG, 4, 0, true, 0, 0},
    {"PCIDE in long mode", LONG, 4, CR4_PAE | CR4_PCIDE, true, CR4_PAE | CR4_PCIDE, EFER_LMA},
    {"PCIDE outside it", PAGED32, 4, CR4_PCIDE, false, 0, 0},
    {"UMIP, not offered", PROTECTED, 4, CR4_UMIP, false, 0, 0},
    {"LA57", PROTECTED, 4, CR4_LA57, false, 0, 0},
    {"VMXE", PROTECTED, 4, 1ull << 13, false, 0, 0},
    {"SMXE", PROTECTED, 4, 1ull << 14, false, 0, 0},
    {"bit 15", PROTECTED, 4, 1ull << 15, false, 0, 0},
    {"key locker", PROTECTED, 4, 1ull << 19, false, 0, 0},
    {"SMAP, not offered", PROTECTED, 4, CR4_SMAP, false, 0, 0},
    {"PKE, not offered", PROTECTED, 4, CR4_PKE, false, 0, 0},
    {"CET", PROTECTED, 4, 1ull << 23, false, 0, 0},
    {"highest bit", LONG, 4, 1ull << 63 | CR4_PAE, false, 0, 0},
    /* Others */
    {"CR1", PROTECTED, 1, 0, false, 0, 0},
    {"CR2 does not come here", PROTECTED, 2, 0, false, 0, 0},
    {"CR15", PROTECTED, 15, 0, false, 0, 0},
};

static void each_write_takes_place_whole_or_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct vcpu_regs r = at(row->mode);
        struct vcpu_regs before = r;
        struct cr_vcpu c = {.limits = &limits, .gmem = &mem, .regs = &r};
        if (cr_write(&c, row->cr, row->value) != row->legal) {
            fail_msg("%s", row->what);
        }
        if (!row->legal) {
            assert_memory_equal(&r, &before, sizeof(r));
            continue;
        }
        uint64_t now = row->cr == 0 ? r.cr0 : row->cr == 3 ? r.cr3 : r.cr4;
        if (now != row->becomes || (r.efer & EFER_LMA) != row->efer) {
            fail_msg("%s: %llx, efer %llx", row->what, (unsigned long long)now,
                     (unsigned long long)r.efer);
        }
    }
}

static void long_mode_needs_pae_and_a_code_segment_without_l(void **state)
{
    (void)state;
    struct vcpu_regs r = at(ABOUT_TO_GO_LONG);
    struct cr_vcpu c = {.limits = &limits, .gmem = &mem, .regs = &r};
    r.cr4 = 0;
    assert_false(cr_write(&c, 0, P | G));
    r = at(ABOUT_TO_GO_LONG);
    r.seg[SEG_CS].ar = SEG_AR_L;
    assert_false(cr_write(&c, 0, P | G));
    assert_int_equal(r.efer, EFER_LME);
    assert_false(c.pdptes);
}

/* [SDM] vol. 3A, 10.8.5: the last of the consistency checks. */
static void long_mode_is_not_entered_with_a_16_bit_task(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        bool legal;
    } rows_of_tr[] = {{0x1, false}, {0x3, false}, {0x9, true}, {0xB, true}};
    for (size_t i = 0; i < sizeof(rows_of_tr) / sizeof(rows_of_tr[0]); i++) {
        struct vcpu_regs r = at(ABOUT_TO_GO_LONG);
        struct cr_vcpu c = {.limits = &limits, .gmem = &mem, .regs = &r};
        r.seg[SEG_TR].ar = SEG_AR_P | rows_of_tr[i].type;
        assert_int_equal(cr_write(&c, 0, P | G), rows_of_tr[i].legal);
        assert_int_equal((r.efer & EFER_LMA) != 0, rows_of_tr[i].legal);
        /* 32-bit paging does not mind. */
        r = at(PROTECTED);
        r.seg[SEG_TR].ar = SEG_AR_P | rows_of_tr[i].type;
        assert_true(cr_write(&c, 0, P | G));
    }
}

static void pcids_have_their_own_rules(void **state)
{
    (void)state;
    struct vcpu_regs r = at(LONG);
    struct cr_vcpu c = {.limits = &limits, .gmem = &mem, .regs = &r};
    r.cr3 = 0x2018;
    assert_false(cr_write(&c, 4, CR4_PAE | CR4_PCIDE)); /* CR3 bits 11 to 0 are not clear */
    r.cr3 = 0x2000;
    assert_true(cr_write(&c, 4, CR4_PAE | CR4_PCIDE));
    assert_true(cr_write(&c, 3, 1ull << 63 | 0x3001));
    assert_int_equal(r.cr3, 0x3001); /* bit 63 is an order, not a value */
    assert_true(cr_write(&c, 4, CR4_PAE | CR4_PCIDE | CR4_PGE)); /* PCIDE stays: no new check */
    assert_false(cr_write(&c, 3, 1ull << 62));
    r.seg[SEG_CS].ar = SEG_AR_DB;
    assert_false(cr_write(&c, 0, P)); /* paging cannot go while PCIDs are on */
    assert_true(cr_write(&c, 4, CR4_PAE));
    assert_true(cr_write(&c, 0, P));
    assert_int_equal(r.efer & EFER_LMA, 0);
}

static void pae_paging_loads_four_pointers_and_checks_them(void **state)
{
    (void)state;
    struct vcpu_regs r = at(PROTECTED);
    struct cr_vcpu c = {.limits = &limits, .gmem = &mem, .regs = &r};
    r.cr4 = CR4_PAE;
    r.cr3 = 0x2038; /* bits 4 and 3 are PCD and PWT */
    put64(0x2020, 0x5001);
    put64(0x2028, 0x6000); /* not present: anything goes */
    put64(0x2030, ~1ull);
    put64(0x2038, 0x7FFFFFF019ull);
    assert_true(cr_write(&c, 0, P | G));
    assert_true(c.pdptes);
    assert_int_equal(r.pdpte[0], 0x5001);
    assert_int_equal(r.pdpte[2], ~1ull);
    assert_int_equal(r.pdpte[3], 0x7FFFFFF019ull);

    static const uint64_t reserved[] = {0x3,  0x5,   0x21,         0x41,
                                        0x81, 0x101, 0x8000000001, 1ull << 63 | 1};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        struct vcpu_regs was = r;
        put64(0x3000, reserved[i]);
        c.pdptes = false;
        assert_false(cr_write(&c, 3, 0x3000));
        assert_false(c.pdptes);
        assert_memory_equal(&r, &was, sizeof(r));
    }
    put64(0x3000, 0xE01); /* bits for software */
    assert_true(cr_write(&c, 3, 0x3000));
    assert_true(c.pdptes);
    assert_int_equal(r.pdpte[0], 0xE01);
    assert_int_equal(r.cr3, 0x3000);
    /* What is not RAM reads as all ones: reserved bits are set. */
    assert_false(cr_write(&c, 3, 0xFFFFF000));
    assert_int_equal(r.cr3, 0x3000);
}

static void pointers_are_loaded_again_when_caching_or_page_bits_change(void **state)
{
    (void)state;
    static const struct {
        uint32_t cr;
        uint64_t change;
        bool loads;
    } changes[] = {
        {0, CR0_CD, true},  {0, CR0_WP, false},  {0, CR0_TS, false}, {4, CR4_PGE, true},
        {4, CR4_PSE, true}, {4, CR4_SMEP, true}, {4, CR4_DE, false}, {4, CR4_OSXSAVE, false},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct vcpu_regs r = at(PAGED_PAE);
        struct cr_vcpu c = {.limits = &limits, .gmem = &mem, .regs = &r};
        uint64_t old = changes[i].cr == 0 ? r.cr0 : r.cr4;
        assert_true(cr_write(&c, changes[i].cr, old | changes[i].change));
        assert_int_equal(c.pdptes, changes[i].loads);
        /* In long mode there are none. */
        r = at(LONG);
        c.pdptes = false;
        old = changes[i].cr == 0 ? r.cr0 : r.cr4;
        assert_true(cr_write(&c, changes[i].cr, old | changes[i].change));
        assert_false(c.pdptes);
    }
    /* PAE itself, with paging on. */
    struct vcpu_regs r = at(PAGED32);
    struct cr_vcpu c = {.limits = &limits, .gmem = &mem, .regs = &r};
    assert_true(cr_write(&c, 4, CR4_PAE));
    assert_true(c.pdptes);
}

static void lmsw_sets_pe_and_never_clears_it(void **state)
{
    (void)state;
    assert_int_equal(cr0_after_lmsw(E, 0xFFFF), E | 0xF);
    assert_int_equal(cr0_after_lmsw(E | P | CR0_TS | CR0_NE, 0), E | P | CR0_NE);
    assert_int_equal(cr0_after_lmsw(E | P | G, CR0_EM), E | P | G | CR0_EM);
}

static void efer_takes_what_is_offered(void **state)
{
    (void)state;
    struct vcpu_regs r = at(PROTECTED);
    struct cr_vcpu c = {.limits = &limits, .gmem = &mem, .regs = &r};
    assert_true(efer_write(&c, EFER_SCE | EFER_LME | EFER_NXE));
    assert_int_equal(r.efer, EFER_SCE | EFER_LME | EFER_NXE);
    assert_true(efer_write(&c, EFER_LMA)); /* does not take */
    assert_int_equal(r.efer, 0);
    for (uint32_t bit = 0; bit < 64; bit++) {
        bool offered = bit == 0 || bit == 8 || bit == 10 || bit == 11;
        assert_int_equal(efer_write(&c, 1ull << bit), offered);
    }
    r = at(LONG);
    assert_false(efer_write(&c, EFER_SCE)); /* LME stays while paging is on */
    assert_true(efer_write(&c, EFER_LME | EFER_SCE));
    assert_int_equal(r.efer, EFER_LME | EFER_LMA | EFER_SCE);
    r = at(PAGED32);
    assert_false(efer_write(&c, EFER_LME));
    assert_true(efer_write(&c, EFER_NXE));
}

static void limits_follow_cpuid(void **state)
{
    (void)state;
    struct cpuid_cpu cpu = {.phys_bits = 46};
    struct cr_limits none = cr_limits_of(&cpu);
    assert_int_equal(none.cr4 | none.efer, 0);
    assert_int_equal(none.phys_bits, 46);
    memset(cpu.word, 0xFF, sizeof(cpu.word));
    struct cr_limits all = cr_limits_of(&cpu);
    assert_int_equal(all.cr4, 0x770FFFull & ~(1ull << 13));
    assert_int_equal(all.efer, EFER_SCE | EFER_LME | EFER_NXE | EFER_FFXSR);
    /* The guest owns nothing that is not offered, nor MCE. */
    assert_int_equal(~cr4_trap(&all), all.cr4 & ~CR4_MCE);
    assert_int_equal(~cr4_trap(&none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_write_takes_place_whole_or_faults, setup),
        cmocka_unit_test_setup(long_mode_needs_pae_and_a_code_segment_without_l, setup),
        cmocka_unit_test_setup(long_mode_is_not_entered_with_a_16_bit_task, setup),
        cmocka_unit_test_setup(pcids_have_their_own_rules, setup),
        cmocka_unit_test_setup(pae_paging_loads_four_pointers_and_checks_them, setup),
        cmocka_unit_test_setup(pointers_are_loaded_again_when_caching_or_page_bits_change, setup),
        cmocka_unit_test(lmsw_sets_pe_and_never_clears_it),
        cmocka_unit_test_setup(efer_takes_what_is_offered, setup),
        cmocka_unit_test(limits_follow_cpuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
