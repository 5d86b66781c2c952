/* SPDX-License-Identifier: BSD-2-Clause
 * Two guests on one wire: two cards, a pair of rings, and drivers that sleep until they are
 * interrupted. Every party runs only when another one has woken it, in random order: a wake-up that
 * gets lost ends the run before all frames have arrived. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "nic.h"

#define SEQ_AT  14u /* behind the Ethernet header */
#define LEN_MIN 22u
#define LEN_MAX 1514u
#define POOL    65536u

struct side {
    struct nic n;
    uint32_t rx_bytes; /* of one receive buffer */
    uint32_t window;   /* frames on their way to the peer, at most */
    uint64_t to_send;
    uint64_t sent; /* sequence number of the next frame */
    uint64_t taken;
    uint64_t next_seq; /* the least that may come */
    uint64_t kicks, irqs;
    bool gaps; /* frames may be missing */
    bool io_awake, guest_awake;
    uint32_t slot[GUEST_QUEUE_MAX]; /* transmit buffers that are free */
    uint32_t slots;
};

struct wire {
    struct ring_shared ring[2];
    struct side side[2];
    uint8_t pool[POOL + LEN_MAX];
    uint64_t random;
};

static uint32_t random32(struct wire *w, uint32_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)((w->random >> 16) % below);
}

static int open_wire(void **state)
{
    struct wire *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->random = 0x653653653653ull;
    for (uint32_t i = 0; i < sizeof(w->pool); i++) {
        w->pool[i] = (uint8_t)random32(w, 256);
    }
    nic_open(&w->side[0].n, &w->ring[0], &w->ring[1]);
    nic_open(&w->side[1].n, &w->ring[1], &w->ring[0]);
    *state = w;
    return 0;
}

static int close_wire(void **state)
{
    struct wire *w = *state;
    nic_close(&w->side[0].n);
    nic_close(&w->side[1].n);
    free(w);
    return 0;
}

static struct side *peer_of(struct wire *w, const struct side *s)
{
    return s == &w->side[0] ? &w->side[1] : &w->side[0];
}

static uint32_t len_of(uint64_t seq)
{
    return LEN_MIN + (uint32_t)(seq * 2654435761u >> 7) % (LEN_MAX - LEN_MIN + 1);
}

/* --- The guest --- */

static void kick(struct side *s, bool wanted)
{
    if (wanted) {
        s->kicks++;
        s->io_awake = true;
    }
}

static void fill_rx(struct side *s)
{
    for (uint32_t i = 0; i < s->n.rx.size; i++) {
        const struct guest_buffer b = {NIC_RX_BUFFER + NIC_BUFFER * i, s->rx_bytes};
        assert_true(guest_offer(&s->n.rx, &b, 0, 1, i));
    }
    kick(s, guest_publish(&s->n.rx));
}

/* Starts the card, as a driver does that just got its device. */
static void start(struct side *s, uint64_t features, uint32_t size)
{
    nic_run(&s->n, features, size);
    s->slots = size;
    for (uint32_t i = 0; i < size; i++) {
        s->slot[i] = i;
    }
    s->io_awake = true;
    s->guest_awake = true;
    guest_want_interrupts(&s->n.rx, true);
    guest_want_interrupts(&s->n.tx, false);
    fill_rx(s);
}

/* Takes one frame, of one or several buffers. False: there is none. */
static bool take_frame(struct wire *w, struct side *s)
{
    uint8_t frame[NIC_HDR_MAX + LEN_MAX];
    const uint32_t hdr = nic_hdr(&s->n);
    uint32_t have = 0, chains = 1;
    for (uint32_t i = 0; i < chains; i++) {
        uint64_t number;
        uint32_t len;
        if (!guest_take(&s->n.rx, &number, &len)) {
            assert_int_equal(i, 0); /* all buffers of a frame are shown at once */
            return false;
        }
        const struct guest_buffer b = {NIC_RX_BUFFER + NIC_BUFFER * number, s->rx_bytes};
        assert_in_range(len, 1, sizeof(frame) - have);
        memcpy(frame + have, guest_at(&s->n.ram, b.at, len), len);
        have += len;
        chains = i == 0 && hdr == 12 ? le16(frame + 10) : chains;
        assert_true(guest_offer(&s->n.rx, &b, 0, 1, number));
    }
    const uint64_t seq = le64(frame + hdr + SEQ_AT);
    assert_true(seq >= s->next_seq && seq < peer_of(w, s)->sent);
    assert_true(s->gaps || seq == s->next_seq);
    assert_int_equal(have, hdr + len_of(seq));
    assert_memory_equal(frame + hdr + LEN_MIN, w->pool + seq % POOL, have - hdr - LEN_MIN);
    s->next_seq = seq + 1;
    s->taken++;
    return true;
}

