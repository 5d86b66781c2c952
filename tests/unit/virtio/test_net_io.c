/* SPDX-License-Identifier: BSD-2-Clause
 * The io half of a network card, between a guest's queues and the rings of a switch, both played
 * here. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "nic.h"

#define SIZE 16u

#define ETH 14u
#define IP4 20u
#define TCP 20u
#define ALL (ETH + IP4 + TCP)

struct rig {
    struct ring_shared to, from;
    struct ring_reader out; /* the switch's ends */
    struct ring_writer in;
    struct nic n;
    uint8_t frame[FRAME_MAX_BYTES];
};

static int open_rig(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    nic_open(&r->n, &r->to, &r->from);
    ring_reader_attach(&r->out, &r->to);
    ring_writer_attach(&r->in, &r->from);
    for (uint32_t i = 0; i < FRAME_MAX_BYTES; i++) {
        r->frame[i] = (uint8_t)(i * 7 + i / 256);
    }
    *state = r;
    return 0;
}

static int close_rig(void **state)
{
    struct rig *r = *state;
    nic_close(&r->n);
    free(r);
    return 0;
}

static void run(struct rig *r, uint64_t features)
{
    if (r->n.channel.request != 0) {
        (void)nic_stop(&r->n);
    }
    nic_run(&r->n, features, SIZE);
    (void)nic_turns(&r->n);
    assert_true(channel_settled(&r->n.channel));
}

/* The switch's side. */
static const uint8_t *sent(struct rig *r, struct frame_words *words)
{
    const uint8_t *frame = ring_peek(&r->out, words);
    if (frame != NULL) {
        ring_consume(&r->out);
    }
    return frame;
}

static bool deliver(struct rig *r, const struct frame_words *words)
{
    uint8_t *room = ring_reserve(&r->in, words->len);
    if (room == NULL) {
        return false;
    }
    memcpy(room, r->frame, words->len);
    ring_commit(&r->in, words);
    return ring_publish(&r->in);
}

static bool deliver_plain(struct rig *r, uint32_t len)
{
    const struct frame_words words = {.len = len};
    return deliver(r, &words);
}

static const struct channel_counts *counts(const struct rig *r)
{
    return &r->n.channel.counts;
}

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

