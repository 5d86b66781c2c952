/* SPDX-License-Identifier: BSD-2-Clause
 * What the ACPI tables say of the board and no device's header does: the board's own choices, and ports
 * that every PC has in the same place. The rest comes from the headers in src/dev. */
#ifndef BOOT_ACPI_BOARD_H
#define BOOT_ACPI_BOARD_H

#include "dev/ioapic.h"

#define BOARD_IOAPIC_ID       1u
#define BOARD_PIT_GSI         2u    /* the I/O APIC input of ISA interrupt 0 */
#define BOARD_HPET_MIN_TICK   0x80u /* shortest period without lost ticks    */
#define BOARD_PIT_PORT        0x40u
#define BOARD_PIT_PORTS       4u
#define BOARD_PIT_IRQ         0u
#define BOARD_PIC_MASTER_PORT 0x20u
#define BOARD_PIC_SLAVE_PORT  0xA0u
#define BOARD_PIC_PORTS       2u
#define BOARD_PCI_PORTS       8u
#define BOARD_PCI_HOLE_END    IOAPIC_BASE /* device memory below 4 GiB ends here */

#endif
