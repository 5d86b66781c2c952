/* SPDX-License-Identifier: BSD-2-Clause
 * Lists of rights as lines of text, and held against each other. */
#include "sel4/plan/rights.h"

#include "sel4/plan/text.h"

/* --- Names ------------------------------------------------------------------------------------- */

static const char *const party_names[] = {
    [PARTY_NONE] = "nobody",   [PARTY_CONSOLE] = "console", [PARTY_TIMER] = "timer",
    [PARTY_KEEPER] = "keeper", [PARTY_VMM] = "vmm",         [PARTY_IO] = "io",
    [PARTY_SWITCH] = "switch", [PARTY_NATIVE] = "native",   [PARTY_INIT] = "init",
};

static void put_party(struct text *t, const struct system_image *image, uint32_t party)
{
    uint32_t kind = party >> 8;
    uint32_t index = party & 0xFFu;
    text_add(t, kind <= PARTY_INIT ? party_names[kind] : "?");
    if (kind == PARTY_VMM || kind == PARTY_IO) {
        text_add(t, ":");
        text_add(t, image->vm[index % SYSTEM_VMS_MAX].name);
    } else if (kind == PARTY_SWITCH) {
        text_add(t, ":");
        text_add(t, image->switch_[index % SYSTEM_SWITCHES_MAX].name);
    } else if (kind == PARTY_NATIVE) {
        text_add(t, ":");
        text_add(t, image->sel4.native[index % SYSTEM_NATIVES_MAX].name);
    } else if (kind == PARTY_KEEPER) {
        text_add(t, ":");
        text_number(t, index);
    }
}

static const struct {
    const char *name;
    bool of;       /* somebody's    */
    bool numbered; /* several of it */
} thing_names[] = {
    [THING_NONE] = {"nothing", false, false},
    [THING_PROGRAM] = {"program", false, false},
    [THING_PRIVATE] = {"private", true, false},
    [THING_ARGS] = {"args", true, false},
    [THING_NOTIFY] = {"notify", true, false},
    [THING_REPORT] = {"report", false, false},
    [THING_SAY] = {"say", true, false},
    [THING_WAKE] = {"wake", true, false},
    [THING_RAM] = {"ram", true, false},
    [THING_FILES] = {"files", true, false},
    [THING_VCPU] = {"vcpu", true, false},
    [THING_TIME] = {"time", true, false},
    [THING_THREAD] = {"thread", true, false},
    [THING_CHANNEL] = {"channel", true, true},
    [THING_FRAMES] = {"frames", true, true},
    [THING_COUNTS] = {"counts", true, false},
    [THING_COM1] = {"com1", false, false},
    [THING_HPET] = {"hpet", false, false},
    [THING_HPET_IRQ] = {"hpet-irq", false, false},
};

static void put_thing(struct text *t, const struct system_image *image, uint32_t thing)
{
    uint32_t kind = thing >> 24;
    if (kind > THING_HPET_IRQ) {
        text_add(t, "?");
        return;
    }
    text_add(t, thing_names[kind].name);
    if (thing_names[kind].of) {
        text_add(t, "(");
        put_party(t, image, thing & 0xFFFFu);
        if (thing_names[kind].numbered) {
            text_add(t, ",");
            text_number(t, thing >> 16 & 0xFFu);
        }
        text_add(t, ")");
    }
}

static void put_rights(struct text *t, uint32_t thing, uint32_t rights)
{
    uint32_t kind = thing >> 24;
    bool message = kind == THING_NOTIFY || kind == THING_REPORT;
    const struct {
        uint32_t right;
        const char *name;
    } words[] = {
        {RIGHT_READ, message ? "wait" : "read"},
        {RIGHT_WRITE, message ? "signal" : "write"},
        {RIGHT_USE, "use"},
    };
    const char *gap = " ";
    for (uint32_t i = 0; i < 3u; i++) { /* bound: 3 */
        if ((rights & words[i].right) != 0) {
            text_add(t, gap);
            text_add(t, words[i].name);
            gap = "+";
        }
    }
}

static void say(const struct rights_out *out, const struct text *t)
{
    out->line(out->host, t->byte);
}

static void say_right(const struct rights_out *out, const struct system_image *image,
                      const char *what, const struct right *r)
{
    struct text t = {.used = 0};
    text_add(&t, what);
    put_party(&t, image, r->party);
    text_add(&t, " ");
    put_thing(&t, image, r->thing);
    put_rights(&t, r->thing, r->rights);
    say(out, &t);
}

