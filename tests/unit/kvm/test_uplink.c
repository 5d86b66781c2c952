/* SPDX-License-Identifier: BSD-2-Clause
 * An uplink in its process and sandbox, with this program as the switch and the guest behind it. Only
 * this host's loopback is used. Limits below only end a test that would hang. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kvm/component.h"
#include "kvm/report.h"
#include "kvm/shm.h"
#include "kvm/spawn.h"
#include "kvm/wires.h"
#include "system/check.h"
#include "vm/time.h"

#define TURNS 4000

#define NETWORK     0xC0A81300u /* 192.168.19.0/24 */
#define HOST        (NETWORK + 2u)
#define GUEST       (NETWORK + 100u)
#define NAME_SERVER (NETWORK + 3u)

static const uint8_t guest_mac[6] = {2, 0, 0, 0, 0, 100};
static uint8_t host_mac[6];

static struct system_image image;
static struct wires wires;
static struct uplink_report *report;
static struct spawned uplink;
static struct ring_writer to_uplink;
static struct ring_reader from_uplink;
static uint8_t frame[2048];

static uint32_t be16_load(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t be32_load(const uint8_t *at)
{
    return be16_load(at) << 16 | be16_load(at + 2);
}

static void be16_store(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void be32_store(uint8_t *at, uint32_t value)
{
    be16_store(at, value >> 16);
    be16_store(at + 2, value);
}

static void pause_a_little(void)
{
    const struct timespec t = {.tv_nsec = 2000000};
    (void)nanosleep(&t, NULL);
}

static void make_image(void)
{
    memset(&image, 0, sizeof(image));
    image.vms = 1;
    strcpy(image.vm[0].name, "guest");
    image.vm[0].protocol = SYSTEM_BOOT_MULTIBOOT;
    image.vm[0].devices = SYSTEM_DEV_LAPIC;
    image.vm[0].tick_policy = TICK_CATCH_UP;
    image.vm[0].ranges = 1;
    image.vm[0].range[0] = (struct system_range){0, 1u << 20};
    strcpy(image.vm[0].kernel.path, "none");
    image.vm[0].kernel.bytes = 1;
    image.vm[0].kernel.load_at = SYSTEM_AT_ANY;
    image.switches = 1;
    strcpy(image.switch_[0].name, "lan");
    image.switch_[0].cpu = SYSTEM_CPU_ANY;
    image.switch_[0].uplink = SYSTEM_UPLINK_USER;
    image.switch_[0].network = NETWORK;
    image.switch_[0].prefix = 24;
    image.switch_[0].host_address = HOST;
}

/* This program, started by spawn(). */
static int component(char **argv)
{
    struct component c = {.fds = 4};
    c.image = mmap(NULL, sizeof(*c.image), PROT_READ, MAP_SHARED, atoi(argv[3]), 0);
    for (int i = 0; i < 4; i++) {
        c.fd[i] = atoi(argv[5 + i]);
    }
    return c.image != MAP_FAILED ? uplink_main(&c) : 9;
}

/* A TCP socket of this host's loopback that listens; *port is its number. */
static int listener(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void start(void)
{
    system_seal(&image, sizeof(image));
    assert_true(wires_make(&wires, &image));
    int image_fd = shm_create("image", sizeof(image));
    void *at = shm_map(image_fd, sizeof(image));
    int report_fd = shm_create("report", sizeof(*report));
    report = shm_map(report_fd, sizeof(*report));
    struct net_rings *rings = shm_map(wires.rings_fd[0][0], sizeof(*rings));
    assert_true(at != NULL && report != NULL && rings != NULL);
    memcpy(at, &image, sizeof(image));
    ring_reader_attach(&from_uplink, &rings->to_switch);
    ring_writer_attach(&to_uplink, &rings->from_switch);
    struct spawn_job job = {
        .role = "uplink", .image_fd = image_fd, .cpu = SYSTEM_CPU_ANY, .fds = 4, .fd = {report_fd}};
    assert_int_equal(wires_uplink_fds(&wires, 0, &job.fd[1]), 3);
    assert_true(spawn(&job, &uplink));
    for (int i = 0; i < TURNS && *(volatile uint32_t *)&report->link == REPORT_LINK_NONE; i++) {
        pause_a_little();
    }
}

static int setup(void **state)
{
    (void)state;
    make_image();
    return 0;
}

/* It lives until it is killed: nothing that it was asked made its sandbox end it. */
static int teardown(void **state)
{
    (void)state;
    struct pollfd p = {.fd = uplink.pid_fd, .events = POLLIN};
    bool lives = poll(&p, 1, 0) == 0;
    spawn_end(&uplink);
    return lives ? 0 : -1;
}

/* --- The guest --------------------------------------------------------------------------------- */

static void send_frame(uint32_t len, struct frame_words words)
{
    words.len = len;
    uint8_t *at = ring_reserve(&to_uplink, len);
    assert_non_null(at);
    memcpy(at, frame, len);
    ring_commit(&to_uplink, &words);
    if (ring_publish(&to_uplink)) {
        wires_wake(wires.uplink_wake[0][1]);
    }
}

/* The next frame of that EtherType from the uplink, in `frame`; its length. */
static uint32_t receive_frame(uint32_t type)
{
    for (int i = 0; i < TURNS; i++) {
        struct frame_words words;
        const uint8_t *at;
        while ((at = ring_peek(&from_uplink, &words)) != NULL) {
            assert_true(words.len <= sizeof(frame));
            assert_true(words.flags == 0 && words.gso == 0);
            memcpy(frame, at, words.len);
            ring_consume(&from_uplink);
            (void)ring_release(&from_uplink);
            if (be16_load(frame + 12) == type) {
                return words.len;
            }
        }
        pause_a_little();
    }
    fail_msg("no frame came");
    return 0;
}

static void put_ethernet(const uint8_t *to, uint16_t type)
{
    memset(frame, 0, sizeof(frame));
    memcpy(frame, to, 6);
    memcpy(frame + 6, guest_mac, 6);
    be16_store(frame + 12, type);
}

/* Asks who has the host's address. Also tells the uplink where the guest is. */
static void resolve_host(void)
{
    static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};
    put_ethernet(everybody, 0x0806);
    be32_store(frame + 14, 0x00010800);
    be32_store(frame + 18, 0x06040001);
    memcpy(frame + 22, guest_mac, 6);
    be32_store(frame + 28, GUEST);
    be32_store(frame + 38, HOST);
    send_frame(42, (struct frame_words){0});
    assert_true(receive_frame(0x0806) >= 42);
    assert_int_equal(be16_load(frame + 20), 2); /* a reply */
    assert_int_equal(be32_load(frame + 28), HOST);
    assert_memory_equal(frame, guest_mac, 6);
    memcpy(host_mac, frame + 22, 6);
}

static uint32_t sum(const uint8_t *at, uint32_t len, uint32_t s)
{
    for (uint32_t i = 0; i < len; i += 2) {
        s += be16_load(at + i);
    }
    while (s > 0xFFFF) {
        s = (s & 0xFFFF) + (s >> 16);
    }
    return s;
}

static uint32_t pseudo_header(void)
{
    return sum(frame + 26, 8, 6 + 20);
}

/* A SYN from the guest's port 1234; the TCP checksum is left to do. */
static void send_syn_to(uint32_t address, uint16_t port, uint16_t fragment)
{
    put_ethernet(host_mac, 0x0800);
    be32_store(frame + 14, 0x45000028);
    be32_store(frame + 22, 0x40060000);
    be32_store(frame + 26, GUEST);
    be32_store(frame + 30, address);
    be16_store(frame + 20, fragment);
    be16_store(frame + 24, ~sum(frame + 14, 20, 0));
    be16_store(frame + 34, 1234);
    be16_store(frame + 36, port);
    be32_store(frame + 38, 1000);
    be32_store(frame + 46, 0x50022000);
    be16_store(frame + 50, pseudo_header());
    send_frame(
        54, (struct frame_words){.flags = FRAME_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16});
}

static void send_syn(uint16_t port)
{
    send_syn_to(HOST, port, 0);
}

/* --- Tests ------------------------------------------------------------------------------------- */

static void a_guest_reaches_a_server_on_the_host(void **state)
{
    (void)state;
    uint16_t port;
    int server = listener(&port);
    image.switch_[0].flags = SYSTEM_SWITCH_LOOPBACK;
    start();
    assert_int_equal(report->link, REPORT_LINK_UP);
    assert_string_equal(report->text, "");
    resolve_host();
    send_syn(port);
    uint32_t len = receive_frame(0x0800);
    assert_true(len >= 54);
    assert_int_equal(frame[47] & 0x3F, 0x12); /* SYN and ACK */
    assert_int_equal(be32_load(frame + 42), 1001);
    assert_int_equal(be16_load(frame + 34), port);
    assert_true(report->cut_frames == 1 && report->out_frames == 2);
    struct pollfd p = {.fd = server, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1);
    close(server);
}

/* By host_address, which libslirp answers with a reset; by an address that is this host's alone; and by the
 * name server's, behind which there may be a program on 127.0.0.1. */
static void what_listens_on_the_hosts_loopback_is_closed_to_guests(void **state)
{
    (void)state;
    static const struct {
        uint32_t to;
        uint16_t port; /* 0: the server's */
        uint16_t fragment;
        bool refused;
    } tries[] = {
        {INADDR_LOOPBACK, 0, 0, true},
        {0x7F123456u, 0, 0, true},
        {0, 0, 0, true},
        {NAME_SERVER, 0, 0, true},
        {NAME_SERVER, 53, 0x2000, true},
        {NAME_SERVER, 53, 0x0001, true},
        {HOST, 0, 0, false},
        {NAME_SERVER, 53, 0, false},
    };
    uint16_t port;
    int server = listener(&port);
    start();
    assert_int_equal(report->link, REPORT_LINK_UP);
    resolve_host();
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        uint64_t before = report->out_refused;
        uint64_t frames = report->out_frames;
        send_syn_to(tries[i].to, tries[i].port == 0 ? port : tries[i].port, tries[i].fragment);
        for (int turn = 0;
             turn < TURNS && report->out_refused + report->out_frames == before + frames; turn++) {
            pause_a_little();
        }
        assert_int_equal(report->out_refused - before, tries[i].refused ? 1 : 0);
        assert_int_equal(report->out_frames - frames, tries[i].refused ? 0 : 1);
    }
    struct pollfd p = {.fd = server, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 100), 0); /* nobody called */
    close(server);
}

