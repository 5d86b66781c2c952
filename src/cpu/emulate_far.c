/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of far transfers: JMP and CALL through memory, CALL with its stack in a device.
 *
 * In the order in which processors go: the pointer, the target's descriptor, the stack that is pushed to, the
 * target's limit. Then accessed flags are set, everything settles, and it goes.
 * Spec: [SDM] vol. 2 (CALL, JMP), vol. 3A, 5.8 (transfers between code segments). */
#include "cpu/emulate_int.h"

#define REAL_MAX 0xFFFFu /* offsets of real and virtual-8086 mode */

/* A transfer to conforming code keeps its level; other code must be of this one, and the selector must
 * not ask for less. */
static enum emulate_result target_privileged(struct emu *e, struct emu_target *t)
{
    const uint32_t dpl = (t->ar & SEG_AR_DPL) >> 5;
    bool allowed = dpl == e->cpl && (t->selector & SELECTOR_RPL) <= e->cpl;
    if ((t->ar & SEG_CONFORMING) != 0) {
        allowed = dpl <= e->cpl;
    }
    t->level = e->cpl;
    if (!allowed) {
        return emu_selector_fault(e, VECTOR_GP, t->selector);
    }
    if ((t->ar & SEG_AR_P) == 0) {
        return emu_selector_fault(e, VECTOR_NP, t->selector);
    }
    return EMULATE_DONE;
}

/* Where JMP or CALL leads, from memory or from its own bytes: to code, at once or through a gate. */
static enum emulate_result far_target(struct emu *e, struct emu_target *t)
{
    struct emu_far_ptr ptr;
    uint64_t selector = e->insn.imm >> 32;
    enum emulate_result r = EMULATE_DONE;
    t->offset = e->insn.imm & UINT32_MAX;
    if (e->insn.form == INSN_MEM) {
        r = emu_far_operand(e, e->insn.mem_size - 2u, &ptr);
        if (r == EMULATE_DONE) {
            r = emu_load_early(e, &ptr.offset, &t->offset);
        }
        if (r == EMULATE_DONE) {
            r = emu_load_early(e, &ptr.selector, &selector);
        }
    }
    t->selector = (uint16_t)selector;
    if (r != EMULATE_DONE) {
        return r;
    }
    if (emu_is_real(e)) {
        emu_target_real(e, t);
        return EMULATE_DONE;
    }
    r = emu_target_find(e, t);
    if (r != EMULATE_DONE) {
        return r;
    }
    return t->code ? target_privileged(e, t) : emu_gate_follow(e, t);
}

enum emulate_result emu_op_jmp_far(struct emu *e)
{
    struct emu_target t = {.gate = 0};
    enum emulate_result r = far_target(e, &t);
    if (r != EMULATE_DONE || e->report->switched) {
        return r;
    }
    r = emu_target_limit(e, &t);
    if (r == EMULATE_DONE) {
        r = emu_target_mark(e, &t);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        emu_target_go(e, &t);
    }
    return r;
}

/* --- CALL ---------------------------------------------------------------------------------------------- */

/* Where word `n` comes from: it is one to push, or a parameter, the one that was pushed first first. */
static enum emulate_result push_word(struct emu *e, const struct emu_push *p, uint32_t n,
                                     bool doing, uint64_t *val)
{
    struct emu_stack old;
    struct emu_span from;
    if (n < 2 || n >= 2u + p->params) {
        *val = p->word[n < 2 ? n : n - p->params];
        return EMULATE_DONE;
    }
    emu_stack_now(e, &old);
    const uint64_t by = (uint64_t)(p->params + 1u - n) * p->size;
    const struct emu_ref ref = emu_stack_ref(&old, by, p->size, INSN_READ);
    enum emulate_result r = emu_resolve(e, &ref, &from);
    if (r == EMULATE_DONE && doing) {
        *val = emu_load(e, &from);
    }
    return r;
}

