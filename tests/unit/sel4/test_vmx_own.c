/* SPDX-License-Identifier: BSD-2-Clause
 * What the host answers by itself: control and debug registers, the vCPU's MSRs, exceptions. */
#include "fake_vmcs.h"

#include "base/le.h"

#define GP 0x80000B0Du
#define UD 0x80000306u
#define DB 0x80000301u

static struct fake f;

/* One exit with a register set; what the guest gets in return. */
static uint32_t run_with(uint32_t gpr, uint64_t value, uint32_t reason, uint64_t qualification)
{
    struct vm_exit x;
    struct vmx_exit_info i = fake_exit(&f, reason, qualification, 3);
    for (uint32_t n = 0; n < VMX_GPRS; n++) {
        if (vmx_gpr_order[n] == gpr) {
            i.gpr[n] = value;
            f.gpr[n] = value;
        }
    }
    vmx_exit(&f.v, &i, &x);
    assert_int_equal(x.kind, VM_EXIT_NONE);
    assert_int_equal(x.irq_ready && f.v.own.info != 0, false);
    return f.v.own.info;
}

static uint64_t guest_gpr(uint32_t gpr)
{
    return f.v.seen.gpr[gpr];
}

static void cr0_keeps_ne_and_caches_for_itself(void **state)
{
    (void)state;
    (void)fake_boot(&f, true);
    assert_int_equal(f.field[VMCS_CR0_MASK], CR0_NE | CR0_CD | CR0_NW);
    assert_int_equal(f.field[VMCS_CR0] & (CR0_NE | CR0_CD | CR0_NW), CR0_NE);
    uint64_t wanted = CR0_PE | CR0_PG | CR0_ET | CR0_CD | CR0_WP;
    assert_int_equal(run_with(GPR_RDX, wanted, REASON_CR, 0x0200), 0);
    assert_int_equal(f.field[VMCS_CR0], CR0_PE | CR0_PG | CR0_ET | CR0_WP | CR0_NE);
    assert_int_equal(f.field[VMCS_CR0_SHADOW], wanted);
    struct vcpu_regs r;
    vmx_regs_fetch(&f.v, 0, REGS_ALL, &r);
    assert_int_equal(r.cr0, wanted);
    assert_int_equal(r.rip, 0x1003);
}

static void a_wrong_cr0_is_a_general_protection_fault(void **state)
{
    (void)state;
    static const uint64_t wrong[] = {
        CR0_PE | CR0_PG | CR0_NW, /* NW without CD          */
        CR0_PG | CR0_NE,          /* PG without PE          */
        (1ull << 32) | CR0_PE,    /* reserved               */
        CR0_PE | CR0_ET | CR0_NE, /* paging off in 64-bit mode */
    };
    for (size_t n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++) {
        (void)fake_boot(&f, true);
        assert_int_equal(run_with(GPR_RAX, wrong[n], REASON_CR, 0), GP);
        assert_int_equal(f.v.seen.rip, 0x1000);
        assert_int_equal(f.writes, 0);
    }
}

static void paging_with_lme_is_long_mode(void **state)
{
    (void)state;
    struct vcpu_regs r = fake_boot(&f, false);
    assert_false(f.v.long_mode);
    r.cr4 = CR4_PAE;
    r.efer = EFER_LME;
    r.seg[SEG_TR].ar = SEG_AR_P | 3u;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG | CR0_NE, REASON_CR, 0), 0);
    assert_int_equal(f.field[VMCS_EFER], EFER_LME | EFER_LMA);
    assert_int_equal(f.field[VMCS_ENTRY_CONTROLS] & ENTRY_IA32E, ENTRY_IA32E);
    assert_int_equal(f.field[VMCS_SEG_AR(SEG_TR)], SEG_AR_P | 0xBu);
}

static void long_mode_without_pae_is_refused(void **state)
{
    (void)state;
    struct vcpu_regs r = fake_boot(&f, false);
    r.efer = EFER_LME;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG | CR0_NE, REASON_CR, 0), GP);
}

static void paging_with_pae_loads_the_directory_pointers(void **state)
{
    (void)state;
    struct vcpu_regs r = fake_boot(&f, false);
    r.cr4 = CR4_PAE;
    r.cr3 = 0x1020;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    for (uint32_t n = 0; n < 4; n++) {
        le_store(&f.ram[0x1020 + 8 * n], 8, 0x2001 + 0x1000ull * n);
    }
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG | CR0_NE, REASON_CR, 0), 0);
    assert_int_equal(f.field[VMCS_PDPTE(0)], 0x2001);
    assert_int_equal(f.field[VMCS_PDPTE(3)], 0x5001);
    /* A reserved bit in a present one, and a table that is not in RAM. */
    le_store(&f.ram[0x1020], 8, 0x2003);
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG, REASON_CR, 0), GP);
    (void)fake_boot(&f, false);
    r.cr3 = 0x2000;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG | CR0_NE, REASON_CR, 0), GP);
}

