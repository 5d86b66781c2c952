/* SPDX-License-Identifier: BSD-2-Clause
 * The MSI-X capability of a PCI function: its control word, its table and its pending bits.
 *
 * A vector that is masked, alone or with the whole function, is pending until it is unmasked: nothing is
 * lost, and however often it was raised meanwhile, one message goes out.
 * Spec: [PCI] 3.0, 6.8.2 (capability, table, PBA), 6.8.3 (masking); [SDM] vol. 3A, 11.11 (messages). */
#ifndef DEV_MSIX_H
#define DEV_MSIX_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/line.h"

#define MSIX_VECTORS_MAX 4u
#define MSIX_NO_VECTOR   0xFFFFu

/* The window: dwords only. */
#define MSIX_TABLE 0x000u /* 16 bytes a vector */
#define MSIX_PBA   0x800u
#define MSIX_LEN   0x1000u

/* The capability's three dwords in configuration space; `next` is the capability behind it. */
#define MSIX_CAP_ID            0x11u
#define MSIX_CAP_HEAD(next, n) (MSIX_CAP_ID | (uint32_t)(next) << 8 | ((uint32_t)(n)-1u) << 16)
#define MSIX_CAP_TABLE(bar)    (MSIX_TABLE | (uint32_t)(bar))
#define MSIX_CAP_PBA(bar)      (MSIX_PBA | (uint32_t)(bar))
#define MSIX_CAP_ENABLE        0x80000000u /* of its first dword: what can be written */
#define MSIX_CAP_MASK          0x40000000u
#define MSIX_CAP_RW            (MSIX_CAP_ENABLE | MSIX_CAP_MASK)

struct msix; /* layout: dev/msix_state.h */

struct msix_counts {
    uint64_t sent;
    uint64_t pended; /* raised while masked                                     */
    uint64_t astray; /* dropped: the entry's address is not that of a local APIC */
};

/* @pre 1 <= vectors <= MSIX_VECTORS_MAX. Call msix_reset before use. */
void msix_init(struct msix *m, uint32_t vectors, const struct msg_line *out);

/* Disabled, every vector masked, nothing pending. */
void msix_reset(struct msix *m);

/* The capability's first dword was written and now holds `head`. */
void msix_set_control(struct msix *m, uint32_t head);

/* True: the guest uses MSI-X, so the function must not use its pin. */
bool msix_enabled(const struct msix *m);

/* True if the table has this vector. */
bool msix_has(const struct msix *m, uint32_t vector);

/* Sends the vector's message, or makes it pending. Nothing happens while MSI-X is disabled, and for a
 * vector that the table does not have. */
void msix_raise(struct msix *m, uint32_t vector);

/* The window. @pre off is a multiple of 4 below MSIX_LEN. */
uint32_t msix_read(const struct msix *m, uint32_t off);
void msix_write(struct msix *m, uint32_t off, uint32_t val);

const struct msix_counts *msix_counts(const struct msix *m);

/* The class invariant. */
bool msix_valid(const struct msix *m);

#endif
