/* SPDX-License-Identifier: BSD-2-Clause
 * What the frozen system says of its wires. */
#include "net/plan.h"

#include "base/string.h"
#include "system/check.h"

_Static_assert(SWITCH_PORTS_MAX >= SYSTEM_PORTS_MAX,
               "a switch has room for every port of a system");

static void plan_cards(const struct system_image *image, struct net_plan *plan)
{
    for (uint32_t vm = 0; vm < image->vms; vm++) {                /* bound: SYSTEM_VMS_MAX */
        for (uint32_t nic = 0; nic < image->vm[vm].nics; nic++) { /* bound: SYSTEM_NICS_MAX */
            uint32_t sw = image->vm[vm].nic[nic].switch_;
            uint32_t port = system_port(image, sw, vm, nic);
            plan->sw[sw].port[port] = (struct net_port){.vm = vm, .nic = nic};
        }
    }
}

static void plan_natives(const struct system_image *image, struct net_plan *plan)
{
    for (uint32_t i = 0; i < image->sel4.natives; i++) { /* bound: SYSTEM_NATIVES_MAX */
        uint32_t sw = image->sel4.native[i].switch_;
        uint32_t port = system_native_port(image, sw, i);
        plan->sw[sw].port[port] = (struct net_port){.vm = NET_NATIVE, .nic = i};
    }
}

void net_plan(const struct system_image *image, bool natives, struct net_plan *plan)
{
    memset(plan, 0, sizeof(*plan));
    plan->switches = image->switches;
    plan_cards(image, plan);
    for (uint32_t sw = 0; sw < image->switches; sw++) { /* bound: SYSTEM_SWITCHES_MAX */
        uint32_t ports = system_ports(image, sw);
        if (image->switch_[sw].uplink != SYSTEM_UPLINK_NONE) {
            plan->sw[sw].port[ports - 1u] = (struct net_port){.vm = NET_UPLINK};
        }
        plan->sw[sw].count = natives ? system_ports_all(image, sw) : ports;
    }
    if (natives) {
        plan_natives(image, plan);
    }
}

struct switch_policy net_plan_policy(const struct system_image *image, const struct net_port *port)
{
    struct switch_policy p = {.peers = UINT32_MAX};
    if (port->vm == NET_NATIVE) {
        p.pinned = true;
        memcpy(p.mac, image->sel4.native[port->nic].mac, sizeof(p.mac));
    } else if (port->vm != NET_UPLINK) {
        const struct system_nic *nic = &image->vm[port->vm].nic[port->nic];
        p.peers = nic->peers;
        p.pinned = (nic->policy & SYSTEM_NIC_PINNED) != 0;
        memcpy(p.mac, nic->mac, sizeof(p.mac));
        p.frames_per_s = nic->frames_per_s;
        p.bytes_per_s = nic->bytes_per_s;
        p.broadcasts_per_s = nic->broadcasts_per_s;
    }
    return p;
}
