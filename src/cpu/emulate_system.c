/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of what has to do with segments and system registers, as far as no descriptor is read.
 * Spec: [SDM] vol. 2; vol. 3A, 21.1.1 (real-mode segments), 2.5 (CR4.UMIP). */
#include "cpu/emulate_int.h"

#define SELECTOR_RPL 3u

/* Limit and rights stay: that is what makes "unreal" mode. In virtual-8086 mode they are fixed. */
void emu_set_real_segment(struct emu *e, uint32_t seg, uint16_t selector)
{
    struct vcpu_regs *regs = regs_edit(e->v->cache, e->v->source, e->v->vcpu, REGS_GPR | REGS_SYS);
    regs->seg[seg].selector = selector;
    regs->seg[seg].base = (uint64_t)selector << 4;
}

/* LES, LDS, LFS, LGS; LSS is none of these, for the reason that MOV to SS is not. */
enum emulate_result emu_op_load_far(struct emu *e)
{
    const struct insn *insn = &e->insn;
    struct emu_ref ref = emu_explicit_ref(e);
    struct emu_span offset;
    struct emu_span selector;
    if (!emu_is_real(e) || insn->reg2 == SEG_SS) {
        return EMULATE_UNSUPPORTED;
    }
    ref.size = insn->reg_size;
    enum emulate_result r = emu_resolve(e, &ref, &offset);
    if (r == EMULATE_DONE) {
        ref.offset = (ref.offset + insn->reg_size) & (insn->addr_size == 2 ? 0xFFFFu : UINT32_MAX);
        ref.size = 2;
        r = emu_resolve(e, &ref, &selector);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        uint64_t val = emu_load(e, &offset);
        emu_set_real_segment(e, insn->reg2, (uint16_t)emu_load(e, &selector));
        emu_set_reg(e, val);
    }
    return r;
}

/* Raises the requested privilege level of a selector in memory to that of the register's. */
enum emulate_result emu_op_arpl(struct emu *e)
{
    struct emu_span mem;
    if (emu_is_real(e)) {
        return emu_fault(e, VECTOR_UD, 0);
    }
    enum emulate_result r = emu_explicit(e, &mem);
    if (r != EMULATE_DONE) {
        return r;
    }
    uint64_t val = emu_load(e, &mem);
    uint64_t level = emu_reg(e) & SELECTOR_RPL;
    bool raised = (val & SELECTOR_RPL) < level;
    emu_store(e, &mem, raised ? (val & ~(uint64_t)SELECTOR_RPL) | level : val);
    struct vcpu_regs *regs = emu_edit(e);
    regs->rflags = (regs->rflags & ~(uint64_t)RFLAGS_ZF) | (raised ? RFLAGS_ZF : 0u);
    return EMULATE_DONE;
}

/* SGDT, SIDT, SLDT, STR, SMSW tell a user about the system, unless CR4.UMIP. */
static enum emulate_result system_told(struct emu *e)
{
    bool secret = (e->regs->cr4 & CR4_UMIP) != 0 && e->cpl != 0;
    return secret ? emu_fault(e, VECTOR_GP, 0) : EMULATE_DONE;
}

static enum emulate_result system_store_word(struct emu *e, uint64_t val)
{
    struct emu_span mem;
    enum emulate_result r = system_told(e);
    if (r == EMULATE_DONE) {
        r = emu_explicit(e, &mem);
    }
    if (r == EMULATE_DONE) {
        emu_store(e, &mem, val);
    }
    return r;
}

/* SLDT and STR, which do not exist in real mode. */
enum emulate_result emu_op_store_selector(struct emu *e)
{
    uint32_t seg = e->insn.op == INSN_SLDT ? SEG_LDTR : SEG_TR;
    if (emu_is_real(e)) {
        return emu_fault(e, VECTOR_UD, 0);
    }
    return system_store_word(e, e->regs->seg[seg].selector);
}

enum emulate_result emu_op_smsw(struct emu *e)
{
    return system_store_word(e, e->regs->cr0);
}

/* SGDT and SIDT: two bytes of limit, then the base, whole whatever the operand size. */
enum emulate_result emu_op_store_table(struct emu *e)
{
    const struct table_reg *t = e->insn.op == INSN_SGDT ? &e->regs->gdtr : &e->regs->idtr;
    struct emu_ref ref = emu_explicit_ref(e);
    struct emu_span limit;
    struct emu_span base;
    enum emulate_result r = system_told(e);
    ref.size = 2;
    if (r == EMULATE_DONE) {
        r = emu_resolve(e, &ref, &limit);
    }
    if (r == EMULATE_DONE) {
        ref.offset += 2;
        ref.offset &= e->insn.addr_size == 8   ? UINT64_MAX
                      : e->insn.addr_size == 4 ? UINT32_MAX
                                               : 0xFFFFu;
        ref.size = e->insn.mem_size - 2u;
        r = emu_resolve(e, &ref, &base);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        emu_store(e, &limit, t->limit);
        emu_store(e, &base, t->base);
    }
    return r;
}
