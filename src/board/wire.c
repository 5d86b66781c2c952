/* SPDX-License-Identifier: BSD-2-Clause
 * The PC's wiring: which chip stands where, whose line ends at whose pin, and what firmware would have
 * left behind. A chip that the system file does not name is not here at all: its registers are
 * unclaimed and its lines lead nowhere.
 * Spec: [ACPI] 5.2.12.5 (interrupt source overrides), [SDM] vol. 3A, 11.5.1 (LINT0). */
#include "base/bits.h"
#include "board/vm_state.h"

/* IRQ 0 arrives at pin 2 of the I/O APIC: the override that the MADT tells the guest of. */
#define IOAPIC_PIN_TIMER 2u

/* Where byte counts of memory stand in CMOS, for kernels that look there: [RBIL] CMOS.LST. */
#define CMOS_BASE_KIB_LO    0x15u
#define CMOS_BASE_KIB_HI    0x16u
#define CMOS_EXT_KIB_LO     0x17u
#define CMOS_EXT_KIB_HI     0x18u
#define CMOS_EXT_KIB_LO_2   0x30u
#define CMOS_EXT_KIB_HI_2   0x31u
#define CMOS_ABOVE16M_64K_L 0x34u
#define CMOS_ABOVE16M_64K_H 0x35u

#define LEGACY_HOLE     0xA0000u
#define LEGACY_HOLE_END 0x100000u

#define ELCR_PORT 0x4D0u /* edge/level control of IRQ 0 to 7; then of 8 to 15 */

/* Whatever reaches another chip through a line may move that chip's deadline: bus_stir(). */

/* --- Lines -------------------------------------------------------------------------------------- */

/* An ISA interrupt: to the 8259 pair and to the I/O APIC, as on every PC. */
static void isa_set(void *owner, uint32_t irq, bool active)
{
    struct vm *vm = owner;
    if (board_has(vm, SYSTEM_DEV_PIC)) {
        pic_set(&vm->pic, irq, active);
    }
    if (board_has(vm, SYSTEM_DEV_IOAPIC)) {
        ioapic_set(&vm->ioapic, irq == ISA_IRQ_TIMER ? IOAPIC_PIN_TIMER : irq, active);
    }
}

/* IRQ 0 of the 8254 and IRQ 8 of the RTC: HPET's legacy route takes their place. [HPET] 2.3.5 */
static void old_timer_set(void *owner, uint32_t irq, bool active)
{
    const struct vm *vm = owner;
    if (!board_has(vm, SYSTEM_DEV_HPET) || !hpet_legacy(&vm->hpet)) {
        isa_set(owner, irq, active);
    }
}

static void ioapic_pin_set(void *owner, uint32_t pin, bool active)
{
    struct vm *vm = owner;
    if (board_has(vm, SYSTEM_DEV_IOAPIC)) {
        ioapic_set(&vm->ioapic, pin, active);
    }
}

static void lint0_set(void *owner, uint32_t pin, bool active)
{
    struct vm *vm = owner;
    (void)pin;
    bus_stir(&vm->bus);
    if (board_has(vm, SYSTEM_DEV_LAPIC)) {
        lapic_lint_set(&vm->lapic, 0, active);
    }
}

/* A message to the local APICs. There is one; INIT and STARTUP find nobody that waits for them. */
void board_message(void *owner, const struct irq_msg *msg)
{
    struct vm *vm = owner;
    bus_stir(&vm->bus);
    if (msg->delivery == IRQ_INIT || msg->delivery == IRQ_STARTUP) {
        vm->counts.startup_ipis++;
        return;
    }
    if (board_has(vm, SYSTEM_DEV_LAPIC) && lapic_addressed(&vm->lapic, msg)) {
        (void)lapic_accept(&vm->lapic, msg);
    }
}

/* --- EOIs ---------------------------------------------------------------------------------------- */

/* The interrupt at this pin of the I/O APIC, or its twin at the 8259, is finished: timers with a
 * backlog may go on. */