/* Goes over all words; `doing`: pushes them, else looks whether that will do. */
static enum emulate_result push_all(struct emu *e, const struct emu_push *p, bool doing)
{
    for (uint32_t n = 0; n < p->words + p->params; n++) { /* bound: EMU_PUSH_WORDS + 31 */
        uint64_t val = 0;
        struct emu_span slot;
        const struct emu_ref ref =
            emu_stack_ref(p->stack, 0u - (uint64_t)(n + 1u) * p->size, p->size, INSN_WRITE);
        enum emulate_result r = push_word(e, p, n, doing, &val);
        if (r == EMULATE_DONE) {
            r = emu_resolve(e, &ref, &slot);
        }
        if (r != EMULATE_DONE) {
            return doing ? EMULATE_AGAIN : r; /* it was good before: the tables have changed */
        }
        if (doing) {
            emu_store(e, &slot, val);
        }
    }
    return EMULATE_DONE;
}

/* The stack that it pushes to. What a gate into 64-bit code pushes, that code's rules apply to already. */
static enum emulate_result call_stack(struct emu *e, const struct emu_target *t,
                                      struct emu_stack *s, struct emu_descriptor *d)
{
    emu_stack_now(e, s);
    if (t->level < e->cpl) {
        return emu_gate_stack(e, t, s, d);
    }
    s->mode = t->gate == 8 ? DECODE_64 : s->mode;
    return EMULATE_DONE;
}

/* What it pushes there: with another stack, where the old one is, and the parameters. */
static void call_frame(const struct emu *e, const struct emu_target *t, const struct emu_stack *s,
                       struct emu_push *p)
{
    const struct vcpu_regs *regs = e->regs;
    const bool inner = t->level < e->cpl;
    *p = (struct emu_push){
        .stack = s,
        .size = t->gate != 0 ? t->gate : e->insn.other_size,
        .words = inner ? 4 : 2,
        .params = inner ? t->params : 0,
        .word = {regs->seg[SEG_SS].selector, regs->gpr[GPR_RSP]},
    };
    p->word[p->words - 2u] = regs->seg[SEG_CS].selector;
    p->word[p->words - 1u] = e->next_rip;
}

/* SS of another level. In 64-bit code it is null. */
static enum emulate_result call_mark(struct emu *e, const struct emu_target *t,
                                     const struct emu_stack *s, const struct emu_descriptor *d)
{
    struct seg_reg unused;
    bool marks = t->level < e->cpl && (s->seg.ar & SEG_AR_UNUSABLE) == 0;
    enum emulate_result r = emu_target_mark(e, t);
    if (r == EMULATE_DONE && marks) {
        r = emu_accept_segment(e, s->seg.selector, d, &unused);
    }
    return r;
}

/* CALL cuts off what compatibility mode has not, and real mode refuses what its segments have not, whatever
 * their limit. JMP and RET do neither. */
static enum emulate_result call_limit(struct emu *e, struct emu_target *t)
{
    if (emu_is_real(e) && t->offset > REAL_MAX) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    t->offset &= t->is_64 ? UINT64_MAX : UINT32_MAX;
    return emu_target_limit(e, t);
}

enum emulate_result emu_op_call_far(struct emu *e)
{
    struct emu_target t = {.gate = 0};
    struct emu_stack stack;
    struct emu_descriptor d = {.found = false};
    struct emu_push push;
    enum emulate_result r = far_target(e, &t);
    if (r != EMULATE_DONE || e->report->switched) {
        return r;
    }
    r = call_stack(e, &t, &stack, &d);
    if (r != EMULATE_DONE) {
        return r;
    }
    call_frame(e, &t, &stack, &push);
    r = push_all(e, &push, false);
    if (r == EMULATE_DONE) {
        r = call_limit(e, &t);
    }
    if (r == EMULATE_DONE) {
        r = call_mark(e, &t, &stack, &d);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        r = push_all(e, &push, true);
    }
    if (r == EMULATE_DONE) {
        const uint64_t bytes = (uint64_t)(push.words + push.params) * push.size;
        emu_set_gpr(e, GPR_RSP, emu_stack_width(&stack), stack.pointer - bytes);
        if (t.level < e->cpl) {
            emu_set_segment(e, SEG_SS, &stack.seg);
        }
        emu_target_go(e, &t);
    }
    return r;
}
