/* SPDX-License-Identifier: BSD-2-Clause
 * I/O APIC: redirection entries, messages out, completions back.
 *
 * What leaves (a message, a completion) may come back into this module before the call returns: the
 * device drives its pin, or the local APIC completes at once. So an entry's state is final before
 * anything leaves, and is looked at anew after.
 * Spec: [82093AA] 3.0-3.2; [ICH9] 13.5. */
#include "dev/ioapic.h"

#include "dev/ioapic_state.h"

#include "base/assert.h"
#include "base/bits.h"
#include "base/string.h"

/* Offsets in the address window. */
#define IOAPIC_IOREGSEL 0x00u
#define IOAPIC_IOWIN    0x10u
#define IOAPIC_EOIR     0x40u

/* Indices for IOREGSEL. */
#define IOAPIC_ID    0x00u
#define IOAPIC_VER   0x01u
#define IOAPIC_ARB   0x02u
#define IOAPIC_REDIR 0x10u

#define IOAPIC_ID_RW     0x0F000000u
#define IOAPIC_VER_VALUE (0x20u | (IOAPIC_PINS - 1u) << 16)

#define IOAPIC_REDIR_VECTOR       0x000000FFu
#define IOAPIC_REDIR_DELIVERY     0x00000700u
#define IOAPIC_REDIR_DELIVERY_POS 8u
#define IOAPIC_REDIR_LOGICAL      0x00000800u
#define IOAPIC_REDIR_REMOTE_IRR   0x00004000u
#define IOAPIC_REDIR_LEVEL        0x00008000u
#define IOAPIC_REDIR_MASKED       0x00010000u
#define IOAPIC_REDIR_LO_RW        0x0001AFFFu /* delivery status always reads idle */
#define IOAPIC_REDIR_HI_RW        0xFF000000u

static uint32_t redir_delivery(uint32_t lo)
{
    return (lo & IOAPIC_REDIR_DELIVERY) >> IOAPIC_REDIR_DELIVERY_POS;
}

/* Fixed and lowest priority end with an EOI; the other modes have none. */
static bool redir_has_eoi(uint32_t lo)
{
    return redir_delivery(lo) == IRQ_FIXED || redir_delivery(lo) == IRQ_LOWEST;
}

/* SMI, NMI, INIT and ExtINT are edge-sensitive whatever the trigger bit says. */
static bool redir_is_level(uint32_t lo)
{
    return (lo & IOAPIC_REDIR_LEVEL) != 0 && redir_has_eoi(lo);
}

static bool redir_masked(uint32_t lo)
{
    return (lo & IOAPIC_REDIR_MASKED) != 0;
}

/* --- Interrupts out ---------------------------------------------------------------------------*/
static void pin_send(struct ioapic *io, uint32_t pin)
{
    struct ioapic_regs *r = &io->regs;
    uint32_t lo = r->lo[pin];
    struct irq_msg msg = {
        .vector = (uint8_t)(lo & IOAPIC_REDIR_VECTOR),
        .dest = (uint8_t)(r->hi[pin] >> 24),
        .delivery = (uint8_t)redir_delivery(lo),
        .shorthand = IRQ_DEST,
        .logical = (lo & IOAPIC_REDIR_LOGICAL) != 0,
        .level = redir_is_level(lo),
        .assert_ = true,
    };
    if (redir_has_eoi(lo)) {
        r->in_flight |= BIT32(pin);
        r->sent_vector[pin] = msg.vector;
    }
    if (redir_is_level(lo)) {
        r->lo[pin] |= IOAPIC_REDIR_REMOTE_IRR;
    }
    r->counts.sent++;
    msg_line_send(&io->wiring.out, &msg);
}

/* Does a level pin ask for a message now? */
static bool pin_asks(const struct ioapic *io, uint32_t pin)
{
    uint32_t lo = io->regs.lo[pin];
    return redir_is_level(lo) && (lo & (IOAPIC_REDIR_MASKED | IOAPIC_REDIR_REMOTE_IRR)) == 0 &&
           (io->regs.pins & BIT32(pin)) != 0;
}

