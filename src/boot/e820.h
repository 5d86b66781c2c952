/* SPDX-License-Identifier: BSD-2-Clause
 * The guest's memory map, as both boot protocols pass it on.
 *
 * Sorted by address, without overlaps, neighbours of one type merged. 0xA0000-0xFFFFF is reserved in
 * every map, RAM behind it or not: that is where a PC's kernels expect adapters and firmware, and some
 * place themselves by that alone.
 * Spec: [ACPI] 6.4, 15.1 (INT 15H, E820H). */
#ifndef BOOT_E820_H
#define BOOT_E820_H

#include <stdint.h>

#include "system/image.h"
#include "vm/gmem.h"

#define E820_RAM      1u
#define E820_RESERVED 2u

/* Between conventional memory and the first megabyte: adapters and firmware on a PC. */
#define E820_LEGACY_LO 0xA0000u
#define E820_LEGACY_HI 0x100000u

/* Each mark adds at most two entries to those of the ranges. */
#define E820_MARKS_MAX 3u
#define E820_MAX       (SYSTEM_RANGES_MAX + 2u * E820_MARKS_MAX)

struct e820_entry {
    gpa_t base;
    uint64_t len;
    uint32_t type; /* E820_* */
    uint32_t unused;
};

struct e820_map {
    uint32_t count;
    uint32_t marks; /* made so far */
    struct e820_entry entry[E820_MAX];
};

/* The map of a VM's ranges, with the legacy area marked. @pre the ranges passed system_check(). */
void e820_init(struct e820_map *m, const struct system_vm *vm);

/* Gives [base, base + len) this type, whatever it was.
 * @pre len is not 0, base + len fits, and fewer than E820_MARKS_MAX marks were made (e820_init: 1). */
void e820_mark(struct e820_map *m, gpa_t base, uint64_t len, uint32_t type);

/* End of the RAM that reaches without a gap from `base` up, or `base` if there is none. */
gpa_t e820_ram_end(const struct e820_map *m, gpa_t base);

#endif
