/* SPDX-License-Identifier: BSD-2-Clause
 * 16550A serial port. Contract and references: dev/uart.h. */
#include "dev/uart.h"

#include <stddef.h>

#include "base/arith.h"
#include "base/string.h"
#include "dev/uart_state.h"

#define UART_DIVISOR_INIT   1u /* 115200 baud: as firmware would leave it */
#define UART_TIMEOUT_CHARS  4u
#define UART_HALF_BITS_HZ   (UART_CLOCK_HZ / 8u) /* half bits per second at divisor 1 */
#define UART_MODEM_ATTACHED (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)

static const uint8_t uart_trigger_level[4] = {1, 4, 8, 14};

/* --- What follows from the registers --------------------------------------------------------- */

static bool uart_fifos_on(const struct uart_regs *r)
{
    return (r->fcr & UART_FCR_ENABLE) != 0;
}

static bool uart_looped(const struct uart_regs *r)
{
    return (r->mcr & UART_MCR_LOOP) != 0;
}

static uint32_t uart_rx_capacity(const struct uart_regs *r)
{
    return uart_fifos_on(r) ? UART_FIFO_BYTES : 1u;
}

/* Received data raise their interrupt from this many characters on. */
static uint32_t uart_rx_trigger(const struct uart_regs *r)
{
    return uart_fifos_on(r) ? uart_trigger_level[r->fcr >> 6] : 1u;
}

/* A character on the line: start, data, parity and stop bits, counted in halves because five data
 * bits go with one and a half stop bits. The data sheet forbids divisor 0; it counts as 1 here. */
static vm_ns_t uart_timeout_ns(const struct uart_regs *r)
{
    uint32_t data = 5u + (r->lcr & UART_LCR_WLS);
    uint32_t parity = (r->lcr & UART_LCR_PEN) != 0 ? 1u : 0u;
    uint32_t stop_halves = 2u;
    if ((r->lcr & UART_LCR_STB) != 0) {
        stop_halves = data == 5u ? 3u : 4u;
    }
    uint32_t halves = 2u * (1u + data + parity) + stop_halves;
    uint32_t divisor = r->divisor != 0 ? r->divisor : 1u;
    return u64_scale_up((uint64_t)UART_TIMEOUT_CHARS * halves * divisor, VM_NS_PER_S,
                        UART_HALF_BITS_HZ);
}

/* The modem status inputs. Outside, a terminal is attached and ready, and never rings; in loopback
 * the four outputs come back: RTS as CTS, DTR as DSR, OUT1 as RI, OUT2 as DCD. */
static uint8_t uart_modem_inputs(uint8_t mcr)
{
    if ((mcr & UART_MCR_LOOP) == 0) {
        return UART_MODEM_ATTACHED;
    }
    uint32_t in = 0;
    in |= (mcr & UART_MCR_RTS) != 0 ? UART_MSR_CTS : 0u;
    in |= (mcr & UART_MCR_DTR) != 0 ? UART_MSR_DSR : 0u;
    in |= (mcr & UART_MCR_OUT1) != 0 ? UART_MSR_RI : 0u;
    in |= (mcr & UART_MCR_OUT2) != 0 ? UART_MSR_DCD : 0u;
    return (uint8_t)in;
}

/* The enabled source of highest priority, as IIR shows it. [PC16550D] table II. */
static uint8_t uart_source(const struct uart_regs *r)
{
    if ((r->ier & UART_IER_RLSI) != 0 && r->overrun != 0) {
        return UART_IIR_LINE;
    }
    if ((r->ier & UART_IER_RDI) != 0) {
        if (r->rx_count >= uart_rx_trigger(r)) {
            return UART_IIR_DATA;
        }
        if (r->timeout != 0) {
            return UART_IIR_TIMEOUT;
        }
    }
    if ((r->ier & UART_IER_THRI) != 0 && r->thre != 0) {
        return UART_IIR_THRE;
    }
    if ((r->ier & UART_IER_MSI) != 0 && r->msr_delta != 0) {
        return UART_IIR_MODEM;
    }
    return UART_IIR_NONE;
}

/* On a PC the OUT2 pin opens the way to the interrupt line. Loopback forces that pin inactive. */
static bool uart_line_level(const struct uart_regs *r)
{
    bool gate = (r->mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) == UART_MCR_OUT2;
    return gate && uart_source(r) != UART_IIR_NONE;
}

/* --- State changes --------------------------------------------------------------------------- */

static void uart_update_line(struct uart *u)
{
    uint8_t level = uart_line_level(&u->regs) ? 1u : 0u;
    if (level != u->regs.line) {
        u->regs.line = level;
        irq_line_set(&u->wiring.irq, level != 0);
    }
}

/* Brings the character time-out up to `now`. */
static void uart_advance(struct uart_regs *r, vm_ns_t now)
{
    if (uart_fifos_on(r) && r->rx_count != 0 && now >= r->timeout_at) {
        r->timeout = 1;
    }
}

