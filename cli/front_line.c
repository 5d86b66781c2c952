/* SPDX-License-Identifier: BSD-2-Clause
 * One line of a guest's console: a very small terminal. */
#include "front_line.h"

#include <string.h>

#define LINE_SEQ_MAX 256u /* a longer escape sequence is given up: it may not hide text for ever */

static void line_touch(struct line *l, uint32_t at)
{
    if (at < l->low) {
        l->low = at;
    }
}

void line_clear(struct line *l)
{
    l->count = 0;
    l->cursor = 0;
    l->low = UINT32_MAX;
}

/* Cells up to `end` exist, blank where nothing was. @pre end <= LINE_CELLS */
static void line_extend(struct line *l, uint32_t end)
{
    if (end > l->count) {
        line_touch(l, l->count);
    }
    for (; l->count < end; l->count++) { /* bound: LINE_CELLS */
        l->cell[l->count] = (struct line_cell){.ch = " ", .len = 1};
    }
}

static enum line_event line_put(struct line *l, const char *ch, uint32_t len)
{
    line_extend(l, l->cursor + 1);
    line_touch(l, l->cursor);
    struct line_cell *c = &l->cell[l->cursor];
    memcpy(c->ch, ch, len);
    c->len = (uint8_t)len;
    c->look = l->look;
    l->cursor++;
    return l->cursor == LINE_CELLS ? LINE_FULL : LINE_MORE;
}

static enum line_event line_tab(struct line *l)
{
    uint32_t to = (l->cursor / 8u + 1u) * 8u;
    l->cursor = to < LINE_CELLS ? to : LINE_CELLS - 1u;
    line_extend(l, l->cursor);
    return LINE_MORE;
}

/* A control character, made visible. NUL and BEL are noise on a serial line. */
static enum line_event line_caret(struct line *l, uint8_t byte)
{
    char shown = (char)(byte ^ 0x40u); /* 0x01 is ^A, 0x7F is ^? */
    enum line_event first = line_put(l, "^", 1);
    return first == LINE_MORE ? line_put(l, &shown, 1) : first;
}

static enum line_event line_control(struct line *l, uint8_t byte)
{
    switch (byte) {
    case '\n':
        return LINE_END;
    case '\r':
        l->cursor = 0;
        return LINE_MORE;
    case '\t':
        return line_tab(l);
    case '\b':
        l->cursor -= l->cursor > 0 ? 1u : 0u;
        return LINE_MORE;
    case 0x1B:
        l->state = LINE_ESC;
        l->seq_len = 0;
        return LINE_MORE;
    case '\0':
    case '\a':
        return LINE_MORE;
    default:
        return line_caret(l, byte);
    }
}

/* --- UTF-8 ------------------------------------------------------------------------------------ */

/* Code points that would steer the terminal or reorder what stands around them, and encodings that
 * are not the shortest. */
static bool line_refuses(uint32_t cp, uint32_t len)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    return cp < least[len] || (cp >= 0x80 && cp < 0xA0) || (cp >= 0x200B && cp <= 0x200F) ||
           (cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x206F) ||
           (cp >= 0xD800 && cp <= 0xDFFF) || cp == 0xAD || cp == 0x61C || cp == 0xFEFF ||
           (cp >= 0xFFF9 && cp <= 0xFFFB) || (cp >= 0xE0000 && cp <= 0xE0FFF) || cp > 0x10FFFF;
}

static enum line_event line_utf_done(struct line *l)
{
    uint32_t len = l->utf_have;
    uint32_t cp = (uint8_t)l->utf[0] & (0xFFu >> (len + 1u));
    for (uint32_t i = 1; i < len; i++) { /* bound: 4 */
        cp = cp << 6 | ((uint8_t)l->utf[i] & 0x3Fu);
    }
    l->utf_have = 0;
    return line_refuses(cp, len) ? line_put(l, "?", 1) : line_put(l, l->utf, len);
}

/* A byte from 0x80 on. */
static enum line_event line_high(struct line *l, uint8_t byte)
{
    if (l->utf_need > 0 && byte < 0xC0) {
        l->utf[l->utf_have++] = (char)byte;
        l->utf_need--;
        return l->utf_need == 0 ? line_utf_done(l) : LINE_MORE;
    }
    if (l->utf_need > 0 || byte < 0xC2 || byte > 0xF4) { /* cut short, stray, or never valid */
        l->utf_need = 0;
        l->utf_have = 0;
        return line_put(l, "?", 1);
    }
    l->utf_need = byte < 0xE0 ? 1u : byte < 0xF0 ? 2u : 3u;
    l->utf[0] = (char)byte;
    l->utf_have = 1;
    return LINE_MORE;
}

