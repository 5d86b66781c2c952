/* SPDX-License-Identifier: BSD-2-Clause
 * The 16550A: what a driver sees, and what the far end gets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dev/uart_state.h"

#define MAX_SENT 64u

struct fixture {
    struct uart u;
    vm_ns_t now;
    bool irq;
    uint32_t rises;
    uint32_t sent;
    uint8_t out[MAX_SENT];
};

static void irq(void *owner, uint32_t pin, bool active)
{
    struct fixture *f = owner;
    assert_int_equal(pin, 4);
    assert_true(active != f->irq); /* only changes are signalled */
    f->irq = active;
    f->rises += active ? 1u : 0u;
}

static void tx(void *owner, uint8_t byte)
{
    struct fixture *f = owner;
    assert_true(f->sent < MAX_SENT);
    f->out[f->sent++] = byte;
}

static void start(struct fixture *f)
{
    struct uart_wiring w = {.irq = {.set = irq, .owner = f, .pin = 4}, .tx = tx, .owner = f};
    memset(f, 0, sizeof(*f));
    f->now = 1000;
    uart_init(&f->u, &w);
    uart_reset(&f->u, f->now);
    assert_true(uart_valid(&f->u));
}

static void put(struct fixture *f, uint64_t reg, uint32_t val)
{
    uart_ops.write(&f->u, (struct bus_access){.size = 1, .off = reg}, val, f->now);
    assert_true(uart_valid(&f->u));
}

static uint32_t get(struct fixture *f, uint64_t reg)
{
    uint64_t val = uart_ops.read(&f->u, (struct bus_access){.size = 1, .off = reg}, f->now);
    assert_true(uart_valid(&f->u));
    assert_true(val <= 0xFF);
    return (uint32_t)val;
}

static uint32_t receive(struct fixture *f, const char *text)
{
    uint8_t bytes[MAX_SENT];
    uint32_t len = (uint32_t)strlen(text);
    memcpy(bytes, text, len);
    uint32_t taken = uart_receive(&f->u, bytes, len, f->now);
    assert_true(uart_valid(&f->u));
    return taken;
}

/* As a driver leaves it: 8N1, interrupts gated on, these enabled. */
static void open_port(struct fixture *f, uint32_t fcr, uint32_t ier)
{
    start(f);
    put(f, UART_LCR, 3);
    put(f, UART_FCR, fcr);
    put(f, UART_MCR, UART_MCR_OUT2 | UART_MCR_RTS | UART_MCR_DTR);
    put(f, UART_IER, ier);
}

static void reset_state_is_that_of_the_data_sheet(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    assert_int_equal(get(&f, UART_IER), 0);
    assert_int_equal(get(&f, UART_IIR), 0x01);
    assert_int_equal(get(&f, UART_LCR), 0);
    assert_int_equal(get(&f, UART_MCR), 0);
    assert_int_equal(get(&f, UART_LSR), 0x60);
    assert_int_equal(get(&f, UART_MSR), 0xB0);
    assert_int_equal(get(&f, UART_RBR), 0);
}

static void a_written_byte_is_sent_at_once(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, UART_THR, 'h');
    assert_int_equal(get(&f, UART_LSR), 0x60);
    put(&f, UART_THR, 0xFF);
    assert_int_equal(f.sent, 2);
    assert_int_equal(f.out[0], 'h');
    assert_int_equal(f.out[1], 0xFF);
    assert_int_equal(f.rises, 0);
}

static void the_divisor_latch_hides_two_registers(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, UART_IER, 0x0F);
    put(&f, UART_LCR, UART_LCR_DLAB | 3u);
    assert_int_equal(get(&f, UART_DLL), 1); /* 115200: an early console may divide by it */
    put(&f, UART_DLL, 0x34);
    put(&f, UART_DLM, 0x12);
    assert_int_equal(get(&f, UART_DLL), 0x34);
    assert_int_equal(get(&f, UART_DLM), 0x12);
    assert_int_equal(f.sent, 0);
    put(&f, UART_LCR, 3);
    assert_int_equal(get(&f, UART_IER), 0x0F);
    uart_reset(&f.u, 0);
    put(&f, UART_LCR, UART_LCR_DLAB);
    assert_int_equal(get(&f, UART_DLM), 0x12);
}

