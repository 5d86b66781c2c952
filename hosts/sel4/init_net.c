/* SPDX-License-Identifier: BSD-2-Clause
 * The wire: what io, switches and natives have besides, and who can wake whom. Rings are one large frame
 * a port, mapped into the two at its ends; counters are a page that init can read. */
#include "sel4/init.h"
#include "system/check.h"
#include "virtio/channel.h"

/* --- Building ------------------------------------------------------------------------------------ */

/* A page that the part writes and init reads; returns where init sees it. */
static const void *share_page(struct init *in, const struct part *p, uint64_t frame, uint64_t at)
{
    part_share(in, p, frame, at, SYS_READ | SYS_WRITE, false);
    return (const void *)init_map(in, frame, SYS_READ, false);
}

static const struct part_counts *share_counts(struct init *in, const struct part *p)
{
    part_topic(in, THING(THING_COUNTS, part_party(p), 0));
    uint64_t frame = world_make(&in->world, SYS_OBJECT_FRAME, 0);
    part_topic(in, THING_NONE);
    return share_page(in, p, frame, PART_COUNTS);
}

/* Gives a part an end of a port: its rings, and the right to wake the switch. */
static void plug(struct init *in, const struct part *p, uint32_t nic, uint32_t sw, uint32_t port)
{
    const struct part *s = &in->part[in->net.switch_[sw]];
    part_share(in, p, in->net.rings[sw][port], PART_PORT(nic), SYS_READ | SYS_WRITE, false);
    part_grant(in, p, s->notify, PART_CAP_SWITCH(nic), SYS_WRITE, PART_BADGE_RING);
    part_grant(in, s, p->notify, PART_CAP_PORT(port), SYS_WRITE, PART_BADGE_RING);
}

static void build_switch(struct init *in, uint32_t sw)
{
    struct part *p = part_add(in, PART_SWITCH, in->system->switch_[sw].name, sw);
    in->net.switch_[sw] = in->parts - 1u;
    part_build(in, p);
    in->net.switch_counts[sw] = share_counts(in, p);
    for (uint32_t i = 0; i < in->net.plan.sw[sw].count; i++) { /* bound: SWITCH_PORTS_MAX */
        part_topic(in, THING(THING_FRAMES, part_party(p), i));
        in->net.rings[sw][i] = world_make(&in->world, SYS_OBJECT_LARGE_FRAME, 0);
        part_topic(in, THING_NONE);
        part_share(in, p, in->net.rings[sw][i], PART_PORT(i), SYS_READ | SYS_WRITE, false);
    }
}

static void build_native(struct init *in, uint32_t native)
{
    const struct system_native *n = &in->system->sel4.native[native];
    struct part *p = part_add(in, PART_NATIVE, n->name, native);
    in->net.native[native] = in->parts - 1u;
    part_build(in, p);
    in->net.native_counts[native] = share_counts(in, p);
    plug(in, p, 0, n->switch_, system_native_port(in->system, n->switch_, native));
}

void net_build(struct init *in)
{
    net_plan(in->system, true, &in->net.plan);
    for (uint32_t i = 0; i < in->system->switches; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        build_switch(in, i);
        if (in->system->switch_[i].uplink != SYSTEM_UPLINK_NONE) {
            say(in->world.out, "bulkhead: switch %s: no driver for its uplink: link down\r\n",
                in->system->switch_[i].name);
        }
    }
    for (uint32_t i = 0; i < in->system->sel4.natives; i++) { /* bound: SYSTEM_NATIVES_MAX */
        build_native(in, i);
    }
}

struct part *net_build_io(struct init *in, uint32_t vm)
{
    const struct system_vm *v = &in->system->vm[vm];
    if (v->nics == 0) {
        return NULL;
    }
    struct part *p = part_add(in, PART_IO, v->name, vm);
    in->net.io[vm] = in->parts - 1u;
    part_build(in, p);
    for (uint32_t i = 0; i < v->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        uint32_t sw = v->nic[i].switch_;
        plug(in, p, i, sw, system_port(in->system, sw, vm, i));
    }
    part_grant(in, p, in->part[in->keeper].notify, PART_CAP_KEEPER, SYS_WRITE, PART_BADGE_WAKE(vm));
    return p;
}

