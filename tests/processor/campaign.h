/* SPDX-License-Identifier: BSD-2-Clause
 * Many vectors, held against one processor, and an account of them by form. */
#ifndef PROCESSOR_CAMPAIGN_H
#define PROCESSOR_CAMPAIGN_H

#include "outcome.h"

#define FORMS_MAX 512u

struct campaign;
struct tally;

/* A processor: runs one vector on a world that holds it, and leaves there what became of it. */
struct processor {
    const char *name;
    struct limits limits;
    uint32_t without; /* forms with any of these flags are left out */
    uint8_t stop[4];  /* by CPL: what ends a vector, HLT or INT3 */
    bool (*can)(enum place place, uint32_t cpl);
    void (*adjust)(struct vector *v);
    void (*run)(const struct vector *v, uint8_t *ram, struct outcome *out);
    /* A difference that is the processor's own fault or freedom, and no one's here: its reason, or NULL. */
    const char *(*excuse)(const struct vector *v, const struct outcome *model,
                          const struct outcome *processor);
    /* Compares in a way of its own; null: with model_run(). */
    void (*judge)(struct campaign *c, const struct vector *v, struct tally *t);
    /* What is said of forms that it has not; null: that they are not on it. */
    const char *absent;
    /* The reasons that excuse() or judge() may give, by number, to tell which were never seen; may be null. */
    const char *(*reason)(uint32_t n);
};

struct tally {
    uint64_t compared, different, excused;
    uint64_t unsupported; /* not emulated by us       */
    uint64_t absent;      /* ... by the processor     */
    uint64_t skipped;     /* there is no such vector  */
    uint64_t agreed;      /* roads: compared, and device accesses were the same */
};

struct campaign {
    const struct processor *processor;
    uint64_t seed;
    uint32_t first, count; /* vectors of each form, place and CPL: numbers */
    const char *form;      /* only this one, or NULL */
    int place, cpl;        /* only these, or -1 */
    uint32_t show;         /* differences to print in full */
    struct tally by_form[FORMS_MAX];
    struct tally total;
    uint32_t excuses;
    struct {
        const char *why;
        uint64_t count;
    } excuse[64];
};

void campaign_run(struct campaign *c);

/* The world before any vector. */
extern uint8_t campaign_clean[WORLD_BYTES];

/* A vector differs: by an explained difference, or by none, with `text`. */
void campaign_excused(struct campaign *c, struct tally *t, const char *why);
void campaign_different(struct campaign *c, const struct vector *v, struct tally *t,
                        const char *text);

/* The list of what was not compared, and one line of numbers. Returns the number of differences. */
uint64_t campaign_report(const struct campaign *c);

#endif
