/* SPDX-License-Identifier: BSD-2-Clause
 * The processor policy in words: names of features and models, and why something cannot be had. From
 * the same lists as the core's tables (cpu/cpuid_list.h). */
#ifndef KVM_CPU_WORDS_H
#define KVM_CPU_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "cpu/cpuid.h"

struct cpu_word {
    const char *name;
    const char *why;
    uint16_t feature;  /* enum cpuid_feature            */
    uint8_t action[2]; /* enum cpuid_action: Intel, AMD */
    uint8_t level;     /* of named models; 0: none      */
};

extern const struct cpu_word cpu_words[];
extern const size_t cpu_word_count;

/* The feature that a person calls so: "avx2", "sse4.1", "lzcnt"; '-' and '.' are '_'. NULL: none. */
const struct cpu_word *cpu_word_find(const char *name);
/* Its name, or "?". */
const char *cpu_word_name(uint32_t feature);

/* Why a VM cannot run here: one sentence that names the features and says what to do. */
void cpu_missing_text(const struct cpuid_cpu *cpu, const uint32_t missing[CPUID_WORDS], char *text,
                      size_t size);

#endif
