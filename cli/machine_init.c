/* SPDX-License-Identifier: BSD-2-Clause
 * PID 1 of the simulated machine: makes the kernel ready, finds the link, runs the supervisor in a
 * process of its own, and switches the machine off when that has ended.
 *
 * What it has to say goes over the link as LINK_NOTE, and before there is a link to standard
 * error, which is the machine's serial console. */
#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kvm/link.h"
#include "kvm/supervise.h"
#include "machine_int.h"
#include "system/check.h"

#define INIT_TURN_NS    2000000l /* between two looks at something that is about to appear */
#define INIT_TURNS      5000u
#define INIT_GOODBYE_MS 5000 /* what the person's side may take to read the last frames */
#define INIT_FAULTS     4u
#define INIT_PORTS      "/sys/class/virtio-ports"

static void init_say(int link, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* To the person: over the link, or to the console while there is none. */
static void init_say(int link, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (link < 0 || !link_write(link, LINK_NOTE, LINK_NO_VM, text, strlen(text))) {
        (void)fprintf(stderr, "bulkhead-machine: %s\n", text);
    }
}

static void init_pause(void)
{
    struct timespec turn = {.tv_nsec = INIT_TURN_NS};

    (void)nanosleep(&turn, NULL);
}

static bool init_mount_all(void)
{
    static const struct {
        const char *type, *at;
    } mounts[] = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}};
    bool good = true;

    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        if (mount(mounts[i].type, mounts[i].at, mounts[i].type, 0, NULL) != 0) {
            init_say(-1, "cannot mount %s: %s", mounts[i].at, strerror(errno));
            good = false;
        }
    }
    return good;
}

/* A setting of the kernel's. One that is not there is no failure: the VMs run, only slower. */
static void init_set(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, value, strlen(value)) < 0) {
        init_say(-1, "cannot set %s to %s: %s", path, value, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* --- Modules ----------------------------------------------------------------------------------- */

/* Parameters for some of them. No polling before a halt: here it would only take time from the
 * other VMs. */
static const char *init_module_options(const char *name)
{
    return strcmp(name, "kvm.ko") == 0 ? "halt_poll_ns=0" : "";
}

/* How much of a module's file is the module. Behind it may stand a signature: the signature's
 * bytes, twelve bytes that end in its length (big-endian), and a magic text. Checking it would take
 * as long as a quarter of the start, and proves nothing about files that we brought along. */
static size_t init_module_bytes(const uint8_t *file, size_t bytes)
{
    static const char magic[] = "~Module signature appended~\n";
    size_t behind = sizeof(magic) - 1 + 12;

    if (bytes < behind ||
        memcmp(file + bytes - (sizeof(magic) - 1), magic, sizeof(magic) - 1) != 0) {
        return bytes;
    }
    const uint8_t *be = file + bytes - (sizeof(magic) - 1) - 4;
    size_t length = (size_t)be[0] << 24 | (size_t)be[1] << 16 | (size_t)be[2] << 8 | be[3];
    return length <= bytes - behind ? bytes - behind - length : bytes;
}

static bool init_insert_module(int fd, const char *options)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        return false;
    }
    void *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED) {
        return false;
    }
    bool good =
        syscall(SYS_init_module, file, init_module_bytes(file, (size_t)st.st_size), options) == 0 ||
        errno == EEXIST;
    int error = errno;
    (void)munmap(file, (size_t)st.st_size);
    errno = error;
    return good;
}

