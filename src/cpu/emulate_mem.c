/* SPDX-License-Identifier: BSD-2-Clause
 * The emulator's way to memory: segments, paging, alignment, and then RAM or devices.
 * Spec: [SDM] vol. 3A, 5.3 to 5.5 (limits, types), 6.15 (interrupt 17: alignment), vol. 1, 3.3.7.1. */
#include "base/bits.h"
#include "base/le.h"
#include "cpu/emulate_int.h"

#define PAGE_BYTES 4096u

/* [SDM] vol. 3A, table 6-1. In real mode no error code is pushed. */
enum emulate_result emu_fault(struct emu *e, uint8_t vector, uint32_t code)
{
    bool coded = vector >= VECTOR_TS && vector <= VECTOR_AC && vector != 15 && vector != 16;
    e->report->vector = vector;
    e->report->has_code = coded && (e->regs->cr0 & CR0_PE) != 0;
    e->report->error_code = code;
    return EMULATE_FAULT;
}

/* A fault of segmentation: through SS it is another one. */
static enum emulate_result emu_segment_fault(struct emu *e, const struct emu_ref *ref)
{
    uint32_t code = ref->stack != NULL ? ref->stack->error : 0;
    return emu_fault(e, ref->seg == SEG_SS ? VECTOR_SS : VECTOR_GP, code);
}

/* --- Segments ------------------------------------------------------------------------------------------ */

/* Protected mode: may the segment be used like that at all? */
static bool segment_allows(const struct seg_reg *seg, uint32_t access)
{
    if ((seg->ar & SEG_AR_UNUSABLE) != 0 || (seg->ar & SEG_AR_P) == 0) {
        return false;
    }
    bool code = (seg->ar & SEG_CODE) != 0;
    if ((access & INSN_WRITE) != 0 && (code || (seg->ar & SEG_WRITABLE) == 0)) {
        return false;
    }
    return (access & INSN_READ) == 0 || !code || (seg->ar & SEG_WRITABLE) != 0;
}

/* A flat segment lets accesses wrap at 2^32, as processors may. */
static bool segment_holds(const struct seg_reg *seg, uint64_t offset, uint32_t size)
{
    uint64_t last = offset + size - 1u;
    if ((seg->ar & (SEG_CODE | SEG_DOWN)) == SEG_DOWN) {
        uint64_t top = (seg->ar & SEG_AR_DB) != 0 ? UINT32_MAX : 0xFFFFu;
        return offset > seg->limit && last <= top;
    }
    return last <= seg->limit || seg->limit == UINT32_MAX;
}

/* Of what is accessed: it need not be for the code at hand. */
static bool emu_ref_is_64(const struct emu *e, const struct emu_ref *ref)
{
    return (ref->stack != NULL ? ref->stack->mode : e->mode) == DECODE_64;
}

/* Segment and offset to linear address, with all checks that come before paging. */
static enum emulate_result emu_linear(struct emu *e, const struct emu_ref *ref, uint64_t *linear)
{
    const struct emu_stack *stack = ref->stack;
    const struct seg_reg *seg = stack != NULL ? &stack->seg : &e->regs->seg[ref->seg];
    if (emu_ref_is_64(e, ref)) {
        bool has_base = ref->seg == SEG_FS || ref->seg == SEG_GS;
        *linear = ref->offset + (has_base ? seg->base : 0);
        if (!walk_canonical(*linear) || !walk_canonical(*linear + ref->size - 1u)) {
            return emu_segment_fault(e, ref);
        }
    } else {
        bool allowed = emu_is_real(e) || segment_allows(seg, ref->access);
        if (!allowed || !segment_holds(seg, ref->offset, ref->size)) {
            return emu_segment_fault(e, ref);
        }
        *linear = (seg->base + ref->offset) & UINT32_MAX;
    }
    if (ref->align != 0 && (*linear & (ref->align - 1u)) != 0) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    return EMULATE_DONE;
}

/* --- Paging -------------------------------------------------------------------------------------------- */

/* A part of an operand is at `gpa`. */
static void emu_found(struct emu *e, gpa_t gpa)
{
    e->report->operand = gpa;
    e->here = e->here || ((gpa ^ e->page) & ~(gpa_t)(PAGE_BYTES - 1u)) == 0;
    e->translated++;
}

