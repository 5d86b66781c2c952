/* SPDX-License-Identifier: BSD-2-Clause
 * Who is behind which port, and who inherits what. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kvm/ram.h"
#include "kvm/shm.h"
#include "kvm/wires.h"
#include "system/check.h"

static struct system_image image;
static struct wires wires;

/* Switch 0: VM 0's card, VM 2's second, the uplink. Switch 1: VM 2's first. VM 1 has none. */
static int setup(void **state)
{
    (void)state;
    memset(&image, 0, sizeof(image));
    image.vms = 3;
    image.switches = 2;
    image.vm[0].nics = 1;
    image.vm[2].nics = 2;
    image.vm[2].nic[0].switch_ = 1;
    image.switch_[0].uplink = SYSTEM_UPLINK_USER;
    return wires_make(&wires, &image) ? 0 : -1;
}

static bool same_file(int a, int b)
{
    struct stat x, y;
    assert_int_equal(fstat(a, &x), 0);
    assert_int_equal(fstat(b, &y), 0);
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_awake(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void ports_are_the_cards_in_the_order_of_the_file_then_the_uplink(void **state)
{
    (void)state;
    const struct net_ports *lan = &wires.plan.sw[0];
    assert_int_equal(wires.plan.switches, 2);
    assert_int_equal(lan->count, 3);
    assert_int_equal(lan->port[0].vm, 0);
    assert_int_equal(lan->port[1].vm, 2);
    assert_int_equal(lan->port[1].nic, 1);
    assert_int_equal(lan->port[2].vm, NET_UPLINK);
    assert_int_equal(wires.plan.sw[1].count, 1);
    assert_int_equal(wires.plan.sw[1].port[0].vm, 2);
    for (uint32_t sw = 0; sw < 2; sw++) { /* the core's checker counts them alike */
        assert_int_equal(system_ports(&image, sw), wires.plan.sw[sw].count);
        for (uint32_t i = 0; i < wires.plan.sw[sw].count; i++) {
            const struct net_port *p = &wires.plan.sw[sw].port[i];
            assert_int_equal(system_port(&image, sw, p->vm, p->nic), i);
        }
    }
}

static void a_card_and_its_port_have_the_same_rings_and_nobody_else_has(void **state)
{
    (void)state;
    const struct wires_vm shared = {.ram_fd = 1, .notify = {0, 2}, .channel_fd = {0, 1}};
    int io[WIRES_FDS_MAX], lan[WIRES_FDS_MAX], up[WIRES_FDS_MAX];
    assert_int_equal(wires_io_fds(&wires, &shared, &image, 2, io), 10);
    assert_int_equal(wires_switch_fds(&wires, 0, lan), 7);
    assert_int_equal(wires_uplink_fds(&wires, 0, up), 3);
    assert_true(io[8] == lan[3]); /* the second card of VM 2: port 1 */
    assert_true(up[1] == lan[5]);
    assert_true(io[9] == up[2] && same_file(io[9], lan[0]));  /* whom they wake */
    assert_true(lan[4] == io[6] && same_file(lan[6], up[0])); /* who wakes them */
    assert_int_not_equal(io[2], io[6]);
    assert_int_equal(io[4], wires.rings_fd[1][0]);
    assert_int_equal(io[5], wires.switch_wake[1][1]);
    for (int i = 1; i < 7; i += 2) {
        assert_false(same_file(lan[i], wires.rings_fd[1][0]));
        assert_false(same_file(lan[i], lan[i == 5 ? 1 : i + 2]));
    }
}

static void a_vmm_gets_no_rings_and_one_without_cards_gets_its_ram_only(void **state)
{
    (void)state;
    const struct wires_vm shared = {.ram_fd = 50, .notify = {51, 52}, .channel_fd = {53, 54}};
    int fds[WIRES_FDS_MAX];
    assert_int_equal(wires_vmm_fds(&wires, &shared, &image, 1, fds), 1);
    assert_int_equal(fds[0], 50);
    assert_int_equal(wires_vmm_fds(&wires, &shared, &image, 2, fds), 6);
    assert_int_equal(fds[1], 51);
    assert_int_equal(fds[2], wires.io_wake[2][0]);
    assert_int_equal(fds[3], 53);
    assert_int_equal(fds[4], wires.io_wake[2][1]);
    assert_int_equal(fds[5], 54);
    assert_int_equal(wires.io_wake[1][0], -1);
    assert_int_equal(wires.uplink_wake[1][1], -1);
}

static void waking_is_remembered_and_kicks_are_counted_apart(void **state)
{
    (void)state;
    const int *io = wires.io_wake[2];
    uint32_t kicks[2] = {9, 9};
    wires_wake_all(&wires);
    wires_wake(wires.io_wake[0][0]);
    wires_wake(-1); /* who is not there is not woken */
    assert_true(is_awake(wires.switch_wake[1][0]));
    assert_true(is_awake(wires.uplink_wake[0][0]));
    wires_sleep(wires.io_wake[0], 1, kicks); /* does not wait */
    assert_int_equal(kicks[0], 0);
    assert_false(is_awake(wires.io_wake[0][0]));
    wires_kick(io[1]);
    wires_kick(io[1]);
    wires_sleep(io, 2, kicks);
    assert_true(kicks[0] == 0 && kicks[1] == 2);
    assert_false(is_awake(io[0]) || is_awake(io[1]));
    wires_kick(io[0]);
    kicks[1] = 9;
    wires_sleep(io, 2, kicks);
    assert_true(kicks[0] == 1 && kicks[1] == 0);
}

/* What a component gets to wake another one by, in a bad one's hands. */
static void whoever_wakes_never_waits_and_wakes_also_what_is_full(void **state)
{
    (void)state;
    const uint64_t most = UINT64_MAX - 1u;
    const int to[] = {wires.switch_wake[0][1], wires.uplink_wake[0][1], wires.io_wake[0][0]};
    const int at[] = {wires.switch_wake[0][0], wires.uplink_wake[0][0], wires.io_wake[0][0]};
    for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
        assert_true((fcntl(to[i], F_GETFL) & O_NONBLOCK) != 0); /* or the test would hang */
        while (write(to[i], &most, sizeof(most)) > 0) {
            /* bound: what it holds */
        }
        assert_int_equal(errno, EAGAIN);
        wires_wake(to[i]);
        wires_kick(to[i]);
        assert_true(is_awake(at[i]));
    }
}

static void nobody_can_take_a_switchs_wake_up_away(void **state)
{
    (void)state;
    const struct wires_vm shared = {.ram_fd = -1, .notify = {-1, -1}, .channel_fd = {-1, -1}};
    int io[WIRES_FDS_MAX], up[WIRES_FDS_MAX];
    uint64_t word;
    (void)wires_io_fds(&wires, &shared, &image, 0, io);
    (void)wires_uplink_fds(&wires, 0, up);
    wires_wake(io[5]);
    assert_int_equal(read(io[5], &word, sizeof(word)), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(read(up[2], &word, sizeof(word)), -1);
    assert_true(is_awake(wires.switch_wake[0][0]));
}

static void shared_memory_can_neither_shrink_nor_grow(void **state)
{
    (void)state;
    int fd = shm_create("test", 4096);
    uint8_t *at = shm_map(fd, 4096);
    assert_non_null(at);
    assert_int_equal(at[4095], 0);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 8192), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(munmap(at, 4096), 0);
    close(fd);
}

static void two_processes_that_map_a_vms_ram_see_the_same_bytes(void **state)
{
    (void)state;
    struct system_vm vm = {.ranges = 2};
    struct gmem a = {.count = 0}, b = {.count = 0};
    char text[64], why[128];
    uint32_t word = 0;
    vm.range[0] = (struct system_range){0x1000, 0x3000};
    vm.range[1] = (struct system_range){0x40000000, 0x200000};
    int fd = ram_create(&vm);
    assert_true(fd >= 0);
    assert_true(ram_map(&vm, fd, &a, text, sizeof(text), why, sizeof(why)));
    assert_true(ram_map(&vm, fd, &b, text, sizeof(text), why, sizeof(why)));
    assert_true(gmem_write(&a, 0x401FFFFC, &(uint32_t){0x12345678}, 4));
    assert_true(gmem_read(&b, 0x401FFFFC, &word, 4));
    assert_int_equal(word, 0x12345678);
    assert_true(gmem_read(&b, 0x3FFC, &word, 4));
    assert_int_equal(word, 0);
    assert_false(gmem_read(&b, 0x3FFD, &word, 4));
    assert_int_equal(ftruncate(fd, 0), -1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_are_the_cards_in_the_order_of_the_file_then_the_uplink),
        cmocka_unit_test(a_card_and_its_port_have_the_same_rings_and_nobody_else_has),
        cmocka_unit_test(a_vmm_gets_no_rings_and_one_without_cards_gets_its_ram_only),
        cmocka_unit_test(waking_is_remembered_and_kicks_are_counted_apart),
        cmocka_unit_test(whoever_wakes_never_waits_and_wakes_also_what_is_full),
        cmocka_unit_test(nobody_can_take_a_switchs_wake_up_away),
        cmocka_unit_test(shared_memory_can_neither_shrink_nor_grow),
        cmocka_unit_test(two_processes_that_map_a_vms_ram_see_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
