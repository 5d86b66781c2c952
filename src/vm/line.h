/* SPDX-License-Identifier: BSD-2-Clause
 * The wires of the board: interrupt lines out of devices, EOIs back, and interrupt messages.
 *
 * A device owns a copy of the line ends it was wired with and knows nothing of what is at the other
 * end. A line end with a null function is a pin that is not connected. An edge is true, then false.
 * Spec: [SDM] vol. 3A, 11.11 (message signalled interrupts), [82093AA] 3.2.4 (redirection table). */
#ifndef VM_LINE_H
#define VM_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An interrupt line: electrical state, active = true. */
struct irq_line {
    void (*set)(void *owner, uint32_t pin, bool active);
    void *owner;
    uint32_t pin; /* meaning belongs to the owner */
};

/* The way back: interrupt `n` (vector or pin, as the owner defines) was completed by the guest. */
struct eoi_line {
    void (*done)(void *owner, uint32_t n);
    void *owner;
};

/* Delivery modes: the encoding that the ICR, the LVT and the redirection table share. */
enum irq_delivery {
    IRQ_FIXED = 0,
    IRQ_LOWEST = 1,
    IRQ_SMI = 2,
    IRQ_RESERVED3 = 3,
    IRQ_NMI = 4,
    IRQ_INIT = 5,
    IRQ_STARTUP = 6,
    IRQ_EXTINT = 7,
};

enum irq_shorthand {
    IRQ_DEST = 0, /* as dest and logical say */
    IRQ_SELF = 1,
    IRQ_ALL = 2,
    IRQ_OTHERS = 3,
};

/* An interrupt message as it travels between I/O APIC, local APICs and, later, MSI functions. */
struct irq_msg {
    uint8_t vector;
    uint8_t dest;      /* APIC ID, or logical destination */
    uint8_t delivery;  /* enum irq_delivery               */
    uint8_t shorthand; /* enum irq_shorthand              */
    uint8_t source;    /* sending APIC ID, for shorthands */
    bool logical;      /* dest is a logical destination   */
    bool level;        /* level-triggered                 */
    bool assert_;      /* for INIT: assert, else de-assert */
};

/* Where messages go: the board, which knows the local APICs. */
struct msg_line {
    void (*send)(void *owner, const struct irq_msg *msg);
    void *owner;
};

static inline void irq_line_set(const struct irq_line *line, bool active)
{
    if (line->set != NULL) {
        line->set(line->owner, line->pin, active);
    }
}

static inline void irq_line_pulse(const struct irq_line *line)
{
    irq_line_set(line, true);
    irq_line_set(line, false);
}

static inline void eoi_line_done(const struct eoi_line *line, uint32_t n)
{
    if (line->done != NULL) {
        line->done(line->owner, n);
    }
}

static inline void msg_line_send(const struct msg_line *line, const struct irq_msg *msg)
{
    if (line->send != NULL) {
        line->send(line->owner, msg);
    }
}

#endif
