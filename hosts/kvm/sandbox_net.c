/* SPDX-License-Identifier: BSD-2-Clause
 * Seccomp filters of the components that carry frames. */
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kvm/sandbox.h"
#include "kvm/sandbox_filter.h"

/* What each of them calls, and what abort() needs to end loudly. */
#define ALLOWED_MOVER          \
    ALLOW(SYS_read)            \
    ALLOW(SYS_poll)            \
    ALLOW(SYS_write)           \
    ALLOW(SYS_clock_gettime)   \
    ALLOW(SYS_rt_sigreturn)    \
    ALLOW(SYS_restart_syscall) \
    ALLOW(SYS_exit_group)      \
    ALLOW(SYS_rt_sigprocmask)  \
    ALLOW(SYS_getpid)          \
    ALLOW(SYS_gettid)

/* Its own scheduling, between these two policies: see struct sched_patience. */
#define ALLOW_PATIENCE                                                                 \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_setscheduler, 0, 7), LOAD(args[0]),  \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4), LOAD(args[1]),                   \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SCHED_OTHER, 1, 0),                        \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SCHED_BATCH, 0, 1), DO(SECCOMP_RET_ALLOW), \
        DO(SECCOMP_RET_KILL_PROCESS),

bool sandbox_enter_mover(void)
{
    struct sock_filter filter[] = {FILTER_BEGIN ALLOW_ARG(
        SYS_tgkill, 0, UINT32_MAX, (uint32_t)getpid()) ALLOWED_MOVER ALLOW_PATIENCE FILTER_END};
    return sandbox_install(filter, sizeof(filter) / sizeof(filter[0]));
}

/* --- Uplink ------------------------------------------------------------------------------------ */

/* What libslirp and the C library under it call on behalf of sockets, memory and /etc/resolv.conf. */
#define ALLOWED_UPLINK      \
    ALLOW(SYS_ppoll)        \
    ALLOW(SYS_recvfrom)     \
    ALLOW(SYS_sendto)       \
    ALLOW(SYS_recvmsg)      \
    ALLOW(SYS_sendmsg)      \
    ALLOW(SYS_readv)        \
    ALLOW(SYS_writev)       \
    ALLOW(SYS_connect)      \
    ALLOW(SYS_bind)         \
    ALLOW(SYS_listen)       \
    ALLOW(SYS_accept)       \
    ALLOW(SYS_accept4)      \
    ALLOW(SYS_shutdown)     \
    ALLOW(SYS_getsockname)  \
    ALLOW(SYS_getpeername)  \
    ALLOW(SYS_getsockopt)   \
    ALLOW(SYS_setsockopt)   \
    ALLOW(SYS_close)        \
    ALLOW(SYS_newfstatat)   \
    ALLOW(SYS_fstat)        \
    ALLOW(SYS_lseek)        \
    ALLOW(SYS_brk)          \
    ALLOW(SYS_munmap)       \
    ALLOW(SYS_mremap)       \
    ALLOW(SYS_madvise)      \
    ALLOW(SYS_futex)        \
    ALLOW(SYS_gettimeofday) \
    ALLOW(SYS_getrandom)

/* From here on this process reads no files but those beside the list of name servers, wherever that
 * really lies. Where the kernel has no Landlock, the filter below still lets nothing be written. */
static void see_name_servers_only(void)
{
    char path[PATH_MAX];
    const struct landlock_ruleset_attr all = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                             LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                             LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                             LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                             LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                             LANDLOCK_ACCESS_FS_MAKE_SYM,
    };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
    if (rules < 0) {
        return;
    }
    /* Its directory: the file is replaced whenever the network changes. */
    if (realpath("/etc/resolv.conf", path) != NULL && strrchr(path, '/') > path) {
        *strrchr(path, '/') = '\0';
        struct landlock_path_beneath_attr beneath = {
            .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
            .parent_fd = open(path, O_PATH | O_CLOEXEC),
        };
        (void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
        (void)close(beneath.parent_fd);
    }
    (void)syscall(SYS_landlock_restrict_self, rules, 0);
    (void)close(rules);
}

/* Commands of fcntl() from F_SETOWN on: with an owner and F_SETSIG a descriptor sends any signal to any
 * process of this user. Flags (F_SETFL, F_SETFD) come before. */
#define FCNTL_OWNERS (~7u)
_Static_assert(F_SETFL < 8 && F_SETFD < 8 && F_SETOWN >= 8, "one mask divides them");

/* Sockets of the Internet only, not those of this machine's own services. Files are opened for reading
 * only, and no new memory is executable. */
bool sandbox_enter_uplink(void)
{
    struct sock_filter filter[] = {
        FILTER_BEGIN ALLOW_ARG(SYS_tgkill, 0, UINT32_MAX, (uint32_t)getpid())
            ALLOW_ARG(SYS_socket, 0, UINT32_MAX, AF_INET)
                ALLOW_ARG(SYS_openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)
                    ALLOW_ARG(SYS_mmap, 2, PROT_EXEC, 0) ALLOW_ARG(SYS_mprotect, 2, PROT_EXEC, 0)
                        ALLOW_ARG(SYS_ioctl, 1, UINT32_MAX, FIONREAD)
                            ALLOW_ARG(SYS_fcntl, 1, FCNTL_OWNERS, 0)
                                ALLOWED_MOVER ALLOWED_UPLINK FILTER_END};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        see_name_servers_only();
    }
    return sandbox_install(filter, sizeof(filter) / sizeof(filter[0]));
}