/* One's complement sum of 16-bit words, by the book. */
static uint32_t sum16(const uint8_t *p, uint32_t len, uint32_t sum)
{
    for (uint32_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return sum;
}

/* A TCP segment over IPv4 in r->frame, to be segmented. */
static struct frame_words tso_frame(struct rig *r, uint32_t payload, uint16_t gso_size)
{
    uint8_t *f = r->frame;
    memset(f, 0, ALL);
    f[0] = 2;
    f[6] = 4;
    f[12] = 8;
    f[ETH] = 0x45;
    f[ETH + 9] = 6;
    f[ETH + 12] = 10;
    f[ETH + 16] = 11;
    f[ETH + IP4 + 12] = 0x50;
    f[ETH + IP4 + 13] = 0x10;
    return (struct frame_words){
        .len = ALL + payload,
        .flags = FRAME_NEEDS_CSUM,
        .gso = FRAME_GSO_TCP4,
        .hdr_len = 9999,
        .gso_size = gso_size,
        .csum_start = ETH + IP4,
        .csum_offset = 16,
    };
}

static bool tcp_sum_is_right(const uint8_t *f, uint32_t len)
{
    const uint32_t l4 = ETH + IP4;
    uint32_t sum = sum16(f + ETH + 12, 8, 6 + (len - l4));
    return sum16(f + l4, len - l4, sum) == 0xFFFF && sum16(f + ETH, IP4, 0) == 0xFFFF;
}

static void header_of(uint8_t header[NIC_HDR_MAX], const struct frame_words *w)
{
    memset(header, 0, NIC_HDR_MAX);
    header[0] = w->flags;
    header[1] = w->gso;
    le_store(header + 2, 2, w->hdr_len);
    le_store(header + 4, 2, w->gso_size);
    le_store(header + 6, 2, w->csum_start);
    le_store(header + 8, 2, w->csum_offset);
}

/* --- From the guest --- */

static const uint64_t header_kinds[] = {0, NIC_MRG, NIC_MODERN, NIC_MODERN | NIC_MRG};

static void a_frame_goes_out_behind_any_header(void **state)
{
    struct rig *r = *state;
    const uint8_t header[NIC_HDR_MAX] = {0};
    for (size_t k = 0; k < 4; k++) {
        struct frame_words w;
        uint64_t token;
        uint32_t len;
        run(r, header_kinds[k]);
        nic_offer_tx(&r->n, 3, header, r->frame, 100);
        (void)guest_publish(&r->n.tx);
        (void)nic_turns(&r->n);
        const uint8_t *frame = sent(r, &w);
        assert_non_null(frame);
        assert_int_equal(w.len, 100);
        assert_int_equal(w.flags | w.gso | w.gso_size | w.hdr_len | w.csum_start, 0);
        assert_memory_equal(frame, r->frame, 100);
        assert_null(sent(r, &w));
        assert_true(guest_take(&r->n.tx, &token, &len));
        assert_int_equal(token, 3);
        assert_int_equal(len, 0);
        assert_int_equal(counts(r)->tx_frames, k + 1);
        assert_int_equal(counts(r)->tx_bytes, 100 * (k + 1));
    }
}

/* A header and a frame of 40 bytes, cut into descriptors of 1 to 16 bytes, direct and indirect. */
static void any_layout_of_descriptors_is_the_same_frame(void **state)
{
    struct rig *r = *state;
    for (uint32_t kind = 0; kind < 8; kind++) {
        run(r, header_kinds[kind % 4] | NIC_TABLES);
        const uint32_t all = nic_hdr(&r->n) + 40;
        for (uint32_t cut = 4; cut <= 16; cut++) {
            struct guest_buffer b[64];
            uint32_t count = 0;
            struct frame_words w;
            uint64_t token;
            uint32_t len;
            for (uint32_t off = 0; off < all; off += cut, count++) {
                b[count].at = NIC_TX_BUFFER + 64 * count;
                b[count].len = all - off < cut ? all - off : cut;
                memset(guest_at(&r->n.ram, b[count].at, 64), 0, 64);
                for (uint32_t i = 0; i < b[count].len; i++) {
                    if (off + i >= nic_hdr(&r->n)) {
                        *guest_at(&r->n.ram, b[count].at + i, 1) =
                            r->frame[off + i - nic_hdr(&r->n)];
                    }
                }
            }
            if (kind < 4) {
                assert_true(guest_offer(&r->n.tx, b, count, 0, cut));
            } else {
                assert_true(guest_offer_indirect(&r->n.tx, NIC_TABLES_AT, b, count, 0, cut));
            }
            (void)guest_publish(&r->n.tx);
            (void)nic_turns(&r->n);
            const uint8_t *frame = sent(r, &w);
            assert_non_null(frame);
            assert_int_equal(w.len, 40);
            assert_memory_equal(frame, r->frame, 40);
            assert_true(guest_take(&r->n.tx, &token, &len));
        }
    }
}

static void what_is_no_frame_is_given_back_and_counted(void **state)
{
    struct rig *r = *state;
    const uint64_t csum = BIT64(VIRTIO_NET_F_CSUM);
    const uint64_t tso = csum | BIT64(VIRTIO_NET_F_HOST_TSO4);
    const struct frame_words good = tso_frame(r, 100, 50);
    static const struct {
        uint64_t features;
        uint8_t flags, gso;
        uint16_t csum_start;
        uint32_t len;
        bool sound;
    } t[] = {
        {0, 0, 0, 0, 14, true},
        {0, 0, 0, 0, 13, false},
        {0, 0, 0, 0, 0, false},
        {0, FRAME_NEEDS_CSUM, 0, 34, 154, false}, /* not agreed to */
        {1, FRAME_NEEDS_CSUM, 0, 34, 154, true},
        {1, FRAME_NEEDS_CSUM, 0, 137, 154, false}, /* outside of the frame */
        {1, 0, 0, 137, 154, true},                 /* not asked for, so of no interest */
        {1, 0x82, 0, 0, 154, true},                /* flags nobody knows */
        {1, FRAME_NEEDS_CSUM, FRAME_GSO_TCP4, 34, 154, false},
        {2, FRAME_NEEDS_CSUM, FRAME_GSO_TCP4, 34, 154, true},
        {2, 0, FRAME_GSO_TCP4, 34, 154, false}, /* segments without checksums */
        {2, FRAME_NEEDS_CSUM, FRAME_GSO_TCP6, 34, 154, false},
        {2, FRAME_NEEDS_CSUM, FRAME_GSO_TCP4 | FRAME_GSO_ECN, 34, 154, false},
        {2, FRAME_NEEDS_CSUM, 3, 34, 154, false}, /* UDP fragments were never offered */
        {2, FRAME_NEEDS_CSUM, FRAME_GSO_ECN, 34, 154, false},
    };
    uint64_t malformed = 0;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        uint8_t header[NIC_HDR_MAX];
        struct frame_words w = good;
        uint64_t token;
        uint32_t len;
        w.flags = t[i].flags;
        w.gso = t[i].gso;
        w.csum_start = t[i].csum_start;
        header_of(header, &w);
        run(r, t[i].features == 0 ? 0 : t[i].features == 1 ? csum : tso);
        nic_offer_tx(&r->n, 0, header, r->frame, t[i].len);
        (void)guest_publish(&r->n.tx);
        (void)nic_turns(&r->n);
        malformed += t[i].sound ? 0 : 1;
        if ((sent(r, &w) != NULL) != t[i].sound) {
            fail_msg("case %zu", i);
        }
        assert_int_equal(counts(r)->tx_malformed, malformed);
        assert_true(guest_take(&r->n.tx, &token, &len));
        assert_int_equal(counts(r)->breaks, 0);
    }
}

