/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of what pushes and pops: PUSH to LEAVE, and the near transfers.
 *
 * The stack may lie in a device, or the other operand, or both. Those with several slots go over them
 * twice: once to see that none faults, once to do it.
 * Spec: [SDM] vol. 1, 6.2 and 6.5 (stack, ENTER), vol. 2 (each instruction). */
#include "base/bits.h"
#include "cpu/emulate_int.h"

#define POPF_USER   (0x0D5u | RFLAGS_TF | RFLAGS_DF | RFLAGS_OF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID)
#define PUSHA_SLOTS 8u

/* Bytes of rSP that count: [SDM] vol. 1, 6.2.3 */
static uint32_t stack_width(const struct emu *e)
{
    struct emu_stack now;
    emu_stack_now(e, &now);
    return emu_stack_width(&now);
}

static uint64_t stack_pointer(const struct emu *e)
{
    return emu_gpr(e, GPR_RSP, stack_width(e));
}

static void stack_set_pointer(struct emu *e, uint64_t to)
{
    emu_set_gpr(e, GPR_RSP, stack_width(e), to);
}

struct emu_ref emu_stack_slot(const struct emu *e, uint64_t by, uint8_t access)
{
    return (struct emu_ref){
        .offset = (stack_pointer(e) + by) & ones_bytes(stack_width(e)),
        .size = e->insn.other_size,
        .seg = SEG_SS,
        .access = access,
    };
}

void emu_stack_move(struct emu *e, uint64_t by)
{
    stack_set_pointer(e, stack_pointer(e) + by);
}

/* Resolves the slot that is popped, or pushed, next. */
static enum emulate_result stack_resolve(struct emu *e, uint8_t access, struct emu_span *span)
{
    uint64_t size = e->insn.other_size;
    const struct emu_ref ref = emu_stack_slot(e, access == INSN_WRITE ? 0u - size : 0, access);
    return emu_resolve(e, &ref, span);
}

/* Pushes one value, with nothing else to resolve. */
static enum emulate_result stack_push(struct emu *e, uint64_t val)
{
    struct emu_span slot;
    enum emulate_result r = stack_resolve(e, INSN_WRITE, &slot);
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        emu_store(e, &slot, val);
        stack_set_pointer(e, stack_pointer(e) - e->insn.other_size);
    }
    return r;
}

/* --- PUSH and POP ------------------------------------------------------------------------------- */

enum emulate_result emu_op_push(struct emu *e)
{
    const struct insn *insn = &e->insn;
    struct emu_span mem;
    if (insn->form == INSN_STACK_IMM) {
        return stack_push(e, insn->imm);
    }
    if (insn->form == INSN_STACK_REG) {
        return stack_push(e, emu_reg(e)); /* of RSP: as it was before */
    }
    struct emu_span slot;
    const struct emu_ref ref = emu_explicit_ref(e);
    enum emulate_result r = emu_resolve(e, &ref, &mem);
    if (r == EMULATE_DONE) {
        r = stack_resolve(e, INSN_WRITE, &slot);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        emu_store(e, &slot, emu_load(e, &mem));
        stack_set_pointer(e, stack_pointer(e) - insn->other_size);
    }
    return r;
}

/* The address of POP's operand is one of RSP after the POP. */
static struct emu_ref pop_ref(const struct emu *e)
{
    struct emu_ref ref = emu_explicit_ref(e);
    if (e->insn.base == GPR_RSP) { /* whose upper half stays, if that of the stack is narrower */
        const uint64_t ones = ones_bytes(stack_width(e));
        const uint64_t before = e->regs->gpr[GPR_RSP];
        const uint64_t after = (before & ~ones) | ((before + e->insn.other_size) & ones);
        ref.offset = (ref.offset + after - before) & ones_bytes(e->insn.addr_size);
    }
    return ref;
}

