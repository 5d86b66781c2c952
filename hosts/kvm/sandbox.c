/* SPDX-License-Identifier: BSD-2-Clause
 * A seccomp filter: a guest that broke out of its VM and into this process would find no files to
 * open, no programs to start and no sockets to make. */
#include "kvm/sandbox.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the loop of vmm.c calls, and what abort() needs to end loudly. */
#define ALLOWED                \
    ALLOW(SYS_timer_settime)   \
    ALLOW(SYS_ppoll)           \
    ALLOW(SYS_recvfrom)        \
    ALLOW(SYS_sendto)          \
    ALLOW(SYS_rt_sigreturn)    \
    ALLOW(SYS_restart_syscall) \
    ALLOW(SYS_clock_gettime)   \
    ALLOW(SYS_pread64)         \
    ALLOW(SYS_exit_group)      \
    ALLOW(SYS_write)           \
    ALLOW(SYS_rt_sigprocmask)  \
    ALLOW(SYS_getpid)          \
    ALLOW(SYS_gettid)

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define DO(action)  BPF_STMT(BPF_RET | BPF_K, action)
#define ALLOW(nr)   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), DO(SECCOMP_RET_ALLOW),

/* A call that is allowed with one argument only; `mask` bits of its low half are looked at. */
#define ALLOW_ARG(nr, n, mask, value)                                            \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 5), LOAD(args[n]),                \
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),                               \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1), DO(SECCOMP_RET_ALLOW), \
        DO(SECCOMP_RET_KILL_PROCESS),

/* The ioctls are KVM's: a terminal on our standard error takes typed input by one, too. Signals go to
 * this process only: the other VMs run under the same user. */
bool sandbox_enter(void)
{
    struct sock_filter filter[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        DO(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        ALLOW_ARG(SYS_ioctl, 1, 0xFF00u, KVMIO << 8)
            ALLOW_ARG(SYS_tgkill, 0, UINT32_MAX, (uint32_t)getpid())
                ALLOWED DO(SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {
        .len = sizeof(filter) / sizeof(filter[0]),
        .filter = filter,
    };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
