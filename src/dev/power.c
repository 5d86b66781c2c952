/* SPDX-License-Identifier: BSD-2-Clause
 * Power: ACPI fixed hardware and PC reset ports. Contract and references: dev/power.h. */
#include "dev/power.h"

#include <stddef.h>

#include "base/bits.h"
#include "base/string.h"
#include "dev/power_state.h"

/* Keyboard controller commands. [AT] 1-51 */
#define KBC_READ_COMMAND_BYTE  0x20u
#define KBC_WRITE_COMMAND_BYTE 0x60u
#define KBC_SELF_TEST          0xAAu
#define KBC_INTERFACE_TEST     0xABu
#define KBC_DISABLE_KEYBOARD   0xADu
#define KBC_ENABLE_KEYBOARD    0xAEu
#define KBC_READ_OUTPUT_PORT   0xD0u
#define KBC_WRITE_OUTPUT_PORT  0xD1u
#define KBC_PULSE              0xF0u /* F0 to FF: pulses output bits whose command bit is 0 */

#define KBC_SELF_TEST_PASSED 0x55u
#define KBC_INTERFACE_PASSED 0x00u
#define KBC_KEYBOARD_RESEND  0xFEu /* what the controller says for a keyboard that is silent */
#define KBC_COMMAND_DISABLE  0x10u
#define KBC_COMMAND_RST      0x30u /* both interfaces disabled */
#define KBC_OUTPUT_RUN       0x01u /* 0: reset */
#define KBC_OUTPUT_A20       0x02u
#define KBC_OUTPUT_IDLE      0xC0u /* keyboard clock and data lines, high */
#define KBC_STS_CONSTANT     (POWER_KBC_STS_SYS | POWER_KBC_STS_UNLOCK)
#define KBC_STS_STORED       (POWER_KBC_STS_OBF | POWER_KBC_STS_CMD | POWER_KBC_STS_TIMEOUT)
#define POWER_PM1_EVENTS     POWER_PM1_EN_RW /* status bits with an enable bit */
#define POWER_PM1_EN_OFF     2u

static void power_request(const struct power *p, enum power_request what)
{
    if (p->wiring.request != NULL) {
        p->wiring.request(p->wiring.owner, what);
    }
}

/* --- ACPI fixed hardware --------------------------------------------------------------------- */

static bool power_sci_level(const struct power_regs *r)
{
    bool event = (r->pm1_sts & r->pm1_en & POWER_PM1_EVENTS) != 0;
    return event && (r->pm1_cnt & POWER_CNT_SCI_EN) != 0;
}

static void power_update_sci(struct power *p)
{
    uint8_t level = power_sci_level(&p->regs) ? 1u : 0u;
    if (level != p->regs.sci) {
        p->regs.sci = level;
        irq_line_set(&p->wiring.sci, level != 0);
    }
}

static void power_raise_event(struct power *p, uint16_t status)
{
    p->regs.pm1_sts |= status;
    power_update_sci(p);
}

static void power_write_pm1_cnt(struct power *p, uint16_t val, uint16_t lanes)
{
    struct power_regs *r = &p->regs;
    r->pm1_cnt = (uint16_t)bits_merge(r->pm1_cnt, val, POWER_CNT_RW & lanes);
    if ((val & lanes & POWER_CNT_SLP_EN) == 0) {
        return;
    }
    uint32_t type = (r->pm1_cnt & POWER_CNT_SLP_TYP) >> POWER_CNT_SLP_TYP_AT;
    if (type == POWER_S5_SLP_TYP) {
        power_request(p, POWER_OFF);
    }
}

static void power_write_pm1_evt(struct power_regs *r, bool enable, uint16_t val, uint16_t lanes)
{
    if (enable) {
        r->pm1_en = (uint16_t)bits_merge(r->pm1_en, val, POWER_PM1_EN_RW & lanes);
    } else {
        r->pm1_sts = (uint16_t)(r->pm1_sts & ~(val & lanes));
    }
}

static void power_write_pm1(struct power *p, struct bus_access a, uint64_t val)
{
    uint32_t shift = 8u * (uint32_t)(a.off & 1u);
    uint16_t lanes = (uint16_t)(ones_bytes(a.size) << shift);
    uint16_t word = (uint16_t)(val << shift);
    if (a.window == POWER_WINDOW_PM1_CNT) {
        power_write_pm1_cnt(p, word, lanes);
    } else {
        power_write_pm1_evt(&p->regs, a.off >= POWER_PM1_EN_OFF, word, lanes);
    }
    power_update_sci(p);
}

static uint64_t power_read_pm1(const struct power_regs *r, struct bus_access a)
{
    uint32_t word = r->pm1_cnt;
    if (a.window == POWER_WINDOW_PM1_EVT) {
        word = a.off >= POWER_PM1_EN_OFF ? r->pm1_en : r->pm1_sts;
    }
    return (word >> (8u * (a.off & 1u))) & ones_bytes(a.size);
}

