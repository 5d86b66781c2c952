/* SPDX-License-Identifier: BSD-2-Clause
 * The checker's part for what only seL4 reads: the machine's memory, time, native components.
 * Spec: [SDM] vol. 3A, 4.5 (2 MiB pages), 11.4.1 (LAPIC registers); [IOAPIC] Intel 82093AA 3.1. */
#include "base/arith.h"
#include "system/check_int.h"

#define DEVICES_FIRST 0xFEC00000u /* of every PC: I/O APIC, HPET, LAPIC, flash */
#define DEVICES_BYTES 0x01400000u
#define MAC_BYTES     6u
#define MAC_GROUP     1u

static uint32_t natives_of(const struct system_image *image)
{
    return u32_min(image->sel4.natives, SYSTEM_NATIVES_MAX);
}

uint32_t system_sel4_cpu(uint32_t cpu)
{
    return cpu == SYSTEM_CPU_ANY ? 0u : cpu;
}

/* --- Ports of natives -------------------------------------------------------------------------- */

uint32_t system_native_port(const struct system_image *image, uint32_t switch_, uint32_t native)
{
    uint32_t port = system_ports(image, switch_);
    for (uint32_t i = 0; i < natives_of(image); i++) { /* bound: SYSTEM_NATIVES_MAX */
        bool here = image->sel4.native[i].switch_ == switch_;
        if (here && i == native) {
            return port;
        }
        port += here ? 1u : 0u;
    }
    return SYSTEM_PORTS_MAX;
}

uint32_t system_ports_all(const struct system_image *image, uint32_t switch_)
{
    uint32_t ports = system_ports(image, switch_);
    for (uint32_t i = 0; i < natives_of(image); i++) { /* bound: SYSTEM_NATIVES_MAX */
        ports += image->sel4.native[i].switch_ == switch_ ? 1u : 0u;
    }
    return ports;
}

/* --- Where RAM lies ---------------------------------------------------------------------------- */

/* The first range of an earlier VM, or an earlier one of this, that has some of the same memory. */
static void check_backing_overlap(struct finder *f, uint64_t at, uint64_t size, uint32_t index)
{
    for (uint32_t v = 0; v <= f->vm; v++) { /* bound: SYSTEM_VMS_MAX */
        const struct system_vm *vm = &f->image->vm[v];
        uint32_t ranges = v == f->vm ? index : u32_min(vm->ranges, SYSTEM_RANGES_MAX);
        for (uint32_t i = 0; i < ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
            uint64_t other = f->image->sel4.backing[v][i];
            if (other != 0 && range_overlaps(at, size, other, vm->range[i].size)) {
                found_with(f, SYSTEM_BACKING_OVERLAP, SYSTEM_FIELD_RANGE, index, i);
                if (f->count <= f->max) {
                    f->faults[f->count - 1].other_vm = v;
                }
                return;
            }
        }
    }
}

static void check_backing_one(struct finder *f, const struct system_range *r, uint64_t at,
                              uint32_t index)
{
    if (((at ^ r->base) & (SYSTEM_LARGE_BYTES - 1u)) != 0) {
        found(f, SYSTEM_BACKING_ALIGN, SYSTEM_FIELD_RANGE, index);
    }
    if (!range_within(at, r->size, 0, ADDRESS_END)) {
        found(f, SYSTEM_BACKING_WRAPS, SYSTEM_FIELD_RANGE, index);
        return;
    }
    if (at < SYSTEM_BACKING_FIRST) {
        found(f, SYSTEM_BACKING_LOW, SYSTEM_FIELD_RANGE, index);
    }
    if (range_overlaps(at, r->size, DEVICES_FIRST, DEVICES_BYTES)) {
        found(f, SYSTEM_BACKING_DEVICE, SYSTEM_FIELD_RANGE, index);
    }
    check_backing_overlap(f, at, r->size, index);
}

void check_backing(struct finder *f, const struct system_vm *vm)
{
    const uint64_t *at = f->image->sel4.backing[f->vm];
    uint32_t ranges = u32_min(vm->ranges, SYSTEM_RANGES_MAX);
    for (uint32_t i = 0; i < SYSTEM_RANGES_MAX; i++) { /* bound: SYSTEM_RANGES_MAX */
        if (i >= ranges && at[i] != 0) {
            found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_RANGE, i);
        } else if (at[i] != 0) {
            check_backing_one(f, &vm->range[i], at[i], i);
        }
    }
}

