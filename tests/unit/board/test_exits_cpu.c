/* SPDX-License-Identifier: BSD-2-Clause
 * Exits of a raw host that the processor's policy answers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/dr.h"
#include "cpu/msr.h"
#include "dev/lapic.h"
#include "sim/sim.h"

#define KHZ       2000000u
#define RIP       0x1000u
#define BOARD     (SYSTEM_DEV_LAPIC | SYSTEM_DEV_IOAPIC)
#define VECTOR_DB 1
#define VECTOR_UD 6
#define VECTOR_GP 13

static struct sim *new_sim(uint32_t devices)
{
    struct system_vm system = sim_system(0x100000, devices);
    struct sim *s = sim_new(&system, KHZ);
    s->regs.cr0 = CR0_PE | CR0_ET;
    s->regs.seg[SEG_CS].ar = SEG_AR_DB;
    s->regs.xcr0 = 1;
    return s;
}

static void to_long_mode(struct sim *s)
{
    s->regs.cr0 |= CR0_PG;
    s->regs.cr4 |= CR4_PAE;
    s->regs.efer = EFER_LME | EFER_LMA;
    s->regs.seg[SEG_CS].ar = SEG_AR_L;
}

/* One instruction of three bytes. The exception it got, or -1: it was stepped over. */
static int exits(struct sim *s, struct vm_exit *x)
{
    uint32_t before = s->events;
    x->raw = true;
    x->insn_len = 3;
    s->regs.rip = RIP;
    sim_exit(s, x);
    if (s->events != before) {
        assert_int_equal(s->events, before + 1);
        assert_int_equal(s->log[before].inject, VM_INJECT_EXCEPTION);
        assert_int_equal(s->regs.rip, RIP);
        assert_true((s->regs.rflags & RFLAGS_RF) != 0); /* all of them are faults */
        return s->log[before].vector;
    }
    assert_int_equal(s->regs.rip, RIP + 3);
    assert_int_equal(s->regs.rflags & RFLAGS_RF, 0);
    return -1;
}

static int mov_to_cr(struct sim *s, uint8_t cr, uint64_t value)
{
    struct vm_exit x = {.kind = VM_EXIT_CR};
    x.u.cr = (struct vm_exit_cr){.cr = cr, .gpr = GPR_R9, .write = true};
    s->regs.gpr[GPR_R9] = value;
    return exits(s, &x);
}

static uint64_t mov_from_cr(struct sim *s, uint8_t cr)
{
    struct vm_exit x = {.kind = VM_EXIT_CR};
    x.u.cr = (struct vm_exit_cr){.cr = cr, .gpr = GPR_RSP};
    s->regs.gpr[GPR_RSP] = 0xAAAAAAAAAAAAAAAA;
    assert_int_equal(exits(s, &x), -1);
    return s->regs.gpr[GPR_RSP];
}

static void a_kernel_goes_to_long_mode_step_by_step(void **state)
{
    (void)state;
    struct sim *s = new_sim(BOARD);
    struct vm_exit x = {.kind = VM_EXIT_WRMSR};
    assert_int_equal(mov_to_cr(s, 4, CR4_PAE), -1);
    assert_int_equal(mov_to_cr(s, 3, 0x3000), -1);
    x.u.msr.index = MSR_EFER;
    s->regs.gpr[GPR_RAX] = EFER_LME | EFER_NXE;
    s->regs.gpr[GPR_RDX] = 0;
    assert_int_equal(exits(s, &x), -1);
    assert_int_equal(s->regs.efer, EFER_LME | EFER_NXE);
    assert_int_equal(mov_to_cr(s, 0, CR0_PE | CR0_PG | CR0_WP), -1);
    assert_int_equal(s->regs.efer, EFER_LME | EFER_LMA | EFER_NXE);
    assert_int_equal(mov_from_cr(s, 0), CR0_PE | CR0_PG | CR0_WP | CR0_ET);
    assert_int_equal(mov_from_cr(s, 3), 0x3000);
    assert_int_equal(mov_from_cr(s, 4), CR4_PAE);
    s->regs.seg[SEG_CS].ar = SEG_AR_L;
    assert_int_equal(mov_to_cr(s, 4, 0), VECTOR_GP);
    assert_int_equal(mov_to_cr(s, 0, CR0_PE), VECTOR_GP);
    assert_int_equal(s->pdptes, 0);
    assert_int_equal(s->plan.go, VM_GO_RUN);
    sim_free(s);
}

