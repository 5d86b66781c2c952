/* SPDX-License-Identifier: BSD-2-Clause
 * Task switches by hardware, in 32-bit protected mode without paging, with it, and with PAE. Each test ends in one number: bits for
 * what was not as the manual says, 0 if all was. */
#include "tasks.h"

#include "serial.h"

#define PORT_DEBUG_EXIT 0xF4u
#define PORT_PIC1_MASK  0x21u
#define PORT_PIC2_MASK  0xA1u

#define EFLAGS_NT 0x4000u
#define EFLAGS_IF 0x200u
#define EFLAGS_VM 0x20000u
#define CR0_TS    0x8u
#define CR0_PG    0x80000000u
#define DR7_SET   0x4FFu /* four local, four global, and the bit that is always set */
#define DR7_KEPT  0x4AAu
#define DR7_SEEN  0x4FFu
#define DR6_BT    0x8000u

#define LAPIC_EOI  (*(volatile uint32_t *)0xFEE000B0u)
#define LAPIC_SVR  (*(volatile uint32_t *)0xFEE000F0u)
#define LAPIC_ICR  (*(volatile uint32_t *)0xFEE00300u)
#define LAPIC_ON   0x1FFu
#define LAPIC_SELF 0x44000u

/* What was wrong: in the other task ... */
#define BAD_TR         0x1u
#define BAD_NT         0x2u
#define BAD_TS         0x4u
#define BAD_SPACE      0x8u
#define BAD_BUSY       0x10u
#define BAD_OLD_BUSY   0x20u
#define BAD_LINK       0x40u
#define BAD_GPR        0x80u
#define BAD_DR7        0x100u
#define BAD_CODE       0x200u
/* ... and back in the first one. */
#define BAD_LOST       0x1000u
#define BAD_STILL_BUSY 0x2000u
#define BAD_MAIN_BUSY  0x4000u
#define BAD_MAIN_TR    0x8000u
#define BAD_MAIN_NT    0x10000u
#define BAD_MAIN_TS    0x20000u
#define BAD_MAIN_SPACE 0x40000u
#define BAD_SAVED_NT   0x80000u
#define BAD_COUNT      0x100000u
/* Of faults. */
#define BAD_VECTOR     0x200000u
#define BAD_EIP        0x400000u
#define BAD_FLAGS      0x800000u

volatile uint32_t task_gpr[8], task_eflags, task_code, task_tr, task_leaves;
volatile uint16_t task_fs;
struct far task_back = {0, MAIN};
volatile uint32_t switch_esp, trap_esp, trap_resume;
volatile uint32_t trap_vector, trap_code, trap_eip, trap_cs, trap_eflags, trap_tr;

/* What the other task saw. */
static volatile struct {
    uint32_t count, tr, cr0, probe, dr7;
    uint8_t type, main_type, other_type;
    bool eoi;      /* to be done: an interrupt has asked for it */
    bool free;     /* to be done: the first task was left busy, and is jumped to */
    uint32_t skip; /* to be done: the first task goes on so many bytes later */
} seen;

static enum paging paging;

/* --- The processor ---------------------------------------------------------------------------------- */

static uint32_t tr(void)
{
    uint32_t v;
    __asm__ volatile("str %0" : "=r"(v));
    return v & 0xFFFFu;
}

static uint32_t cr0(void)
{
    uint32_t v;
    __asm__ volatile("mov %%cr0, %0" : "=r"(v));
    return v;
}

static uint32_t eflags(void)
{
    uint32_t v;
    __asm__ volatile("pushfl\n\tpopl %0" : "=r"(v));
    return v;
}

static uint32_t dr7(void)
{
    uint32_t v;
    __asm__ volatile("mov %%dr7, %0" : "=r"(v));
    return v;
}

static void set_dr7(uint32_t v)
{
    __asm__ volatile("mov %0, %%dr7" : : "r"(v));
}

static uint32_t probe(void)
{
    return paging == PAGING_OFF ? 0 : *(volatile uint32_t *)PROBE;
}

static uint32_t probe_of(uint32_t space)
{
    return paging == PAGING_OFF ? 0 : space;
}

/* --- Text ------------------------------------------------------------------------------------------- */

static void say(const char *s)
{
    for (; *s != '\0'; s++) {
        serial_put(*s);
    }
}

static uint32_t failed;

static void result(const char *name, uint32_t bad)
{
    say(" ");
    say(name);
    say("=");
    uint32_t shift = 28;
    while (shift != 0 && bad >> shift == 0) {
        shift -= 4;
    }
    for (uint32_t i = 0; i <= shift; i += 4) {
        serial_put("0123456789abcdef"[bad >> (shift - i) & 15u]);
    }
    failed |= bad;
}

