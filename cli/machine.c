/* SPDX-License-Identifier: BSD-2-Clause
 * Starts and ends the simulated machine: QEMU with TCG, told to be an AMD machine with SVM.
 *
 * It leaves nothing behind however this program ends: its initramfs is a memfd, its link and console
 * are inherited file descriptors, and QEMU gets SIGKILL from the kernel when its parent dies. */
#include "machine.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "kvm/shadow.h"
#include "machine_int.h"

#define MIB (1ull << 20)

#define MACHINE_QEMU        "qemu-system-x86_64"
#define MACHINE_OWN_RAM     (512u * MIB)
#define MACHINE_PATH_MAX    4096u
#define MACHINE_CMDLINE_MAX 512u
#define MACHINE_ARGS_MAX    48u
#define MACHINE_TURN_NS     5000000l
#define MACHINE_END_MS      15000 /* from the closed link to power-off; a loaded host is slow */
#define MACHINE_TERM_MS     2000  /* from SIGTERM to QEMU's end                               */
#define MACHINE_LOG_CHUNK   4096u
#define MACHINE_LOG_TAIL    600u
#define MACHINE_AFTER_MAX   16u
#define MACHINE_TSC_NS      50000000ull
#define MACHINE_TSC_TRIES   16u
#define MACHINE_TSC_MIN_KHZ 100000u
#define MACHINE_TSC_MAX_KHZ 20000000u
#define MACHINE_ICOUNT_KHZ  1000000u /* there an instruction takes 1 ns */

/* What the EPYC model promises and QEMU 7.2 cannot do: named, so that it warns of nothing, and so
 * that a QEMU that can do more makes the same machine. x2APIC is off as the guests' APIC is not.
 *
 * XSAVE must be off: QEMU 7.2 does not intercept a guest's XSETBV. KVM in the machine never hears of
 * it, goes on loading XCR0 = 1 for the guest, and the guest's XSAVE then loses its SSE registers. */
#define MACHINE_CPU                                                                      \
    "EPYC,-x2apic,-rdseed,-sha-ni,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,-topoext," \
    "-nrip-save,-xsavec,-xsave,-xsaveopt,-xgetbv1,-avx,-avx2,-f16c,-fma"

/* File descriptors as QEMU finds them. Its outputs and the machine's console are one log. */
enum {
    MACHINE_FD_LOG = STDERR_FILENO,
    MACHINE_FD_INITRD = 3,
    MACHINE_FD_LINK = 4,
    MACHINE_FDS = 5,
};

struct machine {
    pid_t pid;
    int link;
    int log;
};

/* What one start needs; the fds are closed when it is over. */
struct machine_plan {
    char qemu[MACHINE_PATH_MAX];
    char dir[MACHINE_PATH_MAX];
    char kernel[MACHINE_PATH_MAX + sizeof("/" MACHINE_KERNEL_FILE)];
    char cmdline[MACHINE_CMDLINE_MAX];
    char memory[32];
    char netdev[MACHINE_NETDEV_MAX]; /* empty: no network */
    bool icount;
    char icount_arg[32];
    int initrd;
    int far_link;
    int log;
};

/* --- Finding things ---------------------------------------------------------------------------- */

static bool machine_find_qemu(char *path, size_t size, char *why, size_t why_size)
{
    const char *dirs = getenv("PATH");

    for (const char *at = dirs != NULL ? dirs : "/usr/bin"; *at != '\0';) { /* bound: its length */
        int length = (int)strcspn(at, ":");

        (void)snprintf(path, size, "%.*s/" MACHINE_QEMU, length, at);
        if (access(path, X_OK) == 0) {
            return true;
        }
        at += at[length] == ':' ? length + 1 : length;
    }
    (void)snprintf(why, why_size,
                   MACHINE_QEMU " is not installed, so there is no simulated machine: run "
                                "'tools/packages demo', or install Debian's qemu-system-x86");
    return false;
}

/* Where guests/linux/prepare left the kernel: beside this program, or where the user says. */
static bool machine_find_files(struct machine_plan *plan, char *why, size_t why_size)
{
    const char *given = getenv("BULKHEAD_MACHINE_DIR");

    if (given != NULL && given[0] != '\0') {
        (void)snprintf(plan->dir, sizeof(plan->dir), "%s", given);
    } else {
        static const char beside[] = "/guests/linux";
        ssize_t n = readlink("/proc/self/exe", plan->dir, sizeof(plan->dir) - sizeof(beside));

        plan->dir[n > 0 ? (size_t)n : 0] = '\0';
        char *slash = strrchr(plan->dir, '/');
        (void)strcpy(slash != NULL ? slash : plan->dir, beside);
    }
    (void)snprintf(plan->kernel, sizeof(plan->kernel), "%s/" MACHINE_KERNEL_FILE, plan->dir);
    if (access(plan->kernel, R_OK) == 0) {
        return true;
    }
    (void)snprintf(why, why_size,
                   "the simulated machine has no kernel: %s is missing; run 'make guests', or set "
                   "BULKHEAD_MACHINE_DIR to where vmlinuz and modules/ are",
                   plan->kernel);
    return false;
}

