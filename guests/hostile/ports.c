/* SPDX-License-Identifier: BSD-2-Clause
 * Port traffic. */
#include "emit.h"
#include "kinds.h"
#include "random.h"

#define PREFIX_16  0x66u
#define PREFIX_REP 0xF3u
#define PER_SHOT   24u

struct port_range {
    uint16_t first;
    uint16_t count;
};

/* Where chips stand, and beside them. */
static const struct port_range known[] = {
    {0x20, 2},  {0x40, 4},   {0x61, 1},  {0x70, 2},  {0x80, 1},   {0xA0, 2},    {0x4D0, 2},
    {0x3F8, 8}, {0x2F8, 8},  {0x600, 6}, {0x608, 4}, {0xCF8, 8},  {0xB2, 1},    {0x60, 5},
    {0x92, 1},  {0x3F0, 24}, {0x1F, 4},  {0x3E, 8},  {0xCF0, 24}, {0x5F8, 32},  {0xFFF8, 8},
    {0x40, 4},  {0x20, 2},   {0x70, 2},  {0xF0, 8},  {0x1F0, 8},  {0xC000, 64}, {0xE9, 1},
};

/* Ports at which a write may end the VM: only end_now() writes there. */
static const struct port_range ends[] = {
    {0x64, 1}, {0x92, 1}, {0xF4, 4}, {0x604, 2}, {0xCF9, 1},
};

/* What drivers write. */
static const uint8_t usual[] = {0x00, 0x01, 0x02, 0x04, 0x07, 0x08, 0x0A, 0x0B, 0x0C, 0x10,
                                0x11, 0x20, 0x30, 0x34, 0x36, 0x60, 0x68, 0x6C, 0x70, 0x80,
                                0x83, 0x8A, 0x8B, 0xB0, 0xC2, 0xD2, 0xE2, 0xFE, 0xFF};

static uint16_t random_port(void)
{
    if (random_chance(1, 8)) {
        return (uint16_t)random_64();
    }
    struct port_range r = RANDOM_OF(known);
    return (uint16_t)(r.first + random_below(r.count));
}

/* PCI's address register takes whole dwords over 0xCF9. */
static bool may_end(uint32_t port, uint32_t width)
{
    bool hit = false;
    for (uint32_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        hit =
            hit || (port < (uint32_t)ends[i].first + ends[i].count && port + width > ends[i].first);
    }
    return hit && !(port == 0xCF8u && width == 4u);
}

static uint32_t random_data(uint16_t port)
{
    if (port == 0xCF8u && random_chance(3, 4)) {
        return 0x80000000u | (random_below(0x10000) << 8) | random_below(256);
    }
    return random_chance(1, 2) ? RANDOM_OF(usual) : (uint32_t)random_value();
}

static uint32_t random_width(void)
{
    return random_chance(1, 2) ? 1u : 1u << random_below(3);
}

static void emit_access(void)
{
    uint16_t port = random_port();
    uint32_t width = random_width();
    bool out = random_chance(1, 2) && !may_end(port, width);
    bool immediate = port < 0x100u && random_chance(1, 3);
    emit_set32(REG_AX, random_data(port));
    if (!immediate) {
        emit_set32(REG_DX, ((uint32_t)random_64() << 16) | port);
    }
    if (width == 2u) {
        emit_byte(PREFIX_16);
    }
    emit_byte((uint8_t)((immediate ? 0xE4u : 0xECu) | (out ? 2u : 0u) | (width > 1u ? 1u : 0u)));
    if (immediate) {
        emit_byte((uint8_t)port);
    }
}

struct shot *kind_port(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_RAM);
    uint32_t n = 1u + random_below(PER_SHOT);
    for (uint32_t i = 0; i < n; i++) {
        emit_access();
    }
    s->exits = n;
    emit_end();
    return s;
}

/* In scratch memory, at the end of it, or where nothing is mapped: then the instruction faults. */
static uint64_t string_address(void)
{
    static const uint64_t pages[] = {DATA_BASE, DATA_BASE, DATA_BASE + 0x8000u, SCRATCH_END, 4096u};
    return RANDOM_OF(pages) + random_below(0x20) - 0x10u;
}

static void emit_string(void)
{
    uint16_t port = random_port();
    uint32_t width = 1u << random_below(3);
    bool out = random_chance(1, 2) && !may_end(port, width);
    bool rep = random_chance(3, 4);
    emit_set32(REG_DX, port);
    emit_set64(REG_SI, string_address());
    emit_set64(REG_DI, string_address());
    emit_set64(REG_CX, random_chance(1, 64) ? random_below(3000) : random_below(48));
    emit_byte(random_chance(1, 4) ? 0xFDu : 0xFCu); /* STD, CLD */
    if (width == 2u) {
        emit_byte(PREFIX_16);
    }
    if (rep) {
        emit_byte(PREFIX_REP);
    }
    emit_byte((uint8_t)(0x6Cu | (out ? 2u : 0u) | (width > 1u ? 1u : 0u)));
}

struct shot *kind_port_string(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_RAM);
    uint32_t n = 1u + random_below(4);
    for (uint32_t i = 0; i < n; i++) {
        emit_string();
    }
    s->exits = n;
    emit_end();
    return s;
}