static void end(void)
{
    say(failed == 0 ? "tasks: ok\r\n" : "tasks: FAILED\r\n");
    serial_flush();
    __asm__ volatile("outl %0, %1" : : "a"(failed != 0), "Nd"((uint16_t)PORT_DEBUG_EXIT));
    for (;;) {
        __asm__ volatile("cli\n\thlt");
    }
}

/* A fault that no test has asked for. */
static void lost(void)
{
    say(" lost: vector, code, eip");
    result("", trap_vector);
    result("", trap_code);
    result("", trap_eip);
    say("\r\n");
    failed = 1;
    end();
}

/* --- Tests of switches -------------------------------------------------------------------------------- */

/* The other task, each time. */
void task_body(void)
{
    seen.count++;
    seen.tr = tr();
    seen.cr0 = cr0();
    seen.probe = probe();
    seen.dr7 = dr7();
    seen.type = world_type((uint16_t)seen.tr);
    seen.main_type = world_type(MAIN);
    seen.other_type = world_type(OTHER);
    main_tss.eip += seen.skip;
    if (seen.eoi) {
        LAPIC_EOI = 0;
    }
    if (seen.free) {
        world_free(MAIN);
    }
}

static void begin(void)
{
    world_reset(paging);
    seen.count = 0;
    seen.eoi = false;
    seen.free = false;
    seen.skip = 0;
    task_leaves = 0;
    trap_vector = 0xFFFF;
    trap_resume = (uint32_t)(uintptr_t)lost;
    set_dr7(DR7_SET);
    __asm__ volatile("clts");
}

static uint32_t judge_other(bool nests, uint16_t own)
{
    uint32_t bad = seen.tr != own ? BAD_TR : 0;
    bad |= ((task_eflags & EFLAGS_NT) != 0) != nests ? BAD_NT : 0;
    bad |= (seen.cr0 & CR0_TS) == 0 ? BAD_TS : 0;
    bad |= seen.probe != probe_of(PROBE_SECOND) ? BAD_SPACE : 0;
    bad |= (seen.type & TYPE_BUSY) == 0 ? BAD_BUSY : 0;
    bad |= ((seen.main_type & TYPE_BUSY) != 0) != nests ? BAD_OLD_BUSY : 0;
    bad |= other_tss.link != (nests ? MAIN : 0xFFFFu) ? BAD_LINK : 0;
    return bad | ((seen.dr7 & DR7_SEEN) != DR7_KEPT ? BAD_DR7 : 0);
}

static uint32_t judge_main(bool kept, uint16_t other)
{
    uint32_t bad = kept ? 0 : BAD_LOST;
    bad |= (world_type(other) & TYPE_BUSY) != 0 ? BAD_STILL_BUSY : 0;
    bad |= (world_type(MAIN) & TYPE_BUSY) == 0 ? BAD_MAIN_BUSY : 0;
    bad |= tr() != MAIN ? BAD_MAIN_TR : 0;
    bad |= (eflags() & EFLAGS_NT) != 0 ? BAD_MAIN_NT : 0;
    bad |= (cr0() & CR0_TS) == 0 ? BAD_MAIN_TS : 0;
    bad |= probe() != probe_of(PROBE_FIRST) ? BAD_MAIN_SPACE : 0;
    return bad | ((other_tss.eflags & EFLAGS_NT) != 0 ? BAD_SAVED_NT : 0);
}

static uint32_t judge_gpr(uint32_t pushed)
{
    uint32_t bad = 0;
    for (uint32_t i = 0; i < 8; i++) {
        bad |= i != 4 && task_gpr[i] != 0xC0DE0000u + i ? BAD_GPR : 0;
    }
    return bad | (task_gpr[4] % 4096u != pushed ? BAD_GPR : 0);
}

static void enter_at(void (*entry)(void))
{
    other_tss.eip = (uint32_t)(uintptr_t)entry;
}

/* Twice: the second time it goes on where it left. */
static uint32_t test_switch(bool nests, bool (*by)(const struct far *), uint16_t selector)
{
    const struct far to = {0xBAD, selector};
    begin();
    enter_at(nests ? task_called : task_jumped);
    world_task_gate(VECTOR_INT, OTHER);
    bool kept = by(&to);
    uint32_t bad = judge_other(nests, OTHER) | judge_gpr(0) | judge_main(kept, OTHER);
    other_tss.link = 0xFFFF;
    set_dr7(DR7_SET);
    __asm__ volatile("clts");
    kept = by(&to);
    bad |= judge_other(nests, OTHER) | judge_main(kept, OTHER);
    return bad | (seen.count != 2 ? BAD_COUNT : 0);
}

