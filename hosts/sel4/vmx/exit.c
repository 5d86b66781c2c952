/* SPDX-License-Identifier: BSD-2-Clause
 * What came out of the guest, from message registers to the core's terms.
 * Spec: [SDM] vol. 3C, 28.2.1 (exit qualification), tables 28-3, 28-5 and 28-7. */
#include "base/string.h"
#include "sel4/vmx/vcpu_int.h"

/* How the guest stands after the instruction that caused the exit, if the core deals with it. */
#define STEPS   0x1u /* the core steps over it: what it was shielded by ends with it */
#define RAW     0x2u
#define USE_RSP 0x4u /* its operand may be RSP, or an address by it */

struct row {
    uint8_t kind; /* enum vm_exit_kind */
    uint8_t flags;
    const char *error; /* VM_EXIT_HOST_ERROR: what to say */
};

/* No row: an exit that nobody asked for. */
static const struct row rows[REASONS] = {
    [REASON_HOST_IRQ] = {VM_EXIT_NONE, 0, NULL},
    [REASON_TRIPLE_FAULT] = {VM_EXIT_SHUTDOWN, 0, NULL},
    [REASON_IRQ_WINDOW] = {VM_EXIT_IRQ_WINDOW, 0, NULL},
    [REASON_NMI_WINDOW] = {VM_EXIT_NMI_WINDOW, 0, NULL},
    [REASON_TASK_SWITCH] = {VM_EXIT_TASK, RAW | USE_RSP, NULL},
    [REASON_EXCEPTION] = {VM_EXIT_EXCEPTION, RAW, NULL},
    [REASON_CPUID] = {VM_EXIT_CPUID, RAW | STEPS, NULL},
    [REASON_GETSEC] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_HLT] = {VM_EXIT_HLT, RAW | STEPS, NULL},
    [REASON_INVD] = {VM_EXIT_WBINVD, RAW | STEPS, NULL},
    [REASON_RDPMC] = {VM_EXIT_RDPMC, RAW, NULL},
    [REASON_VMCALL] = {VM_EXIT_VMCALL, RAW, NULL},
    [REASON_VMCLEAR] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_VMLAUNCH] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_VMPTRLD] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_VMPTRST] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_VMREAD] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_VMRESUME] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_VMWRITE] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_VMXOFF] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_VMXON] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_CR] = {VM_EXIT_CR, RAW | STEPS | USE_RSP, NULL},
    [REASON_DR] = {VM_EXIT_DR, RAW | STEPS | USE_RSP, NULL},
    [REASON_IO] = {VM_EXIT_PIO_RAW, RAW | STEPS, NULL},
    [REASON_RDMSR] = {VM_EXIT_RDMSR, RAW | STEPS, NULL},
    [REASON_WRMSR] = {VM_EXIT_WRMSR, RAW | STEPS, NULL},
    [REASON_BAD_STATE] = {VM_EXIT_HOST_ERROR, 0, "the processor refuses the guest's state"},
    [REASON_BAD_MSR_LOAD] = {VM_EXIT_HOST_ERROR, 0, "the processor refuses an MSR of the guest's"},
    [REASON_MWAIT] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_MONITOR] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_MACHINE_CHECK] = {VM_EXIT_HOST_ERROR, 0, "a machine check on entering the guest"},
    [REASON_EPT_VIOLATION] = {VM_EXIT_EPT, RAW | USE_RSP, NULL},
    [REASON_EPT_MISCONFIG] = {VM_EXIT_HOST_ERROR, 0, "a wrong entry in the EPT, which seL4 keeps"},
    [REASON_INVEPT] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_TIMER] = {VM_EXIT_NONE, 0, NULL},
    [REASON_INVVPID] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_WBINVD] = {VM_EXIT_WBINVD, RAW | STEPS, NULL},
    [REASON_XSETBV] = {VM_EXIT_XSETBV, RAW | STEPS, NULL},
    [REASON_VMFUNC] = {VM_EXIT_UNDEFINED, RAW, NULL},
    /* No control keeps these from a guest on a processor that has them: they exit, and do not exist. */
    [REASON_SEAMCALL] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_TDCALL] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_RDMSR_IMM] = {VM_EXIT_UNDEFINED, RAW, NULL},
    [REASON_WRMSR_IMM] = {VM_EXIT_UNDEFINED, RAW, NULL},
};

static uint32_t flags_of(uint32_t reason)
{
    return reason < REASONS ? rows[reason].flags : 0;
}

static void error(struct vm_exit *x, const char *message, uint64_t a, uint64_t b, uint64_t c)
{
    x->kind = VM_EXIT_HOST_ERROR;
    x->raw = false;
    x->u.error = (struct vm_exit_error){.code = {a, b, c}, .message = message};
}

