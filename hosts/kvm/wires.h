/* SPDX-License-Identifier: BSD-2-Clause
 * What joins the components of a system: for each port of each switch a piece of memory with two frame
 * rings, and for each component that sleeps on them something that wakes it. The supervisor makes all of
 * it once; components inherit what is theirs and nothing else. It outlives every one of them: whoever is
 * started again finds the rings as they were left.
 *
 * Those who wake somebody need not trust each other. No writer ever waits: what is full wakes as well.
 * And nobody can take another's wake-up away: what several VMs write to is a pipe, of which they have
 * the writing end. An io alone sleeps on eventfds, as KVM writes to nothing else. */
#ifndef KVM_WIRES_H
#define KVM_WIRES_H

#include <stdbool.h>
#include <stdint.h>

#include "net/plan.h"

struct wires {
    struct net_plan plan;
    int rings_fd[SYSTEM_SWITCHES_MAX][SWITCH_PORTS_MAX]; /* struct net_rings             */
    int switch_wake[SYSTEM_SWITCHES_MAX][2];             /* pipes: its end, the others'    */
    int uplink_wake[SYSTEM_SWITCHES_MAX][2];             /* ... -1: nobody is there        */
    int io_wake[SYSTEM_VMS_MAX][SYSTEM_NICS_MAX]; /* eventfds: for kicks by the guest, and frames */
};

/* @pre image is checked. False: errno; what was made is kept until the process ends. */
bool wires_make(struct wires *w, const struct system_image *image);

/* What wakes who is behind that port. */
int wires_port_wake(const struct wires *w, uint32_t sw, uint32_t port);

/* Wakes everybody. Due after a component was started: its predecessor may have taken somebody's word
 * that it sleeps, and died before it woke that one. */
void wires_wake_all(const struct wires *w);

/* Wakes who sleeps on the other end (-1: nobody). Never waits. */
void wires_wake(int fd);

/* The same for a kick: what KVM does for a guest that rings a doorbell. */
void wires_kick(int fd);

/* Sleeps until somebody wakes by one of these; kicks[i] says how many kicks came by the i-th.
 * @pre count is not 0 and at most SYSTEM_NICS_MAX */
void wires_sleep(const int *fd, uint32_t count, uint32_t *kicks);

/* --- The descriptors that components are given, in this order; returns how many --------------- */

#define WIRES_FDS_MAX (2u + 2u * SWITCH_PORTS_MAX)

/* What one VM's two processes share: made anew for each start. */
struct wires_vm {
    int ram_fd;
    int notify[2]; /* a pipe: the io writes, the vmm reads */
    int channel_fd[SYSTEM_NICS_MAX];
};

/* RAM; where there are NICs, the notify pipe's reading end; for each NIC: eventfd, channel. */
uint32_t wires_vmm_fds(const struct wires *w, const struct wires_vm *v,
                       const struct system_image *image, uint32_t vm, int out[WIRES_FDS_MAX]);

/* RAM, the notify pipe's writing end; for each NIC: eventfd, channel, rings, what wakes the switch. */
uint32_t wires_io_fds(const struct wires *w, const struct wires_vm *v,
                      const struct system_image *image, uint32_t vm, int out[WIRES_FDS_MAX]);

/* What it sleeps on; for each port: rings, what wakes who is behind. */
uint32_t wires_switch_fds(const struct wires *w, uint32_t sw, int out[WIRES_FDS_MAX]);

/* What it sleeps on, rings, what wakes the switch. */
uint32_t wires_uplink_fds(const struct wires *w, uint32_t sw, int out[WIRES_FDS_MAX]);

#endif