/* --- The host's time stamp counter, which is also that of a machine under TCG ------------------- */

/* The TSC and the clock at the same moment: of some tries the one that was interrupted least. */
static void machine_read_tsc(uint64_t *tsc, uint64_t *ns)
{
    uint64_t best = UINT64_MAX;

    for (unsigned int i = 0; i < MACHINE_TSC_TRIES; i++) {
        struct timespec t;
        uint64_t before = __rdtsc();

        (void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
        uint64_t took = __rdtsc() - before;
        if (took < best) {
            best = took;
            *tsc = before + took / 2;
            *ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
        }
    }
}

static uint64_t machine_tsc_khz(void)
{
    unsigned int denominator = 0, numerator = 0, crystal_hz = 0, unused = 0;
    uint64_t khz = 0;

    if (__get_cpuid(0x15, &denominator, &numerator, &crystal_hz, &unused) != 0 &&
        denominator != 0 && numerator != 0 && crystal_hz != 0) {
        khz = (uint64_t)crystal_hz * numerator / denominator / 1000;
    }
    if (khz < MACHINE_TSC_MIN_KHZ || khz > MACHINE_TSC_MAX_KHZ) {
        struct timespec pause = {.tv_nsec = (long)MACHINE_TSC_NS};
        uint64_t tsc[2] = {0}, ns[2] = {0};

        machine_read_tsc(&tsc[0], &ns[0]);
        (void)nanosleep(&pause, NULL);
        machine_read_tsc(&tsc[1], &ns[1]);
        uint64_t passed_ns = ns[1] > ns[0] ? ns[1] - ns[0] : 1;
        khz = ((tsc[1] - tsc[0]) * 1000000u + passed_ns / 2) / passed_ns;
    }
    return khz;
}

/* --- What the machine is to be ----------------------------------------------------------------- */

static bool machine_plan_memory(struct machine_plan *plan, const struct system_image *image,
                                uint64_t more, char *why, size_t why_size)
{
    struct sysinfo host;
    uint64_t bytes = MACHINE_OWN_RAM + more;

    for (size_t i = 0; i < image->vms; i++) {              /* bound: SYSTEM_VMS_MAX */
        for (size_t r = 0; r < image->vm[i].ranges; r++) { /* bound: SYSTEM_RANGES_MAX */
            bytes += image->vm[i].range[r].size;
        }
    }
    bytes = (bytes + MIB - 1) / MIB * MIB;
    if (sysinfo(&host) == 0) {
        uint64_t have = ((uint64_t)host.totalram + host.totalswap) * host.mem_unit;

        if (bytes > have) {
            (void)snprintf(why, why_size,
                           "the simulated machine needs %llu MiB of memory for these guests, and "
                           "this machine has %llu MiB; give the guests less in the system file",
                           (unsigned long long)(bytes / MIB), (unsigned long long)(have / MIB));
            return false;
        }
    }
    (void)snprintf(plan->memory, sizeof(plan->memory), "%lluM", (unsigned long long)(bytes / MIB));
    return true;
}

static void machine_plan_cmdline(struct machine_plan *plan, bool verbose)
{
    /* What the kernel does not know it puts into init's environment. */
    const char *shadow = shadow_wanted() ? " BULKHEAD_SHADOW=1" : "";
    /* icount: whatever could differ from run to run is off. */
    (void)snprintf(plan->cmdline, sizeof(plan->cmdline),
                   "console=ttyS0 %s panic=-1 no_timer_check tsc=reliable tsc_early_khz=%llu "
                   "mitigations=off cryptomgr.notests %s%s rdinit=" MACHINE_INIT_PATH,
                   verbose ? "ignore_loglevel" : "quiet",
                   (unsigned long long)(plan->icount ? MACHINE_ICOUNT_KHZ : machine_tsc_khz()),
                   plan->icount ? "nokaslr norandmaps random.trust_cpu=off lpj=1000000"
                                : "random.trust_cpu=on",
                   shadow);
}

/* Fills argv; returns how many. */
static size_t machine_qemu_args(struct machine_plan *plan, char **argv)
{
    static char initrd[] = "/dev/fd/3";
    static char *const always[] = {
        "-machine", "q35", "-cpu", MACHINE_CPU, "-smp", "1", "-nodefaults", "-no-user-config",
        "-no-reboot", "-display", "none",
        /* the console, together with what QEMU says */
        "-chardev", "file,id=console,path=/dev/fd/2,append=on", "-serial", "chardev:console",
        /* the link; what the guest sends is taken at once, not when QEMU gets round to it: else
         * the same machine would run a little differently each time */
        "-chardev", "socket,id=link,fd=4", "-device", "virtio-serial-pci,max_ports=2,ioeventfd=off",
        "-device", ("virtserialport,chardev=link,name=" MACHINE_PORT_NAME)};
    /* without a boot ROM: nobody boots from it */
    char *const net[] = {"-netdev", plan->netdev, "-device", "virtio-net-pci,netdev=net,romfile="};
    static char *const fast[] = {"-accel", "tcg,thread=multi"};
    char *const exact[] = {"-accel",         "tcg",  "-icount",
                           plan->icount_arg, "-rtc", "base=2026-01-01,clock=vm",
                           "-seed",          "1"};
    char *const own[] = {"-m",      plan->memory, "-kernel", plan->kernel,
                         "-initrd", initrd,       "-append", plan->cmdline};
    size_t n = 0;

    argv[n++] = plan->qemu;
    memcpy(argv + n, always, sizeof(always));
    n += sizeof(always) / sizeof(always[0]);
    if (plan->icount) {
        memcpy(argv + n, exact, sizeof(exact));
        n += sizeof(exact) / sizeof(exact[0]);
    } else {
        memcpy(argv + n, fast, sizeof(fast));
        n += sizeof(fast) / sizeof(fast[0]);
    }
    memcpy(argv + n, own, sizeof(own));
    n += sizeof(own) / sizeof(own[0]);
    if (plan->netdev[0] != '\0') {
        memcpy(argv + n, net, sizeof(net));
        n += sizeof(net) / sizeof(net[0]);
    }
    argv[n] = NULL;
    return n;
}

/* --- Start ------------------------------------------------------------------------------------- */

static int machine_open_log(const char *log_dir, char *why, size_t why_size)
{
    char path[MACHINE_PATH_MAX];
    int fd;

    if (log_dir == NULL) {
        fd = memfd_create("bulkhead-machine-log", MFD_CLOEXEC);
        if (fd >= 0) {
            (void)fcntl(fd, F_SETFL, O_APPEND);
        }
        (void)snprintf(path, sizeof(path), "a memory file for the simulated machine's log");
    } else {
        (void)snprintf(path, sizeof(path), "%s/machine.log", log_dir);
        fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    }
    if (fd < 0) {
        (void)snprintf(why, why_size, "cannot write %s: %s", path, strerror(errno));
    }
    return fd;
}

/* BULKHEAD_ICOUNT=N: an instruction takes N ns, a power of two up to 1024. Anything else: not asked. */
static void machine_plan_icount(struct machine_plan *plan)
{
    const char *given = getenv("BULKHEAD_ICOUNT");
    unsigned long ns = given != NULL ? strtoul(given, NULL, 10) : 0;

    for (unsigned shift = 0; shift <= 10; shift++) {
        if (ns == 1ul << shift) {
            plan->icount = true;
            (void)snprintf(plan->icount_arg, sizeof(plan->icount_arg), "shift=%u,sleep=off", shift);
        }
    }
}

static bool machine_make_plan(struct machine_plan *plan, const struct system_image *image,
                              const struct machine_options *opt, char *why, size_t why_size)
{
    machine_plan_icount(plan);
    if (!machine_find_qemu(plan->qemu, sizeof(plan->qemu), why, why_size) ||
        !machine_find_files(plan, why, why_size)) {
        return false;
    }
    plan->initrd = memfd_create("bulkhead-machine-initrd", MFD_CLOEXEC);
    if (plan->initrd < 0) {
        (void)snprintf(why, why_size, "no memory file for the simulated machine: %s",
                       strerror(errno));
        return false;
    }
    if (!machine_pack(plan->initrd, image, plan->dir, why, why_size)) {
        return false;
    }
    /* The archive is there twice until it has been unpacked. */
    off_t packed = lseek(plan->initrd, 0, SEEK_END);
    uint64_t more = opt->ram_bytes_extra + 2u * (uint64_t)(packed > 0 ? packed : 0);
    if (!machine_plan_memory(plan, image, more, why, why_size)) {
        return false;
    }
    machine_plan_cmdline(plan, opt->verbose);
    if (machine_net_wanted(image)) {
        machine_net_plan(image, plan->netdev);
    }
    plan->log = machine_open_log(opt->log_dir, why, why_size);
    return plan->log >= 0;
}

/* In the child: puts the descriptors where QEMU expects them, and closes all others. */
static bool machine_place_fds(const struct machine_plan *plan)
{
    int from[MACHINE_FDS] = {-1, plan->log, plan->log, plan->initrd, plan->far_link};

    from[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < MACHINE_FDS; i++) { /* out of the way of each other first */
        from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, MACHINE_FDS);
        if (from[i] < 0) {
            return false;
        }
    }
    for (int i = 0; i < MACHINE_FDS; i++) {
        if (dup2(from[i], i) < 0) {
            return false;
        }
    }
    return close_range(MACHINE_FDS, ~0u, 0) == 0;
}

