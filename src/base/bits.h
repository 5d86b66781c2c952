/* SPDX-License-Identifier: BSD-2-Clause
 * Bit fields by mask, and all-ones by access size. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdint.h>

#define BIT32(n) (1u << (n))
#define BIT64(n) (1ull << (n))

/* All ones in the low `size` bytes. @pre 1 <= size <= 8. */
static inline uint64_t ones_bytes(uint32_t size)
{
    return UINT64_MAX >> (64u - 8u * size);
}

/* Register `old` after a write of `val`, where only the bits in `rw` can be written. */
static inline uint32_t bits_merge(uint32_t old, uint32_t val, uint32_t rw)
{
    return (old & ~rw) | (val & rw);
}

#endif
