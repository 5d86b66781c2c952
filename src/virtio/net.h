/* SPDX-License-Identifier: BSD-2-Clause
 * The virtio network card as a device type: what it offers and what its configuration space holds.
 * How it is reached is a shell's affair, its queues are served by virtio/net_io.h.
 * Spec: [VIRTIO] 1.2, 5.1 (network device), 5.1.3.1 (feature dependencies), 5.1.4 (configuration). */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "system/image.h"
#include "virtio/device.h"

#define VNET_ID           1u
#define VNET_CONFIG_BYTES 12u
#define VNET_LINK_UP      1u

struct vnet; /* layout: virtio/net_state.h */

/* Copies what the system file says of the card. The link is up. `dev` is told of changes. */
void vnet_init(struct vnet *n, const struct system_nic *nic, struct vdev *dev);

/* The feature bits that the card offers; a legacy shell shows the low 32. */
uint64_t vnet_offers(const struct system_nic *nic);

/* The cable. Drivers that agreed to F_STATUS are told. */
void vnet_set_link(struct vnet *n, bool up);

/* The class invariant. */
bool vnet_valid(const struct vnet *n);

extern const struct vdev_type vnet_type; /* owner is a struct vnet */

#endif
