/* SPDX-License-Identifier: BSD-2-Clause
 * init, the first thread: reads the frozen system, builds the components from untyped memory, starts
 * them, and supervises. */
#include "sel4/init.h"

#include "sel4/com1.h"
#include "system/check.h"

extern const uint8_t image_system[];
extern const uint8_t image_end[];

static struct init init;
static struct part_ring *init_ring; /* NULL: straight to COM1 */

/* Where init speaks: to COM1, and once the console has that, to the console. */
static void init_put(void *owner, uint8_t byte)
{
    const struct init *in = owner;
    if (init_ring == NULL) {
        com1_write(in->ports, &byte, 1);
        return;
    }
    (void)ring_put(init_ring, byte);
    if (byte == '\n') {
        sys_signal(in->part[in->console].notify);
    }
}

static const struct say_sink sink = {.put = init_put, .owner = &init};

/* --- Building ---------------------------------------------------------------------------------- */

/* Who has which ring, and which page to ask to be woken. */
static uint32_t speaker_party(uint32_t i)
{
    return i < SYSTEM_VMS_MAX ? PARTY(PARTY_VMM, i) : PARTY(PARTY_INIT, 0);
}

static uint32_t client_party(uint32_t i)
{
    return i < SYSTEM_VMS_MAX ? PARTY(PARTY_VMM, i) : PARTY(PARTY_CONSOLE, 0);
}

/* There are as many as can be; those of VMs that are not there are nobody's. */
static bool in_use(const struct init *in, uint32_t i)
{
    return i < in->system->vms || i >= SYSTEM_VMS_MAX;
}

static void make_shared(struct init *in)
{
    struct world *w = &in->world;
    part_topic(in, THING(THING_REPORT, 0, 0));
    in->endpoint = world_make(w, SYS_OBJECT_ENDPOINT, 0);
    part_topic(in, THING_NONE);
    in->reply = world_make(w, SYS_OBJECT_REPLY, 0);
    for (uint32_t i = 0; i < PART_SPEAKERS; i++) {
        part_topic(in, THING(THING_SAY, speaker_party(i), 0));
        for (uint32_t k = 0; k < PART_RING_PAGES; k++) {
            in->ring_frame[i][k] = world_make(w, SYS_OBJECT_FRAME, 0);
        }
    }
    for (uint32_t i = 0; i < PART_CLIENTS; i++) {
        part_topic(in, THING(THING_WAKE, client_party(i), 0));
        in->wake_frame[i] = world_make(w, SYS_OBJECT_FRAME, 0);
    }
    part_topic(in, THING_NONE);
}

static void share_ring(struct init *in, const struct part *p, uint32_t speaker)
{
    for (uint32_t k = 0; k < PART_RING_PAGES; k++) {
        part_share(in, p, in->ring_frame[speaker][k], PART_RING(speaker) + k * SYS_PAGE,
                   SYS_READ | SYS_WRITE, false);
    }
}

static void build_console(struct init *in)
{
    in->console = in->parts;
    struct part *p = part_add(in, PART_CONSOLE, "console", 0);
    part_build(in, p);
    for (uint32_t i = 0; i < PART_SPEAKERS; i++) {
        if (in_use(in, i)) {
            share_ring(in, p, i);
        }
    }
    part_grant(in, p, in->ports, PART_CAP_PORTS, SYS_ALL, 0);
}

/* Lets a part sleep: it tells the keeper when to wake it. */
static void add_client(struct init *in, const struct part *p, uint32_t client)
{
    const struct part *keeper = &in->part[in->keeper];
    part_share(in, p, in->wake_frame[client], PART_WAKE(client), SYS_READ | SYS_WRITE, false);
    part_grant(in, p, keeper->notify, PART_CAP_KEEPER, SYS_WRITE, 1ull << client);
    part_grant(in, keeper, p->notify, PART_CAP_CLIENT + client, SYS_WRITE, PART_BADGE_TIMER);
}

static void build_keeper(struct init *in)
{
    in->keeper = in->parts;
    struct part *p = part_add(in, PART_KEEPER, "keeper", 0);
    part_build(in, p);
    helper_build(in, p);
    part_share(in, p, in->hpet, PART_HPET, SYS_READ | SYS_WRITE, true);
    for (uint32_t i = 0; i < PART_CLIENTS; i++) {
        if (in_use(in, i)) {
            part_share(in, p, in->wake_frame[i], PART_WAKE(i), SYS_READ, false);
        }
    }
    struct world *w = &in->world;
    uint64_t irq = world_slot(w);
    uint64_t badged = world_copy(w, p->notify, SYS_WRITE, PART_BADGE_IRQ);
    if (sys_issue_irq(irq, 0, in->hpet_pin, false, false, 0) != 0 ||
        sys_irq_notify(irq, badged) != 0) {
        world_stop(w, "the kernel refuses the HPET's interrupt", in->hpet_pin);
    }
    part_topic(in, THING(THING_HPET_IRQ, 0, 0));
    rights_made(&w->rights, irq);
    part_topic(in, THING_NONE);
    part_grant(in, p, irq, PART_CAP_IRQ, SYS_ALL, 0);
    add_client(in, &in->part[in->console], PART_CLIENTS - 1u);
}

