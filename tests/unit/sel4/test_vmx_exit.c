/* SPDX-License-Identifier: BSD-2-Clause
 * Exits of VMX in the core's terms. */
#include "fake_vmcs.h"

#include "base/le.h"

static struct fake f;

static void run_exit(uint32_t reason, uint64_t qualification, uint32_t insn_len, struct vm_exit *x)
{
    struct vmx_exit_info i = fake_exit(&f, reason, qualification, insn_len);
    vmx_exit(&f.v, &i, x);
}

/* With one general register set to a value before. */
static void run_with(uint32_t gpr, uint64_t value, uint32_t reason, uint64_t qualification,
                     struct vm_exit *x)
{
    struct vmx_exit_info i = fake_exit(&f, reason, qualification, 3);
    for (uint32_t n = 0; n < VMX_GPRS; n++) {
        if (vmx_gpr_order[n] == gpr) {
            i.gpr[n] = value;
        }
    }
    vmx_exit(&f.v, &i, x);
}

static void each_reason_has_its_kind(void **state)
{
    (void)state;
    static const struct {
        uint32_t reason;
        enum vm_exit_kind kind;
        bool raw;
    } rows[] = {
        {REASON_HOST_IRQ, VM_EXIT_NONE, false},
        {REASON_TRIPLE_FAULT, VM_EXIT_SHUTDOWN, false},
        {REASON_IRQ_WINDOW, VM_EXIT_IRQ_WINDOW, false},
        {REASON_NMI_WINDOW, VM_EXIT_NMI_WINDOW, false},
        {REASON_TASK_SWITCH, VM_EXIT_TASK, true},
        {REASON_CPUID, VM_EXIT_CPUID, true},
        {REASON_HLT, VM_EXIT_HLT, true},
        {REASON_INVD, VM_EXIT_WBINVD, true},
        {REASON_VMCALL, VM_EXIT_VMCALL, true},
        {REASON_IO, VM_EXIT_PIO_RAW, true},
        {REASON_RDMSR, VM_EXIT_RDMSR, true},
        {REASON_WRMSR, VM_EXIT_WRMSR, true},
        {REASON_BAD_STATE, VM_EXIT_HOST_ERROR, false},
        {REASON_BAD_MSR_LOAD, VM_EXIT_HOST_ERROR, false},
        {REASON_MACHINE_CHECK, VM_EXIT_HOST_ERROR, false},
        {REASON_EPT_VIOLATION, VM_EXIT_EPT, true},
        {REASON_EPT_MISCONFIG, VM_EXIT_HOST_ERROR, false},
        {REASON_TIMER, VM_EXIT_NONE, false},
        {REASON_WBINVD, VM_EXIT_WBINVD, true},
        {REASON_XSETBV, VM_EXIT_XSETBV, true},
        {REASON_CR, VM_EXIT_CR, true},
        {REASON_DR, VM_EXIT_DR, true},
        {REASON_RDPMC, VM_EXIT_RDPMC, true},
        {REASON_GETSEC, VM_EXIT_UNDEFINED, true},
        {REASON_VMCLEAR, VM_EXIT_UNDEFINED, true},
        {REASON_VMLAUNCH, VM_EXIT_UNDEFINED, true},
        {REASON_VMPTRLD, VM_EXIT_UNDEFINED, true},
        {REASON_VMPTRST, VM_EXIT_UNDEFINED, true},
        {REASON_VMREAD, VM_EXIT_UNDEFINED, true},
        {REASON_VMRESUME, VM_EXIT_UNDEFINED, true},
        {REASON_VMWRITE, VM_EXIT_UNDEFINED, true},
        {REASON_VMXOFF, VM_EXIT_UNDEFINED, true},
        {REASON_VMXON, VM_EXIT_UNDEFINED, true},
        {REASON_MWAIT, VM_EXIT_UNDEFINED, true},
        {REASON_MONITOR, VM_EXIT_UNDEFINED, true},
        {REASON_INVEPT, VM_EXIT_UNDEFINED, true},
        {REASON_INVVPID, VM_EXIT_UNDEFINED, true},
        {REASON_VMFUNC, VM_EXIT_UNDEFINED, true},
        {REASON_SEAMCALL, VM_EXIT_UNDEFINED, true},
        {REASON_TDCALL, VM_EXIT_UNDEFINED, true},
        {REASON_RDMSR_IMM, VM_EXIT_UNDEFINED, true},
        {REASON_WRMSR_IMM, VM_EXIT_UNDEFINED, true},
        {REASON_VM_FAIL, VM_EXIT_HOST_ERROR, false},
        {VMX_CAME_BACK, VM_EXIT_NONE, false},
        {3, VM_EXIT_HOST_ERROR, false},
        {63, VM_EXIT_HOST_ERROR, false},
        {64, VM_EXIT_HOST_ERROR, false},
        {REASONS - 1, VM_EXIT_HOST_ERROR, false},
        {REASONS, VM_EXIT_HOST_ERROR, false},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct vm_exit x;
        memset(&x, 0xA5, sizeof(x));
        (void)fake_boot(&f, true);
        run_exit(rows[n].reason, 0, 2, &x);
        assert_int_equal(x.kind, rows[n].kind);
        assert_int_equal(x.raw, rows[n].raw);
        assert_int_equal(x.insn_len, rows[n].raw ? 2 : 0);
        if (x.kind == VM_EXIT_HOST_ERROR) {
            assert_non_null(x.u.error.message);
        }
        assert_int_equal(f.v.kept.info, 0);
    }
}

