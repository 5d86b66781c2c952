/* SPDX-License-Identifier: BSD-2-Clause
 * The summary: exit status, table, and JSON that is read back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "summary.h"
#include "summary_names.h"

static struct system_image image;
static struct watch_list watches;
static struct run_facts facts;
static char *text;
static size_t text_len;

static void add(enum watch_kind kind, const char *spec, bool met)
{
    char why[512];
    assert_true(watch_add(&watches, kind, spec, &image, why, sizeof(why)));
    watches.item[watches.count - 1].met = met;
    watches.item[watches.count - 1].met_ns = 1500000000;
}

static int setup(void **state)
{
    (void)state;
    memset(&image, 0, sizeof(image));
    memset(&watches, 0, sizeof(watches));
    memset(&facts, 0, sizeof(facts));
    image.vms = 2;
    strcpy(image.vm[0].name, "rtos");
    strcpy(image.vm[1].name, "linux");
    facts.file = "a \"quoted\" \\ name.conf";
    facts.machine = "kvm";
    facts.machine_why = "/dev/kvm runs guest code";
    facts.image = &image;
    facts.watches = &watches;
    facts.run_ns = 2500000000;
    strcpy(facts.end_text, "everything\nwas met");
    struct run_vm *v = &facts.vm[0];
    v->state = RUN_VM_STOPPED;
    v->has_stop = true;
    v->has_report = true;
    v->starts = 3;
    v->failures = 2;
    v->earlier_exits = 1000000;
    v->stop.cause = LINK_STOP_DIED;
    v->stop.code = 9;
    strcpy(v->stop.text, "killed \x1b[31m");
    strcpy(v->last_line, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \xff\xc3");
    for (unsigned i = 0; i < VM_EXIT_KINDS; i++) {
        v->report.exits[i] = 100 + i;
    }
    for (unsigned i = 0; i < REPORT_TIMERS; i++) {
        v->report.ticks[i] = (struct tick_counts){1000 + i, 900 + i, 60, 40};
    }
    v->report.version = REPORT_VERSION;
    v->report.cpu = 1;
    v->report.up_ns = UINT64_MAX;
    v->report.kvm.exits = 7;
    v->report.kvm.insn_emulation = 8;
    v->report.last_unclaimed_gpa = 0xfee00000;
    v->report.unclaimed_mmio_reads = 1;
    v->report.console_dropped = 5;
    v->process = (struct process_report){.pid = 42,
                                         .samples = 3,
                                         .private_kib = 1945,
                                         .private_kib_first = 1024,
                                         .private_kib_peak = 2048,
                                         .fds = 14,
                                         .fds_first = 13,
                                         .fds_peak = 15};
    facts.supervisor = (struct process_report){.pid = 41,
                                               .samples = 1,
                                               .private_kib = 100,
                                               .private_kib_peak = 100,
                                               .fds = 9,
                                               .fds_peak = 9};
    memset(v->report.ram_backing, 'R', sizeof(v->report.ram_backing)); /* no final 0 */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(text);
    text = NULL;
    return 0;
}

static void print(void (*how)(const struct run_facts *, FILE *))
{
    FILE *out = open_memstream(&text, &text_len);
    assert_non_null(out);
    how(&facts, out);
    fclose(out);
}

/* --- A small JSON reader: strict, and able to find a value by its path ----------------------- */

static const char *at;
static char path[256];
static const char *wanted;
static char found[256];

static void blank(void)
{
    at += strspn(at, " \n");
}

static void expect(char c)
{
    blank();
    assert_int_equal(*at, c);
    at++;
}

static void read_string(char *out, size_t size)
{
    size_t n = 0;
    expect('"');
    while (*at != '"') {
        unsigned c = (unsigned char)*at++;
        assert_true(c >= 0x20 && c != 0x7F);
        if (c == '\\') {
            c = (unsigned char)*at++;
            if (c == 'u') {
                char hex[5] = {at[0], at[1], at[2], at[3], '\0'};
                char *end;
                c = (unsigned)strtoul(hex, &end, 16);
                assert_ptr_equal(end, hex + 4);
                assert_true(c < 0x100);
                at += 4;
            } else {
                assert_true(c == '"' || c == '\\');
            }
        }
        assert_true(n + 1 < size);
        out[n++] = (char)c;
    }
    at++;
    out[n] = '\0';
}

static void read_value(void);

static void read_member(const char *name)
{
    size_t len = strlen(path);
    snprintf(path + len, sizeof(path) - len, "/%s", name);
    read_value();
    path[len] = '\0';
}