/* The child: a session of its own, so that Ctrl-C at the terminal is ours to answer. */
static _Noreturn void machine_exec(const struct machine_plan *plan, char **argv, pid_t parent)
{
    sigset_t none;

    (void)setsid();
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && machine_place_fds(plan)) {
        (void)execv(plan->qemu, argv);
    }
    (void)dprintf(plan->log, "cannot run %s: %s\n", plan->qemu, strerror(errno));
    _exit(127);
}

static void machine_show_command(char *const *argv, size_t args)
{
    for (size_t i = 0; i < args; i++) {
        bool quote = strchr(argv[i], ' ') != NULL;

        (void)fprintf(stderr, quote ? "%s'%s'" : "%s%s", i == 0 ? "" : " ", argv[i]);
    }
    (void)fputc('\n', stderr);
}

static bool machine_launch(struct machine *m, struct machine_plan *plan, bool verbose, char *why,
                           size_t why_size)
{
    char *argv[MACHINE_ARGS_MAX];
    size_t args = machine_qemu_args(plan, argv);
    pid_t parent = getpid();
    int pair[2];

    if (verbose) {
        machine_show_command(argv, args);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        (void)snprintf(why, why_size, "no socket pair for the simulated machine's link: %s",
                       strerror(errno));
        return false;
    }
    m->link = pair[0];
    plan->far_link = pair[1];
    (void)fcntl(m->link, F_SETFL, O_NONBLOCK);
    m->log = fcntl(plan->log, F_DUPFD_CLOEXEC, 3);
    m->pid = fork();
    if (m->pid == 0) {
        machine_exec(plan, argv, parent);
    }
    if (m->pid > 0) {
        return true;
    }
    (void)snprintf(why, why_size, "cannot start " MACHINE_QEMU ": %s", strerror(errno));
    (void)close(m->link);
    (void)close(m->log);
    return false;
}

