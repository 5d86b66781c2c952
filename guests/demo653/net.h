/* SPDX-License-Identifier: BSD-2-Clause
 * The network as demo653 has it: answers ARP, ICMP echo and UDP echo (port 7), and sends one UDP
 * telemetry datagram a second. All of it runs in the idle process, with interrupts on: whatever
 * comes in, no tick waits for it.
 * Spec: RFC 826 (ARP), RFC 791 (IPv4), RFC 792 (ICMP), RFC 768 (UDP), RFC 862 (echo). */
#ifndef DEMO653_NET_H
#define DEMO653_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "boot.h"

#define NET_ADDRESS        0xC0A81364u /* 192.168.19.100/24, unless ip= says otherwise */
#define NET_TELEMETRY_PORT 6530u
#define NET_TEXT_MAX       512u

/* By the command line: net=block@ADDRESS or net=mmio@ADDRESS (hexadecimal); without it there is no
 * network. ip=A.B.C.D is ours; telemetry=A.B.C.D is where telemetry goes (everybody on the network).
 * False, after saying why: what was asked for cannot be had. */
bool net_init(const struct boot_info *boot);

/* Deals with some of what has come in. True: there may be more. */
bool net_step(void);

/* Sends telemetry, if there is a network: "seq=N " and the text. */
void net_telemetry(const char *text);

/* Prints the counters, if there is a network. */
void net_print(void);

#endif
