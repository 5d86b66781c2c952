/* SPDX-License-Identifier: BSD-2-Clause
 * What the files that deal with exits share: exits.c, exits_cpu.c, exits_emulate.c. */
#ifndef BOARD_EXITS_INT_H
#define BOARD_EXITS_INT_H

#include "board/vm.h"
#include "board/vm_state.h"

#define VECTOR_DE 0u
#define VECTOR_DB 1u
#define VECTOR_UD 6u
#define VECTOR_DF 8u
#define VECTOR_TS 10u
#define VECTOR_GP 13u
#define VECTOR_PF 14u

typedef void exit_fn(struct vm *vm, struct vcpu *v, struct vm_exit *x);

static inline void raise_exception(struct vcpu *v, uint8_t vector, bool has_code, uint32_t code)
{
    v->exception_pending = true;
    v->exception_vector = vector;
    v->exception_has_code = has_code;
    v->exception_code = code;
}

/* exits.c: the instruction faults. What is injected pushes RFLAGS as they are, so RF is set before, as the
 * processor does for any fault but an instruction breakpoint's. [SDM] vol. 3B, 17.3.1.1; vol. 3C, 27.6.1.1 */
void raise_fault(struct vm *vm, struct vcpu *v, uint8_t vector, bool has_code, uint32_t code);

/* exits.c: the instruction is done. Raw hosts leave RIP at it; KVM steps over it by itself. */
void step_over(struct vm *vm, struct vcpu *v, const struct vm_exit *x);
/* The same on a raw host, without the trap that single-stepping has after it. */
void step_rip(struct vm *vm, struct vcpu *v, const struct vm_exit *x);

/* RFLAGS.TF was set: the trap that comes after the instruction. */
static inline void single_step(struct vcpu *v)
{
    dr_debug(&v->drs, DR6_BS);
    raise_exception(v, VECTOR_DB, false, 0);
}

/* exits_cpu.c: instructions that the processor's policy answers. */
exit_fn exit_cpuid, exit_rdmsr, exit_wrmsr, exit_cr, exit_dr, exit_xsetbv, exit_rdpmc,
    exit_undefined, exit_exception;

/* exits_emulate.c: accesses that the host did not decode, and task switches. */
exit_fn exit_ept, exit_pio_raw, exit_task;

/* Wires the emulator: devices, registers, memory, and what the host's CPUID says. At set-up. */
void exits_emulate_init(struct vm *vm);

#endif
