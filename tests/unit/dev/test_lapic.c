/* SPDX-License-Identifier: BSD-2-Clause
 * Local APIC: registers, priorities, messages, LINT pins, errors, base MSR. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cpu/msr.h"
#include "dev/lapic.h"
#include "dev/lapic_state.h"

#define ID       0x020u
#define VER      0x030u
#define TPR      0x080u
#define PPR      0x0A0u
#define EOI      0x0B0u
#define LDR      0x0D0u
#define DFR      0x0E0u
#define SVR      0x0F0u
#define ISR      0x100u
#define TMR      0x180u
#define IRR      0x200u
#define ESR      0x280u
#define ICR_LO   0x300u
#define ICR_HI   0x310u
#define TIMER    0x320u
#define LINT0    0x350u
#define LINT1    0x360u
#define ERROR    0x370u
#define INITIAL  0x380u
#define CURRENT  0x390u
#define DIVIDE   0x3E0u
#define MASKED   0x10000u
#define LOG_SIZE 16u

struct rig {
    struct lapic l;
    struct vm_clock clock;
    struct irq_msg msg[LOG_SIZE];
    uint32_t msgs;
    uint32_t eoi[LOG_SIZE];
    uint32_t eois;
    bool loop; /* IPIs that address the sender come back at once, as the board does it */
};

static void on_ipi(void *owner, const struct irq_msg *msg)
{
    struct rig *r = owner;
    r->msg[r->msgs++ % LOG_SIZE] = *msg;
    if (r->loop && lapic_addressed(&r->l, msg)) {
        (void)lapic_accept(&r->l, msg);
    }
}

static void on_eoi(void *owner, uint32_t n)
{
    struct rig *r = owner;
    r->eoi[r->eois++ % LOG_SIZE] = n;
}

static struct rig rig;

static void start(uint32_t id)
{
    rig = (struct rig){.clock = {.tsc_khz = 2000000}};
    struct lapic_wiring w = {
        .id = id,
        .clock = &rig.clock,
        .ipi = {on_ipi, &rig},
        .eoi = {on_eoi, &rig},
        .policy = TICK_CATCH_UP,
    };
    lapic_init(&rig.l, &w);
    assert_true(lapic_valid(&rig.l));
}

static uint32_t rd(uint32_t off)
{
    uint64_t v = lapic_ops.read(&rig.l, (struct bus_access){.size = 4, .off = off}, 0);
    assert_true(lapic_valid(&rig.l));
    return (uint32_t)v;
}

static void wr(uint32_t off, uint32_t val)
{
    lapic_ops.write(&rig.l, (struct bus_access){.size = 4, .off = off}, val, 0);
    assert_true(lapic_valid(&rig.l));
}

static void start_enabled(uint32_t id)
{
    start(id);
    wr(SVR, 0x1FF);
}

static bool send(uint8_t vector, uint8_t delivery, bool level)
{
    struct irq_msg m = {.vector = vector, .delivery = delivery, .level = level, .assert_ = true};
    bool taken = lapic_accept(&rig.l, &m);
    assert_true(lapic_valid(&rig.l));
    return taken;
}

static void reset_state_is_that_of_the_manual(void **state)
{
    (void)state;
    static const struct {
        uint32_t off;
        uint32_t value;
    } want[] = {
        {ID, 0x03000000}, {VER, 0x00050014}, {TPR, 0},
        {PPR, 0},         {LDR, 0},          {DFR, 0xFFFFFFFFu},
        {SVR, 0xFF},      {ISR, 0},          {ISR + 0x70, 0},
        {TMR, 0},         {TMR + 0x70, 0},   {IRR, 0},
        {IRR + 0x70, 0},  {ESR, 0},          {ICR_LO, 0},
        {ICR_HI, 0},      {TIMER, MASKED},   {TIMER + 0x10, MASKED},
        {0x340, MASKED},  {LINT0, MASKED},   {LINT1, MASKED},
        {ERROR, MASKED},  {INITIAL, 0},      {CURRENT, 0},
        {DIVIDE, 0},      {0x090, 0},        {EOI, 0},
        {0x0C0, 0},
    };
    start(3);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_int_equal(rd(want[i].off), want[i].value);
    }
    assert_int_equal(rig.l.regs.counts.reserved, 0);
    assert_false(lapic_software_enabled(&rig.l));
    assert_true(lapic_hardware_enabled(&rig.l));
    assert_int_equal(lapic_pending(&rig.l), -1);
    assert_true(lapic_deadline(&rig.l) == VM_NS_NEVER);
}

