/* SPDX-License-Identifier: BSD-2-Clause
 * The PCI host bridge and its table of functions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/pci_state.h"

struct fixture {
    struct pci p;
    uint32_t writes; /* seen by the added function */
    uint32_t last_reg;
    uint32_t last_val;
    uint32_t moves;
    uint64_t at[2]; /* where the function's windows are */
    uint32_t cf9_writes;
    uint64_t cf9_val;
};

static uint64_t cf9_read(void *dev, struct bus_access a, vm_ns_t now)
{
    (void)dev;
    assert_int_equal(a.window, 6);
    assert_int_equal(a.off, 0);
    assert_int_equal(a.size, 1);
    return now;
}

static void cf9_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct fixture *f = dev;
    (void)now;
    assert_int_equal(a.window, 6);
    assert_int_equal(a.off, 0);
    assert_int_equal(a.size, 1);
    f->cf9_writes++;
    f->cf9_val = val;
}

static const struct bus_dev_ops cf9_ops = {.read = cf9_read, .write = cf9_write};

static uint32_t card_read(void *owner, uint32_t reg, uint32_t stored, vm_ns_t now)
{
    (void)owner;
    return reg == 0x40 ? (uint32_t)now : stored;
}

static void card_written(void *owner, uint32_t reg, uint32_t val, vm_ns_t now)
{
    struct fixture *f = owner;
    (void)now;
    f->writes++;
    f->last_reg = reg;
    f->last_val = val;
}

static const struct pci_config_desc card_desc[] = {
    {.reg = 0x00, .reset = 0x10001AF4u},
    {.reg = 0x04, .reset = 0x00100000u, .rw = 0x00000407u, .w1c = 0xF9000000u},
    {.reg = 0x10, .reset = 0x00000001u, .rw = 0xFFFFFFE0u}, /* 32 I/O ports */
    {.reg = 0x3C, .reset = 0x00000100u, .rw = 0x000000FFu},
};
static const struct pci_function_ops card_ops = {
    .desc = card_desc, .descs = 4, .read = card_read, .written = card_written};

static void start(struct fixture *f)
{
    struct pci_wiring w = {.cf9_ops = &cf9_ops, .cf9_dev = f, .cf9_window = 6};
    *f = (struct fixture){.writes = 0};
    pci_init(&f->p, &w);
    pci_reset(&f->p, 0);
    assert_true(pci_valid(&f->p));
}

static void start_with_card(struct fixture *f)
{
    start(f);
    assert_true(pci_add(&f->p, PCI_DEVFN(3, 0), &card_ops, f));
    pci_reset(&f->p, 0);
}

static void put(struct fixture *f, uint32_t window, uint64_t off, uint32_t size, uint64_t val)
{
    pci_ops.write(&f->p, (struct bus_access){.window = window, .size = size, .off = off}, val, 9);
    assert_true(pci_valid(&f->p));
}

static uint32_t get(struct fixture *f, uint32_t window, uint64_t off, uint32_t size)
{
    struct bus_access a = {.window = window, .size = size, .off = off};
    return (uint32_t)pci_ops.read(&f->p, a, 9);
}

static void aim(struct fixture *f, uint32_t address)
{
    put(f, PCI_WINDOW_ADDRESS, 0, 4, address);
}

static uint32_t config(struct fixture *f, uint32_t address)
{
    aim(f, 0x80000000u | address);
    return get(f, PCI_WINDOW_DATA, 0, 4);
}

static void the_host_bridge_is_what_kernels_look_for(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    assert_int_equal(config(&f, 0x00), 0x12378086u);
    assert_int_equal(config(&f, 0x08) >> 8, 0x060000u);
    assert_int_equal(config(&f, 0x0C) & 0x00FF0000u, 0); /* header type 0, one function */
    assert_int_equal(config(&f, 0x2C), 0);
    assert_int_equal(config(&f, 0x10), 0);
    assert_int_equal(config(&f, 0xFC), 0);
    aim(&f, 0x80000008u);
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 2, 2), 0x0600);
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 3, 1), 0x06);
}

