/* SPDX-License-Identifier: BSD-2-Clause
 * XCR0 and the sizes of the XSAVE area. */
#include "cpu/xcr.h"

#include "base/bits.h"
#include "vm/regs.h"

#define XCR_PART_MAX   8192u  /* bytes of one component: AMX, the largest, has this much */
#define XCR_OFFSET_MAX 65536u /* no component lies beyond */

bool xcr_part_valid(const struct xcr_part *part)
{
    return part->bytes != 0 && part->bytes <= XCR_PART_MAX && part->offset >= XCR_LEGACY_BYTES &&
           part->offset <= XCR_OFFSET_MAX;
}

bool xcr_write_legal(const struct xcr *x, uint32_t index, uint64_t value)
{
    if (index != 0 || (value & ~x->offered) != 0 || (value & XCR0_X87) == 0) {
        return false;
    }
    if ((value & XCR0_AVX) != 0 && (value & XCR0_SSE) == 0) {
        return false;
    }
    uint64_t avx512 = value & XCR0_AVX512;
    return avx512 == 0 || (avx512 == XCR0_AVX512 && (value & XCR0_AVX) != 0);
}

uint32_t xcr_bytes(const struct xcr *x, uint64_t components)
{
    uint32_t bytes = XCR_LEGACY_BYTES;
    for (uint32_t i = 2; i < XCR_PARTS; i++) {
        const struct xcr_part *p = &x->part[i];
        bool counts = (components & x->offered & BIT64(i)) != 0;
        if (counts && p->offset + p->bytes > bytes) {
            bytes = p->offset + p->bytes;
        }
    }
    return bytes;
}

uint32_t xcr_bytes_compacted(const struct xcr *x, uint64_t components)
{
    uint32_t bytes = XCR_LEGACY_BYTES;
    for (uint32_t i = 2; i < XCR_PARTS; i++) {
        const struct xcr_part *p = &x->part[i];
        if ((components & x->offered & BIT64(i)) != 0) {
            bytes = p->aligned != 0 ? (bytes + 63u) & ~63u : bytes;
            bytes += p->bytes;
        }
    }
    return bytes;
}
