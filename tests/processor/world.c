/* SPDX-License-Identifier: BSD-2-Clause
 * The memory that vectors run in: descriptor tables, page tables for each kind of paging, handlers that
 * halt, noise in the data pages.
 * Spec: [SDM] vol. 3A, 3.4.5 (descriptors), 4.3 to 4.5 (paging), 6.14 (64-bit IDT), 7.2, 7.7 (TSS). */
#include "random.h"
#include "vector.h"

#include <string.h>

#include "base/le.h"

#define PTE_P  1u
#define PTE_W  2u
#define PTE_U  4u
#define PTE_AD 0x60u

const char *const place_names[PLACES] = {"real",   "16",       "32",       "32-paged",
                                         "32-pae", "compat16", "compat32", "64"};

bool place_is_64(enum place p)
{
    return p == PLACE_64;
}

bool place_pages(enum place p)
{
    return p >= PLACE_32_PAGED;
}

static uint32_t page_rights(uint32_t at, bool native)
{
    uint32_t page = at < WORLD_DATA ? PAGES : (at - WORLD_DATA) >> 12;
    switch (page) {
    case PAGE_ABSENT:
        return 0;
    case PAGE_RO:
        return PTE_P | PTE_U | PTE_AD;
    case PAGE_SUPER:
        return native ? 0 : PTE_P | PTE_W | PTE_AD;
    default:
        return PTE_P | PTE_W | PTE_U | PTE_AD;
    }
}

static void build_tables(uint8_t *ram, bool native)
{
    uint32_t all = PTE_P | PTE_W | PTE_U | PTE_AD;
    le_store(ram + WORLD_PML4, 8, WORLD_PDPT | all);
    le_store(ram + WORLD_PDPT, 8, WORLD_PD | all);
    le_store(ram + WORLD_PDPT3, 8, WORLD_PD | PTE_P);
    le_store(ram + WORLD_PD, 8, WORLD_PT | all);
    le_store(ram + WORLD_PD32, 4, WORLD_PT32 | all);
    for (uint32_t i = 0; i < WORLD_BYTES >> 12; i++) {
        uint32_t rights = page_rights(i << 12, native);
        if (rights != 0) {
            le_store(ram + WORLD_PT + 8 * i, 8, (uint64_t)i << 12 | rights);
            le_store(ram + WORLD_PT32 + 4 * i, 4, i << 12 | rights);
        }
    }
}

/* A descriptor with something of its own in each field. */
static uint64_t descriptor(uint32_t n, uint32_t rights)
{
    uint64_t base = 0x10000u + n * 0x01003010u;
    uint64_t limit = (0x2F0u + n * 0x1357u) & 0xFFFFFu;
    uint64_t bits = (n & 1u) << 3 | (n >> 1 & 1u) << 2 | (n >> 2 & 1u); /* G, D, AVL */
    return (limit & 0xFFFFu) | (base & 0xFFFFFFu) << 16 | (uint64_t)rights << 40 |
           (limit >> 16) << 48 | bits << 52 | (base >> 24) << 56;
}

uint64_t world_ldt_entry(uint32_t n)
{
    /* Linux takes conforming code only if it is not present. */
    static const uint8_t rights[LDT_COUNT - LDT_FIRST] = {0xF1, 0xF3, 0xF5, 0xF7, 0xF9, 0xFB,
                                                          0xF3, 0xF3, 0x71, 0x73, 0x75, 0x77,
                                                          0x79, 0x7B, 0x7D, 0x7F};
    return descriptor(n, rights[n - LDT_FIRST]);
}

static void build_selectors(uint8_t *ram)
{
    for (uint32_t n = LDT_FIRST; n < LDT_COUNT; n++) {
        le_store(ram + WORLD_LDT + 8 * n, 8, world_ldt_entry(n));
    }
    for (uint32_t i = 0; i < 3u * 16u; i++) {
        uint32_t rights = i < 16 ? 0x90u : i < 32 ? 0xF0u : 0x10u | (i & 1u) * 0x60u;
        le_store(ram + WORLD_GDT + 8 * (GDT_FIRST + i), 8, descriptor(i, rights | (i & 15u)));
    }
    for (uint32_t i = 0; i < 2u * 16u; i++) {
        uint32_t n = GDT_FIRST + 48u + 2u * i;
        le_store(ram + WORLD_GDT + 8 * n, 8, descriptor(n, (i < 16 ? 0xE0u : 0x80u) | (i & 15u)));
    }
}

