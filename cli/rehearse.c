/* SPDX-License-Identifier: BSD-2-Clause
 * Loading every guest once. RAM that the loader does not touch costs nothing: it is only reserved. */
#include "rehearse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/boot.h"

/* Any frequency will do: it only goes into command lines. */
#define REHEARSE_KHZ 1000000u

struct rehearsal {
    const struct system_vm *vm;
    struct gmem mem;
    struct boot_input in;
};

static bool map_ram(struct rehearsal *r)
{
    for (uint32_t i = 0; i < r->vm->ranges; i++) {
        const struct system_range *range = &r->vm->range[i];
        void *at = mmap(NULL, range->size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED || !gmem_add(&r->mem, range->base, range->size, at)) {
            return false;
        }
    }
    return true;
}

static bool map_file(const struct system_file *f, struct boot_file *out)
{
    struct stat st;
    *out = (struct boot_file){.load_at = f->load_at, .args = f->args};
    if (f->path[0] == '\0') {
        return true;
    }
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    void *at = MAP_FAILED;
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size == f->bytes) {
        at = mmap(NULL, f->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    (void)close(fd);
    if (at == MAP_FAILED) {
        return false;
    }
    out->bytes = at;
    out->len = f->bytes;
    return true;
}

static bool map_files(struct rehearsal *r)
{
    bool ok = map_file(&r->vm->kernel, &r->in.kernel) && map_file(&r->vm->initrd, &r->in.initrd);
    for (uint32_t i = 0; ok && i < r->vm->modules; i++) {
        ok = map_file(&r->vm->module[i], &r->in.module[i]);
        r->in.modules = i + 1u;
    }
    return ok;
}

static void unmap_file(const struct boot_file *f)
{
    if (f->bytes != NULL) {
        (void)munmap((void *)(uintptr_t)f->bytes, f->len);
    }
}

static void unmap(struct rehearsal *r)
{
    unmap_file(&r->in.kernel);
    unmap_file(&r->in.initrd);
    for (uint32_t i = 0; i < r->in.modules; i++) {
        unmap_file(&r->in.module[i]);
    }
    for (uint32_t i = 0; i < r->mem.count; i++) {
        (void)munmap(r->mem.region[i].host, r->mem.region[i].size);
    }
}

/* The file that the loader's complaint is about. */
static const char *file_of(const struct system_vm *vm, const struct boot_result *result)
{
    if (result->part == BOOT_PART_INITRD) {
        return vm->initrd.path;
    }
    if (result->part == BOOT_PART_MODULE && result->detail < vm->modules) {
        return vm->module[result->detail].path;
    }
    return vm->kernel.path;
}

static bool rehearse_vm(const char *system_file, const struct system_vm *vm, FILE *diag)
{
    struct vcpu_regs regs;
    struct boot_result result;
    struct rehearsal r = {.vm = vm};
    r.in = (struct boot_input){.vm = vm, .mem = &r.mem, .tsc_khz = REHEARSE_KHZ};
    bool ok = map_ram(&r) && map_files(&r);
    if (!ok) {
        (void)fprintf(diag,
                      "%s: error: VM \"%s\": its files or its RAM cannot be mapped (%s); "
                      "try again with more free memory\n",
                      system_file, vm->name, strerror(errno));
    } else if (boot_load(&r.in, &regs, &result) != BOOT_OK) {
        ok = false;
        (void)fprintf(diag, "%s: error: VM \"%s\": %s: %s", system_file, vm->name,
                      file_of(vm, &result), boot_status_text(result.status));
        if (result.where != 0) {
            (void)fprintf(diag, " (at 0x%llx)", (unsigned long long)result.where);
        }
        (void)fputc('\n', diag);
    }
    unmap(&r);
    return ok;
}

bool rehearse(const char *system_file, const struct system_image *image, FILE *diag)
{
    bool ok = true;
    for (uint32_t i = 0; i < image->vms; i++) {
        ok = rehearse_vm(system_file, &image->vm[i], diag) && ok;
    }
    return ok;
}
