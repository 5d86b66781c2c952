/* SPDX-License-Identifier: BSD-2-Clause
 * nettool card: what the driver of a network card counted, and its segmentation offload. Numbers of
 * the driver's, so that they mean the same whoever the monitor is. */
#include "nettool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define STATS_MAX 256u

/* Linux's ethtool requests, each a structure that begins with a command. */
static void ask(const char *device, void *request)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq r = {.ifr_data = request};
    (void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", device);
    if (fd < 0 || ioctl(fd, SIOCETHTOOL, &r) != 0) {
        cannot(device);
    }
}

static void set_tso(const char *device, uint32_t on)
{
    struct ethtool_value segmentation = {.cmd = ETHTOOL_STSO, .data = on};
    ask(device, &segmentation);
}

/* The driver's statistics have names as rx_queue_0_kicks. */
static void show_counts(const char *device)
{
    static union {
        struct ethtool_gstrings head;
        uint8_t room[sizeof(struct ethtool_gstrings) + STATS_MAX * ETH_GSTRING_LEN];
    } names = {.head = {.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS}};
    static union {
        struct ethtool_stats head;
        uint8_t room[sizeof(struct ethtool_stats) + STATS_MAX * sizeof(uint64_t)];
    } stats = {.head = {.cmd = ETHTOOL_GSTATS}};
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    uint64_t sent = 0;
    uint64_t kicks = 0;

    ask(device, &driver);
    if (driver.n_stats > STATS_MAX) {
        (void)fprintf(stderr, "nettool: %s counts more than %u things\n", device, STATS_MAX);
        exit(2);
    }
    names.head.len = driver.n_stats;
    stats.head.n_stats = driver.n_stats;
    ask(device, &names);
    ask(device, &stats);
    for (uint32_t i = 0; i < driver.n_stats; i++) {
        const char *name = (const char *)&names.head.data[i * ETH_GSTRING_LEN];
        const char *what = strrchr(name, '_');
        if (what != NULL && strcmp(what, "_kicks") == 0) {
            kicks += stats.head.data[i];
        } else if (what != NULL && strcmp(what, "_packets") == 0 && name[0] == 't') {
            sent += stats.head.data[i];
        }
    }
    (void)printf("card: sent %lu kicks %lu\n", (unsigned long)sent, (unsigned long)kicks);
}

int card_main(int argc, char **argv)
{
    if (argc == 2) {
        show_counts(argv[1]);
    } else if (argc == 4 && strcmp(argv[2], "tso") == 0) {
        set_tso(argv[1], (uint32_t)number_of(argv[3], 1));
    } else {
        (void)fprintf(stderr, "usage: nettool card DEVICE [tso 0|1]\n");
        return 2;
    }
    return 0;
}
