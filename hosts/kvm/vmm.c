/* SPDX-License-Identifier: BSD-2-Clause
 * The VM component: one process that runs one VM. Started by the supervisor with the frozen image,
 * a socket for the console and a shared page for its report; everything else it opens itself.
 *
 * One thread. Signals only set run->immediate_exit, which the loop clears before it looks around, so
 * a signal between the look and KVM_RUN makes KVM_RUN return at once. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/shared.h"
#include "board/vm.h"
#include "boot/boot.h"
#include "kvm/component.h"
#include "kvm/cpu_words.h"
#include "kvm/guest_files.h"
#include "kvm/host.h"
#include "kvm/ram.h"
#include "kvm/sandbox.h"
#include "kvm/shadow.h"
#include "kvm/shm.h"
#include "kvm/vconsole.h"
#include "kvm/vcpu.h"
#include "kvm/vmm_net.h"

#define REPORT_PERIOD_NS 100000000u /* the report is brought up to date ten times a second */
#define LEAST_RUN_NS     50000u

struct vmm {
    const struct system_image *image;
    const struct system_vm *system;
    struct vm_report *report;
    struct vm *vm;
    struct kvm_machine kvm;
    struct gmem mem;
    struct vconsole console;
    struct vmm_net net;
    int ram_fd;
    struct vm_clock clock;
    timer_t timer;
    uint64_t armed_tsc;  /* the deadline that the timer stands for */
    uint64_t entered_ns; /* host time of the first entry           */
    uint64_t report_due_tsc;
    bool shadowed; /* tests only: see shadow.h */
    struct shadow_memory shadow;
    char why[256];
};

/* The rest of the process cannot be reached from a signal handler but through these. */
static struct kvm_run *signal_run;
static volatile sig_atomic_t signal_stop;
static volatile sig_atomic_t signal_alarm;
static volatile sig_atomic_t signal_input = 1; /* typed before anybody could tell: look once */
static volatile sig_atomic_t signal_io = 1;

static void on_signal(int number)
{
    if (number == SIGTERM) {
        signal_stop = 1;
    } else if (number == SIGALRM) {
        signal_alarm = 1;
    } else if (number == VMM_NET_SIGNAL) {
        signal_io = 1;
    } else {
        signal_input = 1;
    }
    if (signal_run != NULL) {
        signal_run->immediate_exit = 1;
    }
}

static bool setup_signals(struct vmm *v)
{
    struct sigaction act = {.sa_handler = on_signal};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    const int wanted[] = {SIGALRM, SIGIO, VMM_NET_SIGNAL, SIGTERM};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (sigaction(wanted[i], &act, NULL) != 0) {
            return false;
        }
    }
    (void)signal(SIGCHLD, SIG_IGN); /* whom aside.c asks is nobody's to bury */
    (void)prctl(PR_SET_TIMERSLACK, 1ul);
    return timer_create(CLOCK_MONOTONIC, &ev, &v->timer) == 0;
}

static void console_byte(void *host, uint32_t serial, uint8_t byte)
{
    struct vmm *v = host;
    if (serial == 0) {
        vconsole_put(&v->console, byte, clock_ns_at(&v->clock, kvm_guest_tsc(&v->kvm)));
    }
}

static void kick(void *host, uint32_t nic)
{
    const struct vmm *v = host;
    vmm_net_kick(&v->net, nic);
}

static void cpuid(void *host, struct cpuid_leaf *leaf)
{
    struct vmm *v = host;
    kvm_cpuid_read(&v->kvm, leaf);
}

/* Says why set-up failed. */
__attribute__((format(printf, 2, 3))) static void because(struct vmm *v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(v->why, sizeof(v->why), format, args);
    va_end(args);
}

/* --- Set-up ------------------------------------------------------------------------------------ */

/* Which file, by the name that the person gave it, and what is wrong with it. */
static void because_boot(struct vmm *v, const struct boot_result *r)
{
    const char *path = guest_files_blamed(v->system, r);
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *text = boot_status_text(r->status);
    if (r->where != 0) {
        because(v, "%s: %s (at 0x%llx)", name, text, (unsigned long long)r->where);
    } else {
        because(v, "%s: %s", name, text);
    }
}

