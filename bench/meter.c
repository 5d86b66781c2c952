/* SPDX-License-Identifier: BSD-2-Clause
 * meter NAME RAM_MIB COMMAND...
 * meter tsc-khz
 *
 * The first runs a virtual machine monitor with a guest of the bench, reads the guest's lines
 * "bench: ..." out of what it prints, and prints "NAME.KEY VALUE..." a line:
 *   first_ns   from the start of the command to the guest's first instruction
 *   user_ns    from the start of the command to the first line of Linux user space
 *   kvm.*      KVM's counters at that moment, of all VMs
 *   KEY.kvm.*  what they count between the guest's "from" and its "to KEY"
 *   memory_*   KiB of its processes without guest RAM, once the guest is done
 * and what the guest says of itself. Ends the command when the guest says "end", or "stop": the same without
 * memory.
 * The second prints how fast the TSC counts. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define MARK         "bench: "
#define LIMIT_MS     120000 /* without a word */
#define END_TRIES    500u
#define END_PAUSE    10000000l
#define DEBUGFS_KVM  "/sys/kernel/debug/kvm"
#define KVM_COUNTERS 18u

struct meter {
    const char *name;
    uint64_t ram_kib;
    uint64_t start_ns;
    pid_t pid;
    bool ended;
    bool failed;
    uint64_t kvm_from[KVM_COUNTERS];
};

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Ticks of the TSC in a nanosecond, times 2^20. */
static uint64_t tsc_per_ns(void)
{
    uint64_t ns = now_ns();
    uint64_t tsc = __rdtsc();
    while (now_ns() - ns < 10000000u) {
    }
    tsc = __rdtsc() - tsc;
    return (tsc << 20) / (now_ns() - ns);
}

/* --- KVM's counters ---------------------------------------------------------------------------- */

static const char *const kvm_counters[KVM_COUNTERS] = {"exits",
                                                       "io_exits",
                                                       "mmio_exits",
                                                       "halt_exits",
                                                       "irq_exits",
                                                       "irq_window_exits",
                                                       "signal_exits",
                                                       "pf_fixed",
                                                       "pf_guest",
                                                       "insn_emulation",
                                                       "request_irq_exits",
                                                       "irq_injections",
                                                       "host_state_reload",
                                                       "nmi_window_exits",
                                                       "req_event",
                                                       "pf_taken",
                                                       "tlb_flush",
                                                       "halt_wakeup"};

static uint64_t read_kvm_counter(const char *vm, const char *name)
{
    char path[1024];
    unsigned long long value = 0;
    (void)snprintf(path, sizeof(path), DEBUGFS_KVM "/%s/%s", vm, name);
    FILE *f = fopen(path, "re");
    if (f != NULL && fscanf(f, "%llu", &value) != 1) {
        value = 0;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return value;
}

/* Each VM has a directory PID-FD there; the monitor under test has all there are. */
static void read_kvm_counters(uint64_t sum[KVM_COUNTERS])
{
    DIR *all = opendir(DEBUGFS_KVM);
    struct dirent *e;
    memset(sum, 0, KVM_COUNTERS * sizeof(sum[0]));
    while (all != NULL && (e = readdir(all)) != NULL) {
        for (size_t i = 0; i < KVM_COUNTERS && e->d_name[0] >= '0' && e->d_name[0] <= '9'; i++) {
            sum[i] += read_kvm_counter(e->d_name, kvm_counters[i]);
        }
    }
    if (all != NULL) {
        (void)closedir(all);
    }
}

/* What they have counted since "from" was said; of what: "KEY." or nothing. */
static void show_kvm_counters(const struct meter *m, const char *of_what)
{
    uint64_t value[KVM_COUNTERS];
    read_kvm_counters(value);
    for (size_t i = 0; i < KVM_COUNTERS; i++) {
        printf("%s.%skvm.%s %llu\n", m->name, of_what, kvm_counters[i],
               (unsigned long long)(value[i] - m->kvm_from[i]));
    }
}

/* --- Memory ------------------------------------------------------------------------------------ */

struct memory {
    uint64_t private_kib; /* pages that only one process has          */
    uint64_t share_kib;   /* proportional: shared pages counted once  */
    uint64_t processes;
    uint64_t guest_ram_seen;
};

/* The session of a process; its command may hold anything but ends with the last ')'. */
static int session_of(const char *pid)
{
    char path[300], text[512] = "";
    int session = -1;
    (void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *f = fopen(path, "re");
    if (f != NULL) {
        size_t n = fread(text, 1, sizeof(text) - 1, f);
        text[n] = '\0';
        (void)fclose(f);
        char *after = strrchr(text, ')');
        if (after != NULL) {
            (void)sscanf(after + 1, " %*c %*d %*d %d", &session);
        }
    }
    return session;
}

/* All mappings of a process but guest RAM, which is the one that is large enough for it. */
static void add_process(const struct meter *m, const char *pid, struct memory *sum)
{
    char path[300], line[512];
    unsigned long from, to, kib;
    bool is_ram = false;
    bool mapped = false;
    (void)snprintf(path, sizeof(path), "/proc/%s/smaps", pid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2 && strchr(line, ':') > strchr(line, '-')) {
            mapped = true;
            is_ram = (to - from) / 1024u >= m->ram_kib;
            sum->guest_ram_seen += is_ram ? 1u : 0u;
        } else if (!is_ram && (sscanf(line, "Private_Clean: %lu", &kib) == 1 ||
                               sscanf(line, "Private_Dirty: %lu", &kib) == 1)) {
            sum->private_kib += kib;
        } else if (!is_ram && sscanf(line, "Pss: %lu", &kib) == 1) {
            sum->share_kib += kib;
        }
    }
    if (f != NULL) {
        (void)fclose(f);
        sum->processes += mapped ? 1u : 0u; /* what has ended has no mappings */
    }
}

static void show_memory(struct meter *m)
{
    struct memory sum = {0};
    DIR *all = opendir("/proc");
    struct dirent *e;
    while (all != NULL && (e = readdir(all)) != NULL) {
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && session_of(e->d_name) == m->pid) {
            add_process(m, e->d_name, &sum);
        }
    }
    if (all != NULL) {
        (void)closedir(all);
    }
    if (sum.guest_ram_seen != 1) {
        printf("%s.failed %llu mappings look like guest RAM\n", m->name,
               (unsigned long long)sum.guest_ram_seen);
        m->failed = true;
    }
    printf("%s.memory_private_kib %llu\n%s.memory_share_kib %llu\n%s.processes %llu\n", m->name,
           (unsigned long long)sum.private_kib, m->name, (unsigned long long)sum.share_kib, m->name,
           (unsigned long long)sum.processes);
}

