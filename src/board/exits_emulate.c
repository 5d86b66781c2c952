/* SPDX-License-Identifier: BSD-2-Clause
 * Exits of raw hosts that need the emulator: accesses to devices, and I/O instructions. */
#include "base/bits.h"
#include "base/le.h"
#include "board/exits_int.h"
#include "cpu/emulate.h"

#define CPUID_LAST          0x80000000u /* EAX: the last extended leaf */
#define CPUID_EXTENDED      0x80000001u /* EDX: features           */
#define CPUID_EDX_PAGES_1G  BIT32(26)
#define CPUID_ADDRESS_SIZES 0x80000008u /* EAX, low byte: MAXPHYADDR */
#define CPUID_END           0x90000000u
#define PHYS_BITS_UNTOLD    36u /* [SDM] vol. 3A, 4.1.4 */

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

static uint64_t port_read(void *owner, gpa_t port, uint32_t size)
{
    struct vm *vm = owner;
    return bus_read(&vm->bus, BUS_PIO, port, size, vm->now);
}

static void port_write(void *owner, gpa_t port, uint32_t size, uint64_t val)
{
    struct vm *vm = owner;
    bus_write(&vm->bus, BUS_PIO, port, size, val, vm->now);
}

/* MAXPHYADDR and 1 GiB pages are the processor's own, whatever CPUID tells the guest. A leaf beyond the
 * last is that of something else, on Intel's. */
static void emulate_ask_cpu(struct vm *vm, struct emulate_vcpu *e)
{
    struct cpuid_leaf last = {.leaf = CPUID_LAST};
    struct cpuid_leaf features = {.leaf = CPUID_EXTENDED};
    struct cpuid_leaf sizes = {.leaf = CPUID_ADDRESS_SIZES};
    if (vm->w.cpuid == NULL) {
        return;
    }
    vm->w.cpuid(vm->w.host, &last);
    const uint32_t end = last.eax < CPUID_END ? last.eax : 0;
    e->lacks_1g = true;
    e->phys_bits = PHYS_BITS_UNTOLD;
    if (end >= CPUID_EXTENDED) {
        vm->w.cpuid(vm->w.host, &features);
        e->lacks_1g = (features.edx & CPUID_EDX_PAGES_1G) == 0;
    }
    if (end >= CPUID_ADDRESS_SIZES) {
        vm->w.cpuid(vm->w.host, &sizes);
        e->phys_bits = (uint8_t)(sizes.eax & 0xFFu);
    }
}

void exits_emulate_init(struct vm *vm)
{
    vm->devices = (struct emulate_bus){.read = device_read, .write = device_write, .owner = vm};
    vm->ports = (struct emulate_bus){.read = port_read, .write = port_write, .owner = vm};
    for (uint32_t i = 0; i < VM_VCPUS_MAX; i++) {
        struct vcpu *v = &vm->vcpu[i];
        v->emulated = (struct emulate_vcpu){
            .cache = &v->cache,
            .source = &vm->w.regs,
            .gmem = &vm->w.mem,
            .bus = &vm->devices,
            .vcpu = i,
            .ports = &vm->ports,
            .memo = &v->memo,
        };
        emulate_ask_cpu(vm, &v->emulated);
    }
}

static void emulated_fault(struct vm *vm, struct vcpu *v, const struct emulate_report *r)
{
    if (r->vector == VECTOR_PF) {
        regs_edit(&v->cache, &vm->w.regs, 0, REGS_SYS)->cr2 = r->cr2;
    }
    vm->counts.emulated_faults++;
    raise_fault(vm, v, r->vector, r->has_code, r->error_code);
}

/* What comes after an instruction, or before the first one of a new task. */
static void emulated_trap(struct vcpu *v, const struct emulate_report *r)
{
    uint64_t reasons = (r->trap ? DR6_BS : 0) | (r->task_trap ? DR6_BT : 0);
    if (reasons != 0) {
        dr_debug(&v->drs, reasons);
        raise_exception(v, VECTOR_DB, false, 0);
    }
}

