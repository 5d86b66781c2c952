/* SPDX-License-Identifier: BSD-2-Clause
 * The switch: who gets what, what is dropped and why, and what a port can do to another one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "net/switch.h"

#define ALL  0x1FFFFu
#define S_NS 1000000000ull

struct rig {
    struct netswitch sw;
    struct ring_shared *in[SWITCH_PORTS_MAX];
    struct ring_shared *out[SWITCH_PORTS_MAX];
    struct ring_writer w[SWITCH_PORTS_MAX]; /* the ports' own ends */
    struct ring_reader r[SWITCH_PORTS_MAX];
    vm_ns_t now;
};

static struct rig rig;

static struct ring_shared *ring_new(void)
{
    struct ring_shared *shared = aligned_alloc(64, sizeof(*shared));
    assert_non_null(shared);
    memset(shared, 0, sizeof(*shared));
    return shared;
}

static int begin(void **state)
{
    *state = &rig;
    memset(&rig, 0, sizeof(rig));
    switch_init(&rig.sw);
    rig.now = 5 * S_NS;
    return 0;
}

static int end(void **state)
{
    struct rig *g = *state;
    for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
        free(g->in[i]);
        free(g->out[i]);
    }
    return 0;
}

static uint32_t add(struct rig *g, struct switch_policy policy)
{
    const uint32_t n = g->sw.ports;
    g->in[n] = ring_new();
    g->out[n] = ring_new();
    ring_writer_attach(&g->w[n], g->in[n]);
    ring_reader_attach(&g->r[n], g->out[n]);
    assert_int_equal(switch_add_port(&g->sw, &policy, g->in[n], g->out[n], g->now), n);
    return n;
}

/* The address 02-00-00-00-hh-ll. */
static void address(uint8_t *to, uint32_t n)
{
    memset(to, 0, 6);
    to[0] = 2;
    to[4] = (uint8_t)(n >> 8);
    to[5] = (uint8_t)n;
}

static struct switch_policy pinned_to(uint32_t n)
{
    struct switch_policy p = {.peers = ALL, .pinned = true};
    address(p.mac, n);
    return p;
}

static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};

static bool send_bytes(struct rig *g, uint32_t port, const uint8_t *to, const uint8_t *from,
                       const struct frame_words *words)
{
    uint8_t *room = ring_reserve(&g->w[port], words->len);
    if (room == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < words->len; i++) {
        room[i] = (uint8_t)(i * 5u + 1u);
    }
    memcpy(room, to, words->len < 6u ? words->len : 6u);
    if (words->len >= 12u) {
        memcpy(room + 6, from, 6);
    }
    ring_commit(&g->w[port], words);
    ring_publish(&g->w[port]);
    return true;
}

/* A frame of len bytes from address `from` to address `to`; to 0xFFFF: to everybody. */
static void send_len(struct rig *g, uint32_t port, uint32_t to, uint32_t from, uint32_t len)
{
    uint8_t dst[6];
    uint8_t src[6];
    address(dst, to);
    address(src, from);
    assert_true(send_bytes(g, port, to == 0xFFFF ? everybody : dst, src,
                           &(struct frame_words){.len = len}));
}

static void turn(struct rig *g)
{
    for (uint32_t i = 0; i < 100000 && switch_turn(&g->sw, g->now).again; i++) {
    }
}

/* How many frames a port has got; they are taken away. */
static uint32_t got(struct rig *g, uint32_t port)
{
    uint32_t n = 0;
    struct frame_words words;
    for (;;) { /* bound: the ring */
        const uint8_t *frame = ring_peek(&g->r[port], &words);
        if (frame == NULL) {
            break;
        }
        for (uint32_t i = 12; i < words.len; i++) {
            assert_int_equal(frame[i], (uint8_t)(i * 5u + 1u));
        }
        n++;
        ring_consume(&g->r[port]);
    }
    ring_release(&g->r[port]);
    return n;
}

static uint32_t pass(struct rig *g, uint32_t port, uint32_t to, uint32_t from)
{
    send_len(g, port, to, from, 60);
    turn(g);
    uint32_t who = 0;
    for (uint32_t i = 0; i < g->sw.ports; i++) {
        const uint32_t n = got(g, i);
        assert_true(n <= 1);
        who |= n << i;
    }
    return who;
}

static uint64_t drops(const struct rig *g, uint32_t port, enum switch_drop why)
{
    return g->sw.port[port].counts.drops[why];
}

