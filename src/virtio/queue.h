/* SPDX-License-Identifier: BSD-2-Clause
 * Split virtqueue, the device's side. The layout is the same for legacy and modern devices (legacy is
 * little-endian here, as its guests are); only who chooses the addresses differs.
 *
 * The driver is an adversary: each word of the rings is read once into private memory and validated.
 * Work is bounded: a chain has at most `size` descriptors, and an indirect table at its end at most
 * VIRTQ_SIZE_MAX more (Linux fills tables that are longer than a small queue). A queue that was driven
 * outside of the rules is broken: it stays silent until the device is reset.
 * Spec: [VIRTIO] 1.2, 2.7 (split virtqueues), 2.7.5.3 (indirect), 2.7.7 and 2.7.10 (suppression). */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/gmem.h"

#define VIRTQ_SIZE_MAX 256u

enum virtq_fault {
    VIRTQ_SOUND = 0,
    VIRTQ_BAD_SETUP,    /* size not a power of two up to VIRTQ_SIZE_MAX, misaligned, not in RAM */
    VIRTQ_BAD_INDEX,    /* the available index ran ahead by more than the size                 */
    VIRTQ_BAD_HEAD,     /* a head beyond the table                                             */
    VIRTQ_BAD_NEXT,     /* a next beyond the table                                             */
    VIRTQ_LOOP,         /* more descriptors than the table has, or buffers than a chain holds  */
    VIRTQ_BAD_ORDER,    /* a readable buffer behind a writable one                             */
    VIRTQ_BAD_INDIRECT, /* not negotiated, nested, chained, or of a senseless length           */
    VIRTQ_NOT_RAM,      /* a buffer or a ring outside of guest RAM                             */
    VIRTQ_TOO_LONG,     /* a chain of more than 2^32 - 1 bytes                                 */
};

struct virtq_config {
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
    uint32_t size;
    uint16_t first; /* index to begin at: 0 after a reset    */
    bool indirect;  /* VIRTIO_F_INDIRECT_DESC was negotiated */
    bool event_idx; /* VIRTIO_F_EVENT_IDX was negotiated     */
};

struct virtq {
    const struct gmem *mem;
    struct virtq_config config;
    enum virtq_fault fault;
    uint16_t avail;      /* the driver's index, when last read                  */
    uint16_t next_avail; /* of the chain that virtq_peek() shows                */
    uint16_t next_used;  /* with what was given and not shown                   */
    uint16_t shown;      /* the index that the driver sees                      */
    uint32_t looked;     /* descriptors that were read, modulo 2^32: what it costs */
    bool quiet;          /* the driver was asked not to kick (without EVENT_IDX) */
};

struct virtq_buffer {
    gpa_t at; /* all of it is RAM */
    uint32_t len;
};

/* One chain: `readable` buffers first, then `writable` ones. Private memory. */
struct virtq_chain {
    uint16_t head;
    uint16_t readable;
    uint16_t writable;
    uint32_t readable_bytes;
    uint32_t writable_bytes;
    struct virtq_buffer buffer[VIRTQ_SIZE_MAX];
};

enum virtq_got {
    VIRTQ_EMPTY,
    VIRTQ_CHAIN,
    VIRTQ_BROKEN,
};

/* A setup that makes no sense gives a broken queue. */
void virtq_start(struct virtq *q, const struct gmem *mem, const struct virtq_config *config);

/* The next chain that the driver made available. It is not consumed until virtq_accept(). */
enum virtq_got virtq_peek(struct virtq *q, struct virtq_chain *chain);
/* @pre the last virtq_peek() gave VIRTQ_CHAIN */
void virtq_accept(struct virtq *q);

/* Gives a chain back: `written` bytes of its writable part. Not shown until virtq_show(); several may
 * be given before. @pre each chain that was accepted is given once */
void virtq_give(struct virtq *q, uint16_t head, uint32_t written);
/* The last `count` chains were neither accepted nor given: virtq_peek() shows them again.
 * @pre all of them were given, and not yet shown */
void virtq_undo(struct virtq *q, uint16_t count);
/* Shows the driver what was given. True: it wants an interrupt. */
bool virtq_show(struct virtq *q);

/* Asks the driver not to kick, or to kick again. The latter returns true if a chain has come
 * meanwhile, or the queue was just found broken: virtq_peek() before going to sleep. */
void virtq_kicks_off(struct virtq *q);
bool virtq_kicks_on(struct virtq *q);

/* Copy between a chain and private memory: from byte `off` of its readable (writable) part. False,
 * and nothing promised of the copy, if there are not len bytes there. */
bool virtq_read(const struct virtq *q, const struct virtq_chain *chain, uint32_t off, void *to,
                uint32_t len);
bool virtq_write(const struct virtq *q, const struct virtq_chain *chain, uint32_t off,
                 const void *from, uint32_t len);

#endif