/* --- What the guest says ----------------------------------------------------------------------- */

static void take_line(struct meter *m, char *line, uint64_t at_ns)
{
    char key[64];
    char *text = strstr(line, MARK);
    if (text == NULL) {
        return;
    }
    text += sizeof(MARK) - 1;
    text[strcspn(text, "\r\n")] = '\0';
    if (strncmp(text, "first ", 6) == 0) {
        uint64_t ago = (strtoull(text + 6, NULL, 10) << 20) / tsc_per_ns();
        printf("%s.first_ns %llu\n", m->name, (unsigned long long)(at_ns - m->start_ns - ago));
    } else if (strcmp(text, "user") == 0) {
        show_kvm_counters(m, "");
        printf("%s.user_ns %llu\n", m->name, (unsigned long long)(at_ns - m->start_ns));
    } else if (strcmp(text, "from") == 0) {
        read_kvm_counters(m->kvm_from);
    } else if (strncmp(text, "to ", 3) == 0) {
        (void)snprintf(key, sizeof(key), "%s.", text + 3);
        show_kvm_counters(m, key);
    } else if (strcmp(text, "end") == 0) {
        show_memory(m);
        m->ended = true;
    } else if (strcmp(text, "stop") == 0) {
        m->ended = true;
    } else {
        m->failed = m->failed || strncmp(text, "failed", 6) == 0;
        printf("%s.%s\n", m->name, text);
    }
}

static void listen_to(struct meter *m, int fd)
{
    static char text[16384];
    size_t have = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (!m->ended && poll(&p, 1, LIMIT_MS) == 1) {
        ssize_t n = read(fd, text + have, sizeof(text) - 1 - have);
        uint64_t at_ns = now_ns();
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
        text[have] = '\0';
        char *line = text;
        for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            if (getenv("METER_VERBOSE") != NULL) {
                (void)fprintf(stderr, "%s| %s\n", m->name, line);
            }
            take_line(m, line, at_ns);
        }
        have = strlen(line);
        memmove(text, line, have + 1);
        if (have == sizeof(text) - 1) {
            have = 0; /* a line without end */
        }
    }
}

static void end_command(const struct meter *m)
{
    const struct timespec pause = {.tv_nsec = END_PAUSE};
    int status = 0;
    (void)kill(m->pid, SIGTERM);
    for (unsigned i = 0; i < END_TRIES && waitpid(m->pid, &status, WNOHANG) == 0; i++) {
        (void)nanosleep(&pause, NULL);
    }
    (void)kill(m->pid, SIGKILL);
    (void)waitpid(m->pid, &status, 0);
}

int main(int argc, char **argv)
{
    int out[2];
    if (argc == 2 && strcmp(argv[1], "tsc-khz") == 0) {
        printf("%llu\n", (unsigned long long)((tsc_per_ns() * 1000000u) >> 20));
        return 0;
    }
    if (argc < 4 || pipe(out) != 0) {
        (void)fprintf(stderr, "usage: meter NAME RAM_MIB COMMAND...\n");
        return 2;
    }
    struct meter m = {.name = argv[1], .ram_kib = strtoull(argv[2], NULL, 10) * 1024u};
    m.start_ns = now_ns();
    m.pid = fork();
    if (m.pid == 0) {
        (void)setsid();
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(out[0]);
        (void)close(out[1]);
        (void)execvp(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    (void)close(out[1]);
    listen_to(&m, out[0]);
    end_command(&m);
    if (!m.ended) {
        printf("%s.failed the guest did not come to its end\n", m.name);
    }
    return m.ended && !m.failed ? 0 : 1;
}
