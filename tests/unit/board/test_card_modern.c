/* SPDX-License-Identifier: BSD-2-Clause
 * PCI modern and both versions of virtio-mmio, driven as Linux's drivers do. */
#include "card.h"

#include "virtio/mmio.h"
#include "virtio/pci_modern.h"

#define DEV 3u
#define IRQ 21u

/* --- PCI modern ------------------------------------------------------------------------------------ */

/* The structures, where the capabilities say they are. */
struct pci_card {
    struct guest *g;
    uint64_t common, notify, isr, config;
    uint32_t step;
    uint32_t access; /* the capability for configuration space */
};

static uint64_t structure(struct guest *g, uint32_t cap)
{
    const uint32_t bar = card_config(g, DEV, cap + 4, 1);
    return (card_config(g, DEV, 0x10 + 4 * bar, 4) & ~0xFull) + card_config(g, DEV, cap + 8, 4);
}

static struct pci_card open_pci(uint32_t devices, bool raw)
{
    const struct system_nic nic = card_nic(SYSTEM_SHELL_PCI_MODERN, IRQ);
    struct pci_card c = {.g = guest_new(devices, &nic, 1, raw)};
    uint32_t cap = 0;
    for (uint32_t i = 0; i < 8; i++) {
        cap = card_capability(c.g, DEV, 0x09, cap);
        if (cap == 0) {
            break;
        }
        const uint32_t type = card_config(c.g, DEV, cap + 3, 1);
        uint64_t *const where[] = {NULL, &c.common, &c.notify, &c.isr, &c.config};
        if (type >= 1 && type <= 4) {
            *where[type] = structure(c.g, cap);
        }
        if (type == 2) {
            c.step = card_config(c.g, DEV, cap + 16, 4);
        } else if (type == 5) {
            c.access = cap;
        }
    }
    assert_true(c.common != 0 && c.notify != 0 && c.isr != 0 && c.config != 0 && c.access != 0);
    return c;
}

static uint32_t get(struct pci_card *c, uint32_t off, uint32_t size)
{
    return card_read(c->g, BUS_MMIO, c->common + off, size);
}

static void put(struct pci_card *c, uint32_t off, uint32_t size, uint32_t val)
{
    card_write(c->g, BUS_MMIO, c->common + off, size, val);
}

static uint64_t pci_offered(struct pci_card *c)
{
    put(c, VMODERN_OFFERED_WORD, 4, 0);
    uint64_t features = get(c, VMODERN_OFFERED, 4);
    put(c, VMODERN_OFFERED_WORD, 4, 1);
    features |= (uint64_t)get(c, VMODERN_OFFERED, 4) << 32;
    put(c, VMODERN_OFFERED_WORD, 4, 2);
    assert_int_equal(get(c, VMODERN_OFFERED, 4), 0);
    return features;
}

static void pci_accept(struct pci_card *c, uint64_t features)
{
    put(c, VMODERN_ACCEPTED_WORD, 4, 0);
    put(c, VMODERN_ACCEPTED, 4, (uint32_t)features);
    put(c, VMODERN_ACCEPTED_WORD, 4, 1);
    put(c, VMODERN_ACCEPTED, 4, (uint32_t)(features >> 32));
    assert_int_equal(get(c, VMODERN_ACCEPTED_WORD, 4), 1);
    assert_int_equal(get(c, VMODERN_ACCEPTED, 4), features >> 32);
}

static void pci_place(struct pci_card *c, uint32_t q, bool vectors)
{
    put(c, VMODERN_QUEUE_SELECT, 2, q);
    assert_int_equal(get(c, VMODERN_QUEUE_SIZE, 2), CARD_QUEUE);
    assert_int_equal(get(c, VMODERN_QUEUE_ENABLE, 2), 0);
    put(c, VMODERN_QUEUE_SIZE, 2, 64);
    for (uint32_t ring = 0; ring < 3; ring++) {
        put(c, VMODERN_QUEUE_DESC + 8 * ring, 4, 0x10000 * (q + 1) + 0x1000 * ring);
        put(c, VMODERN_QUEUE_DESC + 8 * ring + 4, 4, ring);
        assert_int_equal(get(c, VMODERN_QUEUE_DESC + 8 * ring + 4, 4), ring);
    }
    if (vectors) {
        put(c, VMODERN_QUEUE_VECTOR, 2, q + 1);
        assert_int_equal(get(c, VMODERN_QUEUE_VECTOR, 2), q + 1);
    }
    put(c, VMODERN_QUEUE_ENABLE, 2, 1);
    assert_int_equal(get(c, VMODERN_QUEUE_ENABLE, 2), 1);
}

