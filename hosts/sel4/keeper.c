/* SPDX-License-Identifier: BSD-2-Clause
 * The keeper component: the core's time. It wakes sleepers at the time they named (HPET, one-shot), and
 * makes every switch between VMs, because the kernel leaves CR2 as it is when it switches guests: a
 * guest preempted in its page-fault handler would read the address of another's fault.
 *
 * A VM that is not to run has no scheduling context: so the kernel cannot switch to it by itself.
 * A client writes its words and signals; they are read once, then. Whatever a client writes there, the
 * others are woken when they asked to be. */
#include "sel4/keeper.h"

#include "base/arith.h"
#include "sel4/hpet.h"
#include "sel4/parts.h"
#include "sel4/sys.h"
#include "sel4/turns.h"
#include "vm/time.h"

#define FS_PER_NS 1000000u
#define SLICE_NS  (5u * VM_NS_PER_MS)
#define AGAIN     8u /* tries to arm before a time that keeps passing */
#define CONSOLE   (PART_CLIENTS - 1u)

struct keeper {
    struct turns turns;
    struct vm_clock clock;
    uint32_t comparator;
    uint32_t pin;
    uint32_t period_fs;
    uint64_t console_due;
    uint64_t badges; /* that came while the helper ran               */
    uint32_t noted;  /* VMs for which an io had something while they were awake */
    uint32_t bound;  /* the VM that has its scheduling context        */
    uint32_t cr2_of; /* whose CR2 the processor holds                 */
    uint64_t cr2[SYSTEM_VMS_MAX];
    uint64_t switches;
};

static struct keeper keeper;

/* --- Switching ----------------------------------------------------------------------------------- */

static void park(struct keeper *k)
{
    if (k->bound != TURNS_NOBODY) {
        sys_sched_unbind(PART_CAP_SCHED + k->bound);
        k->bound = TURNS_NOBODY;
    }
}

static void take_cr2(struct keeper *k, uint32_t vm)
{
    if (k->cr2_of != vm) {
        uint64_t old = helper_swap_cr2(k->cr2[vm], &k->badges);
        if (k->cr2_of != TURNS_NOBODY) {
            k->cr2[k->cr2_of] = old;
        }
        k->cr2_of = vm;
    }
}

/* The VM comes out of the kernel once, and arms its preemption timer for what is left to it. */
static void unpark(struct keeper *k, uint32_t vm)
{
    take_cr2(k, vm);
    sys_signal(PART_CAP_CLIENT + vm);
    sys_sched_bind(PART_CAP_SCHED + vm, PART_CAP_TCB + vm);
    k->bound = vm;
    k->switches++;
}

/* --- Time ---------------------------------------------------------------------------------------- */

static uint64_t ticks_until(const struct keeper *k, uint64_t tsc)
{
    uint64_t now = sys_tsc();
    uint64_t ns = tsc <= now ? 0 : clock_ns_by(&k->clock, tsc - now);
    return u64_scale_up(ns, FS_PER_NS, k->period_fs) + 1u;
}

/* Wakes whose time has come, switches, and returns the next time. */
static uint64_t act(struct keeper *k)
{
    uint64_t now = sys_tsc();
    (void)turns_wake(&k->turns, now);
    if (k->console_due <= now) {
        k->console_due = UINT64_MAX;
        sys_signal(PART_CAP_CLIENT + CONSOLE);
    }
    uint32_t vm = turns_choose(&k->turns, now);
    if (vm != k->bound) {
        park(k);
        if (vm != TURNS_NOBODY) {
            unpark(k, vm);
        }
    }
    uint64_t next = turns_next(&k->turns, now);
    return next < k->console_due ? next : k->console_due;
}

/* Arms the comparator for the next time. One that was passed while it was being written would be silent
 * until the counter wraps: so look again. */
