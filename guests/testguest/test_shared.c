/* SPDX-License-Identifier: BSD-2-Clause
 * cr2, kernel: for guests that share a core with others. Does a register that no kernel needs to switch
 * keep its value, and what does a monitor on a small kernel make of requests that must not reach it?
 *
 * Both take salt=N, another one for each guest, and ms=N, how long they go on.
 * Spec: [SDM] vol. 3A, 2.5 (CR2, CR8), 18.2 (debug registers); vol. 4 (MSRs); vol. 2 (VMFUNC, VMX). */
#include "testguest.h"

#include "lapic.h"
#include "print.h"
#include "trap.h"
#include "x86.h"

#define SPINS     300u /* between a page fault and the look at CR2 */
#define SALT_MASK 0x3Fu
#define CR4_DE    (1ull << 3)
#define CR4_VMXE  (1ull << 13)
#define CR0_CD    (1ull << 30)
#define DR7_CALM  0x400u
#define DR7_ARMED 0xD0DD07FFull /* all four, global and local: two writes, two ports */
#define HOLD_US   20000u

#define VECTOR_NO_FPU 7u
#define WINDOW        0x80000000ull /* 2 MiB that nothing else uses */
#define PTE_LARGE     0x83u

#define MSR_SYSENTER_ESP 0x175u
#define MSR_SYSENTER_EIP 0x176u
#define MSR_LSTAR        0xC0000082u
#define MSR_CSTAR        0xC0000083u
#define MSR_FMASK        0xC0000084u
#define MSR_FS_BASE      0xC0000100u
#define MSR_GS_BASE      0xC0000101u
#define MSR_KERNEL_GS    0xC0000102u

static uint64_t option(const char *name, uint64_t otherwise)
{
    (void)boot_option_u64(&boot, name, &otherwise);
    return otherwise;
}

static uint64_t end_tsc(void)
{
    return rdtsc() + option("ms", 1000) * clock_tsc_khz();
}

/* Page faults at ever different addresses, in a part of the address space that no other salt has.
 * Nothing is mapped there, and nothing but the processor and its monitor's host can spoil CR2. */
struct verdict test_cr2(void)
{
    uint64_t base = (option("salt", 1) & SALT_MASK) << 40;
    uint64_t faults = 0;
    uint64_t wrong = 0;
    uint64_t leaked = 0;
    uint64_t first = 0;
    EXPECT(base != 0, "salt= is 1 to 63");
    trap_cr2_spins = SPINS;
    for (uint64_t end = end_tsc(); rdtsc() < end; faults++) {
        uint64_t address = base | (faults * 0x10123457u & 0xFFFFFFFFFFull);
        EXPECT(try_read(address) == VECTOR_PAGE_FAULT, "no page fault where nothing is mapped");
        if (trap_cr2 != address) {
            first = wrong == 0 ? trap_cr2 : first;
            wrong++;
            leaked += trap_cr2 >> 40 != base >> 40 ? 1u : 0u;
        }
    }
    print("cr2: faults=%lu wrong=%lu leaked=%lu first=%lx\n", faults, wrong, leaked, first);
    EXPECT(faults >= 1000u, "fewer than 1000 page faults");
    EXPECT(wrong == 0, "CR2 was not the address of the fault");
    return PASS;
}

/* --- kernel -------------------------------------------------------------------------------------- */

/* An address that is none gives #GP, and the register keeps what it had. */
static struct verdict non_canonical(void)
{
    static const uint32_t msrs[] = {MSR_LSTAR,     MSR_CSTAR,        MSR_FS_BASE,     MSR_GS_BASE,
                                    MSR_KERNEL_GS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP};
    static const uint64_t values[] = {0x8000000000000000ull, 0x0000800000000000ull,
                                      0xFFFF7FFFFFFFFFFFull, 0x0001000000000000ull,
                                      0x7FFFFFFFFFFFFFFFull};
    for (uint32_t i = 0; i < sizeof msrs / sizeof msrs[0]; i++) {
        uint64_t before = rdmsr(msrs[i]);
        for (uint32_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            uint32_t vector = try_wrmsr(msrs[i], values[k]);
            if (vector != VECTOR_GENERAL || rdmsr(msrs[i]) != before) {
                print("kernel: msr %x takes %lx (%u)\n", msrs[i], values[k], vector);
                return FAIL("a non-canonical address gave no #GP, or stayed");
            }
        }
    }
    EXPECT(try_wrmsr(MSR_FMASK, 1ull << 32) == VECTOR_GENERAL, "FMASK takes bit 32");
    uint64_t efer = rdmsr(MSR_EFER);
    EXPECT(try_wrmsr(MSR_EFER, efer | 1ull << 63) == VECTOR_GENERAL, "EFER takes bit 63");
    EXPECT(try_wrmsr(MSR_EFER, efer & ~(1ull << 8)) == VECTOR_GENERAL,
           "EFER.LME goes under paging");
    return PASS;
}

/* The highest priority there is, interrupts off, and nothing done: whoever else is on the core must not
 * have to wait for its end. */
static struct verdict highest_priority(void)
{
    for (uint64_t i = 0; i <= 15u; i++) {
        EXPECT(try_write_cr8(i) == NO_FAULT && read_cr8() == i, "CR8 does not hold a priority");
    }
    wait_us(HOLD_US);
    EXPECT(read_cr8() == 15u, "CR8 did not hold the highest priority");
    EXPECT(try_write_cr8(16) == VECTOR_GENERAL, "CR8 takes 16");
    EXPECT(try_write_cr8(0x8000000000000000ull) == VECTOR_GENERAL, "CR8 takes bit 63");
    return try_write_cr8(0) == NO_FAULT ? PASS : FAIL("CR8 takes no 0");
}

