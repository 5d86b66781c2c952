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

static unsigned line_of(const struct draft_lines *lines, uint32_t vm, enum system_field field)
{
    return lines == NULL ? 0 : lines->vm[vm].field[field];
}

static void check_ram(struct say *say, const struct system_image *image,
                      const struct draft_lines *lines)
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

/* Whose CPU it is, and where the file says so. */
struct cpu_user {
    const char *kind; /* "VM", "switch" */
    const char *name;
    const char *what; /* "it", "its io" */
    unsigned line;
    uint32_t cpu;
};

struct cpu_check {
    struct say *say;
    uint32_t cpus;
    bool strict;
    bool warned;
};

static void check_cpu(struct cpu_check *c, const struct cpu_user *u)
{
    if (u->cpu == SYSTEM_CPU_ANY || u->cpu < c->cpus) {
        return;
    }
    if (c->strict) {
        say_error(c->say, u->line,
                  "%s \"%s\": this host has no CPU %u, only 0 to %u; choose one of those, or "
                  "set strict = false to let CPU numbers fold",
                  u->kind, u->name, u->cpu, c->cpus - 1);
    } else if (!c->warned) {
        say_warning(c->say, u->line,
                    "%s \"%s\": this host has no CPU %u, only 0 to %u; CPU numbers fold, so %s "
                    "runs on CPU %u (strict = true refuses that)",
                    u->kind, u->name, u->cpu, c->cpus - 1, u->what, u->cpu % c->cpus);
        c->warned = true;
    }
}

static void check_cpus(struct say *say, const struct system_image *image,
                       const struct draft_lines *lines)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    struct cpu_check c = {
        .say = say,
        .cpus = online < 1 ? 1 : (uint32_t)online,
        .strict = (image->flags & SYSTEM_FLAG_STRICT) != 0,
    };
    for (uint32_t i = 0; i < image->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        const struct system_vm *vm = &image->vm[i];
        unsigned line = line_of(lines, i, SYSTEM_FIELD_CPU);
        check_cpu(&c, &(struct cpu_user){"VM", vm->name, "it", line, vm->cpu});
        line = line_of(lines, i, SYSTEM_FIELD_NIC);
        check_cpu(&c, &(struct cpu_user){"VM", vm->name, "the io of it", line, vm->io_cpu});
    }
    for (uint32_t i = 0; i < image->switches; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        const struct system_switch *s = &image->switch_[i];
        unsigned line = lines == NULL ? 0 : lines->switch_[i].line;
        check_cpu(&c, &(struct cpu_user){"switch", s->name, "it", line, s->cpu});
    }
}

void host_check(struct say *say, const struct system_image *image, const struct draft_lines *lines)
{
    check_ram(say, image, lines);
    check_cpus(say, image, lines);
}