static void pci_probe(struct pci_card *c, uint64_t features, bool vectors)
{
    put(c, VMODERN_STATUS, 1, 0);
    assert_int_equal(get(c, VMODERN_STATUS, 1), 0);
    put(c, VMODERN_STATUS, 1, 1);
    put(c, VMODERN_STATUS, 1, 3);
    features &= pci_offered(c);
    pci_accept(c, features);
    put(c, VMODERN_STATUS, 1, 11);
    assert_int_equal(get(c, VMODERN_STATUS, 1), 11);
    assert_int_equal(get(c, VMODERN_QUEUES, 2), 2);
    if (vectors) {
        put(c, VMODERN_CONFIG_VECTOR, 2, 0);
        assert_int_equal(get(c, VMODERN_CONFIG_VECTOR, 2), 0);
    }
    pci_place(c, 0, vectors);
    pci_place(c, 1, vectors);
    put(c, VMODERN_STATUS, 1, 15);
    assert_int_equal(c->g->state, CHANNEL_RUN);
    assert_true(c->g->setup.features == features);
    assert_true(c->g->setup.queue[1].used == 0x200022000);
    assert_int_equal(c->g->setup.queue[1].size, 64);
}

static void drive_pci(bool raw)
{
    struct pci_card c = open_pci(CARD_PC, raw);
    struct guest *g = c.g;
    g->isr_at = c.isr;
    g->isr_space = BUS_MMIO;
    card_route(g, IRQ);
    pci_probe(&c, UINT64_MAX, false);
    const uint32_t generation = get(&c, VMODERN_GENERATION, 1);
    assert_int_equal(card_read(g, BUS_MMIO, c.config, 4), 0x33221102);
    assert_int_equal(card_read(g, BUS_MMIO, c.config + 6, 2), 1);
    assert_int_equal(card_read(g, BUS_MMIO, c.config + 10, 2), 1500);
    g->s->kicks[0] = 0;
    for (uint32_t q = 0; q < 2; q++) {
        put(&c, VMODERN_QUEUE_SELECT, 2, q);
        card_write(g, BUS_MMIO, c.notify + get(&c, VMODERN_QUEUE_DOORBELL, 2) * c.step, 2, q);
    }
    assert_int_equal(g->s->kicks[0], 2);
    card_raise(g, CHANNEL_IRQ_QUEUE(0));
    assert_int_equal(g->irqs[CARD_PIN], 1);
    assert_int_equal(g->isr_seen, 1);
    vm_set_link(g->s->vm, 0, false, g->s->tsc);
    sim_notify(g->s);
    assert_int_equal(g->isr_seen, 3);
    assert_int_not_equal(get(&c, VMODERN_GENERATION, 1), generation);
    card_raise(g, CHANNEL_IRQ_BROKEN);
    assert_int_equal(get(&c, VMODERN_STATUS, 1), 15 | 0x40);
    pci_probe(&c, BIT64(VIRTIO_F_VERSION_1), false);
    guest_free(g);
}

static void linux_drives_pci_with_its_pin(void **state)
{
    (void)state;
    drive_pci(false);
    drive_pci(true);
}

static void linux_drives_pci_with_msix(void **state)
{
    (void)state;
    struct pci_card c = open_pci(CARD_PC, false);
    struct guest *g = c.g;
    card_route(g, IRQ);
    assert_int_equal(card_enable_msix(g, DEV), 3);
    pci_probe(&c, UINT64_MAX, true);
    card_raise(g, CHANNEL_IRQ_QUEUE(0) | CHANNEL_IRQ_QUEUE(1));
    vm_set_link(g->s->vm, 0, false, g->s->tsc);
    sim_notify(g->s);
    assert_int_equal(g->irqs[0x60], 1);
    assert_int_equal(g->irqs[0x61], 1);
    assert_int_equal(g->irqs[0x62], 1);
    assert_int_equal(g->irqs[CARD_PIN], 0);
    const uint32_t cap = card_capability(g, DEV, 0x11, 0);
    card_set_config(g, DEV, cap + 2, 2, 0xC002); /* all masked */
    card_raise(g, CHANNEL_IRQ_QUEUE(0));
    assert_int_equal(g->irqs[0x61], 1);
    card_set_config(g, DEV, cap + 2, 2, 0x8002);
    assert_int_equal(g->irqs[0x61], 2);
    guest_free(g);
}

