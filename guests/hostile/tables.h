/* SPDX-License-Identifier: BSD-2-Clause
 * Descriptor tables and page tables of the hostile guest: see machine.h. */
#ifndef HOSTILE_TABLES_H
#define HOSTILE_TABLES_H

#include <stdbool.h>
#include <stdint.h>

void tables_init_all(void);

/* The program's own page tables: everything below 4 GiB, writable. */
uint64_t tables_main(void);

/* GDT, IDT and data segments as they were; TR and LDTR too. */
void tables_restore(bool tr);

/* The next exception shuts the processor down. */
void tables_no_idt(void);

#endif