/* All frames are accounted for, whatever happened. */
static void expect_accounts(const struct rig *g)
{
    for (uint32_t i = 0; i < g->sw.ports; i++) {
        const struct switch_counts *c = &g->sw.port[i].counts;
        uint64_t sum = 0;
        for (uint32_t d = SWITCH_DROP_FRAME_RATE; d < SWITCH_DROPS; d++) {
            sum += c->drops[d];
        }
        assert_true(sum <= c->in_frames);
    }
}

/* --- Forwarding --- */

static void an_address_is_learned_from_its_frames(void **state)
{
    struct rig *g = *state;
    for (uint32_t i = 0; i < 4; i++) {
        add(g, (struct switch_policy){.peers = ALL});
    }
    assert_int_equal(pass(g, 0, 2, 1), 0xE); /* unknown: to all others */
    assert_int_equal(pass(g, 1, 1, 2), 0x1);
    assert_int_equal(pass(g, 0, 2, 1), 0x2);
    assert_int_equal(pass(g, 2, 2, 3), 0x2);
    assert_int_equal(pass(g, 3, 0xFFFF, 4), 0x7);
    const struct switch_counts *c = &g->sw.port[0].counts;
    assert_int_equal(c->in_frames, 2);
    assert_int_equal(c->in_bytes, 120);
    assert_int_equal(c->out_frames, 2);
    assert_int_equal(c->out_bytes, 120);
    expect_accounts(g);
}

static void frames_of_all_sizes_pass_with_their_words(void **state)
{
    struct rig *g = *state;
    static const uint32_t lens[] = {14, 15, 60, 63, 64, 65, 191, 192, 193, 1514, FRAME_MAX_BYTES};
    add(g, pinned_to(1));
    add(g, pinned_to(2));
    for (uint32_t i = 0; i < 11; i++) {
        uint8_t to[6];
        uint8_t from[6];
        address(to, 2);
        address(from, 1);
        const struct frame_words sent = {.len = lens[i],
                                         .flags = (uint8_t)(i >= 2 ? FRAME_NEEDS_CSUM : 0u) | 0x80u,
                                         .hdr_len = 77,
                                         .gso_size = 3,
                                         .csum_start = 20,
                                         .csum_offset = 6,
                                         .unused = 0xABCD};
        assert_true(send_bytes(g, 0, to, from, &sent));
        turn(g);
        struct frame_words words;
        const uint8_t *frame = ring_peek(&g->r[1], &words);
        assert_non_null(frame);
        assert_int_equal(words.len, lens[i]);
        assert_int_equal(words.flags, i >= 2 ? FRAME_NEEDS_CSUM : 0u);
        assert_int_equal(words.csum_start, 20);
        assert_int_equal(words.csum_offset, 6);
        assert_int_equal(words.hdr_len, 77);
        assert_int_equal(words.unused, 0); /* nothing is passed on that has no meaning */
        assert_memory_equal(frame, to, 6);
        assert_memory_equal(frame + 6, from, 6);
        assert_int_equal(got(g, 1), 1);
    }
}

static void stations_move_and_age(void **state)
{
    struct rig *g = *state;
    for (uint32_t i = 0; i < 3; i++) {
        add(g, (struct switch_policy){.peers = ALL});
    }
    pass(g, 1, 0xFFFF, 7);
    assert_int_equal(pass(g, 0, 7, 1), 0x2);
    g->now++;
    pass(g, 2, 0xFFFF, 7);
    assert_int_equal(pass(g, 0, 7, 1), 0x4);
    g->now += SWITCH_AGEING_NS;
    assert_int_equal(pass(g, 0, 7, 1), 0x4);
    g->now++;
    assert_int_equal(pass(g, 0, 7, 1), 0x6);
    /* Time that goes back makes nobody old. */
    pass(g, 2, 0xFFFF, 7);
    g->now -= 2 * SWITCH_AGEING_NS < g->now ? 2 * SWITCH_AGEING_NS : g->now;
    assert_int_equal(pass(g, 0, 7, 1), 0x4);
}

static void a_frame_for_its_own_port_goes_nowhere(void **state)
{
    struct rig *g = *state;
    add(g, (struct switch_policy){.peers = ALL});
    add(g, (struct switch_policy){.peers = ALL});
    pass(g, 0, 0xFFFF, 7);
    assert_int_equal(pass(g, 0, 7, 8), 0);
    assert_int_equal(drops(g, 0, SWITCH_DROP_SELF), 1);
    expect_accounts(g);
}

