/* SPDX-License-Identifier: BSD-2-Clause
 * What the PCI shells of a virtio device share: the function's command register, its interrupts by MSI-X
 * vector or by pin, and its windows.
 *
 * With MSI-X enabled queues and configuration changes have vectors; the pin stays quiet. Without, they
 * are bits of the ISR status, and the pin is their OR until the driver has read it.
 * Spec: [VIRTIO] 1.2, 4.1.4.5 (ISR status), 4.1.5.1.2 (vectors), 4.1.5.3 and 4.1.5.4 (interrupts);
 *       [PCI] 3.0, 6.2.2 and 6.2.3 (command and status). */
#ifndef VIRTIO_PCI_FUNCTION_H
#define VIRTIO_PCI_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/msix.h"
#include "dev/pci.h"
#include "virtio/device.h"
#include "vm/line.h"

#define VPCI_VENDOR 0x1AF4u

/* Configuration and each queue. */
#define VPCI_VECTORS (1u + VDEV_QUEUES)

/* Windows of a PCI shell: their numbers at bus_attach. */
#define VPCI_WINDOW_REGS 0u /* BAR 0 */
#define VPCI_WINDOW_MSIX 1u /* BAR 1 */
#define VPCI_WINDOWS     2u

/* Where the capability for MSI-X stands. */
#define VPCI_CAP_MSIX 0x40u

/* What can be written of the command register; the rest of that dword is fixed. */
#define VPCI_COMMAND_RW \
    (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)

struct vpci; /* layout: virtio/pci_function_state.h */

struct vpci_wiring {
    struct vdev *dev;
    struct msix *msix;                                         /* null: the function has no MSI-X */
    struct irq_line intx;                                      /* level */
    void (*move)(void *owner, uint32_t window, uint64_t base); /* null: fixed windows */
    void *owner;
};

void vpci_init(struct vpci *p, const struct vpci_wiring *w);

/* Power-on, in addition to the device's own. */
void vpci_power_on(struct vpci *p);

/* The ISR status as the driver reads it: reading clears it. */
uint32_t vpci_take_isr(struct vpci *p);

/* Vectors: of the configuration, and of the selected queue. One that the table does not have becomes
 * MSIX_NO_VECTOR. */
uint32_t vpci_config_vector(const struct vpci *p);
void vpci_set_config_vector(struct vpci *p, uint32_t vector);
uint32_t vpci_queue_vector(const struct vpci *p);
void vpci_set_queue_vector(struct vpci *p, uint32_t vector);

bool vpci_msix_enabled(const struct vpci *p);

/* The MSI-X window. @pre as for msix_read and msix_write */
uint32_t vpci_msix_read(const struct vpci *p, uint32_t off);
void vpci_msix_write(struct vpci *p, uint32_t off, uint32_t val);

/* For struct pci_function_ops of a shell: registers that both have. */
uint32_t vpci_read_config(const struct vpci *p, uint32_t reg, uint32_t stored);
void vpci_config_written(struct vpci *p, uint32_t reg, uint32_t val);
void vpci_moved(const struct vpci *p, uint32_t window, uint64_t base);

/* The class invariant. */
bool vpci_valid(const struct vpci *p);

extern const struct vdev_shell vpci_shell; /* owner is a struct vpci */

#endif
