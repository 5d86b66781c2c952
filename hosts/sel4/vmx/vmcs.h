/* SPDX-License-Identifier: BSD-2-Clause
 * The VMCS by its encodings, control bits and exit reasons: what the seL4 host reads and writes.
 * Spec: [SDM] vol. 3C, 25.4 to 25.9 (fields, controls), 28.2 (exit qualification), appendices B
 * (encodings) and C (basic exit reasons). */
#ifndef SEL4_VMX_VMCS_H
#define SEL4_VMX_VMCS_H

#include "base/bits.h"

/* --- Fields. Those of a segment: the one of ES, and two more for each next in enum seg --------- */
#define VMCS_SEG_SELECTOR(seg) (0x0800u + 2u * (seg))
#define VMCS_SEG_LIMIT(seg)    (0x4800u + 2u * (seg))
#define VMCS_SEG_AR(seg)       (0x4814u + 2u * (seg))
#define VMCS_SEG_BASE(seg)     (0x6806u + 2u * (seg))

#define VMCS_DEBUGCTL         0x2802u
#define VMCS_PAT              0x2804u
#define VMCS_EFER             0x2806u
#define VMCS_PDPTE(n)         (0x280Au + 2u * (n))
#define VMCS_PIN              0x4000u
#define VMCS_PRIMARY          0x4002u
#define VMCS_EXCEPTIONS       0x4004u
#define VMCS_EXIT_CONTROLS    0x400Cu
#define VMCS_ENTRY_CONTROLS   0x4012u
#define VMCS_ENTRY_EVENT      0x4016u
#define VMCS_ENTRY_ERROR_CODE 0x4018u
#define VMCS_SECONDARY        0x401Eu
#define VMCS_INSTRUCTION_ERR  0x4400u
#define VMCS_EXIT_EVENT       0x4404u
#define VMCS_EXIT_ERROR_CODE  0x4406u
#define VMCS_IDT_EVENT        0x4408u
#define VMCS_IDT_ERROR_CODE   0x440Au
#define VMCS_GDTR_LIMIT       0x4810u
#define VMCS_IDTR_LIMIT       0x4812u
#define VMCS_INTERRUPTIBILITY 0x4824u
#define VMCS_ACTIVITY         0x4826u
#define VMCS_SYSENTER_CS      0x482Au
#define VMCS_TIMER            0x482Eu
#define VMCS_CR0_MASK         0x6000u
#define VMCS_CR4_MASK         0x6002u
#define VMCS_CR0_SHADOW       0x6004u
#define VMCS_CR4_SHADOW       0x6006u
#define VMCS_GUEST_LINEAR     0x640Au
#define VMCS_CR0              0x6800u
#define VMCS_CR3              0x6802u
#define VMCS_CR4              0x6804u
#define VMCS_GDTR_BASE        0x6816u
#define VMCS_IDTR_BASE        0x6818u
#define VMCS_DR7              0x681Au
#define VMCS_RSP              0x681Cu
#define VMCS_RIP              0x681Eu
#define VMCS_RFLAGS           0x6820u
#define VMCS_PENDING_DEBUG    0x6822u
#define VMCS_SYSENTER_ESP     0x6824u
#define VMCS_SYSENTER_EIP     0x6826u

/* --- Controls, [SDM] 25.6 to 25.8 -------------------------------------------------------------- */
#define PIN_IRQ         BIT32(0)
#define PIN_NMI         BIT32(3)
#define PIN_VIRTUAL_NMI BIT32(5)
#define PIN_TIMER       BIT32(6)

#define PRIMARY_IRQ_WINDOW  BIT32(2)
#define PRIMARY_TSC_OFFSET  BIT32(3)
#define PRIMARY_HLT         BIT32(7)
#define PRIMARY_INVLPG      BIT32(9)
#define PRIMARY_MWAIT       BIT32(10)
#define PRIMARY_RDPMC       BIT32(11)
#define PRIMARY_RDTSC       BIT32(12)
#define PRIMARY_CR3_LOAD    BIT32(15)
#define PRIMARY_CR3_STORE   BIT32(16)
#define PRIMARY_CR8_LOAD    BIT32(19)
#define PRIMARY_CR8_STORE   BIT32(20)
#define PRIMARY_TPR_SHADOW  BIT32(21)
#define PRIMARY_NMI_WINDOW  BIT32(22)
#define PRIMARY_MOV_DR      BIT32(23)
#define PRIMARY_IO_BITMAPS  BIT32(25)
#define PRIMARY_MSR_BITMAPS BIT32(28)
#define PRIMARY_MONITOR     BIT32(29)
#define PRIMARY_SECONDARY   BIT32(31)

