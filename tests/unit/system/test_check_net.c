/* SPDX-License-Identifier: BSD-2-Clause
 * The checker's part for network cards and switches: one change of a good image, one fault. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "system/check.h"

#define MIB   0x100000u
#define FOUND 8u
#define HOST  0xC0A81302u /* 192.168.19.2 */

static struct system_image image;
static struct system_fault faults[FOUND];

static void put_nic(struct system_nic *n, uint32_t shell, uint8_t mac, uint32_t irq)
{
    *n = (struct system_nic){.shell = shell,
                             .irq = irq,
                             .offers = SYSTEM_NIC_OFFERS_ALL,
                             .queue_size = 256,
                             .mtu = 1500,
                             .mac = {0x52, 0x42, 0x48, 0, 0, mac},
                             .policy = SYSTEM_NIC_PINNED,
                             .peers = 1};
}

static void put_vm(struct system_vm *vm, const char *name, uint32_t devices)
{
    strcpy(vm->name, name);
    vm->protocol = SYSTEM_BOOT_MULTIBOOT;
    vm->devices = devices;
    vm->ranges = 1;
    vm->range[0] = (struct system_range){0, 64 * MIB};
    strcpy(vm->kernel.path, "kernel");
    vm->kernel.bytes = 1;
    vm->kernel.load_at = SYSTEM_AT_ANY;
    vm->serials = 1;
    vm->serial[0] = (struct system_serial){.port = 0x3F8, .irq = 4};
}

/* An RTOS that polls a register block; a VM with a PCI card and one behind virtio-mmio; one with a PIC
 * only. A switch with an uplink, and one without. */
static void make_good(void)
{
    memset(&image, 0, sizeof(image));
    image.vms = 3;
    image.switches = 2;
    put_vm(&image.vm[0], "rtos", SYSTEM_DEV_LAPIC);
    image.vm[0].nics = 1;
    put_nic(&image.vm[0].nic[0], SYSTEM_SHELL_BLOCK, 1, SYSTEM_IRQ_NONE);
    image.vm[0].nic[0].at = 0xFE000000u;
    put_vm(&image.vm[1], "linux", SYSTEM_DEV_ALL);
    image.vm[1].nics = 2;
    put_nic(&image.vm[1].nic[0], SYSTEM_SHELL_PCI_MODERN, 2, 16);
    image.vm[1].nic[0].pci_device = 3;
    put_nic(&image.vm[1].nic[1], SYSTEM_SHELL_MMIO, 3, 20);
    image.vm[1].nic[1].at = 0xFEB00000u;
    put_vm(&image.vm[2], "old", SYSTEM_DEV_PIC | SYSTEM_DEV_PCI);
    image.vm[2].nics = 2;
    put_nic(&image.vm[2].nic[0], SYSTEM_SHELL_PCI_LEGACY, 4, 11);
    image.vm[2].nic[0].pci_device = 3;
    put_nic(&image.vm[2].nic[1], SYSTEM_SHELL_MMIO, 1, 11); /* the RTOS's address, another switch */
    image.vm[2].nic[1].at = 0xFEB00000u;
    image.vm[2].nic[1].switch_ = 1;
    struct system_switch *lan = &image.switch_[0];
    strcpy(lan->name, "lan");
    lan->uplink = SYSTEM_UPLINK_USER;
    lan->network = HOST & 0xFFFFFF00u;
    lan->prefix = 24;
    lan->host_address = HOST;
    lan->forwards = 2;
    lan->forward[0] =
        (struct system_forward){.guest_address = HOST + 98, .host_port = 8080, .guest_port = 80};
    lan->forward[1] = lan->forward[0];
    lan->forward[1].udp = 1; /* the same port, another transport */
    strcpy(image.switch_[1].name, "quiet");
    image.vm[0].nic[0].policy |= SYSTEM_NIC_FOLLOWS;
    lan->flags = SYSTEM_SWITCH_LOOPBACK;
}

