/* SPDX-License-Identifier: BSD-2-Clause
 * The local APIC's interrupts: requests, priorities, messages in and out, LINT pins, errors.
 *
 * The order within a function matters where something leaves the local APIC (an IPI, an EOI): the
 * other end may send a message back at once, so our own state is final by then.
 * Spec: [SDM] vol. 3A, 11.5.3 (errors), 11.6 (IPIs), 11.8 (priorities, EOI), 11.9 (spurious). */
#include "dev/lapic_int.h"
#include "dev/lapic_state.h"

#include "base/assert.h"
#include "base/bits.h"

#define DEST_BROADCAST 0xFFu
#define DFR_FLAT       0xFu
#define DFR_CLUSTER    0x0u
#define PRIORITY_CLASS 0xF0u

/* --- Bitmaps of 256 vectors -------------------------------------------------------------------*/
static uint32_t bit_of(uint8_t vector)
{
    return BIT32(vector % 32u);
}

bool lapic_bit_test(const struct lapic *l, uint32_t bitmap, uint8_t vector)
{
    return (l->regs.reg[bitmap + vector / 32u] & bit_of(vector)) != 0;
}

static void bit_set(struct lapic *l, uint32_t bitmap, uint8_t vector)
{
    l->regs.reg[bitmap + vector / 32u] |= bit_of(vector);
}

static void bit_clear(struct lapic *l, uint32_t bitmap, uint8_t vector)
{
    l->regs.reg[bitmap + vector / 32u] &= ~bit_of(vector);
}

/* The highest vector in a bitmap, or -1. Asked at every exit, and mostly of an empty one. */
static int bit_highest(const struct lapic *l, uint32_t bitmap)
{
    const uint32_t *r = &l->regs.reg[bitmap];
    if ((r[0] | r[1] | r[2] | r[3] | r[4] | r[5] | r[6] | r[7]) == 0) {
        return -1;
    }
    for (uint32_t i = LAPIC_BITMAP_REGS; i > 0; i--) { /* bound: 8 */
        uint32_t bits = l->regs.reg[bitmap + i - 1u];
        if (bits != 0) {
            return (int)(i * 32u) - 1 - __builtin_clz(bits);
        }
    }
    return -1;
}

/* --- Requests and priorities ------------------------------------------------------------------*/
bool lapic_request(struct lapic *l, uint8_t vector, bool level)
{
    bool fresh = !lapic_bit_test(l, LAPIC_IRR, vector);
    bit_set(l, LAPIC_IRR, vector);
    if (level) {
        bit_set(l, LAPIC_TMR, vector);
    } else {
        bit_clear(l, LAPIC_TMR, vector);
    }
    return fresh;
}

uint8_t lapic_ppr(const struct lapic *l)
{
    int in_service = bit_highest(l, LAPIC_ISR);
    uint32_t isr_class = in_service < 0 ? 0u : (uint32_t)in_service & PRIORITY_CLASS;
    uint32_t tpr = l->regs.reg[LAPIC_TPR];
    return (uint8_t)((tpr & PRIORITY_CLASS) >= isr_class ? tpr : isr_class);
}

int lapic_pending(const struct lapic *l)
{
    int vector = bit_highest(l, LAPIC_IRR);
    if (vector < 0) {
        return -1;
    }
    uint32_t class = (uint32_t)vector & PRIORITY_CLASS;
    return class > (lapic_ppr(l) & PRIORITY_CLASS) ? vector : -1;
}

uint8_t lapic_ack(struct lapic *l)
{
    int pending = lapic_pending(l);
    if (pending < 0) {
        l->regs.counts.spurious++;
        return (uint8_t)(l->regs.reg[LAPIC_SVR] & LAPIC_SVR_VECTOR);
    }
    uint8_t vector = (uint8_t)pending;
    bit_clear(l, LAPIC_IRR, vector);
    bit_set(l, LAPIC_ISR, vector);
    return vector;
}

uint8_t lapic_cr8(const struct lapic *l)
{
    return (uint8_t)(l->regs.reg[LAPIC_TPR] >> 4);
}