static void receive(struct wire *w, struct side *s)
{
    bool more = true;
    while (more) {
        guest_want_interrupts(&s->n.rx, false);
        while (take_frame(w, s)) {
        }
        kick(s, guest_publish(&s->n.rx));
        guest_want_interrupts(&s->n.rx, true);
        more = take_frame(w, s);
    }
}

static void reclaim(struct side *s)
{
    uint64_t number;
    uint32_t len;
    while (guest_take(&s->n.tx, &number, &len)) {
        s->slot[s->slots++] = (uint32_t)number;
    }
}

static bool may_send(struct wire *w, const struct side *s)
{
    return s->sent < s->to_send && s->sent - peer_of(w, s)->taken < s->window;
}

static void send_one(struct wire *w, struct side *s)
{
    uint8_t frame[LEN_MAX] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xB5};
    static const uint8_t header[NIC_HDR_MAX];
    const uint32_t len = len_of(s->sent);
    le_store(frame + SEQ_AT, 8, s->sent);
    memcpy(frame + LEN_MIN, w->pool + s->sent % POOL, len - LEN_MIN);
    s->sent++;
    nic_offer_tx(&s->n, s->slot[--s->slots], header, frame, len);
}

static void transmit(struct wire *w, struct side *s)
{
    const uint32_t burst = 1 + random32(w, 40);
    reclaim(s);
    for (uint32_t i = 0; i < burst && s->slots != 0 && may_send(w, s); i++) {
        send_one(w, s);
    }
    kick(s, guest_publish(&s->n.tx));
    guest_want_interrupts(&s->n.tx, s->slots == 0);
    reclaim(s); /* it may have been just before the device looked */
    if (s->slots != 0 && may_send(w, s)) {
        s->guest_awake = true;
    }
}

/* --- All parties --- */

static void step_io(struct wire *w, struct side *s)
{
    s->io_awake = false;
    const struct vnet_todo todo = vnet_io_turn(&s->n.io);
    s->io_awake = todo.again;
    peer_of(w, s)->io_awake = peer_of(w, s)->io_awake || todo.wake_switch;
    if (todo.notify) {
        assert_int_equal(channel_take_irqs(&s->n.channel) & CHANNEL_IRQ_BROKEN, 0);
        s->irqs++;
        s->guest_awake = true;
    }
}

static void step_guest(struct wire *w, struct side *s)
{
    s->guest_awake = false;
    receive(w, s);
    transmit(w, s);
    /* The window is told by the test, not by the wire. */
    struct side *p = peer_of(w, s);
    p->guest_awake = p->guest_awake || (p->slots != 0 && may_send(w, p));
}

/* False: all parties sleep. */
static bool step(struct wire *w)
{
    const uint32_t first = random32(w, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t who = (first + i) % 4;
        struct side *s = &w->side[who / 2];
        if (who % 2 == 0 && s->io_awake) {
            step_io(w, s);
            return true;
        }
        if (who % 2 != 0 && s->guest_awake) {
            step_guest(w, s);
            return true;
        }
    }
    return false;
}

/* All that the io of a side sent was counted at the other one. */
static void check_accounts(struct wire *w)
{
    for (uint32_t i = 0; i < 2; i++) {
        const struct channel_counts *out = &w->side[i].n.channel.counts;
        const struct channel_counts *in = &w->side[1 - i].n.channel.counts;
        assert_int_equal(out->tx_frames, in->rx_frames + in->rx_no_buffer);
        assert_int_equal(out->tx_malformed + in->rx_malformed, 0);
        assert_int_equal(out->breaks, 0);
        assert_true(w->side[1 - i].taken <= in->rx_frames);
    }
}