#define DEBUG_REGISTER(n)                                      \
    static uint64_t dr##n(uint64_t set)                        \
    {                                                          \
        uint64_t v;                                            \
        if (set != 0) {                                        \
            __asm__ volatile("movq %0, %%dr" #n : : "r"(set)); \
        }                                                      \
        __asm__ volatile("movq %%dr" #n ", %0" : "=r"(v));     \
        return v;                                              \
    }
DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)

/* Breakpoints on what others use too, if they came to be: the values stay ours, nobody else's get in. */
static struct verdict debug_registers(uint64_t salt)
{
    uint64_t value = salt << 40 | 0x3F8u;
    EXPECT(dr0(value) == value && dr1(value + 1u) == value + 1u && dr2(value + 2u) == value + 2u &&
               dr3(value + 3u) == value + 3u,
           "DR0-3 do not hold values");
    EXPECT(try_write_dr7(DR7_ARMED) == NO_FAULT, "DR7 takes no breakpoints");
    wait_us(HOLD_US);
    EXPECT(dr0(0) == value && dr1(0) == value + 1u && dr2(0) == value + 2u && dr3(0) == value + 3u,
           "DR0-3 are another's");
    EXPECT(try_write_dr7(1ull << 32) == VECTOR_GENERAL, "DR7 takes bit 32");
    EXPECT(try_write_dr7(DR7_CALM) == NO_FAULT, "DR7 does not take its own value");
    write_cr4(read_cr4() | CR4_DE);
    EXPECT(try_read_dr4() == VECTOR_UNDEFINED, "DR4 is there, with CR4.DE");
    write_cr4(read_cr4() & ~CR4_DE);
    return PASS;
}

/* Nested virtualisation and other page tables: not there, and nobody's business. */
static struct verdict no_virtualisation(void)
{
    static const struct {
        const char *name;
        uint32_t (*try)(void);
    } all[] = {
        {"vmxon", try_vmxon},       {"vmclear", try_vmclear},   {"vmptrld", try_vmptrld},
        {"vmptrst", try_vmptrst},   {"vmread", try_vmread},     {"vmwrite", try_vmwrite},
        {"vmlaunch", try_vmlaunch}, {"vmresume", try_vmresume}, {"vmxoff", try_vmxoff},
        {"invept", try_invept},     {"invvpid", try_invvpid},   {"vmfunc", try_vmfunc},
        {"getsec", try_getsec},
    };
    EXPECT(try_write_cr4(read_cr4() | CR4_VMXE) == VECTOR_GENERAL, "CR4 takes VMXE");
    for (uint32_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        uint32_t vector = all[i].try();
        if (vector != VECTOR_UNDEFINED) {
            print("kernel: %s: vector %u\n", all[i].name, vector);
            return FAIL("an instruction of VMX is there");
        }
    }
    return PASS;
}

/* The caches off, and floating point that is not the guest's to use just then. */
static struct verdict processor_modes(void)
{
    uint64_t cr0 = read_cr0();
    write_cr0(cr0 | CR0_CD);
    wait_us(100);
    write_cr0((cr0 & ~CR0_EM) | CR0_TS);
    EXPECT(try_fninit() == VECTOR_NO_FPU, "x87 in spite of CR0.TS");
    (void)cpuid(0, 0); /* an exit in that state */
    write_cr0(cr0 & ~(CR0_EM | CR0_TS));
    EXPECT(try_fninit() == NO_FAULT, "no x87 without CR0.TS");
    write_cr0(cr0);
    return PASS;
}

/* Maps the 2 MiB around a physical address; returns where it is now. Tables are mapped one to one. */
static volatile uint64_t *window(uint64_t at)
{
    const uint64_t *pml4 = (const uint64_t *)(uintptr_t)read_cr3();
    const uint64_t *pdpt = (const uint64_t *)(uintptr_t)(pml4[0] & ~0xFFFull);
    uint64_t *pd = (uint64_t *)(uintptr_t)(pdpt[WINDOW >> 30] & ~0xFFFull);
    pd[0] = (at & ~0x1FFFFFull) | PTE_LARGE;
    __asm__ volatile("invlpg (%0)" : : "r"(WINDOW) : "memory");
    return (volatile uint64_t *)(uintptr_t)(WINDOW + (at & 0x1FFFFFu));
}

/* Where there is no entry in the nested tables, at each of their levels. */
static struct verdict nested_tables(void)
{
    static const uint64_t at[] = {0x1FFF000u,     0x3FFFF000u,          0xD0000000u,
                                  0x100000000ull, 0x8000000000ull - 8u, 0x8000000000ull,
                                  0xFFFFFFF000ull};
    uint32_t bits = cpuid_if(0x80000008u, 0).eax & 0xFFu;
    for (uint32_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        if (at[i] >> bits != 0) {
            continue;
        }
        volatile uint64_t *p = window(at[i]);
        EXPECT(*p == UINT64_MAX, "absent memory does not read as all ones");
        *p = 0;
    }
    return PASS;
}

struct verdict test_kernel(void)
{
    uint64_t salt = option("salt", 1) & SALT_MASK;
    uint64_t rounds = 0;
    struct verdict v = PASS;
    for (uint64_t end = end_tsc(); v.why == NULL && rdtsc() < end; rounds++) {
        struct verdict (*const parts[])(void) = {non_canonical, highest_priority, no_virtualisation,
                                                 processor_modes, nested_tables};
        for (uint32_t i = 0; v.why == NULL && i < sizeof parts / sizeof parts[0]; i++) {
            v = parts[i]();
        }
        v = v.why == NULL ? debug_registers(salt) : v;
    }
    print("kernel: rounds=%lu\n", rounds);
    return v;
}
