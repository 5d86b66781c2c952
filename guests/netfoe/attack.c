/* SPDX-License-Identifier: BSD-2-Clause
 * See attack.h. Most of what a foe does must look sound, or nothing but the first check would ever be
 * tried: so every step is right with some probability, and wrong in one of many ways otherwise.
 * Spec: [VIRTIO] 1.2, 2.7 (split virtqueues), 5.1.6 (frames and their headers). */
#include "attack.h"

#include "memory.h"
#include "random.h"

#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u
#define SLOTS         256u /* rings have room for so many entries */
#define FRAME_BYTES   1514u
#define HEADER_BYTES  12u

struct desc {
    uint64_t address;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

static volatile struct desc *desc_at(uint64_t table, uint32_t i)
{
    return (volatile struct desc *)(uintptr_t)table + i;
}

static volatile uint16_t *half_at(uint64_t at)
{
    return (volatile uint16_t *)(uintptr_t)at;
}

/* Where the rings of a queue are when they are where they should be. */
static struct ring home(uint32_t card, uint32_t queue, uint32_t size)
{
    uint64_t base = RINGS_BASE + (uint64_t)(card * QUEUES + queue) * RING_BYTES;
    uint64_t avail = base + 16u * size;
    return (struct ring){
        .desc = base,
        .avail = avail,
        .used = (avail + 6u + 2u * size + 4095u) & ~4095ull,
        .size = size,
    };
}

static uint64_t any_buffer(void)
{
    return BUFFERS_BASE + random_below(BUFFERS_END - BUFFERS_BASE - 4096u);
}

/* Somewhere: mostly where a buffer may be, else where none should be. */
static uint64_t any_address(void)
{
    static const uint64_t awkward[] = {0,           0xFEE00000u, 0xFE000000u,
                                       0xFEB00000u, 0xFFFFF000u, 0x100000000ull};
    switch (random_below(16)) {
    case 0:
        return RAM_END - random_below(4096);
    case 1:
        return RAM_END + random_value();
    case 2:
        return RINGS_BASE + random_below(8u * RING_BYTES);
    case 3:
        return RANDOM_OF(awkward) + random_below(16) - 8u;
    case 4:
        return random_value();
    default:
        return any_buffer();
    }
}

static uint32_t any_length(void)
{
    switch (random_below(8)) {
    case 0:
        return (uint32_t)random_value();
    case 1:
        return 0;
    case 2:
        return random_below(HEADER_BYTES + 2u);
    case 3:
        return random_below(0x20000);
    default:
        return random_below(2048);
    }
}

/* --- Queues ------------------------------------------------------------------------------------ */

static uint64_t ring_address(uint64_t good)
{
    return random_chance(1, 24) ? any_address() : good;
}

static void life(struct card *c, uint32_t index)
{
    uint64_t mask = random_chance(1, 2) ? UINT64_MAX : random_64() | random_64();
    bool modern = c->layout == LAYOUT_MODERN || c->layout == LAYOUT_MMIO2;
    card_restore(c);
    card_set_status(c, 0);
    card_set_status(c, 1);
    card_set_status(c, 3);
    uint64_t features = card_offered(c) & mask;
    features |= modern && !random_chance(1, 16) ? FEATURE_VERSION_1 : 0;
    card_accept(c, random_chance(1, 16) ? random_64() : features);
    if (modern && !random_chance(1, 32)) {
        card_set_status(c, 3 | 8);
    }
    for (uint32_t q = 0; q < QUEUES; q++) {
        uint32_t max = card_queue_max(c, q);
        uint32_t size = max == 0 || max > SLOTS ? SLOTS : max;
        bool choose = c->layout != LAYOUT_LEGACY && random_chance(1, 2);
        struct ring r = home(index, q, choose ? 1u << random_below(9) : size);
        memset((void *)(uintptr_t)r.desc, 0, RING_BYTES);
        c->ring[q] = r;
        c->avail_index[q] = 0;
        r.size = random_chance(1, 24) ? (uint32_t)random_value() : r.size;
        r.desc = ring_address(r.desc);
        r.avail = ring_address(r.avail);
        r.used = ring_address(r.used);
        if (!random_chance(1, 32)) {
            card_set_queue(c, q, &r);
        }
    }
    card_set_status(c, modern ? 3 | 8 | 4 : 3 | 4);
}

static void offer(struct card *c, uint32_t q, uint32_t head)
{
    struct ring *r = &c->ring[q];
    uint16_t index = c->avail_index[q]++;
    *half_at(r->avail + 4u + 2u * (index % r->size)) = (uint16_t)head;
    *half_at(r->avail) = (uint16_t)random_below(2); /* NO_INTERRUPT, or not */
    *half_at(r->avail + 2u) = c->avail_index[q];
    if (random_chance(1, 2)) { /* the used event */
        *half_at(r->avail + 4u + 2u * r->size) = (uint16_t)(index - random_below(4));
    }
}

static void put_desc(uint64_t table, uint32_t i, struct desc d)
{
    volatile struct desc *at = desc_at(table, i);
    at->address = d.address;
    at->len = d.len;
    at->flags = d.flags;
    at->next = d.next;
}

/* A table of descriptors somewhere in the buffers. */
static struct desc indirect(uint16_t flags)
{
    uint32_t entries = 1u + random_below(8);
    uint64_t table = any_buffer() & ~15ull;
    for (uint32_t i = 0; i < entries; i++) {
        put_desc(table, i,
                 (struct desc){.address = any_address(),
                               .len = any_length(),
                               .flags = (uint16_t)(flags | (i + 1u < entries ? DESC_NEXT : 0)),
                               .next = (uint16_t)(random_chance(1, 16) ? random_64() : i + 1u)});
    }
    uint32_t bytes = random_chance(1, 16) ? (uint32_t)random_value() : 16u * entries;
    return (struct desc){.address = table, .len = bytes, .flags = DESC_INDIRECT};
}

/* Chains as nobody should make them. */
static void chains(struct card *c, uint32_t index)
{
    (void)index;
    uint32_t q = random_below(QUEUES);
    struct ring *r = &c->ring[q];
    uint32_t count = random_chance(1, 32) ? random_below(2u * SLOTS) : 1u + random_below(8);
    if (r->size == 0) {
        return;
    }
    for (uint32_t n = 0; n < count; n++) {
        uint32_t parts = 1u + random_below(4);
        uint32_t head = random_below(r->size);
        for (uint32_t i = 0; i < parts; i++) {
            bool write = q == RX ? !random_chance(1, 16) : random_chance(1, 16);
            uint16_t flags = write ? DESC_WRITE : 0;
            struct desc d = {.address = any_address(), .len = any_length(), .flags = flags};
            uint32_t next = (head + i + 1u) % r->size;
            if (random_chance(1, 8)) {
                d = indirect(flags);
            }
            d.flags |= i + 1u < parts ? DESC_NEXT : 0;
            d.flags = random_chance(1, 32) ? (uint16_t)random_64() : d.flags;
            d.next = (uint16_t)(random_chance(1, 24) ? random_value() : next);
            put_desc(r->desc, (head + i) % r->size, d);
        }
        offer(c, q, random_chance(1, 64) ? (uint32_t)random_value() : head);
    }
    c->avail_index[q] = (uint16_t)(c->avail_index[q] + (random_chance(1, 64) ? random_64() : 0));
    card_notify(c, q, q);
}

/* --- Frames ------------------------------------------------------------------------------------ */

/* A header that is often one that the card may get, and an Ethernet frame that may go somewhere. */
static uint32_t make_frame(const struct card *c, uint8_t *at)
{
    static const uint16_t types[] = {0x0800, 0x0806, 0x86DD, 0x88B5, 0x8100};
    static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};
    uint32_t header = (c->features & (FEATURE_VERSION_1 | FEATURE_MERGEABLE)) != 0 ? 12u : 10u;
    uint32_t len = 14u + random_below(random_chance(1, 8) ? 60000 : FRAME_BYTES - 14u);
    uint8_t *frame = at + header;
    memset(at, 0, header);
    if (random_chance(1, 2)) {
        at[0] = (uint8_t)random_below(3);                         /* flags */
        at[1] = (uint8_t)(random_chance(1, 2) ? 1 : random_64()); /* kind  */
        for (uint32_t i = 2; i < 10; i += 2) {
            uint64_t v = random_chance(1, 2) ? random_below(1500) : random_value();
            at[i] = (uint8_t)v;
            at[i + 1u] = (uint8_t)(v >> 8);
        }
    }
    for (uint32_t i = 0; i < len && i < 128; i++) {
        frame[i] = (uint8_t)random_64();
    }
    uint16_t type = RANDOM_OF(types);
    const uint8_t to[6] = {0x52, 0x42, 0x48, 0, (uint8_t)random_below(6), (uint8_t)random_below(2)};
    memcpy(frame, random_chance(1, 4) ? everybody : to, 6);
    if (!random_chance(1, 8)) {
        memcpy(frame + 6, c->mac, 6);
    }
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    if (random_chance(3, 4)) { /* an IPv4 or TCP header that one could take for one */
        frame[14] = random_chance(1, 2) ? 0x45 : 0x60;
        frame[23] = random_chance(1, 2) ? 6 : 17;
        frame[46] = 0x50;
    }
    return header + len;
}

