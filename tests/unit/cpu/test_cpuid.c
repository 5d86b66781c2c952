/* SPDX-License-Identifier: BSD-2-Clause
 * The CPUID policy. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/string.h"
#include "cpu/cpuid.h"
#include "vm/time.h"

static const struct cpuid_policy policy = {
    .tsc_khz = 2994375, .apic_id = 3, .lapic = true, .tsc_deadline = true};

/* What becomes of a host's answer that is all ones, or all zeros. */
static struct cpuid_leaf ask(const struct cpuid_policy *p, uint32_t leaf, uint32_t sub, uint32_t v)
{
    struct cpuid_leaf l = {leaf, sub, v, v, v, v};
    cpuid_apply(p, &l);
    assert_int_equal(l.leaf, leaf);
    assert_int_equal(l.subleaf, sub);
    return l;
}

#define ONES UINT32_MAX

static void what_is_not_named_is_zero(void **state)
{
    (void)state;
    static const uint32_t zero[] = {
        0x03,        0x05,        0x09,        0x0A,        0x0C,        0x0F,        0x10,
        0x12,        0x14,        0x17,        0x19,        0x1A,        0x1B,        0x1C,
        0x1F,        0x20,        0x23,        0x40000001,  0x40000002,  0x4000000F,  0x40000011,
        0x40000100,  0x80000009u, 0x8000000Au, 0x8000001Bu, 0x8000001Cu, 0x8000001Fu, 0x80000020u,
        0x80000022u, 0x8FFFFFFFu, 0xC0000000u, 0xFFFFFFFFu, 0x50000000,
    };
    for (uint32_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
        for (uint32_t sub = 0; sub < 3; sub++) {
            struct cpuid_leaf l = ask(&policy, zero[i], sub, ONES);
            assert_int_equal(l.eax | l.ebx | l.ecx | l.edx, 0);
        }
    }
}

/* Bits that no guest may see, each for a reason; and some that it must not lose. */
static void features_are_taken_away_one_by_one(void **state)
{
    (void)state;
    static const struct {
        uint32_t leaf, sub, reg, bit, shown;
    } rows[] = {
        {1, 0, 2, 3, 0},            /* MONITOR      */
        {1, 0, 2, 5, 0},            /* VMX          */
        {1, 0, 2, 6, 0},            /* SMX          */
        {1, 0, 2, 15, 0},           /* PDCM         */
        {1, 0, 2, 21, 0},           /* x2APIC       */
        {1, 0, 2, 17, 1},           /* PCID         */
        {1, 0, 2, 24, 1},           /* TSC-deadline */
        {1, 0, 2, 26, 1},           /* XSAVE        */
        {1, 0, 2, 27, 1},           /* OSXSAVE      */
        {1, 0, 2, 30, 1},           /* RDRAND       */
        {1, 0, 2, 31, 1},           /* HYPERVISOR   */
        {1, 0, 3, 9, 1},            /* APIC         */
        {1, 0, 3, 28, 0},           /* HTT          */
        {1, 0, 3, 21, 0},           /* DS           */
        {1, 0, 3, 26, 1},           /* SSE2         */
        {1, 0, 3, 27, 1},           /* SS           */
        {7, 0, 1, 0, 1},            /* FSGSBASE     */
        {7, 0, 1, 1, 0},            /* TSC_ADJUST   */
        {7, 0, 1, 2, 0},            /* SGX          */
        {7, 0, 1, 7, 1},            /* SMEP         */
        {7, 0, 1, 10, 1},           /* INVPCID      */
        {7, 0, 1, 20, 1},           /* SMAP         */
        {7, 0, 1, 25, 0},           /* PT           */
        {7, 0, 2, 5, 0},            /* WAITPKG      */
        {7, 0, 2, 16, 0},           /* LA57         */
        {7, 0, 2, 28, 0},           /* MOVDIR64B    */
        {7, 0, 2, 30, 0},           /* SGX_LC       */
        {7, 0, 3, 26, 1},           /* SPEC_CTRL    */
        {7, 0, 3, 29, 1},           /* ARCH_CAPS    */
        {7, 0, 3, 19, 0},           /* ARCH_LBR     */
        {7, 1, 0, 26, 0},           /* LAM          */
        {7, 1, 0, 4, 1},            /* AVX-VNNI     */
        {0xD, 0, 0, 3, 0},          /* MPX state    */
        {0xD, 0, 0, 2, 1},          /* AVX state    */
        {0xD, 1, 0, 0, 1},          /* XSAVEOPT     */
        {0x80000001u, 0, 2, 1, 0},  /* CMP_LEGACY   */
        {0x80000001u, 0, 2, 2, 0},  /* SVM          */
        {0x80000001u, 0, 2, 10, 0}, /* IBS          */
        {0x80000001u, 0, 2, 15, 0}, /* LWP          */
        {0x80000001u, 0, 2, 22, 1}, /* TOPOEXT      */
        {0x80000001u, 0, 2, 23, 0}, /* PERFCTR_CORE */
        {0x80000001u, 0, 2, 29, 0}, /* MONITORX     */
        {0x80000001u, 0, 3, 20, 1}, /* NX           */
        {0x80000001u, 0, 3, 26, 1}, /* 1 GiB pages  */
        {0x80000001u, 0, 3, 29, 1}, /* long mode    */
        {0x80000007u, 0, 3, 8, 1},  /* invariant    */
        {0x80000008u, 0, 1, 3, 0},  /* INVLPGB      */
        {0x80000008u, 0, 1, 12, 1}, /* IBPB         */
        {6, 0, 0, 2, 1},            /* ARAT         */
        {6, 0, 2, 0, 0},            /* APERF/MPERF  */
    };
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpuid_leaf l = ask(&policy, rows[i].leaf, rows[i].sub, ONES);
        const uint32_t reg[4] = {l.eax, l.ebx, l.ecx, l.edx};
        if ((reg[rows[i].reg] >> rows[i].bit & 1) != rows[i].shown) {
            fail_msg("leaf %#x.%u register %u bit %u", rows[i].leaf, rows[i].sub, rows[i].reg,
                     rows[i].bit);
        }
    }
}

