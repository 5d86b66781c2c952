/* SPDX-License-Identifier: BSD-2-Clause
 * Interleaved consoles: what reaches the screen, and what never does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "front_keys.h"

#define LATER (10ull * 1000000000u)

static struct system_image image;
static struct console console;
static char *screen;
static size_t screen_len;
static FILE *out;

static void begin(bool colour, bool redraw)
{
    memset(&image, 0, sizeof(image));
    image.vms = 3;
    strcpy(image.vm[0].name, "rtos");
    strcpy(image.vm[1].name, "linux");
    strcpy(image.vm[2].name, "third");
    out = open_memstream(&screen, &screen_len);
    assert_non_null(out);
    console_init(&console, out, &image, colour, redraw);
}

static const char *shown(void)
{
    console_flush(&console);
    return screen;
}

static int teardown(void **state)
{
    (void)state;
    fclose(out);
    free(screen);
    return 0;
}

static void say(uint16_t vm, const char *text, uint64_t now)
{
    console_feed(&console, vm, (const uint8_t *)text, strlen(text), now);
}

static void lines_are_interleaved_whole_with_names(void **state)
{
    (void)state;
    begin(false, false);
    say(0, "tick ", 0);
    say(1, "Wel", 1);
    say(0, "1\r\ntick 2\r\n", 2);
    say(1, "come\n", 3);
    console_say(&console, "a note");
    assert_string_equal(shown(), "rtos     | tick 1\n"
                                 "rtos     | tick 2\n"
                                 "linux    | Welcome\n"
                                 "bulkhead | a note\n");
}

static void colours_differ_by_vm_and_end_before_the_text(void **state)
{
    (void)state;
    begin(true, false);
    say(0, "a\n", 0);
    say(1, "b\n", 0);
    assert_string_equal(shown(), "\033[36mrtos     |\033[0m a\n"
                                 "\033[33mlinux    |\033[0m b\n");
}

static void a_prompt_is_shown_after_a_silence_and_its_rest_joins_it(void **state)
{
    (void)state;
    begin(false, false);
    assert_true(console_deadline(&console) == UINT64_MAX);
    say(1, "/ # ", 5);
    console_settle(&console, 5);
    assert_string_equal(shown(), "");
    uint64_t due = console_deadline(&console);
    assert_true(due > 5 && due < LATER);
    console_settle(&console, due);
    assert_string_equal(shown(), "linux    | / # ");
    assert_true(console_deadline(&console) == UINT64_MAX);
    say(1, "ls\r\n", due + 1);
    assert_string_equal(shown(), "linux    | / # ls\n");
}

static void an_interrupted_line_goes_on_with_a_plus(void **state)
{
    (void)state;
    begin(false, false);
    say(1, "/ # ", 0);
    console_settle(&console, LATER);
    say(0, "tick\n", LATER);
    say(1, "ls\nbin\n", LATER);
    assert_string_equal(shown(), "linux    | / # \n"
                                 "rtos     | tick\n"
                                 "linux    + ls\n"
                                 "linux    | bin\n");
}

static void an_interrupted_line_without_a_rest_is_not_shown_twice(void **state)
{
    (void)state;
    begin(false, false);
    say(1, "done", 0);
    console_settle(&console, LATER);
    say(0, "tick\n", LATER);
    say(1, "\r\n\r\n", LATER);
    assert_string_equal(shown(), "linux    | done\n"
                                 "rtos     | tick\n"
                                 "linux    | \n");
}

static void a_shown_line_that_is_edited_is_shown_anew(void **state)
{
    (void)state;
    begin(false, false);
    say(1, "10%", 0);
    console_settle(&console, LATER);
    say(1, "\r20%", LATER);
    say(1, "\n", LATER);
    assert_string_equal(shown(), "linux    | 10%\n"
                                 "linux    + 20%\n");
}

static void on_a_terminal_the_unfinished_line_stays_below(void **state)
{
    (void)state;
    begin(false, true);
    say(1, "/ # l", 0);
    console_settle(&console, LATER);
    assert_string_equal(shown(), "linux    | / # l");
    say(0, "tick\n", LATER);
    console_settle(&console, LATER);
    assert_string_equal(shown(), "linux    | / # l"
                                 "\r\033[K"
                                 "rtos     | tick\n"
                                 "linux    | / # l");
    size_t before = strlen(shown());
    console_settle(&console, LATER + 1); /* nothing new: nothing drawn */
    assert_int_equal(strlen(shown()), before);
    say(1, "s\n", LATER);
    console_settle(&console, LATER);
    assert_string_equal(shown() + before, "\r\033[K"
                                          "linux    | / # ls\n");
}

