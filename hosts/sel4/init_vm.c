/* SPDX-License-Identifier: BSD-2-Clause
 * What a vmm has besides: guest RAM, in its own address space and in the guest's; the guest's files,
 * read-only; the vCPU and the nested page tables. */
#include "sel4/init.h"
#include "sel4/keeper.h"

extern const uint8_t image_text[];
extern const uint8_t image_system[];

/* Guest RAM in the largest frames that fit, all zero, as the kernel hands memory out. */
static void map_ram(struct init *in, const struct part *p, const struct part *io,
                    const struct system_range *r)
{
    uint64_t at = r->base;
    uint64_t end = r->base + r->size;
    while (at < end) { /* bound: its pages */
        bool large = at % SYS_LARGE == 0 && end - at >= SYS_LARGE;
        uint64_t frame =
            world_make(&in->world, large ? SYS_OBJECT_LARGE_FRAME : SYS_OBJECT_FRAME, 0);
        world_map(&in->world, frame, p->space, PART_RAM + at, SYS_READ | SYS_WRITE, false);
        world_map_ept(&in->world, world_copy(&in->world, frame, SYS_READ | SYS_WRITE, 0), p->ept,
                      at);
        if (io != NULL) {
            part_share(in, io, frame, PART_RAM + at, SYS_READ | SYS_WRITE, false);
        }
        at += large ? SYS_LARGE : SYS_PAGE;
    }
}

static void map_file(struct init *in, const struct part *p, const struct system_file *f)
{
    uint64_t first = (uint64_t)image_system + f->packed_at;
    if (f->packed_at == 0) {
        return;
    }
    for (uint64_t at = first; at < first + f->bytes; at += SYS_PAGE) { /* bound: its pages */
        uint64_t frame = in->world.boot.image_frame + (at - (uint64_t)image_text) / SYS_PAGE;
        part_share(in, p, frame, at, SYS_READ, false);
    }
}

/* A vCPU bound to the part's thread, with nested page tables of its own. */
static void make_vcpu(struct init *in, struct part *p)
{
    struct world *w = &in->world;
    p->vcpu = world_make(w, SYS_OBJECT_VCPU, 0);
    p->ept = world_make(w, SYS_OBJECT_EPT, 0);
    int error = sys_vcpu_bind(p->vcpu, p->tcb);
    if (error == 0) {
        error = sys_assign_asid(p->ept);
    }
    /* Always before the first entry: the kernel crashes on a vCPU without one. */
    if (error == 0) {
        error = sys_set_ept(p->tcb, p->ept);
    }
    if (error != 0) {
        world_stop(w, "the kernel refuses to set up a vCPU", (uint64_t)error);
    }
    part_grant(in, p, p->vcpu, PART_CAP_VCPU, SYS_ALL, 0);
}

void vm_build(struct init *in, struct part *p, const struct part *io)
{
    const struct system_vm *vm = &in->system->vm[p->index];
    make_vcpu(in, p);
    for (uint32_t i = 0; i < vm->ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
        map_ram(in, p, io, &vm->range[i]);
    }
    map_file(in, p, &vm->kernel);
    map_file(in, p, &vm->initrd);
    for (uint32_t i = 0; i < vm->modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        map_file(in, p, &vm->module[i]);
    }
}

void helper_build(struct init *in, struct part *p)
{
    make_vcpu(in, p);
    for (uint64_t at = 0; at < HELPER_PAGES * SYS_PAGE; at += SYS_PAGE) { /* bound: HELPER_PAGES */
        uint64_t frame = world_make(&in->world, SYS_OBJECT_FRAME, 0);
        world_map(&in->world, frame, p->space, PART_HELPER + at, SYS_READ | SYS_WRITE, false);
        world_map_ept(&in->world, world_copy(&in->world, frame, SYS_READ | SYS_WRITE, 0), p->ept,
                      at);
    }
}