static void plain_registers_keep_their_bits_and_status_is_read_only(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, UART_SCR, 0xA5);
    put(&f, UART_IER, 0xF0);
    put(&f, UART_MCR, 0xE0);
    put(&f, UART_LSR, 0xFF);
    put(&f, UART_MSR, 0x0F);
    assert_int_equal(get(&f, UART_SCR), 0xA5);
    assert_int_equal(get(&f, UART_IER), 0);
    assert_int_equal(get(&f, UART_MCR), 0);
    assert_int_equal(get(&f, UART_LSR), 0x60);
    assert_int_equal(get(&f, UART_MSR), 0xB0);
    put(&f, UART_LCR, 0x7F);
    assert_int_equal(get(&f, UART_LCR), 0x7F);
}

static void enabling_the_transmit_interrupt_raises_it_and_reading_iir_takes_it(void **state)
{
    (void)state;
    struct fixture f;
    open_port(&f, 0, 0);
    put(&f, UART_IER, UART_IER_THRI);
    assert_true(f.irq);
    assert_int_equal(get(&f, UART_IIR), 0x02);
    assert_false(f.irq);
    assert_int_equal(get(&f, UART_IIR), 0x01);
    put(&f, UART_IER, UART_IER_THRI); /* it was on: no new one */
    assert_false(f.irq);
    put(&f, UART_IER, 0);
    put(&f, UART_IER, UART_IER_THRI);
    assert_true(f.irq);
    put(&f, UART_IER, 0);
    assert_false(f.irq);
}

static void each_sent_byte_is_a_new_edge(void **state)
{
    (void)state;
    struct fixture f;
    open_port(&f, 0, UART_IER_THRI);
    assert_int_equal(f.rises, 1);
    put(&f, UART_THR, 'a'); /* without reading IIR in between */
    assert_true(f.irq);
    assert_int_equal(f.rises, 2);
    (void)get(&f, UART_IIR);
    put(&f, UART_THR, 'b');
    assert_int_equal(f.rises, 3);
    assert_int_equal(get(&f, UART_IIR), 0x02);
    assert_int_equal(f.sent, 2);
}

static void a_transmit_interrupt_behind_another_is_not_taken_by_iir(void **state)
{
    (void)state;
    struct fixture f;
    open_port(&f, 0, UART_IER_THRI | UART_IER_RDI);
    assert_int_equal(receive(&f, "x"), 1);
    assert_int_equal(get(&f, UART_IIR), 0x04);
    assert_int_equal(get(&f, UART_IIR), 0x04);
    assert_int_equal(get(&f, UART_RBR), 'x');
    assert_true(f.irq);
    assert_int_equal(get(&f, UART_IIR), 0x02);
    assert_false(f.irq);
}

static void sources_are_told_by_priority(void **state)
{
    (void)state;
    struct fixture f;
    open_port(&f, UART_FCR_ENABLE, UART_IER_RW);
    put(&f, UART_MCR, UART_MCR_LOOP); /* modem lines drop; 17 bytes into the FIFO overrun */
    for (uint32_t i = 0; i < 17; i++) {
        put(&f, UART_THR, i);
    }
    assert_int_equal(get(&f, UART_IIR), 0xC6);
    assert_int_equal(get(&f, UART_LSR), 0x63);
    assert_int_equal(get(&f, UART_LSR), 0x61); /* the overrun was told */
    assert_int_equal(get(&f, UART_IIR), 0xC4);
    for (uint32_t i = 0; i < 16; i++) { /* the 17th was lost, the first 16 are whole */
        assert_int_equal(get(&f, UART_RBR), i);
    }
    assert_int_equal(get(&f, UART_IIR), 0xC2);
    assert_int_equal(get(&f, UART_IIR), 0xC0);
    assert_int_equal(get(&f, UART_MSR), 0x0B);
    assert_int_equal(get(&f, UART_IIR), 0xC1);
    assert_int_equal(f.sent, 0);
}