void lapic_set_cr8(struct lapic *l, uint8_t cr8)
{
    if (lapic_cr8(l) != (cr8 & 0xFu)) {
        l->regs.reg[LAPIC_TPR] = (cr8 & 0xFu) << 4;
    }
}

void lapic_set_tpr(struct lapic *l, uint8_t tpr)
{
    l->regs.reg[LAPIC_TPR] = tpr;
}

/* --- Errors and the local vector table --------------------------------------------------------*/
/* A fixed interrupt from a local source. Vectors 0 to 15 are an error and not delivered. */
static bool local_fixed(struct lapic *l, uint32_t entry, bool level)
{
    uint8_t vector = (uint8_t)(entry & LAPIC_LVT_VECTOR);
    if (vector < LAPIC_VECTOR_LO) {
        lapic_raise_error(l, LAPIC_ESR_RECEIVE_ILLEGAL);
        return false;
    }
    (void)lapic_request(l, vector, level);
    return true;
}

/* The error entry's own vector may be illegal: that is one more error and no interrupt, so it is
 * looked at here and not by local_fixed(), which would come back to this function. */
void lapic_raise_error(struct lapic *l, uint32_t esr_bit)
{
    uint32_t entry = l->regs.reg[LAPIC_LVT_ERROR];
    uint8_t vector = (uint8_t)(entry & LAPIC_LVT_VECTOR);
    bool armed = l->regs.errors == 0;
    l->regs.errors |= esr_bit;
    if (!armed || (entry & LAPIC_LVT_MASKED) != 0) {
        return;
    }
    if (vector < LAPIC_VECTOR_LO) {
        l->regs.errors |= LAPIC_ESR_RECEIVE_ILLEGAL;
        return;
    }
    (void)lapic_request(l, vector, false);
}

static void latch(struct lapic *l, uint8_t what)
{
    l->regs.latches |= what;
}

/* A level-sensitive fixed interrupt? LINT1 is edge-sensitive whatever its entry says. */
static bool lint_is_level(uint32_t number, uint32_t entry)
{
    return number == LAPIC_LVT_LINT0 && (entry & LAPIC_LVT_LEVEL) != 0 &&
           (entry & LAPIC_LVT_DELIVERY) == (uint32_t)IRQ_FIXED << LAPIC_LVT_DELIVERY_POS;
}

/* Requests the level interrupt of LINT0 if the pin asks for it and none is under way. */
static void lint0_evaluate(struct lapic *l)
{
    uint32_t entry = l->regs.reg[LAPIC_LVT_LINT0];
    bool asks = lint_is_level(LAPIC_LVT_LINT0, entry) && (l->regs.lint & 1u) != 0;
    if (!asks || (entry & (LAPIC_LVT_MASKED | LAPIC_LVT_REMOTE_IRR)) != 0) {
        return;
    }
    if (local_fixed(l, entry, true)) {
        l->regs.reg[LAPIC_LVT_LINT0] = entry | LAPIC_LVT_REMOTE_IRR;
    }
}

/* A rising edge on a LINT pin. SMI has no receiver here, and ExtINT is the board's: see
 * lapic_lint_extint(). */
static void lint_edge(struct lapic *l, uint32_t number)
{
    uint32_t entry = l->regs.reg[number];
    if ((entry & LAPIC_LVT_MASKED) != 0 || lint_is_level(number, entry)) {
        return;
    }
    uint32_t delivery = (entry & LAPIC_LVT_DELIVERY) >> LAPIC_LVT_DELIVERY_POS;
    if (delivery == IRQ_FIXED) {
        (void)local_fixed(l, entry, false);
    } else if (delivery == IRQ_NMI) {
        latch(l, LAPIC_LATCH_NMI);
    } else if (delivery == IRQ_INIT) {
        latch(l, LAPIC_LATCH_INIT);
    }
}

void lapic_lint_set(struct lapic *l, uint32_t lint, bool active)
{
    BH_ASSERT(lint < LAPIC_LINTS);
    uint8_t pin = (uint8_t)BIT32(lint);
    bool rises = active && (l->regs.lint & pin) == 0;
    l->regs.lint = (uint8_t)(active ? l->regs.lint | pin : l->regs.lint & ~pin);
    if (!lapic_hardware_enabled(l)) {
        if (rises && lint == 1) {
            latch(l, LAPIC_LATCH_NMI); /* the pin is then the processor's own NMI pin */
        }
        return;
    }
    if (rises) {
        lint_edge(l, LAPIC_LVT_LINT0 + lint);
    }
    lint0_evaluate(l);
}

