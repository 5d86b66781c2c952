/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the modern PCI shell: for pci_modern.c, the board and tests only. */
#ifndef VIRTIO_PCI_MODERN_STATE_H
#define VIRTIO_PCI_MODERN_STATE_H

#include "virtio/pci_modern.h"

/* The window into BAR 0 that configuration space has, as the driver set it. */
struct vmodern_regs {
    uint32_t access_bar;
    uint32_t access_offset;
    uint32_t access_length;
    uint32_t unused;
};

struct vmodern {
    struct vdev *dev;
    struct vpci *pci;
    struct vmodern_regs regs;
};

#endif