/* Flags in the tables are due for this access, once for all parts of operands in that page. */
static void emu_owe(struct emu *e, uint64_t linear, uint32_t access)
{
    for (uint32_t i = 0; i < e->dues; i++) { /* bound: EMU_DUES_MAX */
        if ((e->due[i].linear ^ linear) < PAGE_BYTES && e->due[i].access == access) {
            return;
        }
    }
    if (e->dues < EMU_DUES_MAX) {
        e->due[e->dues] = (struct emu_due){.linear = linear, .access = access};
        e->dues++;
    } else {
        (void)walk_mark(&e->view, linear, access);
    }
}

static enum emulate_result emu_translate(struct emu *e, uint64_t linear, uint32_t access,
                                         gpa_t *gpa)
{
    struct walk walk;
    if (emu_memo_find_page(e, linear, access, gpa)) {
        emu_found(e, *gpa);
        return EMULATE_DONE;
    }
    enum walk_result r = walk_translate(&e->view, linear, access, &walk);
    if (r == WALK_FAULT) {
        e->report->cr2 = linear;
        return emu_fault(e, VECTOR_PF, walk.error);
    }
    if (r != WALK_DONE) { /* not "non-canonical": that was seen before */
        return EMULATE_ELSEWHERE;
    }
    *gpa = walk.gpa;
    emu_memo_keep_page(e, linear, access, &walk);
    emu_found(e, *gpa);
    if (walk.unmarked) {
        emu_owe(e, linear, access);
    }
    return EMULATE_DONE;
}

/* Alignment is checked of operands that have a natural one, after what table 6-2 puts before it. */
static bool emu_misaligned(const struct emu *e, uint32_t cpl, uint64_t linear, uint32_t size)
{
    bool natural = size == 2 || size == 4 || size == 8;
    bool on = cpl == 3 && (e->regs->cr0 & CR0_AM) != 0 && (e->regs->rflags & RFLAGS_AC) != 0;
    return on && natural && (linear & (size - 1u)) != 0;
}

/* Level 3 that pushes on another level's stack does so for the processor: RFLAGS.AC opens nothing. */
static uint32_t emu_rights(const struct emu *e, uint32_t cpl)
{
    if (cpl == 3) {
        return WALK_USER;
    }
    return e->cpl == 3 ? WALK_IMPLICIT : 0;
}

enum emulate_result emu_resolve(struct emu *e, const struct emu_ref *ref, struct emu_span *span)
{
    uint64_t linear;
    enum emulate_result r = emu_linear(e, ref, &linear);
    if (r != EMULATE_DONE) {
        return r;
    }
    uint32_t cpl = ref->stack != NULL ? ref->stack->cpl : e->cpl;
    uint32_t access = emu_rights(e, cpl) | ((ref->access & INSN_WRITE) != 0 ? WALK_WRITE : 0);
    uint32_t room = PAGE_BYTES - (uint32_t)(linear & (PAGE_BYTES - 1u));
    span->size[0] = ref->size < room ? ref->size : room;
    span->size[1] = ref->size - span->size[0];
    r = emu_translate(e, linear, access, &span->gpa[0]);
    if (r == EMULATE_DONE && span->size[1] != 0) {
        uint64_t second = linear + room;
        second = emu_ref_is_64(e, ref) ? second : second & UINT32_MAX;
        r = emu_translate(e, second, access, &span->gpa[1]);
    }
    if (r == EMULATE_DONE && !ref->loose && emu_misaligned(e, cpl, linear, ref->size)) {
        return emu_fault(e, VECTOR_AC, 0);
    }
    return r;
}

enum emulate_result emu_settle(struct emu *e)
{
    if (!e->here) {
        return EMULATE_ELSEWHERE;
    }
    for (uint32_t i = 0; i < e->dues; i++) { /* bound: EMU_DUES_MAX */
        if (walk_mark(&e->view, e->due[i].linear, e->due[i].access) != WALK_DONE) {
            return EMULATE_AGAIN;
        }
    }
    e->dues = 0;
    return EMULATE_DONE;
}

/* --- The explicit operand --------------------------------------------------------------------------------- */

uint64_t emu_offset(const struct emu *e)
{
    const struct insn *insn = &e->insn;
    uint64_t offset = insn->disp;
    if (insn->base != INSN_NO_REG) {
        offset += e->regs->gpr[insn->base];
    }
    if (insn->index != INSN_NO_REG) {
        offset += e->regs->gpr[insn->index] << insn->scale;
    }
    if (insn->rip_relative) {
        offset += e->regs->rip + insn->len;
    }
    return offset & ones_bytes(insn->addr_size);
}

