/* SPDX-License-Identifier: BSD-2-Clause
 * pic, ioapic, uart: the PC's old chips, and the roads their interrupts take.
 * Spec: [8259A] 231468-003; [8254] 231164-005; [82093AA] 290566-001; [16550] PC16550D. */
#include "testguest.h"

#include "lapic.h"
#include "print.h"
#include "serial.h"
#include "x86.h"

#define PIC1_COMMAND 0x20u
#define PIC1_DATA    0x21u
#define PIC2_COMMAND 0xA0u
#define PIC2_DATA    0xA1u

#define PIT_CH0        0x40u
#define PIT_CH2        0x42u
#define PIT_CONTROL    0x43u
#define PIT_CH0_RATE   0x34u /* channel 0, both bytes, mode 2 */
#define PIT_CH2_PROBE  0xB0u /* channel 2, both bytes, mode 0 */
#define PIT_CH2_STATUS 0xE8u /* read-back: status of channel 2 */
#define PIT_TICK       1193u /* about a millisecond */

#define IOAPIC_BASE       0xFEC00000u
#define IOAPIC_VERSION    1u
#define IOAPIC_REDIR(pin) (0x10u + 2u * (pin))
#define IOAPIC_MASKED     0x10000u
#define IOAPIC_PIN_PIT    2u
#define IOAPIC_PIN_COM1   4u

#define UART(reg) (SERIAL_COM1 + (reg))

static bool pit_present(void)
{
    outb(PIT_CONTROL, PIT_CH2_PROBE);
    outb(PIT_CONTROL, PIT_CH2_STATUS);
    return (inb(PIT_CH2) & 0x3Fu) == (PIT_CH2_PROBE & 0x3Fu);
}

static void pit_start(void)
{
    outb(PIT_CONTROL, PIT_CH0_RATE);
    outb(PIT_CH0, PIT_TICK & 0xFFu);
    outb(PIT_CH0, PIT_TICK >> 8);
}

static bool pic_present(void)
{
    outb(PIC1_DATA, 0xA5);
    bool held = inb(PIC1_DATA) == 0xA5u;
    outb(PIC1_DATA, 0x5A);
    return held && inb(PIC1_DATA) == 0x5Au;
}

static void pic_init(uint8_t mask1)
{
    outb(PIC1_COMMAND, 0x11);
    outb(PIC2_COMMAND, 0x11);
    outb(PIC1_DATA, VECTOR_PIC);
    outb(PIC2_DATA, VECTOR_PIC + 8u);
    outb(PIC1_DATA, 0x04);
    outb(PIC2_DATA, 0x02);
    outb(PIC1_DATA, 0x01);
    outb(PIC2_DATA, 0x01);
    outb(PIC1_DATA, mask1);
    outb(PIC2_DATA, 0xFF);
}

static uint32_t ioapic_read(uint32_t reg)
{
    *(volatile uint32_t *)(uintptr_t)IOAPIC_BASE = reg;
    return *(volatile uint32_t *)(uintptr_t)(IOAPIC_BASE + 0x10u);
}

static void ioapic_write(uint32_t reg, uint32_t v)
{
    *(volatile uint32_t *)(uintptr_t)IOAPIC_BASE = reg;
    *(volatile uint32_t *)(uintptr_t)(IOAPIC_BASE + 0x10u) = v;
}

static bool ioapic_present(void)
{
    uint32_t version = ioapic_read(IOAPIC_VERSION);
    return version != UINT32_MAX && version != 0 && ((version >> 16) & 0xFFu) >= 15u;
}

static void ioapic_route(uint32_t pin, uint32_t low)
{
    ioapic_write(IOAPIC_REDIR(pin) + 1u, lapic_read(LAPIC_ID) & 0xFF000000u);
    ioapic_write(IOAPIC_REDIR(pin), low);
}

struct verdict test_pic(void)
{
    if (!pic_present()) {
        return SKIP("no pic");
    }
    if (!pit_present()) {
        return SKIP("no pit");
    }
    lapic_setup();
    pic_init(0xFE);
    lapic_write(LAPIC_LVT_LINT0, LAPIC_LVT_EXTINT);
    pit_start();
    EXPECT(wait_irq(VECTOR_PIC, 10), "ten ticks did not come through LINT0");
    uint32_t had = irq_count[VECTOR_PIC];
    cpu_sti_hlt();
    cpu_cli();
    EXPECT(irq_count[VECTOR_PIC] > had, "HLT ended without a tick");
    outb(PIC1_DATA, 0xFF);
    irq_drain();
    had = irq_count[VECTOR_PIC];
    wait_us(10000);
    irq_drain();
    EXPECT(irq_count[VECTOR_PIC] == had, "a tick came though masked in the PIC");
    outb(PIC1_DATA, 0xFE);
    EXPECT(wait_irq(VECTOR_PIC, had + 2u), "no tick after the mask was lifted");
    outb(PIC1_DATA, 0xFF);
    return PASS;
}

