/* SPDX-License-Identifier: BSD-2-Clause
 * Accounts of processes: texts as the kernel writes them, texts that lie, and this very process. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm/account.h"

#define MAPPING(perms, name) \
    "7f0000000000-7f0000200000 " perms " 00000000 00:01 1042                       " name "\n"
#define FIELDS(private, anonymous, swap)                                    \
    "Size:               2048 kB\n"                                         \
    "KernelPageSize:        4 kB\n"                                         \
    "Rss:                2048 kB\n"                                         \
    "Shared_Dirty:          0 kB\n"                                         \
    "Private_Clean:         0 kB\n"                                         \
    "Private_Dirty:      " private " kB\n"                                  \
                                   "Anonymous:          " anonymous " kB\n" \
                                   "AnonHugePages:         0 kB\n"          \
                                   "Shared_Hugetlb:        0 kB\n"          \
                                   "Private_Hugetlb:       0 kB\n"          \
                                   "Swap:                  " swap " kB\n"   \
                                   "SwapPss:               0 kB\n"          \
                                   "THPeligible:           0\n"             \
                                   "VmFlags: rd wr mr mw me ac sd \n"

/* The sum over a text that comes in pieces of `piece` bytes, or -1. */
static long sum(const char *text, size_t piece)
{
    struct smaps s = {0};
    uint64_t kib = 0;
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += piece) {
        smaps_feed(&s, text + at, len - at < piece ? len - at : piece);
    }
    return smaps_result(&s, &kib) ? (long)kib : -1;
}

static void what_a_process_has_for_itself_is_counted(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *text;
        long kib;
    } cases[] = {
        {"heap", MAPPING("rw-p", "[heap]") FIELDS("132", "132", "0"), 132},
        {"swapped out", MAPPING("rw-p", "[heap]") FIELDS("4", "4", "128"), 132},
        {"two mappings",
         MAPPING("rw-p", "[heap]") FIELDS("8", "8", "0") MAPPING("rw-p", "") FIELDS("4", "4", "0"),
         12},
        {"text is not", MAPPING("r-xp", "/usr/bin/bulkhead") FIELDS("300", "0", "0"), 0},
        {"but data that was changed is",
         MAPPING("rw-p", "/usr/bin/bulkhead") FIELDS("12", "8", "0"), 8},
        {"guest RAM is not, not even where it is swapped out",
         MAPPING("rw-s", "/memfd:bulkhead-ram (deleted)") FIELDS("2048", "0", "512"), 0},
        {"what stands behind guest RAM is",
         MAPPING("rw-s", "/memfd:bulkhead-ram (deleted)") FIELDS("2048", "0", "512")
             MAPPING("rw-p", "[stack]") FIELDS("16", "16", "0"),
         16},
        {"huge pages of its own",
         MAPPING("rw-p", "/anon_hugepage (deleted)") "Private_Hugetlb:    2048 kB\n", 2048},
        {"huge pages of the guest",
         MAPPING("rw-s", "/memfd:bulkhead-ram (deleted)") "Private_Hugetlb:    2048 kB\n", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece = 1; piece < 5000; piece = piece * 3 + 1) {
            if (sum(cases[i].text, piece) != cases[i].kib) {
                fail_msg("%s: in pieces of %zu: %ld", cases[i].what, piece,
                         sum(cases[i].text, piece));
            }
        }
    }
}

static void what_is_no_smaps_text_counts_for_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",                                       /* a process that has ended     */
        "Anonymous: 4 kB\n",                      /* of no mapping                */
        MAPPING("rw-p", "") "Anonymous: 4 kB",    /* cut in a line                */
        MAPPING("rw-p", "") "Anonymous: 4\n",     /* of what?                     */
        MAPPING("rw-p", "") "Anonymous: 4 MB\n",  /* another unit                 */
        MAPPING("rw-p", "") "Anonymous: kB\n",    /* no number                    */
        MAPPING("rw-p", "") "Anonymous: -4 kB\n", /* none that memory can have    */
        MAPPING("rw-p", "") "Anonymous: 18446744073709551616 kB\n", /* beyond 64 bits           */
        MAPPING("rw-p", "") "Swap: 1125899906842625 kB\n", /* beyond all machines          */
        MAPPING("rw-p",
                "") "Swap: 1125899906842624 kB\nSwap: 18446744073709551615 kB\n", /* wraps */
        "7f0000000000 7f0000200000 rw-p\nAnonymous: 4 kB\n", /* a mapping without an end     */
        "-7f0000200000 rw-p\nAnonymous: 4 kB\n",             /* ... without a beginning      */
        "7f0000000000- rw-p\nAnonymous: 4 kB\n",
        "\n\n\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (size_t piece = 1; piece < 100; piece = piece * 3 + 1) {
            if (sum(bad[i], piece) != -1) {
                fail_msg("text %zu in pieces of %zu gives %ld", i, piece, sum(bad[i], piece));
            }
        }
    }
}