static bool init_load_module(const char *name)
{
    char path[sizeof("/" MACHINE_MODULES "/") + MACHINE_MODULE_MAX];
    bool good;

    (void)snprintf(path, sizeof(path), "/" MACHINE_MODULES "/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    good = init_insert_module(fd, init_module_options(name));
    if (!good) {
        init_say(-1, "cannot load the kernel module %s: %s", name, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

/* Those that a list names, in its order. */
static bool init_load_modules(const char *list)
{
    char name[MACHINE_MODULE_MAX];
    FILE *order = fopen(list, "re");
    bool good = order != NULL;

    for (size_t i = 0; good && i < MACHINE_MODULES_MANY && fgets(name, sizeof(name), order) != NULL;
         i++) {
        name[strcspn(name, "\n")] = '\0';
        good = init_load_module(name);
    }
    if (order != NULL) {
        (void)fclose(order);
    }
    return good;
}

/* Without a network the uplinks reach nobody: that is told, and no failure. */
static void init_start_net(int link)
{
    if (access("/" MACHINE_NET_FILE, R_OK) != 0) {
        return;
    }
    if (!init_load_modules("/" MACHINE_NET_FILE) || !machine_net_up()) {
        init_say(link, "warning: the simulated machine has no network: %s", strerror(errno));
    }
}

/* --- The link ---------------------------------------------------------------------------------- */

static bool init_port_is_ours(const char *port)
{
    char path[sizeof(INIT_PORTS) + NAME_MAX + sizeof("//name")];
    char name[64] = "";

    (void)snprintf(path, sizeof(path), INIT_PORTS "/%s/name", port);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, name, sizeof(name) - 1);
    (void)close(fd);
    name[n > 0 ? (size_t)n : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
    return strcmp(name, MACHINE_PORT_NAME) == 0;
}

/* There is no udev here: the kernel's own directory tells which port has which name. */
static int init_open_port(void)
{
    DIR *ports = opendir(INIT_PORTS);
    int fd = -1;

    if (ports == NULL) {
        return -1;
    }
    for (struct dirent *d = readdir(ports); fd < 0 && d != NULL; d = readdir(ports)) {
        char path[sizeof("/dev/") + NAME_MAX];

        if (d->d_name[0] != '.' && init_port_is_ours(d->d_name)) {
            (void)snprintf(path, sizeof(path), "/dev/%s", d->d_name);
            fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        }
    }
    (void)closedir(ports);
    return fd;
}

static bool init_is_hung_up(int link, int wait_ms)
{
    struct pollfd p = {.fd = link};

    return poll(&p, 1, wait_ms) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

/* The port gets its name and its other end by messages that arrive after its driver was loaded.
 * Until the other end is there the port looks closed, which a reader would take for the end. */
static int init_open_link(void)
{
    int link = -1;

    for (size_t i = 0; i < INIT_TURNS && link < 0; i++) {
        link = init_open_port();
        if (link < 0) {
            init_pause();
        }
    }
    for (size_t i = 0; i < INIT_TURNS && link >= 0; i++) {
        if (!init_is_hung_up(link, 0)) {
            return link;
        }
        init_pause();
    }
    init_say(-1, "the virtio serial port " MACHINE_PORT_NAME " did not appear");
    return -1;
}

/* --- The system -------------------------------------------------------------------------------- */

static const struct system_image *init_read_image(int link)
{
    struct system_fault fault[INIT_FAULTS];
    struct stat st;
    int fd = open("/" MACHINE_IMAGE, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
        init_say(link, "the simulated machine has no system image: %s", strerror(errno));
        return NULL;
    }
    void *image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (image == MAP_FAILED) {
        init_say(link, "cannot read the system image: %s", strerror(errno));
        return NULL;
    }
    if (system_check(image, (uint64_t)st.st_size, fault, INIT_FAULTS) != 0) {
        init_say(link,
                 "the system image was damaged on its way into the simulated machine "
                 "(fault %d in field %d of VM %u)",
                 (int)fault[0].code, (int)fault[0].field, fault[0].vm);
        return NULL;
    }
    return image;
}

/* Guest RAM in 2 MiB pages saves most nested page faults, and shared memory is small pages unless
 * asked for. (hugetlb pages on demand would do too, but making them takes 7 ms each here, whether
 * the guest ever touches them or not.) */
static void init_allow_huge_pages(void)
{
    init_set("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "always");
}

/* Reaps whatever ends, as PID 1 must, until `pid` has. */
static int init_wait_for(pid_t pid)
{
    int status = 0;

    for (;;) { /* bound: the processes of the machine; each turn one has ended */
        pid_t ended = wait(&status);

        if (ended == pid || (ended < 0 && errno != EINTR)) {
            return status;
        }
    }
}

/* Runs the supervisor where its crash is not PID 1's. Returns its exit status. */
static int init_supervise(const struct system_image *image, int link)
{
    pid_t pid = fork();

    if (pid == 0) {
        _exit(supervise(image, link));
    }
    if (pid < 0) {
        init_say(link, "cannot start the supervisor: %s", strerror(errno));
        return 1;
    }
    int status = init_wait_for(pid);
    if (WIFSIGNALED(status)) {
        /* It cannot say so itself any more, and nothing outlives this machine. */
        init_say(link, "the supervisor was ended by signal %d", WTERMSIG(status));
        (void)link_write(link, LINK_DONE, LINK_NO_VM, NULL, 0);
        return 128 + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

static int init_run(void)
{
    if (!init_mount_all() || !init_load_modules("/" MACHINE_ORDER_FILE)) {
        return 1;
    }
    int link = init_open_link();
    if (link < 0) {
        return 1;
    }
    (void)fprintf(stderr, MACHINE_UP_TEXT "\n");
    const struct system_image *image = init_read_image(link);
    if (image == NULL) {
        return 1;
    }
    init_allow_huge_pages();
    init_start_net(link);
    int status = init_supervise(image, link);
    (void)fprintf(stderr, MACHINE_END_TEXT "%d\n", status);
    /* The last frames may still be in the port: the person's side closes it when it has them. */
    (void)init_is_hung_up(link, INIT_GOODBYE_MS);
    return status;
}

int machine_init_main(void)
{
    int status = init_run();

    sync();
    (void)reboot(RB_POWER_OFF);
    init_say(-1, "cannot switch off: %s", strerror(errno));
    return status;
}
