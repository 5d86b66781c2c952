/* SPDX-License-Identifier: BSD-2-Clause
 * Checksums and segments against packets that are built here, from what is in them, by slow and plain
 * means: nothing is taken from the frame that goes in. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "net/offload.h"

/* RFC 1071, 4.1, word by word, big-endian. */
static uint32_t slow_sum(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2u == 0 ? (uint32_t)p[i] << 8 : p[i];
        if (sum > 0xFFFFu) {
            sum -= 0xFFFFu;
        }
    }
    return sum;
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

/* --- A TCP packet, from what is in it --- */

struct packet {
    uint32_t vlans;
    bool ipv6;
    uint32_t extensions; /* IPv6: how many headers of 8 and 16 bytes; IPv4: words of options */
    uint32_t tcp_words;  /* of the TCP header */
    uint32_t id;
    uint32_t seq;
    uint8_t flags;
    const uint8_t *payload;
    uint32_t payload_len;
};

/* Ethernet and VLAN tags. Returns where the IP header begins. */
static uint32_t build_ethernet(const struct packet *k, uint8_t *to)
{
    uint32_t at = 12;
    for (uint32_t i = 0; i < 12; i++) {
        to[i] = (uint8_t)(0x10u + 2u * i);
    }
    for (uint32_t i = k->vlans; i != 0; i--) {
        put16(to + at, i == 2 ? 0x88A8u : 0x8100u);
        put16(to + at + 2, 0x2000u + i);
        at += 4;
    }
    put16(to + at, k->ipv6 ? 0x86DDu : 0x0800u);
    return at + 2;
}

static uint32_t build_ipv6(const struct packet *k, uint8_t *ip, uint32_t tcp_len)
{
    static const uint8_t kind[] = {0, 60, 43, 60};
    uint32_t at = 40;
    memset(ip, 0, 40);
    ip[0] = 0x60;
    ip[3] = 0x5A;
    ip[6] = k->extensions == 0 ? 6 : kind[0];
    ip[7] = 64;
    for (uint32_t i = 0; i < 32; i++) {
        ip[8 + i] = (uint8_t)(0xFDu - 7u * i);
    }
    for (uint32_t i = 0; i < k->extensions; i++) {
        const uint32_t bytes = i % 2u == 0 ? 8 : 16;
        memset(ip + at, 0, bytes);
        ip[at] = i + 1u == k->extensions ? 6 : kind[i + 1u];
        ip[at + 1] = (uint8_t)(bytes / 8u - 1u);
        ip[at + 4] = 0x77; /* of no meaning here */
        at += bytes;
    }
    put16(ip + 4, at - 40u + tcp_len);
    return at;
}

static uint32_t build_ipv4(const struct packet *k, uint8_t *ip, uint32_t tcp_len)
{
    const uint32_t bytes = 20u + 4u * k->extensions;
    memset(ip, 1, bytes); /* options: no operation */
    memset(ip, 0, 20);
    ip[0] = (uint8_t)(0x40u + bytes / 4u);
    ip[1] = 0x02; /* ECT(0) */
    put16(ip + 2, bytes + tcp_len);
    put16(ip + 4, k->id);
    put16(ip + 6, 0x4000); /* do not fragment */
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, 0xC0A81364u);
    put32(ip + 16, 0x0A00020Fu);
    put16(ip + 10, ~slow_sum(ip, bytes, 0));
    return bytes;
}

/* The whole packet, all checksums right. Returns its length; *l4 is where TCP begins. */
static uint32_t build(const struct packet *k, uint8_t *to, uint32_t *l4)
{
    const uint32_t tcp_len = 4u * k->tcp_words + k->payload_len;
    const uint32_t l3 = build_ethernet(k, to);
    uint8_t *ip = to + l3;
    *l4 = l3 + (k->ipv6 ? build_ipv6(k, ip, tcp_len) : build_ipv4(k, ip, tcp_len));
    uint8_t *tcp = to + *l4;
    memset(tcp, 1, 4u * k->tcp_words);
    put16(tcp, 40000);
    put16(tcp + 2, 80);
    put32(tcp + 4, k->seq);
    put32(tcp + 8, 0x01020304u);
    tcp[12] = (uint8_t)(k->tcp_words << 4);
    tcp[13] = k->flags;
    put16(tcp + 14, 501);
    put32(tcp + 16, 0);
    memcpy(tcp + 4u * k->tcp_words, k->payload, k->payload_len);
    uint32_t sum = k->ipv6 ? slow_sum(ip + 8, 32, 0) : slow_sum(ip + 12, 8, 0);
    sum = slow_sum((const uint8_t[]){0, 6, (uint8_t)(tcp_len >> 8), (uint8_t)tcp_len}, 4, sum);
    put16(tcp + 16, ~slow_sum(tcp, tcp_len, sum));
    return *l4 + tcp_len;
}

