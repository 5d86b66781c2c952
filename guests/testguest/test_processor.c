/* SPDX-License-Identifier: BSD-2-Clause
 * processor: what CPUID says, printed leaf by leaf, and whether MSRs, control and debug registers agree
 * with it. docs/manual/cpu.md has the rules.
 * Spec: [SDM] vol. 3A, 2.5, 12.11, 12.12, 16.3; vol. 1, 13.3; vol. 3B, 18.2. */
#include "testguest.h"

#include "memory.h"
#include "print.h"
#include "trap.h"
#include "x86.h"

#define VECTOR_UNDEFINED 6u

#define MSR_MCG_CAP     0x179u
#define MSR_MCG_CTL     0x17Bu
#define MSR_MC0_CTL     0x400u
#define MSR_APERF       0xE8u
#define MSR_X2APIC_ID   0x802u
#define MSR_PAT         0x277u
#define MSR_MTRR_BASE_0 0x200u
#define MSR_MICROCODE   0x8Bu

#define CR4_PCE  (1u << 8)
#define CR4_LA57 (1u << 12)
#define CR4_VMXE (1u << 13)
#define CR4_SMXE (1u << 14)
#define CR4_CET  (1u << 23)

#define LAST_SUBLEAF 10u

static void print_leaf(uint32_t leaf, uint32_t sub)
{
    struct cpuid c = cpuid(leaf, sub);
    print("cpu: %08x.%u %08x %08x %08x %08x\n", leaf, sub, c.eax, c.ebx, c.ecx, c.edx);
}

static void print_leaves(void)
{
    static const uint32_t single[] = {0x00,        0x01,        0x06,        0x80000000u,
                                      0x80000001u, 0x80000007u, 0x80000008u, 0x80000021u};
    for (uint32_t i = 0; i < sizeof single / sizeof single[0]; i++) {
        if (cpuid(single[i] & 0xF0000000u, 0).eax >= single[i]) {
            print_leaf(single[i], 0);
        }
    }
    for (uint32_t sub = 0; sub <= cpuid_if(7, 0).eax; sub++) {
        print_leaf(7, sub);
    }
    for (uint32_t sub = 0; sub < LAST_SUBLEAF; sub++) {
        struct cpuid c = cpuid_if(0xD, sub);
        if (sub < 2u || c.eax != 0) {
            print_leaf(0xD, sub);
        }
    }
    char name[49];
    for (uint32_t i = 0; i < 3u; i++) {
        struct cpuid c = cpuid_if(0x80000002u + i, 0);
        memcpy(name + 16u * i, &c, 16);
    }
    name[48] = '\0';
    print("cpu: name \"%s\"\n", name);
}

static struct verdict check_msrs(void)
{
    uint64_t v = 0;
    EXPECT(try_rdmsr(MSR_MCG_CAP, &v) == NO_FAULT && v == 0, "MCG_CAP offers something");
    EXPECT(try_rdmsr(MSR_MCG_CTL, &v) == VECTOR_GENERAL, "there is an MCG_CTL");
    EXPECT(try_rdmsr(MSR_MC0_CTL, &v) == VECTOR_GENERAL, "there is a machine check bank");
    EXPECT(try_rdmsr(MSR_APERF, &v) == VECTOR_GENERAL, "there is an APERF");
    EXPECT(try_rdmsr(MSR_X2APIC_ID, &v) == VECTOR_GENERAL, "there are x2APIC registers");
    EXPECT(try_rdmsr(MSR_MICROCODE, &v) == NO_FAULT && v == 0, "there is a microcode revision");
    EXPECT(try_wrmsr(MSR_PAT, 0x0007040600070402ull) == VECTOR_GENERAL, "PAT takes type 2");
    EXPECT(try_wrmsr(MSR_PAT, 0x0007040600070406ull) == NO_FAULT, "PAT does not take its types");
    EXPECT(try_wrmsr(MSR_MTRR_BASE_0, 0x3) == VECTOR_GENERAL, "an MTRR takes type 3");
    EXPECT(try_wrmsr(MSR_MTRR_BASE_0, 0x6) == NO_FAULT, "an MTRR does not take type 6");
    EXPECT(try_wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1u << 1) == VECTOR_GENERAL, "EFER takes bit 1");
    return PASS;
}