static void machine_drop_plan(struct machine_plan *plan)
{
    const int fds[] = {plan->initrd, plan->far_link, plan->log};

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    free(plan);
}

struct machine *machine_start(const struct system_image *image, const struct machine_options *opt,
                              char *why, size_t why_size)
{
    struct machine *m = calloc(1, sizeof(*m));
    struct machine_plan *plan = calloc(1, sizeof(*plan));

    if (m == NULL || plan == NULL) {
        (void)snprintf(why, why_size, "no memory to start the simulated machine");
        free(m);
        free(plan);
        return NULL;
    }
    plan->initrd = plan->far_link = plan->log = -1;
    if (!machine_make_plan(plan, image, opt, why, why_size) ||
        !machine_launch(m, plan, opt->verbose, why, why_size)) {
        free(m);
        m = NULL;
    }
    machine_drop_plan(plan);
    return m;
}

int machine_link_fd(const struct machine *m)
{
    return m->link;
}

/* --- Its log ----------------------------------------------------------------------------------- */

/* Looks for a text; what follows it on its line goes to `after`. */
static bool machine_log_find(const struct machine *m, const char *text,
                             char after[MACHINE_AFTER_MAX])
{
    char chunk[MACHINE_LOG_CHUNK];
    size_t overlap = strlen(text) + MACHINE_AFTER_MAX;
    off_t at = 0;

    for (;;) { /* bound: the log; each turn goes forward or ends */
        ssize_t n = pread(m->log, chunk, sizeof(chunk), at);
        const char *hit = n > 0 ? memmem(chunk, (size_t)n, text, strlen(text)) : NULL;
        bool last = n < (ssize_t)sizeof(chunk);

        if (hit != NULL && (last || (size_t)(chunk + n - hit) >= overlap)) {
            size_t left = (size_t)(chunk + n - hit) - strlen(text);

            (void)snprintf(after, MACHINE_AFTER_MAX, "%.*s",
                           (int)(left < MACHINE_AFTER_MAX ? left : MACHINE_AFTER_MAX),
                           hit + strlen(text));
            after[strcspn(after, "\r\n")] = '\0';
            return true;
        }
        if (last) {
            return false;
        }
        at += n - (ssize_t)overlap;
    }
}