static uint8_t payload[70000];

static int begin(void **state)
{
    (void)state;
    uint32_t v = 1;
    for (size_t i = 0; i < sizeof(payload); i++) {
        v = v * 1664525u + 1013904223u;
        payload[i] = (uint8_t)(v >> 24);
    }
    return 0;
}

static void expect_bytes(const uint8_t *is, const uint8_t *should, uint32_t len, uint32_t piece)
{
    for (uint32_t i = 0; i < len; i++) {
        if (is[i] != should[i]) {
            fail_msg("piece %u, byte %u is %02x, should be %02x", piece, i, is[i], should[i]);
        }
    }
}

/* A segmented frame of this packet is cut, and each piece compared with the packet that it should be. */
static void try_cut(struct packet k, uint32_t gso_size, uint8_t gso)
{
    const uint32_t room = 256u + k.payload_len;
    uint8_t *scratch = malloc(room);
    uint32_t l4;
    const uint32_t len = build(&k, scratch, &l4);
    uint8_t *frame = malloc(len); /* nothing behind it */
    memcpy(frame, scratch, len);
    /* What a driver leaves undone: any length and checksum may stand there. */
    put16(frame + l4 + 16, 0x1234);
    const struct frame_words words = {
        .len = len,
        .flags = FRAME_NEEDS_CSUM,
        .gso = gso,
        .gso_size = (uint16_t)gso_size,
        .csum_start = (uint16_t)l4,
        .csum_offset = 16,
    };
    struct offload_cut cut;
    assert_true(offload_valid(frame, &words));
    assert_true(offload_plan(&cut, frame, &words));
    /* The headers are private now. */
    memset(frame, 0xEE, l4 + 4u * k.tcp_words);
    const uint32_t pieces = k.payload_len == 0 ? 1 : (k.payload_len + gso_size - 1u) / gso_size;
    assert_int_equal(cut.pieces, pieces);
    uint32_t total = 0;
    const uint8_t flags = k.flags;
    for (uint32_t n = 0; n < pieces; n++) {
        struct packet part = k;
        part.id = (k.id + n) & 0xFFFFu;
        part.seq = k.seq + n * gso_size;
        part.payload = k.payload + n * gso_size;
        part.payload_len = n + 1u < pieces ? gso_size : k.payload_len - n * gso_size;
        part.flags = (uint8_t)(flags & (n == 0 ? 0xFFu : 0x7Fu));
        part.flags = (uint8_t)(part.flags & (n + 1u == pieces ? 0xFFu : 0xF6u));
        const uint32_t should = build(&part, scratch, &l4);
        assert_int_equal(offload_piece_bytes(&cut, n), should);
        uint8_t *out = malloc(should);
        offload_piece(&cut, frame, n, out);
        expect_bytes(out, scratch, should, n);
        free(out);
        total += should;
    }
    assert_int_equal(offload_wire_bytes(&cut), total);
    free(frame);
    free(scratch);
}

static void segments_are_what_the_sender_would_have_sent(void **state)
{
    (void)state;
    static const uint32_t lens[] = {0, 1, 1447, 1448, 1449, 2896, 10001, 65160};
    static const uint32_t sizes[] = {536, 1448, 9000};
    for (uint32_t i = 0; i < 8u * 3u * 2u * 3u; i++) {
        const struct packet k = {
            .vlans = i / 48u,
            .ipv6 = i / 24u % 2u != 0,
            .extensions = i % 4u,
            .tcp_words = 5u + i % 11u,
            .id = 0xFFFEu, /* wraps */
            .seq = 0xFFFFF000u,
            .flags = (uint8_t)(0x10u + i * 37u),
            .payload = payload + i,
            .payload_len = lens[i % 8u],
        };
        try_cut(k, sizes[i / 8u % 3u], k.ipv6 ? FRAME_GSO_TCP6 : FRAME_GSO_TCP4);
    }
}

