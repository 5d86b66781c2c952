/* SPDX-License-Identifier: BSD-2-Clause
 * Text while the schedule runs: kept in a ring, and written out by the idle process, which the tick
 * may interrupt. Printing therefore costs spare time only, and never delays a tick. */
#ifndef DEMO653_CONSOLE_H
#define DEMO653_CONSOLE_H

#include <stdbool.h>

/* print() goes into the ring from here on. */
void console_defer(void);

/* print() goes straight to the serial port again, after what is left in the ring. For the end. */
void console_direct(void);

/* Writes out one character. False: there was none. */
bool console_step(void);

#endif
