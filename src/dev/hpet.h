/* SPDX-License-Identifier: BSD-2-Clause
 * High precision event timer: one 64-bit counter at 100 MHz and three comparators.
 *
 * The period is exactly 10 ns, so counter and guest time convert without rounding. Comparator 0 can be
 * periodic. No FSB (MSI) delivery.
 * Spec: [HPET] IA-PC HPET Specification 1.0a, 2.3 (registers), 2.3.9.2 (modes), 2.4 (interrupts). */
#ifndef DEV_HPET_H
#define DEV_HPET_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"
#include "vm/line.h"
#include "vm/time.h"

#define HPET_BASE      0xFED00000u
#define HPET_LEN       0x400u
#define HPET_WINDOWS   1u
#define HPET_PERIOD_NS 10u
#define HPET_TIMERS    3u

/* Registers: 64 bits each, at multiples of 8. */
#define HPET_CAPS       0x000u
#define HPET_CONFIG     0x010u
#define HPET_STATUS     0x020u
#define HPET_COUNTER    0x0F0u
#define HPET_TIMER(n)   (0x100u + 0x20u * (n))
#define HPET_CONF       0x00u /* from HPET_TIMER(n) */
#define HPET_COMPARATOR 0x08u
#define HPET_FSB        0x10u

#define HPET_CAPS_ID         0x8086A201u /* vendor, legacy route, 64 bits, 3 timers, revision 1 */
#define HPET_CONFIG_ENABLE   0x1u
#define HPET_CONFIG_LEGACY   0x2u
#define HPET_CONF_LEVEL      0x0002u
#define HPET_CONF_ENABLE     0x0004u
#define HPET_CONF_PERIODIC   0x0008u
#define HPET_CONF_CAN_PERIOD 0x0010u
#define HPET_CONF_CAN_64     0x0020u
#define HPET_CONF_VAL_SET    0x0040u
#define HPET_CONF_32         0x0100u
#define HPET_CONF_ROUTE      0x3E00u
#define HPET_CONF_RW \
    (HPET_CONF_LEVEL | HPET_CONF_ENABLE | HPET_CONF_PERIODIC | HPET_CONF_32 | HPET_CONF_ROUTE)

/* I/O APIC pins that a comparator can be routed to: 2 and 8, which legacy routing uses as well, and
 * 20 to 23, which nothing else on this board uses. */
#define HPET_ROUTES 0x00F00104u

struct hpet; /* layout: dev/hpet_state.h */

struct hpet_wiring {
    struct irq_line io_apic; /* copied, with .pin replaced by the I/O APIC pin           */
    struct irq_line irq0;    /* legacy route: in place of the 8254's, PIC 0 and pin 2     */
    struct irq_line irq8;    /* legacy route: in place of the RTC's, PIC 8 and pin 8      */
    enum tick_policy policy;
};

/* Wires the block. @pre hpet_reset follows before any access. */
void hpet_init(struct hpet *h, const struct hpet_wiring *wiring);

/* The state after reset: halted at 0, nothing enabled. The tick counts start anew. */
void hpet_reset(struct hpet *h, vm_ns_t now);

/* The guest completed an interrupt that came by I/O APIC pin `pin`; IRQ 0 of the PIC counts as pin
 * 2 here, its IRQ 8 as pin 8. Under TICK_CATCH_UP one tick that is owed goes out now. */
void hpet_eoi(struct hpet *h, uint32_t pin);

/* True while IRQ 0 and IRQ 8 belong to the HPET: the board then cuts off the 8254's channel 0 and
 * the RTC. [HPET] 2.3.5, LEG_RT_CNF. */
bool hpet_legacy(const struct hpet *h);

/* What became of the expirations of all comparators whose interrupt was enabled. */
void hpet_ticks(const struct hpet *h, struct tick_counts *counts);

/* The class invariant, in constant time. */
bool hpet_valid(const struct hpet *h);

extern const struct bus_window hpet_windows[HPET_WINDOWS];
extern const struct bus_dev_ops hpet_ops;

#endif
