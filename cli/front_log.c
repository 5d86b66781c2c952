/* SPDX-License-Identifier: BSD-2-Clause
 * Logs of a run. */
#include "front_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_EVENTS    "bulkhead"
#define LOG_MACHINE   "machine" /* the simulated machine's own console */
#define LOG_PROCESSES "processes"

void front_log_none(struct front_log *log)
{
    log->events = -1;
    log->processes = -1;
    log->failed = false;
    for (uint32_t i = 0; i < SYSTEM_VMS_MAX; i++) {
        log->vm[i] = -1;
    }
}

static int log_open_one(const char *dir, const char *name, char *why, size_t why_size)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s.log", dir, name);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        snprintf(why, why_size, "--log: the directory's name is too long");
        return -1;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) {
        snprintf(why, why_size, "--log: cannot write %.400s: %s; choose another directory", path,
                 strerror(errno));
    }
    return fd;
}

bool front_log_open(struct front_log *log, const char *dir, const struct system_image *image,
                    char *why, size_t why_size)
{
    front_log_none(log);
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        snprintf(why, why_size,
                 "--log: cannot make the directory %.400s: %s; make it, or choose another", dir,
                 strerror(errno));
        return false;
    }
    log->events = log_open_one(dir, LOG_EVENTS, why, why_size);
    bool ok = log->events >= 0;
    if (ok) {
        log->processes = log_open_one(dir, LOG_PROCESSES, why, why_size);
        ok = log->processes >= 0;
    }
    for (uint32_t i = 0; i < image->vms && ok; i++) {
        const char *name = image->vm[i].name;
        if (strcmp(name, LOG_EVENTS) == 0 || strcmp(name, LOG_MACHINE) == 0 ||
            strcmp(name, LOG_PROCESSES) == 0) {
            snprintf(
                why, why_size,
                "--log: a VM is called \"%s\", and %s.log is for something else; rename the VM",
                name, name);
            ok = false;
        } else {
            log->vm[i] = log_open_one(dir, name, why, why_size);
            ok = log->vm[i] >= 0;
        }
    }
    if (!ok) {
        front_log_close(log);
    }
    return ok;
}

static bool log_write(struct front_log *log, int fd, const void *data, size_t len)
{
    const char *at = data;
    while (fd >= 0 && len > 0 && !log->failed) { /* bound: each turn writes or fails */
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno != EINTR) {
            log->failed = true;
            return false;
        }
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool front_log_console(struct front_log *log, uint16_t vm, const void *data, size_t len)
{
    return log_write(log, log->vm[vm], data, len);
}

bool front_log_event(struct front_log *log, uint64_t now_ns, const char *text)
{
    char line[1024];
    int n = snprintf(line, sizeof(line), "[%8llu.%03llu] %.960s\n",
                     (unsigned long long)(now_ns / 1000000000u),
                     (unsigned long long)(now_ns / 1000000u % 1000u), text);
    return log_write(log, log->events, line, n > 0 ? (size_t)n : 0);
}

bool front_log_process(struct front_log *log, uint64_t now_ns, const char *name,
                       const struct process_report *p)
{
    char line[256];
    int n = snprintf(
        line, sizeof(line), "[%8llu.%03llu] %.48s pid %u private %llu KiB descriptors %u\n",
        (unsigned long long)(now_ns / 1000000000u), (unsigned long long)(now_ns / 1000000u % 1000u),
        name, p->pid, (unsigned long long)p->private_kib, p->fds);
    return log_write(log, log->processes, line, n > 0 ? (size_t)n : 0);
}

void front_log_close(struct front_log *log)
{
    for (uint32_t i = 0; i < SYSTEM_VMS_MAX; i++) {
        if (log->vm[i] >= 0) {
            close(log->vm[i]);
        }
    }
    if (log->events >= 0) {
        close(log->events);
    }
    if (log->processes >= 0) {
        close(log->processes);
    }
    front_log_none(log);
}