static void reserved_addresses_are_not_forwarded(void **state)
{
    struct rig *g = *state;
    add(g, (struct switch_policy){.peers = ALL});
    add(g, (struct switch_policy){.peers = ALL});
    for (uint32_t i = 0; i < 48; i++) {
        const uint8_t to[6] = {0x01, 0x80, 0xC2, (uint8_t)(i >= 32 ? 1 : 0), 0, (uint8_t)i};
        const uint8_t from[6] = {2};
        assert_true(send_bytes(g, 0, to, from, &(struct frame_words){.len = 60}));
    }
    turn(g);
    assert_int_equal(drops(g, 0, SWITCH_DROP_RESERVED), 16);
    assert_int_equal(got(g, 1), 32);
}

/* --- Policy --- */

static void a_pinned_port_sends_from_its_address_only(void **state)
{
    struct rig *g = *state;
    add(g, pinned_to(1));
    add(g, (struct switch_policy){.peers = ALL});
    assert_int_equal(pass(g, 0, 0xFFFF, 1), 0x2);
    assert_int_equal(pass(g, 0, 0xFFFF, 2), 0);
    assert_int_equal(drops(g, 0, SWITCH_DROP_SPOOFED), 1);
    /* The other one may be anybody, but not that one, nor a group. */
    assert_int_equal(pass(g, 1, 1, 5), 0x1);
    assert_int_equal(pass(g, 1, 1, 1), 0);
    assert_int_equal(drops(g, 1, SWITCH_DROP_SPOOFED), 1);
    const uint8_t group[6] = {3, 0, 0, 0, 0, 9};
    assert_true(send_bytes(g, 1, everybody, group, &(struct frame_words){.len = 60}));
    turn(g);
    assert_int_equal(got(g, 0), 0);
    assert_int_equal(drops(g, 1, SWITCH_DROP_SPOOFED), 2);
    expect_accounts(g);
}

static void a_pinned_port_is_not_asked_about_unknown_addresses(void **state)
{
    struct rig *g = *state;
    add(g, pinned_to(1));
    add(g, pinned_to(2));
    add(g, (struct switch_policy){.peers = ALL});
    assert_int_equal(pass(g, 0, 9, 1), 0x4);
    assert_int_equal(pass(g, 2, 9, 5), 0);
    assert_int_equal(drops(g, 2, SWITCH_DROP_NOT_PEER), 1);
    assert_int_equal(pass(g, 2, 0xFFFF, 5), 0x3);
    assert_int_equal(pass(g, 0, 2, 1), 0x2); /* known although it never spoke */
}

static void only_peers_are_reached(void **state)
{
    struct rig *g = *state;
    struct switch_policy p = pinned_to(1);
    p.peers = 0x2;
    add(g, p);
    add(g, pinned_to(2));
    add(g, pinned_to(3));
    assert_int_equal(pass(g, 0, 2, 1), 0x2);
    assert_int_equal(pass(g, 0, 3, 1), 0);
    assert_int_equal(drops(g, 0, SWITCH_DROP_NOT_PEER), 1);
    assert_int_equal(pass(g, 0, 0xFFFF, 1), 0x2);
    assert_int_equal(pass(g, 2, 1, 3), 0x1); /* the other way is another matter */
    p = pinned_to(4);
    p.peers = 0xFFFE0008u; /* itself, and ports that are not there */
    add(g, p);
    assert_int_equal(pass(g, 3, 0xFFFF, 4), 0);
    assert_int_equal(drops(g, 3, SWITCH_DROP_NOT_PEER), 1);
}

static void a_port_cannot_lure_frames_from_those_who_may_not_send_to_it(void **state)
{
    struct rig *g = *state;
    struct switch_policy p = pinned_to(1);
    p.peers = 0x2;
    add(g, p);
    add(g, (struct switch_policy){.peers = ALL}); /* has station 9  */
    add(g, (struct switch_policy){.peers = ALL}); /* claims it, too */
    add(g, (struct switch_policy){.peers = ALL});
    pass(g, 2, 0xFFFF, 9);
    assert_int_equal(pass(g, 0, 9, 1), 0x2); /* not known to port 0, so to all it can reach */
    pass(g, 1, 0xFFFF, 9);
    g->now++;
    pass(g, 2, 0xFFFF, 9);
    assert_int_equal(pass(g, 0, 9, 1), 0x2);
    assert_int_equal(pass(g, 3, 9, 4), 0x4); /* who may send to both goes by the latest word */
}