/* `val` is merged already. Remote IRR outlives a write that leaves the entry level-sensitive. */
void lapic_write_lint(struct lapic *l, uint32_t number, uint32_t val)
{
    uint32_t kept = l->regs.reg[number] & LAPIC_LVT_REMOTE_IRR;
    l->regs.reg[number] = lint_is_level(number, val) ? val | kept : val;
    lint0_evaluate(l);
}

bool lapic_lint_extint(const struct lapic *l, uint32_t lint)
{
    BH_ASSERT(lint < LAPIC_LINTS);
    uint32_t entry = l->regs.reg[LAPIC_LVT_LINT0 + lint];
    return (entry & (LAPIC_LVT_MASKED | LAPIC_LVT_DELIVERY)) == (uint32_t)IRQ_EXTINT
                                                                    << LAPIC_LVT_DELIVERY_POS;
}

/* --- EOI --------------------------------------------------------------------------------------*/
static void lint0_eoi(struct lapic *l, uint8_t vector)
{
    uint32_t entry = l->regs.reg[LAPIC_LVT_LINT0];
    if ((entry & LAPIC_LVT_REMOTE_IRR) != 0 && (entry & LAPIC_LVT_VECTOR) == vector) {
        l->regs.reg[LAPIC_LVT_LINT0] = entry & ~LAPIC_LVT_REMOTE_IRR;
        lint0_evaluate(l);
    }
}

void lapic_write_eoi(struct lapic *l)
{
    int in_service = bit_highest(l, LAPIC_ISR);
    if (in_service < 0) {
        return; /* as after a spurious interrupt: nothing to complete */
    }
    uint8_t vector = (uint8_t)in_service;
    bit_clear(l, LAPIC_ISR, vector);
    l->regs.counts.eois++;
    lapic_timer_eoi(l, vector);
    lint0_eoi(l, vector);
    eoi_line_done(&l->wiring.eoi, vector);
}

/* --- Messages out -----------------------------------------------------------------------------*/
/* Which delivery modes an IPI may have, and with a shorthand that includes the sender only fixed is
 * defined. [SDM] 11.6.1, table 11-3. */
static bool icr_valid(const struct irq_msg *msg)
{
    if (msg->delivery == IRQ_RESERVED3 || msg->delivery == IRQ_EXTINT) {
        return false;
    }
    bool to_self = msg->shorthand == IRQ_SELF || msg->shorthand == IRQ_ALL;
    return !to_self || msg->delivery == IRQ_FIXED;
}

static bool msg_has_vector(const struct irq_msg *msg)
{
    return msg->delivery == IRQ_FIXED || msg->delivery == IRQ_LOWEST;
}

/* IPIs are edge-triggered: level and trigger mode only tell an INIT from its de-assertion. */
void lapic_write_icr(struct lapic *l, uint32_t val)
{
    uint32_t lo = val & LAPIC_ICR_LO_RW;
    l->regs.reg[LAPIC_ICR_LO] = lo;
    struct irq_msg msg = {
        .vector = (uint8_t)(lo & LAPIC_ICR_VECTOR),
        .dest = (uint8_t)(l->regs.reg[LAPIC_ICR_HI] >> 24),
        .delivery = (uint8_t)((lo >> LAPIC_LVT_DELIVERY_POS) & 7u),
        .shorthand = (uint8_t)((lo >> LAPIC_ICR_SHORT_POS) & 3u),
        .source = (uint8_t)l->wiring.id,
        .logical = (lo & LAPIC_ICR_LOGICAL) != 0,
        .level = false,
        .assert_ = true,
    };
    if (msg.delivery == IRQ_INIT) {
        msg.assert_ = (lo & (LAPIC_ICR_ASSERT | LAPIC_ICR_LEVEL)) != LAPIC_ICR_LEVEL;
    }
    bool illegal = msg_has_vector(&msg) && msg.vector < LAPIC_VECTOR_LO;
    if (illegal) {
        lapic_raise_error(l, LAPIC_ESR_SEND_ILLEGAL);
    }
    if (illegal || !icr_valid(&msg)) {
        l->regs.counts.unsent++;
        return;
    }
    l->regs.counts.sent++;
    msg_line_send(&l->wiring.ipi, &msg);
}

