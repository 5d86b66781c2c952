/* SPDX-License-Identifier: BSD-2-Clause
 * Model-specific registers that reach the core: a small bank, and checks for those that a raw host
 * holds, by the lists in msr_list.h.
 *
 * What the lists do not name faults, as on hardware; the board counts that. The board routes what
 * belongs elsewhere before it asks here: IA32_APIC_BASE and IA32_TSC_DEADLINE to the local APIC, EFER
 * to cpu/cr.h. On KVM the kernel answers many of these itself. */
#ifndef CPU_MSR_H
#define CPU_MSR_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/cpuid.h"
#include "cpu/msr_list.h"

#define MSR_TSC              0x010u /* the board answers it */
#define MSR_IA32_PLATFORM_ID 0x017u
#define MSR_APIC_BASE        0x01Bu /* the local APIC answers this one, and ... */
#define MSR_TSC_DEADLINE     0x6E0u /* ... this one                             */
#define MSR_SMI_COUNT        0x034u
#define MSR_FEATURE_CONTROL  0x03Au
#define MSR_BIOS_UPDT_TRIG   0x079u
#define MSR_BIOS_SIGN_ID     0x08Bu
#define MSR_MTRRCAP          0x0FEu
#define MSR_MCG_CAP          0x179u
#define MSR_MCG_STATUS       0x17Au
#define MSR_MCG_CTL          0x17Bu
#define MSR_MISC_ENABLE      0x1A0u
#define MSR_MTRR_PHYS        0x200u /* 8 pairs of base and mask */
#define MSR_MTRR_FIX_64K     0x250u
#define MSR_MTRR_FIX_16K     0x258u /* 2 */
#define MSR_MTRR_FIX_4K      0x268u /* 8 */
#define MSR_PAT              0x277u
#define MSR_MTRR_DEF_TYPE    0x2FFu
#define MSR_MC_BANKS         0x400u /* 128: as many as 32 banks would have */
#define MSR_EFER             0xC0000080u
#define MSR_STAR             0xC0000081u
#define MSR_LSTAR            0xC0000082u
#define MSR_FMASK            0xC0000084u
#define MSR_FS_BASE          0xC0000100u
#define MSR_GS_BASE          0xC0000101u
#define MSR_AMD_TSC_RATIO    0xC0000104u
#define MSR_AMD_SYSCFG       0xC0010010u
#define MSR_AMD_HWCR         0xC0010015u
#define MSR_AMD_NB_CFG       0xC001001Fu
#define MSR_AMD_INT_PENDING  0xC0010055u
#define MSR_AMD_VM_CR        0xC0010114u
#define MSR_AMD_DE_CFG       0xC0011029u

#define MSR_APIC_BASE_BSP (1ull << 8)
#define MSR_APIC_BASE_EN  (1ull << 11)

enum msr_result {
    MSR_DONE,
    MSR_FAULT, /* the guest gets #GP(0) */
};

/* The registers that hold something; fixed width, saved as they are. */
#define MSR_SLOTS 31u

struct msr_bank {
    uint64_t slot[MSR_SLOTS];
};

/* The state in which firmware would hand over: MTRRs on, everything write-back but the VGA window. */
void msr_reset(struct msr_bank *bank);

/* RDMSR. *value is written only if the result is MSR_DONE. */
enum msr_result msr_read(const struct msr_bank *bank, const struct cpuid_cpu *cpu, uint32_t index,
                         uint64_t *value);

/* WRMSR. With MSR_FAULT nothing changed. */
enum msr_result msr_write(struct msr_bank *bank, const struct cpuid_cpu *cpu, uint32_t index,
                          uint64_t value);

/* True if each register holds what a guest could have written to it. */
bool msr_valid(const struct msr_bank *bank);

/* Where a register of the vCPU is. */
enum msr_home {
    MSR_NOWHERE,  /* it is none, or CPUID does not offer what it belongs to   */
    MSR_AT_HOST,  /* the host holds it                                        */
    MSR_IN_CACHE, /* FS_BASE, GS_BASE: the base of that segment               */
};

enum msr_home msr_vcpu_home(const struct cpuid_cpu *cpu, uint32_t index);

/* Whether a register that has a home takes that value; otherwise the write faults. */
bool msr_vcpu_legal(uint32_t index, uint64_t value);

#endif
