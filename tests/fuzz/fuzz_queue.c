/* SPDX-License-Identifier: BSD-2-Clause
 * A network card's queues under a driver that writes what it likes into rings, descriptors and tables,
 * and asks for any setup, while frames with any words come from the switch. RAM is in pieces on the
 * heap: a byte touched outside of them is seen. What comes out of a queue is sound or the queue broken,
 * what reaches the switch is a frame, and a stopped device touches nothing. */
#include "fuzz.h"

#include "base/le.h"
#include "net/offload.h"
#include "virtio/features.h"
#include "virtio/net_io.h"

#define STEPS_MAX 300u

/* Queues, a region that adjoins theirs, and one for buffers. */
#define RAM_AT      0x1000u
#define RAM_BYTES   0x3000u
#define NEXT_AT     0x4000u
#define NEXT_BYTES  0x1000u
#define DATA_AT     0x100000u
#define DATA_BYTES  0x4000u
#define TABLES_AT   0x3000u
#define REGIONS     3u
#define QUEUE_AT(n) ((n) == VNET_RX ? 0x1000u : 0x2000u)

static const struct {
    gpa_t at;
    uint64_t bytes;
} regions[REGIONS] = {{RAM_AT, RAM_BYTES}, {NEXT_AT, NEXT_BYTES}, {DATA_AT, DATA_BYTES}};

struct rig {
    struct gmem mem;
    struct channel channel;
    struct ring_shared to, from;
    struct ring_reader out;
    struct ring_writer in;
    struct vnet_io io;
    struct virtq_chain chain;
    uint64_t drained;
    struct channel_setup setup;
};

static void open_rig(struct rig *r)
{
    r->to.tail = r->to.head = r->to.reader_sleeps = r->to.writer_sleeps = 0;
    r->from.tail = r->from.head = r->from.reader_sleeps = r->from.writer_sleeps = 0;
    for (uint32_t i = 0; i < r->mem.count; i++) {
        memset(r->mem.region[i].host, 0, r->mem.region[i].size);
    }
    for (uint32_t i = r->mem.count; i < REGIONS; i++) {
        uint8_t *host = calloc(1, regions[i].bytes);
        FUZZ_CHECK(host != NULL);
        FUZZ_CHECK(gmem_add(&r->mem, regions[i].at, regions[i].bytes, host));
    }
    memset(&r->channel, 0, sizeof(r->channel));
    memset(&r->setup, 0, sizeof(r->setup));
    r->drained = 0;
    vnet_io_init(&r->io, &r->channel, &r->mem, &r->to, &r->from);
    ring_reader_attach(&r->out, &r->to);
    ring_writer_attach(&r->in, &r->from);
}

/* An address: most often one that makes sense. */
static gpa_t address(struct fuzz_in *in)
{
    const uint8_t how = fuzz_u8(in);
    const gpa_t off = fuzz_u16(in);
    if ((how & 7u) == 7u) {
        return fuzz_u64(in);
    }
    if ((how & 4u) != 0) {
        return regions[how & 1u].at + off % (regions[how & 1u].bytes + 16u);
    }
    return DATA_AT + off % ((how & 3u) == 0 ? DATA_BYTES + 16u : DATA_BYTES / 2u);
}

static uint32_t length(struct fuzz_in *in)
{
    const uint8_t how = fuzz_u8(in);
    return how < 240 ? how * (how % 16u) : (uint32_t)fuzz_span(in, 32);
}

static void put(struct rig *r, gpa_t at, uint32_t size, uint64_t val)
{
    uint8_t bytes[8];
    le_store(bytes, size, val);
    (void)gmem_write(&r->mem, at, bytes, size);
}

