/* SPDX-License-Identifier: BSD-2-Clause
 * Entering the guest: the core's plan into KVM's terms, KVM's exit into the core's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/bits.h"
#include "base/le.h"
#include "cpu/msr.h"
#include "kvm/vcpu.h"

static bool inject_exception(const struct kvm_machine *m, const struct vm_plan *plan)
{
    struct kvm_vcpu_events ev;
    if (ioctl(m->vcpu_fd, KVM_GET_VCPU_EVENTS, &ev) != 0) {
        return false;
    }
    ev.exception.injected = 1;
    ev.exception.nr = plan->vector;
    ev.exception.has_error_code = plan->has_error_code;
    ev.exception.error_code = plan->error_code;
    return ioctl(m->vcpu_fd, KVM_SET_VCPU_EVENTS, &ev) == 0;
}

bool kvm_apply_plan(struct kvm_machine *m, const struct vm_plan *plan)
{
    bool ok = true;
    if (plan->inject == VM_INJECT_IRQ) {
        struct kvm_interrupt irq = {.irq = plan->vector};
        ok = ioctl(m->vcpu_fd, KVM_INTERRUPT, &irq) == 0;
    } else if (plan->inject == VM_INJECT_NMI) {
        ok = ioctl(m->vcpu_fd, KVM_NMI) == 0;
    } else if (plan->inject == VM_INJECT_EXCEPTION) {
        ok = inject_exception(m, plan);
    }
    m->run->request_interrupt_window = plan->irq_window;
    m->run->cr8 = plan->cr8;
    return ok;
}

static void exit_io(const struct kvm_machine *m, struct vm_exit *x)
{
    struct kvm_run *r = m->run;
    x->kind = VM_EXIT_PIO;
    x->u.pio = (struct vm_exit_pio){
        .data = (uint8_t *)r + r->io.data_offset,
        .count = r->io.count,
        .port = r->io.port,
        .size = r->io.size,
        .write = r->io.direction == KVM_EXIT_IO_OUT,
    };
}

/* The bytes written. KVM's buffer always has eight, so they are taken at once: this is an x86 host. */
static uint64_t mmio_written(const struct kvm_run *r)
{
    uint64_t all;
    _Static_assert(sizeof(all) == sizeof(r->mmio.data), "KVM's buffer");
    memcpy(&all, r->mmio.data, sizeof(all));
    return all & ones_bytes(r->mmio.len);
}

static void exit_mmio(const struct kvm_machine *m, struct vm_exit *x)
{
    const struct kvm_run *r = m->run;
    x->kind = VM_EXIT_MMIO;
    x->u.mmio = (struct vm_exit_mmio){
        .gpa = r->mmio.phys_addr,
        .size = r->mmio.len,
        .write = r->mmio.is_write != 0,
        .value = r->mmio.is_write != 0 ? mmio_written(r) : 0,
    };
}

static void exit_msr(const struct kvm_machine *m, struct vm_exit *x)
{
    const struct kvm_run *r = m->run;
    bool read = r->exit_reason == KVM_EXIT_X86_RDMSR;
    x->kind = read ? VM_EXIT_RDMSR : VM_EXIT_WRMSR;
    x->u.msr = (struct vm_exit_msr){.index = r->msr.index, .value = read ? 0 : r->msr.data};
}

/* [KVM] api.rst, 5 (KVM_EXIT_INTERNAL_ERROR, emulation_failure). */
void kvm_failed_instruction(const struct kvm_machine *m, char *text, size_t size)
{
    const struct kvm_run *r = m->run;
    uint32_t count = r->emulation_failure.insn_size;
    size_t used = 0;
    text[0] = '\0';
    if (r->exit_reason != KVM_EXIT_INTERNAL_ERROR ||
        r->internal.suberror != KVM_INTERNAL_ERROR_EMULATION || r->emulation_failure.ndata < 3u ||
        (r->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) == 0) {
        return;
    }
    for (uint32_t i = 0; i < count && i < sizeof(r->emulation_failure.insn_bytes); i++) {
        int n = snprintf(text + used, size - used, "%s%02x", i == 0 ? ", instruction bytes " : " ",
                         r->emulation_failure.insn_bytes[i]);
        if (n < 0 || (size_t)n >= size - used) {
            return;
        }
        used += (size_t)n;
    }
}

