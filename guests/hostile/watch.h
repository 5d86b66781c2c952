/* SPDX-License-Identifier: BSD-2-Clause
 * Timers and interrupt controllers of the hostile guest: the watchdog, and a quiet state.
 * Spec: [HPET] 2.3; [82093AA] 3.2.4; [SDM] vol. 3A, 10.5.1; [8259A] initialization. */
#ifndef HOSTILE_WATCH_H
#define HOSTILE_WATCH_H

#include <stdint.h>

/* Two NMIs, after 3 and 9 ms: one may come too early to end anything. */
void watch_arm(void);
void watch_disarm(void);

void watch_acknowledge(uint64_t vector);

#endif
