/* SPDX-License-Identifier: BSD-2-Clause
 * The CPUID policy: every leaf, every bit, both vendors. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cpu_host.h"
#include "vm/regs.h"
#include "vm/time.h"

#define ONES UINT32_MAX

static const struct cpuid_policy policy = {
    .tsc_khz = 2994375, .apic_id = 3, .lapic = true, .tsc_deadline = true, .host_switches = true};

/* Everything that the guest's own state shows is on. */
static const struct cpuid_now all_on = {
    .cr4 = CR4_OSXSAVE | CR4_PKE, .xcr0 = 7, .lapic_on = true, .code_64 = true};

static struct cpuid_cpu build(const struct cpuid_policy *p, struct cpu_host *h)
{
    uint32_t missing[CPUID_WORDS];
    struct cpuid_cpu cpu;
    assert_true(cpu_host_build(&cpu, p, h, missing));
    return cpu;
}

/* What becomes of a leaf of a host that has everything. */
static struct cpuid_leaf ask(const struct cpuid_policy *p, bool amd, uint32_t leaf, uint32_t sub)
{
    struct cpu_host h = {.amd = amd, .others = ONES};
    struct cpuid_cpu cpu = build(p, &h);
    return cpu_host_ask(&cpu, &all_on, &h, leaf, sub);
}

/* --- The lists, read by the test on its own ------------------------------------------------------ */

#define ROW(word, bit, name, intel, amd, level, why) \
    {#name, CPUID_##word, bit, {CPUID_##intel, CPUID_##amd}, level, why},
static const struct {
    const char *name;
    uint32_t word, bit;
    uint8_t action[2];
    uint8_t level;
    const char *why;
} rows[] = {CPUID_FEATURES(ROW)};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

#define NEED(feature, needs) {CPUID_F_##feature, CPUID_F_##needs},
static const uint32_t needs[][2] = {CPUID_NEEDS(NEED)};
#define NEEDS (sizeof(needs) / sizeof(needs[0]))

/* Bits of that register that any row allows on such a host, edx of 0x80000001 with its repetitions. */
static uint32_t named_bits(bool amd, uint32_t leaf, uint32_t sub, uint32_t reg)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < ROWS; i++) {
        bool here = cpu_host_places[rows[i].word].leaf == leaf &&
                    cpu_host_places[rows[i].word].sub == sub &&
                    cpu_host_places[rows[i].word].reg == reg;
        if (here && rows[i].action[amd] != CPUID_MASK) {
            bits |= 1u << rows[i].bit;
        }
    }
    if (amd && leaf == 0x80000001u && reg == CPUID_EDX) {
        bits |= named_bits(amd, 1, 0, CPUID_EDX) & 0x0183F3FFu;
    }
    return bits;
}

static bool is_feature_register(uint32_t leaf, uint32_t sub, uint32_t reg)
{
    for (uint32_t i = 0; i < CPUID_WORDS; i++) {
        if (cpu_host_places[i].leaf == leaf && cpu_host_places[i].sub == sub &&
            cpu_host_places[i].reg == reg) {
            return true;
        }
    }
    return false;
}

/* Registers that are no features: what of all ones may come through, or what the core writes itself. */
static const struct {
    uint32_t leaf, sub, reg, keep;
} fields[] = {
    {0x00, 0, CPUID_EAX, 0x1F},
    {0x00, 0, CPUID_EBX, ONES},
    {0x00, 0, CPUID_ECX, ONES},
    {0x00, 0, CPUID_EDX, ONES},
    {0x01, 0, CPUID_EAX, ONES},
    {0x01, 0, CPUID_EBX, 0x0301FFFF},
    {0x07, 0, CPUID_EAX, 0x3},
    {0x0D, 0, CPUID_EBX, 0xFFF},
    {0x0D, 0, CPUID_ECX, 0xFFF},
    {0x0D, 1, CPUID_EBX, 0xFFF},
    {0x15, ONES, CPUID_EAX, ONES},
    {0x15, ONES, CPUID_EBX, ONES},
    {0x15, ONES, CPUID_ECX, ONES},
    {0x16, ONES, CPUID_EAX, 0xFFFF},
    {0x16, ONES, CPUID_EBX, 0xFFFF},
    {0x16, ONES, CPUID_ECX, 0xFFFF},
    {0x80000000u, ONES, CPUID_EAX, 0x8000003F},
    {0x80000000u, ONES, CPUID_EBX, ONES},
    {0x80000000u, ONES, CPUID_ECX, ONES},
    {0x80000000u, ONES, CPUID_EDX, ONES},
    {0x80000001u, ONES, CPUID_EAX, ONES},
    {0x80000008u, ONES, CPUID_EAX, 0xFFFF},
};