static void absent_functions_read_all_ones_at_each_width(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    for (uint32_t devfn = 1; devfn < 256; devfn++) {
        assert_int_equal(config(&f, devfn << 8), 0xFFFFFFFFu);
        put(&f, PCI_WINDOW_DATA, 0, 4, 0);
    }
    for (uint32_t bus = 1; bus < 256; bus++) {
        assert_int_equal(config(&f, bus << 16), 0xFFFFFFFFu);
    }
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 1, 1), 0xFF);
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 2, 2), 0xFFFF);
    aim(&f, 0x00000000u); /* not enabled: the data port is not PCI's */
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 0, 4), 0xFFFFFFFFu);
}

static void the_address_register_keeps_its_bits_only(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    assert_int_equal(get(&f, PCI_WINDOW_ADDRESS, 0, 4), 0);
    aim(&f, 0xFFFFFFFFu);
    assert_int_equal(get(&f, PCI_WINDOW_ADDRESS, 0, 4), 0x80FFFFFCu);
    aim(&f, 0x80000000u); /* how Linux looks for mechanism #1 */
    assert_int_equal(get(&f, PCI_WINDOW_ADDRESS, 0, 4), 0x80000000u);
    pci_reset(&f.p, 1);
    assert_int_equal(get(&f, PCI_WINDOW_ADDRESS, 0, 4), 0);
}

static void a_byte_at_cf9_goes_to_the_reset_register_and_other_bytes_nowhere(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    aim(&f, 0x80001234u);
    put(&f, PCI_WINDOW_ADDRESS, 3, 1, 0x01); /* Linux writes this before the probe */
    put(&f, PCI_WINDOW_ADDRESS, 0, 1, 0x01);
    put(&f, PCI_WINDOW_ADDRESS, 2, 1, 0x01);
    put(&f, PCI_WINDOW_ADDRESS, 0, 2, 0x0E0E);
    put(&f, PCI_WINDOW_ADDRESS, 2, 2, 0x0E0E);
    assert_int_equal(f.cf9_writes, 0);
    put(&f, PCI_WINDOW_ADDRESS, 1, 1, 0x0E);
    assert_int_equal(f.cf9_writes, 1);
    assert_int_equal(f.cf9_val, 0x0E);
    assert_int_equal(get(&f, PCI_WINDOW_ADDRESS, 1, 1), 9);
    assert_int_equal(get(&f, PCI_WINDOW_ADDRESS, 0, 1), 0xFF);
    assert_int_equal(get(&f, PCI_WINDOW_ADDRESS, 3, 1), 0xFF);
    assert_int_equal(get(&f, PCI_WINDOW_ADDRESS, 0, 2), 0xFFFF);
    assert_int_equal(get(&f, PCI_WINDOW_ADDRESS, 0, 4), 0x80001234u);
    f.p.wiring.cf9_ops = NULL;
    put(&f, PCI_WINDOW_ADDRESS, 1, 1, 0x0E);
    assert_int_equal(f.cf9_writes, 1);
    assert_int_equal(get(&f, PCI_WINDOW_ADDRESS, 1, 1), 0xFF);
}

static void write_masks_hold_at_each_width(void **state)
{
    (void)state;
    struct fixture f;
    start_with_card(&f);
    aim(&f, 0x80001810u);
    put(&f, PCI_WINDOW_DATA, 0, 4, 0xFFFFFFFFu); /* sizing the base address */
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 0, 4), 0xFFFFFFE1u);
    put(&f, PCI_WINDOW_DATA, 0, 4, 0x0000C000u);
    put(&f, PCI_WINDOW_DATA, 1, 1, 0xD1);
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 0, 4), 0x0000D101u);
    put(&f, PCI_WINDOW_DATA, 2, 2, 0x1234);
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 0, 4), 0x1234D101u);
    assert_int_equal(f.writes, 4);
    assert_int_equal(f.last_reg, 0x10);
    assert_int_equal(f.last_val, 0x1234D101u);
    assert_int_equal(config(&f, 0x1800), 0x10001AF4u);
    put(&f, PCI_WINDOW_DATA, 0, 4, 0);
    assert_int_equal(config(&f, 0x1800), 0x10001AF4u);
    pci_reset(&f.p, 0);
    assert_int_equal(config(&f, 0x1810), 0x00000001u);
}

