/* SPDX-License-Identifier: BSD-2-Clause
 * Runs vectors in both worlds and compares. */
#include "campaign.h"

#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 4096u

/* A world before any vector, and the two in which one runs. */
static _Alignas(4096) uint8_t clean[WORLD_BYTES];
static _Alignas(4096) uint8_t ours[WORLD_BYTES];
static _Alignas(4096) uint8_t theirs[WORLD_BYTES];

static void show(const struct vector *v, const char *difference)
{
    char text[TEXT_BYTES];
    vector_tell(v, text, sizeof(text));
    printf("difference: %s%s", text, difference);
}

static void excused(struct campaign *c, const char *why)
{
    uint32_t i = 0;
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

static void judge(struct campaign *c, struct vector *v, struct tally *t)
{
    const struct processor *p = c->processor;
    struct outcome model;
    struct outcome real;
    char text[TEXT_BYTES];
    memcpy(ours, clean, sizeof(ours));
    world_place(ours, v, p->stop[v->cpl]);
    model_run(v, ours, &model);
    if (model.end == END_UNSUPPORTED) {
        t->unsupported++;
        return;
    }
    memcpy(theirs, clean, sizeof(theirs));
    world_place(theirs, v, p->stop[v->cpl]);
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
        t->excused++;
        excused(c, why);
        return;
    }
    t->different++;
    if (c->total.different++ < c->show) {
        show(v, text);
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
            judge(c, &v, &c->by_form[n]);
        } else {
            c->by_form[n].skipped++;
        }
    }
}

void campaign_run(struct campaign *c)
{
    world_build(clean, c->processor->limits.native);
    for (uint32_t n = 0; n < forms_count; n++) {
        if (c->form != NULL && strcmp(c->form, forms[n].name) != 0) {
            continue;
        }
        for (uint32_t p = 0; p < PLACES; p++) {
            for (uint32_t cpl = 0; cpl <= 3; cpl += 3) {
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
    }
}

uint64_t campaign_report(const struct campaign *c)
{
    const char *name = c->processor->name;
    uint32_t forms_seen = 0;
    for (uint32_t n = 0; n < forms_count; n++) {
        const struct tally *t = &c->by_form[n];
        bool tried = t->compared + t->unsupported + t->absent != 0;
        forms_seen += t->compared != 0;
        if (t->different != 0) {
            printf("%s: %s: %llu of %llu differ\n", name, forms[n].name,
                   (unsigned long long)t->different, (unsigned long long)t->compared);
        }
        if (tried && t->unsupported != 0) {
            printf("%s: %s: not emulated, %llu of %llu\n", name, forms[n].name,
                   (unsigned long long)t->unsupported,
                   (unsigned long long)(t->unsupported + t->compared + t->absent));
        }
        if (tried && t->absent != 0) {
            printf("%s: %s: not on this processor\n", name, forms[n].name);
        }
    }
    for (uint32_t i = 0; i < c->excuses; i++) {
        printf("%s: explained: %s: %llu\n", name, c->excuse[i].why,
               (unsigned long long)c->excuse[i].count);
    }
    printf("%s: seed %llu: %u forms, %llu vectors compared, %llu differ, %llu explained, "
           "%llu not emulated\n",
           name, (unsigned long long)c->seed, forms_seen, (unsigned long long)c->total.compared,
           (unsigned long long)c->total.different, (unsigned long long)c->total.excused,
           (unsigned long long)c->total.unsupported);
    return c->total.different;
}
