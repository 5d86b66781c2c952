/* SPDX-License-Identifier: BSD-2-Clause
 * Random numbers that are a function of the seed and the number of the shot, and of nothing else: a
 * shot can be repeated without those before it. Algorithm: SplitMix64 (Steele, Lea, Flood, 2014). */
#ifndef HOSTILE_RANDOM_H
#define HOSTILE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

void random_start(uint64_t seed, uint64_t shot);

uint64_t random_64(void);

/* 0 to n - 1. @pre n is not 0 */
uint32_t random_below(uint32_t n);

/* True n times out of `of`. */
bool random_chance(uint32_t n, uint32_t of);

/* A value that hardware and its drivers find awkward: small, all ones, one bit, random. */
uint64_t random_value(void);

#define RANDOM_OF(table) ((table)[random_below((uint32_t)(sizeof(table) / sizeof((table)[0])))])

/* What was drawn so far in this shot, for the digest. */
uint64_t random_state(void);

#endif
