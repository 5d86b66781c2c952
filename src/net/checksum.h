/* SPDX-License-Identifier: BSD-2-Clause
 * The Internet checksum: sums of 16-bit words, as they lie in memory, so that no byte needs to be swapped.
 * A sum is kept unfolded: as many parts as a frame can have are added without a carry being lost.
 * Spec: RFC 1071. */
#ifndef NET_CHECKSUM_H
#define NET_CHECKSUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/string.h"

/* The sum of len bytes; an odd one is padded. @pre len <= 2^20: it stays far below 2^64 */
static inline uint64_t checksum_sum(const uint8_t *p, uint32_t len)
{
    uint64_t low = 0;
    uint64_t high = 0;
    uint32_t at = 0;
    uint64_t v;
    for (; len - at >= 8u; at += 8u) {           /* bound: len / 8 */
        __builtin_memcpy(&v, p + at, sizeof(v)); /* one instruction, not a call */
        low += (uint32_t)v;
        high += v >> 32;
    }
    v = 0;
    memcpy(&v, p + at, len - at);
    return low + high + (uint32_t)v + (v >> 32);
}

/* A number as it would lie in memory as a 16-bit word of the packet. @pre v < 2^16 */
static inline uint64_t checksum_number(uint32_t v)
{
    return (v & 0xFFu) << 8 | v >> 8;
}

static inline uint16_t checksum_fold(uint64_t sum)
{
    for (uint32_t i = 0; i < 4u; i++) { /* bound: 4: 48 bits, 33, 18, 17, 16 */
        sum = (sum & 0xFFFFu) + (sum >> 16);
    }
    return (uint16_t)sum;
}

/* Stores the checksum that makes a sum come out right. */
static inline void checksum_store(uint8_t *p, uint64_t sum)
{
    const uint16_t checksum = (uint16_t)~checksum_fold(sum);
    __builtin_memcpy(p, &checksum, sizeof(checksum));
}

/* True if the sum of all, the checksum among it, comes out right. */
static inline bool checksum_holds(uint64_t sum)
{
    return checksum_fold(sum) == 0xFFFFu;
}

#endif