/* What the emulator says, as something to inject or an end that a person can understand. */
static void emulated(struct vm *vm, struct vcpu *v, enum emulate_result result,
                     const struct emulate_report *r)
{
    static const char *const ends[EMULATE_RESULTS] = {
        [EMULATE_FAULT] = "a page fault of an emulated instruction: this host cannot set CR2",
        [EMULATE_NO_CODE] = "a device access whose instruction is not in RAM",
        [EMULATE_UNSUPPORTED] = "a device access by an instruction that is not emulated",
        [EMULATE_ELSEWHERE] =
            "a page walk, a task switch, or the stack of an event, that leads to a device",
        [EMULATE_NO_VECTOR] = "a device access by a vector register: this host cannot give those",
    };
    const bool no_cr2 = vm->w.regs.fixed_cr2 && r->vector == VECTOR_PF;
    if (result == EMULATE_AGAIN) {
        return;
    }
    if (r->switched) {
        dr_task_switch(&v->drs);
        v->irq_flag = (v->cache.regs.rflags & RFLAGS_IF) != 0;
        v->irq_ready = v->irq_ready && v->irq_flag;
    }
    v->nmi_unblock = v->nmi_unblock || r->nmi_unblock;
    if (result == EMULATE_DONE) {
        vm->counts.emulated++;
        /* POPF: what the host said about IF was before it. */
        v->irq_flag = (v->cache.regs.rflags & RFLAGS_IF) != 0;
        v->irq_ready = v->irq_ready && v->irq_flag;
        if (r->shadow) {
            v->shadow = true;
            v->irq_ready = false;
            v->nmi_ready = false;
        }
        emulated_trap(v, r);
    } else if (result == EMULATE_FAULT && !no_cr2) {
        emulated_fault(vm, v, r);
    } else {
        vm->counts.not_emulated++;
        board_end(vm, VM_END_EMULATION, 0, ends[result]);
        vm->outcome.detail[0] = r->rip;
        vm->outcome.detail[1] = le_load(r->bytes, 8); /* the instruction's first bytes */
        vm->outcome.detail[2] = no_cr2 ? r->cr2 : r->operand;
        vm->outcome.detail[3] = le_load(r->bytes + 8, 7);
    }
}

/* A device access that the host did not decode: fetch, decode, emulate. */
void exit_ept(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    struct emulate_report report;
    enum emulate_result result = emulate_mmio(&v->emulated, x->u.ept.gpa, &report);
    emulated(vm, v, result, &report);
}

/* Exceptions that make a double fault of a second one. */
static bool is_contributory(uint8_t vector)
{
    return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

/* A fault while the processor delivers an exception of its own. [SDM] vol. 3A, table 6-5 */
static bool is_double(uint8_t first, uint8_t second)
{
    if (first == VECTOR_PF || first == VECTOR_DF) {
        return second == VECTOR_PF || is_contributory(second);
    }
    return is_contributory(first) && is_contributory(second);
}

/* A task switch, and what becomes of the event that asked for it if it fails. */
void exit_task(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    const struct vm_exit_task *t = &x->u.task;
    struct emulate_report r;
    enum emulate_result result = emulate_task_switch(&v->emulated, t, &r);
    const bool during = result == EMULATE_FAULT && t->source == VM_TASK_GATE && t->exception;
    if (during && is_double(t->vector, r.vector)) {
        if (t->vector == VECTOR_DF) {
            board_end(vm, VM_END_TRIPLE_FAULT, 0, NULL);
            return;
        }
        r.vector = VECTOR_DF;
        r.has_code = true;
        r.error_code = 0;
    }
    emulated(vm, v, result, &r);
}

/* An I/O instruction that the host did not decode. */
void exit_pio_raw(struct vm *vm, struct vcpu *v, struct vm_exit *x)
{
    const struct vm_exit_pio_raw *p = &x->u.pio_raw;
    if (p->string) {
        /* What to repeat and where memory is, the instruction says. */
        struct emulate_report report;
        enum emulate_result result = emulate_port_string(&v->emulated, &report);
        emulated(vm, v, result, &report);
        return;
    }
    struct vcpu_regs *regs = regs_edit(&v->cache, &vm->w.regs, 0, REGS_GPR);
    uint64_t *rax = &regs->gpr[GPR_RAX];
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