static const struct {
    uint64_t features;
    uint32_t size, rx_bytes, window;
} ways[] = {
    {NIC_MODERN | NIC_EVENT | NIC_MRG, 256, 1526, 256},
    {NIC_MODERN | NIC_MRG, 256, 600, 256 / 3},
    {0, 256, 1524, 256},
    {NIC_EVENT, 4, 1524, UINT32_MAX}, /* only the rings hold the sender back */
    {NIC_MODERN, 16, 1526, UINT32_MAX},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* 10^6 frames in all: the queues' indices wrap once or more in each way, the rings' bytes more often. */
static void a_million_frames_arrive_once_and_in_order(void **state)
{
    struct wire *w = *state;
    for (size_t k = 0; k < WAYS; k++) {
        for (uint32_t i = 0; i < 2; i++) {
            struct side *s = &w->side[i];
            if (s->n.channel.request != 0) {
                (void)nic_stop(&s->n);
            }
            s->rx_bytes = ways[k].rx_bytes;
            s->window = ways[k].window;
            s->to_send += 100000;
            start(s, ways[k].features, ways[k].size);
        }
        while (step(w)) {
        }
        for (uint32_t i = 0; i < 2; i++) {
            assert_int_equal(w->side[i].sent, 100000 * (k + 1));
            assert_int_equal(w->side[i].taken, 100000 * (k + 1));
            assert_int_equal(w->side[i].n.channel.counts.rx_no_buffer, 0);
        }
        check_accounts(w);
    }
}

/* With both ends busy, EVENT_IDX and full queues, few wake-ups do for many frames. */
static void suppression_saves_most_wake_ups(void **state)
{
    struct wire *w = *state;
    for (uint32_t i = 0; i < 2; i++) {
        w->side[i].rx_bytes = 1526;
        w->side[i].window = 256;
        w->side[i].to_send = 20000;
        start(&w->side[i], NIC_MODERN | NIC_EVENT | NIC_MRG, 256);
    }
    while (step(w)) {
    }
    const uint64_t wakes = w->side[0].kicks + w->side[1].kicks + w->side[0].irqs + w->side[1].irqs;
    assert_int_equal(w->side[0].taken + w->side[1].taken, 40000);
    assert_true(wakes * 5 < 40000);
}

static void resets_lose_no_more_than_what_was_on_its_way(void **state)
{
    struct wire *w = *state;
    uint64_t lost_tx[2] = {0}, lost_rx[2] = {0};
    for (uint32_t i = 0; i < 2; i++) {
        w->side[i].rx_bytes = 1526;
        w->side[i].window = UINT32_MAX;
        w->side[i].to_send = UINT64_MAX;
        w->side[i].gaps = true;
        start(&w->side[i], NIC_MODERN | NIC_EVENT | NIC_MRG, 64);
    }
    for (uint32_t resets = 0; resets < 1000; resets++) {
        const uint32_t who = random32(w, 2);
        struct side *s = &w->side[who];
        for (uint32_t i = 1 + random32(w, 60); i != 0; i--) {
            assert_true(step(w));
        }
        /* The request is made; the peer and the io may go on for a while before it is seen. */
        channel_ask(&s->n.channel, CHANNEL_STOP, NULL);
        while (!channel_settled(&s->n.channel)) {
            step_io(w, random32(w, 2) == 0 ? s : peer_of(w, s));
        }
        const struct channel_counts *c = &s->n.channel.counts;
        const uint64_t tx = s->sent - lost_tx[who] - c->tx_frames;
        const uint64_t rx = c->rx_frames - lost_rx[who] - s->taken;
        assert_true(tx <= 64 && rx <= 64);
        lost_tx[who] += tx;
        lost_rx[who] += rx;
        start(s, NIC_MODERN | NIC_MRG | (random32(w, 2) == 0 ? NIC_EVENT : 0), 64);
    }
    w->side[0].to_send = 0;
    w->side[1].to_send = 0;
    while (step(w)) {
    }
    check_accounts(w);
    for (uint32_t i = 0; i < 2; i++) {
        struct side *s = &w->side[i];
        assert_int_equal(s->sent, s->n.channel.counts.tx_frames + lost_tx[i]);
        assert_int_equal(s->taken + lost_rx[i], s->n.channel.counts.rx_frames);
        assert_true(s->taken > 10000);
    }
}

/* --- A guest that obeys no rule, beside one that does --- */

static uint64_t wild(struct wire *w)
{
    static const uint64_t odd[] = {0,   1,   0xFFFF, 0x7FFF,     255,
                                   256, 257, 0x10,   UINT32_MAX, UINT64_MAX};
    const uint32_t how = random32(w, 4);
    if (how == 0) {
        return odd[random32(w, sizeof(odd) / sizeof(odd[0]))];
    }
    if (how == 1) {
        return GUEST_RAM_BASE + random32(w, GUEST_RAM_BYTES + 64);
    }
    return how == 2 ? random32(w, 300) : (uint64_t)random32(w, UINT32_MAX) << random32(w, 33);
}

static void vandalise(struct wire *w, struct side *s)
{
    const struct guest_queue *q = random32(w, 2) == 0 ? &s->n.rx : &s->n.tx;
    const gpa_t at[] = {
        q->desc + 8u * random32(w, 2u * q->size),
        q->desc + 16u * random32(w, q->size) + 12u,
        q->avail,
        q->avail + 2u,
        q->avail + 4u + 2u * random32(w, q->size + 1),
        q->used,
        q->used + 2u,
        q->used + 4u + 4u * random32(w, 2u * q->size),
    };
    const uint32_t size[] = {8, 4, 2, 2, 2, 2, 2, 4};
    const uint32_t which = random32(w, 8);
    guest_put(&s->n.ram, at[which], size[which], wild(w));
}

static void rerun_wildly(struct wire *w, struct side *s)
{
    (void)nic_stop(&s->n);
    nic_queues(&s->n, 0, 1u << random32(w, 9));
    struct channel_setup setup = nic_setup(&s->n);
    setup.features = wild(w) | (uint64_t)random32(w, 2) << VIRTIO_F_INDIRECT_DESC;
    if (random32(w, 4) == 0) {
        struct channel_queue *q = &setup.queue[random32(w, 2)];
        uint64_t *const word[] = {&q->desc, &q->avail, &q->used};
        *word[random32(w, 3)] = wild(w);
        q->size = (uint32_t)(random32(w, 2) == 0 ? wild(w) : q->size);
        q->first = (uint32_t)wild(w);
    }
    channel_ask(&s->n.channel, CHANNEL_RUN, &setup);
    for (uint32_t i = 0; i < s->n.rx.size / 2; i++) {
        const struct guest_buffer b = {NIC_RX_BUFFER + NIC_BUFFER * i, NIC_BUFFER};
        (void)guest_offer(&s->n.rx, &b, 0, 1, i);
        (void)guest_offer(&s->n.tx, &b, 1, 0, i);
    }
    (void)guest_publish(&s->n.rx);
    (void)guest_publish(&s->n.tx);
}

/* The decent side takes what comes, without looking at sequence numbers. */
static void take_all(struct side *s)
{
    uint64_t number;
    uint32_t len;
    while (guest_take(&s->n.rx, &number, &len)) {
        const struct guest_buffer b = {NIC_RX_BUFFER + NIC_BUFFER * number, s->rx_bytes};
        assert_in_range(len, 1, s->rx_bytes);
        assert_true(guest_offer(&s->n.rx, &b, 0, 1, number));
        s->taken++;
    }
    (void)guest_publish(&s->n.rx);
}

static void a_hostile_guest_harms_itself_alone(void **state)
{
    struct wire *w = *state;
    struct side *bad = &w->side[0], *good = &w->side[1];
    good->rx_bytes = 1526;
    good->window = UINT32_MAX;
    good->to_send = UINT64_MAX;
    start(good, NIC_MODERN | NIC_EVENT | NIC_MRG, 64);
    for (uint32_t i = 0; i < 100000; i++) {
        if (i % 8 == 0) {
            rerun_wildly(w, bad);
        }
        for (uint32_t n = random32(w, 4); n != 0; n--) {
            vandalise(w, bad);
        }
        (void)vnet_io_turn(&bad->n.io);
        transmit(w, good);
        (void)vnet_io_turn(&good->n.io);
        take_all(good);
    }
    const struct channel_counts *c = &good->n.channel.counts;
    assert_int_equal(c->breaks, 0);
    assert_int_equal(c->rx_malformed, 0); /* what is malformed stops at its sender */
    assert_true(good->taken > 1000);
    assert_true(bad->n.channel.counts.breaks > 1000);
    assert_true(bad->n.channel.counts.rx_frames > 1000);
    assert_int_equal(good->n.io.from_switch.broken + good->n.io.to_switch.broken, 0);
}

#define WIRED(test) cmocka_unit_test_setup_teardown(test, open_wire, close_wire)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WIRED(a_million_frames_arrive_once_and_in_order),
        WIRED(suppression_saves_most_wake_ups),
        WIRED(resets_lose_no_more_than_what_was_on_its_way),
        WIRED(a_hostile_guest_harms_itself_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