static size_t seal_and_check(void)
{
    memset(faults, 0xEE, sizeof(faults));
    system_seal(&image, sizeof(image));
    return system_check(&image, sizeof(image), faults, FOUND);
}

struct mutation {
    const char *what;
    void *at;
    uint32_t bytes;
    uint64_t value;
    enum system_fault_code code;
    uint32_t vm, index, other_vm, other_index;
};

#define NIC(v, n) image.vm[v].nic[n]
#define LAN       image.switch_[0]

static const struct mutation nic_mutations[] = {
    {"three cards", &image.vm[1].nics, 4, 3, SYSTEM_BAD_VALUE, 1, 2, 0, 0},
    {"unused card not zero", &NIC(0, 1).mtu, 4, 1, SYSTEM_BAD_VALUE, 0, 1, 0, 0},
    {"shell 0", &NIC(0, 0).shell, 4, 0, SYSTEM_BAD_VALUE, 0, 0, 0, 0},
    {"shell 7", &NIC(0, 0).shell, 4, 7, SYSTEM_BAD_VALUE, 0, 0, 0, 0},
    {"switch 2 of 2", &NIC(0, 0).switch_, 4, 2, SYSTEM_BAD_VALUE, 0, 0, 0, 0},
    {"switch 2^32-1", &NIC(0, 0).switch_, 4, ~0u, SYSTEM_BAD_VALUE, 0, 0, 0, 0},
    {"a slot without PCI", &NIC(0, 0).pci_device, 2, 3, SYSTEM_BAD_VALUE, 0, 0, 0, 0},
    {"slot 0 is the bridge's", &NIC(1, 0).pci_device, 2, 0, SYSTEM_BAD_VALUE, 1, 0, 0, 0},
    {"slot 32", &NIC(1, 0).pci_device, 2, 32, SYSTEM_BAD_VALUE, 1, 0, 0, 0},
    {"a PCI card with a place", &NIC(1, 0).at, 8, 0x1000, SYSTEM_BAD_VALUE, 1, 0, 0, 0},
    {"unknown offer", &NIC(0, 0).offers, 4, 0x20, SYSTEM_BAD_VALUE, 0, 0, 0, 0},
    {"unknown policy", &NIC(0, 0).policy, 4, 4, SYSTEM_BAD_VALUE, 0, 0, 0, 0},
    {"follows no uplink", &NIC(2, 1).policy, 4, SYSTEM_NIC_FOLLOWS, SYSTEM_BAD_VALUE, 2, 1, 0, 0},
    {"a peer beyond the ports", &NIC(0, 0).peers, 4, 1u << 5, SYSTEM_BAD_VALUE, 0, 0, 0, 0},
    {"padding", &NIC(0, 0).unused, 4, 1, SYSTEM_BAD_VALUE, 0, 0, 0, 0},
    {"queue of 0", &NIC(0, 0).queue_size, 4, 0, SYSTEM_NIC_QUEUE, 0, 0, 0, 0},
    {"queue of 4", &NIC(0, 0).queue_size, 4, 4, SYSTEM_NIC_QUEUE, 0, 0, 0, 0},
    {"queue of 24", &NIC(0, 0).queue_size, 4, 24, SYSTEM_NIC_QUEUE, 0, 0, 0, 0},
    {"queue of 512", &NIC(0, 0).queue_size, 4, 512, SYSTEM_NIC_QUEUE, 0, 0, 0, 0},
    {"MTU 67", &NIC(0, 0).mtu, 4, 67, SYSTEM_NIC_MTU, 0, 0, 0, 0},
    {"MTU 65536", &NIC(0, 0).mtu, 4, 65536, SYSTEM_NIC_MTU, 0, 0, 0, 0},
    {"TSO alone", &NIC(0, 0).offers, 4, SYSTEM_NIC_TSO, SYSTEM_NIC_TSO_ALONE, 0, 0, 0, 0},
    {"group address", &NIC(0, 0).mac[0], 1, 0x53, SYSTEM_NIC_MAC, 0, 0, 0, 0},
    {"another's address", &NIC(1, 0).mac[5], 1, 1, SYSTEM_NIC_SAME_MAC, 1, 0, 0, 0},
    {"the other card's address", &NIC(1, 1).mac[5], 1, 2, SYSTEM_NIC_SAME_MAC, 1, 1, 1, 0},
    {"registers within a page", &NIC(0, 0).at, 8, 0xFE000800u, SYSTEM_NIC_AT_ALIGN, 0, 0, 0, 0},
    {"registers at 2^46", &NIC(0, 0).at, 8, 1ull << 46, SYSTEM_NIC_AT_ALIGN, 0, 0, 0, 0},
    {"registers in RAM", &NIC(0, 0).at, 8, 64 * MIB - 0x1000, SYSTEM_NIC_AT_RAM, 0, 0, 0, 0},
    {"registers on the LAPIC", &NIC(0, 0).at, 8, 0xFEE00000u, SYSTEM_NIC_AT_DEVICE, 0, 0, 0,
     SYSTEM_DEV_LAPIC},
    {"registers on PCI's BARs", &NIC(1, 1).at, 8, 0xFEAFF000u, SYSTEM_NIC_AT_DEVICE, 1, 1, 0,
     SYSTEM_DEV_PCI},
    {"PCI without PCI", &image.vm[2].devices, 4, SYSTEM_DEV_PIC, SYSTEM_NIC_NEEDS_PCI, 2, 0, 0, 0},
    {"RAM on PCI's BARs", &image.vm[1].range[0].size, 8, 0xFEA01000u, SYSTEM_NIC_BARS_RAM, 1, 0, 0,
     0},
    {"an interrupt for nobody", &NIC(0, 0).irq, 4, 0, SYSTEM_NIC_IRQ_RANGE, 0, 0, 0, 0},
    {"input 24", &NIC(1, 0).irq, 4, 24, SYSTEM_NIC_IRQ_RANGE, 1, 0, 0, 0},
    {"IRQ 16 of a PIC", &NIC(2, 0).irq, 4, 16, SYSTEM_NIC_IRQ_RANGE, 2, 0, 0, 0},
    {"the clock's interrupt", &NIC(1, 0).irq, 4, 8, SYSTEM_NIC_IRQ_TAKEN, 1, 0, 0, SYSTEM_DEV_RTC},
    {"a UART's interrupt", &NIC(1, 0).irq, 4, 4, SYSTEM_NIC_IRQ_TAKEN, 1, 0, 0, 0},
};

