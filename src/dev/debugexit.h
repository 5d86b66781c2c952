/* SPDX-License-Identifier: BSD-2-Clause
 * Debug-exit port: a test guest writes a value, and whoever is wired to it learns the value.
 * A write to the port itself counts; its three neighbours belong to it, so that a 16- or 32-bit
 * write is one event, but do nothing on their own. Reads give all ones, as an absent device. */
#ifndef DEV_DEBUGEXIT_H
#define DEV_DEBUGEXIT_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"

#define DEBUGEXIT_PORT    0xF4u
#define DEBUGEXIT_WINDOWS 1u

struct debugexit; /* layout: dev/debugexit_state.h */

struct debugexit_wiring {
    void (*report)(void *owner, uint32_t value); /* null: nobody listens */
    void *owner;
};

/* @pre d and w are not null. */
void debugexit_init(struct debugexit *d, const struct debugexit_wiring *w);
void debugexit_reset(struct debugexit *d, vm_ns_t now);
bool debugexit_valid(const struct debugexit *d);

extern const struct bus_window debugexit_windows[DEBUGEXIT_WINDOWS];
extern const struct bus_dev_ops debugexit_ops; /* dev is a struct debugexit */

#endif
