/* SPDX-License-Identifier: BSD-2-Clause
 * The components of this host, and what init agrees with them: where things lie in their address space,
 * what is in their capability space. A component is one thread in an address space of its own, with a
 * small CNode, a scheduling context, one notification, and a fault endpoint that leads to init.
 *
 * Shaped like a Microkit protection domain: an init function, then a function for each notification. */
#ifndef SEL4_PARTS_H
#define SEL4_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "system/image.h"

enum part_role {
    PART_CONSOLE, /* COM1: what everybody says, line by line */
    PART_TIMER,   /* HPET: wakes those who sleep             */
    PART_VMM,     /* one VM                                  */
};

/* --- Capability space: slots of a component's CNode -------------------------------------------- */

#define PART_CNODE_BITS  5u
#define PART_CAP_NOTIFY  1u /* its own notification: wait                              */
#define PART_CAP_INIT    2u /* endpoint to init, badged                                */
#define PART_CAP_CONSOLE 3u /* the console's notification: signal                      */
#define PART_CAP_TIMER   4u /* the timer's notification: signal, badged with the index */
#define PART_CAP_VCPU    5u
#define PART_CAP_PORTS   6u  /* console: COM1                                          */
#define PART_CAP_IRQ     7u  /* timer: the HPET's                                       */
#define PART_CAP_CLIENT  16u /* timer: 16 + i is the notification of client i: signal   */

/* Badges on a component's notification. */
#define PART_BADGE_SAID  (1u << 0)  /* to the console: somebody said something             */
#define PART_BADGE_TIMER (1u << 16) /* to a client of the timer: its time has come         */
#define PART_BADGE_IRQ   (1u << 17) /* to the timer; bits 0 and on are its clients         */

/* --- Address space ----------------------------------------------------------------------------- */

/* Program and frozen system lie where they lie for init: the first read-only, with a .bss of its own. */
#define PART_IPC     0x1000000000ull
#define PART_ARGS    0x1000001000ull
#define PART_HPET    0x1000002000ull
#define PART_WAKE(i) (0x1000010000ull + 0x1000ull * (i))  /* struct part_wake of client i   */
#define PART_RING(i) (0x1000100000ull + 0x10000ull * (i)) /* struct part_ring of speaker i */
#define PART_RAM     0x2000000000ull                      /* + guest-physical address       */

/* --- Shared memory ----------------------------------------------------------------------------- */

#define PART_CLIENTS  (SYSTEM_VMS_MAX + 1u) /* of the timer; the last one is the console */
#define PART_SPEAKERS (SYSTEM_VMS_MAX + 1u) /* the last one is init */

/* What a component says: written by it, read by the console. */
#define PART_RING_BYTES 32768u
#define PART_RING_PAGES 9u
struct part_ring {
    uint32_t head; /* bytes ever written, modulo 2^32: the speaker's   */
    uint32_t unused0[15];
    uint32_t tail; /* bytes ever taken: the console's                  */
    uint32_t unused1[15];
    uint8_t byte[PART_RING_BYTES];
};

/* When a component wants to be woken: written by it, read by the timer when it is signalled. */
struct part_wake {
    uint64_t tsc; /* UINT64_MAX: never */
};

/* What init tells a component, read-only. */
struct part_args {
    uint32_t role;  /* enum part_role                     */
    uint32_t index; /* of its VM, or 0                   */
    uint32_t tsc_khz;
    uint32_t restarts;
    uint64_t epoch_s;    /* wall-clock time at TSC 0, Unix seconds */
    uint32_t hpet_timer; /* which comparator the timer has      */
    uint32_t hpet_pin;   /* its I/O APIC input                  */
    const struct system_image *system;
};

/* Messages to init: labels apart from the kernel's fault labels. */
#define PART_SAYS_ENDED 0x100u /* words: enum vm_end, code, detail... */

/* --- The programs ------------------------------------------------------------------------------ */

_Noreturn void part_main(const struct part_args *args);
_Noreturn void console_main(const struct part_args *args);
_Noreturn void timer_main(const struct part_args *args);
_Noreturn void vmm_main(const struct part_args *args);

#endif
