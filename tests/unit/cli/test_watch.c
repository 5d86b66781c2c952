/* SPDX-License-Identifier: BSD-2-Clause
 * Reading --until, --type and --kill, and finding their texts on consoles. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kvm/link.h"
#include "watch.h"

static struct system_image image;
static struct watch_list list;
static char why[512];
static uint32_t fired;
static const struct watch *last;

static int setup(void **state)
{
    (void)state;
    memset(&image, 0, sizeof(image));
    memset(&list, 0, sizeof(list));
    image.vms = 2;
    strcpy(image.vm[0].name, "rtos");
    strcpy(image.vm[1].name, "linux");
    fired = 0;
    last = NULL;
    return 0;
}

static void on_fired(void *ctx, const struct watch *w)
{
    (void)ctx;
    fired++;
    last = w;
}

static void feed(uint16_t vm, const char *text)
{
    watch_feed(&list, vm, (const uint8_t *)text, strlen(text), 7, on_fired, NULL);
}

static bool add(enum watch_kind kind, const char *spec)
{
    return watch_add(&list, kind, spec, &image, why, sizeof(why));
}

static void a_text_is_found_wherever_chunks_end(void **state)
{
    (void)state;
    const char *console = "boot\r\nlogin: root\r\n";
    for (size_t cut = 0; cut <= strlen(console); cut++) {
        setup(NULL);
        assert_true(add(WATCH_UNTIL, "linux:login:"));
        watch_feed(&list, 1, (const uint8_t *)console, cut, 1, on_fired, NULL);
        watch_feed(&list, 1, (const uint8_t *)console + cut, strlen(console) - cut, 2, on_fired,
                   NULL);
        assert_int_equal(fired, 1);
        assert_true(last->met);
        assert_int_equal(last->met_ns, cut >= strlen("boot\r\nlogin:") ? 1 : 2);
    }
}

static void a_beginning_that_repeats_within_the_text_is_not_lost(void **state)
{
    (void)state;
    assert_true(add(WATCH_UNTIL, "rtos:aabaac"));
    feed(0, "aabaabaa");
    assert_int_equal(fired, 0);
    feed(0, "c");
    assert_int_equal(fired, 1);
    assert_true(add(WATCH_UNTIL, "rtos:aaab"));
    feed(0, "aaaaaaab");
    assert_int_equal(fired, 2);
}

static void matching_agrees_with_a_plain_search(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        char text[8] = {0};
        char spec[16];
        char hay[40] = {0};
        setup(NULL);
        seed = seed * 1664525u + 1013904223u;
        size_t len = 1 + (seed >> 28) % 6;
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[i] = (char)('a' + (seed >> 30) % 2);
        }
        for (size_t i = 0; i + 1 < sizeof(hay); i++) {
            seed = seed * 1664525u + 1013904223u;
            hay[i] = (char)('a' + (seed >> 30) % 2);
        }
        strcpy(spec, "rtos:");
        strcat(spec, text);
        assert_true(add(WATCH_UNTIL, spec));
        for (size_t i = 0; hay[i] != '\0'; i += 3) {
            watch_feed(&list, 0, (const uint8_t *)hay + i, 3, 1, on_fired, NULL);
        }
        assert_int_equal(fired, strstr(hay, text) != NULL ? 1 : 0);
    }
}

static void only_the_named_vm_counts_and_only_once(void **state)
{
    (void)state;
    assert_true(add(WATCH_UNTIL, "linux:ok"));
    feed(0, "ok");
    assert_int_equal(fired, 0);
    feed(1, "ok ok ok");
    feed(1, "ok");
    assert_int_equal(fired, 1);
    assert_int_equal(watch_count(&list, WATCH_UNTIL), 1);
    assert_int_equal(watch_met(&list, WATCH_UNTIL), 1);
    assert_int_equal(watch_met(&list, WATCH_TYPE), 0);
}

static void input_has_its_escapes_resolved_and_a_newline(void **state)
{
    (void)state;
    assert_true(add(WATCH_TYPE, "linux:/ #=>echo a\\tb\\\\n => x\\n"));
    assert_string_equal(list.item[0].text, "/ #");
    assert_string_equal(list.item[0].input, "echo a\tb\\n => x\n\n");
    assert_int_equal(list.item[0].input_len, strlen("echo a\tb\\n => x\n\n"));
    assert_true(add(WATCH_TYPE, "linux:a:b=>")); /* a colon in the text; only Enter */
    assert_string_equal(list.item[1].text, "a:b");
    assert_string_equal(list.item[1].input, "\n");
    assert_true(add(WATCH_KILL, "rtos:tick 5=>linux"));
    assert_int_equal(list.item[2].victim, 1);
}

