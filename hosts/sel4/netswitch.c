/* SPDX-License-Identifier: BSD-2-Clause
 * The switch component: moves frames between the rings of its ports. It has those rings and a page for
 * its counters: no guest's RAM, no device. Nobody is behind the port of an uplink here: what goes there
 * fills that port's ring, and from then on is dropped and counted. */
#include "base/assert.h"
#include "sel4/parts.h"
#include "sel4/sys.h"

#define PUBLISH_TURNS 64u /* a busy switch brings its counters up to date so often */

struct bridge {
    struct vm_clock clock;
    struct net_plan plan;
    const struct net_ports *ports;
    struct part_counts *counts;
    struct netswitch sw;
};

static struct bridge bridge;

static vm_ns_t now(const struct bridge *b)
{
    return clock_ns_at(&b->clock, sys_tsc());
}

/* Takes up the rings, and the counters, where the last switch left them. */
static void init(struct bridge *b, const struct part_args *args)
{
    b->clock.tsc_khz = args->tsc_khz;
    b->counts = (struct part_counts *)PART_COUNTS;
    net_plan(args->system, true, &b->plan);
    b->ports = &b->plan.sw[args->index];
    switch_init(&b->sw);
    for (uint32_t i = 0; i < b->ports->count; i++) { /* bound: SWITCH_PORTS_MAX */
        struct net_rings *rings = (struct net_rings *)PART_PORT(i);
        const struct switch_policy policy = net_plan_policy(args->system, &b->ports->port[i]);
        uint32_t port =
            switch_add_port(&b->sw, &policy, &rings->to_switch, &rings->from_switch, now(b));
        BH_ASSERT(port == i); /* the plan has no more than fit */
        b->sw.port[i].counts = b->counts->port[i];
    }
}

static void publish(const struct bridge *b)
{
    for (uint32_t i = 0; i < b->sw.ports; i++) { /* bound: SWITCH_PORTS_MAX */
        b->counts->port[i] = b->sw.port[i].counts;
    }
}

static void wake_port(const struct bridge *b, uint32_t port)
{
    if (b->ports->port[port].vm != NET_UPLINK) {
        sys_signal(PART_CAP_PORT(port));
    }
}

/* Moves what there is to move. True: there is more. */
static bool turn(struct bridge *b)
{
    struct switch_wake wake = switch_turn(&b->sw, now(b));
    uint32_t who = wake.readers | wake.writers;
    for (uint32_t i = 0; i < b->sw.ports; i++) { /* bound: SWITCH_PORTS_MAX */
        if ((who >> i & 1u) != 0) {
            wake_port(b, i);
        }
    }
    return wake.again;
}

static void notified(struct bridge *b)
{
    for (uint32_t turns = 1; turn(b); turns++) { /* bound: its budget */
        if (turns % PUBLISH_TURNS == 0) {
            publish(b);
        }
    }
    publish(b);
}

/* A switch before this one may have died between taking somebody's word that it sleeps and waking it. */
static void wake_all(const struct bridge *b)
{
    for (uint32_t i = 0; i < b->sw.ports; i++) { /* bound: SWITCH_PORTS_MAX */
        wake_port(b, i);
    }
}

_Noreturn void switch_main(const struct part_args *args)
{
    init(&bridge, args);
    wake_all(&bridge);
    notified(&bridge);
    for (;;) {
        (void)sys_wait(PART_CAP_NOTIFY);
        notified(&bridge);
    }
}
