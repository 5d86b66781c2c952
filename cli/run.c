/* SPDX-License-Identifier: BSD-2-Clause
 * `bulkhead run`. */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "freeze.h"
#include "front.h"
#include "front_tty.h"
#include "kvm/probe.h"
#include "rehearse.h"
#include "run_host.h"
#include "run_options.h"

#define NS_PER_S          1000000000ull
#define RUN_START_KVM_NS  (20u * NS_PER_S)
#define RUN_START_SIM_NS  ((uint64_t)MACHINE_BOOT_SECONDS * NS_PER_S)
#define RUN_STOP_NS       (15u * NS_PER_S)
#define RUN_GRACE_NS      (1u * NS_PER_S)
#define RUN_START_TRIES   2
#define RUN_STATUS_FAILED 1
#define RUN_STATUS_BAD    2

/* Too large for the stack, and there is one run per process. */
static struct system_image run_image;
static struct watch_list run_watches;
static struct run_facts run_facts;
static struct front run_front;

/* --- Before anything starts ------------------------------------------------------------------- */

static bool run_add_watches(const struct run_options *opt)
{
    char why[1024];
    for (uint32_t i = 0; i < opt->specs; i++) {
        if (!watch_add(&run_watches, opt->spec[i].kind, opt->spec[i].text, &run_image, why,
                       sizeof(why))) {
            fprintf(stderr, "bulkhead run: %s\n", why);
            return false;
        }
    }
    return true;
}

static bool run_is_plain_terminal(void)
{
    const char *term = getenv("TERM");
    return term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0;
}

static bool run_wants_colour(const struct run_options *opt)
{
    const char *no = getenv("NO_COLOR");
    if (opt->colour != RUN_COLOUR_AUTO) {
        return opt->colour == RUN_COLOUR_ALWAYS;
    }
    return isatty(STDOUT_FILENO) && !run_is_plain_terminal() && (no == NULL || no[0] == '\0');
}

static bool run_open_files(const struct run_options *opt, struct front_log *log, FILE **json)
{
    char why[1024];
    *json = NULL;
    if (opt->log_dir != NULL && !front_log_open(log, opt->log_dir, &run_image, why, sizeof(why))) {
        fprintf(stderr, "bulkhead run: %s\n", why);
        return false;
    }
    if (opt->json_path != NULL) {
        *json = fopen(opt->json_path, "we");
        if (*json == NULL) {
            fprintf(stderr, "bulkhead run: --json: cannot write %s: %s; choose another place\n",
                    opt->json_path, strerror(errno));
            return false;
        }
    }
    return true;
}

/* --- The machine ------------------------------------------------------------------------------ */

/* Which machine, and why. False: what was asked for is not to be had. */
static bool run_choose(const struct run_options *opt, bool *simulated, char *why, size_t why_size)
{
    char probe[160] = "";
    if (opt->machine == RUN_MACHINE_SIMULATED) {
        *simulated = true;
        snprintf(why, why_size, "asked for with --machine simulated");
        return true;
    }
    bool works = kvm_probe(probe, sizeof(probe));
    *simulated = !works;
    snprintf(why, why_size, "%s", works ? "/dev/kvm runs guest code" : probe);
    return works || opt->machine == RUN_MACHINE_AUTO;
}

/* Ends the machine, and says so if that went wrong. */
static void run_end_host(struct run_host *host)
{
    char why[1024] = "";
    bool cut_short = run_facts.end == RUN_ASKED && !run_front.done;
    if (!run_host_finish(host, why, sizeof(why)) && !cut_short) {
        run_facts.machine_bad = run_facts.machine_bad || run_front.done;
        front_say(&run_front, "%s", why);
    }
}

