/* SPDX-License-Identifier: BSD-2-Clause
 * Intel 8254. Section names are those of [8254] "Detailed description" and "Mode definitions". */
#include "dev/pit.h"

#include "base/arith.h"
#include "base/string.h"
#include "dev/pit_state.h"

#define PIT_REFRESH_CLOCKS 18 /* a PC's channel 1: one refresh request each 15.1 us */

/* --- Predicates and arithmetic --------------------------------------------------------------- */

static int64_t pit_clock(vm_ns_t now)
{
    return (int64_t)u64_scale(now, PIT_HZ, VM_NS_PER_S); /* below 2^55 for any now */
}

/* Modes 6 and 7 are 2 and 3: their highest bit is not decoded. */
static uint32_t pit_mode(const struct pit_channel *ch)
{
    uint32_t mode = (ch->control & PIT_CONTROL_MODE) >> 1;
    return mode > 5 ? mode - 4 : mode;
}

static bool pit_periodic(const struct pit_channel *ch)
{
    uint32_t mode = pit_mode(ch);
    return mode == 2 || mode == 3;
}

static bool pit_bcd(const struct pit_channel *ch)
{
    return (ch->control & PIT_CONTROL_BCD) != 0;
}

/* Mode 3: clocks for which OUT is high in each period. */
static int64_t pit_high_clocks(uint32_t reload)
{
    return (int64_t)((reload + 1) / 2);
}

/* A counter that ran through zero shows its complement: it has four digits of its base. */
static uint32_t pit_wrap(const struct pit_channel *ch, int64_t count)
{
    int64_t modulus = pit_bcd(ch) ? 10000 : 65536;
    int64_t rest = count % modulus;
    return (uint32_t)(rest < 0 ? rest + modulus : rest);
}

/* The count as the guest reads it. */
static uint16_t pit_encode(const struct pit_channel *ch, uint32_t count)
{
    if (!pit_bcd(ch)) {
        return (uint16_t)count;
    }
    return (uint16_t)(count % 10 | (count / 10 % 10) << 4 | (count / 100 % 10) << 8 |
                      (count / 1000 % 10) << 12);
}

/* The count that the guest wrote. 0 is the largest. A digit beyond 9 counts as its value. */
static uint32_t pit_decode(const struct pit_channel *ch, uint32_t raw)
{
    if (!pit_bcd(ch)) {
        return raw == 0 ? 65536 : raw;
    }
    uint32_t count = (raw >> 12) * 1000 + (raw >> 8 & 15) * 100 + (raw >> 4 & 15) * 10 + (raw & 15);
    return count == 0 ? 10000 : count;
}

/* The counting element at `clock`. @pre pit_advance(ch, clock) was called. */
static uint32_t pit_count_at(const struct pit_channel *ch, int64_t clock)
{
    int64_t elapsed = clock - ch->start;
    if (ch->frozen != 0) {
        return pit_periodic(ch) ? ch->held : pit_wrap(ch, ch->left);
    }
    if (ch->running == 0 || elapsed < 0) {
        return ch->held;
    }
    if (!pit_periodic(ch)) {
        return pit_wrap(ch, (int64_t)ch->reload - elapsed);
    }
    elapsed %= ch->reload;
    if (pit_mode(ch) == 2) {
        return pit_wrap(ch, (int64_t)ch->reload - elapsed);
    }
    /* Mode 3 counts down by two in each half, from the count made even. */
    int64_t high = pit_high_clocks(ch->reload);
    int64_t half = elapsed < high ? elapsed : elapsed - high;
    return pit_wrap(ch, (int64_t)(ch->reload & ~1u) - 2 * half);
}

/* The level of OUT at `clock`. A count of 1 in modes 2 and 3 is illegal and never moves OUT. */
static bool pit_out_at(const struct pit_channel *ch, int64_t clock)
{
    int64_t elapsed = clock - ch->start;
    if (ch->frozen != 0) {
        return pit_mode(ch) != 0 || ch->left <= 0;
    }
    if (ch->running == 0 || elapsed < 0) {
        return ch->held_out != 0;
    }
    switch (pit_mode(ch)) {
    case 0:
    case 1:
        return elapsed >= ch->reload;
    case 2:
        return ch->reload < 2 || elapsed % ch->reload != ch->reload - 1;
    case 3:
        return elapsed % ch->reload < pit_high_clocks(ch->reload);
    default: /* 4, 5: a strobe of one clock */
        return elapsed != ch->reload;
    }
}

