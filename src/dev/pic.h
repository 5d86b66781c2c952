/* SPDX-License-Identifier: BSD-2-Clause
 * The pair of 8259A interrupt controllers of a PC, with the edge/level control registers.
 *
 * IRQ 0 to 7 are the master's, 8 to 15 the slave's; the slave's output is the master's IR2.
 * Spec: [8259A] 231468-003; ELCR: [PIIX3] 290550-002, 2.5.6. See docs/design/pic.md. */
#ifndef DEV_PIC_H
#define DEV_PIC_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"
#include "vm/line.h"
#include "vm/time.h"

#define PIC_WINDOWS 3u
#define PIC_IRQS    16u
#define PIC_CASCADE 2u /* IRQ 2 is not a pin: the slave hangs there */

struct pic; /* layout: dev/pic_state.h */

struct pic_wiring {
    struct irq_line intr; /* the master's INT output: to LINT0 or the processor */
    /* done(owner, irq): this interrupt is finished: the guest completed it, by EOI, automatic EOI
     * or poll; or the guest initialised the chip and so dropped it. Within the call the device may
     * drive its pin. */
    struct eoi_line eoi;
};

extern const struct bus_window pic_windows[PIC_WINDOWS];
extern const struct bus_dev_ops pic_ops;

/* Copies the wiring, and resets. */
void pic_init(struct pic *p, const struct pic_wiring *w);

/* As firmware hands it over, but for the vectors: everything masked, edge-triggered, pins low. */
void pic_reset(struct pic *p, vm_ns_t now);

/* Drives a pin; fits struct irq_line. A rising edge is remembered until it is acknowledged, even if
 * the pin falls before. IRQ 2 is ignored. @pre irq < PIC_IRQS */
void pic_set(void *pic, uint32_t irq, bool active);

/* The state of the INT output. */
bool pic_output(const struct pic *p);

/* The processor's interrupt acknowledge cycle, through the cascade. Returns the vector; if no
 * interrupt asks any more that is the spurious one, IR7's, and nothing goes into service. */
uint8_t pic_ack(struct pic *p);

/* The invariant of the struct: holds between any two calls. */
bool pic_valid(const struct pic *p);

#endif