/* Where the processor alone decides and no monitor is asked, QEMU's lets some things pass: told, and
 * a failure with option strict only. */
static bool faulted(uint32_t vector, uint32_t wanted, const char *what)
{
    if (vector == wanted) {
        return true;
    }
    print("processor: no fault: %s\n", what);
    return boot_option(&boot, "strict") == NULL;
}

static struct verdict check_registers(void)
{
    uint64_t cr0 = read_cr0();
    uint64_t cr4 = read_cr4();
    EXPECT(try_write_cr0(cr0 & ~1ull) == VECTOR_GENERAL, "CR0 takes PG without PE");
    EXPECT(try_write_cr4(cr4 | CR4_VMXE) == VECTOR_GENERAL, "CR4 takes VMXE");
    EXPECT(try_write_cr4(cr4 | CR4_SMXE) == VECTOR_GENERAL, "CR4 takes SMXE");
    EXPECT(try_write_cr4(cr4 | CR4_LA57) == VECTOR_GENERAL, "CR4 takes LA57");
    EXPECT(try_write_cr4(cr4 | CR4_CET) == VECTOR_GENERAL, "CR4 takes CET");
    EXPECT(try_write_cr4(cr4 | CR4_PCE) == NO_FAULT, "CR4 does not take PCE");
    EXPECT(try_write_cr8(16) == VECTOR_GENERAL, "CR8 takes 16");
    EXPECT(try_write_dr7(0x400) == NO_FAULT, "DR7 does not take its own value");
    EXPECT(faulted(try_write_cr0(cr0 | 1ull << 40), VECTOR_GENERAL, "CR0 bit 40") &&
               faulted(try_write_cr4(cr4 | 1ull << 33), VECTOR_GENERAL, "CR4 bit 33") &&
               faulted(try_write_dr7(1ull << 32), VECTOR_GENERAL, "DR7 bit 32"),
           "a reserved bit (with option strict)");
    return PASS;
}

static struct verdict check_xcr0(void)
{
    struct cpuid one = cpuid(1, 0);
    if ((one.ecx & (1u << 26)) == 0) {
        EXPECT(try_write_cr4(read_cr4() | CR4_OSXSAVE) == VECTOR_GENERAL,
               "CR4 takes OSXSAVE without XSAVE");
        EXPECT(cpuid_if(0xD, 0).eax == 0, "leaf 0xD without XSAVE");
        return PASS;
    }
    write_cr4(read_cr4() | CR4_OSXSAVE);
    struct cpuid area = cpuid(0xD, 0);
    uint64_t all = (uint64_t)area.edx << 32 | area.eax;
    EXPECT(try_xsetbv(all) == NO_FAULT, "XCR0 does not take what is offered");
    EXPECT(cpuid(0xD, 0).ebx == area.ecx, "the area is not as large as leaf 0xD promised");
    EXPECT(try_xsetbv(0) == VECTOR_GENERAL, "XCR0 takes 0");
    EXPECT(try_xsetbv(5) == VECTOR_GENERAL, "XCR0 takes AVX without SSE");
    EXPECT(try_xsetbv(all | 1ull << 62) == VECTOR_GENERAL, "XCR0 takes what is not offered");
    EXPECT(try_xsetbv(1) == NO_FAULT && cpuid(0xD, 0).ebx == 576u, "x87 alone needs 576 bytes");
    return PASS;
}

struct verdict test_processor(void)
{
    static uint8_t line[64] __attribute__((aligned(64)));
    print_leaves();
    uint64_t lapic = 0;
    if (boot_option_u64(&boot, "lapic", &lapic)) {
        EXPECT((cpuid(1, 0).edx >> 9 & 1u) == lapic, "leaf 1 and the board differ on a local APIC");
    }
    EXPECT((cpuid(1, 0).ecx & (1u << 3)) == 0, "leaf 1 offers MONITOR");
    EXPECT(faulted(try_monitor(line), VECTOR_UNDEFINED, "MONITOR") &&
               faulted(try_mwait(), VECTOR_UNDEFINED, "MWAIT"), /* KVM before Linux 6.1 cannot */
           "MONITOR (with option strict)");
    struct verdict v = check_msrs();
    if (v.why == NULL) {
        v = check_registers();
    }
    return v.why == NULL ? check_xcr0() : v;
}
