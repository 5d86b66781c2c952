/* SPDX-License-Identifier: BSD-2-Clause
 * The HPET. Section numbers are those of [HPET]. */
#include "dev/hpet.h"

#include "base/arith.h"
#include "base/bits.h"
#include "base/string.h"
#include "dev/hpet_state.h"

#define HPET_PERIOD_FS (HPET_PERIOD_NS * 1000000ull)

/* A periodic comparator may be set to 10 ns. Its ticks are counted exactly whenever we come, but we
 * do not ask to come more often than this: 10 us. */
#define HPET_PACE 1000u

/* Destinations: I/O APIC pins 0 to 23, then the legacy lines. */
#define HPET_DEST_IRQ0  24u
#define HPET_DEST_IRQ8  25u
#define HPET_DEST_COUNT 26u
#define HPET_DEST_NONE  31u
#define HPET_PIN_IRQ0   2u
#define HPET_PIN_IRQ8   8u

/* --- Predicates and arithmetic --------------------------------------------------------------- */

static bool hpet_running(const struct hpet *h)
{
    return (h->regs.config & HPET_CONFIG_ENABLE) != 0;
}

bool hpet_legacy(const struct hpet *h)
{
    return (h->regs.config & HPET_CONFIG_LEGACY) != 0;
}

static uint64_t hpet_count(const struct hpet *h, vm_ns_t now)
{
    uint64_t run = hpet_running(h) ? now / HPET_PERIOD_NS - h->regs.since : 0;
    return h->regs.counter + run;
}

/* Which bits of counter and comparator take part in the comparison. */
static uint64_t hpet_width(const struct hpet_timer *t)
{
    return (t->conf & HPET_CONF_32) != 0 ? UINT32_MAX : UINT64_MAX;
}

static bool hpet_periodic(const struct hpet_timer *t)
{
    return (t->conf & HPET_CONF_PERIODIC) != 0;
}

/* Counts from the first unchecked one to the next match: 0 if that one matches. */
static uint64_t hpet_distance(const struct hpet_timer *t)
{
    return (t->comparator - t->checked - 1) & hpet_width(t);
}

/* Where comparator n's interrupt goes: HPET_DEST_*, or an I/O APIC pin. */
static uint32_t hpet_dest(const struct hpet *h, uint32_t n)
{
    if (hpet_legacy(h) && n < 2) {
        return n == 0 ? HPET_DEST_IRQ0 : HPET_DEST_IRQ8;
    }
    uint32_t route = (h->regs.timer[n].conf & HPET_CONF_ROUTE) >> 9;
    return (HPET_ROUTES >> route & 1u) != 0 ? route : HPET_DEST_NONE;
}

static uint32_t hpet_pin_of(uint32_t dest)
{
    if (dest == HPET_DEST_IRQ0) {
        return HPET_PIN_IRQ0;
    }
    return dest == HPET_DEST_IRQ8 ? HPET_PIN_IRQ8 : dest;
}

/* --- Interrupts ------------------------------------------------------------------------------- */

static struct irq_line hpet_line(const struct hpet *h, uint32_t dest)
{
    if (dest == HPET_DEST_IRQ0) {
        return h->wiring.irq0;
    }
    if (dest == HPET_DEST_IRQ8) {
        return h->wiring.irq8;
    }
    struct irq_line line = h->wiring.io_apic;
    line.pin = dest;
    return line;
}

/* Level-triggered comparators hold their lines while their status is set; lines may be shared. */
static void hpet_drive(struct hpet *h)
{
    uint32_t want = 0;
    for (uint32_t n = 0; n < HPET_TIMERS; n++) {
        uint32_t need = HPET_CONF_LEVEL | HPET_CONF_ENABLE;
        uint32_t dest = hpet_dest(h, n);
        if (hpet_running(h) && (h->regs.timer[n].conf & need) == need &&
            (h->regs.status & BIT32(n)) != 0 && dest != HPET_DEST_NONE) {
            want |= BIT32(dest);
        }
    }
    uint32_t changed = want ^ h->regs.driven;
    h->regs.driven = want;
    for (uint32_t dest = 0; dest < HPET_DEST_COUNT; dest++) {
        if ((changed & BIT32(dest)) != 0) {
            struct irq_line line = hpet_line(h, dest);
            irq_line_set(&line, (want & BIT32(dest)) != 0);
        }
    }
}