static void cr4_exits_only_for_what_is_not_offered(void **state)
{
    (void)state;
    (void)fake_boot(&f, true);
    assert_int_equal(f.field[VMCS_CR4_MASK], ~FAKE_CR4);
    assert_int_equal(f.field[VMCS_CR4_SHADOW], 0);
    assert_int_equal(f.field[VMCS_CR4], CR4_PAE | (1ull << 13));
    assert_int_equal(run_with(GPR_RAX, CR4_PAE | (1ull << 13), REASON_CR, 4), GP);
}

static void efer_is_the_vmcs_field(void **state)
{
    (void)state;
    (void)fake_boot(&f, true);
    uint64_t wanted = EFER_LME | EFER_SCE | EFER_NXE;
    f.v.seen.gpr[GPR_RCX] = VMX_MSR_EFER;
    f.gpr[2] = VMX_MSR_EFER;
    assert_int_equal(run_with(GPR_RAX, wanted, REASON_WRMSR, 0), 0);
    assert_int_equal(f.field[VMCS_EFER], wanted | EFER_LMA);
    assert_int_equal(run_with(GPR_RAX, 0, REASON_RDMSR, 0), 0);
    assert_int_equal(guest_gpr(GPR_RAX), wanted | EFER_LMA);
    /* LME cannot go while paging is on; bit 1 is reserved. */
    assert_int_equal(run_with(GPR_RAX, EFER_SCE, REASON_WRMSR, 0), GP);
    assert_int_equal(run_with(GPR_RAX, wanted | 2u, REASON_WRMSR, 0), GP);
}

static void syscall_addresses_must_be_canonical(void **state)
{
    (void)state;
    static const struct {
        uint32_t msr;
        uint64_t value;
        uint32_t answer;
    } rows[] = {
        {VMX_MSR_STAR, 0x0023001000000000ull, 0},
        {VMX_MSR_LSTAR, 0xFFFFFFFF81000000ull, 0},
        {VMX_MSR_LSTAR, 0x00007FFFFFFFFFFFull, 0},
        {VMX_MSR_LSTAR, 0x0000800000000000ull, GP},
        {VMX_MSR_CSTAR, 0xFFFF7FFFFFFFFFFFull, GP},
        {VMX_MSR_CSTAR, 0x8000000000000000ull, GP},
        {VMX_MSR_FMASK, 0x47700, 0},
        {VMX_MSR_FMASK, 0x100000000ull, GP},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        (void)fake_boot(&f, true);
        f.gpr[2] = rows[n].msr;
        f.gpr[3] = rows[n].value >> 32;
        uint32_t got = run_with(GPR_RAX, (uint32_t)rows[n].value, REASON_WRMSR, 0);
        assert_int_equal(got, rows[n].answer);
        uint64_t kept = rows[n].answer == 0 ? rows[n].value : 0;
        assert_int_equal(f.msr[rows[n].msr - VMX_MSR_STAR], kept);
    }
}

static void debug_registers_are_the_guests_own_copies(void **state)
{
    (void)state;
    (void)fake_boot(&f, true);
    assert_int_equal(run_with(GPR_RBX, 0x1122334455667788ull, REASON_DR, 0x0302), 0); /* to DR2 */
    assert_int_equal(run_with(GPR_RAX, 0, REASON_DR, 0x0012), 0);                     /* and back */
    assert_int_equal(guest_gpr(GPR_RAX), 0x1122334455667788ull);
    assert_int_equal(run_with(GPR_RAX, 0, REASON_DR, 0x0016), 0); /* DR6 at reset */
    assert_int_equal(guest_gpr(GPR_RAX), 0xFFFF0FF0);
    /* DR7: breakpoints are not armed, the rest is kept. */
    assert_int_equal(run_with(GPR_RBX, 0x2355, REASON_DR, 0x0307), 0);
    assert_int_equal(f.field[VMCS_DR7] & 0xFF, 0);
    assert_int_equal(f.field[VMCS_DR7], 0x2700);
}

static void general_detect_and_de_are_honoured(void **state)
{
    (void)state;
    struct vcpu_regs r = fake_boot(&f, true);
    f.field[VMCS_DR7] = 0x2400;
    assert_int_equal(run_with(GPR_RBX, 1, REASON_DR, 0x0300), DB);
    assert_int_equal(f.v.dr6 & 0x2000, 0x2000);
    assert_int_equal(f.field[VMCS_DR7], 0x400);
    assert_int_equal(f.v.dr[0], 0);
    r = f.v.seen;
    r.cr4 |= 8u;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(run_with(GPR_RBX, 1, REASON_DR, 0x0304), UD);
    assert_int_equal(run_with(GPR_RBX, 1ull << 32, REASON_DR, 0x0306), GP);
}

static void a_register_written_by_rsp_reads_rsp(void **state)
{
    (void)state;
    (void)fake_boot(&f, true);
    f.field[VMCS_RSP] = 0x8765;
    assert_int_equal(run_with(GPR_RBX, 0, REASON_DR, 0x0401), 0); /* mov %rsp, %db1 */
    assert_int_equal(f.v.dr[1], 0x8765);
    assert_int_equal(f.field[VMCS_RSP], 0x8765);
}

