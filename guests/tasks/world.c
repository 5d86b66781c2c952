/* SPDX-License-Identifier: BSD-2-Clause
 * See tasks.h. */
#include "tasks.h"

#define GDT_ENTRIES  16u
#define IDT_ENTRIES  256u
#define FLAT         0xFFFFFu
#define ACCESS_DATA  0x93u /* present, written and accessed */
#define ACCESS_CODE  0x9Bu
#define ACCESS_TSS   0x89u
#define ACCESS_TSS16 0x81u
#define ACCESS_LDT   0x82u
#define ACCESS_GATE  0x85u /* to a task */
#define GATE_INT     0x8E00u
#define FLAG_32      0x4u
#define FLAG_PAGES   0x8u

#define EFLAGS_FIXED 0x2u
#define CR0_PG       0x80000000u
#define CR4_PSE      0x10u
#define CR4_PAE      0x20u
#define PTE_SMALL    0x007u /* for users, too: virtual-8086 mode is one */
#define PTE_LARGE    0x087u
#define STACK_BYTES  4096u

struct tss main_tss, other_tss, helper_tss;
struct tss_16 small_tss;

static uint64_t gdt[GDT_ENTRIES];
static uint64_t idt[IDT_ENTRIES];
static _Alignas(16) uint8_t stacks[4][STACK_BYTES];

struct __attribute__((packed)) table {
    uint16_t limit;
    uint32_t base;
};

/* --- Descriptors -------------------------------------------------------------------------------- */

static uint32_t address(const void *p)
{
    return (uint32_t)(uintptr_t)p;
}

static void describe(uint16_t selector, uint32_t base, uint32_t limit, uint32_t access,
                     uint32_t flags)
{
    uint64_t d = (uint64_t)(base & 0xFFFFFFu) << 16 | (uint64_t)(base >> 24) << 56;
    d |= (limit & 0xFFFFu) | (uint64_t)(limit >> 16) << 48;
    gdt[selector >> 3] = d | (uint64_t)access << 40 | (uint64_t)flags << 52;
}

uint8_t world_type(uint16_t selector)
{
    return (uint8_t)(gdt[selector >> 3] >> 40) & 0x1Fu;
}

void world_free(uint16_t tss)
{
    gdt[tss >> 3] &= ~((uint64_t)TYPE_BUSY << 40);
}

void world_task_gate(uint8_t vector, uint16_t tss)
{
    idt[vector] = (uint64_t)tss << 16 | (uint64_t)ACCESS_GATE << 40;
}

void world_no_gate(uint8_t vector)
{
    idt[vector] = 0;
}

static void reset_gdt(void)
{
    const uint32_t flat = FLAG_32 | FLAG_PAGES;
    describe(CODE, 0, FLAT, ACCESS_CODE, flat);
    describe(DATA, 0, FLAT, ACCESS_DATA, flat);
    describe(MAIN, address(&main_tss), sizeof(main_tss) - 1u, ACCESS_TSS, 0);
    describe(OTHER, address(&other_tss), sizeof(other_tss) - 1u, ACCESS_TSS, 0);
    describe(SMALL, address(&small_tss), sizeof(small_tss) - 1u, ACCESS_TSS16, 0);
    describe(HELPER, address(&helper_tss), sizeof(helper_tss) - 1u, ACCESS_TSS, 0);
    describe(ABSENT, address(&other_tss), sizeof(other_tss) - 1u, ACCESS_TSS & 0x7Fu, 0);
    describe(SHORT, address(&other_tss), sizeof(other_tss) - 2u, ACCESS_TSS, 0);
    gdt[GATE >> 3] = (uint64_t)OTHER << 16 | (uint64_t)ACCESS_GATE << 40;
    describe(LOW_CODE, address(low_base), 0xFFFF, ACCESS_CODE, FLAG_32);
    describe(LOW_STACK, address(stacks[3]), 0xFFFF, ACCESS_DATA, 0);
    describe(ABSENT_DATA, 0, FLAT, ACCESS_DATA & 0x7Fu, flat);
    describe(DATA_3, 0, FLAT, ACCESS_DATA | 0x60u, flat);
    describe(LDT, address(gdt), sizeof(gdt) - 1u, ACCESS_LDT, 0);
}

static void reset_idt(void)
{
    for (uint32_t i = 0; i < IDT_ENTRIES; i++) {
        idt[i] = 0;
    }
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t at = fault_table[i];
        idt[i] = (at & 0xFFFFu) | (uint64_t)CODE << 16 | (uint64_t)GATE_INT << 32 |
                 (uint64_t)(at >> 16) << 48;
    }
}

