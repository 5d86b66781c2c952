/* SPDX-License-Identifier: BSD-2-Clause
 * Raw Ethernet frames in and out of a device. */
#include "nettool_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "nettool.h"

void wire_find(struct wire *w, const char *device)
{
    struct ifreq request = {.ifr_name = ""};
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
    if (ioctl(w->fd, SIOCGIFHWADDR, &request) != 0) {
        cannot(device);
    }
    memcpy(w->mac, request.ifr_hwaddr.sa_data, sizeof(w->mac));
    if (ioctl(w->fd, SIOCGIFINDEX, &request) != 0) {
        cannot(device);
    }
    w->at = (struct sockaddr_ll){.sll_family = AF_PACKET,
                                 .sll_protocol = htons(ETH_P_ALL),
                                 .sll_ifindex = request.ifr_ifindex};
}

void wire_open(struct wire *w, const char *device)
{
    const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int bytes = 8 << 20;
    w->fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    if (w->fd < 0) {
        cannot(device);
    }
    (void)setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    wire_find(w, device);
    if (bind(w->fd, (const struct sockaddr *)&all, sizeof(all)) != 0) {
        cannot(device);
    }
}

void wire_send(const struct wire *w, const uint8_t *to, uint32_t type, uint8_t *frame, size_t bytes)
{
    memcpy(frame, to, 6);
    memcpy(frame + 6, w->mac, 6);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    const struct sockaddr *at = (const struct sockaddr *)&w->at;
    while (sendto(w->fd, frame, bytes, 0, at, sizeof(w->at)) < 0) {
        if (errno != ENOBUFS && errno != EAGAIN) {
            cannot("sending");
        }
        struct pollfd p = {.fd = w->fd, .events = POLLOUT};
        (void)poll(&p, 1, 1);
    }
}

size_t wire_receive(const struct wire *w, uint32_t type, uint8_t frame[WIRE_ROOM], int wait_ms)
{
    for (;;) {
        struct pollfd p = {.fd = w->fd, .events = POLLIN};
        struct sockaddr_ll from;
        socklen_t size = sizeof(from);
        if (poll(&p, 1, wait_ms) <= 0) {
            return 0;
        }
        ssize_t got = recvfrom(w->fd, frame, WIRE_ROOM, 0, (struct sockaddr *)&from, &size);
        if (got < 0) {
            cannot("receiving");
        }
        if (from.sll_pkttype != PACKET_OUTGOING && got >= (ssize_t)(WIRE_HEADER + PATTERN_LEAST) &&
            ((uint32_t)frame[12] << 8 | frame[13]) == type) {
            return (size_t)got;
        }
    }
}
