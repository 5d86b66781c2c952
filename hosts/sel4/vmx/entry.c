/* SPDX-License-Identifier: BSD-2-Clause
 * The core's plan, as VMEnter and the VMCS take it.
 * Spec: [SDM] vol. 3C, 25.5.1 (preemption timer), 25.8.3 (event injection), 27.3.1.5 (interruptibility). */
#include "base/assert.h"
#include "sel4/vmx/vcpu_int.h"

/* TSC ticks to the preemption timer's, which counts when bit `rate` of the TSC changes. Rounded up, so
 * that a deadline is never met early; at least one, so that the guest gets on. */
uint32_t vmx_timer_ticks(uint32_t rate, uint64_t tsc_ticks)
{
    uint64_t ticks = tsc_ticks >> rate;
    if ((ticks << rate) != tsc_ticks) {
        ticks++;
    }
    if (ticks == 0) {
        return 1;
    }
    return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

static void arm_timer(const struct vmx_vcpu *v, uint64_t deadline, uint64_t tsc)
{
    uint64_t left = deadline > tsc ? deadline - tsc : 0;
    uint64_t bounded = left < v->limits.slice_tsc ? left : v->limits.slice_tsc;
    (void)vmx_write(v, VMCS_TIMER, vmx_timer_ticks(v->limits.timer_rate, bounded));
}

static struct vmx_event planned(const struct vm_plan *plan)
{
    static const uint32_t types[] = {
        [VM_INJECT_NONE] = 0,
        [VM_INJECT_IRQ] = EVENT_VALID | EVENT_IRQ,
        [VM_INJECT_NMI] = EVENT_VALID | EVENT_NMI,
        [VM_INJECT_EXCEPTION] = EVENT_VALID | EVENT_EXCEPTION,
    };
    struct vmx_event e = {.info = types[plan->inject]};
    if (plan->inject != VM_INJECT_NONE) {
        e.info |= plan->vector;
    }
    if (plan->inject == VM_INJECT_EXCEPTION) {
        e.info |= plan->has_error_code ? EVENT_ERROR_CODE : 0u;
        e.error_code = plan->error_code;
    }
    return e;
}

void vmx_entry(struct vmx_vcpu *v, const struct vm_plan *plan, uint64_t tsc,
               struct vmx_words *words)
{
    BH_ASSERT(plan->inject == VM_INJECT_NONE || v->kept.info == 0); /* vmx_exit() said so */
    struct vmx_event e = v->kept.info != 0 ? v->kept : planned(plan);
    if ((e.info & EVENT_ERROR_CODE) != 0) {
        /* In real mode no exception has one, and entry fails with one: [SDM] vol. 3C, 27.2.1.3. */
        if ((vmx_read(v, VMCS_CR0) & CR0_PE) == 0) {
            e.info &= ~EVENT_ERROR_CODE;
        } else {
            (void)vmx_write(v, VMCS_ENTRY_ERROR_CODE, e.error_code);
        }
    }
    if (plan->nmi_unblock) {
        vmx_set_blocked(v, v->blocked & ~BLOCKED_NMI);
    }
    if (e.info != 0) {
        /* Entry refuses an interrupt in the shadow of STI or MOV SS, and a #DB with TF there. */
        vmx_set_blocked(v, v->blocked & ~(BLOCKED_STI | BLOCKED_MOV_SS));
    }
    if (plan->shadow && e.info == 0) {
        vmx_set_blocked(v, v->blocked | BLOCKED_MOV_SS);
        if ((v->seen.rflags & RFLAGS_TF) != 0) {
            /* Entry wants the #DB of single-stepping behind the shadow to be there already. */
            (void)vmx_write(v, VMCS_PENDING_DEBUG, PENDING_BS);
        }
    }
    /* The error code is kept: should the kernel come back before the entry, it is wanted again. */
    v->kept = (struct vmx_event){.error_code = e.error_code};
    v->cr8 = plan->cr8;
    arm_timer(v, plan->deadline_tsc, tsc);
    words->rip = v->seen.rip;
    words->primary = v->primary | (plan->irq_window ? PRIMARY_IRQ_WINDOW : 0u) |
                     (plan->nmi_window ? PRIMARY_NMI_WINDOW : 0u);
    words->event = e.info;
}
