/* SPDX-License-Identifier: BSD-2-Clause
 * The command line of `bulkhead run`. */
#include "run_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FOR_MAX_S 1e9 /* 31 years */

static const char run_usage[] =
    "usage: bulkhead run FILE [options]\n"
    "\n"
    "Runs the VMs of a system file side by side and shows their consoles, interleaved by line.\n"
    "\n"
    "  --for SECONDS             let the VMs run for so long, then end\n"
    "  --until 'VM:TEXT'         end well as soon as VM has printed TEXT; of several, all\n"
    "  --type 'VM:TEXT=>INPUT'   when VM prints TEXT, type INPUT and Enter there (escapes: as in C)\n"
    "  --kill 'VM:TEXT=>VICTIM'  a drill: when VM prints TEXT, kill the process of VICTIM\n"
    "  --log DIR                 each console to DIR/VM.log, events to DIR/bulkhead.log\n"
    "  --json FILE               the summary for programs\n"
    "  --machine auto|kvm|simulated\n"
    "                            auto (as it is): KVM if it really works here, else simulated\n"
    "  --interactive             begin with the keyboard on the first Linux VM\n"
    "  --no-input                leave the keyboard alone\n"
    "  --color auto|always|never\n"
    "  --help\n"
    "\n"
    "Keys, on a terminal: Ctrl-A 1..8 types into that VM, Ctrl-A ? shows the others, Ctrl-C ends.\n"
    "Exit status: 0 well, 1 a VM or the machine failed or an --until was not met, 2 a bad file or\n"
    "call, 128 + signal if a run with --until or --for was cut short. See docs/manual/run.md.\n";

enum {
    OPT_FOR = 256,
    OPT_UNTIL,
    OPT_TYPE,
    OPT_KILL,
    OPT_LOG,
    OPT_JSON,
    OPT_MACHINE,
    OPT_INTERACTIVE,
    OPT_NO_INPUT,
    OPT_COLOUR,
    OPT_HELP,
};

static const struct option run_long[] = {
    {"for", required_argument, NULL, OPT_FOR},
    {"until", required_argument, NULL, OPT_UNTIL},
    {"type", required_argument, NULL, OPT_TYPE},
    {"kill", required_argument, NULL, OPT_KILL},
    {"log", required_argument, NULL, OPT_LOG},
    {"json", required_argument, NULL, OPT_JSON},
    {"machine", required_argument, NULL, OPT_MACHINE},
    {"interactive", no_argument, NULL, OPT_INTERACTIVE},
    {"no-input", no_argument, NULL, OPT_NO_INPUT},
    {"color", required_argument, NULL, OPT_COLOUR},
    {"colour", required_argument, NULL, OPT_COLOUR},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* The place of a word in a list that ends with NULL, or -1. */
static int run_word(const char *word, const char *const list[])
{
    for (int i = 0; list[i] != NULL; i++) {
        if (strcmp(word, list[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static bool run_take_seconds(struct run_options *opt, const char *text, FILE *diag)
{
    char *end;
    errno = 0;
    double s = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(s >= 0.001 && s <= FOR_MAX_S)) {
        fprintf(diag, "bulkhead run: --for %s: write a number of seconds from 0.001 to 1e9\n",
                text);
        return false;
    }
    opt->for_ns = (uint64_t)(s * 1e9);
    return true;
}

static bool run_take_spec(struct run_options *opt, enum watch_kind kind, const char *text,
                          FILE *diag)
{
    if (opt->specs == WATCHES_MAX) {
        fprintf(diag, "bulkhead run: more than %u of --until, --type and --kill\n", WATCHES_MAX);
        return false;
    }
    opt->spec[opt->specs].kind = kind;
    opt->spec[opt->specs].text = text;
    opt->specs++;
    return true;
}

static bool run_take_machine(struct run_options *opt, const char *text, FILE *diag)
{
    static const char *const words[] = {"auto", "kvm", "simulated", NULL};
    int at = run_word(text, words);
    if (at < 0) {
        fprintf(diag, "bulkhead run: --machine %s: write auto, kvm or simulated\n", text);
        return false;
    }
    opt->machine = (enum run_machine)at;
    return true;
}

static bool run_take_colour(struct run_options *opt, const char *text, FILE *diag)
{
    static const char *const words[] = {"auto", "always", "never", NULL};
    int at = run_word(text, words);
    if (at < 0) {
        fprintf(diag, "bulkhead run: --color %s: write auto, always or never\n", text);
        return false;
    }
    opt->colour = (enum run_colour)at;
    return true;
}

static bool run_take_option(struct run_options *opt, int which, const char *arg, FILE *diag)
{
    switch (which) {
    case OPT_FOR:
        return run_take_seconds(opt, arg, diag);
    case OPT_UNTIL:
        return run_take_spec(opt, WATCH_UNTIL, arg, diag);
    case OPT_TYPE:
        return run_take_spec(opt, WATCH_TYPE, arg, diag);
    case OPT_KILL:
        return run_take_spec(opt, WATCH_KILL, arg, diag);
    case OPT_LOG:
        opt->log_dir = arg;
        return true;
    case OPT_JSON:
        opt->json_path = arg;
        return true;
    case OPT_MACHINE:
        return run_take_machine(opt, arg, diag);
    case OPT_INTERACTIVE:
        opt->input = RUN_INPUT_INTERACTIVE;
        return true;
    case OPT_NO_INPUT:
        opt->input = RUN_INPUT_NONE;
        return true;
    case OPT_COLOUR:
    default:
        return run_take_colour(opt, arg, diag);
    }
}

/* An option that getopt does not know, or that lacks its argument. */
static enum run_parse run_bad_option(int which, char **argv, FILE *diag)
{
    fprintf(diag, "bulkhead run: %s %s; see bulkhead run --help\n", argv[optind - 1],
            which == ':' ? "needs an argument" : "is not an option");
    return RUN_PARSE_BAD;
}

enum run_parse run_options_parse(int argc, char **argv, struct run_options *opt, FILE *help,
                                 FILE *diag)
{
    int which;
    memset(opt, 0, sizeof(*opt));
    optind = 0;                                                             /* GNU: begin anew */
    while ((which = getopt_long(argc, argv, ":h", run_long, NULL)) != -1) { /* bound: argc */
        if (which == OPT_HELP || which == 'h') {
            fputs(run_usage, help);
            return RUN_PARSE_HELP;
        }
        if (which == '?' || which == ':') {
            return run_bad_option(which, argv, diag);
        }
        if (!run_take_option(opt, which, optarg, diag)) {
            return RUN_PARSE_BAD;
        }
    }
    if (argc - optind != 1) {
        fprintf(diag, "bulkhead run: %s; see bulkhead run --help\n",
                argc - optind < 1 ? "which system file? Write bulkhead run FILE"
                                  : "one system file at a time");
        return RUN_PARSE_BAD;
    }
    opt->file = argv[optind];
    return RUN_PARSE_GO;
}