static void two_unfinished_lines_do_not_make_the_loop_spin(void **state)
{
    (void)state;
    begin(false, true);
    say(0, "a", 0);
    say(1, "b", 1);
    say(2, "c", 2);
    console_focus(&console, 0, false);
    console_settle(&console, LATER);
    assert_true(console_deadline(&console) == UINT64_MAX);
    assert_string_equal(shown(), "rtos     | a");
    console_focus(&console, CONSOLE_NOBODY, false);
    console_settle(&console, LATER); /* the latest */
    assert_non_null(strstr(shown(), "third    | c"));
    assert_true(console_deadline(&console) == UINT64_MAX);
}

static void the_unfinished_line_fits_into_one_row_and_shows_the_cursor(void **state)
{
    (void)state;
    begin(false, true);
    console_set_width(&console, 30);
    say(1, "0123456789abcdefghijklmnopqrstuvwxyz", 0);
    console_settle(&console, LATER);
    assert_true(strlen(shown()) < 30);
    assert_non_null(strstr(shown(), "xyz"));
    console_set_width(&console, 1); /* absurd, but harmless */
    say(1, "!", LATER);
    console_settle(&console, LATER);
}

static void line_editing_of_a_shell_is_followed(void **state)
{
    (void)state;
    begin(false, false);
    say(1, "/ # lx\b\033[Js\b \bs -l\033[2D\033[K\r\n", 0);
    say(1, "abc\033[2D\033[PX\033[10GY\033[1D\033[@-\n", 0);
    assert_string_equal(shown(), "linux    | / # ls \n"
                                 "linux    | aX       -Y\n");
}

/* Whatever a guest writes, the screen gets text, newlines, and nothing else. */
static void nothing_but_text_comes_out_of_a_hostile_guest(void **state)
{
    (void)state;
    uint32_t seed = 42;
    static const char favourites[] =
        "\033[]P;?0123456789mJKHC@PD\\\a\b\r\t\x9b\xc2\x9b\xe2\x80\xae";
    begin(false, false);
    for (int i = 0; i < 300000; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint8_t byte = (uint8_t)(seed >> 24);
        if ((seed & 0x300) != 0) {
            byte = (uint8_t)favourites[(seed >> 12) % (sizeof(favourites) - 1)];
        }
        console_feed(&console, (uint16_t)(i / 1000 % 3), &byte, 1, (uint64_t)(unsigned)i);
        if (i % 97 == 0) {
            console_settle(&console, (uint64_t)(unsigned)i + LATER);
        }
    }
    console_finish(&console);
    const char *s = shown();
    for (size_t i = 0; i < screen_len; i++) {
        assert_true(s[i] == '\n' || ((uint8_t)s[i] >= 0x20 && s[i] != 0x7F));
        assert_false((uint8_t)s[i] == 0xC2 && (uint8_t)s[i + 1] < 0xA0); /* C1 in UTF-8 */
        assert_memory_not_equal(s + i, "\xe2\x80\xae", screen_len - i < 3 ? screen_len - i : 3);
    }
}

