/* SPDX-License-Identifier: BSD-2-Clause
 * demo653: start-up, the banner, what each trap leads to, and the idle process. */
#include "boot.h"

#include <stddef.h>

#include "clock.h"
#include "config.h"
#include "console.h"
#include "fpu.h"
#include "health.h"
#include "lapic.h"
#include "mmio_test.h"
#include "net.h"
#include "paging.h"
#include "partition.h"
#include "print.h"
#include "report.h"
#include "sched.h"
#include "serial.h"
#include "timer.h"
#include "trap.h"
#include "user.h"
#include "x86.h"

extern const uint8_t image_start[];
extern const uint8_t image_end[];

static struct boot_info boot;
static struct clock clock;

static void print_memory(void)
{
    for (uint32_t i = 0; i < boot.ranges; i++) {
        const struct boot_range *r = &boot.range[i];
        print("memory: %010lx + %010lx %s\n", r->base, r->size,
              r->type == BOOT_RANGE_RAM ? "ram" : "reserved");
    }
    print("image:  %010lx + %010lx\n", (uint64_t)(uintptr_t)image_start,
          (uint64_t)(image_end - image_start));
}

static void print_modules(void)
{
    for (uint32_t i = 0; i < boot.modules; i++) {
        const struct boot_module *m = &boot.module[i];
        uint32_t bytes = m->end - m->start;
        print("module %u: \"%s\" at %08x, %u bytes, crc32 %08x\n", i, m->text, m->start, bytes,
              boot_crc32((const void *)(uintptr_t)m->start, bytes));
    }
    if (boot.modules == 0) {
        print("modules: none\n");
    }
    if (boot.modules_dropped != 0) {
        print("modules: %u more not looked at\n", boot.modules_dropped);
    }
}

static void check_memory(void)
{
    if (!boot_is_ram(&boot, (uint64_t)(uintptr_t)image_start,
                     (uint64_t)(image_end - image_start))) {
        print("demo653: the image does not lie in RAM by the loader's memory map: give the machine "
              "RAM from 1 to 2 MiB\n");
        health_stop(1, false);
    }
}

static void lapic_init(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    if ((base & LAPIC_BASE_MSR_ENABLE) == 0 || (base & ~0xFFFull) != LAPIC_BASE) {
        print("demo653: no local APIC at %08x (MSR 0x1b is %lx)\n", LAPIC_BASE, base);
        health_stop(1, false);
    }
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | VECTOR_TIMER);
    lapic_write(LAPIC_LVT_LINT0, LAPIC_LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT1, LAPIC_LVT_MASKED);
    lapic_write(LAPIC_LVT_ERROR, LAPIC_LVT_MASKED | VECTOR_ERROR);
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPURIOUS);
    print("lapic: id %u version %02x\n", lapic_read(LAPIC_ID) >> 24,
          lapic_read(LAPIC_VERSION) & 0xFFu);
    if (!mmio_test()) {
        health_stop(1, false);
    }
}

static void find_clock(void)
{
    if (!clock_find(&clock, &boot)) {
        print("demo653: nobody says how fast the clocks run: give tsc_khz= and apic_khz= on the "
              "command line, or CPUID leaf 0x40000010, or 0x15\n");
        health_stop(1, false);
    }
    print("clock: tsc %lu kHz, apic %lu kHz, from %s\n", clock.tsc_khz, clock.apic_khz,
          clock.source);
}

static uint64_t system_call(struct process *p)
{
    const struct trap_frame *f = &p->frame;
    struct partition *part = &partitions[p->partition];
    uint64_t now = timer_state().ticks;
    switch (f->rax) {
    case SYS_TIME:
        return now * timer_tick_us();
    case SYS_PERIODIC_WAIT:
        p->state = p->period_ticks != 0 ? PROCESS_WAITING : PROCESS_YIELDED;
        return 0;
    case SYS_YIELD:
        p->state = PROCESS_YIELDED;
        return 0;
    case SYS_REPORT:
        if (f->rdi >= COUNTERS) {
            return SYS_BAD;
        }
        part->counter[f->rdi] += f->rsi;
        return 0;
    case SYS_RESTARTS:
        return part->restarts;
    case SYS_AVX:
        return fpu_has_avx() ? 1u : 0u;
    default:
        return SYS_BAD;
    }
}

/* Nobody's fault but the kernel's, or the machine's: also before there is a schedule. */
static void check_exception(const struct trap_frame *f)
{
    if (f->vector >= VECTOR_EXCEPTIONS) {
        return;
    }
    if (f->vector == VECTOR_NMI || f->vector == VECTOR_DOUBLE_FAULT ||
        f->vector == VECTOR_MACHINE_CHECK) {
        health_panic("machine error", f);
    }
    if ((f->cs & 3u) != 3u) {
        health_panic("exception in the kernel", f);
    }
}

struct trap_frame *trap(struct trap_frame *f)
{
    check_exception(f);
    struct process *p = sched_suspend(f);
    if (f->vector < VECTOR_EXCEPTIONS) {
        health_fault(p->partition, f, timer_state().ticks);
    } else if (f->vector == VECTOR_TIMER) {
        if (timer_tick()) {
            sched_tick(timer_state().ticks);
            report_tick();
        }
    } else if (f->vector == VECTOR_SYSCALL && f->rax == SYS_ERROR) {
        health_error(p->partition, f->rdi, timer_state().ticks);
    } else if (f->vector == VECTOR_SYSCALL) {
        p->frame.rax = system_call(p);
    } else if (f->vector != VECTOR_SPURIOUS) {
        health_panic("unexpected interrupt", f);
    }
    return sched_resume();
}

/* Reports, and writes out what was printed, interrupts on. Text that a tick adds just before the
 * halt waits for the next tick. */
static void idle(void)
{
    for (;;) {
        report_step();
        bool more = net_step();
        if (console_step() || more) {
            continue;
        }
        if (report_done()) {
            cpu_cli();
            console_direct();
            health_stop(0, true);
        }
        cpu_sti_hlt();
    }
}

void guest_main(uint32_t magic, uint32_t mbi)
{
    (void)magic; /* boot.S has looked */
    boot_read(&boot, mbi);
    serial_init();
    health_init(&boot);
    print("\ndemo653: a partitioned kernel, ARINC 653 fashion\n");
    print("loader: %s\ncommand line: %s\n", boot.loader, boot.cmdline);
    print_memory();
    check_memory();
    tables_init(VECTOR_SYSCALL);
    if (boot_option(&boot, "mask_pic") != NULL) {
        pic_mask_all();
    }
    print_modules();
    paging_init();
    paging_print();
    fpu_init();
    fpu_print();
    lapic_init();
    find_clock();
    if (!timer_init(&boot, &clock)) {
        health_stop(1, false);
    }
    timer_print();
    if (!net_init(&boot)) {
        health_stop(1, false);
    }
    partitions_init(timer_tick_us());
    partitions_print();
    report_init(&boot);
    sched_init(idle, timer_tick_us());
    console_defer(); /* from here on nobody waits for the serial port with interrupts off */
    timer_start();
    trap_resume(sched_resume());
}