static void the_function_is_modern_only(void **state)
{
    (void)state;
    struct pci_card c = open_pci(CARD_PC, false);
    assert_int_equal(card_config(c.g, DEV, 0, 4), 0x10411AF4);
    assert_int_equal(card_config(c.g, DEV, 8, 1), 1);
    assert_true(card_config(c.g, DEV, 0x2E, 2) >= 0x40);
    assert_int_equal(card_bar_size(c.g, DEV, 0), VMODERN_LEN);
    assert_int_equal(card_bar_size(c.g, DEV, 1), 0x1000);
    assert_in_range(c.common, SYSTEM_PCI_MEM_BASE, SYSTEM_PCI_MEM_BASE + SYSTEM_PCI_MEM_BYTES);
    assert_true((pci_offered(&c) & BIT64(VIRTIO_F_VERSION_1)) != 0);
    assert_true((pci_offered(&c) & BIT64(VIRTIO_F_ANY_LAYOUT)) == 0);
    guest_free(c.g);
    c = open_pci(SYSTEM_DEV_PIC | SYSTEM_DEV_PCI, false); /* no local APIC: no MSI-X */
    assert_int_equal(card_capability(c.g, DEV, 0x11, 0), 0);
    pci_probe(&c, UINT64_MAX, false);
    put(&c, VMODERN_QUEUE_VECTOR, 2, 0);
    assert_int_equal(get(&c, VMODERN_QUEUE_VECTOR, 2), 0xFFFF);
    guest_free(c.g);
}

static void pci_refuses_features_that_do_not_fit_and_goes_on(void **state)
{
    (void)state;
    struct pci_card c = open_pci(CARD_PC, false);
    put(&c, VMODERN_STATUS, 1, 3);
    pci_accept(&c, BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_NET_F_HOST_TSO4));
    put(&c, VMODERN_STATUS, 1, 11);
    assert_int_equal(get(&c, VMODERN_STATUS, 1), 3);
    pci_probe(&c, UINT64_MAX, false);
    guest_free(c.g);
}

/* Firmware without a way to map the BAR: through configuration space. */
static void configuration_space_has_a_window_into_the_bar(void **state)
{
    (void)state;
    struct pci_card c = open_pci(CARD_PC, false);
    struct guest *g = c.g;
    const uint32_t data = c.access + 16;
    card_set_config(g, DEV, 4, 2, 4); /* no decoding at all */
    card_set_config(g, DEV, c.access + 4, 1, 0);
    card_set_config(g, DEV, c.access + 8, 4, VMODERN_QUEUE_SELECT);
    card_set_config(g, DEV, c.access + 12, 4, 2);
    card_set_config(g, DEV, data, 2, 1);
    assert_int_equal(card_config(g, DEV, data, 2), 1);
    card_set_config(g, DEV, c.access + 8, 4, VMODERN_QUEUE_SIZE);
    assert_int_equal(card_config(g, DEV, data, 4), CARD_QUEUE);
    card_set_config(g, DEV, c.access + 8, 4, VMODERN_CONFIG);
    card_set_config(g, DEV, c.access + 12, 4, 4);
    assert_int_equal(card_config(g, DEV, data, 4), 0x33221102);
    card_set_config(g, DEV, c.access + 8, 4, VMODERN_NOTIFY + 4);
    card_set_config(g, DEV, c.access + 12, 4, 2);
    card_set_config(g, DEV, data, 2, 1);
    assert_int_equal(g->s->kicks[0], 1);
    /* What is not an access leads nowhere. */
    static const struct {
        uint32_t bar, offset, length;
    } bad[] = {{1, 0, 4},
               {0, VMODERN_LEN, 4},
               {0, UINT32_MAX - 3, 4},
               {0, 2, 4},
               {0, VMODERN_NOTIFY, 3},
               {0, VMODERN_NOTIFY, 0},
               {0, VMODERN_NOTIFY, UINT32_MAX}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        card_set_config(g, DEV, c.access + 4, 1, bad[i].bar);
        card_set_config(g, DEV, c.access + 8, 4, bad[i].offset);
        card_set_config(g, DEV, c.access + 12, 4, bad[i].length);
        card_set_config(g, DEV, data, 4, 0xAB0000CD);
        assert_int_equal(card_config(g, DEV, data, 4), 0xAB0000CD);
    }
    assert_int_equal(g->s->kicks[0], 1);
    guest_free(g);
}

