/* SPDX-License-Identifier: BSD-2-Clause
 * The io half of a virtio-net device. Contract: virtio/net_io.h. */
#include "virtio/net_io.h"

#include <stddef.h>

#include "base/assert.h"
#include "base/le.h"
#include "base/string.h"
#include "virtio/features.h"

/* struct virtio_net_hdr: [VIRTIO] 5.1.6. Flags and kinds are those of struct frame_words. */
#define HDR_FLAGS        0u
#define HDR_GSO_TYPE     1u
#define HDR_HDR_LEN      2u
#define HDR_GSO_SIZE     4u
#define HDR_CSUM_START   6u
#define HDR_CSUM_OFFSET  8u
#define HDR_NUM_BUFFERS  10u
#define HDR_BYTES_LEGACY 10u
#define HDR_BYTES        12u

/* What became of one step. */
enum vnet_step {
    VNET_DONE,    /* one frame less                                        */
    VNET_IDLE,    /* there is none                                         */
    VNET_BLOCKED, /* no room for it, or no buffer                          */
    VNET_SHORT,   /* buffers, but not enough (vnet_put only)               */
    VNET_STOPPED, /* this way is closed: no queue, or its rules are broken */
};

/* The features that a frame's words call for, one set for each way. */
struct vnet_terms {
    uint32_t csum, tso4, tso6, ecn;
};

static const struct vnet_terms vnet_from_guest = {
    .csum = VIRTIO_NET_F_CSUM,
    .tso4 = VIRTIO_NET_F_HOST_TSO4,
    .tso6 = VIRTIO_NET_F_HOST_TSO6,
    .ecn = VIRTIO_NET_F_HOST_ECN,
};

static const struct vnet_terms vnet_to_guest = {
    .csum = VIRTIO_NET_F_GUEST_CSUM,
    .tso4 = VIRTIO_NET_F_GUEST_TSO4,
    .tso6 = VIRTIO_NET_F_GUEST_TSO6,
    .ecn = VIRTIO_NET_F_GUEST_ECN,
};

/* True if all that the words ask for was negotiated. Kinds that are not known are not its affair. */
static bool vnet_agreed(const struct vnet_io *v, const struct vnet_terms *terms,
                        const struct frame_words *words)
{
    const uint32_t kind = words->gso & ~FRAME_GSO_ECN;
    uint64_t wants = 0;
    wants |= (words->flags & FRAME_NEEDS_CSUM) != 0 ? BIT64(terms->csum) : 0;
    wants |= kind == FRAME_GSO_TCP4 ? BIT64(terms->tso4) : 0;
    wants |= kind == FRAME_GSO_TCP6 ? BIT64(terms->tso6) : 0;
    wants |= (words->gso & FRAME_GSO_ECN) != 0 ? BIT64(terms->ecn) : 0;
    return (v->features & wants) == wants;
}

static uint32_t vnet_header_bytes(const struct vnet_io *v)
{
    const uint64_t longer = BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_NET_F_MRG_RXBUF);
    return (v->features & longer) != 0 ? HDR_BYTES : HDR_BYTES_LEGACY;
}

/* --- From the guest --- */

/* The words of a header. Fields that its flags and kind make meaningless are not passed on:
 * [VIRTIO] 5.1.6.2.2. */
static struct frame_words vnet_parse_header(const uint8_t header[HDR_BYTES], uint32_t len)
{
    struct frame_words words = {.len = len};
    words.flags = header[HDR_FLAGS] & FRAME_NEEDS_CSUM;
    words.gso = header[HDR_GSO_TYPE];
    if (words.flags != 0) {
        words.csum_start = le16(header + HDR_CSUM_START);
        words.csum_offset = le16(header + HDR_CSUM_OFFSET);
    }
    if (words.gso != FRAME_GSO_NONE) {
        words.gso_size = le16(header + HDR_GSO_SIZE);
        words.hdr_len = le16(header + HDR_HDR_LEN);
    }
    return words;
}

/* Copies the frame in v->chain to `room` and fills in its words. False: it is none.
 * @pre the chain holds a header and len bytes */
