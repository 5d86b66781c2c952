/* SPDX-License-Identifier: BSD-2-Clause
 * What the fuzz targets share: an input that is taken piece by piece, and a check that stays.
 *
 * Every input means something: when it runs out, zeros come. So the fuzzer's mutations rarely make an
 * input useless, and an empty corpus is enough to start from. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_CHECK(holds)                                                              \
    do {                                                                               \
        if (!(holds)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds); \
            abort();                                                                   \
        }                                                                              \
    } while (0)

/* libFuzzer calls these two; the second one only where a target has it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct fuzz_in {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t fuzz_take(struct fuzz_in *in, uint32_t bytes)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < bytes && in->left != 0; i++) {
        v |= (uint64_t)*in->at << (8u * i);
        in->at++;
        in->left--;
    }
    return v;
}

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
    return (uint8_t)fuzz_take(in, 1);
}

static inline uint16_t fuzz_u16(struct fuzz_in *in)
{
    return (uint16_t)fuzz_take(in, 2);
}

static inline uint32_t fuzz_u32(struct fuzz_in *in)
{
    return (uint32_t)fuzz_take(in, 4);
}

static inline uint64_t fuzz_u64(struct fuzz_in *in)
{
    return fuzz_take(in, 8);
}

/* A span of time or a size: one byte says how large it is, so that small, typical and absurd ones are
 * all likely. At most 2^max_bits. */
static inline uint64_t fuzz_span(struct fuzz_in *in, uint32_t max_bits)
{
    uint32_t bits = fuzz_u8(in) % (max_bits + 1u);
    return bits == 0 ? 0 : (fuzz_u64(in) & (UINT64_MAX >> (64u - bits)));
}

/* The rest of the input, or `max` bytes of it, copied to the heap: reading beyond it is seen. */
static inline uint8_t *fuzz_rest(struct fuzz_in *in, size_t max, size_t *len)
{
    *len = in->left < max ? in->left : max;
    uint8_t *copy = malloc(*len == 0 ? 1 : *len);
    FUZZ_CHECK(copy != NULL);
    if (*len != 0) {
        memcpy(copy, in->at, *len);
    }
    in->at += *len;
    in->left -= *len;
    return copy;
}

#endif
