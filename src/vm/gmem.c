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

/* The bytes from gpa to the end of its region, at most len; *host points to the first. 0: no RAM. */
static uint64_t gmem_run(const struct gmem *m, gpa_t gpa, uint64_t len, uint8_t **host)
{
    const struct gmem_region *r = gmem_find(m, gpa);
    if (r == NULL) {
        return 0;
    }
    uint64_t off = gpa - r->base;
    *host = r->host + off;
    return len < r->size - off ? len : r->size - off;
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
    uint8_t *host;
    /* Each turn leaves one region for the next one: they are disjoint. */
    for (uint32_t i = 0; len != 0 && i <= m->count; i++) { /* bound: GMEM_REGIONS_MAX + 1 */
        uint64_t run = gmem_run(m, gpa, len, &host);
        if (run == 0) {
            return false;
        }
        gpa += run;
        len -= run;
    }
    return len == 0;
}

bool gmem_read(const struct gmem *m, gpa_t gpa, void *buf, size_t len)
{
    uint8_t *to = buf;
    if (!gmem_contains(m, gpa, len)) {
        return false;
    }
    while (len != 0) { /* bound: GMEM_REGIONS_MAX, as gmem_contains found RAM throughout */
        uint8_t *host = NULL;
        size_t run = (size_t)gmem_run(m, gpa, len, &host);
        memcpy(to, host, run);
        to += run;
        gpa += run;
        len -= run;
    }
    return true;
}

bool gmem_write(const struct gmem *m, gpa_t gpa, const void *buf, size_t len)
{
    const uint8_t *from = buf;
    if (!gmem_contains(m, gpa, len)) {
        return false;
    }
    while (len != 0) { /* bound: GMEM_REGIONS_MAX */
        uint8_t *host = NULL;
        size_t run = (size_t)gmem_run(m, gpa, len, &host);
        memcpy(host, from, run);
        from += run;
        gpa += run;
        len -= run;
    }
    return true;
}

bool gmem_fill(const struct gmem *m, gpa_t gpa, uint8_t byte, uint64_t len)
{
    if (!gmem_contains(m, gpa, len)) {
        return false;
    }
    while (len != 0) { /* bound: GMEM_REGIONS_MAX */
        uint8_t *host = NULL;
        uint64_t run = gmem_run(m, gpa, len, &host);
        memset(host, byte, (size_t)run);
        gpa += run;
        len -= run;
    }
    return true;
}

uint64_t gmem_total(const struct gmem *m)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < m->count; i++) { /* bound: GMEM_REGIONS_MAX */
        sum += m->region[i].size;
    }
    return sum;
}
