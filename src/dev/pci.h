/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridge with configuration mechanism #1, and a small table of functions on bus 0.
 *
 * Function 00:00.0, the bridge itself, is always there; others are added when the board is built.
 * Whatever is absent answers all ones after two comparisons and one table look-up.
 * Spec: [PCI] PCI Local Bus 3.0, 3.2.2.3.2 (mechanism #1), 6.1 and 6.2 (configuration header),
 * [440FX] Intel 290549, 3.1 and 3.2 (host bridge registers). */
#ifndef DEV_PCI_H
#define DEV_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"

#define PCI_ADDRESS_PORT   0xCF8u
#define PCI_DATA_PORT      0xCFCu
#define PCI_CF9_OFF        1u /* port 0xCF9 within the address window */
#define PCI_FUNCTIONS_MAX  8u
#define PCI_CONFIG_DWORDS  64u
#define PCI_DEVFN(dev, fn) (((uint32_t)(dev) << 3) | (uint32_t)(fn))

#define PCI_ADDRESS_ENABLE 0x80000000u
#define PCI_ADDRESS_RW     0x80FFFFFCu

enum pci_window {
    PCI_WINDOW_ADDRESS,
    PCI_WINDOW_DATA,
};
#define PCI_WINDOWS 2u

/* One configuration register of 32 bits. Bits in neither mask are read-only. */
struct pci_config_desc {
    uint32_t reg; /* byte offset, a multiple of 4 below 256 */
    uint32_t reset;
    uint32_t rw;  /* can be written       */
    uint32_t w1c; /* cleared by writing 1 */
};

/* Registers of the header, and fields of these. [PCI] 6.2 */
#define PCI_ID                   0x00u
#define PCI_COMMAND              0x04u /* status in the upper half */
#define PCI_COMMAND_IO           0x00000001u
#define PCI_COMMAND_MEMORY       0x00000002u
#define PCI_COMMAND_MASTER       0x00000004u
#define PCI_COMMAND_INTX_DISABLE 0x00000400u
#define PCI_STATUS_INTX          0x00080000u
#define PCI_STATUS_CAPS          0x00100000u
#define PCI_CLASS                0x08u
#define PCI_BAR(n)               (0x10u + 4u * (n))
#define PCI_BAR_IO               0x1u
#define PCI_SUBSYSTEM            0x2Cu
#define PCI_CAPS                 0x34u
#define PCI_INTERRUPT            0x3Cu /* line, and in the second byte the pin */
#define PCI_PIN_INTA             0x00000100u
#define PCI_BARS                 6u

/* A base address register: of 32 bits, ports or memory as its lowest bit (read-only) says. Its size is
 * in its description: the address bits are in `rw`, those below are not, so sizing works. */
struct pci_bar {
    uint32_t bar;    /* 0 to 5 */
    uint32_t window; /* the owner's number for it */
};

/* What a function is to the bridge. Registers that are not described read as zero. */
struct pci_function_ops {
    const struct pci_config_desc *desc;
    uint32_t descs;
    uint32_t bars;
    const struct pci_bar *bar;
    /* With bars: the window is at `base` now, or BUS_OFF as decoding is disabled. After each write to
     * the command or to that base address, and after reset. */
    void (*moved)(void *owner, uint32_t window, uint64_t base);
    /* Optional: what the register reads as, given what is stored. */
    uint32_t (*read)(void *owner, uint32_t reg, uint32_t stored, vm_ns_t now);
    /* Optional: the register was written and now holds `val`; also after a write that changed
     * nothing. */
    void (*written)(void *owner, uint32_t reg, uint32_t val, vm_ns_t now);
};

struct pci; /* layout: dev/pci_state.h */

/* Who gets byte accesses to port 0xCF9, which lies inside the address register: on hardware a dword
 * at 0xCF8 goes to PCI and a byte at 0xCF9 to the reset control register. They arrive there as
 * accesses to window `cf9_window`, offset 0. A null cf9_ops: nobody. */
struct pci_wiring {
    const struct bus_dev_ops *cf9_ops;
    void *cf9_dev;
    uint32_t cf9_window;
};

/* @pre p and w are not null. Adds the bridge itself. Call pci_reset before use. */
void pci_init(struct pci *p, const struct pci_wiring *w);

/* Adds a function on bus 0 at devfn (PCI_DEVFN). False, and nothing added: devfn is beyond 255 or
 * taken, the table is full, or a description is out of range. @pre ops outlives p; only before
 * pci_reset. */
bool pci_add(struct pci *p, uint32_t devfn, const struct pci_function_ops *ops, void *owner);

/* What firmware has left in a register of this function before the guest starts, instead of its
 * description's `reset`: addresses, interrupt line. @pre it was added; reg < 256. */
void pci_preset(struct pci *p, uint32_t devfn, uint32_t reg, uint32_t val);

/* A register as it is stored. @pre it was added; reg < 256. */
uint32_t pci_config(const struct pci *p, uint32_t devfn, uint32_t reg);

void pci_reset(struct pci *p, vm_ns_t now);

/* The class invariant. */
bool pci_valid(const struct pci *p);

extern const struct bus_window pci_windows[PCI_WINDOWS];
extern const struct bus_dev_ops pci_ops; /* dev is a struct pci */

#endif