static void frames_of_all_lengths_up_to_the_greatest_go_out(void **state)
{
    struct rig *r = *state;
    static const uint32_t lens[] = {14, 1514, 65549, FRAME_MAX_BYTES, FRAME_MAX_BYTES + 1};
    run(r, NIC_MODERN);
    memset(guest_at(&r->n.ram, NIC_BIG, 70000), 0, 70000);
    memcpy(guest_at(&r->n.ram, NIC_BIG + 12, FRAME_MAX_BYTES), r->frame, FRAME_MAX_BYTES);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        const struct guest_buffer b = {NIC_BIG, 12 + lens[i]};
        struct frame_words w;
        assert_true(guest_offer(&r->n.tx, &b, 1, 0, 0));
        (void)guest_publish(&r->n.tx);
        (void)nic_turns(&r->n);
        const uint8_t *frame = sent(r, &w);
        assert_int_equal(frame != NULL, lens[i] <= FRAME_MAX_BYTES);
        if (frame != NULL) {
            assert_int_equal(w.len, lens[i]);
            assert_memory_equal(frame, r->frame, lens[i]);
        }
        (void)ring_release(&r->out);
    }
    assert_int_equal(counts(r)->tx_malformed, 1);
}

static void a_frame_without_room_in_the_ring_stays_in_the_queue(void **state)
{
    struct rig *r = *state;
    const struct guest_buffer b = {NIC_BIG, 12 + 60000};
    struct frame_words w;
    run(r, NIC_MODERN);
    for (uint32_t i = 0; i < SIZE; i++) {
        assert_true(guest_offer(&r->n.tx, &b, 1, 0, i));
    }
    (void)guest_publish(&r->n.tx);
    (void)nic_turns(&r->n);
    const uint64_t fit = counts(r)->tx_frames;
    assert_in_range(fit, 3, SIZE - 1);
    assert_int_equal(guest_get16(&r->n.ram, r->n.tx.used + 2), fit);
    assert_int_equal(guest_get16(&r->n.ram, r->n.tx.used), 1); /* kicks would not help */
    /* The switch makes room and is told that this end waits for it. */
    assert_non_null(sent(r, &w));
    assert_true(ring_release(&r->out));
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->tx_frames, fit + 1);
    while (counts(r)->tx_frames < SIZE) {
        assert_non_null(sent(r, &w));
        (void)ring_release(&r->out);
        (void)nic_turns(&r->n);
    }
    assert_int_equal(guest_get16(&r->n.ram, r->n.tx.used), 0);
}

/* --- To the guest --- */

static void a_frame_arrives_behind_any_header(void **state)
{
    struct rig *r = *state;
    for (size_t k = 0; k < 4; k++) {
        const uint8_t zero[NIC_HDR_MAX] = {0};
        uint64_t token;
        uint32_t len;
        run(r, header_kinds[k]);
        const uint32_t hdr = nic_hdr(&r->n);
        nic_offer_rx(&r->n, 5, 200);
        (void)guest_publish(&r->n.rx);
        assert_true(deliver_plain(r, 100)); /* the reader sleeps */
        assert_true(nic_turns(&r->n).notify);
        assert_int_equal(channel_take_irqs(&r->n.channel), CHANNEL_IRQ_QUEUE(VNET_RX));
        assert_true(guest_take(&r->n.rx, &token, &len));
        assert_int_equal(token, 5);
        assert_int_equal(len, hdr + 100);
        const uint8_t *at = guest_at(&r->n.ram, NIC_RX_BUFFER + NIC_BUFFER * 5, 200);
        assert_memory_equal(at, zero, 10);
        if (hdr == 12) {
            assert_int_equal(le16(at + 10), 1);
        }
        assert_memory_equal(at + hdr, r->frame, 100);
        assert_int_equal(at[hdr + 100], 0xEE);
        assert_int_equal(counts(r)->rx_frames, k + 1);
    }
}

static void mergeable_buffers_take_what_one_does_not(void **state)
{
    struct rig *r = *state;
    run(r, NIC_MODERN | NIC_MRG | NIC_EVENT);
    for (uint32_t frame = 14; frame <= 600; frame++) {
        const uint32_t need = 12 + frame;
        uint64_t token;
        uint32_t len;
        for (uint32_t i = 0; i < 8; i++) {
            nic_offer_rx(&r->n, i, 90);
        }
        (void)guest_publish(&r->n.rx);
        (void)deliver_plain(r, frame);
        (void)nic_turns(&r->n);
        const uint32_t used = (need + 89) / 90;
        for (uint32_t i = 0; i < used; i++) {
            const uint8_t *at = guest_at(&r->n.ram, NIC_RX_BUFFER + NIC_BUFFER * i, 90);
            const uint32_t from = i == 0 ? 0 : 90 * i - 12;
            const uint32_t skip = i == 0 ? 12 : 0;
            assert_true(guest_take(&r->n.rx, &token, &len));
            assert_int_equal(token, i);
            assert_int_equal(len, i + 1 < used ? 90 : need - 90 * i);
            assert_memory_equal(at + skip, r->frame + from, len - skip);
            if (i == 0) {
                assert_int_equal(le16(at + 10), used);
            }
        }
        assert_false(guest_take(&r->n.rx, &token, &len));
        /* Begin afresh: the buffers left over are the guest's to keep count of. */
        run(r, NIC_MODERN | NIC_MRG | NIC_EVENT);
    }
}

