/* SPDX-License-Identifier: BSD-2-Clause
 * The PC's network cards: each one device in the shell that the system file names, its lines, the
 * addresses that firmware would have given it, and its doorbells.
 * Spec: [PCI] 3.0, 2.2.6 (INTx# is shared and level), [VIRTIO] 1.2, 4.1.4.4 and 4.2.2 (doorbells). */
#include "base/bits.h"
#include "board/vm_state.h"

/* Where each card's BARs are within what firmware has to give: a card's MSI-X table stands behind its
 * registers. */
#define NIC_PORTS    VLEGACY_IO_LEN
#define NIC_MEMORY   0x10000u
#define NIC_MSIX_OFF 0x8000u

_Static_assert(SYSTEM_NICS_MAX *NIC_PORTS <= SYSTEM_PCI_IO_BYTES, "ports");
_Static_assert(SYSTEM_NICS_MAX *NIC_MEMORY <= SYSTEM_PCI_MEM_BYTES, "memory");
_Static_assert(VMODERN_LEN <= NIC_MSIX_OFF && NIC_MSIX_OFF + MSIX_LEN <= NIC_MEMORY, "no overlap");
_Static_assert(VLEGACY_BLOCK_LEN <= SYSTEM_NIC_BYTES && VMMIO_LEN <= SYSTEM_NIC_BYTES, "windows");

/* What the interrupt line register says where the pin leads nowhere. [PCI] 6.2.4 */
#define LINE_UNKNOWN 0xFFu

/* --- Lines --------------------------------------------------------------------------------------- */

/* The input's level is the OR of all cards that share it. */
static void nic_line(void *owner, uint32_t irq, bool active)
{
    struct vm_nic *nic = owner;
    struct vm *vm = nic->vm;
    bool level = false;
    nic->line = active;
    for (uint32_t i = 0; i < vm->w.system->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        level = level || (vm->w.system->nic[i].irq == irq && vm->nic[i].line);
    }
    if (irq < ISA_IRQS && board_has(vm, SYSTEM_DEV_PIC)) {
        pic_set(&vm->pic, irq, level);
    }
    if (irq < IOAPIC_PINS && board_has(vm, SYSTEM_DEV_IOAPIC)) {
        ioapic_set(&vm->ioapic, irq, level);
    }
}

uint32_t board_nic_isa_irqs(const struct vm *vm)
{
    uint32_t irqs = 0;
    for (uint32_t i = 0; i < vm->w.system->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        uint32_t irq = vm->w.system->nic[i].irq;
        irqs |= irq < ISA_IRQS ? BIT32(irq) : 0;
    }
    return irqs;
}

/* --- Windows ------------------------------------------------------------------------------------- */

static void nic_move(void *owner, uint32_t window, uint64_t base)
{
    struct vm_nic *nic = owner;
    uint64_t at = bus_move(&nic->vm->bus, nic->shell, window, base) ? base : BUS_OFF;
    if (window == VPCI_WINDOW_REGS && at != nic->at) {
        nic->at = at;
        nic->vm->doorbells_version++;
    }
}

/* Fixed addresses. */
static bool nic_attach(struct vm_nic *nic, const struct bus_dev_ops *ops, void *shell,
                       const struct bus_window *window)
{
    nic->shell = shell;
    nic->at = window->base;
    return bus_attach(&nic->vm->bus, ops, shell, window, 1);
}

/* --- Shells --------------------------------------------------------------------------------------- */

static bool shell_is_legacy(uint32_t shell)
{
    return shell != SYSTEM_SHELL_PCI_MODERN && shell != SYSTEM_SHELL_MMIO;
}

static bool shell_is_mmio(uint32_t shell)
{
    return shell == SYSTEM_SHELL_MMIO || shell == SYSTEM_SHELL_MMIO_LEGACY;
}

static bool shell_is_pci(uint32_t shell)
{
    return !shell_is_mmio(shell) && shell != SYSTEM_SHELL_BLOCK;
}

