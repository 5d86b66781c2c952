/* SPDX-License-Identifier: BSD-2-Clause
 * Guest memory: the only module that holds pointers to guest RAM.
 *
 * Guest RAM is shared with an adversary. Every function copies once; the caller validates the copy.
 * A read or a write either lies in RAM as a whole (it may cross adjoining regions) or does nothing.
 *
 * Bytes go by gmem_read() and gmem_write(), in no order that another processor could rely on. Words
 * that guest and device use to agree on whose those bytes are go by gmem_load*() and gmem_store*(). */
#ifndef VM_GMEM_H
#define VM_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gpa_t; /* guest-physical address */

#define GMEM_REGIONS_MAX 16u

struct gmem_region {
    gpa_t base;
    uint64_t size; /* bytes, not 0 */
    uint8_t *host; /* where the host mapped it */
};

/* Wiring only: built by the host before the VM starts, constant after. Sorted by base. */
struct gmem {
    uint32_t count;
    struct gmem_region region[GMEM_REGIONS_MAX];
};

/* Adds a region. False, and nothing added: it is empty, wraps, overlaps another, or the table is
 * full. @pre host points to `size` bytes that stay mapped. */
bool gmem_add(struct gmem *m, gpa_t base, uint64_t size, uint8_t *host);

/* True if [gpa, gpa + len) is RAM throughout. */
bool gmem_contains(const struct gmem *m, gpa_t gpa, uint64_t len);

/* True if any of [gpa, gpa + len) is RAM. */
bool gmem_touches(const struct gmem *m, gpa_t gpa, uint64_t len);

/* Copies guest bytes out. False, and *buf untouched, if not all of the range is RAM. */
bool gmem_read(const struct gmem *m, gpa_t gpa, void *buf, size_t len);

/* Copies bytes in. False, and the guest untouched, if not all of the range is RAM. */
bool gmem_write(const struct gmem *m, gpa_t gpa, const void *buf, size_t len);

/* Fills with one byte. False, and the guest untouched, if not all of the range is RAM. */
bool gmem_fill(const struct gmem *m, gpa_t gpa, uint8_t byte, uint64_t len);

/* Control words, in one access each: what the guest wrote before the word that a load returns is seen
 * by what follows it (acquire), and what precedes a store is seen by a guest that sees its word
 * (release). False, and nothing done: not RAM, or not naturally aligned. */
bool gmem_load16(const struct gmem *m, gpa_t gpa, uint16_t *word);
bool gmem_load32(const struct gmem *m, gpa_t gpa, uint32_t *word);
bool gmem_load64(const struct gmem *m, gpa_t gpa, uint64_t *word);
bool gmem_store16(const struct gmem *m, gpa_t gpa, uint16_t word);
bool gmem_store32(const struct gmem *m, gpa_t gpa, uint32_t word);
bool gmem_store64(const struct gmem *m, gpa_t gpa, uint64_t word);

/* Replaces the word if it still is `*expected`, in one locked access. False: not RAM, not aligned, or
 * it was another, which is then in *expected. */
bool gmem_swap32(const struct gmem *m, gpa_t gpa, uint32_t *expected, uint32_t word);
bool gmem_swap64(const struct gmem *m, gpa_t gpa, uint64_t *expected, uint64_t word);

/* Some words of RAM and what they held: so that what was derived from them (a decoded instruction, a
 * translated address) need not be derived again while they are as they were. Wiring: never saved. */
#define GMEM_WATCH_MAX 7u

struct gmem_watch {
    uint32_t count;
    const volatile uint64_t *at[GMEM_WATCH_MAX + 1u];
    uint64_t was[GMEM_WATCH_MAX + 1u];
};

/* Adds the eight aligned bytes at `gpa`, which held `was`. False, and not added: no room, not RAM, or
 * not aligned. */
bool gmem_watch_add(const struct gmem *m, struct gmem_watch *w, gpa_t gpa, uint64_t was);

/* True if all of them hold what they held. */
bool gmem_watch_same(const struct gmem_watch *w);

/* A load after it happens after a store before it, which acquire and release do not promise: for
 * "tell the other side, then look once more". */
void gmem_fence(void);

/* Bytes of RAM in all regions. */
uint64_t gmem_total(const struct gmem *m);

#endif