static void every_flag_falls_where_it_belongs(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags < 256; flags++) {
        const struct packet k = {
            .tcp_words = 8, .flags = (uint8_t)flags, .payload = payload, .payload_len = 250};
        try_cut(k, 100, (uint8_t)(FRAME_GSO_TCP4 | ((flags & 0x80u) != 0 ? FRAME_GSO_ECN : 0u)));
        try_cut(k, 300, FRAME_GSO_TCP4);
    }
}

static void segments_may_be_tiny_and_the_frame_as_large_as_can_be(void **state)
{
    (void)state;
    struct packet k = {.tcp_words = 5, .payload = payload, .payload_len = 300};
    try_cut(k, OFFLOAD_PIECE_LEAST_BYTES, FRAME_GSO_TCP4);
    k.payload_len = 1;
    try_cut(k, 1, FRAME_GSO_TCP4); /* one piece: nothing is cut */
    k.payload_len = 8u * OFFLOAD_PIECES_MAX;
    try_cut(k, 8, FRAME_GSO_TCP4); /* as many as there may be */
    k.payload_len = 65535u - 40u;
    try_cut(k, 65535, FRAME_GSO_TCP4); /* one piece, of the greatest length there is */
    k.payload_len = FRAME_MAX_BYTES - 54u;
    try_cut(k, 65495, FRAME_GSO_TCP4);
    k.ipv6 = true;
    k.payload_len = FRAME_MAX_BYTES - 74u;
    try_cut(k, 65535, FRAME_GSO_TCP6);
}

/* --- Checksums alone --- */

static void complete(uint8_t *frame, const struct frame_words *words)
{
    struct offload_cut cut;
    uint8_t *in = malloc(words->len);
    memcpy(in, frame, words->len);
    assert_true(offload_valid(in, words));
    assert_true(offload_plan(&cut, in, words));
    assert_int_equal(cut.pieces, 1);
    assert_int_equal(cut.headers, 0);
    assert_int_equal(offload_wire_bytes(&cut), words->len);
    assert_int_equal(offload_piece_bytes(&cut, 0), words->len);
    uint8_t *out = malloc(words->len);
    offload_piece(&cut, in, 0, out);
    memcpy(frame, out, words->len);
    free(out);
    free(in);
}

static void the_example_of_rfc_1071_comes_out(void **state)
{
    (void)state;
    uint8_t frame[14 + 10] = {[14] = 0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7, 0, 0};
    const struct frame_words words = {
        .len = sizeof(frame), .flags = FRAME_NEEDS_CSUM, .csum_start = 14, .csum_offset = 8};
    complete(frame, &words);
    assert_int_equal(frame[22] << 8 | frame[23], 0xFFFF & ~0xDDF2);
}

static void a_known_ipv4_header_gets_its_known_checksum(void **state)
{
    (void)state;
    uint8_t frame[14 + 20] = {[12] = 0x08, 0x00,                                     /* */
                              0x45,        0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, /* */
                              0x40,        0x11, 0x00, 0x00, 0xC0, 0xA8, 0x00, 0x01, /* */
                              0xC0,        0xA8, 0x00, 0xC7};
    const struct frame_words words = {
        .len = sizeof(frame), .flags = FRAME_NEEDS_CSUM, .csum_start = 14, .csum_offset = 10};
    complete(frame, &words);
    assert_int_equal(frame[24] << 8 | frame[25], 0xB861);
}