static void writes_change_only_what_can_be_written(void **state)
{
    (void)state;
    static const struct {
        uint32_t off;
        uint32_t ones;  /* what reads after writing all ones  */
        uint32_t zeros; /* what reads after writing all zeros */
    } want[] = {
        {ID, 0, 0},
        {VER, 0x00050014, 0x00050014},
        {TPR, 0xFF, 0},
        {LDR, 0xFF000000u, 0},
        {DFR, 0xFFFFFFFFu, 0x0FFFFFFF},
        {ISR, 0, 0},
        {TMR + 0x30, 0, 0},
        {IRR + 0x70, 0, 0},
        {ICR_HI, 0xFF000000u, 0},
        {TIMER, 0x700FF, 0},
        {0x330, 0x107FF, 0},
        {0x340, 0x107FF, 0},
        {LINT0, 0x1A7FF, 0},
        {LINT1, 0x1A7FF, 0},
        {ERROR, 0x100FF, 0},
        {CURRENT, 0, 0},
        {DIVIDE, 0xB, 0},
        {SVR, 0x3FF, 0},
    };
    start_enabled(0);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        wr(want[i].off, UINT32_MAX);
        assert_int_equal(rd(want[i].off), want[i].ones);
        wr(want[i].off, 0);
        assert_int_equal(rd(want[i].off), want[i].zeros);
    }
}

static void bytes_between_registers_read_zero_and_take_nothing(void **state)
{
    (void)state;
    start_enabled(0);
    wr(TPR, 0x20);
    wr(TPR + 4, 0x50);
    wr(TPR + 12, 0x50);
    assert_int_equal(rd(TPR), 0x20);
    assert_int_equal(rd(TPR + 4), 0);
    assert_int_equal(rd(TPR + 8), 0);
    wr(ESR, 0);
    assert_int_equal(rd(ESR), 0);
}

static void registers_that_are_not_there_are_an_error(void **state)
{
    (void)state;
    static const uint32_t off[] = {0x000, 0x010, 0x040, 0x070, 0x290,
                                   0x2F0, 0x3A0, 0x3F0, 0x400, 0xFF0};
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        start_enabled(0);
        assert_int_equal(rd(off[i]), 0);
        wr(off[i], UINT32_MAX);
        assert_int_equal(rd(ESR), 0); /* not before it is written */
        wr(ESR, 0x55);
        assert_int_equal(rd(ESR), 0x80);
        wr(ESR, 0);
        assert_int_equal(rd(ESR), 0);
        assert_int_equal(rig.l.regs.counts.reserved, 2);
    }
}

static void highest_request_above_the_processor_priority_is_pending(void **state)
{
    (void)state;
    start_enabled(0);
    assert_true(send(0x31, IRQ_FIXED, false));
    assert_true(send(0x3F, IRQ_LOWEST, false));
    assert_true(send(0xFE, IRQ_FIXED, false));
    assert_true(send(0x10, IRQ_FIXED, false));
    assert_int_equal(lapic_pending(&rig.l), 0xFE);
    wr(TPR, 0xF0);
    assert_int_equal(lapic_pending(&rig.l), -1);
    wr(TPR, 0xEF);
    assert_int_equal(lapic_pending(&rig.l), 0xFE);
    assert_int_equal(lapic_ack(&rig.l), 0xFE);
    assert_int_equal(rd(PPR), 0xF0);
    assert_int_equal(lapic_pending(&rig.l), -1);
    wr(EOI, 0);
    assert_int_equal(rd(PPR), 0xEF);
    assert_int_equal(lapic_pending(&rig.l), -1);
    wr(TPR, 0);
    assert_int_equal(lapic_ack(&rig.l), 0x3F);
    assert_int_equal(lapic_pending(&rig.l), -1); /* 0x31 is of the same class */
    assert_int_equal(rd(ISR + 0x10), 0x80000000u);
    assert_int_equal(rd(IRR + 0x10), 0x00020000u);
    wr(EOI, 0);
    assert_int_equal(lapic_ack(&rig.l), 0x31);
    wr(EOI, 0);
    assert_int_equal(lapic_ack(&rig.l), 0x10);
    wr(TPR, 0x15); /* same class as what is in service: the TPR shows */
    assert_int_equal(rd(PPR), 0x15);
    wr(TPR, 0x05);
    assert_int_equal(rd(PPR), 0x10);
    wr(EOI, 0);
    assert_int_equal(rig.eois, 4);
    assert_int_equal(rig.eoi[0], 0xFE);
    assert_int_equal(rig.eoi[3], 0x10);
    assert_int_equal(rig.l.regs.counts.eois, 4);
}

