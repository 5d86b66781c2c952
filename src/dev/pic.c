/* SPDX-License-Identifier: BSD-2-Clause
 * The 8259A pair: initialisation and operation command words, priorities, acknowledge, cascade.
 *
 * Each entry from outside changes state, then calls pic_update(), which alone derives the cascade and
 * the output, and last tells devices what is finished: they may come back with a new edge at once.
 * Spec: [8259A] 231468-003 (command words, modes); [PIIX3] 2.5.6 (ELCR). */
#include "dev/pic.h"

#include "dev/pic_state.h"

#include "base/assert.h"
#include "base/bits.h"
#include "base/string.h"

#define LEVELS        8u
#define LEVEL_NONE    (-1)
#define SPURIOUS      7u
#define CASCADE_BIT   ((uint8_t)BIT32(PIC_CASCADE))
#define PRIORITY_NONE 8u

#define PIC_ICW1        0x10u /* set: the write is an ICW1 */
#define PIC_ICW1_IC4    0x01u
#define PIC_ICW1_SNGL   0x02u
#define PIC_ICW2_BASE   0xF8u
#define PIC_ICW4_AEOI   0x02u
#define PIC_ICW4_SFNM   0x10u
#define PIC_OCW2_LEVEL  0x07u
#define PIC_OCW2_CMD    0xE0u
#define PIC_OCW3        0x08u /* set: the write is an OCW3 */
#define PIC_OCW3_RIS    0x01u
#define PIC_OCW3_RR     0x02u
#define PIC_OCW3_POLL   0x04u
#define PIC_OCW3_SMM    0x20u
#define PIC_OCW3_ESMM   0x40u
#define PIC_POLL_ACTIVE 0x80u

/* OCW2 commands: bits R, SL, EOI. */
enum ocw2 {
    OCW2_ROTATE_AEOI_CLEAR = 0x00,
    OCW2_EOI = 0x20,
    OCW2_NOP = 0x40,
    OCW2_EOI_SPECIFIC = 0x60,
    OCW2_ROTATE_AEOI_SET = 0x80,
    OCW2_ROTATE_EOI = 0xA0,
    OCW2_SET_PRIORITY = 0xC0,
    OCW2_ROTATE_EOI_SPECIFIC = 0xE0,
};

/* IRQ 0, 1, 2, 8 and 13 are always edge-triggered. */
static const uint8_t elcr_rw[PIC_CHIPS] = {0xF8, 0xDE};

/* --- One chip: priorities ---------------------------------------------------------------------*/
static bool is_master(const struct pic *p, const struct pic_chip *c)
{
    return c == &p->regs.chip[PIC_MASTER];
}

static uint8_t level_bit(uint32_t level)
{
    return (uint8_t)BIT32(level);
}

/* Requests. The slave's output on the master's IR2 counts as it stands, without an edge: between
 * interrupts the real one goes low and rises again. */
static uint8_t chip_irr(const struct pic *p, const struct pic_chip *c)
{
    uint8_t as_level = is_master(p, c) ? c->elcr | CASCADE_BIT : c->elcr;
    return (uint8_t)((c->latch & ~as_level) | (c->pins & as_level));
}

/* The priority of the highest of `levels`: 0 is the highest, PRIORITY_NONE if there is none. */
static uint32_t chip_priority(const struct pic_chip *c, uint8_t levels)
{
    if (levels == 0) {
        return PRIORITY_NONE;
    }
    uint32_t first = (c->lowest + 1u) % LEVELS;
    uint32_t rotated = ((uint32_t)levels | (uint32_t)levels << LEVELS) >> first;
    return (uint32_t)__builtin_ctz(rotated);
}

static uint32_t chip_level_at(const struct pic_chip *c, uint32_t priority)
{
    return (c->lowest + 1u + priority) % LEVELS;
}

/* What in service holds back others: in special mask mode not what is masked. */
static uint8_t chip_in_service(const struct pic_chip *c)
{
    return c->special_mask != 0 ? (uint8_t)(c->isr & ~c->imr) : c->isr;
}

