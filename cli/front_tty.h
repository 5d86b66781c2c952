/* SPDX-License-Identifier: BSD-2-Clause
 * The terminal's modes and the signals that concern them. One terminal per process: what must be
 * given back whatever happens has to be known to signal handlers. */
#ifndef CLI_FRONT_TTY_H
#define CLI_FRONT_TTY_H

#include <stdbool.h>
#include <stdint.h>

/* Keys come one by one from fd, unechoed, Ctrl-C included. False: fd is no terminal, or this
 * process is not in its foreground (try again after SIGCONT). The modes are given back by
 * tty_restore(), at exit(), and when the process crashes. */
bool tty_raw(int fd);
void tty_restore(void); /* async-signal-safe; does nothing where nothing was changed */
bool tty_is_raw(void);

/* Columns of the terminal at fd; 80 where that is not known. */
uint32_t tty_columns(int fd);

/* Catches SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT and SIGWINCH, ignores SIGPIPE, and
 * gives the terminal back on crashes. Returns a descriptor that becomes readable when a signal
 * came, or -1. */
int signals_open(void);

/* The oldest signal not yet taken, or 0. */
int signals_take(void);

/* In a child that is not to inherit any of this. */
void signals_reset(void);

/* Gives the terminal back and stops this process until SIGCONT. */
void tty_suspend(void);

#endif
