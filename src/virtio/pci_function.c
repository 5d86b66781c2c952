/* SPDX-License-Identifier: BSD-2-Clause
 * What the PCI shells of a virtio device share. Contract and references: virtio/pci_function.h. */
#include "virtio/pci_function.h"

#include <stddef.h>

#include "base/string.h"
#include "virtio/pci_function_state.h"

void vpci_init(struct vpci *p, const struct vpci_wiring *w)
{
    memset(p, 0, sizeof(*p));
    p->wiring = *w;
}

bool vpci_msix_enabled(const struct vpci *p)
{
    return p->wiring.msix != NULL && msix_enabled(p->wiring.msix);
}

/* The pin follows the ISR status, unless messages took its place. */
static void vpci_drive_pin(const struct vpci *p)
{
    bool off = vpci_msix_enabled(p) || (p->regs.command & PCI_COMMAND_INTX_DISABLE) != 0;
    irq_line_set(&p->wiring.intx, vdev_isr(p->wiring.dev) != 0 && !off);
}

/* --- Interrupts --------------------------------------------------------------------------------- */

static void vpci_queue_irq(void *owner, uint32_t queue)
{
    struct vpci *p = owner;
    if (vpci_msix_enabled(p)) {
        msix_raise(p->wiring.msix, p->regs.queue_vector[queue]);
    } else {
        vdev_isr_set(p->wiring.dev, VDEV_ISR_QUEUE);
        vpci_drive_pin(p);
    }
}

/* The status bit is set in both cases: [VIRTIO] 4.1.4.5.1. */
static void vpci_config_irq(void *owner)
{
    struct vpci *p = owner;
    vdev_isr_set(p->wiring.dev, VDEV_ISR_CONFIG);
    if (vpci_msix_enabled(p)) {
        msix_raise(p->wiring.msix, p->regs.config_vector);
    } else {
        vpci_drive_pin(p);
    }
}

/* By its driver: PCI's own registers, and the MSI-X table, stay. */
static void vpci_reset(void *owner)
{
    struct vpci *p = owner;
    p->regs.config_vector = MSIX_NO_VECTOR;
    for (uint32_t i = 0; i < VDEV_QUEUES; i++) {
        p->regs.queue_vector[i] = MSIX_NO_VECTOR;
    }
    vpci_drive_pin(p);
}

void vpci_power_on(struct vpci *p)
{
    p->regs.command = 0;
    if (p->wiring.msix != NULL) {
        msix_reset(p->wiring.msix);
    }
    vpci_reset(p);
}

uint32_t vpci_take_isr(struct vpci *p)
{
    uint32_t isr = vdev_isr(p->wiring.dev);
    vdev_isr_clear(p->wiring.dev, isr);
    vpci_drive_pin(p);
    return isr;
}

/* --- Vectors ------------------------------------------------------------------------------------ */

static uint16_t vpci_fit(const struct vpci *p, uint32_t vector)
{
    bool has = p->wiring.msix != NULL && msix_has(p->wiring.msix, vector);
    return (uint16_t)(has ? vector : MSIX_NO_VECTOR);
}

uint32_t vpci_config_vector(const struct vpci *p)
{
    return p->regs.config_vector;
}

void vpci_set_config_vector(struct vpci *p, uint32_t vector)
{
    p->regs.config_vector = vpci_fit(p, vector);
}

uint32_t vpci_queue_vector(const struct vpci *p)
{
    uint32_t queue = vdev_selected(p->wiring.dev);
    return vdev_queue_max(p->wiring.dev) != 0 ? p->regs.queue_vector[queue] : MSIX_NO_VECTOR;
}

void vpci_set_queue_vector(struct vpci *p, uint32_t vector)
{
    if (vdev_queue_max(p->wiring.dev) != 0) {
        p->regs.queue_vector[vdev_selected(p->wiring.dev)] = vpci_fit(p, vector);
    }
}

uint32_t vpci_msix_read(const struct vpci *p, uint32_t off)
{
    return p->wiring.msix != NULL ? msix_read(p->wiring.msix, off) : UINT32_MAX;
}

void vpci_msix_write(struct vpci *p, uint32_t off, uint32_t val)
{
    if (p->wiring.msix != NULL) {
        msix_write(p->wiring.msix, off, val);
    }
}

/* --- Configuration space ------------------------------------------------------------------------ */

uint32_t vpci_read_config(const struct vpci *p, uint32_t reg, uint32_t stored)
{
    bool pending = vdev_isr(p->wiring.dev) != 0 && !vpci_msix_enabled(p);
    return reg == PCI_COMMAND && pending ? stored | PCI_STATUS_INTX : stored;
}

void vpci_config_written(struct vpci *p, uint32_t reg, uint32_t val)
{
    if (reg == PCI_COMMAND) {
        p->regs.command = val;
        vpci_drive_pin(p);
    } else if (reg == VPCI_CAP_MSIX && p->wiring.msix != NULL) {
        msix_set_control(p->wiring.msix, val);
        vpci_drive_pin(p);
    }
}

void vpci_moved(const struct vpci *p, uint32_t window, uint64_t base)
{
    if (p->wiring.move != NULL) {
        p->wiring.move(p->wiring.owner, window, base);
    }
}

static bool vector_valid(const struct vpci *p, uint16_t vector)
{
    return vector == MSIX_NO_VECTOR || vpci_fit(p, vector) == vector;
}

bool vpci_valid(const struct vpci *p)
{
    bool ok = vector_valid(p, p->regs.config_vector);
    for (uint32_t i = 0; i < VDEV_QUEUES; i++) {
        ok = ok && vector_valid(p, p->regs.queue_vector[i]);
    }
    return ok;
}

const struct vdev_shell vpci_shell = {
    .queue_irq = vpci_queue_irq,
    .config_irq = vpci_config_irq,
    .reset = vpci_reset,
};
