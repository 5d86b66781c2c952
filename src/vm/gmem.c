/* SPDX-License-Identifier: BSD-2-Clause
 * Guest memory. Ranges are walked twice: first to see that all of it is RAM, then to copy. */
#include "vm/gmem.h"

#include "base/arith.h"
#include "base/string.h"

/* The region that holds gpa, or NULL. */
static const struct gmem_region *gmem_find(const struct gmem *m, gpa_t gpa)
{
    for (uint32_t i = 0; i < m->count; i++) { /* bound: GMEM_REGIONS_MAX */
        const struct gmem_region *r = &m->region[i];
        if (gpa >= r->base && gpa - r->base < r->size) {
            return r;
        }
    }
    return NULL;
}

/* What is left of a range, and the piece of it that comes next and lies in one region. */
struct gmem_walk {
    gpa_t gpa;
    uint64_t left;
    uint8_t *host;
    size_t bytes;
};

/* The next piece. False: the range is used up (left is 0), or what follows is not RAM. */
static bool gmem_next(const struct gmem *m, struct gmem_walk *w)
{
    if (w->left == 0) {
        return false;
    }
    const struct gmem_region *r = gmem_find(m, w->gpa);
    if (r == NULL) {
        return false;
    }
    const uint64_t off = w->gpa - r->base;
    const uint64_t bytes = w->left < r->size - off ? w->left : r->size - off;
    w->host = r->host + off;
    w->bytes = (size_t)bytes;
    w->gpa += bytes;
    w->left -= bytes;
    return true;
}

/* One word's place in host memory, or NULL: not RAM, or not to be had in one access. */
static uint8_t *gmem_word(const struct gmem *m, gpa_t gpa, uint32_t bytes)
{
    const struct gmem_region *r = gmem_find(m, gpa);
    if (r == NULL || (gpa & (bytes - 1u)) != 0) {
        return NULL;
    }
    const uint64_t off = gpa - r->base;
    uint8_t *host = r->host + off;
    return r->size - off >= bytes && ((uintptr_t)host & (bytes - 1u)) == 0 ? host : NULL;
}

bool gmem_add(struct gmem *m, gpa_t base, uint64_t size, uint8_t *host)
{
    uint64_t end;
    if (m->count == GMEM_REGIONS_MAX || size == 0 || !u64_add(base, size, &end)) {
        return false;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < m->count; i++) { /* bound: GMEM_REGIONS_MAX */
        if (range_overlaps(base, size, m->region[i].base, m->region[i].size)) {
            return false;
        }
        at += m->region[i].base < base ? 1u : 0u;
    }
    memmove(&m->region[at + 1u], &m->region[at], (m->count - at) * sizeof(m->region[0]));
    m->region[at] = (struct gmem_region){.base = base, .size = size, .host = host};
    m->count++;
    return true;
}

bool gmem_contains(const struct gmem *m, gpa_t gpa, uint64_t len)
{
    struct gmem_walk w = {.gpa = gpa, .left = len};
    while (gmem_next(m, &w)) { /* bound: GMEM_REGIONS_MAX, as regions are disjoint */
    }
    return w.left == 0;
}

bool gmem_touches(const struct gmem *m, gpa_t gpa, uint64_t len)
{
    bool touches = false;
    for (uint32_t i = 0; i < m->count; i++) { /* bound: GMEM_REGIONS_MAX */
        touches = touches || range_overlaps(gpa, len, m->region[i].base, m->region[i].size);
    }
    return touches;
}

bool gmem_read(const struct gmem *m, gpa_t gpa, void *buf, size_t len)
{
    struct gmem_walk w = {.gpa = gpa, .left = len};
    uint8_t *to = buf;
    if (!gmem_contains(m, gpa, len)) {
        return false;
    }
    while (gmem_next(m, &w)) { /* bound: GMEM_REGIONS_MAX */
        memcpy(to, w.host, w.bytes);
        to += w.bytes;
    }
    return true;
}

bool gmem_write(const struct gmem *m, gpa_t gpa, const void *buf, size_t len)
{
    struct gmem_walk w = {.gpa = gpa, .left = len};
    const uint8_t *from = buf;
    if (!gmem_contains(m, gpa, len)) {
        return false;
    }
    while (gmem_next(m, &w)) { /* bound: GMEM_REGIONS_MAX */
        memcpy(w.host, from, w.bytes);
        from += w.bytes;
    }
    return true;
}

