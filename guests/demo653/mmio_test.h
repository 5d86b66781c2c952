/* SPDX-License-Identifier: BSD-2-Clause
 * Touches local APIC registers with the instruction forms that real kernels use on device
 * memory. */
#ifndef DEMO653_MMIO_TEST_H
#define DEMO653_MMIO_TEST_H

#include <stdbool.h>

/* Prints the result in one line, and a line for each form that went wrong. @pre the local APIC is
 * mapped uncached, interrupts are off, its LVT entries are masked. */
bool mmio_test(void);

#endif
