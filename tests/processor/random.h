/* SPDX-License-Identifier: BSD-2-Clause
 * Numbers that look random, and are the same each time. */
#ifndef PROCESSOR_RANDOM_H
#define PROCESSOR_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return x ^ x >> 31;
}

static inline uint64_t random_next(struct random *r)
{
    r->state += 0x9E3779B97F4A7C15ull;
    return random_mix(r->state);
}

static inline uint32_t random_below(struct random *r, uint32_t n)
{
    return (uint32_t)((random_next(r) >> 32) * n >> 32);
}

static inline bool random_one_in(struct random *r, uint32_t n)
{
    return random_below(r, n) == 0;
}

/* Half of them at the edges of widths. */
static inline uint64_t random_value(struct random *r)
{
    static const uint64_t sharp[] = {0,          1,          0x7F,       0x80,
                                     0xFF,       0x7FFF,     0x8000,     0xFFFF,
                                     0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF,
                                     1ull << 63, UINT64_MAX, 0x100,      0xFFFFFFFFFFFFFF00};
    uint64_t x = random_next(r);
    return (x & 1u) != 0 ? sharp[x >> 1 & 15u] : random_next(r);
}

#endif
