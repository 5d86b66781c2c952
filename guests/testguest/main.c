/* SPDX-License-Identifier: BSD-2-Clause
 * testguest: runs the test named on the command line (test=NAME), says what came of it in one line,
 * and leaves by the debug-exit port: 0 passed or skipped, 1 failed. */
#include "testguest.h"

#include "lapic.h"
#include "print.h"
#include "serial.h"
#include "trap.h"
#include "x86.h"

#define EXIT_PASSED 0u
#define EXIT_FAILED 1u

#define PIC1_COMMAND 0x20u
#define PIC2_COMMAND 0xA0u
#define PIC_EOI      0x20u

#define LIMIT_US        10000000u
#define GUESS_TSC_KHZ   3000000u
#define GUESS_APIC_KHZ  1000000u
#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_CLOCKS     0x40000010u

struct test {
    const char *name;
    struct verdict (*run)(void);
};

static const struct test tests[] = {
    {"ports", test_ports},       {"mmio", test_mmio},         {"strings", test_strings},
    {"msr", test_msr},           {"cpuid", test_cpuid},       {"fpu", test_fpu},
    {"hlt", test_hlt},           {"triple", test_triple},     {"reset", test_reset},
    {"poweroff", test_poweroff}, {"lapic", test_lapic},       {"tscdeadline", test_tscdeadline},
    {"pic", test_pic},           {"ioapic", test_ioapic},     {"uart", test_uart},
    {"modules", test_modules},   {"faultirq", test_faultirq}, {"processor", test_processor},
    {"cr2", test_cr2},           {"kernel", test_kernel},     {"vectors", test_vectors},
};
#define TESTS (sizeof tests / sizeof tests[0])

struct boot_info boot;
volatile uint32_t irq_count[256];
volatile uint8_t irq_order[16];
volatile uint32_t irq_total;

static volatile uint64_t fixup; /* where to go on after a fault; 0: none is expected */
static volatile uint32_t caught;

uint32_t trap_cr2_spins;
volatile uint64_t trap_cr2;

_Noreturn static void leave(uint32_t code)
{
    serial_flush();
    outb(PORT_DEBUG_EXIT, (uint8_t)code);
    cpu_stop();
}

static void acknowledge(uint64_t vector)
{
    if (vector >= VECTOR_PIC && vector < VECTOR_PIC + 16u) {
        if (vector >= VECTOR_PIC + 8u) {
            outb(PIC2_COMMAND, PIC_EOI);
        }
        outb(PIC1_COMMAND, PIC_EOI);
    } else if (vector != VECTOR_SPURIOUS) {
        lapic_eoi();
    }
}

/* Late, so that others may have had the core meanwhile. */
static void note_cr2(void)
{
    for (uint32_t i = 0; i < trap_cr2_spins; i++) {
        cpu_pause();
    }
    trap_cr2 = read_cr2();
}

struct trap_frame *trap(struct trap_frame *f)
{
    if (f->vector >= VECTOR_EXCEPTIONS) {
        if (irq_total < sizeof irq_order) {
            irq_order[irq_total] = (uint8_t)f->vector;
        }
        irq_total++;
        irq_count[f->vector]++;
        acknowledge(f->vector);
        return f;
    }
    if (fixup == 0) {
        print("testguest: FAILED: unexpected exception\n");
        trap_print(f);
        leave(EXIT_FAILED);
    }
    if (f->vector == VECTOR_PAGE_FAULT) {
        note_cr2();
    }
    caught = (uint32_t)f->vector;
    f->rip = fixup;
    fixup = 0;
    return f;
}

uint32_t try_rdmsr(uint32_t msr, uint64_t *v)
{
    uint32_t lo = 0;
    uint32_t hi = 0;
    caught = NO_FAULT;
    __asm__ volatile("leaq 1f(%%rip), %%rdx\n\t"
                     "movq %%rdx, %2\n\t"
                     "xorl %%edx, %%edx\n\t"
                     "rdmsr\n"
                     "1:"
                     : "+a"(lo), "=&d"(hi), "=m"(fixup)
                     : "c"(msr)
                     : "memory");
    fixup = 0;
    *v = ((uint64_t)hi << 32) | lo;
    return caught;
}

uint32_t try_wrmsr(uint32_t msr, uint64_t v)
{
    uint64_t scratch;
    caught = NO_FAULT;
    __asm__ volatile("leaq 1f(%%rip), %0\n\t"
                     "movq %0, %1\n\t"
                     "wrmsr\n"
                     "1:"
                     : "=&r"(scratch), "=m"(fixup)
                     : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
                     : "memory");
    fixup = 0;
    return caught;
}

/* One instruction that may fault, with its operand in RAX, RCX and RDX. */
#define TRY(instruction, a, c, d)                       \
    uint64_t scratch;                                   \
    caught = NO_FAULT;                                  \
    __asm__ volatile("leaq 1f(%%rip), %0\n\t"           \
                     "movq %0, %1\n\t" instruction "\n" \
                     "1:"                               \
                     : "=&r"(scratch), "=m"(fixup)      \
                     : "a"(a), "c"(c), "d"(d)           \
                     : "memory");                       \
    fixup = 0;                                          \
    return caught

