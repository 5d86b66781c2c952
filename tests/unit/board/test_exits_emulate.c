/* SPDX-License-Identifier: BSD-2-Clause
 * Exits that the core emulates, on a whole board: what the guest and a person get to see of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/le.h"
#include "board/exits_int.h"
#include "board/vm_state.h"
#include "sim/sim.h"

#define KHZ   1000000u
#define CODE  0x1000u
#define LAPIC 0xFEE00000u
#define COM1  0x3F8u

/* A guest in flat 32-bit code, about to run `code`. */
static struct sim *guest(const void *code, size_t len)
{
    struct system_vm system = sim_system(0x100000, SYSTEM_DEV_LAPIC);
    struct sim *s = sim_new(&system, KHZ);
    memcpy(s->mem.region[0].host + CODE, code, len);
    s->regs.rip = CODE;
    s->regs.cr0 = CR0_PE | CR0_ET;
    for (uint32_t i = 0; i < SEG_COUNT; i++) {
        s->regs.seg[i] = (struct seg_reg){.limit = UINT32_MAX, .ar = 0xC093, .selector = 16};
    }
    s->regs.seg[SEG_CS].ar = 0xC09B;
    return s;
}

#define GUEST(...) guest((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void port_exit(struct sim *s, bool write, uint8_t size)
{
    struct vm_exit x = {.kind = VM_EXIT_PIO_RAW, .raw = true};
    x.u.pio_raw = (struct vm_exit_pio_raw){
        .port = (uint16_t)s->regs.gpr[GPR_RDX], .size = size, .write = write, .string = true};
    sim_exit(s, &x);
}

static void a_string_reaches_the_console_portion_by_portion(void **state)
{
    (void)state;
    struct sim *s = GUEST(0xF3, 0x6E); /* rep outsb */
    uint32_t exits = 0;
    memset(s->mem.region[0].host + 0x2000, 'x', 150);
    s->regs.gpr[GPR_RSI] = 0x2000;
    s->regs.gpr[GPR_RCX] = 150;
    s->regs.gpr[GPR_RDX] = COM1;
    while (s->regs.rip == CODE && exits < 9) {
        port_exit(s, true, 1);
        exits++;
    }
    assert_int_equal(exits, 3);
    assert_int_equal(s->console_len, 150);
    assert_int_equal(s->regs.gpr[GPR_RSI], 0x2000 + 150);
    assert_int_equal(vm_counts(s->vm)->emulated, 3);
    sim_free(s);
}

static void a_string_is_read_from_a_port(void **state)
{
    (void)state;
    struct sim *s = GUEST(0x6C); /* insb, from the UART's scratch register */
    sim_out(s, COM1 + 7, 1, 0x5A);
    s->regs.gpr[GPR_RDI] = 0x2000;
    s->regs.gpr[GPR_RDX] = COM1 + 7;
    port_exit(s, false, 1);
    assert_int_equal(s->mem.region[0].host[0x2000], 0x5A);
    assert_int_equal(s->regs.rip, CODE + 1);
    sim_free(s);
}

static void single_step_traps_after_port_and_device(void **state)
{
    (void)state;
    struct sim *s = GUEST(0xEE, 0xA3, 0x80, 0x00, 0xE0, 0xFE); /* out dx, al; mov [TPR], eax */
    struct vm_exit x = {.kind = VM_EXIT_PIO_RAW, .raw = true, .insn_len = 1};
    x.u.pio_raw = (struct vm_exit_pio_raw){.port = COM1, .size = 1, .write = true};
    s->regs.rflags |= RFLAGS_TF;
    s->regs.gpr[GPR_RAX] = 'T';
    sim_exit(s, &x);
    assert_int_equal(s->events, 1);
    assert_int_equal(s->log[0].inject, VM_INJECT_EXCEPTION);
    assert_int_equal(s->log[0].vector, 1);
    assert_int_equal(s->regs.rip, CODE + 1);
    sim_ept(s, LAPIC + 0x80, true);
    assert_int_equal(s->events, 2);
    assert_int_equal(s->log[1].vector, 1);
    assert_int_equal(sim_load(s, LAPIC + 0x80, 4), 'T');
    sim_free(s);
}

