/* SPDX-License-Identifier: BSD-2-Clause
 * What far transfers, gates and returns have in common: stacks, slots on them, and the code that they lead to.
 * Spec: [SDM] vol. 1, 6.2.3 (stack width), vol. 3A, 5.8 (transfers between code segments). */
#include "base/bits.h"
#include "cpu/emulate_int.h"

enum emulate_result emu_selector_fault(struct emu *e, uint8_t vector, uint16_t selector)
{
    return emu_fault(e, vector, SELECTOR_ERROR(selector));
}

/* --- Stacks ----------------------------------------------------------------------------------------- */

void emu_stack_now(const struct emu *e, struct emu_stack *s)
{
    *s = (struct emu_stack){
        .seg = e->regs->seg[SEG_SS],
        .pointer = e->regs->gpr[GPR_RSP],
        .mode = e->mode,
        .cpl = e->cpl,
    };
}

/* Bytes of its pointer that count: [SDM] vol. 1, 6.2.3 */
uint32_t emu_stack_width(const struct emu_stack *s)
{
    if (s->mode == DECODE_64) {
        return 8;
    }
    return (s->seg.ar & SEG_AR_DB) != 0 ? 4 : 2;
}

struct emu_ref emu_stack_ref(const struct emu_stack *s, uint64_t by, uint32_t size, uint8_t access)
{
    return (struct emu_ref){
        .offset = (s->pointer + by) & ones_bytes(emu_stack_width(s)),
        .size = size,
        .seg = SEG_SS,
        .access = access,
        .stack = s,
    };
}

enum emulate_result emu_load_early(struct emu *e, const struct emu_span *span, uint64_t *val)
{
    const struct gmem *gmem = e->v->gmem;
    enum emulate_result r = EMULATE_DONE;
    if (e->here) {
        r = emu_settle(e);
    } else if (!gmem_contains(gmem, span->gpa[0], span->size[0]) ||
               (span->size[1] != 0 && !gmem_contains(gmem, span->gpa[1], span->size[1]))) {
        r = EMULATE_ELSEWHERE; /* the exit was about something before it */
    }
    if (r == EMULATE_DONE) {
        *val = emu_load(e, span);
    }
    return r;
}

enum emulate_result emu_load_slots(struct emu *e, uint64_t by, uint32_t count, uint64_t *val)
{
    struct emu_span slot[EMU_SLOTS_MAX];
    struct emu_stack now;
    const uint32_t size = e->insn.other_size;
    enum emulate_result r = EMULATE_DONE;
    emu_stack_now(e, &now);
    for (uint32_t i = 0; i < count && r == EMULATE_DONE; i++) { /* bound: EMU_SLOTS_MAX */
        const struct emu_ref ref = emu_stack_ref(&now, by + (uint64_t)i * size, size, INSN_READ);
        r = emu_resolve(e, &ref, &slot[i]);
    }
    for (uint32_t i = 0; i < count && r == EMULATE_DONE; i++) { /* bound: EMU_SLOTS_MAX */
        r = emu_load_early(e, &slot[i], &val[i]);
    }
    return r;
}

/* --- Targets ----------------------------------------------------------------------------------------- */

enum emulate_result emu_target_find(struct emu *e, struct emu_target *t)
{
    const bool is_long = (e->regs->efer & EFER_LMA) != 0;
    if (SELECTOR_IS_NULL(t->selector)) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    enum emulate_result r = emu_find_descriptor(e, t->selector, 8, &t->d);
    if (r != EMULATE_DONE) {
        return r;
    }
    if (!t->d.found) {
        return emu_selector_fault(e, VECTOR_GP, t->selector);
    }
    t->ar = (uint32_t)(t->d.low >> 40) & SEG_AR_DESCRIPTOR;
    t->limit = emu_descriptor_limit(&t->d);
    t->code = (t->ar & SEG_AR_S) != 0 && (t->ar & SEG_CODE) != 0;
    t->is_64 = t->code && is_long && (t->ar & SEG_AR_L) != 0;
    if (t->is_64 && (t->ar & SEG_AR_DB) != 0) {
        return emu_selector_fault(e, VECTOR_GP, t->selector);
    }
    return EMULATE_DONE;
}

void emu_target_real(const struct emu *e, struct emu_target *t)
{
    t->limit = e->regs->seg[SEG_CS].limit;
    t->code = true;
    t->level = e->cpl;
}

enum emulate_result emu_target_limit(struct emu *e, const struct emu_target *t)
{
    bool within = t->is_64 ? walk_canonical(t->offset) : t->offset <= t->limit;
    return within ? EMULATE_DONE : emu_fault(e, VECTOR_GP, 0);
}

enum emulate_result emu_target_mark(struct emu *e, const struct emu_target *t)
{
    struct seg_reg unused;
    return emu_is_real(e) ? EMULATE_DONE : emu_accept_segment(e, t->selector, &t->d, &unused);
}

void emu_target_go(struct emu *e, const struct emu_target *t)
{
    struct seg_reg cs = e->regs->seg[SEG_CS];
    if (emu_is_real(e)) {
        cs.selector = t->selector;
        cs.base = (uint64_t)t->selector << 4;
    } else {
        emu_describe_segment((uint16_t)((t->selector & ~SELECTOR_RPL) | t->level), &t->d, &cs);
    }
    emu_edit_system(e)->seg[SEG_CS] = cs;
    e->next_rip = t->offset;
}
