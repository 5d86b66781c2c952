/* SPDX-License-Identifier: BSD-2-Clause
 * A line of text being put together, without a heap and without a printf. */
#ifndef SEL4_PLAN_TEXT_H
#define SEL4_PLAN_TEXT_H

#include <stdint.h>

#define TEXT_BYTES 192u

/* All zero: empty. What does not fit is cut off; there is always a final 0. */
struct text {
    uint32_t used;
    char byte[TEXT_BYTES];
};

void text_add(struct text *t, const char *words);
void text_number(struct text *t, uint64_t n);
void text_hex(struct text *t, uint64_t n); /* 0x... */
/* Bytes in the largest unit that they are a multiple of: "384 MiB". */
void text_size(struct text *t, uint64_t bytes);

#endif
