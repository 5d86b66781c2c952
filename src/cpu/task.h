/* SPDX-License-Identifier: BSD-2-Clause
 * A task switch by hardware: what its two halves share, task.c and task_load.c. Its entrances are
 * emulate_task_switch() and emu_task_switch().
 *
 * VT-x leaves task switches to the monitor as a whole, with few checks done. The first half looks at the new
 * TSS and saves the old task; what goes wrong there is the old task's fault, and nothing was changed. Then the
 * processor belongs to the new task. The second half loads what its TSS names; a fault there is the new task's.
 * Spec: [SDM] vol. 3A, chapter 8 (task management), table 8-1 (checks), 6.15 (interrupt 10); vol. 3C, 26.4.2. */
#ifndef CPU_TASK_H
#define CPU_TASK_H

#include "cpu/emulate_int.h"

#define TASK_GPRS 8u
#define TASK_SEGS 6u

/* What a TSS holds of a task, 16-bit ones with what they leave out. */
struct task_image {
    uint32_t cr3;
    uint32_t eip;
    uint32_t eflags;
    uint32_t gpr[TASK_GPRS];
    uint16_t seg[TASK_SEGS]; /* by enum seg */
    uint16_t ldt;
    bool trap; /* T: debug trap when it is switched to */
};

struct task {
    const struct vm_exit_task *why;
    uint32_t ext; /* in error codes that name a selector: 1 if the program did not ask for it */
    bool from_32; /* the old TSS has 32 bits */
    bool to_32;
    struct emu_descriptor tss; /* of the new task                      */
    struct emu_span from;      /* what is saved of the old one         */
    struct emu_span to;        /* the new TSS, as much as must be there */
    gpa_t from_type;           /* the types in their descriptors: the busy flag ... */
    gpa_t to_type;             /* ... is cleared there, or set here    */
};

/* Loads LDTR and the segment registers: the last checks. Registers hold the new task's values, and segments its
 * selectors alone. */
enum emulate_result task_load(struct emu *e, const struct task *t, const struct task_image *image);

/* What they are until then: selectors, but nothing behind them: a handler of the new task's own level finds no stack, so it
 * should be a task, as the manual says. In virtual-8086 mode they are complete. */
void task_set_selectors(struct emu *e, const struct task *t, const struct task_image *image);

#endif
