/* SPDX-License-Identifier: BSD-2-Clause
 * Split virtqueue. Contract: virtio/queue.h.
 *
 * A queue has no words that are both private and shared: what the driver owns is copied by
 * virtq_load() or virtq_collect() and validated there, what the device owns is never read back. */
#include "virtio/queue.h"

#include <stddef.h>

#include "base/assert.h"
#include "base/string.h"

/* Descriptor table: [VIRTIO] 2.7.5. */
struct virtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};
#define DESC_BYTES      16u
#define DESC_F_NEXT     1u
#define DESC_F_WRITE    2u
#define DESC_F_INDIRECT 4u

_Static_assert(sizeof(struct virtq_desc) == DESC_BYTES, "as it lies in guest memory");

/* Available ring: flags, index, `size` heads, and the used index at which the driver wants an
 * interrupt. [VIRTIO] 2.7.6. */
#define AVAIL_FLAGS          0u
#define AVAIL_INDEX          2u
#define AVAIL_RING           4u
#define AVAIL_ENTRY_BYTES    2u
#define AVAIL_F_NO_INTERRUPT 1u

/* Used ring: flags, index, `size` pairs of head and length, and the available index at which the
 * device wants a kick. [VIRTIO] 2.7.8. */
#define USED_FLAGS       0u
#define USED_INDEX       2u
#define USED_RING        4u
#define USED_ENTRY_BYTES 8u
#define USED_F_NO_NOTIFY 1u

/* A table of descriptors: the queue's own, or one that a descriptor of it refers to. */
struct virtq_table {
    gpa_t at;
    uint32_t entries; /* 0: there is none */
    bool indirect;
};

static bool virtq_break(struct virtq *q, enum virtq_fault fault)
{
    q->fault = fault;
    return false;
}

static gpa_t virtq_used_event(const struct virtq *q)
{
    return q->config.avail + AVAIL_RING + AVAIL_ENTRY_BYTES * (gpa_t)q->config.size;
}

static gpa_t virtq_avail_event(const struct virtq *q)
{
    return q->config.used + USED_RING + USED_ENTRY_BYTES * (gpa_t)q->config.size;
}

/* The rings were found to be RAM when the queue started. Where they are so only by two regions that
 * meet inside a word, or in a host's odd mapping, the queue breaks here. */
static bool virtq_load(struct virtq *q, gpa_t at, uint16_t *word)
{
    return gmem_load16(q->mem, at, word) || virtq_break(q, VIRTQ_NOT_RAM);
}

static bool virtq_store(struct virtq *q, gpa_t at, uint16_t word)
{
    return gmem_store16(q->mem, at, word) || virtq_break(q, VIRTQ_NOT_RAM);
}

static bool virtq_setup_valid(const struct gmem *mem, const struct virtq_config *c)
{
    const uint64_t size = c->size;
    const uint64_t event = c->event_idx ? 2u : 0u;
    if (size == 0 || size > VIRTQ_SIZE_MAX || (size & (size - 1u)) != 0) {
        return false;
    }
    if (c->desc % 16u != 0 || c->avail % 2u != 0 || c->used % 4u != 0) {
        return false;
    }
    return gmem_contains(mem, c->desc, DESC_BYTES * size) &&
           gmem_contains(mem, c->avail, AVAIL_RING + AVAIL_ENTRY_BYTES * size + event) &&
           gmem_contains(mem, c->used, USED_RING + USED_ENTRY_BYTES * size + event);
}

void virtq_start(struct virtq *q, const struct gmem *mem, const struct virtq_config *config)
{
    *q = (struct virtq){
        .mem = mem,
        .config = *config,
        .fault = virtq_setup_valid(mem, config) ? VIRTQ_SOUND : VIRTQ_BAD_SETUP,
        .avail = config->first,
        .next_avail = config->first,
        .next_used = config->first,
        .shown = config->first,
    };
}

/* Adds the buffer of one descriptor to the chain. */
static bool virtq_add(struct virtq *q, struct virtq_chain *chain, const struct virtq_desc *d)
{
    const uint32_t count = (uint32_t)chain->readable + chain->writable;
    if (count == VIRTQ_SIZE_MAX) {
        return virtq_break(q, VIRTQ_LOOP);
    }
    if (d->len > UINT32_MAX - chain->readable_bytes - chain->writable_bytes) {
        return virtq_break(q, VIRTQ_TOO_LONG);
    }
    if (!gmem_contains(q->mem, d->addr, d->len)) {
        return virtq_break(q, VIRTQ_NOT_RAM);
    }
    if ((d->flags & DESC_F_WRITE) != 0) {
        chain->writable++;
        chain->writable_bytes += d->len;
    } else if (chain->writable == 0) {
        chain->readable++;
        chain->readable_bytes += d->len;
    } else {
        return virtq_break(q, VIRTQ_BAD_ORDER);
    }
    chain->buffer[count] = (struct virtq_buffer){.at = d->addr, .len = d->len};
    return true;
}

