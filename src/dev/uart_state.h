/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of a UART: for uart.c, the board and tests only. */
#ifndef DEV_UART_STATE_H
#define DEV_UART_STATE_H

#include "dev/uart.h"

struct uart_regs {
    uint64_t timeout_at; /* guest ns; true while the receiver FIFO holds something */
    uint16_t divisor;
    uint8_t ier;
    uint8_t fcr; /* UART_FCR_KEPT only */
    uint8_t lcr;
    uint8_t mcr;
    uint8_t scr;
    uint8_t overrun;   /* 1: LSR.OE                                        */
    uint8_t msr_delta; /* UART_MSR_DELTA only                              */
    uint8_t thre;      /* 1: the holding register became empty, not yet told */
    uint8_t timeout;   /* 1: character time-out                            */
    uint8_t line;      /* 1: the interrupt output is active                */
    uint8_t rx_head;   /* index of the oldest character                    */
    uint8_t rx_count;
    uint8_t unused[2];
    uint8_t rx[UART_FIFO_BYTES];
};

_Static_assert(sizeof(struct uart_regs) == 40, "no hidden padding");

struct uart {
    struct uart_wiring wiring;
    struct uart_regs regs;
};

#endif