static void pae_paging_hands_pointers_to_the_host(void **state)
{
    (void)state;
    struct sim *s = new_sim(BOARD);
    uint8_t *ram = s->mem.region[0].host;
    ram[0x3000] = 0x01;
    ram[0x3001] = 0x40;
    assert_int_equal(mov_to_cr(s, 4, CR4_PAE), -1);
    assert_int_equal(mov_to_cr(s, 3, 0x3000), -1);
    assert_int_equal(s->pdptes, 0);
    assert_int_equal(mov_to_cr(s, 0, CR0_PE | CR0_PG), -1);
    assert_int_equal(s->pdptes, 1);
    assert_int_equal(s->regs.pdpte[0], 0x4001);
    assert_int_equal(mov_to_cr(s, 3, 0x4000), -1);
    assert_int_equal(s->pdptes, 2);
    assert_int_equal(mov_to_cr(s, 8, 3), -1); /* not with every write */
    assert_int_equal(s->pdptes, 2);
    sim_free(s);
}

static void operands_have_the_width_of_the_mode(void **state)
{
    (void)state;
    struct sim *s = new_sim(BOARD);
    assert_int_equal(mov_to_cr(s, 3, 0xFFFFFFFF00005000), -1); /* 32-bit code: the low half */
    assert_int_equal(s->regs.cr3, 0x5000);
    assert_int_equal(mov_to_cr(s, 8, 0x1234567800000002), -1);
    assert_int_equal(s->cr8, 2);
    to_long_mode(s);
    assert_int_equal(mov_to_cr(s, 3, 0xFFFFFFFF00005000), VECTOR_GP);
    assert_int_equal(mov_to_cr(s, 8, 0x1234567800000002), VECTOR_GP);
    assert_int_equal(mov_to_cr(s, 8, 16), VECTOR_GP);
    assert_int_equal(mov_from_cr(s, 8), 2);
    assert_int_equal(mov_to_cr(s, 5, 0), VECTOR_UD);
    sim_free(s);
}

static void cr8_works_without_a_local_apic(void **state)
{
    (void)state;
    struct sim *s = new_sim(0);
    assert_int_equal(mov_to_cr(s, 8, 7), -1);
    assert_int_equal(s->cr8, 7);
    assert_int_equal(mov_from_cr(s, 8), 7);
    assert_int_equal(s->plan.go, VM_GO_RUN);
    sim_free(s);
}

static void clts_and_lmsw(void **state)
{
    (void)state;
    struct sim *s = new_sim(BOARD);
    struct vm_exit x = {.kind = VM_EXIT_CR};
    s->regs.cr0 = CR0_ET | CR0_TS;
    x.u.cr.access = VM_CR_LMSW;
    x.u.cr.source = 0xFFF3;
    assert_int_equal(exits(s, &x), -1);
    assert_int_equal(s->regs.cr0, CR0_ET | CR0_PE | CR0_MP);
    x.u.cr.source = 0x8;
    assert_int_equal(exits(s, &x), -1);
    assert_int_equal(s->regs.cr0, CR0_ET | CR0_PE | CR0_TS);
    x.u.cr.access = VM_CR_CLTS;
    assert_int_equal(exits(s, &x), -1);
    assert_int_equal(s->regs.cr0, CR0_ET | CR0_PE);
    sim_free(s);
}

static int msr(struct sim *s, enum vm_exit_kind kind, uint32_t index, uint64_t value)
{
    struct vm_exit x = {.kind = kind};
    x.u.msr.index = index;
    s->regs.gpr[GPR_RAX] = 0xFFFFFFFF00000000 | (uint32_t)value; /* upper halves do not count */
    s->regs.gpr[GPR_RDX] = 0xFFFFFFFF00000000 | value >> 32;
    return exits(s, &x);
}

static uint64_t read_back(struct sim *s, uint32_t index)
{
    assert_int_equal(msr(s, VM_EXIT_RDMSR, index, 0), -1);
    return s->regs.gpr[GPR_RDX] << 32 | s->regs.gpr[GPR_RAX];
}

