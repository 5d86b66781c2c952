/* SPDX-License-Identifier: BSD-2-Clause
 * What KVM_SET_CPUID2 gets, and what the person is told where a processor cannot be had. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kvm/cpu_words.h"
#include "kvm/vcpu.h"

/* A list as KVM of Linux 6.1 makes it on an AMD processor without XSAVE, shortened. */
static const struct kvm_cpuid_entry2 entries[] = {
    {0x0, 0, 0, 0x10, 0x68747541, 0x444D4163, 0x69746E65, {0}},
    {0x1, 0, 0, 0x00800F12, 0x00000800, 0x81E02003, 0x0FCBFBFF, {0}},
    {0x7, 0, KVM_CPUID_FLAG_SIGNIFCANT_INDEX, 1, 0x00040003, 0, 0, {0}},
    {0x7, 1, KVM_CPUID_FLAG_SIGNIFCANT_INDEX, 0x80000000u, 0, 0, 0, {0}},
    {0xA, 0, 0, 0x07300403, 0, 0, 0x603, {0}},
    {0xD, 0, KVM_CPUID_FLAG_SIGNIFCANT_INDEX, 0, 0, 0, 0, {0}},
    {0x40000000, 0, 0, 0x40000001, 0x4B4D564B, 0x564B4D56, 0x4D, {0}},
    {0x40000001, 0, 0, 0x01007EFB, 0, 0, 0, {0}},
    {0x80000000u, 0, 0, 0x80000021u, 0x68747541, 0x444D4163, 0x69746E65, {0}},
    {0x80000001u, 0, 0, 0x00800F12, 0, 0x000001F7, 0x2FD3FBFF, {0}},
    {0x80000008u, 0, 0, 0x00003028, 0x00001205, 0, 0, {0}},
    {0x8000000Au, 0, 0, 1, 8, 0, 0x00000419, {0}},
};
#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

static struct kvm_cpuid2 *list_of(const struct kvm_cpuid_entry2 *e, uint32_t count)
{
    struct kvm_cpuid2 *list =
        calloc(1, sizeof(struct kvm_cpuid2) + KVM_CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2));
    assert_non_null(list);
    list->nent = count;
    memcpy(list->entries, e, count * sizeof(*e));
    return list;
}

static const struct kvm_cpuid_entry2 *find(const struct kvm_cpuid2 *list, uint32_t leaf,
                                           uint32_t sub)
{
    for (uint32_t i = 0; i < list->nent; i++) {
        if (list->entries[i].function == leaf && list->entries[i].index == sub) {
            return &list->entries[i];
        }
    }
    return NULL;
}

static bool build(struct kvm_machine *m, const struct system_vm *vm, struct cpuid_cpu *cpu,
                  uint32_t missing[CPUID_WORDS])
{
    const struct cpuid_policy policy = {
        .tsc_khz = 2000000, .lapic = true, .host_switches = true, .system = vm};
    const struct cpuid_source source = {.read = kvm_cpuid_read, .host = m};
    return cpuid_build(cpu, &policy, &source, missing);
}

