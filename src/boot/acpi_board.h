/* SPDX-License-Identifier: BSD-2-Clause
 * The board's addresses as the ACPI tables name them. One block, and the only place in src/boot that
 * knows them: each must equal what the device's own header says. */
#ifndef BOOT_ACPI_BOARD_H
#define BOOT_ACPI_BOARD_H

#define BOARD_LAPIC_BASE      0xFEE00000u
#define BOARD_IOAPIC_BASE     0xFEC00000u
#define BOARD_IOAPIC_ID       1u
#define BOARD_PIT_GSI         2u /* the I/O APIC input of ISA interrupt 0 */
#define BOARD_HPET_BASE       0xFED00000u
#define BOARD_HPET_BYTES      0x400u
#define BOARD_HPET_ID         0x8086A201u /* low half of its capability register */
#define BOARD_HPET_MIN_TICK   0x80u       /* shortest period without lost ticks  */
#define BOARD_PM1_EVT_PORT    0x600u
#define BOARD_PM1_EVT_BYTES   4u
#define BOARD_PM1_CNT_PORT    0x604u
#define BOARD_PM1_CNT_BYTES   2u
#define BOARD_PM_TIMER_PORT   0x608u
#define BOARD_PM_TIMER_BYTES  4u
#define BOARD_SMI_PORT        0xB2u
#define BOARD_ACPI_ENABLE     0xA1u
#define BOARD_ACPI_DISABLE    0xA0u
#define BOARD_SCI_IRQ         9u
#define BOARD_S5_SLP_TYP      5u
#define BOARD_RESET_PORT      0xCF9u
#define BOARD_RESET_VALUE     0x06u
#define BOARD_RTC_PORT        0x70u
#define BOARD_RTC_PORTS       2u
#define BOARD_RTC_IRQ         8u
#define BOARD_RTC_CENTURY     0x32u
#define BOARD_PIT_PORT        0x40u
#define BOARD_PIT_PORTS       4u
#define BOARD_PIT_IRQ         0u
#define BOARD_PIC_MASTER_PORT 0x20u
#define BOARD_PIC_SLAVE_PORT  0xA0u
#define BOARD_PIC_PORTS       2u
#define BOARD_PIC_CASCADE_IRQ 2u
#define BOARD_UART_PORTS      8u
#define BOARD_PCI_PORT        0xCF8u
#define BOARD_PCI_PORTS       8u
#define BOARD_PCI_HOLE_END    BOARD_IOAPIC_BASE /* device memory below 4 GiB ends here */

#endif
