/* SPDX-License-Identifier: BSD-2-Clause
 * What netfoe does to a card. */
#ifndef NETFOE_ATTACK_H
#define NETFOE_ATTACK_H

#include <stdint.h>

#include "card.h"

#define ATTACKS 10u

/* Where rings and buffers are; the program is below. */
#define RINGS_BASE   0x200000u
#define RING_BYTES   0x10000u /* for each queue of each card */
#define BUFFERS_BASE 0x400000u
#define BUFFERS_END  0x800000u
#define RAM_END      0x1000000u

/* One attack on one of the cards, drawn from random.h. Returns which it was. */
uint32_t attack(struct card *cards, uint32_t count);

const char *attack_name(uint32_t which);

#endif