static void a_source_that_is_not_enabled_is_not_told(void **state)
{
    (void)state;
    static const uint8_t iir[16] = {0xC1, 0xC4, 0xC2, 0xC4, 0xC6, 0xC6, 0xC6, 0xC6,
                                    0xC0, 0xC4, 0xC2, 0xC4, 0xC6, 0xC6, 0xC6, 0xC6};
    for (uint32_t ier = 0; ier < 16; ier++) {
        struct fixture f;
        open_port(&f, UART_FCR_ENABLE, 0);
        put(&f, UART_MCR, UART_MCR_LOOP);
        for (uint32_t i = 0; i < 17; i++) {
            put(&f, UART_THR, i);
        }
        put(&f, UART_MCR, UART_MCR_OUT2);
        put(&f, UART_IER, ier);
        assert_int_equal(f.irq, ier != 0);
        assert_int_equal(get(&f, UART_IIR), iir[ier]);
    }
}

static void modem_events_add_up_until_they_are_read(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, UART_MCR, 0x1F); /* only RI differs from outside, and it begins */
    put(&f, UART_MCR, 0x1D); /* CTS */
    put(&f, UART_MCR, 0x19); /* RI ends */
    put(&f, UART_MCR, 0x18); /* DSR */
    put(&f, UART_MCR, 0x10); /* DCD */
    assert_int_equal(get(&f, UART_MSR), 0x0F);
}

static void without_fifos_an_overrun_destroys_the_older_byte(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, UART_MCR, UART_MCR_LOOP);
    put(&f, UART_THR, 'a');
    put(&f, UART_THR, 'b');
    assert_int_equal(get(&f, UART_LSR), 0x63);
    assert_int_equal(get(&f, UART_RBR), 'b');
    assert_int_equal(get(&f, UART_LSR), 0x60);
}

static void the_line_is_gated_by_out2_and_by_loopback(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, UART_IER, UART_IER_THRI);
    assert_int_equal(f.u.regs.thre, 1);
    assert_false(f.irq);
    put(&f, UART_MCR, UART_MCR_OUT2);
    assert_true(f.irq);
    put(&f, UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP);
    assert_false(f.irq);
    put(&f, UART_MCR, UART_MCR_OUT2);
    assert_true(f.irq);
    uart_reset(&f.u, 0);
    assert_false(f.irq);
    assert_true(uart_valid(&f.u));
}

static void trigger_levels_hold_back_the_data_interrupt(void **state)
{
    (void)state;
    static const struct {
        uint32_t fcr;
        uint32_t level;
    } cases[] = {{0x01, 1}, {0x41, 4}, {0x81, 8}, {0xC1, 14}};
    for (size_t i = 0; i < 4; i++) {
        struct fixture f;
        open_port(&f, cases[i].fcr, UART_IER_RDI);
        for (uint32_t n = 1; n <= 16; n++) {
            assert_int_equal(receive(&f, "z"), 1);
            assert_int_equal(f.irq, n >= cases[i].level);
        }
        assert_int_equal(receive(&f, "z"), 0);
        for (uint32_t n = 15; n < 16; n--) {
            (void)get(&f, UART_RBR);
            assert_int_equal(f.irq, n >= cases[i].level);
        }
        assert_int_equal(f.rises, 1);
    }
}

