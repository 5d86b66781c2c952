/* SPDX-License-Identifier: BSD-2-Clause
 * What the local APIC's own files share: registers by number, and the seams between registers,
 * interrupts and timer. Spec: [SDM] vol. 3A, table 11-1 (register map), 11.5.1 (LVT). */
#ifndef DEV_LAPIC_INT_H
#define DEV_LAPIC_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/lapic.h"

/* Register numbers: address offset / 16. */
#define LAPIC_ID            0x02u
#define LAPIC_VERSION       0x03u
#define LAPIC_TPR           0x08u
#define LAPIC_APR           0x09u
#define LAPIC_PPR           0x0Au
#define LAPIC_EOI           0x0Bu
#define LAPIC_RRD           0x0Cu
#define LAPIC_LDR           0x0Du
#define LAPIC_DFR           0x0Eu
#define LAPIC_SVR           0x0Fu
#define LAPIC_ISR           0x10u /* 8 registers */
#define LAPIC_TMR           0x18u /* 8 registers */
#define LAPIC_IRR           0x20u /* 8 registers */
#define LAPIC_ESR           0x28u
#define LAPIC_ICR_LO        0x30u
#define LAPIC_ICR_HI        0x31u
#define LAPIC_LVT_TIMER     0x32u
#define LAPIC_LVT_THERMAL   0x33u
#define LAPIC_LVT_PERF      0x34u
#define LAPIC_LVT_LINT0     0x35u
#define LAPIC_LVT_LINT1     0x36u
#define LAPIC_LVT_ERROR     0x37u
#define LAPIC_TIMER_INITIAL 0x38u
#define LAPIC_TIMER_CURRENT 0x39u
#define LAPIC_TIMER_DIVIDE  0x3Eu

#define LAPIC_BITMAP_REGS 8u /* 256 vectors, 32 a register */
#define LAPIC_LVTS        6u /* LVT_TIMER to LVT_ERROR     */

#define LAPIC_VERSION_VALUE 0x00050014u /* integrated, 6 LVT entries, no EOI suppression */

#define LAPIC_SVR_VECTOR 0x000000FFu
#define LAPIC_SVR_ENABLE 0x00000100u
#define LAPIC_SVR_RW     0x000003FFu /* bit 9, focus checking, is kept and does nothing */

#define LAPIC_ESR_SEND_ILLEGAL    0x20u
#define LAPIC_ESR_RECEIVE_ILLEGAL 0x40u
#define LAPIC_ESR_ILLEGAL_REG     0x80u

#define LAPIC_ICR_VECTOR    0x000000FFu
#define LAPIC_ICR_LOGICAL   0x00000800u
#define LAPIC_ICR_ASSERT    0x00004000u
#define LAPIC_ICR_LEVEL     0x00008000u
#define LAPIC_ICR_LO_RW     0x000CCFFFu /* delivery status always reads idle */
#define LAPIC_ICR_SHORT_POS 18u

#define LAPIC_LVT_VECTOR       0x000000FFu
#define LAPIC_LVT_DELIVERY     0x00000700u
#define LAPIC_LVT_DELIVERY_POS 8u
#define LAPIC_LVT_POLARITY     0x00002000u
#define LAPIC_LVT_REMOTE_IRR   0x00004000u
#define LAPIC_LVT_LEVEL        0x00008000u
#define LAPIC_LVT_MASKED       0x00010000u
#define LAPIC_LVT_MODE         0x00060000u /* timer */
#define LAPIC_LVT_MODE_POS     17u

#define LAPIC_LVT_TIMER_RW (LAPIC_LVT_VECTOR | LAPIC_LVT_MASKED | LAPIC_LVT_MODE)
#define LAPIC_LVT_PERF_RW  (LAPIC_LVT_VECTOR | LAPIC_LVT_DELIVERY | LAPIC_LVT_MASKED)
#define LAPIC_LVT_LINT_RW  (LAPIC_LVT_PERF_RW | LAPIC_LVT_POLARITY | LAPIC_LVT_LEVEL)
#define LAPIC_LVT_ERROR_RW (LAPIC_LVT_VECTOR | LAPIC_LVT_MASKED)

#define LAPIC_TIMER_DIVIDE_RW 0xBu

/* --- lapic_intr.c -----------------------------------------------------------------------------*/
/* One vector's bit in ISR, TMR or IRR (`bitmap`: LAPIC_ISR, LAPIC_TMR or LAPIC_IRR). */
bool lapic_bit_test(const struct lapic *l, uint32_t bitmap, uint8_t vector);
/* Sets a request. @pre vector >= LAPIC_VECTOR_LO. False: it was pending already. */
bool lapic_request(struct lapic *l, uint8_t vector, bool level);
/* Records an error; the first since the ESR was last written raises the error interrupt. */
void lapic_raise_error(struct lapic *l, uint32_t esr_bit);
void lapic_write_eoi(struct lapic *l);
void lapic_write_icr(struct lapic *l, uint32_t val);
void lapic_write_lint(struct lapic *l, uint32_t number, uint32_t val);
uint8_t lapic_ppr(const struct lapic *l);

/* --- lapic_timer.c ----------------------------------------------------------------------------*/
void lapic_timer_stop(struct lapic *l);
uint32_t lapic_timer_count(const struct lapic *l, vm_ns_t now); /* @pre ticked to now */
/* @pre of the writes: ticked to now. The LVT value is final: merged, and masked if it must be. */
void lapic_timer_write_lvt(struct lapic *l, uint32_t lvt);
void lapic_timer_write_initial(struct lapic *l, uint32_t val, vm_ns_t now);
void lapic_timer_write_divide(struct lapic *l, uint32_t val, vm_ns_t now);
/* The guest completed `vector`. */
void lapic_timer_eoi(struct lapic *l, uint8_t vector);
bool lapic_timer_valid(const struct lapic *l);

#endif