static void the_policy_invents_only_what_the_core_provides(void **state)
{
    (void)state;
    struct cpuid_leaf l = ask(&policy, 1, 0, 0);
    assert_int_equal(l.ecx, 1u << 31 | 1u << 24);
    assert_int_equal(l.edx, 1u << 9);
    assert_int_equal(l.ebx, 1u << 16 | 3u << 24);
    l = ask(&policy, 7, 0, 0);
    assert_int_equal(l.eax | l.ebx | l.ecx | l.edx, 0);
    l = ask(&policy, 0x80000001u, 0, 0);
    assert_int_equal(l.eax | l.ebx | l.ecx | l.edx, 0);
    l = ask(&policy, 0x80000007u, 0, 0);
    assert_int_equal(l.edx, 1u << 8);
}

static void without_a_local_apic_nothing_speaks_of_one(void **state)
{
    (void)state;
    const struct cpuid_policy p = {.tsc_khz = 1, .tsc_deadline = true};
    assert_int_equal(ask(&p, 1, 0, ONES).edx >> 9 & 1, 0);
    assert_int_equal(ask(&p, 1, 0, ONES).ecx >> 24 & 1, 0);
    assert_int_equal(ask(&p, 0x80000001u, 0, ONES).edx >> 9 & 1, 0);
    const struct cpuid_policy q = {.tsc_khz = 1, .lapic = true};
    assert_int_equal(ask(&q, 1, 0, ONES).ecx >> 24 & 1, 0);
}

static void there_is_one_processor(void **state)
{
    (void)state;
    struct cpuid_leaf l = ask(&policy, 1, 0, ONES);
    assert_int_equal(l.ebx, 0xFFFFu | 1u << 16 | 3u << 24);
    assert_int_equal(ask(&policy, 4, 2, ONES).eax, 0x3FFF);
    assert_int_equal(ask(&policy, 4, 2, ONES).ebx, ONES);
    assert_int_equal(ask(&policy, 0x8000001Du, 1, ONES).eax, 0x3FFF);
    assert_int_equal(ask(&policy, 0x80000008u, 0, ONES).ecx, 0);
    l = ask(&policy, 0x8000001Eu, 0, ONES);
    assert_int_equal(l.eax, 3);
    assert_int_equal(l.ebx | l.ecx | l.edx, 0);
    static const uint32_t ecx[] = {0x100, 0x201, 2, 3};
    for (uint32_t sub = 0; sub < 4; sub++) {
        l = ask(&policy, 0xB, sub, ONES);
        assert_int_equal(l.eax, 0);
        assert_int_equal(l.ebx, sub < 2 ? 1 : 0);
        assert_int_equal(l.ecx, ecx[sub]);
        assert_int_equal(l.edx, 3);
    }
}

static void maxima_are_raised_and_capped(void **state)
{
    (void)state;
    assert_int_equal(ask(&policy, 0, 0, 0).eax, 0x16);
    assert_int_equal(ask(&policy, 0, 0, 0x1D).eax, 0x1D);
    assert_int_equal(ask(&policy, 0, 0, ONES).eax, 0x1E);
    assert_int_equal(ask(&policy, 0, 0, 0x756E6547).ebx, 0x756E6547); /* the vendor stays */
    assert_int_equal(ask(&policy, 0x80000000u, 0, 0).eax, 0x80000008u);
    assert_int_equal(ask(&policy, 0x80000000u, 0, ONES).eax, 0x80000021u);
    assert_int_equal(ask(&policy, 0x80000008u, 0, 0x3934).eax, 0x3034); /* 57 bits become 48 */
    assert_int_equal(ask(&policy, 0x80000008u, 0, 0).eax, 0x3024);
}