static void a_long_name_hides_neither_its_own_mapping_nor_the_next(void **state)
{
    (void)state;
    static char text[8192];
    strcpy(text, "7f0000000000-7f0000200000 rw-p 00000000 00:01 1042 /");
    memset(text + strlen(text), 'x', 4000);
    strcat(text, "\nAnonymous: 4 kB\n" MAPPING("rw-p", "") "Anonymous: 8 kB\n");
    assert_int_equal(sum(text, 7), 12);
}

static void bytes_that_are_not_text_end_nothing(void **state)
{
    (void)state;
    struct smaps s = {0};
    uint64_t kib = 0;
    uint8_t noise[65536];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof(noise); i++) {
        x = x * 1664525u + 1013904223u;
        noise[i] = (uint8_t)(x >> 24);
    }
    smaps_feed(&s, (const char *)noise, sizeof(noise));
    assert_false(smaps_result(&s, &kib));
}

static void memory_and_descriptors_of_this_process_are_seen(void **state)
{
    (void)state;
    struct process_report a = {0};
    const size_t bytes = 8u << 20;
    assert_true(account_sample(&a, 0));
    assert_int_equal(a.pid, getpid());
    assert_int_equal(a.samples, 1);
    assert_int_equal(a.private_kib, a.private_kib_first);
    assert_int_equal(a.fds, a.fds_first);
    uint64_t before = a.private_kib;
    uint32_t fds = a.fds;
    uint8_t *own = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int ram = memfd_create("bulkhead-ram", MFD_CLOEXEC);
    assert_true(own != MAP_FAILED && ram >= 0 && ftruncate(ram, (off_t)bytes) == 0);
    uint8_t *guest = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ram, 0);
    assert_true(guest != MAP_FAILED);
    memset(own, 1, bytes);
    memset(guest, 1, bytes);
    assert_true(account_sample(&a, getpid())); /* by its number it is the same */
    assert_true(a.private_kib >= before + 8192 && a.private_kib < before + 16384);
    assert_int_equal(a.fds, fds + 1);
    munmap(own, bytes);
    munmap(guest, bytes);
    close(ram);
    uint64_t peak = a.private_kib;
    assert_true(account_sample(&a, 0));
    assert_true(a.private_kib < peak);
    assert_int_equal(a.private_kib_peak, peak);
    assert_int_equal(a.private_kib_first, before);
    assert_int_equal(a.fds, fds);
    assert_int_equal(a.fds_peak, fds + 1);
    assert_int_equal(a.samples, 3);
}

static void who_counts_does_not_grow(void **state)
{
    (void)state;
    struct process_report a = {0};
    for (int i = 0; i < 3; i++) { /* what the C library keeps is there after the first times */
        assert_true(account_sample(&a, 0));
    }
    a.samples = 0;
    for (int i = 0; i < 50; i++) {
        assert_true(account_sample(&a, 0));
    }
    assert_int_equal(a.fds_peak, a.fds_first);
}

static void another_process_begins_an_account_anew_and_one_that_ended_leaves_it(void **state)
{
    (void)state;
    struct process_report a = {0};
    assert_true(account_sample(&a, 0));
    assert_true(account_sample(&a, 0));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    assert_true(account_sample(&a, pid));
    assert_int_equal(a.pid, pid);
    assert_int_equal(a.samples, 1);
    (void)kill(pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0); /* not yet reaped */
    struct process_report before = a;
    assert_false(account_sample(&a, pid));
    assert_memory_equal(&a, &before, sizeof(a));
    (void)waitpid(pid, NULL, 0);
    assert_false(account_sample(&a, pid));
    assert_memory_equal(&a, &before, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_process_has_for_itself_is_counted),
        cmocka_unit_test(what_is_no_smaps_text_counts_for_nothing),
        cmocka_unit_test(a_long_name_hides_neither_its_own_mapping_nor_the_next),
        cmocka_unit_test(bytes_that_are_not_text_end_nothing),
        cmocka_unit_test(memory_and_descriptors_of_this_process_are_seen),
        cmocka_unit_test(who_counts_does_not_grow),
        cmocka_unit_test(another_process_begins_an_account_anew_and_one_that_ended_leaves_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
