/* SPDX-License-Identifier: BSD-2-Clause
 * Untyped memory: watermarks, claims and what is left. */
#include "sel4/plan/untyped.h"

#include "base/arith.h"
#include "base/bits.h"

#define NO_ENTRY UINT32_MAX

static uint64_t bytes_of(const struct untyped *u)
{
    return BIT64(u->bits);
}

bool untyped_add(struct untyped_pool *p, uint64_t slot, uint64_t at, uint32_t bits, bool device)
{
    if (p->count == UNTYPED_MAX || bits < UNTYPED_BITS_MIN || bits > UNTYPED_BITS_MAX ||
        (at & (BIT64(bits) - 1u)) != 0) {
        return false;
    }
    p->entry[p->count] = (struct untyped){
        .at = at,
        .slot = slot,
        .owner = UNTYPED_FOR_ALL,
        .bits = (uint8_t)bits,
        .device = device,
    };
    p->count++;
    return true;
}

/* --- The kernel's own arithmetic --------------------------------------------------------------- */

/* Where the next object of that size would go, from the start of the untyped. */
static uint64_t next_offset(const struct untyped *u, uint32_t bits)
{
    return align_up(u->used, BIT64(bits));
}

static bool fits(const struct untyped *u, uint32_t bits, uint32_t count)
{
    if (bits > u->bits) {
        return false;
    }
    uint64_t start = next_offset(u, bits);
    return start <= bytes_of(u) && (bytes_of(u) - start) >> bits >= count;
}

bool untyped_take(struct untyped_pool *p, uint32_t from, uint32_t bits, uint32_t count,
                  uint64_t *at)
{
    if (from >= p->count || count == 0 || !fits(&p->entry[from], bits, count)) {
        return false;
    }
    struct untyped *u = &p->entry[from];
    uint64_t start = next_offset(u, bits);
    *at = u->at + start;
    u->used = start + ((uint64_t)count << bits);
    return true;
}

bool untyped_object(struct untyped_pool *p, uint32_t bits, uint32_t *from, uint64_t *at)
{
    uint32_t best = NO_ENTRY;
    uint64_t best_left = UINT64_MAX;
    for (uint32_t i = 0; i < p->count; i++) { /* bound: UNTYPED_MAX */
        const struct untyped *u = &p->entry[i];
        if (u->device || u->owner != UNTYPED_FOR_ALL || !fits(u, bits, 1)) {
            continue;
        }
        uint64_t left = bytes_of(u) - u->used;
        if (left < best_left) {
            best = i;
            best_left = left;
        }
    }
    *from = best;
    return best != NO_ENTRY && untyped_take(p, best, bits, 1, at);
}

/* --- Claims ------------------------------------------------------------------------------------ */

/* The largest power of two, in bits, that a piece at `at` may have within `bytes`. */
static uint32_t piece_bits(uint64_t at, uint64_t bytes)
{
    uint32_t room = 63u - (uint32_t)__builtin_clzll(bytes);
    uint32_t aligned = at == 0 ? 63u : (uint32_t)__builtin_ctzll(at);
    return aligned < room ? aligned : room;
}

/* The entry of which the byte at `at` is still untouched. */
static uint32_t find(const struct untyped_pool *p, uint64_t at, enum untyped_result *why)
{
    *why = UNTYPED_NOT_THERE;
    for (uint32_t i = 0; i < p->count; i++) { /* bound: UNTYPED_MAX */
        const struct untyped *u = &p->entry[i];
        if (at - u->at < bytes_of(u)) {
            if (at - u->at >= u->used && u->owner == UNTYPED_FOR_ALL) {
                return i;
            }
            *why = UNTYPED_TAKEN; /* or in a smaller one that was made of this */
        }
    }
    return NO_ENTRY;
}

/* Makes the next untyped of 2^bits out of `from`. */
static bool split(struct untyped_pool *p, uint32_t from, uint32_t bits, struct untyped_claim *c,
                  uint32_t *made)
{
    uint64_t at;
    if (c->steps == UNTYPED_STEPS_MAX || p->count == UNTYPED_MAX ||
        !untyped_take(p, from, bits, 1, &at)) {
        return false;
    }
    *made = p->count;
    if (!untyped_add(p, 0, at, bits, p->entry[from].device)) {
        return false;
    }
    c->step[c->steps] = (struct untyped_step){
        .at = at,
        .from = from,
        .to = *made,
        .bits = (uint8_t)bits,
    };
    c->steps++;
    return true;
}

/* The block of 2^bits at `at`, which lies in `from`: fillers up to it, and itself. */
static bool carve(struct untyped_pool *p, uint32_t from, uint64_t at, uint32_t bits,
                  struct untyped_claim *c, uint32_t *made)
{
    const struct untyped *u = &p->entry[from];
    if (u->at == at && u->bits == bits && u->used == 0) {
        *made = from;
        return true;
    }
    /* bound: each filler doubles or halves: 2 * UNTYPED_BITS_MAX */
    while (u->at + u->used < at) {
        uint64_t mark = u->at + u->used;
        uint32_t filler;
        if (!split(p, from, piece_bits(mark, at - mark), c, &filler)) {
            return false;
        }
    }
    return split(p, from, bits, c, made);
}

/* A claim is tried from a mark and undone to it: entries made since are dropped, watermarks restored
 * from the steps, last first. */
