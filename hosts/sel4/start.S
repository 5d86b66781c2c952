/* SPDX-License-Identifier: BSD-2-Clause
 * Where threads begin. The kernel starts the first one with its boot information in rdi and no stack;
 * init starts a component's with its arguments in rdi and the top of this stack in rsp. */
    .section .text.start, "ax"
    .global _start
_start:
    lea stack_top(%rip), %rsp
    xor %ebp, %ebp
    call init_main
    ud2

    .global part_entry
part_entry:
    cmpl $0, 12(%rdi) /* args->restarts: the first time its memory is as new */
    je 1f
    mov %rdi, %rdx
    lea image_bss(%rip), %rdi
    lea image_system(%rip), %rcx
    sub %rdi, %rcx
    shr $3, %rcx
    xor %eax, %eax
    rep stosq
    mov %rdx, %rdi
1:  xor %ebp, %ebp
    call part_main
    ud2

    .section .bss
    .balign 4096
    .skip 4096 /* nothing lies directly below the stack */
    .skip 61440
    .global stack_top
stack_top:

    .section .note.GNU-stack, "", @progbits
