/* SPDX-License-Identifier: BSD-2-Clause
 * What only seL4 reads of an image: each rule at its edge. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/string.h"
#include "system/check.h"

#define MIB (1ull << 20)

static struct system_image image;
static struct system_fault fault;

static void name(char *to, const char *from)
{
    for (uint32_t i = 0; i < 8 && from[i] != 0; i++) {
        to[i] = from[i];
    }
}

/* Two VMs of 4 MiB on a switch with an uplink. */
static void sound_image(void)
{
    memset(&image, 0, sizeof(image));
    image.vms = 2;
    image.switches = 1;
    name(image.switch_[0].name, "deck");
    image.switch_[0].cpu = SYSTEM_CPU_ANY;
    image.switch_[0].uplink = SYSTEM_UPLINK_USER;
    image.switch_[0].network = 0xC0A81300;
    image.switch_[0].prefix = 24;
    image.switch_[0].host_address = 0xC0A81302;
    for (uint32_t v = 0; v < 2; v++) {
        struct system_vm *vm = &image.vm[v];
        name(vm->name, v == 0 ? "a" : "b");
        name(vm->kernel.path, "/k");
        vm->kernel.bytes = 1;
        vm->kernel.load_at = SYSTEM_AT_ANY;
        vm->protocol = SYSTEM_BOOT_MULTIBOOT;
        vm->cpu = SYSTEM_CPU_ANY;
        vm->ranges = 1;
        vm->range[0] = (struct system_range){0, 4 * MIB};
    }
}

static enum system_fault_code found(void)
{
    system_seal(&image, sizeof(image));
    memset(&fault, 0, sizeof(fault));
    return system_check(&image, sizeof(image), &fault, 1) == 0 ? SYSTEM_OK : fault.code;
}

static void native(uint32_t index)
{
    struct system_native *n = &image.sel4.native[index];
    name(n->name, index == 0 ? "x" : "y");
    n->program = SYSTEM_PROGRAM_UDP_ECHO;
    n->address = 0xC0A81307;
    n->udp_port = 7;
    n->mac[0] = 2;
    n->mac[5] = (uint8_t)index;
    n->cpu = SYSTEM_CPU_ANY;
    image.sel4.natives = index + 1;
}

