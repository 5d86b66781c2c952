/* SPDX-License-Identifier: BSD-2-Clause
 * Arithmetic that says when it does not fit, and exact scaling without 128-bit division. */
#ifndef BASE_ARITH_H
#define BASE_ARITH_H

#include <stdbool.h>
#include <stdint.h>

/* a + b into *sum; false (and *sum untouched) if it does not fit. */
static inline bool u64_add(uint64_t a, uint64_t b, uint64_t *sum)
{
    if (a > UINT64_MAX - b) {
        return false;
    }
    *sum = a + b;
    return true;
}

/* True if [base, base + len) lies within [outer, outer + outer_len). No sum is formed, so nothing
 * can wrap. An empty range lies within if its base does, or if it stands at the very end. */
static inline bool range_within(uint64_t base, uint64_t len, uint64_t outer, uint64_t outer_len)
{
    if (base < outer) {
        return false;
    }
    uint64_t off = base - outer;
    return off <= outer_len && len <= outer_len - off;
}

/* True if the two ranges share at least one unit. Ranges may end at 2^64 but not beyond. */
static inline bool range_overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    if (a_len == 0 || b_len == 0) {
        return false;
    }
    return a < b ? b - a < a_len : a - b < b_len;
}

/* @pre align is a power of two. */
static inline uint64_t align_down(uint64_t x, uint64_t align)
{
    return x & ~(align - 1u);
}

/* @pre align is a power of two, and x rounded up fits. */
static inline uint64_t align_up(uint64_t x, uint64_t align)
{
    return align_down(x + (align - 1u), align);
}

/* floor(x * num / den), exact. @pre den is not 0 and the result fits in 64 bits.
 * x = q * den + r, so x * num / den = q * num + r * num / den, and r * num < 2^64. */
static inline uint64_t u64_scale(uint64_t x, uint32_t num, uint32_t den)
{
    return (x / den) * num + ((x % den) * num) / den;
}

/* ceil(x * num / den), exact, saturating at UINT64_MAX: what deadlines need. @pre den is not 0. */
static inline uint64_t u64_scale_up(uint64_t x, uint32_t num, uint32_t den)
{
    uint64_t whole = x / den;
    if (num != 0 && whole > (UINT64_MAX - UINT32_MAX) / num) {
        return UINT64_MAX;
    }
    uint64_t part = (x % den) * num;
    return whole * num + part / den + (part % den != 0 ? 1u : 0u);
}

#endif
