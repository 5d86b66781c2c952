/* SPDX-License-Identifier: BSD-2-Clause
 * See clock.h. */
#include "clock.h"

#include "x86.h"

#define CPUID_1_ECX_HYPERVISOR (1u << 31)
#define LEAF_HYPERVISOR        0x40000000u
#define LEAF_HYPERVISOR_CLOCKS 0x40000010u
#define LEAF_CRYSTAL           0x15u
#define LEAF_FREQUENCY         0x16u

static bool from_command_line(struct clock *c, const struct boot_info *boot)
{
    if (!boot_option_u64(boot, "tsc_khz", &c->tsc_khz) ||
        !boot_option_u64(boot, "apic_khz", &c->apic_khz)) {
        return false;
    }
    c->source = "command line";
    return true;
}

static bool from_hypervisor(struct clock *c)
{
    if ((cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) == 0 ||
        cpuid(LEAF_HYPERVISOR, 0).eax < LEAF_HYPERVISOR_CLOCKS) {
        return false;
    }
    struct cpuid l = cpuid(LEAF_HYPERVISOR_CLOCKS, 0);
    c->tsc_khz = l.eax;
    c->apic_khz = l.ebx;
    c->source = "hypervisor leaf 0x40000010";
    return true;
}

/* The APIC timer counts the core crystal clock; where its rate is not told, the base frequency of
 * leaf 0x16 is the TSC's and leads back to it. */
static bool from_processor(struct clock *c)
{
    struct cpuid crystal = cpuid_if(LEAF_CRYSTAL, 0);
    if (crystal.eax == 0 || crystal.ebx == 0) {
        return false;
    }
    if (crystal.ecx != 0) {
        c->apic_khz = crystal.ecx / 1000u;
        c->tsc_khz = mul_div(crystal.ecx, crystal.ebx, crystal.eax) / 1000u;
        c->source = "CPUID leaf 0x15";
        return true;
    }
    c->tsc_khz = (cpuid_if(LEAF_FREQUENCY, 0).eax & 0xFFFFu) * 1000u;
    c->apic_khz = mul_div(c->tsc_khz, crystal.eax, crystal.ebx);
    c->source = "CPUID leaves 0x15 and 0x16";
    return true;
}

static bool plausible(const struct clock *c)
{
    return c->tsc_khz >= 1000u && c->tsc_khz <= 100000000u && c->apic_khz >= 1000u &&
           c->apic_khz <= 100000000u;
}

bool clock_find(struct clock *c, const struct boot_info *boot)
{
    if (from_command_line(c, boot) && plausible(c)) {
        return true;
    }
    if (from_hypervisor(c) && plausible(c)) {
        return true;
    }
    return from_processor(c) && plausible(c);
}
