/* SPDX-License-Identifier: BSD-2-Clause
 * The CPUID policy, feature by feature: sub-leaves of 7, leaf 0xD and the extended leaves; then which
 * feature needs which, and what becomes of whole leaves. How to read a row: cpuid_list.h. */
#ifndef CPU_CPUID_LIST_EXT_H
#define CPU_CPUID_LIST_EXT_H

/* clang-format off */

#define CPUID_LIST_7_SUB(X) \
    X(W7_1_EAX,  0, sha512, PASS, PASS, 0, "instructions on AVX state") \
    X(W7_1_EAX,  1, sm3,   PASS, PASS, 0, "instructions on AVX state") \
    X(W7_1_EAX,  2, sm4,   PASS, PASS, 0, "instructions on AVX state") \
    X(W7_1_EAX,  3, rao_int, MASK, MASK, 0, "device writes in a form that hosts do not decode") \
    X(W7_1_EAX,  4, avx_vnni, PASS, PASS, 0, "instructions on AVX state") \
    X(W7_1_EAX,  5, avx512_bf16, PASS, PASS, 0, "instructions on AVX-512 state") \
    X(W7_1_EAX,  6, lass,  MASK, MASK, 0, "CR4.LASS: the core's page walk does not know it") \
    X(W7_1_EAX,  7, cmpccxadd, PASS, PASS, 0, "instructions") \
    X(W7_1_EAX,  8, arch_perfmon_ext, MASK, MASK, 0, "no counters") \
    X(W7_1_EAX, 10, fzrm,  PASS, PASS, 0, "fast zero-length REP MOVSB") \
    X(W7_1_EAX, 11, fsrs,  PASS, PASS, 0, "fast short REP STOSB") \
    X(W7_1_EAX, 12, fsrc,  PASS, PASS, 0, "fast short REP CMPSB, SCASB") \
    X(W7_1_EAX, 17, fred,  MASK, MASK, 0, "event delivery that no host here can inject") \
    X(W7_1_EAX, 18, lkgs,  MASK, MASK, 0, "comes with fred") \
    X(W7_1_EAX, 19, wrmsrns, MASK, MASK, 0, "another WRMSR, which hosts do not report") \
    X(W7_1_EAX, 21, amx_fp16, MASK, MASK, 0, "AMX") \
    X(W7_1_EAX, 22, hreset, MASK, MASK, 0, "history reset: the host's") \
    X(W7_1_EAX, 23, avx_ifma, PASS, PASS, 0, "instructions on AVX state") \
    X(W7_1_EAX, 26, lam,   MASK, MASK, 0, "address masking: the core's canonical checks do not know it") \
    X(W7_1_EAX, 27, msrlist, MASK, MASK, 0, "other WRMSRs, which hosts do not report") \
    X(W7_1_EBX,  0, ppin,  MASK, MASK, 0, "a serial number would name the host") \
    X(W7_1_EDX,  4, avx_vnni_int8, PASS, PASS, 0, "instructions on AVX state") \
    X(W7_1_EDX,  5, avx_ne_convert, PASS, PASS, 0, "instructions on AVX state") \
    X(W7_1_EDX,  8, amx_complex, MASK, MASK, 0, "AMX") \
    X(W7_1_EDX, 10, avx_vnni_int16, PASS, PASS, 0, "instructions on AVX state") \
    X(W7_1_EDX, 14, prefetchi, PASS, PASS, 0, "a hint") \
    X(W7_1_EDX, 15, user_msr, MASK, MASK, 0, "MSRs from user mode, which hosts do not report") \
    X(W7_1_EDX, 17, uiret_uif, MASK, MASK, 0, "no user interrupts") \
    X(W7_1_EDX, 18, cet_sss, MASK, MASK, 0, "CET") \
    X(W7_1_EDX, 19, avx10, MASK, MASK, 0, "its leaf 0x24 is not reviewed") \
    X(W7_1_EDX, 21, apx_f, MASK, MASK, 0, "more registers than the core's decoder and hosts know") \
    X(W7_2_EDX,  0, psfd,  HOST, MASK, 0, "a bit of IA32_SPEC_CTRL") \
    X(W7_2_EDX,  1, ipred_ctrl, HOST, MASK, 0, "a bit of IA32_SPEC_CTRL") \
    X(W7_2_EDX,  2, rrsba_ctrl, HOST, MASK, 0, "a bit of IA32_SPEC_CTRL") \
    X(W7_2_EDX,  3, ddpd_u, HOST, MASK, 0, "a bit of IA32_SPEC_CTRL") \
    X(W7_2_EDX,  4, bhi_ctrl, HOST, MASK, 0, "a bit of IA32_SPEC_CTRL") \
    X(W7_2_EDX,  5, mcdt_no, PASS, MASK, 0, "the processor is immune")

