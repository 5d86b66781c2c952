/* SPDX-License-Identifier: BSD-2-Clause
 * What came out of the guest, one function per kind of exit. */
#include "base/assert.h"
#include "base/le.h"
#include "board/exits_int.h"
#include "cpu/walk.h"

void step_rip(struct vm *vm, struct vcpu *v, const struct vm_exit *x)
{
    struct vcpu_regs *regs = regs_edit(&v->cache, &vm->w.regs, 0, REGS_GPR);
    const uint64_t next = regs->rip + x->insn_len;
    const bool wraps = regs->rip <= UINT32_MAX && next > UINT32_MAX; /* but in 64-bit code */
    regs->rflags &= ~(uint64_t)RFLAGS_RF;
    regs->rip = next;
    if (wraps && !walk_is_64(regs_view(&v->cache, &vm->w.regs, 0, REGS_SYS))) {
        regs->rip = (uint32_t)next;
    }
}

void raise_fault(struct vm *vm, struct vcpu *v, uint8_t vector, bool has_code, uint32_t code)
{
    regs_edit(&v->cache, &vm->w.regs, 0, REGS_GPR)->rflags |= RFLAGS_RF;
    raise_exception(v, vector, has_code, code);
}

void step_over(struct vm *vm, struct vcpu *v, const struct vm_exit *x)
{
    if (!x->raw) {
        return;
    }
    step_rip(vm, v, x);
    if ((v->cache.regs.rflags & RFLAGS_TF) != 0) {
        single_step(v);
    }
}

static void exit_nothing(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    (void)vm;
    (void)v;
    (void)x;
}

static void exit_hlt(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    step_over(vm, v, x);
    v->halted = true;
}

static void exit_wbinvd(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    /* Guest RAM is coherent, and no device sees caches. INVD, which would lose what is in them, is
     * taken for WBINVD: the host's data is there, too. */
    step_over(vm, v, x);
}

static void exit_pio(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    const struct vm_exit_pio *p = &x->u.pio;
    (void)v;
    for (uint32_t i = 0; i < p->count; i++) { /* bound: what the host's buffer holds */
        uint8_t *at = p->data + (size_t)i * p->size;
        if (p->write) {
            bus_write(&vm->bus, BUS_PIO, p->port, p->size, le_load(at, p->size), vm->now);
        } else {
            le_store(at, p->size, bus_read(&vm->bus, BUS_PIO, p->port, p->size, vm->now));
        }
    }
}

static void exit_mmio(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    struct vm_exit_mmio *m = &x->u.mmio;
    (void)v;
    if (m->write) {
        bus_write(&vm->bus, BUS_MMIO, m->gpa, m->size, m->value, vm->now);
    } else {
        m->value = bus_read(&vm->bus, BUS_MMIO, m->gpa, m->size, vm->now);
    }
}

static void exit_shutdown(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    (void)v;
    (void)x;
    board_end(vm, VM_END_TRIPLE_FAULT, 0, NULL);
}

static void exit_host_error(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    (void)v;
    board_end(vm, VM_END_HOST_ERROR, 0, x->u.error.message);
    for (uint32_t i = 0; i < 4; i++) {
        vm->outcome.detail[i] = x->u.error.code[i];
    }
}

static exit_fn *const exit_table[VM_EXIT_KINDS] = {
    [VM_EXIT_NONE] = exit_nothing,
    [VM_EXIT_IRQ_WINDOW] = exit_nothing,
    [VM_EXIT_NMI_WINDOW] = exit_nothing,
    [VM_EXIT_HLT] = exit_hlt,
    [VM_EXIT_PIO] = exit_pio,
    [VM_EXIT_PIO_RAW] = exit_pio_raw,
    [VM_EXIT_MMIO] = exit_mmio,
    [VM_EXIT_EPT] = exit_ept,
    [VM_EXIT_CPUID] = exit_cpuid,
    [VM_EXIT_RDMSR] = exit_rdmsr,
    [VM_EXIT_WRMSR] = exit_wrmsr,
    [VM_EXIT_CR] = exit_cr,
    [VM_EXIT_DR] = exit_dr,
    [VM_EXIT_XSETBV] = exit_xsetbv,
    [VM_EXIT_VMCALL] = exit_undefined, /* there are no hypercalls */
    [VM_EXIT_WBINVD] = exit_wbinvd,
    [VM_EXIT_RDPMC] = exit_rdpmc,
    [VM_EXIT_UNDEFINED] = exit_undefined,
    [VM_EXIT_EXCEPTION] = exit_exception,
    [VM_EXIT_TASK] = exit_task,
    [VM_EXIT_SHUTDOWN] = exit_shutdown,
    [VM_EXIT_HOST_ERROR] = exit_host_error,
};

void vm_exit(struct vm *vm, uint32_t vcpu, uint64_t tsc, struct vm_exit *x)
{
    BH_ASSERT(vcpu < VM_VCPUS_MAX);
    BH_ASSERT((uint32_t)x->kind < VM_EXIT_KINDS);
    struct vcpu *v = &vm->vcpu[vcpu];
    board_set_time(vm, tsc);
    regs_forget(&v->cache);
    v->irq_ready = x->irq_ready;
    v->nmi_ready = x->nmi_ready;
    v->irq_flag = x->irq_flag;
    v->cr8 = x->cr8;
    if (board_has(vm, SYSTEM_DEV_LAPIC)) {
        lapic_set_cr8(&vm->lapic, x->cr8);
    }
    vm->counts.exits[x->kind]++;
    exit_table[x->kind](vm, v, x);
}
