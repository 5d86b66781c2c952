/* SPDX-License-Identifier: BSD-2-Clause
 * Controls of a vCPU: what Bulkhead asks of the processor, and what it cannot do without.
 *
 * seL4 forces some bits and drops others without an error; so each control is looked at after it was
 * written. Spec: [SDM] vol. 3C, 25.6 to 25.8. */
#include "base/string.h"
#include "cpu/cr.h"
#include "sel4/vmx/vcpu_int.h"

/* A control field: the bits that must be set, those that must be clear, and those that are welcome. */
struct control {
    uint32_t field;
    uint32_t must;
    uint32_t never;
    uint32_t may;
    const char *without; /* what the machine or the kernel lacks then */
};

static const struct control controls[] = {
    {VMCS_PIN, PIN_IRQ | PIN_NMI | PIN_VIRTUAL_NMI | PIN_TIMER, 0, 0,
     "the processor has no VMX preemption timer or no virtual NMIs"},
    {VMCS_PRIMARY,
     PRIMARY_HLT | PRIMARY_MWAIT | PRIMARY_RDPMC | PRIMARY_CR8_LOAD | PRIMARY_CR8_STORE |
         PRIMARY_MOV_DR | PRIMARY_IO_BITMAPS | PRIMARY_MSR_BITMAPS | PRIMARY_MONITOR |
         PRIMARY_SECONDARY,
     PRIMARY_TSC_OFFSET | PRIMARY_INVLPG | PRIMARY_RDTSC | PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE |
         PRIMARY_TPR_SHADOW,
     0, "the kernel does not trap what it must, or traps what it should not (primary controls)"},
    {VMCS_SECONDARY, SECONDARY_EPT | SECONDARY_UNRESTRICTED, SECONDARY_RDTSCP | SECONDARY_XSAVES,
     SECONDARY_WBINVD, "the processor has no unrestricted guest"},
    /* The kernel enters a preempted guest again by itself: the timer must go on where it was. */
    {VMCS_EXIT_CONTROLS, EXIT_SAVE_TIMER, 0, 0,
     "the processor does not keep the preemption timer's value at an exit"},
    {VMCS_ENTRY_CONTROLS, ENTRY_DEBUG | ENTRY_PAT | ENTRY_EFER, 0, 0,
     "the processor does not load EFER and PAT when a guest is entered"},
};

/* What a vCPU starts with, as long as no boot loader says otherwise. */
struct initial {
    uint32_t field;
    uint64_t value;
};

static const struct initial initials[] = {
    {VMCS_DEBUGCTL, 0},
    {VMCS_PAT, 0x0007040600070406ull},
    {VMCS_ENTRY_EVENT, 0},
    {VMCS_INTERRUPTIBILITY, 0},
    {VMCS_ACTIVITY, 0},
    {VMCS_SYSENTER_CS, 0},
    {VMCS_SYSENTER_ESP, 0},
    {VMCS_SYSENTER_EIP, 0},
    {VMCS_PENDING_DEBUG, 0},
    {VMCS_DR7, 0x400}, /* no breakpoint: DR0 to DR3 are nobody's */
    {VMCS_CR0_MASK, CR0_TRAP},
    /* A #DB or #AC that faults again while it is delivered would keep the core for good. */
    {VMCS_EXCEPTIONS, BIT32(VECTOR_DB) | BIT32(VECTOR_AC)},
};

/* NULL, or why not. *stuck takes what the kernel made of it. */
static const char *set_control(const struct vmx_vcpu *v, const struct control *c, uint32_t *stuck)
{
    uint32_t now = (uint32_t)vmx_read(v, c->field);
    uint32_t wanted = (now | c->must | c->may) & ~c->never;
    *stuck = (uint32_t)vmx_write(v, c->field, wanted);
    bool good = (*stuck & c->must) == c->must && (*stuck & c->never) == 0;
    return good ? NULL : c->without;
}

const char *vmx_start(struct vmx_vcpu *v, const struct vmx_port *port,
                      const struct vmx_limits *limits)
{
    memset(v, 0, sizeof(*v));
    v->port = *port;
    v->limits = *limits;
    v->seen.xcr0 = XCR0_X87;
    for (uint32_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) { /* bound: 5 */
        uint32_t stuck;
        const char *missing = set_control(v, &controls[i], &stuck);
        if (missing != NULL) {
            return missing;
        }
        if (controls[i].field == VMCS_PRIMARY) {
            v->primary = stuck & ~(PRIMARY_IRQ_WINDOW | PRIMARY_NMI_WINDOW);
        } else if (controls[i].field == VMCS_ENTRY_CONTROLS) {
            v->entry = stuck & ~ENTRY_IA32E;
            v->long_mode = (stuck & ENTRY_IA32E) != 0;
        }
    }
    for (uint32_t i = 0; i < sizeof(initials) / sizeof(initials[0]); i++) { /* bound: 12 */
        (void)vmx_write(v, initials[i].field, initials[i].value);
    }
    (void)vmx_write(v, VMCS_CR4_MASK, ~limits->cr4);
    return NULL;
}
