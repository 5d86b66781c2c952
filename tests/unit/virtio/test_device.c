/* SPDX-License-Identifier: BSD-2-Clause
 * A virtio device and its network card, with a shell that only takes notes and an io half that obeys
 * when it is told to. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "virtio/device_state.h"
#include "virtio/features.h"
#include "virtio/net_state.h"

#define QUEUE_SIZE 128u
#define RUNNING    (VDEV_ACKNOWLEDGE | VDEV_DRIVER | VDEV_FEATURES_OK | VDEV_DRIVER_OK)
#define ALL_OFFERS SYSTEM_NIC_OFFERS_ALL

struct fixture {
    struct vdev dev;
    struct vnet net;
    struct system_nic nic;
    struct channel channel;
    struct channel_setup setup; /* as the io half has it */
    enum channel_state state;
    uint32_t obeyed;
    uint32_t wakes;
    uint32_t queue_irqs[VDEV_QUEUES];
    uint32_t config_irqs;
    uint32_t resets;
};

static void note_queue(void *owner, uint32_t queue)
{
    struct fixture *f = owner;
    f->queue_irqs[queue]++;
}

static void note_config(void *owner)
{
    struct fixture *f = owner;
    f->config_irqs++;
}

static void note_reset(void *owner)
{
    struct fixture *f = owner;
    f->resets++;
}

static void note_kick(void *host, uint32_t number)
{
    struct fixture *f = host;
    assert_int_equal(number, 1);
    f->wakes++;
}

static const struct vdev_shell notes = {
    .queue_irq = note_queue, .config_irq = note_config, .reset = note_reset};

static void obey(struct fixture *f)
{
    uint32_t request;
    if (channel_asked(&f->channel, &request, &f->state, &f->setup)) {
        channel_obey(&f->channel, request);
        f->obeyed++;
    }
}

static void start(struct fixture *f, bool legacy, uint32_t offers)
{
    memset(f, 0, sizeof(*f));
    f->nic =
        (struct system_nic){.shell = 1, .offers = offers, .queue_size = QUEUE_SIZE, .mtu = 1500};
    memcpy(f->nic.mac, "\x02\x11\x22\x33\x44\x55", 6);
    const struct vdev_wiring w = {
        .type = &vnet_type,
        .type_owner = &f->net,
        .shell = &notes,
        .shell_owner = f,
        .channel = &f->channel,
        .kick = note_kick,
        .host = f,
        .number = 1,
        .queue_size = QUEUE_SIZE,
        .offers = vnet_offers(&f->nic),
        .legacy = legacy,
    };
    vdev_init(&f->dev, &w);
    vnet_init(&f->net, &f->nic, &f->dev);
    vdev_power_on(&f->dev);
    obey(f);
    assert_true(vdev_poll(&f->dev));
    assert_true(vdev_valid(&f->dev));
    f->wakes = f->obeyed = f->resets = 0;
}

static int setup_modern(void **state)
{
    static struct fixture f;
    start(&f, false, ALL_OFFERS);
    *state = &f;
    return 0;
}

static int setup_legacy(void **state)
{
    static struct fixture f;
    start(&f, true, ALL_OFFERS);
    *state = &f;
    return 0;
}

static uint64_t offered(const struct fixture *f)
{
    return vdev_offered(&f->dev, 0) | (uint64_t)vdev_offered(&f->dev, 1) << 32;
}

static void accept(struct fixture *f, uint64_t features)
{
    vdev_accept(&f->dev, 0, (uint32_t)features);
    vdev_accept(&f->dev, 1, (uint32_t)(features >> 32));
}

static void status(struct fixture *f, uint8_t val)
{
    vdev_set_status(&f->dev, val);
    assert_true(vdev_valid(&f->dev));
}

static void place(struct fixture *f, uint32_t queue, uint32_t base)
{
    vdev_select(&f->dev, queue);
    vdev_set_queue_address(&f->dev, VDEV_DESC, false, base);
    vdev_set_queue_address(&f->dev, VDEV_DRIVER_AREA, false, base + 0x1000);
    vdev_set_queue_address(&f->dev, VDEV_DEVICE_AREA, false, base + 0x2000);
    vdev_set_queue_address(&f->dev, VDEV_DEVICE_AREA, true, 1);
    vdev_enable_queue(&f->dev, true);
    assert_true(vdev_valid(&f->dev));
}