static void pin_done(void *owner, uint32_t pin)
{
    struct vm *vm = owner;
    bus_stir(&vm->bus);
    if (pin == IOAPIC_PIN_TIMER && board_has(vm, SYSTEM_DEV_PIT)) {
        pit_eoi(&vm->pit);
    }
    if (board_has(vm, SYSTEM_DEV_HPET)) {
        hpet_eoi(&vm->hpet, pin);
    }
}

static void lapic_done(void *owner, uint32_t vector)
{
    struct vm *vm = owner;
    if (board_has(vm, SYSTEM_DEV_IOAPIC)) {
        ioapic_eoi(&vm->ioapic, (uint8_t)vector);
    }
}

static void pic_done(void *owner, uint32_t irq)
{
    pin_done(owner, irq == ISA_IRQ_TIMER ? IOAPIC_PIN_TIMER : irq);
}

/* --- What chips tell the board ------------------------------------------------------------------- */

static void power_requested(void *owner, enum power_request what)
{
    board_end(owner, what == POWER_OFF ? VM_END_POWER_OFF : VM_END_RESET, 0, NULL);
}

static void debug_exit(void *owner, uint32_t value)
{
    board_end(owner, VM_END_DEBUG_EXIT, value, NULL);
}

static void uart_sent(void *owner, uint8_t byte)
{
    const struct vm_uart_end *end = owner;
    if (end->vm->w.console != NULL) {
        end->vm->w.console(end->vm->w.host, end->serial, byte);
    }
}

/* --- Building ------------------------------------------------------------------------------------ */

static struct irq_line isa_line(struct vm *vm, uint32_t irq)
{
    return (struct irq_line){.set = isa_set, .owner = vm, .pin = irq};
}

static bool wire_interrupts(struct vm *vm)
{
    enum tick_policy policy = (enum tick_policy)vm->w.system->tick_policy;
    bool ok = true;
    if (board_has(vm, SYSTEM_DEV_LAPIC)) {
        const struct lapic_wiring w = {
            .clock = &vm->clock,
            .ipi = {.send = board_message, .owner = vm},
            .eoi = {.done = lapic_done, .owner = vm},
            .policy = policy,
        };
        lapic_init(&vm->lapic, &w);
        ok = bus_attach(&vm->bus, &lapic_ops, &vm->lapic, lapic_windows, LAPIC_WINDOWS);
    }
    if (ok && board_has(vm, SYSTEM_DEV_IOAPIC)) {
        const struct ioapic_wiring w = {
            .out = {.send = board_message, .owner = vm},
            .eoi = {.done = pin_done, .owner = vm},
        };
        ioapic_init(&vm->ioapic, &w);
        ok = bus_attach(&vm->bus, &ioapic_ops, &vm->ioapic, ioapic_windows, IOAPIC_WINDOWS);
    }
    if (ok && board_has(vm, SYSTEM_DEV_PIC)) {
        const struct pic_wiring w = {
            .intr = {.set = lint0_set, .owner = vm},
            .eoi = {.done = pic_done, .owner = vm},
        };
        pic_init(&vm->pic, &w);
        ok = bus_attach(&vm->bus, &pic_ops, &vm->pic, pic_windows, PIC_WINDOWS);
    }
    return ok;
}

static bool wire_timers(struct vm *vm)
{
    enum tick_policy policy = (enum tick_policy)vm->w.system->tick_policy;
    bool ok = true;
    if (board_has(vm, SYSTEM_DEV_PIT)) {
        const struct pit_wiring w = {
            .out0 = {.set = old_timer_set, .owner = vm, .pin = ISA_IRQ_TIMER},
            .policy = policy,
        };
        pit_init(&vm->pit, &w);
        ok = bus_attach(&vm->bus, &pit_ops, &vm->pit, pit_windows, PIT_WINDOWS);
    }
    if (ok && board_has(vm, SYSTEM_DEV_HPET)) {
        const struct hpet_wiring w = {
            .io_apic = {.set = ioapic_pin_set, .owner = vm},
            .irq0 = isa_line(vm, ISA_IRQ_TIMER),
            .irq8 = isa_line(vm, ISA_IRQ_RTC),
            .policy = policy,
        };
        hpet_init(&vm->hpet, &w);
        ok = bus_attach(&vm->bus, &hpet_ops, &vm->hpet, hpet_windows, HPET_WINDOWS);
    }
    if (ok && board_has(vm, SYSTEM_DEV_RTC)) {
        const struct rtc_wiring w = {
            .irq = {.set = old_timer_set, .owner = vm, .pin = ISA_IRQ_RTC},
            .epoch_s = vm->w.epoch_s,
            .policy = policy,
        };
        rtc_init(&vm->rtc, &w);
        ok = bus_attach(&vm->bus, &rtc_ops, &vm->rtc, rtc_windows, RTC_WINDOWS);
    }
    return ok;
}

