/* SPDX-License-Identifier: BSD-2-Clause
 * virtio-mmio. Contract and references: virtio/mmio.h. */
#include "virtio/mmio.h"

#include <stddef.h>

#include "base/string.h"
#include "virtio/mmio_state.h"

void vmmio_init(struct vmmio *m, struct vdev *dev, const struct irq_line *irq)
{
    memset(m, 0, sizeof(*m));
    m->wiring.dev = dev;
    m->wiring.irq = *irq;
}

/* --- Interrupts --------------------------------------------------------------------------------- */

static void vmmio_drive(const struct vmmio *m)
{
    irq_line_set(&m->wiring.irq, vdev_isr(m->wiring.dev) != 0);
}

static void vmmio_queue_irq(void *owner, uint32_t queue)
{
    const struct vmmio *m = owner;
    (void)queue;
    vdev_isr_set(m->wiring.dev, VDEV_ISR_QUEUE);
    vmmio_drive(m);
}

static void vmmio_config_irq(void *owner)
{
    const struct vmmio *m = owner;
    vdev_isr_set(m->wiring.dev, VDEV_ISR_CONFIG);
    vmmio_drive(m);
}

/* The page size stays: Linux's driver says it once, before the reset that it begins with. */
static void vmmio_reset(void *owner)
{
    struct vmmio *m = owner;
    const uint32_t page_bytes = m->regs.page_bytes;
    memset(&m->regs, 0, sizeof(m->regs));
    m->regs.page_bytes = page_bytes;
    vmmio_drive(m);
}

void vmmio_power_on(struct vmmio *m)
{
    memset(&m->regs, 0, sizeof(m->regs));
}

const struct vdev_shell vmmio_shell = {
    .queue_irq = vmmio_queue_irq,
    .config_irq = vmmio_config_irq,
    .reset = vmmio_reset,
};

/* --- Reading ------------------------------------------------------------------------------------ */

/* The selected queue's number, or VDEV_QUEUES if there is no such queue. */
static uint32_t selected(const struct vmmio *m)
{
    return vdev_queue_max(m->wiring.dev) != 0 ? vdev_selected(m->wiring.dev) : VDEV_QUEUES;
}

/* Registers of one version only. */
static uint32_t read_legacy(const struct vmmio *m, uint32_t reg)
{
    uint32_t queue = selected(m);
    if (queue == VDEV_QUEUES) {
        return 0;
    }
    if (reg == VMMIO_QUEUE_PFN) {
        return m->regs.pfn[queue];
    }
    return 0; /* page size and alignment are write-only */
}

static uint32_t read_modern(const struct vmmio *m, uint32_t reg)
{
    switch (reg) {
    case VMMIO_QUEUE_READY:
        return vdev_queue_enabled(m->wiring.dev) ? 1u : 0u;
    case VMMIO_SHM_LEN:
    case VMMIO_SHM_LEN + 4u:
    case VMMIO_SHM_BASE:
    case VMMIO_SHM_BASE + 4u:
        return UINT32_MAX; /* no such region */
    case VMMIO_GENERATION:
        return vdev_generation(m->wiring.dev);
    default: /* write-only, or none */
        return 0;
    }
}

static uint32_t read_register(const struct vmmio *m, uint32_t reg)
{
    const struct vdev *d = m->wiring.dev;
    switch (reg) {
    case VMMIO_MAGIC:
        return VMMIO_MAGIC_VALUE;
    case VMMIO_VERSION:
        return vdev_legacy(d) ? 1u : 2u;
    case VMMIO_DEVICE_ID:
        return vdev_type(d)->id;
    case VMMIO_VENDOR_ID:
        return VMMIO_VENDOR;
    case VMMIO_OFFERED:
        return vdev_offered(d, vdev_chosen_word(d, VDEV_OFFERED));
    case VMMIO_QUEUE_MAX:
        return vdev_queue_max(d);
    case VMMIO_ISR:
        return vdev_isr(d);
    case VMMIO_STATUS:
        return vdev_status(d);
    default:
        return vdev_legacy(d) ? read_legacy(m, reg) : read_modern(m, reg);
    }
}

