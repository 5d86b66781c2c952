/* SPDX-License-Identifier: BSD-2-Clause
 * vectors: loads and stores of vector and MMX registers at a device. The one that is named gets or gives all of its
 * 16 bytes, the other fifteen keep theirs; so does the page at address 0, where a monitor may have worked.
 *
 * The device is the HPET, which stands still: configuration and comparator of its first timer are 16 aligned bytes. For
 * two guests on one core, each with a salt=N of its own, rounds=N.
 * Spec: [SDM] vol. 2 (MOVUPS, MOVAPS, MOVDQU, MOVDQA, MOVQ); IA-PC HPET 1.0a, 2.3.8. */
#include "testguest.h"

#include "print.h"
#include "x86.h"

#define HPET_CAPS 0xFED00000u
#define HPET_T0   0xFED00100u /* configuration, then comparator */

#define REGISTERS  16u
#define CR4_OSFXSR (1ull << 9)
#define CONFIG     0xFFFFFFFFFFFF0000ull /* of a pattern: what is written there arms nothing */
#define PAGE_WORDS 512u

#define EACH(X) \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

struct vec {
    uint64_t word[2];
};

static struct vec file[REGISTERS] __attribute__((aligned(16))); /* what they are to hold */
static struct vec seen[REGISTERS] __attribute__((aligned(16)));

/* Every other register by another instruction. */
#define MOVE_0 "movups"
#define MOVE_1 "movaps"
#define MOVE_2 "movdqu"
#define MOVE_3 "movdqa"