static uint32_t field_bits(uint32_t leaf, uint32_t sub, uint32_t reg)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].leaf == leaf && fields[i].reg == reg &&
            (fields[i].sub == ONES || fields[i].sub == sub)) {
            return fields[i].keep;
        }
    }
    if (leaf == 0x0B) {
        return ONES; /* all ours: there_is_one_processor looks at it */
    }
    if (leaf == 0x0D && sub >= 2 && sub < 10) {
        return 0xFFF;
    }
    return 0;
}

/* Leaves that are the host's as they are, or ours as a whole: other tests look at those. */
static bool is_whole(bool amd, uint32_t leaf)
{
    bool both = leaf >= 0x80000002u && leaf <= 0x80000006u;
    bool intel = leaf == 0x02 || leaf == 0x04 || leaf == 0x18;
    bool amds =
        leaf == 0x80000019u || leaf == 0x8000001Au || leaf == 0x8000001Du || leaf == 0x8000001Eu;
    bool hypervisor = leaf == 0x40000000u || leaf == 0x40000010u;
    return both || hypervisor || (amd ? amds : intel);
}

static void no_bit_passes_that_no_row_names_whatever_the_host_has(void **state)
{
    (void)state;
    static const uint32_t firsts[] = {0, 0x40000000u, 0x80000000u, 0xC0000000u};
    for (uint32_t amd = 0; amd < 2; amd++) {
        struct cpu_host h = {.amd = amd != 0, .others = ONES};
        struct cpuid_cpu cpu = build(&policy, &h);
        for (uint32_t n = 0; n < 4 * 0x100u * 20u; n++) {
            uint32_t leaf = firsts[n / 0x1400u] + n / 20u % 0x100u;
            uint32_t sub = n % 20u;
            struct cpuid_leaf l = cpu_host_ask(&cpu, &all_on, &h, leaf, sub);
            for (uint32_t reg = 0; reg < 4 && !is_whole(amd != 0, leaf); reg++) {
                /* Only leaves 7 and 0xD have sub-leaves among those with features. */
                uint32_t s = leaf == 7 || leaf == 0x0D ? sub : 0;
                uint32_t may = is_feature_register(leaf, s, reg)
                                   ? named_bits(amd != 0, leaf, s, reg)
                                   : field_bits(leaf, s, reg);
                if ((*cpu_host_reg(&l, reg) & ~may) != 0) {
                    fail_msg("amd %u leaf %#x.%u register %u: %#x, of which %#x may be", amd, leaf,
                             sub, reg, *cpu_host_reg(&l, reg), may);
                }
            }
        }
    }
}

static void every_bit_passes_that_a_row_lets_through(void **state)
{
    (void)state;
    for (uint32_t amd = 0; amd < 2; amd++) {
        for (size_t i = 0; i < ROWS; i++) {
            struct cpuid_leaf l = ask(&policy, amd != 0, cpu_host_places[rows[i].word].leaf,
                                      cpu_host_places[rows[i].word].sub);
            uint32_t shown =
                *cpu_host_reg(&l, cpu_host_places[rows[i].word].reg) >> rows[i].bit & 1u;
            bool repeated = amd != 0 && cpu_host_places[rows[i].word].leaf == 0x80000001u;
            if (shown != (rows[i].action[amd] != CPUID_MASK) && !repeated) {
                fail_msg("amd %u: %s", amd, rows[i].name);
            }
        }
    }
}

static void a_raw_host_is_not_offered_what_it_would_have_to_switch(void **state)
{
    (void)state;
    struct cpuid_policy p = policy;
    p.host_switches = false;
    for (uint32_t amd = 0; amd < 2; amd++) {
        struct cpu_host h = {.amd = amd != 0, .others = ONES};
        struct cpuid_cpu cpu = build(&p, &h);
        for (size_t i = 0; i < ROWS; i++) {
            if (rows[i].action[amd] == CPUID_HOST) {
                assert_false(
                    cpuid_has(&cpu, (enum cpuid_feature)(rows[i].word * 32 + rows[i].bit)));
            }
        }
        assert_true(cpuid_has(&cpu, CPUID_F_avx2));
        assert_false(cpuid_has(&cpu, CPUID_F_rdtscp));
    }
}