/* --- Control sequences ------------------------------------------------------------------------ */

static const uint8_t line_flag_of[10] = {
    [1] = LINE_BOLD,  [2] = LINE_DIM,     [3] = LINE_ITALIC, [4] = LINE_UNDERLINE,
    [5] = LINE_BLINK, [7] = LINE_REVERSE, [9] = LINE_STRIKE, /* 8, conceal, is not for guests */
};

/* The colour after 38 or 48: returns how many parameters it took. */
static uint32_t line_palette(const struct line *l, uint32_t at, uint16_t *colour)
{
    if (at + 1 < l->params && l->param[at] == 5 && l->param[at + 1] < 256) {
        *colour = (uint16_t)(l->param[at + 1] + 1u);
        return 2;
    }
    return at < l->params && l->param[at] == 2 ? 4 : 1;
}

static void line_sgr_one(struct line_look *look, uint32_t p)
{
    if (p == 0) {
        *look = (struct line_look){0};
    } else if (p < 10) {
        look->flags |= line_flag_of[p];
    } else if (p == 22) {
        look->flags &= (uint8_t) ~(LINE_BOLD | LINE_DIM);
    } else if (p > 22 && p < 30) {
        look->flags &= (uint8_t)~line_flag_of[p - 20];
    } else if (p >= 30 && p < 38) {
        look->fg = (uint16_t)(p - 30 + 1);
    } else if (p == 39) {
        look->fg = 0;
    } else if (p >= 40 && p < 48) {
        look->bg = (uint16_t)(p - 40 + 1);
    } else if (p == 49) {
        look->bg = 0;
    } else if (p >= 90 && p < 98) {
        look->fg = (uint16_t)(p - 90 + 8 + 1);
    } else if (p >= 100 && p < 108) {
        look->bg = (uint16_t)(p - 100 + 8 + 1);
    }
}

static void line_sgr(struct line *l)
{
    for (uint32_t i = 0; i < l->params; i++) { /* bound: LINE_PARAMS_MAX */
        if (l->param[i] == 38) {
            i += line_palette(l, i + 1, &l->look.fg);
        } else if (l->param[i] == 48) {
            i += line_palette(l, i + 1, &l->look.bg);
        } else {
            line_sgr_one(&l->look, l->param[i]);
        }
    }
}

static void line_cut(struct line *l, uint32_t at)
{
    if (at < l->count) {
        line_touch(l, at);
        l->count = at;
    }
}

/* EL and ED: what lies above and below the line is not ours to erase. */
static void line_erase(struct line *l, uint32_t what)
{
    if (what == 0) {
        line_cut(l, l->cursor);
    } else if (what == 1) {
        uint32_t end = l->cursor + 1 < l->count ? l->cursor + 1 : l->count;
        for (uint32_t i = 0; i < end; i++) { /* bound: LINE_CELLS */
            l->cell[i] = (struct line_cell){.ch = " ", .len = 1};
        }
        line_touch(l, 0);
    } else {
        line_cut(l, 0);
    }
}

/* DCH: the rest of the line moves left. */
static void line_delete(struct line *l, uint32_t n)
{
    if (l->cursor < l->count) {
        uint32_t rest = l->count - l->cursor;
        n = n < rest ? n : rest;
        memmove(&l->cell[l->cursor], &l->cell[l->cursor + n], (rest - n) * sizeof(l->cell[0]));
        line_touch(l, l->cursor);
        l->count -= n;
    }
}

/* ICH: the rest of the line moves right; what does not fit is lost. */
static void line_insert(struct line *l, uint32_t n)
{
    if (l->cursor < l->count) {
        uint32_t room = LINE_CELLS - l->count;
        n = n < room ? n : room;
        memmove(&l->cell[l->cursor + n], &l->cell[l->cursor],
                (l->count - l->cursor) * sizeof(l->cell[0]));
        for (uint32_t i = 0; i < n; i++) { /* bound: LINE_CELLS */
            l->cell[l->cursor + i] = (struct line_cell){.ch = " ", .len = 1};
        }
        line_touch(l, l->cursor);
        l->count += n;
    }
}

static void line_go(struct line *l, uint32_t to)
{
    l->cursor = to < LINE_CELLS ? to : LINE_CELLS - 1u;
}

static enum line_event line_csi_final(struct line *l, uint8_t byte)
{
    uint32_t p = l->param[0];
    uint32_t n = p == 0 ? 1 : p < LINE_CELLS ? p : LINE_CELLS;
    switch (byte) {
    case 'm':
        line_sgr(l);
        break;
    case 'J':
    case 'K':
        line_erase(l, p);
        break;
    case 'C':
        line_go(l, l->cursor + n);
        break;
    case 'D':
        line_go(l, l->cursor > n ? l->cursor - n : 0);
        break;
    case 'G':
        line_go(l, n - 1);
        break;
    case 'P':
        line_delete(l, n);
        break;
    case '@':
        line_insert(l, n);
        break;
    case 'H': /* goes to another line: this one is as complete as it gets */
    case 'f':
        return l->count > 0 ? LINE_END : LINE_MORE;
    default:
        break;
    }
    return LINE_MORE;
}

