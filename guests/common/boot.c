/* SPDX-License-Identifier: BSD-2-Clause
 * See boot.h. */
#include "boot.h"

#include <stddef.h>

#define MBI_MEMORY  (1u << 0)
#define MBI_CMDLINE (1u << 2)
#define MBI_MODULES (1u << 3)
#define MBI_MAP     (1u << 6)
#define MBI_LOADER  (1u << 9)

struct mbi {
    uint32_t flags;
    uint32_t mem_lower_kib;
    uint32_t mem_upper_kib;
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t mods_count;
    uint32_t mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length;
    uint32_t mmap_addr;
    uint32_t drives_length;
    uint32_t drives_addr;
    uint32_t config_table;
    uint32_t boot_loader_name;
};

struct mbi_module {
    uint32_t start;
    uint32_t end;
    uint32_t text;
    uint32_t reserved;
};

struct mbi_range {
    uint32_t size; /* of what follows */
    uint64_t base;
    uint64_t length;
    uint32_t type;
} __attribute__((packed));

static const void *at(uint32_t address)
{
    return (const void *)(uintptr_t)address;
}

static void copy_text(char *to, const char *from, uint32_t max)
{
    uint32_t i = 0;
    for (; i + 1u < max && from[i] != '\0'; i++) {
        to[i] = from[i];
    }
    to[i] = '\0';
}

static void add_range(struct boot_info *info, uint64_t base, uint64_t size, uint32_t type)
{
    if (info->ranges < BOOT_RANGES_MAX) {
        info->range[info->ranges++] = (struct boot_range){base, size, type};
    }
}

static void read_ranges(struct boot_info *info, const struct mbi *mbi)
{
    if ((mbi->flags & MBI_MAP) != 0) {
        uint32_t off = 0;
        while (off < mbi->mmap_length && info->ranges < BOOT_RANGES_MAX) {
            const struct mbi_range *r = at(mbi->mmap_addr + off);
            add_range(info, r->base, r->length, r->type);
            off += r->size + (uint32_t)sizeof r->size;
        }
    } else if ((mbi->flags & MBI_MEMORY) != 0) {
        add_range(info, 0, (uint64_t)mbi->mem_lower_kib << 10, BOOT_RANGE_RAM);
        add_range(info, 0x100000, (uint64_t)mbi->mem_upper_kib << 10, BOOT_RANGE_RAM);
    }
}

static void read_modules(struct boot_info *info, const struct mbi *mbi)
{
    if ((mbi->flags & MBI_MODULES) == 0) {
        return;
    }
    const struct mbi_module *m = at(mbi->mods_addr);
    uint32_t count = mbi->mods_count < BOOT_MODULES_MAX ? mbi->mods_count : BOOT_MODULES_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct boot_module *to = &info->module[info->modules++];
        to->start = m[i].start;
        to->end = m[i].end;
        if (m[i].text != 0) {
            copy_text(to->text, at(m[i].text), sizeof to->text);
        }
    }
    info->modules_dropped = mbi->mods_count - count;
}

void boot_read(struct boot_info *info, uint32_t address)
{
    const struct mbi *mbi = at(address);
    info->flags = mbi->flags;
    if ((mbi->flags & MBI_CMDLINE) != 0) {
        copy_text(info->cmdline, at(mbi->cmdline), sizeof info->cmdline);
    }
    if ((mbi->flags & MBI_LOADER) != 0) {
        copy_text(info->loader, at(mbi->boot_loader_name), sizeof info->loader);
    }
    read_ranges(info, mbi);
    read_modules(info, mbi);
}

bool boot_is_ram(const struct boot_info *info, uint64_t base, uint64_t size)
{
    for (uint32_t i = 0; i < info->ranges; i++) {
        const struct boot_range *r = &info->range[i];
        if (r->type == BOOT_RANGE_RAM && base >= r->base && base - r->base <= r->size &&
            size <= r->size - (base - r->base)) {
            return true;
        }
    }
    return false;
}

/* If the word at w is `name` or `name=...`, where its value starts. */
static const char *word_value(const char *w, const char *name)
{
    while (*name != '\0' && *w == *name) {
        w++;
        name++;
    }
    if (*name != '\0') {
        return NULL;
    }
    if (*w == '=') {
        return w + 1;
    }
    return *w == ' ' || *w == '\0' ? w : NULL;
}

const char *boot_option(const struct boot_info *info, const char *name)
{
    const char *found = NULL;
    bool start = true; /* of a word */
    for (const char *c = info->cmdline; *c != '\0'; c++) {
        const char *value = start ? word_value(c, name) : NULL;
        if (value != NULL) {
            found = value;
        }
        start = *c == ' ';
    }
    return found;
}

bool boot_option_u64(const struct boot_info *info, const char *name, uint64_t *v)
{
    const char *s = boot_option(info, name);
    if (s == NULL) {
        return false;
    }
    uint64_t n = 0;
    uint32_t digits = 0;
    for (; *s >= '0' && *s <= '9' && digits < 18u; s++, digits++) {
        n = n * 10u + (uint64_t)(*s - '0');
    }
    if (digits == 0 || (*s != ' ' && *s != '\0')) {
        return false;
    }
    *v = n;
    return true;
}

bool boot_option_is(const struct boot_info *info, const char *name, const char *value)
{
    const char *s = boot_option(info, name);
    if (s == NULL) {
        return false;
    }
    while (*value != '\0' && *s == *value) {
        s++;
        value++;
    }
    return *value == '\0' && (*s == ' ' || *s == '\0');
}

uint32_t boot_crc32(const void *data, uint64_t bytes)
{
    static uint32_t table[256];
    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256u; i++) {
            uint32_t c = i;
            for (uint32_t k = 0; k < 8u; k++) {
                c = (c & 1u) != 0 ? (c >> 1) ^ 0xEDB88320u : c >> 1;
            }
            table[i] = c;
        }
    }
    const uint8_t *p = data;
    uint32_t crc = UINT32_MAX;
    for (uint64_t i = 0; i < bytes; i++) {
        crc = table[(crc ^ p[i]) & 0xFFu] ^ (crc >> 8);
    }
    return ~crc;
}
