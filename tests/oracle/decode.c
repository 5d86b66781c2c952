/* SPDX-License-Identifier: BSD-2-Clause
 * Every opcode with every ModRM byte, a set of SIB bytes and the prefix sets, in three modes: our
 * decoder and Zydis must say the same, or a table (explained.c) must say why not. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "view.h"

#define SHOWN_MAX 40u /* differences that are printed */

static uint64_t cases;
static uint64_t agreed[VERDICTS];
static uint64_t explained;
static uint64_t unexplained;

/* `bytes` and what follows them, in any case the same. */
static void check(const uint8_t *bytes, uint32_t count, uint32_t mode)
{
    static const uint8_t tail[DECODE_BYTES_MAX] = {0x81, 0x72, 0x63, 0x54, 0x45, 0x36, 0x27, 0x18,
                                                   0x19, 0x2A, 0x3B, 0x4C, 0x5D, 0x6E, 0x7F};
    static struct oracle_case c;
    memcpy(c.bytes, bytes, count);
    memcpy(c.bytes + count, tail, DECODE_BYTES_MAX - count);
    c.mode = mode;
    view_compare(&c);
    cases++;
    if (c.difference == SAME) {
        agreed[c.ours.verdict]++;
    } else if (explained_reason(&c) != NULL) {
        explained++;
    } else if (unexplained++ < SHOWN_MAX) {
        view_print(&c);
    }
}

/* --- What is tried --------------------------------------------------------------------------------- */

struct prefixes {
    uint8_t count;
    uint8_t byte[4];
};

static const struct prefixes sets[] = {
    {0, {0}},
    {1, {0x66}},
    {1, {0x67}},
    {1, {0xF0}},
    {1, {0xF2}},
    {1, {0xF3}},
    {1, {0x2E}},
    {1, {0x36}},
    {1, {0x26}},
    {1, {0x65}},
    {2, {0x64, 0x3E}},
    {2, {0x66, 0x67}},
    {2, {0x66, 0xF2}},
    {2, {0xF3, 0x66}},
    {2, {0xF2, 0xF3}},
    {2, {0xF3, 0xF2}},
    {2, {0xF0, 0x66}},
    {2, {0xF0, 0xF2}},
    {2, {0xF3, 0xF0}},
    {2, {0x66, 0x66}},
    {4, {0x67, 0x65, 0x66, 0xF3}},
    /* From here on in 64-bit code only: in others these are INC and DEC. */
    {1, {0x40}},
    {1, {0x41}},
    {1, {0x42}},
    {1, {0x44}},
    {1, {0x48}},
    {1, {0x4F}},
    {2, {0x66, 0x48}},
    {2, {0x66, 0x45}},
    {2, {0xF2, 0x48}},
    {2, {0xF3, 0x48}},
    {2, {0xF3, 0x4F}},
    {2, {0xF0, 0x48}},
    {2, {0x67, 0x4F}},
    {2, {0x48, 0x66}},
    {2, {0x4F, 0x48}},
    {3, {0x48, 0x67, 0x41}},
};

#define SETS     (sizeof(sets) / sizeof(sets[0]))
#define SETS_ALL 21u /* of them, in all modes */

static const uint8_t sibs[] = {0x24, 0x05, 0x65, 0xA5, 0xCC, 0x63, 0xFF};

/* Opcode bytes, then every ModRM, with every SIB of the set where one follows. */
static void try_modrm(uint8_t *bytes, uint32_t at, uint32_t mode)
{
    for (uint32_t modrm = 0; modrm < 256u; modrm++) {
        bytes[at] = (uint8_t)modrm;
        if ((modrm & 7u) == 4 && modrm < 0xC0) {
            for (uint32_t i = 0; i < sizeof(sibs); i++) {
                bytes[at + 1u] = sibs[i];
                check(bytes, at + 2u, mode);
            }
        } else {
            check(bytes, at + 1u, mode);
        }
    }
}

static void try_legacy(uint32_t mode, const struct prefixes *p)
{
    static const uint8_t maps[4][3] = {{0}, {1, 0x0F}, {2, 0x0F, 0x38}, {2, 0x0F, 0x3A}};
    uint8_t bytes[DECODE_BYTES_MAX];
    memcpy(bytes, p->byte, p->count);
    for (uint32_t map = 0; map < 4; map++) {
        memcpy(bytes + p->count, maps[map] + 1, maps[map][0]);
        uint32_t at = p->count + maps[map][0];
        for (uint32_t opcode = 0; opcode < 256u; opcode++) {
            bytes[at] = (uint8_t)opcode;
            try_modrm(bytes, at + 1u, mode);
        }
    }
}

