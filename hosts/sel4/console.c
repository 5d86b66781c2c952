/* SPDX-License-Identifier: BSD-2-Clause
 * The console component: takes what the others say out of their rings and writes it to COM1, whole
 * lines with the speaker's name before each. It has the port and the rings, nothing else; its budget
 * bounds what a talkative guest can take from the others.
 * Spec: National Semiconductor PC16550D (1995), 8.0 (registers). */
#include "sel4/com1.h"
#include "sel4/parts.h"
#include "sel4/say.h"
#include "sel4/sys.h"

#define LINE_BYTES 240u

struct speaker {
    const char *name;
    uint32_t len;
    uint8_t line[LINE_BYTES];
};

static struct speaker speakers[PART_SPEAKERS];

static void put(void *owner, uint8_t byte)
{
    (void)owner;
    com1_put(PART_CAP_PORTS, byte);
}

static const struct say_sink com1 = {.put = put};

static void print_line(struct speaker *s)
{
    uint32_t name = 0;
    say(&com1, "%s", s->name);
    while (s->name[name] != '\0') { /* bound: SYSTEM_NAME_MAX */
        name++;
    }
    for (; name < 9u; name++) {
        put(NULL, ' ');
    }
    say(&com1, "| ");
    for (uint32_t i = 0; i < s->len; i++) {
        put(NULL, s->line[i]);
    }
    say(&com1, "\r\n");
    s->len = 0;
}

/* Carriage returns come with the line feeds that end lines; the other control bytes show as dots, so
 * that no guest can paint over another's lines. */
static void take_byte(struct speaker *s, uint8_t byte)
{
    if (byte == '\n') {
        print_line(s);
    } else if (byte != '\r') {
        s->line[s->len] = byte >= ' ' || byte == '\t' ? byte : '.';
        s->len++;
        if (s->len == LINE_BYTES) {
            print_line(s);
        }
    }
}

/* One round over all speakers; true if there was anything. */
static bool listen(uint32_t count)
{
    bool any = false;
    for (uint32_t i = 0; i < count; i++) { /* bound: PART_SPEAKERS */
        uint8_t bytes[64];
        uint32_t n = speakers[i].name == NULL
                         ? 0
                         : ring_take((struct part_ring *)PART_RING(i), bytes, sizeof(bytes));
        for (uint32_t k = 0; k < n; k++) {
            take_byte(&speakers[i], bytes[k]);
        }
        any = any || n != 0;
    }
    return any;
}

_Noreturn void console_main(const struct part_args *args)
{
    for (uint32_t i = 0; i < args->system->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        speakers[i].name = args->system->vm[i].name;
    }
    speakers[PART_SPEAKERS - 1u].name = "bulkhead";
    for (;;) {
        while (listen(PART_SPEAKERS)) { /* bound: its budget; a ring is finite */
        }
        (void)sys_wait(PART_CAP_NOTIFY);
    }
}