static void every_vector_goes_its_way(void **state)
{
    (void)state;
    start_enabled(0);
    for (uint32_t v = 16; v < 256; v++) {
        assert_true(send((uint8_t)v, IRQ_FIXED, v % 2 != 0));
        assert_int_equal(rd(IRR + (v / 32) * 16), 1u << (v % 32));
        assert_int_equal((rd(TMR + (v / 32) * 16) >> (v % 32)) & 1u, v % 2);
        assert_int_equal(lapic_pending(&rig.l), v);
        assert_int_equal(lapic_ack(&rig.l), v);
        assert_int_equal(rd(ISR + (v / 32) * 16), 1u << (v % 32));
        wr(EOI, v);
        assert_int_equal(rd(ISR + (v / 32) * 16), 0);
        assert_int_equal(rig.eoi[(rig.eois - 1) % LOG_SIZE], v);
    }
}

static void a_request_in_service_can_be_pending_once_more_and_merges_after(void **state)
{
    (void)state;
    start_enabled(0);
    assert_true(send(0x40, IRQ_FIXED, true));
    assert_int_equal(lapic_ack(&rig.l), 0x40);
    assert_true(send(0x40, IRQ_FIXED, false));
    assert_true(send(0x40, IRQ_FIXED, false));
    assert_int_equal(rig.l.regs.counts.merged, 1);
    assert_int_equal(rd(TMR + 0x20), 0); /* the later one was an edge */
    wr(EOI, 0);
    assert_int_equal(lapic_ack(&rig.l), 0x40);
    wr(EOI, 0);
    assert_int_equal(lapic_pending(&rig.l), -1);
}

static void nested_interrupts_complete_from_the_inside(void **state)
{
    (void)state;
    start_enabled(0);
    send(0x40, IRQ_FIXED, false);
    assert_int_equal(lapic_ack(&rig.l), 0x40);
    send(0x80, IRQ_FIXED, false);
    assert_int_equal(lapic_ack(&rig.l), 0x80);
    wr(EOI, 0);
    wr(EOI, 0);
    wr(EOI, 0); /* one too many does nothing */
    assert_int_equal(rig.eois, 2);
    assert_int_equal(rig.eoi[0], 0x80);
    assert_int_equal(rig.eoi[1], 0x40);
}

static void an_acknowledge_without_request_is_spurious(void **state)
{
    (void)state;
    start_enabled(0);
    wr(SVR, 0x1EF);
    send(0x40, IRQ_FIXED, false);
    wr(TPR, 0x40); /* raised between request and acknowledge */
    assert_int_equal(lapic_ack(&rig.l), 0xEF);
    assert_int_equal(rd(ISR + 0x70), 0);
    assert_int_equal(rd(IRR + 0x20), 1);
    wr(EOI, 0);
    assert_int_equal(rig.eois, 0);
    assert_int_equal(rig.l.regs.counts.spurious, 1);
}

static void cr8_and_tpr_are_one(void **state)
{
    (void)state;
    start_enabled(0);
    wr(TPR, 0x5A);
    assert_int_equal(lapic_cr8(&rig.l), 5);
    lapic_set_cr8(&rig.l, 5); /* the host only reports what is there */
    assert_int_equal(rd(TPR), 0x5A);
    lapic_set_cr8(&rig.l, 9);
    assert_int_equal(rd(TPR), 0x90);
    lapic_set_cr8(&rig.l, 0xFF);
    assert_int_equal(rd(TPR), 0xF0);
    lapic_set_tpr(&rig.l, 0x12);
    assert_int_equal(rd(TPR), 0x12);
    assert_int_equal(lapic_cr8(&rig.l), 1);
}

