/* SPDX-License-Identifier: BSD-2-Clause
 * Checksums and segments in software: see offload.h.
 *
 * One's complement sums do not care for byte order as long as it is the same throughout: words are
 * added as they lie in memory, and the result is stored as it came out (RFC 1071, 2 (B)). */
#include "net/offload.h"

#include "base/assert.h"
#include "base/be.h"
#include "base/shared.h"
#include "base/string.h"
#include "net/checksum.h"

#define ETH_TYPE       12u
#define ETH_TYPE_IPV4  0x0800u
#define ETH_TYPE_IPV6  0x86DDu
#define ETH_TYPE_VLAN  0x8100u
#define ETH_TYPE_STAG  0x88A8u
#define ETH_VLAN_BYTES 4u
#define ETH_VLANS_MAX  2u

#define IPV4_BYTES     20u
#define IPV4_LENGTH    2u
#define IPV4_ID        4u
#define IPV4_FRAGMENT  6u
#define IPV4_FRAGMENTS 0x3FFFu /* more fragments, or an offset */
#define IPV4_PROTOCOL  9u
#define IPV4_CHECKSUM  10u
#define IPV4_SOURCE    12u
#define IPV4_ADDRESSES 8u /* bytes of both */

#define IPV6_BYTES     40u
#define IPV6_LENGTH    4u
#define IPV6_NEXT      6u
#define IPV6_SOURCE    8u
#define IPV6_ADDRESSES 32u
#define IPV6_HOP       0u /* extension headers that may stand before TCP */
#define IPV6_ROUTING   43u
#define IPV6_OPTIONS   60u
#define IPV6_UNIT      8u
#define IPV6_LEFT      3u /* in a routing header: segments left */

#define IP_LENGTH_MAX 65535u
#define IP_TCP        6u

#define TCP_BYTES    20u
#define TCP_SEQ      4u
#define TCP_OFFSET   12u
#define TCP_FLAGS    13u
#define TCP_CHECKSUM 16u
#define TCP_FIN      0x01u
#define TCP_PSH      0x08u
#define TCP_CWR      0x80u

#define UDP_CHECKSUM 6u

/* Completes the checksum of a frame that is not cut. */
static void offload_complete(uint8_t *out, const struct frame_words *words)
{
    uint8_t *field = out + words->csum_start + words->csum_offset;
    checksum_store(field, checksum_sum(out + words->csum_start, words->len - words->csum_start));
    /* To UDP a checksum of zero means that there is none; its other name is all ones. */
    if (words->csum_offset == UDP_CHECKSUM && field[0] == 0 && field[1] == 0) {
        be16_store(field, 0xFFFFu);
    }
}

/* --- Where the headers are, in the private copy --- */

/* The type behind the VLAN tags, and where the IP header begins. 0: cut short. */
static uint32_t find_l3(struct offload_cut *cut, uint32_t have)
{
    uint32_t at = ETH_TYPE;
    uint32_t type = be16_load(cut->head + at);
    for (uint32_t i = 0; i < ETH_VLANS_MAX; i++) { /* bound: ETH_VLANS_MAX */
        if (type != ETH_TYPE_VLAN && type != ETH_TYPE_STAG) {
            break;
        }
        at += ETH_VLAN_BYTES;
        if (at + 2u > have) {
            return 0;
        }
        type = be16_load(cut->head + at);
    }
    cut->l3 = at + 2u;
    return type;
}

static bool find_tcp_in_ipv4(struct offload_cut *cut, uint32_t have)
{
    const uint8_t *ip = cut->head + cut->l3;
    if (cut->l3 + IPV4_BYTES > have) {
        return false;
    }
    const uint32_t bytes = (ip[0] & 0xFu) * 4u;
    cut->l4 = cut->l3 + bytes;
    return ip[0] >> 4 == 4u && bytes >= IPV4_BYTES && ip[IPV4_PROTOCOL] == IP_TCP &&
           (be16_load(ip + IPV4_FRAGMENT) & IPV4_FRAGMENTS) == 0;
}