static void a_host_never_sees_an_msr_value_that_would_fault(void **state)
{
    (void)state;
    struct sim *s = new_sim(BOARD);
    to_long_mode(s);
    assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_LSTAR, 0xFFFFFFFF81000000), -1);
    assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_LSTAR, 0x0000800000000000), VECTOR_GP);
    assert_int_equal(read_back(s, MSR_LSTAR), 0xFFFFFFFF81000000);
    assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_FMASK, 0x200), -1);
    assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_FMASK, 0x100000200), VECTOR_GP);
    assert_int_equal(read_back(s, MSR_FMASK), 0x200);
    assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_GS_BASE, 0x00007F0000000000), -1);
    assert_int_equal(s->regs.seg[SEG_GS].base, 0x00007F0000000000);
    assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_GS_BASE, 0x8000000000000000), VECTOR_GP);
    assert_int_equal(read_back(s, MSR_GS_BASE), 0x00007F0000000000);
    assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_FS_BASE, 0x1000), -1);
    assert_int_equal(s->regs.seg[SEG_FS].base, 0x1000);
    assert_int_equal(msr(s, VM_EXIT_RDMSR, 0xC0000103, 0), VECTOR_GP); /* TSC_AUX */
    assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_EFER, EFER_SCE), VECTOR_GP);
    assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_EFER, EFER_SCE | EFER_LME), -1);
    assert_int_equal(read_back(s, MSR_EFER), EFER_SCE | EFER_LME | EFER_LMA);
    assert_int_equal(read_back(s, MSR_MCG_CAP), 0);
    assert_int_equal(msr(s, VM_EXIT_RDMSR, MSR_MCG_CTL, 0), VECTOR_GP);
    assert_int_equal(msr(s, VM_EXIT_RDMSR, MSR_AMD_HWCR, 0), VECTOR_GP); /* an Intel processor */
    assert_int_equal(msr(s, VM_EXIT_RDMSR, 0x48, 0), VECTOR_GP);         /* SPEC_CTRL */
    assert_int_equal(vm_counts(s->vm)->refused_msr_reads, 4);
    assert_int_equal(vm_counts(s->vm)->refused_msr_writes, 4);
    sim_free(s);
}

/* [SDM] vol. 4, table 2-2: EFER is there where nx or lm is. */
static void without_anything_to_switch_there_is_no_efer(void **state)
{
    (void)state;
    static const enum cpuid_feature off[] = {CPUID_F_nx, CPUID_F_lm, CPUID_F_syscall};
    for (uint32_t count = 2; count <= 3; count++) {
        struct system_vm system = sim_system(0x100000, BOARD);
        for (uint32_t i = 0; i < count; i++) {
            system.cpu_off[off[i] / 32u] |= 1u << off[i] % 32u;
        }
        struct sim *s = sim_new(&system, KHZ);
        s->regs.cr0 = CR0_PE | CR0_ET;
        s->regs.seg[SEG_CS].ar = SEG_AR_DB;
        int refused = count == 3 ? VECTOR_GP : -1;
        assert_int_equal(msr(s, VM_EXIT_RDMSR, MSR_EFER, 0), refused);
        assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_EFER, 0), refused);
        sim_free(s);
    }
}

static int cpuid(struct sim *s, uint32_t leaf, uint32_t sub)
{
    struct vm_exit x = {.kind = VM_EXIT_CPUID};
    s->regs.gpr[GPR_RAX] = 0xFFFFFFFF00000000 | leaf;
    s->regs.gpr[GPR_RCX] = 0xFFFFFFFF00000000 | sub;
    return exits(s, &x);
}