/* The level this chip would interrupt with now, or LEVEL_NONE. */
static int chip_request(const struct pic *p, const struct pic_chip *c)
{
    uint8_t asking = (uint8_t)(chip_irr(p, c) & ~c->imr);
    if (c->step != 0 || asking == 0) {
        return LEVEL_NONE;
    }
    uint32_t request = chip_priority(c, asking);
    uint32_t serving = chip_priority(c, chip_in_service(c));
    uint32_t level = chip_level_at(c, request);
    /* Special fully nested: a higher interrupt of the slave passes one of its own in service. */
    bool nested = c->sfnm != 0 && is_master(p, c) && level == PIC_CASCADE && request == serving;
    return request < serving || nested ? (int)level : LEVEL_NONE;
}

/* --- Both chips -------------------------------------------------------------------------------*/
static void pic_update(struct pic *p)
{
    struct pic_chip *master = &p->regs.chip[PIC_MASTER];
    bool slave_asks = chip_request(p, &p->regs.chip[PIC_SLAVE]) != LEVEL_NONE;
    master->pins = (uint8_t)(slave_asks ? master->pins | CASCADE_BIT : master->pins & ~CASCADE_BIT);
    bool intr = pic_output(p);
    if (intr != (p->regs.intr != 0)) {
        p->regs.intr = intr ? 1 : 0;
        irq_line_set(&p->wiring.intr, intr);
    }
}

bool pic_output(const struct pic *p)
{
    return chip_request(p, &p->regs.chip[PIC_MASTER]) != LEVEL_NONE;
}

/* Tells the devices behind these levels. The cascade is not a device. */
static void tell_finished(struct pic *p, uint32_t chip, uint8_t levels)
{
    if (chip == PIC_MASTER) {
        levels &= (uint8_t)~CASCADE_BIT;
    }
    for (uint32_t level = 0; level < LEVELS; level++) { /* bound: 8 */
        if ((levels & level_bit(level)) != 0) {
            eoi_line_done(&p->wiring.eoi, chip * LEVELS + level);
        }
    }
}

/* --- Acknowledge ------------------------------------------------------------------------------*/
/* One chip's part of an acknowledge cycle. Returns its level, SPURIOUS if none asks; adds to
 * *finished what automatic EOI ended. */
static uint32_t chip_ack(struct pic *p, struct pic_chip *c, uint8_t *finished)
{
    int request = chip_request(p, c);
    if (request == LEVEL_NONE) {
        p->regs.spurious++;
        return SPURIOUS;
    }
    uint32_t level = (uint32_t)request;
    c->latch &= (uint8_t)~level_bit(level);
    if (c->aeoi == 0) {
        c->isr |= level_bit(level);
        return level;
    }
    if (c->rotate_aeoi != 0) {
        c->lowest = (uint8_t)level;
    }
    *finished |= level_bit(level);
    return level;
}

uint8_t pic_ack(struct pic *p)
{
    struct pic_chip *master = &p->regs.chip[PIC_MASTER];
    struct pic_chip *slave = &p->regs.chip[PIC_SLAVE];
    uint8_t finished[PIC_CHIPS] = {0, 0};
    uint32_t level = chip_ack(p, master, &finished[PIC_MASTER]);
    uint32_t vector = master->base + level;
    if (level == PIC_CASCADE) {
        vector = slave->base + chip_ack(p, slave, &finished[PIC_SLAVE]);
    }
    pic_update(p);
    tell_finished(p, PIC_MASTER, finished[PIC_MASTER]);
    tell_finished(p, PIC_SLAVE, finished[PIC_SLAVE]);
    return (uint8_t)vector;
}

/* A poll is an acknowledge of one chip by a read: its level and bit 7, or 0. */
static uint8_t chip_poll(struct pic *p, uint32_t chip)
{
    struct pic_chip *c = &p->regs.chip[chip];
    uint8_t finished = 0;
    c->poll = 0;
    if (chip_request(p, c) == LEVEL_NONE) {
        return 0;
    }
    uint32_t level = chip_ack(p, c, &finished);
    pic_update(p);
    tell_finished(p, chip, finished);
    return (uint8_t)(PIC_POLL_ACTIVE | level);
}

