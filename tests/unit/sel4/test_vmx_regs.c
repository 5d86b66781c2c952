/* SPDX-License-Identifier: BSD-2-Clause
 * Set-up of a vCPU, its registers and entries under VMX. */
#include "fake_vmcs.h"

static struct fake f;

static void set_up_needs_what_a_guest_needs(void **state)
{
    (void)state;
    fake_machine(&f);
    assert_null(fake_start_with(&f));
    assert_int_equal(f.v.primary & (PRIMARY_IRQ_WINDOW | PRIMARY_NMI_WINDOW), 0);
    fake_machine(&f);
    f.pin_low = ~PIN_TIMER;
    assert_non_null(fake_start_with(&f));
    fake_machine(&f);
    f.secondary_low = ~SECONDARY_UNRESTRICTED;
    assert_non_null(fake_start_with(&f));
    fake_machine(&f);
    f.primary_low = ~PRIMARY_CR8_LOAD; /* a guest with CR8 = 15 would keep the core */
    assert_non_null(fake_start_with(&f));
    fake_machine(&f);
    f.primary_high |= PRIMARY_CR3_LOAD;
    assert_non_null(fake_start_with(&f));
    fake_machine(&f);
    f.entry_low = ~ENTRY_EFER;
    assert_non_null(fake_start_with(&f));
}

static void set_up_watches_db_and_ac_and_arms_no_breakpoint(void **state)
{
    (void)state;
    fake_machine(&f);
    assert_null(fake_start_with(&f));
    assert_int_equal(f.field[VMCS_EXCEPTIONS], 1u << 1 | 1u << 17);
    assert_int_equal(f.field[VMCS_DR7], 0x400);
    assert_int_equal(f.field[VMCS_PIN] & PIN_TIMER, PIN_TIMER);
    assert_int_equal(f.field[VMCS_EXIT_CONTROLS] & EXIT_SAVE_TIMER, EXIT_SAVE_TIMER);
}

static void first_registers_are_written_whole(void **state)
{
    (void)state;
    (void)fake_boot(&f, true);
    assert_int_equal(f.gpr[4], 0x77);
    assert_int_equal(f.field[VMCS_RSP], 0x8000);
    assert_int_equal(f.field[VMCS_RFLAGS], RFLAGS_FIXED);
    assert_int_equal(f.field[VMCS_SEG_LIMIT(SEG_CS)], UINT32_MAX);
    assert_int_equal(f.field[VMCS_SEG_SELECTOR(SEG_CS)], 0x10);
    assert_int_equal(f.field[VMCS_SEG_AR(SEG_TR)], 0x8B);
    assert_int_equal(f.field[VMCS_EFER], EFER_LME | EFER_LMA);
    assert_int_equal(f.field[VMCS_ENTRY_CONTROLS] & ENTRY_IA32E, ENTRY_IA32E);
    (void)fake_boot(&f, false);
    assert_int_equal(f.field[VMCS_ENTRY_CONTROLS] & ENTRY_IA32E, 0);
}

static void a_32_bit_guest_shows_all_its_segments(void **state)
{
    (void)state;
    struct vcpu_regs r;
    struct vm_exit x;
    (void)fake_boot(&f, false);
    for (uint32_t n = 0; n < SEG_COUNT; n++) {
        f.field[VMCS_SEG_BASE(n)] = 0x1000 + n;
        f.field[VMCS_SEG_LIMIT(n)] = 0x2000 + n;
        f.field[VMCS_SEG_AR(n)] = 0x80 + n;
        f.field[VMCS_SEG_SELECTOR(n)] = 8 * n;
    }
    f.field[VMCS_IDTR_BASE] = 0x9999;
    struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 1, 3);
    f.field[VMCS_RSP] = 0x7000;
    vmx_exit(&f.v, &i, &x);
    vmx_regs_fetch(&f.v, 0, REGS_ALL, &r);
    for (uint32_t n = 0; n < SEG_COUNT; n++) {
        assert_int_equal(r.seg[n].base, 0x1000 + n);
        assert_int_equal(r.seg[n].limit, 0x2000 + n);
        assert_int_equal(r.seg[n].ar, 0x80 + n);
        assert_int_equal(r.seg[n].selector, 8 * n);
    }
    assert_int_equal(r.idtr.base, 0x9999);
    assert_int_equal(r.gpr[GPR_RSP], 0x7000);
}

