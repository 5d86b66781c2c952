/* SPDX-License-Identifier: BSD-2-Clause
 * See watch.h. */
#include "watch.h"

#include "lapic.h"
#include "machine.h"
#include "x86.h"

#define APIC_BASE_CALM 0xFEE00900ull
#define SVR_CALM       0x1FFu
#define LVT_FIRST      0x320u
#define LVT_LAST       0x370u
#define EOIS           8u /* at most so many vectors nest: one a shot would do */

#define IOAPIC_BASE   0xFEC00000u
#define IOAPIC_SELECT 0x00u
#define IOAPIC_DATA   0x10u
#define IOAPIC_TABLE  0x10u
#define IOAPIC_PINS   24u
#define REDIRECT_MASK 0x10000u
#define REDIRECT_NMI  0x400u
#define REDIRECT_ALL  0xFF000000u

#define HPET_BASE        0xFED00000u
#define HPET_CONFIG      0x10u
#define HPET_STATUS      0x20u
#define HPET_COUNTER     0xF0u
#define HPET_TIMER(n)    (0x100u + 0x20u * (n))
#define HPET_COMPARATOR  8u
#define HPET_ENABLE      1u
#define HPET_CONF_ENABLE 4u
#define HPET_CONF_32     0x100u
#define HPET_ROUTE_AT    9u
#define HPET_MS          100000u /* 10 ns each */

#define WATCH_PIN    20u /* and the next: nobody else's */
#define PIC_BASE     0x20u
#define PIC_EOI      0x20u
#define RTC_STATUS_B 0x0Bu
#define PIT_COMMAND  0x43u
#define PIT_STOP     0x30u /* counter 0, mode 0: it waits for a count that does not come */

static void mmio_write(uint32_t at, uint32_t v)
{
    *(volatile uint32_t *)(uintptr_t)at = v;
}

static void ioapic_write(uint32_t reg, uint32_t v)
{
    mmio_write(IOAPIC_BASE + IOAPIC_SELECT, reg);
    mmio_write(IOAPIC_BASE + IOAPIC_DATA, v);
}

static void lapic_enable(void)
{
    wrmsr(MSR_APIC_BASE, APIC_BASE_CALM);
    lapic_write(LAPIC_SVR, SVR_CALM);
}

static void watch_comparator(uint32_t n, uint32_t ms)
{
    uint32_t pin = WATCH_PIN + n - 1u;
    ioapic_write(IOAPIC_TABLE + 2u * pin, REDIRECT_MASK);
    ioapic_write(IOAPIC_TABLE + 2u * pin + 1u, REDIRECT_ALL);
    ioapic_write(IOAPIC_TABLE + 2u * pin, REDIRECT_NMI);
    mmio_write(HPET_BASE + HPET_TIMER(n), (pin << HPET_ROUTE_AT) | HPET_CONF_ENABLE | HPET_CONF_32);
    mmio_write(HPET_BASE + HPET_TIMER(n) + HPET_COMPARATOR, ms * HPET_MS);
}

void watch_arm(void)
{
    lapic_enable();
    mmio_write(HPET_BASE + HPET_CONFIG, 0);
    mmio_write(HPET_BASE + HPET_COUNTER, 0);
    watch_comparator(1, 3);
    watch_comparator(2, 9);
    mmio_write(HPET_BASE + HPET_CONFIG, HPET_ENABLE);
}

void watch_disarm(void)
{
    mmio_write(HPET_BASE + HPET_CONFIG, 0);
}

void watch_acknowledge(uint64_t vector)
{
    if (vector >= PIC_BASE && vector < PIC_BASE + 16u) {
        outb(0xA0, PIC_EOI);
        outb(0x20, PIC_EOI);
    }
    lapic_eoi();
}

static void calm_pic(void)
{
    static const uint8_t words[] = {PIC_BASE, 4, 1, 0xFF};
    static const uint8_t slave[] = {PIC_BASE + 8u, 2, 1, 0xFF};
    outb(0x20, 0x11);
    outb(0xA0, 0x11);
    for (uint32_t i = 0; i < sizeof words; i++) {
        outb(0x21, words[i]);
        outb(0xA1, slave[i]);
    }
}

static void calm_lapic(void)
{
    lapic_enable();
    for (uint32_t reg = LVT_FIRST; reg <= LVT_LAST; reg += 0x10u) {
        lapic_write(reg, LAPIC_LVT_MASKED);
    }
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    lapic_write(LAPIC_TPR, 0);
    for (uint32_t i = 0; i < EOIS; i++) {
        lapic_eoi();
    }
}

void machine_quiet(void)
{
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    mmio_write(HPET_BASE + HPET_CONFIG, 0);
    outb(PIT_COMMAND, PIT_STOP);
    outb(0x70, RTC_STATUS_B);
    outb(0x71, 0x02);
}

void machine_calm(void)
{
    calm_lapic();
    calm_pic();
    for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) {
        ioapic_write(IOAPIC_TABLE + 2u * pin, REDIRECT_MASK);
    }
    mmio_write(HPET_BASE + HPET_CONFIG, 0);
    for (uint32_t n = 0; n < 3u; n++) {
        mmio_write(HPET_BASE + HPET_TIMER(n), 0);
    }
    mmio_write(HPET_BASE + HPET_STATUS, 7u);
    machine_quiet();
}
