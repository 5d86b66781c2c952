/* SPDX-License-Identifier: BSD-2-Clause
 * What the frozen system says of its wires, for every host: who is behind which port of which switch,
 * what each port may send, and the memory that a port is made of. */
#ifndef NET_PLAN_H
#define NET_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/ring.h"
#include "net/switch.h"
#include "system/image.h"

/* In place of a VM's index. */
#define NET_UPLINK SYSTEM_VMS_MAX /* as system_port() has it */
#define NET_NATIVE (SYSTEM_VMS_MAX + 1u)

/* Who is behind a port. */
struct net_port {
    uint32_t vm;  /* or NET_UPLINK, or NET_NATIVE */
    uint32_t nic; /* of the VM; of a native: which */
};

struct net_ports {
    uint32_t count;
    struct net_port port[SWITCH_PORTS_MAX];
};

/* The ports of every switch, in the order that struct system_switch defines. */
struct net_plan {
    uint32_t switches;
    struct net_ports sw[SYSTEM_SWITCHES_MAX];
};

/* One port's shared memory. All zero: as new. */
struct net_rings {
    struct ring_shared to_switch;
    struct ring_shared from_switch;
};

/* `natives`: does this host have native components? @pre image is checked */
void net_plan(const struct system_image *image, bool natives, struct net_plan *plan);

/* What the system file says of a port. Uplinks and natives may send to everybody; a native, whose
 * address is known, is held to it. */
struct switch_policy net_plan_policy(const struct system_image *image, const struct net_port *port);

#endif
