/* SPDX-License-Identifier: BSD-2-Clause
 * The MSR bank. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/string.h"
#include "cpu/msr.h"

#define FEATURES                    \
    {                               \
        [CPUID_W1_EDX] = UINT32_MAX \
    }

static const struct cpuid_cpu intel = {.phys_bits = 52, .word = FEATURES};
static const struct cpuid_cpu amd = {.phys_bits = 52, .amd = true, .word = FEATURES};

/* A processor that has the register. */
static const struct cpuid_cpu *owner(uint32_t index)
{
    return index >= 0xC0000000u ? &amd : &intel;
}

static uint64_t get(const struct msr_bank *b, uint32_t index)
{
    uint64_t value = 0xDEAD;
    assert_int_equal(msr_read(b, owner(index), index, &value), MSR_DONE);
    return value;
}

static void registers_read_as_after_reset(void **state)
{
    (void)state;
    static const struct {
        uint32_t index;
        uint64_t value;
    } rows[] = {
        {MSR_IA32_PLATFORM_ID, 0},
        {MSR_SMI_COUNT, 0},
        {MSR_FEATURE_CONTROL, 1},
        {MSR_BIOS_SIGN_ID, 0},
        {MSR_MTRRCAP, 0x508},
        {MSR_MCG_CAP, 0},
        {MSR_MISC_ENABLE, 0x1801},
        {MSR_MTRR_PHYS, 0},
        {MSR_MTRR_PHYS + 15, 0},
        {MSR_MTRR_FIX_64K, 0x0606060606060606},
        {MSR_MTRR_FIX_16K + 1, 0},
        {MSR_MTRR_FIX_4K + 7, 0x0606060606060606},
        {MSR_PAT, 0x0007040600070406},
        {MSR_MTRR_DEF_TYPE, 0xC06},
        {MSR_AMD_TSC_RATIO, 1ull << 32},
        {0xC0010007, 0},
        {MSR_AMD_SYSCFG, 0},
        {MSR_AMD_HWCR, 1ull << 24},
        {MSR_AMD_NB_CFG, 0},
        {MSR_AMD_INT_PENDING, 0},
        {MSR_AMD_VM_CR, 0x18},
        {0xC001020B, 0},
        {MSR_AMD_DE_CFG, 2},
    };
    struct msr_bank b;
    msr_reset(&b);
    assert_true(msr_valid(&b));
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(get(&b, rows[i].index), rows[i].value);
    }
}

static void what_is_not_named_faults_both_ways(void **state)
{
    (void)state;
    /* Among them those that belong to the local APIC or the host. */
    static const uint32_t odd[] = {0x1B,  0x3B,  0x6E0, 0x10,  0xC1,       0x186,      0x210,
                                   0x1FF, 0x260, 0x270, 0x480, 0x800,      0xC0000080, 0xC0010008,
                                   0x0,   0xFD,  0x48,  0x10A, 0x17B,      0x400,      0x47F,
                                   0xE7,  0xE8,  0xDA0, 0x83F, 0xC001020C, 0xFFFFFFFF, 0x4B564D00};
    struct msr_bank b;
    msr_reset(&b);
    for (uint32_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        uint64_t value = 42;
        assert_int_equal(msr_read(&b, &intel, odd[i], &value), MSR_FAULT);
        assert_int_equal(msr_read(&b, &amd, odd[i], &value), MSR_FAULT);
        assert_int_equal(value, 42);
        assert_int_equal(msr_write(&b, &intel, odd[i], 0), MSR_FAULT);
        assert_int_equal(msr_write(&b, &amd, odd[i], 0), MSR_FAULT);
    }
}

