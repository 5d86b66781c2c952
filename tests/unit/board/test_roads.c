/* SPDX-License-Identifier: BSD-2-Clause
 * Both roads to a device lead to the same state, for every form of the table: the access told raw, as an EPT
 * violation that the core decodes and emulates (seL4), and the same access told decoded, by a host whose
 * kernel emulates (KVM). The kernel's part is played by the processor that runs this test: what the
 * device reads goes into its memory, the instruction runs, what it has written goes to the device. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../processor/native.h"
#include "../../processor/processors.h"
#include "base/le.h"
#include "board/vm_state.h"
#include "sim/sim.h"

#define DEVICES (SYSTEM_DEV_LAPIC | SYSTEM_DEV_IOAPIC | SYSTEM_DEV_HPET | SYSTEM_DEV_PIC)
#define VECTORS 8u
#define TURNS   64u

/* Which device each page of the first five leads to. */
static const uint64_t behind[PAGE_RAM] = {0xFEE00000, 0xFED00000, 0, 0xFEC00000, 0xD0000000};

static _Alignas(4096) uint8_t clean[WORLD_BYTES];
static _Alignas(4096) uint8_t ram[WORLD_BYTES]; /* the processor's */
static _Alignas(4096) uint8_t got[WORLD_BYTES]; /* what the emulator left */

struct roads {
    struct sim *raw, *decoded;
    uint64_t tsc; /* of all exits of one instruction: there are more of them on one road */
};

static gpa_t device_at(uint64_t linear)
{
    return behind[(linear - WORLD_DATA) >> 12] + (linear & 0xFFFu);
}

static bool on_device(uint64_t linear)
{
    return linear >= WORLD_DATA && linear < DEVICE_END && behind[(linear - WORLD_DATA) >> 12] != 0;
}

/* --- The decoded road ------------------------------------------------------------------------------------ */

/* An access as KVM reports it: in parts of a page, and of eight bytes at most. */
static void access_device(struct roads *r, uint64_t linear, uint32_t bytes, bool write)
{
    while (bytes != 0) { /* bound: 32 bytes */
        uint32_t room = 0x1000u - (uint32_t)(linear & 0xFFFu);
        uint32_t part = bytes < room ? bytes : room;
        part = part < 8 ? part : 8;
        if (on_device(linear)) {
            r->decoded->tsc = r->tsc - SIM_ACCESS_TSC;
            if (write) {
                sim_store(r->decoded, device_at(linear), part, le_load(ram + linear, part));
            } else {
                le_store(ram + linear, part, sim_load(r->decoded, device_at(linear), part));
            }
        }
        linear += part;
        bytes -= part;
    }
}

static uint64_t pointer(const struct vector *v, const uint64_t *gpr, enum gpr reg)
{
    uint32_t seg = reg == GPR_RDI ? (uint32_t)SEG_ES : v->override != 0xFF ? v->override : SEG_DS;
    uint64_t base = v->regs.seg[seg].base;
    uint64_t off = gpr[reg] & (v->addr_size == 8 ? UINT64_MAX : (1ull << 8 * v->addr_size) - 1);
    if (place_is_64(v->place)) {
        return off + (seg == SEG_GS ? base : 0);
    }
    return (base + off) & UINT32_MAX;
}

/* The elements of a string instruction, `count` of them. */
static void access_string(struct roads *r, const struct vector *v, uint32_t count, bool write)
{
    uint64_t step = (v->regs.rflags & RFLAGS_DF) != 0 ? 0 - (uint64_t)v->size : v->size;
    uint64_t si = pointer(v, v->regs.gpr, GPR_RSI);
    uint64_t di = pointer(v, v->regs.gpr, GPR_RDI);
    bool reads_di = (v->form->flags & FORM_WRITES) == 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!write && (v->form->flags & FORM_SI) != 0) {
            access_device(r, si + i * step, v->size, false);
        }
        if ((v->form->flags & FORM_DI) != 0 && write == !reads_di) {
            access_device(r, di + i * step, v->size, write);
        }
    }
}

static void access_all(struct roads *r, const struct vector *v, uint32_t count, bool write)
{
    uint32_t wanted = write ? FORM_WRITES : FORM_READS;
    if (v->form->kind == FORM_STRING) {
        access_string(r, v, count, write);
    } else if ((v->form->flags & wanted) != 0) {
        access_device(r, v->operand, v->size, write);
    }
}

