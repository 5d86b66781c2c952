/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of what reads descriptors: segment loads, LLDT, LTR, and the four that only look: LAR, LSL,
 * VERR, VERW.
 *
 * A selector may come from a device, a descriptor never does: the tables are read by the processor
 * itself, so with supervisor rights whatever the privilege level, and in RAM. The device has been read
 * by the time that a descriptor is found wrong: as on a processor, only registers are as before.
 * Spec: [SDM] vol. 2 (each instruction), vol. 3A, 3.4 (segments, descriptors), 5.6 to 5.8 (privilege), 8.2
 * (TSS and LDT descriptors, in IA-32e mode of 16 bytes), 4.6.1 (implicit accesses), 21.1 (real mode). */
#include "base/bits.h"
#include "cpu/emulate_int.h"

#define PAGE_BYTES 4096u

#define TYPE_BYTE    5u    /* of a descriptor: type, S, DPL, P                       */
#define TYPE_BUSY    0x02u /* of a TSS                                               */
#define LIMIT_PAGED  0xFFFu
#define LAR_WORD     0xFF00u
#define LAR_DOUBLE   0xFFFF00u
#define RETRIES      4u /* locked attempts, each of which another processor can spoil */
#define SYSTEM_TYPES 16u

/* --- The tables --------------------------------------------------------------------------------- */

/* Where a byte is that the processor itself reads or writes. Flags in the page tables are set. */
enum emulate_result emu_table_translate(struct emu *e, uint64_t linear, uint32_t access, gpa_t *gpa)
{
    struct walk walk;
    switch (walk_translate(&e->view, linear, access | WALK_IMPLICIT, &walk)) {
    case WALK_DONE:
        break;
    case WALK_FAULT:
        e->report->cr2 = linear;
        return emu_fault(e, VECTOR_PF, walk.error);
    case WALK_NON_CANONICAL:
        return emu_fault(e, VECTOR_GP, 0);
    default:
        return EMULATE_ELSEWHERE;
    }
    *gpa = walk.gpa;
    if (walk.unmarked && walk_mark(&e->view, linear, access | WALK_IMPLICIT) != WALK_DONE) {
        return EMULATE_AGAIN;
    }
    return gmem_contains(e->v->gmem, walk.gpa, 1) ? EMULATE_DONE : EMULATE_ELSEWHERE;
}

/* Linear addresses have 64 bits in compatibility mode, too, for what lies there. */
static uint64_t table_linear(const struct emu *e, uint64_t linear)
{
    return (e->regs->efer & EFER_LMA) != 0 ? linear : linear & UINT32_MAX;
}

enum emulate_result emu_table_read(struct emu *e, uint64_t linear, uint32_t size, uint64_t *val)
{
    *val = 0;
    for (uint32_t done = 0; done < size;) { /* bound: 2 pages */
        uint64_t at = table_linear(e, linear + done);
        uint32_t room = PAGE_BYTES - (uint32_t)(at & (PAGE_BYTES - 1u));
        uint32_t part = size - done < room ? size - done : room;
        gpa_t gpa;
        enum emulate_result r = emu_table_translate(e, at, 0, &gpa);
        if (r != EMULATE_DONE) {
            return r;
        }
        *val |= emu_ram_read(e->v->gmem, gpa, part) << (8u * done);
        done += part;
    }
    return EMULATE_DONE;
}

/* Sets bits of the descriptor's type in one locked access, as they may be another processor's, too. */
static enum emulate_result table_set_type(struct emu *e, const struct emu_descriptor *d,
                                          uint32_t bits)
{
    gpa_t gpa;
    if ((d->low >> (8u * TYPE_BYTE) & bits) == bits) {
        return EMULATE_DONE; /* nothing is written then, to a table that may be read-only */
    }
    enum emulate_result r =
        emu_table_translate(e, table_linear(e, d->linear + TYPE_BYTE), WALK_WRITE, &gpa);
    if (r != EMULATE_DONE) {
        return r;
    }
    uint32_t word = 0;
    bool set = false;
    if (!gmem_load32(e->v->gmem, gpa & ~3ull, &word)) {
        return EMULATE_ELSEWHERE;
    }
    for (uint32_t i = 0; i < RETRIES && !set; i++) {
        set = gmem_swap32(e->v->gmem, gpa & ~3ull, &word, word | bits << (8u * (gpa & 3u)));
    }
    return set ? EMULATE_DONE : EMULATE_AGAIN;
}

/* --- Descriptors -------------------------------------------------------------------------------------- */

static uint32_t descriptor_type(const struct emu_descriptor *d)
{
    return (uint32_t)(d->low >> 40) & SEG_AR_TYPE;
}

uint32_t emu_descriptor_dpl(const struct emu_descriptor *d)
{
    return (uint32_t)(d->low >> 45) & SELECTOR_RPL;
}

