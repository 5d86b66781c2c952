/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of instructions that read, decide and write back: exchanges and bit tests. One bus read and
 * one bus write each, with nothing of our own between: a lock, to our devices. */
#include "base/bits.h"
#include "base/le.h"
#include "cpu/emulate_alu.h"
#include "cpu/emulate_int.h"

/* BT with a bit number in a register: it leads as far from the operand as its sign and size allow. */
static struct emu_ref bit_ref(const struct emu *e, uint64_t number)
{
    struct emu_ref ref = emu_explicit_ref(e);
    uint32_t size = e->insn.mem_size;
    uint32_t shift = size == 8 ? 6 : size == 4 ? 5 : 4;
    uint64_t sign = number >> (8u * size - 1u) != 0 ? ~(ones_bytes(size) >> shift) : 0;
    uint64_t words = number >> shift | sign;
    ref.offset = (ref.offset + words * size) & ones_bytes(e->insn.addr_size);
    return ref;
}

enum emulate_result emu_op_bit(struct emu *e)
{
    const struct insn *insn = &e->insn;
    struct emu_span mem;
    bool by_reg = insn->form == INSN_MEM_REG;
    uint64_t number = by_reg ? emu_reg(e) : insn->imm;
    struct emu_ref ref = by_reg ? bit_ref(e, number) : emu_explicit_ref(e);
    enum emulate_result r = emu_resolve(e, &ref, &mem);
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    uint64_t mask = BIT64(number & (8u * insn->mem_size - 1u));
    uint64_t val = emu_load(e, &mem);
    uint64_t carry = (val & mask) != 0 ? RFLAGS_CF : 0;
    if (insn->op == INSN_BTS) {
        emu_store(e, &mem, val | mask);
    } else if (insn->op == INSN_BTR) {
        emu_store(e, &mem, val & ~mask);
    } else if (insn->op == INSN_BTC) {
        emu_store(e, &mem, val ^ mask);
    }
    struct vcpu_regs *regs = emu_edit(e); /* the other flags are undefined, and stay */
    regs->rflags = (regs->rflags & ~(uint64_t)RFLAGS_CF) | carry;
    return EMULATE_DONE;
}

enum emulate_result emu_op_xchg(struct emu *e, const struct emu_span *mem)
{
    uint64_t val = emu_load(e, mem);
    emu_store(e, mem, emu_reg(e));
    emu_set_reg(e, val);
    return EMULATE_DONE;
}

enum emulate_result emu_op_xadd(struct emu *e, const struct emu_span *mem)
{
    uint64_t flags = e->regs->rflags;
    uint64_t val = emu_load(e, mem);
    emu_store(e, mem, emulate_alu(INSN_ADD, val, emu_reg(e), e->insn.mem_size, &flags));
    emu_set_reg(e, val);
    emu_edit(e)->rflags = flags;
    return EMULATE_DONE;
}

/* The processor writes in any case: the new value, or what it read. */
enum emulate_result emu_op_cmpxchg(struct emu *e, const struct emu_span *mem)
{
    uint32_t size = e->insn.mem_size;
    uint64_t flags = e->regs->rflags;
    uint64_t val = emu_load(e, mem);
    (void)emulate_alu(INSN_CMP, emu_gpr(e, GPR_RAX, size), val, size, &flags);
    if ((flags & RFLAGS_ZF) != 0) {
        emu_store(e, mem, emu_reg(e));
    } else {
        emu_store(e, mem, val);
        emu_set_gpr(e, GPR_RAX, size, val);
    }
    emu_edit(e)->rflags = flags;
    return EMULATE_DONE;
}

/* CMPXCHG8B and CMPXCHG16B: two halves, EDX:EAX or RDX:RAX against memory. Of the flags only ZF. */
enum emulate_result emu_op_cmpxchg_pair(struct emu *e, const struct emu_span *mem)
{
    uint32_t half = e->insn.mem_size / 2u;
    uint8_t buf[EMU_VECTOR_BYTES];
    emu_load_bytes(e, mem, buf);
    uint64_t low = le_load(buf, half);
    uint64_t high = le_load(buf + half, half);
    bool same = low == emu_gpr(e, GPR_RAX, half) && high == emu_gpr(e, GPR_RDX, half);
    if (same) {
        le_store(buf, half, e->regs->gpr[GPR_RBX]);
        le_store(buf + half, half, e->regs->gpr[GPR_RCX]);
    }
    emu_store_bytes(e, mem, buf);
    if (!same) {
        emu_set_gpr(e, GPR_RAX, half, low);
        emu_set_gpr(e, GPR_RDX, half, high);
    }
    struct vcpu_regs *regs = emu_edit(e);
    regs->rflags = (regs->rflags & ~(uint64_t)RFLAGS_ZF) | (same ? RFLAGS_ZF : 0u);
    return EMULATE_DONE;
}