static void status_bits_are_cleared_by_ones_in_the_bytes_written(void **state)
{
    (void)state;
    struct fixture f;
    start_with_card(&f);
    f.p.regs.config[1][1] |= 0x39000000u;
    aim(&f, 0x80001804u);
    put(&f, PCI_WINDOW_DATA, 0, 2, 0xFFFF); /* the command half leaves the status alone */
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 0, 4), 0x39100407u);
    put(&f, PCI_WINDOW_DATA, 3, 1, 0x21);
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 0, 4), 0x18100407u);
    put(&f, PCI_WINDOW_DATA, 0, 4, 0xFFFFFFFFu);
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 0, 4), 0x00100407u);
}

static void a_function_may_answer_reads_itself(void **state)
{
    (void)state;
    struct fixture f;
    start_with_card(&f);
    assert_int_equal(config(&f, 0x1840), 9);
    assert_int_equal(config(&f, 0x1844), 0);
}

static void card_moved(void *owner, uint32_t window, uint64_t base)
{
    struct fixture *f = owner;
    f->moves++;
    f->at[window - 3u] = base;
}

static const struct pci_config_desc two_bars_desc[] = {
    {.reg = PCI_COMMAND, .rw = 0x00000407u},
    {.reg = PCI_BAR(0), .reset = PCI_BAR_IO, .rw = 0xFFFFFFC0u},
    {.reg = PCI_BAR(5), .rw = 0xFFFFF000u},
};
static const struct pci_bar two_bars[] = {{.bar = 0, .window = 3}, {.bar = 5, .window = 4}};
static const struct pci_function_ops two_bars_ops = {
    .desc = two_bars_desc, .descs = 3, .bar = two_bars, .bars = 2, .moved = card_moved};

static void windows_follow_their_base_address_and_the_decode_bits(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    assert_true(pci_add(&f.p, PCI_DEVFN(3, 0), &two_bars_ops, &f));
    pci_preset(&f.p, PCI_DEVFN(3, 0), PCI_BAR(0), 0x1000u | PCI_BAR_IO);
    pci_preset(&f.p, PCI_DEVFN(3, 0), PCI_BAR(5), 0xFEB00000u);
    pci_preset(&f.p, PCI_DEVFN(3, 0), PCI_COMMAND, PCI_COMMAND_IO);
    pci_reset(&f.p, 0);
    assert_int_equal(f.at[0], 0x1000);
    assert_int_equal(f.at[1], BUS_OFF);
    aim(&f, 0x80001804u);
    put(&f, PCI_WINDOW_DATA, 0, 1, 0x02); /* memory on, ports off, in a byte */
    assert_int_equal(f.at[0], BUS_OFF);
    assert_int_equal(f.at[1], 0xFEB00000u);
    f.moves = 0;
    aim(&f, 0x80001824u);
    put(&f, PCI_WINDOW_DATA, 0, 4, 0xFFFFFFFFu); /* sizing with decoding on: it moves there */
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 0, 4), 0xFFFFF000u);
    assert_int_equal(f.at[1], 0xFFFFF000u);
    assert_int_equal(f.moves, 1);
    aim(&f, 0x80001810u);
    put(&f, PCI_WINDOW_DATA, 0, 4, 0xC000u); /* while off: nothing but the register */
    assert_int_equal(get(&f, PCI_WINDOW_DATA, 0, 4), 0xC001u);
    assert_int_equal(f.at[0], BUS_OFF);
    aim(&f, 0x80001804u);
    put(&f, PCI_WINDOW_DATA, 0, 2, 0x0007);
    assert_int_equal(f.at[0], 0xC000);
    assert_int_equal(pci_config(&f.p, PCI_DEVFN(3, 0), PCI_BAR(0)), 0xC001u);
    pci_reset(&f.p, 0);
    assert_int_equal(f.at[0], 0x1000);
    assert_int_equal(f.at[1], BUS_OFF);
}

