/* SPDX-License-Identifier: BSD-2-Clause
 * Untyped memory: which piece of it becomes what, kept exactly as the kernel keeps it.
 *
 * The kernel gives objects of 2^bits bytes at the first address, from a watermark on, that is aligned
 * to their size, and the watermark never goes back. So a place further up is reached by making
 * smaller untypeds of what lies before it; these stay in the pool, and nothing is lost. This module
 * only counts: for each step that it names the root task calls seL4_Untyped_Retype() once.
 *
 * Claim all named ranges first, then RAM without a name, then ask for objects: what was claimed is
 * never given to anybody else.
 * Spec: seL4 16.0.0 reference manual, 2.4 (capability management, untyped memory). */
#ifndef SEL4_PLAN_UNTYPED_H
#define SEL4_PLAN_UNTYPED_H

#include <stdbool.h>
#include <stdint.h>

#define UNTYPED_MAX       768u /* of boot information (at most 230 by default), and made of them */
#define UNTYPED_BITS_MIN  4u
#define UNTYPED_BITS_MAX  47u
#define UNTYPED_STEPS_MAX 96u
#define UNTYPED_PAGE_BITS 12u
#define UNTYPED_LARGE     21u /* bits of a large frame */

#define UNTYPED_FOR_ALL UINT32_MAX

struct untyped {
    uint64_t at;    /* physical address, aligned to 2^bits           */
    uint64_t used;  /* bytes below the kernel's watermark            */
    uint64_t slot;  /* its capability: the root task's business      */
    uint32_t owner; /* whose RAM it is to be, or UNTYPED_FOR_ALL     */
    uint8_t bits;
    bool device; /* no kernel objects, but frames and untypeds    */
};

struct untyped_pool {
    uint32_t count;
    struct untyped entry[UNTYPED_MAX];
};

/* "Make of entry `from` one untyped of 2^bits bytes; it lies at `at` and is entry `to`." */
struct untyped_step {
    uint64_t at;
    uint32_t from;
    uint32_t to;
    uint8_t bits;
};

/* The steps of one claim, in their order, and the blocks that came of it, ascending in claim order. */
struct untyped_claim {
    uint32_t steps;
    uint32_t blocks;
    struct untyped_step step[UNTYPED_STEPS_MAX];
    uint32_t block[UNTYPED_STEPS_MAX]; /* entries of the pool */
};

enum untyped_result {
    UNTYPED_OK,
    UNTYPED_NOT_THERE, /* no untyped has that address: the kernel's own, or no memory at all */
    UNTYPED_TAKEN,     /* claimed or used before                                            */
    UNTYPED_TOO_LITTLE,
    UNTYPED_TOO_MANY, /* UNTYPED_MAX or UNTYPED_STEPS_MAX                                   */
};

/* Adds what boot information lists. False: the pool is full, or the entry is not a possible one. */
bool untyped_add(struct untyped_pool *p, uint64_t slot, uint64_t at, uint32_t bits, bool device);

/* Claims [at, at + bytes), be it RAM or device memory. On failure *fault is the first address that
 * cannot be had, and the pool is as before. @pre at and bytes are of whole 4 KiB pages, bytes not 0. */
enum untyped_result untyped_claim_at(struct untyped_pool *p, uint64_t at, uint64_t bytes,
                                     uint32_t owner, struct untyped_claim *c, uint64_t *fault);

/* Claims `bytes` of RAM wherever they are, in large frames as far as possible, out of the largest
 * untypeds. On failure *fault is how much of it there is in such pieces. @pre as above. */
enum untyped_result untyped_claim_any(struct untyped_pool *p, uint64_t bytes, uint32_t owner,
                                      struct untyped_claim *c, uint64_t *fault);

/* `count` objects of 2^bits bytes out of entry `from`. False: they do not fit. *at is the first. */
bool untyped_take(struct untyped_pool *p, uint32_t from, uint32_t bits, uint32_t count,
                  uint64_t *at);

/* One object for which any RAM will do: out of the smallest remainder that it fits. False: none. */
bool untyped_object(struct untyped_pool *p, uint32_t bits, uint32_t *from, uint64_t *at);

/* The frame size for a mapping of this block: UNTYPED_LARGE if its address, and the guest's, allow. */
uint32_t untyped_frame_bits(const struct untyped *block, uint64_t guest);

/* Bytes of RAM that nobody has claimed or used. */
uint64_t untyped_free(const struct untyped_pool *p);

/* True if no byte is in two blocks of different owners: checked on what was really claimed. */
bool untyped_disjoint(const struct untyped_pool *p);

#endif
