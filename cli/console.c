/* SPDX-License-Identifier: BSD-2-Clause
 * The consoles of all VMs on one screen. */
#include "console.h"

#include <string.h>

#define CONSOLE_SELF            "bulkhead"
/* How long a guest must be silent before its unfinished line is shown. A file is patient: there a
 * line that was shown too early is cut in two for good. */
#define CONSOLE_SILENCE_NS      120000000u
#define CONSOLE_SILENCE_FILE_NS 1000000000u

static const char *const console_colour[SYSTEM_VMS_MAX] = {"36", "33", "35", "32",
                                                           "34", "96", "93", "95"};

void console_init(struct console *c, FILE *out, const struct system_image *image, bool colour,
                  bool redraw)
{
    memset(c, 0, sizeof(*c));
    c->out = out;
    c->image = image;
    c->colour = colour;
    c->redraw = redraw;
    c->width = 80;
    c->open = CONSOLE_NOBODY;
    c->focus = CONSOLE_NOBODY;
    c->name_width = (int)strlen(CONSOLE_SELF);
    for (uint32_t i = 0; i < image->vms; i++) {
        int len = (int)strlen(image->vm[i].name);
        c->name_width = len > c->name_width ? len : c->name_width;
        line_clear(&c->vm[i].line);
    }
}

void console_set_width(struct console *c, uint32_t columns)
{
    c->width = columns;
}

/* --- Pieces of output ------------------------------------------------------------------------- */

static void console_prefix(struct console *c, int vm, char mark)
{
    const char *name = vm < 0 ? CONSOLE_SELF : c->image->vm[vm].name;
    const char *colour = vm < 0 ? "1" : console_colour[vm];
    if (c->colour) {
        fprintf(c->out, "\033[%sm%-*s %c\033[0m ", colour, c->name_width, name, mark);
    } else {
        fprintf(c->out, "%-*s %c ", c->name_width, name, mark);
    }
}

/* Whatever comes next starts at the left margin. */
static void console_close_open(struct console *c)
{
    if (c->open == CONSOLE_NOBODY) {
        return;
    }
    fputs(c->redraw ? "\r\033[K" : "\n", c->out);
    c->open = CONSOLE_NOBODY;
}

/* Brings the screen up to date with a line, where nothing can be taken back. */
static void console_append(struct console *c, int vm)
{
    struct console_vm *v = &c->vm[vm];
    bool edited = v->line.low < v->shown;
    bool partly = v->shown > 0 || v->continued;
    if (edited) {
        v->shown = 0;
    }
    if (c->open != vm || edited) {
        console_close_open(c);
        console_prefix(c, vm, partly ? '+' : '|');
    }
    line_render(&v->line, v->shown, v->line.count, c->colour, c->out);
    v->shown = v->line.count;
    v->line.low = UINT32_MAX;
    c->open = vm;
}

/* The part of an unfinished line that fits into one row and holds the cursor. */
static void console_draw(struct console *c, int vm)
{
    struct console_vm *v = &c->vm[vm];
    uint32_t taken = (uint32_t)c->name_width + 4u; /* prefix, and the last column stays free */
    uint32_t room = c->width > taken + 8u ? c->width - taken : 8u;
    uint32_t cursor = v->line.cursor;
    uint32_t from = cursor > room ? cursor - room : 0;
    uint32_t to = v->line.count - from < room ? v->line.count : from + room;
    console_close_open(c);
    console_prefix(c, vm, v->continued ? '+' : '|');
    line_render(&v->line, from, to, c->colour, c->out);
    if (cursor < to) {
        fprintf(c->out, "\033[%uD", to - cursor);
    }
    v->line.low = UINT32_MAX;
    v->drawn_cursor = cursor;
    c->open = vm;
}

/* Keeps the line's characters if there is anything to see. */
static void console_keep(struct console_vm *v)
{
    char text[CONSOLE_LAST_MAX];
    size_t at = 0;
    bool blank = true;
    for (uint32_t i = 0; i < v->line.count && at + 4 < sizeof(text); i++) {
        const struct line_cell *cell = &v->line.cell[i];
        memcpy(text + at, cell->ch, cell->len);
        at += cell->len;
        blank = blank && cell->ch[0] == ' ';
    }
    text[at] = '\0';
    if (!blank) {
        memcpy(v->last, text, at + 1);
    }
}

/* The guest's line is complete. */
static void console_line(struct console *c, int vm, bool goes_on)
{
    struct console_vm *v = &c->vm[vm];
    bool nothing_new = v->shown > 0 && v->shown == v->line.count && v->line.low >= v->shown;
    if (c->raw) {
        c->hidden_lines += vm == c->focus ? 0u : 1u;
    } else if (c->redraw) {
        console_close_open(c);
        console_prefix(c, vm, v->continued ? '+' : '|');
        line_render(&v->line, 0, v->line.count, c->colour, c->out);
        fputc('\n', c->out);
    } else if (!nothing_new || c->open == vm) {
        console_append(c, vm);
        fputc('\n', c->out);
        c->open = CONSOLE_NOBODY;
    }
    console_keep(v);
    line_clear(&v->line);
    v->shown = 0;
    v->seen = false;
    v->continued = goes_on;
}

/* --- The interface ---------------------------------------------------------------------------- */