static void each_bit_has_one_row_with_a_name_and_a_reason(void **state)
{
    (void)state;
    uint32_t seen[CPUID_WORDS] = {0};
    for (size_t i = 0; i < ROWS; i++) {
        assert_true(rows[i].bit < 32);
        assert_int_equal(seen[rows[i].word] >> rows[i].bit & 1u, 0);
        seen[rows[i].word] |= 1u << rows[i].bit;
        assert_true(strlen(rows[i].why) >= 3);
        assert_true(rows[i].level <= 3);
        /* A named model is the same on hosts of both vendors. */
        assert_true(rows[i].level == 0 ||
                    (rows[i].action[0] == CPUID_PASS && rows[i].action[1] == CPUID_PASS));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(rows[i].name, rows[j].name);
        }
    }
}

/* --- Consistency --------------------------------------------------------------------------------- */

static void assert_consistent(const struct cpuid_cpu *cpu)
{
    for (size_t i = 0; i < NEEDS; i++) {
        if (cpuid_has(cpu, (enum cpuid_feature)needs[i][0]) &&
            !cpuid_has(cpu, (enum cpuid_feature)needs[i][1])) {
            fail_msg("%u without %u", needs[i][0], needs[i][1]);
        }
    }
    uint64_t x = cpu->xcr.offered;
    assert_int_equal(x, cpu->word[CPUID_WD_0_EAX]);
    assert_int_equal(x != 0, cpuid_has(cpu, CPUID_F_xsave));
    assert_true(x == 0 || xcr_write_legal(&cpu->xcr, 0, x));
}

static void what_a_feature_needs_is_there_whatever_the_host_lacks(void **state)
{
    (void)state;
    for (uint32_t amd = 0; amd < 2; amd++) {
        for (size_t i = 0; i < ROWS; i++) {
            struct cpu_host h = {.amd = amd != 0, .others = ONES};
            enum cpuid_feature f = (enum cpuid_feature)(rows[i].word * 32 + rows[i].bit);
            cpu_host_lose(&h, f);
            struct cpuid_cpu cpu = build(&policy, &h);
            assert_consistent(&cpu);
            assert_true(!cpuid_has(&cpu, f) || rows[i].action[amd] == CPUID_CORE);
        }
    }
    uint64_t random = 0x9E3779B97F4A7C15u;
    for (uint32_t turn = 0; turn < 2000; turn++) {
        struct cpu_host h = {.amd = (turn & 1u) != 0, .others = ONES};
        for (uint32_t w = 0; w < CPUID_WORDS; w++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            h.lost[w] = (uint32_t)(random >> 32) & (uint32_t)(random >> 11);
        }
        struct cpuid_cpu cpu = build(&policy, &h);
        assert_consistent(&cpu);
    }
}

static void sizes_of_the_xsave_area_follow_what_is_offered_and_xcr0(void **state)
{
    (void)state;
    static const struct {
        enum cpuid_feature lost;
        uint32_t offered, max;
    } hosts[] = {
        {CPUID_F_ibs, 0x2E7, 2696}, /* nothing that matters is lost */
        {CPUID_F_pku, 0xE7, 2688},
        {CPUID_F_avx512f, 0x207, 2696},
        {CPUID_F_state_opmask, 0x207, 2696},
        {CPUID_F_avx, 0x203, 2696},
        {CPUID_F_xsave, 0, 0},
    };
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct cpu_host h = {.others = ONES};
        cpu_host_lose(&h, hosts[i].lost);
        struct cpuid_cpu cpu = build(&policy, &h);
        struct cpuid_leaf l = cpu_host_ask(&cpu, &all_on, &h, 0x0D, 0);
        assert_int_equal(l.eax, hosts[i].offered);
        assert_int_equal(l.ecx, hosts[i].max);
        assert_int_equal(l.edx, 0);
        /* Components show up if they are offered, and the area holds each. */
        for (uint32_t sub = 2; sub < 64; sub++) {
            struct cpuid_leaf c = cpu_host_ask(&cpu, &all_on, &h, 0x0D, sub);
            bool offered = sub < 32 && (hosts[i].offered >> sub & 1u) != 0;
            assert_int_equal(c.eax != 0, offered);
            assert_true(c.ebx + c.eax <= l.ecx);
            assert_int_equal(c.edx, 0);
        }
    }
    static const struct {
        uint64_t xcr0;
        uint32_t standard, compacted;
    } sizes[] = {{1, 576, 576},
                 {3, 576, 576},
                 {7, 832, 832},
                 {0xE7, 2688, 832 + 64 + 512 + 1024},
                 {0x203, 2696, 584}};
    struct cpu_host h = {.others = ONES};
    struct cpuid_cpu cpu = build(&policy, &h);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const struct cpuid_now now = {.xcr0 = sizes[i].xcr0};
        assert_int_equal(cpu_host_ask(&cpu, &now, &h, 0x0D, 0).ebx, sizes[i].standard);
        struct cpuid_leaf one = cpu_host_ask(&cpu, &now, &h, 0x0D, 1);
        assert_int_equal(one.ebx, sizes[i].compacted);
        assert_int_equal(one.eax, 0xF);
        assert_int_equal(one.ecx | one.edx, 0); /* no supervisor state */
    }
}

