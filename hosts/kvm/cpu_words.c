/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/cpu_words.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CPU_WORD(word, bit, name, intel, amd, level, why) \
    {#name, why, CPUID_F_##name, {CPUID_##intel, CPUID_##amd}, level},
const struct cpu_word cpu_words[] = {CPUID_FEATURES(CPU_WORD)};
const size_t cpu_word_count = sizeof(cpu_words) / sizeof(cpu_words[0]);

#define NAMED_MAX 6u /* in one sentence */

/* Other names that people know. */
static const struct {
    const char *name;
    const char *ours;
} aliases[] = {
    {"pni", "sse3"},           {"lzcnt", "abm"},
    {"sha", "sha_ni"},         {"sse41", "sse4_1"},
    {"sse42", "sse4_2"},       {"cmpxchg16b", "cx16"},
    {"nonstop_tsc", "invtsc"}, {"tsc_deadline", "tsc_deadline_timer"},
    {"1gb_pages", "pdpe1gb"},  {"ibpb", "amd_ibpb"},
};

/* In lower case, with '_' for '-' and '.'. */
static bool same_name(const char *written, const char *name)
{
    for (; *written != '\0' && *name != '\0'; written++, name++) { /* bound: the name's length */
        char c = (char)tolower((unsigned char)*written);
        c = c == '-' || c == '.' ? '_' : c;
        if (c != *name) {
            return false;
        }
    }
    return *written == *name;
}

static const struct cpu_word *find_exactly(const char *name)
{
    for (size_t i = 0; i < cpu_word_count; i++) { /* bound: cpu_word_count */
        if (same_name(name, cpu_words[i].name)) {
            return &cpu_words[i];
        }
    }
    return NULL;
}

const struct cpu_word *cpu_word_find(const char *name)
{
    const struct cpu_word *found = find_exactly(name);
    for (size_t i = 0; found == NULL && i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (same_name(name, aliases[i].name)) {
            found = find_exactly(aliases[i].ours);
        }
    }
    return found;
}

static const struct cpu_word *word_of(uint32_t feature)
{
    for (size_t i = 0; i < cpu_word_count; i++) { /* bound: cpu_word_count */
        if (cpu_words[i].feature == feature) {
            return &cpu_words[i];
        }
    }
    return NULL;
}

const char *cpu_word_name(uint32_t feature)
{
    const struct cpu_word *w = word_of(feature);
    return w == NULL ? "?" : w->name;
}

struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at, t->left, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < t->left ? (size_t)n : t->left - 1;
    t->at += used;
    t->left -= used;
}

/* A missing feature, and in brackets what it is that keeps it away, if that is not the host. */
static void add_missing(struct text *t, const struct cpuid_cpu *cpu, uint32_t feature)
{
    const struct cpu_word *w = word_of(feature);
    enum cpuid_feature needs = cpuid_lacks(cpu, (enum cpuid_feature)feature);
    add(t, "%s", cpu_word_name(feature));
    if (w != NULL && w->action[cpu->amd ? 1 : 0] == CPUID_MASK) {
        add(t, " (never offered on such a processor)");
    } else if (needs != CPUID_F_END) {
        add(t, " (which needs %s)", cpu_word_name((uint32_t)needs));
    }
}

void cpu_missing_text(const struct cpuid_cpu *cpu, const uint32_t missing[CPUID_WORDS], char *text,
                      size_t size)
{
    struct text t = {text, size};
    uint32_t count = 0;
    add(&t, "the guest's processor cannot be had here, for want of ");
    for (uint32_t i = 0; i < CPUID_WORDS * 32u; i++) { /* bound: all features */
        if ((missing[i / 32u] >> (i % 32u) & 1u) == 0) {
            continue;
        }
        if (count < NAMED_MAX) {
            add(&t, "%s", count == 0 ? "" : ", ");
            add_missing(&t, cpu, i);
        }
        count++;
    }
    if (count > NAMED_MAX) {
        add(&t, " and %u more", count - NAMED_MAX);
    }
    add(&t, "; choose another cpu_model or cpu_features");
}