static void read_list(char open, char close)
{
    char name[64];
    expect(open);
    blank();
    for (int i = 0; *at != close; i++) {
        if (i > 0) {
            expect(',');
        }
        snprintf(name, sizeof(name), "%d", i);
        if (open == '{') {
            read_string(name, sizeof(name));
            expect(':');
        }
        read_member(name);
        blank();
    }
    at++;
}

static void read_value(void)
{
    char value[256];
    blank();
    if (*at == '{' || *at == '[') {
        read_list(*at, *at == '{' ? '}' : ']');
        return;
    }
    if (*at == '"') {
        read_string(value, sizeof(value));
    } else {
        size_t n = strcspn(at, ",]} \n");
        assert_in_range(n, 1, 30);
        snprintf(value, sizeof(value), "%.*s", (int)n, at);
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0 &&
            strcmp(value, "null") != 0) {
            assert_int_equal(strspn(value, "0123456789."), n);
        }
        at += n;
    }
    if (wanted != NULL && strcmp(path, wanted) == 0) {
        snprintf(found, sizeof(found), "%s", value);
    }
}

static void holds(const char *where, const char *value)
{
    at = text;
    path[0] = '\0';
    wanted = where;
    strcpy(found, "(nothing there)");
    read_value();
    blank();
    assert_int_equal(*at, '\0');
    assert_string_equal(found, value);
}

/* --- Tests ----------------------------------------------------------------------------------- */

static void json_reads_back_as_it_was(void **state)
{
    (void)state;
    add(WATCH_UNTIL, "rtos:a\"b\\c", true);
    add(WATCH_UNTIL, "linux:never", false);
    add(WATCH_TYPE, "linux:/ #=>ls\\t", true);
    add(WATCH_KILL, "rtos:x=>linux", false);
    facts.status = 1;
    print(summary_json);
    holds("/schema", "1");
    holds("/file", "a \"quoted\" \\ name.conf");
    holds("/machine/kind", "kvm");
    holds("/ended/why", "untils-met");
    holds("/ended/text", "everything\nwas met");
    holds("/ended/after_s", "2.500");
    holds("/ended/status", "1");
    holds("/untils/0/text", "a\"b\\c");
    holds("/untils/0/met", "true");
    holds("/untils/0/after_s", "1.500");
    holds("/untils/1/vm", "linux");
    holds("/untils/1/after_s", "null");
    holds("/types/0/input", "ls\t\n");
    holds("/kills/0/victim", "linux");
    holds("/vms/0/name", "rtos");
    holds("/vms/0/restarts", "2");
    holds("/vms/0/exits", "1002431"); /* 100 + 101 + ... + 121, and those before */
    holds("/vms/0/stop/cause", "died");
    holds("/vms/0/stop/code", "9");
    holds("/vms/0/stop/text", "killed \x1b[31m");
    holds("/vms/0/last_line", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \xff\xc3");
    assert_non_null(strstr(text, "\xf0\x9f\x98\x80 \\u00ff\\u00c3\"")); /* not UTF-8: escaped */
    holds("/vms/0/report/up_ns", "18446744073709551615");
    holds("/vms/0/report/cpu", "1");
    holds("/vms/0/report/kvm/insn_emulation", "8");
    holds("/vms/0/report/unclaimed/last_gpa", "0xfee00000");
    holds("/vms/0/report/ticks/lapic/due", "1000");
    holds("/vms/0/report/ticks/rtc/delivered", "903");
    holds("/vms/0/report/console/dropped", "5");
    holds("/processes/0/name", "/supervisor");
    holds("/processes/0/fds", "9");
    holds("/processes/1/name", "rtos");
    holds("/processes/1/pid", "42");
    holds("/processes/1/private_kib", "1945");
    holds("/processes/1/private_kib_first", "1024");
    holds("/processes/1/private_kib_peak", "2048");
    holds("/processes/1/fds", "14");
    holds("/processes/1/fds_first", "13");
    holds("/processes/1/fds_peak", "15");
    holds("/processes/2/name", "(nothing there)"); /* never looked at */
    holds("/vms/1/state", "not-started");
    holds("/vms/1/stop", "null");
    holds("/vms/1/report", "null");
}

static void every_exit_and_counter_is_in_the_json_under_its_name(void **state)
{
    (void)state;
    print(summary_json);
    for (unsigned i = 0; i < VM_EXIT_KINDS; i++) {
        char where[64], value[16];
        snprintf(where, sizeof(where), "/vms/0/report/exits/%s", summary_exit_name(i));
        snprintf(value, sizeof(value), "%u", 100 + i);
        holds(where, value);
    }
    holds("/vms/0/report/exits/hlt", "103");
    holds("/vms/0/report/exits/host_error", "121");
    holds("/vms/0/report/kvm/exits", "7");
}

static void a_cpu_that_was_not_chosen_is_null(void **state)
{
    (void)state;
    facts.vm[0].report.cpu = UINT32_MAX;
    print(summary_json);
    holds("/vms/0/report/cpu", "null");
    holds("/untils", "(nothing there)");
}

static void the_table_says_the_same(void **state)
{
    (void)state;
    add(WATCH_UNTIL, "linux:never", false);
    facts.vm[0].failed = true;
    print(summary_text);
    static const char *const lines[] = {
        "FAILED      died by signal 9: killed ?[31m\n",
        "started 3 times",
        "hlt 103",
        "KVM counts  exits 7, insn_emulation 8\n",
        "lapic ticks due 1000, delivered 900, backlog 60, merged 40\n",
        "memory: 1 reads, 0 writes (last 0xfee00000)",
        "5 LOST",
        "monitor     1.9 MiB private (peak 2.0), 14 descriptors (peak 15)\n",
        "supervisor  0.1 MiB private (peak 0.1), 9 descriptors\n",
        "never started",
        "NOT MET  linux:never",
        "after 2.5 s: everything?was met\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (strstr(text, lines[i]) == NULL) {
            print_error("missing: %s\nin:\n%s\n", lines[i], text);
            fail();
        }
    }
    assert_null(strchr(text, '\033'));
    assert_null(strstr(text, "MSRs")); /* nothing to tell */
}

