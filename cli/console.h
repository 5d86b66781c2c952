/* SPDX-License-Identifier: BSD-2-Clause
 * The consoles of all VMs on one screen, interleaved by line.
 *
 *     rtos     | tick 1000
 *     linux    | Welcome
 *     linux    | / #             <- not finished yet: shown after a short silence
 *
 * On a terminal the unfinished line stays at the bottom: a line of another VM is put above it. In a
 * file or pipe nothing can be taken back: there the rest of an interrupted line follows with '+' in
 * place of '|'. Nothing that a guest wrote reaches the terminal as it is (see front_line.h), but
 * for a VM in raw focus, which has the screen for itself. */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "front_line.h"
#include "system/image.h"

#define CONSOLE_NOBODY   (-1)
#define CONSOLE_LAST_MAX 160u

struct console_vm {
    struct line line;
    uint64_t changed_ns; /* when the guest last wrote                            */
    uint32_t shown;      /* cells of the line that are on the screen (not redraw) */
    uint32_t drawn_cursor;
    bool seen;                   /* the unfinished line was due to be shown              */
    bool continued;              /* the line is the rest of one that was too long        */
    char last[CONSOLE_LAST_MAX]; /* the last line with text, without renditions */
};

struct console {
    FILE *out;
    const struct system_image *image;
    bool colour;
    bool redraw; /* a terminal: the unfinished line can be taken back */
    uint32_t width;
    int name_width;
    int open;  /* the VM whose unfinished line the output ends with, or CONSOLE_NOBODY */
    int focus; /* the VM that is typed into                                             */
    bool raw;  /* ... and has the screen                                                */
    uint64_t hidden_lines;
    struct console_vm vm[SYSTEM_VMS_MAX];
};

/* @pre out and image outlive it. */
void console_init(struct console *c, FILE *out, const struct system_image *image, bool colour,
                  bool redraw);

/* Columns of the terminal: the unfinished line never takes more than one row. */
void console_set_width(struct console *c, uint32_t columns);

/* What a guest wrote. @pre vm < image->vms */
void console_feed(struct console *c, uint16_t vm, const uint8_t *data, size_t len, uint64_t now_ns);

/* The guest starts anew: its unfinished line ends, and so does all that it had set. */
void console_restart(struct console *c, uint16_t vm);

/* A line of our own (may hold newlines; control characters are made harmless). */
void console_say(struct console *c, const char *text);

/* vm may be CONSOLE_NOBODY; then raw is false. */
void console_focus(struct console *c, int vm, bool raw);

/* Shows the unfinished lines that are due. Call after feeding and at console_deadline(). */
void console_settle(struct console *c, uint64_t now_ns);

/* When console_settle() has something to do next; UINT64_MAX: nothing. */
uint64_t console_deadline(const struct console *c);

/* Writes out what is buffered. False: nobody reads it any more. */
bool console_flush(struct console *c);

/* Shows every unfinished line as if it had ended, and leaves raw focus. */
void console_finish(struct console *c);

#endif
