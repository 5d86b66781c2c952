/* SPDX-License-Identifier: BSD-2-Clause
 * The guest's side of a virtqueue, for tests: guest RAM between guard pages, and a driver that puts
 * chains into a queue and takes them out again, as a correct driver does. Tests of incorrect ones write
 * where they like: guest_at() is the way to any byte.
 *
 * Memory and queues are the caller's; nothing here is static. */
#ifndef UNIT_VIRTIO_GUEST_DRIVER_H
#define UNIT_VIRTIO_GUEST_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arith.h"
#include "base/le.h"
#include "vm/gmem.h"

#define GUEST_PAGE      4096u
#define GUEST_RAM_BASE  0x40000000u
#define GUEST_RAM_BYTES 0x200000u

#define GUEST_CHECK(holds)                                                             \
    do {                                                                               \
        if (!(holds)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds); \
            abort();                                                                   \
        }                                                                              \
    } while (0)

/* --- RAM ------------------------------------------------------------------------------------- */
struct guest_ram {
    struct gmem mem;
    uint8_t *bytes; /* GUEST_RAM_BYTES at GUEST_RAM_BASE; a page before and one behind trap */
};

static inline void guest_ram_open(struct guest_ram *ram)
{
    const size_t all = GUEST_RAM_BYTES + 2u * GUEST_PAGE;
    uint8_t *at = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    GUEST_CHECK(at != MAP_FAILED);
    GUEST_CHECK(mprotect(at + GUEST_PAGE, GUEST_RAM_BYTES, PROT_READ | PROT_WRITE) == 0);
    memset(ram, 0, sizeof(*ram));
    ram->bytes = at + GUEST_PAGE;
    GUEST_CHECK(gmem_add(&ram->mem, GUEST_RAM_BASE, GUEST_RAM_BYTES, ram->bytes));
}

static inline void guest_ram_close(struct guest_ram *ram)
{
    GUEST_CHECK(munmap(ram->bytes - GUEST_PAGE, GUEST_RAM_BYTES + 2u * GUEST_PAGE) == 0);
    ram->bytes = NULL;
}

/* The host address of `len` bytes of guest RAM. */
static inline uint8_t *guest_at(const struct guest_ram *ram, gpa_t gpa, uint64_t len)
{
    GUEST_CHECK(range_within(gpa, len, GUEST_RAM_BASE, GUEST_RAM_BYTES));
    return ram->bytes + (gpa - GUEST_RAM_BASE);
}

static inline uint16_t guest_get16(const struct guest_ram *ram, gpa_t gpa)
{
    return le16(guest_at(ram, gpa, 2));
}

static inline void guest_put(const struct guest_ram *ram, gpa_t gpa, uint32_t size, uint64_t val)
{
    le_store(guest_at(ram, gpa, size), size, val);
}

/* --- Queue ------------------------------------------------------------------------------------ */
#define GUEST_QUEUE_MAX 256u

#define GUEST_F_NEXT     1u
#define GUEST_F_WRITE    2u
#define GUEST_F_INDIRECT 4u

struct guest_buffer {
    gpa_t at;
    uint32_t len;
};

struct guest_queue {
    struct guest_ram *ram;
    gpa_t desc, avail, used;
    uint32_t size;
    bool event_idx;
    uint16_t avail_idx; /* with what was not published    */
    uint16_t published;
    uint16_t used_idx; /* what was taken                 */
    uint32_t free;     /* descriptors                    */
    uint16_t next[GUEST_QUEUE_MAX];
    uint16_t first_free;
    uint16_t length[GUEST_QUEUE_MAX]; /* of the chain with that head, 0: none */
    uint64_t token[GUEST_QUEUE_MAX];
};

/* Bytes that a queue takes in the legacy layout, where the used ring begins at a page. */
static inline uint32_t guest_queue_bytes(uint32_t size)
{
    return (uint32_t)(align_up(18u * size + 6u, GUEST_PAGE) + align_up(8u * size + 6u, GUEST_PAGE));
}

/* A queue in zeroed memory at `at`, in the legacy layout. @pre at is a page's */
static inline void guest_queue_open(struct guest_queue *q, struct guest_ram *ram, gpa_t at,
                                    uint32_t size, bool event_idx)
{
    GUEST_CHECK(size != 0 && size <= GUEST_QUEUE_MAX && at % GUEST_PAGE == 0);
    memset(q, 0, sizeof(*q));
    memset(guest_at(ram, at, guest_queue_bytes(size)), 0, guest_queue_bytes(size));
    q->ram = ram;
    q->desc = at;
    q->avail = at + 16u * size;
    q->used = at + align_up(18u * size + 6u, GUEST_PAGE);
    q->size = size;
    q->event_idx = event_idx;
    q->free = size;
    for (uint32_t i = 0; i < size; i++) {
        q->next[i] = (uint16_t)((i + 1u) % size);
    }
}