static enum line_event line_csi(struct line *l, uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        uint32_t *p = &l->param[l->params - 1];
        *p = *p < 100000u ? *p * 10u + (uint32_t)(byte - '0') : *p;
    } else if (byte == ';' || byte == ':') {
        if (l->params < LINE_PARAMS_MAX) {
            l->param[l->params++] = 0;
        }
    } else if (byte < 0x40) { /* private markers and intermediate bytes: not ours to obey */
        l->private_csi = true;
    } else {
        l->state = LINE_TEXT;
        return l->private_csi ? LINE_MORE : line_csi_final(l, byte);
    }
    return LINE_MORE;
}

static void line_esc(struct line *l, uint8_t byte)
{
    if (byte == '[') {
        l->state = LINE_CSI;
        l->private_csi = false;
        l->params = 1;
        l->param[0] = 0;
    } else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_') {
        l->state = LINE_STRING;
    } else if (byte >= 0x20 && byte < 0x30) {
        l->state = LINE_ESC_ONE;
    } else {
        l->state = LINE_TEXT;
    }
}

/* A byte within an escape sequence. */
static enum line_event line_sequence(struct line *l, uint8_t byte)
{
    l->seq_len++;
    if (l->seq_len > LINE_SEQ_MAX) {
        l->state = LINE_TEXT;
    }
    switch (l->state) {
    case LINE_ESC:
        line_esc(l, byte);
        return LINE_MORE;
    case LINE_CSI:
        return line_csi(l, byte);
    case LINE_STRING:
    case LINE_TEXT:
        return LINE_MORE;
    case LINE_STRING_ESC: /* ESC \ ends the string, and so does any other: it began a new one */
    case LINE_ESC_ONE:
    default:
        l->state = LINE_TEXT;
        return LINE_MORE;
    }
}

enum line_event line_feed(struct line *l, uint8_t byte)
{
    if (l->state == LINE_STRING && (byte == '\a' || byte == 0x1B)) {
        l->state = byte == '\a' ? LINE_TEXT : LINE_STRING_ESC;
        return LINE_MORE;
    }
    if (byte < 0x20 || byte == 0x7F) { /* control characters end whatever was begun */
        l->state = LINE_TEXT;
        l->utf_need = 0;
        l->utf_have = 0;
        return line_control(l, byte);
    }
    if (l->state != LINE_TEXT) {
        return line_sequence(l, byte);
    }
    if (byte >= 0x80) {
        return line_high(l, byte);
    }
    l->utf_need = 0;
    l->utf_have = 0;
    char ch = (char)byte;
    return line_put(l, &ch, 1);
}

/* --- Writing it out --------------------------------------------------------------------------- */

static void line_render_colour(FILE *out, uint16_t colour, unsigned base)
{
    if (colour >= 17) {
        fprintf(out, ";%u;5;%u", base + 8u, colour - 1u);
    } else if (colour >= 9) {
        fprintf(out, ";%u", base + 60u + colour - 9u);
    } else if (colour >= 1) {
        fprintf(out, ";%u", base + colour - 1u);
    }
}

static void line_render_look(const struct line_look *look, FILE *out)
{
    fputs("\033[0", out);
    for (unsigned i = 1; i < 10; i++) {
        if (line_flag_of[i] != 0 && (look->flags & line_flag_of[i]) != 0) {
            fprintf(out, ";%u", i);
        }
    }
    line_render_colour(out, look->fg, 30);
    line_render_colour(out, look->bg, 40);
    fputc('m', out);
}

static bool line_same_look(const struct line_look *a, const struct line_look *b)
{
    return a->fg == b->fg && a->bg == b->bg && a->flags == b->flags;
}

void line_render(const struct line *l, uint32_t from, uint32_t to, bool colour, FILE *out)
{
    static const struct line_look plain;
    struct line_look now = plain;
    for (uint32_t i = from; i < to && i < l->count; i++) { /* bound: LINE_CELLS */
        const struct line_cell *c = &l->cell[i];
        if (colour && !line_same_look(&c->look, &now)) {
            line_render_look(&c->look, out);
            now = c->look;
        }
        fwrite(c->ch, 1, c->len, out);
    }
    if (!line_same_look(&now, &plain)) {
        fputs("\033[0m", out);
    }
}
