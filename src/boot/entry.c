/* SPDX-License-Identifier: BSD-2-Clause
 * The processor states that boot protocols ask for, and the GDT and page tables behind them. */
#include "boot/entry.h"

#include <stdbool.h>

#include "base/assert.h"
#include "base/le.h"

/* Descriptors: base 0, limit 4 GiB, accessed. [SDM] vol. 3A, figure 3-8 */
#define GDT_CODE32 0x00CF9B000000FFFFull
#define GDT_CODE64 0x00AF9B000000FFFFull
#define GDT_DATA   0x00CF93000000FFFFull

#define PTE_P  0x01ull
#define PTE_RW 0x02ull
#define PTE_PS 0x80ull

#define PAGE_BYTES       0x1000u
#define TABLE_ENTRIES    512u
#define LARGE_PAGE_BYTES 0x200000ull
#define DIRECTORIES      4u

#define SEG_TYPE_CODE 0xBu /* execute, read, accessed */
#define SEG_TYPE_DATA 0x3u /* read, write, accessed   */
#define SEG_TYPE_LDT  0x2u
#define SEG_TYPE_TSS  0xBu /* busy: what a VM entry demands of TR */
#define TSS_LIMIT     0x67u

static void entry_store64(const struct gmem *mem, gpa_t gpa, uint64_t value)
{
    uint8_t bytes[8];
    le_store(bytes, 8, value);
    const bool stored = gmem_write(mem, gpa, bytes, sizeof(bytes));
    BH_ASSERT(stored);
}

static void entry_write_gdt(const struct gmem *mem, gpa_t gpa, uint64_t code)
{
    entry_store64(mem, gpa, 0);
    entry_store64(mem, gpa + 8u, 0);
    entry_store64(mem, gpa + ENTRY_CS, code);
    entry_store64(mem, gpa + ENTRY_DS, GDT_DATA);
}

void entry_write_gdt32(const struct gmem *mem, gpa_t gpa)
{
    entry_write_gdt(mem, gpa, GDT_CODE32);
}

void entry_write_gdt64(const struct gmem *mem, gpa_t gpa)
{
    entry_write_gdt(mem, gpa, GDT_CODE64);
}

void entry_write_tables(const struct gmem *mem, gpa_t gpa)
{
    const gpa_t pdpt = gpa + PAGE_BYTES;
    const gpa_t directory = pdpt + PAGE_BYTES;
    const bool cleared = gmem_fill(mem, gpa, 0, 2u * PAGE_BYTES);
    BH_ASSERT(cleared);
    entry_store64(mem, gpa, pdpt | PTE_RW | PTE_P);
    for (uint32_t i = 0; i < DIRECTORIES; i++) {
        entry_store64(mem, pdpt + 8u * i, (directory + i * PAGE_BYTES) | PTE_RW | PTE_P);
    }
    for (uint32_t i = 0; i < DIRECTORIES * TABLE_ENTRIES; i++) {
        entry_store64(mem, directory + 8u * i, i * LARGE_PAGE_BYTES | PTE_PS | PTE_RW | PTE_P);
    }
}

void entry_regs32(struct vcpu_regs *regs, uint64_t rip, gpa_t gdt)
{
    const struct seg_reg code = {
        .limit = UINT32_MAX,
        .ar = SEG_AR_G | SEG_AR_DB | SEG_AR_P | SEG_AR_S | SEG_TYPE_CODE,
        .selector = ENTRY_CS,
    };
    const struct seg_reg data = {
        .limit = UINT32_MAX,
        .ar = SEG_AR_G | SEG_AR_DB | SEG_AR_P | SEG_AR_S | SEG_TYPE_DATA,
        .selector = ENTRY_DS,
    };
    *regs = (struct vcpu_regs){
        .rip = rip,
        .rflags = RFLAGS_FIXED,
        .seg =
            {
                [SEG_CS] = code,
                [SEG_DS] = data,
                [SEG_ES] = data,
                [SEG_FS] = data,
                [SEG_GS] = data,
                [SEG_SS] = data,
                [SEG_LDTR] = {.ar = SEG_AR_UNUSABLE | SEG_TYPE_LDT},
                [SEG_TR] = {.limit = TSS_LIMIT, .ar = SEG_AR_P | SEG_TYPE_TSS},
            },
        .gdtr = {.base = gdt, .limit = ENTRY_GDT_BYTES - 1u},
        .cr0 = CR0_PE | CR0_ET,
        .xcr0 = 1, /* x87: the bit that cannot be clear */
    };
}

void entry_regs64(struct vcpu_regs *regs, uint64_t rip, gpa_t gdt, gpa_t tables)
{
    entry_regs32(regs, rip, gdt);
    regs->seg[SEG_CS].ar = SEG_AR_G | SEG_AR_L | SEG_AR_P | SEG_AR_S | SEG_TYPE_CODE;
    regs->cr0 |= CR0_PG;
    regs->cr3 = tables;
    regs->cr4 = CR4_PAE;
    regs->efer = EFER_LME | EFER_LMA;
}
