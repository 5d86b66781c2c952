/* SPDX-License-Identifier: BSD-2-Clause
 * The core behind a VMCS: what a guest gets for control and debug registers, the vCPU's MSRs, exceptions and
 * instructions that it does not have, and what the processor is given for it. */
#include "fake_vmcs.h"

#include "base/le.h"
#include "board/vm.h"
#include "cpu/cr.h"
#include "cpu/msr.h"
#include "sim/sim.h"

#define GP 0x80000B0Du
#define UD 0x80000306u
#define DB 0x80000301u

#define OFFERED (CR4_PSE | CR4_PAE | CR4_DE | CR4_PGE | CR4_OSXSAVE | CR4_SMEP)

static struct fake f;
static struct vm *vm;
static struct system_vm system_vm;
static _Alignas(8) uint8_t storage[VM_STORAGE_BYTES];
static uint8_t ram[8192];
static uint64_t msr[4]; /* STAR and on: what the kernel keeps */
static uint64_t now;

static bool read_msr(void *host, uint32_t index, uint64_t *value)
{
    (void)host;
    bool kept = index >= MSR_STAR && index <= MSR_FMASK;
    *value = kept ? msr[index - MSR_STAR] : 0;
    return kept;
}

static bool write_msr(void *host, uint32_t index, uint64_t value)
{
    (void)host;
    bool kept = index >= MSR_STAR && index <= MSR_FMASK;
    if (kept) {
        msr[index - MSR_STAR] = value;
    }
    return kept;
}

/* A VM whose first registers are in the VMCS, as its vmm sets it up. */
static struct vcpu_regs boot(bool long_mode)
{
    struct vcpu_regs r = fake_regs(long_mode);
    struct gmem mem;
    memset(&mem, 0, sizeof(mem));
    memset(ram, 0, sizeof(ram));
    memset(msr, 0, sizeof(msr));
    assert_true(gmem_add(&mem, 0, sizeof(ram), ram));
    system_vm = sim_system(sizeof(ram), SYSTEM_DEV_LAPIC);
    const struct vm_wiring w = {
        .system = &system_vm,
        .mem = mem,
        .regs = {.fetch = vmx_regs_fetch, .host = &f.v, .lacks = REGS_VEC},
        .tsc_khz = 1000000,
        .cpuid = sim_cpuid,
        .xcr0_fixed = 3,
        .msr_read = read_msr,
        .msr_write = write_msr,
    };
    vm = vm_init(storage, sizeof(storage), &w, 0);
    fake_machine(&f);
    const struct cr_limits limits = cr_limits_of(vm_cpu(vm));
    f.cr4 = ~cr4_trap(&limits);
    assert_null(fake_start_with(&f));
    vm_set_regs(vm, 0, &r);
    const struct vcpu_regs *first;
    uint32_t dirty = vm_take_dirty(vm, 0, &first);
    vmx_regs_store(&f.v, dirty, first);
    fake_counts(&f);
    now = 1000;
    return r;
}

/* Registers as the core would have left them. */
static void set(const struct vcpu_regs *r)
{
    vm_set_regs(vm, 0, r);
    const struct vcpu_regs *regs;
    uint32_t dirty = vm_take_dirty(vm, 0, &regs);
    vmx_regs_store(&f.v, dirty, regs);
}

/* One turn of the vmm's loop, from an exit to the next entry. What goes into the guest then. */
static uint32_t turn(const struct vmx_exit_info *i)
{
    struct vm_exit x;
    struct vm_plan plan;
    struct vmx_words w;
    const struct vcpu_regs *regs;
    now += 1000;
    vmx_exit(&f.v, i, &x);
    vm_exit(vm, 0, now, &x);
    vm_entry(vm, 0, now, &plan);
    assert_int_equal(plan.go, VM_GO_RUN);
    uint32_t dirty = vm_take_dirty(vm, 0, &regs);
    if (dirty != 0) {
        vmx_regs_store(&f.v, dirty, regs);
    }
    vmx_entry(&f.v, &plan, now, &w);
    return w.event;
}

/* One exit with a register set; what the guest gets in return. */
static uint32_t run_with(uint32_t gpr, uint64_t value, uint32_t reason, uint64_t qualification)
{
    struct vmx_exit_info i = fake_exit(&f, reason, qualification, 3);
    for (uint32_t n = 0; n < VMX_GPRS; n++) {
        if (vmx_gpr_order[n] == gpr) {
            i.gpr[n] = value;
            f.gpr[n] = value;
        }
    }
    return turn(&i);
}