static void a_64_bit_guest_costs_six_reads_and_rsp(void **state)
{
    (void)state;
    struct vcpu_regs r;
    struct vm_exit x;
    (void)fake_boot(&f, true);
    struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 1, 3);
    f.field[VMCS_SEG_BASE(SEG_GS)] = 0xFFFF888000000000ull;
    i.cr3 = 0x4000;
    vmx_exit(&f.v, &i, &x);
    vmx_regs_fetch(&f.v, 0, REGS_ALL, &r);
    assert_int_equal(f.reads, 7);
    assert_int_equal(r.seg[SEG_GS].base, 0xFFFF888000000000ull);
    assert_int_equal(r.cr3, 0x4000);
    assert_int_equal(r.efer, EFER_LME | EFER_LMA);
    vmx_regs_fetch(&f.v, 0, REGS_ALL, &r); /* nothing more in the same exit */
    assert_int_equal(f.reads, 7);
}

static void a_64_bit_guest_shows_its_segments_when_asked(void **state)
{
    (void)state;
    struct vcpu_regs r;
    struct vm_exit x;
    (void)fake_boot(&f, true);
    struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 1, 3);
    f.field[VMCS_GDTR_BASE] = 0xFFFF888000001000ull; /* LGDT makes no exit */
    f.field[VMCS_GDTR_LIMIT] = 0x7F;
    f.field[VMCS_SEG_SELECTOR(SEG_DS)] = 0x2B;
    f.field[VMCS_SEG_AR(SEG_DS)] = 0xC0F3;
    vmx_exit(&f.v, &i, &x);
    vmx_regs_fetch(&f.v, 0, REGS_ALL, &r);
    vmx_regs_fetch(&f.v, 0, REGS_SEG, &r);
    assert_int_equal(r.gdtr.base, 0xFFFF888000001000ull);
    assert_int_equal(r.gdtr.limit, 0x7F);
    assert_int_equal(r.seg[SEG_DS].selector, 0x2B);
    uint32_t reads = f.reads;
    vmx_regs_fetch(&f.v, 0, REGS_SEG, &r);
    assert_int_equal(f.reads, reads);
    /* A load that makes of DS what was last known of it is written all the same. */
    (void)fake_boot(&f, true);
    struct seg_reg boot = f.v.seen.seg[SEG_DS];
    i = fake_exit(&f, REASON_EPT_VIOLATION, 1, 3);
    f.field[VMCS_SEG_SELECTOR(SEG_DS)] = 0x2B;
    vmx_exit(&f.v, &i, &x);
    vmx_regs_fetch(&f.v, 0, REGS_ALL, &r);
    vmx_regs_fetch(&f.v, 0, REGS_SEG, &r);
    assert_int_not_equal(r.seg[SEG_DS].selector, boot.selector);
    r.seg[SEG_DS] = boot;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(f.field[VMCS_SEG_SELECTOR(SEG_DS)], boot.selector);
}

static void long_mode_is_noticed_though_nobody_told(void **state)
{
    (void)state;
    struct vcpu_regs r = fake_boot(&f, false);
    struct vm_exit x;
    r.efer = EFER_LME;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 1, 3);
    f.field[VMCS_CR0] |= CR0_PG; /* the guest did: no exit */
    f.field[VMCS_CR4] |= CR4_PAE;
    vmx_exit(&f.v, &i, &x);
    vmx_regs_fetch(&f.v, 0, REGS_ALL, &r);
    assert_int_equal(r.efer, EFER_LME | EFER_LMA);
    assert_true(f.v.long_mode);
    assert_int_equal(r.cr4, CR4_PAE); /* not VMXE */
}

