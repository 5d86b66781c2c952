/* SPDX-License-Identifier: BSD-2-Clause
 * See virtio_net.h. Addresses are physical: the kernel maps them one to one. */
#include "virtio_net.h"

#include <stddef.h>

#include "memory.h"
#include "print.h"

#define VIRTQ_ALIGN   4096u
#define QUEUE_MAX     256u /* what a legacy device may have: the driver cannot choose */
#define BUFFERS       64u  /* of them in use, of each queue */
#define BUFFER_BYTES  2048u
#define RX            0u
#define TX            1u
#define DESC_WRITE    2u /* the device writes here */
#define NO_INTERRUPT  1u
#define HEADER_LEGACY 10u
#define HEADER_MODERN 12u

/* Device status: [VIRTIO] 2.1 */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER      2u
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u
#define STATUS_FAILED      128u

#define FEATURE_MAC     (1ull << 5)
#define FEATURE_VERSION (1ull << 32)

/* The legacy register block: [VIRTIO] 4.1.4.10, without MSI-X. */
#define BLOCK_DEVICE_FEATURES 0x00u
#define BLOCK_DRIVER_FEATURES 0x04u
#define BLOCK_QUEUE_PFN       0x08u
#define BLOCK_QUEUE_SIZE      0x0Cu
#define BLOCK_QUEUE_SELECT    0x0Eu
#define BLOCK_QUEUE_NOTIFY    0x10u
#define BLOCK_STATUS          0x12u
#define BLOCK_MAC             0x14u

/* virtio-mmio: [VIRTIO] 4.2.2 and 4.2.4 */
#define MMIO_MAGIC              0x000u
#define MMIO_VERSION            0x004u
#define MMIO_DEVICE_ID          0x008u
#define MMIO_DEVICE_FEATURES    0x010u
#define MMIO_DEVICE_FEATURE_SEL 0x014u
#define MMIO_DRIVER_FEATURES    0x020u
#define MMIO_DRIVER_FEATURE_SEL 0x024u
#define MMIO_PAGE_SIZE          0x028u /* version 1 */
#define MMIO_QUEUE_SEL          0x030u
#define MMIO_QUEUE_NUM_MAX      0x034u
#define MMIO_QUEUE_NUM          0x038u
#define MMIO_QUEUE_ALIGN        0x03Cu /* version 1 */
#define MMIO_QUEUE_PFN          0x040u /* version 1 */
#define MMIO_QUEUE_READY        0x044u
#define MMIO_QUEUE_NOTIFY       0x050u
#define MMIO_STATUS             0x070u
#define MMIO_QUEUE_DESC         0x080u /* three addresses of 64 bits, 16 bytes apart */
#define MMIO_QUEUE_DRIVER       0x090u
#define MMIO_QUEUE_DEVICE       0x0A0u
#define MMIO_CONFIG             0x100u
#define MMIO_MAGIC_VALUE        0x74726976u
#define MMIO_ID_NET             1u

