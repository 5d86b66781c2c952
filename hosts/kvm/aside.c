/* SPDX-License-Identifier: BSD-2-Clause
 * See aside.h. */
#include "kvm/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

int aside_ask(void (*work)(struct aside_answer *answer))
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) != 0) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        struct aside_answer answer = {.yes = false};
        work(&answer);
        bool told = write(fd[1], &answer, sizeof(answer)) == (ssize_t)sizeof(answer);
        _exit(told ? 0 : 1);
    }
    (void)close(fd[1]);
    if (pid < 0) {
        (void)close(fd[0]);
        return -1;
    }
    return fd[0];
}

bool aside_take(int question, struct aside_answer *answer)
{
    ssize_t n = -1;
    if (question >= 0) {
        do { /* bound: signals */
            n = read(question, answer, sizeof(*answer));
        } while (n < 0 && errno == EINTR);
        (void)close(question);
    }
    if (n != (ssize_t)sizeof(*answer)) {
        *answer = (struct aside_answer){.yes = false};
        (void)snprintf(answer->why, sizeof(answer->why), "the process that tries KVM is gone");
    }
    return n == (ssize_t)sizeof(*answer);
}
