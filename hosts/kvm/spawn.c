/* SPDX-License-Identifier: BSD-2-Clause
 * Starting components. */
#include "kvm/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPAWN_CPUS_MAX 256u
#define SPAWN_ARGS     5u /* before the descriptors */

/* CPUs that this process may use, in order; returns how many. */
static uint32_t usable_cpus(uint32_t *list, uint32_t max)
{
    cpu_set_t set;
    uint32_t count = 0;
    CPU_ZERO(&set);
    (void)sched_getaffinity(0, sizeof(set), &set);
    for (uint32_t i = 0; i < CPU_SETSIZE && count < max; i++) {
        if (CPU_ISSET(i, &set)) {
            list[count] = i;
            count++;
        }
    }
    return count;
}

int spawn_cpu(uint32_t logical)
{
    uint32_t list[SPAWN_CPUS_MAX];
    uint32_t count = usable_cpus(list, SPAWN_CPUS_MAX);
    return logical == SYSTEM_CPU_ANY || count == 0 ? -1 : (int)list[logical % count];
}

uint32_t spawn_cpus(void)
{
    uint32_t list[SPAWN_CPUS_MAX];
    return usable_cpus(list, SPAWN_CPUS_MAX);
}

static bool beyond(uint32_t cpu, uint32_t count)
{
    return cpu != SYSTEM_CPU_ANY && cpu >= count;
}

bool spawn_must_fold(const struct system_image *image)
{
    uint32_t count = spawn_cpus();
    bool fold = false;
    for (uint32_t i = 0; i < image->vms; i++) {
        const struct system_vm *vm = &image->vm[i];
        fold = fold || beyond(vm->cpu, count) || (vm->nics > 0 && beyond(vm->io_cpu, count));
    }
    for (uint32_t i = 0; i < image->switches; i++) {
        fold = fold || beyond(image->switch_[i].cpu, count);
    }
    return fold;
}

static _Noreturn void child_exec(const struct spawn_job *job)
{
    char number[SPAWN_FDS_MAX + 2u][16];
    char *argv[SPAWN_ARGS + SPAWN_FDS_MAX + 1u] = {"bulkhead", "--component"};
    union {
        const char *in;
        char *out; /* execv() knows no const */
    } role = {.in = job->role};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (job->cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)job->cpu, &set);
        (void)sched_setaffinity(0, sizeof(set), &set);
    }
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

bool spawn_reap(struct spawned *s, bool kill_it, int *status)
{
    if (s->pid <= 0) {
        return false;
    }
    if (kill_it) {
        (void)kill(s->pid, SIGKILL);
    }
    pid_t got;
    do {
        got = waitpid(s->pid, status, 0);
    } while (got < 0 && errno == EINTR);
    if (got != s->pid) {
        return false;
    }
    (void)close(s->pid_fd);
    *s = SPAWNED_NONE;
    return true;
}