/* --- Time -------------------------------------------------------------------------------------- */

static bool budget_good(const struct system_budget *b)
{
    if (b->budget_us == 0 && b->period_us == 0) {
        return true;
    }
    return b->period_us >= SYSTEM_PERIOD_MIN_US && b->period_us <= SYSTEM_PERIOD_MAX_US &&
           b->budget_us >= SYSTEM_BUDGET_MIN_US && b->budget_us <= b->period_us;
}

/* The windows of one CPU together, and those of one VM among them. */
struct frame {
    uint64_t all_us;
    uint64_t own_us;
};

static struct frame frame_of(const struct system_image *image, uint32_t vm)
{
    struct frame sum = {0, 0};
    uint32_t cpu = system_sel4_cpu(image->vm[vm].cpu);
    uint32_t windows = u32_min(image->sel4.windows, SYSTEM_WINDOWS_MAX);
    for (uint32_t i = 0; i < windows; i++) { /* bound: SYSTEM_WINDOWS_MAX */
        const struct system_window *w = &image->sel4.window[i];
        if (w->vm >= SYSTEM_VMS_MAX || system_sel4_cpu(image->vm[w->vm].cpu) != cpu) {
            continue;
        }
        sum.all_us += w->window_us;
        sum.own_us += w->vm == vm ? w->window_us : 0u;
    }
    return sum;
}

static void check_vm_time(struct finder *f)
{
    const struct system_sel4 *s = &f->image->sel4;
    const struct system_budget *vmm = &s->vmm[f->vm];
    if (!budget_good(vmm)) {
        found(f, SYSTEM_BUDGET_RANGE, SYSTEM_FIELD_BUDGET, 0);
    } else if (vmm->period_us != 0) {
        struct frame sum = frame_of(f->image, f->vm);
        /* own / all < budget / period, without a division */
        if (sum.own_us * vmm->period_us < sum.all_us * vmm->budget_us) {
            found(f, SYSTEM_BUDGET_WINDOWS, SYSTEM_FIELD_BUDGET, 0);
        }
    }
    if (!budget_good(&s->io[f->vm])) {
        found(f, SYSTEM_BUDGET_RANGE, SYSTEM_FIELD_BUDGET, 1);
    }
}

static void check_windows(struct finder *f, uint32_t vms)
{
    const struct system_sel4 *s = &f->image->sel4;
    uint32_t windows = u32_min(s->windows, SYSTEM_WINDOWS_MAX);
    if (s->windows > SYSTEM_WINDOWS_MAX ||
        !all_zero(&s->window[windows], (SYSTEM_WINDOWS_MAX - windows) * sizeof(s->window[0]))) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_WINDOW, windows);
    }
    for (uint32_t i = 0; i < windows; i++) { /* bound: SYSTEM_WINDOWS_MAX */
        const struct system_window *w = &s->window[i];
        if (w->vm >= vms) {
            found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_WINDOW, i);
            continue;
        }
        if (w->window_us < SYSTEM_WINDOW_MIN_US || w->window_us > SYSTEM_FRAME_MAX_US) {
            found(f, SYSTEM_WINDOW_RANGE, SYSTEM_FIELD_WINDOW, i);
        } else if (frame_of(f->image, w->vm).all_us > SYSTEM_FRAME_MAX_US) {
            found(f, SYSTEM_FRAME_LONG, SYSTEM_FIELD_WINDOW, i);
            return;
        }
    }
}

/* --- Natives ----------------------------------------------------------------------------------- */

static bool mac_same(const uint8_t *a, const uint8_t *b)
{
    bool same = true;
    for (uint32_t i = 0; i < MAC_BYTES; i++) { /* bound: MAC_BYTES */
        same = same && a[i] == b[i];
    }
    return same;
}

static bool mac_taken(const struct system_image *image, uint32_t index)
{
    const struct system_native *n = &image->sel4.native[index];
    for (uint32_t v = 0; v < SYSTEM_VMS_MAX; v++) { /* bound: SYSTEM_VMS_MAX */
        const struct system_vm *vm = &image->vm[v];
        uint32_t nics = u32_min(vm->nics, SYSTEM_NICS_MAX);
        for (uint32_t i = 0; i < nics; i++) { /* bound: SYSTEM_NICS_MAX */
            if (vm->nic[i].switch_ == n->switch_ && mac_same(vm->nic[i].mac, n->mac)) {
                return true;
            }
        }
    }
    for (uint32_t i = 0; i < index; i++) { /* bound: SYSTEM_NATIVES_MAX */
        const struct system_native *o = &image->sel4.native[i];
        if (o->switch_ == n->switch_ && mac_same(o->mac, n->mac)) {
            return true;
        }
    }
    return false;
}