static void a_port_of_the_host_leads_to_the_guest(void **state)
{
    (void)state;
    uint16_t port;
    close(listener(&port)); /* free now */
    image.switch_[0].forwards = 1;
    image.switch_[0].forward[0] = (struct system_forward){.host_address = INADDR_LOOPBACK,
                                                          .guest_address = GUEST,
                                                          .host_port = port,
                                                          .guest_port = 80};
    start();
    assert_int_equal(report->link, REPORT_LINK_UP);
    resolve_host();
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(fd, (const struct sockaddr *)&at, sizeof(at));
    (void)receive_frame(0x0800);
    assert_int_equal(be32_load(frame + 30), GUEST);
    assert_int_equal(be16_load(frame + 36), 80);
    assert_int_equal(frame[47] & 0x3F, 0x02); /* SYN */
    close(fd);
}

static void a_port_that_is_taken_is_told_and_the_rest_works(void **state)
{
    (void)state;
    uint16_t port;
    int other = listener(&port);
    image.switch_[0].forwards = 1;
    image.switch_[0].forward[0] = (struct system_forward){.host_address = INADDR_LOOPBACK,
                                                          .guest_address = GUEST,
                                                          .host_port = port,
                                                          .guest_port = 80};
    start();
    assert_int_equal(report->link, REPORT_LINK_UP);
    assert_non_null(strstr(report->text, "127.0.0.1 cannot be forwarded: Address already in use"));
    resolve_host();
    close(other);
}

