/* SPDX-License-Identifier: BSD-2-Clause
 * Exits that are the host's business: control and debug registers, the MSRs that the vCPU holds,
 * exceptions that are watched, instructions that this guest's processor does not have.
 * Spec: [SDM] vol. 3C, 28.2.1 (qualification of debug, control and debug register exits), 25.8.3; vol.
 * 3A, 2.5 (control registers), 4.4.1 (PDPTE registers), 18.2 (debug registers); vol. 4, IA32_EFER. */
#include "base/le.h"
#include "cpu/msr.h"
#include "sel4/vmx/vcpu_int.h"
#include "vm/gmem.h"

#define DEBUG_QUAL     0x600Full /* B0-3, BD, BS: as in DR6 */
#define SEG_TYPE_TSS   0xBu
#define EFER_WRITABLE  (EFER_SCE | EFER_LME | EFER_NXE)
#define EVENT_UNBLOCK  BIT32(12) /* an IRET had ended NMI blocking before it faulted */
#define EVENT_ICEBP    (5u << 8)
#define PDPTE_RESERVED 0xFFF00000000001E6ull

void vmx_raise(struct vmx_vcpu *v, uint32_t vector, bool has_code)
{
    v->own.info = EVENT_VALID | EVENT_EXCEPTION | vector | (has_code ? EVENT_ERROR_CODE : 0u);
    v->own.error_code = 0;
}

static void fault_gp(struct vmx_vcpu *v)
{
    vmx_raise(v, VECTOR_GP, true);
}

/* Over the instruction. One that is single-stepped ends in a #DB. */
static void step(struct vmx_vcpu *v, struct vcpu_regs *r, uint32_t insn_len)
{
    r->rip += insn_len;
    if ((r->rflags & RFLAGS_TF) != 0) {
        v->dr6 |= DR6_BS;
        vmx_raise(v, VECTOR_DB, false);
    }
    vmx_regs_store(v, REGS_GPR, r);
}

/* --- Control registers ------------------------------------------------------------------------- */

/* The four page-directory pointers of PAE paging, which the processor keeps. False: the guest gets #GP.
 * [SDM] vol. 3A, 4.4.1 */
static bool load_pdptes(struct vmx_vcpu *v, const struct vcpu_regs *r)
{
    uint8_t table[32] = {0};
    if (!gmem_read(v->limits.mem, r->cr3 & 0xFFFFFFE0u, table, sizeof(table))) {
        return false;
    }
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t entry = le64(&table[8u * i]);
        if ((entry & 1u) != 0 && (entry & PDPTE_RESERVED) != 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < 4; i++) {
        (void)vmx_write(v, VMCS_PDPTE(i), le64(&table[8u * i]));
    }
    return true;
}

/* [SDM] vol. 2B, MOV to control registers, "protected mode exceptions" and "64-bit mode exceptions". */
static bool cr0_legal(const struct vcpu_regs *r, uint64_t now)
{
    bool paging = (now & CR0_PG) != 0;
    bool was_paging = (r->cr0 & CR0_PG) != 0;
    if ((now >> 32) != 0 || ((now & CR0_NW) != 0 && (now & CR0_CD) == 0)) {
        return false;
    }
    if (paging && (now & CR0_PE) == 0) {
        return false;
    }
    bool cs_long = (r->seg[SEG_CS].ar & SEG_AR_L) != 0;
    if (paging && !was_paging && (r->efer & EFER_LME) != 0) {
        return (r->cr4 & CR4_PAE) != 0 && !cs_long;
    }
    if (!paging && was_paging) {
        return ((r->efer & EFER_LMA) == 0 || !cs_long) && (r->cr4 & (1ull << 17)) == 0; /* PCIDE */
    }
    return true;
}

static bool set_cr0(struct vmx_vcpu *v, struct vcpu_regs *r, uint64_t value)
{
    uint64_t now = value | CR0_ET;
    if (!cr0_legal(r, now)) {
        return false;
    }
    uint64_t efer = r->efer & ~EFER_LMA;
    if ((now & CR0_PG) != 0 && (efer & EFER_LME) != 0) {
        efer |= EFER_LMA;
    }
    bool pae = (now & CR0_PG) != 0 && (r->cr4 & CR4_PAE) != 0 && (efer & EFER_LMA) == 0;
    if (pae && !load_pdptes(v, r)) {
        return false;
    }
    if ((efer & EFER_LMA) != 0 && (r->efer & EFER_LMA) == 0) {
        /* The processor would not mind an old TSS until it is used; entering the guest does. */
        r->seg[SEG_TR].ar = (r->seg[SEG_TR].ar & ~SEG_AR_TYPE) | SEG_TYPE_TSS;
    }
    r->cr0 = now;
    r->efer = efer;
    return true;
}

