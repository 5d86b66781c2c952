/* SPDX-License-Identifier: BSD-2-Clause
 * See card.h. */
#include "card.h"

#include "memory.h"
#include "x86.h"

#define PCI_ADDRESS  0xCF8u
#define PCI_DATA     0xCFCu
#define PCI_ID       0x00u
#define PCI_COMMAND  0x04u
#define PCI_BAR      0x10u
#define PCI_CAPS     0x34u
#define PCI_ENABLE   0x7u
#define CAP_VENDOR   9u
#define CAPS_MAX     16u
#define ID_LEGACY    0x10001AF4u
#define ID_MODERN    0x10411AF4u
#define VIRTQ_ALIGN  4096u
#define CFG_COMMON   1u
#define CFG_NOTIFY   2u
#define CFG_DEVICE   4u
#define BAR_IS_PORTS 1u

/* Registers: legacy block, modern common configuration, virtio-mmio. */
enum {
    BLOCK_OFFERED = 0x00,
    BLOCK_ACCEPTED = 0x04,
    BLOCK_PFN = 0x08,
    BLOCK_SIZE = 0x0C,
    BLOCK_SELECT = 0x0E,
    BLOCK_NOTIFY = 0x10,
    BLOCK_STATUS = 0x12,
    BLOCK_CONFIG = 0x14,
    COMMON_OFFERED_WORD = 0x00,
    COMMON_OFFERED = 0x04,
    COMMON_ACCEPTED_WORD = 0x08,
    COMMON_ACCEPTED = 0x0C,
    COMMON_STATUS = 0x14,
    COMMON_SELECT = 0x16,
    COMMON_SIZE = 0x18,
    COMMON_ENABLE = 0x1C,
    COMMON_DESC = 0x20,
    COMMON_AVAIL = 0x28,
    COMMON_USED = 0x30,
    MMIO_MAGIC = 0x000,
    MMIO_VERSION = 0x004,
    MMIO_OFFERED = 0x010,
    MMIO_OFFERED_WORD = 0x014,
    MMIO_ACCEPTED = 0x020,
    MMIO_ACCEPTED_WORD = 0x024,
    MMIO_PAGE = 0x028,
    MMIO_SELECT = 0x030,
    MMIO_SIZE_MAX = 0x034,
    MMIO_SIZE = 0x038,
    MMIO_ALIGN = 0x03C,
    MMIO_PFN = 0x040,
    MMIO_READY = 0x044,
    MMIO_NOTIFY = 0x050,
    MMIO_STATUS = 0x070,
    MMIO_DESC = 0x080,
    MMIO_AVAIL = 0x090,
    MMIO_USED = 0x0A0,
    MMIO_CONFIG = 0x100,
};
#define MAGIC 0x74726976u

/* --- Accesses ---------------------------------------------------------------------------------- */

static uint64_t memory_read(uint64_t at, uint32_t width)
{
    switch (width) {
    case 1:
        return *(const volatile uint8_t *)(uintptr_t)at;
    case 2:
        return *(const volatile uint16_t *)(uintptr_t)at;
    case 4:
        return *(const volatile uint32_t *)(uintptr_t)at;
    default:
        return *(const volatile uint64_t *)(uintptr_t)at;
    }
}

static void memory_write(uint64_t at, uint32_t width, uint64_t v)
{
    switch (width) {
    case 1:
        *(volatile uint8_t *)(uintptr_t)at = (uint8_t)v;
        break;
    case 2:
        *(volatile uint16_t *)(uintptr_t)at = (uint16_t)v;
        break;
    case 4:
        *(volatile uint32_t *)(uintptr_t)at = (uint32_t)v;
        break;
    default:
        *(volatile uint64_t *)(uintptr_t)at = v;
        break;
    }
}

uint64_t card_read(const struct card *c, uint64_t at, uint32_t width)
{
    uint16_t port = (uint16_t)at;
    if (!c->ports) {
        return memory_read(at, width);
    }
    return width == 1 ? inb(port) : width == 2 ? inw(port) : inl(port);
}

void card_write(const struct card *c, uint64_t at, uint32_t width, uint64_t v)
{
    uint16_t port = (uint16_t)at;
    if (!c->ports) {
        memory_write(at, width, v);
    } else if (width == 1) {
        outb(port, (uint8_t)v);
    } else if (width == 2) {
        outw(port, (uint16_t)v);
    } else {
        outl(port, (uint32_t)v);
    }
}

static uint32_t get(const struct card *c, uint32_t off, uint32_t width)
{
    return (uint32_t)card_read(c, c->base + off, width);
}