#define SECONDARY_EPT          BIT32(1)
#define SECONDARY_RDTSCP       BIT32(3)
#define SECONDARY_VPID         BIT32(5)
#define SECONDARY_WBINVD       BIT32(6)
#define SECONDARY_UNRESTRICTED BIT32(7)
#define SECONDARY_INVPCID      BIT32(12)
#define SECONDARY_XSAVES       BIT32(20)

#define EXIT_SAVE_TIMER BIT32(22)

#define ENTRY_DEBUG BIT32(2) /* loads DR7 and DEBUGCTL   */
#define ENTRY_IA32E BIT32(9) /* the guest is in IA-32e mode */
#define ENTRY_PAT   BIT32(14)
#define ENTRY_EFER  BIT32(15)

/* --- Interruptibility and events, [SDM] 25.4.2 and 25.8.3 -------------------------------------- */
#define BLOCKED_STI    BIT32(0)
#define BLOCKED_MOV_SS BIT32(1)
#define BLOCKED_SMI    BIT32(2)
#define BLOCKED_NMI    BIT32(3)

#define EVENT_VECTOR     0xFFu
#define EVENT_TYPE       0x700u
#define EVENT_IRQ        (0u << 8)
#define EVENT_NMI        (2u << 8)
#define EVENT_EXCEPTION  (3u << 8)
#define EVENT_SOFT_IRQ   (4u << 8)
#define EVENT_INT1       (5u << 8)
#define EVENT_SOFT       (6u << 8) /* INT3, INTO */
#define EVENT_ERROR_CODE BIT32(11)
#define EPT_UNBLOCK \
    BIT32(12) /* of a qualification: the same of an IRET that met an EPT violation */
#define EVENT_UNBLOCK BIT32(12) /* of an exit: an IRET had ended NMI blocking before it faulted */
#define EVENT_VALID   BIT32(31)

/* --- Basic exit reasons, [SDM] appendix C ------------------------------------------------------ */
#define REASON_EXCEPTION     0u
#define REASON_HOST_IRQ      1u
#define REASON_TRIPLE_FAULT  2u
#define REASON_IRQ_WINDOW    7u
#define REASON_NMI_WINDOW    8u
#define REASON_TASK_SWITCH   9u
#define REASON_CPUID         10u
#define REASON_GETSEC        11u
#define REASON_HLT           12u
#define REASON_INVD          13u
#define REASON_RDPMC         15u
#define REASON_VMCALL        18u
#define REASON_VMCLEAR       19u
#define REASON_VMLAUNCH      20u
#define REASON_VMPTRLD       21u
#define REASON_VMPTRST       22u
#define REASON_VMREAD        23u
#define REASON_VMRESUME      24u
#define REASON_VMWRITE       25u
#define REASON_VMXOFF        26u
#define REASON_VMXON         27u
#define REASON_CR            28u
#define REASON_DR            29u
#define REASON_IO            30u
#define REASON_RDMSR         31u
#define REASON_WRMSR         32u
#define REASON_BAD_STATE     33u
#define REASON_BAD_MSR_LOAD  34u
#define REASON_MWAIT         36u
#define REASON_MONITOR       39u
#define REASON_MACHINE_CHECK 41u
#define REASON_EPT_VIOLATION 48u
#define REASON_EPT_MISCONFIG 49u
#define REASON_INVEPT        50u
#define REASON_TIMER         52u
#define REASON_INVVPID       53u
#define REASON_WBINVD        54u
#define REASON_XSETBV        55u
#define REASON_VMFUNC        59u
#define REASON_SEAMCALL      76u
#define REASON_TDCALL        77u
#define REASON_RDMSR_IMM     84u
#define REASON_WRMSR_IMM     85u
#define REASONS              88u

/* What seL4 reports in place of a reason when VMLAUNCH or VMRESUME itself failed. */
#define REASON_VM_FAIL 0xFFFFFFFFu

#endif