/* Until a task has had it. True: interrupts are on again afterwards. */
static bool interrupt(void)
{
    seen.eoi = true;
    LAPIC_SVR = LAPIC_ON;
    LAPIC_ICR = LAPIC_SELF | VECTOR_IRQ;
    __asm__ volatile("sti" : : : "memory");
    for (uint32_t i = 0; i < 100000000u && seen.count == 0; i++) { /* the time limit */
        __asm__ volatile("pause" : : : "memory");
    }
    const bool on = (eflags() & EFLAGS_IF) != 0;
    __asm__ volatile("cli" : : : "memory");
    return on;
}

static uint32_t test_interrupt(void)
{
    begin();
    enter_at(task_called);
    world_task_gate(VECTOR_IRQ, OTHER);
    const bool on = interrupt();
    uint32_t bad = judge_other(true, OTHER) | judge_gpr(0) | judge_main(on, OTHER);
    bad |= (task_eflags & EFLAGS_IF) != 0 ? BAD_FLAGS : 0;
    return bad | (seen.count != 1 ? BAD_COUNT : 0);
}

/* A fault that a task handles, told its error code; `broken`: it is #DF, as the handler of the first is not there. */
static uint32_t test_fault(bool broken)
{
    begin();
    enter_at(task_told);
    world_task_gate(broken ? VECTOR_DF : VECTOR_GP, OTHER);
    if (broken) {
        world_no_gate(VECTOR_GP);
    }
    task_code = 0xFFFF;
    seen.skip = 2;
    const bool kept = switch_by_fault((const struct far *)NOWHERE);
    uint32_t bad = judge_other(true, OTHER) | judge_gpr(0) | judge_main(kept, OTHER);
    bad |= task_code != (broken ? 0 : NOWHERE) ? BAD_CODE : 0;
    return bad | (seen.count != 1 ? BAD_COUNT : 0);
}

static uint32_t test_small(void)
{
    const struct far to = {0, SMALL};
    begin();
    task_tr = 0;
    task_fs = 0xFFFF;
    bool kept = switch_by_call(&to);
    uint32_t bad = judge_main(kept, SMALL) & ~BAD_SAVED_NT;
    bad |= (task_tr & 0xFFFFu) != SMALL ? BAD_TR : 0;
    bad |= (task_eflags & EFLAGS_NT) == 0 ? BAD_NT : 0;
    bad |= small_tss.link != MAIN ? BAD_LINK : 0;
    bad |= (small_tss.flags & EFLAGS_NT) != 0 ? BAD_SAVED_NT : 0;
    bad |= task_fs != 0 ? BAD_CODE : 0;
    for (uint32_t i = 0; i < 8; i++) { /* what the upper half is, the manual leaves open */
        bad |= i != 4 && (task_gpr[i] & 0xFFFFu) != 0xC0D0u + i ? BAD_GPR : 0;
    }
    bad |= small_tss.gpr[3] != 0x1234 || small_tss.gpr[4] != 4096 ? BAD_GPR : 0;
    return bad;
}

/* The other task is one instruction in virtual-8086 mode, which faults. */
static void set_v86(void)
{
    static volatile uint8_t *const code = (volatile uint8_t *)0x8000;
    begin();
    code[0] = 0xF4; /* HLT */
    other_tss.eflags |= EFLAGS_VM;
    other_tss.eip = 0x10;
    for (uint32_t i = 0; i < 6; i++) {
        other_tss.seg[i] = 0x7F0 + 0x10 * i;
    }
    other_tss.seg[1] = 0x7FF;
    other_tss.gpr[4] = 0x100;
}

static uint32_t test_v86(void)
{
    const struct far to = {0, OTHER};
    set_v86();
    uint32_t bad = switch_by_jmp(&to) ? 0 : BAD_LOST;
    bad |= trap_vector != VECTOR_GP ? BAD_VECTOR : 0;
    bad |= trap_code != 0 ? BAD_CODE : 0;
    bad |= trap_eip != 0x10 || trap_cs != 0x7FF ? BAD_EIP : 0;
    bad |= (trap_eflags & EFLAGS_VM) == 0 ? BAD_FLAGS : 0;
    bad |= (trap_tr & 0xFFFFu) != OTHER ? BAD_TR : 0;
    return bad;
}

