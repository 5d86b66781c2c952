/* SPDX-License-Identifier: BSD-2-Clause
 * The switch between four ports that do what they like, by a list of steps: nobody gets what the policy
 * forbids, every frame is accounted for, and one port's nonsense is its own. */
#include "fuzz.h"
#include "net/switch.h"

#define PORTS 4u

struct rig {
    struct netswitch sw;
    struct ring_shared *in[PORTS];
    struct ring_shared *out[PORTS];
    struct ring_writer w[PORTS];
    struct ring_reader r[PORTS];
    uint64_t sent[PORTS];
    uint64_t got[PORTS];
    uint32_t wild; /* ports whose shared memory was written to */
    vm_ns_t now;
};

/* An address is one of few, and may be a group's, everybody's or a reserved one. */
static void address(uint8_t *to, uint8_t which)
{
    static const uint8_t special[4][6] = {{255, 255, 255, 255, 255, 255},
                                          {1, 0, 0x5E, 1, 2, 3},
                                          {1, 0x80, 0xC2, 0, 0, 0xE},
                                          {0, 0, 0, 0, 0, 0}};
    if (which >= 252) {
        memcpy(to, special[which - 252u], 6);
        return;
    }
    memset(to, 0, 6);
    to[0] = 2;
    to[5] = which % 96u;
}

/* What the port says of itself stands at byte 14, the rest follows from it. */
static void step_send(struct rig *g, struct fuzz_in *in, uint32_t port)
{
    const uint8_t how = fuzz_u8(in);
    struct frame_words words = {.len = 12u + fuzz_u8(in)};
    words.len = (how & 3u) == 3u ? fuzz_u16(in) : words.len;
    if ((how & 0xCu) == 0xCu) {
        words.flags = fuzz_u8(in);
        words.csum_start = fuzz_u8(in);
        words.csum_offset = fuzz_u8(in);
        words.gso = fuzz_u8(in);
        words.gso_size = fuzz_u8(in);
    }
    uint8_t *room = ring_reserve(&g->w[port], words.len);
    if (room == NULL) {
        return;
    }
    memset(room, (int)(port + 1u), words.len);
    if (words.len >= 12u) {
        address(room, fuzz_u8(in));
        address(room + 6, fuzz_u8(in));
    }
    if ((how & 0xFCu) == 0xFCu && words.len >= 54u) {
        static const uint8_t tcp[] = {8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 0, 6};
        memcpy(room + 12, tcp, sizeof(tcp));
        room[46] = 0x50;
        words =
            (struct frame_words){words.len, 1, 1, 0, (uint16_t)(1u + words.gso_size), 34, 16, 0};
    }
    ring_commit(&g->w[port], &words);
    (void)ring_publish(&g->w[port]);
    g->sent[port]++;
}

static void step_receive(struct rig *g, uint32_t port, uint32_t most)
{
    struct frame_words words;
    for (uint32_t i = 0; i <= most; i++) { /* bound: 64 */
        const uint8_t *frame = ring_peek(&g->r[port], &words);
        if (frame == NULL) {
            break;
        }
        g->got[port]++;
        if ((g->wild >> port & 1u) == 0) {
            FUZZ_CHECK(words.len >= FRAME_HEADER_BYTES && words.unused == 0);
            FUZZ_CHECK((words.flags & ~FRAME_NEEDS_CSUM) == 0);
            const struct switch_policy *mine = &g->sw.port[port].policy;
            FUZZ_CHECK(!mine->pinned || (frame[0] & 1u) != 0 || memcmp(frame, mine->mac, 6) == 0);
            const uint32_t from = words.len > 60u ? frame[60] - 1u : PORTS;
            if (from < PORTS && (g->wild >> from & 1u) == 0) {
                const struct switch_policy *p = &g->sw.port[from].policy;
                FUZZ_CHECK(from != port && (p->peers >> port & 1u) != 0);
                FUZZ_CHECK(!p->pinned || memcmp(frame + 6, p->mac, 6) == 0);
                FUZZ_CHECK(frame[words.len - 1u] == from + 1u);
            }
        }
        ring_consume(&g->r[port]);
    }
    (void)ring_release(&g->r[port]);
}

