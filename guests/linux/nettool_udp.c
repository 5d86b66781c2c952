/* SPDX-License-Identifier: BSD-2-Clause
 * nettool telemetry, nettool udp. */
#include "nettool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TELEMETRY_PORT 6530
#define ECHO_PORT      7
#define DATAGRAM_MAX   1472u
#define WINDOW_MAX     256u
#define SILENCE_MS     30000 /* then what is missing is lost: a busy machine may be slow */

static int udp_socket(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int bytes = 1 << 20;
    if (fd < 0) {
        cannot("no UDP socket");
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    return fd;
}

/* --- Telemetry -------------------------------------------------------------------------------- */

/* The value of "name=" in a report, or "?". */
static const char *field(const char *report, const char *name, char text[24])
{
    size_t length = strlen(name);
    for (const char *at = report; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ' ? 1 : 0;
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            (void)snprintf(text, 24, "%.*s", (int)strcspn(at + length + 1, " \r\n"),
                           at + length + 1);
            return text;
        }
    }
    return "?";
}

int telemetry_main(int argc, char **argv)
{
    unsigned long wanted = argc > 1 ? number_of(argv[1], 1000000) : 0;
    int fd = udp_socket();
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(TELEMETRY_PORT)};
    uint64_t expected = 0;
    uint64_t missed = 0;
    if (bind(fd, (struct sockaddr *)&here, sizeof(here)) != 0) {
        cannot("port 6530");
    }
    for (unsigned long n = 1; wanted == 0 || n <= wanted; n++) {
        char report[1500];
        char text[5][24];
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t got = recvfrom(fd, report, sizeof(report) - 1, 0, (struct sockaddr *)&from, &size);
        if (got < 0) {
            cannot("receiving");
        }
        report[got] = 0;
        uint64_t sequence = strtoull(field(report, "seq", text[0]), NULL, 10);
        missed += n > 1 && sequence > expected ? sequence - expected : 0;
        expected = sequence + 1;
        (void)printf("telemetry from %s: %lu received, %lu missed | tick %s, lost %s, late %s, "
                     "restarts %s\n",
                     inet_ntoa(from.sin_addr), n, (unsigned long)missed,
                     field(report, "tick", text[1]), field(report, "lost", text[2]),
                     field(report, "late", text[3]), field(report, "restarts", text[4]));
    }
    return missed == 0 ? 0 : 1;
}

/* --- Echo ------------------------------------------------------------------------------------- */

struct echo {
    int fd;
    uint64_t sent;
    uint64_t back;
    uint64_t expected; /* sequence number of the next to come back */
    uint64_t reordered;
    uint64_t corrupt;
};

static void send_one(struct echo *e, uint32_t *random)
{
    uint8_t data[DATAGRAM_MAX];
    size_t bytes = PATTERN_LEAST + next_random(random) % (DATAGRAM_MAX - PATTERN_LEAST + 1u);
    pattern_fill(data, bytes, e->sent);
    while (send(e->fd, data, bytes, 0) < 0) {
        if (errno != ENOBUFS && errno != EAGAIN) {
            cannot("sending");
        }
        struct pollfd p = {.fd = e->fd, .events = POLLOUT};
        (void)poll(&p, 1, 1);
    }
    e->sent++;
}

/* False: nothing came for so long that nothing will. */
static int take_one(struct echo *e)
{
    uint8_t data[2048];
    uint64_t sequence;
    struct pollfd p = {.fd = e->fd, .events = POLLIN};
    if (poll(&p, 1, SILENCE_MS) <= 0) {
        return 0;
    }
    ssize_t got = recv(e->fd, data, sizeof(data), 0);
    if (got < 0) {
        cannot("receiving");
    }
    e->back++;
    if (pattern_check(data, (size_t)got, &sequence) != 0) {
        e->corrupt++;
    } else {
        e->reordered += sequence != e->expected ? 1 : 0;
        e->expected = sequence + 1;
    }
    return 1;
}

static int echo_count(struct echo *e, unsigned long count, unsigned long window)
{
    uint32_t random = 653;
    int alive = 1;
    while (alive && e->back < count) {
        while (e->sent < count && e->sent - e->back < window) {
            send_one(e, &random);
        }
        alive = take_one(e);
    }
    (void)printf("udp: sent %lu back %lu lost %lu reordered %lu corrupt %lu\n",
                 (unsigned long)e->sent, (unsigned long)e->back, (unsigned long)(e->sent - e->back),
                 (unsigned long)e->reordered, (unsigned long)e->corrupt);
    return e->sent == e->back && e->reordered == 0 && e->corrupt == 0 ? 0 : 1;
}

/* Whatever the other end makes of it. */
static int echo_flood(struct echo *e, unsigned long seconds)
{
    uint32_t random = 653;
    uint64_t end = now_us() + seconds * 1000000u;
    while (now_us() < end) {
        send_one(e, &random);
    }
    (void)printf("udp: flooded with %lu datagrams in %lu s\n", (unsigned long)e->sent, seconds);
    return 0;
}

int udp_main(int argc, char **argv)
{
    struct echo e = {.fd = udp_socket()};
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(ECHO_PORT)};
    char *port = argc > 1 ? strchr(argv[1], ':') : NULL;
    if (port != NULL) {
        *port = 0;
        there.sin_port = htons((uint16_t)number_of(port + 1, 65535));
    }
    if (argc != 4 || inet_pton(AF_INET, argv[1], &there.sin_addr) != 1) {
        (void)fprintf(stderr, "usage: nettool udp ADDRESS[:PORT] COUNT WINDOW | flood SECONDS\n");
        return 2;
    }
    if (connect(e.fd, (struct sockaddr *)&there, sizeof(there)) != 0) {
        cannot(argv[1]);
    }
    if (strcmp(argv[2], "flood") == 0) {
        return echo_flood(&e, number_of(argv[3], 3600));
    }
    return echo_count(&e, number_of(argv[2], 100000000), number_of(argv[3], WINDOW_MAX));
}
