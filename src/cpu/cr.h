/* SPDX-License-Identifier: BSD-2-Clause
 * Control registers and EFER of a guest on a raw host: which values are legal, and what follows.
 *
 * The values are those that the guest sees. A write either takes place whole, with all it entails
 * (EFER.LMA, page-directory pointers), or is #GP(0) and changes nothing. CPL was checked before: by the
 * processor, whose #GP goes before a VM exit.
 * Spec: [SDM] vol. 3A, 2.5 (control registers), 4.1 (paging modes), 4.4.1 (PDPTEs), 10.8.5 (IA-32e);
 * vol. 2B, MOV to control registers; [SDM] vol. 3C, 27.3.2.4. */
#ifndef CPU_CR_H
#define CPU_CR_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/cpuid.h"
#include "vm/gmem.h"
#include "vm/regs.h"

/* The bits of CR0 that a raw host must not leave to the guest: VMX wants NE set, and CD and NW would
 * only slow the host down. Where the processor runs guests without paging by itself ("unrestricted
 * guest"), it does all the rest right; elsewhere PE and PG trap too. */
#define CR0_TRAP       (CR0_ET | CR0_NE | CR0_NW | CR0_CD)
#define CR0_TRAP_MODES (CR0_PE | CR0_PG)

struct cr_limits {
    uint64_t cr4;  /* bits that may be set */
    uint64_t efer; /* likewise             */
    uint32_t phys_bits;
};

struct cr_vcpu {
    const struct cr_limits *limits;
    const struct gmem *gmem;
    struct vcpu_regs *regs; /* REGS_SYS valid */
    bool pdptes;            /* out: regs->pdpte was loaded anew */
};

/* What CPUID offers, as bits of CR4 and EFER. */
struct cr_limits cr_limits_of(const struct cpuid_cpu *cpu);

/* The bits of CR4 that a raw host must not leave to the guest: those that are not offered, and MCE,
 * which hardware must have set. All others the processor does right by itself. */
uint64_t cr4_trap(const struct cr_limits *limits);

/* MOV to CR0, CR3, CR4. `value` is the operand as the mode has it: 32 bits outside 64-bit mode. False:
 * #GP(0). Another number is false, too. */
bool cr_write(struct cr_vcpu *c, uint32_t cr, uint64_t value);

/* What CR0 becomes by LMSW of `source`: PE can be set, not cleared. */
uint64_t cr0_after_lmsw(uint64_t cr0, uint16_t source);

/* WRMSR to EFER. */
bool efer_write(struct cr_vcpu *c, uint64_t value);

#endif