static void pin_edge(struct ioapic *io, uint32_t pin)
{
    if (redir_masked(io->regs.lo[pin])) {
        io->regs.lost |= BIT32(pin);
        io->regs.counts.lost++;
    } else {
        pin_send(io, pin);
    }
}

void ioapic_set(void *ioapic, uint32_t pin, bool active)
{
    struct ioapic *io = ioapic;
    BH_ASSERT(pin < IOAPIC_PINS);
    uint32_t bit = BIT32(pin);
    bool rises = active && (io->regs.pins & bit) == 0;
    io->regs.pins = active ? io->regs.pins | bit : io->regs.pins & ~bit;
    if (!rises) {
        return;
    }
    if (!redir_is_level(io->regs.lo[pin])) {
        pin_edge(io, pin);
    } else if (pin_asks(io, pin)) {
        pin_send(io, pin);
    }
}

/* --- Completions ------------------------------------------------------------------------------*/
/* Does an EOI of `vector` complete what this pin sent? The vector it was sent with counts: the guest
 * may have moved an edge interrupt to another since. For a level entry the present one does too. */
static bool pin_completes(const struct ioapic *io, uint32_t pin, uint8_t vector)
{
    if (io->regs.sent_vector[pin] == vector) {
        return true;
    }
    uint32_t lo = io->regs.lo[pin];
    return redir_is_level(lo) && (lo & IOAPIC_REDIR_VECTOR) == vector;
}

/* Completes the pins among `candidates` that match. First all state, then the calls out. */
static void complete(struct ioapic *io, uint8_t vector, uint32_t candidates)
{
    uint32_t hits = 0;
    for (uint32_t left = candidates; left != 0; left &= left - 1u) { /* bound: 24 */
        uint32_t pin = (uint32_t)__builtin_ctz(left);
        if (pin_completes(io, pin, vector)) {
            hits |= BIT32(pin);
            io->regs.lo[pin] &= ~IOAPIC_REDIR_REMOTE_IRR;
            io->regs.counts.finished++;
        }
    }
    io->regs.in_flight &= ~hits;
    for (uint32_t left = hits; left != 0; left &= left - 1u) { /* bound: 24 */
        uint32_t pin = (uint32_t)__builtin_ctz(left);
        eoi_line_done(&io->wiring.eoi, pin);
        if (pin_asks(io, pin)) {
            io->regs.counts.resent++;
            pin_send(io, pin);
        }
    }
}

void ioapic_eoi(struct ioapic *io, uint8_t vector)
{
    complete(io, vector, io->regs.in_flight);
}

/* --- Registers --------------------------------------------------------------------------------*/
/* The low half of a redirection entry. A change to edge clears remote IRR: the way by which guests
 * without an EOI register get rid of a stuck one. */
static void write_redir_lo(struct ioapic *io, uint32_t pin, uint32_t val)
{
    struct ioapic_regs *r = &io->regs;
    uint32_t kept = r->lo[pin] & IOAPIC_REDIR_REMOTE_IRR;
    uint32_t lo = val & IOAPIC_REDIR_LO_RW;
    r->lo[pin] = redir_is_level(lo) ? lo | kept : lo;
    if (redir_masked(lo)) {
        return;
    }
    if ((r->lost & BIT32(pin)) != 0) {
        r->lost &= ~BIT32(pin);
        eoi_line_done(&io->wiring.eoi, pin);
    }
    if (pin_asks(io, pin)) {
        pin_send(io, pin);
    }
}

static uint32_t read_indexed(const struct ioapic *io)
{
    const struct ioapic_regs *r = &io->regs;
    switch (r->select) {
    case IOAPIC_ID:
    case IOAPIC_ARB: /* loaded from the ID whenever that is written */
        return r->id;
    case IOAPIC_VER:
        return IOAPIC_VER_VALUE;
    default:
        break;
    }
    uint32_t index = (uint32_t)r->select - IOAPIC_REDIR; /* wraps below: not in the table then */
    if (index >= 2u * IOAPIC_PINS) {
        return 0;
    }
    return index % 2u == 0 ? r->lo[index / 2u] : r->hi[index / 2u];
}