/* --- Messages in ------------------------------------------------------------------------------*/
static bool logical_match(const struct lapic *l, uint8_t dest)
{
    uint32_t ldr = l->regs.reg[LAPIC_LDR] >> 24;
    uint32_t model = l->regs.reg[LAPIC_DFR] >> 28;
    if (model == DFR_FLAT) {
        return (ldr & dest) != 0;
    }
    if (model == DFR_CLUSTER) {
        return ldr >> 4 == (uint32_t)dest >> 4 && (ldr & dest & 0xFu) != 0;
    }
    return false; /* a reserved model: no logical message is ours */
}

bool lapic_addressed(const struct lapic *l, const struct irq_msg *msg)
{
    if (!lapic_hardware_enabled(l)) {
        return false;
    }
    switch (msg->shorthand) {
    case IRQ_SELF:
        return msg->source == l->wiring.id;
    case IRQ_ALL:
        return true;
    case IRQ_OTHERS:
        return msg->source != l->wiring.id;
    default:
        break;
    }
    if (msg->dest == DEST_BROADCAST) {
        return true;
    }
    return msg->logical ? logical_match(l, msg->dest) : msg->dest == l->wiring.id;
}

static bool accept_vector(struct lapic *l, const struct irq_msg *msg)
{
    if (!lapic_software_enabled(l)) {
        return false;
    }
    if (msg->vector < LAPIC_VECTOR_LO) {
        lapic_raise_error(l, LAPIC_ESR_RECEIVE_ILLEGAL);
        return false;
    }
    if (!lapic_request(l, msg->vector, msg->level)) {
        l->regs.counts.merged++;
    }
    return true;
}

/* What a local APIC takes even while disabled in software. [SDM] 11.4.7.2 */
static bool accept_latched(struct lapic *l, const struct irq_msg *msg)
{
    switch (msg->delivery) {
    case IRQ_NMI:
        latch(l, LAPIC_LATCH_NMI);
        return true;
    case IRQ_INIT:
        if (msg->assert_) { /* the de-assertion only synchronised old arbitration IDs */
            latch(l, LAPIC_LATCH_INIT);
            l->regs.latches &= (uint8_t)~LAPIC_LATCH_STARTUP;
        }
        return true;
    case IRQ_STARTUP:
        latch(l, LAPIC_LATCH_STARTUP);
        l->regs.startup_page = msg->vector;
        return true;
    default: /* SMI has no receiver, ExtINT comes by LINT0 */
        return false;
    }
}

bool lapic_accept(struct lapic *l, const struct irq_msg *msg)
{
    bool taken = false;
    if (lapic_hardware_enabled(l)) {
        taken = msg_has_vector(msg) ? accept_vector(l, msg) : accept_latched(l, msg);
    }
    if (taken) {
        l->regs.counts.accepted++;
    } else {
        l->regs.counts.refused++;
    }
    return taken;
}

/* --- Latches ----------------------------------------------------------------------------------*/
static bool take(struct lapic *l, uint8_t what)
{
    bool was = (l->regs.latches & what) != 0;
    l->regs.latches &= (uint8_t)~what;
    return was;
}

bool lapic_nmi_pending(const struct lapic *l)
{
    return (l->regs.latches & LAPIC_LATCH_NMI) != 0;
}

bool lapic_take_nmi(struct lapic *l)
{
    return take(l, LAPIC_LATCH_NMI);
}

bool lapic_take_init(struct lapic *l)
{
    return take(l, LAPIC_LATCH_INIT);
}

bool lapic_take_startup(struct lapic *l, uint8_t *page)
{
    bool was = take(l, LAPIC_LATCH_STARTUP);
    if (was) {
        *page = l->regs.startup_page;
    }
    return was;
}