static void disabled_in_software_it_holds_what_it_has_and_takes_no_more(void **state)
{
    (void)state;
    start(0);
    assert_false(send(0x40, IRQ_FIXED, false));
    wr(SVR, 0x1FF);
    wr(LINT0, 0x700);
    wr(TIMER, 0x40);
    send(0x40, IRQ_FIXED, false);
    wr(SVR, 0x0FF);
    assert_int_equal(rd(LINT0), MASKED | 0x700);
    assert_int_equal(rd(TIMER), MASKED | 0x40);
    wr(LINT0, 0x700);
    assert_int_equal(rd(LINT0), MASKED | 0x700); /* the mask stays */
    assert_false(send(0x41, IRQ_FIXED, false));
    assert_int_equal(rig.l.regs.counts.refused, 2);
    assert_int_equal(lapic_ack(&rig.l), 0x40);
    assert_true(send(0, IRQ_NMI, false)); /* these it takes */
    wr(ICR_LO, 0x4041);                   /* and it can send */
    assert_int_equal(rig.msgs, 1);
    wr(SVR, 0x1FF);
    assert_int_equal(rd(LINT0), MASKED | 0x700); /* enabling unmasks nothing */
}

static void illegal_vectors_are_errors_and_not_delivered(void **state)
{
    (void)state;
    start_enabled(0);
    wr(ERROR, 0x99);
    for (uint32_t v = 0; v < 16; v++) {
        assert_false(send((uint8_t)v, IRQ_FIXED, false));
        assert_int_equal(lapic_pending(&rig.l), 0x99);
        assert_int_equal(lapic_ack(&rig.l), 0x99);
        wr(EOI, 0);
        assert_false(send((uint8_t)v, IRQ_LOWEST, false));
        assert_int_equal(lapic_pending(&rig.l), -1); /* not armed before the ESR is written */
        wr(ESR, 0);
        assert_int_equal(rd(ESR), 0x40);
        wr(ICR_LO, 0x4000 | v);
        wr(ESR, 0);
        assert_int_equal(rd(ESR), 0x20);
        assert_int_equal(lapic_ack(&rig.l), 0x99);
        wr(EOI, 0);
        wr(ESR, 0);
        assert_int_equal(rd(ESR), 0);
    }
    assert_int_equal(rig.msgs, 0);
    assert_int_equal(rig.l.regs.counts.unsent, 16);
}

static void an_error_vector_that_is_illegal_ends_there(void **state)
{
    (void)state;
    start_enabled(0);
    wr(ERROR, 0x05);
    (void)rd(0x000);
    assert_int_equal(lapic_pending(&rig.l), -1);
    wr(ESR, 0);
    assert_int_equal(rd(ESR), 0xC0);
}

