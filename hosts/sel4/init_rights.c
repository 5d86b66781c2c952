/* SPDX-License-Identifier: BSD-2-Clause
 * Who can reach what: the record of what was given, held against the system file, and printed. */
#include "sel4/init.h"

extern const uint8_t image_text[];
extern const uint8_t image_system[];

void rights_name_image(struct init *in)
{
    part_topic(in, THING(THING_PROGRAM, 0, 0));
    for (uint64_t i = 0; i < in->world.boot.image_frames; i++) { /* bound: the image's pages */
        rights_made(&in->world.rights, in->world.boot.image_frame + i);
    }
    part_topic(in, THING_NONE);
}

/* What init goes on using of what it could reach. Its mappings were noted when they were made. */
static void note_own(struct init *in)
{
    struct rights_record *r = &in->world.rights;
    uint32_t init = PARTY(PARTY_INIT, 0);
    rights_gave(r, init, in->endpoint, RIGHT_READ);
    rights_gave(r, init, in->part[in->console].notify, RIGHT_WRITE);
    for (uint32_t i = 0; i < in->system->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        rights_gave(r, init, in->wake_signal[i], RIGHT_WRITE);
    }
    for (uint32_t i = 0; i < in->parts; i++) { /* bound: PARTS_MAX */
        rights_gave(r, init, in->part[i].tcb, RIGHT_USE);
    }
}

/* Supervision hears what ends, stops and starts threads, and says so. A scheduling context that nobody else
 * has a capability to would end with init's. */
void rights_drop(struct init *in)
{
    struct world *w = &in->world;
    uint64_t made = w->next_slot - w->boot.free_slot;
    uint64_t system = (uint64_t)image_system - (uint64_t)image_text + sizeof(*in->system);
    world_keep(w, in->endpoint, true);
    world_keep(w, in->reply, true);
    world_keep(w, in->part[in->console].notify, true);
    for (uint32_t i = 0; i < in->system->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        world_keep(w, in->wake_signal[i], true);
    }
    for (uint32_t i = 0; i < in->parts; i++) { /* bound: PARTS_MAX */
        world_keep(w, in->part[i].tcb, true);
        world_keep(w, in->part[i].sched, !in->part[i].parked);
    }
    uint64_t left = world_drop(w, in->sched_control, (system + SYS_PAGE - 1u) / SYS_PAGE);
    say(w->out,
        "bulkhead: init keeps %U of %U capabilities: what is mapped, %u threads, and who speaks to it\n",
        left, made, in->parts);
}

static void out_line(void *host, const char *text)
{
    const struct init *in = host;
    say(in->world.out, "%s\r\n", text);
}

void rights_settle(struct init *in)
{
    static struct rights wanted;
    const struct rights_out out = {.line = out_line, .host = in};
    note_own(in);
    rights_derive(&wanted, in->system, CORES);
    uint32_t offences = rights_compare(&wanted, &in->world.rights.given, in->system, &out);
    if (offences != 0) {
        world_stop(&in->world, "what was given is not what the system file implies", offences);
    }
    rights_print(&in->world.rights.given, in->system, &out);
    say(in->world.out, "bulkhead: the capabilities given are those of the system file\r\n");
}
