/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of IRET: in real mode; in virtual-8086 mode, and to it; in protected and in IA-32e mode, to the
 * same level and to an outer one. With NT it is a task switch.
 *
 * It also ends the blocking of NMIs, even if it faults: the host does that, as the report says.
 * Spec: [SDM] vol. 2 (IRET), vol. 3A, 6.7.1 (NMIs), vol. 3B, 21.2, 21.3 (virtual-8086 mode, VME). */
#include "base/bits.h"
#include "cpu/emulate_int.h"

#define FLAGS_STATUS                                                                     \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | RFLAGS_DF | \
     RFLAGS_OF | RFLAGS_NT)
#define FLAGS_WIDE    (RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)
#define FLAGS_VIRTUAL (RFLAGS_VIF | RFLAGS_VIP)
#define FLAGS_ALL     (FLAGS_STATUS | FLAGS_WIDE | FLAGS_VIRTUAL | RFLAGS_IF | RFLAGS_IOPL | RFLAGS_VM)

#define V86_LIMIT 0xFFFFu
#define V86_AR    (SEG_AR_P | SEG_AR_S | SEG_AR_DPL | 3u)

static bool iret_in_v86(const struct emu *e)
{
    return (e->regs->cr0 & CR0_PE) != 0 && (e->regs->rflags & RFLAGS_VM) != 0;
}

/* IF is the guest's own, or VIF stands for it. */
static bool iret_is_virtual(const struct emu *e)
{
    return iret_in_v86(e) && (e->regs->rflags & RFLAGS_IOPL) != RFLAGS_IOPL;
}

static void iret_set_flags(struct emu *e, uint64_t val, uint64_t changes)
{
    struct vcpu_regs *regs = emu_edit(e);
    regs->rflags = (regs->rflags & ~changes) | (val & changes);
    e->resume = (changes & RFLAGS_RF) != 0;
}

/* What the level that it leaves may change. */
static uint64_t iret_changes(const struct emu *e)
{
    const uint64_t iopl = (e->regs->rflags & RFLAGS_IOPL) >> 12;
    uint64_t changes = FLAGS_STATUS | FLAGS_WIDE;
    if (iret_in_v86(e)) {
        changes |= RFLAGS_IF;
    } else if ((e->regs->cr0 & CR0_PE) == 0) {
        changes |= RFLAGS_IF | RFLAGS_IOPL;
    } else {
        changes |= e->cpl <= iopl ? RFLAGS_IF : 0;
        changes |= e->cpl == 0 ? RFLAGS_IOPL | FLAGS_VIRTUAL : 0;
    }
    return changes & ones_bytes(e->insn.other_size);
}

/* --- Virtual-8086 mode --------------------------------------------------------------------------- */

/* Below IOPL 3, only by CR4.VME, and only with 16 bits; then as POPF does. */
static enum emulate_result iret_allowed(struct emu *e)
{
    bool extended = (e->regs->cr4 & CR4_VME) != 0 && e->insn.other_size == 2;
    return !iret_is_virtual(e) || extended ? EMULATE_DONE : emu_fault(e, VECTOR_GP, 0);
}

/* The guest must not get what would make it take an interrupt that waits, or a trap. */
static enum emulate_result iret_virtual_allowed(struct emu *e, uint64_t val)
{
    bool waits = (e->regs->rflags & RFLAGS_VIP) != 0 && (val & RFLAGS_IF) != 0;
    if (iret_is_virtual(e) && (waits || (val & RFLAGS_TF) != 0)) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    return EMULATE_DONE;
}

static void iret_set_virtual(struct emu *e, uint64_t val)
{
    val &= ~(uint64_t)RFLAGS_VIF;
    val |= (val & RFLAGS_IF) != 0 ? RFLAGS_VIF : 0;
    iret_set_flags(e, val, FLAGS_STATUS | RFLAGS_VIF);
}

/* From level 0 to virtual-8086 mode: the stack holds ESP, SS, ES, DS, FS, GS, too. */
static enum emulate_result iret_to_v86(struct emu *e, const uint64_t *slots)
{
    static const uint8_t order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    uint64_t more[EMU_SLOTS_MAX];
    enum emulate_result r = emu_load_slots(e, 3ull * e->insn.other_size, EMU_SLOTS_MAX, more);
    if (r == EMULATE_DONE && slots[0] > V86_LIMIT) {
        r = emu_fault(e, VECTOR_GP, 0);
    }
    if (r == EMULATE_DONE) {
        r = emu_settle(e);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    struct seg_reg *seg = emu_edit_system(e)->seg;
    for (uint32_t i = 0; i <= sizeof(order); i++) {
        uint16_t selector = (uint16_t)(i == 0 ? slots[1] : more[i]);
        seg[i == 0 ? (uint32_t)SEG_CS : order[i - 1u]] = (struct seg_reg){
            .base = (uint64_t)selector << 4,
            .limit = V86_LIMIT,
            .ar = V86_AR,
            .selector = selector,
        };
    }
    emu_set_gpr(e, GPR_RSP, 4, more[0]);
    iret_set_flags(e, slots[2], FLAGS_ALL);
    e->next_rip = slots[0];
    return EMULATE_DONE;
}

/* --- All ------------------------------------------------------------------------------------------- */

/* NT: to the task that this one was called from. It reads no frame, so that no device of its is in it. */
static enum emulate_result iret_task(struct emu *e)
{
    if ((e->regs->efer & EFER_LMA) != 0) {
        return emu_fault(e, VECTOR_GP, 0);
    }
    const enum emulate_result r = emu_settle(e);
    return r == EMULATE_DONE ? emu_task_switch(e, VM_TASK_IRET, 0) : r;
}

/* What is known before the stack is read. */
static enum emulate_result iret_begin(struct emu *e)
{
    bool nested = (e->regs->rflags & RFLAGS_NT) != 0 && !emu_is_real(e);
    if (nested) {
        return iret_task(e);
    }
    return iret_allowed(e);
}

static bool iret_leads_to_v86(const struct emu *e, uint64_t flags)
{
    bool is_long = (e->regs->efer & EFER_LMA) != 0;
    return !is_long && !emu_is_real(e) && e->insn.other_size == 4 && e->cpl == 0 &&
           (flags & RFLAGS_VM) != 0;
}

static enum emulate_result iret(struct emu *e)
{
    uint64_t slots[3];
    struct emu_return r = {.popped = 3, .switches = e->mode == DECODE_64};
    const uint64_t changes = iret_changes(e);
    enum emulate_result result = iret_begin(e);
    if (result == EMULATE_DONE && !e->report->switched) {
        result = emu_load_slots(e, 0, 3, slots);
    }
    if (result != EMULATE_DONE || e->report->switched) {
        return result;
    }
    if (iret_leads_to_v86(e, slots[2])) {
        return iret_to_v86(e, slots);
    }
    r.to.offset = slots[0];
    r.to.selector = (uint16_t)slots[1];
    result = emu_return_check(e, &r);
    if (result == EMULATE_DONE) {
        result = iret_virtual_allowed(e, slots[2]);
    }
    const bool is_virtual = iret_is_virtual(e);
    if (result == EMULATE_DONE) {
        result = emu_return_go(e, &r);
    }
    if (result == EMULATE_DONE && is_virtual) {
        iret_set_virtual(e, slots[2]);
    } else if (result == EMULATE_DONE) {
        iret_set_flags(e, slots[2], changes);
    }
    return result;
}

enum emulate_result emu_op_iret(struct emu *e)
{
    const enum emulate_result r = iret(e);
    e->report->nmi_unblock = r == EMULATE_DONE || r == EMULATE_FAULT;
    return r;
}