static void a_few_characters_time_out_after_four_character_times(void **state)
{
    (void)state;
    const vm_ns_t four = 347223; /* 40 bits at 115200 baud, rounded up */
    struct fixture f;
    open_port(&f, 0x81, UART_IER_RDI);
    assert_true(uart_ops.deadline(&f.u) == VM_NS_NEVER);
    assert_int_equal(receive(&f, "ab"), 2);
    assert_int_equal(uart_ops.deadline(&f.u), 1000 + four);
    f.now = 2000;
    assert_int_equal(receive(&f, "c"), 1); /* a new character starts the time again */
    assert_int_equal(uart_ops.deadline(&f.u), 2000 + four);
    uart_ops.tick(&f.u, 2000 + four - 1);
    assert_false(f.irq);
    uart_ops.tick(&f.u, 2000 + four);
    assert_true(f.irq);
    assert_true(uart_ops.deadline(&f.u) == VM_NS_NEVER);
    f.now = 3000 + four;
    assert_int_equal(get(&f, UART_IIR), 0xCC);
    assert_int_equal(get(&f, UART_IIR), 0xCC); /* only reading a character takes it */
    assert_int_equal(get(&f, UART_RBR), 'a');
    assert_false(f.irq);
    assert_int_equal(uart_ops.deadline(&f.u), f.now + four);
    assert_int_equal(get(&f, UART_RBR), 'b');
    assert_int_equal(get(&f, UART_RBR), 'c');
    assert_true(uart_ops.deadline(&f.u) == VM_NS_NEVER);
    uart_ops.tick(&f.u, UINT64_MAX - 1);
    assert_false(f.irq);
}

static void the_character_time_follows_divisor_and_format(void **state)
{
    (void)state;
    static const struct {
        uint32_t lcr;
        uint32_t divisor;
        vm_ns_t four_ns;
    } cases[] = {
        {0x03, 12, 4166667},        /* 9600 8N1: 10 bits                 */
        {0x00, 1, 243056},          /* 5N1: 7 bits                       */
        {0x04, 1, 260417},          /* 5N1.5: 7.5 bits                   */
        {0x0F, 1, 416667},          /* 8 data, parity, 2 stop: 12 bits   */
        {0x03, 0, 347223},          /* forbidden divisor: counts as 1    */
        {0x0F, 0xFFFF, 27306250000} /* the slowest there is              */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        open_port(&f, 0xC1, UART_IER_RDI);
        put(&f, UART_LCR, UART_LCR_DLAB);
        put(&f, UART_DLL, cases[i].divisor & 0xFFu);
        put(&f, UART_DLM, cases[i].divisor >> 8);
        put(&f, UART_LCR, cases[i].lcr);
        (void)receive(&f, "q");
        assert_int_equal(uart_ops.deadline(&f.u), 1000 + cases[i].four_ns);
    }
}

static void a_time_out_is_seen_by_polling_without_a_tick(void **state)
{
    (void)state;
    struct fixture f;
    open_port(&f, 0x81, UART_IER_RDI);
    (void)receive(&f, "a");
    f.now += VM_NS_PER_S;
    assert_int_equal(get(&f, UART_IIR), 0xCC);
    f.now = UINT64_MAX - 5; /* so late that the next one cannot be expressed */
    (void)receive(&f, "b");
    (void)get(&f, UART_RBR);
    assert_true(uart_ops.deadline(&f.u) == VM_NS_NEVER);
}

static void without_its_interrupt_there_is_no_deadline(void **state)
{
    (void)state;
    struct fixture f;
    open_port(&f, 0x81, 0);
    (void)receive(&f, "a");
    assert_true(uart_ops.deadline(&f.u) == VM_NS_NEVER);
    put(&f, UART_IER, UART_IER_RDI);
    assert_true(uart_ops.deadline(&f.u) != VM_NS_NEVER);
    put(&f, UART_FCR, 0);
    assert_true(uart_ops.deadline(&f.u) == VM_NS_NEVER);
}

