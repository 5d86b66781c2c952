/* SPDX-License-Identifier: BSD-2-Clause
 * Registers between the core's groups and the VMCS: read when asked for, written when they changed. */
#include "base/assert.h"
#include "base/string.h"
#include "cpu/cr.h"
#include "sel4/vmx/vcpu_int.h"

const uint8_t vmx_gpr_order[VMX_GPRS] = {
    GPR_RAX, GPR_RBX, GPR_RCX, GPR_RDX, GPR_RSI, GPR_RDI, GPR_RBP, GPR_R8,
    GPR_R9,  GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
};

void vmx_set_blocked(struct vmx_vcpu *v, uint32_t blocked)
{
    if (blocked != v->blocked) {
        (void)vmx_write(v, VMCS_INTERRUPTIBILITY, blocked);
        v->blocked = blocked;
    }
}

void vmx_set_long_mode(struct vmx_vcpu *v, bool on)
{
    if (on != v->long_mode) {
        (void)vmx_write(v, VMCS_ENTRY_CONTROLS, v->entry | (on ? ENTRY_IA32E : 0u));
        v->long_mode = on;
    }
}

/* CR2 cannot be read here, and the core never does; it may write any address, but not this one. */
#define CR2_UNKNOWN 0x8000000000000000ull

/* --- Reading ----------------------------------------------------------------------------------- */

static void read_seg(struct vmx_vcpu *v, uint32_t seg)
{
    v->seen.seg[seg] = (struct seg_reg){
        .base = vmx_read(v, VMCS_SEG_BASE(seg)),
        .limit = (uint32_t)vmx_read(v, VMCS_SEG_LIMIT(seg)),
        .ar = (uint32_t)vmx_read(v, VMCS_SEG_AR(seg)),
        .selector = (uint16_t)vmx_read(v, VMCS_SEG_SELECTOR(seg)),
    };
}

static struct table_reg read_table(const struct vmx_vcpu *v, uint32_t base, uint32_t limit)
{
    return (struct table_reg){
        .base = vmx_read(v, base),
        .limit = (uint32_t)vmx_read(v, limit),
    };
}

/* As the guest sees them: what the host keeps comes from the shadows. */
static void read_control(struct vmx_vcpu *v)
{
    uint64_t kept0 = v->seen.cr0 & CR0_TRAP; /* changes only by an exit; so do XCR0 and ... */
    uint64_t kept4 = v->seen.cr4 & ~v->limits.cr4;
    v->seen.cr0 = (vmx_read(v, VMCS_CR0) & ~CR0_TRAP) | kept0;
    v->seen.cr4 = (vmx_read(v, VMCS_CR4) & v->limits.cr4) | kept4;
    /* ... EFER, but for LMA, which goes with paging. [SDM] vol. 3A, 4.1.1 */
    v->seen.efer &= ~EFER_LMA;
    if ((v->seen.efer & EFER_LME) != 0 && (v->seen.cr0 & CR0_PG) != 0) {
        v->seen.efer |= EFER_LMA;
    }
    v->long_mode = (v->seen.efer & EFER_LMA) != 0; /* the processor keeps the entry control so */
    v->seen.cr2 = CR2_UNKNOWN;
}

static void read_segments(struct vmx_vcpu *v)
{
    for (uint32_t seg = 0; seg < SEG_COUNT; seg++) { /* bound: SEG_COUNT */
        read_seg(v, seg);
    }
    v->seen.gdtr = read_table(v, VMCS_GDTR_BASE, VMCS_GDTR_LIMIT);
    v->seen.idtr = read_table(v, VMCS_IDTR_BASE, VMCS_IDTR_LIMIT);
    v->sys_known = VMX_SYS_FULL;
}

static void read_sys(struct vmx_vcpu *v)
{
    if (v->sys_known != VMX_SYS_NONE) {
        return;
    }
    read_control(v);
    v->seen.seg[SEG_CS].ar = (uint32_t)vmx_read(v, VMCS_SEG_AR(SEG_CS));
    if (v->long_mode && (v->seen.seg[SEG_CS].ar & SEG_AR_L) != 0) {
        v->seen.seg[SEG_SS].ar = (uint32_t)vmx_read(v, VMCS_SEG_AR(SEG_SS));
        v->seen.seg[SEG_FS].base = vmx_read(v, VMCS_SEG_BASE(SEG_FS));
        v->seen.seg[SEG_GS].base = vmx_read(v, VMCS_SEG_BASE(SEG_GS));
        v->sys_known = VMX_SYS_LEAN;
        return;
    }
    read_segments(v);
}

