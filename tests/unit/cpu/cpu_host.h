/* SPDX-License-Identifier: BSD-2-Clause
 * Hosts for tests of the processor policy: their answers to CPUID. */
#ifndef TEST_CPU_HOST_H
#define TEST_CPU_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/cpuid.h"

/* What a leaf that is not in the list is filled with, and what it is. */
struct cpu_host {
    bool amd;
    uint32_t others;            /* every register of every other leaf */
    bool bad_parts;             /* leaf 0xD tells sizes that cannot be */
    uint32_t lost[CPUID_WORDS]; /* features that this host has not */
};

#define CPU_HOST_PLACE(word, leaf, sub, reg) {leaf, sub, CPUID_##reg},
static const struct {
    uint32_t leaf, sub, reg;
} cpu_host_places[CPUID_WORDS] = {CPUID_WORD_LIST(CPU_HOST_PLACE)};

static inline uint32_t *cpu_host_reg(struct cpuid_leaf *l, uint32_t reg)
{
    uint32_t *const regs[4] = {&l->eax, &l->ebx, &l->ecx, &l->edx};
    return regs[reg];
}

static inline void cpu_host_read(void *host, struct cpuid_leaf *l)
{
    const struct cpu_host *h = host;
    l->eax = l->ebx = l->ecx = l->edx = h->others;
    if (l->leaf == 0 || l->leaf == 0x80000000u) {
        l->eax = l->leaf == 0 ? 0x20u : 0x80000021u;
        l->ebx = h->amd ? 0x68747541u : 0x756E6547u;
        l->edx = h->amd ? 0x69746E65u : 0x49656E69u;
        l->ecx = h->amd ? 0x444D4163u : 0x6C65746Eu;
    }
    if (l->leaf == 0x0D && l->subleaf >= 2 && !h->bad_parts) {
        /* Sizes and places of a processor with AVX-512 and PKU. [SDM] vol. 1, 13.5 */
        static const uint32_t bytes[10] = {0, 0, 256, 64, 64, 64, 512, 1024, 0, 8};
        static const uint32_t offset[10] = {0, 0, 576, 960, 1024, 1088, 1152, 1664, 0, 2688};
        bool has = l->subleaf < 10u;
        l->eax = has ? bytes[l->subleaf] : 0;
        l->ebx = has ? offset[l->subleaf] : 0;
        l->ecx = has && l->subleaf == 5u ? 2 : 0; /* one that is aligned */
        l->edx = 0;
    }
    for (uint32_t i = 0; i < CPUID_WORDS; i++) {
        if (cpu_host_places[i].leaf == l->leaf && cpu_host_places[i].sub == l->subleaf) {
            *cpu_host_reg(l, cpu_host_places[i].reg) &= ~h->lost[i];
        }
    }
}

static inline void cpu_host_lose(struct cpu_host *h, enum cpuid_feature f)
{
    h->lost[(uint32_t)f / 32u] |= 1u << ((uint32_t)f % 32u);
}

static inline bool cpu_host_build(struct cpuid_cpu *cpu, const struct cpuid_policy *p,
                                  struct cpu_host *h, uint32_t missing[CPUID_WORDS])
{
    const struct cpuid_source source = {.read = cpu_host_read, .host = h};
    return cpuid_build(cpu, p, &source, missing);
}

/* What the guest is told where the host answers that. */
static inline struct cpuid_leaf cpu_host_ask(const struct cpuid_cpu *cpu,
                                             const struct cpuid_now *now, struct cpu_host *h,
                                             uint32_t leaf, uint32_t sub)
{
    struct cpuid_leaf l = {.leaf = leaf, .subleaf = sub};
    cpu_host_read(h, &l);
    cpuid_answer(cpu, now, &l);
    return l;
}

#endif
