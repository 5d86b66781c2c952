/* SPDX-License-Identifier: BSD-2-Clause
 * The bus: finds the device behind a port or an address, and owns everything about access shape.
 *
 * A device states for each window which naturally aligned widths it takes. The bus does the rest:
 *  - an access that is wider than the device takes, or misaligned, is split, lowest address first;
 *  - a read narrower than the device takes reads the enclosing unit and extracts;
 *  - a write narrower than the device takes is dropped and counted (a read-modify-write would have
 *    side effects that no hardware has);
 *  - bytes that nobody claims read as all ones, writes to them vanish; both are counted.
 * So a device sees only aligned accesses of widths it named, inside its window.
 *
 * A window may move and be switched off while the guest runs, as base address registers of PCI do. */
#ifndef VM_BUS_H
#define VM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/time.h"

enum bus_space {
    BUS_PIO = 0,  /* 64 Ki I/O ports         */
    BUS_MMIO = 1, /* guest-physical addresses */
};
#define BUS_SPACES 2u

/* Width flags: the flag for an n-byte access is n itself. */
#define BUS_W1 1u
#define BUS_W2 2u
#define BUS_W4 4u
#define BUS_W8 8u

struct bus_window {
    uint8_t space;  /* enum bus_space                              */
    uint8_t widths; /* BUS_W* that the device takes, at least one  */
    uint16_t unused;
    uint32_t len;  /* bytes, a multiple of the narrowest width    */
    uint64_t base; /* aligned to the widest width; or BUS_OFF     */
};

#define BUS_OFF UINT64_MAX /* a window that is nowhere */

struct bus_access {
    uint32_t window; /* which of the device's windows: its number at bus_attach */
    uint32_t size;   /* 1, 2, 4 or 8; one of the window's widths                */
    uint64_t off;    /* from the window's base; a multiple of size              */
};

/* What every device is to the bus. tick and deadline may be null for a device without time. */
struct bus_dev_ops {
    uint64_t (*read)(void *dev, struct bus_access a, vm_ns_t now);
    void (*write)(void *dev, struct bus_access a, uint64_t val, vm_ns_t now);
    vm_ns_t (*deadline)(const void *dev); /* next time it wants to act, or VM_NS_NEVER */
    void (*tick)(void *dev, vm_ns_t now); /* O(1) however late                          */
};

#define BUS_WINDOWS_MAX 48u
#define BUS_DEVICES_MAX 24u

struct bus_slot {
    struct bus_window win;
    uint64_t key;    /* space and base in one number, in the order of the table */
    uint32_t dev;    /* index into bus.dev            */
    uint32_t number; /* the device's own window number */
};

struct bus_dev {
    const struct bus_dev_ops *ops;
    void *dev;
    vm_ns_t next; /* its deadline as bus_next() last saw it */
};

/* Registers: plain counters, saved as they are. */
struct bus_counts {
    uint64_t reads[BUS_SPACES];
    uint64_t writes[BUS_SPACES];
    uint64_t unclaimed_reads[BUS_SPACES]; /* byte runs that nobody claimed */
    uint64_t unclaimed_writes[BUS_SPACES];
    uint64_t narrow_writes;              /* dropped: narrower than the device takes */
    uint64_t refused_moves;              /* windows switched off: they would overlap */
    uint64_t last_unclaimed[BUS_SPACES]; /* address of the last one, for diagnosis  */
};

struct bus {
    uint32_t slots; /* windows that answer                                     */
    uint32_t off;   /* windows that are off                                    */
    uint32_t devs;
    uint32_t unused;
    struct bus_slot slot[BUS_WINDOWS_MAX]; /* those that answer, sorted by space, then base;
                                              then those that are off                        */
    struct bus_dev dev[BUS_DEVICES_MAX];
    uint32_t last[BUS_SPACES]; /* the slot found last: accesses come in series      */
    bool stirred;              /* some deadline may not be what bus_next() last saw */
    vm_ns_t next;              /* the earliest as it last saw them                  */
    struct bus_counts counts;
};

void bus_init(struct bus *b);

/* Puts a device on the bus with all its windows, numbered 0 to count - 1. False, and nothing
 * attached: a table is full, a window overlaps one that is there, or is malformed.
 * @pre ops and its read and write are not null; dev outlives the bus. */
bool bus_attach(struct bus *b, const struct bus_dev_ops *ops, void *dev,
                const struct bus_window *windows, uint32_t count);

/* Moves a device's window, or switches it off (BUS_OFF). True: it answers at `base` now. False: it is
 * off, because that was asked for, or because it would overlap another window or is misaligned there
 * (then counted). Within a device's write it may be called for any window.
 * @pre `dev` was attached with a window of this number. */
bool bus_move(struct bus *b, const void *dev, uint32_t number, uint64_t base);

/* @pre size is 1 to 8 (any number: split as needed). Addresses wrap at the end of the space. */
uint64_t bus_read(struct bus *b, enum bus_space space, uint64_t addr, uint32_t size, vm_ns_t now);
void bus_write(struct bus *b, enum bus_space space, uint64_t addr, uint32_t size, uint64_t val,
               vm_ns_t now);

/* The earliest deadline of all devices. */
vm_ns_t bus_deadline(const struct bus *b);

/* Lets every device act whose deadline has come. Devices attached first tick first. */
void bus_tick(struct bus *b, vm_ns_t now);

/* The earliest deadline, asked of all devices and kept for bus_next(). */
vm_ns_t bus_ask(struct bus *b);

/* The same two for every entry into the guest: they ask the devices again only if a deadline has come
 * or may have moved. An access over the bus is noticed; whoever does anything else to a device that
 * could move its deadline says so with bus_stir(). */
static inline void bus_stir(struct bus *b)
{
    b->stirred = true;
}

static inline vm_ns_t bus_next(struct bus *b)
{
    return b->stirred ? bus_ask(b) : b->next;
}

static inline void bus_tick_due(struct bus *b, vm_ns_t now)
{
    if (bus_next(b) <= now) {
        bus_tick(b, now);
        b->stirred = true;
    }
}

#endif
