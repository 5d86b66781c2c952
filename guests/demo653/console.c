/* SPDX-License-Identifier: BSD-2-Clause
 * See console.h. One producer (traps, interrupts off) and one consumer (idle) on one processor. */
#include "console.h"

#include <stdint.h>

#include "print.h"
#include "serial.h"

#define RING_BYTES 8192u /* a power of two */

static volatile char ring[RING_BYTES];
static volatile uint32_t head; /* written so far; counts on, modulo 2^32 */
static volatile uint32_t tail; /* read so far                            */

static void ring_put(char c)
{
    if (head - tail < RING_BYTES) { /* else it is lost: better than a tick */
        ring[head % RING_BYTES] = c;
        head++;
    }
}

void console_defer(void)
{
    print_to(ring_put);
}

void console_direct(void)
{
    for (uint32_t i = 0; i < RING_BYTES && console_step(); i++) {
    }
    print_to(serial_put);
}

bool console_step(void)
{
    if (tail == head) {
        return false;
    }
    serial_put(ring[tail % RING_BYTES]);
    tail++;
    return true;
}
