/* SPDX-License-Identifier: BSD-2-Clause
 * What joins the components of a system. */
#include "kvm/wires.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kvm/shm.h"
#include "system/check.h"

static bool make_switch(struct wires *w, uint32_t sw)
{
    const struct net_ports *s = &w->plan.sw[sw];
    w->uplink_wake[sw][0] = w->uplink_wake[sw][1] = -1;
    bool ok = pipe2(w->switch_wake[sw], O_CLOEXEC | O_NONBLOCK) == 0;
    for (uint32_t i = 0; ok && i < s->count; i++) {
        w->rings_fd[sw][i] = shm_create("bulkhead-rings", sizeof(struct net_rings));
        ok = w->rings_fd[sw][i] >= 0;
        if (ok && s->port[i].vm == NET_UPLINK) {
            ok = pipe2(w->uplink_wake[sw], O_CLOEXEC | O_NONBLOCK) == 0;
        }
    }
    return ok;
}

bool wires_make(struct wires *w, const struct system_image *image)
{
    bool ok = true;
    net_plan(image, false, &w->plan);
    for (uint32_t i = 0; i < SYSTEM_VMS_MAX * SYSTEM_NICS_MAX; i++) {
        uint32_t vm = i / SYSTEM_NICS_MAX;
        uint32_t nic = i % SYSTEM_NICS_MAX;
        bool wanted = vm < image->vms && nic < image->vm[vm].nics;
        w->io_wake[vm][nic] = wanted ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
        ok = ok && (!wanted || w->io_wake[vm][nic] >= 0);
    }
    for (uint32_t sw = 0; ok && sw < w->plan.switches; sw++) {
        ok = make_switch(w, sw);
    }
    return ok;
}

int wires_port_wake(const struct wires *w, uint32_t sw, uint32_t port)
{
    const struct net_port *p = &w->plan.sw[sw].port[port];
    return p->vm == NET_UPLINK ? w->uplink_wake[sw][1] : w->io_wake[p->vm][p->nic];
}

/* An eventfd is a sum. KVM can only add 1 for a doorbell, so that is a kick, and all else adds this. To
 * a pipe it is a message like any other. */
#define OTHER_WAKES (1ull << 32)

#define WAKES_TAKEN 64u /* from a pipe at once: more only make the next sleep short */

/* Where there is no room whoever sleeps there is awake: that is as good as a write. */
static void add(int fd, uint64_t what)
{
    while (fd >= 0 && write(fd, &what, sizeof(what)) < 0 && errno == EINTR) {
        /* bound: one turn a signal */
    }
}

void wires_wake(int fd)
{
    add(fd, OTHER_WAKES);
}

void wires_kick(int fd)
{
    add(fd, 1);
}

static uint32_t take(int fd)
{
    uint64_t sums[WAKES_TAKEN] = {0}; /* the first is an eventfd's */
    while (read(fd, sums, sizeof(sums)) < 0 && errno == EINTR) {
        /* bound: one turn a signal */
    }
    return (uint32_t)(sums[0] % OTHER_WAKES);
}

void wires_sleep(const int *fd, uint32_t count, uint32_t *kicks)
{
    struct pollfd p[SYSTEM_NICS_MAX];
    for (uint32_t i = 0; i < count; i++) { /* bound: SYSTEM_NICS_MAX */
        p[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
        kicks[i] = 0;
    }
    if (poll(p, count, -1) > 0) {
        for (uint32_t i = 0; i < count; i++) { /* bound: SYSTEM_NICS_MAX */
            kicks[i] = p[i].revents != 0 ? take(fd[i]) : 0;
        }
    }
}

void wires_wake_all(const struct wires *w)
{
    for (uint32_t sw = 0; sw < w->plan.switches; sw++) {
        wires_wake(w->switch_wake[sw][1]);
        wires_wake(w->uplink_wake[sw][1]);
    }
    for (uint32_t i = 0; i < SYSTEM_VMS_MAX * SYSTEM_NICS_MAX; i++) {
        wires_wake(w->io_wake[i / SYSTEM_NICS_MAX][i % SYSTEM_NICS_MAX]);
    }
}

/* --- Who gets what ----------------------------------------------------------------------------- */

uint32_t wires_vmm_fds(const struct wires *w, const struct wires_vm *v,
                       const struct system_image *image, uint32_t vm, int out[WIRES_FDS_MAX])
{
    uint32_t n = 0;
    out[n++] = v->ram_fd;
    if (image->vm[vm].nics > 0) {
        out[n++] = v->notify[0];
    }
    for (uint32_t i = 0; i < image->vm[vm].nics; i++) {
        out[n++] = w->io_wake[vm][i];
        out[n++] = v->channel_fd[i];
    }
    return n;
}

uint32_t wires_io_fds(const struct wires *w, const struct wires_vm *v,
                      const struct system_image *image, uint32_t vm, int out[WIRES_FDS_MAX])
{
    uint32_t n = 0;
    out[n++] = v->ram_fd;
    out[n++] = v->notify[1];
    for (uint32_t i = 0; i < image->vm[vm].nics; i++) {
        uint32_t sw = image->vm[vm].nic[i].switch_;
        out[n++] = w->io_wake[vm][i];
        out[n++] = v->channel_fd[i];
        out[n++] = w->rings_fd[sw][system_port(image, sw, vm, i)];
        out[n++] = w->switch_wake[sw][1];
    }
    return n;
}

uint32_t wires_switch_fds(const struct wires *w, uint32_t sw, int out[WIRES_FDS_MAX])
{
    uint32_t n = 0;
    out[n++] = w->switch_wake[sw][0];
    for (uint32_t i = 0; i < w->plan.sw[sw].count; i++) {
        out[n++] = w->rings_fd[sw][i];
        out[n++] = wires_port_wake(w, sw, i);
    }
    return n;
}

uint32_t wires_uplink_fds(const struct wires *w, uint32_t sw, int out[WIRES_FDS_MAX])
{
    out[0] = w->uplink_wake[sw][0]; /* the last port is the uplink's */
    out[1] = w->rings_fd[sw][w->plan.sw[sw].count - 1u];
    out[2] = w->switch_wake[sw][1];
    return 3;
}
