/* SPDX-License-Identifier: BSD-2-Clause
 * The io half of a virtio-net device: takes frames from the guest's transmit queue into a ring, and
 * frames from a ring into its receive queue. It runs in a component of its own, away from the vCPU.
 *
 * A frame that the ring has no room for stays in the guest's queue. While the guest offers no buffer
 * at all, frames stay in the ring (the switch drops what does not fit behind them). A frame for which
 * it offers some, but not enough, is dropped: nobody can tell whether more will come, and a sender must
 * not be able to stop what is behind it. A segmented frame is cut first, as pieces may fit. What the
 * guest did not agree to (checksums, segments) is done in software on the way in.
 * Spec: [VIRTIO] 1.2, 5.1 (network device), 5.1.6 (operation), 5.1.6.1 (legacy header). */
#ifndef VIRTIO_NET_IO_H
#define VIRTIO_NET_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "net/offload.h"
#include "net/ring.h"
#include "virtio/channel.h"
#include "virtio/queue.h"
#include "vm/gmem.h"

#define VNET_RX 0u
#define VNET_TX 1u

/* A turn goes on, each way, until so many frames are done or so many bytes or descriptors are reached:
 * only at its end do others see what was done, and a request waits for it. */
#define VNET_TURN_FRAMES 64u
#define VNET_TURN_BYTES  65536u
#define VNET_TURN_DESCRIPTORS \
    4096u /* more than frames and bytes need: some guests use empty ones */

struct vnet_io {
    /* Wiring. */
    struct channel *channel;
    const struct gmem *mem;
    struct ring_writer to_switch;
    struct ring_reader from_switch;
    /* What the last request said. */
    enum channel_state state;
    uint64_t features;
    struct virtq rx;
    struct virtq tx;
    bool rx_on;
    bool tx_on;
    uint32_t tx_bytes; /* of the frame that waits for room in the ring */
    /* The frame in hand: the oldest in from_switch, or NULL. */
    const uint8_t *frame;
    struct frame_words words;
    struct offload_cut cut;
    bool cutting;   /* it is delivered in pieces */
    uint32_t piece; /* the next one              */
    struct channel_counts counts;
    /* Scratch: what need not be on a stack. */
    struct virtq_chain first; /* of those that a received frame takes */
    struct virtq_chain chain;
    uint8_t scratch[FRAME_MAX_BYTES];
};

/* What the host is to do after a turn. */
struct vnet_todo {
    bool notify;      /* the vmm: interrupts, or a request was obeyed                */
    bool wake_switch; /* its end of either ring sleeps                               */
    bool again;       /* there is more to do: call again. Else the queues and rings
                         have been told to wake this component                       */
};

/* @pre all of them outlive v; channel and rings are shared memory. */
void vnet_io_init(struct vnet_io *v, struct channel *channel, const struct gmem *mem,
                  struct ring_shared *to_switch, struct ring_shared *from_switch);

/* Whatever woke the component: it looks at everything. */
struct vnet_todo vnet_io_turn(struct vnet_io *v);

/* The host counts: so many kicks of the guest came through. */
void vnet_io_kicked(struct vnet_io *v, uint64_t kicks);

#endif