static void nic_init_device(struct vm_nic *nic, const struct system_nic *s)
{
    struct vm *vm = nic->vm;
    bool mmio = shell_is_mmio(s->shell);
    const struct vdev_wiring w = {
        .type = &vnet_type,
        .type_owner = &nic->net,
        .shell = mmio ? &vmmio_shell : &vpci_shell,
        .shell_owner = mmio ? (void *)&nic->mmio : (void *)&nic->pci,
        .channel = vm->w.channel[nic->number],
        .kick = vm->w.kick,
        .host = vm->w.host,
        .number = nic->number,
        .queue_size = s->queue_size,
        .offers = vnet_offers(s),
        .legacy = shell_is_legacy(s->shell),
    };
    vdev_init(&nic->dev, &w);
    vnet_init(&nic->net, s, &nic->dev);
}

/* Messages end at a local APIC: without one a card has its pin only. */
static void nic_init_function(struct vm_nic *nic, const struct system_nic *s)
{
    struct vm *vm = nic->vm;
    bool pci = shell_is_pci(s->shell);
    bool msix = pci && board_has(vm, SYSTEM_DEV_LAPIC);
    const struct msg_line out = {.send = board_message, .owner = vm};
    const struct vpci_wiring w = {
        .dev = &nic->dev,
        .msix = msix ? &nic->msix : NULL,
        .intx = {.set = nic_line, .owner = nic, .pin = s->irq},
        .move = pci ? nic_move : NULL,
        .owner = nic,
    };
    msix_init(&nic->msix, VPCI_VECTORS, &out);
    vpci_init(&nic->pci, &w);
}

/* A PCI function, with all that firmware leaves in its configuration space. */
static bool nic_add_function(struct vm_nic *nic, const struct system_nic *s)
{
    struct pci *pci = &nic->vm->pci;
    bool modern = s->shell == SYSTEM_SHELL_PCI_MODERN;
    bool ports = s->shell == SYSTEM_SHELL_PCI_LEGACY;
    const struct pci_function_ops *ops = modern  ? &vmodern_function
                                         : ports ? &vlegacy_io_function
                                                 : &vlegacy_mem_function;
    uint32_t devfn = PCI_DEVFN(s->pci_device, 0);
    uint32_t memory = SYSTEM_PCI_MEM_BASE + nic->number * NIC_MEMORY;
    uint32_t bar0 = ports ? (SYSTEM_PCI_IO_BASE + nic->number * NIC_PORTS) | PCI_BAR_IO : memory;
    uint32_t command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    bool msix = board_has(nic->vm, SYSTEM_DEV_LAPIC);
    if (!pci_add(pci, devfn, ops, nic->shell)) {
        return false;
    }
    pci_preset(pci, devfn, PCI_BAR(0), bar0);
    pci_preset(pci, devfn, PCI_BAR(1), memory + NIC_MSIX_OFF);
    pci_preset(pci, devfn, PCI_INTERRUPT,
               s->irq < LINE_UNKNOWN ? PCI_PIN_INTA | s->irq : LINE_UNKNOWN);
    if (!msix) {
        pci_preset(pci, devfn, PCI_CAPS, modern ? VMODERN_CAP_COMMON : 0);
    }
    pci_preset(pci, devfn, PCI_COMMAND, command | (msix || modern ? PCI_STATUS_CAPS : 0));
    return true;
}

static bool nic_wire_pci(struct vm_nic *nic, const struct system_nic *s)
{
    struct bus *bus = &nic->vm->bus;
    bool ok;
    if (!board_has(nic->vm, SYSTEM_DEV_PCI)) {
        return false;
    }
    nic->at = BUS_OFF;
    if (s->shell == SYSTEM_SHELL_PCI_MODERN) {
        nic->shell = &nic->modern;
        ok = bus_attach(bus, &vmodern_ops, &nic->modern, vmodern_windows, VPCI_WINDOWS);
    } else {
        bool ports = s->shell == SYSTEM_SHELL_PCI_LEGACY;
        const struct bus_window *windows = ports ? vlegacy_io_windows : vlegacy_mem_windows;
        nic->shell = &nic->legacy;
        ok = bus_attach(bus, &vlegacy_ops, &nic->legacy, windows, VPCI_WINDOWS);
    }
    return ok && nic_add_function(nic, s);
}

