/* SPDX-License-Identifier: BSD-2-Clause
 * From text to image: numbers and words as people write them, the layout of RAM, and files that are
 * damaged in every place. The exact messages are compared by tests/check. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "freeze.h"
#include "say.h"
#include "scan.h"
#include "system/check.h"
#include "vm/time.h"
#include "words.h"

/* libconfig 1.5 loses a string that stands where it finds a syntax error. Nothing else is forgiven:
 * its settings, if we lost them, would still be reported. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append";
}

static char directory[] = "/tmp/bulkhead-test-XXXXXX";
static char file_path[64];
static char kernel_path[64];
static struct system_image image;

static void write_file(const char *path, const char *bytes, size_t length)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, length, f), length);
    assert_int_equal(fclose(f), 0);
}

static int make_directory(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(file_path, sizeof(file_path), "%s/system.conf", directory);
    snprintf(kernel_path, sizeof(kernel_path), "%s/kernel", directory);
    write_file(kernel_path, "kernel", 6);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(file_path);
    unlink(kernel_path);
    return rmdir(directory);
}

/* Freezes a text for any host; what is said goes to *said, which the caller frees. */
static int freeze(const char *text, size_t length, char **said)
{
    size_t size = 0;
    FILE *diag = open_memstream(said, &size);
    assert_non_null(diag);
    memset(&image, 0, sizeof(image));
    write_file(file_path, text, length);
    int status = system_file_freeze_for(file_path, &image, diag, FREEZE_FOR_ANY_HOST);
    fclose(diag);
    return status;
}

static void freeze_good(const char *text)
{
    char *said = NULL;
    assert_int_equal(freeze(text, strlen(text), &said), 0);
    assert_string_equal(said, "");
    free(said);
    assert_int_equal(system_check(&image, sizeof(image), NULL, 0), 0);
}

#define BOOT "name = \"a\"; boot = { protocol = \"multiboot\"; kernel = \"kernel\"; };"

/* --- Words and numbers ------------------------------------------------------------------------ */

static void numbers_are_read_exactly_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum number_result result;
        uint64_t value;
    } cases[] = {
        {"0", NUMBER_OK, 0},
        {"4096", NUMBER_OK, 4096},
        {"0x1000", NUMBER_OK, 4096},
        {"0XfEe00000", NUMBER_OK, 0xFEE00000},
        {"4K", NUMBER_OK, 4096},
        {"4k", NUMBER_OK, 4096},
        {"4KiB", NUMBER_OK, 4096},
        {"256M", NUMBER_OK, 256u << 20},
        {"1G", NUMBER_OK, 1u << 30},
        {"2T", NUMBER_OK, 2ull << 40},
        {"18446744073709551615", NUMBER_OK, UINT64_MAX},
        {"18446744073709551616", NUMBER_TOO_BIG, 0},
        {"0xFFFFFFFFFFFFFFFF", NUMBER_OK, UINT64_MAX},
        {"0x10000000000000000", NUMBER_TOO_BIG, 0},
        {"99999999999999999999999999", NUMBER_TOO_BIG, 0},
        {"16777215T", NUMBER_OK, 16777215ull << 40},
        {"16777216T", NUMBER_TOO_BIG, 0},
        {"-1", NUMBER_NEGATIVE, 0},
        {"-0x10", NUMBER_NEGATIVE, 0},
        {"", NUMBER_SYNTAX, 0},
        {"-", NUMBER_SYNTAX, 0},
        {"0x", NUMBER_SYNTAX, 0},
        {"K", NUMBER_SYNTAX, 0},
        {"1 G", NUMBER_SYNTAX, 0},
        {" 1", NUMBER_SYNTAX, 0},
        {"1GB", NUMBER_SYNTAX, 0},
        {"1.5G", NUMBER_SYNTAX, 0},
        {"0x10K", NUMBER_SYNTAX, 0},
        {"1e3", NUMBER_SYNTAX, 0},
        {"12ab", NUMBER_SYNTAX, 0},
        {"\xFF", NUMBER_SYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t value = 0;
        enum number_result result = number_parse(cases[i].text, &value);
        if (result != cases[i].result || value != cases[i].value) {
            printf("\"%s\": result %d, value %llx\n", cases[i].text, (int)result,
                   (unsigned long long)value);
        }
        assert_int_equal(result, cases[i].result);
        assert_int_equal(value, cases[i].value);
    }
}

