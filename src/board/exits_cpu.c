/* SPDX-License-Identifier: BSD-2-Clause
 * Exits that the processor's policy answers: CPUID, MSRs, control and debug registers, XCR0, exceptions
 * that were watched, and instructions that the guest's processor does not have.
 * Spec: [SDM] vol. 3C, 26.1 (what exits, and what was checked before), 28.2.1 (qualification). */
#include "base/bits.h"
#include "board/exits_int.h"
#include "cpu/cr.h"
#include "cpu/msr.h"
#include "cpu/walk.h"
#include "cpu/xcr.h"

static struct vcpu_regs *edit(struct vm *vm, struct vcpu *v, uint32_t groups)
{
    return regs_edit(&v->cache, &vm->w.regs, 0, groups);
}

static const struct vcpu_regs *view(struct vm *vm, struct vcpu *v, uint32_t groups)
{
    return regs_view(&v->cache, &vm->w.regs, 0, groups);
}

/* In real mode there are no error codes, and VMX refuses to push one. */
static void raise_gp(struct vm *vm, struct vcpu *v)
{
    raise_fault(vm, v, VECTOR_GP, (view(vm, v, REGS_SYS)->cr0 & CR0_PE) != 0, 0);
}

/* --- Model-specific registers ------------------------------------------------------------------- */

static bool has_tsc_deadline(const struct vm *vm)
{
    return cpuid_has(&vm->cpu, CPUID_F_tsc_deadline_timer);
}

static uint64_t *cached_base(struct vcpu_regs *r, uint32_t index)
{
    return &r->seg[index == MSR_FS_BASE ? SEG_FS : SEG_GS].base;
}

/* Registers of the vCPU, which on KVM never come out of the kernel. */
static bool read_vcpu_msr(struct vm *vm, struct vcpu *v, uint32_t index, uint64_t *value)
{
    if (index == MSR_EFER) {
        *value = view(vm, v, REGS_SYS)->efer;
        return cr_limits_of(&vm->cpu).efer != 0; /* nothing to switch: no such register */
    }
    switch (msr_vcpu_home(&vm->cpu, index)) {
    case MSR_IN_CACHE:
        *value = *cached_base(edit(vm, v, REGS_SYS), index);
        return true;
    case MSR_AT_HOST:
        return vm->w.msr_read != NULL && vm->w.msr_read(vm->w.host, index, value);
    default:
        return false;
    }
}

static bool write_efer(struct vm *vm, struct vcpu *v, uint64_t value)
{
    const struct cr_limits limits = cr_limits_of(&vm->cpu);
    struct cr_vcpu c = {.limits = &limits, .gmem = &vm->w.mem, .regs = edit(vm, v, REGS_SYS)};
    return limits.efer != 0 && efer_write(&c, value);
}

/* The host never sees a value that would fault in its hands. */
static bool write_vcpu_msr(struct vm *vm, struct vcpu *v, uint32_t index, uint64_t value)
{
    if (index == MSR_EFER) {
        return write_efer(vm, v, value);
    }
    enum msr_home home = msr_vcpu_home(&vm->cpu, index);
    if (home == MSR_NOWHERE || !msr_vcpu_legal(index, value)) {
        return false;
    }
    if (home == MSR_IN_CACHE) {
        *cached_base(edit(vm, v, REGS_SYS), index) = value;
        return true;
    }
    return vm->w.msr_write != NULL && vm->w.msr_write(vm->w.host, index, value);
}

/* MSRs of the local APIC are chip registers, the TSC is the host's; the rest is policy. */
static bool read_msr(struct vm *vm, struct vcpu *v, const struct vm_exit *x, uint64_t *value)
{
    uint32_t index = x->u.msr.index;
    if (index == MSR_APIC_BASE && board_has(vm, SYSTEM_DEV_LAPIC)) {
        *value = lapic_base_msr(&vm->lapic);
        return true;
    }
    if (index == MSR_TSC_DEADLINE && has_tsc_deadline(vm)) {
        *value = lapic_tsc_deadline(&vm->lapic, vm->tsc);
        return true;
    }
    if (index == MSR_TSC) {
        *value = vm->tsc;
        return true;
    }
    return (x->raw && read_vcpu_msr(vm, v, index, value)) ||
           msr_read(&vm->msrs, &vm->cpu, index, value) == MSR_DONE;
}

