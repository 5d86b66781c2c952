/* SPDX-License-Identifier: BSD-2-Clause
 * The channel between the two halves of a virtio device: the vmm, which has the registers, and the io
 * component, which serves the queues. One page of shared memory, a kick to the io and a notification
 * to the vmm; both are the host's to deliver, may be spurious, and are never counted.
 *
 * The vmm asks for RUN (with a copy of all that was negotiated) or STOP by a new request number. The io
 * finishes the chain it has in hand, obeys, and answers with that number. Until then the vmm does not
 * enter the guest: so a reset is complete when the guest's write returns, and no buffer is touched
 * after it. Interrupts go the other way as bits: io sets them, the vmm takes all at once.
 *
 * Neither half trusts the other: all that is read is copied once and validated.
 * Model: tests/models/channel.pml. */
#ifndef VIRTIO_CHANNEL_H
#define VIRTIO_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#define CHANNEL_QUEUES 2u
#define CHANNEL_BYTES  4096u

struct channel_queue {
    uint64_t desc; /* guest-physical addresses */
    uint64_t avail;
    uint64_t used;
    uint32_t size;    /* entries, a power of two up to 32,768 in theory: the io checks */
    uint32_t enabled; /* 0 or 1 */
    uint32_t first;   /* index to begin at: 0 after a reset, or what `stopped_at` said */
    uint32_t unused;
};

struct channel_setup {
    uint64_t features; /* negotiated; without VIRTIO_F_VERSION_1: the legacy header and layout */
    struct channel_queue queue[CHANNEL_QUEUES];
};

/* irqs */
#define CHANNEL_IRQ_QUEUE(n) (1u << (n))
#define CHANNEL_IRQ_BROKEN   0x80000000u /* a queue was driven outside of the rules: needs a reset */

enum channel_state {
    CHANNEL_STOP = 0,
    CHANNEL_RUN = 1,
};

/* Counters of the io half, for the summary: written by the io only. */
struct channel_counts {
    uint64_t tx_frames; /* from the guest */
    uint64_t tx_bytes;
    uint64_t rx_frames; /* to the guest, after cutting */
    uint64_t rx_bytes;
    uint64_t tx_malformed; /* dropped: no frame, or header words that make no sense           */
    uint64_t rx_no_buffer; /* dropped: larger than all buffers that the guest offered then    */
    uint64_t rx_malformed; /* dropped: from the switch, words that do not fit                 */
    uint64_t cut_frames;   /* frames segmented or checksummed in software                     */
    uint64_t kicks;        /* notifications from the guest that came through                  */
    uint64_t interrupts;   /* that the guest's rules asked for                                */
    uint64_t breaks;       /* queues stopped because the guest broke the rules                */
};

/* In shared memory, all zero at first: stopped, nothing asked. */
struct channel {
    /* The vmm's half. */
    struct channel_setup setup;
    uint32_t request; /* number << 1 | enum channel_state; release */
    /* The io's half. */
    _Alignas(64) uint32_t obeyed;        /* the request that holds now; release */
    uint32_t irqs;                       /* set by io, exchanged with 0 by the vmm */
    uint32_t stopped_at[CHANNEL_QUEUES]; /* index of the next chain, where obeyed says STOP */
    struct channel_counts counts;
};

_Static_assert(sizeof(struct channel) <= CHANNEL_BYTES, "one page");

/* --- The vmm's half --- */
/* A STOP may follow a RUN that has not settled; its setup is not looked at.
 * @pre for RUN: the last request has settled */
void channel_ask(struct channel *ch, enum channel_state state, const struct channel_setup *setup);
/* True: the io has obeyed the last request. Interrupts that were raised before a STOP settled are then
 * among those that channel_take_irqs() gives: a reset forgets them. */
bool channel_settled(const struct channel *ch);
/* Index of the chain at which a queue stopped. @pre a STOP has settled; n < CHANNEL_QUEUES */
uint16_t channel_stopped_at(const struct channel *ch, uint32_t n);
/* CHANNEL_IRQ_* bits that came since the last call. */
uint32_t channel_take_irqs(struct channel *ch);

/* --- The io's half --- */
/* True: there is a request that was not obeyed. *state and *setup are then private copies; *setup is
 * copied for RUN only. */
bool channel_asked(const struct channel *ch, uint32_t *request, enum channel_state *state,
                   struct channel_setup *setup);
/* Before a STOP is obeyed: the index of the next chain of queue n. @pre n < CHANNEL_QUEUES */
void channel_stop_at(struct channel *ch, uint32_t n, uint16_t next);
/* The vmm, which may wait for it, has to be notified. */
void channel_obey(struct channel *ch, uint32_t request);
/* True: the vmm has to be notified (it had taken all bits there were). */
bool channel_raise(struct channel *ch, uint32_t irqs);
void channel_show_counts(struct channel *ch, const struct channel_counts *counts);

#endif