static bool nic_wire(struct vm_nic *nic, const struct system_nic *s)
{
    const struct irq_line line = {.set = nic_line, .owner = nic, .pin = s->irq};
    struct bus_window window;
    nic_init_device(nic, s);
    nic_init_function(nic, s);
    vlegacy_init(&nic->legacy, &nic->dev, &nic->pci);
    vmodern_init(&nic->modern, &nic->dev, &nic->pci);
    vmmio_init(&nic->mmio, &nic->dev, &line);
    if (shell_is_pci(s->shell)) {
        return nic_wire_pci(nic, s);
    }
    if (shell_is_mmio(s->shell)) {
        vmmio_window(s->at, &window);
        return nic_attach(nic, &vmmio_ops, &nic->mmio, &window);
    }
    vlegacy_block_window(s->at, &window);
    return nic_attach(nic, &vlegacy_ops, &nic->legacy, &window);
}

bool board_wire_nics(struct vm *vm)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < vm->w.system->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        const struct system_nic *s = &vm->w.system->nic[i];
        vm->nic[i].vm = vm;
        vm->nic[i].number = i;
        ok = s->shell == 0 || nic_wire(&vm->nic[i], s);
    }
    return ok;
}

/* --- From entry to entry --------------------------------------------------------------------------*/

void board_reset_nics(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->w.system->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        struct vm_nic *nic = &vm->nic[i];
        if (nic->shell != NULL) {
            vpci_power_on(&nic->pci);
            vmodern_power_on(&nic->modern);
            vmmio_power_on(&nic->mmio);
            vdev_power_on(&nic->dev);
        }
    }
}

bool board_poll_nics(struct vm *vm)
{
    bool settled = true;
    for (uint32_t i = 0; i < vm->w.system->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        if (vm->nic[i].shell != NULL && !vdev_poll(&vm->nic[i].dev)) {
            settled = false;
        }
    }
    return settled;
}

void vm_set_link(struct vm *vm, uint32_t nic, bool up, uint64_t tsc)
{
    board_set_time(vm, tsc);
    if (vm->nic[nic].shell != NULL) {
        vnet_set_link(&vm->nic[nic].net, up);
    }
}

const struct vdev_counts *vm_nic_counts(const struct vm *vm, uint32_t nic)
{
    return vdev_counts(&vm->nic[nic].dev);
}

/* --- Doorbells ------------------------------------------------------------------------------------ */

static struct vm_doorbell nic_doorbell(const struct vm_nic *nic, uint32_t shell, uint16_t queue)
{
    struct vm_doorbell bell = {
        .addr = nic->at + VLEGACY_NOTIFY,
        .space = shell == SYSTEM_SHELL_PCI_LEGACY ? BUS_PIO : BUS_MMIO,
        .width = 2,
        .value = queue,
        .nic = nic->number,
    };
    if (shell == SYSTEM_SHELL_PCI_MODERN) {
        bell.addr = nic->at + VMODERN_NOTIFY + queue * VMODERN_NOTIFY_STEP;
    } else if (shell_is_mmio(shell)) {
        bell.addr = nic->at + VMMIO_NOTIFY;
        bell.width = 4;
    }
    return bell;
}

uint32_t vm_doorbells(const struct vm *vm, struct vm_doorbell out[VM_DOORBELLS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < vm->w.system->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        const struct vm_nic *nic = &vm->nic[i];
        bool there = nic->shell != NULL && nic->at != BUS_OFF;
        for (uint16_t q = 0; there && q < VDEV_QUEUES; q++) {
            out[count] = nic_doorbell(nic, vm->w.system->nic[i].shell, q);
            count++;
        }
    }
    return count;
}

uint32_t vm_doorbells_version(const struct vm *vm)
{
    return vm->doorbells_version;
}
