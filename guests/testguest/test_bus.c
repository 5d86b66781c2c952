/* SPDX-License-Identifier: BSD-2-Clause
 * ports, mmio, strings: what nobody claims reads as all ones and ignores writes, in every width and
 * at every alignment; string instructions do the same as so many single ones. */
#include "testguest.h"

#include "memory.h"
#include "print.h"
#include "serial.h"
#include "x86.h"

#define NOBODY      0x0E00u /* ports that no PC device uses */
#define SCRATCH     0x3FFu  /* COM1's scratch register; nothing is at 0x400 */
#define NOWHERE     0xD0000000u
#define NOWHERE_LEN 0x10000u
#define BUFFER      6000u /* more than a page */

static uint8_t buffer[BUFFER] __attribute__((aligned(16)));

/* One port, all widths. Misaligned ones must fare no worse: a bus splits them into bytes. */
static bool nobody_at(uint16_t port)
{
    outb(port, 0x12);
    outw(port, 0x1234);
    outl(port, 0x12345678);
    uint8_t b = inb(port);
    uint16_t w = inw(port);
    uint32_t l = inl(port);
    if (b == UINT8_MAX && w == UINT16_MAX && l == UINT32_MAX) {
        return true;
    }
    print("ports: %x reads as %x, %x, %x\n", port, b, w, l);
    return false;
}

struct verdict test_ports(void)
{
    for (uint16_t off = 0; off < 8u; off++) {
        EXPECT(nobody_at((uint16_t)(NOBODY + off)), "an unclaimed port does not read as all ones");
    }
    outb(0x80, 0x55); /* the POST port, which everybody writes to */
    if (serial_present()) {
        outb(SCRATCH, 0x5A);
        EXPECT(inb(SCRATCH) == 0x5Au, "the UART's scratch register does not hold a byte");
        EXPECT(inw(SCRATCH) == 0xFF5Au, "a word half over the UART is not split into bytes");
        EXPECT(inl(SCRATCH - 1u) >> 8 == 0xFFFF5Au,
               "a misaligned long over the end of the UART is not split into bytes");
    }
    (void)inl(0xFFFEu); /* over the end: anything but a crash */
    outl(0xFFFFu, 0);
    return PASS;
}

static bool all_ones(uint64_t at, uint32_t bits, uint64_t v)
{
    if (v == UINT64_MAX >> (64u - bits)) {
        return true;
    }
    print("mmio: %u bits at %lx read as %lx\n", bits, at, v);
    return false;
}

#define NOWHERE_TEST(bits)                                                     \
    static bool nowhere_##bits(uint64_t at)                                    \
    {                                                                          \
        volatile uint##bits##_t *p = (volatile uint##bits##_t *)(uintptr_t)at; \
        *p = (uint##bits##_t)0x123456789ABCDEF0ull;                            \
        return all_ones(at, bits, *p);                                         \
    }
NOWHERE_TEST(8)
NOWHERE_TEST(16)
NOWHERE_TEST(32)
NOWHERE_TEST(64)

struct verdict test_mmio(void)
{
    static const uint64_t offsets[] = {0, 1, 2, 3, 4, 5, 7, 0x800, 0xFFD, 0xFFE, 0xFFF, 0x1000};
    if (boot_is_ram(&boot, NOWHERE, 1)) {
        return SKIP("there is RAM at d0000000");
    }
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        uint64_t at = NOWHERE + offsets[i];
        EXPECT(nowhere_8(at), "1 byte from nowhere is not all ones");
        EXPECT(nowhere_16(at), "2 bytes from nowhere are not all ones");
        EXPECT(nowhere_32(at), "4 bytes from nowhere are not all ones");
        EXPECT(nowhere_64(at), "8 bytes from nowhere are not all ones");
    }
    memset(buffer, 0, 64);
    memcpy(buffer, (const void *)(uintptr_t)NOWHERE, 64); /* rep movsb */
    for (uint32_t i = 0; i < 64u; i++) {
        EXPECT(buffer[i] == 0xFFu, "rep movsb from nowhere is not all ones");
    }
    memset((void *)(uintptr_t)NOWHERE, 0, NOWHERE_LEN / 1024u);
    return PASS;
}

