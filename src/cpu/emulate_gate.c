/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of call gates, and of the stacks that a TSS keeps for inner levels.
 *
 * A gate and a TSS are in RAM, like all tables of the processor's own.
 * Spec: [SDM] vol. 2 (CALL, JMP), vol. 3A, 5.8.3 to 5.8.5 (call gates, stack switching), 8.2.1, 8.6, 8.7 (TSS). */
#include "cpu/emulate_int.h"

/* Types of call gates, in legacy and in IA-32e mode; and what leads to another task, in legacy mode: a TSS, busy or
 * not, or a task gate. */
#define GATES_LEGACY (1u << SYSTEM_CALL_GATE_16 | 1u << SYSTEM_CALL_GATE)
#define GATES_LONG   (1u << SYSTEM_CALL_GATE)
#define TASKS_LEGACY                                                                             \
    (1u << SYSTEM_TSS_16 | 1u << SYSTEM_TSS | 1u << SYSTEM_TSS_16_BUSY | 1u << SYSTEM_TSS_BUSY | \
     1u << SYSTEM_TASK_GATE)

#define GATE_PARAMS    0x1Fu
#define GATE_HIGH_TYPE 0x1Fu /* bits 44 to 40 of the upper half: 0 */

#define TSS_IS_WIDE 0x8u /* of the type: 32 or 64 bits */

static bool gate_is_long(const struct emu *e)
{
    return (e->regs->efer & EFER_LMA) != 0;
}

/* The gate's own descriptor: may it be used, and is it there? */
static enum emulate_result gate_check(struct emu *e, struct emu_target *t)
{
    const uint32_t type = t->ar & SEG_AR_TYPE;
    const uint32_t dpl = (t->ar & SEG_AR_DPL) >> 5;
    const uint32_t gates = gate_is_long(e) ? GATES_LONG : GATES_LEGACY;
    bool allowed = (t->ar & SEG_AR_S) == 0 && (gates >> type & 1u) != 0 && dpl >= e->cpl &&
                   dpl >= (t->selector & SELECTOR_RPL);
    if (allowed && gate_is_long(e)) {
        enum emulate_result r = emu_find_descriptor(e, t->selector, 16, &t->d);
        if (r != EMULATE_DONE) {
            return r;
        }
        allowed = t->d.found && (t->d.high >> 40 & GATE_HIGH_TYPE) == 0;
    }
    if (!allowed) {
        return emu_selector_fault(e, VECTOR_GP, t->selector);
    }
    if ((t->ar & SEG_AR_P) == 0) {
        return emu_selector_fault(e, VECTOR_NP, t->selector);
    }
    return EMULATE_DONE;
}

/* The code that the gate names, whose selector's RPL does not count. CALL may go to an inner level. */
static enum emulate_result gate_code(struct emu *e, struct emu_target *t)
{
    enum emulate_result r = emu_target_find(e, t);
    if (r != EMULATE_DONE) {
        return r;
    }
    const uint32_t dpl = (t->ar & SEG_AR_DPL) >> 5;
    const bool conforming = (t->ar & SEG_CONFORMING) != 0;
    const bool inner = e->insn.op == INSN_CALL_FAR && !conforming;
    bool allowed = t->code && (dpl == e->cpl || (dpl < e->cpl && (conforming || inner)));
    if (!allowed || (gate_is_long(e) && !t->is_64)) {
        return emu_selector_fault(e, VECTOR_GP, t->selector);
    }
    if ((t->ar & SEG_AR_P) == 0) {
        return emu_selector_fault(e, VECTOR_NP, t->selector);
    }
    t->level = inner ? (uint8_t)dpl : e->cpl;
    return EMULATE_DONE;
}

/* All checks are the switch's own. */
static enum emulate_result gate_task(struct emu *e, const struct emu_target *t)
{
    const uint8_t source = e->insn.op == INSN_CALL_FAR ? VM_TASK_CALL : VM_TASK_JMP;
    const enum emulate_result r = emu_settle(e);
    return r == EMULATE_DONE ? emu_task_switch(e, source, t->selector) : r;
}

enum emulate_result emu_gate_follow(struct emu *e, struct emu_target *t)
{
    const bool task = (t->ar & SEG_AR_S) == 0 && (TASKS_LEGACY >> (t->ar & SEG_AR_TYPE) & 1u) != 0;
    if (task && !gate_is_long(e)) {
        return gate_task(e, t);
    }
    enum emulate_result r = gate_check(e, t);
    if (r != EMULATE_DONE) {
        return r;
    }
    const uint64_t low = t->d.low;
    const bool narrow = (t->ar & SEG_AR_TYPE) == SYSTEM_CALL_GATE_16;
    t->offset = (low & 0xFFFFu) | (low >> 32 & 0xFFFF0000u);
    t->selector = (uint16_t)(low >> 16);
    t->params = (uint8_t)(low >> 32 & GATE_PARAMS);
    t->gate = narrow ? 2 : 4;
    if (gate_is_long(e)) {
        t->offset |= t->d.high << 32;
        t->params = 0;
        t->gate = 8;
    } else if (narrow) {
        t->offset &= 0xFFFFu;
    }
    return gate_code(e, t);
}

/* --- The TSS --------------------------------------------------------------------------------------- */

/* `size` bytes of pointer, and behind them, but in IA-32e mode, a selector. */
static enum emulate_result tss_stack(struct emu *e, uint32_t at, uint32_t size, uint64_t *pointer,
                                     uint16_t *selector)
{
    const struct seg_reg *tr = &e->regs->seg[SEG_TR];
    const uint32_t more = size == 8 ? 0 : 2;
    uint64_t val = 0;
    if ((uint64_t)at + size + more - 1u > tr->limit) {
        return emu_selector_fault(e, VECTOR_TS, tr->selector);
    }
    enum emulate_result r = emu_table_read(e, tr->base + at, size, pointer);
    if (r == EMULATE_DONE && more != 0) {
        r = emu_table_read(e, tr->base + at + size, more, &val);
    }
    *selector = (uint16_t)val;
    return r;
}

enum emulate_result emu_gate_stack(struct emu *e, const struct emu_target *t, struct emu_stack *s,
                                   struct emu_descriptor *d)
{
    const uint32_t level = t->level;
    const bool is_long = gate_is_long(e);
    const bool wide = is_long || (e->regs->seg[SEG_TR].ar & TSS_IS_WIDE) != 0;
    const uint32_t size = is_long ? 8 : wide ? 4 : 2;
    uint16_t selector = 0;
    s->cpl = (uint8_t)level;
    s->mode = is_long ? DECODE_64 : e->mode;
    enum emulate_result r =
        tss_stack(e, wide ? 8u * level + 4u : 4u * level + 2u, size, &s->pointer, &selector);
    if (r != EMULATE_DONE) {
        return r;
    }
    if (is_long) {
        s->seg = (struct seg_reg){.ar = SEG_AR_UNUSABLE | level << 5, .selector = (uint16_t)level};
        return EMULATE_DONE;
    }
    if (!SELECTOR_IS_NULL(selector)) {
        r = emu_find_descriptor(e, selector, 8, d);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    if (!d->found || !emu_stack_allowed(d, selector, level)) {
        return emu_selector_fault(e, VECTOR_TS, selector);
    }
    if (!emu_descriptor_is_present(d)) {
        return emu_selector_fault(e, VECTOR_SS, selector);
    }
    s->error = (uint16_t)SELECTOR_ERROR(selector);
    emu_describe_segment(selector, d, &s->seg);
    return EMULATE_DONE;
}
