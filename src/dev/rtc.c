/* SPDX-License-Identifier: BSD-2-Clause
 * MC146818A real-time clock. Contract and references: dev/rtc.h. */
#include "dev/rtc.h"

#include "base/arith.h"
#include "base/assert.h"
#include "base/bits.h"
#include "base/date.h"
#include "base/string.h"
#include "dev/rtc_alarm.h"
#include "dev/rtc_state.h"

#define RTC_SECOND_SHIFT 15u           /* positions per second, as a power of two      */
#define RTC_RESTART_POS  (RTC_HZ / 2u) /* first second after a held divider: half a one */
#define RTC_UIP_POS      8u            /* 244 us: update in progress before a second   */
#define RTC_A_INIT       0x26u         /* divider running, 1024 Hz                     */
#define RTC_HOUR_PM      0x80u
#define RTC_FIRST_MEMORY 0x0Eu
#define RTC_DATA_OFF     1u

/* --- The divider chain ----------------------------------------------------------------------- */

static bool rtc_held(const struct rtc_regs *r)
{
    return (r->cmos[RTC_A] & RTC_A_DV) != RTC_A_DV_RUN;
}

/* The calendar stands still: the guest sets it, or the divider is held. */
static bool rtc_frozen(const struct rtc_regs *r)
{
    return rtc_held(r) || (r->cmos[RTC_B] & RTC_B_SET) != 0;
}

static uint64_t rtc_pos_at(const struct rtc_regs *r, vm_ns_t now)
{
    if (rtc_held(r) || now <= r->div_ns) {
        return r->div_pos;
    }
    return r->div_pos + u64_scale(now - r->div_ns, RTC_HZ, VM_NS_PER_S);
}

/* The first guest time at which the chain stands at `pos`. @pre pos is not before div_pos. */
static vm_ns_t rtc_ns_by(const struct rtc_regs *r, uint64_t pos)
{
    vm_ns_t at;
    uint64_t after_ns = u64_scale_up(pos - r->div_pos, VM_NS_PER_S, RTC_HZ);
    return u64_add(r->div_ns, after_ns, &at) ? at : VM_NS_NEVER;
}

static uint64_t rtc_calendar_at(const struct rtc_regs *r, uint64_t pos)
{
    return r->offset_s + (pos >> RTC_SECOND_SHIFT);
}

/* The period of the periodic flag is 2^shift positions; 0: there is none. [MC146818A] table 5 */
static uint32_t rtc_period_shift(const struct rtc_regs *r)
{
    uint32_t rs = r->cmos[RTC_A] & RTC_A_RS;
    if (rs == 0) {
        return 0;
    }
    return rs <= 2u ? rs + 6u : rs - 1u; /* 1 and 2 are the same as 8 and 9 */
}

/* --- Formats --------------------------------------------------------------------------------- */

static uint8_t rtc_encode(const struct rtc_regs *r, uint32_t val)
{
    if ((r->cmos[RTC_B] & RTC_B_DM) != 0) {
        return (uint8_t)val;
    }
    return (uint8_t)((val / 10u << 4) | val % 10u);
}

static uint32_t rtc_decode(const struct rtc_regs *r, uint8_t byte)
{
    if ((r->cmos[RTC_B] & RTC_B_DM) != 0) {
        return byte;
    }
    return (uint32_t)(byte >> 4) * 10u + (byte & 0x0Fu);
}

static uint8_t rtc_encode_hour(const struct rtc_regs *r, uint32_t hour)
{
    if ((r->cmos[RTC_B] & RTC_B_24H) != 0) {
        return rtc_encode(r, hour);
    }
    uint32_t clock = hour % 12u != 0 ? hour % 12u : 12u;
    return (uint8_t)(rtc_encode(r, clock) | (hour >= 12u ? RTC_HOUR_PM : 0u));
}

static uint32_t rtc_decode_hour(const struct rtc_regs *r, uint8_t byte)
{
    if ((r->cmos[RTC_B] & RTC_B_24H) != 0) {
        return rtc_decode(r, byte);
    }
    uint32_t clock = rtc_decode(r, (uint8_t)(byte & ~RTC_HOUR_PM));
    return clock % 12u + ((byte & RTC_HOUR_PM) != 0 ? 12u : 0u);
}