static void malformed_frames_are_counted(void **state)
{
    struct rig *g = *state;
    static const struct frame_words bad[] = {
        {.len = 0},
        {.len = 13},
        {.len = 60, .flags = 1, .csum_start = 59, .csum_offset = 0},
        {.len = 60, .gso = 3, .gso_size = 10},
        {.len = 60, .gso = 1, .gso_size = 10, .flags = 1, .csum_start = 34, .csum_offset = 16},
    };
    add(g, (struct switch_policy){.peers = ALL});
    add(g, (struct switch_policy){.peers = ALL});
    const uint8_t from[6] = {2};
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(send_bytes(g, 0, everybody, from, &bad[i]));
    }
    turn(g);
    assert_int_equal(drops(g, 0, SWITCH_DROP_MALFORMED), 5);
    assert_int_equal(g->sw.port[0].counts.in_frames, 5);
    assert_int_equal(got(g, 1), 0);
    assert_int_equal(g->sw.port[0].counts.broken, 0);
}

/* --- Floods of addresses --- */

static void a_flood_of_addresses_hurts_nobody_else(void **state)
{
    struct rig *g = *state;
    add(g, pinned_to(1));
    for (uint32_t i = 1; i < 4; i++) {
        add(g, (struct switch_policy){.peers = ALL});
    }
    const uint32_t quota = (SWITCH_STATIONS - 1u) / 3u;
    for (uint32_t i = 0; i < quota; i++) {
        pass(g, 1, 0xFFFF, 100 + i);
    }
    for (uint32_t i = 0; i < 5000; i++) {
        g->now++;
        pass(g, 2, 1, 1000 + i);
    }
    for (uint32_t i = 0; i < quota; i++) {
        assert_int_equal(pass(g, 2, 100 + i, 5999), 0x2);
    }
    assert_int_equal(pass(g, 2, 1, 5999), 0x1);
    /* Of its own it has the latest ones. */
    assert_int_equal(pass(g, 1, 5999, 100), 0x4);
    assert_int_equal(pass(g, 1, 5999 - quota + 1u, 100), 0x4);
    assert_int_equal(pass(g, 0, 5999 - quota, 1), 0xE); /* forgotten */
    assert_true(g->sw.stations <= SWITCH_STATIONS);
}

static void all_ports_can_be_used_and_no_more(void **state)
{
    struct rig *g = *state;
    for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
        add(g, i % 2u == 0 ? pinned_to(i) : (struct switch_policy){.peers = ALL});
    }
    const struct switch_policy policy = {.peers = ALL};
    assert_int_equal(switch_add_port(&g->sw, &policy, g->in[0], g->out[0], 0), SWITCH_PORTS_MAX);
    for (uint32_t i = 0; i < 2000; i++) {
        pass(g, i % SWITCH_PORTS_MAX, 0xFFFF, i % 2u != 0 ? i : i % SWITCH_PORTS_MAX);
    }
    assert_int_equal(pass(g, 1, 16, 1000), 1u << 16);
    assert_int_equal(pass(g, 16, 1000, 16), 1u << 1);
}

/* --- Rates --- */

/* Sends as much as goes from now until `until`, in steps; returns how many frames came through. */
static uint64_t saturate(struct rig *g, vm_ns_t until, uint64_t step, uint32_t each)
{
    uint64_t n = 0;
    for (;;) { /* bound: the caller's steps */
        for (uint32_t i = 0; i < each; i++) {
            send_len(g, 0, 2, 1, 100);
        }
        turn(g);
        n += got(g, 1);
        if (g->now == until) {
            return n;
        }
        g->now = until - g->now < step ? until : g->now + step;
    }
}

static void frame_rates_are_exact_however_time_goes(void **state)
{
    struct rig *g = *state;
    static const struct {
        uint32_t rate;
        uint64_t step;
        uint32_t each; /* more than drips in */
    } cases[] = {{333, 7777777, 36}, {1000, 1000003, 110}, {20, 49999999, 5},
                 {13, 3141592, 2},   {100000, 100003, 12}, {99991, 1000000, 150}};
    for (uint32_t i = 0; i < 6; i++) {
        struct switch_policy p = pinned_to(1);
        p.frames_per_s = cases[i].rate;
        end(state);
        begin(state);
        add(g, p);
        add(g, pinned_to(2));
        const uint64_t seconds = cases[i].rate > 100 ? 1 : 10;
        const uint64_t n = saturate(g, g->now + seconds * S_NS, cases[i].step, cases[i].each);
        /* What the bucket held at the start, and what dripped in; to the last one. */
        assert_int_equal(n, (cases[i].rate + 10u * cases[i].rate * seconds) / 10u);
        assert_int_equal(drops(g, 0, SWITCH_DROP_FRAME_RATE), g->sw.port[0].counts.in_frames - n);
        assert_true(drops(g, 0, SWITCH_DROP_FRAME_RATE) > 0);
    }
}

