/* SPDX-License-Identifier: BSD-2-Clause
 * The io component: serves the queues of one VM's network cards, away from its vCPU. It has the VM's
 * RAM, a channel per card and the card's rings to its switch; it wakes its VM through the keeper.
 *
 * It looks at everything whenever it is woken. Kicks that come while it works are one. */
#include "base/assert.h"
#include "sel4/parts.h"
#include "sel4/sys.h"
#include "sel4/vmx/vcpu.h"
#include "virtio/net_io.h"

struct io {
    uint32_t nics;
    struct gmem mem;
    struct vnet_io nic[SYSTEM_NICS_MAX];
};

static struct io io;

void part_ram(const struct system_vm *vm, struct gmem *mem)
{
    for (uint32_t i = 0; i < vm->ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
        const struct system_range *r = &vm->range[i];
        bool added = gmem_add(mem, r->base, r->size, (uint8_t *)(PART_RAM + r->base));
        BH_ASSERT(added); /* system_check() has refused everything that does not fit */
    }
}

bool part_lends(const struct system_vm *vm)
{
    struct gmem mem = {.count = 0};
    part_ram(vm, &mem);
    return !gmem_contains(&mem, VMX_LENT_GPA, 1);
}

static void init(struct io *o, const struct part_args *args)
{
    const struct system_vm *vm = &args->system->vm[args->index];
    o->nics = vm->nics;
    part_ram(vm, &o->mem);
    for (uint32_t i = 0; i < o->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        struct net_rings *rings = (struct net_rings *)PART_PORT(i);
        vnet_io_init(&o->nic[i], (struct channel *)PART_CHANNEL(i), &o->mem, &rings->to_switch,
                     &rings->from_switch);
    }
}

/* Serves every card once. True: there is more to do. */
static bool turn(struct io *o)
{
    bool again = false;
    bool notify = false;
    for (uint32_t i = 0; i < o->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        struct vnet_todo todo = vnet_io_turn(&o->nic[i]);
        if (todo.wake_switch) {
            sys_signal(PART_CAP_SWITCH(i));
        }
        notify = notify || todo.notify;
        again = again || todo.again;
    }
    if (notify) {
        sys_signal(PART_CAP_KEEPER);
    }
    return again;
}

static void notified(struct io *o, uint64_t badge)
{
    for (uint32_t i = 0; i < o->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        vnet_io_kicked(&o->nic[i], (badge & PART_BADGE_KICK(i)) != 0 ? 1u : 0u);
    }
    while (turn(o)) {
        /* bound: its budget; other business than the cards' is there none */
    }
}

/* An io before this one may have died between taking somebody's word that it sleeps and waking it. */
static void wake_all(const struct io *o)
{
    for (uint32_t i = 0; i < o->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        sys_signal(PART_CAP_SWITCH(i));
    }
    sys_signal(PART_CAP_KEEPER);
}

_Noreturn void io_main(const struct part_args *args)
{
    init(&io, args);
    wake_all(&io);
    notified(&io, 0);
    for (;;) {
        notified(&io, sys_wait(PART_CAP_NOTIFY));
    }
}
