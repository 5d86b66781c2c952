/* SPDX-License-Identifier: BSD-2-Clause
 * Where shots aim: addresses at which something stands, just beside it, and where nothing is. */
#include "kinds.h"

#include "random.h"

#define LAPIC  0xFEE00000ull
#define IOAPIC 0xFEC00000ull
#define HPET   0xFED00000ull
#define WINDOW 0x1000u
#define NEAR   16u /* bytes around an edge */
#define EDGES  16u

static const uint64_t chips[] = {LAPIC, IOAPIC, HPET};

static uint64_t edge[EDGES];
static uint32_t edges;

static void add_edge(uint64_t at)
{
    if (edges < EDGES) {
        edge[edges++] = at;
    }
}

void aim_init(const struct boot_info *boot)
{
    for (uint32_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        add_edge(chips[i]);
        add_edge(chips[i] + WINDOW);
    }
    add_edge(HPET + 0x400u);
    add_edge(IOAPIC + 0x20u);
    add_edge(IOAPIC + 0x44u);
    add_edge(4u * GIB);
    for (uint32_t i = 0; i < boot->ranges; i++) {
        const struct boot_range *r = &boot->range[i];
        if (r->type == BOOT_RANGE_RAM && r->base + r->size > SCRATCH_END) {
            add_edge(r->base + r->size);
        }
    }
}

static uint64_t ioapic_register(void)
{
    static const uint32_t registers[] = {0x00, 0x10, 0x10, 0x20, 0x40};
    return IOAPIC + RANDOM_OF(registers);
}

uint64_t aim_register(void)
{
    switch (random_below(4)) {
    case 0:
        return ioapic_register();
    case 1:
        return HPET + 4u * random_below(0x60);
    default:
        return LAPIC + 0x10u * random_below(0x40);
    }
}

uint64_t aim_memory(void)
{
    static const uint64_t walks[] = {NOISE_BASE, WALK_LAPIC, WALK_ABSENT, WALK_HIGH};
    switch (random_below(16)) {
    case 0:
    case 1:
    case 2:
        return edge[random_below(edges)] + random_below(2u * NEAR) - NEAR;
    case 3:
        return DATA_BASE + random_below(0x10000);
    case 4:
        return 0xD0000000u + random_below(0x2000000);
    case 5:
        return 4u * GIB + (random_64() & (4u * GIB - 1u)); /* RAM or not, to 8 GiB */
    case 6:
        return HUGE_BASE + (random_64() & (16u * GIB - 1u));
    case 7:
        return RANDOM_OF(walks) + (random_64() & ((1ull << 39) - 1u));
    case 8:
        return RANDOM_OF(chips) + random_below(WINDOW);
    default:
        return aim_register() + (random_chance(1, 4) ? random_below(16) : 0);
    }
}
