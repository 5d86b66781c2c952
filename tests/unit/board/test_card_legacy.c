/* SPDX-License-Identifier: BSD-2-Clause
 * The legacy register block in its three places, driven as Linux's legacy PCI driver and as an RTOS's
 * driver for the block at a fixed address do. */
#include "card.h"

#include "virtio/pci_legacy.h"

#define DEV 3u
#define IRQ 11u

struct block {
    struct guest *g;
    enum bus_space space;
    uint64_t at;
};

static uint32_t get(struct block *b, uint32_t off, uint32_t size)
{
    return card_read(b->g, b->space, b->at + off, size);
}

static void put(struct block *b, uint32_t off, uint32_t size, uint32_t val)
{
    card_write(b->g, b->space, b->at + off, size, val);
}

static struct block open_block(uint32_t shell, uint32_t devices, uint32_t irq, bool raw)
{
    const struct system_nic nic = card_nic(shell, irq);
    struct block b = {.g = guest_new(devices, &nic, 1, raw), .space = BUS_MMIO, .at = CARD_AT};
    if (shell != SYSTEM_SHELL_BLOCK) {
        const uint32_t bar = card_config(b.g, DEV, 0x10, 4);
        b.space = (bar & 1u) != 0 ? BUS_PIO : BUS_MMIO;
        b.at = bar & ((bar & 1u) != 0 ? ~3u : ~0xFu);
    }
    return b;
}

/* Up to DRIVER_OK as Linux does it; `vectors`: with MSI-X, queue n has vector n + 1. */
static void probe(struct block *b, uint32_t features, bool vectors)
{
    put(b, VLEGACY_STATUS, 1, 0);
    assert_int_equal(get(b, VLEGACY_STATUS, 1), 0);
    put(b, VLEGACY_STATUS, 1, 1);
    put(b, VLEGACY_STATUS, 1, 3);
    const uint32_t offered = get(b, VLEGACY_FEATURES, 4);
    assert_true((offered & BIT32(VIRTIO_NET_F_MAC)) != 0);
    put(b, VLEGACY_ACCEPTED, 4, offered & features);
    assert_int_equal(get(b, VLEGACY_ACCEPTED, 4), offered & features);
    if (vectors) {
        put(b, VLEGACY_CONFIG_VECTOR, 2, 0);
        assert_int_equal(get(b, VLEGACY_CONFIG_VECTOR, 2), 0);
    }
    for (uint32_t q = 0; q < 2; q++) {
        put(b, VLEGACY_QUEUE_SELECT, 2, q);
        assert_int_equal(get(b, VLEGACY_QUEUE_SIZE, 2), CARD_QUEUE);
        assert_int_equal(get(b, VLEGACY_QUEUE_PFN, 4), 0);
        put(b, VLEGACY_QUEUE_PFN, 4, 0x100 + 0x10 * q);
        assert_int_equal(get(b, VLEGACY_QUEUE_PFN, 4), 0x100 + 0x10 * q);
        if (vectors) {
            put(b, VLEGACY_QUEUE_VECTOR, 2, q + 1);
            assert_int_equal(get(b, VLEGACY_QUEUE_VECTOR, 2), q + 1);
        }
    }
    put(b, VLEGACY_QUEUE_SELECT, 2, 2);
    assert_int_equal(get(b, VLEGACY_QUEUE_SIZE, 2), 0);
    put(b, VLEGACY_STATUS, 1, 7);
    assert_int_equal(get(b, VLEGACY_STATUS, 1), 7);
    assert_int_equal(b->g->state, CHANNEL_RUN);
    assert_true(b->g->setup.features == (offered & features));
    assert_int_equal(b->g->setup.queue[0].desc, 0x100000);
    assert_int_equal(b->g->setup.queue[1].desc, 0x110000);
    assert_int_equal(b->g->setup.queue[1].avail, 0x110800);
    assert_int_equal(b->g->setup.queue[1].used, 0x111000);
    assert_int_equal(b->g->setup.queue[1].size, CARD_QUEUE);
}