#define CPUID_LIST_D(X) \
    X(WD_0_EAX,  0, state_x87, PASS, PASS, 3, "XCR0 bit 0: always set") \
    X(WD_0_EAX,  1, state_sse, PASS, PASS, 3, "XCR0 bit 1") \
    X(WD_0_EAX,  2, state_avx, PASS, PASS, 3, "XCR0 bit 2: offered with avx") \
    X(WD_0_EAX,  3, state_bndregs, MASK, MASK, 0, "MPX") \
    X(WD_0_EAX,  4, state_bndcsr, MASK, MASK, 0, "MPX") \
    X(WD_0_EAX,  5, state_opmask, PASS, PASS, 0, "XCR0 bit 5: the three AVX-512 states come together, with avx512f") \
    X(WD_0_EAX,  6, state_zmm_hi256, PASS, PASS, 0, "XCR0 bit 6") \
    X(WD_0_EAX,  7, state_hi16_zmm, PASS, PASS, 0, "XCR0 bit 7") \
    X(WD_0_EAX,  9, state_pkru, HOST, HOST, 0, "XCR0 bit 9: offered with pku") \
    X(WD_0_EAX, 17, state_tilecfg, MASK, MASK, 0, "AMX") \
    X(WD_0_EAX, 18, state_tiledata, MASK, MASK, 0, "AMX") \
    X(WD_0_EAX, 19, state_apx, MASK, MASK, 0, "APX") \
    X(WD_1_EAX,  0, xsaveopt, PASS, PASS, 0, "instruction") \
    X(WD_1_EAX,  1, xsavec, PASS, PASS, 0, "instruction; sizes in leaf 0xD.1 follow XCR0") \
    X(WD_1_EAX,  2, xgetbv1, PASS, PASS, 0, "instruction") \
    X(WD_1_EAX,  3, xsaves, HOST, HOST, 0, "IA32_XSS must be switched; no supervisor state is offered, so XSS stays 0") \
    X(WD_1_EAX,  4, xfd,   MASK, MASK, 0, "for AMX")

