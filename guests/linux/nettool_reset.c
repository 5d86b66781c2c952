/* SPDX-License-Identifier: BSD-2-Clause
 * Takes a network card from its driver and gives it back. A driver stops gently and lets go out what is
 * under way. So a legacy card in I/O space is reset before, behind its driver's back.
 * Spec: [VIRTIO] 1.2, 4.1.4.10 (legacy register block); [PCI] 3.0, 6.8.2 (MSI-X). */
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nettool.h"

#define DRIVER      "/sys/bus/virtio/drivers/virtio_net/"
#define STATUS      0x12 /* in the legacy register block */
#define PATIENCE_MS 20000

/* In configuration space. */
#define PCI_CONFIG_LEN     256
#define PCI_CAPABILITIES   0x34
#define PCI_CAP_ID_MSIX    0x11
#define MSIX_FUNCTION_MASK 0x40u /* of the fourth byte */

static void write_name(const char *file, const char *name)
{
    int fd = open(file, O_WRONLY);
    if (fd < 0 || write(fd, name, strlen(name)) < 0) {
        cannot(file);
    }
    (void)close(fd);
}

static void set_up(const char *device)
{
    struct ifreq r = {.ifr_name = ""};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    (void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", device);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) != 0) {
        cannot(device);
    }
    r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &r) != 0) {
        cannot(device);
    }
    (void)close(fd);
}

static int is_up(const char *device)
{
    char file[64];
    char state[8] = "";
    (void)snprintf(file, sizeof(file), "/sys/class/net/%.15s/operstate", device);
    int fd = open(file, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, state, sizeof(state) - 1);
    if (n < 0) {
        cannot(file);
    }
    (void)close(fd);
    return strncmp(state, "up", 2) == 0;
}

/* Up, and with a carrier: before that the kernel throws frames away without a word. Who sets flags a second
 * time waits until it is done with the first. */
static void bring_up(const char *device)
{
    set_up(device);
    for (int ms = 0; !is_up(device); ms++) { /* bound: PATIENCE_MS */
        (void)poll(NULL, 0, 1);
        if (ms == PATIENCE_MS) {
            (void)fprintf(stderr, "nettool: %s has no carrier after its reset\n", device);
            exit(2);
        }
    }
    set_up(device);
}

/* Its driver hears of nothing any more, until it is given the card anew: that ends the mask. */
void card_hold(const char *device)
{
    char file[64];
    uint8_t config[PCI_CONFIG_LEN];
    (void)snprintf(file, sizeof(file), "/sys/class/net/%.15s/device/../config", device);
    int fd = open(file, O_RDWR);
    if (fd < 0 || pread(fd, config, sizeof(config), 0) != (ssize_t)sizeof(config)) {
        cannot(file);
    }
    uint8_t at = config[PCI_CAPABILITIES];
    for (int n = 0; n < 16 && at != 0 && config[at] != PCI_CAP_ID_MSIX; n++) {
        at = config[at + 1];
    }
    if (at == 0) {
        (void)fprintf(stderr, "nettool: %s has no MSI-X to mask\n", device);
        exit(2);
    }
    uint8_t high = config[at + 3] | MSIX_FUNCTION_MASK;
    if (pwrite(fd, &high, 1, at + 3) != 1) {
        cannot(file);
    }
    (void)close(fd);
}

/* Linux lets ports be written by this file, and nothing else. */
static void reset_at_once(const char *device)
{
    char file[64];
    const char zero = 0;
    (void)snprintf(file, sizeof(file), "/sys/class/net/%.15s/device/../resource0", device);
    int fd = open(file, O_WRONLY);
    if (fd >= 0) {
        (void)!pwrite(fd, &zero, 1, STATUS);
        (void)close(fd);
    }
}

void card_reset(const char *device)
{
    char link[64];
    char target[256];
    (void)snprintf(link, sizeof(link), "/sys/class/net/%.15s/device", device);
    ssize_t n = readlink(link, target, sizeof(target) - 1);
    if (n < 0) {
        cannot(link);
    }
    target[n] = 0;
    const char *slash = strrchr(target, '/');
    const char *name = slash != NULL ? slash + 1 : target;
    reset_at_once(device);
    write_name(DRIVER "unbind", name);
    write_name(DRIVER "bind", name);
    bring_up(device);
}
