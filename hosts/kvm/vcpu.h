/* SPDX-License-Identifier: BSD-2-Clause
 * A VM on /dev/kvm with one vCPU, without any in-kernel interrupt controller or timer: the calls, and
 * the translation between KVM's structs and the core's. */
#ifndef KVM_VCPU_H
#define KVM_VCPU_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/cpuid.h"
#include "kvm/report.h"
#include "vm/exit.h"
#include "vm/gmem.h"
#include "vm/regs.h"

struct kvm_machine {
    int kvm_fd;
    int vm_fd;
    int vcpu_fd;
    int stats_fd; /* -1: this kernel has none */
    struct kvm_run *run;
    size_t run_bytes;
    uint64_t tsc_offset; /* guest TSC = host TSC + this, modulo 2^64 */
    uint64_t tsc_last;   /* the guest's TSC as last told: it never runs backwards */
    uint32_t tsc_khz;
    struct kvm_cpuid2 *supported; /* what KVM can offer a guest: kvm_cpuid_read() */
};

#define KVM_MACHINE_CLOSED                                       \
    (struct kvm_machine)                                         \
    {                                                            \
        .kvm_fd = -1, .vm_fd = -1, .vcpu_fd = -1, .stats_fd = -1 \
    }

/* Creates the VM and its vCPU, maps guest RAM into it, and lets MSR accesses that belong to the core
 * come out. False: `why` says what is wrong and what to do. */
bool kvm_machine_open(struct kvm_machine *m, const struct gmem *mem, char *why, size_t why_size);

/* Closes what was opened. @pre the fds are -1 where they were not. */
void kvm_machine_close(struct kvm_machine *m);

/* The guest's TSC starts at 0 now. False: errno says why (Linux before 5.16 cannot). */
bool kvm_machine_start_tsc(struct kvm_machine *m);

/* Asks KVM what it can offer a guest. False: errno says why. */
bool kvm_cpuid_open(struct kvm_machine *m);
/* A leaf of that, for struct vm_wiring: zero if KVM has none. `host` is a struct kvm_machine. */
void kvm_cpuid_read(void *host, struct cpuid_leaf *leaf);

/* Makes of KVM's list what the guest gets: every leaf through the policy of `cpu`; leaves that KVM has of
 * itself as a hypervisor are dropped, those of the core added. False: the list is full. */
#define KVM_CPUID_ENTRIES 256u /* room for so many */
bool kvm_cpuid_apply(struct kvm_cpuid2 *list, const struct cpuid_cpu *cpu);
/* Gives the guest that. False: errno says why. */
bool kvm_machine_set_cpuid(struct kvm_machine *m, const struct cpuid_cpu *cpu);

/* Whether the guest has a local APIC that is on: KVM shows its bit in CPUID by a register of its own,
 * whatever the table says and whatever the guest has written to ours. False: errno says why. */
bool kvm_machine_show_lapic(struct kvm_machine *m, bool on);

/* Whether this kernel lets a write to IA32_TSC_DEADLINE out to us: tried in a VM and a process of
 * its own, between the asking and the answer. */
int kvm_tsc_deadline_ask(void);
bool kvm_tsc_deadline_exits(int question);

/* The guest's TSC now. Never less than last time, also where the host's went back: over a suspend to
 * memory, or between sockets. */
uint64_t kvm_guest_tsc(struct kvm_machine *m);

/* The core's register cache: fetch for struct regs_source (host = struct kvm_machine), and write-back.
 * A failure of these calls on a live vCPU is a broken host: they stop the process. */
void kvm_regs_fetch(void *host, uint32_t vcpu, uint32_t groups, struct vcpu_regs *regs);
void kvm_regs_store(struct kvm_machine *m, uint32_t groups, const struct vcpu_regs *regs);

/* For tests: from now on each exit brings general registers along, so that a look at them takes no system
 * call. False: this KVM cannot. */
bool kvm_regs_share(struct kvm_machine *m);
/* Whether the next exit brings the others, too: that makes any exit dearer, and only a look at them cheaper. */
void kvm_regs_share_sys(struct kvm_machine *m, bool on);
/* REGS_ALL but for xcr0 as of the last exit, by system calls where it did not bring them.
 * @pre kvm_regs_share(), and nothing was stored since the exit */
void kvm_regs_shared(const struct kvm_machine *m, struct vcpu_regs *regs);

/* Makes the plan's injection and windows so, and the task priority. Returns false if KVM refused. */
bool kvm_apply_plan(struct kvm_machine *m, const struct vm_plan *plan);

/* Enters the guest. 0: *x says why it came back; else errno, where EINTR is no error. */
int kvm_enter(struct kvm_machine *m, struct vm_exit *x);

/* Hands results of the core back to KVM (MMIO and MSR reads; port reads are already in place). */
void kvm_return_results(struct kvm_machine *m, const struct vm_exit *x);

/* After an error of KVM's emulator: ", instruction bytes 0f ae 03", from the one at RIP on; else an empty
 * text. @pre size is not 0 */
void kvm_failed_instruction(const struct kvm_machine *m, char *text, size_t size);

void kvm_read_stats(const struct kvm_machine *m, struct report_kvm *out);

#endif
