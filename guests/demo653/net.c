/* SPDX-License-Identifier: BSD-2-Clause
 * See net.h. Every frame is checked against its own length before a field is read; what is not for
 * us, or broken, is counted as dropped. */
#include "net.h"

#include <stddef.h>

#include "memory.h"
#include "print.h"
#include "virtio_net.h"

#define STEP_FRAMES 16u /* of one net_step() */

#define ETHERNET_BYTES 14u
#define ETHERNET_LEAST 60u
#define TYPE_IPV4      0x0800u
#define TYPE_ARP       0x0806u

#define ARP_BYTES   28u
#define ARP_REQUEST 1u
#define ARP_REPLY   2u

#define IP_BYTES          20u
#define IP_MORE_OR_OFFSET 0x3FFFu
#define IP_DONT_FRAGMENT  0x4000u
#define IP_TTL            64u
#define PROTO_ICMP        1u
#define PROTO_UDP         17u

#define ICMP_BYTES 8u
#define ICMP_ECHO  8u
#define UDP_BYTES  8u
#define PORT_ECHO  7u

static bool up;
static uint32_t own;       /* address */
static uint32_t telemetry; /* whose datagrams these are to be */
static uint8_t telemetry_mac[6];
static bool telemetry_mac_known;
static uint64_t sequence;
static uint16_t next_id;
static uint8_t frame[FRAME_MAX]; /* being built */

static struct {
    uint64_t rx;
    uint64_t tx;
    uint64_t dropped; /* of those received: broken, or for nobody here */
    uint64_t full;    /* not sent: the card had no room                */
    uint64_t arp;     /* answers, each                                  */
    uint64_t ping;
    uint64_t echo;
} count;

/* --- Fields ----------------------------------------------------------------------------------- */

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

/* Ones' complement sum of 16-bit words, an odd byte padded: RFC 1071. */
static uint32_t sum16(const uint8_t *p, uint32_t bytes, uint32_t sum)
{
    for (uint32_t i = 0; i + 1u < bytes; i += 2u) {
        sum += get16(p + i);
    }
    sum += (bytes & 1u) != 0 ? (uint32_t)p[bytes - 1u] << 8 : 0;
    return sum;
}

static uint32_t fold(uint32_t sum)
{
    sum = (sum & 0xFFFFu) + (sum >> 16);
    return ((sum & 0xFFFFu) + (sum >> 16)) & 0xFFFFu;
}

static uint32_t udp_sum(const uint8_t *ip, uint32_t bytes)
{
    return fold(sum16(ip + IP_BYTES, bytes, sum16(ip + 12, 8, PROTO_UDP + bytes)));
}

/* --- Sending ---------------------------------------------------------------------------------- */

static void send(uint32_t bytes)
{
    if (bytes < ETHERNET_LEAST) {
        memset(frame + bytes, 0, ETHERNET_LEAST - bytes);
        bytes = ETHERNET_LEAST;
    }
    if (card_send(frame, bytes)) {
        count.tx++;
    } else {
        count.full++;
    }
}

static void put_ethernet(const uint8_t *to, uint32_t type)
{
    memcpy(frame, to, 6);
    memcpy(frame + 6, card_mac(), 6);
    put16(frame + 12, type);
}

/* The IPv4 header for `bytes` of payload that stand behind it. */
static void put_ip(uint32_t to, uint32_t proto, uint32_t bytes)
{
    uint8_t *ip = frame + ETHERNET_BYTES;
    memset(ip, 0, IP_BYTES);
    ip[0] = 0x45;
    put16(ip + 2, IP_BYTES + bytes);
    put16(ip + 4, next_id++);
    put16(ip + 6, IP_DONT_FRAGMENT);
    ip[8] = IP_TTL;
    ip[9] = (uint8_t)proto;
    put32(ip + 12, own);
    put32(ip + 16, to);
    put16(ip + 10, ~fold(sum16(ip, IP_BYTES, 0)));
}

/* --- What comes in ---------------------------------------------------------------------------- */

static bool take_arp(const uint8_t *p, uint32_t bytes)
{
    static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};
    if (bytes < ARP_BYTES || memcmp(p, ethernet_ipv4, sizeof ethernet_ipv4) != 0) {
        return false;
    }
    if (get32(p + 14) == telemetry) {
        memcpy(telemetry_mac, p + 8, 6);
        telemetry_mac_known = true;
    }
    if (get16(p + 6) != ARP_REQUEST || get32(p + 24) != own) {
        return get16(p + 6) == ARP_REPLY;
    }
    uint8_t *out = frame + ETHERNET_BYTES;
    put_ethernet(p + 8, TYPE_ARP);
    memcpy(out, ethernet_ipv4, sizeof ethernet_ipv4);
    put16(out + 6, ARP_REPLY);
    memcpy(out + 8, card_mac(), 6);
    put32(out + 14, own);
    memcpy(out + 18, p + 8, 10); /* the asker's two addresses */
    count.arp++;
    send(ETHERNET_BYTES + ARP_BYTES);
    return true;
}

