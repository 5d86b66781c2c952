/* SPDX-License-Identifier: BSD-2-Clause
 * Local APIC in xAPIC mode: interrupt requests, priorities, IPIs, local vector table, timer.
 *
 * One instance a vCPU. Every guest access is legal input. Spec: [SDM] vol. 3A, chapter 11: 11.4
 * (registers, base MSR), 11.5 (local vector table, timer), 11.6 (IPIs), 11.8 (priorities, EOI),
 * 11.9 (spurious vector); [MPS] 1.4, 3.6.2.2 (virtual wire mode). x2APIC is not offered.
 *
 * Time: each register access and each MSR write brings the timer up to its `now` first, so what is
 * read is what hardware would show. See docs/design/lapic.md for the decisions. */
#ifndef DEV_LAPIC_H
#define DEV_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"
#include "vm/line.h"
#include "vm/time.h"

#define LAPIC_BASE      0xFEE00000u
#define LAPIC_LEN       0x1000u
#define LAPIC_WINDOWS   1u
#define LAPIC_LINTS     2u
#define LAPIC_ID_MAX    0xFEu /* 0xFF is the broadcast */
#define LAPIC_VECTOR_LO 16u   /* 0 to 15 are illegal   */

struct lapic; /* layout: dev/lapic_state.h */

struct lapic_wiring {
    uint32_t id; /* 0 to LAPIC_ID_MAX; 0 is the boot processor               */
    const struct vm_clock *clock;
    struct msg_line ipi;     /* what the guest sends by the ICR, also to itself          */
    struct eoi_line eoi;     /* vector of each interrupt that the guest completes: edge
                                and level alike; the I/O APIC knows which were its own  */
    enum tick_policy policy; /* for the periodic timer                                   */
};

/* What happened, for reports. */
struct lapic_counts {
    uint64_t accepted; /* messages that set a request or a latch                    */
    uint64_t merged;   /* of these: the request was pending already                  */
    uint64_t refused;  /* messages not taken: disabled, illegal vector, no such mode */
    uint64_t sent;     /* IPIs                                                       */
    uint64_t unsent;   /* ICR writes that no hardware would send                     */
    uint64_t eois;
    uint64_t spurious; /* acknowledged when nothing was deliverable                  */
    uint64_t reserved; /* accesses to registers that are not there                   */
};

extern const struct bus_window lapic_windows[LAPIC_WINDOWS];
extern const struct bus_dev_ops lapic_ops;

/* @pre w->id <= LAPIC_ID_MAX and w->clock is not null; both outlive *l. */
void lapic_init(struct lapic *l, const struct lapic_wiring *w);

/* Power-on state, all counts 0: enabled in hardware, disabled in software. Also what an INIT does
 * to a waiting processor. The LINT pins stay as they are driven. */
void lapic_reset(struct lapic *l, vm_ns_t now);

/* What firmware leaves behind on the boot processor: enabled in software, LINT0 takes the 8259's
 * interrupts (ExtINT), LINT1 is NMI. For a board that starts its guest without firmware. */
void lapic_boot_virtual_wire(struct lapic *l);

/* The invariant of the struct: holds between any two calls. */
bool lapic_valid(const struct lapic *l);

/* --- Messages ---------------------------------------------------------------------------------*/
/* Is the message meant for this local APIC? False while it is disabled in hardware. */
bool lapic_addressed(const struct lapic *l, const struct irq_msg *msg);

/* Takes a message. Fixed and lowest priority become a request (a second one merges into a pending
 * one and counts as taken); NMI, INIT and STARTUP are latched for the board. False: not taken. */
bool lapic_accept(struct lapic *l, const struct irq_msg *msg);

/* The latches: each call takes what is there. *page is the vector of the start-up message. */
bool lapic_nmi_pending(const struct lapic *l);
bool lapic_take_nmi(struct lapic *l);
bool lapic_take_init(struct lapic *l);
bool lapic_take_startup(struct lapic *l, uint8_t *page);

/* --- Interrupts to the processor ----------------------------------------------------------------
 * At each entry: lapic_tick(now), then lapic_pending, then, if it can be injected, lapic_ack. The
 * tick first, because an acknowledge carries no time: ticks that came before it merge, later ones
 * do not (matters to TICK_COALESCE only, by one tick). */
/* The highest vector deliverable now, or -1. Cheap. */
int lapic_pending(const struct lapic *l);

/* Interrupt acknowledge: the request goes into service. The spurious vector if there is none. */
uint8_t lapic_ack(struct lapic *l);

bool lapic_software_enabled(const struct lapic *l);
bool lapic_hardware_enabled(const struct lapic *l);

/* The task priority as CR8 shows it, 0 to 15, and set by MOV to CR8. A host that reports CR8 at each
 * exit may set it each time: an unchanged class leaves the sub-class in the TPR alone. */
uint8_t lapic_cr8(const struct lapic *l);
void lapic_set_cr8(struct lapic *l, uint8_t cr8);
void lapic_set_tpr(struct lapic *l, uint8_t tpr);

/* --- LINT pins ----------------------------------------------------------------------------------
 * @pre lint < LAPIC_LINTS */
/* Do 8259 interrupts pass through this pin (unmasked, ExtINT)? The pin's own level does not count.
 * When the local APIC is disabled in hardware the board passes them anyway. */
bool lapic_lint_extint(const struct lapic *l, uint32_t lint);

/* Drives a pin. `active` is the asserted state, whatever polarity the guest wrote. */
void lapic_lint_set(struct lapic *l, uint32_t lint, bool active);

/* --- MSRs -------------------------------------------------------------------------------------*/
uint64_t lapic_base_msr(const struct lapic *l);

/* False: #GP. The base cannot be moved and x2APIC cannot be entered; the BSP flag is read-only. */
bool lapic_set_base_msr(struct lapic *l, uint64_t value, vm_ns_t now);

/* IA32_TSC_DEADLINE. `tsc` is the guest's TSC now. 0 when disarmed or in another timer mode. */
uint64_t lapic_tsc_deadline(const struct lapic *l, uint64_t tsc);

/* Ignored in another timer mode. */
void lapic_set_tsc_deadline(struct lapic *l, uint64_t tsc_value, vm_ns_t now);

/* --- Time -------------------------------------------------------------------------------------*/
/* When it next wants to act. NEVER while the timer's vector is pending or in service: nothing more
 * can reach the guest before its EOI, and that carries the time. */
vm_ns_t lapic_deadline(const struct lapic *l);
void lapic_tick(struct lapic *l, vm_ns_t now);

/* The timer's ticks up to the last access or tick. */
void lapic_ticks(const struct lapic *l, struct tick_counts *out);

#endif