/* The driver leaves the sum of the pseudo header in the field: [VIRTIO] 5.1.6.2. */
static void a_partial_checksum_is_completed(void **state)
{
    (void)state;
    uint8_t should[2000];
    uint8_t frame[2000];
    uint32_t l4;
    for (uint32_t len = 0; len < 1500; len++) {
        const struct packet k = {.ipv6 = len % 2u != 0,
                                 .vlans = len % 3u,
                                 .tcp_words = 5u + len % 11u,
                                 .seq = len * 0x1234567u,
                                 .payload = payload + len,
                                 .payload_len = len};
        const uint32_t total = build(&k, should, &l4);
        memcpy(frame, should, total);
        const uint32_t tcp_len = total - l4;
        uint32_t sum = k.ipv6 ? slow_sum(frame + l4 - 32, 32, 0) : slow_sum(frame + l4 - 8, 8, 0);
        sum = slow_sum((const uint8_t[]){0, 6, (uint8_t)(tcp_len >> 8), (uint8_t)tcp_len}, 4, sum);
        put16(frame + l4 + 16, sum);
        const struct frame_words words = {
            .len = total, .flags = FRAME_NEEDS_CSUM, .csum_start = (uint16_t)l4, .csum_offset = 16};
        complete(frame, &words);
        expect_bytes(frame, should, total, 0);
    }
}

static void a_udp_checksum_of_zero_is_sent_as_all_ones(void **state)
{
    (void)state;
    static const struct {
        uint16_t offset;
        uint16_t should;
    } cases[] = {{6, 0xFFFF}, {16, 0x0000}, {2, 0x0000}};
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t frame[60] = {0};
        put16(frame + 34, 0xABCD);
        put16(frame + 34 + cases[i].offset, 0xFFFFu - 0xABCDu);
        const struct frame_words words = {
            .len = 60, .flags = FRAME_NEEDS_CSUM, .csum_start = 34, .csum_offset = cases[i].offset};
        if (cases[i].offset != 2) {
            assert_int_equal(slow_sum(frame + 34, 26, 0), 0xFFFF);
        }
        complete(frame, &words);
        assert_int_equal(frame[34 + cases[i].offset] << 8 | frame[35 + cases[i].offset],
                         cases[i].should);
    }
}

static void a_frame_with_nothing_to_do_is_copied(void **state)
{
    (void)state;
    uint8_t frame[1514];
    memcpy(frame, payload, sizeof(frame));
    /* Offsets without the flag, and flags of no meaning here, are nothing. */
    const struct frame_words words = {
        .len = sizeof(frame), .flags = 0xFE, .csum_start = 65535, .csum_offset = 9, .gso_size = 7};
    complete(frame, &words);
    expect_bytes(frame, payload, sizeof(frame), 0);
}

/* --- What is refused --- */

static void words_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        bool fits;
        struct frame_words words;
    } cases[] = {
        {"a header alone", true, {.len = 14}},
        {"less than a header", false, {.len = 13}},
        {"nothing", false, {.len = 0}},
        {"the longest", true, {.len = FRAME_MAX_BYTES}},
        {"too long", false, {.len = FRAME_MAX_BYTES + 1u}},
        {"all ones", false, {.len = UINT32_MAX}},
        {"field at the very end",
         true,
         {.len = 60, .flags = 1, .csum_start = 50, .csum_offset = 8}},
        {"field beyond it", false, {.len = 60, .flags = 1, .csum_start = 50, .csum_offset = 9}},
        {"start at the end", false, {.len = 60, .flags = 1, .csum_start = 60, .csum_offset = 0}},
        {"start beyond it", false, {.len = 60, .flags = 1, .csum_start = 61, .csum_offset = 0}},
        {"sum that wraps", false, {.len = 60, .flags = 1, .csum_start = 65535, .csum_offset = 1}},
        {"largest", false, {.len = 60, .flags = 1, .csum_start = 65535, .csum_offset = 65535}},
        {"in the header", false, {.len = 60, .flags = 1, .csum_start = 13, .csum_offset = 4}},
        {"UDP segments", false, {.len = 60, .flags = 1, .csum_start = 34, .gso = 3, .gso_size = 9}},
        {"kind 2", false, {.len = 60, .flags = 1, .csum_start = 34, .gso = 2, .gso_size = 9}},
        {"ECN alone", false, {.len = 60, .flags = 1, .csum_start = 34, .gso = 128, .gso_size = 9}},
        {"all kinds", false, {.len = 60, .flags = 1, .csum_start = 34, .gso = 255, .gso_size = 9}},
    };
    uint8_t *frame = calloc(1, FRAME_MAX_BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct offload_cut cut;
        if (offload_valid(frame, &cases[i].words) != cases[i].fits ||
            offload_plan(&cut, frame, &cases[i].words) != cases[i].fits) {
            fail_msg("%s", cases[i].what);
        }
    }
    free(frame);
}

