/* SPDX-License-Identifier: BSD-2-Clause
 * Task switches: the checks of the new TSS, the old task saved, the new one in its place.
 *
 * Up to the commit point only page tables' flags were changed. The two halves start anew if another processor changes page
 * tables meanwhile: nothing is written before the last translation, and loading can be done again.
 * Spec: [SDM] vol. 3A, 8.2 (TSS, gates), 8.3 (the steps), 8.4 (links); vol. 3C, 26.4.2. */
#include "cpu/task.h"

#include "base/le.h"
#include "base/string.h"
#include "cpu/cr.h"

#define PAGE_BYTES 4096u

#define TSS_LINK      0u /* offsets in a TSS of 16 and of 32 bits */
#define TSS_LINK_END  2u
#define TSS_CR3       0x1Cu /* of 32 bits only */
#define TSS_TRAP      0x64u
#define TSS_TRAP_FLAG 1u
#define TSS_BYTES     0x68u
#define TSS_SAVED_MAX 0x40u
#define TSS_IP        0u /* which of the values from tss_layout.first on */
#define TSS_FLAGS     1u
#define TSS_GPR       2u
#define TSS_SEG       10u

#define TYPE_BYTE 5u /* of a descriptor: type, S, DPL, P */
#define TYPE_BUSY 2u
#define TYPE_32   8u

#define ATTEMPTS       4u          /* each of which another processor can spoil */
#define ATTEMPTS_BUSY  64u         /* this is all that is left to do: see task_set_busy() */
#define GPR_UPPER_16   0xFFFF0000u /* what a TSS of 16 bits leaves there */
#define EFLAGS_LOADED  0x3F7FD5u   /* all that exist */
#define DESCRIPTOR_LEN 8u

/* Values of `width` bytes, one after another: IP, FLAGS, general registers, segment registers, LDTR. All but the last are the old
 * task's to be saved. */
struct tss_layout {
    uint8_t least; /* limit that a new one must have */
    uint8_t first;
    uint8_t width;
    uint8_t segs;
};

static const struct tss_layout tss_16 = {.least = 0x2B, .first = 0x0E, .width = 2, .segs = 4};
static const struct tss_layout tss_32 = {.least = 0x67, .first = 0x20, .width = 4, .segs = 6};

static const struct tss_layout *layout_of(bool is_32)
{
    return is_32 ? &tss_32 : &tss_16;
}

static uint32_t tss_at(const struct tss_layout *l, uint32_t n)
{
    return l->first + n * l->width;
}

static bool leaves_for_good(const struct vm_exit_task *why)
{
    return why->source == VM_TASK_JMP || why->source == VM_TASK_IRET;
}

static bool comes_back(const struct vm_exit_task *why)
{
    return why->source == VM_TASK_CALL || why->source == VM_TASK_GATE;
}

static enum emulate_result selector_fault(struct emu *e, const struct task *t, uint8_t vector,
                                          uint16_t selector)
{
    return emu_fault(e, vector, SELECTOR_ERROR(selector) | t->ext);
}

/* --- The new TSS ------------------------------------------------------------------------------------ */

/* The one to go back to is busy, any other is not. */
static bool tss_fits(const struct emu_descriptor *d, bool back)
{
    switch ((uint32_t)(d->low >> 40) & (SEG_AR_S | SEG_AR_TYPE)) {
    case SYSTEM_TSS_16:
    case SYSTEM_TSS:
        return !back;
    case SYSTEM_TSS_16_BUSY:
    case SYSTEM_TSS_BUSY:
        return back;
    default:
        return false;
    }
}