/* Requests comparator n's interrupt once. */
static void hpet_raise(struct hpet *h, uint32_t n)
{
    uint32_t dest = hpet_dest(h, n);
    if ((h->regs.timer[n].conf & HPET_CONF_LEVEL) != 0) {
        h->regs.status |= BIT32(n);
        hpet_drive(h);
    } else if (dest != HPET_DEST_NONE && (h->regs.driven & BIT32(dest)) == 0) {
        struct irq_line line = hpet_line(h, dest);
        irq_line_pulse(&line);
    }
}

/* Comparator n matched, `times` times since we looked last. */
static void hpet_expire(struct hpet *h, uint32_t n, uint64_t times)
{
    struct hpet_timer *t = &h->regs.timer[n];
    if ((t->conf & HPET_CONF_ENABLE) == 0) {
        /* 2.3.8: a comparator whose interrupt is disabled still shows its status. */
        h->regs.status |= (t->conf & HPET_CONF_LEVEL) != 0 ? BIT32(n) : 0u;
        return;
    }
    if (hpet_periodic(t)) {
        if (t->ticks.waiting == 0) {
            t->cleared = 0;
        }
        ticks_add(&t->ticks, h->wiring.policy, times);
    } else {
        ticks_once(&t->ticks);
    }
    hpet_raise(h, n);
}

/* The number of matches up to `count`; moves the accumulator past it. */
static uint64_t hpet_matches(struct hpet_timer *t, uint64_t count)
{
    uint64_t elapsed = count - t->checked;
    uint64_t distance = hpet_distance(t);
    if (elapsed <= distance) {
        t->checked = count;
        return 0;
    }
    uint64_t past = elapsed - 1 - distance; /* counts since the first of them */
    t->checked = count;
    if (!hpet_periodic(t) || t->period == 0) {
        return 1; /* or more, where 32 bits wrapped: one interrupt all the same */
    }
    uint64_t more = past / t->period;
    t->comparator = (t->comparator + (more + 1) * t->period) & hpet_width(t);
    return more + 1;
}

static void hpet_tick(void *dev, vm_ns_t now)
{
    struct hpet *h = dev;
    if (!hpet_running(h)) {
        return;
    }
    uint64_t count = hpet_count(h, now);
    for (uint32_t n = 0; n < HPET_TIMERS; n++) {
        uint64_t times = hpet_matches(&h->regs.timer[n], count);
        if (times != 0) {
            hpet_expire(h, n, times);
        }
    }
}

/* One comparator's next deadline, in periods of guest time; UINT64_MAX for never. */
static uint64_t hpet_next(const struct hpet *h, const struct hpet_timer *t)
{
    uint64_t checked = h->regs.since + (t->checked + 1 - h->regs.counter);
    uint64_t wait = hpet_distance(t);
    uint64_t next = UINT64_MAX;
    if ((t->conf & HPET_CONF_ENABLE) == 0) {
        return next;
    }
    if (hpet_periodic(t) && t->period < HPET_PACE && wait < HPET_PACE) {
        wait = HPET_PACE;
    }
    (void)u64_add(checked, wait, &next); /* stays at never if that is beyond time */
    return next;
}

static vm_ns_t hpet_deadline(const void *dev)
{
    const struct hpet *h = dev;
    uint64_t next = UINT64_MAX;
    if (hpet_running(h)) {
        for (uint32_t n = 0; n < HPET_TIMERS; n++) {
            next = vm_ns_min(next, hpet_next(h, &h->regs.timer[n]));
        }
    }
    return next > VM_NS_NEVER / HPET_PERIOD_NS - 1 ? VM_NS_NEVER : next * HPET_PERIOD_NS;
}

void hpet_eoi(struct hpet *h, uint32_t pin)
{
    for (uint32_t n = 0; n < HPET_TIMERS; n++) {
        struct hpet_timer *t = &h->regs.timer[n];
        if (hpet_pin_of(hpet_dest(h, n)) != pin || !hpet_periodic(t)) {
            continue;
        }
        /* Level, and the guest has not yet served the comparator: this EOI came before. */
        bool status = (h->regs.status & BIT32(n)) != 0;
        if (status && t->cleared == 0) {
            continue;
        }
        if (ticks_eoi(&t->ticks, h->wiring.policy)) {
            t->cleared = 0;
            hpet_raise(h, n);
        }
    }
}

/* --- Registers -------------------------------------------------------------------------------- */