static const struct mutation switch_mutations[] = {
    {"empty name", &LAN.name[0], 1, 0, SYSTEM_SWITCH_NAME, 0, 0, 0, 0},
    {"name with a space", &LAN.name[1], 1, ' ', SYSTEM_SWITCH_NAME, 0, 0, 0, 0},
    {"unknown uplink", &LAN.uplink, 4, 2, SYSTEM_SWITCH_VALUE, 0, 0, 0, 0},
    {"a network without uplink", &image.switch_[1].prefix, 4, 24, SYSTEM_SWITCH_VALUE, 0, 1, 0, 0},
    {"nine forwards", &LAN.forwards, 4, 9, SYSTEM_SWITCH_VALUE, 0, 0, 0, 0},
    {"unused forward not zero", &LAN.forward[7].udp, 1, 1, SYSTEM_SWITCH_VALUE, 0, 0, 0, 0},
    {"unused switch not zero", &image.switch_[3].cpu, 4, 1, SYSTEM_SWITCH_VALUE, 0, 0, 0, 0},
    {"padding of the image", &image.unused, 4, 1, SYSTEM_SWITCH_VALUE, 0, 0, 0, 0},
    {"five switches", &image.switches, 4, 5, SYSTEM_SWITCH_VALUE, 0, 0, 0, 0},
    {"transport 2", &LAN.forward[1].udp, 1, 2, SYSTEM_SWITCH_VALUE, 0, 0, 0, 0},
    {"prefix 7", &LAN.prefix, 4, 7, SYSTEM_SWITCH_NETWORK, 0, 0, 0, 0},
    {"prefix 31", &LAN.prefix, 4, 31, SYSTEM_SWITCH_NETWORK, 0, 0, 0, 0},
    {"prefix 64", &LAN.prefix, 4, 64, SYSTEM_SWITCH_NETWORK, 0, 0, 0, 0},
    {"host bits", &LAN.network, 4, HOST, SYSTEM_SWITCH_NETWORK, 0, 0, 0, 0},
    {"host outside", &LAN.host_address, 4, HOST + 256, SYSTEM_SWITCH_HOST, 0, 0, 0, 0},
    {"host is broadcast", &LAN.host_address, 4, HOST | 0xFFu, SYSTEM_SWITCH_HOST, 0, 0, 0, 0},
    {"host port 0", &LAN.forward[0].host_port, 2, 0, SYSTEM_FORWARD_PORT, 0, 0, 0, 0},
    {"guest port 0", &LAN.forward[1].guest_port, 2, 0, SYSTEM_FORWARD_PORT, 0, 0, 0, 1},
    {"guest outside", &LAN.forward[1].guest_address, 4, 1, SYSTEM_FORWARD_OUTSIDE, 0, 0, 0, 1},
    {"guest is host", &LAN.forward[1].guest_address, 4, HOST, SYSTEM_FORWARD_OUTSIDE, 0, 0, 0, 1},
    {"port taken", &LAN.forward[1].udp, 1, 0, SYSTEM_FORWARD_TAKEN, 0, 0, 0, 1},
    {"flag 2", &LAN.flags, 4, 2, SYSTEM_SWITCH_VALUE, 0, 0, 0, 0},
    {"not unused", &LAN.unused, 4, 1, SYSTEM_SWITCH_VALUE, 0, 0, 0, 0},
};