static void a_frame_without_a_buffer_stays_in_the_ring(void **state)
{
    struct rig *r = *state;
    for (uint32_t event = 0; event < 2; event++) {
        uint64_t token;
        uint32_t len;
        run(r, NIC_MODERN | (event != 0 ? NIC_EVENT : 0));
        (void)deliver_plain(r, 100);
        (void)deliver_plain(r, 200);
        assert_false(nic_turns(&r->n).notify);
        nic_offer_rx(&r->n, 0, 300);
        assert_true(guest_publish(&r->n.rx)); /* it waits for this kick */
        (void)nic_turns(&r->n);
        nic_offer_rx(&r->n, 1, 300);
        assert_true(guest_publish(&r->n.rx));
        (void)nic_turns(&r->n);
        assert_true(guest_take(&r->n.rx, &token, &len));
        assert_int_equal(len, 112);
        assert_true(guest_take(&r->n.rx, &token, &len));
        assert_int_equal(len, 212);
        /* Nothing waits for buffers now. */
        nic_offer_rx(&r->n, 0, 300);
        assert_false(guest_publish(&r->n.rx));
        assert_int_equal(counts(r)->rx_no_buffer, 0);
    }
}

static void a_frame_too_large_for_the_buffers_is_dropped_and_blocks_nobody(void **state)
{
    struct rig *r = *state;
    static const uint64_t kinds[] = {0, NIC_MODERN, NIC_MRG};
    for (size_t k = 0; k < 3; k++) {
        uint64_t token;
        uint32_t len;
        run(r, kinds[k]);
        nic_offer_rx(&r->n, 0, 300);
        nic_offer_rx(&r->n, 1, 300);
        (void)guest_publish(&r->n.rx);
        (void)deliver_plain(r, 1000);
        (void)deliver_plain(r, 100);
        (void)deliver_plain(r, 100);
        (void)nic_turns(&r->n);
        assert_int_equal(counts(r)->rx_no_buffer, k + 1);
        for (uint32_t i = 0; i < 2; i++) {
            assert_true(guest_take(&r->n.rx, &token, &len));
            assert_int_equal(token, i);
            assert_int_equal(len, nic_hdr(&r->n) + 100);
        }
    }
    /* Not even the header fits. */
    run(r, NIC_MRG);
    nic_offer_rx(&r->n, 0, 11);
    nic_offer_rx(&r->n, 1, 2000);
    (void)guest_publish(&r->n.rx);
    (void)deliver_plain(r, 100);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->rx_no_buffer, 4);
    assert_int_equal(guest_get16(&r->n.ram, r->n.rx.used + 2), 0);
}

static void a_receive_chain_may_be_of_any_shape(void **state)
{
    struct rig *r = *state;
    const struct guest_buffer b[] = {
        {NIC_BIG, 50}, {NIC_BIG + 100, 3}, {NIC_BIG + 200, 9}, {NIC_BIG + 300, 100}, {NIC_BIG, 7}};
    uint64_t token;
    uint32_t len;
    run(r, NIC_MODERN);
    assert_true(guest_offer(&r->n.rx, b, 1, 3, 1)); /* one for reading is of no use, and no harm */
    assert_true(guest_offer(&r->n.rx, b + 4, 1, 0, 2));
    (void)guest_publish(&r->n.rx);
    (void)deliver_plain(r, 60);
    (void)deliver_plain(r, 60);
    (void)nic_turns(&r->n);
    assert_true(guest_take(&r->n.rx, &token, &len));
    assert_int_equal(len, 72);
    assert_memory_equal(guest_at(&r->n.ram, NIC_BIG + 300, 60), r->frame, 60);
    assert_int_equal(counts(r)->rx_no_buffer, 1);
}

static void words_that_do_not_fit_are_dropped_on_the_way_in_too(void **state)
{
    struct rig *r = *state;
    struct frame_words w = tso_frame(r, 1000, 500);
    run(r, NIC_MODERN);
    nic_offer_rx(&r->n, 0, 2000);
    (void)guest_publish(&r->n.rx);
    w.csum_start = 1100;
    (void)deliver(r, &w);
    (void)deliver_plain(r, 13);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->rx_malformed, 2);
    assert_int_equal(guest_get16(&r->n.ram, r->n.rx.used + 2), 0);
}

/* --- Checksums and segments --- */

#define GUEST_TSO (BIT64(VIRTIO_NET_F_GUEST_CSUM) | BIT64(VIRTIO_NET_F_GUEST_TSO4))

