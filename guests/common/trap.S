/* SPDX-License-Identifier: BSD-2-Clause
 * One entry for every vector: build a struct trap_frame, call trap(), resume the frame it returns.
 *
 * trap() gets the frame on the stack and returns the frame to resume, which may lie anywhere: the
 * stack pointer is pointed at it and everything is popped. Interrupts stay off meanwhile; NMI and
 * the like have their own stacks (tables.c), so nothing can be pushed over a frame being popped.
 * Spec: [SDM] vol. 3A, 6.14 (interrupts and exceptions in 64-bit mode). */

        .text
        .balign 16
        .globl  trap_stubs
trap_stubs:                             /* 16 bytes each: trap_stubs + 16 * vector */
        .set    vector, 0
        .rept   256
        .balign 16
        .set    has_error, (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17)
        .set    has_error, has_error || (vector == 21) || (vector == 29) || (vector == 30)
        .if     !has_error
        pushq   $0                      /* in its place */
        .endif
        pushq   $vector
        jmp     trap_common
        .set    vector, vector + 1
        .endr

trap_common:
        pushq   %rax
        pushq   %rbx
        pushq   %rcx
        pushq   %rdx
        pushq   %rbp
        pushq   %rsi
        pushq   %rdi
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, %rdi
        cld
        call    trap
        .globl  trap_resume_rax
trap_resume_rax:
        movq    %rax, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rdi
        popq    %rsi
        popq    %rbp
        popq    %rdx
        popq    %rcx
        popq    %rbx
        popq    %rax
        addq    $16, %rsp               /* vector and error code */
        iretq

/* void trap_resume(const struct trap_frame *): the first frame, with nothing to come back to. */
        .globl  trap_resume
trap_resume:
        movq    %rdi, %rax
        jmp     trap_resume_rax

        .section .note.GNU-stack, "", @progbits