static void io_is_read_from_its_qualification(void **state)
{
    (void)state;
    static const struct {
        uint64_t qualification;
        struct vm_exit_pio_raw pio;
    } rows[] = {
        {0x03F80000, {0x3F8, 1, true, false, false, 2}},
        {0x00600008, {0x60, 1, false, false, false, 2}},
        {0x0CF80043, {0xCF8, 4, true, false, false, 2}},
        {0x01F00039, {0x1F0, 2, false, true, true, 2}},
        {0xFFFF0010, {0xFFFF, 1, true, true, false, 2}},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct vm_exit x;
        (void)fake_boot(&f, true);
        run_exit(REASON_IO, rows[n].qualification, 2, &x);
        assert_int_equal(x.u.pio_raw.port, rows[n].pio.port);
        assert_int_equal(x.u.pio_raw.size, rows[n].pio.size);
        assert_int_equal(x.u.pio_raw.write, rows[n].pio.write);
        assert_int_equal(x.u.pio_raw.string, rows[n].pio.string);
        assert_int_equal(x.u.pio_raw.rep, rows[n].pio.rep);
        assert_int_equal(x.u.pio_raw.insn_len, 2);
    }
}

static void an_ept_violation_says_where_and_how(void **state)
{
    (void)state;
    struct vm_exit x;
    (void)fake_boot(&f, true);
    struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 0x182, 7);
    i.gpa = 0xFEE000B0;
    vmx_exit(&f.v, &i, &x);
    assert_int_equal(x.u.ept.gpa, 0xFEE000B0);
    assert_true(x.u.ept.write);
    assert_false(x.u.ept.fetch);
    assert_false(x.u.ept.gva_valid);
    run_exit(REASON_EPT_VIOLATION, 0x184, 0, &x);
    assert_false(x.u.ept.write);
    assert_true(x.u.ept.fetch);
}

static void an_msr_is_named_by_rcx(void **state)
{
    (void)state;
    struct vm_exit x;
    (void)fake_boot(&f, true);
    run_with(GPR_RCX, 0xFFFFFFFF0000001Bull, REASON_WRMSR, 0, &x);
    assert_int_equal(x.kind, VM_EXIT_WRMSR);
    assert_int_equal(x.u.msr.index, 0x1B);
    assert_false(x.u.msr.fault);
}

