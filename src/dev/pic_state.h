/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the 8259A pair's state: for pic.c, the board and tests. */
#ifndef DEV_PIC_STATE_H
#define DEV_PIC_STATE_H

#include <stdint.h>

#include "dev/pic.h"

#define PIC_CHIPS  2u
#define PIC_MASTER 0u
#define PIC_SLAVE  1u

/* One chip. Bit n of a byte is IRn. */
struct pic_chip {
    uint8_t pins;  /* levels as driven                                         */
    uint8_t latch; /* edges not yet acknowledged                               */
    uint8_t elcr;  /* 1: level-triggered                                       */
    uint8_t imr;
    uint8_t isr;
    uint8_t base;         /* ICW2: vector of IR0                                      */
    uint8_t lowest;       /* the level that has the lowest priority                   */
    uint8_t step;         /* the ICW that comes next (2, 3, 4), or 0: initialised     */
    uint8_t single;       /* ICW1: no ICW3 follows                                    */
    uint8_t want_icw4;    /* ICW1                                                     */
    uint8_t aeoi;         /* ICW4: automatic EOI                                      */
    uint8_t sfnm;         /* ICW4: special fully nested mode                          */
    uint8_t rotate_aeoi;  /* OCW2: rotate in automatic EOI mode                       */
    uint8_t special_mask; /* OCW3                                                     */
    uint8_t poll;         /* OCW3: the next read is a poll                            */
    uint8_t read_isr;     /* OCW3: reads of port 0 give ISR, else IRR                 */
};

struct pic_regs {
    struct pic_chip chip[PIC_CHIPS];
    uint64_t spurious; /* acknowledged when nothing asked */
    uint8_t intr;      /* the output as last driven       */
    uint8_t unused[7];
};

struct pic {
    struct pic_wiring wiring;
    struct pic_regs regs;
};

#endif
