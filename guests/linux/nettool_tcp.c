/* SPDX-License-Identifier: BSD-2-Clause
 * nettool tcp: throughput and round trips, for measurements. */
#include "nettool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_SINK 5001
#define PORT_PONG 5002
#define CHUNK     131072u

static uint8_t chunk[CHUNK];

static int serve(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        bind(fd, (struct sockaddr *)&here, sizeof(here)) != 0 || listen(fd, 1) != 0) {
        cannot("listening");
    }
    int peer = accept(fd, NULL, NULL);
    if (peer < 0) {
        cannot("accepting");
    }
    (void)close(fd);
    return peer;
}

static int call(const char *address, uint16_t port)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    if (inet_pton(AF_INET, address, &there.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&there, sizeof(there)) != 0) {
        cannot(address);
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    return fd;
}

static int sink(void)
{
    int fd = serve(PORT_SINK);
    uint64_t bytes = 0;
    uint64_t start = now_us();
    ssize_t got = read(fd, chunk, sizeof(chunk));
    for (; got > 0; got = read(fd, chunk, sizeof(chunk))) {
        bytes += (uint64_t)got;
    }
    uint64_t took = now_us() - start;
    (void)printf("tcp: received %lu bytes in %lu us\n", (unsigned long)bytes, (unsigned long)took);
    return got == 0 ? 0 : 1;
}

static int source(const char *address, unsigned long megabytes)
{
    int fd = call(address, PORT_SINK);
    uint64_t bytes = (uint64_t)megabytes << 20;
    uint64_t start = now_us();
    char last;
    for (uint64_t left = bytes; left > 0;) {
        ssize_t put = write(fd, chunk, left < sizeof(chunk) ? (size_t)left : sizeof(chunk));
        if (put < 0) {
            cannot("sending");
        }
        left -= (uint64_t)put;
    }
    (void)shutdown(fd, SHUT_WR);
    (void)read(fd, &last, 1); /* the other end has it all */
    (void)printf("tcp: sent %lu bytes in %lu us\n", (unsigned long)bytes,
                 (unsigned long)(now_us() - start));
    return 0;
}

static int pong(void)
{
    int fd = serve(PORT_PONG);
    char byte;
    while (read(fd, &byte, 1) == 1) {
        if (write(fd, &byte, 1) != 1) {
            cannot("answering");
        }
    }
    return 0;
}

static int ping(const char *address, unsigned long count)
{
    int fd = call(address, PORT_PONG);
    char byte = 1;
    uint64_t start = now_us();
    for (unsigned long i = 0; i < count; i++) {
        if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1) {
            cannot("a round trip");
        }
    }
    (void)printf("tcp: %lu round trips in %lu us\n", count, (unsigned long)(now_us() - start));
    return 0;
}

int tcp_main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "sink") == 0) {
        return sink();
    }
    if (argc == 4 && strcmp(argv[1], "source") == 0) {
        return source(argv[2], number_of(argv[3], 1000000));
    }
    if (argc == 2 && strcmp(argv[1], "pong") == 0) {
        return pong();
    }
    if (argc == 4 && strcmp(argv[1], "ping") == 0) {
        return ping(argv[2], number_of(argv[3], 100000000));
    }
    (void)fprintf(stderr, "usage: nettool tcp sink | source ADDRESS MEGABYTES | pong | "
                          "ping ADDRESS COUNT\n");
    return 2;
}