static void a_victim_may_be_a_part_of_the_network(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        uint16_t victim, part;
    } good[] = {
        {"rtos:x=>rtos", 0, LINK_VICTIM_VMM},
        {"rtos:x=>linux.io", 1, LINK_VICTIM_IO},
        {"rtos:x=>far.switch", 1, LINK_VICTIM_SWITCH},
        {"rtos:x=>lan.uplink", 0, LINK_VICTIM_UPLINK},
    };
    static const char *const bad[][2] = {
        {"rtos:x=>rtos.io", "VM \"rtos\" has no network cards"},
        {"rtos:x=>far.uplink", "switch \"far\" has no uplink"},
        {"rtos:x=>linux.switch", "there is no switch \"linux\""},
        {"rtos:x=>linux.vmm", "a victim is VM, VM.io,"},
        {"rtos:x=>linux.", "a victim is VM, VM.io,"},
    };
    image.switches = 2;
    strcpy(image.switch_[0].name, "lan");
    strcpy(image.switch_[1].name, "far");
    image.switch_[0].uplink = SYSTEM_UPLINK_USER;
    image.vm[1].nics = 1;
    for (uint32_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(add(WATCH_KILL, good[i].spec));
        assert_int_equal(list.item[i].victim, good[i].victim);
        assert_int_equal(list.item[i].part, good[i].part);
        assert_string_equal(list.item[i].input, good[i].spec + 8);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(add(WATCH_KILL, bad[i][0]));
        assert_non_null(strstr(why, bad[i][1]));
    }
}

static void the_longest_text_and_input_fit_and_longer_ones_are_refused(void **state)
{
    (void)state;
    char spec[700];
    for (size_t extra = 0; extra < 2; extra++) {
        size_t n = WATCH_TEXT_MAX + extra;
        strcpy(spec, "rtos:");
        memset(spec + 5, 't', n);
        spec[5 + n] = '\0';
        assert_int_equal(add(WATCH_UNTIL, spec), extra == 0);
        strcpy(spec, "rtos:t=>");
        memset(spec + 8, 'i', n);
        spec[8 + n] = '\0';
        assert_int_equal(add(WATCH_TYPE, spec), extra == 0);
    }
    assert_int_equal(list.item[1].input_len, WATCH_TEXT_MAX + 1);
}

static void bad_specifications_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        enum watch_kind kind;
        const char *spec;
        const char *says;
    } bad[] = {
        {WATCH_UNTIL, "login", "a colon"},
        {WATCH_UNTIL, "linux:", "1 to 256 bytes"},
        {WATCH_UNTIL, "lin:x", "there is no VM \"lin\": the system file has rtos, linux"},
        {WATCH_UNTIL, ":x", "there is no VM \"\""},
        {WATCH_TYPE, "linux:x", "=>"},
        {WATCH_TYPE, "linux:=>x", "1 to 256 bytes"},
        {WATCH_TYPE, "linux:x=>\\q", "backslash"},
        {WATCH_TYPE, "linux:x=>y\\", "backslash"},
        {WATCH_KILL, "linux:x=>nobody", "there is no VM \"nobody\""},
        {WATCH_KILL, "linux:x=>", "there is no VM \"\""},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why[0] = '\0';
        assert_false(add(bad[i].kind, bad[i].spec));
        assert_non_null(strstr(why, bad[i].says));
        assert_non_null(strstr(why, "write --"));
        assert_int_equal(list.count, 0);
    }
}

static void the_list_has_an_end(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < WATCHES_MAX; i++) {
        assert_true(add(WATCH_UNTIL, "rtos:x"));
    }
    assert_false(add(WATCH_UNTIL, "rtos:x"));
    assert_non_null(strstr(why, "more than 64"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_text_is_found_wherever_chunks_end, setup),
        cmocka_unit_test_setup(a_beginning_that_repeats_within_the_text_is_not_lost, setup),
        cmocka_unit_test_setup(matching_agrees_with_a_plain_search, setup),
        cmocka_unit_test_setup(only_the_named_vm_counts_and_only_once, setup),
        cmocka_unit_test_setup(input_has_its_escapes_resolved_and_a_newline, setup),
        cmocka_unit_test_setup(a_victim_may_be_a_part_of_the_network, setup),
        cmocka_unit_test_setup(the_longest_text_and_input_fit_and_longer_ones_are_refused, setup),
        cmocka_unit_test_setup(bad_specifications_say_what_is_wrong, setup),
        cmocka_unit_test_setup(the_list_has_an_end, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