/* The PM timer's carry belongs to the power block, if there is one. */
static bool wire_pmtimer(struct vm *vm)
{
    struct pmtimer_wiring w = {.carry = {.set = NULL}};
    if (board_has(vm, SYSTEM_DEV_POWER)) {
        w.carry = (struct irq_line){.set = power_timer_carry, .owner = &vm->power};
    }
    pmtimer_init(&vm->pmtimer, &w);
    return bus_attach(&vm->bus, &pmtimer_ops, &vm->pmtimer, pmtimer_windows, PMTIMER_WINDOWS);
}

static bool wire_system(struct vm *vm)
{
    bool power = board_has(vm, SYSTEM_DEV_POWER);
    bool pci = board_has(vm, SYSTEM_DEV_PCI);
    bool ok = true;
    if (power) {
        const struct power_wiring w = {
            .sci = isa_line(vm, ISA_IRQ_SCI),
            .request = power_requested,
            .owner = vm,
        };
        power_init(&vm->power, &w);
        ok = bus_attach(&vm->bus, &power_ops, &vm->power, power_windows,
                        pci ? POWER_WINDOWS_PCI : POWER_WINDOWS);
    }
    if (ok && pci) {
        const struct pci_wiring w = {
            .cf9_ops = power ? &power_ops : NULL,
            .cf9_dev = &vm->power,
            .cf9_window = POWER_WINDOW_RESET,
        };
        pci_init(&vm->pci, &w);
        ok = bus_attach(&vm->bus, &pci_ops, &vm->pci, pci_windows, PCI_WINDOWS);
    }
    if (ok && board_has(vm, SYSTEM_DEV_PM_TIMER)) {
        ok = wire_pmtimer(vm);
    }
    if (ok && board_has(vm, SYSTEM_DEV_DEBUG_EXIT)) {
        const struct debugexit_wiring w = {.report = debug_exit, .owner = vm};
        debugexit_init(&vm->debugexit, &w);
        ok = bus_attach(&vm->bus, &debugexit_ops, &vm->debugexit, debugexit_windows,
                        DEBUGEXIT_WINDOWS);
    }
    return ok;
}

static bool wire_serials(struct vm *vm)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < vm->w.system->serials; i++) { /* bound: SYSTEM_SERIALS_MAX */
        const struct system_serial *s = &vm->w.system->serial[i];
        vm->uart_end[i] = (struct vm_uart_end){.vm = vm, .serial = i};
        const struct uart_wiring w = {
            .irq = isa_line(vm, s->irq),
            .tx = uart_sent,
            .owner = &vm->uart_end[i],
        };
        struct bus_window window;
        uart_window(s->port, &window);
        uart_init(&vm->uart[i], &w);
        ok = bus_attach(&vm->bus, &uart_ops, &vm->uart[i], &window, 1);
    }
    return ok;
}

bool board_wire(struct vm *vm)
{
    bus_init(&vm->bus);
    return wire_interrupts(vm) && wire_timers(vm) && wire_system(vm) && wire_serials(vm) &&
           board_wire_nics(vm);
}

/* --- Reset --------------------------------------------------------------------------------------- */

static void cmos_pair(struct vm *vm, uint8_t lo, uint8_t hi, uint64_t value)
{
    uint64_t fits = value < 0xFFFFu ? value : 0xFFFFu;
    rtc_set_cmos(&vm->rtc, lo, (uint8_t)fits);
    rtc_set_cmos(&vm->rtc, hi, (uint8_t)(fits >> 8));
}

