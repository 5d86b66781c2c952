/* SPDX-License-Identifier: BSD-2-Clause
 * A guest with network cards for tests: accesses that the host decodes and accesses that the core does,
 * PCI configuration, interrupts to a handler, and an io half that only obeys. */
#ifndef UNIT_BOARD_CARD_H
#define UNIT_BOARD_CARD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sim/sim.h"
#include "virtio/features.h"

#define CARD_RAM    0x200000ull
#define CARD_LAPIC  0xFEE00000ull
#define CARD_IOAPIC 0xFEC00000ull
#define CARD_PC     (SYSTEM_DEV_ALL & ~SYSTEM_DEV_DEBUG_EXIT)
#define CARD_AT     0xFE000000ull /* shells without PCI */
#define CARD_CODE   0x1000u
#define CARD_PIN    0x51u /* vector of the cards' I/O APIC input */
#define CARD_QUEUE  128u

struct guest {
    struct sim *s;
    bool raw; /* the host decodes nothing */
    uint32_t irqs[256];
    uint64_t isr_at; /* the handler reads the ISR status here; 0: it does not */
    enum bus_space isr_space;
    uint64_t ack_at; /* and writes there what it read; 0: reading was enough */
    uint32_t isr_seen;
    struct channel_setup setup; /* as the io half has it */
    enum channel_state state;
    uint32_t obeyed;
};

/* --- The io half --------------------------------------------------------------------------------- */

static inline void card_obey(struct sim *s, uint32_t nic)
{
    struct guest *g = s->script;
    uint32_t request;
    if (channel_asked(s->channel[nic], &request, &g->state, &g->setup)) {
        channel_obey(s->channel[nic], request);
        g->obeyed++;
    }
}

/* It has something to say, and notifies. */
static inline void card_raise(struct guest *g, uint32_t irqs)
{
    channel_raise(g->s->channel[0], irqs);
    sim_notify(g->s);
}

/* --- Accesses -------------------------------------------------------------------------------------- */

static inline void card_code(struct guest *g, const uint8_t *code, size_t len, uint64_t gpa)
{
    struct vcpu_regs *r = &g->s->regs;
    assert_true(gmem_write(&g->s->mem, CARD_CODE, code, len));
    r->rip = CARD_CODE;
    r->cr0 = CR0_PE | CR0_ET;
    r->seg[SEG_CS] = (struct seg_reg){.limit = UINT32_MAX, .ar = 0xC09B, .selector = 8};
    for (uint32_t i = SEG_SS; i <= SEG_GS; i++) {
        r->seg[i] = (struct seg_reg){.limit = UINT32_MAX, .ar = 0xC093, .selector = 16};
    }
    r->seg[SEG_ES] = r->seg[SEG_DS];
    r->gpr[GPR_RDI] = gpa;
}

/* MOV between [EDI] and AL, AX or EAX. */
static inline void card_mov(struct guest *g, uint64_t gpa, uint32_t size, bool store)
{
    uint8_t code[3] = {0x66, store ? 0x89 : 0x8B, 0x07};
    if (size == 1) {
        code[1]--;
    }
    const uint32_t skip = size == 2 ? 0 : 1;
    card_code(g, &code[skip], sizeof(code) - skip, gpa);
    sim_ept(g->s, gpa, store);
    assert_int_equal(g->s->regs.rip, CARD_CODE + sizeof(code) - skip);
}

static inline void card_raw_io(struct guest *g, uint16_t port, uint8_t size, bool write)
{
    struct vm_exit x = {.kind = VM_EXIT_PIO_RAW, .raw = true, .insn_len = 1};
    x.u.pio_raw = (struct vm_exit_pio_raw){.port = port, .size = size, .write = write};
    sim_exit(g->s, &x);
}

static inline uint32_t card_read(struct guest *g, enum bus_space space, uint64_t addr,
                                 uint32_t size)
{
    const uint32_t ones = (uint32_t)(UINT32_MAX >> (32 - 8 * size));
    if (!g->raw) {
        return (uint32_t)(space == BUS_PIO ? sim_in(g->s, (uint16_t)addr, (uint8_t)size)
                                           : sim_load(g->s, addr, size));
    }
    if (space == BUS_PIO) {
        card_raw_io(g, (uint16_t)addr, (uint8_t)size, false);
    } else {
        card_mov(g, addr, size, false);
    }
    return (uint32_t)g->s->regs.gpr[GPR_RAX] & ones;
}

static inline void card_write(struct guest *g, enum bus_space space, uint64_t addr, uint32_t size,
                              uint32_t val)
{
    if (g->raw) {
        g->s->regs.gpr[GPR_RAX] = val;
        if (space == BUS_PIO) {
            card_raw_io(g, (uint16_t)addr, (uint8_t)size, true);
        } else {
            card_mov(g, addr, size, true);
        }
    } else if (space == BUS_PIO) {
        sim_out(g->s, (uint16_t)addr, (uint8_t)size, val);
    } else {
        sim_store(g->s, addr, size, val);
    }
}

/* --- Interrupts ------------------------------------------------------------------------------------ */

static inline void card_isr(struct sim *s, uint8_t vector)
{
    struct guest *g = s->script;
    g->irqs[vector]++;
    if (vector == CARD_PIN && g->isr_at != 0) {
        const struct vcpu_regs kept = s->regs; /* as any handler does */
        const uint32_t size = g->ack_at != 0 ? 4 : 1;
        const uint32_t isr = card_read(g, g->isr_space, g->isr_at, size);
        g->isr_seen |= isr;
        if (g->ack_at != 0) {
            card_write(g, g->isr_space, g->ack_at, 4, isr);
        }
        s->regs = kept;
    }
    sim_store(s, CARD_LAPIC + 0xB0, 4, 0);
}