/* Clocks from the load to the rise of OUT, in the modes that end. */
static int64_t pit_end(const struct pit_channel *ch)
{
    return (int64_t)ch->reload + (pit_mode(ch) >= 4 ? 1 : 0);
}

/* --- State changes ----------------------------------------------------------------------------- */

/* Periodic modes: the number of rises of OUT up to `clock`, and `start` moved to the beginning of the
 * period in progress. A count written meanwhile takes over at switch_at. */
static uint64_t pit_advance_periodic(struct pit_channel *ch, int64_t clock)
{
    uint64_t rises = 0;
    if (ch->pending != 0) {
        if (clock < ch->switch_at) {
            return 0;
        }
        bool whole = ch->switch_at - ch->start == ch->reload;
        rises = whole && ch->reload >= 2 ? 1 : 0;
        /* In the middle of mode 3's period, the new count's low half follows. */
        ch->start = ch->switch_at - (whole ? 0 : pit_high_clocks(ch->next));
        ch->reload = ch->next;
        ch->pending = 0;
    }
    int64_t periods = (clock - ch->start) / ch->reload;
    ch->start += periods * ch->reload;
    return rises + (ch->reload >= 2 ? (uint64_t)periods : 0);
}

/* Brings the channel to `clock`; the number of times that OUT rose on the way. */
static uint64_t pit_advance(struct pit_channel *ch, int64_t clock)
{
    if (ch->running == 0 || ch->frozen != 0 || clock < ch->start) {
        return 0;
    }
    if (pit_periodic(ch)) {
        return pit_advance_periodic(ch, clock);
    }
    if (ch->fired != 0 || clock - ch->start < pit_end(ch)) {
        return 0;
    }
    ch->fired = 1;
    return 1;
}

/* Remembers what the counter shows until the next clock loads it. */
static void pit_hold(struct pit_channel *ch, int64_t clock, bool out)
{
    ch->held = pit_count_at(ch, clock);
    ch->held_out = out;
}

/* The next clock loads the count and starts it. */
static void pit_start(struct pit_channel *ch, uint32_t count, int64_t clock)
{
    ch->reload = count;
    ch->start = clock + 1;
    ch->running = 1;
    ch->frozen = 0;
    ch->pending = 0;
    ch->fired = 0;
}

static void pit_load_periodic(struct pit_channel *ch, uint32_t count, int64_t clock)
{
    int64_t elapsed = clock - ch->start;
    if (ch->running == 0) {
        pit_start(ch, count, clock);
        ch->frozen = ch->gate == 0;
    } else if (ch->frozen == 0 && elapsed < 0) {
        ch->reload = count; /* rewritten before the clock that loads it */
    } else {
        bool high = pit_mode(ch) == 3 && elapsed < pit_high_clocks(ch->reload);
        ch->switch_at = ch->start + (high ? pit_high_clocks(ch->reload) : (int64_t)ch->reload);
        ch->next = count;
        ch->pending = 1;
    }
}

/* A whole count was written. */
static void pit_load(struct pit_channel *ch, uint32_t raw, int64_t clock)
{
    uint32_t count = pit_decode(ch, raw);
    uint32_t mode = pit_mode(ch);
    if (pit_periodic(ch)) {
        pit_load_periodic(ch, count, clock);
    } else if (mode == 1 || mode == 5) {
        ch->next = count; /* the next trigger takes it */
        ch->pending = 1;
    } else {
        pit_hold(ch, clock, mode == 4);
        pit_start(ch, count, clock);
        ch->frozen = ch->gate == 0;
        ch->left = count;
    }
}

