/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupts: messages between processors, timers at absurd counts, HLT in odd states, flags.
 * Spec: [SDM] vol. 3A, 10.5 (LVT, timer), 10.6 (ICR); [HPET] 2.3; [8254]; [MC146818]. */
#include "emit.h"
#include "kinds.h"
#include "lapic.h"
#include "random.h"
#include "x86.h"

#define HPET          0xFED00000u
#define RFLAGS_RANDOM 0x244FD5u /* all that POPF knows but IF: TF NT RF VM AC ID IOPL, arithmetic */

/* MOV dword [RBX], imm32 */
static void emit_mmio(uint32_t at, uint32_t v)
{
    emit_set32(REG_BX, at);
    emit_byte(0xC7);
    emit_byte(REG_BX);
    emit_number(v, 4);
}

static void emit_out(uint16_t port, uint8_t v)
{
    emit_set32(REG_DX, port);
    emit_set32(REG_AX, v);
    emit_byte(0xEE);
}

/* STI and some time: LOOP to itself. */
static void emit_wait(void)
{
    emit_byte(0xFB);
    emit_set32(REG_CX, 1u + random_below(2000));
    emit_number(0xFEE2u, 2);
}

/* Good vectors for the most part, so that something arrives. */
static uint32_t random_vector(void)
{
    return random_chance(1, 6) ? random_below(32) : 32u + random_below(224);
}

struct shot *kind_ipi(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_DEVICES);
    uint32_t n = 1u + random_below(6);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t mode = random_chance(1, 2) ? 0 : random_below(8);
        uint32_t shorthand = random_chance(1, 2) ? 1u : random_below(4);
        uint32_t icr = random_vector() | (mode << 8) | (random_below(16) << 12) | (shorthand << 18);
        emit_mmio(LAPIC_BASE + LAPIC_ICR_HIGH,
                  random_chance(1, 2) ? 0xFF000000u : (uint32_t)random_64());
        emit_mmio(LAPIC_BASE + LAPIC_ICR_LOW, random_chance(1, 8) ? (uint32_t)random_64() : icr);
    }
    emit_wait();
    s->exits = 2u * n;
    emit_end();
    return s;
}

static void emit_lapic_timer(void)
{
    uint32_t lvt = random_vector() | (random_below(4) << 17);
    emit_mmio(LAPIC_BASE + LAPIC_LVT_TIMER, random_chance(1, 8) ? (uint32_t)random_64() : lvt);
    emit_mmio(LAPIC_BASE + LAPIC_TIMER_DIVIDE, random_below(16));
    emit_mmio(LAPIC_BASE + LAPIC_TIMER_INITIAL, (uint32_t)random_value());
}

static void emit_hpet(void)
{
    uint32_t n = random_below(3);
    emit_mmio(HPET + 0x100u + 0x20u * n, (uint32_t)random_64());
    emit_mmio(HPET + 0x108u + 0x20u * n, (uint32_t)random_value());
    emit_mmio(HPET + 0x10u, random_below(4));
}

static void emit_pit(void)
{
    uint8_t channel = (uint8_t)random_below(3);
    emit_out(0x43, (uint8_t)((uint32_t)channel << 6 | random_below(64)));
    emit_out((uint16_t)(0x40u + channel), (uint8_t)random_value());
    emit_out((uint16_t)(0x40u + channel), (uint8_t)(random_chance(1, 2) ? 0 : random_value()));
}

static void emit_rtc(void)
{
    emit_out(0x70, 0x0A);
    emit_out(0x71, (uint8_t)random_64());
    emit_out(0x70, 0x0B);
    emit_out(0x71, (uint8_t)random_64());
}

/* A redirection entry, of a pin that a timer has. */
static void emit_redirection(void)
{
    static const uint8_t pins[] = {0, 2, 8, 20, 21, 23};
    uint32_t pin = RANDOM_OF(pins);
    emit_mmio(0xFEC00000u, 0x10u + 2u * pin);
    emit_mmio(0xFEC00010u, random_chance(1, 3) ? (uint32_t)random_64() : random_vector());
}

struct shot *kind_timer(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_DEVICES);
    uint32_t n = 1u + random_below(3);
    for (uint32_t i = 0; i < n; i++) {
        switch (random_below(5)) {
        case 0:
            emit_hpet();
            break;
        case 1:
            emit_pit();
            break;
        case 2:
            emit_rtc();
            break;
        case 3:
            emit_redirection();
            break;
        default:
            emit_lapic_timer();
            break;
        }
    }
    emit_wait();
    s->exits = 3u * n;
    emit_end();
    return s;
}

struct shot *kind_halt(void)
{
    static const uint8_t before[] = {0xFB, 0xFA, 0x90, 0x9C, 0x9D, 0xFB, 0xFB};
    struct shot *s = emit_begin(RING_KERNEL, WORLD_DEVICES);
    uint32_t n = 1u + random_below(3);
    s->touches = TOUCH_WATCH;
    if (random_chance(3, 4)) {
        emit_mmio(LAPIC_BASE + LAPIC_LVT_TIMER, random_vector());
        emit_mmio(LAPIC_BASE + LAPIC_TIMER_INITIAL, 1u + random_below(200000));
    }
    for (uint32_t i = 0; i < n; i++) {
        emit_byte(RANDOM_OF(before));
        if (random_chance(1, 4)) {
            emit_number(0xD08Eu, 2); /* MOV SS, AX: a shadow of its own, if it does not fault */
        }
        emit_byte(0xF4);
    }
    s->exits = 2u + n;
    emit_end();
    return s;
}

/* POPF and IRET, to anywhere with anything. */
struct shot *kind_flags(void)
{
    static const uint32_t selectors[] = {SEL_KERNEL_CODE,
                                         SEL_USER_CODE,
                                         SEL_USER_CODE32 | 3u,
                                         SEL_KERNEL_CODE32,
                                         SEL_USER_CODE16,
                                         SEL_USER_DATA,
                                         SEL_KERNEL_DATA,
                                         SEL_CALL_GATE,
                                         SEL_TSS,
                                         SEL_USER_CODE16 | 3u,
                                         0};
    struct shot *s = emit_begin(RING_KERNEL, WORLD_RAM);
    uint32_t flags = (uint32_t)random_64() & RFLAGS_RANDOM;
    flags |= random_chance(1, 2) ? RFLAGS_IF : 0;
    s->touches = TOUCH_DR | TOUCH_WATCH;
    emit_byte(0x68);
    emit_number(flags, 4);
    if (random_chance(1, 2)) {
        emit_byte(0x9D);
        emit_wait();
    } else {
        emit_byte(0x58); /* the flags back into RAX, then a frame for IRETQ */
        emit_byte(0x6A);
        emit_byte((uint8_t)RANDOM_OF(selectors));
        emit_byte(0x68);
        emit_number(random_chance(3, 4) ? STACK_TOP : (uint32_t)random_64(), 4);
        emit_byte(0x50);
        emit_byte(0x6A);
        emit_byte((uint8_t)RANDOM_OF(selectors));
        emit_byte(0x68);
        emit_number(random_chance(3, 4) ? CODE_BASE + CODE_BYTES - 16u : (uint32_t)random_64(), 4);
        emit_number(0xCF48u, 2);
    }
    emit_end();
    return s;
}