/* Selectors: 8 and 16, code and data of CPL 0 in 32 bits; 24, code of CPL 0 in 64; 0x23, 0x2B and 0x33,
 * what Linux has there for processes. Vectors have their segments given to the processor directly. */
static void build_descriptors(uint8_t *ram)
{
    le_store(ram + WORLD_GDT + 8, 8, 0x00CF9B000000FFFFull);
    le_store(ram + WORLD_GDT + 16, 8, 0x00CF93000000FFFFull);
    le_store(ram + WORLD_GDT + 24, 8, 0x00AF9B000000FFFFull);
    le_store(ram + WORLD_GDT + 0x20, 8, 0x00CFFB000000FFFFull);
    le_store(ram + WORLD_GDT + 0x28, 8, 0x00CFF3000000FFFFull);
    le_store(ram + WORLD_GDT + 0x30, 8, 0x00AFFB000000FFFFull);
    for (uint32_t i = 0; i < 32; i++) {
        uint64_t stub = WORLD_STUBS + 16u * i;
        uint64_t low = (stub & 0xFFFFu) | (stub & 0xFFFF0000u) << 32;
        le_store(ram + WORLD_IDT32 + 8 * i, 8, low | 8u << 16 | 0xEE0000000000ull);
        le_store(ram + WORLD_IDT64 + 16 * i, 8, low | 24u << 16 | 0xEE0100000000ull); /* IST 1 */
        le_store(ram + 4 * i, 4, (WORLD_STUBS >> 4) << 16 | 16u * i);
        memset(ram + stub, 0xF4, 16);
    }
    le_store(ram + WORLD_TSS32 + 4, 4, WORLD_STACK);
    le_store(ram + WORLD_TSS32 + 8, 4, 16);
    le_store(ram + WORLD_TSS64 + 4, 8, WORLD_STACK);
    le_store(ram + WORLD_TSS64 + 36, 8, WORLD_STACK);
}

void world_build(uint8_t *ram, bool native)
{
    struct random r = {1};
    memset(ram, 0, WORLD_BYTES);
    build_tables(ram, native);
    build_descriptors(ram);
    build_selectors(ram);
    for (uint32_t i = WORLD_DATA; i < WORLD_END; i += 8) {
        le_store(ram + i, 8, random_next(&r));
    }
}

void world_place(uint8_t *ram, const struct vector *v, uint8_t stop)
{
    memset(ram + WORLD_CODE, stop, 0x2000);
    memcpy(ram + v->code_at, v->code, v->len);
    for (uint32_t i = 0; i < PATCHES; i++) {
        const struct patch *p = &v->patch[i];
        memcpy(ram + p->at, p->bytes, p->len);
    }
}

void world_system(struct vcpu_regs *regs, enum place place, bool avx)
{
    bool is_long = place >= PLACE_COMPAT_16;
    regs->cr0 = CR0_ET | CR0_NE | CR0_AM | CR0_WP | (place != PLACE_REAL ? CR0_PE : 0) |
                (place_pages(place) ? CR0_PG : 0);
    regs->cr2 = 0;
    regs->cr3 = is_long ? WORLD_PML4 : place == PLACE_32_PAE ? WORLD_PDPT3 : WORLD_PD32;
    regs->cr4 = CR4_OSFXSR;
    regs->cr4 |= is_long || place == PLACE_32_PAE ? CR4_PAE : 0;
    regs->efer = is_long ? EFER_LME | EFER_LMA : 0;
    regs->cr4 |= avx ? CR4_OSXSAVE : 0;
    regs->xcr0 = avx ? XCR0_X87 | XCR0_SSE | XCR0_AVX : XCR0_X87;
    regs->gdtr = (struct table_reg){.base = WORLD_GDT, .limit = 8u * GDT_COUNT - 1u};
    regs->idtr = is_long ? (struct table_reg){.base = WORLD_IDT64, .limit = 0x1FF}
                         : (struct table_reg){.base = WORLD_IDT32, .limit = 0xFF};
    if (place == PLACE_REAL) {
        regs->idtr = (struct table_reg){.base = 0, .limit = 0x3FF};
    }
    regs->seg[SEG_TR] = (struct seg_reg){
        .base = is_long ? WORLD_TSS64 : WORLD_TSS32, .limit = 0x67, .ar = 0x8B, .selector = 32};
    regs->seg[SEG_LDTR] = (struct seg_reg){
        .base = WORLD_LDT, .limit = 8u * LDT_COUNT - 1u, .ar = 0x82, .selector = 48};
}