/* 4 MiB pages: RAM at 0, the APIC where it is, and nothing else. */
static struct sim *paging(void)
{
    struct sim *s = GUEST(0xA5); /* movsd */
    uint8_t *ram = s->mem.region[0].host;
    le_store(ram + 0x3000, 4, 0xE3);
    le_store(ram + 0x3000 + 4 * (LAPIC >> 22), 4, (LAPIC & 0xFFC00000u) | 0xE3);
    s->regs.cr0 |= CR0_PG;
    s->regs.cr3 = 0x3000;
    s->regs.cr4 = CR4_PSE;
    s->regs.gpr[GPR_RSI] = LAPIC + 0x20;
    s->regs.gpr[GPR_RDI] = 0x00800010;
    return s;
}

static void a_page_fault_is_the_guests(void **state)
{
    (void)state;
    struct sim *s = paging();
    sim_ept(s, LAPIC + 0x20, false);
    assert_int_equal(s->plan.go, VM_GO_RUN);
    assert_int_equal(s->log[0].inject, VM_INJECT_EXCEPTION);
    assert_int_equal(s->log[0].vector, 14);
    assert_int_equal(s->regs.cr2, 0x00800010);
    assert_int_equal(s->regs.rip, CODE);
    assert_true((s->regs.rflags & RFLAGS_RF) != 0);
    assert_int_equal(vm_counts(s->vm)->emulated_faults, 1);
    sim_free(s);
}

static void a_host_that_cannot_set_cr2_stops_the_vm_and_says_so(void **state)
{
    (void)state;
    struct sim *s = paging();
    s->vm->w.regs.fixed_cr2 = true;
    sim_ept(s, LAPIC + 0x20, false);
    assert_int_equal(s->plan.go, VM_GO_STOP);
    assert_int_equal(vm_outcome(s->vm).end, VM_END_EMULATION);
    assert_non_null(strstr(vm_outcome(s->vm).message, "CR2"));
    assert_int_equal(vm_outcome(s->vm).detail[0], CODE);
    assert_int_equal(vm_outcome(s->vm).detail[2], 0x00800010);
    assert_int_equal(vm_counts(s->vm)->not_emulated, 1);
    sim_free(s);
}

static void vector_registers_come_from_the_host_or_not_at_all(void **state)
{
    (void)state;
    struct sim *s = GUEST(0x0F, 0x11, 0x0D, 0x80, 0x00, 0xE0, 0xFE); /* movups [TPR], xmm1 */
    s->regs.cr4 = CR4_OSFXSR;
    s->regs.vec[1][0] = 0x40;
    sim_ept(s, LAPIC + 0x80, true);
    assert_int_equal(s->regs.rip, CODE + 7);
    assert_int_equal(sim_load(s, LAPIC + 0x80, 4), 0x40);
    s->regs.rip = CODE;
    s->mem.region[0].host[CODE + 1] = 0x10; /* and back, into xmm1 */
    s->regs.vec[1][0] = 0;
    sim_ept(s, LAPIC + 0x80, false);
    assert_int_equal(s->regs.vec[1][0] & 0xFF, 0x40);
    s->vm->w.regs.lacks = REGS_VEC;
    s->regs.rip = CODE;
    sim_ept(s, LAPIC + 0x80, false);
    assert_int_equal(s->plan.go, VM_GO_STOP);
    assert_non_null(strstr(vm_outcome(s->vm).message, "vector"));
    sim_free(s);
}

/* The host would refuse to enter with an interrupt and IF clear. */
static void flags_from_a_device_keep_an_interrupt_out(void **state)
{
    (void)state;
    struct sim *s = GUEST(0x9D); /* popf */
    sim_store(s, LAPIC + 0xF0, 4, 0x1FF);
    sim_store(s, LAPIC + 0x300, 4, 0x40041); /* to itself: it waits, as IF is clear */
    assert_int_equal(s->events, 0);
    s->regs.rflags |= RFLAGS_IF;
    s->regs.gpr[GPR_RSP] = LAPIC + 0x80; /* TPR: 0, and so are the flags */
    sim_ept(s, LAPIC + 0x80, false);
    assert_int_equal(s->regs.rip, CODE + 1);
    assert_int_equal(s->regs.rflags & RFLAGS_IF, 0);
    assert_int_equal(s->events, 0);
    assert_true(s->plan.irq_window);
    sim_free(s);
}