/* Modes 1 and 5: a rising gate starts the count over. */
static void pit_trigger(struct pit_channel *ch, int64_t clock)
{
    if (ch->running == 0 && ch->pending == 0) {
        return; /* no count yet */
    }
    pit_hold(ch, clock, pit_mode(ch) == 5 || pit_out_at(ch, clock));
    pit_start(ch, ch->pending != 0 ? ch->next : ch->reload, clock);
}

/* Modes 0 and 4: the gate holds the count and lets it go on. */
static void pit_pause(struct pit_channel *ch, int64_t clock)
{
    int64_t reload = ch->reload;
    if (ch->gate != 0) {
        ch->start = clock - (reload - ch->left);
        ch->frozen = 0;
    } else {
        int64_t left = reload - (clock - ch->start);
        ch->left = left > reload ? reload : left; /* the gate does not hold up the load */
        ch->frozen = 1;
    }
}

/* Modes 2 and 3: a low gate forces OUT high; a rising one starts the period over. */
static void pit_restart(struct pit_channel *ch, int64_t clock)
{
    if (ch->gate != 0) {
        pit_start(ch, ch->pending != 0 ? ch->next : ch->reload, clock);
    } else {
        pit_hold(ch, clock, true);
        ch->frozen = 1;
    }
}

static void pit_set_gate(struct pit_channel *ch, bool gate, int64_t clock)
{
    if (gate == (ch->gate != 0)) {
        return;
    }
    ch->gate = gate;
    uint32_t mode = pit_mode(ch);
    if (mode == 1 || mode == 5) {
        if (gate) {
            pit_trigger(ch, clock);
        }
    } else if (ch->running != 0) {
        if (pit_periodic(ch)) {
            pit_restart(ch, clock);
        } else {
            pit_pause(ch, clock);
        }
    }
}

static void pit_latch_count(struct pit_channel *ch, int64_t clock)
{
    if (ch->count_latched == 0) {
        ch->latch = pit_encode(ch, pit_count_at(ch, clock));
        ch->count_latched = 1;
    }
}

static void pit_latch_status(struct pit_channel *ch, int64_t clock)
{
    if (ch->status_latched != 0) {
        return;
    }
    bool null = ch->running == 0 || ch->pending != 0 || (ch->frozen == 0 && clock < ch->start);
    ch->status = (uint8_t)(ch->control | (pit_out_at(ch, clock) ? PIT_STATUS_OUT : 0u) |
                           (null ? PIT_STATUS_NULL : 0u));
    ch->status_latched = 1;
}

/* A control word stops the channel until it gets a count. */
static void pit_set_mode(struct pit_channel *ch, uint8_t control, int64_t clock)
{
    pit_hold(ch, clock, (control & PIT_CONTROL_MODE) != 0);
    ch->control = control;
    ch->running = 0;
    ch->frozen = 0;
    ch->pending = 0;
    ch->count_latched = 0;
    ch->status_latched = 0;
    ch->read_msb = 0;
    ch->write_msb = 0;
}

/* --- Channel 0's line ----------------------------------------------------------------------------
 * The line follows OUT, but for the short lows between periodic ticks: each tick is a fall and a rise
 * at once. To an edge-triggered input that is the same, and it saves an exit per tick. */

static void pit_set_line(struct pit *p, bool level)
{
    if (level != (p->regs.line != 0)) {
        p->regs.line = level;
        irq_line_set(&p->wiring.out0, level);
    }
}

static void pit_raise(struct pit *p)
{
    pit_set_line(p, false);
    pit_set_line(p, true);
}

static void pit_tick_at(struct pit *p, int64_t clock)
{
    struct pit_channel *ch = &p->regs.ch[0];
    uint64_t rises = pit_advance(ch, clock);
    if (rises == 0) {
        return;
    }
    if (pit_periodic(ch)) {
        ticks_add(&p->regs.ticks, p->wiring.policy, rises);
    } else {
        ticks_once(&p->regs.ticks);
    }
    pit_raise(p);
}

/* --- Ports --------------------------------------------------------------------------------------- */

