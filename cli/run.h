/* SPDX-License-Identifier: BSD-2-Clause
 * `bulkhead run`. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

/* Gets "bulkhead run" as argv[0], answers --help itself, returns the exit status. */
int run_main(int argc, char **argv);

#endif
