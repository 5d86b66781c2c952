/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of string instructions, element by element.
 *
 * After each element rSI, rDI and rCX are right, as on the processor: so a repeated one can be left at
 * any element, for an interrupt or because the next element faults, and be entered again.
 * Spec: [SDM] vol. 2, REP; vol. 1, 7.3.9. */
#include "base/bits.h"
#include "cpu/emulate_alu.h"
#include "cpu/emulate_int.h"

/* Where an element comes from and goes to. */
#define STRING_FROM_RSI 1u /* seg:[rSI] is read       */
#define STRING_AT_RDI   2u /* ES:[rDI] is read ...    */
#define STRING_TO_RDI   4u /* ... or written          */

static uint32_t string_kind(uint32_t op)
{
    switch (op) {
    case INSN_MOVS:
        return STRING_FROM_RSI | STRING_TO_RDI;
    case INSN_CMPS:
        return STRING_FROM_RSI | STRING_AT_RDI;
    case INSN_STOS:
    case INSN_INS:
        return STRING_TO_RDI;
    case INSN_SCAS:
        return STRING_AT_RDI;
    default: /* LODS, OUTS */
        return STRING_FROM_RSI;
    }
}

/* Resolves both ends of one element. */
static enum emulate_result string_resolve(struct emu *e, struct emu_span *from, struct emu_span *to)
{
    const struct insn *insn = &e->insn;
    uint32_t kind = string_kind(insn->op);
    struct emu_ref ref = {.size = insn->mem_size, .seg = insn->seg, .access = INSN_READ};
    enum emulate_result r = EMULATE_DONE;
    if ((kind & STRING_FROM_RSI) != 0) {
        ref.offset = emu_gpr(e, GPR_RSI, insn->addr_size);
        r = emu_resolve(e, &ref, from);
    }
    if (r == EMULATE_DONE && (kind & (STRING_AT_RDI | STRING_TO_RDI)) != 0) {
        ref.offset = emu_gpr(e, GPR_RDI, insn->addr_size);
        ref.seg = SEG_ES;
        ref.access = (kind & STRING_TO_RDI) != 0 ? INSN_WRITE : INSN_READ;
        r = emu_resolve(e, &ref, to);
    }
    return r == EMULATE_DONE ? emu_settle(e) : r;
}

static void string_compare(struct emu *e, uint64_t a, uint64_t b)
{
    uint64_t flags = e->regs->rflags;
    (void)emulate_alu(INSN_CMP, a, b, e->insn.mem_size, &flags);
    emu_edit(e)->rflags = flags;
}

/* What is done with an element, once nothing can fail any more. */
static void string_do(struct emu *e, const struct emu_span *from, const struct emu_span *to)
{
    const struct emulate_bus *ports = e->v->ports;
    uint32_t size = e->insn.mem_size;
    gpa_t port = emu_gpr(e, GPR_RDX, 2);
    switch (e->insn.op) {
    case INSN_MOVS:
        emu_store(e, to, emu_load(e, from));
        break;
    case INSN_CMPS: {
        uint64_t a = emu_load(e, from);
        string_compare(e, a, emu_load(e, to));
        break;
    }
    case INSN_STOS:
        emu_store(e, to, e->regs->gpr[GPR_RAX]);
        break;
    case INSN_LODS:
        emu_set_gpr(e, GPR_RAX, size, emu_load(e, from));
        break;
    case INSN_SCAS:
        string_compare(e, emu_gpr(e, GPR_RAX, size), emu_load(e, to));
        break;
    case INSN_INS:
        emu_store(e, to, ports->read(ports->owner, port, size));
        break;
    default: /* OUTS */
        ports->write(ports->owner, port, size, emu_load(e, from));
        break;
    }
}

static void string_advance(struct emu *e, uint32_t reg, uint64_t by)
{
    emu_set_gpr(e, reg, e->insn.addr_size, e->regs->gpr[reg] + by);
}

static enum emulate_result string_element(struct emu *e)
{
    uint32_t kind = string_kind(e->insn.op);
    struct emu_span from;
    struct emu_span to;
    enum emulate_result r = string_resolve(e, &from, &to);
    if (r != EMULATE_DONE) {
        return r;
    }
    uint64_t step = e->insn.mem_size;
    step = (e->regs->rflags & RFLAGS_DF) != 0 ? 0u - step : step;
    string_do(e, &from, &to);
    if ((kind & STRING_FROM_RSI) != 0) {
        string_advance(e, GPR_RSI, step);
    }
    if ((kind & (STRING_AT_RDI | STRING_TO_RDI)) != 0) {
        string_advance(e, GPR_RDI, step);
    }
    return EMULATE_DONE;
}

/* True if the repeat prefix asks for another element. */
static bool string_goes_on(const struct emu *e)
{
    const struct insn *insn = &e->insn;
    if (insn->rep == INSN_NO_REP || emu_gpr(e, GPR_RCX, insn->addr_size) == 0) {
        return false;
    }
    bool compares = insn->op == INSN_CMPS || insn->op == INSN_SCAS;
    bool equal = (e->regs->rflags & RFLAGS_ZF) != 0;
    return !compares || equal == (insn->rep == INSN_REP);
}

/* An element that cannot be done after others were is left to the processor: it comes to it next. */
static void string_leave(struct emu *e)
{
    e->report->vector = 0;
    e->report->has_code = false;
    e->report->error_code = 0;
    e->report->cr2 = 0;
    e->dues = 0;
    e->repeat = true;
}

enum emulate_result emu_op_string(struct emu *e)
{
    const struct insn *insn = &e->insn;
    bool io = insn->op == INSN_INS || insn->op == INSN_OUTS;
    bool single_step = (e->regs->rflags & RFLAGS_TF) != 0;
    uint32_t most = single_step ? 1 : EMULATE_REPEAT_MAX;
    if (io && e->v->ports == NULL) {
        return EMULATE_UNSUPPORTED;
    }
    if (insn->rep != INSN_NO_REP && emu_gpr(e, GPR_RCX, insn->addr_size) == 0) {
        return EMULATE_DONE;
    }
    for (uint32_t n = 0; n < most; n++) { /* bound: EMULATE_REPEAT_MAX */
        enum emulate_result r = string_element(e);
        if (r != EMULATE_DONE && n == 0) {
            return r;
        }
        if (r != EMULATE_DONE) {
            string_leave(e);
            return EMULATE_DONE;
        }
        if (insn->rep != INSN_NO_REP) {
            string_advance(e, GPR_RCX, UINT64_MAX);
        }
        if (!string_goes_on(e)) {
            return EMULATE_DONE;
        }
    }
    e->repeat = true;
    return EMULATE_DONE;
}
