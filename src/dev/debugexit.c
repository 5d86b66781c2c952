/* SPDX-License-Identifier: BSD-2-Clause
 * Debug-exit port. Contract: dev/debugexit.h. */
#include "dev/debugexit.h"

#include <stddef.h>

#include "base/bits.h"
#include "base/string.h"
#include "dev/debugexit_state.h"

static uint64_t debugexit_read(void *dev, struct bus_access a, vm_ns_t now)
{
    (void)dev;
    (void)now;
    return ones_bytes(a.size);
}

static void debugexit_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct debugexit *d = dev;
    (void)now;
    if (a.off != 0) {
        return;
    }
    d->regs.value = (uint32_t)(val & ones_bytes(a.size));
    d->regs.written = 1;
    if (d->wiring.report != NULL) {
        d->wiring.report(d->wiring.owner, d->regs.value);
    }
}

void debugexit_init(struct debugexit *d, const struct debugexit_wiring *w)
{
    memset(d, 0, sizeof(*d));
    d->wiring = *w;
}

void debugexit_reset(struct debugexit *d, vm_ns_t now)
{
    (void)now;
    d->regs.value = 0;
    d->regs.written = 0;
}

bool debugexit_valid(const struct debugexit *d)
{
    return d->regs.written == 1 || (d->regs.written == 0 && d->regs.value == 0);
}

const struct bus_window debugexit_windows[DEBUGEXIT_WINDOWS] = {
    {.space = BUS_PIO, .widths = BUS_W1 | BUS_W2 | BUS_W4, .len = 4, .base = DEBUGEXIT_PORT},
};

const struct bus_dev_ops debugexit_ops = {
    .read = debugexit_read,
    .write = debugexit_write,
};
