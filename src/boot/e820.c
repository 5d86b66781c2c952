/* SPDX-License-Identifier: BSD-2-Clause
 * The guest's memory map, as both boot protocols pass it on. */
#include "boot/e820.h"

#include <stdbool.h>

#include "base/arith.h"
#include "base/assert.h"

/* Appends behind the last entry, growing that one where the two are one run. */
static void e820_append(struct e820_map *m, gpa_t base, uint64_t len, uint32_t type)
{
    if (len == 0) {
        return;
    }
    if (m->count > 0) {
        struct e820_entry *last = &m->entry[m->count - 1];
        if (last->type == type && last->base + last->len == base) {
            last->len += len;
            return;
        }
    }
    BH_ASSERT(m->count < E820_MAX);
    m->entry[m->count] = (struct e820_entry){.base = base, .len = len, .type = type};
    m->count++;
}

void e820_init(struct e820_map *m, const struct system_vm *vm)
{
    *m = (struct e820_map){.count = 0};
    for (uint32_t i = 0; i < vm->ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
        e820_append(m, vm->range[i].base, vm->range[i].size, E820_RAM);
    }
    e820_mark(m, E820_LEGACY_LO, E820_LEGACY_HI - E820_LEGACY_LO, E820_RESERVED);
}

void e820_mark(struct e820_map *m, gpa_t base, uint64_t len, uint32_t type)
{
    BH_ASSERT(m->marks < E820_MARKS_MAX);
    const struct e820_map old = *m;
    const gpa_t end = base + len;
    bool placed = false;

    m->count = 0;
    m->marks++;
    for (uint32_t i = 0; i < old.count; i++) { /* bound: E820_MAX */
        const struct e820_entry *e = &old.entry[i];
        const gpa_t e_end = e->base + e->len;
        if (e->base < base) {
            e820_append(m, e->base, (e_end < base ? e_end : base) - e->base, e->type);
        }
        if (!placed && e_end > base) {
            e820_append(m, base, len, type);
            placed = true;
        }
        if (e_end > end) {
            const gpa_t rest = e->base > end ? e->base : end;
            e820_append(m, rest, e_end - rest, e->type);
        }
    }
    if (!placed) {
        e820_append(m, base, len, type);
    }
}

gpa_t e820_ram_end(const struct e820_map *m, gpa_t base)
{
    for (uint32_t i = 0; i < m->count; i++) { /* bound: E820_MAX */
        const struct e820_entry *e = &m->entry[i];
        if (e->type == E820_RAM && range_within(base, 1, e->base, e->len)) {
            return e->base + e->len;
        }
    }
    return base;
}
