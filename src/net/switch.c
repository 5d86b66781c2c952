/* SPDX-License-Identifier: BSD-2-Clause
 * Layer-2 switch: see switch.h for what it promises.
 *
 * A frame's headers are copied out of its ring once; what is judged is that copy, and what is forwarded
 * begins with that copy. The payload goes from ring to ring in one step and means nothing here. */
#include "net/switch.h"

#include "base/assert.h"
#include "base/shared.h"
#include "base/string.h"
#include "net/offload.h"

#define MAC_GROUP    0x1u /* the first bit on the wire */
#define MAC_RESERVED 0x00000000C28001ull
#define MAC_LAST_0_F 0x0F0000000000ull

#define HEAD_BYTES 64u /* enough for a frame that is not segmented: a cache line */

/* Frames are shown to their receivers after so many passes or bytes, not at the end of a turn: they can
 * begin, and nobody's ring fills up while its reader sleeps. */
#define SHOW_PASSES 8u
#define SHOW_BYTES  65536u

/* Who has filled more than this of a ring lately leaves the last eighth of it to others. */
#define SHARE_LARGE (RING_BYTES / 4u)
#define SHARE_ROOM  (RING_BYTES / 8u)

_Static_assert(HEAD_BYTES <= OFFLOAD_HEADERS_MAX, "one private copy holds either");
_Static_assert(SWITCH_PORTS_MAX < 32u, "a port is a bit in a word");
_Static_assert(SWITCH_STATIONS >= 2u * SWITCH_PORTS_MAX, "each port can teach something");

/* The frame in hand: what is private of it, and where the rest is. */
struct switch_frame {
    const uint8_t *shared;
    struct frame_words words;
    uint32_t head_bytes;
    uint32_t pieces;     /* on the wire */
    uint32_t wire_bytes; /* of all of them */
    uint64_t to;
    uint64_t from;
    uint8_t head[OFFLOAD_HEADERS_MAX];
};

/* Where a frame goes, or why it does not. */
struct switch_verdict {
    uint32_t to;   /* bits of ports */
    uint32_t drop; /* enum switch_drop, or SWITCH_DROPS: it goes */
    bool many;     /* for whoever listens: broadcast, multicast or unknown */
};

static uint64_t mac_load(const uint8_t *mac)
{
    uint64_t v = 0;
    __builtin_memcpy(&v, mac, FRAME_MAC_BYTES);
    return v;
}

/* --- Rates --- */

static int64_t bucket_full(uint32_t rate)
{
    return (int64_t)rate * (VM_NS_PER_S / SWITCH_BURSTS_PER_S);
}

static void bucket_start(struct switch_bucket *b, uint32_t rate, vm_ns_t now)
{
    *b = (struct switch_bucket){.tokens = bucket_full(rate), .at = now};
}

/* Lets time drip in, and says whether `cost` may go. What is more than a full bucket goes when the
 * bucket is full, and is paid off afterwards: every frame can pass, and the rate holds. */
static bool bucket_allows(struct switch_bucket *b, uint32_t rate, uint32_t cost, vm_ns_t now)
{
    if (rate == 0) {
        return true;
    }
    const int64_t full = bucket_full(rate);
    if (now > b->at) {
        const uint64_t missing = (uint64_t)(full - b->tokens);
        const vm_ns_t passed = now - b->at;
        b->tokens = passed > missing / rate ? full : b->tokens + (int64_t)(passed * rate);
        b->at = now;
    }
    const int64_t price = (int64_t)cost * VM_NS_PER_S;
    return b->tokens >= (price < full ? price : full);
}

static void bucket_take(struct switch_bucket *b, uint32_t rate, uint32_t cost)
{
    b->tokens -= rate == 0 ? 0 : (int64_t)cost * VM_NS_PER_S;
}

