/* SPDX-License-Identifier: BSD-2-Clause
 * A 16550 by polling. Waits are bounded: a missing or stuck UART loses text, never time for ever.
 * Spec: [16550] PC16550D, 8.0 (registers). */
#ifndef GUEST_SERIAL_H
#define GUEST_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

#define SERIAL_COM1 0x3F8u

void serial_init(void);

/* False: nothing answers at COM1, and everything put is lost. */
bool serial_present(void);

/* One byte as it is. */
void serial_put(char c);

/* Waits, within bounds, until everything has left. */
void serial_flush(void);

#endif