static void pci_doorbells_are_where_the_bar_is(void **state)
{
    (void)state;
    struct vm_doorbell bells[VM_DOORBELLS_MAX];
    struct pci_card c = open_pci(CARD_PC, false);
    assert_int_equal(vm_doorbells(c.g->s->vm, bells), 2);
    for (uint32_t q = 0; q < 2; q++) {
        assert_int_equal(bells[q].addr, c.notify + 4 * q);
        assert_int_equal(bells[q].width, 2);
        assert_int_equal(bells[q].value, q);
        assert_int_equal(bells[q].space, BUS_MMIO);
    }
    card_set_config(c.g, DEV, 0x10, 4, 0xFE100000);
    assert_int_equal(vm_doorbells(c.g->s->vm, bells), 2);
    assert_int_equal(bells[0].addr, 0xFE100000 + VMODERN_NOTIFY);
    guest_free(c.g);
}

/* --- virtio-mmio ------------------------------------------------------------------------------------ */

static uint32_t load(struct guest *g, uint32_t reg)
{
    return card_read(g, BUS_MMIO, CARD_AT + reg, 4);
}

static void store(struct guest *g, uint32_t reg, uint32_t val)
{
    card_write(g, BUS_MMIO, CARD_AT + reg, 4, val);
}

static struct guest *open_mmio(uint32_t shell, bool raw)
{
    const struct system_nic nic = card_nic(shell, IRQ);
    struct guest *g = guest_new(CARD_PC & ~SYSTEM_DEV_PCI, &nic, 1, raw);
    g->isr_at = CARD_AT + VMMIO_ISR;
    g->ack_at = CARD_AT + VMMIO_ACK;
    g->isr_space = BUS_MMIO;
    card_route(g, IRQ);
    return g;
}

static uint64_t mmio_offered(struct guest *g)
{
    store(g, VMMIO_OFFERED_WORD, 1);
    uint64_t features = (uint64_t)load(g, VMMIO_OFFERED) << 32;
    store(g, VMMIO_OFFERED_WORD, 0);
    return features | load(g, VMMIO_OFFERED);
}

static void mmio_accept(struct guest *g, uint64_t features)
{
    store(g, VMMIO_ACCEPTED_WORD, 1);
    store(g, VMMIO_ACCEPTED, (uint32_t)(features >> 32));
    store(g, VMMIO_ACCEPTED_WORD, 0);
    store(g, VMMIO_ACCEPTED, (uint32_t)features);
}

static void mmio_place(struct guest *g, uint32_t q, bool legacy)
{
    store(g, VMMIO_QUEUE_SELECT, q);
    assert_int_equal(load(g, legacy ? VMMIO_QUEUE_PFN : VMMIO_QUEUE_READY), 0);
    assert_int_equal(load(g, VMMIO_QUEUE_MAX), CARD_QUEUE);
    store(g, VMMIO_QUEUE_SIZE, 32);
    if (legacy) {
        store(g, VMMIO_QUEUE_ALIGN, 4096);
        store(g, VMMIO_QUEUE_PFN, 0x100 + q);
        assert_int_equal(load(g, VMMIO_QUEUE_PFN), 0x100 + q);
        return;
    }
    static const uint32_t rings[] = {VMMIO_QUEUE_DESC, VMMIO_QUEUE_DRIVER, VMMIO_QUEUE_DEVICE};
    for (uint32_t ring = 0; ring < 3; ring++) {
        store(g, rings[ring], 0x10000 * (q + 1) + 0x1000 * ring);
        store(g, rings[ring] + 4, ring);
    }
    store(g, VMMIO_QUEUE_READY, 1);
    assert_int_equal(load(g, VMMIO_QUEUE_READY), 1);
}

