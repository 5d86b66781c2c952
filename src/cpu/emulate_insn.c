/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of integer instructions with one memory operand. */
#include "base/bits.h"
#include "cpu/emulate_alu.h"
#include "cpu/emulate_int.h"

enum emulate_result emu_op_alu(struct emu *e, const struct emu_span *mem)
{
    const struct insn *insn = &e->insn;
    enum insn_op op = (enum insn_op)insn->op;
    uint64_t flags = e->regs->rflags;
    uint64_t from = emu_load(e, mem);
    if (insn->form == INSN_REG_MEM) {
        uint64_t result = emulate_alu(op, emu_reg(e), from, insn->reg_size, &flags);
        if (op != INSN_CMP) {
            emu_set_reg(e, result);
        }
    } else {
        uint64_t other = insn->imm;
        if (insn->form == INSN_MEM_REG) {
            other = emu_reg(e);
        }
        uint64_t result = emulate_alu(op, from, other, insn->mem_size, &flags);
        if ((insn->access & INSN_WRITE) != 0) {
            emu_store(e, mem, result);
        }
    }
    emu_edit(e)->rflags = flags;
    return EMULATE_DONE;
}

static enum emulate_result mov_to_segment(struct emu *e, uint16_t selector)
{
    struct seg_reg now;
    enum emulate_result r = emu_check_segment(e, e->insn.reg, selector, &now);
    if (r == EMULATE_DONE) {
        emu_set_segment(e, e->insn.reg, &now);
    }
    return r;
}

enum emulate_result emu_op_mov(struct emu *e, const struct emu_span *mem)
{
    const struct insn *insn = &e->insn;
    if (insn->form == INSN_MEM_IMM) {
        emu_store(e, mem, insn->imm);
    } else if (insn->form == INSN_MEM_REG) {
        emu_store(e, mem, emu_reg(e));
    } else if (insn->reg_kind == INSN_SEGMENT) {
        return mov_to_segment(e, (uint16_t)emu_load(e, mem));
    } else {
        emu_set_reg(e, emu_load(e, mem));
    }
    return EMULATE_DONE;
}

enum emulate_result emu_op_extend(struct emu *e, const struct emu_span *mem)
{
    uint64_t val = emu_load(e, mem);
    uint32_t shift = 64u - 8u * e->insn.mem_size;
    if (e->insn.op == INSN_MOVSX && (val << shift) >> 63 != 0) {
        val |= ~(UINT64_MAX >> shift);
    }
    emu_set_reg(e, val);
    return EMULATE_DONE;
}

enum emulate_result emu_op_movbe(struct emu *e, const struct emu_span *mem)
{
    if (e->insn.form == INSN_REG_MEM) {
        emu_set_reg(e, alu_swap_bytes(emu_load(e, mem), e->insn.mem_size));
    } else {
        emu_store(e, mem, alu_swap_bytes(emu_reg(e), e->insn.mem_size));
    }
    return EMULATE_DONE;
}

enum emulate_result emu_op_shift(struct emu *e, const struct emu_span *mem)
{
    const struct insn *insn = &e->insn;
    uint64_t flags = e->regs->rflags;
    uint64_t count = insn->form == INSN_MEM_CL ? e->regs->gpr[GPR_RCX] : insn->imm;
    uint64_t val = emu_load(e, mem);
    emu_store(
        e, mem,
        alu_shift((enum insn_op)insn->op, val, (uint32_t)count & 0xFFu, insn->mem_size, &flags));
    emu_edit(e)->rflags = flags;
    return EMULATE_DONE;
}

enum emulate_result emu_op_shift_double(struct emu *e, const struct emu_span *mem)
{
    const struct insn *insn = &e->insn;
    uint64_t flags = e->regs->rflags;
    uint64_t count = insn->form == INSN_MEM_REG_CL ? e->regs->gpr[GPR_RCX] : insn->imm;
    struct alu_pair ab = {.low = emu_load(e, mem), .high = emu_reg(e)};
    emu_store(e, mem,
              alu_shift_double((enum insn_op)insn->op, ab, (uint32_t)count & 0xFFu, insn->mem_size,
                               &flags));
    emu_edit(e)->rflags = flags;
    return EMULATE_DONE;
}

/* The product of byte operands goes to AX, others to rDX:rAX. */
static void multiply_store(struct emu *e, struct alu_pair product)
{
    uint32_t size = e->insn.mem_size;
    if (size == 1) {
        emu_set_gpr(e, GPR_RAX, 2, product.high << 8 | product.low);
    } else {
        emu_set_gpr(e, GPR_RAX, size, product.low);
        emu_set_gpr(e, GPR_RDX, size, product.high);
    }
}

enum emulate_result emu_op_multiply(struct emu *e, const struct emu_span *mem)
{
    const struct insn *insn = &e->insn;
    uint64_t flags = e->regs->rflags;
    uint64_t val = emu_load(e, mem);
    bool is_signed = insn->op == INSN_IMUL;
    if (insn->form == INSN_MEM) {
        uint64_t rax = emu_gpr(e, GPR_RAX, insn->mem_size);
        multiply_store(e, alu_multiply(is_signed, rax, val, insn->mem_size, &flags));
    } else {
        uint64_t other = insn->form == INSN_REG_MEM ? emu_reg(e) : insn->imm;
        emu_set_reg(e, alu_multiply(is_signed, other, val, insn->mem_size, &flags).low);
    }
    emu_edit(e)->rflags = flags;
    return EMULATE_DONE;
}

