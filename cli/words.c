/* SPDX-License-Identifier: BSD-2-Clause */
#include "words.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 31u /* longer words are not compared */

/* --- Numbers ---------------------------------------------------------------------------------- */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)tolower((unsigned char)c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

/* The shift of "K", "KiB", "M" ..., 0 for nothing, -1 for anything else. */
static int suffix_shift(const char *suffix)
{
    static const char units[] = "KMGT";
    if (suffix[0] == 0) {
        return 0;
    }
    const char *unit = strchr(units, toupper((unsigned char)suffix[0]));
    if (unit == NULL || (suffix[1] != 0 && strcmp(suffix + 1, "iB") != 0)) {
        return -1;
    }
    return 10 * (int)(unit - units + 1);
}

enum number_result number_parse(const char *text, uint64_t *value)
{
    bool negative = *text == '-';
    text += negative ? 1 : 0;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    text += hex ? 2 : 0;
    unsigned base = hex ? 16 : 10;
    uint64_t sum = 0;
    bool fits = true;
    size_t digits = 0;
    for (; (unsigned)digit_value(*text) < base; text++, digits++) { /* bound: the text's length */
        unsigned digit = (unsigned)digit_value(*text);
        fits = fits && sum <= (UINT64_MAX - digit) / base;
        sum = sum * base + digit;
    }
    int shift = hex && *text != 0 ? -1 : suffix_shift(text);
    if (digits == 0 || shift < 0) {
        return NUMBER_SYNTAX;
    }
    if (negative) {
        return NUMBER_NEGATIVE;
    }
    if (!fits || sum > UINT64_MAX >> shift) {
        return NUMBER_TOO_BIG;
    }
    *value = sum << shift;
    return NUMBER_OK;
}

const char *size_text(uint64_t bytes, char text[SIZE_TEXT])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    while (unit < 6 && bytes >> (10 * unit) >= 1024) { /* bound: 6 */
        unit++;
    }
    uint64_t whole = bytes >> (10 * unit);
    uint64_t rest = bytes & ((1ull << (10 * unit)) - 1);
    /* Cut, not rounded: what does not quite reach a size must not be shown as that size. */
    unsigned tenth = unit == 0 ? 0 : (unsigned)(((rest >> (10 * unit - 10)) * 10) >> 10);
    if (tenth == 0) {
        snprintf(text, SIZE_TEXT, "%llu %s", (unsigned long long)whole,
                 bytes == 1 ? "byte" : units[unit]);
    } else {
        snprintf(text, SIZE_TEXT, "%llu.%u %s", (unsigned long long)whole, tenth, units[unit]);
    }
    return text;
}

/* --- Nearest word ----------------------------------------------------------------------------- */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Insertions, deletions and replacements that turn a into b; case counts for nothing.
 * @pre both have at most WORD_MAX characters. */
static unsigned word_distance(const char *a, const char *b)
{
    unsigned row[WORD_MAX + 1];
    size_t b_len = strlen(b);
    for (unsigned j = 0; j <= b_len; j++) { /* bound: WORD_MAX + 1 */
        row[j] = j;
    }
    for (unsigned i = 0; a[i] != 0; i++) { /* bound: WORD_MAX */
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (unsigned j = 0; j < b_len; j++) { /* bound: WORD_MAX */
            bool same = tolower((unsigned char)a[i]) == tolower((unsigned char)b[j]);
            unsigned next = min3(row[j] + 1, row[j + 1] + 1, diagonal + (same ? 0 : 1));
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    return row[b_len];
}

size_t word_nearest(const char *word, const char *const *words, size_t count)
{
    size_t length = strlen(word);
    if (length > WORD_MAX) {
        return SIZE_MAX;
    }
    size_t best = SIZE_MAX;
    unsigned best_distance = length < 4 ? 2 : 4; /* must be below */
    for (size_t i = 0; i < count; i++) {         /* bound: count */
        unsigned distance = strlen(words[i]) > WORD_MAX ? 99 : word_distance(word, words[i]);
        if (distance < best_distance && distance < length) {
            best_distance = distance;
            best = i;
        }
    }
    return best;
}

void address_print(FILE *out, uint32_t address)
{
    fprintf(out, "%u.%u.%u.%u", address >> 24, (address >> 16) & 255u, (address >> 8) & 255u,
            address & 255u);
}
