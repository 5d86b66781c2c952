/* SPDX-License-Identifier: BSD-2-Clause
 * Loading every guest once. RAM that the loader does not touch costs nothing: it is only reserved. */
#include "rehearse.h"

#include <stdint.h>
#include <sys/mman.h>

#include "kvm/guest_files.h"

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

static void unmap(const struct rehearsal *r)
{
    guest_files_unmap(&r->in);
    for (uint32_t i = 0; i < r->mem.count; i++) {
        (void)munmap(r->mem.region[i].host, r->mem.region[i].size);
    }
}

static bool rehearse_vm(const char *system_file, const struct system_vm *vm, FILE *diag)
{
    struct vcpu_regs regs;
    struct boot_result result;
    struct rehearsal r = {.vm = vm};
    r.in = (struct boot_input){.vm = vm, .mem = &r.mem, .tsc_khz = REHEARSE_KHZ};
    char why[1200] = "its RAM cannot be mapped; free some memory";
    bool ok = map_ram(&r) && guest_files_map(vm, &r.in, why, sizeof(why));
    if (!ok) {
        (void)fprintf(diag, "%s: error: VM \"%s\": %s\n", system_file, vm->name, why);
    } else if (boot_load(&r.in, &regs, &result) != BOOT_OK) {
        ok = false;
        (void)fprintf(diag, "%s: error: VM \"%s\": %s: %s", system_file, vm->name,
                      guest_files_blamed(vm, &result), boot_status_text(result.status));
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
