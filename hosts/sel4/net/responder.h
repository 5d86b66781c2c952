/* SPDX-License-Identifier: BSD-2-Clause
 * A station that only answers: ARP for its address, ping, and UDP datagrams to one port, which go back
 * as they came. What is broken, for somebody else, or from an echo port (which would answer the answer),
 * is dropped and counted. Answers go to the Ethernet address that asked: with a switch that holds stations
 * to theirs nobody can set two of these on each other.
 * Spec: RFC 826 (ARP), RFC 791 (IPv4), RFC 792 (ICMP), RFC 768 (UDP), RFC 862 (echo), RFC 1122 3.2.1.3. */
#ifndef SEL4_NET_RESPONDER_H
#define SEL4_NET_RESPONDER_H

#include <stdbool.h>
#include <stdint.h>

struct responder_counts {
    uint64_t rx;  /* frames taken */
    uint64_t arp; /* answered, each */
    uint64_t ping;
    uint64_t echo;
    uint64_t dropped; /* not answered: broken, or not for this station   */
    uint64_t full;    /* not answered: no room in the ring to the switch */
};

struct responder {
    uint8_t mac[6];
    uint16_t udp_port;
    uint32_t address; /* IPv4, host byte order */
    struct responder_counts counts;
};

/* Looks at a frame of `len` bytes and turns it into its answer, in place. Returns the answer's bytes, at
 * most `len` or the 60 that a frame has at least; 0: there is none. @pre the frame is private memory and
 * complete (checksums in place); it has room for 60 bytes */
uint32_t responder_answer(struct responder *r, uint8_t *frame, uint32_t len);

#endif
