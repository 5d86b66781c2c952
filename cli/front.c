/* SPDX-License-Identifier: BSD-2-Clause
 * The person's side of a run: the loop, the clock, keys and signals.
 *
 * One poll(2) over link, keys and signals. Writing to the supervisor never blocks (frames wait in a
 * queue, and keys wait in the terminal while it is full): the supervisor may itself be waiting for
 * us to read. Writing to the screen may block; then the link fills up, the supervisor drops console
 * bytes and counts them, and the guests go on. */
#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "front_tty.h"

#define NS_PER_S       1000000000u
#define FRONT_QUIET_NS (20ull * NS_PER_S)

static uint64_t front_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void front_say(struct front *f, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    console_say(&f->console, text);
    front_log_event(&f->log, f->now_ns, text); /* a full disk is told of by the consoles' log */
}

void front_init(struct front *f, const struct front_options *opt, struct run_facts *facts,
                struct watch_list *watches)
{
    memset(f, 0, sizeof(*f));
    f->opt = *opt;
    f->facts = facts;
    f->watches = watches;
    f->link_fd = -1;
    f->keys_fd = opt->keys_fd;
    f->begin_ns = front_clock();
    front_log_none(&f->log);
    console_init(&f->console, opt->out, facts->image, opt->colour, opt->out_tty >= 0);
    if (opt->out_tty >= 0) {
        console_set_width(&f->console, tty_columns(opt->out_tty));
    }
}

/* --- Towards the supervisor ------------------------------------------------------------------- */

bool front_send(struct front *f, enum link_type type, uint16_t vm, const void *data, size_t len)
{
    struct link_head head = {
        .magic = LINK_MAGIC, .type = (uint16_t)type, .vm = vm, .len = (uint32_t)len};
    if (sizeof(head) + len > sizeof(f->out) - f->out_len) {
        return false;
    }
    memcpy(f->out + f->out_len, &head, sizeof(head));
    if (len > 0) {
        memcpy(f->out + f->out_len + sizeof(head), data, len);
    }
    f->out_len += sizeof(head) + len;
    return true;
}

static void front_flush_link(struct front *f)
{
    ssize_t n = send(f->link_fd, f->out, f->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
        memmove(f->out, f->out + n, f->out_len - (size_t)n);
        f->out_len -= (size_t)n;
    } else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        f->out_len = 0; /* gone: reading the link will say so, after what it still holds */
    }
}

void front_stop(struct front *f, enum run_end end, const char *text)
{
    if (f->stopping) {
        return;
    }
    f->stopping = true;
    f->stop_ns = f->now_ns;
    f->facts->end = end;
    f->facts->run_ns = f->hello ? f->now_ns - f->hello_ns : 0;
    snprintf(f->facts->end_text, sizeof(f->facts->end_text), "%s", text);
    front_say(f, "ending: %s", text);
    if (!f->hello) {
        f->over = true; /* nothing runs yet; whoever started the machine ends it */
    } else if (!f->over) {
        front_send(f, LINK_STOP, LINK_NO_VM, NULL, 0);
    }
}

/* --- The person ------------------------------------------------------------------------------- */

static void front_quit(struct front *f, int sig, const char *text)
{
    if (f->stopping) {
        front_say(f, "not waiting for the VMs to end");
        f->over = true;
        return;
    }
    f->facts->signal = sig;
    front_stop(f, RUN_ASKED, text);
}

static void front_focus(struct front *f, int vm, bool raw)
{
    if (vm >= (int)f->facts->image->vms) {
        front_say(f, "there is no VM %d: the system file has %u", vm + 1, f->facts->image->vms);
        return;
    }
    if (raw && vm != CONSOLE_NOBODY) {
        front_say(f, "%s gets the screen, unfiltered; Ctrl-A r gives it back",
                  f->facts->image->vm[vm].name);
    }
    console_focus(&f->console, vm, raw);
    if (!raw) {
        front_say(f, "typing goes to %s",
                  vm == CONSOLE_NOBODY ? "nobody" : f->facts->image->vm[vm].name);
    }
}

static void front_raw(struct front *f)
{
    if (f->console.focus == CONSOLE_NOBODY) {
        front_say(f, "no VM is in focus: Ctrl-A 1 takes the first, then Ctrl-A r");
        return;
    }
    front_focus(f, f->console.focus, !f->console.raw);
}

