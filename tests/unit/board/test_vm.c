/* SPDX-License-Identifier: BSD-2-Clause
 * The whole board in the simulated host: interrupts from chip to handler, time, ends, absent chips. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/msr.h"
#include "dev/lapic.h"
#include "sim/sim.h"
#include "vm/time.h"

#define KHZ    1000000u /* one TSC tick is one ns */
#define MS     1000000ull
#define RAM    0x200000ull
#define PC     (SYSTEM_DEV_ALL & ~SYSTEM_DEV_DEBUG_EXIT)
#define RTOS   (SYSTEM_DEV_LAPIC)
#define LAPIC  0xFEE00000ull
#define IOAPIC 0xFEC00000ull

struct log {
    uint32_t count[256];
    uint64_t last_tsc;
    uint8_t eoi_chip; /* 0: LAPIC, 1: 8259 */
};

static void isr(struct sim *s, uint8_t vector)
{
    struct log *l = s->script;
    l->count[vector]++;
    l->last_tsc = s->tsc;
    if (l->eoi_chip == 0) {
        sim_store(s, LAPIC + 0xB0, 4, 0);
    } else {
        sim_out(s, 0x20, 1, 0x20);
    }
}

static struct sim *new_sim(uint32_t devices, uint32_t policy, struct log *log)
{
    struct system_vm system = sim_system(RAM, devices);
    system.tick_policy = policy;
    struct sim *s = sim_new(&system, KHZ);
    memset(log, 0, sizeof(*log));
    s->isr = isr;
    s->script = log;
    return s;
}

static void lapic_periodic(struct sim *s, uint8_t vector, uint32_t count)
{
    sim_store(s, LAPIC + 0xF0, 4, 0x1FF);
    sim_store(s, LAPIC + 0x3E0, 4, 0xB); /* divide by 1 */
    sim_store(s, LAPIC + 0x320, 4, 0x20000u | vector);
    sim_store(s, LAPIC + 0x380, 4, count);
}

static void the_lapic_timer_ticks_without_drift(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    lapic_periodic(s, 0x40, 1 * MS);
    uint64_t start = s->tsc;
    sim_sti(s);
    sim_compute(s, 1000 * MS - (s->tsc - start) + MS / 2);
    assert_int_equal(log.count[0x40], 1000);
    sim_free(s);
}

static void a_late_host_loses_no_tick_with_catch_up(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    struct tick_counts t;
    lapic_periodic(s, 0x40, 1 * MS);
    uint64_t start = s->tsc;
    sim_sti(s);
    sim_sleep_host(s, 500 * MS);
    sim_compute(s, 0);
    uint64_t due = (s->tsc - start) / MS;
    assert_int_equal(log.count[0x40], due);
    vm_ticks(s->vm, VM_TIMER_LAPIC, &t);
    assert_int_equal(t.due, due);
    assert_int_equal(t.delivered, due);
    assert_int_equal(t.backlog, 0);
    assert_int_equal(t.merged, 0);
    sim_free(s);
}

static void coalescing_does_lose_them_and_says_so(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_COALESCE, &log);
    struct tick_counts t;
    lapic_periodic(s, 0x40, 1 * MS);
    sim_sti(s);
    sim_sleep_host(s, 500 * MS);
    sim_compute(s, 0);
    vm_ticks(s->vm, VM_TIMER_LAPIC, &t);
    assert_true(log.count[0x40] <= 2);
    assert_true(t.merged >= 498);
    assert_int_equal(t.due, t.delivered + t.merged);
    sim_free(s);
}

