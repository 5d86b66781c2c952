/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridge. Contract and references: dev/pci.h. */
#include "dev/pci.h"

#include <stddef.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/string.h"
#include "dev/pci_state.h"

#define PCI_ABSENT 0u

/* An Intel 440FX as far as a kernel looks: memory and bus mastering are always on; SERR# and parity
 * enable can be set but mean nothing; the error bits of the status register can be cleared. */
static const struct pci_config_desc pci_bridge_desc[] = {
    {.reg = 0x00, .reset = 0x12378086u},
    {.reg = 0x04, .reset = 0x02800006u, .rw = 0x00000140u, .w1c = 0xF9000000u},
    {.reg = 0x08, .reset = 0x06000002u},
    {.reg = 0x0C, .reset = 0x00000000u, .rw = 0x0000F800u},
};

static const struct pci_function_ops pci_bridge_ops = {
    .desc = pci_bridge_desc,
    .descs = sizeof(pci_bridge_desc) / sizeof(pci_bridge_desc[0]),
};

/* Index of the addressed function plus 1, or PCI_ABSENT. */
static uint32_t pci_selected(const struct pci *p)
{
    uint32_t address = p->regs.address;
    if ((address & PCI_ADDRESS_ENABLE) == 0 || (address & 0x00FF0000u) != 0) {
        return PCI_ABSENT;
    }
    return p->slot[(address >> 8) & 0xFFu];
}

static uint64_t pci_read_data(const struct pci *p, struct bus_access a, vm_ns_t now)
{
    uint32_t selected = pci_selected(p);
    if (selected == PCI_ABSENT) {
        return ones_bytes(a.size);
    }
    const struct pci_function *f = &p->function[selected - 1u];
    uint32_t reg = p->regs.address & 0xFCu;
    uint32_t val = p->regs.config[selected - 1u][reg / 4u];
    if (f->ops->read != NULL) {
        val = f->ops->read(f->owner, reg, val, now);
    }
    return (val >> (8u * a.off)) & ones_bytes(a.size);
}

/* Tells the owner where the window behind a base address register is. */
static void pci_place_bar(const struct pci *p, uint32_t n, const struct pci_bar *bar)
{
    const struct pci_function *f = &p->function[n];
    uint32_t val = p->regs.config[n][PCI_BAR(bar->bar) / 4u];
    bool io = (val & PCI_BAR_IO) != 0;
    uint32_t decode = io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    bool on = (p->regs.config[n][PCI_COMMAND / 4u] & decode) != 0;
    uint32_t base = val & (io ? ~0x3u : ~0xFu);
    f->ops->moved(f->owner, bar->window, on ? base : BUS_OFF);
}

/* After `reg` was written: the windows that depend on it. */
static void pci_place_bars(const struct pci *p, uint32_t n, uint32_t reg)
{
    const struct pci_function_ops *ops = p->function[n].ops;
    for (uint32_t i = 0; i < ops->bars; i++) { /* bound: PCI_BARS */
        if (reg == PCI_COMMAND || reg == PCI_BAR(ops->bar[i].bar)) {
            pci_place_bar(p, n, &ops->bar[i]);
        }
    }
}

static void pci_write_data(struct pci *p, struct bus_access a, uint64_t val, vm_ns_t now)
{
    uint32_t selected = pci_selected(p);
    if (selected == PCI_ABSENT) {
        return;
    }
    const struct pci_function *f = &p->function[selected - 1u];
    uint32_t reg = p->regs.address & 0xFCu;
    uint32_t *stored = &p->regs.config[selected - 1u][reg / 4u];
    uint32_t shift = 8u * (uint32_t)a.off;
    uint32_t lanes = (uint32_t)(ones_bytes(a.size) << shift);
    uint32_t dword = (uint32_t)(val << shift);
    uint32_t cleared = dword & lanes & f->w1c[reg / 4u];
    *stored = bits_merge(*stored, dword, f->rw[reg / 4u] & lanes) & ~cleared;
    pci_place_bars(p, selected - 1u, reg);
    if (f->ops->written != NULL) {
        f->ops->written(f->owner, reg, *stored, now);
    }
}

/* Bytes and words never reach the address register. The byte at port 0xCF9 is another device's. */
static uint64_t pci_read_part(const struct pci *p, struct bus_access a, vm_ns_t now)
{
    const struct pci_wiring *w = &p->wiring;
    if (a.off != PCI_CF9_OFF || w->cf9_ops == NULL) {
        return ones_bytes(a.size);
    }
    struct bus_access cf9 = {.window = w->cf9_window, .size = 1, .off = 0};
    return w->cf9_ops->read(w->cf9_dev, cf9, now);
}

static void pci_write_part(const struct pci *p, struct bus_access a, uint64_t val, vm_ns_t now)
{
    const struct pci_wiring *w = &p->wiring;
    if (a.off == PCI_CF9_OFF && w->cf9_ops != NULL) {
        struct bus_access cf9 = {.window = w->cf9_window, .size = 1, .off = 0};
        w->cf9_ops->write(w->cf9_dev, cf9, val, now);
    }
}