static void nothing_is_rounded_away(void **state)
{
    struct rig *g = *state;
    struct switch_policy p = pinned_to(1);
    p.frames_per_s = 3;
    add(g, p);
    add(g, pinned_to(2));
    assert_int_equal(pass(g, 0, 2, 1), 0x2); /* from a full bucket of 0.3 to -0.7 */
    /* A third of a second is no whole number of nanoseconds. Asked at each of 999 instants, the
     * bucket has lost nothing. */
    const vm_ns_t start = g->now;
    for (uint32_t i = 1; i <= 999; i++) {
        g->now = start + (333333333u * (uint64_t)i) / 999u;
        assert_int_equal(pass(g, 0, 2, 1), 0);
    }
    g->now = start + 333333334u;
    assert_int_equal(pass(g, 0, 2, 1), 0x2);
    /* 3 * 333,333,334 is 2 more than a second's worth: the bucket was full by then, at 0.3. */
    g->now += 333333333u;
    assert_int_equal(pass(g, 0, 2, 1), 0);
    g->now += 1;
    assert_int_equal(pass(g, 0, 2, 1), 0x2);
}

static void time_may_jump_and_stand_and_go_back(void **state)
{
    struct rig *g = *state;
    struct switch_policy p = pinned_to(1);
    p.frames_per_s = UINT32_MAX;
    p.bytes_per_s = 1000;
    p.broadcasts_per_s = 50;
    add(g, p);
    add(g, pinned_to(2));
    for (uint32_t jump = 0; jump < 3; jump++) {
        static const vm_ns_t to[] = {6 * S_NS, UINT64_MAX / 2u, UINT64_MAX};
        g->now = to[jump];
        uint32_t n = 0;
        for (uint32_t i = 0; i < 20; i++) {
            n += pass(g, 0, 0xFFFF, 1) != 0 ? 1u : 0u;
        }
        assert_int_equal(n, 1); /* a tenth of a second is 100 bytes, and 5 broadcasts */
    }
    g->now = 0; /* stands as long as it lies behind */
    assert_int_equal(pass(g, 0, 2, 1), 0);
    assert_int_equal(drops(g, 0, SWITCH_DROP_BYTE_RATE), 3 * 19 + 1);
}

static void a_frame_larger_than_the_bucket_is_paid_off(void **state)
{
    struct rig *g = *state;
    struct switch_policy p = pinned_to(1);
    p.bytes_per_s = 1000; /* a bucket of 100 */
    add(g, p);
    add(g, pinned_to(2));
    send_len(g, 0, 2, 1, 1500);
    turn(g);
    assert_int_equal(got(g, 1), 1);
    g->now += S_NS * 3 / 2 - 1;              /* to 100 bytes from -1,400 */
    assert_int_equal(pass(g, 0, 2, 1), 0x2); /* 60 bytes go when there are 60 */
    g->now += S_NS / 50;
    send_len(g, 0, 2, 1, 1500);
    turn(g);
    assert_int_equal(got(g, 1), 0);
    g->now += S_NS / 25 + 1;
    send_len(g, 0, 2, 1, 1500);
    turn(g);
    assert_int_equal(got(g, 1), 1);
}

/* An IPv4 TCP frame of `payload` bytes in segments of `size`. */
static void send_segments(struct rig *g, uint32_t port, uint32_t to, uint32_t payload,
                          uint16_t size)
{
    const uint32_t len = 54u + payload;
    uint8_t *room = ring_reserve(&g->w[port], len);
    assert_non_null(room);
    memset(room, 0, len);
    if (to == 0xFFFF) {
        memset(room, 255, 6);
    } else {
        address(room, to);
    }
    address(room + 6, 1);
    room[12] = 8;
    room[14] = 0x45;
    room[14 + 9] = 6;
    room[34 + 12] = 0x50;
    ring_commit(&g->w[port], &(struct frame_words){.len = len,
                                                   .flags = FRAME_NEEDS_CSUM,
                                                   .gso = FRAME_GSO_TCP4,
                                                   .gso_size = size,
                                                   .csum_start = 34,
                                                   .csum_offset = 16});
    ring_publish(&g->w[port]);
    turn(g);
}