static void cpuid_follows_the_guests_own_state(void **state)
{
    (void)state;
    struct sim *s = new_sim(BOARD);
    assert_int_equal(cpuid(s, 1, 0), -1);
    assert_int_equal(s->regs.gpr[GPR_RCX] >> 26 & 7, 5); /* XSAVE, AVX, not yet OSXSAVE */
    assert_int_equal(s->regs.gpr[GPR_RDX] >> 9 & 1, 1);
    assert_int_equal(s->regs.gpr[GPR_RAX], 0x306C3); /* upper halves are cleared */
    assert_int_equal(mov_to_cr(s, 4, CR4_OSXSAVE | CR4_OSFXSR), -1);
    assert_int_equal(cpuid(s, 1, 0), -1);
    assert_int_equal(s->regs.gpr[GPR_RCX] >> 26 & 7, 7);
    assert_int_equal(cpuid(s, 0xD, 0), -1);
    assert_int_equal(s->regs.gpr[GPR_RBX], 576);
    assert_int_equal(s->regs.gpr[GPR_RCX], 832);
    assert_int_equal(cpuid(s, 0x80000001u, 0), -1);
    assert_int_equal(s->regs.gpr[GPR_RDX] >> 11 & 1, 0); /* SYSCALL: an Intel processor's */
    to_long_mode(s);
    assert_int_equal(cpuid(s, 0x80000001u, 0), -1);
    assert_int_equal(s->regs.gpr[GPR_RDX] >> 11 & 1, 1);
    s->regs.seg[SEG_CS].ar = SEG_AR_DB;
    assert_int_equal(cpuid(s, 0x80000001u, 0), -1);
    assert_int_equal(s->regs.gpr[GPR_RDX] >> 11 & 1, 0);
    s->regs.gpr[GPR_RAX] = 7;
    s->regs.gpr[GPR_RDX] = 0;
    s->regs.gpr[GPR_RCX] = 0;
    struct vm_exit x = {.kind = VM_EXIT_XSETBV};
    assert_int_equal(exits(s, &x), -1);
    assert_int_equal(s->regs.xcr0, 7);
    assert_int_equal(cpuid(s, 0xD, 0), -1);
    assert_int_equal(s->regs.gpr[GPR_RBX], 832);
    /* The guest switches its local APIC off: the bit goes. */
    assert_int_equal(msr(s, VM_EXIT_WRMSR, MSR_APIC_BASE, 0xFEE00000), -1);
    assert_int_equal(cpuid(s, 1, 0), -1);
    assert_int_equal(s->regs.gpr[GPR_RDX] >> 9 & 1, 0);
    sim_free(s);
}

static void xsetbv_takes_what_is_offered(void **state)
{
    (void)state;
    static const struct {
        uint64_t rcx, rdx, rax;
        bool legal;
    } rows[] = {
        {0, 0, 7, true},
        {0, 0, 3, true},
        {0, 0, 1, true},
        {0, 0, 0, false},
        {0, 0, 2, false},
        {0, 0, 5, false},
        {1, 0, 3, false},
        {0, 0, 0xE7, false},
        {0, 1, 3, false},
        {0, 0, 0x203, false},
        {0xFFFFFFFF00000000u, 0xFFFFFFFF00000000u, 0xFFFFFFFF00000007u, true},
    };
    struct sim *s = new_sim(BOARD);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vm_exit x = {.kind = VM_EXIT_XSETBV};
        s->regs.gpr[GPR_RCX] = rows[i].rcx;
        s->regs.gpr[GPR_RDX] = rows[i].rdx;
        s->regs.gpr[GPR_RAX] = rows[i].rax;
        uint64_t before = s->regs.xcr0;
        assert_int_equal(exits(s, &x), rows[i].legal ? -1 : VECTOR_GP);
        assert_int_equal(s->regs.xcr0, rows[i].legal ? (uint32_t)rows[i].rax : before);
    }
    sim_free(s);
}

static int mov_dr(struct sim *s, uint8_t dr, bool write, uint64_t value)
{
    struct vm_exit x = {.kind = VM_EXIT_DR};
    x.u.dr = (struct vm_exit_dr){.dr = dr, .gpr = GPR_RBP, .write = write};
    s->regs.gpr[GPR_RBP] = value;
    return exits(s, &x);
}

