/* SPDX-License-Identifier: BSD-2-Clause
 * What a run came to: for a person as a table, for a program as JSON. Both say the same.
 * The JSON's keys are documented in docs/manual/run.md and do not change within a schema. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "kvm/link.h"
#include "system/image.h"
#include "watch.h"

#define SUMMARY_SCHEMA   1
#define SUMMARY_LINE_MAX 160u

enum run_end {
    RUN_UNTILS_MET = 0, /* every --until was met                                  */
    RUN_GUESTS_ENDED,   /* no VM runs any more                                    */
    RUN_TIME_UP,        /* --for ran out                                          */
    RUN_ASKED,          /* a key, or a signal                                     */
    RUN_HOPELESS,       /* a VM that an --until waits for will not run again      */
    RUN_NOT_STARTED,    /* the machine never said a word                          */
    RUN_BROKEN,         /* the machine or the supervisor went away or misbehaved  */
};

enum run_vm_state {
    RUN_VM_NOT_STARTED = 0,
    RUN_VM_RUNNING,
    RUN_VM_STOPPED,
};

struct run_vm {
    enum run_vm_state state;
    bool has_report;
    bool has_stop;
    bool failed;  /* failed, and was not started again; a drill's victim did not fail */
    bool drilled; /* --kill ended it at least once                                    */
    uint32_t starts;
    uint32_t failures;       /* also those after which it was started again              */
    uint64_t earlier_exits;  /* of all starts before the last                            */
    struct vm_report report; /* of the last start                                        */
    struct link_stopped stop;
    struct process_report process;    /* of the last start, as far as is known */
    struct process_report io_process; /* ... of its network cards              */
    char last_line[SUMMARY_LINE_MAX]; /* the last line with text, made harmless */
};

struct run_switch {
    bool has_report;
    struct net_report report; /* since the run began */
    struct process_report process;
    struct process_report uplink_process;
};

struct run_facts {
    const char *file;
    const char *machine;     /* "kvm" or "simulated" */
    const char *machine_why; /* half a sentence      */
    const struct system_image *image;
    const struct watch_list *watches;
    enum run_end end;
    char end_text[256]; /* one sentence                                        */
    int signal;         /* RUN_ASKED: the signal, SIGINT for a key              */
    bool machine_bad;   /* what ended was not clean, whatever else was reached  */
    uint64_t ready_ns;  /* from the start to the supervisor's first word        */
    uint64_t run_ns;    /* from there to the end                                */
    bool limited;       /* --for was given                                      */
    int status;         /* exit status of the command                           */
    struct process_report supervisor;
    struct process_report front; /* this process */
    struct run_vm vm[SYSTEM_VMS_MAX];
    struct run_switch sw[SYSTEM_SWITCHES_MAX];
};

/* Exits that reached the monitor, of all kinds, since the VM's process last started. */
uint64_t summary_exits(const struct vm_report *r);

/* The exit status that the facts amount to. */
int summary_status(const struct run_facts *facts);

void summary_text(const struct run_facts *facts, FILE *out);
void summary_json(const struct run_facts *facts, FILE *out);

#endif