static void a_segmented_frame_counts_as_what_it_is_on_the_wire(void **state)
{
    struct rig *g = *state;
    struct switch_policy p = pinned_to(1);
    p.frames_per_s = 1000;
    p.bytes_per_s = 1000000;
    p.broadcasts_per_s = 500;
    add(g, p);
    add(g, pinned_to(2));
    struct switch_port *port = &g->sw.port[0];
    const int64_t frames = port->frames.tokens;
    const int64_t bytes = port->bytes.tokens;
    const int64_t broadcasts = port->broadcasts.tokens;
    send_segments(g, 0, 2, 10001, 1000);
    assert_int_equal(frames - port->frames.tokens, 11 * S_NS);
    assert_int_equal(bytes - port->bytes.tokens, (10001 + 11 * 54) * S_NS);
    assert_int_equal(broadcasts, port->broadcasts.tokens);
    send_segments(g, 0, 0xFFFF, 3000, 1000);
    assert_int_equal(broadcasts - port->broadcasts.tokens, 3 * S_NS);
    assert_int_equal(port->counts.in_frames, 2);
    assert_int_equal(port->counts.in_bytes, 54 + 10001 + 54 + 3000);
}

static void broadcasts_have_a_rate_of_their_own(void **state)
{
    struct rig *g = *state;
    add(g, (struct switch_policy){.peers = ALL, .broadcasts_per_s = 30});
    add(g, pinned_to(2));
    add(g, (struct switch_policy){.peers = ALL});
    for (uint32_t i = 0; i < 10; i++) {
        pass(g, 0, i % 2u == 0 ? 0xFFFFu : 77u, 1);
    }
    assert_int_equal(drops(g, 0, SWITCH_DROP_BROADCAST_RATE), 7);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(pass(g, 0, 2, 1), 0x2);
    }
    assert_int_equal(drops(g, 0, SWITCH_DROP_BROADCAST_RATE), 7);
    expect_accounts(g);
}

static void what_is_dropped_is_not_charged(void **state)
{
    struct rig *g = *state;
    struct switch_policy p = pinned_to(1);
    p.peers = 0x2;
    p.frames_per_s = 100; /* a bucket of 10 */
    p.bytes_per_s = 2000; /* 200 */
    p.broadcasts_per_s = 10;
    add(g, p);
    add(g, pinned_to(2));
    add(g, pinned_to(3));
    for (uint32_t i = 0; i < 50; i++) {
        pass(g, 0, 3, 1);         /* no peer   */
        pass(g, 0, 2, 9);         /* spoofed   */
        send_len(g, 0, 2, 1, 13); /* malformed */
        turn(g);
    }
    assert_int_equal(pass(g, 0, 0xFFFF, 1), 0x2);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(pass(g, 0, 0xFFFF, 1), 0); /* the broadcasts' rate, and nothing else */
    }
    assert_int_equal(pass(g, 0, 2, 1), 0x2);
    assert_int_equal(pass(g, 0, 2, 1), 0x2); /* 180 bytes of 200 */
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(pass(g, 0, 2, 1), 0);
    }
    assert_int_equal(drops(g, 0, SWITCH_DROP_BROADCAST_RATE), 5);
    assert_int_equal(drops(g, 0, SWITCH_DROP_BYTE_RATE), 20);
    assert_int_equal(drops(g, 0, SWITCH_DROP_FRAME_RATE), 0);
    send_len(g, 0, 2, 1, 20);
    turn(g);
    assert_int_equal(got(g, 1), 1);
}

/* --- Rings, turns and wakes --- */

static void a_port_that_does_not_read_loses_its_own_frames_only(void **state)
{
    struct rig *g = *state;
    for (uint32_t i = 0; i < 3; i++) {
        add(g, pinned_to(i));
    }
    uint32_t to_two = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        send_len(g, 0, 0xFFFF, 0, 1514);
        turn(g);
        to_two += got(g, 2);
    }
    assert_int_equal(to_two, 2000);
    assert_int_equal(drops(g, 2, SWITCH_DROP_FULL), 0);
    const uint32_t to_one = got(g, 1);
    assert_true(to_one > 256); /* a whole receive queue */
    assert_int_equal(drops(g, 1, SWITCH_DROP_FULL), 2000u - to_one);
    assert_int_equal(g->sw.port[1].counts.out_frames, to_one);
}

