/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the I/O APIC's state: for ioapic.c, the board and tests. */
#ifndef DEV_IOAPIC_STATE_H
#define DEV_IOAPIC_STATE_H

#include <stdint.h>

#include "dev/ioapic.h"

struct ioapic_regs {
    uint32_t lo[IOAPIC_PINS]; /* redirection entry, bits 31-0              */
    uint32_t hi[IOAPIC_PINS]; /* bits 63-32                                */
    uint32_t id;              /* bits 27-24                                */
    uint32_t pins;            /* bit n: pin n is active                    */
    uint32_t in_flight;       /* bit n: sent, and not yet completed        */
    uint32_t lost;            /* bit n: an edge came while it was masked   */
    struct ioapic_counts counts;
    uint8_t sent_vector[IOAPIC_PINS]; /* what the last message of each pin carried */
    uint8_t select;
    uint8_t unused[7];
};

struct ioapic {
    struct ioapic_wiring wiring;
    struct ioapic_regs regs;
};

#endif
