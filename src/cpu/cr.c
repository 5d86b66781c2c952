/* SPDX-License-Identifier: BSD-2-Clause
 * The rules of control registers. */
#include "cpu/cr.h"

#include "base/bits.h"
#include "base/le.h"
#include "base/string.h"

#define CR0_HIGH 0xFFFFFFFF00000000ull
#define CR0_WRITABLE \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR0_PAE_LOADS (CR0_PG | CR0_CD | CR0_NW)
#define CR4_PAE_LOADS (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)
#define CR3_NO_FLUSH  (1ull << 63)
#define PDPTE_P       0x1ull
#define TSS_16        0x1u /* types in TR's access rights */
#define TSS_16_BUSY   0x3u
#define PDPTE_FIXED0  0x1E6ull /* bits 1, 2 and 5 to 8 */

/* CR4 bits by the feature that brings them. [SDM] vol. 3A, 2.5 */
static const struct cr4_row {
    uint64_t bit;
    uint16_t feature;
    bool trap; /* the guest must not own it though it is offered */
} cr4_rows[] = {
    {CR4_VME, CPUID_F_vme, false},     {CR4_PVI, CPUID_F_vme, false},
    {CR4_TSD, CPUID_F_tsc, false},     {CR4_DE, CPUID_F_de, false},
    {CR4_PSE, CPUID_F_pse, false},     {CR4_PAE, CPUID_F_pae, false},
    {CR4_MCE, CPUID_F_mce, true}, /* clear in hardware, a machine check would end the host */
    {CR4_PGE, CPUID_F_pge, false},     {CR4_PCE, CPUID_F_fpu, false}, /* RDPMC is #GP in any case */
    {CR4_OSFXSR, CPUID_F_fxsr, false}, {CR4_OSXMMEXCPT, CPUID_F_sse, false},
    {CR4_UMIP, CPUID_F_umip, false},   {CR4_FSGSBASE, CPUID_F_fsgsbase, false},
    {CR4_PCIDE, CPUID_F_pcid, false},  {CR4_OSXSAVE, CPUID_F_xsave, false},
    {CR4_SMEP, CPUID_F_smep, false},   {CR4_SMAP, CPUID_F_smap, false},
    {CR4_PKE, CPUID_F_pku, false},
};

#define CR4_ROWS (sizeof(cr4_rows) / sizeof(cr4_rows[0]))

struct cr_limits cr_limits_of(const struct cpuid_cpu *cpu)
{
    struct cr_limits l = {.phys_bits = cpu->phys_bits};
    for (uint32_t i = 0; i < CR4_ROWS; i++) { /* bound: CR4_ROWS */
        bool has = cpuid_has(cpu, (enum cpuid_feature)cr4_rows[i].feature);
        l.cr4 |= has ? cr4_rows[i].bit : 0;
    }
    l.efer |= cpuid_has(cpu, CPUID_F_syscall) ? EFER_SCE : 0;
    l.efer |= cpuid_has(cpu, CPUID_F_lm) ? EFER_LME : 0;
    l.efer |= cpuid_has(cpu, CPUID_F_nx) ? EFER_NXE : 0;
    l.efer |= cpuid_has(cpu, CPUID_F_fxsr_opt) ? EFER_FFXSR : 0;
    return l;
}

uint64_t cr4_trap(const struct cr_limits *limits)
{
    uint64_t owned = 0;
    for (uint32_t i = 0; i < CR4_ROWS; i++) { /* bound: CR4_ROWS */
        owned |= cr4_rows[i].trap ? 0 : cr4_rows[i].bit;
    }
    return ~(owned & limits->cr4);
}

static bool pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && (efer & EFER_LMA) == 0;
}

/* The four pointers that PAE paging keeps in the processor. What is not RAM reads as all ones there. */
static bool load_pdptes(struct cr_vcpu *c, uint64_t cr3)
{
    uint8_t bytes[32];
    uint64_t pdpte[4];
    uint64_t reserved = PDPTE_FIXED0 | ~(BIT64(c->limits->phys_bits) - 1u);
    if (!gmem_read(c->gmem, cr3 & 0xFFFFFFE0u, bytes, sizeof(bytes))) {
        return false;
    }
    for (uint32_t i = 0; i < 4; i++) {
        pdpte[i] = le_load(bytes + 8u * i, 8);
        if ((pdpte[i] & PDPTE_P) != 0 && (pdpte[i] & reserved) != 0) {
            return false;
        }
    }
    memcpy(c->regs->pdpte, pdpte, sizeof(pdpte));
    c->pdptes = true;
    return true;
}