static bool rtc_is_time(uint8_t index)
{
    bool clock = index <= RTC_YEAR && index != RTC_SECONDS_ALARM && index != RTC_MINUTES_ALARM &&
                 index != RTC_HOURS_ALARM;
    return clock || index == RTC_CENTURY;
}

/* Puts the date at `pos` into the time bytes, in the guest's format. */
static void rtc_store_time(struct rtc_regs *r, uint64_t pos)
{
    struct date d;
    date_at(rtc_calendar_at(r, pos), &d);
    r->cmos[RTC_SECONDS] = rtc_encode(r, d.second);
    r->cmos[RTC_MINUTES] = rtc_encode(r, d.minute);
    r->cmos[RTC_HOURS] = rtc_encode_hour(r, d.hour);
    r->cmos[RTC_WEEKDAY] = rtc_encode(r, (d.weekday + r->weekday_shift) % 7u + 1u);
    r->cmos[RTC_DAY] = rtc_encode(r, d.day);
    r->cmos[RTC_MONTH] = rtc_encode(r, d.month);
    r->cmos[RTC_YEAR] = rtc_encode(r, d.year % 100u);
    r->cmos[RTC_CENTURY] = rtc_encode(r, d.year / 100u % 100u);
}

/* Makes the time bytes the date at `pos`. What the guest calls a weekday need not be the right one:
 * the chip only counts it. */
static void rtc_load_time(struct rtc_regs *r, uint64_t pos)
{
    struct date d = {
        .year = rtc_decode(r, r->cmos[RTC_CENTURY]) * 100u + rtc_decode(r, r->cmos[RTC_YEAR]),
        .month = rtc_decode(r, r->cmos[RTC_MONTH]),
        .day = rtc_decode(r, r->cmos[RTC_DAY]),
        .hour = rtc_decode_hour(r, r->cmos[RTC_HOURS]),
        .minute = rtc_decode(r, r->cmos[RTC_MINUTES]),
        .second = rtc_decode(r, r->cmos[RTC_SECONDS]),
    };
    uint32_t weekday = rtc_decode(r, r->cmos[RTC_WEEKDAY]);
    uint64_t calendar_s = date_seconds(&d);
    date_at(calendar_s, &d);
    r->offset_s = calendar_s - (pos >> RTC_SECOND_SHIFT);
    bool known = weekday >= 1u && weekday <= 7u;
    r->weekday_shift = known ? (uint8_t)((weekday - 1u + 7u - d.weekday) % 7u) : 0u;
}

/* --- Alarm ----------------------------------------------------------------------------------- */

static struct rtc_alarm rtc_alarm_get(const struct rtc_regs *r)
{
    const uint8_t *byte = r->cmos;
    struct rtc_alarm a;
    a.hour = rtc_alarm_part(byte[RTC_HOURS_ALARM], rtc_decode_hour(r, byte[RTC_HOURS_ALARM]), 24);
    a.minute = rtc_alarm_part(byte[RTC_MINUTES_ALARM], rtc_decode(r, byte[RTC_MINUTES_ALARM]), 60);
    a.second = rtc_alarm_part(byte[RTC_SECONDS_ALARM], rtc_decode(r, byte[RTC_SECONDS_ALARM]), 60);
    return a;
}

/* --- Interrupts ------------------------------------------------------------------------------ */

/* The enable bits of register B stand where the flags of register C do. */
static bool rtc_line_level(const struct rtc_regs *r)
{
    return (r->flags & r->cmos[RTC_B] & RTC_B_IE) != 0;
}

static void rtc_update_line(struct rtc *r)
{
    uint8_t level = rtc_line_level(&r->regs) ? 1u : 0u;
    if (level != r->regs.line) {
        r->regs.line = level;
        irq_line_set(&r->wiring.irq, level != 0);
    }
}

static void rtc_deliver_tick(struct rtc_regs *r)
{
    r->flags |= RTC_C_PF;
    r->pf_counted = 1;
    r->ticks.delivered++;
}

