/* SPDX-License-Identifier: BSD-2-Clause
 * The machine's HPET: one comparator, one-shot, by an I/O APIC input.
 * Spec: Intel IA-PC HPET Specification 1.0a, 2.3 (registers). */
#ifndef SEL4_HPET_H
#define SEL4_HPET_H

#include <stdbool.h>
#include <stdint.h>

#define HPET_PHYSICAL 0xFED00000ull

#define HPET_CAP              0x000u
#define HPET_CAP_TIMERS       0x1F00u
#define HPET_CONFIG           0x010u
#define HPET_CONFIG_ON        0x1ull
#define HPET_CONFIG_LEGACY    0x2ull
#define HPET_COUNT            0x0F0u
#define HPET_TIMER(n)         (0x100u + 0x20u * (n))
#define HPET_TIMER_ON         0x4ull
#define HPET_TIMER_ROUTE(pin) ((uint64_t)(pin) << 9)
#define HPET_COMPARE(n)       (0x108u + 0x20u * (n))

#define HPET_PERIOD_MAX_FS 100000000u /* 2.3.4: more is not allowed */

static inline uint64_t hpet_read(uint64_t base, uint32_t reg)
{
    return *(volatile const uint64_t *)(base + reg);
}

static inline void hpet_write(uint64_t base, uint32_t reg, uint64_t value)
{
    *(volatile uint64_t *)(base + reg) = value;
}

static inline uint32_t hpet_period_fs(uint64_t base)
{
    return (uint32_t)(hpet_read(base, HPET_CAP) >> 32);
}

/* An HPET answers there, and its counter is as wide as we need. */
static inline bool hpet_present(uint64_t base)
{
    uint64_t cap = hpet_read(base, HPET_CAP);
    uint64_t period = cap >> 32;
    return cap != UINT64_MAX && period != 0 && period <= HPET_PERIOD_MAX_FS && (cap & 0x2000u) != 0;
}

#endif