struct bend {
    const char *what;
    bool ipv6;
    uint32_t at; /* from the IP header; 1000: none */
    uint8_t byte;
    struct frame_words delta; /* added to the words */
};

static void segmented_frames_whose_headers_are_not_where_they_must_be_are_refused(void **state)
{
    (void)state;
    static const struct bend bends[] = {
        {"IPv4: version 6", false, 0, 0x65, {0}},
        {"IPv4: header of 16 bytes", false, 0, 0x44, {0}},
        {"IPv4: header longer than csum_start says", false, 0, 0x46, {0}},
        {"IPv4: UDP", false, 9, 17, {0}},
        {"IPv4: more fragments", false, 6, 0x20, {0}},
        {"IPv4: a later fragment", false, 7, 1, {0}},
        {"IPv4: TCP header of 16 bytes", false, 32, 0x40, {0}},
        {"IPv4: another type", false, (uint32_t)-1, 0x06, {0}},
        {"IPv4: a tag that is none", false, (uint32_t)-2, 0x81, {0}},
        {"IPv4: segments of nothing", false, 1000, 0, {.gso_size = (uint16_t)-100}},
        {"IPv4: no checksum wanted", false, 1000, 0, {.flags = 0xFF}},
        {"IPv4: said to be IPv6", false, 1000, 0, {.gso = 3}},
        {"IPv4: checksum elsewhere", false, 1000, 0, {.csum_start = 1}},
        {"IPv4: checksum at UDP's place", false, 1000, 0, {.csum_offset = (uint16_t)-10}},
        {"IPv4: cut off in the TCP header", false, 1000, 0, {.len = (uint32_t)-301}},
        {"IPv4: cut off in the IP header", false, 1000, 0, {.len = (uint32_t)-325}},
        {"IPv6: version 4", true, 0, 0x40, {0}},
        {"IPv6: UDP", true, 6, 17, {0}},
        {"IPv6: a fragment", true, 6, 44, {0}},
        {"IPv6: authentication", true, 6, 51, {0}},
        {"IPv6: extension headers out of the frame", true, 6, 60, {0}},
        {"IPv6: said to be IPv4", true, 1000, 0, {.gso = (uint8_t)-3}},
        {"IPv6: cut off in the TCP header", true, 1000, 0, {.len = (uint32_t)-301}},
    };
    for (size_t i = 0; i < sizeof(bends) / sizeof(bends[0]); i++) {
        const struct bend *b = &bends[i];
        uint8_t scratch[1024];
        uint32_t l4;
        const struct packet k = {
            .ipv6 = b->ipv6, .tcp_words = 5, .payload = payload, .payload_len = 300};
        const uint32_t len = build(&k, scratch, &l4);
        struct frame_words words = {.len = len,
                                    .flags = FRAME_NEEDS_CSUM,
                                    .gso = b->ipv6 ? FRAME_GSO_TCP6 : FRAME_GSO_TCP4,
                                    .gso_size = 100,
                                    .csum_start = (uint16_t)l4,
                                    .csum_offset = 16};
        assert_true(offload_valid(scratch, &words));
        if (b->at != 1000) {
            scratch[14u + b->at] = b->byte;
        }
        words.len += b->delta.len;
        words.flags = (uint8_t)(words.flags + b->delta.flags);
        words.gso = (uint8_t)(words.gso + b->delta.gso);
        words.gso_size = (uint16_t)(words.gso_size + b->delta.gso_size);
        words.csum_start = (uint16_t)(words.csum_start + b->delta.csum_start);
        words.csum_offset = (uint16_t)(words.csum_offset + b->delta.csum_offset);
        uint8_t *frame = malloc(words.len);
        memcpy(frame, scratch, words.len);
        if (offload_valid(frame, &words)) {
            fail_msg("%s", b->what);
        }
        free(frame);
    }
}