static void fill_io(const struct vmx_exit_info *i, struct vm_exit *x)
{
    uint32_t q = (uint32_t)i->qualification;
    x->u.pio_raw = (struct vm_exit_pio_raw){
        .port = (uint16_t)(q >> 16),
        .size = (uint8_t)((q & 7u) + 1u),
        .write = (q & 0x08u) == 0,
        .string = (q & 0x10u) != 0,
        .rep = (q & 0x20u) != 0,
        .insn_len = (uint8_t)i->insn_len,
    };
}

static void fill_cr(const struct vmx_exit_info *i, struct vm_exit *x)
{
    uint32_t q = (uint32_t)i->qualification;
    uint32_t access = q >> 4 & 3u; /* 0 and 1: MOV to and from; then as VM_CR_* */
    x->u.cr = (struct vm_exit_cr){
        .cr = (uint8_t)(q & 0xFu),
        .gpr = (uint8_t)(q >> 8 & 0xFu),
        .write = access == 0,
        .insn_len = (uint8_t)i->insn_len,
        .access = access > 1u ? (uint8_t)access : VM_CR_MOV,
        .source = (uint16_t)(q >> 16),
    };
}

static void fill_dr(const struct vmx_exit_info *i, struct vm_exit *x)
{
    uint32_t q = (uint32_t)i->qualification;
    x->u.dr = (struct vm_exit_dr){
        .dr = (uint8_t)(q & 7u),
        .gpr = (uint8_t)(q >> 8 & 0xFu),
        .write = (q & 0x10u) == 0,
    };
}

/* #DB or #AC, on its way back to the guest. If an event was being delivered, the guest's own stack or gate
 * was at fault, and the event is lost. */
static void fill_exception(struct vmx_vcpu *v, const struct vmx_exit_info *i, struct vm_exit *x)
{
    uint32_t info = (uint32_t)vmx_read(v, VMCS_EXIT_EVENT);
    x->insn_len = (info & EVENT_TYPE) == EVENT_INT1 ? (uint8_t)i->insn_len : 0u;
    if ((info & EVENT_TYPE) ==
        EVENT_NMI) { /* of the machine, not of the guest: the kernel has seen it */
        x->kind = VM_EXIT_NONE;
        x->raw = false;
        return;
    }
    if ((info & EVENT_UNBLOCK) != 0) {
        vmx_set_blocked(v, v->blocked | BLOCKED_NMI);
    }
    x->u.exception = (struct vm_exit_exception){
        .vector = (uint8_t)(info & EVENT_VECTOR),
        .has_error_code = (info & EVENT_ERROR_CODE) != 0, /* #AC's: always 0 */
        .debug = (info & EVENT_TYPE) == EVENT_INT1 ? 0u : (uint32_t)i->qualification,
    };
}

/* An event whose gate in the IDT is a task gate: it is the core's from here on. */
static void fill_task_event(struct vmx_vcpu *v, const struct vmx_exit_info *i,
                            struct vm_exit_task *t)
{
    uint32_t event = (uint32_t)vmx_read(v, VMCS_IDT_EVENT);
    uint32_t type = event & EVENT_TYPE;
    bool soft = type == EVENT_SOFT_IRQ || type == EVENT_SOFT;
    t->vector = (uint8_t)(event & EVENT_VECTOR);
    t->exception = type == EVENT_EXCEPTION;
    t->external = !soft;
    t->insn_len = soft || type == EVENT_INT1 ? (uint8_t)i->insn_len : 0u;
    t->has_error_code = (event & EVENT_ERROR_CODE) != 0;
    t->error_code = t->has_error_code ? (uint32_t)vmx_read(v, VMCS_IDT_ERROR_CODE) : 0u;
    if (type == EVENT_NMI) {
        vmx_set_blocked(v, v->blocked | BLOCKED_NMI);
    }
}

/* IRET ends the blocking of NMIs, whatever comes of it. What STI or MOV SS shields is over in any case, and with it the
 * #DB that MOV SS held back: the core has its own. */
static void fill_task(struct vmx_vcpu *v, const struct vmx_exit_info *i, struct vm_exit *x)
{
    uint32_t q = (uint32_t)i->qualification;
    struct vm_exit_task *t = &x->u.task;
    if ((v->blocked & BLOCKED_MOV_SS) != 0) {
        (void)vmx_write(v, VMCS_PENDING_DEBUG, 0);
    }
    vmx_set_blocked(v, v->blocked & ~(BLOCKED_STI | BLOCKED_MOV_SS));
    *t = (struct vm_exit_task){
        .selector = (uint16_t)q,
        .source = (uint8_t)(q >> 30),
        .insn_len = (uint8_t)i->insn_len,
    };
    if (t->source == VM_TASK_GATE) {
        fill_task_event(v, i, t);
    } else if (t->source == VM_TASK_IRET) {
        vmx_set_blocked(v, v->blocked & ~BLOCKED_NMI);
    }
}