static bool vnet_take(const struct vnet_io *v, uint8_t *room, uint32_t len,
                      struct frame_words *words)
{
    uint8_t header[HDR_BYTES] = {0};
    const uint32_t skip = vnet_header_bytes(v);
    const bool copied = virtq_read(&v->tx, &v->chain, 0, header, skip) &&
                        virtq_read(&v->tx, &v->chain, skip, room, len);
    BH_ASSERT(copied);
    *words = vnet_parse_header(header, len);
    return vnet_agreed(v, &vnet_from_guest, words) && offload_valid(room, words);
}

static enum vnet_step vnet_transmit_one(struct vnet_io *v)
{
    const uint32_t skip = vnet_header_bytes(v);
    struct frame_words words;
    bool sound = false;
    const enum virtq_got got = virtq_peek(&v->tx, &v->chain);
    if (got != VIRTQ_CHAIN) {
        return got == VIRTQ_EMPTY ? VNET_IDLE : VNET_STOPPED;
    }
    const uint32_t bytes = v->chain.readable_bytes;
    if (bytes >= skip + FRAME_HEADER_BYTES && bytes - skip <= FRAME_MAX_BYTES) {
        v->tx_bytes = bytes - skip;
        uint8_t *room = ring_reserve(&v->to_switch, v->tx_bytes);
        if (room == NULL) {
            return VNET_BLOCKED;
        }
        sound = vnet_take(v, room, v->tx_bytes, &words);
    }
    if (sound) {
        ring_commit(&v->to_switch, &words);
        v->counts.tx_frames++;
        v->counts.tx_bytes += words.len;
    } else {
        v->counts.tx_malformed++;
    }
    virtq_accept(&v->tx);
    virtq_give(&v->tx, v->chain.head, 0);
    return VNET_DONE;
}

/* True: a turn that began with q at `looked` and has moved so many bytes this way ends here. */
static bool vnet_enough(const struct virtq *q, uint32_t looked, uint64_t bytes)
{
    return bytes >= VNET_TURN_BYTES || q->looked - looked >= VNET_TURN_DESCRIPTORS;
}

static enum vnet_step vnet_transmit(struct vnet_io *v)
{
    const uint64_t start = v->counts.tx_bytes;
    const uint32_t looked = v->tx.looked;
    enum vnet_step step = VNET_STOPPED;
    if (v->tx_on) {
        virtq_kicks_off(&v->tx);
        step = VNET_DONE;
    }
    for (uint32_t n = 0; n < VNET_TURN_FRAMES && step == VNET_DONE; n++) {
        if (vnet_enough(&v->tx, looked, v->counts.tx_bytes - start)) {
            break;
        }
        step = vnet_transmit_one(v);
    }
    return step;
}

/* --- To the guest --- */

/* Decides whether the frame in hand goes as it is or in pieces. */
static void vnet_judge(struct vnet_io *v)
{
    if (v->frame != NULL && !v->cutting && !vnet_agreed(v, &vnet_to_guest, &v->words)) {
        v->cutting = true;
        v->counts.cut_frames++;
    }
}

/* Takes the next frame in hand. */
static enum vnet_step vnet_pick(struct vnet_io *v)
{
    v->frame = ring_peek(&v->from_switch, &v->words);
    if (v->frame == NULL) {
        return VNET_IDLE;
    }
    v->cutting = false;
    v->piece = 0;
    if (!offload_plan(&v->cut, v->frame, &v->words)) {
        v->counts.rx_malformed++;
        ring_consume(&v->from_switch);
        v->frame = NULL;
    }
    v->words.hdr_len = (uint16_t)v->cut.headers; /* what it is, not what its sender said */
    vnet_judge(v);
    return VNET_DONE;
}

/* The header goes into the first chain, when it is known how many there are. */
static void vnet_write_header(struct vnet_io *v, const struct frame_words *words, uint32_t chains)
{
    uint8_t header[HDR_BYTES];
    header[HDR_FLAGS] = words->flags & FRAME_NEEDS_CSUM;
    header[HDR_GSO_TYPE] = words->gso;
    le_store(header + HDR_HDR_LEN, 2, words->hdr_len);
    le_store(header + HDR_GSO_SIZE, 2, words->gso_size);
    le_store(header + HDR_CSUM_START, 2, words->csum_start);
    le_store(header + HDR_CSUM_OFFSET, 2, words->csum_offset);
    le_store(header + HDR_NUM_BUFFERS, 2, chains);
    (void)virtq_write(&v->rx, &v->first, 0, header, vnet_header_bytes(v));
}