/* Extension headers are stepped over. One that routes on is refused: the destination that TCP's
 * checksum covers is then not the one in the header. */
static bool find_tcp_in_ipv6(struct offload_cut *cut, uint32_t have)
{
    const uint8_t *ip = cut->head + cut->l3;
    if (cut->l3 + IPV6_BYTES > have || ip[0] >> 4 != 6u) {
        return false;
    }
    uint32_t next = ip[IPV6_NEXT];
    cut->l4 = cut->l3 + IPV6_BYTES;
    while (next != IP_TCP) { /* bound: OFFLOAD_HEADERS_MAX / IPV6_UNIT */
        if (cut->l4 + IPV6_UNIT > have) {
            return false;
        }
        const uint8_t *header = cut->head + cut->l4;
        if (next != IPV6_HOP && next != IPV6_OPTIONS &&
            (next != IPV6_ROUTING || header[IPV6_LEFT] != 0)) {
            return false;
        }
        next = header[0];
        cut->l4 += (header[1] + 1u) * IPV6_UNIT;
    }
    return true;
}

/* Fills in l3, l4, headers and ipv6 for a frame of this kind. */
static bool find_headers(struct offload_cut *cut, uint32_t kind, uint32_t have)
{
    const uint32_t type = find_l3(cut, have);
    bool found = false;
    if (kind == FRAME_GSO_TCP4 && type == ETH_TYPE_IPV4) {
        found = find_tcp_in_ipv4(cut, have);
    } else if (kind == FRAME_GSO_TCP6 && type == ETH_TYPE_IPV6) {
        found = find_tcp_in_ipv6(cut, have);
        cut->ipv6 = true;
    }
    if (!found || cut->l4 + TCP_BYTES > have) {
        return false;
    }
    const uint32_t tcp = (uint32_t)(cut->head[cut->l4 + TCP_OFFSET] >> 4) * 4u;
    cut->headers = cut->l4 + tcp;
    return tcp >= TCP_BYTES && cut->headers <= have;
}

/* --- The plan --- */

/* True if so many bytes of payload may be cut as the sender wants it. */
static bool cut_bounded(const struct offload_cut *cut)
{
    return cut->pieces == 1u ||
           (cut->payload >= OFFLOAD_PIECE_LEAST_BYTES && cut->pieces <= OFFLOAD_PIECES_MAX);
}

/* The words of a segmented frame, and its headers. */
static bool plan_segments(struct offload_cut *cut, const uint8_t *frame)
{
    const struct frame_words *words = &cut->words;
    const uint32_t have = words->len < OFFLOAD_HEADERS_MAX ? words->len : OFFLOAD_HEADERS_MAX;
    if ((words->flags & FRAME_NEEDS_CSUM) == 0 || words->gso_size == 0) {
        return false;
    }
    shared_copy(cut->head, frame, have);
    if (!find_headers(cut, words->gso & ~FRAME_GSO_ECN, have) || words->csum_start != cut->l4 ||
        words->csum_offset != TCP_CHECKSUM) {
        return false;
    }
    const uint32_t payload = words->len - cut->headers;
    const uint32_t most = payload < words->gso_size ? payload : words->gso_size;
    cut->payload = words->gso_size;
    cut->pieces = payload == 0 ? 1u : (payload + cut->payload - 1u) / cut->payload;
    return cut_bounded(cut) &&
           cut->headers - cut->l3 - (cut->ipv6 ? IPV6_BYTES : 0u) + most <= IP_LENGTH_MAX;
}