static void only_what_changed_is_written(void **state)
{
    (void)state;
    struct vcpu_regs r;
    struct vm_exit x;
    (void)fake_boot(&f, true);
    struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 1, 3);
    vmx_exit(&f.v, &i, &x);
    vmx_regs_fetch(&f.v, 0, REGS_ALL, &r);
    r.rip += 3;
    vmx_regs_store(&f.v, REGS_ALL, &r);
    assert_int_equal(f.writes + f.gpr_writes + f.cr2_writes, 0);
    r.cr2 = 0x40;
    r.gpr[GPR_RSP] += 8;
    vmx_regs_store(&f.v, REGS_ALL, &r);
    assert_int_equal(f.cr2_writes, 1);
    assert_int_equal(f.cr2, 0x40);
    assert_int_equal(f.writes, 1);
    assert_int_equal(f.field[VMCS_RSP], 0x8008);
}

static void the_same_cr2_twice_is_written_twice(void **state)
{
    (void)state;
    struct vcpu_regs r;
    struct vm_exit x;
    (void)fake_boot(&f, true);
    for (uint32_t n = 1; n <= 2; n++) { /* between them the guest faults elsewhere by itself */
        struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 1, 3);
        vmx_exit(&f.v, &i, &x);
        vmx_regs_fetch(&f.v, 0, REGS_ALL, &r);
        r.cr2 = 0x5000;
        vmx_regs_store(&f.v, REGS_SYS, &r);
        assert_int_equal(f.cr2_writes, n);
    }
}

static void a_step_ends_the_shadow_of_sti(void **state)
{
    (void)state;
    struct vcpu_regs r;
    struct vm_exit x;
    (void)fake_boot(&f, true);
    struct vmx_exit_info i = fake_exit(&f, REASON_HLT, 0, 1);
    i.blocked = BLOCKED_STI | BLOCKED_NMI;
    vmx_exit(&f.v, &i, &x);
    vmx_regs_fetch(&f.v, 0, REGS_GPR, &r);
    r.rip += 1;
    vmx_regs_store(&f.v, REGS_GPR, &r);
    assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], BLOCKED_NMI);
}

static void a_shadow_of_the_core_goes_in(void **state)
{
    (void)state;
    const struct vm_plan plan = {.shadow = true, .irq_window = true};
    struct vcpu_regs r;
    struct vm_exit x;
    struct vmx_words w;
    for (uint32_t tf = 0; tf < 2; tf++) {
        (void)fake_boot(&f, true);
        struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 1, 3);
        i.blocked = BLOCKED_STI;
        i.rflags |= tf != 0 ? RFLAGS_TF : 0;
        f.field[VMCS_PENDING_DEBUG] = 0;
        vmx_exit(&f.v, &i, &x);
        vmx_regs_fetch(&f.v, 0, REGS_ALL, &r);
        r.rip += 3;
        vmx_regs_store(&f.v, REGS_ALL, &r);
        vmx_entry(&f.v, &plan, 0, &w);
        assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], BLOCKED_MOV_SS);
        assert_int_equal(f.field[VMCS_PENDING_DEBUG], tf != 0 ? 0x4000 : 0);
    }
    /* An event that did not go in goes before, and a shadow cannot go in with it. */
    (void)fake_boot(&f, true);
    f.v.kept.info = 0x80000301;
    vmx_entry(&f.v, &plan, 0, &w);
    assert_int_equal(f.field[VMCS_INTERRUPTIBILITY] & BLOCKED_MOV_SS, 0);
    assert_int_equal(w.event, 0x80000301);
}

/* The processor ends the blocking before the IRET faults; it begins again until the IRET has been done. */
static void an_iret_that_was_emulated_ends_the_blocking_of_nmis(void **state)
{
    (void)state;
    const struct vm_plan done = {.nmi_unblock = true};
    const struct vm_plan again = {.nmi_unblock = false};
    struct vm_exit x;
    struct vmx_words w;
    for (uint32_t emulated = 0; emulated < 2; emulated++) {
        (void)fake_boot(&f, true);
        struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 1u | 1u << 12, 1);
        vmx_exit(&f.v, &i, &x);
        assert_false(x.nmi_ready);
        assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], BLOCKED_NMI);
        vmx_entry(&f.v, emulated != 0 ? &done : &again, 0, &w);
        assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], emulated != 0 ? 0 : BLOCKED_NMI);
    }
}

