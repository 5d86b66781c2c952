/* SPDX-License-Identifier: BSD-2-Clause
 * Starting components. */
#include "kvm/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm/sched.h"

#define SPAWN_ARGS 5u /* before the descriptors */

static _Noreturn void child_exec(const struct spawn_job *job)
{
    char number[SPAWN_FDS_MAX + 2u][16];
    char *argv[SPAWN_ARGS + SPAWN_FDS_MAX + 1u] = {"bulkhead", "--component"};
    union {
        const char *in;
        char *out; /* execv() knows no const */
    } role = {.in = job->role};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    sched_pin(job->cpu);
    (void)sched_set_priority(0, job->priority); /* the person was warned */
    (void)snprintf(number[0], sizeof(number[0]), "%d", job->image_fd);
    (void)snprintf(number[1], sizeof(number[1]), "%u", job->index);
    (void)fcntl(job->image_fd, F_SETFD, 0);
    argv[2] = role.out;
    argv[3] = number[0];
    argv[4] = number[1];
    for (uint32_t i = 0; i < job->fds; i++) { /* bound: SPAWN_FDS_MAX */
        (void)snprintf(number[2u + i], sizeof(number[0]), "%d", job->fd[i]);
        argv[SPAWN_ARGS + i] = number[2u + i];
        (void)fcntl(job->fd[i], F_SETFD, 0);
    }
    (void)execv("/proc/self/exe", argv);
    _exit(127);
}

bool spawn(const struct spawn_job *job, struct spawned *out)
{
    *out = SPAWNED_NONE;
    if (job->fds > SPAWN_FDS_MAX) {
        errno = E2BIG;
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        child_exec(job);
    }
    int pid_fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
    if (pid_fd < 0) {
        int saved = errno;
        if (pid > 0) { /* its end would never be noticed */
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, NULL, 0);
        }
        errno = saved;
        return false;
    }
    (void)fcntl(pid_fd, F_SETFD, FD_CLOEXEC);
    *out = (struct spawned){.pid = pid, .pid_fd = pid_fd};
    return true;
}

static void forget(struct spawned *s)
{
    (void)close(s->pid_fd);
    *s = SPAWNED_NONE;
}

bool spawn_reap(struct spawned *s, int *status)
{
    if (s->pid <= 0 || waitpid(s->pid, status, WNOHANG) != s->pid) {
        return false;
    }
    forget(s);
    return true;
}

void spawn_end(struct spawned *s)
{
    int status;
    if (s->pid <= 0) {
        return;
    }
    struct pollfd p = {.fd = s->pid_fd, .events = POLLIN};
    (void)kill(s->pid, SIGKILL);
    while (poll(&p, 1, SPAWN_END_MS) < 0 && errno == EINTR) {
        /* bound: one turn a signal */
    }
    if (!spawn_reap(s, &status)) {
        forget(s); /* init buries it when we are gone */
    }
}
