/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of far returns: RET, and what IRET does alike, to the same level and to an outer one.
 * Spec: [SDM] vol. 2 (RET, IRET), vol. 3A, 5.8.6 (returns from called procedures). */
#include "cpu/emulate_int.h"

/* The code that it returns to: the selector names the level, which the segment must be of. */
static enum emulate_result return_code(struct emu *e, struct emu_target *t)
{
    enum emulate_result r = emu_target_find(e, t);
    if (r != EMULATE_DONE) {
        return r;
    }
    const uint32_t dpl = (t->ar & SEG_AR_DPL) >> 5;
    const uint32_t level = t->selector & SELECTOR_RPL;
    bool allowed = (t->ar & SEG_CONFORMING) != 0 ? dpl <= level : dpl == level;
    if (!t->code || level < e->cpl || !allowed) {
        return emu_selector_fault(e, VECTOR_GP, t->selector);
    }
    t->level = (uint8_t)level;
    if ((t->ar & SEG_AR_P) == 0) {
        return emu_selector_fault(e, VECTOR_NP, t->selector);
    }
    return EMULATE_DONE;
}

/* The stack that it returns to. 64-bit code below level 3 may have a null selector. */
static enum emulate_result return_stack(struct emu *e, struct emu_return *r)
{
    const struct emu_target *t = &r->to;
    if (SELECTOR_IS_NULL(r->selector)) {
        bool allowed = t->is_64 && t->level != 3 && r->selector == t->level;
        r->ss = (struct seg_reg){.ar = SEG_AR_UNUSABLE | (uint32_t)t->level << 5,
                                 .selector = r->selector};
        return allowed ? EMULATE_DONE : emu_fault(e, VECTOR_GP, 0);
    }
    enum emulate_result result = emu_find_descriptor(e, r->selector, 8, &r->d);
    if (result != EMULATE_DONE) {
        return result;
    }
    if (!r->d.found || !emu_stack_allowed(&r->d, r->selector, t->level)) {
        return emu_selector_fault(e, VECTOR_GP, r->selector);
    }
    if (!emu_descriptor_is_present(&r->d)) {
        return emu_selector_fault(e, VECTOR_SS, r->selector);
    }
    emu_describe_segment(r->selector, &r->d, &r->ss);
    return EMULATE_DONE;
}

/* The pointer and selector of a stack lie behind what was popped, and released. */
static enum emulate_result return_switch(struct emu *e, struct emu_return *r)
{
    uint64_t slots[2];
    enum emulate_result result =
        emu_load_slots(e, (uint64_t)r->popped * e->insn.other_size + r->moved, 2, slots);
    if (result == EMULATE_DONE) {
        r->pointer = slots[0];
        r->selector = (uint16_t)slots[1];
        result = return_stack(e, r);
    }
    return result;
}

enum emulate_result emu_return_check(struct emu *e, struct emu_return *r)
{
    enum emulate_result result = EMULATE_DONE;
    if (emu_is_real(e)) {
        emu_target_real(e, &r->to);
        return emu_target_limit(e, &r->to);
    }
    result = return_code(e, &r->to);
    if (result == EMULATE_DONE) {
        r->switches = r->switches || r->to.level > e->cpl;
    }
    if (result == EMULATE_DONE && r->switches) {
        result = return_switch(e, r);
    }
    if (result == EMULATE_DONE) {
        result = emu_target_limit(e, &r->to);
    }
    if (result == EMULATE_DONE) {
        result = emu_target_mark(e, &r->to);
    }
    if (result == EMULATE_DONE && r->switches && (r->ss.ar & SEG_AR_UNUSABLE) == 0) {
        result = emu_accept_segment(e, r->selector, &r->d, &r->ss);
    }
    return result;
}

/* What the outer level may not reach becomes null: data, and code that does not conform, further in. */
static void return_hide(struct emu *e, uint32_t level)
{
    static const uint8_t segments[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    for (uint32_t i = 0; i < sizeof(segments); i++) {
        struct seg_reg *seg = &emu_edit_system(e)->seg[segments[i]];
        const uint32_t conforming = SEG_CODE | SEG_CONFORMING;
        bool open = (seg->ar & conforming) == conforming || (seg->ar & SEG_AR_UNUSABLE) != 0;
        if (!open && (seg->ar & SEG_AR_DPL) >> 5 < level) {
            *seg = (struct seg_reg){.ar = SEG_AR_UNUSABLE};
        }
    }
}

enum emulate_result emu_return_go(struct emu *e, const struct emu_return *r)
{
    const uint64_t pops = (uint64_t)r->popped * e->insn.other_size + r->moved;
    const enum emulate_result result = emu_settle(e);
    if (result != EMULATE_DONE) {
        return result;
    }
    if (r->switches) {
        const struct emu_stack s = {.seg = r->ss, .mode = r->to.is_64 ? DECODE_64 : DECODE_32};
        emu_set_segment(e, SEG_SS, &r->ss);
        emu_set_gpr(e, GPR_RSP, emu_stack_width(&s), r->pointer + r->moved);
    } else {
        emu_stack_move(e, pops);
    }
    if (!emu_is_real(e) && r->to.level > e->cpl) {
        return_hide(e, r->to.level);
    }
    emu_target_go(e, &r->to);
    return EMULATE_DONE;
}

enum emulate_result emu_op_ret_far(struct emu *e)
{
    uint64_t slots[2];
    struct emu_return r = {.popped = 2};
    r.moved = e->insn.form == INSN_STACK_IMM ? e->insn.imm & 0xFFFFu : 0;
    enum emulate_result result = emu_load_slots(e, 0, 2, slots);
    if (result == EMULATE_DONE) {
        r.to.offset = slots[0];
        r.to.selector = (uint16_t)slots[1];
        result = emu_return_check(e, &r);
    }
    return result == EMULATE_DONE ? emu_return_go(e, &r) : result;
}