static void control_strings_and_replies_are_swallowed(void **state)
{
    (void)state;
    begin(false, false);
    say(0, "a\033]0;title\ab\033]52;c;cm0=\033\\c\033[6n\033[?1049hd\033(Be\033cf\x07\x01\x7f\n",
        0);
    assert_string_equal(shown(), "rtos     | abcdef^A^?\n");
}

static void a_string_that_never_ends_does_not_hide_what_follows(void **state)
{
    (void)state;
    begin(false, false);
    say(0, "\033]0;never\nvisible\n", 0);
    assert_non_null(strstr(shown(), "visible"));
    say(0, "\033P", 0);
    for (int i = 0; i < 300; i++) {
        say(0, "x", 0);
    }
    say(0, "seen\n", 0);
    assert_non_null(strstr(shown(), "seen"));
}

static void renditions_are_kept_and_never_leak(void **state)
{
    (void)state;
    begin(true, false);
    say(0, "\033[1;31mred\n", 0);
    say(1, "plain\n", 0);
    say(0, "still\033[0m not\033[8mseen\033[38;5;200;7mx\033[38;2;1;2;3my\n", 0);
    assert_string_equal(shown(), "\033[36mrtos     |\033[0m \033[0;1;31mred\033[0m\n"
                                 "\033[33mlinux    |\033[0m plain\n"
                                 "\033[36mrtos     |\033[0m \033[0;1;31mstill\033[0m notseen"
                                 "\033[0;7;38;5;200mxy\033[0m\n");
}