static void a_good_network_has_no_fault(void **state)
{
    (void)state;
    make_good();
    assert_int_equal(seal_and_check(), 0);
}

/* The fault that is wanted, among those found; the others are echoes of the same change. */
static void expect_fault(const struct mutation *m, enum system_field field)
{
    make_good();
    memcpy(m->at, &m->value, m->bytes);
    size_t n = seal_and_check();
    for (size_t i = 0; i < n && i < FOUND; i++) {
        if (faults[i].code == m->code && faults[i].field == field && faults[i].vm == m->vm &&
            faults[i].index == m->index && faults[i].other_vm == m->other_vm &&
            faults[i].other_index == m->other_index) {
            return;
        }
    }
    fail_msg("%s: %zu faults, the first is code %d field %d vm %u index %u other %u/%u", m->what, n,
             (int)faults[0].code, (int)faults[0].field, faults[0].vm, faults[0].index,
             faults[0].other_vm, faults[0].other_index);
}

static void each_fault_of_a_card_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(nic_mutations) / sizeof(nic_mutations[0]); i++) {
        expect_fault(&nic_mutations[i], SYSTEM_FIELD_NIC);
    }
}

static void each_fault_of_a_switch_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(switch_mutations) / sizeof(switch_mutations[0]); i++) {
        expect_fault(&switch_mutations[i], SYSTEM_FIELD_SWITCH);
    }
}

/* A card behind ports has a memory BAR as well where there is a local APIC: its MSI-X table's. */
static void a_legacy_card_has_registers_in_memory_where_it_sends_messages(void **state)
{
    (void)state;
    make_good();
    image.vm[2].range[0].size = 0xFEA01000u;
    assert_int_equal(seal_and_check(), 0);
    image.vm[2].devices |= SYSTEM_DEV_LAPIC;
    assert_int_equal(seal_and_check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_NIC_BARS_RAM);
}

