/* SPDX-License-Identifier: BSD-2-Clause
 * Finds room in guest RAM for what a loader puts there, and remembers what is taken.
 *
 * Nothing that a loader adds may lie where the kernel's segments, its bss, or a module lie: every piece
 * is taken here before its first byte is written. */
#ifndef BOOT_PLACE_H
#define BOOT_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/gmem.h"

#define PLACE_4G (1ull << 32)

/* A kernel's segments, the modules, and a few pieces of the loader's own. */
#define PLACE_USED_MAX 40u

struct place_range {
    gpa_t base;
    uint64_t len;
};

struct place {
    const struct gmem *mem;
    uint32_t count;
    struct place_range used[PLACE_USED_MAX];
};

/* A wish: `len` bytes within [lo, hi), as low or as high as possible. The legacy area
 * (0xA0000-0xFFFFF) is given out only to those who ask for nothing else: lo and hi both within. */
struct place_want {
    uint64_t len;   /* not 0        */
    uint64_t align; /* power of two */
    gpa_t lo;
    gpa_t hi;
    bool from_top;
};

void place_init(struct place *p, const struct gmem *mem);

/* Records that [base, base + len) is taken.
 * @pre there is room in the table (see PLACE_USED_MAX), and base + len fits. */
void place_use(struct place *p, gpa_t base, uint64_t len);

/* True if nothing that is taken lies there (RAM or not). */
bool place_is_free(const struct place *p, gpa_t base, uint64_t len);

/* Finds and takes. False, and *gpa untouched: no such room. */
bool place_take(struct place *p, const struct place_want *want, gpa_t *gpa);

#endif
