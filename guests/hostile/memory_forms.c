/* SPDX-License-Identifier: BSD-2-Clause
 * Instructions that touch memory: device registers, absent addresses, edges, page walks into devices.
 * Source: [SDM] vol. 2D, appendix A (opcode maps). */
#include "emit.h"
#include "kinds.h"
#include "random.h"

#define NO_DIGIT     8u /* any register in ModRM.reg */
#define LOCKABLE     0x10u
#define PREFIX_LOCK  0xF0u
#define PREFIX_REPNE 0xF2u
#define PREFIX_REP   0xF3u
#define PREFIX_16    0x66u
#define REX          0x40u
#define REX_W        0x08u
#define REX_R        0x04u

struct form {
    uint8_t opcode[2]; /* opcode[0] is 0x0F for two-byte ones, else 0 */
    uint8_t digit;     /* ModRM.reg, or NO_DIGIT                      */
    uint8_t flags;     /* bytes of immediate (4: by operand size), LOCKABLE */
};

/* What KVM emulates: in ring 0 anything else would end the VM. */
static const struct form known[] = {
    {{0, 0x88}, NO_DIGIT, 0},
    {{0, 0x89}, NO_DIGIT, 0},
    {{0, 0x8A}, NO_DIGIT, 0},
    {{0, 0x8B}, NO_DIGIT, 0},
    {{0, 0x89}, NO_DIGIT, 0},
    {{0, 0x8B}, NO_DIGIT, 0},
    {{0, 0xC6}, 0, 1},
    {{0, 0xC7}, 0, 4},
    {{0, 0x00}, NO_DIGIT, LOCKABLE},
    {{0, 0x01}, NO_DIGIT, LOCKABLE},
    {{0, 0x03}, NO_DIGIT, 0},
    {{0, 0x08}, NO_DIGIT, LOCKABLE},
    {{0, 0x09}, NO_DIGIT, LOCKABLE},
    {{0, 0x0B}, NO_DIGIT, 0},
    {{0, 0x11}, NO_DIGIT, LOCKABLE},
    {{0, 0x19}, NO_DIGIT, LOCKABLE},
    {{0, 0x21}, NO_DIGIT, LOCKABLE},
    {{0, 0x22}, NO_DIGIT, 0},
    {{0, 0x29}, NO_DIGIT, LOCKABLE},
    {{0, 0x2B}, NO_DIGIT, 0},
    {{0, 0x31}, NO_DIGIT, LOCKABLE},
    {{0, 0x33}, NO_DIGIT, 0},
    {{0, 0x38}, NO_DIGIT, 0},
    {{0, 0x39}, NO_DIGIT, 0},
    {{0, 0x3B}, NO_DIGIT, 0},
    {{0, 0x80}, 0, 1 | LOCKABLE},
    {{0, 0x81}, 1, 4 | LOCKABLE},
    {{0, 0x83}, 4, 1 | LOCKABLE},
    {{0, 0x83}, 7, 1},
    {{0, 0x84}, NO_DIGIT, 0},
    {{0, 0x85}, NO_DIGIT, 0},
    {{0, 0x86}, NO_DIGIT, LOCKABLE},
    {{0, 0x87}, NO_DIGIT, LOCKABLE},
    {{0, 0xF6}, 0, 1},
    {{0, 0xF7}, 0, 4},
    {{0, 0xF7}, 2, LOCKABLE},
    {{0, 0xF7}, 3, LOCKABLE},
    {{0, 0xF7}, 4, 0},
    {{0, 0xFE}, 0, LOCKABLE},
    {{0, 0xFF}, 1, LOCKABLE},
    {{0, 0xFF}, 6, 0},
    {{0, 0x8F}, 0, 0},
    {{0, 0x63}, NO_DIGIT, 0},
    {{0, 0xD1}, 4, 0},
    {{0, 0xC1}, 5, 1},
    {{0, 0xD3}, 7, 0},
    {{0x0F, 0xB6}, NO_DIGIT, 0},
    {{0x0F, 0xB7}, NO_DIGIT, 0},
    {{0x0F, 0xBE}, NO_DIGIT, 0},
    {{0x0F, 0xBF}, NO_DIGIT, 0},
    {{0x0F, 0xB0}, NO_DIGIT, LOCKABLE},
    {{0x0F, 0xB1}, NO_DIGIT, LOCKABLE},
    {{0x0F, 0xC0}, NO_DIGIT, LOCKABLE},
    {{0x0F, 0xC1}, NO_DIGIT, LOCKABLE},
    {{0x0F, 0xA3}, NO_DIGIT, 0},
    {{0x0F, 0xBA}, 4, 1},
    {{0x0F, 0xBA}, 5, 1 | LOCKABLE},
    {{0x0F, 0xBA}, 7, 1 | LOCKABLE},
    {{0x0F, 0x44}, NO_DIGIT, 0},
    {{0x0F, 0x94}, 0, 0},
    {{0x0F, 0xC3}, NO_DIGIT, 0},
    {{0x0F, 0xC7}, 1, LOCKABLE},
    {{0x0F, 0xAF}, NO_DIGIT, 0},
};

static const uint8_t strings[] = {0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF};