struct verdict test_ioapic(void)
{
    if (!ioapic_present()) {
        return SKIP("no ioapic");
    }
    if (!pit_present()) {
        return SKIP("no pit");
    }
    lapic_setup();
    if (pic_present()) {
        pic_init(0xFF);
    }
    print("ioapic: version %08x\n", ioapic_read(IOAPIC_VERSION));
    ioapic_route(IOAPIC_PIN_PIT, VECTOR_IOAPIC);
    EXPECT((ioapic_read(IOAPIC_REDIR(IOAPIC_PIN_PIT)) & 0x1FFFFu) == VECTOR_IOAPIC,
           "the redirection entry does not read back");
    pit_start();
    EXPECT(wait_irq(VECTOR_IOAPIC, 10), "ten ticks did not come through pin 2");
    ioapic_route(IOAPIC_PIN_PIT, IOAPIC_MASKED | VECTOR_IOAPIC);
    irq_drain();
    uint32_t had = irq_count[VECTOR_IOAPIC];
    wait_us(10000);
    irq_drain();
    EXPECT(irq_count[VECTOR_IOAPIC] == had, "a tick came though masked in the I/O APIC");
    ioapic_route(IOAPIC_PIN_PIT, VECTOR_HIGH);
    EXPECT(wait_irq(VECTOR_HIGH, 2), "no tick after the mask was lifted");
    ioapic_route(IOAPIC_PIN_PIT, IOAPIC_MASKED);
    return PASS;
}

static struct verdict uart_loopback(void)
{
    outb(UART(4), 0x10);
    for (uint32_t i = 0; i < 256u; i += 51u) {
        outb(UART(0), (uint8_t)i);
        for (uint32_t k = 0; k < 10000u && (inb(UART(5)) & 0x01u) == 0; k++) {
            cpu_pause();
        }
        EXPECT((inb(UART(5)) & 0x01u) != 0, "loopback: no byte came back");
        EXPECT(inb(UART(0)) == i, "loopback: another byte came back");
    }
    static const uint8_t lines[][2] = {{0x01, 0x20}, {0x02, 0x10}, {0x04, 0x40}, {0x08, 0x80}};
    for (size_t i = 0; i < 4u; i++) {
        outb(UART(4), (uint8_t)(0x10u | lines[i][0]));
        EXPECT((inb(UART(6)) & 0xF0u) == lines[i][1], "loopback: modem lines are not crossed over");
    }
    outb(UART(4), 0x0B); /* DTR, RTS, and OUT2, which lets interrupts out */
    return PASS;
}

struct verdict test_uart(void)
{
    uint8_t vector = VECTOR_IOAPIC;
    struct verdict v = uart_loopback();
    if (v.why != NULL) {
        return v;
    }
    lapic_setup();
    if (ioapic_present()) {
        ioapic_route(IOAPIC_PIN_COM1, VECTOR_IOAPIC);
        if (pic_present()) {
            pic_init(0xFF);
        }
    } else if (pic_present()) {
        pic_init(0xEF);
        lapic_write(LAPIC_LVT_LINT0, LAPIC_LVT_EXTINT);
        vector = VECTOR_PIC + 4u;
    } else {
        print("uart: neither pic nor ioapic: interrupts not tested\n");
        return PASS;
    }
    (void)inb(UART(2));
    outb(UART(1), 0x02);
    EXPECT(wait_irq(vector, 1), "no interrupt for an empty transmitter");
    EXPECT((inb(UART(2)) & 0x0Fu) == 0x02u, "IIR does not tell of an empty transmitter");
    EXPECT((inb(UART(2)) & 0x01u) == 0x01u, "reading IIR did not clear the interrupt");
    outb(UART(0), '\n');
    EXPECT(wait_irq(vector, 2), "no interrupt after a byte was sent");
    outb(UART(1), 0);
    return PASS;
}