/* Puts the guest's files into its RAM; *regs is the state to start with. */
static bool load(struct vmm *v, struct vcpu_regs *regs)
{
    struct boot_result result;
    struct boot_input in = {.vm = v->system,
                            .mem = &v->mem,
                            .tsc_khz = v->kvm.tsc_khz,
                            .restarts = v->report->restarts};
    bool ok = guest_files_map(v->system, &in, v->why, sizeof(v->why));
    if (ok) {
        enum boot_status status = boot_load(&in, regs, &result);
        ok = status == BOOT_OK;
        if (!ok) {
            because_boot(v, &result);
        }
    }
    /* The files are in guest RAM now: their mappings are not the guest's to pay for. */
    guest_files_unmap(&in);
    return ok;
}

/* Wall-clock time at guest TSC 0. */
static uint64_t epoch_now(struct vmm *v)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec - clock_ns_at(&v->clock, kvm_guest_tsc(&v->kvm)) / VM_NS_PER_S;
}

/* The guest's time begins here, after everything that takes long. */
static bool power_on(struct vmm *v, const struct vcpu_regs *regs, int deadline_question)
{
    static _Alignas(8) uint8_t storage[VM_STORAGE_BYTES];
    bool tsc_deadline = kvm_tsc_deadline_exits(deadline_question);
    if (!kvm_cpuid_open(&v->kvm)) {
        because(v, "KVM does not tell what processor it can offer: %s", strerror(errno));
        return false;
    }
    if (!kvm_machine_start_tsc(&v->kvm)) {
        because(v, "KVM cannot set the guest's TSC: %s", strerror(errno));
        return false;
    }
    v->clock.tsc_khz = v->kvm.tsc_khz;
    v->report->tsc_khz = v->kvm.tsc_khz;
    struct vm_wiring w = {
        .system = v->system,
        .mem = v->mem,
        .regs = {.fetch = kvm_regs_fetch, .host = &v->kvm, .lacks = REGS_VEC | REGS_MMX},
        .tsc_khz = v->kvm.tsc_khz,
        .epoch_s = epoch_now(v),
        .tsc_deadline = tsc_deadline,
        .host = v,
        .console = console_byte,
        .kick = kick,
        .cpuid = cpuid,
        .host_switches = true,
    };
    memcpy(w.channel, v->net.channel, sizeof(w.channel));
    v->vm = vm_init(storage, sizeof(storage), &w, kvm_guest_tsc(&v->kvm));
    if (v->vm != NULL && vm_cpu_missing(v->vm) != NULL) {
        cpu_missing_text(vm_cpu(v->vm), vm_cpu_missing(v->vm), v->why, sizeof(v->why));
        return false;
    }
    if (v->vm == NULL || !kvm_machine_set_cpuid(&v->kvm, vm_cpu(v->vm))) {
        because(v, "KVM refuses the guest's CPUID: %s", strerror(errno));
        return false;
    }
    bool lapic = (v->system->devices & SYSTEM_DEV_LAPIC) != 0;
    if (!lapic && !kvm_machine_show_lapic(&v->kvm, false)) {
        because(v, "KVM cannot hide its local APIC: %s", strerror(errno));
        return false;
    }
    vm_set_regs(v->vm, 0, regs);
    return true;
}

static bool share_regs(struct vmm *v)
{
    if (v->shadowed && !kvm_regs_share(&v->kvm)) {
        because(v, "BULKHEAD_SHADOW=1: this KVM does not bring registers along with an exit "
                   "(KVM_CAP_SYNC_REGS); unset it");
        return false;
    }
    return true;
}

