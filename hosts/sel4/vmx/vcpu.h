/* SPDX-License-Identifier: BSD-2-Clause
 * A vCPU under VMX as its vmm component sees it: what seL4's VMEnter takes and gives back, turned into
 * what the core says and hears. Pure but for three calls, which the host provides (struct vmx_port).
 *
 *     vmx_start(v, &port, &limits)               once, before anything else
 *     for each turn:
 *         vm_entry(vm, 0, tsc, &plan);
 *         dirty = vm_take_dirty(vm, 0, &regs);
 *         vmx_regs_store(v, dirty, regs);
 *         vmx_entry(v, &plan, tsc, &words);      MR0 to MR2 of VMEnter; it writes what else there is
 *         ... seL4_VMEnter ...
 *         vmx_exit(v, &info, &x);                the same in the core's terms
 *         vm_exit(vm, 0, tsc, &x);
 *
 * A system call is the price unit: fields are read when asked for, and written when they changed.
 * Spec: [SDM] vol. 3C, chapters 25 to 28; seL4 16.0.0, VMEnter (libsel4, vmenter.h). */
#ifndef SEL4_VMX_VCPU_H
#define SEL4_VMX_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "sel4/vmx/vmcs.h"
#include "vm/exit.h"
#include "vm/regs.h"

/* The general registers that seL4 keeps outside the VMCS, in the order of its messages. */
#define VMX_GPRS 15u
extern const uint8_t vmx_gpr_order[VMX_GPRS]; /* enum gpr */

/* The calls. None may fail once the vCPU is set up: a host whose call fails stops the component. */
struct vmx_port {
    uint64_t (*read)(void *host, uint32_t field);
    uint64_t (*write)(void *host, uint32_t field, uint64_t value); /* what the kernel made of it */
    void (*write_gprs)(void *host, const uint64_t gpr[VMX_GPRS]);  /* in vmx_gpr_order           */
    void (*write_cr2)(void *host, uint64_t value);                 /* no VMCS field: the helper  */
    /* For REGS_VEC and REGS_MMX (vectors.c); null where the core is told that it is lacking. The page is the vmm's, and the guest has
     * it at VMX_LENT_GPA while it is lent; afterwards the processor remembers no translation of this guest's at all. To end
     * a loan that was none is for the sake of that. */
    uint8_t *page;
    void (*lend)(void *host, bool on);
    /* Enters at that RIP, again after timer and notifications, until anything else: its REASON_*. */
    uint32_t (*enter)(void *host, uint64_t rip, uint32_t primary);
    void *host;
};

/* Of all addresses the local APIC's: no system file has RAM there. */
#define VMX_LENT_GPA 0xFEE00000u

/* What the machine under the vCPU has. */
struct vmx_limits {
    uint64_t cr4;        /* bits that are the guest's own: what cr4_trap() leaves          */
    uint32_t timer_rate; /* bits 4:0 of IA32_VMX_MISC: the timer counts at TSC >> rate     */
    uint64_t slice_tsc;  /* back after so many TSC ticks at the latest, whatever the guest does */
    bool avx;            /* the kernel switches YMM registers, too                  */
};

/* What VMEnter came back with, as its message registers hold it. If it came back for a notification,
 * only event and primary are there: reason is VMX_CAME_BACK. */
#define VMX_CAME_BACK 0xFFFFFFFEu

struct vmx_exit_info {
    uint32_t reason;        /* MR3: REASON_*, or VMX_CAME_BACK              */
    uint32_t insn_len;      /* MR5 */
    uint64_t rip;           /* MR0 */
    uint32_t primary;       /* MR1 */
    uint32_t event;         /* MR2: still valid if it did not go in          */
    uint64_t qualification; /* MR4 */
    uint64_t gpa;           /* MR6 */
    uint64_t rflags;        /* MR7 */
    uint32_t blocked;       /* MR8: BLOCKED_*                                */
    uint64_t cr3;           /* MR9 */
    uint64_t gpr[VMX_GPRS]; /* MR10 and on, in vmx_gpr_order                 */
};

/* MR0 to MR2 of VMEnter. */
struct vmx_words {
    uint64_t rip;
    uint32_t primary;
    uint32_t event;
};

/* An event that did not go in: goes before what the core plans next. */
struct vmx_event {
    uint32_t info;       /* EVENT_*; 0: none                    */
    uint32_t error_code; /* of the one that went in, after that */
};

/* How much of REGS_SYS is known. In 64-bit mode only what the processor still uses is read: CS.ar,
 * SS.ar, the bases of FS and GS, control registers, EFER; the rest keeps what it had, until REGS_SEG is
 * asked for. */
enum vmx_sys_known {
    VMX_SYS_NONE,
    VMX_SYS_LEAN,
    VMX_SYS_FULL,
};

struct vmx_vcpu {
    struct vmx_port port;
    struct vmx_limits limits;
    uint32_t primary;      /* primary controls without windows, as they stuck           */
    uint32_t entry;        /* entry controls without ENTRY_IA32E, as they stuck         */
    struct vmx_event kept; /* goes in at the next entry                                 */
    struct vcpu_regs seen; /* what the vCPU holds, as far as the next lines say         */
    bool gpr_known;        /* all of REGS_GPR but RSP                                   */
    bool rsp_known;
    bool rsp_wanted;   /* this exit's instruction may look at RSP                        */
    uint8_t sys_known; /* enum vmx_sys_known                                            */
    uint8_t cr8;       /* as the core last planned it                                    */
    bool long_mode;    /* ENTRY_IA32E in the VMCS                                        */
    uint32_t blocked;  /* BLOCKED_* in the VMCS                                          */
    uint64_t exit_rip; /* where the guest was when it came out                          */
};

/* Where set-up failed: the control that did not stick, in words; NULL: all well. */
const char *vmx_start(struct vmx_vcpu *v, const struct vmx_port *port,
                      const struct vmx_limits *limits);

/* The register cache's source: struct regs_source {vmx_regs_fetch, v}. */
void vmx_regs_fetch(void *vcpu, uint32_t id, uint32_t groups, struct vcpu_regs *regs);
/* Writes what differs from what is there. @pre what is dirty was fetched or set as a whole. */
void vmx_regs_store(struct vmx_vcpu *v, uint32_t groups, const struct vcpu_regs *regs);

void vmx_entry(struct vmx_vcpu *v, const struct vm_plan *plan, uint64_t tsc,
               struct vmx_words *words);
void vmx_exit(struct vmx_vcpu *v, const struct vmx_exit_info *info, struct vm_exit *x);

/* Preemption-timer ticks that are at least so many TSC ticks. */
uint32_t vmx_timer_ticks(uint32_t rate, uint64_t tsc_ticks);

#endif
