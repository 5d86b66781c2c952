/* SPDX-License-Identifier: BSD-2-Clause
 * Who is behind which port, and what it may send. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "net/plan.h"
#include "system/check.h"

static struct system_image image;
static struct net_plan plan;

/* Switch 0: VM 0's card, VM 1's second, the uplink, native 1. Switch 1: VM 1's first, native 0. */
static int setup(void **state)
{
    (void)state;
    memset(&image, 0, sizeof(image));
    memset(&plan, 0xA5, sizeof(plan)); /* whatever was there */
    image.vms = 2;
    image.switches = 2;
    image.vm[0].nics = 1;
    image.vm[1].nics = 2;
    image.vm[1].nic[0].switch_ = 1;
    image.switch_[0].uplink = SYSTEM_UPLINK_USER;
    image.sel4.natives = 2;
    image.sel4.native[0].switch_ = 1;
    return 0;
}

static void assert_port(uint32_t sw, uint32_t port, uint32_t vm, uint32_t nic)
{
    assert_int_equal(plan.sw[sw].port[port].vm, vm);
    assert_int_equal(plan.sw[sw].port[port].nic, nic);
}

static void natives_come_behind_the_uplink(void **state)
{
    (void)state;
    net_plan(&image, true, &plan);
    assert_int_equal(plan.switches, 2);
    assert_int_equal(plan.sw[0].count, 4);
    assert_port(0, 0, 0, 0);
    assert_port(0, 1, 1, 1);
    assert_port(0, 2, NET_UPLINK, 0);
    assert_port(0, 3, NET_NATIVE, 1);
    assert_int_equal(plan.sw[1].count, 2);
    assert_port(1, 0, 1, 0);
    assert_port(1, 1, NET_NATIVE, 0);
    assert_int_equal(plan.sw[2].count, 0);
}

static void a_host_without_natives_has_no_ports_for_them(void **state)
{
    (void)state;
    net_plan(&image, false, &plan);
    assert_int_equal(plan.sw[0].count, 3);
    assert_port(0, 2, NET_UPLINK, 0);
    assert_int_equal(plan.sw[1].count, 1);
}

static void numbers_are_those_of_the_checker(void **state)
{
    (void)state;
    net_plan(&image, true, &plan);
    for (uint32_t sw = 0; sw < 2; sw++) {
        assert_int_equal(plan.sw[sw].count, system_ports_all(&image, sw));
        for (uint32_t i = 0; i < plan.sw[sw].count; i++) {
            const struct net_port *p = &plan.sw[sw].port[i];
            uint32_t port = p->vm == NET_NATIVE ? system_native_port(&image, sw, p->nic)
                                                : system_port(&image, sw, p->vm, p->nic);
            assert_int_equal(port, i);
        }
    }
}

static void a_card_sends_what_the_file_lets_it(void **state)
{
    (void)state;
    const uint8_t mac[6] = {0x52, 1, 2, 3, 4, 5};
    struct system_nic *nic = &image.vm[1].nic[1];
    nic->peers = 5;
    nic->policy = SYSTEM_NIC_PINNED;
    memcpy(nic->mac, mac, sizeof(mac));
    nic->frames_per_s = 10;
    nic->bytes_per_s = 20;
    nic->broadcasts_per_s = 30;
    net_plan(&image, true, &plan);
    struct switch_policy p = net_plan_policy(&image, &plan.sw[0].port[1]);
    assert_int_equal(p.peers, 5);
    assert_true(p.pinned);
    assert_memory_equal(p.mac, mac, sizeof(mac));
    assert_int_equal(p.frames_per_s, 10);
    assert_int_equal(p.bytes_per_s, 20);
    assert_int_equal(p.broadcasts_per_s, 30);
    nic->policy = 0;
    assert_false(net_plan_policy(&image, &plan.sw[0].port[1]).pinned);
}

static void
an_uplink_and_a_native_may_send_to_everybody_and_a_native_is_held_to_its_address(void **state)
{
    (void)state;
    const uint8_t mac[6] = {0x52, 0x42, 0x48, 0xFF, 0, 1};
    memcpy(image.sel4.native[1].mac, mac, sizeof(mac));
    net_plan(&image, true, &plan);
    struct switch_policy up = net_plan_policy(&image, &plan.sw[0].port[2]);
    struct switch_policy native = net_plan_policy(&image, &plan.sw[0].port[3]);
    assert_true(up.peers == UINT32_MAX && native.peers == UINT32_MAX);
    assert_false(up.pinned);
    assert_true(native.pinned);
    assert_memory_equal(native.mac, mac, sizeof(mac));
    assert_int_equal(native.broadcasts_per_s, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(natives_come_behind_the_uplink, setup),
        cmocka_unit_test_setup(a_host_without_natives_has_no_ports_for_them, setup),
        cmocka_unit_test_setup(numbers_are_those_of_the_checker, setup),
        cmocka_unit_test_setup(a_card_sends_what_the_file_lets_it, setup),
        cmocka_unit_test_setup(
            an_uplink_and_a_native_may_send_to_everybody_and_a_native_is_held_to_its_address,
            setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