static void pit_write_count(struct pit *p, uint32_t n, uint8_t byte, int64_t clock)
{
    struct pit_channel *ch = &p->regs.ch[n];
    uint32_t access = ch->control & PIT_CONTROL_ACCESS;
    if (access == PIT_ACCESS_LSB) {
        pit_load(ch, byte, clock);
    } else if (access == PIT_ACCESS_MSB) {
        pit_load(ch, (uint32_t)byte << 8, clock);
    } else if (ch->write_msb != 0) {
        ch->write_msb = 0;
        pit_load(ch, ch->lsb | (uint32_t)byte << 8, clock);
    } else {
        ch->write_msb = 1;
        ch->lsb = byte;
        if (pit_mode(ch) == 0) { /* the first byte stops the count and lowers OUT at once */
            pit_hold(ch, clock, false);
            ch->running = 0;
            ch->frozen = 0;
        }
    }
    if (n == 0 && pit_mode(ch) == 0) {
        pit_set_line(p, pit_out_at(ch, clock));
    }
}

static void pit_read_back(struct pit *p, uint32_t command, int64_t clock)
{
    for (uint32_t n = 0; n < PIT_CHANNELS; n++) {
        if ((command >> (n + 1) & 1u) == 0) {
            continue;
        }
        if ((command & PIT_READBACK_NO_COUNT) == 0) {
            pit_latch_count(&p->regs.ch[n], clock);
        }
        if ((command & PIT_READBACK_NO_STATUS) == 0) {
            pit_latch_status(&p->regs.ch[n], clock);
        }
    }
}

static void pit_write_control(struct pit *p, uint8_t val, int64_t clock)
{
    uint32_t n = (uint32_t)val >> 6;
    if (n == PIT_CHANNELS) {
        pit_read_back(p, val, clock);
    } else if ((val & PIT_CONTROL_ACCESS) == 0) {
        pit_latch_count(&p->regs.ch[n], clock);
    } else {
        pit_set_mode(&p->regs.ch[n], val & 0x3Fu, clock);
        if (n == 0) {
            ticks_give_up(&p->regs.ticks);
            pit_set_line(p, p->regs.ch[0].held_out != 0);
        }
    }
}

static uint8_t pit_read_count(struct pit_channel *ch, int64_t clock)
{
    if (ch->status_latched != 0) {
        ch->status_latched = 0;
        return ch->status;
    }
    uint32_t access = ch->control & PIT_CONTROL_ACCESS;
    bool both = access == PIT_ACCESS_BOTH;
    bool msb = both ? ch->read_msb != 0 : access == PIT_ACCESS_MSB;
    uint16_t count = ch->count_latched != 0 ? ch->latch : pit_encode(ch, pit_count_at(ch, clock));
    if (both) {
        ch->read_msb = !msb;
    }
    if (!both || msb) {
        ch->count_latched = 0;
    }
    return (uint8_t)(msb ? count >> 8 : count);
}

static uint8_t pit_read_nmi(const struct pit *p, int64_t clock)
{
    uint32_t val = p->regs.nmi;
    val |= (clock / PIT_REFRESH_CLOCKS & 1) != 0 ? PIT_NMI_REFRESH : 0u;
    val |= pit_out_at(&p->regs.ch[2], clock) ? PIT_NMI_OUT2 : 0u;
    return (uint8_t)val;
}

/* Every access first brings all channels to the present. */
static int64_t pit_bring_up(struct pit *p, vm_ns_t now)
{
    int64_t clock = pit_clock(now);
    pit_tick_at(p, clock);
    (void)pit_advance(&p->regs.ch[1], clock);
    (void)pit_advance(&p->regs.ch[2], clock);
    return clock;
}

/* --- The bus's view ------------------------------------------------------------------------------ */

static uint64_t pit_read(void *dev, struct bus_access a, vm_ns_t now)
{
    struct pit *p = dev;
    int64_t clock = pit_bring_up(p, now);
    if (a.window == PIT_WINDOW_NMI) {
        return pit_read_nmi(p, clock);
    }
    if (a.off >= PIT_CHANNELS) {
        return 0xFF; /* the control word cannot be read */
    }
    return pit_read_count(&p->regs.ch[a.off], clock);
}