/* --- Command words ----------------------------------------------------------------------------*/
/* Initialisation. Edges seen so far and what is in service are dropped; a pin that is high must fall
 * and rise again. Returns what was dropped. LTIM (bit 3) gives way to the ELCR in a PC. */
static uint8_t write_icw1(struct pic_chip *c, uint8_t val)
{
    uint8_t dropped = (uint8_t)((c->latch & ~c->elcr) | c->isr);
    c->latch = 0;
    c->isr = 0;
    c->imr = 0;
    c->lowest = LEVELS - 1u;
    c->special_mask = 0;
    c->poll = 0;
    c->read_isr = 0;
    c->rotate_aeoi = 0;
    c->aeoi = 0; /* until ICW4, if there is one */
    c->sfnm = 0;
    c->single = (val & PIC_ICW1_SNGL) != 0 ? 1 : 0;
    c->want_icw4 = (val & PIC_ICW1_IC4) != 0 ? 1 : 0;
    c->step = 2;
    return dropped;
}

/* Data port: ICW2, ICW3, ICW4 in their turn, else the mask. ICW3 tells the chips how they are wired
 * to each other, which in a PC is fixed. */
static void write_data(struct pic_chip *c, uint8_t val)
{
    uint8_t after3 = c->want_icw4 != 0 ? 4 : 0;
    switch (c->step) {
    case 2:
        c->base = val & PIC_ICW2_BASE;
        c->step = c->single != 0 ? after3 : 3;
        break;
    case 3:
        c->step = after3;
        break;
    case 4:
        c->aeoi = (val & PIC_ICW4_AEOI) != 0 ? 1 : 0;
        c->sfnm = (val & PIC_ICW4_SFNM) != 0 ? 1 : 0;
        c->step = 0;
        break;
    default:
        c->imr = val;
        break;
    }
}

/* What an EOI ends: the level named, or the highest in service, of those that count. */
static uint8_t eoi_bit(const struct pic_chip *c, uint32_t cmd, uint32_t level)
{
    if (cmd == OCW2_EOI_SPECIFIC || cmd == OCW2_ROTATE_EOI_SPECIFIC) {
        return c->isr & level_bit(level);
    }
    uint8_t serving = chip_in_service(c);
    return serving == 0 ? 0 : level_bit(chip_level_at(c, chip_priority(c, serving)));
}

/* Ends a level, and gives it the lowest priority if asked to. Returns what ended. */
static uint8_t end_of_interrupt(struct pic_chip *c, uint32_t cmd, uint32_t level)
{
    uint8_t ended = eoi_bit(c, cmd, level);
    c->isr &= (uint8_t)~ended;
    if (cmd == OCW2_ROTATE_EOI_SPECIFIC) {
        c->lowest = (uint8_t)level;
    } else if (cmd == OCW2_ROTATE_EOI && ended != 0) {
        c->lowest = (uint8_t)__builtin_ctz(ended);
    }
    return ended;
}

static uint8_t write_ocw2(struct pic_chip *c, uint8_t val)
{
    uint32_t level = val & PIC_OCW2_LEVEL;
    uint32_t cmd = val & PIC_OCW2_CMD;
    switch (cmd) {
    case OCW2_ROTATE_AEOI_CLEAR:
        c->rotate_aeoi = 0;
        return 0;
    case OCW2_ROTATE_AEOI_SET:
        c->rotate_aeoi = 1;
        return 0;
    case OCW2_SET_PRIORITY:
        c->lowest = (uint8_t)level;
        return 0;
    case OCW2_NOP:
        return 0;
    default:
        return end_of_interrupt(c, cmd, level);
    }
}

static void write_ocw3(struct pic_chip *c, uint8_t val)
{
    if ((val & PIC_OCW3_ESMM) != 0) {
        c->special_mask = (val & PIC_OCW3_SMM) != 0 ? 1 : 0;
    }
    c->poll = (val & PIC_OCW3_POLL) != 0 ? 1 : 0;
    if ((val & PIC_OCW3_RR) != 0) {
        c->read_isr = (val & PIC_OCW3_RIS) != 0 ? 1 : 0;
    }
}

