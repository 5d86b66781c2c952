/* SPDX-License-Identifier: BSD-2-Clause
 * The guest's vector and MMX registers, which the kernel keeps and has no call for. The guest's own vCPU stores
 * or loads them, by a few instructions of ours in a page that it is lent for that time: 64-bit code, on which no
 * event can come in, at an address where no guest has RAM.
 *
 * Its page table is the page itself, whose first entry leads to it at all four levels: the page is at
 * linear address 0. No translation of that may be left for the guest: lend() sees to it.
 * Spec: [SDM] vol. 2 (MOVUPS, MOVQ), vol. 3A, 4.5 (4-level paging), vol. 3C, 27.3.1 (checks at entry), 29.4
 * (mappings that are cached). */
#include "base/assert.h"
#include "base/le.h"
#include "base/string.h"
#include "sel4/vmx/vcpu_int.h"

#define PAGE_BYTES 4096u
#define CODE_AT    0x10u
#define DATA_AT    0x800u
#define SLOT_BYTES (8u * VEC_WORDS)
#define MOVE_BYTES 9u

#define PTE_OWN 0x63u /* present, writable; accessed and dirty already */

#define AR_CODE_64 (SEG_AR_G | SEG_AR_L | SEG_AR_P | SEG_AR_S | 0xBu)
#define AR_DATA    (SEG_AR_G | SEG_AR_DB | SEG_AR_P | SEG_AR_S | 0x3u)
#define TYPE_TSS   0xBu

/* --- The page ---------------------------------------------------------------------------------- */

/* A set of registers, and the first three bytes of the moves that store them; `high`: registers 8 and on. By absolute
 * address, so that no general register changes. */
struct bank {
    uint8_t low[3], high[3];
    uint8_t load;   /* the third byte of loads */
    uint32_t first; /* bit of vec_written */
    uint32_t count;
    uint32_t words; /* of a register; what no move fills is 0 */
};

static const struct bank xmm = {{0x40, 0x0F, 0x11}, {0x44, 0x0F, 0x11}, 0x10, 0,
                                VEC_COUNT,          VEC_WORDS}; /* MOVUPS */
static const struct bank ymm = {{0xC5, 0xFC, 0x11}, {0xC5, 0x7C, 0x11}, 0x10, 0,
                                VEC_COUNT,          VEC_WORDS};                        /* VMOVUPS */
static const struct bank mmx = {{0x40, 0x0F, 0x7F}, {0}, 0x6F, VEC_MMX, MMX_COUNT, 1}; /* MOVQ */

/* Moves of the registers in `which`. */
static void put_code(uint8_t *page, const struct bank *bank, bool load, uint32_t which)
{
    static const uint8_t vmcall[3] = {0x0F, 0x01, 0xC1};
    uint8_t *at = page + CODE_AT;
    memset(page, 0, PAGE_BYTES);
    le_store(page, 8, VMX_LENT_GPA | PTE_OWN);
    for (uint32_t n = 0; which >> n != 0; n++) { /* bound: VEC_COUNT */
        if ((which >> n & 1u) == 0) {
            continue;
        }
        memcpy(at, n < 8u ? bank->low : bank->high, 3);
        if (load) {
            at[2] = bank->load;
        }
        at[3] = (uint8_t)((n & 7u) << 3 | 4u); /* ModRM: [SIB] */
        at[4] = 0x25;                          /* SIB: [disp32] */
        le_store(at + 5, 4, DATA_AT + n * SLOT_BYTES);
        at += MOVE_BYTES;
    }
    memcpy(at, vmcall, sizeof(vmcall));
}

static uint8_t *slot(uint8_t *page, uint32_t n, uint32_t word)
{
    return page + DATA_AT + n * SLOT_BYTES + 8u * word;
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

/* --- Registers ---------------------------------------------------------------------------------- */

static void fetch(const struct vmx_vcpu *v, const struct bank *bank, struct vcpu_regs *regs)
{
    const uint32_t all = BIT32(bank->count) - 1u;
    put_code(v->port.page, bank, false, all);
    run(v);
    regs->vec_written &= ~(all << bank->first);
    for (uint32_t n = 0; n < bank->count; n++) { /* bound: VEC_COUNT */
        uint64_t *to = bank == &mmx ? &regs->mmx[n] : regs->vec[n];
        for (uint32_t i = 0; i < bank->words; i++) { /* bound: VEC_WORDS */
            to[i] = le_load(slot(v->port.page, n, i), 8);
        }
    }
}

/* Those that were written, and no others: writing an MMX register also changes what it is to the x87. */
static void store(const struct vmx_vcpu *v, const struct bank *bank, const struct vcpu_regs *regs)
{
    put_code(v->port.page, bank, true,
             regs->vec_written >> bank->first & (BIT32(bank->count) - 1u));
    for (uint32_t n = 0; n < bank->count; n++) { /* bound: VEC_COUNT */
        const uint64_t *from = bank == &mmx ? &regs->mmx[n] : regs->vec[n];
        for (uint32_t i = 0; i < bank->words; i++) { /* bound: VEC_WORDS */
            le_store(slot(v->port.page, n, i), 8, from[i]);
        }
    }
    run(v);
}

void vmx_vectors_fetch(struct vmx_vcpu *v, uint32_t groups, struct vcpu_regs *regs)
{
    if ((groups & REGS_VEC) != 0) {
        fetch(v, v->limits.avx ? &ymm : &xmm, regs);
    }
    if ((groups & REGS_MMX) != 0) {
        fetch(v, &mmx, regs);
    }
}

void vmx_vectors_store(struct vmx_vcpu *v, uint32_t groups, const struct vcpu_regs *regs)
{
    if ((groups & REGS_VEC) != 0) {
        store(v, v->limits.avx ? &ymm : &xmm, regs);
    }
    if ((groups & REGS_MMX) != 0) {
        store(v, &mmx, regs);
    }
}