static void put(const struct card *c, uint32_t off, uint32_t width, uint64_t v)
{
    card_write(c, c->base + off, width, v);
}

uint32_t pci_read(uint32_t slot, uint32_t at)
{
    outl(PCI_ADDRESS, 0x80000000u | slot << 11 | (at & 0xFCu));
    return inl(PCI_DATA);
}

void pci_write(uint32_t slot, uint32_t at, uint32_t v)
{
    outl(PCI_ADDRESS, 0x80000000u | slot << 11 | (at & 0xFCu));
    outl(PCI_DATA, v);
}

/* --- Finding ----------------------------------------------------------------------------------- */

static uint64_t number(const char *text)
{
    uint64_t v = 0;
    uint32_t base = 10;
    if (text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
    }
    for (;; text++) { /* bound: the digits */
        uint32_t digit = (uint32_t)(uint8_t)*text - '0';
        if (digit > 9u) {
            digit = *text >= 'a' ? (uint32_t)(uint8_t)*text - 'a' + 10u : base;
        }
        if (digit >= base) {
            return v;
        }
        v = v * base + digit;
    }
}

static uint64_t bar_address(const struct card *c, uint32_t bar)
{
    uint32_t low = c->saved[(PCI_BAR >> 2) + bar];
    return (low & BAR_IS_PORTS) != 0 ? low & ~3u : low & ~15u;
}

static void find_modern(struct card *c)
{
    uint32_t at = pci_read(c->slot, PCI_CAPS) & 0xFCu;
    for (uint32_t i = 0; at != 0 && i < CAPS_MAX; i++) {
        uint32_t head = pci_read(c->slot, at);
        uint32_t kind = head >> 24;
        if ((head & 0xFFu) == CAP_VENDOR) {
            uint64_t where =
                bar_address(c, pci_read(c->slot, at + 4) & 7u) + pci_read(c->slot, at + 8);
            if (kind == CFG_COMMON) {
                c->base = where;
            } else if (kind == CFG_NOTIFY) {
                c->notify = where;
                c->notify_step = pci_read(c->slot, at + 16);
            } else if (kind == CFG_DEVICE) {
                c->config = where;
            }
        }
        at = head >> 8 & 0xFCu;
    }
}

static bool find_pci(struct card *c)
{
    for (uint32_t i = 0; i < 16; i++) {
        c->saved[i] = pci_read(c->slot, 4u * i);
    }
    if (c->saved[0] == ID_MODERN) {
        c->layout = LAYOUT_MODERN;
        find_modern(c);
        return c->base != 0 && c->notify != 0 && c->config != 0;
    }
    c->layout = LAYOUT_LEGACY;
    c->ports = (c->saved[PCI_BAR >> 2] & BAR_IS_PORTS) != 0;
    c->base = bar_address(c, 0);
    c->config = c->base + BLOCK_CONFIG;
    return c->saved[0] == ID_LEGACY;
}

bool card_find(struct card *c, const char *where)
{
    bool found = false;
    memset(c, 0, sizeof(*c));
    if (memcmp(where, "pci:", 4) == 0) {
        c->slot = (uint32_t)number(where + 4);
        found = find_pci(c);
    } else if (memcmp(where, "mmio@", 5) == 0) {
        c->base = number(where + 5);
        c->layout = get(c, MMIO_VERSION, 4) == 1 ? LAYOUT_MMIO1 : LAYOUT_MMIO2;
        c->config = c->base + MMIO_CONFIG;
        found = get(c, MMIO_MAGIC, 4) == MAGIC;
    } else if (memcmp(where, "block@", 6) == 0) {
        c->base = number(where + 6);
        c->layout = LAYOUT_LEGACY;
        c->config = c->base + BLOCK_CONFIG;
        found = card_queue_max(c, 0) != 0;
    }
    for (uint32_t i = 0; found && i < sizeof(c->mac); i++) {
        c->mac[i] = (uint8_t)card_read(c, c->config + i, 1);
    }
    return found;
}

const char *card_shell(const struct card *c)
{
    if (c->layout == LAYOUT_LEGACY) {
        return c->slot == 0 ? "block" : c->ports ? "pci-legacy" : "pci-legacy-memory";
    }
    return c->layout == LAYOUT_MODERN ? "pci" : c->layout == LAYOUT_MMIO1 ? "mmio-legacy" : "mmio";
}

void card_restore(const struct card *c)
{
    for (uint32_t i = 4; c->slot != 0 && i < 10; i++) {
        pci_write(c->slot, 4u * i, c->saved[i]);
    }
    if (c->slot != 0) {
        pci_write(c->slot, PCI_COMMAND, (c->saved[1] & 0xFFFF0000u) | PCI_ENABLE);
    }
}