void console_feed(struct console *c, uint16_t vm, const uint8_t *data, size_t len, uint64_t now_ns)
{
    struct console_vm *v = &c->vm[vm];
    v->changed_ns = now_ns;
    for (size_t i = 0; i < len; i++) {
        enum line_event event = line_feed(&v->line, data[i]);
        if (event != LINE_MORE && (event == LINE_END || v->line.count > 0)) {
            /* A line that ended exactly where it was cut leaves no empty rest. */
            if (event == LINE_END && v->continued && v->line.count == 0) {
                v->continued = false;
                continue;
            }
            console_line(c, vm, event == LINE_FULL);
        }
    }
    if (c->raw && vm == c->focus) {
        fwrite(data, 1, len, c->out);
    }
}

void console_restart(struct console *c, uint16_t vm)
{
    struct console_vm *v = &c->vm[vm];
    if (v->line.count > 0) {
        console_line(c, vm, false);
    }
    v->continued = false;
    memset(&v->line, 0, sizeof(v->line));
    line_clear(&v->line);
}

void console_say(struct console *c, const char *text)
{
    struct line l = {0};
    if (c->raw) {
        c->hidden_lines++;
        return;
    }
    line_clear(&l);
    console_close_open(c);
    for (const char *p = text;; p++) { /* bound: the length of the text */
        enum line_event event = *p == '\0' ? LINE_END : line_feed(&l, (uint8_t)*p);
        if (event != LINE_MORE) {
            console_prefix(c, CONSOLE_NOBODY, '|');
            line_render(&l, 0, l.count, c->colour, c->out);
            fputc('\n', c->out);
            line_clear(&l);
        }
        if (*p == '\0') {
            return;
        }
    }
}

/* A guest had the screen and may have left it in any state: soft reset, main screen, no mouse
 * reports, no bracketed paste, cursor visible. */
static void console_leave_raw(struct console *c)
{
    fputs(
        "\033[!p\033[?1049l\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?2004l\033[?25h\033[0m"
        "\r\n",
        c->out);
    c->raw = false;
    if (c->hidden_lines > 0) {
        char text[96];
        snprintf(text, sizeof(text), "%llu lines of others were not shown meanwhile",
                 (unsigned long long)c->hidden_lines);
        console_say(c, text);
    }
}

void console_focus(struct console *c, int vm, bool raw)
{
    if (c->raw) {
        console_leave_raw(c);
    }
    c->focus = vm;
    if (raw && vm != CONSOLE_NOBODY) {
        console_close_open(c);
        c->raw = true;
        c->hidden_lines = 0;
        c->vm[vm].shown = 0;
    }
}

/* There is something of this VM's that is not on the screen yet. */
static bool console_waits(const struct console *c, int vm)
{
    const struct console_vm *v = &c->vm[vm];
    return v->line.count > 0 && (c->redraw ? !v->seen : v->line.low != UINT32_MAX);
}

static uint64_t console_due(const struct console *c, int vm)
{
    const struct console_vm *v = &c->vm[vm];
    uint64_t silence = c->redraw ? CONSOLE_SILENCE_NS : CONSOLE_SILENCE_FILE_NS;
    if (vm == c->focus || (c->redraw && v->seen)) {
        silence = 0; /* somebody types there; or it was on the screen before */
    }
    return v->changed_ns + silence;
}

/* The unfinished line to stand at the bottom of the terminal. */
static int console_pick(struct console *c, uint64_t now_ns)
{
    int best = CONSOLE_NOBODY;
    for (int i = 0; i < (int)c->image->vms; i++) {
        if (c->vm[i].line.count == 0 || console_due(c, i) > now_ns) {
            continue;
        }
        c->vm[i].seen = true; /* from here on it need not wait again */
        if (best == CONSOLE_NOBODY || i == c->focus ||
            (best != c->focus && c->vm[i].changed_ns > c->vm[best].changed_ns)) {
            best = i;
        }
    }
    return best;
}

void console_settle(struct console *c, uint64_t now_ns)
{
    if (c->raw) {
        return;
    }
    if (!c->redraw) {
        for (int i = 0; i < (int)c->image->vms; i++) {
            if (console_waits(c, i) && console_due(c, i) <= now_ns) {
                console_append(c, i);
            }
        }
        return;
    }
    int pick = console_pick(c, now_ns);
    if (pick == CONSOLE_NOBODY) {
        console_close_open(c);
        return;
    }
    const struct console_vm *v = &c->vm[pick];
    if (pick != c->open || v->line.low != UINT32_MAX || v->line.cursor != v->drawn_cursor) {
        console_draw(c, pick);
    }
}

uint64_t console_deadline(const struct console *c)
{
    uint64_t next = UINT64_MAX;
    for (int i = 0; i < (int)c->image->vms && !c->raw; i++) {
        uint64_t due = console_due(c, i);
        if (console_waits(c, i) && due < next) {
            next = due;
        }
    }
    return next;
}

bool console_flush(struct console *c)
{
    return fflush(c->out) == 0 && !ferror(c->out);
}

void console_finish(struct console *c)
{
    console_focus(c, CONSOLE_NOBODY, false);
    for (int i = 0; i < (int)c->image->vms; i++) {
        if (c->vm[i].line.count > 0) {
            console_line(c, i, false);
        }
    }
    console_close_open(c);
}