static void sizes_are_never_shown_larger_than_they_are(void **state)
{
    (void)state;
    char text[SIZE_TEXT];
    assert_string_equal(size_text(0, text), "0 bytes");
    assert_string_equal(size_text(1, text), "1 byte");
    assert_string_equal(size_text(1023, text), "1023 bytes");
    assert_string_equal(size_text(1024, text), "1 KiB");
    assert_string_equal(size_text(1536, text), "1.5 KiB");
    assert_string_equal(size_text((1u << 20) - 1, text), "1023.9 KiB");
    assert_string_equal(size_text(3ull << 30, text), "3 GiB");
    assert_string_equal(size_text(UINT64_MAX, text), "15.9 EiB");
}

static void the_nearest_word_is_found_or_none(void **state)
{
    (void)state;
    static const char *const words[] = {"kernel", "cmdline", "initrd", "modules", "ram"};
    assert_int_equal(word_nearest("kernal", words, 5), 0);
    assert_int_equal(word_nearest("KERNEL", words, 5), 0);
    assert_int_equal(word_nearest("command_line", words, 5), SIZE_MAX);
    assert_int_equal(word_nearest("cmd_line", words, 5), 1);
    assert_int_equal(word_nearest("module", words, 5), 3);
    assert_int_equal(word_nearest("rom", words, 5), 4);
    assert_int_equal(word_nearest("", words, 5), SIZE_MAX);
    assert_int_equal(word_nearest("x", words, 5), SIZE_MAX);
    char longer[100];
    memset(longer, 'k', sizeof(longer));
    longer[99] = 0;
    assert_int_equal(word_nearest(longer, words, 5), SIZE_MAX);
}

/* --- The scan --------------------------------------------------------------------------------- */

static void numbers_are_looked_for_where_libconfig_would_read_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t errors;
    } cases[] = {
        {"a = 2147483647;", 0},
        {"a = 2147483648;", 1},
        {"a = 0x7FFFFFFF;", 0},
        {"a = 0x80000000;", 1},
        {"a = 0x80000000L;", 0},
        {"a = 0x100000000;", 1},
        {"a = 9223372036854775807L;", 0},
        {"a = 9223372036854775808LL;", 1},
        {"a = -2147483649;", 1},
        {"a = \"0x100000000\"; # 0x100000000", 0},
        {"/* 0x100000000 */ a = 1; // 0x100000000", 0},
        {"a0x100000000 = 1; b-4294967296 = 2;", 0},
        {"a = \"\\\" 4294967296\";", 0},
        {"a = 1.5e300;", 0},
        {"a = [4294967296,4294967297\n,5];", 2},
        {"a = 00000000000000000000000000000000000000000000000001;", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct say say;
        say_begin(&say, "text");
        assert_true(scan_source(cases[i].text, &say));
        size_t errors = say.errors;
        FILE *nowhere = fopen("/dev/null", "w");
        say_end(&say, nowhere);
        fclose(nowhere);
        if (errors != cases[i].errors) {
            printf("\"%s\": %zu errors\n", cases[i].text, errors);
        }
        assert_int_equal(errors, cases[i].errors);
    }
}