static void the_table_refuses_what_it_cannot_hold(void **state)
{
    (void)state;
    static const struct pci_config_desc odd = {.reg = 0x02};
    static const struct pci_config_desc beyond = {.reg = 0x100};
    static const struct pci_function_ops odd_ops = {.desc = &odd, .descs = 1};
    static const struct pci_function_ops beyond_ops = {.desc = &beyond, .descs = 1};
    static const struct pci_function_ops many_ops = {.desc = card_desc, .descs = 65};
    struct fixture f;
    start(&f);
    assert_false(pci_add(&f.p, PCI_DEVFN(0, 0), &card_ops, &f));
    assert_false(pci_add(&f.p, 256, &card_ops, &f));
    assert_false(pci_add(&f.p, 8, &odd_ops, &f));
    assert_false(pci_add(&f.p, 8, &beyond_ops, &f));
    assert_false(pci_add(&f.p, 8, &many_ops, &f));
    static const struct pci_bar seventh = {.bar = 6};
    static const struct pci_function_ops bar_ops = {.bar = &seventh, .bars = 1};
    assert_false(pci_add(&f.p, 8, &bar_ops, &f));
    struct pci_config_desc all[PCI_CONFIG_DWORDS];
    for (uint32_t i = 0; i < PCI_CONFIG_DWORDS; i++) {
        all[i] = (struct pci_config_desc){.reg = 4u * i, .reset = i, .rw = 0xF0u};
    }
    const struct pci_function_ops all_ops = {.desc = all, .descs = PCI_CONFIG_DWORDS};
    struct fixture g;
    start(&g);
    assert_true(pci_add(&g.p, 8, &all_ops, &g));
    pci_reset(&g.p, 0);
    for (uint32_t i = 0; i < PCI_CONFIG_DWORDS; i++) {
        assert_int_equal(config(&g, 0x800u + 4u * i), i);
        put(&g, PCI_WINDOW_DATA, 0, 4, 0xFF);
        assert_int_equal(config(&g, 0x800u + 4u * i), 0xF0u | i);
    }
    for (uint32_t i = 1; i < PCI_FUNCTIONS_MAX; i++) {
        assert_true(pci_add(&f.p, PCI_DEVFN(i, 7), &card_ops, &f));
    }
    assert_false(pci_add(&f.p, PCI_DEVFN(31, 7), &card_ops, &f));
    pci_reset(&f.p, 0);
    assert_true(pci_valid(&f.p));
    assert_int_equal(config(&f, PCI_DEVFN(7, 7) << 8), 0x10001AF4u);
    assert_int_equal(config(&f, PCI_DEVFN(31, 7) << 8), 0xFFFFFFFFu);
}

static void the_invariant_refuses_what_no_guest_can_bring_about(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.p.functions = 0;
    assert_false(pci_valid(&f.p));
    start(&f);
    f.p.functions = PCI_FUNCTIONS_MAX + 1;
    assert_false(pci_valid(&f.p));
    start(&f);
    f.p.slot[0] = 0;
    assert_false(pci_valid(&f.p));
    start(&f);
    f.p.regs.address = 1;
    assert_false(pci_valid(&f.p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_bridge_is_what_kernels_look_for),
        cmocka_unit_test(absent_functions_read_all_ones_at_each_width),
        cmocka_unit_test(the_address_register_keeps_its_bits_only),
        cmocka_unit_test(a_byte_at_cf9_goes_to_the_reset_register_and_other_bytes_nowhere),
        cmocka_unit_test(write_masks_hold_at_each_width),
        cmocka_unit_test(status_bits_are_cleared_by_ones_in_the_bytes_written),
        cmocka_unit_test(a_function_may_answer_reads_itself),
        cmocka_unit_test(windows_follow_their_base_address_and_the_decode_bits),
        cmocka_unit_test(the_table_refuses_what_it_cannot_hold),
        cmocka_unit_test(the_invariant_refuses_what_no_guest_can_bring_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