/* [RBX], [RBX + disp8] or [RBX + RSI], with RBX loaded so that it comes out at `address`. */
static void emit_operand(uint32_t reg, int32_t disp)
{
    if (disp != 0) {
        emit_byte((uint8_t)(0x40u | (reg << 3) | REG_BX));
        emit_byte((uint8_t)disp);
    } else {
        emit_byte((uint8_t)((reg << 3) | REG_BX));
    }
}

static void emit_immediate(uint32_t bytes, bool narrow)
{
    uint32_t n = bytes == 4u && narrow ? 2u : bytes;
    emit_number(random_value(), n);
}

static void emit_form(const struct form *f)
{
    uint8_t rex = 0;
    uint64_t at = aim_memory();
    int32_t disp = random_chance(1, 3) ? (int32_t)random_below(256) - 128 : 0;
    bool narrow = random_chance(1, 5);
    uint32_t reg = f->digit == NO_DIGIT ? random_below(8) : f->digit;
    emit_set64(REG_BX, at - (uint64_t)(int64_t)disp);
    if (narrow) {
        emit_byte(PREFIX_16);
    } else if (random_chance(1, 4) && f->opcode[1] != 0xC7u) { /* CMPXCHG16B: not KVM's */
        rex = REX | REX_W;
    }
    if (f->digit == NO_DIGIT && random_chance(1, 4)) {
        rex |= REX | REX_R;
    }
    if ((f->flags & LOCKABLE) != 0 && random_chance(1, 2)) {
        emit_byte(PREFIX_LOCK);
    }
    if (rex != 0) {
        emit_byte(rex);
    }
    if (f->opcode[0] != 0) {
        emit_byte(f->opcode[0]);
    }
    emit_byte(f->opcode[1]);
    emit_operand(reg, disp);
    emit_immediate(f->flags & 7u, narrow);
}

/* MOVS, STOS and the others, up to 32 times, to and from anywhere. */
static void emit_string(void)
{
    bool rep = random_chance(3, 4);
    emit_set64(REG_SI, aim_memory());
    emit_set64(REG_DI, aim_memory());
    emit_set32(REG_CX, random_below(32));
    emit_byte(random_chance(1, 4) ? 0xFDu : 0xFCu); /* STD, CLD */
    if (rep) {
        emit_byte(random_chance(1, 2) ? PREFIX_REP : PREFIX_REPNE);
    }
    if (random_chance(1, 3)) {
        emit_byte(REX | REX_W);
    }
    emit_byte(RANDOM_OF(strings));
}

/* The stack in a device: PUSH, POP, CALL and RET. */
static void emit_stack(void)
{
    static const uint8_t ops[] = {0x50, 0x58, 0x9C, 0x53, 0x5A, 0xC3};
    emit_set64(REG_SP, aim_memory());
    emit_byte(RANDOM_OF(ops));
    emit_set32(REG_SP, STACK_TOP);
}

static void emit_any(bool user)
{
    switch (random_below(user ? 8 : 12)) {
    case 0:
        emit_string();
        break;
    case 1:
        emit_stack();
        break;
    default:
        emit_form(&RANDOM_OF(known));
        break;
    }
}

struct shot *kind_device(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_DEVICES);
    uint32_t n = 1u + random_below(24);
    for (uint32_t i = 0; i < n; i++) {
        emit_set32(REG_BX, (uint32_t)aim_register());
        emit_set32(REG_AX, (uint32_t)random_value());
        emit_byte(random_chance(1, 2) ? 0x89u : 0x8Bu); /* MOV [RBX], EAX and back */
        emit_byte(REG_BX);
    }
    s->exits = n;
    emit_end();
    return s;
}

struct shot *kind_memory(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_DEVICES);
    uint32_t n = 1u + random_below(12);
    for (uint32_t i = 0; i < n; i++) {
        emit_any(false);
    }
    s->exits = n;
    emit_end();
    return s;
}

/* Any opcode of the two maps, with an address that leads somewhere interesting. */
static void emit_opcode(void)
{
    static const uint8_t prefixes[] = {0x66, 0xF2, 0xF3, 0xF0, 0x48, 0x4C, 0x67, 0x64};
    uint64_t at = aim_memory();
    emit_set64(REG_BX, at);
    emit_set64(REG_SI, at);
    emit_set64(REG_DI, random_chance(1, 2) ? at : DATA_BASE);
    emit_set32(REG_CX, random_below(32));
    while (random_chance(1, 3)) { /* bound: the shot's length */
        emit_byte(RANDOM_OF(prefixes));
    }
    if (random_chance(2, 3)) {
        emit_byte(0x0F);
    }
    if (random_chance(1, 8)) {
        emit_byte(random_chance(1, 2) ? 0x38 : 0x3A);
    }
    emit_byte((uint8_t)random_64());
    emit_operand(random_below(8), 0);
    emit_byte((uint8_t)random_64());
}

struct shot *kind_memory_user(void)
{
    struct shot *s = emit_begin(RING_USER, WORLD_DEVICES);
    s->exits = 1;
    if (random_chance(1, 4)) {
        emit_opcode();
        s->touches = TOUCH_WATCH; /* it may be a jump */
    } else {
        for (uint32_t i = 0; i < 6u; i++) {
            emit_any(true);
        }
    }
    emit_end();
    return s;
}
