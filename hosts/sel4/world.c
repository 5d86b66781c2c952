/* SPDX-License-Identifier: BSD-2-Clause
 * init's store: untyped memory, slots, mappings. */
#include "sel4/world.h"

#include "base/string.h"

#define WORLD_DEVICE 0x1000u /* owner of device memory: no VM */
#define LEVELS_MAX   4u      /* of paging structures that one mapping may lack */

void world_init(struct world *w, const void *boot_info, const struct say_sink *out)
{
    memset(w, 0, sizeof(*w));
    sys_boot_read(boot_info, &w->boot);
    w->next_slot = w->boot.free_slot;
    w->out = out;
    rights_record_init(&w->rights);
    for (uint32_t i = 0; i < w->boot.untypeds; i++) { /* bound: SYS_UNTYPED_MAX */
        const struct sys_untyped *u = &w->boot.untyped[i];
        (void)untyped_add(&w->pool, w->boot.first_untyped + i, u->base, u->bits, u->device);
    }
}

_Noreturn void world_stop(const struct world *w, const char *what, uint64_t number)
{
    say(w->out, "bulkhead: cannot start: %s (%U, 0x%X)\r\n", what, number, number);
    for (;;) { /* out of the way: once there is a console, it is the console that says this */
        (void)sys_thread_suspend(SYS_ROOT_TCB);
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

/* One object of the pool's entry, at the place that the pool has counted for it. */
static uint64_t retype(struct world *w, uint32_t from, enum sys_object type, uint32_t bits)
{
    uint64_t slot = world_slot(w);
    int error = sys_retype(w->pool.entry[from].slot, type, bits, slot);
    if (error != 0) {
        world_stop(w, "the kernel refuses to make an object", (uint64_t)error);
    }
    rights_made(&w->rights, slot);
    return slot;
}

uint64_t world_make(struct world *w, enum sys_object type, uint32_t bits)
{
    uint32_t from;
    uint64_t at;
    uint32_t size_bits = sys_object_bits(type, bits);
    if (!untyped_object(&w->pool, size_bits, &from, &at)) {
        world_stop(w, "out of memory for an object of so many bytes; give the VMs less",
                   1ull << size_bits);
    }
    return retype(w, from, type, bits);
}

/* Makes the untypeds that a claim names. */
static void execute(struct world *w, const struct untyped_claim *c)
{
    for (uint32_t i = 0; i < c->steps; i++) { /* bound: UNTYPED_STEPS_MAX */
        const struct untyped_step *s = &c->step[i];
        w->pool.entry[s->to].slot = retype(w, s->from, SYS_OBJECT_UNTYPED, s->bits);
    }
}

static void out_line(void *host, const char *text)
{
    const struct world *w = host;
    say(w->out, "%s\r\n", text);
}

void world_claim(struct world *w, const struct untyped_wish *wish, uint32_t owner)
{
    static struct untyped_claim claim; /* too large for the stack */
    struct untyped_refusal refusal;
    const struct rights_out out = {.line = out_line, .host = w};
    if (wish->at != 0) {
        refusal.result =
            untyped_claim_at(&w->pool, wish->at, wish->bytes, owner, &claim, &refusal.fault);
    } else {
        refusal.result = untyped_claim_any(&w->pool, wish->bytes, owner, &claim, &refusal.fault);
    }
    if (refusal.result != UNTYPED_OK) {
        untyped_say(&w->pool, wish, &refusal, &out);
        world_stop(w, "no memory for a VM", refusal.fault);
    }
    execute(w, &claim);
}

uint64_t world_frame(struct world *w, uint32_t block, bool large)
{
    uint64_t at;
    if (!untyped_take(&w->pool, block, large ? SYS_LARGE_BITS : SYS_PAGE_BITS, 1, &at)) {
        world_stop(w, "a block of guest RAM is smaller than its size", block);
    }
    return retype(w, block, large ? SYS_OBJECT_LARGE_FRAME : SYS_OBJECT_FRAME, 0);
}

uint64_t world_device(struct world *w, uint64_t physical)
{
    static struct untyped_claim claim; /* likewise */
    uint64_t fault;
    if (untyped_claim_at(&w->pool, physical, SYS_PAGE, WORLD_DEVICE, &claim, &fault) !=
        UNTYPED_OK) {
        return 0;
    }
    execute(w, &claim);
    return world_frame(w, claim.block[0], false);
}

uint64_t world_copy(struct world *w, uint64_t from, uint32_t rights, uint64_t badge)
{
    uint64_t slot = world_slot(w);
    world_grant(w, from, SYS_ROOT_CNODE, 64, slot, rights, badge);
    rights_copied(&w->rights, from, slot);
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
        uint64_t table = world_make(w, missing, 0);
        world_keep(w, table, true);
        error = sys_map_table(missing, table, space, address);
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
    world_keep(w, frame, true);
}

void world_map_ept(struct world *w, uint64_t frame, uint64_t ept, uint64_t gpa)
{
    const uint64_t what[] = {frame, ept, gpa};
    map_with_tables(w, true, ept, gpa, attempt_ept, what);
    world_keep(w, frame, true);
}

/* --- When all is built ---------------------------------------------------------------------------- */

void world_keep(struct world *w, uint64_t slot, bool keep)
{
    uint8_t bit = (uint8_t)(1u << slot % 8u);
    if (slot < RIGHTS_SLOTS) { /* else rights_settle() says so */
        w->kept[slot / 8u] = (uint8_t)(keep ? w->kept[slot / 8u] | bit : w->kept[slot / 8u] & ~bit);
    }
}

static bool is_kept(const struct world *w, uint64_t slot)
{
    return slot < RIGHTS_SLOTS && (w->kept[slot / 8u] & (1u << slot % 8u)) != 0;
}

static void drop(const struct world *w, uint64_t slot)
{
    if (sys_delete(slot) != 0) {
        world_stop(w, "the kernel refuses to delete a capability", slot);
    }
}

uint64_t world_drop(struct world *w, uint64_t sched_control, uint64_t image_kept)
{
    /* The last two let it do all of this. The first thread itself would end with its capability, all address
     * spaces with the pool of their numbers; and the kernel has no check where it deletes an I/O space. */
    const uint64_t authority[] = {SYS_IRQ_CONTROL, SYS_ASID_CONTROL, SYS_PORT_CONTROL,
                                  SYS_BOOT_INFO,   SYS_DOMAIN,       sched_control,
                                  SYS_ROOT_SPACE,  SYS_ROOT_CNODE};
    const struct sys_boot *b = &w->boot;
    uint64_t left = 0;
    for (uint64_t slot = b->free_slot; slot < w->next_slot; slot++) { /* bound: slots */
        if (is_kept(w, slot)) {
            left++;
        } else {
            drop(w, slot);
        }
    }
    for (uint64_t i = image_kept; i < b->image_frames; i++) { /* bound: the image's pages */
        drop(w, b->image_frame + i);
    }
    for (uint64_t slot = b->first_untyped; slot < b->end_untyped; slot++) { /* bound: slots */
        drop(w, slot);
    }
    for (uint32_t i = 0; i < sizeof(authority) / sizeof(authority[0]); i++) { /* bound: 8 */
        drop(w, authority[i]);
    }
    return left;
}

uint64_t world_left(const struct world *w)
{
    return untyped_free(&w->pool);
}
