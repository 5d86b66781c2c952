/* SPDX-License-Identifier: BSD-2-Clause
 * The bench's bare guest: what one exit of each kind costs, in ticks of its own TSC. In a machine
 * that counts instructions a tick is an instruction, and the numbers repeat exactly.
 *
 * Lines on COM1, read by meter.c: "bench: KEY LEAST MEDIAN P99", and "bench: first TICKS", the ticks
 * since this guest's first instruction. */
#include <stddef.h>
#include <stdint.h>

#include "boot.h"
#include "lapic.h"
#include "print.h"
#include "serial.h"
#include "trap.h"
#include "x86.h"

#define SAMPLES 500u
#define WARM_UP 20u
#define SHOWN   9u

#define PORT_SCRATCH  0x3FFu      /* COM1's scratch register: nothing but a byte of memory       */
#define PORT_NOBODY   0x0E8u      /* no device of a PC                                           */
#define MMIO_NOBODY   0xD0000000u /* above all RAM, below everything that a PC has under 4 GiB   */
#define VECTOR_TIMER  0x51u
#define VECTOR_SPUR   0xFFu
#define TICKS         200u
#define TICK_COUNTS   1000000u /* of the timer's input: 1 ms at 1 GHz */
#define SPINS_A_ROUND 1000000u
#define ROUNDS_MAX    10000u

extern volatile uint64_t bench_first_tsc; /* written by the first instructions, in first.S */
extern uint32_t bench_flat[8];            /* the same: without paging                          */
extern char image_start[];
extern char image_load_end[];

static uint64_t sample[SAMPLES];
static volatile uint32_t ticks;
static uint64_t nothing; /* what measuring nothing gives */

struct trap_frame *trap(struct trap_frame *f)
{
    if (f->vector < VECTOR_EXCEPTIONS) {
        print("bench: failed an unexpected exception\n");
        trap_print(f);
        cpu_stop();
    }
    if (f->vector == VECTOR_TIMER) {
        ticks++;
        lapic_eoi();
    }
    return f;
}

static void sort_samples(void)
{
    for (uint32_t i = 1; i < SAMPLES; i++) {
        uint64_t v = sample[i];
        uint32_t at = i;
        for (; at > 0 && sample[at - 1u] > v; at--) {
            sample[at] = sample[at - 1u];
        }
        sample[at] = v;
    }
}

static uint64_t less_nothing(uint64_t v)
{
    return v > nothing ? v - nothing : 0;
}

static void empty(void)
{
    __asm__ volatile("" : : : "memory");
}

static void port_write(void)
{
    outb(PORT_SCRATCH, 0x5A);
}

static void port_read(void)
{
    (void)inb(PORT_SCRATCH);
}

static void port_nobody(void)
{
    (void)inb(PORT_NOBODY);
}

static void mmio_write(void)
{
    *(volatile uint32_t *)(uintptr_t)MMIO_NOBODY = 1;
}

static void mmio_read(void)
{
    (void)*(const volatile uint32_t *)(uintptr_t)MMIO_NOBODY;
}

static void eoi(void)
{
    lapic_eoi();
}

static void processor_id(void)
{
    (void)cpuid(0, 0);
}

static void measure(const char *key, void (*what)(void))
{
    for (uint32_t i = 0; i < WARM_UP; i++) {
        what();
    }
    for (uint32_t i = 0; i < SAMPLES; i++) {
        uint64_t before = rdtsc();
        what();
        sample[i] = rdtsc() - before;
    }
    sort_samples();
    if (key == NULL) {
        nothing = sample[SAMPLES / 2u];
        return;
    }
    print("bench: %s %lu %lu %lu\n", key, less_nothing(sample[0]),
          less_nothing(sample[SAMPLES / 2u]), less_nothing(sample[SAMPLES * 99u / 100u]));
}

/* Bochs's debugger stops here if it is told to (magic_break); a processor exchanges BX with itself. */
static void mark(void)
{
    __asm__ volatile("xchgw %%bx, %%bx" : : : "memory");
}