/* Appends the last lines of the log to `why`, each on a line of its own. */
static void machine_add_tail(const struct machine *m, char *why, size_t why_size)
{
    char tail[MACHINE_LOG_TAIL + 1];
    off_t end = lseek(m->log, 0, SEEK_END);
    off_t from = end > (off_t)MACHINE_LOG_TAIL ? end - (off_t)MACHINE_LOG_TAIL : 0;
    ssize_t n = pread(m->log, tail, MACHINE_LOG_TAIL, from);
    char *line = tail;
    char *rest = NULL;

    tail[n > 0 ? (size_t)n : 0] = '\0';
    if (from > 0) { /* the first line is cut */
        line += strcspn(line, "\n");
    }
    for (line = strtok_r(line, "\r\n", &rest); line != NULL;
         line = strtok_r(NULL, "\r\n", &rest)) { /* bound: MACHINE_LOG_TAIL */
        size_t used = strlen(why);

        for (char *c = line; *c != '\0'; c++) {
            *c = (*c < ' ' || *c > '~') ? '?' : *c; /* it goes to a terminal */
        }
        (void)snprintf(why + used, why_size - used, "\n    %s", line);
    }
}

bool machine_failed_to_boot(struct machine *m)
{
    char after[MACHINE_AFTER_MAX];

    return !machine_log_find(m, MACHINE_UP_TEXT, after);
}

/* --- Finish ------------------------------------------------------------------------------------ */

static uint64_t machine_now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* Waits for QEMU's end, but not longer than that. True: it has ended, with *status. */
static bool machine_wait(const struct machine *m, uint64_t ms, int *status)
{
    struct timespec turn = {.tv_nsec = MACHINE_TURN_NS};
    uint64_t until = machine_now_ms() + ms;

    for (;;) { /* bound: ms */
        pid_t ended = waitpid(m->pid, status, WNOHANG);

        if (ended == m->pid || (ended < 0 && errno != EINTR)) {
            return true;
        }
        if (machine_now_ms() >= until) {
            return false;
        }
        (void)nanosleep(&turn, NULL);
    }
}

/* Ends QEMU for good. True: it ended by itself. */
static bool machine_end(const struct machine *m, bool is_up, int *status)
{
    if (machine_wait(m, is_up ? MACHINE_END_MS : 0, status)) {
        return true;
    }
    (void)kill(m->pid, SIGTERM);
    if (!machine_wait(m, MACHINE_TERM_MS, status)) {
        (void)kill(m->pid, SIGKILL);
        (void)waitpid(m->pid, status, 0);
    }
    return false;
}

int machine_finish(struct machine *m, char *why, size_t why_size)
{
    char result[MACHINE_AFTER_MAX] = "";
    bool is_up = !machine_failed_to_boot(m);
    int status = 0;
    int bad = 1;

    (void)close(m->link);
    bool by_itself = machine_end(m, is_up, &status);
    bool has_result = machine_log_find(m, MACHINE_END_TEXT, result);
    if (by_itself && WIFEXITED(status) && WEXITSTATUS(status) == 0 && has_result) {
        bad = strcmp(result, "0") != 0;
        (void)snprintf(why, why_size,
                       "the supervisor in the simulated machine ended with status %s", result);
    } else if (by_itself && WIFSIGNALED(status)) {
        (void)snprintf(why, why_size, MACHINE_QEMU " was ended by signal %d", WTERMSIG(status));
    } else if (by_itself && WIFEXITED(status) && WEXITSTATUS(status) != 0) {
        (void)snprintf(why, why_size, MACHINE_QEMU " failed (exit status %d)", WEXITSTATUS(status));
    } else if (!is_up) {
        (void)snprintf(why, why_size, "the simulated machine did not come up");
    } else if (!by_itself) {
        (void)snprintf(why, why_size,
                       "the simulated machine did not switch off in %d s and was killed",
                       MACHINE_END_MS / 1000);
    } else {
        (void)snprintf(why, why_size, "the simulated machine crashed");
    }
    if (bad != 0) {
        machine_add_tail(m, why, why_size);
    } else if (why_size > 0) {
        why[0] = '\0';
    }
    (void)close(m->log);
    free(m);
    return bad;
}