/* CR8 is the local APIC's. CR3 does not exit. CR4 does if the guest sets what it was not offered. */
static bool own_cr(struct vmx_vcpu *v, const struct vmx_exit_info *i)
{
    uint32_t cr = (uint32_t)i->qualification & 0xFu;
    uint32_t type = (uint32_t)i->qualification >> 4 & 3u;
    if (type != 0 || (cr != 0 && cr != 4u)) {
        return false;
    }
    struct vcpu_regs r;
    vmx_regs_fetch(v, 0, REGS_ALL, &r);
    if (cr == 4u || !set_cr0(v, &r, r.gpr[(uint32_t)i->qualification >> 8 & 0xFu])) {
        fault_gp(v);
        return true;
    }
    vmx_regs_store(v, REGS_SYS, &r);
    step(v, &r, i->insn_len);
    return true;
}

/* --- Debug registers: DR0-3 and DR6 are kept here, so that no guest sees another's ------------- */

static bool dr_fault(struct vmx_vcpu *v, const struct vcpu_regs *r, uint32_t dr, bool write,
                     uint64_t value)
{
    if ((dr == 4u || dr == 5u) && (r->cr4 & (1ull << 3)) != 0) { /* CR4.DE */
        vmx_raise(v, VECTOR_UD, false);
        return true;
    }
    uint64_t dr7 = vmx_read(v, VMCS_DR7);
    if ((dr7 & DR7_GD) != 0) {
        v->dr6 |= DR6_BD;
        (void)vmx_write(v, VMCS_DR7, dr7 & ~DR7_GD);
        vmx_raise(v, VECTOR_DB, false);
        return true;
    }
    if (write && dr >= 4u && (value >> 32) != 0) {
        fault_gp(v);
        return true;
    }
    return false;
}

static uint64_t dr_read(const struct vmx_vcpu *v, uint32_t dr)
{
    if (dr < 4u) {
        return v->dr[dr];
    }
    return (dr & 1u) == 0 ? v->dr6 : vmx_read(v, VMCS_DR7); /* 4 and 5 are 6 and 7 */
}

static void dr_write(struct vmx_vcpu *v, uint32_t dr, uint64_t value)
{
    if (dr < 4u) {
        v->dr[dr] = value;
    } else if ((dr & 1u) == 0) {
        v->dr6 = (value & 0x1E00Full) | DR6_ONES;
    } else {
        /* No breakpoint is enabled: what the processor would compare with is not the guest's. */
        (void)vmx_write(v, VMCS_DR7, (value & 0xFFFF2300ull) | DR7_ONES);
    }
}

static bool own_dr(struct vmx_vcpu *v, const struct vmx_exit_info *i)
{
    uint32_t dr = (uint32_t)i->qualification & 7u;
    bool write = (i->qualification & 0x10u) == 0;
    uint32_t gpr = (uint32_t)i->qualification >> 8 & 0xFu;
    struct vcpu_regs r;
    vmx_regs_fetch(v, 0, REGS_ALL, &r);
    if (dr_fault(v, &r, dr, write, r.gpr[gpr])) {
        return true;
    }
    if (write) {
        dr_write(v, dr, r.gpr[gpr]);
    } else {
        r.gpr[gpr] = dr_read(v, dr);
    }
    step(v, &r, i->insn_len);
    return true;
}

/* --- MSRs -------------------------------------------------------------------------------------- */

static bool set_efer(struct vmx_vcpu *v, struct vcpu_regs *r, uint64_t value)
{
    uint64_t allowed = v->limits.efer & EFER_WRITABLE;
    bool flips_lme = ((value ^ r->efer) & EFER_LME) != 0;
    if ((value & ~(allowed | EFER_LMA)) != 0 || (flips_lme && (r->cr0 & CR0_PG) != 0)) {
        return false;
    }
    r->efer = (r->efer & EFER_LMA) | (value & allowed);
    vmx_regs_store(v, REGS_SYS, r);
    return true;
}