static bool build(struct vmm *v)
{
    struct vcpu_regs regs;
    int deadline_question = kvm_tsc_deadline_ask(); /* answered while the guest is loaded */
    char *backing = v->report->ram_backing;
    memset(&regs, 0, sizeof(regs));
    return ram_map(v->system, v->ram_fd, &v->mem, backing, sizeof(v->report->ram_backing), v->why,
                   sizeof(v->why)) &&
           kvm_machine_open(&v->kvm, &v->mem, v->why, sizeof(v->why)) && share_regs(v) &&
           load(v, &regs) && power_on(v, &regs, deadline_question);
}

/* --- Report ------------------------------------------------------------------------------------ */

static void report_core(const struct vmm *v, struct vm_report *r)
{
    const struct vm_counts *c = vm_counts(v->vm);
    const struct bus_counts *b = vm_bus_counts(v->vm);
    memcpy(r->exits, c->exits, sizeof(r->exits));
    r->interrupts = c->interrupts;
    r->nmis = c->nmis;
    r->refused_msr_reads = c->refused_msr_reads;
    r->refused_msr_writes = c->refused_msr_writes;
    r->last_refused_msr = c->last_refused_msr;
    r->unclaimed_pio_reads = b->unclaimed_reads[BUS_PIO];
    r->unclaimed_pio_writes = b->unclaimed_writes[BUS_PIO];
    r->unclaimed_mmio_reads = b->unclaimed_reads[BUS_MMIO];
    r->unclaimed_mmio_writes = b->unclaimed_writes[BUS_MMIO];
    r->narrow_writes = b->narrow_writes;
    r->last_unclaimed_port = b->last_unclaimed[BUS_PIO];
    r->last_unclaimed_gpa = b->last_unclaimed[BUS_MMIO];
    for (uint32_t i = 0; i < REPORT_TIMERS; i++) {
        vm_ticks(v->vm, (enum vm_timer)i, &r->ticks[i]);
    }
    for (uint32_t i = 0; i < v->system->nics; i++) {
        r->card[i] = *vm_nic_counts(v->vm, i);
    }
}

static void report_update(struct vmm *v)
{
    struct vm_report *r = v->report;
    uint64_t now = host_ns();
    report_core(v, r);
    r->up_ns = now - v->entered_ns;
    r->console_bytes = v->console.bytes;
    r->console_dropped = v->console.dropped;
    v->report_due_tsc = kvm_guest_tsc(&v->kvm) + clock_tsc_by(&v->clock, REPORT_PERIOD_NS);
}

/* --- The loop ---------------------------------------------------------------------------------- */

/* Host ns until the guest's TSC reaches `tsc`, rounded up; 0 if it has. */
static uint64_t ns_until(struct vmm *v, uint64_t tsc)
{
    uint64_t now = kvm_guest_tsc(&v->kvm);
    return tsc <= now ? 0 : clock_ns_by(&v->clock, tsc - now);
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){
        .tv_sec = (time_t)(ns / VM_NS_PER_S),
        .tv_nsec = (long)(ns % VM_NS_PER_S),
    };
}

/* The earlier of the core's deadline and the console's. */
static uint64_t next_deadline(const struct vmm *v, uint64_t tsc)
{
    uint64_t lag_ns = vconsole_deadline(&v->console);
    uint64_t lag_tsc = lag_ns == UINT64_MAX ? UINT64_MAX : clock_tsc_by(&v->clock, lag_ns);
    return tsc < lag_tsc ? tsc : lag_tsc;
}

/* Makes SIGALRM come at `tsc`, or soon if that is past: but the guest always gets to run a little, or
 * one that asks for a tick each nanosecond would never see any. */
static void arm(struct vmm *v, uint64_t tsc)
{
    if (signal_alarm != 0) {
        signal_alarm = 0;
        v->armed_tsc = UINT64_MAX; /* it went off: nothing is armed */
    }
    if (tsc == v->armed_tsc) {
        return;
    }
    uint64_t ns = tsc == UINT64_MAX ? 0 : ns_until(v, tsc);
    if (tsc != UINT64_MAX && ns < LEAST_RUN_NS) {
        ns = LEAST_RUN_NS;
    }
    struct itimerspec when = {.it_value = timespec_of(ns)};
    (void)timer_settime(v->timer, 0, &when, NULL);
    v->armed_tsc = tsc;
}

