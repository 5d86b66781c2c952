/* SPDX-License-Identifier: BSD-2-Clause
 * Page tables: one set for the kernel alone, one for each partition.
 * Spec: [SDM] vol. 3A, 4.5 (4-level paging), 4.6 (access rights). */
#ifndef DEMO653_PAGING_H
#define DEMO653_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_BYTES      4096u
#define PARTITION_SPACE 0x200000u /* virtual space of a partition: what one page table maps */

/* The local APIC's registers again, within reach of RIP-relative operands: the last 2 MiB of the first
 * GiB lead there. */
#define PAGING_LAPIC_ALIAS 0x3FE00000u

/* Replaces the start-up tables: kernel text read-only, everything else not executable where the
 * processor knows how, page 0 absent, devices uncached. Also SMEP, SMAP and UMIP where offered. */
void paging_init(void);
void paging_print(void);

/* Makes a partition's tables: the kernel's first and fourth GiB for the kernel only, and nothing
 * else yet. */
void paging_create(uint32_t partition, uint64_t start);

/* Maps one page for ring 3. @pre `virtual` lies in the partition's space. */
void paging_map(uint32_t partition, uint64_t virtual, const void *frame, bool writable, bool code);

/* Switches to a partition's tables, or to the kernel's for NO_PARTITION. */
void paging_use(uint32_t partition);

#endif