static void a_plan_becomes_an_event(void **state)
{
    (void)state;
    static const struct {
        struct vm_plan plan;
        uint32_t event;
        uint32_t windows;
    } rows[] = {
        {{.inject = VM_INJECT_NONE}, 0, 0},
        {{.inject = VM_INJECT_IRQ, .vector = 0xEC}, 0x800000EC, 0},
        {{.inject = VM_INJECT_NMI, .vector = 2}, 0x80000202, 0},
        {{.inject = VM_INJECT_EXCEPTION, .vector = 6}, 0x80000306, 0},
        {{.inject = VM_INJECT_EXCEPTION, .vector = 13, .has_error_code = true}, 0x80000B0D, 0},
        {{.irq_window = true}, 0, 1u << 2},
        {{.nmi_window = true, .irq_window = true}, 0, 1u << 22 | 1u << 2},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct vmx_words w;
        (void)fake_boot(&f, true);
        vmx_entry(&f.v, &rows[n].plan, 0, &w);
        assert_int_equal(w.event, rows[n].event);
        assert_int_equal(w.primary, f.v.primary | rows[n].windows);
        assert_int_equal(w.rip, 0x1000);
    }
}

static void real_mode_has_no_error_codes(void **state)
{
    (void)state;
    struct vmx_words w;
    struct vm_plan plan = {.inject = VM_INJECT_EXCEPTION, .vector = 13, .has_error_code = true};
    (void)fake_boot(&f, false);
    f.field[VMCS_CR0] &= ~CR0_PE;
    vmx_entry(&f.v, &plan, 0, &w);
    assert_int_equal(w.event, 0x8000030D);
}

static void the_timer_is_never_early_and_never_zero(void **state)
{
    (void)state;
    static const struct {
        uint32_t rate;
        uint64_t tsc;
        uint32_t ticks;
    } rows[] = {
        {0, 0, 1},  {0, 7, 7},
        {5, 1, 1},  {5, 32, 1},
        {5, 33, 2}, {5, UINT64_MAX, UINT32_MAX},
        {31, 1, 1}, {0, 1ull << 32, UINT32_MAX},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        assert_int_equal(vmx_timer_ticks(rows[n].rate, rows[n].tsc), rows[n].ticks);
    }
}

static void the_timer_carries_the_deadline_within_a_slice(void **state)
{
    (void)state;
    struct vmx_words w;
    struct vm_plan plan = {.deadline_tsc = 5000 + 3200};
    (void)fake_boot(&f, true);
    vmx_entry(&f.v, &plan, 5000, &w);
    assert_int_equal(f.field[VMCS_TIMER], 100);
    vmx_entry(&f.v, &plan, 9000, &w); /* late */
    assert_int_equal(f.field[VMCS_TIMER], 1);
    plan.deadline_tsc = UINT64_MAX;
    vmx_entry(&f.v, &plan, 9000, &w);
    assert_int_equal(f.field[VMCS_TIMER], 31250);
    /* The processor counts it down in the VMCS, so it is written each time. */
    f.field[VMCS_TIMER] = 5;
    vmx_entry(&f.v, &plan, 10000, &w);
    assert_int_equal(f.field[VMCS_TIMER], 31250);
}

/* One exit, after which the core has changed control registers. */
static struct vcpu_regs after_an_exit(void)
{
    struct vcpu_regs r;
    struct vm_exit x;
    struct vmx_exit_info i = fake_exit(&f, REASON_CR, 0, 3);
    vmx_exit(&f.v, &i, &x);
    vmx_regs_fetch(&f.v, 0, REGS_ALL, &r);
    return r;
}

