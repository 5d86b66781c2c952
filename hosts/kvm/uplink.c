/* SPDX-License-Identifier: BSD-2-Clause
 * The uplink component: one process per switch with uplink = "user". It is one more port of the
 * switch; behind it libslirp plays router, DHCP and DNS server, and opens ordinary sockets of this
 * user for what the guests want of the world. IPv4 only.
 *
 * Guests reach the services of this host's own 127.0.0.1 only if the system file says so. libslirp keeps
 * what goes to host_address away from there; other ways lead there, too, and are closed here.
 *
 * What does not fit into the ring towards the switch is dropped and counted. Frames from guests may
 * have checksums and segmentation left to do: that is done here, libslirp takes finished frames. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/be.h"
#include "kvm/component.h"
#include "kvm/host.h"
#include "kvm/report.h"
#include "kvm/sandbox.h"
#include "kvm/shm.h"
#include "kvm/slirp_lib.h"
#include "kvm/wires.h"
#include "net/offload.h"

#define UPLINK_POLLS       1024u /* sockets at once; libslirp's others wait */
#define UPLINK_TURN_FRAMES 64u   /* as the world sees them: pieces */
#define UPLINK_BATCH       16u   /* frames that the switch is shown at once */
#define ETHERNET_BYTES     14u
#define IPV4_BYTES         20u
#define TYPE_IPV4          0x0800u
#define IPV4_FRAGMENT      0x3FFFu /* offset, and that more follow */
#define PROTOCOL_ICMP      1u
#define PROTOCOL_TCP       6u
#define PROTOCOL_UDP       17u
#define PORT_DNS           53u

#define UPLINK_DHCP_FIRST 15u /* the first address given out, in the network */

struct uplink {
    const struct system_switch *system;
    struct uplink_report *report;
    struct slirp_lib lib;
    Slirp *slirp;
    int wake_fd;
    int switch_wake;
    bool loopback; /* guests may reach this host's 127.0.0.1 */
    uint32_t name_server;
    struct ring_writer out; /* to the switch */
    struct ring_reader in;  /* from the switch */
    uint32_t unpublished;   /* frames in `out` that the switch does not see yet */
    uint32_t polls;
    struct pollfd poll[1u + UPLINK_POLLS]; /* the first is wake_fd */
    struct offload_cut cut;
    uint8_t piece[FRAME_MAX_BYTES];
};

/* --- What libslirp calls ----------------------------------------------------------------------- */

static void publish(struct uplink *u)
{
    u->unpublished = 0;
    if (ring_publish(&u->out)) {
        wires_wake(u->switch_wake);
    }
}

static ssize_t send_packet(const void *frame, size_t len, void *opaque)
{
    struct uplink *u = opaque;
    const struct frame_words words = {.len = (uint32_t)len};
    uint8_t *at = len <= FRAME_MAX_BYTES ? ring_reserve(&u->out, (uint32_t)len) : NULL;
    if (at == NULL) {
        u->report->in_full++;
        return (ssize_t)len; /* as a wire loses it: TCP will send it again */
    }
    memcpy(at, frame, len);
    ring_commit(&u->out, &words);
    u->report->in_frames++;
    u->report->in_bytes += len;
    u->unpublished++;
    if (u->unpublished >= UPLINK_BATCH) {
        publish(u);
    }
    return (ssize_t)len;
}

static void guest_error(const char *text, void *opaque)
{
    (void)text; /* a guest could fill the screen with these */
    (void)opaque;
}

static int64_t clock_ns(void *opaque)
{
    (void)opaque;
    return (int64_t)host_ns();
}

/* Only its IPv6 has timers. */
static void *timer_new(SlirpTimerCb callback, void *callback_opaque, void *opaque)
{
    (void)callback;
    (void)callback_opaque;
    return opaque;
}

static void timer_free(void *timer, void *opaque)
{
    (void)timer;
    (void)opaque;
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    (void)timer;
    (void)expire_ms;
    (void)opaque;
}

static void poll_fd_noted(int fd, void *opaque)
{
    (void)fd;
    (void)opaque;
}

static void notify(void *opaque)
{
    (void)opaque; /* one thread: the loop comes round by itself */
}

