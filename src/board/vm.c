/* SPDX-License-Identifier: BSD-2-Clause
 * A VM's life between exits: what to inject, when to be back. */
#include "board/vm.h"

#include "base/assert.h"
#include "base/string.h"
#include "board/exits_int.h"
#include "board/vm_state.h"

_Static_assert(sizeof(struct vm) <= VM_STORAGE_BYTES, "raise VM_STORAGE_BYTES");

/* The guest's processor: the host's, through the policy, as the system file wants it. */
static void build_cpu(struct vm *vm)
{
    const struct vm_wiring *w = &vm->w;
    bool lapic = (w->system->devices & SYSTEM_DEV_LAPIC) != 0;
    const struct cpuid_policy policy = {
        .tsc_khz = w->tsc_khz,
        .lapic = lapic,
        .tsc_deadline = lapic && w->tsc_deadline,
        .host_switches = w->host_switches,
        .xcr0_fixed = w->xcr0_fixed,
        .system = w->system,
    };
    const struct cpuid_source source = {.read = w->cpuid, .host = w->host};
    vm->cpu_complete = cpuid_build(&vm->cpu, &policy, &source, vm->cpu_missing);
}

struct vm *vm_init(void *storage, size_t bytes, const struct vm_wiring *w, uint64_t tsc)
{
    if (bytes < sizeof(struct vm)) {
        return NULL;
    }
    struct vm *vm = storage;
    memset(vm, 0, sizeof(*vm));
    vm->w = *w;
    vm->clock.tsc_khz = w->tsc_khz;
    vm->deadline = VM_NS_NEVER;
    vm->deadline_tsc = UINT64_MAX;
    board_set_time(vm, tsc);
    build_cpu(vm);
    bool wired = board_wire(vm);
    BH_ASSERT(wired); /* system_check() has refused everything that does not fit */
    board_reset(vm);
    exits_emulate_init(vm);
    return vm;
}

const struct cpuid_cpu *vm_cpu(const struct vm *vm)
{
    return &vm->cpu;
}

const uint32_t *vm_cpu_missing(const struct vm *vm)
{
    return vm->cpu_complete ? NULL : vm->cpu_missing;
}

void vm_set_regs(struct vm *vm, uint32_t vcpu, const struct vcpu_regs *regs)
{
    struct regs_cache *c = &vm->vcpu[vcpu].cache;
    c->regs = *regs;
    c->valid = REGS_ALL;
    c->dirty = REGS_ALL;
}

uint32_t vm_take_dirty(struct vm *vm, uint32_t vcpu, const struct vcpu_regs **regs)
{
    struct regs_cache *c = &vm->vcpu[vcpu].cache;
    uint32_t dirty = c->dirty;
    *regs = &c->regs;
    c->dirty = 0;
    return dirty;
}

/* True if the 8259's output reaches the processor: through LINT0 in virtual-wire mode, or directly
 * where there is no local APIC or it is switched off. [SDM] vol. 3A, 11.5.1 */
static bool pic_reaches_cpu(const struct vm *vm)
{
    if (!board_has(vm, SYSTEM_DEV_PIC) || !pic_output(&vm->pic)) {
        return false;
    }
    if (!board_has(vm, SYSTEM_DEV_LAPIC) || !lapic_hardware_enabled(&vm->lapic)) {
        return true;
    }
    return lapic_lint_extint(&vm->lapic, 0);
}

static bool lapic_has_irq(const struct vm *vm)
{
    return board_has(vm, SYSTEM_DEV_LAPIC) && lapic_pending(&vm->lapic) >= 0;
}

static bool irq_waits(const struct vm *vm)
{
    return pic_reaches_cpu(vm) || lapic_has_irq(vm);
}

/* The interrupt acknowledge cycle. @pre irq_waits() */
static uint8_t irq_acknowledge(struct vm *vm)
{
    bus_stir(&vm->bus); /* a timer whose interrupt waited may go on */
    return pic_reaches_cpu(vm) ? pic_ack(&vm->pic) : lapic_ack(&vm->lapic);
}

static void plan_exception(struct vcpu *v, struct vm_plan *plan)
{
    plan->inject = VM_INJECT_EXCEPTION;
    plan->vector = v->exception_vector;
    plan->has_error_code = v->exception_has_code;
    plan->error_code = v->exception_code;
    v->exception_pending = false;
}