static void frames(struct card *c, uint32_t index)
{
    (void)index;
    struct ring *r = &c->ring[TX];
    uint32_t count = 1u + random_below(8);
    for (uint32_t n = 0; r->size != 0 && n < count; n++) {
        uint64_t at = BUFFERS_BASE + (uint64_t)random_below(32) * 0x10000u;
        uint32_t bytes = make_frame(c, (uint8_t *)(uintptr_t)at);
        uint32_t head = c->avail_index[TX] % r->size;
        put_desc(r->desc, head, (struct desc){.address = at, .len = bytes});
        offer(c, TX, head);
    }
    card_notify(c, TX, TX);
}

/* Buffers that frames can be put into: now and then too small ones. */
static void refill(struct card *c, uint32_t index)
{
    (void)index;
    struct ring *r = &c->ring[RX];
    uint32_t count = 1u + random_below(32);
    for (uint32_t n = 0; r->size != 0 && n < count; n++) {
        uint32_t head = c->avail_index[RX] % r->size;
        uint32_t len = random_chance(1, 16) ? any_length() : 256u << random_below(5);
        put_desc(r->desc, head,
                 (struct desc){.address = any_buffer(), .len = len, .flags = DESC_WRITE});
        offer(c, RX, head);
    }
    card_notify(c, RX, RX);
}

