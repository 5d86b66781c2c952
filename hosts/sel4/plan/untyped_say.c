/* SPDX-License-Identifier: BSD-2-Clause
 * Why a claim to memory failed, for a person. */
#include "sel4/plan/untyped_say.h"

#include "base/bits.h"
#include "sel4/plan/text.h"

#define PLACES 6u /* that are named */

static void say(const struct rights_out *out, const struct text *t)
{
    out->line(out->host, t->byte);
}

static void put_range(struct text *t, uint64_t at, uint64_t bytes)
{
    text_hex(t, at);
    text_add(t, "-");
    text_hex(t, at + bytes - 1u);
}

/* The free RAM that begins at the lowest address not below `from`, as far as it goes without a gap.
 * False: there is none. */
static bool next_free(const struct untyped_pool *p, uint64_t from, uint64_t *at, uint64_t *end)
{
    bool any = false;
    for (uint32_t i = 0; i < p->count; i++) { /* bound: UNTYPED_MAX */
        const struct untyped *u = &p->entry[i];
        uint64_t first = u->at + u->used;
        bool free = u->owner == UNTYPED_FOR_ALL && !u->device && u->used < BIT64(u->bits);
        if (free && first >= from && (!any || first < *at)) {
            *at = first;
            *end = u->at + BIT64(u->bits);
            any = true;
        }
    }
    bool grown = any;
    for (uint32_t turn = 0; grown && turn < UNTYPED_MAX; turn++) { /* bound: UNTYPED_MAX */
        grown = false;
        for (uint32_t i = 0; i < p->count; i++) { /* bound: UNTYPED_MAX */
            const struct untyped *u = &p->entry[i];
            bool whole = u->owner == UNTYPED_FOR_ALL && !u->device && u->used == 0;
            if (whole && u->at == *end) {
                *end = u->at + BIT64(u->bits);
                grown = true;
            }
        }
    }
    return any;
}

/* The places where so much lies in one piece, or the largest that there are. */
static void say_places(const struct untyped_pool *p, uint64_t bytes, const struct rights_out *out)
{
    uint64_t from = 0;
    uint64_t at = 0;
    uint64_t end = 0;
    uint32_t said = 0;
    while (said < PLACES && next_free(p, from, &at, &end)) { /* bound: UNTYPED_MAX */
        from = end;
        if (end - at < bytes) {
            continue;
        }
        struct text t = {.used = 0};
        text_add(&t, "  free: ");
        put_range(&t, at, end - at);
        say(out, &t);
        said++;
    }
    if (said == 0) {
        struct text t = {.used = 0};
        text_add(&t, "  nowhere is so much free in one piece");
        say(out, &t);
    }
}

static void put_wish(struct text *t, const struct untyped_wish *w)
{
    text_add(t, "VM ");
    text_add(t, w->vm);
    text_add(t, ": its RAM, ");
    text_size(t, w->bytes);
    if (w->at != 0) {
        text_add(t, " at ");
        put_range(t, w->at, w->bytes);
    }
    text_add(t, ", cannot be had: ");
}

void untyped_say(const struct untyped_pool *p, const struct untyped_wish *wish,
                 const struct untyped_refusal *refusal, const struct rights_out *out)
{
    struct text t = {.used = 0};
    put_wish(&t, wish);
    if (refusal->result == UNTYPED_TOO_LITTLE) {
        text_add(&t, "only ");
        text_size(&t, refusal->fault);
        text_add(&t, " are free in pieces of 2 MiB; give VMs less, or the machine more");
        say(out, &t);
        return;
    }
    if (refusal->result == UNTYPED_TOO_MANY) {
        text_add(&t,
                 "it would be in too many pieces; choose an \"at\" that is a multiple of 2 MiB");
        say(out, &t);
        return;
    }
    text_hex(&t, refusal->fault);
    text_add(&t, refusal->result == UNTYPED_TAKEN ? " is taken by another VM or by init"
                                                  : " is the kernel's, or there is no memory");
    say(out, &t);
    t = (struct text){.used = 0};
    text_add(&t, "  choose another \"at\" in its backing:");
    say(out, &t);
    say_places(p, wish->bytes, out);
}
