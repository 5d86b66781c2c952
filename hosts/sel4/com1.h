/* SPDX-License-Identifier: BSD-2-Clause
 * COM1 as an output, through an I/O-port capability.
 * Spec: National Semiconductor PC16550D (1995), 8.0 (registers). */
#ifndef SEL4_COM1_H
#define SEL4_COM1_H

#include <stdint.h>

#include "sel4/sys.h"

#define COM1_FIRST 0x3F8u
#define COM1_LAST  0x3FFu
#define COM1_THR   0x3F8u
#define COM1_IER   0x3F9u
#define COM1_FCR   0x3FAu
#define COM1_LCR   0x3FBu
#define COM1_MCR   0x3FCu
#define COM1_LSR   0x3FDu

#define COM1_LSR_THRE 0x20u
#define COM1_LCR_8N1  0x03u
#define COM1_LCR_DLAB 0x80u
#define COM1_FIFO     16u
#define COM1_WAIT     100000u /* looks; a port that is not there reads all ones and never waits */

/* 115,200 baud, 8 data bits, no interrupts. */
static inline void com1_init(uint64_t ports)
{
    sys_out8(ports, COM1_IER, 0);
    sys_out8(ports, COM1_LCR, COM1_LCR_DLAB);
    sys_out8(ports, COM1_THR, 1);
    sys_out8(ports, COM1_IER, 0);
    sys_out8(ports, COM1_LCR, COM1_LCR_8N1);
    sys_out8(ports, COM1_FCR, 0x07);
    sys_out8(ports, COM1_MCR, 0x03);
}

static inline void com1_wait(uint64_t ports)
{
    for (uint32_t i = 0; i < COM1_WAIT; i++) {
        if ((sys_in8(ports, COM1_LSR) & COM1_LSR_THRE) != 0) {
            return;
        }
    }
}

/* A look at the port for every FIFO full of bytes. */
static inline void com1_write(uint64_t ports, const uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (i % COM1_FIFO == 0) {
            com1_wait(ports);
        }
        sys_out8(ports, COM1_THR, bytes[i]);
    }
}

#endif