/* As far as a driver goes before it says DRIVER_OK. */
static void negotiate(struct fixture *f, uint64_t features)
{
    status(f, VDEV_ACKNOWLEDGE);
    status(f, VDEV_ACKNOWLEDGE | VDEV_DRIVER);
    accept(f, features);
    status(f, VDEV_ACKNOWLEDGE | VDEV_DRIVER | VDEV_FEATURES_OK);
}

static void run(struct fixture *f)
{
    negotiate(f, offered(f));
    assert_true((vdev_status(&f->dev) & VDEV_FEATURES_OK) != 0);
    place(f, 0, 0x10000);
    place(f, 1, 0x20000);
    status(f, RUNNING);
    assert_false(vdev_poll(&f->dev));
    obey(f);
    assert_true(vdev_poll(&f->dev));
    assert_int_equal(f->state, CHANNEL_RUN);
}

static void driver_ok_hands_over_all_that_was_negotiated(void **state)
{
    struct fixture *f = *state;
    run(f);
    assert_int_equal(vdev_status(&f->dev), RUNNING);
    assert_true(f->setup.features == offered(f));
    assert_int_equal(f->setup.queue[0].desc, 0x10000);
    assert_int_equal(f->setup.queue[0].avail, 0x11000);
    assert_true(f->setup.queue[0].used == 0x100012000);
    assert_int_equal(f->setup.queue[1].desc, 0x20000);
    assert_int_equal(f->setup.queue[0].size, QUEUE_SIZE);
    assert_int_equal(f->setup.queue[1].enabled, 1);
    assert_int_equal(f->wakes, 1);
    vdev_notify(&f->dev, 1);
    assert_int_equal(f->wakes, 2);
    vdev_notify(&f->dev, 2);
    assert_int_equal(f->wakes, 2);
}

static void a_reset_is_over_when_the_io_half_has_stopped(void **state)
{
    struct fixture *f = *state;
    run(f);
    vdev_select(&f->dev, 1);
    vdev_set_queue_size(&f->dev, 8); /* enabled: no effect */
    assert_int_equal(vdev_queue_size(&f->dev), QUEUE_SIZE);
    assert_true(channel_raise(&f->channel, CHANNEL_IRQ_QUEUE(0)));
    status(f, 0);
    assert_int_equal(vdev_status(&f->dev), 0);
    assert_int_equal(f->resets, 1);
    assert_false(vdev_poll(&f->dev));
    channel_raise(&f->channel, CHANNEL_IRQ_QUEUE(1) | CHANNEL_IRQ_BROKEN);
    assert_false(vdev_poll(&f->dev));
    obey(f);
    assert_int_equal(f->state, CHANNEL_STOP);
    assert_true(vdev_poll(&f->dev));
    /* What came of the life before is forgotten. */
    assert_int_equal(f->queue_irqs[0] + f->queue_irqs[1] + f->config_irqs, 0);
    assert_int_equal(vdev_counts(&f->dev)->breaks, 0);
    vdev_select(&f->dev, 0);
    assert_false(vdev_queue_enabled(&f->dev));
    assert_int_equal(vdev_queue_address(&f->dev, VDEV_DESC), 0);
    assert_int_equal(vdev_accepted(&f->dev, 0), 0);
    run(f); /* and again */
    assert_int_equal(f->queue_irqs[0], 0);
}

static void a_reset_of_an_idle_device_asks_nobody(void **state)
{
    struct fixture *f = *state;
    status(f, 0);
    negotiate(f, offered(f));
    status(f, 0);
    assert_true(vdev_poll(&f->dev));
    assert_int_equal(f->wakes, 0);
    assert_int_equal(vdev_counts(&f->dev)->resets, 2);
}

