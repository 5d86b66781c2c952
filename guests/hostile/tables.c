/* SPDX-License-Identifier: BSD-2-Clause
 * See tables.h.
 * Spec: [SDM] vol. 3A, 3.4.5, 4.5, 6.14.1 (IDT), 6.14.5 (IST), 7.2.3 (TSS descriptor). */
#include "tables.h"

#include "machine.h"
#include "memory.h"
#include "random.h"
#include "x86.h"

#define STACK_BYTES   8192u
#define GDT_ENTRIES   32u
#define IDT_ENTRIES   256u
#define GDT_TSS       (SEL_TSS / 8u)
#define GDT_TSS_SPARE (SEL_TSS_SPARE / 8u)
#define GDT_CALL_GATE (SEL_CALL_GATE / 8u)
#define GDT_NOISE     (SEL_NOISE / 8u)
#define TSS_AVAILABLE (0x89ull << 40)
#define TSS_BUSY_BIT  (1ull << 41)

#define GATE_INTERRUPT 0x8E00u
#define GATE_DPL3      0x6000u
#define IST_ALL        1u
#define IST_NMI        2u
#define IST_DOUBLE     3u

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITABLE (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_SEEN     ((1ull << 5) | (1ull << 6)) /* accessed, dirty */
#define PTE_LARGE    (1ull << 7)
#define PTE_NO_EXEC  (1ull << 63)
#define LINK         (PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_SEEN)
#define PAGE         4096u
#define LARGE        0x200000ull
#define ENTRIES      512u
#define MAPPED_GIB   8u /* one to one, in the world of devices */
#define HUGE_ENTRIES 16u
#define HIGH_GPA     (1ull << 45)
#define ABSENT_GPA   0xD0000000ull

struct table {
    uint64_t entry[ENTRIES];
} __attribute__((aligned(4096)));

struct gate {
    uint64_t low;
    uint64_t high;
};

struct tss {
    uint32_t reserved0;
    uint32_t rsp_ist[22];
    uint16_t reserved1;
    uint16_t iomap;
} __attribute__((packed));

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern const char trap_stubs[];
extern uint8_t writable_start[];
extern uint8_t writable_end[];

/* What a shot may write, or the processor on its behalf. */
#define WRITABLE __attribute__((section(".bss.writable"), aligned(4096)))
static struct {
    uint64_t gdt[GDT_ENTRIES];
    uint8_t unused[PAGE - GDT_ENTRIES * 8u];
    uint8_t stack[4][STACK_BYTES]; /* ring 0 by privilege change, then IST 1 to 3 */
} writable WRITABLE;

static uint64_t gdt_as_it_should_be[GDT_ENTRIES] = {
    0,
    0x00AF9B000000FFFFull, /* SEL_KERNEL_CODE; accessed, as all of them */
    0x00CF93000000FFFFull, /* SEL_KERNEL_DATA   */
    0x00CFF3000000FFFFull, /* SEL_USER_DATA     */
    0x00AFFB000000FFFFull, /* SEL_USER_CODE     */
    0,
    0, /* SEL_TSS, two entries */
    0,
    0,
    0x00CFFB000000FFFFull, /* SEL_USER_CODE32   */
    0x00CF9B000000FFFFull, /* SEL_KERNEL_CODE32 */
    0x008FFB000000FFFFull, /* SEL_USER_CODE16   */
    0,
    0, /* SEL_TSS_SPARE, two entries */
    0,
    0, /* SEL_CALL_GATE, two entries */
};
static struct tss tss;
static struct gate idt[IDT_ENTRIES];
static struct gate idt_second[IDT_ENTRIES];
static struct table main_pml4, main_pdpt, main_pd;
static struct table ram_pml4, ram_pdpt, ram_pd;
static struct table dev_pml4, dev_pdpt, dev_pd[MAPPED_GIB];
static struct table program_pt; /* the first 2 MiB, as shots see it */
static struct table noise_pdpt, noise_pd, huge_pdpt;

static uint64_t address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

static uint64_t link(const struct table *t)
{
    return address(t) | LINK;
}

/* --- Page tables -------------------------------------------------------------------------------- */

/* Supervisor only; RAM below the program is not there. */
static void map_program(void)
{
    for (uint32_t i = 0; i < ENTRIES; i++) {
        uint64_t at = (uint64_t)i * PAGE;
        uint64_t flags = PTE_PRESENT | PTE_SEEN;
        if (at >= address(writable_start) && at < address(writable_end)) {
            flags |= PTE_WRITABLE;
        }
        program_pt.entry[i] = at < MIB ? 0 : at | flags;
    }
}

static void map_large(struct table *pd, uint32_t first, uint32_t count, uint64_t gpa,
                      uint64_t flags)
{
    for (uint32_t i = 0; i < count; i++) {
        pd->entry[first + i] = (gpa + i * LARGE) | LINK | PTE_LARGE | flags;
    }
}

/* 512 entries that mean nothing in particular, but often something. */
static void fill_with_noise(struct table *t, const struct table *next)
{
    for (uint32_t i = 0; i < ENTRIES; i++) {
        uint64_t e = random_64();
        switch (random_below(6)) {
        case 0:
            e = link(next) ^ (1ull << random_below(64));
            break;
        case 1:
            e = (e & 0xFFFFFF000ull) | LINK; /* anywhere below 64 GiB */
            break;
        case 2:
            e = (random_below(2) != 0 ? 0xFEE00000ull : 0xFEC00000ull) | LINK |
                (random_below(2) != 0 ? PTE_LARGE : 0);
            break;
        case 3:
            e = (SCRATCH_BASE + random_below(SCRATCH_END - SCRATCH_BASE)) | LINK | PTE_LARGE;
            break;
        default:
            break;
        }
        t->entry[i] = e;
    }
}

static void map_noise(void)
{
    fill_with_noise(&noise_pdpt, &noise_pd);
    fill_with_noise(&noise_pd, &program_pt);
    for (uint32_t i = 0; i < HUGE_ENTRIES; i++) {
        huge_pdpt.entry[i] = ((1ull << (30u + i)) & ~(GIB - 1u)) | LINK | PTE_LARGE;
    }
    dev_pml4.entry[NOISE_BASE >> 39] = link(&noise_pdpt);
    dev_pml4.entry[WALK_LAPIC >> 39] = 0xFEE00000ull | LINK;
    dev_pml4.entry[WALK_ABSENT >> 39] = ABSENT_GPA | LINK;
    dev_pml4.entry[WALK_HIGH >> 39] = HIGH_GPA | LINK;
    dev_pml4.entry[HUGE_BASE >> 39] = link(&huge_pdpt);
}

static void map_worlds(void)
{
    map_program();
    for (uint32_t i = 0; i < MAPPED_GIB; i++) {
        map_large(&dev_pd[i], 0, ENTRIES, i * GIB, PTE_NO_EXEC);
        dev_pdpt.entry[i] = link(&dev_pd[i]);
        main_pdpt.entry[i] = link(&dev_pd[i]);
    }
    dev_pd[0].entry[0] = link(&program_pt);
    dev_pd[0].entry[CODE_BASE / LARGE] &= ~PTE_NO_EXEC;
    dev_pml4.entry[0] = link(&dev_pdpt);
    map_large(&ram_pd, 1, SCRATCH_END / LARGE - 1u, LARGE, PTE_NO_EXEC);
    ram_pd.entry[CODE_BASE / LARGE] &= ~PTE_NO_EXEC;
    ram_pd.entry[0] = link(&program_pt);
    ram_pdpt.entry[0] = link(&ram_pd);
    ram_pml4.entry[0] = link(&ram_pdpt);
    map_large(&main_pd, 0, ENTRIES, 0, 0);
    main_pdpt.entry[0] = link(&main_pd);
    main_pml4.entry[0] = link(&main_pdpt) & ~PTE_USER;
    map_noise();
}

uint64_t tables_main(void)
{
    return address(&main_pml4);
}

uint64_t machine_tables(enum world world)
{
    return address(world == WORLD_RAM ? &ram_pml4 : &dev_pml4);
}

/* --- Descriptor tables -------------------------------------------------------------------------- */

static void set_stack(uint32_t pair, const uint8_t *stack)
{
    uint64_t top = address(stack) + STACK_BYTES;
    tss.rsp_ist[pair * 2u] = (uint32_t)top;
    tss.rsp_ist[pair * 2u + 1u] = (uint32_t)(top >> 32);
}

static void tss_descriptor(uint32_t at)
{
    uint64_t base = address(&tss);
    gdt_as_it_should_be[at] = (sizeof tss - 1u) | ((base & 0xFFFFFFu) << 16) | TSS_AVAILABLE |
                              (((base >> 24) & 0xFFu) << 56);
    gdt_as_it_should_be[at + 1u] = base >> 32;
}

static struct gate gate_to(uint32_t vector, uint32_t ist, uint32_t flags)
{
    uint64_t at = address(trap_stubs) + 16u * vector;
    return (struct gate){
        .low = (at & 0xFFFFu) | ((uint64_t)SEL_KERNEL_CODE << 16) | ((uint64_t)ist << 32) |
               ((uint64_t)(GATE_INTERRUPT | flags) << 32) | ((at & 0xFFFF0000u) << 32),
        .high = at >> 32,
    };
}

static void idt_init(void)
{
    for (uint32_t v = 0; v < IDT_ENTRIES; v++) {
        uint32_t ist = IST_ALL;
        if (v == VECTOR_NMI) {
            ist = IST_NMI;
        } else if (v == VECTOR_DOUBLE_FAULT || v == VECTOR_MACHINE_CHECK) {
            ist = IST_DOUBLE;
        }
        idt[v] = gate_to(v, ist, v == 3u || v >= VECTOR_EXCEPTIONS ? GATE_DPL3 : 0);
    }
    memcpy(idt_second, idt, sizeof idt);
}

static void load_tr(uint16_t selector)
{
    writable.gdt[GDT_TSS] &= ~TSS_BUSY_BIT;
    __asm__ volatile("ltr %w0" : : "r"(selector) : "memory");
    gdt_as_it_should_be[GDT_TSS] |= TSS_BUSY_BIT;
}

void tables_restore(bool tr)
{
    const struct table_pointer g = {sizeof writable.gdt - 1u, address(writable.gdt)};
    const struct table_pointer i = {sizeof idt - 1u, address(idt)};
    memcpy(writable.gdt, gdt_as_it_should_be, sizeof writable.gdt);
    __asm__ volatile("lgdt %0" : : "m"(g));
    __asm__ volatile("lidt %0" : : "m"(i));
    __asm__ volatile("movw %w0, %%ds\n\t"
                     "movw %w0, %%es\n\t"
                     "movw %w0, %%fs\n\t"
                     "movw %w0, %%gs"
                     :
                     : "r"(SEL_KERNEL_DATA));
    if (tr) {
        load_tr(SEL_TSS);
        __asm__ volatile("lldt %w0" : : "r"(0));
    }
}

void tables_no_idt(void)
{
    const struct table_pointer none = {0, 0};
    __asm__ volatile("lidt %0" : : "m"(none));
}

void machine_set_noise(uint32_t n, uint64_t descriptor)
{
    writable.gdt[GDT_NOISE + n] = descriptor;
}

void machine_set_gate(uint32_t vector, uint64_t low, uint64_t high)
{
    idt_second[vector] = (struct gate){low, high};
}

uint64_t machine_second_idt(void)
{
    return address(idt_second);
}

uint64_t machine_gdt(void)
{
    return address(writable.gdt);
}

/* A gate into the scratch memory, where there is an INT3: far calls through it come back. */
static void call_gate(void)
{
    uint64_t at = CODE_BASE + CODE_BYTES - 16u;
    gdt_as_it_should_be[GDT_CALL_GATE] = (at & 0xFFFFu) | ((uint64_t)SEL_KERNEL_CODE << 16) |
                                         (0xEC00ull << 32) | ((at & 0xFFFF0000u) << 32);
    gdt_as_it_should_be[GDT_CALL_GATE + 1u] = at >> 32;
}

void tables_init_all(void)
{
    set_stack(0, writable.stack[0]);
    set_stack(3u + IST_ALL, writable.stack[1]);
    set_stack(3u + IST_NMI, writable.stack[2]);
    set_stack(3u + IST_DOUBLE, writable.stack[3]);
    tss.iomap = sizeof tss;
    tss_descriptor(GDT_TSS);
    tss_descriptor(GDT_TSS_SPARE);
    call_gate();
    idt_init();
    map_worlds();
    write_cr3(tables_main());
    tables_restore(false);
    __asm__ volatile("pushq %0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmovw %w1, %%ss"
                     :
                     : "i"(SEL_KERNEL_CODE), "r"(SEL_KERNEL_DATA)
                     : "rax", "memory");
    load_tr(SEL_TSS);
}
