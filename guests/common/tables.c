/* SPDX-License-Identifier: BSD-2-Clause
 * GDT, TSS and IDT of a 64-bit guest.
 * Spec: [SDM] vol. 3A, 3.4.5 (segment descriptors), 6.14.1 (IDT), 6.14.5 (IST), 7.7 (TSS). */
#include "trap.h"

#include "print.h"
#include "x86.h"

#define STACK_BYTES 16384u
#define GDT_ENTRIES 7u
#define IDT_ENTRIES 256u

#define GATE_INTERRUPT 0x8E00u
#define GATE_DPL3      0x6000u

struct tss {
    uint32_t reserved0;
    uint32_t rsp_ist[22]; /* RSP0-2, reserved, IST1-7, reserved: pairs of low, high */
    uint16_t reserved1;
    uint16_t iomap; /* beyond the limit: ring 3 may use no port */
} __attribute__((packed));

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t flags; /* IST in bits 0-2 */
    uint16_t offset_mid;
    uint32_t offset_high;
    uint32_t reserved;
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern const char trap_stubs[];

static uint64_t gdt[GDT_ENTRIES] = {
    0,
    0x00AF9A000000FFFFull, /* SEL_KERNEL_CODE */
    0x00CF92000000FFFFull, /* SEL_KERNEL_DATA */
    0x00CFF2000000FFFFull, /* SEL_USER_DATA   */
    0x00AFFA000000FFFFull, /* SEL_USER_CODE   */
    0,                     /* SEL_TSS, two entries */
    0,
};
static struct tss tss;
static struct gate idt[IDT_ENTRIES];
static uint8_t trap_stack[STACK_BYTES] __attribute__((aligned(16)));
static uint8_t fault_stack[STACK_BYTES] __attribute__((aligned(16))); /* IST1: NMI, #DF, #MC */

static void tss_set_stack(uint32_t pair, const uint8_t *stack)
{
    uint64_t top = (uint64_t)(uintptr_t)stack + STACK_BYTES;
    tss.rsp_ist[pair * 2u] = (uint32_t)top;
    tss.rsp_ist[pair * 2u + 1u] = (uint32_t)(top >> 32);
}

static void tss_init(void)
{
    uint64_t base = (uint64_t)(uintptr_t)&tss;
    tss_set_stack(0, trap_stack);
    tss_set_stack(4, fault_stack);
    tss.iomap = sizeof tss;
    gdt[5] = (sizeof tss - 1u) | ((base & 0xFFFFFFu) << 16) | (0x89ull << 40) |
             (((base >> 24) & 0xFFu) << 56);
    gdt[6] = base >> 32;
}

static void idt_init(uint32_t user_vector)
{
    for (uint32_t v = 0; v < IDT_ENTRIES; v++) {
        uint64_t at = (uint64_t)(uintptr_t)trap_stubs + 16u * v;
        uint16_t flags = GATE_INTERRUPT;
        if (v == user_vector) {
            flags |= GATE_DPL3;
        }
        if (v == VECTOR_NMI || v == VECTOR_DOUBLE_FAULT || v == VECTOR_MACHINE_CHECK) {
            flags |= 1u;
        }
        idt[v] = (struct gate){.offset_low = (uint16_t)at,
                               .selector = SEL_KERNEL_CODE,
                               .flags = flags,
                               .offset_mid = (uint16_t)(at >> 16),
                               .offset_high = (uint32_t)(at >> 32)};
    }
}

void tables_init(uint32_t user_vector)
{
    tss_init();
    idt_init(user_vector);
    struct table_pointer g = {sizeof gdt - 1u, (uint64_t)(uintptr_t)gdt};
    struct table_pointer i = {sizeof idt - 1u, (uint64_t)(uintptr_t)idt};
    __asm__ volatile("lgdt %0" : : "m"(g));
    __asm__ volatile("pushq %0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmovw %w1, %%ds\n\t"
                     "movw %w1, %%es\n\t"
                     "movw %w1, %%ss"
                     :
                     : "i"(SEL_KERNEL_CODE), "r"(SEL_KERNEL_DATA)
                     : "rax", "memory");
    __asm__ volatile("lidt %0" : : "m"(i));
    __asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
}

const char *trap_name(uint64_t vector)
{
    static const char *const names[VECTOR_EXCEPTIONS] = {
        "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9",   "#TS",
        "#NP", "#SS", "#GP", "#PF", "15",  "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
        "22",  "23",  "24",  "25",  "26",  "27",  "#HV", "#VC", "#SX", "31"};
    return vector < VECTOR_EXCEPTIONS ? names[vector] : "interrupt";
}

void trap_print(const struct trap_frame *f)
{
    print("  vector %lu (%s) error %lx\n", f->vector, trap_name(f->vector), f->error);
    print("  rip %016lx cs %04lx rflags %08lx\n", f->rip, f->cs, f->rflags);
    print("  rsp %016lx ss %04lx cr2 %016lx\n", f->rsp, f->ss, read_cr2());
    print("  rax %016lx rbx %016lx rcx %016lx\n", f->rax, f->rbx, f->rcx);
    print("  rdx %016lx rsi %016lx rdi %016lx\n", f->rdx, f->rsi, f->rdi);
    print("  rbp %016lx r8  %016lx r9  %016lx\n", f->rbp, f->r8, f->r9);
    print("  r10 %016lx r11 %016lx r12 %016lx\n", f->r10, f->r11, f->r12);
    print("  r13 %016lx r14 %016lx r15 %016lx\n", f->r13, f->r14, f->r15);
    print("  cr0 %016lx cr3 %016lx cr4 %016lx\n", read_cr0(), read_cr3(), read_cr4());
}
