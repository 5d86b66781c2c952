/* SPDX-License-Identifier: BSD-2-Clause
 * The checker's part for network cards and the switches they are plugged into.
 * Spec: [VIRTIO] 1.2, 2.7 (queue sizes), 5.1.3.1 (feature dependencies), 5.1.4 (mac, mtu);
 *       [IOAPIC] Intel 82093AA 1.0 (24 inputs); RFC 791 3.2 (addresses). */
#include "base/arith.h"
#include "system/check_int.h"

#define IOAPIC_INPUTS 24u
#define ISA_IRQS      16u
#define QUEUE_MIN     8u
#define QUEUE_MAX     256u
#define MTU_MIN       68u
#define MTU_MAX       65535u
#define MAC_BYTES     6u
#define MAC_GROUP     1u /* in the first byte: not one station's address */
#define SLOT_MAX      31u
#define MEMORY32_END  0x100000000ull /* of ACPI's 32-bit descriptors */
#define PREFIX_MIN    8u
#define PREFIX_MAX    30u

static bool nic_on_pci(const struct system_nic *n)
{
    return n->shell >= SYSTEM_SHELL_PCI_LEGACY && n->shell <= SYSTEM_SHELL_PCI_MODERN;
}

/* Its registers, or its MSI-X table: that there is where there is a local APIC to send messages to. */
static bool nic_has_memory_bar(const struct system_vm *vm, const struct system_nic *n)
{
    return n->shell != SYSTEM_SHELL_PCI_LEGACY || (vm->devices & SYSTEM_DEV_LAPIC) != 0;
}

static bool nic_on_mmio(const struct system_nic *n)
{
    return n->shell == SYSTEM_SHELL_MMIO || n->shell == SYSTEM_SHELL_MMIO_LEGACY;
}

/* --- Ports ------------------------------------------------------------------------------------ */

uint32_t system_port(const struct system_image *image, uint32_t switch_, uint32_t vm, uint32_t nic)
{
    uint32_t port = 0;
    for (uint32_t v = 0; v < SYSTEM_VMS_MAX; v++) { /* bound: SYSTEM_VMS_MAX */
        uint32_t nics = u32_min(image->vm[v].nics, SYSTEM_NICS_MAX);
        for (uint32_t n = 0; n < nics; n++) { /* bound: SYSTEM_NICS_MAX */
            if (image->vm[v].nic[n].switch_ != switch_) {
                continue;
            }
            if (v == vm && n == nic) {
                return port;
            }
            port++;
        }
    }
    bool uplink = vm == SYSTEM_VMS_MAX && image->switch_[switch_].uplink != SYSTEM_UPLINK_NONE;
    return uplink ? port : SYSTEM_PORTS_MAX;
}

uint32_t system_ports(const struct system_image *image, uint32_t switch_)
{
    uint32_t ports = image->switch_[switch_].uplink != SYSTEM_UPLINK_NONE ? 1u : 0u;
    for (uint32_t v = 0; v < SYSTEM_VMS_MAX; v++) { /* bound: SYSTEM_VMS_MAX */
        uint32_t nics = u32_min(image->vm[v].nics, SYSTEM_NICS_MAX);
        for (uint32_t n = 0; n < nics; n++) { /* bound: SYSTEM_NICS_MAX */
            ports += image->vm[v].nic[n].switch_ == switch_ ? 1u : 0u;
        }
    }
    return ports;
}

/* --- Network cards ---------------------------------------------------------------------------- */

static void check_nic_values(struct finder *f, const struct system_nic *n, uint32_t index)
{
    bool known = n->shell >= SYSTEM_SHELL_PCI_LEGACY && n->shell <= SYSTEM_SHELL_BLOCK;
    bool plugged = n->switch_ < u32_min(f->image->switches, SYSTEM_SWITCHES_MAX);
    bool slot =
        nic_on_pci(n) ? n->pci_device >= 1 && n->pci_device <= SLOT_MAX : n->pci_device == 0;
    bool bits =
        (n->offers & ~SYSTEM_NIC_OFFERS_ALL) == 0 && (n->policy & ~SYSTEM_NIC_POLICY_ALL) == 0;
    bool place = !nic_on_pci(n) || n->at == 0;
    if (!known || !plugged || !slot || !bits || !place || n->unused != 0) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_NIC, index);
    } else if (n->peers >> system_ports_all(f->image, n->switch_) != 0) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_NIC, index);
    } else if ((n->policy & SYSTEM_NIC_FOLLOWS) != 0 &&
               f->image->switch_[n->switch_].uplink == SYSTEM_UPLINK_NONE) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_NIC, index);
    }
    bool power = n->queue_size != 0 && (n->queue_size & (n->queue_size - 1u)) == 0;
    if (!power || n->queue_size < QUEUE_MIN || n->queue_size > QUEUE_MAX) {
        found(f, SYSTEM_NIC_QUEUE, SYSTEM_FIELD_NIC, index);
    }
    if (n->mtu < MTU_MIN || n->mtu > MTU_MAX) {
        found(f, SYSTEM_NIC_MTU, SYSTEM_FIELD_NIC, index);
    }
    if ((n->offers & SYSTEM_NIC_TSO) != 0 && (n->offers & SYSTEM_NIC_CSUM) == 0) {
        found(f, SYSTEM_NIC_TSO_ALONE, SYSTEM_FIELD_NIC, index);
    }
}