/* SWITCH_DROPS: the frame may go, and is paid for. Else nothing is paid. */
static uint32_t switch_charge(struct switch_port *port, const struct switch_frame *f, bool many,
                              vm_ns_t now)
{
    const struct switch_policy *p = &port->policy;
    if (!bucket_allows(&port->frames, p->frames_per_s, f->pieces, now)) {
        return SWITCH_DROP_FRAME_RATE;
    }
    if (!bucket_allows(&port->bytes, p->bytes_per_s, f->wire_bytes, now)) {
        return SWITCH_DROP_BYTE_RATE;
    }
    if (many && !bucket_allows(&port->broadcasts, p->broadcasts_per_s, f->pieces, now)) {
        return SWITCH_DROP_BROADCAST_RATE;
    }
    bucket_take(&port->frames, p->frames_per_s, f->pieces);
    bucket_take(&port->bytes, p->bytes_per_s, f->wire_bytes);
    if (many) {
        bucket_take(&port->broadcasts, p->broadcasts_per_s, f->pieces);
    }
    return SWITCH_DROPS;
}

/* --- Stations --- */

/* Notes that `mac` is behind port `from`. False: it cannot be. A port that teaches more than its quota
 * forgets its own stations, the longest silent first; never another port's. */
static bool switch_learn(struct netswitch *sw, uint32_t from, uint64_t mac, vm_ns_t now)
{
    struct switch_port *port = &sw->port[from];
    struct switch_station *place = NULL;
    if (port->policy.pinned) {
        return mac == port->mac;
    }
    for (uint32_t i = 0; i < sw->stations; i++) { /* bound: SWITCH_STATIONS */
        struct switch_station *s = &sw->station[i];
        if (s->mac == mac && s->pinned) {
            return false;
        }
        if (s->port != from || s->pinned) {
            continue;
        }
        if (s->mac == mac) {
            s->seen = now;
            return true;
        }
        place = place == NULL || s->seen < place->seen ? s : place;
    }
    if (port->learned < sw->quota) {
        BH_ASSERT(sw->stations < SWITCH_STATIONS);
        place = &sw->station[sw->stations];
        sw->stations++;
        port->learned++;
    }
    *place = (struct switch_station){.mac = mac, .seen = now, .port = from};
    return true;
}

/* The port behind which `from` finds this address, or SWITCH_PORTS_MAX. */
static uint32_t switch_find(const struct netswitch *sw, uint32_t from, uint64_t mac, vm_ns_t now)
{
    const uint32_t reach = sw->port[from].policy.peers | 1u << from;
    uint32_t port = SWITCH_PORTS_MAX;
    vm_ns_t seen = 0;
    for (uint32_t i = 0; i < sw->stations; i++) { /* bound: SWITCH_STATIONS */
        const struct switch_station *s = &sw->station[i];
        if (s->mac != mac) {
            continue;
        }
        if (s->pinned) {
            return s->port;
        }
        const bool fresh = now < s->seen || now - s->seen <= SWITCH_AGEING_NS;
        const bool latest = port == SWITCH_PORTS_MAX || s->seen > seen;
        if (fresh && latest && (reach >> s->port & 1u) != 0) {
            port = s->port;
            seen = s->seen;
        }
    }
    return port;
}

/* --- One frame --- */

/* Copies what is needed of the frame. False: malformed. */
static bool switch_read(struct switch_frame *f, const uint8_t *shared,
                        const struct frame_words *words)
{
    struct offload_cut cut;
    const uint32_t wanted = words->gso == FRAME_GSO_NONE ? HEAD_BYTES : OFFLOAD_HEADERS_MAX;
    f->shared = shared;
    f->words = *words;
    f->words.flags &= FRAME_NEEDS_CSUM;
    f->words.unused = 0;
    f->head_bytes = words->len < wanted ? words->len : wanted;
    if (f->head_bytes == HEAD_BYTES) {
        shared_copy(f->head, shared, HEAD_BYTES);
    } else {
        shared_copy(f->head, shared, f->head_bytes);
    }
    if (!offload_plan(&cut, f->head, &f->words)) {
        return false;
    }
    f->pieces = cut.pieces;
    f->wire_bytes = offload_wire_bytes(&cut);
    f->to = mac_load(f->head);
    f->from = mac_load(f->head + FRAME_MAC_BYTES);
    return true;
}