void vmx_regs_fetch(void *vcpu, uint32_t id, uint32_t groups, struct vcpu_regs *regs)
{
    struct vmx_vcpu *v = vcpu;
    (void)id;                /* one vCPU */
    BH_ASSERT(v->gpr_known); /* seL4 shows them at a fault only; the core asks at no other exit */
    if ((groups & REGS_GPR) != 0) {
        if (v->rsp_wanted && !v->rsp_known) {
            v->seen.gpr[GPR_RSP] = vmx_read(v, VMCS_RSP);
            v->rsp_known = true;
        }
        memcpy(regs->gpr, v->seen.gpr, sizeof(regs->gpr));
        regs->rip = v->seen.rip;
        regs->rflags = v->seen.rflags;
    }
    if ((groups & (REGS_SYS | REGS_SEG)) != 0) {
        read_sys(v);
        if ((groups & REGS_SEG) != 0 && v->sys_known != VMX_SYS_FULL) {
            read_segments(v);
        }
        memcpy(regs->seg, v->seen.seg, sizeof(regs->seg));
        regs->gdtr = v->seen.gdtr;
        regs->idtr = v->seen.idtr;
    }
    if ((groups & REGS_SYS) != 0) {
        regs->cr0 = v->seen.cr0;
        regs->cr2 = v->seen.cr2;
        regs->cr3 = v->seen.cr3;
        regs->cr4 = v->seen.cr4;
        regs->efer = v->seen.efer;
        regs->xcr0 = v->seen.xcr0;
    }
    vmx_vectors_fetch(v, groups, regs);
}

/* --- Writing ----------------------------------------------------------------------------------- */

#define SEG_TYPE_TSS 0xBu /* 32 or 64 bits, busy */

/* Writes a field whose value is not the one that is there. `all`: nothing is known of it. */
static void put(const struct vmx_vcpu *v, bool all, uint32_t field, uint64_t old, uint64_t now)
{
    if (all || old != now) {
        (void)vmx_write(v, field, now);
    }
}

static void store_gpr(struct vmx_vcpu *v, const struct vcpu_regs *r)
{
    uint64_t words[VMX_GPRS];
    bool all = !v->gpr_known;
    bool changed = all;
    for (uint32_t i = 0; i < VMX_GPRS; i++) { /* bound: VMX_GPRS */
        uint32_t n = vmx_gpr_order[i];
        words[i] = r->gpr[n];
        changed = changed || r->gpr[n] != v->seen.gpr[n];
    }
    if (changed) {
        v->port.write_gprs(v->port.host, words);
    }
    if (all || v->rsp_known) {
        put(v, all, VMCS_RSP, v->seen.gpr[GPR_RSP], r->gpr[GPR_RSP]);
        v->rsp_known = true;
    }
    put(v, all, VMCS_RFLAGS, v->seen.rflags, r->rflags);
    /* The instruction that STI or MOV SS shielded is over if RIP moved. Entry refuses STI's without IF. */
    uint32_t sti_over = (r->rflags & RFLAGS_IF) == 0 ? BLOCKED_STI : 0;
    uint32_t over = r->rip != v->exit_rip ? BLOCKED_STI | BLOCKED_MOV_SS : sti_over;
    vmx_set_blocked(v, v->blocked & ~over);
    memcpy(v->seen.gpr, r->gpr, sizeof(v->seen.gpr));
    v->seen.rip = r->rip; /* goes with VMEnter */
    v->seen.rflags = r->rflags;
    v->gpr_known = true;
}

/* Entering a guest in long mode wants this type, also of a TR that nobody has loaded yet. */
static uint32_t tr_for_entry(const struct vcpu_regs *r)
{
    uint32_t ar = r->seg[SEG_TR].ar;
    return (r->efer & EFER_LMA) != 0 ? (ar & ~SEG_AR_TYPE) | SEG_TYPE_TSS : ar;
}

