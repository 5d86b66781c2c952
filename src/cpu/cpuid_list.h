/* SPDX-License-Identifier: BSD-2-Clause
 * The CPUID policy, feature by feature: the leaves to 0xD. The rest is in cpuid_list_ext.h.
 *
 * X(word, bit, name, intel, amd, level, why). The core takes word, bit, actions and level from here
 * and leaves the text; the command line and docs/manual/cpu.md take the text. A bit that has no row is
 * never offered. Names are Linux's (/proc/cpuinfo), where it has one.
 *
 * Actions, on a host of either vendor:
 *   PASS  as the host has it
 *   HOST  as the host has it where its kernel switches the state behind it (KVM); else not at all
 *   CORE  the core decides: what it provides, or what the guest's own state says
 *   MASK  never
 * Level: which of the named models have it: 1 "qemu64-like" and up, 2 "baseline-v2" and up,
 * 3 "baseline-v3"; 0 none.
 * Spec: [SDM] vol. 2A, CPUID; [APM] vol. 3, appendix E. */
#ifndef CPU_CPUID_LIST_H
#define CPU_CPUID_LIST_H

#include "cpu/cpuid_list_ext.h"

/* clang-format off */

/* The registers that hold features: X(word, leaf, subleaf, register) */
#define CPUID_WORD_LIST(X)                     \
    X(W1_EDX,         0x00000001u, 0, EDX)     \
    X(W1_ECX,         0x00000001u, 0, ECX)     \
    X(W6_EAX,         0x00000006u, 0, EAX)     \
    X(W6_ECX,         0x00000006u, 0, ECX)     \
    X(W7_EBX,         0x00000007u, 0, EBX)     \
    X(W7_ECX,         0x00000007u, 0, ECX)     \
    X(W7_EDX,         0x00000007u, 0, EDX)     \
    X(W7_1_EAX,       0x00000007u, 1, EAX)     \
    X(W7_1_EBX,       0x00000007u, 1, EBX)     \
    X(W7_1_EDX,       0x00000007u, 1, EDX)     \
    X(W7_2_EDX,       0x00000007u, 2, EDX)     \
    X(WD_0_EAX,       0x0000000Du, 0, EAX)     \
    X(WD_1_EAX,       0x0000000Du, 1, EAX)     \
    X(W80000001_ECX,  0x80000001u, 0, ECX)     \
    X(W80000001_EDX,  0x80000001u, 0, EDX)     \
    X(W80000007_EDX,  0x80000007u, 0, EDX)     \
    X(W80000008_EBX,  0x80000008u, 0, EBX)     \
    X(W80000021_EAX,  0x80000021u, 0, EAX)

