/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of vector moves of up to 32 bytes.
 * Spec: [SDM] vol. 2A, 2.4 (exceptions by type), 2.3.10.1 (VEX clears the rest), vol. 3A, 13.1. */
#include "base/le.h"
#include "base/string.h"
#include "cpu/emulate_int.h"

#define HALF_BYTES 8u
#define XMM_BYTES  16u

/* May the guest use these registers now, and can the host give them? */
static enum emulate_result vector_allowed(struct emu *e)
{
    const struct vcpu_regs *regs = e->regs;
    const uint64_t states = XCR0_SSE | XCR0_AVX;
    bool mmx = e->insn.reg_kind == INSN_MMX;
    bool on = (regs->cr0 & CR0_EM) == 0 && (mmx || (regs->cr4 & CR4_OSFXSR) != 0);
    if (e->insn.vex) {
        on = (regs->cr4 & CR4_OSXSAVE) != 0 && (regs->xcr0 & states) == states;
    }
    if (!on) {
        return emu_fault(e, VECTOR_UD, 0);
    }
    if ((regs->cr0 & CR0_TS) != 0) {
        return emu_fault(e, VECTOR_NM, 0);
    }
    uint32_t lacks = e->v->source->lacks & (mmx ? REGS_MMX : REGS_VEC);
    return lacks != 0 ? EMULATE_NO_VECTOR : EMULATE_DONE;
}

/* MOVD, MOVQ, MOVNTQ: the upper half of a register is cleared. A pending x87 exception came before the exit. */
static void mmx_move(struct emu *e, const struct emu_span *mem)
{
    uint32_t reg = e->insn.reg % MMX_COUNT;
    if ((e->insn.access & INSN_WRITE) != 0) {
        emu_store(e, mem, regs_view(e->v->cache, e->v->source, e->v->vcpu, REGS_MMX)->mmx[reg]);
    } else {
        uint64_t val = emu_load(e, mem);
        regs_edit(e->v->cache, e->v->source, e->v->vcpu, REGS_MMX)->mmx[reg] = val;
    }
}

static void vector_get(struct emu *e, uint32_t reg, uint8_t bytes[EMU_VECTOR_BYTES])
{
    const struct vcpu_regs *regs = regs_view(e->v->cache, e->v->source, e->v->vcpu, REGS_VEC);
    for (uint32_t i = 0; i < VEC_WORDS; i++) {
        le_store(bytes + 8u * i, 8, regs->vec[reg % VEC_COUNT][i]);
    }
}

static void vector_set(struct emu *e, uint32_t reg, const uint8_t bytes[EMU_VECTOR_BYTES])
{
    struct vcpu_regs *regs = regs_edit(e->v->cache, e->v->source, e->v->vcpu, REGS_VEC);
    for (uint32_t i = 0; i < VEC_WORDS; i++) {
        regs->vec[reg % VEC_COUNT][i] = le_load(bytes + 8u * i, 8);
    }
}

/* The register after a load: the low reg_size bytes are new; VEX clears the others. */
static void vector_finish(struct emu *e, const uint8_t loaded[EMU_VECTOR_BYTES])
{
    uint8_t bytes[EMU_VECTOR_BYTES] = {0};
    uint32_t size = e->insn.reg_size < EMU_VECTOR_BYTES ? e->insn.reg_size : EMU_VECTOR_BYTES;
    if (!e->insn.vex) {
        vector_get(e, e->insn.reg, bytes);
    }
    memcpy(bytes, loaded, size);
    vector_set(e, e->insn.reg, bytes);
}

static void vmov_load(struct emu *e, const struct emu_span *mem)
{
    const struct insn *insn = &e->insn;
    uint8_t bytes[EMU_VECTOR_BYTES] = {0};
    if (insn->op == INSN_VMOV) {
        emu_load_bytes(e, mem, bytes);
    } else {
        vector_get(e, insn->vex ? insn->reg2 : insn->reg, bytes);
        emu_load_bytes(e, mem, bytes + (insn->op == INSN_VMOV_HIGH ? HALF_BYTES : 0));
    }
    vector_finish(e, bytes);
}

enum emulate_result emu_op_vmov(struct emu *e)
{
    const struct insn *insn = &e->insn;
    struct emu_span mem;
    enum emulate_result r = vector_allowed(e);
    if (r == EMULATE_DONE) {
        r = emu_explicit(e, &mem);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    if (insn->reg_kind == INSN_MMX) {
        mmx_move(e, &mem);
    } else if ((insn->access & INSN_WRITE) == 0) {
        vmov_load(e, &mem);
    } else {
        uint8_t bytes[EMU_VECTOR_BYTES];
        vector_get(e, insn->reg, bytes);
        emu_store_bytes(e, &mem, bytes + (insn->op == INSN_VMOV_HIGH ? HALF_BYTES : 0));
    }
    return EMULATE_DONE;
}

enum emulate_result emu_op_vbroadcast(struct emu *e)
{
    uint32_t size = e->insn.mem_size;
    uint8_t bytes[EMU_VECTOR_BYTES] = {0};
    struct emu_span mem;
    enum emulate_result r = vector_allowed(e);
    if (r == EMULATE_DONE) {
        r = emu_explicit(e, &mem);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    emu_load_bytes(e, &mem, bytes);
    for (uint32_t at = size; at + size <= EMU_VECTOR_BYTES; at += size) { /* bound: 31 */
        memcpy(bytes + at, bytes, size);
    }
    vector_finish(e, bytes);
    return EMULATE_DONE;
}
