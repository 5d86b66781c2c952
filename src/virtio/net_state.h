/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of a virtio network card: for net.c, the board and tests only. */
#ifndef VIRTIO_NET_STATE_H
#define VIRTIO_NET_STATE_H

#include "virtio/net.h"

struct vnet_wiring {
    struct vdev *dev;
    uint8_t mac[6]; /* as the system file has it */
    uint16_t mtu;
};

struct vnet_regs {
    uint8_t mac[6]; /* as the driver sees it: legacy ones may write it */
    uint16_t status;
};

struct vnet {
    struct vnet_wiring wiring;
    struct vnet_regs regs;
};

#endif