static uint32_t rounds(const struct vector *v, const struct outcome *after)
{
    uint64_t mask = v->addr_size == 8 ? UINT64_MAX : (1ull << 8 * v->addr_size) - 1;
    return !v->rep ? 1 : (uint32_t)((v->regs.gpr[GPR_RCX] - after->gpr[GPR_RCX]) & mask);
}

/* A jump to where the device's value leads: it is over when it faults there. */
static void landed(const struct vector *v, struct outcome *out)
{
    if (out->end == END_FAULT && (v->form->flags & FORM_JUMPS) != 0 && out->rip != v->regs.rip) {
        out->end = END_DONE;
        out->vector = 0;
    }
}

/* The processor runs it on what the device gave, and its writes go to the device. */
static bool go_decoded(struct roads *r, const struct vector *v, struct outcome *out)
{
    memcpy(ram, clean, sizeof(ram));
    world_place(ram, v, 0xCC);
    native_run(v, ram, out); /* once without the device, to see whether it gets so far */
    landed(v, out);
    if (out->end == END_FAULT && out->vector != 0) {
        memcpy(ram, clean, sizeof(ram));
        world_place(ram, v, 0xCC);
        return !v->rep; /* the processor delivers it; there is no exit at all */
    }
    uint32_t most = v->rep ? (uint32_t)v->regs.gpr[GPR_RCX] & 7u : 1;
    memcpy(ram, clean, sizeof(ram));
    world_place(ram, v, 0xCC);
    access_all(r, v, most, false);
    native_run(v, ram, out);
    landed(v, out);
    if (out->end == END_DONE) {
        access_all(r, v, rounds(v, out), true);
    }
    return true;
}

/* --- The raw road ------------------------------------------------------------------------------------------ */

static uint64_t exit_linear(const struct vector *v, const uint64_t *gpr)
{
    uint64_t at = v->operand;
    if (v->form->kind == FORM_STRING) {
        uint64_t si = pointer(v, gpr, GPR_RSI);
        bool from = (v->form->flags & FORM_SI) != 0 && on_device(si);
        at = from ? si : pointer(v, gpr, GPR_RDI);
        at = (v->form->flags & FORM_DI) != 0 || from ? at : si;
    }
    return on_device(at) ? at : at + v->size - 1;
}

static void go_raw(struct roads *r, const struct vector *v, struct outcome *out)
{
    struct sim *s = r->raw;
    uint8_t *mem = s->mem.region[0].host;
    memcpy(mem, clean, WORLD_BYTES);
    world_place(mem, v, 0xCC);
    for (uint32_t i = 0; i < PAGE_RAM; i++) {
        uint8_t *entry = mem + WORLD_PT + 8 * ((WORLD_DATA >> 12) + i);
        le_store(entry, 8, (le_load(entry, 8) & 0xFFFu) | behind[i]);
    }
    s->regs = v->regs;
    s->regs.rflags &= ~(uint64_t)RFLAGS_IF; /* interrupts are another matter */
    memcpy(s->regs.vec, v->ymm, sizeof(s->regs.vec));
    uint32_t before = s->events;
    for (uint32_t i = 0; i < TURNS && s->regs.rip == v->regs.rip && s->events == before; i++) {
        uint64_t at = exit_linear(v, s->regs.gpr);
        s->tsc = r->tsc - SIM_ACCESS_TSC;
        sim_ept(s, on_device(at) ? device_at(at) : behind[0], (v->form->flags & FORM_WRITES) != 0);
    }
    memset(out, 0, sizeof(*out));
    memcpy(out->gpr, s->regs.gpr, sizeof(out->gpr));
    memcpy(out->ymm, s->regs.vec, sizeof(out->ymm));
    out->rip = s->regs.rip;
    out->rflags = s->regs.rflags;
    out->end = s->events != before ? END_FAULT : END_DONE;
    out->vector = s->events != before ? s->log[s->events - 1].vector : 0;
    memcpy(got, mem, WORLD_BYTES);
}

/* --- Comparing ----------------------------------------------------------------------------------------------- */

static bool same_devices(const struct roads *r)
{
    const struct vm *a = r->raw->vm;
    const struct vm *b = r->decoded->vm;
    return memcmp(&a->lapic.regs, &b->lapic.regs, sizeof(a->lapic.regs)) == 0 &&
           memcmp(&a->ioapic.regs, &b->ioapic.regs, sizeof(a->ioapic.regs)) == 0 &&
           memcmp(&a->hpet.regs, &b->hpet.regs, sizeof(a->hpet.regs)) == 0 &&
           memcmp(&a->bus.counts, &b->bus.counts, sizeof(a->bus.counts)) == 0;
}

