/* SPDX-License-Identifier: BSD-2-Clause
 * The health monitor: what is done about errors, by where they come from.
 *   in a partition  -> that partition is restarted; after too many restarts in one major frame
 *                      it is stopped for good;
 *   in the kernel   -> everything stops, after printing what is known. */
#ifndef DEMO653_HEALTH_H
#define DEMO653_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "boot.h"
#include "trap.h"

void health_init(const struct boot_info *boot);

/* A partition's process faulted. */
void health_fault(uint32_t partition, const struct trap_frame *f, uint64_t now);

/* A partition raised an application error itself. */
void health_error(uint32_t partition, uint64_t code, uint64_t now);

/* Never to be seen. */
_Noreturn void health_panic(const char *why, const struct trap_frame *f);

/* The end, good or bad, with the exit code for the debug-exit port if asked for on the command line
 * or if `always`. */
_Noreturn void health_stop(uint8_t code, bool always);

#endif
