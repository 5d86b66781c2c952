/* SPDX-License-Identifier: BSD-2-Clause
 * The io component: one process per VM with network cards. It serves their queues, away from the
 * vCPU: it has the VM's RAM, a channel per card, and rings to the switch; no KVM.
 *
 * It sleeps on an eventfd per card, which the guest's doorbells (by KVM, without leaving the kernel),
 * the vmm and the switch write to, and looks at everything whenever it is woken. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm/component.h"
#include "kvm/ram.h"
#include "kvm/report.h"
#include "kvm/sandbox.h"
#include "kvm/sched.h"
#include "kvm/shm.h"
#include "kvm/wires.h"
#include "virtio/net_io.h"

struct io_nic {
    struct vnet_io vnet;
    int switch_wake;
};

struct io {
    const struct system_vm *system;
    struct vm_report *page;
    struct report_io *report;
    struct gmem mem;
    struct sched_patience patience;
    int notify_fd;
    uint32_t nics;
    int wake_fd[SYSTEM_NICS_MAX];
    struct io_nic nic[SYSTEM_NICS_MAX];
};

static int refuse(const struct io *io, const char *what)
{
    (void)snprintf(io->report->text, sizeof(io->report->text), "%s: %s", what, strerror(errno));
    return 1;
}

/* @pre the descriptors are those of wires_io_fds() behind the report. */
static bool io_wire(struct io *io, const struct component *c)
{
    for (uint32_t i = 0; i < io->nics; i++) {
        const int *fd = &c->fd[3u + 4u * i];
        struct channel *channel = shm_map(fd[1], CHANNEL_BYTES);
        struct net_rings *rings = shm_map(fd[2], sizeof(*rings));
        if (channel == NULL || rings == NULL) {
            return false;
        }
        io->wake_fd[i] = fd[0];
        io->nic[i].switch_wake = fd[3];
        vnet_io_init(&io->nic[i].vnet, channel, &io->mem, &rings->to_switch, &rings->from_switch);
    }
    return true;
}

/* Serves every card once. True: there is more to do. */
static bool io_turn(struct io *io)
{
    bool again = false;
    bool notify = false;
    for (uint32_t i = 0; i < io->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        struct vnet_todo todo = vnet_io_turn(&io->nic[i].vnet);
        if (todo.wake_switch) {
            wires_wake(io->nic[i].switch_wake);
        }
        notify = notify || todo.notify;
        again = again || todo.again;
    }
    if (notify) {
        io->report->notices++;
        /* A full pipe is one that the vmm will look at anyhow. */
        (void)!write(io->notify_fd, "", 1);
    }
    return again;
}

static void io_sleep(struct io *io)
{
    uint32_t kicks[SYSTEM_NICS_MAX];
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < io->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        bytes += io->nic[i].vnet.counts.tx_bytes + io->nic[i].vnet.counts.rx_bytes;
    }
    sched_patience_sleep(&io->patience, bytes);
    wires_sleep(io->wake_fd, io->nics, kicks);
    io->report->wakes++;
    for (uint32_t i = 0; i < io->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        vnet_io_kicked(&io->nic[i].vnet, kicks[i]);
    }
}

/* Descriptors: report, then those of wires_io_fds(). */
int io_main(const struct component *c)
{
    static struct io io;
    char backing[64];
    char why[256];
    io.system = &c->image->vm[c->index];
    io.nics = io.system->nics;
    io.page = shm_map(c->fd[0], sizeof(*io.page));
    if (io.page == NULL || c->fds < 3u + 4u * io.nics) {
        return 2;
    }
    io.report = &io.page->io;
    io.report->pid = (uint32_t)getpid();
    io.report->state = REPORT_LOADING;
    io.notify_fd = c->fd[2];
    (void)signal(SIGPIPE, SIG_IGN);
    if (!ram_map(io.system, c->fd[1], &io.mem, backing, sizeof(backing), why, sizeof(why))) {
        (void)snprintf(io.report->text, sizeof(io.report->text), "%.127s", why);
        return 1;
    }
    if (!io_wire(&io, c) || fcntl(io.notify_fd, F_SETFL, O_NONBLOCK) != 0) {
        return refuse(&io, "its rings cannot be mapped");
    }
    sched_patience_init(&io.patience);
    if (!sandbox_enter_mover()) {
        return refuse(&io, "it cannot enter its sandbox (CONFIG_SECCOMP_FILTER is needed)");
    }
    io.report->state = REPORT_RUNNING;
    for (;;) { /* bound: killed by the supervisor */
        while (io_turn(&io)) {
            /* bound: other business than the cards' is there none */
        }
        io_sleep(&io);
    }
}
