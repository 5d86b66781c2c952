/* SPDX-License-Identifier: BSD-2-Clause
 * A text that grows until its buffer is full. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>

void tell(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at, t->left, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < t->left ? (size_t)n : t->left - 1;
    t->at += used;
    t->left -= used;
}
