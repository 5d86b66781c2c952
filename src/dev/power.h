/* SPDX-License-Identifier: BSD-2-Clause
 * Power: ACPI fixed hardware (PM1 event and control registers, SMI command port) and the ways in
 * which a PC is reset (reset control register, keyboard controller, port 0x92).
 *
 * Power-off and reset are reported through the wiring; the board decides what they mean. The guest
 * may run on for a while after that, and the registers stay consistent.
 * Spec: [ACPI] ACPI 6.5, 4.8.3.1 (PM1 event), 4.8.3.2 (PM1 control), 4.8.3.6 (SMI command),
 * [PIIX3] Intel 290550, 2.5.4.2 (reset control), [AT] IBM PC/AT technical reference, 1-38 to 1-58
 * (keyboard controller), [PS2] IBM PS/2 hardware interface technical reference (port 0x92). */
#ifndef DEV_POWER_H
#define DEV_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"
#include "vm/line.h"

/* For the FADT and the DSDT. */
#define POWER_PM1_EVT_PORT  0x600u /* PM1a_EVT_BLK: status, then enable */
#define POWER_PM1_EVT_BYTES 4u
#define POWER_PM1_CNT_PORT  0x604u /* PM1a_CNT_BLK */
#define POWER_PM1_CNT_BYTES 2u
#define POWER_SMI_PORT      0xB2u /* SMI_CMD */
#define POWER_ACPI_ENABLE   0xA1u /* ACPI_ENABLE: sets SCI_EN    */
#define POWER_ACPI_DISABLE  0xA0u /* ACPI_DISABLE: clears SCI_EN */
#define POWER_SCI_IRQ       9u
#define POWER_S5_SLP_TYP    5u     /* \_S5: SLP_TYPa; no other sleep state exists */
#define POWER_RESET_PORT    0xCF9u /* RESET_REG */
#define POWER_RESET_VALUE   0x06u  /* RESET_VALUE */

#define POWER_KBC_DATA_PORT 0x60u
#define POWER_KBC_PORT      0x64u
#define POWER_PORT92        0x92u

#define POWER_PM1_TMR        0x0001u
#define POWER_PM1_GBL        0x0020u
#define POWER_PM1_PWRBTN     0x0100u
#define POWER_PM1_STS_W1C    0x8731u /* TMR BM GBL PWRBTN SLPBTN RTC WAK */
#define POWER_PM1_EN_RW      0x0721u /* TMR GBL PWRBTN SLPBTN RTC        */
#define POWER_CNT_SCI_EN     0x0001u
#define POWER_CNT_BM_RLD     0x0002u
#define POWER_CNT_SLP_TYP    0x1C00u
#define POWER_CNT_SLP_EN     0x2000u
#define POWER_CNT_RW         (POWER_CNT_BM_RLD | POWER_CNT_SLP_TYP)
#define POWER_CNT_SLP_TYP_AT 10u

#define POWER_RST_HARD 0x02u
#define POWER_RST_CPU  0x04u /* 0 to 1: reset */
#define POWER_RST_FULL 0x08u
#define POWER_RST_RW   0x0Eu

#define POWER_PORT92_RESET 0x01u /* 0 to 1: reset */
#define POWER_PORT92_A20   0x02u

#define POWER_KBC_STS_OBF     0x01u /* a byte waits at port 0x60            */
#define POWER_KBC_STS_SYS     0x04u /* self-test passed                     */
#define POWER_KBC_STS_CMD     0x08u /* the last write was to port 0x64      */
#define POWER_KBC_STS_UNLOCK  0x10u /* key switch                           */
#define POWER_KBC_STS_TIMEOUT 0x40u /* the byte says: no keyboard answered  */

enum power_request {
    POWER_OFF = 1,
    POWER_RESET = 2,
};

/* The windows and their numbers. The last is for boards without PCI: with PCI, port 0xCF9 lies in
 * the middle of its address register, and PCI hands bytes for it to this device. So attach
 * POWER_WINDOWS windows without PCI, POWER_WINDOWS_PCI with it. */
enum power_window {
    POWER_WINDOW_PM1_EVT,
    POWER_WINDOW_PM1_CNT,
    POWER_WINDOW_SMI,
    POWER_WINDOW_KBC_DATA,
    POWER_WINDOW_KBC,
    POWER_WINDOW_PORT92,
    POWER_WINDOW_RESET,
};
#define POWER_WINDOWS     7u
#define POWER_WINDOWS_PCI 6u

struct power; /* layout: dev/power_state.h */

struct power_wiring {
    struct irq_line sci;                                   /* level */
    void (*request)(void *owner, enum power_request what); /* null: nothing happens */
    void *owner;
};

/* @pre p and w are not null. Call power_reset before use. */
void power_init(struct power *p, const struct power_wiring *w);
void power_reset(struct power *p, vm_ns_t now);

/* The power button is pressed: sets PWRBTN_STS. What follows is up to the guest. */
void power_press_button(struct power *p);

/* The PM timer's top bit changed: sets TMR_STS. Has the type of an irq_line's end, for the wiring
 * of the PM timer; acts when `active` is true. power is a struct power, pin has no meaning. */
void power_timer_carry(void *power, uint32_t pin, bool active);

/* The class invariant. */
bool power_valid(const struct power *p);

extern const struct bus_window power_windows[POWER_WINDOWS];
extern const struct bus_dev_ops power_ops; /* dev is a struct power */

#endif