bool offload_plan(struct offload_cut *cut, const uint8_t *frame, const struct frame_words *words)
{
    cut->words = *words;
    cut->pieces = 1;
    cut->headers = 0;
    cut->payload = 0;
    cut->l3 = 0;
    cut->l4 = 0;
    cut->ipv6 = false;
    if (words->len < FRAME_HEADER_BYTES || words->len > FRAME_MAX_BYTES) {
        return false;
    }
    if ((words->flags & FRAME_NEEDS_CSUM) != 0 &&
        (words->csum_start < FRAME_HEADER_BYTES ||
         (uint32_t)words->csum_start + words->csum_offset + 2u > words->len)) {
        return false;
    }
    return words->gso == FRAME_GSO_NONE || plan_segments(cut, frame);
}

bool offload_valid(const uint8_t *frame, const struct frame_words *words)
{
    struct offload_cut cut;
    return offload_plan(&cut, frame, words);
}

uint32_t offload_wire_bytes(const struct offload_cut *cut)
{
    return cut->words.len + (cut->pieces - 1u) * cut->headers;
}

uint32_t offload_piece_bytes(const struct offload_cut *cut, uint32_t n)
{
    BH_ASSERT(n < cut->pieces);
    if (n + 1u < cut->pieces) {
        return cut->headers + cut->payload;
    }
    return cut->words.len - n * cut->payload;
}

/* --- The pieces --- */

/* The IP header of piece n, and the sum of the pseudo header that TCP's checksum covers. */
static uint64_t write_ipv4(const struct offload_cut *cut, uint32_t n, uint32_t bytes, uint8_t *ip)
{
    be16_store(ip + IPV4_LENGTH, bytes - cut->l3);
    be16_store(ip + IPV4_ID, be16_load(cut->head + cut->l3 + IPV4_ID) + n);
    be16_store(ip + IPV4_CHECKSUM, 0);
    checksum_store(ip + IPV4_CHECKSUM, checksum_sum(ip, cut->l4 - cut->l3));
    return checksum_sum(ip + IPV4_SOURCE, IPV4_ADDRESSES);
}

static uint64_t write_ipv6(const struct offload_cut *cut, uint32_t bytes, uint8_t *ip)
{
    be16_store(ip + IPV6_LENGTH, bytes - cut->l3 - IPV6_BYTES);
    return checksum_sum(ip + IPV6_SOURCE, IPV6_ADDRESSES);
}

static void write_tcp(const struct offload_cut *cut, uint32_t n, uint8_t *tcp)
{
    uint32_t away = n == 0 ? 0u : TCP_CWR; /* says so once; RFC 3168, 6.1.2 */
    away |= n + 1u == cut->pieces ? 0u : TCP_FIN | TCP_PSH;
    be32_store(tcp + TCP_SEQ, be32_load(cut->head + cut->l4 + TCP_SEQ) + n * cut->payload);
    tcp[TCP_FLAGS] = (uint8_t)(cut->head[cut->l4 + TCP_FLAGS] & ~away);
    be16_store(tcp + TCP_CHECKSUM, 0);
}

void offload_piece(const struct offload_cut *cut, const uint8_t *frame, uint32_t n, uint8_t *out)
{
    const uint32_t bytes = offload_piece_bytes(cut, n);
    if (cut->headers == 0) {
        memcpy(out, frame, bytes);
        if ((cut->words.flags & FRAME_NEEDS_CSUM) != 0) {
            offload_complete(out, &cut->words);
        }
        return;
    }
    uint8_t *ip = out + cut->l3;
    uint8_t *tcp = out + cut->l4;
    memcpy(out, cut->head, cut->headers);
    memcpy(out + cut->headers, frame + cut->headers + n * cut->payload, bytes - cut->headers);
    uint64_t sum = cut->ipv6 ? write_ipv6(cut, bytes, ip) : write_ipv4(cut, n, bytes, ip);
    write_tcp(cut, n, tcp);
    sum += checksum_number(IP_TCP) + checksum_number(bytes - cut->l4);
    checksum_store(tcp + TCP_CHECKSUM, sum + checksum_sum(tcp, bytes - cut->l4));
}