static void segments_pass_whole_to_those_who_agreed(void **state)
{
    struct rig *r = *state;
    const struct frame_words w = tso_frame(r, 1000, 300);
    uint64_t token;
    uint32_t len;
    run(r, NIC_MODERN | GUEST_TSO);
    nic_offer_rx(&r->n, 0, 2000);
    (void)guest_publish(&r->n.rx);
    (void)deliver(r, &w);
    (void)nic_turns(&r->n);
    assert_true(guest_take(&r->n.rx, &token, &len));
    assert_int_equal(len, 12 + w.len);
    const uint8_t *at = guest_at(&r->n.ram, NIC_RX_BUFFER, len);
    assert_int_equal(at[0], FRAME_NEEDS_CSUM);
    assert_int_equal(at[1], FRAME_GSO_TCP4);
    assert_int_equal(le16(at + 2), ALL); /* the sender's hint was wrong */
    assert_int_equal(le16(at + 4), 300);
    assert_int_equal(le16(at + 6), ETH + IP4);
    assert_int_equal(le16(at + 8), 16);
    assert_memory_equal(at + 12, r->frame, w.len);
    assert_int_equal(counts(r)->cut_frames, 0);
}

static void others_get_them_in_pieces(void **state)
{
    struct rig *r = *state;
    const uint64_t none_will_do[] = {
        0, BIT64(VIRTIO_NET_F_GUEST_CSUM), BIT64(VIRTIO_NET_F_GUEST_TSO4),
        BIT64(VIRTIO_NET_F_GUEST_CSUM) | BIT64(VIRTIO_NET_F_GUEST_TSO6)};
    for (size_t k = 0; k < 4; k++) {
        const struct frame_words w = tso_frame(r, 1000, 300);
        run(r, NIC_MODERN | none_will_do[k]);
        for (uint32_t i = 0; i < 5; i++) {
            nic_offer_rx(&r->n, i, 400);
        }
        (void)guest_publish(&r->n.rx);
        (void)deliver(r, &w);
        (void)nic_turns(&r->n);
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t payload = i < 3 ? 300 : 100;
            uint64_t token;
            uint32_t len;
            assert_true(guest_take(&r->n.rx, &token, &len));
            assert_int_equal(len, 12 + ALL + payload);
            const uint8_t *at = guest_at(&r->n.ram, NIC_RX_BUFFER + NIC_BUFFER * i, len);
            assert_int_equal(at[0] | at[1], 0);
            assert_int_equal(be16(at + 12 + ETH + 2), IP4 + TCP + payload);
            assert_memory_equal(at + 12 + ALL, r->frame + ALL + 300 * i, payload);
            assert_true(tcp_sum_is_right(at + 12, ALL + payload));
        }
        assert_int_equal(counts(r)->cut_frames, k + 1);
        assert_int_equal(counts(r)->rx_frames, 4 * (k + 1));
    }
}

static void checksums_are_completed_for_those_who_cannot(void **state)
{
    struct rig *r = *state;
    struct frame_words w = tso_frame(r, 100, 0);
    uint64_t token;
    uint32_t len;
    w.gso = 0;
    run(r, NIC_MODERN);
    nic_offer_rx(&r->n, 0, 400);
    (void)guest_publish(&r->n.rx);
    (void)deliver(r, &w);
    (void)nic_turns(&r->n);
    assert_true(guest_take(&r->n.rx, &token, &len));
    const uint8_t *at = guest_at(&r->n.ram, NIC_RX_BUFFER, len);
    assert_int_equal(len, 12 + ALL + 100);
    assert_int_equal(at[0], 0);
    assert_int_equal(sum16(at + 12 + ETH + IP4, TCP + 100, 0), 0xFFFF);
    assert_int_equal(counts(r)->cut_frames, 1);
}

/* A guest that agreed to segments but is short of buffers gets pieces, as buffers come. */
static void segments_are_cut_where_buffers_are_short(void **state)
{
    struct rig *r = *state;
    const struct frame_words w = tso_frame(r, 1000, 300);
    uint64_t token;
    uint32_t len;
    run(r, NIC_MODERN | NIC_MRG | GUEST_TSO);
    nic_offer_rx(&r->n, 0, 400);
    nic_offer_rx(&r->n, 1, 400);
    (void)guest_publish(&r->n.rx);
    (void)deliver(r, &w);
    (void)deliver_plain(r, 77);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->rx_frames, 2);
    for (uint32_t i = 2; i < 5; i++) {
        nic_offer_rx(&r->n, i, 400);
        assert_true(guest_publish(&r->n.rx));
        (void)nic_turns(&r->n);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(guest_take(&r->n.rx, &token, &len));
        const uint8_t *at = guest_at(&r->n.ram, NIC_RX_BUFFER + NIC_BUFFER * i, len);
        assert_int_equal(le16(at + 10), 1);
        assert_int_equal(at[0] | at[1], 0);
        assert_true(tcp_sum_is_right(at + 12, len - 12));
    }
    assert_true(guest_take(&r->n.rx, &token, &len));
    assert_int_equal(len, 12 + 77);
    assert_int_equal(counts(r)->cut_frames, 1);
    assert_int_equal(counts(r)->rx_no_buffer, 0);
}