static void the_icr_makes_messages(void **state)
{
    (void)state;
    static const struct {
        uint32_t hi;
        uint32_t lo;
        bool sent;
        struct irq_msg msg;
    } want[] = {
        {0x07000000,
         0x00004041,
         true,
         {.vector = 0x41, .dest = 7, .delivery = IRQ_FIXED, .assert_ = true}},
        {0x55000000,
         0x00004941,
         true,
         {.vector = 0x41, .dest = 0x55, .delivery = IRQ_LOWEST, .logical = true, .assert_ = true}},
        {0, 0x00044042, true, {.vector = 0x42, .shorthand = IRQ_SELF, .assert_ = true}},
        {0, 0x00084042, true, {.vector = 0x42, .shorthand = IRQ_ALL, .assert_ = true}},
        {0, 0x000C4042, true, {.vector = 0x42, .shorthand = IRQ_OTHERS, .assert_ = true}},
        {0, 0x000C4400, true, {.delivery = IRQ_NMI, .shorthand = IRQ_OTHERS, .assert_ = true}},
        {0x01000000, 0x00000500, true, {.dest = 1, .delivery = IRQ_INIT, .assert_ = true}},
        {0x01000000, 0x0000C500, true, {.dest = 1, .delivery = IRQ_INIT, .assert_ = true}},
        {0x01000000, 0x00008500, true, {.dest = 1, .delivery = IRQ_INIT, .assert_ = false}},
        {0x01000000,
         0x0000069A,
         true,
         {.vector = 0x9A, .dest = 1, .delivery = IRQ_STARTUP, .assert_ = true}},
        {0x01000000, 0x00004200, true, {.dest = 1, .delivery = IRQ_SMI, .assert_ = true}},
        /* trigger mode and level mean nothing to a fixed IPI */
        {0, 0x00008043, true, {.vector = 0x43, .assert_ = true}},
        {0, 0x00004010, true, {.vector = 0x10, .assert_ = true}}, /* the lowest legal one */
        {0, 0x00004341, false, {.vector = 0}},                    /* reserved mode */
        {0, 0x00004741, false, {.vector = 0}},                    /* ExtINT */
        {0, 0x00044400, false, {.vector = 0}},                    /* NMI to self */
        {0, 0x00084500, false, {.vector = 0}},                    /* INIT to all with self */
        {0, 0x00044141, false, {.vector = 0}},                    /* lowest priority to self */
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        start_enabled(2);
        wr(ICR_HI, want[i].hi);
        wr(ICR_LO, want[i].lo | 0x1000); /* delivery status cannot be written */
        assert_int_equal(rd(ICR_LO), want[i].lo);
        assert_int_equal(rd(ICR_HI), want[i].hi);
        assert_int_equal(rig.msgs, want[i].sent ? 1 : 0);
        if (want[i].sent) {
            const struct irq_msg *m = &rig.msg[0];
            assert_int_equal(m->vector, want[i].msg.vector);
            assert_int_equal(m->dest, want[i].msg.dest);
            assert_int_equal(m->delivery, want[i].msg.delivery);
            assert_int_equal(m->shorthand, want[i].msg.shorthand);
            assert_int_equal(m->logical, want[i].msg.logical);
            assert_int_equal(m->assert_, want[i].msg.assert_);
            assert_int_equal(m->source, 2);
            assert_false(m->level);
        }
    }
}

static void an_ipi_to_self_arrives(void **state)
{
    (void)state;
    start_enabled(0);
    rig.loop = true;
    wr(ICR_LO, 0x00044042);
    assert_int_equal(lapic_ack(&rig.l), 0x42);
    wr(EOI, 0);
    wr(ICR_HI, 0);
    wr(ICR_LO, 0x00004043);
    assert_int_equal(lapic_ack(&rig.l), 0x43);
    wr(EOI, 0);
    wr(ICR_LO, 0x000C4044);
    assert_int_equal(lapic_pending(&rig.l), -1);
}

static void messages_find_whom_they_address(void **state)
{
    (void)state;
    static const struct {
        uint32_t ldr;
        uint32_t dfr;
        struct irq_msg msg;
        bool ours;
    } want[] = {
        {0, 0xFFFFFFFFu, {.dest = 5}, true},
        {0, 0xFFFFFFFFu, {.dest = 4}, false},
        {0, 0xFFFFFFFFu, {.dest = 0xFF}, true},
        {0, 0xFFFFFFFFu, {.dest = 0xFF, .logical = true}, true},
        {0x20000000, 0xFFFFFFFFu, {.dest = 0x21, .logical = true}, true},
        {0x20000000, 0xFFFFFFFFu, {.dest = 0x5, .logical = true}, false},
        {0, 0xFFFFFFFFu, {.dest = 0x0F, .logical = true}, false},
        {0x32000000, 0, {.dest = 0x33, .logical = true}, true},
        {0x32000000, 0, {.dest = 0x31, .logical = true}, false},
        {0x32000000, 0, {.dest = 0x23, .logical = true}, false},
        {0x32000000, 0, {.dest = 0xFF, .logical = true}, true},
        {0x32000000, 0x50000000, {.dest = 0x32, .logical = true}, false}, /* reserved model */
        {0, 0, {.shorthand = IRQ_SELF, .source = 5}, true},
        {0, 0, {.shorthand = IRQ_SELF, .source = 4}, false},
        {0, 0, {.shorthand = IRQ_ALL, .source = 5}, true},
        {0, 0, {.shorthand = IRQ_OTHERS, .source = 5, .dest = 5}, false},
        {0, 0, {.shorthand = IRQ_OTHERS, .source = 4}, true},
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        start(5);
        wr(LDR, want[i].ldr);
        wr(DFR, want[i].dfr);
        assert_int_equal(lapic_addressed(&rig.l, &want[i].msg), want[i].ours);
        assert_true(lapic_set_base_msr(&rig.l, LAPIC_BASE, 0));
        assert_false(lapic_addressed(&rig.l, &want[i].msg));
    }
}

