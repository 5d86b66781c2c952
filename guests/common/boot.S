/* SPDX-License-Identifier: BSD-2-Clause
 * From a Multiboot 1 loader to guest_main() in long mode.
 *
 * On entry: 32-bit protected mode, paging off, EAX the magic number, EBX the boot information.
 * The first 4 GiB are mapped one to one with 2 MiB pages; interrupts are off; there is no IDT.
 * BOOT_ADDRESS_FIELDS adds the address fields to the header, so that a loader which knows nothing
 * of ELF64 can load the file as a flat image.
 * Spec: Multiboot 0.6.96, 3.1 and 3.2; [SDM] vol. 3A, 9.8.5 (entering long mode). */

#define MB_MAGIC       0x1BADB002
#define MB_BOOT_MAGIC  0x2BADB002
#define MB_PAGE_ALIGN  0x00000001
#define MB_MEMORY_INFO 0x00000002
#define MB_ADDRESSES   0x00010000

#ifdef BOOT_ADDRESS_FIELDS
#define MB_FLAGS (MB_PAGE_ALIGN | MB_MEMORY_INFO | MB_ADDRESSES)
#else
#define MB_FLAGS (MB_PAGE_ALIGN | MB_MEMORY_INFO)
#endif

#define CR4_PAE  (1 << 5)
#define CR0_PG   (1 << 31)
#define MSR_EFER 0xC0000080
#define EFER_LME (1 << 8)
#define PTE_TABLE 0x003 /* present, writable           */
#define PTE_LARGE 0x083 /* present, writable, 2 MiB    */
#define COM1      0x3F8

        .section .multiboot, "a"
        .balign 4
multiboot_header:
        .long   MB_MAGIC
        .long   MB_FLAGS
        .long   -(MB_MAGIC + MB_FLAGS)
#ifdef BOOT_ADDRESS_FIELDS
        .long   multiboot_header
        .long   image_start
        .long   image_load_end
        .long   image_end
        .long   boot_entry
#endif

        .text
        .code32
        .globl  boot_entry
boot_entry:
        cli
        cld
        movl    $boot_stack_top, %esp
        movl    %eax, %edi              /* first argument of guest_main  */
        movl    %ebx, %esi              /* second argument               */
        cmpl    $MB_BOOT_MAGIC, %eax
        jne     boot_refuse
        movl    $0x80000000, %eax
        cpuid
        cmpl    $0x80000001, %eax
        jb      boot_refuse
        movl    $0x80000001, %eax
        cpuid
        testl   $(1 << 29), %edx        /* long mode */
        jz      boot_refuse

        movl    $boot_pdpt + PTE_TABLE, boot_pml4
        movl    $boot_pd + PTE_TABLE, %eax
        xorl    %ecx, %ecx
1:      movl    %eax, boot_pdpt(, %ecx, 8)
        addl    $4096, %eax
        incl    %ecx
        cmpl    $4, %ecx
        jb      1b
        movl    $PTE_LARGE, %eax
        xorl    %ecx, %ecx
2:      movl    %eax, boot_pd(, %ecx, 8)
        addl    $0x200000, %eax
        incl    %ecx
        cmpl    $2048, %ecx             /* 4 GiB */
        jb      2b

        movl    %cr4, %eax
        orl     $CR4_PAE, %eax
        movl    %eax, %cr4
        movl    $boot_pml4, %eax
        movl    %eax, %cr3
        movl    $MSR_EFER, %ecx
        rdmsr
        orl     $EFER_LME, %eax
        wrmsr
        movl    %cr0, %eax
        orl     $CR0_PG, %eax
        movl    %eax, %cr0
        lgdt    boot_gdt_pointer
        ljmp    $8, $boot_long

/* Nothing works yet: say it on COM1 as it is, and stop. */
boot_refuse:
        movl    $boot_refusal, %esi
        movw    $COM1, %dx
3:      lodsb
        testb   %al, %al
        jz      4f
        outb    %al, %dx
        jmp     3b
4:      hlt
        jmp     4b

        .code64
boot_long:
        movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movl    $boot_stack_top, %esp
        movl    %edi, %edi              /* the upper halves are undefined after the switch */
        movl    %esi, %esi
        xorl    %ebp, %ebp
        call    guest_main
5:      cli
        hlt
        jmp     5b

        .section .rodata
        .balign 8
boot_gdt:
        .quad   0
        .quad   0x00AF9A000000FFFF      /* 8: 64-bit code */
        .quad   0x00CF92000000FFFF      /* 16: data       */
boot_gdt_pointer:
        .word   boot_gdt_pointer - boot_gdt - 1
        .long   boot_gdt
boot_refusal:
        .asciz  "boot: needs a Multiboot 1 loader and a 64-bit processor\r\n"

        .bss
        .balign 4096
boot_pml4:
        .skip   4096
boot_pdpt:
        .skip   4096
boot_pd:
        .skip   4 * 4096
        .skip   16384
boot_stack_top:

        .section .note.GNU-stack, "", @progbits