/* --- Registers --------------------------------------------------------------------------------- */

static void scribble(struct card *c, uint32_t index)
{
    (void)c;
    uint64_t at = RINGS_BASE + (uint64_t)index * QUEUES * RING_BYTES;
    for (uint32_t n = 1u + random_below(16); n > 0; n--) {
        *half_at(at + 2u * random_below(QUEUES * RING_BYTES / 2u)) = (uint16_t)random_value();
    }
}

static void kicks(struct card *c, uint32_t index)
{
    (void)index;
    for (uint32_t n = 1u + random_below(8); n > 0; n--) {
        uint32_t queue = random_below(3);
        card_notify(c, queue, random_chance(1, 4) ? (uint32_t)random_value() : queue);
    }
}

/* Any width at any place among its registers. */
static void registers(struct card *c, uint32_t index)
{
    (void)index;
    for (uint32_t n = 1u + random_below(8); n > 0; n--) {
        uint32_t width = 1u << random_below(c->ports ? 3 : 4);
        uint64_t from =
            c->layout == LAYOUT_MODERN && random_chance(1, 2) ? c->base & ~0xFFFFull : c->base;
        uint64_t at = from + random_below(c->ports ? 0x40 : random_chance(3, 4) ? 0x100 : 0x1000);
        if (random_chance(1, 3)) {
            (void)card_read(c, at, width);
        } else {
            card_write(c, at, width, random_value());
        }
    }
}

/* Also the vectors of MSI-X, which is a capability, and BARs anywhere: the card is put back before its next
 * life. */
static void configuration(struct card *c, uint32_t index)
{
    (void)index;
    for (uint32_t n = 1u + random_below(4); n > 0; n--) {
        uint32_t at = random_chance(1, 2) ? random_below(64) : random_below(256);
        if (c->slot == 0) {
            (void)card_read(c, c->config + random_below(64), 1u << random_below(3));
        } else if (random_chance(1, 2)) {
            (void)pci_read(c->slot, at);
        } else {
            pci_write(c->slot, at, (uint32_t)random_value());
        }
    }
    card_restore(c);
}

static void reset(struct card *c, uint32_t index)
{
    (void)index;
    card_set_status(c, 0);
}

static void status(struct card *c, uint32_t index)
{
    (void)index;
    card_set_status(c, (uint32_t)random_value());
}

static const struct {
    const char *name;
    void (*run)(struct card *c, uint32_t index);
    uint32_t weight;
} attacks[ATTACKS] = {
    {"life", life, 12},          {"chains", chains, 20},       {"frames", frames, 20},
    {"refill", refill, 20},      {"scribble", scribble, 4},    {"kicks", kicks, 6},
    {"registers", registers, 6}, {"config", configuration, 4}, {"reset", reset, 2},
    {"status", status, 2},
};

const char *attack_name(uint32_t which)
{
    return attacks[which].name;
}

uint32_t attack(struct card *cards, uint32_t count)
{
    uint32_t index = random_below(count);
    uint32_t sum = 0;
    uint32_t which = 0;
    for (uint32_t i = 0; i < ATTACKS; i++) {
        sum += attacks[i].weight;
    }
    uint32_t at = random_below(sum);
    while (at >= attacks[which].weight) { /* bound: ATTACKS, for at is less than the sum */
        at -= attacks[which].weight;
        which++;
    }
    attacks[which].run(&cards[index], index);
    return which;
}
