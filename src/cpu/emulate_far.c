/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of far transfers within a privilege level: JMP and CALL through memory, CALL with its stack in
 * a device, RET. What goes through a gate or a TSS, or to another level, is refused, as is IRET: it also ends the
 * blocking of NMIs, and nobody keeps its frame in a device.
 * Spec: [SDM] vol. 2 (CALL, JMP, RET), vol. 3A, 5.8 (transfers between code segments). */
#include "base/bits.h"
#include "cpu/emulate_int.h"

#define GATES_LEGACY \
    0x1232u /* types that lead elsewhere: TSSs that are not busy, call and task gates */
#define GATES_LONG 0x1000u

struct far_target {
    uint64_t offset;
    uint16_t selector;
    struct seg_reg cs; /* what CS becomes */
};

static enum emulate_result far_gp(struct emu *e, uint16_t selector)
{
    return emu_fault(e, VECTOR_GP, SELECTOR_ERROR(selector));
}

/* A transfer to conforming code keeps its level; other code must be of this one. RET names the level that it
 * returns to, and its selector must say so; of JMP and CALL it may say less. */
static bool far_privileged(const struct emu *e, uint32_t ar, uint16_t selector)
{
    uint32_t dpl = (ar & SEG_AR_DPL) >> 5;
    if ((ar & SEG_CONFORMING) != 0) {
        return dpl <= e->cpl;
    }
    return dpl == e->cpl && (selector & SELECTOR_RPL) <= e->cpl;
}

/* Not code: something that leads elsewhere, which is not done here, or nothing. */
static enum emulate_result far_elsewhere(struct emu *e, uint32_t ar, uint16_t selector)
{
    bool is_long = (e->regs->efer & EFER_LMA) != 0;
    uint32_t gates = is_long ? GATES_LONG : GATES_LEGACY;
    bool gate = (ar & SEG_AR_S) == 0 && (gates >> (ar & SEG_AR_TYPE) & 1u) != 0;
    return gate && e->insn.op != INSN_RET_FAR ? EMULATE_UNSUPPORTED : far_gp(e, selector);
}

static enum emulate_result far_code(struct emu *e, struct far_target *t)
{
    struct emu_descriptor d;
    enum emulate_result r = emu_find_descriptor(e, t->selector, 8, &d);
    if (r != EMULATE_DONE) {
        return r;
    }
    if (!d.found) {
        return far_gp(e, t->selector);
    }
    uint32_t ar = (uint32_t)(d.low >> 40) & SEG_AR_DESCRIPTOR;
    if ((ar & SEG_AR_S) == 0 || (ar & SEG_CODE) == 0) {
        return far_elsewhere(e, ar, t->selector);
    }
    bool is_64 = (e->regs->efer & EFER_LMA) != 0 && (ar & SEG_AR_L) != 0;
    if ((is_64 && (ar & SEG_AR_DB) != 0) || !far_privileged(e, ar, t->selector)) {
        return far_gp(e, t->selector);
    }
    if ((ar & SEG_AR_P) == 0) {
        return emu_fault(e, VECTOR_NP, SELECTOR_ERROR(t->selector));
    }
    if (is_64 ? !walk_canonical(t->offset) : t->offset > emu_descriptor_limit(&d)) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    uint16_t selector = (uint16_t)((t->selector & ~SELECTOR_RPL) | e->cpl);
    return emu_accept_segment(e, selector, &d, &t->cs);
}

/* May it go there? Then t->cs is what CS becomes. */
static enum emulate_result far_check(struct emu *e, struct far_target *t)
{
    if (emu_is_real(e)) {
        t->cs = e->regs->seg[SEG_CS];
        t->cs.selector = t->selector;
        t->cs.base = (uint64_t)t->selector << 4;
        return t->offset > t->cs.limit ? emu_fault(e, VECTOR_GP, 0) : EMULATE_DONE;
    }
    if (SELECTOR_IS_NULL(t->selector)) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    uint32_t level = t->selector & SELECTOR_RPL;
    if (e->insn.op == INSN_RET_FAR && level != e->cpl) {
        return level < e->cpl ? far_gp(e, t->selector) : EMULATE_UNSUPPORTED;
    }
    return far_code(e, t);
}

static void far_go(struct emu *e, const struct far_target *t)
{
    emu_edit_system(e)->seg[SEG_CS] = t->cs;
    e->next_rip = t->offset;
}

enum emulate_result emu_op_jmp_far(struct emu *e)
{
    struct emu_far_ptr ptr;
    struct far_target t = {.offset = 0};
    enum emulate_result r = emu_far_operand(e, e->insn.mem_size - 2u, &ptr);
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        t.offset = emu_load(e, &ptr.offset);
        t.selector = (uint16_t)emu_load(e, &ptr.selector);
        r = far_check(e, &t);
    }
    if (r == EMULATE_DONE) {
        far_go(e, &t);
    }
    return r;
}

/* Where CALL leads, from memory or from its own bytes. */
static enum emulate_result call_target(struct emu *e, struct far_target *t)
{
    struct emu_far_ptr ptr;
    if (e->insn.form != INSN_MEM) {
        t->offset = e->insn.imm & UINT32_MAX;
        t->selector = (uint16_t)(e->insn.imm >> 32);
        return EMULATE_DONE;
    }
    enum emulate_result r = emu_far_operand(e, e->insn.mem_size - 2u, &ptr);
    if (r == EMULATE_DONE && e->here) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) { /* else in RAM, and it is the stack that is in the device */
        t->offset = emu_load(e, &ptr.offset);
        t->selector = (uint16_t)emu_load(e, &ptr.selector);
    }
    return r;
}

/* The stack is looked at after the target. */
enum emulate_result emu_op_call_far(struct emu *e)
{
    uint64_t size = e->insn.other_size;
    const uint64_t back = e->next_rip;
    const uint16_t selector = e->regs->seg[SEG_CS].selector;
    struct emu_span slot[2];
    struct far_target t = {.offset = 0};
    enum emulate_result r = call_target(e, &t);
    if (r == EMULATE_DONE) {
        r = far_check(e, &t);
    }
    for (uint32_t i = 0; i < 2 && r == EMULATE_DONE; i++) {
        const struct emu_ref ref = emu_stack_slot(e, 0u - (i + 1u) * size, INSN_WRITE);
        r = emu_resolve(e, &ref, &slot[i]);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        emu_store(e, &slot[0], selector);
        emu_store(e, &slot[1], back);
        emu_stack_move(e, 0u - 2u * size);
        far_go(e, &t);
    }
    return r;
}

enum emulate_result emu_op_ret_far(struct emu *e)
{
    uint64_t size = e->insn.other_size;
    uint64_t released = e->insn.form == INSN_STACK_IMM ? e->insn.imm & 0xFFFFu : 0;
    struct emu_span slot[2];
    struct far_target t = {.offset = 0};
    enum emulate_result r = EMULATE_DONE;
    for (uint32_t i = 0; i < 2 && r == EMULATE_DONE; i++) {
        const struct emu_ref ref = emu_stack_slot(e, i * size, INSN_READ);
        r = emu_resolve(e, &ref, &slot[i]);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        t.offset = emu_load(e, &slot[0]);
        t.selector = (uint16_t)emu_load(e, &slot[1]);
        r = far_check(e, &t);
    }
    if (r == EMULATE_DONE) {
        emu_stack_move(e, 2u * size + released);
        far_go(e, &t);
    }
    return r;
}