static void tsc_deadline_fires_once_and_never_early(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    uint64_t value;
    sim_store(s, LAPIC + 0xF0, 4, 0x1FF);
    sim_store(s, LAPIC + 0x320, 4, 0x40000u | 0x41u);
    uint64_t deadline = s->tsc + 5 * MS;
    assert_true(sim_wrmsr(s, MSR_TSC_DEADLINE, deadline));
    assert_true(sim_rdmsr(s, MSR_TSC_DEADLINE, &value));
    assert_int_equal(value, deadline);
    sim_sti(s);
    assert_true(sim_hlt(s, 10 * MS));
    assert_int_equal(log.count[0x41], 1);
    assert_true(log.last_tsc >= deadline);
    assert_true(sim_rdmsr(s, MSR_TSC_DEADLINE, &value));
    assert_int_equal(value, 0);
    assert_false(sim_hlt(s, 100 * MS));
    assert_int_equal(log.count[0x41], 1);
    sim_free(s);
}

static void the_pit_reaches_the_guest_through_the_8259_and_lint0(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(PC, TICK_CATCH_UP, &log);
    log.eoi_chip = 1;
    sim_out(s, 0x20, 1, 0x11); /* ICW1..4: vectors from 0x20, cascade on 2, 8086 mode */
    sim_out(s, 0x21, 1, 0x20);
    sim_out(s, 0x21, 1, 0x04);
    sim_out(s, 0x21, 1, 0x01);
    sim_out(s, 0x21, 1, 0xFE);
    sim_out(s, 0x43, 1, 0x34); /* channel 0, mode 2 */
    sim_out(s, 0x40, 1, 0xA9); /* 1193: close to 1 kHz */
    sim_out(s, 0x40, 1, 0x04);
    uint64_t start = s->tsc;
    sim_sti(s);
    sim_compute(s, 100 * MS);
    uint64_t due = (s->tsc - start) * 1193182 / (1193 * 1000000000ull);
    assert_in_range(log.count[0x20], due - 1, due);
    sim_free(s);
}

static void ioapic_write(struct sim *s, uint32_t reg, uint32_t value)
{
    sim_store(s, IOAPIC, 4, reg);
    sim_store(s, IOAPIC + 0x10, 4, value);
}

static void the_pit_reaches_the_guest_through_the_io_apic_at_pin_2(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(PC, TICK_CATCH_UP, &log);
    struct tick_counts t;
    sim_store(s, LAPIC + 0xF0, 4, 0x1FF);
    ioapic_write(s, 0x10 + 2 * 2, 0x31); /* fixed, physical, edge, unmasked */
    sim_out(s, 0x43, 1, 0x34);
    sim_out(s, 0x40, 1, 0xA9);
    sim_out(s, 0x40, 1, 0x04);
    sim_sti(s);
    sim_sleep_host(s, 100 * MS); /* the backlog comes, one per EOI */
    sim_compute(s, 0);
    vm_ticks(s->vm, VM_TIMER_PIT, &t);
    assert_in_range(t.due, 99, 101);
    assert_int_equal(t.backlog, 0);
    assert_int_equal(log.count[0x31], t.delivered);
    assert_int_equal(t.delivered + t.merged, t.due);
    assert_true(t.merged <= 1);
    sim_free(s);
}

static void a_uart_interrupt_travels_edge_by_edge(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(PC, TICK_CATCH_UP, &log);
    sim_store(s, LAPIC + 0xF0, 4, 0x1FF);
    ioapic_write(s, 0x10 + 2 * 4, 0x34);
    sim_out(s, 0x3FC, 1, 0x0B);
    sim_out(s, 0x3F9, 1, 0x01);
    sim_sti(s);
    assert_int_equal(vm_console_input(s->vm, 0, (const uint8_t *)"x", 1, s->tsc), 1);
    sim_compute(s, 0);
    assert_int_equal(log.count[0x34], 1);
    assert_int_equal(sim_in(s, 0x3F8, 1), 'x');
    sim_out(s, 0x3F8, 1, 'o');
    sim_out(s, 0x3F8, 1, 'k');
    assert_string_equal(s->console, "ok");
    sim_free(s);
}

static void an_interrupt_wakes_a_halted_guest_and_none_wakes_one_with_interrupts_off(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    lapic_periodic(s, 0x40, 1 * MS);
    assert_false(sim_hlt(s, 50 * MS)); /* IF is clear: for ever */
    assert_int_equal(s->plan.go, VM_GO_WAIT);
    sim_free(s);
    s = new_sim(RTOS, TICK_CATCH_UP, &log);
    lapic_periodic(s, 0x40, 1 * MS);
    sim_sti(s);
    assert_true(sim_hlt(s, 50 * MS));
    assert_int_equal(log.count[0x40], 1);
    sim_free(s);
}