enum emulate_result emu_op_mulx(struct emu *e, const struct emu_span *mem)
{
    uint32_t size = e->insn.mem_size;
    uint64_t flags = 0;
    struct alu_pair p = alu_multiply(false, e->regs->gpr[GPR_RDX], emu_load(e, mem), size, &flags);
    emu_set_gpr(e, e->insn.reg2, size, p.low);
    emu_set_gpr(e, e->insn.reg, size, p.high); /* this one stays if both are one */
    return EMULATE_DONE;
}

enum emulate_result emu_op_divide(struct emu *e, const struct emu_span *mem)
{
    uint32_t size = e->insn.mem_size;
    struct alu_pair q;
    uint64_t rax = e->regs->gpr[GPR_RAX];
    struct alu_pair dividend = {.low = rax, .high = e->regs->gpr[GPR_RDX]};
    if (size == 1) {
        dividend.high = rax >> 8;
    }
    if (!alu_divide(e->insn.op == INSN_IDIV, dividend, emu_load(e, mem), size, &q)) {
        return emu_fault(e, VECTOR_DE, 0);
    }
    if (size == 1) {
        emu_set_gpr(e, GPR_RAX, 2, q.high << 8 | q.low);
    } else {
        emu_set_gpr(e, GPR_RAX, size, q.low);
        emu_set_gpr(e, GPR_RDX, size, q.high);
    }
    return EMULATE_DONE;
}

enum emulate_result emu_op_scan(struct emu *e, const struct emu_span *mem)
{
    const struct insn *insn = &e->insn;
    uint64_t flags = e->regs->rflags;
    uint64_t from = emu_load(e, mem);
    uint64_t result = alu_scan((enum insn_op)insn->op, from, 0, insn->mem_size, &flags);
    bool kept = from == 0 && (insn->op == INSN_BSF || insn->op == INSN_BSR);
    if (!kept) { /* BSF and BSR of 0 leave all of the register */
        emu_set_reg(e, result);
    }
    emu_edit(e)->rflags = flags;
    return EMULATE_DONE;
}

enum emulate_result emu_op_bmi(struct emu *e, const struct emu_span *mem)
{
    const struct insn *insn = &e->insn;
    uint64_t flags = e->regs->rflags;
    uint64_t other = insn->imm;
    if (insn->form == INSN_REG_MEM && insn->reg2 < GPR_COUNT) {
        other = e->regs->gpr[insn->reg2];
    }
    emu_set_reg(e,
                alu_bmi((enum insn_op)insn->op, other, emu_load(e, mem), insn->mem_size, &flags));
    emu_edit(e)->rflags = flags;
    return EMULATE_DONE;
}

enum emulate_result emu_op_crc32(struct emu *e, const struct emu_span *mem)
{
    uint32_t crc = alu_crc32c((uint32_t)emu_reg(e), emu_load(e, mem), e->insn.mem_size);
    emu_set_gpr(e, e->insn.reg, 8, crc);
    return EMULATE_DONE;
}

enum emulate_result emu_op_setcc(struct emu *e, const struct emu_span *mem)
{
    emu_store(e, mem, alu_condition(e->insn.cond, e->regs->rflags) ? 1 : 0);
    return EMULATE_DONE;
}

/* Memory is read, and 32-bit registers are cut, whatever the condition. */
enum emulate_result emu_op_cmov(struct emu *e, const struct emu_span *mem)
{
    uint64_t val = emu_load(e, mem);
    emu_set_reg(e, alu_condition(e->insn.cond, e->regs->rflags) ? val : emu_reg(e));
    return EMULATE_DONE;
}

enum emulate_result emu_op_xlat(struct emu *e)
{
    struct emu_span mem;
    struct emu_ref ref = emu_explicit_ref(e);
    ref.offset = (ref.offset + emu_gpr(e, GPR_RAX, 1)) & ones_bytes(e->insn.addr_size);
    enum emulate_result r = emu_resolve(e, &ref, &mem);
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        emu_set_gpr(e, GPR_RAX, 1, emu_load(e, &mem));
    }
    return r;
}

/* CLFLUSH and its like: checked like a read, but for the segment's right to be read; no device sees it. */
enum emulate_result emu_op_touch(struct emu *e)
{
    struct emu_span mem;
    struct emu_ref ref = emu_explicit_ref(e);
    ref.size = 1;
    enum emulate_result r = emu_resolve(e, &ref, &mem);
    return r == EMULATE_DONE ? emu_settle(e) : r;
}

static int64_t bound_signed(uint64_t val, uint32_t size)
{
    uint64_t half = BIT64(8u * size - 1u);
    return (int64_t)(val & ones_bytes(size) & (half - 1u)) - (int64_t)(val & half);
}

/* Two bounds of 2 or 4 bytes each. */
enum emulate_result emu_op_bound(struct emu *e, const struct emu_span *mem)
{
    uint32_t size = e->insn.op_size;
    uint64_t bounds = emu_load(e, mem);
    int64_t index = bound_signed(emu_reg(e), size);
    if (index < bound_signed(bounds, size) || index > bound_signed(bounds >> (8u * size), size)) {
        return emu_fault(e, VECTOR_BR, 0);
    }
    return EMULATE_DONE;
}