static void write_desc(struct rig *r, struct fuzz_in *in)
{
    const uint8_t how = fuzz_u8(in);
    const bool table = (how & 0x80u) != 0;
    const gpa_t base = table ? TABLES_AT : r->setup.queue[how & 1u].desc;
    const gpa_t at = base + 16u * ((how >> 1) & 15u);
    const uint8_t flags = fuzz_u8(in);
    const bool to_table = (flags & 0x1Cu) == 0x1Cu;
    put(r, at, 8, to_table ? TABLES_AT + 16u * (flags >> 5) : address(in));
    put(r, at + 8u, 4, to_table ? 16u * (fuzz_u8(in) & 31u) : length(in));
    put(r, at + 12u, 2, to_table ? 4u : flags & 3u);
    put(r, at + 14u, 2, (flags & 0x80u) != 0 ? fuzz_u8(in) : (flags >> 2) & 15u);
}

/* Makes heads available, as a driver does; how many is the fuzzer's affair. */
static void offer(struct rig *r, struct fuzz_in *in)
{
    const uint8_t how = fuzz_u8(in);
    const struct channel_queue *q = &r->setup.queue[how & 1u];
    uint16_t idx = 0;
    uint8_t bytes[2] = {0};
    (void)gmem_read(&r->mem, q->avail + 2u, bytes, 2);
    idx = le16(bytes);
    for (uint32_t i = 0; i < (how >> 1) % 8u; i++, idx++) {
        const uint64_t slot = q->size == 0 ? 0 : idx % q->size;
        put(r, q->avail + 4u + 2u * slot, 2, fuzz_u8(in) & 15u);
    }
    put(r, q->avail + 2u, 2, idx);
}

static void scribble(struct rig *r, struct fuzz_in *in)
{
    const gpa_t at = address(in);
    const uint32_t size = 1u + fuzz_u8(in) % 8u;
    put(r, at, size, fuzz_take(in, size));
}

/* A TCP segment where the words ask for one, or any bytes. */
static void deliver(struct rig *r, struct fuzz_in *in)
{
    const uint8_t how = fuzz_u8(in);
    struct frame_words w = {.len = fuzz_u16(in) >> (how & 7u)};
    uint8_t *room = ring_reserve(&r->in, w.len);
    if (room == NULL) {
        return;
    }
    memset(room, how, w.len);
    if ((how & 0x18u) != 0 && w.len >= 54u) {
        static const uint8_t ip[] = {8, 0, 0x45};
        memcpy(room + 12, ip, sizeof(ip));
        room[20] = room[21] = 0;
        room[23] = 6;
        room[46] = 0x50;
        w.flags = FRAME_NEEDS_CSUM;
        w.gso = (how & 0x10u) != 0 ? FRAME_GSO_TCP4 : FRAME_GSO_NONE;
        w.gso_size = fuzz_u16(in);
        w.csum_start = 34;
        w.csum_offset = 16;
    }
    if ((how & 0x20u) != 0) {
        w.gso = fuzz_u8(in);
        w.csum_start = fuzz_u16(in);
        w.csum_offset = fuzz_u8(in);
    }
    ring_commit(&r->in, &w);
    (void)ring_publish(&r->in);
}

static void drain(struct rig *r)
{
    struct frame_words w;
    const uint8_t *frame;
    while ((frame = ring_peek(&r->out, &w)) != NULL) {
        FUZZ_CHECK(offload_valid(frame, &w));
        FUZZ_CHECK((w.flags & ~FRAME_NEEDS_CSUM) == 0);
        r->drained++;
        ring_consume(&r->out);
    }
    (void)ring_release(&r->out);
    FUZZ_CHECK(r->out.broken == 0);
}

/* Looks at a queue with a copy of its private words, as the io will. */
static void look(struct rig *r, const struct virtq *queue, bool on)
{
    struct virtq q = *queue;
    uint64_t sum[2] = {0};
    uint8_t bytes[64];
    if (!on || virtq_peek(&q, &r->chain) != VIRTQ_CHAIN) {
        FUZZ_CHECK(!on || q.fault != VIRTQ_SOUND || q.avail == q.next_avail);
        return;
    }
    const struct virtq_chain *c = &r->chain;
    FUZZ_CHECK(c->head < q.config.size);
    FUZZ_CHECK((uint32_t)c->readable + c->writable <= VIRTQ_SIZE_MAX);
    for (uint32_t i = 0; i < (uint32_t)c->readable + c->writable; i++) {
        FUZZ_CHECK(gmem_contains(&r->mem, c->buffer[i].at, c->buffer[i].len));
        sum[i < c->readable ? 0 : 1] += c->buffer[i].len;
    }
    FUZZ_CHECK(sum[0] == c->readable_bytes && sum[1] == c->writable_bytes);
    const uint32_t n = c->readable_bytes < sizeof(bytes) ? c->readable_bytes : sizeof(bytes);
    FUZZ_CHECK(virtq_read(&q, c, c->readable_bytes - n, bytes, n));
    FUZZ_CHECK(!virtq_read(&q, c, c->readable_bytes - n, bytes, n + 1u));
}