/* ... and a task hears of it. */
static uint32_t test_from_v86(void)
{
    const struct far to = {0, OTHER};
    set_v86();
    helper_tss.eip = (uint32_t)(uintptr_t)task_told;
    world_task_gate(VECTOR_GP, HELPER);
    task_leaves = 1;
    task_code = 0xFFFF;
    uint32_t bad = switch_by_jmp(&to) ? 0 : BAD_LOST;
    bad |= seen.tr != HELPER ? BAD_TR : 0;
    bad |= task_code != 0 ? BAD_CODE : 0;
    bad |= (task_eflags & EFLAGS_NT) == 0 || (task_eflags & EFLAGS_VM) != 0 ? BAD_NT : 0;
    bad |= helper_tss.link != OTHER ? BAD_LINK : 0;
    bad |= (other_tss.eflags & EFLAGS_VM) == 0 ? BAD_FLAGS : 0;
    return bad | (other_tss.eip != 0x10 || other_tss.seg[1] != 0x7FF ? BAD_EIP : 0);
}

/* --- Tests of switches that fail ------------------------------------------------------------------------ */

static uint32_t judge_refused(uint32_t vector, uint32_t code)
{
    uint32_t bad = trap_vector != vector ? BAD_VECTOR : 0;
    bad |= trap_code != code ? BAD_CODE : 0;
    bad |= seen.count != 0 ? BAD_COUNT : 0;
    bad |= (world_type(OTHER) & TYPE_BUSY) != 0 ? BAD_BUSY : 0;
    bad |= (world_type(MAIN) & TYPE_BUSY) == 0 ? BAD_MAIN_BUSY : 0;
    bad |= tr() != MAIN ? BAD_MAIN_TR : 0;
    bad |= (cr0() & CR0_TS) != 0 ? BAD_MAIN_TS : 0;
    return bad | (main_tss.eip != 0 ? BAD_EIP : 0); /* nothing was saved */
}

static uint32_t test_refused(uint16_t selector, uint32_t vector)
{
    const struct far to = {0, selector};
    begin();
    try_jmp(&to);
    return judge_refused(vector, selector & ~3u);
}

/* IRET under NT to a task that nobody has left. */
static uint32_t test_not_busy(uint16_t link)
{
    begin();
    main_tss.link = link;
    try_iret_nested(NULL);
    return judge_refused(VECTOR_TS, link);
}

/* The new task names a segment that it cannot have: the handler, a task, finds it at its first instruction. */
static uint32_t test_broken(uint32_t *field, uint32_t selector, uint8_t vector)
{
    const struct far to = {0, OTHER};
    begin();
    enter_at(task_jumped);
    *field = selector;
    helper_tss.eip = (uint32_t)(uintptr_t)task_told;
    world_task_gate(vector, HELPER);
    task_leaves = 1;
    task_code = 0xFFFF;
    uint32_t bad = switch_by_jmp(&to) ? 0 : BAD_LOST;
    bad |= seen.tr != HELPER ? BAD_TR : 0;
    bad |= helper_tss.link != OTHER ? BAD_LINK : 0;
    bad |= task_code != (selector & ~3u) ? BAD_CODE : 0;
    bad |= other_tss.eip != (uint32_t)(uintptr_t)task_jumped ? BAD_EIP : 0;
    bad |= (seen.other_type & TYPE_BUSY) == 0 ? BAD_BUSY : 0;
    return bad | (seen.count != 1 ? BAD_COUNT : 0);
}

/* The same, on the way to the handler of an interrupt, whose error codes say so, or of a fault, which makes it a double
 * one. The first task is busy then, and is freed. */
static uint32_t test_broken_handler(bool of_fault)
{
    begin();
    enter_at(task_told);
    other_tss.seg[3] = ABSENT_DATA;
    helper_tss.eip = (uint32_t)(uintptr_t)task_told;
    world_task_gate(of_fault ? VECTOR_GP : VECTOR_IRQ, OTHER);
    world_task_gate(of_fault ? VECTOR_DF : VECTOR_NP, HELPER);
    task_leaves = 1;
    task_code = 0xFFFF;
    seen.free = true;
    seen.skip = of_fault ? 2 : 0;
    uint32_t bad = 0;
    if (of_fault) {
        bad |= switch_by_fault((const struct far *)NOWHERE) ? 0 : BAD_LOST;
    } else {
        bad |= interrupt() ? 0 : BAD_LOST;
    }
    bad |= seen.tr != HELPER ? BAD_TR : 0;
    bad |= helper_tss.link != OTHER ? BAD_LINK : 0;
    bad |= other_tss.link != MAIN ? BAD_LINK : 0;
    bad |= task_code != (of_fault ? 0 : ABSENT_DATA | 1u) ? BAD_CODE : 0;
    bad |= other_tss.eip != (uint32_t)(uintptr_t)task_told ? BAD_EIP : 0;
    return bad | (seen.count != 1 ? BAD_COUNT : 0);
}

