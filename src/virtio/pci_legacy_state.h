/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the legacy shell: for pci_legacy.c, the board and tests only. All registers are the device's
 * or the function's. */
#ifndef VIRTIO_PCI_LEGACY_STATE_H
#define VIRTIO_PCI_LEGACY_STATE_H

#include "virtio/pci_legacy.h"

struct vlegacy {
    struct vdev *dev;
    struct vpci *pci;
};

#endif