/* An input of the I/O APIC: level, to CARD_PIN. */
static inline void card_route(struct guest *g, uint32_t pin)
{
    sim_store(g->s, CARD_LAPIC + 0xF0, 4, 0x1FF);
    sim_store(g->s, CARD_IOAPIC, 4, 0x10 + 2 * pin);
    sim_store(g->s, CARD_IOAPIC + 0x10, 4, 0xA000u | CARD_PIN); /* level, active low */
    sim_sti(g->s);
}

/* --- PCI configuration ----------------------------------------------------------------------------- */

static inline uint32_t card_config(struct guest *g, uint32_t dev, uint32_t reg, uint32_t size)
{
    card_write(g, BUS_PIO, 0xCF8, 4, 0x80000000u | dev << 11 | (reg & 0xFCu));
    return card_read(g, BUS_PIO, 0xCFC + (reg & 3u), size);
}

static inline void card_set_config(struct guest *g, uint32_t dev, uint32_t reg, uint32_t size,
                                   uint32_t val)
{
    card_write(g, BUS_PIO, 0xCF8, 4, 0x80000000u | dev << 11 | (reg & 0xFCu));
    card_write(g, BUS_PIO, 0xCFC + (reg & 3u), size, val);
}

/* What a BAR's size is, as kernels find out. */
static inline uint32_t card_bar_size(struct guest *g, uint32_t dev, uint32_t bar)
{
    const uint32_t reg = 0x10 + 4 * bar;
    const uint32_t command = card_config(g, dev, 4, 2);
    card_set_config(g, dev, 4, 2, command & ~3u);
    const uint32_t old = card_config(g, dev, reg, 4);
    card_set_config(g, dev, reg, 4, UINT32_MAX);
    const uint32_t mask = card_config(g, dev, reg, 4) & ((old & 1u) != 0 ? ~3u : ~0xFu);
    card_set_config(g, dev, reg, 4, old);
    card_set_config(g, dev, 4, 2, command);
    return mask == 0 ? 0 : ~mask + 1u;
}

/* The capability with that ID after `from` (0: the first), or 0. */
static inline uint32_t card_capability(struct guest *g, uint32_t dev, uint32_t id, uint32_t from)
{
    if ((card_config(g, dev, 6, 2) & 0x10u) == 0) {
        return 0;
    }
    uint32_t at = card_config(g, dev, from == 0 ? 0x34 : from + 1, 1);
    for (uint32_t i = 0; i < 48 && at != 0; i++) {
        if (card_config(g, dev, at, 1) == id) {
            return at;
        }
        at = card_config(g, dev, at + 1, 1);
    }
    return 0;
}

/* Linux's way to MSI-X: enabled but masked, the entries, then unmasked. Returns the vectors there are;
 * they become 0x60 and up. */
static inline uint32_t card_enable_msix(struct guest *g, uint32_t dev)
{
    const uint32_t cap = card_capability(g, dev, 0x11, 0);
    assert_int_not_equal(cap, 0);
    const uint32_t control = card_config(g, dev, cap + 2, 2);
    const uint32_t count = (control & 0x7FFu) + 1u;
    const uint32_t table = card_config(g, dev, cap + 4, 4);
    const uint64_t bar = card_config(g, dev, 0x10 + 4 * (table & 7u), 4) & ~0xFu;
    const uint64_t at = bar + (table & ~7u);
    card_set_config(g, dev, cap + 2, 2, control | 0xC000u);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(card_read(g, BUS_MMIO, at + 16 * i + 12, 4), 1);
        card_write(g, BUS_MMIO, at + 16 * i, 4, 0xFEE00000u);
        card_write(g, BUS_MMIO, at + 16 * i + 4, 4, 0);
        card_write(g, BUS_MMIO, at + 16 * i + 8, 4, 0x60 + i);
        card_write(g, BUS_MMIO, at + 16 * i + 12, 4, 0);
    }
    card_set_config(g, dev, cap + 2, 2, (control | 0x8000u) & ~0x4000u);
    return count;
}

/* --- A guest --------------------------------------------------------------------------------------- */

static inline struct system_nic card_nic(uint32_t shell, uint32_t irq)
{
    struct system_nic nic = {
        .shell = shell,
        .irq = irq,
        .offers = SYSTEM_NIC_OFFERS_ALL,
        .queue_size = CARD_QUEUE,
        .mtu = 1500,
        .mac = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55},
    };
    if (shell >= SYSTEM_SHELL_PCI_LEGACY && shell <= SYSTEM_SHELL_PCI_MODERN) {
        nic.pci_device = 3;
    } else {
        nic.at = CARD_AT;
    }
    return nic;
}

/* A guest with these cards; its io halves obey. */
static inline struct guest *guest_new(uint32_t devices, const struct system_nic *nics,
                                      uint32_t count, bool raw)
{
    struct system_vm system = sim_system(CARD_RAM, devices);
    system.nics = count;
    memcpy(system.nic, nics, count * sizeof(nics[0]));
    struct guest *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    g->s = sim_new(&system, 1000000);
    g->s->script = g;
    g->s->isr = card_isr;
    g->s->io = card_obey;
    g->raw = raw;
    sim_notify(g->s); /* the cards were stopped when the VM was built */
    assert_int_equal(g->s->plan.go, VM_GO_RUN);
    g->obeyed = 0;
    memset(g->s->kicks, 0, sizeof(g->s->kicks));
    return g;
}

static inline void guest_free(struct guest *g)
{
    sim_free(g->s);
    free(g);
}

#endif