static void build_vm(struct init *in, uint32_t index)
{
    const struct system_vm *vm = &in->system->vm[index];
    const struct part *io = net_build_io(in, index);
    struct part *p = part_add(in, PART_VMM, vm->name, index);
    p->parked = true;
    part_build(in, p);
    share_ring(in, p, index);
    vm_build(in, p, io);
    if (io != NULL) {
        net_join(in, p, io);
    }
    part_grant(in, p, in->part[in->console].notify, PART_CAP_CONSOLE, SYS_WRITE, PART_BADGE_SAID);
    add_client(in, p, index);
    const struct part *keeper = &in->part[in->keeper];
    part_grant(in, keeper, p->sched, PART_CAP_SCHED + index, SYS_ALL, 0);
    part_grant(in, keeper, p->tcb, PART_CAP_TCB + index, SYS_ALL, 0);
    in->wake[index] = (volatile struct part_wake *)init_map(
        in, world_copy(&in->world, in->wake_frame[index], SYS_READ | SYS_WRITE, 0),
        SYS_READ | SYS_WRITE, false);
    in->wake_signal[index] = world_copy(&in->world, keeper->notify, SYS_WRITE, 1ull << index);
}

/* From here on what init says goes through the console, like everybody's. */
static void hand_over_console(struct init *in)
{
    uint64_t first = 0;
    for (uint32_t k = 0; k < PART_RING_PAGES; k++) {
        uint64_t at =
            init_map(in, in->ring_frame[PART_SPEAKERS - 1u][k], SYS_READ | SYS_WRITE, false);
        first = k == 0 ? at : first;
    }
    rights_settle(in);
    init_ring = (struct part_ring *)first;
    (void)sys_delete(in->ports);
    part_start(in, &in->part[in->console]);
}

static void read_system(struct init *in)
{
    struct system_fault fault;
    uint64_t bytes = (uint64_t)image_end - (uint64_t)image_system;
    const struct system_image *image = (const struct system_image *)(const void *)image_system;
    if (bytes < sizeof(*image) || image->total_bytes > bytes ||
        system_check(image, image->total_bytes, &fault, 1) != 0) {
        world_stop(&in->world, "the frozen system is damaged; build the image anew", bytes);
    }
    in->system = image;
    say(&sink, "bulkhead: frozen system of %U bytes, %u VMs\r\n", image->total_bytes, image->vms);
}

static void build(struct init *in, const void *boot_info)
{
    struct world *w = &in->world;
    world_init(w, boot_info, &sink);
    sys_set_ipc_buffer(w->boot.ipc_buffer);
    in->sched_control = sys_sched_control(boot_info);
    in->ports = world_slot(w);
    part_topic(in, THING(THING_COM1, 0, 0));
    rights_made(&w->rights, in->ports);
    part_topic(in, THING_NONE);
    if (sys_issue_ports(COM1_FIRST, COM1_LAST, in->ports) == 0) {
        com1_init(in->ports);
    }
    say(&sink, "\r\nbulkhead: init on seL4, %U MiB in %u untypeds, %U slots\r\n",
        world_left(w) >> 20, w->boot.untypeds, w->boot.end_slot - w->boot.free_slot);
    read_system(in);
    rights_name_image(in);
    vm_claim_ram(in);
    clock_find(in);
    clock_date(in);
    make_shared(in);
    build_console(in);
    build_keeper(in);
    net_build(in);
    for (uint32_t i = 0; i < in->system->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        build_vm(in, i);
    }
    say(&sink, "bulkhead: %u components built, %U MiB left, %U slots used\r\n", in->parts,
        world_left(w) >> 20, w->next_slot - w->boot.free_slot);
    hand_over_console(in);
    rights_drop(in);
    for (uint32_t i = in->keeper; i < in->parts; i++) {
        part_start(in, &in->part[i]);
    }
}

_Noreturn void init_main(const void *boot_info);
_Noreturn void init_main(const void *boot_info)
{
    build(&init, boot_info);
    for (;;) {
        struct sys_message m;
        sys_receive(init.endpoint, init.reply, &m);
        watch_heard(&init, &m);
    }
}

_Noreturn void part_main(const struct part_args *args)
{
    sys_set_ipc_buffer(PART_IPC);
    if (args->role == PART_CONSOLE) {
        console_main(args);
    } else if (args->role == PART_KEEPER) {
        keeper_main(args);
    } else if (args->role == PART_IO) {
        io_main(args);
    } else if (args->role == PART_SWITCH) {
        switch_main(args);
    } else if (args->role == PART_NATIVE) {
        native_main(args);
    } else {
        vmm_main(args);
    }
}