static uint64_t vmmio_read(void *dev, struct bus_access a, vm_ns_t now)
{
    const struct vmmio *m = dev;
    uint32_t off = (uint32_t)a.off;
    (void)now;
    if (off >= VMMIO_CONFIG) {
        return vdev_config_read(m->wiring.dev, off - VMMIO_CONFIG, a.size);
    }
    return (uint64_t)read_register(m, off & ~3u) >> (8u * (off & 3u));
}

/* --- Writing ------------------------------------------------------------------------------------ */

static void write_legacy(struct vmmio *m, uint32_t reg, uint32_t val)
{
    uint32_t queue = selected(m);
    if (reg == VMMIO_PAGE_BYTES) {
        m->regs.page_bytes = val;
    } else if (queue == VDEV_QUEUES) {
        return;
    } else if (reg == VMMIO_QUEUE_ALIGN) {
        m->regs.align[queue] = val;
    } else if (reg == VMMIO_QUEUE_PFN) {
        m->regs.pfn[queue] = val;
        vdev_place_queue(m->wiring.dev, (uint64_t)val * m->regs.page_bytes, m->regs.align[queue]);
    }
}

static void write_modern(const struct vmmio *m, uint32_t reg, uint32_t val)
{
    struct vdev *d = m->wiring.dev;
    bool high = (reg & 4u) != 0;
    switch (reg & ~4u) {
    case VMMIO_QUEUE_READY & ~4u:
        if (high) {
            vdev_enable_queue(d, (val & 1u) != 0);
        }
        break;
    case VMMIO_QUEUE_DESC:
        vdev_set_queue_address(d, VDEV_DESC, high, val);
        break;
    case VMMIO_QUEUE_DRIVER:
        vdev_set_queue_address(d, VDEV_DRIVER_AREA, high, val);
        break;
    case VMMIO_QUEUE_DEVICE:
        vdev_set_queue_address(d, VDEV_DEVICE_AREA, high, val);
        break;
    default:
        break;
    }
}

static void write_register(struct vmmio *m, uint32_t reg, uint32_t val)
{
    struct vdev *d = m->wiring.dev;
    switch (reg) {
    case VMMIO_OFFERED_WORD:
        vdev_choose_word(d, VDEV_OFFERED, val);
        break;
    case VMMIO_ACCEPTED_WORD:
        vdev_choose_word(d, VDEV_ACCEPTED, val);
        break;
    case VMMIO_ACCEPTED:
        vdev_accept(d, vdev_chosen_word(d, VDEV_ACCEPTED), val);
        break;
    case VMMIO_QUEUE_SELECT:
        vdev_select(d, val);
        break;
    case VMMIO_QUEUE_SIZE:
        vdev_set_queue_size(d, val);
        break;
    case VMMIO_NOTIFY:
        vdev_notify(d, val);
        break;
    case VMMIO_ACK:
        vdev_isr_clear(d, val);
        vmmio_drive(m);
        break;
    case VMMIO_STATUS:
        vdev_set_status(d, (uint8_t)val);
        break;
    default:
        if (vdev_legacy(d)) {
            write_legacy(m, reg, val);
        } else {
            write_modern(m, reg, val);
        }
        break;
    }
}

/* Registers are written as dwords only ([VIRTIO] 4.2.2.2); a doorbell at any width, to lose no kick. */
static void vmmio_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct vmmio *m = dev;
    uint32_t off = (uint32_t)a.off;
    (void)now;
    if (off >= VMMIO_CONFIG) {
        vdev_config_write(m->wiring.dev, off - VMMIO_CONFIG, a.size, val);
    } else if (a.size == 4u || off == VMMIO_NOTIFY) {
        write_register(m, off, (uint32_t)val);
    }
}

const struct bus_dev_ops vmmio_ops = {
    .read = vmmio_read,
    .write = vmmio_write,
};

void vmmio_window(uint64_t at, struct bus_window *window)
{
    *window = (struct bus_window){
        .space = BUS_MMIO,
        .widths = BUS_W1 | BUS_W2 | BUS_W4,
        .len = VMMIO_LEN,
        .base = at,
    };
}