/* --- Pairs ------------------------------------------------------------------------------------- */

/* The first right of the party that comes after the one at `from`; `count` if there is none. */
static uint32_t next_party(const struct rights *r, uint32_t from)
{
    uint32_t i = from;
    while (i < r->count && r->right[i].party == r->right[from].party) { /* bound: RIGHTS_MAX */
        i++;
    }
    return i;
}

/* Whether one can act on the thing and the other notice. */
static bool carries(uint32_t a, uint32_t b)
{
    bool use = (a & b & RIGHT_USE) != 0;
    bool forth = (a & RIGHT_WRITE) != 0 && (b & RIGHT_READ) != 0;
    bool back = (b & RIGHT_WRITE) != 0 && (a & RIGHT_READ) != 0;
    return use || forth || back;
}

static void say_pair(const struct rights *r, uint32_t a, uint32_t b,
                     const struct system_image *image, const struct rights_out *out)
{
    uint32_t a_end = next_party(r, a);
    uint32_t b_end = next_party(r, b);
    bool any = false;
    uint32_t k = b;
    for (uint32_t i = a; i < a_end; i++) { /* bound: RIGHTS_MAX; both lists ascend by thing */
        const struct right *mine = &r->right[i];
        while (k < b_end && r->right[k].thing < mine->thing) { /* bound: RIGHTS_MAX */
            k++;
        }
        if (k == b_end || r->right[k].thing != mine->thing ||
            !carries(mine->rights, r->right[k].rights)) {
            continue;
        }
        struct text t = {.used = 0};
        text_add(&t, "share ");
        put_party(&t, image, mine->party);
        text_add(&t, " ");
        put_party(&t, image, r->right[k].party);
        text_add(&t, " ");
        put_thing(&t, image, mine->thing);
        put_rights(&t, mine->thing, mine->rights);
        put_rights(&t, mine->thing, r->right[k].rights);
        say(out, &t);
        any = true;
    }
    if (!any) {
        struct text t = {.used = 0};
        text_add(&t, "apart ");
        put_party(&t, image, r->right[a].party);
        text_add(&t, " ");
        put_party(&t, image, r->right[b].party);
        say(out, &t);
    }
}

void rights_print(const struct rights *r, const struct system_image *image,
                  const struct rights_out *out)
{
    for (uint32_t i = 0; i < r->count; i++) { /* bound: RIGHTS_MAX */
        if (r->right[i].thing >> 24 != THING_PRIVATE) {
            say_right(out, image, "cap ", &r->right[i]);
        }
    }
    for (uint32_t a = 0; a < r->count; a = next_party(r, a)) { /* bound: parties */
        for (uint32_t b = next_party(r, a); b < r->count; b = next_party(r, b)) {
            say_pair(r, a, b, image, out);
        }
    }
}

/* --- Comparing --------------------------------------------------------------------------------- */

/* Its party's own business. */
static bool is_private(const struct right *r)
{
    return r->thing == THING(THING_PRIVATE, r->party, 0);
}

/* What `a` has and `b` has not. */
static uint32_t say_beyond(const struct rights *a, const struct rights *b,
                           const struct system_image *image, const char *what,
                           const struct rights_out *out)
{
    uint32_t count = 0;
    uint32_t k = 0;
    for (uint32_t i = 0; i < a->count; i++) { /* bound: RIGHTS_MAX; both lists ascend */
        const struct right *x = &a->right[i];
        while (k < b->count && (b->right[k].party < x->party ||
                                (b->right[k].party == x->party && b->right[k].thing < x->thing))) {
            k++; /* bound: RIGHTS_MAX */
        }
        bool same = k < b->count && b->right[k].party == x->party && b->right[k].thing == x->thing;
        struct right left = *x;
        left.rights &= same ? ~b->right[k].rights : UINT32_MAX;
        if (left.rights != 0 && !is_private(x)) {
            say_right(out, image, what, &left);
            count++;
        }
    }
    return count;
}

uint32_t rights_compare(const struct rights *wanted, const struct rights *given,
                        const struct system_image *image, const struct rights_out *out)
{
    uint32_t count = 0;
    if (wanted->full || given->full) {
        out->line(out->host, "missing: there are more rights than can be counted");
        count++;
    }
    count += say_beyond(wanted, given, image, "missing ", out);
    count += say_beyond(given, wanted, image, "extra ", out);
    return count;
}
