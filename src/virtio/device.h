/* SPDX-License-Identifier: BSD-2-Clause
 * A virtio device as its driver sees it, whatever the transport: status, features, queues, configuration.
 *
 * This is the vmm's half. The queues themselves are served by the io component (virtio/channel.h), which
 * gets a copy of all that was negotiated when the driver says DRIVER_OK, and is stopped when it resets
 * the device. A shell (a register layout: pci_legacy, pci_modern, mmio) translates accesses into calls of
 * these functions, and interrupts into its own way to raise them; a type (net) owns the configuration
 * space. Nothing here knows which shell or type it is.
 *
 * A legacy device offers the low 32 feature bits, has no FEATURES_OK, and the driver places a whole queue
 * by one address. Legacy devices are little-endian here, as their guests are.
 * Spec: [VIRTIO] 1.2, 2.1 (status), 2.2 (features), 2.5 (configuration), 3.1 (initialisation), 2.7.2
 * (legacy queue layout). */
#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/channel.h"

#define VDEV_ACKNOWLEDGE 0x01u
#define VDEV_DRIVER      0x02u
#define VDEV_DRIVER_OK   0x04u
#define VDEV_FEATURES_OK 0x08u
#define VDEV_NEEDS_RESET 0x40u
#define VDEV_FAILED      0x80u

/* Bits of the interrupt status, the same for all shells. */
#define VDEV_ISR_QUEUE  0x1u
#define VDEV_ISR_CONFIG 0x2u

#define VDEV_QUEUES CHANNEL_QUEUES

/* What a kind of device is. */
struct vdev_type {
    uint16_t id; /* [VIRTIO] 5 */
    uint16_t unused;
    uint32_t queues;
    uint32_t config_bytes;
    uint8_t (*config_read)(void *owner, uint32_t off);
    void (*config_write)(void *owner, uint32_t off, uint8_t byte); /* legacy drivers only */
    void (*reset)(void *owner);
    /* Those of `features` that can be used: without the ones whose prerequisites are not among them. */
    uint64_t (*usable)(uint64_t features);
};

/* What a shell does when the device has something to say. */
struct vdev_shell {
    void (*queue_irq)(void *owner, uint32_t queue); /* buffers were used */
    void (*config_irq)(void *owner);                /* the configuration changed */
    void (*reset)(void *owner); /* the device was reset: so are the shell's registers */
};

struct vdev_wiring {
    const struct vdev_type *type;
    void *type_owner;
    const struct vdev_shell *shell;
    void *shell_owner;
    struct channel *channel; /* null: there is no io half, so nothing ever comes of it */
    void (*kick)(void *host, uint32_t number);
    void *host;
    uint32_t number; /* which device it is to the host */
    uint32_t queue_size;
    uint64_t offers; /* feature bits; a legacy device shows the low 32 */
    bool legacy;
};

struct vdev; /* layout: virtio/device_state.h */

/* What happened, for reports. */
struct vdev_counts {
    uint64_t kicks; /* that came through the vmm: most need not */
    uint64_t queue_irqs;
    uint64_t config_irqs;
    uint64_t resets; /* by the driver */
    uint64_t runs;   /* DRIVER_OK */
    uint64_t refused_features;
    uint64_t breaks; /* the io half found a queue driven outside of the rules */
};

/* @pre all that w points to outlives d; queue_size is a power of two up to 32,768. */
void vdev_init(struct vdev *d, const struct vdev_wiring *w);

/* Power-on: as reset by its driver, but it is no driver's doing. The io half is told to stop in case it
 * still serves a former life of this VM. */
void vdev_power_on(struct vdev *d);

const struct vdev_type *vdev_type(const struct vdev *d);
bool vdev_legacy(const struct vdev *d);

uint8_t vdev_status(const struct vdev *d);
/* The driver writes the status: 0 resets, else bits are added. FEATURES_OK stays clear if the features
 * cannot be had together; DRIVER_OK needs it on a modern device. */
void vdev_set_status(struct vdev *d, uint8_t val);

/* Feature bits, a word of 32 at a time; beyond the second word there are none. */
uint32_t vdev_offered(const struct vdev *d, uint32_t word);
uint32_t vdev_accepted(const struct vdev *d, uint32_t word);
void vdev_accept(struct vdev *d, uint32_t word, uint32_t val);

/* Shells that show one word at a time: which one is chosen, 0 after reset. */
enum vdev_side {
    VDEV_OFFERED = 0,
    VDEV_ACCEPTED = 1,
};

void vdev_choose_word(struct vdev *d, enum vdev_side side, uint32_t word);
uint32_t vdev_chosen_word(const struct vdev *d, enum vdev_side side);

/* Queues. Each function is about the selected one; one that is not there has size 0 and ignores writes.
 * Size and addresses cannot be changed while the queue is enabled. */
enum vdev_ring {
    VDEV_DESC = 0,
    VDEV_DRIVER_AREA = 1, /* "available" */
    VDEV_DEVICE_AREA = 2, /* "used"      */
};

void vdev_select(struct vdev *d, uint32_t queue);
uint32_t vdev_selected(const struct vdev *d);
uint32_t vdev_queue_max(const struct vdev *d);
uint32_t vdev_queue_size(const struct vdev *d);
void vdev_set_queue_size(struct vdev *d, uint32_t size); /* beyond 65,535 it is that */
uint64_t vdev_queue_address(const struct vdev *d, enum vdev_ring ring);
void vdev_set_queue_address(struct vdev *d, enum vdev_ring ring, bool high, uint32_t val);
bool vdev_queue_enabled(const struct vdev *d);
void vdev_enable_queue(struct vdev *d, bool on);
/* Legacy: places the rings from `base` on, the used ring at the next multiple of `align`, and enables the
 * queue; base 0 disables it. */
void vdev_place_queue(struct vdev *d, uint64_t base, uint32_t align);

/* The driver has put buffers into this queue. */
void vdev_notify(struct vdev *d, uint32_t queue);

/* Configuration space: any offset and size; beyond its end it is zero. @pre 1 <= size <= 8 */
uint64_t vdev_config_read(const struct vdev *d, uint32_t off, uint32_t size);
void vdev_config_write(struct vdev *d, uint32_t off, uint32_t size, uint64_t val);
uint32_t vdev_generation(const struct vdev *d);
/* The type has changed its configuration: the driver is told, once it is running. */
void vdev_config_changed(struct vdev *d);

/* The interrupt status: set and cleared by the shell, which decides what each bit means for its lines. */
uint32_t vdev_isr(const struct vdev *d);
void vdev_isr_set(struct vdev *d, uint32_t bits);
void vdev_isr_clear(struct vdev *d, uint32_t bits);

/* Takes what the io half has to say: its interrupts go out by the shell. False: it has not yet obeyed,
 * and the guest must not go on. */
bool vdev_poll(struct vdev *d);

const struct vdev_counts *vdev_counts(const struct vdev *d);

/* The class invariant. */
bool vdev_valid(const struct vdev *d);

#endif
