/* SPDX-License-Identifier: BSD-2-Clause
 * The native station: what it answers, byte by byte, and what it must not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "sel4/net/responder.h"

#define ASKER 0xC0A81301u /* 192.168.19.1  */
#define US    0xC0A81332u /* 192.168.19.50 */

static const uint8_t us_mac[6] = {0x52, 0x42, 0x48, 0xFF, 0, 1};
static const uint8_t asker_mac[6] = {0x52, 0x42, 0x48, 0, 0, 1};

static struct responder r;
static uint8_t frame[1600];
static uint32_t len;

static int setup(void **state)
{
    (void)state;
    r = (struct responder){.udp_port = 5000, .address = US};
    memcpy(r.mac, us_mac, 6);
    memset(frame, 0xEE, sizeof(frame));
    return 0;
}

static void w16(uint32_t at, uint32_t v)
{
    frame[at] = (uint8_t)(v >> 8);
    frame[at + 1u] = (uint8_t)v;
}

static void w32(uint32_t at, uint32_t v)
{
    w16(at, v >> 16);
    w16(at + 2u, v & 0xFFFFu);
}

static uint32_t r16(uint32_t at)
{
    return (uint32_t)frame[at] << 8 | frame[at + 1u];
}

static uint32_t r32(uint32_t at)
{
    return r16(at) << 16 | r16(at + 2u);
}

/* Another way to sum than the module's: with the carry added at each step. */
static uint32_t checksum(uint32_t at, uint32_t bytes, uint32_t seed)
{
    uint32_t sum = seed;
    for (uint32_t i = 0; i < bytes; i++) {
        sum += (i & 1u) == 0 ? (uint32_t)frame[at + i] << 8 : frame[at + i];
        sum = (sum & 0xFFFFu) + (sum >> 16);
    }
    return sum;
}

static uint32_t pseudo(uint32_t bytes)
{
    return checksum(26, 8, 17u + bytes);
}

static void ethernet(uint32_t type)
{
    memcpy(frame, us_mac, 6);
    memcpy(frame + 6, asker_mac, 6);
    w16(12, type);
}

static void seal_ip(void)
{
    w16(24, 0);
    w16(24, ~checksum(14, 20, 0) & 0xFFFFu);
}

static void ip(uint8_t proto, uint32_t payload)
{
    ethernet(0x0800);
    memset(frame + 14, 0, 20);
    frame[14] = 0x45;
    w16(16, 20u + payload);
    w16(18, 0x1234);
    w16(20, 0x4000); /* don't fragment */
    frame[22] = 7;
    frame[23] = proto;
    w32(26, ASKER);
    w32(30, US);
    seal_ip();
    len = 34u + payload;
}

/* Payload bytes 0, 1, 2, ... */
static void udp(uint32_t from, uint32_t to, uint32_t payload)
{
    ip(17, 8u + payload);
    w16(34, from);
    w16(36, to);
    w16(38, 8u + payload);
    w16(40, 0);
    for (uint32_t i = 0; i < payload; i++) {
        frame[42u + i] = (uint8_t)i;
    }
    w16(40, ~checksum(34, 8u + payload, pseudo(8u + payload)) & 0xFFFFu);
}

static void icmp(uint32_t payload)
{
    ip(1, 8u + payload);
    memset(frame + 34, 0x5A, 8u + payload);
    frame[34] = 8;
    frame[35] = 0;
    w16(36, 0);
    w16(36, ~checksum(34, 8u + payload, 0) & 0xFFFFu);
}

static void arp(uint32_t op, uint32_t sender, uint32_t target)
{
    static const uint8_t head[6] = {0, 1, 8, 0, 6, 4};
    ethernet(0x0806);
    memset(frame, 0xFF, 6);
    memcpy(frame + 14, head, 6);
    w16(20, op);
    memcpy(frame + 22, asker_mac, 6);
    w32(28, sender);
    memset(frame + 32, 0, 6);
    w32(38, target);
    len = 42;
}

static uint32_t answer(void)
{
    return responder_answer(&r, frame, len);
}

