/* SPDX-License-Identifier: BSD-2-Clause
 * nettool frames: numbered Ethernet frames of random sizes from one guest to another. The receiver
 * acknowledges, and the sender has at most WINDOW frames under way, so that no ring can overflow:
 * then every loss, change or swap is somebody's fault. */
#include "nettool.h"

#include <errno.h>
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TYPE_FRAMES 0x88B5u /* IEEE 802: local experimental */
#define TYPE_ACK    0x88B6u
#define HEADER      14u
#define FRAME_LEAST 60u
#define FRAME_MOST  1514u
#define ACK_EVERY   8u
/* Long, because a busy machine may be slow: only a test that fails waits for them. */
#define PATIENCE_MS 20000 /* then what the receiver has not acknowledged is lost */
#define SILENCE_MS  60000 /* then the sender is gone                             */

struct wire {
    int fd;
    uint8_t mac[6];
    struct sockaddr_ll at;
};

static void wire_open(struct wire *w, const char *device)
{
    struct ifreq request = {.ifr_name = ""};
    int bytes = 8 << 20;
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
    w->fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    if (w->fd < 0 || ioctl(w->fd, SIOCGIFHWADDR, &request) != 0) {
        cannot(device);
    }
    memcpy(w->mac, request.ifr_hwaddr.sa_data, sizeof(w->mac));
    if (ioctl(w->fd, SIOCGIFINDEX, &request) != 0) {
        cannot(device);
    }
    w->at = (struct sockaddr_ll){.sll_family = AF_PACKET,
                                 .sll_protocol = htons(ETH_P_ALL),
                                 .sll_ifindex = request.ifr_ifindex};
    (void)setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    if (bind(w->fd, (struct sockaddr *)&w->at, sizeof(w->at)) != 0) {
        cannot(device);
    }
}

static void wire_send(const struct wire *w, const uint8_t *to, uint32_t type, uint8_t *frame,
                      size_t bytes)
{
    memcpy(frame, to, 6);
    memcpy(frame + 6, w->mac, 6);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    while (send(w->fd, frame, bytes, 0) < 0) {
        if (errno != ENOBUFS && errno != EAGAIN) {
            cannot("sending");
        }
        struct pollfd p = {.fd = w->fd, .events = POLLOUT};
        (void)poll(&p, 1, 1);
    }
}

/* The next frame of that type; its bytes, or 0: silence. */
static size_t wire_receive(const struct wire *w, uint32_t type, uint8_t *frame, int wait_ms)
{
    for (;;) {
        struct pollfd p = {.fd = w->fd, .events = POLLIN};
        struct sockaddr_ll from;
        socklen_t size = sizeof(from);
        if (poll(&p, 1, wait_ms) <= 0) {
            return 0;
        }
        ssize_t got = recvfrom(w->fd, frame, 2048, 0, (struct sockaddr *)&from, &size);
        if (got < 0) {
            cannot("receiving");
        }
        if (from.sll_pkttype != PACKET_OUTGOING && got >= (ssize_t)(HEADER + PATTERN_LEAST) &&
            ((uint32_t)frame[12] << 8 | frame[13]) == type) {
            return (size_t)got;
        }
    }
}

/* --- Sending ---------------------------------------------------------------------------------- */

struct sender {
    struct wire wire;
    uint8_t to[6];
    uint64_t sent;
    uint64_t acknowledged;
    uint64_t given_up; /* times that nothing was acknowledged for so long */
};

static void wait_for_ack(struct sender *s)
{
    uint8_t frame[2048];
    uint64_t next;
    size_t bytes = wire_receive(&s->wire, TYPE_ACK, frame, PATIENCE_MS);
    if (bytes == 0) {
        s->given_up++;
        s->acknowledged = s->sent;
    } else if (pattern_check(frame + HEADER, FRAME_LEAST - HEADER, &next) == 0 &&
               next > s->acknowledged && next <= s->sent) {
        s->acknowledged = next;
    }
}

