/* SPDX-License-Identifier: BSD-2-Clause
 * The legacy register block. Contract and references: virtio/pci_legacy.h. */
#include "virtio/pci_legacy.h"

#include "base/bits.h"
#include "virtio/pci_legacy_state.h"

#define LEGACY_WIDTHS (BUS_W1 | BUS_W2 | BUS_W4)

void vlegacy_init(struct vlegacy *l, struct vdev *dev, struct vpci *pci)
{
    l->dev = dev;
    l->pci = pci;
}

static uint32_t config_start(const struct vlegacy *l)
{
    return vpci_msix_enabled(l->pci) ? VLEGACY_CONFIG_MSIX : VLEGACY_CONFIG;
}

/* --- Reading ------------------------------------------------------------------------------------ */

/* First byte of the register that holds each byte of the block's fixed part. */
static const uint8_t register_of[VLEGACY_CONFIG_MSIX] = {
    0x00, 0x00, 0x00, 0x00, 0x04, 0x04, 0x04, 0x04, 0x08, 0x08, 0x08, 0x08,
    0x0C, 0x0C, 0x0E, 0x0E, 0x10, 0x10, 0x12, 0x13, 0x14, 0x14, 0x16, 0x16,
};

static uint32_t read_register(const struct vlegacy *l, uint32_t reg)
{
    switch (reg) {
    case VLEGACY_FEATURES:
        return vdev_offered(l->dev, 0);
    case VLEGACY_ACCEPTED:
        return vdev_accepted(l->dev, 0);
    case VLEGACY_QUEUE_PFN:
        return vdev_queue_enabled(l->dev)
                   ? (uint32_t)(vdev_queue_address(l->dev, VDEV_DESC) / VLEGACY_PAGE_BYTES)
                   : 0;
    case VLEGACY_QUEUE_SIZE:
        return vdev_queue_max(l->dev);
    case VLEGACY_QUEUE_SELECT:
        return vdev_selected(l->dev);
    case VLEGACY_STATUS:
        return vdev_status(l->dev);
    case VLEGACY_ISR:
        return vpci_take_isr(l->pci);
    case VLEGACY_CONFIG_VECTOR:
        return vpci_config_vector(l->pci);
    case VLEGACY_QUEUE_VECTOR:
        return vpci_queue_vector(l->pci);
    default: /* notify: write-only */
        return 0;
    }
}

static uint64_t vlegacy_read(void *dev, struct bus_access a, vm_ns_t now)
{
    const struct vlegacy *l = dev;
    uint32_t off = (uint32_t)a.off;
    (void)now;
    if (a.window == VPCI_WINDOW_MSIX) {
        return vpci_msix_read(l->pci, off);
    }
    if (off >= config_start(l)) {
        return vdev_config_read(l->dev, off - config_start(l), a.size);
    }
    uint32_t reg = register_of[off];
    return (uint64_t)read_register(l, reg) >> (8u * (off - reg));
}

/* --- Writing ------------------------------------------------------------------------------------ */

static void write_register(const struct vlegacy *l, uint32_t reg, uint32_t val)
{
    switch (reg) {
    case VLEGACY_ACCEPTED:
        vdev_accept(l->dev, 0, val);
        break;
    case VLEGACY_QUEUE_PFN:
        vdev_place_queue(l->dev, (uint64_t)val * VLEGACY_PAGE_BYTES, VLEGACY_PAGE_BYTES);
        break;
    case VLEGACY_QUEUE_SELECT:
        vdev_select(l->dev, (uint16_t)val);
        break;
    case VLEGACY_NOTIFY:
        vdev_notify(l->dev, (uint16_t)val);
        break;
    case VLEGACY_STATUS:
        vdev_set_status(l->dev, (uint8_t)val);
        break;
    case VLEGACY_CONFIG_VECTOR:
        vpci_set_config_vector(l->pci, (uint16_t)val);
        break;
    case VLEGACY_QUEUE_VECTOR:
        vpci_set_queue_vector(l->pci, (uint16_t)val);
        break;
    default: /* read-only, or not the start of a register */
        break;
    }
}

static void vlegacy_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    const struct vlegacy *l = dev;
    uint32_t off = (uint32_t)a.off;
    (void)now;
    if (a.window == VPCI_WINDOW_MSIX) {
        vpci_msix_write(l->pci, off, (uint32_t)val);
    } else if (off >= config_start(l)) {
        vdev_config_write(l->dev, off - config_start(l), a.size, val);
    } else {
        write_register(l, off, (uint32_t)val);
    }
}

const struct bus_dev_ops vlegacy_ops = {
    .read = vlegacy_read,
    .write = vlegacy_write,
};

/* --- The PCI function ----------------------------------------------------------------------------*/

