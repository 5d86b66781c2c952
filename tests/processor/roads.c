/* SPDX-License-Identifier: BSD-2-Clause
 * Two machines, and what they have in common. */
#include "roads.h"

#include <string.h>

#include "base/le.h"
#include "board/vm_state.h"
#include "text.h"

#define DEVICES (SYSTEM_DEV_LAPIC | SYSTEM_DEV_IOAPIC | SYSTEM_DEV_HPET | SYSTEM_DEV_PIC)
#define TURNS   64u /* exits for one instruction */

#define LAPIC   0xFEE00000u
#define HPET    0xFED00000u
#define IOAPIC  0xFEC00000u
#define NOTHING 0xD0000000u
#define CARD    0xC0000000u /* its pages, one for each of the vector's */

/* What is behind the five pages: RW, RW2, ABSENT (where there is paging), RO, RW3. */
#define ARRANGEMENTS 3u
static const uint64_t arrangements[ARRANGEMENTS][PAGE_RAM] = {
    {CARD, CARD + 0x1000, CARD + 0x2000, CARD + 0x3000, CARD + 0x4000},
    {LAPIC, HPET, CARD + 0x2000, IOAPIC, NOTHING},
    {IOAPIC, LAPIC, CARD + 0x2000, HPET, HPET},
};

static gpa_t device_at(const struct roads *r, uint64_t linear)
{
    return arrangements[r->behind][(linear - WORLD_DATA) >> 12] + (linear & 0xFFFu);
}

static void note(struct road_trace *t, const struct road_access *a)
{
    if (t->count < ROAD_ACCESSES) {
        t->access[t->count] = *a;
    }
    t->count++;
}

/* --- The card ------------------------------------------------------------------------------------------ */

static uint64_t card_read(void *dev, struct bus_access a, vm_ns_t now)
{
    const struct road_card *c = dev;
    (void)now;
    return le_load(c->byte + a.off, a.size);
}

static void card_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct road_card *c = dev;
    (void)now;
    le_store(c->byte + a.off, a.size, val);
}

static const struct bus_dev_ops card_ops = {.read = card_read, .write = card_write};
static const struct bus_window card_window = {.space = BUS_MMIO,
                                              .widths = BUS_W1 | BUS_W2 | BUS_W4 | BUS_W8,
                                              .len = ROAD_CARD_BYTES,
                                              .base = CARD};

/* --- Building --------------------------------------------------------------------------------------------- */

/* The emulator's accesses on their way to the board. Where no device is, is nothing. */
static uint64_t raw_read(void *owner, gpa_t gpa, uint32_t size)
{
    struct roads *r = owner;
    uint64_t val = UINT64_MAX;
    if (vector_on_device(gpa)) {
        val = r->board.read(r->board.owner, device_at(r, gpa), size);
    }
    note(&r->raw_trace, &(struct road_access){.linear = gpa, .size = size, .val = val});
    return val;
}

static void raw_write(void *owner, gpa_t gpa, uint32_t size, uint64_t val)
{
    struct roads *r = owner;
    note(&r->raw_trace,
         &(struct road_access){.linear = gpa, .size = size, .val = val, .write = true});
    if (vector_on_device(gpa)) {
        r->board.write(r->board.owner, device_at(r, gpa), size, val);
    }
}

static struct sim *build(struct road_card *card)
{
    struct system_vm system = sim_system(WORLD_DATA, DEVICES);
    system.ranges = 2;
    system.range[1].base = DEVICE_END;
    system.range[1].size = WORLD_BYTES - DEVICE_END;
    struct sim *s = sim_new(&system, 1000000);
    (void)bus_attach(&s->vm->bus, &card_ops, card, &card_window, 1);
    sim_store(s, LAPIC + 0xF0, 4, 0x1FF); /* on */
    return s;
}

void roads_open(struct roads *r)
{
    roads_close(r);
    r->raw = build(&r->raw_card);
    r->decoded = build(&r->decoded_card);
    r->board = r->raw->vm->devices;
    r->raw->vm->devices = (struct emulate_bus){.read = raw_read, .write = raw_write, .owner = r};
    r->tsc = 100 * SIM_ACCESS_TSC;
}

void roads_close(struct roads *r)
{
    if (r->raw != NULL) {
        sim_free(r->raw);
        sim_free(r->decoded);
        r->raw = NULL;
        r->decoded = NULL;
    }
}

/* --- Going ------------------------------------------------------------------------------------------------- */

void roads_begin(struct roads *r, const struct vector *v, const uint8_t *ram)
{
    r->behind = v->number % ARRANGEMENTS;
    r->tsc += 2 * SIM_ACCESS_TSC;
    r->raw_trace.count = 0;
    r->decoded_trace.count = 0;
    memcpy(r->raw_card.byte, ram + WORLD_DATA, ROAD_CARD_BYTES);
    memcpy(r->decoded_card.byte, ram + WORLD_DATA, ROAD_CARD_BYTES);
}

