/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of vector and MMX moves of up to 32 bytes: whole, halves, broadcast, duplicated, single elements,
 * and under a mask.
 * Spec: [SDM] vol. 2A, 2.4 (exceptions by type), 2.3.10.1 (VEX clears the rest), vol. 2 (each instruction), vol. 3A,
 * 12.1 (MMX), 13.1. */
#include "base/bits.h"
#include "base/le.h"
#include "base/string.h"
#include "cpu/emulate_int.h"

#define HALF_BYTES        8u
#define MASK_ELEMENTS_MAX 16u

static uint32_t vector_group(const struct emu *e)
{
    return e->insn.reg_kind == INSN_MMX ? REGS_MMX : REGS_VEC;
}

/* May the guest use these registers now, and can the host give them? A pending x87 exception came before the exit. */
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
    return (e->v->source->lacks & vector_group(e)) != 0 ? EMULATE_NO_VECTOR : EMULATE_DONE;
}

/* ... and is its operand where it may be? */
static enum emulate_result vector_operand(struct emu *e, struct emu_span *mem)
{
    enum emulate_result r = vector_allowed(e);
    return r == EMULATE_DONE ? emu_explicit(e, mem) : r;
}

static void vector_get(struct emu *e, uint32_t reg, uint8_t bytes[EMU_VECTOR_BYTES])
{
    const struct vcpu_regs *regs =
        regs_view(e->v->cache, e->v->source, e->v->vcpu, vector_group(e));
    bool mmx = e->insn.reg_kind == INSN_MMX;
    const uint64_t *words = mmx ? &regs->mmx[reg % MMX_COUNT] : regs->vec[reg % VEC_COUNT];
    for (uint32_t i = 0; i < (mmx ? 1u : VEC_WORDS); i++) {
        le_store(bytes + 8u * i, 8, words[i]);
    }
}

static void vector_set(struct emu *e, uint32_t reg, const uint8_t bytes[EMU_VECTOR_BYTES])
{
    struct vcpu_regs *regs = regs_edit(e->v->cache, e->v->source, e->v->vcpu, vector_group(e));
    bool mmx = e->insn.reg_kind == INSN_MMX;
    uint32_t n = mmx ? reg % MMX_COUNT : reg % VEC_COUNT;
    uint64_t *words = mmx ? &regs->mmx[n] : regs->vec[n];
    regs->vec_written |= BIT32(mmx ? VEC_MMX + n : n);
    for (uint32_t i = 0; i < (mmx ? 1u : VEC_WORDS); i++) {
        words[i] = le_load(bytes + 8u * i, 8);
    }
}

static uint32_t vector_bytes(const struct emu *e)
{
    return e->insn.reg_size < EMU_VECTOR_BYTES ? e->insn.reg_size : EMU_VECTOR_BYTES;
}

/* The register after a load: the low reg_size bytes are new; VEX clears the others. */
static void vector_finish(struct emu *e, const uint8_t loaded[EMU_VECTOR_BYTES])
{
    uint8_t bytes[EMU_VECTOR_BYTES] = {0};
    if (!e->insn.vex) {
        vector_get(e, e->insn.reg, bytes);
    }
    memcpy(bytes, loaded, vector_bytes(e));
    vector_set(e, e->insn.reg, bytes);
}

/* What a load that fills a part leaves as it was in the other parts. */
static void vector_other(struct emu *e, uint8_t bytes[EMU_VECTOR_BYTES])
{
    vector_get(e, e->insn.vex ? e->insn.reg2 : e->insn.reg, bytes);
}

/* --- Whole, and halves ---------------------------------------------------------------------------- */

enum emulate_result emu_op_vmov(struct emu *e)
{
    const struct insn *insn = &e->insn;
    uint32_t at = insn->op == INSN_VMOV_HIGH ? HALF_BYTES : 0;
    uint8_t bytes[EMU_VECTOR_BYTES] = {0};
    struct emu_span mem;
    enum emulate_result r = vector_operand(e, &mem);
    if (r != EMULATE_DONE) {
        return r;
    }
    if ((insn->access & INSN_WRITE) != 0) {
        vector_get(e, insn->reg, bytes);
        emu_store_bytes(e, &mem, bytes + at);
        return EMULATE_DONE;
    }
    if (insn->op != INSN_VMOV) {
        vector_other(e, bytes);
    }
    emu_load_bytes(e, &mem, bytes + at);
    vector_finish(e, bytes);
    return EMULATE_DONE;
}

/* --- The same more than once ------------------------------------------------------------------------- */