static void uart_rx_restart_timeout(struct uart_regs *r, vm_ns_t now)
{
    if (!u64_add(now, uart_timeout_ns(r), &r->timeout_at)) {
        r->timeout_at = VM_NS_NEVER;
    }
}

static void uart_rx_clear(struct uart_regs *r)
{
    r->rx_head = 0;
    r->rx_count = 0;
    r->timeout = 0;
}

/* One character reaches the receiver. With nowhere to put it: a full FIFO stays as it is and the
 * new character is lost; without FIFOs the new one destroys the old. */
static void uart_rx_push(struct uart_regs *r, uint8_t byte, vm_ns_t now)
{
    if (r->rx_count < uart_rx_capacity(r)) {
        r->rx[(r->rx_head + r->rx_count) % UART_FIFO_BYTES] = byte;
        r->rx_count++;
    } else {
        r->overrun = 1;
        if (!uart_fifos_on(r)) {
            r->rx[r->rx_head] = byte;
        }
    }
    uart_rx_restart_timeout(r, now);
}

static uint8_t uart_rx_pop(struct uart_regs *r, vm_ns_t now)
{
    if (r->rx_count == 0) {
        return 0;
    }
    uint8_t byte = r->rx[r->rx_head];
    r->rx_head = (uint8_t)((r->rx_head + 1u) % UART_FIFO_BYTES);
    r->rx_count--;
    r->timeout = 0;
    uart_rx_restart_timeout(r, now);
    return byte;
}

/* The write fills the holding register, which withdraws its interrupt; the infinitely fast line
 * empties it again, which is a new one. The line shows both, since an edge-triggered interrupt
 * controller must see the second. */
static void uart_transmit(struct uart *u, uint8_t byte, vm_ns_t now)
{
    u->regs.thre = 0;
    uart_update_line(u);
    if (uart_looped(&u->regs)) {
        uart_rx_push(&u->regs, byte, now);
    } else if (u->wiring.tx != NULL) {
        u->wiring.tx(u->wiring.owner, byte);
    }
    u->regs.thre = 1;
}

/* Enabling the interrupt while the register is empty raises it: drivers start sending this way. */
static void uart_write_ier(struct uart_regs *r, uint8_t val)
{
    uint8_t rising = (uint8_t)(val & ~r->ier);
    if ((rising & UART_IER_THRI) != 0) {
        r->thre = 1;
    }
    r->ier = val & UART_IER_RW;
}

/* Without the enable bit no other bit is programmed; changing it empties the FIFOs. */
static void uart_write_fcr(struct uart_regs *r, uint8_t val)
{
    uint8_t kept = (val & UART_FCR_ENABLE) != 0 ? val & UART_FCR_KEPT : 0u;
    bool toggled = ((kept ^ r->fcr) & UART_FCR_ENABLE) != 0;
    bool rx_reset = (kept != 0) && ((val & UART_FCR_RX_RESET) != 0);
    if (toggled || rx_reset) {
        uart_rx_clear(r);
    }
    r->fcr = kept;
}

static void uart_write_mcr(struct uart_regs *r, uint8_t val)
{
    uint8_t before = uart_modem_inputs(r->mcr);
    r->mcr = val & UART_MCR_RW;
    uint8_t after = uart_modem_inputs(r->mcr);
    uint32_t changed = (uint32_t)before ^ after;
    /* RI counts when it ends, the other three when they change. */
    uint32_t events = (changed & UART_MODEM_ATTACHED) | (changed & before & UART_MSR_RI);
    r->msr_delta |= (uint8_t)(events >> 4);
}

/* --- Register access ------------------------------------------------------------------------- */

static uint8_t uart_read_iir(struct uart_regs *r)
{
    uint8_t source = uart_source(r);
    if (source == UART_IIR_THRE) {
        r->thre = 0;
    }
    return (uint8_t)(source | (uart_fifos_on(r) ? UART_IIR_FIFOS : 0u));
}

static uint8_t uart_read_lsr(struct uart_regs *r)
{
    uint32_t lsr = UART_LSR_THRE | UART_LSR_TEMT;
    lsr |= r->rx_count != 0 ? UART_LSR_DR : 0u;
    lsr |= r->overrun != 0 ? UART_LSR_OE : 0u;
    r->overrun = 0;
    return (uint8_t)lsr;
}

static uint8_t uart_read_msr(struct uart_regs *r)
{
    uint8_t msr = (uint8_t)(uart_modem_inputs(r->mcr) | r->msr_delta);
    r->msr_delta = 0;
    return msr;
}

static uint8_t uart_read_reg(struct uart_regs *r, uint64_t off, vm_ns_t now)
{
    bool dlab = (r->lcr & UART_LCR_DLAB) != 0;
    switch (off) {
    case UART_RBR:
        return dlab ? (uint8_t)r->divisor : uart_rx_pop(r, now);
    case UART_IER:
        return dlab ? (uint8_t)(r->divisor >> 8) : r->ier;
    case UART_IIR:
        return uart_read_iir(r);
    case UART_LCR:
        return r->lcr;
    case UART_MCR:
        return r->mcr;
    case UART_LSR:
        return uart_read_lsr(r);
    case UART_MSR:
        return uart_read_msr(r);
    default:
        return r->scr;
    }
}