/* A few of each kind between two marks: what bench/sel4 has traced, instruction by instruction. */
static void show(void (*what)(void))
{
    mark();
    for (uint32_t i = 0; i < SHOWN; i++) {
        what();
    }
    mark();
}

/* TSC ticks of a fixed amount of work. */
static uint64_t spin(uint64_t spins)
{
    uint64_t before = rdtsc();
    __asm__ volatile("1: decq %0\n\tjnz 1b" : "+r"(spins) : : "cc");
    return rdtsc() - before;
}

/* A timer tick: what work takes longer with ticks than without, a tick. */
static void measure_tick(void)
{
    uint64_t plain = 0;
    uint64_t ticked = 0;
    uint32_t rounds = 0;
    lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_TIMER_DIVIDE_1);
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_PERIODIC | VECTOR_TIMER);
    (void)spin(SPINS_A_ROUND);
    lapic_write(LAPIC_TIMER_INITIAL, TICK_COUNTS);
    cpu_sti();
    while (ticks < TICKS && rounds < ROUNDS_MAX) {
        ticked += spin(SPINS_A_ROUND);
        rounds++;
    }
    cpu_cli();
    uint32_t got = ticks;
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED);
    for (uint32_t i = 0; i < rounds; i++) {
        plain += spin(SPINS_A_ROUND);
    }
    if (got < TICKS || ticked < plain) {
        print("bench: failed %u ticks in %u rounds\n", got, rounds);
        return;
    }
    uint64_t each = (ticked - plain) / got;
    print("bench: tick %lu %lu %lu\n", each, each, each);
}

static void lapic_setup(void)
{
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT0, LAPIC_LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT1, LAPIC_LVT_MASKED);
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPUR);
}

static const struct {
    const char *key;
    void (*what)(void);
} kinds[] = {
    {"cpuid", processor_id},
    {"port_write", port_write},
    {"port_read", port_read},
    {"port_nobody", port_nobody},
    {"mmio_write", mmio_write},
    {"mmio_read", mmio_read},
    {"eoi", eoi},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* For profiles: `loop=KEY times=N` on the command line does nothing but that. */
static bool looped(const struct boot_info *boot)
{
    uint64_t times = 0;
    for (size_t k = 0; k < KINDS; k++) {
        if (boot_option_is(boot, "loop", kinds[k].key) && boot_option_u64(boot, "times", &times)) {
            for (uint64_t i = 0; i < times; i++) {
                kinds[k].what();
            }
            return true;
        }
    }
    return false;
}

static void measure_all(void)
{
    static const char *const flat[] = {NULL,        "port_write", "port_read", "mmio_write",
                                       "mmio_read", "eoi",        "cpuid"};
    for (size_t i = 1; i < sizeof flat / sizeof flat[0]; i++) {
        print("bench: flat_%s %u\n", flat[i], bench_flat[i]);
    }
    measure(NULL, empty);
    for (size_t k = 0; k < KINDS; k++) {
        measure(kinds[k].key, kinds[k].what);
    }
    measure_tick();
}

void guest_main(uint32_t magic, uint32_t mbi)
{
    static struct boot_info boot;
    (void)magic; /* boot.S has looked */
    serial_init();
    print("bench: first %lu\n", rdtsc() - bench_first_tsc);
    boot_read(&boot, mbi);
    tables_init(VECTOR_NONE);
    pic_mask_all();
    lapic_setup();
    print("bench: guest exits-%x\n",
          boot_crc32(image_start, (uint64_t)(image_load_end - image_start)));
    if (!looped(&boot)) {
        measure_all();
    }
    if (boot_option_is(&boot, "marks", "on")) {
        for (size_t k = 0; k < KINDS; k++) {
            show(kinds[k].what);
        }
    }
    print("bench: end\n");
    serial_flush();
    cpu_stop();
}