/* S: code or data. */
static bool descriptor_is_segment(const struct emu_descriptor *d)
{
    return (d->low >> 40 & SEG_AR_S) != 0;
}

bool emu_descriptor_is_present(const struct emu_descriptor *d)
{
    return (d->low >> 40 & SEG_AR_P) != 0;
}

uint32_t emu_descriptor_limit(const struct emu_descriptor *d)
{
    uint32_t limit = ((uint32_t)d->low & 0xFFFFu) | ((uint32_t)(d->low >> 32) & 0xF0000u);
    return (d->low >> 40 & SEG_AR_G) != 0 ? limit << 12 | LIMIT_PAGED : limit;
}

uint64_t emu_descriptor_base(const struct emu_descriptor *d)
{
    return (d->low >> 16 & 0xFFFFFFu) | (d->low >> 32 & 0xFF000000u);
}

enum emulate_result emu_find_descriptor(struct emu *e, uint16_t selector, uint32_t bytes,
                                        struct emu_descriptor *d)
{
    const struct seg_reg *ldt = &e->regs->seg[SEG_LDTR];
    const uint32_t offset = selector & ~(SELECTOR_RPL | SELECTOR_LDT);
    uint64_t base = e->regs->gdtr.base;
    uint64_t limit = e->regs->gdtr.limit;
    bool table = true;
    if ((selector & SELECTOR_LDT) != 0) {
        base = ldt->base;
        limit = ldt->limit;
        table = (ldt->ar & SEG_AR_UNUSABLE) == 0;
    }
    d->found = table && offset + bytes - 1u <= limit;
    if (!d->found) {
        return EMULATE_DONE;
    }
    d->linear = base + offset;
    d->high = 0;
    enum emulate_result r = emu_table_read(e, d->linear, 8, &d->low);
    if (r == EMULATE_DONE && bytes > 8) {
        r = emu_table_read(e, d->linear + 8u, 8, &d->high);
    }
    return r;
}

void emu_describe_segment(uint16_t selector, const struct emu_descriptor *d, struct seg_reg *out)
{
    *out = (struct seg_reg){
        .base = emu_descriptor_base(d),
        .limit = emu_descriptor_limit(d),
        .ar = ((uint32_t)(d->low >> 40) & SEG_AR_DESCRIPTOR) | SEG_TYPE_ACCESSED,
        .selector = selector,
    };
}

enum emulate_result emu_accept_segment(struct emu *e, uint16_t selector,
                                       const struct emu_descriptor *d, struct seg_reg *out)
{
    emu_describe_segment(selector, d, out);
    return table_set_type(e, d, SEG_TYPE_ACCESSED);
}

/* --- Segment loads ------------------------------------------------------------------------------------------ */

/* A data segment, or code that can be read; conforming code from any level. */
static bool data_allowed(const struct emu *e, uint16_t selector, const struct emu_descriptor *d)
{
    uint32_t type = descriptor_type(d);
    bool code = (type & SEG_CODE) != 0;
    uint32_t dpl = emu_descriptor_dpl(d);
    if (!descriptor_is_segment(d) || (code && (type & SEG_READABLE) == 0)) {
        return false;
    }
    return (code && (type & SEG_CONFORMING) != 0) ||
           (e->cpl <= dpl && (selector & SELECTOR_RPL) <= dpl);
}

bool emu_stack_allowed(const struct emu_descriptor *d, uint16_t selector, uint32_t level)
{
    uint32_t type = descriptor_type(d);
    return descriptor_is_segment(d) && (type & SEG_CODE) == 0 && (type & SEG_WRITABLE) != 0 &&
           emu_descriptor_dpl(d) == level && (selector & SELECTOR_RPL) == level;
}

/* Nothing can be reached through a null selector. SS may have one in 64-bit code alone, below level 3;
 * what is kept of it is the level. */
static enum emulate_result load_null(struct emu *e, uint32_t seg, uint16_t selector, uint32_t level,
                                     struct seg_reg *out)
{
    bool allowed = e->mode == DECODE_64 && level != 3 && (selector & SELECTOR_RPL) == level;
    *out = (struct seg_reg){.ar = SEG_AR_UNUSABLE, .selector = selector};
    if (seg == SEG_SS) {
        out->ar |= level << 5;
        return allowed ? EMULATE_DONE : emu_fault(e, VECTOR_GP, 0);
    }
    return EMULATE_DONE;
}

/* Limit and rights stay: that is what makes "unreal" mode. In virtual-8086 mode they are fixed. */
static void load_real(const struct emu *e, uint32_t seg, uint16_t selector, struct seg_reg *out)
{
    *out = e->regs->seg[seg];
    out->selector = selector;
    out->base = (uint64_t)selector << 4;
}

