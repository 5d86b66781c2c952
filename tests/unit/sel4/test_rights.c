/* SPDX-License-Identifier: BSD-2-Clause
 * Who can reach what: from the file, as given, and the one against the other. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sel4/plan/rights.h"

static struct system_image image;
static struct rights wanted;
static struct rights_record record;
static char text[65536];

static void line(void *host, const char *words)
{
    (void)host;
    size_t used = strlen(text);
    snprintf(text + used, sizeof(text) - used, "%s\n", words);
}
static const struct rights_out out = {.line = line};

/* "rtos" with a card and "linux" with two, on "deck" with a native "echo"; "alone" has none. */
static void flightdeck(void)
{
    memset(&image, 0, sizeof(image));
    image.vms = 3;
    image.switches = 1;
    strcpy(image.vm[0].name, "rtos");
    strcpy(image.vm[1].name, "linux");
    strcpy(image.vm[2].name, "alone");
    strcpy(image.switch_[0].name, "deck");
    image.vm[0].nics = 1;
    image.vm[1].nics = 2;
    image.sel4.natives = 1;
    strcpy(image.sel4.native[0].name, "echo");
    text[0] = 0;
}

static bool said(const char *words)
{
    char whole[256];
    snprintf(whole, sizeof(whole), "\n%s\n", words);
    return strstr(text, whole) != NULL || strncmp(text, whole + 1, strlen(whole + 1)) == 0;
}

static void print_wanted(void)
{
    flightdeck();
    rights_derive(&wanted, &image, 1);
    assert_false(wanted.full);
    rights_print(&wanted, &image, &out);
}

static void each_component_has_what_the_file_implies(void **state)
{
    (void)state;
    print_wanted();
    static const char *const lines[] = {
        "cap console com1 use",
        "cap console say(vmm:rtos) read+write",
        "cap keeper:0 hpet read+write",
        "cap keeper:0 time(vmm:linux) use",
        "cap keeper:0 vcpu(keeper:0) use",
        "cap keeper:0 wake(vmm:rtos) read",
        "cap vmm:rtos ram(vmm:rtos) read+write",
        "cap vmm:rtos vcpu(vmm:rtos) use",
        "cap vmm:rtos files(vmm:rtos) read",
        "cap vmm:rtos channel(vmm:rtos,0) read+write",
        "cap vmm:rtos notify(io:rtos) signal",
        "cap io:linux frames(switch:deck,2) read+write",
        "cap io:linux notify(switch:deck) signal",
        "cap switch:deck frames(switch:deck,3) read+write",
        "cap switch:deck notify(native:echo) signal",
        "cap native:echo frames(switch:deck,3) read+write",
        "cap init report wait",
        "cap init thread(vmm:rtos) use",
        "cap init thread(switch:deck) use",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!said(lines[i])) {
            fail_msg("not said: %s", lines[i]);
        }
    }
}

static void what_is_not_implied_is_not_there(void **state)
{
    (void)state;
    print_wanted();
    static const char *const never[] = {
        "vmm:alone channel", "io:alone",       "switch:deck ram", "native:echo ram",
        "vmm:rtos frames",   "vmm:linux com1", "io:rtos vcpu",    "io:rtos ram(vmm:linux)",
        "console ram",       "keeper:0 ram",
    };
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        char cap[64];
        snprintf(cap, sizeof(cap), "cap %s", never[i]);
        if (strstr(text, cap) != NULL) {
            fail_msg("said: %s", cap);
        }
    }
}

static void pairs_share_wires_or_nothing(void **state)
{
    (void)state;
    print_wanted();
    static const char *const lines[] = {
        "apart vmm:rtos vmm:linux",
        "apart vmm:rtos io:linux",
        "apart vmm:rtos switch:deck",
        "apart vmm:alone switch:deck",
        "apart io:rtos io:linux",
        "apart io:rtos native:echo",
        "share vmm:rtos io:rtos ram(vmm:rtos) read+write read+write",
        "share keeper:0 io:rtos notify(keeper:0) wait signal",
        "share io:rtos switch:deck frames(switch:deck,0) read+write read+write",
        "share switch:deck native:echo notify(native:echo) signal wait",
        "share console vmm:rtos notify(console) wait signal",
        "share keeper:0 vmm:rtos wake(vmm:rtos) read read+write",
        "share vmm:rtos init report signal wait",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!said(lines[i])) {
            fail_msg("not said: %s", lines[i]);
        }
    }
    assert_null(strstr(text, "share vmm:rtos vmm:linux"));
}