static void front_suspend(struct front *f)
{
    bool was_raw = tty_is_raw();
    front_say(f, "suspended; the guests go on");
    console_flush(&f->console);
    tty_suspend();
    if (was_raw) {
        tty_raw(f->keys_fd);
    }
}

static void front_no_focus(struct front *f)
{
    if (!f->hinted) {
        f->hinted = true;
        front_say(f, "typing goes to nobody: Ctrl-A 1 types into %s; Ctrl-A ? for help",
                  f->facts->image->vm[0].name);
    }
}

static void front_key(struct front *f, uint8_t byte, uint8_t *typed, size_t *typed_len)
{
    uint8_t arg = 0;
    int focus = f->console.focus;
    switch (keys_take(&f->keys, byte, focus != CONSOLE_NOBODY, &arg)) {
    case KEY_TYPE:
        if (focus == CONSOLE_NOBODY) {
            front_no_focus(f);
        } else {
            typed[(*typed_len)++] = arg;
        }
        break;
    case KEY_FOCUS:
        front_focus(f, (int)arg - 1, false);
        break;
    case KEY_NEXT:
        front_focus(f, (focus + 1) % (int)f->facts->image->vms, false);
        break;
    case KEY_RAW:
        front_raw(f);
        break;
    case KEY_HELP:
        front_say(f, "%s", keys_help);
        break;
    case KEY_SUSPEND:
        front_suspend(f);
        break;
    case KEY_QUIT:
        front_quit(f, SIGINT, "asked to by a key");
        break;
    case KEY_NOTHING:
    default:
        break;
    }
}

static void front_take_keys(struct front *f)
{
    uint8_t in[256];
    uint8_t typed[256];
    size_t typed_len = 0;
    ssize_t n = read(f->keys_fd, in, sizeof(in));
    if (n <= 0) {
        if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            f->keys_fd = -1; /* the terminal is gone; SIGHUP says so if it matters */
        }
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        int focus = f->console.focus;
        front_key(f, in[i], typed, &typed_len);
        if (typed_len > 0 && (f->console.focus != focus || i + 1 == n)) {
            front_send(f, LINK_INPUT, (uint16_t)focus, typed, typed_len);
            typed_len = 0;
        }
    }
}

static void front_take_signals(struct front *f)
{
    for (int sig = signals_take(); sig != 0; sig = signals_take()) { /* bound: the pipe's size */
        if (sig == SIGTSTP) {
            front_suspend(f);
        } else if (sig == SIGCONT) {
            if (f->keys_fd >= 0) {
                tty_restore(); /* the shell may have changed them: take them anew */
                tty_raw(f->keys_fd);
            }
        } else if (sig == SIGWINCH) {
            if (f->opt.out_tty >= 0) {
                console_set_width(&f->console, tty_columns(f->opt.out_tty));
            }
        } else {
            char text[64];
            snprintf(text, sizeof(text), "asked to by signal %d (%s)", sig, strsignal(sig));
            front_quit(f, sig, text);
        }
    }
}

/* --- The clock -------------------------------------------------------------------------------- */

/* What else there is to wait for, and until when; UINT64_MAX: nothing. */
static uint64_t front_deadline(const struct front *f)
{
    uint64_t at = console_deadline(&f->console);
    uint64_t other = f->hello ? UINT64_MAX : f->opt.start_limit_ns;
    if (f->stopping) {
        other = f->stop_ns + f->opt.stop_limit_ns;
    } else if (f->hello) {
        other = f->opt.for_ns != 0 ? f->hello_ns + f->opt.for_ns : UINT64_MAX;
        other = f->hopeless_ns < other ? f->hopeless_ns : other;
        uint64_t quiet = f->quiet_said ? UINT64_MAX : f->heard_ns + FRONT_QUIET_NS;
        other = quiet < other ? quiet : other;
    }
    return at < other ? at : other;
}

static void front_check_stop(struct front *f)
{
    if (f->now_ns >= f->stop_ns + f->opt.stop_limit_ns) {
        f->over = true;
        f->facts->machine_bad = true;
        front_say(f, "the supervisor has not stopped everything within %llu s: not waiting longer",
                  (unsigned long long)(f->opt.stop_limit_ns / NS_PER_S));
    }
}