struct descriptor {
    uint64_t at;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

struct used_element {
    uint32_t id;
    uint32_t bytes;
};

/* Where the rings lie in a queue's memory depends on its size, for a legacy card chooses it:
 * [VIRTIO] 2.7.2 */
struct queue {
    uint32_t size;
    struct descriptor *desc;
    volatile uint16_t *avail; /* flags, index, ring */
    volatile uint16_t *used;  /* flags, index */
    volatile struct used_element *used_ring;
    uint16_t next_avail;
    uint16_t next_used;
};

static uint8_t queue_memory[2][3u * VIRTQ_ALIGN] __attribute__((aligned(4096)));
static uint8_t buffer[2][BUFFERS][BUFFER_BYTES] __attribute__((aligned(4096)));
static struct queue queue[2];
static enum card_layout layout;
static uint64_t base;
static uint32_t version; /* of virtio-mmio; 0: legacy block */
static uint32_t header;
static uint32_t tx_free[BUFFERS]; /* a stack of transmit buffers */
static uint32_t tx_frees;
static uint32_t rx_held; /* buffer that card_receive() showed */
static uint64_t faults;
static uint8_t mac[6];

static uint32_t read32(uint32_t reg)
{
    return *(volatile uint32_t *)(uintptr_t)(base + reg);
}

static void write32(uint32_t reg, uint32_t v)
{
    *(volatile uint32_t *)(uintptr_t)(base + reg) = v;
}

static void write16(uint32_t reg, uint16_t v)
{
    *(volatile uint16_t *)(uintptr_t)(base + reg) = v;
}

static uint16_t read16(uint32_t reg)
{
    return *(volatile uint16_t *)(uintptr_t)(base + reg);
}

static void write8(uint32_t reg, uint8_t v)
{
    *(volatile uint8_t *)(uintptr_t)(base + reg) = v;
}

static uint8_t read8(uint32_t reg)
{
    return *(volatile uint8_t *)(uintptr_t)(base + reg);
}

static uint64_t address(const volatile void *p)
{
    return (uint64_t)(uintptr_t)p;
}

/* --- Registers -------------------------------------------------------------------------------- */

static void set_status(uint32_t v)
{
    if (layout == CARD_BLOCK) {
        write8(BLOCK_STATUS, (uint8_t)v);
    } else {
        write32(MMIO_STATUS, v);
    }
}

static uint32_t get_status(void)
{
    return layout == CARD_BLOCK ? read8(BLOCK_STATUS) : read32(MMIO_STATUS);
}

static void select_queue(uint32_t n)
{
    if (layout == CARD_BLOCK) {
        write16(BLOCK_QUEUE_SELECT, (uint16_t)n);
    } else {
        write32(MMIO_QUEUE_SEL, n);
    }
}

static void notify(uint32_t n)
{
    if (layout == CARD_BLOCK) {
        write16(BLOCK_QUEUE_NOTIFY, (uint16_t)n);
    } else {
        write32(MMIO_QUEUE_NOTIFY, n);
    }
}

static uint64_t device_features(void)
{
    if (layout == CARD_BLOCK) {
        return read32(BLOCK_DEVICE_FEATURES);
    }
    write32(MMIO_DEVICE_FEATURE_SEL, 1);
    uint64_t high = read32(MMIO_DEVICE_FEATURES);
    write32(MMIO_DEVICE_FEATURE_SEL, 0);
    return (high << 32) | read32(MMIO_DEVICE_FEATURES);
}

static void driver_features(uint64_t v)
{
    if (layout == CARD_BLOCK) {
        write32(BLOCK_DRIVER_FEATURES, (uint32_t)v);
        return;
    }
    write32(MMIO_DRIVER_FEATURE_SEL, 1);
    write32(MMIO_DRIVER_FEATURES, (uint32_t)(v >> 32));
    write32(MMIO_DRIVER_FEATURE_SEL, 0);
    write32(MMIO_DRIVER_FEATURES, (uint32_t)v);
}

static void write_address(uint32_t reg, const volatile void *p)
{
    write32(reg, (uint32_t)address(p));
    write32(reg + 4u, (uint32_t)(address(p) >> 32));
}

/* --- Queues ----------------------------------------------------------------------------------- */

static void queue_layout(struct queue *q, uint8_t *memory, uint32_t size)
{
    memset(memory, 0, sizeof queue_memory[0]);
    uint64_t avail = address(memory) + (uint64_t)size * sizeof(struct descriptor);
    uint64_t used = (avail + 6u + 2u * size + VIRTQ_ALIGN - 1u) & ~(uint64_t)(VIRTQ_ALIGN - 1u);
    q->size = size;
    q->desc = (struct descriptor *)(uintptr_t)memory;
    q->avail = (volatile uint16_t *)(uintptr_t)avail;
    q->used = (volatile uint16_t *)(uintptr_t)used;
    q->used_ring = (volatile struct used_element *)(uintptr_t)(used + 4u);
    q->avail[0] = NO_INTERRUPT; /* polled */
}

static bool queue_setup(uint32_t n)
{
    struct queue *q = &queue[n];
    select_queue(n);
    uint32_t size = layout == CARD_BLOCK ? read16(BLOCK_QUEUE_SIZE) : read32(MMIO_QUEUE_NUM_MAX);
    if (size == 0 || (size & (size - 1u)) != 0 || (layout == CARD_BLOCK && size > QUEUE_MAX)) {
        print("net: queue %u has %u entries; from 1 to %u can be driven\n", n, size, QUEUE_MAX);
        return false;
    }
    size = size > QUEUE_MAX ? QUEUE_MAX : size;
    queue_layout(q, queue_memory[n], size);
    if (layout == CARD_BLOCK) {
        write32(BLOCK_QUEUE_PFN, (uint32_t)(address(queue_memory[n]) / VIRTQ_ALIGN));
    } else if (version == 1u) {
        write32(MMIO_QUEUE_NUM, size);
        write32(MMIO_QUEUE_ALIGN, VIRTQ_ALIGN);
        write32(MMIO_QUEUE_PFN, (uint32_t)(address(queue_memory[n]) / VIRTQ_ALIGN));
    } else {
        write32(MMIO_QUEUE_NUM, size);
        write_address(MMIO_QUEUE_DESC, q->desc);
        write_address(MMIO_QUEUE_DRIVER, q->avail);
        write_address(MMIO_QUEUE_DEVICE, q->used);
        write32(MMIO_QUEUE_READY, 1);
    }
    return true;
}

static uint32_t buffers(const struct queue *q)
{
    return q->size < BUFFERS ? q->size : BUFFERS;
}

/* Gives buffer `n`, which is descriptor `n` too, to the card. */
static void offer(struct queue *q, uint32_t n)
{
    q->avail[2u + q->next_avail % q->size] = (uint16_t)n;
    q->next_avail++;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    q->avail[1] = q->next_avail;
}

static void fill_queues(void)
{
    for (uint32_t n = 0; n < buffers(&queue[RX]); n++) {
        queue[RX].desc[n] =
            (struct descriptor){address(buffer[RX][n]), BUFFER_BYTES, DESC_WRITE, 0};
        offer(&queue[RX], n);
    }
    for (uint32_t n = 0; n < buffers(&queue[TX]); n++) {
        queue[TX].desc[n] = (struct descriptor){address(buffer[TX][n]), 0, 0, 0};
        tx_free[tx_frees++] = n;
    }
}

/* Takes the oldest element from the used ring. False: there is none. */
static bool take_used(struct queue *q, struct used_element *e)
{
    while (q->used[1] != q->next_used) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        const volatile struct used_element *from = &q->used_ring[q->next_used % q->size];
        *e = (struct used_element){from->id, from->bytes};
        q->next_used++;
        if (e->id < buffers(q)) {
            return true;
        }
        faults++;
    }
    return false;
}

