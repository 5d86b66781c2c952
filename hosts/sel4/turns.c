/* SPDX-License-Identifier: BSD-2-Clause
 * Whose turn it is. */
#include "sel4/turns.h"

#include "base/string.h"

void turns_init(struct turns *t, uint32_t vms, uint64_t slice)
{
    memset(t, 0, sizeof(*t));
    t->vms = vms;
    t->slice = slice;
    t->running = TURNS_NOBODY;
    for (uint32_t i = 0; i < vms; i++) { /* bound: SYSTEM_VMS_MAX */
        t->vm[i].awake = true;
        t->vm[i].due = UINT64_MAX;
        t->vm[i].left = slice;
    }
}

void turns_sleep(struct turns *t, uint32_t vm, uint64_t due)
{
    t->vm[vm].awake = false;
    t->vm[vm].due = due;
    t->vm[vm].left = t->slice;
}

bool turns_wake_one(struct turns *t, uint32_t vm)
{
    bool slept = !t->vm[vm].awake;
    t->vm[vm].awake = true;
    t->vm[vm].due = UINT64_MAX;
    return slept;
}

uint32_t turns_wake(struct turns *t, uint64_t now)
{
    uint32_t woken = 0;
    for (uint32_t i = 0; i < t->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        if (!t->vm[i].awake && t->vm[i].due <= now) {
            (void)turns_wake_one(t, i);
            woken |= 1u << i;
        }
    }
    return woken;
}

/* Takes the time since the last look from the turn of who runs. */
static void charge(struct turns *t, uint64_t now)
{
    if (t->running != TURNS_NOBODY) {
        struct turn *r = &t->vm[t->running];
        uint64_t ran = now - t->since;
        r->left = r->left > ran ? r->left - ran : 0;
    }
    t->since = now;
}

/* The first one awake with this priority, from `from` on and around. */
static uint32_t next_of(const struct turns *t, uint32_t from, uint32_t priority)
{
    for (uint32_t k = 0; k < t->vms; k++) { /* bound: SYSTEM_VMS_MAX */
        uint32_t i = (from + k) % t->vms;
        if (t->vm[i].awake && t->vm[i].priority == priority) {
            return i;
        }
    }
    return TURNS_NOBODY;
}

/* Of the highest priority: who has begun a turn and not ended it goes on. */
static uint32_t begun(const struct turns *t, uint32_t priority)
{
    uint32_t found = TURNS_NOBODY;
    for (uint32_t i = 0; i < t->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        const struct turn *v = &t->vm[i];
        bool is = v->awake && v->priority == priority && v->left != 0 && v->left < t->slice;
        found = is && found == TURNS_NOBODY ? i : found;
    }
    return found;
}

uint32_t turns_choose(struct turns *t, uint64_t now)
{
    uint32_t last = t->running;
    uint32_t top = 0;
    bool any = false;
    charge(t, now);
    for (uint32_t i = 0; i < t->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        if (t->vm[i].awake) {
            top = any && top > t->vm[i].priority ? top : t->vm[i].priority;
            any = true;
        }
    }
    if (!any) {
        t->running = TURNS_NOBODY;
        return TURNS_NOBODY;
    }
    bool goes_on = last != TURNS_NOBODY && t->vm[last].awake && t->vm[last].priority == top &&
                   t->vm[last].left != 0;
    uint32_t next = goes_on ? last : begun(t, top);
    if (next == TURNS_NOBODY) {
        next = next_of(t, last == TURNS_NOBODY ? 0 : last + 1u, top);
        t->vm[next].left = t->slice;
    }
    t->running = next;
    return next;
}

uint64_t turns_next(const struct turns *t, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < t->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        if (!t->vm[i].awake && t->vm[i].due < next) {
            next = t->vm[i].due;
        }
    }
    if (t->running == TURNS_NOBODY) {
        return next;
    }
    /* The end of a turn matters only if there is somebody to hand over to. */
    const struct turn *r = &t->vm[t->running];
    bool rival = false;
    for (uint32_t i = 0; i < t->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        rival = rival || (i != t->running && t->vm[i].awake && t->vm[i].priority == r->priority);
    }
    uint64_t end = now + r->left;
    return rival && end < next ? end : next;
}
