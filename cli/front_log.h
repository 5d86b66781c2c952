/* SPDX-License-Identifier: BSD-2-Clause
 * --log DIR: each VM's console as it was, byte for byte, in DIR/NAME.log, and what happened and
 * when in DIR/bulkhead.log, and what every process took in DIR/processes.log. Written at once, so that they are complete whatever happens next. */
#ifndef CLI_FRONT_LOG_H
#define CLI_FRONT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm/report.h"
#include "system/image.h"

struct front_log {
    int events; /* -1: no log */
    int processes;
    int vm[SYSTEM_VMS_MAX];
    bool failed; /* a write failed: said once */
};

/* A log that goes nowhere. */
void front_log_none(struct front_log *log);

/* Makes DIR if need be and empties the files. False: `why` says what is wrong and what to do. */
bool front_log_open(struct front_log *log, const char *dir, const struct system_image *image,
                    char *why, size_t why_size);

/* False, once only: the disk did not take it. */
bool front_log_console(struct front_log *log, uint16_t vm, const void *data, size_t len);
bool front_log_process(struct front_log *log, uint64_t now_ns, const char *name,
                       const struct process_report *p);
bool front_log_event(struct front_log *log, uint64_t now_ns, const char *text);

void front_log_close(struct front_log *log);

#endif