static uint64_t guest_gpr(uint32_t gpr)
{
    return f.v.seen.gpr[gpr];
}

static void cr0_reads_as_it_was_written(void **state)
{
    (void)state;
    (void)boot(true);
    uint64_t wanted = CR0_PE | CR0_PG | CR0_ET | CR0_CD | CR0_WP;
    assert_int_equal(run_with(GPR_RDX, wanted, REASON_CR, 0x0200), 0);
    assert_int_equal(f.field[VMCS_CR0], CR0_PE | CR0_PG | CR0_ET | CR0_WP | CR0_NE);
    assert_int_equal(f.field[VMCS_CR0_SHADOW], wanted);
    assert_int_equal(f.v.seen.rip, 0x1003);
    assert_int_equal(run_with(GPR_RDX, 0, REASON_CR, 0x0310), 0); /* mov %cr0, %rbx */
    assert_int_equal(guest_gpr(GPR_RBX), wanted);
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
        (void)boot(true);
        assert_int_equal(run_with(GPR_RAX, wrong[n], REASON_CR, 0), GP);
        assert_int_equal(f.v.seen.rip, 0x1000);
        assert_int_equal(f.field[VMCS_CR0], CR0_PE | CR0_PG | CR0_ET | CR0_NE);
    }
}

static void paging_with_lme_is_long_mode(void **state)
{
    (void)state;
    struct vcpu_regs r = boot(false);
    assert_false(f.v.long_mode);
    r.cr4 = CR4_PAE;
    r.efer = EFER_LME;
    r.seg[SEG_TR].ar = SEG_AR_P | 3u; /* a 16-bit task: not into long mode */
    set(&r);
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG | CR0_NE, REASON_CR, 0), GP);
    assert_int_equal(f.field[VMCS_ENTRY_CONTROLS] & ENTRY_IA32E, 0);
    r = boot(false);
    r.cr4 = CR4_PAE;
    r.efer = EFER_LME;
    r.seg[SEG_TR].ar = SEG_AR_P | 9u;
    set(&r);
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG | CR0_NE, REASON_CR, 0), 0);
    assert_int_equal(f.field[VMCS_EFER], EFER_LME | EFER_LMA);
    assert_int_equal(f.field[VMCS_ENTRY_CONTROLS] & ENTRY_IA32E, ENTRY_IA32E);
    assert_int_equal(f.field[VMCS_SEG_AR(SEG_TR)], SEG_AR_P | 0xBu);
}

static void long_mode_without_pae_is_refused(void **state)
{
    (void)state;
    struct vcpu_regs r = boot(false);
    r.efer = EFER_LME;
    set(&r);
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG | CR0_NE, REASON_CR, 0), GP);
}

static void paging_with_pae_loads_the_directory_pointers(void **state)
{
    (void)state;
    struct vcpu_regs r = boot(false);
    r.cr4 = CR4_PAE;
    r.cr3 = 0x1020;
    set(&r);
    for (uint32_t n = 0; n < 4; n++) {
        le_store(&ram[0x1020 + 8 * n], 8, 0x2001 + 0x1000ull * n);
    }
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG | CR0_NE, REASON_CR, 0), 0);
    assert_int_equal(f.field[VMCS_PDPTE(0)], 0x2001);
    assert_int_equal(f.field[VMCS_PDPTE(3)], 0x5001);
    /* They are loaded anew if caching changes. A reserved bit in a present one, and a table not in RAM. */
    le_store(&ram[0x1020], 8, 0x2003);
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG | CR0_NE | CR0_CD, REASON_CR, 0), GP);
    (void)boot(false);
    r.cr3 = 0x2000;
    set(&r);
    assert_int_equal(run_with(GPR_RAX, CR0_PE | CR0_PG | CR0_NE, REASON_CR, 0), GP);
}

static void cr4_exits_for_what_is_not_offered_and_for_machine_checks(void **state)
{
    (void)state;
    (void)boot(true);
    uint64_t mask = f.field[VMCS_CR4_MASK];
    assert_int_equal(mask & OFFERED, 0);
    assert_int_equal(mask & (CR4_MCE | CR4_LA57 | CR4_PCIDE | CR4_PKE | 1ull << 13),
                     CR4_MCE | CR4_LA57 | CR4_PCIDE | CR4_PKE | 1ull << 13);
    assert_int_equal(run_with(GPR_RAX, CR4_PAE | (1ull << 13), REASON_CR, 4), GP);
    assert_int_equal(run_with(GPR_RAX, CR4_PAE | CR4_MCE, REASON_CR, 4), 0);
    assert_int_equal(f.field[VMCS_CR4_SHADOW], CR4_MCE);
    assert_int_equal(run_with(GPR_RAX, CR4_PAE, REASON_CR, 4), 0);
    assert_int_equal(f.field[VMCS_CR4_SHADOW], 0);
    assert_int_equal(f.field[VMCS_CR4] & CR4_MCE, CR4_MCE);
}

