/* SPDX-License-Identifier: BSD-2-Clause
 * A virtio device, the registers' half. Contract and references: virtio/device.h. */
#include "virtio/device.h"

#include <stddef.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/string.h"
#include "virtio/device_state.h"
#include "virtio/features.h"

/* What a driver can set; NEEDS_RESET is the device's. */
#define STATUS_DRIVERS \
    (VDEV_ACKNOWLEDGE | VDEV_DRIVER | VDEV_DRIVER_OK | VDEV_FEATURES_OK | VDEV_FAILED)

#define QUEUE_SIZE_END 0x10000u

#define DESC_BYTES      16u
#define AVAIL_BYTES(n)  (2u * (3u + (n))) /* flags, index, ring, used_event */
#define FEATURE_WORDS   2u
#define LEGACY_FEATURES UINT32_MAX
#define LEGACY_ONLY     (BIT64(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT64(VIRTIO_F_ANY_LAYOUT))

void vdev_init(struct vdev *d, const struct vdev_wiring *w)
{
    BH_ASSERT(w->type->queues <= VDEV_QUEUES && w->queue_size < QUEUE_SIZE_END);
    memset(d, 0, sizeof(*d));
    d->wiring = *w;
    d->wiring.offers &= w->legacy ? LEGACY_FEATURES : ~LEGACY_ONLY;
}

const struct vdev_type *vdev_type(const struct vdev *d)
{
    return d->wiring.type;
}

bool vdev_legacy(const struct vdev *d)
{
    return d->wiring.legacy;
}

static bool vdev_live(const struct vdev *d)
{
    return (d->regs.status & VDEV_DRIVER_OK) != 0;
}

/* --- The io half ------------------------------------------------------------------------------- */

static void vdev_wake_io(const struct vdev *d)
{
    if (d->wiring.kick != NULL) {
        d->wiring.kick(d->wiring.host, d->wiring.number);
    }
}

/* What the io half may use. A legacy driver is never told that its choice is impossible. */
static uint64_t vdev_negotiated(const struct vdev *d)
{
    return d->wiring.type->usable(d->regs.accepted & d->wiring.offers);
}

static uint32_t vdev_enabled_queues(const struct vdev *d)
{
    uint32_t enabled = 0;
    for (uint32_t i = 0; i < d->wiring.type->queues; i++) { /* bound: VDEV_QUEUES */
        enabled |= d->regs.queue[i].enabled << i;
    }
    return enabled;
}

static void vdev_ask_stop(struct vdev *d)
{
    d->regs.running = 0;
    if (d->wiring.channel != NULL) {
        channel_ask(d->wiring.channel, CHANNEL_STOP, NULL);
        vdev_wake_io(d);
    }
}

/* @pre the channel has settled. A queue that was served before a stop goes on where it was. */
static void vdev_ask_run(struct vdev *d)
{
    struct channel_setup setup = {.features = vdev_negotiated(d)};
    for (uint32_t i = 0; i < d->wiring.type->queues; i++) { /* bound: VDEV_QUEUES */
        const struct vdev_queue *q = &d->regs.queue[i];
        bool goes_on = (d->regs.served & BIT32(i)) != 0;
        setup.queue[i] = (struct channel_queue){
            .desc = q->address[VDEV_DESC],
            .avail = q->address[VDEV_DRIVER_AREA],
            .used = q->address[VDEV_DEVICE_AREA],
            .size = q->size,
            .enabled = q->enabled,
            .first = goes_on ? channel_stopped_at(d->wiring.channel, i) : 0,
        };
    }
    d->regs.running = 1;
    d->regs.served = vdev_enabled_queues(d);
    channel_ask(d->wiring.channel, CHANNEL_RUN, &setup);
    vdev_wake_io(d);
}

static bool vdev_wants_io(const struct vdev *d)
{
    return vdev_live(d) && vdev_enabled_queues(d) != 0;
}

/* The set of queues to be served has changed. Where the io half runs, it stops first and is started
 * anew when it has (vdev_poll). */
