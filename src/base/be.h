/* SPDX-License-Identifier: BSD-2-Clause
 * Big-endian fields in byte arrays: network headers. */
#ifndef BASE_BE_H
#define BASE_BE_H

#include <stdint.h>

static inline uint32_t be16_load(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t be32_load(const uint8_t *p)
{
    return be16_load(p) << 16 | be16_load(p + 2);
}

/* The low 16 bits of v. */
static inline void be16_store(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void be32_store(uint8_t *p, uint32_t v)
{
    be16_store(p, v >> 16);
    be16_store(p + 2, v);
}

#endif
