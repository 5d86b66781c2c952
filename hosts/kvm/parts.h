/* SPDX-License-Identifier: BSD-2-Clause
 * The supervised processes that belong to no VM: switches and uplinks. One that dies is started again
 * and takes up the rings as they are; the VMs go on. An uplink that says that it cannot be had stays
 * down: that is no failure. */
#ifndef KVM_PARTS_H
#define KVM_PARTS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "kvm/report.h"
#include "kvm/spawn.h"
#include "kvm/wires.h"

#define PARTS_MAX (2u * SYSTEM_SWITCHES_MAX)

struct part {
    bool wanted;
    bool is_uplink;
    uint32_t sw; /* which switch it is, or is the uplink of */
    struct spawned process;
    struct process_report account;
    uint32_t restarts;
    uint32_t told; /* uplink: the enum report_link that was last told */
    uint64_t started_ns;
    uint64_t restart_at_ns; /* 0: not waiting to be started again */
    int report_fd;
    union {
        struct switch_report *sw;
        struct uplink_report *up;
        void *any;
    } report;
};

struct parts {
    const struct system_image *image;
    int image_fd;
    const struct wires *wires;
    /* Where a sentence for the person goes. */
    void (*say)(void *who, const char *text);
    void *who;
    struct part part[PARTS_MAX];
};

/* @pre image, image_fd, wires, say and who are set, all else is zero. False: errno. */
bool parts_prepare(struct parts *p);
void parts_start(struct parts *p);

/* Their pid_fds, for poll(); then what poll() made of them. */
void parts_fill(const struct parts *p, struct pollfd fds[PARTS_MAX]);
void parts_take(struct parts *p, const struct pollfd fds[PARTS_MAX]);

/* Starts again who is due, and says what has changed. */
void parts_do_due(struct parts *p, uint64_t now_ns);
/* When that is to be called, at the latest; UINT64_MAX: not for its own sake. */
uint64_t parts_next_ns(const struct parts *p);

/* What is to be told of a switch and its uplink. */
void parts_report(const struct parts *p, uint32_t sw, struct net_report *out);

/* It has told that it does its work. */
bool parts_runs(const struct part *part);

/* False: the switch has an uplink, and that is known to be down. */
bool parts_uplink_up(const struct parts *p, uint32_t sw);

/* Kills the process of a switch, or of its uplink: a drill. */
void parts_kill(const struct parts *p, uint32_t sw, bool uplink);

/* Ends them all. */
void parts_stop(struct parts *p);

#endif