/* Several accesses can come in one exit (REP OUTS): nothing is asked before the last is obeyed. */
static void reset_and_run_in_one_exit_come_one_after_the_other(void **state)
{
    struct fixture *f = *state;
    run(f);
    status(f, 0);
    negotiate(f, offered(f));
    place(f, 0, 0x30000);
    status(f, RUNNING);
    obey(f);
    assert_int_equal(f->state, CHANNEL_STOP);
    assert_false(vdev_poll(&f->dev));
    obey(f);
    assert_int_equal(f->state, CHANNEL_RUN);
    assert_int_equal(f->setup.queue[0].desc, 0x30000);
    assert_int_equal(f->setup.queue[1].enabled, 0);
    assert_true(vdev_poll(&f->dev));
}

static void a_queue_that_comes_late_joins_and_the_other_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    negotiate(f, offered(f));
    status(f, RUNNING); /* without a queue there is nothing to run */
    assert_true(vdev_poll(&f->dev));
    assert_int_equal(f->wakes, 0);
    place(f, 0, 0x10000);
    obey(f);
    assert_int_equal(f->state, CHANNEL_RUN);
    assert_true(vdev_poll(&f->dev));
    place(f, 1, 0x20000);
    channel_stop_at(&f->channel, 0, 77);
    channel_stop_at(&f->channel, 1, 55);
    channel_raise(&f->channel, CHANNEL_IRQ_QUEUE(0));
    obey(f);
    assert_int_equal(f->state, CHANNEL_STOP);
    assert_false(vdev_poll(&f->dev));
    assert_int_equal(f->queue_irqs[0], 1); /* it is the same life */
    obey(f);
    assert_true(vdev_poll(&f->dev));
    assert_int_equal(f->setup.queue[0].first, 77);
    assert_int_equal(f->setup.queue[1].first, 0);
    assert_int_equal(f->setup.queue[1].enabled, 1);
    vdev_select(&f->dev, 0); /* one that is taken away is not served any more */
    vdev_enable_queue(&f->dev, false);
    channel_stop_at(&f->channel, 1, 56);
    obey(f);
    assert_false(vdev_poll(&f->dev));
    obey(f);
    assert_true(vdev_poll(&f->dev));
    assert_int_equal(f->setup.queue[0].enabled, 0);
    assert_int_equal(f->setup.queue[1].first, 56);
}

static void interrupts_of_the_io_half_reach_the_shell(void **state)
{
    struct fixture *f = *state;
    run(f);
    channel_raise(&f->channel, CHANNEL_IRQ_QUEUE(0) | CHANNEL_IRQ_QUEUE(1));
    assert_true(vdev_poll(&f->dev));
    assert_true(vdev_poll(&f->dev));
    channel_raise(&f->channel, CHANNEL_IRQ_QUEUE(1) | 0x4u); /* and a bit that means nothing */
    assert_true(vdev_poll(&f->dev));
    assert_int_equal(f->queue_irqs[0], 1);
    assert_int_equal(f->queue_irqs[1], 2);
    assert_int_equal(vdev_counts(&f->dev)->queue_irqs, 3);
}

static void a_broken_queue_of_a_modern_driver_asks_for_a_reset(void **state)
{
    struct fixture *f = *state;
    run(f);
    channel_raise(&f->channel, CHANNEL_IRQ_BROKEN);
    assert_true(vdev_poll(&f->dev));
    assert_int_equal(vdev_status(&f->dev), RUNNING | VDEV_NEEDS_RESET);
    assert_int_equal(f->config_irqs, 1);
    status(f, RUNNING); /* only a reset helps */
    assert_int_equal(vdev_status(&f->dev), RUNNING | VDEV_NEEDS_RESET);
    status(f, 0);
    assert_int_equal(vdev_status(&f->dev), 0);
    status(f, VDEV_NEEDS_RESET | 0x30u); /* not the driver's bits */
    assert_int_equal(vdev_status(&f->dev), 0);
}

