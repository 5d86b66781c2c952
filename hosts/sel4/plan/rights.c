/* SPDX-License-Identifier: BSD-2-Clause
 * Lists of rights: what the file implies, and what was given. */
#include "sel4/plan/rights.h"

#include "base/string.h"
#include "system/check.h"

#define BOTH (RIGHT_READ | RIGHT_WRITE)

/* --- The list ---------------------------------------------------------------------------------- */

static bool before(const struct right *a, uint32_t party, uint32_t thing)
{
    return a->party != party ? a->party < party : a->thing < thing;
}

void rights_add(struct rights *r, uint32_t party, uint32_t thing, uint32_t rights)
{
    uint32_t at = r->count;
    while (at > 0 && !before(&r->right[at - 1u], party, thing)) { /* bound: RIGHTS_MAX */
        at--;
    }
    if (at < r->count && r->right[at].party == party && r->right[at].thing == thing) {
        r->right[at].rights |= rights;
        return;
    }
    if (r->count == RIGHTS_MAX) {
        r->full = true;
        return;
    }
    memmove(&r->right[at + 1u], &r->right[at], (r->count - at) * sizeof(r->right[0]));
    r->right[at] = (struct right){.party = party, .thing = thing, .rights = rights};
    r->count++;
}

/* --- What the file implies --------------------------------------------------------------------- */

/* A signals, B waits: so much and no more. */
static void signals(struct rights *r, uint32_t a, uint32_t b)
{
    rights_add(r, a, THING(THING_NOTIFY, b, 0), RIGHT_WRITE);
}

/* What every component has, whatever it does. */
static void everybody(struct rights *r, uint32_t party)
{
    rights_add(r, party, THING(THING_PROGRAM, 0, 0), RIGHT_READ);
    rights_add(r, party, THING(THING_ARGS, party, 0), RIGHT_READ);
    rights_add(r, PARTY(PARTY_INIT, 0), THING(THING_ARGS, party, 0), BOTH);
    rights_add(r, party, THING(THING_NOTIFY, party, 0), RIGHT_READ);
    rights_add(r, party, THING(THING_REPORT, 0, 0), RIGHT_WRITE);
    rights_add(r, PARTY(PARTY_INIT, 0), THING(THING_THREAD, party, 0), RIGHT_USE); /* to stop it */
}

/* It says something: bytes to the console, and a signal that there are some. */
static void speaks(struct rights *r, uint32_t party)
{
    uint32_t console = PARTY(PARTY_CONSOLE, 0);
    rights_add(r, party, THING(THING_SAY, party, 0), BOTH);
    rights_add(r, console, THING(THING_SAY, party, 0), BOTH);
    signals(r, party, console);
}

/* It sleeps until a time that the keeper of its core reads. */
static void sleeps(struct rights *r, uint32_t party, uint32_t keeper)
{
    rights_add(r, party, THING(THING_WAKE, party, 0), BOTH);
    rights_add(r, keeper, THING(THING_WAKE, party, 0), RIGHT_READ);
    signals(r, party, keeper);
    signals(r, keeper, party);
}

static void derive_vmm(struct rights *r, const struct system_image *image, uint32_t v,
                       uint32_t cores)
{
    uint32_t vmm = PARTY(PARTY_VMM, v);
    uint32_t keeper = PARTY(PARTY_KEEPER, system_sel4_cpu(image->vm[v].cpu) % cores);
    everybody(r, vmm);
    speaks(r, vmm);
    sleeps(r, vmm, keeper);
    rights_add(r, vmm, THING(THING_RAM, vmm, 0), BOTH);
    rights_add(r, vmm, THING(THING_FILES, vmm, 0), RIGHT_READ);
    rights_add(r, vmm, THING(THING_VCPU, vmm, 0), RIGHT_USE);
    rights_add(r, keeper, THING(THING_TIME, vmm, 0), RIGHT_USE);
    rights_add(r, keeper, THING(THING_THREAD, vmm, 0), RIGHT_USE);
    /* In the place of a vmm that ended, init tells the keeper so. */
    rights_add(r, PARTY(PARTY_INIT, 0), THING(THING_WAKE, vmm, 0), BOTH);
    signals(r, PARTY(PARTY_INIT, 0), keeper);
}

/* A port's rings, and a signal each way. */
static void plugged(struct rights *r, uint32_t party, uint32_t switch_, uint32_t port)
{
    uint32_t sw = PARTY(PARTY_SWITCH, switch_);
    rights_add(r, party, THING(THING_FRAMES, sw, port), BOTH);
    rights_add(r, sw, THING(THING_FRAMES, sw, port), BOTH);
    signals(r, party, sw);
    signals(r, sw, party);
}

/* The keeper wakes the vmm, which may be parked. */
static void derive_io(struct rights *r, const struct system_image *image, uint32_t v,
                      uint32_t cores)
{
    const struct system_vm *vm = &image->vm[v];
    uint32_t vmm = PARTY(PARTY_VMM, v);
    uint32_t io = PARTY(PARTY_IO, v);
    everybody(r, io);
    signals(r, io, PARTY(PARTY_KEEPER, system_sel4_cpu(vm->cpu) % cores));
    signals(r, vmm, io);
    rights_add(r, io, THING(THING_RAM, vmm, 0), BOTH);
    for (uint32_t n = 0; n < vm->nics; n++) { /* bound: SYSTEM_NICS_MAX */
        uint32_t sw = vm->nic[n].switch_;
        rights_add(r, vmm, THING(THING_CHANNEL, vmm, n), BOTH);
        rights_add(r, io, THING(THING_CHANNEL, vmm, n), BOTH);
        rights_add(r, PARTY(PARTY_INIT, 0), THING(THING_CHANNEL, vmm, n),
                   BOTH); /* counts; as new at a restart */
        plugged(r, io, sw, system_port(image, sw, v, n));
    }
}