static bool take_icmp(const uint8_t *from_mac, const uint8_t *ip, uint32_t bytes)
{
    const uint8_t *icmp = ip + IP_BYTES;
    uint8_t *out = frame + ETHERNET_BYTES + IP_BYTES;
    if (bytes < ICMP_BYTES || icmp[0] != ICMP_ECHO || icmp[1] != 0 ||
        fold(sum16(icmp, bytes, 0)) != 0xFFFFu) {
        return false;
    }
    memcpy(out, icmp, bytes);
    out[0] = 0; /* echo reply */
    put16(out + 2, 0);
    put16(out + 2, ~fold(sum16(out, bytes, 0)));
    put_ethernet(from_mac, TYPE_IPV4);
    put_ip(get32(ip + 12), PROTO_ICMP, bytes);
    count.ping++;
    send(ETHERNET_BYTES + IP_BYTES + bytes);
    return true;
}

/* A UDP datagram whose payload stands in the frame already. */
static void send_udp(const uint8_t *to_mac, uint32_t to, uint32_t from_port, uint32_t to_port,
                     uint32_t payload)
{
    uint8_t *udp = frame + ETHERNET_BYTES + IP_BYTES;
    uint32_t bytes = UDP_BYTES + payload;
    put_ethernet(to_mac, TYPE_IPV4);
    put_ip(to, PROTO_UDP, bytes);
    put16(udp, from_port);
    put16(udp + 2, to_port);
    put16(udp + 4, bytes);
    put16(udp + 6, 0);
    uint32_t sum = ~udp_sum(frame + ETHERNET_BYTES, bytes) & 0xFFFFu;
    put16(udp + 6, sum == 0 ? 0xFFFFu : sum);
    send(ETHERNET_BYTES + IP_BYTES + bytes);
}

static bool take_udp(const uint8_t *from_mac, const uint8_t *ip, uint32_t bytes)
{
    const uint8_t *udp = ip + IP_BYTES;
    if (bytes < UDP_BYTES || get16(udp + 4) < UDP_BYTES || get16(udp + 4) > bytes) {
        return false;
    }
    uint32_t length = get16(udp + 4);
    bool checked = get16(udp + 6) != 0;
    if ((checked && udp_sum(ip, length) != 0xFFFFu) || get16(udp + 2) != PORT_ECHO) {
        return false;
    }
    memcpy(frame + ETHERNET_BYTES + IP_BYTES + UDP_BYTES, udp + UDP_BYTES, length - UDP_BYTES);
    count.echo++;
    send_udp(from_mac, get32(ip + 12), PORT_ECHO, get16(udp), length - UDP_BYTES);
    return true;
}

/* Only whole datagrams without options, for us alone. */
static bool take_ip(const uint8_t *from_mac, const uint8_t *ip, uint32_t bytes)
{
    if (bytes < IP_BYTES || ip[0] != 0x45 || fold(sum16(ip, IP_BYTES, 0)) != 0xFFFFu) {
        return false;
    }
    uint32_t total = get16(ip + 2);
    if (total < IP_BYTES || total > bytes || (get16(ip + 6) & IP_MORE_OR_OFFSET) != 0 ||
        get32(ip + 16) != own) {
        return false;
    }
    uint32_t payload = total - IP_BYTES;
    if (ip[9] == PROTO_ICMP) {
        return take_icmp(from_mac, ip, payload);
    }
    return ip[9] == PROTO_UDP && take_udp(from_mac, ip, payload);
}

static void take(const uint8_t *f, uint32_t bytes)
{
    bool used = false;
    count.rx++;
    if (bytes >= ETHERNET_BYTES && bytes <= FRAME_MAX) {
        uint32_t type = get16(f + 12);
        if (type == TYPE_ARP) {
            used = take_arp(f + ETHERNET_BYTES, bytes - ETHERNET_BYTES);
        } else if (type == TYPE_IPV4) {
            used = take_ip(f + 6, f + ETHERNET_BYTES, bytes - ETHERNET_BYTES);
        }
    }
    count.dropped += used ? 0 : 1u;
}

bool net_step(void)
{
    for (uint32_t i = 0; up && i < STEP_FRAMES; i++) {
        uint32_t bytes;
        const uint8_t *f = card_receive(&bytes);
        if (f == NULL) {
            return false;
        }
        take(f, bytes);
        card_done();
    }
    return up;
}

/* --- Telemetry -------------------------------------------------------------------------------- */

static void ask_for_telemetry_mac(void)
{
    static const uint8_t everybody[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};
    uint8_t *out = frame + ETHERNET_BYTES;
    put_ethernet(everybody, TYPE_ARP);
    memcpy(out, ethernet_ipv4, sizeof ethernet_ipv4);
    put16(out + 6, ARP_REQUEST);
    memcpy(out + 8, card_mac(), 6);
    put32(out + 14, own);
    memset(out + 18, 0, 6);
    put32(out + 24, telemetry);
    send(ETHERNET_BYTES + ARP_BYTES);
}

