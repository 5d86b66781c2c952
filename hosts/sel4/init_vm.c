/* SPDX-License-Identifier: BSD-2-Clause
 * What a vmm has besides: guest RAM, in its own address space and in the guest's; the guest's files,
 * read-only; the vCPU and the nested page tables. */
#include "sel4/init.h"
#include "sel4/keeper.h"
#include "sel4/vmx/vcpu.h"

extern const uint8_t image_text[];
extern const uint8_t image_system[];

/* Whose a block is: one number for each range of each VM. */
static uint32_t ram_owner(uint32_t vm, uint32_t range)
{
    return vm * SYSTEM_RANGES_MAX + range;
}

static void claim_ranges(struct init *in, bool named)
{
    for (uint32_t v = 0; v < in->system->vms; v++) { /* bound: SYSTEM_VMS_MAX */
        const struct system_vm *vm = &in->system->vm[v];
        for (uint32_t i = 0; i < vm->ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
            const struct untyped_wish wish = {
                .vm = vm->name, .at = in->system->sel4.backing[v][i], .bytes = vm->range[i].size};
            if ((wish.at != 0) == named) {
                world_claim(&in->world, &wish, ram_owner(v, i));
            }
        }
    }
}

void vm_claim_ram(struct init *in)
{
    claim_ranges(in, true);
    claim_ranges(in, false);
    if (!untyped_disjoint(&in->world.pool)) {
        world_stop(&in->world, "two VMs have the same memory; this is a defect of bulkhead", 0);
    }
}

/* One block of guest RAM, in the largest frames that fit, all zero, as the kernel hands memory out. */
static void map_block(struct init *in, const struct part *p, const struct part *io, uint32_t block,
                      uint64_t at)
{
    const struct untyped *u = &in->world.pool.entry[block];
    uint64_t end = at + (1ull << u->bits);
    bool large = untyped_frame_bits(u, at) == UNTYPED_LARGE;
    while (at < end) { /* bound: its pages */
        uint64_t frame = world_frame(&in->world, block, large);
        world_map(&in->world, frame, p->space, PART_RAM + at, SYS_READ | SYS_WRITE, false);
        rights_gave(&in->world.rights, part_party(p), frame, RIGHT_READ | RIGHT_WRITE);
        world_map_ept(&in->world, world_copy(&in->world, frame, SYS_READ | SYS_WRITE, 0), p->ept,
                      at);
        if (io != NULL) {
            part_share(in, io, frame, PART_RAM + at, SYS_READ | SYS_WRITE, false);
        }
        at += large ? SYS_LARGE : SYS_PAGE;
    }
}

/* The blocks of a range, in the order in which they were claimed: of a named one that of addresses. */
static void map_ram(struct init *in, const struct part *p, const struct part *io, uint32_t range)
{
    uint64_t at = in->system->vm[p->index].range[range].base;
    uint32_t owner = ram_owner(p->index, range);
    part_topic(in, THING(THING_RAM, part_party(p), 0));
    for (uint32_t i = 0; i < in->world.pool.count; i++) { /* bound: UNTYPED_MAX */
        if (in->world.pool.entry[i].owner == owner) {
            map_block(in, p, io, i, at);
            at += 1ull << in->world.pool.entry[i].bits;
        }
    }
    part_topic(in, THING_NONE);
}

static void map_file(struct init *in, const struct part *p, const struct system_file *f)
{
    uint64_t first = (uint64_t)image_system + f->packed_at;
    if (f->packed_at == 0) {
        return;
    }
    for (uint64_t at = first; at < first + f->bytes; at += SYS_PAGE) { /* bound: its pages */
        uint64_t frame = in->world.boot.image_frame + (at - (uint64_t)image_text) / SYS_PAGE;
        rights_made(&in->world.rights, frame); /* named for this VM, also if another has it, too */
        part_share(in, p, frame, at, SYS_READ, false);
    }
}

/* A vCPU bound to the part's thread, with nested page tables of its own. */
static void make_vcpu(struct init *in, struct part *p)
{
    struct world *w = &in->world;
    part_topic(in, THING(THING_VCPU, part_party(p), 0));
    p->vcpu = world_make(w, SYS_OBJECT_VCPU, 0);
    part_topic(in, THING_NONE);
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

/* A page that the vmm lends its vCPU at times (vmx/vectors.c). All that such a mapping needs is there. */
static void make_lent(struct init *in, const struct part *p)
{
    struct world *w = &in->world;
    uint64_t frame = world_make(w, SYS_OBJECT_FRAME, 0);
    part_grant(in, p, p->ept, PART_CAP_EPT, SYS_ALL, 0);
    part_grant(in, p, frame, PART_CAP_LENT, SYS_READ | SYS_WRITE, 0);
    part_share(in, p, frame, PART_LENT, SYS_READ | SYS_WRITE, false);
    world_map_ept(w, frame, p->ept, VMX_LENT_GPA);
    if (sys_unmap(frame) != 0) {
        world_stop(w, "the kernel refuses to unmap a frame", frame);
    }
    world_keep(w, frame, false);
}

void vm_build(struct init *in, struct part *p, const struct part *io)
{
    const struct system_vm *vm = &in->system->vm[p->index];
    make_vcpu(in, p);
    if (part_lends(vm)) {
        make_lent(in, p);
    }
    for (uint32_t i = 0; i < vm->ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
        map_ram(in, p, io, i);
    }
    part_topic(in, THING(THING_FILES, part_party(p), 0));
    map_file(in, p, &vm->kernel);
    map_file(in, p, &vm->initrd);
    for (uint32_t i = 0; i < vm->modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        map_file(in, p, &vm->module[i]);
    }
    part_topic(in, THING_NONE);
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
