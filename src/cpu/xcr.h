/* SPDX-License-Identifier: BSD-2-Clause
 * XCR0: what a guest may write to it, and how large its XSAVE area is for that.
 * Spec: [SDM] vol. 1, chapter 13; vol. 2A, CPUID leaf 0xD; vol. 2C, XSETBV. */
#ifndef CPU_XCR_H
#define CPU_XCR_H

#include <stdbool.h>
#include <stdint.h>

#define XCR_PARTS        10u  /* components 0 to 9: none beyond is ever offered */
#define XCR_LEGACY_BYTES 576u /* FXSAVE's 512 bytes and the XSAVE header */

/* A component as leaf 0xD tells of it. Components 0 and 1 lie in the legacy part: all zero. */
struct xcr_part {
    uint32_t bytes;
    uint32_t offset;  /* in the standard format */
    uint32_t aligned; /* 1: to 64 bytes in the compacted format */
};

struct xcr {
    uint64_t offered; /* bits that XCR0 may have; 0: no XSAVE                    */
    uint64_t fixed;   /* bits that the processor's XCR0 has whatever the guest writes */
    struct xcr_part part[XCR_PARTS];
};

/* True if a part of that size can be one: processors have told nothing else. */
bool xcr_part_valid(const struct xcr_part *part);

/* XSETBV of `value` to the register `index`: true if it is legal, false for #GP(0). */
bool xcr_write_legal(const struct xcr *x, uint32_t index, uint64_t value);

/* Bytes of the XSAVE area for these components, in the standard and in the compacted format. Bits
 * that are not offered do not count. */
uint32_t xcr_bytes(const struct xcr *x, uint64_t components);
uint32_t xcr_bytes_compacted(const struct xcr *x, uint64_t components);

#endif
