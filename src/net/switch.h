/* SPDX-License-Identifier: BSD-2-Clause
 * Layer-2 switch: learns which address is behind which port, obeys a policy for each port, and counts
 * every frame it drops, by reason.
 *
 * It moves frames from the rings that ports write to the rings that ports read, and never waits: a
 * port that does not read loses its own frames, and nobody else's. Frames are forwarded with their
 * checksum and segmentation words as they are; rates count a segmented frame as what it will be on
 * the wire.
 * Spec: [802.1D] IEEE 802.1D-2004, 7.7 to 7.9 (forwarding, learning, ageing); no spanning tree. */
#ifndef NET_SWITCH_H
#define NET_SWITCH_H

#include <stdbool.h>
#include <stdint.h>

#include "net/frame.h"
#include "net/ring.h"
#include "vm/time.h"

#define SWITCH_PORTS_MAX    17u /* every NIC of every VM, and an uplink                            */
#define SWITCH_STATIONS     64u /* pinned ones, and the rest in equal parts for ports that may learn */
#define SWITCH_AGEING_NS    300000000000u
#define SWITCH_TURN_FRAMES  64u /* from one port in one turn: nobody starves                       */
/* What a port may send at once: what it may send in a tenth of a second, or one frame. */
#define SWITCH_BURSTS_PER_S 10u

/* Rates count what is on the wire: a segmented frame is as many as it will be cut into. A frame that is
 * dropped is not charged. 0: as many as it likes. */
struct switch_policy {
    uint32_t peers; /* bit n: may send to port n                                              */
    bool pinned;    /* frames must come from `mac`, and those to `mac` go here and nowhere else.
                       Frames to an address that nobody knows do not come here.                */
    uint8_t mac[FRAME_MAC_BYTES];
    uint32_t frames_per_s;
    uint32_t bytes_per_s;
    uint32_t broadcasts_per_s; /* broadcast, multicast and unknown */
};

/* A frame is dropped for the first reason that holds, in the order: malformed, spoofed, reserved,
 * self, not a peer, frame rate, byte rate, broadcast rate, full. */
enum switch_drop {
    SWITCH_DROP_FULL = 0, /* the receiving port's ring had no room (counted at the receiver)  */
    SWITCH_DROP_FRAME_RATE,
    SWITCH_DROP_BYTE_RATE,
    SWITCH_DROP_BROADCAST_RATE,
    SWITCH_DROP_SPOOFED,   /* not from the pinned address, or from another port's, or a group's */
    SWITCH_DROP_NOT_PEER,  /* for a port that this one may not send to, or for nobody at all    */
    SWITCH_DROP_MALFORMED, /* shorter than a header, or words that do not fit                   */
    SWITCH_DROP_SELF,      /* for the port that it came from                                    */
    SWITCH_DROP_RESERVED,  /* 01-80-C2-00-00-0x: never forwarded                                */
};
#define SWITCH_DROPS 9u

/* in_frames less the port's drops (those of its receiving side, FULL, aside) is what was forwarded: to
 * one port or to several. Frames and bytes count as they are in the rings. */
struct switch_counts {
    uint64_t in_frames; /* from the port */
    uint64_t in_bytes;
    uint64_t out_frames; /* to the port */
    uint64_t out_bytes;
    uint64_t drops[SWITCH_DROPS];
    uint64_t broken; /* times that one of the port's rings held nonsense */
};

/* Exact: tokens are counted in units of which rate * 1 ns makes one, so nothing is ever rounded. Below
 * zero: a frame larger than the whole bucket went through when that was full. */
struct switch_bucket {
    int64_t tokens; /* scaled by VM_NS_PER_S */
    vm_ns_t at;
};

struct switch_port {
    struct ring_reader in;
    struct ring_writer out;
    struct switch_policy policy;
    uint64_t mac;     /* the pinned one                              */
    uint32_t learned; /* stations behind this port                   */
    uint32_t lap;     /* bytes put into `out` since shares were halved */
    struct switch_bucket frames;
    struct switch_bucket bytes;
    struct switch_bucket broadcasts;
    struct switch_counts counts;
    uint32_t share[SWITCH_PORTS_MAX]; /* how much of `out` each port filled lately */
};

/* An address at a port. Several ports may claim one address: a sender goes by the latest claim of those
 * that it may send to, so that no other port can lure its frames away. */
struct switch_station {
    uint64_t mac; /* its six bytes, the first one lowest */
    vm_ns_t seen;
    uint32_t port;
    bool pinned; /* never moves, ages or makes room */
};

struct netswitch {
    uint32_t ports;
    uint32_t next;     /* port that the next turn begins with */
    uint32_t stations; /* in use: the first ones              */
    uint32_t quota;    /* stations that one port may teach    */
    struct switch_port port[SWITCH_PORTS_MAX];
    struct switch_station station[SWITCH_STATIONS];
};

/* Which ports' sleeping ends are to be woken. */
struct switch_wake {
    uint32_t readers; /* bit n: port n reads its ring and has frames now       */
    uint32_t writers; /* bit n: port n writes its ring and has room now        */
    bool again;       /* there is more to do: call again after other business */
};

void switch_init(struct netswitch *sw);

/* Adds a port. `in` is the ring that the port writes, `out` the one that it reads; both are taken up
 * where a switch before this one left them. What was learned is forgotten. Returns its number, or
 * SWITCH_PORTS_MAX: full. */
uint32_t switch_add_port(struct netswitch *sw, const struct switch_policy *policy,
                         struct ring_shared *in, struct ring_shared *out, vm_ns_t now);

/* Moves at most SWITCH_TURN_FRAMES frames from each port; fewer if somebody has to be woken meanwhile.
 * When !again, every ring was empty and the switch has said that it sleeps on each. Time may stand
 * still, jump, or go back: nothing but rates and ageing depends on it. */
struct switch_wake switch_turn(struct netswitch *sw, vm_ns_t now);

#endif
