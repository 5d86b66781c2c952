/* SPDX-License-Identifier: BSD-2-Clause
 * Finds room in guest RAM for what a loader puts there, and remembers what is taken. */
#include "boot/place.h"

#include <stddef.h>

#include "base/arith.h"
#include "base/assert.h"
#include "boot/e820.h"

static const struct place_range legacy_area = {
    .base = E820_LEGACY_LO,
    .len = E820_LEGACY_HI - E820_LEGACY_LO,
};

void place_init(struct place *p, const struct gmem *mem)
{
    *p = (struct place){.mem = mem};
}

void place_use(struct place *p, gpa_t base, uint64_t len)
{
    BH_ASSERT(p->count < PLACE_USED_MAX);
    p->used[p->count] = (struct place_range){.base = base, .len = len};
    p->count++;
}

static const struct place_range *place_taken(const struct place *p, gpa_t base, uint64_t len)
{
    for (uint32_t i = 0; i < p->count; i++) { /* bound: PLACE_USED_MAX */
        if (range_overlaps(p->used[i].base, p->used[i].len, base, len)) {
            return &p->used[i];
        }
    }
    return NULL;
}

bool place_is_free(const struct place *p, gpa_t base, uint64_t len)
{
    return place_taken(p, base, len) == NULL;
}

static bool place_wants_legacy(const struct place_want *w)
{
    return w->lo >= E820_LEGACY_LO && w->hi <= E820_LEGACY_HI;
}

/* What stands in the way of the piece at `at`, or null. */
static const struct place_range *place_obstacle(const struct place *p, const struct place_want *w,
                                                gpa_t at)
{
    if (!place_wants_legacy(w) && range_overlaps(legacy_area.base, legacy_area.len, at, w->len)) {
        return &legacy_area;
    }
    return place_taken(p, at, w->len);
}

/* The lowest place that starts at or above `from`. Each turn but the last passes one obstacle. */
static bool place_scan_up(const struct place *p, const struct place_want *w, gpa_t from, gpa_t *gpa)
{
    uint64_t at = from;
    for (uint32_t i = 0; i < PLACE_USED_MAX + 2u; i++) { /* passes an obstacle a turn */
        if (at > UINT64_MAX - (w->align - 1u)) {
            return false;
        }
        at = align_up(at, w->align);
        if (!range_within(at, w->len, w->lo, w->hi - w->lo) || !gmem_contains(p->mem, at, w->len)) {
            return false;
        }
        const struct place_range *in_way = place_obstacle(p, w, at);
        if (in_way == NULL) {
            *gpa = at;
            return true;
        }
        at = in_way->base + in_way->len;
    }
    return false;
}

/* The highest place that ends at or below `to`. */
static bool place_scan_down(const struct place *p, const struct place_want *w, gpa_t to, gpa_t *gpa)
{
    uint64_t end = to;
    for (uint32_t i = 0; i < PLACE_USED_MAX + 2u; i++) { /* passes an obstacle a turn */
        if (end < w->len) {
            return false;
        }
        const gpa_t at = align_down(end - w->len, w->align);
        if (!range_within(at, w->len, w->lo, w->hi - w->lo) || !gmem_contains(p->mem, at, w->len)) {
            return false;
        }
        const struct place_range *in_way = place_obstacle(p, w, at);
        if (in_way == NULL) {
            *gpa = at;
            return true;
        }
        end = in_way->base;
    }
    return false;
}

static bool place_find(const struct place *p, const struct place_want *w, gpa_t *gpa)
{
    const uint32_t n = p->mem->count;
    for (uint32_t i = 0; i < n; i++) { /* bound: GMEM_REGIONS_MAX */
        const struct gmem_region *r = &p->mem->region[w->from_top ? n - 1u - i : i];
        const gpa_t r_end = r->base + r->size; /* gmem_add: it fits */
        if (w->from_top) {
            if (place_scan_down(p, w, r_end < w->hi ? r_end : w->hi, gpa)) {
                return true;
            }
        } else if (place_scan_up(p, w, r->base > w->lo ? r->base : w->lo, gpa)) {
            return true;
        }
    }
    return false;
}

bool place_take(struct place *p, const struct place_want *want, gpa_t *gpa)
{
    if (want->hi <= want->lo || !place_find(p, want, gpa)) {
        return false;
    }
    place_use(p, *gpa, want->len);
    return true;
}