/* VEX of three bytes: each opcode with each pp, W and L, without and with a second source, and with
 * R, X and B. */
static void try_vex(uint32_t mode, uint32_t map)
{
    static const uint8_t rxb[] = {0xE0, 0x00, 0xC0};
    for (uint32_t n = 0; n < 256u * 3u * 16u; n++) {
        uint32_t last = (n & 7u) | (n & 8u) << 4; /* pp, L, W */
        uint8_t bytes[DECODE_BYTES_MAX] = {0xC4, (uint8_t)(rxb[(n >> 4) % 3u] | map), 0,
                                           (uint8_t)((n >> 4) / 3u)};
        bytes[2] = (uint8_t)(last | 0x78u);
        try_modrm(bytes, 4, mode);
        if ((n >> 4) % 3u == 0) {
            bytes[2] = (uint8_t)(last | 0x28u);
            try_modrm(bytes, 4, mode);
        }
    }
}

static void try_vex_short(uint32_t mode)
{
    for (uint32_t n = 0; n < 0x10000u; n++) {
        uint8_t bytes[DECODE_BYTES_MAX] = {0xC5, (uint8_t)n, (uint8_t)(n >> 8), 0x05};
        check(bytes, 4, mode);
        bytes[3] = 0xC8;
        check(bytes, 4, mode);
    }
}

/* Prefixes before VEX are #UD. */
static void try_vex_prefixed(uint32_t mode)
{
    for (uint32_t i = 1; i < (mode == DECODE_64 ? SETS : SETS_ALL); i++) {
        uint8_t bytes[DECODE_BYTES_MAX];
        memcpy(bytes, sets[i].byte, sets[i].count);
        for (uint32_t n = 0; n < 4096u; n++) {
            uint8_t *at = bytes + sets[i].count;
            at[0] = 0xC5;
            at[1] = (uint8_t)(0xF8u | (n & 3u));
            at[2] = (uint8_t)(n >> 4);
            at[3] = (n & 4u) != 0 ? 0x08 : 0xC8;
            check(bytes, sets[i].count + 4u, mode);
        }
    }
}

/* Every SIB with every ModRM that has one, in few opcodes. */
static void try_sib(uint32_t mode, const struct prefixes *p)
{
    static const uint8_t opcodes[] = {0x89, 0x8A, 0xC7, 0xFF, 0x8D};
    uint8_t bytes[DECODE_BYTES_MAX];
    memcpy(bytes, p->byte, p->count);
    for (uint32_t n = 0; n < 0x60000u; n++) {
        uint32_t modrm = n >> 8 & 0xFFu;
        if ((n >> 16) < sizeof(opcodes) && (modrm & 7u) == 4 && modrm < 0xC0) {
            bytes[p->count] = opcodes[n >> 16];
            bytes[p->count + 1u] = (uint8_t)modrm;
            bytes[p->count + 2u] = (uint8_t)n;
            check(bytes, p->count + 3u, mode);
        }
    }
}

static void try_mode(uint32_t mode)
{
    for (uint32_t i = 0; i < (mode == DECODE_64 ? SETS : SETS_ALL); i++) {
        try_legacy(mode, &sets[i]);
        try_sib(mode, &sets[i]);
    }
    for (uint32_t map = 0; map <= 4; map++) {
        try_vex(mode, map);
    }
    try_vex_short(mode);
    try_vex_prefixed(mode);
}

int main(void)
{
    view_init();
    for (uint32_t mode = DECODE_16; mode <= DECODE_64; mode++) {
        try_mode(mode);
    }
    uint32_t idle = explained_summary();
    uint32_t failed = idle + (unexplained != 0);
    printf("oracle: %" PRIu64 " cases, the same answer in %" PRIu64 ": %" PRIu64
           " with memory, %" PRIu64 " without, %" PRIu64 " refused\n",
           cases, agreed[VERDICT_MEMORY] + agreed[VERDICT_NO_MEMORY] + agreed[VERDICT_REFUSED],
           agreed[VERDICT_MEMORY], agreed[VERDICT_NO_MEMORY], agreed[VERDICT_REFUSED]);
    printf("oracle: %" PRIu64 " differences explained, %" PRIu64 " unexplained\n", explained,
           unexplained);
    printf("oracle: %u passed, %u failed\n", explained_rows() + 1u - failed, failed);
    return failed != 0;
}
