/* SPDX-License-Identifier: BSD-2-Clause
 * A virtio network card as netfoe finds it, in whatever shell, and how to set it up as a good driver
 * would: what is wrong is the caller's choice.
 * Spec: [VIRTIO] 1.2, 4.1.4 (PCI capabilities), 4.1.4.10 (legacy register block), 4.2 (virtio-mmio). */
#ifndef NETFOE_CARD_H
#define NETFOE_CARD_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUES 2u
#define RX     0u
#define TX     1u

#define FEATURE_VERSION_1 (1ull << 32)
#define FEATURE_MERGEABLE (1ull << 15)

enum layout {
    LAYOUT_LEGACY, /* the legacy register block: in ports, in a BAR, or at an address */
    LAYOUT_MODERN, /* PCI capabilities */
    LAYOUT_MMIO1,
    LAYOUT_MMIO2,
};

struct ring {
    uint64_t desc, avail, used;
    uint32_t size;
};

struct card {
    enum layout layout;
    bool ports;      /* its registers are ports              */
    uint32_t slot;   /* on PCI; 0: it is not                 */
    uint64_t base;   /* of its registers                     */
    uint64_t notify; /* modern: of its doorbells             */
    uint64_t config; /* of the device's configuration        */
    uint32_t notify_step;
    uint32_t saved[16]; /* PCI: the configuration header as it was found */
    uint8_t mac[6];
    uint64_t features; /* as last accepted */
    struct ring ring[QUEUES];
    uint16_t avail_index[QUEUES];
};

/* `where` is "pci:SLOT", "mmio@ADDRESS" or "block@ADDRESS". False: there is no card. */
bool card_find(struct card *c, const char *where);

/* "pci-legacy" and so on. */
const char *card_shell(const struct card *c);

/* One access of 1, 2, 4 or 8 bytes to its registers, or 4 bytes of its PCI configuration. */
uint64_t card_read(const struct card *c, uint64_t at, uint32_t width);
void card_write(const struct card *c, uint64_t at, uint32_t width, uint64_t v);
uint32_t pci_read(uint32_t slot, uint32_t at);
void pci_write(uint32_t slot, uint32_t at, uint32_t v);

/* The BARs and the command register as they were found. */
void card_restore(const struct card *c);

void card_set_status(const struct card *c, uint32_t status);
uint64_t card_offered(const struct card *c);
void card_accept(struct card *c, uint64_t features);
uint32_t card_queue_max(const struct card *c, uint32_t queue);
/* Legacy layouts take the address of the descriptors, and lay out the rest behind it. */
void card_set_queue(const struct card *c, uint32_t queue, const struct ring *r);
void card_notify(const struct card *c, uint32_t queue, uint32_t value);

#endif