uint32_t try_write_cr0(uint64_t v)
{
    TRY("movq %%rax, %%cr0", v, 0, 0);
}

uint32_t try_write_cr4(uint64_t v)
{
    TRY("movq %%rax, %%cr4", v, 0, 0);
}

uint32_t try_write_cr8(uint64_t v)
{
    TRY("movq %%rax, %%cr8", v, 0, 0);
}

uint32_t try_write_dr7(uint64_t v)
{
    TRY("movq %%rax, %%dr7", v, 0, 0);
}

uint32_t try_xsetbv(uint64_t v)
{
    TRY("xsetbv", (uint32_t)v, 0, v >> 32);
}

uint32_t try_monitor(const void *at)
{
    TRY("monitor", at, 0, 0);
}

uint32_t try_mwait(void)
{
    TRY("mwait", 0, 0, 0);
}

uint32_t try_read(uint64_t address)
{
    TRY("testb %%al, (%%rax)", address, 0, 0);
}

#define TRY_ALONE(name, instruction) \
    uint32_t try_##name(void)        \
    {                                \
        TRY(instruction, 0, 0, 0);   \
    }
TRY_ALONE(vmxon, "vmxon (%%rax)")
TRY_ALONE(vmclear, "vmclear (%%rax)")
TRY_ALONE(vmptrld, "vmptrld (%%rax)")
TRY_ALONE(vmptrst, "vmptrst (%%rax)")
TRY_ALONE(vmread, "vmread %%rcx, %%rdx")
TRY_ALONE(vmwrite, "vmwrite %%rcx, %%rdx")
TRY_ALONE(vmlaunch, "vmlaunch")
TRY_ALONE(vmresume, "vmresume")
TRY_ALONE(vmxoff, "vmxoff")
TRY_ALONE(invept, "invept (%%rax), %%rcx")
TRY_ALONE(invvpid, "invvpid (%%rax), %%rcx")
TRY_ALONE(vmfunc, "vmfunc")
TRY_ALONE(getsec, "getsec")
TRY_ALONE(read_dr4, "movq %%dr4, %%rax")
TRY_ALONE(fninit, "fninit")

static uint64_t find_khz(const char *option, bool apic, uint64_t guess)
{
    uint64_t khz = 0;
    if (!boot_option_u64(&boot, option, &khz) && cpuid(LEAF_HYPERVISOR, 0).eax >= LEAF_CLOCKS) {
        struct cpuid l = cpuid(LEAF_CLOCKS, 0);
        khz = apic ? l.ebx : l.eax;
    }
    return khz != 0 ? khz : guess;
}

uint64_t clock_tsc_khz(void)
{
    return find_khz("tsc_khz", false, GUESS_TSC_KHZ);
}

uint64_t clock_apic_khz(void)
{
    return find_khz("apic_khz", true, GUESS_APIC_KHZ);
}

void wait_us(uint64_t us)
{
    uint64_t until = rdtsc() + us * clock_tsc_khz() / 1000u;
    while (rdtsc() < until) {
        cpu_pause();
    }
}

bool wait_irq(uint8_t vector, uint32_t n)
{
    uint64_t until = rdtsc() + LIMIT_US * clock_tsc_khz() / 1000u;
    cpu_sti();
    while (irq_count[vector] < n && rdtsc() < until) {
        cpu_pause();
    }
    cpu_cli();
    return irq_count[vector] >= n;
}

void irq_drain(void)
{
    cpu_sti();
    cpu_pause(); /* one instruction after STI is still in its shadow */
    cpu_pause();
    cpu_cli();
}

void lapic_setup(void)
{
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT0, LAPIC_LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT1, LAPIC_LVT_MASKED);
    lapic_write(LAPIC_LVT_ERROR, LAPIC_LVT_MASKED);
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPURIOUS);
    lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_TIMER_DIVIDE_1);
}

void say_ok(const char *name)
{
    print("testguest: %s ok\n", name);
    serial_flush();
}

static void run(const struct test *t)
{
    struct verdict v = t->run();
    if (v.why == NULL) {
        say_ok(t->name);
        leave(EXIT_PASSED);
    }
    print("testguest: %s %s%s\n", t->name, v.skipped ? "skipped: " : "FAILED: ", v.why);
    leave(v.skipped ? EXIT_PASSED : EXIT_FAILED);
}

void guest_main(uint32_t magic, uint32_t mbi)
{
    (void)magic; /* boot.S has looked */
    boot_read(&boot, mbi);
    serial_init();
    tables_init(VECTOR_NONE);
    pic_mask_all();
    for (size_t i = 0; i < TESTS; i++) {
        if (boot_option_is(&boot, "test", tests[i].name)) {
            run(&tests[i]);
        }
    }
    print("testguest: FAILED: the command line must have test=NAME, one of:");
    for (size_t i = 0; i < TESTS; i++) {
        print(" %s", tests[i].name);
    }
    print("\n");
    leave(EXIT_FAILED);
}