static void act_and_arm(struct keeper *k)
{
    for (uint32_t i = 0; i < AGAIN; i++) {
        uint64_t next = act(k);
        uint64_t config = HPET_TIMER_ROUTE(k->pin);
        if (next == UINT64_MAX) {
            hpet_write(PART_HPET, HPET_TIMER(k->comparator), config);
            return;
        }
        uint64_t at = hpet_read(PART_HPET, HPET_COUNT) + ticks_until(k, next);
        hpet_write(PART_HPET, HPET_TIMER(k->comparator), config | HPET_TIMER_ON);
        hpet_write(PART_HPET, HPET_COMPARE(k->comparator), at);
        if (hpet_read(PART_HPET, HPET_COUNT) < at) {
            return;
        }
    }
}

/* --- Clients ------------------------------------------------------------------------------------- */

/* A vmm may have looked at its channels before its io wrote there, and be about to sleep: its next wish
 * to is not granted. */
static void woke(struct keeper *k, uint32_t vm)
{
    if (turns_wake_one(&k->turns, vm)) {
        return; /* it looks when its turn comes */
    }
    k->noted |= 1u << vm;
    if (k->bound == vm) {
        sys_signal(PART_CAP_CLIENT + vm);
    }
}

static void sleeps(struct keeper *k, uint32_t vm, uint64_t tsc)
{
    if ((k->noted & (1u << vm)) != 0) {
        k->noted &= ~(1u << vm);
        sys_signal(PART_CAP_CLIENT + vm);
        return;
    }
    turns_sleep(&k->turns, vm, tsc);
    if (k->bound == vm) {
        park(k);
    }
}

static void heard(struct keeper *k, uint32_t client)
{
    const volatile struct part_wake *w = (const volatile struct part_wake *)PART_WAKE(client);
    uint64_t tsc = w->tsc;
    if (client == CONSOLE) {
        k->console_due = tsc;
    } else if (w->what == PART_WANTS_CR2) {
        k->cr2[client] = w->cr2;
        k->cr2_of = k->cr2_of == client ? TURNS_NOBODY : k->cr2_of; /* what it held is outdated */
        if (k->bound == client) {
            take_cr2(k, client);
        }
    } else {
        sleeps(k, client, tsc);
    }
}

static void notified(struct keeper *k, uint64_t badge)
{
    for (uint32_t i = 0; i < PART_CLIENTS; i++) {
        if ((badge & (1ull << i)) != 0 && (i == CONSOLE || i < k->turns.vms)) {
            heard(k, i);
        }
    }
    for (uint32_t i = 0; i < k->turns.vms; i++) { /* bound: SYSTEM_VMS_MAX */
        if ((badge & PART_BADGE_WAKE(i)) != 0) {
            woke(k, i);
        }
    }
    if ((badge & PART_BADGE_IRQ) != 0) {
        sys_irq_ack(PART_CAP_IRQ);
    }
    act_and_arm(k);
}

_Noreturn void keeper_main(const struct part_args *args)
{
    struct keeper *k = &keeper;
    k->comparator = args->hpet_timer;
    k->pin = args->hpet_pin;
    k->period_fs = hpet_period_fs(PART_HPET);
    k->clock.tsc_khz = args->tsc_khz;
    k->console_due = UINT64_MAX;
    k->bound = TURNS_NOBODY;
    k->cr2_of = TURNS_NOBODY;
    turns_init(&k->turns, args->system->vms, clock_tsc_by(&k->clock, SLICE_NS));
    for (uint32_t i = 0; i < args->system->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        k->turns.vm[i].priority = args->system->vm[i].priority;
    }
    hpet_write(PART_HPET, HPET_CONFIG,
               (hpet_read(PART_HPET, HPET_CONFIG) & ~HPET_CONFIG_LEGACY) | HPET_CONFIG_ON);
    helper_start();
    act_and_arm(k);
    for (;;) {
        uint64_t badge = k->badges;
        k->badges = 0;
        notified(k, badge != 0 ? badge : sys_wait(PART_CAP_NOTIFY));
    }
}