/* The linear address would be a system call more, and the emulator finds it by itself. An IRET has ended the
 * blocking of NMIs by now, but it is still to be done: [SDM] vol. 3C, 28.2.1. */
static void fill_ept(struct vmx_vcpu *v, const struct vmx_exit_info *i, struct vm_exit *x)
{
    if ((i->qualification & EPT_UNBLOCK) != 0) {
        vmx_set_blocked(v, v->blocked | BLOCKED_NMI);
    }
    x->u.ept = (struct vm_exit_ept){
        .gpa = i->gpa,
        .write = (i->qualification & 2u) != 0,
        .fetch = (i->qualification & 4u) != 0,
    };
}

static void fill(struct vmx_vcpu *v, const struct vmx_exit_info *i, struct vm_exit *x)
{
    const struct row *row = i->reason < REASONS ? &rows[i->reason] : NULL;
    if (i->reason == REASON_VM_FAIL) {
        error(x, "VMLAUNCH or VMRESUME failed", vmx_read(v, VMCS_INSTRUCTION_ERR), i->rip, 0);
        return;
    }
    if (row == NULL ||
        (row->kind == VM_EXIT_NONE && i->reason != REASON_TIMER && i->reason != REASON_HOST_IRQ)) {
        error(x, "unknown VM exit", i->reason, i->qualification, i->rip);
        return;
    }
    if (row->kind == VM_EXIT_HOST_ERROR) {
        error(x, row->error, i->reason, i->rip, i->primary);
        return;
    }
    x->kind = (enum vm_exit_kind)row->kind;
    x->raw = (row->flags & RAW) != 0;
    x->insn_len = x->raw ? (uint8_t)i->insn_len : 0u;
    if (x->kind == VM_EXIT_PIO_RAW) {
        fill_io(i, x);
    } else if (x->kind == VM_EXIT_CR) {
        fill_cr(i, x);
    } else if (x->kind == VM_EXIT_DR) {
        fill_dr(i, x);
    } else if (x->kind == VM_EXIT_EXCEPTION) {
        fill_exception(v, i, x);
    } else if (x->kind == VM_EXIT_TASK) {
        fill_task(v, i, x);
    } else if (x->kind == VM_EXIT_EPT) {
        fill_ept(v, i, x);
    } else if (x->kind == VM_EXIT_RDMSR || x->kind == VM_EXIT_WRMSR) {
        x->u.msr = (struct vm_exit_msr){.index = (uint32_t)v->seen.gpr[GPR_RCX]};
    }
}

/* A fault shows the registers; a notification shows neither them nor whether interrupts can go in. */
static void note(struct vmx_vcpu *v, const struct vmx_exit_info *i)
{
    bool fault = i->reason != VMX_CAME_BACK;
    v->exit_rip = i->rip;
    v->seen.rip = i->rip;
    v->gpr_known = fault;
    v->rsp_known = false;
    v->rsp_wanted = (flags_of(i->reason) & USE_RSP) != 0;
    v->sys_known = VMX_SYS_NONE;
    for (uint32_t n = 0; fault && n < VMX_GPRS; n++) { /* bound: VMX_GPRS */
        v->seen.gpr[vmx_gpr_order[n]] = i->gpr[n];
    }
    v->seen.gpr[GPR_RSP] = 0;
    if (fault) {
        v->seen.rflags = i->rflags;
        v->seen.cr3 = i->cr3;
        v->blocked = i->blocked;
    } else if ((i->event & EVENT_VALID) == 0) {
        v->seen.rflags = vmx_read(v, VMCS_RFLAGS);
        v->blocked = (uint32_t)vmx_read(v, VMCS_INTERRUPTIBILITY);
    }
    /* Still there: the guest was not entered. The core has counted it, so it goes first next time. */
    v->kept.info = fault || (i->event & EVENT_VALID) == 0 ? 0u : i->event;
}

void vmx_exit(struct vmx_vcpu *v, const struct vmx_exit_info *info, struct vm_exit *x)
{
    note(v, info);
    x->kind = VM_EXIT_NONE;
    x->raw = false;
    x->insn_len = 0;
    x->cr8 = v->cr8;
    if (info->reason != VMX_CAME_BACK) {
        fill(v, info, x);
    }
    bool steps =
        (flags_of(info->reason) & STEPS) != 0; /* over it, by the time that something goes in */
    bool shielded = !steps && (v->blocked & (BLOCKED_STI | BLOCKED_MOV_SS)) != 0;
    bool busy = v->kept.info != 0;
    x->irq_flag = (v->seen.rflags & RFLAGS_IF) != 0;
    x->irq_ready = x->irq_flag && !shielded && !busy;
    x->nmi_ready = (v->blocked & BLOCKED_NMI) == 0 && !shielded && !busy;
}
