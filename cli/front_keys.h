/* SPDX-License-Identifier: BSD-2-Clause
 * What a key means while `bulkhead run` has the terminal: Ctrl-A begins a command, all else is
 * typed into the VM in focus. */
#ifndef CLI_FRONT_KEYS_H
#define CLI_FRONT_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#define KEY_CTRL_A 0x01u
#define KEY_CTRL_C 0x03u
#define KEY_CTRL_Z 0x1Au

enum key_action {
    KEY_NOTHING,
    KEY_TYPE,  /* *out: a byte for the VM in focus      */
    KEY_FOCUS, /* *out: 1 for the first VM, 0 for none  */
    KEY_NEXT,  /* the next VM                           */
    KEY_RAW,   /* the VM in focus gets the whole screen, or gives it back */
    KEY_HELP,
    KEY_SUSPEND, /* as Ctrl-Z does to any program         */
    KEY_QUIT,
};

struct keys {
    bool prefix; /* Ctrl-A came */
};

enum key_action keys_take(struct keys *k, uint8_t byte, bool focused, uint8_t *out);

/* Lines for a person, parted by newlines. */
extern const char keys_help[];

#endif