#define CPUID_LIST_1_EDX(X) \
    X(W1_EDX,  0, fpu,     PASS, PASS, 1, "x87 instructions") \
    X(W1_EDX,  1, vme,     PASS, PASS, 0, "CR4.VME, PVI") \
    X(W1_EDX,  2, de,      PASS, PASS, 1, "CR4.DE. Raw hosts keep the debug registers, but nothing hits") \
    X(W1_EDX,  3, pse,     PASS, PASS, 1, "4 MiB pages, which the core's page walk knows") \
    X(W1_EDX,  4, tsc,     PASS, PASS, 1, "RDTSC; the host supplies it") \
    X(W1_EDX,  5, msr,     PASS, PASS, 1, "RDMSR and WRMSR; see the MSR table") \
    X(W1_EDX,  6, pae,     PASS, PASS, 1, "PAE paging, which the core's page walk knows") \
    X(W1_EDX,  7, mce,     PASS, PASS, 1, "CR4.MCE; no machine check is ever raised") \
    X(W1_EDX,  8, cx8,     PASS, PASS, 1, "CMPXCHG8B") \
    X(W1_EDX,  9, apic,    CORE, CORE, 0, "there is a local APIC if the system file has timer lapic, unless the guest has switched it off") \
    X(W1_EDX, 11, sep,     PASS, PASS, 1, "SYSENTER and its MSRs, which every host switches") \
    X(W1_EDX, 12, mtrr,    PASS, PASS, 1, "MTRRs; see the MSR table") \
    X(W1_EDX, 13, pge,     PASS, PASS, 1, "global pages") \
    X(W1_EDX, 14, mca,     PASS, PASS, 1, "machine check architecture with 0 banks; see the MSR table") \
    X(W1_EDX, 15, cmov,    PASS, PASS, 1, "CMOV, FCMOV") \
    X(W1_EDX, 16, pat,     PASS, PASS, 1, "page attribute table; see the MSR table") \
    X(W1_EDX, 17, pse36,   PASS, PASS, 1, "36-bit 4 MiB pages") \
    X(W1_EDX, 18, pn,      MASK, MASK, 0, "a serial number would name the host") \
    X(W1_EDX, 19, clflush, PASS, PASS, 1, "CLFLUSH; the line size in leaf 1 ebx is the host's") \
    X(W1_EDX, 21, dts,     MASK, MASK, 0, "debug store: the processor would write branch records to memory") \
    X(W1_EDX, 22, acpi,    MASK, MASK, 0, "thermal control: the host's") \
    X(W1_EDX, 23, mmx,     PASS, PASS, 1, "instructions") \
    X(W1_EDX, 24, fxsr,    PASS, PASS, 1, "FXSAVE, FXRSTOR") \
    X(W1_EDX, 25, sse,     PASS, PASS, 1, "instructions and their state, which every host switches") \
    X(W1_EDX, 26, sse2,    PASS, PASS, 1, "instructions") \
    X(W1_EDX, 27, ss,      PASS, PASS, 0, "self-snoop: a property of the host's caches") \
    X(W1_EDX, 28, ht,      MASK, MASK, 0, "a VM has one logical processor") \
    X(W1_EDX, 29, tm,      MASK, MASK, 0, "thermal monitor: the host's") \
    X(W1_EDX, 30, ia64,    MASK, MASK, 0, "no such processor") \
    X(W1_EDX, 31, pbe,     MASK, MASK, 0, "pending break enable: no such pin")

