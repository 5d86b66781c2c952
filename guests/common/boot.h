/* SPDX-License-Identifier: BSD-2-Clause
 * What the Multiboot loader said, copied out of its memory so that nothing has to stay there.
 * Spec: Multiboot 0.6.96, 3.3 (boot information format). */
#ifndef GUEST_BOOT_H
#define GUEST_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#define BOOT_RANGES_MAX  32u
#define BOOT_MODULES_MAX 8u
#define BOOT_TEXT_MAX    128u
#define BOOT_CMDLINE_MAX 2048u

#define BOOT_RANGE_RAM 1u

struct boot_range {
    uint64_t base;
    uint64_t size;
    uint32_t type; /* BOOT_RANGE_RAM or reserved */
};

struct boot_module {
    uint32_t start;
    uint32_t end;
    char text[BOOT_TEXT_MAX];
};

struct boot_info {
    uint32_t flags; /* as the loader set them */
    uint32_t ranges;
    uint32_t modules;
    uint32_t modules_dropped; /* more than fit */
    struct boot_range range[BOOT_RANGES_MAX];
    struct boot_module module[BOOT_MODULES_MAX];
    char loader[BOOT_TEXT_MAX];
    char cmdline[BOOT_CMDLINE_MAX];
};

void boot_read(struct boot_info *info, uint32_t mbi);

/* Is all of [base, base + size) RAM, in one range of the map? */
bool boot_is_ram(const struct boot_info *info, uint64_t base, uint64_t size);

/* The value of the last word `name` or `name=value` on the command line, up to the next space; an
 * empty one for a bare name; null if it is not there. */
const char *boot_option(const struct boot_info *info, const char *name);

/* The same as a decimal number; false, and *v untouched, if it is absent or no number. */
bool boot_option_u64(const struct boot_info *info, const char *name, uint64_t *v);

/* Does the option have exactly this value? */
bool boot_option_is(const struct boot_info *info, const char *name, const char *value);

/* CRC-32 as in IEEE 802.3, zlib and gzip. */
uint32_t boot_crc32(const void *data, uint64_t bytes);

/* To be written by the guest: called by boot.S. */
void guest_main(uint32_t magic, uint32_t mbi);

#endif