/* --- Setting up -------------------------------------------------------------------------------- */

void card_set_status(const struct card *c, uint32_t status)
{
    if (c->layout == LAYOUT_LEGACY) {
        put(c, BLOCK_STATUS, 1, status);
    } else if (c->layout == LAYOUT_MODERN) {
        put(c, COMMON_STATUS, 1, status);
    } else {
        put(c, MMIO_STATUS, 4, status);
    }
}

uint64_t card_offered(const struct card *c)
{
    uint64_t features = 0;
    if (c->layout == LAYOUT_LEGACY) {
        return get(c, BLOCK_OFFERED, 4);
    }
    uint32_t word = c->layout == LAYOUT_MODERN ? COMMON_OFFERED_WORD : MMIO_OFFERED_WORD;
    uint32_t at = c->layout == LAYOUT_MODERN ? COMMON_OFFERED : MMIO_OFFERED;
    for (uint32_t i = 0; i < 2; i++) {
        put(c, word, 4, i);
        features |= (uint64_t)get(c, at, 4) << (32u * i);
    }
    return features;
}

void card_accept(struct card *c, uint64_t features)
{
    c->features = features;
    if (c->layout == LAYOUT_LEGACY) {
        put(c, BLOCK_ACCEPTED, 4, (uint32_t)features);
        return;
    }
    uint32_t word = c->layout == LAYOUT_MODERN ? COMMON_ACCEPTED_WORD : MMIO_ACCEPTED_WORD;
    uint32_t at = c->layout == LAYOUT_MODERN ? COMMON_ACCEPTED : MMIO_ACCEPTED;
    for (uint32_t i = 0; i < 2; i++) {
        put(c, word, 4, i);
        put(c, at, 4, (uint32_t)(features >> (32u * i)));
    }
}

static void select_queue(const struct card *c, uint32_t queue)
{
    if (c->layout == LAYOUT_LEGACY) {
        put(c, BLOCK_SELECT, 2, queue);
    } else if (c->layout == LAYOUT_MODERN) {
        put(c, COMMON_SELECT, 2, queue);
    } else {
        put(c, MMIO_SELECT, 4, queue);
    }
}

uint32_t card_queue_max(const struct card *c, uint32_t queue)
{
    select_queue(c, queue);
    if (c->layout == LAYOUT_LEGACY) {
        return get(c, BLOCK_SIZE, 2);
    }
    return c->layout == LAYOUT_MODERN ? get(c, COMMON_SIZE, 2) : get(c, MMIO_SIZE_MAX, 4);
}

static void put_address(const struct card *c, uint32_t off, uint64_t address)
{
    put(c, off, 4, (uint32_t)address);
    put(c, off + 4u, 4, address >> 32);
}

void card_set_queue(const struct card *c, uint32_t queue, const struct ring *r)
{
    select_queue(c, queue);
    switch (c->layout) {
    case LAYOUT_LEGACY:
        put(c, BLOCK_PFN, 4, r->desc / VIRTQ_ALIGN);
        break;
    case LAYOUT_MMIO1:
        put(c, MMIO_PAGE, 4, VIRTQ_ALIGN);
        put(c, MMIO_SIZE, 4, r->size);
        put(c, MMIO_ALIGN, 4, VIRTQ_ALIGN);
        put(c, MMIO_PFN, 4, r->desc / VIRTQ_ALIGN);
        break;
    case LAYOUT_MODERN:
        put(c, COMMON_SIZE, 2, r->size);
        put_address(c, COMMON_DESC, r->desc);
        put_address(c, COMMON_AVAIL, r->avail);
        put_address(c, COMMON_USED, r->used);
        put(c, COMMON_ENABLE, 2, 1);
        break;
    case LAYOUT_MMIO2:
    default:
        put(c, MMIO_SIZE, 4, r->size);
        put_address(c, MMIO_DESC, r->desc);
        put_address(c, MMIO_AVAIL, r->avail);
        put_address(c, MMIO_USED, r->used);
        put(c, MMIO_READY, 4, 1);
        break;
    }
}

void card_notify(const struct card *c, uint32_t queue, uint32_t value)
{
    if (c->layout == LAYOUT_LEGACY) {
        put(c, BLOCK_NOTIFY, 2, value);
    } else if (c->layout == LAYOUT_MODERN) {
        card_write(c, c->notify + (uint64_t)c->notify_step * queue, 2, value);
    } else {
        put(c, MMIO_NOTIFY, 4, value);
    }
}