/* MOV SS, MOV SP must come one after the other. */
static void a_new_stack_keeps_interrupts_out_for_one_instruction(void **state)
{
    (void)state;
    struct sim *s = GUEST(0x8E, 0x15, 0x80, 0x00, 0xE0, 0xFE); /* mov ss, [TPR] */
    uint8_t *mem = s->mem.region[0].host;
    le_store(mem + 0x2010, 8, 0x00CF93000000FFFFull);
    s->regs.gdtr = (struct table_reg){.base = 0x2000, .limit = 0x17};
    sim_store(s, LAPIC + 0xF0, 4, 0x1FF);
    sim_store(s, LAPIC + 0x80, 4, 0x10);     /* the selector */
    sim_store(s, LAPIC + 0x300, 4, 0x40040); /* to itself: it waits, as IF is clear */
    s->regs.rflags |= RFLAGS_IF;
    uint32_t events = s->events;
    sim_ept(s, LAPIC + 0x80, false);
    assert_int_equal(s->regs.rip, CODE + 6);
    assert_int_equal(s->regs.seg[SEG_SS].selector, 0x10);
    assert_int_equal(s->regs.seg[SEG_SS].ar, 0xC093);
    assert_int_equal(s->events, events);
    assert_true(s->plan.shadow && s->plan.irq_window);
    struct vm_exit x = {.kind = VM_EXIT_IRQ_WINDOW};
    sim_exit(s, &x);
    assert_int_equal(s->events, events + 1);
    assert_int_equal(s->log[events].vector, 0x40);
    assert_false(s->plan.shadow);
    sim_free(s);
}

/* Its frame is in the local APIC: IP is the task priority, CS and the flags are what lies between registers. */
static void an_iret_ends_the_blocking_of_nmis_once(void **state)
{
    (void)state;
    struct sim *s = GUEST(0x66, 0xCF);
    struct vm_exit x = {.kind = VM_EXIT_NONE};
    sim_store(s, LAPIC + 0xF0, 4, 0x1FF);
    sim_store(s, LAPIC + 0x80, 4, 0x20);
    s->regs.cr0 &= ~CR0_PE;
    s->regs.seg[SEG_CS].ar &= ~SEG_AR_DB;
    s->regs.seg[SEG_SS].base = LAPIC;
    s->regs.gpr[GPR_RSP] = 0x80;
    sim_ept(s, LAPIC + 0x80, false);
    assert_int_equal(s->regs.rip, 0x20);
    assert_true(s->plan.nmi_unblock);
    sim_exit(s, &x);
    assert_false(s->plan.nmi_unblock);
    sim_free(s);
}

/* Old processors of Intel's tell of their last basic leaf where they have none. */
static uint32_t last_leaf;
static void old_cpu(void *host, struct cpuid_leaf *leaf)
{
    (void)host;
    leaf->eax = leaf->leaf == 0x80000000u ? last_leaf : 0x07280202;
    leaf->ebx = leaf->ecx = 0;
    leaf->edx = 1u << 26;
}

static void leaves_that_a_host_has_not_say_nothing(void **state)
{
    (void)state;
    static const struct {
        uint32_t last;
        bool lacks_1g;
        uint8_t bits;
    } rows[] = {
        {0x80000008, false, 2}, /* as it says: the emulator takes it for 52 */
        {0x80000004, false, 36},
        {0x07280202, true, 36},
        {0xFFFFFFFF, true, 36},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim *s = GUEST(0x90);
        last_leaf = rows[i].last;
        s->vm->w.cpuid = old_cpu;
        exits_emulate_init(s->vm);
        assert_int_equal(s->vm->vcpu[0].emulated.lacks_1g, rows[i].lacks_1g);
        assert_int_equal(s->vm->vcpu[0].emulated.phys_bits, rows[i].bits);
        sim_free(s);
    }
}