static void kvm_gets_every_leaf_through_the_policy_and_ours_beside_them(void **state)
{
    (void)state;
    struct kvm_machine m = KVM_MACHINE_CLOSED;
    uint32_t missing[CPUID_WORDS];
    struct cpuid_cpu cpu;
    m.supported = list_of(entries, ENTRIES);
    assert_true(build(&m, NULL, &cpu, missing));
    assert_true(kvm_cpuid_apply(m.supported, &cpu));
    const struct kvm_cpuid_entry2 *e = find(m.supported, 1, 0);
    assert_int_equal(e->eax, 0x00800F12);
    assert_int_equal(e->ecx, 0x80C02003); /* no x2APIC, no TSC-deadline; a hypervisor */
    assert_int_equal(e->edx, 0x0F8BFBFF);
    assert_int_equal(e->ebx, 0x00010800);
    assert_int_equal(find(m.supported, 7, 0)->ebx, 0x00040001); /* no TSC_ADJUST */
    assert_int_equal(find(m.supported, 7, 0)->eax, 0);
    assert_int_equal(find(m.supported, 7, 1)->eax, 0);
    assert_int_equal(find(m.supported, 7, 1)->flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
    assert_int_equal(find(m.supported, 0xA, 0)->eax, 0);
    assert_int_equal(find(m.supported, 0x80000001u, 0)->ecx, 0x1F1); /* no SVM */
    assert_int_equal(find(m.supported, 0x8000000Au, 0)->eax, 0);
    /* KVM's own leaves are gone, ours are there. */
    assert_int_equal(find(m.supported, 0x40000000, 0)->ebx, 0x6B6C7542);
    assert_null(find(m.supported, 0x40000001, 0));
    assert_int_equal(find(m.supported, 0x40000010, 0)->eax, 2000000);
    assert_int_equal(find(m.supported, 0x15, 0)->ecx, 1000000000);
    assert_int_equal(find(m.supported, 0x80000007u, 0)->edx, 1u << 8);
    assert_int_equal(find(m.supported, 0, 0)->eax, 0x16);
    free(m.supported);
}

static void a_leaf_is_found_by_its_index_only_where_that_matters(void **state)
{
    (void)state;
    struct kvm_machine m = KVM_MACHINE_CLOSED;
    struct cpuid_leaf l = {.leaf = 1, .subleaf = 5};
    kvm_cpuid_read(&m, &l); /* nothing is known yet */
    assert_int_equal(l.eax, 0);
    m.supported = list_of(entries, ENTRIES);
    kvm_cpuid_read(&m, &l);
    assert_int_equal(l.eax, 0x00800F12);
    l = (struct cpuid_leaf){.leaf = 7, .subleaf = 1};
    kvm_cpuid_read(&m, &l);
    assert_int_equal(l.eax, 0x80000000u);
    l = (struct cpuid_leaf){.leaf = 7, .subleaf = 2, .eax = 42};
    kvm_cpuid_read(&m, &l);
    assert_int_equal(l.eax, 0);
    free(m.supported);
}

static void a_full_list_is_an_error_and_no_overrun(void **state)
{
    (void)state;
    static struct kvm_cpuid_entry2 many[KVM_CPUID_ENTRIES];
    struct kvm_machine m = KVM_MACHINE_CLOSED;
    uint32_t missing[CPUID_WORDS];
    struct cpuid_cpu cpu;
    for (uint32_t i = 0; i < KVM_CPUID_ENTRIES; i++) {
        many[i].function = 0x20000000u + i;
    }
    m.supported = list_of(many, KVM_CPUID_ENTRIES);
    assert_true(build(&m, NULL, &cpu, missing));
    assert_false(kvm_cpuid_apply(m.supported, &cpu));
    free(m.supported);
    m.supported = list_of(many, KVM_CPUID_ENTRIES - CPUID_EXTRA);
    assert_true(kvm_cpuid_apply(m.supported, &cpu));
    assert_int_equal(m.supported->nent, KVM_CPUID_ENTRIES);
    free(m.supported);
}

static void a_person_is_told_what_is_missing_and_what_to_do(void **state)
{
    (void)state;
    struct kvm_machine m = KVM_MACHINE_CLOSED;
    struct system_vm vm = {.cpu_model = SYSTEM_CPU_BASELINE2};
    uint32_t missing[CPUID_WORDS];
    struct cpuid_cpu cpu;
    char text[256];
    m.supported = list_of(entries, ENTRIES);
    vm.cpu_on[CPUID_F_x2apic / 32] |= 1u << (CPUID_F_x2apic % 32);
    vm.cpu_on[CPUID_F_sse4_2 / 32] |= 1u << (CPUID_F_sse4_2 % 32);
    assert_false(build(&m, &vm, &cpu, missing));
    cpu_missing_text(&cpu, missing, text, sizeof(text));
    assert_string_equal(text, "the guest's processor cannot be had here, for want of ssse3, sse4_1 "
                              "(which needs ssse3), sse4_2 (which needs sse4_1), x2apic (never "
                              "offered on such a processor); choose another cpu_model or "
                              "cpu_features");
    /* However little room there is. */
    for (size_t size = 1; size < sizeof(text); size++) {
        char cut[256];
        memset(cut, 'x', sizeof(cut));
        cpu_missing_text(&cpu, missing, cut, size);
        assert_true(memchr(cut, 0, size) != NULL);
        assert_true(size == sizeof(cut) || cut[size] == 'x');
    }
    /* All at once: some are named, the others counted. */
    vm.cpu_model = SYSTEM_CPU_BASELINE3;
    m.supported->nent = 1;
    assert_false(build(&m, &vm, &cpu, missing));
    cpu_missing_text(&cpu, missing, text, sizeof(text));
    assert_non_null(strstr(text, " more; choose another"));
    free(m.supported);
}

static void names_are_found_however_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *written, *name;
    } rows[] = {
        {"avx2", "avx2"},     {"AVX2", "avx2"},
        {"sse4.1", "sse4_1"}, {"sse4-2", "sse4_2"},
        {"pni", "sse3"},      {"lzcnt", "abm"},
        {"x2apic", "x2apic"}, {"tsc-deadline", "tsc_deadline_timer"},
        {"3dnow", "3dnow"},   {"avx512-vbmi2", "avx512_vbmi2"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct cpu_word *w = cpu_word_find(rows[i].written);
        assert_non_null(w);
        assert_string_equal(w->name, rows[i].name);
        assert_string_equal(cpu_word_name(w->feature), rows[i].name);
    }
    assert_null(cpu_word_find("avx3"));
    assert_null(cpu_word_find(""));
    assert_null(cpu_word_find("avx22"));
    assert_string_equal(cpu_word_name(CPUID_F_END - 1), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kvm_gets_every_leaf_through_the_policy_and_ours_beside_them),
        cmocka_unit_test(a_leaf_is_found_by_its_index_only_where_that_matters),
        cmocka_unit_test(a_full_list_is_an_error_and_no_overrun),
        cmocka_unit_test(a_person_is_told_what_is_missing_and_what_to_do),
        cmocka_unit_test(names_are_found_however_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
