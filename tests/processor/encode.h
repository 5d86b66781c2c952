/* SPDX-License-Identifier: BSD-2-Clause
 * Bytes of an instruction whose operand is to be at a given place. */
#ifndef PROCESSOR_ENCODE_H
#define PROCESSOR_ENCODE_H

#include "random.h"
#include "vector.h"

/* Where a far transfer goes, and by what. */
struct far_plan {
    uint16_t selector; /* of the pointer, or what CS becomes */
    uint64_t offset;
    bool outer, v86; /* a return, with a stack, with all segments       */
    bool keeps;      /* a CALL that takes parameters from the old stack */
    bool stray;      /* the stack would be none of ours                 */
    uint16_t stack;  /* selector that a return finds                    */
    uint64_t stack_offset;
    uint64_t flags;
    uint32_t patches; /* so far */
};

/* A vector in the making. */
struct maker {
    struct vector *v;
    struct random r;
    const struct limits *limits;
    bool prefix_66, prefix_67;
    bool rex_w, vex_l;
    bool used[GPR_COUNT]; /* registers that the address needs as they are */
    uint64_t stack_mask;
    uint64_t stack_at;
    uint64_t second; /* linear address of a string's second operand */
    struct far_plan far;
};

/* Instructions without ModRM. `level` is ENTER's. */
void encode_plain(struct maker *m, uint32_t level);

/* ModRM, moffs, XLAT: chooses registers, displacement and index so that the operand is at v->operand.
 * False: cannot be. */
bool encode_memory(struct maker *m);

#endif
