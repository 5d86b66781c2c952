/* SPDX-License-Identifier: BSD-2-Clause
 * The lexical rules are those of the libconfig manual, section 2, and of what version 1.5 was seen to
 * do: it reads 0x100000000 as 0, 0xFEE00000 as negative, 3000000000 as -1294967296. */
#include "scan.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "words.h"

#define DEPTH_MAX    16u
#define SETTINGS_MAX 4096u /* eight VMs with everything they can have need less than 700 */
#define LITERAL_MAX  40u

struct bracket {
    char open;
    unsigned line;
};

struct scan {
    const char *at;
    unsigned line;
    struct say *say;
    struct bracket stack[DEPTH_MAX];
    unsigned depth;
    unsigned settings;
    bool readable; /* libconfig would get as far as the end */
};

/* One step, counting lines. */
static void scan_step(struct scan *s)
{
    if (*s->at == '\n') {
        s->line++;
    }
    s->at++;
}

static void scan_line_comment(struct scan *s)
{
    while (*s->at != 0 && *s->at != '\n') { /* bound: the text's end */
        s->at++;
    }
}

static void scan_block_comment(struct scan *s)
{
    unsigned begin = s->line;
    s->at += 2;
    while (*s->at != 0 && strncmp(s->at, "*/", 2) != 0) { /* bound: the text's end */
        scan_step(s);
    }
    if (*s->at == 0) {
        say_error(s->say, begin, "the comment that begins here never ends; add \"*/\"");
        s->readable = false;
        return;
    }
    s->at += 2;
}

static void scan_string(struct scan *s)
{
    s->at++;
    while (*s->at != 0 && *s->at != '"' && *s->at != '\n') { /* bound: the text's end */
        s->at += s->at[0] == '\\' && s->at[1] != 0 && s->at[1] != '\n' ? 2 : 1;
    }
    if (*s->at == '"') {
        s->at++;
        return;
    }
    say_error(s->say, s->line,
              "the string has no closing '\"' on its line; close it (long ones may be written as "
              "\"one\" \"two\", which libconfig joins)");
    s->readable = false;
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

static void scan_number(struct scan *s)
{
    const char *begin = s->at;
    bool hex = s->at[0] == '0' && (s->at[1] == 'x' || s->at[1] == 'X');
    s->at += hex ? 2 : 0;
    while (hex ? isxdigit((unsigned char)*s->at) : isdigit((unsigned char)*s->at)) {
        s->at++; /* bound: the text's end */
    }
    size_t length = (size_t)(s->at - begin);
    if (!hex && (*s->at == '.' || *s->at == 'e' || *s->at == 'E')) {
        while (isalnum((unsigned char)*s->at) || *s->at == '.') { /* bound: the text's end */
            s->at++;
        }
        return; /* a fraction: the wrong type for any key, and said so there */
    }
    uint64_t max = *s->at == 'L' ? INT64_MAX : INT32_MAX;
    while (*s->at == 'L') { /* bound: the text's end */
        s->at++;
    }
    char literal[LITERAL_MAX + 1] = "";
    memcpy(literal, begin, length < LITERAL_MAX ? length : LITERAL_MAX);
    uint64_t value = 0;
    bool fits = length <= LITERAL_MAX && number_parse(literal, &value) == NUMBER_OK;
    if (!fits || value > max) {
        say_error(s->say, s->line,
                  "%s%s is more than libconfig can hold in a plain number; write it as a string: "
                  "\"%s\"",
                  literal, length > LITERAL_MAX ? "..." : "", literal);
    }
}

static void scan_open(struct scan *s)
{
    if (s->depth == DEPTH_MAX) {
        if (s->readable) {
            say_error(s->say, s->line, "brackets are nested deeper than %u; no key needs that",
                      DEPTH_MAX);
        }
        s->readable = false;
        s->at++;
        return;
    }
    s->stack[s->depth++] = (struct bracket){.open = *s->at, .line = s->line};
    s->at++;
}

static void scan_close(struct scan *s)
{
    static const char opens[] = "{([";
    static const char closes[] = "})]";
    char close = *s->at++;
    char open = opens[strchr(closes, close) - closes];
    if (!s->readable) {
        return; /* what follows a first mistake would only be its echo */
    }
    if (s->depth == 0) {
        say_error(s->say, s->line, "'%c' closes nothing; remove it, or add the missing '%c'", close,
                  open);
        s->readable = false;
        return;
    }
    const struct bracket *b = &s->stack[--s->depth];
    if (b->open != open) {
        say_error(s->say, s->line,
                  "'%c' where '%c' should close the '%c' of line %u; close that one first", close,
                  closes[strchr(opens, b->open) - opens], b->open, b->line);
        s->readable = false;
    }
}

static void scan_include(struct scan *s)
{
    if (strncmp(s->at, "@include", 8) == 0) {
        say_error(s->say, s->line,
                  "@include is not allowed: one file is the whole system; copy the text in");
        s->readable = false;
    }
    scan_line_comment(s);
}

static void scan_word(struct scan *s)
{
    while (word_char(*s->at)) { /* bound: the text's end */
        s->at++;
    }
}

/* libconfig compares each new name with all before it, so it must not be given any number of them. */
static void scan_setting(struct scan *s)
{
    s->settings++;
    if (s->settings == SETTINGS_MAX + 1u) {
        say_error(s->say, s->line, "more than %u settings; no system needs that", SETTINGS_MAX);
        s->readable = false;
    }
    s->at++;
}

static void scan_token(struct scan *s)
{
    char c = *s->at;
    if (c == '#' || strncmp(s->at, "//", 2) == 0) {
        scan_line_comment(s);
    } else if (strncmp(s->at, "/*", 2) == 0) {
        scan_block_comment(s);
    } else if (c == '"') {
        scan_string(s);
    } else if (c == '@') {
        scan_include(s);
    } else if (strchr("{([", c) != NULL) {
        scan_open(s);
    } else if (strchr("})]", c) != NULL) {
        scan_close(s);
    } else if (c == '=' || c == ':') {
        scan_setting(s);
    } else if (isdigit((unsigned char)c)) {
        scan_number(s);
    } else if (isalpha((unsigned char)c) || c == '*') {
        scan_word(s);
    } else {
        scan_step(s);
    }
}

bool scan_source(const char *text, struct say *say)
{
    struct scan s = {.at = text, .line = 1, .say = say, .readable = true};
    while (*s.at != 0) { /* bound: the text's end; each token is at least one character */
        scan_token(&s);
    }
    if (s.readable && s.depth > 0) {
        const struct bracket *b = &s.stack[s.depth - 1];
        say_error(say, b->line,
                  "the '%c' opened here is never closed; close it (is the file cut short?)",
                  b->open);
        s.readable = false;
    }
    return s.readable;
}