static void mmio_probe(struct guest *g, bool legacy, uint64_t features)
{
    assert_int_equal(load(g, VMMIO_MAGIC), VMMIO_MAGIC_VALUE);
    assert_int_equal(load(g, VMMIO_VERSION), legacy ? 1 : 2);
    assert_int_equal(load(g, VMMIO_DEVICE_ID), 1);
    if (legacy) {
        store(g, VMMIO_PAGE_BYTES, 4096);
    }
    store(g, VMMIO_STATUS, 0);
    store(g, VMMIO_STATUS, 1);
    store(g, VMMIO_STATUS, 3);
    features &= mmio_offered(g);
    assert_int_equal((features >> 32) != 0, !legacy);
    mmio_accept(g, features);
    if (!legacy) { /* version 1: the page size was said before the reset, and stays */
        store(g, VMMIO_STATUS, 11);
        assert_int_equal(load(g, VMMIO_STATUS), 11);
        assert_int_equal(load(g, VMMIO_SHM_LEN), UINT32_MAX);
    }
    mmio_place(g, 0, legacy);
    mmio_place(g, 1, legacy);
    store(g, VMMIO_STATUS, legacy ? 7 : 15);
    assert_int_equal(load(g, VMMIO_STATUS), legacy ? 7 : 15);
    assert_int_equal(g->state, CHANNEL_RUN);
    assert_true(g->setup.features == features);
    assert_int_equal(g->setup.queue[1].size, 32);
    assert_true(g->setup.queue[1].desc == (legacy ? 0x101000 : 0x20000));
    assert_true(g->setup.queue[1].used == (legacy ? 0x102000 : 0x200022000));
}

static void drive_mmio(uint32_t shell, bool raw)
{
    const bool legacy = shell == SYSTEM_SHELL_MMIO_LEGACY;
    struct guest *g = open_mmio(shell, raw);
    mmio_probe(g, legacy, UINT64_MAX);
    assert_int_equal(card_read(g, BUS_MMIO, CARD_AT + VMMIO_CONFIG, 1), 0x02);
    assert_int_equal(card_read(g, BUS_MMIO, CARD_AT + VMMIO_CONFIG + 6, 2), 1);
    g->s->kicks[0] = 0;
    store(g, VMMIO_NOTIFY, 0);
    store(g, VMMIO_NOTIFY, 1);
    card_write(g, BUS_MMIO, CARD_AT + VMMIO_NOTIFY, 2,
               1); /* not by the rules, but no kick is lost */
    assert_int_equal(g->s->kicks[0], 3);
    card_raise(g, CHANNEL_IRQ_QUEUE(0));
    assert_int_equal(g->irqs[CARD_PIN], 1);
    assert_int_equal(g->isr_seen, 1);
    assert_int_equal(load(g, VMMIO_ISR), 0);
    vm_set_link(g->s->vm, 0, false, g->s->tsc);
    sim_notify(g->s);
    assert_int_equal(g->irqs[CARD_PIN], 2);
    assert_int_equal(g->isr_seen, 3);
    card_raise(g, CHANNEL_IRQ_BROKEN);
    assert_int_equal(load(g, VMMIO_STATUS), legacy ? 7 : 15 | 0x40);
    mmio_probe(g, legacy, BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_NET_F_MAC));
    guest_free(g);
}

static void linux_drives_virtio_mmio_2(void **state)
{
    (void)state;
    drive_mmio(SYSTEM_SHELL_MMIO, false);
    drive_mmio(SYSTEM_SHELL_MMIO, true);
}

static void linux_drives_virtio_mmio_1(void **state)
{
    (void)state;
    drive_mmio(SYSTEM_SHELL_MMIO_LEGACY, false);
    drive_mmio(SYSTEM_SHELL_MMIO_LEGACY, true);
}