/* Runs until the end; a simulated machine that did not boot gets a second try. */
static void run_on(bool simulated, const char *log_dir)
{
    char why[1024] = "";
    struct run_host host;
    for (int tries = 1; tries <= RUN_START_TRIES; tries++) {
        if (!run_host_start(&host, simulated, &run_image, log_dir, why, sizeof(why))) {
            run_facts.end = RUN_NOT_STARTED;
            snprintf(run_facts.end_text, sizeof(run_facts.end_text), "%.250s", why);
            front_say(&run_front, "cannot start the machine: %s", why);
            return;
        }
        front_run(&run_front, host.link_fd);
        bool again = run_facts.end == RUN_NOT_STARTED && tries < RUN_START_TRIES &&
                     run_host_may_retry(&host);
        run_end_host(&host);
        if (!again) {
            return;
        }
        front_say(&run_front, "the simulated machine did not boot: trying once more");
    }
}

/* --- After the end ---------------------------------------------------------------------------- */

static int run_report(FILE *json, const char *json_path)
{
    summary_text(&run_facts, stdout);
    fflush(stdout);
    if (json != NULL) {
        summary_json(&run_facts, json);
        bool bad = ferror(json) != 0;
        if (fclose(json) != 0 || bad) {
            fprintf(stderr, "bulkhead run: --json: %s could not be written (disk full?)\n",
                    json_path);
            return run_facts.status != 0 ? run_facts.status : RUN_STATUS_FAILED;
        }
    }
    return run_facts.status;
}

static void run_prepare_front(const struct run_options *opt, bool simulated, int signal_fd)
{
    bool keys = opt->input != RUN_INPUT_NONE && isatty(STDIN_FILENO);
    bool redraw = isatty(STDOUT_FILENO) && !run_is_plain_terminal();
    const struct front_options front = {
        .out = stdout,
        .out_tty = redraw ? STDOUT_FILENO : -1,
        .keys_fd = keys ? STDIN_FILENO : -1,
        .signal_fd = signal_fd,
        .focus_linux = opt->input == RUN_INPUT_INTERACTIVE,
        .colour = run_wants_colour(opt),
        .for_ns = opt->for_ns,
        .start_limit_ns = simulated ? RUN_START_SIM_NS : RUN_START_KVM_NS,
        .stop_limit_ns = RUN_STOP_NS,
        .grace_ns = RUN_GRACE_NS,
    };
    front_init(&run_front, &front, &run_facts, &run_watches);
}

static int run_go(const struct run_options *opt)
{
    char why[256];
    bool simulated = false;
    FILE *json = NULL;
    struct front_log log;
    front_log_none(&log);
    if (!run_open_files(opt, &log, &json)) {
        return RUN_STATUS_BAD;
    }
    int signal_fd = signals_open();
    if (!run_choose(opt, &simulated, why, sizeof(why))) {
        fprintf(stderr,
                "bulkhead run: --machine kvm: %s; use --machine auto, which simulates a machine\n",
                why);
        return RUN_STATUS_FAILED;
    }
    run_facts.file = opt->file;
    run_facts.machine = simulated ? "simulated" : "kvm";
    run_facts.machine_why = why;
    run_facts.image = &run_image;
    run_facts.watches = &run_watches;
    run_prepare_front(opt, simulated, signal_fd);
    run_front.log = log;
    front_say(&run_front,
              simulated ? "starting the simulated machine (%s)..." : "machine: KVM (%s)", why);
    console_flush(&run_front.console);
    run_on(simulated, opt->log_dir);
    front_finish(&run_front);
    return run_report(json, opt->json_path);
}

int run_main(int argc, char **argv)
{
    struct run_options opt;
    switch (run_options_parse(argc, argv, &opt, stdout, stderr)) {
    case RUN_PARSE_HELP:
        return 0;
    case RUN_PARSE_GO:
        break;
    case RUN_PARSE_BAD:
    default:
        return RUN_STATUS_BAD;
    }
    if (opt.input == RUN_INPUT_INTERACTIVE && !isatty(STDIN_FILENO)) {
        fprintf(stderr, "bulkhead run: --interactive: the standard input is not a terminal; leave "
                        "--interactive away, or use --type\n");
        return RUN_STATUS_BAD;
    }
    if (system_file_freeze(opt.file, &run_image, stderr) != 0 ||
        !rehearse(opt.file, &run_image, stderr)) {
        return RUN_STATUS_BAD;
    }
    return run_add_watches(&opt) ? run_go(&opt) : RUN_STATUS_BAD;
}
