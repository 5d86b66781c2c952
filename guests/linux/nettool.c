/* SPDX-License-Identifier: BSD-2-Clause
 * nettool: what the Linux guest does with its network card in demonstrations, tests and measurements.
 *
 *   nettool telemetry [COUNT]                   shows the RTOS's telemetry as it comes in
 *   nettool frames recv DEVICE COUNT [RESETS]   Ethernet frames, sequence and contents checked
 *   nettool frames send DEVICE COUNT WINDOW MAC [RESETS]
 *   nettool udp ADDRESS[:PORT] COUNT WINDOW     the same against a UDP echo service
 *   nettool udp ADDRESS flood SECONDS           as many datagrams as the card takes
 *   nettool tcp sink | source ADDRESS MEGABYTES | pong | ping ADDRESS COUNT
 *   nettool card DEVICE [tso 0|1]               frames and kicks; segmentation by the card or not
 *
 * Every subcommand ends with one line of what it counted; status 0: nothing was wrong. */
#include "nettool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void cannot(const char *what)
{
    (void)fprintf(stderr, "nettool: %s: %s\n", what, strerror(errno));
    exit(2);
}

uint64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

unsigned long number_of(const char *text, unsigned long max)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != 0 || v > max) {
        (void)fprintf(stderr, "nettool: \"%s\" is no number from 0 to %lu\n", text, max);
        exit(2);
    }
    return v;
}

/* Every byte depends on the sequence number and on its place; a sum of them stands in front. */
static uint32_t pattern_sum(const uint8_t *p, size_t bytes, uint64_t sequence)
{
    uint32_t sum = (uint32_t)sequence * 2654435761u + (uint32_t)bytes;
    for (size_t i = 0; i < bytes; i++) {
        sum = (sum ^ p[i]) * 16777619u;
    }
    return sum;
}

void pattern_fill(uint8_t *p, size_t bytes, uint64_t sequence)
{
    uint32_t state = (uint32_t)sequence;
    for (size_t i = PATTERN_LEAST; i < bytes; i++) {
        p[i] = (uint8_t)next_random(&state);
    }
    memcpy(p + 4, &sequence, sizeof(sequence));
    uint32_t sum = pattern_sum(p + PATTERN_LEAST, bytes - PATTERN_LEAST, sequence);
    memcpy(p, &sum, sizeof(sum));
}

int pattern_check(const uint8_t *p, size_t bytes, uint64_t *sequence)
{
    uint32_t sum;
    if (bytes < PATTERN_LEAST) {
        return -1;
    }
    memcpy(&sum, p, sizeof(sum));
    memcpy(sequence, p + 4, sizeof(*sequence));
    return sum == pattern_sum(p + PATTERN_LEAST, bytes - PATTERN_LEAST, *sequence) ? 0 : -1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        {"telemetry", telemetry_main},
        {"frames", frames_main},
        {"udp", udp_main},
        {"tcp", tcp_main},
        {"card", card_main},
    };
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    (void)fprintf(stderr, "usage: nettool telemetry|frames|udp|tcp|card ...\n");
    return 2;
}
