/* SPDX-License-Identifier: BSD-2-Clause
 * Into a shot and back. launch(frame, cr3) enters the frame under other page tables; the only way
 * back is an exception or the watchdog's NMI, for which trap() resumes launch_home: see machine.c.
 * Spec: [SDM] vol. 3A, 6.14 (IRET in 64-bit mode). */

        .text
        .globl  launch
launch:                                 /* void launch(const struct trap_frame *, uint64_t cr3) */
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, launch_stack
        movl    $1, launch_flying       /* from here on an NMI ends the shot */
        cmpl    $0, launch_nmi          /* ... and one that came before it, too */
        jne     launch_home
        movq    %rdi, %rax
        movq    %rsi, %cr3
        jmp     trap_resume_rax

        .globl  launch_home
launch_home:                            /* RSP is launch_stack */
        movl    $0, launch_flying
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret

        .section .note.GNU-stack, "", @progbits