/* Command port. Returns the levels that are finished. */
static uint8_t write_command(struct pic_chip *c, uint8_t val)
{
    if ((val & PIC_ICW1) != 0) {
        return write_icw1(c, val);
    }
    if ((val & PIC_OCW3) != 0) {
        write_ocw3(c, val);
        return 0;
    }
    return write_ocw2(c, val);
}

/* --- Access -----------------------------------------------------------------------------------*/
#define WINDOW_ELCR 2u /* windows 0 and 1 are the chips */

static uint64_t pic_read(void *dev, struct bus_access a, vm_ns_t now)
{
    struct pic *p = dev;
    (void)now;
    if (a.window == WINDOW_ELCR) {
        return p->regs.chip[a.off].elcr;
    }
    const struct pic_chip *c = &p->regs.chip[a.window];
    if (c->poll != 0) {
        return chip_poll(p, a.window);
    }
    if (a.off != 0) {
        return c->imr;
    }
    return c->read_isr != 0 ? c->isr : chip_irr(p, c);
}

static void pic_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct pic *p = dev;
    uint8_t val8 = (uint8_t)(val & 0xFFu);
    uint8_t finished = 0;
    (void)now;
    if (a.window == WINDOW_ELCR) {
        struct pic_chip *c = &p->regs.chip[a.off];
        c->elcr = val8 & elcr_rw[a.off];
        c->latch &= (uint8_t)~c->elcr;
        pic_update(p);
        return;
    }
    struct pic_chip *c = &p->regs.chip[a.window];
    if (a.off != 0) {
        write_data(c, val8);
    } else {
        finished = write_command(c, val8);
    }
    pic_update(p);
    tell_finished(p, a.window, finished);
}

void pic_set(void *pic, uint32_t irq, bool active)
{
    struct pic *p = pic;
    BH_ASSERT(irq < PIC_IRQS);
    if (irq == PIC_CASCADE) {
        return;
    }
    struct pic_chip *c = &p->regs.chip[irq / LEVELS];
    uint8_t bit = level_bit(irq % LEVELS);
    bool rises = active && (c->pins & bit) == 0;
    c->pins = (uint8_t)(active ? c->pins | bit : c->pins & ~bit);
    if (rises && (c->elcr & bit) == 0) {
        c->latch |= bit;
    }
    pic_update(p);
}

/* --- Reset and invariant ----------------------------------------------------------------------*/
void pic_init(struct pic *p, const struct pic_wiring *w)
{
    memset(p, 0, sizeof *p);
    p->wiring = *w;
    pic_reset(p, 0);
}

void pic_reset(struct pic *p, vm_ns_t now)
{
    (void)now;
    uint8_t intr = p->regs.intr;
    memset(&p->regs, 0, sizeof p->regs);
    for (uint32_t i = 0; i < PIC_CHIPS; i++) { /* bound: 2 */
        p->regs.chip[i].imr = 0xFF;
        p->regs.chip[i].lowest = LEVELS - 1u;
    }
    p->regs.intr = intr;
    pic_update(p);
}

bool pic_valid(const struct pic *p)
{
    const struct pic_chip *master = &p->regs.chip[PIC_MASTER];
    for (uint32_t i = 0; i < PIC_CHIPS; i++) { /* bound: 2 */
        const struct pic_chip *c = &p->regs.chip[i];
        if (c->lowest >= LEVELS || c->step == 1 || c->step > 4 || (c->base & ~PIC_ICW2_BASE) != 0 ||
            (c->elcr & ~elcr_rw[i]) != 0 || (c->latch & c->elcr) != 0) {
            return false;
        }
    }
    bool slave_asks = chip_request(p, &p->regs.chip[PIC_SLAVE]) != LEVEL_NONE;
    return ((master->pins & CASCADE_BIT) != 0) == slave_asks &&
           (p->regs.intr != 0) == pic_output(p);
}

const struct bus_window pic_windows[PIC_WINDOWS] = {
    {.space = BUS_PIO, .widths = BUS_W1, .len = 2, .base = 0x20},
    {.space = BUS_PIO, .widths = BUS_W1, .len = 2, .base = 0xA0},
    {.space = BUS_PIO, .widths = BUS_W1, .len = 2, .base = 0x4D0},
};

const struct bus_dev_ops pic_ops = {
    .read = pic_read,
    .write = pic_write,
};
