/* SPDX-License-Identifier: BSD-2-Clause
 * lapic, tscdeadline: the local APIC's timer, its priorities, IPIs to itself.
 * Spec: [SDM] vol. 3A, 10.5.4 (timer), 10.6.1 (ICR), 10.8.3 (priorities), 10.8.6 (CR8), 10.9. */
#include "testguest.h"

#include "lapic.h"
#include "print.h"
#include "trap.h"
#include "x86.h"

#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)

#define MSR_UNKNOWN 0x4FFFFF00u
#define FAULTS      2000u

static uint32_t counts_of_us(uint64_t us)
{
    return (uint32_t)(us * clock_apic_khz() / 1000u);
}

static bool irr_has(uint8_t vector)
{
    return (lapic_read(LAPIC_IRR + (vector / 32u) * 16u) & (1u << (vector % 32u))) != 0;
}

static void self_ipi(uint8_t vector)
{
    lapic_write(LAPIC_ICR_LOW, LAPIC_ICR_SELF | LAPIC_ICR_ASSERT | vector);
}

static struct verdict timer_one_shot(void)
{
    uint32_t before = irq_count[VECTOR_TIMER];
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, counts_of_us(2000));
    EXPECT(lapic_read(LAPIC_TIMER_INITIAL) == counts_of_us(2000), "initial count reads back wrong");
    EXPECT(wait_irq(VECTOR_TIMER, before + 1u), "one-shot: no interrupt");
    EXPECT(lapic_read(LAPIC_TIMER_CURRENT) == 0, "one-shot: the count is not 0 afterwards");
    wait_us(10000);
    irq_drain();
    EXPECT(irq_count[VECTOR_TIMER] == before + 1u, "one-shot: came again");
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, counts_of_us(1000));
    wait_us(5000);
    irq_drain();
    EXPECT(irq_count[VECTOR_TIMER] == before + 1u, "one-shot: came though masked");
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, counts_of_us(100000));
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    wait_us(150000);
    irq_drain();
    EXPECT(irq_count[VECTOR_TIMER] == before + 1u, "one-shot: a count of 0 does not stop it");
    return PASS;
}

static struct verdict timer_periodic(void)
{
    uint32_t before = irq_count[VECTOR_TIMER];
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_PERIODIC | VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, counts_of_us(2000));
    EXPECT(wait_irq(VECTOR_TIMER, before + 10u), "periodic: ten ticks did not come");
    for (uint32_t i = 0; i < 5u; i++) {
        uint32_t had = irq_count[VECTOR_TIMER];
        cpu_sti_hlt();
        cpu_cli();
        EXPECT(irq_count[VECTOR_TIMER] > had, "periodic: HLT ended without a tick");
    }
    EXPECT(lapic_read(LAPIC_TIMER_CURRENT) <= counts_of_us(2000), "periodic: count above initial");
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | LAPIC_LVT_PERIODIC | VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    irq_drain();
    uint32_t had = irq_count[VECTOR_TIMER];
    wait_us(10000);
    irq_drain();
    EXPECT(irq_count[VECTOR_TIMER] <= had + 1u, "periodic: goes on though masked and stopped");
    return PASS;
}

static struct verdict ipi_to_self(void)
{
    self_ipi(VECTOR_LOW);
    EXPECT(irr_has(VECTOR_LOW), "self IPI: not pending in IRR");
    EXPECT(irq_count[VECTOR_LOW] == 0, "self IPI: came though interrupts are off");
    EXPECT(wait_irq(VECTOR_LOW, 1), "self IPI: did not come");
    EXPECT(!irr_has(VECTOR_LOW), "self IPI: still pending afterwards");
    uint32_t at = irq_total;
    self_ipi(VECTOR_LOW);
    self_ipi(VECTOR_HIGH);
    irq_drain();
    EXPECT(wait_irq(VECTOR_LOW, 2) && wait_irq(VECTOR_HIGH, 1), "two self IPIs: one was lost");
    EXPECT(at + 1u < sizeof irq_order && irq_order[at] == VECTOR_HIGH &&
               irq_order[at + 1u] == VECTOR_LOW,
           "two self IPIs: the higher vector did not come first");
    return PASS;
}

