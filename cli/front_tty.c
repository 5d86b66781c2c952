/* SPDX-License-Identifier: BSD-2-Clause
 * The terminal's modes, and signals as bytes in a pipe. */
#include "front_tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const int tty_caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
static const int tty_crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

static struct termios tty_saved;
static int tty_fd = -1;
static volatile sig_atomic_t tty_changed;
static int tty_pipe[2] = {-1, -1};

void tty_restore(void)
{
    if (tty_changed != 0) {
        tty_changed = 0;
        tcsetattr(tty_fd, TCSANOW, &tty_saved);
    }
}

bool tty_raw(int fd)
{
    static bool registered;
    if (tty_changed != 0) {
        return true;
    }
    /* From the background, tcsetattr() would stop this process. */
    if (tcgetpgrp(fd) != getpgrp() || tcgetattr(fd, &tty_saved) != 0) {
        return false;
    }
    struct termios raw = tty_saved;
    raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
    raw.c_cc[VMIN] = 1; /* output processing stays: our own lines end in a bare newline */
    raw.c_cc[VTIME] = 0;
    if (!registered) {
        registered = atexit(tty_restore) == 0;
    }
    tty_fd = fd;
    tty_changed = 1; /* first: a signal between the two calls restores what is still there */
    if (tcsetattr(fd, TCSANOW, &raw) != 0) {
        tty_changed = 0;
        return false;
    }
    return true;
}

bool tty_is_raw(void)
{
    return tty_changed != 0;
}

uint32_t tty_columns(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 80;
    }
    return size.ws_col;
}

static void tty_on_signal(int sig)
{
    int kept = errno;
    uint8_t byte = (uint8_t)sig;
    /* The pipe is non-blocking: when it is full, enough signals are waiting already. */
    if (write(tty_pipe[1], &byte, 1) < 0) {
        errno = kept;
        return;
    }
    errno = kept;
}

/* SA_RESETHAND: the signal strikes again on return, or here, with its own default action. */
static void tty_on_crash(int sig)
{
    tty_restore();
    raise(sig);
}

int signals_open(void)
{
    struct sigaction act;
    if (tty_pipe[0] < 0 && pipe2(tty_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -1;
    }
    memset(&act, 0, sizeof(act));
    sigemptyset(&act.sa_mask);
    act.sa_handler = tty_on_signal;
    act.sa_flags = SA_RESTART;
    for (size_t i = 0; i < sizeof(tty_caught) / sizeof(tty_caught[0]); i++) {
        sigaction(tty_caught[i], &act, NULL);
    }
    act.sa_handler = tty_on_crash;
    act.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
    for (size_t i = 0; i < sizeof(tty_crashes) / sizeof(tty_crashes[0]); i++) {
        sigaction(tty_crashes[i], &act, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    return tty_pipe[0];
}

int signals_take(void)
{
    uint8_t byte;
    return read(tty_pipe[0], &byte, 1) == 1 ? byte : 0;
}

void signals_reset(void)
{
    for (size_t i = 0; i < sizeof(tty_caught) / sizeof(tty_caught[0]); i++) {
        signal(tty_caught[i], SIG_DFL);
    }
    for (size_t i = 0; i < sizeof(tty_crashes) / sizeof(tty_crashes[0]); i++) {
        signal(tty_crashes[i], SIG_DFL);
    }
    signal(SIGPIPE, SIG_DFL);
    tty_changed = 0; /* the terminal is the parent's to restore */
}

void tty_suspend(void)
{
    tty_restore();
    kill(getpid(), SIGSTOP);
}