static void assert_silent(void)
{
    uint64_t dropped = r.counts.dropped;
    assert_int_equal(answer(), 0);
    assert_int_equal(r.counts.dropped, dropped + 1u);
    assert_int_equal(r.counts.arp + r.counts.ping + r.counts.echo, 0);
}

/* What is true of every IPv4 answer. */
static void assert_ip_answer(uint32_t total)
{
    assert_memory_equal(frame, asker_mac, 6);
    assert_memory_equal(frame + 6, us_mac, 6);
    assert_int_equal(r16(12), 0x0800);
    assert_int_equal(frame[14], 0x45);
    assert_int_equal(r16(16), total);
    assert_int_equal(frame[22], 64);
    assert_true(r32(26) == US && r32(30) == ASKER);
    assert_int_equal(checksum(14, 20, 0), 0xFFFF);
}

/* --- Answers ------------------------------------------------------------------------------------ */

static void who_asks_for_the_address_is_told_ours(void **state)
{
    (void)state;
    arp(1, ASKER, US);
    assert_int_equal(answer(), 60);
    assert_memory_equal(frame, asker_mac, 6);
    assert_memory_equal(frame + 6, us_mac, 6);
    assert_int_equal(r16(20), 2);
    assert_memory_equal(frame + 22, us_mac, 6);
    assert_int_equal(r32(28), US);
    assert_memory_equal(frame + 32, asker_mac, 6);
    assert_int_equal(r32(38), ASKER);
    for (uint32_t i = 42; i < 60; i++) {
        assert_int_equal(frame[i], 0); /* nothing of ours leaks into the padding */
    }
    assert_int_equal(r.counts.arp, 1);
}

static void a_ping_comes_back_with_its_payload(void **state)
{
    (void)state;
    icmp(57);
    assert_int_equal(answer(), 34 + 65);
    assert_ip_answer(20 + 65);
    assert_int_equal(frame[34], 0);
    assert_int_equal(checksum(34, 65, 0), 0xFFFF);
    assert_int_equal(frame[98], 0x5A);
    assert_int_equal(r.counts.ping, 1);
}

static void a_datagram_comes_back_as_it_was(void **state)
{
    (void)state;
    udp(40000, 5000, 101);
    assert_int_equal(answer(), 42 + 101);
    assert_ip_answer(28 + 101);
    assert_true(r16(34) == 5000 && r16(36) == 40000);
    assert_int_equal(checksum(34, 109, pseudo(109)), 0xFFFF);
    for (uint32_t i = 0; i < 101; i++) {
        assert_int_equal(frame[42u + i], i);
    }
    assert_int_equal(r.counts.echo, 1);
}

static void a_datagram_without_a_checksum_is_answered_without_one(void **state)
{
    (void)state;
    udp(40000, 5000, 30);
    w16(40, 0);
    assert_int_equal(answer(), 72);
    assert_int_equal(r16(40), 0);
}

static void what_follows_the_datagram_is_not_part_of_the_answer(void **state)
{
    (void)state;
    udp(40000, 5000, 1);
    len = 200;
    assert_int_equal(answer(), 60);
    assert_ip_answer(29);
    for (uint32_t i = 43; i < 60; i++) {
        assert_int_equal(frame[i], 0);
    }
}

static void the_largest_datagram_of_ipv4_is_answered(void **state)
{
    (void)state;
    static uint8_t large[65550];
    udp(40000, 5000, 0);
    w16(16, 65535);
    seal_ip();
    w16(38, 65515);
    w16(40, 0);
    memcpy(large, frame, 42);
    memset(large + 42, 0xFF, sizeof(large) - 42); /* the largest sums */
    assert_int_equal(responder_answer(&r, large, sizeof(large)), 14 + 65535);
}

/* --- Silence ------------------------------------------------------------------------------------ */

static void arp_for_others_answers_claims_and_groups_are_not_answered(void **state)
{
    (void)state;
    arp(1, ASKER, US + 1u);
    assert_silent();
    arp(2, ASKER, US); /* an answer */
    assert_silent();
    arp(1, US, US); /* somebody announces our address as his own */
    assert_silent();
    arp(1, ASKER, US);
    frame[22] |= 1; /* a group cannot ask */
    assert_silent();
    arp(1, ASKER, US);
    frame[19] = 6; /* not IPv4 */
    assert_silent();
    arp(1, ASKER, US);
    len = 41;
    assert_silent();
}

