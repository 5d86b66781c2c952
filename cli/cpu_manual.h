/* SPDX-License-Identifier: BSD-2-Clause
 * docs/manual/cpu.md, which is `bulkhead help cpu`: the processor policy, from the core's own lists. */
#ifndef CLI_CPU_MANUAL_H
#define CLI_CPU_MANUAL_H

#include <stdio.h>

void cpu_manual_print(FILE *out);

#endif
