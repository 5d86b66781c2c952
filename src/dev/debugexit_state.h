/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the debug-exit port: for debugexit.c, the board and tests only. */
#ifndef DEV_DEBUGEXIT_STATE_H
#define DEV_DEBUGEXIT_STATE_H

#include "dev/debugexit.h"

struct debugexit_regs {
    uint32_t value;   /* last one written; 0 before            */
    uint32_t written; /* 1: something was written since reset  */
};

_Static_assert(sizeof(struct debugexit_regs) == 8, "no hidden padding");

struct debugexit {
    struct debugexit_wiring wiring;
    struct debugexit_regs regs;
};

#endif
