/* SPDX-License-Identifier: BSD-2-Clause
 * Errors and warnings about one file: collected while it is read, printed in the order of its lines
 * as "FILE:LINE: error: what is wrong; what to do". */
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SAY_MAX 64u /* messages kept; more are only counted */

struct say_message {
    unsigned line; /* 0: the file as a whole */
    bool error;
    char *text;
};

struct say {
    const char *file; /* as the person named it */
    size_t kept;
    size_t errors;
    size_t warnings;
    struct say_message message[SAY_MAX];
};

void say_begin(struct say *say, const char *file);

void say_error(struct say *say, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void say_warning(struct say *say, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* True if there is an error about this line: what follows from it need not be said as well. */
bool say_has_error(const struct say *say, unsigned line);

/* Prints and frees all messages. Returns 0 if none was an error, else 2. */
int say_end(struct say *say, FILE *out);

#endif