static const struct {
    int slirp;
    short poll;
} events[] = {
    {SLIRP_POLL_IN, POLLIN},   {SLIRP_POLL_OUT, POLLOUT}, {SLIRP_POLL_PRI, POLLPRI},
    {SLIRP_POLL_ERR, POLLERR}, {SLIRP_POLL_HUP, POLLHUP},
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

static int add_poll(int fd, int wanted, void *opaque)
{
    struct uplink *u = opaque;
    if (u->polls > UPLINK_POLLS) {
        return -1;
    }
    struct pollfd *p = &u->poll[u->polls];
    *p = (struct pollfd){.fd = fd};
    for (size_t i = 0; i < EVENTS; i++) {
        if ((wanted & events[i].slirp) != 0) {
            p->events = (short)(p->events | events[i].poll);
        }
    }
    return (int)u->polls++;
}

static int get_revents(int index, void *opaque)
{
    const struct uplink *u = opaque;
    int got = 0;
    for (size_t i = 0; index >= 0 && i < EVENTS; i++) {
        if ((u->poll[index].revents & events[i].poll) != 0) {
            got |= events[i].slirp;
        }
    }
    return got;
}

/* --- Set-up ------------------------------------------------------------------------------------ */

static struct in_addr address(uint32_t host_order)
{
    return (struct in_addr){.s_addr = htonl(host_order)};
}

/* Another address than the host's, `step` behind the network's first; small networks wrap. */
static struct in_addr address_in(const struct system_switch *s, uint32_t step)
{
    uint32_t hosts = (1u << (32u - s->prefix)) - 2u; /* without the first and the last */
    uint32_t at = s->network + 1u + (step - 1u) % hosts;
    if (at == s->host_address) {
        at = s->network + 1u + step % hosts;
    }
    return address(at);
}

/* False: report->text says why. */
static bool make_slirp(struct uplink *u)
{
    static const SlirpCb callbacks = {
        .send_packet = send_packet,
        .guest_error = guest_error,
        .clock_get_ns = clock_ns,
        .timer_new = timer_new,
        .timer_free = timer_free,
        .timer_mod = timer_mod,
        .register_poll_fd = poll_fd_noted,
        .unregister_poll_fd = poll_fd_noted,
        .notify = notify,
    };
    const struct system_switch *s = u->system;
    uint32_t host = s->host_address - s->network;
    const SlirpConfig config = {
        .version = 1,
        .in_enabled = true,
        .vnetwork = address(s->network),
        .vnetmask = address(~((1u << (32u - s->prefix)) - 1u)),
        .vhost = address(s->host_address),
        .vnameserver = address_in(s, host + 1u),
        .vdhcp_start = address_in(s, UPLINK_DHCP_FIRST),
        .disable_host_loopback = (s->flags & SYSTEM_SWITCH_LOOPBACK) == 0,
    };
    if (!slirp_lib_load(&u->lib, u->report->text, sizeof(u->report->text))) {
        return false;
    }
    u->slirp = u->lib.new(&config, &callbacks, u);
    if (u->slirp == NULL) {
        (void)snprintf(u->report->text, sizeof(u->report->text),
                       "libslirp refuses the network: look at the switch's network and "
                       "host_address");
        return false;
    }
    return true;
}

/* A forward that cannot be had is told; the rest works without it. */
static void make_forwards(struct uplink *u)
{
    char *text = u->report->text;
    size_t size = sizeof(u->report->text);
    for (uint32_t i = 0; i < u->system->forwards; i++) { /* bound: SYSTEM_FORWARDS_MAX */
        const struct system_forward *f = &u->system->forward[i];
        if (u->lib.forward(u->slirp, f->udp, address(f->host_address), f->host_port,
                           address(f->guest_address), f->guest_port) != 0) {
            size_t used = strlen(text);
            (void)snprintf(text + used, size - used, "%sport %u of %s cannot be forwarded: %s",
                           used == 0 ? "" : "; ", f->host_port,
                           f->host_address == 0 ? "this host" : inet_ntoa(address(f->host_address)),
                           strerror(errno));
        }
    }
}

static bool attach(struct uplink *u, const struct component *c)
{
    u->system = &c->image->switch_[c->index];
    u->report = shm_map(c->fd[0], sizeof(*u->report));
    u->wake_fd = c->fd[1];
    u->switch_wake = c->fd[3];
    struct net_rings *rings = shm_map(c->fd[2], sizeof(*rings));
    if (u->report == NULL || rings == NULL) {
        return false;
    }
    u->report->pid = (uint32_t)getpid();
    u->report->text[0] = '\0';
    u->loopback = (u->system->flags & SYSTEM_SWITCH_LOOPBACK) != 0;
    u->name_server =
        ntohl(address_in(u->system, u->system->host_address - u->system->network + 1u).s_addr);
    ring_writer_attach(&u->out, &rings->to_switch);
    ring_reader_attach(&u->in, &rings->from_switch);
    return true;
}

/* --- The loop ---------------------------------------------------------------------------------- */

/* To an address by which guests would reach this host's own 127.0.0.1, or anything that it alone should
 * reach there. libslirp opens whatever a guest names outside of its network, so 127.0.0.0/8 and 0.0.0.0,
 * which is "this host", are no destinations. The name server's address leads to the host's, which may be
 * a program on 127.0.0.1: it is for DNS and for ping, whole datagrams only, as later fragments have no
 * port. RFC 791 3.1, RFC 1122 3.2.1.3. */
static bool leads_home(const struct uplink *u, const uint8_t *frame, uint32_t len)
{
    const uint8_t *ip = frame + ETHERNET_BYTES;
    if (len < ETHERNET_BYTES + IPV4_BYTES || be16_load(frame + 12) != TYPE_IPV4) {
        return false;
    }
    uint32_t to = be32_load(ip + 16);
    uint32_t header = (ip[0] & 0xFu) * 4u;
    if (to >> 24 == 127u || to >> 24 == 0) {
        return true;
    }
    if (to != u->name_server || ip[9] == PROTOCOL_ICMP) {
        return false;
    }
    bool whole = (be16_load(ip + 6) & IPV4_FRAGMENT) == 0;
    bool ported = (ip[9] == PROTOCOL_TCP || ip[9] == PROTOCOL_UDP) && header >= IPV4_BYTES &&
                  len >= ETHERNET_BYTES + header + 4u;
    return !whole || !ported || be16_load(ip + header + 2) != PORT_DNS;
}

/* Returns how many frames it was for the world. */
static uint32_t hand_over(struct uplink *u, const uint8_t *frame, const struct frame_words *words)
{
    if (!offload_plan(&u->cut, frame, words)) {
        u->report->out_malformed++;
        return 1;
    }
    if (words->flags != 0 || words->gso != FRAME_GSO_NONE) {
        u->report->cut_frames++;
    }
    for (uint32_t i = 0; i < u->cut.pieces; i++) { /* bound: FRAME_MAX_BYTES */
        uint32_t len = offload_piece_bytes(&u->cut, i);
        offload_piece(&u->cut, frame, i, u->piece);
        if (!u->loopback && leads_home(u, u->piece, len)) {
            u->report->out_refused++;
            continue;
        }
        u->lib.input(u->slirp, u->piece, (int)len);
        u->report->out_frames++;
        u->report->out_bytes += len;
    }
    return u->cut.pieces;
}

/* Takes what the guests sent. One frame may be 65,000 pieces of one byte: a turn ends behind it, as the
 * other guests' sockets wait. True: there is more. */
static bool take_frames(struct uplink *u)
{
    struct frame_words words;
    const uint8_t *frame = NULL;
    uint32_t frames = 0;
    while (frames < UPLINK_TURN_FRAMES && (frame = ring_peek(&u->in, &words)) != NULL) {
        frames += hand_over(u, frame, &words);
        ring_consume(&u->in);
    }
    if (frames > 0 && ring_release(&u->in)) {
        wires_wake(u->switch_wake);
    }
    return frame != NULL || !ring_reader_sleep(&u->in);
}

static void run(struct uplink *u)
{
    bool more = false;
    for (;;) { /* bound: killed by the supervisor */
        uint32_t ms = more ? 0 : UINT32_MAX;
        uint64_t wakes[16];
        u->poll[0] = (struct pollfd){.fd = u->wake_fd, .events = POLLIN};
        u->polls = 1;
        u->lib.fill(u->slirp, &ms, add_poll, u);
        int n = poll(u->poll, u->polls, ms > INT32_MAX ? -1 : (int)ms);
        if (n > 0 && u->poll[0].revents != 0) {
            (void)!read(u->wake_fd, wakes, sizeof(wakes));
        }
        u->lib.poll(u->slirp, n < 0, get_revents, u);
        more = take_frames(u);
        publish(u);
    }
}

/* Descriptors: report, then those of wires_uplink_fds(). */
int uplink_main(const struct component *c)
{
    static struct uplink u;
    if (!attach(&u, c)) {
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (!make_slirp(&u)) {
        u.report->link = REPORT_LINK_DOWN;
        return 1;
    }
    make_forwards(&u);
    if (!sandbox_enter_uplink()) {
        (void)snprintf(u.report->text, sizeof(u.report->text),
                       "it cannot enter its sandbox: %s; a kernel with CONFIG_SECCOMP_FILTER is "
                       "needed",
                       strerror(errno));
        u.report->link = REPORT_LINK_DOWN;
        return 1;
    }
    u.report->link = REPORT_LINK_UP;
    run(&u);
    return 0;
}