static void cr0_keeps_what_vmx_wants_and_caches_for_itself(void **state)
{
    (void)state;
    const uint64_t kept = CR0_ET | CR0_NE | CR0_CD | CR0_NW;
    const uint64_t wanted = CR0_PE | CR0_PG | CR0_ET | CR0_CD | CR0_WP;
    (void)fake_boot(&f, true);
    assert_int_equal(f.field[VMCS_CR0_MASK], kept);
    assert_int_equal(f.field[VMCS_CR0] & kept, CR0_ET | CR0_NE);
    struct vcpu_regs r = after_an_exit();
    r.cr0 = wanted;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(f.field[VMCS_CR0], CR0_PE | CR0_PG | CR0_ET | CR0_WP | CR0_NE);
    assert_int_equal(f.field[VMCS_CR0_SHADOW] & kept, wanted & kept);
    f.field[VMCS_CR0] |= CR0_TS; /* the guest's own doing */
    r = after_an_exit();
    assert_int_equal(r.cr0, wanted | CR0_TS);
}

/* The guest reads what it wrote; the processor has VMXE, and MCE: a machine check is not the guest's. */
static void cr4_keeps_what_is_not_offered_and_machine_checks(void **state)
{
    (void)state;
    const uint64_t vmxe = 1ull << 13;
    (void)fake_boot(&f, true);
    assert_int_equal(f.field[VMCS_CR4_MASK], ~FAKE_CR4);
    assert_int_equal(f.field[VMCS_CR4_SHADOW], 0);
    assert_int_equal(f.field[VMCS_CR4], CR4_PAE | vmxe | CR4_MCE);
    f.field[VMCS_CR4] |= CR4_SMEP; /* the guest's own doing */
    struct vcpu_regs r = after_an_exit();
    assert_int_equal(r.cr4, CR4_PAE | CR4_SMEP);
    r.cr4 |= CR4_MCE | CR4_PSE;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(f.field[VMCS_CR4_SHADOW], CR4_MCE);
    assert_int_equal(f.field[VMCS_CR4], CR4_PAE | CR4_SMEP | CR4_PSE | vmxe | CR4_MCE);
    assert_int_equal(after_an_exit().cr4, r.cr4);
    r.cr4 &= ~CR4_MCE;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(f.field[VMCS_CR4_SHADOW], 0);
    assert_int_equal(f.field[VMCS_CR4] & CR4_MCE, CR4_MCE);
}

/* Entry checks it; an instruction would only when the task is used. */
static void long_mode_has_a_busy_task_of_its_own_kind(void **state)
{
    (void)state;
    struct vcpu_regs r = fake_boot(&f, false);
    r.seg[SEG_TR].ar = SEG_AR_P | 3u;
    r.cr4 = CR4_PAE;
    r.efer = EFER_LME;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(f.field[VMCS_SEG_AR(SEG_TR)], SEG_AR_P | 3u);
    r = after_an_exit();
    r.cr0 |= CR0_PG;
    r.efer |= EFER_LMA;
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(f.field[VMCS_EFER], EFER_LME | EFER_LMA);
    assert_int_equal(f.field[VMCS_ENTRY_CONTROLS] & ENTRY_IA32E, ENTRY_IA32E);
    assert_int_equal(f.field[VMCS_SEG_AR(SEG_TR)], SEG_AR_P | 0xBu);
    /* The guest loads another: it is not written over by what was known of the first. */
    f.field[VMCS_SEG_AR(SEG_CS)] |= SEG_AR_L;
    f.field[VMCS_SEG_AR(SEG_TR)] = SEG_AR_P | SEG_AR_G | 0xBu;
    r = after_an_exit();
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(f.field[VMCS_SEG_AR(SEG_TR)], SEG_AR_P | SEG_AR_G | 0xBu);
}

