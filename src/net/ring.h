/* SPDX-License-Identifier: BSD-2-Clause
 * Frame ring: one writer and one reader in two components share a piece of memory and nothing else.
 *
 * Records are a struct frame_words and the frame, padded to 16 bytes and never wrapped: a record that
 * does not fit before the end is preceded by filler. Each end keeps its own index in private memory
 * and publishes it; what the other end wrote is copied once and then validated. An end that finds
 * nonsense there (the other component is broken, or an enemy) drops what is in the ring, counts it,
 * and goes on: it is never led outside of `data`, nor into a loop longer than the ring.
 *
 * Sleeping: an end says that it sleeps, looks once more, and only then sleeps; the other end looks at
 * that word after it published. Either the sleeper sees the new index or its peer sees the word, so
 * no wake-up is lost (tests/models/ring.pml). How one is woken is the host's: an eventfd, a
 * notification. */
#ifndef NET_RING_H
#define NET_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "net/frame.h"

/* A power of two, and room for a full receive queue of 256 frames of 1,514 bytes in seven eighths of
 * it (the switch keeps the last eighth from those who fill it), or for seven of the largest frames. */
#define RING_BYTES 524288u

#define RING_ALIGN  16u
#define RING_FILLER UINT32_MAX /* in place of a record's length: nothing up to the end of data */

/* In shared memory. All zero: empty, both ends awake. Indices count bytes modulo 2^32. */
struct ring_shared {
    _Alignas(64) uint32_t tail; /* the writer's */
    uint32_t writer_sleeps;
    _Alignas(64) uint32_t head; /* the reader's */
    uint32_t reader_sleeps;
    _Alignas(64) uint8_t data[RING_BYTES];
};

struct ring_writer {
    struct ring_shared *shared;
    uint32_t tail;     /* with what is committed and not yet published    */
    uint32_t head;     /* the reader's, as last looked at                 */
    uint32_t reserved; /* where the reserved record begins                */
    uint32_t room;     /* bytes of the reservation; 0: there is none      */
    bool unpublished;  /* the reader may not know of tail                 */
    uint64_t broken;   /* times that the reader's index was nonsense: the
                          ring then counts as full                        */
};

struct ring_reader {
    struct ring_shared *shared;
    uint32_t head;   /* with what is consumed and not yet released */
    uint32_t tail;   /* the writer's, as last looked at            */
    uint32_t record; /* bytes of the record that was peeked at     */
    bool unreleased; /* the writer may not know of head            */
    uint64_t broken; /* times that the writer's records were nonsense: all that was there is lost */
};

/* Takes up where the last writer (reader) of this ring stopped: also after that one's crash. It may
 * have died between showing and waking: publish (release) once, and wake the peer, before anything
 * else. What was committed and not published is gone; what was not released is read again. */
void ring_writer_attach(struct ring_writer *w, struct ring_shared *shared);
void ring_reader_attach(struct ring_reader *r, struct ring_shared *shared);

/* Room for a frame of up to len bytes, 16-byte aligned; NULL: full. A second call replaces the first.
 * @pre len <= FRAME_MAX_BYTES */
uint8_t *ring_reserve(struct ring_writer *w, uint32_t len);
/* The reserved frame is complete. @pre words->len is at most what was reserved */
void ring_commit(struct ring_writer *w, const struct frame_words *words);
/* Shows the reader what was committed. True: the reader sleeps, wake it; said once for each sleep. */
bool ring_publish(struct ring_writer *w);
/* True: there is no room for a frame of len bytes, and the reader will wake this end when it made
 * some (perhaps not enough). False: there is. @pre all is published; len <= FRAME_MAX_BYTES */
bool ring_writer_sleep(struct ring_writer *w, uint32_t len);
/* True: so many bytes of the ring are free, at least. @pre bytes <= RING_BYTES */
bool ring_has_room(struct ring_writer *w, uint32_t bytes);

/* The oldest frame, or NULL: empty. The bytes are shared memory: read each once. words->len is at
 * most FRAME_MAX_BYTES and lies inside the ring. */
const uint8_t *ring_peek(struct ring_reader *r, struct frame_words *words);
/* Done with the frame that ring_peek() showed. */
void ring_consume(struct ring_reader *r);
/* Gives the writer the room back. True: the writer sleeps, wake it; said once for each sleep. */
bool ring_release(struct ring_reader *r);
/* True: the ring is empty, and the writer will wake this end. False: there are frames. @pre all that
 * was consumed is released, and ring_peek() said that there is nothing */
bool ring_reader_sleep(struct ring_reader *r);

#endif
