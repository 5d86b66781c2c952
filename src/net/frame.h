/* SPDX-License-Identifier: BSD-2-Clause
 * An Ethernet frame as it travels between the components of a system: bytes, and a few words that
 * say what its sender left for others to do (checksum, segmentation).
 * Spec: [VIRTIO] 1.2, 5.1.6 (struct virtio_net_hdr): the words mean what that header's fields mean. */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdint.h>

#define FRAME_MAC_BYTES    6u
#define FRAME_HEADER_BYTES 14u    /* destination, source, type: the least that is a frame     */
#define FRAME_MAX_BYTES    65550u /* 65,536 of segmented payload and headers: [VIRTIO] 5.1.6.3 */

#define FRAME_NEEDS_CSUM 1u /* flags: checksum from csum_start to the end into csum_offset */

enum frame_gso {
    FRAME_GSO_NONE = 0,
    FRAME_GSO_TCP4 = 1,
    FRAME_GSO_TCP6 = 4,
};
#define FRAME_GSO_ECN 0x80u /* may be added to a TCP kind */

struct frame_words {
    uint32_t len; /* bytes of the frame that follow; the words are not counted */
    uint8_t flags;
    uint8_t gso;
    uint16_t hdr_len; /* a hint only: never trusted */
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t unused;
};

_Static_assert(sizeof(struct frame_words) == 16, "a ring's records are multiples of 16");

#endif