static void a_flood_leaves_room_for_others(void **state)
{
    struct rig *g = *state;
    for (uint32_t i = 0; i < 3; i++) {
        add(g, pinned_to(i));
    }
    for (uint32_t i = 0; i < 2000; i++) {
        send_len(g, 0, 2, 0, i % 2u == 0 ? 60 : 60000);
        turn(g);
    }
    assert_true(drops(g, 2, SWITCH_DROP_FULL) > 1000);
    const uint64_t before = drops(g, 2, SWITCH_DROP_FULL);
    for (uint32_t i = 0; i < 30; i++) {
        send_len(g, 1, 2, 1, 1514);
        turn(g);
    }
    assert_int_equal(drops(g, 2, SWITCH_DROP_FULL), before);
}

static void ports_take_turns_frame_by_frame(void **state)
{
    struct rig *g = *state;
    for (uint32_t i = 0; i < 3; i++) {
        add(g, pinned_to(i));
    }
    for (uint32_t i = 0; i < 50; i++) {
        send_len(g, 0, 2, 0, 60);
        send_len(g, 1, 2, 1, 60);
    }
    turn(g);
    uint32_t last = 9;
    struct frame_words words;
    for (uint32_t i = 0; i < 100; i++) {
        const uint8_t *frame = ring_peek(&g->r[2], &words);
        assert_non_null(frame);
        assert_int_not_equal(frame[11], last);
        last = frame[11];
        ring_consume(&g->r[2]);
    }
    ring_release(&g->r[2]);
    /* And each is the first one in some turn. */
    uint32_t first = 0;
    for (uint32_t i = 0; i < 3; i++) {
        send_len(g, 0, 2, 0, 60);
        send_len(g, 1, 2, 1, 60);
        switch_turn(&g->sw, g->now);
        const uint8_t *frame = ring_peek(&g->r[2], &words);
        assert_non_null(frame);
        first |= 1u << frame[11];
        assert_int_equal(got(g, 2), 2);
    }
    assert_int_equal(first, 3);
}

static void a_turn_is_bounded_and_says_when_to_come_again(void **state)
{
    struct rig *g = *state;
    add(g, pinned_to(0));
    add(g, pinned_to(1));
    struct switch_wake wake = switch_turn(&g->sw, g->now);
    assert_false(wake.again);
    assert_int_equal(wake.readers | wake.writers, 0);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t to[6];
        uint8_t from[6];
        address(to, 1);
        address(from, 0);
        assert_true(send_bytes(g, 0, to, from, &(struct frame_words){.len = 60}));
    }
    wake = switch_turn(&g->sw, g->now);
    assert_true(wake.again);
    assert_int_equal(got(g, 1), SWITCH_TURN_FRAMES);
    /* A reader that sleeps is woken before the turn is over. */
    assert_true(ring_reader_sleep(&g->r[1]));
    wake = switch_turn(&g->sw, g->now);
    assert_true(wake.again);
    assert_int_equal(wake.readers, 2);
    const uint32_t first = got(g, 1);
    assert_true(first > 0 && first < SWITCH_TURN_FRAMES);
    turn(g);
    assert_int_equal(got(g, 1), 200u - SWITCH_TURN_FRAMES - first);
    /* And now the switch sleeps on both. */
    assert_int_equal(g->in[0]->reader_sleeps & g->in[1]->reader_sleeps, 1);
    uint8_t *room = ring_reserve(&g->w[1], 60);
    memset(room, 2, 60);
    ring_commit(&g->w[1], &(struct frame_words){.len = 60});
    assert_true(ring_publish(&g->w[1]));
}

static void a_writer_that_waits_for_room_is_woken(void **state)
{
    struct rig *g = *state;
    add(g, pinned_to(0));
    add(g, pinned_to(1));
    uint8_t to[6];
    uint8_t from[6];
    address(to, 1);
    address(from, 0);
    while (send_bytes(g, 0, to, from, &(struct frame_words){.len = 60000})) { /* bound: 9 */
    }
    assert_true(ring_writer_sleep(&g->w[0], 60000));
    const struct switch_wake wake = switch_turn(&g->sw, g->now);
    assert_int_equal(wake.writers, 1);
    assert_false(ring_writer_sleep(&g->w[0], 60000));
}