static void efer_is_the_vmcs_field(void **state)
{
    (void)state;
    (void)boot(true);
    uint64_t wanted = EFER_LME | EFER_SCE | EFER_NXE;
    f.gpr[2] = MSR_EFER;
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
        {MSR_STAR, 0x0023001000000000ull, 0},
        {MSR_LSTAR, 0xFFFFFFFF81000000ull, 0},
        {MSR_LSTAR, 0x00007FFFFFFFFFFFull, 0},
        {MSR_LSTAR, 0x0000800000000000ull, GP},
        {MSR_LSTAR + 1u, 0xFFFF7FFFFFFFFFFFull, GP},
        {MSR_LSTAR + 1u, 0x8000000000000000ull, GP},
        {MSR_FMASK, 0x47700, 0},
        {MSR_FMASK, 0x100047700ull, GP},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        (void)boot(true);
        f.gpr[2] = rows[n].msr;
        f.gpr[3] = rows[n].value >> 32;
        uint32_t got = run_with(GPR_RAX, (uint32_t)rows[n].value, REASON_WRMSR, 0);
        assert_int_equal(got, rows[n].answer);
        uint64_t kept = rows[n].answer == 0 ? rows[n].value : 0;
        assert_int_equal(msr[rows[n].msr - MSR_STAR], kept);
    }
}

static void debug_registers_are_the_guests_own_copies(void **state)
{
    (void)state;
    (void)boot(true);
    assert_int_equal(run_with(GPR_RBX, 0x1122334455667788ull, REASON_DR, 0x0302), 0); /* to DR2 */
    assert_int_equal(run_with(GPR_RAX, 0, REASON_DR, 0x0012), 0);                     /* and back */
    assert_int_equal(guest_gpr(GPR_RAX), 0x1122334455667788ull);
    assert_int_equal(run_with(GPR_RAX, 0, REASON_DR, 0x0016), 0); /* DR6 at reset */
    assert_int_equal(guest_gpr(GPR_RAX), 0xFFFF0FF0);
    /* DR7 reads back, but the processor never has it: no breakpoint is armed. */
    assert_int_equal(run_with(GPR_RBX, 0x355, REASON_DR, 0x0307), 0);
    assert_int_equal(run_with(GPR_RAX, 0, REASON_DR, 0x0017), 0);
    assert_int_equal(guest_gpr(GPR_RAX), 0x755);
    assert_int_equal(f.field[VMCS_DR7], 0x400);
}

/* As the guest reads it. */
static uint64_t dr(uint32_t n)
{
    assert_int_equal(run_with(GPR_RAX, 0, REASON_DR, 0x0010u | n), 0);
    return guest_gpr(GPR_RAX);
}

static void general_detect_and_de_are_honoured(void **state)
{
    (void)state;
    struct vcpu_regs r = boot(true);
    assert_int_equal(run_with(GPR_RBX, 0x2000, REASON_DR, 0x0307), 0);
    assert_int_equal(run_with(GPR_RBX, 1, REASON_DR, 0x0300), DB);
    assert_int_equal(dr(6), 0xFFFF2FF0);
    assert_int_equal(dr(7), 0x400);
    assert_int_equal(dr(0), 0);
    r.cr4 |= CR4_DE;
    set(&r);
    assert_int_equal(run_with(GPR_RBX, 1, REASON_DR, 0x0304), UD);
    assert_int_equal(run_with(GPR_RBX, 1ull << 32, REASON_DR, 0x0306), GP);
}

static void a_register_written_by_rsp_reads_rsp(void **state)
{
    (void)state;
    (void)boot(true);
    f.field[VMCS_RSP] = 0x8765;
    assert_int_equal(run_with(GPR_RBX, 0, REASON_DR, 0x0401), 0); /* mov %rsp, %db1 */
    assert_int_equal(f.field[VMCS_RSP], 0x8765);
    assert_int_equal(dr(1), 0x8765);
}

