/* SPDX-License-Identifier: BSD-2-Clause
 * ACPI power-management timer: a 32-bit counter at 3.579545 MHz that counts guest time from reset.
 * Each time its top bit changes it pulses a line, which sets TMR_STS where there are PM1 registers.
 * Spec: [ACPI] ACPI 6.5, 4.8.2.1 and 4.8.3.3. The FADT is to say TMR_VAL_EXT (32 bits). */
#ifndef DEV_PMTIMER_H
#define DEV_PMTIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"
#include "vm/line.h"

#define PMTIMER_HZ      3579545u
#define PMTIMER_PORT    0x608u
#define PMTIMER_BYTES   4u
#define PMTIMER_WINDOWS 1u

struct pmtimer; /* layout: dev/pmtimer_state.h */

struct pmtimer_wiring {
    struct irq_line carry; /* pulsed when the top bit changes: TMR_STS */
};

/* @pre t and w are not null. Call pmtimer_reset before use. */
void pmtimer_init(struct pmtimer *t, const struct pmtimer_wiring *w);
void pmtimer_reset(struct pmtimer *t, vm_ns_t now);
bool pmtimer_valid(const struct pmtimer *t);

extern const struct bus_window pmtimer_windows[PMTIMER_WINDOWS];
extern const struct bus_dev_ops pmtimer_ops; /* dev is a struct pmtimer */

#endif
