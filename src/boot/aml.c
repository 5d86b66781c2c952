/* SPDX-License-Identifier: BSD-2-Clause
 * Writes ACPI machine language into a caller's buffer: just what our DSDT needs. */
#include "boot/aml.h"

#define AML_ZERO_OP      0x00u
#define AML_ONE_OP       0x01u
#define AML_NAME_OP      0x08u
#define AML_BYTE_PREFIX  0x0Au
#define AML_WORD_PREFIX  0x0Bu
#define AML_DWORD_PREFIX 0x0Cu
#define AML_STRING       0x0Du
#define AML_QWORD_PREFIX 0x0Eu
#define AML_SCOPE_OP     0x10u
#define AML_BUFFER_OP    0x11u
#define AML_PACKAGE_OP   0x12u
#define AML_EXT_OP       0x5Bu
#define AML_DEVICE_OP    0x82u /* after AML_EXT_OP */

/* Package lengths always take two bytes: it saves moving the body when its length becomes known.
 * [ACPI] 20.2.4 */
#define PKG_LEN_BYTES 2u
#define PKG_LEN_MAX   0xFFFu
#define PKG_LEN_TWO   0x40u

#define STRING_MAX 64u

#define RES_IO       0x47u /* small, 7 bytes   */
#define RES_IRQ      0x22u /* small, 2 bytes   */
#define RES_END      0x79u /* small, 1 byte    */
#define RES_MEMORY32 0x86u /* large, 9 bytes   */
#define RES_DWORD    0x87u /* large, 23 bytes  */
#define RES_WORD     0x88u /* large, 13 bytes  */
#define RES_GSI      0x89u /* large, 6 bytes   */

#define RES_IO_DECODE16   0x01u
#define RES_MEMORY_WRITE  0x01u
#define RES_GSI_CONSUMER  0x01u /* level, active high, exclusive */
#define RES_TYPE_MEMORY   0u
#define RES_TYPE_IO       1u
#define RES_TYPE_BUS      2u
#define RES_FIXED         0x0Cu /* minimum and maximum are fixed; the bridge produces */
#define RES_ENTIRE_RANGE  0x03u /* ISA and non-ISA addresses                          */
#define RES_NO_TYPE_FLAGS 0x00u

void aml_init(struct aml *a, uint8_t *buf, uint32_t cap)
{
    *a = (struct aml){.buf = buf, .cap = cap};
}

static void aml_put(struct aml *a, uint32_t size, uint64_t value)
{
    if (a->overflow || size > a->cap - a->len) {
        a->overflow = true;
        return;
    }
    for (uint32_t i = 0; i < size; i++) { /* bound: 8 */
        a->buf[a->len] = (uint8_t)(value >> (8u * i));
        a->len++;
    }
}

static void aml_put_seg(struct aml *a, const char seg[4])
{
    for (uint32_t i = 0; i < 4; i++) {
        aml_put(a, 1, (uint8_t)seg[i]);
    }
}

static uint32_t aml_open(struct aml *a)
{
    const uint32_t start = a->len;
    aml_put(a, PKG_LEN_BYTES, 0);
    return start;
}

void aml_close(struct aml *a, uint32_t start)
{
    const uint32_t len = a->len - start;
    if (a->overflow || len > PKG_LEN_MAX) {
        a->overflow = true;
        return;
    }
    a->buf[start] = (uint8_t)(PKG_LEN_TWO | (len & 0xFu));
    a->buf[start + 1u] = (uint8_t)(len >> 4);
}

uint32_t aml_open_scope(struct aml *a, const char seg[4])
{
    aml_put(a, 1, AML_SCOPE_OP);
    const uint32_t start = aml_open(a);
    aml_put_seg(a, seg);
    return start;
}

uint32_t aml_open_device(struct aml *a, const char seg[4])
{
    aml_put(a, 1, AML_EXT_OP);
    aml_put(a, 1, AML_DEVICE_OP);
    const uint32_t start = aml_open(a);
    aml_put_seg(a, seg);
    return start;
}

uint32_t aml_open_package(struct aml *a, uint8_t elements)
{
    aml_put(a, 1, AML_PACKAGE_OP);
    const uint32_t start = aml_open(a);
    aml_put(a, 1, elements);
    return start;
}

void aml_name(struct aml *a, const char seg[4])
{
    aml_put(a, 1, AML_NAME_OP);
    aml_put_seg(a, seg);
}

void aml_integer(struct aml *a, uint64_t value)
{
    if (value <= 1) {
        aml_put(a, 1, value == 0 ? AML_ZERO_OP : AML_ONE_OP);
    } else if (value <= UINT8_MAX) {
        aml_put(a, 1, AML_BYTE_PREFIX);
        aml_put(a, 1, value);
    } else if (value <= UINT16_MAX) {
        aml_put(a, 1, AML_WORD_PREFIX);
        aml_put(a, 2, value);
    } else if (value <= UINT32_MAX) {
        aml_put(a, 1, AML_DWORD_PREFIX);
        aml_put(a, 4, value);
    } else {
        aml_put(a, 1, AML_QWORD_PREFIX);
        aml_put(a, 8, value);
    }
}

