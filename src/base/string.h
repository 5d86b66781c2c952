/* SPDX-License-Identifier: BSD-2-Clause
 * The four memory functions that the core takes from its surroundings, and nothing more.
 * Spec: ISO C11 7.24.2.1, 7.24.2.2, 7.24.4.1, 7.24.6.1. */
#ifndef BASE_STRING_H
#define BASE_STRING_H

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);

#endif
