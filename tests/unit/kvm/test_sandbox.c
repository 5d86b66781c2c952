/* SPDX-License-Identifier: BSD-2-Clause
 * What a VM's process may still do in its sandbox: each in a process of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "kvm/sandbox.h"

typedef void deed(void);

static bool (*enter)(void) = sandbox_enter;

/* The wait status of a process that does this in the sandbox; exit status 0 if it is not ended. */
static int does(deed *what)
{
    int status = -1;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        if (!enter()) {
            _exit(99);
        }
        what();
        (void)syscall(SYS_exit_group, 0); /* not _exit(): a sanitizer would look around first */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool killed_by(int status, int number)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == number;
}

static void enters_a_guest(void)
{
    (void)syscall(SYS_ioctl, -1, KVM_RUN, NULL);
}

/* What abort() comes to. Not abort() itself: a sanitizer would look around first. */
static void aborts(void)
{
    (void)syscall(SYS_tgkill, (int)syscall(SYS_getpid), (int)syscall(SYS_gettid), SIGABRT);
}

static void types_into_the_terminal(void)
{
    (void)syscall(SYS_ioctl, STDERR_FILENO, TIOCSTI, "x");
}

static void opens_a_file(void)
{
    (void)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
}

static void signals_its_parent(void)
{
    (void)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static void signals_its_parent_the_plain_way(void)
{
    (void)syscall(SYS_kill, getppid(), 0);
}

static void a_component_enters_its_guest_and_can_end_loudly(void **state)
{
    (void)state;
    enter = sandbox_enter;
    assert_int_equal(does(enters_a_guest), 0);
    assert_true(killed_by(does(aborts), SIGABRT));
}

static void it_reaches_neither_files_nor_the_terminal_nor_other_processes(void **state)
{
    (void)state;
    enter = sandbox_enter;
    assert_true(killed_by(does(opens_a_file), SIGSYS));
    assert_true(killed_by(does(types_into_the_terminal), SIGSYS));
    assert_true(killed_by(does(signals_its_parent), SIGSYS));
    assert_true(killed_by(does(signals_its_parent_the_plain_way), SIGSYS));
}

static void wakes_somebody(void)
{
    (void)syscall(SYS_write, -1, "", 1);
    (void)syscall(SYS_read, -1, NULL, 1);
}

/* A descriptor that has something to read would kill its owner. */
static void has_a_descriptor_signal_its_parent(void)
{
    (void)syscall(SYS_fcntl, STDIN_FILENO, F_SETOWN, getppid());
}

static void makes_a_descriptor_not_block(void)
{
    (void)syscall(SYS_fcntl, -1, F_SETFL, O_NONBLOCK);
    (void)syscall(SYS_fcntl, -1, F_SETFD, FD_CLOEXEC);
}

static void makes_a_socket(void)
{
    (void)syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
}

static void makes_a_local_socket(void)
{
    (void)syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}

static void writes_a_file(void)
{
    (void)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY);
}

static void starts_a_program(void)
{
    (void)syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static void makes_code(void)
{
    (void)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void becomes_patient_and_prompt(void)
{
    const struct sched_param none = {.sched_priority = 0};
    if (syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &none) != 0 ||
        syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none) != 0) {
        (void)syscall(SYS_exit_group, 1);
    }
}

static void goes_before_everybody(void)
{
    const struct sched_param most = {.sched_priority = 99};
    (void)syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &most);
}

static void makes_others_patient(void)
{
    const struct sched_param none = {.sched_priority = 0};
    (void)syscall(SYS_sched_setscheduler, 1, SCHED_BATCH, &none);
}

static void a_mover_reads_and_writes_and_has_no_guest(void **state)
{
    (void)state;
    enter = sandbox_enter_mover;
    assert_int_equal(does(wakes_somebody), 0);
    assert_int_equal(does(becomes_patient_and_prompt), 0);
    assert_true(killed_by(does(goes_before_everybody), SIGSYS));
    assert_true(killed_by(does(makes_others_patient), SIGSYS));
    assert_true(killed_by(does(aborts), SIGABRT));
    assert_true(killed_by(does(enters_a_guest), SIGSYS));
    assert_true(killed_by(does(opens_a_file), SIGSYS));
    assert_true(killed_by(does(makes_a_socket), SIGSYS));
    assert_true(killed_by(does(makes_code), SIGSYS));
    assert_true(killed_by(does(signals_its_parent), SIGSYS));
}

static void an_uplink_has_sockets_and_writes_no_files(void **state)
{
    (void)state;
    enter = sandbox_enter_uplink;
    assert_int_equal(does(makes_a_socket), 0);
    assert_int_equal(does(opens_a_file), 0); /* for reading */
    assert_int_equal(does(makes_a_descriptor_not_block), 0);
    assert_true(killed_by(does(aborts), SIGABRT));
    assert_true(killed_by(does(makes_a_local_socket), SIGSYS));
    assert_true(killed_by(does(writes_a_file), SIGSYS));
    assert_true(killed_by(does(starts_a_program), SIGSYS));
    assert_true(killed_by(does(makes_code), SIGSYS));
    assert_true(killed_by(does(types_into_the_terminal), SIGSYS));
    assert_true(killed_by(does(signals_its_parent), SIGSYS));
    assert_true(killed_by(does(has_a_descriptor_signal_its_parent), SIGSYS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_component_enters_its_guest_and_can_end_loudly),
        cmocka_unit_test(a_mover_reads_and_writes_and_has_no_guest),
        cmocka_unit_test(an_uplink_has_sockets_and_writes_no_files),
        cmocka_unit_test(it_reaches_neither_files_nor_the_terminal_nor_other_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
