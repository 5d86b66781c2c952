/* SPDX-License-Identifier: BSD-2-Clause
 * What C cannot say: the entrance from a Multiboot 1 loader, the tasks' first instructions, and the handlers of faults.
 * Spec: Multiboot 0.6.96, 3.1 and 3.2; [SDM] vol. 3A, chapter 8. */

#define MB_MAGIC 0x1BADB002

        .section .multiboot, "a"
        .balign 4
        .long   MB_MAGIC
        .long   0
        .long   -MB_MAGIC

        .text
        .code32
        .globl  boot_entry
boot_entry:
        cli
        cld
        movl    $boot_stack_top, %esp
        pushl   %ebx                    /* the boot information */
        call    guest_main
1:      hlt
        jmp     1b

/* What a task found in its registers, in the order of a TSS. */
        .macro  note
        movl    %eax, task_gpr
        movl    %ecx, task_gpr + 4
        movl    %edx, task_gpr + 8
        movl    %ebx, task_gpr + 12
        movl    %esp, task_gpr + 16
        movl    %ebp, task_gpr + 20
        movl    %esi, task_gpr + 24
        movl    %edi, task_gpr + 28
        pushfl
        popl    task_eflags
        .endm

/* Tasks that were jumped to, called (or asked by an interrupt), and told an error code. Each time they are
 * switched to they go on behind what they left with. */
        .globl  task_jumped, task_called, task_told
task_jumped:
        note
        call    task_body
        ljmp    *task_back
        jmp     task_jumped
task_called:
        note
        call    task_body
        iret
        jmp     task_called
task_told:
        popl    task_code
        note
        call    task_body
        cmpl    $0, task_leaves
        jne     1f
        iret
        jmp     task_told
1:      ljmp    *task_back
        jmp     task_told

/* The task of a 16-bit TSS, in a segment that begins at low_base, with a stack of 16 bits: calls and jumps
 * stay within it. DS is flat. */
        .globl  low_base, low_entry
low_base:
low_entry:
        movl    %eax, task_gpr
        movl    %ecx, task_gpr + 4
        movl    %edx, task_gpr + 8
        movl    %ebx, task_gpr + 12
        movl    %esp, task_gpr + 16
        movl    %ebp, task_gpr + 20
        movl    %esi, task_gpr + 24
        movl    %edi, task_gpr + 28
        pushfl
        popl    task_eflags
        str     task_tr
        movw    %fs, task_fs
        movl    $0x5EED1234, %ebx
        iret
        jmp     low_entry

/* bool switch_by_X(const struct far *to): goes, and comes back with true if no register was lost. */
        .macro  switcher name, instruction:vararg
        .globl  \name
\name:
        pushal
        movl    36(%esp), %edx
        movl    $0x11111111, %ebx
        movl    $0x22222222, %esi
        movl    $0x33333333, %edi
        movl    $0x44444444, %ebp
        movl    $0x55555555, %ecx
        movl    %esp, switch_esp
        \instruction
        cmpl    %esp, switch_esp
        jne     9f
        cmpl    $0x11111111, %ebx
        jne     9f
        cmpl    $0x22222222, %esi
        jne     9f
        cmpl    $0x33333333, %edi
        jne     9f
        cmpl    $0x44444444, %ebp
        jne     9f
        cmpl    $0x55555555, %ecx
        jne     9f
        popal
        movl    $1, %eax
        ret
9:      movl    switch_esp, %esp
        popal
        xorl    %eax, %eax
        ret
        .endm

        switcher switch_by_jmp, ljmp *(%edx)
        switcher switch_by_call, lcall *(%edx)
        switcher switch_by_int, int $0x40
        /* The handler's task lets it go on behind the instruction, which has two bytes. */
        switcher switch_by_fault, movl %edx, %ds

/* void step(what): does it, and comes back here if it faults. */
        .macro  stepper name, instruction:vararg
        .globl  \name
\name:
        pushal
        movl    36(%esp), %edx
        movl    %esp, trap_esp
        movl    $1f, trap_resume
        \instruction
1:      movl    trap_esp, %esp
        popal
        ret
        .endm

        stepper try_jmp, ljmp *(%edx)
        stepper try_iret_nested, call iret_nested
iret_nested:
        pushfl
        orl     $0x4000, (%esp) /* NT */
        popfl
        iret

/* Faults that no task handles: noted, and left behind. */
        .macro  fault vector, coded
fault_\vector:
        .if     \coded == 0
        pushl   $0
        .endif
        pushl   $\vector
        jmp     fault_common
        .endm

        .altmacro
        .set    n, 0
        .rept   32
        .if     n == 8 || (n >= 10 && n <= 14) || n == 17
        fault   %n, 1
        .else
        fault   %n, 0
        .endif
        .set    n, n + 1
        .endr

/* The stack is this level's; it is given up for the one that was kept. Of a virtual-8086 task only that it came. */
fault_common:
        pushl   %eax
        movw    %ss, %ax
        movw    %ax, %ds
        movw    %ax, %es
        popl    %eax
        popl    trap_vector
        popl    trap_code
        popl    trap_eip
        popl    trap_cs
        popl    trap_eflags
        str     trap_tr
        testl   $0x20000, trap_eflags
        jnz     1f
        movl    trap_eflags, %eax
        andl    $~0x4000, %eax  /* NT was for IRET */
        pushl   %eax
        popfl
        movl    trap_esp, %esp
        jmp     *trap_resume
1:      ljmp    *task_back

        .macro  address vector
        .long   fault_\vector
        .endm

        .section .rodata
        .balign 4
        .globl  fault_table
fault_table:
        .set    n, 0
        .rept   32
        address %n
        .set    n, n + 1
        .endr

        .bss
        .balign 16
        .skip   8192
boot_stack_top:
        .section .note.GNU-stack, "", @progbits