/* [SDM] vol. 4, table 2-2: what each register exists by. */
static void registers_go_with_their_features(void **state)
{
    (void)state;
    static const struct {
        enum cpuid_feature feature;
        uint32_t index;
    } rows[] = {
        {CPUID_F_mtrr, MSR_MTRRCAP},          {CPUID_F_mtrr, MSR_MTRR_PHYS},
        {CPUID_F_mtrr, MSR_MTRR_PHYS + 15},   {CPUID_F_mtrr, MSR_MTRR_FIX_64K},
        {CPUID_F_mtrr, MSR_MTRR_FIX_16K + 1}, {CPUID_F_mtrr, MSR_MTRR_FIX_4K + 7},
        {CPUID_F_mtrr, MSR_MTRR_DEF_TYPE},    {CPUID_F_pat, MSR_PAT},
        {CPUID_F_mca, MSR_MCG_CAP},           {CPUID_F_mca, MSR_MCG_STATUS},
    };
    struct msr_bank b;
    msr_reset(&b);
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpuid_cpu without = intel;
        uint64_t value = 0;
        without.word[CPUID_W1_EDX] &= ~(1u << rows[i].feature % 32u);
        assert_int_equal(msr_read(&b, &intel, rows[i].index, &value), MSR_DONE);
        assert_int_equal(msr_read(&b, &without, rows[i].index, &value), MSR_FAULT);
        assert_int_equal(msr_write(&b, &without, rows[i].index, value), MSR_FAULT);
        assert_int_equal(msr_read(&b, &without, MSR_BIOS_SIGN_ID, &value), MSR_DONE);
    }
}

static void writes_keep_ignore_or_fault_as_the_register_does(void **state)
{
    (void)state;
    static const struct {
        uint32_t index;
        uint64_t value;
        enum msr_result result;
        uint64_t after;
    } rows[] = {
        {MSR_IA32_PLATFORM_ID, 0, MSR_FAULT, 0},
        {MSR_FEATURE_CONTROL, 5, MSR_FAULT, 1},
        {MSR_MTRRCAP, 0, MSR_FAULT, 0x508},
        {MSR_BIOS_SIGN_ID, ~0ull, MSR_DONE, 0},
        {MSR_BIOS_UPDT_TRIG, 0x1000, MSR_DONE, 0},
        {MSR_MISC_ENABLE, ~0ull, MSR_DONE, 0x400401801},
        {MSR_MISC_ENABLE, 0, MSR_DONE, 0x1800},
        {MSR_AMD_HWCR, 0, MSR_DONE, 1ull << 24},
        {MSR_AMD_HWCR, ~0ull, MSR_DONE, 1ull << 24 | 1ull << 18 | 1ull << 30},
        {MSR_AMD_DE_CFG, 0, MSR_DONE, 2},
        {MSR_PAT, 0x0007010600070106, MSR_DONE, 0x0007010600070106},
        {MSR_PAT, 0x0007040600070402, MSR_FAULT, 0x0007010600070106},
        {MSR_PAT, 0x0800000000000000, MSR_FAULT, 0x0007010600070106},
        {MSR_MTRR_DEF_TYPE, 0x806, MSR_DONE, 0x806},
        {MSR_MTRR_DEF_TYPE, 0x802, MSR_FAULT, 0x806},
        {MSR_MTRR_DEF_TYPE, 0x1006, MSR_FAULT, 0x806},
        {MSR_MTRR_FIX_4K, 0x0505050505050505, MSR_DONE, 0x0505050505050505},
        {MSR_MTRR_FIX_4K, 0x0705050505050505, MSR_FAULT, 0x0505050505050505},
        {MSR_MTRR_PHYS + 2, 0xC0000000, MSR_DONE, 0xC0000000},
        {MSR_MTRR_PHYS + 3, 0xFFFFC0000800, MSR_DONE, 0xFFFFC0000800},
        {MSR_MTRR_PHYS + 2, 0xC0000003, MSR_FAULT, 0xC0000000},
        {MSR_MTRR_PHYS + 2, 0xC0000100, MSR_FAULT, 0xC0000000},
        {MSR_MTRR_PHYS + 3, 0x400, MSR_FAULT, 0xFFFFC0000800},
        {MSR_MTRR_PHYS + 3, 1ull << 52, MSR_FAULT, 0xFFFFC0000800},
    };
    struct msr_bank b;
    msr_reset(&b);
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(msr_write(&b, owner(rows[i].index), rows[i].index, rows[i].value),
                         rows[i].result);
        assert_int_equal(get(&b, rows[i].index), rows[i].after);
        assert_true(msr_valid(&b));
    }
    assert_int_equal(get(&b, MSR_MTRR_PHYS), 0); /* the neighbours are untouched */
    assert_int_equal(get(&b, MSR_MTRR_PHYS + 4), 0);
    msr_reset(&b);
    assert_int_equal(get(&b, MSR_PAT), 0x0007040600070406);
    b.slot[0] = 0;
    assert_false(msr_valid(&b));
}