/* Everything that came in went out or was dropped for one reason. */
static void check_accounts(const struct rig *g)
{
    uint32_t learned = 0;
    for (uint32_t i = 0; i < PORTS; i++) {
        const struct switch_port *port = &g->sw.port[i];
        const struct switch_counts *c = &port->counts;
        uint64_t dropped = 0;
        for (uint32_t d = SWITCH_DROP_FRAME_RATE; d < SWITCH_DROPS; d++) {
            dropped += c->drops[d];
        }
        FUZZ_CHECK(dropped <= c->in_frames);
        learned += port->learned;
        FUZZ_CHECK(port->learned <= g->sw.quota);
        if ((g->wild >> i & 1u) == 0) {
            FUZZ_CHECK(c->in_frames <= g->sent[i] && g->got[i] <= c->out_frames);
            FUZZ_CHECK(c->broken == 0);
        }
    }
    FUZZ_CHECK(learned <= g->sw.stations && g->sw.stations <= SWITCH_STATIONS);
}

static void step_turn(struct rig *g)
{
    uint64_t before = 0;
    uint64_t after = 0;
    for (uint32_t i = 0; i < PORTS; i++) {
        before += g->sw.port[i].counts.in_frames;
    }
    const struct switch_wake wake = switch_turn(&g->sw, g->now);
    for (uint32_t i = 0; i < PORTS; i++) {
        const struct switch_counts *c = &g->sw.port[i].counts;
        after += c->in_frames;
        if (!wake.again && (g->wild >> i & 1u) == 0) {
            FUZZ_CHECK(c->in_frames == g->sent[i] && g->in[i]->reader_sleeps == 1);
        }
    }
    FUZZ_CHECK(after - before <= PORTS * SWITCH_TURN_FRAMES);
    FUZZ_CHECK((wake.readers | wake.writers) >> PORTS == 0);
    check_accounts(g);
}

static void step_scribble(struct rig *g, struct fuzz_in *in, uint32_t port)
{
    const uint8_t how = fuzz_u8(in);
    struct ring_shared *shared = (how & 1u) != 0 ? g->in[port] : g->out[port];
    g->wild |= 1u << port;
    if ((how & 6u) == 0) {
        shared->tail = fuzz_u32(in);
    } else if ((how & 6u) == 2u) {
        shared->head = fuzz_u32(in);
    } else {
        const uint32_t value = fuzz_u32(in);
        memcpy(shared->data + (shared->head + how * 16u) % RING_BYTES / 16u * 16u, &value, 4);
    }
}

static void start(struct rig *g, struct fuzz_in *in)
{
    switch_init(&g->sw);
    g->wild = 0;
    g->now = fuzz_span(in, 64);
    for (uint32_t i = 0; i < PORTS; i++) {
        const uint8_t how = fuzz_u8(in);
        struct switch_policy p = {.peers = how & 0xFu, .pinned = (how & 0x10u) != 0};
        address(p.mac, (uint8_t)i);
        p.frames_per_s = (how & 0x20u) != 0 ? (uint32_t)fuzz_span(in, 32) : 0;
        p.bytes_per_s = (how & 0x40u) != 0 ? (uint32_t)fuzz_span(in, 32) : 0;
        p.broadcasts_per_s = (how & 0x80u) != 0 ? (uint32_t)fuzz_span(in, 32) : 0;
        if (g->in[i] == NULL) {
            g->in[i] = aligned_alloc(64, sizeof(struct ring_shared));
            g->out[i] = aligned_alloc(64, sizeof(struct ring_shared));
            FUZZ_CHECK(g->in[i] != NULL && g->out[i] != NULL);
        }
        memset(g->in[i], 0, offsetof(struct ring_shared, data));
        memset(g->out[i], 0, offsetof(struct ring_shared, data));
        ring_writer_attach(&g->w[i], g->in[i]);
        ring_reader_attach(&g->r[i], g->out[i]);
        g->sent[i] = g->got[i] = 0;
        FUZZ_CHECK(switch_add_port(&g->sw, &p, g->in[i], g->out[i], g->now) == i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rig g;
    struct fuzz_in in = {data, size};
    start(&g, &in);
    while (in.left != 0) { /* bound: the input */
        const uint8_t step = fuzz_u8(&in);
        const uint32_t port = step >> 6;
        switch (step % 8u) {
        case 0:
        case 1:
        case 2:
            step_send(&g, &in, port);
            break;
        case 3:
        case 4:
            step_turn(&g);
            break;
        case 5:
            step_receive(&g, port, step & 0x38u);
            break;
        case 6:
            g.now = (step & 8u) != 0 ? g.now + fuzz_span(&in, 40) : fuzz_span(&in, 64);
            break;
        default:
            if ((step & 0x38u) == 0x38u) {
                step_scribble(&g, &in, port);
            }
            break;
        }
    }
    for (uint32_t i = 0; i < 64u && switch_turn(&g.sw, g.now).again; i++) {
    }
    check_accounts(&g);
    return 0;
}
