/* SPDX-License-Identifier: BSD-2-Clause
 * init's store: untyped memory, slots, mappings. */
#include "sel4/world.h"

#include "base/arith.h"
#include "base/string.h"

#define LEVELS_MAX 4u /* of paging structures that one mapping may lack */

void world_init(struct world *w, const void *boot_info, const struct say_sink *out)
{
    memset(w, 0, sizeof(*w));
    sys_boot_read(boot_info, &w->boot);
    w->next_slot = w->boot.free_slot;
    w->out = out;
}

_Noreturn void world_stop(const struct world *w, const char *what, uint64_t number)
{
    say(w->out, "bulkhead: cannot start: %s (%U, 0x%X)\r\n", what, number, number);
    for (;;) { /* for ever: the machine has nothing to do */
        sys_yield();
    }
}

uint64_t world_slot(struct world *w)
{
    if (w->next_slot >= w->boot.end_slot) {
        world_stop(w,
                   "out of capability slots; build the kernel with a larger "
                   "KernelRootCNodeSizeBits",
                   w->boot.end_slot);
    }
    w->next_slot++;
    return w->next_slot - 1u;
}

static uint64_t room_after(const struct world *w, uint32_t i, uint64_t size)
{
    uint64_t whole = 1ull << w->boot.untyped[i].bits;
    uint64_t at = align_up(w->used[i], size);
    return at + size <= whole ? whole - at : 0;
}

/* The untyped with the least room that is enough, so that large ones stay whole. */
static uint32_t choose(const struct world *w, uint64_t size)
{
    uint32_t best = SYS_UNTYPED_MAX;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < w->boot.untypeds; i++) { /* bound: SYS_UNTYPED_MAX */
        if (w->boot.untyped[i].device || w->boot.untyped[i].bits > 40u) {
            continue;
        }
        uint64_t room = room_after(w, i, size);
        if (room != 0 && room < least) {
            least = room;
            best = i;
        }
    }
    return best;
}

uint64_t world_make(struct world *w, enum sys_object type, uint32_t bits)
{
    uint64_t size = 1ull << sys_object_bits(type, bits);
    uint32_t i = choose(w, size);
    if (i == SYS_UNTYPED_MAX) {
        world_stop(w, "out of memory for an object of so many bytes; give the VMs less", size);
    }
    uint64_t slot = world_slot(w);
    int error = sys_retype(w->boot.first_untyped + i, type, bits, slot);
    if (error != 0) {
        world_stop(w, "the kernel refuses to make an object", (uint64_t)error);
    }
    w->used[i] = align_up(w->used[i], size) + size;
    return slot;
}

/* Moves an untyped's mark to `offset` by giving out what lies before it. */
static bool skip_to(struct world *w, uint32_t i, uint64_t offset)
{
    while (w->used[i] < offset) { /* bound: 2 * 64: sizes go up, then down */
        uint32_t bits = 4;
        while (bits < w->boot.untyped[i].bits && w->used[i] % (2ull << bits) == 0 &&
               w->used[i] + (2ull << bits) <= offset) { /* bound: 64 */
            bits++;
        }
        if (sys_retype(w->boot.first_untyped + i, SYS_OBJECT_UNTYPED, bits, world_slot(w)) != 0) {
            return false;
        }
        w->used[i] += 1ull << bits;
    }
    return true;
}

uint64_t world_device(struct world *w, uint64_t physical)
{
    for (uint32_t i = 0; i < w->boot.untypeds; i++) { /* bound: SYS_UNTYPED_MAX */
        const struct sys_untyped *u = &w->boot.untyped[i];
        if (!u->device || physical < u->base || physical - u->base >= 1ull << u->bits ||
            w->used[i] > physical - u->base) {
            continue;
        }
        if (!skip_to(w, i, physical - u->base)) {
            return 0;
        }
        uint64_t slot = world_slot(w);
        if (sys_retype(w->boot.first_untyped + i, SYS_OBJECT_FRAME, 0, slot) != 0) {
            return 0;
        }
        w->used[i] += SYS_PAGE;
        return slot;
    }
    return 0;
}

uint64_t world_copy(struct world *w, uint64_t from, uint32_t rights, uint64_t badge)
{
    uint64_t slot = world_slot(w);
    world_grant(w, from, SYS_ROOT_CNODE, 64, slot, rights, badge);
    return slot;
}

void world_grant(struct world *w, uint64_t from, uint64_t cnode, uint32_t depth, uint64_t to,
                 uint32_t rights, uint64_t badge)
{
    int error = sys_copy(from, cnode, to, depth, rights, badge);
    if (error != 0) {
        world_stop(w, "the kernel refuses to copy a capability", (uint64_t)error);
    }
}

/* Tries a mapping until no paging structure is missing. */
static void map_with_tables(struct world *w, bool ept, uint64_t space, uint64_t address,
                            int (*attempt)(const uint64_t *what), const uint64_t *what)
{
    for (uint32_t level = 0; level < LEVELS_MAX; level++) {
        int error = attempt(what);
        enum sys_object missing;
        if (error == SYS_OK) {
            return;
        }
        if (error != SYS_FAILED_LOOKUP || !sys_missing(ept, &missing)) {
            world_stop(w, "the kernel refuses to map a frame", address);
        }
        error = sys_map_table(missing, world_make(w, missing, 0), space, address);
        if (error != SYS_OK) {
            world_stop(w, "the kernel refuses to map a paging structure", address);
        }
    }
    world_stop(w, "a mapping needs more paging structures than there are levels", address);
}

static int attempt_space(const uint64_t *a)
{
    return sys_map(a[0], a[1], a[2], (uint32_t)a[3], a[4] != 0);
}

static int attempt_ept(const uint64_t *a)
{
    return sys_map_ept(a[0], a[1], a[2]);
}

void world_map(struct world *w, uint64_t frame, uint64_t space, uint64_t address, uint32_t rights,
               bool device)
{
    const uint64_t what[] = {frame, space, address, rights, device ? 1u : 0u};
    map_with_tables(w, false, space, address, attempt_space, what);
}

void world_map_ept(struct world *w, uint64_t frame, uint64_t ept, uint64_t gpa)
{
    const uint64_t what[] = {frame, ept, gpa};
    map_with_tables(w, true, ept, gpa, attempt_ept, what);
}

uint64_t world_left(const struct world *w)
{
    uint64_t left = 0;
    for (uint32_t i = 0; i < w->boot.untypeds; i++) { /* bound: SYS_UNTYPED_MAX */
        if (!w->boot.untyped[i].device) {
            left += (1ull << w->boot.untyped[i].bits) - w->used[i];
        }
    }
    return left;
}