/* A value that the kernel must not get: it would load it without looking, and fault itself. */
static bool msr_good(uint32_t index, uint64_t value)
{
    if (index == VMX_MSR_LSTAR || index == VMX_MSR_CSTAR) {
        return addr_canonical(value);
    }
    return index != VMX_MSR_FMASK || (value >> 32) == 0;
}

static bool own_msr(struct vmx_vcpu *v, const struct vmx_exit_info *i)
{
    uint32_t index = (uint32_t)v->seen.gpr[GPR_RCX];
    if (index < VMX_MSR_EFER || index > VMX_MSR_FMASK) {
        return false;
    }
    bool efer = index == VMX_MSR_EFER;
    struct vcpu_regs r;
    vmx_regs_fetch(v, 0, efer ? REGS_ALL : REGS_GPR, &r);
    if (i->reason == REASON_RDMSR) {
        uint64_t value = efer ? r.efer : v->port.read_msr(v->port.host, index);
        r.gpr[GPR_RAX] = (uint32_t)value;
        r.gpr[GPR_RDX] = value >> 32;
    } else {
        uint64_t value = (r.gpr[GPR_RDX] << 32) | (uint32_t)r.gpr[GPR_RAX];
        bool good = efer ? set_efer(v, &r, value) : msr_good(index, value);
        if (!good) {
            fault_gp(v);
            return true;
        }
        if (!efer) {
            v->port.write_msr(v->port.host, index, value);
        }
    }
    step(v, &r, i->insn_len);
    return true;
}

/* More state than the kernel switches is not there to be enabled; the rest the core judges. */
static bool own_xsetbv(struct vmx_vcpu *v)
{
    uint64_t value = (v->seen.gpr[GPR_RDX] << 32) | (uint32_t)v->seen.gpr[GPR_RAX];
    if ((value & ~v->limits.xcr0) == 0) {
        return false;
    }
    fault_gp(v);
    return true;
}

/* --- Exceptions -------------------------------------------------------------------------------- */

/* #DB and #AC go back to the guest; #DB leaves its reason in DR6, as the processor would have. If an
 * event was being delivered, the guest's own stack or gate was at fault, and the event is lost. */
static bool own_exception(struct vmx_vcpu *v, const struct vmx_exit_info *i)
{
    uint32_t info = (uint32_t)vmx_read(v, VMCS_EXIT_EVENT);
    if ((info & EVENT_TYPE) == EVENT_NMI) {
        return true; /* of the machine, not of the guest: the kernel has seen it */
    }
    if ((info & EVENT_UNBLOCK) != 0) {
        vmx_set_blocked(v, v->blocked | BLOCKED_NMI);
    }
    if ((info & EVENT_TYPE) == EVENT_ICEBP) {
        struct vcpu_regs r;
        vmx_regs_fetch(v, 0, REGS_GPR, &r);
        r.rip += i->insn_len;
        vmx_regs_store(v, REGS_GPR, &r);
    } else if ((info & EVENT_VECTOR) == VECTOR_DB) {
        v->dr6 = (v->dr6 & ~0xFull) | (i->qualification & DEBUG_QUAL);
    }
    vmx_raise(v, info & EVENT_VECTOR, (info & EVENT_ERROR_CODE) != 0);
    return true;
}

static bool undefined(struct vmx_vcpu *v)
{
    vmx_raise(v, VECTOR_UD, false);
    return true;
}

bool vmx_own_exit(struct vmx_vcpu *v, const struct vmx_exit_info *info)
{
    switch (info->reason) {
    case REASON_EXCEPTION:
        return own_exception(v, info);
    case REASON_CR:
        return own_cr(v, info);
    case REASON_DR:
        return own_dr(v, info);
    case REASON_RDMSR:
    case REASON_WRMSR:
        return own_msr(v, info);
    case REASON_XSETBV:
        return own_xsetbv(v);
    case REASON_RDPMC:
        fault_gp(v);
        return true;
    case REASON_GETSEC:
    case REASON_MWAIT:
    case REASON_MONITOR:
    case REASON_INVEPT:
    case REASON_INVVPID:
    case REASON_VMFUNC:
        return undefined(v);
    default:
        return info->reason >= REASON_VMCLEAR && info->reason <= REASON_VMXON && undefined(v);
    }
}