static uint64_t uart_read(void *dev, struct bus_access a, vm_ns_t now)
{
    struct uart *u = dev;
    uart_advance(&u->regs, now);
    uint8_t val = uart_read_reg(&u->regs, a.off, now);
    uart_update_line(u);
    return val;
}

static void uart_write_dlab(struct uart_regs *r, uint64_t off, uint8_t val)
{
    if (off == UART_DLL) {
        r->divisor = (uint16_t)((r->divisor & 0xFF00u) | val);
    } else {
        r->divisor = (uint16_t)((r->divisor & 0x00FFu) | ((uint32_t)val << 8));
    }
}

static void uart_write_reg(struct uart *u, uint64_t off, uint8_t val, vm_ns_t now)
{
    struct uart_regs *r = &u->regs;
    switch (off) {
    case UART_THR:
        uart_transmit(u, val, now);
        break;
    case UART_IER:
        uart_write_ier(r, val);
        break;
    case UART_FCR:
        uart_write_fcr(r, val);
        break;
    case UART_LCR:
        r->lcr = val;
        break;
    case UART_MCR:
        uart_write_mcr(r, val);
        break;
    case UART_SCR:
        r->scr = val;
        break;
    default: /* LSR and MSR: writing is for factory tests, and does nothing */
        break;
    }
}

static void uart_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct uart *u = dev;
    bool dlab = (u->regs.lcr & UART_LCR_DLAB) != 0;
    uart_advance(&u->regs, now);
    if (dlab && a.off <= UART_DLM) {
        uart_write_dlab(&u->regs, a.off, (uint8_t)val);
    } else {
        uart_write_reg(u, a.off, (uint8_t)val, now);
    }
    uart_update_line(u);
}

/* --- Time ------------------------------------------------------------------------------------ */

static vm_ns_t uart_deadline(const void *dev)
{
    const struct uart_regs *r = &((const struct uart *)dev)->regs;
    bool waiting = uart_fifos_on(r) && r->rx_count != 0 && r->timeout == 0;
    if (!waiting || (r->ier & UART_IER_RDI) == 0) {
        return VM_NS_NEVER;
    }
    return r->timeout_at;
}

static void uart_tick(void *dev, vm_ns_t now)
{
    struct uart *u = dev;
    uart_advance(&u->regs, now);
    uart_update_line(u);
}

/* --- For the board --------------------------------------------------------------------------- */

uint32_t uart_rx_space(const struct uart *u)
{
    if (uart_looped(&u->regs)) {
        return 0;
    }
    uint32_t capacity = uart_rx_capacity(&u->regs);
    return u->regs.rx_count < capacity ? capacity - u->regs.rx_count : 0u;
}

uint32_t uart_receive(struct uart *u, const uint8_t *bytes, uint32_t len, vm_ns_t now)
{
    uint32_t space = uart_rx_space(u);
    uint32_t count = len < space ? len : space;
    uart_advance(&u->regs, now);
    for (uint32_t i = 0; i < count; i++) { /* bound: UART_FIFO_BYTES */
        uart_rx_push(&u->regs, bytes[i], now);
    }
    uart_update_line(u);
    return count;
}

void uart_init(struct uart *u, const struct uart_wiring *w)
{
    memset(u, 0, sizeof(*u));
    u->wiring = *w;
    u->regs.divisor = UART_DIVISOR_INIT;
}

void uart_reset(struct uart *u, vm_ns_t now)
{
    struct uart_regs *r = &u->regs;
    r->ier = 0;
    r->fcr = 0;
    r->lcr = 0;
    r->mcr = 0;
    r->overrun = 0;
    r->msr_delta = 0;
    r->thre = 0;
    uart_rx_clear(r);
    r->timeout_at = now;
    uart_update_line(u);
}

bool uart_valid(const struct uart *u)
{
    const struct uart_regs *r = &u->regs;
    bool masks = (r->ier & ~UART_IER_RW) == 0 && (r->mcr & ~UART_MCR_RW) == 0 &&
                 (r->fcr & ~UART_FCR_KEPT) == 0 && (r->msr_delta & ~UART_MSR_DELTA) == 0;
    bool flags = r->overrun <= 1 && r->thre <= 1 && r->timeout <= 1 && r->line <= 1;
    bool fifo = r->rx_head < UART_FIFO_BYTES && r->rx_count <= uart_rx_capacity(r);
    bool timeout = r->timeout == 0 || (uart_fifos_on(r) && r->rx_count != 0);
    return masks && flags && fifo && timeout && (r->line != 0) == uart_line_level(r);
}

void uart_window(uint16_t port, struct bus_window *out)
{
    *out = (struct bus_window){.space = BUS_PIO, .widths = BUS_W1, .len = UART_PORTS, .base = port};
}

const struct bus_dev_ops uart_ops = {
    .read = uart_read,
    .write = uart_write,
    .deadline = uart_deadline,
    .tick = uart_tick,
};