static void a_broken_queue_of_a_legacy_driver_is_silent_and_counted(void **state)
{
    struct fixture *f = *state;
    run(f);
    channel_raise(&f->channel, CHANNEL_IRQ_BROKEN);
    assert_true(vdev_poll(&f->dev));
    assert_int_equal(vdev_status(&f->dev), RUNNING);
    assert_int_equal(f->config_irqs, 0);
    assert_int_equal(vdev_counts(&f->dev)->breaks, 1);
}

static void features_that_cannot_be_had_together_are_refused_as_a_whole(void **state)
{
    struct fixture *f = *state;
    const uint64_t v1 = BIT64(VIRTIO_F_VERSION_1);
    const uint64_t bad[] = {
        0, /* without VERSION_1 there is no such device */
        BIT64(VIRTIO_NET_F_MAC),
        v1 | BIT64(VIRTIO_NET_F_HOST_TSO4),
        v1 | BIT64(VIRTIO_NET_F_HOST_TSO6),
        v1 | BIT64(VIRTIO_NET_F_GUEST_TSO4) | BIT64(VIRTIO_NET_F_CSUM),
        v1 | BIT64(VIRTIO_NET_F_GUEST_TSO6),
        v1 | BIT64(VIRTIO_NET_F_CTRL_VQ), /* not offered */
        v1 | BIT64(VIRTIO_F_ANY_LAYOUT),
        v1 | BIT64(VIRTIO_F_RING_PACKED),
        v1 | BIT64(63),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        status(f, 0);
        negotiate(f, bad[i]);
        assert_int_equal(vdev_status(&f->dev), VDEV_ACKNOWLEDGE | VDEV_DRIVER);
        status(f, RUNNING & ~VDEV_FEATURES_OK);
        assert_int_equal(vdev_status(&f->dev), VDEV_ACKNOWLEDGE | VDEV_DRIVER);
        /* The driver may try again with fewer. */
        accept(f, v1);
        status(f, VDEV_ACKNOWLEDGE | VDEV_DRIVER | VDEV_FEATURES_OK);
        assert_true((vdev_status(&f->dev) & VDEV_FEATURES_OK) != 0);
        accept(f, offered(f)); /* too late */
        assert_int_equal(vdev_accepted(&f->dev, 0), 0);
    }
    assert_int_equal(vdev_counts(&f->dev)->refused_features, sizeof(bad) / sizeof(bad[0]));
    assert_int_equal(f->wakes, 0);
}

/* Every subset of what is offered that keeps to the dependencies. */
static void any_subset_that_a_driver_picks_works(void **state)
{
    struct fixture *f = *state;
    const uint64_t all = offered(f) & ~BIT64(VIRTIO_F_VERSION_1);
    uint64_t subset = 0;
    uint32_t good = 0;
    do {
        status(f, 0);
        obey(f);
        assert_true(vdev_poll(&f->dev));
        negotiate(f, subset | BIT64(VIRTIO_F_VERSION_1));
        const bool tso = virtio_has(subset, VIRTIO_NET_F_HOST_TSO4) ||
                         virtio_has(subset, VIRTIO_NET_F_HOST_TSO6);
        const bool lro = virtio_has(subset, VIRTIO_NET_F_GUEST_TSO4) ||
                         virtio_has(subset, VIRTIO_NET_F_GUEST_TSO6);
        const bool fits = (!tso || virtio_has(subset, VIRTIO_NET_F_CSUM)) &&
                          (!lro || virtio_has(subset, VIRTIO_NET_F_GUEST_CSUM));
        assert_int_equal((vdev_status(&f->dev) & VDEV_FEATURES_OK) != 0, fits);
        if (fits) {
            place(f, 0, 0x10000);
            status(f, RUNNING);
            obey(f);
            assert_true(f->setup.features == (subset | BIT64(VIRTIO_F_VERSION_1)));
            good++;
        }
        subset = (subset - all) & all;
    } while (subset != 0);
    assert_int_equal(good, 64 * 5 * 5); /* six free bits, and 5 of 8 ways on each side */
}

