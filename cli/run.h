/* SPDX-License-Identifier: BSD-2-Clause
 * `bulkhead run`: freezes a system file, finds a machine for it, and runs it before a person.
 * See docs/manual/run.md. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

/* argv[0] is "run". Returns the exit status. */
int run_main(int argc, char **argv);

#endif
