/* SPDX-License-Identifier: BSD-2-Clause
 * Frame ring: see ring.h for the protocol.
 *
 * The indices run modulo 2^32, of which RING_BYTES is a divisor: index % RING_BYTES is the place in
 * data, and tail - head the bytes that are taken, also when either has wrapped. All are multiples of
 * RING_ALIGN, so that a record's words always lie in one piece.
 *
 * Each end remembers the other's index and looks again only when it must: at a ring that is half full
 * the two do not touch each other's cache line at every frame. */
#include "net/ring.h"

#include "base/assert.h"
#include "base/shared.h"

#define RING_WORDS_BYTES ((uint32_t)sizeof(struct frame_words))

_Static_assert((RING_BYTES & (RING_BYTES - 1u)) == 0, "places are indices modulo RING_BYTES");
_Static_assert(RING_BYTES >= 3u * (FRAME_MAX_BYTES + 2u * RING_ALIGN),
               "an empty ring takes the largest frame and the filler before it");
_Static_assert(sizeof(struct frame_words) == RING_ALIGN, "words fit where a record can begin");

/* Bytes of a record. @pre len <= FRAME_MAX_BYTES */
static uint32_t ring_record_bytes(uint32_t len)
{
    return RING_WORDS_BYTES + ((len + RING_ALIGN - 1u) & ~(RING_ALIGN - 1u));
}

/* Bytes from an index to the end of data: 1 to RING_BYTES. */
static uint32_t ring_to_end(uint32_t index)
{
    return RING_BYTES - index % RING_BYTES;
}

/* Bytes of filler before a record of so many bytes at `tail`. */
static uint32_t ring_filler(uint32_t tail, uint32_t bytes)
{
    const uint32_t to_end = ring_to_end(tail);
    return to_end < bytes ? to_end : 0;
}

/* True if head and tail can be those of one ring. */
static bool ring_plausible(uint32_t head, uint32_t tail)
{
    return tail - head <= RING_BYTES && (tail - head) % RING_ALIGN == 0;
}

/* --- The writer --- */

void ring_writer_attach(struct ring_writer *w, struct ring_shared *shared)
{
    const uint32_t tail = shared_load(&shared->tail) & ~(RING_ALIGN - 1u);
    *w = (struct ring_writer){
        .shared = shared,
        .tail = tail,
        .head = tail - RING_BYTES, /* full, until it is looked at */
        .unpublished = true,
    };
}

static void ring_writer_look(struct ring_writer *w)
{
    const uint32_t head = shared_load(&w->shared->head);
    if (ring_plausible(head, w->tail)) {
        w->head = head;
    } else {
        w->broken++;
        w->head = w->tail - RING_BYTES;
    }
}

bool ring_has_room(struct ring_writer *w, uint32_t bytes)
{
    if (RING_BYTES - (w->tail - w->head) >= bytes) {
        return true;
    }
    ring_writer_look(w);
    return RING_BYTES - (w->tail - w->head) >= bytes;
}

uint8_t *ring_reserve(struct ring_writer *w, uint32_t len)
{
    BH_ASSERT(len <= FRAME_MAX_BYTES);
    const uint32_t bytes = ring_record_bytes(len);
    const uint32_t filler = ring_filler(w->tail, bytes);
    w->room = 0;
    if (!ring_has_room(w, filler + bytes)) {
        return NULL;
    }
    w->reserved = w->tail + filler;
    w->room = bytes;
    return w->shared->data + w->reserved % RING_BYTES + RING_WORDS_BYTES;
}

void ring_commit(struct ring_writer *w, const struct frame_words *words)
{
    BH_ASSERT(words->len <= FRAME_MAX_BYTES);
    const uint32_t bytes = ring_record_bytes(words->len);
    BH_ASSERT(bytes <= w->room);
    if (w->reserved != w->tail) {
        const struct frame_words filler = {.len = RING_FILLER};
        __builtin_memcpy(w->shared->data + w->tail % RING_BYTES, &filler, RING_WORDS_BYTES);
    }
    __builtin_memcpy(w->shared->data + w->reserved % RING_BYTES, words, RING_WORDS_BYTES);
    w->tail = w->reserved + bytes;
    w->room = 0;
    w->unpublished = true;
}