static void nonsense_from_guests_does_not_end_it(void **state)
{
    (void)state;
    start();
    for (uint32_t i = 0; i < 2000; i++) {
        uint32_t len = 1 + i * 7 % 1500;
        for (uint32_t k = 0; k < len; k++) {
            frame[k] = (uint8_t)(i * 31 + k * k);
        }
        be16_store(frame + 12, i % 3 == 0 ? 0x0806 : 0x0800);
        frame[14] = 0x45;
        send_frame(len, (struct frame_words){.flags = i % 5 == 0 ? FRAME_NEEDS_CSUM : 0,
                                             .gso = (uint8_t)(i % 7),
                                             .gso_size = (uint16_t)(i % 11),
                                             .csum_start = (uint16_t)i});
        for (int turn = 0; i % 100 == 99 && turn < TURNS && !ring_has_room(&to_uplink, 400000);
             turn++) {
            pause_a_little();
        }
    }
    resolve_host();
    assert_true(report->out_malformed > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_guest_reaches_a_server_on_the_host, setup, teardown),
        cmocka_unit_test_setup_teardown(what_listens_on_the_hosts_loopback_is_closed_to_guests,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_of_the_host_leads_to_the_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_that_is_taken_is_told_and_the_rest_works, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nonsense_from_guests_does_not_end_it, setup, teardown),
    };
    if (argc == 9 && strcmp(argv[1], "--component") == 0) {
        return component(argv);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
