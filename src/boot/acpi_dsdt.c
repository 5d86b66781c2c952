/* SPDX-License-Identifier: BSD-2-Clause
 * The body of the DSDT: the devices that have no other way to be found. */
#include "boot/acpi_dsdt.h"

#include "boot/acpi_board.h"
#include "dev/hpet.h"
#include "dev/pci.h"
#include "dev/pic.h"
#include "dev/power.h"
#include "dev/rtc.h"
#include "dev/uart.h"
#include "virtio/mmio.h"

#define PNP_PIC        0x0000u
#define PNP_PIT        0x0100u
#define PNP_HPET       0x0103u
#define PNP_UART       0x0501u
#define PNP_PCI_BRIDGE 0x0A03u
#define PNP_RTC        0x0B00u

#define PRT_ANY_FUNCTION 0xFFFFu
#define PRT_INTA         0u

/* Chips with fixed ports: all alike. */
struct dsdt_chip {
    uint32_t device; /* SYSTEM_DEV_* */
    char name[4];
    uint16_t pnp;
    uint16_t port[2]; /* 0: none */
    uint8_t ports;
    uint8_t irq;
};

static const struct dsdt_chip chips[] = {
    {SYSTEM_DEV_PIC,
     {'P', 'I', 'C', '_'},
     PNP_PIC,
     {BOARD_PIC_MASTER_PORT, BOARD_PIC_SLAVE_PORT},
     BOARD_PIC_PORTS,
     PIC_CASCADE},
    {SYSTEM_DEV_PIT,
     {'P', 'I', 'T', '_'},
     PNP_PIT,
     {BOARD_PIT_PORT, 0},
     BOARD_PIT_PORTS,
     BOARD_PIT_IRQ},
    {SYSTEM_DEV_RTC, {'R', 'T', 'C', '_'}, PNP_RTC, {RTC_PORT, 0}, RTC_PORTS, RTC_IRQ},
};

static void dsdt_chip(struct aml *a, const struct dsdt_chip *c)
{
    const uint32_t dev = aml_open_device(a, c->name);
    aml_hid_pnp(a, c->pnp);
    const uint32_t crs = aml_open_crs(a);
    aml_crs_io(a, c->port[0], c->ports);
    if (c->port[1] != 0) {
        aml_crs_io(a, c->port[1], c->ports);
    }
    aml_crs_irq(a, c->irq);
    aml_close_crs(a, crs);
    aml_close(a, dev);
}

static void dsdt_hpet(struct aml *a)
{
    const uint32_t dev = aml_open_device(a, "HPET");
    aml_hid_pnp(a, PNP_HPET);
    const uint32_t crs = aml_open_crs(a);
    aml_crs_memory(a, HPET_BASE, HPET_LEN);
    aml_close_crs(a, crs);
    aml_close(a, dev);
}

static void dsdt_uart(struct aml *a, uint32_t number, const struct system_serial *s)
{
    const char name[4] = {'C', 'O', 'M', (char)('1' + number)};
    const uint32_t dev = aml_open_device(a, name);
    aml_hid_pnp(a, PNP_UART);
    aml_name(a, "_UID");
    aml_integer(a, number + 1u);
    const uint32_t crs = aml_open_crs(a);
    aml_crs_io(a, s->port, UART_PORTS);
    aml_crs_irq(a, s->irq);
    aml_close_crs(a, crs);
    aml_close(a, dev);
}

static void dsdt_processor(struct aml *a)
{
    const uint32_t dev = aml_open_device(a, "CPU0");
    aml_name(a, "_HID");
    aml_string(a, "ACPI0007");
    aml_name(a, "_UID");
    aml_integer(a, 0);
    aml_close(a, dev);
}

static bool nic_is_mmio(const struct system_nic *n)
{
    return n->shell == SYSTEM_SHELL_MMIO || n->shell == SYSTEM_SHELL_MMIO_LEGACY;
}

static bool nic_is_pci(const struct system_nic *n)
{
    return n->shell == SYSTEM_SHELL_PCI_LEGACY || n->shell == SYSTEM_SHELL_PCI_LEGACY_MEM ||
           n->shell == SYSTEM_SHELL_PCI_MODERN;
}

/* A card behind virtio-mmio, as the kernel's driver matches it. A 32-bit descriptor names its registers:
 * the checker refuses a card beyond 4 GiB. */
static void dsdt_mmio(struct aml *a, uint32_t number, const struct system_nic *n)
{
    const char name[4] = {'V', 'I', 'O', (char)('0' + number)};
    if (n->at > UINT32_MAX) {
        return;
    }
    const uint32_t dev = aml_open_device(a, name);
    aml_name(a, "_HID");
    aml_string(a, "LNRO0005");
    aml_name(a, "_UID");
    aml_integer(a, number);
    const uint32_t crs = aml_open_crs(a);
    aml_crs_memory(a, (uint32_t)n->at, VMMIO_LEN);
    if (n->irq != SYSTEM_IRQ_NONE) {
        aml_crs_gsi(a, n->irq);
    }
    aml_close_crs(a, crs);
    aml_close(a, dev);
}