static void an_unknown_cause_is_named_unknown(void **state)
{
    (void)state;
    facts.vm[0].stop.cause = 4000000000u;
    print(summary_json);
    holds("/vms/0/stop/cause", "unknown");
}

static void a_run_that_was_cut_short_before_it_began_is_not_good(void **state)
{
    (void)state;
    facts.end = RUN_ASKED;
    facts.signal = 2;
    assert_int_equal(summary_status(&facts), 0);
    facts.vm[0].starts = 0;
    assert_int_equal(summary_status(&facts), 130);
}

static void the_status_follows_from_the_facts(void **state)
{
    (void)state;
    static const struct {
        enum run_end end;
        bool has_until, met, limited, bad, vm_failed;
        int signal, status;
    } table[] = {
        {RUN_UNTILS_MET, true, true, false, false, false, 0, 0},
        {RUN_UNTILS_MET, true, true, false, true, false, 0, 1},
        {RUN_UNTILS_MET, true, true, false, false, true, 0, 1},
        {RUN_GUESTS_ENDED, false, false, false, false, false, 0, 0},
        {RUN_GUESTS_ENDED, true, false, false, false, false, 0, 1},
        {RUN_TIME_UP, false, false, true, false, false, 0, 0},
        {RUN_TIME_UP, true, false, true, false, false, 0, 1},
        {RUN_ASKED, false, false, false, false, false, 2, 0},
        {RUN_ASKED, true, false, false, false, false, 2, 130},
        {RUN_ASKED, false, false, true, false, false, 15, 143},
        {RUN_ASKED, true, true, false, false, false, 2, 0},
        {RUN_ASKED, true, false, true, false, true, 2, 1},
        {RUN_HOPELESS, true, false, false, false, false, 0, 1},
        {RUN_NOT_STARTED, false, false, false, false, false, 0, 1},
        {RUN_BROKEN, false, false, true, false, false, 0, 1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        setup(NULL);
        if (table[i].has_until) {
            add(WATCH_UNTIL, "rtos:x", table[i].met);
        }
        facts.end = table[i].end;
        facts.limited = table[i].limited;
        facts.machine_bad = table[i].bad;
        facts.vm[0].failed = table[i].vm_failed;
        facts.signal = table[i].signal;
        assert_int_equal(summary_status(&facts), table[i].status);
    }
}

/* A switch with a card of each VM and an uplink. */
static void plug_in(void)
{
    image.switches = 1;
    strcpy(image.switch_[0].name, "lan");
    image.switch_[0].uplink = SYSTEM_UPLINK_USER;
    image.vm[0].nics = 1;
    image.vm[1].nics = 2;
    image.vm[1].nic[0].switch_ = 1; /* another one */
    image.switches = 2;
    strcpy(image.switch_[1].name, "far");
    facts.sw[0].has_report = true;
    struct net_report *r = &facts.sw[0].report;
    for (uint32_t port = 0; port < 3; port++) {
        r->sw.port[port].in_frames = 10 + port;
        r->sw.port[port].out_bytes = 1000 + port;
    }
    for (uint32_t i = 0; i < SWITCH_DROPS; i++) {
        r->sw.port[1].drops[i] = 200 + i;
    }
    r->restarts = 3;
    r->up = (struct uplink_report){.link = REPORT_LINK_UP, .out_frames = 77, .in_full = 5};
    memset(r->up.text, 'U', 100);
    memcpy(r->up.text, "port \x1b[1m", 9);
    uint64_t *nic = (uint64_t *)&facts.vm[0].report.nic[0];
    for (unsigned i = 0; i < SUMMARY_NIC_COUNTERS; i++) {
        nic[i] = 300 + i;
    }
    facts.vm[0].io_process = (struct process_report){.samples = 1, .pid = 41, .fds = 6};
    facts.sw[0].process = (struct process_report){.samples = 1, .pid = 42, .fds = 7};
    facts.sw[0].uplink_process = (struct process_report){.samples = 1, .pid = 43, .fds = 8};
    uint64_t *card = (uint64_t *)&facts.vm[0].report.card[0];
    for (unsigned i = 0; i < SUMMARY_CARD_COUNTERS; i++) {
        card[i] = 400 + i;
    }
}

static void the_network_is_in_the_json_by_name(void **state)
{
    (void)state;
    plug_in();
    print(summary_json);
    holds("/vms/0/report/net/0/tx_frames", "300");
    holds("/vms/0/report/net/0/breaks", "310");
    holds("/processes/2/name", "rtos/io");
    holds("/processes/2/pid", "41");
    holds("/processes/3/name", "/switch/lan");
    holds("/processes/3/pid", "42");
    holds("/processes/4/name", "/uplink/lan");
    holds("/processes/4/fds", "8");
    holds("/vms/0/report/net/0/card/kicks", "400");
    holds("/vms/0/report/net/0/card/resets", "403");
    holds("/vms/0/report/net/0/card/refused_features", "405");
    holds("/vms/0/report/net/0/card/breaks", "406");
    holds("/vms/0/report/net/1/tx_frames", "(nothing there)");
    holds("/switches/0/name", "lan");
    holds("/switches/0/restarts", "3");
    holds("/switches/0/ports/0/name", "rtos net 0");
    holds("/switches/0/ports/1/name", "linux net 1");
    holds("/switches/0/ports/2/name", "uplink");
    holds("/switches/0/ports/3/name", "(nothing there)");
    holds("/switches/0/ports/1/in_frames", "11");
    holds("/switches/0/ports/2/out_bytes", "1002");
    for (unsigned i = 0; i < SWITCH_DROPS; i++) {
        char where[64], value[16];
        snprintf(where, sizeof(where), "/switches/0/ports/1/drops/%s", summary_drop_names[i]);
        snprintf(value, sizeof(value), "%u", 200 + i);
        holds(where, value);
    }
    holds("/switches/0/uplink/link", "up");
    holds("/switches/0/uplink/out_frames", "77");
    holds("/switches/0/uplink/in_full", "5");
    holds("/switches/1/ports/0/name", "linux net 0");
    holds("/switches/1/uplink/link", "none");
}

static void the_network_is_in_the_table(void **state)
{
    (void)state;
    plug_in();
    print(summary_text);
    static const char *const lines[] = {
        "  net 0       sent 300 frames, 301 bytes; received 302, 303; kicks 308, interrupts 309\n",
        "304 malformed from the guest, 305 too large for its buffers",
        "switch lan\n  rtos net 0   in 10 frames, 0 bytes; out 0, 1000\n",
        "dropped: full 200, frame_rate 201,",
        "uplink      up, but port ?[1mUUU",
        "dropped: full 5, malformed 0, to this host's loopback 0\n",
        "its process died 3 times\n",
        "switch far\n  never started\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (strstr(text, lines[i]) == NULL) {
            print_error("missing: %s\nin:\n%s\n", lines[i], text);
            fail();
        }
    }
    assert_null(strchr(text, '\033'));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(json_reads_back_as_it_was),
        TEST(every_exit_and_counter_is_in_the_json_under_its_name),
        TEST(a_cpu_that_was_not_chosen_is_null),
        TEST(the_table_says_the_same),
        TEST(an_unknown_cause_is_named_unknown),
        TEST(a_run_that_was_cut_short_before_it_began_is_not_good),
        TEST(the_status_follows_from_the_facts),
        TEST(the_network_is_in_the_json_by_name),
        TEST(the_network_is_in_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