/* The guest sleeps: until the deadline, or until something is typed, or its io wants something. */
static void wait_until(struct vmm *v, uint64_t tsc)
{
    struct pollfd fd[2] = {
        {.fd = v->console.in_len == VCONSOLE_INPUT ? -1 : v->console.fd, .events = POLLIN},
        {.fd = v->net.notify_fd, .events = POLLIN}};
    vconsole_flush(&v->console);
    tsc = next_deadline(v, tsc);
    struct timespec ts = timespec_of(tsc == UINT64_MAX ? 0 : ns_until(v, tsc));
    sigset_t none;
    (void)sigemptyset(&none);
    if (ppoll(fd, 2, tsc == UINT64_MAX ? NULL : &ts, &none) > 0) {
        signal_input = fd[0].revents != 0 ? 1 : signal_input;
        signal_io = fd[1].revents != 0 ? 1 : signal_io;
    }
}

/* Looks at the socket only if SIGIO told of something: a system call each exit would be a fifth of
 * it. What did not fit is asked for again once there is room. */
static void take_input(struct vmm *v, uint64_t tsc)
{
    if (signal_input != 0 && v->console.in_len < VCONSOLE_INPUT) {
        signal_input = 0; /* first: what comes from here on tells again */
        if (!vconsole_fill(&v->console)) {
            signal_stop = 1; /* the supervisor is gone */
        }
        if (v->console.in_len == VCONSOLE_INPUT) {
            signal_input = 1;
        }
    }
    if (v->console.in_len > 0) {
        uint32_t taken = vm_console_input(v->vm, 0, v->console.in, v->console.in_len, tsc);
        vconsole_taken(&v->console, taken);
    }
}

static void look_over_shoulder(struct vmm *v, const struct vm_exit_mmio *access)
{
    struct vcpu_regs regs;
    kvm_regs_shared(&v->kvm, &regs);
    shadow_count(&v->report->shadow, &regs, &v->mem, access, &v->shadow);
}

/* Returns the guest's TSC as it came back. */
static uint64_t enter_once(struct vmm *v, const struct vm_plan *plan)
{
    const struct vcpu_regs *regs;
    uint32_t dirty = vm_take_dirty(v->vm, 0, &regs);
    struct vm_exit x;
    if (dirty != 0) {
        kvm_regs_store(&v->kvm, dirty, regs);
    }
    if (v->shadowed) { /* what comes after an interrupt is its EOI, most often */
        kvm_regs_share_sys(&v->kvm, plan->inject == VM_INJECT_IRQ);
    }
    bool planned = kvm_apply_plan(&v->kvm, plan);
    int err = planned ? 0 : errno;
    arm(v, next_deadline(v, plan->deadline_tsc));
    if (planned) {
        err = kvm_enter(&v->kvm, &x);
    }
    if (!planned || (err != 0 && err != EINTR && err != EAGAIN)) {
        x = (struct vm_exit){.kind = VM_EXIT_HOST_ERROR};
        x.u.error = (struct vm_exit_error){.code = {(uint64_t)err}, .message = strerror(err)};
    }
    if (x.kind == VM_EXIT_MMIO && v->shadowed) {
        look_over_shoulder(v, &x.u.mmio);
    }
    uint64_t tsc = kvm_guest_tsc(&v->kvm);
    vm_exit(v->vm, 0, tsc, &x);
    kvm_return_results(&v->kvm, &x);
    return tsc;
}

