/* SPDX-License-Identifier: BSD-2-Clause
 * A whole board for the fuzz targets: every device and four UARTs, and what must always hold of it. */
#ifndef FUZZ_BOARD_H
#define FUZZ_BOARD_H

#include "board/vm_state.h"
#include "dev/debugexit.h"
#include "dev/hpet.h"
#include "dev/ioapic.h"
#include "dev/lapic.h"
#include "dev/pci.h"
#include "dev/pic.h"
#include "dev/pit.h"
#include "dev/pmtimer.h"
#include "dev/power.h"
#include "dev/rtc.h"
#include "dev/uart.h"
#include "fuzz.h"

/* The four usual serial ports. */
static inline void fuzz_board_serials(struct system_vm *vm)
{
    static const struct system_serial usual[SYSTEM_SERIALS_MAX] = {
        {.port = 0x3F8, .irq = 4},
        {.port = 0x2F8, .irq = 3},
        {.port = 0x3E8, .irq = 5},
        {.port = 0x2E8, .irq = 7},
    };
    memcpy(vm->serial, usual, sizeof(usual));
    vm->serials = SYSTEM_SERIALS_MAX;
}

static inline void fuzz_ticks_check(const struct vm *vm, enum vm_timer timer)
{
    struct tick_counts t;
    vm_ticks(vm, timer, &t);
    FUZZ_CHECK(t.due == t.delivered + t.backlog + t.merged);
    FUZZ_CHECK(vm->w.system->tick_policy == TICK_CATCH_UP || t.backlog == 0);
}

/* What holds between any two calls, whatever the guest did. */
static inline void fuzz_board_check(const struct vm *vm)
{
    FUZZ_CHECK(!board_has(vm, SYSTEM_DEV_LAPIC) || lapic_valid(&vm->lapic));
    FUZZ_CHECK(!board_has(vm, SYSTEM_DEV_IOAPIC) || ioapic_valid(&vm->ioapic));
    FUZZ_CHECK(!board_has(vm, SYSTEM_DEV_PIC) || pic_valid(&vm->pic));
    FUZZ_CHECK(!board_has(vm, SYSTEM_DEV_PIT) || pit_valid(&vm->pit));
    FUZZ_CHECK(!board_has(vm, SYSTEM_DEV_HPET) || hpet_valid(&vm->hpet));
    FUZZ_CHECK(!board_has(vm, SYSTEM_DEV_RTC) || rtc_valid(&vm->rtc));
    FUZZ_CHECK(!board_has(vm, SYSTEM_DEV_PCI) || pci_valid(&vm->pci));
    FUZZ_CHECK(!board_has(vm, SYSTEM_DEV_POWER) || power_valid(&vm->power));
    FUZZ_CHECK(!board_has(vm, SYSTEM_DEV_PM_TIMER) || pmtimer_valid(&vm->pmtimer));
    FUZZ_CHECK(!board_has(vm, SYSTEM_DEV_DEBUG_EXIT) || debugexit_valid(&vm->debugexit));
    for (uint32_t i = 0; i < vm->w.system->serials; i++) {
        FUZZ_CHECK(uart_valid(&vm->uart[i]));
    }
    FUZZ_CHECK(msr_valid(&vm->msrs));
    /* No deadline moved unnoticed. */
    FUZZ_CHECK(vm->bus.stirred || vm->bus.next == bus_deadline(&vm->bus));
    for (uint32_t t = 0; t < VM_TIMERS; t++) {
        fuzz_ticks_check(vm, (enum vm_timer)t);
    }
}

/* An address that a window holds, a few bytes before or behind it, or any at all. Wide windows have
 * most of their registers at multiples of 16. */
static inline uint64_t fuzz_board_address(struct fuzz_in *in, const struct vm *vm,
                                          enum bus_space *space)
{
    const uint8_t pick = fuzz_u8(in);
    if (pick >= 0xFC || vm->bus.slots == 0) {
        *space = (pick & 1u) != 0 ? BUS_MMIO : BUS_PIO;
        return *space == BUS_MMIO ? fuzz_u64(in) : fuzz_u16(in);
    }
    const struct bus_window *w = &vm->bus.slot[pick % vm->bus.slots].win;
    *space = (enum bus_space)w->space;
    if (*space == BUS_PIO) {
        return (w->base + fuzz_u8(in) % (w->len + 4u) - 2u) & 0xFFFFu;
    }
    const uint8_t row = fuzz_u8(in);
    return w->base + row * 16u + (pick >= 0xC0 ? fuzz_u8(in) % 24u - 4u : 0u);
}