static uint64_t pci_read(void *dev, struct bus_access a, vm_ns_t now)
{
    const struct pci *p = dev;
    if (a.window == PCI_WINDOW_DATA) {
        return pci_read_data(p, a, now);
    }
    return a.size == 4 ? p->regs.address : pci_read_part(p, a, now);
}

static void pci_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct pci *p = dev;
    if (a.window == PCI_WINDOW_DATA) {
        pci_write_data(p, a, val, now);
    } else if (a.size == 4) {
        p->regs.address = (uint32_t)val & PCI_ADDRESS_RW;
    } else {
        pci_write_part(p, a, val, now);
    }
}

/* --- For the board --------------------------------------------------------------------------- */

static bool pci_descs_fit(const struct pci_function_ops *ops)
{
    for (uint32_t i = 0; i < ops->descs; i++) { /* bound: PCI_CONFIG_DWORDS, checked by pci_add */
        uint32_t reg = ops->desc[i].reg;
        if (reg % 4u != 0 || reg / 4u >= PCI_CONFIG_DWORDS) {
            return false;
        }
    }
    for (uint32_t i = 0; i < ops->bars; i++) { /* bound: PCI_BARS, checked by pci_add */
        if (ops->bar[i].bar >= PCI_BARS) {
            return false;
        }
    }
    return true;
}

bool pci_add(struct pci *p, uint32_t devfn, const struct pci_function_ops *ops, void *owner)
{
    bool room = devfn < sizeof(p->slot) && p->functions < PCI_FUNCTIONS_MAX;
    if (!room || p->slot[devfn] != PCI_ABSENT) {
        return false;
    }
    if (ops->descs > PCI_CONFIG_DWORDS || ops->bars > PCI_BARS || !pci_descs_fit(ops)) {
        return false;
    }
    struct pci_function *f = &p->function[p->functions];
    f->ops = ops;
    f->owner = owner;
    for (uint32_t i = 0; i < ops->descs; i++) { /* bound: PCI_CONFIG_DWORDS */
        f->reset[ops->desc[i].reg / 4u] = ops->desc[i].reset;
        f->rw[ops->desc[i].reg / 4u] = ops->desc[i].rw;
        f->w1c[ops->desc[i].reg / 4u] = ops->desc[i].w1c;
    }
    p->functions++;
    p->slot[devfn] = (uint8_t)p->functions;
    return true;
}

void pci_init(struct pci *p, const struct pci_wiring *w)
{
    memset(p, 0, sizeof(*p));
    p->wiring = *w;
    (void)pci_add(p, PCI_DEVFN(0, 0), &pci_bridge_ops, NULL); /* the table is empty: it fits */
}

void pci_preset(struct pci *p, uint32_t devfn, uint32_t reg, uint32_t val)
{
    BH_ASSERT(devfn < sizeof(p->slot) && p->slot[devfn] != PCI_ABSENT && reg < 256u);
    p->function[p->slot[devfn] - 1u].reset[reg / 4u] = val;
}

uint32_t pci_config(const struct pci *p, uint32_t devfn, uint32_t reg)
{
    BH_ASSERT(devfn < sizeof(p->slot) && p->slot[devfn] != PCI_ABSENT && reg < 256u);
    return p->regs.config[p->slot[devfn] - 1u][reg / 4u];
}

void pci_reset(struct pci *p, vm_ns_t now)
{
    (void)now;
    /* First all windows go off: where one belongs, another may be now. */
    memset(&p->regs, 0, sizeof(p->regs));
    for (uint32_t n = 0; n < p->functions; n++) { /* bound: PCI_FUNCTIONS_MAX */
        pci_place_bars(p, n, PCI_COMMAND);
    }
    for (uint32_t n = 0; n < p->functions; n++) { /* bound: PCI_FUNCTIONS_MAX */
        memcpy(p->regs.config[n], p->function[n].reset, sizeof(p->regs.config[n]));
        pci_place_bars(p, n, PCI_COMMAND);
    }
}

bool pci_valid(const struct pci *p)
{
    bool table = p->functions >= 1 && p->functions <= PCI_FUNCTIONS_MAX;
    return table && p->slot[0] == 1 && (p->regs.address & ~PCI_ADDRESS_RW) == 0;
}

const struct bus_window pci_windows[PCI_WINDOWS] = {
    [PCI_WINDOW_ADDRESS] = {.space = BUS_PIO,
                            .widths = BUS_W1 | BUS_W2 | BUS_W4,
                            .len = 4,
                            .base = PCI_ADDRESS_PORT},
    [PCI_WINDOW_DATA] = {.space = BUS_PIO,
                         .widths = BUS_W1 | BUS_W2 | BUS_W4,
                         .len = 4,
                         .base = PCI_DATA_PORT},
};

const struct bus_dev_ops pci_ops = {
    .read = pci_read,
    .write = pci_write,
};
