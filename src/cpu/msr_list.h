/* SPDX-License-Identifier: BSD-2-Clause
 * The MSR policy, register by register. The core leaves the text; docs/manual/cpu.md takes it.
 * What is not named in any of these lists gives #GP, and is counted.
 * Spec: [SDM] vol. 4 and vol. 3A, 12.11 and 12.12 (MTRRs, PAT), 16.3 (machine check); [APM] vol. 2,
 * appendix A. */
#ifndef CPU_MSR_LIST_H
#define CPU_MSR_LIST_H

/* clang-format off */

/* Registers that the core holds: X(name, first, count, intel, amd, write, slot, reset, writable, why).
 * intel, amd: HAS, or GP: on a host of that vendor there is no such register.
 * write: FAULT (read-only), IGNORE (taken, without effect), MASK (writable bits change), TYPES (eight
 * MTRR types), PAT (eight PAT types), DEF_TYPE, PAIR (MTRR base or mask); else #GP.
 * slot: where the first is kept, or NONE: it is the constant `reset`. */
#define MSR_BANK(X) \
    X("IA32_PLATFORM_ID",  0x017u, 1, HAS, GP,  FAULT,    NONE, 0, 0, "microcode loaders read it") \
    X("MSR_SMI_COUNT",     0x034u, 1, HAS, GP,  FAULT,    NONE, 0, 0, "there is no SMM") \
    X("IA32_FEATURE_CONTROL", 0x03Au, 1, HAS, GP, FAULT,  NONE, 1, 0, "locked: neither VMX nor SGX") \
    X("IA32_BIOS_UPDT_TRIG", 0x079u, 1, HAS, GP, IGNORE,  NONE, 0, 0, "the host owns the microcode") \
    X("IA32_BIOS_SIGN_ID", 0x08Bu, 1, HAS, HAS, IGNORE,   NONE, 0, 0, "microcode revision: 0, none. AMD: patch level") \
    X("IA32_MTRRCAP",      0x0FEu, 1, HAS, HAS, FAULT,    NONE, 0x508, 0, "8 variable ranges, fixed ranges, write-combining") \
    X("IA32_MCG_CAP",      0x179u, 1, HAS, HAS, FAULT,    NONE, 0, 0, "no machine check banks, and no MCG_CTL: the bank registers give #GP") \
    X("IA32_MCG_STATUS",   0x17Au, 1, HAS, HAS, IGNORE,   NONE, 0, 0, "no machine check is in progress") \
    X("IA32_PERF_STATUS",  0x198u, 1, HAS, GP,  FAULT,    NONE, 0, 0, "the host owns the frequency") \
    X("IA32_PERF_CTL",     0x199u, 1, HAS, GP,  IGNORE,   NONE, 0, 0, "the host owns the frequency") \
    X("IA32_MISC_ENABLE",  0x1A0u, 1, HAS, GP,  MASK,     0, 0x1801, 0x400400001ull, "fast strings on, no BTS, no PEBS; the CPUID limit and XD-disable bits are only kept") \
    X("IA32_DEBUGCTL",     0x1D9u, 1, HAS, HAS, IGNORE,   NONE, 0, 0, "no branch records") \
    X("IA32_MTRR_PHYSBASE, PHYSMASK", 0x200u, 16, HAS, HAS, PAIR, 1, 0, 0, "kept: the host decides on caching. Types and physical width are checked") \
    X("IA32_MTRR_FIX64K",  0x250u, 1, HAS, HAS, TYPES,    17, MSR_WB8, 0, "write-back; likewise") \
    X("IA32_MTRR_FIX16K_80000", 0x258u, 1, HAS, HAS, TYPES, 18, MSR_WB8, 0, "likewise") \
    X("IA32_MTRR_FIX16K_A0000", 0x259u, 1, HAS, HAS, TYPES, 19, 0, 0, "the VGA window: uncacheable") \
    X("IA32_MTRR_FIX4K",   0x268u, 8, HAS, HAS, TYPES,    20, MSR_WB8, 0, "write-back; likewise") \
    X("IA32_PAT",          0x277u, 1, HAS, HAS, PAT,      28, 0x0007040600070406ull, 0, "kept, for hosts whose kernel does not. Types are checked") \
    X("IA32_MTRR_DEF_TYPE", 0x2FFu, 1, HAS, HAS, DEF_TYPE, 29, 0xC06, 0, "on, write-back") \
    X("TSC_RATIO",         0xC0000104u, 1, GP, HAS, IGNORE, NONE, 0x100000000ull, 0, "1.0: SVM is not offered") \
    X("PERF_CTL, PERF_CTR (K7)", 0xC0010000u, 8, GP, HAS, IGNORE, NONE, 0, 0, "no counters: Linux probes them unasked") \
    X("SYSCFG",            0xC0010010u, 1, GP,  HAS, IGNORE, NONE, 0, 0, "no TOM2, no memory encryption") \
    X("HWCR",              0xC0010015u, 1, GP,  HAS, MASK,  30, 0x1000000, 0x40040000, "bit 24: the TSC counts at P0 frequency, which Linux demands of an invariant TSC") \
    X("TOP_MEM",           0xC001001Au, 1, GP,  HAS, IGNORE, NONE, 0, 0, "E820 tells") \
    X("TOP_MEM2",          0xC001001Du, 1, GP,  HAS, IGNORE, NONE, 0, 0, "E820 tells") \
    X("NB_CFG",            0xC001001Fu, 1, GP,  HAS, IGNORE, NONE, 0, 0, "there is no north bridge") \
    X("PATCH_LOADER",      0xC0010020u, 1, GP,  HAS, IGNORE, NONE, 0, 0, "the host owns the microcode") \
    X("INT_PENDING",       0xC0010055u, 1, GP,  HAS, IGNORE, NONE, 0, 0, "no C1E") \
    X("MMIO_CONF_BASE",    0xC0010058u, 1, GP,  HAS, IGNORE, NONE, 0, 0, "no such window") \
    X("VM_CR",             0xC0010114u, 1, GP,  HAS, IGNORE, NONE, 0x18, 0, "SVM is disabled, and locked so") \
    X("PERF_CTL, PERF_CTR", 0xC0010200u, 12, GP, HAS, IGNORE, NONE, 0, 0, "no counters") \
    X("LS, IC, DC, BU_CFG", 0xC0011020u, 4, GP, HAS, IGNORE, NONE, 0, 0, "the host's") \
    X("FP_CFG",            0xC0011028u, 1, GP,  HAS, IGNORE, NONE, 0, 0, "Linux's Zen 1 mitigation: the host has its own") \
    X("DE_CFG",            0xC0011029u, 1, GP,  HAS, IGNORE, NONE, 2, 0, "LFENCE serialises") \
    X("BU_CFG2",           0xC001102Au, 1, GP,  HAS, IGNORE, NONE, 0, 0, "the host's")

