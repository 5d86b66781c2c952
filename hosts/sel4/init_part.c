/* SPDX-License-Identifier: BSD-2-Clause
 * What every component has: an address space with the program in it, a CNode, a thread. */
#include "sel4/init.h"

#include "base/string.h"
#include "sel4/plan/time.h"

#define SCHED_BITS 8u /* room for a few refills */

extern const uint8_t image_text[];
extern const uint8_t image_bss[];
extern const uint8_t image_system[];
extern uint8_t stack_top[];
void part_entry(void);

struct part *part_add(struct init *in, enum part_role role, const char *name, uint32_t index)
{
    struct part *p = &in->part[in->parts];
    in->parts++;
    p->role = role;
    p->name = name;
    p->index = index;
    return p;
}

uint32_t part_party(const struct part *p)
{
    static const uint8_t kinds[] = {
        [PART_CONSOLE] = PARTY_CONSOLE, [PART_KEEPER] = PARTY_KEEPER, [PART_VMM] = PARTY_VMM,
        [PART_IO] = PARTY_IO,           [PART_SWITCH] = PARTY_SWITCH, [PART_NATIVE] = PARTY_NATIVE,
    };
    return PARTY(kinds[p->role], p->index);
}

void part_topic(struct init *in, uint32_t thing)
{
    rights_topic(&in->world.rights, thing);
}

#define WINDOW 0x3000000000ull /* where init maps what it shares with components */

uint64_t init_map(struct init *in, uint64_t frame, uint32_t rights, bool device)
{
    uint64_t at = WINDOW + in->window * SYS_PAGE;
    in->window++;
    world_map(&in->world, frame, SYS_ROOT_SPACE, at, rights, device);
    rights_gave(&in->world.rights, PARTY(PARTY_INIT, 0), frame, rights);
    return at;
}

void init_unmap(struct init *in, uint64_t frame)
{
    if (sys_unmap(frame) != 0) {
        world_stop(&in->world, "the kernel refuses to unmap a frame", frame);
    }
    world_keep(&in->world, frame, false);
    rights_took(&in->world.rights, PARTY(PARTY_INIT, 0), frame);
}

void part_grant(struct init *in, const struct part *p, uint64_t from, uint64_t slot,
                uint32_t rights, uint64_t badge)
{
    world_grant(&in->world, from, p->cnode, PART_CNODE_BITS, slot, rights, badge);
    rights_gave(&in->world.rights, part_party(p), from, rights == SYS_ALL ? RIGHT_USE : rights);
}

void part_share(struct init *in, const struct part *p, uint64_t frame, uint64_t address,
                uint32_t rights, bool device)
{
    uint64_t copy = world_copy(&in->world, frame, rights, 0);
    world_map(&in->world, copy, p->space, address, rights, device);
    rights_gave(&in->world.rights, part_party(p), copy, rights);
}

/* The frame of init's own image at an address. */
static uint64_t image_frame(const struct init *in, uint64_t address)
{
    return in->world.boot.image_frame + (address - (uint64_t)image_text) / SYS_PAGE;
}

/* Code and constants read-only, a .bss of its own, and the description of the system. */
static void map_program(struct init *in, const struct part *p)
{
    uint64_t bss = (uint64_t)image_bss;
    uint64_t system = (uint64_t)image_system;
    for (uint64_t at = (uint64_t)image_text; at < bss; at += SYS_PAGE) { /* bound: its pages */
        part_share(in, p, image_frame(in, at), at, SYS_READ, false);
    }
    for (uint64_t at = bss; at < system; at += SYS_PAGE) { /* bound: its pages */
        world_map(&in->world, world_make(&in->world, SYS_OBJECT_FRAME, 0), p->space, at,
                  SYS_READ | SYS_WRITE, false);
    }
    for (uint64_t at = system; at < system + sizeof(struct system_image); at += SYS_PAGE) {
        part_share(in, p, image_frame(in, at), at, SYS_READ, false);
    }
}