static void nmi_init_and_startup_are_latched_for_the_board(void **state)
{
    (void)state;
    uint8_t page = 0;
    start(1);
    assert_false(lapic_take_nmi(&rig.l));
    assert_true(send(0, IRQ_NMI, false));
    assert_true(send(0, IRQ_NMI, false));
    assert_true(lapic_nmi_pending(&rig.l));
    assert_true(lapic_take_nmi(&rig.l));
    assert_false(lapic_take_nmi(&rig.l));
    assert_false(lapic_nmi_pending(&rig.l));
    assert_true(send(0x9A, IRQ_STARTUP, false));
    assert_true(lapic_take_startup(&rig.l, &page));
    assert_int_equal(page, 0x9A);
    assert_false(lapic_take_startup(&rig.l, &page));
    assert_true(send(0x9B, IRQ_STARTUP, false));
    assert_true(send(0, IRQ_INIT, false)); /* undoes the start-up before it */
    assert_false(lapic_take_startup(&rig.l, &page));
    assert_true(lapic_take_init(&rig.l));
    struct irq_msg deassert = {.delivery = IRQ_INIT, .assert_ = false};
    assert_true(lapic_accept(&rig.l, &deassert));
    assert_false(lapic_take_init(&rig.l));
    assert_false(send(0, IRQ_SMI, false));
    assert_false(send(0, IRQ_EXTINT, false));
    assert_false(send(0, IRQ_RESERVED3, false));
}

static void virtual_wire_is_what_firmware_leaves(void **state)
{
    (void)state;
    start(0);
    assert_false(lapic_lint_extint(&rig.l, 0));
    lapic_boot_virtual_wire(&rig.l);
    assert_true(lapic_valid(&rig.l));
    assert_true(lapic_software_enabled(&rig.l));
    assert_true(lapic_lint_extint(&rig.l, 0));
    assert_false(lapic_lint_extint(&rig.l, 1));
    lapic_lint_set(&rig.l, 0, true);
    assert_int_equal(lapic_pending(&rig.l), -1); /* ExtINT is the board's business */
    lapic_lint_set(&rig.l, 1, true);
    assert_true(lapic_take_nmi(&rig.l));
    lapic_lint_set(&rig.l, 1, true);
    assert_false(lapic_take_nmi(&rig.l)); /* no second edge */
    wr(LINT0, 0x10700);
    assert_false(lapic_lint_extint(&rig.l, 0));
    wr(LINT1, 0x700);
    assert_true(lapic_lint_extint(&rig.l, 1));
}

static void lint_pins_request_by_edge(void **state)
{
    (void)state;
    start_enabled(0);
    for (uint32_t lint = 0; lint < 2; lint++) {
        uint32_t off = LINT0 + 16 * lint;
        lapic_lint_set(&rig.l, lint, true); /* masked: this edge is lost */
        wr(off, 0x50);
        assert_int_equal(lapic_pending(&rig.l), -1);
        lapic_lint_set(&rig.l, lint, false);
        lapic_lint_set(&rig.l, lint, true);
        assert_int_equal(lapic_ack(&rig.l), 0x50);
        wr(EOI, 0);
        assert_int_equal(lapic_pending(&rig.l), -1); /* still high, no new edge */
        wr(off, 0x08);
        lapic_lint_set(&rig.l, lint, false);
        lapic_lint_set(&rig.l, lint, true);
        wr(ESR, 0);
        assert_int_equal(rd(ESR), 0x40);
        wr(off, 0x500);
        lapic_lint_set(&rig.l, lint, false);
        lapic_lint_set(&rig.l, lint, true);
        assert_true(lapic_take_init(&rig.l));
        wr(off, 0x200);
        lapic_lint_set(&rig.l, lint, false);
        lapic_lint_set(&rig.l, lint, true);
        assert_int_equal(lapic_pending(&rig.l), -1);
    }
    wr(LINT1, 0x8051); /* LINT1 knows no level */
    lapic_lint_set(&rig.l, 1, false);
    lapic_lint_set(&rig.l, 1, true);
    assert_int_equal(lapic_ack(&rig.l), 0x51);
    wr(EOI, 0);
    assert_int_equal(lapic_pending(&rig.l), -1);
}