/* libconfig compares each setting's name with all before it: 1 MiB of them takes it minutes. */
static void a_flood_of_settings_never_reaches_libconfig(void **state)
{
    (void)state;
    static const struct {
        size_t settings;
        char sign;
        bool readable;
    } cases[] = {{4096, '=', true}, {4097, '=', false}, {4097, ':', false}, {90000, '=', false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = NULL;
        size_t length = 0;
        FILE *f = open_memstream(&text, &length);
        for (size_t k = 0; k < cases[i].settings; k++) {
            fprintf(f, "k%zu %c \"=:\"; # =\n", k, cases[i].sign);
        }
        fclose(f);
        struct say say;
        say_begin(&say, "text");
        assert_int_equal(scan_source(text, &say), cases[i].readable);
        assert_int_equal(say.errors, cases[i].readable ? 0 : 1);
        FILE *nowhere = fopen("/dev/null", "w");
        say_end(&say, nowhere);
        fclose(nowhere);
        free(text);
    }
}

/* --- Freezing --------------------------------------------------------------------------------- */

static void sized_ram_is_laid_out_around_the_pci_hole(void **state)
{
    (void)state;
    freeze_good("vms = ( { " BOOT " ram = \"3G\"; } );");
    assert_int_equal(image.vm[0].ranges, 1);
    assert_int_equal(image.vm[0].range[0].size, 0xC0000000u);
    freeze_good("vms = ( { " BOOT " ram = 3221229568L; } );"); /* 3 GiB and a page */
    assert_int_equal(image.vm[0].ranges, 2);
    assert_int_equal(image.vm[0].range[0].base, 0);
    assert_int_equal(image.vm[0].range[0].size, 0xC0000000u);
    assert_int_equal(image.vm[0].range[1].base, 0x100000000u);
    assert_int_equal(image.vm[0].range[1].size, 0x1000);
}

static void what_is_not_said_has_its_default(void **state)
{
    (void)state;
    freeze_good("vms = ( { " BOOT " ram = \"1M\"; } );");
    const struct system_vm *vm = &image.vm[0];
    assert_int_equal(image.flags, 0);
    assert_int_equal(image.vms, 1);
    assert_int_equal(vm->cpu, SYSTEM_CPU_ANY);
    assert_int_equal(vm->priority, 0);
    assert_int_equal(vm->devices, 0);
    assert_int_equal(vm->serials, 0);
    assert_int_equal(vm->tick_policy, TICK_CATCH_UP);
    assert_int_equal(vm->on_failure, SYSTEM_FAIL_STOP);
    assert_int_equal(vm->kernel.load_at, SYSTEM_AT_ANY);
    assert_int_equal(vm->kernel.bytes, 6);
    assert_string_equal(vm->kernel.path, kernel_path);
}

static void everything_said_arrives_in_the_image(void **state)
{
    (void)state;
    freeze_good("strict = true; vms = ( { name = \"vm-1_A\"; cpu = 3; priority = 7;"
                "boot = { protocol = \"multiboot\"; kernel = \"kernel\"; load_at = \"1M\";"
                "  cmdline = \"c ${tsc_khz}\"; modules = ("
                "  { file = \"kernel\"; args = \"a ${apic_khz}\"; load_at = 0x300000; } ); };"
                "memory = ( { base = \"3M\"; size = \"1M\"; }, { base = 0; size = \"2M\"; } );"
                "timers = [ \"pm\", \"lapic\" ]; devices = [ \"ioapic\" ];"
                "serial = ( { port = 0x2f8; irq = 3; } );"
                "tick_policy = \"coalesce\"; on_failure = \"stop-all\"; } );");
    const struct system_vm *vm = &image.vm[0];
    assert_int_equal(image.flags, SYSTEM_FLAG_STRICT);
    assert_string_equal(vm->name, "vm-1_A");
    assert_int_equal(vm->cpu, 3);
    assert_int_equal(vm->priority, 7);
    assert_int_equal(vm->protocol, SYSTEM_BOOT_MULTIBOOT);
    assert_int_equal(vm->kernel.load_at, 0x100000);
    assert_string_equal(vm->cmdline, "c ${tsc_khz}");
    assert_int_equal(vm->modules, 1);
    assert_string_equal(vm->module[0].args, "a ${apic_khz}");
    assert_int_equal(vm->module[0].load_at, 0x300000);
    assert_int_equal(vm->ranges, 2);
    assert_int_equal(vm->range[0].base, 0); /* ascending, whatever the file's order */
    assert_int_equal(vm->range[0].size, 0x200000);
    assert_int_equal(vm->range[1].base, 0x300000);
    assert_int_equal(vm->devices, SYSTEM_DEV_PM_TIMER | SYSTEM_DEV_LAPIC | SYSTEM_DEV_IOAPIC);
    assert_int_equal(vm->serial[0].port, 0x2F8);
    assert_int_equal(vm->serial[0].irq, 3);
    assert_int_equal(vm->tick_policy, TICK_COALESCE);
    assert_int_equal(vm->on_failure, SYSTEM_FAIL_STOP_ALL);
}

static void lines_may_end_as_any_editor_ends_them(void **state)
{
    (void)state;
    freeze_good("\xEF\xBB\xBFvms = (\r\n{ " BOOT "\r\n# comment\r\n ram = \"1M\"; }\r\n);\r\n");
}

static void a_hundred_errors_are_counted_where_they_are_not_kept(void **state)
{
    (void)state;
    char text[4096] = "";
    for (int i = 0; i < 100; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "key%d = 1;\n", i);
    }
    char *said = NULL;
    assert_int_equal(freeze(text, strlen(text), &said), 2);
    /* The missing "vms" is the 101st, and SAY_MAX are kept. */
    assert_non_null(strstr(said, "37 more; mend these first"));
    free(said);
}

