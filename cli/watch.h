/* SPDX-License-Identifier: BSD-2-Clause
 * Texts that `bulkhead run` waits for on a VM's console, and what happens when one appears.
 *
 * A text is a plain substring of the raw bytes that the guest wrote: it is found wherever chunks
 * end, and each watch fires once. Matching is Knuth-Morris-Pratt: one step per byte and watch, no
 * memory of the console but one number. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/image.h"

#define WATCHES_MAX    64u
#define WATCH_TEXT_MAX 256u

enum watch_kind {
    WATCH_UNTIL, /* 'VM:TEXT'         the run may end                    */
    WATCH_TYPE,  /* 'VM:TEXT=>INPUT'  INPUT and a newline go to that VM  */
    WATCH_KILL,  /* 'VM:TEXT=>VICTIM' the victim's process is killed: VM, VM.io, SWITCH.switch or
                    SWITCH.uplink */
};

struct watch {
    enum watch_kind kind;
    uint16_t vm;
    uint16_t victim; /* WATCH_KILL: index of a VM or a switch                   */
    uint16_t part;   /* ... and enum link_victim; `input` says it as the person did */
    bool met;
    uint64_t met_ns; /* since the supervisor's first word */
    uint16_t text_len;
    uint16_t input_len;
    uint16_t matched;               /* bytes of text matched so far                          */
    uint16_t retry[WATCH_TEXT_MAX]; /* where to go on when the byte after i + 1 does not fit */
    char text[WATCH_TEXT_MAX + 1];
    char input[WATCH_TEXT_MAX + 2]; /* WATCH_TYPE: escapes resolved, newline added */
};

struct watch_list {
    uint32_t count;
    struct watch item[WATCHES_MAX];
};

/* Adds what `--until`, `--type` or `--kill` was given. False: `why` says what is wrong with it and
 * what to write. */
bool watch_add(struct watch_list *list, enum watch_kind kind, const char *spec,
               const struct system_image *image, char *why, size_t why_size);

/* Console bytes of a VM. Calls `fired` for each watch that they complete, in the order in which
 * the watches were given, after marking it met at `now_ns`. */
void watch_feed(struct watch_list *list, uint16_t vm, const uint8_t *data, size_t len,
                uint64_t now_ns, void (*fired)(void *ctx, const struct watch *w), void *ctx);

/* How many of a kind were given, and how many of them are met. */
uint32_t watch_count(const struct watch_list *list, enum watch_kind kind);
uint32_t watch_met(const struct watch_list *list, enum watch_kind kind);

/* The VM of that name, or image->vms if there is none. */
uint16_t watch_find_vm(const struct system_image *image, const char *name, size_t name_len);

#endif