/* HLT under single step: KVM has the #DB to deliver first, and says that it is not ready. */
static void an_interrupt_ends_a_halt_even_where_something_else_goes_in_first(void **state)
{
    (void)state;
    struct log log;
    struct vm_plan plan;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    lapic_periodic(s, 0x40, 1 * MS);
    struct vm_exit hlt = {.kind = VM_EXIT_HLT, .irq_flag = true, .nmi_ready = true};
    vm_exit(s->vm, 0, s->tsc, &hlt);
    vm_entry(s->vm, 0, s->tsc, &plan);
    assert_int_equal(plan.go, VM_GO_WAIT);
    vm_entry(s->vm, 0, s->tsc + 2 * MS, &plan);
    assert_int_equal(plan.go, VM_GO_RUN);
    assert_int_equal(plan.inject, VM_INJECT_NONE);
    assert_true(plan.irq_window);
    sim_free(s);
}

static void a_pending_interrupt_asks_for_a_window(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    sim_store(s, LAPIC + 0xF0, 4, 0x1FF);
    sim_store(s, LAPIC + 0x300, 4, 0x40000u | 0x55u); /* self-IPI */
    assert_true(s->plan.irq_window);
    assert_int_equal(s->plan.inject, VM_INJECT_NONE);
    sim_sti(s);
    assert_int_equal(log.count[0x55], 1);
    assert_false(s->plan.irq_window);
    sim_free(s);
}

static void task_priority_is_one_register_in_two_places(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    sim_store(s, LAPIC + 0xF0, 4, 0x1FF);
    sim_sti(s);
    s->cr8 = 8; /* the guest writes CR8 */
    sim_store(s, LAPIC + 0x300, 4, 0x40000u | 0x55u);
    assert_int_equal(sim_load(s, LAPIC + 0x80, 4), 0x80);
    assert_int_equal(log.count[0x55], 0);
    sim_store(s, LAPIC + 0x80, 4, 0x20);
    assert_int_equal(s->cr8, 2);
    assert_int_equal(log.count[0x55], 1);
    sim_free(s);
}

static void cr8_keeps_its_value_where_there_is_no_local_apic(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(SYSTEM_DEV_PIC, TICK_CATCH_UP, &log);
    s->cr8 = 5;
    sim_out(s, 0x80, 1, 0);
    assert_int_equal(s->cr8, 5);
    sim_free(s);
}

static void what_the_system_file_does_not_name_is_not_there(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    static const uint16_t ports[] = {0x20, 0x40, 0x61, 0x70, 0xCF8, 0x604, 0x608, 0xF4, 0x64};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        sim_out(s, ports[i], 1, 0xFE);
        assert_int_equal(sim_in(s, ports[i], 1) & 0xFF, 0xFF);
    }
    assert_int_equal(sim_load(s, 0xFED00000, 4), UINT32_MAX);
    assert_int_equal(sim_load(s, IOAPIC, 4), UINT32_MAX);
    assert_int_equal(vm_bus_counts(s->vm)->unclaimed_reads[BUS_PIO], 9);
    assert_int_equal(vm_bus_counts(s->vm)->unclaimed_reads[BUS_MMIO], 2);
    assert_int_equal(s->plan.go, VM_GO_RUN);
    sim_free(s);
}

