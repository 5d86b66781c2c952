/* SPDX-License-Identifier: BSD-2-Clause
 * Words and numbers as people write them: sizes, addresses, and the nearest known word to a
 * mistyped one. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum number_result {
    NUMBER_OK,
    NUMBER_SYNTAX,   /* not a number                 */
    NUMBER_NEGATIVE, /* a number, but below 0        */
    NUMBER_TOO_BIG,  /* more than 64 bits            */
};

/* "4096", "0x1000", "4K", "256M", "1G", "2T" (binary multiples; "4KiB" is the same as "4K"). */
enum number_result number_parse(const char *text, uint64_t *value);

/* The index of the one of `count` words that needs the fewest edits to become `word`; SIZE_MAX if
 * none is near enough to be what was meant. */
size_t word_nearest(const char *word, const char *const *words, size_t count);

#define SIZE_TEXT 48u
/* "4 KiB", "1.5 GiB", "777 bytes": exact, or to one decimal. Returns `text`. */
const char *size_text(uint64_t bytes, char text[SIZE_TEXT]);

/* An IPv4 address in host byte order, as "192.168.19.2". */
void address_print(FILE *out, uint32_t address);

#endif