/* The ports that a frame for nobody in particular goes to. Who is pinned has the one address. */
static uint32_t switch_audience(const struct netswitch *sw, uint32_t from, bool group)
{
    uint32_t to = sw->port[from].policy.peers & ((1u << sw->ports) - 1u) & ~(1u << from);
    for (uint32_t i = 0; !group && i < sw->ports; i++) { /* bound: SWITCH_PORTS_MAX */
        to &= sw->port[i].policy.pinned ? ~(1u << i) : UINT32_MAX;
    }
    return to;
}

static struct switch_verdict switch_judge(struct netswitch *sw, uint32_t from,
                                          const struct switch_frame *f, vm_ns_t now)
{
    struct switch_verdict v = {.drop = SWITCH_DROPS};
    if ((f->from & MAC_GROUP) != 0 || !switch_learn(sw, from, f->from, now)) {
        v.drop = SWITCH_DROP_SPOOFED;
        return v;
    }
    if ((f->to & ~MAC_LAST_0_F) == MAC_RESERVED) {
        v.drop = SWITCH_DROP_RESERVED;
        return v;
    }
    const bool group = (f->to & MAC_GROUP) != 0;
    const uint32_t port = group ? SWITCH_PORTS_MAX : switch_find(sw, from, f->to, now);
    v.many = port == SWITCH_PORTS_MAX;
    if (port == from) {
        v.drop = SWITCH_DROP_SELF;
        return v;
    }
    v.to = v.many ? switch_audience(sw, from, group) : sw->port[from].policy.peers & 1u << port;
    v.drop = v.to == 0 ? SWITCH_DROP_NOT_PEER : switch_charge(&sw->port[from], f, v.many, now);
    return v;
}

/* Room in a port's ring, fairly: one sender cannot take all of it from the others for long. Shares fade
 * by half with each lap of the ring, so they tell of the last lap or two. */
static uint8_t *switch_room(struct switch_port *port, uint32_t from, uint32_t len)
{
    const uint32_t taken = len + (uint32_t)sizeof(struct frame_words) + RING_ALIGN;
    if (port->share[from] > SHARE_LARGE && !ring_has_room(&port->out, SHARE_ROOM + taken)) {
        return NULL;
    }
    uint8_t *room = ring_reserve(&port->out, len);
    if (room == NULL) {
        return NULL;
    }
    port->share[from] += taken;
    port->lap += taken;
    if (port->lap >= RING_BYTES) {
        port->lap = 0;
        for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) { /* bound: SWITCH_PORTS_MAX */
            port->share[i] /= 2u;
        }
    }
    return room;
}

static void switch_deliver(struct netswitch *sw, uint32_t from, const struct switch_frame *f,
                           uint32_t to)
{
    const uint32_t head = f->head_bytes;
    const uint32_t len = f->words.len;
    for (uint32_t left = to; left != 0; left &= left - 1u) { /* bound: SWITCH_PORTS_MAX */
        struct switch_port *port = &sw->port[__builtin_ctz(left)];
        uint8_t *room = switch_room(port, from, len);
        if (room == NULL) {
            port->counts.drops[SWITCH_DROP_FULL]++;
            continue;
        }
        if (head == HEAD_BYTES) {
            __builtin_memcpy(room, f->head, HEAD_BYTES);
        } else {
            memcpy(room, f->head, head);
        }
        if (len != head) {
            memcpy(room + head, f->shared + head, len - head);
        }
        ring_commit(&port->out, &f->words);
        port->counts.out_frames++;
        port->counts.out_bytes += len;
    }
}

/* Takes the next frame from a port, if there is one. Returns its bytes, or 0: there was none. */
static uint32_t switch_take(struct netswitch *sw, uint32_t from, vm_ns_t now)
{
    struct switch_port *port = &sw->port[from];
    struct switch_frame f;
    struct frame_words words;
    const uint8_t *shared = ring_peek(&port->in, &words);
    if (shared == NULL) {
        return 0;
    }
    struct switch_verdict v = {.drop = SWITCH_DROP_MALFORMED};
    if (switch_read(&f, shared, &words)) {
        v = switch_judge(sw, from, &f, now);
    }
    port->counts.in_frames++;
    port->counts.in_bytes += words.len;
    if (v.drop == SWITCH_DROPS) {
        switch_deliver(sw, from, &f, v.to);
    } else {
        port->counts.drops[v.drop]++;
    }
    ring_consume(&port->in);
    return words.len + 1u;
}

