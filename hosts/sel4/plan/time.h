/* SPDX-License-Identifier: BSD-2-Clause
 * The scheduling context of each component, as the file implies it.
 *
 * From high to low: init (255, the kernel's), keeper, console; VMs with a priority of their own, which
 * the wire must not disturb; the wire (io, switch, natives), with budgets so that no flood takes the
 * core; VMs without a priority. */
#ifndef SEL4_PLAN_TIME_H
#define SEL4_PLAN_TIME_H

#include <stdint.h>

#include "sel4/plan/rights.h"
#include "system/image.h"

#define TIME_PRIORITY_KEEPER  250u
#define TIME_PRIORITY_CONSOLE 240u
#define TIME_PRIORITY_WIRE    101u
#define TIME_PRIORITY_VM      100u

struct part_time {
    uint32_t core;
    uint32_t priority;
    uint32_t budget_us; /* the same as period_us: all there is */
    uint32_t period_us;
};

/* @pre image is checked, the party is one that it implies, cores is not 0. */
struct part_time part_time(const struct system_image *image, uint32_t party, uint32_t cores);

#endif
