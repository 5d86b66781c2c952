/* SPDX-License-Identifier: BSD-2-Clause
 * Lines of text for a person, and the ring that carries bytes to the console. */
#ifndef SEL4_SAY_H
#define SEL4_SAY_H

#include <stdbool.h>
#include <stdint.h>

#include "sel4/parts.h"

/* Puts a byte into a ring. False: it is full, the byte is dropped. */
bool ring_put(struct part_ring *r, uint8_t byte);

/* Takes up to `max` bytes out. The other side is not trusted: a head that cannot be counts as none. */
uint32_t ring_take(struct part_ring *r, uint8_t *bytes, uint32_t max);

/* Where say() goes. */
struct say_sink {
    void (*put)(void *owner, uint8_t byte);
    void *owner;
};

/* A small printf: %s, %u (uint32_t), %U and %X (uint64_t, decimal and hexadecimal), %%. */
void say(const struct say_sink *sink, const char *format, ...);

#endif
