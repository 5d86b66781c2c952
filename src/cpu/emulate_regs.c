/* SPDX-License-Identifier: BSD-2-Clause
 * The registers as the emulator's operations see them. */
#include "base/bits.h"
#include "cpu/emulate_int.h"

struct vcpu_regs *emu_edit(struct emu *e)
{
    return regs_edit(e->v->cache, e->v->source, e->v->vcpu, REGS_GPR);
}

struct vcpu_regs *emu_edit_system(struct emu *e)
{
    return regs_edit(e->v->cache, e->v->source, e->v->vcpu, REGS_GPR | REGS_SYS);
}

uint64_t emu_gpr(const struct emu *e, uint32_t reg, uint32_t size)
{
    return e->regs->gpr[reg] & ones_bytes(size);
}

/* [SDM] vol. 1, 3.4.1.1 */
void emu_set_gpr(struct emu *e, uint32_t reg, uint32_t size, uint64_t val)
{
    uint64_t *gpr = &emu_edit(e)->gpr[reg];
    uint64_t ones = ones_bytes(size);
    *gpr = (size >= 4 ? 0 : *gpr & ~ones) | (val & ones);
}

uint64_t emu_reg(const struct emu *e)
{
    const struct insn *insn = &e->insn;
    if (insn->reg_kind == INSN_SEGMENT) {
        return e->regs->seg[insn->reg].selector;
    }
    uint64_t val = e->regs->gpr[insn->reg];
    return (insn->high_byte ? val >> 8 : val) & ones_bytes(insn->reg_size);
}

void emu_set_reg(struct emu *e, uint64_t val)
{
    const struct insn *insn = &e->insn;
    if (insn->high_byte) {
        uint64_t *gpr = &emu_edit(e)->gpr[insn->reg];
        *gpr = (*gpr & ~0xFF00ull) | (val & 0xFFu) << 8;
    } else {
        emu_set_gpr(e, insn->reg, insn->reg_size, val);
    }
}

bool emu_is_real(const struct emu *e)
{
    return (e->regs->cr0 & CR0_PE) == 0 || (e->regs->rflags & RFLAGS_VM) != 0;
}
