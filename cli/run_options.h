/* SPDX-License-Identifier: BSD-2-Clause
 * The command line of `bulkhead run`. */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

#include "watch.h"

enum run_machine {
    RUN_MACHINE_AUTO = 0,
    RUN_MACHINE_KVM,
    RUN_MACHINE_SIMULATED,
};

enum run_input {
    RUN_INPUT_AUTO = 0,    /* keys, if the standard input is a terminal */
    RUN_INPUT_INTERACTIVE, /* it must be one; Linux is in focus at once */
    RUN_INPUT_NONE,
};

enum run_colour {
    RUN_COLOUR_AUTO = 0,
    RUN_COLOUR_ALWAYS,
    RUN_COLOUR_NEVER,
};

struct run_options {
    const char *file;
    const char *log_dir;   /* NULL: no logs  */
    const char *json_path; /* NULL: no JSON  */
    uint64_t for_ns;       /* 0: no limit    */
    enum run_machine machine;
    enum run_input input;
    enum run_colour colour;
    uint32_t specs; /* --until, --type, --kill as they were given */
    struct {
        enum watch_kind kind;
        const char *text;
    } spec[WATCHES_MAX];
};

enum run_parse {
    RUN_PARSE_GO,   /* run                             */
    RUN_PARSE_HELP, /* help was printed: exit 0        */
    RUN_PARSE_BAD,  /* diag has the reason: exit 2     */
};

enum run_parse run_options_parse(int argc, char **argv, struct run_options *opt, FILE *help,
                                 FILE *diag);

#endif
