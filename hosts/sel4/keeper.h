/* SPDX-License-Identifier: BSD-2-Clause
 * The keeper's helper: a guest of a few instructions that reads and writes CR2, which no thread can.
 * Spec: [SDM] vol. 3A, 2.5 (CR2), 4.5 (4-level paging). */
#ifndef SEL4_KEEPER_H
#define SEL4_KEEPER_H

#include <stdint.h>

/* The helper's memory, in the keeper and in the helper: code, then its page tables. */
#define HELPER_PAGES 4u

/* Writes code and page tables, and sets the vCPU up that is bound to the calling thread. */
void helper_start(void);

/* Gives the processor another CR2 and returns the one that it held. Notifications that come meanwhile
 * are added to *badges. */
uint64_t helper_swap_cr2(uint64_t value, uint64_t *badges);

#endif
