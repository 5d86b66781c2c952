/* SPDX-License-Identifier: BSD-2-Clause
 * A text that grows until its buffer is full. */
#ifndef PROCESSOR_TEXT_H
#define PROCESSOR_TEXT_H

#include <stddef.h>

struct text {
    char *at;
    size_t left; /* bytes, not 0 */
};

__attribute__((format(printf, 2, 3))) void tell(struct text *t, const char *format, ...);

#endif
