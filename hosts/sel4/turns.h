/* SPDX-License-Identifier: BSD-2-Clause
 * Whose turn it is: which VM of a core runs, and when to look again. Pure: time comes in, a choice goes
 * out; keeper.c makes it so.
 *
 * A VM is awake or sleeps until a time of its own. Of those awake the one with the highest priority
 * runs; those of the same priority take turns. A turn that was cut short by a higher priority is gone on
 * with; one whose VM fell asleep is over. */
#ifndef SEL4_TURNS_H
#define SEL4_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "system/image.h"

#define TURNS_NOBODY UINT32_MAX

struct turn {
    uint32_t priority;
    bool awake;
    uint64_t due;  /* asleep: when to wake it; UINT64_MAX: not by time */
    uint64_t left; /* of its turn, in TSC ticks                        */
};

struct turns {
    uint32_t vms;
    uint32_t running; /* or TURNS_NOBODY                                */
    uint64_t since;   /* when that one was last charged for its time    */
    uint64_t slice;   /* a turn, in TSC ticks, not 0                    */
    struct turn vm[SYSTEM_VMS_MAX];
};

/* All awake, nobody running yet. @pre vms <= SYSTEM_VMS_MAX, slice is not 0 */
void turns_init(struct turns *t, uint32_t vms, uint64_t slice);

/* A VM has nothing to do until `due`. @pre vm < t->vms */
void turns_sleep(struct turns *t, uint32_t vm, uint64_t due);

/* Wakes the sleepers whose time has come; bit n of the result: VM n was woken. */
uint32_t turns_wake(struct turns *t, uint64_t now);

/* Wakes one whatever its time. False: it was awake. @pre vm < t->vms */
bool turns_wake_one(struct turns *t, uint32_t vm);

/* Who is to run from now on, or TURNS_NOBODY; t->running says so too. */
uint32_t turns_choose(struct turns *t, uint64_t now);

/* When to look again if nothing happens before: UINT64_MAX for never. After turns_choose(). */
uint64_t turns_next(const struct turns *t, uint64_t now);

#endif
