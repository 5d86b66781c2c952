/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the virtio-mmio shell: for mmio.c, the board and tests only. */
#ifndef VIRTIO_MMIO_STATE_H
#define VIRTIO_MMIO_STATE_H

#include "virtio/mmio.h"

struct vmmio_wiring {
    struct vdev *dev;
    struct irq_line irq; /* level */
};

/* Version 1 only. */
struct vmmio_regs {
    uint32_t page_bytes;
    uint32_t align[VDEV_QUEUES];
    uint32_t pfn[VDEV_QUEUES];
    uint32_t unused;
};

struct vmmio {
    struct vmmio_wiring wiring;
    struct vmmio_regs regs;
};

#endif
