/* SPDX-License-Identifier: BSD-2-Clause
 * The modern PCI shell. Contract and references: virtio/pci_modern.h. */
#include "virtio/pci_modern.h"

#include "base/bits.h"
#include "base/string.h"
#include "virtio/pci_modern_state.h"

/* struct virtio_pci_cap: [VIRTIO] 4.1.4 */
#define CAP_VENDOR 0x09u
#define CAP_COMMON 1u
#define CAP_NOTIFY 2u
#define CAP_ISR    3u
#define CAP_CONFIG 4u
#define CAP_ACCESS 5u
#define CAP_BAR    4u
#define CAP_OFFSET 8u
#define CAP_LENGTH 12u
#define CAP_DATA   16u
#define CAP_BYTES  16u

#define ACCESS_BAR    (VMODERN_CAP_ACCESS + CAP_BAR)
#define ACCESS_OFFSET (VMODERN_CAP_ACCESS + CAP_OFFSET)
#define ACCESS_LENGTH (VMODERN_CAP_ACCESS + CAP_LENGTH)
#define ACCESS_DATA   (VMODERN_CAP_ACCESS + CAP_DATA)

void vmodern_init(struct vmodern *m, struct vdev *dev, struct vpci *pci)
{
    memset(m, 0, sizeof(*m));
    m->dev = dev;
    m->pci = pci;
}

void vmodern_power_on(struct vmodern *m)
{
    memset(&m->regs, 0, sizeof(m->regs));
}

/* --- The common structure: reading ---------------------------------------------------------------*/

/* First byte of the register that holds each byte. */
static const uint8_t register_of[VMODERN_COMMON_LEN] = {
    0x00, 0x00, 0x00, 0x00, 0x04, 0x04, 0x04, 0x04, 0x08, 0x08, 0x08, 0x08, 0x0C, 0x0C,
    0x0C, 0x0C, 0x10, 0x10, 0x12, 0x12, 0x14, 0x15, 0x16, 0x16, 0x18, 0x18, 0x1A, 0x1A,
    0x1C, 0x1C, 0x1E, 0x1E, 0x20, 0x20, 0x20, 0x20, 0x24, 0x24, 0x24, 0x24, 0x28, 0x28,
    0x28, 0x28, 0x2C, 0x2C, 0x2C, 0x2C, 0x30, 0x30, 0x30, 0x30, 0x34, 0x34, 0x34, 0x34,
};

static uint32_t read_features(const struct vmodern *m, uint32_t reg)
{
    switch (reg) {
    case VMODERN_OFFERED_WORD:
        return vdev_chosen_word(m->dev, VDEV_OFFERED);
    case VMODERN_OFFERED:
        return vdev_offered(m->dev, vdev_chosen_word(m->dev, VDEV_OFFERED));
    case VMODERN_ACCEPTED_WORD:
        return vdev_chosen_word(m->dev, VDEV_ACCEPTED);
    default:
        return vdev_accepted(m->dev, vdev_chosen_word(m->dev, VDEV_ACCEPTED));
    }
}

/* The three addresses, in halves. */
static uint32_t read_address(const struct vmodern *m, uint32_t reg)
{
    uint32_t ring = (reg - VMODERN_QUEUE_DESC) / 8u;
    uint64_t address = vdev_queue_address(m->dev, (enum vdev_ring)ring);
    return (uint32_t)(address >> (reg % 8u * 8u));
}