struct fuzz_store {
    uint64_t addr;
    uint32_t size;
    uint32_t val;
};

static inline void fuzz_store_all(struct vm *vm, const struct fuzz_store *s, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const enum bus_space space = s[i].addr < 0x10000u ? BUS_PIO : BUS_MMIO;
        bus_write(&vm->bus, space, s[i].addr, s[i].size, s[i].val, vm->now);
    }
}

/* What drivers do to make interrupts flow: sequences that single mutations would hardly find. Each
 * takes a vector or mode `a` and a count `n` from the input. */
static inline void fuzz_board_idiom(struct fuzz_in *in, struct vm *vm)
{
    const uint8_t how = fuzz_u8(in);
    const uint8_t a = fuzz_u8(in);
    const uint32_t n = (uint32_t)fuzz_span(in, 32);
    const uint32_t pin = how >> 4;
    const uint32_t timer = 0xFED00100u + (pin % 3u) * 0x20u;
    const struct fuzz_store idiom[16][6] = {
        {{0xFEE000B0, 4, 0}},
        {{0x20, 1, 0x20}, {0xA0, 1, pin >= 8u ? 0x20 : 0x0B}},
        {{0xFEE000F0, 4, 0x100u | a}, {0xFEE00080, 4, pin}},
        {{0xFEE003E0, 4, pin}, {0xFEE00320, 4, a | (n & 3u) << 17}, {0xFEE00380, 4, n}},
        {{0}}, /* all pins of the I/O APIC: below */
        {{0x20, 1, 0x11},
         {0x21, 1, a & 0xF8u},
         {0x21, 1, 4},
         {0x21, 1, 1u | (n & 0x12u)},
         {0x21, 1, 0}},
        {{0xA0, 1, 0x11},
         {0xA1, 1, a & 0xF8u},
         {0xA1, 1, 2},
         {0xA1, 1, 1u | (n & 2u)},
         {0xA1, 1, 0}},
        {{0x43, 1, 0x30u | (a & 0xCFu)},
         {0x40u + (uint32_t)(a >> 6) % 3u, 1, n},
         {0x40u + (uint32_t)(a >> 6) % 3u, 1, n >> 8}},
        {{timer, 4, 0x04u | (a & 0x4Au) | pin << 9},
         {timer + 8, 4, n},
         {timer + 8, 4, n},
         {0xFED00010, 4, 1u | (uint32_t)(a >> 7) << 1}},
        {{0x70, 1, 0x0A}, {0x71, 1, 0x20u | pin}, {0x70, 1, 0x0B}, {0x71, 1, a}},
        {{0x70, 1, 0x0C}},
        {{0xFEE00310, 4, n << 24}, {0xFEE00300, 4, a | (n & 0xCFF00u)}},
        {{0xFEE00350, 4, a | (n & 0x18700u)}},
        {{0x3F9, 1, 0x0F}, {0x3FC, 1, 0x08u | (a & 0x10u)}, {0x3FA, 1, n & 0xC7u}, {0x3F8, 1, a}},
        {{0x602, 2, 0x0121}, {0x604, 2, a & 1u}, {0x600, 2, n}},
        {{0xFED00010, 4, 0}, {0xFED000F0, 4, n}, {0xFED000F4, 4, n * a}, {0xFED00010, 4, 3}},
    };
    for (uint32_t i = 0; i < 24u && (how & 15u) == 4u; i++) {
        const uint32_t entry = ((a + i) & 0xFFu) | (n & 0xA000u) | ((n >> i & 1u) << 16);
        const struct fuzz_store pin_set[] = {
            {0xFEC00000, 4, 0x11u + 2u * i},
            {0xFEC00010, 4, 0},
            {0xFEC00000, 4, 0x10u + 2u * i},
            {0xFEC00010, 4, entry},
        };
        fuzz_store_all(vm, pin_set, 4);
    }
    uint32_t count = 0;
    while (count < 6 && idiom[how & 15u][count].size != 0) {
        count++;
    }
    fuzz_store_all(vm, idiom[how & 15u], count);
}

#endif