#define CPUID_LIST_EXT(X) \
    X(W80000001_ECX,  0, lahf_lm, PASS, PASS, 1, "LAHF and SAHF in 64-bit mode") \
    X(W80000001_ECX,  1, cmp_legacy, MASK, MASK, 0, "a VM has one logical processor") \
    X(W80000001_ECX,  2, svm, MASK, MASK, 0, "no nested virtualisation") \
    X(W80000001_ECX,  3, extapic, MASK, MASK, 0, "our local APIC has no extended registers") \
    X(W80000001_ECX,  4, cr8_legacy, MASK, PASS, 0, "LOCK MOV CR0 is MOV CR8") \
    X(W80000001_ECX,  5, abm, PASS, PASS, 3, "LZCNT") \
    X(W80000001_ECX,  6, sse4a, MASK, PASS, 0, "instructions") \
    X(W80000001_ECX,  7, misalignsse, MASK, PASS, 0, "MXCSR.MM") \
    X(W80000001_ECX,  8, 3dnowprefetch, PASS, PASS, 0, "PREFETCHW") \
    X(W80000001_ECX,  9, osvw, MASK, MASK, 0, "errata of the host's processor, in MSRs that are not shown") \
    X(W80000001_ECX, 10, ibs, MASK, MASK, 0, "sampling: its interrupts are the host's") \
    X(W80000001_ECX, 11, xop, MASK, PASS, 0, "instructions on AVX state") \
    X(W80000001_ECX, 12, skinit, MASK, MASK, 0, "secure start: the host's") \
    X(W80000001_ECX, 13, wdt, MASK, MASK, 0, "watchdog: the host's") \
    X(W80000001_ECX, 15, lwp, MASK, MASK, 0, "profiling state that no host switches") \
    X(W80000001_ECX, 16, fma4, MASK, PASS, 0, "instructions on AVX state") \
    X(W80000001_ECX, 17, tce, MASK, MASK, 0, "EFER.TCE is not offered") \
    X(W80000001_ECX, 19, nodeid_msr, MASK, MASK, 0, "a VM has one node") \
    X(W80000001_ECX, 21, tbm, MASK, PASS, 0, "instructions") \
    X(W80000001_ECX, 22, topoext, MASK, PASS, 0, "leaves 0x8000001D and 0x8000001E, rewritten for one processor") \
    X(W80000001_ECX, 23, perfctr_core, MASK, MASK, 0, "no counters") \
    X(W80000001_ECX, 24, perfctr_nb, MASK, MASK, 0, "no counters") \
    X(W80000001_ECX, 26, bpext, MASK, MASK, 0, "debug address masks are not switched") \
    X(W80000001_ECX, 27, ptsc, MASK, MASK, 0, "the host's clock") \
    X(W80000001_ECX, 28, perfctr_llc, MASK, MASK, 0, "no counters") \
    X(W80000001_ECX, 29, mwaitx, MASK, MASK, 0, "as monitor") \
    X(W80000001_EDX, 11, syscall, PASS, PASS, 1, "SYSCALL and its MSRs, which every host switches. Intel: shown to 64-bit code only (KVM: always)") \
    X(W80000001_EDX, 19, mp, MASK, MASK, 0, "a VM has one processor") \
    X(W80000001_EDX, 20, nx, PASS, PASS, 1, "EFER.NXE; the core's page walk knows it") \
    X(W80000001_EDX, 22, mmxext, MASK, PASS, 0, "instructions") \
    X(W80000001_EDX, 25, fxsr_opt, MASK, PASS, 0, "EFER.FFXSR") \
    X(W80000001_EDX, 26, pdpe1gb, PASS, PASS, 0, "1 GiB pages, which the core's page walk knows") \
    X(W80000001_EDX, 27, rdtscp, HOST, HOST, 0, "reads TSC_AUX, which must be switched between VMs") \
    X(W80000001_EDX, 29, lm, PASS, PASS, 1, "64-bit mode") \
    X(W80000001_EDX, 30, 3dnowext, MASK, PASS, 0, "instructions") \
    X(W80000001_EDX, 31, 3dnow, MASK, PASS, 0, "instructions") \
    X(W80000007_EDX,  8, invtsc, CORE, CORE, 0, "the TSC is invariant (Linux: nonstop_tsc): guest time stands on it") \
    X(W80000008_EBX,  0, clzero, MASK, PASS, 0, "instruction") \
    X(W80000008_EBX,  1, irperf, MASK, MASK, 0, "a counter of the host's") \
    X(W80000008_EBX,  2, xsaveerptr, MASK, PASS, 0, "XSAVE always saves the x87 error pointers") \
    X(W80000008_EBX,  3, invlpgb, MASK, MASK, 0, "would flush other processors' TLBs") \
    X(W80000008_EBX,  4, rdpru, MASK, MASK, 0, "reads the host's APERF and MPERF") \
    X(W80000008_EBX,  6, mbe, MASK, MASK, 0, "bandwidth enforcement: the host's") \
    X(W80000008_EBX,  8, mcommit, MASK, MASK, 0, "EFER.MCOMMIT is not offered") \
    X(W80000008_EBX,  9, wbnoinvd, MASK, PASS, 0, "as WBINVD: done by the host, or nothing to do") \
    X(W80000008_EBX, 12, amd_ibpb, MASK, HOST, 0, "PRED_CMD: the host must let it through") \
    X(W80000008_EBX, 14, amd_ibrs, MASK, HOST, 0, "a bit of SPEC_CTRL, which the host must switch") \
    X(W80000008_EBX, 15, amd_stibp, MASK, HOST, 0, "likewise") \
    X(W80000008_EBX, 16, ibrs_always_on, MASK, HOST, 0, "how to use amd_ibrs") \
    X(W80000008_EBX, 17, stibp_always_on, MASK, HOST, 0, "how to use amd_stibp") \
    X(W80000008_EBX, 18, ibrs_preferred, MASK, HOST, 0, "how to use amd_ibrs") \
    X(W80000008_EBX, 23, amd_ppin, MASK, MASK, 0, "a serial number would name the host") \
    X(W80000008_EBX, 24, amd_ssbd, MASK, HOST, 0, "a bit of SPEC_CTRL, which the host must switch") \
    X(W80000008_EBX, 25, virt_ssbd, MASK, HOST, 0, "the same through VIRT_SPEC_CTRL, which KVM answers") \
    X(W80000008_EBX, 26, amd_ssb_no, MASK, PASS, 0, "the processor is immune") \
    X(W80000008_EBX, 27, cppc, MASK, MASK, 0, "the host owns the frequency") \
    X(W80000008_EBX, 28, amd_psfd, MASK, HOST, 0, "a bit of SPEC_CTRL, which the host must switch") \
    X(W80000008_EBX, 29, btc_no, MASK, PASS, 0, "the processor is immune") \
    X(W80000021_EAX,  0, no_nested_data_bp, MASK, PASS, 0, "a property of the processor") \
    X(W80000021_EAX,  2, lfence_rdtsc, MASK, PASS, 0, "LFENCE always serialises") \
    X(W80000021_EAX,  3, smm_page_lock, MASK, MASK, 0, "there is no SMM") \
    X(W80000021_EAX,  6, null_sel_clr_base, MASK, PASS, 0, "a property of the processor") \
    X(W80000021_EAX,  7, upper_address_ignore, MASK, MASK, 0, "as lam") \
    X(W80000021_EAX,  8, autoibrs, MASK, HOST, 0, "EFER.AIBRSE, which KVM takes") \
    X(W80000021_EAX, 17, cpuid_user_dis, MASK, MASK, 0, "a bit of HWCR that has no effect here") \
    X(W80000021_EAX, 27, sbpb, MASK, HOST, 0, "PRED_CMD: the host must let it through") \
    X(W80000021_EAX, 28, ibpb_brtype, MASK, HOST, 0, "what amd_ibpb flushes") \
    X(W80000021_EAX, 29, srso_no, MASK, PASS, 0, "the processor is immune")