static void lint0_by_level_asks_again_at_eoi_while_the_pin_is_high(void **state)
{
    (void)state;
    start_enabled(0);
    lapic_lint_set(&rig.l, 0, true);
    wr(LINT0, 0x8050);
    assert_int_equal(rd(LINT0), 0xC050);
    assert_int_equal(rd(TMR + 0x20), 0x10000);
    assert_int_equal(lapic_ack(&rig.l), 0x50);
    lapic_lint_set(&rig.l, 0, true);
    assert_int_equal(lapic_pending(&rig.l), -1);
    wr(EOI, 0);
    assert_int_equal(lapic_ack(&rig.l), 0x50);
    lapic_lint_set(&rig.l, 0, false);
    wr(EOI, 0);
    assert_int_equal(rd(LINT0), 0x8050);
    assert_int_equal(lapic_pending(&rig.l), -1);
    lapic_lint_set(&rig.l, 0, true);
    wr(LINT0, 0x18050);
    assert_int_equal(rd(LINT0), 0x1C050); /* masking does not forget */
    wr(LINT0, 0x0050);
    assert_int_equal(rd(LINT0), 0x0050); /* edge does */
    wr(LINT0, 0x8005);                   /* illegal vector: an error, not a request */
    assert_int_equal(rd(LINT0), 0x8005);
}

static void disabling_in_hardware_loses_the_state(void **state)
{
    (void)state;
    start_enabled(0);
    wr(TPR, 0x30);
    wr(TIMER, 0x20040);
    wr(INITIAL, 1000);
    send(0x60, IRQ_FIXED, false);
    assert_true(lapic_set_base_msr(&rig.l, LAPIC_BASE | MSR_APIC_BASE_BSP, 0));
    assert_true(lapic_valid(&rig.l));
    assert_false(lapic_hardware_enabled(&rig.l));
    assert_int_equal(lapic_pending(&rig.l), -1);
    assert_true(lapic_deadline(&rig.l) == VM_NS_NEVER);
    assert_int_equal(rd(TPR), UINT32_MAX);
    wr(SVR, 0x1FF);
    assert_false(send(0x60, IRQ_FIXED, false));
    assert_false(send(0, IRQ_NMI, false));
    lapic_lint_set(&rig.l, 1, true); /* the NMI pin itself */
    assert_true(lapic_take_nmi(&rig.l));
    lapic_lint_set(&rig.l, 0, true);
    assert_false(lapic_nmi_pending(&rig.l));
    assert_true(lapic_set_base_msr(&rig.l, LAPIC_BASE | MSR_APIC_BASE_EN, 0));
    assert_int_equal(rd(TPR), 0);
    assert_int_equal(rd(SVR), 0xFF);
    assert_int_equal(rd(INITIAL), 0);
    assert_int_equal(lapic_base_msr(&rig.l), 0xFEE00900);
}

static void the_base_msr_refuses_what_is_not_offered(void **state)
{
    (void)state;
    start(1);
    assert_int_equal(lapic_base_msr(&rig.l), 0xFEE00800); /* not the boot processor */
    for (uint32_t bit = 0; bit < 64; bit++) {
        uint64_t value = 0xFEE00800ull ^ (1ull << bit);
        bool fine = bit == 8 || bit == 11;
        assert_int_equal(lapic_set_base_msr(&rig.l, value, 0), fine);
        assert_true(lapic_set_base_msr(&rig.l, 0xFEE00800, 0));
        assert_int_equal(lapic_base_msr(&rig.l), 0xFEE00800);
    }
}