static void write_indexed(struct ioapic *io, uint32_t val)
{
    struct ioapic_regs *r = &io->regs;
    uint32_t index = (uint32_t)r->select - IOAPIC_REDIR;
    if (r->select == IOAPIC_ID) {
        r->id = val & IOAPIC_ID_RW;
    } else if (index < 2u * IOAPIC_PINS && index % 2u == 0) {
        write_redir_lo(io, index / 2u, val);
    } else if (index < 2u * IOAPIC_PINS) {
        r->hi[index / 2u] = val & IOAPIC_REDIR_HI_RW;
    }
}

/* The EOI register completes level interrupts only. */
static void write_eoir(struct ioapic *io, uint8_t vector)
{
    uint32_t level = 0;
    for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) { /* bound: 24 */
        if (redir_is_level(io->regs.lo[pin])) {
            level |= BIT32(pin);
        }
    }
    complete(io, vector, io->regs.in_flight & level);
}

/* Window 0 is IOREGSEL, which takes bytes too; window 1 is the rest. */
static uint64_t ioapic_offset(struct bus_access a)
{
    return ioapic_windows[a.window].base - IOAPIC_BASE + a.off;
}

static uint64_t ioapic_read(void *dev, struct bus_access a, vm_ns_t now)
{
    const struct ioapic *io = dev;
    (void)now;
    switch (ioapic_offset(a)) {
    case IOAPIC_IOREGSEL:
        return io->regs.select;
    case IOAPIC_IOWIN:
        return read_indexed(io);
    default:
        return 0;
    }
}

static void ioapic_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct ioapic *io = dev;
    (void)now;
    switch (ioapic_offset(a)) {
    case IOAPIC_IOREGSEL:
        io->regs.select = (uint8_t)(val & 0xFFu);
        break;
    case IOAPIC_IOWIN:
        write_indexed(io, (uint32_t)(val & UINT32_MAX));
        break;
    case IOAPIC_EOIR:
        write_eoir(io, (uint8_t)(val & 0xFFu));
        break;
    default:
        break;
    }
}

/* --- Reset and invariant ----------------------------------------------------------------------*/
void ioapic_init(struct ioapic *io, const struct ioapic_wiring *w)
{
    memset(io, 0, sizeof *io);
    io->wiring = *w;
    ioapic_reset(io, 0);
}

void ioapic_reset(struct ioapic *io, vm_ns_t now)
{
    (void)now;
    memset(&io->regs, 0, sizeof io->regs);
    for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) { /* bound: 24 */
        io->regs.lo[pin] = IOAPIC_REDIR_MASKED;
    }
}

bool ioapic_valid(const struct ioapic *io)
{
    const struct ioapic_regs *r = &io->regs;
    if (((r->pins | r->in_flight | r->lost) >> IOAPIC_PINS) != 0 || (r->id & ~IOAPIC_ID_RW) != 0) {
        return false;
    }
    for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) { /* bound: 24 */
        uint32_t lo = r->lo[pin];
        bool remote = (lo & IOAPIC_REDIR_REMOTE_IRR) != 0;
        if ((lo & ~(IOAPIC_REDIR_LO_RW | IOAPIC_REDIR_REMOTE_IRR)) != 0 ||
            (r->hi[pin] & ~IOAPIC_REDIR_HI_RW) != 0) {
            return false;
        }
        if (remote && (!redir_is_level(lo) || (r->in_flight & BIT32(pin)) == 0)) {
            return false;
        }
        if (pin_asks(io, pin)) {
            return false; /* a level interrupt nobody would send */
        }
    }
    return true;
}

const struct bus_window ioapic_windows[IOAPIC_WINDOWS] = {
    {.space = BUS_MMIO, .widths = BUS_W1 | BUS_W4, .len = 0x10, .base = IOAPIC_BASE},
    {.space = BUS_MMIO, .widths = BUS_W4, .len = IOAPIC_LEN - 0x10u, .base = IOAPIC_BASE + 0x10u},
};

const struct bus_dev_ops ioapic_ops = {
    .read = ioapic_read,
    .write = ioapic_write,
};
