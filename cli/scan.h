/* SPDX-License-Identifier: BSD-2-Clause
 * A look at a system file's text before libconfig reads it, for what libconfig would take without a
 * word (numbers it cannot hold, comments and strings that never end, @include) or would only call a
 * "syntax error" somewhere behind the mistake (brackets). */
#ifndef CLI_SCAN_H
#define CLI_SCAN_H

#include <stdbool.h>

#include "say.h"

/* @pre text ends with a 0. Returns true if libconfig can be given the text. */
bool scan_source(const char *text, struct say *say);

#endif