static void a_host_that_cannot_switch_xcr0_offers_what_its_own_has(void **state)
{
    (void)state;
    struct cpuid_policy p = policy;
    p.xcr0_fixed = 7;
    struct cpu_host h = {.others = ONES};
    struct cpuid_cpu cpu = build(&p, &h);
    assert_int_equal(cpu.xcr.offered, 7);
    assert_true(cpuid_has(&cpu, CPUID_F_avx2));
    assert_false(cpuid_has(&cpu, CPUID_F_avx512f));
    assert_false(cpuid_has(&cpu, CPUID_F_pku));
    /* XSAVE writes AVX state whatever the guest thinks that it has set: the area has room. */
    const struct cpuid_now now = {.xcr0 = 1};
    assert_int_equal(cpu_host_ask(&cpu, &now, &h, 0x0D, 0).ebx, 832);
    p.xcr0_fixed = 3;
    cpu = build(&p, &h);
    assert_int_equal(cpu.xcr.offered, 3);
    assert_false(cpuid_has(&cpu, CPUID_F_avx));
    assert_consistent(&cpu);
    /* A kernel without XSAVE: x87 state alone is no XSAVE. */
    p.xcr0_fixed = 1;
    cpu = build(&p, &h);
    assert_int_equal(cpu.xcr.offered, 0);
    assert_false(cpuid_has(&cpu, CPUID_F_xsave));
    assert_false(cpuid_has(&cpu, CPUID_F_osxsave));
    assert_true(cpuid_has(&cpu, CPUID_F_sse2));
    assert_consistent(&cpu);
}

static void components_whose_size_cannot_be_are_not_offered(void **state)
{
    (void)state;
    struct cpu_host h = {.others = ONES, .bad_parts = true};
    struct cpuid_cpu cpu = build(&policy, &h);
    assert_int_equal(cpu.xcr.offered, 3);
    assert_false(cpuid_has(&cpu, CPUID_F_avx));
    assert_consistent(&cpu);
}

/* --- Single answers ------------------------------------------------------------------------------ */

static void the_policy_invents_only_what_the_core_provides(void **state)
{
    (void)state;
    struct cpu_host none = {.others = 0};
    struct cpuid_cpu cpu = build(&policy, &none);
    struct cpuid_leaf l = cpu_host_ask(&cpu, &all_on, &none, 1, 0);
    assert_int_equal(l.ecx, 1u << 31 | 1u << 24);
    assert_int_equal(l.edx, 1u << 9);
    assert_int_equal(l.ebx, 1u << 16 | 3u << 24);
    l = cpu_host_ask(&cpu, &all_on, &none, 7, 0);
    assert_int_equal(l.eax | l.ebx | l.ecx | l.edx, 0);
    l = cpu_host_ask(&cpu, &all_on, &none, 0x80000001u, 0);
    assert_int_equal(l.eax | l.ebx | l.ecx | l.edx, 0);
    assert_int_equal(cpu_host_ask(&cpu, &all_on, &none, 0x80000007u, 0).edx, 1u << 8);
    assert_int_equal(cpu_host_ask(&cpu, &all_on, &none, 6, 0).eax, 1u << 2);
    const struct cpuid_source nobody = {.read = NULL};
    uint32_t missing[CPUID_WORDS];
    assert_true(cpuid_build(&cpu, &policy, &nobody, missing));
    assert_consistent(&cpu);
}

static void without_a_local_apic_nothing_speaks_of_one(void **state)
{
    (void)state;
    const struct cpuid_policy p = {.tsc_khz = 1, .tsc_deadline = true};
    assert_int_equal(ask(&p, true, 1, 0).edx >> 9 & 1, 0);
    assert_int_equal(ask(&p, true, 1, 0).ecx >> 24 & 1, 0);
    assert_int_equal(ask(&p, true, 6, 0).eax, 0);
    assert_int_equal(ask(&p, true, 0x80000001u, 0).edx >> 9 & 1, 0);
    const struct cpuid_policy q = {.tsc_khz = 1, .lapic = true};
    assert_int_equal(ask(&q, false, 1, 0).ecx >> 24 & 1, 0);
}