#define CPUID_LIST_1_ECX(X) \
    X(W1_ECX,  0, sse3,    PASS, PASS, 1, "instructions (Linux: pni)") \
    X(W1_ECX,  1, pclmulqdq, PASS, PASS, 0, "instructions") \
    X(W1_ECX,  2, dtes64,  MASK, MASK, 0, "debug store") \
    X(W1_ECX,  3, monitor, MASK, MASK, 0, "MONITOR and MWAIT would idle the host's processor; a guest's use of them is #UD. HLT idles") \
    X(W1_ECX,  4, ds_cpl,  MASK, MASK, 0, "debug store") \
    X(W1_ECX,  5, vmx,     MASK, MASK, 0, "no nested virtualisation") \
    X(W1_ECX,  6, smx,     MASK, MASK, 0, "safer mode: the host's") \
    X(W1_ECX,  7, est,     MASK, MASK, 0, "SpeedStep: the host owns the frequency") \
    X(W1_ECX,  8, tm2,     MASK, MASK, 0, "thermal monitor: the host's") \
    X(W1_ECX,  9, ssse3,   PASS, PASS, 2, "instructions") \
    X(W1_ECX, 10, cid,     MASK, MASK, 0, "L1 context ID: the BIOS's") \
    X(W1_ECX, 11, sdbg,    MASK, MASK, 0, "silicon debug") \
    X(W1_ECX, 12, fma,     PASS, PASS, 3, "instructions on AVX state") \
    X(W1_ECX, 13, cx16,    PASS, PASS, 1, "CMPXCHG16B") \
    X(W1_ECX, 14, xtpr,    MASK, MASK, 0, "task priority messages of the host's APIC") \
    X(W1_ECX, 15, pdcm,    MASK, MASK, 0, "performance capabilities: no counters") \
    X(W1_ECX, 17, pcid,    HOST, HOST, 0, "tagged TLB entries: only where the host's kernel is known to keep VMs' tags apart") \
    X(W1_ECX, 18, dca,     MASK, MASK, 0, "direct cache access: the host's devices") \
    X(W1_ECX, 19, sse4_1,  PASS, PASS, 2, "instructions") \
    X(W1_ECX, 20, sse4_2,  PASS, PASS, 2, "instructions") \
    X(W1_ECX, 21, x2apic,  MASK, MASK, 0, "the local APIC has its registers in memory only") \
    X(W1_ECX, 22, movbe,   PASS, PASS, 3, "instruction") \
    X(W1_ECX, 23, popcnt,  PASS, PASS, 2, "instruction") \
    X(W1_ECX, 24, tsc_deadline_timer, CORE, CORE, 0, "a mode of our APIC timer: where there is one, and writes to IA32_TSC_DEADLINE reach the core") \
    X(W1_ECX, 25, aes,     PASS, PASS, 0, "instructions") \
    X(W1_ECX, 26, xsave,   PASS, PASS, 3, "XSAVE with the states listed under leaf 0xD") \
    X(W1_ECX, 27, osxsave, CORE, CORE, 0, "follows the guest's CR4.OSXSAVE") \
    X(W1_ECX, 28, avx,     PASS, PASS, 3, "instructions; their state is part of XSAVE") \
    X(W1_ECX, 29, f16c,    PASS, PASS, 3, "instructions on AVX state") \
    X(W1_ECX, 30, rdrand,  PASS, PASS, 0, "instruction; a guest must expect it to fail at times") \
    X(W1_ECX, 31, hypervisor, CORE, CORE, 0, "always: the guest may know, leaf 0x40000010 tells it its clocks")

#define CPUID_LIST_6(X) \
    X(W6_EAX,  0, dtherm,  MASK, MASK, 0, "thermal sensor: the host's") \
    X(W6_EAX,  1, ida,     MASK, MASK, 0, "turbo: the host owns the frequency") \
    X(W6_EAX,  2, arat,    CORE, CORE, 0, "our APIC timer never stops") \
    X(W6_EAX,  4, pln,     MASK, MASK, 0, "power limit notification: the host's") \
    X(W6_EAX,  6, pts,     MASK, MASK, 0, "package thermal status: the host's") \
    X(W6_EAX,  7, hwp,     MASK, MASK, 0, "hardware P-states: the host owns the frequency") \
    X(W6_ECX,  0, aperfmperf, MASK, MASK, 0, "APERF and MPERF count on the host's processor, over all VMs: a leak, and no use. RDMSR gives #GP") \
    X(W6_ECX,  3, epb,     MASK, MASK, 0, "energy bias: the host's")