/* Its helper is a guest of a few instructions that holds nothing but CR2. */
static void derive_keeper(struct rights *r, uint32_t core)
{
    uint32_t keeper = PARTY(PARTY_KEEPER, core);
    everybody(r, keeper);
    rights_add(r, keeper, THING(THING_VCPU, keeper, 0), RIGHT_USE);
}

static void derive_keepers(struct rights *r, const struct system_image *image, uint32_t cores)
{
    uint32_t first = PARTY(PARTY_KEEPER, 0);
    derive_keeper(r, 0);
    for (uint32_t v = 0; v < image->vms; v++) { /* bound: SYSTEM_VMS_MAX */
        derive_keeper(r, system_sel4_cpu(image->vm[v].cpu) % cores);
    }
    /* The machine's clock is the first one's. */
    rights_add(r, first, THING(THING_HPET, 0, 0), BOTH);
    rights_add(r, first, THING(THING_HPET_IRQ, 0, 0), RIGHT_USE);
}

void rights_derive(struct rights *r, const struct system_image *image, uint32_t cores)
{
    uint32_t console = PARTY(PARTY_CONSOLE, 0);
    uint32_t init = PARTY(PARTY_INIT, 0);
    r->count = 0;
    r->full = false;
    everybody(r, console);
    rights_add(r, console, THING(THING_COM1, 0, 0), RIGHT_USE);
    sleeps(r, console, PARTY(PARTY_KEEPER, 0));
    speaks(r, init);
    rights_add(r, init, THING(THING_REPORT, 0, 0), RIGHT_READ);
    derive_keepers(r, image, cores);
    for (uint32_t v = 0; v < image->vms; v++) { /* bound: SYSTEM_VMS_MAX */
        derive_vmm(r, image, v, cores);
        if (image->vm[v].nics != 0) {
            derive_io(r, image, v, cores);
        }
    }
    for (uint32_t s = 0; s < image->switches; s++) { /* bound: SYSTEM_SWITCHES_MAX */
        uint32_t sw = PARTY(PARTY_SWITCH, s);
        everybody(r, sw);
        rights_add(r, sw, THING(THING_COUNTS, sw, 0), BOTH);
        uint32_t uplink = system_port(image, s, SYSTEM_VMS_MAX, 0);
        if (uplink != SYSTEM_PORTS_MAX) { /* nobody is behind it */
            rights_add(r, sw, THING(THING_FRAMES, sw, uplink), BOTH);
        }
        rights_add(r, init, THING(THING_COUNTS, sw, 0), RIGHT_READ);
    }
    for (uint32_t n = 0; n < image->sel4.natives; n++) { /* bound: SYSTEM_NATIVES_MAX */
        uint32_t native = PARTY(PARTY_NATIVE, n);
        uint32_t sw = image->sel4.native[n].switch_;
        everybody(r, native);
        rights_add(r, native, THING(THING_COUNTS, native, 0), BOTH);
        rights_add(r, init, THING(THING_COUNTS, native, 0), RIGHT_READ);
        plugged(r, native, sw, system_native_port(image, sw, n));
    }
}

/* --- What was given ---------------------------------------------------------------------------- */

void rights_record_init(struct rights_record *r)
{
    memset(r, 0, sizeof(*r));
    r->things = 1;
}

/* The thing's number; 0 if there is no room to remember it, and then the record is void. */
static uint8_t number_of(struct rights_record *r, uint32_t thing)
{
    for (uint32_t i = 1; i < r->things; i++) { /* bound: RIGHTS_THINGS */
        if (r->thing[i] == thing) {
            return (uint8_t)i;
        }
    }
    if (r->things == RIGHTS_THINGS) {
        r->given.full = true;
        return 0;
    }
    r->thing[r->things] = thing;
    r->things++;
    return (uint8_t)(r->things - 1u);
}

void rights_topic(struct rights_record *r, uint32_t thing)
{
    r->topic = thing;
}

void rights_made(struct rights_record *r, uint64_t slot)
{
    if (slot >= RIGHTS_SLOTS) {
        r->given.full = true;
    } else {
        r->of_slot[slot] = r->topic == 0 ? 0 : number_of(r, r->topic);
    }
}

void rights_copied(struct rights_record *r, uint64_t from, uint64_t to)
{
    if (from >= RIGHTS_SLOTS || to >= RIGHTS_SLOTS) {
        r->given.full = true;
    } else {
        r->of_slot[to] = r->of_slot[from];
    }
}

void rights_gave(struct rights_record *r, uint32_t party, uint64_t slot, uint32_t rights)
{
    if (slot >= RIGHTS_SLOTS) {
        r->given.full = true;
        return;
    }
    if (r->of_slot[slot] == 0) {
        r->of_slot[slot] = number_of(r, THING(THING_PRIVATE, party, 0));
    }
    rights_add(&r->given, party, r->thing[r->of_slot[slot]], rights);
}

void rights_took(struct rights_record *r, uint32_t party, uint64_t slot)
{
    struct rights *g = &r->given;
    uint32_t thing = slot < RIGHTS_SLOTS ? r->thing[r->of_slot[slot]] : THING_NONE;
    for (uint32_t i = 0; i < g->count; i++) { /* bound: RIGHTS_MAX */
        if (g->right[i].party == party && g->right[i].thing == thing) {
            g->count--;
            memmove(&g->right[i], &g->right[i + 1u], (g->count - i) * sizeof(g->right[0]));
            return;
        }
    }
}