uint64_t roads_load(struct roads *r, uint64_t linear, uint32_t size)
{
    r->decoded->tsc = r->tsc - SIM_ACCESS_TSC;
    uint64_t val = sim_load(r->decoded, device_at(r, linear), size);
    note(&r->decoded_trace, &(struct road_access){.linear = linear, .size = size, .val = val});
    return val;
}

void roads_store(struct roads *r, uint64_t linear, uint32_t size, uint64_t val)
{
    note(&r->decoded_trace,
         &(struct road_access){.linear = linear, .size = size, .val = val, .write = true});
    r->decoded->tsc = r->tsc - SIM_ACCESS_TSC;
    sim_store(r->decoded, device_at(r, linear), size, val);
}

/* The exception that the guest has got since, or NULL: NMIs that a LAPIC sent to itself come by here, too. */
static const struct sim_event *exception(const struct sim *s)
{
    for (uint32_t i = 0; i < s->events && i < SIM_LOG_MAX; i++) {
        if (s->log[i].inject == VM_INJECT_EXCEPTION) {
            return &s->log[i];
        }
    }
    return NULL;
}

static void ended(const struct sim *s, const struct vector *v, struct outcome *out)
{
    const struct sim_event *e = exception(s);
    const struct vm_outcome end = vm_outcome(s->vm);
    memcpy(out->gpr, s->regs.gpr, sizeof(out->gpr));
    memcpy(out->ymm, s->regs.vec, sizeof(out->ymm));
    memcpy(out->seg, s->regs.seg, sizeof(out->seg));
    out->gdtr = s->regs.gdtr;
    out->idtr = s->regs.idtr;
    out->cr0 = s->regs.cr0;
    out->rip = s->regs.rip;
    out->rflags = s->regs.rflags;
    if (end.end != VM_END_NONE) {
        out->end = END_UNSUPPORTED;
        out->why = end.message;
    } else if (e != NULL) {
        out->end = END_FAULT;
        out->vector = e->vector;
        out->error = e->error;
        out->cr2 = e->vector == 14 ? s->regs.cr2 : 0;
    } else if (s->regs.rip == v->regs.rip) {
        out->end = END_LOST;
        out->why = "never ended";
    }
}

void roads_go_raw(struct roads *r, const struct vector *v, uint8_t *ram, struct outcome *out)
{
    struct sim *s = r->raw;
    uint8_t *low = s->mem.region[0].host;
    uint8_t *high = s->mem.region[1].host;
    memcpy(low, ram, WORLD_DATA);
    memcpy(high, ram + DEVICE_END, WORLD_BYTES - DEVICE_END);
    s->regs = v->regs;
    memcpy(s->regs.vec, v->ymm, sizeof(s->regs.vec));
    s->events = 0;
    for (uint32_t i = 0; i < TURNS && s->regs.rip == v->regs.rip && exception(s) == NULL &&
                         s->plan.go != VM_GO_STOP;
         i++) {
        s->tsc = r->tsc - SIM_ACCESS_TSC;
        sim_ept(s, vector_exit(v, s->regs.gpr), (v->form->flags & FORM_WRITES) != 0);
    }
    memset(out, 0, sizeof(*out));
    out->end = END_DONE;
    ended(s, v, out);
    memcpy(ram, low, WORLD_DATA);
    memcpy(ram + DEVICE_END, high, WORLD_BYTES - DEVICE_END);
}

/* --- Comparing --------------------------------------------------------------------------------------------- */

/* All that the VM consists of but wiring, what counts the kinds of exits, and the processor's registers, which
 * are compared as outcomes. */
#define PART(name, member)                                                     \
    {                                                                          \
        name, offsetof(struct vm, member), sizeof(((struct vm *)NULL)->member) \
    }
static const struct {
    const char *name;
    size_t at, size;
} parts[] = {
    PART("LAPIC", lapic.regs),
    PART("I/O APIC", ioapic.regs),
    PART("PIC", pic.regs),
    PART("PIT", pit.regs),
    PART("HPET", hpet.regs),
    PART("RTC", rtc.regs),
    PART("PCI", pci.regs),
    PART("power", power.regs),
    PART("PM timer", pmtimer.regs),
    PART("debug exit", debugexit.regs),
    PART("UART", uart[0].regs),
    PART("MSRs", msrs),
    PART("outcome", outcome),
    PART("interrupts", counts.interrupts),
    PART("NMIs", counts.nmis),
    PART("INITs", counts.startup_ipis),
    PART("HLT", vcpu[0].halted),
    PART("CR8", vcpu[0].cr8),
    PART("NMI", vcpu[0].nmi_pending),
    PART("exception", vcpu[0].exception_pending),
    PART("debug registers", vcpu[0].drs),
    PART("time", now),
    PART("deadline", deadline),
};

