/* SPDX-License-Identifier: BSD-2-Clause
 * msr, cpuid, fpu, and the three ways to stop: hlt, triple, reset and poweroff.
 * Spec: [SDM] vol. 2 and vol. 4; ACPI 6.5, 4.8.3.2 (PM1 control). */
#include "testguest.h"

#include "lapic.h"
#include "memory.h"
#include "print.h"
#include "trap.h"
#include "x86.h"

#define MSR_TSC       0x10u
#define MSR_PAT       0x277u
#define MSR_LSTAR     0xC0000082u
#define MSR_FS_BASE   0xC0000100u
#define MSR_UNKNOWN   0x4FFFFF00u
#define EFER_LMA      (1ull << 10)
#define NON_CANONICAL 0x8000000000000000ull

#define PM1A_CONTROL  0x604u
#define SLEEP_OFF     ((5u << 10) | (1u << 13))
#define RESET_CONTROL 0xCF9u

struct verdict test_msr(void)
{
    uint64_t v = 0;
    EXPECT(try_rdmsr(MSR_UNKNOWN, &v) == VECTOR_GENERAL, "an unknown RDMSR gives no #GP");
    EXPECT(try_wrmsr(MSR_UNKNOWN, 1) == VECTOR_GENERAL, "an unknown WRMSR gives no #GP");
    EXPECT(try_rdmsr(MSR_EFER, &v) == NO_FAULT && (v & EFER_LMA) != 0, "EFER.LMA is not set");
    EXPECT(try_rdmsr(MSR_PAT, &v) == NO_FAULT && v != 0, "PAT cannot be read");
    EXPECT(try_rdmsr(MSR_APIC_BASE, &v) == NO_FAULT, "APIC_BASE cannot be read");
    EXPECT((v & 0xFFFFFF000ull) == LAPIC_BASE, "APIC_BASE is not fee00000");
    uint64_t before = rdtsc();
    EXPECT(try_rdmsr(MSR_TSC, &v) == NO_FAULT && v >= before && v <= rdtsc(),
           "the TSC as an MSR does not agree with RDTSC");
    EXPECT(try_wrmsr(MSR_FS_BASE, 0x123456789000ull) == NO_FAULT &&
               rdmsr(MSR_FS_BASE) == 0x123456789000ull,
           "FS.base does not hold a value");
    EXPECT(try_wrmsr(MSR_LSTAR, 0x123456ull) == NO_FAULT && rdmsr(MSR_LSTAR) == 0x123456ull,
           "LSTAR does not hold a value");
    if (try_wrmsr(MSR_LSTAR, NON_CANONICAL) == NO_FAULT) {
        print("msr: a non-canonical LSTAR gives no #GP\n");
        EXPECT(boot_option(&boot, "strict") == NULL, "LSTAR (with option strict)");
    }
    return PASS;
}

/* Do TSC and APIC timer run as fast as the leaf says? Within 1 %, over 50 ms, best of five. */
static bool clocks_run_so(uint64_t tsc_khz, uint64_t apic_khz)
{
    lapic_setup();
    for (uint32_t i = 0; i < 5u; i++) {
        lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
        uint32_t c0 = lapic_read(LAPIC_TIMER_CURRENT);
        uint64_t t0 = rdtsc();
        while (rdtsc() - t0 < 50u * tsc_khz) {
            cpu_pause();
        }
        uint32_t c1 = lapic_read(LAPIC_TIMER_CURRENT);
        uint64_t t1 = rdtsc();
        uint64_t due = mul_div(t1 - t0, apic_khz, tsc_khz);
        uint64_t got = c0 - c1;
        if (got >= due - due / 100u && got <= due + due / 100u) {
            return true;
        }
        print("cpuid: %lu APIC counts where %lu were due\n", got, due);
    }
    return false;
}

/* A local APIC that is switched off is not there: [SDM] vol. 3A, 11.4.3. */
static bool lapic_bit_follows(void)
{
    const uint32_t bit = 1u << 9;
    const uint64_t base = rdmsr(MSR_APIC_BASE);
    bool before = (cpuid(1, 0).edx & bit) != 0;
    wrmsr(MSR_APIC_BASE, base & ~(uint64_t)LAPIC_BASE_MSR_ENABLE);
    bool off = (cpuid(1, 0).edx & bit) == 0;
    wrmsr(MSR_APIC_BASE, base);
    return before && off && (cpuid(1, 0).edx & bit) != 0;
}