/* --- Turns --- */

void switch_init(struct netswitch *sw)
{
    memset(sw, 0, sizeof(*sw));
}

/* Forgets what was learned, and shares the room for stations out anew. */
static void switch_share_out(struct netswitch *sw)
{
    sw->stations = 0;
    for (uint32_t i = 0; i < sw->ports; i++) { /* bound: SWITCH_PORTS_MAX */
        struct switch_port *port = &sw->port[i];
        port->learned = 0;
        if (port->policy.pinned) {
            sw->station[sw->stations] =
                (struct switch_station){.mac = port->mac, .port = i, .pinned = true};
            sw->stations++;
        }
    }
    const uint32_t learners = sw->ports - sw->stations;
    sw->quota = learners == 0 ? 0 : (SWITCH_STATIONS - sw->stations) / learners;
}

uint32_t switch_add_port(struct netswitch *sw, const struct switch_policy *policy,
                         struct ring_shared *in, struct ring_shared *out, vm_ns_t now)
{
    if (sw->ports == SWITCH_PORTS_MAX) {
        return SWITCH_PORTS_MAX;
    }
    const uint32_t n = sw->ports;
    struct switch_port *port = &sw->port[n];
    memset(port, 0, sizeof(*port));
    port->policy = *policy;
    port->mac = mac_load(policy->mac);
    ring_reader_attach(&port->in, in);
    ring_writer_attach(&port->out, out);
    bucket_start(&port->frames, policy->frames_per_s, now);
    bucket_start(&port->bytes, policy->bytes_per_s, now);
    bucket_start(&port->broadcasts, policy->broadcasts_per_s, now);
    sw->ports++;
    switch_share_out(sw);
    return n;
}

/* Shows the frames that were moved, and the room that this made. */
static void switch_show(struct netswitch *sw, struct switch_wake *wake)
{
    for (uint32_t i = 0; i < sw->ports; i++) { /* bound: SWITCH_PORTS_MAX */
        struct switch_port *port = &sw->port[i];
        wake->readers |= ring_publish(&port->out) ? 1u << i : 0u;
        wake->writers |= ring_release(&port->in) ? 1u << i : 0u;
        port->counts.broken = port->in.broken + port->out.broken;
    }
}

/* One frame from each port in `active`, in turn. Returns the ports that had one. */
static uint32_t switch_pass(struct netswitch *sw, uint32_t active, vm_ns_t now, uint32_t *bytes)
{
    uint32_t had = 0;
    uint32_t n = sw->next;
    for (uint32_t i = 0; i < sw->ports; i++) { /* bound: SWITCH_PORTS_MAX */
        const uint32_t taken = (active >> n & 1u) != 0 ? switch_take(sw, n, now) : 0;
        had |= taken != 0 ? 1u << n : 0u;
        *bytes += taken;
        n = n + 1u == sw->ports ? 0 : n + 1u;
    }
    return had;
}

struct switch_wake switch_turn(struct netswitch *sw, vm_ns_t now)
{
    struct switch_wake wake = {.again = false};
    uint32_t active = (1u << sw->ports) - 1u;
    uint32_t bytes = 0; /* moved and not shown */
    for (uint32_t pass = 1; active != 0 && pass <= SWITCH_TURN_FRAMES; pass++) {
        active = switch_pass(sw, active, now, &bytes);
        if (pass % SHOW_PASSES == 0 || bytes >= SHOW_BYTES) {
            switch_show(sw, &wake);
            bytes = 0;
            if ((wake.readers | wake.writers) != 0) {
                break; /* whoever sleeps can work beside us, once the caller has woken it */
            }
        }
    }
    switch_show(sw, &wake);
    sw->next = sw->next + 1u >= sw->ports ? 0 : sw->next + 1u;
    wake.again = active != 0;
    for (uint32_t i = 0; active == 0 && i < sw->ports; i++) { /* bound: SWITCH_PORTS_MAX */
        if (!ring_reader_sleep(&sw->port[i].in)) {
            wake.again = true;
        }
    }
    return wake;
}
