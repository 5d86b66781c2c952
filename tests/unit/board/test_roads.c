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
#include "../../processor/roads.h"
#include "base/bits.h"
#include "base/le.h"

#define VECTORS 16u

static _Alignas(4096) uint8_t clean[WORLD_BYTES];
static _Alignas(4096) uint8_t ram[WORLD_BYTES]; /* the processor's */
static _Alignas(4096) uint8_t got[WORLD_BYTES]; /* what the emulator left */

/* A selector of the GDT: of this machine's on one road, of the vector's on the other. */
static bool foreign;

/* --- The decoded road ------------------------------------------------------------------------------------ */

/* An access as KVM reports it: in parts of a page, and of eight bytes at most. */
static void access_device(struct roads *r, uint64_t linear, uint32_t bytes, bool write)
{
    while (bytes != 0) { /* bound: 32 bytes */
        uint32_t room = 0x1000u - (uint32_t)(linear & 0xFFFu);
        uint32_t part = bytes < room ? bytes : room;
        part = part < 8 ? part : 8;
        if (vector_on_device(linear)) {
            if (write) {
                roads_store(r, linear, part, le_load(ram + linear, part));
            } else {
                le_store(ram + linear, part, roads_load(r, linear, part));
            }
        }
        linear += part;
        bytes -= part;
    }
}

/* Elements of a string instruction. */
static void access_string(struct roads *r, const struct vector *v, uint32_t first, uint32_t end,
                          bool write)
{
    uint64_t step = (v->regs.rflags & RFLAGS_DF) != 0 ? 0 - (uint64_t)v->size : v->size;
    uint64_t si = vector_pointer(v, v->regs.gpr, GPR_RSI);
    uint64_t di = vector_pointer(v, v->regs.gpr, GPR_RDI);
    bool reads_di = (v->form->flags & FORM_WRITES) == 0;
    for (uint32_t i = first; i < end; i++) {
        if (!write && (v->form->flags & FORM_SI) != 0) {
            access_device(r, si + i * step, v->size, false);
        }
        if ((v->form->flags & FORM_DI) != 0 && write == !reads_di) {
            access_device(r, di + i * step, v->size, write);
        }
    }
}

static bool is_stack(const struct vector *v, uint8_t opcode)
{
    return v->form->kind == FORM_STACK && v->form->map == 1 && v->form->opcode == opcode;
}

/* Slots as they are accessed: pushed from the top down, popped upwards. POPA leaves out that of rSP, ENTER
 * has one more for each level, and copies from a frame that is in RAM here. */
static void access_slots(struct roads *r, const struct vector *v, bool write)
{
    uint32_t levels = v->code[v->len - 1] & 31u;
    if (is_stack(v, 0x60) && write) {
        for (uint32_t i = 8; i > 0; i--) {
            access_device(r, v->operand + (i - 1) * v->size, v->size, true);
        }
    } else if (is_stack(v, 0x61) && !write) {
        for (uint32_t i = 0; i < 8; i++) {
            access_device(r, v->operand + i * v->size, i == 3 ? 0 : v->size, false);
        }
    } else if (is_stack(v, 0xC8) && write) {
        for (uint32_t i = 0; i <= levels; i++) {
            access_device(r, v->operand - i * v->size, v->size, true);
        }
    }
}

/* What PUSH m, CALL m and POP m access beside their operand. */
static void access_beside(struct roads *r, const struct vector *v, bool write)
{
    if ((v->form->flags & FORM_PUSHES) != 0 && write) {
        access_device(r, vector_stack(v) - v->size, v->size, true);
    } else if ((v->form->flags & FORM_POPS) != 0 && !write) {
        access_device(r, vector_stack(v), v->size, false);
    }
}

