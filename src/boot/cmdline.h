/* SPDX-License-Identifier: BSD-2-Clause
 * Command lines and module strings: ${tsc_khz}, ${apic_khz} and ${restarts} become decimal
 * numbers.
 *
 * A guest without PIT and HPET has nothing to calibrate its clocks against; its command line may tell
 * it. A guest keeps nothing over a restart; its command line may tell it that it is one. A '$' that no '{' follows stands for itself. */
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H

#include <stdint.h>

#include "boot/boot.h"

#define CMDLINE_BYTES_MAX 4096u /* expanded, with the final 0, whoever the reader is */

struct cmdline {
    const char *text; /* may be null: empty        */
    uint32_t tsc_khz;
    uint32_t limit;    /* bytes expanded, with the final 0: what the reader takes */
    uint32_t restarts; /* how often this VM was started before */
};

/* Checks the text and counts the bytes it takes when expanded, with the final 0.
 * BOOT_OK or a BOOT_TEXT_* status. */
enum boot_status cmdline_measure(const struct cmdline *c, uint32_t *bytes);

/* Writes it, expanded and with its final 0, to guest memory.
 * @pre cmdline_measure() accepted it, and so many bytes at gpa are RAM. */
void cmdline_store(const struct cmdline *c, const struct gmem *mem, gpa_t gpa);

#endif
