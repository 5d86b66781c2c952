/* SPDX-License-Identifier: BSD-2-Clause
 * Partition "maint": works for a while, then does something forbidden, and is restarted.
 *
 * Each life tries the next act of the list, so every wall around a partition is tested in turn. An
 * act that does not fault is a breach: it is counted, and the next one follows at once. */
#include <stddef.h>

#include "user.h"

#define TURNS_PER_LIFE 18u /* of 50 ms: about one crash a second */
#define KERNEL_TEXT    0x100000u
#define LAPIC_EOI      0xFEE000B0u
#define FLIGHT_DATA    0x40001000u
#define DEBUG_EXIT     0xF4u

static uint32_t life_turns; /* in memory, so that a restart which does not restore it shows */

void maint_test(void);

static void act_read_kernel(void)
{
    (void)*(const volatile uint32_t *)(uintptr_t)KERNEL_TEXT;
}

static void act_undefined(void)
{
    __asm__ volatile("ud2");
}

static void act_divide(void)
{
    uint32_t lo = 1;
    uint32_t hi = 0;
    __asm__ volatile("divl %2" : "+a"(lo), "+d"(hi) : "r"(0) : "cc");
}

static void act_privileged(void)
{
    __asm__ volatile("movq %%cr0, %%rax" : : : "rax");
}

static void act_write_neighbour(void)
{
    *(volatile uint32_t *)(uintptr_t)FLIGHT_DATA = 0;
}

static void act_interrupts_off(void)
{
    __asm__ volatile("cli");
}

static void act_port(void)
{
    __asm__ volatile("outb %b0, %w1" : : "a"(0), "d"(DEBUG_EXIT));
}

static void act_device(void)
{
    *(volatile uint32_t *)(uintptr_t)LAPIC_EOI = 0;
}

static void act_write_text(void)
{
    *(volatile uint8_t *)(uintptr_t)maint_test = 0x90;
}

static void act_overflow(void)
{
    for (volatile uint8_t *p = __builtin_frame_address(0);; p -= 1024) {
        *p = 0;
    }
}

static void act_application_error(void)
{
    (void)sys_call(SYS_ERROR, 3, 0);
}

static void (*const acts[])(void) = {
    act_read_kernel,       act_undefined, act_divide, act_privileged, act_write_neighbour,
    act_interrupts_off,    act_port,      act_device, act_write_text, act_overflow,
    act_application_error,
};
#define ACTS (sizeof acts / sizeof acts[0])

void maint_test(void)
{
    uint64_t act = sys_call(SYS_RESTARTS, 0, 0);
    for (;;) {
        (void)sys_call(SYS_REPORT, COUNT_LOOPS_FIRST, 1);
        life_turns++;
        if (life_turns > TURNS_PER_LIFE) {
            acts[act % ACTS]();
            (void)sys_call(SYS_REPORT, COUNT_BREACHES, 1);
            act++;
        }
        (void)sys_call(SYS_PERIODIC_WAIT, 0, 0);
    }
}