enum emulate_result emu_check_segment(struct emu *e, uint32_t seg, uint16_t selector,
                                      struct seg_reg *out)
{
    struct emu_descriptor d;
    if (emu_is_real(e)) {
        load_real(e, seg, selector, out);
        return EMULATE_DONE;
    }
    if (SELECTOR_IS_NULL(selector)) {
        return load_null(e, seg, selector, e->cpl, out);
    }
    enum emulate_result r = emu_find_descriptor(e, selector, 8, &d);
    if (r != EMULATE_DONE) {
        return r;
    }
    bool stack = seg == SEG_SS;
    bool allowed = d.found && (stack ? emu_stack_allowed(&d, selector, e->cpl)
                                     : data_allowed(e, selector, &d));
    if (!allowed) {
        return emu_fault(e, VECTOR_GP, SELECTOR_ERROR(selector));
    }
    if (!emu_descriptor_is_present(&d)) {
        return emu_fault(e, stack ? VECTOR_SS : VECTOR_NP, SELECTOR_ERROR(selector));
    }
    return emu_accept_segment(e, selector, &d, out);
}

void emu_set_segment(struct emu *e, uint32_t seg, const struct seg_reg *now)
{
    bool alone = e->insn.op == INSN_MOV || e->insn.op == INSN_POP; /* LSS brings a pointer along */
    emu_edit_system(e)->seg[seg] = *now;
    e->report->shadow = e->report->shadow || (seg == SEG_SS && alone);
}

enum emulate_result emu_far_operand(struct emu *e, uint32_t size, struct emu_far_ptr *ptr)
{
    struct emu_ref ref = emu_explicit_ref(e);
    ref.size = size;
    enum emulate_result r = emu_resolve(e, &ref, &ptr->offset);
    if (r == EMULATE_DONE) {
        ref.offset = (ref.offset + size) & ones_bytes(e->insn.addr_size);
        ref.size = 2;
        r = emu_resolve(e, &ref, &ptr->selector);
    }
    return r;
}

/* LES, LDS, LFS, LGS, LSS. */
enum emulate_result emu_op_load_far(struct emu *e)
{
    const struct insn *insn = &e->insn;
    struct emu_far_ptr ptr;
    struct seg_reg now;
    enum emulate_result r = emu_far_operand(e, insn->reg_size, &ptr);
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    uint64_t val = emu_load(e, &ptr.offset);
    r = emu_check_segment(e, insn->reg2, (uint16_t)emu_load(e, &ptr.selector), &now);
    if (r == EMULATE_DONE) {
        emu_set_segment(e, insn->reg2, &now);
        emu_set_reg(e, val);
    }
    return r;
}

/* --- To look at a descriptor ---------------------------------------------------------------------------------- */

#define LOOK_LAR  1u /* what shows a type of system descriptor ...    */
#define LOOK_LSL  2u
#define LOOK_LONG 4u /* ... and whether it has this meaning in IA-32e mode */

/* [SDM] vol. 2A, LAR and LSL: "segment and gate types" */
static const uint8_t look_types[SYSTEM_TYPES] = {
    [SYSTEM_TSS_16] = LOOK_LAR | LOOK_LSL,
    [SYSTEM_LDT] = LOOK_LAR | LOOK_LSL | LOOK_LONG,
    [SYSTEM_TSS_16_BUSY] = LOOK_LAR | LOOK_LSL,
    [SYSTEM_CALL_GATE_16] = LOOK_LAR,
    [SYSTEM_TASK_GATE] = LOOK_LAR,
    [SYSTEM_TSS] = LOOK_LAR | LOOK_LSL | LOOK_LONG,
    [SYSTEM_TSS_BUSY] = LOOK_LAR | LOOK_LSL | LOOK_LONG,
    [SYSTEM_CALL_GATE] = LOOK_LAR | LOOK_LONG,
};

/* Is it of a type that this instruction shows, or, for VERR and VERW, can it be read or written? */
static bool look_at_type(const struct emu *e, const struct emu_descriptor *d)
{
    uint32_t type = descriptor_type(d);
    bool code = (type & SEG_CODE) != 0;
    bool is_long = (e->regs->efer & EFER_LMA) != 0;
    bool segment = descriptor_is_segment(d);
    switch (e->insn.op) {
    case INSN_VERR:
        return segment && (!code || (type & SEG_READABLE) != 0);
    case INSN_VERW:
        return segment && !code && (type & SEG_WRITABLE) != 0;
    default:
        break;
    }
    uint8_t shown = look_types[type];
    uint8_t wanted = e->insn.op == INSN_LAR ? LOOK_LAR : LOOK_LSL;
    return segment || ((shown & wanted) != 0 && (!is_long || (shown & LOOK_LONG) != 0));
}