static void debug_registers_are_kept_for_the_guest(void **state)
{
    (void)state;
    struct sim *s = new_sim(BOARD);
    to_long_mode(s);
    for (uint8_t n = 0; n < 4; n++) {
        assert_int_equal(mov_dr(s, n, true, 0x1122334455660000u + n), -1);
    }
    for (uint8_t n = 0; n < 4; n++) {
        assert_int_equal(mov_dr(s, n, false, 0), -1);
        assert_int_equal(s->regs.gpr[GPR_RBP], 0x1122334455660000u + n);
    }
    assert_int_equal(mov_dr(s, 6, false, 0), -1);
    assert_int_equal(s->regs.gpr[GPR_RBP], 0xFFFF0FF0);
    assert_int_equal(mov_dr(s, 7, true, 1ull << 40), VECTOR_GP);
    assert_int_equal(mov_dr(s, 7, true, 0x2000), -1);
    assert_int_equal(mov_dr(s, 0, false, 42), VECTOR_DB);
    assert_int_equal(s->regs.gpr[GPR_RBP], 42);
    assert_int_equal(mov_dr(s, 6, false, 0), -1);
    assert_int_equal(s->regs.gpr[GPR_RBP], 0xFFFF2FF0);
    s->regs.cr4 |= CR4_DE;
    assert_int_equal(mov_dr(s, 5, false, 0), VECTOR_UD);
    s->regs.seg[SEG_SS].ar = 3u << 5;
    assert_int_equal(mov_dr(s, 0, false, 0), VECTOR_GP);
    sim_free(s);
}

/* What was watched goes on to the guest, with the reason in its copy of DR6. */
static void watched_exceptions_go_back(void **state)
{
    (void)state;
    static const struct {
        struct vm_exit_exception e;
        uint8_t insn_len;
        uint32_t dr6;
    } rows[] = {
        {{.vector = VECTOR_DB, .debug = DR6_BS}, 0, 0xFFFF4FF0},
        {{.vector = VECTOR_DB, .debug = 0x3}, 0, 0xFFFF0FF3},
        {{.vector = VECTOR_DB}, 1, 0xFFFF0FF0}, /* INT1: RIP goes on, and DR6 has no bit for it */
        {{.vector = 17, .has_error_code = true}, 0, 0xFFFF0FF0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim *s = new_sim(BOARD);
        struct vm_exit x = {.kind = VM_EXIT_EXCEPTION, .raw = true, .insn_len = rows[i].insn_len};
        to_long_mode(s);
        assert_int_equal(mov_dr(s, 7, true, 0x2000), -1); /* general detect: not for the handler */
        uint32_t before = s->events;
        x.u.exception = rows[i].e;
        s->regs.rip = RIP;
        s->regs.rflags |= RFLAGS_TF;
        sim_exit(s, &x);
        assert_int_equal(s->events, before + 1);
        assert_int_equal(s->log[before].inject, VM_INJECT_EXCEPTION);
        assert_int_equal(s->log[before].vector, rows[i].e.vector);
        assert_int_equal(s->regs.rip, RIP + rows[i].insn_len);
        s->regs.rflags &= ~(uint64_t)RFLAGS_TF;
        if (rows[i].e.vector == VECTOR_DB) {
            assert_int_equal(mov_dr(s, 6, false, 0), -1);
            assert_int_equal(s->regs.gpr[GPR_RBP], rows[i].dr6);
        } else {
            assert_int_equal(mov_dr(s, 6, false, 0), VECTOR_DB);
        }
        sim_free(s);
    }
}

static void instructions_that_are_not_there(void **state)
{
    (void)state;
    static const struct {
        enum vm_exit_kind kind;
        int vector;
    } rows[] = {{VM_EXIT_UNDEFINED, VECTOR_UD},
                {VM_EXIT_VMCALL, VECTOR_UD},
                {VM_EXIT_RDPMC, VECTOR_GP},
                {VM_EXIT_WBINVD, -1}};
    struct sim *s = new_sim(BOARD);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vm_exit x = {.kind = rows[i].kind};
        assert_int_equal(exits(s, &x), rows[i].vector);
        assert_int_equal(s->plan.go, VM_GO_RUN);
    }
    sim_free(s);
}

static void what_the_system_file_demands_and_the_host_lacks_is_told(void **state)
{
    (void)state;
    struct system_vm system = sim_system(0x100000, BOARD);
    system.cpu_model = SYSTEM_CPU_BASELINE2;
    struct sim *s = sim_new(&system, KHZ);
    assert_null(vm_cpu_missing(s->vm)); /* the simulated processor has all of it */
    sim_free(s);
    system.cpu_on[CPUID_W7_EBX] = 1u << 16;
    s = sim_new(&system, KHZ);
    const uint32_t *missing = vm_cpu_missing(s->vm);
    assert_non_null(missing);
    assert_int_equal(missing[CPUID_W7_EBX], 1u << 16);
    assert_int_equal(missing[CPUID_W1_EDX], 0);
    assert_true(cpuid_has(vm_cpu(s->vm), CPUID_F_sse4_2));
    sim_free(s);
}