static void a_routing_header_must_have_done_its_work(void **state)
{
    (void)state;
    uint8_t frame[1024];
    uint32_t l4;
    const struct packet k = {
        .ipv6 = true, .extensions = 3, .tcp_words = 5, .payload = payload, .payload_len = 300};
    const uint32_t len = build(&k, frame, &l4);
    const struct frame_words words = {.len = len,
                                      .flags = FRAME_NEEDS_CSUM,
                                      .gso = FRAME_GSO_TCP6,
                                      .gso_size = 100,
                                      .csum_start = (uint16_t)l4,
                                      .csum_offset = 16};
    assert_true(offload_valid(frame, &words));
    frame[14 + 40 + 8 + 16 + 3] = 1; /* segments left */
    assert_false(offload_valid(frame, &words));
}

static void a_piece_that_ip_cannot_name_is_refused(void **state)
{
    (void)state;
    uint8_t *frame = malloc(FRAME_MAX_BYTES);
    uint32_t l4;
    const struct packet k = {
        .tcp_words = 5, .payload = payload, .payload_len = FRAME_MAX_BYTES - 54u};
    struct frame_words words = {.len = build(&k, frame, &l4),
                                .flags = FRAME_NEEDS_CSUM,
                                .gso = FRAME_GSO_TCP4,
                                .gso_size = 65535,
                                .csum_start = 34,
                                .csum_offset = 16};
    assert_int_equal(words.len, FRAME_MAX_BYTES);
    assert_false(offload_valid(frame, &words));
    words.gso_size = 65495; /* 65,535 with both headers */
    assert_true(offload_valid(frame, &words));
    free(frame);
}

/* A sender's few bytes must not become many frames that others make. */
static void pieces_that_are_too_small_or_too_many_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t payload;
        uint16_t gso_size;
        bool fits;
    } cases[] = {
        {65496, 1, false}, {65496, 7, false}, {65496, 31, false},    {65496, 32, true},
        {300, 1, false},   {300, 7, false},   {300, 8, true},        {7, 7, true},
        {8, 7, false},     {1, 1, true},      {8u * 2048u, 8, true}, {8u * 2048u + 1u, 8, false},
    };
    uint8_t *frame = malloc(FRAME_MAX_BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t l4;
        struct offload_cut cut;
        const struct packet k = {
            .tcp_words = 5, .payload = payload, .payload_len = cases[i].payload};
        const struct frame_words words = {.len = build(&k, frame, &l4),
                                          .flags = FRAME_NEEDS_CSUM,
                                          .gso = FRAME_GSO_TCP4,
                                          .gso_size = cases[i].gso_size,
                                          .csum_start = 34,
                                          .csum_offset = 16};
        if (offload_valid(frame, &words) != cases[i].fits ||
            offload_plan(&cut, frame, &words) != cases[i].fits) {
            fail_msg("%u bytes in pieces of %u", cases[i].payload, cases[i].gso_size);
        }
        if (cases[i].fits) {
            assert_in_range(cut.pieces, 1, OFFLOAD_PIECES_MAX);
        }
    }
    free(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_what_the_sender_would_have_sent),
        cmocka_unit_test(every_flag_falls_where_it_belongs),
        cmocka_unit_test(segments_may_be_tiny_and_the_frame_as_large_as_can_be),
        cmocka_unit_test(the_example_of_rfc_1071_comes_out),
        cmocka_unit_test(a_known_ipv4_header_gets_its_known_checksum),
        cmocka_unit_test(a_partial_checksum_is_completed),
        cmocka_unit_test(a_udp_checksum_of_zero_is_sent_as_all_ones),
        cmocka_unit_test(a_frame_with_nothing_to_do_is_copied),
        cmocka_unit_test(words_that_do_not_fit_are_refused),
        cmocka_unit_test(segmented_frames_whose_headers_are_not_where_they_must_be_are_refused),
        cmocka_unit_test(a_routing_header_must_have_done_its_work),
        cmocka_unit_test(a_piece_that_ip_cannot_name_is_refused),
        cmocka_unit_test(pieces_that_are_too_small_or_too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
