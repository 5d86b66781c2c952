/* SPDX-License-Identifier: BSD-2-Clause
 * Command lines and module strings: ${tsc_khz}, ${apic_khz} and ${restarts} become decimal numbers. */
#include "boot/cmdline.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"
#include "vm/time.h"

#define DIGITS_MAX 10u /* of a uint32_t */

enum cmdline_name {
    CMDLINE_TSC_KHZ,
    CMDLINE_APIC_KHZ,
    CMDLINE_RESTARTS,
    CMDLINE_NAMES,
};

static const struct {
    uint32_t len;
    char text[12];
} names[CMDLINE_NAMES] = {
    [CMDLINE_TSC_KHZ] = {10, "${tsc_khz}"},
    [CMDLINE_APIC_KHZ] = {11, "${apic_khz}"},
    [CMDLINE_RESTARTS] = {11, "${restarts}"},
};

/* A run of the expanded text. */
struct cmdline_run {
    const char *bytes;
    uint32_t len;
    uint32_t consumed; /* of the source */
    char digits[DIGITS_MAX];
};

static void cmdline_number(uint32_t value, struct cmdline_run *run)
{
    uint32_t at = DIGITS_MAX;
    do { /* bound: DIGITS_MAX */
        at--;
        run->digits[at] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    run->bytes = &run->digits[at];
    run->len = DIGITS_MAX - at;
}

/* True if `text` begins with all of `name`. Reads no further than text's final 0. */
static bool cmdline_begins(const char *text, const char *name, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) { /* bound: 12 */
        if (text[i] != name[i]) {
            return false;
        }
    }
    return true;
}

/* "${" stands at `text`: the number it names, or why not. */
static enum boot_status cmdline_expand(const struct cmdline *c, const char *text,
                                       struct cmdline_run *run)
{
    const uint32_t value[CMDLINE_NAMES] = {
        [CMDLINE_TSC_KHZ] = c->tsc_khz,
        [CMDLINE_APIC_KHZ] = VM_APIC_KHZ,
        [CMDLINE_RESTARTS] = c->restarts,
    };
    for (uint32_t i = 0; i < CMDLINE_NAMES; i++) {
        if (cmdline_begins(text, names[i].text, names[i].len)) {
            cmdline_number(value[i], run);
            run->consumed = names[i].len;
            return BOOT_OK;
        }
    }
    for (uint32_t i = 2; i < CMDLINE_BYTES_MAX && text[i] != 0; i++) {
        if (text[i] == '}') {
            return BOOT_TEXT_UNKNOWN_NAME;
        }
    }
    return BOOT_TEXT_UNTERMINATED;
}

/* The run that begins at `text`: plain text up to the next "${", or one expanded name. */
static enum boot_status cmdline_next(const struct cmdline *c, const char *text,
                                     struct cmdline_run *run)
{
    if (cmdline_begins(text, "${", 2)) {
        return cmdline_expand(c, text, run);
    }
    uint32_t n = 0;
    while (n <= CMDLINE_BYTES_MAX && text[n] != 0) { /* bound: CMDLINE_BYTES_MAX + 1 */
        if (cmdline_begins(&text[n], "${", 2)) {
            break;
        }
        n++;
    }
    run->bytes = text;
    run->len = n;
    run->consumed = n;
    return BOOT_OK;
}

enum boot_status cmdline_measure(const struct cmdline *c, uint32_t *bytes)
{
    const uint32_t limit = c->limit < CMDLINE_BYTES_MAX ? c->limit : CMDLINE_BYTES_MAX;
    uint32_t total = 1; /* the final 0 */
    uint32_t at = 0;
    while (c->text != NULL && c->text[at] != 0) { /* bound: CMDLINE_BYTES_MAX: a run has a byte */
        struct cmdline_run run;
        const enum boot_status status = cmdline_next(c, &c->text[at], &run);
        if (status != BOOT_OK) {
            return status;
        }
        total += run.len;
        at += run.consumed;
        if (total > limit) {
            return BOOT_TEXT_TOO_LONG;
        }
    }
    if (total > limit) { /* not even the final 0 */
        return BOOT_TEXT_TOO_LONG;
    }
    *bytes = total;
    return BOOT_OK;
}

void cmdline_store(const struct cmdline *c, const struct gmem *mem, gpa_t gpa)
{
    uint32_t at = 0;
    bool ok = true;
    while (ok && c->text != NULL && c->text[at] != 0) { /* bound: CMDLINE_BYTES_MAX */
        struct cmdline_run run;
        ok = cmdline_next(c, &c->text[at], &run) == BOOT_OK &&
             gmem_write(mem, gpa, run.bytes, run.len);
        gpa += run.len;
        at += run.consumed;
    }
    ok = ok && gmem_fill(mem, gpa, 0, 1);
    BH_ASSERT(ok);
}