static void only_what_was_acknowledged_leaves_the_status(void **state)
{
    (void)state;
    struct guest *g = open_mmio(SYSTEM_SHELL_MMIO, false);
    mmio_probe(g, false, UINT64_MAX);
    sim_cli(g->s);
    sim_out(g->s, 0x80, 1, 0);
    vm_set_link(g->s->vm, 0, false, g->s->tsc);
    card_raise(g, CHANNEL_IRQ_QUEUE(1));
    assert_int_equal(load(g, VMMIO_ISR), 3);
    store(g, VMMIO_ACK, 1);
    assert_int_equal(load(g, VMMIO_ISR), 2);
    store(g, VMMIO_ACK, 0xFFFFFFFC);
    assert_int_equal(load(g, VMMIO_ISR), 2);
    assert_int_equal(g->irqs[CARD_PIN], 0);
    sim_sti(g->s); /* the line is still up */
    assert_int_equal(g->irqs[CARD_PIN], 1);
    assert_int_equal(load(g, VMMIO_ISR), 0);
    guest_free(g);
}

static void registers_are_dwords_and_of_one_version(void **state)
{
    (void)state;
    struct guest *g = open_mmio(SYSTEM_SHELL_MMIO, false);
    mmio_probe(g, false, UINT64_MAX);
    card_write(g, BUS_MMIO, CARD_AT + VMMIO_STATUS, 1, 0);
    card_write(g, BUS_MMIO, CARD_AT + VMMIO_QUEUE_SELECT, 2, 5);
    assert_int_equal(load(g, VMMIO_STATUS), 15);
    assert_int_equal(load(g, VMMIO_QUEUE_MAX), CARD_QUEUE);
    assert_int_equal(card_read(g, BUS_MMIO, CARD_AT + 2, 2), 0x7472);
    store(g, VMMIO_QUEUE_PFN, 0x77);
    assert_int_equal(load(g, VMMIO_QUEUE_PFN), 0);
    store(g, VMMIO_QUEUE_SELECT, 7);
    assert_int_equal(load(g, VMMIO_QUEUE_MAX), 0);
    assert_int_equal(load(g, VMMIO_QUEUE_READY), 0);
    guest_free(g);
    g = open_mmio(SYSTEM_SHELL_MMIO_LEGACY, false);
    mmio_probe(g, true, UINT64_MAX);
    store(g, VMMIO_QUEUE_READY, 0);
    store(g, VMMIO_QUEUE_DESC, 0x1234000);
    assert_int_equal(load(g, VMMIO_QUEUE_PFN), 0x101);
    store(g, VMMIO_QUEUE_SELECT, 7);
    store(g, VMMIO_QUEUE_PFN, 5);
    assert_int_equal(load(g, VMMIO_QUEUE_PFN), 0);
    store(g, VMMIO_QUEUE_SELECT, 1);
    store(g, VMMIO_QUEUE_PFN, 0); /* a queue is given back while the other goes on */
    assert_int_equal(g->state, CHANNEL_RUN);
    assert_int_equal(g->setup.queue[1].enabled, 0);
    assert_int_equal(g->setup.queue[0].enabled, 1);
    guest_free(g);
}

static void mmio_doorbells_stand_still(void **state)
{
    (void)state;
    struct vm_doorbell bells[VM_DOORBELLS_MAX];
    struct guest *g = open_mmio(SYSTEM_SHELL_MMIO, false);
    const uint32_t version = vm_doorbells_version(g->s->vm);
    mmio_probe(g, false, UINT64_MAX);
    assert_int_equal(vm_doorbells(g->s->vm, bells), 2);
    assert_int_equal(bells[1].addr, CARD_AT + 0x50);
    assert_int_equal(bells[1].width, 4);
    assert_int_equal(bells[1].value, 1);
    assert_int_equal(vm_doorbells_version(g->s->vm), version);
    guest_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_drives_pci_with_its_pin),
        cmocka_unit_test(linux_drives_pci_with_msix),
        cmocka_unit_test(the_function_is_modern_only),
        cmocka_unit_test(pci_refuses_features_that_do_not_fit_and_goes_on),
        cmocka_unit_test(configuration_space_has_a_window_into_the_bar),
        cmocka_unit_test(pci_doorbells_are_where_the_bar_is),
        cmocka_unit_test(linux_drives_virtio_mmio_2),
        cmocka_unit_test(linux_drives_virtio_mmio_1),
        cmocka_unit_test(only_what_was_acknowledged_leaves_the_status),
        cmocka_unit_test(registers_are_dwords_and_of_one_version),
        cmocka_unit_test(mmio_doorbells_stand_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