static void a_legacy_driver_gets_of_its_choice_what_can_be_had(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vdev_offered(&f->dev, 1), 0);
    assert_true((vdev_offered(&f->dev, 0) & BIT32(VIRTIO_F_ANY_LAYOUT)) != 0);
    accept(f, UINT64_MAX & ~BIT64(VIRTIO_NET_F_CSUM));
    vdev_select(&f->dev, 0);
    vdev_place_queue(&f->dev, 0x5000, 4096);
    status(f, VDEV_DRIVER_OK); /* in any order, and without FEATURES_OK */
    obey(f);
    assert_int_equal(f->state, CHANNEL_RUN);
    const uint64_t expect = vdev_offered(&f->dev, 0) & ~BIT64(VIRTIO_NET_F_CSUM) &
                            ~BIT64(VIRTIO_NET_F_HOST_TSO4) & ~BIT64(VIRTIO_NET_F_HOST_TSO6);
    assert_true(f->setup.features == expect);
    vdev_accept(&f->dev, 0, 0);
    assert_true(vdev_accepted(&f->dev, 0) != 0);
}

static void a_legacy_queue_lies_where_the_old_layout_says(void **state)
{
    static const struct {
        uint64_t base;
        uint32_t size, align;
        uint64_t avail, used;
    } rows[] = {
        {0x10000, 128, 4096, 0x10800, 0x11000},
        {0x10000, 256, 4096, 0x11000, 0x12000},
        {0x10000, 8, 64, 0x10080, 0x100C0},
        {0x10000, 8, 1, 0x10080, 0x10096},
        {0x10000, 8, 0, 0x10080, 0x10096},
        {0x10000, 8, 7, 0x10080, 0x10098},
        {0xFFFFFFFF000, 128, 4096, 0xFFFFFFFF800, 0x100000000000},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        status(f, 0);
        vdev_select(&f->dev, 1);
        vdev_set_queue_size(&f->dev, rows[i].size);
        vdev_place_queue(&f->dev, rows[i].base, rows[i].align);
        assert_true(vdev_queue_enabled(&f->dev));
        assert_true(vdev_queue_address(&f->dev, VDEV_DESC) == rows[i].base);
        assert_true(vdev_queue_address(&f->dev, VDEV_DRIVER_AREA) == rows[i].avail);
        assert_true(vdev_queue_address(&f->dev, VDEV_DEVICE_AREA) == rows[i].used);
        vdev_place_queue(&f->dev, 0x7000, 4096); /* it has a place */
        assert_true(vdev_queue_address(&f->dev, VDEV_DESC) == rows[i].base);
        vdev_place_queue(&f->dev, 0, 4096);
        assert_false(vdev_queue_enabled(&f->dev));
    }
}

static void queues_that_are_not_there_have_no_size_and_take_nothing(void **state)
{
    struct fixture *f = *state;
    static const uint32_t absent[] = {2, 3, 0xFFFF, UINT32_MAX};
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        vdev_select(&f->dev, absent[i]);
        assert_int_equal(vdev_selected(&f->dev), absent[i]);
        assert_int_equal(vdev_queue_max(&f->dev), 0);
        vdev_set_queue_size(&f->dev, 8);
        vdev_set_queue_address(&f->dev, VDEV_DESC, false, 0x1000);
        vdev_enable_queue(&f->dev, true);
        vdev_place_queue(&f->dev, 0x1000, 4096);
        assert_int_equal(vdev_queue_size(&f->dev), 0);
        assert_int_equal(vdev_queue_address(&f->dev, VDEV_DESC), 0);
        assert_false(vdev_queue_enabled(&f->dev));
        assert_true(vdev_valid(&f->dev));
    }
    vdev_select(&f->dev, 0);
    vdev_set_queue_size(&f->dev, UINT32_MAX);
    assert_int_equal(vdev_queue_size(&f->dev), 0xFFFF);
    assert_int_equal(vdev_queue_max(&f->dev), QUEUE_SIZE);
}