/* A segmented frame that is one piece anyway, and pieces for which even one by one there is no room. */
static void pieces_that_do_not_fit_are_dropped_one_by_one(void **state)
{
    struct rig *r = *state;
    const struct frame_words one = tso_frame(r, 1000, 2000);
    const struct frame_words four = tso_frame(r, 1000, 300);
    run(r, NIC_MODERN | NIC_MRG | GUEST_TSO);
    nic_offer_rx(&r->n, 0, 200);
    (void)guest_publish(&r->n.rx);
    (void)deliver(r, &one);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->rx_no_buffer, 1);
    assert_int_equal(counts(r)->cut_frames, 0);
    (void)deliver(r, &four);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->rx_no_buffer, 4);
    assert_int_equal(counts(r)->rx_frames, 1); /* the last piece is short enough */
}

static void a_frame_in_hand_is_judged_again_for_a_new_driver(void **state)
{
    struct rig *r = *state;
    const struct frame_words w = tso_frame(r, 1000, 300);
    run(r, NIC_MODERN | GUEST_TSO);
    (void)deliver(r, &w);
    (void)nic_turns(&r->n); /* no buffer: it stays in hand */
    run(r, NIC_MODERN);
    for (uint32_t i = 0; i < 4; i++) {
        nic_offer_rx(&r->n, i, 2000); /* all of it would fit */
    }
    (void)guest_publish(&r->n.rx);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->rx_frames, 4);
    assert_int_equal(counts(r)->cut_frames, 1);
}

/* --- Requests, broken queues, sleep --- */

static void a_stopped_device_touches_nothing(void **state)
{
    struct rig *r = *state;
    const uint8_t header[NIC_HDR_MAX] = {0};
    static uint8_t before[GUEST_RAM_BYTES];
    run(r, NIC_MODERN);
    nic_offer_tx(&r->n, 0, header, r->frame, 100);
    (void)guest_publish(&r->n.tx);
    (void)nic_turns(&r->n);
    (void)nic_stop(&r->n);
    assert_int_equal(channel_stopped_at(&r->n.channel, VNET_RX), 0);
    assert_int_equal(channel_stopped_at(&r->n.channel, VNET_TX), 1);
    nic_offer_tx(&r->n, 1, header, r->frame, 200);
    nic_offer_rx(&r->n, 0, 400);
    (void)guest_publish(&r->n.tx);
    (void)guest_publish(&r->n.rx);
    (void)deliver_plain(r, 100);
    memcpy(before, r->n.ram.bytes, GUEST_RAM_BYTES);
    const struct vnet_todo todo = vnet_io_turn(&r->n.io);
    assert_false(todo.again || todo.notify);
    assert_memory_equal(before, r->n.ram.bytes, GUEST_RAM_BYTES);
    /* It goes on where it stopped. */
    struct channel_setup setup = nic_setup(&r->n);
    setup.queue[VNET_TX].first = channel_stopped_at(&r->n.channel, VNET_TX);
    channel_ask(&r->n.channel, CHANNEL_RUN, &setup);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->tx_frames, 2);
    assert_int_equal(counts(r)->tx_bytes, 300);
    assert_int_equal(counts(r)->rx_frames, 1);
}

static void one_queue_alone_is_served(void **state)
{
    struct rig *r = *state;
    const uint8_t header[NIC_HDR_MAX] = {0};
    for (uint32_t only = 0; only < 2; only++) {
        nic_queues(&r->n, NIC_MODERN, SIZE);
        struct channel_setup setup = nic_setup(&r->n);
        setup.queue[1 - only].enabled = 0;
        setup.queue[1 - only].desc = 1; /* of no interest */
        channel_ask(&r->n.channel, CHANNEL_RUN, &setup);
        nic_offer_tx(&r->n, 0, header, r->frame, 100);
        nic_offer_rx(&r->n, 0, 400);
        (void)guest_publish(&r->n.tx);
        (void)guest_publish(&r->n.rx);
        (void)deliver_plain(r, 100);
        (void)nic_turns(&r->n);
        assert_int_equal(guest_get16(&r->n.ram, r->n.rx.used + 2), only == VNET_RX);
        assert_int_equal(guest_get16(&r->n.ram, r->n.tx.used + 2), only == VNET_TX);
        assert_int_equal(counts(r)->breaks, 0);
        (void)nic_stop(&r->n);
    }
}