/* The table that a descriptor refers to. Its write flag means nothing: [VIRTIO] 2.7.5.3.2. */
static bool virtq_enter(struct virtq *q, const struct virtq_desc *d, const struct virtq_table *from,
                        struct virtq_table *inner)
{
    const uint32_t entries = d->len / DESC_BYTES;
    if (!q->config.indirect || from->indirect || (d->flags & DESC_F_NEXT) != 0 ||
        d->len % DESC_BYTES != 0 || entries == 0 || entries > VIRTQ_SIZE_MAX) {
        return virtq_break(q, VIRTQ_BAD_INDIRECT);
    }
    *inner = (struct virtq_table){.at = d->addr, .entries = entries, .indirect = true};
    return true;
}

/* Adds the descriptors of one table from `index` on. inner->entries is not 0 if the last of them
 * refers to a table. */
static bool virtq_collect(struct virtq *q, const struct virtq_table *table, uint32_t index,
                          struct virtq_chain *chain, struct virtq_table *inner)
{
    inner->entries = 0;
    for (uint32_t n = 0; n < table->entries; n++) { /* bound: VIRTQ_SIZE_MAX */
        struct virtq_desc d;
        q->looked++;
        if (!gmem_read(q->mem, table->at + DESC_BYTES * (gpa_t)index, &d, sizeof(d))) {
            return virtq_break(q, VIRTQ_NOT_RAM);
        }
        if ((d.flags & DESC_F_INDIRECT) != 0) {
            return virtq_enter(q, &d, table, inner);
        }
        if (!virtq_add(q, chain, &d)) {
            return false;
        }
        if ((d.flags & DESC_F_NEXT) == 0) {
            return true;
        }
        if (d.next >= table->entries) {
            return virtq_break(q, VIRTQ_BAD_NEXT);
        }
        index = d.next;
    }
    return virtq_break(q, VIRTQ_LOOP);
}

/* Reads the driver's index, but only when all that it showed last was taken: each read may fetch a
 * cache line from the driver's processor. What was not shown as used is still the device's, so the
 * driver can have no more than `size` chains beyond that. */
static bool virtq_refresh(struct virtq *q)
{
    if (q->avail == q->next_avail && !virtq_load(q, q->config.avail + AVAIL_INDEX, &q->avail)) {
        return false;
    }
    return (uint16_t)(q->avail - q->shown) <= q->config.size || virtq_break(q, VIRTQ_BAD_INDEX);
}

static bool virtq_collect_all(struct virtq *q, struct virtq_chain *chain)
{
    const uint32_t slot = q->next_avail & (q->config.size - 1u);
    const struct virtq_table table = {.at = q->config.desc, .entries = q->config.size};
    struct virtq_table inner, none;
    chain->readable = 0;
    chain->writable = 0;
    chain->readable_bytes = 0;
    chain->writable_bytes = 0;
    if (!virtq_load(q, q->config.avail + AVAIL_RING + AVAIL_ENTRY_BYTES * slot, &chain->head)) {
        return false;
    }
    if (chain->head >= q->config.size) {
        return virtq_break(q, VIRTQ_BAD_HEAD);
    }
    if (!virtq_collect(q, &table, chain->head, chain, &inner)) {
        return false;
    }
    return inner.entries == 0 || virtq_collect(q, &inner, 0, chain, &none);
}

enum virtq_got virtq_peek(struct virtq *q, struct virtq_chain *chain)
{
    if (q->fault != VIRTQ_SOUND || !virtq_refresh(q)) {
        return VIRTQ_BROKEN;
    }
    if (q->avail == q->next_avail) {
        return VIRTQ_EMPTY;
    }
    return virtq_collect_all(q, chain) ? VIRTQ_CHAIN : VIRTQ_BROKEN;
}

void virtq_accept(struct virtq *q)
{
    q->next_avail++;
}