/* --- Task switches ---------------------------------------------------------------------------------- */

#define GDT      0x3000u
#define OLD_TSS  0x4000u
#define NEW_TSS  0x4100u
#define TASK_EIP 0x2345u

/* Two tasks at level 0; descriptors 1 and 2 are code and data, 3 and 4 the TSSs. */
static struct sim *two_tasks(uint64_t new_tss)
{
    struct sim *s = GUEST(0x90);
    uint8_t *ram = s->mem.region[0].host;
    le_store(ram + GDT + 8, 8, 0x00CF9B000000FFFF);
    le_store(ram + GDT + 16, 8, 0x00CF93000000FFFF);
    le_store(ram + GDT + 24, 8, 0x00008B0000000067 | (uint64_t)OLD_TSS << 16);
    le_store(ram + GDT + 32, 8, new_tss | (uint64_t)NEW_TSS << 16);
    le_store(ram + NEW_TSS + 0x20, 4, TASK_EIP);
    le_store(ram + NEW_TSS + 0x24, 4, RFLAGS_FIXED);
    le_store(ram + NEW_TSS + 0x38, 4, 0x8000);
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        le_store(ram + NEW_TSS + 0x48 + 4u * i, 4, i == SEG_CS ? 8 : 16);
    }
    s->regs.gdtr = (struct table_reg){.base = GDT, .limit = 0x27};
    s->regs.seg[SEG_TR] =
        (struct seg_reg){.base = OLD_TSS, .limit = 0x67, .ar = 0x8B, .selector = 24};
    return s;
}

#define TSS_GOOD   0x0000890000000067ull
#define TSS_ABSENT 0x0000090000000067ull

static uint64_t read_dr(struct sim *s, uint8_t dr)
{
    struct vm_exit x = {.kind = VM_EXIT_DR, .raw = true, .insn_len = 3};
    x.u.dr = (struct vm_exit_dr){.dr = dr, .gpr = GPR_RBP};
    sim_exit(s, &x);
    return s->regs.gpr[GPR_RBP];
}

static void a_task_switch_is_an_exit(void **state)
{
    (void)state;
    struct sim *s = two_tasks(TSS_GOOD);
    struct vm_exit x = {.kind = VM_EXIT_DR, .raw = true, .insn_len = 3};
    x.u.dr = (struct vm_exit_dr){.dr = 7, .gpr = GPR_RBX, .write = true};
    s->regs.gpr[GPR_RBX] = 0x4FF;
    sim_exit(s, &x);
    x = (struct vm_exit){.kind = VM_EXIT_TASK, .raw = true};
    x.u.task = (struct vm_exit_task){.selector = 32, .source = VM_TASK_JMP, .insn_len = 7};
    uint32_t before = s->events;
    sim_exit(s, &x);
    assert_int_equal(s->events, before);
    assert_int_equal(s->regs.rip, TASK_EIP);
    assert_int_equal(s->regs.seg[SEG_TR].selector, 32);
    assert_int_equal(s->regs.cr0, CR0_PE | CR0_ET | CR0_TS);
    assert_int_equal(le_load(s->mem.region[0].host + OLD_TSS + 0x20, 4), CODE + 3 + 7);
    assert_int_equal(vm_counts(s->vm)->exits[VM_EXIT_TASK], 1);
    assert_int_equal(vm_counts(s->vm)->emulated, 1);
    assert_int_equal(read_dr(s, 7), 0x4AA); /* local breakpoints were the old task's */
    sim_free(s);
}