static void hpet_give_up_all(struct hpet *h)
{
    for (uint32_t n = 0; n < HPET_TIMERS; n++) {
        ticks_give_up(&h->regs.timer[n].ticks);
    }
}

/* @pre hpet_tick(h, now) was called. */
static void hpet_write_config(struct hpet *h, uint64_t val, vm_ns_t now)
{
    uint32_t config = (uint32_t)val & (HPET_CONFIG_ENABLE | HPET_CONFIG_LEGACY);
    if (config == h->regs.config) {
        return;
    }
    h->regs.counter = hpet_count(h, now);
    h->regs.since = now / HPET_PERIOD_NS;
    h->regs.config = config;
    hpet_give_up_all(h);
    hpet_drive(h);
}

static void hpet_write_status(struct hpet *h, uint64_t val)
{
    for (uint32_t n = 0; n < HPET_TIMERS; n++) {
        if ((val & h->regs.status & BIT32(n)) != 0) {
            h->regs.timer[n].cleared = 1;
        }
    }
    h->regs.status &= ~(uint32_t)val;
    hpet_drive(h);
}

/* 2.3.7: to be written while halted. While running, it counts on from the new value. */
static void hpet_write_counter(struct hpet *h, uint64_t val, vm_ns_t now)
{
    h->regs.counter = val;
    h->regs.since = now / HPET_PERIOD_NS;
    for (uint32_t n = 0; n < HPET_TIMERS; n++) {
        h->regs.timer[n].checked = val - 1; /* the value itself is compared, too */
    }
}

static void hpet_write_conf(struct hpet *h, uint32_t n, uint64_t val)
{
    struct hpet_timer *t = &h->regs.timer[n];
    uint32_t conf = (uint32_t)val & HPET_CONF_RW;
    if (n != 0) {
        conf &= ~HPET_CONF_PERIODIC;
    }
    if ((HPET_ROUTES >> ((conf & HPET_CONF_ROUTE) >> 9) & 1u) == 0) {
        conf &= ~HPET_CONF_ROUTE; /* 2.3.8: software sees by reading back that it was refused */
    }
    if (((conf ^ t->conf) & ~HPET_CONF_32) != 0) {
        ticks_give_up(&t->ticks);
    }
    t->conf = conf;
    t->val_set = hpet_periodic(t) && (val & HPET_CONF_VAL_SET) != 0;
    t->comparator &= hpet_width(t);
    t->period &= hpet_width(t);
    if ((conf & HPET_CONF_LEVEL) == 0) {
        h->regs.status &= ~BIT32(n);
    }
    hpet_drive(h);
}

/* 2.3.9.2.2: in periodic mode a write sets the period; with VAL_SET, the accumulator as well. */
static void hpet_write_comparator(struct hpet *h, uint32_t n, uint64_t val, uint64_t mask,
                                  uint64_t count)
{
    struct hpet_timer *t = &h->regs.timer[n];
    if (hpet_periodic(t)) {
        t->period = ((t->period & ~mask) | (val & mask)) & hpet_width(t);
    }
    if (!hpet_periodic(t) || t->val_set != 0) {
        t->comparator = ((t->comparator & ~mask) | (val & mask)) & hpet_width(t);
        t->checked = count - 1; /* equal to the counter is a match; less waits for the wrap */
        t->val_set = 0;
        ticks_give_up(&t->ticks);
    }
}

static uint64_t hpet_read_timer(const struct hpet *h, uint32_t n, uint32_t reg)
{
    const struct hpet_timer *t = &h->regs.timer[n];
    uint32_t caps = HPET_CONF_CAN_64 | (n == 0 ? HPET_CONF_CAN_PERIOD : 0u);
    switch (reg) {
    case HPET_CONF:
        return (uint64_t)HPET_ROUTES << 32 | t->conf | caps;
    case HPET_COMPARATOR:
        return t->comparator;
    default:
        return 0; /* no FSB route */
    }
}

/* The 64-bit register at `reg`; what is reserved reads as 0. */
static uint64_t hpet_read_reg(const struct hpet *h, uint32_t reg, vm_ns_t now)
{
    if (reg >= HPET_TIMER(0) && reg < HPET_TIMER(HPET_TIMERS)) {
        return hpet_read_timer(h, (reg - HPET_TIMER(0)) / 0x20u, reg % 0x20u);
    }
    switch (reg) {
    case HPET_CAPS:
        return HPET_PERIOD_FS << 32 | HPET_CAPS_ID;
    case HPET_CONFIG:
        return h->regs.config;
    case HPET_STATUS:
        return h->regs.status;
    case HPET_COUNTER:
        return hpet_count(h, now);
    default:
        return 0;
    }
}

