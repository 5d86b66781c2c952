/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of what PCI shells share: for pci_function.c, the board and tests only. */
#ifndef VIRTIO_PCI_FUNCTION_STATE_H
#define VIRTIO_PCI_FUNCTION_STATE_H

#include "virtio/pci_function.h"

struct vpci_regs {
    uint32_t command; /* as it was last written */
    uint16_t config_vector;
    uint16_t queue_vector[VDEV_QUEUES];
    uint16_t unused;
};

struct vpci {
    struct vpci_wiring wiring;
    struct vpci_regs regs;
};

#endif
