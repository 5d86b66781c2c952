/* SPDX-License-Identifier: BSD-2-Clause
 * Driver for a virtio network card behind memory-mapped registers: polled, static, no offloads.
 *
 * Two layouts: the legacy PCI register block at an address (as the driver of a certified RTOS uses
 * it), and virtio-mmio, versions 1 and 2. All buffers are the driver's own; frames are copied.
 * Spec: [VIRTIO] 1.2, 2.7 (split virtqueues), 4.1.4.10 (legacy register block), 4.2 (virtio-mmio),
 *       5.1 (network device). */
#ifndef DEMO653_VIRTIO_NET_H
#define DEMO653_VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_MAX 1514u /* Ethernet without its check sequence */

enum card_layout {
    CARD_BLOCK,
    CARD_MMIO,
};

/* Finds the card and makes it ready. False, after saying why: there is none, or it is no such card. */
bool card_init(enum card_layout layout, uint64_t at);

const uint8_t *card_mac(void);
const char *card_name(void); /* how it was found: "legacy block", "virtio-mmio v2" */

/* The oldest frame received, or null; to be given back by card_done() before the next. */
const uint8_t *card_receive(uint32_t *bytes);
void card_done(void);

/* Sends a copy. False: all transmit buffers are with the card. @pre bytes <= FRAME_MAX */
bool card_send(const uint8_t *frame, uint32_t bytes);

/* The card's index or a length made no sense: it was ignored. */
uint64_t card_faults(void);

#endif