static void bits_that_follow_the_guests_state_do(void **state)
{
    (void)state;
    struct cpu_host h = {.amd = true, .others = ONES};
    struct cpuid_cpu cpu = build(&policy, &h);
    const struct cpuid_now off = {.cr4 = ~(CR4_OSXSAVE | CR4_PKE), .xcr0 = 1};
    struct cpuid_leaf l = cpu_host_ask(&cpu, &all_on, &h, 1, 0);
    assert_int_equal(l.ecx >> 27 & 1, 1);
    assert_int_equal(l.edx >> 9 & 1, 1);
    assert_int_equal(cpu_host_ask(&cpu, &all_on, &h, 7, 0).ecx >> 4 & 1, 1);
    assert_int_equal(cpu_host_ask(&cpu, &all_on, &h, 0x80000001u, 0).edx >> 9 & 1, 1);
    l = cpu_host_ask(&cpu, &off, &h, 1, 0);
    assert_int_equal(l.ecx >> 27 & 1, 0);
    assert_int_equal(l.edx >> 9 & 1, 0);
    assert_int_equal(l.ecx >> 26 & 1, 1);
    assert_int_equal(cpu_host_ask(&cpu, &off, &h, 7, 0).ecx >> 3 & 3, 1);
    assert_int_equal(cpu_host_ask(&cpu, &off, &h, 0x80000001u, 0).edx >> 9 & 1, 0);
}

/* [SDM] vol. 2A, CPUID, table 3-8, note to edx of 0x80000001; AMD's have it in every mode. */
static void intel_shows_syscall_to_64_bit_code_alone(void **state)
{
    (void)state;
    for (uint32_t amd = 0; amd < 2; amd++) {
        struct cpu_host h = {.amd = amd != 0, .others = ONES};
        struct cpuid_cpu cpu = build(&policy, &h);
        struct cpuid_now now = all_on;
        assert_int_equal(cpu_host_ask(&cpu, &now, &h, 0x80000001u, 0).edx >> 11 & 1, 1);
        now.code_64 = false;
        assert_int_equal(cpu_host_ask(&cpu, &now, &h, 0x80000001u, 0).edx >> 11 & 1, amd);
        assert_int_equal(cpu_host_ask(&cpu, &now, &h, 0x80000001u, 0).edx >> 29 & 1, 1);
    }
}

static void edx_of_80000001_repeats_leaf_1_on_amd_only(void **state)
{
    (void)state;
    assert_int_equal(ask(&policy, true, 0x80000001u, 0).edx & 0x0183F3FFu, 0x0183F3FFu);
    assert_int_equal(ask(&policy, false, 0x80000001u, 0).edx & 0x0183F3FFu, 0);
}

static void there_is_one_processor(void **state)
{
    (void)state;
    struct cpuid_leaf l = ask(&policy, false, 1, 0);
    assert_int_equal(l.ebx, 0xFFFFu | 1u << 16 | 3u << 24);
    assert_int_equal(ask(&policy, false, 4, 2).eax, 0x3FFF);
    assert_int_equal(ask(&policy, false, 4, 2).ebx, ONES);
    assert_int_equal(ask(&policy, true, 4, 2).eax, 0);
    assert_int_equal(ask(&policy, true, 0x8000001Du, 1).eax, 0x3FFF);
    assert_int_equal(ask(&policy, false, 0x8000001Du, 1).eax, 0);
    assert_int_equal(ask(&policy, true, 0x80000008u, 0).ecx, 0);
    l = ask(&policy, true, 0x8000001Eu, 0);
    assert_int_equal(l.eax, 3);
    assert_int_equal(l.ebx | l.ecx | l.edx, 0);
    static const uint32_t ecx[] = {0x100, 0x201, 2, 3};
    for (uint32_t sub = 0; sub < 4; sub++) {
        l = ask(&policy, false, 0xB, sub);
        assert_int_equal(l.eax, 0);
        assert_int_equal(l.ebx, sub < 2 ? 1 : 0);
        assert_int_equal(l.ecx, ecx[sub]);
        assert_int_equal(l.edx, 3);
    }
}

static void maxima_are_raised_and_capped(void **state)
{
    (void)state;
    struct cpu_host none = {.others = 0};
    struct cpuid_cpu cpu = build(&policy, &none);
    assert_int_equal(ask(&policy, false, 0, 0).eax, 0x18);
    assert_int_equal(ask(&policy, false, 0, 0).ebx, 0x756E6547); /* the vendor stays */
    assert_int_equal(ask(&policy, false, 0x80000000u, 0).eax, 0x80000021u);
    assert_int_equal(ask(&policy, false, 0x80000008u, 0).eax, 0x3034); /* 255 bits become 52 */
    const struct cpuid_source nobody = {.read = NULL};
    uint32_t missing[CPUID_WORDS];
    assert_true(cpuid_build(&cpu, &policy, &nobody, missing));
    assert_int_equal(cpu.max_basic, 0x16);
    assert_int_equal(cpu.max_extended, 0x80000008u);
    assert_int_equal(cpu.phys_bits, 36);
}