static void a_control_register_is_named_by_its_qualification(void **state)
{
    (void)state;
    static const struct {
        uint32_t qualification;
        struct vm_exit_cr cr;
    } rows[] = {
        {0x0908, {.cr = 8, .gpr = GPR_R9, .write = true, .insn_len = 4}}, /* mov %r9, %cr8  */
        {0x0018, {.cr = 8, .gpr = GPR_RAX, .insn_len = 4}},               /* mov %cr8, %rax */
        {0x0F04, {.cr = 4, .gpr = GPR_R15, .write = true, .insn_len = 4}},
        {0x0020, {.access = VM_CR_CLTS, .insn_len = 4}},
        {0x12340030, {.access = VM_CR_LMSW, .source = 0x1234, .insn_len = 4}},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct vm_exit x;
        (void)fake_boot(&f, true);
        run_exit(REASON_CR, rows[n].qualification, 4, &x);
        assert_int_equal(x.kind, VM_EXIT_CR);
        assert_int_equal(x.u.cr.cr, rows[n].cr.cr);
        assert_int_equal(x.u.cr.gpr, rows[n].cr.gpr);
        assert_int_equal(x.u.cr.write, rows[n].cr.write);
        assert_int_equal(x.u.cr.access, rows[n].cr.access);
        assert_int_equal(x.u.cr.source, rows[n].cr.source);
        assert_int_equal(x.u.cr.insn_len, 4);
    }
}

static void a_debug_register_is_named_by_its_qualification(void **state)
{
    (void)state;
    struct vm_exit x;
    struct vcpu_regs r;
    (void)fake_boot(&f, true);
    f.field[VMCS_RSP] = 0x8765;
    run_exit(REASON_DR, 0x0401, 3, &x); /* mov %rsp, %db1: RSP is read for it */
    assert_int_equal(x.u.dr.dr, 1);
    assert_int_equal(x.u.dr.gpr, GPR_RSP);
    assert_true(x.u.dr.write);
    vmx_regs_fetch(&f.v, 0, REGS_GPR, &r);
    assert_int_equal(r.gpr[GPR_RSP], 0x8765);
    run_exit(REASON_DR, 0x0C17, 3, &x); /* mov %db7, %r12 */
    assert_int_equal(x.u.dr.dr, 7);
    assert_int_equal(x.u.dr.gpr, GPR_R12);
    assert_false(x.u.dr.write);
}

static void a_watched_exception_goes_to_the_core(void **state)
{
    (void)state;
    static const struct {
        uint32_t event;
        uint64_t qualification;
        enum vm_exit_kind kind;
        struct vm_exit_exception e;
        uint8_t insn_len;
        uint32_t blocked;
    } rows[] = {
        {0x80000301, 0x4000, VM_EXIT_EXCEPTION, {.vector = 1, .debug = 0x4000}, 0, 0},
        {0x80000B11, 0, VM_EXIT_EXCEPTION, {.vector = 17, .has_error_code = true}, 0, 0},
        /* an IRET that met #AC had unblocked NMIs */
        {0x80001B11, 0, VM_EXIT_EXCEPTION, {.vector = 17, .has_error_code = true}, 0, BLOCKED_NMI},
        {0x80000501, 0, VM_EXIT_EXCEPTION, {.vector = 1}, 3, 0}, /* INT1 */
        {0x80000202, 0, VM_EXIT_NONE, {.vector = 0}, 0, 0},      /* an NMI of the machine */
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct vm_exit x;
        memset(&x, 0, sizeof(x));
        (void)fake_boot(&f, true);
        f.field[VMCS_EXIT_EVENT] = rows[n].event;
        run_exit(REASON_EXCEPTION, rows[n].qualification, 3, &x);
        assert_int_equal(x.kind, rows[n].kind);
        assert_int_equal(x.insn_len, rows[n].insn_len);
        assert_int_equal(x.u.exception.vector, rows[n].e.vector);
        assert_int_equal(x.u.exception.has_error_code, rows[n].e.has_error_code);
        assert_int_equal(x.u.exception.error_code, 0);
        assert_int_equal(x.u.exception.debug, rows[n].e.debug);
        assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], rows[n].blocked);
        assert_int_equal(x.nmi_ready, rows[n].blocked == 0);
    }
}

