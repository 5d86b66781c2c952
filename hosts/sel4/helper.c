/* SPDX-License-Identifier: BSD-2-Clause
 * The keeper's helper guest. In 64-bit mode, because only there CR2 has 64 bits. */
#include "base/string.h"
#include "sel4/keeper.h"
#include "sel4/parts.h"
#include "sel4/sys.h"
#include "sel4/vcpu_port.h"
#include "sel4/vmx/vcpu.h"

#define CODE 0x0000u
#define PML4 0x1000u
#define PDPT 0x2000u
#define PD   0x3000u

#define PTE_P  0x1u
#define PTE_W  0x2u
#define PTE_PS 0x80u

#define GPR_AX 0u /* in the kernel's order */
#define GPR_BX 1u
#define TRIES  64u /* entries that a notification or an interrupt may cut short */

/* mov %cr2,%rax; mov %rbx,%cr2; vmcall */
static const uint8_t code[] = {0x0F, 0x20, 0xD0, 0x0F, 0x22, 0xD3, 0x0F, 0x01, 0xC1};

static struct vmx_vcpu helper;

static const struct vmx_port port = {
    .read = vcpu_port_read, .write = vcpu_port_write, .write_gprs = vcpu_port_write_gprs};

static void write_memory(void)
{
    uint8_t *at = (uint8_t *)PART_HELPER;
    uint64_t pml4 = PDPT | PTE_P | PTE_W;
    uint64_t pdpt = PD | PTE_P | PTE_W;
    uint64_t pd = CODE | PTE_P | PTE_W | PTE_PS;
    memcpy(at + CODE, code, sizeof(code));
    memcpy(at + PML4, &pml4, sizeof(pml4));
    memcpy(at + PDPT, &pdpt, sizeof(pdpt));
    memcpy(at + PD, &pd, sizeof(pd));
}

static struct seg_reg segment(uint32_t ar)
{
    return (struct seg_reg){.limit = UINT32_MAX, .ar = ar};
}

void helper_start(void)
{
    const struct vmx_limits limits = {.cr4 = CR4_PAE, .slice_tsc = UINT64_MAX};
    struct vcpu_regs r;
    write_memory();
    if (vmx_start(&helper, &port, &limits) != NULL) {
        __builtin_trap(); /* no VM could start either */
    }
    memset(&r, 0, sizeof(r));
    r.rip = CODE;
    r.rflags = RFLAGS_FIXED;
    r.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
    r.cr3 = PML4;
    r.cr4 = CR4_PAE;
    r.efer = EFER_LME | EFER_LMA;
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) { /* bound: SEG_COUNT */
        r.seg[i] = segment(SEG_AR_G | SEG_AR_DB | SEG_AR_P | SEG_AR_S | 0x3u);
    }
    r.seg[SEG_CS] = segment(SEG_AR_G | SEG_AR_L | SEG_AR_P | SEG_AR_S | 0xBu);
    r.seg[SEG_LDTR] = segment(SEG_AR_UNUSABLE);
    r.seg[SEG_TR] = (struct seg_reg){.limit = 0x67, .ar = SEG_AR_P | 0xBu};
    vmx_regs_store(&helper, REGS_ALL, &r);
}

/* What cuts it short does not begin it anew: CR2 may be the new one already. */
uint64_t helper_swap_cr2(uint64_t value, uint64_t *badges)
{
    const uint64_t gpr[SYS_VCPU_GPRS] = {[GPR_BX] = value};
    struct sys_vcpu_exit x = {.rip = CODE};
    sys_vcpu_set_gprs(PART_CAP_VCPU, gpr);
    for (uint32_t i = 0; i < TRIES; i++) {
        x.primary = helper.primary;
        x.event = 0;
        if (!sys_vm_enter(&x)) {
            *badges |= x.badge;
        } else if (x.reason == REASON_VMCALL) {
            return x.gpr[GPR_AX];
        } else if (x.reason == REASON_TIMER) {
            sys_vmcs_write(PART_CAP_VCPU, VMCS_TIMER, UINT32_MAX);
        }
    }
    __builtin_trap();
}
