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

#include "net/plan.h"
#include "sel4/net/responder.h"
#include "system/image.h"
#include "vm/gmem.h"

enum part_role {
    PART_CONSOLE, /* COM1: what everybody says, line by line */
    PART_KEEPER,  /* time: wakes sleepers, switches between VMs */
    PART_VMM,     /* one VM                                  */
    PART_IO,      /* the queues of one VM's network cards     */
    PART_SWITCH,  /* one switch                               */
    PART_NATIVE,  /* a port of a switch without a VM behind it */
};

/* --- Capability space: slots of a component's CNode -------------------------------------------- */

#define PART_CNODE_BITS      6u
#define PART_CAP_NOTIFY      1u /* its own notification: wait                              */
#define PART_CAP_INIT        2u /* endpoint to init, badged                                */
#define PART_CAP_CONSOLE     3u /* the console's notification: signal                      */
#define PART_CAP_KEEPER      4u /* the keeper's notification: signal, badged with the client */
#define PART_CAP_VCPU        5u
#define PART_CAP_PORTS       6u /* console: COM1                                          */
#define PART_CAP_IRQ         7u /* keeper: the HPET's                                       */
/* Network: notifications to signal. Card and port numbers are those of the frozen system. */
#define PART_CAP_IO(nic)     (8u + (nic))   /* vmm: its io's, badged with the card  */
#define PART_CAP_SWITCH(nic) (8u + (nic))   /* io, native (0): the switch's          */
#define PART_CAP_PORT(port)  (16u + (port)) /* switch: of who is behind that port   */
#define PART_CAP_CLIENT      16u /* keeper: 16 + i is the notification of client i: signal   */
#define PART_CAP_SCHED       32u /* keeper: 32 + i is the scheduling context of VM i         */
#define PART_CAP_TCB         48u /* keeper: 48 + i is the thread of VM i's vmm               */
#define PART_CAP_EPT         48u /* vmm: its guest's nested page tables                     */
#define PART_CAP_LENT        49u /* vmm: a frame to be mapped there                          */

/* Badges on a component's notification. */
#define PART_BADGE_SAID      (1u << 0)  /* to the console: somebody said something             */
#define PART_BADGE_TIMER     (1u << 16) /* to a client of the keeper: its time has come         */
#define PART_BADGE_KICK(nic) (1u << (nic)) /* to an io: the guest rang, or the vmm asks       */
#define PART_BADGE_RING      (1u << 8)     /* to io, switch, native: look at the rings            */
#define PART_BADGE_WAKE(vm)  (1u << (20u + (vm))) /* to the keeper: the io has something for it */
#define PART_BADGE_IRQ       (1u << 17) /* to the keeper; bits 0 and on are its clients         */

/* --- Address space ----------------------------------------------------------------------------- */

/* Program and frozen system lie where they lie for init: the first read-only, with a .bss of its own. */
#define PART_IPC     0x1000000000ull
#define PART_ARGS    0x1000001000ull
#define PART_HPET    0x1000002000ull
#define PART_HELPER  0x1000004000ull /* keeper: the helper guest's memory, 4 pages */
#define PART_LENT    0x1000008000ull /* vmm: the page that its vCPU is lent          */
#define PART_WAKE(i) (0x1000010000ull + 0x1000ull * (i))  /* struct part_wake of client i   */
#define PART_RING(i) (0x1000100000ull + 0x10000ull * (i)) /* struct part_ring of speaker i */
#define PART_CHANNEL(i) \
    (0x1000300000ull + 0x1000ull * (i)) /* struct channel of card i: vmm, io    */
#define PART_COUNTS  0x1000310000ull    /* struct part_counts: switch, native */
#define PART_PORT(i) (0x1100000000ull + 0x200000ull * (i)) /* struct net_rings: of card i, port i */
#define PART_RAM     0x2000000000ull                       /* + guest-physical address: vmm, io */

/* --- Shared memory ----------------------------------------------------------------------------- */

#define PART_CLIENTS  (SYSTEM_VMS_MAX + 1u) /* of the keeper; the last one is the console */
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

/* What a client wants of the keeper: written by it, read by the keeper when it is signalled. */
#define PART_WANTS_SLEEP 0u
#define PART_WANTS_CR2   1u
#define PART_WANTS_END   2u /* said by init, when the vmm cannot go on */
#define PART_WANTS_START 3u /* said by init, when it is started anew   */
struct part_wake {
    uint64_t tsc;  /* when to be woken; UINT64_MAX: not by time          */
    uint64_t cr2;  /* what the guest is to find in CR2                   */
    uint64_t what; /* PART_WANTS_*: a vmm's; the console always sleeps  */
};

/* What a switch or a native has counted: written by it, read by init for a person. */
struct part_counts {
    union {
        struct switch_counts port[SWITCH_PORTS_MAX];
        struct responder_counts native;
    };
};
_Static_assert(sizeof(struct part_counts) <= 4096u, "one page");
_Static_assert(sizeof(struct net_rings) <= 0x200000u, "one large frame");

/* What init tells a component, read-only. */
struct part_args {
    uint32_t role;  /* enum part_role                     */
    uint32_t index; /* of its VM, switch or native; or 0 */
    uint32_t tsc_khz;
    uint32_t restarts;   /* not 0: part_entry clears .bss first */
    uint64_t begin_tsc;  /* a vmm is not to begin before that     */
    uint64_t epoch_s;    /* wall-clock time at TSC 0, Unix seconds */
    uint32_t hpet_timer; /* which comparator the keeper has      */
    uint32_t hpet_pin;   /* its I/O APIC input                  */
    const struct system_image *system;
};

_Static_assert(offsetof(struct part_args, restarts) == 12u, "start.S reads it there");

/* Messages to init: labels apart from the kernel's fault labels. */
#define PART_SAYS_ENDED 0x100u /* words: enum vm_end, code, 1: it never ran */

/* --- The programs ------------------------------------------------------------------------------ */

_Noreturn void part_main(const struct part_args *args);
_Noreturn void console_main(const struct part_args *args);
_Noreturn void keeper_main(const struct part_args *args);
_Noreturn void vmm_main(const struct part_args *args);
_Noreturn void io_main(const struct part_args *args);
_Noreturn void switch_main(const struct part_args *args);
_Noreturn void native_main(const struct part_args *args);

/* Guest RAM of a VM, as it is mapped into its vmm and its io. */
void part_ram(const struct system_vm *vm, struct gmem *mem);

/* Whether a vmm lends its vCPU a page (vmx/vectors.c): not if the guest has RAM there, having no local APIC. */
bool part_lends(const struct system_vm *vm);

#endif