static void debug_traps_follow_a_task_switch(void **state)
{
    (void)state;
    static const struct {
        uint8_t source;
        bool tf, t;
        uint32_t dr6; /* 0: no #DB */
    } rows[] = {
        {VM_TASK_JMP, false, false, 0},         {VM_TASK_JMP, true, false, 0xFFFF4FF0},
        {VM_TASK_JMP, false, true, 0xFFFF8FF0}, {VM_TASK_JMP, true, true, 0xFFFFCFF0},
        {VM_TASK_GATE, true, false, 0},         {VM_TASK_GATE, true, true, 0xFFFF8FF0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim *s = two_tasks(TSS_GOOD);
        struct vm_exit x = {.kind = VM_EXIT_TASK, .raw = true};
        x.u.task = (struct vm_exit_task){.selector = 32, .source = rows[i].source};
        s->mem.region[0].host[NEW_TSS + 0x64] = rows[i].t;
        s->regs.rflags |= rows[i].tf ? RFLAGS_TF : 0;
        sim_exit(s, &x);
        assert_int_equal(s->events, rows[i].dr6 != 0);
        assert_int_equal(s->regs.rip, TASK_EIP);
        if (rows[i].dr6 != 0) {
            assert_int_equal(s->log[0].inject, VM_INJECT_EXCEPTION);
            assert_int_equal(s->log[0].vector, VECTOR_DB);
            assert_int_equal(read_dr(s, 6), rows[i].dr6);
        }
        sim_free(s);
    }
}

/* The event was on its way when the switch failed: table 6-5. The TSS of all of them is not there: #NP. */
static void a_switch_that_fails_may_be_a_double_fault(void **state)
{
    (void)state;
    static const struct {
        uint8_t first;
        bool exception;
        uint8_t then; /* 0: the machine shuts down */
    } rows[] = {
        {0, true, 8},   {1, true, 11},   {3, true, 11},  {6, true, 11},
        {7, true, 11},  {8, true, 0},    {10, true, 8},  {11, true, 8},
        {12, true, 8},  {13, true, 8},   {14, true, 8},  {16, true, 11},
        {17, true, 11}, {13, false, 11}, {8, false, 11}, {0x40, false, 11},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim *s = two_tasks(TSS_ABSENT);
        struct vm_exit x = {.kind = VM_EXIT_TASK, .raw = true};
        x.u.task = (struct vm_exit_task){.selector = 32,
                                         .source = VM_TASK_GATE,
                                         .vector = rows[i].first,
                                         .exception = rows[i].exception,
                                         .external = rows[i].exception};
        sim_exit(s, &x);
        assert_int_equal(s->regs.rip, CODE);
        if (rows[i].then == 0) {
            assert_int_equal(vm_outcome(s->vm).end, VM_END_TRIPLE_FAULT);
        } else {
            assert_int_equal(s->events, 1);
            assert_int_equal(s->log[0].inject, VM_INJECT_EXCEPTION);
            assert_int_equal(s->log[0].vector, rows[i].then);
        }
        sim_free(s);
    }
}

static void a_tss_in_a_device_ends_the_vm(void **state)
{
    (void)state;
    struct sim *s = two_tasks(TSS_GOOD);
    struct vm_exit x = {.kind = VM_EXIT_TASK, .raw = true};
    le_store(s->mem.region[0].host + GDT + 32, 8, 0xFE00890000000067ull | 0xE00000ull << 16);
    x.u.task = (struct vm_exit_task){.selector = 32, .source = VM_TASK_CALL};
    sim_exit(s, &x);
    assert_int_equal(vm_outcome(s->vm).end, VM_END_EMULATION);
    assert_non_null(vm_outcome(s->vm).message);
    sim_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_switch_is_an_exit),
        cmocka_unit_test(debug_traps_follow_a_task_switch),
        cmocka_unit_test(a_switch_that_fails_may_be_a_double_fault),
        cmocka_unit_test(a_tss_in_a_device_ends_the_vm),
        cmocka_unit_test(a_string_reaches_the_console_portion_by_portion),
        cmocka_unit_test(a_string_is_read_from_a_port),
        cmocka_unit_test(single_step_traps_after_port_and_device),
        cmocka_unit_test(flags_from_a_device_keep_an_interrupt_out),
        cmocka_unit_test(a_new_stack_keeps_interrupts_out_for_one_instruction),
        cmocka_unit_test(an_iret_ends_the_blocking_of_nmis_once),
        cmocka_unit_test(leaves_that_a_host_has_not_say_nothing),
        cmocka_unit_test(a_page_fault_is_the_guests),
        cmocka_unit_test(a_host_that_cannot_set_cr2_stops_the_vm_and_says_so),
        cmocka_unit_test(vector_registers_come_from_the_host_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