static void drive(uint32_t shell, bool raw)
{
    struct block b = open_block(shell, CARD_PC, IRQ, raw);
    struct guest *g = b.g;
    g->isr_at = b.at + VLEGACY_ISR;
    g->isr_space = b.space;
    card_route(g, IRQ);
    probe(&b, UINT32_MAX, false);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(get(&b, VLEGACY_CONFIG + i, 1), g->s->system.nic[0].mac[i]);
    }
    assert_int_equal(get(&b, VLEGACY_CONFIG + 6, 2), 1);
    g->s->kicks[0] = 0;
    put(&b, VLEGACY_NOTIFY, 2, 0);
    put(&b, VLEGACY_NOTIFY, 2, 1);
    put(&b, VLEGACY_NOTIFY, 4, 1); /* some drivers store a dword */
    assert_int_equal(g->s->kicks[0], 3);
    assert_int_equal(get(&b, VLEGACY_STATUS, 1), 7);
    card_raise(g, CHANNEL_IRQ_QUEUE(1));
    assert_int_equal(g->irqs[CARD_PIN], 1);
    assert_int_equal(g->isr_seen, 1);
    assert_int_equal(get(&b, VLEGACY_ISR, 1), 0);
    vm_set_link(g->s->vm, 0, false, g->s->tsc);
    sim_notify(g->s);
    assert_int_equal(g->irqs[CARD_PIN], 2);
    assert_int_equal(g->isr_seen, 3);
    assert_int_equal(get(&b, VLEGACY_CONFIG + 6, 2), 0);
    card_raise(g, CHANNEL_IRQ_QUEUE(0) | CHANNEL_IRQ_QUEUE(1));
    assert_int_equal(g->irqs[CARD_PIN], 3); /* one for both */
    put(&b, VLEGACY_CONFIG, 1, 0x06);       /* another address, and traffic goes on */
    assert_int_equal(get(&b, VLEGACY_CONFIG, 1), 0x06);
    card_raise(g, CHANNEL_IRQ_QUEUE(0));
    assert_int_equal(g->irqs[CARD_PIN], 4);
    put(&b, VLEGACY_STATUS, 1, 0);
    assert_int_equal(g->state, CHANNEL_STOP);
    assert_int_equal(get(&b, VLEGACY_CONFIG, 1), 0x02);
    probe(&b, BIT32(VIRTIO_NET_F_MAC), false); /* again, with a poorer driver */
    guest_free(g);
}

static void linux_drives_the_ports(void **state)
{
    (void)state;
    drive(SYSTEM_SHELL_PCI_LEGACY, false);
    drive(SYSTEM_SHELL_PCI_LEGACY, true);
}

static void linux_drives_the_memory_window(void **state)
{
    (void)state;
    drive(SYSTEM_SHELL_PCI_LEGACY_MEM, false);
    drive(SYSTEM_SHELL_PCI_LEGACY_MEM, true);
}

static void an_rtos_drives_the_block_at_its_address(void **state)
{
    (void)state;
    drive(SYSTEM_SHELL_BLOCK, false);
    drive(SYSTEM_SHELL_BLOCK, true);
}

static void the_function_is_what_legacy_drivers_look_for(void **state)
{
    (void)state;
    struct block b = open_block(SYSTEM_SHELL_PCI_LEGACY, CARD_PC, 17, false);
    assert_int_equal(card_config(b.g, DEV, 0, 4), 0x10001AF4);
    assert_int_equal(card_config(b.g, DEV, 8, 4), 0x02000000); /* revision 0 */
    assert_int_equal(card_config(b.g, DEV, 0x2C, 4), 0x00011AF4);
    assert_int_equal(card_config(b.g, DEV, 0x0E, 1), 0);
    assert_int_equal(card_config(b.g, DEV, 0x3C, 2), 0x0111); /* INTA# at input 17 */
    assert_int_equal(card_config(b.g, DEV, 4, 2), 7);         /* as a BIOS leaves it */
    assert_int_equal(card_bar_size(b.g, DEV, 0), VLEGACY_IO_LEN);
    assert_int_equal(card_bar_size(b.g, DEV, 1), 0x1000);
    assert_int_equal(card_bar_size(b.g, DEV, 2), 0);
    assert_int_equal(b.space, BUS_PIO);
    assert_in_range(b.at, SYSTEM_PCI_IO_BASE, SYSTEM_PCI_IO_BASE + SYSTEM_PCI_IO_BYTES - 1);
    assert_int_equal(card_capability(b.g, DEV, 0x09, 0), 0); /* no modern interface */
    assert_int_equal(get(&b, VLEGACY_QUEUE_SIZE, 2), CARD_QUEUE);
    guest_free(b.g);
    b = open_block(SYSTEM_SHELL_PCI_LEGACY_MEM, CARD_PC, IRQ, false);
    assert_int_equal(card_config(b.g, DEV, 0, 4), 0x10001AF4);
    assert_int_equal(card_bar_size(b.g, DEV, 0), VLEGACY_MEM_LEN);
    assert_int_equal(b.space, BUS_MMIO);
    guest_free(b.g);
}

