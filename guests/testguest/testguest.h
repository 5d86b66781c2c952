/* SPDX-License-Identifier: BSD-2-Clause
 * What the tests share: verdicts, faults that are expected, interrupts that are counted, time.
 *
 * A test sets the machine up itself and may leave it in any state: each runs in a machine of its
 * own. It must end, pass or fail: every wait has a time limit. */
#ifndef TESTGUEST_H
#define TESTGUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot.h"

struct verdict {
    bool skipped;
    const char *why; /* null: passed */
};

#define PASS       ((struct verdict){false, NULL})
#define FAIL(text) ((struct verdict){false, text})
#define SKIP(text) ((struct verdict){true, text})

/* Ends the test function unless `what` holds. */
#define EXPECT(what, text)     \
    do {                       \
        if (!(what)) {         \
            return FAIL(text); \
        }                      \
    } while (0)

/* Vectors: the PIC's lines are acknowledged there, the rest at the local APIC. */
#define VECTOR_PIC      0x20u
#define VECTOR_LOW      0x41u
#define VECTOR_TIMER    0x51u
#define VECTOR_IOAPIC   0x61u
#define VECTOR_HIGH     0x91u
#define VECTOR_SPURIOUS 0xFFu

#define NO_FAULT 0x100u

extern struct boot_info boot;

/* How many came so far, and in which order the first of them. */
extern volatile uint32_t irq_count[256];
extern volatile uint8_t irq_order[16];
extern volatile uint32_t irq_total;

/* kHz: command line, else leaf 0x40000010, else a guess that only has to be good for time limits.
 * Not a measurement. */
uint64_t clock_tsc_khz(void);
uint64_t clock_apic_khz(void);

/* Spins, interrupts as they are. */
void wait_us(uint64_t us);

/* Waits with interrupts on until the vector was counted n times; false after ten seconds. */
bool wait_irq(uint8_t vector, uint32_t n);

/* Lets whatever is pending in. */
void irq_drain(void);

/* The vector that the access raised, or NO_FAULT. */
uint32_t try_rdmsr(uint32_t msr, uint64_t *v);
uint32_t try_wrmsr(uint32_t msr, uint64_t v);

uint32_t try_write_cr0(uint64_t v);
uint32_t try_write_cr4(uint64_t v);
uint32_t try_write_cr8(uint64_t v);
uint32_t try_write_dr7(uint64_t v);
uint32_t try_xsetbv(uint64_t v);
uint32_t try_monitor(const void *at);
uint32_t try_mwait(void);
uint32_t try_read(uint64_t address); /* of memory */

uint32_t try_vmxon(void);
uint32_t try_vmclear(void);
uint32_t try_vmptrld(void);
uint32_t try_vmptrst(void);
uint32_t try_vmread(void);
uint32_t try_vmwrite(void);
uint32_t try_vmlaunch(void);
uint32_t try_vmresume(void);
uint32_t try_vmxoff(void);
uint32_t try_invept(void);
uint32_t try_invvpid(void);
uint32_t try_vmfunc(void);
uint32_t try_getsec(void);
uint32_t try_read_dr4(void);
uint32_t try_fninit(void);

/* CR2, read so many PAUSEs after the last page fault that was expected. */
extern uint32_t trap_cr2_spins;
extern volatile uint64_t trap_cr2;

/* Local APIC on, everything masked. */
void lapic_setup(void);

/* Says so before an end that leaves no time for it. */
void say_ok(const char *name);

struct verdict test_ports(void);
struct verdict test_mmio(void);
struct verdict test_strings(void);
struct verdict test_msr(void);
struct verdict test_cpuid(void);
struct verdict test_fpu(void);
struct verdict test_processor(void);
struct verdict test_hlt(void);
struct verdict test_triple(void);
struct verdict test_reset(void);
struct verdict test_poweroff(void);
struct verdict test_lapic(void);
struct verdict test_faultirq(void);
struct verdict test_tscdeadline(void);
struct verdict test_pic(void);
struct verdict test_ioapic(void);
struct verdict test_uart(void);
struct verdict test_modules(void);
struct verdict test_cr2(void);
struct verdict test_kernel(void);
struct verdict test_vectors(void);

#endif