enum emulate_result emu_op_vbroadcast(struct emu *e)
{
    uint32_t size = e->insn.mem_size;
    uint8_t bytes[EMU_VECTOR_BYTES] = {0};
    struct emu_span mem;
    enum emulate_result r = vector_operand(e, &mem);
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

enum emulate_result emu_op_vdup(struct emu *e)
{
    uint32_t size = e->insn.op == INSN_VDUP_LOW_8 ? 8u : 4u;
    uint32_t from = e->insn.op == INSN_VDUP_HIGH_4 ? size : 0u;
    uint8_t bytes[EMU_VECTOR_BYTES] = {0};
    struct emu_span mem;
    enum emulate_result r = vector_operand(e, &mem);
    if (r != EMULATE_DONE) {
        return r;
    }
    emu_load_bytes(e, &mem, bytes);
    for (uint32_t at = 0; at < EMU_VECTOR_BYTES; at += 2u * size) { /* bound: 4 */
        uint8_t *other = bytes + at + (size - from);
        memcpy(other, bytes + at + from, size);
    }
    vector_finish(e, bytes);
    return EMULATE_DONE;
}

/* --- Single elements --------------------------------------------------------------------------------- */

/* Where in the register: the immediate counts modulo what there is. */
static uint32_t vector_place(const struct emu *e)
{
    uint32_t size = e->insn.mem_size;
    return ((uint32_t)e->insn.imm & (vector_bytes(e) / size - 1u)) * size;
}

enum emulate_result emu_op_vinsert(struct emu *e)
{
    uint8_t bytes[EMU_VECTOR_BYTES] = {0};
    struct emu_span mem;
    enum emulate_result r = vector_operand(e, &mem);
    if (r == EMULATE_DONE) {
        vector_other(e, bytes);
        emu_load_bytes(e, &mem, bytes + vector_place(e));
        vector_finish(e, bytes);
    }
    return r;
}

enum emulate_result emu_op_vextract(struct emu *e)
{
    uint8_t bytes[EMU_VECTOR_BYTES] = {0};
    struct emu_span mem;
    enum emulate_result r = vector_operand(e, &mem);
    if (r == EMULATE_DONE) {
        vector_get(e, e->insn.reg, bytes);
        emu_store_bytes(e, &mem, bytes + vector_place(e));
    }
    return r;
}

/* --- Under a mask ------------------------------------------------------------------------------------ */

/* Elements of `size` bytes, as bits: those whose top bit is set in the mask register. */
static uint32_t mask_bits(struct emu *e, uint32_t size)
{
    uint8_t mask[EMU_VECTOR_BYTES] = {0};
    uint32_t bits = 0;
    vector_get(e, e->insn.reg2, mask);
    for (uint32_t i = 0; i < e->insn.mem_size / size; i++) { /* bound: 16 */
        bits |= (uint32_t)mask[(i + 1u) * size - 1u] >> 7 << i;
    }
    return bits;
}

/* Those that are wanted, one after the other: the others raise no fault, and are not accessed. */
static enum emulate_result mask_resolve(struct emu *e, uint32_t bits, uint32_t size,
                                        struct emu_span mem[MASK_ELEMENTS_MAX])
{
    const struct emu_ref whole = emu_explicit_ref(e);
    enum emulate_result r = EMULATE_DONE;
    for (uint32_t i = 0; bits >> i != 0 && r == EMULATE_DONE; i++) { /* bound: 16 */
        struct emu_ref ref = whole;
        ref.offset = (whole.offset + i * size) & ones_bytes(e->insn.addr_size);
        ref.size = size;
        ref.loose = true;
        if ((bits >> i & 1u) != 0) {
            r = emu_resolve(e, &ref, &mem[i]);
        }
    }
    e->here = e->here || bits == 0; /* nothing is accessed, whatever made the processor exit */
    return r == EMULATE_DONE ? emu_settle(e) : r;
}

enum emulate_result emu_op_vmask(struct emu *e)
{
    const uint32_t size = e->insn.op == INSN_VMASK_1 ? 1u : e->insn.op == INSN_VMASK_4 ? 4u : 8u;
    const bool load = (e->insn.access & INSN_WRITE) == 0;
    uint8_t bytes[EMU_VECTOR_BYTES] = {0};
    struct emu_span mem[MASK_ELEMENTS_MAX];
    uint32_t bits = 0;
    enum emulate_result r = vector_allowed(e);
    if (r == EMULATE_DONE) {
        bits = mask_bits(e, size);
        r = mask_resolve(e, bits, size, mem);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    if (!load) {
        vector_get(e, e->insn.reg, bytes);
    }
    for (uint32_t i = 0; bits >> i != 0; i++) { /* bound: 16 */
        if ((bits >> i & 1u) != 0 && load) {
            emu_load_bytes(e, &mem[i], bytes + i * size);
        } else if ((bits >> i & 1u) != 0) {
            emu_store_bytes(e, &mem[i], bytes + i * size);
        }
    }
    if (load) {
        vector_finish(e, bytes);
    }
    return EMULATE_DONE;
}
