/* SPDX-License-Identifier: BSD-2-Clause
 * Random bytes as instructions. In ring 0 they have RAM only, in ring 3 everything: an instruction on
 * a device that KVM does not emulate gives #UD there, and would end the VM in ring 0. */
#include "emit.h"
#include "kinds.h"
#include "random.h"

#define BYTES 24u

static bool ends_by_port(uint8_t port)
{
    return port >= 0xF0u || (port >= 0x60u && port < 0x68u) || (port >= 0x8Eu && port < 0x94u);
}

/* LGDT, LIDT, MOV CR and LTR of anything: certain death. */
static bool ends_by_table(const uint8_t *b)
{
    uint32_t reg = (b[2] >> 3) & 7u;
    return b[0] == 0x0Fu && ((b[1] == 0x01u && (reg == 2u || reg == 3u)) || b[1] == 0x22u ||
                             (b[1] == 0x00u && reg == 3u));
}

/* At any offset: OUT to an immediate port that may end the VM becomes another, always; what ends it by
 * a triple fault becomes a NOP, nearly always, or no seed with instructions would be long. */
static void spare(uint8_t *b)
{
    for (uint32_t i = 0; i + 2u < BYTES; i++) {
        bool out = b[i] == 0xE6u || b[i] == 0xE7u;
        if (out && ends_by_port(b[i + 1u])) {
            b[i + 1u] = 0x80u;
        }
        if (ends_by_table(&b[i]) && random_chance(31, 32)) {
            b[i + 1u] = 0x1Fu;
        }
    }
}

/* Half of them noise, half an opcode with a ModRM byte that leads to memory. */
static void draw(uint8_t *b)
{
    for (uint32_t i = 0; i < BYTES; i++) {
        b[i] = (uint8_t)random_64();
    }
    for (uint32_t i = 0; random_chance(1, 2) && i + 4u < BYTES; i += 4u) {
        if (random_chance(1, 2)) {
            b[i] = 0x0F;
        } else {
            b[i] = random_chance(1, 2) ? 0x48 : 0x66;
        }
        b[i + 2u] &= 0x3Fu;
    }
    spare(b);
}

struct shot *kind_code(void)
{
    static const enum ring rings[] = {RING_KERNEL, RING_KERNEL, RING_USER,    RING_USER,
                                      RING_USER32, RING_USER16, RING_KERNEL32};
    uint8_t bytes[BYTES];
    enum ring ring = RANDOM_OF(rings);
    bool user = ring >= RING_USER;
    struct shot *s = emit_begin(ring, user && random_chance(3, 4) ? WORLD_DEVICES : WORLD_RAM);
    s->touches = TOUCH_CR | TOUCH_DR | TOUCH_WATCH;
    if (!user) {
        s->touches |= TOUCH_MSR | TOUCH_TR;
        s->frame.rdx &= ~0xFFFFull; /* OUT DX: to port 0 */
    } else if (random_chance(1, 2)) {
        s->frame.rbx = aim_memory();
        s->frame.rsi = aim_memory();
    }
    draw(bytes);
    emit_bytes(bytes, BYTES);
    emit_end();
    return s;
}