static void a_broken_ring_is_counted_and_harms_no_other(void **state)
{
    struct rig *g = *state;
    for (uint32_t i = 0; i < 3; i++) {
        add(g, pinned_to(i));
    }
    g->in[0]->tail = 0x12345678;
    g->out[0]->head = 0x12345678;
    assert_int_equal(pass(g, 1, 0xFFFF, 1), 0x4);
    assert_int_equal(g->sw.port[0].counts.broken, 2);
    assert_int_equal(drops(g, 0, SWITCH_DROP_FULL), 1);
    assert_int_equal(pass(g, 1, 2, 1), 0x4);
    /* Both of its ends attach again, and it takes part. */
    ring_writer_attach(&g->w[0], g->in[0]);
    ring_reader_attach(&g->r[0], g->out[0]);
    got(g, 0);
    assert_int_equal(pass(g, 0, 1, 0), 0x2);
    assert_int_equal(pass(g, 1, 0, 1), 0x1);
}

static void another_switch_takes_up_where_the_last_one_died(void **state)
{
    struct rig *g = *state;
    add(g, pinned_to(0));
    add(g, pinned_to(1));
    assert_int_equal(pass(g, 0, 1, 0), 0x2);
    send_len(g, 0, 1, 0, 60);
    const struct switch_policy policy[2] = {pinned_to(0), pinned_to(1)};
    switch_init(&g->sw);
    switch_add_port(&g->sw, &policy[0], g->in[0], g->out[0], g->now);
    switch_add_port(&g->sw, &policy[1], g->in[1], g->out[1], g->now);
    turn(g);
    assert_int_equal(got(g, 1), 1);
    assert_int_equal(g->sw.port[0].counts.broken + g->sw.port[1].counts.broken, 0);
}

static void a_switch_without_ports_has_nothing_to_do(void **state)
{
    struct rig *g = *state;
    assert_false(switch_turn(&g->sw, g->now).again);
}

/* A sender that changes its frames while they are judged: here at the worst time, as what is delivered
 * to port 1 overwrites the frame where it stands in the sender's ring. */
static void what_was_judged_is_what_is_forwarded(void **state)
{
    struct rig *g = *state;
    for (uint32_t len = 60; len <= 80; len += 20) { /* with payload behind the head, and without */
        end(state);
        begin(state);
        for (uint32_t i = 0; i < 3; i++) {
            add(g, pinned_to(i));
        }
        send_len(g, 0, 0xFFFF, 0, len); /* its words at 0, the frame at 16 */
        g->sw.port[1].out.shared = g->in[0];
        g->sw.port[1].out.tail = 16;
        g->sw.port[1].out.head = 16;
        switch_turn(&g->sw, g->now);
        assert_memory_not_equal(g->in[0]->data + 16, everybody, 6);
        struct frame_words words;
        const uint8_t *frame = ring_peek(&g->r[2], &words);
        assert_non_null(frame);
        uint8_t from[6];
        address(from, 0);
        assert_int_equal(words.len, len);
        assert_memory_equal(frame, everybody, 6);
        assert_memory_equal(frame + 6, from, 6);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_address_is_learned_from_its_frames),
        CASE(frames_of_all_sizes_pass_with_their_words),
        CASE(stations_move_and_age),
        CASE(a_frame_for_its_own_port_goes_nowhere),
        CASE(reserved_addresses_are_not_forwarded),
        CASE(a_pinned_port_sends_from_its_address_only),
        CASE(a_pinned_port_is_not_asked_about_unknown_addresses),
        CASE(only_peers_are_reached),
        CASE(a_port_cannot_lure_frames_from_those_who_may_not_send_to_it),
        CASE(malformed_frames_are_counted),
        CASE(a_flood_of_addresses_hurts_nobody_else),
        CASE(all_ports_can_be_used_and_no_more),
        CASE(frame_rates_are_exact_however_time_goes),
        CASE(nothing_is_rounded_away),
        CASE(time_may_jump_and_stand_and_go_back),
        CASE(a_frame_larger_than_the_bucket_is_paid_off),
        CASE(a_segmented_frame_counts_as_what_it_is_on_the_wire),
        CASE(broadcasts_have_a_rate_of_their_own),
        CASE(what_is_dropped_is_not_charged),
        CASE(a_port_that_does_not_read_loses_its_own_frames_only),
        CASE(a_flood_leaves_room_for_others),
        CASE(ports_take_turns_frame_by_frame),
        CASE(a_turn_is_bounded_and_says_when_to_come_again),
        CASE(a_writer_that_waits_for_room_is_woken),
        CASE(a_broken_ring_is_counted_and_harms_no_other),
        CASE(another_switch_takes_up_where_the_last_one_died),
        CASE(a_switch_without_ports_has_nothing_to_do),
        CASE(what_was_judged_is_what_is_forwarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
