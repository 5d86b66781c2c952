/* SPDX-License-Identifier: BSD-2-Clause
 * A VMCS in an array, behind the calls that the seL4 host provides; it counts them, and does with
 * fixed bits what the kernel does. */
#ifndef TESTS_UNIT_SEL4_FAKE_VMCS_H
#define TESTS_UNIT_SEL4_FAKE_VMCS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/string.h"
#include "sel4/vmx/vcpu.h"

#define FAKE_FIELDS 0x7000u

struct fake {
    uint64_t field[FAKE_FIELDS];
    uint64_t gpr[VMX_GPRS];
    uint64_t cr2;
    uint32_t pin_low; /* controls that the processor has */
    uint32_t primary_low;
    uint32_t secondary_low;
    uint32_t entry_low;
    uint32_t primary_high;
    uint64_t cr4; /* bits that are the guest's own */
    uint32_t reads;
    uint32_t writes;
    uint32_t gpr_writes;
    uint32_t cr2_writes;
    struct vmx_vcpu v;
};

static inline uint64_t fake_read(void *host, uint32_t field)
{
    struct fake *f = host;
    f->reads++;
    assert_true(field < FAKE_FIELDS);
    return f->field[field];
}

static inline uint64_t fake_write(void *host, uint32_t field, uint64_t value)
{
    struct fake *f = host;
    f->writes++;
    assert_true(field < FAKE_FIELDS);
    if (field == VMCS_PIN) {
        value &= f->pin_low;
    } else if (field == VMCS_PRIMARY) {
        value = (value | f->primary_high) & f->primary_low;
    } else if (field == VMCS_SECONDARY) {
        value &= f->secondary_low;
    } else if (field == VMCS_ENTRY_CONTROLS) {
        value &= f->entry_low;
    }
    f->field[field] = value;
    return value;
}

static inline void fake_write_gprs(void *host, const uint64_t gpr[VMX_GPRS])
{
    struct fake *f = host;
    f->gpr_writes++;
    memcpy(f->gpr, gpr, sizeof(f->gpr));
}

static inline void fake_write_cr2(void *host, uint64_t value)
{
    struct fake *f = host;
    f->cr2_writes++;
    f->cr2 = value;
}

#define FAKE_CR4 (CR4_PSE | CR4_PAE | CR4_DE | CR4_PGE | CR4_OSXSAVE | CR4_SMEP)

static inline const char *fake_start_with(struct fake *f)
{
    struct vmx_port port = {
        .read = fake_read,
        .write = fake_write,
        .write_gprs = fake_write_gprs,
        .write_cr2 = fake_write_cr2,
        .host = f,
    };
    struct vmx_limits limits = {
        .cr4 = f->cr4,
        .timer_rate = 5,
        .slice_tsc = 1000000,
    };
    return vmx_start(&f->v, &port, &limits);
}

static inline void fake_machine(struct fake *f)
{
    memset(f, 0, sizeof(*f));
    f->pin_low = UINT32_MAX;
    f->primary_low = UINT32_MAX;
    f->secondary_low = ~SECONDARY_INVPCID;
    f->entry_low = UINT32_MAX;
    f->primary_high = 0x0401E172u & ~(PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE);
    f->field[VMCS_ENTRY_CONTROLS] = ENTRY_IA32E;
    f->cr4 = FAKE_CR4;
}

static inline void fake_counts(struct fake *f)
{
    f->reads = 0;
    f->writes = 0;
    f->gpr_writes = 0;
    f->cr2_writes = 0;
}

/* The first registers of a guest, with paging in 64-bit mode or without any. */
static inline struct vcpu_regs fake_regs(bool long_mode)
{
    struct vcpu_regs r;
    memset(&r, 0, sizeof(r));
    r.rip = 0x1000;
    r.rflags = RFLAGS_FIXED;
    r.gpr[GPR_RSP] = 0x8000;
    r.gpr[GPR_RSI] = 0x77;
    r.cr0 = CR0_PE | CR0_ET | (long_mode ? CR0_PG : 0u);
    r.cr3 = 0x1000;
    r.cr4 = long_mode ? CR4_PAE : 0u;
    r.efer = long_mode ? EFER_LME | EFER_LMA : 0u;
    r.xcr0 = XCR0_X87;
    r.seg[SEG_CS] = (struct seg_reg){.limit = UINT32_MAX, .selector = 0x10};
    r.seg[SEG_CS].ar = SEG_AR_P | SEG_AR_S | 0xBu | SEG_AR_G | (long_mode ? SEG_AR_L : SEG_AR_DB);
    r.seg[SEG_TR] = (struct seg_reg){.limit = 0x67, .ar = SEG_AR_P | 0xBu};
    return r;
}

/* A vCPU that has been given them. */
static inline struct vcpu_regs fake_boot(struct fake *f, bool long_mode)
{
    struct vcpu_regs r = fake_regs(long_mode);
    fake_machine(f);
    assert_null(fake_start_with(f));
    vmx_regs_store(&f->v, REGS_ALL, &r);
    fake_counts(f);
    return r;
}

/* The guest ran up to this exit, and did nothing else. */
static inline struct vmx_exit_info fake_exit(const struct fake *f, uint32_t reason,
                                             uint64_t qualification, uint32_t insn_len)
{
    struct vmx_exit_info i = {
        .reason = reason,
        .qualification = qualification,
        .insn_len = insn_len,
        .rip = f->v.seen.rip,
        .primary = f->v.primary,
        .rflags = f->v.seen.rflags,
        .cr3 = f->v.seen.cr3,
        .blocked = (uint32_t)f->field[VMCS_INTERRUPTIBILITY],
    };
    for (uint32_t n = 0; n < VMX_GPRS; n++) {
        i.gpr[n] = f->gpr[n];
    }
    return i;
}

#endif
