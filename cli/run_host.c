/* SPDX-License-Identifier: BSD-2-Clause
 * Where the VMs of a run live. */
#include "run_host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "front_tty.h"
#include "kvm/supervise.h"

#define HOST_END_MS 5000 /* a supervisor whose link was closed ends within milliseconds */

/* The child: out of the terminal's process group, so that Ctrl-C reaches the person's side alone,
 * which then ends everything in order. */
static _Noreturn void host_child(const struct system_image *image, int link_fd)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setpgid(0, 0);
    signals_reset();
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
    }
    _exit(supervise(image, link_fd));
}

static bool host_start_kvm(struct run_host *h, const struct system_image *image, char *why,
                           size_t why_size)
{
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0) {
        snprintf(why, why_size, "no socket pair for the supervisor: %s", strerror(errno));
        return false;
    }
    fflush(NULL); /* or the child would have a copy of what is buffered */
    h->pid = fork();
    if (h->pid == 0) {
        close(fd[0]);
        host_child(image, fd[1]);
    }
    close(fd[1]);
    if (h->pid < 0) {
        snprintf(why, why_size, "no process for the supervisor: %s", strerror(errno));
        close(fd[0]);
        return false;
    }
    setpgid(h->pid, h->pid); /* the child does it too: whoever comes first */
    h->link_fd = fd[0];
    return true;
}

bool run_host_start(struct run_host *h, bool simulated, const struct system_image *image,
                    const char *log_dir, char *why, size_t why_size)
{
    memset(h, 0, sizeof(*h));
    h->simulated = simulated;
    if (!simulated) {
        return host_start_kvm(h, image, why, why_size);
    }
    const struct machine_options opt = {.log_dir = log_dir};
    h->machine = machine_start(image, &opt, why, why_size);
    if (h->machine == NULL) {
        return false;
    }
    h->link_fd = machine_link_fd(h->machine);
    return true;
}

bool run_host_may_retry(const struct run_host *h)
{
    return h->simulated && machine_failed_to_boot(h->machine);
}

/* True if the child has ended, or does within the limit. */
static bool host_wait_end(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0u);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n;
    if (fd < 0) {
        return false;
    }
    do { /* a signal begins the wait anew: a person who is in a hurry sends another kind */
        n = poll(&p, 1, HOST_END_MS);
    } while (n < 0 && errno == EINTR);
    close(fd);
    return n == 1;
}

static bool host_finish_kvm(struct run_host *h, char *why, size_t why_size)
{
    int status = 0;
    bool ended;
    close(h->link_fd); /* tells the supervisor to end everything */
    ended = host_wait_end(h->pid);
    kill(-h->pid, SIGKILL);                                     /* whoever of its group is left */
    while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR) { /* bound: it was killed */
    }
    if (!ended) {
        snprintf(why, why_size, "the supervisor did not end by itself and was killed");
    } else if (WIFSIGNALED(status)) {
        snprintf(why, why_size, "the supervisor was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0) {
        snprintf(why, why_size, "the supervisor ended with status %d: see its notes above",
                 WEXITSTATUS(status));
    } else {
        return true;
    }
    return false;
}

bool run_host_finish(struct run_host *h, char *why, size_t why_size)
{
    if (h->simulated) {
        return machine_finish(h->machine, why, why_size) == 0;
    }
    return host_finish_kvm(h, why, why_size);
}