void aml_string(struct aml *a, const char *text)
{
    aml_put(a, 1, AML_STRING);
    for (uint32_t i = 0; i < STRING_MAX && text[i] != 0; i++) {
        aml_put(a, 1, (uint8_t)text[i]);
    }
    aml_put(a, 1, 0);
}

void aml_hid_pnp(struct aml *a, uint16_t pnp)
{
    aml_name(a, "_HID");
    aml_put(a, 1, AML_DWORD_PREFIX);
    aml_put(a, 1, 0x41); /* "PNP" in five bits a letter */
    aml_put(a, 1, 0xD0);
    aml_put(a, 1, pnp >> 8);
    aml_put(a, 1, pnp & 0xFFu);
}

/* The buffer's length stands in front of its bytes, as a word to be filled in. */
uint32_t aml_open_crs(struct aml *a)
{
    aml_name(a, "_CRS");
    aml_put(a, 1, AML_BUFFER_OP);
    const uint32_t start = aml_open(a);
    aml_put(a, 1, AML_WORD_PREFIX);
    aml_put(a, 2, 0);
    return start;
}

void aml_close_crs(struct aml *a, uint32_t start)
{
    const uint32_t size_at = start + PKG_LEN_BYTES + 1u;
    aml_put(a, 1, RES_END);
    aml_put(a, 1, 0); /* a checksum of 0 says: not computed */
    aml_close(a, start);
    if (!a->overflow) {
        const uint32_t size = a->len - (size_at + 2u);
        a->buf[size_at] = (uint8_t)size;
        a->buf[size_at + 1u] = (uint8_t)(size >> 8);
    }
}

void aml_crs_io(struct aml *a, uint16_t port, uint8_t len)
{
    aml_put(a, 1, RES_IO);
    aml_put(a, 1, RES_IO_DECODE16);
    aml_put(a, 2, port);
    aml_put(a, 2, port);
    aml_put(a, 1, 1); /* alignment */
    aml_put(a, 1, len);
}

void aml_crs_irq(struct aml *a, uint8_t irq)
{
    aml_put(a, 1, RES_IRQ);
    aml_put(a, 2, 1u << (irq & 0xFu));
}

void aml_crs_gsi(struct aml *a, uint32_t gsi)
{
    aml_put(a, 1, RES_GSI);
    aml_put(a, 2, 6);
    aml_put(a, 1, RES_GSI_CONSUMER);
    aml_put(a, 1, 1); /* one number */
    aml_put(a, 4, gsi);
}

void aml_crs_memory(struct aml *a, uint32_t base, uint32_t len)
{
    aml_put(a, 1, RES_MEMORY32);
    aml_put(a, 2, 9);
    aml_put(a, 1, RES_MEMORY_WRITE);
    aml_put(a, 4, base);
    aml_put(a, 4, len);
}

static void aml_crs_word(struct aml *a, uint32_t kind, uint16_t first, uint16_t last)
{
    aml_put(a, 1, RES_WORD);
    aml_put(a, 2, 13);
    aml_put(a, 1, kind);
    aml_put(a, 1, RES_FIXED);
    aml_put(a, 1, kind == RES_TYPE_IO ? RES_ENTIRE_RANGE : RES_NO_TYPE_FLAGS);
    aml_put(a, 2, 0); /* granularity */
    aml_put(a, 2, first);
    aml_put(a, 2, last);
    aml_put(a, 2, 0); /* translation */
    aml_put(a, 2, (uint32_t)last - first + 1u);
}

void aml_crs_bus_window(struct aml *a, uint16_t first, uint16_t last)
{
    aml_crs_word(a, RES_TYPE_BUS, first, last);
}

void aml_crs_io_window(struct aml *a, uint16_t first, uint16_t last)
{
    aml_crs_word(a, RES_TYPE_IO, first, last);
}

void aml_crs_memory_window(struct aml *a, uint32_t first, uint32_t last)
{
    aml_put(a, 1, RES_DWORD);
    aml_put(a, 2, 23);
    aml_put(a, 1, RES_TYPE_MEMORY);
    aml_put(a, 1, RES_FIXED);
    aml_put(a, 1, RES_MEMORY_WRITE); /* and not cacheable */
    aml_put(a, 4, 0);                /* granularity */
    aml_put(a, 4, first);
    aml_put(a, 4, last);
    aml_put(a, 4, 0); /* translation */
    aml_put(a, 4, (uint64_t)last - first + 1u);
}