static bool mac_same(const uint8_t *a, const uint8_t *b)
{
    for (uint32_t i = 0; i < MAC_BYTES; i++) { /* bound: MAC_BYTES */
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

/* The cards before this one in the image, and whether one on its switch has its address. */
static void check_nic_mac(struct finder *f, const struct system_nic *n, uint32_t index)
{
    if ((n->mac[0] & MAC_GROUP) != 0 || all_zero(n->mac, MAC_BYTES)) {
        found(f, SYSTEM_NIC_MAC, SYSTEM_FIELD_NIC, index);
        return;
    }
    for (uint32_t v = 0; v <= f->vm; v++) { /* bound: SYSTEM_VMS_MAX */
        const struct system_vm *vm = &f->image->vm[v];
        uint32_t nics = v == f->vm ? index : u32_min(vm->nics, SYSTEM_NICS_MAX);
        for (uint32_t i = 0; i < nics; i++) { /* bound: SYSTEM_NICS_MAX */
            if (vm->nic[i].switch_ == n->switch_ && mac_same(vm->nic[i].mac, n->mac)) {
                found_with(f, SYSTEM_NIC_SAME_MAC, SYSTEM_FIELD_NIC, index, i);
                if (f->count <= f->max) {
                    f->faults[f->count - 1].other_vm = v;
                }
                return;
            }
        }
    }
}

/* A window of registers where no RAM, device or other card is. */
static void check_nic_at(struct finder *f, const struct system_vm *vm, uint32_t index)
{
    const struct system_nic *n = &vm->nic[index];
    if ((n->at & (PAGE_BYTES - 1u)) != 0 ||
        !range_within(n->at, SYSTEM_NIC_BYTES, 0, ADDRESS_END)) {
        found(f, SYSTEM_NIC_AT_ALIGN, SYSTEM_FIELD_NIC, index);
        return;
    }
    if (nic_on_mmio(n) && (vm->devices & SYSTEM_DEV_ACPI) != 0 && n->at >= MEMORY32_END) {
        found(f, SYSTEM_NIC_AT_ACPI, SYSTEM_FIELD_NIC, index);
    }
    uint32_t ranges = u32_min(vm->ranges, SYSTEM_RANGES_MAX);
    for (uint32_t i = 0; i < ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
        if (range_overlaps(n->at, SYSTEM_NIC_BYTES, vm->range[i].base, vm->range[i].size)) {
            found_with(f, SYSTEM_NIC_AT_RAM, SYSTEM_FIELD_NIC, index, i);
        }
    }
    for (uint32_t i = 0; i < SYSTEM_PLACES; i++) { /* bound: SYSTEM_PLACES */
        const struct system_place *p = &system_places[i];
        if (p->kind == SYSTEM_PLACE_MEMORY && (vm->devices & p->device) != 0 &&
            range_overlaps(n->at, SYSTEM_NIC_BYTES, p->first, p->count)) {
            found_with(f, SYSTEM_NIC_AT_DEVICE, SYSTEM_FIELD_NIC, index, p->device);
        }
    }
    if ((vm->devices & SYSTEM_DEV_PCI) != 0 &&
        range_overlaps(n->at, SYSTEM_NIC_BYTES, SYSTEM_PCI_MEM_BASE, SYSTEM_PCI_MEM_BYTES)) {
        found_with(f, SYSTEM_NIC_AT_DEVICE, SYSTEM_FIELD_NIC, index, SYSTEM_DEV_PCI);
    }
    for (uint32_t i = 0; i < index; i++) { /* bound: SYSTEM_NICS_MAX */
        if (!nic_on_pci(&vm->nic[i]) &&
            range_overlaps(n->at, SYSTEM_NIC_BYTES, vm->nic[i].at, SYSTEM_NIC_BYTES)) {
            found_with(f, SYSTEM_NIC_AT_NIC, SYSTEM_FIELD_NIC, index, i);
        }
    }
}

static void check_nic_pci(struct finder *f, const struct system_vm *vm, uint32_t index)
{
    const struct system_nic *n = &vm->nic[index];
    if ((vm->devices & SYSTEM_DEV_PCI) == 0) {
        found(f, SYSTEM_NIC_NEEDS_PCI, SYSTEM_FIELD_NIC, index);
    }
    for (uint32_t i = 0; i < index; i++) { /* bound: SYSTEM_NICS_MAX */
        if (nic_on_pci(&vm->nic[i]) && vm->nic[i].pci_device == n->pci_device) {
            found_with(f, SYSTEM_NIC_SLOT_TAKEN, SYSTEM_FIELD_NIC, index, i);
        }
    }
    uint32_t ranges = u32_min(vm->ranges, SYSTEM_RANGES_MAX);
    bool memory = nic_has_memory_bar(vm, n);
    for (uint32_t i = 0; memory && i < ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
        if (range_overlaps(vm->range[i].base, vm->range[i].size, SYSTEM_PCI_MEM_BASE,
                           SYSTEM_PCI_MEM_BYTES)) {
            found_with(f, SYSTEM_NIC_BARS_RAM, SYSTEM_FIELD_NIC, index, i);
        }
    }
}

/* Level-triggered inputs can be shared among cards, but not with an ISA device's edges. */
static void check_nic_irq(struct finder *f, const struct system_vm *vm, uint32_t index)
{
    const struct system_nic *n = &vm->nic[index];
    if (n->irq == SYSTEM_IRQ_NONE) {
        return;
    }
    uint32_t inputs = (vm->devices & SYSTEM_DEV_IOAPIC) != 0 ? IOAPIC_INPUTS : 0;
    if (inputs == 0 && (vm->devices & SYSTEM_DEV_PIC) != 0) {
        inputs = ISA_IRQS;
    }
    if (n->irq >= inputs) {
        found(f, SYSTEM_NIC_IRQ_RANGE, SYSTEM_FIELD_NIC, index);
        return;
    }
    for (uint32_t i = 0; i < SYSTEM_PLACES; i++) { /* bound: SYSTEM_PLACES */
        const struct system_place *p = &system_places[i];
        if (p->kind == SYSTEM_PLACE_IRQ && (vm->devices & p->device) != 0 && p->first == n->irq) {
            found_with(f, SYSTEM_NIC_IRQ_TAKEN, SYSTEM_FIELD_NIC, index, p->device);
            return;
        }
    }
    uint32_t serials = u32_min(vm->serials, SYSTEM_SERIALS_MAX);
    for (uint32_t i = 0; i < serials; i++) { /* bound: SYSTEM_SERIALS_MAX */
        if (vm->serial[i].irq == n->irq) {
            found(f, SYSTEM_NIC_IRQ_TAKEN, SYSTEM_FIELD_NIC, index);
            return;
        }
    }
}

void check_nics(struct finder *f, const struct system_vm *vm)
{
    uint32_t nics = u32_min(vm->nics, SYSTEM_NICS_MAX);
    for (uint32_t i = 0; i < nics; i++) { /* bound: SYSTEM_NICS_MAX */
        check_nic_values(f, &vm->nic[i], i);
        check_nic_mac(f, &vm->nic[i], i);
        if (nic_on_pci(&vm->nic[i])) {
            check_nic_pci(f, vm, i);
        } else {
            check_nic_at(f, vm, i);
        }
        check_nic_irq(f, vm, i);
    }
}

/* --- Switches --------------------------------------------------------------------------------- */

static uint32_t host_bits(const struct system_switch *s)
{
    return UINT32_MAX >> s->prefix;
}

/* An address of one station in the uplink's network: neither its first nor its last. */
static bool is_host(const struct system_switch *s, uint32_t address)
{
    uint32_t host = address & host_bits(s);
    return (address & ~host_bits(s)) == s->network && host != 0 && host != host_bits(s);
}

/* A port of the host leads to one place, whichever of its addresses it is asked at: some hosts have but one
 * (a simulated machine), and one forward may be for all of them. */
static void check_forward_port(struct finder *f, uint32_t index, uint32_t forward)
{
    const struct system_forward *w = &f->image->switch_[index].forward[forward];
    for (uint32_t s = 0; s <= index; s++) { /* bound: SYSTEM_SWITCHES_MAX */
        const struct system_switch *other = &f->image->switch_[s];
        uint32_t all = u32_min(other->forwards, SYSTEM_FORWARDS_MAX);
        uint32_t forwards = s == index ? forward : all;
        for (uint32_t i = 0; i < forwards; i++) { /* bound: SYSTEM_FORWARDS_MAX */
            const struct system_forward *o = &other->forward[i];
            if (o->host_port == w->host_port && o->udp == w->udp) {
                found_with(f, SYSTEM_FORWARD_TAKEN, SYSTEM_FIELD_SWITCH, index, forward);
                if (f->count <= f->max) {
                    f->faults[f->count - 1].other_vm = s;
                }
                return;
            }
        }
    }
}

static void check_forward(struct finder *f, const struct system_switch *s, uint32_t index,
                          uint32_t forward)
{
    const struct system_forward *w = &s->forward[forward];
    if (w->host_port == 0 || w->guest_port == 0) {
        found_with(f, SYSTEM_FORWARD_PORT, SYSTEM_FIELD_SWITCH, index, forward);
    }
    if (!is_host(s, w->guest_address) || w->guest_address == s->host_address) {
        found_with(f, SYSTEM_FORWARD_OUTSIDE, SYSTEM_FIELD_SWITCH, index, forward);
    }
    if (w->udp > 1 || !all_zero(w->unused, sizeof(w->unused))) {
        found(f, SYSTEM_SWITCH_VALUE, SYSTEM_FIELD_SWITCH, index);
    }
    check_forward_port(f, index, forward);
}

/* Without an uplink nothing of it may be set. */
static void check_uplink(struct finder *f, const struct system_switch *s, uint32_t index)
{
    uint32_t forwards = u32_min(s->forwards, SYSTEM_FORWARDS_MAX);
    uint32_t unused = SYSTEM_FORWARDS_MAX - forwards;
    bool rest = all_zero(&s->forward[forwards], unused * sizeof(s->forward[0]));
    if (s->uplink > SYSTEM_UPLINK_USER || s->forwards > SYSTEM_FORWARDS_MAX || !rest ||
        (s->flags & ~SYSTEM_SWITCH_LOOPBACK) != 0 || s->unused != 0) {
        found(f, SYSTEM_SWITCH_VALUE, SYSTEM_FIELD_SWITCH, index);
        return;
    }
    if (s->uplink == SYSTEM_UPLINK_NONE) {
        if (s->network != 0 || s->prefix != 0 || s->host_address != 0 || s->forwards != 0 ||
            s->flags != 0) {
            found(f, SYSTEM_SWITCH_VALUE, SYSTEM_FIELD_SWITCH, index);
        }
        return;
    }
    if (s->prefix < PREFIX_MIN || s->prefix > PREFIX_MAX || (s->network & host_bits(s)) != 0) {
        found(f, SYSTEM_SWITCH_NETWORK, SYSTEM_FIELD_SWITCH, index);
        return;
    }
    if (!is_host(s, s->host_address)) {
        found(f, SYSTEM_SWITCH_HOST, SYSTEM_FIELD_SWITCH, index);
    }
    for (uint32_t i = 0; i < forwards; i++) { /* bound: SYSTEM_FORWARDS_MAX */
        check_forward(f, s, index, i);
    }
}

static void check_switch(struct finder *f, uint32_t index)
{
    const struct system_switch *s = &f->image->switch_[index];
    if (!text_ends(s->name, SYSTEM_NAME_MAX) || !name_good(s->name)) {
        found(f, SYSTEM_SWITCH_NAME, SYSTEM_FIELD_SWITCH, index);
        return;
    }
    for (uint32_t i = 0; i < index; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        if (name_same(s->name, f->image->switch_[i].name)) {
            found_with(f, SYSTEM_SWITCH_SAME_NAME, SYSTEM_FIELD_SWITCH, index, i);
            break;
        }
    }
    check_uplink(f, s, index);
}

void check_switches(struct finder *f)
{
    const struct system_image *image = f->image;
    uint32_t switches = u32_min(image->switches, SYSTEM_SWITCHES_MAX);
    uint32_t unused = SYSTEM_SWITCHES_MAX - switches;
    f->vm = 0;
    if (image->switches > SYSTEM_SWITCHES_MAX || image->unused != 0 ||
        !all_zero(&image->switch_[switches], unused * sizeof(image->switch_[0]))) {
        found(f, SYSTEM_SWITCH_VALUE, SYSTEM_FIELD_SWITCH, 0);
    }
    for (uint32_t i = 0; i < switches; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        check_switch(f, i);
    }
}