static void vdev_update_io(struct vdev *d)
{
    if (d->wiring.channel == NULL) {
        return;
    }
    if (d->regs.running != 0) {
        vdev_ask_stop(d);
    } else if (vdev_wants_io(d) && channel_settled(d->wiring.channel)) {
        vdev_ask_run(d);
    }
}

/* A queue was driven outside of the rules. Modern drivers are told that only a reset helps.
 * [VIRTIO] 2.1.2 */
static void vdev_broke(struct vdev *d)
{
    d->regs.counts.breaks++;
    if (virtio_has(vdev_negotiated(d), VIRTIO_F_VERSION_1)) {
        d->regs.status |= VDEV_NEEDS_RESET;
        vdev_config_changed(d);
    }
}

static void vdev_pass_irqs(struct vdev *d, uint32_t irqs)
{
    for (uint32_t i = 0; i < d->wiring.type->queues; i++) { /* bound: VDEV_QUEUES */
        if ((irqs & CHANNEL_IRQ_QUEUE(i)) != 0) {
            d->regs.counts.queue_irqs++;
            d->wiring.shell->queue_irq(d->wiring.shell_owner, i);
        }
    }
    if ((irqs & CHANNEL_IRQ_BROKEN) != 0) {
        vdev_broke(d);
    }
}

bool vdev_poll(struct vdev *d)
{
    struct channel *ch = d->wiring.channel;
    if (ch == NULL) {
        return true;
    }
    if (!channel_settled(ch)) {
        return false;
    }
    uint32_t irqs = channel_take_irqs(ch);
    if (d->regs.served != 0) { /* else they are of the life before the reset: nobody expects them */
        vdev_pass_irqs(d, irqs);
    }
    if (d->regs.running == 0 && vdev_wants_io(d)) {
        vdev_ask_run(d);
    }
    return channel_settled(ch);
}

/* --- Status ------------------------------------------------------------------------------------ */

static void vdev_clear(struct vdev *d)
{
    struct vdev_counts counts = d->regs.counts;
    uint8_t running = d->regs.running;
    memset(&d->regs, 0, sizeof(d->regs));
    d->regs.counts = counts;
    d->regs.running = running;
    for (uint32_t i = 0; i < d->wiring.type->queues; i++) { /* bound: VDEV_QUEUES */
        d->regs.queue[i].size = d->wiring.queue_size;
    }
    d->wiring.type->reset(d->wiring.type_owner);
    d->wiring.shell->reset(d->wiring.shell_owner);
}

void vdev_power_on(struct vdev *d)
{
    vdev_clear(d);
    memset(&d->regs.counts, 0, sizeof(d->regs.counts));
    vdev_ask_stop(d);
}

static void vdev_reset(struct vdev *d)
{
    d->regs.counts.resets++;
    vdev_clear(d);
    if (d->regs.running != 0) {
        vdev_ask_stop(d);
    }
}

/* [VIRTIO] 2.2.2: the driver's choice is refused as a whole. A device without legacy interface cannot
 * work without VERSION_1 (6.2). */
static bool vdev_features_fit(const struct vdev *d)
{
    uint64_t accepted = d->regs.accepted;
    return (accepted & ~d->wiring.offers) == 0 && d->wiring.type->usable(accepted) == accepted &&
           virtio_has(accepted, VIRTIO_F_VERSION_1);
}

uint8_t vdev_status(const struct vdev *d)
{
    return d->regs.status;
}

void vdev_set_status(struct vdev *d, uint8_t val)
{
    if (val == 0) {
        vdev_reset(d);
        return;
    }
    uint8_t news = (uint8_t)(val & STATUS_DRIVERS & ~d->regs.status);
    if (!d->wiring.legacy && (news & VDEV_FEATURES_OK) != 0 && !vdev_features_fit(d)) {
        d->regs.counts.refused_features++;
        news &= (uint8_t)~VDEV_FEATURES_OK;
    }
    d->regs.status |= news & (uint8_t)~VDEV_DRIVER_OK;
    bool agreed = d->wiring.legacy || (d->regs.status & VDEV_FEATURES_OK) != 0;
    if ((news & VDEV_DRIVER_OK) != 0 && agreed) {
        d->regs.status |= VDEV_DRIVER_OK;
        d->regs.counts.runs++;
        vdev_update_io(d);
    }
}

