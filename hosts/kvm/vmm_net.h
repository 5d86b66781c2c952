/* SPDX-License-Identifier: BSD-2-Clause
 * The vmm's side of its network cards: the channels to its io component, kicks, notifications, and
 * the doorbells that KVM answers without leaving the kernel. */
#ifndef KVM_VMM_NET_H
#define KVM_VMM_NET_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "board/vm.h"
#include "kvm/component.h"

struct vmm_net {
    uint32_t nics;
    int notify_fd; /* readable when the io wants the vmm to look; -1: no NICs, or the io is dead */
    int wake_fd[SYSTEM_NICS_MAX];
    struct channel *channel[SYSTEM_NICS_MAX];
    bool placed; /* the doorbells below are those of `version` */
    uint32_t version;
    uint32_t bells; /* ... and registered with KVM */
    struct vm_doorbell bell[VM_DOORBELLS_MAX];
};

/* Maps the channels; `first` is the first descriptor of wires_vmm_fds() behind the RAM. False: errno,
 * or the descriptors are not those of this VM. */
bool vmm_net_attach(struct vmm_net *n, const struct component *c, uint32_t first);

/* Tells of notifications, once vmm_net_watch() was called. */
#define VMM_NET_SIGNAL SIGUSR1

bool vmm_net_watch(const struct vmm_net *n);

/* Wakes the io. @pre nic < n->nics */
void vmm_net_kick(const struct vmm_net *n, uint32_t nic);

/* Takes the notifications that came: what they are about is in the channels, and in the report. When
 * nobody is left who could send any it hears so once: the pipe stays readable, and a vmm that goes on
 * polling it would run, with its priority, in front of everybody. */
void vmm_net_drain(struct vmm_net *n);

/* Bit n of `out`: the cable of card n is out. Their guest is told of what has changed. */
void vmm_net_cables(const struct vmm_net *n, struct vm *vm, uint32_t out, uint64_t tsc);

/* Registers the doorbells with KVM if they have changed: cheap otherwise. One that KVM refuses comes
 * out as an exit, and the core kicks. */
void vmm_net_doorbells(struct vmm_net *n, const struct vm *vm, int vm_fd);

#endif