/* `edges` of the periodic rate have passed. Without PIE they only set the flag: nobody is owed. */
static void rtc_periodic(struct rtc *r, uint64_t edges)
{
    struct rtc_regs *regs = &r->regs;
    if (edges == 0) {
        return;
    }
    if ((regs->cmos[RTC_B] & RTC_B_PIE) == 0) {
        regs->flags |= RTC_C_PF;
        return;
    }
    uint64_t left = edges;
    regs->ticks.due += edges;
    if ((regs->flags & RTC_C_PF) == 0) {
        rtc_deliver_tick(regs);
        left--;
    }
    if (r->wiring.policy == TICK_CATCH_UP) {
        regs->ticks.backlog += left;
    } else {
        regs->ticks.merged += left;
    }
}

/* Update cycles at the seconds after `from` up to and at `to`. */
static void rtc_updates(struct rtc_regs *r, uint64_t from, uint64_t to)
{
    if (from >> RTC_SECOND_SHIFT == to >> RTC_SECOND_SHIFT) {
        return;
    }
    struct rtc_alarm alarm = rtc_alarm_get(r);
    uint64_t before = rtc_alarm_count(&alarm, rtc_calendar_at(r, from));
    uint64_t after = rtc_alarm_count(&alarm, rtc_calendar_at(r, to));
    r->flags |= RTC_C_UF;
    if (after != before) {
        r->flags |= RTC_C_AF;
    }
}

/* Brings the flags up to `now`. Whatever changes rate, date, alarm or enables comes after. */
static void rtc_advance(struct rtc *r, vm_ns_t now)
{
    struct rtc_regs *regs = &r->regs;
    uint64_t from = regs->seen_pos;
    uint64_t to = rtc_pos_at(regs, now);
    if (to <= from) {
        return;
    }
    uint32_t shift = rtc_period_shift(regs);
    if (shift != 0) {
        rtc_periodic(r, (to >> shift) - (from >> shift));
    }
    if (!rtc_frozen(regs)) {
        rtc_updates(regs, from, to);
    }
    regs->seen_pos = to;
}

/* The guest stops or reprograms the periodic interrupt: what it was owed is void. */
static void rtc_drop_backlog(struct rtc_regs *r)
{
    r->ticks.merged += r->ticks.backlog;
    r->ticks.backlog = 0;
}

/* PIE goes on with the flag already up: that interrupts at once, and counts as one tick unless it
 * was counted before. */
static void rtc_count_pending(struct rtc_regs *r)
{
    if ((r->flags & RTC_C_PF) != 0 && r->pf_counted == 0) {
        r->ticks.due++;
        rtc_deliver_tick(r);
    }
}

/* --- Register access ------------------------------------------------------------------------- */

/* Registers A and B together, because either can freeze the calendar. @pre advanced to `now`. */
static void rtc_set_control(struct rtc_regs *r, uint8_t reg_a, uint8_t reg_b, vm_ns_t now)
{
    uint64_t pos = rtc_pos_at(r, now);
    bool was_held = rtc_held(r);
    bool was_frozen = rtc_frozen(r);
    if (!was_frozen) {
        rtc_store_time(r, pos); /* in the old format; only looked at if it freezes now */
    }
    r->cmos[RTC_A] = reg_a;
    r->cmos[RTC_B] = reg_b;
    if (rtc_held(r) && !was_held) {
        r->div_pos = pos;
        r->div_ns = now;
    } else if (was_held && !rtc_held(r)) {
        /* The chain starts afresh, half a second before its first update. */
        r->div_pos = RTC_RESTART_POS;
        r->div_ns = now;
        r->seen_pos = RTC_RESTART_POS;
        pos = RTC_RESTART_POS;
    }
    if (was_frozen && !rtc_frozen(r)) {
        rtc_load_time(r, pos);
    }
}

static void rtc_write_a(struct rtc_regs *r, uint8_t val, vm_ns_t now)
{
    uint8_t reg_a = val & RTC_A_RW;
    if (reg_a != r->cmos[RTC_A]) {
        rtc_drop_backlog(r);
    }
    rtc_set_control(r, reg_a, r->cmos[RTC_B], now);
}

static void rtc_write_b(struct rtc_regs *r, uint8_t val, vm_ns_t now)
{
    uint8_t reg_b = val;
    if ((val & RTC_B_SET) != 0) {
        reg_b &= (uint8_t)~RTC_B_UIE; /* SET takes UIE down with it */
    }
    rtc_set_control(r, r->cmos[RTC_A], reg_b, now);
    if ((reg_b & RTC_B_PIE) != 0) {
        rtc_count_pending(r);
    } else {
        rtc_drop_backlog(r);
    }
}

