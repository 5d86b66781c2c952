/* SPDX-License-Identifier: BSD-2-Clause
 * Feature bits of virtio, by number and under their names in the specification: those of the network
 * device, and those that every device has.
 * Spec: [VIRTIO] 1.2, 5.1.3 (network device), 6 (reserved), 5.1.3.2 and 6.3 (legacy). */
#ifndef VIRTIO_FEATURES_H
#define VIRTIO_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"

/* HOST: the device can, so the driver may send it. GUEST: the driver can, so the device may. */
#define VIRTIO_NET_F_CSUM                0
#define VIRTIO_NET_F_GUEST_CSUM          1
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS 2
#define VIRTIO_NET_F_MTU                 3
#define VIRTIO_NET_F_MAC                 5
#define VIRTIO_NET_F_GSO                 6 /* legacy: all of HOST_TSO4, TSO6, ECN */
#define VIRTIO_NET_F_GUEST_TSO4          7
#define VIRTIO_NET_F_GUEST_TSO6          8
#define VIRTIO_NET_F_GUEST_ECN           9
#define VIRTIO_NET_F_GUEST_UFO           10
#define VIRTIO_NET_F_HOST_TSO4           11
#define VIRTIO_NET_F_HOST_TSO6           12
#define VIRTIO_NET_F_HOST_ECN            13
#define VIRTIO_NET_F_HOST_UFO            14
#define VIRTIO_NET_F_MRG_RXBUF           15
#define VIRTIO_NET_F_STATUS              16
#define VIRTIO_NET_F_CTRL_VQ             17
#define VIRTIO_NET_F_CTRL_RX             18
#define VIRTIO_NET_F_CTRL_VLAN           19
#define VIRTIO_NET_F_GUEST_ANNOUNCE      21
#define VIRTIO_NET_F_MQ                  22
#define VIRTIO_NET_F_CTRL_MAC_ADDR       23

#define VIRTIO_F_NOTIFY_ON_EMPTY   24 /* legacy */
#define VIRTIO_F_ANY_LAYOUT        27 /* legacy */
#define VIRTIO_F_INDIRECT_DESC     28
#define VIRTIO_F_EVENT_IDX         29
#define VIRTIO_F_VERSION_1         32
#define VIRTIO_F_ACCESS_PLATFORM   33
#define VIRTIO_F_RING_PACKED       34
#define VIRTIO_F_IN_ORDER          35
#define VIRTIO_F_ORDER_PLATFORM    36
#define VIRTIO_F_SR_IOV            37
#define VIRTIO_F_NOTIFICATION_DATA 38
#define VIRTIO_F_RING_RESET        40

/* True if `features` has the bit with that number. */
static inline bool virtio_has(uint64_t features, uint32_t feature)
{
    return (features & BIT64(feature)) != 0;
}

#endif
