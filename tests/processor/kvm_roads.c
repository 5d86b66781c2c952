/* SPDX-License-Identifier: BSD-2-Clause
 * KVM's own emulation of device accesses as the decoded road, ours as the raw one. */
#include "kvm_roads.h"

#include <stdio.h>
#include <string.h>

#include "kvm.h"
#include "kvm_gaps.h"
#include "roads.h"

#define TEXT_BYTES 4096u

static struct roads roads;
static _Alignas(4096) uint8_t ours[WORLD_BYTES];
static _Alignas(4096) uint8_t theirs[WORLD_BYTES];

static uint64_t load(void *owner, uint64_t gpa, uint32_t size)
{
    return roads_load(owner, gpa, size);
}

static void store(void *owner, uint64_t gpa, uint32_t size, uint64_t val)
{
    roads_store(owner, gpa, size, val);
}

bool kvm_roads_begin(const char **why)
{
    const struct kvm_devices devices = {.load = load, .store = store, .owner = &roads};
    roads_open(&roads);
    return kvm_begin(&devices, why);
}

/* The machines of hosts/sim take no interrupts here, so nobody does. Alignment is checked neither by KVM nor by
 * QEMU. */
static void adjust(struct vector *v)
{
    v->regs.rflags &= ~(uint64_t)(RFLAGS_IF | RFLAGS_AC);
}

static void place(const struct vector *v, uint8_t *ram)
{
    memcpy(ram, campaign_clean, WORLD_BYTES);
    world_place(ram, v, processor_roads.stop[v->cpl]);
}

/* Both roads, and what is not the same at their ends. */
static bool meet(const struct vector *v, struct kvm_meeting *m, struct outcome *raw,
                 struct outcome *kvm, char *text)
{
    char parts[3][TEXT_BYTES];
    place(v, ours);
    place(v, theirs);
    roads_begin(&roads, v, ours);
    kvm_run_vector(v, theirs, kvm);
    roads_go_raw(&roads, v, ours, raw);
    memcpy(theirs + WORLD_DATA, ours + WORLD_DATA, ROAD_CARD_BYTES); /* on neither road */
    *m = (struct kvm_meeting){.v = v, .raw = raw, .kvm = kvm};
    m->accesses = roads.decoded_trace.count;
    bool same = outcome_same(v, raw, ours, kvm, theirs, parts[0], TEXT_BYTES);
    m->state = !outcome_same(v, raw, ours, kvm, ours, parts[1], TEXT_BYTES);
    m->ram = !same && !outcome_same(v, kvm, ours, kvm, theirs, parts[1], TEXT_BYTES);
    same = roads_same(&roads, &m->d, parts[2], TEXT_BYTES) && same;
    (void)snprintf(text, 2 * TEXT_BYTES, "%s%s", parts[0], parts[2]);
    return same;
}

static void judge(struct campaign *c, const struct vector *v, struct tally *t)
{
    char text[2 * TEXT_BYTES];
    struct outcome raw;
    struct outcome kvm;
    struct kvm_meeting m;
    /* Whether it still does is asked now and then: it takes the whole of KVM's patience. */
    if (kvm_gap_hangs(v) && (v->number != 0 || v->place != PLACE_64)) {
        t->absent++;
        return;
    }
    kvm_patience(kvm_gap_hangs(v) ? 1 : 10);
    bool same = meet(v, &m, &raw, &kvm, text);
    t->absent += kvm.end == END_UNSUPPORTED;
    t->compared += kvm.end != END_UNSUPPORTED;
    if (same) {
        t->agreed += m.accesses != 0;
        return;
    }
    t->unsupported += raw.end == END_UNSUPPORTED;
    const char *why = raw.end != END_UNSUPPORTED ? kvm_gap(&m) : NULL;
    if (why != NULL) {
        campaign_excused(c, t, why);
    } else {
        campaign_different(c, v, t, text);
    }
    roads_open(&roads); /* alike again */
}

static bool everywhere(enum place place, uint32_t cpl)
{
    return place != PLACE_REAL || cpl == 0;
}

const struct processor processor_roads = {
    .name = "roads",
    .limits = {.frames = true, .segments = true},
    .stop = {0xF4, 0xCC, 0xCC, 0xCC},
    .without = FORM_FAR, /* what a device holds is no place to go to */
    .can = everywhere,
    .adjust = adjust,
    .judge = judge,
    .absent = "KVM does not emulate it",
    .reason = kvm_gap_why,
};