static void it_takes_what_fits_and_no_more(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    assert_int_equal(uart_rx_space(&f.u), 1);
    assert_int_equal(receive(&f, "abc"), 1);
    assert_int_equal(uart_rx_space(&f.u), 0);
    assert_int_equal(get(&f, UART_LSR), 0x61);
    put(&f, UART_FCR, 1);
    assert_int_equal(uart_rx_space(&f.u), 16);
    assert_int_equal(receive(&f, "0123456789abcdefXYZ"), 16);
    assert_int_equal(uart_receive(&f.u, NULL, 0, f.now), 0);
    assert_int_equal(get(&f, UART_RBR), '0');
    assert_int_equal(uart_rx_space(&f.u), 1);
    assert_int_equal(receive(&f, "gh"), 1); /* wraps round the FIFO */
    for (const char *c = "123456789abcdefg"; *c != '\0'; c++) {
        assert_int_equal(get(&f, UART_RBR), *c);
    }
    assert_int_equal(get(&f, UART_LSR), 0x60);
}

static void in_loopback_the_outside_has_to_wait(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, UART_MCR, UART_MCR_LOOP);
    assert_int_equal(uart_rx_space(&f.u), 0);
    assert_int_equal(receive(&f, "a"), 0);
    assert_int_equal(get(&f, UART_LSR), 0x60);
    put(&f, UART_THR, 'l');
    assert_int_equal(get(&f, UART_RBR), 'l');
    assert_int_equal(f.sent, 0);
    put(&f, UART_MCR, 0);
    assert_int_equal(receive(&f, "a"), 1);
}

static void loopback_turns_modem_outputs_into_inputs(void **state)
{
    (void)state;
    static const struct {
        uint32_t mcr;
        uint32_t msr;
    } cases[] = {
        {0x10, 0x0B},                             /* CTS, DSR and DCD drop */
        {0x11, 0x22}, {0x13, 0x31}, {0x17, 0x70}, /* RI begins: no event */
        {0x13, 0x34},                             /* RI ends: TERI */
        {0x1A, 0x9A},                             /* how Linux tells a UART: DCD and CTS only */
        {0x1A, 0x90}, {0x0A, 0xB2},               /* out of loopback: DSR is back */
    };
    struct fixture f;
    start(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put(&f, UART_MCR, cases[i].mcr);
        assert_int_equal(get(&f, UART_MSR), cases[i].msr);
        assert_int_equal(get(&f, UART_MSR) & 0x0Fu, 0);
    }
}

static void fifo_control_clears_what_it_says(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, UART_FCR, 0xC6); /* without the enable bit nothing is programmed */
    assert_int_equal(get(&f, UART_IIR), 0x01);
    (void)receive(&f, "a");
    put(&f, UART_FCR, UART_FCR_RX_RESET);
    put(&f, UART_FCR, 0xC6);
    assert_int_equal(get(&f, UART_LSR), 0x61);
    put(&f, UART_FCR, 0xC1); /* switching FIFOs on empties the receiver */
    assert_int_equal(get(&f, UART_LSR), 0x60);
    assert_int_equal(get(&f, UART_IIR), 0xC1);
    (void)receive(&f, "abc");
    put(&f, UART_FCR, 0x85);
    assert_int_equal(get(&f, UART_LSR), 0x61);
    put(&f, UART_FCR, 0x83);
    assert_int_equal(get(&f, UART_LSR), 0x60);
    (void)receive(&f, "abc");
    put(&f, UART_FCR, 0);
    assert_int_equal(get(&f, UART_LSR), 0x60);
    assert_int_equal(get(&f, UART_IIR), 0x01);
}