static uint32_t read_common(const struct vmodern *m, uint32_t reg)
{
    if (reg < VMODERN_CONFIG_VECTOR) {
        return read_features(m, reg);
    }
    if (reg >= VMODERN_QUEUE_DESC) {
        return read_address(m, reg);
    }
    switch (reg) {
    case VMODERN_CONFIG_VECTOR:
        return vpci_config_vector(m->pci);
    case VMODERN_QUEUES:
        return vdev_type(m->dev)->queues;
    case VMODERN_STATUS:
        return vdev_status(m->dev);
    case VMODERN_GENERATION:
        return (uint8_t)vdev_generation(m->dev);
    case VMODERN_QUEUE_SELECT:
        return vdev_selected(m->dev);
    case VMODERN_QUEUE_SIZE:
        return vdev_queue_size(m->dev);
    case VMODERN_QUEUE_VECTOR:
        return vpci_queue_vector(m->pci);
    case VMODERN_QUEUE_ENABLE:
        return vdev_queue_enabled(m->dev) ? 1u : 0u;
    default: /* doorbell: as many steps as the queue's number */
        return vdev_queue_max(m->dev) != 0 ? vdev_selected(m->dev) : 0;
    }
}

/* --- The common structure: writing ---------------------------------------------------------------*/

static void write_address(const struct vmodern *m, uint32_t reg, uint32_t val)
{
    uint32_t ring = (reg - VMODERN_QUEUE_DESC) / 8u;
    if (reg % 4u == 0) {
        vdev_set_queue_address(m->dev, (enum vdev_ring)ring, reg % 8u != 0, val);
    }
}

static void write_queue(const struct vmodern *m, uint32_t reg, uint16_t val)
{
    switch (reg) {
    case VMODERN_QUEUE_SELECT:
        vdev_select(m->dev, val);
        break;
    case VMODERN_QUEUE_SIZE:
        vdev_set_queue_size(m->dev, val);
        break;
    case VMODERN_QUEUE_VECTOR:
        vpci_set_queue_vector(m->pci, val);
        break;
    case VMODERN_QUEUE_ENABLE:
        if (val == 1u) { /* 0 is forbidden, and there is no other way to stop one queue */
            vdev_enable_queue(m->dev, true);
        }
        break;
    default:
        break;
    }
}

static void write_common(const struct vmodern *m, uint32_t reg, uint32_t val)
{
    if (reg >= VMODERN_QUEUE_DESC) {
        write_address(m, reg, val);
        return;
    }
    switch (reg) {
    case VMODERN_OFFERED_WORD:
        vdev_choose_word(m->dev, VDEV_OFFERED, val);
        break;
    case VMODERN_ACCEPTED_WORD:
        vdev_choose_word(m->dev, VDEV_ACCEPTED, val);
        break;
    case VMODERN_ACCEPTED:
        vdev_accept(m->dev, vdev_chosen_word(m->dev, VDEV_ACCEPTED), val);
        break;
    case VMODERN_CONFIG_VECTOR:
        vpci_set_config_vector(m->pci, (uint16_t)val);
        break;
    case VMODERN_STATUS:
        vdev_set_status(m->dev, (uint8_t)val);
        break;
    default: /* a queue's, read-only, or not the start of a register */
        write_queue(m, reg, (uint16_t)val);
        break;
    }
}

/* --- BAR 0 --------------------------------------------------------------------------------------- */

/* @pre off + size is within the BAR, size 1, 2 or 4 */
static uint32_t read_bar(const struct vmodern *m, uint32_t off, uint32_t size)
{
    if (off < VMODERN_COMMON_LEN) {
        uint32_t reg = register_of[off];
        return read_common(m, reg) >> (8u * (off - reg));
    }
    if (off == VMODERN_ISR) {
        return vpci_take_isr(m->pci);
    }
    if (off >= VMODERN_CONFIG && off < VMODERN_CONFIG + VMODERN_CONFIG_LEN) {
        return (uint32_t)vdev_config_read(m->dev, off - VMODERN_CONFIG, size);
    }
    return 0;
}

static void write_bar(const struct vmodern *m, uint32_t off, uint32_t size, uint32_t val)
{
    if (off < VMODERN_COMMON_LEN) {
        write_common(m, off, val);
    } else if (off >= VMODERN_CONFIG && off < VMODERN_CONFIG + VMODERN_CONFIG_LEN) {
        vdev_config_write(m->dev, off - VMODERN_CONFIG, size, val);
    } else if (off >= VMODERN_NOTIFY && off < VMODERN_NOTIFY + VMODERN_NOTIFY_LEN) {
        vdev_notify(m->dev, (off - VMODERN_NOTIFY) / VMODERN_NOTIFY_STEP);
    }
}

