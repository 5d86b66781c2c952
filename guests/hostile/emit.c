/* SPDX-License-Identifier: BSD-2-Clause
 * See emit.h. */
#include "emit.h"

#include "memory.h"
#include "random.h"
#include "x86.h"

#define INT3       0xCCu
#define SHOT_BYTES 384u /* at most */
#define TAIL       32u  /* INT3s after it, and at the very end of the page for the call gate */
#define GPRS       15u  /* in a trap frame */
#define FNV_PRIME  0x100000001B3ull
#define FNV_OFFSET 0xCBF29CE484222325ull

static struct shot shot;
static uint8_t code[SHOT_BYTES + TAIL];
static uint32_t used;
static uint32_t start;
static uint32_t before_start;
static uint32_t before_used;
static uint64_t digest = FNV_OFFSET;

/* Eight bytes at a time. @pre data has room for the last eight to be whole */
static void hash(const void *data, uint32_t bytes)
{
    const uint8_t *p = data;
    for (uint32_t i = 0; i < bytes; i += 8u) {
        uint64_t word;
        memcpy(&word, p + i, sizeof word);
        digest = (digest ^ word) * FNV_PRIME;
        digest ^= digest >> 29;
    }
}

/* Somewhere in scratch memory, or nowhere in particular. */
static uint64_t random_register(void)
{
    if (random_chance(1, 2)) {
        return DATA_BASE + random_below(0x10000);
    }
    return random_value();
}

static uint16_t code_selector(enum ring ring)
{
    static const uint16_t selectors[RINGS] = {
        [RING_KERNEL] = SEL_KERNEL_CODE,      [RING_KERNEL32] = SEL_KERNEL_CODE32,
        [RING_USER] = SEL_USER_CODE,          [RING_USER32] = SEL_USER_CODE32 | 3u,
        [RING_USER16] = SEL_USER_CODE16 | 3u,
    };
    return selectors[ring];
}

struct shot *emit_begin(enum ring ring, enum world world)
{
    uint64_t gpr[GPRS];
    struct trap_frame *f = &shot.frame;
    memset(&shot, 0, sizeof shot);
    for (uint32_t i = 0; i < GPRS; i++) {
        gpr[i] = random_register();
    }
    memcpy(f, gpr, sizeof gpr);
    /* Sometimes the shot crosses into the next page. */
    start = random_chance(1, 8) ? CODE_BYTES - 1u - random_below(64) : random_below(0x800);
    used = 0;
    f->rip = CODE_BASE + start;
    f->cs = code_selector(ring);
    f->ss = ring >= RING_USER ? SEL_USER_DATA : SEL_KERNEL_DATA;
    f->rsp = STACK_TOP - 8u * random_below(16);
    f->rflags = 2u | (random_chance(1, 3) ? RFLAGS_IF : 0);
    shot.world = world;
    return &shot;
}

void emit_byte(uint8_t b)
{
    if (used < SHOT_BYTES) {
        code[used++] = b;
    }
}

void emit_bytes(const void *bytes, uint32_t n)
{
    const uint8_t *p = bytes;
    for (uint32_t i = 0; i < n; i++) {
        emit_byte(p[i]);
    }
}

void emit_number(uint64_t v, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        emit_byte((uint8_t)(v >> (8u * i)));
    }
}

void emit_set32(uint32_t reg, uint32_t v)
{
    emit_byte((uint8_t)(0xB8u + reg));
    emit_number(v, 4);
}

void emit_set64(uint32_t reg, uint64_t v)
{
    emit_byte(0x48u);
    emit_byte((uint8_t)(0xB8u + reg));
    emit_number(v, 8);
}

void emit_end(void)
{
    uint8_t *page = (uint8_t *)(uintptr_t)CODE_BASE;
    memset(page + before_start, INT3, before_used); /* of the last shot, nothing is to be left */
    before_start = start;
    before_used = used;
    memset(&code[used], INT3, TAIL);
    hash(code, used);
    hash(&shot.frame, sizeof shot.frame);
    memset(page + CODE_BYTES - TAIL, INT3, TAIL);
    memcpy(page + start, code, used + TAIL);
}

uint64_t emit_digest(void)
{
    return digest;
}