static void single_steps_end_in_a_debug_exception(void **state)
{
    (void)state;
    (void)fake_boot(&f, true);
    f.v.seen.rflags |= RFLAGS_TF;
    f.field[VMCS_RFLAGS] |= RFLAGS_TF;
    assert_int_equal(run_with(GPR_RBX, 1, REASON_DR, 0x0300), DB);
    assert_int_equal(f.v.dr6 & 0x4000, 0x4000);
    assert_int_equal(f.v.seen.rip, 0x1003);
}

static void watched_exceptions_go_back(void **state)
{
    (void)state;
    (void)fake_boot(&f, true);
    f.field[VMCS_EXIT_EVENT] = 0x80000301; /* #DB by a single step */
    assert_int_equal(run_with(GPR_RBX, 0, REASON_EXCEPTION, 0x4000), DB);
    assert_int_equal(f.v.dr6, 0xFFFF4FF0);
    f.field[VMCS_EXIT_EVENT] = 0x80000B11; /* #AC(0) */
    assert_int_equal(run_with(GPR_RBX, 0, REASON_EXCEPTION, 0), 0x80000B11);
    f.field[VMCS_EXIT_EVENT] = 0x80000202; /* an NMI of the machine */
    assert_int_equal(run_with(GPR_RBX, 0, REASON_EXCEPTION, 0), 0);
    f.field[VMCS_EXIT_EVENT] = 0x80000501; /* INT1: RIP goes on */
    assert_int_equal(run_with(GPR_RBX, 0, REASON_EXCEPTION, 0), DB);
    assert_int_equal(f.v.seen.rip, 0x1003);
    f.field[VMCS_EXIT_EVENT] = 0x80001B11; /* an IRET that met #AC had unblocked NMIs */
    assert_int_equal(run_with(GPR_RBX, 0, REASON_EXCEPTION, 0), 0x80000B11);
    assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], BLOCKED_NMI);
}

static void an_exception_ends_the_shadow_before_it(void **state)
{
    (void)state;
    struct vmx_words w;
    struct vm_exit x;
    struct vm_plan plan = {.deadline_tsc = UINT64_MAX};
    (void)fake_boot(&f, true);
    f.field[VMCS_EXIT_EVENT] = 0x80000301;
    struct vmx_exit_info i = fake_exit(&f, REASON_EXCEPTION, 0, 0);
    i.blocked = BLOCKED_MOV_SS | BLOCKED_NMI;
    vmx_exit(&f.v, &i, &x);
    assert_false(x.irq_ready);
    vmx_entry(&f.v, &plan, 0, &w);
    assert_int_equal(w.event, DB);
    assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], BLOCKED_NMI);
}

static void what_this_processor_does_not_have_is_undefined(void **state)
{
    (void)state;
    static const uint32_t reasons[] = {
        REASON_GETSEC, REASON_VMCLEAR, 20,           25, REASON_VMXON, REASON_MWAIT, REASON_MONITOR,
        REASON_INVEPT, REASON_INVVPID, REASON_VMFUNC};
    for (size_t n = 0; n < sizeof(reasons) / sizeof(reasons[0]); n++) {
        (void)fake_boot(&f, true);
        assert_int_equal(run_with(GPR_RAX, 0, reasons[n], 0), UD);
        assert_int_equal(f.v.seen.rip, 0x1000);
    }
    assert_int_equal(run_with(GPR_RAX, 0, REASON_RDPMC, 0), GP);
}

static void state_that_the_kernel_does_not_switch_cannot_be_enabled(void **state)
{
    (void)state;
    struct vm_exit x;
    (void)fake_boot(&f, true);
    assert_int_equal(run_with(GPR_RAX, 7, REASON_XSETBV, 0), GP);
    f.gpr[0] = 3;
    struct vmx_exit_info i = fake_exit(&f, REASON_XSETBV, 0, 3);
    vmx_exit(&f.v, &i, &x);
    assert_int_equal(x.kind, VM_EXIT_XSETBV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cr0_keeps_ne_and_caches_for_itself),
        cmocka_unit_test(a_wrong_cr0_is_a_general_protection_fault),
        cmocka_unit_test(paging_with_lme_is_long_mode),
        cmocka_unit_test(long_mode_without_pae_is_refused),
        cmocka_unit_test(paging_with_pae_loads_the_directory_pointers),
        cmocka_unit_test(cr4_exits_only_for_what_is_not_offered),
        cmocka_unit_test(efer_is_the_vmcs_field),
        cmocka_unit_test(syscall_addresses_must_be_canonical),
        cmocka_unit_test(debug_registers_are_the_guests_own_copies),
        cmocka_unit_test(general_detect_and_de_are_honoured),
        cmocka_unit_test(a_register_written_by_rsp_reads_rsp),
        cmocka_unit_test(single_steps_end_in_a_debug_exception),
        cmocka_unit_test(watched_exceptions_go_back),
        cmocka_unit_test(an_exception_ends_the_shadow_before_it),
        cmocka_unit_test(what_this_processor_does_not_have_is_undefined),
        cmocka_unit_test(state_that_the_kernel_does_not_switch_cannot_be_enabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