static uint64_t vmodern_read(void *dev, struct bus_access a, vm_ns_t now)
{
    const struct vmodern *m = dev;
    (void)now;
    if (a.window == VPCI_WINDOW_MSIX) {
        return vpci_msix_read(m->pci, (uint32_t)a.off);
    }
    return read_bar(m, (uint32_t)a.off, a.size);
}

static void vmodern_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    const struct vmodern *m = dev;
    (void)now;
    if (a.window == VPCI_WINDOW_MSIX) {
        vpci_msix_write(m->pci, (uint32_t)a.off, (uint32_t)val);
    } else {
        write_bar(m, (uint32_t)a.off, a.size, (uint32_t)val);
    }
}

const struct bus_dev_ops vmodern_ops = {
    .read = vmodern_read,
    .write = vmodern_write,
};

const struct bus_window vmodern_windows[VPCI_WINDOWS] = {
    [VPCI_WINDOW_REGS] = {.space = BUS_MMIO,
                          .widths = BUS_W1 | BUS_W2 | BUS_W4,
                          .len = VMODERN_LEN,
                          .base = BUS_OFF},
    [VPCI_WINDOW_MSIX] = {.space = BUS_MMIO, .widths = BUS_W4, .len = MSIX_LEN, .base = BUS_OFF},
};

/* --- The PCI function ----------------------------------------------------------------------------*/

/* The window into BAR 0 for firmware that cannot map it: [VIRTIO] 4.1.4.9. Only what a driver may ask
 * for: 1, 2 or 4 bytes, aligned, inside. */
static bool access_fits(const struct vmodern *m)
{
    uint32_t size = m->regs.access_length;
    uint32_t off = m->regs.access_offset;
    bool width = size == 1u || size == 2u || size == 4u;
    return width && m->regs.access_bar == 0 && off < VMODERN_LEN && off % size == 0;
}

static uint32_t modern_config_read(void *owner, uint32_t reg, uint32_t stored, vm_ns_t now)
{
    const struct vmodern *m = owner;
    (void)now;
    if (reg == ACCESS_DATA && access_fits(m)) {
        uint32_t size = m->regs.access_length;
        return read_bar(m, m->regs.access_offset, size) & (uint32_t)ones_bytes(size);
    }
    return vpci_read_config(m->pci, reg, stored);
}

static void modern_config_written(void *owner, uint32_t reg, uint32_t val, vm_ns_t now)
{
    struct vmodern *m = owner;
    (void)now;
    if (reg == ACCESS_BAR) {
        m->regs.access_bar = val & 0xFFu;
    } else if (reg == ACCESS_OFFSET) {
        m->regs.access_offset = val;
    } else if (reg == ACCESS_LENGTH) {
        m->regs.access_length = val;
    } else if (reg == ACCESS_DATA && access_fits(m)) {
        uint32_t size = m->regs.access_length;
        write_bar(m, m->regs.access_offset, size, val & (uint32_t)ones_bytes(size));
    } else {
        vpci_config_written(m->pci, reg, val);
    }
}

static void modern_moved(void *owner, uint32_t window, uint64_t base)
{
    const struct vmodern *m = owner;
    vpci_moved(m->pci, window, base);
}

#define CAP_HEAD(next, len, type) \
    (CAP_VENDOR | (uint32_t)(next) << 8 | (uint32_t)(len) << 16 | (uint32_t)(type) << 24)