/* What it may be looked at by: conforming code by anybody. */
static bool look_allowed(const struct emu *e, uint16_t selector, const struct emu_descriptor *d)
{
    const uint32_t conforming = SEG_CODE | SEG_CONFORMING;
    uint32_t dpl = emu_descriptor_dpl(d);
    bool open = descriptor_is_segment(d) && (descriptor_type(d) & conforming) == conforming;
    return look_at_type(e, d) && (open || (e->cpl <= dpl && (selector & SELECTOR_RPL) <= dpl));
}

static uint64_t look_result(const struct emu *e, const struct emu_descriptor *d)
{
    if (e->insn.op == INSN_LSL) {
        return emu_descriptor_limit(d);
    }
    return d->low >> 32 & (e->insn.op_size == 2 ? LAR_WORD : LAR_DOUBLE);
}

/* LAR, LSL, VERR, VERW: whatever is wrong with the selector, ZF says it, and nothing faults. */
enum emulate_result emu_op_look(struct emu *e)
{
    struct emu_span mem;
    struct emu_descriptor d = {.found = false};
    if (emu_is_real(e)) {
        return emu_fault(e, VECTOR_UD, 0);
    }
    enum emulate_result r = emu_explicit(e, &mem);
    if (r != EMULATE_DONE) {
        return r;
    }
    uint16_t selector = (uint16_t)emu_load(e, &mem);
    if (!SELECTOR_IS_NULL(selector)) {
        r = emu_find_descriptor(e, selector, 8, &d);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    bool good = d.found && look_allowed(e, selector, &d);
    if (good && e->insn.form == INSN_REG_MEM) {
        emu_set_reg(e, look_result(e, &d));
    }
    struct vcpu_regs *regs = emu_edit(e);
    regs->rflags = (regs->rflags & ~(uint64_t)RFLAGS_ZF) | (good ? RFLAGS_ZF : 0u);
    return EMULATE_DONE;
}

/* --- LLDT and LTR ------------------------------------------------------------------------------------------------ */

/* Is the descriptor what LLDT or LTR takes? A second half with a type is none. */
static bool system_type_fits(const struct emu *e, const struct emu_descriptor *d)
{
    bool is_long = (e->regs->efer & EFER_LMA) != 0;
    uint32_t type = descriptor_type(d);
    if (descriptor_is_segment(d) || (d->high >> 40 & 0x1Fu) != 0) {
        return false;
    }
    return e->insn.op == INSN_LLDT ? type == SYSTEM_LDT
                                   : type == SYSTEM_TSS || (type == SYSTEM_TSS_16 && !is_long);
}

static enum emulate_result system_segment(struct emu *e, uint16_t selector, struct seg_reg *out)
{
    bool is_long = (e->regs->efer & EFER_LMA) != 0;
    struct emu_descriptor d = {.found = false};
    enum emulate_result r = EMULATE_DONE;
    if ((selector & SELECTOR_LDT) == 0) {
        r = emu_find_descriptor(e, selector, is_long ? 16 : 8, &d);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    uint64_t base = d.found ? emu_descriptor_base(&d) | d.high << 32 : 0;
    if (!d.found || !system_type_fits(e, &d) || (is_long && !walk_canonical(base))) {
        return emu_fault(e, VECTOR_GP, SELECTOR_ERROR(selector));
    }
    if (!emu_descriptor_is_present(&d)) {
        return emu_fault(e, VECTOR_NP, SELECTOR_ERROR(selector));
    }
    *out = (struct seg_reg){
        .base = base,
        .limit = emu_descriptor_limit(&d),
        .ar = (uint32_t)(d.low >> 40) & SEG_AR_DESCRIPTOR,
        .selector = selector,
    };
    if (e->insn.op == INSN_LLDT) {
        return EMULATE_DONE;
    }
    out->ar |= TYPE_BUSY;
    return table_set_type(e, &d, TYPE_BUSY);
}

enum emulate_result emu_op_load_system(struct emu *e)
{
    bool ldt = e->insn.op == INSN_LLDT;
    struct emu_span mem;
    struct seg_reg now = {.ar = SEG_AR_UNUSABLE};
    if (emu_is_real(e)) {
        return emu_fault(e, VECTOR_UD, 0);
    }
    if (e->cpl != 0) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    enum emulate_result r = emu_explicit(e, &mem);
    if (r != EMULATE_DONE) {
        return r;
    }
    uint16_t selector = (uint16_t)emu_load(e, &mem);
    now.selector = selector;
    if (!SELECTOR_IS_NULL(selector)) {
        r = system_segment(e, selector, &now);
    } else if (!ldt) {
        r = emu_fault(e, VECTOR_GP, 0);
    }
    if (r == EMULATE_DONE) {
        emu_set_segment(e, ldt ? SEG_LDTR : SEG_TR, &now);
    }
    return r;
}
