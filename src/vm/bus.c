/* SPDX-License-Identifier: BSD-2-Clause
 * The bus. An access is cut into units: naturally aligned, no larger than the device takes. Most
 * accesses are one unit, in the window that the one before went to; else by one binary search. */
#include "vm/bus.h"

#include <stddef.h>

#include "base/arith.h"
#include "base/assert.h"
#include "base/bits.h"
#include "base/string.h"

/* Physical addresses have 52 bits at most: [SDM] vol. 1, 3.3.1. Bit 63 tells the spaces apart. */
#define BUS_ADDRESS_END (1ull << 63)
#define BUS_SPACE_SHIFT 63u

/* One unit of an access: `size` bytes at `addr`, which lie in `slot`, or in none. */
struct bus_unit {
    const struct bus_slot *slot; /* NULL: nobody claims these bytes     */
    uint64_t addr;
    uint32_t size; /* how many bytes of the access it covers */
};

void bus_init(struct bus *b)
{
    memset(b, 0, sizeof(*b));
}

static uint64_t slot_key(enum bus_space space, uint64_t base)
{
    return base | ((uint64_t)space << BUS_SPACE_SHIFT);
}

/* Index of the first slot that does not stand before (space, addr). */
static uint32_t bus_lower_bound(const struct bus *b, enum bus_space space, uint64_t addr)
{
    uint64_t key = slot_key(space, addr);
    uint32_t lo = 0;
    uint32_t hi = b->slots;
    while (lo < hi) { /* bound: log2(BUS_WINDOWS_MAX) + 1 */
        uint32_t mid = (lo + hi) / 2u;
        if (b->slot[mid].key < key) {
            lo = mid + 1u;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* The slot whose window holds addr, or NULL. */
static const struct bus_slot *bus_find(struct bus *b, enum bus_space space, uint64_t addr)
{
    uint32_t i = bus_lower_bound(b, space, addr);
    if (i == b->slots || b->slot[i].win.base != addr || b->slot[i].win.space != (uint8_t)space) {
        if (i == 0) {
            return NULL;
        }
        i--;
    }
    const struct bus_slot *s = &b->slot[i];
    if (s->win.space != (uint8_t)space || addr - s->win.base >= s->win.len) {
        return NULL;
    }
    b->last[space] = i;
    return s;
}

/* Narrowest width that the window takes. */
static uint32_t narrowest(const struct bus_window *w)
{
    return (uint32_t)w->widths & (0u - (uint32_t)w->widths);
}

/* True if the window makes sense, wherever it stands. */
static bool window_sound(const struct bus_window *w)
{
    return w->space < BUS_SPACES && w->widths != 0 && w->widths <= 15u && w->len != 0 &&
           (w->len & (narrowest(w) - 1u)) == 0;
}

/* True if nothing is in the way of a sound window at its base. */
static bool window_fits(const struct bus *b, const struct bus_window *w)
{
    uint64_t end;
    if ((w->base & (narrowest(w) - 1u)) != 0 || !u64_add(w->base, w->len, &end)) {
        return false;
    }
    if (end > BUS_ADDRESS_END || (w->space == BUS_PIO && end > 0x10000u)) {
        return false;
    }
    for (uint32_t i = 0; i < b->slots; i++) { /* bound: BUS_WINDOWS_MAX */
        const struct bus_window *o = &b->slot[i].win;
        if (o->space == w->space && range_overlaps(w->base, w->len, o->base, o->len)) {
            return false;
        }
    }
    return true;
}

/* Puts a slot where it belongs: among those that answer, or behind them. @pre there is room. */
static void bus_insert(struct bus *b, struct bus_slot slot)
{
    uint32_t at = b->slots + b->off;
    slot.key = slot_key((enum bus_space)slot.win.space, slot.win.base);
    if (slot.win.base != BUS_OFF) {
        uint32_t all = at;
        at = bus_lower_bound(b, (enum bus_space)slot.win.space, slot.win.base);
        memmove(&b->slot[at + 1u], &b->slot[at], (all - at) * sizeof(b->slot[0]));
        b->slots++;
    } else {
        b->off++;
    }
    b->slot[at] = slot;
}

static struct bus_slot bus_remove(struct bus *b, uint32_t at)
{
    struct bus_slot slot = b->slot[at];
    uint32_t behind = b->slots + b->off - at - 1u;
    if (at < b->slots) {
        b->slots--;
    } else {
        b->off--;
    }
    memmove(&b->slot[at], &b->slot[at + 1u], behind * sizeof(b->slot[0]));
    return slot;
}

bool bus_attach(struct bus *b, const struct bus_dev_ops *ops, void *dev,
                const struct bus_window *windows, uint32_t count)
{
    if (b->devs == BUS_DEVICES_MAX || count > BUS_WINDOWS_MAX - b->slots - b->off) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) { /* bound: BUS_WINDOWS_MAX */
        const struct bus_window *w = &windows[i];
        if (!window_sound(w) || (w->base != BUS_OFF && !window_fits(b, w))) {
            return false;
        }
    }
    for (uint32_t i = 0; i < count; i++) { /* bound: BUS_WINDOWS_MAX */
        struct bus_slot slot = {.win = windows[i], .dev = b->devs, .number = i};
        bus_insert(b, slot);
    }
    b->dev[b->devs] = (struct bus_dev){.ops = ops, .dev = dev};
    b->devs++;
    b->stirred = true;
    return true;
}

bool bus_move(struct bus *b, const void *dev, uint32_t number, uint64_t base)
{
    uint32_t all = b->slots + b->off;
    uint32_t at = 0;
    while (at < all && (b->dev[b->slot[at].dev].dev != dev || b->slot[at].number != number)) {
        at++; /* bound: BUS_WINDOWS_MAX */
    }
    BH_ASSERT(at < all);
    struct bus_slot slot = bus_remove(b, at);
    slot.win.base = base;
    if (base != BUS_OFF && !window_fits(b, &slot.win)) {
        slot.win.base = BUS_OFF;
        b->counts.refused_moves++;
    }
    bus_insert(b, slot);
    return slot.win.base != BUS_OFF;
}

/* Bytes of the unit at addr, of `left` that are wanted: the widest width that fits, or, where even
 * the narrowest is too wide or would be misaligned, what lies in one enclosing unit. */
static uint32_t unit_size(const struct bus_window *w, uint64_t addr, uint32_t left)
{
    for (uint32_t size = 8; size > 0; size /= 2u) { /* bound: 4 */
        if ((w->widths & size) != 0 && size <= left && (addr & (size - 1u)) == 0) {
            return size;
        }
    }
    uint32_t least = narrowest(w);
    uint32_t rest = least - (uint32_t)(addr & (least - 1u));
    return left < rest ? left : rest;
}

static struct bus_unit bus_unit_at(struct bus *b, enum bus_space space, uint64_t addr,
                                   uint32_t left)
{
    struct bus_unit u = {.slot = bus_find(b, space, addr), .addr = addr, .size = 1};
    if (u.slot != NULL) {
        const struct bus_window *w = &u.slot->win;
        uint64_t inside = w->len - (addr - w->base);
        u.size = unit_size(w, addr, left < inside ? left : (uint32_t)inside);
    }
    return u;
}

static struct bus_access access_at(const struct bus_slot *s, uint64_t addr, uint32_t size)
{
    return (struct bus_access){.window = s->number, .size = size, .off = addr - s->win.base};
}

/* The slot that took the access before, if it takes all of this one as it is; else NULL. Windows may
 * have moved meanwhile: then another one stands there, or one that is off. */
static const struct bus_slot *bus_again(const struct bus *b, enum bus_space space, uint64_t addr,
                                        uint32_t size)
{
    const struct bus_slot *s = &b->slot[b->last[space]];
    uint64_t off = addr - s->win.base;
    bool inside = b->last[space] < b->slots && s->win.space == (uint8_t)space && off < s->win.len &&
                  size <= s->win.len - off;
    bool whole = (size & (size - 1u)) == 0 && (s->win.widths & size) != 0;
    return inside && whole && (addr & (size - 1u)) == 0 ? s : NULL;
}

/* An access may have moved the device's own deadline. Others' are moved through lines: bus_stir(). */
static void bus_watch(struct bus *b, const struct bus_dev *d)
{
    if (d->ops->deadline != NULL && d->ops->deadline(d->dev) != d->next) {
        b->stirred = true;
    }
}

static uint64_t slot_read(struct bus *b, const struct bus_slot *s, uint64_t addr, uint32_t size,
                          vm_ns_t now)
{
    const struct bus_dev *d = &b->dev[s->dev];
    uint64_t v = d->ops->read(d->dev, access_at(s, addr, size), now);
    bus_watch(b, d);
    return v & ones_bytes(size);
}

static void slot_write(struct bus *b, const struct bus_slot *s, struct bus_access a, uint64_t val,
                       vm_ns_t now)
{
    const struct bus_dev *d = &b->dev[s->dev];
    d->ops->write(d->dev, a, val & ones_bytes(a.size), now);
    bus_watch(b, d);
}

static uint64_t unit_read(struct bus *b, const struct bus_unit *u, vm_ns_t now)
{
    uint32_t least = narrowest(&u->slot->win);
    if ((u->slot->win.widths & u->size) != 0) {
        return slot_read(b, u->slot, u->addr, u->size, now);
    }
    /* Narrower than the device takes: read the enclosing unit and extract. */
    uint64_t base = align_down(u->addr, least);
    uint64_t v = slot_read(b, u->slot, base, least, now);
    return (v >> (8u * (u->addr - base))) & ones_bytes(u->size);
}

/* An access that is not simply the last slot's. Returns what is read. */
static uint64_t bus_read_units(struct bus *b, enum bus_space space, uint64_t addr, uint32_t size,
                               vm_ns_t now)
{
    uint64_t value = 0;
    bool unclaimed = false;
    for (uint32_t done = 0; done < size;) { /* bound: 8 */
        uint64_t at = space == BUS_PIO ? (addr + done) & 0xFFFFu : addr + done;
        struct bus_unit u = bus_unit_at(b, space, at, size - done);
        uint64_t part = ones_bytes(u.size);
        if (u.slot != NULL) {
            part = unit_read(b, &u, now);
        } else {
            unclaimed = true;
        }
        value |= part << (8u * done);
        done += u.size;
    }
    if (unclaimed) {
        b->counts.unclaimed_reads[space]++;
        b->counts.last_unclaimed[space] = addr;
    }
    return value;
}

uint64_t bus_read(struct bus *b, enum bus_space space, uint64_t addr, uint32_t size, vm_ns_t now)
{
    BH_ASSERT(size - 1u < 8u);
    const struct bus_slot *s = bus_again(b, space, addr, size);
    b->counts.reads[space]++;
    return s != NULL ? slot_read(b, s, addr, size, now) : bus_read_units(b, space, addr, size, now);
}

static void bus_write_units(struct bus *b, enum bus_space space, struct bus_access whole,
                            uint64_t val, vm_ns_t now)
{
    bool unclaimed = false;
    bool narrow = false;
    for (uint32_t done = 0; done < whole.size;) { /* bound: 8 */
        uint64_t at = space == BUS_PIO ? (whole.off + done) & 0xFFFFu : whole.off + done;
        struct bus_unit u = bus_unit_at(b, space, at, whole.size - done);
        if (u.slot == NULL) {
            unclaimed = true;
        } else if ((u.slot->win.widths & u.size) == 0) {
            narrow = true;
        } else {
            slot_write(b, u.slot, access_at(u.slot, u.addr, u.size), val >> (8u * done), now);
        }
        done += u.size;
    }
    b->counts.narrow_writes += narrow ? 1u : 0u;
    if (unclaimed) {
        b->counts.unclaimed_writes[space]++;
        b->counts.last_unclaimed[space] = whole.off;
    }
}

void bus_write(struct bus *b, enum bus_space space, uint64_t addr, uint32_t size, uint64_t val,
               vm_ns_t now)
{
    BH_ASSERT(size - 1u < 8u);
    const struct bus_slot *s = bus_again(b, space, addr, size);
    b->counts.writes[space]++;
    if (s != NULL) {
        slot_write(b, s, access_at(s, addr, size), val, now);
    } else {
        bus_write_units(b, space, (struct bus_access){.size = size, .off = addr}, val, now);
    }
}

vm_ns_t bus_deadline(const struct bus *b)
{
    vm_ns_t next = VM_NS_NEVER;
    for (uint32_t i = 0; i < b->devs; i++) { /* bound: BUS_DEVICES_MAX */
        if (b->dev[i].ops->deadline != NULL) {
            next = vm_ns_min(next, b->dev[i].ops->deadline(b->dev[i].dev));
        }
    }
    return next;
}

void bus_tick(struct bus *b, vm_ns_t now)
{
    for (uint32_t i = 0; i < b->devs; i++) { /* bound: BUS_DEVICES_MAX */
        const struct bus_dev *d = &b->dev[i];
        if (d->ops->tick != NULL && d->ops->deadline != NULL && d->ops->deadline(d->dev) <= now) {
            d->ops->tick(d->dev, now);
        }
    }
}

/* Asks every device. */
vm_ns_t bus_ask(struct bus *b)
{
    b->next = VM_NS_NEVER;
    for (uint32_t i = 0; i < b->devs; i++) { /* bound: BUS_DEVICES_MAX */
        struct bus_dev *d = &b->dev[i];
        d->next = d->ops->deadline != NULL ? d->ops->deadline(d->dev) : VM_NS_NEVER;
        b->next = vm_ns_min(b->next, d->next);
    }
    b->stirred = false;
    return b->next;
}
