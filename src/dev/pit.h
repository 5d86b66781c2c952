/* SPDX-License-Identifier: BSD-2-Clause
 * Intel 8254 programmable interval timer, with the PC's port 0x61 around its channel 2.
 *
 * Time is counted in input clocks since guest time zero, so nothing drifts and every answer is
 * exact for the instant it is asked at. Channel 0 drives IRQ 0; channel 2 is read back through port
 * 0x61, which also holds its gate; channel 1 only counts.
 * Spec: [8254] Intel 231164-005; port 0x61: [ICH] Intel 82801 datasheets, NMI status and control. */
#ifndef DEV_PIT_H
#define DEV_PIT_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"
#include "vm/line.h"
#include "vm/time.h"

#define PIT_HZ       1193182u /* input clock */
#define PIT_CHANNELS 3u

/* Windows: ports 0x40-0x43, and port 0x61. */
#define PIT_WINDOWS     2u
#define PIT_WINDOW_CHIP 0u
#define PIT_WINDOW_NMI  1u

/* Control word, port 0x43. */
#define PIT_CONTROL         3u
#define PIT_CONTROL_BCD     0x01u
#define PIT_CONTROL_MODE    0x0Eu
#define PIT_CONTROL_ACCESS  0x30u /* 0: latch the count; else PIT_ACCESS_* */
#define PIT_CONTROL_CHANNEL 0xC0u /* 3: read-back command                  */
#define PIT_ACCESS_LSB      0x10u
#define PIT_ACCESS_MSB      0x20u
#define PIT_ACCESS_BOTH     0x30u

/* Read-back command: the bits are active low. */
#define PIT_READBACK_NO_COUNT  0x20u
#define PIT_READBACK_NO_STATUS 0x10u

/* Status byte: the low six bits are those of the control word. */
#define PIT_STATUS_OUT  0x80u
#define PIT_STATUS_NULL 0x40u

/* Port 0x61. */
#define PIT_NMI_GATE2   0x01u
#define PIT_NMI_SPEAKER 0x02u
#define PIT_NMI_RW      0x0Fu /* gate, speaker, and two NMI enables that are only kept */
#define PIT_NMI_REFRESH 0x10u
#define PIT_NMI_OUT2    0x20u

struct pit; /* layout: dev/pit_state.h */

struct pit_wiring {
    struct irq_line out0; /* output of channel 0: IRQ 0 */
    enum tick_policy policy;
};

/* Wires the chip. @pre pit_reset follows before any access. */
void pit_init(struct pit *p, const struct pit_wiring *wiring);

/* Power-on: every channel waits for a control word and a count, OUT is high, gate 2 is low. The
 * tick counts start anew. */
void pit_reset(struct pit *p, vm_ns_t now);

/* The guest completed an interrupt of IRQ 0 (with automatic EOI: it was acknowledged). Under
 * TICK_CATCH_UP one tick that is owed goes out now. */
void pit_eoi(struct pit *p);

/* What became of channel 0's expirations. */
void pit_ticks(const struct pit *p, struct tick_counts *counts);

/* The class invariant, in constant time. */
bool pit_valid(const struct pit *p);

extern const struct bus_window pit_windows[PIT_WINDOWS];
extern const struct bus_dev_ops pit_ops;

#endif
