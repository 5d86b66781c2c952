/* SPDX-License-Identifier: BSD-2-Clause
 * MC146818A real-time clock with the PC's 128 bytes of CMOS memory, at ports 0x70 and 0x71.
 *
 * The date is computed from guest time, never counted. Everything runs from one divider chain of
 * 32768 Hz: seconds, the update cycle, and the periodic interrupt are edges of it, so what became
 * due is a difference of two positions however late anybody looks.
 * A periodic interrupt stays pending until register C is read. Ticks that came due meanwhile are
 * owed, one for each read of register C (TICK_CATCH_UP), or merged (TICK_COALESCE).
 * Spec: [MC146818A] Motorola MC146818A data sheet (ADI1026), "Registers", "Update cycle",
 * "Interrupts"; [AT] IBM PC/AT technical reference, 1-56 (ports, NMI mask); [ACPI] 6.5, 4.8.1.4 and
 * 5.2.9 (century register). */
#ifndef DEV_RTC_H
#define DEV_RTC_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/bus.h"
#include "vm/line.h"

#define RTC_PORT       0x70u /* index, then data */
#define RTC_PORTS      2u
#define RTC_WINDOWS    1u
#define RTC_IRQ        8u
#define RTC_CMOS_BYTES 128u
#define RTC_HZ         32768u /* divider chain */

/* Indices. */
#define RTC_SECONDS       0x00u
#define RTC_SECONDS_ALARM 0x01u
#define RTC_MINUTES       0x02u
#define RTC_MINUTES_ALARM 0x03u
#define RTC_HOURS         0x04u
#define RTC_HOURS_ALARM   0x05u
#define RTC_WEEKDAY       0x06u /* 1 is Sunday */
#define RTC_DAY           0x07u
#define RTC_MONTH         0x08u
#define RTC_YEAR          0x09u
#define RTC_A             0x0Au
#define RTC_B             0x0Bu
#define RTC_C             0x0Cu
#define RTC_D             0x0Du
#define RTC_CENTURY       0x32u /* for the FADT */

#define RTC_A_RS  0x0Fu /* periodic rate */
#define RTC_A_DV  0x70u /* divider       */
#define RTC_A_UIP 0x80u
#define RTC_A_RW  0x7Fu

#define RTC_A_DV_RUN 0x20u /* 32768 Hz; in any other setting this board's clock stands still */

#define RTC_B_DSE  0x01u /* daylight saving: kept, without effect */
#define RTC_B_24H  0x02u
#define RTC_B_DM   0x04u /* binary, not BCD */
#define RTC_B_SQWE 0x08u
#define RTC_B_UIE  0x10u
#define RTC_B_AIE  0x20u
#define RTC_B_PIE  0x40u
#define RTC_B_SET  0x80u
#define RTC_B_IE   (RTC_B_PIE | RTC_B_AIE | RTC_B_UIE)

#define RTC_C_UF    0x10u
#define RTC_C_AF    0x20u
#define RTC_C_PF    0x40u
#define RTC_C_IRQF  0x80u
#define RTC_C_FLAGS (RTC_C_PF | RTC_C_AF | RTC_C_UF)

#define RTC_D_VRT 0x80u

#define RTC_INDEX_NMI_MASK 0x80u /* port 0x70, bit 7: NMI is masked */

#define RTC_EPOCH_MAX_S 253402300799ull /* 9999-12-31T23:59:59Z */

struct rtc; /* layout: dev/rtc_state.h */

struct rtc_wiring {
    struct irq_line irq;     /* level, active until register C is read */
    uint64_t epoch_s;        /* Unix seconds (UTC) at guest time 0, capped at RTC_EPOCH_MAX_S */
    enum tick_policy policy; /* for the periodic interrupt */
};

/* Power-on with a good battery: date from the wiring, 24-hour BCD format, divider running, CMOS
 * memory all zero. @pre r and w are not null. Call rtc_reset before use. */
void rtc_init(struct rtc *r, const struct rtc_wiring *w);

/* The RESET pin: interrupts off, flags cleared. Time, alarm and memory are kept, as on the chip. */
void rtc_reset(struct rtc *r, vm_ns_t now);

/* Fills a byte of CMOS memory, as firmware would. @pre index is one that rtc_is_memory accepts. */
void rtc_set_cmos(struct rtc *r, uint8_t index, uint8_t value);

/* True for indices that are plain memory: 0x0E to 0x7F but for the century. */
bool rtc_is_memory(uint8_t index);

/* True while the guest masks NMI through port 0x70. */
bool rtc_nmi_masked(const struct rtc *r);

/* What became of the ticks of the periodic interrupt, as far as the clock has been looked at. */
void rtc_ticks(const struct rtc *r, struct tick_counts *out);

/* The class invariant. */
bool rtc_valid(const struct rtc *r);

extern const struct bus_window rtc_windows[RTC_WINDOWS];
extern const struct bus_dev_ops rtc_ops; /* dev is a struct rtc */

#endif
