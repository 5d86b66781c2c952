/* SPDX-License-Identifier: BSD-2-Clause
 * Guest RAM from a memfd. hugetlbfs pages first, if the administrator reserved any; else shmem with
 * transparent huge pages, if the kernel allows them; else 4 KiB pages. */
#include "kvm/ram.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arith.h"

#define HUGE_BYTES (2ull << 20)

/* Bytes of memfd that the ranges take, each rounded out to whole huge pages. */
static uint64_t ram_span(const struct system_range *r)
{
    uint64_t lead = r->base % HUGE_BYTES;
    return align_up(lead + r->size, HUGE_BYTES);
}

static uint64_t ram_total(const struct system_vm *vm)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < vm->ranges; i++) {
        total += ram_span(&vm->range[i]);
    }
    return total;
}

/* A memfd of hugetlbfs pages that are really there, or -1. */
static int ram_open_hugetlb(uint64_t total)
{
    int fd = memfd_create("bulkhead-ram", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
    if (fd < 0) {
        return -1;
    }
    /* Reserves the pages: without it a shortage would be a SIGBUS in mid-flight. */
    if (ftruncate(fd, (off_t)total) != 0 || fallocate(fd, 0, 0, (off_t)total) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Does the kernel give huge pages to shmem that asks with madvise()? */
static bool ram_thp_offered(void)
{
    char mode[128] = "";
    FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "re");
    if (f == NULL) {
        return false;
    }
    bool got = fgets(mode, sizeof(mode), f) != NULL;
    (void)fclose(f);
    return got && (strstr(mode, "[always]") != NULL || strstr(mode, "[advise]") != NULL ||
                   strstr(mode, "[within_size]") != NULL || strstr(mode, "[force]") != NULL);
}

/* Maps `span` bytes of fd from `offset` at a huge-page boundary. NULL: errno. */
static uint8_t *ram_map_aligned(int fd, uint64_t offset, uint64_t span)
{
    uint8_t *room = mmap(NULL, span + HUGE_BYTES, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        return NULL;
    }
    uint64_t skip = align_up((uint64_t)(uintptr_t)room, HUGE_BYTES) - (uint64_t)(uintptr_t)room;
    uint8_t *at =
        mmap(room + skip, span, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset);
    if (at == MAP_FAILED) {
        int saved = errno;
        (void)munmap(room, span + HUGE_BYTES);
        errno = saved;
        return NULL;
    }
    if (skip != 0) {
        (void)munmap(room, skip);
    }
    (void)munmap(at + span, HUGE_BYTES - skip);
    return at;
}

static bool ram_map_ranges(const struct system_vm *vm, int fd, bool advise, struct gmem *mem)
{
    uint64_t offset = 0;
    for (uint32_t i = 0; i < vm->ranges; i++) {
        const struct system_range *r = &vm->range[i];
        uint64_t span = ram_span(r);
        uint8_t *at = ram_map_aligned(fd, offset, span);
        if (at == NULL) {
            return false;
        }
        if (advise) {
            (void)madvise(at, span, MADV_HUGEPAGE);
        }
        if (!gmem_add(mem, r->base, r->size, at + r->base % HUGE_BYTES)) {
            errno = EINVAL;
            return false;
        }
        offset += span;
    }
    return true;
}

bool ram_map(const struct system_vm *vm, struct gmem *mem, char *backing, size_t backing_size,
             char *why, size_t why_size)
{
    uint64_t total = ram_total(vm);
    bool thp = false;
    int fd = ram_open_hugetlb(total);
    if (fd >= 0) {
        (void)snprintf(backing, backing_size, "2 MiB pages (hugetlb)");
    } else {
        thp = ram_thp_offered();
        fd = memfd_create("bulkhead-ram", MFD_CLOEXEC);
        (void)snprintf(backing, backing_size, "%s",
                       thp ? "2 MiB pages where they can be had (shmem THP)" : "4 KiB pages");
    }
    if (fd < 0 || ftruncate(fd, (off_t)total) != 0 || !ram_map_ranges(vm, fd, thp, mem)) {
        (void)snprintf(why, why_size,
                       "cannot map %llu MiB of guest RAM: %s; give the VM less memory or the host "
                       "more",
                       (unsigned long long)(total >> 20), strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    close(fd); /* the mapping keeps it alive */
    return true;
}
