/* SPDX-License-Identifier: BSD-2-Clause
 * init, the first thread: builds the components from untyped memory, starts them, and supervises. */
#ifndef SEL4_INIT_H
#define SEL4_INIT_H

#include <stdbool.h>
#include <stdint.h>

#include "sel4/parts.h"
#include "sel4/world.h"
#include "system/image.h"

#define CORES 1u /* of the kernel: one node */

/* One component, as init knows it. Words are slots of init's CNode. */
struct part {
    const char *name;
    enum part_role role;
    uint32_t index;
    bool parked; /* starts without its scheduling context: the keeper binds it */
    bool ended;
    uint64_t tcb;
    uint64_t cnode;
    uint64_t space;
    uint64_t sched;
    uint64_t notify;
    uint64_t vcpu;
    uint64_t ept;
    uint64_t started_tsc;   /* when it was last started, or is to begin */
    struct part_args *args; /* where init sees the component's page */
};

#define PARTS_MAX (2u + 2u * SYSTEM_VMS_MAX + SYSTEM_SWITCHES_MAX + SYSTEM_NATIVES_MAX)

/* The wire, as init knows it. Parts by their number; 0 is the console: none. */
struct init_net {
    struct net_plan plan;
    uint32_t switch_[SYSTEM_SWITCHES_MAX];
    uint32_t native[SYSTEM_NATIVES_MAX];
    uint32_t io[SYSTEM_VMS_MAX];
    uint64_t rings[SYSTEM_SWITCHES_MAX][SWITCH_PORTS_MAX]; /* large frames */
    struct channel *channel[SYSTEM_VMS_MAX][SYSTEM_NICS_MAX];
    const struct part_counts *switch_counts[SYSTEM_SWITCHES_MAX];
    const struct part_counts *native_counts[SYSTEM_NATIVES_MAX];
};

struct init {
    struct world world;
    const struct system_image *system;
    uint64_t sched_control;
    uint64_t endpoint; /* faults and reports come in here; the badge is 1 + the part's number */
    uint64_t reply;
    uint64_t ports;  /* COM1, until the console has it   */
    uint64_t window; /* next free page of init's own      */
    uint64_t hpet;   /* frame, or 0                      */
    uint64_t ring_frame[PART_SPEAKERS][PART_RING_PAGES];
    uint64_t wake_frame[PART_CLIENTS];
    volatile struct part_wake *wake[PART_CLIENTS];
    uint64_t wake_signal[PART_CLIENTS]; /* to the keeper, in a VM's name */
    uint64_t epoch_s; /* wall-clock time at TSC 0, Unix seconds; 0: nobody knows */
    uint32_t tsc_khz;
    uint32_t hpet_timer;
    uint32_t hpet_pin;
    uint32_t parts;
    uint32_t console; /* number of that part, and so on */
    uint32_t keeper;
    struct init_net net;
    struct part part[PARTS_MAX];
};

/* --- init_part.c: what every component has ----------------------------------------------------- */

/* A new component, all zero but for these. */
struct part *part_add(struct init *in, enum part_role role, const char *name, uint32_t index);
/* Makes the part's objects, its address space with the program in it, and its CNode. */
void part_build(struct init *in, struct part *p);
/* Puts a capability into the part's CNode. */
void part_grant(struct init *in, const struct part *p, uint64_t from, uint64_t slot,
                uint32_t rights, uint64_t badge);
/* Maps one more capability of a 4 KiB frame into the part. */
void part_share(struct init *in, const struct part *p, uint64_t frame, uint64_t address,
                uint32_t rights, bool device);
void part_start(struct init *in, struct part *p);
/* Once more from the beginning. @pre it is suspended, and args->restarts is not 0 */
void part_start_again(const struct part *p);

/* Maps a frame for init itself; returns the address. */
uint64_t init_map(struct init *in, uint64_t frame, uint32_t rights, bool device);

void init_unmap(struct init *in, uint64_t frame);

/* The part's name in the list of rights, and what is made from here on: its, or (0) nobody's. */
uint32_t part_party(const struct part *p);
void part_topic(struct init *in, uint32_t thing);

/* --- init_vm.c: what a vmm has besides ---------------------------------------------------------- */

/* Claims the RAM of all VMs: named ranges first. Before any object is made. */
void vm_claim_ram(struct init *in);
/* Guest RAM, in the vmm, in its io and in the guest; the guest's files; vCPU and nested page tables. */
void vm_build(struct init *in, struct part *p,
              const struct part *io); /* io: NULL if there is none */
/* The keeper's helper guest: its memory, vCPU and nested page tables. */
void helper_build(struct init *in, struct part *p);

/* --- init_net.c: io, switches, natives --------------------------------------------------------- */

/* All switches and natives. Before any VM. */
void net_build(struct init *in);
/* The io of a VM, or NULL: it has no cards. After the keeper. */
struct part *net_build_io(struct init *in, uint32_t vm);
/* What the vmm has of its io. */
void net_join(struct init *in, const struct part *vmm, const struct part *io);
/* Shows the counters of all cards and ports. */
void net_show(const struct init *in, const struct say_sink *out);

/* --- init_rights.c ------------------------------------------------------------------------------ */

/* Names the frames of init's own image: everybody's program. */
void rights_name_image(struct init *in);
/* What init itself holds on to, then all of it held against the system file, and printed. Does not
 * return if they differ. */
void rights_settle(struct init *in);
/* Gives up what supervision does not need. Nothing can be built after it. */
void rights_drop(struct init *in);

/* --- init_watch.c: supervision ----------------------------------------------------------------- */

/* A component ended, or faulted. */
void watch_heard(struct init *in, const struct sys_message *m);

/* --- init_clock.c ------------------------------------------------------------------------------ */

/* Finds the HPET, measures the TSC with it, and chooses comparator and I/O APIC input. */
void clock_find(struct init *in);
/* What time it is: epoch_s. After clock_find(). */
void clock_date(struct init *in);

#endif