enum emulate_result emu_op_pop(struct emu *e)
{
    const struct insn *insn = &e->insn;
    struct emu_span slot;
    struct emu_span mem;
    struct seg_reg now;
    bool segment = insn->reg_kind == INSN_SEGMENT && insn->form == INSN_STACK_REG;
    enum emulate_result r = stack_resolve(e, INSN_READ, &slot);
    if (r == EMULATE_DONE && insn->form == INSN_MEM) {
        const struct emu_ref ref = pop_ref(e);
        r = emu_resolve(e, &ref, &mem);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    uint64_t val = emu_load(e, &slot);
    if (insn->form == INSN_MEM) {
        emu_store(e, &mem, val);
    }
    if (segment) {
        r = emu_check_segment(e, insn->reg, (uint16_t)val, &now);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    stack_set_pointer(e, stack_pointer(e) + insn->other_size); /* of the stack that SS was */
    if (segment) {
        emu_set_segment(e, insn->reg, &now);
    } else if (insn->form == INSN_STACK_REG) {
        emu_set_reg(e, val); /* after the pointer: POP RSP keeps what it popped */
    }
    return EMULATE_DONE;
}

/* --- All registers, flags ------------------------------------------------------------------------- */

/* Slot `n` from the top, after PUSHA: DI is lowest. */
static enum emulate_result stack_resolve_all(struct emu *e, uint8_t access,
                                             struct emu_span slots[PUSHA_SLOTS])
{
    uint64_t size = e->insn.other_size;
    bool push = access == INSN_WRITE;
    for (uint32_t i = 0; i < PUSHA_SLOTS;
         i++) { /* as they are accessed: of several faults the first */
        uint32_t n = push ? PUSHA_SLOTS - 1u - i : i;
        uint64_t by = push ? 0u - (i + 1u) * size : i * size;
        const struct emu_ref ref = emu_stack_slot(e, by, access);
        enum emulate_result r = emu_resolve(e, &ref, &slots[n]);
        if (r != EMULATE_DONE) {
            return r;
        }
    }
    return emu_settle(e);
}

enum emulate_result emu_op_pusha(struct emu *e)
{
    uint32_t size = e->insn.other_size;
    struct emu_span slots[PUSHA_SLOTS];
    enum emulate_result r = stack_resolve_all(e, INSN_WRITE, slots);
    if (r != EMULATE_DONE) {
        return r;
    }
    for (uint32_t n = PUSHA_SLOTS; n > 0; n--) { /* AX first, at the top */
        emu_store(e, &slots[n - 1u], emu_gpr(e, PUSHA_SLOTS - n, size));
    }
    stack_set_pointer(e, stack_pointer(e) - PUSHA_SLOTS * size);
    return EMULATE_DONE;
}

enum emulate_result emu_op_popa(struct emu *e)
{
    uint32_t size = e->insn.other_size;
    struct emu_span slots[PUSHA_SLOTS];
    enum emulate_result r = stack_resolve_all(e, INSN_READ, slots);
    if (r != EMULATE_DONE) {
        return r;
    }
    for (uint32_t n = 0; n < PUSHA_SLOTS; n++) {
        uint32_t reg = PUSHA_SLOTS - 1u - n;
        if (reg != GPR_RSP) { /* skipped, not even read */
            emu_set_gpr(e, reg, size, emu_load(e, &slots[n]));
        }
    }
    stack_set_pointer(e, stack_pointer(e) + PUSHA_SLOTS * size);
    return EMULATE_DONE;
}

/* In virtual-8086 mode the privilege to touch IF is IOPL 3. Without it the guest is shown another IF, if
 * CR4.VME says so and the operand has 16 bits; else it gets #GP. */
static bool flags_are_virtual(const struct emu *e)
{
    bool v86 = (e->regs->rflags & RFLAGS_VM) != 0 && (e->regs->cr0 & CR0_PE) != 0;
    return v86 && (e->regs->rflags & RFLAGS_IOPL) != RFLAGS_IOPL;
}

static enum emulate_result flags_allowed(struct emu *e)
{
    bool extended = (e->regs->cr4 & CR4_VME) != 0 && e->insn.other_size == 2;
    return !flags_are_virtual(e) || extended ? EMULATE_DONE : emu_fault(e, VECTOR_GP, 0);
}

enum emulate_result emu_op_pushf(struct emu *e)
{
    uint64_t flags = e->regs->rflags & ~(uint64_t)(RFLAGS_VM | RFLAGS_RF);
    enum emulate_result r = flags_allowed(e);
    if (r != EMULATE_DONE) {
        return r;
    }
    if (flags_are_virtual(e)) {
        flags &= ~(uint64_t)RFLAGS_IF;
        flags |= RFLAGS_IOPL | ((flags & RFLAGS_VIF) != 0 ? RFLAGS_IF : 0u);
    }
    return stack_push(e, flags);
}

/* The guest's IF is VIF. It must not get what would make it take an interrupt that waits, or a trap. */
static enum emulate_result popf_virtual(struct emu *e, uint64_t val)
{
    bool on = (val & RFLAGS_IF) != 0;
    if (((e->regs->rflags & RFLAGS_VIP) != 0 && on) || (val & RFLAGS_TF) != 0) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    const uint64_t changes = (POPF_USER & 0xFFFFu) | RFLAGS_VIF;
    stack_set_pointer(e, stack_pointer(e) + e->insn.other_size);
    struct vcpu_regs *regs = emu_edit(e);
    regs->rflags = (regs->rflags & ~changes) | (val & POPF_USER & 0xFFFFu) | (on ? RFLAGS_VIF : 0u);
    return EMULATE_DONE;
}

enum emulate_result emu_op_popf(struct emu *e)
{
    struct emu_span slot;
    enum emulate_result r = flags_allowed(e);
    if (r == EMULATE_DONE) {
        r = stack_resolve(e, INSN_READ, &slot);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    if (flags_are_virtual(e)) {
        return popf_virtual(e, emu_load(e, &slot));
    }
    uint64_t iopl = (e->regs->rflags & RFLAGS_IOPL) >> 12;
    uint64_t changes = POPF_USER & ones_bytes(e->insn.other_size);
    changes |= e->cpl <= iopl ? RFLAGS_IF : 0;
    changes |= e->cpl == 0 ? RFLAGS_IOPL : 0;
    uint64_t val = emu_load(e, &slot);
    stack_set_pointer(e, stack_pointer(e) + e->insn.other_size);
    struct vcpu_regs *regs = emu_edit(e);
    regs->rflags = (regs->rflags & ~changes) | (val & changes);
    return EMULATE_DONE;
}

/* --- Near transfers ---------------------------------------------------------------------------------- */

/* Where a near transfer leads, if it may: within the limit, or canonical. */
static enum emulate_result transfer_to(struct emu *e, uint64_t target)
{
    bool allowed =
        e->mode == DECODE_64 ? walk_canonical(target) : target <= e->regs->seg[SEG_CS].limit;
    if (!allowed) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    e->next_rip = target;
    return EMULATE_DONE;
}

enum emulate_result emu_op_jmp(struct emu *e)
{
    struct emu_span mem;
    enum emulate_result r = emu_explicit(e, &mem);
    return r == EMULATE_DONE ? transfer_to(e, emu_load(e, &mem)) : r;
}

enum emulate_result emu_op_call(struct emu *e)
{
    const struct insn *insn = &e->insn;
    const uint64_t back = e->next_rip;
    struct emu_span mem;
    struct emu_span slot;
    enum emulate_result r = EMULATE_DONE;
    if (insn->form == INSN_MEM) {
        const struct emu_ref ref = emu_explicit_ref(e);
        r = emu_resolve(e, &ref, &mem);
    }
    if (r == EMULATE_DONE) {
        r = stack_resolve(e, INSN_WRITE, &slot);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    uint64_t target = insn->form == INSN_STACK_REG ? emu_reg(e) : back + insn->imm;
    if (insn->form == INSN_MEM) {
        target = emu_load(e, &mem);
    }
    r = transfer_to(e, target & ones_bytes(insn->other_size));
    if (r == EMULATE_DONE) {
        emu_store(e, &slot, back);
        stack_set_pointer(e, stack_pointer(e) - insn->other_size);
    }
    return r;
}

enum emulate_result emu_op_ret(struct emu *e)
{
    const struct insn *insn = &e->insn;
    struct emu_span slot;
    enum emulate_result r = stack_resolve(e, INSN_READ, &slot);
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        r = transfer_to(e, emu_load(e, &slot));
    }
    if (r == EMULATE_DONE) {
        uint64_t released = insn->form == INSN_STACK_IMM ? insn->imm & 0xFFFFu : 0;
        stack_set_pointer(e, stack_pointer(e) + insn->other_size + released);
    }
    return r;
}

/* --- Frames ------------------------------------------------------------------------------------------- */

enum emulate_result emu_op_leave(struct emu *e)
{
    uint32_t width = stack_width(e);
    uint64_t frame = emu_gpr(e, GPR_RBP, width);
    const struct emu_ref ref = {
        .offset = frame, .size = e->insn.other_size, .seg = SEG_SS, .access = INSN_READ};
    struct emu_span slot;
    enum emulate_result r = emu_resolve(e, &ref, &slot);
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        uint64_t val = emu_load(e, &slot);
        stack_set_pointer(e, frame + ref.size);
        emu_set_gpr(e, GPR_RBP, ref.size, val);
    }
    return r;
}

/* The new frame pointer: rSP after the first push, with what lies above the stack's width. */
static uint64_t enter_frame_pointer(const struct emu *e)
{
    uint64_t mask = ones_bytes(stack_width(e));
    uint64_t rsp = e->regs->gpr[GPR_RSP];
    return (rsp & ~mask) | ((rsp - e->insn.other_size) & mask);
}

/* Word `n` of the new frame: the old rBP, then the display: copies of the old one's, then its own. */
static enum emulate_result enter_word(struct emu *e, uint32_t n, bool doing, uint64_t *val)
{
    uint64_t size = e->insn.other_size;
    uint32_t level = e->insn.other_count - 1u;
    if (n == 0) {
        *val = e->regs->gpr[GPR_RBP];
        return EMULATE_DONE;
    }
    if (n == level) {
        *val = enter_frame_pointer(e);
        return EMULATE_DONE;
    }
    const struct emu_ref ref = {
        .offset = (e->regs->gpr[GPR_RBP] - n * size) & ones_bytes(stack_width(e)),
        .size = (uint32_t)size,
        .seg = SEG_SS,
        .access = INSN_READ,
    };
    struct emu_span span;
    enum emulate_result r = emu_resolve(e, &ref, &span);
    if (r == EMULATE_DONE && doing) {
        *val = emu_load(e, &span);
    }
    return r;
}

/* Goes over all words of the frame; `doing`: carries them there, else looks whether that will do. */
static enum emulate_result enter_frame(struct emu *e, bool doing)
{
    uint64_t size = e->insn.other_size;
    for (uint32_t n = 0; n < e->insn.other_count; n++) { /* bound: 32 */
        uint64_t val = 0;
        struct emu_span slot;
        const struct emu_ref ref = emu_stack_slot(e, 0u - (n + 1u) * size, INSN_WRITE);
        enum emulate_result r = enter_word(e, n, doing, &val);
        if (r == EMULATE_DONE) {
            r = emu_resolve(e, &ref, &slot);
        }
        if (r != EMULATE_DONE) {
            return doing ? EMULATE_AGAIN : r; /* it was good before: the tables have changed */
        }
        if (doing) {
            emu_store(e, &slot, val);
        }
    }
    return EMULATE_DONE;
}

/* imm is the bytes of locals, which must be there to be written, though nothing is. */
enum emulate_result emu_op_enter(struct emu *e)
{
    uint64_t locals = e->insn.imm & 0xFFFFu;
    uint64_t words = (uint64_t)e->insn.other_count * e->insn.other_size;
    const struct emu_ref end = emu_stack_slot(e, 0u - words - locals, INSN_READ | INSN_WRITE);
    struct emu_span span;
    enum emulate_result r = enter_frame(e, false);
    if (r == EMULATE_DONE) {
        r = emu_resolve(e, &end, &span);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r == EMULATE_DONE) {
        r = enter_frame(e, true);
    }
    if (r == EMULATE_DONE) {
        uint64_t frame = enter_frame_pointer(e);
        stack_set_pointer(e, stack_pointer(e) - words - locals);
        emu_set_gpr(e, GPR_RBP, e->insn.other_size, frame);
    }
    return r;
}
