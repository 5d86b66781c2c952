/* SPDX-License-Identifier: BSD-2-Clause
 * The guest's vector registers, which the kernel keeps and has no call for. The guest's own vCPU stores
 * or loads them, by a few instructions of ours in a page that it is lent for that time: 64-bit code, on which no
 * event can come in, at an address where no guest has RAM.
 *
 * Its page table is the page itself, whose first entry leads to it at all four levels: the page is at
 * linear address 0. No translation of that may be left for the guest: lend() sees to it.
 * Spec: [SDM] vol. 2 (MOVUPS), vol. 3A, 4.5 (4-level paging), vol. 3C, 27.3.1 (checks at entry), 29.4
 * (mappings that are cached). */
#include "base/assert.h"
#include "base/le.h"
#include "base/string.h"
#include "sel4/vmx/vcpu_int.h"

#define PAGE_BYTES 4096u
#define CODE_AT    0x10u
#define DATA_AT    0x800u
#define VEC_BYTES  (8u * VEC_WORDS)

#define PTE_OWN 0x63u /* present, writable; accessed and dirty already */

#define AR_CODE_64 (SEG_AR_G | SEG_AR_L | SEG_AR_P | SEG_AR_S | 0xBu)
#define AR_DATA    (SEG_AR_G | SEG_AR_DB | SEG_AR_P | SEG_AR_S | 0x3u)
#define TYPE_TSS   0xBu

/* --- The page ---------------------------------------------------------------------------------- */

/* MOVUPS or VMOVUPS between register n and its place, by absolute address: no general register changes. */
static uint32_t put_move(uint8_t *at, uint32_t n, bool load, bool avx)
{
    const uint8_t opcode = load ? 0x10 : 0x11;
    const uint8_t modrm[2] = {(uint8_t)((n & 7u) << 3 | 4u), 0x25}; /* [disp32] */
    const uint8_t sse[3] = {n < 8 ? 0x40 : 0x44, 0x0F, opcode};     /* REX */
    const uint8_t vex[3] = {0xC5, n < 8 ? 0xFC : 0x7C, opcode};
    memcpy(at, avx ? vex : sse, 3);
    memcpy(at + 3, modrm, 2);
    le_store(at + 5, 4, DATA_AT + n * VEC_BYTES);
    return 9;
}

static void put_code(uint8_t *page, bool load, bool avx)
{
    static const uint8_t vmcall[3] = {0x0F, 0x01, 0xC1};
    uint8_t *at = page + CODE_AT;
    le_store(page, 8, VMX_LENT_GPA | PTE_OWN);
    for (uint32_t n = 0; n < VEC_COUNT; n++) { /* bound: VEC_COUNT */
        at += put_move(at, n, load, avx);
    }
    memcpy(at, vmcall, sizeof(vmcall));
}

/* --- The vCPU ---------------------------------------------------------------------------------- */

/* What the moves need, and entry asks of a guest in 64-bit mode; DS to GS and LDTR are good as they are. Bits of
 * the old value that stay, and those that are set. */
struct state {
    uint32_t field;
    uint64_t stay;
    uint64_t set;
};

#define STATES 19u

static void needed(const struct vmx_vcpu *v, struct state s[STATES])
{
    const uint64_t osxsave = v->limits.avx ? CR4_OSXSAVE : 0;
    const struct state all[STATES] = {
        {VMCS_ENTRY_CONTROLS, 0, v->entry | ENTRY_IA32E},
        {VMCS_CR0, 0, CR0_REAL | CR0_PE | CR0_PG},
        {VMCS_CR3, 0, VMX_LENT_GPA},
        {VMCS_CR4, 0, CR4_REAL | CR4_PAE | CR4_OSFXSR | osxsave},
        {VMCS_EFER, 0, EFER_LME | EFER_LMA},
        {VMCS_RFLAGS, 0, RFLAGS_FIXED},
        {VMCS_INTERRUPTIBILITY, BLOCKED_NMI, 0},
        {VMCS_PENDING_DEBUG, 0, 0},
        {VMCS_SEG_AR(SEG_CS), 0, AR_CODE_64},
        {VMCS_SEG_LIMIT(SEG_CS), 0, UINT32_MAX},
        {VMCS_SEG_BASE(SEG_CS), 0, 0},
        {VMCS_SEG_AR(SEG_SS), 0, AR_DATA},
        {VMCS_SEG_LIMIT(SEG_SS), 0, UINT32_MAX},
        {VMCS_SEG_BASE(SEG_SS), 0, 0},
        {VMCS_SEG_AR(SEG_TR), ~(uint64_t)SEG_AR_TYPE, TYPE_TSS},
        /* An exit without PAE paging leaves any values here. */
        {VMCS_PDPTE(0), UINT64_MAX, 0},
        {VMCS_PDPTE(1), UINT64_MAX, 0},
        {VMCS_PDPTE(2), UINT64_MAX, 0},
        {VMCS_PDPTE(3), UINT64_MAX, 0},
    };
    memcpy(s, all, sizeof(all));
}

/* Runs what is in the page. All of the guest is as before then, but for what it was about. */
static void run(const struct vmx_vcpu *v)
{
    struct state s[STATES];
    uint64_t before[STATES];
    needed(v, s);
    for (uint32_t i = 0; i < STATES; i++) { /* bound: STATES */
        before[i] = vmx_read(v, s[i].field);
        (void)vmx_write(v, s[i].field, (before[i] & s[i].stay) | s[i].set);
    }
    v->port.lend(v->port.host, true);
    uint32_t reason = v->port.enter(v->port.host, CODE_AT, v->primary);
    BH_ASSERT(reason == REASON_VMCALL); /* nothing that the guest has left can end it otherwise */
    v->port.lend(v->port.host, false);
    for (uint32_t i = 0; i < STATES; i++) { /* bound: STATES */
        (void)vmx_write(v, s[i].field, before[i]);
    }
}

void vmx_vectors_fetch(struct vmx_vcpu *v, struct vcpu_regs *regs)
{
    uint8_t *page = v->port.page;
    memset(page, 0, PAGE_BYTES);
    put_code(page, false, v->limits.avx);
    run(v);
    for (uint32_t n = 0; n < VEC_COUNT; n++) { /* bound: VEC_COUNT */
        for (uint32_t i = 0; i < VEC_WORDS; i++) {
            regs->vec[n][i] = le_load(page + DATA_AT + n * VEC_BYTES + 8u * i, 8);
        }
    }
}

void vmx_vectors_store(struct vmx_vcpu *v, const struct vcpu_regs *regs)
{
    uint8_t *page = v->port.page;
    memset(page, 0, PAGE_BYTES);
    put_code(page, true, v->limits.avx);
    for (uint32_t n = 0; n < VEC_COUNT; n++) { /* bound: VEC_COUNT */
        for (uint32_t i = 0; i < VEC_WORDS; i++) {
            le_store(page + DATA_AT + n * VEC_BYTES + 8u * i, 8, regs->vec[n][i]);
        }
    }
    run(v);
}
