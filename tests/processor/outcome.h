/* SPDX-License-Identifier: BSD-2-Clause
 * What became of a vector, in one world and the other. */
#ifndef PROCESSOR_OUTCOME_H
#define PROCESSOR_OUTCOME_H

#include <stddef.h>
#include <stdint.h>

#include "vector.h"

enum ending {
    END_DONE,
    END_FAULT,       /* `vector` and what goes with it */
    END_UNSUPPORTED, /* not emulated, or the processor has no such instruction */
    END_LOST,        /* neither: `why` */
};

struct outcome {
    enum ending end;
    const char *why;
    uint32_t vector;
    uint32_t error;
    uint64_t cr2;
    uint64_t gpr[GPR_COUNT];
    uint32_t selectors; /* bit n: seg[n].selector is known ... */
    uint32_t caches;    /* ... and what the processor keeps behind it, if usable */
    bool system;        /* the tables and CR0 are known */
    struct seg_reg seg[SEG_COUNT];
    struct table_reg gdtr, idtr;
    uint64_t cr0;
    uint64_t rip;
    uint64_t rflags;
    uint8_t ymm[16][32];
};

/* Our emulator, on memory that world_build() and world_place() have prepared. Data pages below DEVICE_END
 * are reached over the bus only. */
void model_run(const struct vector *v, uint8_t *ram, struct outcome *out);

/* True if the two are the same; else `text` says what differs. `frame`: bytes at and below this linear
 * address are an exception's, and not compared; 0: none. */
bool outcome_same(const struct vector *v, const struct outcome *got, const uint8_t *got_ram,
                  const struct outcome *wanted, const uint8_t *wanted_ram, char *text, size_t size);

/* The vector in words: how to make it again, its bytes and its state. */
void vector_tell(const struct vector *v, char *text, size_t size);

#endif
