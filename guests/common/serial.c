/* SPDX-License-Identifier: BSD-2-Clause
 * See serial.h. */
#include "serial.h"

#include "x86.h"

#define UART_DATA (SERIAL_COM1 + 0u)
#define UART_IER  (SERIAL_COM1 + 1u)
#define UART_IIR  (SERIAL_COM1 + 2u)
#define UART_FCR  (SERIAL_COM1 + 2u)
#define UART_LCR  (SERIAL_COM1 + 3u)
#define UART_MCR  (SERIAL_COM1 + 4u)
#define UART_LSR  (SERIAL_COM1 + 5u)

#define UART_LCR_8N1   0x03u
#define UART_LCR_DLAB  0x80u
#define UART_FCR_RESET 0x07u /* FIFOs on and empty */
#define UART_IIR_FIFO  0xC0u
#define UART_MCR_DTR   0x01u
#define UART_MCR_RTS   0x02u
#define UART_LSR_THRE  0x20u
#define UART_LSR_TEMT  0x40u

#define FIFO_DEPTH   16u
#define WAIT_POLLS   200000u
#define ABSENT_VALUE 0xFFu

static bool present;
static uint32_t burst; /* bytes that may be written once THRE is seen */
static uint32_t room;  /* of those, how many are left                 */
static uint32_t patience = WAIT_POLLS;

void serial_init(void)
{
    present = inb(UART_LSR) != ABSENT_VALUE;
    if (!present) {
        return;
    }
    outb(UART_IER, 0);
    outb(UART_LCR, UART_LCR_DLAB | UART_LCR_8N1);
    outb(UART_DATA, 1); /* 115200 baud */
    outb(UART_IER, 0);
    outb(UART_LCR, UART_LCR_8N1);
    outb(UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
    outb(UART_FCR, UART_FCR_RESET);
    burst = (inb(UART_IIR) & UART_IIR_FIFO) == UART_IIR_FIFO ? FIFO_DEPTH : 1u;
    room = 0;
}

bool serial_present(void)
{
    return present;
}

/* A UART that is stuck is waited for once; after that each byte has one chance. */
static bool wait_for(uint8_t status)
{
    for (uint32_t i = 0; i < patience; i++) {
        if ((inb(UART_LSR) & status) == status) {
            patience = WAIT_POLLS;
            return true;
        }
        cpu_pause();
    }
    patience = 1;
    return false;
}

void serial_put(char c)
{
    if (!present) {
        return;
    }
    if (room == 0) {
        if (!wait_for(UART_LSR_THRE)) {
            return;
        }
        room = burst;
    }
    room--;
    outb(UART_DATA, (uint8_t)c);
}

void serial_flush(void)
{
    if (present) {
        (void)wait_for(UART_LSR_THRE | UART_LSR_TEMT);
    }
}