struct emu_ref emu_explicit_ref(const struct emu *e)
{
    return (struct emu_ref){
        .offset = emu_offset(e),
        .size = e->insn.mem_size,
        .seg = e->insn.seg,
        .access = e->insn.access,
        .align = e->insn.align,
    };
}

enum emulate_result emu_explicit(struct emu *e, struct emu_span *span)
{
    const struct emu_ref ref = emu_explicit_ref(e);
    enum emulate_result r = emu_resolve(e, &ref, span);
    return r == EMULATE_DONE ? emu_settle(e) : r;
}

/* --- Accesses ------------------------------------------------------------------------------------------------ */

/* RAM bytes of one page. A word that RAM holds in one piece is read and written in one access. */
uint64_t emu_ram_read(const struct gmem *gmem, gpa_t gpa, uint32_t size)
{
    uint64_t word64;
    uint32_t word32;
    uint8_t raw[8] = {0};
    if (size == 8 && gmem_load64(gmem, gpa, &word64)) {
        return word64;
    }
    if (size == 4 && gmem_load32(gmem, gpa, &word32)) {
        return word32;
    }
    (void)gmem_read(gmem, gpa, raw, size);
    return le_load(raw, size);
}

static void ram_write(const struct gmem *gmem, gpa_t gpa, uint32_t size, uint64_t val)
{
    uint8_t raw[8];
    if ((size == 8 && gmem_store64(gmem, gpa, val)) ||
        (size == 4 && gmem_store32(gmem, gpa, (uint32_t)val)) ||
        (size == 2 && gmem_store16(gmem, gpa, (uint16_t)val))) {
        return;
    }
    le_store(raw, size, val);
    (void)gmem_write(gmem, gpa, raw, size);
}

/* Bytes of one page, in RAM or in a device. */
static uint64_t emu_read(const struct emu *e, gpa_t gpa, uint32_t size)
{
    const struct emulate_vcpu *v = e->v;
    if (gmem_contains(v->gmem, gpa, size)) {
        return emu_ram_read(v->gmem, gpa, size);
    }
    return v->bus->read(v->bus->owner, gpa, size) & ones_bytes(size);
}

static void emu_write(const struct emu *e, gpa_t gpa, uint32_t size, uint64_t val)
{
    const struct emulate_vcpu *v = e->v;
    if (gmem_contains(v->gmem, gpa, size)) {
        ram_write(v->gmem, gpa, size, val);
    } else {
        v->bus->write(v->bus->owner, gpa, size, val & ones_bytes(size));
    }
}

uint64_t emu_load(const struct emu *e, const struct emu_span *span)
{
    uint64_t val = emu_read(e, span->gpa[0], span->size[0]);
    if (span->size[1] != 0) {
        val |= emu_read(e, span->gpa[1], span->size[1]) << (8u * span->size[0]);
    }
    return val;
}

void emu_store(const struct emu *e, const struct emu_span *span, uint64_t val)
{
    emu_write(e, span->gpa[0], span->size[0], val);
    if (span->size[1] != 0) {
        emu_write(e, span->gpa[1], span->size[1], val >> (8u * span->size[0]));
    }
}

void emu_load_bytes(const struct emu *e, const struct emu_span *span, uint8_t *buf)
{
    for (uint32_t part = 0; part < 2; part++) {
        for (uint32_t done = 0; done < span->size[part];) { /* bound: EMU_VECTOR_BYTES / 8 */
            uint32_t left = span->size[part] - done;
            uint32_t size = left < 8u ? left : 8u;
            le_store(buf, size, emu_read(e, span->gpa[part] + done, size));
            buf += size;
            done += size;
        }
    }
}

void emu_store_bytes(const struct emu *e, const struct emu_span *span, const uint8_t *buf)
{
    for (uint32_t part = 0; part < 2; part++) {
        for (uint32_t done = 0; done < span->size[part];) { /* bound: EMU_VECTOR_BYTES / 8 */
            uint32_t left = span->size[part] - done;
            uint32_t size = left < 8u ? left : 8u;
            emu_write(e, span->gpa[part] + done, size, le_load(buf, size));
            buf += size;
            done += size;
        }
    }
}