static void a_named_model_has_no_address_bits_that_the_host_has_not(void **state)
{
    (void)state;
    static const struct {
        uint32_t host, told;
    } widths[] = {{0x34, 39}, {0x27, 39}, {0x24, 36}, {0x20, 32}, {0, 36}};
    struct system_vm system = {.cpu_model = SYSTEM_CPU_QEMU64};
    struct cpuid_policy named = policy;
    named.system = &system;
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        struct cpu_host h = {.others = 0xFFFFFF00u | widths[i].host};
        uint32_t missing[CPUID_WORDS]; /* of the features some are, with such numbers */
        struct cpuid_cpu cpu;
        (void)cpu_host_build(&cpu, &named, &h, missing);
        assert_int_equal(cpu.phys_bits, widths[i].told);
    }
}

static void the_hypervisor_signs(void **state)
{
    (void)state;
    struct cpuid_leaf l = ask(&policy, false, 0x40000000, 0);
    char text[12];
    memcpy(text, &l.ebx, 4);
    memcpy(text + 4, &l.ecx, 4);
    memcpy(text + 8, &l.edx, 4);
    assert_memory_equal(text, "BulkheadVMM", 12);
    assert_int_equal(l.eax, 0x40000010);
    l = ask(&policy, true, 0x40000010, 0);
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
    } table[] = {{2000000, 0},  {2500000, 0}, {2994375, 15},  {2394230, 15},
                 {3000002, 10}, {4200000, 0}, {1000000, 0},   {5700123, 30},
                 {799999, 15},  {4294967, 5}, {3000300, 1200}};
    for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct cpuid_policy p = policy;
        p.tsc_khz = table[i].khz;
        struct cpuid_leaf l = ask(&p, false, 0x15, 0);
        assert_int_equal(l.ecx, VM_APIC_HZ);
        assert_int_equal(l.edx, 0);
        uint32_t crystal_khz = l.ecx / 1000;
        uint32_t product = crystal_khz * l.ebx; /* in 32 bits, as Linux does */
        assert_int_equal(product, (uint64_t)crystal_khz * l.ebx);
        int64_t off = (int64_t)product / l.eax - (int64_t)p.tsc_khz;
        off = off < 0 ? -off : off;
        assert_true((uint64_t)off * 10000000 <= (uint64_t)p.tsc_khz * (table[i].ppm_x10 + 4u));
    }
    struct cpuid_leaf l = ask(&policy, true, 0x16, 0);
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
        struct cpuid_leaf l = ask(&p, false, 0x15, 0);
        assert_true(l.eax >= 1 && l.eax <= 4294 && l.ebx >= 1 && l.ebx <= 4294);
        (void)ask(&p, false, 0x16, 0);
    }
}

static void extra_leaves_are_those_that_an_answer_would_give(void **state)
{
    (void)state;
    struct cpu_host h = {.amd = true, .others = ONES};
    struct cpuid_cpu cpu = build(&policy, &h);
    struct cpuid_leaf out[CPUID_EXTRA + 1];
    assert_int_equal(cpuid_extra(&cpu, out, 0), 0);
    assert_int_equal(cpuid_extra(&cpu, out, 2), 2);
    assert_int_equal(cpuid_extra(&cpu, out, CPUID_EXTRA + 1), CPUID_EXTRA);
    assert_int_equal(out[0].leaf, 0x15);
    assert_int_equal(out[3].leaf, 0x40000010);
    for (uint32_t i = 0; i < CPUID_EXTRA; i++) {
        struct cpuid_leaf l = ask(&policy, true, out[i].leaf, 0);
        assert_memory_equal(&l, &out[i], sizeof(l));
    }
}

/* --- Models and single features ------------------------------------------------------------------ */

static void want(uint32_t *set, enum cpuid_feature f)
{
    set[(uint32_t)f / 32u] |= 1u << ((uint32_t)f % 32u);
}