/* An exit and the entry after it happen at the same guest time: the clock is read once a turn. */
static void run(struct vmm *v)
{
    uint64_t tsc = kvm_guest_tsc(&v->kvm);
    for (;;) {
        struct vm_plan plan;
        v->kvm.run->immediate_exit = 0; /* a signal from here on sets it again */
        take_input(v, tsc);
        if (signal_io != 0) {
            signal_io = 0;
            vmm_net_drain(&v->net);
            vmm_net_cables(&v->net, v->vm, shared_load(&v->report->cables_out), tsc);
        }
        if (signal_stop != 0) {
            break;
        }
        if (v->console.out_len != 0) {
            vconsole_flush_if_due(&v->console, clock_ns_at(&v->clock, tsc));
        }
        vm_entry(v->vm, 0, tsc, &plan);
        vmm_net_doorbells(&v->net, v->vm, v->kvm.vm_fd);
        if (plan.go == VM_GO_STOP) {
            break;
        }
        if (plan.go == VM_GO_WAIT) {
            wait_until(v, plan.deadline_tsc);
            tsc = kvm_guest_tsc(&v->kvm);
        } else {
            tsc = enter_once(v, &plan);
        }
        if (tsc >= v->report_due_tsc) {
            report_update(v);
        }
    }
}

static void finish(struct vmm *v)
{
    struct vm_outcome o = vm_outcome(v->vm);
    vconsole_finish(&v->console);
    report_update(v);
    kvm_read_stats(&v->kvm, &v->report->kvm);
    v->report->end = o.end;
    v->report->end_code = o.code;
    if (o.message != NULL) {
        struct vcpu_regs regs;
        char bytes[80];
        kvm_regs_fetch(&v->kvm, 0, REGS_ALL, &regs);
        kvm_failed_instruction(&v->kvm, bytes, sizeof(bytes));
        (void)snprintf(v->report->end_text, sizeof(v->report->end_text),
                       "%s (0x%llx 0x%llx 0x%llx) at rip 0x%llx, cr0 0x%llx, efer 0x%llx%s",
                       o.message, (unsigned long long)o.detail[0], (unsigned long long)o.detail[1],
                       (unsigned long long)o.detail[2], (unsigned long long)regs.rip,
                       (unsigned long long)regs.cr0, (unsigned long long)regs.efer, bytes);
    }
    v->report->state = REPORT_ENDED;
}

/* Set-up failed: there is nothing to restart. The state stays REPORT_LOADING. */
static int refuse(struct vmm *v)
{
    v->report->end = VM_END_HOST_ERROR;
    (void)snprintf(v->report->end_text, sizeof(v->report->end_text), "%s", v->why);
    return 1;
}

static bool attach(struct vmm *v, const struct component *c)
{
    v->image = c->image;
    v->system = &c->image->vm[c->index];
    v->console.fd = c->fd[0];
    v->report = shm_map(c->fd[1], sizeof(*v->report));
    v->ram_fd = c->fd[2];
    v->armed_tsc = UINT64_MAX;
    v->shadowed = shadow_wanted();
    if (v->report == NULL) {
        return false;
    }
    v->report->pid = (uint32_t)getpid();
    return vmm_net_attach(&v->net, c, 3);
}

/* SIGIO tells that something was typed, also while the guest runs. */
static bool watch_input(const struct vmm *v)
{
    int flags = fcntl(v->console.fd, F_GETFL);
    return flags >= 0 && fcntl(v->console.fd, F_SETOWN, getpid()) == 0 &&
           fcntl(v->console.fd, F_SETFL, flags | O_NONBLOCK | O_ASYNC) == 0;
}

/* Descriptors: console, report, then those of wires_vmm_fds(). */
int vmm_main(const struct component *c)
{
    static struct vmm v;
    uint64_t start = host_ns();
    if (!attach(&v, c)) {
        return 2;
    }
    v.report->state = REPORT_LOADING;
    if (!setup_signals(&v) || !watch_input(&v) || !vmm_net_watch(&v.net)) {
        because(&v, "cannot set up signals: %s", strerror(errno));
        return refuse(&v);
    }
    if (!build(&v)) {
        return refuse(&v);
    }
    if (!sandbox_enter()) {
        because(&v, "cannot enter its sandbox: %s; a kernel with CONFIG_SECCOMP_FILTER is needed",
                strerror(errno));
        return refuse(&v);
    }
    signal_run = v.kvm.run;
    v.entered_ns = host_ns();
    v.report->load_ns = v.entered_ns - start;
    v.report->state = REPORT_RUNNING;
    run(&v);
    finish(&v);
    return 0;
}
