/* SPDX-License-Identifier: BSD-2-Clause
 * Putting a shot together: instruction bytes, and the registers to start with.
 * Spec: [SDM] vol. 2A, 2.1 and 2.2 (instruction format). */
#ifndef HOSTILE_EMIT_H
#define HOSTILE_EMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

#define REG_AX 0u
#define REG_CX 1u
#define REG_DX 2u
#define REG_BX 3u
#define REG_SP 4u
#define REG_BP 5u
#define REG_SI 6u
#define REG_DI 7u

/* How a shot runs. */
enum ring {
    RING_KERNEL,
    RING_KERNEL32,
    RING_USER,
    RING_USER32,
    RING_USER16,
};
#define RINGS 5u

/* An empty shot: registers random or pointing at scratch memory, interrupts on or off. */
struct shot *emit_begin(enum ring ring, enum world world);

/* INT3 after what there is: whatever comes next is over. */
void emit_end(void);

void emit_byte(uint8_t b);
void emit_bytes(const void *bytes, uint32_t n);
void emit_number(uint64_t v, uint32_t bytes);

/* MOV r32, imm32, and MOV r64, imm64: 64-bit code only. */
void emit_set32(uint32_t reg, uint32_t v);
void emit_set64(uint32_t reg, uint64_t v);

/* A hash of every byte and register of every shot so far, and of what is not fired, too. */
uint64_t emit_digest(void);

#endif