static void store_segs(struct vmx_vcpu *v, const struct vcpu_regs *r, bool all)
{
    for (uint32_t i = 0; i < SEG_COUNT; i++) { /* bound: SEG_COUNT */
        const struct seg_reg *old = &v->seen.seg[i];
        const struct seg_reg *now = &r->seg[i];
        put(v, all, VMCS_SEG_BASE(i), old->base, now->base);
        put(v, all, VMCS_SEG_LIMIT(i), old->limit, now->limit);
        put(v, all, VMCS_SEG_AR(i), old->ar, i == SEG_TR ? tr_for_entry(r) : now->ar);
        put(v, all, VMCS_SEG_SELECTOR(i), old->selector, now->selector);
    }
    put(v, all, VMCS_GDTR_BASE, v->seen.gdtr.base, r->gdtr.base);
    put(v, all, VMCS_GDTR_LIMIT, v->seen.gdtr.limit, r->gdtr.limit);
    put(v, all, VMCS_IDTR_BASE, v->seen.idtr.base, r->idtr.base);
    put(v, all, VMCS_IDTR_LIMIT, v->seen.idtr.limit, r->idtr.limit);
}

/* What has the processor forget translations if the guest changes it by itself: [SDM] vol. 3A, 4.10.4.1. */
#define CR4_PAGING (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)

/* Changed by the core, for an instruction that exits or a task switch, or, if `all`, because the VM is started again: with
 * VPIDs, neither exit nor entry forgets any ([SDM] vol. 3C, 29.4.3), and the kernel has no call for it. But the end of a
 * loan does. */
static void forget_translations(const struct vmx_vcpu *v, const struct vcpu_regs *r, bool all)
{
    bool paging = all || ((r->cr0 ^ v->seen.cr0) & CR0_PG) != 0 ||
                  ((r->cr4 ^ v->seen.cr4) & CR4_PAGING) != 0 || r->cr3 != v->seen.cr3;
    if (paging && v->port.page != NULL) {
        v->port.lend(v->port.host, false);
    }
}

static void store_control(struct vmx_vcpu *v, const struct vcpu_regs *r, bool all)
{
    if (all || r->cr0 != v->seen.cr0) {
        (void)vmx_write(v, VMCS_CR0, (r->cr0 & ~CR0_TRAP) | CR0_REAL);
        (void)vmx_write(v, VMCS_CR0_SHADOW, r->cr0);
    }
    if (all || r->cr4 != v->seen.cr4) {
        (void)vmx_write(v, VMCS_CR4, (r->cr4 & v->limits.cr4) | CR4_REAL);
        put(v, all, VMCS_CR4_SHADOW, v->seen.cr4 & ~v->limits.cr4, r->cr4 & ~v->limits.cr4);
    }
    forget_translations(v, r, all);
    put(v, all, VMCS_CR3, v->seen.cr3, r->cr3);
    put(v, all, VMCS_EFER, v->seen.efer, r->efer);
    vmx_set_long_mode(v, (r->efer & EFER_LMA) != 0);
    if (r->cr2 != v->seen.cr2 && (r->cr2 != 0 || !all)) {
        v->port.write_cr2(v->port.host, r->cr2);
    }
}

void vmx_regs_store(struct vmx_vcpu *v, uint32_t groups, const struct vcpu_regs *regs)
{
    if ((groups & REGS_SYS) != 0) {
        bool all = v->sys_known == VMX_SYS_NONE;
        store_segs(v, regs, all);
        store_control(v, regs, all);
        memcpy(v->seen.seg, regs->seg, sizeof(v->seen.seg));
        v->seen.seg[SEG_TR].ar = tr_for_entry(regs);
        v->seen.gdtr = regs->gdtr;
        v->seen.idtr = regs->idtr;
        v->seen.cr0 = regs->cr0;
        v->seen.cr2 = regs->cr2;
        v->seen.cr3 = regs->cr3;
        v->seen.cr4 = regs->cr4;
        v->seen.efer = regs->efer;
        v->seen.xcr0 = regs->xcr0;
        v->sys_known = all ? VMX_SYS_FULL : v->sys_known;
    }
    if ((groups & REGS_GPR) != 0) {
        store_gpr(v, regs);
    }
    for (uint32_t i = 0; (groups & REGS_PDPTE) != 0 && i < 4u; i++) {
        (void)vmx_write(v, VMCS_PDPTE(i), regs->pdpte[i]);
    }
    vmx_vectors_store(v, groups, regs);
}
