/* SPDX-License-Identifier: BSD-2-Clause
 * The local APIC's timer: one-shot, periodic, TSC-deadline.
 *
 * The only state is when the count next reaches 0. Everything else is arithmetic on that, so nothing
 * drifts and nothing is lost however late a call. Spec: [SDM] vol. 3A, 11.5.4. */
#include "dev/lapic_int.h"
#include "dev/lapic_state.h"

#include "base/bits.h"

enum timer_mode {
    TIMER_ONE_SHOT = 0,
    TIMER_PERIODIC = 1,
    TIMER_TSC_DEADLINE = 2,
    TIMER_RESERVED = 3, /* does not run */
};

static enum timer_mode timer_mode_of(uint32_t lvt)
{
    return (enum timer_mode)((lvt & LAPIC_LVT_MODE) >> LAPIC_LVT_MODE_POS);
}

static enum timer_mode timer_mode(const struct lapic *l)
{
    return timer_mode_of(l->regs.reg[LAPIC_LVT_TIMER]);
}

/* Does this mode run on the initial count? */
static bool timer_mode_counts(enum timer_mode mode)
{
    return mode == TIMER_ONE_SHOT || mode == TIMER_PERIODIC;
}

static uint8_t timer_vector(const struct lapic *l)
{
    return (uint8_t)(l->regs.reg[LAPIC_LVT_TIMER] & LAPIC_LVT_VECTOR);
}

static bool timer_masked(const struct lapic *l)
{
    return (l->regs.reg[LAPIC_LVT_TIMER] & LAPIC_LVT_MASKED) != 0;
}

static bool timer_legal(const struct lapic *l)
{
    return timer_vector(l) >= LAPIC_VECTOR_LO;
}

/* Is an interrupt of ours, or another of its vector, pending or in service? */
static bool timer_busy(const struct lapic *l)
{
    uint8_t vector = timer_vector(l);
    return lapic_bit_test(l, LAPIC_IRR, vector) || lapic_bit_test(l, LAPIC_ISR, vector);
}

/* Nanoseconds a count: the input clock is 1 GHz. The divider's bits are 3, 1, 0; 000 divides by 2,
 * 110 by 128, 111 by 1. */
static uint64_t timer_count_ns(uint32_t divide)
{
    uint32_t code = (divide & 3u) | ((divide & 8u) >> 1);
    return 1ull << ((code + 1u) & 7u);
}

/* @pre initial count is not 0 */
static uint64_t timer_period_ns(const struct lapic *l)
{
    return l->regs.reg[LAPIC_TIMER_INITIAL] * timer_count_ns(l->regs.reg[LAPIC_TIMER_DIVIDE]);
}

static vm_ns_t timer_after(vm_ns_t now, uint64_t ns)
{
    vm_ns_t at = VM_NS_NEVER;
    (void)u64_add(now, ns, &at); /* beyond the end of time is never */
    return at;
}

/* The guest reprogrammed the timer: what it was owed of the old ticks it no longer wants. */
static void timer_give_up_backlog(struct lapic *l)
{
    l->regs.ticks.merged += l->regs.ticks.backlog;
    l->regs.ticks.backlog = 0;
}

void lapic_timer_stop(struct lapic *l)
{
    timer_give_up_backlog(l);
    l->regs.timer_next = VM_NS_NEVER;
    l->regs.timer_tsc = 0;
}

/* One interrupt of the backlog, if the guest is free to take it. */
static void timer_flush(struct lapic *l)
{
    if (l->regs.ticks.backlog == 0 || timer_masked(l) || !timer_legal(l) || timer_busy(l)) {
        return;
    }
    (void)lapic_request(l, timer_vector(l), false);
    l->regs.ticks.backlog--;
    l->regs.ticks.delivered++;
}

/* The count reached 0 `n` times. While masked that is nobody's tick: neither due nor lost. The same
 * with an illegal vector, which hardware does not deliver but reports. */
static void timer_expire(struct lapic *l, uint64_t n)
{
    struct tick_counts *t = &l->regs.ticks;
    if (timer_masked(l)) {
        return;
    }
    if (!timer_legal(l)) {
        lapic_raise_error(l, LAPIC_ESR_RECEIVE_ILLEGAL);
        return;
    }
    t->due += n;
    uint64_t left = n;
    if (lapic_request(l, timer_vector(l), false)) {
        t->delivered++;
        left--;
    }
    if (timer_mode(l) == TIMER_PERIODIC && l->wiring.policy == TICK_CATCH_UP) {
        t->backlog += left;
    } else {
        t->merged += left;
    }
}

void lapic_tick(struct lapic *l, vm_ns_t now)
{
    vm_ns_t next = l->regs.timer_next;
    if (next == VM_NS_NEVER || now < next) {
        return;
    }
    uint64_t n = 1;
    if (timer_mode(l) == TIMER_PERIODIC) {
        uint64_t period = timer_period_ns(l);
        uint64_t late = now - next;
        n += late / period;
        l->regs.timer_next = timer_after(now, period - late % period);
    } else {
        l->regs.timer_next = VM_NS_NEVER;
        l->regs.timer_tsc = 0;
    }
    timer_expire(l, n);
}

