/* SPDX-License-Identifier: BSD-2-Clause
 * See machine.h. */
#include "machine.h"

#include "boot.h"
#include "memory.h"
#include "print.h"
#include "random.h"
#include "tables.h"
#include "watch.h"
#include "x86.h"

#define STORM_LIMIT 32u /* interrupts in one shot; after that it goes on with interrupts off */

#define CR0_CALM  0x80010031ull /* PG WP NE ET PE */
#define CR4_CALM  0x620ull      /* OSXMMEXCPT OSFXSR PAE */
#define DR7_CALM  0x400ull
#define EFER_CALM 0xD01ull /* NXE LMA LME SCE         */

void launch(const struct trap_frame *frame, uint64_t cr3);
extern const char launch_home[];
extern const uint8_t image_start[];
extern const uint8_t text_end[];

uint64_t launch_stack;
volatile uint32_t launch_flying;
volatile uint32_t launch_nmi;

static struct machine_counts counts;
static struct trap_frame flight; /* read-only while it flies */
static struct trap_frame home;
static uint32_t storm;
static uint32_t text_crc;

static uint32_t text_sum(void)
{
    return boot_crc32(image_start, (uint64_t)(text_end - image_start));
}

bool machine_text_intact(void)
{
    return text_sum() == text_crc;
}

const struct machine_counts *machine_counts(void)
{
    return &counts;
}

static struct trap_frame *go_home(void)
{
    memset(&home, 0, sizeof home);
    home.rip = (uint64_t)(uintptr_t)launch_home;
    home.cs = SEL_KERNEL_CODE;
    home.ss = SEL_KERNEL_DATA;
    home.rflags = 2u;
    home.rsp = launch_stack;
    return &home;
}

/* An interrupt, or an INT n of a shot. A storm of them is let be: the shot ends without. */
static void interrupted(struct trap_frame *f)
{
    counts.interrupts++;
    storm++;
    if (storm > STORM_LIMIT) {
        f->rflags &= ~(uint64_t)RFLAGS_IF;
    }
    watch_acknowledge(f->vector);
}

_Noreturn static void lost(const struct trap_frame *f)
{
    print("\nhostile: lost: exception outside of a shot\n");
    trap_print(f);
    machine_die();
}

/* A refused RDMSR or WRMSR: the shot goes on behind it. */
static bool is_refused_msr(const struct trap_frame *f)
{
    const uint8_t *code = (const uint8_t *)(uintptr_t)f->rip;
    return launch_flying != 0 && f->vector == VECTOR_GENERAL && f->cs == SEL_KERNEL_CODE &&
           f->rip >= CODE_BASE && f->rip < CODE_BASE + 2u * CODE_BYTES && code[0] == 0x0Fu &&
           (code[1] == 0x30u || code[1] == 0x32u);
}

/* Runs on the tables of whatever was interrupted until it has loaded its own: the program is mapped
 * everywhere, read-only. */
struct trap_frame *trap(struct trap_frame *f)
{
    uint64_t cr3 = read_cr3();
    struct trap_frame *next = f;
    write_cr3(tables_main());
    if (f->vector == VECTOR_NMI) {
        counts.nmis++;
        launch_nmi = 1;
        if (launch_flying != 0) {
            counts.watchdog++;
            return go_home();
        }
    } else if (f->vector >= VECTOR_EXCEPTIONS) {
        interrupted(f);
    } else {
        counts.exceptions[f->vector]++;
        if (is_refused_msr(f)) {
            f->rip += 2u;
            write_cr3(cr3);
            return f;
        }
        if (launch_flying == 0) {
            lost(f);
        }
        return go_home();
    }
    write_cr3(cr3);
    return next;
}

_Noreturn void machine_die(void)
{
    tables_no_idt();
    __asm__ volatile("int3");
    cpu_stop();
}

static void put_right(uint32_t touches)
{
    if ((touches & TOUCH_CR) != 0) {
        write_cr0(CR0_CALM);
        write_cr4(CR4_CALM);
        write_cr8(0);
    }
    if ((touches & TOUCH_DR) != 0) {
        __asm__ volatile("movq %0, %%dr7" : : "r"(DR7_CALM));
    }
    if ((touches & TOUCH_MSR) != 0) {
        wrmsr(MSR_EFER, EFER_CALM);
    }
    tables_restore((touches & TOUCH_TR) != 0);
}

void machine_fire(const struct shot *s)
{
    flight = s->frame;
    storm = 0;
    launch_nmi = 0;
    if ((s->touches & TOUCH_WATCH) != 0) {
        watch_arm();
    }
    launch(&flight, s->tables != 0 ? s->tables : machine_tables(s->world));
    put_right(s->touches);
    if ((s->touches & TOUCH_WATCH) != 0) {
        watch_disarm();
    }
}

void machine_init(void)
{
    wrmsr(MSR_EFER, EFER_CALM);
    tables_init_all();
    write_cr4(CR4_CALM);
    write_cr0(CR0_CALM);
    machine_calm();
    text_crc = text_sum();
}