/* X(feature, needs): without the second the first is not offered. */
#define CPUID_NEEDS(X) \
    X(arat, apic) X(tsc_deadline_timer, apic) X(mca, mce) X(pse36, pse) \
    X(sse, fxsr) X(sse2, sse) X(sse3, sse2) X(ssse3, sse3) X(sse4_1, ssse3) X(sse4_2, sse4_1) \
    X(sse4a, sse2) X(aes, sse2) X(pclmulqdq, sse2) X(sha_ni, sse2) X(gfni, sse2) \
    X(misalignsse, sse) X(mmxext, mmx) X(3dnow, mmx) X(3dnowext, 3dnow) X(fxsr_opt, fxsr) \
    X(lahf_lm, lm) X(pdpe1gb, lm) X(lm, pae) X(nx, pae) X(pcid, lm) X(invpcid, pcid) \
    X(osxsave, xsave) X(xsaveopt, xsave) X(xsavec, xsave) X(xgetbv1, xsave) X(xsaves, xsavec) \
    X(xsaveerptr, xsave) X(state_x87, xsave) X(state_sse, xsave) X(xsave, state_x87) \
    X(xsave, state_sse) X(xsave, fxsr) X(state_avx, avx) X(avx, state_avx) X(avx, xsave) \
    X(avx, sse4_2) X(fma, avx) X(f16c, avx) X(avx2, avx) X(xop, avx) X(fma4, avx) X(vaes, avx) \
    X(vaes, aes) X(vpclmulqdq, avx) X(vpclmulqdq, pclmulqdq) X(avx_vnni, avx2) X(avx_ifma, avx2) \
    X(avx_vnni_int8, avx2) X(avx_vnni_int16, avx2) X(avx_ne_convert, avx2) X(sha512, avx2) \
    X(sm3, avx2) X(sm4, avx2) X(avx512f, avx2) X(avx512f, state_opmask) \
    X(avx512f, state_zmm_hi256) X(avx512f, state_hi16_zmm) X(state_opmask, avx512f) \
    X(state_zmm_hi256, avx512f) X(state_hi16_zmm, avx512f) X(avx512dq, avx512f) \
    X(avx512ifma, avx512f) X(avx512pf, avx512f) X(avx512er, avx512f) X(avx512cd, avx512f) \
    X(avx512bw, avx512f) X(avx512vl, avx512f) X(avx512vbmi, avx512bw) X(avx512_vbmi2, avx512bw) \
    X(avx512_vnni, avx512f) X(avx512_bitalg, avx512bw) X(avx512_vpopcntdq, avx512f) \
    X(avx512_4vnniw, avx512f) X(avx512_4fmaps, avx512f) X(avx512_vp2intersect, avx512f) \
    X(avx512_fp16, avx512bw) X(avx512_bf16, avx512bw) X(pku, state_pkru) X(state_pkru, pku) \
    X(pku, xsave) X(ospke, pku) X(intel_stibp, spec_ctrl) X(spec_ctrl_ssbd, spec_ctrl) \
    X(psfd, spec_ctrl) X(ipred_ctrl, spec_ctrl) X(rrsba_ctrl, spec_ctrl) X(ddpd_u, spec_ctrl) \
    X(bhi_ctrl, spec_ctrl) X(ibrs_always_on, amd_ibrs) X(ibrs_preferred, amd_ibrs) \
    X(stibp_always_on, amd_stibp) X(sbpb, amd_ibpb) X(ibpb_brtype, amd_ibpb)