static void exit_error(const struct kvm_machine *m, struct vm_exit *x)
{
    const struct kvm_run *r = m->run;
    x->kind = VM_EXIT_HOST_ERROR;
    x->u.error = (struct vm_exit_error){.code = {r->exit_reason}, .message = "unknown KVM exit"};
    if (r->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
        x->u.error.message = "KVM cannot emulate an instruction of the guest";
        x->u.error.code[1] = r->internal.suberror;
        x->u.error.code[2] = r->internal.ndata > 0 ? r->internal.data[0] : 0;
        x->u.error.code[3] = r->internal.ndata > 1 ? r->internal.data[1] : 0;
    } else if (r->exit_reason == KVM_EXIT_FAIL_ENTRY) {
        x->u.error.message = "the processor refuses the guest's state";
        x->u.error.code[1] = r->fail_entry.hardware_entry_failure_reason;
    }
}

static void translate(const struct kvm_machine *m, struct vm_exit *x)
{
    switch (m->run->exit_reason) {
    case KVM_EXIT_IO:
        exit_io(m, x);
        break;
    case KVM_EXIT_MMIO:
        exit_mmio(m, x);
        break;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR:
        exit_msr(m, x);
        break;
    case KVM_EXIT_HLT:
        x->kind = VM_EXIT_HLT;
        break;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        x->kind = VM_EXIT_IRQ_WINDOW;
        break;
    case KVM_EXIT_SHUTDOWN:
        x->kind = VM_EXIT_SHUTDOWN;
        break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_SET_TPR: /* CR8 went down: the core sees it below */
        x->kind = VM_EXIT_NONE;
        break;
    default:
        exit_error(m, x);
        break;
    }
}

/* At the next entry KVM finishes the instruction that reads, and what it does with the value may
 * fault: INS or MOVS to a page that is not there. The exception would go in, and an interrupt given
 * for the same entry would be lost with the next exit: [KVM] kvm_check_and_inject_events(). */
static bool may_fault_on_completion(const struct kvm_run *r)
{
    return (r->exit_reason == KVM_EXIT_MMIO && r->mmio.is_write == 0) ||
           (r->exit_reason == KVM_EXIT_IO && r->io.direction == KVM_EXIT_IO_IN);
}

int kvm_enter(struct kvm_machine *m, struct vm_exit *x)
{
    int result = ioctl(m->vcpu_fd, KVM_RUN, NULL);
    int err = result < 0 ? errno : 0;
    /* Not as one initialiser, which would clear the largest member of the union at every exit. */
    x->kind = VM_EXIT_NONE;
    x->raw = false;
    x->irq_ready = m->run->ready_for_interrupt_injection != 0;
    x->nmi_ready = true; /* KVM keeps an NMI until it can be taken */
    x->irq_flag = m->run->if_flag != 0;
    x->cr8 = (uint8_t)m->run->cr8;
    x->insn_len = 0;
    if (err == 0) {
        x->irq_ready = x->irq_ready && !may_fault_on_completion(m->run);
        translate(m, x);
    }
    return err;
}

void kvm_return_results(struct kvm_machine *m, const struct vm_exit *x)
{
    if (x->kind == VM_EXIT_MMIO && !x->u.mmio.write) {
        le_store(m->run->mmio.data, x->u.mmio.size, x->u.mmio.value);
    } else if (x->kind == VM_EXIT_RDMSR || x->kind == VM_EXIT_WRMSR) {
        m->run->msr.error = x->u.msr.fault ? 1 : 0;
        m->run->msr.data = x->u.msr.value;
    }
    if (x->kind == VM_EXIT_WRMSR && x->u.msr.index == MSR_APIC_BASE && !x->u.msr.fault) {
        /* Should it fail, nothing is lost but the bit in CPUID. */
        (void)kvm_machine_show_lapic(m, (x->u.msr.value & MSR_APIC_BASE_EN) != 0);
    }
}