/* Reading takes all flags, and the next tick that is owed takes its turn. The line falls in
 * between, since an edge-triggered interrupt controller must see each tick. */
static uint8_t rtc_read_c(struct rtc *r)
{
    struct rtc_regs *regs = &r->regs;
    uint8_t val = (uint8_t)(regs->flags | (rtc_line_level(regs) ? RTC_C_IRQF : 0u));
    regs->flags = 0;
    regs->pf_counted = 0;
    rtc_update_line(r);
    if (regs->ticks.backlog != 0) {
        regs->ticks.backlog--;
        rtc_deliver_tick(regs);
    }
    return val;
}

static uint8_t rtc_read_a(const struct rtc_regs *r, vm_ns_t now)
{
    uint64_t in_second = rtc_pos_at(r, now) % RTC_HZ;
    bool uip = !rtc_frozen(r) && in_second >= RTC_HZ - RTC_UIP_POS;
    return (uint8_t)(r->cmos[RTC_A] | (uip ? RTC_A_UIP : 0u));
}

static uint8_t rtc_read_data(struct rtc *r, vm_ns_t now)
{
    struct rtc_regs *regs = &r->regs;
    uint8_t index = regs->index;
    if (index == RTC_A) {
        return rtc_read_a(regs, now);
    }
    if (index == RTC_C) {
        return rtc_read_c(r);
    }
    if (index == RTC_D) {
        return RTC_D_VRT;
    }
    if (rtc_is_time(index) && !rtc_frozen(regs)) {
        rtc_store_time(regs, rtc_pos_at(regs, now));
    }
    return regs->cmos[index];
}

/* A time byte while the clock runs: the rest of the date stays as it is. */
static void rtc_write_time(struct rtc_regs *r, uint8_t val, vm_ns_t now)
{
    if (rtc_frozen(r)) {
        r->cmos[r->index] = val;
        return;
    }
    uint64_t pos = rtc_pos_at(r, now);
    rtc_store_time(r, pos);
    r->cmos[r->index] = val;
    rtc_load_time(r, pos);
}

static void rtc_write_data(struct rtc_regs *r, uint8_t val, vm_ns_t now)
{
    if (r->index == RTC_A) {
        rtc_write_a(r, val, now);
    } else if (r->index == RTC_B) {
        rtc_write_b(r, val, now);
    } else if (rtc_is_time(r->index)) {
        rtc_write_time(r, val, now);
    } else if (r->index != RTC_C && r->index != RTC_D) {
        r->cmos[r->index] = val;
    }
}

static uint64_t rtc_read(void *dev, struct bus_access a, vm_ns_t now)
{
    struct rtc *r = dev;
    if (a.off != RTC_DATA_OFF) {
        return ones_bytes(a.size); /* the index is write-only */
    }
    rtc_advance(r, now);
    uint8_t val = rtc_read_data(r, now);
    rtc_update_line(r);
    return val;
}

static void rtc_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct rtc *r = dev;
    if (a.off != RTC_DATA_OFF) {
        r->regs.index = (uint8_t)(val & (RTC_CMOS_BYTES - 1u));
        r->regs.nmi_mask = (uint8_t)(val & RTC_INDEX_NMI_MASK);
        return;
    }
    rtc_advance(r, now);
    rtc_write_data(&r->regs, (uint8_t)val, now);
    rtc_update_line(r);
}

/* --- Time ------------------------------------------------------------------------------------ */

/* The second at which the alarm next matches, as a position. @pre not frozen. */
static uint64_t rtc_alarm_pos(const struct rtc_regs *r)
{
    struct rtc_alarm alarm = rtc_alarm_get(r);
    if (rtc_alarm_per_day(&alarm) == 0) {
        return UINT64_MAX;
    }
    uint64_t seen = rtc_alarm_count(&alarm, rtc_calendar_at(r, r->seen_pos));
    return (rtc_alarm_nth(&alarm, seen) - r->offset_s) << RTC_SECOND_SHIFT;
}