static uint64_t hpet_read(void *dev, struct bus_access a, vm_ns_t now)
{
    struct hpet *h = dev;
    hpet_tick(h, now);
    uint64_t val = hpet_read_reg(h, (uint32_t)a.off & ~7u, now);
    return val >> (8u * (a.off & 4u)) & ones_bytes(a.size);
}

/* `val` and `mask` are in place within the 64-bit register. */
static void hpet_write_timer(struct hpet *h, uint32_t reg, uint64_t val, uint64_t mask,
                             uint64_t count)
{
    uint32_t n = (reg - HPET_TIMER(0)) / 0x20u;
    if (reg % 0x20u == HPET_CONF && (mask & 1u) != 0) {
        hpet_write_conf(h, n, val);
    } else if (reg % 0x20u == HPET_COMPARATOR) {
        hpet_write_comparator(h, n, val, mask, count);
    }
}

static void hpet_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct hpet *h = dev;
    uint32_t reg = (uint32_t)a.off & ~7u;
    uint32_t shift = 8u * (uint32_t)(a.off & 4u);
    uint64_t mask = ones_bytes(a.size) << shift;
    hpet_tick(h, now);
    uint64_t count = hpet_count(h, now);
    val <<= shift;
    if (reg >= HPET_TIMER(0) && reg < HPET_TIMER(HPET_TIMERS)) {
        hpet_write_timer(h, reg, val, mask, count);
    } else if (reg == HPET_CONFIG && shift == 0) {
        hpet_write_config(h, val, now);
    } else if (reg == HPET_STATUS && shift == 0) {
        hpet_write_status(h, val);
    } else if (reg == HPET_COUNTER) {
        hpet_write_counter(h, (count & ~mask) | (val & mask), now);
    }
    hpet_tick(h, now); /* the counter may stand at a comparator's new value */
}

void hpet_ticks(const struct hpet *h, struct tick_counts *counts)
{
    memset(counts, 0, sizeof(*counts));
    for (uint32_t n = 0; n < HPET_TIMERS; n++) {
        ticks_sum(&h->regs.timer[n].ticks, counts);
    }
}

void hpet_init(struct hpet *h, const struct hpet_wiring *wiring)
{
    memset(h, 0, sizeof(*h));
    h->wiring = *wiring;
}

void hpet_reset(struct hpet *h, vm_ns_t now)
{
    h->regs.config = 0;
    hpet_drive(h); /* lets go of any line */
    memset(&h->regs, 0, sizeof(h->regs));
    h->regs.since = now / HPET_PERIOD_NS;
    for (uint32_t n = 0; n < HPET_TIMERS; n++) {
        h->regs.timer[n].comparator = UINT64_MAX;
        h->regs.timer[n].checked = UINT64_MAX; /* 0 is still to be compared */
    }
}

static bool hpet_timer_valid(const struct hpet_timer *t)
{
    uint32_t route = (t->conf & HPET_CONF_ROUTE) >> 9;
    return (t->conf & ~HPET_CONF_RW) == 0 && (route == 0 || (HPET_ROUTES >> route & 1u) != 0) &&
           t->comparator <= hpet_width(t) && t->period <= hpet_width(t) && t->val_set <= 1 &&
           t->cleared <= 1;
}

bool hpet_valid(const struct hpet *h)
{
    const struct hpet_regs *r = &h->regs;
    return r->config <= (HPET_CONFIG_ENABLE | HPET_CONFIG_LEGACY) &&
           r->status < BIT32(HPET_TIMERS) && r->driven < BIT32(HPET_DEST_COUNT) &&
           hpet_timer_valid(&r->timer[0]) && hpet_timer_valid(&r->timer[1]) &&
           hpet_timer_valid(&r->timer[2]) && !hpet_periodic(&r->timer[1]) &&
           !hpet_periodic(&r->timer[2]);
}

const struct bus_window hpet_windows[HPET_WINDOWS] = {
    {.space = BUS_MMIO, .widths = BUS_W4 | BUS_W8, .base = HPET_BASE, .len = HPET_LEN},
};

const struct bus_dev_ops hpet_ops = {
    .read = hpet_read,
    .write = hpet_write,
    .deadline = hpet_deadline,
    .tick = hpet_tick,
};
