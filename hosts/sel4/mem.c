/* SPDX-License-Identifier: BSD-2-Clause
 * The four functions that the core, and any compiler, expect. */
#include "base/string.h"

#include <stdint.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
    void *d = dst;
    size_t words = len / 8u; /* registers, at each exit, and frames */
    len %= 8u;
    __asm__ volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(len) : : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
    uint8_t *d = dst;
    const uint8_t *s = src;
    if (d <= s || d >= s + len) {
        return memcpy(dst, src, len);
    }
    for (size_t i = len; i > 0; i--) { /* bound: len */
        d[i - 1u] = s[i - 1u];
    }
    return dst;
}

void *memset(void *dst, int byte, size_t len)
{
    void *d = dst;
    uint64_t word = (uint8_t)byte * 0x0101010101010101ull;
    size_t words = len / 8u; /* guest RAM, when a VM is started again */
    len %= 8u;
    __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(word) : "memory");
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(len) : "a"(word) : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    for (size_t i = 0; i < len; i++) { /* bound: len */
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}