/* --- Features ---------------------------------------------------------------------------------- */

uint32_t vdev_offered(const struct vdev *d, uint32_t word)
{
    return word < FEATURE_WORDS ? (uint32_t)(d->wiring.offers >> (32u * word)) : 0;
}

uint32_t vdev_accepted(const struct vdev *d, uint32_t word)
{
    return word < FEATURE_WORDS ? (uint32_t)(d->regs.accepted >> (32u * word)) : 0;
}

/* What was agreed on stays: [VIRTIO] 2.2.1 and 3.1.1 leave no way back but reset. */
void vdev_accept(struct vdev *d, uint32_t word, uint32_t val)
{
    uint8_t fixed = d->wiring.legacy ? VDEV_DRIVER_OK : VDEV_FEATURES_OK;
    if (word >= FEATURE_WORDS || (d->regs.status & fixed) != 0) {
        return;
    }
    uint64_t others = d->regs.accepted & ~((uint64_t)UINT32_MAX << (32u * word));
    d->regs.accepted = others | (uint64_t)val << (32u * word);
}

void vdev_choose_word(struct vdev *d, enum vdev_side side, uint32_t word)
{
    d->regs.word[side] = word;
}

uint32_t vdev_chosen_word(const struct vdev *d, enum vdev_side side)
{
    return d->regs.word[side];
}

/* --- Queues ------------------------------------------------------------------------------------ */

void vdev_select(struct vdev *d, uint32_t queue)
{
    d->regs.selected = queue;
}

uint32_t vdev_selected(const struct vdev *d)
{
    return d->regs.selected;
}

/* The selected queue, or NULL if there is no such queue. */
static const struct vdev_queue *queue_view(const struct vdev *d)
{
    return d->regs.selected < d->wiring.type->queues ? &d->regs.queue[d->regs.selected] : NULL;
}

/* The same to be changed, or NULL also while it is enabled. */
static struct vdev_queue *queue_edit(struct vdev *d)
{
    if (d->regs.selected >= d->wiring.type->queues) {
        return NULL;
    }
    struct vdev_queue *q = &d->regs.queue[d->regs.selected];
    return q->enabled == 0 ? q : NULL;
}

uint32_t vdev_queue_max(const struct vdev *d)
{
    return queue_view(d) != NULL ? d->wiring.queue_size : 0;
}

uint32_t vdev_queue_size(const struct vdev *d)
{
    const struct vdev_queue *q = queue_view(d);
    return q != NULL ? q->size : 0;
}

void vdev_set_queue_size(struct vdev *d, uint32_t size)
{
    struct vdev_queue *q = queue_edit(d);
    if (q != NULL) {
        q->size = size < QUEUE_SIZE_END ? size : QUEUE_SIZE_END - 1u;
    }
}

uint64_t vdev_queue_address(const struct vdev *d, enum vdev_ring ring)
{
    const struct vdev_queue *q = queue_view(d);
    return q != NULL ? q->address[ring] : 0;
}

void vdev_set_queue_address(struct vdev *d, enum vdev_ring ring, bool high, uint32_t val)
{
    struct vdev_queue *q = queue_edit(d);
    if (q != NULL) {
        uint64_t old = q->address[ring];
        q->address[ring] =
            high ? (uint64_t)val << 32 | (uint32_t)old : (old & ~(uint64_t)UINT32_MAX) | val;
    }
}

bool vdev_queue_enabled(const struct vdev *d)
{
    const struct vdev_queue *q = queue_view(d);
    return q != NULL && q->enabled != 0;
}

void vdev_enable_queue(struct vdev *d, bool on)
{
    uint32_t enabled = on ? 1u : 0u;
    if (queue_view(d) == NULL || d->regs.queue[d->regs.selected].enabled == enabled) {
        return;
    }
    d->regs.queue[d->regs.selected].enabled = enabled;
    d->regs.served &= ~BIT32(d->regs.selected);
    /* Late, but some drivers are; and one that takes a queue away means it. */
    if (vdev_live(d)) {
        vdev_update_io(d);
    }
}

