/* SPDX-License-Identifier: BSD-2-Clause
 * Formatted text to a sink, which is the serial port until print_to() names another. */
#ifndef GUEST_PRINT_H
#define GUEST_PRINT_H

#include <stdint.h>

/* Knows %% %c %s %d %u %x, with l for 64 bits, a width, and 0 to pad with zeros. "\n" leaves as
 * CR LF. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

void print_to(void (*put)(char c));

#endif
