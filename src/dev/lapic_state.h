/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the local APIC's state: for its own files, the board and tests. */
#ifndef DEV_LAPIC_STATE_H
#define DEV_LAPIC_STATE_H

#include <stdint.h>

#include "dev/lapic.h"

#define LAPIC_REGS 0x40u /* registers stand every 16 bytes; those from 0x400 on are not there */

/* What was latched for the board. */
#define LAPIC_LATCH_NMI     0x1u
#define LAPIC_LATCH_INIT    0x2u
#define LAPIC_LATCH_STARTUP 0x4u

struct lapic_regs {
    uint32_t reg[LAPIC_REGS]; /* by register number: address offset / 16              */
    uint64_t base_msr;
    vm_ns_t timer_next; /* when the count reaches 0, or VM_NS_NEVER: stopped    */
    uint64_t timer_tsc; /* IA32_TSC_DEADLINE while armed, else 0                */
    struct tick_counts ticks;
    struct lapic_counts counts;
    uint32_t errors; /* since the last write to the ESR                      */
    uint8_t latches; /* LAPIC_LATCH_*                                        */
    uint8_t startup_page;
    uint8_t lint; /* pins: bit n is LINTn                                 */
    uint8_t unused;
};

struct lapic {
    struct lapic_wiring wiring;
    struct lapic_regs regs;
};

#endif