/* The T flag: #DB before the first instruction of the new task. */
static uint32_t test_trap_flag(void)
{
    const struct far to = {0, OTHER};
    uint32_t dr6 = 0;
    begin();
    enter_at(task_jumped);
    other_tss.trap = 1;
    __asm__ volatile("mov %0, %%dr6" : : "r"(dr6));
    try_jmp(&to); /* the handler is the new task's, and so goes on in it */
    __asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
    uint32_t bad = trap_vector != VECTOR_DB ? BAD_VECTOR : 0;
    bad |= (dr6 & DR6_BT) == 0 ? BAD_FLAGS : 0;
    bad |= trap_eip != (uint32_t)(uintptr_t)task_jumped ? BAD_EIP : 0;
    return bad | ((trap_tr & 0xFFFFu) != OTHER ? BAD_TR : 0);
}

static void run(enum paging now, const char *name)
{
    paging = now;
    world_paging(now);
    say("tasks: ");
    say(name);
    result("jmp", test_switch(false, switch_by_jmp, OTHER));
    result("jmp-gate", test_switch(false, switch_by_jmp, GATE));
    result("call", test_switch(true, switch_by_call, OTHER));
    result("call-gate", test_switch(true, switch_by_call, GATE));
    result("int", test_switch(true, switch_by_int, OTHER));
    result("irq", test_interrupt());
    result("fault", test_fault(false));
    result("double", test_fault(true));
    result("small", test_small());
    result("v86", test_v86());
    result("from-v86", test_from_v86());
    result("absent", test_refused(ABSENT, VECTOR_NP));
    result("short", test_refused(SHORT, VECTOR_TS));
    result("busy", test_refused(MAIN, VECTOR_GP));
    result("nowhere", test_refused(NOWHERE, VECTOR_GP));
    result("not-busy", test_not_busy(OTHER));
    result("no-link", test_not_busy(0));
    say("\r\n");
}

/* What emulated processors do not do as the manual says, so only where it is asked for. */
static void run_strict(enum paging now, const char *name)
{
    paging = now;
    world_paging(now);
    say("tasks: ");
    say(name);
    result("bad-ldt", test_broken(&other_tss.ldt, DATA, VECTOR_TS));
    result("bad-cs", test_broken(&other_tss.seg[1], DATA, VECTOR_TS));
    result("bad-ss", test_broken(&other_tss.seg[2], DATA_3, VECTOR_TS));
    result("no-ss", test_broken(&other_tss.seg[2], ABSENT_DATA, VECTOR_SS));
    result("no-ds", test_broken(&other_tss.seg[3], ABSENT_DATA, VECTOR_NP));
    result("irq-no-ds", test_broken_handler(false));
    result("fault-no-ds", test_broken_handler(true));
    result("t", test_trap_flag());
    say("\r\n");
}

#define BOOT_FLAGS   0u
#define BOOT_CMDLINE 4u
#define HAS_CMDLINE  4u

/* Is it one of the words of the command line? */
static bool asked_for(const uint32_t *boot_info, const char *word)
{
    if ((boot_info[BOOT_FLAGS] & HAS_CMDLINE) == 0) {
        return false;
    }
    for (const char *at = (const char *)(uintptr_t)boot_info[BOOT_CMDLINE]; *at != '\0'; at++) {
        uint32_t n = 0;
        while (word[n] != '\0' && at[n] == word[n]) {
            n++;
        }
        if (word[n] == '\0') {
            return true;
        }
    }
    return false;
}

void guest_main(const uint32_t *boot_info)
{
    serial_init();
    __asm__ volatile("outb %b0, %1\n\toutb %b0, %2" /* a BIOS may have left timer interrupts on */
                     :
                     : "a"(0xFF), "i"(PORT_PIC1_MASK), "i"(PORT_PIC2_MASK));
    run(PAGING_OFF, "unpaged");
    run(PAGING_32, "paged");
    run(PAGING_PAE, "pae");
    if (asked_for(boot_info, "strict")) {
        run_strict(PAGING_OFF, "strict-unpaged");
        run_strict(PAGING_32, "strict-paged");
        run_strict(PAGING_PAE, "strict-pae");
    }
    end();
}
