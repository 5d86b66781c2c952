/* SPDX-License-Identifier: BSD-2-Clause
 * Memory and descriptors of a process, from /proc. Nothing of it is kept open or allocated for long:
 * who counts must not grow. */
#include "kvm/account.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUEST_RAM "/memfd:bulkhead-ram" /* as ram.c names it */
#define KIB_MAX   (1ull << 50) /* more than any machine has: the sum cannot wrap below it */

/* --- smaps ------------------------------------------------------------------------------------- */

static const char *skip_hex(const char *at)
{
    while (isxdigit((unsigned char)*at)) { /* bound: the line */
        at++;
    }
    return at;
}

/* "55d0c0000000-55d0c0021000 rw-p 00000000 00:00 0      [heap]" */
static bool is_mapping(const char *line)
{
    const char *dash = skip_hex(line);
    const char *space = dash != line && *dash == '-' ? skip_hex(dash + 1) : line;
    return space > dash + 1 && *space == ' ';
}

/* What counts, of "Anonymous:           132 kB". Whoever lies about the number is not believed. */
static void take_field(struct smaps *s)
{
    static const char *const counted[] = {"Anonymous:", "Swap:", "Private_Hugetlb:"};
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
        size_t len = strlen(counted[i]);
        if (strncmp(s->line, counted[i], len) == 0) {
            char *end = NULL;
            const char *digits = s->line + len + strspn(s->line + len, " ");
            errno = 0;
            unsigned long long kib = strtoull(digits, &end, 10);
            bool good = isdigit((unsigned char)*digits) && strcmp(end, " kB") == 0 && errno == 0;
            s->bad = s->bad || !good || kib > KIB_MAX - s->kib;
            s->kib += !s->bad && !s->guest_ram ? kib : 0;
        }
    }
}

static void take_line(struct smaps *s)
{
    if (is_mapping(s->line)) {
        s->mappings++;
        s->guest_ram = strstr(s->line, " " GUEST_RAM) != NULL;
    } else {
        s->bad = s->bad || s->mappings == 0;
        take_field(s);
    }
}

void smaps_feed(struct smaps *s, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) { /* bound: len */
        if (text[i] != '\n') {
            s->line[s->len] = text[i];
            s->len += s->len + 1u < SMAPS_LINE ? 1u : 0u;
            continue;
        }
        s->line[s->len] = '\0';
        s->len = 0;
        take_line(s);
    }
}

bool smaps_result(const struct smaps *s, uint64_t *kib)
{
    *kib = s->kib;
    return !s->bad && s->len == 0 && s->mappings > 0;
}

/* --- A process --------------------------------------------------------------------------------- */

static void proc_path(char *path, size_t size, pid_t pid, const char *what)
{
    if (pid == 0) {
        (void)snprintf(path, size, "/proc/self/%s", what);
    } else {
        (void)snprintf(path, size, "/proc/%ld/%s", (long)pid, what);
    }
}

static bool private_kib(pid_t pid, uint64_t *kib)
{
    struct smaps sum = {0};
    char piece[4096];
    char path[64];
    ssize_t n;
    proc_path(path, sizeof(path), pid, "smaps");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    do { /* bound: the kernel's text ends */
        n = read(fd, piece, sizeof(piece));
        smaps_feed(&sum, piece, n > 0 ? (size_t)n : 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
    (void)close(fd);
    return n == 0 && smaps_result(&sum, kib);
}

static bool descriptors(pid_t pid, uint32_t *count)
{
    char path[64];
    proc_path(path, sizeof(path), pid, "fd");
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return false;
    }
    uint32_t found = 0;
    for (const struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
        found += d->d_name[0] != '.' ? 1u : 0u;
    }
    (void)closedir(dir);
    *count = found - (pid == 0 || pid == getpid() ? 1u : 0u); /* less the one that looked */
    return true;
}

bool account_sample(struct process_report *a, pid_t pid)
{
    uint32_t whose = (uint32_t)(pid == 0 ? getpid() : pid);
    uint64_t kib;
    uint32_t fds;
    if (!private_kib(pid, &kib) || !descriptors(pid, &fds)) {
        return false;
    }
    if (a->pid != whose || a->samples == 0) {
        *a = (struct process_report){
            .part = a->part, .pid = whose, .private_kib_first = kib, .fds_first = fds};
    }
    a->samples++;
    a->private_kib = kib;
    a->fds = fds;
    a->private_kib_peak = kib > a->private_kib_peak ? kib : a->private_kib_peak;
    a->fds_peak = fds > a->fds_peak ? fds : a->fds_peak;
    return true;
}
