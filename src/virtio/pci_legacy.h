/* SPDX-License-Identifier: BSD-2-Clause
 * The legacy register block of a virtio device, three ways: behind an I/O base address of a PCI function,
 * behind a memory one, and at a fixed guest-physical address without PCI.
 *
 * The third is what certified RTOSes use that keep clear of PCI: the driver for I/O ports with another
 * way to load and store. The second is the same layout where Linux's own legacy driver finds it.
 * An access means the register at its address: a wider read is filled up with zeros, a wider write is
 * cut, so that neighbours with side effects (status, ISR) are not touched by accident.
 * Spec: [VIRTIO] 1.2, 4.1.4.10 (legacy interface: the block), 4.1.2 (PCI IDs), 4.1.5.1.3 (queues). */
#ifndef VIRTIO_PCI_LEGACY_H
#define VIRTIO_PCI_LEGACY_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/pci.h"
#include "virtio/pci_function.h"
#include "vm/bus.h"

/* The block. */
#define VLEGACY_FEATURES      0x00u
#define VLEGACY_ACCEPTED      0x04u
#define VLEGACY_QUEUE_PFN     0x08u
#define VLEGACY_QUEUE_SIZE    0x0Cu
#define VLEGACY_QUEUE_SELECT  0x0Eu
#define VLEGACY_NOTIFY        0x10u
#define VLEGACY_STATUS        0x12u
#define VLEGACY_ISR           0x13u
#define VLEGACY_CONFIG_VECTOR 0x14u /* these two only while MSI-X is enabled */
#define VLEGACY_QUEUE_VECTOR  0x16u
#define VLEGACY_CONFIG        0x14u /* or behind the vectors */
#define VLEGACY_CONFIG_MSIX   0x18u

#define VLEGACY_PAGE_BYTES 4096u
#define VLEGACY_IO_LEN     0x40u   /* as an I/O window    */
#define VLEGACY_MEM_LEN    0x1000u /* as a memory window */
#define VLEGACY_BLOCK_LEN  0x1000u /* at a fixed address  */

#define VLEGACY_DEVICE 0x1000u /* transitional network device */

struct vlegacy; /* layout: virtio/pci_legacy_state.h */

/* @pre dev and pci outlive l. The device's shell is vpci_shell with pci. */
void vlegacy_init(struct vlegacy *l, struct vdev *dev, struct vpci *pci);

/* The windows: registers first, then MSI-X. PCI ones are off until firmware or the guest places them. */
extern const struct bus_window vlegacy_io_windows[VPCI_WINDOWS];
extern const struct bus_window vlegacy_mem_windows[VPCI_WINDOWS];
void vlegacy_block_window(uint64_t at, struct bus_window *window);

extern const struct bus_dev_ops vlegacy_ops; /* dev is a struct vlegacy */

/* The function; owner is a struct vlegacy. Without MSI-X: preset PCI_COMMAND and PCI_CAPS to 0 and it has
 * no capabilities. */
extern const struct pci_function_ops vlegacy_io_function;
extern const struct pci_function_ops vlegacy_mem_function;

#endif