static void the_card_offers_what_the_system_file_says(void **state)
{
    static const struct {
        uint32_t offers;
        uint64_t features;
    } rows[] = {
        {0, 0},
        {SYSTEM_NIC_CSUM, BIT64(VIRTIO_NET_F_CSUM) | BIT64(VIRTIO_NET_F_GUEST_CSUM)},
        {SYSTEM_NIC_TSO, 0}, /* alone it cannot be had */
        {SYSTEM_NIC_CSUM | SYSTEM_NIC_TSO,
         BIT64(VIRTIO_NET_F_CSUM) | BIT64(VIRTIO_NET_F_GUEST_CSUM) | BIT64(VIRTIO_NET_F_HOST_TSO4) |
             BIT64(VIRTIO_NET_F_HOST_TSO6) | BIT64(VIRTIO_NET_F_GUEST_TSO4) |
             BIT64(VIRTIO_NET_F_GUEST_TSO6)},
        {SYSTEM_NIC_MERGEABLE, BIT64(VIRTIO_NET_F_MRG_RXBUF)},
        {SYSTEM_NIC_INDIRECT, BIT64(VIRTIO_F_INDIRECT_DESC)},
        {SYSTEM_NIC_EVENT_IDX, BIT64(VIRTIO_F_EVENT_IDX)},
    };
    const uint64_t always = BIT64(VIRTIO_NET_F_MAC) | BIT64(VIRTIO_NET_F_STATUS) |
                            BIT64(VIRTIO_NET_F_MTU) | BIT64(VIRTIO_F_VERSION_1);
    (void)state;
    static struct fixture f;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start(&f, false, rows[i].offers);
        assert_true(offered(&f) == (rows[i].features | always));
    }
}

static void the_configuration_space_reads_at_any_width_and_offset(void **state)
{
    struct fixture *f = *state;
    assert_true(vdev_config_read(&f->dev, 0, 8) == 0x0001554433221102);
    assert_int_equal(vdev_config_read(&f->dev, 0, 4), 0x33221102);
    assert_int_equal(vdev_config_read(&f->dev, 6, 2), VNET_LINK_UP);
    assert_int_equal(vdev_config_read(&f->dev, 10, 2), 1500);
    assert_int_equal(vdev_config_read(&f->dev, 11, 4), 1500 >> 8);
    assert_int_equal(vdev_config_read(&f->dev, 12, 8), 0);
    assert_int_equal(vdev_config_read(&f->dev, 4096, 1), 0);
}

static void a_legacy_driver_may_set_its_address_and_a_reset_takes_it_back(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 6; i++) {
        vdev_config_write(&f->dev, i, 1, 0xA0 + i);
    }
    assert_true((vdev_config_read(&f->dev, 0, 8) & 0xFFFFFFFFFFFF) == 0xA5A4A3A2A1A0);
    vdev_config_write(&f->dev, 4, 8, UINT64_MAX); /* link and MTU are the card's */
    assert_int_equal(vdev_config_read(&f->dev, 6, 2), VNET_LINK_UP);
    assert_int_equal(vdev_config_read(&f->dev, 10, 2), 1500);
    run(f); /* it goes on */
    status(f, 0);
    assert_int_equal(vdev_config_read(&f->dev, 0, 4), 0x33221102);
}

static void a_modern_driver_may_not(void **state)
{
    struct fixture *f = *state;
    vdev_config_write(&f->dev, 0, 8, UINT64_MAX);
    assert_int_equal(vdev_config_read(&f->dev, 0, 4), 0x33221102);
}

static void the_link_tells_a_driver_that_wants_to_know(void **state)
{
    struct fixture *f = *state;
    const uint32_t generation = vdev_generation(&f->dev);
    vnet_set_link(&f->net, false);
    assert_int_equal(f->config_irqs, 0); /* nobody there yet */
    run(f);
    assert_int_equal(vdev_config_read(&f->dev, 6, 2), 0);
    vnet_set_link(&f->net, true);
    vnet_set_link(&f->net, true);
    assert_int_equal(f->config_irqs, 1);
    assert_int_equal(vdev_config_read(&f->dev, 6, 2), VNET_LINK_UP);
    assert_int_not_equal(vdev_generation(&f->dev), generation);
    status(f, 0);
    obey(f);
    assert_true(vdev_poll(&f->dev));
    negotiate(f, BIT64(VIRTIO_F_VERSION_1));
    place(f, 0, 0x1000);
    status(f, RUNNING);
    vnet_set_link(&f->net, false); /* this one does not */
    assert_int_equal(f->config_irqs, 1);
    assert_true(vnet_valid(&f->net));
}

