/* SPDX-License-Identifier: BSD-2-Clause
 * The local APIC's registers in xAPIC mode. Spec: [SDM] vol. 3A, 10.4 to 10.8. */
#ifndef GUEST_LAPIC_H
#define GUEST_LAPIC_H

#include <stdint.h>

#define LAPIC_BASE 0xFEE00000u

#define LAPIC_ID            0x020u
#define LAPIC_VERSION       0x030u
#define LAPIC_TPR           0x080u
#define LAPIC_PPR           0x0A0u
#define LAPIC_EOI           0x0B0u
#define LAPIC_SVR           0x0F0u
#define LAPIC_ISR           0x100u
#define LAPIC_IRR           0x200u
#define LAPIC_ESR           0x280u
#define LAPIC_ICR_LOW       0x300u
#define LAPIC_ICR_HIGH      0x310u
#define LAPIC_LVT_TIMER     0x320u
#define LAPIC_LVT_LINT0     0x350u
#define LAPIC_LVT_LINT1     0x360u
#define LAPIC_LVT_ERROR     0x370u
#define LAPIC_TIMER_INITIAL 0x380u
#define LAPIC_TIMER_CURRENT 0x390u
#define LAPIC_TIMER_DIVIDE  0x3E0u

#define LAPIC_SVR_ENABLE      0x100u
#define LAPIC_LVT_MASKED      0x10000u
#define LAPIC_LVT_EXTINT      0x700u
#define LAPIC_LVT_PERIODIC    0x20000u
#define LAPIC_LVT_DEADLINE    0x40000u
#define LAPIC_TIMER_DIVIDE_1  0xBu
#define LAPIC_ICR_SELF        0x40000u
#define LAPIC_ICR_ASSERT      0x4000u
#define LAPIC_BASE_MSR_ENABLE 0x800u

/* Absolute addresses in C: one 32-bit access each. */
static inline uint32_t lapic_read(uint32_t reg)
{
    return *(const volatile uint32_t *)(uintptr_t)(LAPIC_BASE + reg);
}

static inline void lapic_write(uint32_t reg, uint32_t v)
{
    *(volatile uint32_t *)(uintptr_t)(LAPIC_BASE + reg) = v;
}

/* With an immediate, as compilers for real kernels emit it. */
static inline void lapic_eoi(void)
{
    __asm__ volatile("movl $0, %0"
                     : "=m"(*(volatile uint32_t *)(uintptr_t)(LAPIC_BASE + LAPIC_EOI))
                     :
                     : "memory");
}

#endif