static void a_broken_queue_is_reported_once_and_stops_both(void **state)
{
    struct rig *r = *state;
    const uint8_t header[NIC_HDR_MAX] = {0};
    for (uint32_t which = 0; which < 2; which++) {
        run(r, NIC_MODERN);
        nic_offer_tx(&r->n, 0, header, r->frame, 100);
        nic_offer_rx(&r->n, 0, 400);
        (void)guest_publish(&r->n.tx);
        (void)guest_publish(&r->n.rx);
        struct guest_queue *q = which == VNET_RX ? &r->n.rx : &r->n.tx;
        guest_put(&r->n.ram, q->desc, 8, 0x10); /* not RAM */
        (void)deliver_plain(r, 100);
        assert_true(nic_turns(&r->n).notify);
        assert_int_equal(channel_take_irqs(&r->n.channel) & CHANNEL_IRQ_BROKEN, CHANNEL_IRQ_BROKEN);
        assert_int_equal(counts(r)->breaks, which + 1);
        const uint64_t frames = counts(r)->tx_frames + counts(r)->rx_frames;
        nic_offer_tx(&r->n, 1, header, r->frame, 100);
        nic_offer_rx(&r->n, 1, 400);
        (void)guest_publish(&r->n.tx);
        (void)guest_publish(&r->n.rx);
        assert_false(nic_turns(&r->n).notify);
        assert_int_equal(counts(r)->tx_frames + counts(r)->rx_frames, frames);
        assert_int_equal(counts(r)->breaks, which + 1);
        (void)ring_release(&r->out);
    }
    run(r, NIC_MODERN); /* a reset heals */
    nic_offer_tx(&r->n, 1, header, r->frame, 100);
    (void)guest_publish(&r->n.tx);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->breaks, 2);
    assert_int_equal(guest_get16(&r->n.ram, r->n.tx.used + 2), 1);
}

/* The first buffer of a frame is sound, the second one is not: nothing of the frame is shown. */
static void a_queue_that_breaks_inside_a_frame_shows_nothing_of_it(void **state)
{
    struct rig *r = *state;
    run(r, NIC_MRG);
    nic_offer_rx(&r->n, 0, 100);
    nic_offer_rx(&r->n, 1, 100);
    guest_put(&r->n.ram, r->n.rx.desc + 16, 8, 0x10);
    (void)guest_publish(&r->n.rx);
    (void)deliver_plain(r, 150);
    (void)nic_turns(&r->n);
    assert_int_equal(channel_take_irqs(&r->n.channel), CHANNEL_IRQ_BROKEN);
    assert_int_equal(guest_get16(&r->n.ram, r->n.rx.used + 2), 0);
    assert_int_equal(counts(r)->rx_frames, 0);
    /* The frame is still there for the next driver. */
    run(r, NIC_MRG);
    nic_offer_rx(&r->n, 0, 200);
    (void)guest_publish(&r->n.rx);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->rx_frames, 1);
}

static void a_senseless_setup_is_a_broken_device(void **state)
{
    struct rig *r = *state;
    for (uint32_t which = 0; which < 2; which++) {
        nic_queues(&r->n, NIC_MODERN, SIZE);
        struct channel_setup setup = nic_setup(&r->n);
        setup.queue[which].size = 3;
        channel_ask(&r->n.channel, CHANNEL_RUN, &setup);
        assert_true(nic_turns(&r->n).notify);
        assert_true(channel_settled(&r->n.channel));
        assert_int_equal(channel_take_irqs(&r->n.channel), CHANNEL_IRQ_BROKEN);
        assert_int_equal(counts(r)->breaks, which + 1);
        (void)nic_stop(&r->n);
    }
}

static void guests_that_want_no_interrupts_get_none(void **state)
{
    struct rig *r = *state;
    const uint8_t header[NIC_HDR_MAX] = {0};
    for (uint32_t kind = 0; kind < 4; kind++) {
        const bool want = kind % 2 != 0;
        run(r, NIC_MODERN | (kind < 2 ? NIC_EVENT : 0));
        guest_want_interrupts(&r->n.tx, want);
        guest_want_interrupts(&r->n.rx, want);
        nic_offer_tx(&r->n, 0, header, r->frame, 100);
        nic_offer_rx(&r->n, 0, 400);
        (void)guest_publish(&r->n.tx);
        (void)guest_publish(&r->n.rx);
        (void)deliver_plain(r, 100);
        assert_int_equal(nic_turns(&r->n).notify, want);
        assert_int_equal(channel_take_irqs(&r->n.channel), want ? 3 : 0);
        assert_int_equal(counts(r)->interrupts, kind / 2 * 2 + (want ? 2 : 0));
    }
}

static void a_turn_is_bounded_in_frames_and_bytes(void **state)
{
    struct rig *r = *state;
    const uint8_t header[NIC_HDR_MAX] = {0};
    nic_run(&r->n, NIC_MODERN, 256);
    (void)nic_turns(&r->n);
    for (uint32_t i = 0; i < 256; i++) {
        nic_offer_tx(&r->n, i, header, r->frame, i < 128 ? 60 : 1514);
        nic_offer_rx(&r->n, i, NIC_BUFFER);
        (void)deliver_plain(r, i < 128 ? 60 : 1514);
    }
    (void)guest_publish(&r->n.tx);
    (void)guest_publish(&r->n.rx);
    for (uint32_t turn = 0; turn < 3; turn++) {
        assert_true(vnet_io_turn(&r->n.io).again);
        assert_int_equal(counts(r)->tx_frames, turn < 2 ? 64 * (turn + 1) : 128 + 44);
        assert_int_equal(counts(r)->rx_frames, turn < 2 ? 64 * (turn + 1) : 128 + 44);
    }
    vnet_io_kicked(&r->n.io, 3);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->tx_frames, 256);
    assert_int_equal(counts(r)->rx_frames, 256);
    assert_int_equal(counts(r)->kicks, 3);
}

