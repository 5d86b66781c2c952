/* SPDX-License-Identifier: BSD-2-Clause
 * Who of the VMs on a core runs, and until when: the policy of the keeper, without its system calls.
 *
 * Each core has a table of windows, gone through over and over (its sum is the frame). In its window a
 * VM has the core if it wants it. What it does not want goes to the next VM of the table that wants it,
 * then to VMs of that core without a window, in turns. One VM of the core may be *urgent* (the one with
 * the highest `priority`, if that is not 0): it gets the core at its own deadline, whoever's window it
 * is, and until it halts; so that its ticks are on time. It pays for that: what it takes outside of
 * its windows is bounded by its budget, if it has one, in each of its periods.
 * Without a table the VMs that want the core take turns of WINDOWS_TURN_US.
 *
 * Time is TSC ticks, and an argument. windows_next() is O(VMs + windows), however late it is called.
 * Window boundaries stay where they are: they are counted from the start, not from the last switch. */
#ifndef SEL4_PLAN_WINDOWS_H
#define SEL4_PLAN_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "system/image.h"

#define WINDOWS_TURN_US 1000u
#define WINDOWS_NOBODY  UINT32_MAX

struct windows_vm {
    uint64_t deadline;  /* TSC; UINT64_MAX: none                                   */
    uint64_t budget;    /* what it may take outside of its windows, each period: TSC */
    uint64_t period;    /* 0: without bound                                          */
    uint64_t period_at; /* start of the present period                               */
    uint64_t taken;     /* in it, outside of its windows                              */
    bool here;          /* on this core, and not ended                               */
    bool wants;         /* it has something to do now                                */
};

struct windows {
    uint64_t start;                   /* TSC of the first frame       */
    uint64_t frame;                   /* ticks of all windows; 0: no table */
    uint64_t turn;                    /* ticks of a turn in the slack */
    uint32_t count;                   /* of windows                   */
    uint32_t vm[SYSTEM_WINDOWS_MAX];  /* whose                        */
    uint64_t end[SYSTEM_WINDOWS_MAX]; /* from the start of the frame  */
    uint32_t urgent;                  /* VM, or WINDOWS_NOBODY        */
    uint32_t runs;                    /* VM that has the core, or WINDOWS_NOBODY */
    uint32_t turn_of;                 /* whose turn it was last in the slack     */
    uint64_t turn_ends;
    uint64_t since; /* when `runs` got the core, or was last counted */
    bool outside;   /* it is urgent, and this is not its window */
    struct windows_vm state[SYSTEM_VMS_MAX];
};

/* What the keeper is to do: let `vm` run (or nobody), and call again at `until` (UINT64_MAX: when
 * something changes). */
struct windows_choice {
    uint32_t vm;
    uint64_t until;
};

/* Which core it is. Where the file has more CPUs than there are, they fold: CPU n is core n % cores. */
struct windows_core {
    uint32_t core;
    uint32_t cores;
    uint32_t tsc_khz;
};

/* The windows of one core. All its VMs want it at first. @pre image is checked, tsc_khz is not 0. */
void windows_init(struct windows *w, const struct system_image *image,
                  const struct windows_core *core, uint64_t now);

/* A VM begins or ceases to have something to do: it halted, was notified, its deadline came. */
void windows_wants(struct windows *w, uint32_t vm, bool wants);
/* When it next has something to do by itself. A VM that halted wants the core from then on. */
void windows_deadline(struct windows *w, uint32_t vm, uint64_t deadline);
/* It ended, or starts anew. */
void windows_here(struct windows *w, uint32_t vm, bool here);

/* Time is `now`: deadlines that have come are taken up, and the core given away. `now` never runs
 * backwards. */
struct windows_choice windows_next(struct windows *w, uint64_t now);

#endif