static void nobody_is_behind_an_uplink(void **state)
{
    (void)state;
    flightdeck();
    image.switch_[0].uplink = SYSTEM_UPLINK_USER; /* port 3; the native has 4 then */
    rights_derive(&wanted, &image, 1);
    rights_print(&wanted, &image, &out);
    assert_true(said("cap switch:deck frames(switch:deck,3) read+write"));
    assert_true(said("cap native:echo frames(switch:deck,4) read+write"));
    assert_null(strstr(text, "echo frames(switch:deck,3)"));
}

static void a_core_of_its_own_has_its_own_keeper(void **state)
{
    (void)state;
    flightdeck();
    image.vm[1].cpu = 1;
    rights_derive(&wanted, &image, 2);
    rights_print(&wanted, &image, &out);
    assert_true(said("cap keeper:1 time(vmm:linux) use"));
    assert_true(said("apart keeper:1 vmm:rtos"));
    assert_null(strstr(text, "cap keeper:1 hpet"));
}

/* Gives everything as wanted, but for one entry; each thing in a slot of its own, every capability a copy
 * of a copy. */
static void give_all_but(uint32_t skipped)
{
    rights_record_init(&record);
    uint64_t next = 2000;
    for (uint32_t i = 0; i < wanted.count; i++) {
        const struct right *r = &wanted.right[i];
        uint64_t slot = 0;
        for (uint32_t k = 0; k < i && slot == 0; k++) {
            slot = wanted.right[k].thing == r->thing ? 100 + k : 0;
        }
        if (slot == 0) {
            slot = 100 + i;
            rights_topic(&record, r->thing);
            rights_made(&record, slot);
            rights_topic(&record, THING_NONE);
        }
        rights_copied(&record, slot, next);
        rights_copied(&record, next, next + 1);
        if (i != skipped) {
            rights_gave(&record, r->party, next + 1, r->rights);
        }
        next += 2;
    }
}

static void what_was_given_is_what_was_wanted(void **state)
{
    (void)state;
    print_wanted();
    give_all_but(UINT32_MAX);
    rights_made(&record, 9000); /* private things: several, each of one party */
    rights_gave(&record, PARTY(PARTY_VMM, 0), 9000, RIGHT_READ | RIGHT_WRITE);
    rights_made(&record, 9001);
    rights_gave(&record, PARTY(PARTY_VMM, 1), 9001, RIGHT_READ | RIGHT_WRITE);
    text[0] = 0;
    assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 0);
    assert_string_equal(text, "");
}

static void each_right_that_is_missing_is_found(void **state)
{
    (void)state;
    print_wanted();
    for (uint32_t i = 0; i < wanted.count; i++) {
        give_all_but(i);
        text[0] = 0;
        assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 1);
        assert_true(strncmp(text, "missing ", 8) == 0);
    }
}

static void what_was_given_beyond_is_found(void **state)
{
    (void)state;
    print_wanted();
    give_all_but(UINT32_MAX);
    /* A frame of the RTOS's RAM, by a copy, to Linux's io. */
    uint64_t ram = 0;
    for (uint32_t i = 0; i < wanted.count; i++) {
        if (wanted.right[i].thing == THING(THING_RAM, PARTY(PARTY_VMM, 0), 0) && ram == 0) {
            ram = 100 + i;
        }
    }
    rights_copied(&record, ram, 9000);
    rights_gave(&record, PARTY(PARTY_IO, 1), 9000, RIGHT_READ);
    text[0] = 0;
    assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 1);
    assert_string_equal(text, "extra io:linux ram(vmm:rtos) read\n");
}