static void reset_keeps_the_pins_and_nothing_else(void **state)
{
    (void)state;
    start_enabled(0);
    send(0x60, IRQ_FIXED, false);
    send(0, IRQ_NMI, false);
    lapic_lint_set(&rig.l, 0, true);
    lapic_reset(&rig.l, 5);
    assert_true(lapic_valid(&rig.l));
    assert_int_equal(lapic_pending(&rig.l), -1);
    assert_false(lapic_take_nmi(&rig.l));
    assert_int_equal(rig.l.regs.counts.accepted, 0);
    assert_int_equal(rig.l.regs.lint, 1);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void no_guest_can_break_the_invariant(void **state)
{
    (void)state;
    uint32_t seed = 1;
    vm_ns_t now = 0;
    start_enabled(0);
    rig.loop = true;
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t pick = next_random(&seed);
        uint32_t val = next_random(&seed) << 8 ^ next_random(&seed);
        struct bus_access a = {.size = 4, .off = (pick >> 4) % 0x44u * 16u};
        now += next_random(&seed) % 5000u;
        switch (pick % 10u) {
        case 0:
            (void)lapic_ops.read(&rig.l, a, now);
            break;
        case 1:
            (void)lapic_ack(&rig.l);
            break;
        case 2:
            (void)send((uint8_t)val, (uint8_t)(val >> 8) % 8u, (val & 0x10000) != 0);
            break;
        case 3:
            lapic_lint_set(&rig.l, val & 1u, (val & 2u) != 0);
            break;
        case 4:
            lapic_tick(&rig.l, now);
            break;
        case 5:
            lapic_set_tsc_deadline(&rig.l, val, now);
            break;
        case 6:
            lapic_set_cr8(&rig.l, (uint8_t)val);
            break;
        case 7:
            (void)lapic_set_base_msr(&rig.l, LAPIC_BASE | ((val & 0xF0u) == 0 ? 0 : 0x800u), now);
            break;
        default:
            lapic_ops.write(&rig.l, a, a.off == SVR ? val | 0x100u : val, now);
            break;
        }
        assert_true(lapic_valid(&rig.l));
    }
    assert_true(rig.l.regs.counts.accepted > 1000);
    assert_true(rig.l.regs.counts.sent > 100);
}

static void a_state_out_of_order_is_seen(void **state)
{
    (void)state;
    static const struct {
        uint32_t off;
        uint32_t value;
    } bad[] = {{TPR, 0x100},  {ID, 0x01000000}, {ISR, 1},     {IRR, 0x8000},
               {TMR, 0x4000}, {TIMER, 0},       {ERROR, 0x40}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        start(0);
        rig.l.regs.reg[bad[i].off / 16] = bad[i].value;
        assert_false(lapic_valid(&rig.l));
    }
    start(0);
    rig.l.regs.base_msr |= 0x400;
    assert_false(lapic_valid(&rig.l));
    start(0);
    rig.l.regs.base_msr = LAPIC_BASE;
    rig.l.regs.timer_next = 5;
    rig.l.regs.reg[INITIAL / 16] = 1;
    assert_false(lapic_valid(&rig.l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reset_state_is_that_of_the_manual),
        cmocka_unit_test(writes_change_only_what_can_be_written),
        cmocka_unit_test(bytes_between_registers_read_zero_and_take_nothing),
        cmocka_unit_test(registers_that_are_not_there_are_an_error),
        cmocka_unit_test(highest_request_above_the_processor_priority_is_pending),
        cmocka_unit_test(every_vector_goes_its_way),
        cmocka_unit_test(a_request_in_service_can_be_pending_once_more_and_merges_after),
        cmocka_unit_test(nested_interrupts_complete_from_the_inside),
        cmocka_unit_test(an_acknowledge_without_request_is_spurious),
        cmocka_unit_test(cr8_and_tpr_are_one),
        cmocka_unit_test(disabled_in_software_it_holds_what_it_has_and_takes_no_more),
        cmocka_unit_test(illegal_vectors_are_errors_and_not_delivered),
        cmocka_unit_test(an_error_vector_that_is_illegal_ends_there),
        cmocka_unit_test(the_icr_makes_messages),
        cmocka_unit_test(an_ipi_to_self_arrives),
        cmocka_unit_test(messages_find_whom_they_address),
        cmocka_unit_test(nmi_init_and_startup_are_latched_for_the_board),
        cmocka_unit_test(virtual_wire_is_what_firmware_leaves),
        cmocka_unit_test(lint_pins_request_by_edge),
        cmocka_unit_test(lint0_by_level_asks_again_at_eoi_while_the_pin_is_high),
        cmocka_unit_test(disabling_in_hardware_loses_the_state),
        cmocka_unit_test(the_base_msr_refuses_what_is_not_offered),
        cmocka_unit_test(reset_keeps_the_pins_and_nothing_else),
        cmocka_unit_test(no_guest_can_break_the_invariant),
        cmocka_unit_test(a_state_out_of_order_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