/* They say where it is in 32 bits. */
static void a_card_that_the_tables_cannot_tell_of_is_refused(void **state)
{
    (void)state;
    make_good();
    NIC(1, 1).at = 1ull << 32;
    assert_int_equal(seal_and_check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_NIC_AT_ACPI);
    NIC(1, 1).shell = SYSTEM_SHELL_BLOCK; /* they never do */
    assert_int_equal(seal_and_check(), 0);
    NIC(1, 1).shell = SYSTEM_SHELL_MMIO_LEGACY;
    assert_int_equal(seal_and_check(), 1);
    image.vm[1].devices &= ~SYSTEM_DEV_ACPI;
    (void)seal_and_check();
    assert_int_not_equal(faults[0].code, SYSTEM_NIC_AT_ACPI);
}

static void two_cards_in_one_place(void **state)
{
    (void)state;
    make_good();
    image.vm[2].nics = 2;
    put_nic(&NIC(2, 0), SYSTEM_SHELL_MMIO, 9, 11);
    NIC(2, 0).at = NIC(2, 1).at;
    assert_int_equal(seal_and_check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_NIC_AT_NIC);
    put_nic(&NIC(2, 1), SYSTEM_SHELL_PCI_LEGACY, 8, 11);
    put_nic(&NIC(2, 0), SYSTEM_SHELL_PCI_LEGACY, 9, 11);
    NIC(2, 0).pci_device = 5;
    NIC(2, 1).pci_device = 5;
    assert_int_equal(seal_and_check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_NIC_SLOT_TAKEN);
}

static void two_switches_of_one_name(void **state)
{
    (void)state;
    make_good();
    strcpy(image.switch_[1].name, "lan");
    assert_int_equal(seal_and_check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_SWITCH_SAME_NAME);
    assert_int_equal(faults[0].index, 1);
}

static void a_port_of_the_host_leads_to_one_place(void **state)
{
    (void)state;
    make_good();
    struct system_switch *second = &image.switch_[1];
    *second = LAN;
    strcpy(second->name, "second");
    second->forward[0].host_port = 8081;
    second->forward[1].host_port = 8081;
    assert_int_equal(seal_and_check(), 0);
    second->forward[1].host_port = 8080; /* UDP, as the second of the first switch */
    assert_int_equal(seal_and_check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_FORWARD_TAKEN);
    assert_true(faults[0].index == 1 && faults[0].other_index == 1 && faults[0].other_vm == 0);
    second->forward[1].host_address = 0x7F000001u; /* the first is for all addresses */
    assert_int_equal(seal_and_check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_FORWARD_TAKEN);
    LAN.forwards = 99; /* nonsense elsewhere leads nowhere */
    assert_true(seal_and_check() >= 1);
}

static void ports_are_numbered_card_by_card_and_the_uplink_is_last(void **state)
{
    (void)state;
    make_good();
    assert_int_equal(system_ports(&image, 0), 5);
    assert_int_equal(system_ports(&image, 1), 1);
    assert_int_equal(system_port(&image, 0, 0, 0), 0);
    assert_int_equal(system_port(&image, 0, 1, 0), 1);
    assert_int_equal(system_port(&image, 0, 1, 1), 2);
    assert_int_equal(system_port(&image, 0, 2, 0), 3);
    assert_int_equal(system_port(&image, 0, SYSTEM_VMS_MAX, 0), 4);
    assert_int_equal(system_port(&image, 1, 2, 1), 0);
    assert_int_equal(system_port(&image, 1, SYSTEM_VMS_MAX, 0), SYSTEM_PORTS_MAX);
    assert_int_equal(system_port(&image, 1, 0, 0), SYSTEM_PORTS_MAX); /* plugged in elsewhere */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_network_has_no_fault),
        cmocka_unit_test(each_fault_of_a_card_is_found),
        cmocka_unit_test(each_fault_of_a_switch_is_found),
        cmocka_unit_test(a_legacy_card_has_registers_in_memory_where_it_sends_messages),
        cmocka_unit_test(a_card_that_the_tables_cannot_tell_of_is_refused),
        cmocka_unit_test(two_cards_in_one_place),
        cmocka_unit_test(two_switches_of_one_name),
        cmocka_unit_test(a_port_of_the_host_leads_to_one_place),
        cmocka_unit_test(ports_are_numbered_card_by_card_and_the_uplink_is_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
