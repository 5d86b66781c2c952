/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of what has to do with system registers, as far as no descriptor is read.
 * Spec: [SDM] vol. 2; vol. 3A, 2.4 (table registers), 2.5 (CR0, CR4.UMIP). */
#include "base/bits.h"
#include "cpu/cr.h"
#include "cpu/emulate_int.h"

#define BASE_SHORT 0xFFFFFFu /* of what LGDT and LIDT load with an operand size of two bytes */

/* Raises the requested privilege level of a selector in memory to that of the register's. It is written,
 * and need be writable, only then. */
enum emulate_result emu_op_arpl(struct emu *e)
{
    struct emu_ref ref = emu_explicit_ref(e);
    struct emu_span mem;
    if (emu_is_real(e)) {
        return emu_fault(e, VECTOR_UD, 0);
    }
    ref.access = INSN_READ;
    enum emulate_result r = emu_resolve(e, &ref, &mem);
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    uint64_t val = emu_load(e, &mem);
    uint64_t level = emu_reg(e) & SELECTOR_RPL;
    bool raised = (val & SELECTOR_RPL) < level;
    if (raised) {
        ref.access = INSN_WRITE;
        r = emu_resolve(e, &ref, &mem);
        if (r == EMULATE_DONE) {
            r = emu_settle(e);
        }
        if (r != EMULATE_DONE) {
            return r;
        }
        emu_store(e, &mem, (val & ~(uint64_t)SELECTOR_RPL) | level);
    }
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

/* Two bytes of limit, then the base. */
static enum emulate_result table_operand(struct emu *e, struct emu_span *limit,
                                         struct emu_span *base)
{
    struct emu_ref ref = emu_explicit_ref(e);
    ref.size = 2;
    enum emulate_result r = emu_resolve(e, &ref, limit);
    if (r == EMULATE_DONE) {
        ref.offset = (ref.offset + 2u) & ones_bytes(e->insn.addr_size);
        ref.size = e->insn.mem_size - 2u;
        r = emu_resolve(e, &ref, base);
    }
    return r == EMULATE_DONE ? emu_settle(e) : r;
}

/* SGDT and SIDT: the base is stored whole whatever the operand size. */
enum emulate_result emu_op_store_table(struct emu *e)
{
    const struct table_reg *t = e->insn.op == INSN_SGDT ? &e->regs->gdtr : &e->regs->idtr;
    struct emu_span limit;
    struct emu_span base;
    enum emulate_result r = system_told(e);
    if (r == EMULATE_DONE) {
        r = table_operand(e, &limit, &base);
    }
    if (r == EMULATE_DONE) {
        emu_store(e, &limit, t->limit);
        emu_store(e, &base, t->base);
    }
    return r;
}

/* LGDT and LIDT. */
enum emulate_result emu_op_load_table(struct emu *e)
{
    bool gdt = e->insn.op == INSN_LGDT;
    struct emu_span limit;
    struct emu_span base;
    if (e->cpl != 0) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    enum emulate_result r = table_operand(e, &limit, &base);
    if (r != EMULATE_DONE) {
        return r;
    }
    struct table_reg now = {.limit = (uint32_t)emu_load(e, &limit)};
    now.base = emu_load(e, &base) & (e->insn.op_size == 2 ? BASE_SHORT : UINT64_MAX);
    if (e->mode == DECODE_64 && !walk_canonical(now.base)) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    struct vcpu_regs *regs = emu_edit_system(e);
    *(gdt ? &regs->gdtr : &regs->idtr) = now;
    return EMULATE_DONE;
}

/* No combination of what it can set is illegal where the others are as they are. */
enum emulate_result emu_op_lmsw(struct emu *e)
{
    struct emu_span mem;
    if (e->cpl != 0) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    enum emulate_result r = emu_explicit(e, &mem);
    if (r == EMULATE_DONE) {
        uint16_t source = (uint16_t)emu_load(e, &mem);
        struct vcpu_regs *regs = emu_edit_system(e);
        regs->cr0 = cr0_after_lmsw(regs->cr0, source);
    }
    return r;
}