void virtq_give(struct virtq *q, uint16_t head, uint32_t written)
{
    const uint32_t slot = q->next_used & (q->config.size - 1u);
    const gpa_t at = q->config.used + USED_RING + USED_ENTRY_BYTES * (gpa_t)slot;
    if (q->fault != VIRTQ_SOUND) {
        return;
    }
    if (!gmem_store32(q->mem, at, head) || !gmem_store32(q->mem, at + 4u, written)) {
        q->fault = VIRTQ_NOT_RAM;
        return;
    }
    q->next_used++;
}

void virtq_undo(struct virtq *q, uint16_t count)
{
    BH_ASSERT(q->fault != VIRTQ_SOUND || count <= (uint16_t)(q->next_used - q->shown));
    q->next_avail = (uint16_t)(q->next_avail - count);
    q->next_used = (uint16_t)(q->next_used - count);
}

/* True: the driver wants to know that the used index went from `old` to q->shown.
 * Spec: [VIRTIO] 2.7.7.2. */
static bool virtq_wants_interrupt(struct virtq *q, uint16_t old)
{
    uint16_t word;
    if (!q->config.event_idx) {
        return virtq_load(q, q->config.avail + AVAIL_FLAGS, &word) &&
               (word & AVAIL_F_NO_INTERRUPT) == 0;
    }
    return virtq_load(q, virtq_used_event(q), &word) &&
           (uint16_t)(q->shown - word - 1u) < (uint16_t)(q->shown - old);
}

bool virtq_show(struct virtq *q)
{
    const uint16_t old = q->shown;
    if (q->fault != VIRTQ_SOUND || q->next_used == old) {
        return false;
    }
    if (!virtq_store(q, q->config.used + USED_INDEX, q->next_used)) {
        return false;
    }
    q->shown = q->next_used;
    /* The driver asks for interrupts and then looks at the index once more: one of us sees the
     * other's word. */
    gmem_fence();
    return virtq_wants_interrupt(q, old);
}

/* With EVENT_IDX there is nothing to say: the driver kicks when it passes the index it was given last,
 * and that lies behind it. */
void virtq_kicks_off(struct virtq *q)
{
    if (q->fault == VIRTQ_SOUND && !q->config.event_idx && !q->quiet) {
        q->quiet = virtq_store(q, q->config.used + USED_FLAGS, USED_F_NO_NOTIFY);
    }
}

bool virtq_kicks_on(struct virtq *q)
{
    if (q->fault != VIRTQ_SOUND) {
        return false;
    }
    const bool told = q->config.event_idx ? virtq_store(q, virtq_avail_event(q), q->next_avail)
                                          : virtq_store(q, q->config.used + USED_FLAGS, 0);
    q->quiet = false;
    gmem_fence();
    return !told || !virtq_refresh(q) || q->avail != q->next_avail;
}

/* What is left of a copy, and the piece of it that comes next and lies in one buffer. */
struct virtq_walk {
    const struct virtq_buffer *buffer;
    uint32_t off;
    uint32_t left;
    gpa_t at;
    uint32_t bytes;
};

/* @pre the buffers hold off + left bytes */
static bool virtq_next(struct virtq_walk *w)
{
    if (w->left == 0) {
        return false;
    }
    while (w->off >= w->buffer->len) { /* bound: VIRTQ_SIZE_MAX, as there are more bytes */
        w->off -= w->buffer->len;
        w->buffer++;
    }
    const uint32_t bytes = w->buffer->len - w->off;
    w->at = w->buffer->at + w->off;
    w->bytes = w->left < bytes ? w->left : bytes;
    w->off += w->bytes;
    w->left -= w->bytes;
    return true;
}

bool virtq_read(const struct virtq *q, const struct virtq_chain *chain, uint32_t off, void *to,
                uint32_t len)
{
    struct virtq_walk w = {.buffer = chain->buffer, .off = off, .left = len};
    uint8_t *at = to;
    bool copied = off <= chain->readable_bytes && len <= chain->readable_bytes - off;
    while (copied && virtq_next(&w)) { /* bound: VIRTQ_SIZE_MAX */
        copied = gmem_read(q->mem, w.at, at, w.bytes);
        at += w.bytes;
    }
    return copied;
}

bool virtq_write(const struct virtq *q, const struct virtq_chain *chain, uint32_t off,
                 const void *from, uint32_t len)
{
    struct virtq_walk w = {.buffer = &chain->buffer[chain->readable], .off = off, .left = len};
    const uint8_t *at = from;
    bool copied = off <= chain->writable_bytes && len <= chain->writable_bytes - off;
    while (copied && virtq_next(&w)) { /* bound: VIRTQ_SIZE_MAX */
        copied = gmem_write(q->mem, w.at, at, w.bytes);
        at += w.bytes;
    }
    return copied;
}