/* `x` at the next multiple of `unit`, which is any number: 0 counts as 1. What does not fit wraps: the
 * io half refuses queues that are not in RAM. */
static uint64_t next_multiple(uint64_t x, uint32_t unit)
{
    uint64_t rest = unit == 0 ? 0 : x % unit;
    return rest == 0 ? x : x + (unit - rest);
}

void vdev_place_queue(struct vdev *d, uint64_t base, uint32_t align)
{
    struct vdev_queue *q = queue_edit(d);
    if (base == 0) {
        vdev_enable_queue(d, false);
    } else if (q != NULL) {
        uint64_t avail = base + (uint64_t)DESC_BYTES * q->size;
        q->address[VDEV_DESC] = base;
        q->address[VDEV_DRIVER_AREA] = avail;
        q->address[VDEV_DEVICE_AREA] = next_multiple(avail + AVAIL_BYTES((uint64_t)q->size), align);
        vdev_enable_queue(d, true);
    }
}

void vdev_notify(struct vdev *d, uint32_t queue)
{
    if (queue < d->wiring.type->queues) {
        d->regs.counts.kicks++;
        vdev_wake_io(d);
    }
}

/* --- Configuration ----------------------------------------------------------------------------- */

uint64_t vdev_config_read(const struct vdev *d, uint32_t off, uint32_t size)
{
    const struct vdev_type *type = d->wiring.type;
    uint64_t val = 0;
    for (uint32_t i = 0; i < size; i++) { /* bound: 8 */
        if (off + i < type->config_bytes) {
            val |= (uint64_t)type->config_read(d->wiring.type_owner, off + i) << (8u * i);
        }
    }
    return val;
}

void vdev_config_write(struct vdev *d, uint32_t off, uint32_t size, uint64_t val)
{
    const struct vdev_type *type = d->wiring.type;
    if (!d->wiring.legacy) {
        return; /* there is nothing in it that a modern driver may write: [VIRTIO] 5.1.4 */
    }
    for (uint32_t i = 0; i < size; i++) { /* bound: 8 */
        if (off + i < type->config_bytes) {
            type->config_write(d->wiring.type_owner, off + i, (uint8_t)(val >> (8u * i)));
        }
    }
}

uint32_t vdev_generation(const struct vdev *d)
{
    return d->regs.generation;
}

void vdev_config_changed(struct vdev *d)
{
    d->regs.generation++;
    if (vdev_live(d)) {
        d->regs.counts.config_irqs++;
        d->wiring.shell->config_irq(d->wiring.shell_owner);
    }
}

uint32_t vdev_isr(const struct vdev *d)
{
    return d->regs.isr;
}

void vdev_isr_set(struct vdev *d, uint32_t bits)
{
    d->regs.isr |= bits;
}

void vdev_isr_clear(struct vdev *d, uint32_t bits)
{
    d->regs.isr &= ~bits;
}

const struct vdev_counts *vdev_counts(const struct vdev *d)
{
    return &d->regs.counts;
}

bool vdev_valid(const struct vdev *d)
{
    const struct vdev_regs *r = &d->regs;
    bool ok = (r->status & ~(STATUS_DRIVERS | VDEV_NEEDS_RESET)) == 0 &&
              (r->isr & ~(VDEV_ISR_QUEUE | VDEV_ISR_CONFIG)) == 0 && r->running <= 1 &&
              (r->served & ~vdev_enabled_queues(d)) == 0 && (r->running == 0 || vdev_wants_io(d));
    for (uint32_t i = 0; i < VDEV_QUEUES; i++) {
        ok = ok && r->queue[i].size < QUEUE_SIZE_END && r->queue[i].enabled <= 1;
    }
    bool agreed = d->wiring.legacy || (r->status & VDEV_FEATURES_OK) != 0;
    return ok && (!vdev_live(d) || agreed);
}
