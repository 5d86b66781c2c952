/* SPDX-License-Identifier: BSD-2-Clause
 * One line of a guest's console, as a terminal would show it, made harmless.
 *
 * A guest is an adversary, and a terminal obeys whoever writes to it. So nothing that a guest wrote
 * is passed on: its bytes are interpreted here into cells with a character and a rendition, and the
 * line is written anew from those. Cursor movements within the line, erasing and SGR work; every
 * other control sequence has no effect; other control characters appear as ^X.
 * Spec: [ECMA-48] 8.3 (BS CR HT LF, CUB CUF CHA CUP DCH ICH ED EL SGR), [RFC 3629] UTF-8. */
#ifndef CLI_FRONT_LINE_H
#define CLI_FRONT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LINE_CELLS 512u /* longer lines are shown in parts */

#define LINE_BOLD      0x01u
#define LINE_DIM       0x02u
#define LINE_ITALIC    0x04u
#define LINE_UNDERLINE 0x08u
#define LINE_BLINK     0x10u
#define LINE_REVERSE   0x20u
#define LINE_STRIKE    0x40u

/* How a character looks. Colours: 0 the default, else 1 + index into the 256-colour palette. */
struct line_look {
    uint16_t fg;
    uint16_t bg;
    uint8_t flags; /* LINE_BOLD ... */
};

struct line_cell {
    char ch[4]; /* UTF-8 */
    uint8_t len;
    struct line_look look;
};

enum line_state {
    LINE_TEXT,
    LINE_ESC,
    LINE_ESC_ONE,    /* the next byte belongs to the escape sequence, and ends it */
    LINE_CSI,        /* control sequence: parameters, then a final byte           */
    LINE_STRING,     /* operating-system command and the like: swallowed          */
    LINE_STRING_ESC, /* ... where the next byte may end it                        */
};

#define LINE_PARAMS_MAX 16u

struct line {
    uint32_t count;  /* cells in use                                           */
    uint32_t cursor; /* the next character goes here; may lie beyond `count`   */
    uint32_t low;    /* first cell changed since line_settled(); UINT32_MAX: none */
    struct line_look look;
    enum line_state state;
    bool private_csi;
    uint32_t seq_len; /* bytes of the sequence at hand */
    uint32_t params;
    uint32_t param[LINE_PARAMS_MAX];
    uint32_t utf_need; /* continuation bytes that are still to come */
    uint32_t utf_have;
    char utf[4];
    struct line_cell cell[LINE_CELLS];
};

enum line_event {
    LINE_MORE, /* nothing to do                                                       */
    LINE_END,  /* the line is complete: show it, then line_clear()                    */
    LINE_FULL, /* the same, but the guest's line goes on                              */
};

/* Takes one byte of the guest's. */
enum line_event line_feed(struct line *l, uint8_t byte);

/* An empty line; rendition and a sequence begun stay as they are. Zero memory is a new line. */
void line_clear(struct line *l);

/* Writes cells [from, to) and leaves the terminal in its default rendition. */
void line_render(const struct line *l, uint32_t from, uint32_t to, bool colour, FILE *out);

#endif