static void a_task_switch_tells_who_asked_for_it(void **state)
{
    (void)state;
    static const struct {
        uint64_t qualification;
        uint32_t event;
        struct vm_exit_task t;
        uint32_t blocked; /* before */
        uint32_t after;
    } rows[] = {
        {0x00000030, 0, {.selector = 0x30, .source = VM_TASK_CALL, .insn_len = 7}, 0, 0},
        {0x4000FFFB, 0, {.selector = 0xFFFB, .source = VM_TASK_IRET, .insn_len = 7}, 8, 0},
        {0x80000030, 0, {.selector = 0x30, .source = VM_TASK_JMP, .insn_len = 7}, 8, 8},
        {0x80000030, 0, {.selector = 0x30, .source = VM_TASK_JMP, .insn_len = 7}, 1, 0},
        {0x80000030, 0, {.selector = 0x30, .source = VM_TASK_JMP, .insn_len = 7}, 2, 0},
        {0xC0000030, /* an interrupt */
         0x80000021,
         {.selector = 0x30, .source = VM_TASK_GATE, .vector = 0x21, .external = true},
         0,
         0},
        {0xC0000030, /* an NMI is blocked by itself from now on */
         0x80000202,
         {.selector = 0x30, .source = VM_TASK_GATE, .vector = 2, .external = true},
         0,
         8},
        {0xC0000030,
         0x80000B08,
         {.selector = 0x30,
          .source = VM_TASK_GATE,
          .vector = 8,
          .exception = true,
          .external = true,
          .has_error_code = true,
          .error_code = 0xE77},
         0,
         0},
        {0xC0000030,
         0x80000301,
         {.selector = 0x30,
          .source = VM_TASK_GATE,
          .vector = 1,
          .exception = true,
          .external = true},
         8,
         8},
        {0xC0000030, /* INT n, INT1, INT3 */
         0x80000480,
         {.selector = 0x30, .source = VM_TASK_GATE, .insn_len = 7, .vector = 0x80},
         0,
         0},
        {0xC0000030,
         0x80000501,
         {.selector = 0x30, .source = VM_TASK_GATE, .insn_len = 7, .vector = 1, .external = true},
         0,
         0},
        {0xC0000030,
         0x80000603,
         {.selector = 0x30, .source = VM_TASK_GATE, .insn_len = 7, .vector = 3},
         0,
         0},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        const struct vm_exit_task *t = &rows[n].t;
        struct vm_exit x;
        (void)fake_boot(&f, true);
        f.field[VMCS_IDT_EVENT] = rows[n].event;
        f.field[VMCS_IDT_ERROR_CODE] = 0xE77;
        f.field[VMCS_PENDING_DEBUG] = 0x4000;
        struct vmx_exit_info i = fake_exit(&f, REASON_TASK_SWITCH, rows[n].qualification, 7);
        i.blocked = rows[n].blocked;
        f.field[VMCS_INTERRUPTIBILITY] = i.blocked;
        vmx_exit(&f.v, &i, &x);
        assert_int_equal(x.kind, VM_EXIT_TASK);
        assert_int_equal(x.u.task.selector, t->selector);
        assert_int_equal(x.u.task.source, t->source);
        assert_int_equal(x.u.task.insn_len, t->insn_len);
        assert_int_equal(x.u.task.vector, t->vector);
        assert_int_equal(x.u.task.exception, t->exception);
        assert_int_equal(x.u.task.external, t->external);
        assert_int_equal(x.u.task.has_error_code, t->has_error_code);
        assert_int_equal(x.u.task.error_code, t->error_code);
        assert_int_equal(f.field[VMCS_INTERRUPTIBILITY], rows[n].after);
        assert_int_equal(x.nmi_ready, rows[n].after == 0);
        /* what MOV SS held back comes of the core, which knows whether it is due */
        assert_int_equal(f.field[VMCS_PENDING_DEBUG], (rows[n].blocked & 2u) != 0 ? 0 : 0x4000);
    }
}

static void a_window_opens_by_if_and_shadows(void **state)
{
    (void)state;
    static const struct {
        uint32_t reason;
        uint64_t rflags;
        uint32_t blocked;
        bool irq;
        bool nmi;
    } rows[] = {
        {REASON_TIMER, RFLAGS_IF, 0, true, true},
        {REASON_TIMER, 0, 0, false, true},
        {REASON_TIMER, RFLAGS_IF, BLOCKED_STI, false, false},
        {REASON_TIMER, RFLAGS_IF, BLOCKED_MOV_SS, false, false},
        {REASON_TIMER, RFLAGS_IF, BLOCKED_NMI, true, false},
        {REASON_EPT_VIOLATION, RFLAGS_IF, BLOCKED_STI, false, false}, /* may be done in parts */
        {REASON_HLT, RFLAGS_IF, BLOCKED_STI, true, true},             /* it is stepped over */
        {REASON_HLT, 0, BLOCKED_NMI, false, false},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct vm_exit x;
        (void)fake_boot(&f, true);
        struct vmx_exit_info i = fake_exit(&f, rows[n].reason, 0, 1);
        i.rflags = rows[n].rflags | RFLAGS_FIXED;
        i.blocked = rows[n].blocked;
        vmx_exit(&f.v, &i, &x);
        assert_int_equal(x.irq_ready, rows[n].irq);
        assert_int_equal(x.nmi_ready, rows[n].nmi);
        assert_int_equal(x.irq_flag, (rows[n].rflags & RFLAGS_IF) != 0);
    }
}