/* What some of these go with: X(first, count, feature). Without the feature they give #GP. */
#define MSR_NEEDS(X) \
    X(0x0FEu, 1, mtrr) \
    X(0x179u, 2, mca) \
    X(0x200u, 112, mtrr) \
    X(0x277u, 1, pat) \
    X(0x2FFu, 1, mtrr)

/* Registers of the vCPU. KVM keeps them by itself; a raw host holds them, and the core checks what the
 * guest writes before the host has it: X(index, name, feature, write, why).
 * write: ANY, CANON (canonical, else #GP: seL4 could be crashed with others), LOW32 (upper half 0,
 * else #GP: reserved, and seL4 loads what it is given), REGS (in the register cache, canonical). */
#define MSR_VCPU(X) \
    X(0x174u, SYSENTER_CS,  sep,     ANY,   "SYSENTER") \
    X(0x175u, SYSENTER_ESP, sep,     CANON, "SYSENTER") \
    X(0x176u, SYSENTER_EIP, sep,     CANON, "SYSENTER") \
    X(0xC0000081u, STAR,    syscall, ANY,   "SYSCALL") \
    X(0xC0000082u, LSTAR,   lm,      CANON, "SYSCALL in 64-bit mode") \
    X(0xC0000083u, CSTAR,   lm,      CANON, "SYSCALL in compatibility mode") \
    X(0xC0000084u, FMASK,   syscall, LOW32, "SYSCALL") \
    X(0xC0000100u, FS_BASE, lm,      REGS,  "base of FS") \
    X(0xC0000101u, GS_BASE, lm,      REGS,  "base of GS") \
    X(0xC0000102u, KERNEL_GS_BASE, lm, CANON, "SWAPGS") \
    X(0xC0000103u, TSC_AUX, rdtscp,  LOW32, "RDTSCP, RDPID")

/* Registers that somebody else answers: X(index, "name", "who", "how"). For the reader only. */
#define MSR_ELSEWHERE(X) \
    X(0x010u, "IA32_TSC", "host", "reads: the guest's TSC. Writes are taken, without effect: every deadline stands on it") \
    X(0x01Bu, "IA32_APIC_BASE", "local APIC", "enable bit; the address does not move") \
    X(0x03Bu, "IA32_TSC_ADJUST", "nobody", "not offered: #GP (KVM: reads as 0)") \
    X(0x048u, "IA32_SPEC_CTRL", "KVM", "where CPUID offers it; else #GP. PRED_CMD 0x49 and FLUSH_CMD 0x10B likewise") \
    X(0x0E7u, "IA32_MPERF", "nobody", "not offered: #GP. APERF 0xE8 likewise") \
    X(0x10Au, "IA32_ARCH_CAPABILITIES", "KVM", "what the host is immune to; on a raw host not offered: #GP") \
    X(0x17Bu, "IA32_MCG_CTL", "nobody", "MCG_CAP says that it is not there: #GP. Banks from 0x400 likewise") \
    X(0x6E0u, "IA32_TSC_DEADLINE", "local APIC", "where CPUID offers it; else #GP") \
    X(0x800u, "x2APIC registers", "nobody", "not offered: #GP") \
    X(0xDA0u, "IA32_XSS", "KVM", "where CPUID offers xsaves: 0 is the only legal value; else #GP") \
    X(0xC0000080u, "EFER", "core (raw), KVM", "SCE, LME, NXE, FFXSR as CPUID offers them, else #GP; LME only while paging is off; LMA does not take")

/* clang-format on */

#endif