/* X(first, last, intel, amd, what, why): leaves by their numbers. ASIS: as the host answers, which
 * named models do not show; OURS: written by the core; BITS: features and fields, by the lists above.
 * Leaves that are not named are zero. */
#define CPUID_LEAVES(X) \
    X(0x00000000u, 0x00000000u, BITS, BITS, "maximum, vendor", "the vendor is the host's, also in named models: SYSCALL and SYSENTER follow it") \
    X(0x00000001u, 0x00000001u, BITS, BITS, "signature, features", "eax: the host's or the model's; ebx: one processor, its APIC ID, the host's line size") \
    X(0x00000002u, 0x00000002u, ASIS, ZERO, "cache descriptors", "properties of the host's processor") \
    X(0x00000004u, 0x00000004u, ASIS, ZERO, "caches", "eax: each belongs to one processor of one core") \
    X(0x00000006u, 0x00000006u, OURS, OURS, "power", "arat only") \
    X(0x00000007u, 0x00000007u, BITS, BITS, "features", "eax: the last sub-leaf that has any") \
    X(0x0000000Bu, 0x0000000Bu, OURS, OURS, "topology", "one thread in one core") \
    X(0x0000000Du, 0x0000000Du, OURS, OURS, "XSAVE", "sizes for what is offered, and for the guest's XCR0; no supervisor state") \
    X(0x00000015u, 0x00000015u, OURS, OURS, "TSC and crystal", "the crystal is the APIC timer's clock, 10^9 Hz; the nearest ratio that Linux can compute with") \
    X(0x00000016u, 0x00000016u, OURS, OURS, "frequencies", "of the guest's TSC") \
    X(0x00000018u, 0x00000018u, ASIS, ZERO, "TLB geometry", "properties of the host's processor") \
    X(0x40000000u, 0x40000000u, OURS, OURS, "hypervisor", "\"BulkheadVMM\"") \
    X(0x40000010u, 0x40000010u, OURS, OURS, "clocks", "eax: kHz of the TSC, ebx: of the APIC timer") \
    X(0x80000000u, 0x80000000u, BITS, BITS, "maximum, vendor", "the vendor is the host's") \
    X(0x80000001u, 0x80000001u, BITS, BITS, "features", "eax: signature on AMD; edx on AMD: bits 0-9, 12-17, 23, 24 repeat leaf 1") \
    X(0x80000002u, 0x80000004u, ASIS, ASIS, "processor's name", "named models have their own") \
    X(0x80000005u, 0x80000006u, ASIS, ASIS, "caches", "properties of the host's processor") \
    X(0x80000007u, 0x80000007u, OURS, OURS, "power", "invtsc only") \
    X(0x80000008u, 0x80000008u, BITS, BITS, "address widths", "physical as the host's, virtual 48: no LA57; one core") \
    X(0x80000019u, 0x8000001Au, ZERO, ASIS, "TLB, hints", "properties of the host's processor") \
    X(0x8000001Du, 0x8000001Du, ZERO, ASIS, "caches", "eax: each belongs to one processor") \
    X(0x8000001Eu, 0x8000001Eu, ZERO, OURS, "topology", "one thread in one core of one node") \
    X(0x80000021u, 0x80000021u, ZERO, BITS, "features", "eax only")

/* clang-format on */

#endif
