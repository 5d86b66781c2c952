/* SPDX-License-Identifier: BSD-2-Clause
 * The local APIC's registers and its base MSR.
 *
 * One table says which registers are there, what they hold after reset, and which bits a write can
 * change; registers whose write does something name the function that does it.
 * Spec: [SDM] vol. 3A, 11.4.1 (register map), 11.4.3-11.4.7 (enabling, reset), 11.5.3 (ESR). */
#include "cpu/msr.h"
#include "dev/lapic.h"

#include "dev/lapic_int.h"
#include "dev/lapic_state.h"

#include "base/assert.h"
#include "base/bits.h"
#include "base/string.h"

struct reg_desc {
    bool present;
    uint32_t reset;
    uint32_t rw;
    void (*write)(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now); /* or null */
};

bool lapic_software_enabled(const struct lapic *l)
{
    return (l->regs.reg[LAPIC_SVR] & LAPIC_SVR_ENABLE) != 0;
}

bool lapic_hardware_enabled(const struct lapic *l)
{
    return (l->regs.base_msr & MSR_APIC_BASE_EN) != 0;
}

/* --- Writes that do something -----------------------------------------------------------------*/
static void write_eoi(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now)
{
    (void)number;
    (void)val;
    (void)now;
    lapic_write_eoi(l);
}

static void write_icr_lo(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now)
{
    (void)number;
    (void)now;
    lapic_write_icr(l, val);
}

/* Errors become readable by writing the register, whatever is written; that arms the interrupt. */
static void write_esr(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now)
{
    (void)val;
    (void)now;
    l->regs.reg[number] = l->regs.errors;
    l->regs.errors = 0;
}

/* Disabling in software masks the whole local vector table; enabling unmasks nothing. */
static void write_svr(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now)
{
    (void)now;
    l->regs.reg[number] = val & LAPIC_SVR_RW;
    if (lapic_software_enabled(l)) {
        return;
    }
    for (uint32_t i = 0; i < LAPIC_LVTS; i++) { /* bound: 6 */
        l->regs.reg[LAPIC_LVT_TIMER + i] |= LAPIC_LVT_MASKED;
    }
}

/* An entry's bits after a write: while disabled in software its mask cannot be taken off. */
static uint32_t lvt_merge(const struct lapic *l, uint32_t val, uint32_t rw)
{
    uint32_t merged = val & rw;
    return lapic_software_enabled(l) ? merged : merged | LAPIC_LVT_MASKED;
}

static void write_lvt_timer(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now)
{
    (void)number;
    (void)now;
    lapic_timer_write_lvt(l, lvt_merge(l, val, LAPIC_LVT_TIMER_RW));
}

static void write_lvt_perf(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now)
{
    (void)now;
    l->regs.reg[number] = lvt_merge(l, val, LAPIC_LVT_PERF_RW);
}

static void write_lvt_lint(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now)
{
    (void)now;
    lapic_write_lint(l, number, lvt_merge(l, val, LAPIC_LVT_LINT_RW));
}

static void write_lvt_error(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now)
{
    (void)now;
    l->regs.reg[number] = lvt_merge(l, val, LAPIC_LVT_ERROR_RW);
}

static void write_initial(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now)
{
    (void)number;
    lapic_timer_write_initial(l, val, now);
}

static void write_divide(struct lapic *l, uint32_t number, uint32_t val, vm_ns_t now)
{
    (void)number;
    lapic_timer_write_divide(l, val, now);
}

/* --- The register table -----------------------------------------------------------------------*/
#define READ_ONLY(value)                  \
    {                                     \
        .present = true, .reset = (value) \
    }
#define PLAIN(value, bits)                              \
    {                                                   \
        .present = true, .reset = (value), .rw = (bits) \
    }
#define ACTIVE(value, function)                                \
    {                                                          \
        .present = true, .reset = (value), .write = (function) \
    }
#define READ_ONLY_BITMAP(first)                                                                  \
    [(first)] = READ_ONLY(0), [(first) + 1u] = READ_ONLY(0), [(first) + 2u] = READ_ONLY(0),      \
    [(first) + 3u] = READ_ONLY(0), [(first) + 4u] = READ_ONLY(0), [(first) + 5u] = READ_ONLY(0), \
    [(first) + 6u] = READ_ONLY(0), [(first) + 7u] = READ_ONLY(0)

