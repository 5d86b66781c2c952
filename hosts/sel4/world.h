/* SPDX-License-Identifier: BSD-2-Clause
 * init's store: untyped memory, slots of its own CNode, and what it maps where. Set-up either succeeds
 * or ends the system with a message: there is nobody to hand an error to yet. */
#ifndef SEL4_WORLD_H
#define SEL4_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "sel4/plan/rights.h"
#include "sel4/plan/untyped.h"
#include "sel4/plan/untyped_say.h"
#include "sel4/say.h"
#include "sel4/sys.h"

struct world {
    struct sys_boot boot;
    uint64_t next_slot;
    struct untyped_pool pool;
    struct rights_record rights;     /* of all capabilities that leave init's CNode, and mappings */
    uint8_t kept[RIGHTS_SLOTS / 8u]; /* slots that outlive world_drop() */
    const struct say_sink *out;
};

void world_init(struct world *w, const void *boot_info, const struct say_sink *out);

/* Says what is wrong and stops. */
_Noreturn void world_stop(const struct world *w, const char *what, uint64_t number);

/* A free slot of the root CNode. */
uint64_t world_slot(struct world *w);

/* A new object; returns its slot. */
uint64_t world_make(struct world *w, enum sys_object type, uint32_t bits);

/* Claims a range's memory for `owner`, named or (at 0) anywhere. Before any object is made. Stops with an
 * explanation if it cannot be had. */
void world_claim(struct world *w, const struct untyped_wish *wish, uint32_t owner);

/* The next frame of the block that is entry `block` of the pool. */
uint64_t world_frame(struct world *w, uint32_t block, bool large);

/* The 4 KiB of device memory at a physical address; 0 if the kernel does not give it. */
uint64_t world_device(struct world *w, uint64_t physical);

/* A further capability to the same object, in the root CNode, or in a component's (depth is its bits). */
uint64_t world_copy(struct world *w, uint64_t from, uint32_t rights, uint64_t badge);
void world_grant(struct world *w, uint64_t from, uint64_t cnode, uint32_t depth, uint64_t to,
                 uint32_t rights, uint64_t badge);

/* Maps a frame, and makes the paging structures that are missing. Each mapping needs a capability of
 * its own. */
void world_map(struct world *w, uint64_t frame, uint64_t space, uint64_t address, uint32_t rights,
               bool device);
void world_map_ept(struct world *w, uint64_t frame, uint64_t ept, uint64_t gpa);

/* A capability that is still needed when all is built; or no more. What is mapped is: a mapping goes with
 * its capability, and so does a paging structure. */
void world_keep(struct world *w, uint64_t slot, bool keep);

/* Deletes all others, all untyped memory, and the authority over interrupts, ports, time, address spaces and
 * capability spaces: from here on nothing can be made, mapped or copied. Of init's image the
 * first image_kept pages stay. Returns how many of the capabilities that were made are left. */
uint64_t world_drop(struct world *w, uint64_t sched_control, uint64_t image_kept);

/* Bytes of ordinary memory not yet given out. */
uint64_t world_left(const struct world *w);

#endif
