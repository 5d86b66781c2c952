/* SPDX-License-Identifier: BSD-2-Clause
 * Lines of text for a person, and the ring that carries bytes to the console. */
#include "sel4/say.h"

#include <stdarg.h>

#include "base/shared.h"

bool ring_put(struct part_ring *r, uint8_t byte)
{
    uint32_t head = r->head;
    if (head - shared_load(&r->tail) >= PART_RING_BYTES) {
        return false;
    }
    r->byte[head % PART_RING_BYTES] = byte;
    shared_store(&r->head, head + 1u);
    return true;
}

uint32_t ring_take(struct part_ring *r, uint8_t *bytes, uint32_t max)
{
    uint32_t tail = r->tail;
    uint32_t there = shared_load(&r->head) - tail;
    if (there > PART_RING_BYTES) {
        shared_store(&r->tail, tail + there);
        return 0;
    }
    uint32_t n = there < max ? there : max;
    for (uint32_t i = 0; i < n; i++) { /* bound: max */
        bytes[i] = r->byte[(tail + i) % PART_RING_BYTES];
    }
    shared_store(&r->tail, tail + n);
    return n;
}

static void put_text(const struct say_sink *sink, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) { /* bound: the text */
        sink->put(sink->owner, (uint8_t)*p);
    }
}

static void put_number(const struct say_sink *sink, uint64_t value, uint32_t base)
{
    char digits[21];
    uint32_t at = sizeof(digits) - 1u;
    digits[at] = '\0';
    do { /* bound: 20 digits */
        at--;
        digits[at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    put_text(sink, &digits[at]);
}

void say(const struct say_sink *sink, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    for (const char *p = format; *p != '\0'; p++) { /* bound: the format */
        if (*p != '%') {
            sink->put(sink->owner, (uint8_t)*p);
            continue;
        }
        p++;
        if (*p == 's') {
            put_text(sink, va_arg(args, const char *));
        } else if (*p == 'u') {
            put_number(sink, va_arg(args, uint32_t), 10);
        } else if (*p == 'U') {
            put_number(sink, va_arg(args, uint64_t), 10);
        } else if (*p == 'X') {
            put_number(sink, va_arg(args, uint64_t), 16);
        } else {
            sink->put(sink->owner, (uint8_t)*p);
        }
    }
    va_end(args);
}