static void each_slot_belongs_to_one_register(void **state)
{
    (void)state;
    static const struct {
        uint32_t first, count;
    } kept[] = {{MSR_MISC_ENABLE, 1},   {MSR_MTRR_PHYS, 16},  {MSR_MTRR_FIX_64K, 1},
                {MSR_MTRR_FIX_16K, 2},  {MSR_MTRR_FIX_4K, 8}, {MSR_PAT, 1},
                {MSR_MTRR_DEF_TYPE, 1}, {MSR_AMD_HWCR, 1}};
    struct msr_bank b;
    struct msr_bank was;
    bool used[MSR_SLOTS] = {false};
    for (uint32_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        for (uint32_t n = 0; n < kept[i].count; n++) {
            msr_reset(&b);
            uint32_t index = kept[i].first + n;
            uint64_t value = index == MSR_AMD_HWCR ? 1u << 18 : 0x0001;
            if (index >= MSR_MTRR_PHYS && index < MSR_MTRR_PHYS + 16) {
                value = 0x1000;
            }
            value = index == MSR_MISC_ENABLE ? 0 : value;
            was = b;
            assert_int_equal(msr_write(&b, owner(index), index, value), MSR_DONE);
            uint32_t changed = MSR_SLOTS;
            for (uint32_t s = 0; s < MSR_SLOTS; s++) {
                if (b.slot[s] != was.slot[s]) {
                    assert_int_equal(changed, MSR_SLOTS);
                    changed = s;
                }
            }
            assert_true(changed < MSR_SLOTS);
            assert_false(used[changed]);
            used[changed] = true;
        }
    }
    for (uint32_t s = 0; s < MSR_SLOTS; s++) {
        assert_true(used[s]);
    }
}

static void each_vendor_has_its_own_registers(void **state)
{
    (void)state;
    static const struct {
        uint32_t index;
        bool intel, amd;
    } rows[] = {
        {MSR_IA32_PLATFORM_ID, true, false}, {MSR_MISC_ENABLE, true, false},
        {MSR_FEATURE_CONTROL, true, false},  {MSR_AMD_HWCR, false, true},
        {MSR_AMD_SYSCFG, false, true},       {MSR_AMD_VM_CR, false, true},
        {MSR_BIOS_SIGN_ID, true, true},      {MSR_PAT, true, true},
        {MSR_MTRR_DEF_TYPE, true, true},     {MSR_MCG_CAP, true, true},
    };
    struct msr_bank b;
    msr_reset(&b);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = 0;
        assert_int_equal(msr_read(&b, &intel, rows[i].index, &value) == MSR_DONE, rows[i].intel);
        assert_int_equal(msr_read(&b, &amd, rows[i].index, &value) == MSR_DONE, rows[i].amd);
        value = rows[i].index == MSR_PAT ? 0 : 0x806;
        enum msr_result on_intel = msr_write(&b, &intel, rows[i].index, value);
        enum msr_result on_amd = msr_write(&b, &amd, rows[i].index, value);
        assert_true(rows[i].intel || on_intel == MSR_FAULT);
        assert_true(rows[i].amd || on_amd == MSR_FAULT);
    }
}

/* Machine check: no bank, no MCG_CTL, so nothing beyond these two exists. */
static void there_are_no_machine_check_banks(void **state)
{
    (void)state;
    struct msr_bank b;
    uint64_t value = 1;
    msr_reset(&b);
    assert_int_equal(get(&b, MSR_MCG_CAP), 0);
    assert_int_equal(get(&b, MSR_MCG_STATUS), 0);
    assert_int_equal(msr_write(&b, &intel, MSR_MCG_CAP, 1), MSR_FAULT);
    assert_int_equal(msr_read(&b, &intel, MSR_MCG_CTL, &value), MSR_FAULT);
    for (uint32_t i = 0; i < 128; i++) {
        assert_int_equal(msr_read(&b, &amd, MSR_MC_BANKS + i, &value), MSR_FAULT);
        assert_int_equal(msr_write(&b, &amd, MSR_MC_BANKS + i, 0), MSR_FAULT);
    }
}