/* The ID's reset value is the wiring's. APR and RRD read 0: no arbitration by priority, no remote
 * reads since the Pentium 4. */
static const struct reg_desc reg_table[LAPIC_REGS] = {
    [LAPIC_ID] = READ_ONLY(0),
    [LAPIC_VERSION] = READ_ONLY(LAPIC_VERSION_VALUE),
    [LAPIC_TPR] = PLAIN(0, 0xFFu),
    [LAPIC_APR] = READ_ONLY(0),
    [LAPIC_PPR] = READ_ONLY(0),
    [LAPIC_EOI] = ACTIVE(0, write_eoi),
    [LAPIC_RRD] = READ_ONLY(0),
    [LAPIC_LDR] = PLAIN(0, 0xFF000000u),
    [LAPIC_DFR] = PLAIN(0xFFFFFFFFu, 0xF0000000u),
    [LAPIC_SVR] = ACTIVE(0xFFu, write_svr),
    READ_ONLY_BITMAP(LAPIC_ISR),
    READ_ONLY_BITMAP(LAPIC_TMR),
    READ_ONLY_BITMAP(LAPIC_IRR),
    [LAPIC_ESR] = ACTIVE(0, write_esr),
    [LAPIC_ICR_LO] = ACTIVE(0, write_icr_lo),
    [LAPIC_ICR_HI] = PLAIN(0, 0xFF000000u),
    [LAPIC_LVT_TIMER] = ACTIVE(LAPIC_LVT_MASKED, write_lvt_timer),
    [LAPIC_LVT_THERMAL] = ACTIVE(LAPIC_LVT_MASKED, write_lvt_perf),
    [LAPIC_LVT_PERF] = ACTIVE(LAPIC_LVT_MASKED, write_lvt_perf),
    [LAPIC_LVT_LINT0] = ACTIVE(LAPIC_LVT_MASKED, write_lvt_lint),
    [LAPIC_LVT_LINT1] = ACTIVE(LAPIC_LVT_MASKED, write_lvt_lint),
    [LAPIC_LVT_ERROR] = ACTIVE(LAPIC_LVT_MASKED, write_lvt_error),
    [LAPIC_TIMER_INITIAL] = ACTIVE(0, write_initial),
    [LAPIC_TIMER_CURRENT] = READ_ONLY(0),
    [LAPIC_TIMER_DIVIDE] = ACTIVE(0, write_divide),
};

/* --- Access -----------------------------------------------------------------------------------*/
/* The register an access means. False: there is none, and what that leads to has been done. The
 * bytes between registers belong to nobody and are not reported either. */
static bool reg_find(struct lapic *l, uint64_t off, uint32_t *number)
{
    if (off % 16u != 0) {
        return false;
    }
    *number = (uint32_t)(off / 16u);
    if (*number < LAPIC_REGS && reg_table[*number].present) {
        return true;
    }
    l->regs.counts.reserved++;
    lapic_raise_error(l, LAPIC_ESR_ILLEGAL_REG);
    return false;
}

static uint64_t lapic_read(void *dev, struct bus_access a, vm_ns_t now)
{
    struct lapic *l = dev;
    uint32_t number = 0;
    if (!lapic_hardware_enabled(l)) {
        return ones_bytes(a.size);
    }
    lapic_tick(l, now);
    if (!reg_find(l, a.off, &number)) {
        return 0;
    }
    if (number == LAPIC_PPR) {
        return lapic_ppr(l);
    }
    if (number == LAPIC_TIMER_CURRENT) {
        return lapic_timer_count(l, now);
    }
    return l->regs.reg[number];
}

static void lapic_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct lapic *l = dev;
    uint32_t number = 0;
    if (!lapic_hardware_enabled(l)) {
        return;
    }
    lapic_tick(l, now);
    if (!reg_find(l, a.off, &number)) {
        return;
    }
    const struct reg_desc *d = &reg_table[number];
    uint32_t val32 = (uint32_t)(val & UINT32_MAX);
    if (d->write != NULL) {
        d->write(l, number, val32, now);
    } else {
        l->regs.reg[number] = bits_merge(l->regs.reg[number], val32, d->rw);
    }
}