static void a_right_too_much_on_the_same_thing_is_found(void **state)
{
    (void)state;
    print_wanted();
    give_all_but(UINT32_MAX);
    for (uint32_t i = 0; i < wanted.count; i++) {
        if (wanted.right[i].thing == THING(THING_WAKE, PARTY(PARTY_VMM, 0), 0)) {
            rights_gave(&record, PARTY(PARTY_KEEPER, 0), 100 + i, RIGHT_WRITE);
            break;
        }
    }
    text[0] = 0;
    assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 1);
    assert_string_equal(text, "extra keeper:0 wake(vmm:rtos) write\n");
}

static void a_private_thing_in_two_hands_is_found(void **state)
{
    (void)state;
    print_wanted();
    give_all_but(UINT32_MAX);
    rights_made(&record, 9000);
    rights_gave(&record, PARTY(PARTY_VMM, 0), 9000, RIGHT_READ | RIGHT_WRITE);
    rights_gave(&record, PARTY(PARTY_VMM, 1), 9000, RIGHT_READ);
    text[0] = 0;
    assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 1);
    assert_string_equal(text, "extra vmm:linux private(vmm:rtos) read\n");
}

static void what_was_taken_back_is_gone(void **state)
{
    (void)state;
    print_wanted();
    give_all_but(UINT32_MAX);
    rights_topic(&record, THING(THING_HPET, 0, 0));
    rights_made(&record, 9000);
    rights_gave(&record, PARTY(PARTY_INIT, 0), 9000, RIGHT_READ | RIGHT_WRITE);
    text[0] = 0;
    assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 1);
    rights_took(&record, PARTY(PARTY_INIT, 0), 9000);
    assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 0);
    rights_took(&record, PARTY(PARTY_INIT, 0), 9000); /* nothing left: nothing happens */
    assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 0);
}

static void what_cannot_be_followed_is_no_success(void **state)
{
    (void)state;
    print_wanted();
    give_all_but(UINT32_MAX);
    rights_gave(&record, PARTY(PARTY_VMM, 0), RIGHTS_SLOTS, RIGHT_READ);
    assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 1);
    give_all_but(UINT32_MAX);
    rights_copied(&record, 5, RIGHTS_SLOTS);
    assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 1);
}

static void the_largest_system_fits(void **state)
{
    (void)state;
    flightdeck();
    image.vms = SYSTEM_VMS_MAX;
    image.switches = SYSTEM_SWITCHES_MAX;
    for (uint32_t v = 0; v < SYSTEM_VMS_MAX; v++) {
        snprintf(image.vm[v].name, sizeof(image.vm[v].name), "vm-%u-with-a-very-long-name", v);
        image.vm[v].cpu = v;
        image.vm[v].nics = SYSTEM_NICS_MAX;
        image.vm[v].nic[1].switch_ = 1;
    }
    image.sel4.natives = SYSTEM_NATIVES_MAX;
    rights_derive(&wanted, &image, SYSTEM_VMS_MAX);
    assert_false(wanted.full);
    give_all_but(UINT32_MAX);
    assert_int_equal(rights_compare(&wanted, &record.given, &image, &out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_component_has_what_the_file_implies),
        cmocka_unit_test(what_is_not_implied_is_not_there),
        cmocka_unit_test(pairs_share_wires_or_nothing),
        cmocka_unit_test(nobody_is_behind_an_uplink),
        cmocka_unit_test(a_core_of_its_own_has_its_own_keeper),
        cmocka_unit_test(what_was_given_is_what_was_wanted),
        cmocka_unit_test(each_right_that_is_missing_is_found),
        cmocka_unit_test(what_was_given_beyond_is_found),
        cmocka_unit_test(a_right_too_much_on_the_same_thing_is_found),
        cmocka_unit_test(a_private_thing_in_two_hands_is_found),
        cmocka_unit_test(what_was_taken_back_is_gone),
        cmocka_unit_test(what_cannot_be_followed_is_no_success),
        cmocka_unit_test(the_largest_system_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