static bool same_machines(const struct roads *r, bool counts, struct text *t)
{
    const uint8_t *a = (const uint8_t *)r->raw->vm;
    const uint8_t *b = (const uint8_t *)r->decoded->vm;
    bool same = true;
    for (uint32_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (memcmp(a + parts[i].at, b + parts[i].at, parts[i].size) != 0) {
            tell(t, "  differs in the machines: %s\n", parts[i].name);
            same = false;
        }
    }
    if (memcmp(&r->raw_card, &r->decoded_card, sizeof(r->raw_card)) != 0) {
        tell(t, "  differs in the machines: what the card holds\n");
        same = false;
    }
    if (counts && memcmp(&r->raw->vm->bus.counts, &r->decoded->vm->bus.counts,
                         sizeof(struct bus_counts)) != 0) {
        tell(t, "  differs in the machines: the counts of the bus\n");
        same = false;
    }
    return same;
}

/* The bytes of a trace in the order in which they come. */
struct road_byte {
    uint64_t linear;
    uint8_t val;
    bool write;
};

static uint32_t bytes_of(const struct road_trace *t, struct road_byte *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->count && i < ROAD_ACCESSES; i++) {
        const struct road_access *a = &t->access[i];
        for (uint32_t j = 0; j < a->size; j++) {
            out[n++] = (struct road_byte){a->linear + j, (uint8_t)(a->val >> 8 * j), a->write};
        }
    }
    return n;
}

static bool same_byte(const struct road_byte *a, const struct road_byte *b)
{
    return a->linear == b->linear && a->val == b->val && a->write == b->write;
}

/* How many bytes of `all` `part` leaves out; UINT32_MAX: it is no part of it. */
static uint32_t left_out(const struct road_byte *all, uint32_t alls, const struct road_byte *part,
                         uint32_t parts_, bool *writes)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < alls; i++) {
        if (n < parts_ && same_byte(&all[i], &part[n])) {
            n++;
        } else {
            *writes = *writes || all[i].write;
        }
    }
    return n == parts_ ? alls - parts_ : UINT32_MAX;
}

static void compare_bytes(const struct roads *r, struct road_difference *d)
{
    static struct road_byte raw[8 * ROAD_ACCESSES];
    static struct road_byte decoded[8 * ROAD_ACCESSES];
    uint32_t raws = bytes_of(&r->raw_trace, raw);
    uint32_t decodeds = bytes_of(&r->decoded_trace, decoded);
    bool ignored = false;
    uint32_t less = left_out(raw, raws, decoded, decodeds, &ignored);
    uint32_t more = left_out(decoded, decodeds, raw, raws, &d->writes);
    d->cut = less == 0;
    d->less = less != 0 && less != UINT32_MAX;
    d->more = more != 0 && more != UINT32_MAX;
    d->other = less == UINT32_MAX && more == UINT32_MAX;
}

static bool same_access(const struct road_access *a, const struct road_access *b)
{
    uint64_t ones = a->size >= 8 ? UINT64_MAX : (1ull << 8 * a->size) - 1;
    return a->linear == b->linear && a->size == b->size && a->write == b->write &&
           ((a->val ^ b->val) & ones) == 0;
}

static bool same_cuts(const struct road_trace *a, const struct road_trace *b)
{
    bool same = a->count == b->count && a->count <= ROAD_ACCESSES;
    for (uint32_t i = 0; same && i < a->count; i++) {
        same = same_access(&a->access[i], &b->access[i]);
    }
    return same;
}

static void tell_trace(struct text *t, const char *who, const struct road_trace *trace)
{
    tell(t, "  %s accesses:", who);
    for (uint32_t i = 0; i < trace->count && i < 20; i++) {
        const struct road_access *a = &trace->access[i];
        tell(t, " %s%u@%llx=%llx", a->write ? "w" : "r", a->size, (unsigned long long)a->linear,
             (unsigned long long)a->val);
    }
    tell(t, "\n");
}

/* Both come back at the same time, so that no machine is behind the other. */
static void meet(struct sim *s, uint64_t tsc)
{
    struct vm_exit x = {.kind = VM_EXIT_NONE};
    s->regs.rflags &= ~(uint64_t)RFLAGS_IF; /* POPF */
    s->tsc = tsc - SIM_ACCESS_TSC;
    if (s->plan.go != VM_GO_STOP) {
        sim_exit(s, &x);
    }
}

bool roads_same(struct roads *r, struct road_difference *d, char *text, size_t size)
{
    struct text t = {text, size};
    bool exact = same_cuts(&r->raw_trace, &r->decoded_trace);
    text[0] = '\0';
    *d = (struct road_difference){.devices = false};
    if (!exact) {
        compare_bytes(r, d);
    }
    meet(r->raw, r->tsc + SIM_ACCESS_TSC);
    meet(r->decoded, r->tsc + SIM_ACCESS_TSC);
    d->devices = !same_machines(r, exact, &t);
    if (!exact) {
        tell_trace(&t, "raw    ", &r->raw_trace);
        tell_trace(&t, "decoded", &r->decoded_trace);
    }
    return exact && !d->devices;
}
