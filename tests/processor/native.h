/* SPDX-License-Identifier: BSD-2-Clause
 * The processor that runs this process, in ring 3: 64-bit code, and through the LDT 32- and 16-bit code with
 * segments of any base, limit and type. */
#ifndef PROCESSOR_NATIVE_H
#define PROCESSOR_NATIVE_H

#include "outcome.h"

/* Maps the world's code and data where they are to be. False: `why` says what is missing here. */
bool native_begin(const char **why);
void native_end(void);

bool native_can(enum place place);

/* Gives the vector the selectors that it will have here. */
void native_adjust(struct vector *v);

/* Runs it. `ram` is a world with the vector in it, and what became of it. */
void native_run(const struct vector *v, uint8_t *ram, struct outcome *out);

#endif