static void coming_back_without_an_exit_asks_for_two_fields(void **state)
{
    (void)state;
    struct vm_exit x;
    (void)fake_boot(&f, true);
    f.field[VMCS_RFLAGS] = RFLAGS_IF | RFLAGS_FIXED;
    struct vmx_exit_info i = {.reason = VMX_CAME_BACK, .rip = 0x1234};
    vmx_exit(&f.v, &i, &x);
    assert_int_equal(x.kind, VM_EXIT_NONE);
    assert_true(x.irq_ready);
    assert_int_equal(f.reads, 2);
}

static void an_event_that_did_not_go_in_goes_in_next(void **state)
{
    (void)state;
    struct vm_exit x;
    struct vmx_words w;
    (void)fake_boot(&f, true);
    struct vm_plan plan = {.inject = VM_INJECT_EXCEPTION,
                           .vector = 14,
                           .has_error_code = true,
                           .error_code = 6,
                           .deadline_tsc = UINT64_MAX};
    vmx_entry(&f.v, &plan, 0, &w);
    assert_int_equal(w.event, 0x80000B0E);
    assert_int_equal(f.field[VMCS_ENTRY_ERROR_CODE], 6);
    struct vmx_exit_info i = {.reason = VMX_CAME_BACK, .rip = w.rip, .event = w.event};
    fake_counts(&f);
    vmx_exit(&f.v, &i, &x);
    assert_false(x.irq_ready);
    assert_false(x.nmi_ready);
    assert_int_equal(f.reads, 0);
    f.field[VMCS_ENTRY_ERROR_CODE] = 0;
    plan = (struct vm_plan){.irq_window = true, .deadline_tsc = UINT64_MAX};
    vmx_entry(&f.v, &plan, 0, &w);
    assert_int_equal(w.event, 0x80000B0E);
    assert_int_equal(f.field[VMCS_ENTRY_ERROR_CODE], 6);
    vmx_entry(&f.v, &plan, 0, &w);
    assert_int_equal(w.event, 0);
}

static void a_cpuid_exit_costs_its_registers_and_the_timer(void **state)
{
    (void)state;
    struct vm_exit x;
    struct vmx_words w;
    (void)fake_boot(&f, true);
    struct vm_plan plan = {.deadline_tsc = UINT64_MAX};
    run_exit(REASON_CPUID, 0, 2, &x);
    struct vcpu_regs r;
    vmx_regs_fetch(&f.v, 0, REGS_GPR, &r);
    r.gpr[GPR_RAX] = 5;
    r.rip += 2;
    vmx_regs_store(&f.v, REGS_GPR, &r);
    vmx_entry(&f.v, &plan, 1000, &w);
    assert_int_equal(f.reads, 0);
    assert_int_equal(f.writes, 1);
    assert_int_equal(f.gpr_writes, 1);
    assert_int_equal(f.gpr[0], 5);
    assert_int_equal(w.rip, 0x1002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_has_its_kind),
        cmocka_unit_test(io_is_read_from_its_qualification),
        cmocka_unit_test(an_ept_violation_says_where_and_how),
        cmocka_unit_test(an_msr_is_named_by_rcx),
        cmocka_unit_test(a_control_register_is_named_by_its_qualification),
        cmocka_unit_test(a_debug_register_is_named_by_its_qualification),
        cmocka_unit_test(a_watched_exception_goes_to_the_core),
        cmocka_unit_test(a_task_switch_tells_who_asked_for_it),
        cmocka_unit_test(a_window_opens_by_if_and_shadows),
        cmocka_unit_test(coming_back_without_an_exit_asks_for_two_fields),
        cmocka_unit_test(an_event_that_did_not_go_in_goes_in_next),
        cmocka_unit_test(a_cpuid_exit_costs_its_registers_and_the_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