/* While the line is active no event can change it, so there is nothing to come back for. */
static vm_ns_t rtc_deadline(const void *dev)
{
    const struct rtc_regs *r = &((const struct rtc *)dev)->regs;
    uint8_t enabled = r->cmos[RTC_B];
    uint64_t next = UINT64_MAX;
    if (r->line != 0 || rtc_held(r)) {
        return VM_NS_NEVER;
    }
    uint32_t shift = rtc_period_shift(r);
    if (shift != 0 && (enabled & RTC_B_PIE) != 0) {
        next = ((r->seen_pos >> shift) + 1u) << shift;
    }
    if (!rtc_frozen(r)) {
        if ((enabled & RTC_B_UIE) != 0) {
            uint64_t second = ((r->seen_pos >> RTC_SECOND_SHIFT) + 1u) << RTC_SECOND_SHIFT;
            next = next < second ? next : second;
        }
        if ((enabled & RTC_B_AIE) != 0) {
            uint64_t alarm = rtc_alarm_pos(r);
            next = next < alarm ? next : alarm;
        }
    }
    return next != UINT64_MAX ? rtc_ns_by(r, next) : VM_NS_NEVER;
}

static void rtc_tick(void *dev, vm_ns_t now)
{
    struct rtc *r = dev;
    rtc_advance(r, now);
    rtc_update_line(r);
}

/* --- For the board --------------------------------------------------------------------------- */

void rtc_init(struct rtc *r, const struct rtc_wiring *w)
{
    memset(r, 0, sizeof(*r));
    r->wiring = *w;
    uint64_t epoch_s = w->epoch_s < RTC_EPOCH_MAX_S ? w->epoch_s : RTC_EPOCH_MAX_S;
    r->regs.offset_s = DATE_UNIX_EPOCH_S + epoch_s;
    r->regs.cmos[RTC_A] = RTC_A_INIT;
    r->regs.cmos[RTC_B] = RTC_B_24H;
}

void rtc_reset(struct rtc *r, vm_ns_t now)
{
    struct rtc_regs *regs = &r->regs;
    rtc_advance(r, now);
    rtc_drop_backlog(regs);
    regs->cmos[RTC_B] &= (uint8_t) ~(RTC_B_IE | RTC_B_SQWE);
    regs->flags = 0;
    regs->pf_counted = 0;
    regs->index = 0;
    regs->nmi_mask = 0;
    rtc_update_line(r);
}

bool rtc_is_memory(uint8_t index)
{
    return index >= RTC_FIRST_MEMORY && index < RTC_CMOS_BYTES && index != RTC_CENTURY;
}

void rtc_set_cmos(struct rtc *r, uint8_t index, uint8_t value)
{
    BH_ASSERT(rtc_is_memory(index));
    r->regs.cmos[index] = value;
}

bool rtc_nmi_masked(const struct rtc *r)
{
    return r->regs.nmi_mask != 0;
}

void rtc_ticks(const struct rtc *r, struct tick_counts *out)
{
    *out = r->regs.ticks;
}

bool rtc_valid(const struct rtc *r)
{
    const struct rtc_regs *regs = &r->regs;
    const struct tick_counts *t = &regs->ticks;
    bool fields = regs->index < RTC_CMOS_BYTES && (regs->flags & ~RTC_C_FLAGS) == 0 &&
                  (regs->nmi_mask & ~RTC_INDEX_NMI_MASK) == 0 && regs->weekday_shift < 7u;
    bool control = (regs->cmos[RTC_A] & ~RTC_A_RW) == 0 && regs->seen_pos >= regs->div_pos;
    bool ticks = t->due == t->delivered + t->backlog + t->merged;
    bool flags = regs->line <= 1 && regs->pf_counted <= 1;
    bool owed = t->backlog == 0 || (regs->cmos[RTC_B] & RTC_B_PIE) != 0;
    bool counted = regs->pf_counted == 0 || (regs->flags & RTC_C_PF) != 0;
    return fields && flags && control && ticks && owed && counted &&
           (regs->line != 0) == rtc_line_level(regs);
}

const struct bus_window rtc_windows[RTC_WINDOWS] = {
    {.space = BUS_PIO, .widths = BUS_W1, .len = RTC_PORTS, .base = RTC_PORT},
};

const struct bus_dev_ops rtc_ops = {
    .read = rtc_read,
    .write = rtc_write,
    .deadline = rtc_deadline,
    .tick = rtc_tick,
};
