/* SPDX-License-Identifier: BSD-2-Clause
 * A seccomp filter: a guest that broke out of its VM and into this process would find no files to
 * open, no programs to start and no sockets to make. */
#include "kvm/sandbox.h"

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kvm/sandbox_filter.h"

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
    ALLOW(SYS_read)            \
    ALLOW(SYS_write)           \
    ALLOW(SYS_rt_sigprocmask)  \
    ALLOW(SYS_getpid)          \
    ALLOW(SYS_gettid)

bool sandbox_install(const struct sock_filter *filter, size_t count)
{
    union {
        const struct sock_filter *in;
        struct sock_filter *out; /* struct sock_fprog knows no const */
    } f = {.in = filter};
    const struct sock_fprog program = {.len = (unsigned short)count, .filter = f.out};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The ioctls are KVM's: a terminal on our standard error takes typed input by one, too. Signals go to
 * this process only: the other VMs run under the same user. */
bool sandbox_enter(void)
{
    struct sock_filter filter[] = {FILTER_BEGIN ALLOW_ARG(SYS_ioctl, 1, 0xFF00u, KVMIO << 8)
                                       ALLOW_ARG(SYS_tgkill, 0, UINT32_MAX, (uint32_t)getpid())
                                           ALLOWED FILTER_END};
    return sandbox_install(filter, sizeof(filter) / sizeof(filter[0]));
}