static void with_msix_each_queue_has_its_vector_and_config_moves_up(void **state)
{
    (void)state;
    for (uint32_t shell = SYSTEM_SHELL_PCI_LEGACY; shell <= SYSTEM_SHELL_PCI_LEGACY_MEM; shell++) {
        struct block b = open_block(shell, CARD_PC, IRQ, false);
        struct guest *g = b.g;
        card_route(g, IRQ);
        assert_int_equal(get(&b, VLEGACY_CONFIG, 2), 0x1102);
        assert_int_equal(card_enable_msix(g, DEV), 3);
        assert_int_equal(get(&b, VLEGACY_CONFIG_MSIX, 2), 0x1102);
        put(&b, VLEGACY_CONFIG_VECTOR, 2, 3); /* there is no such vector */
        assert_int_equal(get(&b, VLEGACY_CONFIG_VECTOR, 2), 0xFFFF);
        probe(&b, UINT32_MAX, true);
        card_raise(g, CHANNEL_IRQ_QUEUE(0));
        card_raise(g, CHANNEL_IRQ_QUEUE(1));
        card_raise(g, CHANNEL_IRQ_QUEUE(1));
        vm_set_link(g->s->vm, 0, false, g->s->tsc);
        sim_notify(g->s);
        assert_int_equal(g->irqs[0x60], 1);
        assert_int_equal(g->irqs[0x61], 1);
        assert_int_equal(g->irqs[0x62], 2);
        assert_int_equal(g->irqs[CARD_PIN], 0);
        assert_int_equal(get(&b, VLEGACY_ISR, 1),
                         2); /* the configuration's bit is set all the same */
        /* A reset forgets the vectors; then nothing comes, by pin neither. */
        put(&b, VLEGACY_STATUS, 1, 0);
        put(&b, VLEGACY_QUEUE_SELECT, 2, 0);
        assert_int_equal(get(&b, VLEGACY_QUEUE_VECTOR, 2), 0xFFFF);
        probe(&b, UINT32_MAX, false);
        card_raise(g, CHANNEL_IRQ_QUEUE(0));
        assert_int_equal(g->irqs[0x61], 1);
        assert_int_equal(g->irqs[CARD_PIN], 0);
        guest_free(g);
    }
}

/* As Linux masks a vector while it moves it. */
static void a_masked_vector_is_pending(void **state)
{
    (void)state;
    struct block b = open_block(SYSTEM_SHELL_PCI_LEGACY, CARD_PC, IRQ, false);
    struct guest *g = b.g;
    card_route(g, IRQ);
    card_enable_msix(g, DEV);
    probe(&b, UINT32_MAX, true);
    const uint64_t table = card_config(g, DEV, 0x14, 4);
    card_write(g, BUS_MMIO, table + 16 + 12, 4, 1);
    card_raise(g, CHANNEL_IRQ_QUEUE(0));
    assert_int_equal(g->irqs[0x61], 0);
    assert_int_equal(card_read(g, BUS_MMIO, table + 0x800, 4), 2);
    card_write(g, BUS_MMIO, table + 16 + 8, 4, 0x71);
    card_write(g, BUS_MMIO, table + 16 + 12, 4, 0);
    assert_int_equal(g->irqs[0x61], 0);
    assert_int_equal(g->irqs[0x71], 1);
    assert_int_equal(card_read(g, BUS_MMIO, table + 0x800, 4), 0);
    guest_free(g);
}

