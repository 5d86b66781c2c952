/* SPDX-License-Identifier: BSD-2-Clause
 * A VM's files, mapped read-only: the loader copies what it needs. */
#include "kvm/guest_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(const char *path, const char *reason, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "%s: %s", path, reason);
    return false;
}

static bool map_file(const struct system_file *f, struct boot_file *out, char *why, size_t size)
{
    struct stat st;
    *out = (struct boot_file){.load_at = f->load_at, .args = f->args};
    if (f->path[0] == '\0') {
        return true;
    }
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return failed(f->path, strerror(errno), why, size);
    }
    bool same = fstat(fd, &st) == 0 && (uint64_t)st.st_size == f->bytes;
    void *at = same ? mmap(NULL, f->bytes, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    int saved = errno;
    (void)close(fd);
    if (!same) {
        return failed(f->path, "it changed its size since the system was frozen", why, size);
    }
    if (at == MAP_FAILED) {
        return failed(f->path, strerror(saved), why, size);
    }
    out->bytes = at;
    out->len = f->bytes;
    return true;
}

bool guest_files_map(const struct system_vm *vm, struct boot_input *in, char *why, size_t why_size)
{
    bool ok = map_file(&vm->kernel, &in->kernel, why, why_size) &&
              map_file(&vm->initrd, &in->initrd, why, why_size);
    for (uint32_t i = 0; ok && i < vm->modules; i++) {
        ok = map_file(&vm->module[i], &in->module[i], why, why_size);
        in->modules = i + 1u;
    }
    return ok;
}

static void unmap_file(const struct boot_file *f)
{
    if (f->bytes != NULL) {
        (void)munmap((void *)(uintptr_t)f->bytes, f->len);
    }
}

void guest_files_unmap(const struct boot_input *in)
{
    unmap_file(&in->kernel);
    unmap_file(&in->initrd);
    for (uint32_t i = 0; i < in->modules; i++) {
        unmap_file(&in->module[i]);
    }
}

const char *guest_files_blamed(const struct system_vm *vm, const struct boot_result *result)
{
    if (result->part == BOOT_PART_INITRD) {
        return vm->initrd.path;
    }
    if (result->part == BOOT_PART_MODULE && result->detail < vm->modules) {
        return vm->module[result->detail].path;
    }
    return vm->kernel.path;
}