static bool write_msr(struct vm *vm, struct vcpu *v, const struct vm_exit *x, uint64_t value)
{
    uint32_t index = x->u.msr.index;
    if (index == MSR_APIC_BASE && board_has(vm, SYSTEM_DEV_LAPIC)) {
        bus_stir(&vm->bus);
        return lapic_set_base_msr(&vm->lapic, value, vm->now);
    }
    if (index == MSR_TSC_DEADLINE && has_tsc_deadline(vm)) {
        bus_stir(&vm->bus);
        lapic_set_tsc_deadline(&vm->lapic, value, vm->now);
        return true;
    }
    if (index == MSR_TSC) {
        return true; /* without effect: guest time, and every deadline, stand on it */
    }
    return (x->raw && write_vcpu_msr(vm, v, index, value)) ||
           msr_write(&vm->msrs, &vm->cpu, index, value) == MSR_DONE;
}

/* Low halves of RDX:RAX, as RDMSR, WRMSR and XSETBV use them. */
static uint64_t edx_eax(const struct vcpu_regs *r)
{
    return (r->gpr[GPR_RDX] << 32) | (uint32_t)r->gpr[GPR_RAX];
}

static void set_edx_eax(struct vcpu_regs *r, uint64_t value)
{
    r->gpr[GPR_RAX] = (uint32_t)value;
    r->gpr[GPR_RDX] = value >> 32;
}

/* The end of an MSR access: #GP(0), or over to the next instruction. A host that decodes raises the
 * #GP itself, at the next entry. An interrupt handed over in the same entry would be second to it and
 * lost with the next exit, though the LAPIC has it in service: so it waits for the window. */
static void msr_finish(struct vm *vm, struct vcpu *v, const struct vm_exit *x)
{
    if (!x->u.msr.fault) {
        step_over(vm, v, x);
    } else if (x->raw) {
        raise_gp(vm, v);
    } else {
        v->irq_ready = false;
    }
}

void exit_rdmsr(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    struct vm_exit_msr *m = &x->u.msr;
    m->fault = !read_msr(vm, v, x, &m->value);
    if (m->fault) {
        vm->counts.refused_msr_reads++;
        vm->counts.last_refused_msr = m->index;
    } else if (x->raw) {
        set_edx_eax(edit(vm, v, REGS_GPR), m->value);
    }
    msr_finish(vm, v, x);
}

void exit_wrmsr(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    struct vm_exit_msr *m = &x->u.msr;
    if (x->raw) {
        m->value = edx_eax(view(vm, v, REGS_GPR));
    }
    m->fault = !write_msr(vm, v, x, m->value);
    if (m->fault) {
        vm->counts.refused_msr_writes++;
        vm->counts.last_refused_msr = m->index;
    }
    msr_finish(vm, v, x);
}

/* --- CPUID --------------------------------------------------------------------------------------- */

/* On a raw host: what the host's processor says, through the policy. */
void exit_cpuid(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    struct vcpu_regs *r = edit(vm, v, REGS_GPR);
    struct cpuid_leaf leaf = {
        .leaf = (uint32_t)r->gpr[GPR_RAX],
        .subleaf = (uint32_t)r->gpr[GPR_RCX],
    };
    struct cpuid_now now = {.lapic_on = lapic_hardware_enabled(&vm->lapic)};
    if (leaf.leaf == 0x01 || leaf.leaf == 0x07 || leaf.leaf == 0x0D || leaf.leaf == 0x80000001u) {
        const struct vcpu_regs *sys = view(vm, v, REGS_SYS);
        now.code_64 = walk_is_64(sys);
        now.cr4 = sys->cr4;
        now.xcr0 = sys->xcr0;
    }
    if (vm->w.cpuid != NULL) {
        vm->w.cpuid(vm->w.host, &leaf);
    }
    cpuid_answer(&vm->cpu, &now, &leaf);
    r->gpr[GPR_RAX] = leaf.eax;
    r->gpr[GPR_RBX] = leaf.ebx;
    r->gpr[GPR_RCX] = leaf.ecx;
    r->gpr[GPR_RDX] = leaf.edx;
    step_over(vm, v, x);
}

/* --- Control registers --------------------------------------------------------------------------- */

static void read_cr(struct vm *vm, struct vcpu *v, const struct vm_exit_cr *c)
{
    struct vcpu_regs *r = edit(vm, v, REGS_GPR);
    const struct vcpu_regs *sys = view(vm, v, REGS_SYS);
    const uint64_t lapic = board_has(vm, SYSTEM_DEV_LAPIC) ? lapic_cr8(&vm->lapic) : v->cr8;
    uint64_t value = lapic;
    if (c->cr == 0u) {
        value = sys->cr0;
    } else if (c->cr == 3u) {
        value = sys->cr3;
    } else if (c->cr == 4u) {
        value = sys->cr4;
    }
    r->gpr[c->gpr % GPR_COUNT] = walk_is_64(sys) ? value : (uint32_t)value;
}