static void the_hypervisor_signs(void **state)
{
    (void)state;
    struct cpuid_leaf l = ask(&policy, 0x40000000, 0, ONES);
    char text[12];
    memcpy(text, &l.ebx, 4);
    memcpy(text + 4, &l.ecx, 4);
    memcpy(text + 8, &l.edx, 4);
    assert_memory_equal(text, "BulkheadVMM", 12);
    assert_int_equal(l.eax, 0x40000010);
    l = ask(&policy, 0x40000010, 0, ONES);
    assert_int_equal(l.eax, 2994375);
    assert_int_equal(l.ebx, 1000000);
    assert_int_equal(l.ecx | l.edx, 0);
}

static void leaf_15_is_close_and_linux_can_compute_with_it(void **state)
{
    (void)state;
    static const struct {
        uint32_t khz;
        uint32_t ppm_x10; /* allowed error in tenths of 10^-6 */
    } rows[] = {{2000000, 0},  {2500000, 0}, {2994375, 15},  {2394230, 15},
                {3000002, 10}, {4200000, 0}, {1000000, 0},   {5700123, 30},
                {799999, 15},  {4294967, 5}, {3000300, 1200}};
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpuid_policy p = policy;
        p.tsc_khz = rows[i].khz;
        struct cpuid_leaf l = ask(&p, 0x15, 0, ONES);
        assert_int_equal(l.ecx, VM_APIC_HZ);
        assert_int_equal(l.edx, 0);
        uint32_t crystal_khz = l.ecx / 1000;
        uint32_t product = crystal_khz * l.ebx; /* in 32 bits, as Linux does */
        assert_int_equal(product, (uint64_t)crystal_khz * l.ebx);
        int64_t off = (int64_t)product / l.eax - (int64_t)p.tsc_khz;
        off = off < 0 ? -off : off;
        assert_true((uint64_t)off * 10000000 <= (uint64_t)p.tsc_khz * (rows[i].ppm_x10 + 4u));
    }
    struct cpuid_leaf l = ask(&policy, 0x16, 0, ONES);
    assert_int_equal(l.eax, 2994);
    assert_int_equal(l.ebx, 2994);
    assert_int_equal(l.ecx, 100);
    assert_int_equal(l.edx, 0);
}

static void any_tsc_frequency_gives_a_ratio(void **state)
{
    (void)state;
    static const uint32_t odd[] = {1, 100, 117, 12345, 999999, 4294000000u, UINT32_MAX};
    for (uint32_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct cpuid_policy p = policy;
        p.tsc_khz = odd[i];
        struct cpuid_leaf l = ask(&p, 0x15, 0, 0);
        assert_true(l.eax >= 1 && l.eax <= 4294 && l.ebx >= 1 && l.ebx <= 4294);
        (void)ask(&p, 0x16, 0, 0);
    }
}

static void extra_leaves_are_those_that_apply_would_give(void **state)
{
    (void)state;
    struct cpuid_leaf out[CPUID_EXTRA + 1];
    assert_int_equal(cpuid_extra(&policy, out, 0), 0);
    assert_int_equal(cpuid_extra(&policy, out, 2), 2);
    assert_int_equal(cpuid_extra(&policy, out, CPUID_EXTRA + 1), CPUID_EXTRA);
    assert_int_equal(out[0].leaf, 0x15);
    assert_int_equal(out[3].leaf, 0x40000010);
    for (uint32_t i = 0; i < CPUID_EXTRA; i++) {
        struct cpuid_leaf l = ask(&policy, out[i].leaf, 0, ONES);
        assert_memory_equal(&l, &out[i], sizeof(l));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_named_is_zero),
        cmocka_unit_test(features_are_taken_away_one_by_one),
        cmocka_unit_test(the_policy_invents_only_what_the_core_provides),
        cmocka_unit_test(without_a_local_apic_nothing_speaks_of_one),
        cmocka_unit_test(there_is_one_processor),
        cmocka_unit_test(maxima_are_raised_and_capped),
        cmocka_unit_test(the_hypervisor_signs),
        cmocka_unit_test(leaf_15_is_close_and_linux_can_compute_with_it),
        cmocka_unit_test(any_tsc_frequency_gives_a_ratio),
        cmocka_unit_test(extra_leaves_are_those_that_apply_would_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
