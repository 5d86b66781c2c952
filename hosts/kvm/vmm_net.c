/* SPDX-License-Identifier: BSD-2-Clause
 * The vmm's side of its network cards.
 * Spec: Linux Documentation/virt/kvm/api.rst, 4.59 (KVM_IOEVENTFD). */
#include "kvm/vmm_net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kvm/shm.h"
#include "kvm/wires.h"

bool vmm_net_attach(struct vmm_net *n, const struct component *c, uint32_t first)
{
    *n = (struct vmm_net){.nics = c->image->vm[c->index].nics, .notify_fd = -1};
    if (n->nics == 0) {
        return true;
    }
    if (c->fds < first + 1u + 2u * n->nics) {
        errno = EINVAL;
        return false;
    }
    n->notify_fd = c->fd[first];
    for (uint32_t i = 0; i < n->nics; i++) {
        n->wake_fd[i] = c->fd[first + 1u + 2u * i];
        n->channel[i] = shm_map(c->fd[first + 2u + 2u * i], CHANNEL_BYTES);
        if (n->channel[i] == NULL) {
            return false;
        }
    }
    return true;
}

bool vmm_net_watch(const struct vmm_net *n)
{
    if (n->notify_fd < 0) {
        return true;
    }
    int flags = fcntl(n->notify_fd, F_GETFL);
    return flags >= 0 && fcntl(n->notify_fd, F_SETOWN, getpid()) == 0 &&
           fcntl(n->notify_fd, F_SETSIG, VMM_NET_SIGNAL) == 0 &&
           fcntl(n->notify_fd, F_SETFL, flags | O_NONBLOCK | O_ASYNC) == 0;
}

void vmm_net_kick(const struct vmm_net *n, uint32_t nic)
{
    wires_kick(n->wake_fd[nic]);
}

void vmm_net_drain(struct vmm_net *n)
{
    char bytes[64]; /* the io sends one, and no more until the core has looked: others can wait */
    if (n->notify_fd >= 0 && read(n->notify_fd, bytes, sizeof(bytes)) == 0) {
        n->notify_fd = -1;
    }
}

void vmm_net_cables(const struct vmm_net *n, struct vm *vm, uint32_t out, uint64_t tsc)
{
    for (uint32_t i = 0; i < n->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        vm_set_link(vm, i, (out >> i & 1u) == 0, tsc);
    }
}

static bool set_doorbell(const struct vmm_net *n, const struct vm_doorbell *b, int vm_fd,
                         uint32_t flags)
{
    struct kvm_ioeventfd e = {
        .datamatch = b->value,
        .addr = b->addr,
        .len = b->width,
        .fd = n->wake_fd[b->nic],
        .flags = flags | KVM_IOEVENTFD_FLAG_DATAMATCH |
                 (b->space == BUS_PIO ? KVM_IOEVENTFD_FLAG_PIO : 0u),
    };
    return ioctl(vm_fd, KVM_IOEVENTFD, &e) == 0;
}

void vmm_net_doorbells(struct vmm_net *n, const struct vm *vm, int vm_fd)
{
    struct vm_doorbell now[VM_DOORBELLS_MAX];
    if (n->nics == 0 || (n->placed && n->version == vm_doorbells_version(vm))) {
        return;
    }
    for (uint32_t i = 0; i < n->bells; i++) { /* bound: VM_DOORBELLS_MAX */
        (void)set_doorbell(n, &n->bell[i], vm_fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
    }
    n->version = vm_doorbells_version(vm);
    n->placed = true;
    n->bells = 0;
    uint32_t count = vm_doorbells(vm, now);
    for (uint32_t i = 0; i < count; i++) { /* bound: VM_DOORBELLS_MAX */
        if (set_doorbell(n, &now[i], vm_fd, 0)) {
            n->bell[n->bells] = now[i];
            n->bells++;
        }
    }
}