static const struct pci_config_desc modern_desc[] = {
    {.reg = PCI_ID, .reset = VMODERN_DEVICE(1u) << 16 | VPCI_VENDOR},
    {.reg = PCI_COMMAND, .reset = PCI_STATUS_CAPS, .rw = VPCI_COMMAND_RW},
    {.reg = PCI_CLASS, .reset = 0x02000001u}, /* an Ethernet controller, revision 1 */
    {.reg = PCI_BAR(0), .rw = ~(VMODERN_LEN - 1u)},
    {.reg = PCI_BAR(1), .rw = ~(MSIX_LEN - 1u)},
    {.reg = PCI_SUBSYSTEM, .reset = 0x40u << 16 | VPCI_VENDOR},
    {.reg = PCI_CAPS, .reset = VPCI_CAP_MSIX},
    {.reg = PCI_INTERRUPT, .reset = PCI_PIN_INTA, .rw = 0xFFu},
    {.reg = VPCI_CAP_MSIX,
     .reset = MSIX_CAP_HEAD(VMODERN_CAP_COMMON, VPCI_VECTORS),
     .rw = MSIX_CAP_RW},
    {.reg = VPCI_CAP_MSIX + 4u, .reset = MSIX_CAP_TABLE(1)},
    {.reg = VPCI_CAP_MSIX + 8u, .reset = MSIX_CAP_PBA(1)},
    {.reg = VMODERN_CAP_COMMON, .reset = CAP_HEAD(VMODERN_CAP_NOTIFY, CAP_BYTES, CAP_COMMON)},
    {.reg = VMODERN_CAP_COMMON + CAP_OFFSET, .reset = VMODERN_COMMON},
    {.reg = VMODERN_CAP_COMMON + CAP_LENGTH, .reset = VMODERN_COMMON_LEN},
    {.reg = VMODERN_CAP_NOTIFY, .reset = CAP_HEAD(VMODERN_CAP_ISR, CAP_BYTES + 4u, CAP_NOTIFY)},
    {.reg = VMODERN_CAP_NOTIFY + CAP_OFFSET, .reset = VMODERN_NOTIFY},
    {.reg = VMODERN_CAP_NOTIFY + CAP_LENGTH, .reset = VMODERN_NOTIFY_LEN},
    {.reg = VMODERN_CAP_NOTIFY + CAP_DATA, .reset = VMODERN_NOTIFY_STEP},
    {.reg = VMODERN_CAP_ISR, .reset = CAP_HEAD(VMODERN_CAP_CONFIG, CAP_BYTES, CAP_ISR)},
    {.reg = VMODERN_CAP_ISR + CAP_OFFSET, .reset = VMODERN_ISR},
    {.reg = VMODERN_CAP_ISR + CAP_LENGTH, .reset = VMODERN_ISR_LEN},
    {.reg = VMODERN_CAP_CONFIG, .reset = CAP_HEAD(VMODERN_CAP_ACCESS, CAP_BYTES, CAP_CONFIG)},
    {.reg = VMODERN_CAP_CONFIG + CAP_OFFSET, .reset = VMODERN_CONFIG},
    {.reg = VMODERN_CAP_CONFIG + CAP_LENGTH, .reset = VMODERN_CONFIG_LEN},
    {.reg = VMODERN_CAP_ACCESS, .reset = CAP_HEAD(0, CAP_BYTES + 4u, CAP_ACCESS)},
    {.reg = ACCESS_BAR, .rw = 0xFFu},
    {.reg = ACCESS_OFFSET, .rw = UINT32_MAX},
    {.reg = ACCESS_LENGTH, .rw = UINT32_MAX},
    {.reg = ACCESS_DATA, .rw = UINT32_MAX},
};

static const struct pci_bar modern_bars[] = {
    {.bar = 0, .window = VPCI_WINDOW_REGS},
    {.bar = 1, .window = VPCI_WINDOW_MSIX},
};

const struct pci_function_ops vmodern_function = {
    .desc = modern_desc,
    .descs = sizeof(modern_desc) / sizeof(modern_desc[0]),
    .bar = modern_bars,
    .bars = sizeof(modern_bars) / sizeof(modern_bars[0]),
    .moved = modern_moved,
    .read = modern_config_read,
    .written = modern_config_written,
};