/* --- Reset and base MSR -----------------------------------------------------------------------*/
static void clear_registers(struct lapic *l)
{
    for (uint32_t i = 0; i < LAPIC_REGS; i++) { /* bound: 64 */
        l->regs.reg[i] = reg_table[i].reset;
    }
    l->regs.reg[LAPIC_ID] = l->wiring.id << 24;
    l->regs.errors = 0;
    lapic_timer_stop(l);
}

void lapic_init(struct lapic *l, const struct lapic_wiring *w)
{
    BH_ASSERT(w->id <= LAPIC_ID_MAX);
    BH_ASSERT(w->clock != NULL);
    memset(l, 0, sizeof *l);
    l->wiring = *w;
    lapic_reset(l, 0);
}

void lapic_reset(struct lapic *l, vm_ns_t now)
{
    (void)now;
    uint8_t lint = l->regs.lint;
    memset(&l->regs, 0, sizeof l->regs);
    clear_registers(l);
    l->regs.lint = lint;
    l->regs.base_msr = LAPIC_BASE | MSR_APIC_BASE_EN | (l->wiring.id == 0 ? MSR_APIC_BASE_BSP : 0);
}

/* Vector 0x0F, as [MPS] appendix A has it: where an 8259's spurious interrupt would go too. */
void lapic_boot_virtual_wire(struct lapic *l)
{
    l->regs.reg[LAPIC_SVR] = LAPIC_SVR_ENABLE | 0x0Fu;
    lapic_write_lint(l, LAPIC_LVT_LINT0, (uint32_t)IRQ_EXTINT << LAPIC_LVT_DELIVERY_POS);
    lapic_write_lint(l, LAPIC_LVT_LINT1, (uint32_t)IRQ_NMI << LAPIC_LVT_DELIVERY_POS);
}

uint64_t lapic_base_msr(const struct lapic *l)
{
    return l->regs.base_msr;
}

/* Disabling in hardware loses the state: enabling again finds it as after reset. [SDM] 11.4.3 */
bool lapic_set_base_msr(struct lapic *l, uint64_t value, vm_ns_t now)
{
    if ((value & ~(MSR_APIC_BASE_EN | MSR_APIC_BASE_BSP)) != LAPIC_BASE) {
        return false;
    }
    lapic_tick(l, now);
    l->regs.base_msr =
        bits_merge((uint32_t)l->regs.base_msr, (uint32_t)value, (uint32_t)MSR_APIC_BASE_EN);
    if (!lapic_hardware_enabled(l)) {
        clear_registers(l);
    }
    return true;
}

/* --- Invariant --------------------------------------------------------------------------------*/
static bool vectors_legal(const struct lapic *l, uint32_t bitmap)
{
    return (l->regs.reg[bitmap] & 0xFFFFu) == 0;
}

bool lapic_valid(const struct lapic *l)
{
    const struct lapic_regs *r = &l->regs;
    if ((r->base_msr & ~(MSR_APIC_BASE_EN | MSR_APIC_BASE_BSP)) != LAPIC_BASE) {
        return false;
    }
    if (!vectors_legal(l, LAPIC_ISR) || !vectors_legal(l, LAPIC_IRR) ||
        !vectors_legal(l, LAPIC_TMR)) {
        return false;
    }
    for (uint32_t i = 0; i < LAPIC_LVTS; i++) { /* bound: 6 */
        uint32_t entry = r->reg[LAPIC_LVT_TIMER + i];
        if (!lapic_software_enabled(l) && (entry & LAPIC_LVT_MASKED) == 0) {
            return false;
        }
    }
    if (!lapic_hardware_enabled(l) && r->timer_next != VM_NS_NEVER) {
        return false;
    }
    return r->reg[LAPIC_TPR] <= 0xFFu && r->reg[LAPIC_ID] == l->wiring.id << 24 &&
           lapic_timer_valid(l);
}

/* --- The bus ----------------------------------------------------------------------------------*/
static vm_ns_t ops_deadline(const void *dev)
{
    return lapic_deadline(dev);
}

static void ops_tick(void *dev, vm_ns_t now)
{
    lapic_tick(dev, now);
}

const struct bus_window lapic_windows[LAPIC_WINDOWS] = {
    {.space = BUS_MMIO, .widths = BUS_W4, .len = LAPIC_LEN, .base = LAPIC_BASE},
};

const struct bus_dev_ops lapic_ops = {
    .read = lapic_read,
    .write = lapic_write,
    .deadline = ops_deadline,
    .tick = ops_tick,
};