/* Chains as long as can be with nothing in all buffers but the last, and all of them the same one. */
static void offer_the_longest_chain(struct guest_queue *q, uint32_t flags)
{
    for (uint32_t i = 0; i < 256; i++) {
        const gpa_t at = q->desc + 16u * i;
        guest_put(q->ram, at, 8, GUEST_RAM_BASE + GUEST_RAM_BYTES - GUEST_PAGE);
        guest_put(q->ram, at + 8, 4, i == 255 ? 12 + 60 : 0);
        guest_put(q->ram, at + 12, 2, flags | (i == 255 ? 0 : GUEST_F_NEXT));
        guest_put(q->ram, at + 14, 2, i + 1u);
    }
    guest_put(q->ram, q->avail + 2, 2, 256);
}

static void a_turn_is_bounded_in_descriptors(void **state)
{
    struct rig *r = *state;
    nic_run(&r->n, NIC_MODERN, 256);
    (void)nic_turns(&r->n);
    offer_the_longest_chain(&r->n.tx, 0);
    offer_the_longest_chain(&r->n.rx, GUEST_F_WRITE);
    for (uint32_t i = 0; i < 64; i++) {
        (void)deliver_plain(r, 60);
    }
    assert_true(vnet_io_turn(&r->n.io).again);
    assert_int_equal(counts(r)->tx_frames, VNET_TURN_DESCRIPTORS / 256);
    assert_int_equal(counts(r)->rx_frames, VNET_TURN_DESCRIPTORS / 256);
    (void)nic_turns(&r->n);
    assert_int_equal(counts(r)->tx_frames, 256);
    assert_int_equal(counts(r)->rx_frames, 64);
}

static void the_switch_is_woken_when_it_sleeps(void **state)
{
    struct rig *r = *state;
    const uint8_t header[NIC_HDR_MAX] = {0};
    struct frame_words w;
    run(r, NIC_MODERN);
    nic_offer_tx(&r->n, 0, header, r->frame, 100);
    (void)guest_publish(&r->n.tx);
    assert_false(nic_turns(&r->n).wake_switch);
    assert_non_null(sent(r, &w));
    assert_null(sent(r, &w));
    (void)ring_release(&r->out);
    assert_true(ring_reader_sleep(&r->out));
    nic_offer_tx(&r->n, 1, header, r->frame, 100);
    assert_true(guest_publish(&r->n.tx));
    assert_true(nic_turns(&r->n).wake_switch);
    /* Its writing end: the ring is full, and the guest takes frames out of it. */
    while (ring_reserve(&r->in, 60000) != NULL) {
        const struct frame_words big = {.len = 60000};
        ring_commit(&r->in, &big);
    }
    (void)ring_publish(&r->in);
    assert_true(ring_writer_sleep(&r->in, 60000));
    nic_offer_rx(&r->n, 0, 400);
    (void)guest_publish(&r->n.rx);
    assert_true(nic_turns(&r->n).wake_switch);
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(a_frame_goes_out_behind_any_header),
        RIGGED(any_layout_of_descriptors_is_the_same_frame),
        RIGGED(what_is_no_frame_is_given_back_and_counted),
        RIGGED(frames_of_all_lengths_up_to_the_greatest_go_out),
        RIGGED(a_frame_without_room_in_the_ring_stays_in_the_queue),
        RIGGED(a_frame_arrives_behind_any_header),
        RIGGED(mergeable_buffers_take_what_one_does_not),
        RIGGED(a_frame_without_a_buffer_stays_in_the_ring),
        RIGGED(a_frame_too_large_for_the_buffers_is_dropped_and_blocks_nobody),
        RIGGED(a_receive_chain_may_be_of_any_shape),
        RIGGED(words_that_do_not_fit_are_dropped_on_the_way_in_too),
        RIGGED(segments_pass_whole_to_those_who_agreed),
        RIGGED(others_get_them_in_pieces),
        RIGGED(checksums_are_completed_for_those_who_cannot),
        RIGGED(segments_are_cut_where_buffers_are_short),
        RIGGED(pieces_that_do_not_fit_are_dropped_one_by_one),
        RIGGED(a_frame_in_hand_is_judged_again_for_a_new_driver),
        RIGGED(a_stopped_device_touches_nothing),
        RIGGED(one_queue_alone_is_served),
        RIGGED(a_broken_queue_is_reported_once_and_stops_both),
        RIGGED(a_queue_that_breaks_inside_a_frame_shows_nothing_of_it),
        RIGGED(a_senseless_setup_is_a_broken_device),
        RIGGED(guests_that_want_no_interrupts_get_none),
        RIGGED(a_turn_is_bounded_in_frames_and_bytes),
        RIGGED(a_turn_is_bounded_in_descriptors),
        RIGGED(the_switch_is_woken_when_it_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
