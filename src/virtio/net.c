/* SPDX-License-Identifier: BSD-2-Clause
 * The virtio network card as a device type. Contract and references: virtio/net.h. */
#include "virtio/net.h"

#include <stddef.h>

#include "base/string.h"
#include "virtio/features.h"
#include "virtio/net_state.h"

/* struct virtio_net_config, byte by byte. */
#define CONFIG_MAC    0u
#define CONFIG_STATUS 6u
#define CONFIG_PAIRS  8u /* max_virtqueue_pairs: one, and MQ is not offered */
#define CONFIG_MTU    10u

#define TSO_HOST  (BIT64(VIRTIO_NET_F_HOST_TSO4) | BIT64(VIRTIO_NET_F_HOST_TSO6))
#define TSO_GUEST (BIT64(VIRTIO_NET_F_GUEST_TSO4) | BIT64(VIRTIO_NET_F_GUEST_TSO6))

/* A feature is usable only if one of `needs` was accepted, too. Later rows stand on earlier ones. */
static const struct {
    uint64_t feature;
    uint64_t needs;
} dependencies[] = {
    {BIT64(VIRTIO_NET_F_HOST_TSO4), BIT64(VIRTIO_NET_F_CSUM)},
    {BIT64(VIRTIO_NET_F_HOST_TSO6), BIT64(VIRTIO_NET_F_CSUM)},
    {BIT64(VIRTIO_NET_F_HOST_ECN), TSO_HOST},
    {BIT64(VIRTIO_NET_F_HOST_UFO), BIT64(VIRTIO_NET_F_CSUM)},
    {BIT64(VIRTIO_NET_F_GUEST_TSO4), BIT64(VIRTIO_NET_F_GUEST_CSUM)},
    {BIT64(VIRTIO_NET_F_GUEST_TSO6), BIT64(VIRTIO_NET_F_GUEST_CSUM)},
    {BIT64(VIRTIO_NET_F_GUEST_ECN), TSO_GUEST},
    {BIT64(VIRTIO_NET_F_GUEST_UFO), BIT64(VIRTIO_NET_F_GUEST_CSUM)},
};

#define DEPENDENCIES (sizeof(dependencies) / sizeof(dependencies[0]))

static uint64_t vnet_usable(uint64_t features)
{
    for (size_t i = 0; i < DEPENDENCIES; i++) {
        if ((features & dependencies[i].needs) == 0) {
            features &= ~dependencies[i].feature;
        }
    }
    return features;
}

uint64_t vnet_offers(const struct system_nic *nic)
{
    static const struct {
        uint32_t offer;
        uint64_t features;
    } rows[] = {
        {SYSTEM_NIC_CSUM, BIT64(VIRTIO_NET_F_CSUM) | BIT64(VIRTIO_NET_F_GUEST_CSUM)},
        {SYSTEM_NIC_TSO, TSO_HOST | TSO_GUEST},
        {SYSTEM_NIC_MERGEABLE, BIT64(VIRTIO_NET_F_MRG_RXBUF)},
        {SYSTEM_NIC_INDIRECT, BIT64(VIRTIO_F_INDIRECT_DESC)},
        {SYSTEM_NIC_EVENT_IDX, BIT64(VIRTIO_F_EVENT_IDX)},
    };
    /* ANY_LAYOUT says to legacy drivers what VERSION_1 says to modern ones: a frame may be cut into
     * buffers anywhere, its header too. */
    uint64_t features = BIT64(VIRTIO_NET_F_MAC) | BIT64(VIRTIO_NET_F_STATUS) |
                        BIT64(VIRTIO_NET_F_MTU) | BIT64(VIRTIO_F_ANY_LAYOUT) |
                        BIT64(VIRTIO_F_VERSION_1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((nic->offers & rows[i].offer) != 0) {
            features |= rows[i].features;
        }
    }
    return vnet_usable(features);
}

void vnet_init(struct vnet *n, const struct system_nic *nic, struct vdev *dev)
{
    memset(n, 0, sizeof(*n));
    n->wiring.dev = dev;
    n->wiring.mtu = (uint16_t)nic->mtu;
    memcpy(n->wiring.mac, nic->mac, sizeof(n->wiring.mac));
    memcpy(n->regs.mac, nic->mac, sizeof(n->regs.mac));
    n->regs.status = VNET_LINK_UP;
}

/* The address goes back to the card's own, the cable stays as it is. */
static void vnet_reset(void *owner)
{
    struct vnet *n = owner;
    memcpy(n->regs.mac, n->wiring.mac, sizeof(n->regs.mac));
}

void vnet_set_link(struct vnet *n, bool up)
{
    uint16_t status = up ? VNET_LINK_UP : 0;
    if (status == n->regs.status) {
        return;
    }
    n->regs.status = status;
    if ((vdev_accepted(n->wiring.dev, 0) & BIT32(VIRTIO_NET_F_STATUS)) != 0) {
        vdev_config_changed(n->wiring.dev);
    }
}

static uint8_t vnet_config_read(void *owner, uint32_t off)
{
    const struct vnet *n = owner;
    uint8_t bytes[VNET_CONFIG_BYTES] = {0};
    memcpy(&bytes[CONFIG_MAC], n->regs.mac, sizeof(n->regs.mac));
    bytes[CONFIG_STATUS] = (uint8_t)n->regs.status;
    bytes[CONFIG_PAIRS] = 1;
    bytes[CONFIG_MTU] = (uint8_t)n->wiring.mtu;
    bytes[CONFIG_MTU + 1u] = (uint8_t)(n->wiring.mtu >> 8);
    return bytes[off];
}

/* A legacy driver sets its address so. It is a wish: what goes out is the switch's policy, which looks
 * at frames and not at what a driver says of itself. */
static void vnet_config_write(void *owner, uint32_t off, uint8_t byte)
{
    struct vnet *n = owner;
    if (off < sizeof(n->regs.mac)) {
        n->regs.mac[off] = byte;
    }
}

bool vnet_valid(const struct vnet *n)
{
    return n->wiring.dev != NULL && (n->regs.status & ~VNET_LINK_UP) == 0;
}

const struct vdev_type vnet_type = {
    .id = VNET_ID,
    .queues = 2,
    .config_bytes = VNET_CONFIG_BYTES,
    .config_read = vnet_config_read,
    .config_write = vnet_config_write,
    .reset = vnet_reset,
    .usable = vnet_usable,
};