static void access_all(struct roads *r, const struct vector *v, uint32_t count, bool write)
{
    uint32_t wanted = write ? FORM_WRITES : FORM_READS;
    if (v->form->kind == FORM_STRING) {
        access_string(r, v, 0, count, write);
    } else if (is_stack(v, 0x60) || is_stack(v, 0x61) || is_stack(v, 0xC8)) {
        access_slots(r, v, write);
    } else if (v->form->size == SIZE_F && !write) { /* (KVM reads both at once) */
        access_device(r, v->operand, v->op_size, false);
        access_device(r, v->operand + v->op_size, 2, false);
    } else if ((v->form->flags & wanted) != 0) {
        access_device(r, v->operand, v->size, write);
    }
    access_beside(r, v, write);
}

/* CMPS and SCAS with a repeat prefix go as far as what they read makes them. */
static bool is_scan(const struct vector *v)
{
    return v->rep && (v->form->flags & FORM_WRITES) == 0 && (v->form->flags & FORM_DI) != 0;
}

static bool is_arpl(const struct vector *v)
{
    return v->form->map == 1 && v->form->opcode == 0x63 && v->place != PLACE_64;
}

/* ARPL writes if it raises the level. */
static bool writes(const struct vector *v, const struct outcome *after)
{
    return !is_arpl(v) || (after->rflags & RFLAGS_ZF) != 0;
}

/* A jump to where the device's value leads: it is over when it faults there. */
static void landed(const struct vector *v, struct outcome *out)
{
    if (out->end == END_FAULT && (v->form->flags & FORM_JUMPS) != 0 && out->rip != v->regs.rip) {
        out->end = END_DONE;
        out->vector = 0;
    }
}

static uint32_t rounds(const struct vector *v, const struct outcome *after)
{
    uint64_t left = v->regs.gpr[GPR_RCX] - after->gpr[GPR_RCX];
    return !v->rep ? 1 : (uint32_t)(left & ones_bytes(v->addr_size));
}

/* Its elements come from the device one by one, until it ends there: nothing but reads, so that it can
 * be run again with one more. */
static void run_scan(struct roads *r, const struct vector *v, uint32_t most, struct outcome *out)
{
    uint32_t n = 0;
    do { /* bound: most */
        access_string(r, v, n, n + 1, false);
        native_run(v, ram, out);
        n++;
    } while (n < most && rounds(v, out) > n);
}

/* Each element is read and written before the next. They do not overlap, so that it can be run again, too. */
static void run_moves(struct roads *r, const struct vector *v, uint32_t most, struct outcome *out)
{
    for (uint32_t n = 0; n < most; n++) {
        access_string(r, v, n, n + 1, false);
        native_run(v, ram, out);
        access_string(r, v, n, n + 1, true);
    }
}

static uint8_t *selector_at(const struct vector *v)
{
    return ram + v->operand + (v->form->size == SIZE_F ? v->op_size : 0);
}

/* The processor runs it on what the device gave, and its writes go to the device. */
static bool go_decoded(struct roads *r, const struct vector *v, struct outcome *out)
{
    memcpy(ram, clean, sizeof(ram));
    world_place(ram, v, 0xCC);
    foreign = false;
    bool selector = (v->form->flags & FORM_SELECTOR) != 0;
    if ((selector || is_arpl(v)) && v->operand < DEVICE_END) {
        le_store(selector_at(v), 2, 8u * LDT_FIRST + 15u); /* one that anything can be done with */
    }
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
    if (is_scan(v)) {
        run_scan(r, v, most, out);
        return true;
    }
    if (v->rep && (v->form->flags & FORM_RMW) == FORM_RMW) {
        run_moves(r, v, most, out);
        return true;
    }
    access_all(r, v, most, false);
    if (selector) {
        uint64_t got_it = le_load(selector_at(v), 2);
        foreign = (got_it & 4u) == 0 && got_it > 3;
    }
    native_run(v, ram, out);
    landed(v, out);
    if (is_stack(v, 0x9C)) {
        ram[v->operand + 1] &= (uint8_t) ~(RFLAGS_IF >> 8); /* PUSHF: it is off on the other road */
    }
    if (out->end == END_DONE && writes(v, out)) {
        access_all(r, v, rounds(v, out), true);
    }
    return true;
}