/* As after a reset, but with indices that begin at `first`: for tests of wrapping. */
static inline void guest_queue_begin_at(struct guest_queue *q, uint16_t first)
{
    q->avail_idx = q->published = q->used_idx = first;
    guest_put(q->ram, q->avail + 2u, 2, first);
    guest_put(q->ram, q->used + 2u, 2, first);
}

static inline void guest_desc(const struct guest_ram *ram, gpa_t table, uint32_t index,
                              struct guest_buffer b, uint32_t flags_next)
{
    const gpa_t at = table + 16u * index;
    guest_put(ram, at, 8, b.at);
    guest_put(ram, at + 8u, 4, b.len);
    guest_put(ram, at + 12u, 4, flags_next); /* flags | next << 16 */
}

/* Puts a head into the available ring, not yet published: also one that is nonsense. */
static inline void guest_offer_head(struct guest_queue *q, uint16_t head)
{
    guest_put(q->ram, q->avail + 4u + 2u * (q->avail_idx % q->size), 2, head);
    q->avail_idx++;
}

/* Offers a chain: `readable` buffers, then `writable` ones. False: no descriptors left. */
static inline bool guest_offer(struct guest_queue *q, const struct guest_buffer *b,
                               uint32_t readable, uint32_t writable, uint64_t token)
{
    const uint32_t count = readable + writable;
    const uint16_t head = q->first_free;
    if (count == 0 || count > q->free) {
        return false;
    }
    uint16_t at = head;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t flags =
            (i >= readable ? GUEST_F_WRITE : 0u) | (i + 1u < count ? GUEST_F_NEXT : 0u);
        guest_desc(q->ram, q->desc, at, b[i], flags | (uint32_t)q->next[at] << 16);
        q->first_free = q->next[at];
        at = q->first_free;
    }
    q->free -= count;
    q->length[head] = (uint16_t)count;
    q->token[head] = token;
    guest_offer_head(q, head);
    return true;
}

/* The same by an indirect table that is built at `table`. False: no descriptor left. */
static inline bool guest_offer_indirect(struct guest_queue *q, gpa_t table,
                                        const struct guest_buffer *b, uint32_t readable,
                                        uint32_t writable, uint64_t token)
{
    const uint32_t count = readable + writable;
    const uint16_t head = q->first_free;
    if (q->free == 0) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t flags =
            (i >= readable ? GUEST_F_WRITE : 0u) | (i + 1u < count ? GUEST_F_NEXT : 0u);
        guest_desc(q->ram, table, i, b[i], flags | (i + 1u) << 16);
    }
    guest_desc(q->ram, q->desc, head, (struct guest_buffer){table, 16u * count}, GUEST_F_INDIRECT);
    q->first_free = q->next[head];
    q->free--;
    q->length[head] = 1;
    q->token[head] = token;
    guest_offer_head(q, head);
    return true;
}

/* Shows the device what was offered. True: a correct driver kicks. */
static inline bool guest_publish(struct guest_queue *q)
{
    const uint16_t old = q->published;
    GUEST_CHECK(gmem_store16(&q->ram->mem, q->avail + 2u, q->avail_idx));
    q->published = q->avail_idx;
    gmem_fence();
    if (!q->event_idx) {
        return old != q->published && (guest_get16(q->ram, q->used) & 1u) == 0;
    }
    const uint16_t event = guest_get16(q->ram, q->used + 4u + 8u * q->size);
    return (uint16_t)(q->published - event - 1u) < (uint16_t)(q->published - old);
}

/* Takes a chain that the device gave back. */
static inline bool guest_take(struct guest_queue *q, uint64_t *token, uint32_t *len)
{
    uint16_t idx;
    GUEST_CHECK(gmem_load16(&q->ram->mem, q->used + 2u, &idx));
    if (idx == q->used_idx) {
        return false;
    }
    const gpa_t at = q->used + 4u + 8u * (q->used_idx % q->size);
    const uint32_t head = le32(guest_at(q->ram, at, 4));
    *len = le32(guest_at(q->ram, at + 4u, 4));
    q->used_idx++;
    GUEST_CHECK(head < q->size && q->length[head] != 0);
    *token = q->token[head];
    uint16_t last = (uint16_t)head;
    for (uint32_t i = 1; i < q->length[head]; i++) {
        last = q->next[last];
    }
    q->next[last] = q->first_free;
    q->first_free = (uint16_t)head;
    q->free += q->length[head];
    q->length[head] = 0;
    return true;
}

/* Asks for an interrupt with the next chain that is given back (true), or for none. */
static inline void guest_want_interrupts(struct guest_queue *q, bool want)
{
    if (q->event_idx) {
        const uint16_t event = want ? q->used_idx : (uint16_t)(q->used_idx - 1u);
        GUEST_CHECK(gmem_store16(&q->ram->mem, q->avail + 4u + 2u * q->size, event));
    } else {
        GUEST_CHECK(gmem_store16(&q->ram->mem, q->avail, want ? 0 : 1));
    }
    gmem_fence();
}

#endif