#define ACCESS(n, move)                                                     \
    static void load_##n(uint64_t at)                                       \
    {                                                                       \
        __asm__ volatile(move " (%0), %%xmm" #n : : "r"(at) : "memory");    \
    }                                                                       \
    static void store_##n(uint64_t at)                                      \
    {                                                                       \
        __asm__ volatile(move " %%xmm" #n ", (%0)" : : "r"(at) : "memory"); \
    }
ACCESS(0, MOVE_0)
ACCESS(1, MOVE_1)
ACCESS(2, MOVE_2)
ACCESS(3, MOVE_3)
ACCESS(4, MOVE_0)
ACCESS(5, MOVE_1)
ACCESS(6, MOVE_2)
ACCESS(7, MOVE_3)
ACCESS(8, MOVE_0)
ACCESS(9, MOVE_1)
ACCESS(10, MOVE_2)
ACCESS(11, MOVE_3)
ACCESS(12, MOVE_0)
ACCESS(13, MOVE_1)
ACCESS(14, MOVE_2)
ACCESS(15, MOVE_3)

#define ENTRY(n) {load_##n, store_##n},
static const struct {
    void (*load)(uint64_t at);
    void (*store)(uint64_t at);
} access[REGISTERS] = {EACH(ENTRY)};

#define FILL(n) load_##n((uint64_t)(uintptr_t)&file[n]);
#define LOOK(n) store_##n((uint64_t)(uintptr_t)&seen[n]);

static bool all_hold(void)
{
    EACH(LOOK)
    for (uint32_t n = 0; n < REGISTERS; n++) {
        if (seen[n].word[0] != file[n].word[0] || seen[n].word[1] != file[n].word[1]) {
            print("vectors: xmm%u is %lx:%lx, not %lx:%lx\n", n, seen[n].word[1], seen[n].word[0],
                  file[n].word[1], file[n].word[0]);
            return false;
        }
    }
    return true;
}

#define MMX_ACCESS(n)                                                     \
    static void mmx_load_##n(uint64_t at)                                 \
    {                                                                     \
        __asm__ volatile("movq (%0), %%mm" #n : : "r"(at) : "memory");    \
    }                                                                     \
    static void mmx_store_##n(uint64_t at)                                \
    {                                                                     \
        __asm__ volatile("movq %%mm" #n ", (%0)" : : "r"(at) : "memory"); \
    }
#define EACH_MMX(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
EACH_MMX(MMX_ACCESS)

#define MMX_ENTRY(n) {mmx_load_##n, mmx_store_##n},
static const struct {
    void (*load)(uint64_t at);
    void (*store)(uint64_t at);
} mmx[] = {EACH_MMX(MMX_ENTRY)};

#define MMX_COUNT (sizeof mmx / sizeof mmx[0])

static uint64_t device(uint64_t at)
{
    return *(volatile uint64_t *)(uintptr_t)at;
}

static uint64_t first_page(void)
{
    uint64_t sum = 0;
    uint64_t at = 0;
    for (uint32_t i = 0; i < PAGE_WORDS; i++, at += 8u) {
        uint64_t word;
        __asm__ volatile("movq (%1), %0" : "=r"(word) : "r"(at) : "memory");
        sum = (sum << 1 | sum >> 63) ^ word;
    }
    return sum;
}

static void new_patterns(uint64_t *state)
{
    for (uint32_t n = 0; n < REGISTERS; n++) {
        for (uint32_t i = 0; i < 2u; i++) {
            *state = *state * 6364136223846793005ull + 1442695040888963407ull;
            file[n].word[i] = *state ^ *state >> 29;
        }
        file[n].word[0] &= CONFIG;
    }
    EACH(FILL)
}

static struct verdict one_round(uint64_t *state)
{
    new_patterns(state);
    EXPECT(all_hold(), "vector registers do not hold what was loaded");
    for (uint32_t n = 0; n < REGISTERS; n++) {
        access[n].store(HPET_T0);
        uint32_t comparator = (uint32_t)device(HPET_T0 + 8u);
        EXPECT(comparator == (uint32_t)file[n].word[1], "a store did not bring its upper half");
        EXPECT(all_hold(), "a store to a device changed a vector register");
    }
    for (uint32_t n = 0; n < REGISTERS; n++) {
        access[n].load(HPET_T0);
        file[n].word[0] = device(HPET_T0);
        file[n].word[1] = device(HPET_T0 + 8u);
        EXPECT(all_hold(), "a load from a device is wrong, or changed another register");
    }
    return PASS;
}

/* The same with MMX registers, one half of that at a time. */
static struct verdict mmx_round(void)
{
    uint64_t held;
    const uint64_t at = (uint64_t)(uintptr_t)&held;
    for (uint32_t n = 0; n < MMX_COUNT; n++) {
        mmx[n].load((uint64_t)(uintptr_t)&file[n].word[1]);
    }
    for (uint32_t n = 0; n < MMX_COUNT; n++) {
        mmx[n].store(HPET_T0 + 8u);
        EXPECT((uint32_t)device(HPET_T0 + 8u) == (uint32_t)file[n].word[1],
               "a store of an MMX register did not arrive");
        mmx[n].load(HPET_T0 + 8u);
        for (uint32_t k = 0; k < MMX_COUNT; k++) {
            mmx[k].store(at);
            uint64_t expected = k <= n ? (uint32_t)file[k].word[1] : file[k].word[1];
            EXPECT((k <= n ? (uint32_t)held : held) == expected,
                   "an MMX register changed that was not named");
        }
    }
    __asm__ volatile("emms");
    return PASS;
}

struct verdict test_vectors(void)
{
    uint64_t salt = 1;
    uint64_t rounds = 4;
    (void)boot_option_u64(&boot, "salt", &salt);
    (void)boot_option_u64(&boot, "rounds", &rounds);
    write_cr4(read_cr4() | CR4_OSFXSR);
    EXPECT((uint32_t)device(HPET_CAPS) != UINT32_MAX, "there is no HPET");
    uint64_t sum = first_page();
    for (uint64_t i = 0; i < rounds; i++) {
        struct verdict v = one_round(&salt);
        if (v.why == NULL) {
            v = mmx_round();
        }
        if (v.why != NULL) {
            return v;
        }
        EXPECT(all_hold(), "MMX moves changed a vector register");
        EXPECT(first_page() == sum, "the page at address 0 is another one");
    }
    print("vectors: rounds=%lu\n", rounds);
    return PASS;
}
