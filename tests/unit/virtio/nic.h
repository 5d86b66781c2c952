/* SPDX-License-Identifier: BSD-2-Clause
 * A network card as a guest sees it, for tests: RAM, two queues and buffers, with the io half that
 * serves them behind a channel. The vmm's half is played by nic_run() and nic_stop(). */
#ifndef UNIT_VIRTIO_NIC_H
#define UNIT_VIRTIO_NIC_H

#include "virtio/features.h"
#include "virtio/net_io.h"
#include "guest_driver.h"

#define NIC_RX_AT     (GUEST_RAM_BASE + 0x10000u)
#define NIC_TX_AT     (GUEST_RAM_BASE + 0x20000u)
#define NIC_TABLES_AT (GUEST_RAM_BASE + 0x30000u) /* 256 indirect tables of 256 bytes */
#define NIC_RX_BUFFER (GUEST_RAM_BASE + 0x40000u) /* 256 of 2 KiB                     */
#define NIC_TX_BUFFER (GUEST_RAM_BASE + 0xC0000u)
#define NIC_BIG       (GUEST_RAM_BASE + 0x140000u) /* for frames of 64 KiB */
#define NIC_BUFFER    2048u
#define NIC_HDR_MAX   12u

#define NIC_MODERN BIT64(VIRTIO_F_VERSION_1)
#define NIC_MRG    BIT64(VIRTIO_NET_F_MRG_RXBUF)
#define NIC_EVENT  BIT64(VIRTIO_F_EVENT_IDX)
#define NIC_TABLES BIT64(VIRTIO_F_INDIRECT_DESC)

struct nic {
    struct guest_ram ram;
    struct guest_queue rx;
    struct guest_queue tx;
    uint64_t features;
    struct channel channel;
    struct vnet_io io;
};

static inline uint32_t nic_hdr(const struct nic *n)
{
    return (n->features & (NIC_MODERN | NIC_MRG)) != 0 ? 12u : 10u;
}

static inline void nic_open(struct nic *n, struct ring_shared *to, struct ring_shared *from)
{
    memset(n, 0, sizeof(*n));
    guest_ram_open(&n->ram);
    vnet_io_init(&n->io, &n->channel, &n->ram.mem, to, from);
}

static inline void nic_close(struct nic *n)
{
    guest_ram_close(&n->ram);
}

static inline struct channel_queue nic_queue(const struct guest_queue *q)
{
    return (struct channel_queue){
        .desc = q->desc,
        .avail = q->avail,
        .used = q->used,
        .size = q->size,
        .enabled = 1,
    };
}

static inline struct channel_setup nic_setup(const struct nic *n)
{
    return (struct channel_setup){
        .features = n->features,
        .queue = {nic_queue(&n->rx), nic_queue(&n->tx)},
    };
}

/* Queues as after a reset. */
static inline void nic_queues(struct nic *n, uint64_t features, uint32_t size)
{
    n->features = features;
    guest_queue_open(&n->rx, &n->ram, NIC_RX_AT, size, (features & NIC_EVENT) != 0);
    guest_queue_open(&n->tx, &n->ram, NIC_TX_AT, size, (features & NIC_EVENT) != 0);
}

/* Queues as after a reset, and a request to run them; the next turn obeys it. */
static inline void nic_run(struct nic *n, uint64_t features, uint32_t size)
{
    nic_queues(n, features, size);
    const struct channel_setup setup = nic_setup(n);
    GUEST_CHECK(channel_settled(&n->channel));
    channel_ask(&n->channel, CHANNEL_RUN, &setup);
}

/* Stops the io half, as a reset does: the guest goes on when it has obeyed. */
static inline struct vnet_todo nic_stop(struct nic *n)
{
    channel_ask(&n->channel, CHANNEL_STOP, NULL);
    const struct vnet_todo todo = vnet_io_turn(&n->io);
    GUEST_CHECK(channel_settled(&n->channel) && todo.notify && !todo.again);
    (void)channel_take_irqs(&n->channel);
    return todo;
}

/* Turns until there is nothing more to do, as a host does. What the turns asked for, in all. */
static inline struct vnet_todo nic_turns(struct nic *n)
{
    struct vnet_todo all = {0};
    for (uint32_t i = 0; i < 10000; i++) {
        const struct vnet_todo t = vnet_io_turn(&n->io);
        all.notify = all.notify || t.notify;
        all.wake_switch = all.wake_switch || t.wake_switch;
        if (!t.again) {
            return all;
        }
    }
    fprintf(stderr, "a component that never sleeps\n");
    abort();
}

/* Offers one receive buffer of so many bytes, header included. Its number is the token. */
static inline void nic_offer_rx(struct nic *n, uint32_t number, uint32_t bytes)
{
    const struct guest_buffer b = {NIC_RX_BUFFER + NIC_BUFFER * number, bytes};
    memset(guest_at(&n->ram, b.at, bytes), 0xEE, bytes);
    GUEST_CHECK(guest_offer(&n->rx, &b, 0, 1, number));
}

/* Offers a frame with this header in one buffer. */
static inline void nic_offer_tx(struct nic *n, uint32_t number, const uint8_t *header,
                                const uint8_t *frame, uint32_t len)
{
    const struct guest_buffer b = {NIC_TX_BUFFER + NIC_BUFFER * number, nic_hdr(n) + len};
    GUEST_CHECK(b.len <= NIC_BUFFER);
    memcpy(guest_at(&n->ram, b.at, nic_hdr(n)), header, nic_hdr(n));
    memcpy(guest_at(&n->ram, b.at + nic_hdr(n), len), frame, len);
    GUEST_CHECK(guest_offer(&n->tx, &b, 1, 0, number));
}

#endif