static void check_native_name(struct finder *f, uint32_t index, uint32_t vms)
{
    const struct system_native *n = &f->image->sel4.native[index];
    if (!text_ends(n->name, SYSTEM_NAME_MAX) || !name_good(n->name)) {
        found(f, SYSTEM_NATIVE_NAME, SYSTEM_FIELD_NATIVE, index);
        return;
    }
    bool same = false;
    for (uint32_t v = 0; v < vms; v++) { /* bound: SYSTEM_VMS_MAX */
        same = same || name_same(n->name, f->image->vm[v].name);
    }
    for (uint32_t i = 0; i < index; i++) { /* bound: SYSTEM_NATIVES_MAX */
        same = same || name_same(n->name, f->image->sel4.native[i].name);
    }
    if (same) {
        found(f, SYSTEM_NATIVE_SAME_NAME, SYSTEM_FIELD_NATIVE, index);
    }
}

static void check_native(struct finder *f, uint32_t index, uint32_t vms)
{
    const struct system_native *n = &f->image->sel4.native[index];
    check_native_name(f, index, vms);
    if (n->program != SYSTEM_PROGRAM_UDP_ECHO || n->udp_port == 0 || !budget_good(&n->time) ||
        n->switch_ >= u32_min(f->image->switches, SYSTEM_SWITCHES_MAX)) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_NATIVE, index);
        return;
    }
    if ((n->mac[0] & MAC_GROUP) != 0 || all_zero(n->mac, MAC_BYTES)) {
        found(f, SYSTEM_NATIVE_MAC, SYSTEM_FIELD_NATIVE, index);
    } else if (mac_taken(f->image, index)) {
        found(f, SYSTEM_NATIVE_SAME_MAC, SYSTEM_FIELD_NATIVE, index);
    }
    /* 0.0.0.0/8 and 127.0.0.0/8 are nobody's, from 224.0.0.0 on they are groups'. */
    uint32_t top = n->address >> 24;
    if (top == 0 || top == 127u || top >= 224u) {
        found(f, SYSTEM_NATIVE_ADDRESS, SYSTEM_FIELD_NATIVE, index);
    }
    if (system_native_port(f->image, n->switch_, index) >= SYSTEM_PORTS_MAX) {
        found(f, SYSTEM_NATIVE_PORTS, SYSTEM_FIELD_NATIVE, index);
    }
}

/* --- All of it --------------------------------------------------------------------------------- */

static void check_unused_vms(struct finder *f, uint32_t vms)
{
    const struct system_sel4 *s = &f->image->sel4;
    uint32_t left = SYSTEM_VMS_MAX - vms;
    if (!all_zero(&s->vmm[vms], left * sizeof(s->vmm[0])) ||
        !all_zero(&s->io[vms], left * sizeof(s->io[0])) ||
        !all_zero(&s->backing[vms], left * sizeof(s->backing[0]))) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_NONE, 0);
    }
}

void check_sel4(struct finder *f)
{
    const struct system_sel4 *s = &f->image->sel4;
    uint32_t vms = u32_min(f->image->vms, SYSTEM_VMS_MAX);
    for (f->vm = 0; f->vm < vms; f->vm++) { /* bound: SYSTEM_VMS_MAX */
        check_vm_time(f);
    }
    f->vm = 0;
    check_unused_vms(f, vms);
    for (uint32_t i = 0; i < SYSTEM_SWITCHES_MAX; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        bool used = i < f->image->switches;
        bool none = s->switch_[i].budget_us == 0 && s->switch_[i].period_us == 0;
        if (!budget_good(&s->switch_[i]) || (!used && !none)) {
            found(f, SYSTEM_BUDGET_RANGE, SYSTEM_FIELD_SWITCH, i);
        }
    }
    check_windows(f, vms);
    uint32_t natives = natives_of(f->image);
    if (s->natives > SYSTEM_NATIVES_MAX ||
        !all_zero(&s->native[natives], (SYSTEM_NATIVES_MAX - natives) * sizeof(s->native[0]))) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_NATIVE, natives);
    }
    for (uint32_t i = 0; i < natives; i++) { /* bound: SYSTEM_NATIVES_MAX */
        check_native(f, i, vms);
    }
}
