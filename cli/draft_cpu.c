/* SPDX-License-Identifier: BSD-2-Clause
 * cpu_model and cpu_features of a VM. What no host can have is refused here, with its reason; what this
 * host lacks is for the VM's start to say, since it may fly on another one. */
#include <string.h>

#include "base/bits.h"
#include "draft.h"
#include "kvm/cpu_words.h"
#include "schema.h"
#include "words.h"

#define FEATURES_MAX (CPUID_WORDS * 32u)

struct parse {
    struct say *say;
    struct system_vm *vm;
    unsigned line; /* of the list or of the word looked at */
    bool bad;
};

static unsigned line_of(const config_setting_t *s)
{
    return s == NULL ? 0 : config_setting_source_line(s);
}

static void unknown(struct parse *p, const char *text)
{
    const char *names[FEATURES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < cpu_word_count && count < FEATURES_MAX; i++) { /* bound: FEATURES_MAX */
        names[count++] = cpu_words[i].name;
    }
    size_t nearest = word_nearest(text + 1, names, count);
    if (nearest != SIZE_MAX) {
        say_error(p->say, p->line, "unknown processor feature \"%.31s\"; did you mean \"%c%s\"?",
                  text, text[0], names[nearest]);
    } else {
        say_error(p->say, p->line,
                  "unknown processor feature \"%.31s\"; `bulkhead help cpu` lists them all", text);
    }
    p->bad = true;
}

/* What the guest's own state or other parts of the file decide. */
static bool follows(const struct cpu_word *w)
{
    bool state = w->feature / 32u == CPUID_WD_0_EAX;
    return state || w->feature == CPUID_F_apic || w->feature == CPUID_F_osxsave ||
           w->feature == CPUID_F_ospke;
}

static void parse_feature(struct parse *p, const char *text)
{
    if (text[0] != '+' && text[0] != '-') {
        say_error(p->say, p->line,
                  "\"%.31s\" says neither on nor off; write \"+%.31s\" or \"-%.31s\"", text, text,
                  text);
        p->bad = true;
        return;
    }
    const struct cpu_word *w = cpu_word_find(text + 1);
    if (w == NULL) {
        unknown(p, text);
        return;
    }
    uint32_t word = w->feature / 32u;
    uint32_t bit = BIT32(w->feature % 32u);
    bool masked = w->action[0] == CPUID_MASK && w->action[1] == CPUID_MASK;
    if (((p->vm->cpu_on[word] | p->vm->cpu_off[word]) & bit) != 0) {
        say_error(p->say, p->line, "processor feature \"%s\" is named twice; name it once",
                  w->name);
        p->bad = true;
    } else if (follows(w)) {
        say_error(p->say, p->line, "\"%s\" cannot be chosen: %s; remove it", w->name, w->why);
        p->bad = true;
    } else if (masked && text[0] == '+') {
        say_error(p->say, p->line, "\"+%s\" is never offered: %s; remove it", w->name, w->why);
        p->bad = true;
    } else if (text[0] == '+') {
        p->vm->cpu_on[word] |= bit;
    } else {
        p->vm->cpu_off[word] |= bit;
    }
}

/* A host that has everything, of one vendor or the other. */
static void full_host(void *host, struct cpuid_leaf *leaf)
{
    const bool *amd = host;
    leaf->eax = leaf->ebx = leaf->ecx = leaf->edx = UINT32_MAX;
    if (leaf->leaf == 0) {
        leaf->ebx = *amd ? 0x68747541u : 0x756E6547u; /* "Auth", "Genu" and the rest */
        leaf->edx = *amd ? 0x69746E65u : 0x49656E69u;
        leaf->ecx = *amd ? 0x444D4163u : 0x6C65746Eu;
    } else if (leaf->leaf == 0x0D && leaf->subleaf >= 2) {
        leaf->eax = 64;
        leaf->ebx = XCR_LEGACY_BYTES + 64u * leaf->subleaf;
        leaf->ecx = 0;
    }
}

/* Could any host have it? If not, says of the first feature why. */
static void check_possible(struct parse *p)
{
    uint32_t missing[CPUID_WORDS] = {0};
    struct cpuid_cpu cpu;
    for (uint32_t vendor = 0; vendor < 2; vendor++) {
        bool amd = vendor == 1;
        const struct cpuid_source source = {.read = full_host, .host = &amd};
        const struct cpuid_policy policy = {
            .tsc_khz = 1,
            .lapic = (p->vm->devices & SYSTEM_DEV_LAPIC) != 0,
            .tsc_deadline = true,
            .host_switches = true,
            .system = p->vm,
        };
        if (cpuid_build(&cpu, &policy, &source, missing)) {
            return;
        }
    }
    for (uint32_t i = 0; i < FEATURES_MAX; i++) { /* bound: FEATURES_MAX */
        if ((missing[i / 32u] >> (i % 32u) & 1u) == 0) {
            continue;
        }
        enum cpuid_feature needs = cpuid_lacks(&cpu, (enum cpuid_feature)i);
        const char *cause =
            needs == CPUID_F_apic ? "the timer \"lapic\", which is not named" : "what is not there";
        if (needs != CPUID_F_apic && needs != CPUID_F_END) {
            say_error(
                p->say, p->line,
                "\"+%s\" needs \"%s\", which is switched off or not part of the model; remove "
                "one, or add \"+%s\"",
                cpu_word_name(i), cpu_word_name((uint32_t)needs), cpu_word_name((uint32_t)needs));
        } else {
            say_error(p->say, p->line, "\"+%s\" needs %s; remove it", cpu_word_name(i), cause);
        }
        p->bad = true;
        return;
    }
}

void draft_cpu(struct draft *draft, uint32_t vm, const config_setting_t *group)
{
    const config_setting_t *list = schema_get(group, "cpu_features");
    const config_setting_t *model = schema_get(group, "cpu_model");
    struct draft_vm *lines = &draft->lines.vm[vm];
    struct parse p = {.say = draft->say, .vm = &draft->image->vm[vm], .line = line_of(list)};
    lines->field[SYSTEM_FIELD_CPU_MODEL] = line_of(model);
    lines->field[SYSTEM_FIELD_CPU_FEATURES] = line_of(list);
    /* Without a word the image's 0 holds: the host's. */
    bool known = schema_word(group, "cpu_model", &schema_cpu_models, &p.vm->cpu_model);
    p.bad = model != NULL && !known;
    int count =
        list == NULL || config_setting_is_aggregate(list) == 0 ? 0 : config_setting_length(list);
    for (int i = 0; i < count; i++) { /* bound: the list's length */
        const config_setting_t *e = config_setting_get_elem(list, (unsigned)i);
        const char *text = config_setting_get_string(e);
        p.line = line_of(e);
        if (text == NULL) {
            p.bad = true; /* said as of the wrong type */
        } else {
            parse_feature(&p, text);
        }
    }
    p.line = line_of(list);
    if (!p.bad) {
        check_possible(&p);
    }
    if (p.bad) {
        lines->bad |= 1u << (unsigned)SYSTEM_FIELD_CPU_MODEL;
        lines->bad |= 1u << (unsigned)SYSTEM_FIELD_CPU_FEATURES;
    }
}
