/* SPDX-License-Identifier: BSD-2-Clause
 * The person's side of a run: everything between the link to the supervisor and the terminal.
 * Knows nothing of machines, so that a test can play the supervisor. */
#ifndef CLI_FRONT_H
#define CLI_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "console.h"
#include "front_keys.h"
#include "front_log.h"
#include "kvm/link.h"
#include "summary.h"
#include "watch.h"

#define FRONT_OUT_BYTES   65536u /* towards the supervisor                                       */
#define FRONT_OUT_RESERVE 8192u  /* ... of which typing leaves so much for everything else       */

struct front_options {
    FILE *out;        /* the consoles                                                    */
    int out_tty;      /* the terminal they go to, or -1                                  */
    int keys_fd;      /* the terminal that keys come from, or -1                         */
    int signal_fd;    /* from signals_open(), or -1                                      */
    bool focus_linux; /* begin with the first Linux VM in focus                          */
    bool colour;
    uint64_t for_ns;         /* how long the VMs may run; 0: no limit                           */
    uint64_t start_limit_ns; /* how long the machine may take to its first word                 */
    uint64_t stop_limit_ns;  /* ... and from LINK_STOP to LINK_DONE                             */
    uint64_t grace_ns; /* how long an --until of a VM that ended for good is still waited for */
};

struct front {
    struct front_options opt;
    struct run_facts *facts;
    struct watch_list *watches;
    struct front_log log;
    struct console console;
    struct keys keys;
    struct link_reader reader;
    int link_fd;
    int keys_fd; /* -1: no (more) keys */
    bool hello;
    bool stopping;
    bool over; /* leave the loop */
    bool done; /* the supervisor ended in good order */
    bool hinted;
    bool quiet_said;
    uint64_t begin_ns; /* host clock; all others count from here */
    uint64_t now_ns;
    uint64_t hello_ns;
    uint64_t heard_ns;
    uint64_t stop_ns;
    uint64_t hopeless_ns;            /* UINT64_MAX: there is hope */
    uint32_t drills[SYSTEM_VMS_MAX]; /* kills that were asked for and not yet seen */
    size_t out_len;
    uint8_t out[FRONT_OUT_BYTES];
};

/* Prepares a run. facts->image, ->watches and the names in it are set by the caller; all else in it
 * is filled here. @pre f, facts, watches and opt->out outlive the run. */
void front_init(struct front *f, const struct front_options *opt, struct run_facts *facts,
                struct watch_list *watches);

/* Runs until the end, over a link to a machine that was just started. May be called again on the
 * same struct front if it ended with RUN_NOT_STARTED. */
void front_run(struct front *f, int link_fd);

/* A line of our own, on the screen and in the log. */
__attribute__((format(printf, 2, 3))) void front_say(struct front *f, const char *format, ...);

/* Ends what is still open: unfinished lines, the terminal's modes; completes the facts. */
void front_finish(struct front *f);

/* --- Between front.c and front_link.c --------------------------------------------------------- */

/* Queues a frame for the supervisor. False: no room. */
bool front_send(struct front *f, enum link_type type, uint16_t vm, const void *data, size_t len);

/* Decides why the run ends and tells the supervisor to stop; only the first call counts. */
void front_stop(struct front *f, enum run_end end, const char *text);

/* Reads and obeys what has come over the link. */
void front_take_link(struct front *f);

/* An unmet --until belongs to a VM that will not run again. */
bool front_is_hopeless(const struct front *f);

#endif
