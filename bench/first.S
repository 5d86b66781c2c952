/* SPDX-License-Identifier: BSD-2-Clause
 * The first instructions of the bench's bare guest: when it is, then what some exits cost without
 * paging, where KVM needs no page walk to look at an instruction. Then on as any Multiboot guest. */

#define SAMPLES      200

/* The least TSC difference over SAMPLES of an instruction, less that of no instruction. */
        .macro  least slot, insn
        movl    $SAMPLES, %ebp
        movl    $-1, %esi
1:      lfence
        rdtsc
        movl    %eax, %edi
        \insn
        lfence
        rdtsc
        subl    %edi, %eax
        cmpl    %eax, %esi
        cmovael %eax, %esi
        decl    %ebp
        jnz     1b
        subl    bench_flat, %esi
        movl    %esi, bench_flat + 4 * \slot
        .endm

        .text
        .code32
        .globl  bench_entry
bench_entry:
        movl    %eax, bench_kept
        movl    %ebx, bench_kept + 4
        rdtsc
        movl    %eax, bench_first_tsc
        movl    %edx, bench_first_tsc + 4
        least   0, "nop"
        least   1, "xorl %eax, %eax; movl $0x3FF, %edx; outb %al, %dx"
        least   2, "movl $0x3FF, %edx; inb %dx, %al"
        least   3, "movl $1, 0xD0000000"
        least   4, "movl 0xD0000000, %eax"
        least   5, "movl $0, 0xFEE000B0"
        least   6, "xorl %eax, %eax; cpuid"
        movl    bench_kept, %eax
        movl    bench_kept + 4, %ebx
        jmp     boot_entry

        .data
        .balign 8
        .globl  bench_first_tsc
bench_first_tsc:
        .quad   0
        .globl  bench_flat
bench_flat:
        .fill   8, 4, 0
bench_kept:
        .quad   0

        .section .note.GNU-stack, "", @progbits