static void map_args(struct init *in, struct part *p)
{
    part_topic(in, THING(THING_ARGS, part_party(p), 0));
    uint64_t frame = world_make(&in->world, SYS_OBJECT_FRAME, 0);
    part_topic(in, THING_NONE);
    p->args = (struct part_args *)init_map(in, frame, SYS_READ | SYS_WRITE, false);
    *p->args = (struct part_args){.role = p->role,
                                  .index = p->index,
                                  .tsc_khz = in->tsc_khz,
                                  .epoch_s = in->epoch_s,
                                  .hpet_timer = in->hpet_timer,
                                  .hpet_pin = in->hpet_pin,
                                  .system = in->system};
    part_share(in, p, frame, PART_ARGS, SYS_READ, false);
}

static void configure_thread(struct init *in, const struct part *p, uint64_t number)
{
    struct world *w = &in->world;
    const struct part_time time = part_time(in->system, part_party(p), CORES);
    uint64_t ipc = world_make(w, SYS_OBJECT_FRAME, 0);
    world_map(w, ipc, p->space, PART_IPC, SYS_READ | SYS_WRITE, false);
    const struct sys_thread t = {
        .tcb = p->tcb,
        .cnode = p->cnode,
        .space = p->space,
        .ipc_frame = ipc,
        .ipc_address = PART_IPC,
        .sched = p->parked ? 0 : p->sched,
        .fault_endpoint = world_copy(w, in->endpoint, SYS_WRITE | SYS_GRANT, number),
        .cnode_bits = PART_CNODE_BITS,
        .priority = time.priority,
    };
    int error = sys_sched_configure(in->sched_control, p->sched, time.budget_us, time.period_us);
    if (error == 0) {
        error = sys_thread_configure(&t);
    }
    if (error == 0) {
        error = sys_thread_bind(p->tcb, p->notify);
    }
    if (error != 0) {
        world_stop(w, "the kernel refuses to configure a thread", (uint64_t)error);
    }
}

void part_build(struct init *in, struct part *p)
{
    struct world *w = &in->world;
    uint64_t number = 1u + (uint64_t)(p - in->part);
    p->cnode = world_make(w, SYS_OBJECT_CNODE, PART_CNODE_BITS);
    p->space = world_make(w, SYS_OBJECT_SPACE, 0);
    part_topic(in, THING(THING_THREAD, part_party(p), 0));
    p->tcb = world_make(w, SYS_OBJECT_TCB, 0);
    part_topic(in, THING(THING_TIME, part_party(p), 0));
    p->sched = world_make(w, SYS_OBJECT_SCHED, SCHED_BITS);
    part_topic(in, THING(THING_NOTIFY, part_party(p), 0));
    p->notify = world_make(w, SYS_OBJECT_NOTIFICATION, 0);
    part_topic(in, THING_NONE);
    if (sys_assign_asid(p->space) != 0) {
        world_stop(w, "the kernel has no address-space number left", number);
    }
    map_program(in, p);
    map_args(in, p);
    configure_thread(in, p, number);
    part_grant(in, p, p->notify, PART_CAP_NOTIFY, SYS_READ, 0);
    part_grant(in, p, in->endpoint, PART_CAP_INIT, SYS_WRITE, number);
}

void part_start(struct init *in, struct part *p)
{
    /* The ABI wants the stack aligned to 16 before a call. */
    int error =
        sys_thread_start(p->tcb, (uint64_t)(uintptr_t)part_entry, (uint64_t)stack_top, PART_ARGS);
    if (error != 0) {
        world_stop(&in->world, "the kernel refuses to start a thread", (uint64_t)error);
    }
    p->started_tsc = sys_tsc();
}

void part_start_again(const struct part *p)
{
    (void)sys_thread_start(p->tcb, (uint64_t)(uintptr_t)part_entry, (uint64_t)stack_top, PART_ARGS);
}
