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
#include "sel4/plan/windows.h"
#include "sel4/sys.h"
#include "vm/time.h"

#define FS_PER_NS 1000000u
#define AGAIN     8u /* tries to arm before a time that keeps passing */
#define CONSOLE   (PART_CLIENTS - 1u)

struct keeper {
    struct windows windows;
    uint32_t vms;
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
    if (k->bound != WINDOWS_NOBODY) {
        sys_sched_unbind(PART_CAP_SCHED + k->bound);
        k->bound = WINDOWS_NOBODY;
    }
}

static void take_cr2(struct keeper *k, uint32_t vm)
{
    if (k->cr2_of != vm) {
        uint64_t old = helper_swap_cr2(k->cr2[vm], &k->badges);
        if (k->cr2_of != WINDOWS_NOBODY) {
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
    if (k->console_due <= now) {
        k->console_due = UINT64_MAX;
        sys_signal(PART_CAP_CLIENT + CONSOLE);
    }
    struct windows_choice c = windows_next(&k->windows, now);
    if (c.vm != k->bound) {
        park(k);
        if (c.vm != WINDOWS_NOBODY) {
            unpark(k, c.vm);
        }
    }
    return c.until < k->console_due ? c.until : k->console_due;
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
    if (!k->windows.state[vm].wants) {
        windows_wants(&k->windows, vm, true); /* it looks when it gets the core */
        return;
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
    windows_deadline(&k->windows, vm, tsc);
    windows_wants(&k->windows, vm, false);
    if (k->bound == vm) {
        park(k);
    }
}

/* A signal that its words do not explain (they were overwritten, or are nonsense) puts a VM to sleep. */
static void heard_vm(struct keeper *k, uint32_t vm)
{
    const volatile struct part_wake *w = (const volatile struct part_wake *)PART_WAKE(vm);
    uint64_t what = w->what;
    if (what == PART_WANTS_CR2) {
        k->cr2[vm] = w->cr2;
        k->cr2_of = k->cr2_of == vm ? WINDOWS_NOBODY : k->cr2_of; /* what it held is outdated */
        if (k->bound == vm) {
            take_cr2(k, vm);
        }
    } else if (what == PART_WANTS_END || what == PART_WANTS_START) {
        k->noted &= ~(1u << vm);
        windows_here(&k->windows, vm, what == PART_WANTS_START);
        if (k->bound == vm) {
            park(k);
        }
    } else {
        sleeps(k, vm, w->tsc);
    }
}

static void notified(struct keeper *k, uint64_t badge)
{
    for (uint32_t i = 0; i < k->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        if ((badge & (1ull << i)) != 0) {
            heard_vm(k, i);
        }
    }
    for (uint32_t i = 0; i < k->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        if ((badge & PART_BADGE_WAKE(i)) != 0) {
            woke(k, i); /* after it: who asked to sleep at the same time is awake again */
        }
    }
    if ((badge & (1ull << CONSOLE)) != 0) {
        k->console_due = ((const volatile struct part_wake *)PART_WAKE(CONSOLE))->tsc;
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
    k->bound = WINDOWS_NOBODY;
    k->cr2_of = WINDOWS_NOBODY;
    k->vms = args->system->vms;
    const struct windows_core core = {.core = 0, .cores = 1, .tsc_khz = args->tsc_khz};
    windows_init(&k->windows, args->system, &core, sys_tsc());
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
