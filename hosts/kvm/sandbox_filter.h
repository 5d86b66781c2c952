/* SPDX-License-Identifier: BSD-2-Clause
 * The pieces of a seccomp filter: first FILTER_BEGIN, then what is allowed, then FILTER_END. */
#ifndef KVM_SANDBOX_FILTER_H
#define KVM_SANDBOX_FILTER_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define DO(action)  BPF_STMT(BPF_RET | BPF_K, action)
#define ALLOW(nr)   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), DO(SECCOMP_RET_ALLOW),

/* A call that is allowed with one argument only; `mask` bits of its low half are looked at. */
#define ALLOW_ARG(nr, n, mask, value)                                            \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 5), LOAD(args[n]),                \
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),                               \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1), DO(SECCOMP_RET_ALLOW), \
        DO(SECCOMP_RET_KILL_PROCESS),

#define FILTER_BEGIN                                                          \
    LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), \
        DO(SECCOMP_RET_KILL_PROCESS), LOAD(nr),

#define FILTER_END DO(SECCOMP_RET_KILL_PROCESS),

/* False: this kernel has no seccomp filters. */
bool sandbox_install(const struct sock_filter *filter, size_t count);

#endif
