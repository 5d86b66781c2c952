/* SPDX-License-Identifier: BSD-2-Clause
 * A station that only answers. */
#include "sel4/net/responder.h"

#include "base/be.h"
#include "base/string.h"
#include "net/checksum.h"

#define ETHERNET_BYTES 14u
#define ETHERNET_LEAST 60u
#define ETHERNET_GROUP 1u /* in the first byte of an address */
#define TYPE_IPV4      0x0800u
#define TYPE_ARP       0x0806u

#define ARP_BYTES   28u
#define ARP_REQUEST 1u
#define ARP_REPLY   2u

#define IP_BYTES          20u
#define IP_PLAIN          0x45u /* version 4, no options */
#define IP_MORE_OR_OFFSET 0x3FFFu
#define IP_TTL            64u
#define IP_MULTICAST      0xE0000000u /* from here on no address of one station */
#define IP_LOOPBACK       127u
#define PROTO_ICMP        1u
#define PROTO_UDP         17u

#define ICMP_BYTES 8u
#define ICMP_ECHO  8u
#define UDP_BYTES  8u
#define UDP_ECHO   7u

static void swap(uint8_t *a, uint8_t *b, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) { /* bound: 6 */
        uint8_t kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

/* --- What is answered ---------------------------------------------------------------------------- */

static bool is_station(uint32_t address)
{
    return address != 0 && address < IP_MULTICAST && address >> 24 != IP_LOOPBACK;
}

/* True: the ARP packet at p is now the answer. */
static bool answer_arp(struct responder *r, uint8_t *p, uint32_t bytes)
{
    static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};
    if (bytes < ARP_BYTES || memcmp(p, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0 ||
        be16_load(p + 6) != ARP_REQUEST || be32_load(p + 24) != r->address ||
        be32_load(p + 14) == r->address || (p[8] & ETHERNET_GROUP) != 0) {
        return false;
    }
    be16_store(p + 6, ARP_REPLY);
    memcpy(p + 18, p + 8, 10); /* the asker's two addresses */
    memcpy(p + 8, r->mac, sizeof(r->mac));
    be32_store(p + 14, r->address);
    r->counts.arp++;
    return true;
}

static bool answer_icmp(struct responder *r, uint8_t *icmp, uint32_t bytes)
{
    if (bytes < ICMP_BYTES || icmp[0] != ICMP_ECHO || icmp[1] != 0 ||
        !checksum_holds(checksum_sum(icmp, bytes))) {
        return false;
    }
    icmp[0] = 0; /* echo reply */
    be16_store(icmp + 2, 0);
    checksum_store(icmp + 2, checksum_sum(icmp, bytes));
    r->counts.ping++;
    return true;
}

/* Addresses and ports change places, so the checksum stays right. */
static bool answer_udp(struct responder *r, uint8_t *ip, uint8_t *udp, uint32_t bytes)
{
    uint32_t len = bytes < UDP_BYTES ? 0 : be16_load(udp + 4);
    if (len < UDP_BYTES || len > bytes || be16_load(udp + 2) != r->udp_port) {
        return false;
    }
    uint64_t pseudo = checksum_sum(ip + 12, 8) + checksum_number(PROTO_UDP + len);
    if (be16_load(udp + 6) != 0 && !checksum_holds(pseudo + checksum_sum(udp, len))) {
        return false;
    }
    uint32_t asker = be16_load(udp);
    if (asker == 0 || asker == UDP_ECHO) {
        return false; /* nobody, or one that would answer the answer */
    }
    swap(udp, udp + 2, 2);
    r->counts.echo++;
    return true;
}

/* Only whole datagrams without options, for this station alone. Returns the answer's bytes. */
static uint32_t answer_ip(struct responder *r, uint8_t *ip, uint32_t bytes)
{
    uint32_t total = bytes < IP_BYTES ? 0 : be16_load(ip + 2);
    if (total < IP_BYTES || total > bytes || ip[0] != IP_PLAIN ||
        !checksum_holds(checksum_sum(ip, IP_BYTES)) ||
        (be16_load(ip + 6) & IP_MORE_OR_OFFSET) != 0 || be32_load(ip + 16) != r->address ||
        be32_load(ip + 12) == r->address || !is_station(be32_load(ip + 12))) {
        return 0;
    }
    uint8_t *payload = ip + IP_BYTES;
    bool answered = ip[9] == PROTO_ICMP
                        ? answer_icmp(r, payload, total - IP_BYTES)
                        : ip[9] == PROTO_UDP && answer_udp(r, ip, payload, total - IP_BYTES);
    if (!answered) {
        return 0;
    }
    swap(ip + 12, ip + 16, 4);
    ip[8] = IP_TTL;
    be16_store(ip + 10, 0);
    checksum_store(ip + 10, checksum_sum(ip, IP_BYTES));
    return total;
}

uint32_t responder_answer(struct responder *r, uint8_t *frame, uint32_t len)
{
    uint32_t bytes = 0;
    r->counts.rx++;
    if (len > ETHERNET_BYTES && (frame[6] & ETHERNET_GROUP) == 0) {
        uint8_t *body = frame + ETHERNET_BYTES;
        uint32_t type = be16_load(frame + 12);
        bool ours = memcmp(frame, r->mac, sizeof(r->mac)) == 0;
        if (type == TYPE_ARP) {
            bytes = answer_arp(r, body, len - ETHERNET_BYTES) ? ARP_BYTES : 0;
        } else if (type == TYPE_IPV4 && ours) {
            bytes = answer_ip(r, body, len - ETHERNET_BYTES);
        }
    }
    if (bytes == 0) {
        r->counts.dropped++;
        return 0;
    }
    memcpy(frame, frame + 6, sizeof(r->mac));
    memcpy(frame + 6, r->mac, sizeof(r->mac));
    bytes += ETHERNET_BYTES;
    if (bytes < ETHERNET_LEAST) {
        memset(frame + bytes, 0, ETHERNET_LEAST - bytes);
        bytes = ETHERNET_LEAST;
    }
    return bytes;
}
