/* SPDX-License-Identifier: BSD-2-Clause
 * See random.h. */
#include "random.h"

#define GOLDEN 0x9E3779B97F4A7C15ull

static uint64_t state;

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

void random_start(uint64_t seed, uint64_t shot)
{
    state = mix(mix(seed + GOLDEN) + shot * GOLDEN);
}

uint64_t random_64(void)
{
    state += GOLDEN;
    return mix(state);
}

uint32_t random_below(uint32_t n)
{
    return (uint32_t)(((random_64() >> 32) * n) >> 32);
}

bool random_chance(uint32_t n, uint32_t of)
{
    return random_below(of) < n;
}

uint64_t random_value(void)
{
    static const uint64_t awkward[] = {
        0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
    };
    switch (random_below(6)) {
    case 0:
    case 1:
        return RANDOM_OF(awkward);
    case 2:
        return 1ull << random_below(64);
    case 3:
        return random_below(256);
    case 4:
        return UINT64_MAX << random_below(64);
    default:
        return random_64();
    }
}

uint64_t random_state(void)
{
    return state;
}