/* REP INS with `count` units of `size` bytes; true if RDI and RCX end as they must. */
static bool rep_in(uint16_t port, void *to, uint64_t count, uint32_t size)
{
    uint8_t *at = to;
    uint64_t left = count;
    if (size == 1u) {
        __asm__ volatile("rep insb" : "+D"(at), "+c"(left) : "d"(port) : "memory");
    } else if (size == 2u) {
        __asm__ volatile("rep insw" : "+D"(at), "+c"(left) : "d"(port) : "memory");
    } else {
        __asm__ volatile("rep insl" : "+D"(at), "+c"(left) : "d"(port) : "memory");
    }
    return left == 0 && at == (uint8_t *)to + count * size;
}

static bool rep_out(uint16_t port, const void *from, uint64_t count, uint32_t size)
{
    const uint8_t *at = from;
    uint64_t left = count;
    if (size == 1u) {
        __asm__ volatile("rep outsb" : "+S"(at), "+c"(left) : "d"(port) : "memory");
    } else if (size == 2u) {
        __asm__ volatile("rep outsw" : "+S"(at), "+c"(left) : "d"(port) : "memory");
    } else {
        __asm__ volatile("rep outsl" : "+S"(at), "+c"(left) : "d"(port) : "memory");
    }
    return left == 0 && at == (const uint8_t *)from + count * size;
}

static bool buffer_is(uint32_t from, uint32_t to, uint8_t byte)
{
    for (uint32_t i = from; i < to; i++) {
        if (buffer[i] != byte) {
            return false;
        }
    }
    return true;
}

static struct verdict strings_from_nobody(void)
{
    static const uint32_t sizes[] = {1, 2, 4};
    for (size_t i = 0; i < 3u; i++) {
        uint32_t size = sizes[i];
        uint32_t count = (BUFFER - 16u) / size;
        memset(buffer, 0, BUFFER);
        EXPECT(rep_in(NOBODY, buffer + 1, count, size), "rep ins ends with wrong registers");
        EXPECT(buffer[0] == 0 && buffer_is(1, 1u + count * size, 0xFF) &&
                   buffer_is(1u + count * size, BUFFER, 0),
               "rep ins from an unclaimed port did not store exactly so many ones");
        EXPECT(rep_out(NOBODY, buffer, count, size), "rep outs ends with wrong registers");
        EXPECT(rep_in(NOBODY, buffer, 0, size) && buffer[0] == 0, "rep ins of nothing stored");
    }
    return PASS;
}

struct verdict test_strings(void)
{
    struct verdict v = strings_from_nobody();
    if (v.why != NULL || !serial_present()) {
        return v;
    }
    static const char text[] = "by outsb: 0123\r\n"; /* 16 bytes: the depth of the FIFO */
    serial_flush();
    EXPECT(rep_out(SERIAL_COM1, text, sizeof text - 1u, 1), "rep outsb to the UART: registers");
    serial_flush();
    EXPECT(rep_out(SCRATCH, "abcdefg", 7, 1), "rep outsb to the scratch register: registers");
    EXPECT(inb(SCRATCH) == 'g', "rep outsb did not end with the last byte");
    memset(buffer, 0, 32);
    EXPECT(rep_in(SCRATCH, buffer, 16, 1), "rep insb from the scratch register: registers");
    EXPECT(buffer_is(0, 16, 'g') && buffer_is(16, 32, 0), "rep insb read something else");
    uint8_t *down = buffer + 31;
    uint64_t left = 8;
    __asm__ volatile("std\n\trep insb\n\tcld" : "+D"(down), "+c"(left) : "d"(SCRATCH) : "memory");
    EXPECT(down == buffer + 23 && buffer_is(24, 32, 'g') && buffer_is(16, 24, 0),
           "rep insb downwards went wrong");
    return PASS;
}