/* Switching paging on: to IA-32e mode if LME asks for it. [SDM] vol. 3A, 10.8.5 */
static bool may_enable_paging(const struct vcpu_regs *r)
{
    uint32_t task = r->seg[SEG_TR].ar & SEG_AR_TYPE;
    if ((r->efer & EFER_LME) == 0) {
        return true;
    }
    return (r->cr4 & CR4_PAE) != 0 && (r->seg[SEG_CS].ar & SEG_AR_L) == 0 && task != TSS_16 &&
           task != TSS_16_BUSY;
}

/* Switching it off: not from 64-bit code, and not with PCIDs on. */
static bool may_disable_paging(const struct vcpu_regs *r)
{
    bool code64 = (r->efer & EFER_LMA) != 0 && (r->seg[SEG_CS].ar & SEG_AR_L) != 0;
    return !code64 && (r->cr4 & CR4_PCIDE) == 0;
}

static bool write_cr0(struct cr_vcpu *c, uint64_t value)
{
    struct vcpu_regs *r = c->regs;
    uint64_t old = r->cr0;
    uint64_t efer = r->efer;
    bool illegal = (value & CR0_HIGH) != 0 || ((value & CR0_PG) != 0 && (value & CR0_PE) == 0) ||
                   ((value & CR0_NW) != 0 && (value & CR0_CD) == 0);
    if (illegal) {
        return false;
    }
    value = (value & CR0_WRITABLE) | CR0_ET; /* reserved bits of the low half do not take */
    bool up = (value & ~old & CR0_PG) != 0;
    bool down = (old & ~value & CR0_PG) != 0;
    if ((up && !may_enable_paging(r)) || (down && !may_disable_paging(r))) {
        return false;
    }
    if (up && (efer & EFER_LME) != 0) {
        efer |= EFER_LMA;
    } else if (down) {
        efer &= ~EFER_LMA;
    }
    bool loads = pae_paging(value, r->cr4, efer) && ((value ^ old) & CR0_PAE_LOADS) != 0;
    if (loads && !load_pdptes(c, r->cr3)) {
        return false;
    }
    r->cr0 = value;
    r->efer = efer;
    return true;
}

static bool write_cr3(struct cr_vcpu *c, uint64_t value)
{
    struct vcpu_regs *r = c->regs;
    if (pae_paging(r->cr0, r->cr4, r->efer) && !load_pdptes(c, value)) {
        return false;
    }
    if ((r->efer & EFER_LMA) != 0) {
        value &= (r->cr4 & CR4_PCIDE) != 0 ? ~CR3_NO_FLUSH : UINT64_MAX;
    }
    /* Outside 64-bit mode the operand has 32 bits, and there is nothing to check. */
    if ((value & ~(BIT64(c->limits->phys_bits) - 1u)) != 0) {
        return false;
    }
    r->cr3 = value;
    return true;
}

static bool write_cr4(struct cr_vcpu *c, uint64_t value)
{
    struct vcpu_regs *r = c->regs;
    uint64_t old = r->cr4;
    bool long_mode = (r->efer & EFER_LMA) != 0;
    if ((value & ~c->limits->cr4) != 0 || (long_mode && (value & CR4_PAE) == 0)) {
        return false;
    }
    bool pcids_on = (value & ~old & CR4_PCIDE) != 0;
    if (pcids_on && (!long_mode || (r->cr3 & 0xFFFu) != 0)) {
        return false;
    }
    bool loads = pae_paging(r->cr0, value, r->efer) && ((value ^ old) & CR4_PAE_LOADS) != 0;
    if (loads && !load_pdptes(c, r->cr3)) {
        return false;
    }
    r->cr4 = value;
    return true;
}

bool cr_write(struct cr_vcpu *c, uint32_t cr, uint64_t value)
{
    switch (cr) {
    case 0:
        return write_cr0(c, value);
    case 3:
        return write_cr3(c, value);
    case 4:
        return write_cr4(c, value);
    default:
        return false;
    }
}

uint64_t cr0_after_lmsw(uint64_t cr0, uint16_t source)
{
    const uint64_t low = CR0_MP | CR0_EM | CR0_TS;
    return (cr0 & ~low) | (source & (low | CR0_PE));
}

bool efer_write(struct cr_vcpu *c, uint64_t value)
{
    struct vcpu_regs *r = c->regs;
    value &= ~EFER_LMA; /* the processor's own */
    if ((value & ~c->limits->efer) != 0) {
        return false;
    }
    bool paging = (r->cr0 & CR0_PG) != 0;
    if (paging && ((value ^ r->efer) & EFER_LME) != 0) {
        return false;
    }
    r->efer = value | (r->efer & EFER_LMA);
    return true;
}