#define CPUID_LIST_7(X) \
    X(W7_EBX,  0, fsgsbase, PASS, PASS, 0, "instructions on registers that every host switches") \
    X(W7_EBX,  1, tsc_adjust, MASK, MASK, 0, "guest time, and every deadline, stand on the TSC") \
    X(W7_EBX,  2, sgx,     MASK, MASK, 0, "enclaves need memory of the host's") \
    X(W7_EBX,  3, bmi1,    PASS, PASS, 3, "instructions") \
    X(W7_EBX,  4, hle,     MASK, MASK, 0, "transactions abort at any exit, and leak (TAA)") \
    X(W7_EBX,  5, avx2,    PASS, PASS, 3, "instructions on AVX state") \
    X(W7_EBX,  6, fdp_excptn_only, PASS, PASS, 0, "a property of the x87 unit") \
    X(W7_EBX,  7, smep,    PASS, PASS, 0, "CR4.SMEP; the core's page walk knows it") \
    X(W7_EBX,  8, bmi2,    PASS, PASS, 3, "instructions") \
    X(W7_EBX,  9, erms,    PASS, PASS, 0, "fast REP MOVSB") \
    X(W7_EBX, 10, invpcid, HOST, HOST, 0, "as pcid; a VT-x host must enable the instruction too") \
    X(W7_EBX, 11, rtm,     MASK, MASK, 0, "as hle") \
    X(W7_EBX, 12, cqm,     MASK, MASK, 0, "cache monitoring: the host's") \
    X(W7_EBX, 13, zero_fcs_fds, PASS, PASS, 0, "a property of the x87 unit") \
    X(W7_EBX, 14, mpx,     MASK, MASK, 0, "withdrawn by its maker; its state is not switched") \
    X(W7_EBX, 15, rdt_a,   MASK, MASK, 0, "cache allocation: the host's") \
    X(W7_EBX, 16, avx512f, PASS, PASS, 0, "instructions; their state is part of XSAVE") \
    X(W7_EBX, 17, avx512dq, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_EBX, 18, rdseed,  PASS, PASS, 0, "instruction; a guest must expect it to fail at times") \
    X(W7_EBX, 19, adx,     PASS, PASS, 0, "instructions") \
    X(W7_EBX, 20, smap,    PASS, PASS, 0, "CR4.SMAP; the core's page walk knows it") \
    X(W7_EBX, 21, avx512ifma, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_EBX, 22, pcommit, MASK, MASK, 0, "withdrawn by its maker") \
    X(W7_EBX, 23, clflushopt, PASS, PASS, 0, "instruction") \
    X(W7_EBX, 24, clwb,    PASS, PASS, 0, "instruction") \
    X(W7_EBX, 25, intel_pt, MASK, MASK, 0, "processor trace would write to memory past the EPT") \
    X(W7_EBX, 26, avx512pf, PASS, MASK, 0, "instructions on AVX-512 state") \
    X(W7_EBX, 27, avx512er, PASS, MASK, 0, "instructions on AVX-512 state") \
    X(W7_EBX, 28, avx512cd, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_EBX, 29, sha_ni,  PASS, PASS, 0, "instructions") \
    X(W7_EBX, 30, avx512bw, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_EBX, 31, avx512vl, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_ECX,  0, prefetchwt1, PASS, MASK, 0, "instruction") \
    X(W7_ECX,  1, avx512vbmi, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_ECX,  2, umip,    PASS, PASS, 0, "CR4.UMIP") \
    X(W7_ECX,  3, pku,     HOST, HOST, 0, "PKRU must be switched between VMs, and seL4 does not") \
    X(W7_ECX,  4, ospke,   CORE, CORE, 0, "follows the guest's CR4.PKE") \
    X(W7_ECX,  5, waitpkg, MASK, MASK, 0, "UMWAIT and TPAUSE would idle the host's processor") \
    X(W7_ECX,  6, avx512_vbmi2, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_ECX,  7, shstk,   MASK, MASK, 0, "CET: its MSRs and supervisor state are not switched") \
    X(W7_ECX,  8, gfni,    PASS, PASS, 0, "instructions") \
    X(W7_ECX,  9, vaes,    PASS, PASS, 0, "instructions on AVX state") \
    X(W7_ECX, 10, vpclmulqdq, PASS, PASS, 0, "instructions on AVX state") \
    X(W7_ECX, 11, avx512_vnni, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_ECX, 12, avx512_bitalg, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_ECX, 13, tme,     MASK, MASK, 0, "memory encryption: the host's") \
    X(W7_ECX, 14, avx512_vpopcntdq, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_ECX, 16, la57,    MASK, MASK, 0, "the core's page walk has four levels; CR4.LA57 gives #GP") \
    X(W7_ECX, 22, rdpid,   HOST, HOST, 0, "reads TSC_AUX, which must be switched between VMs") \
    X(W7_ECX, 23, key_locker, MASK, MASK, 0, "its keys are state that no host switches") \
    X(W7_ECX, 24, bus_lock_detect, MASK, MASK, 0, "DEBUGCTL is not the guest's") \
    X(W7_ECX, 25, cldemote, PASS, PASS, 0, "a hint") \
    X(W7_ECX, 27, movdiri, MASK, MASK, 0, "device writes in a form that hosts do not decode") \
    X(W7_ECX, 28, movdir64b, MASK, MASK, 0, "64-byte device writes, which no device here takes") \
    X(W7_ECX, 29, enqcmd,  MASK, MASK, 0, "as movdir64b; PASID is the host's") \
    X(W7_ECX, 30, sgx_lc,  MASK, MASK, 0, "no SGX") \
    X(W7_ECX, 31, pks,     MASK, MASK, 0, "IA32_PKRS must be switched between VMs") \
    X(W7_EDX,  1, sgx_keys, MASK, MASK, 0, "no SGX") \
    X(W7_EDX,  2, avx512_4vnniw, PASS, MASK, 0, "instructions on AVX-512 state") \
    X(W7_EDX,  3, avx512_4fmaps, PASS, MASK, 0, "instructions on AVX-512 state") \
    X(W7_EDX,  4, fsrm,    PASS, PASS, 0, "fast short REP MOV") \
    X(W7_EDX,  5, uintr,   MASK, MASK, 0, "user interrupts bypass our local APIC") \
    X(W7_EDX,  8, avx512_vp2intersect, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_EDX,  9, srbds_ctrl, MASK, MASK, 0, "the host decides on this mitigation") \
    X(W7_EDX, 10, md_clear, PASS, MASK, 0, "VERW clears buffers: an instruction") \
    X(W7_EDX, 11, rtm_always_abort, MASK, MASK, 0, "no transactions") \
    X(W7_EDX, 13, tsx_force_abort, MASK, MASK, 0, "no transactions") \
    X(W7_EDX, 14, serialize, PASS, PASS, 0, "instruction") \
    X(W7_EDX, 15, hybrid_cpu, MASK, MASK, 0, "a VM's processor is of one kind") \
    X(W7_EDX, 16, tsxldtrk, MASK, MASK, 0, "no transactions") \
    X(W7_EDX, 18, pconfig, MASK, MASK, 0, "memory encryption: the host's") \
    X(W7_EDX, 19, arch_lbr, MASK, MASK, 0, "branch records are not switched") \
    X(W7_EDX, 20, ibt,     MASK, MASK, 0, "CET: its MSRs and supervisor state are not switched") \
    X(W7_EDX, 22, amx_bf16, MASK, MASK, 0, "AMX: 8 KiB of state, which a host grants on request only") \
    X(W7_EDX, 23, avx512_fp16, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_EDX, 24, amx_tile, MASK, MASK, 0, "AMX") \
    X(W7_EDX, 25, amx_int8, MASK, MASK, 0, "AMX") \
    X(W7_EDX, 26, spec_ctrl, HOST, HOST, 0, "IA32_SPEC_CTRL, PRED_CMD: the host must switch it") \
    X(W7_EDX, 27, intel_stibp, HOST, HOST, 0, "a bit of IA32_SPEC_CTRL") \
    X(W7_EDX, 28, flush_l1d, HOST, MASK, 0, "IA32_FLUSH_CMD: the host must let it through") \
    X(W7_EDX, 29, arch_capabilities, HOST, HOST, 0, "what the host is immune to; KVM answers the MSR") \
    X(W7_EDX, 30, core_capabilities, MASK, MASK, 0, "split-lock detection is the host's") \
    X(W7_EDX, 31, spec_ctrl_ssbd, HOST, HOST, 0, "a bit of IA32_SPEC_CTRL")

/* clang-format on */

#define CPUID_FEATURES(X) \
    CPUID_LIST_1_EDX(X)   \
    CPUID_LIST_1_ECX(X)   \
    CPUID_LIST_6(X)       \
    CPUID_LIST_7(X)       \
    CPUID_LIST_7_SUB(X)   \
    CPUID_LIST_D(X)       \
    CPUID_LIST_EXT(X)

#endif