static void a_named_model_is_the_same_on_every_host_but_for_the_vendor(void **state)
{
    (void)state;
    for (uint32_t model = 1; model < SYSTEM_CPU_MODELS; model++) {
        struct system_vm vm = {.cpu_model = model};
        struct cpuid_policy p = policy;
        p.system = &vm;
        struct cpu_host a = {.amd = false, .others = ONES};
        struct cpu_host b = {.amd = true, .others = ONES};
        cpu_host_lose(&b, CPUID_F_avx512f);
        cpu_host_lose(&b, CPUID_F_aes);
        struct cpuid_cpu one = build(&p, &a);
        p.tsc_deadline = false; /* nor does it depend on the kernel */
        struct cpuid_cpu two = build(&p, &b);
        for (uint32_t n = 0; n < 2 * 0x30u * 12u; n++) {
            uint32_t leaf = (n / 12u % 0x30u) + (n >= 0x30u * 12u ? 0x80000000u : 0);
            struct cpuid_leaf x = cpu_host_ask(&one, &all_on, &a, leaf, n % 12u);
            struct cpuid_leaf y = cpu_host_ask(&two, &all_on, &b, leaf, n % 12u);
            if (leaf == 0x80000001u) { /* AMD repeats leaf 1 here */
                y.edx &= ~0x0183F3FFu;
                y.eax = 0;
            }
            if ((leaf & 0x7FFFFFFFu) != 0) {
                assert_memory_equal(&x, &y, sizeof(x));
            }
        }
        struct cpuid_leaf l = cpu_host_ask(&one, &all_on, &a, 1, 0);
        assert_int_equal(l.eax, 0x60FB1);
        assert_int_equal(cpu_host_ask(&one, &all_on, &a, 0x80000008u, 0).eax, 0x3027);
        for (size_t i = 0; i < ROWS; i++) {
            enum cpuid_feature f = (enum cpuid_feature)(rows[i].word * 32 + rows[i].bit);
            bool in = rows[i].level != 0 && rows[i].level <= model;
            assert_true(cpuid_has(&one, f) == in || rows[i].action[0] == CPUID_CORE);
        }
        assert_consistent(&one);
    }
}

static void a_named_model_has_a_name(void **state)
{
    (void)state;
    struct system_vm vm = {.cpu_model = SYSTEM_CPU_QEMU64};
    struct cpuid_policy p = policy;
    p.system = &vm;
    char text[48];
    for (uint32_t i = 0; i < 3; i++) {
        struct cpuid_leaf l = ask(&p, true, 0x80000002u + i, 0);
        memcpy(text + 16 * i, &l.eax, 16);
    }
    assert_string_equal(text, "Bulkhead virtual processor");
    assert_int_equal(ask(&p, true, 0x80000005u, 0).eax, 0);
    assert_int_equal(ask(&p, false, 4, 0).eax, 0);
}

static void a_model_that_the_host_cannot_be_is_refused_with_what_is_missing(void **state)
{
    (void)state;
    struct system_vm vm = {.cpu_model = SYSTEM_CPU_BASELINE3};
    struct cpuid_policy p = policy;
    p.system = &vm;
    struct cpu_host h = {.others = ONES};
    cpu_host_lose(&h, CPUID_F_avx);
    cpu_host_lose(&h, CPUID_F_movbe);
    uint32_t missing[CPUID_WORDS];
    struct cpuid_cpu cpu;
    assert_false(cpu_host_build(&cpu, &p, &h, missing));
    uint32_t expected[CPUID_WORDS] = {0};
    want(expected, CPUID_F_avx);
    want(expected, CPUID_F_movbe);
    want(expected, CPUID_F_avx2);
    want(expected, CPUID_F_fma);
    want(expected, CPUID_F_f16c);
    want(expected, CPUID_F_state_avx);
    assert_memory_equal(missing, expected, sizeof(missing));
    assert_int_equal(cpuid_lacks(&cpu, CPUID_F_fma), CPUID_F_avx);
    assert_int_equal(cpuid_lacks(&cpu, CPUID_F_movbe), CPUID_F_END);
    /* What the file switches off, and what stands on it, is not demanded. */
    want(vm.cpu_off, CPUID_F_avx);
    want(vm.cpu_off, CPUID_F_movbe);
    assert_true(cpu_host_build(&cpu, &p, &h, missing));
    assert_false(cpuid_has(&cpu, CPUID_F_avx2));
    assert_true(cpuid_has(&cpu, CPUID_F_bmi2));
    assert_consistent(&cpu);
}