static uint64_t stack_linear(const struct vector *v)
{
    uint64_t sp = v->regs.gpr[GPR_RSP];
    if (v->place == PLACE_64) {
        return sp;
    }
    return (v->regs.seg[SEG_SS].base + (v->place == PLACE_COMPAT_16 ? sp & 0xFFFFu : sp)) &
           UINT32_MAX;
}

/* Left out: what has more operands than the vector tells of; what depends on how far it gets. */
static bool comparable(const struct vector *v)
{
    uint8_t op = v->form->opcode;
    bool slots = v->form->kind == FORM_STACK && (op == 0x60 || op == 0x61 || op == 0xC8);
    bool flags = v->form->kind == FORM_STACK && op == 0x9C; /* with IF, which is off on one road */
    bool stack =
        (v->form->flags & (FORM_PUSHES | FORM_POPS)) != 0 && stack_linear(v) < DEVICE_END + 16;
    bool scans = v->rep && (v->form->flags & FORM_WRITES) == 0 && (v->form->flags & FORM_DI) != 0;
    bool both = v->patch[1].at != 0 && v->patch[1].at < DEVICE_END;
    return !slots && !flags && !stack && !both && !scans;
}

static bool try_vector(struct roads *r, struct vector *v, uint32_t *compared)
{
    char text[4096];
    struct outcome raw;
    struct outcome decoded;
    native_adjust(v);
    if (!comparable(v) || !go_decoded(r, v, &decoded)) {
        return true;
    }
    go_raw(r, v, &raw);
    raw.error = decoded.error; /* the log has it not */
    raw.cr2 = raw.end == END_FAULT && raw.vector == 14 ? r->raw->regs.cr2 : 0;
    memcpy(got + WORLD_DATA, ram + WORLD_DATA, DEVICE_END - WORLD_DATA);
    (*compared)++;
    r->tsc += 2 * SIM_ACCESS_TSC;
    bool same = outcome_same(v, &raw, got, &decoded, ram, text, sizeof(text)) ||
                processor_native.excuse(v, &raw, &decoded) != NULL;
    if (same && same_devices(r)) {
        return true;
    }
    char about[4096];
    vector_tell(v, about, sizeof(about));
    print_message("%s%s%s", about, text, same ? "  the devices differ\n" : "");
    return false;
}

static void try_form(const struct form *f, uint32_t *compared, uint32_t *different)
{
    struct limits limits = processor_native.limits;
    struct system_vm system = sim_system(WORLD_BYTES, DEVICES);
    struct roads r = {sim_new(&system, 1000000), sim_new(&system, 1000000), 100 * SIM_ACCESS_TSC};
    limits.avx = __builtin_cpu_supports("avx2") != 0;
    sim_store(r.raw, 0xFEE000F0, 4, 0x1FF);
    sim_store(r.decoded, 0xFEE000F0, 4, 0x1FF);
    bool same = true;
    for (uint32_t p = PLACE_COMPAT_16; p <= PLACE_64 && same; p++) {
        for (uint32_t i = 0; i < VECTORS && same; i++) {
            struct vector v;
            if (vector_make(&v, f, (enum place)p, 3, 11, i, &limits)) {
                same = try_vector(&r, &v, compared);
            }
        }
    }
    *different += !same;
    sim_free(r.raw);
    sim_free(r.decoded);
}

/* Known by their length and operand only; the VM ends with the reason. */
static bool is_emulated(const struct form *f)
{
    static const char *const none[] = {"movsldup x, m", "movshdup x, m", "vmovddup y, m"};
    for (uint32_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        if (strcmp(f->name, none[i]) == 0) {
            return false;
        }
    }
    return true;
}

static void raw_and_decoded_exits_leave_the_same_state_for_every_form(void **state)
{
    uint32_t compared = 0;
    uint32_t different = 0;
    uint32_t without = 0;
    const char *why = "";
    (void)state;
    if (!native_begin(&why)) {
        print_message("[   SKIP   ] %s\n", why);
        skip();
    }
    world_build(clean, true);
    for (uint32_t i = 0; i < forms_count; i++) {
        uint32_t before = compared;
        if (is_emulated(&forms[i])) {
            try_form(&forms[i], &compared, &different);
            without += compared == before;
        }
    }
    native_end();
    print_message("roads: %u vectors of %u forms, %u not comparable\n", compared, forms_count,
                  without);
    assert_int_equal(different, 0);
    assert_true(compared > 10 * forms_count);
    assert_true(without < 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_and_decoded_exits_leave_the_same_state_for_every_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