/* --- Comparing ----------------------------------------------------------------------------------------------- */

/* Left out: a scan that could come to where no memory is, by what it reads; far pointers of ten bytes, as
 * this processor may be one of AMD's, which read six. */
static bool comparable(const struct vector *v)
{
    if (v->form->size == SIZE_F && v->op_size == 8) {
        return false;
    }
    return !is_scan(v) || (v->scene[0] == 'i' && v->scene[1] == 'n');
}

static bool try_vector(struct roads *r, struct vector *v, uint32_t *compared)
{
    char text[2][4096];
    struct outcome raw;
    struct outcome decoded;
    struct road_difference d;
    native_adjust(v);
    if (!comparable(v)) {
        return true;
    }
    memcpy(got, clean, sizeof(got));
    world_place(got, v, 0xCC);
    roads_begin(r, v, got);
    if (!go_decoded(r, v, &decoded)) {
        return true;
    }
    uint64_t rflags = v->regs.rflags;
    v->regs.rflags &= ~(uint64_t)RFLAGS_IF; /* interrupts are another matter */
    roads_go_raw(r, v, got, &raw);
    v->regs.rflags = rflags;
    memcpy(got + WORLD_DATA, ram + WORLD_DATA, DEVICE_END - WORLD_DATA);
    (*compared)++;
    bool same = foreign || outcome_same(v, &raw, got, &decoded, ram, text[0], sizeof(text[0])) ||
                processor_native.excuse(v, &raw, &decoded) != NULL;
    bool alike = roads_same(r, &d, text[1], sizeof(text[1]));
    if (same && alike) {
        return true;
    }
    char about[4096];
    vector_tell(v, about, sizeof(about));
    print_message("%s%s%s", about, same ? "" : text[0], text[1]);
    return false;
}

static void try_form(const struct form *f, uint32_t *compared, uint32_t *different)
{
    struct limits limits = processor_native.limits;
    static struct roads r;
    limits.avx = __builtin_cpu_supports("avx2") != 0;
    roads_open(&r);
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
    roads_close(&r);
}

/* No kernel emulates moves under a mask: there is but one road for them. What a device holds is no place that a
 * process could go to. */
static bool has_both_roads(const struct form *f)
{
    return (f->flags & (FORM_MASKED | FORM_FAR)) == 0;
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
        if (has_both_roads(&forms[i])) {
            try_form(&forms[i], &compared, &different);
            without += compared == before;
        }
    }
    native_end();
    print_message("roads: %u vectors of %u forms, %u not comparable\n", compared, forms_count,
                  without);
    assert_int_equal(different, 0);
    assert_true(compared > 10 * forms_count);
    assert_true(without < 20); /* those that a process cannot run */
}

static bool in_data(uint64_t linear)
{
    return linear >= WORLD_DATA && linear < WORLD_END;
}

/* Elsewhere a process has memory of its own, or a sanitizer's, and the emulator has none. */
static void strings_point_into_the_data_whatever_segment_and_address_size_they_have(void **state)
{
    uint32_t seen = 0;
    (void)state;
    for (uint32_t i = 0; i < forms_count; i++) {
        for (uint32_t n = 0; n < 400 && forms[i].kind == FORM_STRING; n++) {
            struct vector v;
            if (vector_make(&v, &forms[i], PLACE_64, 3, 11, n, &processor_native.limits) &&
                strcmp(v.scene, "not canonical") != 0) {
                bool si = (forms[i].flags & FORM_SI) != 0;
                bool di = (forms[i].flags & FORM_DI) != 0;
                assert_true(!si || in_data(vector_pointer(&v, v.regs.gpr, GPR_RSI)));
                assert_true(!di || in_data(vector_pointer(&v, v.regs.gpr, GPR_RDI)));
                seen += v.addr_size == 4 && v.override == SEG_GS;
            }
        }
    }
    assert_true(seen > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_point_into_the_data_whatever_segment_and_address_size_they_have),
        cmocka_unit_test(raw_and_decoded_exits_leave_the_same_state_for_every_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