static void turn(struct rig *r)
{
    const uint64_t breaks = r->io.counts.breaks;
    look(r, &r->io.rx, r->io.state == CHANNEL_RUN && r->io.rx_on);
    look(r, &r->io.tx, r->io.state == CHANNEL_RUN && r->io.tx_on);
    const bool asked = !channel_settled(&r->channel);
    const struct vnet_todo todo = vnet_io_turn(&r->io);
    FUZZ_CHECK(channel_settled(&r->channel));
    const uint32_t irqs = channel_take_irqs(&r->channel);
    FUZZ_CHECK(todo.notify == (asked || irqs != 0));
    FUZZ_CHECK(((irqs & CHANNEL_IRQ_BROKEN) != 0) == (r->io.counts.breaks != breaks));
    FUZZ_CHECK(!todo.again || r->io.state == CHANNEL_RUN);
    FUZZ_CHECK(r->drained <= r->io.counts.tx_frames);
}

static void ask_run(struct rig *r, struct fuzz_in *in)
{
    const uint8_t how = fuzz_u8(in);
    r->setup.features = fuzz_u16(in) | (uint64_t)(fuzz_u8(in) & 31u) << VIRTIO_F_INDIRECT_DESC;
    for (uint32_t n = 0; n < CHANNEL_QUEUES; n++) {
        const uint32_t size = 1u << (fuzz_u8(in) % 5u);
        r->setup.queue[n] = (struct channel_queue){
            .desc = QUEUE_AT(n),
            .avail = QUEUE_AT(n) + 0x800u,
            .used = n == VNET_RX ? 0x1900u : 0x3FE0u, /* over the seam of two regions */
            .size = size,
            .enabled = how % 16u != n,
        };
        if ((how & (0x10u << n)) != 0) {
            r->setup.queue[n].avail = address(in);
            r->setup.queue[n].first = fuzz_u16(in);
        }
        if ((how & (0x40u << n)) != 0) {
            r->setup.queue[n].used = address(in);
            r->setup.queue[n].size = (uint32_t)fuzz_span(in, 10);
        }
    }
    channel_ask(&r->channel, CHANNEL_RUN, &r->setup);
}

static void stop(struct rig *r)
{
    static uint8_t before[DATA_BYTES];
    channel_ask(&r->channel, CHANNEL_STOP, NULL);
    turn(r);
    memcpy(before, r->mem.region[0].host, RAM_BYTES);
    turn(r);
    FUZZ_CHECK(memcmp(before, r->mem.region[0].host, RAM_BYTES) == 0);
    FUZZ_CHECK(r->io.state == CHANNEL_STOP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rig rig;
    struct rig *r = &rig;
    struct fuzz_in in = {data, size};
    open_rig(r);
    ask_run(r, &in);
    for (uint32_t i = 0; i < STEPS_MAX && in.left != 0; i++) {
        const uint8_t what = fuzz_u8(&in);
        switch (what & 15u) {
        case 0:
            stop(r);
            ask_run(r, &in);
            break;
        case 1:
        case 2:
            scribble(r, &in);
            break;
        case 3:
        case 4:
            deliver(r, &in);
            break;
        case 5:
            drain(r);
            break;
        case 6:
        case 7:
        case 8:
            offer(r, &in);
            break;
        case 9:
        case 10:
        case 11:
            write_desc(r, &in);
            break;
        default:
            turn(r);
            break;
        }
    }
    turn(r);
    drain(r);
    FUZZ_CHECK(r->drained == r->io.counts.tx_frames);
    return 0;
}