/* Puts one frame into the guest's buffers: VNET_DONE, VNET_SHORT or VNET_STOPPED.
 * @pre v->first is what virtq_peek() shows */
static enum vnet_step vnet_put(struct vnet_io *v, const uint8_t *bytes,
                               const struct frame_words *words)
{
    const bool mergeable = virtio_has(v->features, VIRTIO_NET_F_MRG_RXBUF);
    const struct virtq_chain *chain = &v->first;
    uint32_t off = vnet_header_bytes(v);
    uint32_t done = 0;
    uint16_t chains = 0;
    enum virtq_got got = chain->writable_bytes < off ? VIRTQ_EMPTY : VIRTQ_CHAIN;
    while (got == VIRTQ_CHAIN) { /* bound: the queue's size */
        const uint32_t room = chain->writable_bytes - off;
        const uint32_t n = words->len - done < room ? words->len - done : room;
        (void)virtq_write(&v->rx, chain, off, bytes + done, n);
        virtq_accept(&v->rx);
        virtq_give(&v->rx, chain->head, off + n);
        chains++;
        done += n;
        if (done == words->len) {
            vnet_write_header(v, words, chains);
            return VNET_DONE;
        }
        chain = &v->chain;
        off = 0;
        got = mergeable ? virtq_peek(&v->rx, &v->chain) : VIRTQ_EMPTY;
    }
    if (got == VIRTQ_BROKEN) {
        return VNET_STOPPED;
    }
    virtq_undo(&v->rx, chains);
    return VNET_SHORT;
}

/* Puts the frame in hand, or its next piece. */
static enum vnet_step vnet_put_piece(struct vnet_io *v)
{
    struct frame_words words = {0};
    const uint8_t *bytes = v->frame;
    if (v->cutting) {
        words.len = offload_piece_bytes(&v->cut, v->piece);
        offload_piece(&v->cut, v->frame, v->piece, v->scratch);
        bytes = v->scratch;
    } else {
        words = v->words;
    }
    const enum vnet_step step = vnet_put(v, bytes, &words);
    if (step == VNET_DONE) {
        v->counts.rx_frames++;
        v->counts.rx_bytes += words.len;
    }
    return step;
}

static enum vnet_step vnet_receive_one(struct vnet_io *v)
{
    enum vnet_step step = v->frame != NULL ? VNET_DONE : vnet_pick(v);
    if (step != VNET_DONE || v->frame == NULL) {
        return step;
    }
    const enum virtq_got got = virtq_peek(&v->rx, &v->first);
    if (got != VIRTQ_CHAIN) {
        return got == VIRTQ_EMPTY ? VNET_BLOCKED : VNET_STOPPED;
    }
    step = vnet_put_piece(v);
    if (step == VNET_STOPPED) {
        return step;
    }
    if (step == VNET_SHORT && !v->cutting && v->cut.pieces > 1u) {
        v->cutting = true;
        v->counts.cut_frames++;
        return VNET_DONE;
    }
    v->counts.rx_no_buffer += step == VNET_SHORT ? 1u : 0u;
    v->piece++;
    if (!v->cutting || v->piece == v->cut.pieces) {
        ring_consume(&v->from_switch);
        v->frame = NULL;
    }
    return VNET_DONE;
}

static enum vnet_step vnet_receive(struct vnet_io *v)
{
    const uint64_t start = v->counts.rx_bytes;
    const uint32_t looked = v->rx.looked;
    enum vnet_step step = VNET_STOPPED;
    if (v->rx_on) {
        virtq_kicks_off(&v->rx);
        step = VNET_DONE;
    }
    for (uint32_t n = 0; n < VNET_TURN_FRAMES && step == VNET_DONE; n++) {
        if (vnet_enough(&v->rx, looked, v->counts.rx_bytes - start)) {
            break;
        }
        step = vnet_receive_one(v);
    }
    return step;
}

/* --- Requests and turns --- */

static bool vnet_start_queue(const struct vnet_io *v, struct virtq *q,
                             const struct channel_queue *asked)
{
    const struct virtq_config config = {
        .desc = asked->desc,
        .avail = asked->avail,
        .used = asked->used,
        .size = asked->size,
        .first = (uint16_t)asked->first,
        .indirect = virtio_has(v->features, VIRTIO_F_INDIRECT_DESC),
        .event_idx = virtio_has(v->features, VIRTIO_F_EVENT_IDX),
    };
    if (asked->enabled != 0) {
        virtq_start(q, v->mem, &config);
    }
    return asked->enabled != 0;
}