static void single_features_go_on_and_off(void **state)
{
    (void)state;
    struct system_vm vm = {.cpu_model = SYSTEM_CPU_QEMU64};
    struct cpuid_policy p = policy;
    p.system = &vm;
    want(vm.cpu_on, CPUID_F_aes);
    want(vm.cpu_on, CPUID_F_tsc_deadline_timer);
    want(vm.cpu_off, CPUID_F_sse3);
    want(vm.cpu_off, CPUID_F_hypervisor);
    struct cpu_host h = {.others = ONES};
    struct cpuid_cpu cpu = build(&p, &h);
    assert_true(cpuid_has(&cpu, CPUID_F_aes));
    assert_true(cpuid_has(&cpu, CPUID_F_tsc_deadline_timer));
    assert_false(cpuid_has(&cpu, CPUID_F_sse3));
    assert_false(cpuid_has(&cpu, CPUID_F_hypervisor));
    assert_true(cpuid_has(&cpu, CPUID_F_sse2));
    /* On the host's own processor only the off ones change anything. */
    vm.cpu_model = SYSTEM_CPU_HOST;
    cpu = build(&p, &h);
    assert_false(cpuid_has(&cpu, CPUID_F_sse3));
    assert_false(cpuid_has(&cpu, CPUID_F_avx2)); /* stands on it in the end */
    assert_true(cpuid_has(&cpu, CPUID_F_bmi1));
    assert_consistent(&cpu);
}

static void a_demanded_feature_that_cannot_be_is_missing(void **state)
{
    (void)state;
    static const enum cpuid_feature never[] = {CPUID_F_x2apic, CPUID_F_vmx, CPUID_F_la57};
    struct cpu_host h = {.others = ONES};
    uint32_t missing[CPUID_WORDS];
    struct cpuid_cpu cpu;
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        struct system_vm vm = {.cpu_model = SYSTEM_CPU_HOST};
        struct cpuid_policy p = policy;
        uint32_t expected[CPUID_WORDS] = {0};
        p.system = &vm;
        want(vm.cpu_on, never[i]);
        want(expected, never[i]);
        assert_false(cpu_host_build(&cpu, &p, &h, missing));
        assert_memory_equal(missing, expected, sizeof(missing));
        assert_false(cpuid_has(&cpu, never[i]));
    }
    struct system_vm vm = {.cpu_model = SYSTEM_CPU_HOST};
    struct cpuid_policy p = policy;
    p.system = &vm;
    want(vm.cpu_on, CPUID_F_avx2);
    want(vm.cpu_off, CPUID_F_avx);
    assert_false(cpu_host_build(&cpu, &p, &h, missing));
    assert_int_equal(cpuid_lacks(&cpu, CPUID_F_avx2), CPUID_F_avx);
    p.host_switches = false;
    vm = (struct system_vm){.cpu_model = SYSTEM_CPU_HOST};
    want(vm.cpu_on, CPUID_F_rdtscp);
    assert_false(cpu_host_build(&cpu, &p, &h, missing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bit_passes_that_no_row_names_whatever_the_host_has),
        cmocka_unit_test(every_bit_passes_that_a_row_lets_through),
        cmocka_unit_test(a_raw_host_is_not_offered_what_it_would_have_to_switch),
        cmocka_unit_test(each_bit_has_one_row_with_a_name_and_a_reason),
        cmocka_unit_test(what_a_feature_needs_is_there_whatever_the_host_lacks),
        cmocka_unit_test(sizes_of_the_xsave_area_follow_what_is_offered_and_xcr0),
        cmocka_unit_test(a_host_that_cannot_switch_xcr0_offers_what_its_own_has),
        cmocka_unit_test(components_whose_size_cannot_be_are_not_offered),
        cmocka_unit_test(the_policy_invents_only_what_the_core_provides),
        cmocka_unit_test(without_a_local_apic_nothing_speaks_of_one),
        cmocka_unit_test(bits_that_follow_the_guests_state_do),
        cmocka_unit_test(intel_shows_syscall_to_64_bit_code_alone),
        cmocka_unit_test(edx_of_80000001_repeats_leaf_1_on_amd_only),
        cmocka_unit_test(there_is_one_processor),
        cmocka_unit_test(maxima_are_raised_and_capped),
        cmocka_unit_test(a_named_model_has_no_address_bits_that_the_host_has_not),
        cmocka_unit_test(the_hypervisor_signs),
        cmocka_unit_test(leaf_15_is_close_and_linux_can_compute_with_it),
        cmocka_unit_test(any_tsc_frequency_gives_a_ratio),
        cmocka_unit_test(extra_leaves_are_those_that_an_answer_would_give),
        cmocka_unit_test(a_named_model_is_the_same_on_every_host_but_for_the_vendor),
        cmocka_unit_test(a_named_model_has_a_name),
        cmocka_unit_test(a_model_that_the_host_cannot_be_is_refused_with_what_is_missing),
        cmocka_unit_test(single_features_go_on_and_off),
        cmocka_unit_test(a_demanded_feature_that_cannot_be_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
