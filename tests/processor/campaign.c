/* SPDX-License-Identifier: BSD-2-Clause
 * Runs vectors in both worlds and compares. */
#include "campaign.h"

#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 4096u

/* A world before any vector, and the two in which one runs. */
_Alignas(4096) uint8_t campaign_clean[WORLD_BYTES];
static _Alignas(4096) uint8_t ours[WORLD_BYTES];
static _Alignas(4096) uint8_t theirs[WORLD_BYTES];

void campaign_different(struct campaign *c, const struct vector *v, struct tally *t,
                        const char *text)
{
    char about[TEXT_BYTES];
    t->different++;
    if (c->total.different++ < c->show) {
        vector_tell(v, about, sizeof(about));
        printf("difference: %s%s", about, text);
    }
}

void campaign_excused(struct campaign *c, struct tally *t, const char *why)
{
    uint32_t i = 0;
    t->excused++;
    c->total.excused++;
    while (i < c->excuses && strcmp(c->excuse[i].why, why) != 0) {
        i++;
    }
    if (i < sizeof(c->excuse) / sizeof(c->excuse[0])) {
        c->excuses = i == c->excuses ? i + 1 : c->excuses;
        c->excuse[i].why = why;
        c->excuse[i].count++;
    }
}

static void judge(struct campaign *c, const struct vector *v, struct tally *t)
{
    const struct processor *p = c->processor;
    struct outcome model;
    struct outcome real;
    char text[TEXT_BYTES];
    memcpy(ours, campaign_clean, sizeof(ours));
    world_place(ours, v, p->stop[v->land]);
    model_run(v, ours, &model);
    if (model.end == END_UNSUPPORTED) {
        t->unsupported++;
        return;
    }
    memcpy(theirs, campaign_clean, sizeof(theirs));
    world_place(theirs, v, p->stop[v->land]);
    p->run(v, theirs, &real);
    if (real.end == END_UNSUPPORTED) {
        t->absent++;
        return;
    }
    t->compared++;
    if (outcome_same(v, &model, ours, &real, theirs, text, sizeof(text))) {
        return;
    }
    const char *why = p->excuse != NULL ? p->excuse(v, &model, &real) : NULL;
    if (why != NULL) {
        campaign_excused(c, t, why);
    } else {
        campaign_different(c, v, t, text);
    }
}

static void run_form(struct campaign *c, uint32_t n, enum place place, uint32_t cpl)
{
    struct vector v;
    for (uint32_t i = 0; i < c->count; i++) {
        if (vector_make(&v, &forms[n], place, cpl, c->seed, c->first + i, &c->processor->limits)) {
            if (c->processor->adjust != NULL) {
                c->processor->adjust(&v);
            }
            (c->processor->judge != NULL ? c->processor->judge : judge)(c, &v, &c->by_form[n]);
        } else {
            c->by_form[n].skipped++;
        }
    }
}

void campaign_run(struct campaign *c)
{
    world_build(campaign_clean, c->processor->limits.native);
    for (uint32_t n = 0; n < forms_count; n++) {
        if ((c->form != NULL && strcmp(c->form, forms[n].name) != 0) ||
            (forms[n].flags & c->processor->without) != 0) {
            continue;
        }
        for (uint32_t p = 0; p < PLACES; p++) {
            uint32_t step = (forms[n].flags & FORM_FAR) != 0 ? 1 : 3;
            for (uint32_t cpl = 0; cpl <= 3; cpl += step) {
                if ((c->place < 0 || (uint32_t)c->place == p) &&
                    (c->cpl < 0 || (uint32_t)c->cpl == cpl) &&
                    c->processor->can((enum place)p, cpl)) {
                    run_form(c, n, (enum place)p, cpl);
                }
            }
        }
    }
    for (uint32_t n = 0; n < forms_count; n++) {
        c->total.compared += c->by_form[n].compared;
        c->total.unsupported += c->by_form[n].unsupported;
        c->total.absent += c->by_form[n].absent;
        c->total.agreed += c->by_form[n].agreed;
    }
}

static void report_form(const struct processor *p, uint32_t n, const struct tally *t)
{
    const unsigned long long all = t->unsupported + t->compared + t->absent;
    if (t->different != 0) {
        printf("%s: %s: %llu of %llu differ\n", p->name, forms[n].name,
               (unsigned long long)t->different, (unsigned long long)t->compared);
    }
    if (t->unsupported != 0) {
        printf("%s: %s: not emulated, %llu of %llu\n", p->name, forms[n].name,
               (unsigned long long)t->unsupported, all);
    }
    if (t->absent != 0) {
        printf("%s: %s: %s, %llu of %llu\n", p->name, forms[n].name,
               p->absent != NULL ? p->absent : "not on this processor",
               (unsigned long long)t->absent, all);
    }
}

static bool was_seen(const struct campaign *c, const char *why)
{
    for (uint32_t i = 0; i < c->excuses; i++) {
        if (strcmp(c->excuse[i].why, why) == 0) {
            return true;
        }
    }
    return false;
}

static void report_reasons(const struct campaign *c)
{
    const struct processor *p = c->processor;
    for (uint32_t i = 0; i < c->excuses; i++) {
        printf("%s: explained: %s: %llu\n", p->name, c->excuse[i].why,
               (unsigned long long)c->excuse[i].count);
    }
    bool all = c->form == NULL && c->place < 0 && c->cpl < 0;
    for (uint32_t i = 0; all && p->reason != NULL && p->reason(i) != NULL; i++) {
        if (!was_seen(c, p->reason(i))) {
            printf("%s: never seen: %s\n", p->name, p->reason(i));
        }
    }
}

uint64_t campaign_report(const struct campaign *c)
{
    const char *name = c->processor->name;
    uint32_t compared = 0;
    uint32_t agreed = 0;
    for (uint32_t n = 0; n < forms_count; n++) {
        compared += c->by_form[n].compared != 0;
        agreed += c->by_form[n].agreed != 0;
        report_form(c->processor, n, &c->by_form[n]);
    }
    report_reasons(c);
    if (c->processor->judge != NULL) {
        printf(
            "%s: %u forms and %llu vectors accessed devices, and did so alike; %llu vectors were refused\n",
            name, agreed, (unsigned long long)c->total.agreed, (unsigned long long)c->total.absent);
    }
    printf("%s: seed %llu: %u forms, %llu vectors compared, %llu differ, %llu explained, "
           "%llu not emulated\n",
           name, (unsigned long long)c->seed, compared, (unsigned long long)c->total.compared,
           (unsigned long long)c->total.different, (unsigned long long)c->total.excused,
           (unsigned long long)c->total.unsupported);
    return c->total.different;
}
