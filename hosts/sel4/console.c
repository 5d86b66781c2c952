/* SPDX-License-Identifier: BSD-2-Clause
 * The console component: takes what the others say out of their rings and writes it to COM1, whole
 * lines with the speaker's name before each. It has the port and the rings, nothing else; its budget
 * bounds what a talkative guest can take from the others.
 * Spec: National Semiconductor PC16550D (1995), 8.0 (registers). */
#include "sel4/com1.h"
#include "sel4/parts.h"
#include "sel4/say.h"
#include "sel4/sys.h"
#include "vm/time.h"

#define LINE_BYTES  240u
#define NAME_COLUMN 9u
#define OUT_BYTES   (LINE_BYTES + SYSTEM_NAME_MAX + NAME_COLUMN + 8u)
#define LINGER_NS   (50u * VM_NS_PER_MS) /* a line that is not ended by then is shown as it is */

struct speaker {
    const char *name;
    uint32_t len;
    uint8_t line[LINE_BYTES];
};

struct console {
    struct vm_clock clock;
    struct speaker speaker[PART_SPEAKERS];
    const struct speaker *open; /* whose line on the wire has no end yet, or NULL */
    uint32_t out_len;
    uint8_t out[OUT_BYTES];
};

static struct console console;

static void put(void *owner, uint8_t byte)
{
    struct console *c = owner;
    if (c->out_len < OUT_BYTES) {
        c->out[c->out_len] = byte;
        c->out_len++;
    }
}

static const struct say_sink sink = {.put = put, .owner = &console};

static void put_name(struct console *c, const struct speaker *s)
{
    if (c->open == s) {
        return;
    }
    say(&sink, c->open != NULL ? "\r\n%s" : "%s", s->name);
    for (uint32_t n = 0; n < NAME_COLUMN; n++) { /* bound: NAME_COLUMN */
        if (c->out_len < NAME_COLUMN + (c->open != NULL ? 2u : 0u)) {
            put(c, ' ');
        }
    }
    say(&sink, "| ");
}

/* Writes what there is of a speaker's line. */
static void show(struct console *c, struct speaker *s, bool ended)
{
    c->out_len = 0;
    put_name(c, s);
    for (uint32_t i = 0; i < s->len; i++) { /* bound: LINE_BYTES */
        put(c, s->line[i]);
    }
    if (ended) {
        say(&sink, "\r\n");
    }
    c->open = ended ? NULL : s;
    s->len = 0;
    com1_write(PART_CAP_PORTS, c->out, c->out_len);
}

/* Carriage returns come with the line feeds that end lines; the other control bytes show as dots, so
 * that no guest can paint over another's lines. */
static void take_byte(struct console *c, struct speaker *s, uint8_t byte)
{
    if (byte == '\n') {
        show(c, s, true);
    } else if (byte != '\r') {
        s->line[s->len] = byte >= ' ' || byte == '\t' ? byte : '.';
        s->len++;
        if (s->len == LINE_BYTES) {
            show(c, s, true);
        }
    }
}

/* One round over all speakers; true if there was anything. */
static bool listen(struct console *c)
{
    bool any = false;
    for (uint32_t i = 0; i < PART_SPEAKERS; i++) {
        uint8_t bytes[64];
        uint32_t n = c->speaker[i].name == NULL
                         ? 0
                         : ring_take((struct part_ring *)PART_RING(i), bytes, sizeof(bytes));
        for (uint32_t k = 0; k < n; k++) { /* bound: 64 */
            take_byte(c, &c->speaker[i], bytes[k]);
        }
        any = any || n != 0;
    }
    return any;
}

/* Asks to be woken if some line waits for its end. */
static void linger(const struct console *c)
{
    volatile struct part_wake *wake = (volatile struct part_wake *)PART_WAKE(PART_CLIENTS - 1u);
    for (uint32_t i = 0; i < PART_SPEAKERS; i++) {
        if (c->speaker[i].len != 0) {
            wake->tsc = sys_tsc() + clock_tsc_by(&c->clock, LINGER_NS);
            sys_signal(PART_CAP_KEEPER);
            return;
        }
    }
}

static void show_unended(struct console *c)
{
    for (uint32_t i = 0; i < PART_SPEAKERS; i++) {
        if (c->speaker[i].len != 0) {
            show(c, &c->speaker[i], false);
        }
    }
}

_Noreturn void console_main(const struct part_args *args)
{
    struct console *c = &console;
    c->clock.tsc_khz = args->tsc_khz;
    for (uint32_t i = 0; i < args->system->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        c->speaker[i].name = args->system->vm[i].name;
    }
    c->speaker[PART_SPEAKERS - 1u].name = "bulkhead";
    for (;;) {
        while (listen(c)) { /* bound: its budget; a ring is finite */
        }
        linger(c);
        if ((sys_wait(PART_CAP_NOTIFY) & PART_BADGE_TIMER) != 0) {
            (void)listen(c);
            show_unended(c);
        }
    }
}
