/* SPDX-License-Identifier: BSD-2-Clause
 * 16550A serial port with FIFOs.
 *
 * The transmitter drives a line of infinite speed: a character written is at the far end before the
 * write returns, so the holding register is always empty. The receiver takes characters as the
 * guest makes room for them; whoever feeds it keeps the rest, as if the line had flow control.
 * Baud rate and word length matter to one thing only, the character time-out.
 * Spec: [PC16550D] National Semiconductor PC16550D data sheet, section 8.0 (registers, FIFO
 * control, interrupt identification, FIFO interrupt mode); [AT] IBM PC/AT technical reference,
 * serial adapter (OUT2 gates the interrupt). */
#ifndef DEV_UART_H
#define DEV_UART_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"
#include "vm/line.h"

#define UART_PORTS      8u
#define UART_FIFO_BYTES 16u
#define UART_CLOCK_HZ   1843200u /* crystal; the baud rate is this / 16 / divisor */

/* Register offsets. The first two are the divisor latch while LCR.DLAB is set. */
#define UART_RBR 0u /* read  */
#define UART_THR 0u /* write */
#define UART_DLL 0u
#define UART_IER 1u
#define UART_DLM 1u
#define UART_IIR 2u /* read  */
#define UART_FCR 2u /* write */
#define UART_LCR 3u
#define UART_MCR 4u
#define UART_LSR 5u
#define UART_MSR 6u
#define UART_SCR 7u

#define UART_IER_RDI  0x01u /* received data, and character time-out */
#define UART_IER_THRI 0x02u /* transmitter holding register empty    */
#define UART_IER_RLSI 0x04u /* receiver line status                  */
#define UART_IER_MSI  0x08u /* modem status                          */
#define UART_IER_RW   0x0Fu

#define UART_IIR_MODEM   0x00u
#define UART_IIR_NONE    0x01u
#define UART_IIR_THRE    0x02u
#define UART_IIR_DATA    0x04u
#define UART_IIR_LINE    0x06u
#define UART_IIR_TIMEOUT 0x0Cu
#define UART_IIR_FIFOS   0xC0u /* FIFOs are on */

#define UART_FCR_ENABLE   0x01u
#define UART_FCR_RX_RESET 0x02u
#define UART_FCR_TX_RESET 0x04u
#define UART_FCR_TRIGGER  0xC0u
#define UART_FCR_KEPT     (UART_FCR_ENABLE | UART_FCR_TRIGGER)

#define UART_LCR_WLS  0x03u /* word length - 5 */
#define UART_LCR_STB  0x04u /* more stop bits  */
#define UART_LCR_PEN  0x08u
#define UART_LCR_DLAB 0x80u

#define UART_MCR_DTR  0x01u
#define UART_MCR_RTS  0x02u
#define UART_MCR_OUT1 0x04u
#define UART_MCR_OUT2 0x08u
#define UART_MCR_LOOP 0x10u
#define UART_MCR_RW   0x1Fu

#define UART_LSR_DR   0x01u
#define UART_LSR_OE   0x02u
#define UART_LSR_THRE 0x20u
#define UART_LSR_TEMT 0x40u

#define UART_MSR_DCTS  0x01u
#define UART_MSR_DDSR  0x02u
#define UART_MSR_TERI  0x04u
#define UART_MSR_DDCD  0x08u
#define UART_MSR_DELTA 0x0Fu
#define UART_MSR_CTS   0x10u
#define UART_MSR_DSR   0x20u
#define UART_MSR_RI    0x40u
#define UART_MSR_DCD   0x80u

struct uart; /* layout: dev/uart_state.h */

struct uart_wiring {
    struct irq_line irq;
    void (*tx)(void *owner, uint8_t byte); /* null: characters go nowhere */
    void *owner;
};

/* @pre u and w are not null. Call uart_reset before use. */
void uart_init(struct uart *u, const struct uart_wiring *w);

/* Master reset. Divisor and scratch register keep their values, as on the chip. */
void uart_reset(struct uart *u, vm_ns_t now);

/* How many characters uart_receive would take now. */
uint32_t uart_rx_space(const struct uart *u);

/* Characters arrive from outside. Takes as many as fit, and says how many: up to 16 less those that
 * wait with FIFOs, one without. None in loopback, where the receiver is cut off from its pin.
 * @pre bytes holds len bytes. */
uint32_t uart_receive(struct uart *u, const uint8_t *bytes, uint32_t len, vm_ns_t now);

/* The class invariant. */
bool uart_valid(const struct uart *u);

/* The one window of a UART whose first port is `port`. @pre port is at most 0xFFF8. */
void uart_window(uint16_t port, struct bus_window *out);

extern const struct bus_dev_ops uart_ops; /* dev is a struct uart */

#endif