static void every_way_out_is_told_apart(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(SYSTEM_DEV_ALL, TICK_CATCH_UP, &log);
    sim_out(s, 0x604, 2, (5u << 10) | (1u << 13));
    assert_int_equal(s->plan.go, VM_GO_STOP);
    assert_int_equal(vm_outcome(s->vm).end, VM_END_POWER_OFF);
    sim_free(s);
    s = new_sim(SYSTEM_DEV_ALL, TICK_CATCH_UP, &log);
    sim_out(s, 0xCF9, 1, 0x06);
    assert_int_equal(vm_outcome(s->vm).end, VM_END_RESET);
    sim_free(s);
    s = new_sim(SYSTEM_DEV_ALL, TICK_CATCH_UP, &log);
    sim_out(s, 0x64, 1, 0xFE);
    assert_int_equal(vm_outcome(s->vm).end, VM_END_RESET);
    sim_free(s);
    s = new_sim(SYSTEM_DEV_ALL, TICK_CATCH_UP, &log);
    sim_out(s, 0xF4, 4, 0x10);
    assert_int_equal(vm_outcome(s->vm).end, VM_END_DEBUG_EXIT);
    assert_int_equal(vm_outcome(s->vm).code, 0x10);
    sim_free(s);
    s = new_sim(SYSTEM_DEV_ALL, TICK_CATCH_UP, &log);
    struct vm_exit x = {.kind = VM_EXIT_SHUTDOWN};
    sim_exit(s, &x);
    assert_int_equal(vm_outcome(s->vm).end, VM_END_TRIPLE_FAULT);
    sim_free(s);
}

static void unknown_msrs_fault_and_are_counted(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    uint64_t value;
    assert_false(sim_rdmsr(s, 0x12345, &value));
    assert_false(sim_wrmsr(s, 0xC0DE, 1));
    assert_int_equal(vm_counts(s->vm)->refused_msr_reads, 1);
    assert_int_equal(vm_counts(s->vm)->refused_msr_writes, 1);
    assert_int_equal(vm_counts(s->vm)->last_refused_msr, 0xC0DE);
    assert_true(sim_rdmsr(s, MSR_APIC_BASE, &value));
    assert_int_equal(value, 0xFEE00900);
    sim_free(s);
}

static void the_tsc_cannot_be_moved_and_its_write_is_no_fault(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    uint64_t value;
    assert_true(sim_wrmsr(s, 0x10, 0));
    assert_true(sim_rdmsr(s, 0x10, &value));
    assert_int_equal(value, s->tsc);
    sim_free(s);
}

static void without_a_local_apic_there_is_no_tsc_deadline(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(SYSTEM_DEV_PIC, TICK_CATCH_UP, &log);
    uint64_t value;
    assert_false(sim_rdmsr(s, MSR_TSC_DEADLINE, &value));
    assert_false(sim_wrmsr(s, MSR_TSC_DEADLINE, 1));
    sim_free(s);
}

/* KVM raises the #GP of a refused access at the next entry and forgets an interrupt given to it with
 * that entry: it would stay in service for ever. */
static void no_interrupt_goes_in_together_with_the_fault_of_an_msr(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    lapic_periodic(s, 0x40, 1 * MS);
    for (uint32_t write = 0; write < 2; write++) {
        uint32_t before = log.count[0x40];
        uint64_t value;
        s->regs.rflags |= RFLAGS_IF;
        s->tsc += 1 * MS; /* a tick comes due behind the guest's back */
        assert_false(write != 0 ? sim_wrmsr(s, 0x12345, 1) : sim_rdmsr(s, 0x12345, &value));
        assert_int_equal(s->plan.inject, VM_INJECT_NONE);
        assert_true(s->plan.irq_window);
        assert_int_equal(log.count[0x40], before);
        sim_compute(s, 0);
        struct vm_exit window = {.kind = VM_EXIT_IRQ_WINDOW};
        sim_exit(s, &window);
        assert_int_equal(log.count[0x40], before + 1);
    }
    sim_free(s);
}

static void string_io_moves_each_element(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    uint8_t text[] = "hello";
    struct vm_exit x = {.kind = VM_EXIT_PIO};
    x.u.pio =
        (struct vm_exit_pio){.data = text, .count = 5, .port = 0x3F8, .size = 1, .write = true};
    sim_exit(s, &x);
    assert_string_equal(s->console, "hello");
    uint8_t words[6] = {0};
    x.kind = VM_EXIT_PIO;
    x.u.pio = (struct vm_exit_pio){.data = words, .count = 3, .port = 0x1234, .size = 2};
    sim_exit(s, &x);
    for (size_t i = 0; i < sizeof(words); i++) {
        assert_int_equal(words[i], 0xFF);
    }
    sim_free(s);
}