/* Outside 64-bit code RIP has 32 bits: more of them would be refused at the next entry. */
static void the_last_instruction_of_the_address_space_leads_to_the_first(void **state)
{
    (void)state;
    struct sim *s = new_sim(BOARD);
    struct vm_exit x = {.kind = VM_EXIT_CPUID, .raw = true, .insn_len = 2};
    s->regs.rip = 0xFFFFFFFE;
    sim_exit(s, &x);
    assert_int_equal(s->regs.rip, 0);
    to_long_mode(s);
    s->regs.rip = 0xFFFFFFFE;
    sim_exit(s, &x);
    assert_int_equal(s->regs.rip, 0x100000000);
    s->regs.seg[SEG_CS].ar = SEG_AR_DB; /* compatibility mode */
    s->regs.rip = 0xFFFFFFFF;
    sim_exit(s, &x);
    assert_int_equal(s->regs.rip, 1);
    sim_free(s);
}

static void single_step_traps_after_what_the_policy_answers(void **state)
{
    (void)state;
    static const enum vm_exit_kind kinds[] = {VM_EXIT_CPUID, VM_EXIT_WBINVD, VM_EXIT_HLT};
    for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct sim *s = new_sim(BOARD);
        struct vm_exit x = {.kind = kinds[i], .raw = true, .insn_len = 2};
        s->regs.rip = RIP;
        s->regs.rflags |= RFLAGS_TF | RFLAGS_RF;
        sim_exit(s, &x);
        assert_int_equal(s->events, 1);
        assert_int_equal(s->log[0].inject, VM_INJECT_EXCEPTION);
        assert_int_equal(s->log[0].vector, VECTOR_DB);
        assert_int_equal(s->regs.rip, RIP + 2);
        assert_int_equal(s->regs.rflags & RFLAGS_RF, 0);
        assert_int_equal(s->plan.go, VM_GO_RUN);
        sim_free(s);
    }
}

/* VMX refuses an entry that would push one in real mode. */
static void general_protection_has_an_error_code_but_in_real_mode(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct sim *s = new_sim(BOARD);
        struct vm_plan plan;
        struct vm_exit x = {.kind = VM_EXIT_RDMSR, .raw = true, .nmi_ready = true};
        s->regs.cr0 = i == 0 ? CR0_ET : CR0_PE | CR0_ET;
        x.u.msr.index = 0x12345678;
        vm_exit(s->vm, 0, 1000, &x);
        vm_entry(s->vm, 0, 1000, &plan);
        assert_int_equal(plan.inject, VM_INJECT_EXCEPTION);
        assert_int_equal(plan.vector, VECTOR_GP);
        assert_int_equal(plan.has_error_code, i);
        sim_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_goes_to_long_mode_step_by_step),
        cmocka_unit_test(pae_paging_hands_pointers_to_the_host),
        cmocka_unit_test(operands_have_the_width_of_the_mode),
        cmocka_unit_test(cr8_works_without_a_local_apic),
        cmocka_unit_test(clts_and_lmsw),
        cmocka_unit_test(a_host_never_sees_an_msr_value_that_would_fault),
        cmocka_unit_test(without_anything_to_switch_there_is_no_efer),
        cmocka_unit_test(cpuid_follows_the_guests_own_state),
        cmocka_unit_test(xsetbv_takes_what_is_offered),
        cmocka_unit_test(debug_registers_are_kept_for_the_guest),
        cmocka_unit_test(watched_exceptions_go_back),
        cmocka_unit_test(instructions_that_are_not_there),
        cmocka_unit_test(general_protection_has_an_error_code_but_in_real_mode),
        cmocka_unit_test(the_last_instruction_of_the_address_space_leads_to_the_first),
        cmocka_unit_test(single_step_traps_after_what_the_policy_answers),
        cmocka_unit_test(what_the_system_file_demands_and_the_host_lacks_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
