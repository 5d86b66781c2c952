/* SPDX-License-Identifier: BSD-2-Clause
 * The switch component: one process per switch. It has the rings of its ports and nothing else: no
 * guest's RAM, no sockets. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm/component.h"
#include "kvm/host.h"
#include "kvm/report.h"
#include "kvm/sandbox.h"
#include "kvm/sched.h"
#include "kvm/shm.h"
#include "kvm/wires.h"

#define PUBLISH_TURNS 64u /* a busy switch brings its report up to date so often */

struct switch_process {
    struct netswitch sw;
    struct switch_report *report;
    struct sched_patience patience;
    int wake_fd;
    int port_wake[SWITCH_PORTS_MAX];
};

static int refuse(const struct switch_process *p, const char *what)
{
    (void)snprintf(p->report->text, sizeof(p->report->text), "%s: %s", what, strerror(errno));
    return 1;
}

/* Takes up the rings, and the counters, where the last process of this switch left them. */
static bool add_ports(struct switch_process *p, const struct component *c)
{
    struct net_plan plan;
    net_plan(c->image, false, &plan);
    const struct net_ports *ports = &plan.sw[c->index];
    if (c->fds < 2u + 2u * ports->count) {
        errno = EBADF;
        return false;
    }
    for (uint32_t i = 0; i < ports->count; i++) { /* bound: SWITCH_PORTS_MAX */
        struct net_rings *rings = shm_map(c->fd[2u + 2u * i], sizeof(*rings));
        const struct switch_policy policy = net_plan_policy(c->image, &ports->port[i]);
        if (rings == NULL || switch_add_port(&p->sw, &policy, &rings->to_switch,
                                             &rings->from_switch, host_ns()) != i) {
            return false;
        }
        p->port_wake[i] = c->fd[3u + 2u * i];
        p->sw.port[i].counts = p->report->port[i];
    }
    return true;
}

static void publish(const struct switch_process *p)
{
    for (uint32_t i = 0; i < p->sw.ports; i++) { /* bound: SWITCH_PORTS_MAX */
        p->report->port[i] = p->sw.port[i].counts;
    }
}

/* Moves what there is to move. True: there is more. */
static bool turn(struct switch_process *p)
{
    struct switch_wake wake = switch_turn(&p->sw, host_ns());
    uint32_t who = wake.readers | wake.writers;
    for (uint32_t i = 0; i < p->sw.ports; i++) { /* bound: SWITCH_PORTS_MAX */
        if ((who >> i & 1u) != 0) {
            wires_wake(p->port_wake[i]);
        }
    }
    return wake.again;
}

static void sleep_patiently(struct switch_process *p)
{
    uint32_t kicks; /* nobody kicks a switch */
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < p->sw.ports; i++) { /* bound: SWITCH_PORTS_MAX */
        bytes += p->sw.port[i].counts.in_bytes;
    }
    sched_patience_sleep(&p->patience, bytes);
    wires_sleep(&p->wake_fd, 1, &kicks);
    p->report->wakes++;
}

/* Descriptors: report, then those of wires_switch_fds(). */
int switch_main(const struct component *c)
{
    static struct switch_process p;
    p.report = shm_map(c->fd[0], sizeof(*p.report));
    p.wake_fd = c->fd[1];
    if (p.report == NULL) {
        return 2;
    }
    p.report->pid = (uint32_t)getpid();
    p.report->state = REPORT_LOADING;
    switch_init(&p.sw);
    if (!add_ports(&p, c)) {
        return refuse(&p, "its ports' rings cannot be mapped");
    }
    sched_patience_init(&p.patience);
    if (!sandbox_enter_mover()) {
        return refuse(&p, "it cannot enter its sandbox (CONFIG_SECCOMP_FILTER is needed)");
    }
    p.report->text[0] = '\0';
    p.report->state = REPORT_RUNNING;
    for (;;) {                                        /* bound: killed by the supervisor */
        for (uint32_t turns = 1; turn(&p); turns++) { /* bound: other business is there none */
            if (turns % PUBLISH_TURNS == 0) {
                publish(&p);
            }
        }
        publish(&p);
        sleep_patiently(&p);
    }
}