static int frames_send(struct sender *s, unsigned long count, unsigned long window)
{
    uint8_t frame[FRAME_MOST];
    uint32_t random = 653;
    uint64_t start = now_us();
    while (s->acknowledged < count) {
        while (s->sent < count && s->sent - s->acknowledged < window) {
            size_t bytes = FRAME_LEAST + next_random(&random) % (FRAME_MOST - FRAME_LEAST + 1u);
            pattern_fill(frame + HEADER, bytes - HEADER, s->sent++);
            wire_send(&s->wire, s->to, TYPE_FRAMES, frame, bytes);
        }
        wait_for_ack(s);
    }
    (void)printf("frames: sent %lu, gave up waiting %lu times, %lu ms\n", (unsigned long)s->sent,
                 (unsigned long)s->given_up, (unsigned long)((now_us() - start) / 1000u));
    return s->given_up == 0 ? 0 : 1;
}

/* --- Receiving -------------------------------------------------------------------------------- */

struct receiver {
    struct wire wire;
    uint64_t received;
    uint64_t expected;
    uint64_t missing;
    uint64_t swapped; /* came late, or twice */
    uint64_t corrupt;
    uint64_t silences;
};

static void acknowledge(struct receiver *r, const uint8_t *to)
{
    uint8_t frame[FRAME_LEAST];
    pattern_fill(frame + HEADER, FRAME_LEAST - HEADER, r->expected);
    wire_send(&r->wire, to, TYPE_ACK, frame, sizeof(frame));
}

static void take(struct receiver *r, const uint8_t *frame, size_t bytes)
{
    uint64_t sequence;
    r->received++;
    if (pattern_check(frame + HEADER, bytes - HEADER, &sequence) != 0) {
        r->corrupt++;
    } else if (sequence < r->expected) {
        r->swapped++;
    } else {
        r->missing += sequence - r->expected;
        r->expected = sequence + 1;
    }
}

/* Ends with the last frame, or when the sender has been silent for long. */
static int frames_receive(struct receiver *r, unsigned long count)
{
    uint8_t frame[2048];
    uint8_t to[6];
    int known = 0;
    while (r->expected < count && r->silences < 3) {
        /* What is left of a window has to be acknowledged, too: after a short silence. */
        size_t bytes = wire_receive(&r->wire, TYPE_FRAMES, frame, known ? 20 : SILENCE_MS);
        if (bytes == 0 && known) {
            acknowledge(r, to);
            bytes = wire_receive(&r->wire, TYPE_FRAMES, frame, SILENCE_MS);
        }
        if (bytes == 0) {
            r->silences++;
            continue;
        }
        memcpy(to, frame + 6, sizeof(to));
        known = 1;
        take(r, frame, bytes);
        if (r->received % ACK_EVERY == 0 || r->expected == count) {
            acknowledge(r, to);
        }
    }
    (void)printf("frames: received %lu missing %lu swapped %lu corrupt %lu\n",
                 (unsigned long)r->received, (unsigned long)(r->missing + count - r->expected),
                 (unsigned long)r->swapped, (unsigned long)r->corrupt);
    return r->received == count && r->swapped == 0 && r->corrupt == 0 ? 0 : 1;
}

int frames_main(int argc, char **argv)
{
    static struct sender sender;
    static struct receiver receiver;
    unsigned byte[6];
    if (argc == 4 && strcmp(argv[1], "recv") == 0) {
        wire_open(&receiver.wire, argv[2]);
        return frames_receive(&receiver, number_of(argv[3], 100000000));
    }
    if (argc != 6 || strcmp(argv[1], "send") != 0 ||
        sscanf(argv[5], "%2x:%2x:%2x:%2x:%2x:%2x", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
               &byte[5]) != 6) {
        (void)fprintf(stderr, "usage: nettool frames recv DEVICE COUNT | "
                              "frames send DEVICE COUNT WINDOW MAC\n");
        return 2;
    }
    for (int i = 0; i < 6; i++) {
        sender.to[i] = (uint8_t)byte[i];
    }
    wire_open(&sender.wire, argv[2]);
    return frames_send(&sender, number_of(argv[3], 100000000), number_of(argv[4], 4096));
}
