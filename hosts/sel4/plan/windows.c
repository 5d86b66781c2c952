/* SPDX-License-Identifier: BSD-2-Clause
 * Time windows of the VMs on a core. */
#include "sel4/plan/windows.h"

#include "base/string.h"
#include "system/check.h"

#define NEVER UINT64_MAX

static uint64_t ticks_of(uint64_t us, uint32_t tsc_khz)
{
    return us * tsc_khz / 1000u; /* at most 10^7 * 2^32 */
}

void windows_init(struct windows *w, const struct system_image *image,
                  const struct windows_core *core, uint64_t now)
{
    uint32_t tsc_khz = core->tsc_khz;
    uint32_t most = 0;
    memset(w, 0, sizeof(*w));
    w->start = now;
    w->since = now;
    w->turn = ticks_of(WINDOWS_TURN_US, tsc_khz);
    w->urgent = WINDOWS_NOBODY;
    w->runs = WINDOWS_NOBODY;
    w->turn_of = SYSTEM_VMS_MAX - 1u;
    for (uint32_t i = 0; i < image->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        const struct system_vm *vm = &image->vm[i];
        const struct system_budget *b = &image->sel4.vmm[i];
        w->state[i] = (struct windows_vm){
            .deadline = NEVER,
            .budget = ticks_of(b->budget_us, tsc_khz),
            .period = ticks_of(b->period_us, tsc_khz),
            .period_at = now,
            .here = system_sel4_cpu(vm->cpu) % core->cores == core->core,
        };
        w->state[i].wants = w->state[i].here;
        if (w->state[i].here && vm->priority > most) {
            most = vm->priority;
            w->urgent = i;
        }
    }
    for (uint32_t i = 0; i < image->sel4.windows; i++) { /* bound: SYSTEM_WINDOWS_MAX */
        const struct system_window *row = &image->sel4.window[i];
        if (w->state[row->vm].here) {
            w->frame += ticks_of(row->window_us, tsc_khz);
            w->vm[w->count] = row->vm;
            w->end[w->count] = w->frame;
            w->count++;
        }
    }
}

void windows_wants(struct windows *w, uint32_t vm, bool wants)
{
    w->state[vm].wants = wants;
}

void windows_deadline(struct windows *w, uint32_t vm, uint64_t deadline)
{
    w->state[vm].deadline = deadline;
}

void windows_here(struct windows *w, uint32_t vm, bool here)
{
    w->state[vm].here = here;
    w->state[vm].wants = here;
    w->state[vm].deadline = NEVER;
}

static bool can_run(const struct windows *w, uint32_t vm)
{
    return w->state[vm].here && w->state[vm].wants;
}

/* --- What the urgent VM may take --------------------------------------------------------------- */

/* Its account: a new period begins it anew, however many have passed. */
static void account(struct windows *w, uint64_t now)
{
    if (w->urgent == WINDOWS_NOBODY) {
        return;
    }
    struct windows_vm *u = &w->state[w->urgent];
    if (w->outside && w->runs == w->urgent) {
        u->taken += now - w->since;
    }
    w->since = now;
    if (u->period != 0 && now - u->period_at >= u->period) {
        u->period_at += (now - u->period_at) / u->period * u->period;
        u->taken = 0;
    }
}

/* Until when it may run outside of its windows; `now`: not at all. */
static uint64_t urgent_until(const struct windows *w, uint64_t now)
{
    const struct windows_vm *u = &w->state[w->urgent];
    if (u->period == 0 || u->budget == u->period) {
        return NEVER;
    }
    uint64_t left = u->taken < u->budget ? u->budget - u->taken : 0;
    return now + left;
}

/* --- Choosing ---------------------------------------------------------------------------------- */

/* The window that time is in, and when it ends. */
static uint32_t present_window(const struct windows *w, uint64_t now, uint64_t *ends)
{
    uint64_t in_frame = (now - w->start) % w->frame;
    uint64_t frame_at = now - in_frame;
    uint32_t i = 0;
    while (i + 1u < w->count && w->end[i] <= in_frame) { /* bound: SYSTEM_WINDOWS_MAX */
        i++;
    }
    *ends = frame_at + w->end[i];
    return i;
}

/* In turns: whoever has the turn keeps it until it ends or he does not want it any more. */
static uint32_t take_turns(struct windows *w, uint64_t now, uint64_t *ends)
{
    if (now < w->turn_ends && can_run(w, w->turn_of)) {
        *ends = w->turn_ends;
        return w->turn_of;
    }
    for (uint32_t i = 1; i <= SYSTEM_VMS_MAX; i++) { /* bound: SYSTEM_VMS_MAX */
        uint32_t vm = (w->turn_of + i) % SYSTEM_VMS_MAX;
        if (can_run(w, vm)) {
            w->turn_of = vm;
            w->turn_ends = now + w->turn;
            *ends = w->turn_ends;
            return vm;
        }
    }
    return WINDOWS_NOBODY;
}

/* By the table, without regard to who is urgent. */
static uint32_t by_table(struct windows *w, uint64_t now, uint64_t *ends)
{
    *ends = NEVER;
    if (w->frame == 0) {
        return take_turns(w, now, ends);
    }
    uint32_t first = present_window(w, now, ends);
    for (uint32_t i = 0; i < w->count; i++) { /* bound: SYSTEM_WINDOWS_MAX */
        uint32_t vm = w->vm[(first + i) % w->count];
        if (can_run(w, vm)) {
            return vm;
        }
    }
    uint64_t turn_ends = NEVER;
    uint32_t vm = take_turns(w, now, &turn_ends);
    if (turn_ends < *ends) {
        *ends = turn_ends;
    }
    return vm;
}

/* Whether this is the urgent VM's own window. */
static bool in_own_window(const struct windows *w, uint64_t now)
{
    uint64_t ends;
    return w->frame != 0 && w->vm[present_window(w, now, &ends)] == w->urgent;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The first moment at which somebody who sleeps may want the core. */
static uint64_t next_deadline(const struct windows *w)
{
    uint64_t first = NEVER;
    for (uint32_t i = 0; i < SYSTEM_VMS_MAX; i++) { /* bound: SYSTEM_VMS_MAX */
        if (w->state[i].here && !w->state[i].wants) {
            first = least(first, w->state[i].deadline);
        }
    }
    return first;
}

struct windows_choice windows_next(struct windows *w, uint64_t now)
{
    uint64_t ends;
    account(w, now);
    for (uint32_t i = 0; i < SYSTEM_VMS_MAX; i++) { /* bound: SYSTEM_VMS_MAX */
        struct windows_vm *s = &w->state[i];
        s->wants = s->wants || (s->here && s->deadline <= now);
    }
    uint32_t vm = by_table(w, now, &ends);
    w->outside = false;
    if (w->urgent != WINDOWS_NOBODY && can_run(w, w->urgent) && !in_own_window(w, now)) {
        uint64_t until = urgent_until(w, now);
        if (until > now) {
            w->outside = true;
            vm = w->urgent;
            ends = least(ends, until);
        } else {
            /* It has had its share: what is left of its period is the others', if they want it. */
            ends = least(ends, w->state[w->urgent].period_at + w->state[w->urgent].period);
        }
    }
    w->runs = vm;
    return (struct windows_choice){.vm = vm, .until = least(ends, next_deadline(w))};
}