static void pit_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct pit *p = dev;
    int64_t clock = pit_bring_up(p, now);
    if (a.window == PIT_WINDOW_NMI) {
        p->regs.nmi = (uint8_t)(val & PIT_NMI_RW);
        pit_set_gate(&p->regs.ch[2], (val & PIT_NMI_GATE2) != 0, clock);
    } else if (a.off < PIT_CHANNELS) {
        pit_write_count(p, (uint32_t)a.off, (uint8_t)val, clock);
    } else {
        pit_write_control(p, (uint8_t)val, clock);
    }
}

/* When channel 0's OUT rises next, or a count written to it takes over. */
static vm_ns_t pit_deadline(const void *dev)
{
    const struct pit *p = dev;
    const struct pit_channel *ch = &p->regs.ch[0];
    int64_t clock = ch->start + ch->reload;
    if (ch->running == 0) {
        return VM_NS_NEVER;
    }
    if (!pit_periodic(ch)) {
        if (ch->fired != 0) {
            return VM_NS_NEVER;
        }
        clock = ch->start + pit_end(ch);
    } else if (ch->pending != 0) {
        clock = ch->switch_at;
    } else if (ch->reload < 2) {
        return VM_NS_NEVER;
    }
    return u64_scale_up((uint64_t)clock, VM_NS_PER_S, PIT_HZ);
}

static void pit_tick(void *dev, vm_ns_t now)
{
    pit_tick_at(dev, pit_clock(now));
}

void pit_eoi(struct pit *p)
{
    if (ticks_eoi(&p->regs.ticks, p->wiring.policy)) {
        pit_raise(p);
    }
}

void pit_ticks(const struct pit *p, struct tick_counts *counts)
{
    *counts = p->regs.ticks.counts;
}

void pit_init(struct pit *p, const struct pit_wiring *wiring)
{
    memset(p, 0, sizeof(*p));
    p->wiring = *wiring;
}

void pit_reset(struct pit *p, vm_ns_t now)
{
    memset(&p->regs, 0, sizeof(p->regs));
    for (uint32_t n = 0; n < PIT_CHANNELS; n++) {
        struct pit_channel *ch = &p->regs.ch[n];
        ch->control = PIT_ACCESS_BOTH | 3u << 1;
        ch->start = pit_clock(now);
        ch->reload = 65536;
        ch->held_out = 1;
        ch->gate = n != 2;
    }
    p->regs.line = 1; /* not driven: a rise here would be an interrupt that no guest asked for */
}

static bool pit_channel_valid(const struct pit_channel *ch)
{
    const uint8_t flags = ch->running | ch->frozen | ch->pending | ch->fired | ch->gate |
                          ch->held_out | ch->count_latched | ch->status_latched | ch->read_msb |
                          ch->write_msb;
    return flags <= 1 && ch->control <= 0x3F && (ch->control & PIT_CONTROL_ACCESS) != 0 &&
           ch->reload >= 1 && ch->reload <= 65536 && ch->held <= 65536 &&
           (ch->pending == 0 || (ch->next >= 1 && ch->next <= 65536)) &&
           (ch->frozen == 0 || (ch->running != 0 && ch->gate == 0));
}

bool pit_valid(const struct pit *p)
{
    const struct pit_regs *r = &p->regs;
    return pit_channel_valid(&r->ch[0]) && pit_channel_valid(&r->ch[1]) &&
           pit_channel_valid(&r->ch[2]) && r->ch[0].gate == 1 && r->ch[1].gate == 1 &&
           r->line <= 1 && (r->nmi & ~PIT_NMI_RW) == 0 && r->ch[2].gate == (r->nmi & PIT_NMI_GATE2);
}

const struct bus_window pit_windows[PIT_WINDOWS] = {
    [PIT_WINDOW_CHIP] = {.space = BUS_PIO, .widths = BUS_W1, .base = 0x40, .len = 4},
    [PIT_WINDOW_NMI] = {.space = BUS_PIO, .widths = BUS_W1, .base = 0x61, .len = 1},
};

const struct bus_dev_ops pit_ops = {
    .read = pit_read,
    .write = pit_write,
    .deadline = pit_deadline,
    .tick = pit_tick,
};