/* Kicks unless the card said that it need not be. */
static void kick(uint32_t n)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the index before its flags are read */
    if ((queue[n].used[0] & 1u) == 0) {
        notify(n);
    }
}

/* --- Start ------------------------------------------------------------------------------------ */

static bool find_card(void)
{
    header = HEADER_LEGACY;
    if (layout == CARD_BLOCK) {
        if (read32(BLOCK_DEVICE_FEATURES) == UINT32_MAX) {
            print("net: nothing answers at %010lx: give this machine a card with the shell "
                  "\"block\" there, or leave net= out\n",
                  base);
            return false;
        }
        return true;
    }
    uint32_t magic = read32(MMIO_MAGIC);
    version = read32(MMIO_VERSION);
    if (magic != MMIO_MAGIC_VALUE || version < 1u || version > 2u ||
        read32(MMIO_DEVICE_ID) != MMIO_ID_NET) {
        print(
            "net: no virtio-mmio network card at %010lx (magic %08x version %u): give this machine "
            "one with the shell \"mmio\" there, or leave net= out\n",
            base, magic, version);
        return false;
    }
    header = version == 2u ? HEADER_MODERN : HEADER_LEGACY;
    if (version == 1u) {
        write32(MMIO_PAGE_SIZE, VIRTQ_ALIGN);
    }
    return true;
}

static bool negotiate(void)
{
    uint64_t wanted = FEATURE_MAC | (version == 2u ? FEATURE_VERSION : 0);
    uint64_t offered = device_features();
    driver_features(offered & wanted);
    if (version != 2u) {
        return (offered & FEATURE_MAC) != 0;
    }
    set_status(STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    return (offered & wanted) == wanted && (get_status() & STATUS_FEATURES_OK) != 0;
}

bool card_init(enum card_layout wanted, uint64_t at)
{
    layout = wanted;
    base = at;
    if (!find_card()) {
        return false;
    }
    set_status(0);
    set_status(STATUS_ACKNOWLEDGE);
    set_status(STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    if (!negotiate() || !queue_setup(RX) || !queue_setup(TX)) {
        print("net: the card at %010lx does not agree (features %lx)\n", base, device_features());
        set_status(STATUS_FAILED);
        return false;
    }
    for (uint32_t i = 0; i < sizeof mac; i++) {
        mac[i] = read8((layout == CARD_BLOCK ? BLOCK_MAC : MMIO_CONFIG) + i);
    }
    fill_queues();
    set_status(get_status() | STATUS_DRIVER_OK);
    kick(RX);
    return true;
}

const uint8_t *card_mac(void)
{
    return mac;
}

const char *card_name(void)
{
    static const char *const names[] = {"legacy register block", "virtio-mmio v1",
                                        "virtio-mmio v2"};
    return names[version];
}

/* --- Frames ----------------------------------------------------------------------------------- */

const uint8_t *card_receive(uint32_t *bytes)
{
    struct used_element e;
    while (take_used(&queue[RX], &e)) {
        rx_held = e.id;
        if (e.bytes > header && e.bytes <= BUFFER_BYTES) {
            *bytes = e.bytes - header;
            return buffer[RX][e.id] + header;
        }
        faults++;
        card_done();
    }
    return NULL;
}

void card_done(void)
{
    offer(&queue[RX], rx_held);
    kick(RX);
}

bool card_send(const uint8_t *frame, uint32_t bytes)
{
    struct used_element e;
    while (tx_frees < buffers(&queue[TX]) && take_used(&queue[TX], &e)) {
        tx_free[tx_frees++] = e.id;
    }
    if (tx_frees == 0) {
        return false;
    }
    uint32_t n = tx_free[--tx_frees];
    memset(buffer[TX][n], 0, header);
    memcpy(buffer[TX][n] + header, frame, bytes);
    queue[TX].desc[n].bytes = header + bytes;
    offer(&queue[TX], n);
    kick(TX);
    return true;
}

uint64_t card_faults(void)
{
    return faults;
}