static void the_command_register_holds_back_the_pin(void **state)
{
    (void)state;
    struct block b = open_block(SYSTEM_SHELL_PCI_LEGACY, CARD_PC, IRQ, false);
    struct guest *g = b.g;
    g->isr_at = b.at + VLEGACY_ISR;
    card_route(g, IRQ);
    probe(&b, UINT32_MAX, false);
    card_set_config(g, DEV, 4, 2, 0x407);
    card_raise(g, CHANNEL_IRQ_QUEUE(0));
    assert_int_equal(g->irqs[CARD_PIN], 0);
    assert_int_equal(card_config(g, DEV, 6, 2) & 8u, 8); /* interrupt status */
    card_set_config(g, DEV, 4, 2, 7);
    assert_int_equal(g->irqs[CARD_PIN], 1);
    assert_int_equal(card_config(g, DEV, 6, 2) & 8u, 0);
    guest_free(g);
}

static void a_bar_that_moves_takes_registers_and_doorbells_along(void **state)
{
    (void)state;
    struct vm_doorbell bells[VM_DOORBELLS_MAX];
    struct block b = open_block(SYSTEM_SHELL_PCI_LEGACY, CARD_PC, IRQ, false);
    const uint32_t version = vm_doorbells_version(b.g->s->vm);
    assert_int_equal(vm_doorbells(b.g->s->vm, bells), 2);
    assert_int_equal(bells[1].addr, b.at + VLEGACY_NOTIFY);
    assert_int_equal(bells[1].space, BUS_PIO);
    assert_int_equal(bells[1].width, 2);
    assert_int_equal(bells[0].value, 0);
    assert_int_equal(bells[1].value, 1);
    card_set_config(b.g, DEV, 0x10, 4, 0xE000);
    assert_int_equal(get(&b, VLEGACY_QUEUE_SIZE, 2), 0xFFFF);
    b.at = 0xE000;
    assert_int_equal(get(&b, VLEGACY_QUEUE_SIZE, 2), CARD_QUEUE);
    assert_int_not_equal(vm_doorbells_version(b.g->s->vm), version);
    assert_int_equal(vm_doorbells(b.g->s->vm, bells), 2);
    assert_int_equal(bells[0].addr, 0xE010);
    card_set_config(b.g, DEV, 4, 2, 2); /* no I/O decoding */
    assert_int_equal(get(&b, VLEGACY_QUEUE_SIZE, 2), 0xFFFF);
    assert_int_equal(vm_doorbells(b.g->s->vm, bells), 0);
    card_set_config(b.g, DEV, 4, 2, 1);
    assert_int_equal(get(&b, VLEGACY_QUEUE_SIZE, 2), CARD_QUEUE);
    card_set_config(b.g, DEV, 0x10, 4, 0x03C0); /* onto the UART */
    assert_int_equal(card_read(b.g, BUS_PIO, 0x3CC, 2), 0xFFFF);
    assert_int_equal(vm_bus_counts(b.g->s->vm)->refused_moves, 1);
    assert_int_equal(vm_doorbells(b.g->s->vm, bells), 0);
    card_set_config(b.g, DEV, 0x10, 4, 0xE000);
    assert_int_equal(get(&b, VLEGACY_QUEUE_SIZE, 2), CARD_QUEUE);
    guest_free(b.g);
}

static void an_access_means_the_register_at_its_address(void **state)
{
    (void)state;
    struct block b = open_block(SYSTEM_SHELL_BLOCK, CARD_PC, IRQ, false);
    probe(&b, UINT32_MAX, false);
    put(&b, VLEGACY_QUEUE_SELECT, 2, 1);
    assert_int_equal(get(&b, VLEGACY_QUEUE_SIZE, 4), CARD_QUEUE);
    assert_int_equal(get(&b, VLEGACY_QUEUE_SELECT, 1), 1);
    assert_int_equal(get(&b, VLEGACY_QUEUE_SELECT + 1, 1), 0);
    const uint32_t features = get(&b, VLEGACY_FEATURES, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(get(&b, i, 1), (features >> (8 * i)) & 0xFF);
    }
    assert_int_equal(get(&b, VLEGACY_FEATURES + 2, 2), features >> 16);
    card_raise(b.g, CHANNEL_IRQ_QUEUE(0));
    assert_int_equal(get(&b, VLEGACY_STATUS, 2), 7); /* the ISR status next to it stays */
    assert_int_equal(get(&b, VLEGACY_NOTIFY, 4), 0);
    assert_int_equal(get(&b, VLEGACY_ISR, 1), 1);
    put(&b, VLEGACY_ACCEPTED + 1, 1, 0); /* not the start of a register */
    put(&b, VLEGACY_ISR, 1, 0xFF);
    put(&b, VLEGACY_FEATURES, 4, 0);
    put(&b, VLEGACY_QUEUE_SIZE, 2, 4);
    assert_int_equal(get(&b, VLEGACY_QUEUE_SIZE, 2), CARD_QUEUE);
    assert_int_equal(get(&b, VLEGACY_CONFIG + 0x100, 4), 0);
    guest_free(b.g);
}

