/* SPDX-License-Identifier: BSD-2-Clause
 * Guest RAM from a memfd. hugetlbfs pages first, if the administrator reserved any; else shmem with
 * transparent huge pages, if the kernel allows them; else 4 KiB pages. */
#include "kvm/ram.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
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

/* Maps `span` bytes of fd from `offset` at a huge-page boundary, with memory that nobody may touch in front and
 * behind: an access beyond the guest's RAM ends this process and not somebody's data. NULL: errno. */
static uint8_t *ram_map_aligned(int fd, uint64_t offset, uint64_t span)
{
    uint8_t *room = mmap(NULL, span + 2u * HUGE_BYTES, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        return NULL;
    }
    uint64_t first = (uint64_t)(uintptr_t)room;
    uint64_t skip = align_up(first + 1u, HUGE_BYTES) - first; /* 4 KiB to 2 MiB */
    uint8_t *at =
        mmap(room + skip, span, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset);
    if (at == MAP_FAILED) {
        int saved = errno;
        (void)munmap(room, span + 2u * HUGE_BYTES);
        errno = saved;
        return NULL;
    }
    return at;
}

static void ram_unmap(struct gmem *mem)
{
    for (uint32_t i = 0; i < mem->count; i++) {
        const struct gmem_region *r = &mem->region[i];
        uint64_t lead = r->base % HUGE_BYTES;
        (void)munmap(r->host - lead, align_up(lead + r->size, HUGE_BYTES));
    }
    mem->count = 0;
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

/* Mapping shared hugetlbfs pages reserves them for the file, also for those who map it later, so a
 * shortage shows here and not as SIGBUS in mid-flight. */
static bool ram_reserve(int fd, uint64_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at != MAP_FAILED && munmap(at, bytes) == 0;
}

/* `flags` choose its pages. Sealed: a component that shrank it would send the other one SIGBUS. */
static int ram_try(uint64_t bytes, unsigned flags)
{
    int fd = memfd_create("bulkhead-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
    if (fd >= 0 && (ftruncate(fd, (off_t)bytes) != 0 ||
                    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
                    ((flags & MFD_HUGETLB) != 0 && !ram_reserve(fd, bytes)))) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int ram_create(const struct system_vm *vm)
{
    int fd = ram_try(ram_total(vm), MFD_HUGETLB | MFD_HUGE_2MB);
    return fd >= 0 ? fd : ram_try(ram_total(vm), 0);
}

static bool ram_is_hugetlb(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC;
}

bool ram_map(const struct system_vm *vm, int fd, struct gmem *mem, char *backing,
             size_t backing_size, char *why, size_t why_size)
{
    bool huge = ram_is_hugetlb(fd);
    bool thp = !huge && ram_thp_offered();
    if (!ram_map_ranges(vm, fd, thp, mem)) {
        (void)snprintf(why, why_size,
                       "cannot map %llu MiB of guest RAM: %s; give the VM less memory or the host "
                       "more",
                       (unsigned long long)(ram_total(vm) >> 20), strerror(errno));
        ram_unmap(mem);
        return false;
    }
    (void)snprintf(backing, backing_size, "%s",
                   huge  ? "2 MiB pages (hugetlb)"
                   : thp ? "2 MiB pages where they can be had (shmem THP)"
                         : "4 KiB pages");
    return true;
}