static void without_an_io_half_a_driver_finds_a_quiet_card(void **state)
{
    struct fixture *f = *state;
    f->dev.wiring.channel = NULL;
    negotiate(f, offered(f));
    place(f, 0, 0x10000);
    status(f, RUNNING);
    assert_true(vdev_poll(&f->dev));
    vdev_notify(&f->dev, 0);
    status(f, 0);
    assert_true(vdev_poll(&f->dev));
}

static void power_on_stops_what_a_former_life_left_running(void **state)
{
    struct fixture *f = *state;
    run(f);
    vdev_power_on(&f->dev);
    assert_false(vdev_poll(&f->dev));
    obey(f);
    assert_int_equal(f->state, CHANNEL_STOP);
    assert_true(vdev_poll(&f->dev));
    assert_int_equal(vdev_counts(&f->dev)->runs, 0);
    assert_int_equal(vdev_status(&f->dev), 0);
}

static void the_invariant_refuses_what_no_guest_can_bring_about(void **state)
{
    struct fixture *f = *state;
    f->dev.regs.running = 1;
    assert_false(vdev_valid(&f->dev));
    f->dev.regs.running = 0;
    f->dev.regs.status = VDEV_DRIVER_OK;
    assert_false(vdev_valid(&f->dev));
    f->dev.regs.status = 0x10;
    assert_false(vdev_valid(&f->dev));
    f->dev.regs.status = 0;
    f->dev.regs.isr = 4;
    assert_false(vdev_valid(&f->dev));
    f->dev.regs.isr = 0;
    f->dev.regs.served = 1;
    assert_false(vdev_valid(&f->dev));
    f->dev.regs.served = 0;
    f->dev.regs.queue[1].size = 0x10000;
    assert_false(vdev_valid(&f->dev));
    f->dev.regs.queue[1].size = 0;
    assert_true(vdev_valid(&f->dev));
}

int main(void)
{
#define MODERN(test) cmocka_unit_test_setup(test, setup_modern)
#define LEGACY(test) cmocka_unit_test_setup(test, setup_legacy)
    const struct CMUnitTest tests[] = {
        MODERN(driver_ok_hands_over_all_that_was_negotiated),
        MODERN(a_reset_is_over_when_the_io_half_has_stopped),
        MODERN(a_reset_of_an_idle_device_asks_nobody),
        MODERN(reset_and_run_in_one_exit_come_one_after_the_other),
        MODERN(a_queue_that_comes_late_joins_and_the_other_goes_on_where_it_was),
        MODERN(interrupts_of_the_io_half_reach_the_shell),
        MODERN(a_broken_queue_of_a_modern_driver_asks_for_a_reset),
        LEGACY(a_broken_queue_of_a_legacy_driver_is_silent_and_counted),
        MODERN(features_that_cannot_be_had_together_are_refused_as_a_whole),
        MODERN(any_subset_that_a_driver_picks_works),
        LEGACY(a_legacy_driver_gets_of_its_choice_what_can_be_had),
        LEGACY(a_legacy_queue_lies_where_the_old_layout_says),
        MODERN(queues_that_are_not_there_have_no_size_and_take_nothing),
        MODERN(the_card_offers_what_the_system_file_says),
        MODERN(the_configuration_space_reads_at_any_width_and_offset),
        LEGACY(a_legacy_driver_may_set_its_address_and_a_reset_takes_it_back),
        MODERN(a_modern_driver_may_not),
        MODERN(the_link_tells_a_driver_that_wants_to_know),
        MODERN(without_an_io_half_a_driver_finds_a_quiet_card),
        MODERN(power_on_stops_what_a_former_life_left_running),
        MODERN(the_invariant_refuses_what_no_guest_can_bring_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
