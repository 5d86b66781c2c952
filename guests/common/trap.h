/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupts, exceptions and the descriptor tables under them.
 * Spec: [SDM] vol. 3A, 3.5 (system descriptors), 6.14 (64-bit interrupt handling), 7.7 (TSS). */
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

#include <stdint.h>

#define SEL_KERNEL_CODE 0x08u
#define SEL_KERNEL_DATA 0x10u
#define SEL_USER_DATA   0x1Bu
#define SEL_USER_CODE   0x23u
#define SEL_TSS         0x28u

#define VECTOR_DIVIDE        0u
#define VECTOR_NMI           2u
#define VECTOR_UNDEFINED     6u
#define VECTOR_DOUBLE_FAULT  8u
#define VECTOR_GENERAL       13u
#define VECTOR_PAGE_FAULT    14u
#define VECTOR_MACHINE_CHECK 18u
#define VECTOR_EXCEPTIONS    32u /* the first that is none */
#define VECTOR_NONE          256u

/* In the order trap.S pushes them. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* Loads GDT, TSS and IDT. Every vector leads to trap(); `user_vector` may be raised from ring 3
 * (VECTOR_NONE: none). */
void tables_init(uint32_t user_vector);

/* To be written by the guest: handles a trap, returns the frame to resume. */
struct trap_frame *trap(struct trap_frame *f);

/* Resumes a frame out of nowhere. */
_Noreturn void trap_resume(const struct trap_frame *f);

/* "#PF" and so on. */
const char *trap_name(uint64_t vector);

/* Prints every register of the frame, and the control registers. */
void trap_print(const struct trap_frame *f);

#endif