static void any_order_of_accesses_keeps_the_invariant(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    uint32_t seed = 12345;
    for (uint32_t i = 0; i < 200000; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t val = (seed >> 8) & 0xFFu;
        uint32_t reg = (seed >> 16) & 7u;
        f.sent = 0;
        f.now += (seed >> 19) & 0xFFFu;
        if ((seed >> 31) != 0) {
            (void)get(&f, reg);
        } else if ((seed & 0x40000000u) != 0) {
            put(&f, reg, val);
        } else if ((seed & 0x20000000u) != 0) {
            uint32_t space = uart_rx_space(&f.u);
            assert_int_equal(receive(&f, "0123456789abcdefgh"), space);
        } else {
            uart_ops.tick(&f.u, f.now);
            assert_true(uart_ops.deadline(&f.u) > f.now);
        }
    }
}

static void unconnected_pins_are_harmless_and_the_window_is_eight_ports(void **state)
{
    (void)state;
    struct uart u;
    struct uart_wiring none = {.tx = NULL};
    uart_init(&u, &none);
    uart_reset(&u, 0);
    uart_ops.write(&u, (struct bus_access){.size = 1, .off = UART_MCR}, UART_MCR_OUT2, 0);
    uart_ops.write(&u, (struct bus_access){.size = 1, .off = UART_IER}, UART_IER_THRI, 0);
    uart_ops.write(&u, (struct bus_access){.size = 1, .off = UART_THR}, 'x', 0);
    assert_true(uart_valid(&u));
    struct bus_window w;
    uart_window(0x2F8, &w);
    assert_int_equal(w.space, BUS_PIO);
    assert_int_equal(w.base, 0x2F8);
    assert_int_equal(w.len, 8);
    assert_int_equal(w.widths, BUS_W1);
}

static void the_invariant_refuses_what_no_guest_can_bring_about(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.u.regs.ier = 0x10;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.mcr = 0x20;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.fcr = 0x02;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.msr_delta = 0x10;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.overrun = 2;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.thre = 2;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.timeout = 2;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.line = 2;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.line = 1;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.rx_head = 16;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.rx_count = 2;
    assert_false(uart_valid(&f.u));
    start(&f);
    f.u.regs.timeout = 1;
    assert_false(uart_valid(&f.u));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reset_state_is_that_of_the_data_sheet),
        cmocka_unit_test(a_written_byte_is_sent_at_once),
        cmocka_unit_test(the_divisor_latch_hides_two_registers),
        cmocka_unit_test(plain_registers_keep_their_bits_and_status_is_read_only),
        cmocka_unit_test(enabling_the_transmit_interrupt_raises_it_and_reading_iir_takes_it),
        cmocka_unit_test(each_sent_byte_is_a_new_edge),
        cmocka_unit_test(a_transmit_interrupt_behind_another_is_not_taken_by_iir),
        cmocka_unit_test(sources_are_told_by_priority),
        cmocka_unit_test(a_source_that_is_not_enabled_is_not_told),
        cmocka_unit_test(modem_events_add_up_until_they_are_read),
        cmocka_unit_test(without_fifos_an_overrun_destroys_the_older_byte),
        cmocka_unit_test(the_line_is_gated_by_out2_and_by_loopback),
        cmocka_unit_test(trigger_levels_hold_back_the_data_interrupt),
        cmocka_unit_test(a_few_characters_time_out_after_four_character_times),
        cmocka_unit_test(the_character_time_follows_divisor_and_format),
        cmocka_unit_test(a_time_out_is_seen_by_polling_without_a_tick),
        cmocka_unit_test(without_its_interrupt_there_is_no_deadline),
        cmocka_unit_test(it_takes_what_fits_and_no_more),
        cmocka_unit_test(in_loopback_the_outside_has_to_wait),
        cmocka_unit_test(loopback_turns_modem_outputs_into_inputs),
        cmocka_unit_test(fifo_control_clears_what_it_says),
        cmocka_unit_test(any_order_of_accesses_keeps_the_invariant),
        cmocka_unit_test(unconnected_pins_are_harmless_and_the_window_is_eight_ports),
        cmocka_unit_test(the_invariant_refuses_what_no_guest_can_bring_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