static void undo(struct untyped_pool *p, const struct untyped_claim *c, uint32_t count)
{
    for (uint32_t i = 0; i < c->blocks; i++) { /* bound: UNTYPED_STEPS_MAX */
        p->entry[c->block[i]].owner = UNTYPED_FOR_ALL;
    }
    for (uint32_t i = c->steps; i > 0; i--) { /* bound: UNTYPED_STEPS_MAX */
        const struct untyped_step *s = &c->step[i - 1u];
        p->entry[s->from].used = s->at - p->entry[s->from].at;
    }
    p->count = count;
}

/* Takes one block for `owner`. */
static bool claim_block(struct untyped_pool *p, uint32_t from, uint64_t at, uint32_t bits,
                        uint32_t owner, struct untyped_claim *c)
{
    uint32_t made;
    if (c->blocks == UNTYPED_STEPS_MAX || !carve(p, from, at, bits, c, &made)) {
        return false;
    }
    p->entry[made].owner = owner;
    c->block[c->blocks] = made;
    c->blocks++;
    return true;
}

enum untyped_result untyped_claim_at(struct untyped_pool *p, uint64_t at, uint64_t bytes,
                                     uint32_t owner, struct untyped_claim *c, uint64_t *fault)
{
    uint32_t before = p->count;
    uint64_t done = 0;
    c->steps = 0;
    c->blocks = 0;
    while (done < bytes) { /* bound: UNTYPED_STEPS_MAX blocks */
        enum untyped_result why;
        uint32_t from = find(p, at + done, &why);
        *fault = at + done;
        if (from == NO_ENTRY) {
            undo(p, c, before);
            return why;
        }
        const struct untyped *u = &p->entry[from];
        uint64_t room = u->at + bytes_of(u) - (at + done);
        uint64_t left = bytes - done;
        uint32_t bits = piece_bits(at + done, left < room ? left : room);
        if (!claim_block(p, from, at + done, bits, owner, c)) {
            undo(p, c, before);
            return UNTYPED_TOO_MANY;
        }
        done += BIT64(bits);
    }
    return UNTYPED_OK;
}

/* The largest untouched aligned piece at the end of any RAM untyped, not above `most` bits. Of equal
 * ones the highest, so that low memory is left for those that need it. */
static uint32_t largest(const struct untyped_pool *p, uint32_t most, uint32_t least, uint32_t *bits)
{
    uint32_t best = NO_ENTRY;
    *bits = 0;
    for (uint32_t i = 0; i < p->count; i++) { /* bound: UNTYPED_MAX */
        const struct untyped *u = &p->entry[i];
        if (u->device || u->owner != UNTYPED_FOR_ALL) {
            continue;
        }
        uint32_t b = u->bits < most ? u->bits : most;
        while (b >= least && !fits(u, b, 1)) { /* bound: UNTYPED_BITS_MAX */
            b--;
        }
        if (b < least) {
            continue;
        }
        bool better = best == NO_ENTRY || b > *bits;
        if (better || (b == *bits && u->at > p->entry[best].at)) {
            best = i;
            *bits = b;
        }
    }
    return best;
}

enum untyped_result untyped_claim_any(struct untyped_pool *p, uint64_t bytes, uint32_t owner,
                                      struct untyped_claim *c, uint64_t *fault)
{
    uint32_t before = p->count;
    uint64_t left = bytes;
    c->steps = 0;
    c->blocks = 0;
    while (left > 0) { /* bound: UNTYPED_STEPS_MAX blocks */
        uint32_t most = piece_bits(0, left);
        uint32_t least = most < UNTYPED_LARGE ? UNTYPED_PAGE_BITS : UNTYPED_LARGE;
        uint32_t bits;
        uint32_t from = largest(p, most, least, &bits);
        *fault = bytes - left;
        if (from == NO_ENTRY) {
            undo(p, c, before);
            return UNTYPED_TOO_LITTLE;
        }
        uint64_t at = p->entry[from].at + next_offset(&p->entry[from], bits);
        if (!claim_block(p, from, at, bits, owner, c)) {
            undo(p, c, before);
            return UNTYPED_TOO_MANY;
        }
        left -= BIT64(bits);
    }
    return UNTYPED_OK;
}

/* --- Looking at it ----------------------------------------------------------------------------- */

uint32_t untyped_frame_bits(const struct untyped *block, uint64_t guest)
{
    uint64_t both = block->at | guest;
    bool large = block->bits >= UNTYPED_LARGE && (both & (BIT64(UNTYPED_LARGE) - 1u)) == 0;
    return large ? UNTYPED_LARGE : UNTYPED_PAGE_BITS;
}

uint64_t untyped_free(const struct untyped_pool *p)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < p->count; i++) { /* bound: UNTYPED_MAX */
        const struct untyped *u = &p->entry[i];
        if (!u->device && u->owner == UNTYPED_FOR_ALL) {
            sum += bytes_of(u) - u->used;
        }
    }
    return sum;
}

bool untyped_disjoint(const struct untyped_pool *p)
{
    for (uint32_t i = 0; i < p->count; i++) { /* bound: UNTYPED_MAX */
        const struct untyped *a = &p->entry[i];
        for (uint32_t k = 0; a->owner != UNTYPED_FOR_ALL && k < i; k++) { /* bound: i */
            const struct untyped *b = &p->entry[k];
            bool both = b->owner != UNTYPED_FOR_ALL && a->owner != b->owner;
            if (both && range_overlaps(a->at, bytes_of(a), b->at, bytes_of(b))) {
                return false;
            }
        }
    }
    return true;
}
