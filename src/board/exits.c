/* SPDX-License-Identifier: BSD-2-Clause
 * What came out of the guest, one function per kind of exit. */
#include "base/assert.h"
#include "base/bits.h"
#include "base/le.h"
#include "board/vm.h"
#include "board/vm_state.h"
#include "cpu/emulate.h"

#define VECTOR_DB 1u
#define VECTOR_UD 6u
#define VECTOR_GP 13u
#define VECTOR_PF 14u

typedef void exit_fn(struct vm *vm, struct vcpu *v, struct vm_exit *x);

/* Raw hosts leave RIP at the instruction; KVM steps over it by itself. */
static void step_over(struct vm *vm, struct vcpu *v, const struct vm_exit *x)
{
    if (x->raw) {
        regs_edit(&v->cache, &vm->w.regs, 0, REGS_GPR)->rip += x->insn_len;
    }
}

static void raise_exception(struct vcpu *v, uint8_t vector, bool has_code, uint32_t code)
{
    v->exception_pending = true;
    v->exception_vector = vector;
    v->exception_has_code = has_code;
    v->exception_code = code;
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
    step_over(vm, v, x); /* guest RAM is coherent, and no device sees caches */
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

/* An I/O instruction that the host did not decode. */
static void exit_pio_raw(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    const struct vm_exit_pio_raw *p = &x->u.pio_raw;
    if (p->string) {
        board_end(vm, VM_END_EMULATION, p->port, "string I/O that the host did not decode");
        return;
    }
    uint64_t *rax = &regs_edit(&v->cache, &vm->w.regs, 0, REGS_GPR)->gpr[GPR_RAX];
    if (p->write) {
        bus_write(&vm->bus, BUS_PIO, p->port, p->size, *rax & ones_bytes(p->size), vm->now);
    } else {
        uint64_t in = bus_read(&vm->bus, BUS_PIO, p->port, p->size, vm->now);
        /* A 32-bit result clears the upper half, narrower ones leave it: [SDM] vol. 1, 3.4.1.1 */
        uint64_t kept = p->size == 4u ? 0 : *rax & ~ones_bytes(p->size);
        *rax = kept | in;
    }
    step_over(vm, v, x);
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

static bool has_tsc_deadline(const struct vm *vm)
{
    return board_has(vm, SYSTEM_DEV_LAPIC) && vm->w.tsc_deadline;
}

/* MSRs of the local APIC are chip registers, the TSC is the host's; the rest is policy. */
static bool read_msr(struct vm *vm, uint32_t index, uint64_t *value)
{
    if (index == LAPIC_MSR_BASE && board_has(vm, SYSTEM_DEV_LAPIC)) {
        *value = lapic_base_msr(&vm->lapic);
        return true;
    }
    if (index == LAPIC_MSR_TSC_DEADLINE && has_tsc_deadline(vm)) {
        *value = lapic_tsc_deadline(&vm->lapic, vm->tsc);
        return true;
    }
    if (index == MSR_TSC) {
        *value = vm->tsc;
        return true;
    }
    return msr_read(&vm->msrs, index, value) == MSR_DONE;
}

static bool write_msr(struct vm *vm, uint32_t index, uint64_t value)
{
    if (index == LAPIC_MSR_BASE && board_has(vm, SYSTEM_DEV_LAPIC)) {
        bus_stir(&vm->bus);
        return lapic_set_base_msr(&vm->lapic, value, vm->now);
    }
    if (index == LAPIC_MSR_TSC_DEADLINE && has_tsc_deadline(vm)) {
        bus_stir(&vm->bus);
        lapic_set_tsc_deadline(&vm->lapic, value, vm->now);
        return true;
    }
    if (index == MSR_TSC) {
        return true; /* without effect: guest time, and every deadline, stand on it */
    }
    return msr_write(&vm->msrs, index, value) == MSR_DONE;
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
        raise_exception(v, VECTOR_GP, true, 0);
    } else {
        v->irq_ready = false;
    }
}

static void exit_rdmsr(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    struct vm_exit_msr *m = &x->u.msr;
    m->fault = !read_msr(vm, m->index, &m->value);
    if (m->fault) {
        vm->counts.refused_msr_reads++;
        vm->counts.last_refused_msr = m->index;
    } else if (x->raw) {
        set_edx_eax(regs_edit(&v->cache, &vm->w.regs, 0, REGS_GPR), m->value);
    }
    msr_finish(vm, v, x);
}

static void exit_wrmsr(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    struct vm_exit_msr *m = &x->u.msr;
    if (x->raw) {
        m->value = edx_eax(regs_view(&v->cache, &vm->w.regs, 0, REGS_GPR));
    }
    m->fault = !write_msr(vm, m->index, m->value);
    if (m->fault) {
        vm->counts.refused_msr_writes++;
        vm->counts.last_refused_msr = m->index;
    }
    msr_finish(vm, v, x);
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

static uint64_t device_read(void *owner, gpa_t gpa, uint32_t size)
{
    struct vm *vm = owner;
    return bus_read(&vm->bus, BUS_MMIO, gpa, size, vm->now);
}

static void device_write(void *owner, gpa_t gpa, uint32_t size, uint64_t val)
{
    struct vm *vm = owner;
    bus_write(&vm->bus, BUS_MMIO, gpa, size, val, vm->now);
}

/* What the emulator says, as something to inject or an end that a person can understand. */
static void emulated(struct vm *vm, struct vcpu *v, enum emulate_result result,
                     const struct emulate_report *r)
{
    static const char *const ends[] = {
        [EMULATE_NO_CODE] = "a device access whose instruction is not in RAM",
        [EMULATE_UNSUPPORTED] = "a device access by an instruction that is not emulated",
        [EMULATE_ELSEWHERE] = "a page walk or a stack that leads to a device",
    };
    if (result == EMULATE_DONE) {
        if (r->trap) {
            raise_exception(v, VECTOR_DB, false, 0);
        }
    } else if (result == EMULATE_FAULT) {
        if (r->vector == VECTOR_PF) {
            regs_edit(&v->cache, &vm->w.regs, 0, REGS_SYS)->cr2 = r->cr2;
        }
        raise_exception(v, r->vector, true, r->error_code);
    } else {
        board_end(vm, VM_END_EMULATION, 0, ends[result]);
        vm->outcome.detail[0] = r->rip;
        vm->outcome.detail[1] = le_load(r->bytes, 8); /* the instruction's first bytes */
        vm->outcome.detail[2] = r->operand;
    }
}

/* A device access that the host did not decode: fetch, decode, emulate. */
static void exit_ept(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    const struct emulate_bus bus = {.read = device_read, .write = device_write, .owner = vm};
    const struct emulate_vcpu cpu = {
        .cache = &v->cache,
        .source = &vm->w.regs,
        .gmem = &vm->w.mem,
        .bus = &bus,
    };
    struct emulate_report report = {.vector = 0};
    enum emulate_result result = emulate_mmio(&cpu, x->u.ept.gpa, &report);
    emulated(vm, v, result, &report);
}

/* CPUID on a raw host: what the host's processor says, through the policy. */
static void exit_cpuid(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    struct vcpu_regs *r = regs_edit(&v->cache, &vm->w.regs, 0, REGS_GPR);
    struct cpuid_leaf leaf = {
        .leaf = (uint32_t)r->gpr[GPR_RAX],
        .subleaf = (uint32_t)r->gpr[GPR_RCX],
    };
    struct cpuid_policy policy = vm_cpuid_policy(&vm->w);
    if (vm->w.cpuid != NULL) {
        vm->w.cpuid(vm->w.host, &leaf);
    }
    cpuid_apply(&policy, &leaf);
    r->gpr[GPR_RAX] = leaf.eax;
    r->gpr[GPR_RBX] = leaf.ebx;
    r->gpr[GPR_RCX] = leaf.ecx;
    r->gpr[GPR_RDX] = leaf.edx;
    step_over(vm, v, x);
}

/* MOV to and from CR8 on a raw host. CR0, CR3 and CR4 are the guest's own on every host so far; an
 * exit for one of them is the host's mistake, and the guest must not go on with a wrong value. */
static void exit_cr(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    const struct vm_exit_cr *c = &x->u.cr;
    if (c->cr != 8u || !board_has(vm, SYSTEM_DEV_LAPIC)) {
        board_end(vm, VM_END_EMULATION, c->cr, "access to a control register that is not virtual");
        return;
    }
    struct vcpu_regs *r = regs_edit(&v->cache, &vm->w.regs, 0, REGS_GPR);
    uint64_t *gpr = &r->gpr[c->gpr % GPR_COUNT];
    if (!c->write) {
        *gpr = lapic_cr8(&vm->lapic);
    } else if (*gpr > 15u) {
        raise_exception(v, VECTOR_GP, true, 0);
        return;
    } else {
        lapic_set_cr8(&vm->lapic, (uint8_t)*gpr);
    }
    step_over(vm, v, x);
}

/* XSETBV on a raw host. XCR0 must keep x87, AVX needs SSE. [SDM] vol. 1, 13.3 */
static void exit_xsetbv(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    struct vcpu_regs *r = regs_edit(&v->cache, &vm->w.regs, 0, REGS_ALL);
    uint64_t value = edx_eax(r);
    bool legal = (uint32_t)r->gpr[GPR_RCX] == 0 && (value & XCR0_X87) != 0 &&
                 (value & ~XCR0_KNOWN) == 0 && ((value & XCR0_AVX) == 0 || (value & XCR0_SSE) != 0);
    if (!legal) {
        raise_exception(v, VECTOR_GP, true, 0);
        return;
    }
    r->xcr0 = value;
    step_over(vm, v, x);
}

/* There are no hypercalls: the instruction does not exist for this guest. */
static void exit_vmcall(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    (void)vm;
    (void)x;
    raise_exception(v, VECTOR_UD, false, 0);
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
    [VM_EXIT_XSETBV] = exit_xsetbv,
    [VM_EXIT_VMCALL] = exit_vmcall,
    [VM_EXIT_WBINVD] = exit_wbinvd,
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
