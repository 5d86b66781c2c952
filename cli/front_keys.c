/* SPDX-License-Identifier: BSD-2-Clause
 * What a key means. */
#include "front_keys.h"

const char keys_help[] =
    "Ctrl-A 1..8   type into that VM (1 is the first in the system file)\n"
    "Ctrl-A 0      type into none\n"
    "Ctrl-A n      type into the next VM\n"
    "Ctrl-A r      the VM in focus gets the whole screen, unfiltered; again: back\n"
    "Ctrl-A Ctrl-C send Ctrl-C to it;  Ctrl-A Ctrl-A sends Ctrl-A\n"
    "Ctrl-A Ctrl-Z suspend bulkhead (the guests go on)\n"
    "Ctrl-A q      end the run, and so does Ctrl-C; twice: do not wait";

static enum key_action keys_command(uint8_t byte, uint8_t *out)
{
    *out = byte;
    switch (byte) {
    case KEY_CTRL_A:
    case KEY_CTRL_C:
        return KEY_TYPE;
    case KEY_CTRL_Z:
        return KEY_SUSPEND;
    case 'n':
        return KEY_NEXT;
    case 'r':
        return KEY_RAW;
    case 'q':
        return KEY_QUIT;
    default:
        break;
    }
    if (byte >= '0' && byte <= '8') {
        *out = (uint8_t)(byte - '0');
        return KEY_FOCUS;
    }
    return KEY_HELP;
}

enum key_action keys_take(struct keys *k, uint8_t byte, bool focused, uint8_t *out)
{
    if (k->prefix) {
        k->prefix = false;
        return keys_command(byte, out);
    }
    if (byte == KEY_CTRL_A) {
        k->prefix = true;
        return KEY_NOTHING;
    }
    if (byte == KEY_CTRL_C) {
        return KEY_QUIT;
    }
    if (byte == KEY_CTRL_Z && !focused) {
        return KEY_SUSPEND;
    }
    *out = byte;
    return KEY_TYPE;
}