static void backing_has_rules(void **state)
{
    (void)state;
    static const struct {
        uint64_t base, size, at;
        enum system_fault_code code;
    } rows[] = {
        {0, 4 * MIB, 0x40000000, SYSTEM_OK},
        {0, 4 * MIB, 16 * MIB, SYSTEM_OK},
        {0, 4 * MIB, 14 * MIB, SYSTEM_BACKING_LOW},
        {0, 4 * MIB, 0x40001000, SYSTEM_BACKING_ALIGN},
        {0x1000, 4 * MIB, 0x40001000, SYSTEM_OK},
        {0, 4 * MIB, 0xFE800000, SYSTEM_OK},
        {0, 4 * MIB, 0xFEA00000, SYSTEM_BACKING_DEVICE},
        {0, 4 * MIB, 0xFFE00000, SYSTEM_BACKING_DEVICE},
        {0, 4 * MIB, 0x100000000, SYSTEM_OK},
        {0, 4 * MIB, (1ull << 46) - 4 * MIB, SYSTEM_OK},
        {0, 4 * MIB, (1ull << 46) - 2 * MIB, SYSTEM_BACKING_WRAPS},
        {0, 4 * MIB, UINT64_MAX - 2 * MIB + 1, SYSTEM_BACKING_WRAPS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sound_image();
        image.vm[0].range[0] = (struct system_range){rows[i].base, rows[i].size};
        image.sel4.backing[0][0] = rows[i].at;
        assert_int_equal(found(), rows[i].code);
    }
}

static void backings_do_not_overlap(void **state)
{
    (void)state;
    sound_image();
    image.sel4.backing[0][0] = 0x40000000;
    image.sel4.backing[1][0] = 0x40400000;
    assert_int_equal(found(), SYSTEM_OK);
    image.sel4.backing[1][0] = 0x40200000;
    assert_int_equal(found(), SYSTEM_BACKING_OVERLAP);
    assert_int_equal(fault.vm, 1);
    assert_int_equal(fault.other_vm, 0);
    sound_image(); /* nor within a VM */
    image.vm[1].ranges = 2;
    image.vm[1].range[1] = (struct system_range){16 * MIB, 4 * MIB};
    image.sel4.backing[1][0] = 0x40000000;
    image.sel4.backing[1][1] = 0x40200000;
    assert_int_equal(found(), SYSTEM_BACKING_OVERLAP);
    assert_int_equal(fault.index, 1);
    assert_int_equal(fault.other_vm, 1);
    assert_int_equal(fault.other_index, 0);
}

static void a_backing_without_its_range_is_refused(void **state)
{
    (void)state;
    sound_image();
    image.sel4.backing[0][1] = 0x40000000;
    assert_int_equal(found(), SYSTEM_BAD_VALUE);
    sound_image();
    image.sel4.backing[2][0] = 0x40000000;
    assert_int_equal(found(), SYSTEM_BAD_VALUE);
}

static void budgets_have_bounds(void **state)
{
    (void)state;
    static const struct {
        struct system_budget b;
        bool good;
    } rows[] = {{{0, 0}, true},         {{10, 100}, true}, {{100, 100}, true},
                {{9, 100}, false},      {{10, 99}, false}, {{101, 100}, false},
                {{0, 100}, false},      {{10, 0}, false},  {{10, 10000000}, true},
                {{10, 10000001}, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum system_fault_code wanted = rows[i].good ? SYSTEM_OK : SYSTEM_BUDGET_RANGE;
        sound_image();
        image.sel4.vmm[1] = rows[i].b;
        assert_int_equal(found(), wanted);
        sound_image();
        image.sel4.io[1] = rows[i].b;
        assert_int_equal(found(), wanted);
        sound_image();
        image.sel4.switch_[0] = rows[i].b;
        assert_int_equal(found(), wanted);
    }
    sound_image();
    image.sel4.switch_[1] = (struct system_budget){10, 100}; /* there is no such switch */
    assert_int_equal(found(), SYSTEM_BUDGET_RANGE);
}

static void windows_must_hold_the_budget(void **state)
{
    (void)state;
    sound_image();
    image.sel4.windows = 3;
    image.sel4.window[0] = (struct system_window){0, 1000};
    image.sel4.window[1] = (struct system_window){1, 2000};
    image.sel4.window[2] = (struct system_window){0, 1000};
    image.sel4.vmm[0] = (struct system_budget){500, 1000};
    assert_int_equal(found(), SYSTEM_OK);
    image.sel4.vmm[0].budget_us = 501;
    assert_int_equal(found(), SYSTEM_BUDGET_WINDOWS);
    image.vm[1].cpu = 1; /* then the first VM's core is its own */
    assert_int_equal(found(), SYSTEM_OK);
    image.vm[1].cpu = 0; /* "any" is the first */
    assert_int_equal(found(), SYSTEM_BUDGET_WINDOWS);
}

static void windows_have_bounds(void **state)
{
    (void)state;
    sound_image();
    image.sel4.windows = 2;
    image.sel4.window[0] = (struct system_window){0, 100};
    image.sel4.window[1] = (struct system_window){1, SYSTEM_FRAME_MAX_US - 100};
    assert_int_equal(found(), SYSTEM_OK);
    image.sel4.window[1].window_us++;
    assert_int_equal(found(), SYSTEM_FRAME_LONG);
    image.sel4.window[1].window_us = 99;
    assert_int_equal(found(), SYSTEM_WINDOW_RANGE);
    image.sel4.window[1] = (struct system_window){2, 100};
    assert_int_equal(found(), SYSTEM_BAD_VALUE);
    image.sel4.windows = 1; /* what is left over */
    assert_int_equal(found(), SYSTEM_BAD_VALUE);
    image.sel4.windows = SYSTEM_WINDOWS_MAX + 1;
    assert_int_equal(found(), SYSTEM_BAD_VALUE);
}

static void natives_have_rules(void **state)
{
    (void)state;
    sound_image();
    native(0);
    native(1);
    assert_int_equal(found(), SYSTEM_OK);
    image.sel4.native[1].mac[5] = 0;
    assert_int_equal(found(), SYSTEM_NATIVE_SAME_MAC);
    native(1);
    image.sel4.native[1].mac[0] = 3;
    assert_int_equal(found(), SYSTEM_NATIVE_MAC);
    native(1);
    image.sel4.native[1].name[0] = 'x';
    assert_int_equal(found(), SYSTEM_NATIVE_SAME_NAME);
    image.sel4.native[1].name[0] = 'b';
    assert_int_equal(found(), SYSTEM_NATIVE_SAME_NAME);
    image.sel4.native[1].name[0] = ' ';
    assert_int_equal(found(), SYSTEM_NATIVE_NAME);
    native(1);
    static const uint32_t wrong[] = {0, 0x7F000001, 0xE0000001, 0xFFFFFFFF};
    for (size_t i = 0; i < 4; i++) {
        image.sel4.native[1].address = wrong[i];
        assert_int_equal(found(), SYSTEM_NATIVE_ADDRESS);
    }
    native(1);
    image.sel4.native[1].switch_ = 1;
    assert_int_equal(found(), SYSTEM_BAD_VALUE);
    image.sel4.natives = SYSTEM_NATIVES_MAX + 1;
    assert_int_equal(found(), SYSTEM_BAD_VALUE);
}

static void ports_of_natives_come_last(void **state)
{
    (void)state;
    sound_image();
    native(0);
    native(1);
    assert_int_equal(system_ports(&image, 0), 1);
    assert_int_equal(system_ports_all(&image, 0), 3);
    assert_int_equal(system_native_port(&image, 0, 0), 1);
    assert_int_equal(system_native_port(&image, 0, 1), 2);
    assert_int_equal(system_native_port(&image, 1, 0), SYSTEM_PORTS_MAX);
    assert_int_equal(system_sel4_cpu(SYSTEM_CPU_ANY), 0);
    assert_int_equal(system_sel4_cpu(3), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backing_has_rules),
        cmocka_unit_test(backings_do_not_overlap),
        cmocka_unit_test(a_backing_without_its_range_is_refused),
        cmocka_unit_test(budgets_have_bounds),
        cmocka_unit_test(windows_must_hold_the_budget),
        cmocka_unit_test(windows_have_bounds),
        cmocka_unit_test(natives_have_rules),
        cmocka_unit_test(ports_of_natives_come_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
