/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of a virtio device: for device.c, the board and tests only. */
#ifndef VIRTIO_DEVICE_STATE_H
#define VIRTIO_DEVICE_STATE_H

#include "virtio/device.h"

struct vdev_queue {
    uint64_t address[3]; /* by enum vdev_ring */
    uint32_t size;
    uint32_t enabled;
};

struct vdev_regs {
    uint64_t accepted; /* as the driver wrote it */
    struct vdev_queue queue[VDEV_QUEUES];
    uint32_t word[2]; /* by enum vdev_side */
    uint32_t selected;
    uint32_t served; /* bit n: the io half was given queue n, and it is still the same */
    uint32_t generation;
    uint32_t isr;
    uint8_t status;
    uint8_t running; /* the io half was asked to run */
    uint8_t unused[6];
    struct vdev_counts counts;
};

struct vdev {
    struct vdev_wiring wiring;
    struct vdev_regs regs;
};

#endif