static void mtrrs_reach_as_far_as_the_processor(void **state)
{
    (void)state;
    const struct cpuid_cpu small = {.phys_bits = 39, .word = FEATURES};
    struct msr_bank b;
    msr_reset(&b);
    assert_int_equal(msr_write(&b, &small, MSR_MTRR_PHYS, 0x7FFFFFF006), MSR_DONE);
    assert_int_equal(msr_write(&b, &small, MSR_MTRR_PHYS, 0x8000000006), MSR_FAULT);
    assert_int_equal(msr_write(&b, &small, MSR_MTRR_PHYS + 1, 0x7FFFFFF800), MSR_DONE);
    assert_int_equal(msr_write(&b, &small, MSR_MTRR_PHYS + 1, 0xFFFFFFF800), MSR_FAULT);
    assert_true(msr_valid(&b));
}

/* Every type there is, in every place of each register that holds types. */
static void memory_types_are_checked_one_by_one(void **state)
{
    (void)state;
    struct msr_bank b;
    msr_reset(&b);
    for (uint32_t type = 0; type < 256; type++) {
        bool mtrr = type == 0 || type == 1 || type == 4 || type == 5 || type == 6;
        bool pat = mtrr || type == 7;
        for (uint32_t at = 0; at < 8; at++) {
            uint64_t value = (uint64_t)type << (8 * at);
            assert_int_equal(msr_write(&b, &intel, MSR_PAT, value) == MSR_DONE, pat);
            assert_int_equal(msr_write(&b, &intel, MSR_MTRR_FIX_64K, value) == MSR_DONE, mtrr);
        }
        assert_int_equal(msr_write(&b, &intel, MSR_MTRR_DEF_TYPE, type) == MSR_DONE, mtrr);
        assert_int_equal(msr_write(&b, &intel, MSR_MTRR_PHYS + 4, type) == MSR_DONE, mtrr);
    }
}

static void registers_of_the_vcpu_are_checked_before_a_host_has_them(void **state)
{
    (void)state;
    struct cpuid_cpu cpu = {.phys_bits = 39};
    static const enum cpuid_feature has[] = {CPUID_F_sep, CPUID_F_syscall, CPUID_F_lm,
                                             CPUID_F_rdtscp};
    static const struct {
        uint32_t index;
        uint64_t value;
        bool legal;
    } rows[] = {
        {0x174, UINT64_MAX, true},
        {0x175, 0x0000800000000000, false},
        {0x175, 0xFFFF800000000000, true},
        {0x176, 0x8000000000000000, false},
        {0xC0000081, 0x123456789ABCDEF0, true},
        {MSR_LSTAR, 0x0000800000000000, false},
        {MSR_LSTAR, 0x00007FFFFFFFFFFF, true},
        {0xC0000083, 0xFFFF7FFFFFFFFFFF, false},
        {MSR_FMASK, 0x100047700, false},
        {MSR_FMASK, 0xFFFFFFFF, true},
        {MSR_FS_BASE, 0x0001000000000000, false},
        {MSR_GS_BASE, 0xFFFFFFFF80000000, true},
        {0xC0000102, 0x4000000000000000, false},
        {0xC0000103, 0x100000000, false},
        {0xC0000103, 0xFFFFFFFF, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(msr_vcpu_home(&cpu, rows[i].index), MSR_NOWHERE);
        assert_int_equal(msr_vcpu_legal(rows[i].index, rows[i].value), rows[i].legal);
    }
    for (size_t i = 0; i < sizeof(has) / sizeof(has[0]); i++) {
        cpu.word[(uint32_t)has[i] / 32u] |= 1u << ((uint32_t)has[i] % 32u);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool cached = rows[i].index == MSR_FS_BASE || rows[i].index == MSR_GS_BASE;
        assert_int_equal(msr_vcpu_home(&cpu, rows[i].index), cached ? MSR_IN_CACHE : MSR_AT_HOST);
    }
    assert_int_equal(msr_vcpu_home(&cpu, MSR_PAT), MSR_NOWHERE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_read_as_after_reset),
        cmocka_unit_test(what_is_not_named_faults_both_ways),
        cmocka_unit_test(registers_go_with_their_features),
        cmocka_unit_test(writes_keep_ignore_or_fault_as_the_register_does),
        cmocka_unit_test(each_slot_belongs_to_one_register),
        cmocka_unit_test(each_vendor_has_its_own_registers),
        cmocka_unit_test(there_are_no_machine_check_banks),
        cmocka_unit_test(mtrrs_reach_as_far_as_the_processor),
        cmocka_unit_test(memory_types_are_checked_one_by_one),
        cmocka_unit_test(registers_of_the_vcpu_are_checked_before_a_host_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