static void front_check_run(struct front *f)
{
    if (!f->hello) {
        if (f->now_ns >= f->opt.start_limit_ns) {
            front_stop(f, RUN_NOT_STARTED, "the machine did not say a word in time");
        }
        return;
    }
    if (f->opt.for_ns != 0 && f->now_ns >= f->hello_ns + f->opt.for_ns) {
        front_stop(f, RUN_TIME_UP, "the time given with --for is over");
    } else if (f->now_ns >= f->hopeless_ns) {
        f->hopeless_ns = UINT64_MAX;
        if (front_is_hopeless(f)) {
            front_stop(f, RUN_HOPELESS,
                       "a VM that --until waits for has ended and will not be started again");
        }
    } else if (!f->quiet_said && f->now_ns >= f->heard_ns + FRONT_QUIET_NS) {
        f->quiet_said = true;
        front_say(f, "nothing was heard from the supervisor for %llu s",
                  (unsigned long long)(FRONT_QUIET_NS / NS_PER_S));
    }
}

/* --- The loop --------------------------------------------------------------------------------- */

static int front_timeout_ms(const struct front *f)
{
    uint64_t at = front_deadline(f);
    uint64_t now = front_clock() - f->begin_ns;
    if (at <= now) {
        return 0;
    }
    uint64_t ms = (at - now) / 1000000u + 1u; /* rounded up: not early, not spinning */
    return ms < 60000u ? (int)ms : 60000;
}

static bool front_takes_keys(const struct front *f)
{
    return f->keys_fd >= 0 && tty_is_raw() && f->out_len + FRONT_OUT_RESERVE < sizeof(f->out);
}

static void front_turn(struct front *f)
{
    struct pollfd p[3] = {
        {.fd = f->link_fd, .events = (short)(POLLIN | (f->out_len > 0 ? POLLOUT : 0))},
        {.fd = front_takes_keys(f) ? f->keys_fd : -1, .events = POLLIN},
        {.fd = f->opt.signal_fd, .events = POLLIN},
    };
    if (poll(p, 3, front_timeout_ms(f)) < 0) {
        memset(p, 0, sizeof(p));
    }
    f->now_ns = front_clock() - f->begin_ns;
    /* In this order: a person answers to what the guests have said already. */
    if (p[0].revents != 0) {
        front_take_link(f);
    }
    if (p[1].revents != 0 && !f->over) {
        front_take_keys(f);
    }
    if (p[2].revents != 0 && !f->over) {
        front_take_signals(f);
    }
    if (f->out_len > 0 && !f->over) {
        front_flush_link(f);
    }
    if (f->stopping && !f->over) {
        front_check_stop(f);
    } else if (!f->over) {
        front_check_run(f);
    }
    console_settle(&f->console, f->now_ns);
    if (!console_flush(&f->console) && !f->stopping) {
        front_quit(f, SIGPIPE, "nobody reads the output any more");
    }
}

/* Takes the terminal and says what a person can do. */
static void front_take_terminal(struct front *f)
{
    const struct system_image *image = f->facts->image;
    if (f->keys_fd < 0 || !tty_raw(f->keys_fd)) {
        return;
    }
    front_say(f, "Ctrl-C ends the run, Ctrl-A 1..%u types into a VM, Ctrl-A ? for help",
              image->vms);
    for (uint32_t i = 0; f->opt.focus_linux && i < image->vms; i++) {
        if (image->vm[i].protocol == SYSTEM_BOOT_LINUX) {
            front_focus(f, (int)i, false);
            return;
        }
    }
}

void front_run(struct front *f, int link_fd)
{
    f->link_fd = link_fd;
    f->reader.have = 0;
    f->begin_ns = front_clock();
    f->now_ns = 0;
    f->heard_ns = 0;
    f->hopeless_ns = UINT64_MAX;
    f->hello = false;
    f->stopping = false;
    f->over = false;
    f->done = false;
    f->out_len = 0;
    fcntl(link_fd, F_SETFL, fcntl(link_fd, F_GETFL) | O_NONBLOCK);
    if (!tty_is_raw()) {
        front_take_terminal(f);
    }
    console_flush(&f->console);
    while (!f->over) { /* bound: the limits in front_check_stop() and front_check_run() */
        front_turn(f);
    }
}

void front_finish(struct front *f)
{
    console_finish(&f->console);
    console_flush(&f->console);
    tty_restore();
    for (uint32_t i = 0; i < f->facts->image->vms; i++) {
        snprintf(f->facts->vm[i].last_line, sizeof(f->facts->vm[i].last_line), "%s",
                 f->console.vm[i].last);
    }
    f->facts->limited = f->opt.for_ns != 0;
    f->facts->status = summary_status(f->facts);
    front_log_close(&f->log);
}