void net_join(struct init *in, const struct part *vmm, const struct part *io)
{
    for (uint32_t i = 0; i < in->system->vm[vmm->index].nics; i++) { /* bound: SYSTEM_NICS_MAX */
        part_topic(in, THING(THING_CHANNEL, part_party(vmm), i));
        uint64_t frame = world_make(&in->world, SYS_OBJECT_FRAME, 0);
        part_topic(in, THING_NONE);
        part_share(in, io, frame, PART_CHANNEL(i), SYS_READ | SYS_WRITE, false);
        part_share(in, vmm, frame, PART_CHANNEL(i), SYS_READ | SYS_WRITE, false);
        /* init clears it when the VM is started again, and reads its counters. */
        in->net.channel[vmm->index][i] =
            (struct channel *)init_map(in, frame, SYS_READ | SYS_WRITE, false);
        part_grant(in, vmm, io->notify, PART_CAP_IO(i), SYS_WRITE, PART_BADGE_KICK(i));
    }
}

/* --- Counters ------------------------------------------------------------------------------------ */

static void show_drops(const struct say_sink *out, const struct switch_counts *c)
{
    static const char *const names[SWITCH_DROPS] = {
        [SWITCH_DROP_FULL] = "full",           [SWITCH_DROP_FRAME_RATE] = "frame-rate",
        [SWITCH_DROP_BYTE_RATE] = "byte-rate", [SWITCH_DROP_BROADCAST_RATE] = "broadcast-rate",
        [SWITCH_DROP_SPOOFED] = "spoofed",     [SWITCH_DROP_NOT_PEER] = "not-peer",
        [SWITCH_DROP_MALFORMED] = "malformed", [SWITCH_DROP_SELF] = "self",
        [SWITCH_DROP_RESERVED] = "reserved",
    };
    uint64_t sum = 0;
    for (uint32_t i = 0; i < SWITCH_DROPS; i++) { /* bound: SWITCH_DROPS */
        sum += c->drops[i];
    }
    say(out, ", dropped %U", sum);
    for (uint32_t i = 0; i < SWITCH_DROPS; i++) { /* bound: SWITCH_DROPS */
        if (c->drops[i] != 0) {
            say(out, " %s=%U", names[i], c->drops[i]);
        }
    }
    if (c->broken != 0) {
        say(out, ", broken rings %U", c->broken);
    }
    say(out, "\n");
}

static void show_switch(const struct init *in, uint32_t sw, const struct say_sink *out)
{
    for (uint32_t i = 0; i < in->net.plan.sw[sw].count; i++) { /* bound: SWITCH_PORTS_MAX */
        const struct net_port *p = &in->net.plan.sw[sw].port[i];
        const struct switch_counts *c = &in->net.switch_counts[sw]->port[i];
        say(out, "switch %s: port %u, ", in->system->switch_[sw].name, i);
        if (p->vm == NET_UPLINK) {
            say(out, "uplink (link down)");
        } else if (p->vm == NET_NATIVE) {
            say(out, "%s", in->system->sel4.native[p->nic].name);
        } else {
            say(out, "%s net %u", in->system->vm[p->vm].name, p->nic);
        }
        say(out, ": in %U frames %U bytes, out %U frames %U bytes", c->in_frames, c->in_bytes,
            c->out_frames, c->out_bytes);
        show_drops(out, c);
    }
}

static void show_card(const struct init *in, uint32_t vm, uint32_t nic, const struct say_sink *out)
{
    const struct channel_counts *c = &in->net.channel[vm][nic]->counts;
    say(out,
        "%s net %u: sent %U frames %U bytes, received %U frames %U bytes, kicks %U, interrupts %U",
        in->system->vm[vm].name, nic, c->tx_frames, c->tx_bytes, c->rx_frames, c->rx_bytes,
        c->kicks, c->interrupts);
    say(out, ", dropped tx-malformed=%U rx-no-buffer=%U rx-malformed=%U, breaks %U\n",
        c->tx_malformed, c->rx_no_buffer, c->rx_malformed, c->breaks);
}

void net_show(const struct init *in, const struct say_sink *out)
{
    for (uint32_t vm = 0; vm < in->system->vms; vm++) {                /* bound: SYSTEM_VMS_MAX  */
        for (uint32_t nic = 0; nic < in->system->vm[vm].nics; nic++) { /* bound: SYSTEM_NICS_MAX */
            show_card(in, vm, nic, out);
        }
    }
    for (uint32_t sw = 0; sw < in->system->switches; sw++) { /* bound: SYSTEM_SWITCHES_MAX */
        show_switch(in, sw, out);
    }
    for (uint32_t i = 0; i < in->system->sel4.natives; i++) { /* bound: SYSTEM_NATIVES_MAX */
        const struct responder_counts *c = &in->net.native_counts[i]->native;
        say(out, "native %s: frames %U, answered arp=%U ping=%U echo=%U, dropped %U full=%U\n",
            in->system->sel4.native[i].name, c->rx, c->arp, c->ping, c->echo, c->dropped, c->full);
    }
}