/* The end of RAM from 0 upwards; the hole below 1 MiB does not count. */
static uint64_t low_ram_top(const struct gmem *mem)
{
    uint64_t top = 0;
    for (uint32_t i = 0; i < mem->count; i++) { /* bound: GMEM_REGIONS_MAX */
        uint64_t reach = top >= LEGACY_HOLE && top < LEGACY_HOLE_END ? LEGACY_HOLE_END : top;
        if (mem->region[i].base <= reach) {
            top = mem->region[i].base + mem->region[i].size;
        }
    }
    return top;
}

/* The size of RAM as old kernels read it from CMOS. */
static void reset_cmos(struct vm *vm)
{
    uint64_t top = low_ram_top(&vm->w.mem);
    uint64_t ext_kib = top > 0x100000u ? (top - 0x100000u) / 1024u : 0;
    uint64_t high_64k = top > 0x1000000u ? (top - 0x1000000u) / 65536u : 0;
    cmos_pair(vm, CMOS_BASE_KIB_LO, CMOS_BASE_KIB_HI, top < 0xA0000u ? top / 1024u : 640u);
    cmos_pair(vm, CMOS_EXT_KIB_LO, CMOS_EXT_KIB_HI, ext_kib);
    cmos_pair(vm, CMOS_EXT_KIB_LO_2, CMOS_EXT_KIB_HI_2, ext_kib);
    cmos_pair(vm, CMOS_ABOVE16M_64K_L, CMOS_ABOVE16M_64K_H, high_64k);
}

static void reset_interrupts(struct vm *vm)
{
    if (board_has(vm, SYSTEM_DEV_PIC)) {
        pic_reset(&vm->pic, vm->now);
        /* The SCI and cards are level-triggered: firmware says so to the 8259, too. */
        uint32_t sci = board_has(vm, SYSTEM_DEV_POWER) ? BIT32(ISA_IRQ_SCI) : 0;
        bus_write(&vm->bus, BUS_PIO, ELCR_PORT, 2, sci | board_nic_isa_irqs(vm), vm->now);
    }
    if (board_has(vm, SYSTEM_DEV_IOAPIC)) {
        ioapic_reset(&vm->ioapic, vm->now);
    }
    if (board_has(vm, SYSTEM_DEV_LAPIC)) {
        lapic_reset(&vm->lapic, vm->now);
        if (board_has(vm, SYSTEM_DEV_PIC)) {
            lapic_boot_virtual_wire(&vm->lapic);
        }
    }
}

static void reset_timers(struct vm *vm)
{
    if (board_has(vm, SYSTEM_DEV_PIT)) {
        pit_reset(&vm->pit, vm->now);
    }
    if (board_has(vm, SYSTEM_DEV_HPET)) {
        hpet_reset(&vm->hpet, vm->now);
    }
    if (board_has(vm, SYSTEM_DEV_RTC)) {
        rtc_reset(&vm->rtc, vm->now);
        reset_cmos(vm);
    }
    if (board_has(vm, SYSTEM_DEV_PM_TIMER)) {
        pmtimer_reset(&vm->pmtimer, vm->now);
    }
}

void board_reset(struct vm *vm)
{
    bus_stir(&vm->bus);
    reset_interrupts(vm);
    reset_timers(vm);
    if (board_has(vm, SYSTEM_DEV_POWER)) {
        power_reset(&vm->power, vm->now);
    }
    if (board_has(vm, SYSTEM_DEV_PCI)) {
        pci_reset(&vm->pci, vm->now);
    }
    if (board_has(vm, SYSTEM_DEV_DEBUG_EXIT)) {
        debugexit_reset(&vm->debugexit, vm->now);
    }
    for (uint32_t i = 0; i < vm->w.system->serials; i++) { /* bound: SYSTEM_SERIALS_MAX */
        uart_reset(&vm->uart[i], vm->now);
    }
    board_reset_nics(vm);
    msr_reset(&vm->msrs);
    for (uint32_t i = 0; i < VM_VCPUS_MAX; i++) {
        dr_reset(&vm->vcpu[i].drs);
    }
}