/* The RTOS's 0xFE00000C is register 0x0C, port 0x100C of the card that stands at 0x1000. */
static void the_fixed_block_is_the_same_as_the_ports(void **state)
{
    (void)state;
    struct vm_doorbell bells[VM_DOORBELLS_MAX];
    struct block b = open_block(SYSTEM_SHELL_BLOCK, SYSTEM_DEV_LAPIC, SYSTEM_IRQ_NONE, false);
    sim_store(b.g->s, 0xFE00000E, 2, 1);
    assert_int_equal(sim_load(b.g->s, 0xFE00000C, 2), CARD_QUEUE);
    assert_int_equal(vm_doorbells(b.g->s->vm, bells), 2);
    assert_int_equal(bells[0].addr, 0xFE000010);
    assert_int_equal(bells[0].space, BUS_MMIO);
    probe(&b, UINT32_MAX, false);
    card_raise(b.g, CHANNEL_IRQ_QUEUE(0)); /* it polls */
    assert_int_equal(get(&b, VLEGACY_ISR, 1), 1);
    guest_free(b.g);
    b = open_block(SYSTEM_SHELL_PCI_LEGACY, CARD_PC, IRQ, false);
    card_set_config(b.g, DEV, 0x10, 4, 0x1000);
    assert_int_equal(sim_in(b.g->s, 0x100C, 2), CARD_QUEUE);
    guest_free(b.g);
}

static void without_an_io_apic_the_pin_reaches_the_8259_and_there_is_no_msix(void **state)
{
    (void)state;
    const uint32_t old = SYSTEM_DEV_PIC | SYSTEM_DEV_PCI;
    struct block b = open_block(SYSTEM_SHELL_PCI_LEGACY, old, 11, false);
    struct sim *s = b.g->s;
    assert_int_equal(card_capability(b.g, DEV, 0x11, 0), 0);
    assert_int_equal(sim_in(s, 0x4D1, 1), 0x08); /* level, as firmware leaves it */
    sim_out(s, 0x20, 1, 0x11);
    sim_out(s, 0x21, 1, 0x20);
    sim_out(s, 0x21, 1, 0x04);
    sim_out(s, 0x21, 1, 0x01);
    sim_out(s, 0xA0, 1, 0x11);
    sim_out(s, 0xA1, 1, 0x28);
    sim_out(s, 0xA1, 1, 0x02);
    sim_out(s, 0xA1, 1, 0x01);
    sim_out(s, 0x21, 1, 0xFB);
    sim_out(s, 0xA1, 1, 0xF7);
    probe(&b, UINT32_MAX, false);
    s->isr = NULL;
    sim_sti(s);
    card_raise(b.g, CHANNEL_IRQ_QUEUE(0));
    assert_int_equal(s->log[0].vector, 0x2B);
    assert_int_equal(get(&b, VLEGACY_ISR, 1), 1);
    guest_free(b.g);
}

