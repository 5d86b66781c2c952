/* SPDX-License-Identifier: BSD-2-Clause
 * Lines of text. */
#include "sel4/plan/text.h"

void text_add(struct text *t, const char *words)
{
    for (const char *c = words; *c != 0 && t->used < TEXT_BYTES - 1u; c++) { /* bound: TEXT_BYTES */
        t->byte[t->used] = *c;
        t->used++;
    }
    t->byte[t->used] = 0;
}

static void add_digits(struct text *t, uint64_t n, uint32_t base)
{
    char digits[21]; /* 2^64 has twenty */
    uint32_t at = 20;
    digits[at] = 0;
    do { /* bound: 20 */
        at--;
        digits[at] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n != 0 && at > 0);
    text_add(t, &digits[at]);
}

void text_number(struct text *t, uint64_t n)
{
    add_digits(t, n, 10);
}

void text_hex(struct text *t, uint64_t n)
{
    text_add(t, "0x");
    add_digits(t, n, 16);
}

void text_size(struct text *t, uint64_t bytes)
{
    static const char *const units[] = {" bytes", " KiB", " MiB", " GiB"};
    uint32_t unit = 0;
    while (unit < 3u && bytes != 0 && bytes % 1024u == 0) { /* bound: 3 */
        bytes /= 1024u;
        unit++;
    }
    text_number(t, bytes);
    text_add(t, units[unit]);
}