/* There is no SMM: the two commands that the FADT names act at once. */
static void power_write_smi(struct power *p, uint8_t val)
{
    p->regs.smi_cmd = val;
    if (val == POWER_ACPI_ENABLE) {
        p->regs.pm1_cnt |= POWER_CNT_SCI_EN;
    } else if (val == POWER_ACPI_DISABLE) {
        p->regs.pm1_cnt &= (uint16_t)~POWER_CNT_SCI_EN;
    }
    power_update_sci(p);
}

/* --- Reset ports ----------------------------------------------------------------------------- */

/* Soft (INIT), hard and full reset are one and the same to a VM. */
static void power_write_reset_control(struct power *p, uint8_t val)
{
    uint8_t rising = (uint8_t)(val & ~p->regs.reset_control);
    p->regs.reset_control = val & POWER_RST_RW;
    if ((rising & POWER_RST_CPU) != 0) {
        power_request(p, POWER_RESET);
    }
}

static void power_write_port92(struct power *p, uint8_t val)
{
    uint8_t rising = (uint8_t)(val & ~p->regs.port92_reset);
    p->regs.port92_reset = val & POWER_PORT92_RESET;
    p->regs.a20 = (val & POWER_PORT92_A20) != 0 ? 1u : 0u;
    if ((rising & POWER_PORT92_RESET) != 0) {
        power_request(p, POWER_RESET);
    }
}

static uint8_t power_read_port92(const struct power_regs *r)
{
    return (uint8_t)(r->port92_reset | (r->a20 != 0 ? POWER_PORT92_A20 : 0u));
}

/* --- Keyboard controller, without a keyboard ------------------------------------------------- */

static void power_kbc_reply(struct power_regs *r, uint8_t byte, uint8_t status)
{
    r->kbc_out = byte;
    r->kbc_status &= (uint8_t)~POWER_KBC_STS_TIMEOUT; /* an unread byte is overwritten */
    r->kbc_status |= (uint8_t)(POWER_KBC_STS_OBF | status);
}

static uint8_t power_kbc_output_port(const struct power_regs *r)
{
    uint32_t a20 = r->a20 != 0 ? KBC_OUTPUT_A20 : 0u;
    return (uint8_t)(KBC_OUTPUT_IDLE | KBC_OUTPUT_RUN | a20);
}

static void power_kbc_set_output_port(struct power *p, uint8_t val)
{
    p->regs.a20 = (val & KBC_OUTPUT_A20) != 0 ? 1u : 0u;
    if ((val & KBC_OUTPUT_RUN) == 0) {
        power_request(p, POWER_RESET);
    }
}

static void power_kbc_command(struct power *p, uint8_t command)
{
    struct power_regs *r = &p->regs;
    r->kbc_status |= POWER_KBC_STS_CMD;
    r->kbc_expect = POWER_KBC_EXPECT_KEYBOARD;
    if (command >= KBC_PULSE) {
        if ((command & KBC_OUTPUT_RUN) == 0) {
            power_request(p, POWER_RESET);
        }
        return;
    }
    switch (command) {
    case KBC_READ_COMMAND_BYTE:
        power_kbc_reply(r, r->kbc_command, 0);
        break;
    case KBC_WRITE_COMMAND_BYTE:
        r->kbc_expect = POWER_KBC_EXPECT_COMMAND_BYTE;
        break;
    case KBC_SELF_TEST:
        power_kbc_reply(r, KBC_SELF_TEST_PASSED, 0);
        break;
    case KBC_INTERFACE_TEST:
        power_kbc_reply(r, KBC_INTERFACE_PASSED, 0);
        break;
    case KBC_DISABLE_KEYBOARD:
        r->kbc_command |= KBC_COMMAND_DISABLE;
        break;
    case KBC_ENABLE_KEYBOARD:
        r->kbc_command &= (uint8_t)~KBC_COMMAND_DISABLE;
        break;
    case KBC_READ_OUTPUT_PORT:
        power_kbc_reply(r, power_kbc_output_port(r), 0);
        break;
    case KBC_WRITE_OUTPUT_PORT:
        r->kbc_expect = POWER_KBC_EXPECT_OUTPUT_PORT;
        break;
    default: /* commands of later controllers (mouse, passwords): not there, no reply */
        break;
    }
}

static void power_kbc_data(struct power *p, uint8_t val)
{
    struct power_regs *r = &p->regs;
    uint8_t expect = r->kbc_expect;
    r->kbc_status &= (uint8_t)~POWER_KBC_STS_CMD;
    r->kbc_expect = POWER_KBC_EXPECT_KEYBOARD;
    if (expect == POWER_KBC_EXPECT_COMMAND_BYTE) {
        r->kbc_command = val;
    } else if (expect == POWER_KBC_EXPECT_OUTPUT_PORT) {
        power_kbc_set_output_port(p, val);
    } else {
        /* Nobody took the byte. The controller would say so after a while; here, at once. */
        power_kbc_reply(r, KBC_KEYBOARD_RESEND, POWER_KBC_STS_TIMEOUT);
    }
}

static uint8_t power_kbc_read_data(struct power_regs *r)
{
    r->kbc_status &= (uint8_t) ~(POWER_KBC_STS_OBF | POWER_KBC_STS_TIMEOUT);
    return r->kbc_out;
}

