/* SPDX-License-Identifier: BSD-2-Clause
 * A virtio device behind PCI by virtio 1: capabilities say where its structures are. No legacy interface.
 *
 * All structures lie in one memory BAR; the MSI-X table has another. As in the legacy block an access
 * means the register at its address.
 * Spec: [VIRTIO] 1.2, 4.1.2 (PCI IDs), 4.1.4 (capabilities and structures), 4.1.4.9 (PCI access). */
#ifndef VIRTIO_PCI_MODERN_H
#define VIRTIO_PCI_MODERN_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/pci.h"
#include "virtio/pci_function.h"
#include "vm/bus.h"

/* Structures in BAR 0. */
#define VMODERN_COMMON      0x0000u
#define VMODERN_COMMON_LEN  0x38u
#define VMODERN_ISR         0x1000u
#define VMODERN_ISR_LEN     0x1u
#define VMODERN_CONFIG      0x2000u
#define VMODERN_CONFIG_LEN  0x100u
#define VMODERN_NOTIFY      0x3000u
#define VMODERN_NOTIFY_STEP 4u /* bytes from one queue's doorbell to the next */
#define VMODERN_NOTIFY_LEN  (VMODERN_NOTIFY_STEP * VDEV_QUEUES)
#define VMODERN_LEN         0x4000u

/* Registers of the common structure. */
#define VMODERN_OFFERED_WORD   0x00u
#define VMODERN_OFFERED        0x04u
#define VMODERN_ACCEPTED_WORD  0x08u
#define VMODERN_ACCEPTED       0x0Cu
#define VMODERN_CONFIG_VECTOR  0x10u
#define VMODERN_QUEUES         0x12u
#define VMODERN_STATUS         0x14u
#define VMODERN_GENERATION     0x15u
#define VMODERN_QUEUE_SELECT   0x16u
#define VMODERN_QUEUE_SIZE     0x18u
#define VMODERN_QUEUE_VECTOR   0x1Au
#define VMODERN_QUEUE_ENABLE   0x1Cu
#define VMODERN_QUEUE_DOORBELL 0x1Eu
#define VMODERN_QUEUE_DESC     0x20u /* 64 bits each, as two registers */
#define VMODERN_QUEUE_DRIVER   0x28u
#define VMODERN_QUEUE_DEVICE   0x30u

/* Capabilities, in the order of their list. */
#define VMODERN_CAP_COMMON 0x50u
#define VMODERN_CAP_NOTIFY 0x60u
#define VMODERN_CAP_ISR    0x74u
#define VMODERN_CAP_CONFIG 0x84u
#define VMODERN_CAP_ACCESS 0x94u

#define VMODERN_DEVICE(type) (0x1040u + (type))

struct vmodern; /* layout: virtio/pci_modern_state.h */

/* @pre dev and pci outlive m. The device's shell is vpci_shell with pci. */
void vmodern_init(struct vmodern *m, struct vdev *dev, struct vpci *pci);

/* Power-on, in addition to the device's and the function's own. */
void vmodern_power_on(struct vmodern *m);

/* The windows: structures first, then MSI-X. Off until firmware or the guest places them. */
extern const struct bus_window vmodern_windows[VPCI_WINDOWS];
extern const struct bus_dev_ops vmodern_ops; /* dev is a struct vmodern */

/* The function; owner is a struct vmodern. Without MSI-X: preset PCI_CAPS to VMODERN_CAP_COMMON. */
extern const struct pci_function_ops vmodern_function;

#endif
