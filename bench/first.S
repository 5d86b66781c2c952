/* SPDX-License-Identifier: BSD-2-Clause
 * The first instructions of the bench's bare guest: when it is. Then on as any Multiboot guest. */
        .text
        .code32
        .globl  bench_entry
bench_entry:
        movl    %eax, %esi
        rdtsc
        movl    %eax, bench_first_tsc
        movl    %edx, bench_first_tsc + 4
        movl    %esi, %eax
        jmp     boot_entry

        .data
        .balign 8
        .globl  bench_first_tsc
bench_first_tsc:
        .quad   0

        .section .note.GNU-stack, "", @progbits
