/* SPDX-License-Identifier: BSD-2-Clause
 * I/O APIC: 24 interrupt pins, each with a redirection entry that makes messages of its interrupts.
 *
 * Version 0x20, so it has an EOI register; it behaves as an 82093AA otherwise.
 * Spec: [82093AA] 290566-001, 3.0-3.2 (registers), 3.2.4 (redirection table); [ICH9] 13.5 (EOI
 * register). See docs/design/ioapic.md for the decisions. */
#ifndef DEV_IOAPIC_H
#define DEV_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"
#include "vm/line.h"
#include "vm/time.h"

#define IOAPIC_BASE    0xFEC00000u
#define IOAPIC_LEN     0x1000u
#define IOAPIC_WINDOWS 2u
#define IOAPIC_PINS    24u

struct ioapic; /* layout: dev/ioapic_state.h */

struct ioapic_wiring {
    struct msg_line out; /* to the local APICs */
    /* done(owner, pin): this pin's interrupt is finished, edge and level alike: the guest completed
     * it; or an edge came while the pin was masked, was lost, and the guest unmasks the pin now.
     * Within the call the device may drive its pin. */
    struct eoi_line eoi;
};

/* What happened, for reports. */
struct ioapic_counts {
    uint64_t sent;     /* messages                           */
    uint64_t resent;   /* of these: line still active at EOI */
    uint64_t lost;     /* edges on masked pins               */
    uint64_t finished; /* interrupts the guest completed     */
};

extern const struct bus_window ioapic_windows[IOAPIC_WINDOWS];
extern const struct bus_dev_ops ioapic_ops;

/* Copies the wiring, and resets. */
void ioapic_init(struct ioapic *io, const struct ioapic_wiring *w);

/* Power-on state: all pins masked and low, all counts 0. */
void ioapic_reset(struct ioapic *io, vm_ns_t now);

/* Drives a pin; fits struct irq_line. `active` is the asserted state, whatever polarity the guest
 * wrote. @pre pin < IOAPIC_PINS */
void ioapic_set(void *ioapic, uint32_t pin, bool active);

/* A local APIC's guest completed `vector`, edge or level. Sends again where a level line is still
 * active: at most one message a pin. */
void ioapic_eoi(struct ioapic *io, uint8_t vector);

/* The invariant of the struct: holds between any two calls. */
bool ioapic_valid(const struct ioapic *io);

#endif