bool ring_publish(struct ring_writer *w)
{
    if (!w->unpublished) {
        return false;
    }
    w->unpublished = false;
    shared_store(&w->shared->tail, w->tail);
    shared_fence(); /* or the old word is read while the new tail is still on its way */
    return shared_load(&w->shared->reader_sleeps) != 0 &&
           shared_exchange(&w->shared->reader_sleeps, 0) != 0;
}

bool ring_writer_sleep(struct ring_writer *w, uint32_t len)
{
    BH_ASSERT(len <= FRAME_MAX_BYTES);
    const uint32_t bytes = ring_record_bytes(len);
    shared_store(&w->shared->writer_sleeps, 1);
    shared_fence();
    if (ring_has_room(w, ring_filler(w->tail, bytes) + bytes)) {
        shared_store(&w->shared->writer_sleeps, 0);
        return false;
    }
    return true;
}

/* --- The reader --- */

void ring_reader_attach(struct ring_reader *r, struct ring_shared *shared)
{
    const uint32_t head = shared_load(&shared->head) & ~(RING_ALIGN - 1u);
    *r = (struct ring_reader){
        .shared = shared,
        .head = head,
        .tail = head, /* empty, until it is looked at */
        .unreleased = true,
    };
}

/* Nonsense: what is in the ring, by the writer's own word, is lost. */
static void ring_drop(struct ring_reader *r)
{
    r->broken++;
    r->head = r->tail;
    r->unreleased = true;
}

static void ring_reader_look(struct ring_reader *r)
{
    const uint32_t tail = shared_load(&r->shared->tail);
    r->tail = tail & ~(RING_ALIGN - 1u);
    if (!ring_plausible(r->head, tail)) {
        ring_drop(r);
    }
}

/* The bytes of the record at head, with these words; 0: there can be no such record. */
static uint32_t ring_measure(const struct ring_reader *r, const struct frame_words *words)
{
    const uint32_t there = r->tail - r->head;
    const uint32_t to_end = ring_to_end(r->head);
    uint32_t bytes = 0;
    if (words->len <= FRAME_MAX_BYTES) {
        bytes = ring_record_bytes(words->len);
    } else if (words->len == RING_FILLER && to_end != RING_BYTES) {
        bytes = to_end;
    }
    return bytes <= there && bytes <= to_end ? bytes : 0;
}

const uint8_t *ring_peek(struct ring_reader *r, struct frame_words *words)
{
    r->record = 0;
    /* Filler leads to the beginning, where no filler is believed. */
    for (uint32_t i = 0; i < 2; i++) { /* bound: 2 */
        if (r->head == r->tail) {
            ring_reader_look(r);
        }
        if (r->head == r->tail) {
            return NULL;
        }
        const uint8_t *record = r->shared->data + r->head % RING_BYTES;
        shared_copy(words, record, RING_WORDS_BYTES);
        const uint32_t bytes = ring_measure(r, words);
        if (bytes == 0) {
            break;
        }
        if (words->len != RING_FILLER) {
            r->record = bytes;
            return record + RING_WORDS_BYTES;
        }
        r->head += bytes;
        r->unreleased = true;
    }
    ring_drop(r);
    return NULL;
}

void ring_consume(struct ring_reader *r)
{
    r->head += r->record;
    r->record = 0;
    r->unreleased = true;
}

bool ring_release(struct ring_reader *r)
{
    if (!r->unreleased) {
        return false;
    }
    r->unreleased = false;
    shared_store(&r->shared->head, r->head);
    shared_fence();
    return shared_load(&r->shared->writer_sleeps) != 0 &&
           shared_exchange(&r->shared->writer_sleeps, 0) != 0;
}

bool ring_reader_sleep(struct ring_reader *r)
{
    shared_store(&r->shared->reader_sleeps, 1);
    shared_fence();
    if ((shared_load(&r->shared->tail) & ~(RING_ALIGN - 1u)) != r->head) {
        shared_store(&r->shared->reader_sleeps, 0);
        return false;
    }
    return true;
}