static void two_cards_share_an_input(void **state)
{
    (void)state;
    struct system_nic nics[2] = {card_nic(SYSTEM_SHELL_PCI_LEGACY, IRQ),
                                 card_nic(SYSTEM_SHELL_PCI_LEGACY, IRQ)};
    nics[1].pci_device = 4;
    struct guest *g = guest_new(CARD_PC, nics, 2, false);
    struct block a = {.g = g, .space = BUS_PIO, .at = card_config(g, 3, 0x10, 4) & ~3u};
    struct block b = {.g = g, .space = BUS_PIO, .at = card_config(g, 4, 0x10, 4) & ~3u};
    assert_int_not_equal(a.at, b.at);
    probe(&a, UINT32_MAX, false);
    probe(&b, UINT32_MAX, false);
    card_route(g, IRQ);
    sim_cli(g->s);
    sim_out(g->s, 0x80, 1, 0); /* an exit, so that the core knows */
    channel_raise(g->s->channel[0], CHANNEL_IRQ_QUEUE(0));
    channel_raise(g->s->channel[1], CHANNEL_IRQ_QUEUE(0));
    sim_notify(g->s);
    assert_int_equal(get(&a, VLEGACY_ISR, 1), 1); /* the other one still holds the line */
    g->isr_at = b.at + VLEGACY_ISR;
    sim_sti(g->s);
    assert_in_range(g->irqs[CARD_PIN], 1, 2);
    assert_int_equal(g->isr_seen, 1);
    const uint32_t after = g->irqs[CARD_PIN];
    sim_compute(g->s, 0);
    assert_int_equal(g->irqs[CARD_PIN], after); /* quiet now */
    channel_raise(g->s->channel[1], CHANNEL_IRQ_QUEUE(0));
    sim_notify(g->s);
    assert_int_equal(g->irqs[CARD_PIN], after + 1);
    guest_free(g);
}

static void while_the_io_half_has_not_stopped_the_guest_waits(void **state)
{
    (void)state;
    struct block b = open_block(SYSTEM_SHELL_PCI_LEGACY, CARD_PC, IRQ, false);
    struct guest *g = b.g;
    g->isr_at = b.at + VLEGACY_ISR;
    card_route(g, IRQ);
    probe(&b, UINT32_MAX, false);
    g->s->io = NULL;
    put(&b, VLEGACY_STATUS, 1, 0);
    assert_int_equal(g->s->plan.go, VM_GO_WAIT);
    sim_store(g->s, CARD_LAPIC + 0x300, 4, 0x40000u | 0x44u); /* an interrupt comes meanwhile */
    sim_notify(g->s);
    assert_int_equal(g->s->plan.go, VM_GO_WAIT);
    assert_int_equal(g->s->plan.inject, VM_INJECT_NONE);
    assert_int_equal(g->irqs[0x44], 0);
    g->s->io = card_obey;
    sim_notify(g->s);
    assert_int_equal(g->s->plan.go, VM_GO_RUN);
    assert_int_equal(g->state, CHANNEL_STOP);
    assert_int_equal(g->irqs[0x44], 1);
    assert_int_equal(get(&b, VLEGACY_STATUS, 1), 0);
    guest_free(g);
}

static void the_counts_say_what_happened(void **state)
{
    (void)state;
    struct block b = open_block(SYSTEM_SHELL_BLOCK, CARD_PC, IRQ, false);
    probe(&b, UINT32_MAX, false);
    put(&b, VLEGACY_NOTIFY, 2, 1);
    put(&b, VLEGACY_NOTIFY, 2, 7); /* no such queue */
    card_raise(b.g, CHANNEL_IRQ_QUEUE(0));
    card_raise(b.g, CHANNEL_IRQ_BROKEN);
    put(&b, VLEGACY_STATUS, 1, 0);
    const struct vdev_counts *c = vm_nic_counts(b.g->s->vm, 0);
    assert_int_equal(c->kicks, 1);
    assert_int_equal(c->queue_irqs, 1);
    assert_int_equal(c->breaks, 1);
    assert_int_equal(c->runs, 1);
    assert_int_equal(c->resets, 2);
    guest_free(b.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_drives_the_ports),
        cmocka_unit_test(linux_drives_the_memory_window),
        cmocka_unit_test(an_rtos_drives_the_block_at_its_address),
        cmocka_unit_test(the_function_is_what_legacy_drivers_look_for),
        cmocka_unit_test(with_msix_each_queue_has_its_vector_and_config_moves_up),
        cmocka_unit_test(a_masked_vector_is_pending),
        cmocka_unit_test(the_command_register_holds_back_the_pin),
        cmocka_unit_test(a_bar_that_moves_takes_registers_and_doorbells_along),
        cmocka_unit_test(an_access_means_the_register_at_its_address),
        cmocka_unit_test(the_fixed_block_is_the_same_as_the_ports),
        cmocka_unit_test(without_an_io_apic_the_pin_reaches_the_8259_and_there_is_no_msix),
        cmocka_unit_test(two_cards_share_an_input),
        cmocka_unit_test(while_the_io_half_has_not_stopped_the_guest_waits),
        cmocka_unit_test(the_counts_say_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