/* Chooses at most one event, in the order of [SDM] vol. 3A, table 6-2, and windows for the rest. */
static void plan_events(struct vm *vm, struct vcpu *v, struct vm_plan *plan)
{
    if (board_has(vm, SYSTEM_DEV_LAPIC) && lapic_take_nmi(&vm->lapic)) {
        v->nmi_pending = true;
    }
    bool waits = irq_waits(vm);
    if (v->exception_pending) {
        plan_exception(v, plan);
    } else if (v->nmi_pending && v->nmi_ready) {
        plan->inject = VM_INJECT_NMI;
        plan->vector = 2;
        v->nmi_pending = false;
        vm->counts.nmis++;
    } else if (v->irq_ready && waits) {
        plan->inject = VM_INJECT_IRQ;
        plan->vector = irq_acknowledge(vm);
        v->irq_ready = false; /* one at a time: until the guest has run */
        waits = irq_waits(vm);
        vm->counts.interrupts++;
    }
    plan->nmi_window = v->nmi_pending;
    plan->irq_window = waits;
    plan->shadow = v->shadow && plan->inject == VM_INJECT_NONE;
    v->shadow = false;
    plan->nmi_unblock = v->nmi_unblock;
    v->nmi_unblock = false;
}

void vm_entry(struct vm *vm, uint32_t vcpu, uint64_t tsc, struct vm_plan *plan)
{
    BH_ASSERT(vcpu < VM_VCPUS_MAX);
    struct vcpu *v = &vm->vcpu[vcpu];
    board_set_time(vm, tsc);
    bus_tick_due(&vm->bus, vm->now);
    if (board_has(vm, SYSTEM_DEV_LAPIC)) {
        /* Also while it has no deadline: an acknowledge below carries no time, and ticks that came
         * before it merge, later ones do not. */
        lapic_tick(&vm->lapic, vm->now);
    }
    *plan = (struct vm_plan){.go = VM_GO_STOP, .deadline_tsc = UINT64_MAX};
    if (vm->outcome.end != VM_END_NONE) {
        return;
    }
    /* Before the io half of a card has obeyed a reset, the guest's write to the register is not over. */
    bool settled = board_poll_nics(vm);
    if (settled) {
        plan_events(vm, v, plan);
    }
    if (plan->inject != VM_INJECT_NONE || (v->irq_flag && plan->irq_window)) {
        v->halted = false; /* also for one that cannot go in yet: behind a #DB, say */
    }
    plan->go = v->halted || !settled ? VM_GO_WAIT : VM_GO_RUN;
    plan->cr8 = board_has(vm, SYSTEM_DEV_LAPIC) ? lapic_cr8(&vm->lapic) : v->cr8;
    vm_ns_t deadline = bus_next(&vm->bus);
    if (deadline != vm->deadline) {
        vm->deadline = deadline;
        vm->deadline_tsc =
            deadline == VM_NS_NEVER ? UINT64_MAX : clock_tsc_by(&vm->clock, deadline);
    }
    plan->deadline_tsc = vm->deadline_tsc;
}

uint32_t vm_console_input(struct vm *vm, uint32_t serial, const uint8_t *bytes, uint32_t len,
                          uint64_t tsc)
{
    if (serial >= vm->w.system->serials) {
        return len; /* nobody will ever take them */
    }
    board_set_time(vm, tsc);
    bus_stir(&vm->bus);
    return uart_receive(&vm->uart[serial], bytes, len, vm->now);
}

struct vm_outcome vm_outcome(const struct vm *vm)
{
    return vm->outcome;
}

const struct vm_counts *vm_counts(const struct vm *vm)
{
    return &vm->counts;
}

const struct bus_counts *vm_bus_counts(const struct vm *vm)
{
    return &vm->bus.counts;
}

void vm_ticks(const struct vm *vm, enum vm_timer timer, struct tick_counts *out)
{
    memset(out, 0, sizeof(*out));
    if (timer == VM_TIMER_LAPIC && board_has(vm, SYSTEM_DEV_LAPIC)) {
        lapic_ticks(&vm->lapic, out);
    } else if (timer == VM_TIMER_PIT && board_has(vm, SYSTEM_DEV_PIT)) {
        pit_ticks(&vm->pit, out);
    } else if (timer == VM_TIMER_HPET && board_has(vm, SYSTEM_DEV_HPET)) {
        hpet_ticks(&vm->hpet, out);
    } else if (timer == VM_TIMER_RTC && board_has(vm, SYSTEM_DEV_RTC)) {
        rtc_ticks(&vm->rtc, out);
    }
}
