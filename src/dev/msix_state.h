/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of an MSI-X capability: for msix.c, the board and tests only. */
#ifndef DEV_MSIX_STATE_H
#define DEV_MSIX_STATE_H

#include "dev/msix.h"

struct msix_wiring {
    struct msg_line out;
    uint32_t vectors;
};

struct msix_entry {
    uint32_t address_lo;
    uint32_t address_hi;
    uint32_t data;
    uint32_t control;
};

struct msix_regs {
    struct msix_entry entry[MSIX_VECTORS_MAX];
    uint32_t control; /* MSIX_CAP_RW */
    uint32_t pending; /* bit n: vector n */
    struct msix_counts counts;
};

struct msix {
    struct msix_wiring wiring;
    struct msix_regs regs;
};

#endif