/* Code at 0x1000, in flat protected mode without paging. */
static void put_code(struct sim *s, const uint8_t *code, size_t len)
{
    assert_true(gmem_write(&s->mem, 0x1000, code, len));
    s->regs.rip = 0x1000;
    s->regs.cr0 = CR0_PE | CR0_ET;
    s->regs.seg[SEG_CS] = (struct seg_reg){.limit = UINT32_MAX, .ar = 0xC09B, .selector = 8};
    for (uint32_t i = SEG_SS; i <= SEG_GS; i++) {
        s->regs.seg[i] = (struct seg_reg){.limit = UINT32_MAX, .ar = 0xC093, .selector = 16};
    }
    s->regs.seg[SEG_ES] = s->regs.seg[SEG_DS];
}

static void a_raw_host_gets_the_same_from_the_device(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    static const uint8_t store[] = {0xC7, 0x05, 0xF0, 0x00, 0xE0, 0xFE, 0xFF, 0x01, 0x00, 0x00};
    static const uint8_t load[] = {0x8B, 0x0D, 0xF0, 0x00, 0xE0, 0xFE}; /* mov ecx, [SVR] */
    put_code(s, store, sizeof(store));
    sim_ept(s, LAPIC + 0xF0, true);
    assert_int_equal(s->regs.rip, 0x1000 + sizeof(store));
    assert_int_equal(sim_load(s, LAPIC + 0xF0, 4), 0x1FF);
    put_code(s, load, sizeof(load));
    sim_ept(s, LAPIC + 0xF0, false);
    assert_int_equal(s->regs.gpr[GPR_RCX], 0x1FF);
    assert_int_equal(s->plan.go, VM_GO_RUN);
    sim_free(s);
}

static void a_raw_host_is_told_what_cannot_be_emulated(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    static const uint8_t fxsave[] = {0x0F, 0xAE, 0x05, 0x00, 0x00, 0xE0, 0xFE};
    put_code(s, fxsave, sizeof(fxsave));
    sim_ept(s, LAPIC, true);
    assert_int_equal(s->plan.go, VM_GO_STOP);
    assert_int_equal(vm_outcome(s->vm).end, VM_END_EMULATION);
    assert_int_equal(vm_outcome(s->vm).detail[0], 0x1000);
    assert_non_null(vm_outcome(s->vm).message);
    sim_free(s);
}