/* --- Register access ------------------------------------------------------------------------- */

static uint64_t power_read(void *dev, struct bus_access a, vm_ns_t now)
{
    struct power *p = dev;
    (void)now;
    switch (a.window) {
    case POWER_WINDOW_PM1_EVT:
    case POWER_WINDOW_PM1_CNT:
        return power_read_pm1(&p->regs, a);
    case POWER_WINDOW_SMI:
        return p->regs.smi_cmd;
    case POWER_WINDOW_KBC_DATA:
        return power_kbc_read_data(&p->regs);
    case POWER_WINDOW_KBC:
        return p->regs.kbc_status | KBC_STS_CONSTANT;
    case POWER_WINDOW_PORT92:
        return power_read_port92(&p->regs);
    case POWER_WINDOW_RESET:
        return p->regs.reset_control;
    default:
        return ones_bytes(a.size);
    }
}

static void power_write(void *dev, struct bus_access a, uint64_t val, vm_ns_t now)
{
    struct power *p = dev;
    (void)now;
    switch (a.window) {
    case POWER_WINDOW_PM1_EVT:
    case POWER_WINDOW_PM1_CNT:
        power_write_pm1(p, a, val);
        break;
    case POWER_WINDOW_SMI:
        power_write_smi(p, (uint8_t)val);
        break;
    case POWER_WINDOW_KBC_DATA:
        power_kbc_data(p, (uint8_t)val);
        break;
    case POWER_WINDOW_KBC:
        power_kbc_command(p, (uint8_t)val);
        break;
    case POWER_WINDOW_PORT92:
        power_write_port92(p, (uint8_t)val);
        break;
    case POWER_WINDOW_RESET:
        power_write_reset_control(p, (uint8_t)val);
        break;
    default:
        break;
    }
}

/* --- For the board --------------------------------------------------------------------------- */

void power_press_button(struct power *p)
{
    power_raise_event(p, POWER_PM1_PWRBTN);
}

void power_timer_carry(void *power, uint32_t pin, bool active)
{
    (void)pin;
    if (active) {
        power_raise_event(power, POWER_PM1_TMR);
    }
}

void power_init(struct power *p, const struct power_wiring *w)
{
    memset(p, 0, sizeof(*p));
    p->wiring = *w;
}

/* The board comes up in ACPI mode and with A20 open, as firmware and boot loaders leave it. */
void power_reset(struct power *p, vm_ns_t now)
{
    uint8_t sci = p->regs.sci;
    (void)now;
    p->regs = (struct power_regs){
        .pm1_cnt = POWER_CNT_SCI_EN,
        .sci = sci,
        .a20 = 1,
        .kbc_command = KBC_COMMAND_RST,
    };
    power_update_sci(p);
}

bool power_valid(const struct power *p)
{
    const struct power_regs *r = &p->regs;
    bool pm1 = (r->pm1_sts & ~POWER_PM1_STS_W1C) == 0 && (r->pm1_en & ~POWER_PM1_EN_RW) == 0 &&
               (r->pm1_cnt & ~(POWER_CNT_RW | POWER_CNT_SCI_EN)) == 0;
    bool ports = (r->reset_control & ~POWER_RST_RW) == 0 && r->port92_reset <= 1 && r->a20 <= 1;
    bool kbc =
        (r->kbc_status & ~KBC_STS_STORED) == 0 && r->kbc_expect <= POWER_KBC_EXPECT_OUTPUT_PORT;
    return pm1 && ports && kbc && r->sci <= 1 && (r->sci != 0) == power_sci_level(r);
}

const struct bus_window power_windows[POWER_WINDOWS] = {
    [POWER_WINDOW_PM1_EVT] = {.space = BUS_PIO,
                              .widths = BUS_W1 | BUS_W2,
                              .len = POWER_PM1_EVT_BYTES,
                              .base = POWER_PM1_EVT_PORT},
    [POWER_WINDOW_PM1_CNT] = {.space = BUS_PIO,
                              .widths = BUS_W1 | BUS_W2,
                              .len = POWER_PM1_CNT_BYTES,
                              .base = POWER_PM1_CNT_PORT},
    [POWER_WINDOW_SMI] = {.space = BUS_PIO, .widths = BUS_W1, .len = 1, .base = POWER_SMI_PORT},
    [POWER_WINDOW_KBC_DATA] = {.space = BUS_PIO,
                               .widths = BUS_W1,
                               .len = 1,
                               .base = POWER_KBC_DATA_PORT},
    [POWER_WINDOW_KBC] = {.space = BUS_PIO, .widths = BUS_W1, .len = 1, .base = POWER_KBC_PORT},
    [POWER_WINDOW_PORT92] = {.space = BUS_PIO, .widths = BUS_W1, .len = 1, .base = POWER_PORT92},
    [POWER_WINDOW_RESET] = {.space = BUS_PIO, .widths = BUS_W1, .len = 1, .base = POWER_RESET_PORT},
};

const struct bus_dev_ops power_ops = {
    .read = power_read,
    .write = power_write,
};