static bool write_cr8(struct vm *vm, struct vcpu *v, uint64_t value)
{
    if (value > 15u) {
        return false;
    }
    v->cr8 = (uint8_t)value;
    if (board_has(vm, SYSTEM_DEV_LAPIC)) {
        lapic_set_cr8(&vm->lapic, v->cr8);
    }
    return true;
}

/* CR0, CR3 or CR4 of a raw host's guest. What the guest then runs with is for the host to load. */
static bool write_cr(struct vm *vm, struct vcpu *v, uint32_t cr, uint64_t value)
{
    const struct cr_limits limits = cr_limits_of(&vm->cpu);
    struct cr_vcpu c = {.limits = &limits, .gmem = &vm->w.mem, .regs = edit(vm, v, REGS_SYS)};
    bool legal = cr_write(&c, cr, value);
    v->cache.dirty |= legal && c.pdptes ? REGS_PDPTE : 0u;
    return legal;
}

static bool move_to_cr(struct vm *vm, struct vcpu *v, const struct vm_exit_cr *c)
{
    uint64_t value = view(vm, v, REGS_GPR)->gpr[c->gpr % GPR_COUNT];
    value = walk_is_64(view(vm, v, REGS_SYS)) ? value : (uint32_t)value;
    return c->cr == 8u ? write_cr8(vm, v, value) : write_cr(vm, v, c->cr, value);
}

/* The processor has looked at CPL before it made the exit. */
void exit_cr(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    const struct vm_exit_cr *c = &x->u.cr;
    bool known = c->cr == 0u || c->cr == 3u || c->cr == 4u || c->cr == 8u;
    bool legal = true;
    if (c->access == VM_CR_CLTS) {
        legal = write_cr(vm, v, 0, view(vm, v, REGS_SYS)->cr0 & ~CR0_TS);
    } else if (c->access == VM_CR_LMSW) {
        legal = write_cr(vm, v, 0, cr0_after_lmsw(view(vm, v, REGS_SYS)->cr0, c->source));
    } else if (!known) {
        raise_fault(vm, v, VECTOR_UD, false, 0);
        return;
    } else if (c->write) {
        legal = move_to_cr(vm, v, c);
    } else {
        read_cr(vm, v, c);
    }
    if (legal) {
        step_over(vm, v, x);
    } else {
        raise_gp(vm, v);
    }
}

/* --- Debug registers, XCR0, and what is not there -------------------------------------------------- */

void exit_dr(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    const struct vm_exit_dr *d = &x->u.dr;
    const struct vcpu_regs *sys = view(vm, v, REGS_ALL);
    uint32_t gpr = d->gpr % GPR_COUNT;
    uint64_t value = sys->gpr[gpr];
    enum dr_result result = d->write ? dr_write(&v->drs, sys, d->dr & 7u, value)
                                     : dr_read(&v->drs, sys, d->dr & 7u, &value);
    switch (result) {
    case DR_GP:
        raise_gp(vm, v);
        break;
    case DR_UD:
        raise_fault(vm, v, VECTOR_UD, false, 0);
        break;
    case DR_DB:
        raise_fault(vm, v, VECTOR_DB, false, 0);
        break;
    case DR_DONE:
    default:
        if (!d->write) {
            edit(vm, v, REGS_GPR)->gpr[gpr] = value;
        }
        step_over(vm, v, x);
        break;
    }
}

/* CPL and CR4.OSXSAVE were checked before. */
void exit_xsetbv(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    const struct vcpu_regs *r = view(vm, v, REGS_GPR);
    uint64_t value = edx_eax(r);
    if (!xcr_write_legal(&vm->cpu.xcr, (uint32_t)r->gpr[GPR_RCX], value)) {
        raise_gp(vm, v);
        return;
    }
    edit(vm, v, REGS_SYS)->xcr0 = value;
    step_over(vm, v, x);
}

/* No counter can be named that exists. */
void exit_rdpmc(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    (void)x;
    raise_gp(vm, v);
}

/* CPUID does not offer it: the instruction does not exist for this guest. */
void exit_undefined(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    (void)x;
    raise_fault(vm, v, VECTOR_UD, false, 0);
}

/* One of the guest's own goes on to its handler. */
void exit_exception(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    const struct vm_exit_exception *e = &x->u.exception;
    if (x->insn_len != 0) {
        step_rip(vm, v, x);
    }
    if (e->vector == VECTOR_DB) {
        dr_debug(&v->drs, e->debug);
    }
    raise_exception(v, e->vector, e->has_error_code, e->error_code);
}