bool gmem_fill(const struct gmem *m, gpa_t gpa, uint8_t byte, uint64_t len)
{
    struct gmem_walk w = {.gpa = gpa, .left = len};
    if (!gmem_contains(m, gpa, len)) {
        return false;
    }
    while (gmem_next(m, &w)) { /* bound: GMEM_REGIONS_MAX */
        memset(w.host, byte, w.bytes);
    }
    return true;
}

/* x86 and all that is laid down in guest memory agree on the order of bytes. */
bool gmem_load16(const struct gmem *m, gpa_t gpa, uint16_t *word)
{
    const volatile uint16_t *at = (const void *)gmem_word(m, gpa, sizeof(*word));
    if (at == NULL) {
        return false;
    }
    *word = __atomic_load_n(at, __ATOMIC_ACQUIRE);
    return true;
}

bool gmem_load32(const struct gmem *m, gpa_t gpa, uint32_t *word)
{
    const volatile uint32_t *at = (const void *)gmem_word(m, gpa, sizeof(*word));
    if (at == NULL) {
        return false;
    }
    *word = __atomic_load_n(at, __ATOMIC_ACQUIRE);
    return true;
}

bool gmem_load64(const struct gmem *m, gpa_t gpa, uint64_t *word)
{
    const volatile uint64_t *at = (const void *)gmem_word(m, gpa, sizeof(*word));
    if (at == NULL) {
        return false;
    }
    *word = __atomic_load_n(at, __ATOMIC_ACQUIRE);
    return true;
}

bool gmem_store16(const struct gmem *m, gpa_t gpa, uint16_t word)
{
    volatile uint16_t *at = (void *)gmem_word(m, gpa, sizeof(word));
    if (at == NULL) {
        return false;
    }
    __atomic_store_n(at, word, __ATOMIC_RELEASE);
    return true;
}

bool gmem_store32(const struct gmem *m, gpa_t gpa, uint32_t word)
{
    volatile uint32_t *at = (void *)gmem_word(m, gpa, sizeof(word));
    if (at == NULL) {
        return false;
    }
    __atomic_store_n(at, word, __ATOMIC_RELEASE);
    return true;
}

bool gmem_store64(const struct gmem *m, gpa_t gpa, uint64_t word)
{
    volatile uint64_t *at = (void *)gmem_word(m, gpa, sizeof(word));
    if (at == NULL) {
        return false;
    }
    __atomic_store_n(at, word, __ATOMIC_RELEASE);
    return true;
}

bool gmem_swap32(const struct gmem *m, gpa_t gpa, uint32_t *expected, uint32_t word)
{
    volatile uint32_t *at = (void *)gmem_word(m, gpa, sizeof(word));
    return at != NULL && __atomic_compare_exchange_n(at, expected, word, false, __ATOMIC_SEQ_CST,
                                                     __ATOMIC_SEQ_CST);
}

bool gmem_swap64(const struct gmem *m, gpa_t gpa, uint64_t *expected, uint64_t word)
{
    volatile uint64_t *at = (void *)gmem_word(m, gpa, sizeof(word));
    return at != NULL && __atomic_compare_exchange_n(at, expected, word, false, __ATOMIC_SEQ_CST,
                                                     __ATOMIC_SEQ_CST);
}

bool gmem_watch_add(const struct gmem *m, struct gmem_watch *w, gpa_t gpa, uint64_t was)
{
    const volatile uint64_t *at = (const void *)gmem_word(m, gpa, sizeof(*at));
    if (at == NULL || w->count >= GMEM_WATCH_MAX) {
        return false;
    }
    w->at[w->count] = at;
    w->was[w->count] = was;
    w->count++;
    w->at[w->count] = at; /* again: they are compared in pairs */
    w->was[w->count] = was;
    return true;
}

bool gmem_watch_same(const struct gmem_watch *w)
{
    uint64_t differ = 0;
    for (uint32_t i = 0; i < w->count; i += 2u) { /* bound: GMEM_WATCH_MAX */
        differ |= __atomic_load_n(w->at[i], __ATOMIC_ACQUIRE) ^ w->was[i];
        differ |= __atomic_load_n(w->at[i + 1u], __ATOMIC_ACQUIRE) ^ w->was[i + 1u];
    }
    return differ == 0;
}

void gmem_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

uint64_t gmem_total(const struct gmem *m)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < m->count; i++) { /* bound: GMEM_REGIONS_MAX */
        sum += m->region[i].size;
    }
    return sum;
}
