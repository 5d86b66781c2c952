/* SPDX-License-Identifier: BSD-2-Clause
 * See print.h. */
#include "print.h"

#include <stdarg.h>
#include <stdbool.h>

#include "serial.h"

struct spec {
    uint32_t width;
    bool zeros;
    bool wide; /* 64 bits */
};

static void (*sink)(char c) = serial_put;

void print_to(void (*put)(char c))
{
    sink = put;
}

static void put(char c)
{
    if (c == '\n') {
        sink('\r');
    }
    sink(c);
}

static void put_text(const char *s)
{
    for (; *s != '\0'; s++) {
        put(*s);
    }
}

static void put_number(uint64_t v, uint32_t base, bool negative, struct spec spec)
{
    char digits[24];
    uint32_t n = 0;
    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v != 0); /* bound: 20 */
    uint32_t used = n + (negative ? 1u : 0u);
    if (negative && spec.zeros) {
        put('-');
    }
    for (; used < spec.width; used++) {
        put(spec.zeros ? '0' : ' ');
    }
    if (negative && !spec.zeros) {
        put('-');
    }
    while (n > 0) {
        put(digits[--n]);
    }
}

static const char *parse_spec(const char *f, struct spec *spec)
{
    *spec = (struct spec){0, false, false};
    if (*f == '0') {
        spec->zeros = true;
        f++;
    }
    for (; *f >= '0' && *f <= '9'; f++) {
        spec->width = spec->width * 10u + (uint32_t)(*f - '0');
    }
    for (; *f == 'l'; f++) {
        spec->wide = true;
    }
    return f;
}

static void put_argument(char kind, struct spec spec, va_list *args)
{
    if (kind == 'c') {
        put((char)va_arg(*args, int));
    } else if (kind == 's') {
        put_text(va_arg(*args, const char *));
    } else if (kind == 'd') {
        int64_t v = spec.wide ? va_arg(*args, int64_t) : va_arg(*args, int32_t);
        put_number(v < 0 ? 0u - (uint64_t)v : (uint64_t)v, 10, v < 0, spec);
    } else if (kind == 'u' || kind == 'x') {
        uint64_t v = spec.wide ? va_arg(*args, uint64_t) : va_arg(*args, uint32_t);
        put_number(v, kind == 'u' ? 10 : 16, false, spec);
    } else {
        put(kind);
    }
}

void print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    for (const char *f = format; *f != '\0'; f++) {
        if (*f != '%') {
            put(*f);
            continue;
        }
        struct spec spec;
        f = parse_spec(f + 1, &spec);
        put_argument(*f, spec, &args);
    }
    va_end(args);
}