static void text_in_utf8_passes_and_broken_utf8_does_not(void **state)
{
    (void)state;
    begin(false, false);
    say(0, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\n", 0);
    say(0, "\xc3\x28 \xff \xc0\xaf \xed\xa0\x80 \xc2\x9b\n", 0);
    assert_string_equal(shown(), "rtos     | gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\n"
                                 "rtos     | ( ? ?? ? ?\n");
}

static void a_line_without_end_is_shown_in_parts(void **state)
{
    (void)state;
    begin(false, false);
    for (unsigned i = 0; i < LINE_CELLS * 2 + 3; i++) {
        say(0, "x", 0);
    }
    say(0, "\nnext\n", 0);
    const char *s = shown();
    const char *plus = strstr(s, "rtos     + xxx");
    assert_non_null(plus);
    assert_non_null(strstr(plus + 1, "rtos     + xxx\nrtos     | next\n"));
    /* A line that ends just where it was cut leaves no empty rest. */
    size_t before = strlen(s);
    for (unsigned i = 0; i < LINE_CELLS; i++) {
        say(1, "y", 0);
    }
    say(1, "\r\nend\n", 0);
    assert_non_null(strstr(shown() + before, "y\nlinux    | end\n"));
}

static void raw_focus_passes_one_guest_and_holds_the_others_back(void **state)
{
    (void)state;
    begin(false, true);
    console_focus(&console, 1, true);
    say(1, "\033[2J\033[Hvi", 0);
    say(0, "tick\n", 0);
    console_settle(&console, LATER);
    assert_string_equal(shown(), "\033[2J\033[Hvi");
    assert_true(console_deadline(&console) == UINT64_MAX);
    console_focus(&console, CONSOLE_NOBODY, false);
    assert_non_null(strstr(shown(), "\033[!p"));
    assert_non_null(strstr(shown(), "1 lines of others were not shown"));
    say(0, "tick\n", LATER);
    assert_non_null(strstr(shown(), "rtos     | tick\n"));
}

static void the_last_line_with_text_is_remembered(void **state)
{
    (void)state;
    begin(false, false);
    say(0, "one\n\033[1mtwo\033[0m\n\n   \n", 0);
    assert_string_equal(console.vm[0].last, "two");
    say(0, "/ # ", 0);
    console_finish(&console);
    assert_string_equal(console.vm[0].last, "/ # ");
    assert_non_null(strstr(shown(), "rtos     | / # \n"));
}

static void a_guest_that_starts_anew_starts_plain(void **state)
{
    (void)state;
    begin(true, false);
    say(0, "\033[31mhalf\033]0;", 0);
    console_restart(&console, 0);
    say(0, "new\n", 0);
    assert_non_null(strstr(shown(), "half\033[0m\n\033[36mrtos     |\033[0m new\n"));
}

static void keys_mean_what_the_manual_says(void **state)
{
    (void)state;
    static const struct {
        uint8_t key[2];
        bool focused;
        enum key_action action;
        uint8_t arg;
    } table[] = {
        {{'x', 0}, true, KEY_TYPE, 'x'},
        {{'\r', 0}, true, KEY_TYPE, '\r'},
        {{KEY_CTRL_C, 0}, true, KEY_QUIT, 0},
        {{KEY_CTRL_C, 0}, false, KEY_QUIT, 0},
        {{KEY_CTRL_Z, 0}, true, KEY_TYPE, KEY_CTRL_Z},
        {{KEY_CTRL_Z, 0}, false, KEY_SUSPEND, 0},
        {{KEY_CTRL_A, KEY_CTRL_Z}, true, KEY_SUSPEND, KEY_CTRL_Z},
        {{KEY_CTRL_A, KEY_CTRL_A}, true, KEY_TYPE, KEY_CTRL_A},
        {{KEY_CTRL_A, KEY_CTRL_C}, true, KEY_TYPE, KEY_CTRL_C},
        {{KEY_CTRL_A, '0'}, true, KEY_FOCUS, 0},
        {{KEY_CTRL_A, '8'}, true, KEY_FOCUS, 8},
        {{KEY_CTRL_A, '9'}, true, KEY_HELP, '9'},
        {{KEY_CTRL_A, 'n'}, true, KEY_NEXT, 'n'},
        {{KEY_CTRL_A, 'r'}, true, KEY_RAW, 'r'},
        {{KEY_CTRL_A, '?'}, true, KEY_HELP, '?'},
        {{KEY_CTRL_A, 'q'}, true, KEY_QUIT, 'q'},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct keys k = {0};
        uint8_t arg = 0;
        enum key_action action = keys_take(&k, table[i].key[0], table[i].focused, &arg);
        if (table[i].key[1] != 0) {
            assert_int_equal(action, KEY_NOTHING);
            action = keys_take(&k, table[i].key[1], table[i].focused, &arg);
        }
        assert_int_equal(action, table[i].action);
        assert_int_equal(arg, table[i].arg);
        assert_false(k.prefix);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_are_interleaved_whole_with_names),
        TEST(colours_differ_by_vm_and_end_before_the_text),
        TEST(a_prompt_is_shown_after_a_silence_and_its_rest_joins_it),
        TEST(an_interrupted_line_goes_on_with_a_plus),
        TEST(an_interrupted_line_without_a_rest_is_not_shown_twice),
        TEST(a_shown_line_that_is_edited_is_shown_anew),
        TEST(on_a_terminal_the_unfinished_line_stays_below),
        TEST(two_unfinished_lines_do_not_make_the_loop_spin),
        TEST(the_unfinished_line_fits_into_one_row_and_shows_the_cursor),
        TEST(line_editing_of_a_shell_is_followed),
        TEST(nothing_but_text_comes_out_of_a_hostile_guest),
        TEST(control_strings_and_replies_are_swallowed),
        TEST(a_string_that_never_ends_does_not_hide_what_follows),
        TEST(renditions_are_kept_and_never_leak),
        TEST(text_in_utf8_passes_and_broken_utf8_does_not),
        TEST(a_line_without_end_is_shown_in_parts),
        TEST(raw_focus_passes_one_guest_and_holds_the_others_back),
        TEST(the_last_line_with_text_is_remembered),
        TEST(a_guest_that_starts_anew_starts_plain),
        cmocka_unit_test(keys_mean_what_the_manual_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
