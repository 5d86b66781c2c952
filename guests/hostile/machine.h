/* SPDX-License-Identifier: BSD-2-Clause
 * The ground that a hostile guest stands on: descriptor tables, page tables, and the way back from
 * whatever it did to itself.
 *
 * Traffic is made in shots. A shot is a few bytes of machine code and the registers to start it with.
 * It runs under page tables in which this program is read-only, and it ends by an exception:
 * the INT3 after its last instruction, or whatever it did wrong. Every exception has a stack of its own
 * (IST), so nothing that a shot does to its own stack matters. A watchdog (two HPET comparators that
 * the I/O APIC turns into NMIs) ends a shot that halts or loops for ever.
 * Spec: [SDM] vol. 3A, 3.4.5 (descriptors), 4.5 (paging), 6.14 (64-bit interrupt handling). */
#ifndef HOSTILE_MACHINE_H
#define HOSTILE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "trap.h"

#define MIB 0x100000u
#define GIB 0x40000000ull

/* Guest-physical layout below the devices: the program, then what shots may do with as they like. */
#define SCRATCH_BASE (2u * MIB) /* code, data and stacks of shots      */
#define SCRATCH_END  (8u * MIB)
#define CODE_BASE    (2u * MIB) /* shots are put together here         */
#define CODE_BYTES   4096u      /* ... beginning in this page               */
#define STACK_TOP    (6u * MIB)
#define DATA_BASE    (7u * MIB) /* 64 KiB that shots read and write    */

/* Beyond what is mapped one to one: page tables made of noise, and page walks that lead to devices. */
#define NOISE_BASE  (2ull << 39)
#define WALK_LAPIC  (3ull << 39)
#define WALK_ABSENT (4ull << 39)
#define WALK_HIGH   (5ull << 39)
#define HUGE_BASE   (6ull << 39) /* 1 GiB pages at guest-physical 2^40 and up */

/* Segments that shots may use. */
#define SEL_USER_CODE32   0x48u
#define SEL_KERNEL_CODE32 0x50u
#define SEL_USER_CODE16   0x58u
#define SEL_TSS_SPARE     0x60u
#define SEL_CALL_GATE     0x70u
#define SEL_NOISE         0x80u /* 16 descriptors of the shot's own */
#define NOISE_ENTRIES     16u

/* What a shot touched, beyond general registers and memory, and is put right after it. */
#define TOUCH_CR    0x1u
#define TOUCH_DR    0x2u
#define TOUCH_MSR   0x4u
#define TOUCH_TR    0x8u
#define TOUCH_WATCH 0x10u /* it may halt or loop: the watchdog is armed before it */

enum world {
    WORLD_RAM,     /* RAM only: nothing that an instruction does can reach a device */
    WORLD_DEVICES, /* and devices, absent memory, the top of RAM, above 4 GiB       */
};

struct shot {
    struct trap_frame frame;
    enum world world;
    uint32_t touches; /* TOUCH_*                                            */
    uint32_t exits;   /* accesses to ports, devices and MSRs that it is made of */
    uint64_t tables;  /* CR3; 0: the world's                                */
};

/* What the flights came to. */
struct machine_counts {
    uint64_t exceptions[VECTOR_EXCEPTIONS];
    uint64_t interrupts;
    uint64_t nmis;
    uint64_t watchdog; /* shots that it ended */
};

/* Everything, once. The noise in page tables comes from random.h. */
void machine_init(void);

/* Fires: returns when it is over, with everything put right again that `touches` names. */
void machine_fire(const struct shot *s);

/* Stops periodic timers: at their shortest periods nothing else would get done. */
void machine_quiet(void);

/* The interrupt controllers and timers to a known, quiet state. */
void machine_calm(void);

/* A descriptor of the shot's own, which SEL_NOISE + 8 * n selects. @pre n < NOISE_ENTRIES */
void machine_set_noise(uint32_t n, uint64_t descriptor);

/* A gate of the shot's own in a second IDT, whose exceptions are those of the first. */
void machine_set_gate(uint32_t vector, uint64_t low, uint64_t high);
uint64_t machine_second_idt(void);
uint64_t machine_gdt(void);

/* CR3 of a world, for shots that write it. */
uint64_t machine_tables(enum world world);

/* True while program text is what was loaded. */
bool machine_text_intact(void);

const struct machine_counts *machine_counts(void);

/* A triple fault. */
_Noreturn void machine_die(void);

#endif