/* [SDM] table 8-1, the upper half, and the pseudocode of each instruction. */
static enum emulate_result find_tss(struct emu *e, struct task *t)
{
    const uint16_t selector = t->why->selector;
    const bool back = t->why->source == VM_TASK_IRET;
    enum emulate_result r = EMULATE_DONE;
    t->tss.found = false;
    if (!SELECTOR_IS_NULL(selector) && (selector & SELECTOR_LDT) == 0) {
        r = emu_find_descriptor(e, selector, DESCRIPTOR_LEN, &t->tss);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    if (!t->tss.found || !tss_fits(&t->tss, back)) {
        return selector_fault(e, t, back ? VECTOR_TS : VECTOR_GP, selector);
    }
    if ((t->tss.low >> 40 & SEG_AR_P) == 0) {
        return selector_fault(e, t, VECTOR_NP, selector);
    }
    t->to_32 = (t->tss.low >> 40 & TYPE_32) != 0;
    if (emu_descriptor_limit(&t->tss) < layout_of(t->to_32)->least) {
        return selector_fault(e, t, VECTOR_TS, selector);
    }
    return EMULATE_DONE;
}

/* --- Where everything is ---------------------------------------------------------------------------- */

/* @pre `size` is at most a page. */
static enum emulate_result translate_range(struct emu *e, uint64_t linear, uint32_t size,
                                           uint32_t access, struct emu_span *span)
{
    uint32_t room = PAGE_BYTES - (uint32_t)(linear & (PAGE_BYTES - 1u));
    span->size[0] = size < room ? size : room;
    span->size[1] = size - span->size[0];
    span->gpa[1] = 0;
    enum emulate_result r = emu_table_translate(e, linear & UINT32_MAX, access, &span->gpa[0]);
    if (r == EMULATE_DONE && span->size[1] != 0) {
        r = emu_table_translate(e, (linear + room) & UINT32_MAX, access, &span->gpa[1]);
    }
    return r;
}

static enum emulate_result translate_type(struct emu *e, uint16_t selector, gpa_t *gpa)
{
    uint32_t index = selector & ~(SELECTOR_RPL | SELECTOR_LDT);
    uint64_t linear = (e->regs->gdtr.base + index + TYPE_BYTE) & UINT32_MAX;
    return emu_table_translate(e, linear, WALK_WRITE, gpa);
}

/* The old TSS, which is written; its own limit is the last that can be wrong. */
static enum emulate_result find_old(struct emu *e, struct task *t)
{
    const struct seg_reg *tr = &e->regs->seg[SEG_TR];
    t->from_32 = (tr->ar & TYPE_32) != 0;
    const struct tss_layout *l = layout_of(t->from_32);
    uint32_t end = tss_at(l, TSS_SEG + l->segs);
    if (tr->limit < end - 1u) {
        return selector_fault(e, t, VECTOR_TS, tr->selector);
    }
    return translate_range(e, tr->base + l->first, end - l->first, WALK_WRITE, &t->from);
}

/* All that the switch reads and writes in the old address space, so that nothing stops it after. */
static enum emulate_result locate(struct emu *e, struct task *t)
{
    const uint64_t to = emu_descriptor_base(&t->tss);
    struct emu_span link;
    enum emulate_result r = find_old(e, t);
    if (r == EMULATE_DONE) {
        r = translate_range(e, to, layout_of(t->to_32)->least + 1u, 0, &t->to);
    }
    if (r == EMULATE_DONE && comes_back(t->why)) {
        r = translate_range(e, to, TSS_LINK_END, WALK_WRITE, &link);
    }
    if (r == EMULATE_DONE && leaves_for_good(t->why)) {
        r = translate_type(e, e->regs->seg[SEG_TR].selector, &t->from_type);
    }
    if (r == EMULATE_DONE && t->why->source != VM_TASK_IRET) {
        r = translate_type(e, t->why->selector, &t->to_type);
    }
    return r;
}

/* --- The old task is saved ------------------------------------------------------------------------------ */

/* Parts of RAM, both: locate() has seen it. */
static void span_read(const struct emu *e, const struct emu_span *s, uint8_t *bytes)
{
    (void)gmem_read(e->v->gmem, s->gpa[0], bytes, s->size[0]);
    (void)gmem_read(e->v->gmem, s->gpa[1], bytes + s->size[0], s->size[1]);
}

static void span_write(const struct emu *e, const struct emu_span *s, const uint8_t *bytes)
{
    (void)gmem_write(e->v->gmem, s->gpa[0], bytes, s->size[0]);
    (void)gmem_write(e->v->gmem, s->gpa[1], bytes + s->size[0], s->size[1]);
}

/* In one locked access. A guest whose other processors get in between each time loses what they wrote there. */
static void task_set_busy(const struct emu *e, gpa_t type, bool busy)
{
    const gpa_t at = type & ~3ull;
    const uint32_t flag = TYPE_BUSY << (8u * (type & 3u));
    uint32_t word = 0;
    bool done = !gmem_load32(e->v->gmem, at, &word);
    for (uint32_t i = 0; i < ATTEMPTS_BUSY && !done; i++) {
        done = gmem_swap32(e->v->gmem, at, &word, busy ? word | flag : word & ~flag);
    }
    if (!done) {
        (void)gmem_store32(e->v->gmem, at, busy ? word | flag : word & ~flag);
    }
}

/* The flags as the old task finds them when it goes on. RF is not for what an instruction leads to. */
static uint64_t flags_to_save(const struct emu *e, const struct vm_exit_task *why)
{
    uint64_t gone = why->source == VM_TASK_IRET ? RFLAGS_NT : 0;
    gone |= why->source != VM_TASK_GATE ? RFLAGS_RF : 0;
    return e->regs->rflags & ~gone;
}

/* The upper halves of what has 16 bits in a TSS of 32 are left alone. */
static void save(const struct emu *e, const struct task *t)
{
    const struct tss_layout *l = layout_of(t->from_32);
    uint8_t image[TSS_SAVED_MAX] = {0};
    span_read(e, &t->from, image);
    le_store(image + TSS_IP * l->width, l->width, e->next_rip);
    le_store(image + TSS_FLAGS * l->width, l->width, flags_to_save(e, t->why));
    for (uint32_t i = 0; i < TASK_GPRS; i++) { /* bound: TASK_GPRS */
        le_store(image + (TSS_GPR + i) * l->width, l->width, e->regs->gpr[i]);
    }
    for (uint32_t i = 0; i < l->segs; i++) { /* bound: TASK_SEGS */
        le_store(image + (TSS_SEG + i) * l->width, 2, e->regs->seg[i].selector);
    }
    span_write(e, &t->from, image);
}

/* From the first write on nothing fails. */
static void leave(const struct emu *e, const struct task *t)
{
    uint8_t link[TSS_LINK_END];
    if (leaves_for_good(t->why)) {
        task_set_busy(e, t->from_type, false);
    }
    save(e, t);
    if (t->why->source != VM_TASK_IRET) {
        task_set_busy(e, t->to_type, true);
    }
    if (comes_back(t->why)) {
        struct emu_span at = t->to;
        at.size[0] = at.size[0] < TSS_LINK_END ? at.size[0] : TSS_LINK_END;
        at.size[1] = TSS_LINK_END - at.size[0];
        le_store(link, TSS_LINK_END, e->regs->seg[SEG_TR].selector);
        span_write(e, &at, link);
    }
}

/* --- The new task takes over ----------------------------------------------------------------------------- */

static void read_image(const struct emu *e, const struct task *t, struct task_image *image)
{
    const struct tss_layout *l = layout_of(t->to_32);
    uint8_t bytes[TSS_BYTES] = {0};
    span_read(e, &t->to, bytes);
    memset(image, 0, sizeof(*image));
    image->eip = (uint32_t)le_load(bytes + tss_at(l, TSS_IP), l->width);
    image->eflags = (uint32_t)le_load(bytes + tss_at(l, TSS_FLAGS), l->width) & EFLAGS_LOADED;
    image->eflags |= RFLAGS_FIXED | (comes_back(t->why) ? RFLAGS_NT : 0u);
    for (uint32_t i = 0; i < TASK_GPRS; i++) { /* bound: TASK_GPRS */
        image->gpr[i] = (uint32_t)le_load(bytes + tss_at(l, TSS_GPR + i), l->width) |
                        (t->to_32 ? 0 : GPR_UPPER_16);
    }
    for (uint32_t i = 0; i < l->segs; i++) { /* bound: TASK_SEGS; FS and GS may be left null */
        image->seg[i] = (uint16_t)le_load(bytes + tss_at(l, TSS_SEG + i), 2);
    }
    image->ldt = (uint16_t)le_load(bytes + tss_at(l, TSS_SEG + l->segs), 2);
    image->cr3 = (uint32_t)le_load(bytes + TSS_CR3, 4);
    image->trap = t->to_32 && (bytes[TSS_TRAP] & TSS_TRAP_FLAG) != 0;
}

/* The commit point is passed: whatever fails from here on fails in the new task. */
static void take_over(struct emu *e, const struct task *t, const struct task_image *image)
{
    struct vcpu_regs *regs = emu_edit_system(e);
    regs->seg[SEG_TR] = (struct seg_reg){
        .base = emu_descriptor_base(&t->tss),
        .limit = emu_descriptor_limit(&t->tss),
        .ar = ((uint32_t)(t->tss.low >> 40) & SEG_AR_DESCRIPTOR) | TYPE_BUSY,
        .selector = t->why->selector,
    };
    regs->cr0 |= CR0_TS;
    for (uint32_t i = 0; i < TASK_GPRS; i++) { /* bound: TASK_GPRS */
        regs->gpr[i] = image->gpr[i];
    }
    regs->rip = image->eip;
    regs->rflags = image->eflags;
    task_set_selectors(e, t, image);
    e->report->switched = true;
}

/* PAE's pointers are loaded, and looked at, if CR3 changes: [SDM] vol. 3A, 4.4.1. Without paging it stays. */
static enum emulate_result load_cr3(struct emu *e, const struct task *t,
                                    const struct task_image *image)
{
    const struct cr_limits limits = {.phys_bits = e->view.phys_bits};
    struct cr_vcpu c = {.limits = &limits, .gmem = e->v->gmem, .regs = emu_edit_system(e)};
    bool loads = t->to_32 && (e->regs->cr0 & CR0_PG) != 0 && e->regs->cr3 != image->cr3;
    if (loads && !cr_write(&c, 3, image->cr3)) {
        return emu_fault(e, VECTOR_GP, t->ext);
    }
    e->v->cache->dirty |= c.pdptes ? REGS_PDPTE : 0u;
    return EMULATE_DONE;
}

/* What the processor would have pushed for the handler: as wide as the TSS is. */
static enum emulate_result push_code(struct emu *e, const struct task *t)
{
    struct emu_span slot;
    e->insn.other_size = t->to_32 ? 4 : 2;
    const uint64_t by = 0u - (uint64_t)e->insn.other_size;
    const struct emu_ref ref = emu_stack_slot(e, by, INSN_WRITE);
    enum emulate_result r = emu_resolve(e, &ref, &slot);
    if (r == EMULATE_FAULT && e->report->vector == VECTOR_SS) {
        e->report->error_code |= t->ext;
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        emu_store(e, &slot, t->why->error_code);
        emu_stack_move(e, by);
    }
    return r;
}

/* Can be done again from the start, but for the last step. */
static enum emulate_result load(struct emu *e, const struct task *t, const struct task_image *image)
{
    enum emulate_result r = load_cr3(e, t, image);
    if (r == EMULATE_DONE) {
        r = task_load(e, t, image);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    e->mode = (uint8_t)emulate_mode(e->regs);
    e->cpl = (uint8_t)walk_cpl(e->regs);
    return t->why->has_error_code ? push_code(e, t) : EMULATE_DONE;
}

static enum emulate_result enter(struct emu *e, const struct task *t)
{
    struct task_image image;
    enum emulate_result r = EMULATE_AGAIN;
    read_image(e, t, &image);
    take_over(e, t, &image);
    for (uint32_t i = 0; i < ATTEMPTS && r == EMULATE_AGAIN; i++) {
        r = load(e, t, &image);
    }
    e->report->task_trap = r == EMULATE_DONE && image.trap;
    return r;
}

enum emulate_result emu_task_exit(struct emu *e, const struct vm_exit_task *why)
{
    struct task t = {.why = why, .ext = why->external ? 1u : 0u};
    enum emulate_result r = EMULATE_AGAIN;
    for (uint32_t i = 0; i < ATTEMPTS && r == EMULATE_AGAIN; i++) {
        r = find_tss(e, &t);
        if (r == EMULATE_DONE) {
            r = locate(e, &t);
        }
    }
    if (r == EMULATE_DONE) {
        leave(e, &t);
        r = enter(e, &t);
    }
    return r == EMULATE_AGAIN ? EMULATE_ELSEWHERE : r;
}

/* --- Before: what an instruction names ---------------------------------------------------------------------- */

/* The back link is in the TSS of this task. */
static enum emulate_result read_link(struct emu *e, uint16_t *selector)
{
    const struct seg_reg *tr = &e->regs->seg[SEG_TR];
    uint64_t link = 0;
    if (tr->limit < TSS_LINK_END - 1u) {
        return emu_fault(e, VECTOR_TS, SELECTOR_ERROR(tr->selector));
    }
    enum emulate_result r = emu_table_read(e, tr->base + TSS_LINK, TSS_LINK_END, &link);
    *selector = (uint16_t)link;
    return r;
}

/* A gate stands for its TSS, whose own level is not asked then. */
static enum emulate_result pass_gate(struct emu *e, uint16_t *selector)
{
    struct emu_descriptor d;
    enum emulate_result r = emu_find_descriptor(e, *selector, DESCRIPTOR_LEN, &d);
    if (r != EMULATE_DONE) {
        return r;
    }
    const uint32_t ar = d.found ? (uint32_t)(d.low >> 40) & SEG_AR_DESCRIPTOR : 0;
    const uint32_t dpl = (ar & SEG_AR_DPL) >> 5;
    const bool gate = (ar & (SEG_AR_S | SEG_AR_TYPE)) == SYSTEM_TASK_GATE;
    if (!d.found || dpl < e->cpl || dpl < (*selector & SELECTOR_RPL)) {
        return emu_fault(e, VECTOR_GP, SELECTOR_ERROR(*selector));
    }
    if (gate && (ar & SEG_AR_P) == 0) {
        return emu_fault(e, VECTOR_NP, SELECTOR_ERROR(*selector));
    }
    *selector = gate ? (uint16_t)(d.low >> 16) : *selector;
    return EMULATE_DONE;
}

enum emulate_result emu_task_switch(struct emu *e, uint8_t source, uint16_t selector)
{
    struct vm_exit_task why = {.source = source, .selector = selector};
    enum emulate_result r =
        source == VM_TASK_IRET ? read_link(e, &why.selector) : pass_gate(e, &why.selector);
    return r == EMULATE_DONE ? emu_task_exit(e, &why) : r;
}