struct verdict test_cpuid(void)
{
    EXPECT((cpuid(1, 0).ecx & (1u << 31)) != 0, "leaf 1 does not tell of a hypervisor");
    struct cpuid h = cpuid(0x40000000u, 0);
    const uint32_t name[4] = {h.ebx, h.ecx, h.edx, 0};
    print("cpuid: hypervisor \"%s\", leaves to %08x\n", (const char *)name, h.eax);
    EXPECT(h.eax >= 0x40000010u && h.eax < 0x50000000u, "no hypervisor leaf 0x40000010");
    struct cpuid c = cpuid(0x40000010u, 0);
    print("cpuid: tsc %u kHz, apic %u kHz\n", c.eax, c.ebx);
    EXPECT(c.eax != 0 && c.ebx != 0, "leaf 0x40000010 has no rates");
    uint64_t said = 0;
    EXPECT(!boot_option_u64(&boot, "tsc_khz", &said) || said == c.eax,
           "tsc_khz= and leaf 0x40000010 differ");
    EXPECT(!boot_option_u64(&boot, "apic_khz", &said) || said == c.ebx,
           "apic_khz= and leaf 0x40000010 differ");
    struct cpuid l = cpuid_if(0x15, 0);
    if (l.eax == 0 || l.ebx == 0 || l.ecx == 0) {
        print("cpuid: leaf 0x15 tells nothing\n");
    } else {
        uint64_t tsc_khz = mul_div(l.ecx, l.ebx, l.eax) / 1000u;
        print("cpuid: leaf 0x15 tells tsc %lu kHz, crystal %u Hz\n", tsc_khz, l.ecx);
        EXPECT(tsc_khz + 1u >= c.eax && tsc_khz <= c.eax + 1u, "leaf 0x15 has another TSC rate");
        EXPECT(l.ecx / 1000u == c.ebx, "leaf 0x15 has another APIC rate");
    }
    EXPECT(clocks_run_so(c.eax, c.ebx), "TSC and APIC timer do not run at these rates");
    EXPECT(lapic_bit_follows(), "leaf 1 does not follow APIC_BASE.EN");
    return PASS;
}

static bool sse_works(void)
{
    uint64_t sum;
    __asm__ volatile("movq %1, %%xmm0\n\t"
                     "movq %2, %%xmm9\n\t"
                     "paddd %%xmm9, %%xmm0\n\t"
                     "movq %%xmm0, %0"
                     : "=r"(sum)
                     : "r"(0xFFFFFFFF00000001ull), "r"(0x0000000200000003ull));
    return sum == 0x0000000100000004ull;
}

static bool cmpxchg16b_works(void)
{
    static uint64_t pair[2] __attribute__((aligned(16)));
    pair[0] = 1;
    pair[1] = 2;
    uint64_t lo = 1;
    uint64_t hi = 2;
    bool swapped;
    __asm__ volatile("lock cmpxchg16b %1\n\tsete %0"
                     : "=q"(swapped), "+m"(pair), "+a"(lo), "+d"(hi)
                     : "b"(3ull), "c"(4ull)
                     : "cc", "memory");
    return swapped && pair[0] == 3u && pair[1] == 4u;
}

/* Saves a pattern, spoils it, restores it. */
static bool state_returns(bool xsave)
{
    static uint8_t area[4096] __attribute__((aligned(64)));
    uint64_t v = 0x1122334455667788ull;
    memset(area, 0, sizeof area);
    __asm__ volatile("movq %0, %%xmm7" : : "r"(v));
    if (xsave) {
        __asm__ volatile("xsave64 %0" : "+m"(area) : "a"(7), "d"(0) : "memory");
    } else {
        __asm__ volatile("fxsave64 %0" : "+m"(area) : : "memory");
    }
    __asm__ volatile("pxor %%xmm7, %%xmm7" : : : "memory");
    if (xsave) {
        __asm__ volatile("xrstor64 %0" : : "m"(area), "a"(7), "d"(0) : "memory");
    } else {
        __asm__ volatile("fxrstor64 %0" : : "m"(area) : "memory");
    }
    __asm__ volatile("movq %%xmm7, %0" : "=r"(v));
    return v == 0x1122334455667788ull;
}

struct verdict test_fpu(void)
{
    write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
    write_cr4(read_cr4() | CR4_FXSR | CR4_XMM);
    struct cpuid features = cpuid(1, 0);
    EXPECT(sse_works(), "movq and paddd");
    EXPECT((features.ecx & (1u << 13)) == 0 || cmpxchg16b_works(), "lock cmpxchg16b");
    EXPECT(state_returns(false), "fxsave and fxrstor");
    if ((features.ecx & (1u << 26)) == 0) {
        print("fpu: xsave not offered\n");
        return PASS;
    }
    write_cr4(read_cr4() | CR4_OSXSAVE);
    EXPECT((cpuid(1, 0).ecx & (1u << 27)) != 0, "CPUID does not follow CR4.OSXSAVE");
    uint64_t mask = cpuid(0xD, 0).eax & 7u;
    xsetbv(mask);
    EXPECT(xgetbv() == mask, "XCR0 does not hold what XSETBV wrote");
    (void)cpuid(0, 0); /* an exit */
    EXPECT(xgetbv() == mask, "XCR0 does not keep its value over a VM exit");
    print("fpu: xcr0 %lx, %u bytes\n", mask, cpuid(0xD, 0).ebx);
    EXPECT(cpuid(0xD, 0).ebx <= 4096u && state_returns(true), "xsave64 and xrstor64");
    return PASS;
}

struct verdict test_hlt(void)
{
    say_ok("hlt");
    cpu_stop();
}

struct verdict test_triple(void)
{
    static const uint8_t no_table[10];
    say_ok("triple");
    __asm__ volatile("lidt %0\n\tint3" : : "m"(no_table));
    return FAIL("still here");
}

struct verdict test_reset(void)
{
    say_ok("reset");
    outb(RESET_CONTROL, 0x02);
    outb(RESET_CONTROL, 0x06);
    wait_us(1000000);
    return FAIL("still here a second after the reset");
}

struct verdict test_poweroff(void)
{
    say_ok("poweroff");
    outw(PM1A_CONTROL, SLEEP_OFF);
    wait_us(1000000);
    return FAIL("still here a second after power-off");
}