static void opening_tells_text_from_image(void **state)
{
    (void)state;
    freeze_good("vms = ( { " BOOT " ram = \"1M\"; } );");
    struct system_opened opened;
    assert_int_equal(system_open(file_path, &opened, stderr, FREEZE_FOR_THIS_HOST), 0);
    assert_false(opened.was_frozen);
    assert_memory_equal(opened.image, &image, sizeof(image));
    system_close(&opened);
    write_file(file_path, (const char *)&image, sizeof(image));
    assert_int_equal(system_open(file_path, &opened, stderr, FREEZE_FOR_THIS_HOST), 0);
    assert_true(opened.was_frozen);
    assert_int_equal(opened.bytes, sizeof(image));
    assert_memory_equal(opened.image, &image, sizeof(image));
    system_close(&opened);
}

/* --- Damage ----------------------------------------------------------------------------------- */

static size_t read_example(char *text, size_t room)
{
    FILE *f = fopen("systems/flightdeck.conf", "r"); /* tests run from the top of the tree */
    assert_non_null(f);
    size_t length = fread(text, 1, room, f);
    fclose(f);
    assert_true(length > 500 && length < room);
    return length;
}

static void a_file_cut_anywhere_gives_messages_not_a_crash(void **state)
{
    (void)state;
    char text[8192];
    size_t length = read_example(text, sizeof(text));
    for (size_t cut = 0; cut < length - 20; cut++) {
        char *said = NULL;
        assert_int_equal(freeze(text, cut, &said), 2);
        assert_true(strlen(said) > 0);
        free(said);
    }
}

static void a_file_changed_anywhere_gives_messages_not_a_crash(void **state)
{
    (void)state;
    static const char bytes[] = {0, '"', '{', ')', '9', '-', '\n', '@', '\\', '/', (char)0xFF};
    char text[8192];
    size_t length = read_example(text, sizeof(text));
    for (size_t at = 0; at < length; at++) {
        char kept = text[at];
        text[at] = bytes[at % sizeof(bytes)];
        char *said = NULL;
        /* The guests' files are not there, so nothing can be sound. */
        assert_int_equal(freeze(text, length, &said), 2);
        free(said);
        text[at] = kept;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_exactly_or_refused),
        cmocka_unit_test(sizes_are_never_shown_larger_than_they_are),
        cmocka_unit_test(the_nearest_word_is_found_or_none),
        cmocka_unit_test(numbers_are_looked_for_where_libconfig_would_read_one),
        cmocka_unit_test(a_flood_of_settings_never_reaches_libconfig),
        cmocka_unit_test(sized_ram_is_laid_out_around_the_pci_hole),
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(everything_said_arrives_in_the_image),
        cmocka_unit_test(lines_may_end_as_any_editor_ends_them),
        cmocka_unit_test(a_hundred_errors_are_counted_where_they_are_not_kept),
        cmocka_unit_test(opening_tells_text_from_image),
        cmocka_unit_test(a_file_cut_anywhere_gives_messages_not_a_crash),
        cmocka_unit_test(a_file_changed_anywhere_gives_messages_not_a_crash),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