/* Which input INTA# of each card leads to: [ACPI] 6.2.13. A guest asks it before it gives up on a
 * device's interrupt, so it is there also for an empty bus. */
static void dsdt_prt(struct aml *a, const struct system_vm *vm)
{
    uint8_t cards = 0;
    for (uint32_t i = 0; i < vm->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        bool routed = nic_is_pci(&vm->nic[i]) && vm->nic[i].irq != SYSTEM_IRQ_NONE;
        cards = (uint8_t)(cards + (routed ? 1u : 0u));
    }
    aml_name(a, "_PRT");
    const uint32_t table = aml_open_package(a, cards);
    for (uint32_t i = 0; i < vm->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        const struct system_nic *n = &vm->nic[i];
        if (nic_is_pci(n) && n->irq != SYSTEM_IRQ_NONE) {
            const uint32_t route = aml_open_package(a, 4);
            aml_integer(a, (uint32_t)n->pci_device << 16 | PRT_ANY_FUNCTION);
            aml_integer(a, PRT_INTA);
            aml_integer(a, 0); /* no link device: the next is an input's number */
            aml_integer(a, n->irq);
            aml_close(a, route);
        }
    }
    aml_close(a, table);
}

/* Where device memory begins: behind the highest RAM below the I/O APIC. */
static uint64_t dsdt_hole_start(const struct system_vm *vm)
{
    uint64_t start = 0x100000;
    for (uint32_t i = 0; i < vm->ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
        const uint64_t end = vm->range[i].base + vm->range[i].size;
        if (vm->range[i].base < BOARD_PCI_HOLE_END && end > start) {
            start = end;
        }
    }
    return start;
}

/* One bus, and the ports and memory that devices on it may have. */
static void dsdt_pci(struct aml *a, const struct system_vm *vm)
{
    const uint64_t hole = dsdt_hole_start(vm);
    const uint32_t dev = aml_open_device(a, "PCI0");
    aml_hid_pnp(a, PNP_PCI_BRIDGE);
    aml_name(a, "_UID");
    aml_integer(a, 0);
    const uint32_t crs = aml_open_crs(a);
    aml_crs_bus_window(a, 0, 0);
    aml_crs_io(a, PCI_ADDRESS_PORT, BOARD_PCI_PORTS);
    aml_crs_io_window(a, 0, PCI_ADDRESS_PORT - 1u);
    aml_crs_io_window(a, PCI_ADDRESS_PORT + BOARD_PCI_PORTS, UINT16_MAX);
    if (hole < BOARD_PCI_HOLE_END) {
        aml_crs_memory_window(a, (uint32_t)hole, BOARD_PCI_HOLE_END - 1u);
    }
    aml_close_crs(a, crs);
    dsdt_prt(a, vm);
    aml_close(a, dev);
}

/* The only sleep state: off. */
static void dsdt_s5(struct aml *a)
{
    aml_name(a, "_S5_");
    const uint32_t package = aml_open_package(a, 4);
    aml_integer(a, POWER_S5_SLP_TYP);
    aml_integer(a, POWER_S5_SLP_TYP);
    aml_integer(a, 0);
    aml_integer(a, 0);
    aml_close(a, package);
}

void acpi_dsdt_write(struct aml *a, const struct system_vm *vm)
{
    if ((vm->devices & SYSTEM_DEV_POWER) != 0) {
        dsdt_s5(a);
    }
    const uint32_t scope = aml_open_scope(a, "_SB_");
    if ((vm->devices & SYSTEM_DEV_LAPIC) != 0) {
        dsdt_processor(a);
    }
    if ((vm->devices & SYSTEM_DEV_PCI) != 0) {
        dsdt_pci(a, vm);
    }
    for (uint32_t i = 0; i < sizeof(chips) / sizeof(chips[0]); i++) { /* bound: 3 */
        if ((vm->devices & chips[i].device) != 0) {
            dsdt_chip(a, &chips[i]);
        }
    }
    if ((vm->devices & SYSTEM_DEV_HPET) != 0) {
        dsdt_hpet(a);
    }
    for (uint32_t i = 0; i < vm->serials; i++) { /* bound: SYSTEM_SERIALS_MAX */
        if (vm->serial[i].port != 0) {
            dsdt_uart(a, i, &vm->serial[i]);
        }
    }
    for (uint32_t i = 0; i < vm->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        if (nic_is_mmio(&vm->nic[i])) {
            dsdt_mmio(a, i, &vm->nic[i]);
        }
    }
    aml_close(a, scope);
}
