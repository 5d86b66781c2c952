/* SPDX-License-Identifier: BSD-2-Clause */
#include "host.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/arith.h"
#include "words.h"

static uint64_t vm_ram(const struct system_vm *vm)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < vm->ranges && i < SYSTEM_RANGES_MAX; i++) {
        if (!u64_add(sum, vm->range[i].size, &sum)) {
            return UINT64_MAX;
        }
    }
    return sum;
}

static unsigned line_of(const struct draft_vm *lines, uint32_t vm, enum system_field field)
{
    return lines == NULL ? 0 : lines[vm].field[field];
}

static void check_ram(struct say *say, const struct system_image *image,
                      const struct draft_vm *lines)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0) {
        return;
    }
    uint64_t have = (uint64_t)info.totalram * info.mem_unit;
    uint64_t want = 0;
    for (uint32_t i = 0; i < image->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        if (!u64_add(want, vm_ram(&image->vm[i]), &want)) {
            want = UINT64_MAX;
        }
        if (want > have) {
            char wanted[SIZE_TEXT];
            char there[SIZE_TEXT];
            say_error(say, line_of(lines, i, SYSTEM_FIELD_RANGE),
                      "VM \"%s\": %s %s of RAM, but this host has %s; give less, or use a larger "
                      "host",
                      image->vm[i].name, i == 0 ? "it wants" : "it and the VMs before it want",
                      size_text(want, wanted), size_text(have, there));
            return;
        }
    }
}

static void check_cpus(struct say *say, const struct system_image *image,
                       const struct draft_vm *lines)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t cpus = online < 1 ? 1 : (uint32_t)online;
    bool strict = (image->flags & SYSTEM_FLAG_STRICT) != 0;
    bool warned = false;
    for (uint32_t i = 0; i < image->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        const struct system_vm *vm = &image->vm[i];
        if (vm->cpu == SYSTEM_CPU_ANY || vm->cpu < cpus) {
            continue;
        }
        unsigned line = line_of(lines, i, SYSTEM_FIELD_CPU);
        if (strict) {
            say_error(say, line,
                      "VM \"%s\": this host has no CPU %u, only 0 to %u; choose one of those, or "
                      "set strict = false to let CPU numbers fold",
                      vm->name, vm->cpu, cpus - 1);
        } else if (!warned) {
            say_warning(say, line,
                        "VM \"%s\": this host has no CPU %u, only 0 to %u; CPU numbers fold, so it "
                        "runs on CPU %u (strict = true refuses that)",
                        vm->name, vm->cpu, cpus - 1, vm->cpu % cpus);
            warned = true;
        }
    }
}

void host_check(struct say *say, const struct system_image *image, const struct draft_vm *lines)
{
    check_ram(say, image, lines);
    check_cpus(say, image, lines);
}