static void broken_frames_are_not_answered(void **state)
{
    (void)state;
    static const struct {
        uint32_t at;
        uint8_t flip;
        bool seal; /* the header's checksum is put right again */
    } broken[] = {
        {12, 0x10, false}, /* another protocol                   */
        {14, 0x20, true},  /* version 6                          */
        {14, 0x03, true},  /* options: header of six words       */
        {24, 0x01, false}, /* header checksum                    */
        {20, 0x20, true},  /* more fragments                     */
        {21, 0x01, true},  /* not the first fragment             */
        {23, 0x06, true},  /* neither ICMP nor UDP               */
        {33, 0x01, true},  /* for another address                */
        {0, 0x02, false},  /* for another station                */
        {6, 0x01, false},  /* from a group                       */
        {36, 0x01, false}, /* another port                       */
        {40, 0x01, false}, /* UDP checksum                       */
        {60, 0x01, false}, /* payload                            */
        {39, 0x80, false}, /* UDP length beyond the datagram     */
        {16, 0x08, true},  /* total length beyond the frame      */
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        udp(40000, 5000, 64);
        frame[broken[i].at] ^= broken[i].flip;
        if (broken[i].seal) {
            seal_ip();
        }
        assert_silent();
    }
}

static void lengths_that_leave_no_room_for_a_header_are_not_answered(void **state)
{
    (void)state;
    udp(40000, 5000, 64);
    for (uint32_t cut = 0; cut < 106; cut++) { /* of a whole frame of 106 bytes */
        udp(40000, 5000, 64);
        len = cut;
        assert_silent();
    }
    udp(40000, 5000, 64);
    w16(38, 7); /* less than its own header */
    assert_silent();
    udp(40000, 5000, 64);
    w16(16, 19);
    seal_ip();
    assert_silent();
    udp(40000, 5000, 64);
    w16(16, 27); /* no room for UDP */
    seal_ip();
    assert_silent();
}

static void nobody_can_make_two_stations_answer_each_other(void **state)
{
    (void)state;
    static const uint32_t froms[] = {US, 0, 0xFFFFFFFFu, 0xE0000001u, 0x7F000001u};
    udp(7, 5000, 10);
    assert_silent();
    udp(0, 5000, 10);
    assert_silent();
    for (size_t i = 0; i < sizeof(froms) / sizeof(froms[0]); i++) {
        icmp(8);
        w32(26, froms[i]);
        seal_ip();
        assert_silent();
    }
}

static void icmp_that_is_no_echo_request_is_not_answered(void **state)
{
    (void)state;
    static const uint8_t types[] = {0, 3, 5, 13};
    for (size_t i = 0; i < sizeof(types); i++) {
        icmp(8);
        frame[34] = types[i];
        w16(36, 0);
        w16(36, ~checksum(34, 16, 0) & 0xFFFFu);
        assert_silent();
    }
    icmp(8);
    frame[41] ^= 1; /* checksum */
    assert_silent();
    icmp(0);
    w16(16, 27);
    seal_ip();
    assert_silent();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_asks_for_the_address_is_told_ours, setup),
        cmocka_unit_test_setup(a_ping_comes_back_with_its_payload, setup),
        cmocka_unit_test_setup(a_datagram_comes_back_as_it_was, setup),
        cmocka_unit_test_setup(a_datagram_without_a_checksum_is_answered_without_one, setup),
        cmocka_unit_test_setup(what_follows_the_datagram_is_not_part_of_the_answer, setup),
        cmocka_unit_test_setup(the_largest_datagram_of_ipv4_is_answered, setup),
        cmocka_unit_test_setup(arp_for_others_answers_claims_and_groups_are_not_answered, setup),
        cmocka_unit_test_setup(broken_frames_are_not_answered, setup),
        cmocka_unit_test_setup(lengths_that_leave_no_room_for_a_header_are_not_answered, setup),
        cmocka_unit_test_setup(nobody_can_make_two_stations_answer_each_other, setup),
        cmocka_unit_test_setup(icmp_that_is_no_echo_request_is_not_answered, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