static uint32_t legacy_config_read(void *owner, uint32_t reg, uint32_t stored, vm_ns_t now)
{
    const struct vlegacy *l = owner;
    (void)now;
    return vpci_read_config(l->pci, reg, stored);
}

static void legacy_config_written(void *owner, uint32_t reg, uint32_t val, vm_ns_t now)
{
    const struct vlegacy *l = owner;
    (void)now;
    vpci_config_written(l->pci, reg, val);
}

static void legacy_moved(void *owner, uint32_t window, uint64_t base)
{
    const struct vlegacy *l = owner;
    vpci_moved(l->pci, window, base);
}

/* An Ethernet controller of revision 0, as legacy drivers demand. The subsystem is the kind of device. */
#define LEGACY_DESC(bar0_reset, bar0_len)                                                       \
    {                                                                                           \
        {.reg = PCI_ID, .reset = VLEGACY_DEVICE << 16 | VPCI_VENDOR},                           \
            {.reg = PCI_COMMAND, .reset = PCI_STATUS_CAPS, .rw = VPCI_COMMAND_RW},              \
            {.reg = PCI_CLASS, .reset = 0x02000000u},                                           \
            {.reg = PCI_BAR(0), .reset = (bar0_reset), .rw = ~((bar0_len)-1u)},                 \
            {.reg = PCI_BAR(1), .rw = ~(MSIX_LEN - 1u)},                                        \
            {.reg = PCI_SUBSYSTEM, .reset = 1u << 16 | VPCI_VENDOR},                            \
            {.reg = PCI_CAPS, .reset = VPCI_CAP_MSIX},                                          \
            {.reg = PCI_INTERRUPT, .reset = PCI_PIN_INTA, .rw = 0xFFu},                         \
            {.reg = VPCI_CAP_MSIX, .reset = MSIX_CAP_HEAD(0, VPCI_VECTORS), .rw = MSIX_CAP_RW}, \
            {.reg = VPCI_CAP_MSIX + 4u, .reset = MSIX_CAP_TABLE(1)},                            \
            {.reg = VPCI_CAP_MSIX + 8u, .reset = MSIX_CAP_PBA(1)},                              \
    }

static const struct pci_config_desc legacy_io_desc[] = LEGACY_DESC(PCI_BAR_IO, VLEGACY_IO_LEN);
static const struct pci_config_desc legacy_mem_desc[] = LEGACY_DESC(0, VLEGACY_MEM_LEN);

static const struct pci_bar legacy_bars[] = {
    {.bar = 0, .window = VPCI_WINDOW_REGS},
    {.bar = 1, .window = VPCI_WINDOW_MSIX},
};

const struct pci_function_ops vlegacy_io_function = {
    .desc = legacy_io_desc,
    .descs = sizeof(legacy_io_desc) / sizeof(legacy_io_desc[0]),
    .bar = legacy_bars,
    .bars = sizeof(legacy_bars) / sizeof(legacy_bars[0]),
    .moved = legacy_moved,
    .read = legacy_config_read,
    .written = legacy_config_written,
};

const struct pci_function_ops vlegacy_mem_function = {
    .desc = legacy_mem_desc,
    .descs = sizeof(legacy_mem_desc) / sizeof(legacy_mem_desc[0]),
    .bar = legacy_bars,
    .bars = sizeof(legacy_bars) / sizeof(legacy_bars[0]),
    .moved = legacy_moved,
    .read = legacy_config_read,
    .written = legacy_config_written,
};

const struct bus_window vlegacy_io_windows[VPCI_WINDOWS] = {
    [VPCI_WINDOW_REGS] = {.space = BUS_PIO,
                          .widths = LEGACY_WIDTHS,
                          .len = VLEGACY_IO_LEN,
                          .base = BUS_OFF},
    [VPCI_WINDOW_MSIX] = {.space = BUS_MMIO, .widths = BUS_W4, .len = MSIX_LEN, .base = BUS_OFF},
};

const struct bus_window vlegacy_mem_windows[VPCI_WINDOWS] = {
    [VPCI_WINDOW_REGS] = {.space = BUS_MMIO,
                          .widths = LEGACY_WIDTHS,
                          .len = VLEGACY_MEM_LEN,
                          .base = BUS_OFF},
    [VPCI_WINDOW_MSIX] = {.space = BUS_MMIO, .widths = BUS_W4, .len = MSIX_LEN, .base = BUS_OFF},
};

void vlegacy_block_window(uint64_t at, struct bus_window *window)
{
    *window = (struct bus_window){
        .space = BUS_MMIO,
        .widths = LEGACY_WIDTHS,
        .len = VLEGACY_BLOCK_LEN,
        .base = at,
    };
}
