/* SPDX-License-Identifier: BSD-2-Clause
 * The ways in which a guest may end itself: resets, triple faults, and what KVM cannot emulate. */
#include "emit.h"
#include "kinds.h"
#include "x86.h"

#define DEVICE 0xFEE00000ull

static const char *const names[ENDS] = {
    [END_RESET_CF9] = "reset by port 0xcf9",
    [END_RESET_KEYBOARD] = "reset by the keyboard controller",
    [END_RESET_PORT92] = "reset by port 0x92",
    [END_TRIPLE_IDT] = "triple fault, no IDT",
    [END_TRIPLE_TABLES] = "triple fault, no page tables",
    [END_DEBUG_EXIT] = "debug exit with a code",
    [END_UNKNOWN_FORM] = "an SSE instruction on a device",
    [END_FETCH_DEVICE] = "instructions in a device",
    [END_STACK_DEVICE] = "a stack in a device",
    [END_GDT_DEVICE] = "a GDT in a device",
    [END_LEAVE_LONG_MODE] = "out of long mode",
};

const char *end_name(enum end_kind kind)
{
    return names[kind];
}

static void fire(struct shot *s)
{
    s->touches |= TOUCH_WATCH;
    emit_end();
    machine_fire(s);
}

static void triple_tables(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_RAM);
    s->tables = SCRATCH_END - 0x1000u;
    for (uint32_t i = 0; i < 512u; i++) {
        ((volatile uint64_t *)(uintptr_t)s->tables)[i] = 0;
    }
    fire(s);
}

static void unknown_form(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_DEVICES);
    s->frame.rbx = DEVICE;
    emit_number(0x03FE0F66u, 4); /* PADDD XMM0, [RBX] */
    fire(s);
}

static void fetch_device(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_DEVICES);
    s->frame.rip = HUGE_BASE + 0x100u; /* devices are mapped without execution */
    fire(s);
}

static void stack_device(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_DEVICES);
    uint64_t at = CODE_BASE + CODE_BYTES - 16u;
    machine_set_gate(0x80,
                     (at & 0xFFFFu) | ((uint64_t)SEL_KERNEL_CODE << 16) | (0x8E00ull << 32) |
                         ((at & 0xFFFF0000u) << 32),
                     0);
    s->frame.rbx = DATA_BASE;
    s->frame.rax = machine_second_idt() << 16 | 0xFFFu;
    s->frame.rcx = 0;
    s->frame.rsp = DEVICE + 0x100u;
    emit_number(0x038948u, 3);   /* MOV [RBX], RAX     */
    emit_number(0x084B8948u, 4); /* MOV [RBX + 8], RCX */
    emit_number(0x1B010Fu, 3);   /* LIDT [RBX]         */
    emit_number(0x80CDu, 2);     /* INT 0x80           */
    fire(s);
}

static void gdt_device(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_DEVICES);
    s->frame.rbx = DATA_BASE;
    s->frame.rax = DEVICE << 16 | 0xFFFu;
    s->frame.rcx = 0;
    s->frame.rdx = SEL_KERNEL_DATA;
    emit_number(0x038948u, 3);   /* MOV [RBX], RAX     */
    emit_number(0x084B8948u, 4); /* MOV [RBX + 8], RCX */
    emit_number(0x13010Fu, 3);   /* LGDT [RBX]         */
    emit_number(0xDA8Eu, 2);     /* MOV DS, DX         */
    fire(s);
}

/* With an empty IDT: half a 64-bit gate may look like a gate to 32-bit mode, and the VM would wander. */
static void leave_long_mode(void)
{
    struct shot *s = emit_begin(RING_KERNEL32, WORLD_RAM);
    *(volatile uint64_t *)(uintptr_t)DATA_BASE = 0;
    s->touches = TOUCH_CR;
    s->frame.rax = 0x11u;
    s->frame.rbx = DATA_BASE;
    emit_number(0x1B010Fu, 3); /* LIDT [EBX]   */
    emit_number(0xC0220Fu, 3); /* MOV CR0, EAX */
    fire(s);
}

void end_now(enum end_kind kind)
{
    static void (*const shots[ENDS])(void) = {
        [END_TRIPLE_TABLES] = triple_tables, [END_UNKNOWN_FORM] = unknown_form,
        [END_FETCH_DEVICE] = fetch_device,   [END_STACK_DEVICE] = stack_device,
        [END_GDT_DEVICE] = gdt_device,       [END_LEAVE_LONG_MODE] = leave_long_mode,
    };
    if (kind == END_RESET_KEYBOARD) {
        outb(0x64, 0xFE);
    } else if (kind == END_RESET_PORT92) {
        outb(0x92, 0);
        outb(0x92, 1);
    } else if (kind == END_TRIPLE_IDT) {
        machine_die();
    } else if (kind == END_DEBUG_EXIT) {
        outb(PORT_DEBUG_EXIT, 7);
    } else if (shots[kind] != 0) {
        shots[kind]();
    }
    outb(0xCF9, 0x02);
    outb(0xCF9, 0x06); /* whatever is left */
}
