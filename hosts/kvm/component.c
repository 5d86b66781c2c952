/* SPDX-License-Identifier: BSD-2-Clause
 * What every component begins with: its role, the frozen image, its descriptors. */
#include "kvm/component.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "system/check.h"

#define COMPONENT_ARGS 5 /* before the descriptors */

static const struct {
    const char *name;
    int (*run)(const struct component *c);
    uint32_t least_fds;
    size_t count_at; /* of what the index counts, in the image */
} roles[] = {
    {"vmm", vmm_main, 3, offsetof(struct system_image, vms)},
    {"io", io_main, 7, offsetof(struct system_image, vms)},
    {"switch", switch_main, 2, offsetof(struct system_image, switches)},
    {"uplink", uplink_main, 4, offsetof(struct system_image, switches)},
};

static const struct system_image *map_image(int fd)
{
    struct system_fault fault;
    const struct system_image *image = mmap(NULL, sizeof(*image), PROT_READ, MAP_SHARED, fd, 0);
    if (image == MAP_FAILED || system_check(image, sizeof(*image), &fault, 1) != 0) {
        return NULL;
    }
    return image;
}

static uint32_t count_of(const struct system_image *image, size_t at)
{
    uint32_t count;
    memcpy(&count, (const char *)image + at, sizeof(count));
    return count;
}

int component_main(int argc, char **argv)
{
    static struct component c;
    if (argc <= COMPONENT_ARGS || argc - COMPONENT_ARGS > (int)(sizeof(c.fd) / sizeof(c.fd[0]))) {
        return 2;
    }
    c.image = map_image(atoi(argv[3]));
    c.index = (uint32_t)strtoul(argv[4], NULL, 10);
    c.fds = (uint32_t)(argc - COMPONENT_ARGS);
    for (uint32_t i = 0; i < c.fds; i++) { /* bound: as many as fit, see above */
        c.fd[i] = atoi(argv[COMPONENT_ARGS + (int)i]);
    }
    if (c.image == NULL) {
        (void)fprintf(stderr, "bulkhead: a component was handed no sound system image\n");
        return 2;
    }
    (void)signal(SIGINT, SIG_IGN); /* the supervisor decides */
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(argv[2], roles[i].name) == 0) {
            bool fits =
                c.fds >= roles[i].least_fds && c.index < count_of(c.image, roles[i].count_at);
            return fits ? roles[i].run(&c) : 2;
        }
    }
    return 2;
}
