/* SPDX-License-Identifier: BSD-2-Clause
 * Little-endian fields in byte arrays: file headers, boot structures, access buffers. */
#ifndef BASE_LE_H
#define BASE_LE_H

#include <stdint.h>

/* @pre 1 <= size <= 8, and so many bytes are there. */
static inline uint64_t le_load(const uint8_t *p, uint32_t size)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < size; i++) { /* bound: 8 */
        v |= (uint64_t)p[i] << (8u * i);
    }
    return v;
}

static inline void le_store(uint8_t *p, uint32_t size, uint64_t v)
{
    for (uint32_t i = 0; i < size; i++) { /* bound: 8 */
        p[i] = (uint8_t)(v >> (8u * i));
    }
}

static inline uint16_t le16(const uint8_t *p)
{
    return (uint16_t)le_load(p, 2);
}

static inline uint32_t le32(const uint8_t *p)
{
    return (uint32_t)le_load(p, 4);
}

static inline uint64_t le64(const uint8_t *p)
{
    return le_load(p, 8);
}

#endif