static void raw_instructions_are_answered_and_stepped_over(void **state)
{
    (void)state;
    struct log log;
    struct sim *s = new_sim(RTOS, TICK_CATCH_UP, &log);
    struct vm_exit x = {.kind = VM_EXIT_CPUID, .raw = true, .insn_len = 2};
    s->regs.rip = 0x1000;
    s->regs.gpr[GPR_RAX] = 0x40000010;
    sim_exit(s, &x);
    assert_int_equal(s->regs.gpr[GPR_RAX], KHZ);
    assert_int_equal(s->regs.gpr[GPR_RBX], VM_APIC_KHZ);
    assert_int_equal(s->regs.rip, 0x1002);
    x = (struct vm_exit){.kind = VM_EXIT_RDMSR, .raw = true, .insn_len = 2};
    x.u.msr.index = MSR_APIC_BASE;
    sim_exit(s, &x);
    assert_int_equal(s->regs.gpr[GPR_RAX], 0xFEE00900);
    assert_int_equal(s->regs.rip, 0x1004);
    x = (struct vm_exit){.kind = VM_EXIT_PIO_RAW, .raw = true, .insn_len = 1};
    x.u.pio_raw = (struct vm_exit_pio_raw){.port = 0x3F8, .size = 1, .write = true};
    s->regs.gpr[GPR_RAX] = 'R';
    sim_exit(s, &x);
    assert_string_equal(s->console, "R");
    x = (struct vm_exit){.kind = VM_EXIT_PIO_RAW, .raw = true, .insn_len = 1};
    x.u.pio_raw = (struct vm_exit_pio_raw){.port = 0x1234, .size = 2};
    s->regs.gpr[GPR_RAX] = 0x1122334455667788;
    sim_exit(s, &x);
    assert_int_equal(s->regs.gpr[GPR_RAX], 0x112233445566FFFF);
    assert_int_equal(s->regs.rip, 0x1006);
    x = (struct vm_exit){.kind = VM_EXIT_RDMSR, .raw = true, .insn_len = 2};
    x.u.msr.index = 0x12345;
    sim_exit(s, &x);
    assert_int_equal(s->log[s->events - 1].inject, VM_INJECT_EXCEPTION);
    assert_int_equal(s->log[s->events - 1].vector, 13);
    assert_int_equal(s->regs.rip, 0x1006);
    x = (struct vm_exit){.kind = VM_EXIT_VMCALL, .raw = true, .insn_len = 3};
    sim_exit(s, &x);
    assert_int_equal(s->log[s->events - 1].vector, 6);
    x = (struct vm_exit){.kind = VM_EXIT_XSETBV, .raw = true, .insn_len = 3};
    s->regs.gpr[GPR_RCX] = 0;
    s->regs.gpr[GPR_RDX] = 0;
    s->regs.gpr[GPR_RAX] = 5; /* AVX without SSE */
    sim_exit(s, &x);
    assert_int_equal(s->log[s->events - 1].vector, 13);
    s->regs.gpr[GPR_RAX] = 3;
    sim_exit(s, &x);
    assert_int_equal(s->regs.xcr0, 3);
    x = (struct vm_exit){.kind = VM_EXIT_CR, .raw = true, .insn_len = 4};
    x.u.cr = (struct vm_exit_cr){.cr = 8, .gpr = GPR_RSI, .write = true};
    s->regs.gpr[GPR_RSI] = 9;
    sim_exit(s, &x);
    assert_int_equal(s->cr8, 9);
    sim_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lapic_timer_ticks_without_drift),
        cmocka_unit_test(a_late_host_loses_no_tick_with_catch_up),
        cmocka_unit_test(coalescing_does_lose_them_and_says_so),
        cmocka_unit_test(tsc_deadline_fires_once_and_never_early),
        cmocka_unit_test(the_pit_reaches_the_guest_through_the_8259_and_lint0),
        cmocka_unit_test(the_pit_reaches_the_guest_through_the_io_apic_at_pin_2),
        cmocka_unit_test(a_uart_interrupt_travels_edge_by_edge),
        cmocka_unit_test(an_interrupt_wakes_a_halted_guest_and_none_wakes_one_with_interrupts_off),
        cmocka_unit_test(an_interrupt_ends_a_halt_even_where_something_else_goes_in_first),
        cmocka_unit_test(a_pending_interrupt_asks_for_a_window),
        cmocka_unit_test(task_priority_is_one_register_in_two_places),
        cmocka_unit_test(cr8_keeps_its_value_where_there_is_no_local_apic),
        cmocka_unit_test(what_the_system_file_does_not_name_is_not_there),
        cmocka_unit_test(every_way_out_is_told_apart),
        cmocka_unit_test(unknown_msrs_fault_and_are_counted),
        cmocka_unit_test(the_tsc_cannot_be_moved_and_its_write_is_no_fault),
        cmocka_unit_test(without_a_local_apic_there_is_no_tsc_deadline),
        cmocka_unit_test(no_interrupt_goes_in_together_with_the_fault_of_an_msr),
        cmocka_unit_test(string_io_moves_each_element),
        cmocka_unit_test(a_raw_host_gets_the_same_from_the_device),
        cmocka_unit_test(a_raw_host_is_told_what_cannot_be_emulated),
        cmocka_unit_test(raw_instructions_are_answered_and_stepped_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