static uint32_t put_text(uint32_t at, const char *text)
{
    uint8_t *payload = frame + ETHERNET_BYTES + IP_BYTES + UDP_BYTES;
    for (; *text != 0 && at < NET_TEXT_MAX; text++) {
        payload[at++] = (uint8_t)*text;
    }
    return at;
}

static uint32_t put_number(uint32_t at, uint64_t v)
{
    char digits[21];
    uint32_t n = sizeof digits - 1u;
    digits[n] = 0;
    do {
        digits[--n] = (char)('0' + v % 10u);
        v /= 10u;
    } while (v != 0);
    return put_text(at, digits + n);
}

void net_telemetry(const char *text)
{
    if (!up) {
        return;
    }
    if (!telemetry_mac_known) {
        ask_for_telemetry_mac();
        return;
    }
    uint32_t at = put_text(0, "seq=");
    at = put_number(at, sequence++);
    at = put_text(at, " ");
    at = put_text(at, text);
    send_udp(telemetry_mac, telemetry, NET_TELEMETRY_PORT, NET_TELEMETRY_PORT, at);
}

void net_print(void)
{
    if (up) {
        print(
            "demo653: net rx=%lu tx=%lu dropped=%lu full=%lu faults=%lu arp=%lu ping=%lu echo=%lu "
            "telemetry=%lu\n",
            count.rx, count.tx, count.dropped, count.full, card_faults(), count.arp, count.ping,
            count.echo, sequence);
    }
}

/* --- Start ------------------------------------------------------------------------------------ */

/* "192.168.19.100", up to a space or the end. */
static bool parse_address(const char *s, uint32_t *address)
{
    uint32_t v = 0;
    for (uint32_t part = 0; part < 4u; part++) {
        uint32_t byte = 0;
        uint32_t digits = 0;
        while (*s >= '0' && *s <= '9' && digits < 4u) {
            byte = byte * 10u + (uint32_t)(*s++ - '0');
            digits++;
        }
        if (digits == 0 || byte > 255u || (part < 3u && *s++ != '.')) {
            return false;
        }
        v = v << 8 | byte;
    }
    *address = v;
    return *s == 0 || *s == ' ';
}

/* "@fe000000" or "@0xfe000000", up to a space or the end. */
static bool parse_place(const char *s, uint64_t *at)
{
    uint64_t v = 0;
    uint32_t digits = 0;
    if (*s++ != '@') {
        return false;
    }
    if (s[0] == '0' && s[1] == 'x') {
        s += 2;
    }
    for (; digits < 16u; s++, digits++) {
        if (*s >= '0' && *s <= '9') {
            v = v << 4 | (uint64_t)(*s - '0');
        } else if (*s >= 'a' && *s <= 'f') {
            v = v << 4 | (uint64_t)(*s - 'a' + 10);
        } else {
            break;
        }
    }
    *at = v;
    return digits != 0 && (*s == 0 || *s == ' ') && v < 0x100000000ull;
}

static bool parse_card(const char *s, enum card_layout *layout, uint64_t *at)
{
    if (memcmp(s, "block", 5) == 0) {
        *layout = CARD_BLOCK;
        return parse_place(s + 5, at);
    }
    *layout = CARD_MMIO;
    return memcmp(s, "mmio", 4) == 0 && parse_place(s + 4, at);
}

static bool option_address(const struct boot_info *boot, const char *name, uint32_t *address)
{
    const char *s = boot_option(boot, name);
    if (s == NULL || parse_address(s, address)) {
        return true;
    }
    print("demo653: %s= must be an address like 192.168.19.100\n", name);
    return false;
}

bool net_init(const struct boot_info *boot)
{
    const char *card = boot_option(boot, "net");
    enum card_layout layout;
    uint64_t at;
    if (card == NULL) {
        return true;
    }
    if (!parse_card(card, &layout, &at)) {
        print("demo653: net= must be block@ADDRESS or mmio@ADDRESS, below 4 GiB and in small "
              "hexadecimal digits: net=block@0xfe000000\n");
        return false;
    }
    own = NET_ADDRESS;
    if (!option_address(boot, "ip", &own)) {
        return false;
    }
    telemetry = own | 0xFFu; /* everybody, whose address needs no asking */
    telemetry_mac_known = boot_option(boot, "telemetry") == NULL;
    memset(telemetry_mac, 0xFF, sizeof telemetry_mac);
    if (!option_address(boot, "telemetry", &telemetry) || !card_init(layout, at)) {
        return false;
    }
    const uint8_t *m = card_mac();
    print("net: %s at %010lx, %02x:%02x:%02x:%02x:%02x:%02x, %u.%u.%u.%u\n", card_name(), at, m[0],
          m[1], m[2], m[3], m[4], m[5], own >> 24, (own >> 16) & 255u, (own >> 8) & 255u,
          own & 255u);
    up = true;
    return true;
}