static void page_directory_pointers_are_written_when_the_core_loaded_them(void **state)
{
    (void)state;
    (void)fake_boot(&f, false);
    struct vcpu_regs r = after_an_exit();
    for (uint32_t n = 0; n < 4; n++) {
        r.pdpte[n] = 0x2001 + 0x1000ull * n;
    }
    vmx_regs_store(&f.v, REGS_SYS, &r);
    assert_int_equal(f.field[VMCS_PDPTE(0)], 0);
    vmx_regs_store(&f.v, REGS_PDPTE, &r);
    assert_int_equal(f.field[VMCS_PDPTE(0)], 0x2001);
    assert_int_equal(f.field[VMCS_PDPTE(3)], 0x5001);
}

/* Entry refuses an interrupt there, and a #DB that single-stepping pends. */
static void an_event_ends_the_shadow_before_it(void **state)
{
    (void)state;
    struct vmx_words w;
    struct vm_exit x;
    struct vm_plan plan = {.inject = VM_INJECT_EXCEPTION, .vector = 1, .deadline_tsc = UINT64_MAX};
    (void)fake_boot(&f, true);
    f.field[VMCS_EXIT_EVENT] = 0x80000301;
    struct vmx_exit_info i = fake_exit(&f, REASON_EXCEPTION, 0, 0);
    i.blocked = BLOCKED_MOV_SS | BLOCKED_NMI;
    vmx_exit(&f.v, &i, &x);
    assert_false(x.irq_ready);
    vmx_entry(&f.v, &plan, 0, &w);
    assert_int_equal(w.event, 0x80000301);
    assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], BLOCKED_NMI);
}

/* Entry refuses that, too: [SDM] vol. 3C, 27.3.1.5. An IRET whose stack is a device's may lead to itself. */
static void no_shadow_of_sti_without_interrupts(void **state)
{
    (void)state;
    struct vm_exit x;
    struct vcpu_regs r;
    (void)fake_boot(&f, true);
    struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 0, 2);
    i.blocked = BLOCKED_STI;
    i.rflags |= RFLAGS_IF;
    vmx_exit(&f.v, &i, &x);
    vmx_regs_fetch(&f.v, 0, REGS_GPR, &r);
    vmx_regs_store(&f.v, REGS_GPR, &r);
    f.v.blocked = BLOCKED_STI;
    r.rflags &= ~(uint64_t)RFLAGS_IF;
    vmx_regs_store(&f.v, REGS_GPR, &r);
    assert_int_equal(f.v.blocked, 0);
    assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_up_needs_what_a_guest_needs),
        cmocka_unit_test(set_up_watches_db_and_ac_and_arms_no_breakpoint),
        cmocka_unit_test(first_registers_are_written_whole),
        cmocka_unit_test(a_32_bit_guest_shows_all_its_segments),
        cmocka_unit_test(a_64_bit_guest_costs_six_reads_and_rsp),
        cmocka_unit_test(a_64_bit_guest_shows_its_segments_when_asked),
        cmocka_unit_test(long_mode_is_noticed_though_nobody_told),
        cmocka_unit_test(only_what_changed_is_written),
        cmocka_unit_test(the_same_cr2_twice_is_written_twice),
        cmocka_unit_test(a_step_ends_the_shadow_of_sti),
        cmocka_unit_test(a_shadow_of_the_core_goes_in),
        cmocka_unit_test(an_iret_that_was_emulated_ends_the_blocking_of_nmis),
        cmocka_unit_test(a_plan_becomes_an_event),
        cmocka_unit_test(real_mode_has_no_error_codes),
        cmocka_unit_test(the_timer_is_never_early_and_never_zero),
        cmocka_unit_test(the_timer_carries_the_deadline_within_a_slice),
        cmocka_unit_test(cr0_keeps_what_vmx_wants_and_caches_for_itself),
        cmocka_unit_test(cr4_keeps_what_is_not_offered_and_machine_checks),
        cmocka_unit_test(long_mode_has_a_busy_task_of_its_own_kind),
        cmocka_unit_test(page_directory_pointers_are_written_when_the_core_loaded_them),
        cmocka_unit_test(an_event_ends_the_shadow_before_it),
        cmocka_unit_test(no_shadow_of_sti_without_interrupts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