static void single_steps_end_in_a_debug_exception(void **state)
{
    (void)state;
    struct vcpu_regs r = boot(true);
    r.rflags |= RFLAGS_TF;
    set(&r);
    assert_int_equal(run_with(GPR_RBX, 1, REASON_DR, 0x0300), DB);
    assert_int_equal(f.v.seen.rip, 0x1003);
    r.rflags &= ~(uint64_t)RFLAGS_TF;
    set(&r);
    assert_int_equal(dr(6), 0xFFFF4FF0);
}

static void watched_exceptions_go_back(void **state)
{
    (void)state;
    (void)boot(true);
    f.field[VMCS_EXIT_EVENT] = 0x80000301; /* #DB by a single step */
    assert_int_equal(run_with(GPR_RBX, 0, REASON_EXCEPTION, 0x4000), DB);
    assert_int_equal(dr(6), 0xFFFF4FF0);
    f.field[VMCS_EXIT_EVENT] = 0x80000B11; /* #AC(0) */
    assert_int_equal(run_with(GPR_RBX, 0, REASON_EXCEPTION, 0), 0x80000B11);
    f.field[VMCS_EXIT_EVENT] = 0x80000202; /* an NMI of the machine */
    assert_int_equal(run_with(GPR_RBX, 0, REASON_EXCEPTION, 0), 0);
    f.field[VMCS_EXIT_EVENT] = 0x80000501; /* INT1: RIP goes on */
    uint64_t rip = f.v.seen.rip;
    assert_int_equal(run_with(GPR_RBX, 0, REASON_EXCEPTION, 0), DB);
    assert_int_equal(f.v.seen.rip, rip + 3u);
    f.field[VMCS_EXIT_EVENT] = 0x80001B11; /* an IRET that met #AC had unblocked NMIs */
    assert_int_equal(run_with(GPR_RBX, 0, REASON_EXCEPTION, 0), 0x80000B11);
    assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], BLOCKED_NMI);
}

static void what_this_processor_does_not_have_is_undefined(void **state)
{
    (void)state;
    static const uint32_t reasons[] = {REASON_GETSEC,
                                       REASON_VMCLEAR,
                                       20,
                                       25,
                                       REASON_VMXON,
                                       REASON_MWAIT,
                                       REASON_MONITOR,
                                       REASON_INVEPT,
                                       REASON_INVVPID,
                                       REASON_VMFUNC,
                                       REASON_SEAMCALL,
                                       REASON_TDCALL,
                                       REASON_RDMSR_IMM,
                                       REASON_WRMSR_IMM};
    for (size_t n = 0; n < sizeof(reasons) / sizeof(reasons[0]); n++) {
        (void)boot(true);
        assert_int_equal(run_with(GPR_RAX, 0, reasons[n], 0), UD);
        assert_int_equal(f.v.seen.rip, 0x1000);
    }
    assert_int_equal(run_with(GPR_RAX, 0, REASON_RDPMC, 0), GP);
}

static void state_that_the_kernel_does_not_switch_cannot_be_enabled(void **state)
{
    (void)state;
    struct vcpu_regs r = boot(true);
    r.cr4 |= CR4_OSXSAVE;
    set(&r);
    assert_int_equal(run_with(GPR_RAX, 7, REASON_XSETBV, 0), GP);
    assert_int_equal(run_with(GPR_RAX, 3, REASON_XSETBV, 0), 0);
    assert_int_equal(f.v.seen.xcr0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cr0_reads_as_it_was_written),
        cmocka_unit_test(a_wrong_cr0_is_a_general_protection_fault),
        cmocka_unit_test(paging_with_lme_is_long_mode),
        cmocka_unit_test(long_mode_without_pae_is_refused),
        cmocka_unit_test(paging_with_pae_loads_the_directory_pointers),
        cmocka_unit_test(cr4_exits_for_what_is_not_offered_and_for_machine_checks),
        cmocka_unit_test(efer_is_the_vmcs_field),
        cmocka_unit_test(syscall_addresses_must_be_canonical),
        cmocka_unit_test(debug_registers_are_the_guests_own_copies),
        cmocka_unit_test(general_detect_and_de_are_honoured),
        cmocka_unit_test(a_register_written_by_rsp_reads_rsp),
        cmocka_unit_test(single_steps_end_in_a_debug_exception),
        cmocka_unit_test(watched_exceptions_go_back),
        cmocka_unit_test(what_this_processor_does_not_have_is_undefined),
        cmocka_unit_test(state_that_the_kernel_does_not_switch_cannot_be_enabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
