/* SPDX-License-Identifier: BSD-2-Clause
 * The processor states that boot protocols ask for, and the GDT and page tables behind them.
 *
 * Both protocols get the same GDT: code at 0x10 and data at 0x18, flat. Linux asks for it. Multiboot
 * leaves it undefined, but kernels exist that reload a segment register before they load their own.
 * Spec: [LBP] 32-bit and 64-bit boot protocol; [MB1] 3.2; [SDM] vol. 3A, 3.4.5, 4.5. */
#ifndef BOOT_ENTRY_H
#define BOOT_ENTRY_H

#include "vm/gmem.h"
#include "vm/regs.h"

#define ENTRY_CS 0x10u
#define ENTRY_DS 0x18u

#define ENTRY_GDT_BYTES    32u
#define ENTRY_TABLES_BYTES 0x6000u /* PML4, PDPT, four page directories */
#define ENTRY_TABLES_ALIGN 0x1000u
#define ENTRY_MAPPED       (1ull << 32) /* bytes from 0 up that the page tables map to themselves */

/* Writes the GDT for 32-bit or 64-bit code. @pre ENTRY_GDT_BYTES at gpa are RAM. */
void entry_write_gdt32(const struct gmem *mem, gpa_t gpa);
void entry_write_gdt64(const struct gmem *mem, gpa_t gpa);

/* Writes page tables that map the first 4 GiB to themselves, in 2 MiB pages, writable.
 * @pre ENTRY_TABLES_BYTES at gpa are RAM; gpa is aligned to ENTRY_TABLES_ALIGN and below 4 GiB. */
void entry_write_tables(const struct gmem *mem, gpa_t gpa);

/* Protected mode, paging off, flat segments, interrupts off, all general registers 0. */
void entry_regs32(struct vcpu_regs *regs, uint64_t rip, gpa_t gdt);

/* Long mode with the page tables at `tables`, otherwise the same. */
void entry_regs64(struct vcpu_regs *regs, uint64_t rip, gpa_t gdt, gpa_t tables);

#endif
