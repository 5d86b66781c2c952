/* SPDX-License-Identifier: BSD-2-Clause
 * The commands that are not `run` (see run.h). Each gets its own name ("bulkhead check") as argv[0],
 * answers --help itself, and returns the exit status: 0, 1 if the host refused something, 2 for a
 * bad file or call. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

int check_main(int argc, char **argv);
int pack_main(int argc, char **argv);

#endif