static struct verdict priorities(void)
{
    lapic_write(LAPIC_TPR, 0x50);
    EXPECT(read_cr8() == 5u, "TPR 0x50 does not show as CR8 5");
    write_cr8(9);
    EXPECT(lapic_read(LAPIC_TPR) == 0x90u, "CR8 9 does not show as TPR 0x90");
    EXPECT(lapic_read(LAPIC_PPR) == 0x90u, "PPR does not follow TPR");
    uint32_t low = irq_count[VECTOR_LOW];
    uint32_t high = irq_count[VECTOR_HIGH];
    self_ipi(VECTOR_HIGH); /* class 9: not above 9 */
    irq_drain();
    EXPECT(irq_count[VECTOR_HIGH] == high, "an interrupt of class 9 came at CR8 9");
    write_cr8(8);
    EXPECT(wait_irq(VECTOR_HIGH, high + 1u), "class 9 did not come after CR8 went to 8");
    self_ipi(VECTOR_LOW);
    irq_drain();
    EXPECT(irq_count[VECTOR_LOW] == low, "an interrupt of class 4 came at CR8 8");
    lapic_write(LAPIC_TPR, 0);
    EXPECT(read_cr8() == 0, "CR8 does not follow TPR to 0");
    EXPECT(wait_irq(VECTOR_LOW, low + 1u), "class 4 did not come after TPR went to 0");
    return PASS;
}

static struct verdict software_disable(void)
{
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_SVR, VECTOR_SPURIOUS);
    EXPECT((lapic_read(LAPIC_LVT_TIMER) & LAPIC_LVT_MASKED) != 0,
           "software-disabled: the LVT entries are not masked");
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    EXPECT((lapic_read(LAPIC_LVT_TIMER) & LAPIC_LVT_MASKED) != 0,
           "software-disabled: a mask bit can be cleared");
    lapic_setup();
    uint32_t low = irq_count[VECTOR_LOW];
    self_ipi(VECTOR_LOW);
    EXPECT(wait_irq(VECTOR_LOW, low + 1u), "enabled again: no self IPI");
    EXPECT(irq_count[VECTOR_SPURIOUS] == 0, "a spurious interrupt came for no reason");
    return PASS;
}

struct verdict test_lapic(void)
{
    static struct verdict (*const parts[])(void) = {ipi_to_self, priorities, timer_one_shot,
                                                    timer_periodic, software_disable};
    EXPECT((rdmsr(MSR_APIC_BASE) & LAPIC_BASE_MSR_ENABLE) != 0, "APIC_BASE says it is off");
    lapic_setup();
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct verdict v = parts[i]();
        if (v.why != NULL) {
            return v;
        }
    }
    return PASS;
}

/* An interrupt that comes due while an instruction is being refused: both must arrive. If the
 * interrupt gets lost after its acknowledge, it stays in service and blocks all that come after. */
struct verdict test_faultirq(void)
{
    uint64_t v;
    uint32_t faults = 0;
    lapic_setup();
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_PERIODIC | VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, counts_of_us(1500));
    cpu_sti();
    for (uint32_t i = 0; i < FAULTS; i++) {
        faults += try_rdmsr(MSR_UNKNOWN, &v) == VECTOR_GENERAL ? 1u : 0u;
    }
    cpu_cli();
    EXPECT(faults == FAULTS, "an unknown RDMSR gave no #GP");
    uint32_t had = irq_count[VECTOR_TIMER];
    print("faultirq: %u interrupts beside %u faults\n", had, faults);
    EXPECT(had != 0, "no interrupt came in all that time");
    EXPECT(wait_irq(VECTOR_TIMER, had + 3u), "an interrupt was lost, and blocks those after it");
    return PASS;
}

struct verdict test_tscdeadline(void)
{
    if ((cpuid(1, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) == 0) {
        return SKIP("not offered");
    }
    lapic_setup();
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_DEADLINE | VECTOR_TIMER);
    __asm__ volatile("mfence" : : : "memory");
    uint64_t at = rdtsc() + 5u * clock_tsc_khz();
    wrmsr(MSR_TSC_DEADLINE, at);
    EXPECT(rdmsr(MSR_TSC_DEADLINE) == at || rdtsc() >= at, "the MSR does not read back");
    EXPECT(wait_irq(VECTOR_TIMER, 1), "no interrupt");
    EXPECT(rdtsc() >= at, "came early");
    bool cleared = rdmsr(MSR_TSC_DEADLINE) == 0;
    wrmsr(MSR_TSC_DEADLINE, rdtsc() - 1000u);
    EXPECT(wait_irq(VECTOR_TIMER, 2), "a deadline in the past does not fire");
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 100u * clock_tsc_khz());
    wrmsr(MSR_TSC_DEADLINE, 0);
    wait_us(150000);
    irq_drain();
    EXPECT(irq_count[VECTOR_TIMER] == 2u, "writing 0 does not disarm it");
    EXPECT(cleared, "the MSR is not 0 after the interrupt");
    return PASS;
}