vm_ns_t lapic_deadline(const struct lapic *l)
{
    if (timer_masked(l)) {
        return VM_NS_NEVER; /* counts on, but nobody is to be told */
    }
    if (!timer_legal(l)) {
        /* One error is all there is to say until the guest writes the ESR. */
        bool told = (l->regs.errors & LAPIC_ESR_RECEIVE_ILLEGAL) != 0;
        return told ? VM_NS_NEVER : l->regs.timer_next;
    }
    return timer_busy(l) ? VM_NS_NEVER : l->regs.timer_next;
}

uint32_t lapic_timer_count(const struct lapic *l, vm_ns_t now)
{
    vm_ns_t next = l->regs.timer_next;
    if (!timer_mode_counts(timer_mode(l)) || next == VM_NS_NEVER || now >= next) {
        return 0;
    }
    uint64_t count_ns = timer_count_ns(l->regs.reg[LAPIC_TIMER_DIVIDE]);
    uint64_t left = next - now;
    uint64_t count = left / count_ns + (left % count_ns != 0 ? 1u : 0u);
    uint32_t initial = l->regs.reg[LAPIC_TIMER_INITIAL];
    return count < initial ? (uint32_t)count : initial;
}

/* One-shot and periodic share a running count, which goes on across a change between the two: so
 * hardware does, and guests write the initial count first. [SDM] 11.5.4.1 would let it be disarmed.
 * To and from TSC-deadline the timer is disarmed. */
void lapic_timer_write_lvt(struct lapic *l, uint32_t lvt)
{
    enum timer_mode old = timer_mode(l);
    enum timer_mode new = timer_mode_of(lvt);
    l->regs.reg[LAPIC_LVT_TIMER] = lvt;
    if (old != new) {
        timer_give_up_backlog(l);
        if (!timer_mode_counts(old) || !timer_mode_counts(new)) {
            lapic_timer_stop(l);
            l->regs.reg[LAPIC_TIMER_INITIAL] = 0;
        }
    }
    timer_flush(l);
}

void lapic_timer_write_initial(struct lapic *l, uint32_t val, vm_ns_t now)
{
    if (!timer_mode_counts(timer_mode(l))) {
        return;
    }
    lapic_timer_stop(l);
    l->regs.reg[LAPIC_TIMER_INITIAL] = val;
    if (val != 0) {
        l->regs.timer_next = timer_after(now, timer_period_ns(l));
    }
}

/* The current count stays and goes on at the new pace. */
void lapic_timer_write_divide(struct lapic *l, uint32_t val, vm_ns_t now)
{
    uint32_t old = l->regs.reg[LAPIC_TIMER_DIVIDE];
    uint32_t count = lapic_timer_count(l, now);
    uint32_t divide = val & LAPIC_TIMER_DIVIDE_RW;
    l->regs.reg[LAPIC_TIMER_DIVIDE] = divide;
    if (count != 0 && divide != old) {
        l->regs.timer_next = timer_after(now, count * timer_count_ns(divide));
    }
}

void lapic_timer_eoi(struct lapic *l, uint8_t vector)
{
    if (vector == timer_vector(l)) {
        timer_flush(l);
    }
}

uint64_t lapic_tsc_deadline(const struct lapic *l, uint64_t tsc)
{
    return tsc < l->regs.timer_tsc ? l->regs.timer_tsc : 0;
}

void lapic_set_tsc_deadline(struct lapic *l, uint64_t tsc_value, vm_ns_t now)
{
    lapic_tick(l, now);
    if (timer_mode(l) != TIMER_TSC_DEADLINE) {
        return;
    }
    l->regs.timer_tsc = tsc_value;
    l->regs.timer_next = tsc_value != 0 ? clock_ns_by(l->wiring.clock, tsc_value) : VM_NS_NEVER;
    lapic_tick(l, now); /* a deadline in the past expires at once */
}

void lapic_ticks(const struct lapic *l, struct tick_counts *out)
{
    *out = l->regs.ticks;
}

bool lapic_timer_valid(const struct lapic *l)
{
    const struct lapic_regs *r = &l->regs;
    const struct tick_counts *t = &r->ticks;
    enum timer_mode mode = timer_mode(l);
    if (t->due != t->delivered + t->backlog + t->merged) {
        return false;
    }
    if (t->backlog != 0 && mode != TIMER_PERIODIC) {
        return false;
    }
    /* What is owed waits for an EOI, or for the guest to unmask the timer. */
    if (t->backlog != 0 && !timer_masked(l) && timer_legal(l) && !timer_busy(l)) {
        return false;
    }
    if (mode != TIMER_TSC_DEADLINE && r->timer_tsc != 0) {
        return false;
    }
    bool armed = r->timer_next != VM_NS_NEVER;
    if (mode == TIMER_TSC_DEADLINE) {
        return !armed || r->timer_tsc != 0;
    }
    return !armed || (mode != TIMER_RESERVED && r->reg[LAPIC_TIMER_INITIAL] != 0);
}
