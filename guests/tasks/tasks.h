/* SPDX-License-Identifier: BSD-2-Clause
 * The world that the tests of task switches live in: descriptors, TSSs, address spaces, and what start.S shares.
 * Spec: [SDM] vol. 3A, 8.2 (TSS and its gate), 4.3 and 4.4 (paging). */
#ifndef TASKS_H
#define TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Selectors. */
#define CODE        0x08u
#define DATA        0x10u
#define MAIN        0x18u /* TSSs */
#define OTHER       0x20u
#define SMALL       0x28u /* of 16 bits */
#define HELPER      0x30u
#define ABSENT      0x38u
#define SHORT       0x40u
#define GATE        0x48u /* to OTHER */
#define LOW_CODE    0x50u
#define LOW_STACK   0x58u
#define ABSENT_DATA 0x60u
#define DATA_3      0x68u
#define LDT         0x70u
#define NOWHERE     0xF8u

#define TYPE_BUSY 0x02u

#define VECTOR_DB  1u
#define VECTOR_DF  8u
#define VECTOR_TS  10u
#define VECTOR_NP  11u
#define VECTOR_SS  12u
#define VECTOR_GP  13u
#define VECTOR_INT 0x40u
#define VECTOR_IRQ 0x41u

struct tss {
    uint32_t link;
    uint32_t esp0, ss0, esp1, ss1, esp2, ss2;
    uint32_t cr3, eip, eflags;
    uint32_t gpr[8];
    uint32_t seg[6];
    uint32_t ldt;
    uint16_t trap, map;
};

struct tss_16 {
    uint16_t link;
    uint16_t sp0, ss0, sp1, ss1, sp2, ss2;
    uint16_t ip, flags;
    uint16_t gpr[8];
    uint16_t seg[4];
    uint16_t ldt;
};

struct far {
    uint32_t offset;
    uint16_t selector;
};

enum paging {
    PAGING_OFF,
    PAGING_32,
    PAGING_PAE,
};

extern struct tss main_tss, other_tss, helper_tss;
extern struct tss_16 small_tss;

/* A page that is another one in the second address space: what its first word says. */
#define PROBE        0x40000000u
#define PROBE_FIRST  0x1111u
#define PROBE_SECOND 0x2222u

/* Tables as at the start, and TR. */
void world_reset(enum paging paging);
/* Switches paging to that, in the first address space. */
void world_paging(enum paging paging);

uint8_t world_type(uint16_t selector); /* of a descriptor, with S */
void world_free(uint16_t tss);         /* no longer busy */
void world_task_gate(uint8_t vector, uint16_t tss);
void world_no_gate(uint8_t vector);

/* start.S */
void task_jumped(void);
void task_called(void);
void task_told(void);
extern const uint8_t low_base[];
bool switch_by_jmp(const struct far *to);
bool switch_by_call(const struct far *to);
bool switch_by_int(const struct far *unused);
bool switch_by_fault(const struct far *selector);
void try_jmp(const struct far *to);
void try_iret_nested(const struct far *unused);
extern const uint32_t fault_table[32];

/* main.c, for start.S */
void guest_main(const uint32_t *boot_info);
void task_body(void);
extern volatile uint32_t task_gpr[8], task_eflags, task_code, task_tr, task_leaves;
extern volatile uint16_t task_fs;
extern struct far task_back;
extern volatile uint32_t switch_esp, trap_esp, trap_resume;
extern volatile uint32_t trap_vector, trap_code, trap_eip, trap_cs, trap_eflags, trap_tr;

#endif
