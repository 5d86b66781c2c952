/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the PCI host bridge: for pci.c, the board and tests only. */
#ifndef DEV_PCI_STATE_H
#define DEV_PCI_STATE_H

#include "dev/pci.h"

/* Wiring: constant once the board is built. */
struct pci_function {
    const struct pci_function_ops *ops;
    void *owner;
    uint32_t reset[PCI_CONFIG_DWORDS];
    uint32_t rw[PCI_CONFIG_DWORDS];
    uint32_t w1c[PCI_CONFIG_DWORDS];
};

struct pci_regs {
    uint32_t address;
    uint32_t unused;
    uint32_t config[PCI_FUNCTIONS_MAX][PCI_CONFIG_DWORDS];
};

struct pci {
    struct pci_wiring wiring;
    uint32_t functions;
    uint8_t slot[256]; /* by devfn: index into function[] plus 1, or 0 for absent */
    struct pci_function function[PCI_FUNCTIONS_MAX];
    struct pci_regs regs;
};

#endif