/* --- Address spaces ------------------------------------------------------------------------------ */

static _Alignas(4096) uint32_t directory[2][1024];
static _Alignas(4096) uint32_t probe_table[2][1024];
static _Alignas(4096) uint64_t pae_directory[2][2048];
static _Alignas(4096) uint64_t pae_probe_table[2][512];
static _Alignas(32) uint64_t pae_pointers[2][4];
static _Alignas(4096) uint32_t probe_page[2][1024];

static void map_all(void)
{
    for (uint32_t k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < 1024; i++) {
            directory[k][i] = i << 22 | PTE_LARGE;
        }
        for (uint32_t i = 0; i < 2048; i++) {
            pae_directory[k][i] = (uint64_t)i << 21 | PTE_LARGE;
        }
        for (uint32_t i = 0; i < 4; i++) {
            pae_pointers[k][i] = address(&pae_directory[k][512u * i]) | 1u;
        }
        probe_page[k][0] = k == 0 ? PROBE_FIRST : PROBE_SECOND;
        probe_table[k][0] = address(probe_page[k]) | PTE_SMALL;
        pae_probe_table[k][0] = address(probe_page[k]) | PTE_SMALL;
        directory[k][PROBE >> 22] = address(probe_table[k]) | PTE_SMALL;
        pae_directory[k][PROBE >> 21] = address(pae_probe_table[k]) | PTE_SMALL;
    }
}

static uint32_t root(enum paging paging, uint32_t k)
{
    return paging == PAGING_PAE ? address(pae_pointers[k]) : address(directory[k]);
}

static void write_cr4(uint32_t v)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}

static void write_cr0(uint32_t v)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory");
}

static uint32_t read_cr0(void)
{
    uint32_t v;
    __asm__ volatile("mov %%cr0, %0" : "=r"(v));
    return v;
}

void world_paging(enum paging paging)
{
    map_all();
    write_cr0(read_cr0() & ~CR0_PG);
    if (paging == PAGING_OFF) {
        return;
    }
    write_cr4(paging == PAGING_PAE ? CR4_PAE : CR4_PSE);
    __asm__ volatile("mov %0, %%cr3" : : "r"(root(paging, 0)) : "memory");
    write_cr0(read_cr0() | CR0_PG);
}

/* --- Tasks ------------------------------------------------------------------------------------------ */

static void reset_task(struct tss *t, enum paging paging, uint32_t stack)
{
    const uint32_t top = address(stacks[stack]) + STACK_BYTES;
    *t = (struct tss){
        .link = 0xFFFF,
        .esp0 = top - 2048u,
        .ss0 = DATA,
        .cr3 = root(paging, 1),
        .eflags = EFLAGS_FIXED,
        .map = sizeof(*t),
    };
    for (uint32_t i = 0; i < 8; i++) {
        t->gpr[i] = 0xC0DE0000u + i;
    }
    t->gpr[4] = top;
    for (uint32_t i = 0; i < 6; i++) {
        t->seg[i] = i == 1 ? CODE : DATA;
    }
}

static void reset_small(void)
{
    small_tss = (struct tss_16){.link = 0xFFFF, .flags = EFLAGS_FIXED};
    for (uint32_t i = 0; i < 8; i++) {
        small_tss.gpr[i] = (uint16_t)(0xC0D0u + i);
    }
    small_tss.gpr[4] = STACK_BYTES;
    small_tss.seg[0] = DATA;
    small_tss.seg[1] = LOW_CODE;
    small_tss.seg[2] = LOW_STACK;
    small_tss.seg[3] = DATA;
}

void world_reset(enum paging paging)
{
    const struct table g = {sizeof(gdt) - 1u, address(gdt)};
    const struct table i = {sizeof(idt) - 1u, address(idt)};
    reset_gdt();
    reset_idt();
    main_tss = (struct tss){.link = 0xFFFF, .cr3 = root(paging, 0), .map = sizeof(main_tss)};
    reset_task(&other_tss, paging, 0);
    reset_task(&helper_tss, paging, 1);
    reset_small();
    __asm__ volatile("lgdt %0\n\t"
                     "lidt %1\n\t"
                     "ljmp %2, $1f\n"
                     "1:\tmov %3, %%ds\n\t"
                     "mov %3, %%es\n\t"
                     "mov %3, %%fs\n\t"
                     "mov %3, %%gs\n\t"
                     "mov %3, %%ss\n\t"
                     "ltr %w4"
                     :
                     : "m"(g), "m"(i), "i"(CODE), "r"(DATA), "r"(MAIN)
                     : "memory");
}
