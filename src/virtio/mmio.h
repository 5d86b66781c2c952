/* SPDX-License-Identifier: BSD-2-Clause
 * virtio-mmio: a virtio device as one page of registers at a fixed address, with one interrupt line.
 * Version 2, and the legacy version 1.
 * Spec: [VIRTIO] 1.2, 4.2.2 (registers), 4.2.3 (operation), 4.2.4 (legacy interface). */
#ifndef VIRTIO_MMIO_H
#define VIRTIO_MMIO_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/device.h"
#include "vm/bus.h"
#include "vm/line.h"

#define VMMIO_LEN 0x200u

#define VMMIO_MAGIC         0x000u
#define VMMIO_VERSION       0x004u
#define VMMIO_DEVICE_ID     0x008u
#define VMMIO_VENDOR_ID     0x00Cu
#define VMMIO_OFFERED       0x010u
#define VMMIO_OFFERED_WORD  0x014u
#define VMMIO_ACCEPTED      0x020u
#define VMMIO_ACCEPTED_WORD 0x024u
#define VMMIO_PAGE_BYTES    0x028u /* version 1 */
#define VMMIO_QUEUE_SELECT  0x030u
#define VMMIO_QUEUE_MAX     0x034u
#define VMMIO_QUEUE_SIZE    0x038u
#define VMMIO_QUEUE_ALIGN   0x03Cu /* version 1 */
#define VMMIO_QUEUE_PFN     0x040u /* version 1 */
#define VMMIO_QUEUE_READY   0x044u /* this and what follows of queues: version 2 */
#define VMMIO_NOTIFY        0x050u
#define VMMIO_ISR           0x060u
#define VMMIO_ACK           0x064u
#define VMMIO_STATUS        0x070u
#define VMMIO_QUEUE_DESC    0x080u /* low and high halves */
#define VMMIO_QUEUE_DRIVER  0x090u
#define VMMIO_QUEUE_DEVICE  0x0A0u
#define VMMIO_SHM_LEN       0x0B0u /* of shared memory regions, of which there are none */
#define VMMIO_SHM_BASE      0x0B8u
#define VMMIO_GENERATION    0x0FCu
#define VMMIO_CONFIG        0x100u

#define VMMIO_MAGIC_VALUE 0x74726976u /* "virt" */
#define VMMIO_VENDOR      0x646B6C42u /* "Blkd" */

struct vmmio; /* layout: virtio/mmio_state.h */

/* The device says whether this is version 1 or 2. @pre dev outlives m; its shell is vmmio_shell. */
void vmmio_init(struct vmmio *m, struct vdev *dev, const struct irq_line *irq);

/* Power-on, in addition to the device's own. */
void vmmio_power_on(struct vmmio *m);

void vmmio_window(uint64_t at, struct bus_window *window);

extern const struct vdev_shell vmmio_shell; /* owner is a struct vmmio */
extern const struct bus_dev_ops vmmio_ops;  /* dev is a struct vmmio   */

#endif