/* True: there was a request, and it is obeyed now. */
static bool vnet_obey(struct vnet_io *v)
{
    struct channel_setup setup;
    uint32_t request;
    if (!channel_asked(v->channel, &request, &v->state, &setup)) {
        return false;
    }
    if (v->state == CHANNEL_RUN) {
        v->features = setup.features;
        v->rx_on = vnet_start_queue(v, &v->rx, &setup.queue[VNET_RX]);
        v->tx_on = vnet_start_queue(v, &v->tx, &setup.queue[VNET_TX]);
        vnet_judge(v);
    } else {
        channel_stop_at(v->channel, VNET_RX, v->rx.next_avail);
        channel_stop_at(v->channel, VNET_TX, v->tx.next_avail);
    }
    channel_obey(v->channel, request);
    return true;
}

/* Shows the guest what was given, and returns the interrupts that it wants. */
static uint32_t vnet_show(struct vnet_io *v)
{
    uint32_t irqs = 0;
    if (v->rx_on && virtq_show(&v->rx)) {
        irqs |= CHANNEL_IRQ_QUEUE(VNET_RX);
        v->counts.interrupts++;
    }
    if (v->tx_on && virtq_show(&v->tx)) {
        irqs |= CHANNEL_IRQ_QUEUE(VNET_TX);
        v->counts.interrupts++;
    }
    return irqs;
}

static bool vnet_broken(const struct vnet_io *v)
{
    return (v->rx_on && v->rx.fault != VIRTQ_SOUND) || (v->tx_on && v->tx.fault != VIRTQ_SOUND);
}

/* Tells everyone to wake this component, each only where it waits for them. True: there is something
 * to do after all. */
static bool vnet_stay(struct vnet_io *v, enum vnet_step tx, enum vnet_step rx)
{
    bool stay = tx == VNET_DONE || rx == VNET_DONE;
    if (!stay && tx == VNET_IDLE) {
        stay = virtq_kicks_on(&v->tx);
    } else if (!stay && tx == VNET_BLOCKED) {
        stay = !ring_writer_sleep(&v->to_switch, v->tx_bytes);
    }
    if (!stay && rx == VNET_IDLE) {
        stay = !ring_reader_sleep(&v->from_switch);
    } else if (!stay && rx == VNET_BLOCKED) {
        stay = virtq_kicks_on(&v->rx);
    }
    return stay;
}

void vnet_io_init(struct vnet_io *v, struct channel *channel, const struct gmem *mem,
                  struct ring_shared *to_switch, struct ring_shared *from_switch)
{
    memset(v, 0, sizeof(*v));
    v->channel = channel;
    v->mem = mem;
    v->state = CHANNEL_STOP;
    ring_writer_attach(&v->to_switch, to_switch);
    ring_reader_attach(&v->from_switch, from_switch);
}

struct vnet_todo vnet_io_turn(struct vnet_io *v)
{
    struct vnet_todo todo = {0};
    enum vnet_step tx = VNET_STOPPED;
    enum vnet_step rx = VNET_STOPPED;
    uint32_t irqs = 0;
    const bool obeyed = vnet_obey(v); /* the vmm waits for it */
    if (v->state == CHANNEL_RUN) {
        tx = vnet_transmit(v);
        rx = vnet_receive(v);
        irqs = vnet_show(v);
    }
    const bool frames = ring_publish(&v->to_switch);
    const bool room = ring_release(&v->from_switch);
    todo.wake_switch = frames || room;
    if (v->state == CHANNEL_RUN && !vnet_broken(v)) {
        todo.again = vnet_stay(v, tx, rx);
    }
    if (v->state == CHANNEL_RUN && vnet_broken(v)) {
        v->state = CHANNEL_STOP;
        v->counts.breaks++;
        irqs |= CHANNEL_IRQ_BROKEN;
        todo.again = false;
    }
    const bool raised = channel_raise(v->channel, irqs);
    todo.notify = obeyed || raised;
    channel_show_counts(v->channel, &v->counts);
    return todo;
}

void vnet_io_kicked(struct vnet_io *v, uint64_t kicks)
{
    v->counts.kicks += kicks;
}
